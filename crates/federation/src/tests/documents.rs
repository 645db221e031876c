//! What anybody may read: protocols A.1.1, A.1.2, B.1.2.

use trust::Span;
use wire::http::Request;

use super::world::*;

#[test]
fn the_metadata_names_what_is_there_and_nothing_else() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let configuration = json(&browser.get(&mut world, "/adfs/.well-known/openid-configuration"));
    assert_eq!(configuration["issuer"], ISSUER);
    assert_eq!(
        configuration["code_challenge_methods_supported"],
        serde_json::json!(["S256"])
    );
    assert_eq!(
        configuration["id_token_signing_alg_values_supported"],
        serde_json::json!(["ES256"])
    );
    for endpoint in [
        "jwks_uri",
        "authorization_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
    ] {
        let path = configuration[endpoint]
            .as_str()
            .unwrap()
            .strip_prefix(BASE)
            .unwrap()
            .to_owned();
        assert_ne!(browser.get(&mut world, &path).status, 404, "{endpoint}");
    }
    let token = configuration["token_endpoint"]
        .as_str()
        .unwrap()
        .strip_prefix(BASE)
        .unwrap()
        .to_owned();
    assert_eq!(
        browser
            .send(&mut world, Request::post_form(&token, [("a", "b")]))
            .status,
        401
    );
}

#[test]
fn the_published_keys_verify_the_tokens_before_and_after_a_change_of_keys() {
    let mut world = World::new();
    world.person_with_totp("alice");
    let mut browser = Browser::default();
    let verify = |world: &mut World, token: &str| {
        let response = Browser::default().get(world, "/adfs/discovery/keys");
        let set = crypto::jose::JwkSet::from_json(&response.body).unwrap();
        (set.keys.len(), set.to_key_set().verify(token).is_ok())
    };
    let first = browser.token(&mut world, &[]);
    assert_eq!(verify(&mut world, &first), (1, true));
    world.advance(Span::days(88));
    world.tick();
    assert_eq!(verify(&mut world, &first), (2, true));
    world.advance(Span::days(2));
    world.tick();
    let second = Browser::default().token(&mut world, &[]);
    assert_eq!(verify(&mut world, &second), (2, true));
    world.advance(Span::days(1));
    world.tick();
    assert_eq!(verify(&mut world, &first), (1, false));
    assert!(verify(&mut world, &second).1);
}

#[test]
fn the_signing_keys_rest_wrapped() {
    let world = World::new();
    let snapshot = world.directory.snapshot().unwrap();
    let record = snapshot
        .record(crate::records::SIGNING_KEYS, b"keys", world.now)
        .unwrap()
        .unwrap();
    assert!(matches!(record.value, directory::RecordValue::Secret(_)));
}

#[test]
fn the_contract_names_join_and_key_registration_in_its_second_version() {
    let mut world = World::new();
    let mut browser = Browser::default();
    let first = json(&browser.get(&mut world, "/EnrollmentServer/contract?api-version=1.0"));
    assert_eq!(
        first["DeviceRegistrationService"]["RegistrationResourceId"],
        DRS
    );
    assert_eq!(
        first["AuthenticationService"]["OAuth2"]["TokenEndpoint"],
        format!("{ISSUER}/oauth2/token")
    );
    assert_eq!(first.get("KeyProvisioningService"), None);
    let second = json(&browser.get(&mut world, "/enrollmentserver/contract?api-version=1.2"));
    assert_eq!(
        second["DeviceJoinService"]["JoinEndpoint"],
        format!("{BASE}/EnrollmentServer/device/")
    );
    assert_eq!(
        second["KeyProvisioningService"]["KeyProvisionEndpoint"],
        format!("{BASE}/EnrollmentServer/key/")
    );
    let xml = Request::get("/EnrollmentServer/contract?api-version=1.2")
        .with_header("Accept", "application/xml");
    let response = browser.send(&mut world, xml);
    assert_eq!(
        response.headers.get("Content-Type"),
        Some("application/xml; charset=utf-8")
    );
    assert!(
        String::from_utf8(response.body)
            .unwrap()
            .starts_with("<Discovery ")
    );
    for version in ["", "?api-version=9", "?api-version=1.0&api-version=1.2"] {
        assert_eq!(
            browser
                .get(&mut world, &format!("/EnrollmentServer/contract{version}"))
                .status,
            400,
            "{version}"
        );
    }
}

#[test]
fn the_probe_says_whether_tokens_can_be_signed() {
    let mut world = World::new();
    assert_eq!(world.ask(&Request::get("/adfs/probe")).status, 200);
    world.commit([directory::change::remove(
        crate::records::SIGNING_KEYS,
        b"keys",
    )]);
    let snapshot = world.directory.snapshot().unwrap();
    let view = crate::View {
        snapshot: &snapshot,
        settings: &world.settings,
        memory: &world.memory,
        lockout: &world.lockout,
        password_cost: crypto::password::Cost::LEAST,
    };
    let answer = crate::answer(
        &Request::get("/adfs/probe"),
        &view,
        world.now,
        &mut world.rng,
    );
    assert!(answer.fault.is_some());
    match answer.reply {
        crate::Reply::Now(response) => assert_eq!(
            (response.status, response.headers.get("Retry-After")),
            (503, Some("5"))
        ),
        crate::Reply::When { .. } => panic!("waits"),
    }
}

#[test]
fn browsers_are_told_to_come_back_over_tls_alone_and_to_guess_no_types() {
    let mut world = World::new();
    for path in [
        "/adfs/oauth2/authorize",
        "/adfs/discovery/keys",
        "/adfs/oauth2/logout",
        "/adfs/probe",
        "/nowhere",
    ] {
        let response = Browser::default().get(&mut world, path);
        let header = |name| response.headers.get(name);
        assert_eq!(
            header("Strict-Transport-Security"),
            Some("max-age=31536000"),
            "{path}"
        );
        assert_eq!(header("X-Content-Type-Options"), Some("nosniff"), "{path}");
    }
    // Said without TLS it means nothing (RFC 6797 7.2).
    let plain = world.ask(&Request::get("/adfs/probe"));
    assert_eq!(plain.headers.get("Strict-Transport-Security"), None);
}
