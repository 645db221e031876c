//! A client's proof by a signed assertion: `private_key_jwt` (RFC 7523 2.2 and 3, OpenID Connect Core 9).
//!
//! What is registered decides: the key, and with it the algorithm. The header chooses among the client's own keys and
//! says nothing else that counts.

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto::jose::{Algorithm, Header, Unverified, VerifyingKey};
use crypto::key::PublicKey;
use serde::Deserialize;
use serde_json::Value;
use trust::{Span, Timestamp};

use crate::client::{Client, ClientCredential, ClientKind, CredentialKind};

/// How far ahead an assertion may end, and so how long its use must be remembered.
const LONGEST: Span = Span::minutes(10);
/// How far the client's clock may be ahead.
const SKEW: Span = Span::minutes(1);
/// The longest `jti`, in bytes.
const LONGEST_ID: usize = 256;
/// How many keys of a client are tried on an assertion that names none.
const MOST_KEYS: usize = 8;
/// The longest assertion that is looked into for its client, in bytes.
const LONGEST_ASSERTION: usize = crypto::jose::MAX_TOKEN_LEN;

/// Why an assertion is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAsserted {
    /// `client_assertion_type` is not a JWT's.
    #[error("the client_assertion_type is not that of a JWT")]
    Type,
    /// It is no JWT, or its claims cannot be read.
    #[error("it cannot be read")]
    Form,
    /// The client has no such key, or not now, or the signature is not by it.
    #[error("it is not signed by a key of the client's")]
    Signature,
    /// `iss` or `sub` is another.
    #[error("it speaks of another client")]
    Client,
    /// `aud` is another.
    #[error("it is for another audience")]
    Audience,
    /// It is over, not yet valid, or valid for more than ten minutes.
    #[error("it is not valid now, or for too long")]
    Time,
    /// It has no `jti`, by which a second use could be known.
    #[error("it has no name")]
    NoName,
    /// It was used before.
    #[error("it was used before")]
    Used,
}

/// An assertion that was accepted, unless it was used before. Only [`verify`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asserted {
    /// Its name, the client's before it: to be claimed in the commit of what follows.
    pub once: Vec<u8>,
    /// Until when its use must be remembered.
    pub until: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The `sub` of an assertion, of which nothing is proven: to find the client of a request that does not name it.
#[must_use]
pub fn subject(assertion: &str) -> Option<String> {
    if assertion.len() > LONGEST_ASSERTION {
        return None;
    }
    let payload = assertion.split('.').nth(1)?;
    let payload = Base64UrlUnpadded::decode_vec(payload).ok()?;
    // The reader has its own bound on depth.
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("sub")?.as_str()?.to_owned())
}

/// Judges an assertion by which `client` proves itself to one of `audiences`: this authority's issuers and its token
/// endpoint. Whether it was used before, the caller looks up by [`Asserted::once`].
///
/// # Errors
/// [`NotAsserted`].
pub fn verify(
    assertion: &str,
    client: &Client,
    audiences: &[&str],
    now: Timestamp,
) -> Result<Asserted, NotAsserted> {
    let ClientKind::Confidential(credentials) = &client.kind else {
        return Err(NotAsserted::Client);
    };
    let token = Unverified::parse(assertion).map_err(|_| NotAsserted::Form)?;
    let keys = credentials
        .iter()
        .filter(|credential| credential.counts(now))
        .filter_map(|credential| key_of(credential, token.header()));
    let verified = keys
        .take(MOST_KEYS)
        .find_map(|key| token.clone().verify(&key).ok())
        .ok_or(NotAsserted::Signature)?;
    let claims: Claims = verified.claims().map_err(|_| NotAsserted::Form)?;
    let own = |id: &str| id.eq_ignore_ascii_case(&client.id);
    if !own(&claims.iss) || !own(&claims.sub) {
        return Err(NotAsserted::Client);
    }
    let for_us = |audience: &String| audiences.contains(&audience.as_str());
    let meant = match &claims.aud {
        Audience::One(audience) => for_us(audience),
        // Whoever else is named could use it here.
        Audience::Several(list) => list.len() <= 8 && list.iter().all(for_us) && !list.is_empty(),
    };
    if !meant {
        return Err(NotAsserted::Audience);
    }
    let ends = Timestamp::from_unix(claims.exp);
    let begins = claims.nbf.map(Timestamp::from_unix);
    if now >= ends || ends > now + LONGEST + SKEW || begins.is_some_and(|at| at > now + SKEW) {
        return Err(NotAsserted::Time);
    }
    let name = claims
        .jti
        .filter(|name| !name.is_empty() && name.len() <= LONGEST_ID)
        .ok_or(NotAsserted::NoName)?;
    Ok(Asserted {
        once: format!("{} {name}", client.id.to_ascii_lowercase()).into_bytes(),
        until: ends,
    })
}

/// The key of a credential, if the header names that one, tied to the algorithm that it is used for.
fn key_of(credential: &ClientCredential, header: &Header) -> Option<VerifyingKey> {
    let named = header.text("alg").and_then(Algorithm::from_name);
    let (key, fixed) = match &credential.kind {
        CredentialKind::Secret(_) => return None,
        CredentialKind::Key { id, key, algorithm } => {
            let named = match (header.key_id(), id) {
                (Some(named), Some(id)) => named == id,
                // Without a name on either side, whoever has one key means it.
                (None, _) | (Some(_), None) => true,
            };
            (named.then_some(key)?, *algorithm)
        }
        CredentialKind::Certificate { sha1, sha256, key } => {
            let names = [
                Base64UrlUnpadded::encode_string(sha1),
                Base64UrlUnpadded::encode_string(sha256),
            ];
            let told = [header.text("x5t"), header.text("x5t#S256"), header.key_id()];
            let named = told
                .into_iter()
                .flatten()
                .any(|told| names.iter().any(|name| name == told));
            (named.then_some(key)?, None)
        }
    };
    let algorithm = match (fixed, key) {
        (Some(fixed), _) => fixed,
        // Two ways to sign with one kind of key; neither can be taken for the other.
        (None, PublicKey::Rsa(_)) => {
            named.filter(|named| matches!(named, Algorithm::Rs256 | Algorithm::Ps256))?
        }
        (None, PublicKey::Ec(_)) => Algorithm::default_for(key),
    };
    VerifyingKey::new(key.clone(), algorithm, None).ok()
}

#[cfg(test)]
mod tests;
