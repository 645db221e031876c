//! SQLite: one file, its write-ahead log, and a lock that keeps a second server out.

mod beside;
mod error;
mod line;
mod open;
mod place;
mod readers;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use directory::storage::{
    Body, KEY_LIMIT, Order, Read, Row, SNAPSHOT_SECONDS, Storage, StorageError, TRANSACTION_BYTES,
    TRANSACTION_SECONDS, Transaction,
};
use rusqlite::Connection;
use trust::{Clock, Span, Timestamp};

use line::Line;
use readers::{Reader, Readers};

pub use beside::Beside;
pub use open::Options;
pub use place::Place;

/// A directory's rows in a SQLite database.
pub struct Sqlite {
    path: PathBuf,
    line: Line,
    readers: Readers,
    clock: Arc<dyn Clock>,
    /// Held as long as the store is open.
    _lock: std::fs::File,
}

impl Sqlite {
    /// Opens the database at `path`, and makes it when there is none.
    ///
    /// # Errors
    /// [`StorageError`] with what happened and what to do: another server has it open, the directory is
    /// missing or read-only, the disk is full, the file is something else or of a newer version.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        options: &Options,
    ) -> Result<Self, StorageError> {
        let opened = open::open(path, options)?;
        Ok(Self {
            line: Line::new(opened.writer, path.to_owned()),
            readers: Readers::new(path, options),
            path: path.to_owned(),
            clock,
            _lock: opened.lock,
        })
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a copy of the present state to `to`, which must not exist. Whoever opens the copy for
    /// service first gives it a node of its own ([`directory::Directory::renew_node`]).
    ///
    /// # Errors
    /// [`StorageError`] when the copy could not be written as a whole; what there is of it is of no use.
    pub fn backup(&self, to: &Path) -> Result<(), StorageError> {
        let reader = self.readers.take(&self.path)?;
        open::backup(reader.connection(), to).map_err(|error| error::of(&error, to))?;
        open::make_durable(to).map_err(|error| error::of_io("write the backup", &error, to))
    }

    fn older_than(&self, since: Timestamp, seconds: i64) -> bool {
        older_than(&*self.clock, since, seconds)
    }
}

fn older_than(clock: &dyn Clock, since: Timestamp, seconds: i64) -> bool {
    clock.now().since(since) > Span::seconds(seconds)
}

impl Storage for Sqlite {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Snapshot::begin(&self.readers, &self.path, Some(&*self.clock))
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Snapshot::begin(&self.readers, &self.path, None)
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.line.transact(&mut |connection| {
            let since = self.clock.now();
            let mut open = Open {
                path: &self.path,
                connection,
                bytes: 0,
            };
            body(&mut open)?;
            if self.older_than(since, TRANSACTION_SECONDS) {
                return Err(StorageError::TooSlow);
            }
            Ok(())
        })
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

struct Snapshot<'a> {
    path: &'a Path,
    reader: Reader<'a>,
    /// The clock that limits it, and since when; `None` for one without a limit.
    since: Option<(&'a dyn Clock, Timestamp)>,
}

impl<'a> Snapshot<'a> {
    fn begin(
        readers: &'a Readers,
        path: &'a Path,
        clock: Option<&'a dyn Clock>,
    ) -> Result<Box<dyn Read + Send + 'a>, StorageError> {
        let reader = readers.take(path)?;
        reader.begin().map_err(|error| error::of(&error, path))?;
        Ok(Box::new(Snapshot {
            path,
            reader,
            since: clock.map(|clock| (clock, clock.now())),
        }))
    }

    fn check(&self) -> Result<(), StorageError> {
        match self.since {
            Some((clock, since)) if older_than(clock, since, SNAPSHOT_SECONDS) => {
                Err(StorageError::Expired)
            }
            _ => Ok(()),
        }
    }
}

impl Read for Snapshot<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.check()?;
        table::get(self.reader.connection(), key).map_err(|error| error::of(&error, self.path))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.check()?;
        table::scan(self.reader.connection(), start, end, limit, order)
            .map_err(|error| error::of(&error, self.path))
    }
}

struct Open<'a> {
    path: &'a Path,
    connection: &'a Connection,
    bytes: usize,
}

impl Open<'_> {
    fn count(&mut self, key: &[u8], value: usize) -> Result<(), StorageError> {
        if key.is_empty() || key.len() > KEY_LIMIT {
            return Err(StorageError::KeyLength(key.len()));
        }
        self.bytes += key.len() + value;
        if self.bytes > TRANSACTION_BYTES {
            return Err(StorageError::TooLarge);
        }
        Ok(())
    }
}

impl Read for Open<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        table::get(self.connection, key).map_err(|error| error::of(&error, self.path))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        table::scan(self.connection, start, end, limit, order)
            .map_err(|error| error::of(&error, self.path))
    }
}

impl Transaction for Open<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.count(key, value.len())?;
        table::put(self.connection, key, value).map_err(|error| error::of(&error, self.path))
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.count(key, 0)?;
        table::delete(self.connection, key).map_err(|error| error::of(&error, self.path))
    }
}
