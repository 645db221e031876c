//! TGS-REQs and ticket-granting tickets that are odd or hostile (RFC 4120 3.3, 5.2.6; protocols E.3.6, E.6;
//! security rows 1 to 3 and 17).

mod forged;
mod given;

use crypto::etype::{Etype, Key};
use directory::password::PasswordMaterial;
use directory::{Account, AccountControl, Attribute, Change, EntryId, NewEntry, change};
use kdc::{Refused, Transport};
use ticket::client::{Credential, Wish};
use ticket::pac::For;
use trust::{Span, Timestamp};
use wire::kerberos::{
    AddressType, ApOptions, AsRep, AuthorizationData, AuthorizationDataElement,
    AuthorizationDataType, Checksum, ChecksumType, EncTicketPart, EncryptedData, EncryptionKey,
    EncryptionType, ErrorCode, HostAddress, KdcOptions, KerberosTime, KeyUsage, KrbError,
    MessageType, NameType, PaData, PaDataType, PrincipalName, Realm, TicketFlags,
};
use wire::pac::{BufferType, ClientInfo, Pac, PacBuilder, Requestor};

use crate::forge::{Granted, Password, etypes, kerberos_time, tlv};
use crate::table::Cases;
use crate::world::{PASSWORD, World, refused};

const AES256: Etype = Etype::Aes256CtsHmacSha1_96;

fn laptop() -> PrincipalName {
    PrincipalName::service("host", "laptop-1.corp.example")
}

fn krbtgt() -> PrincipalName {
    PrincipalName::krbtgt("CORP.EXAMPLE")
}

fn tgt(world: &mut World) -> Credential {
    world.password("alice", PASSWORD).unwrap()
}

fn request(world: &mut World, tgt: &Credential) -> Granted {
    Granted::new(tgt, laptop(), world.now, &mut world.rng)
}

fn element(ad_type: i32, ad_data: &[u8]) -> AuthorizationDataElement {
    AuthorizationDataElement {
        ad_type: AuthorizationDataType(ad_type),
        ad_data: ad_data.to_vec(),
    }
}

