//! TGS-REQs and ticket-granting tickets that are odd or hostile (RFC 4120 3.3, 5.2.6; protocols E.3.6, E.6;
//! security rows 1 to 3 and 17).

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

fn judge(cases: &[Case]) {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut wrong = Vec::new();
    let unchanged: [Case; 1] = [("an unchanged request", 0, |_| {})];
    for (name, code, make) in unchanged.iter().chain(cases).chain(&unchanged) {
        let mut request = request(&mut world, &tgt);
        make(&mut request);
        let message = request.encode();
        let judged = match code {
            0 => world.given(&message).map(|reply| {
                assert_eq!(request.open(&reply).0.nonce, request.body.nonce);
            }),
            code => world.refusal(&message, *code).map(|_| ()),
        };
        if let Err(why) = judged {
            wrong.push(format!("{name}: expected {code}, {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    ]);
}

#[test]
fn security_19_an_authenticator_holds_for_five_minutes() {
    for (off, code) in [(300, 0), (-300, 0), (301, 37), (-301, 37), (1 << 32, 37)] {
        let mut world = World::new();
        let tgt = tgt(&mut world);
        let mut request = request(&mut world, &tgt);
        request.authenticator.ctime = kerberos_time(world.now + Span::seconds(off));
        let message = request.encode();
        let judged = match code {
            0 => world.given(&message).map(|_| ()),
            code => world.refusal(&message, code).map(|_| ()),
        };
        assert_eq!(judged, Ok(()), "{off}");
    }
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
    ]);
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
    ]);
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
    ]);
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

/// A ticket-granting ticket as krbtgt's key would make it of another content.
fn forged(
    world: &mut World,
    tgt: &Credential,
    edit: impl FnOnce(&mut EncTicketPart),
) -> Credential {
    let krbtgt = world.krbtgt();
    let (mut part, key) = ticket::open(&tgt.ticket, &krbtgt.keys).unwrap();
    edit(&mut part);
    let (realm, name) = (tgt.ticket.realm.clone(), tgt.ticket.sname.clone());
    Credential {
        ticket: ticket::seal(&part, realm, name, key, &[3; 16]),
        ..tgt.clone()
    }
}

/// The same with another PAC, rightly signed, and beside it what else was there.
fn with_pac(
    world: &mut World,
    tgt: &Credential,
    edit: impl FnOnce(PacBuilder, &mut EncTicketPart) -> PacBuilder,
    without: &[BufferType],
) -> Credential {
    let krbtgt = world.krbtgt();
    let (part, key) = ticket::open(&tgt.ticket, &krbtgt.keys).unwrap();
    let pac = ticket::pac::verify(&part, key, &krbtgt.keys).unwrap();
    let content = [
        BufferType::LOGON_INFO,
        BufferType::CLIENT_INFO,
        BufferType::UPN_DNS_INFO,
        BufferType::ATTRIBUTES_INFO,
        BufferType::REQUESTOR,
    ]
    .into_iter()
    .filter(|kind| !without.contains(kind))
    .fold(PacBuilder::new(), |builder, kind| {
        builder.buffer(kind, pac.buffer(kind).unwrap().to_vec())
    });
    forged(world, tgt, |part| {
        let others: Vec<_> = part
            .authorization_data
            .take()
            .unwrap()
            .into_iter()
            .skip(1)
            .collect();
        let content = edit(content, part);
        ticket::pac::attach(part, content, others, For::TicketGranting, key, key).unwrap();
    })
}

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

