//! Key registration: PROV-W1 to PROV-W7, ACC-9, ACC-22; security.md rows 4 to 6.

use base64ct::{Base64, Encoding};
use crypto::key::{KeyKind, PrivateKey};
use directory::{AuditResult, Origin, change};
use serde_json::json;
use trust::Span;
use wire::http::{Request, Response};
use wire::key_credential::{KeySource, KeyUsage};

use super::join::{Joined, joined};
use super::world::*;
use crate::section::Section;

/// A world with alice and her laptop, and her token from there.
fn world() -> (World, Joined, String) {
    let mut world = World::new();
    world.person_with_totp("alice");
    let device = joined(&mut world, "LAPTOP-1");
    let token = token_on(&mut world, &device);
    (world, device, token)
}

fn token_on(world: &mut World, device: &Joined) -> String {
    world.advance(Span::seconds(60));
    let mut browser = Browser {
        certificate: Some(device.certificate.clone()),
        ..Browser::default()
    };
    browser.token(world, &[])
}

fn request(token: &str, material: &[u8]) -> Request {
    Request::post_json(
        "/EnrollmentServer/key/?api-version=1.0",
        &json!({ "kngc": Base64::encode_string(material) }),
    )
    .with_header("Authorization", &format!("Bearer {token}"))
}

fn register(world: &mut World, token: &str, material: &[u8]) -> Response {
    Browser::default().send(world, request(token, material))
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyKind::Rsa2048)
}

#[test]
fn the_key_is_written_to_the_account_with_the_record_of_who_did_it() {
    let (mut world, device, token) = world();
    let key = key();
    let response = register(&mut world, &token, &bcrypt_blob(&key));
    assert_eq!(response.status, 200, "{:?}", world.refused);
    let body = json(&response);
    assert_eq!(body["upn"], "alice@corp.example");
    assert!(body["kid"].as_str().unwrap().parse::<wire::Guid>().is_ok());
    assert!(response.headers.get("request-id").is_some());

    let snapshot = world.directory.snapshot().unwrap();
    let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
    let [listed] = &alice.key_credentials[..] else {
        panic!("{:?}", alice.key_credentials)
    };
    let link = listed.link.as_ref().unwrap();
    // PROV-W6, CONF-17.
    assert_eq!(link.key_material(), bcrypt_blob(&key));
    assert_eq!(
        (link.key_usage(), link.key_source()),
        (KeyUsage::Ngc, Some(KeySource::Ad))
    );
    assert_eq!(link.device_id(), Some(device.id));
    assert_eq!(link.custom_key_information().unwrap().to_bytes(), [1, 0]);
    let now = world.now.filetime();
    assert_eq!(link.creation_time().unwrap().filetime(), Some(now));
    assert_eq!(link.last_logon().unwrap().filetime(), Some(now));
    assert_eq!(
        (link.key_id_matches(), link.key_hash_matches()),
        (true, Some(true))
    );
    assert_eq!(listed.origin, Origin::Registration);
    let record = world.audit("key.register").unwrap();
    assert_eq!(
        (record.target, record.device, record.result),
        (Some(alice.id), Some(device.id), AuditResult::Done)
    );
    assert_eq!(record.key, Some(listed.fingerprint.unwrap().to_string()));
    assert_eq!(world.story.last().unwrap().step, "F7.C2");
}

#[test]
fn a_second_factor_that_was_forgotten_since_registers_no_key() {
    let (mut world, _, token) = world();
    world.advance(Span::seconds(1));
    let alice = world.directory.snapshot().unwrap();
    let id = alice.account_by_sam("alice").unwrap().unwrap().id;
    drop(alice);
    world.forget_second_factors(id);
    let response = register(&mut world, &token, &bcrypt_blob(&key()));
    assert_eq!(response.status, 401);
    assert_eq!(
        world.refused,
        [
            "key registration refused: no fresh second factor: the second factor was reset or replaced since"
        ]
    );
}

