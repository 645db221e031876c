//! Is the second factor still fresh? (PROV-5.6, PROV-W4, ACC-9)

use directory::{Account, Secret};
use token::authentication::FRESH;
use token::claims::Verified;
use token::factor::SecondFactors;
use trust::{Span, Timestamp};

/// A second factor that was proven no more than ten minutes before it was asked for. Only [`prove`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreshSecondFactor {
    at: Timestamp,
}

impl FreshSecondFactor {
    /// When it was proven.
    #[must_use]
    pub const fn at(self) -> Timestamp {
        self.at
    }
}

/// Why there is no fresh second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotFresh {
    /// The token's `amr` names none.
    #[error("the token names no second factor")]
    None,
    /// The token does not say that one was asked for, which it must (`ngcmfa`).
    #[error("the token does not say ngcmfa")]
    NotAskedFor,
    /// The token does not say when: the authority did not see it, as with a ticket.
    #[error("the token does not say when the second factor was proven")]
    NoInstant,
    /// More than ten minutes ago.
    #[error("the second factor is more than ten minutes old")]
    Stale,
    /// Later than now: a clock was set back.
    #[error("the second factor lies in the future")]
    Future,
    /// The person's second factors were reset or replaced after that.
    #[error("the second factor was reset or replaced since")]
    Replaced,
}

/// Whether the second factor of a verified token is fresh `now`: at most ten minutes old, to the second.
///
/// # Errors
/// [`NotFresh`], which says why not.
pub fn prove(token: &Verified, now: Timestamp) -> Result<FreshSecondFactor, NotFresh> {
    if !token.is_multi_factor() {
        return Err(NotFresh::None);
    }
    let at = token.second_factor_at().ok_or(NotFresh::NoInstant)?;
    let (at_second, now_second) = (at.whole_seconds(), now.whole_seconds());
    if at_second > now_second {
        return Err(NotFresh::Future);
    }
    if now_second.since(at_second) > FRESH {
        return Err(NotFresh::Stale);
    }
    Ok(FreshSecondFactor { at })
}

/// The second factors of an account.
#[must_use]
pub fn of(account: &Account) -> SecondFactors {
    SecondFactors::read(account.second_factors.iter().map(Secret::expose))
}

/// Whether the second factor that a verified token tells of, if it does, is still one of the account's.
///
/// # Errors
/// [`NotFresh::Replaced`].
pub fn still_counts(token: &Verified, account: &Account) -> Result<(), NotFresh> {
    // A token tells the second alone, and what has happened earlier in that second is not held against it.
    let proven = token.second_factor_at();
    let proven = proven.map(|at| at.whole_seconds() + Span::micros(999_999));
    match proven.is_none_or(|at| of(account).prove(at)) {
        true => Ok(()),
        false => Err(NotFresh::Replaced),
    }
}
