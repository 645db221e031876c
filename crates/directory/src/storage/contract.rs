//! The contract of [`Storage`] as tests, for every implementation to pass.
//!
//! An implementation says `directory::storage_contract!(make);` in a test module, where `make` takes the
//! clock that judges the time limits and returns an empty storage.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "each function is a test whose name says what it shows"
)]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trust::Span;

use super::{
    KEY_LIMIT, Order, Read, Row, SNAPSHOT_SECONDS, Storage, StorageError, TRANSACTION_BYTES,
    TRANSACTION_SECONDS, Transaction,
};
use crate::testing::{Hands, Seeded};

/// Makes one test for each sentence of the contract. `$make: fn(Arc<Hands>) -> Arc<dyn Storage>`.
#[macro_export]
macro_rules! storage_contract {
    ($make:expr) => {
        $crate::storage_contract!($make;
            keeps_what_was_written_and_nothing_else
            orders_keys_by_their_bytes
            scans_no_more_than_asked_for_from_either_end
            a_snapshot_stands_still
            a_snapshot_has_every_transaction_that_returned
            a_transaction_sees_its_own_writes
            a_body_that_fails_leaves_nothing
            a_body_that_panics_leaves_nothing_and_the_next_one_works
            no_update_is_lost_between_threads
            two_that_each_forbid_the_other_do_not_both_happen
            one_of_many_takes_what_can_be_taken_once
            failures_of_some_take_nothing_of_others_along
            refuses_keys_that_are_empty_or_too_long
            refuses_a_transaction_that_is_too_large
            refuses_a_transaction_that_lasts_too_long
            refuses_a_snapshot_that_is_held_too_long
            a_long_snapshot_stands_still_for_as_long_as_it_takes
            takes_values_of_any_size_within_the_limit
            does_what_a_sorted_map_does
        );
    };
    ($make:expr; $($sentence:ident)*) => {
        $(
            #[test]
            fn $sentence() {
                $crate::storage::contract::$sentence(&$make);
            }
        )*
    };
}

/// How a storage is made.
pub type Make<'a> = &'a dyn Fn(Arc<Hands>) -> Arc<dyn Storage>;

fn made(make: Make<'_>) -> Arc<dyn Storage> {
    make(Arc::new(Hands::default()))
}

fn put(storage: &dyn Storage, rows: &[(&[u8], &[u8])]) {
    storage
        .transact(&mut |transaction| {
            rows.iter()
                .try_for_each(|(key, value)| transaction.put(key, value))
        })
        .unwrap();
}

fn get(storage: &dyn Storage, key: &[u8]) -> Option<Vec<u8>> {
    storage.snapshot().unwrap().get(key).unwrap()
}

fn everything(read: &dyn Read) -> Vec<Row> {
    let end = [0xff; KEY_LIMIT];
    read.scan(&[], &end, usize::MAX, Order::Ascending).unwrap()
}

