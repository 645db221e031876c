//! What tokens say, claim by claim, and to whom they are good.

use directory::tenant::{Assignment, Wanted};
use trust::Span;

use super::*;

#[test]
fn tokens_tell_who_signed_in_when_and_by_what_and_no_more() {
    let mut world = World::new();
    let target = of_notes(
        &world,
        &[("amr_values", "mfa"), ("scope", "openid offline_access")],
    );
    let mut browser = Browser::default();
    let code = browser.sign_in(&mut world, "alice", &target);
    let at = world.now.unix();
    world.advance(Span::seconds(30));
    let answer = redeem_notes(&mut world, &code, &[]);
    let now = world.now.unix();
    let (id, access) = (
        claims(&text(&answer, "id_token")),
        claims(&text(&answer, "access_token")),
    );
    for said in [&id, &access] {
        assert_eq!(
            (&said["auth_time"], &said["iat"], &said["nbf"], &said["exp"]),
            (&at.into(), &now.into(), &now.into(), &(now + 3600).into())
        );
        assert_eq!(said["acr"], token::authorize::MULTIPLE_AUTHN);
        // By that name the application knows her, whichever token it looks at.
        assert_eq!(said["sub"], id["sub"]);
        assert_ne!(said["sub"], said["oid"]);
        assert_eq!(said["tid"], world.id());
        // Fresh it was, and nobody asked.
        let said_amr = said["amr"].as_array().unwrap();
        assert!(!said_amr.contains(&"ngcmfa".into()), "{said_amr:?}");
    }
    assert_eq!(id["aud"], NOTES);
    assert_eq!(id.get("email"), None, "nobody asked for it");
    assert_eq!(access["apptype"], "Public");
    assert_eq!(access["ipaddr"], "192.0.2.7");
    // The directory's own resource knows the first version alone, whatever the endpoint.
    assert_eq!(access["ver"], "1.0");
    assert_eq!(access["iss"], world.known().issuers.v1.as_str());
    assert_eq!(json(&answer).get("foci"), None);
    let told = world.told.last().unwrap();
    assert_eq!(told.from.as_deref(), Some("192.0.2.7"));
    // Later in the session it is still the sign-in that counts.
    world.advance(Span::minutes(20));
    browser.get(&mut world, &target);
    let later = redeem_notes(&mut world, &browser.sent("code").unwrap(), &[]);
    assert_eq!(claims(&text(&later, "id_token"))["auth_time"], at);
    assert_eq!(claims(&text(&later, "access_token"))["auth_time"], at);
}

