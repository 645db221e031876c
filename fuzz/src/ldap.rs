//! LDAP: messages and what is in them, a session against a directory, and the tokens that keep its messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use crypto::etype::{Etype, Key};
use crypto::password::Cost;
use directory::ldap::{Answer, Channel, Session, Settings, Shown, View};
use directory::lockout::Lockout;
use directory::sources::{SourceLimits, Sources};
use directory::testing::{START, Seeded};
use directory::{
    Change, Class, CommitError, Directory, Edit, Entry, EntryId, KeyValueId, Reads, Snapshot,
};
use ticket::gss::{Context, Side};
use ticket::{Means, Recent};
use trust::Span;
use wire::kerberos::KeyUsage;
use wire::ldap::{
    AddRequest, Attribute as Given, Authentication, BindRequest, CompareRequest, Control,
    DirSyncRequest, DirSyncResponse, ExtendedRequest, Filter, Frame, Message, Modification,
    ModificationKind, ModifyDnRequest, ModifyRequest, Operation, PagedResults, PasswordModify,
    Scope, SearchRequest, SortKey, assertion_value, attribute_list_value, control_oid,
    extended_dn_value, extension_oid, frame, integer_value, read_attribute_list, read_extended_dn,
    read_integer, read_sort_keys, read_sort_response, sort_keys_value, sort_response_value,
};

use crate::overlay::Overlay;
use crate::resting::Seed;
use crate::world::{DEVICE, PASSWORD, WORLD, open};

/// What was read comes back the same from what is written of it.
macro_rules! returns {
    ($read:expr, $write:expr, $bytes:expr) => {
        if let Ok(value) = $read($bytes) {
            let again = $write(&value);
            let second = $read(&again).expect("what was written can be read");
            assert_eq!(value, second);
        }
    };
}

/// A message, a filter, or the value of a control or an extended operation.
pub(crate) fn ldap(bytes: &[u8]) {
    if let Ok(Frame::Whole(length)) = frame(bytes, 4_096) {
        assert!(length <= bytes.len() && length >= 2);
    }
    if let Ok(message) = Message::decode(bytes) {
        let again = message.encode();
        assert_eq!(frame(&again, usize::MAX), Ok(Frame::Whole(again.len())));
        assert_eq!(Message::id_of(bytes), Some(message.id));
        let second = Message::decode(&again).expect("what was written can be read");
        assert_eq!(message, second);
        if let Operation::SearchRequest(request) = &message.operation {
            filter(&request.filter);
        }
    }
    if let Ok(read) = Filter::decode(bytes) {
        filter(&read);
    }
    if let Some(parsed) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<Filter<'static>>().ok())
    {
        filter(&parsed);
    }
    returns!(PagedResults::decode, PagedResults::encode, bytes);
    returns!(DirSyncRequest::decode, DirSyncRequest::encode, bytes);
    returns!(DirSyncResponse::decode, DirSyncResponse::encode, bytes);
    returns!(
        read_sort_keys,
        |keys: &Vec<SortKey>| sort_keys_value(keys),
        bytes
    );
    returns!(read_integer, |number: &i64| integer_value(*number), bytes);
    let extended = |bytes: &[u8]| read_extended_dn(Some(bytes));
    returns!(extended, |texts: &bool| extended_dn_value(*texts), bytes);
    if let Ok((code, attribute)) = read_sort_response(bytes) {
        let again = sort_response_value(code, attribute.as_deref());
        assert_eq!(read_sort_response(&again), Ok((code, attribute)));
    }
    if let Ok(list) = read_attribute_list(bytes) {
        let again = attribute_list_value(&list);
        assert_eq!(read_attribute_list(&again).as_ref(), Ok(&list));
    }
    if let Ok(asked) = PasswordModify::decode(Some(bytes)) {
        let again = asked.encode();
        let second = PasswordModify::decode(Some(&again)).expect("what was written can be read");
        assert!(
            asked.identity == second.identity && asked.old == second.old && asked.new == second.new
        );
    }
}

