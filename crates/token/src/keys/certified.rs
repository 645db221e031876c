//! The certificates that name signing keys (protocols A.1.2): self-signed, and trusted by nobody for being one. Clients
//! trust the published set; what they compare is the digest.

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto::digest::{sha1, sha256};
use crypto::key::PrivateKey;
use crypto::signature::{SignatureAlgorithm, Signer};
use trust::{Span, Timestamp};
use wire::x509::{
    BasicConstraints, Certificate, Extension, KeyUsage, Name, TbsCertificate, assemble, oid,
};

use super::Fault;

/// By how much a certificate begins before it is made, for clocks that are behind.
const BACKDATED: Span = Span::minutes(10);

/// The name of a key with this certificate: its SHA-1 in base64url, as `x5t` (RFC 7517 4.8).
pub(super) fn key_id(certificate: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(&sha1(certificate))
}

/// A self-signed certificate for a signing key.
pub(super) fn certificate(
    key: &PrivateKey,
    name: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<u8>, Fault> {
    let public = key.public_key();
    let spki = public.to_spki_der();
    let algorithm = SignatureAlgorithm::default_for(public);
    let identifier = algorithm.identifier_der();
    let subject = Name::common(name);
    // A key has one certificate, so its own digest is a serial number that no other has (RFC 5280 4.1.2.2).
    let mut serial = [0u8; 16];
    for (place, byte) in serial.iter_mut().zip(sha256(&spki)) {
        *place = byte;
    }
    serial[0] = serial[0] & 0x7f | 0x40;
    let tbs = TbsCertificate {
        serial: &serial,
        signature_algorithm: &identifier,
        issuer: &subject,
        not_before: (now - BACKDATED).unix(),
        not_after: until.unix(),
        subject: &subject,
        spki: &spki,
        extensions: &[
            Extension::basic_constraints(BasicConstraints {
                ca: false,
                path_length: None,
            }),
            Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE),
        ],
    }
    .encode();
    let signature = key.sign(algorithm, &tbs).map_err(|_| Fault::Signing)?;
    Ok(assemble(&tbs, &identifier, &signature))
}

/// The common name of a certificate of ours.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let certificate = Certificate::parse(certificate).ok()?;
    certificate.subject().first(oid::COMMON_NAME).ok()?
}
