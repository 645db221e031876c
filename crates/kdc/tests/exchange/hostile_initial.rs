//! AS-REQs that are odd or hostile, without PKINIT (RFC 4120 3.1, 5.2.7.2; protocols E.2, E.3.6; security
//! rows 2, 3, 16, 19, 21).

mod proof;

use crypto::etype::{Etype, Key};
use directory::lockout::LockoutPolicy;
use directory::password::PasswordMaterial;
use directory::{AccountControl, Attribute, Change, EntryId, NewEntry, change};
use kdc::{Refused, Transport};
use ticket::client::{Failed, Handled, Initial, Secret, Wish};
use trust::{Span, Timestamp};
use wire::kerberos::{
    AddressType, AsRep, AsReq, EtypeInfo2, HostAddress, KdcOptions, KerberosString, KerberosTime,
    KeyUsage, KrbError, MethodData, NameType, PaData, PaDataType, PrincipalName, Realm,
    TicketFlags,
};

use crate::forge::{Password, etypes, kerberos_time, tlv};
use crate::table::Cases;
use crate::world::{PASSWORD, World};

const AES256: Etype = Etype::Aes256CtsHmacSha1_96;

fn key(world: &World) -> Key {
    world.key_of(world.alice, AES256)
}

fn request(world: &mut World) -> Password {
    let key = key(world);
    Password::new("alice", key, world.now, &mut world.rng)
}

/// A request that proves nothing: 25 where everything else about it is right.
fn bare(world: &mut World) -> Password {
    let mut request = request(world);
    request.prove = false;
    request
}

fn refused_bare(world: &mut World, code: i32) -> Result<KrbError, String> {
    let message = bare(world).encode();
    world.refusal(&message, code)
}

fn names(kind: NameType, components: &[&str]) -> Option<PrincipalName> {
    Some(PrincipalName::new(kind, components.iter().copied()))
}

fn judge_names(
    cases: &[(NameType, &[&str], i32)],
    place: fn(&mut Password, Option<PrincipalName>),
) -> Cases {
    let mut world = World::new();
    let kate = EntryId::random(&mut world.rng);
    let users = world.directory.domain().unwrap().users;
    let kate = NewEntry::user(kate, users, "kate", "kate");
    world.commit(&[Change::Add(Box::new(kate))]);
    let mut judged = Cases::new();
    for (kind, components, code) in cases {
        let mut request = bare(&mut world);
        place(&mut request, names(*kind, components));
        let shown: Vec<String> = components
            .iter()
            .map(|c| c.chars().take(40).collect())
            .collect();
        let name = format!("{kind:?} {shown:?}");
        judged.judge(&mut world, &name, &request.encode(), *code);
    }
    judged
}

