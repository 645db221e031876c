//! The HTTP client: one request, one answer, nothing behind the caller's back.
//!
//! No redirect is followed, no cookie kept, no proxy or system store consulted. The body is read to a
//! limit. Statuses are answers, not errors.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::{Method, Request, Response, StatusCode};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use ureq::Agent;
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::{Connector as _, TcpConnector};

use crate::connect::{ByHosts, Local, Nowhere, Tls};
use crate::fault::CallFault;
use crate::hosts::{Hosts, InProcess};

/// The most that is read of an answer, 4 MiB: lists of a large domain included.
const LARGEST_ANSWER: u64 = 4 << 20;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a whole exchange may take: longer than any answer that hashes a password.
const EXCHANGE: Duration = Duration::from_secs(30);

/// Whom the client believes: the certification authorities that may vouch for a server.
#[derive(Clone)]
pub struct Roots(Arc<RootCertStore>);

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Roots").field(&self.0.len()).finish()
    }
}

impl Roots {
    /// Reads a PEM file with one certificate or a whole bundle of them.
    pub fn from_pem_file(path: &Path) -> Result<Self, CallFault> {
        let unusable = |reason: String| CallFault::Roots {
            path: path.to_owned(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        Self::from_pem(&pem).map_err(unusable)
    }

    /// Reads the bundle of authorities that an operating system keeps. It may hold a certificate that is of no use here; the
    /// others count all the same.
    pub fn from_system_file(path: &Path) -> Result<Self, CallFault> {
        let unusable = |reason: String| CallFault::Roots {
            path: path.to_owned(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let _ = store.add(certificate.map_err(|error| unusable(error.to_string()))?);
        }
        match store.is_empty() {
            true => Err(unusable("it holds none".to_owned())),
            false => Ok(Self(Arc::new(store))),
        }
    }

    /// Nobody: for a client that makes no connection with TLS.
    pub(crate) fn none() -> Self {
        Self(Arc::new(RootCertStore::empty()))
    }

    /// Reads certificates from PEM text; says what is wrong with it where it is.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            store.add(certificate).map_err(|error| error.to_string())?;
        }
        if store.is_empty() {
            Err("it holds no certificate".to_owned())
        } else {
            Ok(Self(Arc::new(store)))
        }
    }
}

/// The certificate that the client shows, and who signs with its key.
#[derive(Clone, Debug)]
pub struct ClientCertificate(Arc<CertifiedKey>);

impl ClientCertificate {
    /// A certificate chain in DER, its own first, and a signer for its key: a vault that never gives the key out.
    #[must_use]
    pub fn with_signer(chain: Vec<Vec<u8>>, signer: Arc<dyn SigningKey>) -> Self {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Self(Arc::new(CertifiedKey::new(chain, signer)))
    }

    /// The certificate itself, DER.
    fn own(&self) -> Option<Vec<u8>> {
        self.0.cert.first().map(|own| own.as_ref().to_vec())
    }

    /// A certificate chain in DER, its own first, and its private key as PKCS#8 DER.
    pub fn with_key(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, CallFault> {
        let key =
            PrivateKeyDer::try_from(key).map_err(|error| CallFault::ClientKey(error.to_owned()))?;
        let signer = aws_lc_rs::sign::any_supported_type(&key)
            .map_err(|error| CallFault::ClientKey(error.to_string()))?;
        Ok(Self::with_signer(chain, signer))
    }
}

/// Sends requests to servers that [`Roots`] vouch for, or to a Unix socket of this machine.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    socket: Option<PathBuf>,
    here: Option<Here>,
}

/// Servers of this process, and the certificate that the client shows them.
#[derive(Clone)]
struct Here {
    servers: Arc<dyn InProcess>,
    certificate: Option<Vec<u8>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Client");
        shown.field("socket", &self.socket);
        shown.field("in_process", &self.here.is_some());
        shown.finish_non_exhaustive()
    }
}

