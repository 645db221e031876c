//! Who may ask for tokens, for what, and where the answer may go: clients (RFC 6749 2) and the resources that they
//! ask for, AD FS's relying parties (protocols F.2).

use serde::{Deserialize, Serialize};
use trust::Span;

/// The client of device registration and Hello provisioning (protocols A.3.3, F.2).
pub const REGISTRATION_CLIENT: &str = "dd762716-544d-4aeb-a526-687b73838a22";
/// The `keyporch` command, when it administers.
pub const ADMINISTRATION_CLIENT: &str = "3f6f9f0a-8c39-4d5e-9c0f-6b2d7a1e5c44";
/// The resource of the administration API, which demands a second factor.
pub const ADMINISTRATION: &str = "urn:keyporch:administration";

/// The resource of device and key registration on a host (protocols F.2).
#[must_use]
pub fn registration_resource(host: &str) -> String {
    format!("urn:ms-drs:{}", host.to_ascii_lowercase())
}

/// A public client: a program that can keep no secret (RFC 6749 2.1), so that PKCE takes a secret's place.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its identifier, compared without regard to case, since GUIDs are sent in either.
    pub id: String,
    /// What people see on pages.
    pub name: String,
    /// Where a code may be sent.
    pub redirects: Vec<Redirect>,
    /// Where a browser may be sent after signing out (OpenID Connect RP-Initiated Logout 3), exactly.
    pub signed_out: Vec<String>,
    /// The identifiers of the resources that it may ask for.
    pub resources: Vec<String>,
    /// Whether it may have refresh tokens when it asks for `offline_access`.
    pub refresh: bool,
}

/// Where a code may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// This very text (RFC 9700 2.1).
    Exact(String),
    /// `http://127.0.0.1` or `http://[::1]`, any port, this path: a program on the same machine (RFC 8252 7.3).
    Loopback(String),
}

/// A redirect URI that the client has registered: only [`Client::redirect`] makes one from what a peer sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUri(String);

/// What a token is for: a relying party.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its identifier, the token's audience.
    pub identifier: String,
    /// What people see on pages.
    pub name: String,
    /// Whether a token for it demands a second factor of people.
    pub second_factor: bool,
    /// How long an access token for it lives.
    pub lifetime: Span,
}

/// All clients and resources of an authority.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The clients.
    pub clients: Vec<Client>,
    /// The resources.
    pub resources: Vec<Resource>,
}

impl Catalogue {
    /// The client with this identifier.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients
            .iter()
            .find(|client| client.id.eq_ignore_ascii_case(id))
    }

    /// The resource with this identifier. A slash at the end makes no difference, as in AD FS.
    #[must_use]
    pub fn resource(&self, identifier: &str) -> Option<&Resource> {
        let bare = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
        let asked = bare(identifier);
        self.resources
            .iter()
            .find(|resource| bare(&resource.identifier) == asked)
    }
}

impl Client {
    /// The redirect URI that was `sent`, when this client has registered it.
    #[must_use]
    pub fn redirect(&self, sent: &str) -> Option<RedirectUri> {
        let plain = sent.len() <= 2048 && sent.bytes().all(|byte| byte.is_ascii_graphic());
        (plain && self.redirects.iter().any(|redirect| redirect.admits(sent)))
            .then(|| RedirectUri(sent.to_owned()))
    }

    /// Whether it may ask for tokens for `resource`.
    #[must_use]
    pub fn may_ask_for(&self, resource: &Resource) -> bool {
        self.resources.contains(&resource.identifier)
    }
}

impl Redirect {
    /// Whether a code may be sent to the URI that was `sent`.
    fn admits(&self, sent: &str) -> bool {
        match self {
            Self::Exact(registered) => registered == sent,
            Self::Loopback(path) => {
                let after_host = ["http://127.0.0.1", "http://[::1]"]
                    .iter()
                    .find_map(|host| sent.strip_prefix(host));
                after_host.and_then(after_port) == Some(path.as_str())
            }
        }
    }
}

/// What follows an optional port, `:1` to `:65535` without leading zeros; `None` when what stands there is no port.
fn after_port(rest: &str) -> Option<&str> {
    let Some(port_and_path) = rest.strip_prefix(':') else {
        return Some(rest);
    };
    let (port, path) = port_and_path.split_at(port_and_path.find('/')?);
    let plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    (plain && port.parse::<u16>().is_ok()).then_some(path)
}

impl RedirectUri {
    /// The URI as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port as a source of Content Security Policy Level 3, 2.3.1, so that a form's answer may lead
    /// there: `https://app.example`, `http://127.0.0.1:4711`, or `ms-appx-web:` where there is no web origin.
    #[must_use]
    pub fn source(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once(':') else {
            return "'none'".to_owned();
        };
        match rest.strip_prefix("//") {
            Some(rest) if matches!(scheme, "http" | "https") => {
                let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                format!("{scheme}://{host}")
            }
            _ => format!("{scheme}:"),
        }
    }

