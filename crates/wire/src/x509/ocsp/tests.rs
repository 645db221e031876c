use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::x509::{Certificate, Reason};

macro_rules! vector {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/vectors/ocsp/", $name)).as_slice()
    };
}

const PRODUCED: i64 = 1795276055;
const REVOKED: i64 = 1772366400;

fn issuer() -> Certificate {
    Certificate::parse(vector!("issuer.der")).unwrap()
}

fn answer(der: &[u8]) -> BasicResponse {
    match OcspResponse::parse(der).unwrap() {
        OcspResponse::Successful(response) => response,
        OcspResponse::Failed(status) => panic!("failed: {status}"),
    }
}

#[test]
fn asks_as_openssl_does() {
    let ids = [[0x10, 0x01], [0x10, 0x02], [0x10, 0x03]]
        .map(|serial| CertId::sha1(&issuer(), &serial).unwrap());
    let request = OcspRequest {
        certificates: ids.to_vec(),
        extensions: Extensions::default(),
    };
    assert_eq!(
        OcspRequest::parse(vector!("request.der")),
        Ok(request.clone())
    );
    assert_eq!(request.encode(), vector!("request.der"));

    let certificate = Certificate::parse(vector!("certificate.der")).unwrap();
    let nonce = hex!("a535ec1fc831cae5113ebc13599ca680");
    let id = CertId::sha256(&issuer(), certificate.serial()).unwrap();
    let request = OcspRequest::about(id, Some(&nonce));
    assert_eq!(request.encode(), vector!("request-sha256-nonce.der"));
    let read = OcspRequest::parse(&request.encode()).unwrap();
    assert_eq!(read.extensions.ocsp_nonce(), Ok(Some(nonce.to_vec())));
    assert_eq!(read, request);
}

#[test]
fn reads_good_revoked_and_unknown_as_openssl_writes_them() {
    let response = answer(vector!("response-by-name.der"));
    let data = response.data();
    assert_eq!(
        data.responder,
        ResponderId::ByName(issuer().subject().clone())
    );
    assert_eq!(data.responder.names(&issuer()), Ok(true));
    assert_eq!(data.produced_at, PRODUCED);
    assert_eq!(response.certificates(), [issuer()]);
    let status = |serial: [u8; 2]| {
        let id = CertId::sha1(&issuer(), &serial).unwrap();
        let single = response.find(&id).unwrap();
        assert_eq!(single.this_update, PRODUCED);
        assert_eq!(single.next_update, Some(PRODUCED + 3_600));
        single.status
    };
    assert_eq!(status([0x10, 0x01]), CertificateStatus::Good);
    assert_eq!(
        status([0x10, 0x02]),
        CertificateStatus::Revoked {
            since: REVOKED,
            reason: Reason::KeyCompromise,
        }
    );
    assert_eq!(status([0x10, 0x03]), CertificateStatus::Unknown);
    let other = CertId::sha1(&issuer(), &[0x10, 0x04]).unwrap();
    assert_eq!(response.find(&other), None);
}

#[test]
fn reads_a_responder_by_its_key_and_the_nonce() {
    let response = answer(vector!("response-by-key-nonce.der"));
    let certificate = Certificate::parse(vector!("certificate.der")).unwrap();
    let data = response.data();
    assert_eq!(data.responder, ResponderId::by_key_of(&issuer()).unwrap());
    assert_eq!(data.responder.names(&issuer()), Ok(true));
    assert_eq!(data.responder.names(&certificate), Ok(false));
    assert_eq!(
        data.extensions.ocsp_nonce(),
        Ok(Some(hex!("a535ec1fc831cae5113ebc13599ca680").to_vec()))
    );
    assert_eq!(data.responses[0].next_update, None);
    assert!(response.certificates().is_empty());
}

#[test]
fn what_is_written_is_what_openssl_writes() {
    for der in [
        vector!("response-by-name.der"),
        vector!("response-by-key-nonce.der"),
    ] {
        let response = answer(der);
        assert_eq!(response.data().encode(), response.tbs());
        let certificates: Vec<&[u8]> = response
            .certificates()
            .iter()
            .map(Certificate::der)
            .collect();
        let whole = assemble(
            response.tbs(),
            response.signature_algorithm(),
            response.signature(),
            &certificates,
        );
        assert_eq!(whole, der);
    }
}

#[test]
fn a_refusal_is_a_number_and_an_answer_is_not_left_out() {
    assert_eq!(
        OcspResponse::parse(vector!("response-try-later.der")),
        Ok(OcspResponse::Failed(OcspResponse::TRY_LATER))
    );
    assert_eq!(
        OcspResponse::encode_failure(OcspResponse::TRY_LATER),
        vector!("response-try-later.der")
    );
    for wrong in [
        &hex!("3003 0a0100")[..],  // successful, and nothing said
        &hex!("3003 0a0104"),      // no such status
        &hex!("3005 0a0103 a000"), // refused, and yet bytes
        &hex!("3004 0a020003"),
        &hex!("3014 0a0100 a00f 300d 0608 2b06010505073001 0401 00"), // another type
    ] {
        assert!(OcspResponse::parse(wrong).is_err(), "{wrong:02x?}");
    }
}

#[test]
fn a_nonce_has_1_to_128_bytes() {
    let nonce = |length: usize| {
        Extensions::from(vec![Extension::ocsp_nonce(&vec![7; length])]).ocsp_nonce()
    };
    assert!(nonce(0).is_err());
    assert_eq!(nonce(1), Ok(Some(vec![7])));
    assert_eq!(nonce(128), Ok(Some(vec![7; 128])));
    assert!(nonce(129).is_err());
    assert_eq!(Extensions::default().ocsp_nonce(), Ok(None));
}

#[test]
fn refuses_more_than_its_limits_and_every_truncation() {
    let id = CertId::sha1(&issuer(), &[1]).unwrap();
    let request = OcspRequest {
        certificates: vec![id; 65],
        extensions: Extensions::default(),
    };
    assert!(OcspRequest::parse(&request.encode()).is_err());
    assert!(matches!(
        OcspResponse::parse(&vec![0; OcspResponse::MAX + 1]),
        Err(Malformed::TooLarge(_))
    ));
    let request = vector!("request-sha256-nonce.der");
    for length in 0..request.len() {
        assert!(OcspRequest::parse(&request[..length]).is_err(), "{length}");
    }
    let response = vector!("response-by-name.der");
    for length in 0..response.len() {
        assert!(
            OcspResponse::parse(&response[..length]).is_err(),
            "{length}"
        );
    }
}

proptest! {
    #[test]
    fn a_damaged_message_never_panics(at in 0usize..1021, value: u8) {
        let mut response = vector!("response-by-name.der").to_vec();
        response[at] = value;
        if let Ok(OcspResponse::Successful(response)) = OcspResponse::parse(&response) {
            let _ = (response.tbs(), response.signature(), response.data().encode());
        }
        let mut request = vector!("request.der").to_vec();
        let at = at % request.len();
        request[at] = value;
        if let Ok(read) = OcspRequest::parse(&request) {
            prop_assert_eq!(OcspRequest::parse(&read.encode()), Ok(read));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = OcspResponse::parse(&bytes);
        let _ = OcspRequest::parse(&bytes);
    }
}
