//! The configuration section `[federation]`, and what can be wrong with it.

use crypto::key::KeyKind;
use serde::Deserialize;

/// The section as it stands in `keyporch.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// The service's own address, `https://sts.corp.example`, with its port where that is not 443.
    pub base: String,
    /// The host of device and key registration, part of the resource `urn:ms-drs:<host>`; by default that of `base`.
    pub registration_host: Option<String>,
    /// What people see at the head of each page, and in their authenticator; by default the domain's name.
    pub organisation: Option<String>,
    /// Whether somebody without a second factor may set one up after their password alone.
    pub enrol_second_factor_at_sign_in: bool,
    /// What tokens are signed with: `RS256` or `ES256`.
    pub signing_algorithm: SigningAlgorithm,
    /// How many keys a person may have for signing in.
    pub keys_per_person: usize,
    /// Whether a device must prove itself by its certificate when a key is registered, besides being named in the token.
    pub key_registration_needs_device_certificate: bool,
    /// Further applications that may ask for tokens (OpenID Connect relying parties, public clients).
    pub applications: Vec<Application>,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            base: String::new(),
            registration_host: None,
            organisation: None,
            enrol_second_factor_at_sign_in: true,
            signing_algorithm: SigningAlgorithm::Rs256,
            keys_per_person: 20,
            key_registration_needs_device_certificate: false,
            applications: vec![],
        }
    }
}

/// What tokens are signed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum SigningAlgorithm {
    /// RSA-2048 with SHA-256, which every client knows.
    #[serde(rename = "RS256")]
    Rs256,
    /// P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

impl SigningAlgorithm {
    /// The kind of key.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Rs256 => KeyKind::Rsa2048,
            Self::Es256 => KeyKind::P256,
        }
    }
}

/// An application that asks for tokens.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its client identifier.
    pub client_id: String,
    /// What people see.
    pub name: String,
    /// Where codes may be sent; `http://127.0.0.1/path` stands for any port of this machine (RFC 8252 7.3).
    pub redirect_uris: Vec<String>,
    /// Where a browser may be sent after signing out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// The identifier of its own resource, the audience of access tokens for it.
    #[serde(default)]
    pub resource: Option<String>,
    /// Whether people must prove a second factor.
    #[serde(default)]
    pub second_factor: bool,
    /// Whether it may have refresh tokens.
    #[serde(default)]
    pub refresh_tokens: bool,
}

/// Why the section is not possible.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// `base` is no address of the form `https://host` or `https://host:port`.
    #[error("base must be https://host or https://host:port, without a path; it is {0:?}")]
    Base(String),
    /// A registration host is no host name.
    #[error("registration_host must be a host name without a port; it is {0:?}")]
    RegistrationHost(String),
    /// Nobody could register a key.
    #[error("keys_per_person must be at least 1")]
    NoKeys,
    /// An application has no redirect URI, or one that is not absolute or has a fragment.
    #[error(
        "the redirect URI {uri:?} of application {client_id:?} must be absolute and without a fragment"
    )]
    RedirectUri {
        /// The application.
        client_id: String,
        /// The URI.
        uri: String,
    },
    /// An application wants codes sent without TLS over the network.
    #[error(
        "the redirect URI {uri:?} of application {client_id:?} must be https; plain http is for 127.0.0.1, [::1] and \
         localhost alone"
    )]
    PlainRedirectUri {
        /// The application.
        client_id: String,
        /// The URI.
        uri: String,
    },
    /// Two clients or resources have one identifier.
    #[error("the identifier {0:?} is taken by another client or resource")]
    Taken(String),
}
