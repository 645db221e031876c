//! Authorization requests: who is told what, and where.

use wire::http::Request;

use super::world::*;

#[test]
fn nobody_is_sent_anywhere_by_a_request_whose_client_or_address_is_not_known() {
    let mut world = World::new();
    let mut browser = Browser::default();
    for changes in [
        [("redirect_uri", "https://evil.example/")],
        [("redirect_uri", "http://127.0.0.1@evil.example/keyporch")],
        [("redirect_uri", "http://127.0.0.1:80/elsewhere")],
        [("redirect_uri", "")],
        [("client_id", "unknown")],
        [("client_id", "")],
    ] {
        let response = browser.open(&mut world, &changes);
        assert_eq!(
            (response.status, &browser.location),
            (400, &None),
            "{changes:?}"
        );
        assert!(browser.page.trace.is_some());
    }
}

#[test]
fn what_else_is_wrong_is_told_to_the_client() {
    let mut world = World::new();
    let mut browser = Browser::default();
    for (changes, error) in [
        ([("response_type", "token")], "unsupported_response_type"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("code_challenge_method", "")], "invalid_request"),
        ([("code_challenge", "")], "invalid_request"),
        ([("resource", "urn:nobody")], "invalid_resource"),
        (
            [("resource", token::client::ADMINISTRATION)],
            "unauthorized_client",
        ),
        ([("request", "eyJ")], "request_not_supported"),
    ] {
        browser.open(&mut world, &changes);
        assert_eq!(browser.sent("error").as_deref(), Some(error), "{changes:?}");
        assert_eq!(browser.sent("state").as_deref(), Some("s7"));
        assert!(browser.location.as_ref().unwrap().starts_with(REDIRECT));
    }
}

#[test]
fn a_port_of_the_own_machine_is_free_to_choose() {
    let mut world = World::new();
    world.person_with_totp("alice");
    for uri in [
        "http://127.0.0.1:4711/keyporch",
        "http://[::1]:4711/",
        "http://127.0.0.1",
    ] {
        let mut browser = Browser::default();
        world.advance(trust::Span::minutes(1));
        browser.sign_in(&mut world, &[("redirect_uri", uri)]);
        assert!(
            browser
                .location
                .as_ref()
                .unwrap()
                .starts_with(&format!("{uri}?code="))
        );
    }
}

#[test]
fn the_page_leads_nowhere_but_to_the_client() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let response = browser.open(
        &mut world,
        &[("redirect_uri", "http://127.0.0.1:4711/keyporch")],
    );
    let policy = response
        .headers
        .get_only("Content-Security-Policy")
        .unwrap();
    assert!(
        policy.contains("form-action 'self' http://127.0.0.1:4711;"),
        "{policy}"
    );
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(response.headers.get("X-Frame-Options"), Some("DENY"));
    assert_eq!(response.headers.get("Cache-Control"), Some("no-store"));
}

#[test]
fn an_answer_may_come_as_a_form() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    browser.open(&mut world, &[("response_mode", "form_post")]);
    browser.password(&mut world, "alice", PASSWORD);
    let totp = world.totp();
    let response = browser.code(&mut world, &totp);
    let form = browser.page.form("answer").unwrap();
    assert_eq!(form.action, REDIRECT);
    let names: Vec<&str> = form.hidden.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "iss", "state"]);
    let policy = response
        .headers
        .get_only("Content-Security-Policy")
        .unwrap();
    assert!(policy.contains("form-action 'self' http://127.0.0.1;"));
}

#[test]
fn a_request_may_come_in_a_form_too() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let (_, query) = authorize(&[])
        .split_once('?')
        .map(|(path, query)| (path.to_owned(), query.to_owned()))
        .unwrap();
    let mut request = Request::post_form("/adfs/oauth2/authorize", [("x", "y")]);
    request.body = query.into_bytes();
    assert_eq!(browser.send(&mut world, request).status, 200);
    assert!(browser.page.form("password").is_some());
}

#[test]
fn paths_match_in_any_case_and_methods_do_not() {
    let mut world = World::new();
    let mut browser = Browser::default();
    assert_eq!(
        browser
            .get(
                &mut world,
                &authorize(&[]).replace("/adfs/oauth2/authorize", "/ADFS/OAuth2/Authorize")
            )
            .status,
        200
    );
    assert_eq!(browser.get(&mut world, "/adfs/nowhere").status, 404);
    let response = browser.get(&mut world, "/adfs/oauth2/token");
    assert_eq!(
        (response.status, response.headers.get("Allow")),
        (405, Some("POST"))
    );
}

#[test]
fn nothing_but_the_probe_is_answered_without_tls() {
    let mut world = World::new();
    let mut insecure = |request: Request| world.ask(&request);
    for target in [
        "/adfs/oauth2/authorize",
        "/adfs/.well-known/openid-configuration",
        "/adfs/discovery/keys",
        "/EnrollmentServer/contract?api-version=1.2",
    ] {
        assert_eq!(insecure(Request::get(target)).status, 403, "{target}");
    }
    for target in [
        "/adfs/oauth2/token",
        "/EnrollmentServer/key?api-version=1.0",
        "/EnrollmentServer/device?api-version=1.0",
    ] {
        assert_eq!(
            insecure(Request::post_form(target, [("a", "b")])).status,
            403,
            "{target}"
        );
    }
    assert_eq!(insecure(Request::get("/adfs/probe")).status, 200);
}

#[test]
fn an_oversize_body_is_refused() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let mut request = Request::post_form("/adfs/oauth2/token", [("a", "b")]);
    request.body = vec![b'a'; 64 * 1024 + 1];
    assert_eq!(browser.send(&mut world, request.clone()).status, 413);
    request.body = "a=b&".repeat(300).into_bytes();
    assert_eq!(browser.send(&mut world, request.clone()).status, 400);
    request.body = vec![0xff; 100];
    assert_eq!(browser.send(&mut world, request).status, 400);
}
