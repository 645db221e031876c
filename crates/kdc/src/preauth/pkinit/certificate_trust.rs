//! May this certificate sign in? Certificate trust (protocols E.5, AUTH-K2).
//!
//! Only a certificate whose path reaches a trusted issuer is judged here, and then only here (E.4 rule 0).
//!
//! 1. The signature verifies with the certificate's key.
//! 2. The path is valid: dates, constraints, key usages, algorithms ([`trust::path::validate`]); its purpose is
//!    signing in.
//! 3. The certificate is the account's ([`mapping`]).
//! 4. Nothing of the path is revoked ([`revocation`]), and what our own authority is said to have issued stands
//!    in its books.

mod holder;
mod mapping;
mod revocation;

use crypto::key::{Fingerprint, PublicKey};
use crypto::signature::Verifier;
use directory::Account;
use directory::issuers::Standing;
use ticket::CertificateMeans;
use trust::Timestamp;
use trust::path::{self, Invalid, Valid, Why};
use trust::revocation::IssuerId;
use wire::asn1::ObjectIdentifier;
use wire::x509::{Certificate, oid};

use super::signed::{Unverified, key_of};
use crate::View;
use crate::refused::Refused;

pub use holder::{Holder, holder};

/// What a certificate must be good for, one of these (E.5.1).
const PURPOSES: [ObjectIdentifier; 3] = [
    oid::PKINIT_CLIENT_AUTHENTICATION,
    oid::SMART_CARD_LOGON,
    oid::CLIENT_AUTHENTICATION,
];

/// Proof that a certificate of the account's made the signature. Only [`judge`] makes one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub(crate) struct Certified {
    /// Its key.
    pub(crate) fingerprint: Fingerprint,
    /// Which certificate, for the tickets that it gets.
    pub(crate) means: CertificateMeans,
}

/// Judges a signature with a certificate whose path reaches a trusted issuer.
///
/// # Errors
/// [`Refused`], saying which rule was not met.
pub(crate) fn judge(
    signed: &Unverified<'_>,
    certificate: &Certificate,
    account: &Account,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Certified, Refused> {
    let key = strong_key(certificate)?;
    let fingerprint = key.fingerprint();
    signed
        .is_by(&Verifier::new(key))
        .map_err(|_| Refused::InvalidSignature)?;
    let path = Path::judge(certificate, &signed.others, view, now)?;
    mapping::check(&path.valid, account, view)?;
    path.check_revocation(view, now)?;
    Ok(Certified {
        fingerprint,
        means: path.means()?,
    })
}

/// The key of a certificate, if it is not weak. The library does not compute with short keys at all.
fn strong_key(certificate: &Certificate) -> Result<PublicKey, Refused> {
    let key = key_of(certificate).map_err(|_| invalid(Why::Key, certificate))?;
    key.check_strength()
        .map_err(|_| invalid(Why::Key, certificate))?;
    Ok(key)
}

/// A path that is valid and reaches an issuer that is trusted at this moment.
struct Path<'a> {
    valid: Valid<'a>,
    /// Whether our own authority issued the certificate in question, and its books say that it stands.
    own: bool,
}

impl<'a> Path<'a> {
    fn judge(
        certificate: &'a Certificate,
        others: &'a [Certificate],
        view: &'a View<'_>,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let valid = path::validate(certificate, others, view.issuers, &PURPOSES, now)
            .map_err(|invalid| Refused::CertificateInvalid(Box::new(invalid)))?;
        // What the server keeps prepared may be a moment old; who was trusted no more in that moment is not trusted.
        let anchor = IssuerId::of(valid.anchor.certificate());
        if valid.anchor.own().is_none() && !view.directory.is_trusted_issuer(&anchor)? {
            return Err(invalid(Why::Untrusted, certificate));
        }
        let own = valid.anchor.own().filter(|_| valid.path.len() == 1);
        if let Some(authority) = own {
            match view.directory.own_certificate(authority, certificate)? {
                Standing::Good => {}
                Standing::Revoked => return Err(revocation::revoked(certificate)),
                Standing::NotIssued => return Err(Refused::CertificateNotIssued),
            }
        }
        let own = own.is_some();
        Ok(Self { valid, own })
    }

    /// What others say of the path; of what is our own, the books have been looked at.
    fn check_revocation(&self, view: &View<'_>, now: Timestamp) -> Result<(), Refused> {
        match self.own {
            true => Ok(()),
            false => revocation::check(&self.valid, view, now),
        }
    }

    fn means(&self) -> Result<CertificateMeans, Refused> {
        let (certificate, issuer) = self.valid.links().next().ok_or(Refused::Fault)?;
        let anchor = IssuerId::of(self.valid.anchor.certificate());
        CertificateMeans::new(self.own, IssuerId::of(issuer), anchor, certificate.serial())
            .ok_or_else(|| invalid(Why::Malformed("the serial number"), certificate))
    }
}

fn invalid(why: Why, certificate: &Certificate) -> Refused {
    Refused::CertificateInvalid(Box::new(Invalid {
        why,
        certificate: Box::new(certificate.clone()),
    }))
}
