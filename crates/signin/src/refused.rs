//! Why a sign-in is refused.

use directory::Fault;
use token::authorize;
use token::factor::Wrong;
use token::pages;
use token::parameters::InvalidParameters;
use token::refusal::Code;
use trust::Span;

use crate::account::Unusable;
use crate::{Answer, Asked};

/// A refusal, or trouble of our own.
#[derive(Debug)]
pub enum Trouble {
    /// A refusal.
    Refused(Refused),
    /// Trouble of our own.
    Fault(Fault),
}

impl<T: Into<Refused>> From<T> for Trouble {
    fn from(refused: T) -> Self {
        Self::Refused(refused.into())
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Why a sign-in is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Too many requests came from there.
    #[error("too many requests came from this address")]
    TooManyRequests(Span),
    /// The parameters are no form, or contradict themselves.
    #[error(transparent)]
    Parameters(#[from] InvalidParameters),
    /// The authorization request is not good.
    #[error("authorization request refused")]
    Authorize(#[from] authorize::Refused),
    /// A form came from another site, or from another browser than the one in which it was shown.
    #[error("the form was not shown in this browser")]
    ForeignForm,
    /// The sign-in has ended or was never begun.
    #[error("the sign-in is not open any more")]
    SignInGone,
    /// Name or password are wrong.
    #[error("sign-in refused")]
    Password(#[from] crate::first_factor::Wrong),
    /// No new password was chosen.
    #[error("no new password was chosen")]
    NotChosen(#[from] token::sign_in::NotChosen),
    /// The new password is not taken.
    #[error("the new password is not taken")]
    NewPassword(#[from] directory::password::PasswordRefused),
    /// The account cannot be used.
    #[error("the account cannot be used")]
    Account(#[from] Unusable),
    /// A second factor is wrong.
    #[error("second factor refused")]
    SecondFactor(#[from] Wrong),
    /// Too many wrong second factors.
    #[error("too many wrong second factors")]
    SecondFactorWait(Span),
    /// A second factor is needed, none is set up, and it may not be set up here.
    #[error("no second factor is set up, and it may not be set up at sign-in")]
    NoSecondFactor,
    /// Nobody is signed in, and the client allows no page.
    #[error("nobody is signed in, and the client allows no page")]
    LoginRequired,
    /// Somebody signed in, and the client means another ([`token::hint::Hint`]).
    #[error("another person signed in than the one that the client's id_token speaks of")]
    AnotherPerson,
    /// Somebody must act, and the client allows no page.
    #[error("a page is needed, and the client allows none")]
    InteractionRequired,
    /// The address to return to after signing out is not registered.
    #[error("the address to return to after signing out is not registered")]
    SignedOutUri,
    /// The client that asks to sign out is another than the one that shows its id_token.
    #[error("the id_token that is shown was issued to another client")]
    HintOfAnotherClient,
}

impl Refused {
    /// The whole reason, for the audit log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// What was attempted, as the audit log calls it.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Password(crate::first_factor::Wrong::Pass) => "sign-in.access-pass",
            Self::Password(_) | Self::Account(_) | Self::ForeignForm | Self::SignInGone => {
                "sign-in.password"
            }
            Self::NotChosen(_) | Self::NewPassword(_) => "password.change",
            Self::SecondFactor(_) | Self::SecondFactorWait(_) | Self::NoSecondFactor => {
                "sign-in.second-factor"
            }
            Self::Authorize(_)
            | Self::LoginRequired
            | Self::AnotherPerson
            | Self::InteractionRequired => "token.authorize",
            Self::SignedOutUri | Self::HintOfAnotherClient => "sign-out",
            Self::TooManyRequests(_) | Self::Parameters(_) => "request",
        }
    }

    /// The code that the peer sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Authorize(refused) => refused.code(),
            Self::TooManyRequests(_) | Self::SecondFactorWait(_) => Code::TemporarilyUnavailable,
            Self::LoginRequired | Self::AnotherPerson => Code::LoginRequired,
            Self::InteractionRequired => Code::InteractionRequired,
            Self::Password(_) | Self::SecondFactor(_) | Self::NoSecondFactor => Code::AccessDenied,
            Self::Account(_) => Code::InvalidGrant,
            Self::Parameters(_)
            | Self::ForeignForm
            | Self::SignInGone
            | Self::NotChosen(_)
            | Self::NewPassword(_)
            | Self::SignedOutUri
            | Self::HintOfAnotherClient => Code::InvalidRequest,
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::TooManyRequests(_) | Self::SecondFactorWait(_) => 429,
            Self::Password(_) | Self::SecondFactor(_) => 401,
            other => other.code().status(),
        }
    }

    /// How long to wait before another attempt.
    #[must_use]
    pub const fn wait(&self) -> Option<Span> {
        match self {
            Self::TooManyRequests(wait)
            | Self::SecondFactorWait(wait)
            | Self::Password(crate::first_factor::Wrong::Waiting(wait)) => Some(*wait),
            _ => None,
        }
    }

    /// What the peer reads: the kind of trouble, not its reason.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::TooManyRequests(_) => "Too many attempts. Wait a moment, then try again.",
            Self::ForeignForm | Self::SignInGone => {
                "This page is out of date, or cookies are blocked. Go back to the application and sign in again."
            }
            Self::Authorize(_) => {
                "The application sent a request that this service does not accept."
            }
            Self::Password(_) => "Sign-in failed.",
            Self::AnotherPerson => "The application asks for another person to sign in.",
            Self::Account(_) => "This account cannot be used at the moment.",
            Self::NoSecondFactor => {
                "Your account needs a second factor. Ask your administrator to set one up."
            }
            _ => "The request was refused.",
        }
    }

    /// The page that says so.
    pub(crate) fn page(&self, asked: &Asked<'_, '_>) -> Answer {
        let organisation = asked.house.organisation;
        let page = pages::refused(organisation, self.status(), self.sentence(), asked.trace);
        let response = page.into_response();
        let response = match self.wait() {
            Some(wait) => response.with_header("Retry-After", &(wait.as_seconds() + 1).to_string()),
            None => response,
        };
        Answer::now(response).because(asked, self)
    }
}
