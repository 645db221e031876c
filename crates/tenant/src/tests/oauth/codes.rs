//! Authorization codes.

use trust::Span;

use super::*;

#[test]
fn a_code_is_redeemed_once_and_its_second_use_ends_what_came_of_it() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let first = redeem_notes(&mut world, &code, &[]);
    assert_eq!(first.status, 200);
    let refresh_token = text(&first, "refresh_token");
    let again = redeem_notes(&mut world, &code, &[]);
    assert_eq!(refusal(&again), (54005, "invalid_grant".into()));
    let refreshed = refresh(&mut world, &refresh_token, &[("client_id", NOTES)]);
    assert_eq!(refusal(&refreshed), (70000, "invalid_grant".into()));
}

#[test]
fn a_code_lives_for_a_minute() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    world.advance(Span::seconds(60));
    let late = redeem_notes(&mut world, &code, &[]);
    assert_eq!(refusal(&late), (70008, "invalid_grant".into()));
}

#[test]
fn a_code_of_another_client_or_redirect_uri_is_refused() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    for (changes, number) in [
        (vec![("client_id", WIKI), ("client_secret", SECRET)], 70000),
        (vec![("redirect_uri", "https://notes.example/other")], 70000),
        (vec![("redirect_uri", "")], 90014),
        (vec![("code", "")], 90014),
        (vec![("code", "nonsense")], 70000),
        (vec![("client_id", "nobody")], 700_016),
    ] {
        let refused = redeem_notes(&mut world, &code, &changes);
        assert_eq!(refusal(&refused).0, number, "{changes:?}");
    }
    assert_eq!(redeem_notes(&mut world, &code, &[]).status, 200);
}

