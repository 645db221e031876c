//! Backups restored: what comes back, what does not, and who has to begin again.

use std::collections::BTreeMap;
use std::sync::Arc;

use trust::{Span, SystemRng};

use super::{person, write};
use crate::dump::{self, Dump, DumpError};
use crate::restore::{self, Holds, How, RestoreError};
use crate::storage::{KEY_LIMIT, Memory, Order, Storage};
use crate::testing::{START, Seeded, fresh, key_credential};
use crate::withdrawn::{Means, What, Withdrawals};
use crate::{
    Attribute, Change, Commit, Cursor, Directory, Edit, EntryId, Fault, FeedError, NewEntry,
    Options, Origin, Reached, RootKey, Secret, Table, change,
};

const NOTES: Table = Table::new("test.notes");
const SESSIONS: Table = Table::new("test.sessions");

fn root_key() -> RootKey {
    RootKey::new([7; 32])
}

fn dumped(directory: &Directory) -> Vec<u8> {
    let read = directory.storage().long_snapshot().unwrap();
    let mut out = Vec::new();
    dump::write(&*read, &root_key(), "1", START, &mut out, &mut |_| {}).unwrap();
    out
}

fn load(storage: &dyn Storage, dump: &[u8]) -> Result<restore::Loaded, RestoreError> {
    let key = root_key();
    let dump = Dump::open(dump, &key)?;
    let how = How {
        left_out: &[SESSIONS.name()],
        ..How::default()
    };
    restore::load(storage, dump, &how, &mut SystemRng, &mut |_| {})
}

fn open(storage: &Arc<Memory>) -> Result<Directory, Fault> {
    Directory::open(
        storage.clone(),
        root_key(),
        Options::default(),
        Box::new(SystemRng),
    )
}

/// The dump as a store that serves.
fn restored(dump: &[u8]) -> (Arc<Memory>, Directory) {
    let memory = Arc::new(Memory::new());
    load(&*memory, dump).unwrap();
    restore::finish(&*memory).unwrap();
    let directory = open(&memory).unwrap();
    (memory, directory)
}

fn rows(storage: &dyn Storage) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let read = storage.snapshot().unwrap();
    let end = [0xff; KEY_LIMIT];
    let rows = read.scan(&[], &end, usize::MAX, Order::Ascending).unwrap();
    rows.into_iter().collect()
}

fn add_key(directory: &Directory, holder: EntryId, seed: u64) -> crate::KeyValueId {
    let blob = key_credential(&mut Seeded::new(seed), None);
    let id = crate::KeyValueId::of(&blob);
    let add = change::add_key_credential(holder, blob, Origin::Registration);
    write(directory, &[add]).unwrap();
    id
}

fn keys(directory: &Directory, holder: EntryId) -> usize {
    let snapshot = directory.snapshot().unwrap();
    let account = snapshot.account_by_id(holder).unwrap().unwrap();
    account.key_credentials.len()
}

fn enabled(directory: &Directory, id: EntryId) -> bool {
    let snapshot = directory.snapshot().unwrap();
    snapshot.account_by_id(id).unwrap().unwrap().is_enabled()
}

#[test]
fn everything_but_nodes_and_feed_comes_back_and_agrees() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    add_key(&directory, alice, 1);
    let later = START + Span::hours(1);
    let put = |table, value| change::put(table, b"a".to_vec(), value, later);
    write(
        &directory,
        &[
            put(NOTES, b"note".to_vec()),
            put(SESSIONS, b"session".to_vec()),
        ],
    )
    .unwrap();
    let before = rows(directory.storage());
    let (memory, restored) = restored(&dumped(&directory));
    assert_eq!(restored.check().unwrap().problems, []);
    let after = rows(&*memory);
    let own = |key: &&Vec<u8>| !b"NfM".contains(&key[0]);
    let lost: Vec<_> = before
        .keys()
        .filter(own)
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    // The session, and the row that says when it ends.
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(lost[0].starts_with(b"rtest.sessions"), "{lost:?}");
    assert_eq!(
        after.keys().filter(own).count() + 2,
        before.keys().filter(own).count()
    );
    assert_eq!(keys(&restored, alice), 1);
    person(&restored, "bob");
    assert_eq!(restored.check().unwrap().problems, []);
}

