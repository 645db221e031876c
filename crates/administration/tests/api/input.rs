//! Hostile and mistaken requests.

use administration::Caller;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::http::{Method, Request};

use crate::world::{World, request};

fn send(world: &World, body: &[u8], content_type: &str) -> (u16, String) {
    let mut line = request("POST /users", &Value::Null);
    line.body = body.to_vec();
    let line = line.with_header("Content-Type", content_type);
    let got = world.send(&line, &Caller::Local);
    (got.status, got.code().1.to_owned())
}

#[test]
fn refuses_bodies_that_are_no_json_object_and_repeats_nothing_of_them() {
    let world = World::new();
    let json_type = "application/json; charset=utf-8";
    for body in [
        &b"["[..],
        b"[]",
        b"null",
        b"\"name\"",
        b"{\"name\": \"carol\"",
        b"{\"name\": \"carol\"} x",
        b"{\"name\": \"s3cret-half",
        b"\xff\xfe",
        b"{\"name\": \"\\ud800\"}",
        b"{'name': 'carol'}",
        b"{\"name\": \"carol\",}",
    ] {
        assert_eq!(
            send(&world, body, json_type),
            (400, "malformed".into()),
            "{body:?}"
        );
    }
    let twice = b"{\"password\": \"hunter2hunter2\", \"password\": 1}";
    let mut line = request("POST /users", &Value::Null).with_header("Content-Type", json_type);
    line.body = twice.to_vec();
    let got = world.send(&line, &Caller::Local);
    assert_eq!(got.code(), (400, "malformed"));
    assert!(got.detail().contains("twice"), "{}", got.detail());
    assert!(!got.json.to_string().contains("hunter2"));
    assert!(!format!("{:?}", got.refused).contains("hunter2"));
    assert!(!world.exists("carol"));
}

#[test]
fn refuses_what_is_too_long_or_too_deep() {
    let world = World::new();
    let json_type = "application/json";
    let deep = "[".repeat(60_000);
    assert_eq!(send(&world, deep.as_bytes(), json_type).1, "malformed");
    let deep = format!("{{\"name\":{}", "[".repeat(50_000));
    assert_eq!(send(&world, deep.as_bytes(), json_type).1, "malformed");
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(70_000));
    assert_eq!(
        send(&world, long.as_bytes(), json_type),
        (413, "too_large".into())
    );
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(2_000));
    assert_eq!(send(&world, long.as_bytes(), json_type).1, "invalid_member");
}

#[test]
fn refuses_a_body_of_another_type() {
    let world = World::new();
    for other in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        assert_eq!(
            send(&world, b"{\"name\": \"carol\"}", other),
            (415, "not_json".into()),
            "{other}"
        );
    }
    assert_eq!(
        send(&world, b"{\"name\": \"carol\"}", "Application/JSON").0,
        201
    );
}

#[test]
fn refuses_members_and_parameters_by_name() {
    let world = World::new();
    let got = world.ask(
        "admin",
        "POST /users",
        json!({"name": "carol", "nmae": "x"}),
    );
    assert_eq!(got.code(), (400, "unknown_member"));
    assert!(got.detail().contains("\"nmae\""), "{}", got.detail());
    let got = world.ask("admin", "POST /users", json!({"upn": "x@y"}));
    assert_eq!(got.code(), (400, "missing_member"));
    assert!(got.detail().contains("\"name\""));
    let got = world.get("admin", "/users?limt=2");
    assert_eq!(got.code(), (400, "unknown_parameter"));
    assert!(got.detail().contains("limt"));
    assert_eq!(
        world.get("admin", "/users?limit=2&limit=3").code(),
        (400, "unknown_parameter")
    );
    assert_eq!(
        world.get("admin", "/users?search=%00").code(),
        (400, "invalid_parameter")
    );
    // Of a body, too, that takes no members at all.
    let got = world.ask("admin", "POST /users/alice/disable", json!({"reason": "x"}));
    assert_eq!(got.code(), (400, "unknown_member"));
    assert!(world.account("alice").is_enabled());
}

#[test]
fn refuses_values_of_another_kind() {
    let world = World::new();
    for (body, member) in [
        (json!({"name": 1}), "name"),
        (json!({"name": ["a"]}), "name"),
        (json!({"name": "c", "enabled": "yes"}), "enabled"),
        (json!({"name": "c", "groups": "Domain Users"}), "groups"),
        (json!({"name": "c", "groups": [1]}), "groups"),
        (
            json!({"name": "c", "groups": ["Domain Users", "Domain Users"]}),
            "groups",
        ),
        (json!({"name": "c", "groups": vec!["x"; 101]}), "groups"),
        (json!({"name": "c", "expires": "tomorrow"}), "expires"),
        (json!({"name": "c", "password": 12345678}), "password"),
        (
            json!({"name": "c", "display_name": "a\u{7}b"}),
            "display_name",
        ),
        (json!({"name": "c", "mail": ""}), "mail"),
    ] {
        let got = world.ask("admin", "POST /users", body.clone());
        assert_eq!(got.code(), (400, "invalid_member"), "{body}");
        assert!(got.detail().contains(member), "{}", got.detail());
    }
    assert!(!world.exists("c"));
}

#[test]
fn names_in_the_path_are_bounded_and_plain() {
    let world = World::new();
    assert_eq!(
        world.get("admin", "/users/a%00b").code(),
        (400, "invalid_parameter")
    );
    assert_eq!(
        world.get("admin", "/users/a%0Ab").code(),
        (400, "invalid_parameter")
    );
    let long = format!("/users/{}", "x".repeat(1_100));
    assert_eq!(world.get("admin", &long).code(), (400, "invalid_parameter"));
    let got = world.get("admin", "/users/%3Cscript%3E");
    assert_eq!(got.code(), (404, "not_found"));
    assert_eq!(
        got.response.headers.get("Content-Type"),
        Some("application/problem+json")
    );
    // A path that only begins like ours.
    let line = Request::get("/administration/v1x/users");
    assert_eq!(
        world.send(&line, &Caller::Local).code(),
        (404, "no_such_endpoint")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_there_is_an_answer(
        method in 0usize..6,
        path in "(/administration/v1)?(/(users|groups|keys|computers|policies|audit|certificates|own|%[0-9a-zA-Z]{2}|[^/]{0,8})){0,5}",
        query in "[a-z=&%0-9]{0,20}",
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let world = thread_world();
        let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Other];
        let mut line = Request::new(methods[method], "/").with_header("Content-Type", "application/json");
        line.path = path;
        line.query = query;
        line.body = body;
        for caller in [Caller::Local, Caller::Nobody] {
            let snapshot = world.directory.snapshot().unwrap();
            let view = world.view(&snapshot);
            let rng = &mut *world.rng.borrow_mut();
            let answer = administration::answer(&line, &caller, &view, world.now, rng);
            prop_assert!(answer.fault.is_none());
            let response = answer.response(&view, world.now);
            prop_assert!((200..=422).contains(&response.status));
        }
    }
}

/// One world for all cases: making one takes longer than asking it.
fn thread_world() -> std::rc::Rc<World> {
    thread_local!(static WORLD: std::rc::Rc<World> = std::rc::Rc::new(World::new()));
    WORLD.with(Clone::clone)
}
