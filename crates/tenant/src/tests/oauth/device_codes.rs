//! Device codes.

use trust::Span;

use super::*;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn world() -> World {
    let mut world = World::new();
    world.set(|settings| settings.device_code_clients = vec![BROKER_CLIENT.parse().unwrap()]);
    world
}

/// A device asks for its code.
fn begin(world: &mut World, changes: &[(&str, &str)]) -> Response {
    let good = [
        ("client_id", BROKER_CLIENT),
        (
            "scope",
            "openid profile offline_access c44b4083-3bb0-49c1-b47d-974e53cbdf3c/.default",
        ),
    ];
    let path = world.path("oauth2/v2.0/devicecode");
    world.send(Request::post_form(&path, changed(&good, changes)))
}

fn poll(world: &mut World, code: &str) -> Response {
    let fields = [
        ("grant_type", DEVICE_CODE),
        ("client_id", BROKER_CLIENT),
        ("device_code", code),
    ];
    token_v2(world, &fields)
}

/// Somebody signs in on the page and types the code.
fn type_code(world: &mut World, browser: &mut Browser, sam: &str, code: &str) {
    browser.get(world, "/common/oauth2/deviceauth");
    if browser.location.is_some() {
        browser.follow(world);
        browser.password(world, sam, PASSWORD);
        browser.follow(world);
    }
    browser.fill(world, "user-code", &[("otc", code)]);
    if browser.location.is_some() {
        // What the device asks for wants a second factor.
        browser.follow(world);
        browser.totp(world);
        browser.follow(world);
        browser.fill(world, "user-code", &[("otc", code)]);
    }
}

#[test]
fn a_device_code_is_pending_then_given_once_and_ends_after_fifteen_minutes() {
    let mut world = world();
    let begun = begin(&mut world, &[]);
    let body = json(&begun);
    assert_eq!(
        (&body["expires_in"], &body["interval"]),
        (&900.into(), &5.into())
    );
    assert_eq!(
        body["verification_uri"],
        "https://login.corp.example/common/oauth2/deviceauth"
    );
    assert!(body.get("verification_uri_complete").is_none());
    let (code, shown) = (text(&begun, "device_code"), text(&begun, "user_code"));
    assert!(text(&begun, "message").contains(&shown));
    assert_eq!(
        refusal(&poll(&mut world, &code)),
        (70016, "authorization_pending".into())
    );
    assert!(world.refused.is_empty(), "who waits is not refused");
    let mut browser = Browser::default();
    type_code(&mut world, &mut browser, "alice", &shown.to_lowercase());
    assert_eq!(
        refusal(&poll(&mut world, &code)).0,
        70016,
        "typed, and not approved"
    );
    browser.fill(&mut world, "approval", &[("Decision", "approve")]);
    assert!(browser.page.done.as_deref().unwrap().contains("signed in"));
    let answer = poll(&mut world, &code);
    assert_eq!(answer.status, 200);
    assert!(text(&answer, "refresh_token").starts_with("1."));
    assert_eq!(
        claims(&text(&answer, "id_token"))["preferred_username"],
        "alice@corp.example"
    );
    assert!(amr(&text(&answer, "access_token")).contains(&"mfa".to_owned()));
    assert_eq!(refusal(&poll(&mut world, &code)).0, 70018, "once");

    let begun = begin(&mut world, &[]);
    let code = text(&begun, "device_code");
    world.advance(Span::minutes(15));
    let over = poll(&mut world, &code);
    assert_eq!(refusal(&over), (70020, "expired_token".into()));
    let mut browser = Browser::default();
    type_code(&mut world, &mut browser, "bob", &text(&begun, "user_code"));
    assert!(browser.page.error.is_some());
    assert_eq!(refusal(&poll(&mut world, "1.nonsense")).0, 70018);
}

#[test]
fn a_device_code_is_denied() {
    let mut world = world();
    let begun = begin(&mut world, &[]);
    let mut browser = Browser::default();
    type_code(
        &mut world,
        &mut browser,
        "alice",
        &text(&begun, "user_code"),
    );
    browser.fill(&mut world, "approval", &[("Decision", "deny")]);
    let denied = poll(&mut world, &text(&begun, "device_code"));
    assert_eq!(
        (denied.status, refusal(&denied).1),
        (400, "access_denied".into())
    );
    assert!(world.audit("device-code.deny").is_some());
}

#[test]
fn the_first_version_says_it_in_its_own_words() {
    let mut world = world();
    let path = world.path("oauth2/devicecode?api-version=1.0");
    let fields = [("client_id", BROKER_CLIENT), ("resource", GRAPH)];
    let begun = world.send(Request::post_form(&path, fields));
    let body = json(&begun);
    assert_eq!(
        (&body["expires_in"], &body["interval"]),
        (&"900".into(), &"5".into())
    );
    assert!(body["verification_url"].is_string());
    let fields = [
        ("grant_type", "device_code"),
        ("client_id", BROKER_CLIENT),
        ("code", body["device_code"].as_str().unwrap()),
    ];
    assert_eq!(refusal(&world.token(&fields)).0, 70016);
}

