//! The party's records in the directory, and how they are read and written.

use directory::{Change, Fault, Secret, Snapshot, Table, change};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trust::Timestamp;

/// All token signing keys, in one record.
pub(crate) const SIGNING_KEYS: Table = Table::new("federation.signing-keys");
/// Authorization codes, by digest ([`token::grant::CodeRecord`]).
pub(crate) const CODES: Table = Table::new("federation.codes");
/// Families of refresh tokens, by name ([`token::grant::FamilyRecord`]).
pub(crate) const FAMILIES: Table = Table::new("federation.refresh-tokens");
/// Browser sessions, by digest ([`token::session::SessionRecord`]).
pub(crate) const SESSIONS: Table = Table::new("federation.sessions");
/// Sign-ins on their way, by digest ([`token::sign_in::SignIn`]).
pub(crate) const SIGN_INS: Table = Table::new("federation.sign-ins");
/// Device registrations that wait for their certificate, by digest of the request.
pub(crate) const JOINS: Table = Table::new("federation.joins");

/// What people and applications hold from one sign-in to the next: sessions, tokens, codes. Whoever restores a backup
/// leaves them out, for some were ended since, and all can be had anew.
#[must_use]
pub const fn short_lived_tables() -> [&'static str; 5] {
    [
        CODES.name(),
        FAMILIES.name(),
        SESSIONS.name(),
        SIGN_INS.name(),
        JOINS.name(),
    ]
}

/// The table of the keys that sign tokens.
#[must_use]
pub const fn keys_table() -> &'static str {
    SIGNING_KEYS.name()
}

/// The version of every record's encoding.
const VERSION: u8 = 1;

/// Reads a record; `None` when there is none, or it has expired, or an older release wrote it in another form: all these
/// records are short-lived, and whoever needed one begins again.
pub(crate) fn read<T: DeserializeOwned>(
    snapshot: &Snapshot<'_>,
    table: Table,
    key: &[u8],
    now: Timestamp,
) -> Result<Option<T>, Fault> {
    let record = snapshot.record(table, key, now)?;
    Ok(record.and_then(|record| {
        let json = record.value.bytes().strip_prefix(&[VERSION])?;
        serde_json::from_slice(json).ok()
    }))
}

/// Writes a record, wrapped while it rests.
pub(crate) fn write(
    table: Table,
    key: &[u8],
    value: &impl Serialize,
    expires: Timestamp,
) -> Change {
    let mut bytes = vec![VERSION];
    // The values have text keys and finite numbers alone, so they always have a JSON form.
    bytes.extend(serde_json::to_vec(value).unwrap_or_default());
    change::put(table, key, Secret::new(bytes), expires)
}
