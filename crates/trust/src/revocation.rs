//! What is known about revocation: lists and OCSP answers, judged when they come in and kept as rows that
//! whoever decides can look up without asking anybody (protocols E.5.1; RFC 5280 6.3, RFC 6960 3.2).
//!
//! The rows are a contract between those who fetch and those who decide; `directory` reads and writes them.
//! A certificate's row says that it is revoked, an issuer's row until when the absence of such rows means that
//! it is not.

mod answer;
mod list;
mod rows;

use crypto::digest;
use crypto::key::PublicKey;
use crypto::signature::{SignatureAlgorithm, Verifier};
use wire::x509::Certificate;

pub use answer::{Status, judge_answer, request_about};
pub use list::{Checked, judge_list};
pub use rows::{ListRow, Mapping, OcspRow, Requirement, RevokedRow, Settings};

/// Settings of a trusted issuer, by [`IssuerId`].
pub const ISSUERS: &str = "trust.issuers";
/// What is known of an issuer's list, by [`IssuerId`].
pub const LISTS: &str = "trust.lists";
/// Revoked certificates: [`IssuerId`], then the serial number.
pub const REVOKED: &str = "trust.revoked";
/// OCSP answers: [`IssuerId`], then the serial number.
pub const ANSWERS: &str = "trust.answers";
/// Our own authorities' revocations: name, a zero byte, serial number. The authority writes them; a row means that the
/// certificate is revoked or on hold.
pub const OWN_REVOKED: &str = "authority.revoked";
/// What our own authorities issued: name, a zero byte, serial number.
pub const OWN_ISSUED: &str = "authority.issued";

/// The one of our own authorities whose certificates sign people in, by its name.
pub const OWN: &str = "root";

/// How far another's clock may be ahead of ours.
const SKEW: crate::Span = crate::Span::minutes(5);

/// Who issued: a name with a key. An authority whose certificate is renewed stays the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IssuerId(pub [u8; 32]);

impl IssuerId {
    /// The issuer with this certificate.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        let parts = [certificate.subject().der(), certificate.spki()];
        Self(digest::sha256(&parts.concat()))
    }

    /// The key of the row about one of its certificates.
    #[must_use]
    pub fn row(&self, serial: &[u8]) -> Vec<u8> {
        [&self.0[..], serial].concat()
    }
}

/// The key of the row about a certificate of one of our own authorities.
#[must_use]
pub fn own_row(authority: &str, serial: &[u8]) -> Vec<u8> {
    [authority.as_bytes(), &[0], serial].concat()
}

/// Why a list or an answer is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// It does not decode.
    #[error("it does not decode")]
    Malformed(#[from] wire::x509::Malformed),
    /// It is another issuer's.
    #[error("it is another issuer's")]
    OtherIssuer,
    /// Its signature is not by one who may speak for the issuer.
    #[error("its signature does not hold, or is not by one who may speak for the issuer")]
    Signature,
    /// It was made in the future.
    #[error("it was made in the future")]
    Future,
    /// It is over, or does not say until when it holds.
    #[error("it is over, or does not say until when it holds")]
    Over,
    /// It does not speak of every certificate of the issuer: a delta list, or one for some reasons or kinds.
    #[error("it does not speak of every certificate of its issuer")]
    Partial,
    /// It has a critical extension that we do not know.
    #[error("it has a critical extension that is not known")]
    Critical,
    /// It is older than what is known already.
    #[error("it is older than what is known already")]
    Older,
    /// The responder gave no answer, by the number of RFC 6960 4.2.1.
    #[error("the responder gave no answer: {0}")]
    Failed(u8),
    /// It does not speak of the certificate in question.
    #[error("it does not speak of the certificate in question")]
    Silent,
}

/// Whether `signer`'s key made a signature by an accepted algorithm.
fn signed(signer: &Certificate, algorithm: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = PublicKey::from_spki_der(signer.spki()) else {
        return false;
    };
    if key.check_strength().is_err() {
        return false;
    }
    SignatureAlgorithm::from_identifier_der(algorithm).is_ok_and(|algorithm| {
        Verifier::new(key)
            .verify(algorithm, message, signature)
            .is_ok()
    })
}

#[cfg(test)]
mod tests;
