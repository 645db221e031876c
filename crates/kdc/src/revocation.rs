//! What the KDC needs to know before it can say whether a certificate is revoked.

use crypto::digest;
use trust::Timestamp;
use trust::revocation::IssuerId;
use wire::x509::Certificate;

use crate::memory::Memory;

/// What is missing. Whoever runs the KDC gets it from one of the places, puts it into the directory, and asks again;
/// or says that it is not to be had ([`Memory::not_had`]), and asks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// About which certificate.
    pub certificate: Certificate,
    /// The certificate of who issued it.
    pub issuer: Certificate,
    /// Responders that may know (OCSP); asked first.
    pub responders: Vec<Place>,
    /// Where the issuer's list may be.
    pub lists: Vec<Place>,
}

/// A place to ask, by plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its URL.
    pub url: String,
    /// Whether an administrator named it; the certificate did otherwise.
    pub by_administrator: bool,
}

impl Needed {
    /// What it is about, in 32 bytes.
    fn id(&self) -> [u8; 32] {
        let row = IssuerId::of(&self.issuer).row(self.certificate.serial());
        digest::sha256(&row)
    }
}

impl Memory {
    /// Remembers for half a minute that something is not to be had, so that not every request tries again.
    pub fn not_had(&self, needed: &Needed, now: Timestamp) {
        self.not_had.remember(needed.id(), (), now);
    }

    pub(crate) fn was_not_had(&self, needed: &Needed, now: Timestamp) -> bool {
        self.not_had.find(&needed.id(), now).is_some()
    }
}