#[test]
fn a_second_factor_counts_for_ten_minutes_when_the_key_is_registered() {
    // ACC-9: 9:59 and 10:01.
    let (mut world, _, token) = world();
    world.advance(Span::seconds(9 * 60 + 59));
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        200
    );
    world.advance(Span::seconds(2));
    let response = register(&mut world, &token, &bcrypt_blob(&key()));
    assert_eq!(response.status, 401);
    let details = json(&response);
    assert_eq!(
        (&details["response"], &details["code"]),
        (&"ERROR_FAIL".into(), &"authentication_error".into())
    );
    assert_eq!(
        world.refused,
        [
            "key registration refused: no fresh second factor: the second factor is more than ten minutes old"
        ]
    );
}

#[test]
fn a_refreshed_or_remembered_second_factor_does_not_grow_younger() {
    let (mut world, device, _) = world();
    let mut browser = Browser {
        certificate: Some(device.certificate.clone()),
        ..Browser::default()
    };
    world.advance(Span::seconds(60));
    browser.token(&mut world, &[("amr_values", "")]);
    world.advance(Span::minutes(9));
    browser.open(&mut world, &[]);
    let code = browser.sent("code").unwrap();
    let token = json(&browser.redeem(&mut world, &code, &[]))["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    world.advance(Span::seconds(59));
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        200
    );
    world.advance(Span::seconds(2));
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        401
    );
}

#[test]
fn refuses_a_token_without_a_second_factor_or_without_a_device() {
    let (mut world, device, _) = world();
    // A token of a computer, which has no second factor.
    let computer = super::join::computer_token(&mut world, directory::EntryId(device.id));
    assert_eq!(
        register(&mut world, &computer, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: no fresh second factor: the token names no second factor"
    );
    // A person's token from an unknown device.
    world.advance(Span::seconds(60));
    let elsewhere = Browser::default().token(&mut world, &[]);
    assert_eq!(
        register(&mut world, &elsewhere, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the token names no device"
    );
}

#[test]
fn refuses_a_device_that_is_gone_or_disabled_or_another() {
    let (mut world, device, token) = world();
    let other = joined(&mut world, "LAPTOP-2");
    let mut from_other = Browser {
        certificate: Some(other.certificate.clone()),
        ..Browser::default()
    };
    assert_eq!(
        from_other
            .send(&mut world, request(&token, &bcrypt_blob(&key())))
            .status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the request came from another device than the one in the token"
    );
    let mut from_own = Browser {
        certificate: Some(device.certificate.clone()),
        ..Browser::default()
    };
    assert_eq!(
        from_own
            .send(&mut world, request(&token, &bcrypt_blob(&key())))
            .status,
        200
    );

    let entry = world
        .directory
        .snapshot()
        .unwrap()
        .device_by_id(device.id)
        .unwrap()
        .unwrap()
        .id;
    world.commit([change::set_device_enabled(entry, false)]);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the device is disabled"
    );
    world.commit([directory::Change::Delete { id: entry }]);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the device is not registered"
    );
}

#[test]
fn refuses_a_user_who_is_gone_disabled_or_somebody_else_by_now() {
    let (mut world, _, token) = world();
    let alice = world
        .directory
        .snapshot()
        .unwrap()
        .account_by_sam("alice")
        .unwrap()
        .unwrap();
    world.commit([change::disable(alice.id, alice.control)]);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        400
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the account is disabled or has expired"
    );
    world.commit([directory::Change::Delete { id: alice.id }]);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        400
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the user is not known"
    );
    // The name goes to somebody else, who must not get the key.
    world.person("alice");
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        400
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the user is not known"
    );
}

#[test]
fn a_token_of_before_the_password_was_changed_registers_nothing() {
    let (mut world, _, token) = world();
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        200
    );
    world.advance(Span::seconds(1));
    let alice = world
        .directory
        .snapshot()
        .unwrap()
        .account_by_sam("alice")
        .unwrap()
        .unwrap();
    let material = directory::password::PasswordMaterial::random(&mut world.rng);
    world.commit([change::set_password(alice.id, material)]);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the password was changed since the sign-in, or must be changed"
    );
}

