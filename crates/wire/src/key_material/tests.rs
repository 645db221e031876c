use hex_literal::hex;
use proptest::prelude::*;

use super::tpm::parse_tpm2b_public;
use super::*;
use crate::bcrypt_blob::{EccPurpose, write_ecc_public};

fn rsa() -> RsaPublicKey {
    let mut modulus = vec![0xc1; 256];
    modulus[255] = 0xa5;
    RsaPublicKey::new(&modulus, &[1, 0, 1]).unwrap()
}

fn ec(curve: EcCurve) -> EcPublicKey {
    let length = curve.coordinate_length();
    EcPublicKey::new(curve, &vec![0x11; length], &vec![0x22; length]).unwrap()
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    match content.len() {
        length @ 0..128 => bytes.push(length as u8),
        length @ 128..256 => bytes.extend([0x81, length as u8]),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend(content);
    bytes
}

/// A certificate of which nothing but the place of its public key is right.
fn certificate(spki: &[u8], version: bool) -> Vec<u8> {
    let version = if version {
        &hex!("a003020102")[..]
    } else {
        &[]
    };
    let empty = tlv(0x30, &[]);
    let serial = hex!("0201ff"); // negative, which strict readers of certificates refuse
    let to_be_signed = tlv(
        0x30,
        &[version, &serial, &empty, &empty, &empty, &empty, spki],
    );
    tlv(0x30, &[&to_be_signed, &empty, &hex!("030100")])
}

/// TPM2B_PUBLIC of a signing key: name algorithm SHA-256, an empty policy, no symmetric algorithm.
fn tpm_public(algorithm: u16, parameters_and_unique: &[u8]) -> Vec<u8> {
    let mut public = algorithm.to_be_bytes().to_vec();
    public.extend(hex!("000b 00040472 0000"));
    public.extend(parameters_and_unique);
    [&(public.len() as u16).to_be_bytes(), public.as_slice()].concat()
}

fn tpm_rsa_public(scheme: &[u8]) -> Vec<u8> {
    let key = rsa();
    let mut rest = hex!("0010").to_vec();
    rest.extend(scheme);
    rest.extend(hex!("0800 00000000 0100"));
    rest.extend(key.modulus());
    tpm_public(1, &rest)
}

fn pcp_blob(public: &[u8]) -> Vec<u8> {
    let mut blob = b"PCPM".to_vec();
    for field in [0x38, 2, 0, public.len() as u32] {
        blob.extend(field.to_le_bytes());
    }
    blob.resize(0x38, 0);
    blob.extend(public);
    blob.extend(b"the private part and what else follows");
    blob
}

#[test]
fn one_rsa_key_is_one_key_in_every_form() {
    let key = PublicKeyMaterial::Rsa(rsa());
    let spki = rsa().to_spki_der();
    let forms = [
        (KeyMaterialForm::BcryptRsa, rsa().to_bcrypt_blob()),
        (KeyMaterialForm::Pkcs1, rsa().to_pkcs1_der()),
        (KeyMaterialForm::SubjectPublicKeyInfo, spki.clone()),
        (KeyMaterialForm::Certificate, certificate(&spki, true)),
        (KeyMaterialForm::Certificate, certificate(&spki, false)),
        (
            KeyMaterialForm::TpmPcp,
            pcp_blob(&tpm_rsa_public(&hex!("0010"))),
        ),
        (
            KeyMaterialForm::TpmPcp,
            pcp_blob(&tpm_rsa_public(&hex!("0014000b"))),
        ),
        (
            KeyMaterialForm::TpmPcp,
            pcp_blob(&tpm_rsa_public(&hex!("0015"))),
        ),
    ];
    for (form, bytes) in forms {
        assert_eq!(KeyMaterialForm::of(&bytes), Some(form));
        assert_eq!(
            PublicKeyMaterial::parse(&bytes),
            Ok(key.clone()),
            "{form:?}"
        );
    }
    // The lengths that protocols D.5 gives for 2048 bits.
    assert_eq!(
        (rsa().to_bcrypt_blob().len(), rsa().to_pkcs1_der().len()),
        (283, 270)
    );
}

#[test]
fn one_elliptic_key_is_one_key_in_every_form() {
    for curve in [EcCurve::P256, EcCurve::P384] {
        let key = PublicKeyMaterial::Ec(ec(curve));
        let spki = ec(curve).to_spki_der();
        let (x, y) = (ec(curve).x, ec(curve).y);
        let length = (x.len() as u16).to_be_bytes();
        let id = if curve == EcCurve::P256 {
            hex!("0003")
        } else {
            hex!("0004")
        };
        let tpm = tpm_public(
            0x23,
            &[
                &hex!("0010 0018000b")[..],
                &id,
                &hex!("0010"),
                &length,
                &x,
                &length,
                &y,
            ]
            .concat(),
        );
        for bytes in [
            write_ecc_public(EccPurpose::Signature, &ec(curve)),
            write_ecc_public(EccPurpose::Agreement, &ec(curve)),
            spki.clone(),
            certificate(&spki, true),
            pcp_blob(&tpm),
        ] {
            assert_eq!(
                PublicKeyMaterial::parse(&bytes),
                Ok(key.clone()),
                "{bytes:02x?}"
            );
        }
    }
}

#[test]
fn leading_zeros_do_not_make_another_key() {
    let padded = RsaPublicKey::new(&[&[0, 0], rsa().modulus()].concat(), &[0, 1, 0, 1]).unwrap();
    assert_eq!(padded, rsa());
    assert_eq!(padded.bits(), 2048);
    assert_eq!(RsaPublicKey::new(&[0, 0], &[3]), None);
    assert_eq!(RsaPublicKey::new(&[3], &[]), None);
    assert_eq!(RsaPublicKey::new(&[1, 0], &[3]).unwrap().bits(), 9);
}

#[test]
fn spki_is_what_other_implementations_write() {
    // `openssl ec -pubout -outform DER` of a P-256 key begins with these 27 bytes, whatever the key.
    let der = ec(EcCurve::P256).to_spki_der();
    assert!(der.starts_with(&hex!(
        "3059 3013 06072a8648ce3d0201 06082a8648ce3d030107 034200 04"
    )));
    // And `openssl rsa -pubout -outform DER` of a 2048-bit key with these 33.
    assert!(rsa().to_spki_der().starts_with(&hex!(
        "30820122 300d 06092a864886f70d010101 0500 0382010f00 3082010a 02820101 00"
    )));
}

#[test]
fn refuses_what_it_cannot_compare() {
    use InvalidKeyMaterial::{Malformed, UnknownForm, Unsupported};
    let point = ec(EcCurve::P256).to_point();
    let spki = |oid: &[u8], parameters: &[u8], key: &[u8]| {
        let algorithm = tlv(0x30, &[oid, parameters]);
        tlv(0x30, &[&algorithm, &tlv(0x03, &[&[0], key])])
    };
    let ec_oid = hex!("06072a8648ce3d0201");
    let p256 = hex!("06082a8648ce3d030107");
    let rsa_oid = hex!("06092a864886f70d010101");
    let compressed = [&[2], &point[1..33]].concat();
    let pkcs1 = rsa().to_pkcs1_der();
    let mut header_too_short = pcp_blob(&tpm_rsa_public(&hex!("0010")));
    header_too_short[4] = 0x10;
    let mut tpm_1 = pcp_blob(&tpm_rsa_public(&hex!("0010")));
    tpm_1[8] = 1;
    let mut wrong_bits = tpm_rsa_public(&hex!("0010"));
    wrong_bits[14] = 4;
    for (what, bytes, reason) in [
        ("nothing", vec![], UnknownForm),
        ("text", b"hello".to_vec(), UnknownForm),
        ("an empty sequence", hex!("3000").to_vec(), UnknownForm),
        (
            "a sequence of a boolean",
            hex!("3003010100").to_vec(),
            UnknownForm,
        ),
        (
            "bytes after the sequence",
            [&pkcs1[..], &[0]].concat(),
            UnknownForm,
        ),
        (
            "PKCS#1 with a third number",
            tlv(0x30, &[&pkcs1[4..], &hex!("020101")]),
            Malformed,
        ),
        (
            "PKCS#1 with a negative number",
            hex!("3006 020181 020103").to_vec(),
            Malformed,
        ),
        (
            "PKCS#1 with a zero modulus",
            hex!("3006 020100 020103").to_vec(),
            Malformed,
        ),
        (
            "Ed25519",
            spki(&hex!("06032b6570"), &[], &[7; 32]),
            Unsupported,
        ),
        (
            "P-521",
            spki(&ec_oid, &hex!("06052b81040023"), &point),
            Unsupported,
        ),
        (
            "a curve by its parameters",
            spki(&ec_oid, &tlv(0x30, &[]), &point),
            Unsupported,
        ),
        ("no curve", spki(&ec_oid, &[], &point), Unsupported),
        (
            "a compressed point",
            spki(&ec_oid, &p256, &compressed),
            Unsupported,
        ),
        (
            "a short point",
            spki(&ec_oid, &p256, &point[..64]),
            Malformed,
        ),
        (
            "the point at infinity",
            spki(&ec_oid, &p256, &[0]),
            Malformed,
        ),
        ("RSA with a curve", spki(&rsa_oid, &p256, &pkcs1), Malformed),
        ("a certificate cut short", certificate(&[], true), Malformed),
        ("a TPM header without cbPublic", header_too_short, Malformed),
        ("a TPM 1.2 key", tpm_1, Unsupported),
        (
            "a TPM key cut short",
            pcp_blob(&tpm_rsa_public(&hex!("0010"))[..200]),
            Malformed,
        ),
        (
            "a TPM key whose bits do not count",
            pcp_blob(&wrong_bits),
            Malformed,
        ),
        (
            "a TPM keyed hash",
            pcp_blob(&tpm_public(8, &[])),
            Unsupported,
        ),
        ("a magic alone", b"PCPM".to_vec(), Malformed),
        (
            "FIDO of version 2",
            br#"{"version":2,"authData":""}"#.to_vec(),
            Unsupported,
        ),
        ("FIDO without data", br#"{"version":1}"#.to_vec(), Malformed),
        (
            "FIDO that is not base64",
            br#"{"version":1,"authData":"?"}"#.to_vec(),
            Malformed,
        ),
    ] {
        assert_eq!(PublicKeyMaterial::parse(&bytes), Err(reason), "{what}");
    }
    // Absent parameters are a known slip of writers; the key is the same.
    assert_eq!(
        PublicKeyMaterial::parse(&spki(&rsa_oid, &[], &pkcs1)),
        Ok(PublicKeyMaterial::Rsa(rsa()))
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(form in 0usize..9, bytes: Vec<u8>) {
        let heads: [&[u8]; 9] = [
            b"", b"RSA1", b"ECS1", b"ECK3", b"{\"version\":1,", &[0x30], &hex!("300d06092a864886f70d010101"),
            b"PCPM\x38\0\0\0\x02\0\0\0\0\0\0\0", &hex!("3082"),
        ];
        let _ = PublicKeyMaterial::parse(&[heads[form], &bytes].concat());
        let _ = parse_tpm2b_public(&bytes);
    }

    #[test]
    fn a_damaged_key_never_panics(form in 0usize..5, offset in 0usize..400, value: u8) {
        let spki = rsa().to_spki_der();
        let mut bytes = [
            rsa().to_pkcs1_der(),
            spki.clone(),
            certificate(&spki, true),
            pcp_blob(&tpm_rsa_public(&hex!("0010"))),
            ec(EcCurve::P384).to_spki_der(),
        ][form].clone();
        if let Some(byte) = bytes.get_mut(offset) {
            *byte = value;
        }
        let _ = PublicKeyMaterial::parse(&bytes);
    }

    #[test]
    fn an_rsa_key_survives_each_form(
        modulus in proptest::collection::vec(any::<u8>(), 1..300),
        exponent in proptest::collection::vec(any::<u8>(), 1..6),
    ) {
        let Some(key) = RsaPublicKey::new(&modulus, &exponent) else { return Ok(()) };
        let material = PublicKeyMaterial::Rsa(key.clone());
        for bytes in [key.to_bcrypt_blob(), key.to_pkcs1_der(), key.to_spki_der()] {
            prop_assert_eq!(PublicKeyMaterial::parse(&bytes), Ok(material.clone()));
        }
    }
}
