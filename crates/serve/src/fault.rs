//! Why a server cannot start or go on, in words for the person who started it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::holder;

/// What a listening socket is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Kerberos over UDP.
    KdcUdp,
    /// Kerberos over TCP.
    KdcTcp,
    /// Changes of passwords over UDP.
    PasswordUdp,
    /// Changes of passwords over TCP.
    PasswordTcp,
    /// The directory over LDAP.
    Ldap,
    /// The directory over LDAP within TLS.
    Ldaps,
    /// Federation, registration and administration over HTTPS.
    Https,
    /// CRL and probe over plain HTTP.
    Http,
    /// Metrics and health, on loopback.
    Operations,
    /// Administration over the Unix socket.
    AdminSocket,
}

impl Role {
    /// All of them, in the order in which they are opened.
    pub const ALL: [Self; 10] = [
        Self::KdcUdp,
        Self::KdcTcp,
        Self::PasswordUdp,
        Self::PasswordTcp,
        Self::Ldap,
        Self::Ldaps,
        Self::Https,
        Self::Http,
        Self::Operations,
        Self::AdminSocket,
    ];

    /// Whether it reads datagrams.
    pub(crate) fn is_udp(self) -> bool {
        matches!(self, Self::KdcUdp | Self::PasswordUdp)
    }

    /// The role in a word, as metrics and log lines name it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::KdcUdp => "kdc_udp",
            Self::KdcTcp => "kdc_tcp",
            Self::PasswordUdp => "password_udp",
            Self::PasswordTcp => "password_tcp",
            Self::Ldap => "ldap",
            Self::Ldaps => "ldaps",
            Self::Https => "https",
            Self::Http => "http",
            Self::Operations => "operations",
            Self::AdminSocket => "admin_socket",
        }
    }

    /// The setting under `[listen]` that says where.
    fn setting(self) -> &'static str {
        match self {
            Self::KdcUdp | Self::KdcTcp => "kdc",
            Self::PasswordUdp | Self::PasswordTcp => "password",
            other => other.label(),
        }
    }

    /// Who usually listens where this role wants to.
    fn usual_holder(self) -> &'static str {
        match self {
            Self::KdcUdp | Self::KdcTcp => {
                "another KDC such as krb5kdc or samba, or another keyporchd"
            }
            Self::PasswordUdp | Self::PasswordTcp => {
                "another password service such as kadmind or samba, or another keyporchd"
            }
            Self::Ldap | Self::Ldaps => {
                "another directory such as slapd or samba, or another keyporchd"
            }
            Self::Https | Self::Http => "a web server, or another keyporchd",
            Self::Operations | Self::AdminSocket => "another keyporchd",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KdcUdp => "the KDC (UDP)",
            Self::KdcTcp => "the KDC (TCP)",
            Self::PasswordUdp => "password changes (UDP)",
            Self::PasswordTcp => "password changes (TCP)",
            Self::Ldap => "LDAP",
            Self::Ldaps => "LDAP within TLS",
            Self::Https => "HTTPS",
            Self::Http => "plain HTTP",
            Self::Operations => "metrics and health",
            Self::AdminSocket => "the administration socket",
        })
    }
}

