//! FAST in the TGS exchange (RFC 6113 5.4.2).

use crypto::etype::{Etype, Key};
use kdc::Refused;
use ticket::client::Credential;
use wire::asn1::Der;
use wire::kerberos::{
    ANONYMOUS_REALM, AuthorizationData, AuthorizationDataElement, AuthorizationDataType,
    EncKdcRepPart, FastOptions, KdcOptions, KeyUsage, KrbFastResponse, MethodData, PaData,
    PaDataType, PrincipalName, TgsRep,
};

use crate::armor::{Shown, Wrapped, armor_of, refusal, response};
use crate::forge::Granted;
use crate::table::Cases;
use crate::world::{PASSWORD, World};

/// A request for a ticket, armored by the ticket that it rests on.
struct Asked {
    request: Granted,
    inside: Wrapped,
    /// What the checksum is over, where it is not the AP-REQ.
    covered: Option<Vec<u8>>,
}

impl Asked {
    fn new(tgt: &Credential, world: &mut World) -> Self {
        let host = PrincipalName::service("host", "laptop-1.corp.example");
        let request = Granted::new(tgt, host, world.now, &mut world.rng);
        let subkey = request.subkey.as_ref().unwrap();
        let key = subkey.combine(&request.key, b"subkeyarmor", b"ticketarmor");
        let inside = Wrapped::new(request.body.clone(), key, &mut world.rng);
        Self {
            request,
            inside,
            covered: None,
        }
    }

    fn encode(&mut self) -> Vec<u8> {
        let shown = self.request.shown();
        let covered = self.covered.as_ref().unwrap_or(&shown);
        let padata = self.inside.padata(covered);
        let others = std::mem::take(&mut self.request.others);
        self.request.others = [others.clone(), vec![padata]].concat();
        let message = self.request.encode();
        self.request.others = others;
        message
    }

    fn open(&self, reply: &[u8]) -> (TgsRep, KrbFastResponse, EncKdcRepPart) {
        let reply = TgsRep::decode(reply).unwrap();
        let response = response(&self.inside.key, &reply.padata);
        let strengthen = response.strengthen_key.clone().unwrap();
        let etype = Etype::from_number(strengthen.keytype.0).unwrap();
        let strengthen = Key::new(etype, &strengthen.keyvalue).unwrap();
        let subkey = self.request.subkey.as_ref().unwrap();
        let usage = KeyUsage::TGS_REP_ENC_PART_SUBKEY;
        let cipher = &reply.enc_part.cipher;
        assert!(subkey.decrypt(usage, cipher).is_err(), "not strengthened");
        let key = strengthen.combine(subkey, b"strengthenkey", b"replykey");
        let part = key.decrypt(usage, cipher).unwrap();
        let part = EncKdcRepPart::decode_tgs_rep(&part).unwrap();
        (reply, response, part)
    }
}

fn tgt(world: &mut World) -> Credential {
    world.password("alice", PASSWORD).unwrap()
}

#[test]
fn a_ticket_is_given_under_the_armor_of_the_one_that_it_rests_on() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut asked = Asked::new(&tgt, &mut world);
    let reply = world.given(&asked.encode()).unwrap();
    let (reply, response, part) = asked.open(&reply);
    assert_eq!(part.nonce, asked.inside.body.nonce);
    assert_eq!(response.nonce, asked.inside.body.nonce);
    let finished = response.finished.unwrap();
    assert_eq!(finished.cname.to_string(), "alice");
    let armor = &asked.inside.key;
    let (ticket, checksum) = (reply.ticket.encode(), finished.ticket_checksum.checksum);
    let usage = KeyUsage::FAST_FINISHED;
    assert!(armor.verify_checksum(usage, &ticket, &checksum).is_ok());
    let armor = world.exchange.as_ref().unwrap().armor.clone();
    assert_eq!(armor.as_deref(), Some("alice"));
}

