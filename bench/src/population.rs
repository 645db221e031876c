//! The people and services of the benchmark's domain.

use std::sync::Arc;

use crypto::key::PublicKey;
use directory::account::user_salt;
use directory::password::{PasswordMaterial, keys_of_password};
use directory::storage::Storage;
use directory::{
    Attribute, Change, Directory, EntryId, NewEntry, Options, Origin, Reads, RootKey, change,
};
use store::{Address, Postgres, PostgresOptions, Sqlite};
use trust::{Rng, SystemClock, SystemRng, Timestamp};
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};

/// The benchmark's domain; its realm is the same in upper case.
pub const DOMAIN: &str = "bench.test";

/// The password of every person.
pub const PASSWORD: &str = "Bench-Passw0rd";

/// The service that tickets are asked for.
pub const SERVICE: &str = "host/svc.bench.test";

/// People added in one commit.
const BATCH: usize = 500;

/// Opens the directory of a server that does not run, in a file or in the database of a URL.
///
/// # Panics
/// When it cannot be opened.
#[must_use]
pub fn open(store: &str, root_key: &str) -> Directory {
    let clock = Arc::new(SystemClock);
    let storage: Arc<dyn Storage> = if Address::is_one(store) {
        let address = Address::parse(store).expect("the URL of a database");
        let options = PostgresOptions::default();
        let opened = Postgres::open(&address, clock, &mut SystemRng, &options);
        Arc::new(opened.expect("the database opens"))
    } else {
        let opened = Sqlite::open(store.as_ref(), clock, &store::Options::default());
        Arc::new(opened.expect("the store opens"))
    };
    let text = std::fs::read_to_string(root_key).expect("the root key's file is there");
    let digits = text.trim().as_bytes().chunks(2);
    let bytes: Vec<u8> = digits
        .map(|two| u8::from_str_radix(&String::from_utf8_lossy(two), 16).expect("hexadecimal"))
        .collect();
    Directory::open(
        storage,
        RootKey::new(bytes.try_into().expect("32 bytes")),
        Options {
            // As the server is called there that `keyporchd init` made.
            node: Address::is_one(store).then(|| "dc1.bench.test".to_owned()),
            ..Options::default()
        },
        Box::new(SystemRng),
    )
    .expect("the directory opens")
}

/// Adds `user0` to `user{count - 1}` and the service. Everybody has the keys of `user0`'s password under
/// `user0`'s salt: so the peers are filled too, and a load tool derives one key.
///
/// # Panics
/// When the directory does not take them.
pub fn add(directory: &Directory, count: usize, now: Timestamp, rng: &mut dyn Rng) {
    let domain = directory.domain().expect("the directory has a domain");
    let keys = keys_of_password(PASSWORD.as_bytes(), &user_salt(&domain.realm, "user0"));
    let names: Vec<String> = (0..count).map(|number| format!("user{number}")).collect();
    for names in names.chunks(BATCH) {
        let people = names.iter().map(|name| {
            let material = PasswordMaterial::of_keys(keys.clone());
            NewEntry::user(EntryId::random(rng), domain.users, name, name)
                .with(Attribute::UserPrincipalName, format!("{name}@{DOMAIN}"))
                .with_password(material, false)
        });
        let people: Vec<Change> = people.map(Change::from).collect();
        commit(directory, &people, now);
    }
    let service = NewEntry::computer(EntryId::random(rng), domain.computers, "SVC")
        .with(Attribute::ServicePrincipalName, SERVICE)
        .with_password(PasswordMaterial::random(rng), false);
    commit(directory, &[service.into()], now);
}

/// Adds `user0` to `user{count - 1}` as the people of a Linux fleet, without passwords: what LDAP clients look for.
///
/// # Panics
/// When the directory does not take them.
pub fn add_fleet(directory: &Directory, count: usize, now: Timestamp, rng: &mut dyn Rng) {
    let domain = directory.domain().expect("the directory has a domain");
    let numbers: Vec<usize> = (0..count).collect();
    for numbers in numbers.chunks(BATCH) {
        let people = numbers.iter().map(|number| {
            let name = format!("user{number}");
            let unix = i64::try_from(100_000 + number).expect("so many are not made");
            NewEntry::user(EntryId::random(rng), domain.users, &name, &name)
                .with(Attribute::Surname, format!("Person {number}"))
                .with(Attribute::GivenName, "Another")
                .with(Attribute::DisplayName, format!("Another Person {number}"))
                .with(Attribute::Mail, format!("{name}@{DOMAIN}"))
                .with(Attribute::UidNumber, unix)
                .with(Attribute::GidNumber, 10_000_i64)
                .with(Attribute::LoginShell, "/bin/bash")
                .with(Attribute::UnixHomeDirectory, format!("/home/{name}"))
        });
        let people: Vec<Change> = people.map(Change::from).collect();
        commit(directory, &people, now);
    }
}

/// Lists a public key on a person's account, as its registration from a device of another directory would.
///
/// # Panics
/// When there is no such person.
pub fn list_key(directory: &Directory, name: &str, key: &PublicKey, now: Timestamp) {
    let snapshot = directory.snapshot().expect("the directory has a domain");
    let account = snapshot
        .account_by_sam(name)
        .expect("the directory can be read");
    let holder: Arc<_> = account.expect("the person was added before");
    let time = KeyTime::from_filetime(now.filetime(), KeySource::Ad);
    let value = NewKeyCredential {
        key_material: &key.to_spki_der(),
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: None,
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: Some(time),
        creation_time: Some(time),
    }
    .write()
    .expect("the value keeps the rules");
    let value = value.as_bytes().to_vec();
    commit(
        directory,
        &[change::add_key_credential(
            holder.id,
            value,
            Origin::Registration,
        )],
        now,
    );
}

fn commit(directory: &Directory, changes: &[Change], now: Timestamp) {
    directory
        .commit(changes, &Reads::none(), now)
        .expect("the directory takes the changes");
}
