//! Tokens and keys as JSON.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use der::asn1::UintRef;
use der::{Encode as _, Sequence};
use keyporch_crypto::jose::jwe::Encrypted;
use keyporch_crypto::jose::{
    Algorithm, JoseError, Jwk, JwkSet, SymmetricKey, Unverified, VerifyingKey,
};
use keyporch_crypto::key::PrivateKey;
use serde_json::Value;

use crate::{Case, Group, Ours, judge, tally, text};

fn member(key: &Value, name: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text(key, name)).expect("base64url")
}

/// A secret of 256 bits; HS256 has no other here.
fn symmetric(key: &Value) -> Option<[u8; 32]> {
    let secret = key.get("k")?;
    assert!(secret.is_string());
    member(key, "k").try_into().ok()
}

fn verifying(key: &Value) -> Result<VerifyingKey, JoseError> {
    let jwk = Jwk::from_json(key)?;
    let algorithm = jwk.algorithm;
    let algorithm = algorithm.unwrap_or_else(|| Algorithm::default_for(&jwk.key));
    VerifyingKey::new(jwk.key, algorithm, jwk.key_id)
}

/// Case 357 of the signed tokens.
const UNALTERED: &str = "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.VGVzdA.c1LROH7eNQwUT8KMVEO52VC3WZ9e_AnDWbZ7aMmowV8";

#[test]
fn signed_tokens() {
    let decided = |group: Group<'_>, case: Case<'_>| {
        let key = group.key("private").expect("a private key");
        // Keys that are not for signatures name no algorithm.
        match key.get("alg")?.as_str()? {
            // RFC 7520 4.2 is signed with PS384.
            "PS256" if text(case.0, "comment") == "Figure20" => Some(Ours::Refused(
                "the token names another algorithm than its key",
            )),
            // The padding was lost when these were written: they are case 357, letter by letter.
            _ if ["invalidBase64Padding", "invalidBase64PaddingInPayload"]
                .contains(&text(case.0, "comment")) =>
            {
                assert_eq!(case.token("jws"), UNALTERED);
                Some(Ours::Accepted("nothing is wrong with it"))
            }
            // With a question mark in the header or the payload that was not signed.
            _ if text(case.0, "comment").starts_with("InvalidCharacterInserted")
                && case.token("jws").contains('?') =>
            {
                Some(Ours::Refused("a character that base64url does not have"))
            }
            "RS256" | "PS256" | "ES256" | "ES384" | "HS256" => None,
            "RS384" | "RS512" | "PS384" | "PS512" | "ES521" => {
                Some(Ours::Refused("an algorithm that we do not have"))
            }
            other => panic!("{other} was not thought of"),
        }
    };
    let accepts = |group: Group<'_>, case: Case<'_>| {
        let token = case.token("jws");
        let Ok(token) = Unverified::parse(&token) else {
            return false;
        };
        let verified = match group.key("public") {
            Some(key) => verifying(key).and_then(|key| token.verify(&key)),
            None => {
                let key = group.key("private").and_then(symmetric);
                let key = SymmetricKey::new(&key.expect("a secret of 256 bits"));
                token.verify_symmetric(&key)
            }
        };
        verified.is_ok()
    };
    assert_eq!(
        judge("json_web_signature", decided, accepts),
        tally(26, 375, 24)
    );
}

/// A set with a secret or a private key in it is refused whole, whatever it is for; the suite's own sets of secrets among them.
#[test]
fn sets_of_keys() {
    let secrets = |group: Group<'_>, _: Case<'_>| {
        let public = group.key("public").is_some();
        (!public).then_some(Ours::Refused("a secret is no key of a set"))
    };
    let accepts = |group: Group<'_>, case: Case<'_>| {
        let private = group.key("private").expect("a private set");
        let private = JwkSet::from_json(private.to_string().as_bytes());
        assert!(matches!(private, Err(JoseError::Refused(_))));
        let Some(set) = group.key("public") else {
            return false;
        };
        let set = JwkSet::from_json(set.to_string().as_bytes()).expect("a public set");
        set.to_key_set().verify(&case.token("jws")).is_ok()
    };
    assert_eq!(judge("json_web_key", secrets, accepts), tally(1, 25, 4));
}

/// `RSAPrivateKey` of RFC 8017 appendix A.1.2.
#[derive(Sequence)]
struct RsaPrivateKey<'a> {
    version: u8,
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
    private_exponent: UintRef<'a>,
    prime1: UintRef<'a>,
    prime2: UintRef<'a>,
    exponent1: UintRef<'a>,
    exponent2: UintRef<'a>,
    coefficient: UintRef<'a>,
}

fn rsa(key: &Value) -> PrivateKey {
    let parts = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| member(key, name));
    let [n, e, d, p, q, dp, dq, qi] = parts
        .each_ref()
        .map(|part| UintRef::new(part).expect("a number"));
    let key = RsaPrivateKey {
        version: 0,
        modulus: n,
        public_exponent: e,
        private_exponent: d,
        prime1: p,
        prime2: q,
        exponent1: dp,
        exponent2: dq,
        coefficient: qi,
    };
    let der = key.to_der().expect("a key of bounded length");
    let line = der::pem::LineEnding::LF;
    let pem = der::pem::encode_string("RSA PRIVATE KEY", line, &der).expect("PEM");
    PrivateKey::from_pem(&pem).expect("a strong key")
}

/// Whatever the key is, each door that takes keys of its kind is tried.
#[test]
fn encrypted_tokens() {
    let decided = |group: Group<'_>, case: Case<'_>| {
        let key = group.key("private").expect("a private key");
        match (text(key, "alg"), text(case.0, "enc")) {
            ("RSA-OAEP", "A256GCM") => None,
            _ => Some(Ours::Refused("an algorithm that we do not have")),
        }
    };
    let accepts = |group: Group<'_>, case: Case<'_>| {
        let token = case.token("jwe");
        let Ok(token) = Encrypted::parse(&token) else {
            return false;
        };
        let key = group.key("private").expect("a private key");
        let content = match text(key, "kty") {
            "RSA" => token.open_with(&rsa(key)).map(|opened| opened.content),
            _ => match symmetric(key) {
                Some(secret) => token.open_direct(&secret),
                None => {
                    let none = token.wrapped_key().map(|_| ());
                    assert_eq!(none, Err(JoseError::Algorithm));
                    return false;
                }
            },
        };
        content.is_ok_and(|content| *content == case.bytes("pt"))
    };
    assert_eq!(
        judge("json_web_encryption", decided, accepts),
        tally(2, 137, 63)
    );
}
