//! A tenant: its settings, domains and applications, and what its people are given.

use directory::tenant;
use serde_json::{Value, json};
use token::factor::{Ended, Enrolled};
use token::parameters::Parameters;
use token::secret::{Digest, Purpose};
use trust::Span;

use super::world::*;

fn settings(world: &World) -> tenant::Settings {
    tenant::settings(&world.directory.snapshot().unwrap(), world.now).unwrap()
}

fn changed_stamp(world: &World) -> Option<directory::Stamp> {
    tenant::changed_stamp(&world.directory.snapshot().unwrap()).unwrap()
}

#[test]
fn a_tenant_says_what_it_is() {
    let world = World::of_tenant();
    let shown = world.get("admin", "/tenant").ok();
    let head = world.directory.domain().unwrap().head;
    assert_eq!(shown["id"], head.0.to_string());
    assert_eq!(shown["initial_domain"], "corp.example");
    assert_eq!(shown["primary_domain"], "corp.example");
    assert_eq!(shown["verified_domains"], json!(["corp.example"]));
    assert_eq!(shown["settings"]["display_name"], "Example");
    assert_eq!(shown["settings"]["may_join"], "everybody");
    let status = world.get("alice", "/status").ok();
    assert_eq!(
        (&status["kind"], &status["tenant"]),
        (&json!("tenant"), &shown["id"])
    );
    assert_eq!(world.get("alice", "/tenant").code(), (403, "not_permitted"));
    assert_eq!(World::new().get("admin", "/status").ok()["kind"], "domain");
}

#[test]
fn settings_are_changed_one_by_one_and_told() {
    let world = World::of_tenant();
    let before = changed_stamp(&world);
    let broker = "29d9ed98-a469-4536-ade2-f981bc1d605e";
    let change = json!({
        "registration_quota": 3,
        "may_join": "Key Admins",
        "device_code_clients": [broker],
        "access_pass_minutes": 30,
        "phishing_resistant_only": "Domain Admins",
        "id_token_alg": "ES256",
        "assertion_nonce": "equal",
        "region": "DE",
    });
    let answer = world.ask("admin", "PATCH /tenant", change.clone()).ok();
    assert_eq!(answer["changed"], true);
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(&answer["settings"][name], value, "{name}");
    }
    let now = settings(&world);
    assert_eq!(now.registration_quota, 3);
    assert_eq!(now.may_join, tenant::Who::Group(world.group("Key Admins")));
    assert_eq!(now.access_pass.minutes, 30);
    assert_eq!(now.device_code_clients[0].to_string(), broker);
    assert_ne!(changed_stamp(&world), before);
    let record = world.last();
    assert_eq!(record.action, "tenant.change");
    assert_eq!(record.details["registration_quota"], "3");
    assert!(!record.details.contains_key("display_name"));
    // Nothing new changes nothing.
    let again = world.ask("admin", "PATCH /tenant", change).ok();
    assert_eq!(again["changed"], false);
    let null = json!({"phishing_resistant_only": null});
    world.ask("admin", "PATCH /tenant", null).ok();
    assert_eq!(settings(&world).phishing_resistant_only, None);
}

#[test]
fn impossible_settings_are_refused_by_name() {
    let world = World::of_tenant();
    for (body, code) in [
        (json!({"registration_quota": -1}), "invalid_member"),
        (json!({"registration_quota": "3"}), "invalid_member"),
        (json!({"join_needs_second_factor": null}), "invalid_member"),
        (json!({"may_join": "nobody at all"}), "not_found"),
        (json!({"region": "Europe"}), "invalid_member"),
        (json!({"display_name": " "}), "invalid_member"),
        (json!({"ropc_clients": ["me"]}), "invalid_member"),
        (json!({"id_token_alg": "none"}), "invalid_member"),
        (json!({"access_pass_minutes": 5}), "invalid_member"),
        (
            json!({"access_pass_least_minutes": 600, "access_pass_most_minutes": 60}),
            "invalid_member",
        ),
        (
            json!({"prt_days": 90, "prt_absolute_days": 30}),
            "invalid_member",
        ),
        (json!({"unknown": 1}), "unknown_member"),
    ] {
        let got = world.ask("admin", "PATCH /tenant", body.clone());
        assert_eq!(got.code().1, code, "{body}");
    }
    assert_eq!(
        settings(&world),
        tenant::Settings {
            display_name: "Example".into(),
            ..tenant::Settings::default()
        }
    );
    let alice = world.ask("alice", "PATCH /tenant", json!({"prt_days": 1}));
    assert_eq!(alice.code(), (403, "not_permitted"));
}

