//! The applications that a tenant knows: OAuth clients, and the resources that they are.

use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};
use wire::Guid;

use super::{moment, read, remove, write};
use crate::change::Change;
use crate::error::Fault;
use crate::id::EntryId;
use crate::record::Table;
use crate::snapshot::Snapshot;

/// The table of applications, by identifier.
pub const APPLICATIONS: Table = Table::new("tenant.applications");

/// An application.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// Its client identifier.
    pub id: Guid,
    /// What people see.
    pub name: String,
    /// Whether it can keep a secret.
    pub kind: ClientKind,
    /// Where codes may be sent; `http://127.0.0.1/path` stands for any port of the machine itself (RFC 8252 7.3).
    pub redirect_uris: Vec<String>,
    /// Where a browser may be sent after signing out.
    pub post_logout_redirect_uris: Vec<String>,
    /// The page that a browser loads so that the application ends its own session.
    pub frontchannel_logout_uri: Option<String>,
    /// Whether that page is told whose session of which authority it is (`iss`, `sid`).
    pub frontchannel_logout_session: bool,
    /// Its secrets.
    pub secrets: Vec<ApplicationSecret>,
    /// Its public keys (RFC 7523).
    pub keys: Vec<ApplicationKey>,
    /// The identifier of the resource that it is itself, the audience of tokens for it; besides its client identifier.
    pub identifier_uri: Option<String>,
    /// What others may be permitted to do with it.
    pub permissions: Vec<Permission>,
    /// What it asks of others.
    pub wants: Vec<Wanted>,
    /// Whether people must prove a second factor.
    pub second_factor: bool,
    /// Whether it may have refresh tokens.
    pub refresh: bool,
    /// Whether it may sign in by device code (RFC 8628).
    pub device_code: bool,
    /// Whether it may hand in passwords (RFC 6749 4.3).
    pub password: bool,
    /// Whether it shares refresh tokens with the others of the broker's family.
    pub family: bool,
    /// What its identity tokens are signed with; `None` for what the tenant's settings say.
    pub signs: Option<Signs>,
    /// Whether it gets anything at all.
    pub enabled: bool,
    /// Who may use it.
    pub assignment: Assignment,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            id: Guid::NIL,
            name: String::new(),
            kind: ClientKind::Public,
            redirect_uris: vec![],
            post_logout_redirect_uris: vec![],
            frontchannel_logout_uri: None,
            frontchannel_logout_session: true,
            secrets: vec![],
            keys: vec![],
            identifier_uri: None,
            permissions: vec![],
            wants: vec![],
            second_factor: false,
            refresh: true,
            device_code: false,
            password: false,
            family: false,
            signs: None,
            enabled: true,
            assignment: Assignment::Everybody,
        }
    }
}

/// Whether a client can keep a secret (RFC 6749 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// A program on somebody's machine: PKCE takes the place of a secret.
    #[default]
    Public,
    /// A service: it authenticates.
    Confidential,
}

/// A secret of an application. What it is was shown once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ApplicationSecret {
    /// By what it is named.
    pub id: Guid,
    /// What rests of it, as the tokens' crate makes it of secrets.
    pub digest: [u8; 32],
    /// Its first characters, by which people know it again.
    pub hint: String,
    /// What it is for.
    #[serde(default)]
    pub name: String,
    /// From when on it is good.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// Until when.
    #[serde(with = "moment")]
    pub until: Timestamp,
}

/// A public key of an application, with which it signs assertions (RFC 7523).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ApplicationKey {
    /// By what it is named.
    pub id: Guid,
    /// The key.
    pub key: KeyForm,
    /// What it is for.
    #[serde(default)]
    pub name: String,
    /// From when on it is good.
    #[serde(with = "moment")]
    pub from: Timestamp,
    /// Until when.
    #[serde(with = "moment")]
    pub until: Timestamp,
}

/// How a public key was handed in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    /// A JSON Web Key (RFC 7517), as text.
    Jwk(String),
    /// A certificate (DER). Assertions name it by its thumbprint (RFC 7515 4.1.7).
    Certificate(Vec<u8>),
}

/// What others may be permitted to do with an application: a scope (RFC 6749 3.3).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Permission {
    /// The word.
    pub scope: String,
    /// What people are told that it permits.
    #[serde(default)]
    pub description: String,
    /// Whether an administrator alone can consent to it.
    #[serde(default)]
    pub administrator_only: bool,
}

/// What an application asks of a resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// The resource: its identifier, or the identifier of the application that it is.
    pub resource: String,
    /// The scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// What a token is signed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Signs {
    /// RSA-2048 with SHA-256, which every client knows.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// Who may use an application.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// Every person of the tenant.
    #[default]
    Everybody,
    /// The members of these groups, in whatever depth.
    Groups(Vec<EntryId>),
}

/// Applications with an identifier behind `after`, by identifier, at most `limit`.
///
/// # Errors
/// [`Fault`] when the storage fails, or a record cannot be read.
pub fn applications(
    snapshot: &Snapshot<'_>,
    after: Option<Guid>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Application>, Fault> {
    let mut start = after.map_or_else(Vec::new, |after| after.to_bytes().to_vec());
    if after.is_some() {
        // The first key behind that of an identifier.
        start.push(0);
    }
    let records = snapshot.records(APPLICATIONS, &start, &[], limit, now)?;
    records
        .iter()
        .map(|record| read(record, "application"))
        .collect()
}

/// The application with this identifier.
///
/// # Errors
/// [`Fault`] when the storage fails, or the record cannot be read.
pub fn application(
    snapshot: &Snapshot<'_>,
    id: Guid,
    now: Timestamp,
) -> Result<Option<Application>, Fault> {
    let record = snapshot.record(APPLICATIONS, &id.to_bytes(), now)?;
    record
        .map(|record| read(&record, "application"))
        .transpose()
}

/// The changes that write an application.
pub fn put_application(application: &Application, rng: &mut dyn Rng) -> [Change; 2] {
    write(APPLICATIONS, application.id.to_bytes(), application, rng)
}

/// The changes that remove an application. What was consented to for it stays until it is removed itself; an identifier
/// is never given again.
pub fn remove_application(id: Guid, rng: &mut dyn Rng) -> [Change; 2] {
    remove(APPLICATIONS, id.to_bytes(), rng)
}
