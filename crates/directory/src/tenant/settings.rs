//! What an administrator may change about a tenant while it runs.

use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};
use wire::Guid;

use super::{Signs, read, write};
use crate::change::Change;
use crate::error::Fault;
use crate::id::EntryId;
use crate::record::Table;
use crate::snapshot::Snapshot;

/// The table of the one record of settings.
pub const SETTINGS: Table = Table::new("tenant.settings");
/// Its key.
const RECORD: &[u8] = b"settings";

/// To whom something is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Every person of the tenant.
    Everybody,
    /// Nobody.
    Nobody,
    /// The members of this group, in whatever depth.
    Group(EntryId),
}

/// What a Temporary Access Pass may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AccessPasses {
    /// The shortest life in minutes.
    pub least_minutes: u32,
    /// The longest life in minutes.
    pub most_minutes: u32,
    /// The life of one for which nobody says it, in minutes.
    pub minutes: u32,
    /// Whether one for which nobody says it is good for one sign-in alone.
    pub once: bool,
}

impl Default for AccessPasses {
    fn default() -> Self {
        Self {
            least_minutes: 10,
            most_minutes: 43_200,
            minutes: 60,
            once: true,
        }
    }
}

/// Which nonce stands in the assertion of a Hello key, beside that of the device's request (CONF-19, protocols A.12).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionNonce {
    /// Any that is valid now.
    #[default]
    BothValid,
    /// The very one of the request.
    Equal,
}

/// The settings of a tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What people see at the head of each page.
    pub display_name: String,
    /// The region that documents and device certificates name (protocols B.5): two letters.
    pub region: String,
    /// Who may join devices.
    pub may_join: Who,
    /// Whether joining a device demands a second factor.
    pub join_needs_second_factor: bool,
    /// How many devices a person may have (DREG-4).
    pub registration_quota: u32,
    /// How many Hello keys a person may have.
    pub keys_per_person: u32,
    /// How many of them may be from one device.
    pub keys_per_person_and_device: u32,
    /// Whether a Hello key may sign in from another device than the one it was registered from.
    pub roaming_keys: bool,
    /// Who may register Hello keys.
    pub hello_enabled: Who,
    /// Whether signing in with a Hello key counts as a second factor of that moment, good for registering another key
    /// (protocols A.12).
    pub hello_is_fresh_mfa: bool,
    /// Whether somebody without a second factor may set one up after their password alone.
    pub enrol_at_sign_in: bool,
    /// Whether nobody is told, before anything is proven, that an account has a Temporary Access Pass (protocols A.2.3).
    pub hide_access_pass: bool,
    /// What a Temporary Access Pass may be.
    pub access_pass: AccessPasses,
    /// Whether people may consent to what an application asks about themselves alone.
    pub user_consent: bool,
    /// The clients that may hand in passwords (RFC 6749 4.3).
    pub ropc_clients: Vec<Guid>,
    /// The clients that may sign in by device code (RFC 8628), beside applications that are allowed to by themselves.
    pub device_code_clients: Vec<Guid>,
    /// Whether session keys may be derived in the first way (protocols A.9).
    pub kdf_v1: bool,
    /// Whether encrypted answers have the form that known clients read (protocols A.10.2).
    pub prt_cbc_jwe: bool,
    /// Which nonce stands in the assertion of a Hello key.
    pub assertion_nonce: AssertionNonce,
    /// Whether the page protocol of protocols A.5 is spoken.
    pub html_login_v1: bool,
    /// Whether a sign-in cookie with a time in place of a nonce is good (protocols A.11).
    pub legacy_iat_cookie: bool,
    /// Whether a join must be bound to a nonce of ours (protocols B.3).
    pub csr_nonce_required: bool,
    /// For how many days after its last renewal a primary refresh token is good.
    pub prt_days: u32,
    /// For how many days after its issue a primary refresh token can be renewed.
    pub prt_absolute_days: u32,
    /// For how many days the session key of a primary refresh token is good (CONF-18).
    pub session_key_days: u32,
    /// For how many days after its last use a family of refresh tokens is good.
    pub refresh_days: u32,
    /// For how many minutes a refresh token of a broker can be used again after its first use.
    pub broker_reuse_minutes: u32,
    /// For how many seconds any other can.
    pub reuse_seconds: u32,
    /// The group whose members are given no token for a password with whatever second factor.
    pub phishing_resistant_only: Option<EntryId>,
    /// What identity tokens are signed with where an application does not say it.
    pub id_token_alg: Signs,
    /// What the identity token of a primary refresh token is signed with.
    pub prt_id_token_alg: Signs,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            display_name: String::new(),
            region: "EU".to_owned(),
            may_join: Who::Everybody,
            join_needs_second_factor: true,
            registration_quota: 50,
            keys_per_person: 20,
            keys_per_person_and_device: 1,
            roaming_keys: false,
            hello_enabled: Who::Everybody,
            hello_is_fresh_mfa: false,
            enrol_at_sign_in: true,
            hide_access_pass: false,
            access_pass: AccessPasses::default(),
            user_consent: true,
            ropc_clients: vec![],
            device_code_clients: vec![],
            kdf_v1: true,
            prt_cbc_jwe: true,
            assertion_nonce: AssertionNonce::BothValid,
            html_login_v1: true,
            legacy_iat_cookie: false,
            csr_nonce_required: false,
            prt_days: 14,
            prt_absolute_days: 90,
            session_key_days: 30,
            refresh_days: 90,
            broker_reuse_minutes: 60,
            reuse_seconds: 30,
            phishing_resistant_only: None,
            id_token_alg: Signs::Rs256,
            prt_id_token_alg: Signs::Rs256,
        }
    }
}

/// The settings; what nobody set stands at its default.
///
/// # Errors
/// [`Fault`] when the storage fails, or the record cannot be read.
pub fn settings(snapshot: &Snapshot<'_>, now: Timestamp) -> Result<Settings, Fault> {
    match snapshot.record(SETTINGS, RECORD, now)? {
        Some(record) => read(&record, "tenant settings"),
        None => Ok(Settings::default()),
    }
}

/// The changes that write the settings.
pub fn put_settings(settings: &Settings, rng: &mut dyn Rng) -> [Change; 2] {
    write(SETTINGS, RECORD, settings, rng)
}
