//! What a tenant keeps besides its entries (protocols A): settings, verified domains, applications, consent.
//!
//! All of them are records, for they have no place in AD's schema: JSON behind a version byte, members that are not there
//! standing at their defaults, so that what an older version wrote reads. They last, so one that cannot be read is a
//! [`Fault`] and not "none".
//!
//! Every function that makes a change makes the one of [`CHANGED`] too: whoever keeps something that was worked out of
//! these records looks at that one row to see whether it still stands ([`changed_stamp`]).
//!
//! Knows nothing about: who may ask for a change (administration), what a token says (tenant).

mod applications;
mod consent;
mod domains;
mod found;
mod moment;
mod settings;

pub use applications::{
    APPLICATIONS, Application, ApplicationKey, ApplicationSecret, Assignment, ClientKind, KeyForm,
    Permission, Signs, Wanted, application, applications, put_application, remove_application,
};
pub use consent::{CONSENT, Consent, consent, put_consent, remove_consent};
pub use domains::{
    DOMAINS, Federated, Lookup, MOST_DOMAINS, SecondFactorOfFederation, VERIFY_DOMAIN,
    Verification, VerifiedBy, VerifiedDomain, domain, domain_name, domain_of, domain_of_job,
    domains, put_domain, remove_domain, verification_job, verification_job_id, verification_text,
};
pub use found::{TenantNames, found};
pub use settings::{AccessPasses, AssertionNonce, SETTINGS, Settings, Who, put_settings, settings};

use serde::Serialize;
use serde::de::DeserializeOwned;
use trust::{Rng, Timestamp};

use crate::change::{self, Change};
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::record::{Record, Table};
use crate::snapshot::Snapshot;

/// The one row that is written with every change of the records here, and of the tenant's keys.
pub const CHANGED: Table = Table::watched("tenant.changed");
/// From when on what somebody proved counts again, by account: everything that came of a sign-in before is refused.
pub const EPOCHS: Table = Table::new("tenant.epochs");

/// The one record of [`CHANGED`].
const CHANGED_RECORD: &[u8] = b"changed";
/// The version of every record's encoding.
const VERSION: u8 = 1;

/// Which commit last changed settings, domains, applications, consent or keys; `None` where none has yet.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn changed_stamp(snapshot: &Snapshot<'_>) -> Result<Option<Stamp>, Fault> {
    snapshot.written(CHANGED, CHANGED_RECORD)
}

/// The change that everybody makes who changes what is kept by [`changed_stamp`].
pub fn changed(rng: &mut dyn Rng) -> Change {
    let different: [u8; 16] = rng.bytes();
    change::put(
        CHANGED,
        CHANGED_RECORD,
        different.to_vec(),
        Timestamp::NEVER,
    )
}

/// Since when sign-ins of an account count again, where an administrator ended those before; `None` where nobody did.
///
/// # Errors
/// [`Fault`] when the storage fails, or the record cannot be read.
pub fn revoked_before(
    snapshot: &Snapshot<'_>,
    account: EntryId,
    now: Timestamp,
) -> Result<Option<Timestamp>, Fault> {
    let Some(record) = snapshot.record(EPOCHS, &account.bytes(), now)? else {
        return Ok(None);
    };
    let micros = <[u8; 8]>::try_from(record.value.bytes());
    let micros = micros.map_err(|_| Fault::Corrupt("epoch of an account"))?;
    Ok(Some(Timestamp::from_micros(i64::from_be_bytes(micros))))
}

/// The change that ends what came of every sign-in of an account before `now`.
#[must_use]
pub fn revoke_sign_ins(account: EntryId, now: Timestamp) -> Change {
    let micros = now.micros().to_be_bytes().to_vec();
    change::put(EPOCHS, account.bytes(), micros, Timestamp::NEVER)
}

fn read<T: DeserializeOwned>(record: &Record, what: &'static str) -> Result<T, Fault> {
    record
        .value
        .bytes()
        .strip_prefix(&[VERSION])
        .and_then(|json| serde_json::from_slice(json).ok())
        .ok_or(Fault::Corrupt(what))
}

/// A record as it is written, and the row of [`CHANGED`].
fn write(
    table: Table,
    key: impl Into<Vec<u8>>,
    value: &impl Serialize,
    rng: &mut dyn Rng,
) -> [Change; 2] {
    let mut bytes = vec![VERSION];
    // The values have text keys and finite numbers alone, so they always have a JSON form.
    bytes.extend(serde_json::to_vec(value).unwrap_or_default());
    [
        change::put(table, key, bytes, Timestamp::NEVER),
        changed(rng),
    ]
}

fn remove(table: Table, key: impl Into<Vec<u8>>, rng: &mut dyn Rng) -> [Change; 2] {
    [change::remove(table, key), changed(rng)]
}
