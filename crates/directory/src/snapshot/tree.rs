//! The tree of entries.

use std::sync::Arc;

use super::Snapshot;
use crate::cache::Parsed;
use crate::dn::Dn;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::layout::{self, Listing};
use crate::lockout::LockoutPolicy;
use crate::password::PasswordPolicy;
use crate::reads::Observation;
use crate::schema::{Attribute, Class};
use crate::storage::{Order, after_prefix};
use crate::value::folded;

/// How deep the tree can be; a longer way up is a corrupt store.
pub(crate) const DEPTH_LIMIT: usize = 64;

impl Snapshot<'_> {
    /// The entry with an id.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn entry(&self, id: EntryId) -> Result<Option<Entry>, Fault> {
        let entry = super::entry(self.store()?.read.as_ref(), id)?;
        let stamp = entry.as_ref().map(|entry| entry.stamp);
        self.observe(Observation::Entry(id, stamp));
        Ok(entry)
    }

    /// What the domain asks of passwords.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn password_policy(&self) -> Result<PasswordPolicy, Fault> {
        Ok(PasswordPolicy::of(self.head()?.as_ref()))
    }

    /// When the domain locks accounts out.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn lockout_policy(&self) -> Result<LockoutPolicy, Fault> {
        Ok(LockoutPolicy::of(self.head()?.as_ref()))
    }

    /// How many computers a person may join (ms-DS-MachineAccountQuota).
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn machine_account_quota(&self) -> Result<usize, Fault> {
        let quota = self.head()?.integer(Attribute::MsDsMachineAccountQuota);
        Ok(usize::try_from(quota.unwrap_or(0)).unwrap_or(0))
    }

    /// The head of the domain, from memory or the storage.
    fn head(&self) -> Result<Arc<Entry>, Fault> {
        match self.parsed(self.domain().head)? {
            Some(Parsed::Container(head)) => Ok(head),
            _ => Err(Fault::Corrupt("head of the domain")),
        }
    }

    /// An entry that others may hang on, from memory or the storage; `None` when there is none, or it is another kind.
    pub(crate) fn container(&self, id: EntryId) -> Result<Option<Arc<Entry>>, Fault> {
        Ok(match self.parsed(id)? {
            Some(Parsed::Container(entry)) => Some(entry),
            _ => None,
        })
    }

    /// The entry of a distinguished name.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn entry_by_dn(&self, dn: &Dn) -> Result<Option<Entry>, Fault> {
        let head = self.domain().head;
        let Some(below) = dn.below(&Dn::of_domain(&self.domain().dns_name)) else {
            return Ok(None);
        };
        let mut id = head;
        for part in below.iter().rev() {
            match self.child(id, part.attribute, &part.value)? {
                Some(child) => id = child,
                None => return Ok(None),
            }
        }
        self.entry(id)
    }

    /// The child of an entry by its naming attribute and name.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn child(
        &self,
        parent: EntryId,
        naming: Attribute,
        name: &str,
    ) -> Result<Option<EntryId>, Fault> {
        self.holder(layout::child(parent, &child_name(naming, name)))
    }

    /// The children of an entry in the order of their names, at most `limit` from the first after the
    /// child `after`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn children(
        &self,
        parent: EntryId,
        after: Option<&Entry>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let prefix = layout::children(parent);
        let start = match after {
            Some(entry) => {
                let name = child_name(entry.class.row().naming, &entry.name);
                let mut key = layout::child(parent, &name);
                key.push(0);
                key
            }
            None => prefix.clone(),
        };
        let rows = self.range(&start, &after_prefix(&prefix), limit, Order::Ascending)?;
        let mut children = Vec::new();
        for (_, value) in rows {
            let (_, mut payload) = layout::open_row(&value)?;
            children.extend(self.entry(payload.id()?)?);
        }
        Ok(children)
    }

    /// The entries of a class in the order of their names, at most `limit` from the first after the
    /// entry `after`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn entries_of_class(
        &self,
        class: Class,
        after: Option<&Entry>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let listing = Listing::Class(class);
        let prefix = layout::listings(listing);
        let start = match after {
            Some(entry) => {
                let mut key = layout::listed(listing, folded(&entry.name).as_bytes(), entry.id);
                key.push(0);
                key
            }
            None => prefix.clone(),
        };
        let rows = self.range(&start, &after_prefix(&prefix), limit, Order::Ascending)?;
        let mut entries = Vec::new();
        for (key, _) in rows {
            entries.extend(self.entry(layout::id_at_end(&key)?)?);
        }
        Ok(entries)
    }

    /// The entries of a class whose names begin with `prefix`, in any case, in the order of their names,
    /// at most `limit` from the first after the entry of that name and id, which need not be there any more.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn entries_of_class_named(
        &self,
        class: Class,
        prefix: &str,
        after: Option<(&str, EntryId)>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let listing = Listing::Class(class);
        let mut first = layout::listings(listing);
        first.extend_from_slice(folded(prefix).as_bytes());
        let end = after_prefix(&first);
        let start = match after {
            Some((name, id)) => {
                let mut key = layout::listed(listing, folded(name).as_bytes(), id);
                key.push(0);
                key.max(first)
            }
            None => first,
        };
        if start >= end {
            return Ok(Vec::new());
        }
        let rows = self.range(&start, &end, limit, Order::Ascending)?;
        let mut entries = Vec::new();
        for (key, _) in rows {
            entries.extend(self.entry(layout::id_at_end(&key)?)?);
        }
        Ok(entries)
    }

    /// The entries with a value of a listed attribute (a text in any case), at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn entries_with(
        &self,
        attribute: Attribute,
        value: &crate::Value,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let Some(bytes) = crate::commit::index_bytes(value) else {
            return Ok(Vec::new());
        };
        let prefix = layout::listed_value(Listing::Attribute(attribute), &bytes);
        let ids = self.ids(&prefix, limit)?;
        let entries = ids.into_iter().map(|id| self.entry(id));
        entries.filter_map(Result::transpose).collect()
    }

    /// The containers above an entry, the domain's head first.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn containers(&self, of: EntryId) -> Result<Vec<EntryId>, Fault> {
        let mut above = Vec::new();
        let mut next = self.entry(of)?.map(|entry| entry.parent);
        while let Some(id) = next.filter(|id| *id != EntryId::NONE) {
            if above.len() > DEPTH_LIMIT {
                return Err(Fault::Corrupt("tree"));
            }
            above.push(id);
            next = self.entry(id)?.map(|entry| entry.parent);
        }
        above.reverse();
        Ok(above)
    }

    /// The distinguished name of an entry.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn dn(&self, id: EntryId) -> Result<Option<Dn>, Fault> {
        let Some(entry) = self.entry(id)? else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        let mut entry = entry;
        while entry.parent != EntryId::NONE {
            if parts.len() > DEPTH_LIMIT {
                return Err(Fault::Corrupt("tree"));
            }
            parts.push(crate::dn::Rdn {
                attribute: entry.class.row().naming,
                value: entry.name.clone(),
            });
            let parent = entry.parent;
            entry = self.entry(parent)?.ok_or(Fault::Corrupt("tree"))?;
        }
        Ok(Some(Dn::of_domain(&entry.name).under(parts)))
    }

    /// Rows of links after an entry, and the entries they name.
    pub(super) fn ids_after(
        &self,
        prefix: &[u8],
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<EntryId>, Fault> {
        let mut start = prefix.to_vec();
        if let Some(after) = after {
            start.extend_from_slice(&after.bytes());
            start.push(0);
        }
        let rows = self.range(&start, &after_prefix(prefix), limit, Order::Ascending)?;
        rows.iter()
            .map(|(key, _)| Ok(layout::id_at_end(key)?))
            .collect()
    }
}

