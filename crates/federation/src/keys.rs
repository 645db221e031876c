//! The signing keys: read, kept, renewed.

use std::sync::Arc;

use directory::{Actor, AuditRecord, Change, Fault, Secret, Snapshot, change};
use token::keys::SigningKeys;
use trust::Timestamp;

use crate::View;
use crate::memory::Memory;
use crate::records::SIGNING_KEYS;

/// The one record that holds all signing keys, so that they change together.
const RECORD: &[u8] = b"keys";

/// The signing keys as they stand in the directory. Other resources of this authority verify access tokens with them.
///
/// # Errors
/// [`Fault`] when the directory fails, or holds no keys yet: [`crate::tick`] makes the first.
pub fn signing_keys(
    snapshot: &Snapshot<'_>,
    memory: &Memory,
    now: Timestamp,
) -> Result<Arc<SigningKeys>, Fault> {
    let record = snapshot.record(SIGNING_KEYS, RECORD, now)?;
    let record = record.ok_or(Fault::Corrupt("no token signing keys yet"))?;
    if let Some(keys) = memory.keys(record.stamp) {
        return Ok(keys);
    }
    let keys = SigningKeys::read(record.value.bytes())
        .map_err(|_| Fault::Corrupt("token signing keys"))?;
    let keys = Arc::new(keys);
    memory.keep_keys(record.stamp, keys.clone());
    Ok(keys)
}

/// Writes the first signing key, or what renewal asks for.
pub(crate) fn due(view: &View<'_, '_>, now: Timestamp) -> Result<Vec<Change>, Fault> {
    let kind = view.settings.signing_key;
    let renewed = match view.snapshot.record(SIGNING_KEYS, RECORD, now)? {
        None => Some(SigningKeys::first(kind, now)),
        Some(_) => signing_keys(view.snapshot, view.memory, now)?.renewed(kind, now),
    };
    Ok(renewed.map_or_else(Vec::new, |keys| {
        let kept = Secret::new(keys.write().to_vec());
        let record = AuditRecord::done(now, Actor::system(), "token.key.renew");
        vec![
            change::put(SIGNING_KEYS, RECORD, kept, Timestamp::NEVER),
            change::audit(record),
        ]
    }))
}
