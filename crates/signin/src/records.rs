//! How records are written and read.

use directory::{Change, Fault, Secret, Snapshot, Table, change};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trust::Timestamp;

/// The version of every record's encoding.
const VERSION: u8 = 1;

/// Reads a record; `None` when there is none, or it has expired, or an older release wrote it in another form: all these
/// records are short-lived, and whoever needed one begins again.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn read<T: DeserializeOwned>(
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
#[must_use]
pub fn write(table: Table, key: &[u8], value: &impl Serialize, expires: Timestamp) -> Change {
    let mut bytes = vec![VERSION];
    // The values have text keys and finite numbers alone, so they always have a JSON form.
    bytes.extend(serde_json::to_vec(value).unwrap_or_default());
    change::put(table, key, Secret::new(bytes), expires)
}
