//! Computer accounts, and joining.

use directory::{AuditResult, Origin, change};
use serde_json::{Value, json};
use wire::key_credential::KeyCredentialLink;

use crate::world::{World, empty, new_key};

fn join(world: &World, who: &str, body: Value) -> crate::world::Got {
    world.ask(who, "POST /computers", body)
}

#[test]
fn a_person_joins_a_computer_and_gets_all_that_the_join_goes_on_with() {
    let world = World::new();
    let (pem, fingerprint) = new_key();
    let body =
        json!({"name": "LAPTOP-1", "public_key": pem, "os_type": "Linux", "os_version": "13"});
    let got = join(&world, "alice", body);
    assert_eq!(got.status, 201, "{}", got.json);
    let shown = got.ok();
    let account = world.account("LAPTOP-1$");
    assert_eq!(shown["name"], "LAPTOP-1$");
    assert_eq!(shown["sid"], account.sid.to_string());
    assert_eq!(shown["id"], account.id.to_string());
    assert_eq!(shown["dns_host_name"], "laptop-1.corp.example");
    assert_eq!(
        shown["service_principals"],
        json!(["HOST/LAPTOP-1", "HOST/laptop-1.corp.example"])
    );
    assert_eq!(
        (&shown["domain"], &shown["netbios"]),
        (&json!("corp.example"), &json!("CORP"))
    );
    assert_eq!(shown["realm"], "CORP.EXAMPLE");
    assert_eq!(shown["kdcs"], json!(["dc1.corp.example"]));
    assert_eq!(shown["roots"], json!(["AQID"]));
    assert_eq!((&shown["kvno"], &shown["salt"]), (&json!(1), &Value::Null));
    assert_eq!(shown["replaced"], false);
    assert_eq!(shown["created_by"]["name"], "alice@corp.example");
    assert_eq!(shown["os_type"], "Linux");

    let listed = &account.key_credentials[0];
    assert_eq!(listed.fingerprint.unwrap().to_string(), fingerprint);
    assert_eq!(listed.origin, Origin::Computer);
    // DIR-KCL-4: no CustomKeyInformation, no last logon.
    let link = KeyCredentialLink::parse_strict(&listed.blob).unwrap();
    assert!(link.custom_key_information().is_none() && link.last_logon().is_none());
    assert_eq!(
        account.keys.current().unwrap().keys.len(),
        4,
        "random keys for tickets to it"
    );
    let record = world.last();
    assert_eq!(
        (record.action.as_str(), record.result),
        ("computer.add", AuditResult::Done)
    );
    assert_eq!(record.key, Some(fingerprint));
}

#[test]
fn a_machine_s_password_makes_its_keys_under_the_salt_that_is_told_and_stands_nowhere() {
    let world = World::new();
    let password = "q7X!zW2#rT9@kL4$mN6%";
    let shown = join(
        &world,
        "admin",
        json!({"name": "Server-2", "password": password}),
    )
    .ok();
    assert_eq!(shown["salt"], "CORP.EXAMPLEhostserver-2.corp.example");
    assert!(!shown.to_string().contains(password));
    let account = world.account("server-2$");
    let salt = shown["salt"].as_str().unwrap();
    for key in &account.keys.current().unwrap().keys {
        let own = crypto::etype::Key::from_password(
            key.etype(),
            password.as_bytes(),
            salt.as_bytes(),
            None,
        );
        assert_eq!(key.schedule().key().bytes(), own.unwrap().bytes());
    }
    assert!(account.password_hash.is_none(), "no page asks a machine");
    for record in world.log() {
        assert!(!format!("{record:?}").contains(password));
    }
    for bad in ["short", &"x".repeat(257)] {
        let got = join(
            &world,
            "admin",
            json!({"name": "Server-3", "password": bad}),
        );
        assert_eq!(got.code(), (400, "invalid_member"));
        assert!(!got.json.to_string().contains(bad));
    }
    let done = world
        .ask(
            "admin",
            "POST /computers/server-2/password",
            json!({"password": "y".repeat(32)}),
        )
        .ok();
    assert_eq!((&done["kvno"], &done["salt"]), (&json!(2), &shown["salt"]));
    assert_eq!(world.account("server-2$").keys.kvno(), 2);
}