#[test]
fn a_tenant_has_nothing_of_a_domain_and_a_domain_nothing_of_a_tenant() {
    let tenant = World::of_tenant();
    for line in [
        "GET /computers",
        "GET /services",
        "GET /domain/keys",
        "GET /issuers",
        "POST /certificates",
        "POST /users/alice/mappings",
    ] {
        let got = tenant.ask("admin", line, Value::Null);
        assert_eq!(got.code(), (404, "not_in_a_tenant"), "{line}");
    }
    let domain = World::new();
    for line in [
        "GET /tenant",
        "GET /domains",
        "GET /applications",
        "POST /users/alice/access-pass",
        "POST /users/alice/revoke-sign-ins",
    ] {
        let got = domain.ask("admin", line, Value::Null);
        assert_eq!(got.code(), (404, "only_in_a_tenant"), "{line}");
    }
}

#[test]
fn a_name_without_a_verified_domain_cannot_be_given() {
    let world = World::of_tenant();
    let add = |name: &str, upn: Value| {
        world.ask("admin", "POST /users", json!({"name": name, "upn": upn}))
    };
    assert_eq!(add("dora", Value::Null).ok()["upn"], "dora@corp.example");
    let refused = add("erik", json!("erik@other.example"));
    assert_eq!(refused.code(), (409, "domain_not_verified"));
    world
        .ask("admin", "POST /domains", json!({"name": "Other.Example"}))
        .ok();
    let refused = add("erik", json!("erik@other.example"));
    assert_eq!(refused.code(), (409, "domain_not_verified"));
    let word = json!({"by": "word"});
    world
        .ask("admin", "POST /domains/other.example/verify", word)
        .ok();
    add("erik", json!("erik@other.example")).ok();
    let change = |upn: Value| world.ask("admin", "PATCH /users/dora", json!({"upn": upn}));
    assert_eq!(
        change(json!("dora@nowhere.example")).code(),
        (409, "domain_not_verified")
    );
    assert_eq!(change(json!("dora")).code(), (409, "domain_not_verified"));
    assert_eq!(change(Value::Null).code(), (400, "invalid_member"));
    assert_eq!(
        change(json!("d@other.example")).ok()["upn"],
        "d@other.example"
    );
    // A domain's names are as they were.
    let body = json!({"name": "erik", "upn": "erik@other.example"});
    World::new().ask("admin", "POST /users", body).ok();
}

#[test]
fn the_first_password_of_somebody_in_a_tenant_gives_no_kerberos_keys() {
    let world = World::of_tenant();
    let body = json!({"name": "dora", "password": "correct horse battery", "must_change": false});
    world.ask("admin", "POST /users", body).ok();
    let dora = world.account("dora");
    assert!(dora.password_hash.is_some());
    assert!(dora.keys.current().is_none_or(|set| set.keys.is_empty()));
    let body = json!({"password": "another horse battery"});
    world.ask("admin", "POST /users/dora/password", body).ok();
    let dora = world.account("dora");
    assert!(dora.keys.current().is_none_or(|set| set.keys.is_empty()));
}

#[test]
fn a_domain_is_verified_by_word_or_looked_up_and_one_is_primary() {
    let world = World::of_tenant();
    let added = world.ask("admin", "POST /domains", json!({"name": "Other.Example"}));
    assert_eq!(added.status, 201);
    let added = added.ok();
    assert_eq!(
        (&added["name"], &added["verified"]),
        (&json!("other.example"), &json!(false))
    );
    let txt = added["txt"].as_str().unwrap();
    assert!(
        txt.starts_with("keyporch-domain-verification=") && txt.len() == 55,
        "{txt}"
    );
    let twice = world.ask("admin", "POST /domains", json!({"name": "other.example"}));
    assert_eq!(twice.code(), (409, "taken"));
    for name in ["other", "127.0.0.1", "a b.example", "-a.example"] {
        let got = world.ask("admin", "POST /domains", json!({"name": name}));
        assert_eq!(got.code(), (400, "invalid_member"), "{name}");
    }
    let primary = world.ask("admin", "POST /domains/other.example/primary", empty());
    assert_eq!(primary.code(), (409, "domain_not_verified"));

    // Looked up: the job is there, and goes when an administrator gives their word.
    let answer = world.ask("admin", "POST /domains/other.example/verify", empty());
    assert_eq!(answer.ok()["changed"], true);
    let id = tenant::verification_job_id("other.example").unwrap();
    let job = || world.directory.snapshot().unwrap().job(&id).unwrap();
    assert_eq!(
        tenant::domain_of_job(&job().unwrap()),
        Some("other.example")
    );
    let word = world.ask(
        "admin",
        "POST /domains/other.example/verify",
        json!({"by": "word"}),
    );
    let word = word.ok();
    assert_eq!(
        (&word["verified"], &word["verified_by"]),
        (&json!(true), &json!("word"))
    );
    assert_eq!(word["verified_actor"], "admin@corp.example");
    assert_eq!(job(), None);
    assert_eq!(world.last().action, "domain.verify");

    world
        .ask("admin", "POST /domains/other.example/primary", empty())
        .ok();
    let shown = world.get("admin", "/tenant").ok();
    assert_eq!(shown["primary_domain"], "other.example");
    let primaries = world.get("admin", "/domains").ok();
    let primaries = primaries["items"].as_array().unwrap().iter();
    assert_eq!(
        primaries.filter(|domain| domain["primary"] == true).count(),
        1
    );
    let added = world
        .ask("admin", "POST /users", json!({"name": "dora"}))
        .ok();
    assert_eq!(added["upn"], "dora@other.example");
}

