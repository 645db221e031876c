//! What rests: rows of the store, records of the parties, files of a device. They are our own writing, but a disk may
//! give back anything.

use std::sync::{Arc, LazyLock};

use crypto::signature::Signer;
use directory::dump::{self, Dump};
use directory::storage::{Row, Storage as _};
use directory::testing::{START, Seeded};
use directory::{Class, Cursor, Directory, Fault, RootKey, Snapshot};
use hello::Hello;
use hello::container::Containers;
use hello::file::{Keeper, MemoryFile, Slot};
use hello::vault::{DeviceKey, Protected, SoftwareVault, Unlocked, Vault, VaultKey};
use trust::enrolment::{DeviceEnrolment, Outcome};
use trust::{Span, Timestamp};

use crate::overlay::Overlay;
use crate::world::{DEVICE, WORLD, open};

/// A value in each of the encodings that the directory writes; and a backup, whole and from its first row on.
pub(crate) fn row(bytes: &[u8]) {
    directory::testing::reread(bytes);
    backup(bytes);
    backup(&[BACKUP.as_slice(), bytes].concat());
}

/// What a backup of this world begins with, up to its first row.
static BACKUP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let storage = Overlay::new(WORLD.rows.clone());
    let read = storage.long_snapshot().expect("rows in memory can be read");
    let (key, mut out) = (RootKey::new([7; 32]), Vec::new());
    dump::write(&*read, &key, "1", START, &mut out, &mut |_| {}).expect("the world is a store");
    let header = out.get(16..20).and_then(|length| length.try_into().ok());
    let header = u32::from_be_bytes(header.expect("a backup has a header"));
    out.truncate(20 + header as usize);
    out
});

/// Nobody without the root key makes a backup that is taken.
fn backup(bytes: &[u8]) {
    let key = RootKey::new([7; 32]);
    let Ok(mut dump) = Dump::open(bytes, &key) else {
        return;
    };
    loop {
        match dump.next_row() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a backup that nobody sealed was taken"),
            Err(_) => return,
        }
    }
}

/// The tables of the store (`directory`'s layout), each with its rows in the world.
pub(crate) static TABLES: LazyLock<Vec<Vec<Row>>> = LazyLock::new(|| {
    let of = |letter: u8| {
        let rows = WORLD.rows.iter();
        rows.filter(move |(key, _)| key.first() == Some(&letter))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    (b'A'..=b'z').map(of).collect()
});

/// A whole store, one row of which is other than it was: the table's letter, the row's number in it, its new value.
pub(crate) fn store(bytes: &[u8]) {
    let [letter, number, value @ ..] = bytes else {
        return;
    };
    let rows = letter
        .checked_sub(b'A')
        .and_then(|table| TABLES.get(usize::from(table)));
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
        return;
    };
    let (key, _) = &rows[usize::from(*number) % rows.len()];
    let storage = Arc::new(Overlay::new(WORLD.rows.clone()));
    storage.replace(key.clone(), Some(value.to_vec()));
    let Ok(directory) = open(storage) else {
        return;
    };
    // Whatever is wrong with the store's content is said, and is no failure of its own.
    // To look at every row takes as long as all else together, and much of it has nothing to do with this one.
    if value.len() % 8 == 0 {
        let checked = directory.check();
        assert!(
            matches!(checked, Ok(_) | Err(Fault::Corrupt(_) | Fault::RootKey)),
            "{checked:?}"
        );
    }
    let _ = walk(&directory);
    let _ = directory.feed(&Cursor::start(), 100);
    let _ = directory.cursor();
    if let Ok(snapshot) = directory.snapshot() {
        parties(&snapshot);
    }
}

/// Everything that a snapshot can be asked.
fn walk(directory: &Directory) -> Result<(), Fault> {
    let snapshot = directory.snapshot()?;
    let _ = snapshot.krbtgt();
    let _ = (snapshot.password_policy(), snapshot.lockout_policy());
    let _ = snapshot.machine_account_quota();
    let _ = snapshot.audit_log(START - Span::days(1), Timestamp::NEVER, 100);
    let _ = (
        snapshot.due_jobs(Timestamp::NEVER, 10),
        snapshot.next_job_due(),
    );
    for name in ["alice", "bob", "PC-1$", "web$", "svc-federation", "krbtgt"] {
        let Ok(Some(account)) = snapshot.account_by_name(name) else {
            continue;
        };
        let _ = snapshot.token_groups(&account);
        let _ = snapshot.password_history(account.id);
        let _ = snapshot.activity(account.id);
        let _ = snapshot.dn(account.id);
        let _ = snapshot.containers(account.id);
        let _ = account.sign_in_keys().count();
        let _ = ticket::Keys::newest(&account.keys).count();
        let _ = token::factor::SecondFactors::read(
            account.second_factors.iter().map(directory::Secret::expose),
        );
    }
    for name in ["staff", "Domain Admins"] {
        if let Ok(Some(group)) = snapshot.group_by_name(name) {
            let _ = snapshot.members(group.id, None, 10);
        }
    }
    let _ = snapshot.device_by_id(DEVICE);
    let _ = snapshot.entries_of_class(Class::User, None, 10);
    let _ = snapshot.children(snapshot.domain().users, None, 10);
    Ok(())
}

