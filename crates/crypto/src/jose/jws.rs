//! Compact JWS: making, parsing, verifying.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{JoseError, MAX_TOKEN_LEN, decode, encode, json};
use crate::key::{Curve, PublicKey};
use crate::mac;
use crate::signature::{SignatureAlgorithm, Signer, Verifier, ecdsa_from_fixed, ecdsa_to_fixed};

/// What HS256 is called in a header; it is no [`Algorithm`], for it has no public key.
const HS256: &str = "HS256";

/// Header members that are refused, whatever they say.
const REFUSED: [&str; 6] = ["jwk", "jku", "x5u", "crit", "zip", "b64"];

/// A signature algorithm of RFC 7518 with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl Algorithm {
    const ALL: [Algorithm; 4] = [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::Es384,
    ];

    /// The name in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    /// What a key signs with when nothing else was agreed.
    #[must_use]
    pub fn default_for(key: &PublicKey) -> Algorithm {
        match key {
            PublicKey::Rsa(_) => Algorithm::Rs256,
            PublicKey::Ec(key) => match key.curve() {
                Curve::P256 => Algorithm::Es256,
                Curve::P384 => Algorithm::Es384,
            },
        }
    }

    /// Whether keys of this kind have this algorithm; in JOSE the curve is part of it.
    #[must_use]
    pub fn suits(self, key: &PublicKey) -> bool {
        match self {
            Algorithm::Rs256 | Algorithm::Ps256 => matches!(key, PublicKey::Rsa(_)),
            Algorithm::Es256 | Algorithm::Es384 => self == Algorithm::default_for(key),
        }
    }

    const fn signature(self) -> SignatureAlgorithm {
        match self {
            Algorithm::Rs256 => SignatureAlgorithm::RsaPkcs1Sha256,
            Algorithm::Ps256 => SignatureAlgorithm::RsaPssSha256,
            Algorithm::Es256 => SignatureAlgorithm::EcdsaSha256,
            Algorithm::Es384 => SignatureAlgorithm::EcdsaSha384,
        }
    }
}

/// A public key that tokens are verified with, tied to the one algorithm that it is used for.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    verifier: Arc<Verifier>,
    key_id: Option<String>,
}

impl VerifyingKey {
    /// Ties `key` to `algorithm`.
    ///
    /// # Errors
    /// [`JoseError::Algorithm`] when the key does not have this algorithm.
    pub fn new(
        key: PublicKey,
        algorithm: Algorithm,
        key_id: Option<String>,
    ) -> Result<VerifyingKey, JoseError> {
        VerifyingKey::prepared(Arc::new(Verifier::new(key)), algorithm, key_id)
    }

    /// As [`VerifyingKey::new`], with a verifier that is kept elsewhere too.
    ///
    /// # Errors
    /// As [`VerifyingKey::new`].
    pub fn prepared(
        verifier: Arc<Verifier>,
        algorithm: Algorithm,
        key_id: Option<String>,
    ) -> Result<VerifyingKey, JoseError> {
        if !algorithm.suits(verifier.key()) {
            return Err(JoseError::Algorithm);
        }
        Ok(VerifyingKey {
            algorithm,
            verifier,
            key_id,
        })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        self.verifier.key()
    }

    /// The `kid` by which tokens name it.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    fn verify(&self, input: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        let algorithm = self.algorithm.signature();
        let verified = match self.key() {
            PublicKey::Rsa(_) => self.verifier.verify(algorithm, input, signature),
            PublicKey::Ec(key) => {
                let der = ecdsa_from_fixed(key.curve(), signature).ok_or(JoseError::Signature)?;
                self.verifier.verify(algorithm, input, &der)
            }
        };
        verified.map_err(|_| JoseError::Signature)
    }
}

/// The keys of one issuer.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<VerifyingKey>);

impl KeySet {
    /// A set of these keys.
    #[must_use]
    pub fn new(keys: Vec<VerifyingKey>) -> KeySet {
        KeySet(keys)
    }