#[test]
fn a_name_finds_its_own_account_and_nothing_like_it() {
    use NameType as N;
    let (long, many) = ("a".repeat(20_000), ["a"; 16]);
    judge_names(
        &[
            (N::NT_PRINCIPAL, &["alice"], 25),
            (N::NT_PRINCIPAL, &["ALICE"], 25),
            (N::NT_UNKNOWN, &["alice"], 25),
            (N::NT_SRV_INST, &["alice"], 25),
            (N(4711), &["alice"], 25),
            (N::NT_PRINCIPAL, &["kate"], 25),
            // What a directory may forgive must not be another name in a ticket.
            (N::NT_PRINCIPAL, &[" alice"], 6),
            (N::NT_PRINCIPAL, &["alice "], 6),
            (N::NT_PRINCIPAL, &["alice\n"], 6),
            (N::NT_PRINCIPAL, &["alice\u{a0}"], 6),
            (N::NT_PRINCIPAL, &["alice\0"], 6),
            (N::NT_PRINCIPAL, &["al ice"], 6),
            (N::NT_PRINCIPAL, &["\u{212a}ate"], 6),
            (N::NT_PRINCIPAL, &["a\u{301}lice"], 6),
            (N::NT_PRINCIPAL, &["alice@corp.example"], 6),
            (N::NT_PRINCIPAL, &["alice@CORP.EXAMPLE"], 6),
            (N::NT_PRINCIPAL, &["CORP\\alice"], 6),
            (N::NT_MS_PRINCIPAL, &["CORP\\alice"], 6),
            (N::NT_PRINCIPAL, &["alice\\"], 6),
            (N::NT_PRINCIPAL, &["alice", ""], 6),
            (N::NT_PRINCIPAL, &["", "alice"], 6),
            (N::NT_PRINCIPAL, &["alice/"], 6),
            (N::NT_PRINCIPAL, &[""], 6),
            (N::NT_PRINCIPAL, &[], 6),
            (N::NT_PRINCIPAL, &["*"], 6),
            (N::NT_PRINCIPAL, &[&long], 6),
            (N::NT_PRINCIPAL, &many, 6),
            (N::NT_ENTERPRISE, &["alice@corp.example"], 25),
            (N::NT_ENTERPRISE, &["ALICE@CORP.EXAMPLE"], 25),
            (N::NT_ENTERPRISE, &["LAPTOP-1$@corp.example"], 25),
            (N::NT_ENTERPRISE, &["alice"], 25),
            (N::NT_ENTERPRISE, &["alice@other.example"], 6),
            (N::NT_ENTERPRISE, &["alice@corp.example@corp.example"], 6),
            (N::NT_ENTERPRISE, &["@corp.example"], 6),
            (N::NT_ENTERPRISE, &["alice@"], 6),
            (N::NT_ENTERPRISE, &["LAPTOP-1@corp.example"], 6),
            (N::NT_ENTERPRISE, &["alice@corp.example", "x"], 6),
            // A computer has a dollar sign, and just one (the class of CVE-2021-42278).
            (N::NT_PRINCIPAL, &["LAPTOP-1$"], 25),
            (N::NT_PRINCIPAL, &["laptop-1$"], 25),
            (N::NT_PRINCIPAL, &["LAPTOP-1"], 6),
            (N::NT_PRINCIPAL, &["LAPTOP-1$$"], 6),
            (N::NT_PRINCIPAL, &["alice$"], 6),
            // A service signs in under a name that its account carries.
            (N::NT_SRV_HST, &["host", "laptop-1.corp.example"], 25),
            (N::NT_PRINCIPAL, &["HOST", "LAPTOP-1.corp.example"], 25),
            (N::NT_PRINCIPAL, &["host/laptop-1.corp.example"], 6),
            (N::NT_SRV_HST, &["host", "laptop-1.corp.example", ""], 6),
            (N::NT_SRV_HST, &["host", "laptop-1.corp.example "], 6),
            (N::NT_SRV_HST, &["host\\", "laptop-1.corp.example"], 6),
            (
                N::NT_SRV_HST,
                &["host", "laptop-1.corp.example@CORP.EXAMPLE"],
                6,
            ),
            (N::NT_SRV_HST, &["http", "laptop-1.corp.example"], 6),
            // Nobody signs in as the ticket-granting service.
            (N::NT_PRINCIPAL, &["krbtgt"], 6),
            (N::NT_ENTERPRISE, &["krbtgt@corp.example"], 6),
            (N::NT_SRV_INST, &["krbtgt", "CORP.EXAMPLE"], 6),
            (N::NT_SRV_INST, &["kadmin", "changepw"], 6),
            (N::NT_WELLKNOWN, &["WELLKNOWN", "ANONYMOUS"], 6),
        ],
        |request, name| request.body.cname = name,
    )
    .are(55);
}

