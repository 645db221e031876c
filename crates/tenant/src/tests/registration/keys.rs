//! Registering Hello keys, and taking them off (protocols C.2).

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use directory::tenant::Who;
use serde_json::{Value, json};
use trust::Span;
use wire::Guid;
use wire::http::{Method, Request, Response};
use wire::key_credential::{KeySource, KeyUsage};

use super::{ask, by_device, joined, register, register_material, token, why};
use crate::tests::world::{Device, World, bcrypt_blob, json as body, text};
use crate::{Errand, Outcome};

fn hello() -> PrivateKey {
    PrivateKey::generate(KeyKind::P256)
}

/// A token that somebody has from a device.
fn from_device(world: &mut World, sam: &str, device: &Device) -> String {
    let id = device.id;
    token(world, sam, |claims| claims.deviceid = Some(id))
}

/// The device of alice.
fn world() -> (World, Device) {
    let mut world = World::new();
    let device = joined(&mut world, "alice", "laptop");
    (world, device)
}

#[test]
fn a_key_is_written_as_a_tenant_writes_it_and_named() {
    let (mut world, device) = world();
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let with = from_device(&mut world, "alice", &device);
    let response = register(&mut world, &with, &key);
    assert_eq!(
        response.status,
        200,
        "{} {:?}",
        text(&response),
        world.refused
    );
    assert!(response.headers.get("request-id").is_some());
    let answer = body(&response);
    assert_eq!(answer["upn"], "alice@corp.example");
    assert!(answer["kid"].as_str().unwrap().parse::<Guid>().is_ok());
    assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    let account = world.account("alice");
    let listed = account
        .sign_in_key(&key.public_key().fingerprint())
        .unwrap();
    let link = listed.link.as_ref().unwrap();
    assert_eq!(link.key_usage(), KeyUsage::Ngc);
    assert_eq!(link.key_source(), Some(KeySource::AzureAd));
    assert_eq!(link.device_id(), Some(device.id));
    assert_eq!(link.key_material(), bcrypt_blob(&key));
    assert_eq!(link.custom_key_information().unwrap().to_bytes(), [1, 0]);
    let record = world.audit("key.register").unwrap();
    assert_eq!(record.device, Some(device.id));
    assert!(world.story.iter().any(|event| event.step == "F1.C2"));
}

#[test]
fn a_key_without_ngcmfa_is_refused_with_403() {
    let (mut world, device) = world();
    for amr in [vec!["pwd"], vec!["pwd", "otp", "mfa"], vec!["rsa", "mfa"]] {
        let with = token(&mut world, "alice", |claims| {
            claims.deviceid = Some(device.id);
            claims.amr = amr.iter().map(|method| (*method).to_owned()).collect();
        });
        let response = register(&mut world, &with, &hello());
        assert_eq!(response.status, 403, "{amr:?}");
        let answer = body(&response);
        assert_eq!(answer["code"], "insufficient_claims");
        assert_eq!(answer["response"], "ERROR_FAIL");
    }
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
}

#[test]
fn a_second_factor_of_eleven_minutes_ago_registers_no_key() {
    let (mut world, device) = world();
    let with = from_device(&mut world, "alice", &device);
    world.advance(Span::minutes(10));
    assert_eq!(register(&mut world, &with, &hello()).status, 200);
    world.advance(Span::minutes(1));
    let response = register(&mut world, &with, &hello());
    assert_eq!(response.status, 403);
    assert!(
        why(&world).contains("more than ten minutes"),
        "{}",
        why(&world)
    );
    // Nor does one of the future, where a clock was set back.
    let later = (world.now + Span::minutes(1)).to_rfc3339();
    let with = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id);
        claims.second_factor_instant = Some(later);
    });
    let response = register(&mut world, &with, &hello());
    assert_eq!(response.status, 403);
    assert!(why(&world).contains("in the future"), "{}", why(&world));
}