#[test]
fn a_second_factor_without_a_moment_or_of_the_future_is_not_fresh() {
    // Tokens that this authority would not issue, signed by its own key.
    let (mut world, _, token) = world();
    let good: token::claims::AccessToken = serde_json::from_value(claims(&token)).unwrap();
    let later = (world.now + Span::seconds(1)).to_rfc3339();
    for (instant, reason) in [
        (
            None,
            "the token does not say when the second factor was proven",
        ),
        (
            Some("yesterday".to_owned()),
            "the token does not say when the second factor was proven",
        ),
        (Some(later), "the second factor lies in the future"),
    ] {
        let spoilt = token::claims::AccessToken {
            second_factor_instant: instant,
            ..good.clone()
        };
        let snapshot = world.directory.snapshot().unwrap();
        let keys = crate::signing_keys(&snapshot, &world.memory, world.now).unwrap();
        let spoilt = keys.access_token(&spoilt, world.now).unwrap();
        drop(snapshot);
        assert_eq!(
            register(&mut world, &spoilt, &bcrypt_blob(&key())).status,
            401
        );
        assert_eq!(
            world.refused.pop().unwrap(),
            format!("key registration refused: no fresh second factor: {reason}")
        );
    }
}

#[test]
fn refuses_tokens_of_others_and_for_other_resources() {
    let (mut world, device, _) = world();
    let (mut strange, _, foreign) = world_of_strangers();
    assert_eq!(
        register(&mut strange, &foreign, &bcrypt_blob(&key())).status,
        200
    );
    assert_eq!(
        register(&mut world, &foreign, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "bearer token refused: the token is not signed by a key of this authority"
    );
    world.advance(Span::seconds(60));
    let mut browser = Browser {
        certificate: Some(device.certificate.clone()),
        ..Browser::default()
    };
    let profile = browser.token(&mut world, &[("resource", "urn:microsoft:userinfo")]);
    assert_eq!(
        register(&mut world, &profile, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "bearer token refused: the token is for another resource"
    );
    let own = token_on(&mut world, &device);
    world.advance(Span::minutes(15));
    assert_eq!(register(&mut world, &own, &bcrypt_blob(&key())).status, 401);
    assert_eq!(
        world.refused.pop().unwrap(),
        "bearer token refused: the token has expired"
    );
}

fn world_of_strangers() -> (World, Joined, String) {
    world()
}

#[test]
fn refuses_tokens_that_were_tampered_with() {
    // security.md row 12.
    let (mut world, _, token) = world();
    let parts: Vec<&str> = token.split('.').collect();
    use base64ct::Base64UrlUnpadded as B64;
    let header = |json: serde_json::Value| B64::encode_string(json.to_string().as_bytes());
    let mut claims = claims(&token);
    let kid = serde_json::from_slice::<serde_json::Value>(&B64::decode_vec(parts[0]).unwrap())
        .unwrap()["kid"]
        .clone();
    claims["upn"] = "administrator@corp.example".into();
    let payload = header(claims);
    for forged in [
        format!("{}.{payload}.{}", parts[0], parts[2]),
        format!(
            "{}.{payload}.",
            header(json!({"alg": "none", "typ": "at+jwt", "kid": kid}))
        ),
        format!(
            "{}.{payload}.{}",
            header(json!({"alg": "HS256", "typ": "at+jwt", "kid": kid})),
            parts[2]
        ),
        format!(
            "{}.{}.{}",
            header(json!({"alg": "ES256", "typ": "at+jwt", "kid": kid, "jwk": {}})),
            parts[1],
            parts[2]
        ),
        format!(
            "{}.{}.{}",
            header(json!({"alg": "ES256", "typ": "at+jwt"})),
            parts[1],
            "A".repeat(86)
        ),
        format!("{}.{}", parts[0], parts[1]),
    ] {
        assert_eq!(
            register(&mut world, &forged, &bcrypt_blob(&key())).status,
            401,
            "{forged}"
        );
    }
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        200
    );
}

#[test]
fn refuses_weak_malformed_and_foreign_keys() {
    let (mut world, device, token) = world();
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        wire::key_material::RsaPublicKey::new(modulus, exponent)
            .unwrap()
            .to_bcrypt_blob()
    };
    let crypto::key::PublicKey::Rsa(good) = crypto::signature::Signer::public_key(&key()).clone()
    else {
        panic!()
    };
    let p384 = PrivateKey::generate(KeyKind::P384);
    let mut long = bcrypt_blob(&key());
    long.push(0);
    for (material, reason) in [
        (
            rsa(&[0xc1; 128], &[1, 0, 1]),
            "rsa key of 1024 bits is too short",
        ),
        (
            rsa(&[0xc1; 1024], &[1, 0, 1]),
            "rsa key of 8192 bits is too long",
        ),
        (
            rsa(good.modulus(), &[1]),
            "rsa public exponent is out of range",
        ),
        (long, "the public key cannot be read"),
        (
            crypto::signature::Signer::public_key(&p384).to_spki_der(),
            "the public key cannot be read",
        ),
        (vec![0; 283], "the public key cannot be read"),
    ] {
        let response = register(&mut world, &token, &material);
        assert_eq!(response.status, 400, "{reason}");
        assert_eq!(
            world.refused.pop().unwrap(),
            format!("key registration refused: the key is not accepted: {reason}")
        );
    }
    // A key on P-256 will do.
    assert_eq!(
        register(
            &mut world,
            &token,
            &bcrypt_blob(&PrivateKey::generate(KeyKind::P256))
        )
        .status,
        200
    );
    // Somebody else's key will not.
    let shared = key();
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&shared)).status,
        200
    );
    world.person_with_totp("bob");
    world.advance(Span::seconds(60));
    let mut browser = Browser {
        certificate: Some(device.certificate.clone()),
        ..Browser::default()
    };
    browser.open(&mut world, &[]);
    browser.password(&mut world, "bob", PASSWORD);
    let totp = world.totp();
    browser.code(&mut world, &totp);
    let code = browser.sent("code").unwrap();
    let bobs = json(&browser.redeem(&mut world, &code, &[]))["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        register(&mut world, &bobs, &bcrypt_blob(&shared)).status,
        400
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the key belongs to another account"
    );
    assert_eq!(
        register(&mut world, &bobs, &bcrypt_blob(&key())).status,
        200
    );
}

