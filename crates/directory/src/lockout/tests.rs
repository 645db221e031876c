use super::*;
use crate::testing::{START, Seeded, fresh};
use crate::{Directory, NewEntry, Reads};
use std::sync::Arc;

const POLICY: LockoutPolicy = LockoutPolicy {
    threshold: 3,
    window: Span::minutes(15),
    duration: Span::minutes(10),
};

fn minutes(minutes: i64) -> Timestamp {
    START + Span::minutes(minutes)
}

fn world() -> (Arc<Directory>, EntryId) {
    let directory = fresh();
    let id = EntryId::random(&mut Seeded::new(4));
    let users = directory.domain().unwrap().users;
    let alice = NewEntry::user(id, users, "alice", "Alice");
    directory
        .commit(&[alice.into()], &Reads::none(), START)
        .unwrap();
    (directory, id)
}

fn fail(lockout: &Lockout, directory: &Directory, id: EntryId, now: Timestamp) -> Failed {
    let snapshot = directory.snapshot().unwrap();
    let account = snapshot.account_by_id(id).unwrap().unwrap();
    lockout.fail(&account, &snapshot, &POLICY, now).unwrap()
}

fn locked(lockout: &Lockout, directory: &Directory, id: EntryId, now: Timestamp) -> bool {
    let account = directory
        .snapshot()
        .unwrap()
        .account_by_id(id)
        .unwrap()
        .unwrap();
    lockout.is_locked_out(&account, &POLICY, now)
}

fn persist(lockout: &Lockout, directory: &Directory) -> usize {
    let pending = lockout.pending(100);
    if !pending.is_empty() {
        directory
            .commit(&pending.changes, &Reads::none(), START)
            .unwrap();
        lockout.persisted(&pending);
    }
    pending.changes.len()
}

#[test]
fn locks_at_the_threshold_at_once_and_opens_when_the_time_is_over() {
    let (directory, id) = world();
    let lockout = Lockout::default();
    assert_eq!(
        fail(&lockout, &directory, id, minutes(0)),
        Failed::Counted(1)
    );
    assert_eq!(
        fail(&lockout, &directory, id, minutes(1)),
        Failed::Counted(2)
    );
    assert!(!locked(&lockout, &directory, id, minutes(1)));
    assert_eq!(
        fail(&lockout, &directory, id, minutes(2)),
        Failed::LockedOut
    );
    assert!(
        locked(&lockout, &directory, id, minutes(2)),
        "before anything is persisted"
    );
    assert_eq!(persist(&lockout, &directory), 2);
    assert_eq!(persist(&lockout, &directory), 0);
    assert!(locked(&lockout, &directory, id, minutes(11)));
    assert!(!locked(&lockout, &directory, id, minutes(12)));
    assert_eq!(
        fail(&lockout, &directory, id, minutes(12)),
        Failed::Counted(1)
    );
}

#[test]
fn failures_are_forgotten_after_the_window_and_after_a_right_password() {
    let (directory, id) = world();
    let lockout = Lockout::default();
    fail(&lockout, &directory, id, minutes(0));
    assert_eq!(
        fail(&lockout, &directory, id, minutes(15)),
        Failed::Counted(2)
    );
    assert_eq!(
        fail(&lockout, &directory, id, minutes(31)),
        Failed::Counted(1)
    );
    let account = directory
        .snapshot()
        .unwrap()
        .account_by_id(id)
        .unwrap()
        .unwrap();
    lockout.succeed(&account, minutes(32));
    assert_eq!(
        fail(&lockout, &directory, id, minutes(33)),
        Failed::Counted(1)
    );
    persist(&lockout, &directory);
    assert_eq!(
        directory
            .snapshot()
            .unwrap()
            .activity(id)
            .unwrap()
            .bad_password_count,
        1
    );
}

#[test]
fn a_restart_gives_a_guesser_no_more_attempts() {
    let (directory, id) = world();
    let before = Lockout::default();
    fail(&before, &directory, id, minutes(0));
    fail(&before, &directory, id, minutes(1));
    persist(&before, &directory);
    let after = Lockout::default();
    assert_eq!(fail(&after, &directory, id, minutes(2)), Failed::LockedOut);
    persist(&after, &directory);
    let again = Lockout::default();
    assert!(locked(&again, &directory, id, minutes(3)));
    assert!(!locked(&again, &directory, id, minutes(12)));
    assert_eq!(
        fail(&again, &directory, id, minutes(12)),
        Failed::Counted(1)
    );
}

#[test]
fn an_administrator_who_unlocks_is_heard_here_and_after_a_restart() {
    let (directory, id) = world();
    let lockout = Lockout::default();
    for minute in 0..3 {
        fail(&lockout, &directory, id, minutes(minute));
    }
    persist(&lockout, &directory);
    assert!(locked(&lockout, &directory, id, minutes(3)));
    directory
        .commit(&[change::unlock(id)], &Reads::none(), minutes(3))
        .unwrap();
    assert!(!locked(&lockout, &directory, id, minutes(3)));
    assert_eq!(
        fail(&lockout, &directory, id, minutes(3)),
        Failed::Counted(1)
    );
    assert_eq!(
        fail(&Lockout::default(), &directory, id, minutes(3)),
        Failed::Counted(1)
    );
}

