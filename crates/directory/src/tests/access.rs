//! Who may do what.

use super::*;
use crate::access::{Caller, Right, validated_computer_key};
use crate::testing::{fresh, key_credential};
use crate::{Attribute, KeyCredential, Origin, change};

fn join(directory: &Directory, group: &str, member: EntryId) {
    let group = directory
        .snapshot()
        .unwrap()
        .group_by_name(group)
        .unwrap()
        .unwrap()
        .id;
    write(directory, &[Change::AddMember { group, member }]).unwrap();
}

/// Security.md row 4: who may write to an account's attributes may not therefore list keys on it.
#[test]
fn keys_are_listed_by_key_admins_and_administrators_alone() {
    let directory = fresh();
    for name in ["alice", "helpdesk", "keeper", "root"] {
        person(&directory, name);
    }
    join(&directory, "Group Policy Creator Owners", id("helpdesk"));
    join(&directory, "Key Admins", id("keeper"));
    let admins = group(&directory, "on call");
    write(
        &directory,
        &[Change::AddMember {
            group: admins,
            member: id("root"),
        }],
    )
    .unwrap();
    join(&directory, "Domain Admins", admins);
    let snapshot = directory.snapshot().unwrap();
    let account = |name: &str| snapshot.account_by_sam(name).unwrap().unwrap();
    let may = |who: &str, right, target: &str| {
        let caller = Caller::of(&account(who), &snapshot).unwrap();
        caller
            .may(right, Some(&account(target)), &snapshot)
            .unwrap()
    };
    assert!(may("root", Right::WriteKeys, "alice"));
    assert!(may("keeper", Right::WriteKeys, "alice"));
    assert!(!may("helpdesk", Right::WriteKeys, "alice"));
    assert!(
        !may("alice", Right::WriteKeys, "alice"),
        "not even on oneself: registration asks for a second factor"
    );
    // DIR-G3: nobody becomes an administrator by listing a key.
    for target in ["root", "krbtgt", "DC1$", "keeper"] {
        assert!(!may("keeper", Right::WriteKeys, target), "{target}");
        assert!(may("root", Right::WriteKeys, target), "{target}");
    }
    assert!(may("root", Right::Administer, "alice") && !may("keeper", Right::Administer, "alice"));
    let anonymous = Caller::with_sids(wire::Sid::ANONYMOUS, [wire::Sid::EVERYONE]);
    assert!(
        !anonymous
            .may(Right::WriteKeys, Some(&account("alice")), &snapshot)
            .unwrap()
    );
    assert!(!anonymous.may(Right::Administer, None, &snapshot).unwrap());
}

#[test]
fn a_person_joins_as_many_computers_as_the_quota_says() {
    let directory = fresh();
    person(&directory, "alice");
    let computers = directory.domain().unwrap().computers;
    let may = || {
        let snapshot = directory.snapshot().unwrap();
        let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
        let caller = Caller::of(&alice, &snapshot).unwrap();
        (caller.may_join_computer(&snapshot).unwrap(), alice.sid)
    };
    let head = directory.domain().unwrap().head;
    write(
        &directory,
        &[change::set(head, Attribute::MsDsMachineAccountQuota, 2)],
    )
    .unwrap();
    for number in 0..2 {
        let (allowed, sid) = may();
        assert!(allowed);
        let name = format!("PC-{number}");
        let computer = NewEntry::computer(id(&name), computers, &name).created_by(sid);
        write(&directory, &[computer.into()]).unwrap();
    }
    assert!(!may().0);
    write(&directory, &[Change::Delete { id: id("PC-0") }]).unwrap();
    assert!(may().0);
    join(&directory, "Domain Admins", id("alice"));
    assert!(may().0);
}

/// DIR-KCL-4.
#[test]
fn a_computer_lists_one_plain_key_on_itself() {
    let directory = fresh();
    let computers = directory.domain().unwrap().computers;
    let computer = NewEntry::computer(id("PC"), computers, "PC");
    write(
        &directory,
        &[
            computer.into(),
            NewEntry::computer(id("PC2"), computers, "PC2").into(),
        ],
    )
    .unwrap();
    let blob = key_credential(&mut Seeded::new(1), None);
    let key = KeyCredential::new(blob.clone(), Origin::Computer, START);
    let link = key.link.as_ref().unwrap();
    let snapshot = directory.snapshot().unwrap();
    let pc = snapshot.account_by_id(id("PC")).unwrap().unwrap();
    let other = snapshot.account_by_id(id("PC2")).unwrap().unwrap();
    let caller = Caller::of(&pc, &snapshot).unwrap();
    assert!(
        caller
            .may(Right::WriteOwnComputerKey, Some(&pc), &snapshot)
            .unwrap()
    );
    assert!(
        !caller
            .may(Right::WriteOwnComputerKey, Some(&other), &snapshot)
            .unwrap()
    );
    assert!(validated_computer_key(&pc, link, true));
    assert!(
        !validated_computer_key(&pc, link, false),
        "the letter of the specification forbids CustomKeyInformation"
    );
    write(
        &directory,
        &[change::add_key_credential(pc.id, blob, Origin::Computer)],
    )
    .unwrap();
    let pc = directory
        .snapshot()
        .unwrap()
        .account_by_id(id("PC"))
        .unwrap()
        .unwrap();
    assert!(
        !validated_computer_key(&pc, link, true),
        "there is a value already"
    );
}
