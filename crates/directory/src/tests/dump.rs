//! Dumps: one state in, the same rows out, and nothing that was not written.

use std::collections::BTreeMap;

use crate::dump::{Dump, DumpError, write};
use crate::storage::{KEY_LIMIT, Order, Read, Row, Storage};
use crate::testing::{START, Seeded, fresh};
use crate::{Directory, Fault, RootKey};

fn rows(read: &dyn Read) -> Vec<Row> {
    let end = [0xff; KEY_LIMIT];
    read.scan(&[], &end, usize::MAX, Order::Ascending).unwrap()
}

fn dumped(directory: &Directory) -> Vec<u8> {
    let read = directory.storage().long_snapshot().unwrap();
    let mut out = Vec::new();
    let written = write(
        &*read,
        directory.root_key(),
        "1.2.3",
        START,
        &mut out,
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(written.bytes, out.len() as u64);
    out
}

fn key() -> RootKey {
    RootKey::new([7; 32])
}

fn read_all(bytes: &[u8], key: &RootKey) -> Result<Vec<Row>, DumpError> {
    let mut dump = Dump::open(bytes, key)?;
    let mut rows = Vec::new();
    while let Some(row) = dump.next_row()? {
        rows.push(row);
    }
    assert!(dump.next_row().unwrap().is_none());
    Ok(rows)
}

#[test]
fn what_was_written_is_read_row_by_row() {
    let directory = fresh();
    let dump = dumped(&directory);
    let header = Dump::open(&dump[..], &key()).unwrap().header().clone();
    assert_eq!(header.domain, "corp.example");
    assert_eq!(header.product, "1.2.3");
    assert_eq!(header.written(), Some(START));
    assert_eq!(header.nodes, [directory.node().id]);
    assert_eq!(header.domain_sid, directory.domain().unwrap().sid);
    let snapshot = directory.storage().snapshot().unwrap();
    assert_eq!(read_all(&dump, &key()).unwrap(), rows(&*snapshot));
}

#[test]
fn the_root_key_is_not_in_it_and_what_it_is_known_by_says_nothing_about_it() {
    let directory = fresh();
    let dump = dumped(&directory);
    assert!(!dump.windows(32).any(|window| window == [7; 32]));
    assert_eq!(key().check_value().len(), 16);
    assert_ne!(key().check_value(), RootKey::new([8; 32]).check_value());
}

#[test]
fn another_root_key_is_told_by_name() {
    let dump = dumped(&fresh());
    let other = RootKey::new([8; 32]);
    match Dump::open(&dump[..], &other) {
        Err(DumpError::OtherRootKey { theirs, ours }) => {
            assert_eq!((theirs, ours), (key().check_value(), other.check_value()));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_that_breaks_off_anywhere_is_refused() {
    let dump = dumped(&fresh());
    let mut dice = Seeded::new(3);
    let last = dump.len() - 100..dump.len();
    let places = (0..200)
        .chain(last)
        .chain((0..200).map(|_| dice.below(dump.len())));
    for place in places {
        let read = read_all(&dump[..place], &key());
        assert!(
            matches!(
                read,
                Err(DumpError::Incomplete(_) | DumpError::NotADump | DumpError::Damaged(_))
            ),
            "{place}: {read:?}"
        );
    }
}

#[test]
fn one_in_which_a_single_bit_is_another_is_refused() {
    let dump = dumped(&fresh());
    let mut dice = Seeded::new(4);
    let places = (0..300).chain(dump.len() - 80..dump.len());
    let random: Vec<usize> = (0..300).map(|_| dice.below(dump.len())).collect();
    for place in places.chain(random) {
        let mut damaged = dump.clone();
        damaged[place] ^= 1 << dice.below(8);
        assert!(read_all(&damaged, &key()).is_err(), "{place}");
    }
    let longer = [&dump[..], b"\0"].concat();
    assert!(matches!(
        read_all(&longer, &key()),
        Err(DumpError::Damaged(_))
    ));
}

/// Whoever may write where backups are kept puts a key on somebody's account, and counts the digest anew.
#[test]
fn one_that_somebody_changed_who_has_not_the_root_key_is_refused() {
    let mut dump = dumped(&fresh());
    let end = dump.len() - 64;
    // The payload of the last row: the moment of its last byte is nobody's business but the row's.
    dump[end - 11] ^= 1;
    let digest = crypto::digest::sha256(&dump[..end]);
    dump[end..end + 32].copy_from_slice(&digest);
    assert!(matches!(read_all(&dump, &key()), Err(DumpError::Forged)));
}

#[test]
fn a_length_that_nothing_follows_asks_for_no_memory() {
    let dump = dumped(&fresh());
    let header = u32::from_be_bytes(dump[16..20].try_into().unwrap()) as usize;
    let mut cut = dump[..20 + header].to_vec();
    cut.extend(5_u16.to_be_bytes());
    cut.extend(9_999_999_u32.to_be_bytes());
    cut.extend(b"a key");
    assert!(matches!(
        read_all(&cut, &key()),
        Err(DumpError::Incomplete(0))
    ));
    cut.truncate(20 + header + 2);
    cut.extend(u32::MAX.to_be_bytes());
    assert!(matches!(read_all(&cut, &key()), Err(DumpError::Damaged(_))));
}

#[test]
fn other_files_and_newer_dumps_are_told_apart() {
    let dump = dumped(&fresh());
    assert!(matches!(
        read_all(b"SQLite format 3\0", &key()),
        Err(DumpError::NotADump)
    ));
    assert!(matches!(read_all(b"", &key()), Err(DumpError::NotADump)));
    let text = br#"{"format":2,"other":[]}"#;
    let newer = [&dump[..16], &(text.len() as u32).to_be_bytes(), text].concat();
    assert!(matches!(read_all(&newer, &key()), Err(DumpError::Newer(2))));
}

#[test]
fn a_store_of_another_root_key_or_without_a_domain_is_not_written() {
    let directory = fresh();
    let read = directory.storage().long_snapshot().unwrap();
    let attempt = |read: &dyn Read, key| {
        let mut out = Vec::new();
        let written = write(read, &key, "1", START, &mut out, &mut |_| {});
        assert!(out.is_empty());
        written.unwrap_err()
    };
    let error = attempt(&*read, RootKey::new([8; 32]));
    assert!(
        matches!(error, DumpError::Fault(Fault::RootKey)),
        "{error:?}"
    );
    let empty = crate::storage::Memory::new();
    let error = attempt(&*empty.long_snapshot().unwrap(), key());
    assert!(
        matches!(error, DumpError::Fault(Fault::NoDomain)),
        "{error:?}"
    );
}

/// Commits go on while a dump is written; each of them moves an amount from one row to another.
#[test]
fn a_dump_is_one_state_whatever_is_committed_meanwhile() {
    let directory = fresh();
    let storage = directory.storage();
    let row = |number: u64| number.to_be_bytes().to_vec();
    let place = |number: u64| [b"y".as_slice(), &number.to_be_bytes()].concat();
    storage
        .transact(&mut |transaction| {
            (0..3_000).try_for_each(|number| transaction.put(&place(number), &row(1_000)))
        })
        .unwrap();
    let read = storage.long_snapshot().unwrap();
    let mut out = Vec::new();
    let mut moved = 0;
    write(&*read, &key(), "1", START, &mut out, &mut |_| {
        storage
            .transact(&mut |transaction| {
                transaction.put(&place(moved), &row(1_000 - 7))?;
                transaction.put(&place(2_999 - moved), &row(1_000 + 7))
            })
            .unwrap();
        moved += 1;
    })
    .unwrap();
    assert!(moved > 3, "commits went on");
    let dumped: BTreeMap<_, _> = read_all(&out, &key()).unwrap().into_iter().collect();
    assert!((0..3_000).all(|number| dumped[&place(number)] == row(1_000)));
}
