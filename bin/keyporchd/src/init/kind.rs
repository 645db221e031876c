//! What a new server is for: a domain or a tenant, and all in which their set-up differs.

use std::sync::Arc;

use directory::tenant::TenantNames;
use directory::{Bootstrap, Directory};
use serve::Administrator;
use trust::{SystemClock, SystemRng};

use super::configuration::quoted;
use crate::arguments::Init;
use crate::config::{Config, Tenant};
use crate::report::Failure;

/// What a new server is for.
pub(super) enum Kind {
    /// A domain: the KDC's full name, and the address of the federation service.
    Domain { host: String, federation: String },
    /// A tenant: where people sign in, and what they see.
    Tenant { login: String, display_name: String },
}

impl Kind {
    /// A domain of this name, whose pages are found at the port `https`.
    pub(super) fn domain(arguments: &Init, name: &str, https: u16) -> Self {
        let host = arguments.host.clone();
        let federation = arguments.federation.clone();
        Self::Domain {
            host: host
                .unwrap_or_else(|| format!("dc1.{name}"))
                .to_ascii_lowercase(),
            federation: federation.unwrap_or_else(|| at("sts", name, https)),
        }
    }

    /// A tenant whose first domain has this name.
    pub(super) fn tenant(arguments: &Init, name: &str, https: u16) -> Self {
        let login = arguments.login.clone();
        let display_name = arguments.display_name.clone();
        Self::Tenant {
            login: login.unwrap_or_else(|| at("login", name, https)),
            display_name: display_name.unwrap_or_else(|| name.to_owned()),
        }
    }

    /// The address of the federation service, where there is one.
    pub(super) fn federation(&self) -> Option<&str> {
        match self {
            Self::Domain { federation, .. } => Some(federation),
            Self::Tenant { .. } => None,
        }
    }

    /// Where the people of a tenant sign in.
    pub(super) fn login(&self) -> Option<&str> {
        match self {
            Self::Domain { .. } => None,
            Self::Tenant { login, .. } => Some(login),
        }
    }

    /// The address that browsers and devices begin with.
    pub(super) fn address(&self) -> &str {
        match self {
            Self::Domain { federation, .. } => federation,
            Self::Tenant { login, .. } => login,
        }
    }

    /// What the server is called in a database that it shares.
    pub(super) fn node(&self) -> &str {
        match self {
            Self::Domain { host, .. } => host,
            Self::Tenant { login, .. } => host_of(login),
        }
    }

    /// What the configuration begins with: what the store holds.
    pub(super) fn held(&self, name: &str) -> String {
        let name = quoted(name);
        match self {
            Self::Domain { .. } => format!("[domain]\nname = {name}"),
            Self::Tenant { login, .. } => {
                format!("[tenant]\ndomain = {name}\nlogin = {}", quoted(login))
            }
        }
    }

    /// What the configuration says of the parties that only a domain has.
    pub(super) fn parties(&self) -> String {
        match self {
            Self::Domain { host, federation } => format!(
                "[kdc]\nhost = {}\n\n[federation]\nbase = {}\n\n",
                quoted(host),
                quoted(federation)
            ),
            Self::Tenant { .. } => String::new(),
        }
    }

    /// The ports at which only a domain answers: Kerberos, new passwords, LDAP, and LDAP over TLS.
    pub(super) fn ports(&self) -> Option<[u16; 4]> {
        match self {
            Self::Domain { .. } => Some([88, 464, 389, 636]),
            Self::Tenant { .. } => None,
        }
    }

    /// What an administrator asks for first, and why.
    pub(super) fn then(&self) -> &'static str {
        match self {
            Self::Domain { .. } => "policy set UsePassportForWork true   (people may enrol)",
            Self::Tenant { .. } => "user add alice   (the first of its people)",
        }
    }

    /// Makes the domain or the tenant of this name, with its authorities and its first administrator.
    pub(super) fn found(
        &self,
        domain: &str,
        directory: &Arc<Directory>,
        config: &Config,
        administrator: &Administrator<'_>,
    ) -> Result<(), Failure> {
        let settings = config.clone().settings();
        let clock = Arc::new(SystemClock);
        match (self, &config.tenant) {
            (Self::Domain { host, federation }, _) => {
                let bootstrap = Bootstrap {
                    domain_controller: host
                        .split('.')
                        .next()
                        .unwrap_or_default()
                        .to_ascii_uppercase(),
                    federation_host: Some(host_of(federation).to_owned()),
                    ..Bootstrap::of(domain)
                };
                serve::set_up(
                    directory,
                    &bootstrap,
                    &settings,
                    administrator,
                    clock,
                    &mut SystemRng,
                )?;
            }
            (Self::Tenant { display_name, .. }, tenant) => {
                let section = tenant.as_ref().map(Tenant::section).unwrap_or_default();
                let tenant = TenantNames {
                    domain: domain.to_owned(),
                    display_name: display_name.clone(),
                };
                serve::set_up_tenant(
                    directory,
                    &tenant,
                    &section,
                    &settings,
                    administrator,
                    clock,
                    &mut SystemRng,
                )?;
            }
        }
        Ok(())
    }
}

/// A host of the organisation.
fn at(host: &str, domain: &str, https: u16) -> String {
    match https {
        443 => format!("https://{host}.{domain}"),
        other => format!("https://{host}.{domain}:{other}"),
    }
}

fn host_of(base: &str) -> &str {
    let rest = base.split("://").nth(1).unwrap_or_default();
    rest.split([':', '/']).next().unwrap_or_default()
}
