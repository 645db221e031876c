//! The password protocol (RFC 3244).

use hex_literal::hex;
use proptest::prelude::*;
use wire::asn1::UInt32;
use wire::kerberos::{
    ApOptions, ApRep, ApReq, ChangePasswdData, EncryptedData, EncryptionType, ErrorCode,
    InvalidPasswordMessage, KerberosTime, KrbError, KrbPriv, MAX_REQUEST, Microseconds,
    PasswordMessageTooLong, PasswordPolicyInfo, PasswordReply, PasswordRequest, PasswordResult,
    PasswordResultCode, PasswordVersion, PrincipalName, Ticket,
};

fn encrypted(length: usize) -> EncryptedData {
    EncryptedData {
        etype: EncryptionType::AES256_CTS_HMAC_SHA1_96,
        kvno: Some(UInt32(2)),
        cipher: vec![7; length],
    }
}

fn request(version: PasswordVersion) -> PasswordRequest {
    let ticket = Ticket {
        realm: "CORP.EXAMPLE".into(),
        sname: PrincipalName::service("kadmin", "changepw"),
        enc_part: encrypted(200),
    };
    PasswordRequest {
        version,
        ap_req: ApReq::new(ApOptions::NONE, ticket, encrypted(90)),
        krb_priv: KrbPriv::new(encrypted(60)),
    }
}

fn refusal() -> KrbError {
    let mut error = KrbError::new(
        ErrorCode::KRB_ERR_GENERIC,
        KerberosTime::from_unix(1_795_349_753),
        Microseconds::new(0).unwrap(),
        "CORP.EXAMPLE".into(),
        PrincipalName::service("kadmin", "changepw"),
    );
    error.e_data = Some(PasswordResult::new(PasswordResultCode::AUTHERROR, "who?").encode());
    error
}

#[test]
fn writes_and_reads_requests_of_both_versions() {
    for (version, number) in [
        (PasswordVersion::Change, [0x00, 0x01]),
        (PasswordVersion::Set, [0xff, 0x80]),
    ] {
        let request = request(version);
        let bytes = request.encode().unwrap();
        let ap_req = request.ap_req.encode();
        assert_eq!(bytes[..2], (bytes.len() as u16).to_be_bytes());
        assert_eq!(bytes[2..4], number);
        assert_eq!(bytes[4..6], (ap_req.len() as u16).to_be_bytes());
        assert_eq!(bytes[6..6 + ap_req.len()], ap_req);
        assert_eq!(bytes[6 + ap_req.len()..], request.krb_priv.encode());
        assert_eq!(PasswordRequest::decode(&bytes), Ok(request));
    }
}

#[test]
fn refuses_a_frame_that_lies_about_its_lengths_or_has_a_version_that_nobody_knows() {
    let bytes = request(PasswordVersion::Set).encode().unwrap();
    let with = |at: usize, value: [u8; 2]| {
        let mut bytes = bytes.clone();
        bytes[at..at + 2].copy_from_slice(&value);
        PasswordRequest::decode(&bytes)
    };
    assert!(matches!(
        with(0, [0, 6]),
        Err(InvalidPasswordMessage::Length { stated: 6, .. })
    ));
    assert_eq!(
        with(2, [0, 2]),
        Err(InvalidPasswordMessage::Version(2)),
        "to be answered with BAD_VERSION"
    );
    assert_eq!(
        with(4, [0xff, 0xff]),
        Err(InvalidPasswordMessage::Truncated)
    );
    assert!(matches!(
        with(4, [0, 0]),
        Err(InvalidPasswordMessage::Message(_))
    ));
    for length in 0..bytes.len() {
        assert!(PasswordRequest::decode(&bytes[..length]).is_err());
        // The length set right, what it frames cut off.
        if let Some(rest) = bytes[..length].get(2..) {
            let cut = [&(length as u16).to_be_bytes(), rest].concat();
            assert!(PasswordRequest::decode(&cut).is_err(), "{length}");
        }
    }
}

#[test]
fn writes_and_reads_replies_and_errors_framed_and_bare() {
    let reply = PasswordReply::Result {
        ap_rep: ApRep::new(encrypted(80)),
        krb_priv: KrbPriv::new(encrypted(50)),
    };
    let bytes = reply.encode().unwrap();
    assert_eq!(bytes[2..4], [0, 1]);
    assert_eq!(PasswordReply::decode(&bytes).as_ref(), Ok(&reply));
    let windows = reply.encode_as(PasswordVersion::Set).unwrap();
    assert_eq!(windows[2..4], [0xff, 0x80]);
    assert_eq!(PasswordReply::decode(&windows), Ok(reply));

    let error = PasswordReply::Error(refusal());
    let framed = error.encode().unwrap();
    assert_eq!(framed[4..6], [0, 0], "no AP-REP");
    assert_eq!(PasswordReply::decode(&framed).as_ref(), Ok(&error));
    assert_eq!(PasswordReply::decode(&refusal().encode()), Ok(error));
    let e_data = refusal().e_data.unwrap();
    assert_eq!(e_data, b"\0\x03who?");
    let result = PasswordResult::decode(&e_data).unwrap();
    assert_eq!(result.code, PasswordResultCode::AUTHERROR);
    assert_eq!(result.text(), Some("who?"));
}

