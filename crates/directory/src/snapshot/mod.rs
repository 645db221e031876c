//! Reading the directory: one state of it, with a record of what was read.

mod accounts;
mod browse;
pub(crate) mod certificates;
mod groups;
mod means;
mod records;
pub(crate) mod tree;

pub use means::Lost;

use std::cell::{Cell, OnceCell, RefCell};

use crate::cache::Parsed;
use crate::directory::Directory;
use crate::domain::Domain;
use crate::error::Fault;
use crate::followed::Place;
use crate::id::{EntryId, Stamp};
use crate::layout;
use crate::reads::{Observation, Reads, Walk};
use crate::storage::{Order, Read, Row, after_prefix};

/// One state of the directory, containing every commit that had returned when it was taken.
///
/// Hot accounts and devices come from memory and touch no storage. The storage is opened at the first
/// question that memory cannot answer; should what was read until then have changed meanwhile, the reads
/// are no longer consistent ([`Reads::are_consistent`]), and a commit of anything computed from them,
/// even of no change at all, is a conflict.
///
/// Absence is decided by the storage, but for names of accounts that it was asked for before: that nobody has one stays
/// known until the commit that gives it to somebody, and for no longer.
///
/// Over a storage that others write to, the storage is opened at the first question, and memory is first brought as far as
/// its state is.
pub struct Snapshot<'a> {
    directory: &'a Directory,
    domain: std::sync::Arc<Domain>,
    /// The newest commit of this node that had returned.
    at: u64,
    opened: OnceCell<Opened<'a>>,
    observations: RefCell<Vec<Observation>>,
    torn: Cell<bool>,
    /// Whether an account's name had to be looked for in the storage, and nobody had it.
    missed: Cell<bool>,
}

