//! A new password for an account, whoever asks for it: an administrator, the person at sign-in or on the page for it,
//! a machine. There is one function, so that none of them forgets a rule or a key.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crypto::password::Cost;
use trust::{Rng, Timestamp};

use super::{
    PasswordMaterial, PasswordOwner, PasswordPolicy, PasswordRefused, keys_of_password, person_salt,
};
use crate::account::{Account, AccountKind, computer_salt};
use crate::change::{self, Change};
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::Class;
use crate::snapshot::Snapshot;

/// What a machine's password may have of characters. A machine draws its own; a person would not choose one so long.
pub const MACHINE_PASSWORD: RangeInclusive<usize> = 20..=256;

/// Who chooses an account's new password, and so what is asked of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chooser {
    /// The account's owner, who has proven the present password: everything that the domain's policy says.
    Owner,
    /// An administrator: minimum age and history are not asked for.
    Administrator {
        /// Whether the owner must choose another at the next sign-in.
        must_change: bool,
    },
}

/// What gives an account a new password: Kerberos keys of every etype under the salt of its present name (but not for
/// the people of a tenant), and for a person the Argon2id hash and an entry in the history, or why the password is not
/// taken.
///
/// The account, its former passwords and the policy are read from `snapshot`. Committed with the reads of that snapshot,
/// the change stands only where all three are still what the password was judged by: of two changes at once, one wins.
/// It hashes, so it is called outside of any transaction.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn change(
    snapshot: &Snapshot<'_>,
    account: EntryId,
    password: &str,
    chooser: Chooser,
    cost: Cost,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Result<Change, PasswordRefused>, Fault> {
    let Some(account) = snapshot.account_by_id(account)? else {
        return Ok(Err(PasswordRefused::NotForThisAccount));
    };
    let prepared = Prepared::of(account, snapshot)?;
    Ok(prepared.change(password, chooser, cost, now, rng))
}

/// All that a new password of an account is judged by, read before anything is hashed: a state may be too old to be read
/// behind that.
pub struct Prepared {
    policy: PasswordPolicy,
    owner: PasswordOwner,
}

impl Prepared {
    /// Reads it.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn of(account: Arc<Account>, snapshot: &Snapshot<'_>) -> Result<Self, Fault> {
        Ok(Self {
            policy: snapshot.password_policy()?,
            owner: snapshot.password_owner(account)?,
        })
    }

    /// What gives the account a new password, or why that is not taken; see [`change()`]. It reads nothing, and hashes.
    ///
    /// # Errors
    /// [`PasswordRefused`].
    pub fn change(
        &self,
        password: &str,
        chooser: Chooser,
        cost: Cost,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Change, PasswordRefused> {
        let (policy, owner) = (&self.policy, &self.owner);
        let id = owner.account.id;
        let material = match owner.account.kind {
            AccountKind::Krbtgt => return Err(PasswordRefused::NotForThisAccount),
            AccountKind::Computer | AccountKind::Service => {
                let salt = owner.salt.as_deref();
                of_machine(password, salt.ok_or(PasswordRefused::NotForThisAccount)?)?
            }
            AccountKind::User => match chooser {
                Chooser::Owner => policy.change(password, owner, cost, now, rng)?,
                Chooser::Administrator { .. } => policy.reset(password, owner, cost, rng)?,
            },
        };
        Ok(match chooser {
            Chooser::Administrator { must_change: true } => {
                change::set_temporary_password(id, material)
            }
            _ => change::set_password(id, material),
        })
    }
}

/// What a new account's first password gives; `class`: what the account will be.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn first(
    snapshot: &Snapshot<'_>,
    class: Class,
    sam: &str,
    password: &str,
    cost: Cost,
    rng: &mut dyn Rng,
) -> Result<Result<PasswordMaterial, PasswordRefused>, Fault> {
    let realm = &snapshot.domain().realm;
    Ok(match class {
        Class::User => {
            let salt = person_salt(sam, snapshot.domain());
            let policy = snapshot.password_policy()?;
            policy.first(password, sam, salt.as_deref(), cost, rng)
        }
        Class::Computer | Class::ManagedServiceAccount => {
            of_machine(password, &computer_salt(realm, sam))
        }
        _ => Err(PasswordRefused::NotForThisAccount),
    })
}

fn of_machine(password: &str, salt: &str) -> Result<PasswordMaterial, PasswordRefused> {
    match password.chars().count() {
        length if length < *MACHINE_PASSWORD.start() => {
            Err(PasswordRefused::TooShort(*MACHINE_PASSWORD.start()))
        }
        length if length > *MACHINE_PASSWORD.end() => Err(PasswordRefused::TooLong),
        _ => Ok(PasswordMaterial::of_keys(keys_of_password(
            password.as_bytes(),
            salt,
        ))),
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
