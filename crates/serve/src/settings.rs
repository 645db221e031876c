//! What is listened on, and within which limits: `[listen]`, `[limits]` and `[audit]` of the configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crypto::agreement::Group;
use crypto::etype::Etype;
use directory::sources::Network;
use serde::{Deserialize, Serialize};

use crate::audit::AuditSettings;
pub use crate::cryptography::{DigestName, EtypeName, GroupName};
use crate::{conversation, ldap, streams};

/// The longest Kerberos message that is taken over TCP, in bytes.
const LONGEST_MESSAGE: u32 = 64 * 1024;

/// Messages on one KDC connection before it is closed.
const MESSAGES: u32 = 1000;

/// Everything that a server needs to know besides its directory.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the server listens.
    pub listen: Listen,
    /// How much it takes on.
    pub limits: Limits,
    /// Its audit log.
    pub audit: AuditSettings,
    /// Its TLS certificate.
    pub tls: Tls,
    /// The KDC.
    pub kdc: Kdc,
    /// The directory over LDAP.
    pub ldap: Ldap,
    /// The federation service.
    pub federation: federation::Section,
    /// The certification authority.
    pub authority: authority::Settings,
}

/// The TLS certificate: `[tls]`. With neither file, our own authority issues it and renews it in time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate chain, PEM, the server's own certificate first. Read again on SIGHUP.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Further names by which clients know this server.
    pub names: Vec<String>,
    /// Addresses by which clients know this server.
    pub addresses: Vec<IpAddr>,
}

/// The KDC: `[kdc]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kdc {
    /// The full name of this KDC, which its certificates carry: `dc1.corp.example`. Default: `dc1.` and the domain.
    pub host: Option<String>,
    /// Hours that a ticket is valid at most. Default: 10.
    pub ticket_hours: u32,
    /// Days that a ticket can be renewed at most. Default: 7.
    pub renewal_days: u32,
    /// Minutes that a client's clock may be apart. Default: 5.
    pub skew_minutes: u32,
    /// Whether sign-in with a key needs a freshness token (RFC 8070). Default: false.
    pub require_freshness: bool,
    /// Whether who proves nothing learns nothing of accounts: a name that nobody has is answered as one that somebody has,
    /// and so is one that is disabled or locked. Who mistypes a name is then told of a wrong password. Default: true.
    pub hide_unknown_names: bool,
    /// The encryption types that are used at all. Default: all four of AES.
    pub etypes: Vec<EtypeName>,
    /// Whether keys may be agreed on in the group of 1024 bits, which some can break. Default: false.
    pub pkinit_modp1024: bool,
    /// Whether a sign-in may be signed over SHA-1. Default: false.
    pub pkinit_sha1_cms: bool,
    /// Whether the KDC may send the reply key under the client's RSA key (AES content encryption). Default: false.
    pub pkinit_rsa_mode: bool,
    /// The weakest group: 2048, P-256, 4096 or P-384. Default: `"2048"`.
    pub pkinit_minimum_group: GroupName,
    /// The weakest digest under a signature: sha256, sha384 or sha512. Default: `"sha256"`.
    pub pkinit_minimum_digest: DigestName,
    /// The shortest RSA key that signs in, in bits. Default: 2,048.
    pub pkinit_minimum_rsa_bits: u32,
    /// Whether anybody gets an anonymous ticket (RFC 8062) to armor a request with. Default: false.
    pub anonymous: bool,
    /// How certain it must be that a certificate is an account's: `"full"`, `"compatibility"` or `"disabled"`. Default:
    /// `"full"`, by its SID or by a strong mapping alone.
    pub strong_mapping: StrongMapping,
    /// Days that a certificate may be older than its account under `"compatibility"`. Default: 0.
    pub backdating_days: u32,
    /// Whether a certificate of others is refused while nobody says that it is not revoked: `"require"` or `"soft"`. An
    /// issuer's own setting goes before. Default: `"require"`.
    pub revocation: Revocation,
    /// The longest answer that is sent as a datagram, in bytes. Default: 1,400.
    pub datagram_limit: usize,
    /// Whether clients that reach nothing but HTTPS may ask at `/KdcProxy` (MS-KKDCP). Default: true.
    pub proxy: bool,
}

