//! Stores that are not what they should be, told apart.

use std::sync::Arc;

use super::{group, person, write};
use crate::check::{Kind, check, records};
use crate::layout;
use crate::root_key::Belonging;
use crate::storage::{Memory, Order, Row, Storage, after_prefix};
use crate::testing::{START, Seeded, key_credential, over};
use crate::{Directory, Entry, Origin, RootKey, Table, Value, change};
use trust::Span;

const NOTES: Table = Table::new("test.notes");

/// A domain with something in every table.
fn full() -> (Arc<Memory>, Arc<Directory>) {
    let memory = Arc::new(Memory::new());
    let directory = over(memory.clone());
    let alice = person(&directory, "alice");
    let people = group(&directory, "people");
    let mut dice = Seeded::new(1);
    let device = wire::Guid::from_bytes([3; 16]);
    let key = key_credential(&mut dice, Some(device));
    let gone = person(&directory, "gone");
    let soon = START + Span::hours(1);
    let changes = [
        change::add_key_credential(alice, key, Origin::Registration),
        crate::Change::AddMember {
            group: people,
            member: alice,
        },
        crate::Change::Delete { id: gone },
        change::set_second_factors(alice, vec![crate::Secret::new(b"secret".to_vec())]),
        change::put(NOTES, b"a".to_vec(), b"plain".to_vec(), soon),
        change::put(
            NOTES,
            b"b".to_vec(),
            crate::Secret::new(b"wrapped".to_vec()),
            soon,
        ),
        change::claim(crate::ClaimId::new("test", b"once"), soon),
        change::schedule("mail", soon, vec![], &mut dice),
        change::audit(crate::AuditRecord::done(
            START,
            crate::Actor::system(),
            "test",
        )),
        crate::Change::Activity {
            id: alice,
            activity: crate::AccountActivity::SignedIn {
                last: START,
                times: 1,
            },
        },
    ];
    write(&directory, &changes).unwrap();
    // Former passwords, as a change of password leaves them.
    let belonging = Belonging::Attribute(alice, crate::Attribute::PasswordHistory);
    let row = layout::row(crate::Stamp::ZERO, &directory.wrap(belonging, b"digests"));
    let put = memory.transact(&mut |transaction| transaction.put(&layout::history(alice), &row));
    put.unwrap();
    (memory, directory)
}

fn rows(memory: &Memory, table: u8) -> Vec<Row> {
    let read = memory.snapshot().unwrap();
    let end = after_prefix(&[table]);
    read.scan(&[table], &end, usize::MAX, Order::Ascending)
        .unwrap()
}

/// The problems after one row was changed, `None` for removed.
fn after(change: impl Fn(&Memory) -> (Vec<u8>, Option<Vec<u8>>)) -> Vec<(Kind, String)> {
    let (memory, directory) = full();
    let (key, value) = change(&memory);
    memory
        .transact(&mut |transaction| match &value {
            Some(value) => transaction.put(&key, value),
            None => transaction.delete(&key),
        })
        .unwrap();
    let checked = directory.check().unwrap();
    assert_eq!(checked.found, checked.problems.len() as u64);
    let told = checked.problems.into_iter();
    told.map(|problem| (problem.kind, problem.what)).collect()
}

#[test]
fn a_store_in_order_is_counted() {
    let (memory, directory) = full();
    let checked = directory.check().unwrap();
    assert_eq!(checked.problems, []);
    let read = memory.long_snapshot().unwrap();
    let all = read
        .scan(&[], &[0xff], usize::MAX, Order::Ascending)
        .unwrap();
    assert_eq!(checked.rows, all.len() as u64);
    assert_eq!(checked.entries, rows(&memory, b'e').len() as u64);
    assert_eq!(checked.keys, 1);
    assert_eq!(checked.audit_records, 1);
    assert!(
        checked.secrets > 2 && checked.groups > 5 && checked.accounts > 2,
        "{checked:?}"
    );
    let index: usize = b"cukxlb"
        .iter()
        .map(|table| rows(&memory, *table).len())
        .sum();
    assert_eq!(checked.index_rows, index as u64);
}

