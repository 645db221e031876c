//! The token endpoint: codes, PKCE, refresh tokens, devices. RFC 9700 4.

use directory::change;
use trust::Span;
use wire::http::{Request, Response};

use super::join::joined;
use super::world::*;

const APP: [(&str, &str); 5] = [
    ("client_id", "app"),
    ("redirect_uri", "https://app.example/done"),
    ("resource", "urn:app"),
    ("scope", "openid profile email offline_access"),
    ("amr_values", ""),
];
const APP_TOKEN: [(&str, &str); 2] = [
    ("client_id", "app"),
    ("redirect_uri", "https://app.example/done"),
];

fn app_code(world: &mut World, browser: &mut Browser) -> String {
    browser.open(world, &APP);
    if browser.page.form("password").is_some() {
        browser.password(world, "alice", PASSWORD);
    }
    browser.sent("code").unwrap()
}

fn refresh(world: &mut World, token: &str, more: &[(&str, &str)]) -> Response {
    let mut pairs = vec![
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", token),
    ];
    pairs.retain(|(name, _)| !more.iter().any(|(changed, _)| changed == name));
    pairs.extend(more);
    Browser::default().send(world, Request::post_form("/adfs/oauth2/token", pairs))
}

fn error(response: &Response) -> String {
    json(response)["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_code_becomes_a_token_that_says_what_was_proven() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    let mut browser = Browser::default();
    let code = browser.sign_in(&mut world, &[("nonce", "n1")]);
    let response = browser.redeem(&mut world, &code, &[]);
    assert_eq!(
        (response.status, response.headers.get("Cache-Control")),
        (200, Some("no-store"))
    );
    let body = json(&response);
    assert_eq!(
        (body["token_type"].as_str(), body["expires_in"].as_i64()),
        (Some("Bearer"), Some(900))
    );
    assert_eq!(body.get("refresh_token"), None);
    let access = claims(body["access_token"].as_str().unwrap());
    assert_eq!(access["iss"], ISSUER);
    assert_eq!(access["aud"], DRS);
    assert_eq!(access["upn"], "alice@corp.example");
    assert_eq!(access["oid"], alice.0.to_string());
    assert_eq!(access["primarysid"], world.account(alice).sid.to_string());
    let amr = [
        "pwd",
        "otp",
        "mfa",
        "http://schemas.microsoft.com/claims/multipleauthn",
        "ngcmfa",
    ];
    assert_eq!(access["amr"], serde_json::json!(amr));
    let instant = &access["http://schemas.microsoft.com/ws/2017/04/identity/claims/multifactorauthenticationinstant"];
    assert_eq!(instant, &world.now.to_rfc3339());
    assert_eq!(access["auth_time"], world.now.unix());
    assert_eq!(access.get("deviceid"), None);
    let id = claims(body["id_token"].as_str().unwrap());
    assert_eq!(
        (&id["nonce"], &id["aud"]),
        (&"n1".into(), &token::client::REGISTRATION_CLIENT.into())
    );
    assert_eq!(
        (id.get("name"), id.get("email")),
        (None, None),
        "no scope asked for them"
    );
    assert_eq!(world.audit("token.issue").unwrap().target, Some(alice));
}

#[test]
fn ngcmfa_is_not_said_where_it_was_not_asked_for() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let token = Browser::default().token(&mut world, &[("amr_values", "")]);
    assert!(
        !claims(&token)["amr"]
            .as_array()
            .unwrap()
            .contains(&"ngcmfa".into())
    );
}

#[test]
fn a_code_works_once_and_its_second_use_ends_what_came_of_the_first() {
    let mut world = World::with_app();
    world.person("alice");
    let mut browser = Browser::default();
    let code = app_code(&mut world, &mut browser);
    let body = json(&browser.redeem(&mut world, &code, &APP_TOKEN));
    let refresh_token = body["refresh_token"].as_str().unwrap();
    let again = browser.redeem(&mut world, &code, &APP_TOKEN);
    assert_eq!(
        (again.status, error(&again)),
        (400, "invalid_grant".to_owned())
    );
    assert_eq!(
        error(&refresh(&mut world, refresh_token, &[])),
        "invalid_grant"
    );
    assert_eq!(
        world.refused,
        [
            "token request refused: the code was used before",
            "token request refused: the refresh token is not known"
        ]
    );
}

