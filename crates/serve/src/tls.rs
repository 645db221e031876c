//! TLS: the server's certificate, replaceable while it serves, and whatever certificate a peer shows.
//!
//! A client certificate is asked for and never demanded. TLS proves here that the peer holds its key;
//! whose certificate it is and what it is worth, the party decides (protocols F.3): device certificates
//! have issuers that no browser store knows, and rights that are read from the directory, not from a path.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use wire::x509::Certificate;

use crate::fault::Fault;
use crate::metrics::Metrics;

/// HTTP/2 first, then HTTP/1.1.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What the server shows to prove who it is.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_issuers: Vec<DistinguishedName>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// A chain in DER, the server's own certificate first, and its private key as PKCS#8 DER.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, Fault> {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key =
            PrivateKeyDer::try_from(key).map_err(|error| Fault::Certificate(error.to_owned()))?;
        Ok(Self {
            chain,
            key,
            client_issuers: Vec::new(),
        })
    }

    /// A chain and a key from two PEM files (they may be the same file).
    pub fn from_pem_files(chain: &Path, key: &Path) -> Result<Self, Fault> {
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| Fault::File {
                what: "the TLS certificate",
                path: chain.to_owned(),
                source: error.into(),
            })?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| Fault::File {
            what: "the TLS certificate's private key",
            path: key.to_owned(),
            source: error.into(),
        })?;
        Ok(Self {
            chain: certificates,
            key,
            client_issuers: Vec::new(),
        })
    }

    /// Names the issuers (DER of their subjects) whose certificates a peer is hoped to show, so that a
    /// browser does not offer its person every other certificate. Those of other issuers are taken all the same.
    #[must_use]
    pub fn hint_client_issuers(mut self, subjects: Vec<Vec<u8>>) -> Self {
        self.client_issuers = subjects.into_iter().map(DistinguishedName::from).collect();
        self
    }

    /// When the server's own certificate ends, in seconds of Unix time; 0 where that cannot be read.
    fn ends(&self) -> i64 {
        let own = self
            .chain
            .first()
            .and_then(|own| Certificate::parse(own).ok());
        own.map_or(0, |own| own.not_after())
    }
}

/// The TLS configuration in force.
#[derive(Debug)]
pub(crate) struct Current {
    used: RwLock<Used>,
    metrics: Arc<Metrics>,
}

/// How one certificate is shown.
#[derive(Clone, Debug)]
struct Used {
    web: Arc<ServerConfig>,
    directory: Arc<ServerConfig>,
    bindings: Option<[u8; 16]>,
}

impl Current {
    pub(crate) fn new(identity: Identity, metrics: Arc<Metrics>) -> Result<Self, Fault> {
        let ends = identity.ends();
        let used = RwLock::new(configure(identity)?);
        metrics.certificate_ends.store(ends, Relaxed);
        Ok(Self { used, metrics })
    }

    /// What the next handshake of HTTPS uses.
    pub(crate) fn get(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.used().web)
    }

    /// What the next handshake of LDAP uses, and the digest of its channel bindings `tls-server-end-point` (RFC 5929), if they are
    /// defined. No issuers are named there: whoever has a certificate was told to show it, and some clients show none that
    /// another issued than those that are named.
    pub(crate) fn for_directory(&self) -> (Arc<ServerConfig>, Option<[u8; 16]>) {
        let used = self.used();
        (Arc::clone(&used.directory), used.bindings)
    }

    fn used(&self) -> RwLockReadGuard<'_, Used> {
        self.used.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the certificate for all handshakes from now on; connections that stand go on. On error the
    /// old one stays.
    pub(crate) fn replace(&self, identity: Identity) -> Result<(), Fault> {
        let ends = identity.ends();
        let used = configure(identity)?;
        *self.used.write().unwrap_or_else(PoisonError::into_inner) = used;
        self.metrics.certificate_ends.store(ends, Relaxed);
        Ok(())
    }
}

fn configure(identity: Identity) -> Result<Used, Fault> {
    let own = identity.chain.first();
    let bindings = own.and_then(|own| {
        let parsed = Certificate::parse(own).ok()?;
        crypto::channel_bindings::server_end_point(own, parsed.signature_algorithm())
    });
    let (chain, key) = (identity.chain.clone(), identity.key.clone_key());
    let mut web = configured(identity.chain, identity.key, identity.client_issuers)?;
    web.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    let mut directory = configured(chain, key, Vec::new())?;
    // Samba's client waits for ever behind a ticket of TLS 1.3 (4.17), and no client of LDAP comes back by one.
    directory.send_tls13_tickets = 0;
    Ok(Used {
        web: Arc::new(web),
        directory: Arc::new(directory),
        bindings,
    })
}

fn configured(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_issuers: Vec<DistinguishedName>,
) -> Result<ServerConfig, Fault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyHolder::new(&provider, client_issuers));
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| Fault::Certificate(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| Fault::Certificate(error.to_string()))
}

/// Takes every certificate whose key the peer proves to hold.
#[derive(Debug)]
struct AnyHolder {
    algorithms: WebPkiSupportedAlgorithms,
    hints: Vec<DistinguishedName>,
}

impl AnyHolder {
    fn new(provider: &CryptoProvider, hints: Vec<DistinguishedName>) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            hints,
        }
    }
}

impl ClientCertVerifier for AnyHolder {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
