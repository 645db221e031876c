//! Sessions: what a client sends and is answered, with whatever is committed in between.

mod forest;
mod hostile;
mod limits;
mod partial;
mod reach;
mod rights;
mod tools;

use crypto::password::Cost;
use ticket::{Means, Recent};
use wire::dn_binary::DnBinary;
use wire::ldap::{
    AddRequest, Attribute as WireAttribute, Authentication, BindRequest, CompareRequest, Control,
    ExtendedRequest, Filter, LdapResult, Message, Modification, ModificationKind, ModifyDnRequest,
    ModifyRequest, Operation, PagedResults, PasswordModify, ResultCode, Scope, SearchRequest,
    SortKey, attribute_list_value, control_oid, extension_oid, sort_keys_value,
};

use super::ShownEntry;
use super::{World, names};
use crate::change;
use crate::ldap::{Answer, Channel, Session, Settings, Shown, View};
use crate::lockout::Lockout;
use crate::password::{Chooser, change as change_password};
use crate::reads::Reads;
use crate::sources::{SourceLimits, Sources};
use crate::testing::{START, Seeded, key_credential};
use crate::{Change, EntryId};

pub(super) const ALICE: &str = "CN=Alice Example,OU=People,DC=corp,DC=example";
pub(super) const BOB: &str = "CN=Bob,OU=People,DC=corp,DC=example";
const PASSWORD: &str = "correct horse battery";

/// One change of a request: what is done, to which attribute, with which values.
type Step<'s> = (ModificationKind, &'s str, &'s [&'s [u8]]);

/// A client on a connection.
pub(super) struct Client<'w> {
    world: &'w World,
    session: Session,
    channel: Channel,
    pub(super) settings: Settings,
    lockout: Lockout,
    seen: Recent<()>,
    sources: Sources,
    rng: Seeded,
}

/// An answer's messages: the entries' names with their attributes, and the result.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) entries: Vec<(String, ShownEntry)>,
    pub(super) result: LdapResult,
    pub(super) controls: Vec<(String, Vec<u8>)>,
    value: Option<Vec<u8>>,
}

