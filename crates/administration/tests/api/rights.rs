//! Administration that is delegated: granted, used and taken back by the same rules as over LDAP.

use directory::{Change, Class, EntryId, NewEntry};
use serde_json::{Value, json};

use crate::world::{World, empty};

const UNIT: &str = "OU=Fleet,DC=corp,DC=example";

/// A world with a unit that has a person, and a group of which `bob` is a member.
fn world() -> World {
    let world = World::new();
    let head = world.directory.domain().unwrap().head;
    let id = || EntryId::random(&mut *world.rng.borrow_mut());
    let (unit, carol) = (id(), id());
    world.commit(vec![
        NewEntry::new(unit, head, Class::OrganizationalUnit, "Fleet").into(),
        NewEntry::user(carol, unit, "carol", "carol").into(),
    ]);
    world
        .ask("admin", "POST /groups", json!({"name": "helpdesk"}))
        .ok();
    world.commit(vec![Change::AddMember {
        group: world.group("helpdesk"),
        member: world.id("bob"),
    }]);
    world
}

fn grant(world: &World, right: &str, below: &str) -> Value {
    let line = format!("PUT /rights/{right}/helpdesk?below={below}");
    world.ask("admin", &line, empty()).ok()
}

const BELOW: &str = "OU%3DFleet%2CDC%3Dcorp%2CDC%3Dexample";

#[test]
fn a_right_is_granted_listed_used_and_taken_back() {
    let world = world();
    let set = |name: &str| {
        let line = format!("POST /users/{name}/password");
        let body = json!({"password": "another horse battery"});
        world.ask("bob", &line, body)
    };
    assert_eq!(set("carol").code(), (403, "not_permitted"));
    assert_eq!(grant(&world, "passwords", BELOW)["changed"], true);
    let record = world.last();
    assert_eq!(record.action, "right.grant");
    assert_eq!(record.details["right"], "passwords");
    assert_eq!(record.details["group"], "helpdesk");
    assert_eq!(grant(&world, "passwords", BELOW)["changed"], false);
    let listed = world.get("bob", "/rights").ok();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["right"], "passwords");
    assert_eq!(items[0]["group"]["name"], "helpdesk");
    assert_eq!(items[0]["below"], UNIT);
    set("carol").ok();
    // Not beside the unit, and nothing else.
    assert_eq!(set("alice").code(), (403, "not_permitted"));
    let deleted = world.ask("bob", "DELETE /users/carol", empty());
    assert_eq!(deleted.code(), (403, "not_permitted"));
    let granted = world.ask("bob", "PUT /rights/people/helpdesk", empty());
    assert_eq!(granted.code(), (403, "not_permitted"));
    let line = format!("DELETE /rights/passwords/helpdesk?below={BELOW}");
    assert_eq!(world.ask("admin", &line, empty()).ok()["changed"], true);
    assert_eq!(set("carol").code(), (403, "not_permitted"));
}

#[test]
fn who_looks_after_people_and_groups_adds_them_in_their_unit_alone() {
    let world = world();
    grant(&world, "people", BELOW);
    grant(&world, "groups", BELOW);
    let person = |body: Value| world.ask("bob", "POST /users", body);
    person(json!({"name": "dora", "unit": UNIT})).ok();
    assert_eq!(
        person(json!({"name": "eve"})).code(),
        (403, "not_permitted")
    );
    let foreign = json!({"name": "eve", "unit": UNIT, "upn": "eve@elsewhere.example"});
    assert_eq!(person(foreign).code(), (403, "not_permitted"));
    let nowhere = json!({"name": "eve", "unit": "OU=Nowhere,DC=corp,DC=example"});
    assert_eq!(person(nowhere).code(), (404, "not_found"));
    let admins = json!({"name": "eve", "unit": UNIT, "groups": ["Domain Admins"]});
    assert_eq!(person(admins).code(), (403, "not_permitted"));
    let group = json!({"name": "drivers", "unit": UNIT});
    world.ask("bob", "POST /groups", group).ok();
    world
        .ask("bob", "PUT /groups/drivers/members/dora", empty())
        .ok();
    for line in [
        "PUT /groups/helpdesk/members/dora",
        "PUT /groups/Domain%20Admins/members/bob",
        "DELETE /users/admin",
        "POST /users/alice/disable",
        "POST /users/dora/password",
        "DELETE /users/dora/second-factor",
        "POST /users/dora/mappings",
    ] {
        let got = world.ask("bob", line, empty());
        assert_eq!(got.code().0, 403, "{line}");
    }
    let flags = json!({"not_delegated": false});
    let got = world.ask("bob", "PATCH /users/dora", flags);
    assert_eq!(got.code(), (403, "not_permitted"));
    world
        .ask(
            "bob",
            "PATCH /users/dora",
            json!({"mail": "d@corp.example"}),
        )
        .ok();
    world.ask("bob", "DELETE /users/dora", empty()).ok();
}

/// What LDAP refuses is refused here: the same functions say so.
#[test]
fn by_a_grant_nobody_is_called_as_linux_machines_call_their_own_or_put_where_everybody_would_be() {
    let world = world();
    let head = "DC%3Dcorp%2CDC%3Dexample";
    for right in ["groups", "people"] {
        grant(&world, right, head);
    }
    let refused = (403, "not_permitted");
    let group = |name: &str| world.ask("bob", "POST /groups", json!({ "name": name }));
    assert_eq!(group("sudo").code(), refused);
    group("sudoers-of-fleet").ok();
    let line = "PUT /groups/sudoers-of-fleet/members/Domain%20Users";
    assert_eq!(world.ask("bob", line, empty()).code(), refused);
    world.ask("admin", line, empty()).ok();
}

#[test]
fn what_would_be_no_delegation_is_not_granted() {
    let world = world();
    for (line, code) in [
        (
            "PUT /rights/everything/helpdesk",
            (400, "invalid_parameter"),
        ),
        ("PUT /rights/keys/nobody", (404, "not_found")),
        ("PUT /rights/keys/Domain%20Users", (409, "in_the_way")),
        (
            "PUT /rights/keys/helpdesk?below=CN%3Dcarol",
            (404, "not_found"),
        ),
    ] {
        assert_eq!(world.ask("admin", line, empty()).code(), code, "{line}");
    }
    // A group that is gone is named by its SID.
    grant(&world, "keys", BELOW);
    let listed = world.get("admin", "/rights").ok();
    let sid = listed["items"][0]["group"]["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    world.ask("admin", "DELETE /groups/helpdesk", empty()).ok();
    assert_eq!(
        world.get("admin", "/rights").ok()["items"][0]["group"]["name"],
        Value::Null
    );
    let line = format!("DELETE /rights/keys/{sid}?below={BELOW}");
    assert_eq!(world.ask("admin", &line, empty()).ok()["changed"], true);
}
