//! FAST and what belongs to it (RFC 6113, RFC 8062).

use hex_literal::hex;
use wire::asn1::{Der, Extensions, UInt32};
use wire::kerberos::{
    ANONYMOUS_REALM, AuthorizationDataType, Checksum, ChecksumType, EncryptedData, EncryptionKey,
    EncryptionType, FastArmorType, FastOptions, KdcOptions, KdcReqBody, KerberosTime, KrbFastArmor,
    KrbFastArmoredRep, KrbFastArmoredReq, KrbFastFinished, KrbFastReq, KrbFastResponse,
    Microseconds, NameType, PaData, PaDataType, PaFxFastReply, PaFxFastRequest, PrincipalName,
    TicketFlags,
};

/// The sample data of MIT krb5 `src/tests/asn.1`: its time, principal, checksum and ciphertext.
fn sample_time() -> KerberosTime {
    KerberosTime::from_unix(771_228_197)
}

fn sample_principal() -> PrincipalName {
    PrincipalName::new(NameType::NT_PRINCIPAL, ["hftsai", "extra"])
}

fn sample_checksum() -> Checksum {
    Checksum {
        cksumtype: ChecksumType(1),
        checksum: b"1234".to_vec(),
    }
}

fn sample_encrypted() -> EncryptedData {
    EncryptedData {
        etype: EncryptionType(0),
        kvno: Some(UInt32(5)),
        cipher: b"krbASN.1 test message".to_vec(),
    }
}

fn body() -> KdcReqBody {
    KdcReqBody {
        kdc_options: KdcOptions::REQUEST_ANONYMOUS,
        cname: Some(PrincipalName::anonymous()),
        realm: "CORP.EXAMPLE".into(),
        sname: Some(PrincipalName::krbtgt("CORP.EXAMPLE")),
        from: None,
        till: KerberosTime::EPOCH,
        rtime: None,
        nonce: UInt32(42),
        etype: [EncryptionType::AES256_CTS_HMAC_SHA1_96].into(),
        addresses: None,
        enc_authorization_data: None,
        additional_tickets: None,
    }
}

/// MIT krb5 `reference_encode.out`, `encode_krb5_fast_response`.
pub(crate) const RESPONSE: [u8; 162] = hex!(
        "30819fa02630243010a10302010da209040770612d646174613010a10302010da2"
        "09040770612d64617461a1133011a003020101a10a04083132333435363738a25b"
        "3059a011180f31393934303631303036303331375aa105020301e240a2101b0e41"
        "5448454e412e4d49542e454455a31a3018a003020101a111300f1b066866747361"
        "691b056578747261a40f300da003020101a106040431323334a30302012a"
);

#[test]
fn reads_and_writes_the_response_that_mit_writes() {
    let bytes = RESPONSE;
    let response = KrbFastResponse::decode(&bytes).unwrap();
    assert_eq!(
        *response.padata,
        [PaDataType(13), PaDataType(13)].map(|kind| PaData::new(kind, *b"pa-data"))
    );
    let key = response.strengthen_key.as_ref().unwrap();
    assert_eq!((key.keytype.0, &key.keyvalue[..]), (1, &b"12345678"[..]));
    assert_eq!(
        response.finished,
        Some(KrbFastFinished {
            timestamp: sample_time(),
            usec: Microseconds::new(123_456).unwrap(),
            crealm: "ATHENA.MIT.EDU".into(),
            cname: sample_principal(),
            ticket_checksum: sample_checksum(),
            extensions: Extensions::NONE,
        })
    );
    assert_eq!(response.nonce, UInt32(42));
    assert_eq!(response.encode()[..], bytes);
}

/// MIT krb5 `reference_encode.out`, `encode_krb5_pa_fx_fast_reply`.
#[test]
fn reads_and_writes_the_reply_that_mit_writes() {
    let bytes = hex!(
        "a0293027a0253023a003020100a103020105a21704156b7262"
        "41534e2e312074657374206d657373616765"
    );
    let reply = PaFxFastReply::ArmoredData(KrbFastArmoredRep {
        enc_fast_rep: sample_encrypted(),
        extensions: Extensions::NONE,
    });
    assert_eq!(PaFxFastReply::decode(&bytes).as_ref(), Ok(&reply));
    assert_eq!(reply.encode(), bytes);
}

