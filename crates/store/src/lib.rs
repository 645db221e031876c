//! The directory on disk.
//!
//! [`Sqlite`] is the embedded [`directory::storage::Storage`]: one table of ordered byte keys in a SQLite
//! database, one writer with group commit, readers beside it. [`Postgres`] is the same table in a database that
//! several servers share.
//!
//! Promises: what the contract of [`directory::storage`] says. When a transaction has returned, it
//! survives a power cut; whatever the moment of a cut, no other transaction is there in part.
//! Knows nothing about: entries. It moves bytes.
//!
//! To add an engine: a module beside `sqlite`, which passes the contract tests in `tests/suite/contract.rs`.

mod postgres;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;

pub use postgres::{Address, AddressError, Postgres, PostgresOptions};
pub use sqlite::{Beside, Options, Place, Sqlite};
