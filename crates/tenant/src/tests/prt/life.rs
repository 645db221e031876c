//! Renewal, and what ends a primary refresh token.

use base64ct::Encoding;
use crypto::jose::jwe::Encrypted;
use crypto::key::KeyKind;
use directory::{AccountControl, Change, change, tenant};
use serde_json::json;
use trust::Span;

use super::client::{Laptop, Prt, decrypted};
use crate::Outcome;
use crate::prt::ended::{AT_ONCE, Ending};
use crate::prt::record;
use crate::prt::refused::Dead;
use crate::prt::text::PrtText;
use crate::tests::world::{World, code, text};

#[test]
fn a_renewal_keeps_the_session_key_and_is_refused_after_thirty_days() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let mut prt = world.prt(&laptop);
    for _ in 0..6 {
        world.advance(Span::days(5));
        world.tick();
        let next = world.renew(&prt);
        assert_ne!(next.text, prt.text);
        assert!(next.answer.get("session_key_jwe").is_none());
        assert_eq!(next.answer["expires_in"], "1209600");
        prt = next;
    }
    // To the day: thirty are allowed.
    world.advance(Span::seconds(1));
    assert_eq!(world.number_of(&prt), 700_082);
    assert_eq!(
        world.audit("prt.renew").unwrap().details["switch"],
        "oauth.kdf_v1_allowed"
    );
}

#[test]
fn a_token_is_good_for_fourteen_days_without_a_renewal_and_ninety_with() {
    let mut world = World::new();
    world.set(|settings| settings.session_key_days = 365);
    let laptop = world.laptop(KeyKind::P256);
    let mut prt = world.prt(&laptop);
    world.advance(Span::days(13));
    world.tick();
    assert_eq!(world.number_of(&prt), 0);
    world.advance(Span::days(1));
    assert_eq!(world.number_of(&prt), 700_082);
    prt = world.prt(&laptop);
    for _ in 0..8 {
        world.advance(Span::days(11));
        world.tick();
        prt = world.renew(&prt);
    }
    // 88 days: two are left.
    assert_eq!(prt.answer["refresh_token_expires_in"], 2 * 86_400);
    world.advance(Span::days(2));
    assert_eq!(world.number_of(&prt), 700_082);
}

/// Whatever the two settings are to one another.
#[test]
fn no_token_is_good_beyond_its_last_day() {
    let mut world = World::new();
    world.set(|settings| (settings.prt_days, settings.prt_absolute_days) = (20, 10));
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    assert_eq!(prt.answer["refresh_token_expires_in"], 10 * 86_400);
    world.advance(Span::days(10));
    assert_eq!(world.number_of(&prt), 700_082);
}

#[test]
fn an_answer_is_cbc_and_its_empty_tag_stands_where_the_client_looks() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let claims = world.renewal(&prt);
    let answer = world.by_session_key(&prt, true, &claims);
    assert_eq!(answer.headers.get("Content-Type"), Some("application/jose"));
    let token = text(&answer);
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 5);
    assert_eq!((parts[1], parts[4]), ("", ""));
    assert_eq!(parts[2].len(), 22);
    let parsed = Encrypted::parse(&token).unwrap();
    assert_eq!(parsed.text("kid"), Some("session"));
    // 24 bytes, and the first version of keys whatever the request had.
    assert_eq!(parsed.text("ctx").unwrap().len(), 32);
    assert!(decrypted(&prt.session_key, &token)["refresh_token"].is_string());

    world.set(|settings| settings.prt_cbc_jwe = false);
    let claims = world.renewal(&prt);
    let answer = world.by_session_key(&prt, true, &claims);
    let token = text(&answer);
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!((parts[2].len(), parts[4].len()), (16, 22));
    assert!(decrypted(&prt.session_key, &token)["refresh_token"].is_string());
}

#[test]
fn kdf_version_one_is_refused_where_the_tenant_says_so() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    world.set(|settings| settings.kdf_v1 = false);
    let claims = world.renewal(&prt);
    let answer = world.by_session_key(&prt, false, &claims);
    assert_eq!((answer.status, code(&answer)), (400, 5_000_611));
    let claims = world.renewal(&prt);
    assert_eq!(world.by_session_key(&prt, true, &claims).status, 200);
    assert_eq!(
        world.audit("prt.renew").unwrap().details.get("switch"),
        None
    );
}

