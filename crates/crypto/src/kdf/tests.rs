use hex_literal::hex;

use super::*;
use crate::agreement::{Ephemeral, Group, SEED_LEN};

/// A DER value of this tag; all of them here are short.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()).unwrap() {
        len @ 0..=0x7f => out.push(len),
        len => out.extend_from_slice(&[0x81, len]),
    }
    out.extend_from_slice(&content);
    out
}

/// `KRB5PrincipalName` with name type NT-PRINCIPAL in realm SU.SE, as RFC 4556 3.2.2 has it.
fn principal(components: &[&str]) -> Vec<u8> {
    let strings: Vec<Vec<u8>> = components
        .iter()
        .map(|component| der(0x1b, &[component.as_bytes()]))
        .collect();
    let strings: Vec<&[u8]> = strings.iter().map(Vec::as_slice).collect();
    der(
        0x30,
        &[
            &der(0xa0, &[&der(0x1b, &[b"SU.SE"])]),
            &der(
                0xa1,
                &[&der(
                    0x30,
                    &[
                        &der(0xa0, &[&der(0x02, &[&[1]])]),
                        &der(0xa1, &[&der(0x30, &strings)]),
                    ],
                )],
            ),
        ],
    )
}

/// The OtherInfo of the vectors in protocols E.3.3.
fn other_info(kdf: PkinitKdf, etype: u8) -> Vec<u8> {
    let supplement = der(
        0x30,
        &[
            &der(0xa0, &[&der(0x02, &[&[etype]])]),
            &der(0xa1, &[&der(0x04, &[&[0xaa; 10]])]),
            &der(0xa2, &[&der(0x04, &[&[0xbb; 9]])]),
        ],
    );
    der(
        0x30,
        &[
            &der(0x30, &[&der(0x06, &[kdf.oid().as_bytes()])]),
            &der(0xa0, &[&der(0x04, &[&principal(&["lha"])])]),
            &der(0xa1, &[&der(0x04, &[&principal(&["krbtgt", "SU.SE"])])]),
            &der(0xa2, &[&der(0x04, &[&supplement])]),
        ],
    )
}

/// random-to-key of triple DES (RFC 3961 6.3.1), which one of the vectors needs and nothing else.
fn triple_des_random_to_key(random: &[u8; 21]) -> Vec<u8> {
    let odd = |byte: u8| (byte & 0xfe) | u8::from((byte & 0xfe).count_ones().is_multiple_of(2));
    random
        .chunks(7)
        .flat_map(|part| {
            let last = part
                .iter()
                .enumerate()
                .fold(0, |last, (index, byte)| last | (byte & 1) << (index + 1));
            part.iter().copied().chain([last]).map(odd)
        })
        .collect()
}

/// Protocols E.3.3.
#[test]
fn derives_the_reply_keys_of_rfc_8636() {
    let secret = [0; 256];
    let mut key = [0; 32];
    PkinitKdf::Sha1.fill(&secret, &other_info(PkinitKdf::Sha1, 18), &mut key);
    assert_eq!(
        key,
        hex!("E6AB38C9413E035BB079201ED0B6B73D8D49A814A737C04EE6649614206F73AD")
    );
    PkinitKdf::Sha256.fill(&secret, &other_info(PkinitKdf::Sha256, 18), &mut key);
    assert_eq!(
        key,
        hex!("77EF4E48C420AE3FEC75109D7981697EED5D295C90C62564F7BFD101FA9BC1D5")
    );
    let mut key = [0; 21];
    PkinitKdf::Sha512.fill(&secret, &other_info(PkinitKdf::Sha512, 16), &mut key);
    assert_eq!(
        triple_des_random_to_key(&key),
        hex!("D3C78A79D65213EFE9A826F75DFB01F72362FB16FB01DAD6")
    );
}

