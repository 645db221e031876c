//! The browser's session, and signing out.

use directory::change;
use trust::Span;
use wire::http::Request;

use super::world::*;

#[test]
fn a_session_spares_what_was_proven_and_asks_for_what_was_not() {
    let mut world = World::with_app();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let app = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("resource", "urn:app"),
        ("amr_values", ""),
    ];
    browser.open(&mut world, &app);
    assert_eq!(
        browser.password(&mut world, "alice", PASSWORD).status,
        302,
        "the password is enough for the wiki"
    );
    assert_eq!(browser.open(&mut world, &app).status, 302);
    assert!(browser.sent("code").is_some());

    let first_session = browser.cookies["__Host-keyporch-session"].clone();
    browser.open(&mut world, &[]);
    assert!(
        browser.page.form("totp").is_some(),
        "registration asks for the second factor alone"
    );
    let totp = world.totp();
    assert_eq!(browser.code(&mut world, &totp).status, 302);
    assert_ne!(browser.cookies["__Host-keyporch-session"], first_session);
    let mut old = Browser::default();
    old.cookies
        .insert("__Host-keyporch-session".into(), first_session);
    old.open(&mut world, &app);
    assert!(
        old.page.form("password").is_some(),
        "the former session has ended"
    );
}

#[test]
fn a_fresh_second_factor_is_not_asked_for_again_within_ten_minutes() {
    // PROV-5.6, ACC-9.
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &[]);
    world.advance(Span::seconds(9 * 60 + 59));
    assert_eq!(browser.open(&mut world, &[]).status, 302);
    world.advance(Span::seconds(2));
    browser.open(&mut world, &[]);
    assert!(browser.page.form("totp").is_some());
    browser.open(&mut world, &[("amr_values", "")]);
    assert!(
        browser.sent("code").is_some(),
        "where freshness is not asked for, the second factor stands"
    );
}

#[test]
fn a_session_lasts_eight_hours_and_no_longer() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &[("amr_values", "")]);
    world.advance(Span::seconds(8 * 3600 - 1));
    assert_eq!(browser.open(&mut world, &[("amr_values", "")]).status, 302);
    world.advance(Span::seconds(1));
    assert_eq!(browser.open(&mut world, &[("amr_values", "")]).status, 200);
}

#[test]
fn a_second_factor_that_is_proven_later_makes_no_session_longer() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &[("amr_values", "")]);
    world.advance(Span::hours(7));
    browser.open(&mut world, &[]);
    let totp = world.totp();
    assert_eq!(browser.code(&mut world, &totp).status, 302);
    world.advance(Span::seconds(3599));
    assert_eq!(browser.open(&mut world, &[("amr_values", "")]).status, 302);
    world.advance(Span::seconds(1));
    browser.open(&mut world, &[("amr_values", "")]);
    assert!(browser.page.form("password").is_some());
}

#[test]
fn a_session_ends_when_the_account_is_disabled_or_the_password_changes() {
    for ends_it in ["disable", "password", "delete"] {
        let mut world = World::new();
        let alice = world.person_with_totp("alice");
        let mut browser = Browser::default();
        browser.sign_in(&mut world, &[("amr_values", "")]);
        assert_eq!(browser.open(&mut world, &[("amr_values", "")]).status, 302);
        world.advance(Span::seconds(1));
        let control = world.account(alice).control;
        let material = directory::password::PasswordMaterial::random(&mut world.rng);
        world.commit(match ends_it {
            "disable" => vec![change::disable(alice, control)],
            "password" => vec![change::set_password(alice, material)],
            _ => vec![directory::Change::Delete { id: alice }],
        });
        browser.open(&mut world, &[("amr_values", "")]);
        assert!(browser.page.form("password").is_some(), "{ends_it}");
    }
}

