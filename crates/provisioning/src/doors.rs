//! The doors: one trait per party that a flow talks to.
//!
//! In production a door is an HTTPS client or a vault; in a test it calls the party straight. A door
//! blocks until it has an answer, and keeps its own time limits.

use policy::{Effective, PinPolicy, Violation};
use serde::{Deserialize, Serialize};
use trust::{Clock, Story, Timestamp};
use wire::{Guid, Sid};

use crate::codes::Code;
use crate::dialogue::{Cancelled, Dialogue, SecondFactorProblem};
use crate::phases::second_factor::FreshSecondFactor;
use crate::secret::Secret;

/// Everything that a flow involves.
pub struct Doors<'a> {
    /// Whom the flow is for.
    pub account: &'a Account,
    /// The policy of that person on this device.
    pub policy: &'a Effective,
    /// Whether a PIN and key that exist already are replaced (RST-1) rather than in the way (E-02).
    pub replace: bool,
    /// The person.
    pub person: &'a mut dyn Dialogue,
    /// The device.
    pub device: &'a mut dyn Device,
    /// The federation service, where the organisation has one.
    pub federation: Option<&'a mut dyn Federation>,
    /// The tenant, where the device knows one.
    pub tenant: Option<&'a mut dyn Tenant>,
    /// Whoever listens.
    pub story: &'a mut dyn Story,
    /// The time, which passes while the person thinks.
    pub clock: &'a dyn Clock,
}

/// An account of the organisation, as the device knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The user principal name (`alice@corp.example`).
    pub upn: String,
    /// The account's SID, where the device was told.
    pub sid: Option<Sid>,
    /// The identity provider's domain, which partitions the keys of a container (KEY-1).
    pub domain: String,
}

impl Account {
    /// Whether `upn` is this account's name: names do not differ by the case of ASCII letters.
    #[must_use]
    pub fn is_named(&self, upn: &str) -> bool {
        self.upn.eq_ignore_ascii_case(upn)
    }
}

/// The device: its registration, and the container that keeps a person's keys (KEY-*).
pub trait Device {
    /// The device ID that the registration gave; `None` while the device is not registered.
    fn id(&self) -> Option<Guid>;

    /// Whether a container can be made for `account`, before anything is asked of anyone.
    ///
    /// # Errors
    /// [`DeviceError::AlreadyEnrolled`] unless `replace`; [`DeviceError::TooManyPeople`] (LIM-1);
    /// [`DeviceError::Damaged`] or [`DeviceError::Fault`] when the vault cannot be used.
    fn ready(&mut self, account: &Account, replace: bool) -> Result<(), DeviceError>;

    /// Every rule of `rules` that `pin` breaks; empty when it will do (POL-PIN-13).
    fn judge_pin(&self, pin: &Secret, rules: &PinPolicy) -> Vec<Violation>;

    /// PH-B: makes the container with its PIN protector, its authentication key and a user key. It is
    /// pending, and replaces nothing, until [`keep`](Self::keep).
    ///
    /// # Errors
    /// [`DeviceError`] when it cannot; nothing is left then.
    fn create_user_key(
        &mut self,
        account: &Account,
        pin: &Secret,
        now: Timestamp,
    ) -> Result<NewKey, DeviceError>;

    /// The key is registered: the pending container becomes the person's (EV-350).
    ///
    /// # Errors
    /// [`DeviceError`] when it cannot be stored.
    fn keep(
        &mut self,
        account: &Account,
        registered: &Registered,
        now: Timestamp,
    ) -> Result<(), DeviceError>;

    /// The flow stopped: the pending container of `account` is removed, if there is one.
    fn discard(&mut self, account: &Account);
}

/// A user key that was made and is not registered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewKey {
    /// The public key as the registration message carries it (`kngc`, PROV-W2): a BCRYPT public
    /// key blob.
    pub material: Vec<u8>,
    /// How the private key is kept (EV-300): `ATT_SOFT` in software.
    pub attestation_level: &'static str,
}

/// The key registration service's answer (PROV-W3).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registered {
    /// The key's ID.
    pub kid: Guid,
    /// The UPN of the user that it was registered for.
    pub upn: String,
    /// The hint which domain controller holds the key already (PROV-W7), base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pctx: Option<String>,
}

/// Why the device could not do its part.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeviceError {
    /// The person has a container on this device.
    #[error("a Hello container for this person exists on this device")]
    AlreadyEnrolled,
    /// Ten people have enrolled (LIM-1).
    #[error(
        "{limit} people are enrolled on this device, which is the limit; \
         more people can sign in with FIDO2 security keys"
    )]
    TooManyPeople {
        /// How many may enrol.
        limit: usize,
    },
    /// The pending container is gone.
    #[error("the Hello container is not there")]
    Missing,
    /// What the vault kept cannot be read.
    #[error("the Hello key data on this device is damaged: {0}")]
    Damaged(String),
    /// Something that is nobody's fault but the device's own: a full disk, a lock.
    #[error("the device could not keep the key: {0}")]
    Fault(String),
}

impl DeviceError {
    /// The code of 11.1, where there is one.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::AlreadyEnrolled => Some(Code::EXISTS),
            Self::Missing => Some(Code::NOT_FOUND),
            Self::Damaged(_) => Some(Code::BAD_DATA),
            Self::TooManyPeople { .. } | Self::Fault(_) => None,
        }
    }
}