#[test]
fn a_device_code_is_refused_for_a_client_that_is_not_named() {
    let mut world = World::new();
    let refused = begin(&mut world, &[]);
    assert_eq!(refusal(&refused), (700_016, "unauthorized_client".into()));
    let mut world = self::world();
    let other = begin(&mut world, &[("client_id", NOTES), ("scope", "openid")]);
    assert_eq!(refusal(&other).0, 700_016);
    let fields = [
        ("grant_type", DEVICE_CODE),
        ("client_id", NOTES),
        ("device_code", "1.x"),
    ];
    assert_eq!(
        refusal(&token_v2(&mut world, &fields)).1,
        "unauthorized_client"
    );
}

#[test]
fn a_device_code_never_gives_ngcmfa() {
    let mut world = world();
    let begun = begin(&mut world, &[("amr_values", "ngcmfa")]);
    let mut browser = Browser::default();
    type_code(
        &mut world,
        &mut browser,
        "alice",
        &text(&begun, "user_code"),
    );
    browser.fill(&mut world, "approval", &[("Decision", "approve")]);
    let answer = poll(&mut world, &text(&begun, "device_code"));
    let access = text(&answer, "access_token");
    assert!(!amr(&access).contains(&"ngcmfa".to_owned()));
    let instant =
        "http://schemas.microsoft.com/ws/2017/04/identity/claims/multifactorauthenticationinstant";
    assert!(claims(&access).get(instant).is_none());
    let refresh_token = text(&answer, "refresh_token");
    let later = refresh(&mut world, &refresh_token, &[("resource", DRS)]);
    assert!(claims(&text(&later, "access_token")).get(instant).is_none());
}

#[test]
fn guessing_user_codes_is_limited_by_address_and_by_code() {
    let mut world = world();
    let mut browser = Browser::default();
    let begun = begin(&mut world, &[]);
    let right = text(&begun, "user_code");
    type_code(&mut world, &mut browser, "bob", "BBBB-BBBBB");
    for number in 0..9 {
        let guess = format!("BBBB-BBBB{}", "CDFGHJKLM".chars().nth(number).unwrap());
        browser.fill(&mut world, "user-code", &[("otc", &guess)]);
        assert!(browser.page.error.as_deref().unwrap().contains("not known"));
    }
    browser.fill(&mut world, "user-code", &[("otc", &right)]);
    assert!(browser.page.error.as_deref().unwrap().contains("Too many"));
    assert!(browser.page.form("approval").is_none());
    // Nor is one code tried from everywhere.
    let mut world = self::world();
    for number in 0..12 {
        let address: &'static str = Box::leak(format!("198.51.{number}.1").into_boxed_str());
        let mut browser = Browser {
            address: Some(address),
            ..Browser::default()
        };
        type_code(&mut world, &mut browser, "bob", "BBBB-BBBBB");
        let error = browser.page.error.clone().unwrap();
        assert_eq!(
            error.contains("Too many"),
            number >= 10,
            "{number}: {error}"
        );
    }
}

#[test]
fn the_device_code_page_says_who_asks_from_where_and_when() {
    let mut world = world();
    let begun = begin(&mut world, &[]);
    world.advance(Span::minutes(2));
    let mut browser = Browser {
        address: Some("198.51.100.9"),
        ..Browser::default()
    };
    type_code(
        &mut world,
        &mut browser,
        "alice",
        &text(&begun, "user_code"),
    );
    for said in [
        "authentication broker",
        "portal",
        "192.0.2.0/24",
        "2 minutes ago",
        "alice@corp.example",
        "id=\"warning\"",
    ] {
        assert!(browser.html.contains(said), "{said}: {}", browser.html);
    }
    browser.fill(&mut world, "approval", &[("Decision", "approve")]);
    let record = world.audit("device-code.approve").unwrap();
    assert!(format!("{record:?}").contains("other-network"));
}

#[test]
fn nobody_approves_by_an_address_or_by_a_form_of_another_place() {
    let mut world = world();
    let begun = begin(&mut world, &[]);
    let shown = text(&begun, "user_code");
    let mut browser = Browser::default();
    type_code(&mut world, &mut browser, "alice", &shown);
    let approval = browser.filled(&world, "approval", &[("Decision", "approve")]);
    // The token of the form that takes a code approves nothing, nor does that of another code.
    browser.get(
        &mut world,
        &format!("/common/oauth2/deviceauth?otc={shown}&Decision=approve"),
    );
    let forged = browser.filled(
        &world,
        "user-code",
        &[("otc", shown.as_str()), ("Decision", "approve")],
    );
    assert_eq!(browser.send(&mut world, forged).status, 400);
    assert_eq!(
        refusal(&poll(&mut world, &text(&begun, "device_code"))).0,
        70016
    );
    // Nor the right form from another site.
    let mut foreign = approval.clone();
    foreign.headers.set("Origin", "https://evil.example");
    assert_eq!(browser.send(&mut world, foreign).status, 400);
    assert_eq!(browser.send(&mut world, approval).status, 200);
}

