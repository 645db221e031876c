//! What is kept in memory is bounded, and never older than what has returned.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::cache::{Cache, Parsed};
use crate::testing::{Seeded, fresh};
use crate::{Attribute, Options, RootKey, Snapshot, Stamp, Table, change};

fn parsed(directory: &Directory, id: EntryId) -> Parsed {
    let snapshot = directory.snapshot().unwrap();
    Parsed::Account(snapshot.account_by_id(id).unwrap().unwrap())
}

#[test]
fn what_was_changed_since_it_was_read_is_not_let_in() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let parsed = parsed(&directory, alice);
    let cache = Cache::new(1 << 20);
    let name = || vec!["salice".to_owned()];
    cache.keep(&parsed, name(), 5);
    assert!(cache.find(alice).is_some() && cache.find_named("salice").is_some());
    // Commit 7 is about to change it: what is read from now on at 6 or before is old.
    cache.change([alice], false, 7);
    assert!(cache.find(alice).is_none() && cache.find_named("salice").is_none());
    cache.keep(&parsed, name(), 6);
    assert!(cache.find(alice).is_none());
    cache.keep(&parsed, name(), 7);
    assert!(cache.find(alice).is_some());
}

#[test]
fn a_cache_keeps_to_its_weight_and_keeps_what_is_asked_for() {
    let directory = fresh();
    let cache = Cache::new(16 * 20_000);
    let hot = person(&directory, "hot");
    cache.keep(&parsed(&directory, hot), vec!["shot".to_owned()], 1);
    for number in 0..600 {
        assert!(cache.find_named("shot").is_some(), "after {number}");
        let name = format!("user{number}");
        let id = person(&directory, &name);
        cache.keep(&parsed(&directory, id), vec![format!("s{name}")], 1);
    }
    let kept = (0..600).filter(|number| cache.find_named(&format!("suser{number}")).is_some());
    let kept = kept.count();
    assert!((100..500).contains(&kept), "{kept}");
    let none = Cache::new(0);
    none.keep(&parsed(&directory, hot), vec![], 1);
    assert!(none.find(hot).is_none());
}

/// A membership changes the group and not the member: groups from memory and the group from the storage
/// must be of one state all the same.
#[test]
fn groups_from_memory_are_of_the_state_that_the_rest_is_of() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let staff = group(&directory, "staff");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut agreed = 0u32;
                while !done.load(Ordering::SeqCst) || agreed == 0 {
                    let snapshot = directory.snapshot().unwrap();
                    let account = snapshot.account_by_id(alice).unwrap().unwrap();
                    let groups = snapshot.token_groups(&account).unwrap().len();
                    let listed = snapshot.is_member(staff, alice).unwrap();
                    if snapshot.into_reads().are_consistent() {
                        assert_eq!(groups, 1 + usize::from(listed));
                        agreed += 1;
                    }
                }
            });
        }
        for round in 0..300 {
            let change = if round % 2 == 0 {
                Change::AddMember {
                    group: staff,
                    member: alice,
                }
            } else {
                Change::RemoveMember {
                    group: staff,
                    member: alice,
                }
            };
            write(&directory, &[change]).unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
}

/// Readers hammer an account that a writer changes: nobody sees a state older than one that had returned
/// before they took their snapshot, by whatever name they ask.
#[test]
fn no_reader_sees_what_was_replaced_before_it_looked() {
    for cache_bytes in [32 << 20, 0] {
        let storage = std::sync::Arc::new(crate::storage::Memory::new());
        drop(crate::testing::over(storage.clone()));
        let options = Options {
            cache_bytes,
            ..Options::default()
        };
        let rng = Box::new(Seeded::new(9));
        let directory = Directory::open(storage, RootKey::new([7; 32]), options, rng).unwrap();
        let alice = person(&directory, "alice");
        let staff = group(&directory, "staff");
        let (returned, done) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut looked = 0u64;
                    while !done.load(Ordering::SeqCst) || looked < 100 {
                        let before = returned.load(Ordering::SeqCst);
                        let snapshot = directory.snapshot().unwrap();
                        let account = snapshot.account_by_sam("alice").unwrap().unwrap();
                        let seen: u64 = account
                            .mail
                            .as_ref()
                            .map_or(0, |mail| mail.parse().unwrap());
                        assert!(
                            seen >= before,
                            "{seen} was seen after {before} had returned"
                        );
                        // Both are changed in one commit, and must be seen together.
                        let groups = snapshot.token_groups(&account).unwrap().len();
                        if snapshot.into_reads().are_consistent() {
                            assert_eq!(groups as u64, 1 + seen % 2);
                        }
                        looked += 1;
                    }
                });
            }
            for round in 1..=200u64 {
                let member = if round % 2 == 1 {
                    Change::AddMember {
                        group: staff,
                        member: alice,
                    }
                } else {
                    Change::RemoveMember {
                        group: staff,
                        member: alice,
                    }
                };
                let mail = change::set(alice, Attribute::Mail, round.to_string());
                write(&directory, &[mail, member]).unwrap();
                returned.store(round, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
        verify(&directory);
    }
}

