//! An HTTP request in the fuzzer's bytes, and what every answer to one must be like.
//!
//! ```text
//! POST /path?query
//! Name: value
//! :certificate {device}
//!
//! body
//! ```
//!
//! `{word}` stands for something of the target's world that nobody could guess: a token, a cookie, a ticket. Without
//! one, a request is a stranger's, and must change nothing.

use base64ct::{Base64, Encoding};
use wire::http::{Headers, Method, Request, Response};

/// Something of the world that a request can show.
pub(crate) type Word = (&'static str, Vec<u8>);

/// A request, and whether it shows anything that only somebody known has.
pub(crate) struct Written {
    pub(crate) request: Request,
    pub(crate) stranger: bool,
    /// The words that it shows.
    pub(crate) shown: Vec<&'static str>,
    /// What stands on lines of our own: `:name value`.
    pub(crate) marks: Vec<(String, Vec<u8>)>,
}

impl Written {
    pub(crate) fn mark(&self, name: &str) -> Option<&[u8]> {
        let found = self.marks.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// What the transport proved: `:certificate`, in Base64 or as it is.
    pub(crate) fn certificate(&self) -> Option<Vec<u8>> {
        let mark = self.mark("certificate")?;
        let decoded = std::str::from_utf8(mark).map(Base64::decode_vec);
        Some(match decoded {
            Ok(Ok(der)) => der,
            _ => mark.to_vec(),
        })
    }
}

/// Reads a request over TLS from one office. `None` when it has more header fields than `serve` lets through.
pub(crate) fn read(bytes: &[u8], words: &[Word]) -> Option<Written> {
    let (bytes, shown) = spelled_out(bytes, words);
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (&bytes[..], &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (method, target) = first.split_once(' ').unwrap_or((&first, ""));
    let mut request = Request::new(Method::parse(method), target);
    request.secure = true;
    request.host = "sts.corp.example".to_owned();
    request.peer = Some([192, 0, 2, 7].into());
    request.body = body.to_vec();
    request.headers = Headers::new();
    let mut marks = Vec::new();
    for line in lines {
        if let Some(mark) = line.strip_prefix(b":") {
            let end = mark
                .iter()
                .position(|byte| *byte == b' ')
                .unwrap_or(mark.len());
            let (name, value) = mark.split_at(end);
            let name = String::from_utf8_lossy(name).into_owned();
            marks.push((name, value.get(1..).unwrap_or_default().to_vec()));
            continue;
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        request.headers.receive(name, value.trim()).ok()?;
    }
    Some(Written {
        request,
        stranger: shown.is_empty(),
        shown,
        marks,
    })
}

/// The bytes with what its words stand for, and which those were.
fn spelled_out(bytes: &[u8], words: &[Word]) -> (Vec<u8>, Vec<&'static str>) {
    let (mut out, mut shown) = (Vec::with_capacity(bytes.len()), Vec::new());
    let mut rest = bytes;
    while let Some(open) = rest.iter().position(|byte| *byte == b'{') {
        let (before, from) = rest.split_at(open);
        out.extend_from_slice(before);
        let found = words.iter().find(|(name, _)| {
            from.get(1..=name.len()) == Some(name.as_bytes())
                && from.get(name.len() + 1) == Some(&b'}')
        });
        match found {
            Some((name, value)) => {
                out.extend_from_slice(value);
                shown.push(*name);
                rest = &from[name.len() + 2..];
            }
            None => {
                out.push(b'{');
                rest = &from[1..];
            }
        }
    }
    out.extend_from_slice(rest);
    (out, shown)
}

/// What every answer is: one that HTTP can carry, that nothing keeps by mistake, and no fault of ours. `may_be_kept`
/// are the paths of the documents that everybody may have.
pub(crate) fn check(request: &Request, response: &Response, may_be_kept: &[&str]) {
    let status = response.status;
    assert!(
        (200..500).contains(&status),
        "status {status} for {request:?}"
    );
    for (name, value) in response.headers.iter() {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        assert!(
            !name.is_empty() && name.bytes().all(token),
            "header {name:?}"
        );
        let sendable = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        assert!(value.bytes().all(sendable), "header {name}: {value:?}");
    }
    let cache = response.headers.get("Cache-Control");
    let kept = may_be_kept.iter().any(|path| request.path_is(path)) && status == 200;
    assert!(
        cache == Some("no-store") || kept,
        "Cache-Control {cache:?} for {request:?}"
    );
    let kind = response.headers.get("Content-Type").unwrap_or_default();
    assert!(
        !kind.is_empty() || response.body.is_empty(),
        "a body without a type"
    );
    if kind.starts_with("application/json") {
        let read = serde_json::from_slice::<serde_json::Value>(&response.body);
        assert!(read.is_ok(), "what says it is JSON is none: {request:?}");
    }
    if kind.starts_with("text/html") {
        page(response);
    }
    if status == 405 {
        assert!(
            response.headers.get("Allow").is_some(),
            "405 without Allow: {request:?}"
        );
    }
}

/// A page loads nothing, is framed by nobody, and holds no script, whatever was put into it.
fn page(response: &Response) {
    let policy = response
        .headers
        .get_only("Content-Security-Policy")
        .expect("a page has one policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-")
            && policy.ends_with("base-uri 'none'; frame-ancestors 'none'")
            && policy.matches(';').count() == 4,
        "{policy}"
    );
    for (name, value) in [
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ] {
        assert_eq!(response.headers.get_only(name), Some(value), "{name}");
    }
    let html = std::str::from_utf8(&response.body).expect("a page is UTF-8");
    for tag in ["<script", "<iframe", "<object", "<base", "<img"] {
        // What a peer wrote is escaped, and so has no `<`.
        assert!(!html.contains(tag), "a page holds {tag}");
    }
    let _ = token::pages::reader::read(html);
}
