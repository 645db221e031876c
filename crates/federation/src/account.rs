//! May this account be used now?

use std::sync::Arc;

use directory::{Account, AccountKind, EntryId, Fault, Snapshot};
use registration::second_factor::of as factors_of;
use token::authentication::Authentication;
use token::claims::Verified;
use trust::{Span, Timestamp};
use wire::Guid;

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
}

/// When somebody proved who they are, for what has happened to their account since counts.
#[derive(Clone, Copy)]
pub(crate) struct Proven {
    /// When they proved their first factor.
    first: Timestamp,
    /// When they proved their second one in our sight, if they did.
    second: Option<Timestamp>,
}

impl Proven {
    /// By a first factor alone.
    pub(crate) const fn at(first: Timestamp) -> Self {
        Self {
            first,
            second: None,
        }
    }

    pub(crate) fn by(authentication: &Authentication) -> Self {
        Self {
            first: authentication.first().since(),
            second: authentication.second_factor_at(),
        }
    }

    /// As a token has it, to the second.
    pub(crate) fn told_by(token: &Verified) -> Self {
        let second = token.second_factor_at();
        Self {
            first: end_of_second(token.auth_time),
            second: second.map(|at| end_of_second(at.unix())),
        }
    }
}

/// The account of somebody who signed in, if it may still be used: whatever ends an account ends its sessions
/// and tokens at their next use.
pub(crate) fn still_usable(
    snapshot: &Snapshot<'_>,
    account: Guid,
    proven: Proven,
    now: Timestamp,
) -> Result<Result<Arc<Account>, Unusable>, Fault> {
    let Some(account) = snapshot.account_by_id(EntryId(account))? else {
        return Ok(Err(Unusable::Gone));
    };
    Ok(usable_since(&account, proven, now).map(|()| account))
}

/// Whether an account may be used now by somebody who signed in.
pub(crate) fn usable_since(
    account: &Account,
    proven: Proven,
    now: Timestamp,
) -> Result<(), Unusable> {
    usable(account, now)?;
    let of_a_person = account.kind == AccountKind::User;
    let set = account.password_last_set;
    let changed = set.is_some_and(|set| set > proven.first);
    if of_a_person && (changed || account.must_change_password()) {
        return Err(Unusable::PasswordChanged);
    }
    match proven.second {
        Some(at) if !factors_of(account).prove(at) => Err(Unusable::SecondFactorReplaced),
        _ => Ok(()),
    }
}

/// The last moment of a second: what tickets and tokens call a moment tells its second alone, and what has happened
/// earlier in that second is not held against them.
pub(crate) fn end_of_second(unix: i64) -> Timestamp {
    Timestamp::from_unix(unix) + Span::micros(999_999)
}

/// Whether an account is enabled and has not expired.
pub(crate) fn usable(account: &Account, now: Timestamp) -> Result<(), Unusable> {
    if !account.is_enabled() {
        Err(Unusable::Disabled)
    } else if account.has_expired(now) {
        Err(Unusable::Expired)
    } else {
        Ok(())
    }
}

/// What an account is called in tokens and on pages.
pub(crate) fn name_of(account: &Account) -> &str {
    account.upn.as_deref().unwrap_or(&account.sam)
}

/// The account's user principal name, explicit or implicit.
pub(crate) fn upn_of(account: &Account, snapshot: &Snapshot<'_>) -> String {
    match &account.upn {
        Some(upn) => upn.clone(),
        None => format!("{}@{}", account.sam, snapshot.domain().dns_name),
    }
}