/// The key of an index row that no test directory has.
const ABSENT: &[u8] = b"a name that nobody has";

#[test]
fn that_nobody_has_a_name_is_forgotten_by_the_commit_that_gives_it() {
    let cache = Cache::new(1 << 20);
    assert_eq!(cache.row(ABSENT), None);
    cache.keep_row(ABSENT, None, 5);
    assert_eq!(cache.row(ABSENT), Some((None, 5)));
    // Commit 7 is about to add the row: what was read at 6 or before is old.
    cache.write_rows([ABSENT], 7);
    assert_eq!(cache.row(ABSENT), None);
    cache.keep_row(ABSENT, None, 6);
    assert_eq!(cache.row(ABSENT), None);
    // And is gone again in the state of commit 8.
    cache.keep_row(ABSENT, None, 8);
    assert_eq!(cache.row(ABSENT), Some((None, 8)));
}

#[test]
fn names_that_nobody_has_keep_to_the_weight_of_the_cache() {
    let cache = Cache::new(16 * 20_000);
    cache.keep_row(ABSENT, None, 1);
    let row = |number: u32| number.to_be_bytes();
    for number in 0..20_000 {
        assert!(cache.row(ABSENT).is_some(), "after {number}");
        cache.keep_row(&row(number), None, 1);
    }
    let kept = (0..20_000).filter(|number| cache.row(&row(*number)).is_some());
    let kept = kept.count();
    assert!((500..2_000).contains(&kept), "{kept}");
    // Kept again and again, or longer than any name, it takes no more.
    for _ in 0..100_000 {
        cache.keep_row(ABSENT, None, 1);
    }
    let long = vec![7; 5_000];
    cache.keep_row(&long, None, 1);
    assert_eq!(cache.row(&long), None);
    let none = Cache::new(0);
    none.keep_row(ABSENT, None, 1);
    assert_eq!(none.row(ABSENT), None);
}

/// Whoever floods the cache with names that nobody has drives out what is asked for once, be it somebody's or nobody's: so
/// what is left in it tells nothing.
#[test]
fn a_flood_of_names_drives_out_somebody_and_nobody_alike() {
    let directory = fresh();
    let cache = Cache::new(16 * 60_000);
    for number in 0..200 {
        let name = format!("user{number}");
        let id = person(&directory, &name);
        cache.keep(&parsed(&directory, id), vec![format!("s{name}")], 1);
        cache.keep_row(format!("nobody{number}").as_bytes(), None, 1);
    }
    let left = || {
        let named = |number: &u32| cache.find_named(&format!("suser{number}")).is_some();
        let absent = |number: &u32| {
            let key = format!("nobody{number}");
            cache.row(key.as_bytes()).is_some()
        };
        (
            (0..200).filter(named).count(),
            (0..200).filter(absent).count(),
        )
    };
    assert_eq!(left(), (200, 200));
    for number in 0..20_000u32 {
        cache.keep_row(&number.to_be_bytes(), None, 1);
    }
    assert_eq!(left(), (0, 0));
}

/// Readers ask for a name that a writer gives and takes: nobody is told that it is nobody's, or somebody's, when it was
/// otherwise from before the snapshot was taken until after it was looked at.
#[test]
fn no_reader_takes_a_name_for_nobodys_after_it_was_given() {
    let directory = fresh();
    // Odd while somebody has the name; moved before a commit begins and after it has returned.
    let (begun, returned) = (AtomicU64::new(0), AtomicU64::new(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut certain = 0u64;
                while !done.load(Ordering::SeqCst) || certain == 0 {
                    let before = returned.load(Ordering::SeqCst);
                    let snapshot = directory.snapshot().unwrap();
                    let found = snapshot.account_by_sam("carol").unwrap().is_some();
                    let after = begun.load(Ordering::SeqCst);
                    if before == after {
                        assert_eq!(found, before % 2 == 1, "in round {before}");
                        certain += 1;
                    }
                }
            });
        }
        let users = directory.domain().unwrap().users;
        let mut given = EntryId::NONE;
        let mut went_well = true;
        for round in 1..=400u64 {
            begun.store(round, Ordering::SeqCst);
            let change = if round % 2 == 1 {
                given = id(&format!("carol {round}"));
                NewEntry::user(given, users, "carol", "carol").into()
            } else {
                Change::Delete { id: given }
            };
            went_well &= write(&directory, &[change]).is_ok();
            returned.store(round, Ordering::SeqCst);
            std::thread::yield_now();
        }
        // Before anything fails, so that the readers end.
        done.store(true, Ordering::SeqCst);
        assert!(went_well);
    });
    verify(&directory);
}

