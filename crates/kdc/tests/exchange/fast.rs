//! FAST in the AS exchange (RFC 6113 5.4): what armor gives, and what it must not.

mod anonymous;
mod armoring;
mod client;
mod granting;

use crypto::etype::{Etype, Key};
use crypto::key::KeyKind;
use directory::{AccountControl, change};
use kdc::{Refused, Transport};
use trust::Span;
use wire::kerberos::{
    ANONYMOUS_REALM, ApOptions, ApReq, Checksum, ChecksumType, EncryptedData, ErrorCode,
    EtypeInfo2, FastArmorType, FastOptions, KdcOptions, KeyUsage, KrbError, MethodData, PaData,
    PaDataType, PaEncTsEnc, PrincipalName, SupportedEncryptionTypes, TicketFlags,
};

use crate::armor::{Armored, Reply, armor_of, refusal, sealed};
use crate::forge::{Password, Pkinit, kerberos_time, micros};
use crate::table::Cases;
use crate::world::{PASSWORD, World, pair};

const AES256: Etype = Etype::Aes256CtsHmacSha1_96;

fn alice(world: &World) -> Key {
    world.key_of(world.alice, AES256)
}

/// A request of alice's that proves nothing yet.
fn bare(world: &mut World) -> Armored {
    let machine = world.machine();
    Armored::new("alice", &machine, world)
}

/// A request of alice's that proves her password.
fn proven(world: &mut World) -> Armored {
    let mut request = bare(world);
    let key = alice(world);
    request.challenge(&key, world.now, &mut world.rng);
    request
}

fn given(world: &mut World, request: &Armored) -> Reply {
    let reply = world.given(&request.encode()).unwrap();
    request.open(&reply, &alice(world))
}

#[test]
fn a_password_is_proven_under_the_armor_of_the_machine() {
    let mut world = World::new();
    let mut request = bare(&mut world);
    let hints = world.armored_refusal(&request, 25).unwrap();
    let offered = |kind| PaData::find(&hints.padata, kind).is_some();
    assert!(offered(PaDataType::ENCRYPTED_CHALLENGE) && offered(PaDataType::ETYPE_INFO2));
    assert!(offered(PaDataType::FX_COOKIE) && offered(PaDataType::PK_AS_REQ));
    assert!(!offered(PaDataType::ENC_TIMESTAMP));
    let key = alice(&world);
    request.challenge(&key, world.now, &mut world.rng);
    let reply = given(&mut world, &request);
    assert_eq!(reply.reply.cname.to_string(), "alice");
    assert!(!reply.unstrengthened);
    let flags = TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT;
    assert!(reply.part.flags.contains(flags));
    let armor = world.exchange.as_ref().unwrap().armor.clone();
    assert_eq!(armor.as_deref(), Some("LAPTOP-1$"));
    // The KDC proves that it knows the password's key, too.
    let theirs = PaData::find(&reply.response.padata, PaDataType::ENCRYPTED_CHALLENGE).unwrap();
    let theirs = EncryptedData::decode(theirs).unwrap();
    let armor = &request.inside.key;
    let challenge = armor.combine(&key, b"kdcchallengearmor", b"challengelongterm");
    let usage = KeyUsage::ENC_CHALLENGE_KDC;
    let stamp = challenge.decrypt(usage, &theirs.cipher).unwrap();
    let stamp = PaEncTsEnc::decode(&stamp).unwrap();
    assert_eq!(stamp.patimestamp.unix(), world.now.unix());
}

#[test]
fn what_finishes_the_exchange_is_of_this_ticket_and_this_client() {
    let mut world = World::new();
    let request = proven(&mut world);
    let reply = given(&mut world, &request);
    let finished = reply.response.finished.unwrap();
    let armor = &request.inside.key;
    assert_eq!(
        finished.ticket_checksum.cksumtype,
        ChecksumType(armor.etype().checksum_type())
    );
    let ticket = reply.reply.ticket.encode();
    let checksum = &finished.ticket_checksum.checksum;
    let usage = KeyUsage::FAST_FINISHED;
    assert!(armor.verify_checksum(usage, &ticket, checksum).is_ok());
    assert_eq!(finished.cname.to_string(), "alice");
    assert_eq!(finished.crealm, world.realm.name);
    assert_eq!(finished.timestamp.unix(), world.now.unix());
    // The checksum over the request is one of the strengthened key, over what was sent.
    let mut request = proven(&mut world);
    let asks = PaData::empty(PaDataType::REQ_ENC_PA_REP);
    request.inside.padata.push(asks);
    let message = request.encode();
    let reply = world.given(&message).unwrap();
    let reply = request.open(&reply, &alice(&world));
    let told = reply.part.encrypted_pa_data.unwrap();
    let checksum = PaData::find(&told, PaDataType::REQ_ENC_PA_REP).unwrap();
    let checksum = Checksum::decode(checksum).unwrap().checksum;
    let usage = KeyUsage::AS_REQ_CHECKSUM;
    assert!(
        reply
            .key
            .verify_checksum(usage, &message, &checksum)
            .is_ok()
    );
}