#[test]
fn an_index_row_that_is_missing_is_missed_by_its_entry() {
    for table in *b"cukx" {
        let found = after(|memory| (rows(memory, table).pop().unwrap().0, None));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Kind::Disagreement);
        assert!(found[0].1.contains("lacks an index row"), "{found:?}");
    }
}

#[test]
fn an_index_row_that_is_nobody_s_is_told() {
    for table in *b"cukx" {
        let found = after(|memory| {
            let (mut key, value) = rows(memory, table).pop().unwrap();
            key[4] ^= 0x55;
            (key, Some(value))
        });
        assert_eq!(found.len(), 1, "{}: {found:?}", char::from(table));
        assert!(found[0].1.contains("whose it is not"), "{found:?}");
    }
}

/// A name that leads to somebody else's entry is missed by whose it is, and told.
#[test]
fn an_index_row_that_names_another_is_told() {
    let found = after(|memory| {
        let mut uniques = rows(memory, b'u');
        let (first, second) = (uniques.remove(0), uniques.pop().unwrap());
        assert_ne!(first.1, second.1);
        (first.0, Some(second.1))
    });
    let told = |part: &str| found.iter().any(|(_, what)| what.contains(part));
    assert!(
        told("lacks an index row") && told("whose it is not"),
        "{found:?}"
    );
}

#[test]
fn a_membership_in_one_direction_is_told() {
    for table in *b"lb" {
        let found = after(|memory| {
            let mut links = rows(memory, table).into_iter();
            // Keys are links without another direction.
            (links.find(|(key, _)| key.len() == 35).unwrap().0, None)
        });
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.contains("in one direction only"), "{found:?}");
    }
}

#[test]
fn a_listed_key_that_is_gone_is_missed() {
    let found = after(|memory| {
        let mut links = rows(memory, b'l').into_iter();
        (links.find(|(key, _)| key.len() != 35).unwrap().0, None)
    });
    let told = |part: &str| found.iter().any(|(_, what)| what.contains(part));
    assert!(told("lists other keys than it says"), "{found:?}");
    assert!(told("whose it is not"), "{found:?}");
}

#[test]
fn rows_that_do_not_decode_are_told_each_in_its_table() {
    for table in *b"Nfelahdrqit" {
        let found = after(|memory| {
            let (key, value) = rows(memory, table).pop().unwrap();
            (key, Some(value[..14.min(value.len())].to_vec()))
        });
        let told = found
            .iter()
            .any(|(kind, _)| matches!(kind, Kind::Unreadable | Kind::Secret));
        // A membership has nothing to decode beyond the stamp.
        assert!(told || table == b'l', "{}: {found:?}", char::from(table));
        let found = after(|memory| (rows(memory, table).pop().unwrap().0, Some(vec![9])));
        let told = found.iter().any(|(kind, _)| *kind == Kind::Unreadable);
        assert!(told, "{}: {found:?}", char::from(table));
    }
}

fn flipped(mut value: Vec<u8>, place: usize) -> Vec<u8> {
    value[place] ^= 1;
    value
}

/// Where the last byte of a secret is in a row; `None` where it has none. The last record is the wrapped one.
fn secret(table: u8, key: &[u8], value: &[u8]) -> Option<usize> {
    if table != b'e' {
        return Some(value.len() - 1);
    }
    let (stamp, mut payload) = layout::open_row(value).unwrap();
    let entry = Entry::read(layout::id_at_end(key).unwrap(), stamp, &mut payload).unwrap();
    let Some(Value::Secret(factor)) = entry.values(crate::Attribute::SecondFactor).first() else {
        return None;
    };
    let wrapped = factor.expose();
    let begin = value
        .windows(wrapped.len())
        .position(|part| part == wrapped)?;
    Some(begin + wrapped.len() - 1)
}

#[test]
fn a_secret_that_was_changed_or_moved_does_not_open() {
    for table in *b"erh" {
        let found = after(|memory| {
            let read = memory.snapshot().unwrap();
            let end = after_prefix(&[table]);
            let rows = read
                .scan(&[table], &end, usize::MAX, Order::Ascending)
                .unwrap();
            let Some((key, value)) = rows.into_iter().rev().find_map(|(key, value)| {
                let place = secret(table, &key, &value)?;
                Some((key, flipped(value, place)))
            }) else {
                panic!("there is a secret in {}", char::from(table));
            };
            (key, Some(value))
        });
        assert_eq!(found.len(), 1, "{}: {found:?}", char::from(table));
        assert_eq!(found[0].0, Kind::Secret, "{found:?}");
    }
}