#[test]
fn e_6_a_ticket_granting_ticket_without_its_pac_and_its_means_is_revoked() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let same = with_pac(&mut world, &tgt, |builder, _| builder, &[]);
    assert!(world.host(&same).is_ok(), "{:?}", world.refused);
    let bob = world.account(world.bob).sid;
    type Edit = fn(&mut EncTicketPart);
    let edits: [(&str, Edit); 5] = [
        ("no authorization data", |part| {
            part.authorization_data = None
        }),
        ("no PAC", |part| {
            let data = part.authorization_data.take().unwrap();
            part.authorization_data = Some(data.into_iter().skip(1).collect());
        }),
        ("nothing but a PAC", |part| {
            let data = part.authorization_data.take().unwrap();
            part.authorization_data = Some(data.into_iter().take(1).collect());
        }),
        ("two PACs", |part| {
            let mut data = part.authorization_data.take().unwrap().into_vec();
            data.insert(0, data[0].clone());
            part.authorization_data = Some(data.into());
        }),
        ("an altered PAC", |part| {
            let mut data = part.authorization_data.take().unwrap().into_vec();
            let mut inner = AuthorizationData::decode(&data[0].ad_data)
                .unwrap()
                .into_vec();
            let pac = &mut inner[0].ad_data;
            let middle = pac.len() / 2;
            pac[middle] ^= 1;
            data[0] = AuthorizationDataElement::if_relevant(&inner.into());
            part.authorization_data = Some(data.into());
        }),
    ];
    for (name, edit) in edits {
        let tgt = forged(&mut world, &tgt, edit);
        refuses(&mut world, name, &tgt, 20);
    }
    let without = [BufferType::REQUESTOR];
    let unasked = with_pac(&mut world, &tgt, |builder, _| builder, &without);
    refuses(&mut world, "no requestor", &unasked, 20);
    let other = |builder: PacBuilder, _: &mut EncTicketPart| {
        builder.buffer(BufferType::REQUESTOR, Requestor { sid: bob }.to_bytes())
    };
    let other = with_pac(&mut world, &tgt, other, &without);
    refuses(&mut world, "another requestor", &other, 20);
    let without = [BufferType::CLIENT_INFO];
    for (name, info) in [
        ("another client's PAC", ("bob", world.now)),
        (
            "another sign-in's PAC",
            ("alice", world.now - Span::seconds(1)),
        ),
    ] {
        let info = ClientInfo {
            authentication_time: info.1.filetime(),
            name: info.0.to_owned(),
        };
        let info = info.to_bytes().unwrap();
        let edit = |builder: PacBuilder, _: &mut EncTicketPart| {
            builder.buffer(BufferType::CLIENT_INFO, info)
        };
        let tgt = with_pac(&mut world, &tgt, edit, &without);
        refuses(&mut world, name, &tgt, 20);
    }
    // A ticket that was renamed throughout, but for the account that got it.
    let renamed = ClientInfo {
        authentication_time: world.now.filetime(),
        name: "bob".to_owned(),
    };
    let renamed = renamed.to_bytes().unwrap();
    let edit = |builder: PacBuilder, part: &mut EncTicketPart| {
        part.cname = PrincipalName::principal("bob");
        builder.buffer(BufferType::CLIENT_INFO, renamed)
    };
    let renamed = Credential {
        client: PrincipalName::principal("bob"),
        ..with_pac(&mut world, &tgt, edit, &without)
    };
    refuses(&mut world, "another name throughout", &renamed, 20);
}

#[test]
fn e_6_a_pac_that_another_key_signed_is_not_believed() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let laptop = world.account(world.laptop);
    let other = ticket::Keys::newest(&laptop.keys).next().unwrap();
    let krbtgt = world.krbtgt();
    let (part, own) = ticket::open(&tgt.ticket, &krbtgt.keys).unwrap();
    let pac = ticket::pac::verify(&part, own, &krbtgt.keys).unwrap();
    let rest: Vec<_> = part
        .authorization_data
        .unwrap()
        .into_iter()
        .skip(1)
        .collect();
    for (server, kdc, accepted) in [(own, own, true), (own, other, false), (other, own, false)] {
        let content = [
            BufferType::LOGON_INFO,
            BufferType::CLIENT_INFO,
            BufferType::UPN_DNS_INFO,
            BufferType::ATTRIBUTES_INFO,
            BufferType::REQUESTOR,
        ]
        .into_iter()
        .fold(PacBuilder::new(), |builder, kind| {
            builder.buffer(kind, pac.buffer(kind).unwrap().to_vec())
        });
        let rest = rest.clone();
        let tgt = forged(&mut world, &tgt, |part| {
            ticket::pac::attach(part, content, rest, For::TicketGranting, server, kdc).unwrap();
        });
        assert_eq!(world.host(&tgt).is_ok(), accepted, "{:?}", world.refused);
    }
}

