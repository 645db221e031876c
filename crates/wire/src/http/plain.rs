//! What a client that fetches by plain HTTP/1.0 must know (RFC 9112): the parts of a URL, and what a server's
//! whole answer says.
//!
//! Revocation lists and OCSP answers come this way (RFC 5280 8): they are signed, so whoever stands between may
//! withhold them and no more. Whom to talk to, how long, and how often to go elsewhere is the caller's.

/// The longest URL, in bytes.
pub const MAX_URL: usize = 2_048;

/// The longest head of an answer, in bytes.
pub const MAX_HEAD: usize = 16 * 1024;

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understood<'a> {
    /// Here it is, whole.
    Body(&'a [u8]),
    /// It is elsewhere: a URL, which nobody has looked at yet.
    Elsewhere(String),
}

/// Why an answer brings nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// It is no HTTP response, it is cut short, or it comes in pieces, which HTTP/1.0 does not know.
    #[error("what came is no HTTP response")]
    NotHttp,
    /// Another status than 200.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The body is longer than was asked for.
    #[error("it is longer than {0} bytes")]
    Size(usize),
}

/// Authority and path, with its query, of an `http` URL without anything that could break a request's lines.
/// `None` for another.
#[must_use]
pub fn parts(url: &str) -> Option<(&str, String)> {
    let clean = url.len() <= MAX_URL && url.bytes().all(|byte| byte.is_ascii_graphic());
    let rest = url
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let rest = rest.and_then(|_| url.get(7..)).filter(|_| clean)?;
    let rest = rest.split('#').next()?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(at)?;
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    };
    Some((authority, path))
}

/// What a server answered that was asked for `url`, all of it until it closed the connection. The body has at most `most`
/// bytes.
///
/// # Errors
/// [`NotUnderstood`].
pub fn understand<'a>(
    response: &'a [u8],
    url: &str,
    most: usize,
) -> Result<Understood<'a>, NotUnderstood> {
    let not_http = NotUnderstood::NotHttp;
    let end = response
        .windows(4)
        .take(MAX_HEAD)
        .position(|four| four == b"\r\n\r\n");
    let (head, body) = response
        .split_at_checked(end.ok_or(not_http)?)
        .ok_or(not_http)?;
    let body = body.get(4..).unwrap_or_default();
    let head = core::str::from_utf8(head).map_err(|_| not_http)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(status).ok_or(not_http)?;
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let all = |name: &'static str| {
        let own = fields
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.trim())
    };
    if matches!(status, 301 | 302 | 303 | 307 | 308) {
        let to = all("location").next().ok_or(not_http)?;
        return Ok(Understood::Elsewhere(resolved(to, url)));
    }
    if status != 200 {
        return Err(NotUnderstood::Status(status));
    }
    // We asked as a client that knows no pieces.
    if all("transfer-encoding").next().is_some() {
        return Err(not_http);
    }
    let mut lengths = all("content-length");
    let body = match lengths.next() {
        None => body,
        Some(length) => {
            // Two that differ leave open where the body ends (RFC 9112 6.3).
            if lengths.any(|other| other != length) {
                return Err(not_http);
            }
            let length = number(length).ok_or(not_http)?;
            body.get(..length).ok_or(not_http)?
        }
    };
    if body.len() > most {
        return Err(NotUnderstood::Size(most));
    }
    Ok(Understood::Body(body))
}

/// The three digits of `HTTP/1.1 200 OK`.
fn status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.")?;
    let mut words = rest.split(' ');
    let _minor = words.next().filter(|minor| minor.len() == 1)?;
    let code = words.next().filter(|code| code.len() == 3)?;
    number(code).and_then(|code| u16::try_from(code).ok())
}

/// A number of digits alone: other than `parse`, which takes a sign.
fn number(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// A place that may be given as a path alone.
fn resolved(to: &str, from: &str) -> String {
    match (to.starts_with('/'), parts(from)) {
        (true, Some((authority, _))) => format!("http://{authority}{to}"),
        _ => to.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(response: &str) -> Result<&[u8], NotUnderstood> {
        match understand(response.as_bytes(), "http://a/list", 8)? {
            Understood::Body(body) => Ok(body),
            Understood::Elsewhere(to) => panic!("sent to {to}"),
        }
    }

    #[test]
    fn a_body_comes_whole_or_not_at_all() {
        assert_eq!(body("HTTP/1.0 200 OK\r\n\r\nlist"), Ok(&b"list"[..]));
        assert_eq!(body("HTTP/1.1 200\r\n\r\n"), Ok(&b""[..]));
        let with =
            |head: &str| body(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\nlist")).map(<[u8]>::len);
        assert_eq!(with("content-length: 4"), Ok(4));
        assert_eq!(with("Content-Length: 4\r\nContent-Length: 4"), Ok(4));
        for head in [
            "Content-Length: 5",
            "Content-Length: +4",
            "Content-Length: 4\r\nContent-Length: 3",
            "Content-Length: four",
            "Transfer-Encoding: chunked",
        ] {
            assert_eq!(with(head), Err(NotUnderstood::NotHttp), "{head}");
        }
        assert_eq!(
            body("HTTP/1.1 200 OK\r\n\r\n123456789"),
            Err(NotUnderstood::Size(8))
        );
    }

    #[test]
    fn a_status_has_three_digits() {
        assert_eq!(
            body("HTTP/1.1 404 Not Found\r\n\r\n"),
            Err(NotUnderstood::Status(404))
        );
        for line in [
            "HTTP/2 200 OK",
            "HTTP/1.1 +20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1x200 OK",
            "SSH-2.0-x",
            "",
        ] {
            assert_eq!(
                body(&format!("{line}\r\n\r\n")),
                Err(NotUnderstood::NotHttp),
                "{line}"
            );
        }
    }

    #[test]
    fn a_redirection_may_be_a_path_alone() {
        let to = |place: &str| {
            let response = format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\n\r\n");
            match understand(response.as_bytes(), "http://a:1/x", 8) {
                Ok(Understood::Elsewhere(to)) => to,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(to("/b?c"), "http://a:1/b?c");
        assert_eq!(to("http://c/"), "http://c/");
        assert_eq!(to("https://c/"), "https://c/");
    }

    #[test]
    fn only_plain_http_is_spoken() {
        for url in [
            "https://a/",
            "ldap://a/",
            "file:///etc/passwd",
            "http://",
            "http://u@a/",
            "http://a/ b",
            "http://a/\r\nX: y",
            "",
        ] {
            assert_eq!(parts(url), None, "{url:?}");
        }
        assert_eq!(parts("http://a?b"), Some(("a", "/?b".to_owned())));
        assert_eq!(
            parts("HTTP://[::1]:8/c#d"),
            Some(("[::1]:8", "/c".to_owned()))
        );
    }
}