/// What is done to a request that is right otherwise, and the code of the answer; 0 is a ticket.
type Case = (&'static str, i32, fn(&mut Granted));

fn judge(cases: &[Case]) -> Cases {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut judged = Cases::new();
    let unchanged: [Case; 1] = [("an unchanged request", 0, |_| {})];
    for (name, code, make) in unchanged.iter().chain(cases).chain(&unchanged) {
        let mut request = request(&mut world, &tgt);
        make(&mut request);
        let message = request.encode();
        if let Some(reply) = judged.judge(&mut world, name, &message, *code) {
            assert_eq!(request.open(&reply).0.nonce, request.body.nonce);
        }
    }
    judged.beside(2)
}

#[test]
fn e_3_6_the_ticket_and_the_authenticator_must_belong_together() {
    judge(&[
        ("no ticket", 67, |request| request.show = false),
        ("garbage for an AP-REQ", 60, |request| {
            request.show = false;
            request.others = vec![PaData::new(PaDataType::TGS_REQ, vec![0x6e, 1, 0])];
        }),
        ("another realm's ticket", 35, |request| {
            request.ticket.realm = Realm::from("OTHER")
        }),
        ("a ticket for another service", 35, |request| {
            request.ticket.sname = laptop()
        }),
        ("a ticket for another realm's service", 35, |request| {
            request.ticket.sname = PrincipalName::krbtgt("OTHER");
        }),
        ("a ticket for kadmin/changepw", 35, |request| {
            request.ticket.sname = PrincipalName::service("kadmin", "changepw");
        }),
        ("an altered ticket", 31, |request| {
            request.ticket.enc_part.cipher[40] ^= 1
        }),
        ("a cut ticket", 31, |request| {
            request.ticket.enc_part.cipher.truncate(30)
        }),
        ("an empty ticket", 31, |request| {
            request.ticket.enc_part.cipher.clear()
        }),
        ("no key version", 0, |request| {
            request.ticket.enc_part.kvno = None
        }),
        ("an unknown key version", 44, |request| {
            request.ticket.enc_part.kvno = Some(99.into());
        }),
        (
            "a read-only controller's key version (E.8.2)",
            44,
            |request| {
                request.ticket.enc_part.kvno = Some(0x0001_0001.into());
            },
        ),
        ("an etype that nobody has keys of", 44, |request| {
            request.ticket.enc_part.etype = EncryptionType(23);
        }),
        ("another etype that krbtgt has a key of", 31, |request| {
            let other = if request.ticket.enc_part.etype.0 == 17 {
                18
            } else {
                17
            };
            request.ticket.enc_part.etype = EncryptionType(other);
        }),
        ("an authenticator by another key", 31, |request| {
            request.key = Key::random_to_key(request.key.etype(), &[5; 32]);
        }),
        ("an authenticator for another use", 31, |request| {
            request.usage = KeyUsage::AP_REQ_AUTHENTICATOR;
        }),
        ("another client", 36, |request| {
            request.authenticator.cname = PrincipalName::principal("bob");
        }),
        ("the client in other letters", 36, |request| {
            request.authenticator.cname = PrincipalName::principal("Alice");
        }),
        ("the client's realm in other letters", 36, |request| {
            request.authenticator.crealm = Realm::from("corp.example");
        }),
        ("another type of name", 0, |request| {
            request.authenticator.cname.name_type = NameType::NT_UNKNOWN;
        }),
        ("options for user-to-user", 0, |request| {
            request.options = ApOptions::USE_SESSION_KEY;
        }),
    ])
    .are(21);
}

#[test]
fn security_19_an_authenticator_holds_for_five_minutes() {
    let mut judged = Cases::new();
    for (off, code) in [(300, 0), (-300, 0), (301, 37), (-301, 37), (1 << 32, 37)] {
        let mut world = World::new();
        let tgt = tgt(&mut world);
        let mut request = request(&mut world, &tgt);
        request.authenticator.ctime = kerberos_time(world.now + Span::seconds(off));
        let message = request.encode();
        judged.judge(&mut world, &format!("{off} seconds off"), &message, code);
    }
    judged.are(5);
}

fn checksum(request: &mut Granted, kind: i32, value: &[u8]) {
    request.checksum = false;
    request.authenticator.cksum = Some(Checksum {
        cksumtype: ChecksumType(kind),
        checksum: value.to_vec(),
    });
}

#[test]
fn e_3_6_41_50_the_body_is_bound_by_a_keyed_checksum() {
    judge(&[
        ("none", 50, |request| request.checksum = false),
        ("CRC32", 50, |request| checksum(request, 1, &[0; 4])),
        ("RSA-MD5, as minikerberos sends", 50, |request| {
            checksum(request, 7, &[0; 16]);
        }),
        ("SHA-1 without a key", 50, |request| {
            checksum(request, 14, &[0; 20])
        }),
        ("HMAC-MD5", 50, |request| checksum(request, -138, &[0; 16])),
        ("that of another etype", 50, |request| {
            let other = if request.key.etype() == AES256 {
                15
            } else {
                16
            };
            checksum(request, other, &[0; 12]);
        }),
        ("of something else", 41, |request| {
            let kind = request.key.etype().checksum_type();
            let usage = KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM;
            let value = request.key.checksum(usage, b"something else");
            checksum(request, kind, &value);
        }),
        ("for another use", 41, |request| {
            let kind = request.key.etype().checksum_type();
            let body = wire::asn1::Der::new(request.body.clone());
            let value = request
                .key
                .checksum(KeyUsage::AP_REQ_AUTHENTICATOR, body.as_bytes());
            checksum(request, kind, &value);
        }),
        ("cut short", 41, |request| {
            checksum(request, request.key.etype().checksum_type(), &[7; 4]);
        }),
        ("empty", 41, |request| {
            checksum(request, request.key.etype().checksum_type(), &[]);
        }),
    ])
    .are(10);
}

#[test]
fn the_answer_is_under_the_subkey_whatever_its_etype() {
    judge(&[
        ("no subkey", 0, |request| request.subkey = None),
        ("aes128-sha1", 0, |request| {
            request.subkey = Some(Key::random_to_key(Etype::Aes128CtsHmacSha1_96, &[3; 32]));
        }),
        ("aes256-sha2", 0, |request| {
            request.subkey = Some(Key::random_to_key(Etype::Aes256CtsHmacSha384_192, &[3; 32]));
        }),
        ("RC4", 14, |request| {
            request.subkey = None;
            request.authenticator.subkey = Some(EncryptionKey {
                keytype: EncryptionType(23),
                keyvalue: vec![3; 16],
            });
        }),
        ("a key that is too short for its etype", 60, |request| {
            request.subkey = None;
            request.authenticator.subkey = Some(EncryptionKey {
                keytype: EncryptionType(18),
                keyvalue: vec![3; 16],
            });
        }),
        ("a key of no byte", 60, |request| {
            request.subkey = None;
            request.authenticator.subkey = Some(EncryptionKey {
                keytype: EncryptionType(18),
                keyvalue: Vec::new(),
            });
        }),
    ])
    .are(6);
}

#[test]
fn e_3_6_what_a_request_asks_for_is_given_or_refused() {
    judge(&[
        ("user-to-user", 13, |request| {
            request.body.kdc_options |= KdcOptions::ENC_TKT_IN_SKEY;
        }),
        ("delegation", 13, |request| {
            request.body.kdc_options |= KdcOptions::CNAME_IN_ADDL_TKT;
        }),
        ("validation", 13, |request| {
            request.body.kdc_options |= KdcOptions::VALIDATE
        }),
        ("anonymity", 13, |request| {
            request.body.kdc_options |= KdcOptions::REQUEST_ANONYMOUS;
        }),
        ("postdating", 10, |request| {
            request.body.kdc_options |= KdcOptions::POSTDATED
        }),
        ("leave to postdate", 10, |request| {
            request.body.kdc_options |= KdcOptions::ALLOW_POSTDATE;
        }),
        ("renewal into a service's ticket", 13, |request| {
            request.body.kdc_options |= KdcOptions::RENEW;
        }),
        ("a proxy on a ticket that is not proxiable", 13, |request| {
            request.body.kdc_options |= KdcOptions::PROXY;
        }),
        ("no service", 7, |request| request.body.sname = None),
        ("another realm's ticket-granting service", 7, |request| {
            request.body.sname = Some(PrincipalName::krbtgt("OTHER.EXAMPLE"));
        }),
        ("kadmin/changepw", 12, |request| {
            request.body.sname = Some(PrincipalName::service("kadmin", "changepw"));
        }),
        ("nobody", 7, |request| {
            request.body.sname = Some(PrincipalName::service("host", "nowhere"));
        }),
        ("a service's name in one component", 7, |request| {
            request.body.sname = Some(PrincipalName::principal("host/laptop-1.corp.example"));
        }),
        ("a person", 27, |request| {
            request.body.sname = Some(PrincipalName::principal("bob"));
        }),
        ("the client itself", 27, |request| {
            request.body.sname = Some(PrincipalName::principal("alice"));
        }),
        ("a computer", 0, |request| {
            request.body.sname = Some(PrincipalName::principal("LAPTOP-1$"));
        }),
        ("a computer without its dollar sign", 7, |request| {
            request.body.sname = Some(PrincipalName::principal("LAPTOP-1"));
        }),
        ("another realm", 68, |request| {
            request.body.realm = Realm::from("OTHER.EXAMPLE")
        }),
        ("only RC4", 14, |request| {
            request.body.etype = etypes(&[23]).into()
        }),
        ("no etype", 14, |request| {
            request.body.etype = etypes(&[]).into()
        }),
        ("an end in the past", 11, |request| {
            request.body.till = KerberosTime::from_unix(1_000_000_000);
        }),
        (
            "another client in the body, which is not for TGS",
            0,
            |request| {
                request.body.cname = Some(PrincipalName::principal("bob"));
            },
        ),
        ("FAST that cannot be read", 60, |request| {
            request.others = vec![PaData::new(PaDataType::FX_FAST, vec![0xff; 99])];
        }),
        ("padata that nobody knows", 0, |request| {
            request.others = vec![PaData::new(PaDataType(-4711), vec![1; 300])];
        }),
    ])
    .are(24);
}

#[test]
fn a_refusal_that_was_lost_comes_again_as_it_was() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut request = request(&mut world, &tgt);
    request.body.sname = Some(PrincipalName::service("host", "nowhere"));
    let message = request.encode();
    for _ in 0..3 {
        world.refusal(&message, 7).unwrap();
    }
    // In another message the same authenticator is a repetition, be the first one refused or not.
    request.others = vec![PaData::empty(PaDataType::PAC_OPTIONS)];
    world.refusal(&request.encode(), 34).unwrap();
}

