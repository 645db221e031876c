use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::kerberos::{NameType, PrincipalName};
use crate::text::parse_hex;

fn unhex(hex: &str) -> Vec<u8> {
    parse_hex(&hex.split_whitespace().collect::<String>()).unwrap()
}

fn ktutil() -> Vec<u8> {
    unhex(include_str!("../../testdata/keytab/mit_ktutil.hex"))
}

fn with_hole() -> Vec<u8> {
    unhex(include_str!("../../testdata/keytab/mit_with_hole.hex"))
}

fn host() -> Principal {
    let name = PrincipalName::new(NameType::NT_PRINCIPAL, ["host", "pc.corp.example"]);
    Principal::new(name, "CORP.EXAMPLE")
}

#[test]
fn what_ktutil_wrote_is_read_and_written_back_byte_for_byte() {
    let keytab = Keytab::parse(&ktutil()).unwrap();
    let versions: Vec<u32> = keytab
        .entries
        .iter()
        .map(|entry| entry.key_version)
        .collect();
    assert_eq!(versions, [1, 300, 7]);
    assert_eq!(keytab.entries[1].principal, host());
    // string2key of "password" as `klist -ketK` prints it.
    assert_eq!(
        keytab.entries[1].key.keyvalue,
        hex!("8c0f2097239833d460c21fdd57e2be5f2873e5d1f03caacb9cfc36a662842d17")
    );
    assert_eq!(keytab.entries[2].key.keytype, EncryptionType(19));
    assert_eq!(*keytab.to_bytes().unwrap(), ktutil());
}

#[test]
fn a_deleted_entry_is_skipped() {
    let mut whole = Keytab::parse(&ktutil()).unwrap();
    whole.entries.remove(0);
    let keytab = Keytab::parse(&with_hole()).unwrap();
    assert_eq!(keytab.to_bytes().unwrap(), whole.to_bytes().unwrap());
}

#[test]
fn a_key_is_found_by_principal_type_and_version() {
    let keytab = Keytab::parse(&ktutil()).unwrap();
    let version = |wanted| {
        keytab
            .find(&host(), EncryptionType(18), wanted)
            .map(|entry| entry.key_version)
    };
    assert_eq!(version(None), Some(300));
    assert_eq!(version(Some(1)), Some(1));
    assert_eq!(version(Some(2)), None);
    assert!(keytab.find(&host(), EncryptionType(17), None).is_none());
    let elsewhere = Principal {
        realm: "OTHER".into(),
        ..host()
    };
    assert!(keytab.find(&elsewhere, EncryptionType(18), None).is_none());
    let service = Principal {
        name: PrincipalName::service("host", "pc.corp.example"),
        ..host()
    };
    assert!(keytab.find(&service, EncryptionType(18), None).is_some());
}

#[test]
fn the_eight_bit_version_counts_where_no_other_is_written() {
    let long = ktutil();
    let size = usize::from(long[5]);
    for tail in [&[][..], &[0, 0, 0, 0], &[9, 9]] {
        // The first entry without its last four bytes, and what stands there instead.
        let mut entry = long[6..6 + size - 4].to_vec();
        entry.extend(tail);
        let mut bytes = VERSION_2.to_vec();
        bytes.extend((entry.len() as u32).to_be_bytes());
        bytes.extend(entry);
        assert_eq!(Keytab::parse(&bytes).unwrap().entries[0].key_version, 1);
    }
}

#[test]
fn refuses_what_is_not_a_whole_keytab() {
    let good = ktutil();
    assert_eq!(Keytab::parse(&[5, 1]).unwrap_err(), InvalidKeytab::Version);
    assert_eq!(
        Keytab::parse(&good[..good.len() - 1]).unwrap_err(),
        InvalidKeytab::Truncated
    );
    assert_eq!(
        Keytab::parse(&hex!("0502 80000000")).unwrap_err(),
        InvalidKeytab::Truncated
    );
    assert_eq!(
        Keytab::parse(&hex!("0502 00000002 ffff")).unwrap_err(),
        InvalidKeytab::Name
    );
    assert_eq!(
        Keytab::parse(&hex!("0502 00000002 0001")).unwrap_err(),
        InvalidKeytab::Truncated
    );
    assert!(
        Keytab::parse(&hex!("0502 00000000 ffff"))
            .unwrap()
            .entries
            .is_empty()
    );
    let mut not_text = good;
    not_text[12] = 0xff;
    assert_eq!(Keytab::parse(&not_text).unwrap_err(), InvalidKeytab::Name);
}

#[test]
fn a_name_too_long_for_its_length_is_refused() {
    let mut keytab = Keytab::parse(&ktutil()).unwrap();
    keytab.entries[0].principal.realm = "x".repeat(65536).into();
    assert_eq!(keytab.to_bytes(), Err(TooLong));
}

proptest! {
    #[test]
    fn a_damaged_keytab_never_panics(offset in 0usize..300, value: u8, cut in 0usize..300) {
        let mut bytes = with_hole();
        if let Some(byte) = bytes.get_mut(offset) {
            *byte = value;
        }
        bytes.truncate(cut);
        if let Ok(keytab) = Keytab::parse(&bytes) {
            let bytes = keytab.to_bytes().unwrap();
            prop_assert_eq!(Keytab::parse(&bytes).unwrap().to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = Keytab::parse(&[&VERSION_2[..], &bytes].concat());
    }
}
