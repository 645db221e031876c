//! Which addresses a client may register for codes and for the way back after signing out.

use crate::client::source_of;

/// Why an address cannot be registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotRegistrable {
    /// It is not absolute, has a fragment, or is of a scheme that runs something in a browser.
    #[error(
        "it must be absolute, without a fragment, and of a scheme that runs nothing in a browser"
    )]
    Form,
    /// It is of the web, and its host is none: it has a user name, or characters that stand for something else elsewhere.
    #[error("after https:// there must be a host and nothing else before the path")]
    Host,
    /// It would send codes without TLS over the network.
    #[error("it must be https; plain http is for 127.0.0.1, [::1] and localhost alone")]
    Plain,
}

/// Checks an address that a client is to have: absolute, without a fragment, of a scheme that runs nothing in a browser,
/// over TLS where it leads over the network, and with a host that pages may name as one that they lead to
/// ([`crate::client::source_of`]).
///
/// # Errors
/// [`NotRegistrable`].
pub fn check(uri: &str) -> Result<(), NotRegistrable> {
    if !is_possible(uri) {
        return Err(NotRegistrable::Form);
    }
    if is_open_to_listeners(uri) {
        return Err(NotRegistrable::Plain);
    }
    source_of(uri).map(|_| ()).ok_or(NotRegistrable::Host)
}

/// Whether what is sent to a URI crosses the network without TLS: a code that anybody on the way reads (RFC 9700 2.6).
/// The machine itself is no network (RFC 8252 7.3).
fn is_open_to_listeners(uri: &str) -> bool {
    let (scheme, rest) = uri.split_once(':').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http") {
        return false;
    }
    let rest = rest.strip_prefix("//").unwrap_or_default();
    // Some take a backslash for a slash, and some do not: with one in it, no host is ours.
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    let own = ["127.0.0.1", "[::1]", "localhost"];
    !own.iter().any(|own| own.eq_ignore_ascii_case(host))
}

/// Whether a URI may be registered: absolute, without a fragment, and of a scheme that runs nothing in a browser.
fn is_possible(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let scheme_is_one = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let runs = ["javascript", "data", "vbscript", "file", "blob", "about"];
    scheme_is_one
        && uri.len() <= 2048
        && !runs.iter().any(|bad| bad.eq_ignore_ascii_case(scheme))
        && !rest.trim_start_matches('/').is_empty()
        && uri
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_has_a_fragment_or_is_not_absolute_is_no_address() {
        for uri in [
            "",
            "/done",
            "https://",
            "https://app.example/#x",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "https://app.example/a b",
        ] {
            assert_eq!(check(uri), Err(NotRegistrable::Form), "{uri}");
        }
    }

    #[test]
    fn what_is_no_host_says_nothing_in_a_policy_of_ours() {
        for uri in [
            "https://app.example;script-src",
            "https://app.example;script-src/done",
            "https://app.example,evil.example/done",
            "https://user@app.example/done",
            "https://app.example\\evil.example/",
            "https://'unsafe-inline'/",
            "https:///done",
            "https:app.example/done",
            "HTTPS:/app.example/done",
            "https://*/done",
        ] {
            assert_eq!(check(uri), Err(NotRegistrable::Host), "{uri}");
            assert_eq!(source_of(uri), None, "{uri}");
        }
        for uri in [
            "https://app.example/a;b",
            "HTTPS://app.example/",
            "https://[2001:db8::1]:8443/",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn codes_cross_no_network_without_tls() {
        for uri in [
            "http://app.example/done",
            "HTTP://app.example:8080/",
            "http:app.example",
            "http:\\\\app.example/",
            "http://localhost.app.example/",
            "http://127.0.0.1:80@app.example/",
            "http://localhost\\.app.example/",
            "http://10.0.0.1/",
        ] {
            assert_eq!(check(uri), Err(NotRegistrable::Plain), "{uri}");
        }
        for uri in [
            "http://127.0.0.1/done",
            "http://[::1]:8080",
            "http://localhost:3000/done",
            "com.example.app:/done",
            "https://app.example/done",
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn an_address_has_an_end() {
        let longest = format!("https://app.example/{}", "x".repeat(2048 - 20));
        assert_eq!(check(&longest), Ok(()));
        assert_eq!(check(&format!("{longest}x")), Err(NotRegistrable::Form));
    }
}
