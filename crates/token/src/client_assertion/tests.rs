//! Assertions, good and bad.

use crypto::jose::{SymmetricKey, sign};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use serde_json::{Map, json};

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
const US: [&str; 2] = [
    "https://login.corp.example/t/v2.0",
    "https://login.corp.example/t/oauth2/v2.0/token",
];

fn client(key: &PrivateKey, id: Option<&str>, algorithm: Option<Algorithm>) -> Client {
    Client {
        id: "daemon".into(),
        kind: ClientKind::Confidential(vec![ClientCredential {
            kind: CredentialKind::Key {
                id: id.map(Into::into),
                key: key.public_key().clone(),
                algorithm,
            },
            from: NOW - Span::days(1),
            until: NOW + Span::days(1),
        }]),
        ..Client::default()
    }
}

fn claims() -> Value {
    json!({ "iss": "daemon", "sub": "daemon", "aud": US[1], "jti": "one", "exp": NOW.unix() + 300 })
}

/// An assertion with these claims over the good ones.
fn signed(key: &PrivateKey, algorithm: Algorithm, header: Value, over: Value) -> String {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    for (name, value) in over.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    let header: Map<String, Value> = header.as_object().unwrap().clone();
    sign(
        key,
        algorithm,
        header,
        &serde_json::to_vec(&claims).unwrap(),
    )
    .unwrap()
}

#[test]
fn an_assertion_by_the_registered_key_is_taken() {
    let key = PrivateKey::generate(KeyKind::P256);
    let good = signed(&key, Algorithm::Es256, json!({}), json!({}));
    let asserted = verify(&good, &client(&key, None, None), &US, NOW).unwrap();
    assert_eq!(asserted.until, NOW + Span::minutes(5));
    assert_eq!(asserted.once, b"daemon one");
    assert_eq!(subject(&good).as_deref(), Some("daemon"));
    let several = signed(&key, Algorithm::Es256, json!({}), json!({ "aud": US }));
    assert!(verify(&several, &client(&key, None, None), &US, NOW).is_ok());
}

#[test]
fn an_assertion_of_another_audience_or_key_is_refused() {
    let key = PrivateKey::generate(KeyKind::P256);
    let client = client(&key, Some("k1"), None);
    let refuse = |header: Value, over: Value| {
        let assertion = signed(&key, Algorithm::Es256, header, over);
        verify(&assertion, &client, &US, NOW).unwrap_err()
    };
    let at = |seconds: i64| json!({ "exp": NOW.unix() + seconds });
    for (over, expected) in [
        (
            json!({ "aud": "https://other.example/token" }),
            NotAsserted::Audience,
        ),
        (
            json!({ "aud": [US[0], "https://other.example"] }),
            NotAsserted::Audience,
        ),
        (json!({ "aud": [] }), NotAsserted::Audience),
        (json!({ "iss": "other" }), NotAsserted::Client),
        (json!({ "sub": "other" }), NotAsserted::Client),
        (json!({ "jti": null }), NotAsserted::NoName),
        (json!({ "jti": "" }), NotAsserted::NoName),
        (json!({ "jti": "x".repeat(257) }), NotAsserted::NoName),
        (json!({ "nbf": NOW.unix() + 120 }), NotAsserted::Time),
        (at(0), NotAsserted::Time),
        (at(-1), NotAsserted::Time),
        (at(3600), NotAsserted::Time),
        (json!({ "exp": null }), NotAsserted::Form),
    ] {
        assert_eq!(refuse(json!({}), over.clone()), expected, "{over}");
    }
    assert_eq!(
        refuse(json!({ "kid": "k2" }), json!({})),
        NotAsserted::Signature
    );

    let stranger = PrivateKey::generate(KeyKind::P256);
    let foreign = signed(
        &stranger,
        Algorithm::Es256,
        json!({ "kid": "k1" }),
        json!({}),
    );
    assert_eq!(
        verify(&foreign, &client, &US, NOW),
        Err(NotAsserted::Signature)
    );
    assert_eq!(verify("x.y.z", &client, &US, NOW), Err(NotAsserted::Form));
    let late = NOW + Span::days(2);
    let later = signed(
        &key,
        Algorithm::Es256,
        json!({}),
        json!({ "exp": late.unix() + 60 }),
    );
    assert_eq!(
        verify(&later, &client, &US, late),
        Err(NotAsserted::Signature),
        "the key has ended"
    );
}

#[test]
fn the_registered_key_decides_the_algorithm() {
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let by = |algorithm| signed(&key, algorithm, json!({}), json!({}));
    let either = client(&key, None, None);
    assert!(verify(&by(Algorithm::Rs256), &either, &US, NOW).is_ok());
    assert!(verify(&by(Algorithm::Ps256), &either, &US, NOW).is_ok());
    let one = client(&key, None, Some(Algorithm::Ps256));
    assert!(verify(&by(Algorithm::Ps256), &one, &US, NOW).is_ok());
    assert_eq!(
        verify(&by(Algorithm::Rs256), &one, &US, NOW),
        Err(NotAsserted::Signature)
    );
    // The public key as the secret of an HMAC (CVE-2015-9235).
    let public = crypto::digest::sha256(&key.public_key().to_spki_der());
    let payload = serde_json::to_vec(&claims()).unwrap();
    let forged = SymmetricKey::new(&public)
        .sign(Map::new(), &payload)
        .unwrap();
    assert_eq!(
        verify(&forged, &either, &US, NOW),
        Err(NotAsserted::Signature)
    );
    let none = format!("eyJhbGciOiJub25lIn0.{}.", forged.split('.').nth(1).unwrap());
    assert!(verify(&none, &either, &US, NOW).is_err());
}

