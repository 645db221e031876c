//! Applications that prove themselves.

use crypto::jose::{Algorithm, Jwk, sign};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use directory::tenant::{ApplicationKey, KeyForm};
use serde_json::{Map, json as object};
use trust::Span;
use wire::Guid;

use super::*;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token for the application itself.
fn own_token(world: &mut World, fields: &[(&str, &str)]) -> Response {
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", WIKI),
        ("scope", "urn:example:wiki/.default"),
    ];
    token_v2(world, &changed(&good, fields))
}

/// Gives the application a key; the private one.
fn key(world: &mut World) -> PrivateKey {
    let key = PrivateKey::generate(KeyKind::P256);
    let jwk = Jwk::new(key.public_key().clone()).to_json().to_string();
    let mut wiki = (*world.known().applications[&WIKI.parse().unwrap()]).clone();
    wiki.keys.push(ApplicationKey {
        id: Guid::from_random([5; 16]),
        key: KeyForm::Jwk(jwk),
        name: String::new(),
        from: world.now,
        until: world.now + Span::days(1),
    });
    world.put_application(&wiki);
    key
}

/// An assertion of the application's.
fn assertion(world: &World, key: &PrivateKey, jti: &str, audience: &str) -> String {
    let claims = object!({
        "iss": WIKI, "sub": WIKI, "aud": audience, "jti": jti,
        "exp": world.now.unix() + 300, "nbf": world.now.unix(),
    });
    let mut header = Map::new();
    let kid = Jwk::new(key.public_key().clone()).key_id.unwrap();
    header.insert("kid".into(), kid.into());
    let payload = serde_json::to_vec(&claims).unwrap();
    sign(key, Algorithm::Es256, header, &payload).unwrap()
}

fn endpoint(world: &World) -> String {
    let base = world.tenant().deployment.login.url().to_owned();
    format!("{base}{}", world.path("oauth2/v2.0/token"))
}

#[test]
fn client_credentials_take_a_secret_or_a_signed_assertion_and_not_both() {
    let mut world = World::new();
    let key = key(&mut world);
    let by_secret = own_token(&mut world, &[("client_secret", SECRET)]);
    let claims_of = claims(&text(&by_secret, "access_token"));
    assert_eq!(claims_of["appidacr"], "1");
    assert_eq!(claims_of["aud"], "urn:example:wiki");
    assert_eq!(
        (&claims_of["idtyp"], &claims_of["sub"]),
        (&"app".into(), &WIKI.into())
    );
    assert!(json(&by_secret).get("refresh_token").is_none());

    let to = endpoint(&world);
    let signed = assertion(&world, &key, "one", &to);
    let by_key = own_token(
        &mut world,
        &[
            ("client_assertion", &signed),
            ("client_assertion_type", JWT_BEARER),
        ],
    );
    assert_eq!(claims(&text(&by_key, "access_token"))["appidacr"], "2");
    // Without the client's name beside it, too (RFC 7521 4.2).
    let signed = assertion(&world, &key, "two", &to);
    let unnamed = own_token(
        &mut world,
        &[
            ("client_id", ""),
            ("client_assertion", &signed),
            ("client_assertion_type", JWT_BEARER),
        ],
    );
    assert_eq!(unnamed.status, 200);

    let signed = assertion(&world, &key, "three", &to);
    let both = own_token(
        &mut world,
        &[
            ("client_secret", SECRET),
            ("client_assertion", &signed),
            ("client_assertion_type", JWT_BEARER),
        ],
    );
    assert_eq!(
        (both.status, refusal(&both).1),
        (400, "invalid_request".into())
    );
    let wrong = own_token(&mut world, &[("client_secret", "guess")]);
    assert_eq!((wrong.status, refusal(&wrong).0), (401, 7_000_215));
    let none = own_token(&mut world, &[]);
    assert_eq!((none.status, refusal(&none).0), (401, 7_000_218));
    let public = own_token(&mut world, &[("client_id", NOTES)]);
    assert_eq!(refusal(&public).1, "unauthorized_client");
    world.advance(Span::days(366));
    world.tick();
    let over = own_token(&mut world, &[("client_secret", SECRET)]);
    assert_eq!(refusal(&over).0, 7_000_215);
}

#[test]
fn a_secret_may_stand_in_the_header() {
    use base64ct::{Base64, Encoding};
    let mut world = World::new();
    let path = world.path("oauth2/v2.0/token");
    let fields = [
        ("grant_type", "client_credentials"),
        ("scope", "urn:example:wiki/.default"),
    ];
    let basic = Base64::encode_string(format!("{WIKI}:{SECRET}").as_bytes());
    let request =
        Request::post_form(&path, fields).with_header("Authorization", &format!("Basic {basic}"));
    assert_eq!(world.send(request).status, 200);
}