#[test]
fn a_public_client_without_pkce_is_refused_and_the_broker_clients_may() {
    let mut world = World::new();
    let target = of_notes(&world, &[("code_challenge", "")]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    assert_eq!(browser.sent("error").as_deref(), Some("invalid_request"));
    assert_eq!(browser.sent("code"), None);

    let target = of_broker(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    assert_eq!(redeem_broker(&mut world, &code, &[]).status, 200);
}

#[test]
fn a_challenge_that_was_sent_cannot_be_dropped_at_redemption() {
    let mut world = World::new();
    let challenge = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let target = of_broker(&world, &challenge);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let without = redeem_broker(&mut world, &code, &[]);
    assert_eq!(refusal(&without), (50148, "invalid_grant".into()));
    let with = redeem_broker(&mut world, &code, &[("code_verifier", VERIFIER)]);
    assert_eq!(with.status, 200);
    // Nor does a verifier help where the challenge was taken away on its way.
    let target = of_broker(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let stripped = redeem_broker(&mut world, &code, &[("code_verifier", VERIFIER)]);
    assert_eq!(refusal(&stripped).0, 50148);

    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let missing = redeem_notes(&mut world, &code, &[("code_verifier", "")]);
    assert_eq!(refusal(&missing).0, 501_481);
    let wrong = VERIFIER.replace('d', "e");
    let wrong = redeem_notes(&mut world, &code, &[("code_verifier", &wrong)]);
    assert_eq!(refusal(&wrong).0, 50148);
}

#[test]
fn the_issuer_stands_in_every_answer_to_a_client() {
    // RFC 9207, against mix-up.
    let mut world = World::new();
    let known = world.known();
    let mut browser = Browser::default();
    let target = of_notes(&world, &[]);
    browser.sign_in(&mut world, "bob", &target);
    assert_eq!(browser.sent("iss"), Some(known.issuers.v2.clone()));
    assert_eq!(browser.sent("state").as_deref(), Some("s7"));
    let target = of_broker(&world, &[]);
    browser.get(&mut world, &target);
    assert_eq!(browser.sent("iss"), Some(known.issuers.v1.clone()));
    let target = of_notes(&world, &[("prompt", "none")]);
    Browser::default().get(&mut world, &target);
    let mut nobody = Browser::default();
    nobody.get(&mut world, &target);
    assert_eq!(nobody.sent("iss"), Some(known.issuers.v2.clone()));
    assert_eq!(nobody.sent("error").as_deref(), Some("login_required"));
    let described = nobody.sent("error_description").unwrap();
    assert!(described.starts_with("AADSTS50058: "), "{described}");
}

#[test]
fn a_broker_is_answered_with_all_that_it_reads() {
    // Protocols A.3.1: the broker asks for no offline_access, and reads no answer without a refresh token.
    let mut world = World::new();
    let target = of_broker(&world, &[("amr_values", "ngcmfa")]);
    let mut browser = Browser::default();
    let code = browser.sign_in(&mut world, "alice", &target);
    assert!(
        browser
            .location
            .unwrap()
            .starts_with("msauth://Microsoft.AAD.BrokerPlugin?code=")
    );
    let answer = redeem_broker(&mut world, &code, &[("client_info", "1")]);
    let body = json(&answer);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(
        (&body["expires_in"], &body["ext_expires_in"]),
        (&"3600".into(), &"3600".into())
    );
    assert_eq!(body["foci"], "1");
    assert_eq!(body["resource"], GRAPH);
    assert!(text(&answer, "refresh_token").starts_with("1."));
    let access = claims(&text(&answer, "access_token"));
    let id = world.id();
    assert_eq!(access["tid"], id.as_str());
    assert_eq!(access["upn"], "alice@corp.example");
    assert_eq!(access["aud"], GRAPH);
    assert_eq!(access["iss"], world.known().issuers.v1.as_str());
    assert_eq!(access["appidacr"], "0");
    let words = amr(&text(&answer, "access_token"));
    for word in ["pwd", "otp", "mfa", "ngcmfa"] {
        assert!(words.iter().any(|said| said == word), "{words:?}");
    }
    let alice = world.account("alice").id.0.to_string();
    let id_token = claims(&text(&answer, "id_token"));
    for (name, value) in [
        ("name", "alice Example"),
        ("oid", alice.as_str()),
        ("tid", id.as_str()),
        ("preferred_username", "alice@corp.example"),
    ] {
        assert_eq!(id_token[name], value);
    }
    use base64ct::{Base64UrlUnpadded, Encoding};
    let info = Base64UrlUnpadded::decode_vec(&text(&answer, "client_info")).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!((&info["uid"], &info["utid"]), (&alice.into(), &id.into()));
    assert!(
        world
            .told
            .iter()
            .any(|record| record.action == "token.issue"),
        "told, and not committed"
    );
    assert!(world.audit("token.issue").is_none());
}

#[test]
fn numbers_are_numbers_in_the_second_version() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    let body = json(&answer);
    assert_eq!(
        (&body["expires_in"], &body["ext_expires_in"]),
        (&3600.into(), &3600.into())
    );
    assert!(body.get("resource").is_none() && body.get("client_info").is_none());
    assert!(!body.as_object().unwrap().values().any(Value::is_null));
    let id_token = claims(&text(&answer, "id_token"));
    assert_eq!(id_token["nonce"], "n5");
    assert_eq!(id_token["iss"], world.known().issuers.v2.as_str());
    assert_eq!(id_token["ver"], "2.0");
    assert_ne!(
        id_token["sub"], id_token["oid"],
        "another name at each application"
    );
}

#[test]
fn an_identity_token_is_signed_as_the_application_asked() {
    let mut world = World::new();
    let algorithm = |world: &mut World| {
        let target = of_notes(world, &[]);
        let code = Browser::default().sign_in(world, "bob", &target);
        let answer = redeem_notes(world, &code, &[]);
        let id_token = text(&answer, "id_token");
        let header = crypto::jose::Unverified::parse(&id_token).unwrap();
        header.header().text("alg").unwrap().to_owned()
    };
    assert_eq!(algorithm(&mut world), "RS256");
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.signs = Some(directory::tenant::Signs::Es256);
    world.put_application(&notes);
    assert_eq!(algorithm(&mut world), "ES256");
}

#[test]
fn an_application_that_is_disabled_gets_nothing_more() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let first = redeem_notes(&mut world, &code, &[]);
    let refresh_token = text(&first, "refresh_token");
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.enabled = false;
    world.put_application(&notes);
    let refused = refresh(&mut world, &refresh_token, &[("client_id", NOTES)]);
    assert_eq!(refusal(&refused), (7_000_112, "unauthorized_client".into()));
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    assert_eq!((browser.status, browser.location.as_deref()), (400, None));
}

#[test]
fn a_person_consents_only_to_what_the_setting_allows() {
    let mut world = World::new();
    let wants = |world: &mut World, scope: &str| {
        let target = of_notes(world, &[("scope", scope)]);
        let mut browser = Browser::default();
        browser.get(world, &target);
        browser.sent("error")
    };
    assert_eq!(wants(&mut world, "openid profile"), None);
    // A scope of the directory's needs an administrator.
    let more = "openid https://graph.microsoft.com/User.Read";
    assert_eq!(wants(&mut world, more).as_deref(), Some("consent_required"));
    let changes = directory::tenant::put_consent(
        &directory::tenant::Consent {
            application: NOTES.parse().unwrap(),
            account: None,
            resource: crate::catalogue::GRAPH.into(),
            scopes: vec!["User.Read".into()],
            by: "root".into(),
            at: world.now,
        },
        &mut world.rng,
    );
    world.commit(changes);
    assert_eq!(wants(&mut world, more), None);
    let even_more = "openid https://graph.microsoft.com/User.Read.All";
    assert_eq!(
        wants(&mut world, even_more).as_deref(),
        Some("consent_required")
    );
    let mut world = World::new();
    world.set(|settings| settings.user_consent = false);
    assert_eq!(
        wants(&mut world, "openid profile").as_deref(),
        Some("consent_required")
    );
}

#[test]
fn who_is_not_assigned_to_an_application_gets_no_token_for_it() {
    let mut world = World::new();
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.assignment = directory::tenant::Assignment::Groups(vec![]);
    world.put_application(&notes);
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let refused = redeem_notes(&mut world, &code, &[]);
    assert_eq!((refused.status, refusal(&refused).0), (400, 50105));
}

#[test]
fn an_application_that_wants_a_second_factor_gets_nothing_for_a_password_alone_whatever_it_asks_for()
 {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let first = redeem_notes(&mut world, &code, &[]);
    let refresh_token = text(&first, "refresh_token");
    let mut notes = (*world.known().applications[&NOTES.parse().unwrap()]).clone();
    notes.second_factor = true;
    world.put_application(&notes);
    let refused = refresh(&mut world, &refresh_token, &[("client_id", NOTES)]);
    assert_eq!(refusal(&refused).0, 50076);
    // Who has a second factor is asked for it before the code is sent.
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "alice", PASSWORD);
    assert_eq!(browser.location, None);
    let code = Browser::default().sign_in(&mut world, "alice", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    assert_eq!(answer.status, 200);
}

#[test]
fn a_person_is_asked_once_what_an_application_may_know() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = of_notes(&world, &[("prompt", "login")]);
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", PASSWORD);
    browser.follow(&mut world);
    for said in [
        "Notes",
        "https://notes.example",
        "bob@corp.example",
        "your mail address",
    ] {
        assert!(browser.html.contains(said), "{said}: {}", browser.html);
    }
    let accept = browser.filled(&world, "consent", &[("Consent", "accept")]);
    // Not from another site, nor from another browser, nor for another request.
    let mut foreign = accept.clone();
    foreign.headers.set("Origin", "https://evil.example");
    assert_eq!(browser.send(&mut world, foreign).status, 400);
    let mut stranger = Browser::default();
    assert_eq!(stranger.send(&mut world, accept.clone()).status, 400);
    let mut moved = accept.clone();
    moved.query = moved.query.replace("s7", "s8");
    assert_eq!(browser.send(&mut world, moved).status, 400);

    let silent = of_notes(&world, &[("prompt", "none")]);
    browser.get(&mut world, &silent);
    assert_eq!(browser.sent("error").as_deref(), Some("consent_required"));
    let target = of_notes(&world, &[]);
    browser.get(&mut world, &target);
    browser.fill(&mut world, "consent", &[("Consent", "decline")]);
    let told = world.last_refusal.as_ref().unwrap();
    assert_eq!(told.action, "application.consent");
    assert!(world.refused.last().unwrap().contains("did not consent"));
    // The session that they opened is in the log, though no code came of it.
    let opened = world.audit("sign-in").unwrap();
    assert_eq!(opened.details["client"].as_str(), NOTES);
    assert!(world.audit("token.authorize").is_none());
    assert_eq!(browser.sent("error").as_deref(), Some("access_denied"));
    assert!(world.audit("application.consent").is_none());

    browser.send(&mut world, accept);
    browser.follow(&mut world);
    assert!(browser.sent("code").is_some());
    assert!(world.audit("application.consent").is_some());
    browser.get(&mut world, &silent);
    assert!(browser.sent("code").is_some(), "asked once");
    // Another person is asked, and so is this one for more.
    let mut other = Browser::default();
    other.get(&mut world, &target);
    other.password(&mut world, "alice", PASSWORD);
    other.follow(&mut world);
    assert!(other.page.form("consent").is_some());
}

