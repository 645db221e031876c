//! Which passwords an account had.

use crypto::constant_time;
use crypto::password::{Cost, SALT_LEN, argon2id};
use trust::Rng;
use zeroize::Zeroizing;

use crate::codec::{Corrupt, Reader, Writer};
use crate::value::Secret;

const DIGEST_LEN: usize = 32;

/// Digests of an account's passwords, the current one first.
///
/// All are made with one salt, the account's own, so that a new password is compared with all of them by
/// hashing it once. What that gives away, whether the account had the same password twice, is what a
/// history is there to know.
#[derive(Clone, Default)]
pub struct PasswordHistory {
    /// `None` before the first password.
    salt: Option<([u8; SALT_LEN], Cost)>,
    digests: Vec<Zeroizing<[u8; DIGEST_LEN]>>,
}

impl PasswordHistory {
    /// No password yet.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// How many passwords are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Whether a password is one of the newest `count`.
    #[must_use]
    pub fn contains(&self, password: &[u8], count: usize) -> bool {
        let Some((salt, cost)) = self.salt else {
            return false;
        };
        let digest = digest(password, &salt, cost);
        let newest = self.digests.iter().take(count);
        newest.fold(false, |found, known| {
            found | constant_time::equal(&**known, &*digest)
        })
    }

    /// This history with a password in front, at most `count` in all.
    pub(super) fn with(
        &self,
        password: &[u8],
        count: usize,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> Self {
        let (salt, cost) = self.salt.unwrap_or_else(|| (rng.bytes(), cost));
        let newest = digest(password, &salt, cost);
        Self {
            salt: Some((salt, cost)),
            digests: std::iter::once(newest)
                .chain(self.digests.iter().cloned())
                .take(count)
                .collect(),
        }
    }

    pub(crate) fn write(&self) -> Secret {
        let mut out = Writer::new();
        out.u8(1);
        if let Some((salt, cost)) = &self.salt {
            out.raw(salt)
                .u32(cost.memory_kib())
                .u32(cost.passes())
                .u32(cost.lanes());
            for digest in &self.digests {
                out.raw(&**digest);
            }
        }
        Secret::new(out.finish())
    }

    pub(crate) fn read(secret: &Secret) -> Result<Self, Corrupt> {
        let mut from = Reader::new(secret.expose());
        if from.u8()? != 1 {
            return Err(Corrupt);
        }
        if from.is_empty() {
            return Ok(Self::default());
        }
        let salt = from.raw(SALT_LEN)?.try_into().map_err(|_| Corrupt)?;
        let cost = Cost::new(from.u32()?, from.u32()?, from.u32()?).map_err(|_| Corrupt)?;
        let mut digests = Vec::new();
        while !from.is_empty() {
            let digest = from.raw(DIGEST_LEN)?.try_into().map_err(|_| Corrupt)?;
            digests.push(Zeroizing::new(digest));
        }
        Ok(Self {
            salt: Some((salt, cost)),
            digests,
        })
    }
}

fn digest(password: &[u8], salt: &[u8], cost: Cost) -> Zeroizing<[u8; DIGEST_LEN]> {
    let mut digest = Zeroizing::new([0; DIGEST_LEN]);
    argon2id(password, salt, cost, &mut *digest);
    digest
}

impl std::fmt::Debug for PasswordHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHistory({} passwords)", self.digests.len())
    }
}