#[test]
fn a_domain_that_is_used_stays() {
    let world = World::of_tenant();
    let delete = |name: &str| world.ask("admin", &format!("DELETE /domains/{name}"), Value::Null);
    assert_eq!(delete("corp.example").code(), (409, "in_the_way"));
    for name in ["other.example", "third.example"] {
        world
            .ask("admin", "POST /domains", json!({"name": name}))
            .ok();
        let path = format!("POST /domains/{name}/verify");
        world.ask("admin", &path, json!({"by": "word"})).ok();
    }
    let change = json!({"upn": "Alice@Other.Example"});
    world.ask("admin", "PATCH /users/alice", change).ok();
    let refused = delete("other.example");
    assert_eq!(refused.code(), (409, "in_the_way"));
    assert!(
        refused.detail().contains("Alice@Other.Example"),
        "{}",
        refused.detail()
    );
    let body = json!({"name": "Wiki", "identifier_uri": "https://third.example/wiki"});
    world.ask("admin", "POST /applications", body).ok();
    assert!(delete("third.example").detail().contains("Wiki"));
    world
        .ask("admin", "DELETE /applications/Wiki", Value::Null)
        .ok();
    delete("third.example").ok();
    assert_eq!(
        world.get("admin", "/domains/third.example").code(),
        (404, "not_found")
    );
    assert_eq!(world.last().action, "domain.delete");
}

#[test]
fn the_people_of_a_federated_domain_have_no_password_here() {
    let world = World::of_tenant();
    world
        .ask("admin", "POST /domains", json!({"name": "partner.example"}))
        .ok();
    let federate =
        |body: Value| world.ask("admin", "PUT /domains/partner.example/federation", body);
    let good =
        json!({"issuer": "urn:partner", "passive_url": "https://sts.partner.example/adfs/ls/"});
    assert_eq!(federate(good.clone()).code(), (409, "domain_not_verified"));
    let word = json!({"by": "word"});
    world
        .ask("admin", "POST /domains/partner.example/verify", word)
        .ok();
    for (body, code) in [
        (json!({"issuer": "urn:partner"}), "missing_member"),
        (
            json!({"issuer": "urn:partner", "passive_url": "http://sts.partner.example/"}),
            "invalid_member",
        ),
        (
            json!({"issuer": "urn:partner", "passive_url": "https://a.example/", "certificate": "AAAA"}),
            "invalid_member",
        ),
        (
            json!({"issuer": "urn:partner", "passive_url": "https://a.example/", "second_factor": "never"}),
            "invalid_member",
        ),
    ] {
        assert_eq!(federate(body.clone()).code().1, code, "{body}");
    }
    assert_eq!(federate(good).ok()["federation"]["second_factor"], "here");
    let add = |password: Value| {
        let body = json!({"name": "paula", "upn": "paula@partner.example", "password": password});
        world.ask("admin", "POST /users", body)
    };
    assert_eq!(
        add(json!("correct horse battery")).code(),
        (409, "in_the_way")
    );
    add(Value::Null).ok();
    let set = |set: &Value| {
        world
            .ask("admin", "POST /users/paula/password", set.clone())
            .code()
            .1
            .to_owned()
    };
    let body = json!({"password": "correct horse battery"});
    assert_eq!(set(&body), "in_the_way");
    world
        .ask(
            "admin",
            "DELETE /domains/partner.example/federation",
            Value::Null,
        )
        .ok();
    assert_eq!(set(&body), "");
    let primary = world.ask(
        "admin",
        "PUT /domains/corp.example/federation",
        json!({"issuer": "urn:partner", "passive_url": "https://sts.partner.example/adfs/ls/"}),
    );
    assert_eq!(primary.code(), (409, "in_the_way"));
}

