//! One node: the parties with everything that they read, and the loop around them.
//!
//! A node owns what outlives a request and is no entry of the directory: counters, replay memories, limits,
//! the keys and certificates in use. It takes a snapshot, builds a party's view, asks, commits, and only then
//! lets the answer out ([`turn`]). What others changed and what is due runs beside ([`upkeep`]).

mod certificates;
mod core;
pub(crate) mod credentials;
mod domain;
pub(crate) mod front;
mod kerberos;
mod ldap;
pub(crate) mod parties;
mod passwords;
mod proxy;
mod restored;
mod revocation;
pub(crate) mod tenant;
#[cfg(test)]
pub(crate) mod told;
mod turn;
pub(crate) mod upkeep;
mod watch;
mod web;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};

use crypto::key::KeyKind;
use crypto::password::Cost;
use directory::lockout::Lockout;
use directory::{Directory, Snapshot};
use trust::revocation::Requirement;
use trust::{Clock, Event, Span, SystemRng};

use self::core::Core;
pub use self::core::REACTIONS;
use crate::audit::Audit;
use crate::fault::Fault;
use crate::metrics::Metrics;
use crate::settings::{Revocation, Settings, StrongMapping};
use crate::signatures::Signatures;
use credentials::{Credentials, tls_server};
pub(crate) use ldap::Ldap;
pub(crate) use passwords::Passwords;
pub use restored::Revoked;
use turn::Turn;

/// Whoever wants to hear which steps of the documented flows happened (the lab).
pub type Listener = Arc<dyn Fn(&'static Event) + Send + Sync>;

/// The parties of one process.
pub(crate) struct Node {
    pub(crate) core: Core,
    realm: kdc::Realm,
    kdc_host: String,
    kdcs: Vec<String>,
    password_work: passwords::Work,
    signatures: Signatures,
    kdc_memory: Arc<kdc::Memory>,
    getting: Arc<revocation::Getting>,
    ldap: directory::ldap::Settings,
    ldap_seen: ticket::Recent<()>,
    federation: federation::Settings,
    federation_memory: federation::Memory,
    authority: authority::Configuration,
    authority_keys: authority::Keys,
    kinds: Kinds,
    current: RwLock<Arc<Credentials>>,
    hosts: Vec<String>,
    addresses: Vec<IpAddr>,
    /// Whether the KDC answers over HTTPS, too.
    offers_proxy: bool,
}

/// The kinds of key that a node needs when it is set up and when it first starts.
pub(crate) struct Kinds {
    /// Each authority's.
    root: KeyKind,
    /// Those of KDC and TLS certificates, and the one that signs tokens.
    servers: Vec<KeyKind>,
}

impl Kinds {
    fn of(settings: &Settings) -> Self {
        let kdc = settings.authority.kdc_keys.iter().map(|name| name.kind());
        let others = [
            settings.authority.tls_key.kind(),
            settings.federation.signing_algorithm.key_kind(),
        ];
        Self {
            root: settings.authority.root_key.kind(),
            servers: kdc.chain(others).collect(),
        }
    }
}

impl Kinds {
    /// A tenant has no KDC, and signs tokens with both algorithms.
    fn of_tenant(settings: &Settings) -> Self {
        Self {
            root: settings.authority.root_key.kind(),
            servers: vec![
                settings.authority.tls_key.kind(),
                KeyKind::Rsa2048,
                KeyKind::P256,
            ],
        }
    }
}

/// What a node is made of.
pub(crate) struct Parts {
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) authority_keys: authority::Keys,
    /// Where the KDC listens.
    pub(crate) kdc_addresses: Vec<SocketAddr>,
    pub(crate) password_cost: Cost,
    pub(crate) listener: Option<Listener>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) audit: Audit,
}

impl Node {
    /// The node that `settings` describe, over a directory that has its domain.
    pub(crate) fn new(settings: &Settings, parts: Parts) -> Result<Self, Fault> {
        let domain = parts
            .directory
            .domain()
            .map_err(|fault| party("the directory", &fault))?;
        let kdc_host = settings
            .kdc
            .host
            .clone()
            .unwrap_or_else(|| format!("dc1.{}", domain.dns_name))
            .to_ascii_lowercase();
        let federation = federation::Settings::of(&settings.federation, &domain.dns_name)
            .map_err(|error| party("[federation]", &error))?;
        let mut hosts = server_names(settings, &domain.dns_name);
        if !hosts.contains(&kdc_host) {
            // LDAP's clients know the domain controller by its own name.
            hosts.push(kdc_host.clone());
        }
        let names = authority::TlsNames {
            hosts: hosts.clone(),
            addresses: settings.tls.addresses.clone(),
        };
        let server = authority::TlsServer {
            name: tls_server(&parts.directory, &kdc_host),
            names,
        };
        let authority = authority::Configuration::new(
            &settings.authority,
            &domain.dns_name,
            vec![kdc_host.clone()],
            vec![server],
        )
        .map_err(|error| party("[authority]", &error))?;
        hosts.push("localhost".to_owned());
        let mut realm = realm(settings, &domain.realm, &kdc_host);
        realm.federation = Some(federation.service_principal());
        let kdc_memory = Arc::new(kdc::Memory::new(realm.lifetimes.skew, &mut SystemRng));
        Ok(Self {
            getting: revocation::Getting::new(
                Arc::clone(&parts.directory),
                Arc::clone(&parts.clock),
                Arc::clone(&kdc_memory),
            ),
            kdc_memory,
            kdcs: kdcs(&kdc_host, &parts.kdc_addresses),
            password_work: passwords::Work::new(&settings.limits),
            signatures: Signatures::new(
                settings.limits.signature_workers(),
                settings.limits.signatures_per_address(),
                settings.limits.queue(),
            ),
            realm,
            kdc_host,
            kinds: Kinds::of(settings),
            ldap: settings.ldap.settings(),
            // Twice the skew that an authenticator may be off by.
            ldap_seen: ticket::Recent::new(Span::minutes(11), 100_000),
            federation,
            federation_memory: federation::Memory::new(&mut SystemRng),
            authority,
            authority_keys: parts.authority_keys,
            current: RwLock::default(),
            hosts,
            addresses: settings.tls.addresses.clone(),
            offers_proxy: settings.kdc.proxy,
            core: Core {
                directory: parts.directory,
                clock: parts.clock,
                metrics: parts.metrics,
                audit: parts.audit,
                listener: parts.listener,
                lockout: Lockout::default(),
                password_cost: parts.password_cost,
            },
        })
    }