#[test]
fn a_session_ends_with_the_second_factor_that_it_was_proven_with() {
    let mut world = World::with_app();
    let alice = world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &[("amr_values", "")]);
    let mut by_password = Browser::default();
    let app = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("resource", "urn:app"),
        ("amr_values", ""),
    ];
    by_password.open(&mut world, &app);
    assert_eq!(
        by_password.password(&mut world, "alice", PASSWORD).status,
        302
    );
    world.advance(Span::seconds(1));
    assert_eq!(browser.open(&mut world, &[("amr_values", "")]).status, 302);
    world.forget_second_factors(alice);
    browser.open(&mut world, &[("amr_values", "")]);
    assert!(browser.page.form("password").is_some());
    assert_eq!(by_password.open(&mut world, &app).status, 302);

    // With another authenticator there are sessions again, and the old one stays ended.
    let old = browser.clone();
    browser.password(&mut world, "alice", PASSWORD);
    let secret = browser.page.secret.clone().unwrap();
    let secret = token::totp::TotpSecret::parse(&secret).unwrap();
    let code = secret.code(world.now);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert_eq!(browser.fill(&mut world, "acknowledgement", &[]).status, 302);
    assert_eq!(browser.open(&mut world, &[("amr_values", "")]).status, 302);
    let mut old = old;
    old.open(&mut world, &[("amr_values", "")]);
    assert!(old.page.form("password").is_some());
}

#[test]
fn a_client_that_allows_no_page_is_told_so() {
    let mut world = World::with_app();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let error = |browser: &Browser| browser.sent("error").unwrap();
    browser.open(&mut world, &[("prompt", "none")]);
    assert_eq!(error(&browser), "login_required");
    let app = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("resource", "urn:app"),
        ("amr_values", ""),
    ];
    browser.open(&mut world, &app);
    browser.password(&mut world, "alice", PASSWORD);
    browser.open(&mut world, &[("prompt", "none")]);
    assert_eq!(
        error(&browser),
        "interaction_required",
        "a second factor is needed"
    );
    browser.open(&mut world, &[&app[..], &[("prompt", "none")]].concat());
    assert!(browser.sent("code").is_some());
    world.advance(Span::minutes(2));
    browser.open(
        &mut world,
        &[&app[..], &[("prompt", "none"), ("max_age", "60")]].concat(),
    );
    assert_eq!(error(&browser), "login_required");
}

#[test]
fn a_client_may_ask_for_a_new_sign_in_or_somebody_else() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &[]);
    for changes in [[("prompt", "login")], [("login_hint", "bob@corp.example")]] {
        browser.open(&mut world, &[&changes[..], &[("amr_values", "")]].concat());
        let asked = browser.page.form("password").is_some();
        assert_eq!(
            asked,
            changes[0].0 == "prompt",
            "a hint is heeded only where a page is needed"
        );
    }
    world.advance(Span::minutes(11));
    browser.open(&mut world, &[("login_hint", "bob@corp.example")]);
    assert!(browser.page.form("password").is_some());
    world.advance(Span::minutes(20));
    browser.open(&mut world, &[("max_age", "60"), ("amr_values", "")]);
    assert!(browser.page.form("password").is_some());
}

#[test]
fn an_open_session_is_not_enough_to_set_up_an_authenticator() {
    let mut world = World::with_app();
    world.person("alice");
    let mut browser = Browser::default();
    let app = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("resource", "urn:app"),
        ("amr_values", ""),
    ];
    browser.open(&mut world, &app);
    browser.password(&mut world, "alice", PASSWORD);
    world.advance(Span::minutes(1));
    browser.open(&mut world, &[]);
    assert!(browser.page.secret.is_none() && browser.page.form("password").is_some());
    browser.password(&mut world, "alice", PASSWORD);
    assert!(browser.page.secret.is_some());
}

#[test]
fn signing_out_ends_the_session() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &[]);
    let copy = browser.clone();
    assert_eq!(browser.get(&mut world, "/adfs/oauth2/logout").status, 200);
    assert!(
        browser.page.form("sign-out").is_some(),
        "no other page signs people out"
    );
    assert_eq!(browser.open(&mut world, &[]).status, 302);
    browser.get(&mut world, "/adfs/oauth2/logout");
    assert_eq!(browser.fill(&mut world, "sign-out", &[]).status, 200);
    assert!(!browser.cookies.contains_key("__Host-keyporch-session"));
    let mut thief = copy;
    thief.open(&mut world, &[]);
    assert!(
        thief.page.form("password").is_some(),
        "the cookie is of no use any more"
    );
    assert!(world.audit("sign-out").is_some());
}

