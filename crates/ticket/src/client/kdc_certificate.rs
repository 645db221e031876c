//! Whether a KDC's certificate is to be trusted (AUTH-KDC-1 to AUTH-KDC-8, RFC 4556 3.2.4).

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use trust::Timestamp;
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};
use wire::x509::{Certificate, GeneralName, KerberosName};

/// Algorithms of a path's signatures: SHA-2, RSA from 2048 bits, P-256 and P-384 (AUTH-KDC-7, AUTH-KDC-8).
const ALGORITHMS: &[&dyn rustls_pki_types::SignatureVerificationAlgorithm] = &[
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
    webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
    webpki::aws_lc_rs::ECDSA_P256_SHA256,
    webpki::aws_lc_rs::ECDSA_P384_SHA384,
];

/// id-pkinit-KPKdc, 1.3.6.1.5.2.3.5, as the contents of its OBJECT IDENTIFIER.
const KDC_PURPOSE: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x02, 0x03, 0x05];

/// What a client trusts a KDC by.
#[derive(Clone, Debug, Default)]
pub struct KdcTrust {
    /// Certificates of trusted issuers, DER.
    pub anchors: Vec<Vec<u8>>,
    /// The domain's DNS name, which a certificate may carry in place of the realm's ticket-granting service.
    pub domain: Option<String>,
    /// Lists of revoked certificates, DER. With one, a certificate of its issuer must not be on it, and the
    /// list must not be past its next update; a certificate whose issuer has none here passes.
    pub revocation_lists: Vec<Vec<u8>>,
}

/// Why a KDC is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KdcRefused {
    /// It sent no certificate, or one that is none.
    #[error("the KDC sent no usable certificate")]
    NoCertificate,
    /// AUTH-KDC-2 to 5, 7, 8: path, validity, revocation, purpose, algorithms.
    #[error("the KDC's certificate is not valid: {0}")]
    Path(String),
    /// AUTH-KDC-6: it is another realm's.
    #[error("the KDC's certificate names neither the realm nor its domain")]
    Name,
    /// AUTH-KDC-1: it does not possess the key.
    #[error("the KDC's signature does not verify")]
    Signature,
    /// None of the client's anchors is a certificate.
    #[error("there is no usable trust anchor")]
    NoAnchor,
}

impl KdcTrust {
    /// Judges a KDC's certificate for `realm`.
    ///
    /// # Errors
    /// [`KdcRefused`], saying which check failed.
    pub(crate) fn judge(
        &self,
        leaf: &Certificate,
        others: &[Certificate],
        realm: &str,
        now: Timestamp,
    ) -> Result<(), KdcRefused> {
        let anchors: Vec<CertificateDer<'_>> = self
            .anchors
            .iter()
            .map(|der| der.as_slice().into())
            .collect();
        let anchors: Vec<TrustAnchor<'_>> = anchors
            .iter()
            .filter_map(|anchor| anchor_from_trusted_cert(anchor).ok())
            .collect();
        if anchors.is_empty() {
            return Err(KdcRefused::NoAnchor);
        }
        let path = |error: webpki::Error| KdcRefused::Path(error.to_string());
        let der = CertificateDer::from(leaf.der());
        let end_entity = EndEntityCert::try_from(&der).map_err(path)?;
        let others: Vec<CertificateDer<'_>> =
            others.iter().map(|other| other.der().into()).collect();
        let lists = self
            .revocation_lists
            .iter()
            .map(|der| BorrowedCertRevocationList::from_der(der).map(CertRevocationList::Borrowed))
            .collect::<Result<Vec<_>, _>>()
            .map_err(path)?;
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let seconds = u64::try_from(now.unix()).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        end_entity
            .verify_for_usage(
                ALGORITHMS,
                &anchors,
                &others,
                time,
                KeyUsage::required(KDC_PURPOSE),
                revocation,
                None,
            )
            .map_err(path)?;
        if self.names(leaf, realm) {
            Ok(())
        } else {
            Err(KdcRefused::Name)
        }
    }

    fn names(&self, leaf: &Certificate, realm: &str) -> bool {
        let Ok(names) = leaf.extensions().subject_alternative_names() else {
            return false;
        };
        let kdc = KerberosName::kdc(realm);
        names.iter().any(|name| match name {
            GeneralName::Kerberos(name) => *name == kdc,
            GeneralName::Dns(name) => self
                .domain
                .as_ref()
                .is_some_and(|domain| domain.eq_ignore_ascii_case(name)),
            _ => false,
        })
    }
}
