//! The pages in a browser, form by form: whose they are, what they use up, and where they lead.

use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::Span;

use super::sessions::access_pass;
use super::*;

const MFA: (&str, &str) = ("amr_values", "mfa");

/// A browser that asks alice for her second factor.
fn at_second_factor(world: &mut World) -> Browser {
    let target = of_broker(world, &[MFA]);
    let mut browser = Browser::default();
    browser.get(world, &target);
    browser.password(world, "alice", PASSWORD);
    browser
}

#[test]
fn wrong_codes_are_counted_on_the_pages_and_a_right_one_is_used_up() {
    let mut world = World::new();
    let mut first = at_second_factor(&mut world);
    let mut second = at_second_factor(&mut world);
    first.totp(&mut world);
    assert!(first.sent("code").is_some());
    second.totp(&mut world);
    assert_eq!(second.sent("code"), None);
    assert!(
        second
            .page
            .error
            .as_deref()
            .unwrap()
            .contains("used already")
    );
    // That was the first that was wrong. The sixth is not looked at.
    for _ in 0..4 {
        second.fill(&mut world, "totp", &[("VerificationCode", "000000")]);
        assert!(second.page.error.as_deref().unwrap().contains("not right"));
    }
    world.advance(Span::seconds(31));
    second.totp(&mut world);
    assert!(second.page.error.as_deref().unwrap().contains("Too many"));
    world.advance(Span::seconds(60));
    second.totp(&mut world);
    assert!(second.sent("code").is_some());
}

#[test]
fn an_authenticators_code_is_no_way_to_replace_the_authenticator() {
    let mut world = World::new();
    let mut browser = at_second_factor(&mut world);
    let code = world.totp();
    let lost = [
        ("VerificationCode", code.as_str()),
        ("LostAuthenticator", "on"),
    ];
    browser.fill(&mut world, "totp", &lost);
    assert!(browser.sent("code").is_some() && browser.page.form("enrolment").is_none());
}

#[test]
fn a_session_does_not_set_up_a_second_factor_without_the_password() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let target = of_broker(&world, &[]);
    browser.sign_in(&mut world, "bob", &target);
    world.advance(Span::minutes(1));
    let demanded = of_broker(&world, &[("resource", PORTAL)]);
    browser.get(&mut world, &demanded);
    assert!(browser.page.form("enrolment").is_none());
    browser.password(&mut world, "bob", PASSWORD);
    assert!(browser.page.form("enrolment").is_some());
}

#[test]
fn a_sign_in_that_is_complete_is_over() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", false);
    let target = of_broker(&world, &[]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", &pass);
    let not_now = browser.filled(&world, "not-now", &[]);
    browser.send(&mut world, not_now.clone());
    assert!(browser.sent("code").is_some());
    browser.send(&mut world, not_now);
    assert_eq!((browser.status, browser.sent("code")), (400, None));
}

#[test]
fn a_pass_that_works_several_times_works_once_at_a_moment() {
    let mut world = World::new();
    let pass = access_pass(&mut world, "bob", false);
    let target = of_broker(&world, &[]);
    let mut tries = || {
        let mut browser = Browser::default();
        browser.get(&mut world, &target);
        browser.password(&mut world, "bob", &pass);
        browser.page.form("not-now").is_some()
    };
    assert!(tries());
    assert!(!tries());
}

