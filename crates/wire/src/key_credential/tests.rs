use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::dn_binary::DnBinary;
use crate::key_material::KeyMaterialForm;
use crate::text::parse_hex;

/// A row of the table in protocols D.8.
struct Sample {
    name: &'static str,
    hex: &'static str,
    length: usize,
    usage: KeyUsage,
    source: KeySource,
    form: KeyMaterialForm,
    material_length: usize,
    custom: Option<&'static [u8]>,
    last_logon: [u8; 8],
    creation: [u8; 8],
    sha256_begins: [u8; 8],
    hash_matches: bool,
}

macro_rules! sample {
    ($file:literal) => {
        include_str!(concat!("../../testdata/key_credential/", $file, ".hex"))
    };
}

const SAMPLES: [Sample; 6] = [
    Sample {
        name: "UserKey1",
        hex: sample!("user_key_1"),
        length: 414,
        usage: KeyUsage::Ngc,
        source: KeySource::Ad,
        form: KeyMaterialForm::BcryptRsa,
        material_length: 283,
        custom: Some(&hex!("0100")),
        last_logon: hex!("417bd66e6603d401"),
        creation: hex!("417bd66e6603d401"),
        sha256_begins: hex!("783d4f85b5952670"),
        hash_matches: true,
    },
    Sample {
        name: "UserKey2",
        hex: sample!("user_key_2"),
        length: 418,
        usage: KeyUsage::Ngc,
        source: KeySource::AzureAd,
        form: KeyMaterialForm::BcryptRsa,
        material_length: 283,
        custom: Some(&hex!("010000010000")),
        last_logon: hex!("0040230e43000040"),
        creation: hex!("7a9dbab3b32ad548"),
        sha256_begins: hex!("15ec78e40ee1c356"),
        hash_matches: true,
    },
    Sample {
        name: "NonMFAKey",
        hex: sample!("non_mfa_key"),
        length: 382,
        usage: KeyUsage::Ngc,
        source: KeySource::Ad,
        form: KeyMaterialForm::Pkcs1,
        material_length: 270,
        custom: Some(&hex!("0102")),
        last_logon: hex!("6254f138261cd301"),
        creation: hex!("6254f138261cd301"),
        sha256_begins: hex!("1508131944c36db7"),
        hash_matches: true,
    },
    Sample {
        name: "DeviceKey_RSA",
        hex: sample!("device_key_rsa"),
        length: 414,
        usage: KeyUsage::Stk,
        source: KeySource::Ad,
        form: KeyMaterialForm::BcryptRsa,
        material_length: 283,
        custom: Some(&hex!("0100")),
        last_logon: hex!("405e47d3c301d401"),
        creation: hex!("405e47d3c301d401"),
        sha256_begins: hex!("b19f282e2c0d6974"),
        hash_matches: true,
    },
    Sample {
        name: "ComputerKey",
        hex: sample!("computer_key"),
        length: 377,
        usage: KeyUsage::Ngc,
        source: KeySource::Ad,
        form: KeyMaterialForm::Pkcs1,
        material_length: 270,
        custom: None,
        last_logon: hex!("31ff708c3402d401"),
        creation: hex!("a962abd55af6d301"),
        sha256_begins: hex!("aac7b2af837f06e2"),
        hash_matches: true,
    },
    Sample {
        name: "Impacket",
        hex: sample!("wrong_key_hash"),
        length: 414,
        usage: KeyUsage::Ngc,
        source: KeySource::Ad,
        form: KeyMaterialForm::BcryptRsa,
        material_length: 283,
        custom: Some(&hex!("0100")),
        last_logon: hex!("80b140e1ca50dd08"),
        creation: hex!("80b140e1ca50dd08"),
        sha256_begins: hex!("6d2a5756cf492ef5"),
        hash_matches: false,
    },
];

impl Sample {
    fn bytes(&self) -> Vec<u8> {
        parse_hex(&self.hex.split_whitespace().collect::<String>()).unwrap()
    }
}

fn bytes_of(name: &str) -> Vec<u8> {
    SAMPLES
        .iter()
        .find(|sample| sample.name == name)
        .unwrap()
        .bytes()
}