#[test]
fn failures_while_a_batch_is_written_are_in_the_next_batch() {
    let (directory, id) = world();
    let lockout = Lockout::default();
    fail(&lockout, &directory, id, minutes(0));
    let pending = lockout.pending(100);
    fail(&lockout, &directory, id, minutes(1));
    directory
        .commit(&pending.changes, &Reads::none(), START)
        .unwrap();
    lockout.persisted(&pending);
    assert_eq!(persist(&lockout, &directory), 1);
    assert_eq!(
        directory
            .snapshot()
            .unwrap()
            .activity(id)
            .unwrap()
            .bad_password_count,
        2
    );
    // A batch that could not be written is there again.
    fail(&lockout, &directory, id, minutes(2));
    assert_eq!(lockout.pending(100).changes.len(), 2);
    assert_eq!(lockout.pending(100).changes.len(), 2);
}

#[test]
fn without_a_threshold_nobody_is_locked_out_and_without_a_duration_only_an_administrator_unlocks() {
    let (directory, id) = world();
    let snapshot = directory.snapshot().unwrap();
    let account = snapshot.account_by_id(id).unwrap().unwrap();
    let never = LockoutPolicy {
        threshold: 0,
        ..POLICY
    };
    let lockout = Lockout::default();
    for _ in 0..100 {
        assert!(matches!(
            lockout.fail(&account, &snapshot, &never, START).unwrap(),
            Failed::Counted(_)
        ));
    }
    let ever = LockoutPolicy {
        duration: Span::ZERO,
        ..POLICY
    };
    let lockout = Lockout::default();
    for _ in 0..3 {
        lockout.fail(&account, &snapshot, &ever, START).unwrap();
    }
    assert!(lockout.is_locked_out(&account, &ever, minutes(1_000_000)));
}

#[test]
fn the_counters_take_bounded_memory_and_lose_no_count_that_is_not_persisted() {
    let directory = fresh();
    let users = directory.domain().unwrap().users;
    let lockout = Lockout::new(10);
    let ids: Vec<EntryId> = (0..30)
        .map(|number| {
            let id = EntryId::random(&mut Seeded::new(number));
            let name = format!("user{number}");
            let entry = NewEntry::user(id, users, &name, &name);
            directory
                .commit(&[entry.into()], &Reads::none(), START)
                .unwrap();
            id
        })
        .collect();
    for id in &ids {
        fail(&lockout, &directory, *id, START);
        persist(&lockout, &directory);
    }
    assert!(lockout.counters().len() <= 11, "{lockout:?}");
    for id in &ids {
        assert_eq!(
            fail(&lockout, &directory, *id, minutes(1)),
            Failed::Counted(2)
        );
        persist(&lockout, &directory);
    }
    let dirty = Lockout::new(10);
    for id in &ids {
        fail(&dirty, &directory, *id, minutes(2));
    }
    assert_eq!(dirty.counters().len(), 30, "none of them is persisted yet");
}

/// Storage that others write to.
struct Shared(crate::storage::Memory);

impl crate::storage::Storage for Shared {
    fn snapshot(
        &self,
    ) -> Result<Box<dyn crate::storage::Read + Send + '_>, crate::storage::StorageError> {
        self.0.snapshot()
    }

    fn transact(
        &self,
        body: &mut crate::storage::Body<'_>,
    ) -> Result<(), crate::storage::StorageError> {
        self.0.transact(body)
    }

    fn shared(&self) -> bool {
        true
    }
}

#[test]
fn failures_at_two_nodes_are_counted_together_once_they_are_persisted() {
    let storage = Arc::new(Shared(crate::storage::Memory::new()));
    let directory = crate::testing::over(storage);
    let id = EntryId::random(&mut Seeded::new(4));
    let users = directory.domain().unwrap().users;
    let alice = NewEntry::user(id, users, "alice", "Alice");
    directory
        .commit(&[alice.into()], &Reads::none(), START)
        .unwrap();
    let (one, other) = (Lockout::default(), Lockout::default());
    assert_eq!(fail(&one, &directory, id, minutes(0)), Failed::Counted(1));
    assert_eq!(fail(&other, &directory, id, minutes(0)), Failed::Counted(1));
    persist(&one, &directory);
    persist(&other, &directory);
    assert_eq!(fail(&other, &directory, id, minutes(1)), Failed::LockedOut);
    persist(&other, &directory);
    assert!(
        locked(&one, &directory, id, minutes(1)),
        "the entry says so"
    );

    // When that is over, both begin again, together.
    assert_eq!(fail(&one, &directory, id, minutes(12)), Failed::Counted(1));
    persist(&one, &directory);
    assert_eq!(
        fail(&other, &directory, id, minutes(12)),
        Failed::Counted(2)
    );
}