#[test]
fn nonces_and_tokens_for_a_secret_alone_are_answered_in_no_time() {
    let world = World::new();
    let quick = |path: &str, fields: &[(&str, &str)]| {
        let request = Request::post_form(&world.path(path), fields.iter().copied());
        crate::is_quick(&request)
    };
    let secret = [("grant_type", "client_credentials"), ("client_secret", "s")];
    for path in ["oauth2/token", "oauth2/v2.0/token"] {
        assert!(quick(path, &[("grant_type", "srv_challenge")]));
        assert!(quick(path, &secret));
    }
    assert!(!quick("oauth2/authorize", &secret));
    let signed = [("client_assertion", "a"), secret[0]];
    assert!(!quick("oauth2/token", &signed));
    for grant in [
        "password",
        "refresh_token",
        "authorization_code",
        JWT_BEARER,
    ] {
        assert!(!quick("oauth2/token", &[("grant_type", grant)]), "{grant}");
    }
    assert!(!quick("oauth2/token", &[]));
    // However an assertion's name is written, it is noted.
    for other in [
        "client%5Fassertion=a",
        "client_assertion",
        "+client_assertion=a",
    ] {
        let body = format!("grant_type=client_credentials&{other}");
        let mut request = Request::post_form(&world.path("oauth2/token"), [("a", "b")]);
        request.body = body.into();
        assert!(!crate::is_quick(&request), "{other}");
    }
}

#[test]
fn an_assertion_is_taken_once() {
    let mut world = World::new();
    let key = key(&mut world);
    let to = endpoint(&world);
    let signed = assertion(&world, &key, "one", &to);
    let fields = [
        ("client_assertion", signed.as_str()),
        ("client_assertion_type", JWT_BEARER),
    ];
    assert_eq!(own_token(&mut world, &fields).status, 200);
    let again = own_token(&mut world, &fields);
    assert_eq!((again.status, refusal(&again).0), (401, 700_027));
    assert!(world.refused.last().unwrap().contains("used before"));
}

#[test]
fn an_assertion_is_used_up_by_a_request_that_was_refused_too() {
    // Whoever reads it there, in a log or on the way, gets nothing by it.
    let mut world = World::new();
    let key = key(&mut world);
    let to = endpoint(&world);
    let with_code = [
        ("grant_type", "authorization_code"),
        ("code", "nonsense"),
        ("redirect_uri", WIKI_REDIRECT),
    ];
    let spent = {
        let changes = [("client_id", WIKI), ("redirect_uri", WIKI_REDIRECT)];
        let target = of_notes(&world, &changes);
        let code = Browser::default().sign_in(&mut world, "bob", &target);
        let own = [
            ("client_id", WIKI),
            ("redirect_uri", WIKI_REDIRECT),
            ("client_secret", SECRET),
        ];
        assert_eq!(redeem_notes(&mut world, &code, &own).status, 200);
        code
    };
    let spent = [
        ("grant_type", "authorization_code"),
        ("code", spent.as_str()),
        ("redirect_uri", WIKI_REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u64);
    let cases: [Case<'_>; 6] = [
        (
            "oauth2/v2.0/token",
            &[
                ("scope", "urn:nobody/.default"),
                ("resource", "urn:nobody"),
                ("grant_type", "client_credentials"),
            ],
            500_011,
        ),
        ("oauth2/v2.0/token", &[("grant_type", "nonsense")], 70003),
        ("oauth2/v2.0/token", &with_code, 70000),
        ("oauth2/v2.0/token", &spent, 54005),
        ("oauth2/v2.0/devicecode", &[("scope", "openid")], 700_016),
        ("oauth2/v2.0/revoke", &[("no_token", "x")], 90014),
    ];
    for (number, (endpoint, fields, code)) in cases.into_iter().enumerate() {
        let signed = assertion(&world, &key, &format!("id-{number}"), &to);
        let mut fields = fields.to_vec();
        fields.extend([
            ("client_id", WIKI),
            ("client_assertion", signed.as_str()),
            ("client_assertion_type", JWT_BEARER),
        ]);
        let path = world.path(endpoint);
        let refused = world.send(Request::post_form(&path, fields));
        assert_eq!(refusal(&refused).0, code, "{endpoint} {number}");
        let again = own_token(
            &mut world,
            &[
                ("client_assertion", &signed),
                ("client_assertion_type", JWT_BEARER),
            ],
        );
        assert_eq!(refusal(&again).0, 700_027, "{endpoint} {number}");
        assert!(world.refused.last().unwrap().contains("used before"));
    }
    // Who cannot sign uses nothing up.
    let signed = assertion(&world, &key, "mine", &to);
    let stranger = PrivateKey::generate(KeyKind::P256);
    let forged = assertion(&world, &stranger, "mine", &to);
    for (assertion, number) in [(&forged, 401), (&signed, 200)] {
        let fields = [
            ("client_assertion", assertion.as_str()),
            ("client_assertion_type", JWT_BEARER),
        ];
        assert_eq!(own_token(&mut world, &fields).status, number);
    }
}

#[test]
fn an_assertion_of_another_audience_or_key_is_refused() {
    let mut world = World::new();
    let key = key(&mut world);
    let to = endpoint(&world);
    world.at = 1;
    let of_other = endpoint(&world);
    world.at = 0;
    let stranger = PrivateKey::generate(KeyKind::P256);
    let refused = [
        assertion(&world, &key, "1", &of_other),
        assertion(&world, &key, "2", "https://wiki.example"),
        assertion(&world, &stranger, "3", &to),
        "a.b.c".to_owned(),
        String::from("x").repeat(70_000),
    ];
    for signed in refused {
        let fields = [
            ("client_assertion", signed.as_str()),
            ("client_assertion_type", JWT_BEARER),
        ];
        let answer = own_token(&mut world, &fields);
        assert!(
            matches!(answer.status, 400 | 401 | 413),
            "{}",
            answer.status
        );
    }
    let signed = assertion(&world, &key, "4", &to);
    let typed = [
        ("client_assertion", signed.as_str()),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        ),
    ];
    assert_eq!(refusal(&own_token(&mut world, &typed)).0, 700_027);
}