fn number(bytes: Option<Vec<u8>>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

pub fn keeps_what_was_written_and_nothing_else(make: Make<'_>) {
    let storage = made(make);
    assert_eq!(get(&*storage, b"a"), None);
    put(&*storage, &[(b"a", b"1"), (b"b", b"")]);
    assert_eq!(get(&*storage, b"a").as_deref(), Some(b"1".as_slice()));
    assert_eq!(get(&*storage, b"b").as_deref(), Some(b"".as_slice()));
    assert_eq!(get(&*storage, b""), None);
    assert_eq!(get(&*storage, b"ab"), None);
    put(&*storage, &[(b"a", b"2")]);
    assert_eq!(get(&*storage, b"a").as_deref(), Some(b"2".as_slice()));
    storage
        .transact(&mut |transaction| {
            transaction.delete(b"a")?;
            transaction.delete(b"never there")
        })
        .unwrap();
    assert_eq!(
        everything(&*storage.snapshot().unwrap()),
        [(b"b".to_vec(), vec![])]
    );
}

pub fn orders_keys_by_their_bytes(make: Make<'_>) {
    let storage = made(make);
    let keys: [&[u8]; 7] = [
        b"\x00",
        b"\x00\x00",
        b"\x01",
        b"a",
        b"a\x00",
        b"\x7f\xff",
        b"\x80",
    ];
    let mut shuffled = keys;
    shuffled.reverse();
    let rows: Vec<(&[u8], &[u8])> = shuffled.iter().map(|key| (*key, *key)).collect();
    put(&*storage, &rows);
    let found: Vec<Vec<u8>> = everything(&*storage.snapshot().unwrap())
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(found, keys);
}

pub fn scans_no_more_than_asked_for_from_either_end(make: Make<'_>) {
    let storage = made(make);
    put(
        &*storage,
        &[(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"d", b"4")],
    );
    let snapshot = storage.snapshot().unwrap();
    let scan = |start: &[u8], end: &[u8], limit, order| -> Vec<u8> {
        let rows = snapshot.scan(start, end, limit, order).unwrap();
        rows.into_iter().flat_map(|(key, _)| key).collect()
    };
    assert_eq!(scan(b"b", b"d", 9, Order::Ascending), b"bc");
    assert_eq!(scan(b"a", b"d\x00", 2, Order::Ascending), b"ab");
    assert_eq!(scan(b"a", b"d\x00", 2, Order::Descending), b"dc");
    assert_eq!(scan(b"a", b"d", usize::MAX, Order::Descending), b"cba");
    assert_eq!(scan(b"a", b"d", 0, Order::Ascending), b"");
    assert_eq!(scan(b"c", b"c", 9, Order::Ascending), b"");
    assert_eq!(scan(b"d", b"a", 9, Order::Ascending), b"");
    assert_eq!(scan(b"d", b"a", 9, Order::Descending), b"");
}

pub fn a_snapshot_stands_still(make: Make<'_>) {
    let storage = made(make);
    put(&*storage, &[(b"a", b"1"), (b"b", b"1"), (b"c", b"1")]);
    let before = storage.snapshot().unwrap();
    assert!(
        before.get(b"z").unwrap().is_none(),
        "the state is fixed now"
    );
    storage
        .transact(&mut |transaction| {
            transaction.put(b"a", b"2")?;
            transaction.delete(b"b")?;
            transaction.put(b"d", b"2")
        })
        .unwrap();
    let between = storage.snapshot().unwrap();
    assert!(between.get(b"z").unwrap().is_none());
    put(&*storage, &[(b"a", b"3"), (b"b", b"3")]);
    let rows = |read: &dyn Read| -> String {
        let text = |(key, value): Row| String::from_utf8([key, value].concat()).unwrap();
        everything(read).into_iter().map(text).collect()
    };
    assert_eq!(rows(&*before), "a1b1c1");
    assert_eq!(before.get(b"b").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(before.get(b"d").unwrap(), None);
    assert_eq!(rows(&*between), "a2c1d2");
    assert_eq!(rows(&*storage.snapshot().unwrap()), "a3b3c1d2");
    drop((before, between));
    put(&*storage, &[(b"c", b"4")]);
    assert_eq!(rows(&*storage.snapshot().unwrap()), "a3b3c4d2");
}

pub fn a_snapshot_has_every_transaction_that_returned(make: Make<'_>) {
    let storage = made(make);
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let storage = &storage;
            scope.spawn(move || {
                for round in 1..50u64 {
                    put(&**storage, &[(&[thread], &round.to_be_bytes())]);
                    assert_eq!(number(get(&**storage, &[thread])), round);
                }
            });
        }
    });
}

pub fn a_transaction_sees_its_own_writes(make: Make<'_>) {
    let storage = made(make);
    put(
        &*storage,
        &[(b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"d", b"1")],
    );
    storage
        .transact(&mut |transaction| {
            transaction.put(b"b", b"2")?;
            transaction.delete(b"c")?;
            transaction.put(b"bb", b"2")?;
            assert_eq!(transaction.get(b"b")?.as_deref(), Some(b"2".as_slice()));
            assert_eq!(transaction.get(b"c")?, None);
            let keys = |limit, order| -> Result<Vec<u8>, StorageError> {
                let rows = transaction.scan(b"a", b"z", limit, order)?;
                Ok(rows
                    .into_iter()
                    .flat_map(|(key, _)| [key, vec![b' ']].concat())
                    .collect())
            };
            assert_eq!(keys(9, Order::Ascending)?, b"a b bb d ");
            assert_eq!(keys(3, Order::Ascending)?, b"a b bb ");
            assert_eq!(keys(2, Order::Descending)?, b"d bb ");
            transaction.delete(b"bb")?;
            assert_eq!(transaction.get(b"bb")?, None);
            transaction.put(b"bb", b"3")
        })
        .unwrap();
    assert_eq!(get(&*storage, b"bb").as_deref(), Some(b"3".as_slice()));
}

pub fn a_body_that_fails_leaves_nothing(make: Make<'_>) {
    let storage = made(make);
    put(&*storage, &[(b"a", b"1")]);
    let failed = storage.transact(&mut |transaction| {
        transaction.put(b"a", b"2")?;
        transaction.put(b"b", b"2")?;
        transaction.delete(b"a")?;
        Err(StorageError::Abandoned)
    });
    assert_eq!(failed, Err(StorageError::Abandoned));
    assert_eq!(
        everything(&*storage.snapshot().unwrap()),
        [(b"a".to_vec(), b"1".to_vec())]
    );
}

