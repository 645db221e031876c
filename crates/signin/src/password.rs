//! Name and password, judged so that time and words tell nobody which accounts there are (security.md row 16).

use std::sync::Arc;

use directory::password::PasswordPolicy;
use directory::{Account, AccountKind, Fault};
use trust::limiter::Counted;

use crate::Asked;
use crate::account;
use crate::first_factor::Wrong;
use crate::limits::counted_name;

pub use crate::first_factor::WRONG;

/// What name and password amount to.
#[derive(Debug)]
pub enum Judged {
    /// They are right, and the account may sign in.
    Right(Arc<Account>),
    /// They are right, and open nothing but the page for a new password.
    MustChange(Arc<Account>),
    /// They are not right.
    Wrong {
        /// Why.
        wrong: Wrong,
        /// Whose account it was, for the audit log. A name that nobody has is not told to the log: it may be a password
        /// in the wrong field.
        account: Option<Arc<Account>>,
    },
}

/// Judges name and password, and counts what is wrong.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn judge(asked: &Asked<'_, '_>, name: &str, password: &str) -> Result<Judged, Fault> {
    let (house, now) = (asked.house, asked.now);
    let lockout = house.snapshot.lockout_policy()?;
    let found = house
        .snapshot
        .account_by_name(name)?
        .filter(|account| account.kind == AccountKind::User);
    let locked = found
        .as_ref()
        .is_some_and(|account| house.lockout.is_locked_out(account, &lockout, now));
    // Hashing takes its time, and the state is not there for long: what is needed of it is read before.
    let policy = house.snapshot.password_policy()?;
    let recalled = match &found {
        Some(account) => Some(house.lockout.recall(account.id, house.snapshot)?),
        None => None,
    };
    // A locked account's password is not looked at; a decoy takes its time.
    let judged = found.as_deref().filter(|_| !locked);
    let right = directory::password::verify(judged, password, house.password_cost);
    let wrong = match found.as_ref().zip(recalled) {
        None => Wrong::Unknown,
        Some(_) if locked => Wrong::LockedOut,
        Some((account, recalled)) if !right => {
            house.lockout.fail_after(account, recalled, &lockout, now);
            Wrong::Password
        }
        Some((account, _)) => {
            house.lockout.succeed(account, now);
            match account::usable(account, now) {
                Err(unusable) => Wrong::Unusable(unusable),
                Ok(()) if must_change(account, &policy, asked) => {
                    return Ok(Judged::MustChange(Arc::clone(account)));
                }
                Ok(()) => return Ok(Judged::Right(Arc::clone(account))),
            }
        }
    };
    count_failure(asked, name);
    Ok(Judged::Wrong {
        wrong,
        account: found,
    })
}

/// Counts a failure of this name, from where the request came.
pub fn count_failure(asked: &Asked<'_, '_>, name: &str) {
    let (limiter, limits) = (asked.house.limiter, asked.house.limits);
    limiter.count(
        Counted::FailuresOf(&counted_name(asked, name)),
        limits.failures_of_name,
        asked.now,
    );
    limiter.count(
        Counted::FailuresFrom(&asked.address()),
        limits.failures_from_address,
        asked.now,
    );
}

/// Whether a right password must be changed before it opens anything else: it says so, or it is too old.
fn must_change(account: &Account, policy: &PasswordPolicy, asked: &Asked<'_, '_>) -> bool {
    account.must_change_password() || account.password_has_expired(policy.maximum_age, asked.now)
}
