//! Policy objects and what they come to.

use serde_json::{Value, json};

use crate::world::{World, empty};

#[test]
fn a_setting_is_set_shown_in_effect_and_taken_back() {
    let world = World::new();
    let line = "PUT /policies/default/settings/computer/UsePassportForWork";
    let shown = world.ask("admin", line, json!({"value": true})).ok();
    assert_eq!(shown["name"], "Default Domain Policy");
    assert_eq!(shown["computer"], json!({"UsePassportForWork": true}));
    let record = world.last();
    assert_eq!(record.action, "policy.set");
    assert_eq!(record.details["setting"], "UsePassportForWork");
    assert_eq!(record.details["value"], "true");
    let before = world.log().len();
    world.ask("admin", line, json!({"value": "enabled"})).ok();
    assert_eq!(world.log().len(), before, "it was so already");

    world
        .ask("admin", "POST /computers", json!({"name": "PC-1"}))
        .ok();
    let effective = world
        .get("admin", "/policy/effective?user=alice&computer=pc-1")
        .ok();
    let found = effective["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|setting| setting["setting"] == "UsePassportForWork")
        .unwrap()
        .clone();
    assert_eq!(
        (&found["value"], &found["id"]),
        (&json!(true), &json!("POL-S1"))
    );
    assert_eq!(found["object"], "Default Domain Policy");
    assert_eq!(effective["effective"]["use_hello"], true);
    assert_eq!(effective["pin"][0], "6 to 127 characters");

    let line = "DELETE /policies/Default%20Domain%20Policy/settings/computer/POL-S1";
    assert_eq!(
        world.ask("admin", line, Value::Null).ok()["computer"],
        json!({})
    );
    assert_eq!(world.last().action, "policy.unset");
    let effective = world.get("admin", "/policy/effective?user=alice").ok();
    assert_eq!(effective["effective"]["use_hello"], Value::Null);
    world.ask("admin", line, Value::Null).ok();
}

#[test]
fn a_setting_is_for_a_group_or_a_container_when_it_says_so() {
    let world = World::new();
    let body = json!({"value": true, "groups": ["Windows Hello for Business Users"], "order": 5});
    let line = "PUT /policies/Pilot/settings/user/UsePassportForWork";
    let shown = world.ask("admin", line, body).ok();
    assert_eq!(shown["groups"], json!(["Windows Hello for Business Users"]));
    assert_eq!(
        (&shown["order"], &shown["container"]),
        (&json!(5), &Value::Null)
    );
    let holds = |who: &str| {
        let path = format!("/policy/effective?user={who}");
        world.get("admin", &path).ok()["effective"]["use_hello"].clone()
    };
    assert_eq!(holds("alice"), Value::Null);
    let member = "PUT /groups/Windows%20Hello%20for%20Business%20Users/members/alice";
    world.ask("admin", member, empty()).ok();
    assert_eq!(holds("alice"), true);
    assert_eq!(holds("bob"), Value::Null);
    // Whom an existing object is for, is changed on purpose and not in passing.
    let got = world.ask(
        "admin",
        line,
        json!({"value": false, "groups": ["Domain Users"]}),
    );
    assert_eq!(got.code(), (409, "in_the_way"));
    world.ask("admin", line, json!({"value": false})).ok();
    assert_eq!(holds("alice"), false);
    let patch = json!({"container": "CN=Computers,DC=corp,DC=example", "groups": []});
    let shown = world.ask("admin", "PATCH /policies/pilot", patch).ok();
    assert_eq!(shown["container"], "CN=Computers,DC=corp,DC=example");
    assert_eq!(holds("alice"), Value::Null, "she is not below it");
    assert_eq!(
        world
            .ask(
                "admin",
                "PATCH /policies/pilot",
                json!({"container": null, "name": "Everybody"})
            )
            .ok()["name"],
        "Everybody"
    );
    assert_eq!(holds("alice"), false);
    world
        .ask(
            "admin",
            "PATCH /policies/everybody",
            json!({"enabled": false}),
        )
        .ok();
    assert_eq!(holds("alice"), Value::Null);
}

#[test]
fn refuses_what_no_setting_takes() {
    let world = World::new();
    let set = |path: &str, value: Value| {
        let line = format!("PUT /policies/default/settings/{path}");
        world.ask("admin", &line, json!({"value": value}))
    };
    assert_eq!(
        set("computer/MinimumPINLength", json!(3)).code(),
        (400, "invalid_member")
    );
    assert_eq!(
        set("computer/MinimumPINLength", json!("many")).code(),
        (400, "invalid_member")
    );
    assert_eq!(
        set("computer/MinimumPINLength", json!([8])).code(),
        (400, "invalid_member")
    );
    assert_eq!(
        set("computer/MinimumPINLength", json!(-1)).code(),
        (400, "invalid_member")
    );
    assert_eq!(
        set("computer/NoSuchSetting", json!(true)).code(),
        (404, "not_found")
    );
    assert_eq!(
        set("machine/MinimumPINLength", json!(8)).code(),
        (400, "invalid_parameter")
    );
    // POL-S2 is for computers only.
    assert_eq!(
        set("user/RequireSecurityDevice", json!(true)).code(),
        (400, "invalid_parameter")
    );
    assert_eq!(
        set("computer/MinimumPINLength", Value::Null).code(),
        (400, "missing_member")
    );
    assert!(
        world.get("admin", "/policies").ok()["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    set("computer/MinimumPINLength", json!(8)).ok();
    let shown = set("computer/Digits", json!("require")).ok();
    assert_eq!(
        shown["computer"],
        json!({"Digits": "require", "MinimumPINLength": 8})
    );
}

#[test]
fn objects_are_added_listed_renamed_and_deleted() {
    let world = World::new();
    for name in ["one", "two", "three"] {
        let got = world.ask("admin", "POST /policies", json!({"name": name, "order": 1}));
        assert_eq!(got.status, 201);
    }
    assert_eq!(
        world
            .ask("admin", "POST /policies", json!({"name": "ONE"}))
            .code(),
        (409, "taken")
    );
    assert_eq!(
        world
            .ask("admin", "PATCH /policies/one", json!({"name": "two"}))
            .code(),
        (409, "taken")
    );
    let mut seen = Vec::new();
    let mut path = "/policies?limit=2".to_owned();
    loop {
        let got = world.get("admin", &path);
        seen.extend(got.names().into_iter().map(str::to_owned));
        let Some(next) = got.json["next"].as_str() else {
            break;
        };
        path = format!("/policies?limit=2&after={next}");
    }
    seen.sort();
    assert_eq!(seen, ["one", "three", "two"]);
    for body in [
        json!({"name": "four", "groups": ["nobody"]}),
        json!({"name": "four", "container": "OU=none,DC=corp,DC=example"}),
    ] {
        assert_eq!(
            world.ask("admin", "POST /policies", body).code(),
            (404, "not_found")
        );
    }
    world.ask("admin", "DELETE /policies/one", Value::Null).ok();
    assert_eq!(world.last().action, "policy.delete");
    assert_eq!(
        world.get("admin", "/policies/one").code(),
        (404, "not_found")
    );
    assert_eq!(
        world
            .ask("admin", "DELETE /policies/one", Value::Null)
            .code(),
        (404, "not_found")
    );
}

#[test]
fn every_setting_says_what_it_is_and_what_unset_means() {
    let world = World::new();
    let settings = world.get("admin", "/policy/settings").ok();
    let settings = settings["items"].as_array().unwrap();
    assert_eq!(settings.len(), policy::settings::SETTINGS.len());
    for setting in settings {
        for member in ["id", "name", "title", "takes", "unset", "doc"] {
            assert!(!setting[member].as_str().unwrap().is_empty());
        }
    }
    let effective = world.get("admin", "/policy/effective").ok();
    assert_eq!(
        effective["settings"].as_array().unwrap().len(),
        settings.len()
    );
    assert_eq!(
        world.get("admin", "/policy/effective?user=nobody").code(),
        (404, "not_found")
    );
}

/// The device certificate of a computer that joined, registered as federation does it.
pub(crate) fn device_certificate(world: &World, name: &str) -> Vec<u8> {
    use crypto::signature::Signer as _;
    let computer = world.account(name);
    let key = crypto::key::PrivateKey::generate(crypto::key::KeyKind::P256);
    let certificate = crate::world::self_signed(&key, &[]);
    let entry = world.add_device(computer.id.0, name.trim_end_matches('$'));
    let identity = directory::DeviceCertificate {
        thumbprint: crypto::digest::sha1(&certificate),
        public_key_hash: registration::proven_device::public_key_hash(key.public_key()),
    };
    world.commit(vec![directory::change::set_device_certificate(
        entry, &identity,
    )]);
    certificate
}

#[test]
fn a_device_asks_for_its_own_policy_by_its_certificate_and_for_nothing_else() {
    let world = World::new();
    world
        .ask("admin", "POST /computers", json!({"name": "PC-1"}))
        .ok();
    let certificate = device_certificate(&world, "PC-1$");
    let ask = |line: &str, certificate: Option<&[u8]>| {
        let mut request = crate::world::request(line, &Value::Null);
        request.client_certificate = certificate.map(<[u8]>::to_vec);
        world.send(&request, &administration::Caller::Nobody)
    };
    let line = "GET /policy/device?user=alice@corp.example";
    let set = "PUT /policies/default/settings/computer/UsePassportForWork";
    world
        .ask("admin", set, json!({"value": true, "groups": ["PC-1$"]}))
        .ok();
    let shown = ask(line, Some(&certificate)).ok();
    assert_eq!(
        shown["effective"]["use_hello"], true,
        "what is filtered for this computer holds"
    );
    assert_eq!(shown["sid"], world.account("alice").sid.to_string());

    assert_eq!(ask(line, None).code(), (401, "no_device"));
    let strange = crate::world::self_signed(
        &crypto::key::PrivateKey::generate(crypto::key::KeyKind::P256),
        &[],
    );
    assert_eq!(ask(line, Some(&strange)).code(), (401, "device_unusable"));
    assert_eq!(
        ask(line, Some(b"nonsense")).code(),
        (401, "device_unusable")
    );
    for other in [
        "GET /users",
        "GET /own",
        "GET /status",
        "GET /policies",
        "POST /computers",
    ] {
        assert_eq!(
            ask(other, Some(&certificate)).code(),
            (401, "no_token"),
            "{other}"
        );
    }
    // Nobody but a device asks there.
    assert_eq!(
        world.get("admin", "/policy/device").code(),
        (401, "no_device")
    );
    assert_eq!(
        world.get("root", "/policy/device").code(),
        (401, "no_device")
    );

    world
        .ask("admin", "POST /devices/PC-1/disable", empty())
        .ok();
    assert_eq!(
        ask(line, Some(&certificate)).code(),
        (401, "device_unusable")
    );
    world
        .ask("admin", "POST /devices/PC-1/enable", empty())
        .ok();
    ask(line, Some(&certificate)).ok();
    world
        .ask("admin", "POST /computers/PC-1/disable", empty())
        .ok();
    assert_eq!(
        ask(line, Some(&certificate)).code(),
        (401, "device_unusable")
    );
}

#[test]
fn values_are_taken_as_json_has_them_and_as_people_type_them() {
    let world = World::new();
    let line = "PUT /policies/default/settings/computer/UsePassportForWork";
    for (value, is) in [
        (json!(true), true),
        (json!("false"), false),
        (json!(1), true),
        (json!("disabled"), false),
        (json!("enabled"), true),
    ] {
        let shown = world.ask("admin", line, json!({"value": value})).ok();
        assert_eq!(shown["computer"]["UsePassportForWork"], is, "{value}");
    }
    let line = "PUT /policies/default/settings/computer/Digits";
    for (value, is) in [
        (json!(2), "forbid"),
        (json!("require"), "require"),
        (json!(0), "allow"),
    ] {
        let shown = world.ask("admin", line, json!({"value": value})).ok();
        assert_eq!(shown["computer"]["Digits"], is, "{value}");
    }
}
