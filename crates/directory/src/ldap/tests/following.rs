//! What changed since, and what is deleted.

use std::collections::BTreeSet;

use wire::ldap::{
    Control, DirSyncRequest, DirSyncResponse, ModificationKind, Operation, PagedResults,
    ResultCode, SearchRequest, control_oid,
};

use super::session::{ALICE, Answered, BOB, Client, search};
use super::{World, names};

const INCREMENTAL: u32 = 0x8000_0000;

/// Asks what changed since a cookie; what is told, and how to go on.
fn follow(client: &mut Client<'_>, flags: u32, cookie: Vec<u8>) -> (Answered, DirSyncResponse) {
    let answered = ask(client, flags, cookie, search("(objectClass=*)", vec![]));
    assert_eq!(
        answered.code(),
        ResultCode::Success,
        "{:?}",
        answered.result
    );
    let (oid, value) = &answered.controls[0];
    assert_eq!(oid, control_oid::DIR_SYNC);
    let response = DirSyncResponse::decode(value).unwrap();
    (answered, response)
}

fn ask(
    client: &mut Client<'_>,
    flags: u32,
    cookie: Vec<u8>,
    request: SearchRequest<'_>,
) -> Answered {
    let control = DirSyncRequest {
        flags,
        max_bytes: 1_000_000,
        cookie,
    };
    let mut control = Control::new(control_oid::DIR_SYNC, Some(control.encode()));
    control.critical = true;
    client.ask_with(Operation::SearchRequest(request), vec![control])
}

/// Everything there is, in pages, and the cookie behind it.
fn everything(client: &mut Client<'_>, flags: u32) -> (BTreeSet<String>, Vec<u8>) {
    let mut told = BTreeSet::new();
    let mut cookie = Vec::new();
    loop {
        let (answered, response) = follow(client, flags, cookie);
        for name in answered.names() {
            assert!(told.insert(name.to_owned()), "each once");
        }
        cookie = response.cookie;
        if !response.more {
            return (told, cookie);
        }
    }
}

#[test]
fn who_follows_is_told_everything_and_then_what_changed() {
    let world = World::new();
    let mut client = Client::administrator(&world);
    client.settings.page = 7;
    let (told, cookie) = everything(&mut client, INCREMENTAL);
    let all = client.search("(objectClass=*)", vec!["1.1"], vec![]);
    assert_eq!(told.len(), all.entries.len());
    let (answered, response) = follow(&mut client, 0, cookie.clone());
    assert_eq!(
        (answered.entries.len(), response.more),
        (0, false),
        "nothing changed"
    );

    client.modify(
        ALICE,
        &[(ModificationKind::Replace, "title", &[b"Engineer"])],
    );
    client.modify(ALICE, &[(ModificationKind::Replace, "mobile", &[b"+1"])]);
    let group = "CN=inner,OU=People,DC=corp,DC=example";
    client.modify(
        group,
        &[(ModificationKind::Add, "member", &[BOB.as_bytes()])],
    );
    let (answered, response) = follow(&mut client, 0, cookie.clone());
    let told: Vec<(&str, BTreeSet<&str>)> = answered
        .entries
        .iter()
        .map(|(name, shown)| {
            (
                name.as_str(),
                shown.iter().map(|(name, _)| name.as_str()).collect(),
            )
        })
        .collect();
    let of = |wanted: &str| {
        told.iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, shown)| shown.clone())
    };
    assert_eq!(told.len(), 2);
    assert_eq!(
        of(ALICE),
        Some(BTreeSet::from(["mobile", "objectGUID", "title"]))
    );
    assert_eq!(of(group), Some(BTreeSet::from(["member", "objectGUID"])));

    // What is deleted is told as long as it is remembered, by what knows it again.
    assert_eq!(
        client.ask(Operation::DelRequest(BOB)).code(),
        ResultCode::Success
    );
    let (answered, next) = follow(&mut client, 0, response.cookie.clone());
    let bob = answered
        .entries
        .iter()
        .find(|(name, _)| name.contains("DEL:"));
    let (name, shown) = bob.expect("it is told");
    assert!(
        name.starts_with("CN=Bob\\0ADEL:")
            && name.ends_with(",CN=Deleted Objects,DC=corp,DC=example"),
        "{name}"
    );
    assert!(shown.contains(&("isDeleted".to_owned(), vec![b"TRUE".to_vec()])));
    assert!(shown.iter().any(|(name, _)| name == "objectGUID"));
    let (answered, _) = follow(&mut client, 0, next.cookie);
    assert!(answered.entries.is_empty());
    // A cookie can be used again, by who lost the answer.
    let (answered, _) = follow(&mut client, 0, cookie);
    assert!(answered.names().contains(&ALICE));
}

