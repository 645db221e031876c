//! Why a call failed, in words for the person who made it.

use std::io;
use std::path::PathBuf;

use ureq::Timeout;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum CallFault {
    /// Nobody listens there.
    #[error("nothing answers at {to}")]
    NobodyThere {
        /// The address.
        to: String,
    },
    /// The name has no address.
    #[error("{to} has no address")]
    UnknownHost {
        /// The name.
        to: String,
    },
    /// This user may not use the socket.
    #[error("{to} may be used by root and the service's user only")]
    NotPermitted {
        /// The socket.
        to: String,
    },
    /// No answer in time.
    #[error("{to} did not answer in time")]
    TooSlow {
        /// The address.
        to: String,
    },
    /// The server could not prove that it is the one that was meant.
    #[error("{to} did not prove that it is {to}: {reason}")]
    NotTrusted {
        /// The address.
        to: String,
        /// What was wrong with its certificate.
        reason: Distrust,
    },
    /// TLS failed for another reason.
    #[error("no secure connection to {to}: {reason}")]
    Tls {
        /// The address.
        to: String,
        /// Why.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection to {to} broke")]
    Broken {
        /// The address.
        to: String,
        /// What happened to it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is no answer of that protocol, or is longer than any of them.
    #[error("{to} gave an answer that cannot be read")]
    Unreadable {
        /// The address.
        to: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An address that is none.
    #[error("{address} is not an address that can be called")]
    Address {
        /// What was given.
        address: String,
    },
    /// A bundle of roots that cannot be used.
    #[error("{} holds no usable certificates: {reason}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A client key that TLS cannot use.
    #[error("the key of the client certificate cannot be used: {0}")]
    ClientKey(String),
}

/// What is wrong with a server's certificate.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Distrust {
    /// Nobody who is believed here has issued it.
    #[error("its certificate is by an authority that is not known here")]
    Authority,
    /// It is over.
    #[error("its certificate has expired")]
    Expired,
    /// Its time has not come.
    #[error("its certificate is not valid yet")]
    NotYet,
    /// It names another server.
    #[error("its certificate is that of another name")]
    Name,
    /// Its authority has taken it back.
    #[error("its certificate was revoked")]
    Revoked,
    /// Anything else, in the words of the TLS library.
    #[error("its certificate is not good ({0})")]
    Other(String),
}

impl Distrust {
    fn of(reason: &rustls::CertificateError) -> Self {
        use rustls::CertificateError as Said;
        match reason {
            Said::UnknownIssuer => Self::Authority,
            Said::Expired | Said::ExpiredContext { .. } => Self::Expired,
            Said::NotValidYet | Said::NotValidYetContext { .. } => Self::NotYet,
            Said::NotValidForName | Said::NotValidForNameContext { .. } => Self::Name,
            Said::Revoked => Self::Revoked,
            other => Self::Other(other.to_string()),
        }
    }

    const fn remedy(&self) -> &'static str {
        match self {
            Self::Authority => {
                "Give the root certificate of that authority with --roots FILE: a server's own is in keyporch-roots.pem, beside \
                 its configuration; the administrator has it."
            }
            Self::Expired | Self::NotYet => {
                "Check this machine's clock; if it is right, the server needs another certificate."
            }
            Self::Name => {
                "Check that the address is the server's own, by the name in its certificate."
            }
            Self::Revoked => "Ask the administrator: the server needs another certificate.",
            Self::Other(_) => "Ask the administrator to look at the server's certificate.",
        }
    }
}

impl CallFault {
    pub(crate) fn from_exchange(to: &str, error: ureq::Error) -> Self {
        let to = to.to_owned();
        match error {
            ureq::Error::HostNotFound => Self::UnknownHost { to },
            ureq::Error::Timeout(Timeout::Resolve) => Self::UnknownHost { to },
            ureq::Error::Timeout(_) => Self::TooSlow { to },
            ureq::Error::Io(error) => Self::from_io(to, error),
            ureq::Error::Rustls(error) => Self::from_tls(to, &error),
            ureq::Error::BadUri(address) => Self::Address { address },
            other @ (ureq::Error::Protocol(_)
            | ureq::Error::BodyExceedsLimit(_)
            | ureq::Error::LargeResponseHeader(..)) => Self::Unreadable {
                to,
                source: other.into(),
            },
            other => Self::Broken {
                to,
                source: other.into(),
            },
        }
    }

    pub(crate) fn from_io(to: String, error: io::Error) -> Self {
        use io::ErrorKind::{
            ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound, PermissionDenied,
            TimedOut, WouldBlock,
        };
        if let Some(tls) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return Self::from_tls(to, tls);
        }
        match error.kind() {
            ConnectionRefused | HostUnreachable | NetworkUnreachable | NotFound => {
                Self::NobodyThere { to }
            }
            PermissionDenied => Self::NotPermitted { to },
            TimedOut | WouldBlock => Self::TooSlow { to },
            _ => Self::Broken {
                to,
                source: error.into(),
            },
        }
    }

    fn from_tls(to: String, error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(reason) => Self::NotTrusted {
                to,
                reason: Distrust::of(reason),
            },
            other => Self::Tls {
                to,
                reason: other.to_string(),
            },
        }
    }

    /// What to do about it, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NobodyThere { to } => format!("Check that the server runs and that {to} is its address."),
            Self::UnknownHost { to } => format!("Add {to} to DNS, or give its address with --hosts."),
            Self::NotPermitted { .. } => "Run the command as root or as the service's user, or over HTTPS with an administrator's sign-in.".to_owned(),
            Self::TooSlow { .. } => "Try again; if it stays, look at the server's load and log.".to_owned(),
            Self::NotTrusted { reason, .. } => reason.remedy().to_owned(),
            Self::Tls { .. } => "Check that the address is one of HTTPS and that the server offers TLS 1.2 or newer.".to_owned(),
            Self::Broken { .. } | Self::Unreadable { .. } => "Try again; the server's log says what it did.".to_owned(),
            Self::Address { .. } => "Give an address such as https://sts.corp.example.".to_owned(),
            Self::Roots { path, .. } => format!("Give a PEM file with the root certificate; {} is read with --roots.", path.display()),
            Self::ClientKey(_) => "Join the device again: its key and certificate do not fit TLS.".to_owned(),
        }
    }
}
