//! Why a request around a primary refresh token is refused.

use crypto::jose::JoseError;
use registration::proven_device::NotADevice;
use serde::{Deserialize, Serialize};

use crate::aadsts::Number;
use crate::nonce::BadNonce;
use crate::refused::Reason;

/// Why a primary refresh token is good no more. Told only to who has its session key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Dead {
    #[error("it has expired")]
    Expired,
    #[error("its session key is too old to be kept")]
    SessionKey,
    #[error("its device is gone")]
    DeviceGone,
    #[error("its device is disabled")]
    DeviceDisabled,
    #[error("the certificate of its device is revoked")]
    DeviceRevoked,
    #[error("its owner is gone, disabled or expired")]
    UserGone,
    #[error("its owner must change the password by which it was got")]
    MustChange,
    #[error("the password by which it was got was changed")]
    PasswordChanged,
    #[error("the second factor by which it was got was reset or replaced")]
    SecondFactorReplaced,
    #[error("its owner's sign-ins were ended")]
    Revoked,
    #[error("the Hello key by which it was got is listed no more")]
    KeyGone,
}

impl Dead {
    /// What whoever has the session key learns.
    pub(crate) const fn number(self) -> Number {
        match self {
            Self::Expired | Self::SessionKey => Number::RefreshTokenExpired,
            Self::DeviceGone | Self::DeviceRevoked => Number::DeviceFailed,
            Self::DeviceDisabled => Number::DeviceDisabled,
            Self::UserGone => Number::Disabled,
            Self::MustChange => Number::PasswordExpired,
            Self::PasswordChanged | Self::SecondFactorReplaced | Self::Revoked => Number::Revoked,
            Self::KeyGone => Number::HelloKey,
        }
    }
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// No token, or one that is malformed.
    #[error("the request is no token that is read here")]
    Form(#[from] JoseError),
    #[error("the request's claims are not those of its kind")]
    Claims,
    #[error("the nonce is not good")]
    Nonce(#[from] BadNonce),
    #[error("the request brings no device certificate")]
    NoCertificate,
    #[error("the certificate is no device's")]
    Device(#[from] NotADevice),
    #[error("the device did not sign the request")]
    DeviceSignature(#[source] JoseError),
    #[error("the device has no transport key that a session key can be given to")]
    NoTransportKey,
    #[error("the client may not ask for a primary refresh token")]
    Client,
    #[error("the scope does not ask for a primary refresh token")]
    Scope,
    #[error("this kind of grant is not offered")]
    GrantType,
    /// Whatever is wrong with key or owner: the peer is not told which.
    #[error("the assertion is not accepted")]
    Assertion(#[from] BadAssertion),
    #[error("the assertion is not within its validity")]
    AssertionTime,
    #[error(
        "the primary refresh token is unknown, or the request is not signed with its session key"
    )]
    Unknown,
    #[error("keys of the first version are not accepted by this tenant")]
    KdfVersion,
    #[error("the primary refresh token is good no more")]
    Dead(#[from] Dead),
    #[error("the request was signed by another device than the primary refresh token's")]
    AnotherDevice,
    #[error("a second factor is needed")]
    SecondFactor,
}

/// Why a Hello key's assertion opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum BadAssertion {
    #[error("it is no token that is read here")]
    Form,
    #[error("it is not meant for a sign-in")]
    Use,
    #[error("it is for another audience")]
    Audience,
    #[error("its issuer is another than the person of the request")]
    AnotherPerson,
    #[error("its issuer is nobody here")]
    UnknownPerson,
    #[error("its issuer is disabled or has expired")]
    DisabledPerson,
    #[error("its issuer has no such key")]
    UnknownKey,
    #[error("the key is another device's")]
    AnotherDevice,
    #[error("the device that the key was registered from is gone or disabled")]
    DeviceGone,
    #[error("the key is a weak one")]
    WeakKey,
    #[error("the key did not sign it")]
    Signature,
}

impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::Form(_) | Self::Claims => Number::Malformed,
            Self::Nonce(_) => BadNonce::NUMBER,
            Self::Device(NotADevice::Disabled) => Number::DeviceDisabled,
            Self::NoCertificate
            | Self::Device(_)
            | Self::DeviceSignature(_)
            | Self::AnotherDevice => Number::DeviceFailed,
            Self::NoTransportKey => Number::NotJoined,
            Self::Client => Number::UnknownClient,
            Self::Scope => Number::Scope,
            Self::GrantType => Number::GrantType,
            Self::Assertion(_) => Number::HelloKey,
            Self::AssertionTime => Number::AssertionTime,
            Self::Unknown => Number::Grant,
            Self::KdfVersion => Number::KdfVersion,
            Self::Dead(dead) => dead.number(),
            Self::SecondFactor => Number::SecondFactor,
        }
    }

    fn action(&self) -> &'static str {
        "prt"
    }
}
