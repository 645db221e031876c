//! What follows from what others committed.

use directory::{Attribute, Change, ChangeKind, Changed, Class, Commit, EntryId, Fault, Snapshot};
use trust::{Rng, Timestamp};

use crate::View;
use crate::prt::judge::is_without_its_key;
use crate::prt::record::{end_of_account, end_of_device};
use crate::prt::refused::Dead;

/// A device whose entry is gone takes the keys along that people registered from it (security.md row 6), and ends the primary
/// refresh tokens that were given to it (protocols B.6, PRT-6). So do a device or a person who was disabled, and a Hello key
/// that is listed no more.
///
/// Each use of a primary refresh token judges all this anew, so nothing here makes a difference while what was taken away stays
/// away. What was marked stays dead when it comes back.
pub(crate) fn react(
    committed: &Commit,
    view: &View<'_, '_>,
    now: Timestamp,
    _rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    for changed in &committed.changed {
        match (changed.class, changed.kind) {
            (Class::Device, ChangeKind::Deleted) => {
                let left = registration::proven_device::left_behind(view.snapshot, changed.id, now);
                changes.extend(left?);
                changes.extend(end_of_device(
                    view.snapshot,
                    changed.id,
                    Dead::DeviceGone,
                    now,
                )?);
            }
            (Class::Device, _) if touches(changed, &[Attribute::MsDsIsEnabled]) => {
                changes.extend(of_device(view.snapshot, changed.id, now)?);
            }
            (Class::User, ChangeKind::Deleted) => {
                let gone = |_: &_| Some(Dead::UserGone);
                changes.extend(end_of_account(view.snapshot, changed.id, gone, now)?);
            }
            (Class::User, _) if touches(changed, OF_ACCOUNT) => {
                changes.extend(of_account(view.snapshot, changed.id, now)?);
            }
            _ => {}
        }
    }
    Ok(changes)
}

/// What of an account can end what it got.
const OF_ACCOUNT: &[Attribute] = &[
    Attribute::UserAccountControl,
    Attribute::AccountExpires,
    Attribute::MsDsKeyCredentialLink,
];

/// Whether something that was there before had one of these changed.
fn touches(changed: &Changed, attributes: &[Attribute]) -> bool {
    let before = changed.kind != ChangeKind::Added;
    before
        && attributes
            .iter()
            .any(|one| changed.attributes.contains(one))
}

fn of_device(snapshot: &Snapshot<'_>, id: EntryId, now: Timestamp) -> Result<Vec<Change>, Fault> {
    match snapshot.device_by_entry(id)? {
        Some(device) if !device.enabled => end_of_device(snapshot, id, Dead::DeviceDisabled, now),
        _ => Ok(vec![]),
    }
}

fn of_account(snapshot: &Snapshot<'_>, id: EntryId, now: Timestamp) -> Result<Vec<Change>, Fault> {
    let Some(account) = snapshot.account_by_id(id)? else {
        return Ok(vec![]);
    };
    let usable = account.is_enabled() && !account.has_expired(now);
    let why = |row: &_| match usable {
        false => Some(Dead::UserGone),
        true => is_without_its_key(row, &account).then_some(Dead::KeyGone),
    };
    end_of_account(snapshot, id, why, now)
}
