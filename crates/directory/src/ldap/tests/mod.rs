//! LDAP against a directory in memory.

mod batch;
mod following;
mod session;

use std::borrow::Cow;
use std::collections::BTreeSet;

use wire::Guid;
use wire::ldap::{Filter as Asked, Scope};

use super::entries::Viewer;
use super::filter::understand;
use super::names::Namer;
use super::permissions::Reading;
use super::search::{Place, Search, Selection, Wanted, show};

/// An entry's attributes as they are sent.
type ShownEntry = Vec<(String, Vec<Vec<u8>>)>;
use crate::access::Caller;
use crate::change::{self, Change, NewEntry};
use crate::directory::Directory;
use crate::group::GLOBAL_SECURITY;
use crate::id::EntryId;
use crate::reads::Reads;
use crate::schema::{Attribute, Class};
use crate::testing::{START, Seeded, fresh};
use crate::value::Value;

/// A domain with people, a computer, groups in groups, and a unit.
struct World {
    directory: std::sync::Arc<Directory>,
    rng: Seeded,
}

impl World {
    fn new() -> Self {
        Self::of(fresh())
    }

    fn of(directory: std::sync::Arc<Directory>) -> Self {
        let mut world = Self {
            directory,
            rng: Seeded::new(7),
        };
        let domain = world.directory.domain().unwrap();
        let people = world.id();
        world.commit([
            NewEntry::new(people, domain.head, Class::OrganizationalUnit, "People").into(),
        ]);
        let mut id = || EntryId::random(&mut world.rng);
        let (alice, bob, boss) = (id(), id(), id());
        let (laptop, inner, outer) = (id(), id(), id());
        let user = |id, sam: &str, name: &str| NewEntry::user(id, people, sam, name);
        let alice_entry = user(alice, "alice", "Alice Example")
            .with(Attribute::UserPrincipalName, "alice@corp.example")
            .with(Attribute::GivenName, "Alice")
            .with(Attribute::Surname, "Example")
            .with(Attribute::Mail, "alice@corp.example")
            .with(Attribute::UidNumber, 10_001)
            .with(Attribute::ObjectClass, "posixAccount")
            .with(Attribute::Description, "first (of all)")
            .with(Attribute::Manager, boss);
        let changes: Vec<Change> = vec![
            user(boss, "boss", "The Boss").into(),
            alice_entry.into(),
            user(bob, "bob", "Bob")
                .with(Attribute::UidNumber, 10_002)
                .into(),
            NewEntry::computer(laptop, domain.computers, "LAPTOP-1").into(),
            NewEntry::group(inner, people, "inner", GLOBAL_SECURITY).into(),
            NewEntry::group(outer, people, "outer", GLOBAL_SECURITY).into(),
            Change::AddMember {
                group: inner,
                member: alice,
            },
            Change::AddMember {
                group: outer,
                member: inner,
            },
            Change::AddMember {
                group: outer,
                member: bob,
            },
        ];
        world.commit(changes);
        world
    }

    fn id(&mut self) -> EntryId {
        EntryId::random(&mut self.rng)
    }

    fn commit(&self, changes: impl Into<Vec<Change>>) {
        self.directory
            .commit(&changes.into(), &Reads::none(), START)
            .unwrap();
    }

    fn named(&self, sam: &str) -> EntryId {
        let snapshot = self.directory.snapshot().unwrap();
        let account = snapshot
            .account_by_sam(sam)
            .unwrap()
            .map(|account| account.id);
        account
            .or_else(|| snapshot.group_by_name(sam).unwrap().map(|group| group.id))
            .unwrap()
    }

    /// What somebody may read who signed in and is nobody special.
    fn reading(&self) -> Reading {
        let snapshot = self.directory.snapshot().unwrap();
        let sid = snapshot.domain().well_known_sid(4_711);
        Reading::of(Some(&Caller::with_sids(sid, [])), &snapshot).unwrap()
    }

    fn begin(&self, base: &str, scope: Scope, filter: &str, after: Option<EntryId>) -> Search {
        let snapshot = self.directory.snapshot().unwrap();
        let namer = Namer::new(&snapshot);
        let base = namer
            .find(base)
            .unwrap()
            .unwrap()
            .expect("the base is there");
        let asked: Asked<'_> = filter.parse().unwrap();
        let filter = understand(&asked, &namer, &self.reading()).unwrap();
        let wanted = Wanted {
            base,
            scope,
            filter,
            selection: Selection::default(),
            types_only: false,
            reading: self.reading(),
            extended: None,
            deleted: false,
        };
        let after = after.map(|id| Place::After(Some(id)));
        Search::begin(wanted, after, &namer).unwrap()
    }

