//! May this account be used now?

use std::sync::Arc;

use directory::{Account, AccountKind, EntryId, Fault, Secret, Snapshot};
use token::authentication::Authentication;
use token::claims::Verified;
use token::factor::SecondFactors;
use trust::{Span, Timestamp};
use wire::Guid;

use crate::House;

/// Why an account cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// It is gone.
    #[error("the account does not exist any more")]
    Gone,
    /// It is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// It has expired.
    #[error("the account has expired")]
    Expired,
    /// Its password was changed after the sign-in, or must be changed.
    #[error("the password was changed since, or must be changed")]
    PasswordChanged,
    /// The second factor of the sign-in was reset or replaced after it.
    #[error("the second factor was reset or replaced since")]
    SecondFactorReplaced,
    /// The account's sign-ins were revoked after it.
    #[error("the account's sign-ins were revoked since")]
    Revoked,
}

/// When somebody proved who they are, for what has happened to their account since counts.
#[derive(Clone, Copy, Debug)]
pub struct Proven {
    /// When they proved their first factor.
    first: Timestamp,
    /// When they proved their second one in our sight, if they did.
    second: Option<Timestamp>,
    /// Whether a password stands behind it, with which it dies.
    by_password: bool,
}

impl Proven {
    /// By a password alone.
    #[must_use]
    pub const fn at(first: Timestamp) -> Self {
        Self {
            first,
            second: None,
            by_password: true,
        }
    }

    /// What a session, a code or a refresh token keeps of it.
    #[must_use]
    pub fn by(authentication: &Authentication) -> Self {
        Self {
            first: authentication.first().since(),
            second: authentication.second_factor_at(),
            by_password: authentication.first().is_by_password(),
        }
    }

    /// As a token has it, to the second.
    #[must_use]
    pub fn told_by(token: &Verified) -> Self {
        let second = token.second_factor_at();
        Self {
            first: end_of_second(token.auth_time),
            second: second.map(|at| end_of_second(at.unix())),
            by_password: token
                .amr
                .iter()
                .any(|amr| matches!(amr.as_str(), "pwd" | "wia")),
        }
    }
}

/// The account of somebody who signed in, if it may still be used: whatever ends an account ends its sessions
/// and tokens at their next use.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn still_usable(
    house: &House<'_, '_>,
    account: Guid,
    proven: Proven,
    now: Timestamp,
) -> Result<Result<Arc<Account>, Unusable>, Fault> {
    let snapshot = house.snapshot;
    let Some(account) = snapshot.account_by_id(EntryId(account))? else {
        return Ok(Err(Unusable::Gone));
    };
    if let Some(epochs) = house.epochs
        && epochs(snapshot, account.id, now)?.is_some_and(|since| proven.first < since)
    {
        return Ok(Err(Unusable::Revoked));
    }
    Ok(usable_since(&account, proven, now).map(|()| account))
}

/// Whether an account may be used now by somebody who signed in.
///
/// # Errors
/// [`Unusable`].
pub fn usable_since(account: &Account, proven: Proven, now: Timestamp) -> Result<(), Unusable> {
    usable(account, now)?;
    let of_a_person = account.kind == AccountKind::User && proven.by_password;
    let set = account.password_last_set;
    let changed = set.is_some_and(|set| set > proven.first);
    if of_a_person && (changed || account.must_change_password()) {
        return Err(Unusable::PasswordChanged);
    }
    match proven.second {
        Some(at) if !second_factors(account).prove(at) => Err(Unusable::SecondFactorReplaced),
        _ => Ok(()),
    }
}

/// The last moment of a second: what tickets and tokens call a moment tells its second alone, and what has happened
/// earlier in that second is not held against them.
#[must_use]
pub fn end_of_second(unix: i64) -> Timestamp {
    Timestamp::from_unix(unix) + Span::micros(999_999)
}

/// The second factors of an account.
#[must_use]
pub fn second_factors(account: &Account) -> SecondFactors {
    SecondFactors::read(account.second_factors.iter().map(Secret::expose))
}

/// Whether an account is enabled and has not expired.
///
/// # Errors
/// [`Unusable`].
pub fn usable(account: &Account, now: Timestamp) -> Result<(), Unusable> {
    if !account.is_enabled() {
        Err(Unusable::Disabled)
    } else if account.has_expired(now) {
        Err(Unusable::Expired)
    } else {
        Ok(())
    }
}

/// What an account is called in tokens and on pages.
#[must_use]
pub fn name_of(account: &Account) -> &str {
    account.upn.as_deref().unwrap_or(&account.sam)
}

/// The account's user principal name, explicit or implicit.
#[must_use]
pub fn upn_of(account: &Account, snapshot: &Snapshot<'_>) -> String {
    match &account.upn {
        Some(upn) => upn.clone(),
        None => format!("{}@{}", account.sam, snapshot.domain().dns_name),
    }
}
