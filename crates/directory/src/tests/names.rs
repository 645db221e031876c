//! Names belong to one entry.

use super::*;
use crate::testing::fresh;
use crate::{Attribute, Edit, Refused, change};

fn taken(result: Result<Commit, CommitError>) -> Attribute {
    match result {
        Err(CommitError::Refused(Refused::ValueTaken { attribute, .. })) => attribute,
        other => panic!("expected a taken value, got {other:?}"),
    }
}

fn named(directory: &Directory, sam: &str) -> NewEntry {
    let users = directory.domain().unwrap().users;
    NewEntry::user(
        id(&format!("{sam} again")),
        users,
        sam,
        format!("{sam} again"),
    )
}

#[test]
fn a_name_in_either_spelling_of_its_letters_belongs_to_one_entry() {
    // Unicode Standard Annex 15: U+00E9, and U+0065 with U+0301.
    let (composed, apart) = ("jos\u{e9}", "jos\u{65}\u{301}");
    let directory = fresh();
    let entry = named(&directory, composed).with(
        Attribute::UserPrincipalName,
        format!("{composed}@mail.example"),
    );
    let jose = entry.id;
    write(&directory, &[entry.into()]).unwrap();
    let snapshot = directory.snapshot().unwrap();
    for name in [composed, apart, "JOS\u{c9}", "JOSE\u{301}"] {
        let found = snapshot.account_by_sam(name).unwrap().unwrap();
        assert_eq!(found.id, jose, "{name}");
        let upn = format!("{name}@mail.example");
        let found = snapshot.account_by_upn(&upn).unwrap().unwrap();
        assert_eq!(found.id, jose, "{upn}");
    }
    drop(snapshot);
    let invalid = |result: Result<Commit, CommitError>| match result {
        Err(CommitError::Refused(Refused::Invalid { attribute, .. })) => attribute,
        other => panic!("expected an impossible value, got {other:?}"),
    };
    let second = named(&directory, apart);
    assert_eq!(
        invalid(write(&directory, &[second.into()])),
        Attribute::SamAccountName
    );
    let third = named(&directory, "third").with(
        Attribute::UserPrincipalName,
        format!("{apart}@mail.example"),
    );
    assert_eq!(
        invalid(write(&directory, &[third.into()])),
        Attribute::UserPrincipalName
    );
    // Hangul, and a mark that moves: an ogonek stands before an acute accent.
    assert_eq!(crate::folded("\u{1112}\u{1161}\u{11ab}"), "\u{d55c}");
    assert_eq!(
        crate::folded("A\u{301}\u{328}"),
        crate::folded("\u{104}\u{301}")
    );
}

#[test]
fn a_name_in_any_case_belongs_to_one_entry() {
    let directory = fresh();
    person(&directory, "alice");
    group(&directory, "staff");
    for name in ["alice", "ALICE", "Staff"] {
        let result = write(&directory, &[named(&directory, name).into()]);
        assert_eq!(taken(result), Attribute::SamAccountName, "{name}");
    }
    let upn = |sam: &str, upn: &str| {
        let entry = named(&directory, sam).with(Attribute::UserPrincipalName, upn);
        write(&directory, &[entry.into()])
    };
    upn("bob", "b@mail.example").unwrap();
    assert_eq!(
        taken(upn("carol", "B@MAIL.example")),
        Attribute::UserPrincipalName
    );
    let spn = |sam: &str, spn: &str| {
        let entry = named(&directory, sam).with(Attribute::ServicePrincipalName, spn);
        write(&directory, &[entry.into()])
    };
    spn("dave", "HTTP/Web.corp.example").unwrap();
    assert_eq!(
        taken(spn("erin", "http/web.CORP.example")),
        Attribute::ServicePrincipalName
    );
    let users = directory.domain().unwrap().users;
    let sibling = NewEntry::user(id("other"), users, "other", "ALICE");
    assert_eq!(
        write(&directory, &[sibling.into()]),
        Err(Refused::NameTaken {
            name: "ALICE".into()
        }
        .into())
    );
    verify(&directory);
}