    /// The names of what a search finds.
    fn found(&self, base: &str, scope: Scope, filter: &str) -> BTreeSet<String> {
        let mut search = self.begin(base, scope, filter, None);
        let mut names = BTreeSet::new();
        loop {
            let snapshot = self.directory.snapshot().unwrap();
            let step = search.step(&snapshot, START, 3).unwrap();
            names.extend(step.found.into_iter().map(|entry| entry.name));
            if step.done {
                return names;
            }
        }
    }

    fn everywhere(&self, filter: &str) -> BTreeSet<String> {
        self.found("DC=corp,DC=example", Scope::Subtree, filter)
    }

    fn shown(&self, id: EntryId, asked: &[&str]) -> ShownEntry {
        let snapshot = self.directory.snapshot().unwrap();
        let namer = Namer::new(&snapshot);
        let viewer = Viewer {
            namer: &namer,
            now: START,
            extended: None,
        };
        let entry = snapshot.entry(id).unwrap().unwrap();
        let selection = Selection::of(asked);
        let shown = show(&entry, &selection, false, &self.reading(), &viewer).unwrap();
        shown
            .into_iter()
            .map(|(name, values)| {
                let values = values.into_iter().map(Cow::into_owned);
                (name.into_owned(), values.collect())
            })
            .collect()
    }

    fn value(&self, id: EntryId, attribute: &str) -> String {
        let shown = self.shown(id, &[attribute]);
        let [(_, values)] = shown.as_slice() else {
            panic!("{attribute}: {shown:?}");
        };
        let texts = values
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned());
        texts.collect::<Vec<_>>().join("|")
    }
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn every_form_of_filter_finds_whom_it_means() {
    let world = World::new();
    let laptop = world.named("LAPTOP-1$");
    let guid: String = laptop
        .0
        .to_windows_bytes()
        .iter()
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let people = "OU=People,DC=corp,DC=example";
    let cases: Vec<(String, BTreeSet<String>)> = [
        ("(sAMAccountName=ALICE)", names(["Alice Example"])),
        ("(2.5.4.42=alice)", names(["Alice Example"])),
        ("(cn=bob)", names(["Bob"])),
        ("(name=alice  example)", names(["Alice Example"])),
        ("(cn=al*)", names(["Alice Example"])),
        ("(cn=*e*ample)", names(["Alice Example"])),
        ("(sAMAccountName=bo*)", names(["Bob", "The Boss"])),
        ("(description=*\\28of all\\29)", names(["Alice Example"])),
        ("(uidNumber>=10002)", names(["Bob"])),
        ("(uidNumber<=10001)", names(["Alice Example"])),
        ("(uidNumber:1.2.840.113556.1.4.803:=2)", names(["Bob"])),
        (
            "(&(uidNumber=*)(!(uidNumber:1.2.840.113556.1.4.804:=3)))",
            names([]),
        ),
        ("(objectClass=posixaccount)", names(["Alice Example"])),
        (
            "(&(objectClass=user)(uidNumber=*)(!(sn=*)))",
            names(["Bob"]),
        ),
        ("(&(objectCategory=computer)(cn=L*))", names(["LAPTOP-1"])),
        (
            "(objectCategory=CN=Computer,CN=Schema,CN=Configuration,DC=corp,DC=example)",
            names(["DC1", "LAPTOP-1"]),
        ),
        ("(&(objectClass=group)(cn=inner))", names(["inner"])),
        (
            "(memberOf=CN=inner,OU=People,DC=corp,DC=example)",
            names(["Alice Example"]),
        ),
        (
            "(memberOf:1.2.840.113556.1.4.1941:=CN=outer,OU=People,DC=corp,DC=example)",
            names(["Alice Example", "Bob", "inner"]),
        ),
        (
            "(member=CN=Alice Example,OU=People,DC=corp,DC=example)",
            names(["inner"]),
        ),
        (
            "(member:1.2.840.113556.1.4.1941:=CN=Alice Example,OU=People,DC=corp,DC=example)",
            names(["inner", "outer"]),
        ),
        (
            "(manager=CN=The Boss,OU=People,DC=corp,DC=example)",
            names(["Alice Example"]),
        ),
        (
            "(directReports=CN=Alice Example,OU=People,DC=corp,DC=example)",
            names(["The Boss"]),
        ),
        (
            "(distinguishedName=cn=bob,ou=people,dc=corp,dc=example)",
            names(["Bob"]),
        ),
        ("(anr=alice)", names(["Alice Example"])),
        ("(anr==Bob)", names(["Bob"])),
        ("(|(cn=bob)(cn=inner)(cn=nobody))", names(["Bob", "inner"])),
        (
            "(&(whenCreated>=20200101000000.0Z)(ou=people))",
            names(["People"]),
        ),
        ("(whenCreated<=20200101000000.0Z)", names([])),
        // Nobody knows, or may see, these: neither true nor false.
        ("(nothing=x)", names([])),
        ("(!(nothing=x))", names([])),
        ("(|(nothing=x)(cn=bob))", names(["Bob"])),
        ("(supplementalCredentials=*)", names([])),
        ("(!(unicodePwd=x))", names([])),
        ("(msDS-IssuerCertificates=*)", names([])),
        ("(uidNumber=many)", names([])),
        ("(!(manager=no name))", names([])),
    ]
    .map(|(filter, names)| (filter.to_owned(), names))
    .into_iter()
    .chain([(format!("(objectGUID={guid})"), names(["LAPTOP-1"]))])
    .collect();
    for (filter, expected) in cases {
        assert_eq!(world.everywhere(&filter), expected, "{filter}");
    }
    // Whatever index it is found by, it has to be where the search looks.
    assert_eq!(
        world.found("CN=Users,DC=corp,DC=example", Scope::Subtree, "(cn=bob)"),
        names([])
    );
    assert_eq!(world.found(people, Scope::One, "(cn=bob)"), names(["Bob"]));
    assert_eq!(
        world.found("DC=corp,DC=example", Scope::One, "(cn=bob)"),
        names([])
    );
    assert_eq!(
        world.found(people, Scope::Base, "(objectClass=*)"),
        names(["People"])
    );
    assert_eq!(
        world.found(people, Scope::Subtree, "(&)"),
        names([
            "Alice Example",
            "Bob",
            "People",
            "The Boss",
            "inner",
            "outer"
        ])
    );
}

