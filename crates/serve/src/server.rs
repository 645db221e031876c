//! A server: its parts, its start, its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crypto::password::Cost;
use directory::{Directory, Subscription};
use trust::{Clock, SystemClock};

use crate::audit::{Audit, AuditSettings, Writer};
use crate::door::{Http, Kerberos, Outside};
use crate::fault::Fault;
use crate::listeners::{Behind, BehindDomain, Listeners, Signals};
use crate::metrics::Metrics;
use crate::node::front::Front;
use crate::node::parties::Parties;
use crate::node::tenant::TenantNode;
use crate::node::upkeep::Upkeep;
use crate::node::{self, Ldap, Listener, Node, Passwords, Revoked};
use crate::settings::{Settings, Tls};
use crate::sockets::{Addresses, Inherited, Sockets};
use crate::tls::Identity;

/// What a server is made of besides its settings.
pub struct Parts {
    /// The directory, open, with its domain; `None` where the server has tenants alone.
    pub directory: Option<Arc<Directory>>,
    /// The tenants.
    pub tenants: Vec<Tenant>,
    /// Who looks up names and tells others of new keys, for tenants.
    pub outside: Option<Arc<dyn Outside>>,
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
            directory: Some(directory),
            ..Self::of_nobody()
        }
    }

    fn of_nobody() -> Self {
        Self {
            directory: None,
            tenants: Vec::new(),
            outside: None,
            clock: Arc::new(SystemClock),
            authority_keys: authority::Keys::in_directory(),
            password_cost: Cost::default(),
            inherited: Inherited::default(),
            listener: None,
        }
    }
}

impl Parts {
    /// The same for one tenant, and no domain.
    #[must_use]
    pub fn of_tenant(directory: Arc<Directory>, section: tenant::Section) -> Self {
        Self {
            tenants: vec![Tenant { directory, section }],
            ..Self::of_nobody()
        }
    }
}

