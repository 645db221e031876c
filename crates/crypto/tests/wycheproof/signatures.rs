//! Signatures as certificates, CMS and JOSE carry them.

use keyporch_crypto::jose::{Algorithm, Jwk};
use keyporch_crypto::key::{Curve, PublicKey};
use keyporch_crypto::signature::{SignatureAlgorithm, Verifier, ecdsa_from_fixed, ecdsa_to_fixed};

use crate::{Case, Group, Ours, Tally, as_it_says, judge, tally};

fn verifies(group: Group<'_>, algorithm: SignatureAlgorithm, case: Case<'_>) -> bool {
    let key = PublicKey::from_spki_der(&group.bytes("publicKeyDer"));
    let verifier = Verifier::new(key.expect("the suite's keys are well-formed"));
    verifier
        .verify(algorithm, &case.bytes("msg"), &case.bytes("sig"))
        .is_ok()
}

fn ecdsa(name: &str, curve: Curve, algorithm: SignatureAlgorithm) -> Tally {
    judge(name, as_it_says, |group, case| {
        let verified = verifies(group, algorithm, case);
        if verified {
            let fixed = ecdsa_to_fixed(curve, &case.bytes("sig"))
                .expect("what verifies has a form in JOSE");
            let der = ecdsa_from_fixed(curve, &fixed).expect("and that one in DER");
            assert_eq!(der, case.bytes("sig"), "which is the same");
        }
        verified
    })
}

#[test]
fn ecdsa_in_der() {
    use SignatureAlgorithm::{EcdsaSha256, EcdsaSha384, EcdsaSha512};
    let p256 = |name, algorithm| ecdsa(name, Curve::P256, algorithm);
    let p384 = |name, algorithm| ecdsa(name, Curve::P384, algorithm);
    assert_eq!(
        p256("ecdsa_secp256r1_sha256", EcdsaSha256),
        tally(174, 310, 0)
    );
    assert_eq!(
        p256("ecdsa_secp256r1_sha512", EcdsaSha512),
        tally(243, 311, 0)
    );
    assert_eq!(
        p384("ecdsa_secp384r1_sha256", EcdsaSha256),
        tally(162, 310, 0)
    );
    assert_eq!(
        p384("ecdsa_secp384r1_sha384", EcdsaSha384),
        tally(194, 310, 0)
    );
    assert_eq!(
        p384("ecdsa_secp384r1_sha512", EcdsaSha512),
        tally(231, 311, 0)
    );
}

/// The form of JOSE (RFC 7518 3.4), with the key in both of its encodings.
#[test]
fn ecdsa_of_fixed_length() {
    let fixed = |name, curve, algorithm: Algorithm, signature| {
        judge(name, as_it_says, |group, case| {
            let key = PublicKey::from_spki_der(&group.bytes("publicKeyDer"));
            let key = key.expect("the suite's keys are well-formed");
            if let Some(json) = group.key("publicKeyJwk") {
                let jwk = Jwk::from_json(json).expect("a public key for signatures");
                assert_eq!(jwk.key, key);
                assert_eq!(Algorithm::default_for(&jwk.key), algorithm);
            }
            ecdsa_from_fixed(curve, &case.bytes("sig")).is_some_and(|der| {
                let verifier = Verifier::new(key);
                verifier.verify(signature, &case.bytes("msg"), &der).is_ok()
            })
        })
    };
    assert_eq!(
        fixed(
            "ecdsa_secp256r1_sha256_p1363",
            Curve::P256,
            Algorithm::Es256,
            SignatureAlgorithm::EcdsaSha256
        ),
        tally(173, 89, 0)
    );
    assert_eq!(
        fixed(
            "ecdsa_secp384r1_sha384_p1363",
            Curve::P384,
            Algorithm::Es384,
            SignatureAlgorithm::EcdsaSha384
        ),
        tally(193, 87, 0)
    );
}

/// The one acceptable case of each file leaves the NULL of the digest's parameters away. RFC 8017 9.2, note 1, lets a
/// verifier take it; we do not, for a signature that can be written in two ways is one that nobody needs.
fn null_is_needed(_: Group<'_>, case: Case<'_>) -> Option<Ours> {
    case.has_flag("MissingNull")
        .then_some(Ours::Refused("the parameters of a digest are NULL"))
}

#[test]
fn rsa_with_the_padding_of_pkcs_1() {
    use SignatureAlgorithm::{RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPkcs1Sha512};
    let pkcs1 = |name, algorithm| {
        judge(name, null_is_needed, |group, case| {
            verifies(group, algorithm, case)
        })
    };
    assert_eq!(
        pkcs1("rsa_signature_2048_sha256", RsaPkcs1Sha256),
        tally(9, 250, 1)
    );
    assert_eq!(
        pkcs1("rsa_signature_2048_sha384", RsaPkcs1Sha384),
        tally(7, 251, 1)
    );
    assert_eq!(
        pkcs1("rsa_signature_2048_sha512", RsaPkcs1Sha512),
        tally(8, 251, 1)
    );
    assert_eq!(
        pkcs1("rsa_signature_3072_sha256", RsaPkcs1Sha256),
        tally(8, 251, 1)
    );
}

#[test]
fn rsa_pss_with_a_salt_as_long_as_the_digest() {
    let pss =
        |group: Group<'_>, case: Case<'_>| verifies(group, SignatureAlgorithm::RsaPssSha256, case);
    assert_eq!(
        judge("rsa_pss_2048_sha256_mgf1_32", as_it_says, pss),
        tally(63, 45, 0)
    );
    // RFC 7518 3.5: MGF1 has the same digest, and the salt its length.
    let other = |_: Group<'_>, _: Case<'_>| {
        Some(Ours::Refused(
            "another digest in MGF1, and another length of salt",
        ))
    };
    assert_eq!(
        judge("rsa_pss_2048_sha256_mgf1sha1_20", other, pss),
        tally(0, 108, 63)
    );
}
