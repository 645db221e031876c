//! Why a program without a browser is refused.

use token::factor::Wrong;
use trust::Span;

use crate::aadsts::Number;
use crate::refused::Reason;

/// A reason to refuse.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the form was not given to this client, or what it belongs to has ended")]
    Context,
    #[error("the form is another client's")]
    AnotherClient,
    #[error("the field {0} is missing or too long")]
    Field(&'static str),
    #[error("the access pass is not right")]
    Pass,
    #[error("no second factor is set up, and none can be set up without a page")]
    NoSecondFactor,
    #[error("the second factor is none that is offered")]
    Method,
    #[error("second factor refused")]
    SecondFactor(#[source] Wrong),
    #[error("too many wrong second factors")]
    SecondFactorWait(Span),
    #[error("no second factor was proven yet")]
    NotProven,
}

impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::Context => Number::Nonce,
            Self::AnotherClient | Self::Method => Number::Parameter,
            Self::Field(_) => Number::Missing,
            Self::SecondFactorWait(_) => Number::Locked,
            Self::Pass => Number::AccessPass,
            Self::NoSecondFactor => Number::MustEnrol,
            Self::SecondFactor(_) | Self::NotProven => Number::StrongAuthentication,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::SecondFactor(_) | Self::SecondFactorWait(_) | Self::Method | Self::NotProven => {
                "sign-in.second-factor"
            }
            Self::Pass => "sign-in.access-pass",
            _ => "sign-in",
        }
    }

    fn wait(&self) -> Option<Span> {
        match self {
            Self::SecondFactorWait(wait) => Some(*wait),
            _ => None,
        }
    }
}
