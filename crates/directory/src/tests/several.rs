//! Several servers on one storage: what memory knows there, and what becomes of a server whose commits are forgotten.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::storage::{Body, Memory, Order, Read, Row, Storage, StorageError};
use crate::testing::over;
use crate::{Account, Attribute, Cursor, FeedError, Options, RootKey, change};

/// A storage that several write to. It counts what it is asked for, and can be put back to what it was.
#[derive(Default)]
struct Common {
    memory: Memory,
    asked: AtomicUsize,
    generation: AtomicU64,
}

impl Common {
    fn rows(&self) -> Vec<Row> {
        let read = self.memory.snapshot().unwrap();
        let all = read.scan(&[0], &[0xff; 8], usize::MAX, Order::Ascending);
        all.unwrap()
    }

    /// As if a copy that had no more than `rows` took its place.
    fn put_back(&self, rows: &[Row]) {
        let now = self.rows();
        let put = self.memory.transact(&mut |transaction| {
            for (key, _) in &now {
                transaction.delete(key)?;
            }
            rows.iter()
                .try_for_each(|(key, value)| transaction.put(key, value))
        });
        put.unwrap();
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

struct Counted<'a> {
    read: Box<dyn Read + Send + 'a>,
    asked: &'a AtomicUsize,
}

impl Read for Counted<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.read.get(key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.read.scan(start, end, limit, order)
    }
}