/// Why the server cannot start, or cannot go on. The text says what happened; [`Fault::remedy`] says
/// what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Somebody listens there already.
    #[error("the address {address} that {role} wants is taken{}", by(holder.as_deref()))]
    AddressTaken {
        /// What wanted it.
        role: Role,
        /// The address.
        address: SocketAddr,
        /// The program that holds it, where it could be found out.
        holder: Option<String>,
    },
    /// A port under 1024 without the right to it.
    #[error("no right to listen on {address} for {role}")]
    PortNotPermitted {
        /// What wanted it.
        role: Role,
        /// The address.
        address: SocketAddr,
    },
    /// The address is not one of this machine.
    #[error("{address} for {role} is no address of this machine")]
    AddressUnknown {
        /// What wanted it.
        role: Role,
        /// The address.
        address: SocketAddr,
    },
    /// Metrics were to be shown to the network.
    #[error("metrics and health may listen on a loopback address only, and {address} is none")]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// Another server serves the Unix socket.
    #[error("{} is served by another keyporchd", path.display())]
    SocketTaken {
        /// The socket.
        path: PathBuf,
    },
    /// Listening failed for some other reason.
    #[error("cannot listen on {address} for {role}")]
    Listen {
        /// What wanted it.
        role: Role,
        /// The address.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file or folder that may not be written.
    #[error("{} may not be written", path.display())]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The disk is full.
    #[error("no space is left on the disk that holds {}", path.display())]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// A file that cannot be used as what it should be.
    #[error("cannot use {} as {what}", path.display())]
    File {
        /// What it should be, with its article: `the TLS certificate`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A certificate and a key that do not belong together, or a key of a kind that TLS cannot use.
    #[error("the TLS certificate cannot be used: {0}")]
    Certificate(String),
    /// A party or the directory refused to start.
    #[error("{0}")]
    Party(String),
    /// A thread or the runtime could not be started.
    #[error("cannot start a worker")]
    Worker(#[source] io::Error),
}

fn by(holder: Option<&str>) -> String {
    holder.map_or_else(String::new, |name| format!(" by {name}"))
}

impl Fault {
    /// The fault that a failed bind stands for.
    pub(crate) fn bind(role: Role, address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressTaken {
                role,
                address,
                holder: holder::of(role, address),
            },
            io::ErrorKind::PermissionDenied => Self::PortNotPermitted { role, address },
            io::ErrorKind::AddrNotAvailable => Self::AddressUnknown { role, address },
            _ => Self::Listen {
                role,
                address: address.to_string(),
                source,
            },
        }
    }

    /// The fault that a failed write to `path` stands for.
    #[must_use]
    pub fn write(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull {
                path: path.to_owned(),
            },
            _ => Self::ReadOnly {
                path: path.to_owned(),
                source,
            },
        }
    }

    /// What to do about it, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::AddressTaken { role, holder: None, .. } => format!(
                "Stop the program that holds it ({}; `ss -lnp` as root says which), or give another address as {} under [listen].",
                role.usual_holder(),
                role.setting()
            ),
            Self::AddressTaken { role, holder: Some(name), .. } => {
                format!("Stop {name}, or give another address as {} under [listen].", role.setting())
            }
            Self::PortNotPermitted { role, .. } => format!(
                "Ports under 1024 need root or CAP_NET_BIND_SERVICE: start by systemd with that capability or a socket unit, or give a port of 1024 or more as {} under [listen].",
                role.setting()
            ),
            Self::AddressUnknown { role, .. } => format!(
                "Give an address that `ip address` shows, or 0.0.0.0 and [::] for all of them, as {} under [listen].",
                role.setting()
            ),
            Self::NotLoopback { .. } => "Give 127.0.0.1 or [::1] as operations under [listen].".to_owned(),
            Self::SocketTaken { .. } => {
                "Stop the other server, or give another admin_socket under [listen].".to_owned()
            }
            Self::Listen { role, .. } => format!("Check {} under [listen].", role.setting()),
            Self::ReadOnly { path, .. } => {
                format!("Give the service's user the right to write {}.", path.display())
            }
            Self::DiskFull { .. } => "Free some space and start again: nothing that was acknowledged is lost.".to_owned(),
            Self::File { path, .. } => format!("Check that {} exists, may be read by the service's user, and is whole.", path.display()),
            Self::Certificate(_) => "Give a certificate chain and its own private key in PEM under [tls], or leave both out to have one issued.".to_owned(),
            Self::Party(_) => "Run `keyporchd check` for the configuration, and read the log above.".to_owned(),
            Self::Worker(_) => "Check the limits on processes and memory (`ulimit -a`, the unit's TasksMax).".to_owned(),
        }
    }

    /// The exit code that stands for it: 2 where the configuration asks for what cannot be, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotLoopback { .. }
            | Self::AddressUnknown { .. }
            | Self::File { .. }
            | Self::Certificate(_) => 2,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_read_only_folder_are_told_apart() {
        let path = Path::new("/var/lib/keyporch/audit.jsonl");
        let full = Fault::write(path, io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(
            full.to_string(),
            "no space is left on the disk that holds /var/lib/keyporch/audit.jsonl"
        );
        let denied = Fault::write(path, io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        assert_eq!(
            denied.to_string(),
            "/var/lib/keyporch/audit.jsonl may not be written"
        );
        assert!(denied.remedy().contains("/var/lib/keyporch/audit.jsonl"));
    }

    #[test]
    fn a_port_without_the_right_to_it_names_the_capability() {
        let address = "127.0.0.1:88".parse().unwrap();
        let fault = Fault::bind(
            Role::KdcUdp,
            address,
            io::Error::from(io::ErrorKind::PermissionDenied),
        );
        assert_eq!(
            fault.to_string(),
            "no right to listen on 127.0.0.1:88 for the KDC (UDP)"
        );
        assert!(fault.remedy().contains("CAP_NET_BIND_SERVICE"));
        assert_eq!(fault.exit_code(), 1);
    }
}