impl Answered {
    pub(super) fn code(&self) -> ResultCode {
        self.result.code
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl<'w> Client<'w> {
    fn new(world: &'w World) -> Self {
        Self {
            world,
            session: Session::new(),
            channel: Channel {
                from: "192.0.2.1".to_owned(),
                encrypted: true,
                signed: true,
                start_tls: false,
                certificate: Shown::Nothing,
                bindings: None,
            },
            settings: Settings::default(),
            lockout: Lockout::default(),
            seen: Recent::new(trust::Span::minutes(11), 1_000),
            sources: Sources::new(&mut Seeded::new(98)),
            rng: Seeded::new(99),
        }
    }

    /// An administrator who proved it by a certificate.
    pub(super) fn administrator(world: &'w World) -> Self {
        let boss = world.named("boss");
        let group = world.named("Domain Admins");
        let snapshot = world.directory.snapshot().unwrap();
        if !snapshot.is_member(group, boss).unwrap() {
            world.commit([Change::AddMember {
                group,
                member: boss,
            }]);
        }
        Self::by_certificate(world, boss)
    }

    pub(super) fn by_certificate(world: &'w World, id: EntryId) -> Self {
        let mut client = Self::new(world);
        client.channel.certificate = Shown::Of {
            means: Means {
                account: id.0,
                key: None,
                certificate: None,
            },
            until: START + trust::Span::hours(1),
        };
        let answered = client.ask(Operation::BindRequest(BindRequest {
            version: 3,
            name: "",
            authentication: Authentication::Sasl {
                mechanism: "EXTERNAL",
                credentials: None,
            },
        }));
        assert_eq!(answered.code(), ResultCode::Success);
        client
    }

    pub(super) fn ask(&mut self, operation: Operation<'_>) -> Answered {
        self.ask_with(operation, Vec::new())
    }

    pub(super) fn ask_with(
        &mut self,
        operation: Operation<'_>,
        controls: Vec<Control<'_>>,
    ) -> Answered {
        let mut message = Message::new(7, operation);
        message.controls = controls;
        let message = message.encode();
        let directory = &self.world.directory;
        let snapshot = directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            settings: &self.settings,
            lockout: &self.lockout,
            sources: &self.sources,
            failures: SourceLimits::default().failures,
            seen: &self.seen,
            cost: Cost::LEAST,
            host: "dc1.corp.example",
        };
        let answer = self
            .session
            .answer(&message, &self.channel, &view, START, &mut self.rng)
            .unwrap();
        let messages = match answer {
            Answer::Now(messages) | Answer::Close(messages) => messages,
            Answer::StartTls(message) | Answer::Limited(message) => vec![message],
            Answer::Refused { message, records } => {
                directory.commit(&records, &Reads::none(), START).unwrap();
                vec![message]
            }
            Answer::Commit(pending) => {
                let committed = directory.commit(&pending.changes, &pending.reads, START);
                if let Err(crate::CommitError::Refused(why)) = &committed {
                    let records = pending.refused(why);
                    directory.commit(&records, &Reads::none(), START).unwrap();
                }
                let after = directory.snapshot().unwrap();
                vec![pending.told(&committed, &after, START).unwrap()]
            }
            Answer::Search(mut running) => {
                let mut messages = Vec::new();
                loop {
                    let snapshot = directory.snapshot().unwrap();
                    let view = View {
                        snapshot: &snapshot,
                        ..view
                    };
                    let progress = self.session.go_on(&mut running, &view, START).unwrap();
                    messages.extend(progress.messages);
                    if progress.done {
                        break messages;
                    }
                }
            }
        };
        read(&messages)
    }

    fn bind(&mut self, name: &str, password: &str) -> ResultCode {
        let answered = self.ask(Operation::BindRequest(BindRequest {
            version: 3,
            name,
            authentication: Authentication::Simple(password.as_bytes()),
        }));
        answered.code()
    }

    pub(super) fn search(
        &mut self,
        filter: &str,
        attributes: Vec<&str>,
        controls: Vec<Control<'_>>,
    ) -> Answered {
        let request = search(filter, attributes);
        self.ask_with(Operation::SearchRequest(request), controls)
    }

    pub(super) fn modify(&mut self, name: &str, changes: &[Step<'_>]) -> Answered {
        self.modify_with(name, changes, Vec::new())
    }

    fn modify_with(
        &mut self,
        name: &str,
        changes: &[Step<'_>],
        controls: Vec<Control<'_>>,
    ) -> Answered {
        let request = modification(name, changes);
        self.ask_with(Operation::ModifyRequest(request), controls)
    }

    fn add(&mut self, name: &str, attributes: &[(&str, &[&str])]) -> Answered {
        let attributes = attributes
            .iter()
            .map(|(description, values)| WireAttribute {
                description,
                values: values.iter().map(|value| value.as_bytes()).collect(),
            });
        let request = AddRequest {
            name,
            attributes: attributes.collect(),
        };
        self.ask(Operation::AddRequest(request))
    }

    fn who(&mut self) -> String {
        let request = ExtendedRequest {
            name: extension_oid::WHO_AM_I,
            value: None,
        };
        let answered = self.ask(Operation::ExtendedRequest(request));
        String::from_utf8(answered.value.unwrap_or_default()).unwrap()
    }
}

pub(super) fn search<'a>(filter: &str, attributes: Vec<&'a str>) -> SearchRequest<'a> {
    SearchRequest {
        base: "DC=corp,DC=example",
        scope: Scope::Subtree,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: filter.parse::<Filter<'static>>().unwrap(),
        attributes,
    }
}

fn read(messages: &[Vec<u8>]) -> Answered {
    let mut answered = Answered {
        entries: Vec::new(),
        result: LdapResult::success(),
        controls: Vec::new(),
        value: None,
    };
    for message in messages {
        let message = Message::decode(message).unwrap();
        for control in &message.controls {
            let value = control.value.clone().unwrap_or_default();
            answered.controls.push((control.oid.to_owned(), value));
        }
        match message.operation {
            Operation::SearchResultEntry(entry) => {
                let attributes = entry.attributes.into_iter().map(|attribute| {
                    let values = attribute.values.into_iter().map(<[u8]>::to_vec);
                    (attribute.description.to_owned(), values.collect())
                });
                answered
                    .entries
                    .push((entry.name.to_owned(), attributes.collect()));
            }
            Operation::BindResponse(response) => answered.result = response.result,
            Operation::ExtendedResponse(response) => {
                answered.result = response.result;
                answered.value = response.value.map(<[u8]>::to_vec);
            }
            Operation::SearchResultDone(result)
            | Operation::AddResponse(result)
            | Operation::ModifyResponse(result)
            | Operation::ModifyDnResponse(result)
            | Operation::DelResponse(result)
            | Operation::CompareResponse(result) => answered.result = result,
            other => panic!("{other:?}"),
        }
    }
    answered
}

/// Gives somebody a password.
fn with_password(world: &World, sam: &str) {
    let id = world.named(sam);
    let snapshot = world.directory.snapshot().unwrap();
    let chooser = Chooser::Administrator { must_change: false };
    let mut rng = Seeded::new(5);
    let change = change_password(
        &snapshot,
        id,
        PASSWORD,
        chooser,
        Cost::LEAST,
        START,
        &mut rng,
    )
    .unwrap()
    .unwrap();
    world.commit([change]);
}

fn modification<'m>(name: &'m str, changes: &'m [Step<'m>]) -> ModifyRequest<'m> {
    let changes = changes
        .iter()
        .map(|(kind, description, values)| Modification {
            kind: *kind,
            attribute: WireAttribute {
                description,
                values: values.to_vec(),
            },
        });
    ModifyRequest {
        name,
        changes: changes.collect(),
    }
}

fn audited(world: &World, action: &str) -> usize {
    let snapshot = world.directory.snapshot().unwrap();
    let records = snapshot
        .audit_log(START, trust::Timestamp::NEVER, 10_000)
        .unwrap();
    records
        .iter()
        .filter(|record| record.action == action)
        .count()
}

#[test]
fn whoever_has_not_signed_in_sees_the_root_of_the_server_and_nothing_else() {
    let world = World::new();
    let mut client = Client::new(&world);
    let root = SearchRequest {
        base: "",
        scope: Scope::Base,
        ..search("(objectClass=*)", vec![])
    };
    let answered = client.ask(Operation::SearchRequest(root));
    assert_eq!(answered.code(), ResultCode::Success);
    let (name, attributes) = &answered.entries[0];
    assert_eq!(name, "");
    let value = |wanted: &str| {
        let found = attributes.iter().find(|(name, _)| name == wanted);
        found.map(|(_, values)| String::from_utf8_lossy(&values[0]).into_owned())
    };
    assert_eq!(
        value("defaultNamingContext").as_deref(),
        Some("DC=corp,DC=example")
    );
    assert_eq!(value("supportedLDAPVersion").as_deref(), Some("3"));
    assert_eq!(value("dnsHostName").as_deref(), Some("dc1.corp.example"));

    for filter in ["(objectClass=*)", "(cn=alice)"] {
        let answered = client.search(filter, vec![], vec![]);
        assert_eq!(answered.code(), ResultCode::OperationsError);
        assert!(answered.entries.is_empty());
    }
    let compare = CompareRequest {
        name: ALICE,
        attribute: "sAMAccountName",
        value: b"alice",
    };
    let answered = client.ask(Operation::CompareRequest(compare));
    assert_eq!(answered.code(), ResultCode::OperationsError);
    let answered = client.modify(ALICE, &[(ModificationKind::Replace, "info", &[b"x"])]);
    assert_eq!(answered.code(), ResultCode::OperationsError);
    let answered = client.ask(Operation::DelRequest(BOB));
    assert_eq!(answered.code(), ResultCode::OperationsError);
    assert_eq!(client.who(), "");
}