#[test]
fn refuses_a_key_with_the_roca_fingerprint() {
    // CVE-2017-15361: every prime of the form k*M + (65537^a mod M) gives a modulus that is a power of 65537 modulo
    // each small prime. 1 is such a power for all of them, so 1 modulo the product of those primes bears the mark.
    let (mut world, _, token) = world();
    let material = wire::key_material::RsaPublicKey::new(&roca_modulus(), &[1, 0, 1])
        .unwrap()
        .to_bcrypt_blob();
    assert_eq!(register(&mut world, &token, &material).status, 400);
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the key is not accepted: rsa key was made by a broken generator (ROCA)"
    );
}

/// 2^2047 rounded up to 1 modulo the product of the primes up to 701.
fn roca_modulus() -> Vec<u8> {
    let primes: Vec<u32> = (2u32..=701)
        .filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0))
        .collect();
    let product = primes
        .iter()
        .fold(vec![1u8], |product, prime| times(&product, *prime));
    // Long division of 2^2047 by the product, bit by bit: the rest tells how far the next multiple is.
    let mut rest = vec![0u8; product.len() + 1];
    for bit in 0..2048 {
        let mut carry = u8::from(bit == 0);
        for byte in rest.iter_mut().rev() {
            let wide = (u16::from(*byte) << 1) | u16::from(carry);
            (*byte, carry) = (wide as u8, (wide >> 8) as u8);
        }
        if !less(&rest, &product) {
            subtract(&mut rest, &product);
        }
    }
    let mut number = vec![0u8; 256];
    number[0] = 0x80;
    let mut gap = [&[0u8][..], &product].concat();
    subtract(&mut gap, &rest[1..]);
    add(&mut number, &gap);
    add(&mut number, &[1]);
    number
}