#[test]
fn a_secret_of_an_application_is_shown_once_and_rests_as_a_digest() {
    let world = World::of_tenant();
    let body = json!({"name": "Wiki", "kind": "confidential", "redirect_uris": ["https://wiki.example/done"]});
    let made = world.ask("admin", "POST /applications", body);
    assert_eq!(made.status, 201);
    let made = made.ok();
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(made["secrets"], json!([]));
    let drawn = world.ask(
        "admin",
        "POST /applications/wiki/secrets",
        json!({"days": 30, "name": "first"}),
    );
    assert_eq!(drawn.status, 201);
    let drawn = drawn.ok();
    let secret = drawn["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 43);
    let shown = world.get("admin", &format!("/applications/{id}"));
    assert!(!shown.json.to_string().contains(secret));
    let shown = shown.ok();
    assert_eq!(shown["secrets"][0]["begins_with"], secret[..3]);
    let snapshot = world.directory.snapshot().unwrap();
    let kept = tenant::application(&snapshot, id.parse().unwrap(), world.now)
        .unwrap()
        .unwrap();
    let digest = Digest::of(Purpose::ClientSecret, secret.as_bytes());
    assert_eq!(kept.secrets[0].digest, *digest.as_bytes());
    assert_eq!(kept.secrets[0].until, world.now + Span::days(30));
    let record = world.last();
    assert_eq!(record.action, "application.secret.add");
    assert!(!format!("{record:?}").contains(secret));
    let path = format!(
        "/applications/{id}/secrets/{}",
        drawn["id"].as_str().unwrap()
    );
    world
        .ask("admin", &format!("DELETE {path}"), Value::Null)
        .ok();
    let again = world.ask("admin", &format!("DELETE {path}"), Value::Null);
    assert_eq!(again.code(), (404, "not_found"));
    // What is on everybody's machine keeps no secret.
    world
        .ask("admin", "POST /applications", json!({"name": "Notes"}))
        .ok();
    let public = world.ask("admin", "POST /applications/notes/secrets", empty());
    assert_eq!(public.code(), (409, "in_the_way"));
    for _ in 0..10 {
        world
            .ask("admin", "POST /applications/wiki/secrets", empty())
            .ok();
    }
    let eleventh = world.ask("admin", "POST /applications/wiki/secrets", empty());
    assert_eq!(eleventh.code(), (409, "in_the_way"));
}

#[test]
fn an_application_is_made_changed_and_taken_away() {
    let world = World::of_tenant();
    let body = json!({
        "name": "Wiki",
        "redirect_uris": ["https://wiki.example/done", "http://127.0.0.1/done"],
        "identifier_uri": "urn:example:wiki",
        "permissions": [{"scope": "pages.read", "description": "Read pages"},
            {"scope": "pages.write", "administrator_only": true}],
        "wants": [{"resource": "https://graph.microsoft.com", "scopes": ["User.Read"]}],
        "assigned_to": ["Key Admins"],
        "signs": "ES256",
        "second_factor": true,
        "refresh": false,
    });
    let made = world.ask("admin", "POST /applications", body.clone()).ok();
    for (name, value) in body.as_object().unwrap() {
        if name != "permissions" {
            assert_eq!(&made[name], value, "{name}");
        }
    }
    assert_eq!(made["permissions"][1]["administrator_only"], true);
    assert_eq!(
        (&made["kind"], &made["enabled"]),
        (&json!("public"), &json!(true))
    );
    let before = changed_stamp(&world);
    let change = json!({"assigned_to": null, "signs": null, "name": "Book", "redirect_uris": []});
    let changed = world.ask("admin", "PATCH /applications/Wiki", change).ok();
    assert_eq!(
        (&changed["assigned_to"], &changed["signs"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(changed["identifier_uri"], "urn:example:wiki");
    assert_ne!(changed_stamp(&world), before);
    assert_eq!(
        world.last().details["members"],
        "name redirect_uris signs assigned_to"
    );
    let again = world
        .ask("admin", "POST /applications/book/disable", empty())
        .ok();
    assert_eq!(again["changed"], true);
    assert_eq!(
        world.get("admin", "/applications/book").ok()["enabled"],
        false
    );
    world
        .ask("admin", "POST /applications/book/enable", empty())
        .ok();
    let list = world.get("admin", "/applications?limit=1").ok();
    assert_eq!(list["items"][0]["name"], "Book");
    // A name of two is none.
    let insists = "POST /applications?force=true";
    world.ask("admin", insists, json!({"name": "book"})).ok();
    assert_eq!(
        world.get("admin", "/applications/Book").code(),
        (409, "ambiguous")
    );
    let first = world.get("admin", "/applications?limit=1").ok();
    let next = first["next"].as_str().unwrap();
    let second = world
        .get("admin", &format!("/applications?limit=1&after={next}"))
        .ok();
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    assert_eq!(second["next"], Value::Null);
    let id = made["id"].as_str().unwrap();
    world
        .ask("admin", &format!("DELETE /applications/{id}"), Value::Null)
        .ok();
    let gone = world.get("admin", &format!("/applications/{id}"));
    assert_eq!(gone.code(), (404, "not_found"));
}

#[test]
fn the_page_of_the_front_channel_is_at_an_address_to_which_codes_may_go() {
    let world = World::of_tenant();
    let body = json!({
        "name": "Wiki",
        "redirect_uris": ["https://wiki.example/done", "http://127.0.0.1/done"],
        "frontchannel_logout_uri": "https://WIKI.example/front?a=1",
    });
    let made = world.ask("admin", "POST /applications", body).ok();
    assert_eq!(made["frontchannel_logout_session_required"], true);
    let change = |body: Value| world.ask("admin", "PATCH /applications/Wiki", body);
    let own_machine = json!({
        "frontchannel_logout_uri": "http://127.0.0.1:8080/front",
        "frontchannel_logout_session_required": false,
    });
    let changed = change(own_machine).ok();
    assert_eq!(changed["frontchannel_logout_session_required"], false);
    for uri in [
        "https://other.example/front",
        "https://wiki.example.evil.example/front",
        "https://wiki.example@evil.example/front",
        "https://*.example/front",
        "http://localhost:8080/front",
    ] {
        let refused = change(json!({ "frontchannel_logout_uri": uri }));
        assert_eq!(refused.code(), (400, "invalid_member"), "{uri}");
    }
    // It does not outlive the address that makes it the application's own.
    let without = change(json!({"redirect_uris": ["https://wiki.example/done"]}));
    assert_eq!(without.code(), (400, "invalid_member"));
    let none = change(json!({"frontchannel_logout_uri": null, "redirect_uris": []}));
    assert_eq!(none.ok()["frontchannel_logout_uri"], Value::Null);
}

#[test]
fn impossible_applications_are_refused() {
    let world = World::of_tenant();
    world
        .ask(
            "admin",
            "POST /applications",
            json!({"name": "Wiki", "identifier_uri": "urn:example:wiki"}),
        )
        .ok();
    for (body, code) in [
        (json!({}), "missing_member"),
        (json!({"name": " "}), "invalid_member"),
        (json!({"name": "x", "kind": "secret"}), "invalid_member"),
        (
            json!({"name": "x", "redirect_uris": ["http://app.example/"]}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "redirect_uris": ["javascript:alert(1)"]}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "redirect_uris": ["https://app.example/#x"]}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "post_logout_redirect_uris": ["/bye"]}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "frontchannel_logout_uri": "https://app.example/bye"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "redirect_uris": ["https://app.example/done"],
                "frontchannel_logout_uri": "https://app.example:8443/bye"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "redirect_uris": ["https://app.example/done"],
                "frontchannel_logout_uri": "http://app.example/bye"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "redirect_uris": ["app.example:/done"],
                "frontchannel_logout_uri": "app.example:/bye"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "frontchannel_logout_session_required": "yes"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "identifier_uri": "wiki"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "identifier_uri": "URN:example:wiki/"}),
            "taken",
        ),
        (
            json!({"name": "x", "identifier_uri": "urn:ms-drs:enterpriseregistration.windows.net"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "identifier_uri": "urn:keyporch:administration"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "identifier_uri": "https://graph.microsoft.com/"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "identifier_uri": "api://00000003-0000-0000-c000-000000000000"}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "permissions": [{"scope": "a b"}]}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "permissions": [{"scope": "a", "else": 1}]}),
            "unknown_member",
        ),
        (
            json!({"name": "x", "permissions": {"scope": "a"}}),
            "invalid_member",
        ),
        (
            json!({"name": "x", "wants": [{"scopes": ["a"]}]}),
            "missing_member",
        ),
        (json!({"name": "x", "signs": "HS256"}), "invalid_member"),
        (json!({"name": "x", "assigned_to": ["nobody"]}), "not_found"),
    ] {
        let got = world.ask("admin", "POST /applications", body.clone());
        assert_eq!(got.code().1, code, "{body}");
    }
    assert_eq!(world.get("admin", "/applications").names(), ["Wiki"]);
    assert_eq!(
        world.get("alice", "/applications").code(),
        (403, "not_permitted")
    );
}

