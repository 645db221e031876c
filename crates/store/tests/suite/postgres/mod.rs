//! PostgreSQL does what the contract of storages says, and what is said about several servers on one database.

mod away;
mod contract;
mod several;
mod trouble;

use std::sync::Arc;

use directory::storage::Storage;
use directory::testing::Hands;
use keyporch_store::testing::{Cluster, Database};
use keyporch_store::{Postgres, PostgresOptions};
use trust::{Clock, SystemClock, SystemRng};

/// A database of one's own on the server that the tests share.
pub(crate) fn database() -> Database {
    Cluster::shared().database()
}

pub(crate) fn open(database: &Database, clock: Arc<dyn Clock>) -> Arc<Postgres> {
    let options = PostgresOptions::default();
    Arc::new(Postgres::open(&database.address(), clock, &mut SystemRng, &options).unwrap())
}

/// A store that goes by the machine's clock, as a server's does.
fn live(database: &Database) -> Arc<Postgres> {
    open(database, Arc::new(SystemClock))
}

fn number(bytes: Option<Vec<u8>>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// Adds one to what a key holds.
fn increment(store: &dyn Storage, key: &[u8]) -> Result<(), directory::storage::StorageError> {
    store.transact(&mut |transaction| {
        let next = number(transaction.get(key)?) + 1;
        transaction.put(key, &next.to_be_bytes())
    })
}

fn held(store: &dyn Storage, key: &[u8]) -> u64 {
    number(store.snapshot().unwrap().get(key).unwrap())
}

/// The name of a database within its URL.
fn name(url: &str) -> &str {
    let (before, _) = url.split_once('?').unwrap();
    before.rsplit_once('/').unwrap().1
}

/// Waits until the database serves nobody any more.
pub(crate) fn wait_until_nobody_is_in(url: &str) {
    let count = format!(
        "select count(*) from pg_stat_activity where datname = '{}'",
        name(url)
    );
    while Cluster::shared().sql("postgres", &count) != "0" {}
}
