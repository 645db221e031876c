//! What people, and administrators for all of them, permitted applications to do.

use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};
use wire::Guid;

use super::{moment, read, remove, write};
use crate::change::Change;
use crate::error::Fault;
use crate::id::EntryId;
use crate::record::Table;
use crate::snapshot::Snapshot;

/// The table of consent, by application, who consented, and resource.
pub const CONSENT: Table = Table::new("tenant.consent");

/// The most resources that one application may be permitted to use.
const MOST: usize = 200;

/// What one application may do with one resource.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Consent {
    /// The application.
    pub application: Guid,
    /// For whom: the person; `None` for everybody in the tenant.
    #[serde(default)]
    pub account: Option<EntryId>,
    /// The resource's identifier.
    pub resource: String,
    /// The scopes.
    pub scopes: Vec<String>,
    /// Who consented: what the audit log calls them.
    pub by: String,
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
}

/// The beginning of the keys of what one person, or with `None` the tenant, consented to for an application.
fn prefix(application: Guid, account: Option<EntryId>) -> Vec<u8> {
    let mut key = application.to_bytes().to_vec();
    key.extend(account.unwrap_or(EntryId::NONE).bytes());
    key
}

fn key(application: Guid, account: Option<EntryId>, resource: &str) -> Vec<u8> {
    let mut key = prefix(application, account);
    let digest = crypto::digest::sha256(resource.to_ascii_lowercase().as_bytes());
    key.extend(digest.iter().take(16));
    key
}

/// What a person consented to for an application; with `None`, what an administrator did for everybody.
///
/// # Errors
/// [`Fault`] when the storage fails, or a record cannot be read.
pub fn consent(
    snapshot: &Snapshot<'_>,
    application: Guid,
    account: Option<EntryId>,
    now: Timestamp,
) -> Result<Vec<Consent>, Fault> {
    let start = prefix(application, account);
    let end = crate::storage::after_prefix(&start);
    let records = snapshot.records(CONSENT, &start, &end, MOST, now)?;
    records
        .iter()
        .map(|record| read(record, "consent"))
        .collect()
}

/// The changes that write a consent.
pub fn put_consent(consent: &Consent, rng: &mut dyn Rng) -> [Change; 2] {
    let key = key(consent.application, consent.account, &consent.resource);
    write(CONSENT, key, consent, rng)
}

/// The changes that take a consent back.
pub fn remove_consent(
    application: Guid,
    account: Option<EntryId>,
    resource: &str,
    rng: &mut dyn Rng,
) -> [Change; 2] {
    remove(CONSENT, key(application, account, resource), rng)
}
