//! Requests that somebody made up (security.md rows 11 and 12).

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use crypto::jose::SymmetricKey;
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use serde_json::{Map, Value, json};

use super::client::{BROKER, Laptop, header_of, signed, under};
use crate::tests::world::{World, code, json};

fn encoded(value: &Value) -> String {
    Base64UrlUnpadded::encode_string(value.to_string().as_bytes())
}

/// The parts of a good request.
fn parts(world: &mut World, laptop: &Laptop) -> [String; 3] {
    let request = world.hello_request(laptop, |_| {});
    let parts: Vec<String> = request.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn alg_none_is_no_algorithm() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::Rsa2048);
    let [_, payload, signature] = parts(&mut world, &laptop);
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let mut header = Value::Object(header_of(&laptop.device));
        header["alg"] = name.into();
        for signature in ["", &signature] {
            let request = format!("{}.{payload}.{signature}", encoded(&header));
            let answer = world.post(&request);
            assert_eq!((answer.status, code(&answer)), (400, 50155), "{name}");
        }
    }
}

#[test]
fn hs256_with_a_public_key_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::Rsa2048);
    let [_, payload, _] = parts(&mut world, &laptop);
    let public = laptop.device.key.public_key();
    let secrets = [
        public.to_pem().into_bytes(),
        public.to_spki_der(),
        laptop.device.certificate.clone(),
        public.fingerprint().0.to_vec(),
    ];
    for secret in secrets {
        let mut header = Value::Object(header_of(&laptop.device));
        header["alg"] = "HS256".into();
        header["ctx"] = Base64::encode_string(&[0; 24]).into();
        let input = format!("{}.{payload}", encoded(&header));
        let tag = crypto::mac::hmac_sha256(&secret, input.as_bytes());
        let answer = world.post(&format!(
            "{input}.{}",
            Base64UrlUnpadded::encode_string(&tag)
        ));
        assert_eq!((answer.status, code(&answer)), (400, 70000));
    }
    // The assertion within, likewise.
    let secret = crypto::digest::sha256(&laptop.hello.public_key().to_spki_der());
    let answer = world.by_hello(&laptop, |asking| {
        let payload = serde_json::to_vec(&asking.assertion).unwrap();
        let assertion = SymmetricKey::new(&secret).sign(asking.assertion_header.clone(), &payload);
        asking
            .claims
            .insert("assertion".into(), assertion.unwrap().into());
    });
    assert_eq!(code(&answer), 135_010);
}

#[test]
fn a_jwk_in_the_header_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let own = PrivateKey::generate(KeyKind::P256);
    let jwk = crypto::jose::Jwk::new(own.public_key().clone()).to_json();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
    ] {
        let [_, payload, signature] = parts(&mut world, &laptop);
        let mut header = Value::Object(header_of(&laptop.device));
        header["alg"] = "ES256".into();
        header[name] = value.clone();
        let answer = world.post(&format!("{}.{payload}.{signature}", encoded(&header)));
        assert_eq!(code(&answer), 90_009, "{name}");
        // In the assertion.
        let answer = world.by_hello(&laptop, |asking| {
            let mut header = Value::Object(asking.assertion_header.clone());
            header["alg"] = "ES256".into();
            header[name] = value;
            let payload = encoded(&Value::Object(asking.assertion.clone()));
            let assertion = format!("{}.{payload}.AAAA", encoded(&header));
            asking.claims.insert("assertion".into(), assertion.into());
        });
        assert_eq!(code(&answer), 135_010, "{name}");
    }
}

#[test]
fn a_request_signed_by_another_devices_key_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let other = world.laptop_of("bob", KeyKind::P256);
    let answer = world.by_hello(&laptop, |asking| asking.key = other.device.key.clone());
    assert_eq!(code(&answer), 50155);
    let stranger = PrivateKey::generate(KeyKind::P256);
    let answer = world.by_hello(&laptop, |asking| asking.key = stranger.clone());
    assert_eq!(code(&answer), 50155);
    // The transport key signs nothing.
    let answer = world.by_hello(&laptop, |asking| {
        asking.key = laptop.device.transport.clone()
    });
    assert_eq!(code(&answer), 50155);
}

#[test]
fn a_request_with_the_certificate_of_another_device_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let other = world.laptop_of("bob", KeyKind::P256);
    let answer = world.by_hello(&laptop, |asking| asking.header = header_of(&other.device));
    assert_eq!(code(&answer), 50155);
    // Its own second, after another's: the first is whose it is.
    let both: Vec<String> = [&other.device, &laptop.device]
        .iter()
        .map(|device| Base64::encode_string(&device.certificate))
        .collect();
    let answer = world.by_hello(&laptop, |asking| {
        asking.header.insert("x5c".into(), json!(both));
    });
    assert_eq!(code(&answer), 50155);
}