#[test]
fn e_3_6_32_33_a_ticket_is_over_at_its_end_and_begins_at_its_start() {
    type Edit = fn(&mut EncTicketPart, Timestamp);
    let cases: [(&str, i32, Edit); 7] = [
        ("as it is", 0, |_, _| {}),
        ("a second left", 0, |part, now| {
            part.endtime = kerberos_time(now + Span::seconds(1))
        }),
        ("over at this moment", 32, |part, now| {
            part.endtime = kerberos_time(now)
        }),
        ("begins within the skew", 0, |part, now| {
            part.starttime = Some(kerberos_time(now + Span::minutes(4)));
        }),
        ("begins later", 33, |part, now| {
            part.starttime = Some(kerberos_time(now + Span::minutes(6)));
        }),
        ("marked invalid", 33, |part, _| {
            part.flags |= TicketFlags::INVALID
        }),
        ("an RC4 session key", 14, |part, _| {
            part.key = EncryptionKey {
                keytype: EncryptionType(23),
                keyvalue: vec![1; 16],
            };
        }),
    ];
    for (name, code, edit) in cases {
        let mut world = World::new();
        let tgt = tgt(&mut world);
        let now = world.now;
        let tgt = forged(&mut world, &tgt, |part| edit(part, now));
        match code {
            0 => drop(
                world
                    .host(&tgt)
                    .unwrap_or_else(|why| panic!("{name}: {why}")),
            ),
            code => refuses(&mut world, name, &tgt, code),
        }
    }
}