#[test]
fn an_application_has_public_keys_and_no_private_or_weak_ones() {
    use base64ct::{Base64, Encoding};
    use crypto::key::{KeyKind, PrivateKey};
    use crypto::signature::Signer;
    let world = World::of_tenant();
    let body = json!({"name": "Wiki", "kind": "confidential"});
    world.ask("admin", "POST /applications", body).ok();
    let add = |body: Value| world.ask("admin", "POST /applications/wiki/keys", body);
    let key = PrivateKey::generate(KeyKind::P256);
    let jwk = crypto::jose::Jwk::new(key.public_key().clone()).to_json();
    let added = add(json!({"jwk": jwk, "name": "signer"}));
    assert_eq!(added.status, 201);
    let added = added.ok();
    assert_eq!(added["keys"][0]["key"]["jwk"]["kid"], jwk["kid"]);
    assert_eq!(add(json!({"jwk": jwk})).code(), (409, "taken"));
    let mut private = jwk.clone();
    private["d"] = json!("AAAA");
    assert_eq!(add(json!({"jwk": private})).code(), (422, "key_refused"));
    assert_eq!(add(json!({})).code(), (400, "invalid_member"));
    assert_eq!(
        add(json!({"jwk": jwk, "certificate": "AAAA"})).code(),
        (400, "invalid_member")
    );
    assert_eq!(
        add(json!({"certificate": "AAAA"})).code(),
        (400, "invalid_member")
    );
    let der = self_signed(&key, &[]);
    add(json!({"certificate": Base64::encode_string(&der), "days": 1})).ok();
    let id = added["keys"][0]["id"].as_str().unwrap();
    let left = world
        .ask(
            "admin",
            &format!("DELETE /applications/wiki/keys/{id}"),
            Value::Null,
        )
        .ok();
    assert_eq!(left["keys"].as_array().unwrap().len(), 1);
    assert!(left["keys"][0]["key"]["certificate_sha256"].is_string());
}

