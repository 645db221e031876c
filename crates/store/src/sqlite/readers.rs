//! Connections that read, each for one snapshot at a time.
//!
//! Nobody waits for one. Who reads holds a connection for as long as a search or a password's hash takes; some hold one and
//! want another, for what is tried on a draft, and would wait for each other for good; and some ask on a thread that many
//! others' connections are served by. Where all that are kept are in use, one more is opened, and closed behind its snapshot.
//! How many there can be is bounded by who asks: by the threads that answer.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use directory::storage::StorageError;
use rusqlite::Connection;

use super::{Options, error, open};

pub(super) struct Readers {
    path: PathBuf,
    options: Options,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path, options: &Options) -> Self {
        Self {
            path: path.to_owned(),
            options: options.clone(),
            idle: Mutex::default(),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that nobody else has.
    pub(super) fn take(&self, path: &Path) -> Result<Reader<'_>, StorageError> {
        let kept = self.idle().pop();
        let connection = match kept {
            Some(connection) => connection,
            None => {
                open::reader(&self.path, &self.options).map_err(|cause| error::of(&cause, path))?
            }
        };
        Ok(Reader {
            readers: self,
            connection: Some(connection),
        })
    }

    /// Keeps a connection for the next one who asks, unless enough are kept.
    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < self.options.readers {
            idle.push(connection);
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
        // A connection in an unknown state is closed; the next one is made anew.
        if ended {
            self.readers.keep(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use directory::storage::{Read, Storage};
    use directory::testing::Hands;

    use super::super::{Options, Sqlite};

    /// Found by reading: eight requests that each read while they tried changes on a draft held all connections that there
    /// were, and each waited for one more.
    #[test]
    fn as_many_read_at_once_as_ask_and_only_some_connections_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            readers: 2,
            ..Options::default()
        };
        let path = folder.path().join("directory.db");
        let store = Sqlite::open(&path, Arc::new(Hands::default()), &options).unwrap();
        let put = |value: &[u8]| store.transact(&mut |rows| rows.put(b"a", value)).unwrap();
        let value = |state: &dyn Read| state.get(b"a").unwrap();
        put(b"1");
        let mut states: Vec<_> = (0..5).map(|_| store.snapshot().unwrap()).collect();
        let seen: Vec<_> = states.iter().map(|state| value(&**state)).collect();
        assert_eq!(seen, vec![Some(b"1".to_vec()); 5]);
        put(b"2");
        // Each still has the state that it began with, while others go.
        while let Some(state) = states.pop() {
            assert_eq!(value(&*state), Some(b"1".to_vec()));
        }
        assert_eq!(store.readers.idle().len(), 2);
        assert_eq!(value(&*store.snapshot().unwrap()), Some(b"2".to_vec()));
    }
}
