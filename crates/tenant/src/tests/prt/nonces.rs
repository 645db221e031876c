//! Nonces: whose they are, how long they are good, and that each key uses one once.

use crypto::key::KeyKind;
use trust::Span;
use wire::http::Request;

use crate::tests::world::{World, code, json};

#[test]
fn a_nonce_is_given_to_whoever_asks_and_no_two_are_the_same() {
    let mut world = World::new();
    let path = world.path("oauth2/token");
    let first = world.nonce();
    assert_eq!(first.len(), 47);
    assert_ne!(first, world.nonce());
    let with_type = Request::post_form(&path, [("grant_type", "srv_challenge")]);
    let answer = world.send(with_type);
    assert_eq!(answer.headers.get("Cache-Control"), Some("no-store"));
    assert_eq!(json(&answer).as_object().unwrap().len(), 1);
    let v2 = world.path("oauth2/v2.0/token");
    assert_eq!(world.nonce_at(&v2).len(), 47);
    assert_eq!(world.nonce_at("/common/oauth2/token").len(), 47);
}

#[test]
fn nonces_are_limited_by_address() {
    let mut world = World::new();
    let path = world.path("oauth2/token");
    let ask = || Request::post_form(&path, [("grant_type", "srv_challenge")]);
    let refused = (0..400)
        .map(|_| world.send(ask()))
        .find(|answer| answer.status != 200);
    let refused = refused.unwrap();
    assert_eq!((refused.status, code(&refused)), (429, 90055));
    assert!(refused.headers.get("Retry-After").is_some());
}

/// A Hello sign-in with this nonce in the place that is named.
fn with(world: &mut World, laptop: &super::client::Laptop, nonce: &str, inner: bool) -> u64 {
    let answer = world.by_hello(laptop, |asking| {
        let claims = match inner {
            true => &mut asking.assertion,
            false => &mut asking.claims,
        };
        claims.insert("request_nonce".into(), nonce.into());
    });
    match answer.status {
        200 => 0,
        _ => code(&answer),
    }
}

#[test]
fn the_nonce_of_another_tenant_and_of_ten_minutes_ago_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    world.at = 1;
    let foreign = world.nonce();
    world.at = 0;
    let mut altered = world.nonce();
    altered.replace_range(10..11, if &altered[10..11] == "A" { "B" } else { "A" });
    for inner in [false, true] {
        assert_eq!(with(&mut world, &laptop, &foreign, inner), 50089);
        assert_eq!(with(&mut world, &laptop, &altered, inner), 50089);
        assert_eq!(with(&mut world, &laptop, "", inner), 50089);
        let old = world.nonce();
        world.advance(Span::minutes(5));
        assert_eq!(with(&mut world, &laptop, &old, inner), 0);
        let old = world.nonce();
        world.advance(Span::minutes(5) + Span::seconds(1));
        assert_eq!(with(&mut world, &laptop, &old, inner), 50089);
        world.advance(Span::minutes(10));
        assert_eq!(with(&mut world, &laptop, &old, inner), 50089);
    }
}

#[test]
fn a_nonce_from_the_future_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    world.advance(Span::seconds(6));
    let nonce = world.nonce();
    world.now = world.now - Span::seconds(6);
    assert_eq!(with(&mut world, &laptop, &nonce, false), 50089);
    world.advance(Span::seconds(1));
    assert_eq!(with(&mut world, &laptop, &nonce, false), 0);
}

