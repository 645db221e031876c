//! What somebody typed beside their name: a password, or a Temporary Access Pass in its place.
//!
//! Every door asks here: the pages, the protocol for programs without a browser, password grants, and primary refresh tokens
//! by password. So all of them count alike, and [`Wrong::told`] decides for all of them what whoever typed it is told.

use std::borrow::Cow;
use std::sync::Arc;

use directory::{Account, Change, Fault};
use token::authentication::FirstFactor;
use trust::Span;

use crate::account::{Unusable, upn_of};
use crate::limits::{must_wait, waiting};
use crate::password::{self, count_failure};
use crate::{Asked, access_pass};

/// What is said of a name or password that is wrong, whatever is wrong with it.
pub const WRONG: &str = "User name or password is not right, or the account cannot sign in now.";

/// What a door takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// A password.
    Password,
    /// A Temporary Access Pass.
    Pass,
    /// Either, in one field.
    Either,
}

/// Whose people have names of a domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Realm {
    /// This authority's, and it judges their passwords.
    Own,
    /// This authority's, and another identity provider judges their passwords.
    Federated,
    /// Nobody's here.
    Foreign,
}

/// Tells of names whose they are. What it tells is a property of domains, and no secret.
pub trait Realms: Sync {
    /// Whose people have names like this one. A bare name is of this authority.
    fn realm_of(&self, name: &str) -> Realm;
}

/// Why what was typed lets nobody in.
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
    /// The Temporary Access Pass is none of this person's, or works no more.
    #[error("the access pass is not right")]
    Pass,
    /// It is right, and the account is disabled or has expired.
    #[error("the account cannot be used")]
    Unusable(#[source] Unusable),
    /// The password is right and must be changed, which cannot be done here.
    #[error("the password must be changed first")]
    MustChange,
    /// The name is in no domain of this authority.
    #[error("the name is in no domain of this authority")]
    Foreign,
    /// People of the name's domain sign in elsewhere.
    #[error("the domain's people sign in at another identity provider")]
    Federated,
    /// Too many failed, of this name or from this address; nothing was looked at.
    #[error("too many failures of this name or from this address")]
    Waiting(Span),
}

/// What whoever typed something is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// That name or password is not right.
    NotRight,
    /// That the pass is not right.
    PassNotRight,
    /// That the account cannot be used.
    CannotBeUsed,
    /// That the password must be changed.
    MustChange,
    /// That the name is in no domain of this authority.
    NotHere,
    /// That people of that domain sign in elsewhere.
    Elsewhere,
    /// To wait.
    Wait(Span),
}

impl Wrong {
    /// What whoever typed it is told. The true reason is for who has proven something, and for what everybody may know.
    #[must_use]
    pub const fn told(self) -> Told {
        match self {
            // Nothing was proven. Nor is a lock told: that would say that there is such a name. And what is typed for a locked
            // account is not looked at, so nobody learns by the answer that a guess was right.
            Self::Unknown | Self::Password | Self::LockedOut => Told::NotRight,
            Self::Pass => Told::PassNotRight,
            // The password, or the pass, was right.
            Self::Unusable(_) => Told::CannotBeUsed,
            Self::MustChange => Told::MustChange,
            // Which domains are whose, realm discovery says to everybody.
            Self::Foreign => Told::NotHere,
            Self::Federated => Told::Elsewhere,
            // Counted by what was typed, whether or not somebody has the name.
            Self::Waiting(wait) => Told::Wait(wait),
        }
    }
}

impl Told {
    /// In words, for a person.
    #[must_use]
    pub fn sentence(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NotRight | Self::PassNotRight => WRONG,
            Self::CannotBeUsed => "This account cannot be used at the moment.",
            Self::MustChange => "The password must be changed first.",
            Self::NotHere => "This name is in no domain of this organisation.",
            Self::Elsewhere => {
                "People of this domain do not sign in here, but at their own organisation's service."
            }
            Self::Wait(wait) => return Cow::Owned(waiting(wait)),
        })
    }
}

/// Somebody whose first factor is right. Only [`judge`] makes one.
#[derive(Debug)]
pub struct FirstProven {
    pub(crate) account: Arc<Account>,
    pub(crate) first: FirstFactor,
    /// What to commit with whatever follows: that a pass is used.
    pub changes: Vec<Change>,
}

impl FirstProven {
    /// Who it is.
    #[must_use]
    pub const fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// What they have proven.
    #[must_use]
    pub const fn first(&self) -> &FirstFactor {
        &self.first
    }
}

/// What a name and what was typed beside it amount to.
#[derive(Debug)]
pub enum Judged {
    /// They are right, and the account may sign in.
    Right(FirstProven),
    /// The password is right, and opens nothing but the page for a new one. Where there is none, it is
    /// [`Wrong::MustChange`].
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

/// Judges a name and what was typed beside it, and counts what is wrong.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn judge(
    asked: &Asked<'_, '_>,
    name: &str,
    typed: &str,
    takes: Takes,
) -> Result<Judged, Fault> {
    let not = |wrong, account| Ok(Judged::Wrong { wrong, account });
    if let Some(wait) = must_wait(asked, name) {
        return not(Wrong::Waiting(wait), None);
    }
    let realm = realm_of(asked, name);
    if realm == Realm::Foreign {
        return not(Wrong::Foreign, None);
    }
    if takes != Takes::Password {
        match access_pass::judge(asked, name, typed)? {
            Some(Ok(proven)) => return Ok(Judged::Right(proven)),
            Some(Err((unusable, account))) => {
                count_failure(asked, name);
                return not(Wrong::Unusable(unusable), Some(account));
            }
            None => {}
        }
    }
    // A pass is this authority's own, whoever judges the domain's passwords.
    if takes != Takes::Pass && realm == Realm::Federated {
        return not(Wrong::Federated, None);
    }
    let judged = password::judge(asked, name, typed)?;
    if takes == Takes::Pass {
        // What is no pass took the time and the counters of a password, whoever is meant.
        let account = match judged {
            password::Judged::Right(account) | password::Judged::MustChange(account) => {
                count_failure(asked, name);
                Some(account)
            }
            password::Judged::Wrong { account, .. } => account,
        };
        return not(Wrong::Pass, account);
    }
    let (account, must_change) = match judged {
        password::Judged::Wrong { wrong, account } => return not(wrong, account),
        password::Judged::Right(account) => (account, false),
        password::Judged::MustChange(account) => (account, true),
    };
    // Whatever the name by which somebody is known here, their domain counts: what its identity provider demands is not gone
    // around by a password that was left here.
    if realm_of(asked, &upn_of(&account, asked.house.snapshot)) == Realm::Federated {
        count_failure(asked, name);
        return not(Wrong::Federated, Some(account));
    }
    Ok(match must_change {
        true => Judged::MustChange(account),
        false => Judged::Right(FirstProven {
            account,
            first: FirstFactor::password(asked.now),
            changes: vec![],
        }),
    })
}

fn realm_of(asked: &Asked<'_, '_>, name: &str) -> Realm {
    let realms = asked.house.realms;
    realms.map_or(Realm::Own, |realms| realms.realm_of(name))
}