#[test]
fn who_followed_changes_begins_again_whatever_was_seen() {
    let directory = fresh();
    let early = directory.cursor().unwrap();
    person(&directory, "alice");
    let dump = dumped(&directory);
    let at_backup = directory.cursor().unwrap();
    person(&directory, "bob");
    let late = directory.cursor().unwrap();

    let (_, restored) = restored(&dump);
    person(&restored, "carol");
    for cursor in [early, at_backup, late, Cursor::start()] {
        assert_eq!(
            restored.feed(&cursor, 9),
            Err(FeedError::StartAgain),
            "{cursor:?}"
        );
    }
    let now = restored.cursor().unwrap();
    person(&restored, "dave");
    assert_eq!(restored.feed(&now, 9).unwrap().commits.len(), 1);
}

/// Where somebody put an older copy of the storage back, past this program: a cursor is ahead of it, or knows a node that
/// came later.
#[test]
fn who_is_ahead_of_a_store_begins_again() {
    let directory = fresh();
    let now = directory.cursor().unwrap();
    assert!(directory.feed(&now, 9).is_ok());
    let mut ahead = now.clone();
    let (node, number) = (
        directory.node().number,
        now.seen(directory.node().number) + 1,
    );
    ahead.advance(crate::Stamp { node, number });
    assert_eq!(directory.feed(&ahead, 9), Err(FeedError::StartAgain));
    let mut strange = now;
    strange.advance(crate::Stamp {
        node: node + 1,
        number: 1,
    });
    assert_eq!(directory.feed(&strange, 9), Err(FeedError::StartAgain));
}

#[test]
fn one_backup_restored_twice_is_two_stores() {
    let directory = fresh();
    let dump = dumped(&directory);
    let (_, first) = restored(&dump);
    person(&first, "alice");
    let cursor = first.cursor().unwrap();
    let (_, second) = restored(&dump);
    person(&second, "bob");
    assert_ne!(first.node(), second.node());
    assert_ne!(first.node().number, second.node().number);
    assert_eq!(second.feed(&cursor, 9), Err(FeedError::StartAgain));
    // A backup of a restored store is one like others.
    let (_, third) = restored(&dumped(&second));
    assert!(third.node().number > second.node().number);
    assert_eq!(third.check().unwrap().problems, []);
}

/// Whose SID an account gets that another had has what the other had.
#[test]
fn no_sid_is_given_a_second_time() {
    let directory = fresh();
    person(&directory, "alice");
    let dump = dumped(&directory);
    let sid = |directory: &Directory, id| {
        let snapshot = directory.snapshot().unwrap();
        snapshot.account_by_id(id).unwrap().unwrap().sid.rid()
    };
    let mut given = 0;
    for number in 0..1_200 {
        let id = person(&directory, &format!("new-{number}"));
        given = sid(&directory, id);
    }
    let (_, store) = restored(&dump);
    let bob = person(&store, "bob");
    assert!(
        sid(&store, bob) > given,
        "{} after {given}",
        sid(&store, bob)
    );

    let memory = Memory::new();
    let key = root_key();
    let opened = Dump::open(&dump[..], &key).unwrap();
    let how = How {
        next_rid: Some(2_000_000),
        ..How::default()
    };
    restore::load(&memory, opened, &how, &mut SystemRng, &mut |_| {}).unwrap();
    let next = restore::next_rid(&*memory.snapshot().unwrap()).unwrap();
    assert_eq!(next, Some(2_000_000));
}

#[test]
fn a_restore_that_broke_off_is_no_store_and_can_be_repeated() {
    let directory = fresh();
    person(&directory, "alice");
    let dump = dumped(&directory);
    let memory = Arc::new(Memory::new());
    load(&*memory, &dump).unwrap();
    // Killed here.
    assert_eq!(restore::holds(&*memory).unwrap(), Holds::Parts);
    assert!(matches!(open(&memory), Err(Fault::Storage(_))));
    let read = memory.long_snapshot().unwrap();
    let mut out = Vec::new();
    let again = dump::write(&*read, &root_key(), "1", START, &mut out, &mut |_| {});
    assert!(matches!(again, Err(DumpError::Fault(Fault::Storage(_)))));
    drop(read);
    load(&*memory, &dump).unwrap();
    restore::finish(&*memory).unwrap();
    assert_eq!(open(&memory).unwrap().check().unwrap().problems, []);
}

