//! Passwords: what is made of a new one, what a policy asks of it, and how one is verified.
//!
//! Everything here that hashes is costly on purpose (tens of milliseconds) and is called outside of any
//! transaction. An account that is there gets another password by [`change()`] alone, whoever asks; what comes out is
//! committed as it is.

mod change;
mod history;
mod policy;

use std::fmt;

use crypto::etype::{Etype, Key};
use crypto::password::{Cost, PasswordHash, SALT_LEN};
use trust::Rng;
use zeroize::Zeroizing;

use crate::account::{Account, AccountKind, KerberosKey, computer_salt, random_keys, user_salt};
use crate::domain::{Domain, StoreKind};
use crate::value::Secret;

pub use change::{Chooser, MACHINE_PASSWORD, Prepared, change, first};
pub use history::PasswordHistory;
pub use policy::{PasswordOwner, PasswordPolicy, PasswordRefused};
pub(crate) use policy::{from_interval, to_interval};

/// Everything that a new password, or a set of random keys, puts into the directory.
pub struct PasswordMaterial {
    pub(crate) keys: Vec<KerberosKey>,
    /// The PHC string; `None` for random keys, which no page asks for.
    pub(crate) hash: Option<Secret>,
    /// The history with the new password in front; `None` to leave it as it is.
    pub(crate) history: Option<Secret>,
}

impl PasswordMaterial {
    /// Keys and hash of a password that nothing is asked of: Kerberos keys of every etype under `salt`
    /// ([`salt_of`], [`user_salt`], [`computer_salt`]; E.1), the Argon2id hash, and `history` with the
    /// password in front of at most `remember`.
    #[must_use]
    pub fn of_password(
        password: &str,
        salt: &str,
        history: &PasswordHistory,
        remember: usize,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> Self {
        Self {
            keys: keys_of_password(password.as_bytes(), salt),
            ..Self::hash_only(password, history, remember, cost, rng)
        }
    }

    /// The same without Kerberos keys: for the people of a tenant, where nobody uses such keys and somebody could steal
    /// them.
    #[must_use]
    pub fn hash_only(
        password: &str,
        history: &PasswordHistory,
        remember: usize,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> Self {
        let password = password.as_bytes();
        let hash_salt: [u8; SALT_LEN] = rng.bytes();
        let text = PasswordHash::new(password, &hash_salt, cost).to_string();
        let history = history.with(password, remember, cost, rng);
        Self {
            keys: vec![],
            hash: Some(Secret::new(text.into_bytes())),
            history: Some(history.write()),
        }
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

    /// New random keys of every etype.
    pub fn random(rng: &mut dyn Rng) -> Self {
        Self::of_keys(random_keys(rng))
    }

    /// The Kerberos keys.
    #[must_use]
    pub fn keys(&self) -> &[KerberosKey] {
        &self.keys
    }
}

impl fmt::Debug for PasswordMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordMaterial")
    }
}

/// The Kerberos keys of a password, one for each etype, under one salt.
#[must_use]
pub fn keys_of_password(password: &[u8], salt: &str) -> Vec<KerberosKey> {
    // String-to-key fails on peers' parameters alone, and there are none.
    Etype::ALL
        .into_iter()
        .filter_map(|etype| {
            let key = Key::from_password(etype, password, salt.as_bytes(), None).ok()?;
            Some(KerberosKey::new(key, salt))
        })
        .collect()
}

/// The salt for an account's next password (E.1). A rename changes it for the passwords to come; the
/// keys there are keep theirs.
#[must_use]
pub fn salt_of(account: &Account, domain: &Domain) -> String {
    match account.kind {
        AccountKind::Computer | AccountKind::Service => computer_salt(&domain.realm, &account.sam),
        AccountKind::User | AccountKind::Krbtgt => user_salt(&domain.realm, &account.sam),
    }
}

/// The salt for the Kerberos keys that a person's password gives; `None` where it gives none.
pub(crate) fn person_salt(sam: &str, domain: &Domain) -> Option<String> {
    match domain.kind {
        StoreKind::Domain => Some(user_salt(&domain.realm, sam)),
        StoreKind::Tenant => None,
    }
}

/// Whether this is the account's password. It takes as long for an unknown account (`None`) and for one
/// without a password, so that time tells nobody which accounts there are (security.md row 16).
#[must_use]
pub fn verify(account: Option<&Account>, password: &str, cost: Cost) -> bool {
    #[cfg(test)]
    tests::HASHES.with_borrow(|told| told.iter().for_each(|told| told()));
    let password = Zeroizing::new(password.as_bytes().to_vec());
    match account.and_then(|account| account.password_hash.as_ref()) {
        Some(hash) => hash.verify(&password),
        None => {
            let decoy = PasswordHash::decoy(cost);
            let _ = std::hint::black_box(decoy.verify(&password));
            false
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