#[test]
fn a_password_signs_in_by_every_kind_of_name_and_says_nothing_about_why_it_does_not() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = Client::new(&world);
    for name in [ALICE, "alice", "alice@corp.example", "CORP\\alice", "ALICE"] {
        assert_eq!(client.bind(name, PASSWORD), ResultCode::Success, "{name}");
        assert_eq!(client.who(), "u:CORP\\alice");
    }
    for (name, password) in [
        (ALICE, "wrong"),
        ("nobody", PASSWORD),
        ("CN=nobody,DC=corp,DC=example", PASSWORD),
        ("krbtgt", PASSWORD),
        ("bob", PASSWORD),
    ] {
        assert_eq!(
            client.bind(name, password),
            ResultCode::InvalidCredentials,
            "{name}"
        );
        assert_eq!(client.who(), "", "whoever was signed in is not any more");
    }
    assert_eq!(audited(&world, "sign-in.ldap"), 5);
    // A name alone is no success.
    assert_eq!(client.bind(ALICE, ""), ResultCode::UnwillingToPerform);
    assert_eq!(client.bind("", ""), ResultCode::Success);
    assert_eq!(client.who(), "");
    // A disabled account, and one whose password was changed, are nobody from then on.
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    let alice = world.named("alice");
    world.commit([change::disable(
        alice,
        crate::AccountControl::NORMAL_ACCOUNT,
    )]);
    assert_eq!(client.who(), "");
    assert_eq!(
        client.bind("alice", PASSWORD),
        ResultCode::InvalidCredentials
    );
    client.channel.encrypted = false;
    assert_eq!(
        client.bind("alice", PASSWORD),
        ResultCode::ConfidentialityRequired
    );
}

#[test]
fn guessing_locks_an_account_out() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = Client::new(&world);
    for _ in 0..10 {
        assert_eq!(
            client.bind("alice", "wrong"),
            ResultCode::InvalidCredentials
        );
    }
    assert_eq!(
        client.bind("alice", PASSWORD),
        ResultCode::InvalidCredentials
    );
}

#[test]
fn pages_bring_every_entry_once_and_an_order_puts_them_in_order() {
    let world = World::new();
    let mut client = Client::by_certificate(&world, world.named("alice"));
    let all = client.search("(objectClass=*)", vec!["1.1"], vec![]);
    let mut found = Vec::new();
    let mut cookie = Vec::new();
    loop {
        let page = PagedResults { size: 4, cookie };
        let mut control = Control::new(control_oid::PAGED_RESULTS, Some(page.encode()));
        control.critical = true;
        let answered = client.search("(objectClass=*)", vec!["1.1"], vec![control]);
        assert_eq!(answered.code(), ResultCode::Success);
        assert!(answered.entries.len() <= 4);
        found.extend(answered.names().into_iter().map(str::to_owned));
        let (_, value) = &answered.controls[0];
        cookie = PagedResults::decode(value).unwrap().cookie;
        if cookie.is_empty() {
            break;
        }
    }
    let mut expected: Vec<String> = all.names().into_iter().map(str::to_owned).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);

    let keys = [SortKey {
        attribute: "sAMAccountName".to_owned(),
        rule: None,
        reverse: true,
    }];
    let control = Control::new(control_oid::SORT_REQUEST, Some(sort_keys_value(&keys)));
    let answered = client.search("(uidNumber=*)", vec!["1.1"], vec![control]);
    assert_eq!(answered.names(), [BOB, ALICE]);
    assert_eq!(answered.controls[0].0, control_oid::SORT_RESPONSE);
    let limited = SearchRequest {
        size_limit: 2,
        ..search("(objectClass=*)", vec!["1.1"])
    };
    let answered = client.ask(Operation::SearchRequest(limited));
    assert_eq!(answered.code(), ResultCode::SizeLimitExceeded);
    assert_eq!(answered.entries.len(), 2);
    // As many as there are is not too many.
    let exact = SearchRequest {
        size_limit: 2,
        ..search("(uidNumber=*)", vec!["1.1"])
    };
    assert_eq!(
        client.ask(Operation::SearchRequest(exact)).code(),
        ResultCode::Success
    );
    client.settings.look_through = 10;
    client.settings.page = 5;
    let strange = PagedResults {
        size: 5,
        cookie: b"of somebody else".to_vec()[..5].to_vec(),
    };
    let control = Control::new(control_oid::PAGED_RESULTS, Some(strange.encode()));
    let answered = client.search("(objectClass=*)", vec![], vec![control]);
    assert_eq!(answered.code(), ResultCode::UnwillingToPerform);
}

