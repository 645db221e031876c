//! Scopes (RFC 6749 3.3).

use serde::{Deserialize, Serialize};

use crate::client::Catalogue;

/// The scopes of a request that mean something here; others are ignored (OpenID Connect Core 3.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Scopes {
    /// `openid`: an id_token is wanted.
    pub openid: bool,
    /// `profile`: the person's name.
    pub profile: bool,
    /// `email`: the person's mail address.
    pub email: bool,
    /// `offline_access`: a refresh token is wanted.
    pub offline_access: bool,
}

impl Scopes {
    /// Reads a list of scopes. A scope may also name the resource, as `urn:ms-drs:host/.default` or
    /// `urn:ms-drs:host/openid`; then the resource's identifier is given back too.
    #[must_use]
    pub fn parse(text: &str, catalogue: &Catalogue) -> (Self, Option<String>) {
        let mut scopes = Self::default();
        let mut resource = None;
        for word in text.split_ascii_whitespace() {
            let named = word
                .rsplit_once('/')
                .and_then(|(prefix, rest)| Some((catalogue.resource(prefix)?, rest)));
            let bare = named.map_or(word, |(_, rest)| rest);
            if let (Some((known, _)), None) = (named, &resource) {
                resource = Some(known.identifier.clone());
            }
            match bare {
                "openid" => scopes.openid = true,
                "profile" => scopes.profile = true,
                "email" => scopes.email = true,
                "offline_access" => scopes.offline_access = true,
                _ => {}
            }
        }
        (scopes, resource)
    }

    /// The scopes that are in both.
    #[must_use]
    pub const fn narrowed_to(self, other: Self) -> Self {
        Self {
            openid: self.openid && other.openid,
            profile: self.profile && other.profile,
            email: self.email && other.email,
            offline_access: self.offline_access && other.offline_access,
        }
    }

    /// The scopes in text.
    #[must_use]
    pub fn text(self) -> String {
        let all = [
            (self.openid, "openid"),
            (self.profile, "profile"),
            (self.email, "email"),
            (self.offline_access, "offline_access"),
        ];
        let granted: Vec<&str> = all
            .iter()
            .filter(|(granted, _)| *granted)
            .map(|(_, name)| *name)
            .collect();
        granted.join(" ")
    }
}
