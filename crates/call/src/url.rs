//! Addresses on one server: enough of RFC 3986 to follow our own redirections and forms.

/// An `http` or `https` address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Url {
    text: String,
    /// Where the path begins in `text`.
    path: usize,
}

impl Url {
    /// The address in `text`, without its fragment; `None` when it is none, or names a user.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split('#').next()?;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        let host = text.find("://").filter(|_| plain)? + 3;
        if !matches!(
            text.get(..host)?.to_ascii_lowercase().as_str(),
            "https://" | "http://"
        ) {
            return None;
        }
        let authority = text.get(host..)?;
        let length = authority.find(['/', '?']).unwrap_or(authority.len());
        let named = authority.get(..length)?;
        if named.is_empty() || named.contains(['@', '\\']) {
            return None;
        }
        let path = host + length;
        let text = if text.get(path..).is_some_and(|rest| rest.starts_with('/')) {
            text.to_owned()
        } else {
            format!("{}/{}", text.get(..path)?, text.get(path..)?)
        };
        Some(Self { text, path })
    }

    /// The whole address.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    fn origin(&self) -> &str {
        self.text.get(..self.path).unwrap_or_default()
    }

    fn path(&self) -> &str {
        let rest = self.text.get(self.path..).unwrap_or_default();
        rest.split('?').next().unwrap_or_default()
    }

    /// The first part of the path; `None` where there is none.
    pub(crate) fn first_segment(&self) -> Option<&str> {
        let first = self.path().split('/').nth(1)?;
        Some(first).filter(|first| !first.is_empty())
    }

    /// Whether both are addresses of the same scheme, host and port.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.origin().eq_ignore_ascii_case(other.origin())
    }

    /// The address that `reference`, found at this one, means (RFC 3986 5.2, without dot segments).
    pub(crate) fn join(&self, reference: &str) -> Option<Self> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme_end = reference.find(':').filter(|colon| {
            !reference
                .get(..*colon)
                .unwrap_or_default()
                .contains(['/', '?'])
        });
        let text = if scheme_end.is_some() {
            reference.to_owned()
        } else if let Some(authority) = reference.strip_prefix("//") {
            let scheme = self.text.split("://").next()?;
            format!("{scheme}://{authority}")
        } else if reference.is_empty() {
            self.text.clone()
        } else if reference.starts_with('/') {
            format!("{}{reference}", self.origin())
        } else if reference.starts_with('?') {
            format!("{}{}{reference}", self.origin(), self.path())
        } else {
            let folder = self
                .path()
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder);
            format!("{}{folder}/{reference}", self.origin())
        };
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(reference: &str) -> Option<String> {
        let at = Url::parse("https://sts.corp.example:8443/adfs/ls/?x=1").unwrap();
        at.join(reference).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn references_mean_what_a_browser_takes_them_for() {
        for (reference, meant) in [
            ("", "https://sts.corp.example:8443/adfs/ls/?x=1"),
            ("?y=2", "https://sts.corp.example:8443/adfs/ls/?y=2"),
            ("next?a", "https://sts.corp.example:8443/adfs/ls/next?a"),
            (
                "/adfs/oauth2/authorize?a=b:c#f",
                "https://sts.corp.example:8443/adfs/oauth2/authorize?a=b:c",
            ),
            ("//evil.example/x", "https://evil.example/x"),
            ("https://other.example", "https://other.example/"),
        ] {
            assert_eq!(joined(reference).as_deref(), Some(meant), "{reference}");
        }
        for none in [
            "javascript:alert(1)",
            "ms-appx-web://x",
            "https://",
            "https://user@sts.corp.example/",
            "/a b",
        ] {
            assert_eq!(joined(none), None, "{none}");
        }
    }

    #[test]
    fn another_port_or_scheme_is_another_origin() {
        let at = Url::parse("https://sts.corp.example/a").unwrap();
        assert!(at.same_origin(&Url::parse("https://STS.corp.example/b?c").unwrap()));
        for other in [
            "https://sts.corp.example:8443/a",
            "http://sts.corp.example/a",
            "https://sts.corp.example.evil/a",
        ] {
            assert!(!at.same_origin(&Url::parse(other).unwrap()), "{other}");
        }
    }
}
