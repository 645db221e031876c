//! What is asked of a new password: the domain's policy, in the attributes AD has for it.

use std::collections::BTreeSet;

use crypto::password::Cost;
use trust::{Rng, Span, Timestamp};

use super::{PasswordHistory, PasswordMaterial};
use crate::account::{Account, SharedAccount};
use crate::entry::Entry;
use crate::schema::Attribute;
use crate::value::folded;

/// The longest password in bytes; longer ones only cost time.
const LONGEST: usize = 1_024;
/// How many different characters a password has at least. No more is asked of how it is composed: length and not having
/// been used are what keeps guessers out (NIST SP 800-63B 3.1.1.2).
const FEWEST_CHARACTERS: usize = 4;

/// What the domain asks of passwords (attributes of the domain's head).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordPolicy {
    /// minPwdLength, in characters.
    pub minimum_length: usize,
    /// pwdHistoryLength: how many former passwords must not be used again.
    pub history: usize,
    /// minPwdAge: how long a password stays before its owner may change it again.
    pub minimum_age: Span,
    /// maxPwdAge: after how long it must be changed; [`Span::ZERO`] is never.
    pub maximum_age: Span,
}

impl Default for PasswordPolicy {
    /// 8 characters (NIST SP 800-63B 3.1.1.2, for one factor of two), AD's history of 24 and its day
    /// between changes, and no expiry.
    fn default() -> Self {
        Self {
            minimum_length: 8,
            history: 24,
            minimum_age: Span::days(1),
            maximum_age: Span::ZERO,
        }
    }
}

/// An account that is to get another password, with what has to be known for that
/// ([`crate::Snapshot::password_owner`]). It does not hold the snapshot: hashing takes a while.
#[derive(Clone, Debug)]
pub struct PasswordOwner {
    /// The account.
    pub account: SharedAccount,
    /// Its former passwords.
    pub history: PasswordHistory,
    /// The salt for its Kerberos keys (E.1); `None` where it gets none: a tenant's people.
    pub salt: Option<String>,
}

/// Why a password was not taken. The messages are for whoever chose it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordRefused {
    /// The account's password is not chosen by anybody, or the account is gone.
    #[error("this account's password cannot be set")]
    NotForThisAccount,
    /// It is too short.
    #[error("the password is shorter than {0} characters")]
    TooShort(usize),
    /// It is too long.
    #[error("the password is longer than {LONGEST} bytes")]
    TooLong,
    /// It repeats very few characters.
    #[error("the password has fewer than {FEWEST_CHARACTERS} different characters")]
    TooSimple,
    /// It holds the name of the account.
    #[error("the password contains the name of the account")]
    ContainsName,
    /// It is one of the former ones.
    #[error("the password is one of the last {0}")]
    UsedBefore(usize),
    /// It is the present one, where the domain remembers no former ones.
    #[error("the password is the present one")]
    Unchanged,
    /// The present one was set too short a time ago.
    #[error("the password was changed too recently")]
    TooYoung {
        /// From when on it may be changed.
        until: Timestamp,
    },
}

impl PasswordRefused {
    /// Which rule it is and what to do, in whole sentences for the person who chose the password.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::NotForThisAccount => {
                "The password of this account cannot be changed here. Ask an administrator."
                    .to_owned()
            }
            Self::TooShort(least) => {
                format!("The new password is too short. Choose one of at least {least} characters.")
            }
            Self::TooLong => {
                format!("The new password is too long. Choose one of at most {LONGEST} bytes.")
            }
            Self::TooSimple => {
                "The new password repeats too few characters. Choose one that is harder to guess."
                    .to_owned()
            }
            Self::ContainsName => {
                "The new password contains your user name. Choose one without it.".to_owned()
            }
            Self::UsedBefore(count) => format!(
                "The new password is one of your last {count}. Choose one that you have not used before."
            ),
            Self::Unchanged => {
                "The new password is the one that you have now. Choose another.".to_owned()
            }
            Self::TooYoung { until } => format!(
                "Your password was changed a short while ago and can be changed again from {} on. If somebody else may \
                 know it, ask an administrator to set another.",
                until.to_rfc3339()
            ),
        }
    }
}

impl PasswordPolicy {
    /// The policy that a domain's head has in its attributes; what it does not say is the default.
    #[must_use]
    pub fn of(head: &Entry) -> Self {
        let default = Self::default();
        let number = |attribute, otherwise| {
            head.integer(attribute)
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or(otherwise)
        };
        let span = |attribute, otherwise| head.integer(attribute).map_or(otherwise, from_interval);
        Self {
            minimum_length: number(Attribute::MinPwdLength, default.minimum_length),
            history: number(Attribute::PwdHistoryLength, default.history).min(1_024),
            minimum_age: span(Attribute::MinPwdAge, default.minimum_age),
            maximum_age: span(Attribute::MaxPwdAge, default.maximum_age),
        }
    }