/// Security.md row 2: a name finds one account, whichever way it is asked for.
#[test]
fn nobody_takes_the_implicit_user_principal_name_of_another() {
    let directory = fresh();
    person(&directory, "alice");
    let upn = Attribute::UserPrincipalName;
    let mallory = named(&directory, "mallory").with(upn, "alice@corp.example");
    assert_eq!(taken(write(&directory, &[mallory.into()])), upn);
    let bob = named(&directory, "bob").with(upn, "carol@corp.example");
    write(&directory, &[bob.into()]).unwrap();
    assert_eq!(
        taken(write(&directory, &[named(&directory, "carol").into()])),
        Attribute::SamAccountName
    );
    // One's own is nobody else's, and another domain's is no account here.
    write(
        &directory,
        &[change::set(id("alice"), upn, "alice@corp.example")],
    )
    .unwrap();
    let dave = named(&directory, "dave").with(upn, "alice@other.example");
    write(&directory, &[dave.into()]).unwrap();
    let snapshot = directory.snapshot().unwrap();
    let found = |name: &str| {
        snapshot
            .account_by_name(name)
            .unwrap()
            .map(|account| account.sam.clone())
    };
    assert_eq!(found("alice@corp.example").as_deref(), Some("alice"));
    assert_eq!(found("CORP\\ALICE").as_deref(), Some("alice"));
    assert_eq!(found("corp.example\\alice").as_deref(), Some("alice"));
    assert_eq!(found(" alice ").as_deref(), Some("alice"));
    assert_eq!(
        found("carol@corp.example").as_deref(),
        Some("bob again").map(|_| "bob")
    );
    assert_eq!(found("alice@other.example").as_deref(), Some("dave"));
    assert_eq!(found("OTHER\\alice"), None);
    assert_eq!(found("bob@elsewhere.example"), None);
}

/// Security.md row 2 (CVE-2021-42278): a computer is found by its name with `$` and by no other.
#[test]
fn a_name_without_dollar_never_finds_a_computer() {
    let directory = fresh();
    let computers = directory.domain().unwrap().computers;
    let laptop = NewEntry::computer(id("laptop"), computers, "LAPTOP-1");
    write(&directory, &[laptop.into()]).unwrap();
    let snapshot = directory.snapshot().unwrap();
    assert!(snapshot.account_by_sam("laptop-1$").unwrap().is_some());
    assert!(snapshot.account_by_sam("laptop-1").unwrap().is_none());
    assert!(snapshot.account_by_name("laptop-1").unwrap().is_none());
    let stripped = change::set(id("laptop"), Attribute::SamAccountName, "LAPTOP-1");
    assert!(matches!(
        write(&directory, &[stripped]),
        Err(CommitError::Refused(Refused::Invalid { .. }))
    ));
    let person = named(&directory, "DC2$");
    assert!(matches!(
        write(&directory, &[person.into()]),
        Err(CommitError::Refused(Refused::Invalid { .. }))
    ));
}

#[test]
fn two_entries_swap_their_names_in_one_commit() {
    let directory = fresh();
    let (alice, bob) = (person(&directory, "alice"), person(&directory, "bob"));
    // Both in memory, under their old names.
    let warm = directory.snapshot().unwrap();
    assert_eq!(warm.account_by_sam("alice").unwrap().unwrap().id, alice);
    assert_eq!(warm.account_by_sam("bob").unwrap().unwrap().id, bob);
    drop(warm);
    let sam = Attribute::SamAccountName;
    write(
        &directory,
        &[
            change::set(alice, sam, "bob"),
            change::set(bob, sam, "alice"),
        ],
    )
    .unwrap();
    let snapshot = directory.snapshot().unwrap();
    assert_eq!(snapshot.account_by_sam("alice").unwrap().unwrap().id, bob);
    assert_eq!(snapshot.account_by_sam("bob").unwrap().unwrap().id, alice);
    verify(&directory);
}

