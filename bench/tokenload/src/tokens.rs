//! What is asked, and whether what comes back is what was asked for.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The client that known brokers are (protocols A.7).
const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The P-256 keys that a server publishes, by their name.
pub struct Keys(HashMap<String, ParsedPublicKey>);

impl Keys {
    /// Of a JSON Web Key Set; keys of other kinds are passed over.
    pub fn of(set: &Value) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for key in set["keys"].as_array().into_iter().flatten() {
            if key["crv"] != "P-256" {
                continue;
            }
            let coordinate = |name: &str| {
                let text = key[name].as_str().unwrap_or_default();
                URL_SAFE_NO_PAD.decode(text).map_err(|why| why.to_string())
            };
            let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
            let point = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            let name = key["kid"].as_str().unwrap_or_default().to_owned();
            keys.insert(name, point.map_err(|why| why.to_string())?);
        }
        Ok(Self(keys))
    }

    /// Whether a token that was signed with one of the keys, by ES256, stands in the answer.
    pub fn signed(&self, answer: &Value, member: &str) -> Result<(), String> {
        let token = answer[member].as_str().ok_or("an answer without a token")?;
        let (signed, signature) = token.rsplit_once('.').ok_or("no token")?;
        let header = signed.split('.').next().unwrap_or_default();
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|why| why.to_string());
        let header: Value =
            serde_json::from_slice(&decode(header)?).map_err(|why| why.to_string())?;
        let key = header["kid"].as_str().and_then(|kid| self.0.get(kid));
        let key = key.ok_or("a token by a key that is not published")?;
        key.verify_sig(signed.as_bytes(), &decode(signature)?)
            .map_err(|_| "a token with a wrong signature".to_owned())
    }
}

/// A device, and a person's Hello key in it.
pub struct Device {
    user: String,
    certificate: String,
    device: EcdsaKeyPair,
    hello: EcdsaKeyPair,
    kid: String,
}

impl Device {
    /// From a line of a file: the person's name, the device's certificate, its key and the Hello key (PKCS #8), in base64.
    pub fn read(line: &str) -> Result<Self, String> {
        let [user, certificate, device, hello] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err("a line of four fields".to_owned());
        };
        let key = |text: &str| {
            let pkcs8 = STANDARD.decode(text).map_err(|why| why.to_string())?;
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
                .map_err(|why| why.to_string())
        };
        let hello = key(hello)?;
        // The key's name is the digest of what a key credential holds of it, which is the SubjectPublicKeyInfo here (protocols D.5).
        let spki: PublicKeyX509Der<'_> =
            hello.public_key().as_der().map_err(|why| why.to_string())?;
        Ok(Self {
            user: user.to_owned(),
            certificate: certificate.to_owned(),
            device: key(device)?,
            kid: STANDARD.encode(digest(&SHA256, spki.as_ref())),
            hello,
        })
    }

    /// The form with which the device and the Hello key get a primary refresh token (protocols A.12).
    pub fn sign_in(&self, nonce: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        let assertion = signed(
            &self.hello,
            &json!({"alg": "ES256", "typ": "JWT", "use": "ngc", "kid": self.kid}),
            &json!({
                "iss": self.user, "aud": "common", "iat": now - 300, "exp": now + 300, "scope": "openid aza ugs",
                "request_nonce": nonce,
            }),
        );
        let request = signed(
            &self.device,
            &json!({"alg": "ES256", "typ": "JWT", "x5c": [self.certificate]}),
            &json!({
                "client_id": BROKER, "request_nonce": nonce, "scope": "openid aza ugs", "grant_type": JWT_BEARER,
                "username": self.user, "assertion": assertion,
            }),
        );
        format!("grant_type={JWT_BEARER}&request={request}")
    }
}

fn signed(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let mut token = parts.join(".");
    let signature = key.sign(&SystemRandom::new(), token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.expect("a key signs"), &mut token);
    token
}