#[test]
fn a_search_goes_on_where_it_was_whatever_happened_in_between() {
    let world = World::new();
    let all = world.everywhere("(objectClass=*)");
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut after = None;
    // One entry at a time, each time from the beginning: what a client does with pages of one.
    loop {
        let mut search = world.begin(
            "DC=corp,DC=example",
            Scope::Subtree,
            "(objectClass=*)",
            after,
        );
        let snapshot = world.directory.snapshot().unwrap();
        let step = search.step(&snapshot, START, 1).unwrap();
        if let Some(entry) = step.found.first() {
            after = Some(entry.id);
            assert!(seen.insert(entry.id), "each once");
            found.push(entry.name.clone());
        }
        if step.done {
            break;
        }
    }
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), all);
}

#[test]
fn names_of_every_form_mean_the_same_entry() {
    let world = World::new();
    let alice = world.named("alice");
    let snapshot = world.directory.snapshot().unwrap();
    let namer = Namer::new(&snapshot);
    let sid = snapshot.account_by_id(alice).unwrap().unwrap().sid;
    let hex: String = alice
        .0
        .to_windows_bytes()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let name = namer.name(alice).unwrap().unwrap();
    assert_eq!(name, "CN=Alice Example,OU=People,DC=corp,DC=example");
    for text in [
        name.clone(),
        name.to_lowercase(),
        format!("<GUID={}>", alice),
        format!("<GUID={hex}>"),
        format!("<SID={sid}>"),
        format!("<GUID={}>;<SID={sid}>;{name}", alice),
    ] {
        assert_eq!(namer.find(&text).unwrap(), Ok(Some(alice)), "{text}");
    }
    let users = "<WKGUID=A9D1CA15768811D1ADED00C04FD8D5CD,DC=corp,DC=example>";
    assert_eq!(
        namer.find(users).unwrap(),
        Ok(Some(snapshot.domain().users))
    );
    for text in [
        "alice",
        "<GUID=1>",
        "<SID=2>",
        "<X=3>",
        "<GUID",
        "CN=a+CN=b,DC=corp,DC=example",
    ] {
        assert!(namer.find(text).unwrap().is_err(), "{text}");
    }
    for text in [
        "CN=nobody,DC=corp,DC=example",
        "DC=other,DC=example",
        "<SID=S-1-5-21-1-2-3-4>",
    ] {
        assert_eq!(namer.find(text).unwrap(), Ok(None), "{text}");
    }
    let nobody = EntryId(Guid::from_bytes([9; 16]));
    assert_eq!(namer.name(nobody).unwrap(), None);
}

