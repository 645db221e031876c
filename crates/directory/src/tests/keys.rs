//! Keys belong to one account, and a revoked one is gone.

use wire::Guid;

use super::*;
use crate::testing::{fresh, key_credential};
use crate::{Attribute, DeviceCertificate, KeyCredential, KeyValueId, Origin, Refused, change};

fn add(holder: EntryId, blob: &[u8]) -> Change {
    change::add_key_credential(holder, blob.to_vec(), Origin::Registration)
}

#[test]
fn another_persons_key_is_found_and_not_listed_twice() {
    let directory = fresh();
    let (alice, bob) = (person(&directory, "alice"), person(&directory, "bob"));
    let blob = key_credential(&mut Seeded::new(1), None);
    let fingerprint = KeyCredential::new(blob.clone(), Origin::Registration, START)
        .fingerprint
        .unwrap();
    write(&directory, &[add(alice, &blob)]).unwrap();
    assert_eq!(
        directory
            .snapshot()
            .unwrap()
            .holder_of_key(&fingerprint)
            .unwrap(),
        Some(alice)
    );
    assert_eq!(
        write(&directory, &[add(bob, &blob)]),
        Err(Refused::KeyTaken { holder: alice }.into())
    );
    let twice = write(&directory, &[add(alice, &blob)]);
    assert_eq!(
        twice,
        Err(Refused::ValueExists(Attribute::MsDsKeyCredentialLink).into())
    );
    // The same key in another value is the same key.
    let device = Some(Guid::from_bytes([3; 16]));
    let other = key_credential(&mut Seeded::new(1), device);
    assert_eq!(
        write(&directory, &[add(alice, &other)]),
        Err(Refused::KeyTaken { holder: alice }.into())
    );
    // Handed over in one commit.
    let handed = [
        change::remove_key_credential(alice, KeyValueId::of(&blob)),
        add(bob, &blob),
    ];
    write(&directory, &handed).unwrap();
    assert_eq!(
        directory
            .snapshot()
            .unwrap()
            .holder_of_key(&fingerprint)
            .unwrap(),
        Some(bob)
    );
    let gone = write(
        &directory,
        &[change::remove_key_credential(alice, KeyValueId::of(&blob))],
    );
    assert_eq!(
        gone,
        Err(Refused::NoSuchValue(Attribute::MsDsKeyCredentialLink).into())
    );
    verify(&directory);
}

/// Security.md row 5: KeyHash, KeyID and structure are checked on every write; what is imported is kept byte
/// for byte.
#[test]
fn a_value_that_breaks_a_rule_is_imported_but_not_written() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let right = key_credential(&mut Seeded::new(1), None);
    for position in [4 + 3, 4 + 35 + 3, right.len() - 1] {
        let mut wrong = right.clone();
        wrong[position] ^= 1;
        let result = write(&directory, &[add(alice, &wrong)]);
        assert!(
            matches!(result, Err(CommitError::Refused(Refused::KeyCredential(_)))),
            "{position}"
        );
    }
    let mut wrong = right.clone();
    wrong[4 + 35 + 3] ^= 1;
    for blob in [wrong, b"no key credential at all".to_vec()] {
        let import = change::add_key_credential(alice, blob.clone(), Origin::Import);
        write(&directory, &[import]).unwrap();
        let account = directory
            .snapshot()
            .unwrap()
            .account_by_id(alice)
            .unwrap()
            .unwrap();
        assert!(account.key_credentials.iter().any(|key| key.blob == blob));
    }
    let account = directory
        .snapshot()
        .unwrap()
        .account_by_id(alice)
        .unwrap()
        .unwrap();
    assert_eq!(
        account.sign_in_keys().count(),
        1,
        "what does not parse opens no door"
    );
    verify(&directory);
}