#[test]
fn a_disabled_device_and_a_name_that_went_to_somebody_else_register_no_key() {
    let (mut world, device) = world();
    let with = from_device(&mut world, "alice", &device);
    world.commit([directory::change::set_device_enabled(device.entry, false)]);
    assert_ne!(register(&mut world, &with, &hello()).status, 200);
    assert!(
        why(&world).contains("the device is disabled"),
        "{}",
        why(&world)
    );
    world.commit([directory::change::set_device_enabled(device.entry, true)]);
    let upn = world.upn("bob");
    let renamed = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id);
        claims.upn = Some(upn);
    });
    assert_ne!(register(&mut world, &renamed, &hello()).status, 200);
    assert!(
        why(&world).contains("the user is not known"),
        "{}",
        why(&world)
    );
    for sam in ["alice", "bob"] {
        assert_eq!(world.account(sam).sign_in_keys().count(), 0);
    }
}

#[test]
fn a_second_factor_that_was_reset_registers_no_key() {
    let (mut world, device) = world();
    let with = from_device(&mut world, "alice", &device);
    world.advance(Span::seconds(1));
    let forgotten = token::factor::SecondFactors::forgotten(world.now);
    let alice = world.account("alice").id;
    world.set_second_factors(alice, &forgotten);
    let response = register(&mut world, &with, &hello());
    assert_eq!(response.status, 403, "{}", text(&response));
    assert!(why(&world).contains("reset or replaced"), "{}", why(&world));
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
}

#[test]
fn one_key_for_each_person_and_device() {
    let (mut world, device) = world();
    let with = from_device(&mut world, "alice", &device);
    let keys = [hello(), hello(), hello()];
    let listed = |world: &World| -> Vec<bool> {
        let account = world.account("alice");
        let is_listed = |key: &PrivateKey| {
            account
                .sign_in_key(&key.public_key().fingerprint())
                .is_some()
        };
        keys.iter().map(is_listed).collect()
    };
    for key in &keys[..2] {
        assert_eq!(register(&mut world, &with, key).status, 200);
        world.advance(Span::seconds(1));
    }
    assert_eq!(listed(&world), [false, true, false]);
    // Bob has one of his own on the same device.
    let bobs = from_device(&mut world, "bob", &device);
    assert_eq!(register(&mut world, &bobs, &hello()).status, 200);
    assert_eq!(listed(&world), [false, true, false]);
    // Where two are allowed, the third replaces the oldest.
    world.set(|settings| settings.keys_per_person_and_device = 2);
    for key in [&keys[0], &keys[2]] {
        assert_eq!(register(&mut world, &with, key).status, 200);
        world.advance(Span::seconds(1));
    }
    assert_eq!(listed(&world), [true, false, true]);
    // The same key again is the same key.
    assert_eq!(register(&mut world, &with, &keys[0]).status, 200);
    assert_eq!(listed(&world), [true, false, true]);
    assert_eq!(world.account("alice").sign_in_keys().count(), 2);
}

#[test]
fn a_person_has_no_more_keys_than_they_may_have() {
    let (mut world, device) = world();
    world.set(|settings| settings.keys_per_person = 1);
    let second = joined(&mut world, "alice", "second");
    let with = from_device(&mut world, "alice", &device);
    assert_eq!(register(&mut world, &with, &hello()).status, 200);
    let with = from_device(&mut world, "alice", &second);
    assert_eq!(register(&mut world, &with, &hello()).status, 403);
    assert!(why(&world).contains("as many keys"), "{}", why(&world));
}

#[test]
fn only_those_who_may_have_hello_keys_register_one() {
    let (mut world, device) = world();
    world.set(|settings| settings.hello_enabled = Who::Nobody);
    let with = from_device(&mut world, "alice", &device);
    assert_eq!(register(&mut world, &with, &hello()).status, 403);
    assert!(
        why(&world).contains("may not register keys"),
        "{}",
        why(&world)
    );
}

