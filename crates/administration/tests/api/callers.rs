//! Who may ask: each refusal beside its success.

use administration::{Caller, SECOND_FACTOR_LIFETIME};
use directory::{AuditResult, change};
use serde_json::{Value, json};
use token::keys::SigningKeys;
use trust::{Span, Timestamp};
use wire::Guid;

use crate::world::{ISSUER, World, empty, request};

fn probe(world: &World, claims: &token::claims::AccessToken) -> (u16, String) {
    let got = world.ask_with(claims, "GET /users", Value::Null);
    (got.status, got.code().1.to_owned())
}

#[test]
fn an_administrator_with_a_fresh_second_factor_is_answered() {
    let world = World::new();
    assert_eq!(world.get("admin", "/users").status, 200);
    assert_eq!(world.get("root", "/users").status, 200);
}

#[test]
fn refuses_who_shows_no_token_a_strange_one_or_one_that_has_ended() {
    let mut world = World::new();
    let line = request("GET /users", &Value::Null);
    let nobody = Caller::by_token(&line, &world.signing, ISSUER, world.now);
    let got = world.send(&line, &nobody);
    assert_eq!(got.code(), (401, "no_token"));
    assert_eq!(got.response.headers.get("WWW-Authenticate"), Some("Bearer"));
    assert_eq!(got.refused.unwrap().actor.name, "anonymous");

    let stranger = SigningKeys::first(crypto::key::KeyKind::P256, world.now);
    let token = stranger
        .access_token(&world.claims("admin"), world.now)
        .unwrap();
    let line = line.with_header("Authorization", &format!("Bearer {token}"));
    let caller = Caller::by_token(&line, &world.signing, ISSUER, world.now);
    assert_eq!(world.send(&line, &caller).code(), (401, "invalid_token"));

    let claims = world.claims("admin");
    world.advance(Span::minutes(20));
    assert_eq!(probe(&world, &claims), (401, "invalid_token".into()));
}

#[test]
fn refuses_a_token_for_another_resource_however_it_was_verified() {
    let world = World::new();
    let mut claims = world.claims("admin");
    claims.aud = "urn:ms-drs:sts.corp.example".into();
    assert_eq!(probe(&world, &claims), (401, "invalid_token".into()));
    let token = world.signing.access_token(&claims, world.now).unwrap();
    let verified = world
        .signing
        .verify(&token, ISSUER, &claims.aud, world.now)
        .unwrap();
    let caller = Caller::Token(Box::new(verified));
    let got = world.send(&request("GET /users", &Value::Null), &caller);
    assert_eq!(got.code(), (401, "invalid_token"));
}

#[test]
fn the_second_factor_must_be_proven_and_at_most_an_hour_old() {
    let world = World::new();
    let at = |second: Timestamp| {
        let mut claims = world.claims("admin");
        claims.second_factor_instant = Some(second.to_rfc3339());
        probe(&world, &claims)
    };
    let required = (401, "second_factor_required".to_owned());
    assert_eq!(at(world.now - SECOND_FACTOR_LIFETIME).0, 200);
    assert_eq!(
        at(world.now - SECOND_FACTOR_LIFETIME - Span::seconds(1)),
        required
    );
    // A clock was set back: nobody can say how old it is.
    assert_eq!(at(world.now + Span::seconds(1)), required);

    let mut claims = world.claims("admin");
    claims.second_factor_instant = None;
    assert_eq!(
        probe(&world, &claims),
        required,
        "a ticket's word for it has no instant"
    );
    let mut claims = world.claims("admin");
    claims.amr = vec!["pwd".into()];
    assert_eq!(probe(&world, &claims), required);
}