#[test]
fn refuses_a_code_with_anything_else_than_it_was_issued_for() {
    let mut world = World::with_app();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    for (changes, expected) in [
        ([("client_id", "app")], "invalid_grant"),
        ([("client_id", "unknown")], "invalid_client"),
        ([("redirect_uri", "http://127.0.0.1/")], "invalid_grant"),
        (
            [("code_verifier", &VERIFIER.replace('d', "e"))],
            "invalid_grant",
        ),
        ([("code_verifier", CHALLENGE)], "invalid_grant"),
        ([("code_verifier", "")], "invalid_request"),
        ([("code", &"A".repeat(43))], "invalid_grant"),
        ([("code", "short")], "invalid_grant"),
        ([("client_secret", "guess")], "invalid_client"),
        ([("grant_type", "password")], "unsupported_grant_type"),
    ] {
        world.advance(Span::minutes(1));
        let mut browser = Browser::default();
        let code = browser.sign_in(&mut world, &[]);
        let response = browser.redeem(&mut world, &code, &changes);
        assert_eq!(error(&response), expected, "{changes:?}");
        if changes[0].0 != "code" {
            assert_eq!(
                browser.redeem(&mut world, &code, &[]).status,
                200,
                "the right request still succeeds"
            );
        }
    }
    world.advance(Span::minutes(1));
    let code = browser.sign_in(&mut world, &[]);
    world.advance(Span::seconds(60));
    assert_eq!(
        error(&browser.redeem(&mut world, &code, &[])),
        "invalid_grant"
    );
    assert_eq!(
        world.refused.last().unwrap(),
        "token request refused: the code has expired"
    );
}

#[test]
fn a_body_that_is_not_percent_encoded_is_understood() {
    // Protocols 0.2.
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let code = browser.sign_in(&mut world, &[]);
    let mut request = Request::new(wire::http::Method::Post, "/adfs/oauth2/token");
    let client = token::client::REGISTRATION_CLIENT.to_uppercase();
    request.body = format!(
        "grant_type=authorization_code&client_id={client}&code={code}&redirect_uri={REDIRECT}&code_verifier={VERIFIER}"
    )
    .into_bytes();
    assert_eq!(browser.send(&mut world, request).status, 200);
}

#[test]
fn a_public_client_may_name_itself_in_the_header() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let code = browser.sign_in(&mut world, &[]);
    let basic = |text: &str| {
        use base64ct::{Base64, Encoding};
        format!("Basic {}", Base64::encode_string(text.as_bytes()))
    };
    let client = token::client::REGISTRATION_CLIENT;
    let wrong = token_request(&code, &[("client_id", "")])
        .with_header("Authorization", &basic(&format!("{client}:x")));
    let response = browser.send(&mut world, wrong);
    assert_eq!(
        (
            response.status,
            response.headers.get("WWW-Authenticate").is_some()
        ),
        (401, true)
    );
    let right = token_request(&code, &[("client_id", "")])
        .with_header("Authorization", &basic(&format!("{client}:")));
    assert_eq!(browser.send(&mut world, right).status, 200);
}

