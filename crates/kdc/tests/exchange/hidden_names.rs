//! Where names are hidden, as they are by default, who proves nothing learns nothing of accounts: neither whether there is
//! one, nor in which state it is (security row 16). And who proves to be somebody is told all.

use crypto::etype::{Etype, Key};
use crypto::key::KeyKind;
use directory::password::PasswordMaterial;
use directory::{AccountControl, Attribute, Change, NewEntry, change};
use kdc::{Realm, Refused};
use trust::Span;
use wire::kerberos::{
    EtypeInfo2, KdcOptions, KrbError, MethodData, PaData, PaDataType, PrincipalName,
};

use crate::armor::{Armored, refusal};
use crate::forge::{Attributes, Password, Pkinit, etypes};
use crate::world::{PASSWORD, Pair, World, pair};

const AES256: Etype = Etype::Aes256CtsHmacSha1_96;

/// As long as `alice`, so that the salts are, too.
pub(crate) const NOBODY: &str = "nobdy";

pub(crate) fn hidden() -> World {
    let mut world = World::new();
    world.realm.hide_unknown_names = true;
    world
}

#[test]
fn names_are_hidden_by_default() {
    assert!(Realm::new("CORP.EXAMPLE", "DC1").hide_unknown_names);
}

/// What a client sees of a refusal, but for names, and for a token that is another each time.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    code: i32,
    methods: Vec<(PaDataType, Vec<u8>)>,
    other_data: Option<Vec<u8>>,
}

fn anonymized(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(NOBODY.len() - 1) {
        if bytes[at..].starts_with(NOBODY.as_bytes()) {
            bytes[at..at + NOBODY.len()].copy_from_slice(b"alice");
        }
    }
    bytes
}

fn seen(error: &KrbError, methods: Option<MethodData>) -> Seen {
    let decoded = methods.or_else(|| MethodData::decode(error.e_data.as_deref()?).ok());
    let other_data = match decoded {
        None => error.e_data.as_deref().map(anonymized),
        Some(_) => None,
    };
    let methods = decoded.map_or_else(Vec::new, MethodData::into_vec);
    let methods = methods.into_iter().map(|one: PaData| {
        let value = match one.padata_type {
            PaDataType::AS_FRESHNESS => vec![0; one.padata_value.len()],
            _ => anonymized(&one.padata_value),
        };
        (one.padata_type, value)
    });
    Seen {
        code: error.error_code.0,
        methods: methods.collect(),
        other_data,
    }
}

/// What comes of a message; nothing where it is a ticket.
fn asked(world: &mut World, message: &[u8]) -> Option<Seen> {
    let answer = world.send(message, kdc::Transport::Stream).unwrap();
    let error = KrbError::decode(&answer).ok()?;
    Some(seen(&error, None))
}