pub(crate) struct Opened<'a> {
    read: Box<dyn Read + Send + 'a>,
    /// The newest commit of this node in the storage's state.
    number: u64,
    /// What this state is to memory, where others write to the storage, too. Then `number` is its step.
    place: Option<Place>,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(directory: &'a Directory, domain: std::sync::Arc<Domain>, at: u64) -> Self {
        Self {
            directory,
            domain,
            at,
            opened: OnceCell::new(),
            observations: RefCell::default(),
            torn: Cell::new(false),
            missed: Cell::new(false),
        }
    }

    /// The domain: its names, its SID, its well-known containers.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Whether other nodes may write to the directory, too.
    pub(crate) fn is_shared(&self) -> bool {
        self.directory.is_shared()
    }

    /// A number for who keeps something that was worked out of a state: while it is the same, so is the state. `None`
    /// when it cannot be told.
    ///
    /// It counts this node's commits, or over a storage that others write to, the steps of memory: a count of everybody's
    /// commits would come back to what it was where a database forgets some.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        if !self.directory.is_shared() {
            return Some(self.newest());
        }
        match &self.store().ok()?.place {
            Some(place) => (place.step > 0).then_some(place.step),
            None => None,
        }
    }

    /// The number of the newest commit of the node that made all of them; `None` where several did. Those of several are in
    /// no order in which they can be seen: a reader that goes on behind the highest number it saw would miss others' for
    /// good.
    pub(crate) fn highest_commit(&self) -> Option<u64> {
        if !self.directory.is_shared() {
            return Some(self.newest());
        }
        let place = self.store().ok()?.place.as_ref()?;
        (place.vector.writers() <= 1).then(|| place.vector.commits())
    }

    /// What was read so far.
    #[must_use]
    pub fn reads(&self) -> Reads {
        Reads {
            observations: self.observations.borrow().clone(),
            torn: self.torn.get(),
        }
    }

    /// What was read, when nothing more will be.
    #[must_use]
    pub fn into_reads(self) -> Reads {
        Reads {
            torn: self.torn.get(),
            observations: self.observations.into_inner(),
        }
    }

    /// A draft of many changes on the directory that this is a state of.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub(crate) fn draft(&self) -> Result<crate::draft::Draft, Fault> {
        crate::draft::Draft::on(self.directory)
    }

    /// Takes over what was read elsewhere: a commit of what was computed from this snapshot checks that, too.
    pub(crate) fn take_over(&self, reads: Reads) {
        self.torn.set(self.torn.get() | reads.torn);
        self.observations.borrow_mut().extend(reads.observations);
    }

    fn observe(&self, observation: Observation) {
        self.observations.borrow_mut().push(observation);
    }

    /// The storage's state, opened at the first use.
    fn store(&self) -> Result<&Opened<'a>, Fault> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let read = self.directory.storage().snapshot()?;
        let place = match self.directory.followed() {
            Some(followed) => {
                let (cache, storage) = (self.directory.cache(), self.directory.storage());
                Some(followed.reach(cache, storage, read.as_ref())?)
            }
            None => None,
        };
        let number = match &place {
            Some(place) => place.step,
            // Changes on trial: nothing is remembered across states there.
            None if self.directory.is_shared() => self.at,
            None => self.directory.number_in(read.as_ref())?,
        };
        if place.is_none() && number > self.at {
            let so_far = self.reads();
            if !so_far.stand(read.as_ref())? {
                self.torn.set(true);
            }
        }
        Ok(self.opened.get_or_init(|| Opened {
            read,
            number,
            place,
        }))
    }

    /// The newest commit of this node that this snapshot may see.
    fn newest(&self) -> u64 {
        self.opened.get().map_or(self.at, |opened| opened.number)
    }

    /// Whether a state that is the newest one of its entry is part of this snapshot.
    fn sees(&self, stamp: Stamp) -> bool {
        match self.opened.get().and_then(|opened| opened.place.as_ref()) {
            Some(place) => place.sees(stamp),
            None => stamp.node != self.directory.node_number() || stamp.number <= self.newest(),
        }
    }

    /// Whether memory may be asked about this state. Where others write to the storage, the state is fixed for that, and
    /// memory is brought as far.
    fn may_ask_memory(&self) -> Result<bool, Fault> {
        if self.directory.followed().is_none() {
            return Ok(true);
        }
        let place = self.store()?.place.as_ref();
        Ok(place.is_some_and(|place| place.may_ask(self.directory.storage())))
    }

    /// What `find` finds in the cache, if this snapshot sees it.
    ///
    /// What is found is the newest state of its entry at the moment of looking. It belongs to this
    /// snapshot when it is no newer than the snapshot's state, for then it was the newest all the time
    /// since; so whoever looks must look after that state is fixed, not before.
    fn cached(&self, find: impl Fn() -> Option<Parsed>) -> Result<Option<Parsed>, Fault> {
        if !self.may_ask_memory()? {
            return Ok(None);
        }
        let Some(mut parsed) = find() else {
            return Ok(None);
        };
        if !self.sees(parsed.stamp()) && self.opened.get().is_none() {
            // It was changed after the snapshot was taken: move on to the storage's state, and look again.
            self.store()?;
            match find() {
                Some(again) => parsed = again,
                None => return Ok(None),
            }
        }
        if !self.sees(parsed.stamp()) {
            return Ok(None);
        }
        self.observe(Observation::Entry(parsed.id(), Some(parsed.stamp())));
        Ok(Some(parsed))
    }

    /// What memory knows a row of this state to be stamped with, recorded as read if so; an index row that is not there has no stamp.
    ///
    /// What memory knows was so from some commit on until the moment of looking; so it was in this snapshot's state when
    /// that is no older than the commit. As in [`Snapshot::cached`], the state has to be fixed before that moment.
    fn known_row(&self, key: &[u8]) -> Result<Option<Option<Stamp>>, Fault> {
        if !self.may_ask_memory()? {
            return Ok(None);
        }
        let cache = self.directory.cache();
        let Some(mut known) = cache.row(key) else {
            return Ok(None);
        };
        if known.1 > self.newest() && self.opened.get().is_none() {
            self.store()?;
            match cache.row(key) {
                Some(again) => known = again,
                None => return Ok(None),
            }
        }
        let (stamp, since) = known;
        if since > self.newest() {
            return Ok(None);
        }
        self.observe(Observation::Row(key.into(), stamp));
        Ok(Some(stamp))
    }

    /// A row of the storage, recorded as read.
    fn row(&self, key: Vec<u8>) -> Result<Option<(Stamp, Vec<u8>)>, Fault> {
        let value = self.store()?.read.get(&key)?;
        let row = match value {
            None => None,
            Some(value) => {
                let (stamp, mut payload) = layout::open_row(&value)?;
                Some((stamp, payload.remainder().to_vec()))
            }
        };
        let stamp = row.as_ref().map(|(stamp, _)| *stamp);
        self.observe(Observation::Row(key.into(), stamp));
        Ok(row)
    }

    /// The rows of a range, recorded as read.
    fn range(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, Fault> {
        let rows = self.store()?.read.scan(start, end, limit, order)?;
        self.observe(Walk::observed(start, end, limit, order, &rows)?);
        Ok(rows)
    }

    /// The rows whose keys begin with `prefix`, recorded as read.
    fn prefix(&self, prefix: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        self.range(prefix, &after_prefix(prefix), limit, Order::Ascending)
    }

    /// The rows of a listing after an entry, and the entries they name.
    fn ids(&self, prefix: &[u8], limit: usize) -> Result<Vec<EntryId>, Fault> {
        let rows = self.prefix(prefix, limit)?;
        rows.iter()
            .map(|(key, _)| Ok(layout::id_at_end(key)?))
            .collect()
    }
}

