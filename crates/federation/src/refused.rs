//! Why a request is refused, and which code the peer sees. The peer learns the code, the audit log the reason.

use directory::Fault;
use token::claims::NotAccepted;
use token::grant;
use token::parameters::InvalidParameters;
use token::refusal::Code;

/// A refusal, or trouble of our own.
#[derive(Debug)]
pub(crate) enum Trouble {
    Refused(Refused),
    Fault(Fault),
}

impl<T: Into<Refused>> From<T> for Trouble {
    fn from(refused: T) -> Self {
        Self::Refused(refused.into())
    }
}

impl From<signin::Trouble> for Trouble {
    fn from(trouble: signin::Trouble) -> Self {
        match trouble {
            signin::Trouble::Refused(refused) => Self::Refused(refused.into()),
            signin::Trouble::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It came without TLS.
    #[error("the request came without TLS")]
    NotSecure,
    /// There is no such endpoint.
    #[error("there is no such endpoint")]
    NoSuchEndpoint,
    /// The endpoint does not take this method.
    #[error("the endpoint does not take this method")]
    Method,
    /// The body is too long.
    #[error("the body is too long")]
    TooLarge,
    /// Signing in is refused.
    #[error(transparent)]
    SignIn(#[from] signin::Refused),
    /// The parameters are no form, or contradict themselves.
    #[error(transparent)]
    Parameters(#[from] InvalidParameters),
    /// The Kerberos ticket is not accepted.
    #[error("kerberos ticket refused")]
    Negotiate(#[from] crate::negotiate::Refused),
    /// A computer asks for what only people, or only computers, may have.
    #[error("this account may not have a token for this resource")]
    NotForThisAccount,
    /// The token request is not good.
    #[error("token request refused")]
    Grant(#[from] grant::Refused),
    /// The client certificate is no device's.
    #[error("device authentication refused")]
    Device(#[from] registration::proven_device::NotADevice),
    /// No device proved itself.
    #[error("no device proved itself")]
    NoDevice,
    /// The device in the path is another than the one that proved itself.
    #[error("the device is another than the one that proved itself")]
    AnotherDevice,
    /// There is no bearer token.
    #[error("the request carries no bearer token")]
    NoToken,
    /// The bearer token is not accepted.
    #[error("bearer token refused")]
    Token(#[from] NotAccepted),
    /// A message of device or key registration is malformed.
    #[error("the message is malformed: {0}")]
    Message(&'static str),
    /// A device is not registered.
    #[error("device registration refused")]
    Registration(#[from] registration::device::Refused),
    /// The authority issued no device certificate.
    #[error("no device certificate was issued: {0}")]
    NoCertificate(String),
    /// A key is not registered.
    #[error("key registration refused")]
    Key(#[from] registration::user_key::Refused),
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
            Self::SignIn(refused) => refused.action(),
            Self::Negotiate(_) => "sign-in.kerberos",
            Self::NotForThisAccount => "token.authorize",
            Self::Grant(_) => "token.issue",
            Self::Device(_) | Self::NoDevice | Self::AnotherDevice => "device.authenticate",
            Self::Registration(_) | Self::NoCertificate(_) => "device.register",
            Self::Key(_) => "key.register",
            Self::NoToken | Self::Token(_) => "token.accept",
            _ => "request",
        }
    }

    /// The code that the peer sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::SignIn(refused) => refused.code(),
            Self::Grant(refused) => refused.code(),
            Self::Negotiate(_) => Code::AccessDenied,
            Self::NotForThisAccount => Code::UnauthorizedClient,
            Self::Device(_) => Code::InvalidGrant,
            Self::NoToken | Self::Token(_) | Self::NoDevice | Self::AnotherDevice => {
                Code::InvalidToken
            }
            Self::NoCertificate(_) => Code::ServerError,
            _ => Code::InvalidRequest,
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        use registration::{device, user_key};
        match self {
            Self::NotSecure => 403,
            Self::NoSuchEndpoint => 404,
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::SignIn(refused) => refused.status(),
            Self::Negotiate(_) => 401,
            // DREG-W6: a device that is not told is 401.
            Self::Device(_) | Self::NoDevice | Self::AnotherDevice => 401,
            Self::NoCertificate(_) => 503,
            Self::Registration(device::Refused::TooMany) => 403,
            // PROV-W4, ACC-22: what concerns token and device is 401, what concerns user and key 400.
            Self::Key(refused) => match refused {
                user_key::Refused::SecondFactor(_)
                | user_key::Refused::NoDevice
                | user_key::Refused::UnknownDevice
                | user_key::Refused::DisabledDevice
                | user_key::Refused::AnotherDevice
                | user_key::Refused::AbsentDevice
                | user_key::Refused::PasswordChanged
                | user_key::Refused::SignInEnded
                | user_key::Refused::NoUser => 401,
                user_key::Refused::TooMany => 403,
                _ => 400,
            },
            other => other.code().status(),
        }
    }
}

/// What people are told when it is our own fault.
pub(crate) const OWN_FAULT: &str = "The server could not answer. Try again in a moment.";

/// What the peer reads: the kind of trouble, not its reason.
pub(crate) fn sentence(refused: &Refused) -> &'static str {
    use registration::user_key;
    match refused {
        Refused::NotSecure => "This address is answered over TLS only.",
        Refused::SignIn(refused) => refused.sentence(),
        Refused::Negotiate(_) => "Sign-in failed.",
        Refused::Key(user_key::Refused::SecondFactor(_)) => {
            "A second factor of the last ten minutes is required."
        }
        Refused::Key(user_key::Refused::TooMany) => "The account has as many keys as it may have.",
        Refused::Key(_) => "The key could not be registered.",
        Refused::Registration(registration::device::Refused::NotPermitted) => {
            "The enrollment request type (DomainJoin) is not allowed for this token."
        }
        Refused::Registration(registration::device::Refused::TooMany) => {
            "The device limit is reached."
        }
        Refused::Registration(_) => "The device could not be registered.",
        Refused::NoCertificate(_) => OWN_FAULT,
        Refused::NoToken | Refused::Token(_) => "The access token is missing or not valid here.",
        Refused::Device(_) | Refused::NoDevice | Refused::AnotherDevice => {
            "The device could not be authenticated."
        }
        Refused::Message(_) => "The message is malformed.",
        _ => "The request was refused.",
    }
}