#[test]
fn on_a_persons_own_device_nobody_else_registers_a_key() {
    let mut world = World::new();
    let keys = super::Keys::new();
    let mut request = keys.body();
    request["JoinType"] = 4.into();
    let device = super::joined_with(&mut world, "alice", keys, &request);
    let with = from_device(&mut world, "bob", &device);
    assert_eq!(register(&mut world, &with, &hello()).status, 403);
    assert!(
        why(&world).contains("another person's own"),
        "{}",
        why(&world)
    );
    let with = from_device(&mut world, "alice", &device);
    assert_eq!(register(&mut world, &with, &hello()).status, 200);
}

#[test]
fn keys_and_tokens_that_are_not_good_are_refused() {
    let (mut world, device) = world();
    let bobs = joined(&mut world, "bob", "another");
    let key = hello();
    let with = from_device(&mut world, "bob", &bobs);
    assert_eq!(register(&mut world, &with, &key).status, 200);
    let with = from_device(&mut world, "alice", &device);
    // Somebody else's key.
    assert_eq!(register(&mut world, &with, &key).status, 400);
    assert!(why(&world).contains("another account"), "{}", why(&world));
    assert_eq!(register_material(&mut world, &with, b"RSA1").status, 400);
    let short = json!({ "kngc": "" });
    let post = Request::post_json("/EnrollmentServer/key/?api-version=1.0", &short);
    let bearer = format!("Bearer {with}");
    assert_eq!(
        ask(&mut world, post.with_header("Authorization", &bearer)).status,
        400
    );
    let curve = PrivateKey::generate(KeyKind::P384);
    let spki = curve.public_key().to_spki_der();
    assert_eq!(register_material(&mut world, &with, &spki).status, 400);
    // A token without a device, of another device than the one that shows itself, and one for something else.
    let none = token(&mut world, "alice", |_| {});
    assert_eq!(register(&mut world, &none, &hello()).status, 401);
    let content = json!({ "kngc": Base64::encode_string(&bcrypt_blob(&hello())) });
    let mut other = Request::post_json("/EnrollmentServer/key/?api-version=1.0", &content)
        .with_header("Authorization", &bearer);
    other.client_certificate = Some(bobs.certificate.clone());
    assert_eq!(ask(&mut world, other).status, 401);
    assert!(why(&world).contains("another device"), "{}", why(&world));
    let graph = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id);
        claims.aud = "https://graph.microsoft.com".into();
    });
    assert_eq!(register(&mut world, &graph, &hello()).status, 401);
    assert_eq!(register(&mut world, "nonsense", &hello()).status, 401);
    let version = Request::post_json("/EnrollmentServer/key/?api-version=2.0", &content);
    let response = ask(&mut world, version.with_header("Authorization", &bearer));
    assert_eq!(response.status, 400);
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
}

#[test]
fn a_password_that_was_changed_ends_what_it_got_and_a_hello_key_is_none() {
    let (mut world, device) = world();
    let with = from_device(&mut world, "alice", &device);
    let hello_made = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id);
        claims.amr = ["rsa", "mfa", "ngcmfa"].map(str::to_owned).to_vec();
    });
    world.advance(Span::seconds(2));
    let alice = world.account("alice").id;
    let material = directory::password::PasswordMaterial::random(&mut world.rng);
    world.commit([directory::change::set_password(alice, material)]);
    assert_eq!(register(&mut world, &with, &hello()).status, 401);
    assert!(
        why(&world).contains("password was changed"),
        "{}",
        why(&world)
    );
    assert_eq!(register(&mut world, &hello_made, &hello()).status, 200);
}