#[test]
fn tickets_die_with_the_name_that_they_carry() {
    let sign_in = |world: &mut World, name: &str| world.password(name, PASSWORD).unwrap();
    // A ticket outlives no renaming: its name may be somebody else's tomorrow (CVE-2021-42287).
    let mut world = World::new();
    let tgt = sign_in(&mut world, "alice");
    assert!(world.host(&tgt).is_ok());
    let rename = |world: &World, id, sam: &str| {
        let upn = format!("{sam}@corp.example");
        world.commit(&[
            change::set(id, Attribute::SamAccountName, sam),
            change::set(id, Attribute::UserPrincipalName, upn.as_str()),
        ]);
    };
    rename(&world, world.alice, "alice.old");
    refuses(&mut world, "the name is nobody's", &tgt, 20);
    rename(&world, world.bob, "alice");
    refuses(&mut world, "the name is another's", &tgt, 20);
    rename(&world, world.bob, "bob");
    rename(&world, world.alice, "alice");
    assert!(world.host(&tgt).is_ok());
    // Every name that signs in is a name that goes on.
    let mut world = World::new();
    let upn = "alice.liddell@corp.example";
    world.commit(&[change::set(world.alice, Attribute::UserPrincipalName, upn)]);
    for options in [KdcOptions::NONE, KdcOptions::CANONICALIZE] {
        for name in [
            PrincipalName::principal("alice"),
            PrincipalName::principal("ALICE"),
            PrincipalName::principal("alice.liddell"),
            PrincipalName::enterprise(upn),
        ] {
            let key = world.key_of(world.alice, AES256);
            let wish = Wish {
                options,
                ..Wish::ticket_granting("CORP.EXAMPLE")
            };
            let secret = ticket::client::Secret::Key(&key);
            let tgt = world.ask(name.clone(), wish, secret).unwrap();
            assert!(world.host(&tgt).is_ok(), "{name}: {:?}", world.refused);
        }
    }
    let key = world.key_of(world.laptop, AES256);
    let mut request = Password::new("LAPTOP-1$", key, world.now, &mut world.rng);
    request.body.cname = Some(laptop());
    let tgt = credential(&mut world, request);
    assert!(world.host(&tgt).is_ok(), "{:?}", world.refused);
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

/// A ticket-granting ticket that was asked for with these options and addresses.
fn asked(
    world: &mut World,
    options: KdcOptions,
    addresses: Option<Vec<HostAddress>>,
) -> Credential {
    let key = world.key_of(world.alice, AES256);
    let mut request = Password::new("alice", key, world.now, &mut world.rng);
    request.body.kdc_options = options;
    request.body.addresses = addresses.map(Into::into);
    credential(world, request)
}

fn address(last: u8) -> HostAddress {
    HostAddress {
        addr_type: AddressType::IPV4,
        address: vec![10, 0, 0, last],
    }
}

#[test]
fn forwarding_and_proxies_change_addresses_and_nothing_else_does() {
    const FORWARDABLE: KdcOptions = KdcOptions::FORWARDABLE;
    let mut world = World::new();
    let tgt = asked(
        &mut world,
        FORWARDABLE | KdcOptions::PROXIABLE,
        Some(vec![address(1)]),
    );
    let plain = asked(&mut world, KdcOptions::NONE, Some(vec![address(1)]));
    let forwarded = KdcOptions::FORWARDED | FORWARDABLE;
    let (host, own) = (laptop(), krbtgt());
    let (one, two) = (Some(vec![address(1)]), Some(vec![address(2)]));
    type Asked = Option<Vec<HostAddress>>;
    type Case<'c> = (
        &'static str,
        &'c Credential,
        &'c PrincipalName,
        KdcOptions,
        &'c Asked,
        Result<(&'c Asked, TicketFlags), i32>,
    );
    let cases: [Case<'_>; 11] = [
        (
            "no option",
            &tgt,
            &host,
            KdcOptions::NONE,
            &two,
            Ok((&one, TicketFlags::NONE)),
        ),
        (
            "forwardable",
            &tgt,
            &own,
            FORWARDABLE,
            &two,
            Ok((&one, TicketFlags::FORWARDABLE)),
        ),
        (
            "forwarded",
            &tgt,
            &own,
            forwarded,
            &two,
            Ok((&two, TicketFlags::FORWARDED)),
        ),
        (
            "forwarded to anywhere",
            &tgt,
            &own,
            forwarded,
            &None,
            Ok((&None, TicketFlags::FORWARDED)),
        ),
        (
            "a proxy",
            &tgt,
            &host,
            KdcOptions::PROXY,
            &two,
            Ok((&two, TicketFlags::PROXY)),
        ),
        // RFC 4120 2.5: "only non-ticket-granting tickets may be issued with different network addresses".
        (
            "a ticket-granting proxy",
            &tgt,
            &own,
            KdcOptions::PROXY,
            &two,
            Err(13),
        ),
        (
            "proxiable",
            &tgt,
            &host,
            KdcOptions::PROXIABLE,
            &None,
            Ok((&one, TicketFlags::PROXIABLE)),
        ),
        ("not forwardable", &plain, &own, forwarded, &two, Err(13)),
        (
            "not proxiable",
            &plain,
            &host,
            KdcOptions::PROXY,
            &two,
            Err(13),
        ),
        (
            "a flag that it has not",
            &plain,
            &host,
            FORWARDABLE,
            &two,
            Ok((&one, TicketFlags::NONE)),
        ),
        (
            "not renewable",
            &plain,
            &own,
            KdcOptions::RENEW,
            &None,
            Err(13),
        ),
    ];
    for (name, tgt, service, options, addresses, expected) in cases {
        let mut request = Granted::new(tgt, service.clone(), world.now, &mut world.rng);
        request.body.kdc_options = options;
        request.body.addresses = addresses.clone().map(Into::into);
        let message = request.encode();
        match expected {
            Ok((addresses, flags)) => {
                let reply = world
                    .given(&message)
                    .unwrap_or_else(|why| panic!("{name}: {why}"));
                let (part, _) = request.open(&reply);
                let got = part.caddr.map(|list| list.into_vec());
                assert_eq!(&got, addresses, "{name}");
                assert!(part.flags.contains(flags), "{name}: {:?}", part.flags);
                assert!(!part.flags.contains(TicketFlags::INITIAL), "{name}");
                if !options.contains(FORWARDABLE) || flags == TicketFlags::NONE {
                    assert!(!part.flags.contains(TicketFlags::FORWARDABLE), "{name}");
                }
            }
            Err(code) => drop(world.refusal(&message, code).unwrap()),
        }
    }
}

fn sealed(key: &Key, usage: KeyUsage, data: &[u8]) -> Option<EncryptedData> {
    Some(EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher: key.encrypt(usage, &[9; 16], data),
    })
}

