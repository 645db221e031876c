//! PKINIT: MIT's messages, the published vectors, and the variants that other clients send.

use hex_literal::hex;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use wire::asn1::{
    AlgorithmIdentifierOwned, Any, Extensions, ObjectIdentifier, SubjectPublicKeyInfoOwned, UInt32,
};
use wire::cms::{self, SignedData};
use wire::kerberos::{
    AsRep, AsReq, EncryptionType, KerberosTime, Microseconds, NameType, PaData, PaDataType,
    PrincipalName, Realm,
};
use wire::pkinit::{
    AuthPack, DhRepInfo, DomainParameters, KdcDhKeyInfo, KdfAlgorithmId, Krb5PrincipalName,
    OtherInfo, PaChecksum2, PaPkAsRep, PaPkAsReq, PkAuthenticator, PkinitSuppPubInfo, PublicValue,
    TdCertDigestAlgorithms, TdDhParameters, TdInvalidCertificates, dh_public_key,
    encode_dh_public_key, oid,
};

use crate::vector;

fn captured() -> (AsReq, PaPkAsReq, AuthPack) {
    let request = AsReq::decode(vector!("kerberos/as-req-pkinit-with-certificate.der")).unwrap();
    let padata = request.find_padata(PaDataType::PK_AS_REQ).unwrap();
    let content = PaPkAsReq::decode(padata).unwrap();
    assert_eq!(content.encode(), padata);
    let message = SignedData::decode(&content.signed_auth_pack).unwrap();
    assert_eq!(message.encap_content_info.e_content_type, oid::AUTH_DATA);
    let signed = message.encap_content_info.e_content.unwrap();
    let auth_pack = AuthPack::decode(signed).unwrap();
    assert_eq!(auth_pack.encode(), signed);
    (request, content, auth_pack)
}

fn auth_pack() -> AuthPack {
    AuthPack {
        pk_authenticator: PkAuthenticator {
            cusec: Microseconds::default(),
            ctime: KerberosTime::from_unix(1_795_263_354),
            nonce: UInt32(u32::MAX),
            pa_checksum: Some(vec![1; 20]),
            freshness_token: Some(b"token".to_vec()),
            pa_checksum2: Some(PaChecksum2 {
                checksum: vec![2; 32],
                algorithm_identifier: algorithm(cms::oid::SHA256),
            }),
            extensions: Extensions::NONE,
        },
        client_public_value: None,
        supported_cms_types: None,
        client_dh_nonce: Some(vec![3; 32]),
        supported_kdfs: Some([KdfAlgorithmId::new(oid::KDF_SHA256)].into()),
        extensions: Extensions::NONE,
    }
}

fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: None,
    }
}

#[test]
fn binds_mits_request_to_its_body() {
    let (request, content, auth_pack) = captured();
    let authenticator = &auth_pack.pk_authenticator;
    assert_eq!(
        authenticator.pa_checksum.as_deref(),
        Some(&Sha1::digest(request.req_body.as_bytes())[..])
    );
    assert_eq!(authenticator.nonce, request.req_body.nonce);
    assert_eq!(authenticator.ctime.to_string(), "2026-11-21T12:28:47Z");
    assert_eq!(
        authenticator.freshness_token.as_ref().map(Vec::len),
        Some(20)
    );
    assert_eq!(authenticator.pa_checksum2, None);
    assert_eq!(auth_pack.client_dh_nonce, None);
    let kdfs: Vec<_> = auth_pack.supported_kdfs.as_ref().unwrap().iter().collect();
    assert_eq!(
        kdfs.iter().map(|kdf| kdf.kdf_id).collect::<Vec<_>>(),
        [oid::KDF_SHA256, oid::KDF_SHA1, oid::KDF_SHA512]
    );
    let certifiers = content.trusted_certifiers.unwrap();
    assert_eq!(certifiers.len(), 2);
    assert!(certifiers[0].subject_name.is_some());
    let issuer = certifiers[0].issuer_and_serial_number.as_ref().unwrap();
    assert_eq!(issuer[0], 0x30);
}

