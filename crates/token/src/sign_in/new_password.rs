//! Waiting for a new password, where the one that was proven must be changed before it opens anything.
//!
//! The state holds no password: neither the one that was proven, of which it knows the version alone, nor the new one,
//! which goes to the directory as it comes.

use serde::{Deserialize, Serialize};
use trust::Timestamp;
use zeroize::Zeroizing;

use super::{Begun, Handled, LIFETIME, SignIn};
use crate::moment;
use crate::pages::{CONFIRM_NEW_PASSWORD, NEW_PASSWORD};
use crate::parameters::Parameters;

/// Which password was proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PasswordVersion {
    /// The version of the account's keys (msDS-KeyVersionNumber), which each new password raises.
    pub number: u32,
    /// When it was set (pwdLastSet).
    #[serde(with = "moment::optional")]
    pub set: Option<Timestamp>,
}

/// Waiting for a new password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AwaitsNewPassword {
    pub(super) begun: Begun,
    proven: PasswordVersion,
}

/// Why no new password was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotChosen {
    /// A field is empty.
    #[error("the new password is missing")]
    Missing,
    /// The two are not the same.
    #[error("the new password was not typed the same twice")]
    Unlike,
}

/// The new password that a form has twice.
///
/// # Errors
/// [`NotChosen`].
pub fn chosen(form: &Parameters) -> Result<Zeroizing<String>, NotChosen> {
    let field = |name| form.field(name).filter(|typed| !typed.is_empty());
    match (field(NEW_PASSWORD), field(CONFIRM_NEW_PASSWORD)) {
        (Some(new), Some(again)) if new == again => Ok(Zeroizing::new(new.to_owned())),
        (Some(_), Some(_)) => Err(NotChosen::Unlike),
        _ => Err(NotChosen::Missing),
    }
}

impl Begun {
    /// Waits for a new password in place of the `proven` one.
    #[must_use]
    pub const fn must_change(self, proven: PasswordVersion) -> SignIn {
        SignIn::AwaitsNewPassword(AwaitsNewPassword {
            begun: self,
            proven,
        })
    }

    /// The same sign-in, with all its time before it: its first factor is proven anew.
    #[must_use]
    pub fn anew(mut self, now: Timestamp) -> Self {
        self.expires = now + LIFETIME;
        self
    }
}

impl AwaitsNewPassword {
    /// The password that was proven. Where the account has another by now, the sign-in is over.
    #[must_use]
    pub const fn proven(&self) -> PasswordVersion {
        self.proven
    }

    pub(super) fn handle(self, form: &Parameters) -> Handled {
        match chosen(form) {
            Ok(password) => Handled::NewPassword {
                begun: self.begun,
                password,
            },
            Err(not_chosen) => Handled::NotChosen(not_chosen),
        }
    }
}