type State = (&'static str, fn(&mut World));

fn set(world: &World, more: AccountControl) {
    let control = AccountControl::NORMAL_ACCOUNT | more;
    world.commit(&[change::set_control(world.alice, control)]);
}

/// What an account may be.
const STATES: [State; 10] = [
    ("with a password", |_| {}),
    ("without a key of the directory's etypes", |world| {
        let domain = world.directory.domain().unwrap();
        world.commit(&[Change::Delete { id: world.alice }]);
        let id = directory::EntryId::random(&mut world.rng);
        let entry = NewEntry::user(id, domain.users, "alice", "alice");
        world.commit(&[Change::Add(Box::new(entry))]);
        world.alice = id;
    }),
    ("with keys by chance", |world| {
        world.commit(&[Change::Delete { id: world.alice }]);
        let domain = world.directory.domain().unwrap();
        let id = directory::EntryId::random(&mut world.rng);
        let mut entry = NewEntry::user(id, domain.users, "alice", "alice");
        entry.password = Some(Box::new(PasswordMaterial::random(&mut world.rng)));
        world.commit(&[Change::Add(Box::new(entry))]);
        world.alice = id;
    }),
    ("with a listed key", |world| {
        let other = pair(KeyKind::P256);
        world.list(world.alice, &other.key, None);
    }),
    ("that takes no password", |world| {
        set(world, AccountControl::SMARTCARD_REQUIRED);
    }),
    ("disabled", |world| {
        let control = AccountControl::NORMAL_ACCOUNT;
        world.commit(&[change::disable(world.alice, control)]);
    }),
    ("expired", |world| {
        let expires = Attribute::AccountExpires;
        world.commit(&[change::set(world.alice, expires, world.now)]);
    }),
    ("whose password must be changed", |world| {
        world.commit(&[change::expire_password(world.alice)]);
    }),
    ("that may not be delegated", |world| {
        set(world, AccountControl::NOT_DELEGATED);
    }),
    ("locked out", |world| {
        for _ in 0..12 {
            let (key, now) = (wrong(world), world.now);
            let message = Password::new("alice", key, now, &mut world.rng).encode();
            world.refusal(&message, 24).unwrap();
        }
    }),
];

fn wrong(world: &mut World) -> Key {
    Key::random_to_key(AES256, &world.bytes::<32>())
}

pub(crate) fn bare(name: &str, world: &mut World) -> Password {
    let (key, now) = (wrong(world), world.now);
    let mut request = Password::new(name, key, now, &mut world.rng);
    request.prove = false;
    request
}

fn guess(name: &str, world: &mut World) -> Password {
    let (key, now) = (wrong(world), world.now);
    Password::new(name, key, now, &mut world.rng)
}

fn sign<'p>(name: &str, pair: &'p Pair, world: &mut World) -> Pkinit<'p> {
    let now = world.now;
    Pkinit::new(name, pair, now, &mut world.rng)
}

