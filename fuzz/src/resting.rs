//! Seeds for what rests: rows of the world's store, records of the parties, the files of a device.

use std::collections::BTreeSet;

use base64ct::{Base64, Encoding};
use crypto::aead::SealingKey;
use crypto::key::KeyKind;
use crypto::password::Cost;
use directory::testing::{START, Seeded};
use hello::container::Containers;
use hello::file::{Keeper, MemoryFile, Slot};
use hello::vault::{DeviceKey, SoftwareVault, Vault};
use trust::enrolment::{DeviceEnrolment, Outcome, PossessedKey};
use wire::x509::device::DeviceExtensions;
use wire::x509::{Certificate, CertificationRequest};

use crate::stored::{TABLES, sealing_key};
use crate::world::{DEVICE, WORLD};

/// A seed: the target's name, its own, its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// What every value of the store begins with: version, node, number.
const HEAD: usize = 13;

/// The seeds that only a world can give.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds = rows();
    seeds.extend(secrets());
    seeds.extend(records());
    seeds.extend(files());
    seeds.extend(crate::password::seeds());
    seeds.extend(crate::revocation::seeds());
    seeds.extend(crate::mapping::seeds());
    seeds.extend(crate::s4u::seeds());
    seeds.extend(crate::enveloped::seeds());
    seeds.extend(crate::ldap::seeds());
    seeds
}

/// Of each table up to three rows of different lengths, as a whole store has them and as their payload alone.
fn rows() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (letter, rows) in (b'A'..).zip(TABLES.iter()) {
        let mut lengths = BTreeSet::new();
        for (number, (_, value)) in rows.iter().enumerate() {
            let Ok(number) = u8::try_from(number) else {
                break;
            };
            if lengths.len() == 3 || value.len() > 1_000 || !lengths.insert(value.len() / 64) {
                continue;
            }
            let name = format!("{}{number}", char::from(letter));
            let whole = [&[letter, number], value.as_slice()].concat();
            seeds.push(("store", name.clone(), whole));
            if let Some(payload) = value.get(HEAD..).filter(|payload| !payload.is_empty()) {
                seeds.push(("row", name, payload.to_vec()));
            }
        }
    }
    seeds
}

/// What rests wrapped, and is a row's payload only once it is opened.
fn secrets() -> Vec<Seed> {
    let mut keys = vec![1, 0, 0, 0, 2];
    keys.extend(START.micros().to_be_bytes());
    keys.extend([0, 1, 0, 0, 0, 18, 0, 0, 0, 4]);
    keys.extend(b"salt");
    keys.extend([0, 0, 0, 32]);
    keys.extend([7; 32]);
    let mut history = vec![1];
    history.extend([9; 16]);
    for number in [8u32, 1, 1] {
        history.extend(number.to_be_bytes());
    }
    history.extend([5; 64]);
    vec![
        ("row", "kerberos-keys".into(), keys),
        ("row", "password-history".into(), history),
    ]
}

fn records() -> Vec<Seed> {
    let word = |name: &str| {
        let found = WORLD.words.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mut seeds = vec![(
        "party_records",
        "signing-keys".into(),
        WORLD.signing.write().to_vec(),
    )];
    let decoded = |name: &str| {
        let text = String::from_utf8(word(name)).ok()?;
        Base64::decode_vec(&text).ok()
    };
    let certificate = decoded("device").and_then(|der| Certificate::parse(&der).ok());
    if let Some(certificate) = certificate {
        let outcome = Outcome::Issued(certificate);
        seeds.push(("party_records", "outcome-issued".into(), outcome.to_bytes()));
    }
    let request = decoded("csr").and_then(|der| CertificationRequest::parse(&der).ok());
    if let Some(key) = request.and_then(|request| PossessedKey::of(&request).ok()) {
        let extensions = DeviceExtensions {
            device: Some(DEVICE),
            region: Some("eu".into()),
            ..DeviceExtensions::default()
        };
        let enrolment = DeviceEnrolment::new(DEVICE, extensions, key);
        seeds.push(("party_records", "enrolment".into(), enrolment.to_bytes()));
    }
    seeds
}

/// The files of a device with keys and one person's container, sealed and opened.
fn files() -> Vec<Seed> {
    let (files, rng) = (MemoryFile::new(), &mut Seeded::new(1));
    let made = || -> Option<()> {
        let keeper = Keeper::open(Box::new(files.clone()), rng).ok()?;
        let mut vault = SoftwareVault::open(keeper.clone(), Cost::LEAST).ok()?;
        vault
            .create_device_key(DeviceKey::Device, KeyKind::P256, rng)
            .ok()?;
        let mut containers = Containers::open(keeper, Cost::LEAST).ok()?;
        let account = provisioning::Account {
            upn: "alice@corp.example".into(),
            sid: None,
            domain: "corp.example".into(),
        };
        let pin = provisioning::Secret::new("135790".into());
        containers
            .create(&mut vault, &account, &pin, KeyKind::P256, START, rng)
            .ok()?;
        Some(())
    };
    let mut made = made;
    made().expect("a vault in memory can be made");
    let mut seeds = Vec::new();
    for (which, slot) in [Slot::DeviceSecret, Slot::Vault, Slot::Containers]
        .into_iter()
        .enumerate()
    {
        let which = u8::try_from(which).unwrap_or_default();
        let file = files.content(slot).unwrap_or_default();
        let whole = [&[which, 0], file.as_slice()].concat();
        seeds.push(("vault", format!("{}-file", slot.name()), whole));
        let (Some(key), Some((head, sealed))) =
            (sealing_key(&files, slot), file.split_at_checked(10))
        else {
            continue;
        };
        let key: SealingKey = key;
        if let Ok(json) = key.open(head, sealed) {
            let content = [&[which, 1], &json[..]].concat();
            seeds.push(("vault", format!("{}-content", slot.name()), content));
        }
    }
    seeds
}
