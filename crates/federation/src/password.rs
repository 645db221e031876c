//! Name and password, judged so that time and words tell nobody which accounts there are (security.md row 16).

use std::sync::Arc;

use crypto::password::Cost;
use directory::password::PasswordPolicy;
use directory::{Account, AccountKind, Fault};
use token::authentication::FirstFactor;
use token::limiter::Counted;

use crate::account;
use crate::answer::Asked;

/// Why name and password do not let anybody in. All of these look the same to the peer but the last, which only
/// somebody learns who knows the password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    /// There is no such account, or it is no person's.
    #[error("there is no such person")]
    Unknown,
    /// The account is locked out.
    #[error("the account is locked out")]
    LockedOut,
    /// The password is wrong.
    #[error("the password is wrong")]
    Password,
    /// The account is disabled or has expired.
    #[error("the account is disabled or has expired")]
    Unusable,
    /// The password is right and must be changed first.
    #[error("the password must be changed first")]
    MustChange,
}

/// Somebody whose password was right. Only [`prove`] makes one.
pub(crate) struct Proven {
    pub(crate) account: Arc<Account>,
    pub(crate) first: FirstFactor,
}

/// Somebody whose name or password was wrong, and whose account it was, for the audit log. A name that nobody has is not
/// told to the log: it may be a password in the wrong field.
pub(crate) struct Failed {
    pub(crate) wrong: Wrong,
    pub(crate) account: Option<Arc<Account>>,
}

/// Judges name and password, and counts what is wrong.
pub(crate) fn prove(
    asked: &Asked<'_, '_>,
    name: &str,
    password: &str,
) -> Result<Result<Proven, Failed>, Fault> {
    let (view, now) = (asked.view, asked.now);
    let lockout = view.snapshot.lockout_policy()?;
    let found = view
        .snapshot
        .account_by_name(name)?
        .filter(|account| account.kind == AccountKind::User);
    let locked = found
        .as_ref()
        .is_some_and(|account| view.lockout.is_locked_out(account, &lockout, now));
    // A locked account's password is not looked at; a decoy takes its time.
    let judged = found.as_deref().filter(|_| !locked);
    let right = directory::password::verify(judged, password, Cost::default());
    let wrong = match &found {
        None => Wrong::Unknown,
        Some(_) if locked => Wrong::LockedOut,
        Some(account) if !right => {
            view.lockout.fail(account, view.snapshot, &lockout, now)?;
            Wrong::Password
        }
        Some(account) => {
            view.lockout.succeed(account, now);
            match standing(account, &view.snapshot.password_policy()?, asked) {
                Err(wrong) => wrong,
                Ok(()) => {
                    return Ok(Ok(Proven {
                        account: Arc::clone(account),
                        first: FirstFactor::password(now),
                    }));
                }
            }
        }
    };
    if wrong != Wrong::MustChange {
        let limits = view.settings.limits;
        view.memory
            .limiter
            .count(Counted::FailuresOf(name), limits.failures_of_name, now);
        view.memory.limiter.count(
            Counted::FailuresFrom(&asked.address()),
            limits.failures_from_address,
            now,
        );
    }
    Ok(Err(Failed {
        wrong,
        account: found,
    }))
}

/// Whether an account whose password was right may sign in.
fn standing(
    account: &Account,
    policy: &PasswordPolicy,
    asked: &Asked<'_, '_>,
) -> Result<(), Wrong> {
    account::usable(account, asked.now).map_err(|_| Wrong::Unusable)?;
    let must_change = account.must_change_password()
        || account.password_has_expired(policy.maximum_age, asked.now);
    if must_change {
        Err(Wrong::MustChange)
    } else {
        Ok(())
    }
}