#[test]
fn a_service_is_asked_for_by_its_own_name() {
    use NameType as N;
    judge_names(
        &[
            (N::NT_SRV_INST, &["krbtgt", "CORP.EXAMPLE"], 25),
            (N::NT_PRINCIPAL, &["krbtgt", "CORP.EXAMPLE"], 25),
            (N::NT_SRV_INST, &["krbtgt", "corp.example"], 7),
            (N::NT_SRV_INST, &["KRBTGT", "CORP.EXAMPLE"], 7),
            (N::NT_SRV_INST, &["krbtgt", "OTHER.EXAMPLE"], 7),
            (N::NT_SRV_INST, &["krbtgt", ""], 7),
            (N::NT_SRV_INST, &["krbtgt", "CORP.EXAMPLE", ""], 7),
            (N::NT_PRINCIPAL, &["krbtgt/CORP.EXAMPLE"], 7),
            (N::NT_PRINCIPAL, &["krbtgt"], 7),
            (N::NT_SRV_INST, &["kadmin", "changepw"], 25),
            (N::NT_SRV_HST, &["KADMIN", "ChangePW"], 25),
            (N::NT_SRV_INST, &["kadmin", "admin"], 7),
            (N::NT_SRV_HST, &["host", "laptop-1.corp.example"], 25),
            (N::NT_SRV_HST, &["HOST", "Laptop-1.Corp.Example"], 25),
            (N::NT_SRV_HST, &["host", "laptop-1.corp.example\t"], 7),
            (N::NT_SRV_HST, &["host", "laptop-1"], 7),
            (N::NT_PRINCIPAL, &["host/laptop-1.corp.example"], 7),
            (N::NT_PRINCIPAL, &["LAPTOP-1$"], 25),
            (N::NT_PRINCIPAL, &["LAPTOP-1"], 7),
            // A person's key is too weak to seal anything for others.
            (N::NT_PRINCIPAL, &["bob"], 27),
            (N::NT_PRINCIPAL, &["nobody"], 7),
            (N::NT_PRINCIPAL, &[""], 7),
            (N::NT_PRINCIPAL, &[], 7),
        ],
        |request, name| request.body.sname = name,
    )
    .are(23);
}

#[test]
fn the_name_in_a_ticket_is_the_one_asked_for_or_the_account_s() {
    let mut world = World::new();
    let plain = KdcOptions::NONE;
    for (kind, name, options, expected) in [
        (NameType::NT_PRINCIPAL, "alice", plain, "alice"),
        (NameType::NT_PRINCIPAL, "Alice", plain, "Alice"),
        (
            NameType::NT_PRINCIPAL,
            "Alice",
            KdcOptions::CANONICALIZE,
            "alice",
        ),
        (
            NameType::NT_ENTERPRISE,
            "ALICE@corp.example",
            plain,
            "alice",
        ),
    ] {
        let mut request = request(&mut world);
        request.body.cname = names(kind, &[name]);
        request.body.kdc_options = options;
        let reply = AsRep::decode(&world.given(&request.encode()).unwrap()).unwrap();
        assert_eq!(
            reply.cname,
            PrincipalName::new(reply.cname.name_type, [expected])
        );
        let krbtgt = world.krbtgt();
        let (part, key) = ticket::open(&reply.ticket, &krbtgt.keys).unwrap();
        assert!(part.cname.is_same(&reply.cname));
        let pac = ticket::pac::verify(&part, key, &krbtgt.keys).unwrap();
        assert_eq!(pac.client_info().unwrap().name, expected);
        assert_eq!(pac.logon_info().unwrap().effective_name, "alice");
    }
}

