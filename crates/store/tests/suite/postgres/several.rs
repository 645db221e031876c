//! Several servers on one database.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use directory::testing::{self, Seeded};
use directory::{Cursor, Directory, EntryId, NewEntry, Reads};

use super::*;
use crate::ledger::{self, Ledger};

/// A server's directory in a database that holds a domain.
pub(super) fn node(database: &Database, name: &str) -> Arc<Directory> {
    let options = directory::Options {
        node: Some(name.to_owned()),
        ..directory::Options::default()
    };
    let rng = Box::new(SystemRng);
    let root = directory::RootKey::new([7; 32]);
    Arc::new(Directory::open(live(database), root, options, rng).unwrap())
}

#[test]
fn no_update_is_lost_between_servers() {
    let database = database();
    let stores = [live(&database), live(&database)];
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let store = &stores[thread % 2];
            scope.spawn(move || {
                for _ in 0..25 {
                    increment(&**store, b"one").unwrap();
                }
            });
        }
    });
    assert_eq!(held(&*stores[0], b"one"), 150);
    assert_eq!(held(&*stores[1], b"one"), 150);
}

#[test]
fn what_one_server_was_told_is_done_the_other_sees_at_once() {
    let database = database();
    let stores = [live(&database), live(&database)];
    for round in 1..60u64 {
        let (writes, reads) = match round % 2 {
            0 => (&stores[0], &stores[1]),
            _ => (&stores[1], &stores[0]),
        };
        increment(&**writes, b"a").unwrap();
        assert_eq!(held(&**reads, b"a"), round);
        let mut seen = 0;
        let looked = reads.transact(&mut |transaction| {
            seen = number(transaction.get(b"a")?);
            Ok(())
        });
        looked.unwrap();
        assert_eq!(seen, round);
    }
}

#[test]
fn two_servers_that_each_forbid_the_other_do_not_both_act() {
    let database = database();
    let stores = [live(&database), live(&database)];
    for round in 0..30u8 {
        std::thread::scope(|scope| {
            for own in 0..2u8 {
                let store = &stores[usize::from(own)];
                scope.spawn(move || {
                    let acted = store.transact(&mut |transaction| {
                        if transaction.get(&[b'k', round, 1 - own])?.is_none() {
                            transaction.put(&[b'k', round, own], b"")?;
                        }
                        Ok(())
                    });
                    acted.unwrap();
                });
            }
        });
        let snapshot = stores[0].snapshot().unwrap();
        let there = (0..2).filter(|own| snapshot.get(&[b'k', round, *own]).unwrap().is_some());
        assert_eq!(there.count(), 1, "round {round}");
    }
}

#[test]
fn servers_have_names_and_numbers_of_their_own_and_keep_them() {
    let database = database();
    drop(testing::over(live(&database)));
    let (first, second) = (node(&database, "dc1"), node(&database, "dc2"));
    assert_ne!(first.node().number, second.node().number);
    assert_ne!(first.node().id, second.node().id);
    let number = second.node().number;
    drop(second);
    assert_eq!(node(&database, "dc2").node().number, number);
}

/// Two servers add people under names of which both want some: each name goes to one, no two get one SID, and who
/// follows the changes meanwhile is told of each commit once, those of each server in its order.
#[test]
fn names_go_to_one_of_two_servers_and_a_reader_of_the_feed_misses_nothing() {
    let database = database();
    drop(testing::over(live(&database)));
    let nodes = [node(&database, "dc1"), node(&database, "dc2")];
    let reader = node(&database, "dc3");
    let done = AtomicBool::new(false);
    let committed = Mutex::new(BTreeMap::new());
    let start = reader.cursor().unwrap();
    let told = std::thread::scope(|scope| {
        let told = scope.spawn(|| {
            let (mut cursor, mut told) = (start.clone(), Vec::new());
            loop {
                let last = done.load(Ordering::SeqCst);
                let page = reader.feed(&cursor, 7).unwrap();
                cursor = page.cursor;
                told.extend(page.commits);
                if last && !page.more {
                    return told;
                }
            }
        });
        let writers: Vec<_> = (0..4usize)
            .map(|thread| {
                let (directory, committed) = (&nodes[thread % 2], &committed);
                scope.spawn(move || {
                    let users = directory.domain().unwrap().users;
                    let mut rng = Seeded::new(90 + thread as u64);
                    for number in 0..25 {
                        let id = EntryId::random(&mut rng);
                        let name = format!("user{number}");
                        let user = NewEntry::user(id, users, &name, &name);
                        let made = directory.commit(&[user.into()], &Reads::none(), testing::START);
                        if let Ok(commit) = made {
                            let before = committed.lock().unwrap().insert(name, commit.stamp);
                            assert_eq!(before, None, "somebody has the name already");
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        told.join().unwrap()
    });
    let committed = committed.into_inner().unwrap();
    assert_eq!(committed.len(), 25, "each name went to somebody");
    let mut stamps: Vec<_> = told.iter().map(|commit| commit.stamp).collect();
    for own in nodes.iter().map(|node| node.node().number) {
        let numbers: Vec<u64> = stamps
            .iter()
            .filter(|stamp| stamp.node == own)
            .map(|stamp| stamp.number)
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
    stamps.sort();
    let mut expected: Vec<_> = committed.into_values().collect();
    expected.sort();
    assert_eq!(stamps, expected);
}

/// Two servers perform steps at the same time; each step is there with all its parts.
#[test]
fn commits_of_two_servers_at_once_are_each_there_as_a_whole() {
    let database = database();
    drop(testing::over(live(&database)));
    let nodes = [node(&database, "dc1"), node(&database, "dc2")];
    let mut books = [Mutex::new(Ledger::default()), Mutex::new(Ledger::default())];
    // People of their own: what both want is another test's.
    let far = ledger::Step::Enrol(1_000_000);
    books[1]
        .get_mut()
        .unwrap()
        .steps
        .insert(far, ledger::Known::Begun);
    std::thread::scope(|scope| {
        for (node, book) in nodes.iter().zip(&books) {
            let seed = u64::from(node.node().number);
            scope.spawn(move || {
                ledger::stream(
                    node,
                    book,
                    seed,
                    15,
                    &|error| panic!("{error:?}"),
                    &|_, _| {},
                );
            });
        }
    });
    for (node, book) in [(1, 0), (0, 1)] {
        let book = books[book].get_mut().unwrap();
        ledger::audit(&nodes[node], book, |_, _| true).unwrap();
        assert!(book.steps.len() > 40);
    }
    let start = Cursor::start();
    assert!(nodes[0].feed(&start, usize::MAX).unwrap().commits.len() > 80);
}
