//! X.509 certificates, revocation lists, PKCS#10 requests and OCSP (RFC 5280, RFC 2986, RFC 6960).
//!
//! Promises: what is read keeps its exact bytes, so a signature is always checked over what was signed
//! ([`Certificate::tbs`], [`CertificateList::tbs`], [`CertificationRequest::info`]); what is written is
//! DER by construction ([`TbsCertificate`], [`TbsCertList`], [`csr::encode_info`]). Sizes are bounded,
//! nothing recurses, nothing is allocated by a length that the peer chose.
//!
//! Knows nothing about: keys, validity, paths, profiles. A certificate here is a set of claims; `trust`
//! asks whether it reaches an anchor, `authority` what it must say before it is signed.
//!
//! Reading is strict about structure and takes extensions as they are: an accessor such as
//! [`Extensions::key_usage`] decodes one when it is asked for it, so that a certificate of which only
//! the key counts (key trust, protocols E.4) is not refused for the rest of its content.
//!
//! To add an extension: its OID in [`oid`], a writer in `extension.rs` and an accessor on
//! [`Extensions`], which certificates, lists and requests share.

mod certificate;
mod constraints;
mod crl;
pub mod csr;
pub mod device;
mod extension;
mod general_name;
pub mod mapping;
mod name;
pub mod ocsp;
pub mod oid;
pub mod pem;
mod read;
mod time;
mod write;

pub use certificate::{Certificate, TbsCertificate, Thumbprint};
pub use constraints::{IssuingDistributionPoint, NameConstraints, NameSubtree, PolicyConstraints};
pub use crl::{CertificateList, Reason, Revoked, TbsCertList};
pub use csr::CertificationRequest;
pub use extension::{AuthorityKeyIdentifier, BasicConstraints, Extension, Extensions, KeyUsage};
pub use general_name::{GeneralName, KerberosName};
pub use name::{Attribute, Name};

/// What reading gives.
pub(crate) type Result<T> = core::result::Result<T, Malformed>;

/// Why bytes are not the certificate, list, request or extension that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than the limit of this kind of object.
    #[error("larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// An element reaches past the end of what contains it.
    #[error("cut short")]
    Truncated,
    /// The encoding is BER, or nothing, where DER is required.
    #[error("not DER: {0}")]
    NotDer(&'static str),
    /// Something follows where nothing may.
    #[error("data after the end")]
    TrailingData,
    /// A mandatory element is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An element is of another type, or out of range.
    #[error("{0} is not of the expected form")]
    Unexpected(&'static str),
    /// One extension occurs twice, which RFC 5280 4.2 forbids: two readers could obey different ones.
    #[error("an extension occurs twice")]
    DuplicateExtension,
    /// The algorithm named inside the signature's reach is not the one beside the signature
    /// (RFC 5280 4.1.1.2).
    #[error("the two signature algorithms differ")]
    AlgorithmMismatch,
}

/// Identifier octets.
mod tag {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const BIT_STRING: u8 = 0x03;
    pub(super) const OCTET_STRING: u8 = 0x04;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(super) const ENUMERATED: u8 = 0x0a;
    pub(super) const UTF8_STRING: u8 = 0x0c;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    pub(super) const PRINTABLE_STRING: u8 = 0x13;
    pub(super) const TELETEX_STRING: u8 = 0x14;
    pub(super) const IA5_STRING: u8 = 0x16;
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const GENERAL_STRING: u8 = 0x1b;
    pub(super) const UNIVERSAL_STRING: u8 = 0x1c;
    pub(super) const BMP_STRING: u8 = 0x1e;

    /// `[number]`, primitive.
    pub(super) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]`, constructed.
    pub(super) const fn context_constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// The octets of the public key inside a SubjectPublicKeyInfo, over which key identifiers are made (RFC 5280
/// 4.2.1.2).
///
/// # Errors
/// When the SubjectPublicKeyInfo is malformed.
pub fn public_key_octets(spki: &[u8]) -> Result<&[u8]> {
    ocsp::key_octets(spki)
}

/// Puts a signature beside what it covers, the shape that certificates, lists and requests share:
///
/// ```text
/// SIGNED ::= SEQUENCE { toBeSigned ANY, algorithm AlgorithmIdentifier, signature BIT STRING }
/// ```
///
/// `to_be_signed` and `algorithm` are whole DER elements.
#[must_use]
pub fn assemble(to_be_signed: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    write::sequence(&[to_be_signed, algorithm, &write::bit_string(signature)])
}
