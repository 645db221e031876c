//! A domain that an older version made gets what every domain has.

use std::sync::{Arc, Barrier};

use crate::account::PASSWORD_SERVICE;
use crate::bootstrap::{Bootstrap, everything, new_domain};
use crate::commit::Privilege;
use crate::domain::StoreKind;
use crate::storage::{Body, Memory, Read, Storage, StorageError};
use crate::testing::{START, Seeded, fresh, open};
use crate::well_known::{self, Completed, complete};
use crate::{Attribute, Change, CommitError, Directory, EntryId, Reads, RootKey};

use super::{group, minutes, verify, write};

const ACCOUNT: &str = "kadmin-changepw$";

/// The domain as a version made it that did not know of these.
fn without(storage: Arc<dyn Storage>, unknown: &[&str]) -> Arc<Directory> {
    let (directory, mut rng) = (open(storage), Seeded::new(1));
    let names = Bootstrap::of("corp.example");
    let domain = new_domain(
        &names.dns_name,
        &names.netbios_name,
        StoreKind::Domain,
        &mut rng,
    );
    let mut changes = everything(&domain, &names, &mut rng);
    let before = changes.len();
    changes.retain(|change| !matches!(change, Change::Add(new) if unknown.contains(&&*new.name)));
    assert_eq!(changes.len(), before - unknown.len());
    let privilege = Privilege::Bootstrap(Box::new(domain));
    directory
        .commit_as(&changes, &Reads::none(), START, &privilege)
        .unwrap();
    Arc::new(directory)
}

fn completed(directory: &Directory) -> Completed {
    complete(directory, START, &mut Seeded::new(9)).unwrap()
}

fn added(completed: &Completed) -> Vec<&str> {
    let names = completed.added.iter();
    names
        .filter_map(|record| record.target_name.as_deref())
        .collect()
}

fn newest(directory: &Directory) -> u64 {
    directory.snapshot().unwrap().number().unwrap()
}

/// The records of completions in the directory's own log.
fn audited(directory: &Directory) -> Vec<String> {
    let snapshot = directory.snapshot().unwrap();
    let records = snapshot.audit_log(START, minutes(1), 1_000).unwrap();
    let completions = records
        .into_iter()
        .filter(|record| record.action == "domain.complete");
    completions
        .filter_map(|record| record.target_name)
        .collect()
}

#[test]
fn a_domain_is_made_with_all_of_it() {
    let directory = fresh();
    let before = newest(&directory);
    let completed = completed(&directory);
    assert!(completed.added.is_empty() && completed.in_the_way.is_empty());
    assert_eq!(newest(&directory), before, "nothing was written");
}

#[test]
fn what_is_lacking_is_added_once_as_a_new_domain_has_it() {
    let unknown = ["kadmin-changepw", "Protected Users"];
    let directory = without(Arc::new(Memory::new()), &unknown);
    let account = |directory: &Directory| {
        let snapshot = directory.snapshot().unwrap();
        snapshot.account_by_spn(PASSWORD_SERVICE).unwrap()
    };
    assert!(account(&directory).is_none());
    assert_eq!(added(&completed(&directory)), ["Protected Users", ACCOUNT]);
    verify(&directory);

    let (own, new) = (account(&directory).unwrap(), account(&fresh()).unwrap());
    assert_eq!((&own.sam, own.control), (&new.sam, new.control));
    assert_eq!(own.primary_group, new.primary_group);
    assert_eq!(own.keys.kvno(), 1);
    assert_eq!(
        own.keys.current().unwrap().keys.len(),
        new.keys.current().unwrap().keys.len()
    );
    assert!(own.changes_passwords());
    let snapshot = directory.snapshot().unwrap();
    let sid = snapshot
        .domain()
        .well_known_sid(well_known::PROTECTED_USERS);
    let group = snapshot.group_by_sid(&sid).unwrap().unwrap();
    assert!(snapshot.entry(group.id).unwrap().unwrap().is_critical());
    drop(snapshot);
    assert_eq!(audited(&directory).len(), 2);

    // Once: the keys stay, and nothing is written again.
    let before = newest(&directory);
    let again = completed(&directory);
    assert!(again.added.is_empty() && again.in_the_way.is_empty());
    assert_eq!(newest(&directory), before);
    let still = account(&directory).unwrap();
    assert_eq!((still.id, still.keys.kvno()), (own.id, 1));
}

/// The group that a policy is scoped to has no relative identifier that is fixed: its name is what it is found by.
#[test]
fn the_group_of_those_who_may_enrol_is_added_where_nothing_has_its_name() {
    let directory = without(Arc::new(Memory::new()), &[well_known::HELLO_USERS]);
    assert_eq!(added(&completed(&directory)), [well_known::HELLO_USERS]);
    let found = |directory: &Directory| {
        let snapshot = directory.snapshot().unwrap();
        snapshot.group_by_name(well_known::HELLO_USERS).unwrap()
    };
    let (own, new) = (found(&directory).unwrap(), found(&fresh()).unwrap());
    assert_eq!(own.group_type, new.group_type);
    assert!(completed(&directory).added.is_empty());
    verify(&directory);
}