#[test]
fn a_damaged_backup_leaves_nothing_and_a_store_is_never_overwritten() {
    let directory = fresh();
    let dump = dumped(&directory);
    let memory = Memory::new();
    for cut in [dump.len() - 1, dump.len() - 70, dump.len() / 2] {
        let loaded = load(&memory, &dump[..cut]);
        assert!(matches!(loaded, Err(RestoreError::Dump(_))), "{loaded:?}");
        assert_eq!(restore::holds(&memory).unwrap(), Holds::Nothing);
    }
    let before = rows(directory.storage());
    let refused = load(directory.storage(), &dump);
    assert!(matches!(refused, Err(RestoreError::NotEmpty)));
    assert_eq!(rows(directory.storage()), before);
}

#[test]
fn commits_say_what_lets_nobody_in_any_more() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let value = add_key(&directory, alice, 1);
    let commit = |change: Change| write(&directory, &[change]).unwrap();
    let told = |commit: &Commit| (commit.withdrawn.clone(), commit.given.clone());
    let entry = Means::Entry { entry: alice };
    let control = {
        let snapshot = directory.snapshot().unwrap();
        snapshot.account_by_id(alice).unwrap().unwrap().control
    };
    let disabled = commit(change::disable(alice, control));
    assert_eq!(told(&disabled), (vec![entry.clone()], vec![]));
    let enabled = commit(change::enable(alice, control));
    assert_eq!(told(&enabled), (vec![], vec![entry.clone()]));
    let named = commit(change::set(alice, crate::Attribute::DisplayName, "Alice"));
    assert_eq!(told(&named), (vec![], vec![]));
    let factor = commit(change::set_second_factors(
        alice,
        vec![Secret::new(vec![1])],
    ));
    assert_eq!(told(&factor).0, [Means::SecondFactor { entry: alice }]);
    let removed = commit(change::remove_key_credential(alice, value));
    assert!(
        matches!(&removed.withdrawn[..], [Means::Key { entry, key }] if *entry == alice && key.len() == 64)
    );
    add_key(&directory, alice, 2);
    let gone = commit(Change::Delete { id: alice });
    assert_eq!(gone.withdrawn.len(), 2, "{:?}", gone.withdrawn);
    assert!(gone.withdrawn.contains(&entry));
    let table = Table::new(trust::revocation::OWN_REVOKED);
    let key = b"root\0\x0a\xff".to_vec();
    let revoked = commit(change::put(
        table,
        key.clone(),
        vec![1],
        trust::Timestamp::NEVER,
    ));
    let certificate = Means::Certificate {
        authority: "root".into(),
        serial: "0aff".into(),
    };
    assert_eq!(told(&revoked), (vec![certificate.clone()], vec![]));
    let released = commit(change::remove(table, key));
    assert_eq!(told(&released), (vec![], vec![certificate]));
    // Somebody new withdraws and is given nothing that was there before.
    let users = directory.domain().unwrap().users;
    let new = NewEntry::user(super::id("bob"), users, "bob", "bob");
    assert_eq!(told(&commit(new.into())), (vec![], vec![]));
}

/// The whole of it: what was taken away after the backup is taken away again, by what commits said.
#[test]
fn what_commits_withdrew_is_withdrawn_from_the_backup() {
    let directory = fresh();
    let (alice, bob, carol) = (
        person(&directory, "alice"),
        person(&directory, "bob"),
        person(&directory, "carol"),
    );
    let value = add_key(&directory, alice, 1);
    add_key(&directory, alice, 2);
    add_key(&directory, bob, 3);
    let returning = add_key(&directory, carol, 4);
    let dump = dumped(&directory);

    let mut withdrawals = Withdrawals::none();
    let mut commit = |change: Change| {
        let commit = write(&directory, &[change]).unwrap();
        withdrawals.note(&commit.withdrawn, &commit.given);
    };
    commit(change::remove_key_credential(alice, value));
    commit(change::expire_password(alice));
    commit(Change::Delete { id: bob });
    commit(change::remove_key_credential(carol, returning));
    let blob = key_credential(&mut Seeded::new(4), None);
    commit(change::add_key_credential(
        carol,
        blob,
        Origin::Registration,
    ));

    let (_, store) = restored(&dump);
    assert_eq!((keys(&store, alice), keys(&store, bob)), (2, 1));
    let done = withdrawals.apply(&store, START).unwrap();
    assert_eq!(keys(&store, alice), 1);
    assert_eq!(keys(&store, bob), 0);
    assert!(!enabled(&store, bob) && enabled(&store, alice));
    assert_eq!(keys(&store, carol), 1, "it was given again");
    let what: Vec<What> = done.iter().map(|done| done.what).collect();
    assert_eq!(
        what.iter()
            .filter(|what| **what == What::KeyRemoved)
            .count(),
        2
    );
    assert_eq!(
        what.iter().filter(|what| **what == What::Disabled).count(),
        1
    );
    let audit = store
        .snapshot()
        .unwrap()
        .audit_log(START, trust::Timestamp::NEVER, 9)
        .unwrap();
    assert_eq!(audit.len(), 3);
    assert_eq!(store.check().unwrap().problems, []);
    // Once more changes nothing.
    assert_eq!(withdrawals.apply(&store, START).unwrap(), []);
}