#[test]
fn e_3_6_a_request_is_refused_for_what_it_asks() {
    type Case = (&'static str, i32, fn(&mut Password, Timestamp));
    let cases: &[Case] = &[
        ("nothing", 25, |_, _| {}),
        ("no client", 6, |request, _| request.body.cname = None),
        ("no service", 7, |request, _| request.body.sname = None),
        ("the realm in lower case", 68, |request, _| {
            request.body.realm = Realm::from("corp.example");
        }),
        ("another realm", 68, |request, _| {
            request.body.realm = Realm::from("OTHER.EXAMPLE");
        }),
        ("a realm without a name", 68, |request, _| {
            request.body.realm = Realm::from("")
        }),
        ("renewal", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::RENEW
        }),
        ("validation", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::VALIDATE
        }),
        ("forwarding", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::FORWARDED
        }),
        ("a proxy", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::PROXY
        }),
        ("user-to-user", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::ENC_TKT_IN_SKEY;
        }),
        ("delegation", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::CNAME_IN_ADDL_TKT;
        }),
        ("anonymity", 13, |request, _| {
            request.body.kdc_options |= KdcOptions::REQUEST_ANONYMOUS;
        }),
        ("options that nobody knows", 25, |request, _| {
            request.body.kdc_options |= KdcOptions(0x0000_4600);
        }),
        ("only RC4", 14, |request, _| {
            request.body.etype = etypes(&[23]).into()
        }),
        ("only DES and 3DES", 14, |request, _| {
            request.body.etype = etypes(&[1, 3, 16]).into()
        }),
        ("only etypes that nobody knows", 14, |request, _| {
            request.body.etype = etypes(&[-4711, 4711]).into();
        }),
        ("no etype", 14, |request, _| {
            request.body.etype = etypes(&[]).into()
        }),
        ("RC4 first, AES last", 25, |request, _| {
            request.body.etype = etypes(&[23, 17]).into();
        }),
        ("63 unknown etypes and AES", 25, |request, _| {
            let mut list = vec![4711; 63];
            list.push(18);
            request.body.etype = etypes(&list).into();
        }),
        ("65 etypes", 60, |request, _| {
            request.body.etype = etypes(&[18; 65]).into()
        }),
        ("17 components", 60, |request, _| {
            request.body.cname = names(NameType::NT_PRINCIPAL, &["a"; 17]);
        }),
        ("129 addresses", 60, |request, _| {
            let address = HostAddress {
                addr_type: AddressType::IPV4,
                address: vec![127, 0, 0, 1],
            };
            request.body.addresses = Some(vec![address; 129].into());
        }),
        ("65 pieces of padata", 60, |request, _| {
            request.others = vec![PaData::empty(PaDataType(4711)); 65];
        }),
        ("64 pieces of padata", 25, |request, _| {
            request.others = vec![PaData::empty(PaDataType(4711)); 64];
        }),
    ];
    let mut world = World::new();
    let mut judged = Cases::new();
    for (name, code, make) in cases {
        let mut request = bare(&mut world);
        make(&mut request, world.now);
        judged.judge(&mut world, name, &request.encode(), *code);
    }
    judged.are(25);
}

#[test]
fn times_that_cannot_be_had_are_refused_to_who_proved_themselves() {
    let ask = |world: &mut World, make: fn(&mut Password, Timestamp)| {
        let mut request = request(world);
        make(&mut request, world.now);
        let message = request.encode();
        match world.given(&message) {
            Ok(reply) => Ok(request.open(&reply)),
            Err(_) => Err(world.refused.clone().unwrap().code().0),
        }
    };
    let mut world = World::new();
    let (now, long) = (world.now, world.now + Span::hours(10));
    let end = |asked: Result<wire::kerberos::EncKdcRepPart, i32>| asked.map(|part| part.endtime);
    assert_eq!(end(ask(&mut world, |_, _| {})), Ok(kerberos_time(long)));
    let past = ask(&mut world, |request, now| {
        request.body.till = kerberos_time(now - Span::seconds(1));
    });
    assert_eq!(end(past), Err(11));
    let at_once = ask(&mut world, |request, now| {
        request.body.till = kerberos_time(now)
    });
    assert_eq!(end(at_once), Err(11));
    let second = ask(&mut world, |request, now| {
        request.body.till = kerberos_time(now + Span::seconds(1));
    });
    assert_eq!(end(second), Ok(kerberos_time(now + Span::seconds(1))));
    let endless = ask(&mut world, |request, _| {
        request.body.till = KerberosTime::EPOCH
    });
    assert_eq!(end(endless), Ok(kerberos_time(long)));
    let year_9999 = ask(&mut world, |request, _| {
        request.body.till = KerberosTime::from_unix(253_402_300_799);
    });
    assert_eq!(end(year_9999), Ok(kerberos_time(long)));
    let soon = ask(&mut world, |request, now| {
        request.body.from = Some(kerberos_time(now + Span::minutes(5)));
    });
    assert_eq!(soon.unwrap().starttime, Some(kerberos_time(now)));
    let later = ask(&mut world, |request, now| {
        request.body.from = Some(kerberos_time(now + Span::seconds(301)));
    });
    assert_eq!(end(later), Err(10));
    for option in [KdcOptions::POSTDATED, KdcOptions::ALLOW_POSTDATE] {
        let mut request = request(&mut world);
        request.body.kdc_options |= option;
        world.refusal(&request.encode(), 10).unwrap();
    }
    let renewable = ask(&mut world, |request, now| {
        request.body.kdc_options |= KdcOptions::RENEWABLE;
        request.body.rtime = Some(kerberos_time(now + Span::days(300)));
    });
    let renewable = renewable.unwrap();
    assert_eq!(
        renewable.renew_till,
        Some(kerberos_time(now + Span::days(7)))
    );
    assert!(renewable.flags.contains(TicketFlags::RENEWABLE));
    let not_renewable = ask(&mut world, |request, now| {
        request.body.kdc_options |= KdcOptions::RENEWABLE;
        request.body.rtime = Some(kerberos_time(now - Span::days(1)));
    });
    assert!(
        !not_renewable
            .unwrap()
            .flags
            .contains(TicketFlags::RENEWABLE)
    );
}

