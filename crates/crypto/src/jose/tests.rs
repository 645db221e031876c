use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::key::{KeyKind, PrivateKey, WeakKey};
use crate::signature::Signer as _;

/// RFC 7515 appendix A: the payload of A.1, A.2 and A.3.
const PAYLOAD: &str =
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";

const A1_KEY: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const A1_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

const A2_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;
const A2_TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const A3_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn jwk(json: &str) -> Jwk {
    Jwk::from_json(&serde_json::from_str(json).unwrap()).unwrap()
}

fn verifying(json: &str) -> VerifyingKey {
    let key = jwk(json).key;
    let algorithm = Algorithm::default_for(&key);
    VerifyingKey::new(key, algorithm, None).unwrap()
}

fn verify(token: &str, key: &VerifyingKey) -> Result<Verified, JoseError> {
    Unverified::parse(token)?.verify(key)
}

/// A token with this header, and a signature that is of the right length and wrong.
fn with_header(header: &str) -> String {
    let parts: Vec<&str> = A3_TOKEN.split('.').collect();
    format!("{}.{}.{}", encode(header.as_bytes()), parts[1], parts[2])
}

#[test]
fn verifies_the_examples_of_rfc_7515() {
    let rsa = verify(A2_TOKEN, &verifying(A2_KEY)).unwrap();
    assert_eq!(rsa.payload(), PAYLOAD.as_bytes());
    let ec = verify(A3_TOKEN, &verifying(A3_KEY)).unwrap();
    assert_eq!(ec.payload(), PAYLOAD.as_bytes());
    assert_eq!(ec.claims::<Value>().unwrap()["iss"], "joe");
    assert_eq!(ec.members().unwrap()["exp"], 1_300_819_380);

    // A.1's key has 64 bytes; ours have 32, so the tag alone is compared.
    let (input, tag) = A1_TOKEN.rsplit_once('.').unwrap();
    let key = decode(A1_KEY).unwrap();
    assert!(crate::mac::verify_hmac_sha256(
        &key,
        input.as_bytes(),
        &decode(tag).unwrap()
    ));
}

