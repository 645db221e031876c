//! Registration of devices (protocols B.3 to B.5, B.8): of a computer of the domain (DREG-W1 to DREG-W6), and of a
//! person's device in a tenant (DREG-F1).
//!
//! What is asked is checked by [`check_domain_join`] or [`check_tenant_join`]; from there on both are one.

mod checks;
mod write;

pub use checks::{check_domain_join, check_tenant_join};

use std::sync::Arc;

use directory::tenant::Who;
use directory::{Account, Change, Device, EntryId, Fault, Snapshot, Table};
use token::claims::Verified;
use trust::Timestamp;
use trust::enrolment::{self, Outcome, PossessedKey};
use wire::Guid;
use wire::key_credential::KeySource;
use wire::x509::device::DeviceExtensions;

use crate::member::SignInOver;
use crate::second_factor::NotFresh;
use crate::strength::{BadKey, StrongKey};

/// Where the authority finds what is asked of it ([`trust::enrolment`]).
const AUTHORITY_REQUESTS: Table = Table::new(enrolment::REQUESTS);
/// Where the authority answers; a party waits for a record here.
pub const AUTHORITY_OUTCOMES: Table = Table::new(enrolment::OUTCOMES);
/// The `JoinType` of a computer of the domain (protocols B.8.1).
pub const HYBRID_JOIN: u32 = 6;
/// The `JoinType` of a device that belongs to a tenant (protocols B.3).
pub const TENANT_JOIN: u32 = 0;
/// The `JoinType` of a person's own device that is registered with a tenant.
pub const TENANT_REGISTER: u32 = 4;
/// The `JoinType` of a device that belongs to a tenant and to nobody in particular.
pub const TENANT_SHARED: u32 = 8;

/// A request to register a device, as the message says it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The token, verified for this service.
    pub token: &'a Verified,
    /// The certification request, DER.
    pub csr: &'a [u8],
    /// The transport key: a BCRYPT blob (protocols D.5.1), or a JWK as devices of other makes send it (B.3), for a tenant.
    pub transport_key: &'a [u8],
    /// `Windows`, `Linux`, …
    pub device_type: &'a str,
    /// The version of the operating system.
    pub os_version: &'a str,
    /// What people call the device.
    pub display_name: &'a str,
    /// How it joins: 6 for a computer of the domain; 0, 4 or 8 for a tenant.
    pub join_type: u32,
    /// Whether a device of the same owner is taken over that has this name or key (protocols B.3, `ReuseDevice`). A
    /// computer of the domain is one device anyway.
    pub reuse: bool,
    /// Where the request came from, for the audit log.
    pub from: Option<&'a str>,
}

/// What a tenant demands of whoever joins a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JoinRules<'a> {
    /// The tenant, which the certificate names.
    pub tenant: Guid,
    /// Its region, which the certificate names.
    pub region: &'a str,
    /// Who may join devices.
    pub may_join: Who,
    /// Whether the token must tell of a second factor.
    pub needs_second_factor: bool,
    /// How many devices a person may have (DREG-4).
    pub most_devices: usize,
}

