//! What follows from what others committed.

use directory::{Attribute, Change, ChangeKind, Changed, Class, Commit, EntryId, Fault, Snapshot};
use trust::{Rng, Timestamp};

use crate::View;
use crate::prt::ended::Ending;
use crate::prt::refused::Dead;

/// A device whose entry is gone takes the keys along that people registered from it (security.md row 6), and ends the primary
/// refresh tokens that were given to it (protocols B.6, PRT-6). So do a device or a person who was disabled, and a Hello key
/// that is listed no more.
///
/// Each use of a primary refresh token judges all this anew, so nothing here makes a difference while what was taken away stays
/// away. What was marked stays dead when it comes back; where there is much to mark, a job goes on with it ([`Ending`]).
pub(crate) fn react(
    committed: &Commit,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    let (snapshot, mut changes) = (view.snapshot, Vec::new());
    for changed in &committed.changed {
        let ending = match (changed.class, changed.kind) {
            (Class::Device, ChangeKind::Deleted) => {
                let left = registration::proven_device::left_behind(snapshot, changed.id, now);
                changes.extend(left?);
                Some(Ending::of_device(changed.id, Dead::DeviceGone, now))
            }
            (Class::Device, _) if touches(changed, &[Attribute::MsDsIsEnabled]) => {
                of_device(snapshot, changed.id, now)?
            }
            (Class::User, ChangeKind::Deleted) => {
                Some(Ending::of_account(changed.id, Dead::UserGone, now))
            }
            (Class::User, _) if touches(changed, OF_ACCOUNT) => {
                of_account(snapshot, changed.id, now)?
            }
            _ => None,
        };
        if let Some(ending) = ending {
            changes.extend(ending.begin(snapshot, now, rng)?);
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

fn of_device(
    snapshot: &Snapshot<'_>,
    id: EntryId,
    now: Timestamp,
) -> Result<Option<Ending>, Fault> {
    let device = snapshot.device_by_entry(id)?;
    let disabled = device.is_some_and(|device| !device.enabled);
    Ok(disabled.then(|| Ending::of_device(id, Dead::DeviceDisabled, now)))
}

fn of_account(
    snapshot: &Snapshot<'_>,
    id: EntryId,
    now: Timestamp,
) -> Result<Option<Ending>, Fault> {
    let account = snapshot.account_by_id(id)?;
    Ok(account.map(
        |account| match account.is_enabled() && !account.has_expired(now) {
            false => Ending::of_account(id, Dead::UserGone, now),
            true => Ending::of_lost_keys(&account, now),
        },
    ))
}
