//! What the tenant answers: a primary refresh token with its session key (protocols A.7.4, A.8), or an access token, in the
//! open or under the session key (A.10.2).

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use crypto::jose::jwe::Encrypted;
use crypto::kdf::conversation_key;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use trust::{Span, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::prt::SESSION_KEY;
use crate::vault::Vault;

/// The longest life of a token that is believed, whatever the tenant says.
const LONGEST: i64 = 366 * 24 * 60 * 60;

/// An answer of the tenant that is not what it should be: which part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the tenant's answer was not understood: {0}")]
pub struct NotUnderstood(pub &'static str);

/// Protocols A.7.4. Members that this device has no use for are not read.
#[derive(Deserialize)]
pub(crate) struct PrtAnswer {
    #[serde(deserialize_with = "secret")]
    refresh_token: Zeroizing<String>,
    #[serde(deserialize_with = "number")]
    refresh_token_expires_in: i64,
    #[serde(default)]
    session_key_jwe: Option<String>,
    #[serde(default)]
    id_token: Option<String>,
}

/// Who a token is for, as its ID token says.
pub(crate) struct Named {
    pub(crate) upn: String,
    pub(crate) tenant: Option<Guid>,
}

impl PrtAnswer {
    pub(crate) fn refresh_token(&self) -> &str {
        &self.refresh_token
    }

    /// When the token ends that came at `now`.
    pub(crate) fn expires(&self, now: Timestamp) -> Timestamp {
        now + Span::seconds(self.refresh_token_expires_in.clamp(0, LONGEST))
    }

    /// For whom it is, by whom. It came over TLS from the tenant itself, so that nothing is verified anew.
    pub(crate) fn named(&self) -> Result<Named, NotUnderstood> {
        let missing = NotUnderstood("it does not say whose the token is");
        let payload = self
            .id_token
            .as_deref()
            .and_then(|token| token.split('.').nth(1));
        let claims = payload.and_then(|payload| {
            let json = Base64UrlUnpadded::decode_vec(payload).ok()?;
            serde_json::from_slice::<Value>(&json).ok()
        });
        let claims = claims.ok_or(missing)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let upn = text("upn").or_else(|| text("preferred_username"));
        Ok(Named {
            upn: upn.ok_or(missing)?.to_owned(),
            tenant: text("tid").and_then(|tid| tid.parse().ok()),
        })
    }

    /// The session key, which the transport key alone unwraps. What is beside the wrapped key in the token says nothing.
    pub(crate) fn session_key(
        &self,
        vault: &dyn Vault,
    ) -> Result<Zeroizing<Vec<u8>>, NotUnderstood> {
        let token = self
            .session_key_jwe
            .as_ref()
            .ok_or(NotUnderstood("there is no session key"))?;
        let token = Encrypted::parse(token).map_err(|_| NotUnderstood("the session key's form"))?;
        let wrapped = token
            .wrapped_key()
            .map_err(|_| NotUnderstood("the session key's form"))?;
        let key = vault
            .unwrap_session_key(wrapped)
            .map_err(|_| NotUnderstood("the session key is not for this device"))?;
        match key.len() {
            SESSION_KEY => Ok(key),
            _ => Err(NotUnderstood("the session key's length")),
        }
    }
}

/// An access token.
#[derive(Clone, Deserialize)]
pub struct AccessToken {
    /// The token itself, as `Authorization` carries it.
    #[serde(deserialize_with = "secret")]
    pub access_token: Zeroizing<String>,
    /// For how many seconds it is valid.
    #[serde(deserialize_with = "number")]
    pub expires_in: i64,
    /// What it is for, where the tenant says so.
    #[serde(default)]
    pub scope: Option<String>,
}

impl core::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AccessToken")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The plaintext of an answer to a request that a session key signed: as it came where it is JSON, else opened with a key that
/// the session key derives from the answer's own context, by version 1 whatever the request's (protocols A.10.2).
pub(crate) fn opened(
    body: Zeroizing<Vec<u8>>,
    session_key: &[u8; SESSION_KEY],
) -> Result<Zeroizing<Vec<u8>>, NotUnderstood> {
    if body.trim_ascii_start().starts_with(b"{") {
        return Ok(body);
    }
    let form = NotUnderstood("the encrypted answer's form");
    let text = std::str::from_utf8(&body).map_err(|_| form)?.trim();
    let token = Encrypted::parse(text).map_err(|_| form)?;
    let context = token.text("ctx").ok_or(form)?;
    let context = Base64::decode_vec(context)
        .or_else(|_| Base64UrlUnpadded::decode_vec(context.trim_end_matches('=')))
        .map_err(|_| form)?;
    let key = conversation_key(session_key, &context);
    token
        .open_direct(&key)
        .map_err(|_| NotUnderstood("the answer is not under this session key"))
}

/// Reads JSON.
pub(crate) fn read<'de, T: Deserialize<'de>>(
    body: &'de [u8],
    what: &'static str,
) -> Result<T, NotUnderstood> {
    serde_json::from_slice(body).map_err(|_| NotUnderstood(what))
}

/// Seconds as a number or as text (protocols 0.2).
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}
