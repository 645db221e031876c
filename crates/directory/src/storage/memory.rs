//! The storage of tests, and of a lab that forgets.

use std::collections::BTreeMap;
use std::collections::btree_map::{Entry, OccupiedEntry};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use trust::{Clock, Span, Timestamp};

use super::{
    Body, Order, Overlay, Read, Row, SNAPSHOT_SECONDS, Storage, StorageError, TRANSACTION_BYTES,
    TRANSACTION_SECONDS, Transaction,
};

/// A storage in memory: multi-version rows, one writer at a time, any number of readers.
///
/// Nothing survives it, so "durable" means here: as long as it lives.
#[derive(Default)]
pub struct Memory {
    versions: RwLock<Versions>,
    /// Held while a transaction's body runs: transactions are serial, which is serialisable.
    writing: Mutex<()>,
    /// Judges the time limits of the contract; without it they are not enforced.
    clock: Option<Arc<dyn Clock>>,
}

/// The versions of a key, oldest first; `None` is an absence.
type History = Vec<(u64, Option<Arc<[u8]>>)>;

#[derive(Default)]
struct Versions {
    rows: BTreeMap<Vec<u8>, History>,
    latest: u64,
    /// How many snapshots are held of each version.
    held: BTreeMap<u64, usize>,
    /// Keys with more than their newest version, to be pruned when the snapshots have gone.
    prunable: Vec<Vec<u8>>,
}

impl Versions {
    fn get(&self, key: &[u8], version: u64) -> Option<&Arc<[u8]>> {
        visible(self.rows.get(key)?, version)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        version: u64,
    ) -> impl DoubleEndedIterator<Item = (&[u8], &Arc<[u8]>)> {
        let bounds = (Bound::Included(start), Bound::Excluded(end.max(start)));
        self.rows
            .range::<[u8], _>(bounds)
            .filter_map(move |(key, history)| Some((key.as_slice(), visible(history, version)?)))
    }

    fn apply(&mut self, writes: Overlay) {
        self.latest += 1;
        let latest = self.latest;
        let oldest = self.held.keys().next().copied().unwrap_or(latest);
        for key in std::mem::take(&mut self.prunable) {
            if let Entry::Occupied(row) = self.rows.entry(key) {
                self.prunable.extend(pruned(row, oldest));
            }
        }
        for (key, value) in writes {
            let value = (latest, value.map(Into::into));
            match self.rows.entry(key) {
                Entry::Vacant(row) => {
                    if value.1.is_some() {
                        row.insert(vec![value]);
                    }
                }
                Entry::Occupied(mut row) => {
                    // One with several is among them already.
                    let had_one = row.get().len() == 1;
                    row.get_mut().push(value);
                    let key = pruned(row, oldest);
                    self.prunable.extend(key.filter(|_| had_one));
                }
            }
        }
    }
}

/// Removes the versions that nobody reads any more; the key, where there are still several.
fn pruned(mut row: OccupiedEntry<'_, Vec<u8>, History>, oldest: u64) -> Option<Vec<u8>> {
    let history = row.get_mut();
    // What the oldest reader sees is the last version that is not newer than it.
    let needed = history.iter().rposition(|(version, _)| *version <= oldest);
    history.drain(..needed.unwrap_or(0));
    match history.as_slice() {
        [(_, None)] => {
            row.remove();
            None
        }
        [_] => None,
        _ => Some(row.key().clone()),
    }
}

fn visible(history: &History, version: u64) -> Option<&Arc<[u8]>> {
    history
        .iter()
        .rev()
        .find(|(written, _)| *written <= version)?
        .1
        .as_ref()
}

