//! Who may ask for tokens, for what, and where the answer may go: clients (RFC 6749 2) and the resources that they
//! ask for, AD FS's relying parties (protocols F.2).

use std::collections::HashMap;

use crypto::jose::Algorithm;
use crypto::key::PublicKey;
use serde::{Deserialize, Serialize};
use trust::{Span, Timestamp};

use crate::secret::Digest;
#[cfg(doc)]
use crate::secret::Purpose;

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

/// A program that asks for tokens (RFC 6749 2).
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Its identifier, compared without regard to case, since GUIDs are sent in either.
    pub id: String,
    /// What people see on pages.
    pub name: String,
    /// Whether it can keep a secret.
    pub kind: ClientKind,
    /// Where a code may be sent.
    pub redirects: Vec<Redirect>,
    /// Where a browser may be sent after signing out (OpenID Connect RP-Initiated Logout 3), exactly.
    pub signed_out: Vec<String>,
    /// The page that a browser loads when somebody signs out there, so that the client ends its own session.
    pub front_channel: Option<FrontChannel>,
    /// The identifiers of the resources that it may ask for.
    pub resources: Vec<String>,
    /// Whether it may ask for every resource that there is: the brokers, which ask for others (protocols A.3.3).
    pub any_resource: bool,
    /// The ways in which it may come by tokens.
    pub grants: Grants,
    /// Whether it must use PKCE.
    pub pkce: Pkce,
    /// Whether it is one of the family of brokers: the refresh token of one serves another.
    pub family: bool,
    /// What its id_tokens are signed with, where it asks for something else than the authority's default
    /// (`id_token_signed_response_alg`, OpenID Connect Registration 2).
    pub algorithm: Option<Algorithm>,
}

/// Whether a client can keep a secret (RFC 6749 2.1).
#[derive(Clone, Debug, Default)]
pub enum ClientKind {
    /// It cannot: a program on people's own machines.
    #[default]
    Public,
    /// It can, and proves who it is by one of these.
    Confidential(Vec<ClientCredential>),
}

/// What a confidential client proves itself by, and when.
#[derive(Clone, Debug)]
pub struct ClientCredential {
    /// What it is.
    pub kind: CredentialKind,
    /// From when it counts.
    pub from: Timestamp,
    /// From when it no longer counts.
    pub until: Timestamp,
}

/// What a confidential client proves itself by.
#[derive(Clone, Debug)]
pub enum CredentialKind {
    /// A secret that was drawn here; what rests is its digest for [`Purpose::ClientSecret`].
    Secret(Digest),
    /// A public key, with the name by which assertions tell it, and the one algorithm that it is used for. An RSA key
    /// without one signs by RS256 or PS256.
    Key {
        /// `kid`.
        id: Option<String>,
        /// The key.
        key: PublicKey,
        /// `alg`.
        algorithm: Option<Algorithm>,
    },
    /// The key of a certificate, which assertions tell by its digest (`x5t`, `x5t#S256`, or either as `kid`).
    Certificate {
        /// SHA-1 of the certificate.
        sha1: [u8; 20],
        /// SHA-256 of the certificate.
        sha256: [u8; 32],
        /// Its key.
        key: PublicKey,
    },
}

impl ClientCredential {
    /// Whether it counts now.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// The ways in which a client may come by tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grants {
    /// `authorization_code` (RFC 6749 4.1).
    pub code: bool,
    /// `refresh_token` (RFC 6749 6).
    pub refresh: bool,
    /// `urn:ietf:params:oauth:grant-type:device_code` (RFC 8628).
    pub device_code: bool,
    /// `password` (RFC 6749 4.3), which RFC 9700 2.4 forbids: for what cannot do anything else.
    pub password: bool,
    /// `client_credentials` (RFC 6749 4.4).
    pub client_credentials: bool,
}

impl Grants {
    /// Codes alone.
    pub const CODE: Self = Self {
        code: true,
        refresh: false,
        device_code: false,
        password: false,
        client_credentials: false,
    };

    /// What either has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            code: self.code || other.code,
            refresh: self.refresh || other.refresh,
            device_code: self.device_code || other.device_code,
            password: self.password || other.password,
            client_credentials: self.client_credentials || other.client_credentials,
        }
    }

    /// The same, with refresh tokens where `yes`.
    #[must_use]
    pub const fn with_refresh(mut self, yes: bool) -> Self {
        self.refresh = yes;
        self
    }
}

impl Default for Grants {
    fn default() -> Self {
        Self::CODE
    }
}

/// Whether a client must use PKCE.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pkce {
    /// Its requests carry a challenge (RFC 9700 2.1.1).
    #[default]
    Required,
    /// Where a challenge was sent it is checked: for clients that know none, whose code goes to a URI that is theirs on
    /// the machine (the brokers, protocols A.4.4), or that prove themselves by a secret. An address that every program of
    /// the machine can listen at is nobody's ([`Client::may_leave_out_pkce`]).
    WherePresent,
}

/// The page by which a client learns, in the browser itself, that somebody signed out there (OpenID Connect Front-Channel
/// Logout 1.0, 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontChannel {
    /// Its address: HTTPS, or on the machine itself.
    pub uri: String,
    /// Whether it is told which session of which authority has ended (`iss`, `sid`).
    pub session: bool,
}