#[test]
fn without_armor_too_a_client_learns_where_nobody_can_take_it_out_that_there_is_fast() {
    let mut world = World::new();
    let key = alice(&world);
    let mut request = Password::new("alice", key, world.now, &mut world.rng);
    request.prove = false;
    let error = world.refusal(&request.encode(), 25).unwrap();
    let hints = MethodData::decode(&error.e_data.unwrap()).unwrap();
    let offered = PaData::find(&hints, PaDataType::FX_FAST);
    assert_eq!(offered, Some(&[][..]));
    request.prove = true;
    request.others = vec![PaData::empty(PaDataType::REQ_ENC_PA_REP)];
    let reply = world.given(&request.encode()).unwrap();
    let told = request.open(&reply).encrypted_pa_data.unwrap();
    assert_eq!(PaData::find(&told, PaDataType::FX_FAST), Some(&[][..]));
    // The same as MS-KILE 2.2.8 says it, with the etypes of the realm.
    let supported = |told: &MethodData| {
        let said = PaData::find(told, PaDataType::SUPPORTED_ETYPES).unwrap();
        SupportedEncryptionTypes::decode(said).unwrap()
    };
    let of_realm = SupportedEncryptionTypes(1 << 31)
        .with(SupportedEncryptionTypes::AES128_CTS_HMAC_SHA1_96)
        .with(SupportedEncryptionTypes::AES256_CTS_HMAC_SHA1_96);
    let fast = SupportedEncryptionTypes::FAST_SUPPORTED;
    assert_eq!(supported(&told), of_realm.with(fast));
    request.body.sname = Some(PrincipalName::service("host", "laptop-1.corp.example"));
    let reply = world.given(&request.encode()).unwrap();
    let told = request.open(&reply).encrypted_pa_data.unwrap();
    assert_eq!(supported(&told), of_realm, "a service speaks no FAST");
}

#[test]
fn a_name_is_hidden_outside_for_whom_asks_for_it() {
    let mut world = World::new();
    let mut request = proven(&mut world);
    request.inside.options = FastOptions::HIDE_CLIENT_NAMES;
    let mut outside = request.inside.body.clone();
    outside.cname = Some(PrincipalName::anonymous());
    request.outside = Some(outside);
    let reply = given(&mut world, &request);
    assert!(reply.reply.cname.is_anonymous());
    assert_eq!(&*reply.reply.crealm, ANONYMOUS_REALM);
    let finished = reply.response.finished.unwrap();
    assert_eq!(finished.cname.to_string(), "alice");
    let exchange = world.exchange.as_ref().unwrap();
    assert_eq!(exchange.client.as_deref(), Some("alice"));
}

#[test]
fn what_stands_inside_is_asked_and_what_stands_outside_is_not() {
    let mut world = World::new();
    let mut request = proven(&mut world);
    let mut outside = request.inside.body.clone();
    outside.cname = Some(PrincipalName::principal("bob"));
    outside.sname = Some(PrincipalName::service("host", "nowhere"));
    outside.kdc_options = KdcOptions::RENEW;
    outside.nonce = 4711.into();
    outside.till = kerberos_time(world.now - Span::days(9));
    request.outside = Some(outside);
    // Proof outside is none.
    let other = Password::new("bob", alice(&world), world.now, &mut world.rng);
    let stamp = wire::kerberos::AsReq::decode(&other.encode()).unwrap();
    request.others = stamp.padata.to_vec();
    let reply = given(&mut world, &request);
    assert_eq!(reply.part.nonce, request.inside.body.nonce);
    assert_eq!(reply.reply.cname.to_string(), "alice");
    let mut unproven = bare(&mut world);
    unproven.others = stamp.padata.to_vec();
    world.armored_refusal(&unproven, 25).unwrap();
}

