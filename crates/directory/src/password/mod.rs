//! Passwords: what is made of a new one, and how one is verified.

use std::fmt;

use crate::account::KerberosKey;
use crate::value::Secret;

/// Everything that a new password, or a set of random keys, puts into the directory. Making one is
/// costly and happens outside of any transaction.
pub struct PasswordMaterial {
    pub(crate) keys: Vec<KerberosKey>,
    /// The PHC string; `None` for random keys, which no page asks for.
    pub(crate) hash: Option<Secret>,
    /// The history with the new password in front; `None` to leave it as it is.
    pub(crate) history: Option<Secret>,
}

impl PasswordMaterial {
    /// The Kerberos keys.
    #[must_use]
    pub fn keys(&self) -> &[KerberosKey] {
        &self.keys
    }

    /// Keys that no password gives, for krbtgt, services and machines.
    #[must_use]
    pub const fn of_keys(keys: Vec<KerberosKey>) -> Self {
        Self {
            keys,
            hash: None,
            history: None,
        }
    }
}

impl fmt::Debug for PasswordMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordMaterial")
    }
}