#[test]
fn a_renamed_account_is_not_found_by_its_former_name() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    for (old, new) in [("alice", "alicia"), ("alicia", "alice")] {
        assert!(
            directory
                .snapshot()
                .unwrap()
                .account_by_sam(old)
                .unwrap()
                .is_some()
        );
        write(
            &directory,
            &[change::set(alice, Attribute::SamAccountName, new)],
        )
        .unwrap();
        let snapshot = directory.snapshot().unwrap();
        assert!(snapshot.account_by_sam(old).unwrap().is_none());
        assert_eq!(snapshot.account_by_sam(new).unwrap().unwrap().id, alice);
    }
}

#[test]
fn of_many_threads_that_want_a_name_one_gets_it() {
    let directory = fresh();
    let users = directory.domain().unwrap().users;
    for round in 0..10u64 {
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6u64)
                .map(|thread| {
                    let directory = &directory;
                    scope.spawn(move || {
                        let id = EntryId::random(&mut Seeded::new(round * 100 + thread));
                        let name = format!("n{round} {thread}");
                        let entry = NewEntry::user(id, users, &format!("user{round}"), name);
                        write(directory, &[entry.into()])
                    })
                })
                .collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results
                .filter(|result| match result {
                    Ok(_) => true,
                    Err(CommitError::Refused(Refused::ValueTaken { .. })) => false,
                    Err(other) => panic!("{other:?}"),
                })
                .count()
        });
        assert_eq!(won, 1);
    }
    verify(&directory);
}

#[test]
fn security_identifiers_are_given_once_and_stay() {
    let directory = fresh();
    let domain = directory.domain().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..600 {
        let id = person(&directory, &format!("user{number}"));
        let account = directory
            .snapshot()
            .unwrap()
            .account_by_id(id)
            .unwrap()
            .unwrap();
        assert!(account.sid.is_in(&domain.sid) && account.sid.rid() >= 1_100);
        assert!(seen.insert(account.sid));
        let found = directory
            .snapshot()
            .unwrap()
            .account_by_sid(&account.sid)
            .unwrap();
        assert_eq!(found.unwrap().id, id);
    }
    let own = vec![Edit::set(Attribute::ObjectSid, domain.sid)];
    let result = write(&directory, &[change::modify(id("user1"), own)]);
    assert_eq!(
        result,
        Err(Refused::SystemOnly(Attribute::ObjectSid).into())
    );
}

#[test]
fn refuses_names_that_would_be_mistaken_for_something_else() {
    let directory = fresh();
    for name in [
        "",
        " ",
        "a@b",
        "a/b",
        "a\\b",
        "a\"b",
        "a:b",
        "a,b",
        "a.",
        " a",
        "a\u{0}b",
        &"x".repeat(65),
    ] {
        let result = write(
            &directory,
            &[named(&directory, "ok")
                .with(Attribute::DisplayName, "ok")
                .into()],
        );
        drop(result);
        let users = directory.domain().unwrap().users;
        let entry = NewEntry::user(id("x"), users, name, "x");
        let result = write(&directory, &[entry.into()]);
        assert!(
            matches!(result, Err(CommitError::Refused(Refused::Invalid { .. }))),
            "{name:?}: {result:?}"
        );
    }
    for upn in [
        "alice",
        "@corp.example",
        "alice@",
        "a@b@c",
        "a b@corp.example",
        "a@corp..example",
    ] {
        let entry = named(&directory, "upn").with(Attribute::UserPrincipalName, upn);
        let result = write(&directory, &[entry.into()]);
        assert!(
            matches!(result, Err(CommitError::Refused(Refused::Invalid { .. }))),
            "{upn:?}"
        );
    }
    for spn in ["http", "/host", "http/", "http//x", "http/a b", "http/a@b"] {
        let entry = named(&directory, "spn").with(Attribute::ServicePrincipalName, spn);
        let result = write(&directory, &[entry.into()]);
        assert!(
            matches!(result, Err(CommitError::Refused(Refused::Invalid { .. }))),
            "{spn:?}"
        );
    }
}