pub fn a_body_that_panics_leaves_nothing_and_the_next_one_works(make: Make<'_>) {
    let storage = made(make);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        storage.transact(&mut |transaction| {
            transaction.put(b"a", b"1")?;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(get(&*storage, b"a"), None);
    put(&*storage, &[(b"b", b"1")]);
    assert_eq!(
        everything(&*storage.snapshot().unwrap()),
        [(b"b".to_vec(), b"1".to_vec())]
    );
}

fn increment(transaction: &mut dyn Transaction, key: &[u8]) -> Result<(), StorageError> {
    let next = number(transaction.get(key)?) + 1;
    transaction.put(key, &next.to_be_bytes())
}

pub fn no_update_is_lost_between_threads(make: Make<'_>) {
    let storage = made(make);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..40 {
                    storage
                        .transact(&mut |transaction| {
                            increment(transaction, b"one")?;
                            increment(transaction, b"other")
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(number(get(&*storage, b"one")), 320);
    assert_eq!(number(get(&*storage, b"other")), 320);
}

pub fn two_that_each_forbid_the_other_do_not_both_happen(make: Make<'_>) {
    let storage = made(make);
    for round in 0..30u8 {
        std::thread::scope(|scope| {
            for own in 0..2u8 {
                let storage = &storage;
                scope.spawn(move || {
                    storage.transact(&mut |transaction| {
                        if transaction.get(&[b'k', round, 1 - own])?.is_none() {
                            transaction.put(&[b'k', round, own], b"")?;
                        }
                        Ok(())
                    })
                });
            }
        });
        let snapshot = storage.snapshot().unwrap();
        let there = (0..2).filter(|own| snapshot.get(&[b'k', round, *own]).unwrap().is_some());
        assert_eq!(there.count(), 1, "round {round}");
    }
}

pub fn one_of_many_takes_what_can_be_taken_once(make: Make<'_>) {
    let storage = made(make);
    for round in 0..20u8 {
        let taken = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                let (storage, taken) = (&storage, &taken);
                scope.spawn(move || {
                    let took = storage.transact(&mut |transaction| {
                        if transaction.get(&[round])?.is_some() {
                            return Err(StorageError::Abandoned);
                        }
                        transaction.put(&[round], &[thread])
                    });
                    match took {
                        Ok(()) => drop(taken.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => assert_eq!(error, StorageError::Abandoned),
                    }
                });
            }
        });
        assert_eq!(taken.into_inner(), 1, "round {round}");
    }
}

pub fn failures_of_some_take_nothing_of_others_along(make: Make<'_>) {
    let storage = made(make);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let storage = &storage;
            scope.spawn(move || {
                for round in 0..40u8 {
                    let fails = (thread + round) % 3 == 0;
                    let result = storage.transact(&mut |transaction| {
                        transaction.put(&[b'r', thread, round], b"")?;
                        increment(transaction, b"n")?;
                        if fails {
                            Err(StorageError::Abandoned)
                        } else {
                            Ok(())
                        }
                    });
                    assert_eq!(result.is_err(), fails);
                }
            });
        }
    });
    let rows = everything(&*storage.snapshot().unwrap());
    let expected = (0..8u32).flat_map(|thread| (0..40).map(move |round| thread + round));
    let expected = expected.filter(|sum| sum % 3 != 0).count();
    assert_eq!(rows.len() - 1, expected);
    assert_eq!(number(get(&*storage, b"n")), expected as u64);
}

pub fn refuses_keys_that_are_empty_or_too_long(make: Make<'_>) {
    let storage = made(make);
    for length in [0, KEY_LIMIT + 1] {
        let key = vec![b'k'; length];
        let put = storage.transact(&mut |transaction| transaction.put(&key, b""));
        assert_eq!(put, Err(StorageError::KeyLength(length)));
    }
    let longest = vec![b'k'; KEY_LIMIT];
    put(&*storage, &[(&longest, b"1")]);
    assert_eq!(get(&*storage, &longest).as_deref(), Some(b"1".as_slice()));
}

pub fn refuses_a_transaction_that_is_too_large(make: Make<'_>) {
    let storage = made(make);
    let value = vec![0; TRANSACTION_BYTES / 10];
    let result = storage
        .transact(&mut |transaction| (0..10u8).try_for_each(|key| transaction.put(&[key], &value)));
    assert_eq!(result, Err(StorageError::TooLarge));
    assert_eq!(get(&*storage, &[0]), None);
}

