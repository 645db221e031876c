//! A change of many parts is made as a whole or not at all, wherever in it the storage fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use super::*;
use crate::access::Caller;
use crate::change::NewEntry;
use crate::directory::Directory;
use crate::group::GLOBAL_SECURITY;
use crate::storage::{Body, Memory, Order, Read, Row, Storage, StorageError, Transaction};

/// A storage that fails at one of the rows that a transaction writes, as one does that is killed there.
struct Breaking {
    below: Memory,
    /// Rows that are still written; below 0 for all.
    left: AtomicI64,
}

/// A transaction of it.
struct Half<'a> {
    below: &'a mut dyn Transaction,
    left: &'a AtomicI64,
}

impl Half<'_> {
    fn row(&self) -> Result<(), StorageError> {
        match self.left.load(SeqCst) {
            0 => Err(StorageError::Full("no space is left".to_owned())),
            left if left < 0 => Ok(()),
            _ => {
                self.left.fetch_sub(1, SeqCst);
                Ok(())
            }
        }
    }
}

impl Read for Half<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.below.get(key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.below.scan(start, end, limit, order)
    }
}

impl Transaction for Half<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.row()?;
        self.below.put(key, value)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.row()?;
        self.below.delete(key)
    }
}

impl Storage for Breaking {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.below.snapshot()
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.below.long_snapshot()
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.below.transact(&mut |below| {
            body(&mut Half {
                below,
                left: &self.left,
            })
        })
    }
}

/// Every row that there is.
fn rows(storage: &Breaking) -> Vec<Row> {
    let read = storage.snapshot().unwrap();
    read.scan(&[0], &[0xff], usize::MAX, Order::Ascending)
        .unwrap()
}

#[test]
fn a_change_of_many_parts_is_whole_or_not_at_all_wherever_it_fails() {
    let storage = Arc::new(Breaking {
        below: Memory::new(),
        left: AtomicI64::new(-1),
    });
    let directory: Arc<Directory> = crate::testing::over(Arc::clone(&storage) as Arc<dyn Storage>);
    let domain = directory.domain().unwrap();
    let mut rng = Seeded::new(5);
    let (alice, bob, staff) = (
        EntryId::random(&mut rng),
        EntryId::random(&mut rng),
        EntryId::random(&mut rng),
    );
    let changes: Vec<Change> = vec![
        NewEntry::user(alice, domain.users, "alice", "alice").into(),
        NewEntry::user(bob, domain.users, "bob", "bob").into(),
        NewEntry::group(staff, domain.users, "staff", GLOBAL_SECURITY).into(),
    ];
    directory.commit(&changes, &Reads::none(), START).unwrap();
    let group = directory
        .snapshot()
        .unwrap()
        .group_by_name("Domain Admins")
        .unwrap()
        .unwrap();
    directory
        .commit(
            &[Change::AddMember {
                group: group.id,
                member: bob,
            }],
            &Reads::none(),
            START,
        )
        .unwrap();
    let snapshot = directory.snapshot().unwrap();
    let account = snapshot.account_by_id(bob).unwrap().unwrap();
    assert!(
        Caller::of(&account, &snapshot)
            .unwrap()
            .is_administrator(&domain)
    );
    drop(snapshot);

    let world = World {
        directory: Arc::clone(&directory),
        rng,
    };
    let name = "CN=alice,CN=Users,DC=corp,DC=example";
    let key = DnBinary {
        binary: key_credential(&mut Seeded::new(1), None),
        dn: name.to_owned(),
    }
    .to_string();
    use ModificationKind::{Add, Replace};
    let steps: &[Step<'_>] = &[
        (Replace, "description", &[b"somebody"]),
        (Add, "objectClass", &[b"posixAccount"]),
        (Add, "uidNumber", &[b"10001"]),
        (Replace, "userPrincipalName", &[b"alice@corp.example"]),
        (Add, "servicePrincipalName", &[b"HTTP/a", b"HTTP/b"]),
        (Add, "msDS-KeyCredentialLink", &[key.as_bytes()]),
    ];
    let mut client = Client::by_certificate(&world, bob);
    let before = rows(&storage);
    let mut failures = 0;
    for row in 0.. {
        storage.left.store(row, SeqCst);
        let code = client.modify(name, steps).code();
        storage.left.store(-1, SeqCst);
        if code == ResultCode::Success {
            break;
        }
        assert_eq!(code, ResultCode::Other, "at row {row}");
        assert_eq!(rows(&storage), before, "at row {row}");
        assert_eq!(directory.check().unwrap().problems, []);
        failures += 1;
    }
    assert!(failures > 10, "it failed {failures} times on the way");
    assert_ne!(rows(&storage), before);
    assert_eq!(directory.check().unwrap().problems, []);
    let found = client.search("(uidNumber=10001)", vec!["servicePrincipalName"], vec![]);
    assert_eq!(found.names(), [name]);
    assert_eq!(found.entries[0].1[0].1.len(), 2);
}
