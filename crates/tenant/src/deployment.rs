//! Where the tenant is found, checked.

use signin::Limits;
use wire::http::Request;
use zeroize::Zeroizing;

use crate::section::Section;

/// Where the tenant is found, and what its process gives it.
#[derive(Clone)]
pub struct Deployment {
    /// Where people sign in and tokens are given.
    pub login: Origin,
    /// Where devices and keys are registered.
    pub drs: Origin,
    /// Where Graph is.
    pub graph: Origin,
    /// Where a domain's tenant is found.
    pub odc: Origin,
    /// Further host names, in lower case and without ports, all for everything.
    pub aliases: Vec<String>,
    /// Where it is told that somebody has a new key.
    pub notify: Option<String>,
    /// How often something may be tried.
    pub limits: Limits,
    /// What the nonces of `common` are made with, which are good at every tenant of the process.
    pub common_key: Zeroizing<[u8; 32]>,
}

/// Without the key.
impl core::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Deployment")
            .field("login", &self.login)
            .field("drs", &self.drs)
            .field("graph", &self.graph)
            .field("odc", &self.odc)
            .field("aliases", &self.aliases)
            .finish_non_exhaustive()
    }
}

/// Scheme, host and port: `https://login.corp.example:8443`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    url: String,
    host: String,
}

impl Origin {
    /// Reads `https://host` or `https://host:port`, with or without a slash at its end.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = text.trim_end_matches('/').to_ascii_lowercase();
        let authority = url.strip_prefix("https://")?;
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let port_is_good = port.is_none_or(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
        let host = (port_is_good && is_host(host)).then(|| host.to_owned())?;
        Some(Self { url, host })
    }

    /// The whole, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The host, in lower case and without its port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host with its port where that is not 443, as `Host` has it.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url.strip_prefix("https://").unwrap_or(&self.url)
    }
}

/// Why the section is not possible.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidDeployment {
    /// An address is none of the form `https://host` or `https://host:port`.
    #[error("{setting} must be https://host or https://host:port, without a path; it is {value:?}")]
    Origin {
        /// Which setting.
        setting: &'static str,
        /// What it is.
        value: String,
    },
    /// A further name is no host name.
    #[error("extra_names must be host names without ports; {0:?} is none")]
    Name(String),
    /// Notifications would go over the network without TLS.
    #[error("notify must begin with https:// (or http:// for this machine itself); it is {0:?}")]
    Notify(String),
}

/// Which of the tenant's hosts a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hosts {
    pub(crate) login: bool,
    pub(crate) registration: bool,
    pub(crate) graph: bool,
    pub(crate) provider: bool,
}