fn user_key_1() -> KeyCredentialLink {
    KeyCredentialLink::parse(&bytes_of("UserKey1")).unwrap()
}

/// The same statements, written by us.
fn rewritten(link: &KeyCredentialLink) -> KeyCredentialLink {
    NewKeyCredential {
        key_material: link.key_material(),
        key_usage: link.key_usage(),
        key_source: link.key_source().unwrap(),
        device_id: link.device_id(),
        custom_key_information: link.custom_key_information(),
        last_logon: link.last_logon(),
        creation_time: link.creation_time(),
    }
    .write()
    .unwrap()
}

#[test]
fn reads_every_documented_sample_as_the_table_says() {
    for sample in &SAMPLES {
        let (name, bytes) = (sample.name, sample.bytes());
        assert_eq!(bytes.len(), sample.length, "{name}");
        assert!(
            Sha256::digest(&bytes).starts_with(&sample.sha256_begins),
            "{name}"
        );
        let link = KeyCredentialLink::parse(&bytes).unwrap();
        assert_eq!(link.as_bytes(), bytes, "{name}");
        assert_eq!(link.key_usage(), sample.usage, "{name}");
        assert_eq!(link.key_source(), Some(sample.source), "{name}");
        assert_eq!(link.key_id().len(), 32, "{name}");
        assert_eq!(link.key_material().len(), sample.material_length, "{name}");
        assert_eq!(
            KeyMaterialForm::of(link.key_material()),
            Some(sample.form),
            "{name}"
        );
        assert_eq!(
            link.custom_key_information()
                .map(|information| information.to_bytes())
                .as_deref(),
            sample.custom,
            "{name}"
        );
        assert_eq!(
            link.last_logon().map(KeyTime::to_bytes),
            Some(sample.last_logon),
            "{name}"
        );
        assert_eq!(
            link.creation_time().map(KeyTime::to_bytes),
            Some(sample.creation),
            "{name}"
        );
        assert!(link.key_id_matches(), "{name}");
        assert_eq!(link.key_hash_matches(), Some(sample.hash_matches), "{name}");
        match link.public_key().unwrap() {
            PublicKeyMaterial::Rsa(key) => {
                assert_eq!(
                    (key.bits(), key.exponent()),
                    (2048, &[1, 0, 1][..]),
                    "{name}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn writes_every_sample_with_right_hashes_back_byte_for_byte() {
    for sample in &SAMPLES {
        let link = KeyCredentialLink::parse(&sample.bytes()).unwrap();
        assert_eq!(
            rewritten(&link) == link,
            sample.hash_matches,
            "{}",
            sample.name
        );
    }
}

#[test]
fn user_key_1_names_its_key_and_device() {
    let link = user_key_1();
    assert_eq!(
        link.key_id(),
        hex!("20717ae052fccf546aad0d51e878aad69ce04fdc39f5a8d8e3ceba6bcb4da0e7")
    );
    let device: Guid = "47f577e3-d2d0-4a0a-8aca-e0501098bde4".parse().unwrap();
    assert_eq!(link.device_id(), Some(device));
    assert_eq!(
        link.creation_time().unwrap().filetime(),
        Some(131_734_027_581_684_545)
    );
    assert_eq!(
        KeyCredentialLink::parse(&bytes_of("DeviceKey_RSA"))
            .unwrap()
            .device_id(),
        Some(device)
    );
    assert_eq!(
        KeyCredentialLink::parse(&bytes_of("ComputerKey"))
            .unwrap()
            .device_id(),
        None
    );
}

#[test]
fn a_wrong_key_hash_is_marked_by_readers_and_refused_to_writers() {
    let bytes = bytes_of("Impacket");
    let link = KeyCredentialLink::parse(&bytes).unwrap();
    assert_eq!(link.key_hash_matches(), Some(false));
    assert_eq!(link.as_bytes(), bytes);
    assert_eq!(
        KeyCredentialLink::parse_strict(&bytes),
        Err(StrictRule::KeyHash.into())
    );
}

#[test]
fn custom_key_information_says_whether_a_second_factor_was_used() {
    let flags = |name: &str| {
        let information = KeyCredentialLink::parse(&bytes_of(name))
            .unwrap()
            .custom_key_information()
            .unwrap();
        (
            information.is_mfa_not_used(),
            information.is_attested(),
            information.supports_notification(),
        )
    };
    assert_eq!(flags("UserKey1"), (false, false, None));
    assert_eq!(flags("NonMFAKey"), (true, false, None));
    assert_eq!(flags("UserKey2"), (false, false, Some(true)));
}

#[test]
fn custom_key_information_of_every_length_is_read_and_kept() {
    let long = hex!("01 01 02 01 03 02 00000000000000000000 00 01 a0");
    for length in 0..=long.len() {
        let bytes = &long[..length];
        let Some(information) = CustomKeyInformation::parse(bytes) else {
            assert!(length < 2);
            continue;
        };
        assert_eq!(information.to_bytes(), bytes);
        assert!(information.is_attested());
        assert_eq!(information.volume_type(), (length > 2).then_some(2));
        assert_eq!(information.fek_key_version(), (length > 4).then_some(3));
        assert_eq!(information.key_strength(), (length > 5).then_some(2));
        assert_eq!(information.extended(), (length > 16).then(|| &bytes[16..]));
    }
}

#[test]
fn times_are_read_in_the_form_of_their_source() {
    // 2018-06-13 by FILETIME; 2017-11-14 by .NET ticks (protocols D.6): both after 2017, before 2019.
    let year = |name: &str| {
        let filetime = KeyCredentialLink::parse(&bytes_of(name))
            .unwrap()
            .creation_time()
            .unwrap()
            .filetime();
        1601 + filetime.unwrap() / (10_000_000 * 31_556_952)
    };
    assert_eq!(year("UserKey1"), 2018);
    assert_eq!(year("UserKey2"), 2017);
    assert_eq!(year("Impacket"), 3625);
    assert_eq!(
        KeyTime::TENANT_LAST_LOGON.to_bytes(),
        hex!("0040230e43000040")
    );
    assert_eq!(KeyTime::TENANT_LAST_LOGON.filetime(), None);

    for source in [KeySource::Ad, KeySource::AzureAd] {
        let time = KeyTime::from_filetime(131_734_027_581_684_545, source);
        assert_eq!(time.filetime(), Some(131_734_027_581_684_545));
        assert_eq!(KeyTime::from_bytes(time.to_bytes(), source), time);
    }
    assert_eq!(
        KeyTime::from_bytes([0xff; 8], KeySource::Ad).filetime(),
        None
    );
    assert_eq!(
        KeyTime::from_filetime(u64::MAX, KeySource::AzureAd).to_bytes(),
        hex!("ff3f37f47528ca6b") // DateTime.MaxValue, kind UTC
    );
}

/// The blob as entries, to be rearranged and written again.
fn entries(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut reader = Reader::new(&bytes[4..]);
    let mut entries = Vec::new();
    while let Some((identifier, value)) = read_entry(&mut reader) {
        entries.push((identifier, value.to_vec()));
    }
    assert!(reader.is_empty());
    entries
}

fn blob(entries: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = KeyCredentialLink::VERSION.to_le_bytes().to_vec();
    for (identifier, value) in entries {
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.push(*identifier);
        bytes.extend(value);
    }
    bytes
}

/// UserKey1 with one thing changed and KeyHash made right again, so that the change alone can be the reason.
fn changed(change: impl FnOnce(&mut Vec<(u8, Vec<u8>)>)) -> Vec<u8> {
    let mut list = entries(&bytes_of("UserKey1"));
    change(&mut list);
    if let Some(position) = list.iter().position(|(identifier, _)| *identifier == 2)
        && list[position].1.len() == 32
    {
        let after = blob(&list[position + 1..]);
        list[position].1 = Sha256::digest(&after[4..]).to_vec();
    }
    blob(&list)
}

fn set(identifier: u8, value: &[u8]) -> impl FnOnce(&mut Vec<(u8, Vec<u8>)>) {
    let value = value.to_vec();
    move |list| {
        list.iter_mut()
            .find(|(known, _)| *known == identifier)
            .unwrap()
            .1 = value
    }
}

#[test]
fn the_helper_of_these_tests_leaves_an_unchanged_value_alone() {
    assert_eq!(changed(|_| {}), bytes_of("UserKey1"));
}

#[test]
fn a_strict_writer_refuses_each_malformed_value_for_its_reason() {
    use InvalidKeyCredential as Invalid;
    use StrictRule as Rule;

    let good = bytes_of("UserKey1");
    let with_version = |version: u8| [&[0, version, 0, 0], &good[4..]].concat();
    let with_material = |material: &[u8]| {
        let id = Sha256::digest(material).to_vec();
        let material = material.to_vec();
        changed(move |list| {
            set(3, &material)(list);
            set(1, &id)(list);
        })
    };
    let mut wrong_bit_length = user_key_1().key_material().to_vec();
    wrong_bit_length[5] = 0x10;
    let mut long_entry = good.clone();
    long_entry[5] = 0xff;

    let cases: Vec<(&str, Vec<u8>, NotStrict)> = vec![
        ("empty", Vec::new(), Invalid::Version.into()),
        ("version 1", with_version(1), Invalid::Version.into()),
        ("version 3", with_version(3), Invalid::Version.into()),
        (
            "cut off in a value",
            good[..good.len() - 1].to_vec(),
            Invalid::Truncated.into(),
        ),
        (
            "cut off in a header",
            [&good[..], &[0, 0]].concat(),
            Invalid::Truncated.into(),
        ),
        ("length past the end", long_entry, Invalid::Truncated.into()),
        (
            "two KeyMaterials",
            changed(|list| list.insert(3, list[2].clone())),
            Invalid::Duplicate(3).into(),
        ),
        (
            "two KeyUsages",
            changed(|list| list.push((4, vec![2]))),
            Invalid::Duplicate(4).into(),
        ),
        (
            "no KeyID",
            changed(|list| drop(list.remove(0))),
            Invalid::Missing(EntryId::KeyId).into(),
        ),
        (
            "no KeyMaterial",
            changed(|list| drop(list.remove(2))),
            Invalid::Missing(EntryId::KeyMaterial).into(),
        ),
        (
            "no KeyUsage",
            changed(|list| drop(list.remove(3))),
            Invalid::Missing(EntryId::KeyUsage).into(),
        ),
        (
            "version alone",
            vec![0, 2, 0, 0],
            Invalid::Missing(EntryId::KeyId).into(),
        ),
        (
            "KeyUsage as text",
            changed(set(4, b"NGC")),
            Invalid::KeyUsageLength.into(),
        ),
        (
            "KeyMaterial before KeyHash",
            changed(|list| list.swap(1, 2)),
            Rule::Order.into(),
        ),
        (
            "KeyID last",
            changed(|list| list.rotate_left(1)),
            Rule::Order.into(),
        ),
        (
            "entry 0",
            changed(|list| list.insert(0, (0, vec![]))),
            Rule::UnknownEntry(0).into(),
        ),
        (
            "entry 10",
            changed(|list| list.push((10, vec![1]))),
            Rule::UnknownEntry(10).into(),
        ),
        (
            "KeyID of 31 bytes",
            changed(set(1, &[7; 31])),
            Rule::EntryLength(EntryId::KeyId).into(),
        ),
        (
            "KeyHash of 20 bytes",
            changed(set(2, &[7; 20])),
            Rule::EntryLength(EntryId::KeyHash).into(),
        ),
        (
            "empty KeyMaterial",
            with_material(&[]),
            Rule::EntryLength(EntryId::KeyMaterial).into(),
        ),
        (
            "KeySource of 2 bytes",
            changed(set(5, &[0, 0])),
            Rule::EntryLength(EntryId::KeySource).into(),
        ),
        (
            "DeviceId of 15 bytes",
            changed(set(6, &[1; 15])),
            Rule::EntryLength(EntryId::DeviceId).into(),
        ),
        (
            "CustomKeyInformation of 1 byte",
            changed(set(7, &[1])),
            Rule::EntryLength(EntryId::CustomKeyInformation).into(),
        ),
        (
            "last logon of 4 bytes",
            changed(set(8, &[1; 4])),
            Rule::EntryLength(EntryId::KeyApproximateLastLogonTimeStamp).into(),
        ),
        (
            "creation of 9 bytes",
            changed(set(9, &[1; 9])),
            Rule::EntryLength(EntryId::KeyCreationTime).into(),
        ),
        (
            "KeyUsage 5",
            changed(set(4, &[5])),
            Rule::KeyUsage(5).into(),
        ),
        (
            "KeySource 2",
            changed(set(5, &[2])),
            Rule::KeySource(2).into(),
        ),
        (
            "CustomKeyInformation of version 2",
            changed(set(7, &[2, 0])),
            Rule::CustomKeyInformationVersion.into(),
        ),
        (
            "KeyMaterial that is no key",
            with_material(b"not a key"),
            Rule::KeyMaterial(InvalidKeyMaterial::UnknownForm).into(),
        ),
        (
            "KeyMaterial with a wrong bit length",
            with_material(&wrong_bit_length),
            Rule::KeyMaterial(InvalidKeyMaterial::Malformed).into(),
        ),
        (
            "an RSA key for FIDO",
            changed(set(4, &[7])),
            Rule::KeyMaterialKind.into(),
        ),
        (
            "a FIDO key for NGC",
            with_material(br#"{"version":1,"authData":""}"#),
            Rule::KeyMaterialKind.into(),
        ),
        (
            "KeyID of another key",
            changed(set(1, &[7; 32])),
            Rule::KeyId.into(),
        ),
        (
            "KeyHash of other entries",
            {
                let mut bytes = good.clone();
                *bytes.last_mut().unwrap() ^= 1;
                bytes
            },
            Rule::KeyHash.into(),
        ),
    ];
    for (what, bytes, reason) in cases {
        assert_eq!(
            KeyCredentialLink::parse_strict(&bytes),
            Err(reason),
            "{what}"
        );
    }
}

#[test]
fn a_strict_writer_accepts_what_is_right() {
    for name in [
        "UserKey1",
        "UserKey2",
        "NonMFAKey",
        "DeviceKey_RSA",
        "ComputerKey",
    ] {
        KeyCredentialLink::parse_strict(&bytes_of(name)).unwrap();
    }
    // KeyHash is a "should" (DIR-KCL-3), and so is everything after KeyUsage.
    KeyCredentialLink::parse_strict(&changed(|list| drop(list.remove(1)))).unwrap();
    KeyCredentialLink::parse_strict(&changed(|list| list.truncate(4))).unwrap();
}

#[test]
fn a_lenient_reader_takes_any_order_and_keeps_what_it_does_not_know() {
    let bytes = changed(|list| {
        list.reverse();
        list.push((0x20, vec![1, 2, 3]));
    });
    let link = KeyCredentialLink::parse(&bytes).unwrap();
    assert_eq!(link.as_bytes(), bytes);
    assert_eq!(link.public_key(), user_key_1().public_key());
    assert_eq!(link.device_id(), user_key_1().device_id());
    let odd = KeyCredentialLink::parse(&changed(set(6, &[1; 15]))).unwrap();
    assert_eq!(odd.device_id(), None);
    assert_eq!(odd.entry(EntryId::DeviceId), Some(&[1; 15][..]));
}

fn fido_material(credential_id: &[u8]) -> Vec<u8> {
    use base64ct::{Base64, Encoding};
    let mut data =
        hex!("356c9ed4a09321b9695f1eaf918203f1b55f689da61fbc96184c157dda680c81").to_vec();
    data.push(0x45);
    data.extend([0; 4 + 16]);
    data.extend((credential_id.len() as u16).to_be_bytes());
    data.extend(credential_id);
    let data = Base64::encode_string(&data);
    format!(r#"{{"version":1,"authData":"{data}","x5c":["MAA="],"displayName":"a key"}}"#)
        .into_bytes()
}

#[test]
fn a_fido_key_is_named_by_its_credential_id() {
    let material = fido_material(&[0x58; 16]);
    let mut new = NewKeyCredential {
        key_material: &material,
        key_usage: KeyUsage::Fido,
        key_source: KeySource::AzureAd,
        device_id: Some(Guid::NIL),
        custom_key_information: Some(CustomKeyInformation::new(CustomKeyInformation::ATTESTATION)),
        last_logon: Some(KeyTime::TENANT_LAST_LOGON),
        creation_time: None,
    };
    let link = new.write().unwrap();
    assert_eq!(link.key_id(), [0x58; 16]);
    assert_eq!(link.check_strict(), Ok(()));

    let other = fido_material(&[0x59; 16]);
    let mut list = entries(link.as_bytes());
    list[2].1 = other;
    assert!(
        !KeyCredentialLink::parse(&blob(&list))
            .unwrap()
            .key_id_matches()
    );

    new.key_material = br#"{"version":1,"authData":""}"#;
    assert_eq!(new.write(), Err(CannotWrite::NoCredentialId));
    new.key_material = b"{}";
    assert_eq!(
        new.write(),
        Err(CannotWrite::KeyMaterial(InvalidKeyMaterial::Malformed))
    );
}

#[test]
fn an_entry_too_long_for_its_length_field_is_refused() {
    let material = vec![0; 65536];
    let new = NewKeyCredential {
        key_material: &material,
        key_usage: KeyUsage::OtherKey,
        key_source: KeySource::Ad,
        device_id: None,
        custom_key_information: None,
        last_logon: None,
        creation_time: None,
    };
    assert_eq!(new.write(), Err(CannotWrite::TooLong(EntryId::KeyMaterial)));
}

#[test]
fn the_attribute_value_is_the_blob_and_the_name_of_its_holder() {
    let text = DnBinary {
        binary: bytes_of("UserKey1"),
        dn: "CN=alice,CN=Users,DC=corp,DC=example".to_owned(),
    }
    .to_string();
    assert!(text.starts_with("B:828:0002000020000120717AE052"));
    assert!(text.ends_with(":CN=alice,CN=Users,DC=corp,DC=example"));
    let value: DnBinary = text.parse().unwrap();
    assert_eq!(
        KeyCredentialLink::parse(&value.binary).unwrap(),
        user_key_1()
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_and_never_changed(body: Vec<u8>) {
        let bytes = [&[0, 2, 0, 0], &body[..]].concat();
        if let Ok(link) = KeyCredentialLink::parse(&bytes) {
            prop_assert_eq!(link.as_bytes(), &bytes[..]);
            let _ = (link.check_strict(), link.public_key(), link.device_id(), link.custom_key_information());
        }
    }

    #[test]
    fn a_damaged_sample_never_panics(sample in 0usize..6, offset in 0usize..430, value: u8, cut in 0usize..430) {
        let mut bytes = SAMPLES[sample].bytes();
        if let Some(byte) = bytes.get_mut(offset) {
            *byte = value;
        }
        bytes.truncate(cut);
        if let Ok(link) = KeyCredentialLink::parse(&bytes) {
            let _ = (link.check_strict(), link.public_key(), link.creation_time().map(KeyTime::filetime));
        }
    }

    #[test]
    fn what_is_written_is_strict(
        usage in 0usize..3,
        source in 0u8..2,
        device: Option<[u8; 16]>,
        flags: Option<u8>,
        last_logon: Option<u64>,
        creation: Option<u64>,
        modulus in proptest::collection::vec(any::<u8>(), 1..300),
    ) {
        let Some(key) = crate::key_material::RsaPublicKey::new(&modulus, &[1, 0, 1]) else {
            return Ok(());
        };
        let source = KeySource::from_byte(source);
        let new = NewKeyCredential {
            key_material: &key.to_bcrypt_blob(),
            key_usage: [KeyUsage::Ngc, KeyUsage::Stk, KeyUsage::OtherKey][usage],
            key_source: source,
            device_id: device.map(Guid::from_bytes),
            custom_key_information: flags.map(CustomKeyInformation::new),
            last_logon: last_logon.map(|time| KeyTime::from_filetime(time, source)),
            creation_time: creation.map(|time| KeyTime::from_filetime(time, source)),
        };
        let link = new.write().unwrap();
        prop_assert_eq!(link.check_strict(), Ok(()));
        prop_assert_eq!(link.device_id(), new.device_id);
        prop_assert_eq!(link.last_logon(), new.last_logon);
        prop_assert_eq!(rewritten(&link), link);
    }
}
