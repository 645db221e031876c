//! Groups.

use serde_json::{Value, json};

use crate::world::{World, empty};

#[test]
fn a_group_is_added_filled_shown_and_deleted() {
    let world = World::new();
    let body = json!({"name": "engineers", "description": "Those who build", "scope": "universal"});
    let got = world.ask("admin", "POST /groups", body);
    assert_eq!(got.status, 201);
    assert_eq!(got.json["scope"], "universal");
    assert!(got.json["sid"].as_str().unwrap().starts_with("S-1-5-21-"));
    let add = |member: &str| {
        world.ask(
            "admin",
            &format!("PUT /groups/engineers/members/{member}"),
            empty(),
        )
    };
    assert_eq!(add("alice").ok()["changed"], true);
    assert_eq!(add("alice").ok()["changed"], false);
    add("Directory%20Staff").ok();
    add("DC1").ok();
    let shown = world.get("keeper", "/groups/engineers").ok();
    let kinds: Vec<&str> = shown["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["kind"].as_str().unwrap())
        .collect();
    for kind in ["user", "group", "computer"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert_eq!(shown["more_members"], false);
    let remove = || {
        world
            .ask(
                "admin",
                "DELETE /groups/engineers/members/alice",
                Value::Null,
            )
            .ok()
    };
    assert_eq!(remove()["changed"], true);
    assert_eq!(world.last().details["member"], "alice@corp.example");
    assert_eq!(remove()["changed"], false);
    let got = world.ask(
        "admin",
        "PATCH /groups/engineers",
        json!({"description": null}),
    );
    assert_eq!(got.ok()["description"], Value::Null);
    world
        .ask("admin", "DELETE /groups/engineers", Value::Null)
        .ok();
    assert_eq!(
        world.get("admin", "/groups/engineers").code(),
        (404, "not_found")
    );
}

#[test]
fn members_are_listed_page_by_page() {
    let world = World::new();
    world
        .ask("admin", "POST /groups", json!({"name": "all"}))
        .ok();
    for member in ["alice", "bob", "keeper", "admin", "krbtgt"] {
        world
            .ask(
                "admin",
                &format!("PUT /groups/all/members/{member}"),
                empty(),
            )
            .ok();
    }
    let mut seen = Vec::new();
    let mut path = "/groups/all/members?limit=2".to_owned();
    loop {
        let got = world.get("admin", &path);
        seen.extend(got.names().into_iter().map(str::to_owned));
        let Some(next) = got.json["next"].as_str() else {
            break;
        };
        path = format!("/groups/all/members?limit=2&after={next}");
    }
    seen.sort();
    assert_eq!(seen, ["admin", "alice", "bob", "keeper", "krbtgt"]);
}

#[test]
fn refuses_what_a_group_cannot_be() {
    let world = World::new();
    let add = |body| world.ask("admin", "POST /groups", body);
    assert_eq!(add(json!({"name": "alice"})).code(), (409, "taken"));
    assert_eq!(add(json!({"name": "domain admins"})).code(), (409, "taken"));
    assert_eq!(add(json!({"name": "x$"})).code(), (400, "invalid_member"));
    assert_eq!(
        add(json!({"name": "x", "scope": "wide"})).code(),
        (400, "invalid_member")
    );
    assert_eq!(add(json!({})).code(), (400, "missing_member"));
    let list = add(json!({"name": "friends", "security": false})).ok();
    assert_eq!(
        (&list["security"], &list["scope"]),
        (&json!(false), &json!("global"))
    );
    let own = "PUT /groups/friends/members/friends";
    assert_eq!(world.ask("admin", own, empty()).code(), (409, "in_the_way"));
    let nobody = "PUT /groups/friends/members/nobody";
    assert_eq!(
        world.ask("admin", nobody, empty()).code(),
        (404, "not_found")
    );
    for group in ["Domain%20Admins", "Key%20Admins", "Domain%20Users"] {
        let got = world.ask(
            "root",
            &format!("DELETE /groups/{group}?force=true"),
            Value::Null,
        );
        assert_eq!(got.status, 400, "no force here");
        let got = world.ask("root", &format!("DELETE /groups/{group}"), Value::Null);
        assert_eq!(got.code(), (403, "protected"), "{group}");
    }
}

#[test]
fn a_circle_of_groups_is_no_trap() {
    let world = World::new();
    for name in ["one", "two"] {
        world
            .ask("admin", "POST /groups", json!({"name": name}))
            .ok();
    }
    for line in [
        "PUT /groups/one/members/two",
        "PUT /groups/two/members/one",
        "PUT /groups/Domain%20Admins/members/one",
        "PUT /groups/one/members/Domain%20Admins",
    ] {
        world.ask("admin", line, empty()).ok();
    }
    world
        .ask("admin", "PUT /groups/two/members/alice", empty())
        .ok();
    assert_eq!(world.get("alice", "/users").status, 200);
    world.ask("alice", "DELETE /users/admin", Value::Null).ok();
    let got = world.ask("alice", "DELETE /groups/one/members/two", Value::Null);
    assert_eq!(got.code(), (409, "last_administrator"));
}
