//! Reading for those who only look: a search. What is read is not recorded, for nothing is computed from it that a commit
//! would have to re-check; whoever will change what was found asks the other functions of [`Snapshot`].

use super::Snapshot;
use crate::account::KeyValueId;
use crate::codec::{Corrupt, Reader};
use crate::directory::{cursor_in, feed_in};
use crate::entry::Entry;
use crate::error::Fault;
use crate::feed::{Cursor, FeedError, FeedPage};
use crate::id::{EntryId, Stamp};
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
        self.rows_after(
            layout::entries(),
            after.map(layout::entry),
            limit,
            Entry::read,
        )
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
        let after = after.map(layout::tombstone);
        self.rows_after(layout::tombstones(), after, limit, Entry::buried)
    }

    /// The rows of a table after the one with a key, each as `read` reads it, at most `limit`.
    fn rows_after(
        &self,
        table: Vec<u8>,
        after: Option<Vec<u8>>,
        limit: usize,
        read: fn(EntryId, Stamp, &mut Reader<'_>) -> Result<Entry, Corrupt>,
    ) -> Result<Vec<Entry>, Fault> {
        let end = after_prefix(&table);
        let start = match after {
            Some(mut key) => {
                key.push(0);
                key
            }
            None => table,
        };
        let rows = self
            .store()?
            .read
            .scan(&start, &end, limit, Order::Ascending)?;
        rows.iter()
            .map(|(key, value)| {
                let (stamp, mut payload) = layout::open_row(value)?;
                Ok(read(layout::id_at_end(key)?, stamp, &mut payload)?)
            })
            .collect()
    }

    /// The feed after a cursor, at most `limit` commits of it, and none that this state does not contain: who follows would
    /// be told what an entry was before such a one, and go on behind it.
    pub(crate) fn feed(&self, cursor: &Cursor, limit: usize) -> Result<FeedPage, FeedError> {
        feed_in(self.store()?.read.as_ref(), cursor, limit)
    }

    /// The cursor after everything that this state contains.
    pub(crate) fn cursor(&self) -> Result<Cursor, Fault> {
        cursor_in(self.store()?.read.as_ref())
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

    /// The entries that have values of a listed attribute, value by value, in the rows behind one of the index, at most
    /// `limit`; and the row to go on behind, where there are more.
    pub(crate) fn listed_after(
        &self,
        attribute: Attribute,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<(Vec<EntryId>, Option<Vec<u8>>), Fault> {
        let all = layout::listings(Listing::Attribute(attribute));
        let end = after_prefix(&all);
        let start = match after {
            Some(after) => [after, &[0]].concat(),
            None => all,
        };
        let read = self.store()?.read.as_ref();
        let rows = read.scan(&start, &end, limit, Order::Ascending)?;
        let ids = rows.iter().map(|(key, _)| layout::id_at_end(key));
        let mut ids = ids.collect::<Result<Vec<_>, _>>()?;
        // One entry with several values comes once.
        ids.sort_unstable();
        ids.dedup();
        let more = rows.len() == limit;
        let last = rows.into_iter().next_back().filter(|_| more);
        Ok((ids, last.map(|(key, _)| key)))
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

#[cfg(test)]
mod tests {
    use crate::testing::{START, Seeded, fresh};
    use crate::{Attribute, EntryId, NewEntry, Reads, change};

    /// Repaired: the feed was read of a newer state than the entries, and what was committed in between was passed over.
    #[test]
    fn who_follows_is_not_led_past_what_the_state_does_not_contain() {
        let directory = fresh();
        let alice = EntryId::random(&mut Seeded::new(1));
        let users = directory.domain().unwrap().users;
        let commit = |change| directory.commit(&[change], &Reads::none(), START).unwrap();
        commit(NewEntry::user(alice, users, "alice", "alice").into());

        let snapshot = directory.snapshot().unwrap();
        assert!(
            snapshot.peek(alice).unwrap().is_some(),
            "the state is fixed"
        );
        let cursor = snapshot.cursor().unwrap();
        commit(change::set(alice, Attribute::DisplayName, "later"));
        assert_eq!(snapshot.cursor().unwrap(), cursor);
        let page = snapshot.feed(&cursor, 10).unwrap();
        assert_eq!((page.commits.len(), page.cursor), (0, cursor.clone()));
        let page = directory.snapshot().unwrap().feed(&cursor, 10).unwrap();
        assert_eq!(page.commits.len(), 1);
    }
}
