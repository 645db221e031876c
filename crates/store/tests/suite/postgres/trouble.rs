//! Trouble with the database is told as a sentence.

use directory::storage::StorageError;
use keyporch_store::Address;

use super::*;

fn refused(url: &str) -> StorageError {
    let address = Address::parse(url).unwrap();
    let clock = Arc::new(SystemClock);
    let options = PostgresOptions::default();
    Postgres::open(&address, clock, &mut SystemRng, &options).unwrap_err()
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let Some(database) = database() else { return };
    let error = refused(&database.url.replace("test_", "missing_"));
    let said = error.to_string();
    assert!(
        said.contains("lets nobody in") && said.contains("missing_"),
        "{said}"
    );
    let error = refused("postgresql:///keyporch?host=/nowhere");
    let said = error.to_string();
    assert!(
        said.contains("is away") && said.contains("/nowhere"),
        "{said}"
    );
}

#[test]
fn a_password_is_in_no_error() {
    let Some(database) = database() else { return };
    let url = database
        .url
        .replace("keyporch@", "keyporch:s3cr3t@")
        .replace("test_", "missing_");
    let error = refused(&url);
    assert!(
        !format!("{error} {error:?}").contains("s3cr3t"),
        "{error:?}"
    );
}

#[test]
fn tables_of_something_else_are_left_alone() {
    let Some(database) = database() else { return };
    let cluster = Cluster::shared().unwrap();
    cluster.sql(name(&database.url), "create table kv (id int)");
    let error = refused(&database.url);
    assert!(
        matches!(&error, StorageError::Corrupt(text) if text.contains("another program")),
        "{error}"
    );
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let Some(database) = database() else { return };
    let cluster = Cluster::shared().unwrap();
    drop(live(&database));
    cluster.sql(name(&database.url), "update kv_version set version = 2");
    let error = refused(&database.url);
    assert!(
        matches!(&error, StorageError::Newer(text) if text.contains("version 2")),
        "{error}"
    );
}

#[test]
fn servers_that_open_an_empty_database_at_once_make_one_store() {
    let Some(database) = database() else { return };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| increment(&*live(&database), b"n").unwrap());
        }
    });
    assert_eq!(held(&*live(&database), b"n"), 4);
}

/// A table that is read as a whole in one plan would conflict with every write to it.
#[test]
fn rows_are_read_by_key_alone() {
    let Some(database) = database() else { return };
    let store = live(&database);
    let written = store
        .transact(&mut |transaction| (0..50u8).try_for_each(|key| transaction.put(&[key], b"1")));
    written.unwrap();
    for _ in 0..5 {
        let snapshot = store.snapshot().unwrap();
        snapshot.get(b"a").unwrap();
        let order = directory::storage::Order::Descending;
        snapshot.scan(b"\0", b"\xff", 10, order).unwrap();
    }
    drop(store);
    // What connections did is counted when they end.
    wait_until_nobody_is_in(&database.url);
    let cluster = Cluster::shared().unwrap();
    let scans = "select seq_scan, idx_scan >= 10 from pg_stat_user_tables where relname = 'kv'";
    // The one is the making of the index.
    assert_eq!(cluster.sql(name(&database.url), scans), "1|t");
}