#[test]
fn an_administrator_consents_for_everybody_and_takes_it_back() {
    let world = World::of_tenant();
    world
        .ask("admin", "POST /applications", json!({"name": "Wiki"}))
        .ok();
    let consent = json!({"resource": "https://graph.microsoft.com", "scopes": ["User.Read"]});
    world
        .ask("admin", "PUT /applications/wiki/consent", consent)
        .ok();
    let shown = world.get("admin", "/applications/wiki").ok();
    assert_eq!(shown["consent"][0]["scopes"], json!(["User.Read"]));
    assert_eq!(shown["consent"][0]["by"], "admin@corp.example");
    let other = "DELETE /applications/wiki/consent?resource=urn%3Aother";
    assert_eq!(
        world.ask("admin", other, Value::Null).ok()["changed"],
        false
    );
    let all = "DELETE /applications/wiki/consent";
    assert_eq!(world.ask("admin", all, Value::Null).ok()["changed"], true);
    assert_eq!(
        world.get("admin", "/applications/wiki").ok()["consent"],
        json!([])
    );
    assert_eq!(world.last().action, "application.consent.remove");
}

fn works(world: &World, sam: &str, pass: &str) -> bool {
    use token::factor::AuthenticationAdapter;
    let account = world.account(sam);
    let factors = registration::second_factor::of(&account);
    let Some(data) = factors.enrolled.get(token::access_pass::ID) else {
        return false;
    };
    let form = vec![(token::access_pass::FIELD.to_owned(), pass.to_owned())];
    let form = Parameters::new(form).unwrap();
    let person = Enrolled {
        account: account.id.0,
        data,
    };
    let pass = token::access_pass::AccessPass;
    let ended = pass.try_end_authentication(&person, &Value::Null, &form, world.now);
    matches!(ended, Ended::Accept(_))
}

