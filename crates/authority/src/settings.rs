//! What an administrator says about the authority: `[authority]` of the configuration.

use crypto::key::KeyKind;
use serde::{Deserialize, Serialize};
use trust::Span;
use wire::x509::device::Length;

use crate::profile::TlsNames;

/// The section `[authority]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where lists and the authorities' certificates are published: plain HTTP, without a slash at its end.
    /// It stands in every certificate; when it changes, KDC and TLS certificates are issued again
    /// (PKI-CDP-3). Default: none, which stands for `http://pki.<domain>`.
    pub publication: Option<String>,
    /// The kind of the authorities' own keys, looked at when they are founded. Default: `"rsa-2048"`, which
    /// every client of the specification accepts.
    pub root_key: KeyName,
    /// A KDC certificate is kept for each of these kinds. Default: `["rsa-2048", "p-256"]`.
    pub kdc_keys: Vec<KeyName>,
    /// The kind of the TLS servers' keys. Default: `"p-256"`.
    pub tls_key: KeyName,
    /// Days that a KDC certificate lives, 2 to 730. Default: 365.
    pub kdc_days: u16,
    /// Days that a TLS certificate lives, 2 to 397. Default: 90.
    pub tls_days: u16,
    /// Days that a device certificate lives, 1 to 3652. Default: 3652, for known clients do not renew theirs
    /// (protocols B.5).
    pub device_days: u16,
    /// Days that a certificate to sign in with lives at most, and where nothing else is asked for, 1 to 730. Default: 365.
    pub logon_days: u16,
    /// Days until a revocation list must be replaced, 2 to 30. It is replaced after half of them, and at
    /// every revocation. Default: 7.
    pub list_days: u16,
    /// Whether device extensions are written with the length that public certificates have (protocols K,
    /// `cert.device_ext_non_minimal_der`). Default: true.
    pub device_ext_non_minimal_der: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            publication: None,
            root_key: KeyName::Rsa2048,
            kdc_keys: vec![KeyName::Rsa2048, KeyName::P256],
            tls_key: KeyName::P256,
            kdc_days: 365,
            tls_days: 90,
            device_days: 3652,
            logon_days: 365,
            list_days: 7,
            device_ext_non_minimal_der: true,
        }
    }
}

/// A kind of key, as the configuration names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum KeyName {
    /// RSA of 2048 bits.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// RSA of 3072 bits.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    /// RSA of 4096 bits.
    #[serde(rename = "rsa-4096")]
    Rsa4096,
    /// NIST P-256.
    #[serde(rename = "p-256")]
    P256,
    /// NIST P-384.
    #[serde(rename = "p-384")]
    P384,
}

impl KeyName {
    /// The name in the configuration and in the names of credentials.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
            Self::P256 => "p-256",
            Self::P384 => "p-384",
        }
    }

    /// The kind itself.
    #[must_use]
    pub const fn kind(self) -> KeyKind {
        match self {
            Self::Rsa2048 => KeyKind::Rsa2048,
            Self::Rsa3072 => KeyKind::Rsa3072,
            Self::Rsa4096 => KeyKind::Rsa4096,
            Self::P256 => KeyKind::P256,
            Self::P384 => KeyKind::P384,
        }
    }
}

/// What is wrong with the settings.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misconfigured {
    /// The place of publication is not plain HTTP.
    #[error(
        "authority.publication is {0:?}, expected http://host[:port][/path] without a slash at its end"
    )]
    Publication(String),
    /// A number of days is out of its range.
    #[error("authority.{name} is {days}, expected {least} to {most}")]
    Days {
        /// The setting.
        name: &'static str,
        /// What it says.
        days: u16,
        /// The least it may say.
        least: u16,
        /// The most it may say.
        most: u16,
    },
    /// There would be no KDC certificate.
    #[error(
        "authority.kdc_keys is empty, expected at least one of rsa-2048, rsa-3072, rsa-4096, p-256, p-384"
    )]
    NoKdcKeys,
    /// A name is no host name.
    #[error("{0:?} is not a host name that can stand in a certificate")]
    Host(String),
    /// A server has neither a name nor an address.
    #[error("the TLS server {0:?} has neither a host name nor an address")]
    Nameless(String),
}

/// A TLS server that wants a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsServer {
    /// What it is called here, `federation`.
    pub name: String,
    /// Under which names and addresses clients know it.
    pub names: TlsNames,
}

/// What the authority shall keep: the settings, checked, and the servers of this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    pub(crate) publication: String,
    pub(crate) root_key: KeyKind,
    pub(crate) kdc_hosts: Vec<String>,
    pub(crate) kdc_keys: Vec<KeyName>,
    pub(crate) tls_servers: Vec<TlsServer>,
    pub(crate) tls_key: KeyName,
    pub(crate) kdc_life: Span,
    pub(crate) tls_life: Span,
    pub(crate) device_life: Span,
    pub(crate) logon_life: Span,
    pub(crate) list_life: Span,
    pub(crate) device_length: Length,
}

