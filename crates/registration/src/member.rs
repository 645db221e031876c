//! Is somebody among those to whom something is given? And does what a token tells of its owner's sign-in still count?

use directory::tenant::{self, Who};
use directory::{Account, Fault, Snapshot};
use token::claims::Verified;
use trust::Timestamp;

/// Whether a person is among those to whom something is given: everybody, nobody, or the members of a group in whatever
/// depth. A group that is gone has no members.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn is_among(snapshot: &Snapshot<'_>, who: Who, account: &Account) -> Result<bool, Fault> {
    match who {
        Who::Everybody => Ok(true),
        Who::Nobody => Ok(false),
        Who::Group(id) => {
            let Some(group) = snapshot.group(id)? else {
                return Ok(false);
            };
            let groups = snapshot.token_groups(account)?;
            Ok(groups.iter().any(|member| member.sid == group.sid))
        }
    }
}

/// Why a sign-in no longer counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignInOver {
    /// Another password was set since, or must be.
    #[error("the password was changed since the sign-in, or must be changed")]
    Password,
    /// An administrator ended all sign-ins of before.
    #[error("an administrator ended the sign-in")]
    Ended,
}

/// Whether the sign-in that a token speaks of still counts.
///
/// A password is changed when somebody else may know it, so what was obtained with the old one registers nothing. A
/// Hello key or a Temporary Access Pass has nothing to do with it.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub(crate) fn still_signed_in(
    snapshot: &Snapshot<'_>,
    token: &Verified,
    account: &Account,
    now: Timestamp,
) -> Result<Result<(), SignInOver>, Fault> {
    let by_password = token
        .amr
        .iter()
        .any(|method| matches!(method.as_str(), "pwd" | "wia"));
    let changed = account
        .password_last_set
        .is_some_and(|set| set.unix() > token.auth_time);
    if by_password && (changed || account.must_change_password()) {
        return Ok(Err(SignInOver::Password));
    }
    // A token tells the second alone: what happened in the second of the end is held to be of before.
    let ended = tenant::revoked_before(snapshot, account.id, now)?;
    match ended.is_none_or(|ended| token.auth_time > ended.unix()) {
        true => Ok(Ok(())),
        false => Ok(Err(SignInOver::Ended)),
    }
}