#[test]
fn a_token_for_an_application_never_passes_for_a_persons() {
    let mut world = World::new();
    let scope = "https://graph.microsoft.com/.default";
    let own = own_token(&mut world, &[("client_secret", SECRET), ("scope", scope)]);
    let token = text(&own, "access_token");
    let path = world.path("openid/userinfo");
    let request = Request::get(&path).with_header("Authorization", &format!("Bearer {token}"));
    let answer = world.send(request);
    assert_eq!(
        (answer.status, refusal(&answer).1),
        (401, "invalid_token".into())
    );
    let known = world.known();
    let audiences = ["https://graph.microsoft.com"];
    let issuers = known.issuers.both();
    assert!(
        known
            .keys
            .verify_for(&token, &issuers, &audiences, world.now)
            .is_err()
    );
    assert!(
        known
            .keys
            .verify_app(&token, &issuers, &audiences, world.now)
            .is_ok()
    );
}

#[test]
fn a_confidential_application_signs_people_in_by_its_secret() {
    let mut world = World::new();
    let changes = [
        ("client_id", WIKI),
        ("redirect_uri", WIKI_REDIRECT),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    let target = of_notes(&world, &changes);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let good = [
        ("client_id", WIKI),
        ("redirect_uri", WIKI_REDIRECT),
        ("code_verifier", ""),
    ];
    let without = redeem_notes(&mut world, &code, &good);
    assert_eq!(refusal(&without).0, 7_000_218);
    let mut with = good.to_vec();
    with.push(("client_secret", SECRET));
    let answer = redeem_notes(&mut world, &code, &with);
    assert_eq!(answer.status, 200);
    assert_eq!(claims(&text(&answer, "access_token"))["appidacr"], "1");
}

#[test]
fn a_token_for_an_application_is_signed_as_that_asked() {
    let mut world = World::new();
    let algorithm = |world: &mut World| {
        let answer = own_token(world, &[("client_secret", SECRET)]);
        let token = text(&answer, "access_token");
        let header = crypto::jose::Unverified::parse(&token).unwrap();
        header.header().text("alg").unwrap().to_owned()
    };
    assert_eq!(algorithm(&mut world), "RS256");
    let mut wiki = (*world.known().applications[&WIKI.parse().unwrap()]).clone();
    wiki.signs = Some(directory::tenant::Signs::Es256);
    world.put_application(&wiki);
    assert_eq!(algorithm(&mut world), "ES256");
}

#[test]
fn an_application_has_the_roles_that_an_administrator_gave_it() {
    let mut world = World::new();
    let scope = ("scope", "https://graph.microsoft.com/.default");
    let roles = |world: &mut World| {
        let answer = own_token(world, &[("client_secret", SECRET), scope]);
        claims(&text(&answer, "access_token"))["roles"].clone()
    };
    assert_eq!(roles(&mut world), Value::Null);
    let consent = directory::tenant::Consent {
        application: WIKI.parse().unwrap(),
        account: None,
        resource: crate::catalogue::GRAPH.into(),
        scopes: vec!["User.Read.All".into()],
        by: "root".into(),
        at: world.now,
    };
    let changes = directory::tenant::put_consent(&consent, &mut world.rng);
    world.commit(changes);
    assert_eq!(roles(&mut world), object!(["User.Read.All"]));
}
