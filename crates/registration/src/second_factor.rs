//! Is the second factor still fresh? (PROV-5.6, PROV-W4, ACC-9)

use token::authentication::FRESH;
use token::claims::Verified;
use trust::Timestamp;

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
    /// The token does not say when: the authority did not see it, as with a ticket.
    #[error("the token does not say when the second factor was proven")]
    NoInstant,
    /// More than ten minutes ago.
    #[error("the second factor is more than ten minutes old")]
    Stale,
    /// Later than now: a clock was set back.
    #[error("the second factor lies in the future")]
    Future,
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
