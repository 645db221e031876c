//! What a commit promises.

use super::*;
use crate::testing::{fresh, key_credential};
use crate::{
    Attribute, ClaimId, Edit, Fault, KeyValueId, Origin, Refused, Snapshot, Table, change,
};

const TABLE: Table = Table::new("tests.records");

#[test]
fn what_was_committed_is_in_the_very_next_snapshot() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let blob = key_credential(&mut Seeded::new(1), None);
    for _ in 0..50 {
        let listed = || {
            let snapshot = directory.snapshot().unwrap();
            let account = snapshot.account_by_sam("ALICE").unwrap().unwrap();
            account.sign_in_keys().count()
        };
        assert_eq!(listed(), 0);
        let add = change::add_key_credential(alice, blob.clone(), Origin::Registration);
        write(&directory, &[add]).unwrap();
        assert_eq!(listed(), 1);
        write(
            &directory,
            &[change::remove_key_credential(alice, KeyValueId::of(&blob))],
        )
        .unwrap();
    }
}

#[test]
fn a_snapshot_does_not_move() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let before = directory.snapshot().unwrap();
    assert!(before.entry(alice).unwrap().is_some());
    write(
        &directory,
        &[change::set(alice, Attribute::DisplayName, "Alice")],
    )
    .unwrap();
    person(&directory, "bob");
    let seen = before.account_by_id(alice).unwrap().unwrap();
    assert_eq!(seen.display_name, None);
    assert!(before.account_by_sam("bob").unwrap().is_none());
    let after = directory.snapshot().unwrap();
    let seen = after.account_by_id(alice).unwrap().unwrap();
    assert_eq!(seen.display_name.as_deref(), Some("Alice"));
}

