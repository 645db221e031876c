#![allow(
    clippy::type_complexity,
    reason = "tables of vectors, each with the shape of its specification"
)]

use hex_literal::hex;

use super::*;
use crate::key::{KeyKind, PrivateKey};

/// RFC 6979 A.2.5 and A.2.6: the public keys, and the signatures of "sample".
const P256: (&[u8], &[u8]) = (
    &hex!("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"),
    &hex!("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"),
);
const P384: (&[u8], &[u8]) = (
    &hex!(
        "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13"
    ),
    &hex!(
        "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720"
    ),
);

fn verifier(curve: Curve, (x, y): (&[u8], &[u8])) -> Verifier {
    Verifier::new(PublicKey::from_ec_point(curve, &[&[4], x, y].concat()).unwrap())
}

#[test]
fn verifies_the_signatures_of_rfc_6979() {
    let cases: [(Curve, (&[u8], &[u8]), SignatureAlgorithm, &[u8]); 5] = [
        (
            Curve::P256,
            P256,
            SignatureAlgorithm::EcdsaSha256,
            &hex!(
                "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
            ),
        ),
        (
            Curve::P256,
            P256,
            SignatureAlgorithm::EcdsaSha384,
            &hex!(
                "0eafea039b20e9b42309fb1d89e213057cbf973dc0cfc8f129edddc800ef7719"
                "4861f0491e6998b9455193e34e7b0d284ddd7149a74b95b9261f13abde940954"
            ),
        ),
        (
            Curve::P256,
            P256,
            SignatureAlgorithm::EcdsaSha512,
            &hex!(
                "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00"
                "2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe"
            ),
        ),
        (
            Curve::P384,
            P384,
            SignatureAlgorithm::EcdsaSha256,
            &hex!(
                "21b13d1e013c7fa1392d03c5f99af8b30c570c6f98d4ea8e354b63a21d3daa33bde1e888e63355d92fa2b3c36d8fb2cd"
                "f3aa443fb107745bf4bd77cb3891674632068a10ca67e3d45db2266fa7d1feebefdc63eccd1ac42ec0cb8668a4fa0ab0"
            ),
        ),
        (
            Curve::P384,
            P384,
            SignatureAlgorithm::EcdsaSha384,
            &hex!(
                "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"
                "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"
            ),
        ),
    ];
    for (curve, key, algorithm, fixed) in cases {
        let der = ecdsa_from_fixed(curve, fixed).unwrap();
        assert_eq!(ecdsa_to_fixed(curve, &der).unwrap(), fixed);
        let verifier = verifier(curve, key);
        assert_eq!(
            verifier.verify(algorithm, b"sample", &der),
            Ok(()),
            "{algorithm:?}"
        );
        assert_eq!(
            verifier.verify(algorithm, b"simple", &der),
            Err(BadSignature)
        );
    }
}

/// CVE-2022-21449: r and s of zero must not verify anything.
#[test]
fn refuses_a_psychic_signature() {
    for (curve, key, algorithm) in [
        (Curve::P256, P256, SignatureAlgorithm::EcdsaSha256),
        (Curve::P384, P384, SignatureAlgorithm::EcdsaSha384),
    ] {
        let der = ecdsa_from_fixed(curve, &vec![0; 2 * curve.coordinate_len()]).unwrap();
        assert_eq!(der, hex!("3006020100020100"));
        assert_eq!(
            verifier(curve, key).verify(algorithm, b"sample", &der),
            Err(BadSignature)
        );
    }
}

const ALL: [SignatureAlgorithm; 7] = [
    SignatureAlgorithm::RsaPkcs1Sha256,
    SignatureAlgorithm::RsaPkcs1Sha384,
    SignatureAlgorithm::RsaPkcs1Sha512,
    SignatureAlgorithm::RsaPssSha256,
    SignatureAlgorithm::EcdsaSha256,
    SignatureAlgorithm::EcdsaSha384,
    SignatureAlgorithm::EcdsaSha512,
];