    /// Verifies a token with the key that its `kid` names; a token without one only where the set has one
    /// key only.
    ///
    /// # Errors
    /// [`JoseError`].
    pub fn verify(&self, token: &str) -> Result<Verified, JoseError> {
        let token = Unverified::parse(token)?;
        let key = match (token.header().key_id(), self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.key_id() == Some(id)),
            (None, [key]) => Some(key),
            (None, _) => None,
        };
        token.verify(key.ok_or(JoseError::UnknownKey)?)
    }
}

/// A secret of HS256. Cleared when dropped, never printed, never made from a public key.
#[derive(Clone)]
pub struct SymmetricKey(Zeroizing<[u8; 32]>);

impl SymmetricKey {
    /// The secret of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> SymmetricKey {
        SymmetricKey(Zeroizing::new(*bytes))
    }

    /// Signs as [`sign`] does.
    ///
    /// # Errors
    /// As [`sign`].
    pub fn sign(&self, members: Map<String, Value>, payload: &[u8]) -> Result<String, JoseError> {
        let input = signing_input(HS256, members, payload)?;
        let tag = mac::hmac_sha256(&*self.0, input.as_bytes());
        with_signature(input, &tag)
    }
}

impl std::fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SymmetricKey")
    }
}

/// Makes a compact JWS over `payload`. `members` are the header's members beside `alg`: `typ`, `kid`,
/// `x5t` and the like.
///
/// # Errors
/// [`JoseError::Algorithm`] when the signer's key does not have this algorithm;
/// [`JoseError::Refused`] for members that we would refuse ourselves; [`JoseError::NotSigned`] when the
/// signer fails; [`JoseError::TooLong`] when the token would be longer than we take.
pub fn sign(
    signer: &dyn Signer,
    algorithm: Algorithm,
    members: Map<String, Value>,
    payload: &[u8],
) -> Result<String, JoseError> {
    if !algorithm.suits(signer.public_key()) {
        return Err(JoseError::Algorithm);
    }
    let input = signing_input(algorithm.name(), members, payload)?;
    let mut signature = signer
        .sign(algorithm.signature(), input.as_bytes())
        .map_err(|_| JoseError::NotSigned)?;
    if let PublicKey::Ec(key) = signer.public_key() {
        signature = ecdsa_to_fixed(key.curve(), &signature).ok_or(JoseError::NotSigned)?;
    }
    with_signature(input, &signature)
}

fn with_signature(mut token: String, signature: &[u8]) -> Result<String, JoseError> {
    token.push('.');
    token.push_str(&encode(signature));
    if token.len() > MAX_TOKEN_LEN {
        return Err(JoseError::TooLong);
    }
    Ok(token)
}

fn signing_input(
    algorithm: &str,
    mut members: Map<String, Value>,
    payload: &[u8],
) -> Result<String, JoseError> {
    if members.contains_key("alg") {
        return Err(JoseError::Refused("alg"));
    }
    refuse_members(&members)?;
    members.insert("alg".to_owned(), algorithm.into());
    let header = serde_json::to_vec(&members).map_err(|_| JoseError::Json)?;
    Ok([encode(&header), encode(payload)].join("."))
}

fn refuse_members(members: &Map<String, Value>) -> Result<(), JoseError> {
    match REFUSED.into_iter().find(|name| members.contains_key(*name)) {
        Some(name) => Err(JoseError::Refused(name)),
        None => Ok(()),
    }
}

/// The header of a token: the sender's own words until the token is verified.
#[derive(Clone, Debug)]
pub struct Header {
    algorithm: String,
    members: Map<String, Value>,
}

impl Header {
    fn parse(part: &str) -> Result<Header, JoseError> {
        let json = decode(part).ok_or(JoseError::Form)?;
        let members = json::parse_object(&json)?;
        refuse_members(&members)?;
        match members.get("alg") {
            Some(Value::String(algorithm)) => Ok(Header {
                algorithm: algorithm.clone(),
                members,
            }),
            _ => Err(JoseError::Json),
        }
    }

