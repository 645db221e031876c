//! SignedData: what MIT's programs make with OpenSSL, and the forms that other clients send.

use hex_literal::hex;
use sha2::{Digest, Sha256};
use wire::asn1::{AlgorithmIdentifierRef, AnyRef, Malformed, Raw};
use wire::cms::{SignedAttributes, SignedData, SignerIdentifier, SignerInfo, oid};
use wire::kerberos::{AsRep, AsReq, PaData, PaDataType};
use wire::pkinit::{self, PaPkAsRep, PaPkAsReq};

use crate::{element, vector};

/// The SignedData of a captured PKINIT request.
fn of_request(bytes: &[u8]) -> Vec<u8> {
    let request = AsReq::decode(bytes).unwrap();
    PaPkAsReq::decode(request.find_padata(PaDataType::PK_AS_REQ).unwrap())
        .unwrap()
        .signed_auth_pack
}

fn of_reply() -> Vec<u8> {
    let reply = AsRep::decode(vector!("kerberos/as-rep-pkinit.der")).unwrap();
    let padata = PaData::find(&reply.padata, PaDataType::PK_AS_REP).unwrap();
    match PaPkAsRep::decode(padata).unwrap() {
        PaPkAsRep::DhInfo(info) => info.dh_signed_data,
        PaPkAsRep::EncKeyPack(_) => panic!("not an agreement"),
    }
}

const SHA256: AlgorithmIdentifierRef<'static> = AlgorithmIdentifierRef {
    oid: oid::SHA256,
    parameters: None,
};

/// A message with the signer's `sid` and `signedAttrs` given as bytes.
fn message(sid: &[u8], signed_attrs: &[u8]) -> Vec<u8> {
    let sha256 = element(0x30, &element(6, oid::SHA256.as_bytes()));
    let rsa = element(0x30, &element(6, oid::RSA_ENCRYPTION.as_bytes()));
    let signer = element(
        0x30,
        &[
            &[2, 1, 3],
            sid,
            &sha256,
            signed_attrs,
            &rsa,
            &element(4, b"signature"),
        ]
        .concat(),
    );
    let content = element(
        0x30,
        &[
            element(6, pkinit::oid::AUTH_DATA.as_bytes()),
            element(0xa0, &element(4, b"content")),
        ]
        .concat(),
    );
    let signed_data = element(
        0x30,
        &[
            vec![2, 1, 3],
            element(0x31, &sha256),
            content,
            element(0x31, &signer),
        ]
        .concat(),
    );
    element(
        0x30,
        &[
            element(6, oid::SIGNED_DATA.as_bytes()),
            element(0xa0, &signed_data),
        ]
        .concat(),
    )
}

const BY_KEY: &[u8] = &hex!("80 03 010203");

fn attribute(attribute_type: &[u8], values: &[u8]) -> Vec<u8> {
    element(
        0x30,
        &[element(6, attribute_type), element(0x31, values)].concat(),
    )
}

fn attributes(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0xa0, &parts.concat())
}

fn content_type() -> Vec<u8> {
    attribute(
        oid::CONTENT_TYPE.as_bytes(),
        &element(6, pkinit::oid::AUTH_DATA.as_bytes()),
    )
}

fn message_digest() -> Vec<u8> {
    attribute(oid::MESSAGE_DIGEST.as_bytes(), &element(4, &[7; 32]))
}

#[test]
fn reads_what_mit_signs_and_writes_the_same_bytes() {
    for bytes in [
        of_request(vector!("kerberos/as-req-pkinit-with-certificate.der")),
        of_request(vector!("kerberos/as-req-pkinit-self-signed.der")),
        of_reply(),
    ] {
        assert_eq!(SignedData::decode(&bytes).unwrap().encode(), bytes);
    }
}