#[test]
fn refuses_to_write_what_16_bits_cannot_count() {
    let mut long = request(PasswordVersion::Change);
    long.krb_priv = KrbPriv::new(encrypted(MAX_REQUEST));
    assert_eq!(long.encode(), Err(PasswordMessageTooLong));
}

#[test]
fn a_new_password_reads_back_and_is_not_shown() {
    // RFC 3244 2, encoded by hand.
    let bytes = hex!(
        "302b a005 0403 534f53 a112 3010 a003020101 a109 3007 1b05 616c696365"
        "a10e 1b0c 434f52502e4558414d504c45"
    );
    // The realm is `[2]`: a second `[1]` is refused.
    assert!(ChangePasswdData::decode(&bytes).is_err());
    let mut bytes = bytes;
    bytes[29] = 0xa2;
    let data = ChangePasswdData::decode(&bytes).unwrap();
    assert_eq!(data.newpasswd, b"SOS");
    assert_eq!(data.targname, Some(PrincipalName::principal("alice")));
    assert_eq!(data.targrealm.as_deref(), Some("CORP.EXAMPLE"));
    assert_eq!(data.encode()[..], bytes);
    assert!(!format!("{data:?}").contains("83"), "{data:?}");
    let alone = ChangePasswdData {
        newpasswd: "häslein".into(),
        targname: None,
        targrealm: None,
    };
    assert_eq!(ChangePasswdData::decode(&alone.encode()), Ok(alone));
}

/// The buffers of MIT krb5 `test_chpw_message.c`, which clients turn into words.
#[test]
fn reads_and_writes_the_policy_that_windows_sends() {
    let two_days = hex!("0000 00000000 00000000 00000000 0000000000000000 0000019254d38000");
    let policy = PasswordPolicyInfo::decode(&two_days).unwrap();
    assert_eq!(policy.min_age, 2 * PasswordPolicyInfo::DAY);
    assert_eq!(policy.encode(), two_days);
    let all = hex!("0000 00000005 0000000d 00000001 0000000000000000 000000c92a69c000");
    let policy = PasswordPolicyInfo {
        min_length: 5,
        history: 13,
        properties: PasswordPolicyInfo::COMPLEX,
        expire: 0,
        min_age: PasswordPolicyInfo::DAY,
    };
    assert_eq!(policy.encode(), all);
    let result = PasswordResult {
        code: PasswordResultCode::SOFTERROR,
        string: all.to_vec(),
    };
    let result = PasswordResult::decode(&result.encode()).unwrap();
    assert_eq!(result.policy(), Some(policy));
    assert_eq!(result.text(), None, "no words");

    assert_eq!(PasswordPolicyInfo::decode(&all[..29]), None);
    assert_eq!(PasswordPolicyInfo::decode(&[&all[..], &[0]].concat()), None);
    let words = PasswordResult::new(
        PasswordResultCode::SOFTERROR,
        "thirty bytes that are words...",
    );
    assert_eq!(words.string.len(), PasswordPolicyInfo::LENGTH);
    assert_eq!(words.policy(), None);
    assert_eq!(words.text(), Some("thirty bytes that are words..."));
}

#[test]
fn a_result_without_a_code_or_with_a_book_behind_it_is_none() {
    assert_eq!(PasswordResult::decode(&[]), None);
    assert_eq!(PasswordResult::decode(&[0]), None);
    assert!(PasswordResult::decode(&[0, 0]).is_some());
    let book = vec![b'a'; 2 + PasswordResult::MAX_STRING + 1];
    assert_eq!(PasswordResult::decode(&book), None);
    assert_eq!(PasswordResult::decode(b"\0\x04\xff").unwrap().text(), None);
}

#[test]
fn a_request_is_told_from_a_message_to_a_kdc_by_its_frame() {
    for version in [PasswordVersion::Change, PasswordVersion::Set] {
        let message = request(version).encode().unwrap();
        assert!(PasswordRequest::is_one(&message));
        assert!(!PasswordRequest::is_one(&message[..message.len() - 1]));
        let mut longer = message.clone();
        longer.push(0);
        assert!(!PasswordRequest::is_one(&longer));
        let mut other = message;
        other[3] ^= 2;
        assert!(!PasswordRequest::is_one(&other), "a version of no protocol");
    }
    for none in [&b""[..], b"\0", b"\0\x02", b"\0\x03\0", &refusal().encode()] {
        assert!(!PasswordRequest::is_one(none));
    }
}

proptest! {
    #[test]
    fn no_damage_makes_the_decoders_panic(
        at in any::<prop::sample::Index>(),
        value: u8,
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bytes = request(PasswordVersion::Set).encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = value;
        for bytes in [bytes, noise] {
            if let Ok(read) = PasswordRequest::decode(&bytes) {
                prop_assert_eq!(PasswordRequest::decode(&read.encode().unwrap()), Ok(read));
            }
            if let Ok(read) = PasswordReply::decode(&bytes) {
                prop_assert_eq!(PasswordReply::decode(&read.encode().unwrap()), Ok(read));
            }
            if let Some(read) = PasswordResult::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
            }
        }
    }

    #[test]
    fn any_policy_reads_back(min_length: u32, history: u32, properties: u32, expire: u64, min_age: u64) {
        let policy = PasswordPolicyInfo { min_length, history, properties, expire, min_age };
        prop_assert_eq!(PasswordPolicyInfo::decode(&policy.encode()), Some(policy));
    }
}