/// The authorization data of a ticket for the laptop, without the PAC.
fn own_data(world: &World, ticket: &wire::kerberos::Ticket) -> Vec<AuthorizationDataElement> {
    let laptop = world.account(world.laptop);
    let (part, key) = ticket::open(ticket, &laptop.keys).unwrap();
    ticket::pac::verify_as_service(&part, key).unwrap();
    part.authorization_data
        .unwrap()
        .into_iter()
        .skip(1)
        .collect()
}

#[test]
fn rfc_4120_3_3_3_authorization_data_goes_along_and_only_a_kdc_s_words_do_not() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let restriction = element(-4711, b"not on Sundays");
    let wrapped = AuthorizationDataElement::if_relevant(&[restriction.clone()].into());
    let pac = element(128, b"a PAC of one's own");
    let means = element(-19_280, &[1; 65]);
    let nested = AuthorizationDataElement::if_relevant(&[pac.clone(), means.clone()].into());
    let all: AuthorizationData = [restriction.clone(), pac, means, nested, wrapped.clone()].into();
    let expected = [restriction.clone(), wrapped];
    for with_subkey in [true, false] {
        let mut request = request(&mut world, &tgt);
        request.body.enc_authorization_data = match &request.subkey {
            Some(key) if with_subkey => {
                sealed(key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &all.encode())
            }
            _ => {
                request.subkey = None;
                sealed(
                    &request.key,
                    KeyUsage::TGS_REQ_AUTH_DATA_SESSION_KEY,
                    &all.encode(),
                )
            }
        };
        let reply = world.given(&request.encode()).unwrap();
        let (_, ticket) = request.open(&reply);
        assert_eq!(own_data(&world, &ticket), expected);
    }
    // A restricted ticket-granting ticket, which the client may give away, stays restricted.
    let mut restricted = request(&mut world, &tgt);
    restricted.body.sname = Some(krbtgt());
    restricted.body.kdc_options = KdcOptions::FORWARDED | KdcOptions::FORWARDABLE;
    let key = restricted.subkey.clone().unwrap();
    restricted.body.enc_authorization_data =
        sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &all.encode());
    let reply = world.given(&restricted.encode()).unwrap();
    let (part, ticket) = restricted.open(&reply);
    let etype = Etype::from_number(part.key.keytype.0).unwrap();
    let restricted = Credential {
        key: Key::new(etype, &part.key.keyvalue).unwrap(),
        ticket,
        ..tgt.clone()
    };
    let host = world.host(&restricted).unwrap();
    assert_eq!(own_data(&world, &host.ticket), expected);
    let forwarding = Wish {
        options: KdcOptions::FORWARDED | KdcOptions::FORWARDABLE,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let forwarded = world.service(&restricted, &forwarding).unwrap();
    let host = world.host(&forwarded).unwrap();
    assert_eq!(own_data(&world, &host.ticket), expected);
    judge(&[
        ("authorization data under the wrong key", 31, |request| {
            let key = Key::random_to_key(AES256, &[1; 32]);
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &[0x30, 0]);
        }),
        ("authorization data that is none", 60, |request| {
            let key = request.subkey.clone().unwrap();
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, b"none");
        }),
        ("a word to the KDC that it does not know", 12, |request| {
            let key = request.subkey.clone().unwrap();
            let data = AuthorizationData::from([element(8, &[0x30, 0])]);
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &data.encode());
        }),
        ("no authorization data", 0, |request| {
            let key = request.subkey.clone().unwrap();
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &[0x30, 0]);
        }),
    ]);
}

/// What RFC 4120 and MS-PAC let a KDC check of a service ticket: every signature.
fn signatures_hold(part: &EncTicketPart, service: &Account, krbtgt: &Account) -> [bool; 4] {
    const USAGE: KeyUsage = KeyUsage::KERB_NON_KERB_CKSUM_SALT;
    let data = part.authorization_data.clone().unwrap().into_vec();
    let inner = AuthorizationData::decode(&data[0].ad_data).unwrap();
    let pac = Pac::parse(&inner[0].ad_data).unwrap();
    let holds = |account: &Account, kind, covered: &[u8]| {
        let signature = pac.signature(kind).unwrap();
        ticket::Keys::newest(&account.keys)
            .filter(|key| key.key.etype().checksum_type() == signature.checksum_type)
            .any(|key| {
                let key = key.key;
                key.verify_checksum(USAGE, covered, &signature.value)
                    .is_ok()
            })
    };
    let both = [BufferType::SERVER_CHECKSUM, BufferType::KDC_CHECKSUM];
    let three = [both[0], both[1], BufferType::FULL_CHECKSUM];
    let server = pac.signature(BufferType::SERVER_CHECKSUM).unwrap().value;
    let placeholder = [element(128, &[0])];
    let mut without = part.clone();
    let mut data = data.clone();
    data[0] = AuthorizationDataElement::if_relevant(&placeholder.into());
    without.authorization_data = Some(data.into());
    [
        holds(service, both[0], &pac.with_zeroed_signatures(&both)),
        holds(krbtgt, both[1], &server),
        holds(krbtgt, BufferType::TICKET_CHECKSUM, &without.encode()),
        holds(
            krbtgt,
            BufferType::FULL_CHECKSUM,
            &pac.with_zeroed_signatures(&three),
        ),
    ]
}

