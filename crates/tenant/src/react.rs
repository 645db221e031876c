//! What follows from what others committed.

use directory::{Change, ChangeKind, Class, Commit, Fault};
use trust::{Rng, Timestamp};

use crate::View;

/// A device whose entry is gone takes the keys along that people registered from it (security.md row 6).
pub(crate) fn react(
    committed: &Commit,
    view: &View<'_, '_>,
    now: Timestamp,
    _rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    let gone = committed
        .changed
        .iter()
        .filter(|changed| changed.kind == ChangeKind::Deleted && changed.class == Class::Device);
    for device in gone {
        let left = registration::proven_device::left_behind(view.snapshot, device.id, now)?;
        changes.extend(left);
    }
    Ok(changes)
}
