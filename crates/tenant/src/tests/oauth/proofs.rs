//! How applications prove themselves, to the letter; and what their own tokens say.

use crypto::jose::{Algorithm, Jwk, sign};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use directory::tenant::{Application, ApplicationKey, Consent, KeyForm, Wanted};
use serde_json::{Map, json as object};
use trust::Span;
use wire::Guid;

use super::*;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn application(world: &World, id: &str) -> Application {
    (*world.known().applications[&id.parse().unwrap()]).clone()
}

/// A token of the wiki for itself.
fn own_token(world: &mut World, fields: &[(&str, &str)]) -> Response {
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", WIKI),
        ("client_secret", SECRET),
        ("scope", "urn:example:wiki/.default"),
    ];
    token_v2(world, &changed(&good, fields))
}

/// Gives the wiki a key that counts from this moment for a day; the private one.
fn key(world: &mut World, from: trust::Timestamp) -> PrivateKey {
    let key = PrivateKey::generate(KeyKind::P256);
    let jwk = Jwk::new(key.public_key().clone()).to_json().to_string();
    let mut wiki = application(world, WIKI);
    wiki.keys = vec![ApplicationKey {
        id: Guid::from_random([5; 16]),
        key: KeyForm::Jwk(jwk),
        name: String::new(),
        from,
        until: from + Span::days(1),
    }];
    world.put_application(&wiki);
    key
}

/// A token of the wiki for itself by an assertion for this audience.
fn by_assertion(world: &mut World, key: &PrivateKey, jti: &str, audience: &str) -> Response {
    let now = world.now.unix();
    let claims = object!({
        "iss": WIKI, "sub": WIKI, "aud": audience, "jti": jti, "exp": now + 300,
    });
    let mut header = Map::new();
    let kid = Jwk::new(key.public_key().clone()).key_id.unwrap();
    header.insert("kid".into(), kid.into());
    let payload = serde_json::to_vec(&claims).unwrap();
    let signed = sign(key, Algorithm::Es256, header, &payload).unwrap();
    let fields = [
        ("client_secret", ""),
        ("client_assertion", signed.as_str()),
        ("client_assertion_type", JWT_BEARER),
    ];
    own_token(world, &fields)
}

#[test]
fn an_assertion_is_for_this_tenant_by_any_of_its_names_and_by_no_other() {
    let mut world = World::new();
    let now = world.now;
    let key = key(&mut world, now);
    let (id, known) = (world.id(), world.known());
    let own = [
        known.issuers.v1.clone(),
        known.issuers.v2.clone(),
        format!("https://login.corp.example/{id}/oauth2/token"),
        format!("https://login.corp.example/{id}/oauth2/v2.0/token"),
    ];
    for audience in &own {
        let answer = by_assertion(&mut world, &key, audience, audience);
        assert_eq!(answer.status, 200, "{audience}");
    }
    for audience in [
        "",
        "https://login.corp.example",
        "https://login.other.example",
        "https://login.corp.example/common/oauth2/v2.0/token",
    ] {
        let refused = by_assertion(&mut world, &key, audience, audience);
        assert_eq!(refusal(&refused).0, 700_027, "{audience}");
    }
}

#[test]
fn a_secret_or_a_key_that_does_not_count_yet_or_no_more_proves_nothing() {
    let mut world = World::new();
    let tomorrow = world.now + Span::days(1);
    let key = key(&mut world, tomorrow);
    let mut wiki = application(&world, WIKI);
    wiki.secrets[0].from = tomorrow;
    wiki.secrets[0].until = tomorrow + Span::days(1);
    world.put_application(&wiki);
    let to = world.known().issuers.v2.clone();
    for (days, good) in [(0, false), (1, true), (2, false)] {
        world.now = tomorrow + Span::days(days - 1);
        let by_secret = own_token(&mut world, &[]);
        let by_key = by_assertion(&mut world, &key, &format!("day {days}"), &to);
        let got = [by_secret.status == 200, by_key.status == 200];
        assert_eq!(got, [good; 2], "{days}");
    }
}

#[test]
fn a_client_without_a_secret_that_sends_one_is_refused() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let with_secret = redeem_notes(&mut world, &code, &[("client_secret", "x")]);
    assert_eq!(
        (with_secret.status, refusal(&with_secret).1),
        (401, "invalid_client".into())
    );
    assert_eq!(redeem_notes(&mut world, &code, &[]).status, 200);
}

