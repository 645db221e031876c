//! Public keys as JSON.

use base64ct::{Base64, Encoding};
use serde_json::{Map, Value};

use super::{Algorithm, JoseError, KeySet, VerifyingKey, decode, encode, json};
use crate::digest::sha1;
use crate::key::{Curve, PublicKey};

/// Members that only a private or symmetric key has (RFC 7518 6.2.2, 6.3.2, 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The most keys that a set is read with.
const MAX_KEYS: usize = 64;

/// A public key with what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// The key.
    pub key: PublicKey,
    /// `kid`: the name by which tokens refer to it.
    pub key_id: Option<String>,
    /// `alg`: the one algorithm that it is used for.
    pub algorithm: Option<Algorithm>,
    /// `x5c`: certificates as DER, the key's own first.
    pub certificates: Vec<Vec<u8>>,
}

impl Jwk {
    /// A key without a certificate, named by its thumbprint, for its default algorithm.
    #[must_use]
    pub fn new(key: PublicKey) -> Jwk {
        Jwk {
            key_id: Some(encode(&thumbprint(&key))),
            algorithm: Some(Algorithm::default_for(&key)),
            certificates: Vec::new(),
            key,
        }
    }

    /// The JSON form, with `use` "sig", and `x5t` where there is a certificate (protocols A.1.2).
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut members = required_members(&self.key);
        members.insert("use".into(), "sig".into());
        if let Some(id) = &self.key_id {
            members.insert("kid".into(), id.as_str().into());
        }
        if let Some(algorithm) = self.algorithm {
            members.insert("alg".into(), algorithm.name().into());
        }
        if let Some(own) = self.certificates.first() {
            members.insert("x5t".into(), encode(&sha1(own)).into());
            let list = self.certificates.iter();
            let list: Vec<Value> = list.map(|der| Base64::encode_string(der).into()).collect();
            members.insert("x5c".into(), list.into());
        }
        members.into()
    }

    /// Parses a key. Members that we do not know are ignored; `x5c` is read and says nothing by itself.
    ///
    /// # Errors
    /// [`JoseError::Refused`] for a private or symmetric key; [`JoseError::Key`] for one that is not for
    /// verifying signatures, by `use` or by `key_ops`, or not of a kind we know; [`JoseError::Weak`] for one that nobody
    /// should trust; [`JoseError::Algorithm`] when `alg` is not one of the key's.
    pub fn from_json(value: &Value) -> Result<Jwk, JoseError> {
        let members = value.as_object().ok_or(JoseError::Json)?;
        if let Some(name) = PRIVATE.into_iter().find(|name| members.contains_key(*name)) {
            return Err(JoseError::Refused(name));
        }
        let text = |name| members.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|usage| usage != "sig") {
            return Err(JoseError::Key);
        }
        if members.get("key_ops").is_some_and(|uses| !verifies(uses)) {
            return Err(JoseError::Key);
        }
        let bytes = |name| text(name).and_then(decode).ok_or(JoseError::Key);
        let key = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => PublicKey::from_rsa(&bytes("n")?, &bytes("e")?),
            (Some("EC"), Some(curve)) => {
                let curve = curve_from_name(curve).ok_or(JoseError::Key)?;
                let (x, y) = (bytes("x")?, bytes("y")?);
                // RFC 7518 6.2.1.2: coordinates keep their full length.
                if x.len() != curve.coordinate_len() {
                    return Err(JoseError::Key);
                }
                PublicKey::from_ec_point(curve, &[&[4], &x[..], &y].concat())
            }
            _ => return Err(JoseError::Key),
        }
        .map_err(|_| JoseError::Key)?;
        key.check_strength()?;
        let algorithm = match text("alg") {
            None => None,
            Some(name) => Some(
                Algorithm::from_name(name)
                    .filter(|algorithm| algorithm.suits(&key))
                    .ok_or(JoseError::Algorithm)?,
            ),
        };
        let certificates = match members.get("x5c") {
            None => Some(Vec::new()),
            Some(list) => list.as_array().and_then(|list| {
                list.iter()
                    .map(|der| Base64::decode_vec(der.as_str()?).ok())
                    .collect()
            }),
        };
        Ok(Jwk {
            key,
            key_id: text("kid").map(str::to_owned),
            algorithm,
            certificates: certificates.ok_or(JoseError::Key)?,
        })
    }
}

/// The keys of an issuer, as `jwks_uri` gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// The JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys: Vec<Value> = self.keys.iter().map(Jwk::to_json).collect();
        serde_json::json!({ "keys": keys }).to_string()
    }

    /// Parses a set. Keys of a kind that we do not know, and weak ones, are left out (RFC 7517 5).
    ///
    /// # Errors
    /// [`JoseError::Json`] for anything but a set of at most 64 keys; [`JoseError::Refused`] when one of
    /// them is private: whoever publishes that has lost it.
    pub fn from_json(text: &[u8]) -> Result<JwkSet, JoseError> {
        let members = json::parse_object(text)?;
        let keys = members.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or(JoseError::Json)?;
        if keys.len() > MAX_KEYS {
            return Err(JoseError::Json);
        }
        let mut set = JwkSet::default();
        for key in keys {
            match Jwk::from_json(key) {
                Ok(key) => set.keys.push(key),
                Err(JoseError::Key | JoseError::Weak(_) | JoseError::Algorithm) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(set)
    }

    /// The keys prepared for verifying, each with its `alg` or else its kind's default.
    #[must_use]
    pub fn to_key_set(&self) -> KeySet {
        let keys = self.keys.iter().filter_map(|jwk| {
            let algorithm = jwk
                .algorithm
                .unwrap_or_else(|| Algorithm::default_for(&jwk.key));
            VerifyingKey::new(jwk.key.clone(), algorithm, jwk.key_id.clone()).ok()
        });
        KeySet::new(keys.collect())
    }
}

/// Whether `key_ops` has the one use that a public key has here (RFC 7517 4.3).
fn verifies(uses: &Value) -> bool {
    let uses = uses.as_array();
    uses.is_some_and(|uses| uses.iter().any(|one| one == "verify"))
}

/// The SHA-256 thumbprint of RFC 7638: over the required members alone, in order of their names and
/// without white space, whatever order the JSON library keeps.
#[must_use]
pub fn thumbprint(key: &PublicKey) -> [u8; 32] {
    let json = match key {
        PublicKey::Rsa(key) => {
            let (e, n) = (encode(key.exponent()), encode(key.modulus()));
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        }
        PublicKey::Ec(key) => {
            let (curve, x, y) = (curve_name(key.curve()), encode(key.x()), encode(key.y()));
            format!(r#"{{"crv":"{curve}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
    };
    crate::digest::sha256(json.as_bytes())
}

fn required_members(key: &PublicKey) -> Map<String, Value> {
    let members = match key {
        PublicKey::Rsa(key) => vec![
            ("kty", "RSA".to_owned()),
            ("e", encode(key.exponent())),
            ("n", encode(key.modulus())),
        ],
        PublicKey::Ec(key) => vec![
            ("kty", "EC".to_owned()),
            ("crv", curve_name(key.curve()).to_owned()),
            ("x", encode(key.x())),
            ("y", encode(key.y())),
        ],
    };
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

const fn curve_name(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "P-256",
        Curve::P384 => "P-384",
    }
}

fn curve_from_name(name: &str) -> Option<Curve> {
    [Curve::P256, Curve::P384]
        .into_iter()
        .find(|curve| curve_name(*curve) == name)
}