#[test]
fn a_person_joins_ten_computers_and_an_administrator_any_number() {
    let world = World::new();
    for number in 1..=10 {
        join(&world, "alice", json!({"name": format!("PC-{number}")})).ok();
    }
    let got = join(&world, "alice", json!({"name": "PC-11"}));
    assert_eq!(got.code(), (403, "quota_reached"));
    assert!(got.detail().contains("10"));
    assert_eq!(got.refused.unwrap().action, "computer.add");
    join(&world, "bob", json!({"name": "PC-11"})).ok();
    join(&world, "admin", json!({"name": "PC-12"})).ok();
    join(&world, "root", json!({"name": "PC-13"})).ok();
    // One that is gone counts no more.
    world
        .ask("admin", "DELETE /computers/PC-1", Value::Null)
        .ok();
    join(&world, "alice", json!({"name": "PC-14"})).ok();
    world
        .ask(
            "admin",
            "PATCH /domain",
            json!({"machine_account_quota": 0}),
        )
        .ok();
    assert_eq!(
        join(&world, "bob", json!({"name": "PC-15"})).code(),
        (403, "quota_reached")
    );
}

#[test]
fn two_joins_at_once_do_not_pass_the_quota_together() {
    let world = World::new();
    world
        .ask(
            "admin",
            "PATCH /domain",
            json!({"machine_account_quota": 1}),
        )
        .ok();
    let token = world
        .signing
        .access_token(&world.claims("alice"), world.now)
        .unwrap();
    let ask = |snapshot: &directory::Snapshot<'_>, name: &str| {
        let line = crate::world::request("POST /computers", &json!({"name": name}))
            .with_header("Authorization", &format!("Bearer {token}"));
        let caller = administration::Caller::by_token(
            &line,
            &world.signing,
            crate::world::ISSUER,
            world.now,
        );
        let rng = &mut *world.rng.borrow_mut();
        administration::answer(&line, &caller, &world.view(snapshot), world.now, rng).changes
    };
    let first = world.directory.snapshot().unwrap();
    let second = world.directory.snapshot().unwrap();
    let (one, two) = (ask(&first, "PC-1"), ask(&second, "PC-2"));
    assert!(!one.is_empty() && !two.is_empty());
    world
        .directory
        .commit(&one, &first.into_reads(), world.now)
        .unwrap();
    let conflict = world
        .directory
        .commit(&two, &second.into_reads(), world.now);
    assert_eq!(conflict.unwrap_err(), directory::CommitError::Conflict);
}

#[test]
fn a_person_cannot_take_another_host_s_name_by_a_computer() {
    // The class of CVE-2022-26923: dNSHostName and principals of a computer are its own.
    let world = World::new();
    for member in ["dns_host_name", "description", "enabled"] {
        let got = join(
            &world,
            "alice",
            json!({"name": "PC-1", member: "dc1.corp.example"}),
        );
        assert_eq!(got.code(), (403, "not_permitted"), "{member}");
    }
    // The federation service has HOST/sts.corp.example already.
    assert_eq!(
        join(&world, "alice", json!({"name": "sts"})).code(),
        (409, "taken")
    );
    assert_eq!(
        join(&world, "alice", json!({"name": "DC1"})).code(),
        (403, "protected")
    );
    assert_eq!(
        join(&world, "admin", json!({"name": "dc1"})).code(),
        (403, "protected")
    );
    assert_eq!(
        join(&world, "alice", json!({"name": "svc-federation"})).code(),
        (409, "taken")
    );
    assert_eq!(
        join(&world, "admin", json!({"name": "svc-federation"})).code(),
        (409, "taken")
    );
    assert!(!world.exists("sts$"));
    let body = json!({"name": "WEB", "dns_host_name": "www.corp.example"});
    let shown = join(&world, "admin", body).ok();
    assert_eq!(
        shown["service_principals"],
        json!(["HOST/WEB", "HOST/www.corp.example"])
    );
    for name in ["a.b", "-a", "a-", "a b", "a$", "", "ü", &"x".repeat(64)] {
        assert_eq!(
            join(&world, "admin", json!({"name": name})).code(),
            (400, "invalid_member"),
            "{name:?}"
        );
    }
}