/// What the parties make of records of theirs.
fn parties(snapshot: &Snapshot<'_>) {
    static MEMORY: LazyLock<federation::Memory> =
        LazyLock::new(|| federation::Memory::new(&mut Seeded::new(2)));
    let _ = federation::signing_keys(snapshot, &MEMORY, START);
    let _ = policy::stored::objects(snapshot);
}

/// Records that parties write for each other, and for themselves.
pub(crate) fn party_records(bytes: &[u8]) {
    if let Some(enrolment) = DeviceEnrolment::from_bytes(bytes) {
        let again = enrolment.to_bytes();
        let second = DeviceEnrolment::from_bytes(&again).expect("what was written can be read");
        assert_eq!(second.to_bytes(), again);
    }
    if let Some(outcome) = Outcome::from_bytes(bytes) {
        assert_eq!(outcome.to_bytes(), bytes);
        assert_eq!(Outcome::from_bytes(&outcome.to_bytes()), Some(outcome));
    }
    if let Ok(keys) = token::keys::SigningKeys::read(bytes) {
        let again = keys.write();
        let second = token::keys::SigningKeys::read(&again).expect("what was written can be read");
        assert_eq!(*second.write(), *again);
        let _ = keys.jwks(START);
    }
    let factors = token::factor::SecondFactors::read([bytes]);
    let again = factors.write();
    assert_eq!(
        token::factor::SecondFactors::read(again.iter().map(Vec::as_slice)),
        factors
    );
}

/// The files of a device: which (1 to 5), whether the bytes are sealed first (else they are the file), the bytes.
pub(crate) fn vault(bytes: &[u8]) {
    let [which, sealed, content @ ..] = bytes else {
        return;
    };
    let slot = match which % 5 {
        0 => Slot::DeviceSecret,
        1 => Slot::Vault,
        2 => Slot::Containers,
        3 => Slot::Device,
        _ => Slot::Prt,
    };
    let (files, rng) = (MemoryFile::new(), &mut Seeded::new(1));
    if slot == Slot::DeviceSecret {
        files.replace(slot, Some(content.to_vec()));
        let _ = Keeper::open(Box::new(files), rng);
        return;
    }
    let keeper = Keeper::open(Box::new(files.clone()), rng).expect("there is nothing yet");
    let stored = match sealed % 2 {
        0 => content.to_vec(),
        _ => seal(&files, slot, content),
    };
    files.replace(slot, Some(stored.clone()));
    if let Ok(vault) = SoftwareVault::open(keeper.clone(), crypto::password::Cost::LEAST) {
        let _ = vault.failures(START);
        for which in [DeviceKey::Machine, DeviceKey::Device, DeviceKey::Transport] {
            let _ = vault.device_key(which);
        }
    }
    if let Ok(containers) = Containers::open(keeper.clone(), crypto::password::Cost::LEAST) {
        for container in containers.iter() {
            let _ = (container.public_key(), container.id());
        }
    }
    if let Ok(hello) = Hello::open(Box::new(files.clone()), crypto::password::Cost::LEAST, rng) {
        let _ = (hello.prts(), hello.prt("alice@corp.example", START));
    }
    protected(content, keeper, rng);
    assert!(files.content(slot).is_some(), "a file that was there went");
}

/// A container's wrapped keys; no PIN is tried, for the cost of that is in the bytes.
fn protected(content: &[u8], keeper: Keeper, rng: &mut Seeded) {
    let cost = crypto::password::Cost::LEAST;
    let Ok(mut vault) = SoftwareVault::open(keeper, cost) else {
        return;
    };
    static KEY: LazyLock<crypto::key::PrivateKey> =
        LazyLock::new(|| crypto::key::PrivateKey::generate(crypto::key::KeyKind::P256));
    let unlocked = Unlocked::new(VaultKey::software(KEY.clone()), vec![1; 32].into());
    let keys = Protected::new(KEY.public_key(), content.to_vec());
    let pin = || provisioning::Secret::new("135790".to_owned());
    let _ = vault.protect_anew(&keys, &unlocked, &pin(), &pin(), rng);
}

/// A file as its keeper would have written it, with these bytes for its JSON.
fn seal(files: &MemoryFile, slot: Slot, json: &[u8]) -> Vec<u8> {
    let mut file = b"KEYPORCH".to_vec();
    let kind = match slot {
        Slot::DeviceSecret => 1,
        Slot::Vault => 2,
        Slot::Containers => 3,
        Slot::Device => 4,
        Slot::Prt => 5,
    };
    file.extend([kind, 1]);
    let key = sealing_key(files, slot).expect("the secret was made");
    let sealed = key.seal(&[5; 12], &file, json);
    file.extend(sealed);
    file
}

/// The key that a file is sealed under: behind the ten bytes of its head, `device.secret` holds 32.
pub(crate) fn sealing_key(files: &MemoryFile, slot: Slot) -> Option<crypto::aead::SealingKey> {
    let file = files.content(Slot::DeviceSecret)?;
    let secret = file.get(10..42)?;
    let info: [&[u8]; 2] = [b"keyporch hello ", slot.name().as_bytes()];
    let key = crypto::kdf::hkdf_sha256(&[], secret, &info);
    Some(crypto::aead::SealingKey::new(&key))
}