#[test]
fn a_new_key_is_told_until_somebody_took_it() {
    let (mut world, device) = world();
    let to = "https://mail.corp.example/new-key";
    world.tenants[0].deployment.notify = Some(to.into());
    let key = hello();
    let with = from_device(&mut world, "alice", &device);
    let kid = body(&register(&mut world, &with, &key))["kid"].clone();
    let due = |world: &World| {
        world
            .read(|snapshot| snapshot.due_jobs(world.now, 10))
            .unwrap()
    };
    let jobs = due(&world);
    assert_eq!(jobs.len(), 1);
    let errand = |world: &World| crate::errand(&jobs[0], &world.tenants[0].deployment);
    let Some(Errand::Notify { to: told, body }) = errand(&world) else {
        panic!("{jobs:?}")
    };
    assert_eq!(told, to);
    // Whom the configuration names when it is told, and nobody where it names nobody any more.
    let corrected = "https://mail.corp.example/new-keys";
    world.tenants[0].deployment.notify = Some(corrected.into());
    assert!(matches!(errand(&world), Some(Errand::Notify { to, .. }) if to == corrected));
    world.tenants[0].deployment.notify = None;
    assert_eq!(errand(&world), None);
    world.tenants[0].deployment.notify = Some(to.into());
    let event: Value = serde_json::from_slice(&body).unwrap();
    let fingerprint = key.public_key().fingerprint().to_string();
    for (member, value) in [
        ("event", json!("key.register")),
        ("tenant", json!(world.id())),
        ("upn", json!("alice@corp.example")),
        ("device", json!(device.id)),
        ("kid", kid),
        ("fingerprint", json!(fingerprint)),
    ] {
        assert_eq!(event[member], value, "{member}");
    }
    let end = |world: &mut World, outcome: &Outcome| {
        let job = &due(world)[0];
        let World {
            tenants, rng, now, ..
        } = world;
        let (changes, _) =
            tenants[0].view(|view| crate::done(job, outcome, view, *now, rng).unwrap());
        world.commit(changes);
    };
    end(&mut world, &Outcome::Failed("nobody answers".into()));
    assert!(due(&world).is_empty());
    world.advance(Span::minutes(2));
    end(&mut world, &Outcome::Notified);
    world.advance(Span::days(30));
    assert!(due(&world).is_empty());
}

#[test]
fn nobody_is_told_where_nobody_is_named() {
    let (mut world, device) = world();
    let with = from_device(&mut world, "alice", &device);
    assert_eq!(register(&mut world, &with, &hello()).status, 200);
    let jobs = world.read(|snapshot| snapshot.due_jobs(world.now, 10));
    assert!(jobs.unwrap().is_empty());
}

fn remove(world: &mut World, kid: &Value, with: Option<&str>, device: Option<&Device>) -> Response {
    let kid = kid.as_str().unwrap();
    let target = format!("/EnrollmentServer/key/{kid}?api-version=1.0");
    let mut request = match device {
        Some(device) => by_device(Method::Delete, &target, device),
        None => Request::new(Method::Delete, &target),
    };
    if let Some(token) = with {
        request = request.with_header("Authorization", &format!("Bearer {token}"));
    }
    ask(world, request)
}

