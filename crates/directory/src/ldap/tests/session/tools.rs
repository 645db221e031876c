//! What administrators' tools write along with what they mean: Samba's, and whoever follows Active Directory's habits.

use super::*;

const DAVE: &str = "CN=Dave,OU=People,DC=corp,DC=example";

/// A person with a first password and that pwdLastSet.
fn added(world: &World, times: &[&str]) -> ResultCode {
    let mut attributes: Vec<(&str, &[&str])> = vec![
        ("objectClass", &["user"]),
        ("sAMAccountName", &["dave"]),
        ("userPassword", &["a long enough one 1"]),
    ];
    if !times.is_empty() {
        attributes.push(("pwdLastSet", times));
    }
    Client::administrator(world).add(DAVE, &attributes).code()
}

#[test]
fn a_first_password_is_to_be_changed_where_the_entry_that_is_added_says_so() {
    for (times, must_change) in [
        (&[][..], false),
        (&["0"][..], true),
        (&["-1"][..], false),
        (&["133000000000000000"][..], false),
    ] {
        let world = World::new();
        assert_eq!(added(&world, times), ResultCode::Success, "{times:?}");
        let snapshot = world.directory.snapshot().unwrap();
        let dave = snapshot.account_by_sam("dave").unwrap().unwrap();
        assert_eq!(dave.must_change_password(), must_change, "{times:?}");
        assert_eq!(dave.keys.kvno(), 1);
    }
}

#[test]
fn minus_one_takes_back_that_a_password_is_to_be_changed() {
    let world = World::new();
    added(&world, &["0"]);
    let mut administrator = Client::administrator(&world);
    let step: &[Step<'_>] = &[(ModificationKind::Replace, "pwdLastSet", &[b"-1"])];
    assert_eq!(administrator.modify(DAVE, step).code(), ResultCode::Success);
    let snapshot = world.directory.snapshot().unwrap();
    let dave = snapshot.account_by_sam("dave").unwrap().unwrap();
    assert!(!dave.must_change_password());
}

/// `samba-tool user create --uid-number …` writes one.
#[test]
fn a_password_for_unix_is_taken_from_who_may_write_and_kept_nowhere() {
    let world = World::new();
    let hash: &[u8] = b"$6$salt$hash";
    let step: &[Step<'_>] = &[
        (ModificationKind::Replace, "unixUserPassword", &[hash]),
        (ModificationKind::Replace, "uidNumber", &[b"10001"]),
    ];
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    assert_eq!(
        alice.modify(ALICE, step).code(),
        ResultCode::InsufficientAccessRights
    );
    let mut administrator = Client::administrator(&world);
    assert_eq!(
        administrator.modify(ALICE, step).code(),
        ResultCode::Success
    );
    let filter = "(sAMAccountName=alice)";
    let found = administrator.search(filter, vec!["unixUserPassword", "uidNumber"], vec![]);
    assert_eq!(found.names(), [ALICE]);
    let shown = format!("{:?}", found.entries);
    assert!(shown.contains("uidNumber") && !shown.contains("unixUserPassword"));
    let snapshot = world.directory.snapshot().unwrap();
    let entry = snapshot.entry(world.named("alice")).unwrap().unwrap();
    let kept = format!("{:?}", entry.attributes);
    assert!(!kept.contains("hash"), "{kept}");
}

#[test]
fn the_domain_says_which_of_active_directory_s_password_rules_there_are() {
    let world = World::new();
    let mut administrator = Client::administrator(&world);
    let found = administrator.search("(pwdProperties=0)", vec!["pwdProperties"], vec![]);
    assert_eq!(found.names(), ["DC=corp,DC=example"]);
    let set: &[Step<'_>] = &[(ModificationKind::Replace, "pwdProperties", &[b"1"])];
    assert_ne!(
        administrator.modify("DC=corp,DC=example", set).code(),
        ResultCode::Success
    );
}