impl Storage for Common {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Ok(Box::new(Counted {
            read: self.memory.snapshot()?,
            asked: &self.asked,
        }))
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.memory.long_snapshot()
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.memory.transact(body)
    }

    fn shared(&self) -> bool {
        true
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

fn server(storage: &Arc<Common>, name: &str) -> Arc<Directory> {
    let options = Options {
        node: Some(name.to_owned()),
        ..Options::default()
    };
    let rng = Box::new(trust::SystemRng);
    let storage = Arc::clone(storage) as Arc<dyn Storage>;
    Arc::new(Directory::open(storage, RootKey::new([7; 32]), options, rng).unwrap())
}

/// A domain that two servers have.
fn two() -> (Arc<Common>, Arc<Directory>, Arc<Directory>) {
    let storage = Arc::new(Common::default());
    drop(over(Arc::clone(&storage) as Arc<dyn Storage>));
    let (first, second) = (server(&storage, "dc1"), server(&storage, "dc2"));
    (storage, first, second)
}

fn account(directory: &Directory, name: &str) -> Option<Arc<Account>> {
    directory.snapshot().unwrap().account_by_sam(name).unwrap()
}

fn shown(directory: &Directory, name: &str) -> Option<String> {
    account(directory, name).unwrap().display_name.clone()
}

fn rename(directory: &Directory, id: EntryId, to: &str) -> Commit {
    let change = change::set(id, Attribute::DisplayName, to);
    write(directory, &[change]).unwrap()
}

#[test]
fn what_another_server_changed_is_never_found_in_memory() {
    let (_, first, second) = two();
    let alice = person(&first, "alice");
    let staff = group(&first, "staff");
    let groups = |directory: &Directory| {
        let snapshot = directory.snapshot().unwrap();
        let account = snapshot.account_by_sam("alice").unwrap().unwrap();
        snapshot.token_groups(&account).unwrap().len()
    };
    for (round, (writes, reads)) in [(&first, &second), (&second, &first)]
        .into_iter()
        .cycle()
        .take(20)
        .enumerate()
    {
        let name = format!("Alice {round}");
        rename(writes, alice, &name);
        assert_eq!(shown(reads, "alice"), Some(name));
        let before = groups(reads);
        let (group, member) = (staff, alice);
        let change = match before {
            1 => Change::AddMember { group, member },
            _ => Change::RemoveMember { group, member },
        };
        write(writes, &[change]).unwrap();
        assert_ne!(groups(reads), before);
        // A name that nobody has, and then somebody.
        let name = format!("new{round}");
        assert!(account(reads, &name).is_none());
        assert!(account(reads, &name).is_none());
        let added = person(writes, &name);
        assert!(account(reads, &name).is_some());
        write(writes, &[Change::Delete { id: added }]).unwrap();
        assert!(account(reads, &name).is_none());
        // Another's name, by a change of an entry that is known under its former one.
        let other = format!("other{round}");
        assert!(account(reads, &other).is_none());
        write(
            writes,
            &[change::set(
                alice,
                Attribute::SamAccountName,
                other.as_str(),
            )],
        )
        .unwrap();
        assert_eq!(account(reads, &other).unwrap().id, alice);
        assert!(account(reads, "alice").is_none());
        write(
            writes,
            &[change::set(alice, Attribute::SamAccountName, "alice")],
        )
        .unwrap();
    }
}

#[test]
fn what_nobody_changed_is_known_for_one_question() {
    let (storage, first, second) = two();
    person(&first, "alice");
    let look = || {
        storage.asked();
        let snapshot = second.snapshot().unwrap();
        let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
        snapshot.token_groups(&alice).unwrap();
        snapshot.krbtgt().unwrap();
        assert!(snapshot.account_by_sam("nobody").unwrap().is_none());
        assert!(snapshot.number().is_some());
        storage.asked()
    };
    assert!(look() > 5);
    assert_eq!(look(), 1);
    // Somebody else's change is looked at once.
    let bob = person(&first, "bob");
    rename(&first, bob, "Bob");
    assert!(look() > 1);
    assert_eq!(look(), 1);
}

#[test]
fn a_state_that_memory_has_passed_is_read_as_it_was_and_leaves_nothing() {
    let (_, first, second) = two();
    let (alice, bob) = (person(&first, "alice"), person(&first, "bob"));
    rename(&first, alice, "before");
    let old = second.snapshot().unwrap();
    assert!(old.account_by_sam("bob").unwrap().is_some());
    rename(&first, alice, "after");
    rename(&first, bob, "Bob");
    assert_eq!(shown(&second, "alice").as_deref(), Some("after"));
    let seen = old.account_by_sam("alice").unwrap().unwrap();
    assert_eq!(seen.display_name.as_deref(), Some("before"));
    let seen = old.account_by_id(bob).unwrap().unwrap();
    assert_eq!(seen.display_name, None);
    assert_eq!(shown(&second, "alice").as_deref(), Some("after"));
    assert_eq!(shown(&second, "bob").as_deref(), Some("Bob"));
}

#[test]
fn more_changes_than_are_looked_at_are_not_missed() {
    let (_, first, second) = two();
    let alice = person(&first, "alice");
    assert_eq!(shown(&second, "alice"), None);
    let bob = person(&first, "bob");
    for number in 0..300 {
        rename(&first, bob, &number.to_string());
    }
    rename(&first, alice, "Alice");
    assert_eq!(shown(&second, "alice").as_deref(), Some("Alice"));
    // And more names than are looked at.
    assert!(account(&second, "new70").is_none());
    for number in 0..100 {
        person(&first, &format!("new{number}"));
    }
    assert!(account(&second, "new70").is_some());
}

/// Numbers of commits are shown for as long as one server makes them all: those of several are in no order that a reader
/// could go by.
#[test]
fn numbers_of_commits_are_shown_as_long_as_one_server_makes_them() {
    let (_, first, second) = two();
    assert!(second.snapshot().unwrap().highest_commit().is_some());
    person(&first, "alice");
    // The domain was made by a third one.
    assert!(first.snapshot().unwrap().highest_commit().is_none());
    assert!(second.snapshot().unwrap().highest_commit().is_none());
}

/// Readers on one server hammer accounts that both change: nobody sees a state older than one that had returned before
/// the snapshot was taken, and what is seen together is of one state.
#[test]
fn readers_of_one_server_see_what_returned_at_another_before_they_looked() {
    let (_, first, second) = two();
    let (alice, bob) = (person(&first, "alice"), person(&first, "bob"));
    let both = |directory: &Directory, number: u64| {
        let text = number.to_string();
        let changes = [alice, bob].map(|id| change::set(id, Attribute::DisplayName, text.as_str()));
        write(directory, &changes).unwrap();
    };
    both(&first, 0);
    let (returned, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let floor = returned.load(Ordering::SeqCst);
                    let snapshot = second.snapshot().unwrap();
                    let number = |name| -> u64 {
                        let account = snapshot.account_by_sam(name).unwrap().unwrap();
                        account.display_name.as_deref().unwrap().parse().unwrap()
                    };
                    let (seen, beside) = (number("alice"), number("bob"));
                    assert!(seen >= floor, "{seen} after {floor}");
                    assert_eq!(seen, beside);
                }
            });
        }
        for number in 1..400 {
            both([&first, &second][(number % 2) as usize], number);
            returned.store(number, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    });
}