    fn turn(&self) -> Turn<'_> {
        self.core.turn()
    }

    fn federation_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> federation::View<'a, 'd> {
        federation::View {
            snapshot,
            settings: &self.federation,
            memory: &self.federation_memory,
            lockout: &self.core.lockout,
            password_cost: self.core.password_cost,
        }
    }

    fn tell(&self, story: &[&'static Event]) {
        self.core.tell(story);
    }

    fn trouble(&self, doing: &str, error: &(dyn std::error::Error + 'static)) {
        self.core.trouble(doing, error);
    }
}

/// An error's words, with those of what caused it.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        words.push_str(", caused by ");
        words.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    words
}

fn party(what: &str, error: &(dyn std::error::Error + 'static)) -> Fault {
    Fault::Party(format!("{what}: {}", words(error)))
}

/// Where clients find the KDC: by its name, with the port where that is not Kerberos' own. A KDC on loopback alone is
/// for this machine, and found by its address.
fn kdcs(host: &str, addresses: &[SocketAddr]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for address in addresses {
        let name = match (address.ip().is_loopback(), address.port()) {
            (true, _) => address.to_string(),
            (false, 88) => host.to_owned(),
            (false, port) => format!("{host}:{port}"),
        };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn crypto_policy(kdc: &crate::settings::Kdc) -> kdc::CryptoPolicy {
    kdc::CryptoPolicy {
        pkinit_modp1024: kdc.pkinit_modp1024,
        pkinit_sha1_cms: kdc.pkinit_sha1_cms,
        pkinit_rsa_mode: kdc.pkinit_rsa_mode,
        minimum_group: kdc.pkinit_minimum_group.0,
        minimum_digest: kdc.pkinit_minimum_digest.digest(),
        minimum_rsa_bits: usize::try_from(kdc.pkinit_minimum_rsa_bits).unwrap_or(usize::MAX),
    }
}

fn realm(settings: &Settings, name: &str, host: &str) -> kdc::Realm {
    let short = host
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    let mut realm = kdc::Realm::new(name, &short);
    realm.lifetimes = kdc::Lifetimes {
        ticket: Span::hours(settings.kdc.ticket_hours.max(1).into()),
        renewal: Span::days(settings.kdc.renewal_days.into()),
        skew: Span::minutes(settings.kdc.skew_minutes.max(1).into()),
    };
    realm.require_freshness = settings.kdc.require_freshness;
    realm.hide_unknown_names = settings.kdc.hide_unknown_names;
    realm.etypes = settings.kdc.etypes.iter().map(|name| name.0).collect();
    realm.crypto = crypto_policy(&settings.kdc);
    realm.sources.failures = trust::limiter::Limit {
        burst: settings.limits.failures_per_address.max(1),
        every: Span::seconds(settings.limits.failure_seconds.max(1).into()),
    };
    realm.anonymous = settings.kdc.anonymous;
    realm.strong_mapping = match settings.kdc.strong_mapping {
        StrongMapping::Full => kdc::StrongMapping::Full,
        StrongMapping::Compatibility => kdc::StrongMapping::Compatibility {
            backdating: Span::days(settings.kdc.backdating_days.into()),
        },
        StrongMapping::Disabled => kdc::StrongMapping::Disabled,
    };
    realm.revocation = match settings.kdc.revocation {
        Revocation::Require => Requirement::Require,
        Revocation::Soft => Requirement::Soft,
    };
    realm.datagram_limit = settings.kdc.datagram_limit;
    realm
}

/// The names by which clients know the HTTPS server (FED-3, FED-5): the federation service's, that of device
/// registration, and what the configuration adds.
fn server_names(settings: &Settings, domain: &str) -> Vec<String> {
    let base = settings
        .federation
        .base
        .split("://")
        .nth(1)
        .unwrap_or_default();
    let host = base.split([':', '/']).next().unwrap_or_default();
    let mut names = vec![
        host.to_ascii_lowercase(),
        format!("enterpriseregistration.{domain}"),
    ];
    let more = settings
        .federation
        .registration_host
        .iter()
        .chain(&settings.tls.names);
    for name in more.map(|name| name.to_ascii_lowercase()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.retain(|name| !name.is_empty());
    names
}
