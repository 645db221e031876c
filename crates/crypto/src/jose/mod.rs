//! JSON web signatures, keys and encryption (RFC 7515, RFC 7516, RFC 7517, RFC 7638): the part that our tokens
//! need, and no more of it. Encryption is [`jwe`], with rules of its own.
//!
//! What is not here cannot be confused (security.md row 12). The algorithm belongs to the key: a token's
//! `alg` must name the same one and chooses nothing. `none` is no algorithm. Symmetric keys are a type
//! of their own, [`SymmetricKey`], so that a public key is never taken for a secret. Headers that would
//! bring a key or a place to fetch one from (`jwk`, `jku`, `x5u`), that ask for something we do not
//! do (`crit`, `zip`, `b64`), or that occur twice, are refused. `x5c` is passed on as what the
//! sender says about itself.

mod json;
pub mod jwe;
mod jwk;
mod jws;

#[cfg(test)]
mod tests;

pub use jwk::{Jwk, JwkSet, thumbprint};
pub use jws::{Algorithm, Header, KeySet, SymmetricKey, Unverified, Verified, VerifyingKey, sign};

use crate::key::WeakKey;

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_LEN: usize = 64 * 1024;

/// How deep JSON may nest.
pub const MAX_JSON_DEPTH: usize = 16;

/// Why a token or key was refused. What the peer learns is the caller's choice; none of these texts
/// holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// Longer than [`MAX_TOKEN_LEN`].
    #[error("token is too long")]
    TooLong,
    /// Not three parts of base64url without padding; five of something encrypted.
    #[error("token is not a compact jws or jwe")]
    Form,
    /// Not the JSON that was expected, or nested deeper than [`MAX_JSON_DEPTH`].
    #[error("not the expected json")]
    Json,
    /// A header or key member that we refuse.
    #[error("member {0} is refused")]
    Refused(&'static str),
    /// `alg` is not the key's algorithm, or the key has none.
    #[error("algorithm is not that of the key")]
    Algorithm,
    /// The token names no key that we have.
    #[error("token names no known key")]
    UnknownKey,
    /// The signature does not verify; something encrypted does not open.
    #[error("token does not verify")]
    Signature,
    /// The signer failed.
    #[error("token was not signed")]
    NotSigned,
    /// A key that is not a public key of a kind we know.
    #[error("not a public jwk of a supported kind")]
    Key,
    /// A public key that nobody should trust.
    #[error(transparent)]
    Weak(#[from] WeakKey),
}

/// base64url without padding. Strict: no other characters, no bits behind the last byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(bytes)
}

/// The bytes of [`encode`]'s text.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::decode_vec(text).ok()
}