/// Why a device is not registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The token does not permit it: one of the four claims is missing or wrong (DREG-W2).
    #[error("the token does not permit device registration")]
    NotPermitted,
    /// The token's computer does not exist, or is another than the token's GUID says.
    #[error("the computer is not known")]
    UnknownComputer,
    /// The account is no computer's.
    #[error("the account is not a computer's")]
    NotAComputer,
    /// The computer's account is disabled or has expired.
    #[error("the computer's account is disabled or has expired")]
    DisabledComputer,
    /// The device was disabled, and whoever did that must enable it again.
    #[error("the device is disabled")]
    DisabledDevice,
    /// The join type is not 6.
    #[error("the join type is not that of a domain join")]
    JoinType,
    /// The join type is none of a tenant: 0, 4 or 8.
    #[error("the join type is none of a tenant")]
    TenantJoinType,
    /// The token's person does not exist, or the account is another than at sign-in.
    #[error("the person is not known")]
    UnknownPerson,
    /// The account is no person's.
    #[error("the account is not a person's")]
    NotAPerson,
    /// The person's account is disabled or has expired.
    #[error("the person's account is disabled or has expired")]
    DisabledPerson,
    /// The sign-in that the token speaks of no longer counts.
    #[error("{0}")]
    SignInOver(SignInOver),
    /// The person is not among those who may join devices.
    #[error("the person may not join devices")]
    MayNotJoin,
    /// The token tells of no second factor, or of one that no longer counts.
    #[error("no second factor: {0}")]
    SecondFactor(NotFresh),
    /// The device is gone that this request began.
    #[error("the device is no longer there")]
    UnknownDevice,
    /// A name, type or version is empty, too long, or holds control characters.
    #[error("a text of the request is empty, too long or holds control characters")]
    Text,
    /// The certification request cannot be read.
    #[error("the certification request cannot be read")]
    Csr,
    /// The certification request is not signed by its own key.
    #[error("the certification request is not signed by its own key")]
    CsrSignature,
    /// The device key is not accepted.
    #[error("the device key is not accepted: {0}")]
    DeviceKey(BadKey),
    /// The transport key is not accepted.
    #[error("the transport key is not accepted: {0}")]
    TransportKey(BadKey),
    /// Another device or account has one of the keys.
    #[error("another device has this key")]
    KeyOfAnother,
    /// The owner has as many devices as they may have (DREG-4).
    #[error("the owner has as many devices as they may have")]
    TooMany,
}

/// A refusal, or trouble of our own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The directory, or the authority, failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A request that passed every check. Only [`check_domain_join`] and [`check_tenant_join`] make one; a device is written
/// from nothing else.
///
/// A device is written in two commits: [`Approved::ask`] writes what a new device needs to be asked for, and
/// the request to the authority; [`Approved::register`] writes the device with the certificate that came of it.
#[derive(Debug)]
pub struct Approved<'a> {
    request: Request<'a>,
    /// Whose device it is: the computer itself, or the person who joins it.
    owner: Arc<Account>,
    device_id: Guid,
    existing: Option<Arc<Device>>,
    /// The fingerprints of the keys that it held until now.
    held: Vec<[u8; 32]>,
    device_key: PossessedKey,
    transport_key: StrongKey,
    /// The transport key as it is written.
    transport_material: Vec<u8>,
    /// The container of devices.
    devices: EntryId,
    /// What the certificate says.
    extensions: DeviceExtensions,
    /// Where its keys are registered.
    source: KeySource,
    trust_type: TrustType,
}

/// msDS-DeviceTrustType of a person's own device.
pub(crate) const TRUST_OF_REGISTERED: i64 = TrustType::Registered as i64;

/// How a device is trusted: msDS-DeviceTrustType.
#[derive(Clone, Copy, Debug)]
enum TrustType {
    /// A person's own device, registered with a tenant.
    Registered = 0,
    /// A device of a tenant.
    Tenant = 1,
    /// A computer of a domain.
    Domain = 2,
}

/// A certificate that is asked for once `changes` are committed.
#[derive(Debug)]
pub struct Asked {
    /// The device's entry.
    pub entry: EntryId,
    /// Whether the entry is new, and to be deleted should there be no certificate.
    pub is_new: bool,
    /// What to commit.
    pub changes: Vec<Change>,
}

/// A device that is registered once `changes` are committed.
#[derive(Debug)]
pub struct Registered {
    /// The device.
    pub device_id: Guid,
    /// The certificate's SHA-1 thumbprint.
    pub thumbprint: [u8; 20],
    /// What to commit.
    pub changes: Vec<Change>,
}

/// What the authority answered under the name of a request; `None` when it did not yet.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn outcome(
    snapshot: &Snapshot<'_>,
    name: &[u8],
    now: Timestamp,
) -> Result<Option<Outcome>, Fault> {
    let record = snapshot.record(AUTHORITY_OUTCOMES, name, now)?;
    match record {
        None => Ok(None),
        Some(record) => match Outcome::from_bytes(record.value.bytes()) {
            Some(outcome) => Ok(Some(outcome)),
            None => Err(Fault::Corrupt("the authority's outcome")),
        },
    }
}