/// Each question, with a change that changes its answer.
#[test]
fn what_was_read_and_changed_since_is_a_conflict() {
    type Read = fn(&Snapshot<'_>) -> Result<(), Fault>;
    type Make = fn(&Directory) -> Change;
    let reads: [(&str, Read, Make); 14] = [
        (
            "an account",
            |s| s.account_by_sam("alice").map(drop),
            |_| change::set(id("alice"), Attribute::DisplayName, "A"),
        ),
        (
            "no account",
            |s| s.account_by_sam("bob").map(drop),
            |d| NewEntry::user(id("bob"), d.domain().unwrap().users, "bob", "bob").into(),
        ),
        (
            "no UPN",
            |s| s.account_by_upn("x@corp.example").map(drop),
            |_| change::set(id("alice"), Attribute::UserPrincipalName, "x@corp.example"),
        ),
        (
            "an entry",
            |s| s.entry(id("staff")).map(drop),
            |_| Change::Delete { id: id("staff") },
        ),
        (
            "no key",
            |s| s.holder_of_key(&fingerprint()).map(drop),
            |_| add_key(),
        ),
        (
            "no keys",
            |s| s.key_credentials(id("alice")).map(drop),
            |_| add_key(),
        ),
        (
            "no device",
            |s| s.device_by_id(wire::Guid::NIL).map(drop),
            |d| {
                let devices = d.domain().unwrap().devices;
                NewEntry::device(id("device"), devices, wire::Guid::NIL, "D").into()
            },
        ),
        (
            "children",
            |s| s.children(s.domain().users, None, 1_000).map(drop),
            |d| NewEntry::user(id("zoe"), d.domain().unwrap().users, "zoe", "zoe").into(),
        ),
        (
            "members",
            |s| s.members(id("staff"), None, 10).map(drop),
            |_| member(),
        ),
        ("groups", |s| groups_of_alice(s).map(drop), |_| member()),
        (
            "a claim",
            |s| s.claimed(&ClaimId::new("t", b"1"), START).map(drop),
            |_| change::claim(ClaimId::new("t", b"1"), minutes(1)),
        ),
        (
            "a record",
            |s| s.record(TABLE, b"k", START).map(drop),
            |_| change::put(TABLE, *b"k", b"1".to_vec(), minutes(1)),
        ),
        (
            "records",
            |s| s.records(TABLE, b"a", b"z", 10, START).map(drop),
            |_| change::put(TABLE, *b"k", b"1".to_vec(), minutes(1)),
        ),
        (
            "due jobs",
            |s| s.due_jobs(minutes(5), 10).map(drop),
            |_| change::schedule("mail", minutes(1), Vec::new(), &mut Seeded::new(1)),
        ),
    ];
    for (what, read, make) in reads {
        let directory = fresh();
        person(&directory, "alice");
        group(&directory, "staff");
        let mark = [change::put(
            Table::new("tests.mark"),
            *b"m",
            b"1".to_vec(),
            minutes(1),
        )];

        let snapshot = directory.snapshot().unwrap();
        read(&snapshot).unwrap();
        let reads = snapshot.into_reads();
        person(&directory, "carol");
        if what != "children" {
            let committed = directory.commit(&mark, &reads, START);
            assert!(committed.is_ok(), "{what} did not change: {committed:?}");
        }

        let snapshot = directory.snapshot().unwrap();
        read(&snapshot).unwrap();
        let reads = snapshot.into_reads();
        write(&directory, &[make(&directory)]).unwrap();
        let committed = directory.commit(&mark, &reads, START);
        assert_eq!(committed, Err(CommitError::Conflict), "{what} changed");
        verify(&directory);
    }
}

fn blob() -> Vec<u8> {
    key_credential(&mut Seeded::new(1), None)
}

fn add_key() -> Change {
    change::add_key_credential(id("alice"), blob(), Origin::Registration)
}

fn fingerprint() -> crypto::key::Fingerprint {
    crate::KeyCredential::new(blob(), Origin::Registration, START)
        .fingerprint
        .unwrap()
}

fn member() -> Change {
    Change::AddMember {
        group: id("staff"),
        member: id("alice"),
    }
}

fn groups_of_alice(snapshot: &Snapshot<'_>) -> Result<usize, Fault> {
    let alice = snapshot.account_by_sam("alice")?.unwrap();
    Ok(snapshot.token_groups(&alice)?.len())
}

#[test]
fn reads_from_before_and_after_a_commit_do_not_pass_for_one_state() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let bob = person(&directory, "bob");
    let warm = directory.snapshot().unwrap();
    warm.account_by_sam("alice").unwrap();
    drop(warm);

    let mixed = directory.snapshot().unwrap();
    // From memory, so that the storage is not opened yet.
    assert!(mixed.account_by_sam("alice").unwrap().is_some());
    let both = [
        change::set(alice, Attribute::DisplayName, "A"),
        change::set(bob, Attribute::DisplayName, "B"),
    ];
    write(&directory, &both).unwrap();
    let bob = mixed.account_by_sam("bob").unwrap().unwrap();
    assert_eq!(bob.display_name.as_deref(), Some("B"));
    let reads = mixed.into_reads();
    assert!(!reads.are_consistent());
    assert_eq!(
        directory.commit(&[], &reads, START),
        Err(CommitError::Conflict)
    );

    directory
        .snapshot()
        .unwrap()
        .account_by_sam("alice")
        .unwrap();
    let whole = directory.snapshot().unwrap();
    assert!(whole.account_by_sam("alice").unwrap().is_some());
    person(&directory, "carol");
    assert!(
        whole.account_by_sam("carol").unwrap().is_some(),
        "nothing that was read has changed"
    );
    assert!(directory.commit(&[], &whole.into_reads(), START).is_ok());
}

