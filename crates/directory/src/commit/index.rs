//! The index rows of entries.

use std::collections::BTreeMap;

use crate::codec::{Reader, Writer};
use crate::device::DeviceCertificate;
use crate::domain::Domain;
use crate::entry::Entry;
use crate::error::{CommitError, Refused};
use crate::id::EntryId;
use crate::layout::{self, Listing};
use crate::schema::{Attribute, Class, Index};
use crate::snapshot::tree::child_name;
use crate::value::{Value, folded};

use super::{Work, Working};

/// A value as an index has it; `None` for what has no place in one.
pub(crate) fn index_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Text(text) => Some(folded(text).into_bytes()),
        Value::Integer(number) => Some(number.to_be_bytes().to_vec()),
        Value::Octets(bytes) => Some(bytes.clone()),
        Value::Sid(sid) => Some(sid.to_bytes()),
        Value::Link(id) => Some(id.bytes().to_vec()),
        Value::Boolean(_) | Value::Time(_) | Value::Secret(_) => None,
    }
}

/// Why a row is there, so that a collision can be told.
#[derive(Clone)]
enum Why {
    Name,
    Value(Attribute, String),
    Listed,
}

/// The keys of every index row that a state of an entry has.
pub(crate) fn index_keys(entry: &Entry) -> Vec<Vec<u8>> {
    rows(entry).into_keys().collect()
}

/// Every index row that a state of an entry has.
fn rows(entry: &Entry) -> BTreeMap<Vec<u8>, Why> {
    let mut rows = BTreeMap::new();
    if entry.parent != EntryId::NONE {
        let name = child_name(entry.class.row().naming, &entry.name);
        rows.insert(layout::child(entry.parent, &name), Why::Name);
    }
    let name = folded(&entry.name);
    let listing = Listing::Class(entry.class);
    rows.insert(
        layout::listed(listing, name.as_bytes(), entry.id),
        Why::Listed,
    );
    for (attribute, values) in entry.attributes.iter() {
        for value in values {
            let Some(bytes) = index_bytes(value) else {
                continue;
            };
            match attribute.row().index {
                Index::Unique => {
                    let why = Why::Value(attribute, shown(value));
                    rows.insert(layout::unique(attribute, &bytes), why);
                }
                Index::Listed => {
                    let listing = Listing::Attribute(attribute);
                    rows.insert(layout::listed(listing, &bytes, entry.id), Why::Listed);
                }
                Index::None | Index::Linked => {}
            }
        }
    }
    if entry.class == Class::Device {
        let identities = entry.texts(Attribute::AltSecurityIdentities);
        for certificate in identities.filter_map(DeviceCertificate::from_identity) {
            let listing = Listing::DeviceCertificate;
            let key = layout::listed(listing, &certificate.thumbprint, entry.id);
            rows.insert(key, Why::Listed);
        }
    }
    rows
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Sid(sid) => sid.to_string(),
        Value::Octets(bytes) => match wire::Guid::from_windows_slice(bytes) {
            Some(guid) => guid.to_string(),
            None => format!("of {} bytes", bytes.len()),
        },
        other => format!("{other:?}"),
    }
}

impl Work<'_> {
    /// Replaces the index rows of the old states by those of the new ones.
    pub(super) fn write_indexes(
        &mut self,
        entries: &BTreeMap<EntryId, Working>,
    ) -> Result<(), CommitError> {
        let mut added = Vec::new();
        for (id, working) in entries {
            let before = working.before.as_ref().map(rows).unwrap_or_default();
            let after = working.after.as_ref().map(rows).unwrap_or_default();
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                self.transaction.delete(key)?;
            }
            let new = after
                .into_iter()
                .filter(|(key, _)| !before.contains_key(key));
            added.extend(new.map(|(key, why)| (*id, key, why)));
        }
        let number = self.stamp.number;
        let unique = added
            .iter()
            .filter(|(_, _, why)| matches!(why, Why::Value(..)));
        let keys = unique.map(|(_, key, _)| key.as_slice());
        if let Some(cache) = self.directory.cache_of_commits() {
            cache.write_rows(keys, number);
        }
        for (id, key, why) in added {
            let payload = if matches!(why, Why::Listed) {
                Vec::new()
            } else {
                if let Some(value) = self.transaction.get(&key)? {
                    let holder = layout::open_row(&value)?.1.id()?;
                    return Err(taken(why, holder, entries, id).into());
                }
                Writer::new().id(id).finish()
            };
            if let Why::Value(attribute, value) = &why {
                self.check_implicit_name(*attribute, value, id)?;
            }
            let row = layout::row(self.stamp, &payload);
            self.transaction.put(&key, &row)?;
        }
        Ok(())
    }

    /// An account is also found by its implicit UPN, sAMAccountName@domain: nobody else may have that as
    /// an explicit one, nor the other way round (security.md row 2).
    fn check_implicit_name(
        &mut self,
        attribute: Attribute,
        value: &str,
        id: EntryId,
    ) -> Result<(), CommitError> {
        let domain = self.domain()?;
        let Some((other, name)) = counterpart(attribute, value, &domain) else {
            return Ok(());
        };
        let key = layout::unique(other, folded(&name).as_bytes());
        if let Some(row) = self.transaction.get(&key)? {
            let (_, mut payload): (_, Reader<'_>) = layout::open_row(&row)?;
            let holder = payload.id()?;
            if holder != id {
                return Err(Refused::ValueTaken {
                    attribute,
                    value: value.to_owned(),
                    holder,
                }
                .into());
            }
        }
        Ok(())
    }
}

fn counterpart(attribute: Attribute, value: &str, domain: &Domain) -> Option<(Attribute, String)> {
    match attribute {
        Attribute::SamAccountName => Some((
            Attribute::UserPrincipalName,
            format!("{value}@{}", domain.dns_name),
        )),
        Attribute::UserPrincipalName => {
            let (name, suffix) = value.rsplit_once('@')?;
            (folded(suffix) == domain.dns_name)
                .then(|| (Attribute::SamAccountName, name.to_owned()))
        }
        _ => None,
    }
}

fn taken(why: Why, holder: EntryId, entries: &BTreeMap<EntryId, Working>, id: EntryId) -> Refused {
    match why {
        Why::Value(attribute, value) => Refused::ValueTaken {
            attribute,
            value,
            holder,
        },
        Why::Name | Why::Listed => Refused::NameTaken {
            name: entries
                .get(&id)
                .and_then(|working| working.after.as_ref())
                .map(|entry| entry.name.clone())
                .unwrap_or_default(),
        },
    }
}