#[test]
fn reads_mits_diffie_hellman_value() {
    let (_, _, auth_pack) = captured();
    let value = auth_pack.public_value().unwrap().unwrap();
    let PublicValue::Dh { parameters, public } = value else {
        panic!("{value:?}");
    };
    // RFC 3526 3: the 2048-bit group.
    assert_eq!(parameters.p.len(), 256);
    assert_eq!(parameters.p[..16], hex!("ffffffffffffffffc90fdaa22168c234"));
    assert_eq!(parameters.g, [2]);
    assert_eq!(parameters.q.unwrap().len(), 256);
    assert!(public.len() <= 256);
    assert_eq!(
        value.to_key().unwrap(),
        auth_pack.client_public_value,
        "written back as it came"
    );
}

#[test]
fn reads_mits_reply() {
    let reply = AsRep::decode(vector!("kerberos/as-rep-pkinit.der")).unwrap();
    let padata = PaData::find(&reply.padata, PaDataType::PK_AS_REP).unwrap();
    let content = PaPkAsRep::decode(padata).unwrap();
    assert_eq!(content.encode(), padata);
    let PaPkAsRep::DhInfo(info) = content else {
        panic!("not an agreement");
    };
    assert_eq!(info.kdf, Some(KdfAlgorithmId::new(oid::KDF_SHA256)));
    assert_eq!(info.server_dh_nonce, None);
    let message = SignedData::decode(&info.dh_signed_data).unwrap();
    assert_eq!(message.encap_content_info.e_content_type, oid::DH_KEY_DATA);
    let signed = message.encap_content_info.e_content.unwrap();
    let key = KdcDhKeyInfo::decode(signed).unwrap();
    assert_eq!(key.encode(), signed);
    // MIT echoes the nonce of the request's body, which its client also puts into the authenticator.
    assert_eq!(key.nonce, captured().2.pk_authenticator.nonce);
    let public = dh_public_key(&key.subject_public_key).unwrap();
    assert_eq!(encode_dh_public_key(public), key.subject_public_key);
}

/// RFC 8636's function, as its vectors use it: the shared secret is 256 zero bytes.
fn derive<D: Digest>(kdf: ObjectIdentifier, enctype: i32, length: usize) -> Vec<u8> {
    let realm: Realm = "SU.SE".into();
    let other = OtherInfo {
        kdf,
        client_realm: &realm,
        client: &PrincipalName::principal("lha"),
        server_realm: &realm,
        server: &PrincipalName::new(NameType::NT_PRINCIPAL, ["krbtgt", "SU.SE"]),
        supp_pub_info: PkinitSuppPubInfo {
            enctype: EncryptionType(enctype),
            as_req: &[0xaa; 10],
            pk_as_rep: &[0xbb; 9],
        },
    }
    .encode();
    let mut key = Vec::new();
    for counter in 1_u32.. {
        if key.len() >= length {
            break;
        }
        let block = D::new()
            .chain_update(counter.to_be_bytes())
            .chain_update([0; 256])
            .chain_update(&other);
        key.extend_from_slice(&block.finalize());
    }
    key.truncate(length);
    key
}

#[test]
fn writes_other_info_so_that_the_published_keys_come_out() {
    // Protocols E.3.3; RFC 8636 appendix B has the same.
    assert_eq!(
        derive::<Sha1>(oid::KDF_SHA1, 18, 32),
        hex!("E6AB38C9413E035BB079201ED0B6B73D8D49A814A737C04EE6649614206F73AD")
    );
    assert_eq!(
        derive::<Sha256>(oid::KDF_SHA256, 18, 32),
        hex!("77EF4E48C420AE3FEC75109D7981697EED5D295C90C62564F7BFD101FA9BC1D5")
    );
    // For triple DES each seven bytes become eight, the lowest bits of the seven moved to the last, each
    // byte then with odd parity (RFC 3961 6.3.1).
    let seed = derive::<Sha512>(oid::KDF_SHA512, 16, 21);
    let mut key = Vec::new();
    for seven in seed.chunks(7) {
        let mut eight = seven.to_vec();
        eight.push(
            seven
                .iter()
                .enumerate()
                .fold(0, |last, (index, byte)| last | (byte & 1) << (index + 1)),
        );
        key.extend(
            eight
                .iter()
                .map(|byte| byte & 0xfe | u8::from((byte & 0xfe).count_ones() % 2 == 0)),
        );
    }
    assert_eq!(
        key,
        hex!("D3C78A79D65213EFE9A826F75DFB01F72362FB16FB01DAD6")
    );
}

