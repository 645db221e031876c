//! A database is read beside the server that has it open.

use std::sync::Arc;

use directory::storage::{Storage, StorageError};
use directory::testing::Hands;
use keyporch_store::{Beside, Options, Sqlite};

fn put(storage: &dyn Storage, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
    storage.transact(&mut |transaction| transaction.put(key, value))
}

#[test]
fn it_is_read_and_not_written_while_a_server_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let hands = Arc::new(Hands::default());
    let server = Sqlite::open(&path, hands.clone(), &Options::default()).unwrap();
    put(&server, b"a", b"1").unwrap();

    let beside = Beside::open(&path, hands, &Options::default()).unwrap();
    let state = beside.long_snapshot().unwrap();
    assert_eq!(state.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    put(&server, b"a", b"2").unwrap();
    assert_eq!(state.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    drop(state);
    let now = beside.snapshot().unwrap();
    assert_eq!(now.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
    assert!(matches!(
        put(&beside, b"a", b"3"),
        Err(StorageError::ReadOnly(_))
    ));
}

#[test]
fn nothing_is_made_where_there_is_none_and_another_program_s_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Arc::new(Hands::default());
    let absent = folder.path().join("absent.db");
    assert!(Beside::open(&absent, hands.clone(), &Options::default()).is_err());
    assert!(!absent.exists());

    let text = folder.path().join("text.db");
    std::fs::write(
        &text,
        "not a database, and long enough to look like none at all",
    )
    .unwrap();
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    for other in [text, empty] {
        let refused = Beside::open(&other, hands.clone(), &Options::default());
        assert!(
            matches!(refused, Err(StorageError::Corrupt(_))),
            "{refused:?}"
        );
    }
}