/// A copy that had not everything takes the place of a database. Servers go on under other numbers, nobody who follows the
/// changes takes what is committed then for what was, and identifiers that were given are not given again.
#[test]
fn a_server_whose_commits_were_forgotten_goes_on_as_another_node() {
    let (storage, first, second) = two();
    let alice = person(&first, "alice");
    let rows = storage.rows();
    let before = first.node();
    rename(&first, alice, "lost");
    // From a block of identifiers of which the copy does not know that it was taken.
    let lost = {
        let id = person(&second, "lost");
        let snapshot = second.snapshot().unwrap();
        snapshot.account_by_id(id).unwrap().unwrap().sid
    };
    assert_eq!(shown(&second, "alice").as_deref(), Some("lost"));
    let cursor = second.cursor().unwrap();
    let state = |directory: &Directory| directory.snapshot().unwrap().number().unwrap();
    let kept = state(&second);
    assert_eq!(state(&second), kept, "it is the same state");
    storage.put_back(&rows);

    assert_eq!(shown(&second, "alice"), None, "memory does not know better");
    let commit = rename(&first, alice, "found");
    assert_ne!(commit.stamp.node, before.number);
    assert_eq!(first.node().number, commit.stamp.node);
    assert_ne!(first.node().id, before.id);
    let again = person(&first, "again");
    // There are as many commits as there were.
    assert_ne!(state(&second), kept);
    let snapshot = first.snapshot().unwrap();
    let sid = snapshot.account_by_id(again).unwrap().unwrap().sid;
    assert_ne!(sid, lost);
    drop(snapshot);
    assert_eq!(shown(&second, "alice").as_deref(), Some("found"));
    assert_eq!(second.feed(&cursor, 10), Err(FeedError::StartAgain));
    verify(&second);
    // It stays that node, also when it comes again.
    let node = first.node();
    rename(&first, alice, "later");
    assert_eq!(first.node(), node);
    drop(first);
    assert_eq!(server(&storage, "dc1").node(), node);
}

/// The copy was made before the server joined.
#[test]
fn a_server_of_which_nothing_is_left_goes_on_as_another_node() {
    let (storage, first, _) = two();
    let rows = storage.rows();
    let third = server(&storage, "dc3");
    let former = third.node();
    person(&third, "alice");
    storage.put_back(&rows);
    person(&first, "carol");
    let bob = person(&third, "bob");
    assert!(third.node().number > former.number);
    assert_eq!(account(&first, "bob").unwrap().id, bob);
    assert!(account(&third, "alice").is_none());
}

#[test]
fn what_another_process_commits_is_told_once_whatever_its_name_is() {
    let (storage, first, second) = two();
    let twin = server(&storage, "dc1");
    assert_eq!(twin.node().number, first.node().number);
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let _subscription = first.subscribe(move |commit| telling.lock().unwrap().push(commit.stamp));
    let mut stamps = Vec::new();
    let start = first.cursor().unwrap();
    for directory in [&first, &second, &twin] {
        let name = format!("of{}", stamps.len());
        let id = id(&name);
        let users = directory.domain().unwrap().users;
        let added = NewEntry::user(id, users, &name, &name);
        stamps.push(write(directory, &[added.into()]).unwrap().stamp);
    }
    let mut cursor: Cursor = start;
    for _ in 0..2 {
        let page = first.feed(&cursor, 10).unwrap();
        page.commits.iter().for_each(|commit| first.heard(commit));
        cursor = page.cursor;
    }
    let mut told = told.lock().unwrap().clone();
    told.sort();
    stamps.sort();
    assert_eq!(told, stamps);
}
