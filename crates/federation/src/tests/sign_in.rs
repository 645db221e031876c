//! Name and password: security.md rows 14 and 16.

use directory::{AccountControl, Attribute, change};
use trust::Span;
use wire::http::Request;

use super::world::*;
use signin::Limits;
use trust::limiter::Limit;

#[test]
fn a_person_signs_in_with_both_factors_and_is_sent_back_with_a_code() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    assert_eq!(browser.open(&mut world, &[]).status, 200);
    assert_eq!(
        browser.page.form("password").unwrap().fields,
        ["UserName", "Password"]
    );
    assert_eq!(
        browser
            .password(&mut world, "alice@corp.example", PASSWORD)
            .status,
        200
    );
    let totp = world.totp();
    assert_eq!(browser.code(&mut world, &totp).status, 302);
    assert!(
        browser
            .location
            .as_ref()
            .unwrap()
            .starts_with("http://127.0.0.1/keyporch?code=")
    );
    assert_eq!(browser.sent("state").as_deref(), Some("s7"));
    assert_eq!(browser.sent("iss").as_deref(), Some(ISSUER));
    assert!(browser.cookies.contains_key("__Host-keyporch-session"));
    let record = world.audit("token.authorize").unwrap();
    assert_eq!(
        (record.actor.name.as_str(), record.from.as_deref()),
        ("alice@corp.example", Some("192.0.2.7"))
    );
    assert!(world.refused.is_empty());
}

#[test]
fn a_person_may_type_any_of_their_names() {
    let mut world = World::new();
    world.person_with_totp("alice");
    for name in ["alice", "ALICE@corp.example", "CORP\\alice", " alice "] {
        let mut browser = Browser::default();
        browser.open(&mut world, &[]);
        browser.password(&mut world, name, PASSWORD);
        assert!(browser.page.form("totp").is_some(), "{name}");
    }
}

#[test]
fn an_unknown_name_a_wrong_password_and_a_locked_account_look_the_same() {
    let mut world = World::new();
    world.person("alice");
    let disabled = world.person("bob");
    world.commit([change::disable(disabled, AccountControl::NORMAL_ACCOUNT)]);
    let locked = world.person("carol");
    let now = world.now;
    world.commit([change::lock_out(locked, now)]);
    let expired = world.person("dave");
    world.commit([change::set(expired, Attribute::AccountExpires, now)]);
    let mut pages = Vec::new();
    for (name, password) in [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("bob", "wrong"),
        ("carol", PASSWORD),
        ("dave", "wrong"),
        ("svc-federation$", PASSWORD),
    ] {
        let mut browser = Browser::default();
        browser.open(&mut world, &[]);
        let response = browser.password(&mut world, name, password);
        assert_eq!(response.status, 200);
        let page = String::from_utf8(response.body)
            .unwrap()
            .replace(&format!("value=\"{name}\""), "");
        let token = &browser.page.form("password").unwrap().hidden[0].1;
        pages.push(page.replace(token, "TOKEN"));
        assert!(browser.page.error.is_some());
    }
    assert!(pages.iter().all(|page| *page == pages[0]));
    assert_eq!(
        world.refused,
        [
            "sign-in refused: the password is wrong",
            "sign-in refused: there is no such person",
            "sign-in refused: the password is wrong",
            "sign-in refused: the account is locked out",
            "sign-in refused: the password is wrong",
            "sign-in refused: there is no such person",
        ]
    );
    // Who has the right password learns why it opens nothing, and no more than that.
    for name in ["bob", "dave"] {
        let mut browser = Browser::default();
        browser.open(&mut world, &[]);
        browser.password(&mut world, name, PASSWORD);
        let said = "This account cannot be used at the moment.";
        assert_eq!(browser.page.error.as_deref(), Some(said));
    }
    assert_eq!(
        world.refused[6..],
        [
            "sign-in refused: the account cannot be used: the account is disabled",
            "sign-in refused: the account cannot be used: the account has expired",
        ]
    );
}

#[test]
fn ten_wrong_passwords_lock_the_account_and_the_right_one_is_refused() {
    let mut world = World::new();
    world.person("alice");
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    for _ in 0..10 {
        browser.password(&mut world, "alice", "wrong");
    }
    browser.password(&mut world, "alice", PASSWORD);
    assert_eq!(
        world.refused.last().unwrap(),
        "sign-in refused: the account is locked out"
    );
    world.advance(Span::minutes(15));
    browser.password(&mut world, "alice", PASSWORD);
    assert!(browser.page.form("enrolment").is_some());
}

#[test]
fn a_name_and_an_address_are_slowed_down_whether_or_not_they_exist() {
    let mut world = World::new();
    let limit = Limit {
        burst: 3,
        every: Span::minutes(1),
    };
    world.settings = world.settings.with_limits(Limits {
        failures_of_name: limit,
        ..Limits::default()
    });
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    for _ in 0..4 {
        browser.password(&mut world, "nobody", "guess");
    }
    assert_eq!(
        browser.page.error.as_deref(),
        Some("Too many attempts. Wait a minute, then try again.")
    );
    browser.password(&mut world, "somebody", "guess");
    assert_ne!(
        browser.page.error.as_deref(),
        Some("Too many attempts. Wait a minute, then try again.")
    );

    let limits = Limits {
        failures_from_address: limit,
        ..Limits::default()
    };
    world.settings = world.settings.with_limits(limits);
    for name in ["a", "b", "c", "d"] {
        browser.password(&mut world, name, "guess");
    }
    assert_eq!(
        world.refused.last().unwrap(),
        "sign-in refused: too many failures of this name or from this address"
    );
}