/// The same by the store that is replaced, which also keeps the secrets of today.
#[test]
fn what_the_replaced_store_has_not_any_more_is_withdrawn_and_its_secrets_stay() {
    let directory = fresh();
    let (alice, bob) = (person(&directory, "alice"), person(&directory, "bob"));
    let people = super::group(&directory, "people");
    let member = |member| Change::AddMember {
        group: people,
        member,
    };
    write(&directory, &[member(alice), member(bob)]).unwrap();
    let value = add_key(&directory, alice, 1);
    add_key(&directory, bob, 2);
    let later = START + Span::hours(1);
    let note = |text: &str| {
        change::put(
            NOTES,
            text.as_bytes().to_vec(),
            Secret::new(text.into()),
            later,
        )
    };
    let factors = |text: &[u8]| change::set_second_factors(alice, vec![Secret::new(text.to_vec())]);
    write(&directory, &[factors(b"former"), note("old")]).unwrap();
    let dump = dumped(&directory);
    let end = Change::RemoveMember {
        group: people,
        member: alice,
    };
    let changes = [
        change::remove_key_credential(alice, value),
        Change::Delete { id: bob },
        factors(b"newer"),
        change::remove(NOTES, b"old".to_vec()),
        note("new"),
        end,
    ];
    write(&directory, &changes).unwrap();
    person(&directory, "dave");

    let memory = Arc::new(Memory::new());
    load(&*memory, &dump).unwrap();
    let replaced = directory.storage().long_snapshot().unwrap();
    let withdrawals = Withdrawals::between(&*memory.long_snapshot().unwrap(), &*replaced).unwrap();
    assert_eq!(withdrawals.means().count(), 3, "{withdrawals:?}");
    assert_eq!(withdrawals.ended_memberships().len(), 2);
    let taken = restore::take_over(&*memory, &*replaced, &[NOTES.name()]).unwrap();
    assert_eq!((taken.entries, taken.records), (1, 1));
    let rng = Box::new(SystemRng);
    let store = restore::open(memory.clone(), root_key(), Options::default(), rng).unwrap();
    withdrawals.apply(&store, START).unwrap();
    let before = store.node();
    drop(store);
    restore::finish(&*memory).unwrap();

    let store = open(&memory).unwrap();
    assert_eq!(store.node(), before);
    assert_eq!((keys(&store, alice), keys(&store, bob)), (0, 0));
    assert!(!enabled(&store, bob));
    let snapshot = store.snapshot().unwrap();
    let factors = &snapshot
        .account_by_id(alice)
        .unwrap()
        .unwrap()
        .second_factors;
    assert_eq!(factors[0].expose(), b"newer");
    let note = |text: &str| snapshot.record(NOTES, text.as_bytes(), START).unwrap();
    assert!(note("old").is_none());
    assert_eq!(note("new").unwrap().value.bytes(), b"new");
    assert!(snapshot.account_by_sam("dave").unwrap().is_none());
    assert_eq!(store.check().unwrap().problems, []);
}

fn reached(directory: &Directory) -> Reached {
    Reached::of(directory.storage().snapshot().unwrap().as_ref()).unwrap()
}

/// An older backup was restored first, and then a newer one over it: everything that came between them would have been
/// taken for withdrawn, and the authority's books for those of before.
#[test]
fn a_store_that_is_older_than_the_backup_is_known_as_that() {
    let directory = fresh();
    let older = dumped(&directory);
    person(&directory, "alice");
    let newer = dumped(&directory);
    let at_newer = reached(&directory);
    person(&directory, "bob");
    assert!(reached(&directory).is_beyond(&at_newer), "the usual case");

    let (_, of_older) = restored(&older);
    assert!(!reached(&of_older).is_beyond(&at_newer));
    let (_, of_newer) = restored(&newer);
    person(&of_newer, "carol");
    assert!(reached(&of_newer).is_beyond(&at_newer));
    // And so is what was restored from a backup of that.
    let (_, again) = restored(&dumped(&of_newer));
    assert!(reached(&again).is_beyond(&at_newer));
    assert!(reached(&again).is_beyond(&reached(&of_newer)));
    assert!(!reached(&of_newer).is_beyond(&reached(&again)));
    assert_eq!(again.check().unwrap().problems, []);
}

