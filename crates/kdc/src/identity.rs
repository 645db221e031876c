//! The KDC's own certificates (protocols E.3.5).

use std::sync::Arc;

use crypto::key::PublicKey;
use crypto::signature::{SignatureAlgorithm, Signer};
use wire::cms::IssuerAndSerialNumber;
use wire::pkinit::ExternalPrincipalIdentifier;
use wire::x509::Certificate;

/// A certificate of the KDC with its private key and the path that is sent along.
#[derive(Clone)]
pub struct Identity {
    certificate: Certificate,
    /// From the certificate's issuer up to the root.
    issuers: Vec<Certificate>,
    signer: Arc<dyn Signer>,
    algorithm: SignatureAlgorithm,
    issuer_and_serial: Vec<u8>,
}

/// Why a certificate cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The private key is another certificate's.
    #[error("the private key does not belong to the KDC's certificate")]
    OtherKey,
    /// Its issuer or serial number cannot be named.
    #[error("the KDC's certificate is malformed")]
    Malformed,
}

impl Identity {
    /// A certificate, its issuers from its own up to the root, and its private key.
    ///
    /// # Errors
    /// [`Unusable`], saying why.
    pub fn new(
        certificate: Certificate,
        issuers: Vec<Certificate>,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, Unusable> {
        if signer.public_key().to_spki_der() != certificate.spki() {
            return Err(Unusable::OtherKey);
        }
        Ok(Self {
            algorithm: SignatureAlgorithm::default_for(signer.public_key()),
            issuer_and_serial: issuer_and_serial(&certificate).ok_or(Unusable::Malformed)?,
            certificate,
            issuers,
            signer,
        })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether its key is one on a curve.
    pub(crate) fn is_elliptic(&self) -> bool {
        matches!(self.signer.public_key(), PublicKey::Ec(_))
    }

    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    pub(crate) fn issuer_and_serial(&self) -> &[u8] {
        &self.issuer_and_serial
    }

    /// What is sent along: the certificate and its issuers without the root, which a client has or does
    /// not trust.
    pub(crate) fn path(&self) -> impl Iterator<Item = &[u8]> {
        let beneath_root = self.issuers.len().saturating_sub(1);
        std::iter::once(self.certificate.der())
            .chain(self.issuers.iter().take(beneath_root).map(Certificate::der))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.signer.sign(self.algorithm, message).ok()
    }

    /// Whether one of the certifiers that a client trusts is on this path. No list at all is satisfied by
    /// everything.
    pub(crate) fn satisfies(&self, trusted: &[ExternalPrincipalIdentifier]) -> bool {
        trusted.is_empty()
            || trusted
                .iter()
                .any(|trusted| self.issuers.iter().any(|issuer| names(trusted, issuer)))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.certificate.thumbprint())
            .finish_non_exhaustive()
    }
}

pub(crate) fn issuer_and_serial(certificate: &Certificate) -> Option<Vec<u8>> {
    IssuerAndSerialNumber::new(certificate.issuer().der(), certificate.serial())
        .ok()
        .map(|name| name.to_bytes())
}

fn names(trusted: &ExternalPrincipalIdentifier, issuer: &Certificate) -> bool {
    if let Some(subject) = &trusted.subject_name {
        return subject == issuer.subject().der();
    }
    if let Some(both) = &trusted.issuer_and_serial_number {
        return issuer_and_serial(issuer).as_ref() == Some(both);
    }
    if let Some(key) = &trusted.subject_key_identifier {
        let own = issuer.extensions().subject_key_identifier();
        return own.is_ok_and(|own| own.as_ref() == Some(key));
    }
    false
}