fn filter(filter: &Filter<'_>) {
    let written = filter.encode();
    let again = Filter::decode(&written).expect("what was written can be read");
    assert_eq!(again, *filter);
    assert!(filter.count() <= written.len());
    let text = filter.to_string();
    // Not every description that BER holds is one that text can: those of RFC 4512 alone. Another may read as a filter of
    // another kind, whose value is written with escapes from then on.
    if let Ok(parsed) = text.parse::<Filter<'static>>() {
        let again = parsed.to_string().parse::<Filter<'static>>().ok();
        assert_eq!(again.as_ref(), Some(&parsed));
    }
}

/// Who asks, by an input's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Nobody,
    Person,
    KeyAdmin,
    Administrator,
}

impl Who {
    fn sam(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::Person => "alice",
            Self::KeyAdmin => "keeper",
            Self::Administrator => "admin",
        }
    }
}

/// Messages that a session answers at most, and steps of one search.
const MESSAGES: usize = 16;
const STEPS: usize = 400;

/// What nobody is ever shown, in lower case.
const SECRET: [&str; 6] = [
    "unicodepwd",
    "userpassword",
    "supplementalcredentials",
    "keyporch-passwordhash",
    "keyporch-passwordhistory",
    "keyporch-secondfactor",
];

/// Bytes that the answer to one message has at most: the world is small.
const ANSWER: usize = 1 << 20;

/// A directory that lasts for one input, and a connection to it.
struct Connection {
    directory: Directory,
    session: Session,
    channel: Channel,
    settings: Settings,
    lockout: Lockout,
    seen: Recent<()>,
    sources: Sources,
    rng: Seeded,
}

/// A session: whose it is, and messages one after the other.
pub(crate) fn session(bytes: &[u8]) {
    let [who, rest @ ..] = bytes else {
        return;
    };
    let who = [Who::Nobody, Who::Person, Who::KeyAdmin, Who::Administrator][usize::from(who % 4)];
    let mut connection = Connection::new(who, bytes.first().copied().unwrap_or(0));
    let mut rest = rest;
    for _ in 0..MESSAGES {
        let length = match frame(rest, usize::MAX) {
            Ok(Frame::Whole(length)) => length,
            _ => rest.len(),
        };
        let (message, after) = rest.split_at(length);
        if !connection.answers(message) || after.is_empty() {
            return;
        }
        rest = after;
    }
}

impl Connection {
    fn new(who: Who, byte: u8) -> Self {
        let directory = open(Arc::new(Overlay::new(WORLD.rows.clone()))).expect("the world opens");
        let certificate = match who {
            Who::Nobody => Shown::Nothing,
            _ => Shown::Of {
                means: Means {
                    account: account(&directory, who.sam()).0,
                    key: None,
                    certificate: None,
                },
                until: START + Span::hours(1),
            },
        };
        let mut connection = Self {
            directory,
            session: Session::new(),
            channel: Channel {
                from: "192.0.2.1".to_owned(),
                encrypted: byte & 4 == 0,
                signed: byte & 8 == 0,
                start_tls: byte & 16 == 0,
                certificate,
                bindings: None,
            },
            settings: Settings {
                administer_by_password: byte & 32 != 0,
                simple_without_tls: byte & 64 != 0,
                ..Settings::default()
            },
            lockout: Lockout::default(),
            seen: Recent::new(Span::minutes(11), 1_000),
            sources: Sources::new(&mut Seeded::new(20)),
            rng: Seeded::new(21),
        };
        if who != Who::Nobody {
            let bind = external().encode();
            assert!(connection.answers(&bind) && connection.session.who().is_some());
        }
        connection
    }