#[test]
fn a_client_that_shows_the_id_token_signs_its_person_out_and_gets_them_back() {
    let mut world = World::with_app();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let app = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("resource", "urn:app"),
        ("amr_values", ""),
    ];
    browser.open(&mut world, &app);
    browser.password(&mut world, "alice", PASSWORD);
    let code = browser.sent("code").unwrap();
    let response = browser.redeem(
        &mut world,
        &code,
        &[
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/done"),
        ],
    );
    let id_token = json(&response)["id_token"].as_str().unwrap().to_owned();
    let logout = |uri: &str, hint: &str| {
        format!(
            "/adfs/oauth2/logout?post_logout_redirect_uri={uri}&id_token_hint={hint}&state=x%26y"
        )
    };
    let refused = browser.get(&mut world, &logout("https://evil.example/", &id_token));
    assert_eq!(refused.status, 400);
    assert_eq!(
        world.refused,
        ["the address to return to after signing out is not registered"]
    );
    assert!(browser.cookies.contains_key("__Host-keyporch-session"));
    // OpenID Connect RP-Initiated Logout 2: the client that asks is the one that the id_token was for.
    let other = token::client::REGISTRATION_CLIENT;
    let of_another = format!("/adfs/oauth2/logout?client_id={other}&id_token_hint={id_token}");
    assert_eq!(browser.get(&mut world, &of_another).status, 400);
    assert_eq!(
        world.refused.last().unwrap(),
        "the id_token that is shown was issued to another client"
    );
    assert!(browser.cookies.contains_key("__Host-keyporch-session"));
    world.advance(Span::hours(2));
    browser.get(&mut world, &logout("https://app.example/bye", &id_token));
    assert_eq!(
        browser.location.as_deref(),
        Some("https://app.example/bye?state=x%26y")
    );
    assert!(!browser.cookies.contains_key("__Host-keyporch-session"));
}

#[test]
fn a_sign_out_form_of_another_browser_is_refused() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.sign_in(&mut world, &[]);
    browser.get(&mut world, "/adfs/oauth2/logout");
    let forged = Request::post_form("/adfs/oauth2/logout", [("FormToken", "x")]);
    assert_eq!(browser.send(&mut world, forged).status, 400);
    assert_eq!(browser.open(&mut world, &[]).status, 302);
}

/// OpenID Connect Core 3.1.2.1 and 3.1.2.2: an id_token says whom the client means.
#[test]
fn a_client_gets_a_code_of_whom_its_id_token_speaks_of_and_of_nobody_else() {
    let mut world = World::with_app();
    world.person_with_totp("alice");
    world.person_with_totp("bob");
    let app = [
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/done"),
        ("resource", "urn:app"),
        ("amr_values", ""),
    ];
    let mut browser = Browser::default();
    browser.open(&mut world, &app);
    browser.password(&mut world, "alice", PASSWORD);
    let code = browser.sent("code").unwrap();
    let response = browser.redeem(
        &mut world,
        &code,
        &[
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/done"),
        ],
    );
    let id_token = json(&response)["id_token"].as_str().unwrap().to_owned();
    let of_alice = |prompt: &'static str| {
        let mut changes = app.to_vec();
        changes.extend([("id_token_hint", id_token.as_str()), ("prompt", prompt)]);
        changes
    };
    browser.open(&mut world, &of_alice("none"));
    assert!(browser.sent("code").is_some());
    let mut of_bob = Browser::default();
    of_bob.open(&mut world, &app);
    of_bob.password(&mut world, "bob", PASSWORD);
    assert!(of_bob.sent("code").is_some());
    of_bob.open(&mut world, &of_alice("none"));
    assert_eq!(of_bob.sent("error").as_deref(), Some("login_required"));
    of_bob.open(&mut world, &of_alice("login"));
    of_bob.password(&mut world, "bob", PASSWORD);
    assert_eq!(of_bob.sent("code"), None);
    of_bob.password(&mut world, "alice", PASSWORD);
    assert!(of_bob.sent("code").is_some());
    // One that somebody else signed, or that is another client's.
    let mut forged = of_alice("none");
    forged[4].1 = "eyJhbGciOiJub25lIn0.e30.";
    of_bob.open(&mut world, &forged);
    assert_eq!(of_bob.sent("error").as_deref(), Some("invalid_request"));
}