/// A certificate of our authority for the device's name with another key, and one with the device's key that is not the
/// registered one.
#[test]
fn a_certificate_that_is_not_the_registered_one_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let stranger = PrivateKey::generate(KeyKind::P256);
    let says = wire::x509::device::DeviceExtensions {
        device: Some(laptop.device.id),
        tenant: Some(world.tenant().id),
        instance: None,
        user: None,
        domain: None,
        join_type: None,
        region: None,
    };
    let forged = registration::testing::certificate(stranger.public_key(), &says, world.now);
    let answer = world.by_hello(&laptop, |asking| {
        asking.key = stranger.clone();
        asking
            .header
            .insert("x5c".into(), json!([Base64::encode_string(&forged)]));
    });
    assert_eq!(code(&answer), 50155);
    let again =
        registration::testing::certificate(laptop.device.key.public_key(), &says, world.now);
    let answer = world.by_hello(&laptop, |asking| {
        asking
            .header
            .insert("x5c".into(), json!([Base64::encode_string(&again)]));
    });
    assert_eq!(code(&answer), 50155);
}

/// A device is known by its certificate's thumbprint and by its key, both (protocols B.5): SHA-1 alone proves nothing.
#[test]
fn a_certificate_of_the_right_thumbprint_and_another_key_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let named = directory::DeviceCertificate {
        thumbprint: crypto::digest::sha1(&laptop.device.certificate),
        public_key_hash: Base64::encode_string(&[7; 32]),
    };
    let named = vec![named.to_identity().into()];
    let edit = directory::Edit::Set(directory::Attribute::AltSecurityIdentities, named);
    world.commit([directory::change::modify(laptop.device.entry, vec![edit])]);
    let answer = world.by_hello(&laptop, |_| {});
    assert_eq!(code(&answer), 50155);
    assert!(
        world
            .refused
            .last()
            .unwrap()
            .contains("no device has this certificate")
    );
}

#[test]
fn a_request_without_a_certificate_or_with_rubbish_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    for value in [
        Value::Null,
        json!([]),
        json!(""),
        json!(["AAAA"]),
        json!([1]),
        json!("not base64!"),
        json!({"0": "AAAA"}),
    ] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.header.insert("x5c".into(), value);
        });
        assert_eq!(code(&answer), 50155);
    }
}

#[test]
fn oversize_and_deep_jwts_are_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let deep: Value = serde_json::from_str(&deep).unwrap();
    let answer = world.by_hello(&laptop, |asking| {
        asking.claims.insert("x".into(), deep.clone());
    });
    assert_eq!(code(&answer), 90_009);
    let answer = world.by_hello(&laptop, |asking| {
        asking.assertion.insert("x".into(), deep.clone());
    });
    assert_eq!(code(&answer), 135_010);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let path = world.path("oauth2/token");
    for request in [
        "x".repeat(70_000),
        deep,
        "a.b.c".to_owned(),
        "....".to_owned(),
        "{}".to_owned(),
    ] {
        let form = [
            ("grant_type", super::client::JWT_BEARER),
            ("request", request.as_str()),
        ];
        let answer = world.send(wire::http::Request::post_form(&path, form));
        assert!(matches!(answer.status, 400 | 413), "{}", answer.status);
        assert_eq!(code(&answer), 90_009);
    }
    let answer = world.token(&[("grant_type", super::client::JWT_BEARER)]);
    assert_eq!(code(&answer), 90_014);
}

#[test]
fn members_that_occur_twice_or_are_of_another_kind_are_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    for name in [
        "client_id",
        "request_nonce",
        "grant_type",
        "scope",
        "username",
    ] {
        let answer = world.by_hello(&laptop, |asking| {
            asking.claims.insert(name.into(), json!(["x"]));
        });
        assert_eq!(code(&answer), 90_009, "{name}");
    }
    let nonce = world.nonce();
    let payload = format!("{{\"request_nonce\":\"{nonce}\",\"request_nonce\":\"x\"}}");
    let key = &laptop.device.key;
    let header = header_of(&laptop.device);
    let token = crypto::jose::sign(
        key,
        crypto::jose::Algorithm::Es256,
        header,
        payload.as_bytes(),
    );
    let answer = world.post(&token.unwrap());
    assert_eq!(code(&answer), 90_009);
}

#[test]
fn a_replayed_request_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let request = world.hello_request(&laptop, |_| {});
    assert_eq!(world.post(&request).status, 200);
    let again = world.post(&request);
    assert_eq!((again.status, code(&again)), (400, 50089));
    // The assertion in a request of its own, with a fresh nonce outside.
    let mut assertion = String::new();
    let first = world.hello_request(&laptop, |_| {});
    assert_eq!(world.post(&first).status, 200);
    assertion.push_str(
        crate::tests::world::claims(&first)["assertion"]
            .as_str()
            .unwrap(),
    );
    let answer = world.by_hello(&laptop, |asking| {
        asking.claims.insert("assertion".into(), assertion.into());
    });
    assert_eq!(code(&answer), 50089);
}