    /// Whether the connection goes on behind a message.
    fn answers(&mut self, message: &[u8]) -> bool {
        let Self {
            directory,
            session,
            channel,
            settings,
            lockout,
            seen,
            sources,
            rng,
        } = self;
        let snapshot = directory.snapshot().expect("there is a domain");
        let view = |snapshot| View {
            snapshot,
            settings,
            lockout,
            sources,
            failures: SourceLimits::default().failures,
            seen,
            cost: Cost::LEAST,
            host: "dc1.corp.example",
        };
        let before = session.who().map(|who| (who.sid, who.name.clone()));
        let answer = session
            .answer(message, channel, &view(&snapshot), START, rng)
            .expect("memory does not fail");
        let known = session.who().is_some();
        let person = before
            .as_ref()
            .filter(|(_, name)| !name.starts_with("admin"));
        let messages = match answer {
            Answer::Now(messages) => messages,
            Answer::Close(messages) => {
                check(&messages, known);
                return false;
            }
            Answer::Limited(message) => vec![message],
            Answer::StartTls(message) => {
                assert!(channel.start_tls && !known);
                channel.encrypted = true;
                channel.signed = true;
                channel.start_tls = false;
                vec![message]
            }
            Answer::Refused { message, records } => {
                let told = |change: &Change| matches!(change, Change::Audit(_));
                assert!(records.iter().all(told), "a refusal that changes something");
                directory
                    .commit(&records, &Reads::none(), START)
                    .expect("a record can be written");
                vec![message]
            }
            Answer::Search(mut running) => {
                assert!(known, "somebody unknown searches");
                let mut messages = Vec::new();
                for step in 0.. {
                    assert!(step < STEPS, "a search without end");
                    let progress = session
                        .go_on(&mut running, &view(&snapshot), START)
                        .expect("memory does not fail");
                    messages.extend(progress.messages);
                    if progress.done {
                        break;
                    }
                }
                messages
            }
            Answer::Commit(pending) => {
                let own = before.as_ref().and_then(|(sid, _)| sid.as_ref());
                let own = own.expect("somebody unknown changes something");
                let own = snapshot.account_by_sid(own).expect("memory does not fail");
                let own = own.expect("who signed in is there").id;
                let keeper = person.is_some_and(|(_, name)| name.starts_with("keeper"));
                let state = person.map(|_| state_of(&snapshot));
                if person.is_some() {
                    for change in &pending.changes {
                        assert!(is_ones_own(change, own, keeper, &snapshot), "{change:?}");
                    }
                }
                let committed = directory.commit(&pending.changes, &pending.reads, START);
                assert!(
                    !matches!(
                        committed,
                        Err(CommitError::Conflict | CommitError::Fault(_))
                    ),
                    "{committed:?}"
                );
                let after = directory.snapshot().expect("there is a domain");
                if let Some(state) = state {
                    compare(&state, &state_of(&after), own, keeper);
                }
                vec![
                    pending
                        .told(&committed, &after, START)
                        .expect("memory does not fail"),
                ]
            }
        };
        check(&messages, known);
        let _ = session.take_layer();
        true
    }
}

/// Every message is one, none is too much, and nobody unknown is shown an entry.
fn check(messages: &[Vec<u8>], known: bool) {
    let all: usize = messages.iter().map(Vec::len).sum();
    assert!(all <= ANSWER, "{all} bytes");
    for message in messages {
        let message = Message::decode(message).expect("what is sent is a message");
        let Operation::SearchResultEntry(entry) = message.operation else {
            continue;
        };
        assert!(known || entry.name.is_empty(), "shown {}", entry.name);
        for attribute in &entry.attributes {
            let name = attribute.description.to_ascii_lowercase();
            assert!(!SECRET.contains(&name.as_str()), "{name} is shown");
        }
    }
}

/// What people change by themselves: what is about them, computers that they join, and keys where they keep those.
fn is_ones_own(change: &Change, own: EntryId, keeper: bool, snapshot: &Snapshot<'_>) -> bool {
    match change {
        Change::Audit(_) => true,
        Change::Modify { id, edits } => {
            let plain = |edit: &Edit| !edit.attribute().row().system;
            *id == own && edits.iter().all(plain)
        }
        Change::SetPassword { id, .. } => *id == own,
        Change::Add(new) => {
            new.class == Class::Computer && new.parent == snapshot.domain().computers
        }
        Change::AddKeyCredential { .. } | Change::RemoveKeyCredential { .. } => keeper,
        _ => false,
    }
}

/// What is compared of an entry: itself, its members, its keys.
type Of = (Entry, Vec<EntryId>, Vec<KeyValueId>);

