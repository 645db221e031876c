//! A server: its parts, its start, its end.

use std::sync::Arc;
use std::time::Duration;

use crypto::password::Cost;
use directory::{Directory, Subscription};
use trust::{Clock, SystemClock};

use crate::audit::Writer;
use crate::door::{Http, Kerberos};
use crate::fault::Fault;
use crate::listeners::{Behind, Listeners, Signals};
use crate::metrics::Metrics;
use crate::node::parties::Parties;
use crate::node::upkeep::Upkeep;
use crate::node::{self, Ldap, Listener, Node, Passwords, Revoked};
use crate::settings::{Settings, Tls};
use crate::sockets::{Addresses, Inherited, Sockets};
use crate::tls::Identity;

/// What a server is made of besides its settings.
pub struct Parts {
    /// The directory, open, with its domain.
    pub directory: Arc<Directory>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where the authorities' keys are.
    pub authority_keys: authority::Keys,
    /// What hashing a password costs.
    pub password_cost: Cost,
    /// Sockets that a service supervisor opened.
    pub inherited: Inherited,
    /// Whoever wants to hear the story.
    pub listener: Option<Listener>,
}

impl Parts {
    /// A directory, the machine's clock, the authorities' keys in the directory, and nobody who listens.
    #[must_use]
    pub fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            clock: Arc::new(SystemClock),
            authority_keys: authority::Keys::in_directory(),
            password_cost: Cost::default(),
            inherited: Inherited::default(),
            listener: None,
        }
    }
}

/// The server: every party of this release behind its sockets.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Opens every socket, brings keys and certificates into being, and serves. When this returns, every
    /// socket answers.
    ///
    /// # Errors
    /// [`Fault`], with what to do about it; nothing is left behind then.
    pub fn start(settings: Settings, parts: Parts) -> Result<Running, Fault> {
        let sockets = Sockets::open(&settings.listen, parts.inherited)?;
        let metrics = Arc::new(Metrics::default());
        let (writer, audit) = Writer::start(&settings.audit, &metrics)?;
        let access = crate::access::told(&parts.directory, &audit, parts.clock.now());
        let node = Node::new(
            &settings,
            node::Parts {
                directory: parts.directory,
                clock: parts.clock,
                authority_keys: parts.authority_keys,
                kdc_addresses: sockets.addresses.kdc.clone(),
                password_cost: parts.password_cost,
                listener: parts.listener,
                metrics: Arc::clone(&metrics),
                audit,
            },
        )?;
        let node = Arc::new(node);
        let parties = Arc::clone(&node) as Arc<dyn Parties>;
        let cursor = parties.prepare()?;
        let issued = node
            .read_credentials()
            .map_err(|error| Fault::Party(error.to_string()))?;
        let given = given_identity(&settings.tls)?;
        let renews = given.is_none();
        let ready = Arc::clone(&node);
        let behind = Behind {
            kdc: Arc::clone(&node) as Arc<dyn Kerberos>,
            passwords: Arc::new(Passwords(Arc::clone(&node))),
            ldap: Arc::new(Ldap(Arc::clone(&node))),
            http: Arc::clone(&node) as Arc<dyn Http>,
            identity: given.or(issued),
            ready: Box::new(move || ready.core.readiness()),
        };
        let listeners = Listeners::serve(sockets, &settings.limits, behind, &metrics)?;
        let tls = listeners.tls.clone().filter(|_| renews);
        let replace =
            Box::new(move |identity| tls.as_ref().map_or(Ok(()), |tls| tls.replace(identity)));
        let upkeep = Upkeep::start(parties, cursor, replace)?;
        Ok(Running {
            _upkeep: upkeep,
            listeners,
            metrics,
            tls: settings.tls,
            _access: access,
            _writer: writer,
        })
    }
}

/// Founds the certification authorities in a directory that has its domain and no authorities yet. Called when
/// a server is set up, and at no other time: a root that appears by itself is trusted by nobody.
///
/// # Errors
/// [`Fault`]; the authorities are not there then, or were not touched.
pub fn found_authorities(settings: &Settings, parts: Parts) -> Result<(), Fault> {
    let node: Arc<dyn Parties> = Arc::new(without_sockets(settings, parts)?);
    node.found()
}

/// What the parties have to do once, after a backup was restored into a directory and before anybody serves it: the
/// certificates that `revoked` names (the authority's name, the serial number) are revoked again, those whose holders are
/// gone are revoked, and the reactions to what the restore committed will begin with the next start.
///
/// # Errors
/// [`Fault`]; it may be asked for again.
pub fn restored(
    settings: &Settings,
    parts: Parts,
    revoked: &[(String, Vec<u8>)],
) -> Result<Revoked, Fault> {
    without_sockets(settings, parts)?.restored(revoked)
}

/// A node that answers nobody.
fn without_sockets(settings: &Settings, parts: Parts) -> Result<Node, Fault> {
    let metrics = Arc::new(Metrics::default());
    let (_writer, audit) = Writer::start(&crate::audit::AuditSettings::default(), &metrics)?;
    let parts = node::Parts {
        directory: parts.directory,
        clock: parts.clock,
        authority_keys: parts.authority_keys,
        kdc_addresses: Vec::new(),
        password_cost: parts.password_cost,
        listener: parts.listener,
        metrics,
        audit,
    };
    Node::new(settings, parts)
}

/// Whether the certificate that `tls` names can be used; nothing to check where our own authority issues it.
///
/// # Errors
/// [`Fault`], as [`Server::start`] would.
pub fn check_tls(tls: &Tls) -> Result<(), Fault> {
    given_identity(tls).map(drop)
}

/// The certificate of the configuration; `None` where our own authority issues it.
fn given_identity(tls: &Tls) -> Result<Option<Identity>, Fault> {
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Identity::from_pem_files(certificate, key).map(Some),
        _ => Err(Fault::Certificate(
            "[tls] names a certificate or a key without the other".to_owned(),
        )),
    }
}

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    // In this order they stop: first nothing new is begun, then what is under way ends, then the log is written.
    _upkeep: Upkeep,
    listeners: Listeners,
    metrics: Arc<Metrics>,
    tls: Tls,
    _access: Subscription,
    _writer: Writer,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.listeners.addresses
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Reads again what can be read again without a stop: the TLS certificate of the configuration.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be used; the one before stays then.
    pub fn reload(&self) -> Result<(), Fault> {
        given_identity(&self.tls)?
            .map_or(Ok(()), |identity| self.listeners.replace_identity(identity))
    }

    /// The signals that the operating system sends to a server.
    ///
    /// # Errors
    /// [`Fault::Worker`] when they cannot be listened to.
    pub fn signals(&self) -> Result<Signals<'_>, Fault> {
        self.listeners.signals()
    }

    /// Accepts nothing new, answers what is under way for `grace` at most, persists what was counted, and ends.
    pub fn shutdown(mut self, grace: Duration) {
        self.listeners.close(grace);
    }
}
