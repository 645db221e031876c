//! S4U2self, and what MS-KILE adds to errors.

use hex_literal::hex;
use wire::asn1::{Der, Extensions, UInt32};
use wire::kerberos::{
    Checksum, ChecksumType, KdcOptions, KerbErrorData, KerbErrorDataType, KerbExtError, MethodData,
    NameType, PaForUser, PaPacOptions, PaS4uX509User, PacOptionFlags, PrincipalName, S4uOptions,
    S4uUserId, SupportedEncryptionTypes, TypedData,
};

/// `encode_krb5_pa_for_user` of MIT krb5's `reference_encode.out`.
pub(crate) const FOR_USER: [u8; 77] = hex!(
    "304ba01a3018a003020101a111300f1b066866747361691b056578747261a1101b"
    "0e415448454e412e4d49542e454455a20f300da003020101a106040431323334a3"
    "0a1b086b72623564617461"
);

/// `encode_krb5_pa_s4u_x509_user` of MIT krb5's `reference_encode.out`.
pub(crate) const X509_USER: [u8; 106] = hex!(
    "3068a0553053a006020400ca149aa11a3018a003020101a111300f1b0668667473"
    "61691b056578747261a2101b0e415448454e412e4d49542e454455a312041070615f"
    "7334755f783530395f75736572a40703050080000000a10f300da003020101a10604"
    "0431323334"
);

fn sample_checksum() -> Checksum {
    Checksum {
        cksumtype: ChecksumType(1),
        checksum: b"1234".to_vec(),
    }
}

/// MIT krb5 `reference_encode.out`, `encode_krb5_pa_for_user`.
#[test]
fn reads_and_writes_pa_for_user_as_mit_does() {
    let bytes = FOR_USER;
    let padata = PaForUser::decode(&bytes).unwrap();
    assert_eq!(padata.user_name.to_string(), "hftsai/extra");
    assert_eq!(padata.user_realm, "ATHENA.MIT.EDU");
    assert_eq!(padata.cksum, sample_checksum());
    assert_eq!(padata.auth_package, "krb5data");
    assert_eq!(padata.encode(), bytes);
    assert_eq!(
        padata.checksum_input(),
        b"\x01\0\0\0hftsaiextraATHENA.MIT.EDUkrb5data"
    );
}

#[test]
fn the_checksum_covers_the_type_of_the_name_least_significant_byte_first() {
    let padata = PaForUser {
        user_name: PrincipalName::new(NameType(-128), ["alice"]),
        user_realm: "CORP.EXAMPLE".into(),
        cksum: Checksum {
            cksumtype: ChecksumType::HMAC_MD5,
            checksum: vec![0; 16],
        },
        auth_package: PaForUser::AUTH_PACKAGE.into(),
    };
    assert_eq!(
        padata.checksum_input(),
        b"\x80\xff\xff\xffaliceCORP.EXAMPLEKerberos"
    );
}

/// MIT krb5 `reference_encode.out`, `encode_krb5_pa_s4u_x509_user`.
#[test]
fn reads_and_writes_pa_s4u_x509_user_as_mit_does() {
    let bytes = X509_USER;
    let padata = PaS4uX509User::decode(&bytes).unwrap();
    let expected = S4uUserId {
        nonce: UInt32(13_243_546),
        cname: Some(PrincipalName::new(
            NameType::NT_PRINCIPAL,
            ["hftsai", "extra"],
        )),
        crealm: "ATHENA.MIT.EDU".into(),
        subject_certificate: Some(b"pa_s4u_x509_user".to_vec()),
        options: Some(S4uOptions(0x8000_0000)),
        extensions: Extensions::NONE,
    };
    assert_eq!(*padata.user_id, expected);
    assert_eq!(padata.encode(), bytes);
    assert_eq!(padata.user_id.as_bytes(), &bytes[4..4 + 0x55]);
    assert_eq!(
        PaS4uX509User {
            user_id: Der::new(expected),
            checksum: sample_checksum(),
        }
        .encode(),
        bytes
    );
    for length in 0..bytes.len() {
        assert!(PaS4uX509User::decode(&bytes[..length]).is_err());
    }
}

/// MS-SFU 2.2.2 and 2.2.3, MS-KILE 2.2.10, RFC 4120 5.4.1.
#[test]
fn options_have_the_bits_of_their_documents() {
    assert_eq!(S4uOptions::CHECK_LOGON_HOURS.0, 0x4000_0000);
    assert_eq!(S4uOptions::USE_REPLY_KEY_USAGE.0, 0x2000_0000);
    assert_eq!(KdcOptions::CNAME_IN_ADDL_TKT.0, 0x0002_0000);
    assert_eq!(KdcOptions::ENC_TKT_IN_SKEY.0, 0x0000_0008);
    let options = PaPacOptions {
        flags: PacOptionFlags::RESOURCE_BASED_CONSTRAINED_DELEGATION,
    };
    assert_eq!(options.encode(), hex!("3009 a007 0305 0010000000"));
    assert_eq!(PaPacOptions::decode(&options.encode()), Ok(options));
    assert_eq!(PacOptionFlags::CLAIMS.0, 0x8000_0000);
    assert_eq!(PacOptionFlags::BRANCH_AWARE.0, 0x4000_0000);
    assert_eq!(PacOptionFlags::FORWARD_TO_FULL_DC.0, 0x2000_0000);
}

/// MS-KILE 2.2.1 and 2.2.2: the e-data of a disabled account as Windows sends it, encoded by hand.
#[test]
fn reads_and_writes_an_extended_error() {
    let bytes = hex!("3015 a103 020103 a20e 040c 720000c0 00000000 01000000");
    let data = KerbErrorData::from(KerbExtError::new(KerbExtError::ACCOUNT_DISABLED));
    assert_eq!(data.encode(), bytes);
    let read = KerbErrorData::decode(&bytes).unwrap();
    assert_eq!(read.extended().unwrap().status, 0xc000_0072);
    assert_eq!(read, data);
    // Neither of the other forms of e-data.
    assert!(MethodData::decode(&bytes).is_err());
    assert!(TypedData::decode(&bytes).is_err());

    let skew = KerbErrorData {
        data_type: KerbErrorDataType::KERB_AP_ERR_TYPE_SKEW_RECOVERY,
        data_value: None,
    };
    assert_eq!(skew.encode(), hex!("3005 a103 020102"));
    assert_eq!(skew.extended(), None);
    assert_eq!(KerbExtError::decode(&[0; 11]), None);
    assert_eq!(KerbExtError::decode(&[0; 13]), None);
    let with_reserved = hex!("720000c0 ffffffff 03000000");
    assert_eq!(KerbExtError::decode(&with_reserved).unwrap().flags, 3);
}

#[test]
fn supported_encryption_types_are_four_little_endian_bytes() {
    let types = SupportedEncryptionTypes::AES128_CTS_HMAC_SHA1_96
        .with(SupportedEncryptionTypes::AES256_CTS_HMAC_SHA1_96)
        .with(SupportedEncryptionTypes::FAST_SUPPORTED);
    assert_eq!(types.encode(), hex!("18000100"));
    assert_eq!(
        SupportedEncryptionTypes::decode(&types.encode()),
        Some(types)
    );
    assert!(!types.contains(SupportedEncryptionTypes::RC4_HMAC));
    assert_eq!(SupportedEncryptionTypes::decode(&[0x18, 0, 0]), None);
    assert_eq!(SupportedEncryptionTypes::decode(&[0x18, 0, 0, 0, 0]), None);
}