fn state_of(snapshot: &Snapshot<'_>) -> BTreeMap<EntryId, Of> {
    let mut state = BTreeMap::new();
    let mut waiting = vec![snapshot.domain().head];
    while let Some(id) = waiting.pop() {
        for child in snapshot
            .children(id, None, 1_000)
            .expect("memory does not fail")
        {
            let members = match child.class {
                Class::Group => snapshot.members(child.id, None, 1_000),
                _ => Ok(Vec::new()),
            };
            let keys = snapshot
                .key_credentials(child.id)
                .expect("memory does not fail");
            waiting.push(child.id);
            let members = members.expect("memory does not fail");
            let keys = keys.iter().map(|key| key.id).collect();
            state.insert(child.id, (child, members, keys));
        }
    }
    state
}

/// Nothing of others is other than it was, but keys where somebody keeps those, and computers that are new.
fn compare(
    before: &BTreeMap<EntryId, Of>,
    after: &BTreeMap<EntryId, Of>,
    own: EntryId,
    keeper: bool,
) {
    for (id, was) in before {
        let is = after.get(id).expect("an entry that somebody else deleted");
        let same_keys = keeper || was.2 == is.2;
        assert!(*id == own || was.1 == is.1 && same_keys, "{:?}", was.0.name);
        let untouched = was.0 == is.0 || keeper && was.2 != is.2;
        assert!(*id == own || untouched, "{:?} became {:?}", was.0, is.0);
    }
    let new = after.iter().filter(|(id, _)| !before.contains_key(id));
    for (_, (entry, ..)) in new {
        assert_eq!(entry.class, Class::Computer);
    }
}

fn account(directory: &Directory, sam: &str) -> EntryId {
    let snapshot = directory.snapshot().expect("there is a domain");
    let account = snapshot.account_by_sam(sam).expect("memory does not fail");
    account.expect("the world has it").id
}

/// Tokens of a layer: as they come, and rightly sealed or signed around whatever the bytes are.
pub(crate) fn gss_wrap(bytes: &[u8]) {
    let [kind, header @ ..] = bytes else {
        return;
    };
    let (etype, length) = match kind & 3 {
        0 => (Etype::Aes128CtsHmacSha1_96, 16),
        1 => (Etype::Aes256CtsHmacSha1_96, 32),
        2 => (Etype::Aes128CtsHmacSha256_128, 16),
        _ => (Etype::Aes256CtsHmacSha384_192, 32),
    };
    let key = || Key::new(etype, &[7_u8; 32][..length]).expect("the key is as long as its etype's");
    let sequence = u32::from(kind >> 4);
    let context = |side| Context::new(side, key(), sequence);
    let unwrapped = context(Side::Acceptor).unwrap(header);
    assert!(unwrapped.is_err(), "nobody can have made this");
    let Some((head, inner)) = header.split_first_chunk::<16>() else {
        return;
    };
    let usage = KeyUsage::GSS_INITIATOR_SEAL;
    let sealed = [&head[..], &key().encrypt(usage, &[3; 16], inner)].concat();
    let checksum = key().checksum(usage, inner);
    let signed = [&head[..], inner, &checksum].concat();
    for token in [sealed, signed] {
        let mut acceptor = context(Side::Acceptor);
        if let Ok((message, _)) = acceptor.unwrap(&token) {
            assert!(inner.starts_with(&message));
            assert!(acceptor.unwrap(&token).is_err(), "it counts once");
            assert!(
                context(Side::Initiator).unwrap(&token).is_err(),
                "it is the other side's"
            );
        }
    }
    // What is rightly made comes back, and no other way.
    let seal = kind & 4 != 0;
    let mut token = context(Side::Initiator).wrap(inner, seal, &mut Seeded::new(5));
    let back = context(Side::Acceptor).unwrap(&token);
    assert_eq!(back, Ok((inner.to_vec(), seal)));
    let [high, low, change, ..] = *head;
    let place = usize::from(u16::from_be_bytes([high, low])) % token.len();
    // The rotation may be another that turns as far.
    if change != 0 && !matches!(place, 6 | 7) {
        token[place] ^= change;
        assert!(context(Side::Acceptor).unwrap(&token).is_err(), "{place}");
    }
}

