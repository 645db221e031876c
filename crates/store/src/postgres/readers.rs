//! Connections that read, each for one snapshot at a time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use directory::storage::StorageError;

use super::error::Trouble;
use super::link::{Link, Server};

/// How long a snapshot waits for a connection; none is held longer than a second.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct Readers {
    limit: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Arc<Link>>,
    made: usize,
}

impl Readers {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            pool: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, at once or when another snapshot goes.
    pub(super) fn take(self: &Arc<Self>, server: &Server) -> Result<Lent, Trouble> {
        let mut pool = self.pool();
        loop {
            while let Some(link) = pool.idle.pop() {
                if !link.is_closed() {
                    return Ok(self.lend(link));
                }
                pool.made -= 1;
            }
            if pool.made < self.limit {
                pool.made += 1;
                break;
            }
            let (waited, late) = self
                .returned
                .wait_timeout(pool, PATIENCE)
                .unwrap_or_else(PoisonError::into_inner);
            pool = waited;
            if late.timed_out() && pool.idle.is_empty() && pool.made >= self.limit {
                return Err(Trouble::Failed(StorageError::Busy(format!(
                    "all {} connections to the database {} are in use; it is slow, or needs more of them",
                    self.limit,
                    server.name()
                ))));
            }
        }
        drop(pool);
        match server.connect() {
            Ok(link) => Ok(self.lend(link)),
            Err(trouble) => {
                self.gone();
                Err(trouble)
            }
        }
    }

    fn lend(self: &Arc<Self>, link: Arc<Link>) -> Lent {
        Lent {
            readers: Arc::clone(self),
            link,
        }
    }

    /// A connection is no more.
    fn gone(&self) {
        self.pool().made -= 1;
        self.returned.notify_one();
    }
}

/// A connection that somebody has.
pub(super) struct Lent {
    readers: Arc<Readers>,
    pub(super) link: Arc<Link>,
}

impl Lent {
    /// Gives it back to the others when what was open on it has ended, for which nobody waits.
    pub(super) fn give_back(self, server: &Server, begun: bool) {
        let Self { readers, link } = self;
        if !begun {
            readers.pool().idle.push(link);
            readers.returned.notify_one();
            return;
        }
        server.beside(async move {
            match link.rollback().await {
                Ok(()) => {
                    readers.pool().idle.push(link);
                    readers.returned.notify_one();
                }
                Err(_) => readers.gone(),
            }
        });
    }

    /// It is of no use any more.
    pub(super) fn give_up(self) {
        self.readers.gone();
    }
}
