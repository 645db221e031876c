//! A name that nobody has costs what one costs that somebody has (security row 16), as far as that can be counted: how often
//! the storage is asked. What is left to the clock, `bench/names.sh` measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crypto::key::KeyKind;
use directory::storage::{Body, Memory, Order, Read, Row, Storage, StorageError};
use directory::testing::{open, over};
use directory::{Change, NewEntry};

use crate::hidden_names::{NOBODY, PROBES, bare, hidden};
use crate::world::{World, add_people, pair};

/// A storage that counts what it is asked.
#[derive(Default)]
struct Counting {
    rows: Memory,
    asked: AtomicUsize,
    /// Whether it is one that other servers may write to.
    shared: bool,
}

struct Counted<'a> {
    read: Box<dyn Read + Send + 'a>,
    asked: &'a AtomicUsize,
}

impl Storage for Counting {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Counted {
            read: self.rows.snapshot()?,
            asked: &self.asked,
        }))
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.rows.transact(body)
    }

    fn shared(&self) -> bool {
        self.shared
    }
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

/// The usual people over a storage that counts.
fn counted() -> (World, Arc<Counting>) {
    counted_over(false)
}

fn counted_over(shared: bool) -> (World, Arc<Counting>) {
    let mut world = hidden();
    let storage = Arc::new(Counting {
        shared,
        ..Counting::default()
    });
    world.directory = over(storage.clone());
    [world.alice, world.bob, world.laptop] = add_people(&world.directory, &mut world.rng);
    (world, storage)
}

/// Nothing is known in memory but what every request needs, as after a start.
fn forget(world: &mut World, storage: &Arc<Counting>) {
    world.directory = Arc::new(open(storage.clone()));
    let message = bare("bob", world).encode();
    world.refusal(&message, 25).unwrap();
}

/// How often the storage is asked for an answer to a message.
fn cost(world: &mut World, storage: &Counting, message: &[u8]) -> usize {
    let before = storage.asked.load(Ordering::SeqCst);
    world.send(message, kdc::Transport::Stream).unwrap();
    storage.asked.load(Ordering::SeqCst) - before
}

#[test]
fn security_16_the_storage_is_asked_no_more_and_no_less_for_nobody() {
    let strange = pair(KeyKind::P256);
    let (mut world, storage) = counted();
    let mut wrong = Vec::new();
    let mut least = usize::MAX;
    for (probe, message) in PROBES {
        let [alice, nobody] = ["alice", NOBODY].map(|name| {
            let first = message(name, &strange, &mut world);
            cost(&mut world, &storage, &first);
            let second = message(name, &strange, &mut world);
            cost(&mut world, &storage, &second)
        });
        least = least.min(alice);
        if alice != nobody {
            wrong.push(format!("{probe}: {alice} for alice, {nobody} for nobody"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(least, 0, "who is known is known without the storage");
}

#[test]
fn security_16_nor_at_the_first_look_at_a_name() {
    let (mut world, storage) = counted();
    let [alice, nobody] = ["alice", NOBODY].map(|name| {
        forget(&mut world, &storage);
        // What is read in nobody's place is read from the storage once, by whoever comes first.
        let message = bare("nobody else", &mut world).encode();
        cost(&mut world, &storage, &message);
        let message = bare(name, &mut world).encode();
        cost(&mut world, &storage, &message)
    });
    assert!(alice > 0, "it is the first look");
    assert_eq!(alice, nobody);
}

#[test]
fn security_16_other_peoples_changes_make_no_difference_between_them() {
    let (mut world, storage) = counted();
    for round in 0..3 {
        // A new account changes the domain's own entry, which whoever comes first reads again.
        let message = bare("bob", &mut world).encode();
        cost(&mut world, &storage, &message);
        let [alice, nobody] = ["alice", NOBODY].map(|name| {
            let message = bare(name, &mut world).encode();
            cost(&mut world, &storage, &message)
        });
        if round > 0 {
            assert_eq!((alice, nobody), (0, 0), "round {round}");
        }
        let domain = world.directory.domain().unwrap();
        let id = directory::EntryId::random(&mut world.rng);
        let name = format!("carol{round}");
        let entry = NewEntry::user(id, domain.users, &name, &name);
        world.commit(&[Change::Add(Box::new(entry))]);
    }
}

/// Where other servers may write, the storage is asked for each answer what they did: the same for either.
#[test]
fn security_16_nor_where_other_servers_write_to_the_storage() {
    let (mut world, storage) = counted_over(true);
    let [alice, nobody] = ["alice", NOBODY].map(|name| {
        forget(&mut world, &storage);
        let message = bare("nobody else", &mut world).encode();
        cost(&mut world, &storage, &message);
        let message = bare(name, &mut world).encode();
        cost(&mut world, &storage, &message)
    });
    assert_eq!(alice, nobody, "at the first look");
    let other = Arc::new(open(storage.clone()));
    for round in 0..3 {
        // Who comes first behind another's change pays for it.
        let message = bare("bob", &mut world).encode();
        cost(&mut world, &storage, &message);
        let [alice, nobody] = ["alice", NOBODY].map(|name| {
            let message = bare(name, &mut world).encode();
            cost(&mut world, &storage, &message)
        });
        if round > 0 {
            // A state is opened, and asked for the nodes' numbers.
            assert_eq!((alice, nobody), (2, 2), "round {round}");
        }
        let users = other.domain().unwrap().users;
        let id = directory::EntryId::random(&mut world.rng);
        let name = format!("carol{round}");
        let entry = NewEntry::user(id, users, &name, &name);
        let added = other.commit(&[entry.into()], &directory::Reads::none(), world.now);
        added.unwrap();
    }
}

/// What was nobody's name for long is somebody's from the commit on that makes it so.
#[test]
fn who_gets_a_name_that_nobody_had_signs_in_at_once() {
    let (mut world, _) = counted();
    for _ in 0..3 {
        let message = bare("carol", &mut world).encode();
        world.refusal(&message, 25).unwrap();
        assert_eq!(
            world.refused.as_ref().map(kdc::Refused::reason),
            Some(&kdc::Refused::ClientUnknown)
        );
    }
    let domain = world.directory.domain().unwrap();
    let id = directory::EntryId::random(&mut world.rng);
    let salt = directory::account::user_salt("CORP.EXAMPLE", "carol");
    let keys = directory::password::keys_of_password(b"a password of carol's", &salt);
    let material = directory::password::PasswordMaterial::of_keys(keys);
    let entry = NewEntry::user(id, domain.users, "carol", "carol").with_password(material, false);
    world.commit(&[Change::Add(Box::new(entry))]);
    world.password("carol", "a password of carol's").unwrap();
}
