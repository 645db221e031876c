//! Reading a database beside the server that has it open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use directory::storage::{Body, Read, Storage, StorageError};
use trust::Clock;

use super::readers::Readers;
use super::{Options, Snapshot, error, open};

/// The rows of a database for reading alone, whether or not a server has it open: it takes no lock, makes nothing, and
/// writes nothing. For backups and checks.
pub struct Beside {
    path: PathBuf,
    readers: Readers,
    clock: Arc<dyn Clock>,
}

impl Beside {
    /// Opens the database at `path`, which must be there.
    ///
    /// # Errors
    /// [`StorageError`] with what happened and what to do: it is not there, is something else or of a newer version, or
    /// this user may not read it.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        options: &Options,
    ) -> Result<Self, StorageError> {
        let readers = Readers::new(path, options);
        let reader = readers.take(path)?;
        let version = open::recognised(reader.connection());
        drop(reader);
        open::check(version.map_err(|cause| error::of(&cause, path))?, path)?;
        Ok(Self {
            path: path.to_owned(),
            readers,
            clock,
        })
    }
}

impl Storage for Beside {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Snapshot::begin(&self.readers, &self.path, Some(&*self.clock))
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Snapshot::begin(&self.readers, &self.path, None)
    }

    fn transact(&self, _: &mut Body<'_>) -> Result<(), StorageError> {
        Err(StorageError::ReadOnly(format!(
            "the store {} was opened for reading alone",
            self.path.display()
        )))
    }

    fn shared(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