/// Security.md row 6.
#[test]
fn a_weak_key_is_not_listed() {
    use wire::key_credential::{KeySource, KeyUsage, NewKeyCredential};
    let directory = fresh();
    let alice = person(&directory, "alice");
    let mut modulus = [0xa5u8; 128];
    modulus[127] |= 1;
    let key = wire::key_material::RsaPublicKey::new(&modulus, &[1, 0, 1]).unwrap();
    let blob = NewKeyCredential {
        key_material: &key.to_bcrypt_blob(),
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: None,
        custom_key_information: None,
        last_logon: None,
        creation_time: None,
    };
    let blob = blob.write().unwrap().as_bytes().to_vec();
    let result = write(&directory, &[add(alice, &blob)]);
    assert!(
        matches!(result, Err(CommitError::Refused(Refused::WeakKey(_)))),
        "{result:?}"
    );
}

#[test]
fn the_keys_of_a_device_are_found_by_it() {
    let directory = fresh();
    let (alice, bob) = (person(&directory, "alice"), person(&directory, "bob"));
    let (laptop, desk) = (Guid::from_bytes([1; 16]), Guid::from_bytes([2; 16]));
    let blobs = [1, 2, 3, 4].map(|seed| {
        let device = if seed == 4 { desk } else { laptop };
        key_credential(&mut Seeded::new(seed), Some(device))
    });
    let changes = [
        add(alice, &blobs[0]),
        add(alice, &blobs[1]),
        add(bob, &blobs[2]),
        add(bob, &blobs[3]),
    ];
    write(&directory, &changes).unwrap();
    let holders = |device| {
        let mut holders = directory
            .snapshot()
            .unwrap()
            .holders_of_device_keys(device, 9)
            .unwrap();
        holders.sort();
        holders
    };
    let mut both = vec![alice, bob];
    both.sort();
    assert_eq!(holders(laptop), both);
    assert_eq!(holders(desk), [bob]);
    // The listing goes with the last key from there.
    write(
        &directory,
        &[change::remove_key_credential(
            alice,
            KeyValueId::of(&blobs[0]),
        )],
    )
    .unwrap();
    assert_eq!(holders(laptop), both);
    write(
        &directory,
        &[change::remove_key_credential(
            alice,
            KeyValueId::of(&blobs[1]),
        )],
    )
    .unwrap();
    assert_eq!(holders(laptop), [bob]);
    verify(&directory);
}

#[test]
fn a_device_is_found_by_its_certificate_and_its_id_until_it_has_another() {
    let directory = fresh();
    let devices = directory.domain().unwrap().devices;
    let device = Guid::from_bytes([9; 16]);
    let certificate = |byte| DeviceCertificate {
        thumbprint: [byte; 20],
        public_key_hash: "3q2+7w==".into(),
    };
    let entry = NewEntry::device(id("laptop"), devices, device, "LAPTOP-1");
    let first = change::set_device_certificate(entry.id, &certificate(0xab));
    write(&directory, &[entry.into(), first]).unwrap();
    let find = |byte| {
        directory
            .snapshot()
            .unwrap()
            .device_by_certificate(&[byte; 20])
            .unwrap()
    };
    assert_eq!(find(0xab).unwrap().certificates, [certificate(0xab)]);
    write(
        &directory,
        &[change::set_device_certificate(
            id("laptop"),
            &certificate(0xcd),
        )],
    )
    .unwrap();
    assert!(find(0xab).is_none());
    assert_eq!(find(0xcd).unwrap().device_id, device);
    let by_id = || directory.snapshot().unwrap().device_by_id(device).unwrap();
    assert!(by_id().unwrap().enabled);
    write(
        &directory,
        &[change::set_device_enabled(id("laptop"), false)],
    )
    .unwrap();
    assert!(!by_id().unwrap().enabled);
    write(&directory, &[Change::Delete { id: id("laptop") }]).unwrap();
    assert!(by_id().is_none() && find(0xcd).is_none());
    verify(&directory);
}