#[test]
fn hashes_what_mit_hashed() {
    // What the signatures hold, recovered with `openssl pkeyutl -verifyrecover` from each message's
    // last 256 bytes and the certificate of its signer.
    for (bytes, signed) in [
        (
            of_request(vector!("kerberos/as-req-pkinit-with-certificate.der")),
            hex!("d646a0cd4f2cd89e627e9d9dcac972a42a4816b969f42f64c77f3753c526df84"),
        ),
        (
            of_request(vector!("kerberos/as-req-pkinit-self-signed.der")),
            hex!("c8ecab697868a4ba649a8c532fc8bf9c67a8e4f5bf6fc61cfb9ee0db8e8e89eb"),
        ),
        (
            of_reply(),
            hex!("ea3de02b7219b2760a505a757742a5e5d8214cfdf49ea7e5b4217524009b51e1"),
        ),
    ] {
        let message = SignedData::decode(&bytes).unwrap();
        let content = message.encap_content_info.e_content.unwrap();
        let signer = message.single_signer().unwrap();
        assert_eq!(signer.digest_algorithm.oid, oid::SHA256);
        assert_eq!(signer.signature_algorithm.oid, oid::SHA256_WITH_RSA);
        assert_eq!(signer.signature.len(), 256);
        let attributes = signer.signed_attrs.unwrap();
        assert_eq!(
            attributes.content_type(),
            message.encap_content_info.e_content_type
        );
        assert_eq!(attributes.message_digest(), &Sha256::digest(content)[..]);
        assert_eq!(Sha256::digest(attributes.signed_bytes())[..], signed);
    }
}

#[test]
fn finds_no_certificate_where_mit_leaves_a_self_signed_one_out() {
    let bytes = of_request(vector!("kerberos/as-req-pkinit-self-signed.der"));
    let message = SignedData::decode(&bytes).unwrap();
    assert_eq!(message.certificates().count(), 0);
    let bytes = of_request(vector!("kerberos/as-req-pkinit-with-certificate.der"));
    let message = SignedData::decode(&bytes).unwrap();
    let certificates: Vec<_> = message.certificates().collect();
    assert_eq!(certificates.len(), 1);
    let certificate = wire::x509::Certificate::parse(certificates[0]).unwrap();
    let SignerIdentifier::IssuerAndSerialNumber(signer) = message.single_signer().unwrap().sid
    else {
        panic!("named by key identifier");
    };
    assert_eq!(signer.issuer.as_bytes(), certificate.issuer().der());
    assert_eq!(signer.serial_number.as_bytes(), certificate.serial());
}

#[test]
fn makes_the_message_that_mit_makes() {
    let bytes = of_reply();
    let theirs = SignedData::decode(&bytes).unwrap();
    let signer = theirs.single_signer().unwrap();
    let content = theirs.encap_content_info.e_content.unwrap();
    let set = SignedAttributes::encode(pkinit::oid::DH_KEY_DATA, &Sha256::digest(content));
    let ours = SignedData::with_one_signer(
        pkinit::oid::DH_KEY_DATA,
        content,
        &theirs.certificates().collect::<Vec<_>>(),
        SignerInfo::new(
            signer.sid,
            AlgorithmIdentifierRef {
                oid: oid::SHA256,
                parameters: Some(AnyRef::NULL),
            },
            Some(SignedAttributes::decode(&set).unwrap()),
            AlgorithmIdentifierRef {
                oid: oid::SHA256_WITH_RSA,
                parameters: Some(AnyRef::NULL),
            },
            signer.signature,
        ),
    );
    assert_eq!(ours.unwrap().encode(), bytes);
}

#[test]
fn sorts_certificates_as_der_has_it() {
    let certificates = [
        &hex!("30 03 020105")[..],
        &hex!("30 03 020104"),
        &hex!("30 00"),
    ];
    let message = SignedData::with_one_signer(
        oid::DATA,
        b"",
        &certificates,
        SignerInfo::new(
            SignerIdentifier::SubjectKeyIdentifier(b"key"),
            SHA256,
            None,
            SHA256,
            b"",
        ),
    )
    .unwrap();
    assert_eq!(message.version, 1);
    assert_eq!(message.signer_infos[0].version, 3);
    let bytes = message.encode();
    let order: Vec<_> = SignedData::decode(&bytes)
        .unwrap()
        .certificates()
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(order, [certificates[2], certificates[1], certificates[0]]);
    assert!(Raw::new(b"\x30\x01").is_err());
}

