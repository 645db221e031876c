//! A storage over another: what is written stays in the upper one, so that the world below is as it was.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::storage::{Body, Order, Read, Row, Storage, StorageError, Transaction};

/// The rows of a storage as they were once.
pub(crate) type Below = Arc<BTreeMap<Vec<u8>, Vec<u8>>>;

type Above = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The upper storage. It is used by one thread, and holds no older states.
pub(crate) struct Overlay {
    below: Below,
    rows: Mutex<Above>,
}

/// Every row of a storage.
pub(crate) fn rows_of(storage: &dyn Storage) -> Below {
    let read = storage.snapshot().expect("memory does not fail");
    let rows = read.scan(&[0], &[0xff], usize::MAX, Order::Ascending);
    Arc::new(rows.expect("memory does not fail").into_iter().collect())
}

impl Overlay {
    pub(crate) fn new(below: Below) -> Self {
        Self {
            below,
            rows: Mutex::default(),
        }
    }

    /// Replaces a row without asking anybody.
    pub(crate) fn replace(&self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.rows().insert(key, value);
    }

    fn rows(&self) -> MutexGuard<'_, Above> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct State<'a> {
    storage: &'a Overlay,
    written: Above,
}

impl Read for State<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        if let Some(value) = self.written.get(key) {
            return Ok(value.clone());
        }
        if let Some(value) = self.storage.rows().get(key) {
            return Ok(value.clone());
        }
        Ok(self.storage.below.get(key).cloned())
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        let bounds = (Bound::Included(start), Bound::Excluded(end.max(start)));
        let ours = self.storage.rows();
        let mut above: BTreeMap<&[u8], Option<&Vec<u8>>> = BTreeMap::new();
        for rows in [&*ours, &self.written] {
            let range = rows.range::<[u8], _>(bounds);
            above.extend(range.map(|(key, value)| (key.as_slice(), value.as_ref())));
        }
        let below = self.storage.below.range::<[u8], _>(bounds);
        let kept = below
            .filter(|(key, _)| !above.contains_key(key.as_slice()))
            .map(|(key, value)| (key.as_slice(), value));
        // Each row of ours takes the place of at most one below.
        let room = limit.saturating_add(above.len());
        let mut rows: Vec<(&[u8], &Vec<u8>)> = match order {
            Order::Ascending => kept.take(room).collect(),
            Order::Descending => kept.rev().take(room).collect(),
        };
        let written = above
            .iter()
            .filter_map(|(key, value)| Some((*key, (*value)?)));
        rows.extend(written);
        rows.sort_unstable();
        if order == Order::Descending {
            rows.reverse();
        }
        let row = |(key, value): (&[u8], &Vec<u8>)| (key.to_vec(), value.clone());
        Ok(rows.into_iter().take(limit).map(row).collect())
    }
}

impl Transaction for State<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.written.insert(key.to_vec(), Some(value.to_vec()));
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.written.insert(key.to_vec(), None);
        Ok(())
    }
}

impl Storage for Overlay {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Ok(Box::new(State {
            storage: self,
            written: Above::new(),
        }))
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.snapshot()
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        let mut open = State {
            storage: self,
            written: Above::new(),
        };
        body(&mut open)?;
        let written = open.written;
        self.rows().extend(written);
        Ok(())
    }
}
