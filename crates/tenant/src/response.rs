//! The shape of an answer with tokens (protocols A.3.1).
//!
//! Which member is a number and which is text is the endpoint's version: the first says numbers in text. What is not there
//! is left out; a `null` makes known clients fail.

use serde::Serialize;
use serde_json::Value;
use trust::Timestamp;

/// An answer with tokens.
#[derive(Serialize)]
pub(crate) struct TokenResponse {
    token_type: &'static str,
    scope: String,
    expires_in: Value,
    /// Known clients fail without it.
    ext_expires_in: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_info: Option<String>,
    /// `1` where the refresh token serves the family of brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) foci: Option<&'static str>,
}

/// Without the tokens.
impl core::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("scope", &self.scope)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

impl TokenResponse {
    /// An answer with this access token, which ends at `ends` (seconds since 1970).
    pub(crate) fn new(
        v2: bool,
        access_token: String,
        resource: &str,
        scope: String,
        ends: i64,
        now: Timestamp,
    ) -> Self {
        let number = |number: i64| match v2 {
            true => Value::from(number),
            false => Value::from(number.to_string()),
        };
        let of_first = |value: Value| (!v2).then_some(value);
        Self {
            token_type: "Bearer",
            scope,
            expires_in: number(ends - now.unix()),
            ext_expires_in: number(ends - now.unix()),
            expires_on: of_first(number(ends)),
            not_before: of_first(number(now.unix())),
            resource: (!v2).then(|| resource.to_owned()),
            access_token,
            refresh_token: None,
            id_token: None,
            client_info: None,
            foci: None,
        }
    }
}