#[test]
fn an_entry_shows_what_is_stored_and_what_is_worked_out_but_no_secret() {
    let world = World::new();
    let alice = world.named("alice");
    let domain = world.directory.domain().unwrap();
    assert_eq!(
        world.value(alice, "objectClass"),
        "top|person|organizationalPerson|user|posixAccount"
    );
    assert_eq!(world.value(alice, "CN"), "Alice Example");
    assert_eq!(
        world.value(alice, "memberOf"),
        "CN=inner,OU=People,DC=corp,DC=example"
    );
    assert_eq!(
        world.value(alice, "manager"),
        "CN=The Boss,OU=People,DC=corp,DC=example"
    );
    assert_eq!(
        world.value(world.named("boss"), "directReports"),
        "CN=Alice Example,OU=People,DC=corp,DC=example"
    );
    assert_eq!(
        world.value(alice, "canonicalName"),
        "corp.example/People/Alice Example"
    );
    assert_eq!(world.value(alice, "userAccountControl"), "512");
    assert_eq!(
        world.value(alice, "objectCategory"),
        "CN=Person,CN=Schema,CN=Configuration,DC=corp,DC=example"
    );
    assert_eq!(world.value(domain.head, "dc"), "corp");
    assert_eq!(world.value(domain.head, "canonicalName"), "corp.example/");
    let groups = world.shown(alice, &["tokenGroups"]);
    // Domain Users, inner, outer.
    assert_eq!(groups[0].1.len(), 3);
    for secret in [
        "supplementalCredentials",
        "unicodePwd",
        "userPassword",
        "keyporch-PasswordHash",
    ] {
        assert_eq!(world.shown(alice, &[secret]), vec![], "{secret}");
    }
    let all: Vec<String> = world
        .shown(alice, &[])
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for usual in [
        "objectGUID",
        "objectSid",
        "sAMAccountName",
        "distinguishedName",
        "memberOf",
        "uSNChanged",
        "name",
    ] {
        assert!(all.iter().any(|name| name == usual), "{usual}");
    }
    for operational in ["tokenGroups", "canonicalName", "createTimeStamp"] {
        assert!(!all.iter().any(|name| name == operational), "{operational}");
        assert!(!world.shown(alice, &[operational]).is_empty());
    }
    assert_eq!(world.shown(alice, &["1.1"]), vec![]);
    let both = world.shown(alice, &["*", "+", "objectClass"]);
    let mut descriptions: Vec<&str> = both.iter().map(|(name, _)| name.as_str()).collect();
    descriptions.sort_unstable();
    descriptions.dedup();
    assert_eq!(descriptions.len(), both.len(), "each once");
}

#[test]
fn many_members_come_by_range() {
    let mut world = World::new();
    let domain = world.directory.domain().unwrap();
    let group = world.id();
    world.commit([NewEntry::group(group, domain.users, "crowd", GLOBAL_SECURITY).into()]);
    for start in (0..1_600).step_by(400) {
        let mut changes = Vec::new();
        for number in start..start + 400 {
            let id = world.id();
            let name = format!("m{number}");
            changes.push(NewEntry::user(id, domain.users, &name, name.as_str()).into());
            changes.push(Change::AddMember { group, member: id });
        }
        world.commit(changes);
    }
    let first = world.shown(group, &["member"]);
    assert_eq!(first[0], ("member".to_owned(), vec![]));
    assert_eq!(first[1].0, "member;range=0-1499");
    assert_eq!(first[1].1.len(), 1_500);
    let rest = world.shown(group, &["member;range=1500-*"]);
    assert_eq!(rest[0].0, "member;range=1500-*");
    assert_eq!(rest[0].1.len(), 100);
    let some = world.shown(group, &["member;Range=10-19"]);
    assert_eq!(
        (some[0].0.as_str(), some[0].1.len()),
        ("member;range=10-19", 10)
    );
    assert_eq!(first[1].1[10..20], some[0].1);
    assert_eq!(world.shown(group, &["member;range=1600-*"]), vec![]);
}

#[test]
fn what_is_confidential_is_for_administrators_and_for_no_filter_of_others() {
    let world = World::new();
    let domain = world.directory.domain().unwrap();
    let registration = domain.device_registration_service;
    let secret = Value::Octets(b"certificate".to_vec());
    world.commit([change::modify(
        registration,
        vec![crate::Edit::Set(
            Attribute::MsDsIssuerCertificates,
            vec![secret],
        )],
    )]);
    let asked = &["msDS-IssuerCertificates"];
    assert_eq!(world.shown(registration, asked), vec![]);
    for filter in [
        "(msDS-IssuerCertificates=certificate)",
        "(msDS-IssuerCertificates=c*)",
        "(msDS-IssuerCertificates>=a)",
        "(!(msDS-IssuerCertificates=other))",
    ] {
        assert_eq!(world.everywhere(filter), names([]), "{filter}");
    }
    let snapshot = world.directory.snapshot().unwrap();
    let administrators = snapshot.domain().well_known_sid(512);
    let caller = Caller::with_sids(snapshot.domain().well_known_sid(4_711), [administrators]);
    let reading = Reading::of(Some(&caller), &snapshot).unwrap();
    assert!(reading.may_see(Attribute::MsDsIssuerCertificates));
    assert!(!reading.may_see(Attribute::SupplementalCredentials));
    let nobody = Reading::of(None, &snapshot).unwrap();
    assert!(!nobody.may_see(Attribute::SamAccountName) && !nobody.entries);
}