#[test]
fn a_certificate_signs_in_whom_it_was_found_to_be_until_it_ends() {
    let world = World::new();
    let alice = world.named("alice");
    let of = |account: EntryId, until| Shown::Of {
        means: Means {
            account: account.0,
            key: None,
            certificate: None,
        },
        until,
    };
    let bind = |client: &mut Client<'_>, authorization| {
        let authentication = Authentication::Sasl {
            mechanism: "external",
            credentials: Some(authorization),
        };
        client
            .ask(Operation::BindRequest(BindRequest {
                version: 3,
                name: "",
                authentication,
            }))
            .code()
    };
    let later = START + trust::Span::hours(1);
    let mut client = Client::new(&world);
    for (shown, code) in [
        (Shown::Nothing, ResultCode::InappropriateAuthentication),
        (Shown::Unjudged, ResultCode::InappropriateAuthentication),
        (
            Shown::Refused("it is revoked".to_owned()),
            ResultCode::InvalidCredentials,
        ),
        (
            of(EntryId::random(&mut Seeded::new(5)), later),
            ResultCode::InvalidCredentials,
        ),
        (
            of(alice, START - trust::Span::seconds(1)),
            ResultCode::InvalidCredentials,
        ),
        (of(alice, later), ResultCode::Success),
    ] {
        client.channel.certificate = shown;
        assert_eq!(bind(&mut client, b""), code);
        assert_eq!(client.session.who().is_some(), code == ResultCode::Success);
    }
    assert_eq!(
        bind(&mut client, b"u:bob"),
        ResultCode::AuthMethodNotSupported
    );
    assert!(client.session.who().is_none());
}

/// Each page makes the order anew; an entry that has gone from the place between two pages leaves its number behind.
#[test]
fn what_is_in_order_comes_in_pages_as_it_comes_at_once() {
    let world = World::new();
    let mut client = Client::by_certificate(&world, world.named("alice"));
    let keys = [SortKey {
        attribute: "cn".to_owned(),
        rule: None,
        reverse: true,
    }];
    let order = || Control::new(control_oid::SORT_REQUEST, Some(sort_keys_value(&keys)));
    let all = client.search("(cn=*)", vec!["1.1"], vec![order()]);
    let all: Vec<String> = all.names().into_iter().map(str::to_owned).collect();
    assert!(all.len() > 4);
    let mut found = Vec::new();
    let mut cookie = Vec::new();
    loop {
        let page = PagedResults { size: 2, cookie };
        let page = Control::new(control_oid::PAGED_RESULTS, Some(page.encode()));
        let answered = client.search("(cn=*)", vec!["1.1"], vec![page, order()]);
        assert_eq!(answered.code(), ResultCode::Success);
        assert!(answered.entries.len() <= 2);
        found.extend(answered.names().into_iter().map(str::to_owned));
        let [(_, page), (sorted, _)] = answered.controls.as_slice() else {
            panic!("both are answered: {answered:?}");
        };
        assert_eq!(sorted, control_oid::SORT_RESPONSE);
        cookie = PagedResults::decode(page).unwrap().cookie;
        if cookie.is_empty() {
            break;
        }
    }
    assert_eq!(found, all);

    // The entry that the page ended with is nobody's: its number counts.
    let strange = [&[7; 16], 3_u32.to_be_bytes().as_slice()].concat();
    let mut page = |cookie: Vec<u8>| {
        let page = PagedResults { size: 2, cookie };
        let page = Control::new(control_oid::PAGED_RESULTS, Some(page.encode()));
        client.search("(cn=*)", vec!["1.1"], vec![page, order()])
    };
    assert_eq!(page(strange).names(), all[3..5]);
    let far = [&[7; 16], u32::MAX.to_be_bytes().as_slice()].concat();
    assert_eq!(page(far).names(), [""; 0]);
    // The cookie of a search without an order.
    assert_eq!(page(vec![7; 16]).code(), ResultCode::UnwillingToPerform);
}

#[test]
fn an_unknown_critical_control_refuses_and_another_is_passed_over() {
    let world = World::new();
    let mut client = Client::by_certificate(&world, world.named("alice"));
    let mut control = Control::new("1.2.3.4", None);
    let answered = client.search("(cn=bob)", vec![], vec![control.clone()]);
    assert_eq!(
        (answered.code(), answered.entries.len()),
        (ResultCode::Success, 1)
    );
    control.critical = true;
    let answered = client.search("(cn=bob)", vec![], vec![control]);
    assert_eq!(answered.code(), ResultCode::UnavailableCriticalExtension);
    let malformed = Control::new(control_oid::PAGED_RESULTS, Some(vec![1]));
    let answered = client.search("(cn=bob)", vec![], vec![malformed]);
    assert_eq!(answered.code(), ResultCode::ProtocolError);
    let extended = Control::new(
        control_oid::EXTENDED_DN,
        Some(wire::ldap::extended_dn_value(true)),
    );
    let answered = client.search("(cn=bob)", vec!["1.1"], vec![extended]);
    assert!(answered.names()[0].starts_with("<GUID="), "{answered:?}");
    // A base that is elsewhere, or nowhere.
    let elsewhere = SearchRequest {
        base: "DC=other,DC=example",
        ..search("(cn=bob)", vec![])
    };
    let answered = client.ask(Operation::SearchRequest(elsewhere));
    assert_eq!(answered.code(), ResultCode::Referral);
    assert_eq!(
        answered.result.referral,
        ["ldap://other.example/DC=other,DC=example"]
    );
    let nowhere = SearchRequest {
        base: "CN=x,OU=nowhere,OU=People,DC=corp,DC=example",
        ..search("(cn=bob)", vec![])
    };
    let answered = client.ask(Operation::SearchRequest(nowhere));
    assert_eq!(answered.code(), ResultCode::NoSuchObject);
    assert_eq!(answered.result.matched, "OU=People,DC=corp,DC=example");
}