#[test]
fn a_nonce_of_common_is_good_at_each_tenant_and_one_of_a_join_at_none() {
    let mut world = World::new();
    for at in [0, 1] {
        world.at = at;
        let laptop = world.laptop(KeyKind::P256);
        let nonce = world.nonce_at("/common/oauth2/token");
        assert_eq!(with(&mut world, &laptop, &nonce, false), 0);
        let now = world.now;
        let crate::tests::world::World { tenants, rng, .. } = &mut world;
        let request = Request::get("/");
        let join = tenants[at].view(|view| {
            let asked = crate::asked::Asked {
                request: &request,
                view,
                now,
                trace: wire::Guid::NIL,
                correlation: wire::Guid::NIL,
                known: crate::known(view, now).unwrap(),
                named: crate::asked::TenantName::Ours,
                endpoint: "",
                captured: vec![],
            };
            let place = crate::nonce::Place::Join;
            let join = crate::nonce::issue(&asked, place, rng).unwrap();
            assert!(crate::nonce::check_join(&asked, Some(&join)).is_ok());
            let plain = crate::nonce::issue(&asked, crate::nonce::Place::Tenant, rng).unwrap();
            assert!(crate::nonce::check_join(&asked, Some(&plain)).is_err());
            join
        });
        assert_eq!(with(&mut world, &laptop, &join.0, false), 50089);
    }
}

#[test]
fn a_nonce_survives_the_change_of_keys_for_as_long_as_it_is_good() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    world.advance(Span::minutes(24 * 60 - 1));
    let nonce = world.nonce();
    world.advance(Span::minutes(2));
    world.tick();
    assert_eq!(with(&mut world, &laptop, &nonce, false), 0);
    assert_eq!(world.nonce().len(), 47);
}

#[test]
fn a_nonce_is_taken_once_for_each_signing_key_and_stays_taken_after_a_restart() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let other = world.laptop_of("bob", KeyKind::P256);
    let nonce = world.nonce();
    assert_eq!(with(&mut world, &laptop, &nonce, false), 0);
    assert_eq!(with(&mut world, &laptop, &nonce, false), 50089);
    // Another key has not used it.
    assert_eq!(with(&mut world, &other, &nonce, false), 0);
    assert_eq!(with(&mut world, &laptop, &nonce, true), 0);
    // What is known of it is not in memory.
    world.tenants[0].memory = crate::Memory::new(&mut world.rng);
    assert_eq!(with(&mut world, &laptop, &nonce, false), 50089);
    assert_eq!(with(&mut world, &laptop, &nonce, true), 50089);
}

/// What is known of a use lasts for as long as the nonce does, to its last second.
#[test]
fn a_nonce_that_was_used_in_its_last_second_is_used() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let nonce = world.nonce();
    world.advance(Span::minutes(5));
    let request = |world: &mut World| {
        world.hello_request(&laptop, |asking| {
            asking
                .claims
                .insert("request_nonce".into(), nonce.clone().into());
        })
    };
    let [first, second] = [request(&mut world), request(&mut world)];
    assert_eq!(world.post(&first).status, 200);
    assert_eq!(code(&world.post(&second)), 50089);
    assert!(world.refused.last().unwrap().contains("used before"));
}

#[test]
fn a_request_that_is_refused_uses_its_nonce_up() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let nonce = world.nonce();
    let refused = world.by_hello(&laptop, |asking| {
        asking
            .claims
            .insert("request_nonce".into(), nonce.clone().into());
        asking.assertion.insert("aud".into(), "other".into());
    });
    assert_eq!(code(&refused), 135_010);
    assert_eq!(with(&mut world, &laptop, &nonce, false), 50089);
}

/// Two answers that were computed from one state: the second is computed again, and finds the nonce used.
#[test]
fn a_nonce_is_taken_once_also_by_two_at_once() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let request = world.hello_request(&laptop, |_| {});
    let path = world.path("oauth2/token");
    let form = [
        ("grant_type", super::client::JWT_BEARER),
        ("request", request.as_str()),
    ];
    let request = world.request(Request::post_form(&path, form));
    let now = world.now;
    let World { tenants, rng, .. } = &mut world;
    let tenant = &tenants[0];
    let mut compute = || tenant.view(|view| crate::answer(&request, view, now, rng));
    let ((first, first_reads), (second, second_reads)) = (compute(), compute());
    let commit = |answer: &crate::Answer, reads: &directory::Reads| {
        tenant.directory.commit(&answer.changes, reads, now)
    };
    assert!(commit(&first, &first_reads).is_ok());
    let late = commit(&second, &second_reads);
    assert!(matches!(late, Err(directory::CommitError::Conflict)));
    let again = world.ask(&request);
    assert_eq!(code(&again), 50089);
}