impl std::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("at", &self.newest())
            .finish_non_exhaustive()
    }
}

/// How many rows a walk takes at once.
const STEP: usize = 500;

/// Walks a range in steps, so that no answer of the storage grows with the directory.
fn walk(
    read: &dyn Read,
    start: &[u8],
    end: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut from = start.to_vec();
    loop {
        let rows = read.scan(&from, end, STEP, Order::Ascending)?;
        for (key, value) in &rows {
            each(key, value)?;
        }
        match rows.last() {
            Some((last, _)) if rows.len() == STEP => {
                from.clone_from(last);
                from.push(0);
            }
            _ => return Ok(()),
        }
    }
}

/// Reads the listed keys of an entry.
pub(crate) fn key_credentials(
    read: &dyn Read,
    holder: EntryId,
) -> Result<Vec<crate::account::KeyCredential>, Fault> {
    let prefix = layout::links(holder, crate::schema::Attribute::MsDsKeyCredentialLink);
    let mut keys = Vec::new();
    walk(read, &prefix, &after_prefix(&prefix), |_, value| {
        let (_, payload) = layout::open_row(value)?;
        keys.push(crate::account::KeyCredential::read(payload)?);
        Ok(())
    })?;
    Ok(keys)
}

/// Reads the listed keys of an entry, if it has any.
fn keys_of(
    read: &dyn Read,
    entry: &crate::Entry,
) -> Result<Vec<crate::account::KeyCredential>, Fault> {
    match entry.listed_keys {
        0 => Ok(Vec::new()),
        _ => key_credentials(read, entry.id),
    }
}

/// Reads an entry.
pub(crate) fn entry(read: &dyn Read, id: EntryId) -> Result<Option<crate::Entry>, Fault> {
    let Some(value) = read.get(&layout::entry(id))? else {
        return Ok(None);
    };
    let (stamp, mut payload) = layout::open_row(&value)?;
    Ok(Some(crate::Entry::read(id, stamp, &mut payload)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{START, Seeded, fresh};
    use crate::{Attribute, NewEntry, change};

    /// Repaired: a state that was found just before another commit was taken for part of the state after
    /// that commit. Found by readers and a writer on several threads; here the commit comes at that moment.
    #[test]
    fn what_was_found_before_the_state_was_fixed_is_looked_for_again() {
        let directory = fresh();
        let alice = EntryId::random(&mut Seeded::new(1));
        let entry = NewEntry::user(alice, directory.domain().unwrap().users, "alice", "alice");
        let commit = |change| directory.commit(&[change], &Reads::none(), START).unwrap();
        commit(entry.into());
        let rename = |name: &str| commit(change::set(alice, Attribute::DisplayName, name));

        // Whether the state after the commit is in memory again when it is looked for.
        for reloaded in [false, true] {
            let reload = || directory.snapshot().unwrap().account_by_id(alice).unwrap();
            let snapshot = directory.snapshot().unwrap();
            rename("second");
            reload();
            let looked = Cell::new(0);
            let found = snapshot.cached(|| {
                looked.set(looked.get() + 1);
                if looked.get() == 2 && reloaded {
                    reload();
                }
                let found = directory.cache().find(alice);
                if looked.get() == 1 {
                    assert!(found.is_some(), "it is newer than the snapshot");
                    rename("third");
                }
                found
            });
            let name = |account: &crate::Account| account.display_name.clone();
            let found = found.unwrap().map(|found| match found {
                Parsed::Account(account) => name(&account),
                other => panic!("{other:?}"),
            });
            assert_eq!(found, reloaded.then(|| Some("third".to_owned())));
            let seen = snapshot.account_by_id(alice).unwrap().unwrap();
            assert_eq!(name(&seen).as_deref(), Some("third"));
            assert!(snapshot.reads().are_consistent());
        }
    }
}
