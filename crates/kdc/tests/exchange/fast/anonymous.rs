//! Anonymous tickets (RFC 8062): whom they are given to, and what they are not good for.

use crypto::etype::{Etype, Key};
use crypto::key::KeyKind;
use kdc::Refused;
use ticket::client::Credential;
use trust::Span;
use wire::kerberos::{
    ANONYMOUS_REALM, AsRep, EncKdcRepPart, EncryptedData, EncryptionKey, KdcOptions, KeyUsage,
    MethodData, PaData, PaDataType, PrincipalName, TicketFlags,
};

use crate::armor::Armored;
use crate::forge::{Granted, Password, Pkinit, SignerName, kerberos_time};
use crate::table::Cases;
use crate::world::{PASSWORD, Pair, World, pair};

fn world() -> World {
    let mut world = World::new();
    world.realm.anonymous = true;
    world
}

/// A request of nobody's, as MIT's `kinit -n` makes it.
fn nobody<'p>(world: &mut World, pair: &'p Pair) -> Pkinit<'p> {
    let mut request = Pkinit::new("nobody", pair, world.now, &mut world.rng);
    request.body.cname = Some(PrincipalName::anonymous());
    request.body.kdc_options = KdcOptions::REQUEST_ANONYMOUS;
    request.cms.signers = 0;
    request.cms.certificates.clear();
    request
}

/// What an anonymous client reads in the answer, and the ticket.
fn open(request: &Pkinit<'_>, message: &[u8], reply: &[u8]) -> (Credential, EncKdcRepPart) {
    let reply = AsRep::decode(reply).unwrap();
    assert!(reply.cname.is_anonymous());
    assert_eq!(&*reply.crealm, ANONYMOUS_REALM);
    let key = request.agreed_key(message, &reply, &reply.padata);
    let cipher = &reply.enc_part.cipher;
    let part = key.decrypt(KeyUsage::AS_REP_ENC_PART, cipher).unwrap();
    let part = EncKdcRepPart::decode_as_rep(&part).unwrap();
    // The session key is of both sides (RFC 8062 4.3).
    let theirs = PaData::find(&reply.padata, PaDataType::PKINIT_KX).unwrap();
    let theirs = EncryptedData::decode(theirs).unwrap();
    let usage = KeyUsage::PA_PKINIT_KX;
    let theirs = key.decrypt(usage, &theirs.cipher).unwrap();
    let theirs = EncryptionKey::decode(&theirs).unwrap();
    let etype = Etype::from_number(theirs.keytype.0).unwrap();
    let theirs = Key::new(etype, &theirs.keyvalue).unwrap();
    let session = theirs.combine(&key, b"PKINIT", b"KEYEXCHANGE");
    assert_eq!(session.bytes(), part.key.keyvalue);
    let credential = Credential {
        client_realm: reply.crealm.clone(),
        client: reply.cname.clone(),
        realm: part.srealm.clone(),
        service: part.sname.clone(),
        key: session,
        ticket: reply.ticket,
        flags: part.flags,
        authenticated: part.authtime,
        start: part.authtime,
        end: part.endtime,
        renew_till: part.renew_till,
    };
    (credential, part)
}

fn ticket(world: &mut World) -> Credential {
    let pair = pair(KeyKind::P256);
    let request = nobody(world, &pair);
    let message = request.encode();
    let reply = world.given(&message).unwrap();
    open(&request, &message, &reply).0
}

/// A request of alice's under this armor.
fn armored(world: &mut World, armor: &Credential) -> Armored {
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let mut request = Armored::new("alice", armor, world);
    request.challenge(&key, world.now, &mut world.rng);
    request
}