#[test]
fn a_refused_change_leaves_nothing_of_the_commit() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let bob = NewEntry::user(id("bob"), directory.domain().unwrap().users, "bob", "bob");
    let changes = [
        bob.into(),
        change::put(TABLE, *b"k", b"1".to_vec(), minutes(1)),
        change::claim(ClaimId::new("t", b"1"), minutes(1)),
        change::set(alice, Attribute::DisplayName, "A"),
        change::set(alice, Attribute::GroupType, 1),
    ];
    let before = directory.cursor().unwrap();
    assert!(matches!(
        write(&directory, &changes),
        Err(CommitError::Refused(Refused::NotAllowed { .. }))
    ));
    let snapshot = directory.snapshot().unwrap();
    assert!(snapshot.account_by_sam("bob").unwrap().is_none());
    assert!(snapshot.record(TABLE, b"k", START).unwrap().is_none());
    assert!(!snapshot.claimed(&ClaimId::new("t", b"1"), START).unwrap());
    assert_eq!(
        snapshot.account_by_id(alice).unwrap().unwrap().display_name,
        None
    );
    assert_eq!(directory.cursor().unwrap(), before);
    verify(&directory);
}

#[test]
fn an_entry_that_is_gone_leaves_nothing_behind_but_its_tombstone() {
    let directory = fresh();
    let staff = group(&directory, "staff");
    let alice = person(&directory, "alice");
    let blob = key_credential(&mut Seeded::new(1), Some(wire::Guid::from_bytes([7; 16])));
    let fingerprint = crate::KeyCredential::new(blob.clone(), Origin::Registration, START)
        .fingerprint
        .unwrap();
    let changes = [
        Change::AddMember {
            group: staff,
            member: alice,
        },
        change::add_key_credential(alice, blob.clone(), Origin::Registration),
        Change::Activity {
            id: alice,
            activity: crate::AccountActivity::SignedIn {
                last: START,
                times: 1,
            },
        },
    ];
    write(&directory, &changes).unwrap();
    write(&directory, &[Change::Delete { id: alice }]).unwrap();
    verify(&directory);
    let snapshot = directory.snapshot().unwrap();
    assert!(snapshot.account_by_sam("alice").unwrap().is_none());
    assert!(snapshot.account_by_id(alice).unwrap().is_none());
    assert_eq!(snapshot.holder_of_key(&fingerprint).unwrap(), None);
    assert_eq!(
        snapshot
            .holders_of_device_keys(wire::Guid::from_bytes([7; 16]), 9)
            .unwrap(),
        []
    );
    assert_eq!(snapshot.members(staff, None, 9).unwrap(), []);
    assert_eq!(
        snapshot.activity(alice).unwrap(),
        crate::Activity::default()
    );

    let users = directory.domain().unwrap().users;
    let again = write(
        &directory,
        &[NewEntry::user(alice, users, "alice", "alice").into()],
    );
    assert_eq!(again, Err(Refused::EntryExists(alice).into()));
    let other = NewEntry::user(id("another alice"), users, "alice", "alice");
    let key = change::add_key_credential(other.id, blob, Origin::Registration);
    write(&directory, &[other.into(), key]).unwrap();
    verify(&directory);
}