#[test]
fn reads_a_key_identifier_under_an_implicit_or_an_explicit_tag() {
    let attributes = attributes(&[content_type(), message_digest()]);
    for sid in [BY_KEY, &hex!("a0 05 04 03 010203")] {
        let bytes = message(sid, &attributes);
        let read = SignedData::decode(&bytes).unwrap();
        assert_eq!(
            read.single_signer().unwrap().sid,
            SignerIdentifier::SubjectKeyIdentifier(&[1, 2, 3])
        );
        // Written implicit, as RFC 5652 has it.
        assert_eq!(read.encode(), message(BY_KEY, &attributes));
    }
    for wrong in [
        &hex!("a0 03 010203")[..],
        &hex!("a0 05 30 03 020101"),
        &hex!("81 03 010203"),
        &hex!("04 03 010203"),
    ] {
        assert!(SignedData::decode(&message(wrong, &attributes)).is_err());
    }
}

#[test]
fn takes_attributes_in_any_order_and_hashes_them_as_they_were_sent() {
    let sorted = message(BY_KEY, &attributes(&[content_type(), message_digest()]));
    let unsorted = message(BY_KEY, &attributes(&[message_digest(), content_type()]));
    let signed = |bytes: &[u8]| {
        let read = SignedData::decode(bytes).unwrap();
        let attributes = read.single_signer().unwrap().signed_attrs.unwrap();
        assert_eq!(attributes.message_digest(), [7; 32]);
        attributes.signed_bytes()
    };
    assert_eq!(
        signed(&sorted),
        SignedAttributes::encode(pkinit::oid::AUTH_DATA, &[7; 32])
    );
    assert_eq!(
        signed(&unsorted),
        element(0x31, &[message_digest(), content_type()].concat())
    );
}

#[test]
fn reads_a_signature_over_the_content_itself() {
    let bytes = message(BY_KEY, &[]);
    let read = SignedData::decode(&bytes).unwrap();
    assert_eq!(read.single_signer().unwrap().signed_attrs, None);
    assert_eq!(read.encap_content_info.e_content, Some(&b"content"[..]));
    assert_eq!(read.encode(), bytes);
}

#[test]
fn refuses_attributes_that_leave_the_content_open() {
    let other = attribute(&hex!("2b0601"), &element(4, b"x"));
    for wrong in [
        vec![],
        vec![content_type()],
        vec![message_digest()],
        vec![content_type(), message_digest(), message_digest()],
        vec![content_type(), content_type(), message_digest()],
        vec![
            content_type(),
            attribute(oid::MESSAGE_DIGEST.as_bytes(), &[]),
        ],
        vec![
            content_type(),
            attribute(
                oid::MESSAGE_DIGEST.as_bytes(),
                &[element(4, b"a"), element(4, b"b")].concat(),
            ),
        ],
        vec![
            content_type(),
            attribute(oid::MESSAGE_DIGEST.as_bytes(), &element(2, b"a")),
        ],
        [
            vec![content_type(), message_digest()],
            vec![other.clone(); 40],
        ]
        .concat(),
    ] {
        assert!(
            SignedData::decode(&message(BY_KEY, &attributes(&wrong))).is_err(),
            "{wrong:02x?}"
        );
    }
    let right = attributes(&[other.clone(), message_digest(), content_type(), other]);
    SignedData::decode(&message(BY_KEY, &right)).unwrap();
}

#[test]
fn refuses_other_content_types_and_bytes_after_the_message() {
    let good = message(BY_KEY, &[]);
    let enveloped: Vec<u8> = {
        let mut bytes = good.clone();
        // 1.2.840.113549.1.7.2 becomes .3.
        assert_eq!(bytes[12], 2);
        bytes[12] = 3;
        bytes
    };
    assert!(SignedData::decode(&enveloped).is_err());
    assert!(matches!(
        SignedData::decode(&[&good[..], &[0]].concat()),
        Err(Malformed::Syntax { .. })
    ));
    for end in 0..good.len() {
        assert!(SignedData::decode(&good[..end]).is_err());
    }
    assert!(matches!(
        SignedData::decode(&vec![0x30; SignedData::MAX_LENGTH + 1]),
        Err(Malformed::TooLong { .. })
    ));
}