#[test]
fn a_renewal_wants_a_nonce_that_this_key_has_not_used() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let claims = world.renewal(&prt);
    assert_eq!(world.by_session_key(&prt, false, &claims).status, 200);
    let again = world.by_session_key(&prt, false, &claims);
    assert_eq!(code(&again), 50089);
    let mut claims = world.renewal(&prt);
    claims["request_nonce"] = json!(null);
    assert_eq!(code(&world.by_session_key(&prt, false, &claims)), 50089);
    for (name, value, number) in [
        ("aud", json!("https://login.other.example"), 90_009),
        ("grant_type", json!("password"), 70_003),
        (
            "client_id",
            json!("d3590ed6-52b3-4102-aeff-aad2292ab01c"),
            700_016,
        ),
    ] {
        let mut claims = world.renewal(&prt);
        claims[name] = value;
        let answer = world.by_session_key(&prt, false, &claims);
        assert_eq!(code(&answer), number, "{name}");
    }
}

#[test]
fn lost_answers_lock_nobody_out_and_fill_no_store() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let mut prt = world.prt(&laptop);
    for _ in 0..5 {
        // The device holds on to what it has until it reads what follows.
        for _ in 0..4 {
            world.advance(Span::seconds(1));
            world.renew(&prt);
        }
        prt = world.renew(&prt);
    }
    for _ in 0..5 {
        world.advance(Span::seconds(1));
        world.prt(&laptop);
    }
    for table in [crate::keys::PRT, crate::keys::PRT_OF_DEVICE] {
        let rows = world.read(|snapshot| snapshot.records(table, &[], &[], 100, world.now));
        assert_eq!(rows.unwrap().len(), 2, "{table:?}");
    }
}

#[test]
fn tokens_of_one_device_do_not_take_the_place_of_anothers() {
    let mut world = World::new();
    let (laptop, desktop) = (world.laptop(KeyKind::P256), world.laptop(KeyKind::P256));
    let on_laptop = world.prt(&laptop);
    for _ in 0..4 {
        world.prt(&desktop);
    }
    assert_eq!(world.number_of(&on_laptop), 0);
    let bobs = world.laptop_of("bob", KeyKind::P256);
    let bobs = world.prt(&bobs);
    assert_eq!(world.number_of(&bobs), 0);
}

/// Another password for somebody, as an administrator or they themselves give it.
pub(super) fn new_password(world: &mut World, sam: &str) -> Change {
    use directory::password::{PasswordHistory, PasswordMaterial};
    let account = world.account(sam);
    let cost = crypto::password::Cost::LEAST;
    let history = PasswordHistory::empty();
    let rng = &mut world.rng;
    let material = PasswordMaterial::hash_only("another one, as long", &history, 0, cost, rng);
    change::set_password(account.id, material)
}

type Ends = fn(&mut World, &Laptop) -> Vec<Change>;

/// What ends a token by a Hello key, what brings it back, and the number by which its holder learns why.
const ENDS: &[(&str, u64, Ends, Option<Ends>)] = &[
    (
        "its device is deleted",
        50155,
        |_, laptop| {
            vec![Change::Delete {
                id: laptop.device.entry,
            }]
        },
        None,
    ),
    (
        "its device is disabled",
        135_011,
        |_, laptop| vec![change::set_device_enabled(laptop.device.entry, false)],
        Some(|_, laptop| vec![change::set_device_enabled(laptop.device.entry, true)]),
    ),
    (
        "its owner is disabled",
        50057,
        |world, _| {
            let alice = world.account("alice");
            vec![change::disable(alice.id, alice.control)]
        },
        Some(|world, _| {
            let alice = world.account("alice");
            let control = alice.control.without(AccountControl::ACCOUNT_DISABLE);
            vec![change::set_control(alice.id, control)]
        }),
    ),
    (
        "its owner's account expires",
        50057,
        |world, _| {
            let expires = directory::Attribute::AccountExpires;
            let over = change::set(world.account("alice").id, expires, world.now);
            vec![over]
        },
        Some(|world, _| {
            let expires = directory::Attribute::AccountExpires;
            let later = world.now + Span::days(100);
            vec![change::set(world.account("alice").id, expires, later)]
        }),
    ),
    (
        "its owner is deleted",
        50057,
        |world, _| {
            vec![Change::Delete {
                id: world.account("alice").id,
            }]
        },
        None,
    ),
    (
        "its key is taken off the list",
        135_010,
        |world, _| {
            let alice = world.account("alice");
            let keys = alice.key_credentials.iter();
            keys.map(|key| change::remove_key_credential(alice.id, key.id))
                .collect()
        },
        None,
    ),
    (
        "its owner's sign-ins are ended",
        50173,
        |world, _| {
            let alice = world.account("alice").id;
            vec![tenant::revoke_sign_ins(alice, world.now)]
        },
        None,
    ),
];