#[test]
fn security_2_all_four_signatures_hold_and_a_flipped_flag_breaks_the_ticket_s() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let host = world.host(&tgt).unwrap();
    let (laptop, krbtgt) = (world.account(world.laptop), world.krbtgt());
    let (mut part, _) = ticket::open(&host.ticket, &laptop.keys).unwrap();
    assert_eq!(signatures_hold(&part, &laptop, &krbtgt), [true; 4]);
    // The bronze bit (CVE-2020-17049): whoever has the service's key flips a flag.
    part.flags = TicketFlags(part.flags.0 ^ TicketFlags::FORWARDABLE.0);
    assert_eq!(
        signatures_hold(&part, &laptop, &krbtgt),
        [true, true, false, true]
    );
}

#[test]
fn a_pac_that_the_client_declined_is_in_no_service_s_ticket_and_in_every_other() {
    let mut world = World::new();
    let key = world.key_of(world.alice, AES256);
    for (wish, has) in [(0xff, true), (0, false)] {
        let mut request = Password::new("alice", key.clone(), world.now, &mut world.rng);
        let wish = tlv(0x30, &[&tlv(0xa0, &[&tlv(1, &[&[wish]])])]);
        let wish = PaData::new(PaDataType::PAC_REQUEST, wish);
        request.others = vec![wish.clone()];
        let credential = credential(&mut world, request);
        let forwarding = Wish {
            options: KdcOptions::FORWARDED | KdcOptions::FORWARDABLE,
            ..Wish::ticket_granting("CORP.EXAMPLE")
        };
        let forwarded = world.service(&credential, &forwarding).unwrap();
        for tgt in [credential, forwarded] {
            let host = world.host(&tgt).unwrap();
            let laptop = world.account(world.laptop);
            let (part, key) = ticket::open(&host.ticket, &laptop.keys).unwrap();
            assert_eq!(ticket::pac::verify_as_service(&part, key).is_ok(), has);
            assert_eq!(part.authorization_data.is_some(), has);
        }
        // And the same for an initial ticket to the service.
        let mut request = Password::new("alice", key.clone(), world.now, &mut world.rng);
        request.others = vec![wish];
        request.body.sname = Some(self::laptop());
        let reply = AsRep::decode(&world.given(&request.encode()).unwrap()).unwrap();
        let laptop = world.account(world.laptop);
        let (part, _) = ticket::open(&reply.ticket, &laptop.keys).unwrap();
        assert_eq!(part.authorization_data.is_some(), has);
    }
}

#[test]
fn a_service_s_account_decides_what_its_tickets_say() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let open = |world: &mut World, host: &Credential| {
        let laptop = world.account(world.laptop);
        ticket::open(&host.ticket, &laptop.keys).unwrap().0
    };
    let workstation = AccountControl::WORKSTATION_TRUST_ACCOUNT;
    let host = world.host(&tgt).unwrap();
    assert!(!host.flags.contains(TicketFlags::OK_AS_DELEGATE));
    let trusted = workstation | AccountControl::TRUSTED_FOR_DELEGATION;
    world.commit(&[change::set_control(world.laptop, trusted)]);
    let host = world.host(&tgt).unwrap();
    assert!(host.flags.contains(TicketFlags::OK_AS_DELEGATE));
    assert!(open(&mut world, &host).authorization_data.is_some());
    let plain = workstation | AccountControl::NO_AUTH_DATA_REQUIRED;
    world.commit(&[change::set_control(world.laptop, plain)]);
    let host = world.host(&tgt).unwrap();
    assert!(open(&mut world, &host).authorization_data.is_none());
    world.commit(&[change::disable(world.laptop, workstation)]);
    let disabled = world.host(&tgt).unwrap_err();
    assert_eq!(disabled, refused(ErrorCode::KDC_ERR_SERVICE_REVOKED));
    world.commit(&[change::enable(world.laptop, workstation)]);
    assert!(world.host(&tgt).is_ok());
}