impl Default for Kdc {
    fn default() -> Self {
        Self {
            host: None,
            ticket_hours: 10,
            renewal_days: 7,
            skew_minutes: 5,
            require_freshness: false,
            hide_unknown_names: true,
            etypes: Etype::ALL.map(EtypeName).to_vec(),
            pkinit_modp1024: false,
            pkinit_sha1_cms: false,
            pkinit_rsa_mode: false,
            pkinit_minimum_group: GroupName(Group::Modp2048),
            pkinit_minimum_digest: DigestName::Sha256,
            pkinit_minimum_rsa_bits: 2_048,
            anonymous: false,
            strong_mapping: StrongMapping::Full,
            backdating_days: 0,
            revocation: Revocation::Require,
            datagram_limit: 1_400,
            proxy: true,
        }
    }
}

/// The directory over LDAP: `[ldap]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ldap {
    /// Whether a password may come over a connection without TLS. Default: false.
    pub simple_without_tls: bool,
    /// Whether who binds by SASL without TLS may leave what it sends unsigned. Default: false.
    pub unsigned_sasl: bool,
    /// Whether who binds by Kerberos within TLS says which TLS connection it is on: `"never"` is not looked at,
    /// `"when-supported"` must be right where it is said, `"always"` is required. Default: `"when-supported"`.
    pub channel_bindings: ChannelBindings,
    /// Whether a password alone is enough to administer. Default: false.
    pub administer_by_password: bool,
    /// Networks of servers that bind for many people, whose wrong passwords are not counted by address:
    /// `["10.1.2.0/24", "2001:db8::7"]`. Each account's own are. Default: none.
    pub application_servers: Vec<Network>,
    /// Whether a key's value is checked strictly when it is written. Default: true.
    pub keycred_strict_write: bool,
    /// What a computer may write of a key on itself: `"tools"`, with what tools write, or `"spec"`. Default: `"tools"`.
    pub validated_write_mode: ValidatedWrite,
    /// Entries of one page at most. Default: 1,000.
    pub page: usize,
    /// Seconds that one search takes at most. Default: 120.
    pub search_seconds: u32,
}

impl Default for Ldap {
    fn default() -> Self {
        Self {
            simple_without_tls: false,
            unsigned_sasl: false,
            channel_bindings: ChannelBindings::WhenSupported,
            administer_by_password: false,
            application_servers: Vec::new(),
            keycred_strict_write: true,
            validated_write_mode: ValidatedWrite::Tools,
            page: 1_000,
            search_seconds: 120,
        }
    }
}

impl Ldap {
    pub(crate) fn settings(&self) -> directory::ldap::Settings {
        directory::ldap::Settings {
            simple_without_tls: self.simple_without_tls,
            unsigned_sasl: self.unsigned_sasl,
            channel_bindings: match self.channel_bindings {
                ChannelBindings::Never => directory::ldap::ChannelBindings::Never,
                ChannelBindings::WhenSupported => directory::ldap::ChannelBindings::WhenSupported,
                ChannelBindings::Always => directory::ldap::ChannelBindings::Always,
            },
            administer_by_password: self.administer_by_password,
            application_servers: self.application_servers.clone(),
            strict_keys: self.keycred_strict_write,
            tools_keys: self.validated_write_mode == ValidatedWrite::Tools,
            page: self.page.max(1),
            search_time: trust::Span::seconds(self.search_seconds.max(1).into()),
            ..directory::ldap::Settings::default()
        }
    }
}

/// What is asked of who binds by Kerberos within TLS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelBindings {
    /// Nothing.
    Never,
    /// That what is said is right.
    WhenSupported,
    /// That it is said.
    Always,
}