#[test]
fn a_flood_of_requests_is_refused_before_it_costs_anything() {
    let mut world = World::new();
    let limit = Limit {
        burst: 3,
        every: Span::seconds(10),
    };
    world.settings = world.settings.with_limits(Limits {
        requests_from_address: limit,
        ..Limits::default()
    });
    let mut browser = Browser::default();
    for _ in 0..3 {
        assert_eq!(browser.open(&mut world, &[]).status, 200);
    }
    let response = browser.open(&mut world, &[]);
    assert_eq!(
        (response.status, response.headers.get("Retry-After")),
        (429, Some("11"))
    );
    let mut neighbour = Request::get(&authorize(&[]));
    neighbour.peer = Some("192.0.2.8".parse().unwrap());
    assert_eq!(Browser::default().send(&mut world, neighbour).status, 200);
    let network = |world: &mut World, address: &str| {
        let mut request = Request::get(&authorize(&[]));
        request.peer = Some(address.parse().unwrap());
        Browser::default().send(world, request).status
    };
    for _ in 0..3 {
        assert_eq!(network(&mut world, "2001:db8::1"), 200);
    }
    assert_eq!(
        network(&mut world, "2001:db8::ffff:2"),
        429,
        "the same network of 64 bits"
    );
    assert_eq!(network(&mut world, "2001:db8:0:1::1"), 200);
}

#[test]
fn a_form_of_another_browser_or_another_site_is_refused() {
    let mut world = World::new();
    world.person("alice");
    let mut victim = Browser::default();
    victim.open(&mut world, &[]);
    let mut attacker = Browser::default();
    attacker.open(&mut world, &[]);
    let fields = [("UserName", "alice"), ("Password", PASSWORD)];

    // The attacker has the victim's browser post the attacker's own form.
    let forged = attacker.filled("password", &fields);
    assert_eq!(victim.clone().send(&mut world, forged).status, 400);
    // A form without a token of ours.
    let action = victim.page.form("password").unwrap().action.clone();
    let bare = Request::post_form(
        &action,
        [
            ("UserName", "alice"),
            ("Password", PASSWORD),
            ("FormToken", "x"),
        ],
    );
    assert_eq!(victim.clone().send(&mut world, bare).status, 400);
    // Another site's form.
    for origin in ["https://evil.example", "null", "http://sts.corp.example"] {
        let foreign = victim
            .filled("password", &fields)
            .with_header("Origin", origin);
        assert_eq!(
            victim.clone().send(&mut world, foreign).status,
            400,
            "{origin}"
        );
    }
    // A form that was shown for another request.
    let mut other = victim.filled("password", &fields);
    other.query = other.query.replace("s7", "s8");
    assert_eq!(victim.clone().send(&mut world, other).status, 400);
    assert!(
        world
            .refused
            .iter()
            .all(|reason| reason == "the form was not shown in this browser")
    );
    assert_eq!(victim.password(&mut world, "alice", PASSWORD).status, 200);
    assert!(victim.page.form("enrolment").is_some());
}

#[test]
fn a_cookie_that_was_planted_never_becomes_a_session() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let planted = "A".repeat(43);
    browser
        .cookies
        .insert("__Host-keyporch-session".into(), planted.clone());
    browser
        .cookies
        .insert("__Host-keyporch-browser".into(), planted.clone());
    browser.sign_in(&mut world, &[]);
    assert_ne!(browser.cookies["__Host-keyporch-session"], planted);
    let mut attacker = Browser::default();
    attacker
        .cookies
        .insert("__Host-keyporch-session".into(), planted);
    attacker.open(&mut world, &[]);
    assert!(attacker.page.form("password").is_some());
}

#[test]
fn nothing_is_written_for_somebody_who_has_proven_nothing() {
    let mut world = World::new();
    world.person("alice");
    let before = world.directory.cursor().unwrap();
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    browser.password(&mut world, "alice", "wrong");
    browser.password(&mut world, "nobody", "wrong");
    assert_eq!(world.directory.cursor().unwrap(), before);
}

#[test]
fn a_name_or_password_of_absurd_length_is_not_looked_at() {
    let mut world = World::new();
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    browser.password(&mut world, &"a".repeat(257), PASSWORD);
    assert_eq!(
        browser.page.error.as_deref(),
        Some("Enter your user name and your password.")
    );
    browser.password(&mut world, "alice", &"p".repeat(1025));
    assert_eq!(
        browser.page.error.as_deref(),
        Some("Enter your user name and your password.")
    );
}

#[test]
fn the_audit_log_learns_whose_account_was_tried_and_never_what_was_typed() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    browser.password(&mut world, "ALICE", "typed secret");
    let record = world.last_refusal.clone().unwrap();
    assert_eq!(
        (
            record.action.as_str(),
            record.target,
            record.from.as_deref()
        ),
        ("sign-in.password", Some(alice), Some("192.0.2.7"))
    );
    browser.password(&mut world, "typed secret", "typed secret");
    assert_eq!(world.last_refusal.as_ref().unwrap().target, None);
    browser.password(&mut world, "alice", PASSWORD);
    browser.code(&mut world, "000000");
    let record = world.last_refusal.clone().unwrap();
    assert_eq!(
        (record.action.as_str(), record.target),
        ("sign-in.second-factor", Some(alice))
    );
    assert!(
        !serde_json::to_string(&world.last_refusal)
            .unwrap()
            .contains("typed secret")
    );
}