#[test]
fn a_prt_without_its_session_key_opens_nothing() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let claims = world.renewal(&prt);
    let mut other = prt.session_key;
    other[0] ^= 1;
    for (key, second) in [
        (other, false),
        (other, true),
        ([0; 32], false),
        ([0; 32], true),
    ] {
        let answer = world.post(&under(&key, &[5; 24], second, &claims));
        assert_eq!((answer.status, code(&answer)), (400, 70000));
    }
    // Signed by the device's key in place of the session key.
    let token = signed(&laptop.device.key, &header_of(&laptop.device), &claims);
    assert_ne!(world.post(&token).status, 200);
    // As a plain refresh token.
    let answer = world.token(&[
        ("grant_type", "refresh_token"),
        ("client_id", BROKER),
        ("refresh_token", &prt.text),
    ]);
    assert_eq!(answer.status, 400);
}

#[test]
fn an_unknown_prt_and_a_bad_mac_look_the_same() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    let sentence = |answer: &wire::http::Response| {
        let answer = json(answer);
        let text = answer["error_description"].as_str().unwrap();
        let text = text.split(" Trace ID").next().unwrap().to_owned();
        (answer["error"].clone(), answer["error_codes"].clone(), text)
    };
    let claims = world.renewal(&prt);
    let bad_mac = world.post(&under(&[9; 32], &[5; 24], false, &claims));
    let mut seen = vec![sentence(&bad_mac)];
    let secret_changed = format!("{}AAAA", &prt.text[..prt.text.len() - 4]);
    // The row of the token, under the name of another tenant.
    let mut bytes = Base64UrlUnpadded::decode_vec(&prt.text[2..]).unwrap();
    bytes[0] ^= 1;
    let of_another = format!("1.{}", Base64UrlUnpadded::encode_string(&bytes));
    for text in ["1.AAAA", "", "x", &secret_changed, &of_another] {
        let mut claims = world.renewal(&prt);
        claims["refresh_token"] = text.into();
        let answer = world.post(&under(&prt.session_key, &[5; 24], false, &claims));
        seen.push(sentence(&answer));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].1, json!([70000]));
}

#[test]
fn a_context_that_is_too_short_too_long_or_none_is_refused() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let prt = world.prt(&laptop);
    for (length, good) in [
        (0, false),
        (15, false),
        (16, true),
        (64, true),
        (65, false),
        (4096, false),
    ] {
        let claims = world.renewal(&prt);
        let answer = world.post(&under(&prt.session_key, &vec![5; length], false, &claims));
        assert_eq!(answer.status == 200, good, "{length}");
    }
    let claims = world.renewal(&prt);
    let payload = serde_json::to_vec(&claims).unwrap();
    let token = SymmetricKey::new(&prt.session_key).sign(Map::new(), &payload);
    assert_eq!(code(&world.post(&token.unwrap())), 90_009);
}

#[test]
fn any_bytes_as_a_request_are_refused_and_never_panic() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    let request = world.hello_request(&laptop, |_| {});
    let bytes = request.as_bytes();
    for at in (0..bytes.len()).step_by(37) {
        let mut altered = bytes.to_vec();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert_ne!(world.post(&altered).status, 200, "{at}");
        assert_ne!(world.post(&request[..at]).status, 200, "{at}");
    }
    assert_eq!(world.post(&request).status, 200);
}

/// What was refused is not sent again by somebody who read it, when what it was refused for is no more: its nonce is used up, as
/// that of a request that was granted.
#[test]
fn a_request_that_was_refused_has_used_its_nonce_up() {
    let mut world = World::new();
    let laptop = world.laptop(KeyKind::P256);
    // By the device: a wrong scope, a wrong key, a wrong password.
    let no_scope = world.hello_request(&laptop, |asking| {
        asking.claims.insert("scope".into(), "openid".into());
    });
    let another_key = world.hello_request(&laptop, |asking| {
        asking.hello = PrivateKey::generate(KeyKind::P256);
    });
    let nonce = world.nonce();
    let claims = json!({
        "client_id": BROKER, "request_nonce": nonce, "scope": "openid aza", "win_ver": "12",
        "grant_type": "password", "username": laptop.owner, "password": "not that one",
    });
    let by_password = signed(&laptop.device.key, &header_of(&laptop.device), &claims);
    for request in [no_scope, another_key, by_password] {
        let first = code(&world.post(&request));
        assert_ne!(first, 50089);
        assert_eq!(code(&world.post(&request)), 50089, "after {first}");
    }
    // One that nobody signed uses nothing up.
    let good = world.hello_request(&laptop, |_| {});
    let (head, _) = good.rsplit_once('.').unwrap();
    let unsigned = format!("{head}.{}", "A".repeat(86));
    assert_ne!(world.post(&unsigned).status, 200);
    assert_eq!(world.post(&good).status, 200);
    // By the session key: a client that is none, a renewal by one that may not.
    let prt = world.prt(&laptop);
    for (scope, client) in [("openid", "nobody"), ("openid aza", "nobody")] {
        let mut claims = world.renewal(&prt);
        claims["scope"] = scope.into();
        claims["client_id"] = client.into();
        let first = code(&world.by_session_key(&prt, false, &claims));
        assert_ne!(first, 50089);
        claims["client_id"] = BROKER.into();
        assert_eq!(code(&world.by_session_key(&prt, false, &claims)), 50089);
    }
}
