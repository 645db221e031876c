//! A storage over another: what is written stays in the upper one, so that the world below is as it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::storage::{Body, Order, Read, Row, Storage, StorageError, Transaction};

type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The upper storage. It is used by one thread, and holds no older states.
pub(crate) struct Overlay {
    below: Arc<dyn Storage>,
    rows: Mutex<Rows>,
}

impl Overlay {
    pub(crate) fn new(below: Arc<dyn Storage>) -> Self {
        Self {
            below,
            rows: Mutex::default(),
        }
    }

    /// Replaces a row without asking anybody.
    pub(crate) fn replace(&self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.rows().insert(key, value);
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, above: &Rows, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match above.get(key).cloned() {
            Some(value) => Ok(value),
            None => match self.rows().get(key).cloned() {
                Some(value) => Ok(value),
                None => self.below.snapshot()?.get(key),
            },
        }
    }

    fn scan(
        &self,
        above: &Rows,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        let mut ours = self.rows().clone();
        ours.extend(above.clone());
        ours.retain(|key, _| key.as_slice() >= start && key.as_slice() < end);
        // Each row of ours hides at most one below.
        let room = limit.saturating_add(ours.len());
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = self
            .below
            .snapshot()?
            .scan(start, end, room, order)?
            .into_iter()
            .collect();
        for (key, value) in ours {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(match order {
            Order::Ascending => rows.into_iter().take(limit).collect(),
            Order::Descending => rows.into_iter().rev().take(limit).collect(),
        })
    }
}

struct State<'a> {
    storage: &'a Overlay,
    written: Rows,
}

impl Read for State<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.get(&self.written, key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.storage.scan(&self.written, start, end, limit, order)
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
            written: Rows::new(),
        }))
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        let mut open = State {
            storage: self,
            written: Rows::new(),
        };
        body(&mut open)?;
        let written = open.written;
        self.rows().extend(written);
        Ok(())
    }
}
