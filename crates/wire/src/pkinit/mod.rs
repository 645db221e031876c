//! PKINIT: initial authentication by public key (RFC 4556, 5349, 8070, 8636, MS-PKCA; protocols E.3).
//!
//! The tags are those of the RFC's module, which is EXPLICIT but for the octet strings it marks
//! IMPLICIT. Types that the RFC marks extensible keep what they do not know
//! ([`Extensions`](crate::asn1::Extensions)).

#![allow(
    clippy::needless_question_mark,
    reason = "what der's derive writes for an optional octet string"
)]

mod key_derivation;
pub mod oid;
mod public_value;
mod reply;
mod request;

pub use key_derivation::{OtherInfo, PkinitSuppPubInfo};
pub use public_value::{DomainParameters, PublicValue, dh_public_key, encode_dh_public_key};
pub use reply::{
    DhRepInfo, KdcDhKeyInfo, PaPkAsRep, ReplyKeyPack, TdCertDigestAlgorithms,
    TdCmsDigestAlgorithms, TdDhParameters, TdInvalidCertificates, TdTrustedCertifiers,
};
pub use request::{
    AuthPack, ExternalPrincipalIdentifier, KdfAlgorithmId, Krb5PrincipalName, PaChecksum2,
    PaPkAsReq, PkAuthenticator, TrustedCertifiers,
};
