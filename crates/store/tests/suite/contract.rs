//! SQLite does what the contract of storages says.

use std::sync::Arc;

use directory::storage::{Body, Read, Storage, StorageError};
use directory::testing::Hands;
use keyporch_store::{Options, Sqlite};

/// A store in a directory that goes with it.
pub(crate) struct Temporary {
    pub(crate) store: Sqlite,
    _directory: tempfile::TempDir,
}

impl Storage for Temporary {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.store.snapshot()
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.store.long_snapshot()
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.store.transact(body)
    }
}

pub(crate) fn temporary(hands: Arc<Hands>) -> Arc<Temporary> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("directory.db");
    Arc::new(Temporary {
        store: Sqlite::open(&path, hands, &Options::default()).unwrap(),
        _directory: directory,
    })
}

directory::storage_contract!(|hands: Arc<Hands>| -> Arc<dyn Storage> { temporary(hands) });