#[test]
fn a_join_that_was_broken_off_begins_again_with_another_key() {
    let world = World::new();
    let (old, _) = new_key();
    join(
        &world,
        "alice",
        json!({"name": "LAPTOP-1", "public_key": old}),
    )
    .ok();
    let before = world.account("LAPTOP-1$");
    let (new, fingerprint) = new_key();
    let again = |who: &str| join(&world, who, json!({"name": "laptop-1", "public_key": new}));
    // Not by somebody else, and not in her name.
    assert_eq!(again("bob").code(), (409, "taken"));
    let got = again("alice");
    assert_eq!(got.status, 200);
    assert_eq!(
        (&got.json["replaced"], &got.json["kvno"]),
        (&json!(true), &json!(2))
    );
    let account = world.account("LAPTOP-1$");
    assert_eq!((account.id, account.sid), (before.id, before.sid));
    let keys: Vec<String> = account
        .key_credentials
        .iter()
        .map(|k| k.fingerprint.unwrap().to_string())
        .collect();
    assert_eq!(keys, [fingerprint]);
    assert_eq!(world.last().action, "computer.rejoin");
    // The very same key once more, as when the answer was lost.
    assert_eq!(again("alice").status, 200);
    // An administrator takes over what another made, but nothing that is disabled.
    assert_eq!(again("admin").status, 200);
    world
        .ask("admin", "POST /computers/LAPTOP-1/disable", empty())
        .ok();
    assert_eq!(again("alice").code(), (409, "taken"));
    assert_eq!(again("admin").code(), (409, "in_the_way"));
}

#[test]
fn a_computer_whose_device_is_registered_is_replaced_on_purpose_alone() {
    let world = World::new();
    let (old, _) = new_key();
    join(
        &world,
        "alice",
        json!({"name": "LAPTOP-1", "public_key": old}),
    )
    .ok();
    let computer = world.account("LAPTOP-1$");
    world.add_device(computer.id.0, "LAPTOP-1");
    let enrol = |who: &str| {
        let blob =
            directory::testing::key_credential(&mut *world.rng.borrow_mut(), Some(computer.id.0));
        let key = change::add_key_credential(world.id(who), blob, Origin::Registration);
        world.commit(vec![key]);
    };
    enrol("alice");
    let (new, fingerprint) = new_key();
    for who in ["alice", "admin"] {
        let got = join(&world, who, json!({"name": "LAPTOP-1", "public_key": new}));
        assert_eq!(got.code(), (409, "joined_already"));
    }
    let body = json!({"name": "LAPTOP-1", "public_key": new, "replace": true});
    assert_eq!(join(&world, "bob", body.clone()).code(), (409, "taken"));
    assert_eq!(
        join(&world, "alice", body.clone()).ok()["device"],
        Value::Null
    );
    let gone = || {
        let snapshot = world.directory.snapshot().unwrap();
        snapshot.device_by_id(computer.id.0).unwrap().is_none()
    };
    assert!(gone());
    assert!(
        world.account("alice").key_credentials.is_empty(),
        "the vault that held it is no more"
    );
    let keys = &world.account("LAPTOP-1$").key_credentials;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].fingerprint.unwrap().to_string(), fingerprint);

    // Others' keys are not hers to end.
    world.add_device(computer.id.0, "LAPTOP-1");
    enrol("bob");
    assert_eq!(
        join(&world, "alice", body.clone()).code(),
        (403, "not_permitted")
    );
    assert!(!gone());
    join(&world, "admin", body).ok();
    assert!(gone() && world.account("bob").key_credentials.is_empty());
}