/// A tenant that a server has.
#[derive(Clone)]
pub struct Tenant {
    /// Its own directory, open.
    pub directory: Arc<Directory>,
    /// Where it is found.
    pub section: tenant::Section,
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
    pub fn start(settings: Settings, mut parts: Parts) -> Result<Running, Fault> {
        let sockets = Sockets::open(&settings.listen, parts.inherited.take())?;
        let metrics = Arc::new(Metrics::default());
        let (writer, audit) = Writer::start(&settings.audit, &metrics)?;
        let house = House::new(&settings, parts, &sockets.addresses.kdc, &metrics, &audit)?;
        if house.domain.is_none() && !sockets.are_for_tenants_alone() {
            return Err(Fault::Party(
                "[listen] has addresses for Kerberos, passwords or LDAP, and there is no domain that answers there"
                    .to_owned(),
            ));
        }
        let access = house.access(&audit);
        let given = given_identity(&settings.tls)?;
        let renews = given.is_none();
        let mut identities: Vec<Identity> = given.into_iter().collect();
        let mut kept = Vec::new();
        for parties in house.all() {
            let cursor = parties.prepare()?;
            let issued = parties.identity()?;
            let place = issued.is_some().then_some(identities.len());
            identities.extend(issued.filter(|_| renews));
            kept.push((parties, cursor, place.filter(|_| renews)));
        }
        let ready: Vec<Arc<dyn Parties>> = house.all();
        let behind = Behind {
            domain: house.domain.as_ref().map(|node| BehindDomain {
                kdc: Arc::clone(node) as Arc<dyn Kerberos>,
                passwords: Arc::new(Passwords(Arc::clone(node))),
                ldap: Arc::new(Ldap(Arc::clone(node))),
            }),
            http: house.front(),
            identities,
            ready: Box::new(move || {
                ready
                    .iter()
                    .try_for_each(|parties| parties.core().readiness())
            }),
        };
        let listeners = Listeners::serve(sockets, &settings.limits, behind, &metrics)?;
        let mut upkeep = Vec::new();
        for (parties, cursor, place) in kept {
            let tls = listeners.tls.clone().zip(place);
            let replace = Box::new(move |identity| {
                tls.as_ref()
                    .map_or(Ok(()), |(tls, place)| tls.replace(*place, identity))
            });
            upkeep.push(Upkeep::start(parties, cursor, replace)?);
        }
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
    let house = House::without_sockets(settings, parts)?;
    house.all().iter().try_for_each(|parties| parties.found())
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
    let mut done = Revoked::default();
    for parties in House::without_sockets(settings, parts)?.all() {
        let of_these = parties.restored(revoked)?;
        done.again.extend(of_these.again);
        done.orphaned.extend(of_these.orphaned);
    }
    Ok(done)
}

/// Everybody who lives in a process.
struct House {
    domain: Option<Arc<Node>>,
    tenants: Vec<Arc<TenantNode>>,
}

impl House {
    fn new(
        settings: &Settings,
        parts: Parts,
        kdc_addresses: &[SocketAddr],
        metrics: &Arc<Metrics>,
        audit: &Audit,
    ) -> Result<Self, Fault> {
        let of = |directory: Arc<Directory>| node::Parts {
            directory,
            clock: Arc::clone(&parts.clock),
            authority_keys: parts.authority_keys.clone(),
            kdc_addresses: kdc_addresses.to_vec(),
            password_cost: parts.password_cost,
            listener: parts.listener.clone(),
            metrics: Arc::clone(metrics),
            audit: audit.clone(),
        };
        let domain = parts.directory.clone().map(&of);
        let domain = domain.map(|own| Node::new(settings, own)).transpose()?;
        // Every process on the same stores must come to the same.
        let common = parts
            .tenants
            .first()
            .map(|first| first.directory.derived_key("nonces of every tenant"));
        let mut tenants = Vec::new();
        for (tenant, common) in parts.tenants.iter().zip(common.iter().cycle()) {
            let own = of(Arc::clone(&tenant.directory));
            let (section, outside) = (&tenant.section, parts.outside.clone());
            tenants.push(Arc::new(TenantNode::new(
                settings,
                section,
                common.clone(),
                outside,
                own,
            )?));
        }
        if domain.is_none() && tenants.is_empty() {
            return Err(Fault::Party(
                "there is neither a domain nor a tenant to serve".to_owned(),
            ));
        }
        Ok(Self {
            domain: domain.map(Arc::new),
            tenants,
        })
    }

    /// Nobody who answers anybody.
    fn without_sockets(settings: &Settings, parts: Parts) -> Result<Self, Fault> {
        let metrics = Arc::new(Metrics::default());
        let (_writer, audit) = Writer::start(&AuditSettings::default(), &metrics)?;
        Self::new(settings, parts, &[], &metrics, &audit)
    }

    fn all(&self) -> Vec<Arc<dyn Parties>> {
        let domain = self
            .domain
            .iter()
            .map(|node| Arc::clone(node) as Arc<dyn Parties>);
        let tenants = self
            .tenants
            .iter()
            .map(|node| Arc::clone(node) as Arc<dyn Parties>);
        domain.chain(tenants).collect()
    }

    fn access(&self, audit: &Audit) -> Vec<Subscription> {
        let told = |parties: &Arc<dyn Parties>| {
            let core = parties.core();
            crate::access::told(&core.directory, audit, core.clock.now())
        };
        self.all().iter().map(told).collect()
    }

    fn front(&self) -> Arc<dyn Http> {
        match (&self.domain, self.tenants.is_empty()) {
            (Some(domain), true) => Arc::clone(domain) as Arc<dyn Http>,
            (domain, _) => Arc::new(Front {
                domain: domain.clone(),
                tenants: self.tenants.clone(),
            }),
        }
    }
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
    _upkeep: Vec<Upkeep>,
    listeners: Listeners,
    metrics: Arc<Metrics>,
    tls: Tls,
    _access: Vec<Subscription>,
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