#[test]
fn an_account_that_is_disabled_over_gone_or_has_another_password_asks_no_more() {
    let mut world = World::new();
    let unusable = (401, "account_unusable".to_owned());
    let claims = world.claims("admin");
    let admin = world.account("admin");
    assert_eq!(probe(&world, &claims).0, 200);

    world.commit(vec![change::disable(admin.id, admin.control)]);
    assert_eq!(probe(&world, &claims), unusable);
    world.commit(vec![change::enable(admin.id, admin.control)]);
    assert_eq!(probe(&world, &claims).0, 200);

    let expires = directory::Attribute::AccountExpires;
    world.commit(vec![change::set(admin.id, expires, world.now)]);
    assert_eq!(probe(&world, &claims), unusable);
    world.commit(vec![change::set(
        admin.id,
        expires,
        world.now + Span::days(1),
    )]);
    assert_eq!(probe(&world, &claims).0, 200);

    world.advance(Span::seconds(2));
    let material = directory::password::PasswordMaterial::random(&mut *world.rng.borrow_mut());
    world.commit(vec![change::set_password(admin.id, material)]);
    assert_eq!(probe(&world, &claims), unusable);
    assert_eq!(
        probe(&world, &world.claims("admin")).0,
        200,
        "but a new sign-in does"
    );

    world.commit(vec![change::expire_password(admin.id)]);
    assert_eq!(probe(&world, &world.claims("admin")), unusable);

    let ghost = world.claims("bob");
    world.commit(vec![directory::Change::Delete {
        id: world.id("bob"),
    }]);
    assert_eq!(probe(&world, &ghost), unusable);
}

#[test]
fn a_token_ends_with_the_second_factor_that_it_was_got_with() {
    let mut world = World::new();
    let claims = world.claims("admin");
    assert_eq!(probe(&world, &claims).0, 200);
    world.advance(Span::seconds(2));
    // Of somebody who resets their own, too.
    let kept = br#"{"adapter":"totp","data":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}"#;
    let secrets = vec![directory::Secret::new(kept.to_vec())];
    world.commit(vec![change::set_second_factors(world.id("admin"), secrets)]);
    assert_eq!(probe(&world, &claims).0, 200);
    world
        .ask_with(&claims, "DELETE /users/admin/second-factor", Value::Null)
        .ok();
    let unusable = (401, "account_unusable".to_owned());
    assert_eq!(probe(&world, &claims), unusable);
    assert_eq!(probe(&world, &world.claims("admin")).0, 200);
}

#[test]
fn a_token_speaks_for_the_account_with_its_sid_and_for_people_only() {
    let world = World::new();
    let mut claims = world.claims("admin");
    claims.primarysid = world.account("alice").sid;
    assert_eq!(probe(&world, &claims).1, "account_unusable");
    let mut claims = world.claims("admin");
    let service = world.account("svc-federation$");
    (claims.oid, claims.primarysid) = (service.id.0, service.sid);
    assert_eq!(probe(&world, &claims).1, "account_unusable");
}

#[test]
fn a_token_dies_with_the_device_that_it_names() {
    let world = World::new();
    let device = Guid::from_bytes([5; 16]);
    let mut claims = world.claims("admin");
    claims.deviceid = Some(device);
    let unusable = (401, "device_unusable".to_owned());
    assert_eq!(probe(&world, &claims), unusable);
    let entry = world.add_device(device, "LAPTOP-1");
    assert_eq!(probe(&world, &claims).0, 200);
    world.commit(vec![change::set_device_enabled(entry, false)]);
    assert_eq!(probe(&world, &claims), unusable);
}

#[test]
fn a_token_over_plain_http_is_not_even_looked_at_further() {
    let world = World::new();
    let token = world
        .signing
        .access_token(&world.claims("admin"), world.now)
        .unwrap();
    let mut line = request("GET /users", &Value::Null)
        .with_header("Authorization", &format!("Bearer {token}"));
    line.secure = false;
    let caller = Caller::by_token(&line, &world.signing, ISSUER, world.now);
    assert_eq!(world.send(&line, &caller).code(), (403, "not_secure"));
    // The Unix socket has no TLS and needs none.
    assert_eq!(world.send(&line, &Caller::Local).status, 200);
}