fn times(number: &[u8], factor: u32) -> Vec<u8> {
    let mut out = vec![0u8; number.len() + 4];
    let mut carry = 0u64;
    for (place, byte) in out.iter_mut().rev().enumerate() {
        let digit = number
            .len()
            .checked_sub(place + 1)
            .map_or(0, |at| number[at]);
        let wide = u64::from(digit) * u64::from(factor) + carry;
        (*byte, carry) = (wide as u8, wide >> 8);
    }
    let zeros = out.iter().take_while(|byte| **byte == 0).count();
    out.split_off(zeros)
}

fn less(a: &[u8], b: &[u8]) -> bool {
    let padded = [vec![0; a.len() - b.len()], b.to_vec()].concat();
    a < padded.as_slice()
}

fn subtract(a: &mut [u8], b: &[u8]) {
    let mut borrow = 0i16;
    let offset = a.len() - b.len();
    for at in (0..a.len()).rev() {
        let digit = at.checked_sub(offset).map_or(0, |at| i16::from(b[at]));
        let wide = i16::from(a[at]) - digit - borrow;
        borrow = i16::from(wide < 0);
        a[at] = wide.rem_euclid(256) as u8;
    }
}

fn add(a: &mut [u8], b: &[u8]) {
    let mut carry = 0u16;
    for place in 0..a.len() {
        let at = a.len() - 1 - place;
        let digit = b
            .len()
            .checked_sub(place + 1)
            .map_or(0, |at| u16::from(b[at]));
        let wide = u16::from(a[at]) + digit + carry;
        (a[at], carry) = (wide as u8, wide >> 8);
    }
}

#[test]
fn a_new_key_of_the_same_device_replaces_the_old_and_another_devices_stays() {
    let (mut world, _, token) = world();
    let other = joined(&mut world, "LAPTOP-2");
    let (first, second, third) = (key(), key(), key());
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&first)).status,
        200
    );
    let elsewhere = token_on(&mut world, &other);
    assert_eq!(
        register(&mut world, &elsewhere, &bcrypt_blob(&second)).status,
        200
    );
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&third)).status,
        200
    );
    let listed = |world: &World| -> Vec<Vec<u8>> {
        let snapshot = world.directory.snapshot().unwrap();
        let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
        let mut listed: Vec<Vec<u8>> = alice
            .key_credentials
            .iter()
            .map(|key| key.link.as_ref().unwrap().key_material().to_vec())
            .collect();
        listed.sort();
        listed
    };
    let mut expected = [bcrypt_blob(&second), bcrypt_blob(&third)];
    expected.sort();
    assert_eq!(listed(&world), expected);
    // A request that is repeated because its answer was lost changes nothing but the time.
    let kid = |response: &Response| json(response)["kid"].clone();
    let once = register(&mut world, &token, &bcrypt_blob(&third));
    let twice = register(&mut world, &token, &bcrypt_blob(&third));
    assert_eq!((once.status, twice.status), (200, 200));
    assert_eq!(kid(&once), kid(&twice));
    assert_eq!(listed(&world), expected);
    // One key in two devices is no device's.
    assert_eq!(
        register(&mut world, &elsewhere, &bcrypt_blob(&third)).status,
        400
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the key was registered from another device"
    );
}

#[test]
fn a_person_has_no_more_keys_than_they_may() {
    let section = Section {
        base: BASE.into(),
        keys_per_person: 1,
        ..Section::default()
    };
    let mut world = World::with(section);
    world.person_with_totp("alice");
    let (first, second) = (
        joined(&mut world, "LAPTOP-1"),
        joined(&mut world, "LAPTOP-2"),
    );
    let token = token_on(&mut world, &first);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        200
    );
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        200,
        "a replacement takes no new place"
    );
    let token = token_on(&mut world, &second);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        403
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the account has as many keys as it may have"
    );
}

