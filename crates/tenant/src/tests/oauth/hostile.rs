//! What strangers try.

use super::*;

#[test]
fn a_redirect_uri_is_never_taken_from_the_request_alone() {
    let mut world = World::new();
    for uri in [
        "https://evil.example/",
        "https://evil.example/done",
        "https://notes.example",
        "https://notes.example/",
        "https://notes.example/done/",
        "https://notes.example/done/..",
        "https://notes.example/done?next=https://evil.example",
        "https://notes.example/done#x",
        "https://notes.example/done%2f",
        "https://notes.example/Done",
        "https://NOTES.example/done",
        "HTTPS://notes.example/done",
        "http://notes.example/done",
        "https://notes.example:443/done",
        "https://notes.example:8443/done",
        "https://notes.example.evil.example/done",
        "https://notes.example@evil.example/done",
        "https://evil.example\\@notes.example/done",
        "https://notes.example/done\r\nSet-Cookie: a=b",
        "https://notes.example/done\u{0}",
        " https://notes.example/done",
        "//notes.example/done",
        "/done",
        "javascript:alert(1)",
        "data:text/html,x",
        "urn:ietf:wg:oauth:2.0:oob",
        "http://127.0.0.1/done",
        "http://localhost/done",
        BROKER_REDIRECT,
        WIKI_REDIRECT,
    ] {
        for more in [None, Some(("prompt", "none")), Some(("scope", "x"))] {
            let mut changes = vec![("redirect_uri", uri)];
            changes.extend(more);
            let target = of_notes(&world, &changes);
            let mut browser = Browser::default();
            browser.get(&mut world, &target);
            assert_eq!(
                (browser.status, browser.location.as_deref()),
                (400, None),
                "{uri}"
            );
            assert!(!browser.html.contains("evil.example"), "{uri}");
        }
    }
}

#[test]
fn a_form_of_another_site_or_browser_signs_nobody_in() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    let name = world.upn("bob");
    let fields = [("UserName", name.as_str()), ("Password", PASSWORD)];
    let good = browser.filled(&world, "password", &fields);
    // From another site.
    let mut foreign = good.clone();
    foreign.headers.set("Origin", "https://evil.example");
    browser.send(&mut world, foreign);
    assert_eq!((browser.status, browser.location.as_deref()), (400, None));
    // In another browser.
    let mut other = Browser::default();
    other.get(&mut world, &target);
    other.send(&mut world, good.clone());
    assert_eq!((other.status, other.location.as_deref()), (400, None));
    // In one without cookies.
    let mut without = Browser::default();
    without.send(&mut world, good.clone());
    assert_eq!((without.status, without.location.as_deref()), (400, None));
    // With the token of another request.
    let elsewhere = of_notes(&world, &[("state", "another")]);
    let mut moved = good.clone();
    let (path, query) = elsewhere.split_once('?').unwrap();
    (moved.path, moved.query) = (path.into(), query.into());
    browser.send(&mut world, moved);
    assert_eq!((browser.status, browser.location.as_deref()), (400, None));
    browser.send(&mut world, good);
    browser.consent(&mut world);
    assert!(browser.sent("code").is_some());
}

#[test]
fn a_sign_in_of_another_browser_or_tenant_is_not_gone_on_with() {
    let mut world = World::new();
    let target = of_broker(&world, &[("amr_values", "mfa")]);
    let mut browser = Browser::default();
    browser.get(&mut world, &target);
    browser.password(&mut world, "alice", PASSWORD);
    let code = world.totp();
    let good = browser.filled(&world, "totp", &[("VerificationCode", &code)]);
    let mut other = Browser::default();
    other.get(&mut world, &target);
    other.send(&mut world, good.clone());
    assert_eq!((other.status, other.location.as_deref()), (400, None));
    world.at = 1;
    let mut there = good.clone();
    there.path = there
        .path
        .replace(&world.tenants[0].id.to_string(), &world.id());
    there.headers.set("Origin", "https://login.other.example");
    browser.send(&mut world, there);
    assert_eq!((browser.status, browser.location.as_deref()), (400, None));
    world.at = 0;
    browser.send(&mut world, good);
    assert!(browser.sent("code").is_some());
}