#[test]
fn a_signature_verifies_under_its_own_algorithm_key_and_message_alone() {
    for (kind, signs) in [
        (KeyKind::Rsa2048, &ALL[..4]),
        (KeyKind::P256, &ALL[4..5]),
        (KeyKind::P384, &ALL[5..6]),
    ] {
        let key = PrivateKey::generate(kind);
        let other = Verifier::new(PrivateKey::generate(kind).public_key().clone());
        let verifier = Verifier::new(key.public_key().clone());
        for algorithm in ALL {
            let signed = key.sign(algorithm, b"message");
            if !signs.contains(&algorithm) {
                assert_eq!(signed, Err(SignError::Algorithm));
                continue;
            }
            let signature = signed.unwrap();
            for tried in ALL {
                let verified = verifier.verify(tried, b"message", &signature);
                assert_eq!(
                    verified.is_ok(),
                    tried == algorithm,
                    "{algorithm:?} {tried:?}"
                );
            }
            assert!(verifier.verify(algorithm, b"massage", &signature).is_err());
            assert!(verifier.verify(algorithm, b"message", &[]).is_err());
            let shorter = &signature[..signature.len() - 1];
            assert!(verifier.verify(algorithm, b"message", shorter).is_err());
            assert!(other.verify(algorithm, b"message", &signature).is_err());
            let sha1 = verifier.verify_legacy_sha1(LegacySha1, b"message", &signature);
            assert_eq!(sha1, Err(BadSignature));
        }
    }
}

/// A key made by OpenSSL 3.0.
const OPENSSL_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAp2oWefTQnipDjXAJTDNT
OEreVgeXx6x66tKZf3MTi9HsjNy4Yy6Swm9hSmA5wWaP1Sjhob4CBjnZCw7Owrxk
o2D+PU3RGBrMQl1lUT4klFJDtsbAnoIyTHIj+gKOzohD3ylkYqCPajDqmn+X5xzn
6atCYB6HedEvjBE/BREOZI5Ru/THqLJ9/FvJBsgslAImb0qG7Xkt7IMBAnAYhGxe
uvFH/itLVo7uVa1I1za3xkRVm5EK8041HEtvrba5Z165mkRKBK67yOuiMTfqxKS+
RyiYx9/gbozlt0qU5d0zefPvD20Sj0g74CcqH/bp+wtQBJGPwJY6Luoa0hOUfYwM
4wIDAQAB
-----END PUBLIC KEY-----
";

/// `openssl dgst -sha1 -sign` over "message".
#[test]
fn a_sha_1_signature_verifies_only_where_the_switch_was_read() {
    let verifier = Verifier::new(PublicKey::from_pem(OPENSSL_KEY).unwrap());
    let signature = hex!(
            "5b9d20358d3eba550fae31175971cdc8d062d15a4875aaffffc635020d2b269abdd460bd86e7f0a1e4292adb48fbd246"
            "b8a73484b77edf4fb917d4fdbfbfcde05b6171b99884ca5c0bc190721e4ec0008fc313d67be81c912216a42c7e6ffaa3"
            "0cc796f1b33125b32bcd0bc6bf1bfb033614f0dffea5a6b4be05795feda895cdd77783528187b4eacb4cbc549a6d814a"
            "54a692f391635c891e4b4ddc1e0112060fc94cabcdbd2086f8ac927361342410dd91beba7738e615ca761be4fdfd3bfe"
            "58f9e9f5df3bdee44ba05fd177cb03e8def0b2e4e6d3210d729b3147344f2b7b2b4140ad445e1d31aca85da53a7218f3"
            "725be5c1f3cd6d8242a859f7bc498823"
    );
    assert_eq!(
        verifier.verify_legacy_sha1(LegacySha1, b"message", &signature),
        Ok(())
    );
    assert_eq!(
        verifier.verify_legacy_sha1(LegacySha1, b"massage", &signature),
        Err(BadSignature)
    );
    for algorithm in ALL {
        let verified = verifier.verify(algorithm, b"message", &signature);
        assert_eq!(verified, Err(BadSignature));
    }
}