impl Deployment {
    /// Checks the section. `common_key` is the same for every tenant of the process, and for every process on one store.
    ///
    /// # Errors
    /// [`InvalidDeployment`], which names what to change.
    pub fn of(
        section: &Section,
        common_key: Zeroizing<[u8; 32]>,
    ) -> Result<Self, InvalidDeployment> {
        let origin = |setting, value: &str| {
            Origin::parse(value).ok_or_else(|| InvalidDeployment::Origin {
                setting,
                value: value.to_owned(),
            })
        };
        let login = origin("login", &section.login)?;
        let or_login = |setting, value: &Option<String>| match value {
            Some(value) => origin(setting, value),
            None => Ok(login.clone()),
        };
        let names = section.extra_names.iter().map(|name| match is_host(name) {
            true => Ok(name.to_ascii_lowercase()),
            false => Err(InvalidDeployment::Name(name.clone())),
        });
        if let Some(notify) = section
            .notify
            .as_ref()
            .filter(|notify| !may_be_told(notify))
        {
            return Err(InvalidDeployment::Notify(notify.clone()));
        }
        Ok(Self {
            drs: or_login("drs", &section.drs)?,
            graph: or_login("graph", &section.graph)?,
            odc: or_login("odc", &section.odc)?,
            aliases: names.collect::<Result<_, _>>()?,
            notify: section.notify.clone(),
            limits: Limits::default(),
            common_key,
            login,
        })
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// All host names by which the tenant is reached, each once.
    #[must_use]
    pub fn host_names(&self) -> Vec<String> {
        let own = [&self.login, &self.drs, &self.graph, &self.odc];
        let mut names: Vec<String> = own.iter().map(|origin| origin.host.clone()).collect();
        names.extend(self.aliases.iter().cloned());
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(crate) fn hosts_of(&self, request: &Request) -> Hosts {
        let asked = request.host_name();
        let own = [&self.login, &self.drs, &self.graph, &self.odc];
        // Whoever brought the request here has looked at its host. One that is none of ours is this machine by its address.
        let all = self.aliases.contains(&asked) || !own.iter().any(|origin| origin.host == asked);
        let is = |origin: &Origin| all || origin.host == asked;
        Hosts {
            login: is(&self.login),
            registration: is(&self.drs),
            graph: is(&self.graph),
            provider: is(&self.odc),
        }
    }
}

/// Whether notifications may go there: over TLS, or to the machine itself.
fn may_be_told(url: &str) -> bool {
    let own = ["http://127.0.0.1", "http://[::1]", "http://localhost"];
    let at_home = own.iter().any(|own| {
        url.strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    plain && !url.contains('@') && (at_home || url.len() > 8 && url.starts_with("https://"))
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(section: &Section) -> Result<Deployment, InvalidDeployment> {
        Deployment::of(section, Zeroizing::new([0; 32]))
    }

    #[test]
    fn the_rest_follows_from_the_login_host() {
        let section = Section {
            login: "https://Login.corp.example:8443/".into(),
            drs: Some("https://drs.corp.example".into()),
            extra_names: vec!["Enterpriseregistration.corp.example".into()],
            ..Section::default()
        };
        let deployment = of(&section).unwrap();
        assert_eq!(deployment.login.url(), "https://login.corp.example:8443");
        assert_eq!(deployment.login.authority(), "login.corp.example:8443");
        assert_eq!(deployment.login.host(), "login.corp.example");
        assert_eq!(deployment.graph, deployment.login);
        assert_eq!(
            deployment.host_names(),
            [
                "drs.corp.example",
                "enterpriseregistration.corp.example",
                "login.corp.example"
            ]
        );
    }

    #[test]
    fn a_host_serves_what_it_is_for() {
        let section = Section {
            login: "https://login.corp.example".into(),
            drs: Some("https://drs.corp.example".into()),
            extra_names: vec!["all.corp.example".into()],
            ..Section::default()
        };
        let deployment = of(&section).unwrap();
        let hosts = |host: &str| deployment.hosts_of(&Request::get("/").with_host(host));
        let drs = hosts("DRS.corp.example:443");
        assert!(drs.registration && !drs.login && !drs.graph);
        let login = hosts("login.corp.example");
        assert!(login.login && login.graph && !login.registration);
        let all = hosts("all.corp.example");
        assert!(all.login && all.registration && all.graph && all.provider);
        let address = hosts("127.0.0.1:8443");
        assert!(address.login && address.registration && address.graph && address.provider);
    }

    #[test]
    fn refuses_what_is_no_origin_name_or_address() {
        let with = |login: &str| Section {
            login: login.into(),
            ..Section::default()
        };
        for login in [
            "",
            "login.corp.example",
            "http://login.corp.example",
            "https://login.corp.example/x",
            "https://a:0",
            "https://a:99999",
            "https://a b",
            "https://user@a",
        ] {
            assert!(of(&with(login)).is_err(), "{login}");
        }
        let good = with("https://login.corp.example");
        assert!(of(&good).is_ok());
        for name in ["", "a:443", "a b", "-a"] {
            let section = Section {
                extra_names: vec![name.into()],
                ..good.clone()
            };
            assert!(of(&section).is_err(), "{name}");
        }
        for (notify, taken) in [
            ("https://hooks.corp.example/keyporch", true),
            ("http://127.0.0.1:8080/keyporch", true),
            ("http://hooks.corp.example/", false),
            ("http://127.0.0.1.evil.example/", false),
            ("http://127.0.0.1:80@evil.example/", false),
            ("https://", false),
            ("ftp://hooks.corp.example/", false),
        ] {
            let section = Section {
                notify: Some(notify.into()),
                ..good.clone()
            };
            assert_eq!(of(&section).is_ok(), taken, "{notify}");
        }
    }
}
