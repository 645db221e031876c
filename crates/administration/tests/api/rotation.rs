//! The KDC's own keys: their versions, new ones, and the end of former ones.

use serde_json::{Value, json};
use trust::Span;

use crate::world::{World, empty};

fn versions(world: &World) -> Vec<(String, u64, bool)> {
    let listed = world.ask("admin", "GET /domain/keys", empty()).ok();
    let items = listed["items"].as_array().unwrap().iter();
    let row = |item: &Value| {
        (
            item["name"].as_str().unwrap().to_owned(),
            item["kvno"].as_u64().unwrap(),
            item["current"].as_bool().unwrap(),
        )
    };
    items.map(row).collect()
}

fn of(name: &str, world: &World) -> Vec<(u64, bool)> {
    let all = versions(world).into_iter();
    all.filter(|row| row.0 == name)
        .map(|row| (row.1, row.2))
        .collect()
}

const OWN: [&str; 2] = ["krbtgt", "kadmin-changepw"];

#[test]
fn a_new_version_seals_at_once_and_the_one_before_stays_for_its_tickets() {
    for name in OWN {
        let world = World::new();
        assert_eq!(of(name, &world), [(1, true)]);
        let path = format!("POST /domain/keys/{name}/rotate");
        let answer = world.ask("admin", &path, empty()).ok();
        assert_eq!(answer["kvno"], 2);
        assert_eq!(
            answer["next"],
            json!((world.now + Span::hours(11)).to_rfc3339())
        );
        let record = world.last();
        assert_eq!(record.action, "keys.rotate");
        assert_eq!(record.target_name.as_deref(), Some(name));
        assert_eq!(of(name, &world), [(2, true), (1, false)]);
    }
}

#[test]
fn a_second_rotation_that_would_strand_tickets_is_refused_until_it_is_safe() {
    for name in OWN {
        let mut world = World::new();
        let path = format!("POST /domain/keys/{name}/rotate");
        let first = world.ask("admin", &path, empty()).ok();
        world.now = world.now + Span::hours(10);
        let refused = world.ask("admin", &path, empty());
        assert_eq!(refused.code(), (409, "too_soon"));
        let remedy = refused.json["remedy"].as_str().unwrap();
        assert!(remedy.contains(first["next"].as_str().unwrap()), "{remedy}");
        assert_eq!(
            of(name, &world),
            [(2, true), (1, false)],
            "nothing happened"
        );
        world.now = world.now + Span::hours(1);
        assert_eq!(world.ask("admin", &path, empty()).ok()["kvno"], 3);
    }
}

#[test]
fn who_insists_rotates_twice_at_once_and_the_audit_log_says_so() {
    let world = World::new();
    world
        .ask("admin", "POST /domain/keys/krbtgt/rotate", empty())
        .ok();
    let path = "POST /domain/keys/krbtgt/rotate?force=true";
    assert_eq!(world.ask("admin", path, empty()).ok()["kvno"], 3);
    assert_eq!(of("krbtgt", &world), [(3, true), (2, false)]);
    let record = world.last();
    assert_eq!(
        record.details.get("forced").map(String::as_str),
        Some("true")
    );
}

#[test]
fn a_service_rotates_under_the_same_rule() {
    let mut world = World::new();
    let body = json!({"service_principals": ["HTTP/web.corp.example"]});
    world.ask("admin", "POST /services", body).ok();
    let path = "POST /services/HTTP%2Fweb.corp.example/rotate";
    assert_eq!(world.ask("admin", path, empty()).ok()["kvno"], 2);
    assert_eq!(world.ask("admin", path, empty()).code(), (409, "too_soon"));
    world.now = world.now + Span::hours(11);
    assert_eq!(world.ask("admin", path, empty()).ok()["kvno"], 3);
}

#[test]
fn a_former_version_is_removed_when_its_last_ticket_has_ended_and_not_before() {
    let mut world = World::new();
    for name in OWN {
        let path = format!("POST /domain/keys/{name}/rotate");
        world.ask("admin", &path, empty()).ok();
    }
    let due = |world: &World| {
        let snapshot = world.directory.snapshot().unwrap();
        administration::tick(&snapshot, world.deployment.key_overlap, world.now).unwrap()
    };
    world.now = world.now + Span::hours(11) - Span::seconds(1);
    assert!(due(&world).is_empty());
    world.now = world.now + Span::seconds(1);
    let changes = due(&world);
    let none = directory::Reads::none();
    world.directory.commit(&changes, &none, world.now).unwrap();
    for name in OWN {
        assert_eq!(of(name, &world), [(2, true)]);
    }
    let record = world.last();
    assert_eq!(record.action, "keys.remove");
    assert!(due(&world).is_empty(), "once is enough");
}

#[test]
fn nobody_but_an_administrator_sees_or_makes_them() {
    let world = World::new();
    for caller in ["keeper", "alice"] {
        for line in ["GET /domain/keys", "POST /domain/keys/krbtgt/rotate"] {
            let got = world.ask(caller, line, empty());
            assert_eq!(got.code(), (403, "not_permitted"), "{caller} {line}");
        }
    }
    let got = world.ask("admin", "POST /domain/keys/alice/rotate", empty());
    assert_eq!(got.code(), (404, "not_found"));
}

#[test]
fn an_account_s_encryption_types_are_set_shown_and_refused_where_they_are_none() {
    let world = World::new();
    let body = json!({"service_principals": ["HTTP/web.corp.example"]});
    world.ask("admin", "POST /services", body).ok();
    for path in ["services/HTTP-web.corp.example", "users/alice"] {
        let change = format!("PATCH /{path}");
        for bits in [24_u32, 1 << 31, 0] {
            let body = json!({"encryption_types": bits});
            world.ask("admin", &change, body).ok();
            let shown = world.get("admin", &format!("/{path}")).ok();
            assert_eq!(shown["encryption_types"], bits);
        }
        for wrong in [json!(-1), json!(1_i64 << 32), json!("aes"), json!(null)] {
            let got = world.ask("admin", &change, json!({ "encryption_types": wrong }));
            assert_eq!(got.code(), (400, "invalid_member"), "{path}");
        }
    }
    assert_eq!(world.account("alice").supported_etypes, Some(0));
}