/// RFC 6749 2.3.1.
#[test]
fn name_and_secret_in_the_header_are_percent_encoded() {
    use base64ct::{Base64, Encoding};
    let mut world = World::new();
    let mut wiki = application(&world, WIKI);
    let odd = "50% of: it+";
    let digest = token::secret::Digest::of(token::secret::Purpose::ClientSecret, odd.as_bytes());
    wiki.secrets[0].digest = *digest.as_bytes();
    world.put_application(&wiki);
    let path = world.path("oauth2/v2.0/token");
    let mut ask = |secret: &str| {
        let basic = Base64::encode_string(format!("{WIKI}:{secret}").as_bytes());
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", "urn:example:wiki/.default"),
        ];
        let request = Request::post_form(&path, fields);
        let request = request.with_header("Authorization", &format!("Basic {basic}"));
        world.send(request).status
    };
    assert_eq!(ask("50%25%20of%3A%20it%2B"), 200);
    assert_eq!(ask("50%25%20of%3A%20it%20"), 401);
}

#[test]
fn a_token_of_an_application_is_of_its_tenant_and_its_time_and_is_told() {
    let mut world = World::new();
    world.told.clear();
    let answer = own_token(&mut world, &[]);
    let said = claims(&text(&answer, "access_token"));
    let now = world.now.unix();
    assert_eq!(said["tid"], world.id());
    assert_eq!(
        (&said["iat"], &said["nbf"], &said["exp"]),
        (&now.into(), &now.into(), &(now + 3600).into())
    );
    let told = &world.told[0];
    assert_eq!(
        (told.action.as_str(), told.actor.name.as_str()),
        ("token.issue", WIKI)
    );
    assert_eq!(told.from.as_deref(), Some("192.0.2.7"));
}

#[test]
fn roles_are_those_at_the_resource_that_is_asked_for() {
    let mut world = World::new();
    let mut wiki = application(&world, WIKI);
    wiki.wants = vec![Wanted {
        resource: format!("api://{NOTES}"),
        scopes: vec![],
    }];
    world.put_application(&wiki);
    for resource in [crate::catalogue::GRAPH, WIKI_RESOURCE] {
        let consent = Consent {
            application: WIKI.parse().unwrap(),
            account: None,
            resource: resource.into(),
            scopes: vec!["User.Read.All".into()],
            by: "root".into(),
            at: world.now,
        };
        let changes = directory::tenant::put_consent(&consent, &mut world.rng);
        world.commit(changes);
    }
    let notes = format!("api://{NOTES}/.default");
    for (scope, roles) in [
        (
            "https://graph.microsoft.com/.default",
            object!(["User.Read.All"]),
        ),
        // Nobody consented to that, and nobody is asked about what an application does with itself.
        (notes.as_str(), Value::Null),
        ("urn:example:wiki/.default", Value::Null),
    ] {
        let answer = own_token(&mut world, &[("scope", scope)]);
        let said = claims(&text(&answer, "access_token"));
        assert_eq!(said["roles"], roles, "{scope}");
    }
}

#[test]
fn nobody_revokes_what_is_not_theirs() {
    let mut world = World::new();
    let target = of_notes(&world, &[]);
    let code = Browser::default().sign_in(&mut world, "bob", &target);
    let notes = text(&redeem_notes(&mut world, &code, &[]), "refresh_token");
    // The right family, and a secret that it does not have.
    let last = notes.chars().rev().nth(5).unwrap();
    let place = notes.len() - 6;
    let other = if last == 'A' { "B" } else { "A" };
    let mut guessed = notes.clone();
    guessed.replace_range(place..=place, other);
    for (client, token) in [(NOTES, &guessed), (BROKER_CLIENT, &notes)] {
        let path = world.path("oauth2/v2.0/revoke");
        let fields = [("client_id", client), ("token", token.as_str())];
        assert_eq!(world.send(Request::post_form(&path, fields)).status, 200);
    }
    assert!(world.audit("token.revoke").is_none());
    let own = [("client_id", NOTES)];
    assert_eq!(refresh(&mut world, &notes, &own).status, 200);
    let path = world.path("oauth2/v2.0/revoke");
    let fields = [("client_id", NOTES), ("token", notes.as_str())];
    world.send(Request::post_form(&path, fields));
    let told = world.audit("token.revoke").unwrap();
    assert_eq!(told.from.as_deref(), Some("192.0.2.7"));
    assert_eq!(refresh(&mut world, &notes, &own).status, 400);
}