fn with_prt() -> (World, Laptop, Prt) {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    assert_eq!(world.number_of(&prt), 0);
    world.advance(Span::seconds(1));
    (world, laptop, prt)
}

#[test]
fn a_prt_dies_with_its_user_device_and_key_before_anybody_has_reacted() {
    for (what, number, ends, back) in ENDS {
        let (mut world, laptop, prt) = with_prt();
        let changes = ends(&mut world, &laptop);
        world.commit_without_reaction(changes);
        assert_eq!(world.number_of(&prt), *number, "{what}");
        // Nobody has marked it, so it comes back with what was taken away.
        if let Some(back) = back {
            let changes = back(&mut world, &laptop);
            world.commit_without_reaction(changes);
            assert_eq!(world.number_of(&prt), 0, "{what}");
        }
    }
}

#[test]
fn a_prt_that_died_stays_dead_when_what_ended_it_comes_back() {
    for (what, number, ends, back) in ENDS {
        let (mut world, laptop, prt) = with_prt();
        let changes = ends(&mut world, &laptop);
        world.commit(changes);
        assert_eq!(world.number_of(&prt), *number, "{what}");
        if let Some(back) = back {
            let changes = back(&mut world, &laptop);
            world.commit(changes);
            assert_eq!(world.number_of(&prt), *number, "{what}");
            // A new sign-in is good.
            let prt = world.prt(&laptop);
            assert_eq!(world.number_of(&prt), 0, "{what}");
        }
    }
}

/// PWD-1, PRT-6.
#[test]
fn another_password_and_other_second_factors_end_no_prt_by_a_hello_key() {
    let (mut world, _, prt) = with_prt();
    let changes = [new_password(&mut world, "alice")];
    world.commit(changes);
    assert_eq!(world.number_of(&prt), 0);
    let alice = world.account("alice").id;
    world.commit([change::expire_password(alice)]);
    assert_eq!(world.number_of(&prt), 0);
    let forgotten = token::factor::SecondFactors::forgotten(world.now);
    world.set_second_factors(alice, &forgotten);
    assert_eq!(world.number_of(&prt), 0);
}

#[test]
fn a_prt_of_another_tenant_is_none() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    world.at = 1;
    let claims = world.renewal(&prt);
    let answer = world.by_session_key(&prt, false, &claims);
    assert_eq!((answer.status, code(&answer)), (400, 70000));
}

#[test]
fn the_store_holds_neither_token_nor_session_key_in_the_clear() {
    let (world, _, prt) = with_prt();
    let secret = base64ct::Base64UrlUnpadded::decode_vec(&prt.text[2..]).unwrap();
    let rows = world.read(|snapshot| {
        snapshot
            .records(crate::keys::PRT, &[], &[], 100, world.now)
            .unwrap()
    });
    assert!(!rows.is_empty());
    for row in rows {
        assert!(matches!(row.value, directory::RecordValue::Secret(_)));
        let bytes = row.value.bytes();
        assert!(!bytes.windows(32).any(|part| part == &secret[48..]));
    }
}

/// The certificate that a device proves itself by is revoked, and what the device got by it shows none.
#[test]
fn a_prt_ends_while_the_certificate_of_its_device_is_revoked() {
    let (mut world, laptop, prt) = with_prt();
    let certificate = wire::x509::Certificate::parse(&laptop.device.certificate).unwrap();
    world.commit([registration::proven_device::revoke(&certificate)]);
    assert_eq!(world.number_of(&prt), 50155);
    assert!(world.refused.last().unwrap().contains("revoked"));
    let answer = world.by_hello(&laptop, |_| {});
    assert_eq!(code(&answer), 50155);
    // One that was on hold is good again.
    world.commit([registration::proven_device::release(&certificate)]);
    assert_eq!(world.number_of(&prt), 0);
    // Nor is there one without a certificate.
    let none = directory::Edit::Set(directory::Attribute::AltSecurityIdentities, vec![]);
    world.commit([change::modify(laptop.device.entry, vec![none])]);
    assert_eq!(world.number_of(&prt), 50155);
}

/// What is listed beside it is no business of a token's.
#[test]
fn a_prt_lives_on_when_other_keys_come_and_go() {
    let (mut world, _, prt) = with_prt();
    let other = world.device("alice", KeyKind::P256);
    let kept = world.account("alice").key_credentials[0].id;
    world.hello_key("alice", &other, KeyKind::P256);
    assert_eq!(world.number_of(&prt), 0);
    let alice = world.account("alice");
    let added = alice.key_credentials.iter().find(|key| key.id != kept);
    world.commit([change::remove_key_credential(alice.id, added.unwrap().id)]);
    assert_eq!(world.number_of(&prt), 0);
}