#[test]
fn a_snapshot_from_before_a_name_was_taken_back_is_not_told_that_nobody_has_it() {
    let directory = fresh();
    let carol = person(&directory, "carol");
    let old = directory.snapshot().unwrap();
    // The old state is fixed by a first question to the storage.
    assert!(old.account_by_sam("dora").unwrap().is_none());
    write(&directory, &[Change::Delete { id: carol }]).unwrap();
    let new = directory.snapshot().unwrap();
    assert!(new.account_by_sam("carol").unwrap().is_none());
    assert!(new.account_by_sam("carol").unwrap().is_none());
    assert!(old.account_by_sam("carol").unwrap().is_some());
    assert!(old.into_reads().are_consistent());
}

#[test]
fn what_memory_said_of_a_name_is_checked_by_the_commit_that_rests_on_it() {
    let directory = fresh();
    for _ in 0..2 {
        let snapshot = directory.snapshot().unwrap();
        assert!(snapshot.account_by_sam("carol").unwrap().is_none());
    }
    let snapshot = directory.snapshot().unwrap();
    assert!(snapshot.account_by_sam("carol").unwrap().is_none());
    let reads = snapshot.into_reads();
    person(&directory, "carol");
    let users = directory.domain().unwrap().users;
    let entry = NewEntry::user(id("other"), users, "other", "other");
    let refused = directory.commit(&[entry.into()], &reads, crate::testing::START);
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
}

const WATCHED: Table = Table::watched("a table that is watched");

fn put(directory: &Directory, value: u8) -> Stamp {
    let change = change::put(WATCHED, b"key", vec![value], Timestamp::NEVER);
    write(directory, &[change]).unwrap().stamp
}

#[test]
fn when_a_watched_record_was_written_is_known_in_memory_and_counts_as_read() {
    let directory = fresh();
    let row = crate::layout::record(WATCHED.name(), b"key");
    let written = |snapshot: &Snapshot<'_>| snapshot.written(WATCHED, b"key").unwrap();
    assert_eq!(written(&directory.snapshot().unwrap()), None);
    let first = put(&directory, 1);
    assert_eq!(directory.cache().row(&row), None);
    assert_eq!(written(&directory.snapshot().unwrap()), Some(first));
    assert_eq!(directory.cache().row(&row).unwrap().0, Some(first));

    // From memory: what is worked out of it must not be committed once it was written anew.
    let snapshot = directory.snapshot().unwrap();
    assert_eq!(written(&snapshot), Some(first));
    let second = put(&directory, 2);
    let other = change::put(WATCHED, b"other", vec![], Timestamp::NEVER);
    let late = directory.commit(std::slice::from_ref(&other), &snapshot.into_reads(), START);
    assert!(matches!(late, Err(CommitError::Conflict)));
    let snapshot = directory.snapshot().unwrap();
    assert_eq!(written(&snapshot), Some(second));
    directory
        .commit(&[other], &snapshot.into_reads(), START)
        .unwrap();

    write(&directory, &[change::remove(WATCHED, b"key")]).unwrap();
    assert_eq!(written(&directory.snapshot().unwrap()), None);
    verify(&directory);
}

/// Readers ask when a record was written that a writer writes: nobody is told of an older state than one that had returned
/// before they took their snapshot.
#[test]
fn no_reader_takes_a_watched_record_for_older_than_it_was() {
    let directory = fresh();
    let returned = AtomicU64::new(put(&directory, 0).number);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut looked = 0u64;
                while !done.load(Ordering::SeqCst) || looked < 100 {
                    let before = returned.load(Ordering::SeqCst);
                    let snapshot = directory.snapshot().unwrap();
                    let seen = snapshot.written(WATCHED, b"key").unwrap().unwrap();
                    assert!(seen.number >= before, "{seen:?} after {before}");
                    looked += 1;
                }
            });
        }
        for round in 1..=400u64 {
            let stamp = put(&directory, (round % 200) as u8);
            returned.store(stamp.number, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    });
}