#[test]
fn how_far_a_backup_had_come_is_read_from_its_rows() {
    let directory = fresh();
    let (_, restored) = restored(&dumped(&directory));
    person(&restored, "alice");
    let dump = dumped(&restored);
    let key = root_key();
    let mut dump = Dump::open(&dump[..], &key).unwrap();
    let mut found = Reached::default();
    while let Some(row) = dump.next_row().unwrap() {
        found.note(&row).unwrap();
    }
    assert_eq!(found, reached(&restored));
    assert!(found.is_beyond(&reached(&directory)));
}

const CARD: &str = "X509:<I>DC=example,CN=Cards<SR>1200000000ac11000000002b";

fn mapped(directory: &Directory, id: EntryId) -> Vec<String> {
    let snapshot = directory.snapshot().unwrap();
    let entry = snapshot.entry(id).unwrap().unwrap();
    let texts = entry.texts(Attribute::AltSecurityIdentities);
    texts.map(str::to_owned).collect()
}

fn map(directory: &Directory, id: EntryId, values: &[&str]) -> Commit {
    let values = values.iter().map(|value| (*value).into()).collect();
    let edit = Edit::Set(Attribute::AltSecurityIdentities, values);
    write(directory, &[change::modify(id, vec![edit])]).unwrap()
}

#[test]
fn a_certificate_mapping_that_was_removed_is_removed_again() {
    let directory = fresh();
    let (alice, bob) = (person(&directory, "alice"), person(&directory, "bob"));
    let other = "X509:<SKI>0a0b0c";
    map(&directory, alice, &[CARD, other]);
    map(&directory, bob, &[&CARD.replace("2b", "2c")]);
    let dump = dumped(&directory);
    let means = Means::Mapping {
        entry: alice,
        mapping: CARD.to_owned(),
    };
    let commit = map(&directory, alice, &[other]);
    assert_eq!(commit.withdrawn, std::slice::from_ref(&means));
    let given = map(&directory, alice, &[CARD, other]);
    assert_eq!(given.given, [means]);
    map(&directory, alice, &[other]);

    // By what commits said, and by what the replaced store has.
    let mut told = Withdrawals::none();
    told.note(&commit.withdrawn, &[]);
    for from_store in [false, true] {
        let (memory, restored) = restored(&dump);
        let withdrawals = match from_store {
            false => told.clone(),
            true => {
                let backup = memory.snapshot().unwrap();
                let replaced = directory.storage().snapshot().unwrap();
                Withdrawals::between(&*backup, &*replaced).unwrap()
            }
        };
        let done = withdrawals.apply(&restored, START).unwrap();
        assert_eq!(done.len(), 1, "{done:?}");
        assert_eq!(done[0].what, What::MappingRemoved);
        assert_eq!(mapped(&restored, alice), [other]);
        assert_eq!(mapped(&restored, bob).len(), 1);
        assert_eq!(withdrawals.apply(&restored, START).unwrap(), []);
        assert_eq!(restored.check().unwrap().problems, []);
    }
}

#[test]
fn the_mappings_of_a_deleted_account_are_withdrawn_with_it() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    map(&directory, alice, &[CARD]);
    let commit = write(&directory, &[Change::Delete { id: alice }]).unwrap();
    let is_mapping = |means: &&Means| matches!(means, Means::Mapping { .. });
    assert_eq!(commit.withdrawn.iter().filter(is_mapping).count(), 1);
}

#[test]
fn who_may_act_for_whom_again_is_told() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let power = Attribute::MsDsAllowedToDelegateTo;
    let values = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    let set = |texts: &[&str]| {
        let edit = Edit::Set(power, values(texts));
        write(&directory, &[change::modify(alice, vec![edit])]).unwrap();
    };
    set(&["HTTP/a.corp.example", "HTTP/b.corp.example"]);
    let (memory, _) = restored(&dumped(&directory));
    let found = || {
        let backup = memory.snapshot().unwrap();
        let replaced = directory.storage().snapshot().unwrap();
        Withdrawals::between(&*backup, &*replaced).unwrap()
    };
    assert_eq!(found().regained(), []);
    set(&["HTTP/a.corp.example", "HTTP/c.corp.example"]);
    assert_eq!(found().regained(), [(alice, power)]);
}
