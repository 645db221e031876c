//! Why the registration service refuses.

use registration::member::SignInOver;
use registration::proven_device::NotADevice;
use registration::{device, user_key};
use token::claims::NotAccepted;

use crate::aadsts::Number;
use crate::nonce::BadNonce;
use crate::refused::Reason;

/// A reason to refuse.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no access token")]
    NoToken,
    #[error("the access token is not accepted")]
    Token(#[source] NotAccepted),
    #[error("the access token is another tenant's")]
    AnotherTenant,
    #[error("the device is not accepted")]
    Device(#[source] NotADevice),
    #[error("no device proved itself")]
    NoDevice,
    #[error("the device that proved itself is another one")]
    AnotherDevice,
    #[error("{0}")]
    Message(&'static str),
    #[error("the device wants to join another organisation")]
    TargetDomain,
    #[error("the certification request carries no nonce that is good")]
    Nonce(#[source] BadNonce),
    #[error("device registration refused")]
    Join(#[source] device::Refused),
    #[error("no certificate was issued: {0}")]
    NoCertificate(String),
    #[error("key registration refused")]
    Key(#[source] user_key::Refused),
    #[error("there is no such key")]
    NoSuchKey,
}

impl Refused {
    fn join_number(refused: &device::Refused) -> Number {
        use device::Refused as Said;
        match refused {
            Said::UnknownPerson | Said::NotAPerson | Said::DisabledPerson => Number::Token,
            Said::SignInOver(SignInOver::Password | SignInOver::Ended) => Number::Revoked,
            Said::SecondFactor(_) => Number::SecondFactor,
            Said::MayNotJoin => Number::Forbidden,
            Said::TooMany => Number::Forbidden,
            Said::DisabledDevice => Number::DeviceDisabled,
            _ => Number::Parameter,
        }
    }

    fn key_number(refused: &user_key::Refused) -> Number {
        use user_key::Refused as Said;
        match refused {
            Said::SecondFactor(_) => Number::InsufficientClaims,
            Said::NoDevice | Said::AnotherDevice | Said::AbsentDevice => Number::DeviceRequired,
            Said::UnknownDevice => Number::DeviceFailed,
            Said::DisabledDevice => Number::DeviceDisabled,
            Said::PasswordChanged | Said::SignInEnded => Number::Revoked,
            Said::NoUser | Said::UnknownUser | Said::NotAPerson | Said::DisabledUser => {
                Number::Token
            }
            Said::NotAllowed | Said::TooMany | Said::AnothersDevice => Number::Forbidden,
            Said::Key(_) | Said::KeyOfAnother | Said::KeyOfAnotherDevice => Number::Parameter,
        }
    }
}

impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::NoToken | Self::Token(_) | Self::AnotherTenant => Number::Token,
            Self::Device(NotADevice::Disabled) => Number::DeviceDisabled,
            Self::Device(_) | Self::NoDevice | Self::AnotherDevice => Number::DeviceFailed,
            Self::Message(_) => Number::Malformed,
            Self::TargetDomain => Number::Parameter,
            Self::Nonce(_) => BadNonce::NUMBER,
            Self::Join(refused) => Self::join_number(refused),
            Self::NoCertificate(_) => Number::Trouble,
            Self::Key(refused) => Self::key_number(refused),
            Self::NoSuchKey => Number::NotFound,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Key(_) => "key.register",
            Self::NoSuchKey => "key.remove",
            Self::Join(_) | Self::Nonce(_) | Self::TargetDomain | Self::NoCertificate(_) => {
                "device.register"
            }
            _ => "registration",
        }
    }

    /// What concerns the token or the device that shows itself is 401, what they do not permit 403 (protocols B.4, B.6, C.2).
    fn status(&self) -> u16 {
        match self.number() {
            Number::DeviceFailed
            | Number::DeviceDisabled
            | Number::DeviceRequired
            | Number::Revoked => 401,
            // A token without the second factor that the organisation asks for.
            Number::SecondFactor => 403,
            number => number.status(),
        }
    }

    fn subcode(&self) -> Option<&'static str> {
        match self {
            Self::Join(device::Refused::TooMany) => Some("DeviceQuotaExceeded"),
            Self::Device(NotADevice::Unknown) | Self::AnotherDevice => Some("DeviceNotFound"),
            _ => None,
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::Join(device::Refused::TooMany) => {
                "The person has as many devices as they may have."
            }
            Self::Join(device::Refused::MayNotJoin) => "The person may not join devices.",
            Self::Join(device::Refused::SecondFactor(_)) => {
                "Joining a device requires a second factor."
            }
            Self::Join(device::Refused::TenantJoinType) => {
                "Devices are joined to this tenant with the join types 0, 4 and 8."
            }
            Self::TargetDomain => "The device wants to join another organisation.",
            Self::Key(user_key::Refused::SecondFactor(_)) => {
                "A second factor of the last ten minutes is required, and a token that tells of it."
            }
            Self::Key(user_key::Refused::NotAllowed) => "The person may not register keys.",
            Self::Key(user_key::Refused::TooMany) => "The account has as many keys as it may have.",
            Self::Key(user_key::Refused::Key(_)) => "The key is not accepted.",
            Self::NoSuchKey => "There is no such key.",
            Self::Message(what) => what,
            other => other.number().sentence(),
        }
    }
}
