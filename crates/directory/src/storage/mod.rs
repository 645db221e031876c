//! Ordered byte keys with serialisable transactions: the one thing the directory asks of a disk.
//!
//! [`Memory`] is the implementation for tests and for a lab that forgets; the embedded one (SQLite) is
//! the crate `store`. Every implementation passes the suite in `storage::contract` (feature `testing`).
//!
//! # The contract
//!
//! - Keys and values are byte strings; keys are ordered as `memcmp` orders them. A key has 1 to
//!   [`KEY_LIMIT`] bytes.
//! - [`Storage::snapshot`] reads one committed state, fixed by its first read at the latest, whatever is
//!   committed while it is held. It contains every transaction that had returned when it was taken.
//! - [`Storage::transact`] runs its body in a serialisable transaction. The body may run several times
//!   (conflict), so it changes nothing but the transaction and what it resets at its own start. When the
//!   body fails nothing happened. When `transact` returns `Ok`, the writes survive a power cut.
//! - One transaction writes at most [`TRANSACTION_BYTES`] (keys and values) and lasts at most
//!   [`TRANSACTION_SECONDS`]; a snapshot is good for [`SNAPSHOT_SECONDS`], a longer walk continues by key
//!   in a new one. [`Storage::long_snapshot`] is the one exception, for whoever copies or checks everything.
//! - The first byte of a value is the version of its encoding; the storage does not look at it.

#[cfg(any(test, feature = "testing"))]
pub mod contract;
mod memory;
mod overlay;

pub use memory::Memory;
pub use overlay::Overlay;

/// The longest key in bytes.
pub const KEY_LIMIT: usize = 1024;
/// The most bytes, keys and values together, that one transaction may write.
pub const TRANSACTION_BYTES: usize = 10_000_000;
/// How many seconds one transaction may last.
pub const TRANSACTION_SECONDS: i64 = 5;
/// How many seconds a snapshot may be read from.
pub const SNAPSHOT_SECONDS: i64 = 1;

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// In which order a scan returns rows, and so which it returns when there are more than its limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// From the lowest key upwards.
    Ascending,
    /// From the highest key downwards.
    Descending,
}

/// Reading one state of the storage.
pub trait Read {
    /// The value of `key`; `None` when it is absent.
    ///
    /// # Errors
    /// [`StorageError`] when the state cannot be read (any more).
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError>;

    /// At most `limit` rows with `start <= key < end`, from one end of the range in `order`.
    ///
    /// # Errors
    /// [`StorageError`] when the state cannot be read (any more).
    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError>;
}

/// Reading and writing inside one transaction; reads see its own writes.
pub trait Transaction: Read {
    /// Sets `key` to `value`, whether or not it was there.
    ///
    /// # Errors
    /// [`StorageError`]; the body then returns it, and nothing happened.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError>;

    /// Removes `key`; an absent one is no error.
    ///
    /// # Errors
    /// [`StorageError`]; the body then returns it, and nothing happened.
    fn delete(&mut self, key: &[u8]) -> Result<(), StorageError>;
}

/// What a body of a transaction looks like: see [`Storage::transact`].
pub type Body<'a> = dyn FnMut(&mut dyn Transaction) -> Result<(), StorageError> + 'a;

/// Ordered byte keys on some medium. The module's text is the contract.
pub trait Storage: Send + Sync {
    /// A state to read from, containing every transaction that has returned.
    ///
    /// # Errors
    /// [`StorageError`] when the medium cannot be read.
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError>;

    /// Runs `body` in a serialisable transaction, again when it conflicted with another, and returns when
    /// its writes are durable.
    ///
    /// # Errors
    /// The body's own error, after which nothing happened; or [`StorageError`] when the transaction could
    /// not be made durable, after which nothing is visible.
    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError>;

    /// As [`Storage::snapshot`], for as long as it takes: for the one reader who copies or checks everything,
    /// and must find one state. While it is held the medium cannot tidy up behind those who write (a log
    /// grows, old versions stay), so nobody asks for one to answer somebody.
    ///
    /// # Errors
    /// [`StorageError`] when the medium cannot be read, or gives nothing of the kind.
    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Err(StorageError::Unavailable(
            "this storage gives no state that can be read for long".to_owned(),
        ))
    }

    /// Whether others, in another process, may write to the same storage. The directory then asks in each snapshot
    /// what they committed before it believes its memory.
    fn shared(&self) -> bool {
        false
    }

    /// Another number when the medium may be another one than before: a database that was away, whose place a copy
    /// took that had not everything. What was remembered of it is then forgotten.
    fn generation(&self) -> u64 {
        0
    }
}

/// Why the storage could not do what was asked. The messages are for the administrator: what happened,
/// and where it helps, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The body of a transaction gave up by itself; nothing happened.
    #[error("the transaction was abandoned")]
    Abandoned,
    /// More than [`TRANSACTION_BYTES`] were written in one transaction.
    #[error("the transaction writes more than {TRANSACTION_BYTES} bytes; split it")]
    TooLarge,
    /// A key is empty or longer than [`KEY_LIMIT`].
    #[error("a key has {0} bytes; 1 to {KEY_LIMIT} are possible")]
    KeyLength(usize),
    /// The transaction lasted longer than [`TRANSACTION_SECONDS`].
    #[error("the transaction lasted longer than {TRANSACTION_SECONDS} s; split it")]
    TooSlow,
    /// The snapshot is older than [`SNAPSHOT_SECONDS`]; take a new one and continue by key.
    #[error("the snapshot is older than {SNAPSHOT_SECONDS} s; continue by key in a new one")]
    Expired,
    /// Someone else holds the storage.
    #[error("{0}")]
    Busy(String),
    /// The medium refuses writes.
    #[error("{0}")]
    ReadOnly(String),
    /// The medium is full.
    #[error("{0}")]
    Full(String),
    /// The storage was written by a newer version of the program.
    #[error("{0}")]
    Newer(String),
    /// The medium holds what was never written there.
    #[error("{0}")]
    Corrupt(String),
    /// Anything else the medium reports.
    #[error("{0}")]
    Unavailable(String),
}

/// The first key after every key that begins with `prefix`; for the end of a scan.
///
/// A prefix of nothing but 0xff bytes has no such key; the layout has none.
#[must_use]
pub fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last != 0xff {
            end.push(last + 1);
            return end;
        }
    }
    vec![0xff; KEY_LIMIT]
}
