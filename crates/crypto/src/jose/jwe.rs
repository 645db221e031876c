//! Compact JWE (RFC 7516) in the two forms that a primary refresh token's exchanges have, and no other.
//!
//! - A key under somebody's RSA key, `RSA-OAEP` with `A256GCM`: the session key on its way to the device (protocols A.8).
//! - Content under a key that both sides derived, `dir`: answers to requests that the session key signed (protocols
//!   A.10.2). Such an answer says `A256GCM` and is AES-256-CBC with an empty tag, for that is what the clients of this protocol read: TLS
//!   alone keeps it from being altered. A true `A256GCM` is made too, for who reads it.
//!
//! Nothing is chosen by what a token says: who opens one says which of these it has to be. There is no `zip` to
//! inflate, no `p2c` to count to, no `RSA1_5` to be asked about, and `enc` is one.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64ct::{Base64, Encoding};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{JoseError, MAX_TOKEN_LEN, decode, encode, json};
use crate::envelope;
use crate::key::{PrivateKey, PublicKey};
use crate::oaep;

/// The one content encryption.
const A256GCM: &str = "A256GCM";

/// Header members that are refused, whatever they say: those of a signature ([`super`]), and what other ways to a key need.
const REFUSED: [&str; 11] = [
    "jwk", "jku", "x5u", "crit", "zip", "b64", "epk", "apu", "apv", "p2s", "p2c",
];

/// Length of a content key in bytes.
pub const KEY_LEN: usize = 32;

/// Length of the vector of a true `A256GCM`, in bytes.
pub const GCM_IV_LEN: usize = NONCE_LEN;

/// Length of the vector of an answer in CBC, in bytes.
pub const CBC_IV_LEN: usize = envelope::IV_LEN;

const TAG_LEN: usize = 16;

/// How an answer under a derived key is sealed. The vector must be fresh random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// AES-256-CBC with PKCS #7 padding and an empty tag, whatever the header says (protocols A.10.2).
    Cbc([u8; CBC_IV_LEN]),
    /// AES-256-GCM, as the header says.
    Gcm([u8; GCM_IV_LEN]),
}

/// A content key and some content for the holder of an RSA key: `{"enc":"A256GCM","alg":"RSA-OAEP"}`. In the session key's
/// token the content key is the message, and the content nothing (protocols A.8).
///
/// # Errors
/// [`JoseError::Key`] for a key that is not RSA or too weak; [`JoseError::TooLong`].
pub fn to_rsa(
    to: &PublicKey,
    content_key: &[u8; KEY_LEN],
    vector: &[u8; GCM_IV_LEN],
    content: &[u8],
) -> Result<String, JoseError> {
    let wrapped = oaep::wrap(to, content_key).map_err(|_| JoseError::Key)?;
    let protected = encode(br#"{"enc":"A256GCM","alg":"RSA-OAEP"}"#);
    let (sealed, tag) = seal(content_key, vector, &protected, content);
    token(&protected, &wrapped, vector, &sealed, &tag)
}

/// An answer under `key`, which was derived with `context` (protocols A.9, A.10.2):
/// `{"alg":"dir","enc":"A256GCM","ctx":…,"kid":"session"}`.
///
/// # Errors
/// [`JoseError::TooLong`].
pub fn direct(
    key: &[u8; KEY_LEN],
    context: &[u8],
    sealing: Sealing,
    content: &[u8],
) -> Result<String, JoseError> {
    let context = Base64::encode_string(context);
    let header = format!(r#"{{"alg":"dir","enc":"A256GCM","ctx":"{context}","kid":"session"}}"#);
    let protected = encode(header.as_bytes());
    match sealing {
        Sealing::Cbc(vector) => {
            let sealed =
                envelope::encrypt(content, key, &vector).map_err(|_| JoseError::TooLong)?;
            token(&protected, &[], &vector, &sealed, &[])
        }
        Sealing::Gcm(vector) => {
            let (sealed, tag) = seal(key, &vector, &protected, content);
            token(&protected, &[], &vector, &sealed, &tag)
        }
    }
}

fn seal(
    key: &[u8; KEY_LEN],
    vector: &[u8; GCM_IV_LEN],
    protected: &str,
    content: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let mut sealed = content.to_vec();
    let tag = gcm(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(*vector),
            Aad::from(protected.as_bytes()),
            &mut sealed,
        )
        .expect("the content is within what the cipher takes");
    (sealed, tag.as_ref().to_vec())
}

fn gcm(key: &[u8; KEY_LEN]) -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the cipher's length");
    LessSafeKey::new(key)
}

fn token(
    protected: &str,
    wrapped: &[u8],
    vector: &[u8],
    sealed: &[u8],
    tag: &[u8],
) -> Result<String, JoseError> {
    let parts = [wrapped, vector, sealed, tag].map(encode);
    let token = format!("{protected}.{}", parts.join("."));
    if token.len() > MAX_TOKEN_LEN {
        return Err(JoseError::TooLong);
    }
    Ok(token)
}

/// A token that was taken apart, and that nobody has opened yet.
#[derive(Clone, Debug)]
pub struct Encrypted<'a> {
    protected: &'a str,
    members: Map<String, Value>,
    wrapped: Vec<u8>,
    vector: Vec<u8>,
    sealed: Vec<u8>,
    tag: Vec<u8>,
}

