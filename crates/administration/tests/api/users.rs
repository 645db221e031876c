//! People.

use directory::lockout::Failed;
use directory::{AuditResult, Secret, change};
use serde_json::{Value, json};
use trust::Span;

use crate::world::{World, empty};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn a_person_is_added_with_all_that_was_said_and_shown_as_they_are() {
    let world = World::new();
    let body = json!({
        "name": "carol", "display_name": "Carol Ng", "given_name": "Carol", "surname": "Ng",
        "mail": "carol@corp.example", "telephone": "+49 1", "description": "new",
        "groups": ["Windows Hello for Business Users"], "password": PASSWORD, "must_change": false,
    });
    let got = world.ask("admin", "POST /users", body);
    assert_eq!(got.status, 201);
    let shown = got.ok();
    assert_eq!(shown["name"], "carol");
    assert_eq!(shown["upn"], "carol@corp.example");
    assert_eq!(shown["kind"], "user");
    assert_eq!(shown["has_password"], true);
    assert_eq!(shown["must_change_password"], false);
    assert_eq!(shown["enabled"], true);
    assert_eq!(shown["dn"], "CN=carol,CN=Users,DC=corp,DC=example");
    let account = world.account("carol");
    // The SID is there although only the commit gave it.
    assert_eq!(shown["sid"], account.sid.to_string());
    assert_eq!(shown["id"], account.id.to_string());
    let groups = shown["groups"].as_array().unwrap();
    assert!(
        groups
            .iter()
            .any(|group| group["name"] == "Windows Hello for Business Users")
    );
    assert!(
        groups
            .iter()
            .any(|group| group["name"] == "Domain Users" && group["direct"] == true)
    );
    assert!(directory::password::verify(
        Some(&account),
        PASSWORD,
        crypto::password::Cost::LEAST
    ));
    assert_eq!(world.get("admin", "/users/carol").ok(), shown);
    let record = world.last();
    assert_eq!(
        (record.action.as_str(), record.result),
        ("user.add", AuditResult::Done)
    );
    assert_eq!(record.target, Some(account.id));
    assert!(!format!("{record:?}").contains(PASSWORD));
}

#[test]
fn every_form_of_a_name_means_the_same_person() {
    let world = World::new();
    let alice = world.account("alice");
    for name in [
        "alice".to_owned(),
        "ALICE".into(),
        "alice@corp.example".into(),
        "CORP%5Calice".into(),
        alice.id.to_string(),
        alice.sid.to_string(),
    ] {
        let shown = world.get("admin", &format!("/users/{name}")).ok();
        assert_eq!(shown["id"], alice.id.to_string(), "{name}");
    }
    for name in [
        "carol",
        "OTHER%5Calice",
        "dc1",
        "DC1$",
        "Domain%20Admins",
        "S-1-5-32-544",
    ] {
        assert_eq!(
            world.get("admin", &format!("/users/{name}")).code(),
            (404, "not_found"),
            "{name}"
        );
    }
}

#[test]
fn without_a_password_a_person_has_none_and_nobody_signs_in_by_one() {
    let world = World::new();
    let shown = world
        .ask("admin", "POST /users", json!({"name": "carol"}))
        .ok();
    assert_eq!(shown["has_password"], false);
    assert_eq!(shown["must_change_password"], false);
    let got = world.ask(
        "admin",
        "POST /users",
        json!({"name": "dave", "must_change": true}),
    );
    assert_eq!(got.code(), (400, "missing_member"));
    let body = json!({"name": "dave", "enabled": false});
    assert_eq!(
        world.ask("admin", "POST /users", body).ok()["enabled"],
        false
    );
}

#[test]
fn refuses_a_name_that_somebody_has_and_says_who() {
    let world = World::new();
    let add = |body| world.ask("admin", "POST /users", body);
    for name in ["alice", "ALICE", "Domain Admins"] {
        let got = add(json!({"name": name}));
        assert_eq!(got.code(), (409, "taken"), "{name}");
    }
    let got = add(json!({"name": "carol", "upn": "alice@corp.example"}));
    assert_eq!(got.code(), (409, "taken"));
    assert!(got.detail().contains("alice@corp.example"));
    // Somebody's UPN reads like the name that is asked for.
    world
        .ask(
            "admin",
            "PATCH /users/bob",
            json!({"upn": "carol@corp.example"}),
        )
        .ok();
    assert_eq!(add(json!({"name": "carol"})).code(), (409, "taken"));
    assert!(!world.exists("CORP\\carol"));
}