#[test]
fn nobody_follows_but_administrators_and_who_asks_for_what_they_may_see() {
    let world = World::new();
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let whole = || search("(objectClass=*)", vec![]);
    let answered = ask(&mut alice, 0, vec![], whole());
    assert_eq!(answered.code(), ResultCode::InsufficientAccessRights);
    assert!(answered.entries.is_empty());
    let (told, cookie) = everything(&mut alice, 1);
    assert!(told.contains(BOB));
    let below = SearchRequest {
        base: "OU=People,DC=corp,DC=example",
        ..whole()
    };
    assert_eq!(
        ask(&mut alice, 1, vec![], below).code(),
        ResultCode::UnwillingToPerform
    );
    // A cookie that was changed, cut, or is another's.
    for place in 0..cookie.len() {
        let mut changed = cookie.clone();
        changed[place] ^= 1;
        assert_eq!(
            ask(&mut alice, 1, changed, whole()).code(),
            ResultCode::UnwillingToPerform
        );
        assert_eq!(
            ask(&mut alice, 1, cookie[..place.max(1)].to_vec(), whole()).code(),
            ResultCode::UnwillingToPerform
        );
    }
}

#[test]
fn what_is_deleted_is_found_by_who_asks_for_it_in_pages_too() {
    let world = World::new();
    let mut client = Client::administrator(&world);
    for name in [BOB, "CN=LAPTOP-1,CN=Computers,DC=corp,DC=example"] {
        assert_eq!(
            client.ask(Operation::DelRequest(name)).code(),
            ResultCode::Success
        );
    }
    assert_eq!(world.everywhere("(isDeleted=TRUE)"), names([]));
    let shown = || Control::new(control_oid::SHOW_DELETED, None);
    let found = client.search("(isDeleted=TRUE)", vec!["*"], vec![shown()]);
    assert_eq!(found.entries.len(), 2);
    let bob = found
        .entries
        .iter()
        .find(|(name, _)| name.starts_with("CN=Bob"))
        .unwrap();
    assert!(bob.1.contains(&(
        "lastKnownParent".to_owned(),
        vec![b"OU=People,DC=corp,DC=example".to_vec()]
    )));
    assert_eq!(
        client
            .search(
                "(&(isDeleted=TRUE)(objectClass=computer))",
                vec![],
                vec![shown()]
            )
            .entries
            .len(),
        1
    );

    let all = client.search("(objectClass=*)", vec!["1.1"], vec![shown()]);
    let mut seen = BTreeSet::new();
    let mut cookie = Vec::new();
    loop {
        let page = PagedResults { size: 3, cookie };
        let page = Control::new(control_oid::PAGED_RESULTS, Some(page.encode()));
        let answered = client.search("(objectClass=*)", vec!["1.1"], vec![shown(), page]);
        for name in answered.names() {
            assert!(seen.insert(name.to_owned()), "{name} twice");
        }
        cookie = PagedResults::decode(&answered.controls[0].1)
            .unwrap()
            .cookie;
        if cookie.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), all.entries.len());
    assert_eq!(
        seen.iter()
            .filter(|name| name.contains("Deleted Objects"))
            .count(),
        2
    );
}

#[test]
fn an_answer_has_so_many_bytes_and_what_is_left_comes_with_the_next() {
    let world = World::new();
    let mut client = Client::administrator(&world);
    let (_, before) = everything(&mut client, INCREMENTAL);
    let photo = vec![0xab; 60_000];
    for number in 0..30 {
        let name = if number % 2 == 0 { ALICE } else { BOB };
        let title = number.to_string();
        let code = client.modify(
            name,
            &[
                (ModificationKind::Replace, "jpegPhoto", &[&photo]),
                (ModificationKind::Replace, "title", &[title.as_bytes()]),
            ],
        );
        assert_eq!(code.code(), ResultCode::Success);
    }
    let long = |answered: &Answered| -> usize {
        let entries = answered.entries.iter().flat_map(|(_, shown)| shown);
        entries.flat_map(|(_, values)| values).map(Vec::len).sum()
    };
    // Of everything, and of what changed: no more than a search writes at once and one entry beyond.
    for start in [Vec::new(), before] {
        let (mut told, mut answers, mut cookie) = (Vec::new(), 0, start);
        loop {
            let (answered, response) = follow(&mut client, INCREMENTAL, cookie);
            assert!(
                long(&answered) < (128 << 10) + 70_000,
                "{}",
                long(&answered)
            );
            told.extend(answered.names().into_iter().map(str::to_owned));
            answers += 1;
            cookie = response.cookie;
            if !response.more {
                break;
            }
        }
        assert!(told.contains(&ALICE.to_owned()) && told.contains(&BOB.to_owned()));
        assert!(answers < 20, "{answers}");
        let (answered, response) = follow(&mut client, 0, cookie);
        assert_eq!((answered.entries.len(), response.more), (0, false));
    }
}
