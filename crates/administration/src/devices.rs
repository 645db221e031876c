//! Registered devices (protocols B.8).

use std::sync::Arc;

use directory::{AuditRecord, Change, Class, Device, Entry, Snapshot, change};
use registration::proven_device::{MOST_HOLDERS, left_behind};
use trust::Rng;

use crate::asked::Asked;
use crate::done::Done;
use crate::list::{self, Page, SCAN, place_of};
use crate::names;
use crate::refused::Trouble;
use crate::shown;

/// Devices are kept by their IDs, so a search by what people call them walks through them.
pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let wanted = Page::of(asked)?;
    let search = directory::folded(&wanted.search);
    let look = if search.is_empty() {
        wanted.limit
    } else {
        SCAN
    };
    let entries = snapshot.entries_of_class_named(Class::Device, "", wanted.entry()?, look + 1)?;
    let mut items = Vec::new();
    let mut last: Option<&Entry> = None;
    for entry in entries.iter().take(look) {
        if items.len() == wanted.limit {
            break;
        }
        last = Some(entry);
        if let Some(device) = snapshot.device_by_entry(entry.id)?
            && directory::folded(&device.display_name).starts_with(&search)
        {
            items.push(shown::device_line(&device).into());
        }
    }
    let end = entries.last().map(|entry| entry.id);
    let next = last.filter(|last| Some(last.id) != end).map(place_of);
    Ok(list::page(items, next))
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let device = named(asked)?;
    let shown = shown::device(&device, asked.snapshot(), asked.now)?;
    Ok(Done::now(shown.into()))
}

pub(crate) fn enable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    set_enabled(asked, true)
}

pub(crate) fn disable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    set_enabled(asked, false)
}

fn set_enabled(asked: &Asked<'_, '_>, enabled: bool) -> Result<Done, Trouble> {
    let device = named(asked)?;
    if device.enabled == enabled {
        return Ok(Done::changed(Vec::new()));
    }
    Ok(Done::changed(vec![
        change::set_device_enabled(device.id, enabled),
        change::audit(record(asked.record(), &device)),
    ]))
}

pub(crate) fn delete(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let device = named(asked)?;
    let mut changes = gone(&device, asked.snapshot(), asked)?;
    changes.push(change::audit(record(asked.record(), &device)));
    Ok(Done::changed(changes))
}

/// Deletes a device and every key that was made on it (security.md row 6), in the same commit: when the caller is told,
/// none of them opens anything.
pub(crate) fn gone(
    device: &Device,
    snapshot: &Snapshot<'_>,
    asked: &Asked<'_, '_>,
) -> Result<Vec<Change>, Trouble> {
    let mut changes = left_behind(snapshot, device.id, asked.now)?;
    // A device that was not registered here left no note of what it holds.
    if changes.is_empty() {
        changes = keys_of(device, snapshot, asked)?;
    }
    changes.push(Change::Delete { id: device.id });
    Ok(changes)
}

fn keys_of(
    device: &Device,
    snapshot: &Snapshot<'_>,
    asked: &Asked<'_, '_>,
) -> Result<Vec<Change>, Trouble> {
    let mut changes = Vec::new();
    for holder in snapshot.holders_of_device_keys(device.device_id, MOST_HOLDERS)? {
        let Some(account) = snapshot.account_by_id(holder)? else {
            continue;
        };
        for key in account.keys_of_device(device.device_id) {
            changes.push(change::remove_key_credential(holder, key.id));
            let record = asked
                .record_of("key.remove")
                .on(holder, names::called(&account))
                .about_device(device.device_id)
                .with("because", "its device is gone");
            changes.push(change::audit(match key.fingerprint {
                Some(fingerprint) => record.about_key(fingerprint),
                None => record,
            }));
        }
    }
    Ok(changes)
}

/// A record about a device.
pub(crate) fn record(record: AuditRecord, device: &Device) -> AuditRecord {
    record
        .on(device.id, &device.display_name)
        .about_device(device.device_id)
}

/// The device that the path names.
fn named(asked: &Asked<'_, '_>) -> Result<Arc<Device>, Trouble> {
    names::device(asked.snapshot(), asked.part(0))
}
