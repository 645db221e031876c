//! What a peer asks.

use core::fmt;
use std::net::IpAddr;

use base64ct::{Base64, Encoding};
use serde::de::DeserializeOwned;

use super::fields::{Fields, InvalidFields};
use super::headers::Headers;
use super::percent::percent_decode;
use super::{cookie, write_query};

/// A request method (RFC 9110 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
    /// One that no endpoint here answers.
    Other,
}

impl Method {
    /// From the request line. Methods differ by case.
    #[must_use]
    pub fn parse(text: &str) -> Method {
        match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }

    /// The word of the request line; `OTHER` for those that are not sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Other => "OTHER",
        }
    }
}

/// A request as a value, with what its transport proved.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The host that was asked for, with its port if one was written: `Host` or `:authority`. Empty when unknown.
    pub host: String,
    /// The path, percent-encoded as it was sent.
    pub path: String,
    /// The query, without its `?`, percent-encoded as it was sent.
    pub query: String,
    /// The header fields.
    pub headers: Headers,
    /// The body, whole. Its size was limited where it was received.
    pub body: Vec<u8>,
    /// The address from which the request came.
    pub peer: Option<IpAddr>,
    /// The certificate, DER, whose key the peer proved to hold in the TLS handshake. Nothing else of it was
    /// judged: whom it names, who issued it and until when is the party's to check.
    pub client_certificate: Option<Vec<u8>>,
    /// Whether the request came over TLS.
    pub secure: bool,
}