#[test]
fn a_service_without_keys_gets_no_tickets_and_new_keys_seal_the_next_one() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let computers = world.directory.domain().unwrap().computers;
    let id = EntryId::random(&mut world.rng);
    let bare = NewEntry::computer(id, computers, "BARE");
    world.commit(&[Change::Add(Box::new(bare))]);
    let bare = Wish::service(PrincipalName::principal("BARE$"));
    let refusal = world.service(&tgt, &bare).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_ETYPE_NOSUPP));
    let old = world.host(&tgt).unwrap();
    let material = PasswordMaterial::random(&mut world.rng);
    world.commit(&[change::set_password(world.laptop, material)]);
    let new = world.host(&tgt).unwrap();
    let kvno = |credential: &Credential| credential.ticket.enc_part.kvno;
    assert_eq!((kvno(&old), kvno(&new)), (Some(1.into()), Some(2.into())));
    let laptop = world.account(world.laptop);
    assert!(ticket::open(&old.ticket, &laptop.keys).is_ok());
    assert!(ticket::open(&new.ticket, &laptop.keys).is_ok());
}

#[test]
fn a_ticket_of_the_key_before_the_last_rotation_still_opens_and_none_before_that() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let krbtgt = world.directory.domain().unwrap().krbtgt;
    for accepted in [true, false] {
        let material = PasswordMaterial::random(&mut world.rng);
        world.commit(&[change::set_password(krbtgt, material)]);
        let host = world.host(&tgt);
        assert_eq!(host.is_ok(), accepted);
        if let Err(refusal) = host {
            assert_eq!(refusal, refused(ErrorCode::KRB_AP_ERR_BADKEYVER));
            assert_eq!(world.refused, Some(Refused::KeyGone));
        }
    }
}

#[test]
fn a_service_s_ticket_is_no_ticket_granting_ticket_whatever_it_calls_itself() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut host = world.host(&tgt).unwrap();
    refuses(&mut world, "as it is", &host, 35);
    host.ticket.sname = krbtgt();
    // Under the key version that krbtgt has, too.
    refuses(&mut world, "under krbtgt's name", &host, 31);
    host.ticket.enc_part.kvno = None;
    refuses(&mut world, "without a key version", &host, 31);
}

#[test]
fn no_ticket_outlives_what_it_rests_on_and_a_renewal_keeps_what_it_was() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    world.advance(Span::hours(9));
    let host = world.host(&tgt).unwrap();
    assert_eq!(host.end, tgt.end);
    let renewal = Wish {
        options: KdcOptions::RENEW,
        renewable: None,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let mut renewed = tgt.clone();
    let last = Timestamp::from_unix(tgt.renew_till.unwrap().unix());
    while world.now + Span::hours(9) < last {
        renewed = world.service(&renewed, &renewal).unwrap();
        assert!(renewed.end <= tgt.renew_till.unwrap());
        assert_eq!(renewed.renew_till, tgt.renew_till);
        assert_eq!(renewed.authenticated, tgt.authenticated);
        assert!(
            renewed
                .flags
                .contains(TicketFlags::FORWARDABLE | TicketFlags::RENEWABLE)
        );
        assert!(!renewed.flags.contains(TicketFlags::INITIAL));
        assert!(world.host(&renewed).is_ok());
        world.advance(Span::hours(9));
    }
    let renewed = world.service(&renewed, &renewal).unwrap();
    assert_eq!(Some(renewed.end), tgt.renew_till);
    world.now = last;
    let late = world.service(&renewed, &renewal).unwrap_err();
    assert_eq!(late, refused(ErrorCode::KRB_AP_ERR_TKT_EXPIRED));
}
