//! Entries, with what belongs to them: index rows, links, listed keys, secrets.

use std::collections::BTreeSet;

use super::rows::{secrets_open, unreadable};
use super::{Kind, Looking, feed};
use crate::account::{Account, KeyCredential};
use crate::codec::Reader;
use crate::commit::{index_keys, key_index_keys};
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::layout;
use crate::schema::{Attribute, Class};
use crate::snapshot;
use crate::storage::{Read, Row};

/// Looks at an entry.
pub(super) fn entry(looking: &mut Looking<'_>, row: &Row) -> Result<(), Fault> {
    looking.checked.entries += 1;
    let id = match layout::id_at_end(&row.0) {
        Ok(id) => id,
        Err(_) => {
            unreadable(looking, row);
            return Ok(());
        }
    };
    let found = layout::open_row(&row.1)
        .and_then(|(stamp, mut payload)| Entry::read(id, stamp, &mut payload));
    let Ok(entry) = found else {
        unreadable(looking, row);
        return Ok(());
    };
    let keys = match snapshot::key_credentials(looking.read, id) {
        Ok(keys) => keys,
        // The row that does not decode is told by itself.
        Err(Fault::Corrupt(_)) => return Ok(()),
        Err(fault) => return Err(fault),
    };
    count(looking, &entry, keys.len());
    for key in expected(&entry, &keys) {
        let table = key.first().copied().unwrap_or(0);
        if is_its_own(looking.read, &key, id)? {
            *looking.expected.entry(table).or_default() += 1;
        } else {
            let kind = char::from(table);
            let what = format!("entry {id} lacks an index row of table {kind}");
            looking.problem(Kind::Disagreement, what);
        }
    }
    feed::has(looking, &entry)?;
    judge(looking, &entry, keys)
}

fn count(looking: &mut Looking<'_>, entry: &Entry, keys: usize) {
    let checked = &mut looking.checked;
    checked.keys += keys as u64;
    match entry.class {
        Class::Group => checked.groups += 1,
        Class::Device => checked.devices += 1,
        class if class.is_account() => checked.accounts += 1,
        _ => {}
    }
}

/// Whether an index row is there, and names the entry. Listings name it in their keys.
fn is_its_own(read: &dyn Read, key: &[u8], id: EntryId) -> Result<bool, Fault> {
    let Some(value) = read.get(key)? else {
        return Ok(false);
    };
    if key.first() == Some(&b'x') {
        return Ok(true);
    }
    let named = layout::open_row(&value).and_then(|(_, mut payload)| payload.id());
    Ok(named == Ok(id))
}

fn judge(looking: &mut Looking<'_>, entry: &Entry, keys: Vec<KeyCredential>) -> Result<(), Fault> {
    let id = entry.id;
    let parent = looking.read.get(&layout::entry(entry.parent))?;
    if parent.is_none() && entry.parent != EntryId::NONE {
        looking.problem(
            Kind::Disagreement,
            format!("entry {id} hangs on one that is not there"),
        );
    }
    if keys.len() != entry.listed_keys as usize {
        looking.problem(
            Kind::Disagreement,
            format!("entry {id} lists other keys than it says"),
        );
    }
    if !secrets_open(looking, entry) {
        looking.problem(
            Kind::Secret,
            format!("a secret of entry {id} does not open"),
        );
    } else if entry.class.is_account()
        && let Err(fault) = Account::parse(entry, keys, looking.root_key)
    {
        looking.problem(
            Kind::Unreadable,
            format!("account {id} does not open: {fault}"),
        );
    }
    Ok(())
}

/// Every index row that an entry should have.
fn expected(entry: &Entry, keys: &[KeyCredential]) -> BTreeSet<Vec<u8>> {
    let mut rows: BTreeSet<Vec<u8>> = index_keys(entry).into_iter().collect();
    for key in keys {
        rows.extend(key_index_keys(entry, key));
    }
    rows
}

/// Looks whether an index row is one that the entry has that it names.
pub(super) fn owned(looking: &mut Looking<'_>, row: &Row) -> Result<(), Fault> {
    let owned = match holder(row) {
        Err(_) => None,
        Ok(id) => match (
            snapshot::entry(looking.read, id),
            snapshot::key_credentials(looking.read, id),
        ) {
            (Ok(Some(entry)), Ok(keys)) => Some((id, expected(&entry, &keys).contains(&row.0))),
            (Ok(None), _) => Some((id, false)),
            (Err(fault @ Fault::Storage(_)), _) | (_, Err(fault @ Fault::Storage(_))) => {
                return Err(fault);
            }
            // An entry that does not decode is told by itself.
            _ => return Ok(()),
        },
    };
    let kind = char::from(row.0.first().copied().unwrap_or(b'?'));
    match owned {
        None => unreadable(looking, row),
        Some((_, true)) => {}
        Some((id, false)) => looking.problem(
            Kind::Disagreement,
            format!("an index row of table {kind} names entry {id}, whose it is not"),
        ),
    }
    Ok(())
}

/// The entry that an index row names: listings in their keys, the others in their values.
fn holder((key, value): &Row) -> Result<EntryId, Fault> {
    if key.first() == Some(&b'x') {
        return Ok(layout::id_at_end(key)?);
    }
    Ok(layout::open_row(value)?.1.id()?)
}

/// Looks at a membership in either direction, or at a listed key.
pub(super) fn link(looking: &mut Looking<'_>, row: &Row) -> Result<(), Fault> {
    let (key, value) = row;
    let mut from = Reader::new(key.get(1..).unwrap_or_default());
    let (Ok(holder), Ok(attribute), Ok((_, payload))) =
        (from.id(), from.u16(), layout::open_row(value))
    else {
        unreadable(looking, row);
        return Ok(());
    };
    if looking.read.get(&layout::entry(holder))?.is_none() {
        let what = format!("a link of entry {holder} is there, and the entry is not");
        looking.problem(Kind::Disagreement, what);
    }
    if key.first() == Some(&b'l') && attribute == Attribute::MsDsKeyCredentialLink.number() {
        if KeyCredential::read(payload).is_err() {
            unreadable(looking, row);
        }
        return Ok(());
    }
    let Some((other, counterpart)) = counterpart(key) else {
        unreadable(looking, row);
        return Ok(());
    };
    if looking.read.get(&counterpart)?.is_none() {
        looking.problem(
            Kind::Disagreement,
            format!("a membership of entry {other} is there in one direction only"),
        );
    }
    Ok(())
}

/// The other direction of a membership, and who is at its other end.
fn counterpart(key: &[u8]) -> Option<(EntryId, Vec<u8>)> {
    let mut from = Reader::new(key.get(1..)?);
    let (one, attribute) = (from.id().ok()?, from.u16().ok()?);
    let other = from.id().ok()?;
    from.end().ok()?;
    let (member, member_of) = (Attribute::Member, Attribute::MemberOf);
    match key.first()? {
        b'l' if attribute == member.number() => {
            Some((other, layout::backlink(other, member_of, one)))
        }
        b'b' if attribute == member_of.number() => {
            Some((other, layout::link(other, member, &one.bytes())))
        }
        _ => None,
    }
}