#[test]
fn what_was_signed_verifies_with_the_same_key_and_algorithm_alone() {
    let keys = [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384].map(PrivateKey::generate);
    let algorithms = [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::Es384,
    ];
    for signer in &keys {
        for algorithm in algorithms {
            let members = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
            let signed = sign(signer, algorithm, members, b"{\"a\":1}");
            if !algorithm.suits(signer.public_key()) {
                assert_eq!(signed, Err(JoseError::Algorithm));
                continue;
            }
            let token = signed.unwrap();
            for key in &keys {
                for tried in algorithms {
                    let made = VerifyingKey::new(key.public_key().clone(), tried, None);
                    assert_eq!(made.is_ok(), tried.suits(key.public_key()));
                    let Ok(key) = made else { continue };
                    let verified = verify(&token, &key);
                    let same = key.key() == signer.public_key();
                    assert_eq!(verified.is_ok(), same && tried == algorithm);
                    if let Ok(verified) = verified {
                        assert_eq!(verified.payload(), b"{\"a\":1}");
                        assert_eq!(verified.header().typ(), Some("JWT"));
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_read_before_the_signature_is_what_was_signed() {
    let parsed = Unverified::parse(A3_TOKEN).unwrap();
    assert_eq!(parsed.payload_unverified().unwrap(), PAYLOAD.as_bytes());
    assert_eq!(parsed.members_unverified().unwrap()["iss"], "joe");
    let parts: Vec<&str> = A3_TOKEN.split('.').collect();
    for (payload, reason) in [
        ("****".to_owned(), JoseError::Form),
        (encode(b"[]"), JoseError::Json),
        (encode(br#"{"a":1,"a":2}"#), JoseError::Json),
        (encode("[".repeat(40).as_bytes()), JoseError::Json),
    ] {
        let token = format!("{}.{payload}.{}", parts[0], parts[2]);
        let parsed = Unverified::parse(&token).unwrap();
        assert_eq!(parsed.members_unverified().unwrap_err(), reason);
    }
}

#[test]
fn a_symmetric_key_and_a_public_key_are_never_taken_for_one_another() {
    let secret = SymmetricKey::new(&[5; 32]);
    let token = secret.sign(Map::new(), b"{}").unwrap();
    let parsed = Unverified::parse(&token).unwrap();
    assert!(parsed.clone().verify_symmetric(&secret).is_ok());
    assert_eq!(
        parsed.clone().verify(&verifying(A2_KEY)).unwrap_err(),
        JoseError::Algorithm
    );
    let other = SymmetricKey::new(&[6; 32]);
    assert_eq!(
        parsed.verify_symmetric(&other).unwrap_err(),
        JoseError::Signature
    );
    let signed = Unverified::parse(A2_TOKEN).unwrap();
    assert_eq!(
        signed.verify_symmetric(&secret).unwrap_err(),
        JoseError::Algorithm
    );
    assert_eq!(format!("{secret:?}"), "SymmetricKey");

    // CVE-2015-9235: HS256 with the public key's text as the secret.
    let key = verifying(A2_KEY);
    let input = format!("{}.{}", encode(b"{\"alg\":\"HS256\"}"), encode(b"{}"));
    let tag = crate::mac::hmac_sha256(key.key().to_pem().as_bytes(), input.as_bytes());
    let forged = format!("{input}.{}", encode(&tag));
    assert_eq!(verify(&forged, &key).unwrap_err(), JoseError::Algorithm);
}

#[test]
fn refuses_the_algorithm_none_however_it_is_written() {
    let key = verifying(A3_KEY);
    for name in [
        "none", "None", "NONE", "nOnE", "", "es256", "ES256 ", "RS256", "HS256",
    ] {
        let token = with_header(&json!({ "alg": name }).to_string());
        assert_eq!(verify(&token, &key).unwrap_err(), JoseError::Algorithm);
    }
    for header in [
        "{}",
        "{\"alg\":null}",
        "{\"alg\":[\"ES256\"]}",
        "[]",
        "",
        "\"ES256\"",
    ] {
        let token = with_header(header);
        assert_eq!(verify(&token, &key).unwrap_err(), JoseError::Json);
    }
    let unsigned = A3_TOKEN.rsplit_once('.').unwrap().0.to_owned() + ".";
    assert_eq!(verify(&unsigned, &key).unwrap_err(), JoseError::Signature);
}

/// CVE-2018-0114 and its kind.
#[test]
fn refuses_headers_that_bring_a_key_or_ask_for_what_we_do_not_do() {
    for name in ["jwk", "jku", "x5u", "crit", "zip", "b64"] {
        let token = with_header(&json!({ "alg": "ES256", name: ["exp"] }).to_string());
        assert_eq!(
            Unverified::parse(&token).unwrap_err(),
            JoseError::Refused(name)
        );
    }
    let signer = PrivateKey::generate(KeyKind::P256);
    for name in ["jku", "alg"] {
        let members = Map::from_iter([(name.to_owned(), json!("none"))]);
        assert!(matches!(
            sign(&signer, Algorithm::Es256, members, b"{}"),
            Err(JoseError::Refused(_))
        ));
    }
}

#[test]
fn refuses_a_header_member_that_occurs_twice() {
    for header in [
        "{\"alg\":\"none\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"kid\":\"a\",\"kid\":\"b\"}",
        "{\"alg\":\"none\",\"\\u0061lg\":\"ES256\"}",
    ] {
        let token = with_header(header);
        assert_eq!(Unverified::parse(&token).unwrap_err(), JoseError::Json);
    }
}

#[test]
fn refuses_what_is_not_exactly_three_parts_of_base64url() {
    let key = verifying(A3_KEY);
    let parts: Vec<&str> = A3_TOKEN.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{A3_TOKEN}."),
        format!("{A3_TOKEN}.{signature}"),
        format!(".{A3_TOKEN}"),
        format!("{A3_TOKEN}="),
        format!("{A3_TOKEN}=="),
        format!(" {A3_TOKEN}"),
        format!("{A3_TOKEN}\n"),
        format!("{header}=.{payload}.{signature}"),
        A3_TOKEN.replace('_', "/").replace('-', "+"),
        // The same signature with a bit behind its last byte.
        format!("{}R", A3_TOKEN.strip_suffix('Q').unwrap()),
        "ä.ö.ü".to_owned(),
    ] {
        assert!(verify(&token, &key).is_err(), "{token}");
    }
}

#[test]
fn refuses_any_altered_character() {
    let key = verifying(A3_KEY);
    for at in 0..A3_TOKEN.len() {
        let mut token = A3_TOKEN.as_bytes().to_vec();
        token[at] = if token[at] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(token).unwrap();
        assert!(verify(&token, &key).is_err(), "{at}");
    }
}

#[test]
fn refuses_tokens_that_are_too_long_or_too_deep() {
    let long = "A".repeat(MAX_TOKEN_LEN + 1);
    assert_eq!(Unverified::parse(&long).unwrap_err(), JoseError::TooLong);
    let deep = |depth: usize| {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        with_header(&format!("{{\"alg\":\"ES256\",\"a\":{nested}}}"))
    };
    assert!(Unverified::parse(&deep(MAX_JSON_DEPTH - 1)).is_ok());
    assert_eq!(
        Unverified::parse(&deep(MAX_JSON_DEPTH)).unwrap_err(),
        JoseError::Json
    );
    assert_eq!(
        Unverified::parse(&deep(10_000)).unwrap_err(),
        JoseError::Json
    );
    // Brackets in strings are no nesting.
    let text = "[\\\"{".repeat(50);
    let token = with_header(&format!("{{\"alg\":\"ES256\",\"a\":\"{text}\"}}"));
    assert!(Unverified::parse(&token).is_ok());
    let signer = PrivateKey::generate(KeyKind::P256);
    assert_eq!(
        sign(
            &signer,
            Algorithm::Es256,
            Map::new(),
            &[b' '; MAX_TOKEN_LEN]
        ),
        Err(JoseError::TooLong)
    );
}

#[test]
fn a_key_set_takes_the_key_that_is_named() {
    let signers = [KeyKind::P256, KeyKind::P256].map(PrivateKey::generate);
    let keys = signers
        .clone()
        .map(|signer| Jwk::new(signer.public_key().clone()));
    let token = |index: usize, named: Option<&str>| {
        let members = named.map(|id| ("kid".to_owned(), json!(id)));
        sign(
            &signers[index],
            Algorithm::Es256,
            members.into_iter().collect(),
            b"{}",
        )
        .unwrap()
    };
    let ids = keys.clone().map(|key| key.key_id.unwrap());
    let set = JwkSet {
        keys: keys.to_vec(),
    };
    let both = JwkSet::from_json(set.to_json().as_bytes())
        .unwrap()
        .to_key_set();
    assert!(both.verify(&token(0, Some(&ids[0]))).is_ok());
    assert!(both.verify(&token(1, Some(&ids[1]))).is_ok());
    let swapped = both.verify(&token(0, Some(&ids[1])));
    assert_eq!(swapped.unwrap_err(), JoseError::Signature);
    let unknown = both.verify(&token(0, Some("other")));
    assert_eq!(unknown.unwrap_err(), JoseError::UnknownKey);
    let unnamed = both.verify(&token(0, None));
    assert_eq!(unnamed.unwrap_err(), JoseError::UnknownKey);

    let one = JwkSet {
        keys: vec![keys[0].clone()],
    }
    .to_key_set();
    assert!(one.verify(&token(0, None)).is_ok());
    assert!(one.verify(&token(1, None)).is_err());
    assert!(KeySet::default().verify(&token(0, None)).is_err());
}

#[test]
fn reads_certificates_in_both_forms() {
    let header = |x5c: Value| {
        let token = with_header(&json!({ "alg": "ES256", "x5c": x5c }).to_string());
        let parsed = Unverified::parse(&token).unwrap();
        parsed.header().certificates()
    };
    let der = vec![0x30, 0x03, 0x02, 0x01, 0xff];
    assert_eq!(header(json!("MAMCAf8=")), Some(vec![der.clone()]));
    assert_eq!(
        header(json!(["MAMCAf8=", "MAMCAf8="])),
        Some(vec![der.clone(), der])
    );
    for malformed in [
        json!([]),
        json!("MAMCAf8"),
        json!([1]),
        json!(7),
        json!(null),
    ] {
        assert_eq!(header(malformed), None);
    }
}

/// RFC 7638 3.1.
#[test]
fn computes_the_thumbprint_of_rfc_7638() {
    let key = jwk(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
    );
    assert_eq!(
        encode(&thumbprint(&key.key)),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    assert_eq!(key.key_id.as_deref(), Some("2011-04-29"));
    assert_eq!(key.algorithm, Some(Algorithm::Rs256));
}

#[test]
fn a_jwk_reads_as_it_is_written() {
    for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
        let signer = PrivateKey::generate(kind);
        let mut key = Jwk::new(signer.public_key().clone());
        assert_eq!(Jwk::from_json(&key.to_json()), Ok(key.clone()));
        key.certificates = vec![b"first".to_vec(), b"second".to_vec()];
        let json = key.to_json();
        assert_eq!(json["use"], "sig");
        assert_eq!(json["x5t"], encode(&crate::digest::sha1(b"first")));
        assert_eq!(Jwk::from_json(&json), Ok(key));
    }
}

#[test]
fn refuses_private_keys_and_keys_of_other_kinds() {
    let with = |json: &str, name: &str, value: Value| {
        let mut key: Value = serde_json::from_str(json).unwrap();
        key[name] = value;
        Jwk::from_json(&key)
    };
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(
            with(A2_KEY, name, json!("AQ")),
            Err(JoseError::Refused(name))
        );
    }
    for (name, value) in [
        ("kty", json!("oct")),
        ("kty", json!("OKP")),
        ("kty", json!(null)),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!("verify")),
        ("x", json!("AQ")),
        ("x", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=")),
        ("y", json!("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")),
        ("x5c", json!("text")),
    ] {
        assert_eq!(with(A3_KEY, name, value), Err(JoseError::Key));
    }
    for name in ["RS256", "ES384", "none", "HS256"] {
        assert_eq!(with(A3_KEY, "alg", json!(name)), Err(JoseError::Algorithm));
    }
}

#[test]
fn a_weak_key_is_none_and_a_set_leaves_it_out() {
    let weak = r#"{"kty":"RSA","e":"AQ","n":"N"}"#;
    let modulus = jwk(A2_KEY).to_json()["n"].as_str().unwrap().to_owned();
    let weak = weak.replace("\"N\"", &format!("\"{modulus}\""));
    let read = Jwk::from_json(&serde_json::from_str(&weak).unwrap());
    assert_eq!(read, Err(JoseError::Weak(WeakKey::Exponent)));
    let set = JwkSet::from_json(format!("{{\"keys\":[{weak},{A3_KEY}]}}").as_bytes());
    assert_eq!(set.unwrap().keys, [jwk(A3_KEY)]);
}

#[test]
fn a_key_may_have_other_uses_beside_verifying() {
    let mut key: Value = serde_json::from_str(A3_KEY).unwrap();
    key["key_ops"] = json!(["wrapKey", "verify"]);
    assert_eq!(Jwk::from_json(&key), Ok(jwk(A3_KEY)));
}

#[test]
fn a_set_leaves_out_what_it_does_not_know_and_refuses_private_keys() {
    let set = |keys: &str| JwkSet::from_json(format!("{{\"keys\":[{keys}]}}").as_bytes());
    let okp = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let read = set(&format!("{A2_KEY},{okp},{A3_KEY}")).unwrap();
    assert_eq!(read.keys, [jwk(A2_KEY), jwk(A3_KEY)]);
    let private = A3_KEY.replace("\"kty\"", "\"d\":\"AQ\",\"kty\"");
    assert_eq!(set(&private), Err(JoseError::Refused("d")));
    assert_eq!(set(&vec![A3_KEY; 65].join(",")), Err(JoseError::Json));
    assert_eq!(set("7"), Err(JoseError::Json));
    assert_eq!(JwkSet::from_json(b"{}"), Err(JoseError::Json));
    assert_eq!(
        JwkSet::from_json(b"{\"keys\":[],\"keys\":[]}"),
        Err(JoseError::Json)
    );
}

proptest! {
    #[test]
    fn survives_any_text(text in "\\PC{0,80}") {
        prop_assert!(Unverified::parse(&text).is_err());
        prop_assert!(JwkSet::from_json(text.as_bytes()).is_err());
    }

    #[test]
    fn survives_any_header(header in "\\{\"alg\":\"ES256\"(,\"[a-z]{1,3}\":[\\[\\]{}\"a-z0-9,:]{0,12}){1,4}\\}") {
        if let Ok(token) = Unverified::parse(&with_header(&header)) {
            prop_assert!(token.verify(&verifying(A3_KEY)).is_err());
        }
    }
}