#[test]
fn chooses_the_best_kdf_whatever_the_clients_order() {
    let [sha256, sha512, sha1] = PkinitKdf::ALL.map(PkinitKdf::oid);
    let unknown = ObjectIdentifier::new_unwrap("1.3.6.1.5.2.3.6.9");
    let choose = PkinitKdf::choose;
    assert_eq!(choose(&[sha1, sha512, sha256]), Some(PkinitKdf::Sha256));
    assert_eq!(choose(&[sha1, unknown, sha512]), Some(PkinitKdf::Sha512));
    assert_eq!(choose(&[sha1]), Some(PkinitKdf::Sha1));
    assert_eq!(choose(&[unknown]), None);
    assert_eq!(choose(&[]), None);
}

fn shared() -> SharedSecret {
    let key = |byte| Ephemeral::new(Group::Modp2048, &[byte; SEED_LEN]).unwrap();
    key(1).agree(key(2).public_value()).unwrap()
}

/// RFC 4556 3.2.3.1, with the blocks computed apart.
#[test]
fn derives_the_reply_key_of_rfc_4556_with_and_without_nonces() {
    let secret = shared();
    for etype in Etype::ALL {
        for nonces in [None, Some((&b"client"[..], &b"server"[..]))] {
            let (client, server) = nonces.unwrap_or_default();
            let x = [secret.as_bytes(), client, server].concat();
            let mut expected = Vec::new();
            for counter in 0..2 {
                expected.extend(crate::digest::sha1(&[&[counter], &x[..]].concat()));
            }
            let key = octetstring_to_key(etype, &secret, nonces);
            assert_eq!(key.bytes(), &expected[..etype.key_len()]);
            assert_eq!(key.etype(), etype);
        }
    }
}

#[test]
fn the_reply_key_has_the_etype_asked_for() {
    for etype in Etype::ALL {
        let key = PkinitKdf::Sha256.derive(etype, &shared(), b"other info");
        assert_eq!(key.etype(), etype);
        assert_ne!(key, octetstring_to_key(etype, &shared(), None));
    }
}

/// Protocols A.8 and A.9.
#[test]
fn derives_the_session_keys_of_a_prt() {
    let label = b"AzureAD-SecureConversation";
    let derived = kbkdf_sha256::<32>(
        &hex!("3987bc6d45c8d46e9969bf679b9f2a17922ed0d40055c313232f290ae9d87bf0"),
        label,
        &hex!("510a2a9284565f9421eb34a712f58e6585f6330b803f1bc3"),
    );
    assert_eq!(
        *derived,
        hex!("b0fcfcd863df6f583fa8321d4971926b2bfa8e4d12e9a7dd71e88b2df379d0a3")
    );
    let key: [u8; 32] = std::array::from_fn(|index| index as u8);
    assert_eq!(
        *kbkdf_sha256::<32>(&key, label, &key[..24]),
        hex!("70296b4334bf08f7bc6953575e6b6c18959dbcad6adb263fb625939d099456b3")
    );
    assert_eq!(
        *kbkdf_sha256::<32>(&key, label, &key),
        hex!("37723ea727ae70a78111941ac9058871a8e4c6df12956d35185d7930ab1cf44d")
    );
}

/// RFC 5869 A.1, A.2 and A.3.
#[test]
fn derives_as_rfc_5869_does() {
    let salt: [u8; 13] = std::array::from_fn(|index| index as u8);
    let info: [u8; 10] = std::array::from_fn(|index| 0xf0 + index as u8);
    assert_eq!(
        *hkdf_sha256::<42>(&salt, &[0x0b; 22], &[&info]),
        hex!(
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        )
    );
    let range = |from: u8| -> [u8; 80] { std::array::from_fn(|index| from + index as u8) };
    assert_eq!(
        *hkdf_sha256::<82>(
            &range(0x60),
            &range(0),
            &[&range(0xb0)[..40], &range(0xb0)[40..]]
        ),
        hex!(
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
            "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
            "cc30c58179ec3e87c14c01d5c1f3434f1d87"
        )
    );
    assert_eq!(
        *hkdf_sha256::<42>(&[], &[0x0b; 22], &[]),
        hex!(
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        )
    );
}