#[test]
fn the_tree_has_no_loops_and_loses_no_branch() {
    let directory = fresh();
    let domain = directory.domain().unwrap();
    let unit = |name: &str, parent| {
        NewEntry::new(id(name), parent, crate::Class::OrganizationalUnit, name).into()
    };
    write(
        &directory,
        &[
            unit("a", domain.head),
            unit("b", id("a")),
            unit("c", id("b")),
        ],
    )
    .unwrap();
    let hang = |name: &str, parent| Change::Move {
        id: id(name),
        parent,
        name: None,
    };
    assert_eq!(
        write(&directory, &[hang("a", id("c"))]),
        Err(Refused::NoParent.into())
    );
    assert_eq!(
        write(&directory, &[hang("a", id("a"))]),
        Err(Refused::NoParent.into())
    );
    // Two moves that would make a loop together.
    let changes = [
        hang("c", domain.head),
        hang("a", id("c")),
        hang("c", id("b")),
    ];
    assert_eq!(write(&directory, &changes), Err(Refused::NoParent.into()));
    assert_eq!(
        write(&directory, &[Change::Delete { id: id("a") }]),
        Err(Refused::NotLeaf.into())
    );
    let leaf = person(&directory, "alice");
    assert_eq!(
        write(&directory, &[hang("c", leaf)]),
        Err(Refused::NoParent.into())
    );

    let rename = Change::Move {
        id: id("a"),
        parent: domain.head,
        name: Some("A, renamed".into()),
    };
    write(
        &directory,
        &[
            rename,
            Change::Move {
                id: leaf,
                parent: id("c"),
                name: None,
            },
        ],
    )
    .unwrap();
    let snapshot = directory.snapshot().unwrap();
    let dn = snapshot.dn(leaf).unwrap().unwrap();
    assert_eq!(
        dn.to_string(),
        "CN=alice,OU=c,OU=b,OU=A\\, renamed,DC=corp,DC=example"
    );
    assert_eq!(snapshot.entry_by_dn(&dn).unwrap().unwrap().id, leaf);
    assert_eq!(
        snapshot.containers(leaf).unwrap(),
        [domain.head, id("a"), id("b"), id("c")]
    );
    // Deleting what hangs below and then the branch, in one commit.
    let all = [leaf, id("c"), id("b"), id("a")].map(|id| Change::Delete { id });
    write(&directory, &all).unwrap();
    verify(&directory);
}

#[test]
fn what_the_directory_needs_is_neither_moved_nor_deleted() {
    let directory = fresh();
    let domain = directory.domain().unwrap();
    for id in [
        domain.head,
        domain.users,
        domain.krbtgt,
        domain.domain_controller,
    ] {
        let delete = write(&directory, &[Change::Delete { id }]);
        assert_eq!(delete, Err(Refused::Critical.into()));
        let hang = Change::Move {
            id,
            parent: domain.computers,
            name: None,
        };
        assert_eq!(write(&directory, &[hang]), Err(Refused::Critical.into()));
    }
    let again = crate::bootstrap(
        &directory,
        &crate::Bootstrap::of("other.example"),
        START,
        &mut Seeded::new(2),
    );
    assert!(matches!(
        again,
        Err(CommitError::Refused(Refused::NameTaken { .. }))
    ));
}

#[test]
fn values_are_added_and_removed_one_by_one() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let spn = Attribute::ServicePrincipalName;
    let edit = |edits| write(&directory, &[change::modify(alice, edits)]);
    edit(vec![Edit::Add(spn, vec!["http/a".into(), "http/b".into()])]).unwrap();
    assert_eq!(
        edit(vec![Edit::Add(spn, vec!["HTTP/A".into()])]),
        Err(Refused::ValueExists(spn).into())
    );
    assert_eq!(
        edit(vec![Edit::Remove(spn, vec!["http/c".into()])]),
        Err(Refused::NoSuchValue(spn).into())
    );
    edit(vec![
        Edit::Remove(spn, vec!["HTTP/a".into()]),
        Edit::Add(spn, vec!["http/c".into()]),
    ])
    .unwrap();
    let snapshot = directory.snapshot().unwrap();
    let account = snapshot.account_by_spn("http/C").unwrap().unwrap();
    assert_eq!(account.service_principals, ["http/b", "http/c"]);
    assert!(snapshot.account_by_spn("http/a").unwrap().is_none());
    edit(vec![Edit::clear(spn)]).unwrap();
    assert!(
        directory
            .snapshot()
            .unwrap()
            .account_by_spn("http/b")
            .unwrap()
            .is_none()
    );
    verify(&directory);
}

#[test]
fn listeners_hear_of_every_commit_until_they_stop_listening() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let directory = fresh();
    let heard = std::sync::Arc::new(AtomicU64::new(0));
    let listener = std::sync::Arc::clone(&heard);
    let subscription = directory.subscribe(move |commit| {
        listener.fetch_max(commit.stamp.number, Ordering::SeqCst);
    });
    person(&directory, "alice");
    let first = heard.load(Ordering::SeqCst);
    assert!(first > 0);
    let timeout = std::time::Duration::from_secs(60);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| directory.wait_after(first, timeout));
        person(&directory, "bob");
        assert_eq!(waiting.join().unwrap(), first + 1);
    });
    drop(subscription);
    person(&directory, "carol");
    assert_eq!(heard.load(Ordering::SeqCst), first + 1);
}