/// An administrator may have made something of the name, which nobody takes away.
#[test]
fn what_has_another_s_name_is_told_and_the_rest_is_added() {
    let unknown = ["kadmin-changepw", "Protected Users"];
    let directory = without(Arc::new(Memory::new()), &unknown);
    let own = group(&directory, "protected users");
    let first = completed(&directory);
    assert_eq!(first.in_the_way, ["Protected Users"]);
    assert_eq!(added(&first), [ACCOUNT]);
    let again = completed(&directory);
    assert_eq!(again.in_the_way, ["Protected Users"]);
    assert!(again.added.is_empty());

    write(&directory, &[Change::Delete { id: own }]).unwrap();
    assert_eq!(added(&completed(&directory)), ["Protected Users"]);
    verify(&directory);
}

/// What clients look up below the configuration, which versions before had none of.
#[test]
fn naming_contexts_and_servers_are_added_where_they_are_lacking() {
    let unknown = [
        "Partitions",
        "CORP",
        "Enterprise Configuration",
        "Enterprise Schema",
        "NTDS Settings",
    ];
    let directory = without(Arc::new(Memory::new()), &unknown);
    let configuration = directory.domain().unwrap().configuration;
    let own = crate::NewEntry::new(
        super::id("own"),
        configuration,
        crate::Class::Container,
        "partitions",
    );
    write(&directory, &[own.into()]).unwrap();
    let first = completed(&directory);
    assert_eq!(first.in_the_way, ["Partitions"]);
    assert_eq!(added(&first), ["NTDS Settings"]);
    write(
        &directory,
        &[Change::Delete {
            id: super::id("own"),
        }],
    )
    .unwrap();
    let second = complete(&directory, START, &mut Seeded::new(10)).unwrap();
    assert_eq!(added(&second), unknown[..4]);
    verify(&directory);
    let (own, new) = (shown(&directory), shown(&fresh()));
    assert_eq!(own, new, "as a new domain has them");
    let again = completed(&directory);
    assert!(again.added.is_empty() && again.in_the_way.is_empty());
}

/// The entries below the configuration that the directory itself needs, with their attributes but for what is counted.
fn shown(directory: &Directory) -> Vec<String> {
    let snapshot = directory.snapshot().unwrap();
    let mut waiting = vec![snapshot.domain().configuration];
    let mut shown = Vec::new();
    while let Some(id) = waiting.pop() {
        for child in snapshot.children(id, None, 100).unwrap() {
            waiting.push(child.id);
            let mut text = format!("{:?} {}", child.class, child.name);
            for (attribute, values) in child.attributes() {
                let links = values
                    .iter()
                    .any(|value| matches!(value, crate::Value::Link(_)));
                if attribute != Attribute::UsnCreated && !links {
                    text.push_str(&format!(" {attribute:?}={values:?}"));
                }
            }
            shown.push(text);
        }
    }
    shown.sort();
    shown
}

/// A storage that several nodes write to.
struct Shared(Arc<Memory>);

impl Storage for Shared {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.0.snapshot()
    }

    fn long_snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        self.0.long_snapshot()
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.0.transact(body)
    }

    fn shared(&self) -> bool {
        true
    }
}

#[test]
fn two_nodes_that_start_at_once_make_one() {
    for round in 0..8 {
        let memory = Arc::new(Memory::new());
        let first = without(Arc::new(Shared(Arc::clone(&memory))), &["kadmin-changepw"]);
        let shared = Shared(memory);
        let rng = &mut Seeded::new(round + 100);
        Directory::renew_node(&shared, &RootKey::new([7; 32]), rng).unwrap();
        let second = Arc::new(open(Arc::new(shared)));
        assert_ne!(first.node().number, second.node().number);

        let start = Barrier::new(2);
        let complete_at_once = |directory: &Directory, seed| {
            start.wait();
            complete(directory, START, &mut Seeded::new(seed)).unwrap()
        };
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| complete_at_once(&first, 2 * round + 1));
            let other = scope.spawn(|| complete_at_once(&second, 2 * round + 2));
            (one.join().unwrap(), other.join().unwrap())
        });
        let both = [added(&one), added(&other)].concat();
        assert_eq!(both, [ACCOUNT], "one of them made it");
        for directory in [&first, &second] {
            let snapshot = directory.snapshot().unwrap();
            assert!(snapshot.account_by_spn(PASSWORD_SERVICE).unwrap().is_some());
            drop(snapshot);
            assert_eq!(audited(directory), [ACCOUNT]);
            verify(directory);
        }
    }
}

/// Somebody who loses the race computes again, and does not add a second one by another name.
#[test]
fn what_was_lacking_a_moment_ago_is_looked_at_again() {
    let directory = without(Arc::new(Memory::new()), &["kadmin-changepw"]);
    let stale = directory.snapshot().unwrap();
    assert!(stale.account_by_spn(PASSWORD_SERVICE).unwrap().is_none());
    completed(&directory);
    let late = well_known::password_service(stale.domain(), &mut Seeded::new(3))
        .with(Attribute::Description, "a second one");
    let id: EntryId = late.id;
    let refused = directory.commit_as(
        &[late.into()],
        &stale.into_reads(),
        minutes(1),
        &Privilege::WellKnown,
    );
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert!(directory.snapshot().unwrap().entry(id).unwrap().is_none());
}