#[test]
fn nobody_gets_a_short_ticket_that_says_nothing() {
    let mut world = world();
    let pair = pair(KeyKind::P256);
    let request = nobody(&mut world, &pair);
    let message = request.encode();
    let reply = world.given(&message).unwrap();
    let (_, part) = open(&request, &message, &reply);
    assert!(
        part.flags
            .contains(TicketFlags::ANONYMOUS | TicketFlags::INITIAL)
    );
    let denied = TicketFlags::FORWARDABLE | TicketFlags::PROXIABLE | TicketFlags::RENEWABLE;
    assert!(!part.flags.intersects(denied));
    assert_eq!(part.endtime, kerberos_time(world.now + Span::hours(1)));
    assert_eq!(part.renew_till, None);
    let krbtgt = world.krbtgt();
    let sealed = AsRep::decode(&reply).unwrap().ticket;
    let (inside, _) = ticket::open(&sealed, &krbtgt.keys).unwrap();
    let data = inside.authorization_data.unwrap();
    assert_eq!(data.len(), 1, "AD-fx-fast-armor, and no PAC");
    let exchange = world.exchange.as_ref().unwrap();
    assert_eq!(exchange.client.as_deref(), Some("WELLKNOWN/ANONYMOUS"));
    assert!(exchange.means.is_none());
}

#[test]
fn an_anonymous_ticket_is_armor() {
    let mut world = world();
    let armor = ticket(&mut world);
    let request = armored(&mut world, &armor);
    world.given(&request.encode()).unwrap();
    let exchange = world.exchange.as_ref().unwrap();
    assert_eq!(exchange.armor.as_deref(), Some("WELLKNOWN/ANONYMOUS"));
    // Until it is switched off, or over.
    world.realm.anonymous = false;
    let request = armored(&mut world, &armor);
    world.refusal(&request.encode(), 12).unwrap();
    world.realm.anonymous = true;
    world.advance(Span::hours(1));
    let request = armored(&mut world, &armor);
    world.refusal(&request.encode(), 32).unwrap();
}

#[test]
fn an_anonymous_ticket_gets_no_other() {
    let mut world = world();
    let nobody = ticket(&mut world);
    let alice = world.password("alice", PASSWORD).unwrap();
    for service in [
        PrincipalName::service("host", "laptop-1.corp.example"),
        PrincipalName::krbtgt("CORP.EXAMPLE"),
    ] {
        let mut asked = |tgt: &Credential| {
            let (now, rng) = (world.now, &mut world.rng);
            let message = Granted::new(tgt, service.clone(), now, rng).encode();
            match world.given(&message) {
                Ok(_) => None,
                Err(_) => world.refused.clone(),
            }
        };
        assert_eq!(asked(&alice), None);
        assert_eq!(asked(&nobody), Some(Refused::ArmorAlone));
    }
}

#[test]
fn without_proof_nobody_is_told_to_agree_on_a_key() {
    let mut world = world();
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let mut request = Password::new("nobody", key, world.now, &mut world.rng);
    request.body.cname = Some(PrincipalName::anonymous());
    request.body.kdc_options = KdcOptions::REQUEST_ANONYMOUS;
    for prove in [false, true] {
        request.prove = prove;
        let error = world.refusal(&request.encode(), 25).unwrap();
        let methods = MethodData::decode(&error.e_data.unwrap()).unwrap();
        let kinds: Vec<_> = methods.iter().map(|method| method.padata_type).collect();
        let expected = [
            PaDataType::ETYPE_INFO2,
            PaDataType::PK_AS_REQ,
            PaDataType::PKINIT_KX,
        ];
        assert_eq!(kinds, expected);
    }
}

type Case = (&'static str, i32, fn(&mut Pkinit<'_>, &mut World));