#[test]
fn an_answer_too_long_for_a_datagram_is_the_same_over_tcp() {
    let mut world = World::new();
    world.realm.datagram_limit = 100;
    let tgt = tgt(&mut world);
    let message = request(&mut world, &tgt).encode();
    let short = world.send(&message, Transport::Datagram).unwrap();
    assert_eq!(
        KrbError::decode(&short).unwrap().error_code,
        ErrorCode::KRB_ERR_RESPONSE_TOO_BIG
    );
    let first = world.given(&message).unwrap();
    assert_eq!(world.given(&message).unwrap(), first);
    let again = world.send(&message, Transport::Datagram).unwrap();
    assert_eq!(MessageType::of(&again), Some(MessageType::KRB_ERROR));
}

/// A ticket-granting ticket that is refused for a service and for its own renewal.
fn refuses(world: &mut World, name: &str, tgt: &Credential, code: i32) {
    let message = request(world, tgt).encode();
    if let Err(why) = world.refusal(&message, code) {
        panic!("{name}: expected {code}, {why}");
    }
    let mut renewal = request(world, tgt);
    renewal.body.sname = Some(krbtgt());
    renewal.body.kdc_options = KdcOptions::RENEW;
    world.refusal(&renewal.encode(), code).unwrap();
}

/// The ticket that a request gets.
fn credential(world: &mut World, mut request: Password) -> Credential {
    request.body.etype = etypes(&[18]).into();
    let reply = world.given(&request.encode()).unwrap();
    let part = request.open(&reply);
    let reply = AsRep::decode(&reply).unwrap();
    Credential {
        client_realm: reply.crealm,
        client: reply.cname,
        realm: part.srealm.clone(),
        service: part.sname.clone(),
        key: Key::new(AES256, &part.key.keyvalue).unwrap(),
        ticket: reply.ticket,
        flags: part.flags,
        authenticated: part.authtime,
        start: part.starttime.unwrap(),
        end: part.endtime,
        renew_till: part.renew_till,
    }
}