    /// What is asked of a new password, in a sentence for the person who chooses it.
    #[must_use]
    pub fn in_words(&self) -> String {
        let length = match self.minimum_length {
            0 | 1 => "Any length".to_owned(),
            least => format!("At least {least} characters"),
        };
        let history = match self.history {
            0 => String::new(),
            count => format!(", and none of your last {count} passwords"),
        };
        format!("{length}, without your user name{history}.")
    }

    /// Whether the password's owner may change it now. One that must be changed or has expired may be, whatever the
    /// minimum age.
    ///
    /// # Errors
    /// [`PasswordRefused::TooYoung`].
    pub fn may_change(&self, account: &Account, now: Timestamp) -> Result<(), PasswordRefused> {
        match account.password_last_set {
            Some(set)
                if !account.must_change_password()
                    && !account.password_has_expired(self.maximum_age, now)
                    && now < set + self.minimum_age =>
            {
                Err(PasswordRefused::TooYoung {
                    until: set + self.minimum_age,
                })
            }
            _ => Ok(()),
        }
    }

    /// Checks what can be seen of a password: its length, that it is more than a few characters again and again, and
    /// that it does not hold the name.
    ///
    /// # Errors
    /// [`PasswordRefused`].
    pub fn check(&self, password: &str, sam: &str) -> Result<(), PasswordRefused> {
        if password.chars().count() < self.minimum_length {
            return Err(PasswordRefused::TooShort(self.minimum_length));
        }
        if password.len() > LONGEST {
            return Err(PasswordRefused::TooLong);
        }
        if password.chars().collect::<BTreeSet<_>>().len() < FEWEST_CHARACTERS {
            return Err(PasswordRefused::TooSimple);
        }
        let name = folded(sam);
        if name.chars().count() >= 3 && folded(password).contains(&name) {
            return Err(PasswordRefused::ContainsName);
        }
        Ok(())
    }

    /// What an account's owner gets for choosing a password: everything is asked of it.
    pub(crate) fn change(
        &self,
        password: &str,
        owner: &PasswordOwner,
        cost: Cost,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<PasswordMaterial, PasswordRefused> {
        self.may_change(&owner.account, now)?;
        self.check(password, &owner.account.sam)?;
        if owner.history.contains(password.as_bytes(), self.history) {
            return Err(PasswordRefused::UsedBefore(self.history));
        }
        // A domain that remembers nothing still means another one by a change.
        if self.history == 0 && super::verify(Some(&owner.account), password, cost) {
            return Err(PasswordRefused::Unchanged);
        }
        Ok(self.material(password, owner.salt.as_deref(), &owner.history, cost, rng))
    }

    /// What an administrator gets for setting somebody's password: age and history are not asked for.
    pub(crate) fn reset(
        &self,
        password: &str,
        owner: &PasswordOwner,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> Result<PasswordMaterial, PasswordRefused> {
        self.check(password, &owner.account.sam)?;
        Ok(self.material(password, owner.salt.as_deref(), &owner.history, cost, rng))
    }

    /// What a new account's first password gives; without a salt, no Kerberos keys.
    ///
    /// # Errors
    /// [`PasswordRefused`].
    pub fn first(
        &self,
        password: &str,
        sam: &str,
        salt: Option<&str>,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> Result<PasswordMaterial, PasswordRefused> {
        self.check(password, sam)?;
        Ok(self.material(password, salt, &PasswordHistory::empty(), cost, rng))
    }

    fn material(
        &self,
        password: &str,
        salt: Option<&str>,
        history: &PasswordHistory,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> PasswordMaterial {
        let most = self.history;
        match salt {
            Some(salt) => PasswordMaterial::of_password(password, salt, history, most, cost, rng),
            None => PasswordMaterial::hash_only(password, history, most, cost, rng),
        }
    }
}

/// AD's intervals are negative numbers of 100 ns; 0 and the least number stand for "none".
pub(crate) const fn from_interval(interval: i64) -> Span {
    if interval == i64::MIN {
        return Span::ZERO;
    }
    Span::micros(interval.saturating_neg() / 10)
}

/// The attribute's form of a span.
pub(crate) const fn to_interval(span: Span) -> i64 {
    span.as_micros().saturating_mul(-10)
}