#[test]
fn who_made_a_computer_does_not_get_what_an_administrator_gave_it_since() {
    let given = [
        ("PUT /groups/Domain%20Admins/members/PC-1", json!({})),
        (
            "PUT /computers/PC-1/principals/MSSQL%2Fdb.corp.example",
            json!({}),
        ),
        (
            "PATCH /computers/PC-1",
            json!({"trusted_for_delegation": true}),
        ),
    ];
    for (line, body) in given {
        let world = World::new();
        join(&world, "alice", json!({"name": "PC-1"})).ok();
        join(&world, "alice", json!({"name": "PC-1"})).ok();
        world.ask("admin", line, body).ok();
        let (pem, _) = new_key();
        let again = json!({"name": "PC-1", "public_key": pem});
        assert_eq!(
            join(&world, "alice", again.clone()).code(),
            (403, "not_permitted"),
            "{line}"
        );
        assert!(world.account("PC-1$").key_credentials.is_empty());
        join(&world, "admin", again).ok();
    }
}

#[test]
fn a_machine_s_key_is_nobody_else_s() {
    let world = World::new();
    let (pem, _) = new_key();
    world
        .ask("admin", "POST /users/bob/keys", json!({"key": pem}))
        .ok();
    let got = join(&world, "alice", json!({"name": "PC-1", "public_key": pem}));
    assert_eq!(got.code(), (409, "taken"));
    assert!(
        !got.json.to_string().contains("bob"),
        "whose it is, is not hers to know"
    );
    assert_eq!(
        join(&world, "alice", json!({"name": "PC-1", "public_key": "x"})).status,
        400
    );
    assert!(!world.exists("PC-1$"));
}

#[test]
fn a_computer_is_shown_changed_and_deleted_with_its_device() {
    let world = World::new();
    join(&world, "alice", json!({"name": "LAPTOP-1"})).ok();
    let computer = world.account("LAPTOP-1$");
    for name in [
        "laptop-1",
        "LAPTOP-1$",
        &computer.id.to_string(),
        &computer.sid.to_string(),
        "HOST%2Flaptop-1.corp.example",
    ] {
        assert_eq!(
            world.get("admin", &format!("/computers/{name}")).ok()["name"],
            "LAPTOP-1$",
            "{name}"
        );
    }
    // A person of that name is somebody else.
    world.add_user("laptop-1");
    assert_eq!(
        world.get("admin", "/computers/laptop-1").ok()["kind"],
        "computer"
    );
    assert_eq!(world.get("admin", "/users/laptop-1").ok()["kind"], "user");
    let patch = json!({"description": "hers", "trusted_for_delegation": true});
    let shown = world.ask("admin", "PATCH /computers/laptop-1", patch).ok();
    assert_eq!(
        (&shown["description"], &shown["trusted_for_delegation"]),
        (&json!("hers"), &json!(true))
    );
    assert_eq!(
        world.get("admin", "/computers?search=lap").names(),
        ["LAPTOP-1$"]
    );

    world.add_device(computer.id.0, "LAPTOP-1");
    let blob =
        directory::testing::key_credential(&mut *world.rng.borrow_mut(), Some(computer.id.0));
    world.commit(vec![change::add_key_credential(
        world.id("bob"),
        blob,
        Origin::Registration,
    )]);
    assert_eq!(
        world.get("admin", "/computers/laptop-1").ok()["device"]["name"],
        "LAPTOP-1"
    );
    world
        .ask("admin", "DELETE /computers/laptop-1", Value::Null)
        .ok();
    assert!(!world.exists("LAPTOP-1$"));
    assert!(world.account("bob").key_credentials.is_empty());
    let snapshot = world.directory.snapshot().unwrap();
    assert!(snapshot.device_by_id(computer.id.0).unwrap().is_none());
}

#[test]
fn a_key_that_is_added_to_a_computer_by_hand_is_one_of_a_computer() {
    let world = World::new();
    join(&world, "admin", json!({"name": "SRV"})).ok();
    let (pem, fingerprint) = new_key();
    world
        .ask("keeper", "POST /computers/srv/keys", json!({"key": pem}))
        .ok();
    let account = world.account("SRV$");
    let link = KeyCredentialLink::parse_strict(&account.key_credentials[0].blob).unwrap();
    assert!(link.custom_key_information().is_none());
    assert_eq!(account.key_credentials[0].origin, Origin::Administrator);
    world
        .ask(
            "keeper",
            &format!("DELETE /computers/srv/keys/{}", &fingerprint[..8]),
            Value::Null,
        )
        .ok();
    assert!(world.account("SRV$").key_credentials.is_empty());
}