#[test]
fn what_stands_inside_is_asked_for_and_the_name_is_hidden_for_whom_asks_for_it() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut asked = Asked::new(&tgt, &mut world);
    asked.inside.body.sname = Some(PrincipalName::krbtgt("CORP.EXAMPLE"));
    asked.inside.options = FastOptions::HIDE_CLIENT_NAMES;
    let reply = world.given(&asked.encode()).unwrap();
    let (reply, response, part) = asked.open(&reply);
    assert_eq!(part.sname.to_string(), "krbtgt/CORP.EXAMPLE");
    assert!(reply.cname.is_anonymous());
    assert_eq!(&*reply.crealm, ANONYMOUS_REALM);
    assert_eq!(response.finished.unwrap().cname.to_string(), "alice");
}

type Case = (&'static str, i32, fn(&mut Asked, &mut World));

fn judge(inside: bool, cases: &[Case]) -> Cases {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut judged = Cases::new();
    let unchanged: [Case; 1] = [("an unchanged request", 0, |_, _| {})];
    for (name, code, make) in unchanged.iter().chain(cases).chain(&unchanged) {
        let mut asked = Asked::new(&tgt, &mut world);
        make(&mut asked, &mut world);
        let message = asked.encode();
        let came = match (code, inside) {
            (0, _) => world.given(&message).map(|_| ()),
            (code, false) => world.refusal(&message, *code).map(|_| ()),
            (code, true) => {
                let answer = world.send(&message, kdc::Transport::Stream).unwrap();
                let (error, _) = refusal(&asked.inside.key, &answer);
                match error.error_code.0 == *code {
                    true => Ok(()),
                    false => Err(format!("{:?}: {:?}", error.error_code, world.refused)),
                }
            }
        };
        judged.came(name, *code, came);
    }
    judged.beside(2)
}

#[test]
fn without_an_armor_key_a_refusal_is_told_outside() {
    judge(
        false,
        &[
            ("another armor key", 31, |asked, world| {
                asked.inside.key = Key::random_to_key(Etype::ALL[0], &world.bytes());
            }),
            ("no subkey", 12, |asked, _| asked.request.subkey = None),
            ("armor of its own", 24, |asked, world| {
                let machine = world.machine();
                let shown = Shown::new(&machine, world.now, &mut world.rng);
                asked.inside.armor = Some(armor_of(&shown));
            }),
            ("no ticket", 67, |asked, _| asked.request.show = false),
            ("nothing inside", 60, |asked, _| {
                asked.inside.inside = Some(Vec::new());
            }),
            ("what is no request inside", 60, |asked, _| {
                asked.inside.inside = Some(vec![0x30, 0]);
            }),
            (
                "a body that the authenticator does not cover",
                41,
                |asked, _| {
                    asked.request.checksum = false;
                    let body = Der::new(asked.inside.body.clone());
                    let usage = KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM;
                    let key = &asked.request.key;
                    asked.request.authenticator.cksum = Some(wire::kerberos::Checksum {
                        cksumtype: wire::kerberos::ChecksumType(key.etype().checksum_type()),
                        checksum: key.checksum(usage, body.as_bytes()).to_vec(),
                    });
                    asked.request.body.nonce = 1.into();
                },
            ),
        ],
    )
    .are(7);
}

#[test]
fn with_an_armor_key_a_refusal_is_told_inside() {
    judge(
        true,
        &[
            ("a checksum over something else", 41, |asked, _| {
                asked.covered = Some(b"another AP-REQ".to_vec());
            }),
            ("a critical option that nobody knows", 93, |asked, _| {
                asked.inside.options = FastOptions(1 << 20);
            }),
            // The class of CVE-2021-37750: FAST, and no name of a service inside, or anywhere.
            ("no service inside", 7, |asked, _| {
                asked.inside.body.sname = None;
            }),
            ("no service anywhere", 7, |asked, _| {
                asked.inside.body.sname = None;
                asked.request.body.sname = None;
            }),
            (
                "no service, and a ticket in its place that is not there",
                13,
                |asked, _| {
                    asked.inside.body.sname = None;
                    asked.inside.body.kdc_options = KdcOptions::ENC_TKT_IN_SKEY;
                },
            ),
            ("an unknown service", 7, |asked, _| {
                asked.inside.body.sname = Some(PrincipalName::service("host", "nowhere"));
            }),
            ("no etype", 14, |asked, _| {
                asked.inside.body.etype = Vec::new().into();
            }),
            ("another realm", 68, |asked, _| {
                asked.inside.body.realm = "OTHER.EXAMPLE".into();
            }),
            ("padata that nobody knows", 0, |asked, _| {
                asked.inside.padata = vec![PaData::new(PaDataType(-1), vec![0; 9])];
            }),
            ("armor in armor", 0, |asked, _| {
                let nested = asked.inside.padata(b"");
                asked.inside.padata.push(nested);
            }),
        ],
    )
    .are(10);
}

fn data(ad_type: AuthorizationDataType) -> AuthorizationData {
    AuthorizationData::from([AuthorizationDataElement {
        ad_type,
        ad_data: Vec::new(),
    }])
}

fn wrapped(data: &AuthorizationData) -> AuthorizationData {
    AuthorizationData::from([AuthorizationDataElement::if_relevant(data)])
}

#[test]
fn armor_that_somebody_took_off_is_missed() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let used = data(AuthorizationDataType::AD_FX_FAST_USED);
    for used in [used.clone(), wrapped(&used)] {
        let mut asked = Asked::new(&tgt, &mut world);
        asked.request.authenticator.authorization_data = Some(used);
        let bare = asked.request.encode();
        world.refusal(&bare, 41).unwrap();
        assert_eq!(world.refused, Some(Refused::ArmorTakenOff));
        let mut asked_again = Asked::new(&tgt, &mut world);
        asked_again.request.authenticator.authorization_data =
            asked.request.authenticator.authorization_data.clone();
        let armored = asked_again.encode();
        world.given(&armored).unwrap();
    }
}