#[test]
fn a_feed_with_a_gap_or_with_what_never_happened_is_told() {
    let found = after(|memory| (rows(memory, b'f').pop().unwrap().0, None));
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|(kind, _)| *kind == Kind::Feed),
        "{found:?}"
    );
    // An older row of the node in the place of the newest.
    let found = after(|memory| {
        let (key, mut value) = rows(memory, b'N').pop().unwrap();
        value[20] -= 1;
        (key, Some(value))
    });
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|(kind, _)| *kind == Kind::Feed),
        "{found:?}"
    );
}

/// A commit of many is read once for all of its entries.
#[test]
fn an_entry_that_a_large_commit_does_not_tell_of_is_told() {
    let (memory, directory) = full();
    let mut dice = Seeded::new(5);
    let users = directory.domain().unwrap().users;
    for name in ["one", "other"] {
        let many: Vec<crate::Change> = (0..20)
            .map(|number| {
                let id = crate::EntryId::random(&mut dice);
                let name = format!("{name}-{number}");
                crate::NewEntry::new(id, users, crate::Class::Container, &name).into()
            })
            .collect();
        write(&directory, &many).unwrap();
    }
    assert_eq!(directory.check().unwrap().problems, []);
    // The commit of the others, which tells of none of these, in its place.
    let feed = rows(&memory, b'f');
    let [.., (_, before), (key, of_many)] = feed.as_slice() else {
        panic!("there are commits");
    };
    let value = [&of_many[..13], &before[13..]].concat();
    let put = memory.transact(&mut |transaction| transaction.put(key, &value));
    put.unwrap();
    let found = directory.check().unwrap();
    assert_eq!(found.found, 20, "{found:?}");
    assert!(
        found
            .problems
            .iter()
            .all(|problem| problem.kind == Kind::Feed)
    );
}

#[test]
fn what_belongs_to_a_job_or_a_record_is_looked_for() {
    for (table, words) in [
        (b'j', "list by time"),
        (b'i', "no job"),
        (b'z', "when to remove"),
    ] {
        let found = after(|memory| {
            let mut all = rows(memory, table).into_iter();
            // A tombstone's time to go is looked for by who sweeps alone.
            (
                all.find(|(key, _)| table != b'z' || key[9] != b'd')
                    .unwrap()
                    .0,
                None,
            )
        });
        assert!(
            found.iter().any(|(_, what)| what.contains(words)),
            "{found:?}"
        );
    }
    let found = after(|_| (b"?row".to_vec(), Some(layout::row(crate::Stamp::ZERO, b""))));
    assert!(found[0].1.contains("no such table"), "{found:?}");
}

#[test]
fn another_root_key_s_store_is_not_judged() {
    let (memory, _) = full();
    let read = memory.long_snapshot().unwrap();
    let judged = check(&*read, &RootKey::new([8; 32]), &mut |_| {});
    assert_eq!(judged, Err(crate::Fault::RootKey));
}

/// What looks at all records of a table misses none, and takes neither those of another table nor what rests wrapped.
#[test]
fn the_records_of_a_table_are_handed_out_one_by_one() {
    let (memory, directory) = full();
    let later = START + Span::hours(1);
    let more: Vec<_> = (0..1_200_u16)
        .map(|number| {
            change::put(
                NOTES,
                [b"c", &number.to_be_bytes()[..]].concat(),
                vec![1],
                later,
            )
        })
        .collect();
    for some in more.chunks(400) {
        write(&directory, some).unwrap();
    }
    let read = memory.snapshot().unwrap();
    let told = |table, prefix: &[u8]| {
        let mut keys = Vec::new();
        records(&*read, table, prefix, |record| keys.push(record.key)).unwrap();
        keys
    };
    assert_eq!(told(NOTES, b"c").len(), 1_200);
    assert_eq!(told(NOTES, b"").len(), 1_201, "without the wrapped one");
    assert_eq!(told(NOTES, b"a"), [b"a".to_vec()]);
    assert_eq!(told(Table::new("test.note"), b""), Vec::<Vec<u8>>::new());
}
