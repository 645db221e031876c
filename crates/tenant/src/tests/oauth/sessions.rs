//! Sessions, userinfo and signing out.

use trust::Span;

use super::*;

#[test]
fn a_session_spares_the_pages_until_more_is_asked() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = of_notes(&world, &[]);
    browser.sign_in(&mut world, "alice", &target);
    browser.get(&mut world, &target);
    assert!(browser.sent("code").is_some());
    let fresh = of_broker(&world, &[("amr_values", "ngcmfa")]);
    browser.get(&mut world, &fresh);
    assert!(browser.page.form("totp").is_some());
    browser.totp(&mut world);
    assert!(browser.sent("code").is_some());
    browser.get(&mut world, &fresh);
    assert!(browser.sent("code").is_some(), "within ten minutes");
    world.advance(Span::minutes(11));
    browser.get(&mut world, &fresh);
    assert!(browser.page.form("totp").is_some());
    let again = of_notes(&world, &[("prompt", "login")]);
    browser.get(&mut world, &again);
    assert!(browser.page.form("password").is_some());
    let silent = of_broker(&world, &[("amr_values", "ngcmfa"), ("prompt", "none")]);
    browser.get(&mut world, &silent);
    assert_eq!(
        browser.sent("error").as_deref(),
        Some("interaction_required")
    );
    let someone = of_notes(&world, &[("login_hint", "bob@corp.example")]);
    browser.get(&mut world, &someone);
    assert!(browser.page.form("password").is_some());
}

#[test]
fn a_new_person_sets_up_a_second_factor_where_one_is_demanded() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = of_broker(&world, &[("resource", PORTAL)]);
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", PASSWORD);
    assert!(browser.page.form("enrolment").is_some());
    let secret = browser.page.secret.clone().unwrap().replace(' ', "");
    let code = token::totp::TotpSecret::parse(&secret)
        .unwrap()
        .code(world.now);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    assert_eq!(browser.page.recovery_codes.len(), 10);
    browser.fill(&mut world, "acknowledgement", &[]);
    let code = browser.sent("code").unwrap();
    let answer = redeem_broker(&mut world, &code, &[]);
    assert!(amr(&text(&answer, "access_token")).contains(&"mfa".to_owned()));
}

#[test]
fn bearers_are_told_who_they_are() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let answer = redeem_notes(&mut world, &code, &[]);
    let token = text(&answer, "access_token");
    let ask = |world: &mut World, token: &str| {
        let path = world.path("openid/userinfo");
        world.send(Request::get(&path).with_header("Authorization", &format!("Bearer {token}")))
    };
    let told = json(&ask(&mut world, &token));
    let id_token = claims(&text(&answer, "id_token"));
    assert_eq!(told["sub"], id_token["sub"]);
    assert_eq!(told["preferred_username"], "bob@corp.example");
    assert_eq!(told["email"], "bob@mail.example");
    let on_graph = Request::get("/oidc/userinfo")
        .with_host("graph.corp.example")
        .with_header("Authorization", &format!("Bearer {token}"));
    assert_eq!(world.send(on_graph).status, 200);

    let id_token = text(&answer, "id_token");
    for wrong in ["", "nonsense", &id_token] {
        let refused = ask(&mut world, wrong);
        assert_eq!(refused.status, 401, "{wrong}");
        let challenge = refused.headers.get("WWW-Authenticate").unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""));
    }
    world.at = 1;
    assert_eq!(
        ask(&mut world, &token).status,
        401,
        "a token of another tenant"
    );
    world.at = 0;
    disable(&mut world, "bob");
    assert_eq!(ask(&mut world, &token).status, 401);
}

#[test]
fn signing_out_ends_the_session_and_leads_only_where_it_was_registered() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let changes = [("client_id", WIKI), ("redirect_uri", WIKI_REDIRECT)];
    let target = of_notes(&world, &changes);
    let code = browser.sign_in(&mut world, "bob", &target);
    let redeem = [
        ("client_id", WIKI),
        ("redirect_uri", WIKI_REDIRECT),
        ("client_secret", SECRET),
    ];
    let answer = redeem_notes(&mut world, &code, &redeem);
    let hint = text(&answer, "id_token");
    for wrong in [
        "https://evil.example/",
        "https://wiki.example/bye/",
        "https://wiki.example/bye?x=y",
        "//wiki.example/bye",
    ] {
        let query = write_query([
            ("id_token_hint", hint.as_str()),
            ("post_logout_redirect_uri", wrong),
        ]);
        let path = world.path(&format!("oauth2/v2.0/logout?{query}"));
        browser.get(&mut world, &path);
        assert_eq!(
            (browser.status, browser.location.as_deref()),
            (400, None),
            "{wrong}"
        );
    }
    browser.get(&mut world, &target);
    assert!(browser.sent("code").is_some(), "still signed in");
    // Without a hint a page asks first.
    let path = world.path("oauth2/v2.0/logout");
    browser.get(&mut world, &path);
    assert!(browser.page.form("sign-out").is_some());
    let query = write_query([
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", "https://wiki.example/bye"),
        ("state", "s"),
    ]);
    let path = world.path(&format!("oauth2/v2.0/logout?{query}"));
    browser.get(&mut world, &path);
    assert_eq!(
        browser.location.as_deref(),
        Some("https://wiki.example/bye?state=s")
    );
    browser.get(&mut world, &target);
    assert!(browser.page.form("password").is_some());
}

