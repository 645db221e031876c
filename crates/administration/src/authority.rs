//! What whoever runs the authority lends: parties do not know one another.

use core::fmt;

use directory::{Actor, Change, Snapshot};
use trust::{Rng, Timestamp};
use wire::Guid;
use wire::x509::{Certificate, Reason};

/// A certificate that was issued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssuedCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// When it was issued.
    pub at: Timestamp,
    /// objectGUID of the entry that it lives with.
    pub holder: Option<Guid>,
    /// Since when it is revoked or on hold, and why.
    pub revoked: Option<(Timestamp, Reason)>,
}

/// Why a certificate was not revoked, or not released.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotRevoked {
    /// The authority issued none of that serial number.
    #[error("there is no certificate of that serial number")]
    NotIssued,
    /// It is revoked for good.
    #[error("the certificate is revoked already")]
    AlreadyRevoked,
    /// It is not on hold.
    #[error("the certificate is not on hold")]
    NotOnHold,
    /// No certificate is revoked for this reason.
    #[error("that is not a reason to revoke a certificate")]
    Reason,
}

/// Trouble of the authority's own.
#[derive(Debug)]
pub struct AuthorityFault(pub Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for AuthorityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for AuthorityFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// The authorities and what they issued, lent by whoever runs the authority.
///
/// Each function reads `snapshot`, so that what an answer was computed from is re-checked when its changes are
/// committed.
pub trait Certificates {
    /// The names of the authorities, in the order in which they are listed: `root`, `devices`, `tls`.
    fn authorities(&self) -> Vec<&'static str>;

    /// The certificates of an authority in the order of their serial numbers (the content octets of an INTEGER), at
    /// most `limit` from the first after `after`.
    ///
    /// # Errors
    /// [`AuthorityFault`].
    fn page(
        &self,
        snapshot: &Snapshot<'_>,
        authority: &str,
        after: Option<&[u8]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<IssuedCertificate>, AuthorityFault>;

    /// The certificate that an authority issued under a serial number.
    ///
    /// # Errors
    /// [`AuthorityFault`].
    fn find(
        &self,
        snapshot: &Snapshot<'_>,
        authority: &str,
        serial: &[u8],
        now: Timestamp,
    ) -> Result<Option<IssuedCertificate>, AuthorityFault>;

    /// The changes that revoke a certificate, or put it on hold ([`Reason::CertificateHold`]), the audit record among
    /// them; `Reason::RemoveFromCrl` ends a hold.
    ///
    /// # Errors
    /// [`AuthorityFault`].
    #[allow(
        clippy::too_many_arguments,
        reason = "a call from one party to another, as values"
    )]
    fn revoke(
        &self,
        snapshot: &Snapshot<'_>,
        authority: &str,
        serial: &[u8],
        reason: Reason,
        actor: &Actor,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Result<Vec<Change>, NotRevoked>, AuthorityFault>;
}