impl Request {
    /// A request without headers and body, of an unknown peer and not over TLS. `target` is the path and, after a
    /// `?`, the query.
    #[must_use]
    pub fn new(method: Method, target: &str) -> Request {
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method,
            host: String::new(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: Headers::new(),
            body: Vec::new(),
            peer: None,
            client_certificate: None,
            secure: false,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Request {
        Request::new(Method::Get, target)
    }

    /// A POST of a form.
    #[must_use]
    pub fn post_form<N: AsRef<str>, V: AsRef<str>>(
        target: &str,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Request {
        let mut request = Request::new(Method::Post, target)
            .with_header("Content-Type", "application/x-www-form-urlencoded");
        request.body = write_query(fields).into_bytes();
        request
    }

    /// A POST of JSON that asks for JSON.
    #[must_use]
    pub fn post_json(target: &str, json: &serde_json::Value) -> Request {
        let mut request = Request::new(Method::Post, target)
            .with_header("Content-Type", "application/json; charset=utf-8")
            .with_header("Accept", "application/json");
        request.body = json.to_string().into_bytes();
        request
    }

    /// The same request with one header field set.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Request {
        self.headers.set(name, value);
        self
    }

    /// The same request to this host.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Request {
        self.host = host.to_owned();
        self
    }

    /// The path and query, as a request line has them.
    #[must_use]
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    /// The host that was asked for, in lower case and without its port.
    #[must_use]
    pub fn host_name(&self) -> String {
        // An IPv6 address holds colons of its own, inside brackets.
        let end = match self.host.rfind(']') {
            Some(bracket) => bracket + 1,
            None => self.host.find(':').unwrap_or(self.host.len()),
        };
        self.host
            .get(..end)
            .unwrap_or_default()
            .to_ascii_lowercase()
    }

    /// Whether the path is `path`, whatever its case (protocols 0.2) and with or without a slash at its end.
    #[must_use]
    pub fn path_is(&self, path: &str) -> bool {
        self.path_matches(path)
            .is_some_and(|captured| captured.is_empty())
    }

    /// Whether the path matches a pattern, as [`Request::path_matches`] has it.
    #[must_use]
    pub fn path_fits(&self, pattern: &str) -> bool {
        // Most patterns are another endpoint's, and end otherwise.
        let mut found = segments(&self.path).rev();
        let mut wanted = segments(pattern).rev();
        self.path.starts_with('/')
            && wanted.all(|wanted| found.next().is_some_and(|found| is_segment(found, wanted)))
            && found.next().is_none()
    }

    /// Matches the path against a pattern, whatever its case and with or without a slash at its end.
    ///
    /// A segment `{…}` of the pattern stands for any one segment that is not empty; their values, decoded, are
    /// returned in order: `/EnrollmentServer/device/{deviceid}`.
    #[must_use]
    pub fn path_matches(&self, pattern: &str) -> Option<Vec<String>> {
        if !self.path_fits(pattern) {
            return None;
        }
        let pairs = segments(pattern).zip(segments(&self.path));
        let captured = pairs.filter(|(wanted, _)| is_variable(wanted));
        Some(captured.map(|(_, found)| percent_decode(found)).collect())
    }

    /// The fields of the query.
    ///
    /// # Errors
    /// [`InvalidFields`].
    pub fn query_fields(&self) -> Result<Fields, InvalidFields> {
        Fields::parse(self.query.as_bytes())
    }

    /// The fields of the body, whatever its Content-Type says: known clients forget to say it (protocols 0.2).
    ///
    /// # Errors
    /// [`InvalidFields`].
    pub fn form(&self) -> Result<Fields, InvalidFields> {
        Fields::parse(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// What is wrong with it, which may quote it: for logs that may see the body, not for the peer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The media type of the body, in lower case and without parameters.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        let value = self.headers.get("Content-Type")?;
        Some(
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
        )
    }

    /// Whether the peer takes this media type: it says so, says nothing, or says anything goes (RFC 9110 12.5.1).
    #[must_use]
    pub fn accepts(&self, media_type: &str) -> bool {
        let mut said_something = false;
        for range in self
            .headers
            .get_all("Accept")
            .flat_map(|value| value.split(','))
        {
            said_something = true;
            let mut parts = range.split(';').map(str::trim);
            let range = parts.next().unwrap_or_default();
            let family = range.strip_suffix("/*");
            let matches = range.eq_ignore_ascii_case(media_type)
                || range == "*/*"
                || family.is_some_and(|family| {
                    media_type
                        .split('/')
                        .next()
                        .is_some_and(|wanted| wanted.eq_ignore_ascii_case(family))
                });
            let refused =
                parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            if matches && !refused {
                return true;
            }
        }
        !said_something
    }

    /// The first cookie of this name.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie::find(self.headers.get_all("Cookie"), name)
    }

    /// The scheme of `Authorization` and what follows it; `None` when there is no such field, or two.
    #[must_use]
    pub fn authorization(&self) -> Option<(&str, &str)> {
        let value = self.headers.get_only("Authorization")?.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        Some((scheme, rest.trim_start()))
    }

    /// The token of `Authorization: Bearer` (RFC 6750 2.1).
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization()?;
        (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
    }

    /// Name and password of `Authorization: Basic` (RFC 7617), as they stand before the first colon and after it.
    ///
    /// OAuth clients percent-encode both first (RFC 6749 2.3.1): undoing that is their endpoint's work.
    #[must_use]
    pub fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.authorization()?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let text = String::from_utf8(Base64::decode_vec(encoded).ok()?).ok()?;
        let (name, password) = text.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }
}

/// Without a slash at its beginning and one at its end.
/// The segments of a path.
#[expect(
    clippy::manual_pattern_char_comparison,
    reason = "the search for a character that the library has costs more than a segment is long"
)]
fn segments(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    bare(path).split(|character| character == '/')
}

/// Whether a segment of a pattern stands for any one.
fn is_variable(wanted: &str) -> bool {
    wanted.starts_with('{') && wanted.ends_with('}')
}

fn is_segment(found: &str, wanted: &str) -> bool {
    if is_variable(wanted) {
        return !found.is_empty();
    }
    // What is encoded is longer than what it stands for.
    match found.len() > wanted.len() && found.as_bytes().contains(&b'%') {
        true => wanted.eq_ignore_ascii_case(&percent_decode(found)),
        false => wanted.eq_ignore_ascii_case(found),
    }
}

fn bare(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path)
}

/// Without query, header values and body, which hold passwords, codes and tokens.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .field("body", &self.body.len())
            .field("peer", &self.peer)
            .field("client_certificate", &self.client_certificate.is_some())
            .field("secure", &self.secure)
            .finish()
    }
}
