//! `keyporch.toml`: each party's section, collected.

mod domain;
mod store;
mod tenant;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(crate) use self::domain::Domain;
pub(crate) use self::store::Store;
pub(crate) use self::tenant::Tenant;
use crate::mistake::{self, Mistake};
use crate::opened::Place;
use crate::report::Failure;

/// The longest configuration file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The organisation's domain, where the store holds one.
    pub(crate) domain: Option<Domain>,
    /// The organisation's tenant, where the store holds one.
    pub(crate) tenant: Option<Tenant>,
    /// The directory on disk.
    pub(crate) store: Store,
    /// Where the server listens.
    #[serde(default)]
    pub(crate) listen: serve::Listen,
    /// Its TLS certificate.
    #[serde(default)]
    pub(crate) tls: serve::Tls,
    /// The KDC.
    #[serde(default)]
    pub(crate) kdc: serve::Kdc,
    /// The directory over LDAP.
    #[serde(default)]
    pub(crate) ldap: serve::Ldap,
    /// The federation service.
    #[serde(default)]
    pub(crate) federation: federation::Section,
    /// The certification authority.
    #[serde(default)]
    pub(crate) authority: authority::Settings,
    /// How much the server takes on.
    #[serde(default)]
    pub(crate) limits: serve::Limits,
    /// The audit log.
    #[serde(default)]
    pub(crate) audit: serve::AuditSettings,
    /// What the server says of itself.
    #[serde(default)]
    pub(crate) log: Log,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,serve=debug`.
    pub(crate) level: String,
    /// In which form.
    pub(crate) format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: Format::Text,
        }
    }
}

/// The form of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Config {
    /// Reads and checks the file.
    pub(crate) fn load(path: &Path) -> Result<Self, Mistake> {
        let unreadable = |error: std::io::Error| {
            let remedy = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "Write one with `keyporchd init`, or give another with --config."
                }
                _ => "Give the service's user the right to read it.",
            };
            Mistake::of(
                path,
                format!("the configuration cannot be read: {error}"),
                remedy,
            )
        };
        if std::fs::metadata(path).map_err(unreadable)?.len() > LONGEST {
            return Err(Mistake::of(
                path,
                "the configuration is longer than 1 MiB",
                "Give the right file with --config.",
            ));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let config = Self::parse(path, &text)?;
        let mode = std::fs::metadata(path).map_err(unreadable)?.mode();
        if config.store.holds_a_password() && mode & 0o077 != 0 {
            let remedy =
                "Put the password into a file with mode 0600 and name it as password_file.";
            let what = "the URL holds a password, and other users can read this file".to_owned();
            return Err(Mistake::at(path, &text, "store", "url", what, remedy));
        }
        Ok(config)
    }

    /// What the domain or the tenant of the store is called.
    pub(crate) fn name(&self) -> &str {
        let domain = self.domain.as_ref().map(|domain| &domain.name);
        let tenant = self.tenant.as_ref().map(|tenant| &tenant.domain);
        domain.or(tenant).map_or("", String::as_str)
    }

    /// Where the directory is.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        let node = self.store.node.as_ref().or(self.kdc.host.as_ref());
        let node = node.map_or_else(|| format!("dc1.{}", self.name()), String::clone);
        self.store.place(&node)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Mistake> {
        let config: Self = mistake::read(path, text)?;
        config.check(path, text)?;
        Ok(config.resolved(path))
    }

    /// What cannot be said by types alone.
    fn check(&self, path: &Path, text: &str) -> Result<(), Mistake> {
        let at = |section, key, what: String, remedy: &str| {
            Mistake::at(path, text, section, key, what, remedy)
        };
        match (&self.domain, &self.tenant) {
            (Some(domain), None) => domain.check(&self.federation, path, text)?,
            (None, Some(tenant)) => tenant.check(&self.listen, path, text)?,
            (None, None) => {
                return Err(Mistake::of(
                    path,
                    "there is neither [domain] nor [tenant]",
                    "Add [domain] with the name of the domain that the store holds, or [tenant] with that of the tenant; \
                     keyporch.example.toml shows how.",
                ));
            }
            (Some(_), Some(_)) => {
                let what = "the store holds a domain or a tenant, and both are given".to_owned();
                let remedy = "Give the tenant a configuration, a store and a server of its own, and remove [tenant] here.";
                return Err(at("tenant", "domain", what, remedy));
            }
        }
        self.store.check(path, text)?;
        let hosts = self.kdc.host.iter().cloned().collect();
        if let Err(error) =
            authority::Configuration::new(&self.authority, self.name(), hosts, Vec::new())
        {
            let said = error.to_string();
            let key = said
                .strip_prefix("authority.")
                .and_then(|rest| rest.split(' ').next())
                .unwrap_or("host")
                .to_owned();
            let section = if said.starts_with("authority.") {
                "authority"
            } else {
                "kdc"
            };
            return Err(at(
                section,
                &key,
                said,
                "Correct the setting that is named.",
            ));
        }
        if let Some(operations) = self
            .listen
            .operations
            .filter(|address| !address.ip().is_loopback())
        {
            let what = format!(
                "metrics and health may listen on a loopback address only, and {operations} is none"
            );
            return Err(at("listen", "operations", what, "Give 127.0.0.1 or [::1]."));
        }
        if let Some((section, key, least)) = self.too_small() {
            let what = format!("{key} is too small to work with");
            return Err(at(
                section,
                key,
                what,
                &format!("Give {least} or more, or leave it out."),
            ));
        }
        if !is_filter(&self.log.level) {
            let what = format!("{:?} is no log level", self.log.level);
            return Err(at("log", "level", what, LEVELS));
        }
        match (&self.tls.certificate, &self.tls.key) {
            (Some(_), None) => Err(at(
                "tls",
                "certificate",
                "a TLS certificate without its key".into(),
                "Name its private key as key.",
            )),
            (None, Some(_)) => Err(at(
                "tls",
                "key",
                "a TLS key without its certificate".into(),
                "Name its chain as certificate.",
            )),
            _ => Ok(()),
        }
    }

    /// The first setting that is too small to work with: its section, its key, and the least that works.
    fn too_small(&self) -> Option<(&'static str, &'static str, u64)> {
        let (kdc, limits, audit) = (&self.kdc, &self.limits, &self.audit);
        let least = [
            ("kdc", "ticket_hours", u64::from(kdc.ticket_hours), 1),
            ("kdc", "skew_minutes", u64::from(kdc.skew_minutes), 1),
            ("kdc", "datagram_limit", kdc.datagram_limit as u64, 512),
            ("kdc", "etypes", kdc.etypes.len() as u64, 1),
            (
                "kdc",
                "pkinit_minimum_rsa_bits",
                u64::from(kdc.pkinit_minimum_rsa_bits),
                2_048,
            ),
            (
                "limits",
                "failures_per_address",
                u64::from(limits.failures_per_address),
                1,
            ),
            (
                "limits",
                "failure_seconds",
                u64::from(limits.failure_seconds),
                1,
            ),
            (
                "limits",
                "kdc_connections",
                limits.kdc_connections as u64,
                1,
            ),
            (
                "limits",
                "http_connections",
                limits.http_connections as u64,
                1,
            ),
            (
                "limits",
                "connections_per_address",
                limits.connections_per_address as u64,
                1,
            ),
            ("limits", "request_body", limits.request_body as u64, 65_536),
            ("limits", "idle_seconds", limits.idle_seconds, 1),
            ("limits", "head_seconds", limits.head_seconds, 1),
            ("limits", "transfer_seconds", limits.transfer_seconds, 1),
            ("limits", "queue_millis", limits.queue_millis, 1),
            (
                "store",
                "connections",
                self.store.connections.unwrap_or(12) as u64,
                1,
            ),
            ("audit", "rotate_at", audit.rotate_at, 4_096),
            ("audit", "queue", audit.queue as u64, 16),
        ];
        let found = least.into_iter().find(|(_, _, given, least)| given < least);
        found.map(|(section, key, _, least)| (section, key, least))
    }

    /// Relative paths are relative to the folder of the configuration file.
    fn resolved(mut self, path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let resolve = |path: &mut PathBuf| *path = folder.join(&*path);
        resolve(&mut self.store.root_key);
        let more = [
            &mut self.store.file,
            &mut self.store.password_file,
            &mut self.tls.certificate,
            &mut self.tls.key,
            &mut self.audit.file,
            &mut self.listen.admin_socket,
        ];
        let of_tenant = self.tenant.as_mut();
        let roots = of_tenant.and_then(|tenant| tenant.notify_roots.as_mut());
        more.into_iter().flatten().chain(roots).for_each(resolve);
        self
    }

    /// What `serve` needs of it.
    pub(crate) fn settings(self) -> serve::Settings {
        serve::Settings {
            listen: self.listen,
            limits: self.limits,
            audit: self.audit,
            tls: self.tls,
            kdc: self.kdc,
            ldap: self.ldap,
            federation: self.federation,
            authority: self.authority,
        }
    }
}

/// What to write as `level`.
pub(crate) const LEVELS: &str =
    "Give error, warn, info or debug as level under [log], or a filter such as info,serve=debug.";

/// Whether a text is a level, or levels of parts of the program. One word that is no level would be taken for a part,
/// and the log would be silent.
fn is_filter(text: &str) -> bool {
    let is_level = |word: &str| {
        ["off", "error", "warn", "info", "debug", "trace"]
            .iter()
            .any(|level| word.trim().eq_ignore_ascii_case(level))
    };
    text.split(',').all(|part| match part.rsplit_once('=') {
        Some((_, level)) => is_level(level),
        None => is_level(part),
    })
}

/// Whether a name can be a domain's.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const EXAMPLE: &str = include_str!("../../../keyporch.example.toml");

    pub(super) fn mistake(text: &str) -> Mistake {
        Config::parse(Path::new("keyporch.toml"), text).unwrap_err()
    }

    #[test]
    fn the_example_is_a_configuration_and_says_the_defaults() {
        let config = Config::parse(Path::new("/etc/keyporch/keyporch.toml"), EXAMPLE).unwrap();
        assert_eq!(
            config.store.file.as_deref(),
            Some(Path::new("/var/lib/keyporch/directory.sqlite"))
        );
        assert_eq!(config.listen, serve::Listen::default());
        assert_eq!(config.limits, serve::Limits::default());
        assert_eq!(config.ldap, serve::Ldap::default());
        assert_eq!(
            config.kdc,
            serve::Kdc {
                host: Some("dc1.corp.example".into()),
                ..serve::Kdc::default()
            }
        );
        assert_eq!(config.authority, authority::Settings::default());
    }

    #[test]
    fn every_line_that_the_example_comments_out_is_a_setting() {
        let text: Vec<String> = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("#! ") {
                Some(setting) => setting.to_owned(),
                None => line.to_owned(),
            })
            .collect();
        Config::parse(Path::new("keyporch.toml"), &text.join("\n")).unwrap();
    }

    #[test]
    fn a_typo_names_the_line_and_the_setting_that_was_meant() {
        let text = EXAMPLE.replace("ticket_hours", "ticket_hour");
        let mistake = mistake(&text);
        let line = text
            .lines()
            .position(|line| line.starts_with("ticket_hour"))
            .unwrap()
            + 1;
        assert_eq!(mistake.place.map(|(line, _)| line), Some(line), "{mistake}");
        assert_eq!(
            mistake.remedy,
            "Write ticket_hours in its place, or remove it."
        );
    }

    #[test]
    fn a_value_that_a_party_refuses_names_its_line_too() {
        for (from, to, key) in [
            (
                "base = \"https://sts.corp.example\"",
                "base = \"http://sts.corp.example\"",
                "base",
            ),
            ("name = \"corp.example\"", "name = \"corp\"", "name"),
            ("tls_days = 90", "tls_days = 1", "tls_days"),
            (
                "operations = \"127.0.0.1:9464\"",
                "operations = \"0.0.0.0:9464\"",
                "operations",
            ),
            ("ticket_hours = 10", "ticket_hours = 0", "ticket_hours"),
            ("rotate_at = 67108864", "rotate_at = 1", "rotate_at"),
            ("level = \"info\"", "level = \"loud\"", "level"),
            ("level = \"info\"", "level = \"info,serve=loud\"", "level"),
        ] {
            assert!(EXAMPLE.contains(from), "{from}");
            let text = EXAMPLE.replacen(from, to, 1);
            let mistake = mistake(&text);
            let (line, _) = mistake.place.unwrap_or_else(|| panic!("{mistake}"));
            assert!(
                text.lines()
                    .nth(line - 1)
                    .unwrap()
                    .trim_start()
                    .starts_with(key),
                "{mistake}"
            );
        }
    }

    #[test]
    fn a_missing_file_says_how_to_write_one() {
        let mistake = Config::load(Path::new("/nowhere/keyporch.toml")).unwrap_err();
        assert!(mistake.remedy.contains("keyporchd init"), "{mistake}");
    }
}
