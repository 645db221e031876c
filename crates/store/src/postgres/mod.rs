//! PostgreSQL: one table in a database that several servers write to at the same time.
//!
//! What is used of it is what databases that speak its protocol have in common: serialisable transactions that are
//! tried again when the database says so, rows read by key. No notification and no lock that the program asks for.

mod address;
mod error;
mod line;
mod link;
mod readers;
mod schema;
mod tls;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use directory::storage::{
    Body, Order, Read, Row, SNAPSHOT_SECONDS, Storage, StorageError, TRANSACTION_SECONDS,
};
use trust::{Clock, Rng, Span, Timestamp};

use error::Trouble;
use line::Line;
use link::{Begin, Question, Server};
use readers::{Lent, Readers};

pub use address::{Address, AddressError};

/// How often a snapshot looks for a connection that lives, before it has read anything.
const TRIES: usize = 3;

/// How a database is used.
#[derive(Clone, Copy, Debug)]
pub struct PostgresOptions {
    /// How many snapshots can be read at the same time; each has a connection of its own. One more writes.
    pub readers: usize,
    /// Whether an empty database becomes a store. A server that is started wants one that is there: an empty database in
    /// its place would be believed.
    pub make: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            readers: 12,
            make: true,
        }
    }
}

/// A directory's rows in a PostgreSQL database, where other servers may read and write them, too.
pub struct Postgres {
    server: Server,
    readers: Arc<Readers>,
    line: Line,
    made: bool,
}

impl Postgres {
    /// Opens the store in a database, and makes it in an empty one. `rng` gives this process its name there.
    ///
    /// # Errors
    /// [`StorageError`] with what happened and what to do: the database cannot be reached, lets nobody in, is
    /// something else's or of a newer version.
    pub fn open(
        address: &Address,
        clock: Arc<dyn Clock>,
        rng: &mut dyn Rng,
        options: &PostgresOptions,
    ) -> Result<Self, StorageError> {
        let server = Server::new(address, clock)?;
        let made = server.prepare(options.make).map_err(Trouble::into_error)?;
        Ok(Self {
            made,
            server,
            readers: Arc::new(Readers::new(options.readers)),
            line: Line::new(rng.bytes()),
        })
    }

    /// Whether the database was empty, and this opening made a store of it.
    #[must_use]
    pub const fn was_made(&self) -> bool {
        self.made
    }

    /// Removes the store from its database, with everything in it: for a set-up that failed, of a store that it made.
    ///
    /// # Errors
    /// [`StorageError`] when the tables could not be removed.
    pub fn remove(&self) -> Result<(), StorageError> {
        self.server.unmake().map_err(Trouble::into_error)
    }

    /// The database in words: its name and where it is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.server.name()
    }

    fn state(&self, since: Option<Timestamp>) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        let lent = self.readers.take(&self.server);
        Ok(Box::new(State {
            store: self,
            lent: RefCell::new(Some(lent.map_err(Trouble::into_error)?)),
            begun: Cell::new(false),
            since,
        }))
    }

    fn older_than(&self, since: Timestamp, seconds: i64) -> bool {
        self.server.clock().now().since(since) > Span::seconds(seconds)
    }
}

impl Storage for Postgres {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.state(Some(self.server.clock().now()))
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.state(None)
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.line.transact(&self.server, &mut |open| {
            let since = self.server.clock().now();
            body(open)?;
            if self.older_than(since, TRANSACTION_SECONDS) {
                return Err(StorageError::TooSlow);
            }
            Ok(())
        })
    }

    fn shared(&self) -> bool {
        true
    }

    fn generation(&self) -> u64 {
        self.server.connections()
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// A state that is read. The database fixes it at the first question.
struct State<'a> {
    store: &'a Postgres,
    /// `None` when the connection broke.
    lent: RefCell<Option<Lent>>,
    begun: Cell<bool>,
    /// Since when, if it is good for a second only.
    since: Option<Timestamp>,
}

impl State<'_> {
    fn ask(&self, asked: &Question) -> Result<Vec<Row>, StorageError> {
        if self
            .since
            .is_some_and(|since| self.store.older_than(since, SNAPSHOT_SECONDS))
        {
            return Err(StorageError::Expired);
        }
        let server = &self.store.server;
        let mut tries = 0;
        loop {
            tries += 1;
            if self.lent.borrow().is_none() {
                let lent = self.store.readers.take(server);
                *self.lent.borrow_mut() = Some(lent.map_err(Trouble::into_error)?);
            }
            let link = self
                .lent
                .borrow()
                .as_ref()
                .map(|lent| Arc::clone(&lent.link));
            let Some(link) = link else { continue };
            let begin = match (self.begun.get(), self.since) {
                (true, _) => Begin::Not,
                (false, Some(_)) => Begin::Read,
                (false, None) => Begin::ReadLong,
            };
            let question = asked.clone();
            match server.wait(async move { link.ask(begin, question).await }) {
                Ok(rows) => {
                    self.begun.set(true);
                    return Ok(rows);
                }
                // A connection may have died while it was idle. Before the first answer any state will do.
                Err(Trouble::Lost(_) | Trouble::Conflict) if !self.begun.get() && tries < TRIES => {
                    self.give_up();
                }
                Err(trouble) => {
                    if !self.begun.get() || matches!(trouble, Trouble::Lost(_)) {
                        self.give_up();
                    }
                    return Err(trouble.into_error());
                }
            }
        }
    }

    fn give_up(&self) {
        if let Some(lent) = self.lent.borrow_mut().take() {
            lent.give_up();
        }
    }
}

impl Read for State<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let rows = self.ask(&Question::Get(key.to_vec()))?;
        Ok(rows.into_iter().next().map(|(_, value)| value))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.ask(&question(start, end, limit, order))
    }
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        if let Some(lent) = self.lent.borrow_mut().take() {
            lent.give_back(&self.store.server, self.begun.get());
        }
    }
}

fn question(start: &[u8], end: &[u8], limit: usize, order: Order) -> Question {
    Question::Scan {
        start: start.to_vec(),
        end: end.to_vec(),
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
        order,
    }
}