#[test]
fn a_pass_is_given_within_what_the_settings_allow_and_shown_once() {
    let mut world = World::of_tenant();
    let give =
        |world: &World, body: Value| world.ask("admin", "POST /users/alice/access-pass", body);
    let given = give(&world, empty());
    assert_eq!(given.status, 201);
    let given = given.ok();
    let pass = given["access_pass"].as_str().unwrap();
    assert_eq!((pass.len(), &given["once"]), (19, &json!(true)));
    assert_eq!(given["ends"], (world.now + Span::minutes(60)).to_rfc3339());
    assert!(works(&world, "alice", pass) && !works(&world, "bob", pass));
    let record = world.last();
    assert_eq!(record.action, "second-factor.access-pass");
    assert!(!format!("{record:?}").contains(pass));
    let factors = world.get("admin", "/users/alice/factors");
    assert!(!factors.json.to_string().contains(pass));
    let factors = factors.ok();
    assert_eq!(factors["items"][0]["name"], "access-pass");
    assert_eq!(factors["items"][0]["works"], true);
    assert_eq!(factors["items"][0]["once"], true);
    // What takes it off is asked for with it.
    let over = |world: &World| {
        let snapshot = world.directory.snapshot().unwrap();
        snapshot.next_job_due().unwrap()
    };
    assert_eq!(over(&world), Some(world.now + Span::minutes(60)));
    // Another takes its place.
    let second = give(&world, json!({"minutes": 10, "once": false})).ok();
    assert_eq!(over(&world), Some(world.now + Span::minutes(10)));
    assert!(!works(&world, "alice", pass));
    let pass = second["access_pass"].as_str().unwrap().to_owned();
    world.advance(Span::minutes(9));
    assert!(works(&world, "alice", &pass));
    world.advance(Span::minutes(1));
    assert!(!works(&world, "alice", &pass));
    for body in [
        json!({"minutes": 9}),
        json!({"minutes": 43_201}),
        json!({"once": 1}),
        json!({"begins": "tomorrow"}),
        json!({"begins": "2036-01-01T00:00:00Z"}),
    ] {
        assert_eq!(
            give(&world, body.clone()).code(),
            (400, "invalid_member"),
            "{body}"
        );
    }
    give(&world, empty()).ok();
    let take = "DELETE /users/alice/access-pass";
    assert_eq!(world.ask("admin", take, Value::Null).ok()["changed"], true);
    assert_eq!(world.ask("admin", take, Value::Null).ok()["changed"], false);
    assert_eq!(
        world
            .ask("keeper", "POST /users/alice/access-pass", empty())
            .status,
        403
    );
    assert_eq!(
        world
            .ask("alice", "POST /users/alice/access-pass", empty())
            .status,
        403
    );
}

#[test]
fn recovery_codes_are_drawn_for_who_has_something_to_recover() {
    let world = World::of_tenant();
    let path = "POST /users/alice/recovery-codes";
    assert_eq!(
        world.ask("admin", path, empty()).code(),
        (409, "in_the_way")
    );
    let secret = token::totp::TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let factors = token::factor::SecondFactors::with_totp(&secret);
    let values = factors.write().into_iter().map(directory::Secret::new);
    let id = world.id("alice");
    world.commit(vec![directory::change::set_second_factors(
        id,
        values.collect(),
    )]);
    let drawn = world.ask("admin", path, empty());
    assert_eq!(drawn.status, 201);
    let drawn = drawn.ok();
    assert_eq!(drawn["recovery_codes"].as_array().unwrap().len(), 10);
    let factors = world.get("admin", "/users/alice/factors").ok();
    let items = factors["items"].as_array().unwrap();
    assert_eq!(
        items[0],
        json!({"name": "recovery-code", "works": true, "left": 10})
    );
    assert_eq!(items[1], json!({"name": "totp", "works": true}));
    let record = world.last();
    let code = drawn["recovery_codes"][0].as_str().unwrap();
    assert!(!format!("{record:?}").contains(code));
}

#[test]
fn what_came_of_somebodys_sign_ins_is_ended_at_a_moment() {
    let world = World::of_tenant();
    world
        .ask("admin", "POST /users/alice/revoke-sign-ins", empty())
        .ok();
    let snapshot = world.directory.snapshot().unwrap();
    let since = |name: &str| tenant::revoked_before(&snapshot, world.id(name), world.now).unwrap();
    assert_eq!(since("alice"), Some(world.now));
    assert_eq!(since("bob"), None);
    assert_eq!(world.last().action, "sign-in.revoke");
}

#[test]
fn people_who_are_imported_have_names_in_verified_domains_too() {
    use administration::Caller;
    let world = World::of_tenant();
    let import = |ldif: &str| {
        let mut request = request("POST /import?go_on=true", &Value::Null)
            .with_header("Content-Type", "application/ldif");
        request.body = ldif.as_bytes().to_vec();
        world.send(&request, &Caller::Local).ok()
    };
    let person = |name: &str, upn: &str| {
        format!(
            "dn: CN={name},CN=Users,DC=corp,DC=example\nobjectClass: user\nsAMAccountName: {name}\n\
             userPrincipalName: {upn}\n\n"
        )
    };
    let both = person("dora", "dora@corp.example") + &person("erik", "erik@other.example");
    let got = import(&both);
    assert_eq!(got["outcomes"], json!(["added", "refused"]), "{got}");
    let why = got["refused"][0]["why"].as_str().unwrap();
    assert!(why.contains("no verified domain"), "{why}");
    assert!(world.exists("dora") && !world.exists("erik"));
    let change = "dn: CN=dora,CN=Users,DC=corp,DC=example\nchangetype: modify\nreplace: userprincipalname\n\
                  userprincipalname: dora@other.example\n-\n\n";
    assert_eq!(import(change)["outcomes"], json!(["refused"]));
    assert_eq!(
        world.account("dora").upn.as_deref(),
        Some("dora@corp.example")
    );
    // In a domain whatever name somebody has is their own affair.
    let domain = World::new();
    let mut asked =
        request("POST /import", &Value::Null).with_header("Content-Type", "application/ldif");
    asked.body = person("erik", "erik@other.example").into_bytes();
    let got = domain.send(&asked, &Caller::Local).ok();
    assert_eq!(got["outcomes"], json!(["added"]), "{got}");
}