impl FrontChannel {
    /// The address that a browser loads when the session that the client knows as `sid` from `issuer` has ended.
    #[must_use]
    pub fn address(&self, issuer: &str, sid: &str) -> String {
        match self.session {
            true => wire::http::with_query(&self.uri, [("iss", issuer), ("sid", sid)]),
            false => self.uri.clone(),
        }
    }

    /// Scheme, host, port and path as a source of Content Security Policy Level 3, 2.3.1, which admits this page and, of
    /// its host, no other. A path there has neither `;` nor `,` but encoded.
    #[must_use]
    pub fn source(&self) -> String {
        let Some(origin) = source_of(&self.uri) else {
            return "'none'".to_owned();
        };
        let page = self.uri.split(['?', '#']).next().unwrap_or_default();
        let path = page.strip_prefix(origin.as_str()).unwrap_or_default();
        let path = path.replace(';', "%3B").replace(',', "%2C");
        match path.as_str() {
            "" => origin + "/",
            path => origin + path,
        }
    }
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
    /// Its other names. A token's audience is the name by which it was asked for.
    pub aliases: Vec<String>,
    /// What people see on pages.
    pub name: String,
    /// Whether a token for it demands a second factor of people.
    pub second_factor: bool,
    /// How long an access token for it lives.
    pub lifetime: Span,
    /// The scopes that it knows beside those of OpenID Connect.
    pub scopes: Vec<String>,
}

/// A resource without a name, whose tokens live for an hour.
impl Default for Resource {
    fn default() -> Self {
        Self {
            identifier: String::new(),
            aliases: vec![],
            name: String::new(),
            second_factor: false,
            lifetime: Span::hours(1),
            scopes: vec![],
        }
    }
}

impl Resource {
    /// Its names: the identifier, and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.identifier.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    /// The one of its names that `asked` is, as it is written here.
    #[must_use]
    pub fn name_of(&self, asked: &str) -> Option<&str> {
        self.names().find(|name| folded(name) == folded(asked))
    }
}

/// All clients and resources of an authority.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    clients: HashMap<String, Client>,
    resources: Vec<Resource>,
    /// The place of each resource, by each of its names.
    names: HashMap<String, usize>,
    offered: Option<Grants>,
    /// Which resource a request means that names none; [`crate::authorize::USERINFO`] where it does not say.
    usual: Option<String>,
}

/// How names of clients and resources are compared. A slash at the end makes no difference, as in AD FS.
fn folded(text: &str) -> String {
    text.trim_end_matches('/').to_ascii_lowercase()
}

impl Catalogue {
    /// These clients and resources. Of two with one name the first counts.
    #[must_use]
    pub fn new(
        clients: impl IntoIterator<Item = Client>,
        resources: impl IntoIterator<Item = Resource>,
    ) -> Self {
        let mut catalogue = Self::default();
        for client in clients {
            catalogue.add_client(client);
        }
        for resource in resources {
            catalogue.add_resource(resource);
        }
        catalogue
    }

    /// The same, where a request that names no resource means this one.
    #[must_use]
    pub fn meaning(mut self, usual: &str) -> Self {
        self.usual = Some(usual.to_owned());
        self
    }

    /// The resource that a request means which names none.
    #[must_use]
    pub fn usual(&self) -> &str {
        self.usual.as_deref().unwrap_or(crate::authorize::USERINFO)
    }

    /// Adds a client; `false` when its identifier is taken.
    pub fn add_client(&mut self, client: Client) -> bool {
        let id = client.id.to_ascii_lowercase();
        if self.clients.contains_key(&id) {
            return false;
        }
        self.offered = Some(match self.offered {
            Some(offered) => offered.or(client.grants),
            None => client.grants,
        });
        self.clients.insert(id, client);
        true
    }

    /// Adds a resource; `false` when one of its names is taken.
    pub fn add_resource(&mut self, resource: Resource) -> bool {
        if resource
            .names()
            .any(|name| self.names.contains_key(&folded(name)))
        {
            return false;
        }
        let place = self.resources.len();
        self.names
            .extend(resource.names().map(|name| (folded(name), place)));
        self.resources.push(resource);
        true
    }