/// The body without one of its components, by the tag's number.
fn without(body: &[u8], number: u8) -> Vec<u8> {
    let mut rest = match body[1] {
        0x81 => &body[3..],
        0x82 => &body[4..],
        _ => &body[2..],
    };
    let mut kept = Vec::new();
    while !rest.is_empty() {
        let length = 2 + usize::from(rest[1]);
        let (component, others) = rest.split_at(length);
        if component[0] != 0xa0 | number {
            kept.extend_from_slice(component);
        }
        rest = others;
    }
    tlv(0x30, &[&kept])
}

#[test]
fn a_request_that_is_not_whole_is_refused_and_the_next_one_is_answered() {
    let mut world = World::new();
    let whole = bare(&mut world).encode();
    let body = AsReq::decode(&whole).unwrap().req_body.as_bytes().to_vec();
    let message = |version: u8, kind: u8, tag: u8, body: &[u8]| {
        let (version, kind) = (tlv(2, &[&[version]]), tlv(2, &[&[kind]]));
        let fields = [
            tlv(0xa1, &[&version]),
            tlv(0xa2, &[&kind]),
            tlv(0xa4, &[body]),
        ];
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        tlv(tag, &[&tlv(0x30, &fields)])
    };
    world.refusal(&message(5, 10, 0x6a, &body), 25).unwrap();
    for required in [0, 2, 5, 7, 8] {
        let cut = message(5, 10, 0x6a, &without(&body, required));
        world.refusal(&cut, 60).unwrap();
    }
    for (name, message) in [
        ("version 4", message(4, 10, 0x6a, &body)),
        ("a TGS-REQ inside", message(5, 12, 0x6a, &body)),
        ("a TGS-REQ outside", message(5, 10, 0x6c, &body)),
        ("no body", message(5, 10, 0x6a, &[])),
        ("half", whole[..whole.len() / 2].to_vec()),
        ("a byte too many", [&whole[..], &[0]].concat()),
        (
            "an endless length",
            vec![0x6a, 0x84, 0xff, 0xff, 0xff, 0xff],
        ),
        (
            "an indefinite length",
            vec![0x6a, 0x80, 0x30, 0x80, 0, 0, 0, 0],
        ),
        ("one byte", vec![0x6a]),
        (
            "more than is read",
            [&[0x6a, 0x83, 1, 0, 0][..], &vec![0; 65_536]].concat(),
        ),
    ] {
        world
            .refusal(&message, 60)
            .unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(world.refused, Some(Refused::Malformed), "{name}");
    }
    world.refusal(&whole, 25).unwrap();
}

#[test]
fn an_answer_or_an_error_is_never_answered() {
    let mut world = World::new();
    let good = request(&mut world);
    let reply = world.given(&good.encode()).unwrap().to_vec();
    let error = refused_bare(&mut world, 25);
    let error = error.unwrap().encode();
    // Else two KDCs would answer each other's errors until one of them is switched off (the class of
    // CVE-2002-2443).
    for message in [
        reply,
        error,
        vec![0x6d, 0],
        vec![0x6f, 0],
        vec![0x7e, 3, 1, 2, 3],
    ] {
        for transport in [Transport::Datagram, Transport::Stream] {
            assert_eq!(world.send(&message, transport), None, "{:x?}", message[0]);
        }
    }
    world.refusal(&[0x6e, 0], 40).unwrap();
    world.refusal(&[0x75, 0], 40).unwrap();
}