#[test]
fn two_tenants_on_one_host_do_not_overwrite_each_others_cookies() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = of_notes(&world, &[]);
    browser.sign_in(&mut world, "bob", &target);
    let first = browser.cookies.len();
    world.at = 1;
    let target = of_notes(&world, &[]);
    browser.get(&mut world, &target);
    assert!(
        browser.page.form("password").is_some(),
        "no session of the other's"
    );
    browser.password(&mut world, "bob", PASSWORD);
    assert_eq!(browser.cookies.len(), first * 2);
    world.at = 0;
    let target = of_notes(&world, &[]);
    browser.get(&mut world, &target);
    assert!(browser.sent("code").is_some());
}

/// Gives somebody a pass for an hour; its text.
pub(super) fn access_pass(world: &mut World, sam: &str, once: bool) -> String {
    let account = world.account(sam);
    let terms = token::access_pass::Terms {
        begins: world.now,
        ends: world.now + Span::hours(1),
        once,
    };
    let (pass, kept) = token::access_pass::draw(account.id.0, terms, &mut world.rng);
    let mut factors = token::factor::SecondFactors::default();
    factors
        .enrolled
        .insert(token::access_pass::ID.to_owned(), kept);
    world.set_second_factors(account.id, &factors);
    pass.to_string()
}

#[test]
fn a_pass_signs_in_without_a_password_and_is_fresh_by_itself() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", true);
    let target = of_broker(&world, &[("amr_values", "ngcmfa"), ("resource", DRS)]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", &pass.to_lowercase());
    let code = browser.sent("code").expect("no further page");
    let answer = redeem_broker(&mut world, &code, &[]);
    let words = amr(&text(&answer, "access_token"));
    assert_eq!(words[0], "otp");
    assert!(words.contains(&"ngcmfa".to_owned()) && !words.contains(&"pwd".to_owned()));
    assert!(world.audit("sign-in.access-pass").is_some());
    // Once.
    let mut again = Browser::default();
    again.get(&mut world, &target);
    again.password(&mut world, "bob", &pass);
    assert!(again.page.error.is_some() && again.location.is_none());
    // Another password does not end what a pass got.
    let refresh_token = text(&answer, "refresh_token");
    assert_eq!(refresh(&mut world, &refresh_token, &[]).status, 200);
}

#[test]
fn a_pass_that_is_over_is_taken_off_its_account_and_one_that_was_given_since_stays() {
    let mut world = World::new();
    let bob = world.account("bob").id;
    let there = |world: &World| {
        let factors = signin::account::second_factors(&world.account("bob"));
        factors.enrolled.contains_key(token::access_pass::ID)
    };
    let end = |world: &mut World| {
        let jobs = world.read(|snapshot| snapshot.due_jobs(world.now, 10).unwrap());
        for job in &jobs {
            assert_eq!(crate::errand(job, &world.tenants[0].deployment), None);
            let World {
                tenants, rng, now, ..
            } = world;
            let told = crate::Outcome::Notified;
            let (changes, _) =
                tenants[0].view(|view| crate::done(job, &told, view, *now, rng).unwrap());
            world.commit(changes);
        }
        jobs.len()
    };
    let given = |world: &mut World, once| {
        access_pass(world, "bob", once);
        let ends = world.now + Span::hours(1);
        world.commit(registration::access_pass::over_job(bob, ends));
    };
    given(&mut world, true);
    assert_eq!(end(&mut world), 0);
    world.advance(Span::minutes(30));
    given(&mut world, false);
    world.advance(Span::minutes(30));
    // The job of the first one was replaced by that of the second; done all the same, it takes nothing off.
    world.commit(registration::access_pass::over_job(bob, world.now));
    assert_eq!(end(&mut world), 1);
    assert!(there(&world) && world.audit("second-factor.access-pass.over").is_none());
    world.commit(registration::access_pass::over_job(bob, world.now));
    world.advance(Span::minutes(30));
    assert_eq!(end(&mut world), 1);
    assert!(!there(&world));
    let record = world.audit("second-factor.access-pass.over").unwrap();
    assert_eq!(record.target, Some(bob));
    assert_eq!(end(&mut world), 0, "once");
}

#[test]
fn a_pass_of_somebody_else_or_of_yesterday_opens_nothing() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", false);
    let target = of_notes(&world, &[]);
    let tries = |world: &mut World, sam: &str, typed: &str| {
        let mut browser = Browser::default();
        browser.get(world, &target);
        browser.password(world, sam, typed);
        browser.not_now(world);
        browser.consent(world);
        (browser.page.error.clone(), browser.sent("code").is_some())
    };
    let (other, in_) = tries(&mut world, "alice", &pass);
    assert!(!in_);
    let (nobody, in_) = tries(&mut world, "nobody", &pass);
    assert!(!in_);
    assert_eq!(other, nobody, "neither says who has one");
    assert!(tries(&mut world, "bob", &pass).1);
    world.advance(Span::minutes(2));
    assert!(tries(&mut world, "bob", &pass).1, "several times");
    world.advance(Span::hours(1));
    assert!(!tries(&mut world, "bob", &pass).1);
    disable(&mut world, "bob");
    assert!(!tries(&mut world, "bob", &pass).1);
}
