//! How many passwords may be wrong from one address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::*;
use crate::account::AccountControl;
use crate::password::tests::HASHES;
use crate::sources::{Source, Transport};
use crate::storage::{Body, Memory, Order, Read, Row, Storage, StorageError};
use crate::{Attribute, Edit};

fn from(client: &mut Client<'_>, address: &str) {
    client.channel.from = address.to_owned();
}

/// A client whose address has no more room, by one wrong password each of nobody's.
fn exhausted(world: &World) -> Client<'_> {
    let mut client = Client::new(world);
    for number in 0..60 {
        let code = client.bind(&format!("nobody{number}"), "wrong");
        assert_eq!(code, ResultCode::InvalidCredentials);
    }
    client
}

#[test]
fn an_address_from_which_many_passwords_were_wrong_is_turned_away_and_no_other() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = exhausted(&world);
    let before = audited(&world, "sign-in.ldap");
    assert_eq!(before, 60);
    // Whatever the password: it is not looked at, locks nobody out, and fills no log.
    for _ in 0..20 {
        assert_eq!(client.bind("alice", "wrong"), ResultCode::Busy);
        assert_eq!(client.bind("alice", PASSWORD), ResultCode::Busy);
        assert_eq!(client.bind("nobody", "wrong"), ResultCode::Busy);
    }
    assert_eq!(audited(&world, "sign-in.ldap"), before);
    // The last that was looked at says so.
    let records = world.directory.snapshot().unwrap();
    let limited = records
        .audit_log(START, trust::Timestamp::NEVER, 1_000)
        .unwrap()
        .iter()
        .filter(|record| record.details.contains_key("address"))
        .count();
    assert_eq!(limited, 1);
    from(&mut client, "192.0.2.2");
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    // An IPv4 address is the same one in whichever form.
    from(&mut client, "::ffff:192.0.2.1");
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Busy);
}

#[test]
fn a_server_that_binds_for_many_is_not_turned_away_but_accounts_lock() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = Client::new(&world);
    client.settings.application_servers = vec!["192.0.2.0/24".parse().unwrap()];
    for _ in 0..100 {
        assert_eq!(
            client.bind("nobody", "wrong"),
            ResultCode::InvalidCredentials
        );
    }
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    for _ in 0..10 {
        client.bind("alice", "wrong");
    }
    assert_eq!(
        client.bind("alice", PASSWORD),
        ResultCode::InvalidCredentials
    );
}

#[test]
fn who_signed_in_from_an_address_lately_is_not_turned_away_by_what_others_do_there() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = exhausted(&world);
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Busy);
    let source = Source {
        address: "192.0.2.1".parse().unwrap(),
        transport: Transport::Stream,
    };
    // As the KDC says behind a sign-in; a bind does not, for it may be an application's.
    let alice = world.named("alice");
    client.sources.succeeded(alice, Some(source), START);
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    assert_eq!(client.bind("bob", "wrong"), ResultCode::Busy);
}

/// Whoever has a network of 64 bits has all addresses in it.
#[test]
fn an_address_of_ipv6_counts_as_its_network() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = Client::new(&world);
    for number in 0..60 {
        from(&mut client, &format!("2001:db8:1:2::{number:x}"));
        let code = client.bind("nobody", "wrong");
        assert_eq!(code, ResultCode::InvalidCredentials, "{number}");
    }
    from(&mut client, "2001:db8:1:2:ffff::1");
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Busy);
    from(&mut client, "2001:db8:1:3::1");
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
}

/// As the KDC has it (docs/protection.md): others' guesses are no way to keep somebody out.
#[test]
fn an_account_that_others_locked_is_not_locked_where_it_signed_in_lately() {
    let world = World::new();
    with_password(&world, "alice");
    let alice = world.named("alice");
    let mut client = Client::new(&world);
    let source = Source {
        address: "192.0.2.1".parse().unwrap(),
        transport: Transport::Stream,
    };
    client.sources.succeeded(alice, Some(source), START);
    from(&mut client, "192.0.2.66");
    for _ in 0..10 {
        client.bind("alice", "wrong");
    }
    let invalid = ResultCode::InvalidCredentials;
    assert_eq!(client.bind("alice", PASSWORD), invalid);
    from(&mut client, "192.0.2.1");
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    // That gives who guesses no new start.
    from(&mut client, "192.0.2.66");
    assert_eq!(client.bind("alice", PASSWORD), invalid);
    // As many wrong ones as lock an account end it there, too.
    from(&mut client, "192.0.2.1");
    for _ in 0..10 {
        assert_eq!(client.bind("alice", "wrong"), invalid);
    }
    assert_eq!(client.bind("alice", PASSWORD), invalid);
}

#[test]
fn who_signs_in_by_key_alone_binds_by_no_password_and_stays_signed_in_by_none() {
    let world = World::new();
    with_password(&world, "alice");
    let control = |flag: AccountControl| {
        let control = AccountControl::NORMAL_ACCOUNT.with(flag).to_integer();
        let edit = Edit::set(Attribute::UserAccountControl, control);
        world.commit([change::modify(world.named("alice"), vec![edit])]);
    };
    let mut client = Client::new(&world);
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    control(AccountControl::SMARTCARD_REQUIRED);
    assert_eq!(client.who(), "");
    // Nor does trying lock anything.
    for _ in 0..12 {
        let code = client.bind("alice", PASSWORD);
        assert_eq!(code, ResultCode::InvalidCredentials);
    }
    let mut by_certificate = Client::by_certificate(&world, world.named("alice"));
    assert_ne!(by_certificate.who(), "");
    control(AccountControl(0));
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
}