#[test]
fn a_public_client_asserts_nothing() {
    let key = PrivateKey::generate(KeyKind::P256);
    let good = signed(&key, Algorithm::Es256, json!({}), json!({}));
    let public = Client {
        id: "daemon".into(),
        ..Client::default()
    };
    assert_eq!(verify(&good, &public, &US, NOW), Err(NotAsserted::Client));
}

#[test]
fn a_certificate_is_told_by_its_digest() {
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let of = |sha1, sha256| Client {
        id: "daemon".into(),
        kind: ClientKind::Confidential(vec![ClientCredential {
            kind: CredentialKind::Certificate {
                sha1,
                sha256,
                key: key.public_key().clone(),
            },
            from: NOW,
            until: NOW + Span::days(1),
        }]),
        ..Client::default()
    };
    let client = of([1; 20], [2; 32]);
    let x5t = Base64UrlUnpadded::encode_string(&[1; 20]);
    let s256 = Base64UrlUnpadded::encode_string(&[2; 32]);
    for header in [
        json!({ "x5t": x5t }),
        json!({ "x5t#S256": s256 }),
        json!({ "kid": x5t }),
    ] {
        let assertion = signed(&key, Algorithm::Rs256, header, json!({}));
        assert!(verify(&assertion, &client, &US, NOW).is_ok());
    }
    let unnamed = signed(&key, Algorithm::Rs256, json!({}), json!({}));
    assert_eq!(
        verify(&unnamed, &client, &US, NOW),
        Err(NotAsserted::Signature)
    );
}

#[test]
fn a_certificate_that_is_not_named_or_named_wrongly_verifies_nothing() {
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let client = Client {
        id: "daemon".into(),
        kind: ClientKind::Confidential(vec![ClientCredential {
            kind: CredentialKind::Certificate {
                sha1: [1; 20],
                sha256: [2; 32],
                key: key.public_key().clone(),
            },
            from: NOW - Span::days(1),
            until: NOW + Span::days(1),
        }]),
        ..Client::default()
    };
    let named = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    for (header, good) in [
        (json!({ "x5t": named(&[1; 20]) }), true),
        (json!({ "x5t#S256": named(&[2; 32]) }), true),
        (json!({ "x5t": named(&[3; 20]) }), false),
        (json!({ "x5t#S256": named(&[3; 32]) }), false),
        (json!({ "kid": "mine" }), false),
        (json!({}), false),
    ] {
        let signed = signed(&key, Algorithm::Rs256, header.clone(), json!({}));
        let taken = verify(&signed, &client, &US, NOW).is_ok();
        assert_eq!(taken, good, "{header}");
    }
}

#[test]
fn no_assertion_has_us_try_more_keys_than_a_client_needs() {
    let own = PrivateKey::generate(KeyKind::P256);
    let others: Vec<PrivateKey> = (0..MOST_KEYS)
        .map(|_| PrivateKey::generate(KeyKind::P256))
        .collect();
    let credential = |key: &PrivateKey| ClientCredential {
        kind: CredentialKind::Key {
            id: None,
            key: key.public_key().clone(),
            algorithm: None,
        },
        from: NOW - Span::days(1),
        until: NOW + Span::days(1),
    };
    let good = signed(&own, Algorithm::Es256, json!({}), json!({}));
    for (before, taken) in [(MOST_KEYS - 1, true), (MOST_KEYS, false)] {
        let keys = others.iter().take(before).chain([&own]);
        let client = Client {
            id: "daemon".into(),
            kind: ClientKind::Confidential(keys.map(credential).collect()),
            ..Client::default()
        };
        assert_eq!(verify(&good, &client, &US, NOW).is_ok(), taken, "{before}");
    }
    let named = |padding: usize| {
        let claims = json!({ "sub": "daemon", "x": "x".repeat(padding) }).to_string();
        format!(
            "a.{}.c",
            Base64UrlUnpadded::encode_string(claims.as_bytes())
        )
    };
    assert_eq!(subject(&named(100)).as_deref(), Some("daemon"));
    let long = named(LONGEST_ASSERTION);
    assert_eq!(subject(&long), None);
}

/// Nobody's audiences are looked through without end.
#[test]
fn an_assertion_names_few_audiences() {
    let key = PrivateKey::generate(KeyKind::P256);
    for (many, good) in [(8, true), (9, false)] {
        let over = json!({ "aud": vec![US[0]; many] });
        let signed = signed(&key, Algorithm::Es256, json!({}), over);
        assert_eq!(
            verify(&signed, &client(&key, None, None), &US, NOW).is_ok(),
            good
        );
    }
}
