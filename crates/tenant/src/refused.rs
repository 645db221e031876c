//! Why a request is refused. The peer learns a number, the audit log the reason.
//!
//! Each module that refuses has an enum of its own, a variant for each reason, and says of each what the peer learns.

use directory::Fault;
use token::parameters::InvalidParameters;
use trust::Span;

use crate::aadsts::Number;

/// A reason to refuse. Its text, with those of its causes, is for the audit log: it holds no secret.
pub(crate) trait Reason: std::error::Error {
    /// What the peer learns.
    fn number(&self) -> Number;

    /// What was attempted, as the audit log calls it: a stable word with dots.
    fn action(&self) -> &'static str;

    /// The HTTP status, where it is another than the number's.
    fn status(&self) -> u16 {
        self.number().status()
    }

    /// How long to wait before another attempt.
    fn wait(&self) -> Option<Span> {
        None
    }

    /// The word of the device registration service (protocols B.4): `DeviceQuotaExceeded`.
    fn subcode(&self) -> Option<&'static str> {
        None
    }

    /// What the peer is told, where it is another sentence than the number's.
    fn sentence(&self) -> &'static str {
        self.number().sentence()
    }
}

/// The whole reason, for the audit log.
pub(crate) fn chain(reason: &dyn Reason) -> String {
    let mut text = reason.to_string();
    let mut cause = std::error::Error::source(reason);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A refusal, or trouble of our own.
#[derive(Debug)]
pub(crate) enum Trouble {
    Refused(Box<dyn Reason>),
    Fault(Fault),
}

impl<T: Reason + 'static> From<T> for Trouble {
    fn from(reason: T) -> Self {
        Self::Refused(Box::new(reason))
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<signin::Trouble> for Trouble {
    fn from(trouble: signin::Trouble) -> Self {
        match trouble {
            signin::Trouble::Refused(refused) => refused.into(),
            signin::Trouble::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// What is refused whatever the endpoint.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the request came without TLS")]
    NotSecure,
    #[error("there is no such endpoint")]
    NoSuchEndpoint,
    #[error("the endpoint does not take this method")]
    Method,
    #[error("the body is too long")]
    TooLarge,
    #[error("there is no such tenant")]
    UnknownTenant,
    #[error("too many requests came from this address")]
    TooManyRequests(Span),
    #[error("the parameters are not good")]
    Parameters(#[from] InvalidParameters),
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error("the parameter {0} is not valid")]
    Parameter(&'static str),
    #[error("the body is not the JSON that was expected")]
    Json,
    #[error("the authority that is asked about is not known here")]
    UnknownAuthority,
    #[error("the domain is not one of this tenant")]
    UnknownDomain,
}

impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::NoSuchEndpoint => Number::NotFound,
            Self::Method => Number::Method,
            Self::TooLarge | Self::Parameters(_) | Self::Json | Self::NotSecure => {
                Number::Malformed
            }
            Self::UnknownTenant | Self::UnknownDomain => Number::Tenant,
            Self::TooManyRequests(_) => Number::Throttled,
            Self::Missing(_) => Number::Missing,
            Self::Parameter(_) => Number::Parameter,
            Self::UnknownAuthority => Number::Instance,
        }
    }

    fn action(&self) -> &'static str {
        "request"
    }

    fn status(&self) -> u16 {
        match self {
            Self::NotSecure => 403,
            Self::TooLarge => 413,
            Self::UnknownDomain => 404,
            other => other.number().status(),
        }
    }

    fn wait(&self) -> Option<Span> {
        match self {
            Self::TooManyRequests(wait) => Some(*wait),
            _ => None,
        }
    }
}
