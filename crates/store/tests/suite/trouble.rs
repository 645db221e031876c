//! Trouble with files is told as a sentence, and nothing is lost by it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use directory::storage::{Storage, StorageError};
use directory::testing::Hands;
use keyporch_store::{Options, Sqlite};

fn open(path: &Path) -> Result<Sqlite, StorageError> {
    Sqlite::open(path, Arc::new(Hands::default()), &Options::default())
}

fn put(store: &Sqlite, key: &[u8]) -> Result<(), StorageError> {
    store.transact(&mut |transaction| transaction.put(key, b"1"))
}

#[test]
fn a_second_server_is_kept_out_until_the_first_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("directory.db");
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        matches!(&error, StorageError::Busy(text) if text.contains("another server")),
        "{error}"
    );
    put(&first, b"a").unwrap();
    drop(first);
    let again = open(&path).unwrap();
    assert!(again.snapshot().unwrap().get(b"a").unwrap().is_some());
}

#[test]
fn the_files_are_for_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("directory.db");
    let store = open(&path).unwrap();
    put(&store, b"a").unwrap();
    let mut seen = 0;
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
        seen += 1;
    }
    assert_eq!(seen, 4, "database, log, index of the log, lock");
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = open(&directory.path().join("missing/directory.db")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("does not exist; create it first"),
        "{error}"
    );
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    fs::write(
        &path,
        "not a database, but longer than a header of one hundred bytes ".repeat(4),
    )
    .unwrap();
    let before = fs::read(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        matches!(&error, StorageError::Corrupt(text) if text.contains("not a store")),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);

    let path = directory.path().join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("create table t (a)").unwrap();
    drop(other);
    let error = open(&path).unwrap_err();
    assert!(
        matches!(&error, StorageError::Corrupt(text) if text.contains("another program")),
        "{error}"
    );
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("directory.db");
    drop(open(&path).unwrap());
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 2).unwrap();
    drop(raw);
    let error = open(&path).unwrap_err();
    assert!(
        matches!(&error, StorageError::Newer(text) if text.contains("version 2")),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_told_and_what_was_there_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("directory.db");
    let store = open(&path).unwrap();
    put(&store, b"before").unwrap();
    drop(store);
    // SQLite reports a database at its size limit as it reports a full disk.
    let raw = rusqlite::Connection::open(&path).unwrap();
    let pages: i64 = raw
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    drop(raw);
    let limited = Options {
        max_pages: Some(u32::try_from(pages).unwrap() + 4),
        ..Options::default()
    };
    let store = Sqlite::open(&path, Arc::new(Hands::default()), &limited).unwrap();
    let large = vec![1; 100_000];
    let error = store
        .transact(&mut |transaction| transaction.put(b"large", &large))
        .unwrap_err();
    assert!(
        matches!(&error, StorageError::Full(text) if text.contains("free some space")),
        "{error}"
    );
    put(&store, b"after").unwrap();
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.get(b"before").unwrap().is_some());
    assert!(snapshot.get(b"after").unwrap().is_some());
    assert!(snapshot.get(b"large").unwrap().is_none());
}

#[test]
fn a_backup_is_a_store_of_that_moment() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("directory.db")).unwrap();
    put(&store, b"a").unwrap();
    let copy = directory.path().join("copy.db");
    store.backup(&copy).unwrap();
    put(&store, b"b").unwrap();
    assert_eq!(
        fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let restored = open(&copy).unwrap();
    let snapshot = restored.snapshot().unwrap();
    assert!(snapshot.get(b"a").unwrap().is_some());
    assert!(snapshot.get(b"b").unwrap().is_none());
    assert!(store.backup(&copy).is_err());
}