    /// The client with this identifier.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(&id.to_ascii_lowercase())
    }

    /// Whether people must prove a second factor for what `client` asks of `resource`: because the resource wants one, or because the client
    /// does, which is a resource under its own identifier.
    #[must_use]
    pub fn wants_second_factor(&self, client: &str, resource: &str) -> bool {
        let wants = |name| {
            self.resource(name)
                .is_some_and(|resource| resource.second_factor)
        };
        wants(resource) || wants(client)
    }

    /// All clients, in no order.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.values()
    }

    /// The resource with this identifier or alias. A slash at the end makes no difference, as in AD FS.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.get(*self.names.get(&folded(name))?)
    }

    /// All resources.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// The ways in which some client may come by tokens.
    #[must_use]
    pub fn offered(&self) -> Grants {
        self.offered.unwrap_or_default()
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
        self.any_resource || self.resources.contains(&resource.identifier)
    }

    /// Whether it can keep a secret.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        matches!(self.kind, ClientKind::Public)
    }

    /// Whether a code may be asked for without PKCE that is sent to `redirect`. Where a public client has its code sent to the
    /// machine itself, whichever program listens there gets it, so its verifier is all that tells them apart (RFC 8252 6 and
    /// 8.1).
    #[must_use]
    pub fn may_leave_out_pkce(&self, redirect: &RedirectUri) -> bool {
        self.pkce == Pkce::WherePresent && !(self.is_public() && redirect.is_loopback())
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

/// Scheme, host and port of an address as a source of Content Security Policy ([`RedirectUri::source`]); `None` for what
/// cannot be one, so that nothing which a peer sends says anything else in a policy.
#[must_use]
pub fn source_of(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return None;
    }
    // Browsers read both in whatever case, and with any number of slashes: the scheme alone would admit every host.
    if !["http", "https"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web))
    {
        return Some(format!("{scheme}:"));
    }
    let rest = rest.strip_prefix("//")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    is_host.then(|| format!("{scheme}://{host}"))
}

impl RedirectUri {
    /// The URI as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an address of the machine itself, where any program may listen. What a client has of its own, as a scheme
    /// or a host, is not.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = source_of(&self.0).and_then(|source| {
            let (scheme, host) = source.split_once("://")?;
            scheme.eq_ignore_ascii_case("http").then(|| host.to_owned())
        });
        let host = host.unwrap_or_default().to_ascii_lowercase();
        let own = ["127.", "[::1]", "localhost"];
        own.iter().any(|own| host.starts_with(own))
    }

    /// Scheme, host and port as a source of Content Security Policy Level 3, 2.3.1, so that a form's answer may lead
    /// there: `https://app.example`, `http://127.0.0.1:4711`, or `ms-appx-web:` where there is no web origin.
    #[must_use]
    pub fn source(&self) -> String {
        source_of(&self.0).unwrap_or_else(|| "'none'".to_owned())
    }

    /// The URI with `parameters` added to its query (RFC 6749 4.1.2).
    #[must_use]
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        wire::http::with_query(&self.0, parameters.iter().copied())
    }

    /// The URI with `parameters` as its fragment (RFC 6749 4.2.2). A registered URI has none of its own.
    #[must_use]
    pub fn with_fragment(&self, parameters: &[(&str, &str)]) -> String {
        let fragment = wire::http::write_query(parameters.iter().copied());
        format!("{}#{fragment}", self.0)
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
            resources: vec!["urn:ms-drs:sts.corp.example".into()],
            ..Client::default()
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
    fn the_page_of_the_front_channel_is_told_the_session_where_it_wants_to_know() {
        let mut page = FrontChannel {
            uri: "https://app.example:8443/bye;now?from=tenant".into(),
            session: true,
        };
        assert_eq!(
            page.address("https://login.example/1/", "a&b"),
            "https://app.example:8443/bye;now?from=tenant&iss=https%3A%2F%2Flogin.example%2F1%2F&sid=a%26b"
        );
        assert_eq!(page.source(), "https://app.example:8443/bye%3Bnow");
        page.session = false;
        assert_eq!(page.address("https://login.example/1/", "s"), page.uri);
        page.uri = "https://app.example".into();
        assert_eq!(page.source(), "https://app.example/");
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
            aliases: vec!["01cb2876-7ebd-4aa4-9cc9-d28bd4d359a9".into()],
            name: "device registration".into(),
            second_factor: true,
            lifetime: Span::minutes(10),
            ..Resource::default()
        };
        let catalogue = Catalogue::new([client()], [resource]);
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
                .may_ask_for(&catalogue.resources()[0])
        );
        let by_alias = catalogue.resource("01CB2876-7ebd-4aa4-9cc9-d28bd4d359a9//");
        assert_eq!(by_alias.unwrap().identifier, "urn:ms-drs:sts.corp.example");
    }

    #[test]
    fn a_name_is_given_once() {
        let resource = |identifier: &str, alias: &str| Resource {
            identifier: identifier.into(),
            aliases: vec![alias.into()],
            ..Resource::default()
        };
        let mut catalogue = Catalogue::new([client()], [resource("urn:a", "b")]);
        assert!(!catalogue.add_client(client()));
        assert!(!catalogue.add_resource(resource("B/", "urn:c")));
        assert!(!catalogue.add_resource(resource("urn:c", "URN:A")));
        assert!(catalogue.resource("urn:c").is_none());
        assert!(catalogue.add_resource(resource("urn:c", "d")));
    }

    #[test]
    fn what_some_client_may_do_is_offered() {
        let mut catalogue = Catalogue::new([client()], []);
        assert_eq!(catalogue.offered(), Grants::CODE);
        catalogue.add_client(Client {
            id: "daemon".into(),
            grants: Grants {
                code: false,
                client_credentials: true,
                ..Grants::CODE
            },
            ..Client::default()
        });
        assert!(catalogue.offered().code && catalogue.offered().client_credentials);
        assert!(!catalogue.offered().password);
    }
}
