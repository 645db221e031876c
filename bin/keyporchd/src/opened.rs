//! Opening the directory on disk.

use std::path::Path;
use std::sync::Arc;

use directory::storage::StorageError;
use directory::{Directory, Fault, Options, RootKey};
use store::Sqlite;
use trust::{SystemClock, SystemRng};

use crate::report::{FAILED, Failure, REFUSED};

/// The directory in a store that is there already: a server that is started never makes one, since an empty store in
/// the place of a disk that was not mounted would be believed.
pub(crate) fn existing(path: &Path, root_key: RootKey) -> Result<Arc<Directory>, Failure> {
    must_exist(path)?;
    directory(path, root_key)
}

/// Refuses where there is no store.
pub(crate) fn must_exist(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::said(
        format!("there is no store {}", path.display()),
        "Mount the disk that holds it or restore it from a backup; a new server is set up with `keyporchd init`.",
        REFUSED,
    ))
}

/// The directory in the store at `path`, which is made where there is none.
pub(crate) fn directory(path: &Path, root_key: RootKey) -> Result<Arc<Directory>, Failure> {
    let storage = Sqlite::open(path, Arc::new(SystemClock), &store::Options::default())
        .map_err(|error| of_storage(&error))?;
    let opened = Directory::open(
        Arc::new(storage),
        root_key,
        Options::default(),
        Box::new(SystemRng),
    );
    opened.map(Arc::new).map_err(|fault| match &fault {
        Fault::Storage(error) => of_storage(error),
        Fault::RootKey => Failure::said(
            format!(
                "the store {} was written under another root key",
                path.display()
            ),
            "Give the root key that belongs to this store as root_key under [store].",
            REFUSED,
        ),
        other => Failure::new(other, "Restore the store from a backup.", FAILED),
    })
}

/// The store's trouble, with what to do about it.
fn of_storage(error: &StorageError) -> Failure {
    let (remedy, code) = match error {
        StorageError::Busy(_) => (
            "Stop the other server, or give this one a store of its own.",
            FAILED,
        ),
        StorageError::ReadOnly(_) => (
            "Give the service's user the right to write the store and its folder.",
            FAILED,
        ),
        StorageError::Full(_) => (
            "Free some space and start again: nothing that was acknowledged is lost.",
            FAILED,
        ),
        StorageError::Newer(_) => (
            "Start the version that wrote it, or a newer one. The store was not touched.",
            REFUSED,
        ),
        StorageError::Corrupt(_) => ("Restore the store from a backup.", FAILED),
        _ => (
            "Check that the folder of the store exists and belongs to the service's user.",
            FAILED,
        ),
    };
    // The store's own words name it already.
    Failure::said(error.to_string(), remedy, code)
}
