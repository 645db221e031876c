//! What is kept in memory is bounded, and never older than what has returned.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::cache::{Cache, Parsed};
use crate::testing::{Seeded, fresh};
use crate::{Attribute, Options, RootKey, change};

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
        let options = Options { cache_bytes };
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