impl<'a> Encrypted<'a> {
    /// Takes a compact JWE apart.
    ///
    /// # Errors
    /// [`JoseError`], without a look at what is inside; [`JoseError::Algorithm`] for another `enc` than `A256GCM`.
    pub fn parse(token: &'a str) -> Result<Encrypted<'a>, JoseError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(JoseError::TooLong);
        }
        let mut parts = token.split('.');
        let mut part = || parts.next().ok_or(JoseError::Form);
        let (protected, wrapped, vector, sealed, tag) =
            (part()?, part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(JoseError::Form);
        }
        let bytes = |part: &str| decode(part).ok_or(JoseError::Form);
        let members = json::parse_object(&bytes(protected)?)?;
        if let Some(name) = REFUSED.into_iter().find(|name| members.contains_key(*name)) {
            return Err(JoseError::Refused(name));
        }
        if members.get("enc").and_then(Value::as_str) != Some(A256GCM) {
            return Err(JoseError::Algorithm);
        }
        Ok(Encrypted {
            protected,
            wrapped: bytes(wrapped)?,
            vector: bytes(vector)?,
            sealed: bytes(sealed)?,
            tag: bytes(tag)?,
            members,
        })
    }

    /// A member of the header that is text. The sender's own words until the token is open.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// The content key, as it lies under the recipient's RSA key: what a vault is asked to open.
    ///
    /// # Errors
    /// [`JoseError::Algorithm`] when `alg` is not `RSA-OAEP`.
    pub fn wrapped_key(&self) -> Result<&[u8], JoseError> {
        self.must_be("RSA-OAEP")?;
        Ok(&self.wrapped)
    }

    /// Opens it with a key in this process.
    ///
    /// # Errors
    /// [`JoseError::Algorithm`] as [`Encrypted::wrapped_key`]; [`JoseError::Signature`] when it does not open.
    pub fn open_with(&self, key: &PrivateKey) -> Result<Opened, JoseError> {
        let unwrapped = oaep::unwrap(key, self.wrapped_key()?).map_err(|_| JoseError::Signature)?;
        let mut content_key = Zeroizing::new([0; KEY_LEN]);
        if unwrapped.len() != KEY_LEN {
            return Err(JoseError::Signature);
        }
        content_key.copy_from_slice(&unwrapped);
        let content = self.open_gcm(&content_key)?;
        Ok(Opened {
            content_key,
            content,
        })
    }

    /// Opens an answer with the key that its `ctx` derives, sealed in either way of [`Sealing`]. In CBC nothing
    /// tells whether it was altered: only for what came over a connection that does.
    ///
    /// # Errors
    /// [`JoseError::Algorithm`] when `alg` is not `dir` or a key is brought along; [`JoseError::Signature`] when it does not open.
    pub fn open_direct(&self, key: &[u8; KEY_LEN]) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        self.must_be("dir")?;
        if !self.wrapped.is_empty() {
            return Err(JoseError::Algorithm);
        }
        match <&[u8; CBC_IV_LEN]>::try_from(&self.vector[..]) {
            Ok(vector) if self.tag.is_empty() => envelope::decrypt(&self.sealed, key, vector)
                .map(Zeroizing::new)
                .map_err(|_| JoseError::Signature),
            _ => self.open_gcm(key),
        }
    }

    fn must_be(&self, algorithm: &str) -> Result<(), JoseError> {
        match self.text("alg") {
            Some(named) if named == algorithm => Ok(()),
            _ => Err(JoseError::Algorithm),
        }
    }

    fn open_gcm(&self, key: &[u8; KEY_LEN]) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let vector = <[u8; GCM_IV_LEN]>::try_from(&self.vector[..]);
        let vector = vector.map_err(|_| JoseError::Signature)?;
        // A tag that was cut short would be easier to guess (RFC 7518 5.3).
        if self.tag.len() != TAG_LEN {
            return Err(JoseError::Signature);
        }
        let mut content = Zeroizing::new([&self.sealed[..], &self.tag].concat());
        let length = gcm(key)
            .open_in_place(
                Nonce::assume_unique_for_key(vector),
                Aad::from(self.protected.as_bytes()),
                &mut content,
            )
            .map_err(|_| JoseError::Signature)?
            .len();
        content.truncate(length);
        Ok(content)
    }
}

/// What was inside.
#[derive(Clone)]
pub struct Opened {
    /// The content key; of a session key's token, the session key.
    pub content_key: Zeroizing<[u8; KEY_LEN]>,
    /// The content.
    pub content: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened")
    }
}

#[cfg(test)]
mod tests;