#[test]
fn an_organisation_may_want_the_device_itself_to_ask() {
    let section = Section {
        base: BASE.into(),
        key_registration_needs_device_certificate: true,
        ..Section::default()
    };
    let mut world = World::with(section);
    world.person_with_totp("alice");
    let device = joined(&mut world, "LAPTOP-1");
    let token = token_on(&mut world, &device);
    assert_eq!(
        register(&mut world, &token, &bcrypt_blob(&key())).status,
        401
    );
    assert_eq!(
        world.refused.pop().unwrap(),
        "key registration refused: the device did not prove itself"
    );
    let mut own = Browser {
        certificate: Some(device.certificate),
        ..Browser::default()
    };
    assert_eq!(
        own.send(&mut world, request(&token, &bcrypt_blob(&key())))
            .status,
        200
    );
}

#[test]
fn the_keys_of_a_device_die_with_it_whoever_ends_it() {
    for by_itself in [true, false] {
        let (mut world, device, token) = world();
        let key = key();
        assert_eq!(register(&mut world, &token, &bcrypt_blob(&key)).status, 200);
        if by_itself {
            let mut browser = Browser {
                certificate: Some(device.certificate),
                ..Browser::default()
            };
            let target = format!("/EnrollmentServer/device/{}?api-version=1.0", device.id);
            assert_eq!(
                browser
                    .send(
                        &mut world,
                        Request::new(wire::http::Method::Delete, &target)
                    )
                    .status,
                200
            );
        } else {
            let entry = world
                .directory
                .snapshot()
                .unwrap()
                .device_by_id(device.id)
                .unwrap()
                .unwrap()
                .id;
            world.commit([directory::Change::Delete { id: entry }]);
        }
        let snapshot = world.directory.snapshot().unwrap();
        let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
        assert!(alice.key_credentials.is_empty());
        drop(snapshot);
        assert_eq!(world.audit("key.remove").unwrap().device, Some(device.id));
    }
}

#[test]
fn refuses_messages_that_are_not_as_the_protocol_says() {
    // PROV-W1, PROV-W2.
    let (mut world, _, token) = world();
    let material = bcrypt_blob(&key());
    let ask = |world: &mut World, change: &dyn Fn(&mut Request)| {
        let mut request = request(&token, &material);
        change(&mut request);
        Browser::default().send(world, request).status
    };
    assert_eq!(
        ask(&mut world, &|request| request.query = String::new()),
        400
    );
    assert_eq!(
        ask(&mut world, &|request| request.query =
            "api-version=2.0".into()),
        400
    );
    assert_eq!(
        ask(&mut world, &|request| request
            .headers
            .set("api-version", "1.0")),
        400,
        "in both places"
    );
    assert_eq!(
        ask(&mut world, &|request| {
            request.query = String::new();
            request.headers.set("api-version", "1.0");
        }),
        200
    );
    assert_eq!(
        ask(&mut world, &|request| request
            .headers
            .set("Accept", "application/xml")),
        400
    );
    assert_eq!(
        ask(&mut world, &|request| request
            .headers
            .set("Authorization", "Basic YTpi")),
        401
    );
    assert_eq!(
        ask(&mut world, &|request| request.body = b"{}".to_vec()),
        400
    );
    assert_eq!(
        ask(&mut world, &|request| request.body =
            b"{\"kngc\":\"not base64!\"}".to_vec()),
        400
    );
    assert_eq!(
        ask(&mut world, &|request| request.body =
            b"[[[[[[[[[[[[[[".to_vec()),
        400
    );
}

#[test]
fn both_sides_find_the_request_in_their_logs() {
    let (mut world, _, token) = world();
    let id = "0a1b2c3d-0000-4000-8000-000000000001";
    let with_id = request(&token, b"junk")
        .with_header("client-request-id", id)
        .with_header("return-client-request-id", "true");
    let response = Browser::default().send(&mut world, with_id);
    let details = json(&response);
    assert_eq!(
        (response.status, details["clientrequestid"].as_str()),
        (400, Some(id))
    );
    assert_eq!(response.headers.get("client-request-id"), Some(id));
    assert_eq!(details["target"], "KeyProvisioning");
    assert!(details["time"].as_str().unwrap().ends_with('Z'));
    assert!(response.headers.get("request-id").is_some());
}