/// A storage whose states end when a password is being hashed, as they do on a slow machine.
struct Ending {
    below: Memory,
    over: Arc<AtomicBool>,
}

/// A state of it.
struct State<'a> {
    below: Box<dyn Read + Send + 'a>,
    over: &'a AtomicBool,
}

impl State<'_> {
    fn lasts(&self) -> Result<(), StorageError> {
        match self.over.load(SeqCst) {
            false => Ok(()),
            true => Err(StorageError::Expired),
        }
    }
}

impl Read for State<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        self.lasts()?;
        self.below.get(key)
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.lasts()?;
        self.below.scan(start, end, limit, order)
    }
}

impl Storage for Ending {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Ok(Box::new(State {
            below: self.below.snapshot()?,
            over: &self.over,
        }))
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        self.below.transact(body)
    }
}

/// Chance, which is asked for salt when the hashing begins.
struct Hashing(Seeded, Arc<AtomicBool>);

impl trust::Rng for Hashing {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.1.store(true, SeqCst);
        self.0.fill(bytes);
    }
}

#[test]
fn nothing_is_read_once_a_password_is_being_hashed() {
    let over = Arc::new(AtomicBool::new(false));
    let storage = Ending {
        below: Memory::new(),
        over: Arc::clone(&over),
    };
    let world = World::of(crate::testing::over(Arc::new(storage)));
    with_password(&world, "alice");
    let mut client = Client::administrator(&world);
    let filter: Filter<'_> = "(sAMAccountName=alice)".parse().unwrap();
    let assertion = wire::ldap::assertion_value(&filter);
    let list = attribute_list_value(&["description"]);
    use ModificationKind::Replace;
    let password: Vec<u8> = "\"another horse battery\""
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let steps: &[Step<'_>] = &[
        (Replace, "unicodePwd", &[&password]),
        (Replace, "pwdLastSet", &[b"0"]),
        (Replace, "description", &[b"somebody"]),
        (
            Replace,
            "manager",
            &[b"CN=Bob,OU=People,DC=corp,DC=example"],
        ),
    ];
    let mut message = Message::new(7, Operation::ModifyRequest(modification(ALICE, steps)));
    message.controls = vec![
        Control::new(control_oid::ASSERTION, Some(assertion)),
        Control::new(control_oid::PRE_READ, Some(list)),
    ];
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
    let mut rng = Hashing(Seeded::new(3), Arc::clone(&over));
    let answer = client
        .session
        .answer(&message.encode(), &client.channel, &view, START, &mut rng);
    assert!(over.load(SeqCst), "a password was hashed");
    let Ok(Answer::Commit(pending)) = answer else {
        panic!("{answer:?}");
    };
    over.store(false, SeqCst);
    let directory = &world.directory;
    directory
        .commit(&pending.changes, &pending.reads, START)
        .unwrap();
    // As with Active Directory: set by another and expired in one request, it is to be changed.
    let snapshot = directory.snapshot().unwrap();
    let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
    assert!(alice.must_change_password());
}

#[test]
fn nothing_is_read_behind_the_hash_of_a_bind() {
    let over = Arc::new(AtomicBool::new(false));
    let storage = Ending {
        below: Memory::new(),
        over: Arc::clone(&over),
    };
    let world = World::of(crate::testing::over(Arc::new(storage)));
    for sam in ["alice", "bob"] {
        with_password(&world, sam);
    }
    let must_change = Edit::set(Attribute::PwdLastSet, crate::account::MUST_CHANGE);
    world.commit([change::modify(world.named("bob"), vec![must_change])]);
    let mut client = Client::new(&world);
    let hashed = Arc::clone(&over);
    HASHES.set(Some(Box::new(move || hashed.store(true, SeqCst))));
    let mut bind = |name: &str, password: &str| {
        over.store(false, SeqCst);
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
        let request = Operation::BindRequest(BindRequest {
            version: 3,
            name,
            authentication: Authentication::Simple(password.as_bytes()),
        });
        let message = Message::new(7, request).encode();
        let (channel, rng) = (&client.channel, &mut client.rng);
        let answer = client.session.answer(&message, channel, &view, START, rng);
        assert!(over.load(SeqCst), "a password was hashed");
        match answer.unwrap() {
            Answer::Now(messages) => read(&messages).code(),
            Answer::Refused { message, .. } => read(&[message]).code(),
            other => panic!("{other:?}"),
        }
    };
    let invalid = ResultCode::InvalidCredentials;
    assert_eq!(bind("alice", PASSWORD), ResultCode::Success);
    assert_eq!(bind("CN=nobody,DC=corp,DC=example", PASSWORD), invalid);
    assert_eq!(bind("bob", PASSWORD), invalid, "it must be changed");
    for _ in 0..10 {
        assert_eq!(bind("alice", "wrong"), invalid);
    }
    assert_eq!(bind("alice", PASSWORD), invalid, "it is locked out");
    HASHES.set(None);
}