pub(crate) type Probe = (&'static str, fn(&str, &Pair, &mut World) -> Vec<u8>);

/// What somebody without a proof may send, in the name of anybody.
pub(crate) const PROBES: &[Probe] = &[
    ("nothing", |name, _, world| bare(name, world).encode()),
    ("nothing, and asks for a token", |name, _, world| {
        let mut request = bare(name, world);
        request.others.push(PaData::empty(PaDataType::AS_FRESHNESS));
        request.encode()
    }),
    ("nothing, by UPN", |name, _, world| {
        let mut request = bare(name, world);
        let upn = format!("{name}@corp.example");
        request.body.cname = Some(PrincipalName::enterprise(&upn));
        request.encode()
    }),
    ("nothing, in capitals", |name, _, world| {
        let mut request = bare(name, world);
        request.body.cname = Some(PrincipalName::principal(&name.to_uppercase()));
        request.encode()
    }),
    ("nothing, for an unknown service", |name, _, world| {
        let mut request = bare(name, world);
        request.body.sname = Some(PrincipalName::service("host", "nowhere"));
        request.encode()
    }),
    ("nothing, for a known service", |name, _, world| {
        let mut request = bare(name, world);
        request.body.sname = Some(PrincipalName::service("host", "laptop-1.corp.example"));
        request.encode()
    }),
    ("nothing, for a person as a service", |name, _, world| {
        let mut request = bare(name, world);
        request.body.sname = Some(PrincipalName::principal("bob"));
        request.encode()
    }),
    ("nothing, for no service", |name, _, world| {
        let mut request = bare(name, world);
        request.body.sname = None;
        request.encode()
    }),
    ("nothing, with RC4 alone", |name, _, world| {
        let mut request = bare(name, world);
        request.body.etype = etypes(&[23]).into();
        request.encode()
    }),
    ("nothing, to be renewed", |name, _, world| {
        let mut request = bare(name, world);
        request.body.kdc_options |= KdcOptions::RENEW;
        request.encode()
    }),
    ("nothing, in the past", |name, _, world| {
        let mut request = bare(name, world);
        request.body.till = crate::forge::kerberos_time(world.now - Span::days(1));
        request.encode()
    }),
    ("a guess", |name, _, world| guess(name, world).encode()),
    ("a guess for an unknown service", |name, _, world| {
        let mut request = guess(name, world);
        request.body.sname = Some(PrincipalName::service("host", "nowhere"));
        request.encode()
    }),
    ("a guess marked with RC4", |name, _, world| {
        let mut request = guess(name, world);
        request.etype = 23;
        request.encode()
    }),
    ("a guess marked with another etype", |name, _, world| {
        let mut request = guess(name, world);
        request.etype = 20;
        request.encode()
    }),
    ("a guess that is no EncryptedData", |name, _, world| {
        let mut request = bare(name, world);
        let garbage = PaData::new(PaDataType::ENC_TIMESTAMP, [0x30, 0x03, 1, 2, 3]);
        request.others.push(garbage);
        request.encode()
    }),
    ("a challenge without armor", |name, _, world| {
        let mut request = bare(name, world);
        let garbage = PaData::new(PaDataType::ENCRYPTED_CHALLENGE, [0x30, 0]);
        request.others.push(garbage);
        request.encode()
    }),
    ("a strange key", |name, pair, world| {
        sign(name, pair, world).encode()
    }),
    (
        "a strange key without a certificate",
        |name, pair, world| {
            let mut request = sign(name, pair, world);
            request.cms.certificates.clear();
            request.encode()
        },
    ),
    ("an altered signature", |name, pair, world| {
        let mut request = sign(name, pair, world);
        request.cms.signature = |mut signature| {
            *signature.last_mut().unwrap() ^= 1;
            signature
        };
        request.encode()
    }),
    ("a signature over MD5", |name, pair, world| {
        let mut request = sign(name, pair, world);
        request.cms.digest = wire::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.2.5");
        request.encode()
    }),
    ("a wrong content type", |name, pair, world| {
        let mut request = sign(name, pair, world);
        let digest = |content: &[u8]| crypto::digest::sha256(content).to_vec();
        request.cms.attributes = Attributes::Of(wire::pkinit::oid::DH_KEY_DATA, digest);
        request.encode()
    }),
    ("a signature without a checksum", |name, pair, world| {
        let mut request = sign(name, pair, world);
        request.checksum = false;
        request.encode()
    }),
    ("garbage in place of a signature", |name, pair, world| {
        let mut request = sign(name, pair, world);
        request.padata = |_| vec![0x30, 0x01, 0x00];
        request.encode()
    }),
    ("a signature in two forms", |name, pair, world| {
        let mut request = sign(name, pair, world);
        request
            .others
            .push(PaData::empty(PaDataType::PK_AS_REQ_OLD));
        request.encode()
    }),
    (
        "more certificates than are looked at",
        |name, pair, world| {
            let mut request = sign(name, pair, world);
            let own = request.cms.certificates[0].clone();
            request.cms.certificates = vec![own; 20];
            request.encode()
        },
    ),
];

#[test]
fn security_16_nobody_is_answered_as_somebody_is_in_whatever_state() {
    let strange = pair(KeyKind::P256);
    let mut wrong = Vec::new();
    for (state, make) in STATES {
        let mut world = hidden();
        make(&mut world);
        for (probe, message) in PROBES {
            let [alice, nobody] = ["alice", NOBODY].map(|name| {
                let message = message(name, &strange, &mut world);
                let answer = asked(&mut world, &message);
                (answer.expect("nothing was proven"), world.refused.clone())
            });
            if alice.0 != nobody.0 {
                wrong.push(format!(
                    "{probe} for an account {state}: {alice:?} {nobody:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// minikerberos with a key for RC4 gave up by itself at hints without an etype, and the log said nothing of it.
#[test]
fn who_takes_none_of_the_realms_etypes_is_told_so_whoever_it_is() {
    let mut world = hidden();
    for name in ["alice", NOBODY] {
        let strange = pair(KeyKind::P256);
        let mut question = bare(name, &mut world);
        question.body.etype = etypes(&[23, 3]).into();
        let mut guess = guess(name, &mut world);
        guess.body.etype = etypes(&[23]).into();
        let mut signed = sign(name, &strange, &mut world);
        signed.body.etype = etypes(&[23]).into();
        for message in [question.encode(), guess.encode(), signed.encode()] {
            world.refusal(&message, 14).unwrap();
            assert_eq!(world.refused, Some(Refused::NoCommonEtype));
        }
    }
    // One of them among others is enough to go on.
    let mut question = bare(NOBODY, &mut world);
    question.body.etype = etypes(&[23, 17]).into();
    world.refusal(&question.encode(), 25).unwrap();
}

#[test]
fn security_16_under_armor_nobody_is_answered_as_somebody_is() {
    let mut wrong = Vec::new();
    for (state, make) in STATES {
        let mut world = hidden();
        make(&mut world);
        let machine = world.machine();
        for proves in [false, true] {
            let [alice, nobody] = ["alice", NOBODY].map(|name| {
                let mut request = Armored::new(name, &machine, &mut world);
                if proves {
                    let (key, now) = (self::wrong(&mut world), world.now);
                    request.challenge(&key, now, &mut world.rng);
                }
                let answer = world.send(&request.encode(), kdc::Transport::Stream);
                let (error, response) = refusal(&request.inside.key, &answer.unwrap());
                seen(&error, Some(response.padata))
            });
            if alice != nobody {
                wrong.push(format!("{state}, {proves}: {alice:?} {nobody:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As an account that came from elsewhere may have it.
#[test]
fn a_key_of_one_etype_alone_is_found_by_a_client_that_likes_others_better() {
    let mut world = hidden();
    let keys = directory::password::keys_of_password(PASSWORD.as_bytes(), "CORP.EXAMPLEdora");
    let keys = keys.into_iter().filter(|key| key.etype() == AES256);
    let domain = world.directory.domain().unwrap();
    let id = directory::EntryId::random(&mut world.rng);
    let mut entry = NewEntry::user(id, domain.users, "dora", "dora");
    entry.password = Some(Box::new(PasswordMaterial::of_keys(keys.collect())));
    world.commit(&[Change::Add(Box::new(entry))]);
    let mut question = bare("dora", &mut world);
    question.body.etype = etypes(&[20, 19, 18, 17]).into();
    let error = world.refusal(&question.encode(), 25).unwrap();
    let methods = MethodData::decode(error.e_data.as_deref().unwrap()).unwrap();
    let info = PaData::find(&methods, PaDataType::ETYPE_INFO2).unwrap();
    let info = EtypeInfo2::decode(info).unwrap();
    let told: Vec<i32> = info.iter().map(|entry| entry.etype.0).collect();
    assert_eq!(told, [18]);
    assert!(world.password("dora", PASSWORD).is_ok());
}

#[test]
fn a_machine_and_a_service_that_nobody_knows_look_like_known_ones() {
    let mut world = hidden();
    let salt = |world: &mut World, name: PrincipalName| {
        let mut request = bare("alice", world);
        request.body.cname = Some(name);
        let error = world.refusal(&request.encode(), 25).unwrap();
        let methods = MethodData::decode(error.e_data.as_deref().unwrap()).unwrap();
        let info = PaData::find(&methods, PaDataType::ETYPE_INFO2).unwrap();
        let info = EtypeInfo2::decode(info).unwrap();
        let salt = info.iter().next().unwrap().salt.clone().unwrap();
        salt.as_str().to_owned()
    };
    let known = salt(&mut world, PrincipalName::principal("LAPTOP-1$"));
    let unknown = salt(&mut world, PrincipalName::principal("LAPTOP-2$"));
    assert_eq!(known, "CORP.EXAMPLEhostlaptop-1.corp.example");
    assert_eq!(unknown, "CORP.EXAMPLEhostlaptop-2.corp.example");
}

#[test]
fn another_persons_key_and_certificate_tell_nothing_of_a_name() {
    let mut world = hidden();
    let bobs = pair(KeyKind::P256);
    world.list(world.bob, &bobs.key, None);
    for name in ["alice", NOBODY] {
        let message = sign(name, &bobs, &mut world).encode();
        world.refusal(&message, 75).unwrap();
    }
}

#[test]
fn who_proves_to_be_somebody_is_told_all() {
    let mut world = hidden();
    let right = |world: &mut World| {
        let (key, now) = (world.key_of(world.alice, AES256), world.now);
        Password::new("alice", key, now, &mut world.rng)
    };
    let good = right(&mut world).encode();
    world.given(&good).unwrap();
    world.advance(Span::seconds(1));
    type Case = (&'static str, i32, fn(&mut Password));
    let cases: &[Case] = &[
        ("an unknown service", 7, |request| {
            request.body.sname = Some(PrincipalName::service("host", "nowhere"));
        }),
        ("a person as a service", 27, |request| {
            request.body.sname = Some(PrincipalName::principal("bob"));
        }),
        ("no service", 7, |request| request.body.sname = None),
        ("RC4 alone", 14, |request| {
            request.body.etype = etypes(&[23]).into();
        }),
    ];
    for (what, code, change) in cases {
        let mut request = right(&mut world);
        change(&mut request);
        let refused = world.refusal(&request.encode(), *code);
        assert!(refused.is_ok(), "{what}: {refused:?}");
        world.advance(Span::seconds(1));
    }
    world.commit(&[change::expire_password(world.alice)]);
    let message = right(&mut world).encode();
    world.refusal(&message, 23).unwrap();
    world.advance(Span::seconds(1));
    let control = AccountControl::NORMAL_ACCOUNT;
    world.commit(&[change::disable(world.alice, control)]);
    let message = right(&mut world).encode();
    world.refusal(&message, 18).unwrap();
    assert_eq!(world.refused, Some(Refused::ClientDisabled));
    // A key too, of an account whose password is right or wrong.
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let message = sign("alice", &pair, &mut world).encode();
    world.refusal(&message, 18).unwrap();
}

#[test]
fn the_audit_log_is_told_why_whatever_the_client_is_told() {
    let mut world = hidden();
    let message = guess(NOBODY, &mut world).encode();
    world.refusal(&message, 24).unwrap();
    let refused = world.refused.clone().unwrap();
    assert_eq!(refused.reason(), &Refused::ClientUnknown);
    assert_eq!(refused.to_string(), "unknown client");
    for _ in 0..10 {
        let message = guess("alice", &mut world).encode();
        world.refusal(&message, 24).unwrap();
    }
    let locked = guess("alice", &mut world).encode();
    world.refusal(&locked, 24).unwrap();
    let refused = world.refused.clone().unwrap();
    assert_eq!(refused.reason(), &Refused::ClientLockedOut);
    assert_eq!(refused.to_string(), "the client's account is locked out");
    // The right password opens nothing now, and nobody learns that it is the right one.
    let (key, now) = (world.key_of(world.alice, AES256), world.now);
    let right = Password::new("alice", key, now, &mut world.rng).encode();
    world.refusal(&right, 24).unwrap();
    world.advance(Span::minutes(16));
    assert!(world.password("alice", PASSWORD).is_ok());
}

#[test]
fn who_only_asks_is_not_counted_whoever_is_asked_for_and_who_guesses_is() {
    let mut world = hidden();
    world.from = Some("203.0.113.66".parse().unwrap());
    for _ in 0..80 {
        for name in ["alice", NOBODY] {
            let message = bare(name, &mut world).encode();
            world.refusal(&message, 25).unwrap();
        }
    }
    // The same guess again is one, for nobody as for somebody.
    for name in ["alice", NOBODY] {
        let message = guess(name, &mut world).encode();
        for _ in 0..40 {
            world.refusal(&message, 24).unwrap();
        }
    }
    for number in 0..58 {
        let message = guess(&format!("nobody{number}"), &mut world).encode();
        world.refusal(&message, 24).unwrap();
    }
    for name in ["alice", NOBODY] {
        let message = guess(name, &mut world).encode();
        world.refusal(&message, 29).unwrap();
    }
}