impl Client {
    /// A client for servers on the network. Names resolve by `hosts`, then by DNS.
    #[must_use]
    pub fn new(roots: &Roots, hosts: Hosts, certificate: Option<ClientCertificate>) -> Self {
        let here = hosts.here().map(|servers| Here {
            servers: Arc::clone(servers),
            certificate: certificate.as_ref().and_then(ClientCertificate::own),
        });
        let provider = Arc::new(aws_lc_rs::default_provider());
        #[allow(
            clippy::expect_used,
            reason = "both versions are in the provider that is named one line above"
        )]
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("aws-lc has the suites of TLS 1.2 and 1.3")
            .with_root_certificates(Arc::clone(&roots.0));
        let config = match certificate {
            Some(ClientCertificate(key)) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
            }
            None => builder.with_no_client_auth(),
        };
        let connector = ().chain(TcpConnector::default()).chain(Tls(Arc::new(config)));
        Self {
            agent: Agent::with_parts(settings(), connector, ByHosts(hosts)),
            socket: None,
            here,
        }
    }

    /// A client for the Unix socket at `path`; the host names in its requests only fill the `Host` line.
    #[must_use]
    pub fn local(path: &Path) -> Self {
        Self {
            agent: Agent::with_parts(settings(), Local(path.to_owned()), Nowhere),
            socket: Some(path.to_owned()),
            here: None,
        }
    }

    /// Sends a request and reads its answer, whatever its status.
    ///
    /// # Errors
    /// When no answer came: the server is not there, is not who it says, or is too slow.
    pub fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, CallFault> {
        if let Some(here) = &self.here {
            return Ok(here.servers.http(request, here.certificate.as_deref()));
        }
        let to = self.address(&request);
        let answer = if request.body().is_empty() && *request.method() == Method::GET {
            self.agent.run(request.map(|_| ()))
        } else {
            self.agent.run(request)
        };
        let (head, body) = answer
            .map_err(|error| CallFault::from_exchange(&to, error))?
            .into_parts();
        let body = body.into_with_config().limit(LARGEST_ANSWER).read_to_vec();
        Ok(Response::from_parts(
            head,
            body.map_err(|error| CallFault::from_exchange(&to, error))?,
        ))
    }

    /// Sends a request and reads the status of its answer, and nothing else of it, within `patience`.
    pub(crate) fn status(
        &self,
        request: Request<Vec<u8>>,
        patience: Duration,
    ) -> Result<StatusCode, CallFault> {
        let to = self.address(&request);
        let configured = self.agent.configure_request(request);
        let request = configured.timeout_global(Some(patience)).build();
        let answer = self.agent.run(request);
        let answer = answer.map_err(|error| CallFault::from_exchange(&to, error))?;
        Ok(answer.status())
    }

    fn address(&self, request: &Request<Vec<u8>>) -> String {
        match &self.socket {
            Some(path) => path.display().to_string(),
            None => request
                .uri()
                .authority()
                .map_or_else(|| request.uri().to_string(), ToString::to_string),
        }
    }

    /// Fetches `url`.
    pub fn get(&self, url: &str) -> Result<Response<Vec<u8>>, CallFault> {
        self.send(request(Method::GET, url, &[], Vec::new())?)
    }

    /// Posts form fields to `url` and asks for JSON.
    pub fn post_form(
        &self,
        url: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response<Vec<u8>>, CallFault> {
        let headers = [
            (CONTENT_TYPE, "application/x-www-form-urlencoded"),
            (ACCEPT, "application/json"),
        ];
        self.send(request(
            Method::POST,
            url,
            &headers,
            wire::http::write_query(fields.iter().copied()).into_bytes(),
        )?)
    }
}

/// A request to `url` with `headers` and a body.
pub fn request(
    method: Method,
    url: &str,
    headers: &[(HeaderName, &str)],
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, CallFault> {
    let mut builder = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        builder = builder.header(name, *value);
    }
    builder.body(body).map_err(|_| CallFault::Address {
        address: url.to_owned(),
    })
}

fn settings() -> ureq::config::Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .tls_config(TlsConfig::builder().build())
        .user_agent(concat!("keyporch/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("")
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(EXCHANGE))
        .max_response_header_size(64 * 1024)
        .build()
}