#[test]
fn refuses_names_that_cannot_be() {
    let world = World::new();
    for name in [
        "a/b",
        "a@b",
        "x$",
        " ",
        "",
        "a\nb",
        "S-1-5-21-1-2-3-4",
        "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        &"x".repeat(65),
    ] {
        let got = world.ask("admin", "POST /users", json!({"name": name}));
        assert_eq!(got.code(), (400, "invalid_member"), "{name:?} {}", got.json);
    }
    for upn in ["carol", "carol@", "@corp.example", "a b@corp.example"] {
        let got = world.ask("admin", "POST /users", json!({"name": "carol", "upn": upn}));
        assert_eq!(got.code(), (400, "invalid_member"), "{upn:?}");
    }
    assert!(!world.exists("carol"));
}

#[test]
fn the_password_policy_answers_in_words_and_the_password_stands_nowhere() {
    let world = World::new();
    let cases = [
        ("pw-5ab7", "shorter than 8"),
        ("my-ALICE-password", "name of the account"),
    ];
    for (password, said) in cases {
        let got = world.ask(
            "admin",
            "POST /users/alice/password",
            json!({"password": password}),
        );
        assert_eq!(got.code(), (422, "password_refused"));
        assert!(got.detail().contains(said), "{}", got.detail());
        assert!(!got.json.to_string().contains(password));
        assert!(!format!("{:?}", got.refused).contains(password));
    }
    let set = |body| world.ask("admin", "POST /users/alice/password", body).ok();
    set(json!({"password": PASSWORD}));
    assert!(world.account("alice").must_change_password(), "by default");
    set(json!({"password": "another good one", "must_change": false}));
    let alice = world.account("alice");
    assert!(!alice.must_change_password());
    let cost = crypto::password::Cost::LEAST;
    assert!(directory::password::verify(
        Some(&alice),
        "another good one",
        cost
    ));
    for record in world.log() {
        assert!(!format!("{record:?}").contains(PASSWORD));
    }
}

#[test]
fn a_person_is_disabled_enabled_and_told_once() {
    let world = World::new();
    let act = |what: &str| {
        world
            .ask("admin", &format!("POST /users/alice/{what}"), empty())
            .ok()
    };
    assert_eq!(act("disable")["changed"], true);
    assert!(!world.account("alice").is_enabled());
    assert_eq!(world.last().action, "account.disable");
    let before = world.log().len();
    assert_eq!(act("disable")["changed"], false);
    assert_eq!(
        world.log().len(),
        before,
        "nothing was done, so nothing is told"
    );
    assert_eq!(act("enable")["changed"], true);
    assert!(world.account("alice").is_enabled());
    assert_eq!(act("expire-password")["changed"], true);
    assert!(world.account("alice").must_change_password());
    assert_eq!(act("expire-password")["changed"], false);
}

#[test]
fn a_lockout_ends_even_one_that_is_not_on_disk_yet() {
    let world = World::new();
    let alice = world.account("alice");
    let snapshot = world.directory.snapshot().unwrap();
    let policy = snapshot.lockout_policy().unwrap();
    let mut last = Failed::Counted(0);
    for _ in 0..policy.threshold {
        last = world
            .lockout
            .fail(&alice, &snapshot, &policy, world.now)
            .unwrap();
    }
    assert_eq!(last, Failed::LockedOut);
    assert_eq!(world.get("admin", "/users/alice").ok()["locked"], true);
    let unlock = || world.ask("admin", "POST /users/alice/unlock", empty()).ok();
    assert_eq!(unlock()["changed"], true);
    assert_eq!(world.get("admin", "/users/alice").ok()["locked"], false);
    assert!(
        world.lockout.pending(10).is_empty(),
        "nothing is left to lock her again"
    );
    assert_eq!(unlock()["changed"], false);
    world.commit(vec![change::lock_out(alice.id, world.now)]);
    assert_eq!(unlock()["changed"], true);
    assert_eq!(world.account("alice").locked_since, None);
}

#[test]
fn second_factors_are_forgotten() {
    let world = World::new();
    let alice = world.id("alice");
    let count = || world.get("admin", "/users/alice").ok()["second_factors"].clone();
    let kept = br#"{"adapter":"totp","data":{"secret":"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}}"#;
    let secrets = vec![Secret::new(kept.to_vec()), Secret::new(vec![2])];
    world.commit(vec![change::set_second_factors(alice, secrets)]);
    assert_eq!(count(), 1);
    let reset = || {
        world
            .ask("admin", "DELETE /users/alice/second-factor", Value::Null)
            .ok()
    };
    assert_eq!(reset()["changed"], true);
    assert_eq!(count(), 0);
    assert_eq!(world.last().action, "second-factor.reset");
    assert_eq!(reset()["changed"], false);
}