#[test]
fn who_did_not_ask_to_know_who_somebody_is_gets_no_identity_token_but_for_brokers() {
    let mut world = World::new();
    let target = of_notes(&world, &[("scope", "profile offline_access")]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    assert_eq!(json(&answer).get("id_token"), None);
    let target = of_broker(&world, &[("scope", "profile")]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let answer = redeem_broker(&mut world, &code, &[]);
    assert_eq!(claims(&text(&answer, "id_token"))["aud"], BROKER_CLIENT);
}

#[test]
fn a_person_is_the_same_to_an_application_from_one_day_to_the_next() {
    let mut world = World::new();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let target = of_notes(&world, &[]);
        let code = Browser::default().sign_in(&mut world, "bob", &target);
        let answer = redeem_notes(&mut world, &code, &[]);
        seen.push(claims(&text(&answer, "id_token"))["sub"].clone());
        world.advance(Span::days(2));
        world.tick();
    }
    assert_eq!(seen[0], seen[1]);
    assert!(world.audit("token.key.renew").is_some());
}

#[test]
fn a_token_for_something_else_tells_nobody_who_its_bearer_is() {
    let mut world = World::new();
    let ask = |world: &mut World, token: &str| {
        let bearer = format!("Bearer {token}");
        let request = Request::get(&world.path("openid/userinfo"));
        world.send(request.with_header("Authorization", &bearer))
    };
    for resource in [PORTAL, DRS, "https://enrollment.manage.microsoft.com/"] {
        world.advance(Span::minutes(2));
        let target = of_broker(&world, &[("amr_values", "mfa"), ("resource", resource)]);
        let code = Browser::default().sign_in(&mut world, "alice", &target);
        let token = text(&redeem_broker(&mut world, &code, &[]), "access_token");
        if resource == DRS {
            let said = claims(&token);
            let life = said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap();
            assert_eq!(life, 900, "what registers lives a quarter of an hour");
        }
        assert_eq!(ask(&mut world, &token).status, 401, "{resource}");
    }
    // And who asked for less is told less.
    let target = of_notes(&world, &[("scope", "openid")]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let token = text(&redeem_notes(&mut world, &code, &[]), "access_token");
    let told = json(&ask(&mut world, &token));
    let names: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(names, ["sub", "tid"]);
}

#[test]
fn who_may_use_an_application_is_looked_at_whether_it_asks_or_is_asked_for() {
    let mut world = World::new();
    let parent = world.tenant().directory.domain().unwrap().users;
    let group = directory::EntryId::random(&mut world.rng);
    let kind = directory::group::GLOBAL_SECURITY;
    let entry = directory::NewEntry::group(group, parent, "writers", kind);
    let member = world.account("alice").id;
    world.commit([entry.into()]);
    world.commit([directory::Change::AddMember { group, member }]);
    let application =
        |world: &World, id: &str| (*world.known().applications[&id.parse().unwrap()]).clone();
    let mut wiki = application(&world, WIKI);
    wiki.assignment = Assignment::Groups(vec![group]);
    world.put_application(&wiki);
    let mut notes = application(&world, NOTES);
    notes.wants = vec![Wanted {
        resource: WIKI_RESOURCE.into(),
        scopes: vec![],
    }];
    world.put_application(&notes);
    let consent = directory::tenant::Consent {
        application: notes.id,
        account: None,
        resource: WIKI_RESOURCE.into(),
        scopes: vec![],
        by: "root".into(),
        at: world.now,
    };
    let changes = directory::tenant::put_consent(&consent, &mut world.rng);
    world.commit(changes);
    // By each of its names.
    for name in [
        WIKI_RESOURCE.to_owned(),
        WIKI.to_owned(),
        format!("api://{WIKI}"),
    ] {
        for (sam, status) in [("alice", 200), ("bob", 400)] {
            let scope = format!("openid {name}/.default");
            let target = of_notes(&world, &[("scope", &scope)]);
            let code = Browser::default().sign_in(&mut world, sam, &target);
            let answer = redeem_notes(&mut world, &code, &[]);
            assert_eq!(answer.status, status, "{sam} {name}");
            if status != 200 {
                assert_eq!(refusal(&answer).0, 50105);
            }
        }
    }
    // What else the notes ask for is nobody's business.
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    assert_eq!(redeem_notes(&mut world, &code, &[]).status, 200);
}

#[test]
fn who_must_sign_in_by_a_key_is_who_is_in_the_group_and_one_factor_registers_none() {
    let mut world = World::new();
    let parent = world.tenant().directory.domain().unwrap().users;
    let group = directory::EntryId::random(&mut world.rng);
    let kind = directory::group::GLOBAL_SECURITY;
    let entry = directory::NewEntry::group(group, parent, "strict", kind);
    let member = world.account("bob").id;
    world.commit([entry.into()]);
    world.commit([directory::Change::AddMember { group, member }]);
    world.set(|settings| {
        settings.phishing_resistant_only = Some(group);
        settings.join_needs_second_factor = false;
    });
    for (sam, resource, number) in [
        ("bob", GRAPH, 50076),
        ("bob", DRS, 50076),
        ("alice", GRAPH, 0),
        ("alice", DRS, 0),
    ] {
        let target = of_broker(&world, &[("resource", resource)]);
        let code = Browser::default().sign_in(&mut world, sam, &target);
        let answer = redeem_broker(&mut world, &code, &[]);
        let said = if answer.status == 200 {
            0
        } else {
            refusal(&answer).0
        };
        assert_eq!(said, number, "{sam} {resource}");
    }
}

#[test]
fn a_family_lives_on_with_its_use_and_no_longer() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let mut token = text(&redeem_notes(&mut world, &code, &[]), "refresh_token");
    let days = i64::from(world.known().settings.refresh_days);
    let own = [("client_id", NOTES)];
    for _ in 0..2 {
        world.advance(Span::seconds(days * 86_400 - 1));
        world.tick();
        token = text(&refresh(&mut world, &token, &own), "refresh_token");
    }
    world.advance(Span::days(days));
    world.tick();
    assert_eq!(refresh(&mut world, &token, &own).status, 400);
}

#[test]
fn an_application_without_refresh_gets_none_whatever_it_asks_for() {
    let mut world = World::new();
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.refresh = false;
    world.put_application(&notes);
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    assert_eq!(answer.status, 200);
    assert_eq!(json(&answer).get("refresh_token"), None);
}

/// A registered address of the machine itself stands for any port, unless it names one; and a name that begins as one is none.
#[test]
fn an_address_of_the_machine_stands_for_any_port_and_nothing_else_does() {
    let mut world = World::new();
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.redirect_uris = [
        "http://127.0.0.1/done",
        "http://[::1]:8080/six",
        "https://notes.example/done",
    ]
    .map(str::to_owned)
    .to_vec();
    world.put_application(&notes);
    for (uri, known) in [
        ("http://127.0.0.1/done", true),
        ("http://127.0.0.1:4711/done", true),
        ("http://127.0.0.1:4711/other", false),
        ("http://127.0.0.1.evil.example/done", false),
        ("http://127.0.0.1:4711@evil.example/done", false),
        ("http://[::1]:4711/done", true),
        ("http://[::1]:8080/six", true),
        ("http://[::1]:4711/six", false),
    ] {
        let target = of_notes(&world, &[("redirect_uri", uri)]);
        let mut browser = Browser::default();
        browser.get(&mut world, &target);
        assert_eq!(browser.page.form("password").is_some(), known, "{uri}");
    }
}

/// An application's code goes to the address that was asked for, and is redeemed for that one: its others do not do instead.
#[test]
fn a_code_is_redeemed_with_the_address_that_it_was_sent_to() {
    let mut world = World::new();
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.redirect_uris.push("https://notes.example/too".into());
    world.put_application(&notes);
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let other = [("redirect_uri", "https://notes.example/too")];
    assert_eq!(refusal(&redeem_notes(&mut world, &code, &other)).0, 70000);
    let answer = redeem_notes(&mut world, &code, &[]);
    // OpenID Connect Core 12.2: what was said at the first is not said again.
    assert_eq!(claims(&text(&answer, "id_token"))["nonce"], "n5");
    let token = text(&answer, "refresh_token");
    let again = refresh(&mut world, &token, &[("client_id", NOTES)]);
    assert_eq!(claims(&text(&again, "id_token")).get("nonce"), None);
}

#[test]
fn a_refresh_elsewhere_gives_what_was_granted_and_what_the_resource_knows() {
    let mut world = World::new();
    let enrolment = "https://enrollment.manage.microsoft.com/";
    let asks = [("scope", "openid profile"), ("resource", enrolment)];
    let target = of_broker(&world, &asks);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let token = text(&redeem_broker(&mut world, &code, &[]), "refresh_token");
    for (resource, asked, granted) in [
        (
            GRAPH,
            "openid email User.Read Pages.Burn",
            "openid User.Read",
        ),
        (enrolment, "openid email User.Read", "openid"),
        (enrolment, "profile offline_access", "profile"),
    ] {
        let changes = [("resource", resource), ("scope", asked)];
        let answer = refresh(&mut world, &token, &changes);
        assert_eq!(text(&answer, "scope"), granted, "{asked}");
    }
}