#[test]
fn writes_and_reads_a_request_with_and_without_armor() {
    let armor = KrbFastArmor {
        armor_type: FastArmorType::FX_FAST_ARMOR_AP_REQUEST,
        armor_value: vec![1, 2, 3],
        extensions: Extensions::NONE,
    };
    for armor in [Some(armor), None] {
        let request = PaFxFastRequest::ArmoredData(KrbFastArmoredReq {
            armor,
            req_checksum: sample_checksum(),
            enc_fast_req: sample_encrypted(),
            extensions: Extensions::NONE,
        });
        let bytes = request.encode();
        assert_eq!(PaFxFastRequest::decode(&bytes), Ok(request));
        for length in 0..bytes.len() {
            assert!(PaFxFastRequest::decode(&bytes[..length]).is_err());
        }
        assert!(PaFxFastRequest::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn refuses_an_alternative_that_the_choice_does_not_have() {
    let request = PaFxFastRequest::ArmoredData(KrbFastArmoredReq {
        armor: None,
        req_checksum: sample_checksum(),
        enc_fast_req: sample_encrypted(),
        extensions: Extensions::NONE,
    });
    let mut bytes = request.encode();
    for tag in [0xa1, 0x80, 0x30] {
        bytes[0] = tag;
        assert!(PaFxFastRequest::decode(&bytes).is_err(), "{tag:#x}");
    }
}

#[test]
fn keeps_the_body_inside_the_armor_and_what_later_versions_add() {
    let request = KrbFastReq {
        fast_options: FastOptions::HIDE_CLIENT_NAMES,
        padata: [PaData::new(PaDataType::ENCRYPTED_CHALLENGE, *b"challenge")].into(),
        req_body: Der::new(body()),
        extensions: Extensions::NONE,
    };
    let bytes = request.encode();
    let read = KrbFastReq::decode(&bytes).unwrap();
    assert_eq!(read, request);
    assert_eq!(read.req_body.as_bytes(), body().encode());
    // A `[3]` that RFC 6113 does not define stays; a `[1]` out of its place is refused.
    let extended = |extension: [u8; 4]| {
        let inner = [&bytes[3..], &extension].concat();
        crate::element(0x30, &inner)
    };
    assert_eq!(bytes[1], 0x81, "one octet of length follows");
    let with = extended(hex!("a3020500"));
    let read = KrbFastReq::decode(&with).unwrap();
    assert_eq!(read.extensions.as_bytes(), hex!("a3020500"));
    assert_eq!(read.encode()[..], with);
    assert!(KrbFastReq::decode(&extended(hex!("a1020500"))).is_err());
}

#[test]
fn tells_the_critical_options_that_it_does_not_know() {
    let known = FastOptions::HIDE_CLIENT_NAMES;
    assert_eq!(
        FastOptions(0x4000_0000).unknown_critical(known),
        FastOptions::NONE
    );
    assert_eq!(
        FastOptions(0xc001_0000).unknown_critical(known),
        FastOptions(0x8001_0000)
    );
    assert_eq!(
        FastOptions::KDC_FOLLOW_REFERRALS.unknown_critical(known),
        FastOptions::NONE,
        "bit 16 is not critical"
    );
    assert_eq!(FastOptions::KDC_FOLLOW_REFERRALS.0, 0x8000);
}

/// RFC 8062 3 to 5, RFC 6113 5.4: numbers that the KDC and its clients must agree on.
#[test]
fn names_the_anonymous_client_and_the_numbers_around_it() {
    let name = PrincipalName::anonymous();
    assert_eq!(name.to_string(), "WELLKNOWN/ANONYMOUS");
    assert_eq!(name.name_type.0, 11);
    assert!(name.is_anonymous());
    assert!(PrincipalName::new(NameType::NT_PRINCIPAL, ["WELLKNOWN", "ANONYMOUS"]).is_anonymous());
    assert!(!PrincipalName::new(NameType::NT_WELLKNOWN, ["WELLKNOWN/ANONYMOUS"]).is_anonymous());
    assert_eq!(ANONYMOUS_REALM, "WELLKNOWN:ANONYMOUS");
    assert_eq!(KdcOptions::REQUEST_ANONYMOUS.0, 0x8000);
    assert_eq!(TicketFlags::ANONYMOUS.0, 0x8000);
    assert_eq!(PaDataType::PKINIT_KX.0, 147);
    assert_eq!(AuthorizationDataType::AD_FX_FAST_ARMOR.0, 71);
    assert_eq!(AuthorizationDataType::AD_FX_FAST_USED.0, 72);
    assert_eq!(AuthorizationDataType::AD_INITIAL_VERIFIED_CAS.0, 9);
}

#[test]
fn a_key_alone_reads_back_and_is_not_shown() {
    let key = EncryptionKey {
        keytype: EncryptionType::AES128_CTS_HMAC_SHA1_96,
        keyvalue: vec![0x5a; 16],
    };
    let bytes = key.encode();
    let read = EncryptionKey::decode(&bytes).unwrap();
    assert_eq!(read.keyvalue, key.keyvalue);
    assert!(!format!("{read:?}").contains("90"));
    assert!(EncryptionKey::decode(&bytes[..bytes.len() - 1]).is_err());
}