/// What a computer may write of a key on itself (protocols D.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValidatedWrite {
    /// What tools write, CustomKeyInformation among it.
    Tools,
    /// What [MS-ADTS] says and no more.
    Spec,
}

/// How certain it must be that a certificate is an account's (protocols E.5.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StrongMapping {
    /// By strong mapping alone.
    Full,
    /// By names too, where the certificate is not older than the account.
    Compatibility,
    /// By names too.
    Disabled,
}

/// What is asked of revocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Revocation {
    /// That it is known not to be.
    Require,
    /// That it is not known to be, where nobody who should know can be asked.
    Soft,
}

/// Where the server listens: `[listen]`. Port 0 means a free one; an empty list, nowhere.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Kerberos, by UDP and TCP on the same port. A machine with several addresses lists each of them, so
    /// that an answer leaves by the address that was asked. Default: `["0.0.0.0:88", "[::]:88"]`.
    pub kdc: Vec<SocketAddr>,
    /// Changes of passwords (RFC 3244), by UDP and TCP on the same port. Default: `["0.0.0.0:464", "[::]:464"]`.
    pub password: Vec<SocketAddr>,
    /// The directory over LDAP, where TLS can begin. Default: `["0.0.0.0:389", "[::]:389"]`.
    pub ldap: Vec<SocketAddr>,
    /// The directory over LDAP within TLS. Default: `["0.0.0.0:636", "[::]:636"]`.
    pub ldaps: Vec<SocketAddr>,
    /// Federation, registration and administration. Default: `["0.0.0.0:443", "[::]:443"]`.
    pub https: Vec<SocketAddr>,
    /// CRL and probe over plain HTTP. Default: `["0.0.0.0:80", "[::]:80"]`.
    pub http: Vec<SocketAddr>,
    /// Metrics and health; a loopback address. Default: `"127.0.0.1:9464"`; `""` is not allowed, leave the
    /// line out or give another port.
    pub operations: Option<SocketAddr>,
    /// The Unix socket for administration by root and the service's user. Default:
    /// `"/run/keyporch/admin.sock"`.
    pub admin_socket: Option<PathBuf>,
}

impl Default for Listen {
    fn default() -> Self {
        let everywhere = |port| {
            vec![
                (Ipv4Addr::UNSPECIFIED, port).into(),
                (Ipv6Addr::UNSPECIFIED, port).into(),
            ]
        };
        Self {
            kdc: everywhere(88),
            password: everywhere(464),
            ldap: everywhere(389),
            ldaps: everywhere(636),
            https: everywhere(443),
            http: everywhere(80),
            operations: Some((Ipv4Addr::LOCALHOST, 9464).into()),
            admin_socket: Some("/run/keyporch/admin.sock".into()),
        }
    }
}

impl Listen {
    /// Nowhere at all; to be filled in.
    #[must_use]
    pub fn nowhere() -> Self {
        Self {
            kdc: Vec::new(),
            password: Vec::new(),
            ldap: Vec::new(),
            ldaps: Vec::new(),
            https: Vec::new(),
            http: Vec::new(),
            operations: None,
            admin_socket: None,
        }
    }
}