#[test]
fn writes_and_reads_every_component_of_an_auth_pack() {
    let auth_pack = auth_pack();
    let bytes = auth_pack.encode();
    assert_eq!(AuthPack::decode(&bytes).unwrap(), auth_pack);
    // freshnessToken is [4] and paChecksum2 [5], both explicit.
    let token = hex!("a4 07 04 05 746f6b656e a5");
    assert!(bytes.windows(token.len()).any(|window| window == token));
}

#[test]
fn keeps_what_later_versions_add_and_refuses_what_is_out_of_order() {
    let plain = auth_pack().encode();
    let with = |addition: &[u8]| {
        assert_eq!(plain[..2], [0x30, 0x81]);
        let mut bytes = [&plain[..], addition].concat();
        bytes[2] += addition.len() as u8;
        bytes
    };
    let extended = with(&hex!("a9 03 020107"));
    let read = AuthPack::decode(&extended).unwrap();
    assert_eq!(read.extensions.as_bytes(), hex!("a9 03 020107"));
    assert_eq!(read.encode(), extended);
    for wrong in [
        &hex!("a0 03 020107")[..],
        &hex!("02 01 07"),
        &hex!("a9 04 020107"),
    ] {
        assert!(AuthPack::decode(&with(wrong)).is_err(), "{wrong:02x?}");
    }
}

fn public_key(
    algorithm: ObjectIdentifier,
    parameters: &[u8],
    bits: &[u8],
) -> SubjectPublicKeyInfoOwned {
    let tag = wire::asn1::AnyRef::try_from(parameters).unwrap();
    SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid: algorithm,
            parameters: Some(Any::from(tag)),
        },
        subject_public_key: wire::asn1::BitString::from_bytes(bits).unwrap(),
    }
}

#[test]
fn reads_the_forms_of_public_values_that_clients_send() {
    let y = hex!("02 02 00 80");
    let group = |q: Option<&'static [u8]>| PublicValue::Dh {
        parameters: DomainParameters {
            p: &[0x17],
            g: &[2],
            q,
        },
        public: &[0x80],
    };
    for (algorithm, parameters, expected) in [
        // X9.42 with q, with q = 0 as PKINITtools and minikerberos send, without q; with j.
        (
            oid::DH_PUBLIC_NUMBER,
            &hex!("30 09 020117 020102 02010b")[..],
            group(Some(&[0x0b])),
        ),
        (
            oid::DH_PUBLIC_NUMBER,
            &hex!("30 09 020117 020102 020100"),
            group(Some(&[])),
        ),
        (
            oid::DH_PUBLIC_NUMBER,
            &hex!("30 06 020117 020102"),
            group(None),
        ),
        (
            oid::DH_PUBLIC_NUMBER,
            &hex!("30 0c 020117 020102 02010b 020102"),
            group(Some(&[0x0b])),
        ),
        // PKCS#3, with and without the length of the private value.
        (
            oid::DH_KEY_AGREEMENT,
            &hex!("30 06 020117 020102"),
            group(None),
        ),
        (
            oid::DH_KEY_AGREEMENT,
            &hex!("30 0a 020117 020102 02020100"),
            group(None),
        ),
    ] {
        let key = public_key(algorithm, parameters, &y);
        assert_eq!(PublicValue::read(&key), Ok(expected), "{parameters:02x?}");
    }

    let point = [&[4][..], &[9; 64]].concat();
    let key = public_key(oid::EC_PUBLIC_KEY, &hex!("06 08 2a8648ce3d030107"), &point);
    let value = PublicValue::read(&key).unwrap();
    assert_eq!(
        value,
        PublicValue::Ec {
            curve: oid::P256,
            point: &point
        }
    );
    assert_eq!(value.to_key().unwrap().unwrap(), key);
    let rsa = public_key(cms::oid::RSA_ENCRYPTION, &hex!("05 00"), b"");
    assert_eq!(
        PublicValue::read(&rsa),
        Ok(PublicValue::Other(cms::oid::RSA_ENCRYPTION))
    );
    let parameters = public_key(oid::EC_PUBLIC_KEY, &hex!("30 00"), b"");
    assert_eq!(
        PublicValue::read(&parameters),
        Ok(PublicValue::Other(oid::EC_PUBLIC_KEY))
    );
}