#[test]
fn an_encrypted_timestamp_is_taken_under_armor_and_a_challenge_without_armor_is_not() {
    let mut world = World::new();
    let key = alice(&world);
    let mut request = bare(&mut world);
    let plain = Password::new("alice", key.clone(), world.now, &mut world.rng);
    let plain = wire::kerberos::AsReq::decode(&plain.encode()).unwrap();
    request.inside.padata = plain.padata.to_vec();
    let reply = given(&mut world, &request);
    assert!(!reply.unstrengthened);
    let proven = proven(&mut world);
    let mut without = Password::new("alice", key, world.now, &mut world.rng);
    without.prove = false;
    without.others = proven.inside.padata;
    world.refusal(&without.encode(), 25).unwrap();
}

#[test]
fn a_key_signs_in_under_armor() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let signed = Pkinit::new("alice", &pair, world.now, &mut world.rng);
    let plain = wire::kerberos::AsReq::decode(&signed.encode()).unwrap();
    let mut request = bare(&mut world);
    request.inside.body = signed.body.clone();
    request.inside.padata = plain.padata.to_vec();
    let message = request.encode();
    let answer = world.given(&message).unwrap();
    assert!(
        world
            .exchange
            .as_ref()
            .unwrap()
            .means
            .unwrap()
            .key
            .is_some()
    );
    let reply = wire::kerberos::AsRep::decode(&answer).unwrap();
    let inside = crate::armor::response(&request.inside.key, &reply.padata);
    let key = signed.agreed_key(&message, &reply, &inside.padata);
    let reply = request.open(&answer, &key);
    assert!(!reply.unstrengthened);
    // The signature is over what stands inside.
    let mut request = bare(&mut world);
    request.outside = Some(signed.body.clone());
    let later = world.now + Span::seconds(1);
    let other = Pkinit::new("alice", &pair, later, &mut world.rng);
    let plain = wire::kerberos::AsReq::decode(&other.encode()).unwrap();
    request.inside.padata = plain.padata.to_vec();
    world.armored_refusal(&request, 41).unwrap();
    request.inside.body = other.body.clone();
    world.given(&request.encode()).unwrap();
}

