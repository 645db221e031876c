//! Phase A: a token for the DRS that proves a second factor not older than ten minutes.

use trust::{Span, Timestamp};
use wire::Guid;

use crate::codes::Code;
use crate::dialogue::{Choice, SecondFactorProgress};
use crate::doors::{Account, Doors, DrsToken, TokenError};
use crate::secret::Secret;
use crate::stopped::Stopped;
use crate::story;

/// How old a second factor may be (PROV-5.6).
pub const FRESH: Span = Span::minutes(10);
/// How far the federation service's clock may be ahead of the device's.
const SKEW: Span = Span::minutes(5);

/// A token for the DRS whose second factor is fresh, issued for this person on this device. Only the
/// check of phase A builds one.
#[derive(Clone, Debug)]
pub struct FreshSecondFactor(DrsToken);

/// Why a token does not prove a fresh second factor of this person on this device.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotFresh {
    /// F1.A4: there is no device ID in it.
    #[error("the token names no device")]
    NoDevice,
    /// It names another device.
    #[error("the token names another device than this one")]
    AnotherDevice,
    /// It is for somebody else.
    #[error("the token is for {upn}, who is not whom the key is for")]
    AnotherPerson {
        /// For whom it is.
        upn: String,
    },
    /// It speaks of no second factor.
    #[error("the token speaks of no second factor")]
    NoSecondFactor,
    /// The second factor is older than ten minutes, or later than now.
    #[error("the second factor in the token is not of the last ten minutes")]
    Stale,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
}

impl NotFresh {
    /// The code of 11.1.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NoDevice => Code::NO_DEVICE_IN_TOKEN,
            Self::AnotherDevice | Self::AnotherPerson { .. } => Code::NOT_AUTHORISED,
            Self::NoSecondFactor | Self::Stale | Self::Expired => Code::SECOND_FACTOR_MISSING,
        }
    }
}

impl FreshSecondFactor {
    /// The token for the `Authorization: Bearer` header.
    #[must_use]
    pub const fn bearer(&self) -> &Secret {
        &self.0.bearer
    }

    /// Checks that `token` proves a second factor of `account`, given on the device `device` within
    /// the last ten minutes before `now` (PROV-5.6, F1.A4).
    ///
    /// # Errors
    /// [`NotFresh`] with what it does not prove.
    pub fn check(
        token: DrsToken,
        account: &Account,
        device: Option<Guid>,
        now: Timestamp,
    ) -> Result<Self, NotFresh> {
        if !account.is_named(&token.upn) {
            return Err(NotFresh::AnotherPerson { upn: token.upn });
        }
        let named = token.device.ok_or(NotFresh::NoDevice)?;
        if device != Some(named) {
            return Err(NotFresh::AnotherDevice);
        }
        if token.expires <= now {
            return Err(NotFresh::Expired);
        }
        let given = token.second_factor_at.ok_or(NotFresh::NoSecondFactor)?;
        if now.since(given) > FRESH || given.since(now) > SKEW {
            return Err(NotFresh::Stale);
        }
        Ok(Self(token))
    }
}

/// PH-A-O: phase A of the on-premises flows. A second factor that was given within the last ten minutes
/// is accepted without asking again (PROV-5.6); else the person is asked, until it is given or the
/// person gives up (PROV-5.2).
///
/// # Errors
/// [`Stopped`]. Nothing has been created by then.
pub fn on_premises(doors: &mut Doors<'_>) -> Result<FreshSecondFactor, Stopped> {
    let held = doors.federation.held_token(doors.account);
    if let Some(fresh) = held.and_then(|token| check(doors, token).ok()) {
        doors.person.second_factor(SecondFactorProgress::StillFresh);
        return Ok(fresh);
    }
    loop {
        doors.story.tell(&story::F7_A1);
        match doors
            .federation
            .enterprise_token(doors.account, doors.person)
        {
            Ok(token) => {
                let fresh = check(doors, token)?;
                doors.story.tell(&story::F7_A2);
                doors.story.tell(&story::F7_A3);
                doors.person.second_factor(SecondFactorProgress::Given);
                return Ok(fresh);
            }
            Err(TokenError::SecondFactor(problem)) => {
                if doors.person.retry(&problem) == Choice::Stop {
                    return Err(Stopped::SecondFactor(problem));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Phase A once more where choosing a PIN took so long that the second factor is stale by now: the
/// DRS would refuse it (PROV-5.6), and the person would have chosen the PIN in vain.
///
/// # Errors
/// As [`on_premises`].
pub fn still_fresh(
    doors: &mut Doors<'_>,
    token: FreshSecondFactor,
) -> Result<FreshSecondFactor, Stopped> {
    match check(doors, token.0) {
        Ok(fresh) => Ok(fresh),
        Err(NotFresh::Stale | NotFresh::Expired) => on_premises(doors),
        Err(other) => Err(other.into()),
    }
}

fn check(doors: &Doors<'_>, token: DrsToken) -> Result<FreshSecondFactor, NotFresh> {
    FreshSecondFactor::check(token, doors.account, doors.device.id(), doors.clock.now())
}