#[test]
fn refuses_public_values_that_are_not_numbers() {
    let parameters = hex!("30 06 020117 020102");
    for bits in [
        &hex!("02 01 80")[..],
        &hex!("04 01 05"),
        &hex!("02 01 05 00"),
        &hex!("02 02 00 05"),
        b"",
    ] {
        let key = public_key(oid::DH_PUBLIC_NUMBER, &parameters, bits);
        assert!(PublicValue::read(&key).is_err(), "{bits:02x?}");
    }
    for parameters in [
        &hex!("30 06 0201e7 020102")[..],
        &hex!("30 03 020117"),
        &hex!("05 00"),
    ] {
        let key = public_key(oid::DH_PUBLIC_NUMBER, parameters, &hex!("02 01 05"));
        assert!(PublicValue::read(&key).is_err(), "{parameters:02x?}");
    }
    let mut long = vec![2, 0x82, 0x10, 0, 1];
    long.resize(0x1004, 1);
    assert!(dh_public_key(&long).is_err());
}

#[test]
fn writes_zero_for_a_q_that_is_not_known() {
    let parameters = DomainParameters {
        p: &[0, 0x17],
        g: &[2],
        q: None,
    };
    let algorithm = parameters.algorithm().unwrap();
    assert_eq!(
        algorithm.parameters.unwrap().value(),
        hex!("020117 020102 020100")
    );
    assert_eq!(encode_dh_public_key(&[0, 0, 0x80]), hex!("02 02 00 80"));
}

#[test]
fn writes_replies_with_the_tags_of_the_rfc() {
    let info = PaPkAsRep::DhInfo(DhRepInfo {
        dh_signed_data: b"cms".to_vec(),
        server_dh_nonce: Some(b"nonce".to_vec()),
        kdf: Some(KdfAlgorithmId::new(oid::KDF_SHA256)),
        extensions: Extensions::NONE,
    });
    // dhInfo [0] is explicit, dhSignedData [0] implicit, serverDHNonce [1] and kdf [2] explicit.
    let expected = hex!(
        "a0 1e 30 1c 80 03 636d73 a1 07 04 05 6e6f6e6365 a2 0c 30 0a a0 08 06 06 2b0601050203"
    );
    let bytes = info.encode();
    assert_eq!(
        bytes[..18],
        expected[..18]
            .iter()
            .copied()
            .enumerate()
            .map(|(index, byte)| match index {
                1 => bytes.len() as u8 - 2,
                3 => bytes.len() as u8 - 4,
                _ => byte,
            })
            .collect::<Vec<_>>()[..]
    );
    assert_eq!(PaPkAsRep::decode(&bytes).unwrap(), info);
    let key = PaPkAsRep::EncKeyPack(b"cms".to_vec());
    assert_eq!(key.encode(), hex!("81 03 636d73"));
    assert_eq!(PaPkAsRep::decode(&hex!("81 03 636d73")).unwrap(), key);
    for wrong in [
        &hex!("82 03 636d73")[..],
        &hex!("80 03 636d73"),
        &hex!("a1 05 0403636d73"),
        b"",
    ] {
        assert!(PaPkAsRep::decode(wrong).is_err(), "{wrong:02x?}");
    }
}

#[test]
fn writes_and_reads_what_refusals_carry() {
    let groups: TdDhParameters = [algorithm(oid::DH_PUBLIC_NUMBER)].into();
    assert_eq!(TdDhParameters::decode(&groups.encode()).unwrap(), groups);
    let digests = TdCertDigestAlgorithms {
        allowed_algorithms: [algorithm(cms::oid::SHA256_WITH_RSA)].into(),
        rejected_algorithm: algorithm(cms::oid::SHA1_WITH_RSA),
        extensions: Extensions::NONE,
    };
    assert_eq!(
        TdCertDigestAlgorithms::decode(&digests.encode()).unwrap(),
        digests
    );
    let invalid: TdInvalidCertificates = [wire::pkinit::ExternalPrincipalIdentifier {
        subject_key_identifier: Some(b"key".to_vec()),
        ..Default::default()
    }]
    .into();
    assert_eq!(invalid.encode(), hex!("30 07 30 05 82 03 6b6579"));
    assert_eq!(
        TdInvalidCertificates::decode(&invalid.encode()).unwrap(),
        invalid
    );
    let name = Krb5PrincipalName {
        realm: "R".into(),
        principal_name: PrincipalName::krbtgt("R"),
    };
    assert_eq!(Krb5PrincipalName::decode(&name.encode()).unwrap(), name);
}