/// Who gives tokens for a DRS to people who prove a second factor.
pub trait TokenService: KeyRegistration {
    /// A token for the DRS that an earlier sign-in left, if it is still at hand (PROV-5.6). Whether
    /// it is fresh enough is not this door's to judge.
    fn held_token(&mut self, account: &Account) -> Option<DrsToken>;

    /// Phase A: asks for a token for the DRS. The service authenticates the person, or has it from what
    /// the device holds, and wants a second factor of the last ten minutes; the door fills its forms with
    /// what `person` answers, and shows `person` where the second factor stands.
    ///
    /// # Errors
    /// [`TokenError`]. A wrong or missing second factor is [`TokenError::SecondFactor`], after which
    /// the door may be asked again.
    fn drs_token(
        &mut self,
        account: &Account,
        person: &mut dyn Dialogue,
    ) -> Result<DrsToken, TokenError>;
}

/// The federation service and the enterprise DRS behind it (PH-A-O, PH-C-Ent).
pub trait Federation: TokenService {}

/// The tenant and its DRS (PH-A-M, PH-C-Cloud). Its token comes of the device's primary refresh token, so
/// that the device's ID is in it.
pub trait Tenant: TokenService {}

/// A device registration service, on premises or of the tenant, as far as keys go.
pub trait KeyRegistration {
    /// PH-C: registers the public key for the person whom the token names (PROV-W1 to PROV-W3).
    ///
    /// # Errors
    /// [`RegistrationError`]. Where it is not certain that the service refused, the device makes a
    /// new key for the next try.
    fn register_key(
        &mut self,
        token: &FreshSecondFactor,
        key: &NewKey,
    ) -> Result<Registered, RegistrationError>;
}

/// An access token for a DRS, with what the sign-in said about it.
#[derive(Clone, Debug)]
pub struct DrsToken {
    /// The token, as the `Authorization: Bearer` header carries it.
    pub bearer: Secret,
    /// The UPN that it was issued for.
    pub upn: String,
    /// The device ID in it (F1.A4).
    pub device: Option<Guid>,
    /// When the second factor that its `amr` speaks of was given; `None` when it speaks of none.
    pub second_factor_at: Option<Timestamp>,
    /// Whether the person was asked for a second factor in order to get it, rather than that one of before
    /// still counted.
    pub asked: bool,
    /// When it ends.
    pub expires: Timestamp,
}

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// No second factor; it can be tried again.
    #[error(transparent)]
    SecondFactor(#[from] SecondFactorProblem),
    /// The person stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The service does not let this person in, or gives no such token: its own words.
    #[error("the sign-in was refused: {0}")]
    Refused(String),
    /// The service cannot be reached, or its certificate is not trusted.
    #[error("the sign-in service cannot be reached: {0}")]
    Unreachable(String),
    /// Its answer was not understood.
    #[error("the sign-in service's answer was not understood: {0}")]
    NotUnderstood(String),
}

impl TokenError {
    /// The code of 11.1.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::SecondFactor(_) => Code::SECOND_FACTOR_MISSING,
            Self::Cancelled(_) => Code::CANCELLED,
            Self::Refused(_) => Code::NOT_AUTHORISED,
            Self::Unreachable(_) => Code::NO_DEVICE_IN_TOKEN,
            Self::NotUnderstood(_) => Code::INVALID_ANSWER,
        }
    }
}

/// Why a key was not registered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The service found no current second factor in the token (401, PROV-W4).
    #[error("the registration service wants a fresh second factor")]
    SecondFactor,
    /// The service does not accept the token, the device or the person (401, 403, PROV-W4): its words.
    #[error("the registration service refused the token or the device: {0}")]
    NotAuthorised(String),
    /// The service found fault with the request or could not write the key (400, PROV-W4): its words.
    #[error("the registration service refused the key: {0}")]
    Refused(String),
    /// The service refused the attestation.
    #[error("the registration service refused the attestation")]
    Attestation,
    /// The person's quota is used up.
    #[error("the device limit of this person is reached")]
    Quota,
    /// The service answered with a status that the protocol does not know.
    #[error("the registration service answered with HTTP status {0}")]
    UnexpectedStatus(u16),
    /// The service failed.
    #[error("the registration service failed (request {request_id})")]
    Server {
        /// The service's own ID of the request, for its log.
        request_id: String,
    },
    /// Its answer was not understood.
    #[error("the registration service's answer was not understood: {0}")]
    NotUnderstood(String),
    /// It cannot be reached, or its certificate is not trusted.
    #[error("the registration service cannot be reached: {0}")]
    Unreachable(String),
}

impl RegistrationError {
    /// The code of 11.1, where there is one.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        Some(match self {
            Self::SecondFactor => Code::SECOND_FACTOR_MISSING,
            Self::NotAuthorised(_) => Code::NOT_AUTHORISED,
            // E-23 covers "bad request" and "objects unreadable" of the service too.
            Self::Refused(_) => Code::SECOND_FACTOR_MISSING,
            Self::Attestation => Code::ATTESTATION,
            Self::Quota => Code::QUOTA,
            Self::UnexpectedStatus(_) => Code::UNEXPECTED_STATUS,
            Self::Server { .. } => Code::SERVER_FAILED,
            Self::NotUnderstood(_) => Code::INVALID_ANSWER,
            Self::Unreachable(_) => return None,
        })
    }
}
