//! Cookies (RFC 6265).

use core::fmt;

/// When a browser sends a cookie with requests that other sites began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When a person follows a link.
    Lax,
    /// Always; browsers demand `Secure` with it.
    None,
}

/// A cookie to be set: for the whole host, out of reach of scripts, and over TLS alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The name, a token (RFC 9110 5.6.2).
    pub name: String,
    /// The value. Characters that a cookie value cannot hold (RFC 6265 4.1.1) are left out.
    pub value: String,
    /// For how many seconds; `None` until the browser is closed. Zero removes the cookie.
    pub max_age: Option<u64>,
    /// The path under which it is sent.
    pub path: String,
    /// With which requests of other sites it is sent.
    pub same_site: SameSite,
}

impl SetCookie {
    /// A cookie for the whole host until the browser is closed, not sent with requests that other sites began
    /// unless a person follows a link.
    #[must_use]
    pub fn session(name: &str, value: &str) -> SetCookie {
        SetCookie {
            name: name.to_owned(),
            value: value.to_owned(),
            max_age: None,
            path: "/".to_owned(),
            same_site: SameSite::Lax,
        }
    }

    /// The removal of a cookie.
    #[must_use]
    pub fn removal(name: &str) -> SetCookie {
        SetCookie {
            max_age: Some(0),
            ..SetCookie::session(name, "")
        }
    }
}

impl fmt::Display for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value: String = self
            .value
            .chars()
            .filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | ',' | ';' | '\\'))
            .collect();
        write!(
            f,
            "{}={value}; Path={}; Secure; HttpOnly; SameSite={:?}",
            self.name, self.path, self.same_site
        )?;
        match self.max_age {
            Some(seconds) => write!(f, "; Max-Age={seconds}"),
            None => Ok(()),
        }
    }
}

/// Without the value, which is a secret more often than not.
impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The value of the first cookie of this name in `Cookie` header fields.
pub(super) fn find<'a>(headers: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    headers
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| known.trim_end() == name)
        .map(|(_, value)| {
            let value = value.trim();
            value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .unwrap_or(value)
        })
}