pub fn refuses_a_transaction_that_lasts_too_long(make: Make<'_>) {
    let hands = Arc::new(Hands::default());
    let storage = make(Arc::clone(&hands));
    let seconds = |seconds| {
        storage.transact(&mut |transaction| {
            transaction.put(b"a", b"1")?;
            hands.advance(Span::seconds(seconds));
            Ok(())
        })
    };
    assert_eq!(seconds(TRANSACTION_SECONDS + 1), Err(StorageError::TooSlow));
    assert_eq!(get(&*storage, b"a"), None);
    assert_eq!(seconds(TRANSACTION_SECONDS), Ok(()));
}

pub fn refuses_a_snapshot_that_is_held_too_long(make: Make<'_>) {
    let hands = Arc::new(Hands::default());
    let storage = make(Arc::clone(&hands));
    let snapshot = storage.snapshot().unwrap();
    hands.advance(Span::seconds(SNAPSHOT_SECONDS));
    assert_eq!(snapshot.get(b"a"), Ok(None));
    hands.advance(Span::millis(1));
    assert_eq!(snapshot.get(b"a"), Err(StorageError::Expired));
    let scan = snapshot.scan(b"a", b"b", 1, Order::Ascending);
    assert_eq!(scan, Err(StorageError::Expired));
    drop(snapshot);
    assert_eq!(get(&*storage, b"a"), None);
}

pub fn a_long_snapshot_stands_still_for_as_long_as_it_takes(make: Make<'_>) {
    let hands = Arc::new(Hands::default());
    let storage = make(Arc::clone(&hands));
    put(&*storage, &[(b"a", b"1"), (b"b", b"1")]);
    let long = storage.long_snapshot().unwrap();
    let before = everything(&*long);
    hands.advance(Span::seconds(100 * SNAPSHOT_SECONDS));
    put(&*storage, &[(b"a", b"2"), (b"c", b"2")]);
    assert_eq!(long.get(b"c"), Ok(None));
    assert_eq!(everything(&*long), before);
    assert_eq!(before.len(), 2);
    drop(long);
    assert_eq!(everything(&*storage.long_snapshot().unwrap()).len(), 3);
}

pub fn takes_values_of_any_size_within_the_limit(make: Make<'_>) {
    let storage = made(make);
    let mut dice = Seeded::new(5);
    for length in [
        0,
        1,
        100,
        4_095,
        4_096,
        4_097,
        1_000_000,
        TRANSACTION_BYTES - 1,
    ] {
        let mut value = vec![0; length];
        trust::Rng::fill(&mut dice, &mut value);
        put(&*storage, &[(b"k", &value)]);
        assert!(get(&*storage, b"k").unwrap() == value, "{length}");
    }
}

pub fn does_what_a_sorted_map_does(make: Make<'_>) {
    let storage = made(make);
    let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut dice = Seeded::new(11);
    for round in 0..300 {
        let mut next = model.clone();
        let fails = dice.below(5) == 0;
        let steps: Vec<(Vec<u8>, Option<Vec<u8>>)> = (0..dice.below(8))
            .map(|_| {
                let key = vec![b'a' + dice.below(4) as u8; 1 + dice.below(3)];
                let value = (dice.below(3) > 0).then(|| dice.next_u64().to_be_bytes().to_vec());
                (key, value)
            })
            .collect();
        let result = storage.transact(&mut |transaction| {
            next.clone_from(&model);
            for (key, value) in &steps {
                assert_eq!(transaction.get(key)?.as_ref(), next.get(key));
                match value {
                    Some(value) => {
                        transaction.put(key, value)?;
                        next.insert(key.clone(), value.clone());
                    }
                    None => {
                        transaction.delete(key)?;
                        next.remove(key);
                    }
                }
            }
            if fails {
                Err(StorageError::Abandoned)
            } else {
                Ok(())
            }
        });
        assert_eq!(result.is_err(), fails);
        if !fails {
            model = next;
        }
        let (start, end) = (
            vec![b'a' + dice.below(4) as u8],
            vec![b'b' + dice.below(4) as u8],
        );
        let limit = dice.below(6);
        let snapshot = storage.snapshot().unwrap();
        let bounds = (
            Bound::Included(start.clone()),
            Bound::Excluded(end.clone().max(start.clone())),
        );
        let in_range = || {
            model
                .range(bounds.clone())
                .map(|(key, value)| (key.clone(), value.clone()))
        };
        let up: Vec<Row> = in_range().take(limit).collect();
        let down: Vec<Row> = in_range().rev().take(limit).collect();
        assert_eq!(
            snapshot
                .scan(&start, &end, limit, Order::Ascending)
                .unwrap(),
            up,
            "round {round}"
        );
        assert_eq!(
            snapshot
                .scan(&start, &end, limit, Order::Descending)
                .unwrap(),
            down,
            "round {round}"
        );
    }
    let everything: BTreeMap<_, _> = everything(&*storage.snapshot().unwrap())
        .into_iter()
        .collect();
    assert_eq!(everything, model);
}
