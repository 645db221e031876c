//! Group commit: those who write stand in line for the one connection, and the last of a group syncs for
//! all of them.
//!
//! Who comes first opens a transaction of SQLite and works in a savepoint. When others wait by then, it
//! leaves the transaction open, hands the connection on, and waits; each works in a savepoint of its own,
//! so that one that fails takes nothing of the others along. The one behind whom nobody waits commits, one
//! sync for all, and wakes them. So a lonely writer waits for nobody, and under load a sync serves as many
//! as came during the sync before. Each sees what those before it in the group wrote: the order is serial.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use directory::storage::StorageError;
use rusqlite::Connection;

use super::error;

/// How many transactions share one sync at most, so that none waits too long for those behind it.
const GROUP_LIMIT: usize = 256;

pub(super) struct Line {
    path: PathBuf,
    state: Mutex<State>,
    /// Woken when the connection is free.
    free: Condvar,
}

struct State {
    /// `None` while somebody works with it.
    connection: Option<Connection>,
    /// How many want it.
    waiting: usize,
    /// The transactions that wait for a sync together; their SQLite transaction is open.
    group: Option<Arc<Group>>,
}

struct Group {
    /// How many succeeded so far.
    members: Mutex<usize>,
    outcome: Mutex<Option<Result<(), StorageError>>>,
    done: Condvar,
}

impl Group {
    fn new() -> Self {
        Self {
            members: Mutex::new(0),
            outcome: Mutex::new(None),
            done: Condvar::new(),
        }
    }

    fn finish(&self, outcome: Result<(), StorageError>) {
        *lock(&self.outcome) = Some(outcome);
        self.done.notify_all();
    }

    fn wait(&self) -> Result<(), StorageError> {
        let mut outcome = lock(&self.outcome);
        loop {
            if let Some(outcome) = outcome.as_ref() {
                return outcome.clone();
            }
            outcome = self
                .done
                .wait(outcome)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a transaction does with the connection.
type Work<'a> = dyn FnMut(&Connection) -> Result<(), StorageError> + 'a;

impl Line {
    pub(super) fn new(connection: Connection, path: PathBuf) -> Self {
        Self {
            path,
            state: Mutex::new(State {
                connection: Some(connection),
                waiting: 0,
                group: None,
            }),
            free: Condvar::new(),
        }
    }

    /// Does `work` in a transaction; returns when it is durable, or when nothing of it happened.
    pub(super) fn transact(&self, work: &mut Work<'_>) -> Result<(), StorageError> {
        let turn = self.enter()?;
        let worked = turn.work(work);
        let group = turn.leave(&worked);
        worked.and_then(|()| group.wait())
    }

    /// Waits for the connection, and opens a transaction when no group has one open.
    fn enter(&self) -> Result<Turn<'_>, StorageError> {
        let mut state = lock(&self.state);
        state.waiting += 1;
        let connection = loop {
            match state.connection.take() {
                Some(connection) => break connection,
                None => {
                    state = self
                        .free
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        };
        state.waiting -= 1;
        let (group, new) = match &state.group {
            Some(group) => (Arc::clone(group), false),
            None => (Arc::new(Group::new()), true),
        };
        drop(state);
        let turn = Turn {
            line: self,
            connection: Some(connection),
            group,
        };
        if new {
            turn.run("begin immediate")?;
            lock(&self.state).group = Some(Arc::clone(&turn.group));
        }
        Ok(turn)
    }

    fn give_back(&self, connection: Connection) {
        lock(&self.state).connection = Some(connection);
        self.free.notify_one();
    }
}

/// One who has the connection. Dropped before [`Turn::leave`] (the work panicked, or the transaction could
/// not be opened), it undoes the whole group: what stands in the connection is not known any more.
struct Turn<'a> {
    line: &'a Line,
    connection: Option<Connection>,
    group: Arc<Group>,
}

impl Turn<'_> {
    #[allow(
        clippy::expect_used,
        reason = "it is taken out by leave and drop alone"
    )]
    fn connection(&self) -> &Connection {
        self.connection
            .as_ref()
            .expect("the connection is there until the turn ends")
    }

    fn run(&self, statement: &str) -> Result<(), StorageError> {
        self.connection()
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .map_err(|cause| error::of(&cause, &self.line.path))
    }

    /// Does the work in a savepoint, and undoes that when it fails.
    fn work(&self, work: &mut Work<'_>) -> Result<(), StorageError> {
        self.run("savepoint one")?;
        let worked = work(self.connection()).and_then(|()| self.run("release one"));
        if worked.is_err() && !self.connection().is_autocommit() {
            self.run("rollback to one")
                .and_then(|()| self.run("release one"))?;
        }
        worked
    }

    /// Hands the connection on, or commits for all. The group has, or will have, the outcome of a success.
    fn leave(mut self, worked: &Result<(), StorageError>) -> Arc<Group> {
        let group = Arc::clone(&self.group);
        let members = {
            let mut members = lock(&group.members);
            *members += usize::from(worked.is_ok());
            *members
        };
        // Some failures (a full disk, an I/O error) make SQLite undo the whole transaction.
        let lost = self.connection().is_autocommit();
        let mut state = lock(&self.line.state);
        if !lost && state.waiting > 0 && members < GROUP_LIMIT {
            state.connection = self.connection.take();
            drop(state);
            self.line.free.notify_one();
            return group;
        }
        state.group = None;
        drop(state);
        let outcome = match worked {
            Err(cause) if lost => Err(cause.clone()),
            Ok(()) if lost => Err(StorageError::Unavailable(format!(
                "the store {} undid what was written together; try again",
                self.line.path.display()
            ))),
            _ if members == 0 => self.run("rollback"),
            _ => self.run("commit"),
        };
        if let Some(connection) = self.connection.take() {
            undo(&connection);
            self.line.give_back(connection);
        }
        group.finish(outcome);
        group
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            undo(&connection);
            lock(&self.line.state).group = None;
            self.line.give_back(connection);
            self.group.finish(Err(StorageError::Unavailable(
                "a transaction of the same group broke off; try again".to_owned(),
            )));
        }
    }
}

/// Leaves no transaction open, whatever failed before.
fn undo(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("rollback")
    {
        tracing::error!(%error, "the store could not undo a transaction");
    }
}