#[test]
fn what_nobody_reacts_to_wakes_nobody() {
    use crate::record::{Job, JobId};
    use std::time::Duration;
    let directory = fresh();
    person(&directory, "alice");
    let newest = || directory.wait_after(0, Duration::ZERO);
    let before = newest();
    let quiet = Table::quiet("tests.quiet-records");
    write(&directory, &[change::put(quiet, *b"k", vec![], minutes(1))]).unwrap();
    assert_eq!(newest(), before);
    let job = Job::new(
        JobId::random(&mut Seeded::new(5)),
        "tests.job",
        START,
        vec![],
    );
    let commit = write(&directory, &[Change::Schedule(job)]).unwrap();
    assert!(commit.is_empty() && commit.scheduled);
    assert_eq!(newest(), commit.stamp.number);
    let loud = Table::new("tests.records");
    let commit = write(&directory, &[change::put(loud, *b"k", vec![], minutes(1))]).unwrap();
    assert_eq!(newest(), commit.stamp.number);
}

#[test]
fn only_the_right_root_key_and_a_known_format_open_a_store() {
    use crate::storage::{Memory, Storage, StorageError};
    let storage: std::sync::Arc<dyn Storage> = std::sync::Arc::new(Memory::new());
    drop(crate::testing::over(storage.clone()));
    let open = |key: u8| {
        let root = crate::RootKey::new([key; 32]);
        let rng = Box::new(Seeded::new(1));
        Directory::open(storage.clone(), root, crate::Options::default(), rng)
    };
    assert_eq!(open(8).unwrap_err(), Fault::RootKey);
    let first = open(7).unwrap();
    assert_eq!(first.node(), open(7).unwrap().node());
    // A restored copy is a node of its own; entries keep the stamps of the one that wrote them.
    Directory::renew_node(
        &*storage,
        &crate::RootKey::new([7; 32]),
        &mut Seeded::new(2),
    )
    .unwrap();
    let restored = open(7).unwrap();
    assert_ne!(restored.node(), first.node());
    assert!(restored.snapshot().unwrap().krbtgt().is_ok());
    person(&restored, "alice");
    assert!(
        restored
            .snapshot()
            .unwrap()
            .account_by_sam("alice")
            .unwrap()
            .is_some()
    );
    verify(&restored);

    let newer = crate::layout::row(crate::Stamp::ZERO, &99u32.to_be_bytes());
    storage
        .transact(&mut |transaction| transaction.put(&crate::layout::meta("format"), &newer))
        .unwrap();
    let error = open(7).unwrap_err();
    assert!(
        matches!(&error, Fault::Storage(StorageError::Newer(text)) if text.contains("format 99"))
    );
}

#[test]
fn entries_keep_nothing_secret_that_can_be_seen() {
    let directory = fresh();
    let krbtgt = directory.domain().unwrap().krbtgt;
    let snapshot = directory.snapshot().unwrap();
    let entry = snapshot.entry(krbtgt).unwrap().unwrap();
    assert!(
        entry
            .attributes()
            .all(|(attribute, _)| attribute != Attribute::SupplementalCredentials)
    );
    let account = snapshot.krbtgt().unwrap();
    let key = account.keys.current().unwrap().keys[0]
        .schedule()
        .key()
        .bytes()
        .to_vec();
    let rows = directory.storage().snapshot().unwrap();
    let all = rows
        .scan(
            b"",
            &[0xff; 9],
            usize::MAX,
            crate::storage::Order::Ascending,
        )
        .unwrap();
    let found = all
        .iter()
        .any(|(_, value)| value.windows(key.len()).any(|window| window == key));
    assert!(!found, "a key rests as it is");
}
