//! Scopes (RFC 6749 3.3).

use serde::{Deserialize, Serialize};

use crate::client::{Catalogue, Resource};

/// The most scopes of a resource that one request may name.
const MOST: usize = 32;
/// The longest name of a scope, in bytes.
const LONGEST: usize = 128;

/// The scopes of a request that mean something here; others are ignored (OpenID Connect Core 3.1.2.1).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Scopes {
    /// `openid`: an id_token is wanted.
    pub openid: bool,
    /// `profile`: the person's name.
    pub profile: bool,
    /// `email`: the person's mail address.
    pub email: bool,
    /// `offline_access`: a refresh token is wanted.
    pub offline_access: bool,
    /// Those that the resource knows, in the order of the request, each once: 32 at the most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
}

impl Scopes {
    /// Reads a list of scopes. A scope may also name the resource, as `urn:ms-drs:host/.default` or
    /// `urn:ms-drs:host/openid`; then the name by which it was asked for is given back too. Words that are none of
    /// OpenID Connect's are kept until [`Self::known_to`] tells which of them the resource knows.
    #[must_use]
    pub fn parse(text: &str, catalogue: &Catalogue) -> (Self, Option<String>) {
        let mut scopes = Self::default();
        let mut resource = None;
        for word in text.split_ascii_whitespace() {
            let named = word.rsplit_once('/').and_then(|(prefix, rest)| {
                Some((catalogue.resource(prefix)?.name_of(prefix)?, rest))
            });
            let bare = named.map_or(word, |(_, rest)| rest);
            if let (Some((known, _)), None) = (named, &resource) {
                resource = Some(known.to_owned());
            }
            match bare {
                "openid" => scopes.openid = true,
                "profile" => scopes.profile = true,
                "email" => scopes.email = true,
                "offline_access" => scopes.offline_access = true,
                ".default" => {}
                other => {
                    let new = !scopes.other.iter().any(|known| known == other);
                    if new && scopes.other.len() < MOST && other.len() <= LONGEST {
                        scopes.other.push(other.to_owned());
                    }
                }
            }
        }
        (scopes, resource)
    }

    /// The same, without the words that `resource` does not know.
    #[must_use]
    pub fn known_to(mut self, resource: &Resource) -> Self {
        self.other.retain(|word| resource.scopes.contains(word));
        self
    }

    /// The scopes that are in both.
    #[must_use]
    pub fn narrowed_to(&self, to: &Self) -> Self {
        Self {
            openid: self.openid && to.openid,
            profile: self.profile && to.profile,
            email: self.email && to.email,
            offline_access: self.offline_access && to.offline_access,
            other: self
                .other
                .iter()
                .filter(|word| to.other.contains(word))
                .cloned()
                .collect(),
        }
    }

    /// Those that speak of the person and not of a resource.
    #[must_use]
    pub fn of_openid(&self) -> Self {
        Self {
            other: vec![],
            ..self.clone()
        }
    }

    /// The scopes in text.
    #[must_use]
    pub fn text(&self) -> String {
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
            .chain(self.other.iter().map(String::as_str))
            .collect();
        granted.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let resource = |identifier: &str, alias: &str, scopes: &[&str]| Resource {
            identifier: identifier.into(),
            aliases: vec![alias.into()],
            scopes: scopes.iter().map(|&scope| scope.into()).collect(),
            ..Resource::default()
        };
        Catalogue::new(
            [],
            [
                resource(
                    "https://enrollment.manage.microsoft.com/",
                    "d4ebce55-015a-49b5-a083-c84d1797ae8c",
                    &[],
                ),
                resource("api://wiki", "wiki", &["Pages.Read", "Pages.Write"]),
            ],
        )
    }

    #[test]
    fn a_scope_may_name_the_resource_with_one_slash_too_many() {
        // Brokers make it of a resource that ends in a slash.
        for text in [
            "openid https://enrollment.manage.microsoft.com/.default",
            "openid https://enrollment.manage.microsoft.com//.default",
        ] {
            let (scopes, resource) = Scopes::parse(text, &catalogue());
            assert!(scopes.openid && scopes.other.is_empty());
            assert_eq!(
                resource.as_deref(),
                Some("https://enrollment.manage.microsoft.com/")
            );
        }
        let (_, by_alias) = Scopes::parse(
            "D4EBCE55-015a-49b5-a083-c84d1797ae8c/.default",
            &catalogue(),
        );
        assert_eq!(
            by_alias.as_deref(),
            Some("d4ebce55-015a-49b5-a083-c84d1797ae8c")
        );
    }

    #[test]
    fn a_resource_is_asked_for_what_it_knows_and_for_nothing_else() {
        let catalogue = catalogue();
        let (scopes, resource) = Scopes::parse(
            "openid api://wiki/Pages.Read Pages.Read Pages.Burn",
            &catalogue,
        );
        let wiki = catalogue.resource(resource.as_deref().unwrap()).unwrap();
        let known = scopes.known_to(wiki);
        assert_eq!(known.text(), "openid Pages.Read");
        let (narrow, _) = Scopes::parse("Pages.Write", &catalogue);
        assert_eq!(known.narrowed_to(&narrow), Scopes::default());
    }

    #[test]
    fn no_request_names_more_scopes_than_fit() {
        let many: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
        let (scopes, _) = Scopes::parse(&many.join(" "), &catalogue());
        assert_eq!(scopes.other.len(), MOST);
        let (scopes, _) = Scopes::parse(&"x".repeat(LONGEST + 1), &catalogue());
        assert!(scopes.other.is_empty());
    }

    #[test]
    fn a_word_is_granted_where_it_was_granted_before_and_is_asked_for_again() {
        let catalogue = catalogue();
        let scopes = |text: &str| Scopes::parse(text, &catalogue).0;
        let words = ["openid", "profile", "email", "offline_access", "Pages.Read"];
        for word in words {
            let others: Vec<&str> = words.into_iter().filter(|it| *it != word).collect();
            let (all, without) = (scopes(&words.join(" ")), scopes(&others.join(" ")));
            assert_eq!(without.narrowed_to(&all), without, "{word}");
            assert_eq!(all.narrowed_to(&without), without, "{word}");
        }
    }
}