    /// The URI with `parameters` added to its query (RFC 6749 4.1.2).
    #[must_use]
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        wire::http::with_query(&self.0, parameters.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client {
            id: "dd762716-544d-4aeb-a526-687b73838a22".into(),
            name: "device registration".into(),
            redirects: vec![
                Redirect::Exact("https://app.example/signed-in".into()),
                Redirect::Exact("ms-appx-web://Microsoft.AAD.BrokerPlugin/dd76".into()),
                Redirect::Loopback("/done".into()),
            ],
            signed_out: vec![],
            resources: vec!["urn:ms-drs:sts.corp.example".into()],
            refresh: false,
        }
    }

    #[test]
    fn a_registered_uri_is_admitted_to_the_letter() {
        for uri in [
            "https://app.example/signed-in",
            "ms-appx-web://Microsoft.AAD.BrokerPlugin/dd76",
        ] {
            assert_eq!(client().redirect(uri).unwrap().as_str(), uri);
        }
    }

    #[test]
    fn refuses_every_other_uri() {
        for uri in [
            "https://app.example/signed-in/",
            "https://app.example/signed-in?next=https://evil.example",
            "https://app.example/signed-in#x",
            "https://app.example.evil.example/signed-in",
            "https://app.example@evil.example/signed-in",
            "https://APP.example/signed-in",
            "http://app.example/signed-in",
            "https://app.example/signed-in\r\nSet-Cookie: a=b",
            "//app.example/signed-in",
            "javascript:alert(1)",
            "",
        ] {
            assert!(client().redirect(uri).is_none(), "{uri}");
        }
    }

    #[test]
    fn a_loopback_uri_may_have_any_port_and_only_its_path() {
        for uri in [
            "http://127.0.0.1/done",
            "http://127.0.0.1:1/done",
            "http://127.0.0.1:65535/done",
            "http://[::1]:80/done",
        ] {
            assert!(client().redirect(uri).is_some(), "{uri}");
        }
        for uri in [
            "http://127.0.0.1:65536/done",
            "http://127.0.0.1:0/done",
            "http://127.0.0.1:/done",
            "http://127.0.0.1:80",
            "http://127.0.0.1:80/done/",
            "http://127.0.0.1:80@evil.example/done",
            "http://127.0.0.1.evil.example/done",
            "http://127.0.0.1evil.example/done",
            "http://localhost/done",
            "https://127.0.0.1/done",
            "http://127.0.0.1:+80/done",
        ] {
            assert!(client().redirect(uri).is_none(), "{uri}");
        }
    }

    #[test]
    fn the_answer_is_added_to_the_query_and_cannot_leave_it() {
        let uri = client().redirect("https://app.example/signed-in").unwrap();
        assert_eq!(
            uri.with(&[("code", "a-b"), ("state", "x&y=z #é")]),
            "https://app.example/signed-in?code=a-b&state=x%26y%3Dz%20%23%C3%A9"
        );
        assert_eq!(
            RedirectUri("https://a.example/?x=1".into()).with(&[("code", "c")]),
            "https://a.example/?x=1&code=c"
        );
    }

    #[test]
    fn the_source_names_the_origin_or_the_scheme() {
        let source = |uri: &str| RedirectUri(uri.into()).source();
        assert_eq!(
            source("https://app.example/signed-in"),
            "https://app.example"
        );
        assert_eq!(
            source("http://127.0.0.1:4711/done"),
            "http://127.0.0.1:4711"
        );
        assert_eq!(
            source("ms-appx-web://Microsoft.AAD.BrokerPlugin/x"),
            "ms-appx-web:"
        );
    }

    #[test]
    fn identifiers_are_found_in_either_case_and_with_a_slash() {
        let resource = Resource {
            identifier: "urn:ms-drs:sts.corp.example".into(),
            name: "device registration".into(),
            second_factor: true,
            lifetime: Span::minutes(10),
        };
        let catalogue = Catalogue {
            clients: vec![client()],
            resources: vec![resource],
        };
        assert!(
            catalogue
                .client("DD762716-544D-4AEB-A526-687B73838A22")
                .is_some()
        );
        assert!(catalogue.client("DD762716").is_none());
        assert!(catalogue.resource("urn:ms-drs:STS.corp.example/").is_some());
        assert!(
            catalogue
                .resource("urn:ms-drs:sts.corp.example.evil")
                .is_none()
        );
        assert!(
            catalogue
                .client("dd762716-544d-4aeb-a526-687b73838a22")
                .unwrap()
                .may_ask_for(&catalogue.resources[0])
        );
    }
}