#[test]
fn a_person_sees_and_changes_nothing_but_their_own() {
    let world = World::new();
    for line in [
        "GET /users",
        "GET /users/bob",
        "GET /users/alice",
        "GET /users/alice/keys",
        "GET /keys",
        "GET /audit",
        "GET /policies",
        "GET /certificates",
        "POST /users",
        "POST /users/bob/disable",
        "PUT /groups/Domain%20Admins/members/alice",
        "DELETE /users/bob/keys/abcd",
        "POST /services",
        "PATCH /domain",
    ] {
        let got = world.ask("alice", line, empty());
        assert_eq!(got.code(), (403, "not_permitted"), "{line}");
        let record = got.refused.unwrap();
        assert_eq!(record.result, AuditResult::Refused);
        assert_eq!(record.actor.name, "alice@corp.example");
        assert_eq!(record.actor.sid, Some(world.account("alice").sid));
        assert_eq!(record.from.as_deref(), Some("192.0.2.7"));
    }
    assert_eq!(world.get("alice", "/own").ok()["name"], "alice");
    let status = world.get("alice", "/status").ok();
    assert_eq!(status["you"]["administrator"], false);
    assert_eq!(status["realm"], "CORP.EXAMPLE");
    assert!(status.get("rules").is_none());
    assert!(world.get("admin", "/status").ok()["rules"].is_object());
}

#[test]
fn who_looks_after_keys_sees_accounts_and_changes_nothing_but_keys() {
    let world = World::new();
    for line in [
        "GET /users",
        "GET /users/bob",
        "GET /groups",
        "GET /devices",
        "GET /keys",
    ] {
        assert_eq!(world.ask("keeper", line, Value::Null).status, 200, "{line}");
    }
    for line in [
        "POST /users/bob/disable",
        "DELETE /users/bob",
        "POST /users/bob/password",
        "PUT /groups/Domain%20Admins/members/keeper",
        "GET /audit",
        "PATCH /domain",
        "DELETE /devices/x",
        "POST /computers/x/keytab",
    ] {
        assert_eq!(world.ask("keeper", line, empty()).code().0, 403, "{line}");
    }
}

#[test]
fn rights_come_and_go_with_membership_at_the_next_request() {
    let world = World::new();
    let claims = world.claims("alice");
    assert_eq!(probe(&world, &claims).0, 403);
    let line = "PUT /groups/Directory%20Staff/members/alice";
    assert_eq!(world.ask("admin", line, empty()).ok()["changed"], true);
    assert_eq!(probe(&world, &claims).0, 200);
    let line = "DELETE /groups/Directory%20Staff/members/alice";
    assert_eq!(world.ask("admin", line, Value::Null).ok()["changed"], true);
    assert_eq!(probe(&world, &claims).0, 403);
}

#[test]
fn who_is_not_proven_does_not_learn_which_endpoints_there_are() {
    let world = World::new();
    for path in ["/users", "/nothing", "/users/alice/nothing"] {
        let line = request(&format!("GET {path}"), &Value::Null);
        assert_eq!(world.send(&line, &Caller::Nobody).code(), (401, "no_token"));
    }
    assert_eq!(
        world.get("admin", "/nothing").code(),
        (404, "no_such_endpoint")
    );
    let got = world.ask("admin", "PUT /users", json!({}));
    assert_eq!(got.code(), (405, "method_not_allowed"));
    assert_eq!(got.response.headers.get("Allow"), Some("GET, POST"));
}

#[test]
fn what_root_does_is_told_from_what_people_do() {
    let world = World::new();
    world.ask("root", "POST /users/alice/disable", empty()).ok();
    let record = world.last();
    assert_eq!(record.actor.name, "local administrator");
    assert_eq!(record.actor.sid, None);
    assert_eq!(record.from.as_deref(), Some("local"));
    // Root has no account of its own here.
    assert_eq!(world.get("root", "/own").code(), (404, "not_found"));
}
