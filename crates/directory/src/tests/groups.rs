//! Who is in which group.

use super::*;
use crate::group::GroupType;
use crate::testing::fresh;
use crate::{Attribute, Refused, change, well_known};

fn join(group: EntryId, member: EntryId) -> Change {
    Change::AddMember { group, member }
}

fn groups_of(directory: &Directory, name: &str) -> Vec<String> {
    let snapshot = directory.snapshot().unwrap();
    let account = snapshot.account_by_sam(name).unwrap().unwrap();
    let groups = snapshot.token_groups(&account).unwrap();
    let mut names: Vec<String> = groups
        .iter()
        .map(|group| snapshot.group_by_sid(&group.sid).unwrap().unwrap().sam)
        .collect();
    names.sort();
    names
}

#[test]
fn nested_groups_count_once_even_when_they_turn_in_a_circle() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let [a, b, c] = ["a", "b", "c"].map(|name| group(&directory, name));
    write(
        &directory,
        &[
            join(a, alice),
            join(b, a),
            join(c, b),
            join(a, c),
            join(c, alice),
        ],
    )
    .unwrap();
    assert_eq!(
        groups_of(&directory, "alice"),
        ["Domain Users", "a", "b", "c"]
    );
    assert_eq!(
        groups_of(&directory, "alice"),
        ["Domain Users", "a", "b", "c"],
        "from memory too"
    );
    write(
        &directory,
        &[Change::RemoveMember {
            group: a,
            member: alice,
        }],
    )
    .unwrap();
    assert_eq!(
        groups_of(&directory, "alice"),
        ["Domain Users", "a", "b", "c"]
    );
    write(
        &directory,
        &[Change::RemoveMember {
            group: c,
            member: alice,
        }],
    )
    .unwrap();
    assert_eq!(groups_of(&directory, "alice"), ["Domain Users"]);
    verify(&directory);
}

#[test]
fn a_change_far_up_is_seen_at_once() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let [a, b] = ["a", "b"].map(|name| group(&directory, name));
    write(&directory, &[join(a, alice)]).unwrap();
    assert_eq!(groups_of(&directory, "alice"), ["Domain Users", "a"]);
    write(&directory, &[join(b, a)]).unwrap();
    assert_eq!(groups_of(&directory, "alice"), ["Domain Users", "a", "b"]);
    // A distribution list gives no rights, and what lies above it still counts.
    let list = GroupType(0x2).to_integer();
    write(&directory, &[change::set(a, Attribute::GroupType, list)]).unwrap();
    assert_eq!(groups_of(&directory, "alice"), ["Domain Users", "b"]);
    write(&directory, &[Change::Delete { id: a }]).unwrap();
    assert_eq!(groups_of(&directory, "alice"), ["Domain Users"]);
    // The primary group is one without being listed.
    let primary = i64::from(well_known::DOMAIN_GUESTS);
    write(
        &directory,
        &[change::set(alice, Attribute::PrimaryGroupId, primary)],
    )
    .unwrap();
    assert_eq!(groups_of(&directory, "alice"), ["Domain Guests"]);
}

#[test]
fn an_old_snapshot_keeps_the_groups_of_its_time() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let a = group(&directory, "a");
    assert_eq!(groups_of(&directory, "alice"), ["Domain Users"]);
    let before = directory.snapshot().unwrap();
    let account = before.account_by_id(alice).unwrap().unwrap();
    assert!(
        before.entry(a).unwrap().is_some(),
        "the storage is open at this state"
    );
    write(&directory, &[join(a, alice)]).unwrap();
    assert_eq!(groups_of(&directory, "alice"), ["Domain Users", "a"]);
    assert_eq!(before.token_groups(&account).unwrap().len(), 1);
    assert!(before.reads().are_consistent());
}

#[test]
fn what_is_no_group_has_no_members_and_nobody_is_in_twice() {
    let directory = fresh();
    let (alice, bob) = (person(&directory, "alice"), person(&directory, "bob"));
    let a = group(&directory, "a");
    let users = directory.domain().unwrap().users;
    assert!(matches!(
        write(&directory, &[join(alice, bob)]),
        Err(CommitError::Refused(Refused::NotAllowed { .. }))
    ));
    for member in [a, users] {
        assert!(matches!(
            write(&directory, &[join(a, member)]),
            Err(CommitError::Refused(Refused::Invalid { .. }))
        ));
    }
    assert_eq!(
        write(&directory, &[join(a, id("nobody"))]),
        Err(Refused::NoSuchEntry(id("nobody")).into())
    );
    write(&directory, &[join(a, alice)]).unwrap();
    assert_eq!(
        write(&directory, &[join(a, alice)]),
        Err(Refused::ValueExists(Attribute::Member).into())
    );
    let leave = Change::RemoveMember {
        group: a,
        member: bob,
    };
    assert_eq!(
        write(&directory, &[leave]),
        Err(Refused::NoSuchValue(Attribute::Member).into())
    );
}

#[test]
fn members_are_listed_page_by_page() {
    let directory = fresh();
    let a = group(&directory, "a");
    let mut expected: Vec<EntryId> = (0..25)
        .map(|number| {
            let member = person(&directory, &format!("user{number}"));
            write(&directory, &[join(a, member)]).unwrap();
            member
        })
        .collect();
    expected.sort();
    let snapshot = directory.snapshot().unwrap();
    let mut found = Vec::new();
    loop {
        let page = snapshot.members(a, found.last().copied(), 7).unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, expected);
    assert_eq!(snapshot.member_of(expected[3]).unwrap(), [a]);
    assert!(snapshot.is_member(a, expected[3]).unwrap());
}

#[test]
fn more_groups_than_a_token_names_are_a_fault_and_not_a_shorter_list() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let users = directory.domain().unwrap().users;
    for half in 0..2 {
        let mut changes = Vec::new();
        for number in 0..crate::group::TOKEN_GROUPS_LIMIT.div_ceil(2) {
            let name = format!("g{half} {number}");
            let entry = NewEntry::group(id(&name), users, &name, crate::group::GLOBAL_SECURITY);
            changes.push(entry.into());
            changes.push(join(id(&name), alice));
        }
        write(&directory, &changes).unwrap();
    }
    let snapshot = directory.snapshot().unwrap();
    let account = snapshot.account_by_id(alice).unwrap().unwrap();
    let limit = crate::group::TOKEN_GROUPS_LIMIT;
    assert_eq!(
        snapshot.token_groups(&account),
        Err(crate::Fault::TooManyGroups(limit))
    );
}