#[test]
fn a_device_that_polls_without_end_is_turned_away() {
    let mut world = world();
    let begun = begin(&mut world, &[]);
    let code = text(&begun, "device_code");
    let mut last = 0;
    for _ in 0..70 {
        last = poll(&mut world, &code).status;
    }
    assert_eq!(last, 429);
}

#[test]
fn a_session_of_the_morning_approves_nothing() {
    let mut world = world();
    let mut browser = Browser::default();
    let target = of_broker(&world, &[("amr_values", "mfa")]);
    browser.sign_in(&mut world, "alice", &target);
    browser.get(&mut world, "/common/oauth2/deviceauth");
    assert!(browser.page.form("user-code").is_some(), "just signed in");
    let begun = begin(&mut world, &[]);
    let shown = text(&begun, "user_code");
    browser.fill(&mut world, "user-code", &[("otc", &shown)]);
    let approval = browser.filled(&world, "approval", &[("Decision", "approve")]);
    world.advance(Span::minutes(15) + Span::seconds(1));
    let begun = begin(&mut world, &[]);
    browser.send(&mut world, approval);
    assert!(browser.location.is_some(), "to sign in");
    browser.get(&mut world, "/common/oauth2/deviceauth");
    browser.follow(&mut world);
    assert!(browser.page.form("password").is_some());
    browser.password(&mut world, "alice", PASSWORD);
    browser.follow(&mut world);
    browser.fill(
        &mut world,
        "user-code",
        &[("otc", &text(&begun, "user_code"))],
    );
    assert!(browser.location.is_some() || browser.page.form("approval").is_some());
}

#[test]
fn the_code_by_which_the_page_signs_people_in_is_redeemed_by_nobody() {
    let mut world = World::new();
    let login = world.tenant().deployment.login.url();
    let place = format!("{login}/common/oauth2/deviceauth");
    let page = crate::catalogue::DEVICE_PAGE_CLIENT;
    let changes = [
        ("client_id", page),
        ("redirect_uri", place.as_str()),
        ("scope", "openid"),
        ("resource", token::authorize::USERINFO),
    ];
    let target = of_broker(&world, &changes);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    for secret in ["", "x"] {
        let changes = [
            ("client_id", page),
            ("redirect_uri", place.as_str()),
            ("client_secret", secret),
        ];
        assert_eq!(redeem_broker(&mut world, &code, &changes).status, 401);
    }
}

/// RFC 8628 5.1: the more codes are open, the more easily one is met by chance; and each is kept.
#[test]
fn codes_are_bounded_for_an_address_and_for_the_tenant() {
    use trust::limiter::Counted;

    let mut world = world();
    let from = |world: &mut World, address: &str| {
        let path = world.path("oauth2/v2.0/devicecode");
        let fields = [("client_id", BROKER_CLIENT), ("scope", "openid")];
        let mut request = Request::post_form(&path, fields);
        request.peer = Some(address.parse().unwrap());
        world.send(request)
    };
    for _ in 0..100 {
        assert_eq!(from(&mut world, "192.0.2.7").status, 200);
    }
    let refused = from(&mut world, "192.0.2.7");
    assert_eq!(
        (refused.status, refusal(&refused)),
        (429, (90_055, "temporarily_unavailable".into()))
    );
    assert!(refused.headers.get("Retry-After").is_some());
    assert_eq!(from(&mut world, "192.0.2.8").status, 200);
    world.advance(Span::seconds(10));
    assert_eq!(from(&mut world, "192.0.2.7").status, 200);
    assert_eq!(from(&mut world, "192.0.2.7").status, 429);
    // All addresses together.
    let of_tenant = crate::grants::device_code::OF_TENANT;
    let memory = &world.tenants[0].memory;
    for _ in 0..of_tenant.burst {
        let all = Counted::Named("device-codes", b"all");
        memory.limiter.count(all, of_tenant, world.now);
    }
    assert_eq!(from(&mut world, "192.0.2.9").status, 429);
    // A client that may not ask takes no room.
    world.advance(Span::hours(1));
    let path = world.path("oauth2/v2.0/devicecode");
    for _ in 0..101 {
        let mut request = Request::post_form(&path, [("client_id", NOTES)]);
        request.peer = Some("192.0.2.7".parse().unwrap());
        assert_eq!(world.send(request).status, 400);
    }
    assert_eq!(from(&mut world, "192.0.2.7").status, 200);
}