/// What nobody has today somebody may have tomorrow, and the consent would count then.
#[test]
fn nobody_consents_to_what_a_resource_does_that_is_not_there() {
    let world = World::of_tenant();
    let add = |body: Value| world.ask("admin", "POST /applications", body).ok();
    add(json!({"name": "Wiki"}));
    let api = add(json!({"name": "Api", "identifier_uri": "https://api.corp.example/v1"}));
    let id = api["id"].as_str().unwrap().to_owned();
    let consent = |resource: &str| {
        let body = json!({"resource": resource, "scopes": ["Read"]});
        world.ask("admin", "PUT /applications/wiki/consent", body)
    };
    for nobodys in ["https://api.corp.example/v2", "urn:other", "Api", "graph"] {
        let refused = consent(nobodys);
        assert_eq!(refused.code(), (404, "not_found"), "{nobodys}");
        let told = refused.detail().to_owned();
        assert!(told.contains(nobodys), "{told}");
        let remedy = refused.json["remedy"].as_str().unwrap();
        assert!(remedy.contains("app list") && remedy.contains("https://graph.microsoft.com"));
    }
    assert_eq!(
        world.get("admin", "/applications/wiki").ok()["consent"],
        json!([])
    );
    for there in [
        "https://api.corp.example/v1/",
        "HTTPS://API.corp.example/v1",
        &id,
        &format!("api://{id}"),
        "urn:microsoft:userinfo",
    ] {
        consent(there).ok();
    }
}

/// People read names, and may read the same one twice; commands name by them, and may not guess.
#[test]
fn a_name_that_an_application_has_is_given_to_another_only_where_somebody_insists() {
    let world = World::of_tenant();
    let add = |line: &str, name: &str| world.ask("admin", line, json!({"name": name}));
    let first = add("POST /applications", "Wiki").ok();
    let id = first["id"].as_str().unwrap();
    let refused = add("POST /applications", "WIKI");
    assert_eq!(refused.code(), (409, "taken"));
    assert!(refused.detail().contains(id), "{}", refused.detail());
    assert_eq!(world.get("admin", "/applications").names(), ["Wiki"]);
    add("POST /applications", "Notes").ok();
    let rename = "PATCH /applications/notes";
    assert_eq!(add(rename, "wiki").code(), (409, "taken"));
    // Its own name in another case is no other's.
    add(rename, "NOTES").ok();
    add("POST /applications?force=true", "Wiki").ok();
    let ambiguous = world.get("admin", "/applications/wiki");
    assert_eq!(ambiguous.code(), (409, "ambiguous"));
    assert_eq!(
        world.get("admin", &format!("/applications/{id}")).ok()["name"],
        "Wiki"
    );
    // What else is changed of one of the two asks nothing of its name.
    let path = format!("PATCH /applications/{id}");
    world
        .ask("admin", &path, json!({"second_factor": true}))
        .ok();
}

/// A host that is none would say something else in the policy of our pages.
#[test]
fn an_address_whose_host_is_none_is_not_registered() {
    let world = World::of_tenant();
    for uri in [
        "https://app.example;script-src",
        "https://app.example;script-src/done",
        "https://user@app.example/done",
        "https:app.example/done",
    ] {
        for member in ["redirect_uris", "post_logout_redirect_uris"] {
            let body = json!({"name": "Wiki", member: [uri]});
            let refused = world.ask("admin", "POST /applications", body);
            assert_eq!(refused.code(), (400, "invalid_member"), "{member} {uri}");
        }
        let body = json!({
            "name": "Wiki", "redirect_uris": ["https://app.example/done"], "frontchannel_logout_uri": uri,
        });
        let refused = world.ask("admin", "POST /applications", body);
        assert_eq!(refused.code(), (400, "invalid_member"), "{uri}");
    }
}