#[test]
fn names_and_passwords_that_are_too_long_are_not_looked_at() {
    let mut world = World::new();
    let target = of_broker(&world, &[]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    let (name, password) = ("b".repeat(257), "p".repeat(1025));
    for (name, password) in [
        (name.as_str(), PASSWORD),
        ("bob@corp.example", password.as_str()),
        ("", PASSWORD),
        ("bob@corp.example", ""),
    ] {
        world.refused.clear();
        let fields = [("UserName", name), ("Password", password)];
        browser.fill(&mut world, "password", &fields);
        let said = browser.page.error.as_deref().unwrap();
        assert!(said.starts_with("Enter your user name"), "{said}");
        assert!(world.refused.is_empty());
    }
}

#[test]
fn a_form_comes_from_this_very_origin() {
    let mut world = World::new();
    let target = of_broker(&world, &[]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    let fields = [("UserName", "bob@corp.example"), ("Password", PASSWORD)];
    let form = browser.filled(&world, "password", &fields);
    for (origin, good) in [
        ("https://login.corp.example.evil.example", false),
        ("https://login.corp.example:8443", false),
        ("http://login.corp.example", false),
        ("null", false),
        ("HTTPS://LOGIN.corp.example", true),
    ] {
        let mut sent = form.clone();
        sent.headers.set("Origin", origin);
        browser.send(&mut world, sent);
        assert_eq!(browser.sent("code").is_some(), good, "{origin}");
    }
}

#[test]
fn a_page_leads_where_its_application_is_and_nowhere_else() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let mut browser = Browser::default();
    let leads = |answer: &Response| {
        let policy = answer.headers.get_only("Content-Security-Policy").unwrap();
        policy.contains(" form-action 'self' https://notes.example;")
    };
    let first = browser.get(&mut world, &target);
    assert!(leads(&first));
    for (name, value) in [
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
    ] {
        assert_eq!(first.headers.get(name), Some(value));
    }
    let wrong = browser.password(&mut world, "bob", "wrong");
    assert!(leads(&wrong));
    // Whoever is led there is not told by which address of ours.
    let broker = of_broker(&world, &[]);
    let mut browser = Browser::default();
    browser.get(&mut world, &broker);
    let code = browser.password(&mut world, "bob", PASSWORD);
    assert_eq!(code.status, 302);
    assert_eq!(code.headers.get("Referrer-Policy"), Some("same-origin"));
}

#[test]
fn a_right_password_forgives_the_wrong_ones_before_it() {
    let mut world = World::new();
    let threshold = world
        .read(|snapshot| snapshot.lockout_policy().unwrap())
        .threshold;
    let target = of_broker(&world, &[]);
    for _ in 0..2 {
        for _ in 1..threshold {
            let mut browser = Browser::default();
            browser.get(&mut world, &target);
            browser.password(&mut world, "bob", "wrong");
        }
        let mut browser = Browser::default();
        browser.get(&mut world, &target);
        browser.password(&mut world, "bob", PASSWORD);
        assert!(browser.sent("code").is_some());
    }
}

/// A computer has a password, too, and is nobody.
#[test]
fn what_is_no_person_signs_in_nowhere() {
    use directory::password::{PasswordHistory, PasswordMaterial};
    let mut world = World::new();
    let parent = world.tenant().directory.domain().unwrap().users;
    let id = directory::EntryId::random(&mut world.rng);
    let history = PasswordHistory::empty();
    let cost = crypto::password::Cost::LEAST;
    let material = PasswordMaterial::hash_only(PASSWORD, &history, 0, cost, &mut world.rng);
    let entry = directory::NewEntry::computer(id, parent, "PC-1").with_password(material, false);
    world.commit([entry.into()]);
    let target = of_broker(&world, &[]);
    for name in ["PC-1$", "PC-1"] {
        let mut browser = Browser::default();
        browser.get(&mut world, &target);
        let fields = [("UserName", name), ("Password", PASSWORD)];
        browser.fill(&mut world, "password", &fields);
        assert_eq!(browser.sent("code"), None);
        assert!(
            world
                .refused
                .last()
                .unwrap()
                .contains("there is no such person")
        );
    }
    // Nor does a pass make one of it.
    let pass = access_pass(&mut world, "PC-1$", false);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    let fields = [("UserName", "PC-1$"), ("Password", pass.as_str())];
    browser.fill(&mut world, "password", &fields);
    assert!(browser.page.error.is_some() && browser.sent("code").is_none());
}

/// Signs somebody in at the wiki; the id_token.
fn to_wiki(world: &mut World, browser: &mut Browser, sam: &str) -> String {
    let changes = [("client_id", WIKI), ("redirect_uri", WIKI_REDIRECT)];
    let target = of_notes(world, &changes);
    let code = browser.sign_in(world, sam, &target);
    let own = [
        ("client_id", WIKI),
        ("redirect_uri", WIKI_REDIRECT),
        ("client_secret", SECRET),
    ];
    text(&redeem_notes(world, &code, &own), "id_token")
}

#[test]
fn nobody_is_signed_out_by_a_page_elsewhere() {
    let mut world = World::new();
    let of_alice = to_wiki(&mut world, &mut Browser::default(), "alice");
    let mut browser = Browser::default();
    let of_bob = to_wiki(&mut world, &mut browser, "bob");
    let logout = |world: &World, query: &[(&str, &str)]| {
        let query = write_query(query.iter().copied());
        world.path(&format!("oauth2/v2.0/logout?{query}"))
    };
    // The id_token of somebody else is none of this session's.
    let path = logout(&world, &[("id_token_hint", &of_alice)]);
    browser.get(&mut world, &path);
    assert!(browser.page.form("sign-out").is_some());
    let form = browser.filled(&world, "sign-out", &[]);
    // Nor is one for another application, nor what is said twice.
    for (query, status) in [
        (
            vec![("id_token_hint", of_bob.as_str()), ("client_id", NOTES)],
            400,
        ),
        (
            vec![("id_token_hint", of_bob.as_str()), ("id_token_hint", "x")],
            400,
        ),
        (
            vec![
                ("id_token_hint", of_bob.as_str()),
                ("post_logout_redirect_uri", "https://wiki.example/bye"),
                ("post_logout_redirect_uri", "https://wiki.example/bye"),
            ],
            400,
        ),
    ] {
        let path = logout(&world, &query);
        assert_eq!(browser.get(&mut world, &path).status, status, "{query:?}");
    }
    // Nor a form that was shown elsewhere, or for something else.
    let mut foreign = form.clone();
    foreign.headers.set("Origin", "https://evil.example");
    assert_eq!(browser.send(&mut world, foreign).status, 400);
    let mut forged = form.clone();
    forged.body = b"FormToken=x".to_vec();
    assert_eq!(browser.send(&mut world, forged).status, 400);
    let target = of_broker(&world, &[]);
    browser.get(&mut world, &target);
    assert!(browser.sent("code").is_some(), "still signed in");
    browser.send(&mut world, form);
    browser.get(&mut world, &target);
    assert!(browser.page.form("password").is_some());
}

#[test]
fn the_code_page_decides_by_its_buttons_and_what_was_not_approved_was_denied() {
    let mut world = World::new();
    world.set(|settings| settings.device_code_clients = vec![BROKER_CLIENT.parse().unwrap()]);
    let begin = |world: &mut World| {
        let path = world.path("oauth2/v2.0/devicecode");
        let fields = [("client_id", BROKER_CLIENT), ("scope", "openid")];
        world.send(Request::post_form(&path, fields))
    };
    let poll = |world: &mut World, code: &str| {
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", BROKER_CLIENT),
            ("device_code", code),
        ];
        token_v2(world, &fields)
    };
    let (begun, other) = (begin(&mut world), begin(&mut world));
    let mut browser = Browser::default();
    browser.get(&mut world, "/common/oauth2/deviceauth");
    browser.follow(&mut world);
    browser.password(&mut world, "bob", PASSWORD);
    browser.follow(&mut world);
    let typed = text(&begun, "user_code");
    browser.fill(&mut world, "user-code", &[("otc", &typed)]);
    browser.fill(&mut world, "approval", &[("Decision", "perhaps")]);
    let code = text(&begun, "device_code");
    assert_eq!(refusal(&poll(&mut world, &code)).1, "access_denied");
    assert!(world.audit("device-code.deny").is_some());
    assert!(world.audit("device-code.approve").is_none());
    // One device that asks without end is none of another's business.
    for _ in 0..70 {
        poll(&mut world, &code);
    }
    assert_eq!(poll(&mut world, &code).status, 429);
    let code = text(&other, "device_code");
    assert_eq!(refusal(&poll(&mut world, &code)).1, "authorization_pending");
    let bare = code.strip_prefix("1.").unwrap();
    assert_eq!(refusal(&poll(&mut world, bare)).0, 70018);
}

#[test]
fn who_signs_in_is_told_with_what_and_for_which_application() {
    let mut world = World::new();
    let mut browser = at_second_factor(&mut world);
    browser.totp(&mut world);
    let told = world.audit("token.authorize").unwrap();
    assert_eq!(told.target, Some(world.account("alice").id));
    assert_eq!(told.from.as_deref(), Some("192.0.2.7"));
    assert_eq!(told.details["client"], BROKER_CLIENT);
    assert!(told.details["amr"].starts_with("pwd otp mfa"), "{told:?}");
    // And a wrong code, of whom it was.
    let secret = TotpSecret::parse(TOTP).unwrap();
    let factors = SecondFactors::with_totp(&secret);
    let bob = world.account("bob").id;
    world.set_second_factors(bob, &factors);
    let target = of_broker(&world, &[MFA]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "bob", PASSWORD);
    browser.fill(&mut world, "totp", &[("VerificationCode", "000000")]);
    let refused = world.last_refusal.as_ref().unwrap();
    assert_eq!(
        (refused.action.as_str(), refused.target),
        ("sign-in.second-factor", Some(bob))
    );
}