#[test]
fn a_key_is_taken_off_by_its_owner_on_its_device_or_by_the_device() {
    let (mut world, device) = world();
    let other = joined(&mut world, "alice", "other");
    let with = from_device(&mut world, "alice", &device);
    let kid = body(&register(&mut world, &with, &hello()))["kid"].clone();
    let unknown = json!("00000000-0000-4000-8000-000000000001");
    // Not from another device, not by somebody else, not without a proof, and not one that is not there.
    let elsewhere = from_device(&mut world, "alice", &other);
    assert_eq!(remove(&mut world, &kid, Some(&elsewhere), None).status, 404);
    assert_eq!(remove(&mut world, &kid, None, Some(&other)).status, 404);
    let bobs = from_device(&mut world, "bob", &device);
    assert_eq!(remove(&mut world, &kid, Some(&bobs), None).status, 404);
    assert_eq!(remove(&mut world, &kid, None, None).status, 401);
    assert_eq!(remove(&mut world, &unknown, Some(&with), None).status, 404);
    assert_eq!(
        remove(&mut world, &json!("x"), Some(&with), None).status,
        400
    );
    let without = token(&mut world, "alice", |_| {});
    assert_eq!(remove(&mut world, &kid, Some(&without), None).status, 401);
    // Nor by a token of who had the account's identifier, and is another.
    let sid = world.account("bob").sid;
    let another = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id);
        claims.primarysid = sid;
    });
    assert_eq!(remove(&mut world, &kid, Some(&another), None).status, 404);
    assert_eq!(world.account("alice").sign_in_keys().count(), 1);

    assert_eq!(remove(&mut world, &kid, Some(&with), None).status, 200);
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
    assert_eq!(
        world.audit("key.remove").unwrap().actor.name,
        "alice@corp.example"
    );
    world.advance(Span::seconds(1));
    let kid = body(&register(&mut world, &with, &hello()))["kid"].clone();
    assert_eq!(remove(&mut world, &kid, None, Some(&device)).status, 200);
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
}

#[test]
fn a_computer_registers_no_key_and_joins_no_device() {
    let (mut world, device) = world();
    let id = directory::EntryId::random(&mut world.rng);
    let parent = world.tenant().directory.domain().unwrap().users;
    let computer = directory::NewEntry::computer(id, parent, "PC").with(
        directory::Attribute::UserPrincipalName,
        "pc@corp.example".to_owned(),
    );
    world.commit([computer.into()]);
    let with = from_device(&mut world, "PC$", &device);
    assert_ne!(register(&mut world, &with, &hello()).status, 200);
    assert!(why(&world).contains("not a person"), "{}", why(&world));
    let joins = super::join(&mut world, &with, &super::Keys::new().body());
    assert_ne!(joins.status, 200);
    assert!(why(&world).contains("not a person"), "{}", why(&world));
}

#[test]
fn one_key_is_registered_from_one_device() {
    let (mut world, device) = world();
    let other = joined(&mut world, "alice", "other");
    let key = hello();
    for (from, status) in [(&device, 200), (&other, 400), (&device, 200)] {
        let with = from_device(&mut world, "alice", from);
        assert_eq!(register(&mut world, &with, &key).status, status);
    }
    let alice = world.account("alice");
    let listed: Vec<_> = alice.sign_in_keys().map(|key| key.device()).collect();
    assert_eq!(listed, [Some(device.id)]);
}

#[test]
fn a_device_takes_off_what_was_registered_from_it_and_nothing_else_of_its_people() {
    let (mut world, device) = world();
    let other = joined(&mut world, "alice", "other");
    let mut kids = Vec::new();
    for from in [&device, &other] {
        let with = from_device(&mut world, "alice", from);
        kids.push(body(&register(&mut world, &with, &hello()))["kid"].clone());
    }
    assert_eq!(remove(&mut world, &kids[0], None, Some(&other)).status, 404);
    let with = from_device(&mut world, "alice", &other);
    assert_eq!(remove(&mut world, &kids[0], Some(&with), None).status, 404);
    assert_eq!(world.account("alice").sign_in_keys().count(), 2);
    assert_eq!(remove(&mut world, &kids[1], None, Some(&other)).status, 200);
}

/// Whoever has the device's key would be the person: it is opened by no PIN.
#[test]
fn a_key_of_a_device_is_no_persons_key() {
    let (mut world, device) = world();
    let other = joined(&mut world, "bob", "other");
    let with = from_device(&mut world, "alice", &device);
    for key in [&device.key, &other.key] {
        let response = register(&mut world, &with, key);
        assert_eq!(response.status, 400, "{}", text(&response));
        assert!(why(&world).contains("a device's own"), "{}", why(&world));
    }
    assert_eq!(register(&mut world, &with, &device.transport).status, 400);
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
}