/// How much the server takes on: `[limits]`. Each has a default that suits a small machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Threads that read each UDP socket of the KDC; 0 means one per processor. Default: 0.
    pub kdc_threads: usize,
    /// Password changes over Kerberos that are worked at at once, each of which takes the time and the memory of a
    /// password's hash; 0 means one per two processors, at least one. Default: 0.
    pub password_workers: usize,
    /// Sign-ins with a key that are worked at at once, and as many more wait a moment; 0 means two per processor. Who signs
    /// in by password waits for none of them. Default: 0.
    pub signature_workers: usize,
    /// How many of them from one address; 0 means one per processor. Default: 0.
    pub signatures_per_address: usize,
    /// Wrong passwords and unknown names over Kerberos and LDAP from one address, an IPv6 network of 64 bits being one,
    /// before it is refused; it does not concern who signed in from there lately. Default: 60.
    pub failures_per_address: u32,
    /// Seconds until one more may come. Default: 10.
    pub failure_seconds: u32,
    /// TCP connections to the KDC, and to where passwords are changed, that may be open. Default: 1,024 each.
    pub kdc_connections: usize,
    /// LDAP connections that may be open, each with and without TLS. Default: 4,096.
    pub ldap_connections: usize,
    /// Seconds that an LDAP connection of who signed in may be silent. Default: 900.
    pub ldap_idle_seconds: u64,
    /// HTTP connections that may be open. Default: 2,048.
    pub http_connections: usize,
    /// Connections of each kind from one address. Default: 256.
    pub connections_per_address: usize,
    /// The longest body of an HTTP request, in bytes. Default: 1 MiB.
    pub request_body: usize,
    /// How many HTTP requests are answered at once; 0 means two per processor, at least four. Default: 0.
    pub workers: usize,
    /// Seconds that a connection may be silent. Default: 60; KDC connections: a quarter of it.
    pub idle_seconds: u64,
    /// Seconds that the head of a request may take. Default: 15.
    pub head_seconds: u64,
    /// Seconds that the rest of a request may take. Default: 20.
    pub transfer_seconds: u64,
    /// Milliseconds that a request waits for its turn before it is told to come again. Default: 2,000.
    pub queue_millis: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            kdc_threads: 0,
            password_workers: 0,
            signature_workers: 0,
            signatures_per_address: 0,
            failures_per_address: 60,
            failure_seconds: 10,
            kdc_connections: 1024,
            ldap_connections: 4096,
            ldap_idle_seconds: 900,
            http_connections: 2048,
            connections_per_address: 256,
            request_body: 1 << 20,
            workers: 0,
            idle_seconds: 60,
            head_seconds: 15,
            transfer_seconds: 20,
            queue_millis: 2000,
        }
    }
}

impl Limits {
    pub(crate) fn kdc_threads(&self) -> usize {
        if self.kdc_threads == 0 {
            processors()
        } else {
            self.kdc_threads
        }
    }

    pub(crate) fn signature_workers(&self) -> usize {
        if self.signature_workers == 0 {
            2 * processors()
        } else {
            self.signature_workers
        }
    }

    pub(crate) fn signatures_per_address(&self) -> usize {
        match self.signatures_per_address {
            0 => processors(),
            number => number,
        }
    }

    pub(crate) fn password_workers(&self) -> usize {
        if self.password_workers == 0 {
            (processors() / 2).max(1)
        } else {
            self.password_workers
        }
    }

    /// How long a request waits for its turn.
    pub(crate) fn queue(&self) -> Duration {
        Duration::from_millis(self.queue_millis.max(1))
    }

    pub(crate) fn workers(&self) -> usize {
        if self.workers == 0 {
            (2 * processors()).max(4)
        } else {
            self.workers
        }
    }

    pub(crate) fn streams(&self) -> streams::Limits {
        streams::Limits {
            message: LONGEST_MESSAGE,
            idle: Duration::from_secs((self.idle_seconds / 4).max(1)),
            transfer: Duration::from_secs(self.transfer_seconds.max(1)),
            messages: MESSAGES,
        }
    }

    pub(crate) fn ldap(&self) -> ldap::Limits {
        ldap::Limits {
            unknown: 256 * 1024,
            known: 10 * 1024 * 1024,
            idle_unknown: Duration::from_secs(self.idle_seconds.max(1)),
            idle: Duration::from_secs(self.ldap_idle_seconds.max(1)),
            transfer: Duration::from_secs(self.transfer_seconds.max(1)),
            queue: self.queue(),
        }
    }

    pub(crate) fn http(&self) -> conversation::Limits {
        conversation::Limits {
            body: self.request_body,
            head: Duration::from_secs(self.head_seconds.max(1)),
            transfer: Duration::from_secs(self.transfer_seconds.max(1)),
            idle: Duration::from_secs(self.idle_seconds.max(1)),
            queue: self.queue(),
        }
    }
}

pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}