#[test]
fn refresh_tokens_rotate_and_a_reused_one_ends_the_family() {
    let mut world = World::with_app();
    world.person("alice");
    let mut browser = Browser::default();
    let code = app_code(&mut world, &mut browser);
    let first = json(&browser.redeem(&mut world, &code, &APP_TOKEN))["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json(&refresh(&mut world, &first, &[]));
    let second = body["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(
        claims(body["access_token"].as_str().unwrap())["aud"],
        "urn:app"
    );
    assert_eq!(refresh(&mut world, &first, &[]).status, 400);
    assert_eq!(refresh(&mut world, &second, &[]).status, 400);
    assert_eq!(
        world.refused,
        [
            "token request refused: the refresh token was used before",
            "token request refused: the refresh token is not known"
        ]
    );
}

#[test]
fn a_refresh_token_ends_with_its_time_its_account_and_its_password() {
    for ends_it in ["time", "disable", "password", "second factor"] {
        let mut world = World::with_app();
        let alice = world.person_with_totp("alice");
        let mut browser = Browser::default();
        browser.sign_in(&mut world, &[]);
        let code = app_code(&mut world, &mut browser);
        let token = json(&browser.redeem(&mut world, &code, &APP_TOKEN))["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned();
        world.advance(Span::seconds(1));
        let control = world.account(alice).control;
        let material = directory::password::PasswordMaterial::random(&mut world.rng);
        match ends_it {
            "time" => world.advance(Span::hours(8)),
            "disable" => world.commit([change::disable(alice, control)]),
            "second factor" => world.forget_second_factors(alice),
            _ => world.commit([change::set_password(alice, material)]),
        }
        assert_eq!(
            error(&refresh(&mut world, &token, &[])),
            "invalid_grant",
            "{ends_it}"
        );
    }
}

#[test]
fn a_client_without_the_right_gets_no_refresh_token() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let code = browser.sign_in(&mut world, &[("scope", "openid offline_access")]);
    assert_eq!(
        json(&browser.redeem(&mut world, &code, &[])).get("refresh_token"),
        None
    );
}

#[test]
fn scopes_decide_what_the_id_token_and_userinfo_tell() {
    let mut world = World::with_app();
    world.person("alice");
    let mut browser = Browser::default();
    let code = app_code(&mut world, &mut browser);
    let body = json(&browser.redeem(&mut world, &code, &APP_TOKEN));
    let id = claims(body["id_token"].as_str().unwrap());
    assert_eq!(
        (&id["name"], &id["email"]),
        (&"Alice Example".into(), &"alice@mail.example".into())
    );

    let bearer = |token: &str| {
        Request::get("/adfs/userinfo").with_header("Authorization", &format!("Bearer {token}"))
    };
    let wrong_audience = browser.send(&mut world, bearer(body["access_token"].as_str().unwrap()));
    assert_eq!(wrong_audience.status, 401);
    assert_eq!(
        wrong_audience.headers.get("WWW-Authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    let mut profile = APP;
    profile[2].1 = "";
    browser.open(&mut world, &profile);
    let code = browser.sent("code").unwrap();
    let body = json(&browser.redeem(&mut world, &code, &APP_TOKEN));
    let info = json(&browser.send(&mut world, bearer(body["access_token"].as_str().unwrap())));
    assert_eq!(
        (&info["sub"], &info["email"]),
        (&id["sub"], &"alice@mail.example".into())
    );
    assert_eq!(
        browser
            .send(&mut world, bearer(body["id_token"].as_str().unwrap()))
            .status,
        401
    );
    assert_eq!(browser.get(&mut world, "/adfs/userinfo").status, 401);
}

#[test]
fn a_device_that_proves_itself_is_named_in_the_token() {
    // F.3, first form.
    let mut world = World::new();
    world.person_with_totp("alice");
    let device = joined(&mut world, "LAPTOP-1");
    let mut browser = Browser {
        certificate: Some(device.certificate.clone()),
        ..Browser::default()
    };
    let token = browser.token(&mut world, &[]);
    assert_eq!(claims(&token)["deviceid"], device.id.to_string());
}

#[test]
fn refuses_a_certificate_that_is_no_registered_devices() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let device = joined(&mut world, "LAPTOP-1");
    let refuse = |certificate: Vec<u8>, world: &mut World| {
        world.advance(Span::minutes(1));
        let mut browser = Browser::default();
        let code = browser.sign_in(world, &[]);
        browser.certificate = Some(certificate);
        let response = browser.redeem(world, &code, &[]);
        assert_eq!(
            (response.status, error(&response)),
            (401, "invalid_grant".to_owned())
        );
        world.refused.pop().unwrap()
    };
    assert_eq!(
        refuse(vec![0x30, 0], &mut world),
        "device authentication refused: the client certificate cannot be read"
    );
    let lookalike = super::join::another_certificate(&mut world, &device);
    assert_eq!(
        refuse(lookalike, &mut world),
        "device authentication refused: no device has this certificate"
    );
    let snapshot = world.directory.snapshot().unwrap();
    let entry = snapshot.device_by_id(device.id).unwrap().unwrap().id;
    drop(snapshot);
    world.commit([change::set_device_enabled(entry, false)]);
    assert_eq!(
        refuse(device.certificate.clone(), &mut world),
        "device authentication refused: the device is disabled"
    );
    world.commit([change::set_device_enabled(entry, true)]);
    world.advance(Span::days(366));
    world.tick();
    assert_eq!(
        refuse(device.certificate, &mut world),
        "device authentication refused: the device certificate is not valid now"
    );
}

#[test]
fn a_refresh_token_of_a_device_is_of_no_use_elsewhere() {
    let mut world = World::with_app();
    world.person("alice");
    let device = joined(&mut world, "LAPTOP-1");
    let mut browser = Browser {
        certificate: Some(device.certificate.clone()),
        ..Browser::default()
    };
    let code = app_code(&mut world, &mut browser);
    let token = json(&browser.redeem(&mut world, &code, &APP_TOKEN))["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(error(&refresh(&mut world, &token, &[])), "invalid_grant");
    assert_eq!(
        world.refused,
        ["token request refused: the refresh token belongs to another device"]
    );
    let pairs = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", token.as_str()),
    ];
    let response = browser.send(&mut world, Request::post_form("/adfs/oauth2/token", pairs));
    assert_eq!(
        claims(json(&response)["access_token"].as_str().unwrap())["deviceid"],
        device.id.to_string()
    );
}