#[test]
fn an_authenticator_that_is_for_armor_gets_no_ticket() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let alone = data(AuthorizationDataType::AD_FX_FAST_ARMOR);
    for alone in [alone.clone(), wrapped(&alone)] {
        let mut asked = Asked::new(&tgt, &mut world);
        asked.request.authenticator.authorization_data = Some(alone);
        world.refusal(&asked.encode(), 12).unwrap();
        assert_eq!(world.refused, Some(Refused::ArmorAlone));
        // It is armor.
        let mut request = crate::armor::Armored::new("alice", &tgt, &mut world);
        let authenticator = &asked.request.authenticator;
        request.shown.authenticator.authorization_data = authenticator.authorization_data.clone();
        request.again();
        world.armored_refusal(&request, 25).unwrap();
    }
}

#[test]
fn a_ticket_got_under_armor_is_renewed_with_armor_and_without() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let renew = |asked: &mut Asked| {
        let krbtgt = PrincipalName::krbtgt("CORP.EXAMPLE");
        for body in [&mut asked.request.body, &mut asked.inside.body] {
            body.sname = Some(krbtgt.clone());
            body.kdc_options = KdcOptions::RENEW;
        }
    };
    let mut asked = Asked::new(&tgt, &mut world);
    renew(&mut asked);
    let reply = world.given(&asked.encode()).unwrap();
    let (.., part) = asked.open(&reply);
    assert!(part.renew_till.is_some());
    let mut asked = Asked::new(&tgt, &mut world);
    renew(&mut asked);
    let bare = asked.request.encode();
    world.given(&bare).unwrap();
    assert_eq!(world.exchange.as_ref().unwrap().armor, None);
}

#[test]
fn padata_outside_of_an_answer_is_the_armor_and_nothing_else() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut asked = Asked::new(&tgt, &mut world);
    let reply = world.given(&asked.encode()).unwrap();
    let reply = TgsRep::decode(&reply).unwrap();
    let kinds: Vec<_> = reply.padata.iter().map(|data| data.padata_type).collect();
    assert_eq!(kinds, [PaDataType::FX_FAST]);
    let asked = Asked::new(&tgt, &mut world);
    let bare = TgsRep::decode(&world.given(&asked.request.encode()).unwrap());
    assert_eq!(bare.unwrap().padata, MethodData::new());
}