#[test]
fn nobody_is_asked_what_an_administrator_consented_to() {
    let mut world = World::new();
    for resource in [token::authorize::USERINFO, crate::catalogue::GRAPH] {
        let consent = directory::tenant::Consent {
            application: NOTES.parse().unwrap(),
            account: None,
            resource: resource.into(),
            scopes: vec![],
            by: "root".into(),
            at: world.now,
        };
        let changes = directory::tenant::put_consent(&consent, &mut world.rng);
        world.commit(changes);
    }
    world.set(|settings| settings.user_consent = false);
    let target = of_notes(&world, &[]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", PASSWORD);
    assert!(browser.sent("code").is_some());
}

#[test]
fn who_signs_in_as_another_than_was_guessed_is_not_asked_for_ever() {
    let mut world = World::new();
    let hinted = [
        ("login_hint", "bob@corp.example"),
        ("prompt", "login"),
        ("max_age", "0"),
    ];
    let target = of_notes(&world, &hinted);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "alice", PASSWORD);
    world.advance(Span::seconds(5));
    browser.follow(&mut world);
    browser.fill(&mut world, "consent", &[("Consent", "accept")]);
    browser.follow(&mut world);
    assert!(browser.sent("code").is_some());
}

#[test]
fn nobody_consents_by_a_page_that_another_was_shown() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = of_notes(&world, &[]);
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", PASSWORD);
    browser.follow(&mut world);
    let of_bob = browser.filled(&world, "consent", &[("Consent", "accept")]);
    let again = of_notes(&world, &[("prompt", "login")]);
    browser.get(&mut world, &again);
    browser.password(&mut world, "alice", PASSWORD);
    assert_eq!(browser.send(&mut world, of_bob).status, 400);
    assert!(world.audit("application.consent").is_none());
}
