//! What a client is told about a certificate that was refused (RFC 4556 3.2.2, RFC 8636 4; protocols E.3.1).

use crypto::signature::SignatureAlgorithm;
use trust::path::{Anchor, Invalid, Why};
use wire::asn1::{Extensions, algorithm_identifier};
use wire::kerberos::PaDataType;
use wire::pkinit::{
    ExternalPrincipalIdentifier, TdCertDigestAlgorithms, TdInvalidCertificates, TdTrustedCertifiers,
};

use crate::identity::issuer_and_serial;

/// The signatures that count in a certificate.
const ALLOWED: [SignatureAlgorithm; 7] = [
    SignatureAlgorithm::EcdsaSha256,
    SignatureAlgorithm::EcdsaSha384,
    SignatureAlgorithm::EcdsaSha512,
    SignatureAlgorithm::RsaPkcs1Sha256,
    SignatureAlgorithm::RsaPkcs1Sha384,
    SignatureAlgorithm::RsaPkcs1Sha512,
    SignatureAlgorithm::RsaPssSha256,
];

/// The typed data that goes with a certificate that is not valid.
pub(crate) fn about(invalid: &Invalid, issuers: &[Anchor]) -> Option<(PaDataType, Vec<u8>)> {
    match invalid.why {
        Why::Untrusted => {
            let trusted: TdTrustedCertifiers = issuers
                .iter()
                .map(|issuer| ExternalPrincipalIdentifier {
                    subject_name: Some(issuer.certificate().subject().der().to_vec()),
                    ..ExternalPrincipalIdentifier::default()
                })
                .collect();
            Some((PaDataType::TD_TRUSTED_CERTIFIERS, trusted.encode()))
        }
        Why::Digest => {
            let rejected = algorithm_identifier(invalid.certificate.signature_algorithm())?;
            let algorithms = TdCertDigestAlgorithms {
                allowed_algorithms: ALLOWED
                    .into_iter()
                    .map(SignatureAlgorithm::identifier)
                    .collect(),
                rejected_algorithm: rejected,
                extensions: Extensions::NONE,
            };
            Some((PaDataType::TD_CERT_DIGEST_ALGORITHMS, algorithms.encode()))
        }
        _ => {
            let certificate = ExternalPrincipalIdentifier {
                issuer_and_serial_number: issuer_and_serial(&invalid.certificate),
                ..ExternalPrincipalIdentifier::default()
            };
            let list = TdInvalidCertificates::from([certificate]);
            Some((PaDataType::TD_INVALID_CERTIFICATES, list.encode()))
        }
    }
}