    /// `kid`, where it is text.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.text("kid")
    }

    /// `typ`, where it is text.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.text("typ")
    }

    /// A member that is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.member(name)?.as_str()
    }

    /// Any member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The certificates of `x5c` as DER, the sender's own first. Some senders put one certificate there as
    /// text instead of a list (protocols A.7.2); both are read. `None` when there is none or it is
    /// malformed.
    #[must_use]
    pub fn certificates(&self) -> Option<Vec<Vec<u8>>> {
        match self.member("x5c")? {
            Value::String(one) => Some(vec![certificate(one)?]),
            Value::Array(list) if !list.is_empty() => list
                .iter()
                .map(|value| certificate(value.as_str()?))
                .collect(),
            _ => None,
        }
    }
}

/// RFC 7515 4.1.6: here it is base64 with padding, not base64url.
fn certificate(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// A token that was taken apart, and of which nothing is proved.
#[derive(Clone, Debug)]
pub struct Unverified<'a> {
    header: Header,
    input: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes a compact JWS apart.
    ///
    /// # Errors
    /// [`JoseError`], without a look at the signature.
    pub fn parse(token: &'a str) -> Result<Unverified<'a>, JoseError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(JoseError::TooLong);
        }
        let (input, signature) = token.rsplit_once('.').ok_or(JoseError::Form)?;
        let (header, payload) = input.split_once('.').ok_or(JoseError::Form)?;
        if payload.contains('.') {
            return Err(JoseError::Form);
        }
        Ok(Unverified {
            header: Header::parse(header)?,
            input,
            payload,
            signature: decode(signature).ok_or(JoseError::Form)?,
        })
    }

    /// The header: enough to find the key with, nothing to act upon.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload's bytes, of which nothing is proved: to find the key by what stands there, or to derive it from them
    /// (protocols A.9, version 2), and to decide nothing.
    ///
    /// # Errors
    /// [`JoseError::Form`] when they are not base64url.
    pub fn payload_unverified(&self) -> Result<Vec<u8>, JoseError> {
        decode(self.payload).ok_or(JoseError::Form)
    }

    /// As [`Unverified::payload_unverified`], as an object of which no member occurs twice.
    ///
    /// # Errors
    /// As there; [`JoseError::Json`].
    pub fn members_unverified(&self) -> Result<Map<String, Value>, JoseError> {
        json::parse_object(&self.payload_unverified()?)
    }

    /// Verifies with this key.
    ///
    /// # Errors
    /// [`JoseError::Algorithm`] when `alg` names another than the key's; [`JoseError::Signature`].
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified, JoseError> {
        if self.header.algorithm != key.algorithm.name() {
            return Err(JoseError::Algorithm);
        }
        key.verify(self.input.as_bytes(), &self.signature)?;
        self.verified()
    }

    /// Verifies with this secret.
    ///
    /// # Errors
    /// [`JoseError::Algorithm`] when `alg` is not HS256; [`JoseError::Signature`].
    pub fn verify_symmetric(self, key: &SymmetricKey) -> Result<Verified, JoseError> {
        if self.header.algorithm != HS256 {
            return Err(JoseError::Algorithm);
        }
        if !mac::verify_hmac_sha256(&*key.0, self.input.as_bytes(), &self.signature) {
            return Err(JoseError::Signature);
        }
        self.verified()
    }

    fn verified(self) -> Result<Verified, JoseError> {
        let payload = decode(self.payload).ok_or(JoseError::Form)?;
        Ok(Verified {
            header: self.header,
            payload,
        })
    }
}

/// A token whose signature was checked. Who may say this, to whom and until when is still to be asked.
#[derive(Clone, Debug)]
pub struct Verified {
    header: Header,
    payload: Vec<u8>,
}

impl Verified {
    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes that were signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as JSON; for a struct, a member that occurs twice is refused.
    ///
    /// # Errors
    /// [`JoseError::Json`] when it is not what `T` expects, or too deep.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, JoseError> {
        json::parse(&self.payload)
    }

    /// The payload as an object of which no member occurs twice.
    ///
    /// # Errors
    /// As [`Verified::claims`].
    pub fn members(&self) -> Result<Map<String, Value>, JoseError> {
        json::parse_object(&self.payload)
    }
}
