//! Reading for those who only look: a search. What is read is not recorded, for nothing is computed from it that a commit
//! would have to re-check; whoever will change what was found asks the other functions of [`Snapshot`].

use super::Snapshot;
use crate::account::KeyValueId;
use crate::entry::Entry;
use crate::error::Fault;
use crate::feed::{Cursor, FeedError, FeedPage};
use crate::id::EntryId;
use crate::layout::{self, Listing};
use crate::schema::{Attribute, Class, Index};
use crate::storage::{Order, after_prefix};
use crate::value::{Value, folded};

impl Snapshot<'_> {
    /// The entry with an id.
    pub(crate) fn peek(&self, id: EntryId) -> Result<Option<Entry>, Fault> {
        super::entry(self.store()?.read.as_ref(), id)
    }

    /// The entries after an id in the order of ids, at most `limit`.
    pub(crate) fn entries_after(
        &self,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let prefix = layout::entries();
        let start = match after {
            Some(id) => {
                let mut key = layout::entry(id);
                key.push(0);
                key
            }
            None => prefix.clone(),
        };
        let end = after_prefix(&prefix);
        let rows = self
            .store()?
            .read
            .scan(&start, &end, limit, Order::Ascending)?;
        let mut entries = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let (stamp, mut payload) = layout::open_row(&value)?;
            let id = layout::id_at_end(&key)?;
            entries.push(Entry::read(id, stamp, &mut payload)?);
        }
        Ok(entries)
    }

    /// The remembrance of a deleted entry, as long as it is kept.
    pub(crate) fn tombstone(&self, id: EntryId) -> Result<Option<Entry>, Fault> {
        let Some(value) = self.store()?.read.get(&layout::tombstone(id))? else {
            return Ok(None);
        };
        let (stamp, mut payload) = layout::open_row(&value)?;
        Ok(Some(Entry::buried(id, stamp, &mut payload)?))
    }

    /// The remembrances of deleted entries after an id in the order of ids, at most `limit`.
    pub(crate) fn tombstones_after(
        &self,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let prefix = layout::tombstones();
        let start = match after {
            Some(id) => {
                let mut key = layout::tombstone(id);
                key.push(0);
                key
            }
            None => prefix.clone(),
        };
        let end = after_prefix(&prefix);
        let rows = self
            .store()?
            .read
            .scan(&start, &end, limit, Order::Ascending)?;
        let mut entries = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            let (stamp, mut payload) = layout::open_row(&value)?;
            let id = layout::id_at_end(&key)?;
            entries.push(Entry::buried(id, stamp, &mut payload)?);
        }
        Ok(entries)
    }

    /// The feed after a cursor, at most `limit` commits of it.
    pub(crate) fn feed(&self, cursor: &Cursor, limit: usize) -> Result<FeedPage, FeedError> {
        self.directory.feed(cursor, limit)
    }

    /// The cursor after everything that is committed.
    pub(crate) fn cursor(&self) -> Result<Cursor, Fault> {
        self.directory.cursor()
    }

    /// A key of the store's own for a purpose, which nobody outside of it has.
    pub(crate) fn own_key(&self, purpose: &str) -> zeroize::Zeroizing<[u8; 32]> {
        self.directory.root_key().derived(purpose)
    }

    /// The entries of a class, at most `limit`.
    pub(crate) fn ids_of_class(&self, class: Class, limit: usize) -> Result<Vec<EntryId>, Fault> {
        self.looked_up(&layout::listings(Listing::Class(class)), limit)
    }

    /// The entries of a class with a name, which is folded; at most `limit`.
    pub(crate) fn ids_of_class_named(
        &self,
        class: Class,
        name: &str,
        limit: usize,
    ) -> Result<Vec<EntryId>, Fault> {
        let listing = Listing::Class(class);
        self.looked_up(&layout::listed_value(listing, name.as_bytes()), limit)
    }

    /// The entries of a class whose names begin with a text, which is folded; at most `limit`.
    pub(crate) fn ids_of_class_beginning(
        &self,
        class: Class,
        text: &str,
        limit: usize,
    ) -> Result<Vec<EntryId>, Fault> {
        self.beginning(layout::listings(Listing::Class(class)), text, limit)
    }

    /// The entries that have a value of an indexed attribute which begins with a text, which is folded; at most `limit`.
    pub(crate) fn ids_beginning(
        &self,
        attribute: Attribute,
        text: &str,
        limit: usize,
    ) -> Result<Vec<EntryId>, Fault> {
        if attribute.row().index == Index::Listed {
            let all = layout::listings(Listing::Attribute(attribute));
            return self.beginning(all, text, limit);
        }
        let mut ids = Vec::new();
        for prefix in beginnings(layout::uniques(attribute), text) {
            let end = after_prefix(&prefix);
            let rows = self
                .store()?
                .read
                .scan(&prefix, &end, limit, Order::Ascending)?;
            for (_, value) in rows {
                ids.push(layout::open_row(&value)?.1.id()?);
            }
        }
        Ok(ids)
    }

    /// The entry that has a value of an attribute which only one can have.
    pub(crate) fn id_with(
        &self,
        attribute: Attribute,
        value: &Value,
    ) -> Result<Option<EntryId>, Fault> {
        let Some(bytes) = crate::commit::index_bytes(value) else {
            return Ok(None);
        };
        let key = layout::unique(attribute, &bytes);
        match self.store()?.read.get(&key)? {
            Some(row) => Ok(Some(layout::open_row(&row)?.1.id()?)),
            None => Ok(None),
        }
    }

    /// The entries that have a value of a listed attribute, at most `limit`.
    pub(crate) fn ids_with(
        &self,
        attribute: Attribute,
        value: &Value,
        limit: usize,
    ) -> Result<Vec<EntryId>, Fault> {
        let Some(bytes) = crate::commit::index_bytes(value) else {
            return Ok(Vec::new());
        };
        let listing = Listing::Attribute(attribute);
        self.looked_up(&layout::listed_value(listing, &bytes), limit)
    }

    /// The bytes of the keys that an entry lists.
    pub(crate) fn key_values(&self, holder: EntryId) -> Result<Vec<Vec<u8>>, Fault> {
        let keys = super::key_credentials(self.store()?.read.as_ref(), holder)?;
        Ok(keys.into_iter().map(|key| key.blob).collect())
    }

    /// Whether an entry lists a key by this very value.
    pub(crate) fn lists_value(&self, holder: EntryId, value: KeyValueId) -> Result<bool, Fault> {
        let key = layout::link(holder, Attribute::MsDsKeyCredentialLink, &value.0);
        Ok(self.store()?.read.get(&key)?.is_some())
    }

    fn beginning(&self, all: Vec<u8>, text: &str, limit: usize) -> Result<Vec<EntryId>, Fault> {
        let mut ids = Vec::new();
        for prefix in beginnings(all, text) {
            ids.extend(self.looked_up(&prefix, limit)?);
        }
        Ok(ids)
    }

    /// The ids at the ends of the keys that begin like this.
    fn looked_up(&self, prefix: &[u8], limit: usize) -> Result<Vec<EntryId>, Fault> {
        let end = after_prefix(prefix);
        let rows = self
            .store()?
            .read
            .scan(prefix, &end, limit, Order::Ascending)?;
        rows.iter()
            .map(|(key, _)| Ok(layout::id_at_end(key)?))
            .collect()
    }
}

/// Where the keys of an index begin whose values begin with a text: and where those are that are too long for a key.
fn beginnings(all: Vec<u8>, text: &str) -> [Vec<u8>; 2] {
    let text = folded(text);
    let own = [all.as_slice(), text.as_bytes()].concat();
    [own, [all.as_slice(), layout::LONG].concat()]
}