#[test]
fn what_an_anonymous_request_must_be() {
    let cases: &[Case] = &[
        ("an unchanged request", 0, |_, _| {}),
        ("switched off", 13, |_, world| world.realm.anonymous = false),
        ("switched on again", 0, |_, world| {
            world.realm.anonymous = true
        }),
        ("a name", 13, |request, _| {
            request.body.cname = Some(PrincipalName::principal("alice"));
        }),
        ("no name", 13, |request, _| request.body.cname = None),
        ("the name without the option", 6, |request, _| {
            request.body.kdc_options = KdcOptions::NONE;
        }),
        ("another realm", 68, |request, _| {
            request.body.realm = "OTHER.EXAMPLE".into();
        }),
        ("no service", 7, |request, _| request.body.sname = None),
        ("a service", 12, |request, _| {
            let host = PrincipalName::service("host", "laptop-1.corp.example");
            request.body.sname = Some(host);
        }),
        ("the service that changes passwords", 12, |request, _| {
            let kind = wire::kerberos::NameType::NT_SRV_INST;
            request.body.sname = Some(PrincipalName::new(kind, ["kadmin", "changepw"]));
        }),
        ("no etype", 14, |request, _| {
            request.body.etype = Vec::new().into();
        }),
        ("renewal", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::RENEW;
        }),
        ("a wish to be renewable", 0, |request, _| {
            request.body.kdc_options |= KdcOptions::RENEWABLE;
        }),
        ("a signature", 60, |request, _| request.cms.signers = 1),
        ("a certificate", 60, |request, _| {
            request.cms.certificates = vec![request.pair.certificate.clone()];
        }),
        ("a signer that is named by a key", 60, |request, _| {
            request.cms.signers = 1;
            request.cms.name = SignerName::KeyIdentifier(vec![1; 20]);
        }),
        ("no content", 60, |request, _| {
            request.cms.with_content = false
        }),
        ("content of another type", 60, |request, _| {
            request.cms.content_type = wire::pkinit::oid::DH_KEY_DATA;
        }),
        ("no AuthPack", 60, |request, _| {
            request.content = |_| vec![0x30, 0];
        }),
        ("no Diffie-Hellman value", 81, |request, _| {
            request.pack.client_public_value = None;
        }),
        ("no checksum", 79, |request, _| request.checksum = false),
        ("a wrong checksum", 41, |request, _| {
            request.checksum = false;
            request.pack.pk_authenticator.pa_checksum = Some(vec![0; 20]);
        }),
        ("an old AuthPack", 37, |request, world| {
            let then = world.now - Span::minutes(6);
            request.pack.pk_authenticator.ctime = kerberos_time(then);
        }),
        ("no KDF in common", 100, |request, _| {
            request.with_kdfs(&[wire::pkinit::oid::DH_KEY_DATA]);
        }),
        ("an unchanged request at the end", 0, |_, _| {}),
    ];
    let mut world = world();
    let pair = pair(KeyKind::P256);
    let mut judged = Cases::new();
    for (name, code, make) in cases {
        let mut request = nobody(&mut world, &pair);
        make(&mut request, &mut world);
        let message = request.encode();
        judged.judge(&mut world, name, &message, *code);
    }
    judged.are(25);
}

#[test]
fn who_is_unsigned_is_nobody_and_who_has_a_name_signs() {
    let mut world = world();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let mut request = Pkinit::new("alice", &pair, world.now, &mut world.rng);
    let good = request.encode();
    request.cms.signers = 0;
    world.refusal(&request.encode(), 60).unwrap();
    world.given(&good).unwrap();
}

#[test]
fn nobody_is_anonymous_in_armor_or_by_a_ticket() {
    let mut world = world();
    let machine = world.machine();
    let pair = pair(KeyKind::P256);
    let plain = nobody(&mut world, &pair);
    let encoded = wire::kerberos::AsReq::decode(&plain.encode()).unwrap();
    let mut request = Armored::new("alice", &machine, &mut world);
    request.inside.body = plain.body.clone();
    request.inside.padata = encoded.padata.to_vec();
    world.armored_refusal(&request, 13).unwrap();
    let host = PrincipalName::service("host", "laptop-1.corp.example");
    let mut asked = Granted::new(&machine, host, world.now, &mut world.rng);
    asked.body.kdc_options = KdcOptions::REQUEST_ANONYMOUS;
    world.refusal(&asked.encode(), 13).unwrap();
}