#[test]
fn an_administrator_adds_changes_renames_and_deletes() {
    let world = World::new();
    let mut client = Client::administrator(&world);
    let carol = "CN=Carol,OU=People,DC=corp,DC=example";
    let answered = client.add(
        carol,
        &[
            (
                "objectClass",
                &[
                    "top",
                    "person",
                    "organizationalPerson",
                    "user",
                    "posixAccount",
                ],
            ),
            ("cn", &["Carol"]),
            ("sAMAccountName", &["carol"]),
            ("uidNumber", &["10003"]),
            ("userPassword", &[PASSWORD]),
            ("manager", &[ALICE]),
        ],
    );
    assert_eq!(answered.code(), ResultCode::Success, "{answered:?}");
    assert_eq!(
        Client::new(&world).bind("carol", PASSWORD),
        ResultCode::Success
    );
    assert_eq!(
        client.add(carol, &[("objectClass", &["user"])]).code(),
        ResultCode::EntryAlreadyExists
    );

    use ModificationKind::{Add, Delete, Increment, Replace};
    let cases: &[(&[Step<'_>], ResultCode)] = &[
        (&[(Replace, "title", &[b"Engineer"])], ResultCode::Success),
        (
            &[(Add, "title", &[b"Another"])],
            ResultCode::ConstraintViolation,
        ),
        (
            &[(Delete, "title", &[b"nothing"])],
            ResultCode::NoSuchAttribute,
        ),
        (
            &[
                (Delete, "title", &[b"ENGINEER"]),
                (Add, "title", &[b"Doctor"]),
            ],
            ResultCode::Success,
        ),
        (&[(Delete, "mobile", &[])], ResultCode::NoSuchAttribute),
        (&[(Increment, "uidNumber", &[b"5"])], ResultCode::Success),
        (
            &[(Increment, "title", &[b"5"])],
            ResultCode::ConstraintViolation,
        ),
        (
            &[(Add, "proxyAddresses", &[b"a", b"b"])],
            ResultCode::Success,
        ),
        (
            &[(Add, "proxyAddresses", &[b"B"])],
            ResultCode::AttributeOrValueExists,
        ),
        (&[(Replace, "cn", &[b"x"])], ResultCode::NotAllowedOnRdn),
        (
            &[(Replace, "nothing", &[b"x"])],
            ResultCode::UndefinedAttributeType,
        ),
        (
            &[(Replace, "uidNumber", &[b"many"])],
            ResultCode::InvalidAttributeSyntax,
        ),
        (
            &[(Replace, "manager", &[b"CN=nobody,DC=corp,DC=example"])],
            ResultCode::ConstraintViolation,
        ),
        (
            &[(Replace, "groupType", &[b"2"])],
            ResultCode::ObjectClassViolation,
        ),
        (
            &[(Replace, "sAMAccountName", &[b"alice"])],
            ResultCode::ConstraintViolation,
        ),
        (
            &[(Replace, "whenCreated", &[b"20200101000000.0Z"])],
            ResultCode::ConstraintViolation,
        ),
        (
            &[(Replace, "supplementalCredentials", &[b"x"])],
            ResultCode::UnwillingToPerform,
        ),
        (
            &[(Replace, "objectClass", &[b"computer"])],
            ResultCode::ObjectClassModsProhibited,
        ),
        (
            &[(Delete, "objectClass", &[b"posixAccount"])],
            ResultCode::Success,
        ),
        (
            &[(Replace, "userAccountControl", &[b"514"])],
            ResultCode::Success,
        ),
        // All or nothing: the second of these cannot be.
        (
            &[(Replace, "info", &[b"half"]), (Add, "title", &[b"x"])],
            ResultCode::ConstraintViolation,
        ),
    ];
    for (changes, code) in cases {
        let answered = client.modify(carol, changes);
        assert_eq!(
            answered.code(),
            *code,
            "{changes:?}: {}",
            answered.result.message
        );
    }
    let id = world.named("carol");
    assert_eq!(world.value(id, "title"), "Doctor");
    assert_eq!(world.value(id, "uidNumber"), "10008");
    assert_eq!(world.value(id, "userAccountControl"), "514");
    assert!(world.shown(id, &["info"]).is_empty());
    // No error where that is asked for.
    let permissive = || vec![Control::new(control_oid::PERMISSIVE_MODIFY, None)];
    let again: &[Step<'_>] = &[(Add, "proxyAddresses", &[b"b"]), (Delete, "mobile", &[])];
    assert_eq!(
        client.modify_with(carol, again, permissive()).code(),
        ResultCode::Success
    );

    let group = "CN=inner,OU=People,DC=corp,DC=example";
    let bob = BOB.as_bytes();
    assert_eq!(
        client.modify(group, &[(Add, "member", &[bob])]).code(),
        ResultCode::Success
    );
    assert_eq!(
        client.modify(group, &[(Add, "member", &[bob])]).code(),
        ResultCode::AttributeOrValueExists
    );
    assert_eq!(
        client
            .modify(group, &[(Replace, "member", &[carol.as_bytes()])])
            .code(),
        ResultCode::Success
    );
    assert_eq!(
        world.everywhere("(memberOf=CN=inner,OU=People,DC=corp,DC=example)"),
        names(["Carol"])
    );
    assert_eq!(
        client.modify(group, &[(Delete, "member", &[bob])]).code(),
        ResultCode::NoSuchAttribute
    );
    assert_eq!(
        client.modify(group, &[(Delete, "member", &[])]).code(),
        ResultCode::Success
    );

    let mut rename = ModifyDnRequest {
        name: carol,
        new_rdn: "CN=Caroline",
        delete_old_rdn: true,
        new_superior: Some("CN=Users,DC=corp,DC=example"),
    };
    assert_eq!(
        client
            .ask(Operation::ModifyDnRequest(rename.clone()))
            .code(),
        ResultCode::Success
    );
    assert_eq!(
        world.value(id, "distinguishedName"),
        "CN=Caroline,CN=Users,DC=corp,DC=example"
    );
    assert_eq!(
        client
            .ask(Operation::ModifyDnRequest(rename.clone()))
            .code(),
        ResultCode::NoSuchObject
    );
    rename.name = "CN=Caroline,CN=Users,DC=corp,DC=example";
    rename.new_rdn = "OU=Caroline";
    assert_eq!(
        client
            .ask(Operation::ModifyDnRequest(rename.clone()))
            .code(),
        ResultCode::NamingViolation
    );
    rename.new_rdn = "CN=Bob";
    rename.new_superior = Some("OU=People,DC=corp,DC=example");
    assert_eq!(
        client.ask(Operation::ModifyDnRequest(rename)).code(),
        ResultCode::EntryAlreadyExists
    );

    let people = "OU=People,DC=corp,DC=example";
    assert_eq!(
        client.ask(Operation::DelRequest(people)).code(),
        ResultCode::NotAllowedOnNonLeaf
    );
    let tree = vec![Control::new(control_oid::TREE_DELETE, None)];
    let mut other = Client::by_certificate(&world, world.named("boss"));
    assert_eq!(
        other.ask(Operation::DelRequest(BOB)).code(),
        ResultCode::Success
    );
    assert_eq!(
        client.ask_with(Operation::DelRequest(people), tree).code(),
        ResultCode::Success
    );
    assert_eq!(world.everywhere("(ou=People)"), names([]));
    assert_eq!(client.who(), "", "the administrator was below");
}

#[test]
fn what_is_only_if_and_what_was_before_and_after() {
    let world = World::new();
    let mut client = Client::administrator(&world);
    let replace: &[Step<'_>] = &[(ModificationKind::Replace, "title", &[b"Engineer"])];
    let only_if = |filter: &str| {
        let filter: Filter<'_> = filter.parse().unwrap();
        vec![Control {
            critical: true,
            ..Control::new(
                control_oid::ASSERTION,
                Some(wire::ldap::assertion_value(&filter)),
            )
        }]
    };
    let answered = client.modify_with(ALICE, replace, only_if("(title=Doctor)"));
    assert_eq!(answered.code(), ResultCode::AssertionFailed);
    let mut controls = only_if("(!(title=*))");
    for oid in [control_oid::PRE_READ, control_oid::POST_READ] {
        controls.push(Control::new(
            oid,
            Some(attribute_list_value(&["title", "sn"])),
        ));
    }
    let answered = client.modify_with(ALICE, replace, controls);
    assert_eq!(answered.code(), ResultCode::Success);
    let text = |place: usize| String::from_utf8_lossy(&answered.controls[place].1).into_owned();
    assert_eq!(answered.controls[0].0, control_oid::PRE_READ);
    assert!(!text(0).contains("Engineer") && text(0).contains("Example"));
    assert!(text(1).contains("Engineer"));
}

#[test]
fn others_change_what_is_their_own_and_nothing_else_and_it_is_written_down() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = Client::new(&world);
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    use ModificationKind::Replace;
    assert_eq!(
        client
            .modify(ALICE, &[(Replace, "mobile", &[b"+49 1"])])
            .code(),
        ResultCode::Success
    );
    for (name, attribute, value) in [
        (BOB, "mobile", "+49 2"),
        (ALICE, "userAccountControl", "66048"),
        (ALICE, "sAMAccountName", "root"),
        (ALICE, "servicePrincipalName", "HOST/dc1"),
        (ALICE, "altSecurityIdentities", "x"),
        (ALICE, "uidNumber", "0"),
        (
            "CN=Domain Admins,CN=Users,DC=corp,DC=example",
            "member",
            ALICE,
        ),
    ] {
        let answered = client.modify(name, &[(Replace, attribute, &[value.as_bytes()])]);
        assert_eq!(
            answered.code(),
            ResultCode::InsufficientAccessRights,
            "{name} {attribute}"
        );
    }
    assert_eq!(audited(&world, "entry.modify"), 7);
    assert_eq!(audited(&world, "group.change"), 1);
    let user = client.add(
        "CN=x,OU=People,DC=corp,DC=example",
        &[("objectClass", &["user"])],
    );
    assert_eq!(user.code(), ResultCode::InsufficientAccessRights);
    assert_eq!(
        client.ask(Operation::DelRequest(BOB)).code(),
        ResultCode::InsufficientAccessRights
    );
    // An administrator's password alone does not administer.
    with_password(&world, "boss");
    drop(Client::administrator(&world));
    assert_eq!(client.bind("boss", PASSWORD), ResultCode::Success);
    let change: &[Step<'_>] = &[(Replace, "title", &[b"x"])];
    assert_eq!(
        client.modify(BOB, change).code(),
        ResultCode::InsufficientAccessRights
    );
    client.settings.administer_by_password = true;
    assert_eq!(client.modify(BOB, change).code(), ResultCode::Success);
}

#[test]
fn a_person_joins_computers_that_are_nobody_else() {
    let world = World::new();
    let mut client = Client::by_certificate(&world, world.named("alice"));
    let mut add = |name: &str, attributes: &[(&str, &[&str])]| {
        let name = format!("CN={name},CN=Computers,DC=corp,DC=example");
        let attributes = [&[("objectClass", ["computer"].as_slice())], attributes].concat();
        client.add(&name, &attributes).code()
    };
    assert_eq!(
        add("PC1", &[("dNSHostName", &["pc1.corp.example"])]),
        ResultCode::Success
    );
    assert_eq!(
        add(
            "PC2",
            &[(
                "servicePrincipalName",
                &["HOST/pc2", "HOST/pc2.corp.example"]
            )]
        ),
        ResultCode::Success
    );
    for attributes in [
        [("servicePrincipalName", ["HOST/pc9"].as_slice())],
        [("servicePrincipalName", ["HOST/pc3/other"].as_slice())],
        [("dNSHostName", ["dc1.corp.example"].as_slice())],
        [("sAMAccountName", ["other$"].as_slice())],
        [("userAccountControl", ["8192"].as_slice())],
        [("msDS-AllowedToDelegateTo", ["x"].as_slice())],
    ] {
        assert_eq!(
            add("PC3", &attributes),
            ResultCode::InsufficientAccessRights,
            "{attributes:?}"
        );
    }
    // Ten of them, and no more.
    for number in 10..18 {
        assert_eq!(add(&format!("PC{number}"), &[]), ResultCode::Success);
    }
    assert_eq!(add("PC99", &[]), ResultCode::InsufficientAccessRights);
}

#[test]
fn passwords_are_set_by_who_may_and_changed_by_who_knows_them() {
    let world = World::new();
    with_password(&world, "alice");
    let quoted = |text: &str| -> Vec<u8> {
        format!("\"{text}\"")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect()
    };
    use ModificationKind::{Add, Delete, Replace};
    let (old, new, wrong) = (
        quoted(PASSWORD),
        quoted("another horse battery"),
        quoted("wrong"),
    );
    let mut alice = Client::new(&world);
    assert_eq!(alice.bind("alice", PASSWORD), ResultCode::Success);
    let set: &[Step<'_>] = &[(Replace, "unicodePwd", &[&new])];
    assert_eq!(
        alice.modify(ALICE, set).code(),
        ResultCode::InsufficientAccessRights
    );
    assert_eq!(
        alice
            .modify(
                ALICE,
                &[
                    (Delete, "unicodePwd", &[&wrong]),
                    (Add, "unicodePwd", &[&new])
                ]
            )
            .code(),
        ResultCode::ConstraintViolation
    );
    // The policy's minimum age: it was set a moment ago.
    let young = alice.modify(
        ALICE,
        &[
            (Delete, "unicodePwd", &[&old]),
            (Add, "unicodePwd", &[&new]),
        ],
    );
    assert_eq!(young.code(), ResultCode::ConstraintViolation);
    assert!(
        young.result.message.starts_with("0000052D"),
        "{}",
        young.result.message
    );

    let mut administrator = Client::administrator(&world);
    assert_eq!(administrator.modify(ALICE, set).code(), ResultCode::Success);
    assert_eq!(alice.who(), "", "it was proven by another password");
    assert_eq!(
        alice.bind("alice", "another horse battery"),
        ResultCode::Success
    );
    assert_eq!(
        administrator
            .modify(ALICE, &[(Replace, "unicodePwd", &[&quoted("short")])])
            .code(),
        ResultCode::ConstraintViolation
    );
    let request = PasswordModify {
        identity: Some("bob"),
        old: None,
        new: None,
    };
    let value = request.encode();
    let extended = |value| {
        Operation::ExtendedRequest(ExtendedRequest {
            name: extension_oid::PASSWORD_MODIFY,
            value: Some(value),
        })
    };
    let answered = administrator.ask(extended(&value));
    assert_eq!(answered.code(), ResultCode::Success, "{answered:?}");
    let made = answered.value.unwrap();
    // SEQUENCE { [0] the password }
    let made = String::from_utf8(made[4..].to_vec()).unwrap();
    assert_eq!(Client::new(&world).bind("bob", &made), ResultCode::Success);
    assert_eq!(
        alice.ask(extended(&value)).code(),
        ResultCode::InsufficientAccessRights
    );
    administrator.channel.encrypted = false;
    assert_eq!(
        administrator.ask(extended(&value)).code(),
        ResultCode::ConfidentialityRequired
    );
    assert_eq!(
        administrator.modify(ALICE, set).code(),
        ResultCode::ConfidentialityRequired
    );
}

#[test]
fn keys_are_listed_by_who_may_and_every_try_is_written_down() {
    let world = World::new();
    let key_admins = world.named("Key Admins");
    let bob = world.named("bob");
    world.commit([Change::AddMember {
        group: key_admins,
        member: bob,
    }]);
    let value = |name: &str, seed: u64| {
        let value = DnBinary {
            binary: key_credential(&mut Seeded::new(seed), None),
            dn: name.to_owned(),
        };
        value.to_string().into_bytes()
    };
    use ModificationKind::{Add, Delete, Replace};
    let attribute = "msDS-KeyCredentialLink";
    let (first, second) = (value(ALICE, 1), value(ALICE, 2));
    let mut keys = Client::by_certificate(&world, bob);
    assert_eq!(
        keys.modify(ALICE, &[(Add, attribute, &[&first])]).code(),
        ResultCode::Success
    );
    assert_eq!(
        keys.modify(ALICE, &[(Add, attribute, &[&first])]).code(),
        ResultCode::AttributeOrValueExists
    );
    assert_eq!(
        keys.modify(ALICE, &[(Replace, attribute, &[&first, &second])])
            .code(),
        ResultCode::Success
    );
    let listed = keys.search("(msDS-KeyCredentialLink=*)", vec![attribute], vec![]);
    assert_eq!(listed.entries[0].1[0].1.len(), 2);
    let filter = format!(
        "(msDS-KeyCredentialLink={})",
        String::from_utf8_lossy(&second)
    );
    assert_eq!(keys.search(&filter, vec!["1.1"], vec![]).names(), [ALICE]);
    assert_eq!(
        keys.modify(ALICE, &[(Delete, attribute, &[&second])])
            .code(),
        ResultCode::Success
    );
    assert_eq!(
        keys.modify(ALICE, &[(Delete, attribute, &[&second])])
            .code(),
        ResultCode::NoSuchAttribute
    );
    // A key's value names its own entry, and is whole.
    assert_eq!(
        keys.modify(ALICE, &[(Add, attribute, &[&value(BOB, 3)])])
            .code(),
        ResultCode::ConstraintViolation
    );
    assert_eq!(
        keys.modify(ALICE, &[(Add, attribute, &[b"B:2:00"])]).code(),
        ResultCode::InvalidAttributeSyntax
    );
    let mut broken = key_credential(&mut Seeded::new(3), None);
    broken[10] ^= 1;
    let broken = DnBinary {
        binary: broken,
        dn: ALICE.to_owned(),
    }
    .to_string();
    assert_eq!(
        keys.modify(ALICE, &[(Add, attribute, &[broken.as_bytes()])])
            .code(),
        ResultCode::ConstraintViolation
    );

    // Protected accounts' keys are for administrators; others' for nobody else, oneself included.
    drop(Client::administrator(&world));
    let boss = "CN=The Boss,OU=People,DC=corp,DC=example";
    let before = audited(&world, "key.add");
    let answered = keys.modify(boss, &[(Add, attribute, &[&value(boss, 4)])]);
    assert_eq!(answered.code(), ResultCode::InsufficientAccessRights);
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let answered = alice.modify(ALICE, &[(Add, attribute, &[&second])]);
    assert_eq!(answered.code(), ResultCode::InsufficientAccessRights);
    assert_eq!(audited(&world, "key.add"), before + 2);
    keys.channel.signed = false;
    let answered = keys.modify(ALICE, &[(Add, attribute, &[&second])]);
    assert_eq!(answered.code(), ResultCode::ConfidentialityRequired);
    let alice = world.named("alice");
    assert_eq!(world.shown(alice, &[attribute])[0].1, [first]);
}

#[test]
fn a_key_that_is_refused_is_written_down_wherever_that_is() {
    let world = World::new();
    let mut client = Client::administrator(&world);
    let attribute = "msDS-KeyCredentialLink";
    let bob = "CN=Bob,OU=People,DC=corp,DC=example";
    let blob = key_credential(&mut Seeded::new(1), None);
    let value = |holder: &str, blob: &[u8]| {
        let value = DnBinary {
            binary: blob.to_vec(),
            dn: holder.to_owned(),
        };
        value.to_string().into_bytes()
    };
    use ModificationKind::Add;
    let added = client.modify(ALICE, &[(Add, attribute, &[&value(ALICE, &blob)])]);
    assert_eq!(added.code(), ResultCode::Success);
    let mut not_whole = key_credential(&mut Seeded::new(2), None);
    not_whole[60] ^= 1;
    // Alice's key on Bob, a value whose KeyHash does not fit, and what is no key.
    let bytes = b"no key".to_vec();
    for blob in [&blob, &not_whole, &bytes] {
        let refused = client.modify(bob, &[(Add, attribute, &[&value(bob, blob)])]);
        assert_eq!(refused.code(), ResultCode::ConstraintViolation);
    }
    let snapshot = world.directory.snapshot().unwrap();
    let records = snapshot
        .audit_log(START, trust::Timestamp::NEVER, 10_000)
        .unwrap();
    let keys: Vec<_> = records
        .iter()
        .filter(|record| record.action == "key.add")
        .collect();
    let results: Vec<_> = keys.iter().map(|record| record.result).collect();
    use crate::AuditResult::{Done, Refused};
    assert_eq!(
        results.iter().filter(|result| **result == Done).count(),
        1,
        "{results:?}"
    );
    assert_eq!(results.len(), 4);
    let refused = keys.iter().filter(|record| record.result == Refused);
    let taken = keys.iter().find(|record| record.result == Done).unwrap();
    let mut same = 0;
    for record in refused {
        assert_eq!(record.actor.name, "boss");
        assert_eq!(record.from.as_deref(), Some("192.0.2.1"));
        assert_eq!(record.target, Some(world.named("bob")));
        assert!(record.reason.is_some());
        same += usize::from(record.key == taken.key);
    }
    assert_eq!(same, 1, "whose key it is that somebody would list again");
}

#[test]
fn what_is_no_message_ends_the_connection_with_a_notice() {
    let world = World::new();
    let mut client = Client::new(&world);
    let snapshot = world.directory.snapshot().unwrap();
    let view = View {
        snapshot: &snapshot,
        settings: &client.settings,
        lockout: &client.lockout,
        sources: &client.sources,
        failures: SourceLimits::default().failures,
        seen: &client.seen,
        cost: Cost::LEAST,
        host: "dc1.corp.example",
    };
    let mut rng = Seeded::new(1);
    for bytes in [&[0x30, 3, 2, 1, 1][..], b"", &[0x30, 5, 2, 1, 1, 0x42, 0]] {
        let answer = client
            .session
            .answer(bytes, &client.channel, &view, START, &mut rng)
            .unwrap();
        let Answer::Close(messages) = answer else {
            panic!("{answer:?}");
        };
        // The last of these is an unbind, which nothing answers.
        assert_eq!(messages.is_empty(), bytes.len() == 7);
    }
}