type Case = (&'static str, i32, fn(&mut Armored, &mut World));

/// Each case beside the same request without it; the refusals that are told inside, and those that are told outside.
fn judge(inside: bool, cases: &[Case]) -> Cases {
    let mut world = World::new();
    let mut judged = Cases::new();
    let unchanged: [Case; 1] = [("an unchanged request", 0, |_, _| {})];
    for (name, code, make) in unchanged.iter().chain(cases).chain(&unchanged) {
        let mut request = proven(&mut world);
        make(&mut request, &mut world);
        let came = match (code, inside) {
            (0, _) => world.given(&request.encode()).map(|_| ()),
            (code, true) => world.armored_refusal(&request, *code).map(|_| ()),
            (code, false) => world.refusal(&request.encode(), *code).map(|_| ()),
        };
        judged.came(name, *code, came);
    }
    judged.beside(2)
}

#[test]
fn armor_is_a_ticket_of_ours_whose_session_key_and_subkey_made_the_key() {
    judge(
        false,
        &[
            ("no armor", 24, |request, _| request.inside.armor = None),
            ("armor of another kind", 24, |request, _| {
                let mut armor = armor_of(&request.shown);
                armor.armor_type = FastArmorType(2);
                request.inside.armor = Some(armor);
            }),
            ("armor that cannot be read", 60, |request, _| {
                let mut armor = armor_of(&request.shown);
                armor.armor_value.truncate(40);
                request.inside.armor = Some(armor);
            }),
            ("no armor value", 60, |request, _| {
                let mut armor = armor_of(&request.shown);
                armor.armor_value.clear();
                request.inside.armor = Some(armor);
            }),
            ("no subkey", 12, |request, _| {
                request.shown.subkey = None;
                request.again();
            }),
            ("another armor key", 31, |request, world| {
                request.inside.key = Key::random_to_key(AES256, &world.bytes());
            }),
            ("the session key as armor key", 31, |request, _| {
                request.inside.key = request.shown.session.clone();
            }),
            ("the subkey as armor key", 31, |request, _| {
                request.inside.key = request.shown.subkey.clone().unwrap();
            }),
            (
                "an authenticator of a request for tickets",
                31,
                |request, _| {
                    request.shown.usage = KeyUsage::TGS_REQ_AUTHENTICATOR;
                    request.again();
                },
            ),
            ("another session key", 31, |request, world| {
                request.shown.session = Key::random_to_key(AES256, &world.bytes());
                request.again();
            }),
            ("an altered ticket", 31, |request, _| {
                let cipher = &mut request.shown.ticket.enc_part.cipher;
                *cipher.last_mut().unwrap() ^= 1;
                request.again();
            }),
            ("another client's authenticator", 36, |request, _| {
                request.shown.authenticator.cname = PrincipalName::principal("alice");
                request.again();
            }),
            ("an old authenticator", 37, |request, world| {
                let then = world.now - Span::minutes(6);
                request.shown.authenticator.ctime = kerberos_time(then);
                request.again();
            }),
            (
                "a ticket for another service, by its name",
                35,
                |request, _| {
                    request.shown.ticket.sname = PrincipalName::service("host", "laptop-1");
                    request.again();
                },
            ),
            ("a ticket of another realm", 35, |request, _| {
                request.shown.ticket.realm = "OTHER.EXAMPLE".into();
                request.again();
            }),
            ("inside what is no request", 60, |request, _| {
                request.inside.inside = Some(vec![0x30, 0]);
            }),
            ("nothing inside", 60, |request, _| {
                request.inside.inside = Some(Vec::new());
            }),
        ],
    )
    .are(17);
}

#[test]
fn what_is_wrong_inside_is_told_inside() {
    judge(
        true,
        &[
            ("an altered body outside", 41, |request, _| {
                // The checksum is that over the body inside.
                let body = wire::asn1::Der::new(request.inside.body.clone());
                let padata = request
                    .inside
                    .key
                    .checksum(KeyUsage::FAST_REQ_CHECKSUM, body.as_bytes());
                request.inside.checksum = Some(Checksum {
                    cksumtype: ChecksumType(request.inside.key.etype().checksum_type()),
                    checksum: padata.to_vec(),
                });
                let mut outside = request.inside.body.clone();
                outside.nonce = 4711.into();
                request.outside = Some(outside);
            }),
            ("an empty checksum", 41, |request, _| {
                request.inside.checksum = Some(Checksum {
                    cksumtype: ChecksumType(request.inside.key.etype().checksum_type()),
                    checksum: Vec::new(),
                });
            }),
            ("a checksum without a key", 50, |request, _| {
                let body = wire::asn1::Der::new(request.inside.body.clone());
                request.inside.checksum = Some(Checksum {
                    cksumtype: ChecksumType(14),
                    checksum: crypto::digest::sha1(body.as_bytes()).to_vec(),
                });
            }),
            ("a critical option that nobody knows", 93, |request, _| {
                request.inside.options = FastOptions(1 << 18);
            }),
            ("the reserved option", 93, |request, _| {
                request.inside.options = FastOptions::RESERVED;
            }),
            ("a critical option beside a known one", 93, |request, _| {
                request.inside.options = FastOptions::HIDE_CLIENT_NAMES | FastOptions(1 << 29);
            }),
            ("an option that is not critical", 0, |request, _| {
                request.inside.options = FastOptions::KDC_FOLLOW_REFERRALS;
            }),
            ("no padata", 25, |request, _| request.inside.padata.clear()),
            ("no name", 6, |request, _| request.inside.body.cname = None),
            ("no service", 7, |request, _| {
                request.inside.body.sname = None
            }),
            ("an unknown client", 6, |request, _| {
                request.inside.body.cname = Some(PrincipalName::principal("mallory"));
            }),
            ("an unknown service", 7, |request, _| {
                request.inside.body.sname = Some(PrincipalName::service("host", "nowhere"));
            }),
            ("no etype in common", 14, |request, _| {
                request.inside.body.etype = crate::forge::etypes(&[23, 3]).into();
            }),
            ("another's challenge", 24, |request, _| {
                request.inside.body.cname = Some(PrincipalName::principal("bob"));
            }),
            ("a challenge that cannot be read", 60, |request, _| {
                request.inside.padata =
                    vec![PaData::new(PaDataType::ENCRYPTED_CHALLENGE, vec![1, 2, 3])];
            }),
            ("an empty challenge", 60, |request, _| {
                request.inside.padata = vec![PaData::empty(PaDataType::ENCRYPTED_CHALLENGE)];
            }),
            ("a challenge for another armor", 24, |request, _| {
                request.shown.subkey = Some(Key::random_to_key(AES256, &[9; 32]));
                request.again();
            }),
            ("a challenge of yesterday", 37, |request, world| {
                request.inside.padata.clear();
                let key = world.key_of(world.alice, AES256);
                let then = world.now - Span::days(1);
                request.challenge(&key, then, &mut world.rng);
            }),
            (
                "a challenge under the password's key alone",
                24,
                |request, world| {
                    let key = world.key_of(world.alice, AES256);
                    let stamp = PaEncTsEnc {
                        patimestamp: kerberos_time(world.now),
                        pausec: Some(micros(world.now)),
                    };
                    let usage = KeyUsage::ENC_CHALLENGE_CLIENT;
                    let cipher = key.encrypt(usage, &[7; 16], &stamp.encode());
                    let padata = PaData::new(
                        PaDataType::ENCRYPTED_CHALLENGE,
                        sealed(&key, cipher).encode(),
                    );
                    request.inside.padata = vec![padata];
                },
            ),
            ("armor in armor", 0, |request, _| {
                let mut nested = request.inside.padata(b"");
                request.inside.padata.insert(0, nested.clone());
                nested = request.inside.padata(b"");
                request.inside.padata.insert(0, nested);
            }),
            ("a cookie of somebody's", 0, |request, _| {
                let cookie = PaData::new(PaDataType::FX_COOKIE, vec![7; 300]);
                request.inside.padata.push(cookie);
            }),
        ],
    )
    .are(21);
}

#[test]
fn the_authenticator_of_armor_serves_the_whole_exchange_and_nobody_else() {
    let mut world = World::new();
    let mut request = bare(&mut world);
    world.armored_refusal(&request, 25).unwrap();
    let key = alice(&world);
    request.challenge(&key, world.now, &mut world.rng);
    given(&mut world, &request);
    // Somebody who saw it go by has neither its subkey nor its session key.
    let mut stolen = bare(&mut world);
    stolen.inside.armor = request.inside.armor.clone();
    world.refusal(&stolen.encode(), 31).unwrap();
    // Nor does it serve as what shows a ticket to get another with.
    let machine = world.machine();
    let mut asks = crate::forge::Granted::new(
        &machine,
        PrincipalName::service("host", "laptop-1.corp.example"),
        world.now,
        &mut world.rng,
    );
    world.given(&asks.encode()).unwrap();
    asks.show = false;
    let shown = PaData::new(PaDataType::TGS_REQ, request.shown.encode());
    asks.others = vec![shown];
    world.refusal(&asks.encode(), 31).unwrap();
}

#[test]
fn the_ticket_of_a_machine_that_is_gone_is_no_armor() {
    let mut world = World::new();
    let request = proven(&mut world);
    let workstation = AccountControl::WORKSTATION_TRUST_ACCOUNT;
    world.commit(&[change::disable(world.laptop, workstation)]);
    let error = world.refusal(&request.encode(), 20).unwrap();
    assert_eq!(error.e_data, None);
    let Some(Refused::Armor(why)) = &world.refused else {
        panic!("{:?}", world.refused);
    };
    assert_eq!(**why, Refused::ClientDisabled);
    world.commit(&[change::enable(world.laptop, workstation)]);
    given(&mut world, &request);
}

#[test]
fn an_expired_ticket_is_no_armor() {
    let mut world = World::new();
    let machine = world.machine();
    world.advance(Span::seconds(10 * 3600 - 1));
    let key = alice(&world);
    let mut request = Armored::new("alice", &machine, &mut world);
    request.challenge(&key, world.now, &mut world.rng);
    given(&mut world, &request);
    world.advance(Span::seconds(1));
    let mut request = Armored::new("alice", &machine, &mut world);
    request.challenge(&key, world.now, &mut world.rng);
    world.refusal(&request.encode(), 32).unwrap();
}

#[test]
fn a_ticket_for_a_service_is_no_armor_and_a_person_s_ticket_granting_ticket_is() {
    let mut world = World::new();
    let machine = world.machine();
    let host = world.host(&machine).unwrap();
    let key = alice(&world);
    let mut request = Armored::new("alice", &host, &mut world);
    request.challenge(&key, world.now, &mut world.rng);
    world.refusal(&request.encode(), 35).unwrap();
    // As MIT's kpasswd armors a change of the password with the ticket that is there.
    let own = world.password("alice", PASSWORD).unwrap();
    let mut request = Armored::new("alice", &own, &mut world);
    let service = PrincipalName::new(
        wire::kerberos::NameType::NT_SRV_INST,
        ["kadmin", "changepw"],
    );
    request.inside.body.sname = Some(service);
    request.challenge(&key, world.now, &mut world.rng);
    let reply = given(&mut world, &request);
    assert_eq!(reply.part.sname.to_string(), "kadmin/changepw");
    let armor = world.exchange.as_ref().unwrap().armor.clone();
    assert_eq!(armor.as_deref(), Some("alice"));
}

#[test]
fn a_wrong_password_counts_once_under_armor_and_without() {
    let mut world = World::new();
    let wrong = Key::random_to_key(AES256, &[3; 32]);
    for _ in 0..5 {
        let mut request = bare(&mut world);
        request.challenge(&wrong, world.now, &mut world.rng);
        let hints = world.armored_refusal(&request, 24).unwrap();
        let info = PaData::find(&hints.padata, PaDataType::ETYPE_INFO2).unwrap();
        assert!(EtypeInfo2::decode(info).is_ok());
        // The network delivers it again.
        world.armored_refusal(&request, 24).unwrap();
    }
    for _ in 0..5 {
        assert!(world.password("alice", "wrong").is_err());
    }
    let request = proven(&mut world);
    world.armored_refusal(&request, 18).unwrap();
    assert_eq!(world.refused, Some(Refused::ClientLockedOut));
    world.advance(Span::minutes(15) + Span::seconds(1));
    let request = proven(&mut world);
    given(&mut world, &request);
}

#[test]
fn an_account_that_takes_no_password_takes_none_under_armor() {
    let mut world = World::new();
    let request = proven(&mut world);
    let control = AccountControl::NORMAL_ACCOUNT | AccountControl::SMARTCARD_REQUIRED;
    world.commit(&[change::set_control(world.alice, control)]);
    world.armored_refusal(&request, 12).unwrap();
    let request = bare(&mut world);
    let hints = world.armored_refusal(&request, 25).unwrap();
    assert!(PaData::find(&hints.padata, PaDataType::ENCRYPTED_CHALLENGE).is_none());
    assert!(PaData::find(&hints.padata, PaDataType::PK_AS_REQ).is_some());
}

#[test]
fn a_password_that_must_be_changed_is_told_of_inside() {
    let mut world = World::new();
    world.commit(&[change::expire_password(world.alice)]);
    let mut request = proven(&mut world);
    world.armored_refusal(&request, 23).unwrap();
    request.inside.body.sname = Some(PrincipalName::new(
        wire::kerberos::NameType::NT_SRV_INST,
        ["kadmin", "changepw"],
    ));
    given(&mut world, &request);
}

#[test]
fn from_outside_one_refusal_looks_like_another() {
    let mut world = World::new();
    let wrong = Key::random_to_key(AES256, &[3; 32]);
    let mut guessed = bare(&mut world);
    guessed.challenge(&wrong, world.now, &mut world.rng);
    let mut unknown = proven(&mut world);
    unknown.inside.body.cname = Some(PrincipalName::principal("mallory"));
    let mut service = proven(&mut world);
    service.inside.body.sname = Some(PrincipalName::service("host", "nowhere"));
    let first = bare(&mut world);
    let mut seen = Vec::new();
    for (request, code) in [(guessed, 24), (unknown, 6), (service, 7), (first, 25)] {
        let answer = world.send(&request.encode(), Transport::Datagram).unwrap();
        let (inner, _) = refusal(&request.inside.key, &answer);
        assert_eq!(inner.error_code.0, code);
        assert!(answer.len() < world.realm.datagram_limit);
        let mut outer = KrbError::decode(&answer).unwrap();
        let length = outer.e_data.take().unwrap().len();
        if code == 25 {
            outer.error_code = ErrorCode::KRB_ERR_GENERIC;
        }
        seen.push((outer, length));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn an_armored_request_that_was_answered_is_answered_alike() {
    let mut world = World::new();
    let message = proven(&mut world).encode();
    let first = world.given(&message).unwrap();
    assert_eq!(world.given(&message).unwrap(), first);
    assert!(world.exchange.is_none());
}

#[test]
fn an_ap_req_of_other_options_is_armor_all_the_same() {
    let mut world = World::new();
    let mut request = proven(&mut world);
    let shown = ApReq::decode(&request.shown.encode()).unwrap();
    let shown = ApReq::new(
        ApOptions::MUTUAL_REQUIRED,
        shown.ticket,
        shown.authenticator,
    );
    let mut armor = armor_of(&request.shown);
    armor.armor_value = shown.encode();
    request.inside.armor = Some(armor);
    given(&mut world, &request);
}