#[test]
fn attributes_are_changed_cleared_and_kept() {
    let world = World::new();
    let patch = |body| world.ask("admin", "PATCH /users/alice", body).ok();
    let shown = patch(
        json!({"display_name": "Alice", "mail": "a@b.example", "expires": "2030-01-01T00:00:00Z"}),
    );
    assert_eq!(shown["display_name"], "Alice");
    assert_eq!(shown["expires"], "2030-01-01T00:00:00Z");
    assert_eq!(world.last().details["mail"], "a@b.example");
    let shown = patch(json!({"mail": null, "expires": null, "given_name": null}));
    assert_eq!(
        (&shown["mail"], &shown["expires"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(shown["display_name"], "Alice", "what is not named stays");
    let before = world.log().len();
    patch(json!({"display_name": "Alice"}));
    assert_eq!(world.log().len(), before);
}

#[test]
fn a_deleted_person_is_gone_with_memberships_and_keys() {
    let world = World::new();
    let (pem, fingerprint) = crate::world::new_key();
    world
        .ask("admin", "POST /users/alice/keys", json!({"key": pem}))
        .ok();
    let delete = || world.ask("admin", "DELETE /users/alice", Value::Null);
    assert_eq!(delete().ok()["changed"], true);
    assert!(!world.exists("alice"));
    assert_eq!(delete().code(), (404, "not_found"));
    let snapshot = world.directory.snapshot().unwrap();
    assert_eq!(
        snapshot
            .holder_of_key(&fingerprint.parse().unwrap())
            .unwrap(),
        None
    );
}

#[test]
fn nobody_harms_krbtgt_or_a_domain_controller() {
    let world = World::new();
    let lines = [
        "DELETE /users/krbtgt",
        "POST /users/krbtgt/disable",
        "POST /users/krbtgt/enable",
        "POST /users/krbtgt/unlock",
        "POST /users/krbtgt/password",
        "POST /users/krbtgt/expire-password",
        "PATCH /users/krbtgt",
        "POST /users/krbtgt/keys",
        "DELETE /computers/DC1",
        "POST /computers/DC1/disable",
        "POST /computers/DC1/password",
        "POST /computers/DC1/keytab",
        "POST /computers/DC1/keys",
        "PUT /computers/DC1/principals/http%2Fx",
        "PATCH /computers/DC1",
        "POST /services/ldap%2Fdc1.corp.example/keytab",
    ];
    for who in ["admin", "root"] {
        for line in lines {
            let got = world.ask(who, line, empty());
            assert_eq!(got.code(), (403, "protected"), "{who} {line} {}", got.json);
        }
    }
    assert_eq!(world.get("admin", "/users/krbtgt").ok()["kind"], "krbtgt");
}

#[test]
fn nobody_ends_their_own_account_by_mistake() {
    let world = World::new();
    world
        .ask("admin", "PUT /groups/Domain%20Admins/members/bob", empty())
        .ok();
    for line in ["DELETE /users/admin", "POST /users/admin/disable"] {
        assert_eq!(
            world.ask("admin", line, Value::Null).code(),
            (409, "yourself"),
            "{line}"
        );
    }
    let leave = "DELETE /groups/Directory%20Staff/members/admin";
    assert_eq!(
        world.ask("admin", leave, Value::Null).code(),
        (409, "yourself")
    );
    assert_eq!(
        world
            .ask("admin", "DELETE /users/admin?force=maybe", Value::Null)
            .status,
        400
    );
    world
        .ask("admin", "DELETE /users/admin?force=true", Value::Null)
        .ok();
    assert!(!world.exists("admin"));
}

#[test]
fn the_last_administrator_stays_whatever_is_tried() {
    let world = World::new();
    let last = (409, "last_administrator");
    for line in [
        "DELETE /users/admin?force=true",
        "POST /users/admin/disable?force=true",
        "DELETE /groups/Directory%20Staff/members/admin?force=true",
        "DELETE /groups/Domain%20Admins/members/Directory%20Staff",
        "DELETE /groups/Directory%20Staff",
    ] {
        assert_eq!(world.ask("admin", line, Value::Null).code(), last, "{line}");
    }
    let expire = json!({"expires": "2020-01-01T00:00:00Z"});
    assert_eq!(world.ask("root", "PATCH /users/admin", expire).code(), last);
    // Somebody who is disabled is no other administrator.
    world
        .ask("admin", "PUT /groups/Domain%20Admins/members/bob", empty())
        .ok();
    world.ask("admin", "POST /users/bob/disable", empty()).ok();
    assert_eq!(
        world.ask("root", "DELETE /users/admin", Value::Null).code(),
        last
    );
    world.ask("admin", "POST /users/bob/enable", empty()).ok();
    world.ask("root", "DELETE /users/admin", Value::Null).ok();
    // Root can make another one at any time, and may insist.
    assert_eq!(
        world.ask("root", "DELETE /users/bob", Value::Null).code(),
        last
    );
    world
        .ask("root", "DELETE /users/bob?force=true", Value::Null)
        .ok();
    // Where there is none, nothing takes the last one away.
    world.ask("root", "DELETE /users/alice", Value::Null).ok();
}

#[test]
fn people_are_listed_page_by_page_and_by_the_beginning_of_their_names() {
    let world = World::new();
    let mut seen = Vec::new();
    let mut path = "/users?limit=2".to_owned();
    let mut pages = 0;
    loop {
        let got = world.get("admin", &path);
        seen.extend(got.names().into_iter().map(str::to_owned));
        pages += 1;
        assert!(got.names().len() <= 2);
        let Some(next) = got.json["next"].as_str() else {
            break;
        };
        path = format!("/users?limit=2&after={next}");
    }
    assert_eq!(seen, ["admin", "alice", "bob", "keeper", "krbtgt"]);
    assert_eq!(pages, 3);
    assert_eq!(world.get("admin", "/users?search=AL").names(), ["alice"]);
    assert_eq!(world.get("admin", "/users?search=zz").names(), [""; 0]);
    // A place whose entry is gone is still a place.
    let got = world.get("admin", "/users?limit=2");
    let next = got.json["next"].as_str().unwrap().to_owned();
    world.ask("admin", "DELETE /users/alice", Value::Null).ok();
    assert_eq!(
        world
            .get("admin", &format!("/users?limit=2&after={next}"))
            .names(),
        ["bob", "keeper"]
    );
    for path in [
        "/users?limit=0",
        "/users?limit=501",
        "/users?limit=x",
        "/users?after=!",
        "/users?after=YQ",
    ] {
        assert_eq!(
            world.get("admin", path).code(),
            (400, "invalid_parameter"),
            "{path}"
        );
    }
}

#[test]
fn two_people_of_one_name_cannot_be_added_at_once() {
    // Both were computed from a state without the name; the slower one is computed again, and refused.
    let world = World::new();
    let line = crate::world::request("POST /users", &json!({"name": "carol"}));
    let caller = administration::Caller::Local;
    let first = world.directory.snapshot().unwrap();
    let second = world.directory.snapshot().unwrap();
    let ask = |snapshot: &directory::Snapshot<'_>| {
        let view = world.view(snapshot);
        let rng = &mut *world.rng.borrow_mut();
        administration::answer(&line, &caller, &view, world.now, rng).changes
    };
    let (one, two) = (ask(&first), ask(&second));
    world
        .directory
        .commit(&one, &first.into_reads(), world.now)
        .unwrap();
    let conflict = world
        .directory
        .commit(&two, &second.into_reads(), world.now);
    assert_eq!(conflict.unwrap_err(), directory::CommitError::Conflict);
    assert_eq!(world.send(&line, &caller).code(), (409, "taken"));
}

#[test]
fn the_domain_s_rules_are_read_and_changed() {
    let mut world = World::new();
    let rules = world.get("admin", "/status").ok()["rules"].clone();
    assert_eq!(rules["machine_account_quota"], 10);
    assert_eq!(rules["lockout_threshold"], 10);
    assert_eq!(rules["lockout_window_seconds"], 900);
    let body = json!({"minimum_password_length": 12, "lockout_duration_seconds": 60, "machine_account_quota": 0});
    assert_eq!(
        world.ask("admin", "PATCH /domain", body.clone()).ok()["changed"],
        true
    );
    assert_eq!(world.last().details["minimum_password_length"], "12");
    assert_eq!(
        world.ask("admin", "PATCH /domain", body).ok()["changed"],
        false
    );
    world.advance(Span::seconds(1));
    let rules = world.get("admin", "/status").ok()["rules"].clone();
    assert_eq!(rules["minimum_password_length"], 12);
    assert_eq!(rules["lockout_duration_seconds"], 60);
    let got = world.ask(
        "admin",
        "POST /users",
        json!({"name": "carol", "password": "elevenchars"}),
    );
    assert_eq!(got.code(), (422, "password_refused"));
    for body in [
        json!({"minimum_password_length": 3}),
        json!({"lockout_threshold": -1}),
        json!({"lockout_window_seconds": 59}),
        json!({"password_history": "many"}),
        json!({"machine_account_quota": null}),
    ] {
        assert_eq!(
            world.ask("admin", "PATCH /domain", body).code(),
            (400, "invalid_member")
        );
    }
}