#[test]
fn a_code_of_one_tenant_opens_nothing_at_the_other() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    world.at = 1;
    let there = redeem_notes(&mut world, &code, &[]);
    assert_eq!(refusal(&there), (70000, "invalid_grant".into()));
}

#[test]
fn what_is_no_form_or_too_long_is_refused() {
    let mut world = World::new();
    let path = world.path("oauth2/v2.0/token");
    for body in [
        Vec::new(),
        b"{\"grant_type\":\"password\"}".to_vec(),
        vec![0xff; 100],
        b"a=%zz".to_vec(),
        b"grant_type=x&grant_type=y".to_vec(),
        "a&".repeat(1000).into_bytes(),
        vec![b'a'; 70_000],
        format!("grant_type=refresh_token&client_id={NOTES}&refresh_token=1.%00.%00").into_bytes(),
    ] {
        let mut request = Request::post_form(&path, [("a", "b")]);
        request.body = body.clone();
        let answer = world.send(request);
        assert!(
            (400..=413).contains(&answer.status),
            "{} {:?}",
            answer.status,
            body.get(..20)
        );
    }
}

#[test]
fn a_broker_reads_every_refusal_from_a_page_of_its_own() {
    // What comes with another status than 200, or as a redirection, is lost to it.
    let mut world = World::new();
    for (changes, number) in [
        (vec![("client_id", "nobody")], 700_016),
        (vec![("redirect_uri", "https://evil.example/")], 50011),
        (vec![("resource", "urn:nobody")], 500_011),
    ] {
        let target = of_broker(&world, &changes);
        let request = Request::get(&target).with_header("x-ms-DeviceCredential", "x");
        let answer = world.send(request);
        let html = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{changes:?}");
        assert!(
            html.contains(&format!("\"sErrorCode\":\"{number}\"")),
            "{html}"
        );
    }
}

/// RFC 8252 8.1: another program may listen there, and has no verifier.
#[test]
fn the_brokers_use_pkce_where_any_program_may_listen() {
    let mut world = World::new();
    for at in ["http://127.0.0.1:4711/", "http://[::1]:4711/"] {
        let target = of_broker(&world, &[("redirect_uri", at)]);
        let mut browser = Browser::default();
        browser.get(&mut world, &target);
        assert_eq!(browser.sent("error").as_deref(), Some("invalid_request"));
        let with = [
            ("redirect_uri", at),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let target = of_broker(&world, &with);
        let code = Browser::default().sign_in(&mut world, "bob", &target);
        let stolen = redeem_broker(&mut world, &code, &[("redirect_uri", at)]);
        assert_eq!(refusal(&stolen).1, "invalid_grant");
        let code = Browser::default().sign_in(&mut world, "bob", &target);
        let own = [("redirect_uri", at), ("code_verifier", VERIFIER)];
        text(&redeem_broker(&mut world, &code, &own), "access_token");
    }
}

/// However a path is written (RFC 3986 6.2.2), it means one endpoint: the version that was routed to is the one that answers.
#[test]
fn a_path_that_is_written_otherwise_means_the_same() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    for spelled in ["v2%2E0", "V2.0", "%762.0", "v%32%2e%30"] {
        let code = Browser::default().sign_in(&mut world, "bob", &target);
        let path = world.path(&format!("oauth2/{spelled}/token"));
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", NOTES),
            ("code", &code),
            ("redirect_uri", NOTES_REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let answer = world.send(Request::post_form(&path, fields));
        let token = claims(&text(&answer, "id_token"));
        assert_eq!(token["ver"], "2.0", "{spelled}");
        let issuer = token["iss"].as_str().unwrap();
        assert!(issuer.ends_with("/v2.0"), "{issuer}");
    }
    // What is not a way to write it is another path.
    for spelled in ["v2%252E0", "v2.0%2F", "v2..0", "v2%2E0%00"] {
        let path = world.path(&format!("oauth2/{spelled}/token"));
        let answer = world.send(Request::post_form(&path, [("grant_type", "x")]));
        assert_eq!(answer.status, 404, "{spelled}");
    }
}