fn external() -> Message<'static> {
    bind(
        "",
        Authentication::Sasl {
            mechanism: "EXTERNAL",
            credentials: None,
        },
    )
}

fn bind<'a>(name: &'a str, authentication: Authentication<'a>) -> Message<'a> {
    Message::new(
        1,
        Operation::BindRequest(BindRequest {
            version: 3,
            name,
            authentication,
        }),
    )
}

const ALICE: &str = "CN=alice,CN=Users,DC=corp,DC=example";
const HEAD: &str = "DC=corp,DC=example";

fn search<'a>(base: &'a str, scope: Scope, filter: &str, attributes: Vec<&'a str>) -> Message<'a> {
    Message::new(
        2,
        Operation::SearchRequest(SearchRequest {
            base,
            scope,
            deref_aliases: 0,
            size_limit: 0,
            time_limit: 0,
            types_only: false,
            filter: filter.parse().expect("the filter is one"),
            attributes,
        }),
    )
}

fn modify<'a>(
    name: &'a str,
    kind: ModificationKind,
    description: &'a str,
    values: Vec<&'a [u8]>,
) -> Modified<'a> {
    Modified(
        name,
        vec![Modification {
            kind,
            attribute: Given {
                description,
                values,
            },
        }],
    )
}

struct Modified<'a>(&'a str, Vec<Modification<'a>>);

impl<'a> Modified<'a> {
    fn and(mut self, mut other: Self) -> Self {
        self.1.append(&mut other.1);
        self
    }

    fn message(self) -> Message<'a> {
        let (name, changes) = (self.0, self.1);
        Message::new(3, Operation::ModifyRequest(ModifyRequest { name, changes }))
    }
}

fn with<'a>(mut message: Message<'a>, oid: &'static str, value: Option<Vec<u8>>) -> Message<'a> {
    message.controls.push(Control::new(oid, value));
    message
}