/// As many more tokens of the same sign-in, of another kind than those that take its place.
fn many_more(world: &mut World, prt: &Prt, how_many: usize) {
    let text = PrtText::parse(&prt.text).unwrap();
    let mut row = world.read(|snapshot| {
        let row = record::find(snapshot, text.account, text.id, world.now);
        row.unwrap().unwrap()
    });
    row.kind = record::Kind::RefreshToken;
    let (secret, until) = (row.secret, row.expires());
    let changes: Vec<Change> = (0..how_many)
        .flat_map(|_| {
            let id = directory::EntryId::random(&mut world.rng).0;
            row.renewed(id, secret, until, world.now).put()
        })
        .collect();
    world.commit(changes);
}

/// How many of them are not marked as ended.
fn unmarked(world: &World) -> usize {
    let rows = world.read(|snapshot| {
        let alice = record::Whose::Account(world.account("alice").id);
        record::page(snapshot, alice, &[], 1_000_000, world.now).unwrap()
    });
    let rows = rows.rows.iter();
    rows.filter(|row| row.ended().is_none()).count()
}

fn due(world: &World) -> Vec<directory::Job> {
    world.read(|snapshot| snapshot.due_jobs(world.now, 16).unwrap())
}

#[test]
fn however_many_tokens_there_are_all_of_them_stay_dead() {
    const MANY: usize = 2 * AT_ONCE + 7;
    for (what, _, ends, back) in ENDS {
        let Some(back) = back else { continue };
        let (mut world, laptop, prt) = with_prt();
        many_more(&mut world, &prt, MANY);
        // The token itself, and the one that followed it.
        let all = unmarked(&world);
        assert_eq!(all, MANY + 2);
        let changes = ends(&mut world, &laptop);
        world.commit(changes);
        assert_eq!(unmarked(&world), all - AT_ONCE, "{what}");
        let changes = back(&mut world, &laptop);
        world.commit(changes);
        world.advance(Span::seconds(1));
        let new = world.prt(&laptop);
        // As `serve` does: until nothing is due.
        for _ in 0..10 {
            for job in due(&world) {
                assert_eq!(crate::errand(&job, &world.tenants[0].deployment), None);
                let World {
                    tenants, rng, now, ..
                } = &mut world;
                let told = Outcome::Notified;
                let (changes, _) =
                    tenants[0].view(|view| crate::done(&job, &told, view, *now, rng));
                world.commit(changes.unwrap());
            }
        }
        assert_eq!((due(&world), unmarked(&world)), (vec![], 1), "{what}");
        assert_ne!(world.number_of(&prt), 0, "{what}");
        assert_eq!(
            world.number_of(&new),
            0,
            "{what}: who signs in anew is not meant"
        );
    }
}

/// Rows that are over, and that nobody has swept yet, stand before it.
#[test]
fn a_token_behind_many_that_are_over_is_found() {
    let (mut world, laptop, prt) = with_prt();
    let text = PrtText::parse(&prt.text).unwrap();
    let row = world.read(|snapshot| {
        let row = record::find(snapshot, text.account, text.id, world.now);
        row.unwrap().unwrap()
    });
    let over = world.now - Span::days(8);
    let first = (0..2 * AT_ONCE).flat_map(|number| {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&(number as u64).to_be_bytes());
        let id = wire::Guid::from_bytes(id);
        row.renewed(id, row.secret, over, over).put()
    });
    let first: Vec<Change> = first.collect();
    world.commit(first);
    let ending = Ending::of_device(laptop.device.entry, Dead::DeviceGone, world.now);
    let changes = world.read(|snapshot| ending.whole(snapshot, world.now).unwrap());
    world.commit(changes);
    assert_eq!(world.number_of(&prt), 50155);
}

/// Of a device that is there again with the same commit, all are marked in it.
#[test]
fn what_is_ended_as_a_whole_leaves_no_job_behind() {
    let (mut world, laptop, prt) = with_prt();
    many_more(&mut world, &prt, 2 * AT_ONCE + 1);
    let ending = Ending::of_device(laptop.device.entry, Dead::DeviceGone, world.now);
    let changes = world.read(|snapshot| ending.whole(snapshot, world.now).unwrap());
    world.commit(changes);
    assert_eq!((due(&world), unmarked(&world)), (vec![], 0));
    assert_eq!(world.number_of(&prt), 50155);
}
