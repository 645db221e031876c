//! The administration API: JSON under `/administration/v1`, over HTTPS with a token of the federation, or over
//! the Unix socket of the server itself.

use std::path::Path;

use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::client::{Client, request};
use crate::fault::CallFault;
use crate::sign_in::{Endpoints, Wish};

/// The `keyporch` command as a client of the federation service.
pub const CLIENT: &str = "3f6f9f0a-8c39-4d5e-9c0f-6b2d7a1e5c44";

/// The administration API as a resource of the federation service.
pub const RESOURCE: &str = "urn:keyporch:administration";

/// The way to the administration API.
#[derive(Clone)]
pub struct Administration {
    client: Client,
    base: String,
    token: Option<Zeroizing<String>>,
}

/// Why the API did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Unwilling {
    /// The server could not be asked.
    #[error(transparent)]
    Call(#[from] CallFault),
    /// It refused (`docs/administration-api.md`, "Refusals").
    #[error("{said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The word for programs: `taken`, `not_found`, `invalid_token` …
        code: String,
        /// Its words.
        said: String,
        /// What it advises to do.
        remedy: Option<String>,
        /// The ID of the specification that it names.
        id: Option<String>,
    },
    /// Its answer is not JSON.
    #[error("the administration API's answer was not understood")]
    NotUnderstood,
}

impl Administration {
    /// Over HTTPS, with an access token for [`RESOURCE`].
    #[must_use]
    pub fn over_https(client: Client, base: &str, token: Zeroizing<String>) -> Self {
        Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            token: Some(token),
        }
    }

    /// Over HTTPS as a registered device, which `client` proves by its certificate: for its own policy alone.
    #[must_use]
    pub fn as_device(client: Client, base: &str) -> Self {
        Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// Over the Unix socket at `path`, as root or the service's user.
    #[must_use]
    pub fn over_socket(path: &Path) -> Self {
        Self {
            client: Client::local(path),
            base: "http://localhost".to_owned(),
            token: None,
        }
    }

    /// What to ask the federation service at `base` for, to get a token for the API.
    #[must_use]
    pub fn wish(base: &str, login_hint: Option<String>) -> Wish {
        Self::wish_at(Endpoints::of_federation(base), login_hint)
    }

    /// As [`wish`](Self::wish), of whoever gives tokens there.
    #[must_use]
    pub fn wish_at(endpoints: Endpoints, login_hint: Option<String>) -> Wish {
        Wish {
            endpoints,
            client_id: CLIENT.to_owned(),
            redirect_uri: crate::federation::REDIRECT_URI.to_owned(),
            resource: RESOURCE.to_owned(),
            scope: "openid".to_owned(),
            login_hint,
            fresh_second_factor: false,
        }
    }

    /// Asks for `path` (beginning with a slash, below `/administration/v1`) with `query` and, where it takes one, a
    /// body. The answer's JSON; null for an answer without a body.
    pub fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Unwilling> {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.send(method, path, query, body)
    }

    /// As [`Administration::ask`], with a body of any type: its media type, and its bytes.
    pub fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Value, Unwilling> {
        let url = wire::http::with_query(
            &format!("{}/administration/v1{path}", self.base),
            query.iter().copied(),
        );
        let bearer = self
            .token
            .as_ref()
            .map(|token| Zeroizing::new(format!("Bearer {}", token.as_str())));
        let mut headers = vec![(ACCEPT, "application/json")];
        headers.extend(
            bearer
                .as_ref()
                .map(|bearer| (AUTHORIZATION, bearer.as_str())),
        );
        let (kind, bytes) = body.unzip();
        headers.extend(kind.map(|kind| (CONTENT_TYPE, kind)));
        let bytes = bytes.unwrap_or_default();
        let answer = self.client.send(request(method, &url, &headers, bytes)?)?;
        if answer.status().is_success() {
            return match answer.body().as_slice() {
                [] => Ok(Value::Null),
                body => serde_json::from_slice(body).map_err(|_| Unwilling::NotUnderstood),
            };
        }
        Err(refusal(answer.status().as_u16(), answer.body()))
    }
}

/// A segment of a path, with everything encoded that is not plainly part of one.
#[must_use]
pub fn segment(text: &str) -> String {
    wire::http::percent_encode(text)
}

/// A refusal as `application/problem+json`, or in the words of OAuth where something before the API refused.
fn refusal(status: u16, body: &[u8]) -> Unwilling {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let said = ["detail", "error_description", "title", "error"]
        .iter()
        .find_map(|name| member(name));
    Unwilling::Refused {
        status,
        code: member("code")
            .or_else(|| member("error"))
            .unwrap_or_default(),
        said: said.unwrap_or_else(|| {
            format!("the administration API answered with HTTP status {status}")
        }),
        remedy: member("remedy"),
        id: member("id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_in_its_own_words() {
        let body = br#"{"title":"the name is taken","detail":"there is already an account alice","remedy":"choose another name","code":"taken"}"#;
        let Unwilling::Refused {
            status,
            code,
            said,
            remedy,
            id,
        } = refusal(409, body)
        else {
            panic!()
        };
        assert_eq!((status, code.as_str(), id), (409, "taken", None));
        assert_eq!(said, "there is already an account alice");
        assert_eq!(remedy.as_deref(), Some("choose another name"));
        let Unwilling::Refused { said, .. } = refusal(502, b"<html>") else {
            panic!()
        };
        assert_eq!(said, "the administration API answered with HTTP status 502");
    }
}