/// Each operation in the forms that lead furthest: alone for the decoders, behind one another for sessions.
pub(crate) fn seeds() -> Vec<Seed> {
    let simple = bind("alice", Authentication::Simple(PASSWORD.as_bytes()));
    let wrong = bind(ALICE, Authentication::Simple(b"wrong"));
    let sasl = bind(
        "",
        Authentication::Sasl {
            mechanism: "GSSAPI",
            credentials: Some(b"`\x03"),
        },
    );
    let everything = search(HEAD, Scope::Subtree, "(objectClass=*)", vec!["*", "+"]);
    let root = search("", Scope::Base, "(objectClass=*)", vec!["*", "+"]);
    let schema = search(
        "CN=Aggregate,CN=Schema,CN=Configuration,DC=corp,DC=example",
        Scope::Base,
        "(objectClass=*)",
        vec!["*"],
    );
    let forms = search(
        HEAD,
        Scope::Subtree,
        "(|(&(sAMAccountName=a*)(!(cn=*x*y)))(uSNChanged>=7)(whenCreated<=20300101000000Z)(memberOf:1.2.840.113556.1.4.1941:=CN=staff,CN=Users,DC=corp,DC=example)(userAccountControl:1.2.840.113556.1.4.803:=2)(objectGUID=\\00\\ff)(anr=ali)(msDS-IssuerCertificates=*))",
        vec!["cn", "memberOf", "tokenGroups", "member;range=0-*"],
    );
    let sorted = SortKey {
        attribute: "cn".to_owned(),
        rule: None,
        reverse: true,
    };
    let paged = PagedResults {
        size: 2,
        cookie: Vec::new(),
    }
    .encode();
    let password = PasswordModify {
        identity: Some("alice"),
        old: Some(PASSWORD.as_bytes()),
        new: Some(b"another horse battery"),
    };
    let password_value = password.encode();
    let extended = |name, value| {
        Message::new(
            5,
            Operation::ExtendedRequest(ExtendedRequest { name, value }),
        )
    };
    let quoted = |text: &str| -> Vec<u8> {
        format!("\"{text}\"")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect()
    };
    let (old, new) = (quoted(PASSWORD), quoted("another horse battery"));
    let key = wire::dn_binary::DnBinary {
        binary: directory::testing::key_credential(&mut Seeded::new(8), Some(DEVICE)),
        dn: ALICE.to_owned(),
    }
    .to_string();
    let computer = |name| {
        let given = |description, value: &'static [u8]| Given {
            description,
            values: vec![value],
        };
        Message::new(
            6,
            Operation::AddRequest(AddRequest {
                name,
                attributes: vec![
                    given("objectClass", b"computer"),
                    given("dNSHostName", b"pc7.corp.example"),
                    given("servicePrincipalName", b"HOST/pc7"),
                    given("userAccountControl", b"4096"),
                ],
            }),
        )
    };
    let person = Message::new(
        6,
        Operation::AddRequest(AddRequest {
            name: "CN=new,CN=Users,DC=corp,DC=example",
            attributes: vec![
                Given {
                    description: "objectClass",
                    values: vec![b"user", b"posixAccount"],
                },
                Given {
                    description: "sAMAccountName",
                    values: vec![b"new"],
                },
                Given {
                    description: "uidNumber",
                    values: vec![b"10001"],
                },
                Given {
                    description: "unicodePwd",
                    values: vec![&new],
                },
            ],
        }),
    );
    let rename = Message::new(
        7,
        Operation::ModifyDnRequest(ModifyDnRequest {
            name: ALICE,
            new_rdn: "CN=alicia",
            delete_old_rdn: true,
            new_superior: Some("CN=Computers,DC=corp,DC=example"),
        }),
    );
    let compare = Message::new(
        8,
        Operation::CompareRequest(CompareRequest {
            name: ALICE,
            attribute: "sAMAccountName",
            value: b"ALICE",
        }),
    );
    let assertion: Filter<'static> = "(cn=alice)".parse().expect("it is a filter");
    use ModificationKind::{Add, Delete, Increment, Replace};
    let telephone = modify(ALICE, Replace, "telephoneNumber", vec![b"+49 1"]);
    let own = with(
        telephone.message(),
        control_oid::ASSERTION,
        Some(assertion_value(&assertion)),
    );
    let own = with(
        own,
        control_oid::PRE_READ,
        Some(attribute_list_value(&["*"])),
    );
    let own = with(
        own,
        control_oid::POST_READ,
        Some(attribute_list_value(&["telephoneNumber", "+"])),
    );
    let group = modify(
        "CN=Domain Admins,CN=Users,DC=corp,DC=example",
        Add,
        "member",
        vec![ALICE.as_bytes()],
    );
    let change = modify(ALICE, Delete, "unicodePwd", vec![&old]).and(modify(
        ALICE,
        Add,
        "unicodePwd",
        vec![&new],
    ));
    let several = modify(ALICE, Replace, "userAccountControl", vec![b"512"])
        .and(modify(ALICE, Add, "objectClass", vec![b"posixAccount"]))
        .and(modify(ALICE, Add, "uidNumber", vec![b"7"]))
        .and(modify(ALICE, Increment, "uidNumber", vec![b"1"]))
        .and(modify(
            ALICE,
            Add,
            "servicePrincipalName",
            vec![b"HTTP/x", b"HTTP/y"],
        ));
    let delete = with(
        Message::new(9, Operation::DelRequest("CN=Users,DC=corp,DC=example")),
        control_oid::TREE_DELETE,
        None,
    );
    let messages: Vec<(&str, Vec<u8>)> = vec![
        ("bind-simple", simple.encode()),
        ("bind-wrong", wrong.encode()),
        ("bind-sasl", sasl.encode()),
        ("bind-external", external().encode()),
        ("search-root", root.encode()),
        ("search-schema", schema.encode()),
        ("search-everything", everything.encode()),
        ("search-forms", forms.encode()),
        (
            "search-paged",
            with(
                search(HEAD, Scope::Subtree, "(cn=*)", vec![]),
                control_oid::PAGED_RESULTS,
                Some(paged),
            )
            .encode(),
        ),
        (
            "search-sorted",
            with(
                search(HEAD, Scope::One, "(cn=*)", vec!["1.1"]),
                control_oid::SORT_REQUEST,
                Some(sort_keys_value(&[sorted])),
            )
            .encode(),
        ),
        (
            "search-guid",
            with(
                search(
                    "<WKGUID=A9D1CA15768811D1ADED00C04FD8D5CD,DC=corp,DC=example>",
                    Scope::One,
                    "(cn=alice)",
                    vec!["member"],
                ),
                control_oid::EXTENDED_DN,
                Some(extended_dn_value(true)),
            )
            .encode(),
        ),
        (
            "search-elsewhere",
            search("DC=other,DC=example", Scope::Base, "(cn=*)", vec![]).encode(),
        ),
        ("compare", compare.encode()),
        (
            "add-computer",
            computer("CN=PC7,CN=Computers,DC=corp,DC=example").encode(),
        ),
        ("add-person", person.encode()),
        ("modify-own", own.encode()),
        (
            "modify-several",
            with(several.message(), control_oid::PERMISSIVE_MODIFY, None).encode(),
        ),
        ("modify-group", group.message().encode()),
        (
            "modify-key",
            modify(ALICE, Add, "msDS-KeyCredentialLink", vec![key.as_bytes()])
                .message()
                .encode(),
        ),
        ("modify-password", change.message().encode()),
        ("rename", rename.encode()),
        ("delete-tree", delete.encode()),
        (
            "delete",
            Message::new(9, Operation::DelRequest(ALICE)).encode(),
        ),
        ("who", extended(extension_oid::WHO_AM_I, None).encode()),
        (
            "start-tls",
            extended(extension_oid::START_TLS, None).encode(),
        ),
        (
            "password",
            extended(extension_oid::PASSWORD_MODIFY, Some(&password_value)).encode(),
        ),
        (
            "abandon",
            Message::new(10, Operation::AbandonRequest(2)).encode(),
        ),
        (
            "unbind",
            Message::new(11, Operation::UnbindRequest).encode(),
        ),
    ];
    let mut seeds = Vec::new();
    for (name, message) in &messages {
        seeds.push(("ldap", (*name).to_owned(), message.clone()));
        // As each of the four.
        for (who, word) in [(0, "nobody"), (1, "person"), (2, "keeper"), (3, "admin")] {
            let seed = [&[who][..], message].concat();
            seeds.push(("ldap_session", format!("{word}-{name}"), seed));
        }
    }
    let one = |name: &str| {
        let found = messages.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, message)| message.clone())
            .unwrap_or_default()
    };
    let flow = [
        vec![0b0110_0000],
        one("bind-simple"),
        one("modify-own"),
        one("search-paged"),
        one("bind-wrong"),
        one("who"),
    ];
    seeds.push((
        "ldap_session",
        "password-then-nobody".to_owned(),
        flow.concat(),
    ));
    let flow = [
        vec![3],
        one("add-person"),
        one("modify-key"),
        one("modify-several"),
        one("rename"),
        one("search-everything"),
    ];
    seeds.push((
        "ldap_session",
        "administrator-s-day".to_owned(),
        flow.concat(),
    ));
    let flow = [
        vec![0],
        one("start-tls"),
        one("bind-simple"),
        one("add-computer"),
        one("search-forms"),
    ];
    seeds.push((
        "ldap_session",
        "tls-then-computer".to_owned(),
        flow.concat(),
    ));
    for (name, value) in [
        (
            "filter-text",
            b"(&(cn=a\\2ab*c)(!(x:dn:1.2.3:=\\ff)))".to_vec(),
        ),
        ("password-value", password_value.clone()),
        (
            "dirsync-value",
            DirSyncRequest {
                flags: 1,
                max_bytes: 5,
                cookie: b"c".to_vec(),
            }
            .encode(),
        ),
        (
            "sort-response",
            sort_response_value(wire::ldap::ResultCode::Success, Some("cn")),
        ),
    ] {
        seeds.push(("ldap", name.to_owned(), value));
    }
    for kind in 0..8_u8 {
        let header = [
            5,
            4,
            if kind & 4 == 0 { 0 } else { 2 },
            0xff,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        let seed = [&[kind][..], &header, b"a message of some length", &header].concat();
        seeds.push(("gss_wrap", format!("kind-{kind}"), seed));
    }
    seeds
}
