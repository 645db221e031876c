//! What a party answers.

use core::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cookie::SetCookie;
use super::headers::Headers;

/// A response as a value.
///
/// Each constructor sets `Cache-Control: no-store`: what these parties say is for one peer and one moment. The few
/// documents that may be cached say so by [`Response::with_header`].
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code, 100 to 599.
    pub status: u16,
    /// The header fields. `Content-Length` and `Date` are the server's to add.
    pub headers: Headers,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    #[must_use]
    pub fn empty(status: u16) -> Response {
        let mut headers = Headers::new();
        headers.set("Cache-Control", "no-store");
        Response {
            status,
            headers,
            body: Vec::new(),
        }
    }

    /// A response of any media type.
    #[must_use]
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        let mut response = Response::empty(status).with_header("Content-Type", content_type);
        response.body = body.into();
        response
    }

    /// A JSON response, `application/json; charset=utf-8` (protocols 0.2).
    ///
    /// A value that has no JSON form (a map whose keys are not texts) becomes status 500 without a body.
    #[must_use]
    pub fn json(status: u16, value: &impl Serialize) -> Response {
        match serde_json::to_vec(value) {
            Ok(body) => Response::bytes(status, "application/json; charset=utf-8", body),
            Err(_) => Response::empty(500),
        }
    }

    /// A page.
    #[must_use]
    pub fn html(status: u16, page: impl Into<String>) -> Response {
        Response::bytes(status, "text/html; charset=utf-8", page.into())
    }

    /// A line of text.
    #[must_use]
    pub fn text(status: u16, text: &str) -> Response {
        Response::bytes(status, "text/plain; charset=utf-8", text)
    }

    /// A redirect by 302, after which browsers ask with GET. That `location` may be trusted is the caller's duty.
    #[must_use]
    pub fn redirect(location: &str) -> Response {
        Response::empty(302).with_header("Location", location)
    }

    /// The same response with one header field set in place of others of its name.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Response {
        self.headers.set(name, value);
        self
    }

    /// The same response that also sets a cookie.
    #[must_use]
    pub fn with_cookie(mut self, cookie: &SetCookie) -> Response {
        self.headers.append("Set-Cookie", &cookie.to_string());
        self
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// What is wrong with it, which may quote it.
    pub fn json_body<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Without header values and body, which hold tokens.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .finish()
    }
}