impl Configuration {
    /// Checks the settings. `domain` is the domain's DNS name, `kdc_hosts` are the full names of the KDCs and
    /// `tls_servers` the TLS servers for which this node keeps certificates.
    ///
    /// # Errors
    /// [`Misconfigured`] with the first thing that is wrong.
    pub fn new(
        settings: &Settings,
        domain: &str,
        kdc_hosts: Vec<String>,
        tls_servers: Vec<TlsServer>,
    ) -> Result<Self, Misconfigured> {
        let publication = match &settings.publication {
            Some(publication) => publication.clone(),
            None => format!("http://pki.{domain}"),
        };
        if publication.ends_with('/') || !crate::lint::is_http(&format!("{publication}/root.crl")) {
            return Err(Misconfigured::Publication(publication));
        }
        let days = |name, days: u16, least, most| {
            if (least..=most).contains(&days) {
                Ok(Span::days(days.into()))
            } else {
                Err(Misconfigured::Days {
                    name,
                    days,
                    least,
                    most,
                })
            }
        };
        if settings.kdc_keys.is_empty() {
            return Err(Misconfigured::NoKdcKeys);
        }
        for host in &kdc_hosts {
            if !crate::lint::is_dns_name(host, false) {
                return Err(Misconfigured::Host(host.clone()));
            }
        }
        for server in &tls_servers {
            let names = &server.names;
            if names.hosts.is_empty() && names.addresses.is_empty() {
                return Err(Misconfigured::Nameless(server.name.clone()));
            }
            if let Some(host) = names
                .hosts
                .iter()
                .find(|host| !crate::lint::is_dns_name(host, true))
            {
                return Err(Misconfigured::Host(host.clone()));
            }
        }
        Ok(Self {
            publication,
            root_key: settings.root_key.kind(),
            kdc_hosts,
            kdc_keys: settings.kdc_keys.clone(),
            tls_servers,
            tls_key: settings.tls_key,
            kdc_life: days("kdc_days", settings.kdc_days, 2, 730)?,
            tls_life: days("tls_days", settings.tls_days, 2, 397)?,
            device_life: days("device_days", settings.device_days, 1, 3652)?,
            logon_life: days("logon_days", settings.logon_days, 1, 730)?,
            list_life: days("list_days", settings.list_days, 2, 30)?,
            device_length: if settings.device_ext_non_minimal_der {
                Length::LikePublicCertificates
            } else {
                Length::Minimal
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(settings: &Settings) -> Result<Configuration, Misconfigured> {
        let hosts = vec!["dc1.corp.example".to_owned()];
        Configuration::new(settings, "corp.example", hosts, Vec::new())
    }

    #[test]
    fn without_a_word_lists_are_published_at_the_domains_pki_host() {
        let configuration = configured(&Settings::default()).unwrap();
        assert_eq!(configuration.publication, "http://pki.corp.example");
        assert_eq!(configuration.kdc_keys, [KeyName::Rsa2048, KeyName::P256]);
    }

    #[test]
    fn refuses_a_place_of_publication_that_is_not_plain_http() {
        for publication in [
            "https://pki.corp.example",
            "http://pki.corp.example/",
            "pki.corp.example",
            "http://",
            "http://a b",
        ] {
            let settings = Settings {
                publication: Some(publication.to_owned()),
                ..Settings::default()
            };
            assert_eq!(
                configured(&settings),
                Err(Misconfigured::Publication(publication.to_owned()))
            );
        }
        let settings = Settings {
            publication: Some("http://127.0.0.1:18080/pki".to_owned()),
            ..Settings::default()
        };
        assert!(configured(&settings).is_ok());
    }

    #[test]
    fn refuses_numbers_of_days_out_of_their_ranges() {
        type Change = (&'static str, fn(&mut Settings));
        let changes: [Change; 10] = [
            ("kdc_days", |settings| settings.kdc_days = 1),
            ("kdc_days", |settings| settings.kdc_days = 731),
            ("tls_days", |settings| settings.tls_days = 1),
            ("tls_days", |settings| settings.tls_days = 398),
            ("device_days", |settings| settings.device_days = 0),
            ("device_days", |settings| settings.device_days = 3653),
            ("logon_days", |settings| settings.logon_days = 0),
            ("logon_days", |settings| settings.logon_days = 731),
            ("list_days", |settings| settings.list_days = 1),
            ("list_days", |settings| settings.list_days = 31),
        ];
        for (expected, change) in changes {
            let mut settings = Settings::default();
            change(&mut settings);
            let Err(Misconfigured::Days { name, .. }) = configured(&settings) else {
                panic!("{expected} is out of range");
            };
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn refuses_names_that_no_certificate_may_have() {
        let server = |hosts: &[&str]| TlsServer {
            name: "federation".to_owned(),
            names: TlsNames {
                hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
                addresses: Vec::new(),
            },
        };
        let with = |kdc: &str, servers| {
            let hosts = vec![kdc.to_owned()];
            Configuration::new(&Settings::default(), "corp.example", hosts, servers)
        };
        assert_eq!(
            with("*.corp.example", Vec::new()),
            Err(Misconfigured::Host("*.corp.example".to_owned()))
        );
        assert_eq!(
            with("dc1.corp.example", vec![server(&["sts corp"])]),
            Err(Misconfigured::Host("sts corp".to_owned()))
        );
        assert_eq!(
            with("dc1.corp.example", vec![server(&[])]),
            Err(Misconfigured::Nameless("federation".to_owned()))
        );
        assert!(with("dc1.corp.example", vec![server(&["*.corp.example"])]).is_ok());
        let settings = Settings {
            kdc_keys: Vec::new(),
            ..Settings::default()
        };
        assert_eq!(configured(&settings), Err(Misconfigured::NoKdcKeys));
    }
}