/// How a child is named in the index: `cn=alice`.
pub(crate) fn child_name(naming: Attribute, name: &str) -> String {
    format!("{}={}", naming.name(), folded(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::NewEntry;
    use crate::reads::Reads;
    use crate::testing::{START, Seeded, fresh};

    #[test]
    fn entries_are_listed_by_the_beginning_of_their_names_from_any_place() {
        let directory = fresh();
        let users = directory.domain().unwrap().users;
        let mut rng = Seeded::new(9);
        let mut add = |name: &str| {
            let id = EntryId::random(&mut rng);
            let entry = NewEntry::user(id, users, name, name);
            directory
                .commit(&[entry.into()], &Reads::none(), START)
                .unwrap();
        };
        for name in ["Alan", "alice", "Alicia", "bob"] {
            add(name);
        }
        let named = |prefix: &str, after: Option<(&str, EntryId)>, limit| -> Vec<String> {
            let snapshot = directory.snapshot().unwrap();
            let found = snapshot
                .entries_of_class_named(Class::User, prefix, after, limit)
                .unwrap();
            found.into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(named("AL", None, 9), ["Alan", "alice", "Alicia"]);
        assert_eq!(named("ali", None, 1), ["alice"]);
        assert_eq!(named("", None, 2), ["Alan", "alice"]);
        // A place that no entry has, one before the prefix and one beyond it.
        let nobody = EntryId(wire::Guid::from_bytes([9; 16]));
        assert_eq!(named("al", Some(("alb", nobody)), 9), ["alice", "Alicia"]);
        assert_eq!(named("ali", Some(("a", nobody)), 9), ["alice", "Alicia"]);
        assert!(named("ali", Some(("zoe", nobody)), 9).is_empty());
    }
}
