//! Connections that read, each for one snapshot at a time.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use directory::storage::StorageError;
use rusqlite::Connection;

use super::{Options, error, open};

pub(super) struct Readers {
    path: PathBuf,
    options: Options,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    made: usize,
}

impl Readers {
    pub(super) fn new(path: &Path, options: &Options) -> Self {
        Self {
            path: path.to_owned(),
            options: options.clone(),
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, at once or when another snapshot goes; none is held longer than a second.
    pub(super) fn take(&self, path: &Path) -> Result<Reader<'_>, StorageError> {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.idle.pop() {
                return Ok(self.lend(connection));
            }
            if pool.made < self.options.readers.max(1) {
                pool.made += 1;
                break;
            }
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(pool);
        match open::reader(&self.path, &self.options) {
            Ok(connection) => Ok(self.lend(connection)),
            Err(cause) => {
                self.pool().made -= 1;
                self.returned.notify_one();
                Err(error::of(&cause, path))
            }
        }
    }

    fn lend(&self, connection: Connection) -> Reader<'_> {
        Reader {
            readers: self,
            connection: Some(connection),
        }
    }
}

/// A connection that goes back to the others.
pub(super) struct Reader<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Reader<'_> {
    #[allow(clippy::expect_used, reason = "it is taken out by drop alone")]
    pub(super) fn connection(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("the connection is there until drop")
    }

    /// Begins to read. SQLite fixes the state at the first statement that reads.
    pub(super) fn begin(&self) -> rusqlite::Result<()> {
        self.connection()
            .prepare_cached("begin")?
            .execute([])
            .map(|_| ())
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let ended = connection.is_autocommit()
            || connection
                .prepare_cached("rollback")
                .and_then(|mut statement| statement.execute([]))
                .is_ok();
        let mut pool = self.readers.pool();
        if ended {
            pool.idle.push(connection);
        } else {
            // A connection in an unknown state is closed; the next one is made anew.
            pool.made -= 1;
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}
