//! A database is read beside the server that has it open.

use std::sync::Arc;

use directory::storage::{Storage, StorageError};
use directory::testing::Hands;
use keyporch_store::{Beside, Options, Place, Sqlite};

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

#[test]
fn a_database_takes_the_place_of_another_which_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let hands = Arc::new(Hands::default());
    let make = |name: &str, value: &[u8]| {
        let store = Sqlite::open(&at(name), hands.clone(), &Options::default()).unwrap();
        put(&store, b"a", value).unwrap();
        store
    };
    let value = |name: &str| {
        let store = Beside::open(&at(name), hands.clone(), &Options::default()).unwrap();
        store.snapshot().unwrap().get(b"a").unwrap().unwrap()
    };
    let server = make("place.db", b"old");
    assert!(matches!(
        Place::hold(&at("place.db")),
        Err(StorageError::Busy(_))
    ));
    drop(server);
    let place = Place::hold(&at("place.db")).unwrap();
    let refused = Sqlite::open(&at("place.db"), hands.clone(), &Options::default());
    assert!(matches!(refused, Err(StorageError::Busy(_))));

    drop(make("new.db", b"new"));
    // Somebody reads: what they read is not taken from under them.
    let reader = Beside::open(&at("place.db"), hands.clone(), &Options::default()).unwrap();
    let state = reader.long_snapshot().unwrap();
    let _ = state.get(b"a").unwrap();
    drop(state);
    drop(reader);
    place.put(&at("new.db"), &at("aside.db")).unwrap();
    assert_eq!(value("place.db"), b"new");
    assert_eq!(value("aside.db"), b"old");
    assert!(!at("new.db").exists());

    // Where the former one is damaged, it goes aside as it is.
    std::fs::write(
        at("place.db"),
        "this was a database once, and is none any more",
    )
    .unwrap();
    drop(make("newer.db", b"newer"));
    place.put(&at("newer.db"), &at("aside-2.db")).unwrap();
    assert_eq!(value("place.db"), b"newer");
    assert!(at("aside-2.db").exists());

    drop(make("parts.db", b"parts"));
    place.clear(&at("parts.db")).unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap();
    assert!(
        left.flatten()
            .all(|file| !file.file_name().to_string_lossy().starts_with("parts"))
    );
}
