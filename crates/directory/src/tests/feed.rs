//! The change feed.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::testing::fresh;
use crate::{Attribute, ChangeKind, Cursor, FeedError, Retention, Table, change};
use trust::Span;

#[test]
fn the_feed_tells_what_happened_in_order() {
    let directory = fresh();
    let start = directory.cursor().unwrap();
    let alice = person(&directory, "alice");
    let staff = group(&directory, "staff");
    write(
        &directory,
        &[change::set(alice, Attribute::DisplayName, "A")],
    )
    .unwrap();
    write(
        &directory,
        &[Change::AddMember {
            group: staff,
            member: alice,
        }],
    )
    .unwrap();
    let computers = directory.domain().unwrap().computers;
    write(
        &directory,
        &[Change::Move {
            id: alice,
            parent: computers,
            name: None,
        }],
    )
    .unwrap();
    let table = Table::new("tests.records");
    write(&directory, &[change::put(table, *b"k", vec![], minutes(1))]).unwrap();
    write(&directory, &[Change::Delete { id: alice }]).unwrap();
    // Nothing for others to react to.
    let quiet = Table::quiet("tests.quiet-records");
    write(&directory, &[change::put(quiet, *b"k", vec![], minutes(1))]).unwrap();
    write(&directory, &[change::remove(quiet, *b"k")]).unwrap();
    let audit = crate::AuditRecord::done(START, crate::Actor::system(), "x");
    write(&directory, &[change::audit(audit)]).unwrap();
    let page = directory.feed(&start, 100).unwrap();
    assert!(!page.more);
    let told: Vec<Vec<(ChangeKind, Vec<Attribute>)>> = page
        .commits
        .iter()
        .map(|commit| {
            commit
                .changed
                .iter()
                .map(|changed| (changed.kind, changed.attributes.clone()))
                .collect()
        })
        .collect();
    assert_eq!(told.len(), 7);
    assert_eq!(told[0][0].0, ChangeKind::Added);
    assert!(told[0][0].1.contains(&Attribute::SamAccountName));
    assert_eq!(
        told[2],
        [(ChangeKind::Modified, vec![Attribute::DisplayName])]
    );
    assert_eq!(told[3], [(ChangeKind::Modified, vec![Attribute::Member])]);
    assert_eq!(page.commits[3].changed[0].id, staff);
    assert_eq!(told[4], [(ChangeKind::Moved, vec![])]);
    assert_eq!(page.commits[5].records[0].table, "tests.records");
    // The group that listed her changed with it.
    let last = &page.commits[6];
    assert_eq!(last.change_of(alice).unwrap().kind, ChangeKind::Deleted);
    assert_eq!(
        last.change_of(staff).unwrap().attributes,
        [Attribute::Member]
    );
    let again = directory.feed(&page.cursor, 100).unwrap();
    assert!(again.commits.is_empty());
    let text = serde_json::to_string(&page.cursor).unwrap();
    assert_eq!(serde_json::from_str::<Cursor>(&text).unwrap(), page.cursor);
}

#[test]
fn a_reader_beside_writers_misses_nothing_and_sees_nothing_twice() {
    let directory = fresh();
    let start = directory.cursor().unwrap();
    let done = AtomicBool::new(false);
    let (mut written, read) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|thread| {
                let directory = &directory;
                scope.spawn(move || {
                    (0..50)
                        .map(|number| person(directory, &format!("user{thread}x{number}")))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut cursor = start;
            let mut seen = Vec::new();
            loop {
                let last = done.load(Ordering::SeqCst);
                let page = directory.feed(&cursor, 7).unwrap();
                cursor = page.cursor;
                seen.extend(
                    page.commits
                        .iter()
                        .flat_map(|commit| &commit.changed)
                        .map(|changed| changed.id),
                );
                if last && !page.more {
                    return seen;
                }
            }
        });
        let written: Vec<EntryId> = writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect();
        done.store(true, Ordering::SeqCst);
        (written, reader.join().unwrap())
    });
    let mut sorted = read.clone();
    sorted.sort();
    written.sort();
    assert_eq!(sorted, written);
}

#[test]
fn a_cursor_older_than_the_feed_is_told_to_start_again() {
    let directory = fresh();
    let old = directory.cursor().unwrap();
    let alice = person(&directory, "alice");
    let recent = directory.cursor().unwrap();
    let later = START + Span::days(181);
    directory
        .commit(
            &[change::set(alice, Attribute::DisplayName, "A")],
            &Reads::none(),
            later,
        )
        .unwrap();
    let retention = Retention::default();
    let before = directory
        .sweep(&retention, 100, START + Span::days(179))
        .unwrap();
    assert_eq!(before.commits, 0);
    assert!(directory.feed(&old, 9).is_ok());
    let swept = directory.sweep(&retention, 100, later).unwrap();
    assert_eq!(swept.commits, 2, "the domain's own and alice's");
    assert_eq!(directory.feed(&old, 9), Err(FeedError::StartAgain));
    assert_eq!(
        directory.feed(&Cursor::start(), 9),
        Err(FeedError::StartAgain)
    );
    assert_eq!(directory.feed(&recent, 9).unwrap().commits.len(), 1);
}
