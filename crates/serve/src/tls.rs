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

use wire::x509::{Certificate, GeneralName};

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

    fn own(&self) -> Option<Certificate> {
        Certificate::parse(self.chain.first()?).ok()
    }

    /// When the server's own certificate ends, in seconds of Unix time; 0 where that cannot be read.
    fn ends(&self) -> i64 {
        self.own().map_or(0, |own| own.not_after())
    }

    /// The host names in the server's own certificate, in lower case.
    fn names(&self) -> Vec<String> {
        let names = self
            .own()
            .and_then(|own| own.extensions().subject_alternative_names().ok());
        let names = names.into_iter().flatten();
        names
            .filter_map(|name| match name {
                GeneralName::Dns(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            })
            .collect()
    }
}

/// The TLS configurations in force: one for each party that has a certificate of its own. Which is shown, the name decides
/// that the client asks for; who asks for none, or for another, gets the first.
#[derive(Debug)]
pub(crate) struct Current {
    used: RwLock<Vec<Used>>,
    metrics: Arc<Metrics>,
}

/// How one certificate is shown.
#[derive(Clone, Debug)]
struct Used {
    names: Vec<String>,
    ends: i64,
    web: Arc<ServerConfig>,
    directory: Arc<ServerConfig>,
    bindings: Option<[u8; 16]>,
}

impl Used {
    fn is_for(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest == domain),
            None => name == host,
        })
    }
}

impl Current {
    /// `identities` must not be empty.
    pub(crate) fn new(identities: Vec<Identity>, metrics: Arc<Metrics>) -> Result<Self, Fault> {
        if identities.is_empty() {
            return Err(Fault::Certificate("there is none".to_owned()));
        }
        let used = identities
            .into_iter()
            .map(configure)
            .collect::<Result<Vec<_>, _>>()?;
        tell_end(&used, &metrics);
        Ok(Self {
            used: RwLock::new(used),
            metrics,
        })
    }

    /// Whether the name that a client asks for makes a difference.
    pub(crate) fn asks_for_names(&self) -> bool {
        self.used().len() > 1
    }

    /// What the next handshake of HTTPS uses, with a client that asks for `host`.
    pub(crate) fn get(&self, host: Option<&str>) -> Option<Arc<ServerConfig>> {
        let used = self.used();
        let host = host.map(str::to_ascii_lowercase);
        let named = host.and_then(|host| used.iter().find(|one| one.is_for(&host)));
        named.or(used.first()).map(|one| Arc::clone(&one.web))
    }

    /// What the next handshake of LDAP uses, and the digest of its channel bindings `tls-server-end-point` (RFC 5929), if they are
    /// defined. No issuers are named there: whoever has a certificate was told to show it, and some clients show none that
    /// another issued than those that are named. The directory is the first party's.
    pub(crate) fn for_directory(&self) -> Option<(Arc<ServerConfig>, Option<[u8; 16]>)> {
        let used = self.used();
        let first = used.first()?;
        Some((Arc::clone(&first.directory), first.bindings))
    }

    fn used(&self) -> RwLockReadGuard<'_, Vec<Used>> {
        self.used.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the certificate at a place for all handshakes from now on; connections that stand go on. On error the
    /// old one stays.
    pub(crate) fn replace(&self, place: usize, identity: Identity) -> Result<(), Fault> {
        let new = configure(identity)?;
        let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = used.get_mut(place) {
            *one = new;
        }
        tell_end(&used, &self.metrics);
        Ok(())
    }
}

/// The metrics say when the first of the certificates ends.
fn tell_end(used: &[Used], metrics: &Metrics) {
    let ends = used.iter().map(|one| one.ends).min().unwrap_or(0);
    metrics.certificate_ends.store(ends, Relaxed);
}

fn configure(identity: Identity) -> Result<Used, Fault> {
    let (names, ends) = (identity.names(), identity.ends());
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
        names,
        ends,
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
