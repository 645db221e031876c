//! Phase A: a token for the DRS that proves a second factor not older than ten minutes.

use trust::{Span, Timestamp};
use wire::Guid;

use crate::codes::Code;
use crate::dialogue::{Choice, Dialogue, SecondFactorProgress};
use crate::doors::{Account, Doors, DrsToken, TokenError, TokenService};
use crate::secret::Secret;
use crate::stopped::Stopped;
use crate::story::{self, Told};

/// How old a second factor may be (PROV-5.6).
pub const FRESH: Span = Span::minutes(10);
/// How far the server's clock may be ahead of the device's.
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
    phase(doors, on_premises_service, &story::F7)
}

/// PH-A-M: phase A of the flows of a managed tenant, as [`on_premises`]. The tenant decides whether what
/// the device's primary refresh token carries is fresh enough, or the person is asked (F1.A2).
///
/// # Errors
/// [`Stopped`]. Nothing has been created by then.
pub fn managed(doors: &mut Doors<'_>) -> Result<FreshSecondFactor, Stopped> {
    phase(doors, tenant_service, &story::F1)
}

/// Which of the doors gives the token.
type Service = for<'d> fn(&'d mut Doors<'_>) -> Result<Asking<'d>, Stopped>;

/// A token service, with whom it asks.
struct Asking<'d> {
    service: &'d mut dyn TokenService,
    account: &'d Account,
    person: &'d mut dyn Dialogue,
}

fn on_premises_service<'d>(doors: &'d mut Doors<'_>) -> Result<Asking<'d>, Stopped> {
    let federation = doors.federation.as_deref_mut();
    Ok(Asking {
        service: federation.ok_or(Stopped::NoService("federation service"))?,
        account: doors.account,
        person: doors.person,
    })
}

fn tenant_service<'d>(doors: &'d mut Doors<'_>) -> Result<Asking<'d>, Stopped> {
    let tenant = doors.tenant.as_deref_mut();
    Ok(Asking {
        service: tenant.ok_or(Stopped::NoService("tenant"))?,
        account: doors.account,
        person: doors.person,
    })
}

fn phase(
    doors: &mut Doors<'_>,
    service: Service,
    told: &Told,
) -> Result<FreshSecondFactor, Stopped> {
    let Asking {
        service: at,
        account,
        ..
    } = service(doors)?;
    let held = at.held_token(account);
    if let Some(fresh) = held.and_then(|token| check(doors, token).ok()) {
        doors.person.second_factor(SecondFactorProgress::StillFresh);
        return Ok(fresh);
    }
    loop {
        told.asked.iter().for_each(|event| doors.story.tell(event));
        let asking = service(doors)?;
        match asking.service.drs_token(asking.account, asking.person) {
            Ok(token) => {
                let asked = token.asked;
                let fresh = check(doors, token)?;
                doors.person.second_factor(if asked {
                    doors.story.tell(told.second_factor);
                    SecondFactorProgress::Given
                } else {
                    SecondFactorProgress::StillFresh
                });
                doors.story.tell(told.token);
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
/// DRS would refuse it (PROV-5.6), and the person would have chosen the PIN in vain. `again` is the
/// phase A of the flow.
///
/// # Errors
/// As `again`.
pub fn still_fresh(
    doors: &mut Doors<'_>,
    token: FreshSecondFactor,
    again: fn(&mut Doors<'_>) -> Result<FreshSecondFactor, Stopped>,
) -> Result<FreshSecondFactor, Stopped> {
    match check(doors, token.0) {
        Ok(fresh) => Ok(fresh),
        Err(NotFresh::Stale | NotFresh::Expired) => again(doors),
        Err(other) => Err(other.into()),
    }
}

fn check(doors: &Doors<'_>, token: DrsToken) -> Result<FreshSecondFactor, NotFresh> {
    FreshSecondFactor::check(token, doors.account, doors.device.id(), doors.clock.now())
}