impl Memory {
    /// An empty storage that does not watch the time limits of the contract.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty storage that enforces the time limits of the contract by `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..Self::default()
        }
    }

    // A panic while a lock is held can only be one of allocation; the state is replaced as a whole under
    // the write lock, so it is never seen half-changed and a poisoned lock may be used.
    fn read(&self) -> RwLockReadGuard<'_, Versions> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Versions> {
        self.versions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(|clock| clock.now())
    }

    /// The newest version, to be read from; for a second after `since`, where that is given.
    fn held(&self, since: Option<Timestamp>) -> Held<'_> {
        let mut versions = self.write();
        let version = versions.latest;
        *versions.held.entry(version).or_insert(0) += 1;
        Held {
            memory: self,
            version,
            since,
        }
    }

    fn older_than(&self, since: Option<Timestamp>, seconds: i64) -> bool {
        match (since, self.now()) {
            (Some(since), Some(now)) => now.since(since) > Span::seconds(seconds),
            _ => false,
        }
    }
}

impl Storage for Memory {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Ok(Box::new(self.held(self.now())))
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Ok(Box::new(self.held(None)))
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        let _writing: MutexGuard<'_, ()> =
            self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = Open {
            memory: self,
            version: self.read().latest,
            writes: Overlay::default(),
        };
        let since = self.now();
        body(&mut open)?;
        if self.older_than(since, TRANSACTION_SECONDS) {
            return Err(StorageError::TooSlow);
        }
        let writes = open.writes;
        self.write().apply(writes);
        Ok(())
    }
}

struct Held<'a> {
    memory: &'a Memory,
    version: u64,
    since: Option<Timestamp>,
}

impl Held<'_> {
    fn check(&self) -> Result<(), StorageError> {
        if self.memory.older_than(self.since, SNAPSHOT_SECONDS) {
            return Err(StorageError::Expired);
        }
        Ok(())
    }
}

impl Read for Held<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.check()?;
        Ok(self
            .memory
            .read()
            .get(key, self.version)
            .map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.check()?;
        let versions = self.memory.read();
        let rows = versions.scan(start, end, self.version);
        let row = |(key, value): (&[u8], &Arc<[u8]>)| (key.to_vec(), value.to_vec());
        Ok(match order {
            Order::Ascending => rows.take(limit).map(row).collect(),
            Order::Descending => rows.rev().take(limit).map(row).collect(),
        })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut versions = self.memory.write();
        if let Some(count) = versions.held.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                versions.held.remove(&self.version);
            }
        }
    }
}

struct Open<'a> {
    memory: &'a Memory,
    version: u64,
    writes: Overlay,
}

impl Read for Open<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        Ok(self
            .memory
            .read()
            .get(key, self.version)
            .map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        let versions = self.memory.read();
        self.writes.scan(start, end, limit, order, |limit| {
            let stored = versions.scan(start, end, self.version);
            let row = |(key, value): (&[u8], &Arc<[u8]>)| (key.to_vec(), value.to_vec());
            Ok(match order {
                Order::Ascending => stored.take(limit).map(row).collect(),
                Order::Descending => stored.rev().take(limit).map(row).collect(),
            })
        })
    }
}

impl Transaction for Open<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.writes.record(key, Some(value), TRANSACTION_BYTES)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.writes.record(key, None, TRANSACTION_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Hands;

    crate::storage_contract!(|hands: Arc<Hands>| -> Arc<dyn Storage> {
        Arc::new(Memory::with_clock(hands))
    });

    #[test]
    fn forgets_versions_that_nobody_reads_any_more() {
        let memory = Memory::new();
        let put = |value: &[u8]| memory.transact(&mut |transaction| transaction.put(b"a", value));
        put(b"1").unwrap();
        let snapshot = memory.snapshot().unwrap();
        for _ in 0..10 {
            put(b"2").unwrap();
        }
        assert!(memory.read().rows[b"a".as_slice()].len() > 1);
        drop(snapshot);
        memory
            .transact(&mut |transaction| transaction.delete(b"b"))
            .unwrap();
        assert_eq!(memory.read().rows[b"a".as_slice()].len(), 1);
        memory
            .transact(&mut |transaction| transaction.delete(b"a"))
            .unwrap();
        assert!(memory.read().rows.is_empty());
    }
}