/// `openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign` over "message".
#[test]
fn verifies_a_pss_signature_of_openssl() {
    let verifier = Verifier::new(PublicKey::from_pem(OPENSSL_KEY).unwrap());
    let signature = hex!(
            "42a769cf490d0add475e4a0acf18fcd4bc94599a824fda3d998a49ebaf23c981c92df21eb460c375855cb8b596f4845b"
            "3190ce58f00ec7d9e79752959230a1ef0af2fb4ef8c006c7039034e7a4aa433ff7eca2fda02eb9cd272f71580f497855"
            "7b30e69629d9a79f37b17a8f3f3cb01614062aa22a51c9cef42b53962ef94884dbcd3c8364acd7a47bb2296038a18c30"
            "b0450b9fc67d7df70c5b4b445d75afa52a242da5b9c2695a7ff40ee166cf959052e2674efc9088cdb8bf5e3afec343b3"
            "1dcdd9512a737111abc1dc519ef88b220df2cf0170f194822b3cae55d015fea45fb71ef4f32ad32f9a897a4480c36d64"
            "0bebce50358318484f800616c0990129"
    );
    let verify = |message| verifier.verify(SignatureAlgorithm::RsaPssSha256, message, &signature);
    assert_eq!(verify(b"message"), Ok(()));
    assert_eq!(verify(b"massage"), Err(BadSignature));
}

#[test]
fn weak_rsa_keys_verify_nothing() {
    let key = PublicKey::from_rsa(&[0xc5; 128], &[1, 0, 1]).unwrap();
    let verifier = Verifier::new(key);
    let verified = verifier.verify(SignatureAlgorithm::RsaPkcs1Sha256, b"message", &[1; 128]);
    assert_eq!(verified, Err(BadSignature));
}

#[test]
fn an_identifier_leads_back_to_its_algorithm() {
    for algorithm in ALL {
        let der = algorithm.identifier_der();
        assert_eq!(SignatureAlgorithm::from_identifier_der(&der), Ok(algorithm));
        assert_eq!(
            SignatureAlgorithm::from_identifier_der(&der[1..]),
            Err(UnacceptableAlgorithm::Parameters)
        );
        let identifier = AlgorithmIdentifierRef::from_der(&der).unwrap();
        assert_eq!(
            SignatureAlgorithm::from_identifier(&identifier),
            Ok(algorithm)
        );
        let digest = algorithm.digest().oid();
        assert_eq!(
            SignatureAlgorithm::from_cms(&identifier, &digest),
            Ok(algorithm)
        );
        let sha1 = DigestAlgorithm::Sha1.oid();
        assert_eq!(
            SignatureAlgorithm::from_cms(&identifier, &sha1),
            Err(UnacceptableAlgorithm::Disagree)
        );
    }
}

#[test]
fn in_cms_rsa_encryption_means_the_digest_beside_it() {
    let rsa = AlgorithmIdentifierRef {
        oid: RSA_ENCRYPTION,
        parameters: None,
    };
    let cms = |digest: DigestAlgorithm| SignatureAlgorithm::from_cms(&rsa, &digest.oid());
    assert_eq!(
        cms(DigestAlgorithm::Sha256),
        Ok(SignatureAlgorithm::RsaPkcs1Sha256)
    );
    assert_eq!(
        cms(DigestAlgorithm::Sha384),
        Ok(SignatureAlgorithm::RsaPkcs1Sha384)
    );
    assert_eq!(
        cms(DigestAlgorithm::Sha512),
        Ok(SignatureAlgorithm::RsaPkcs1Sha512)
    );
    assert_eq!(cms(DigestAlgorithm::Sha1), Err(UnacceptableAlgorithm::Sha1));
    assert_eq!(
        SignatureAlgorithm::from_identifier(&rsa),
        Err(UnacceptableAlgorithm::Parameters)
    );
    let md5 = ObjectIdentifier::new_unwrap("1.2.840.113549.2.5");
    assert_eq!(
        SignatureAlgorithm::from_cms(&rsa, &md5),
        Err(UnacceptableAlgorithm::Unsupported(md5))
    );
}

#[test]
fn refuses_fixed_and_der_signatures_of_the_wrong_size() {
    assert_eq!(ecdsa_from_fixed(Curve::P256, &[1; 63]), None);
    assert_eq!(ecdsa_from_fixed(Curve::P256, &[1; 96]), None);
    let p384 = ecdsa_from_fixed(Curve::P384, &[1; 96]).unwrap();
    assert_eq!(ecdsa_to_fixed(Curve::P256, &p384), None);
    assert_eq!(ecdsa_to_fixed(Curve::P384, &p384), Some(vec![1; 96]));
    assert_eq!(ecdsa_to_fixed(Curve::P384, &p384[1..]), None);
}
