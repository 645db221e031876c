//! Why a flow stopped.

use crate::codes::Code;
use crate::dialogue::{Cancelled, SecondFactorProblem};
use crate::doors::{DeviceError, RegistrationError, TokenError};
use crate::flows::Flow;
use crate::phases::second_factor::NotFresh;
use crate::prerequisites::{Check, Report};

/// Why a flow stopped. Whatever it was, no key is half registered on this device afterwards (ACC-6).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Stopped {
    /// A prerequisite is not met (PROV-1.1); the report says which.
    #[error("provisioning does not start: {}", first_sentence(.0))]
    Prerequisites(Box<Report>),
    /// The device and its policy lead to a flow that this release does not have.
    #[error("this release cannot do {}: {}", .0.id, .0.name)]
    NotBuilt(&'static Flow),
    /// The flow involves a service that this device does not know.
    #[error("this device knows no {0} of its organisation")]
    NoService(&'static str),
    /// The person cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// No second factor was given, and the person did not try again.
    #[error(transparent)]
    SecondFactor(SecondFactorProblem),
    /// Phase A: no token for the DRS.
    #[error(transparent)]
    Token(TokenError),
    /// Phase A: a token that does not prove what it must.
    #[error(transparent)]
    NotFresh(#[from] NotFresh),
    /// Phase B, or the device at the end of phase C.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Phase C: the key was not registered.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// Phase C: the service registered the key for somebody else.
    #[error("the registration service answered for {upn}, who is not whom the key is for")]
    RegisteredForAnother {
        /// For whom it says it was.
        upn: String,
    },
}

fn first_sentence(report: &Report) -> &'static str {
    report
        .failed()
        .map_or("a prerequisite is not met", Check::remedy)
}

impl From<TokenError> for Stopped {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            TokenError::SecondFactor(problem) => Self::SecondFactor(problem),
            other => Self::Token(other),
        }
    }
}

impl Stopped {
    /// The code of 11.1, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Prerequisites(report) => report.failed().and_then(Check::code),
            Self::NotBuilt(_) | Self::NoService(_) => None,
            Self::Cancelled(_) => Some(Code::CANCELLED),
            Self::SecondFactor(_) => Some(Code::SECOND_FACTOR_MISSING),
            Self::Token(error) => Some(error.code()),
            Self::NotFresh(reason) => Some(reason.code()),
            Self::Device(error) => error.code(),
            Self::Registration(error) => error.code(),
            Self::RegisteredForAnother { .. } => Some(Code::INVALID_ANSWER),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotBuilt(_) => "change the policy, or wait for a release that has this flow",
            Self::NoService(_) => "join the device anew, then start again",
            Self::SecondFactor(_) => "start again and answer the second factor",
            Self::Token(TokenError::Unreachable(_))
            | Self::Registration(RegistrationError::Unreachable(_)) => {
                "check the network and the server, then start again"
            }
            Self::Device(DeviceError::TooManyPeople { .. }) => {
                "remove a person's Hello container from this device, or use a FIDO2 security key"
            }
            Self::Device(DeviceError::Fault(_)) => "make room or free the vault, then start again",
            Self::Registration(RegistrationError::Refused(_)) => {
                "an administrator should look at the server's log"
            }
            other => other
                .code()
                .and_then(Code::entry)
                .map_or("correct what the report names, then start again", |entry| {
                    entry.advice
                }),
        }
    }
}
