//! The PINs that may not be chosen again (POL-PIN-6).
//!
//! Only hashes are kept (POL-PIN-14), and those sealed under the container's authentication key, so that
//! they help nobody who does not have the current PIN already. A PIN reset makes a new container, and
//! with it the history is gone.

use crypto::aead::SealingKey;
use crypto::constant_time;
use crypto::password::{Cost, SALT_LEN, argon2id};
use provisioning::Secret;
use serde::{Deserialize, Serialize};
use trust::Rng;
use wire::Guid;

use crate::base64::Bytes;
use crate::vault::VaultError;

/// The history as a container keeps it: sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct History(Bytes);

/// The history, opened by whoever proved the current PIN.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// How the hashes were made: all alike, so that a new PIN is hashed once, however many there are.
    hashing: Option<Hashing>,
    /// The PINs before the current one, the newest first.
    hashes: Vec<Bytes>,
}

#[derive(Serialize, Deserialize)]
struct Hashing {
    salt: Bytes,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl History {
    /// What `sealed` holds; nothing where nothing was remembered.
    pub(crate) fn open(
        sealed: Option<&Self>,
        container: Guid,
        secret: &[u8; 32],
    ) -> Result<Remembered, VaultError> {
        let Some(Self(sealed)) = sealed else {
            return Ok(Remembered::default());
        };
        let opened = SealingKey::new(secret)
            .open(&context(container), &sealed.0)
            .map_err(|_| VaultError::Damaged)?;
        serde_json::from_slice(&opened).map_err(|_| VaultError::Damaged)
    }
}

impl Remembered {
    /// Whether `new` is one of the last `most` PINs, `current` included.
    pub(crate) fn forbids(
        &self,
        new: &Secret,
        current: &Secret,
        most: u32,
    ) -> Result<bool, VaultError> {
        if most == 0 {
            return Ok(false);
        }
        if constant_time::equal(new.expose().as_bytes(), current.expose().as_bytes()) {
            return Ok(true);
        }
        let mut before = self.hashes.iter().take(older(most));
        let Some(hashing) = self.hashing.as_ref().filter(|_| before.len() > 0) else {
            return Ok(false);
        };
        let hash = hashing.hash(new)?;
        Ok(before.any(|old| constant_time::equal(&hash, &old.0)))
    }

    /// The history after a change away from `current`, under a policy that remembers `most`.
    pub(crate) fn after(
        mut self,
        current: &Secret,
        most: u32,
        cost: Cost,
        rng: &mut dyn Rng,
    ) -> Result<Self, VaultError> {
        let before = older(most);
        if before == 0 {
            return Ok(Self::default());
        }
        let hashing = self.hashing.get_or_insert_with(|| Hashing::new(cost, rng));
        let hash = hashing.hash(current)?;
        self.hashes.insert(0, Bytes(hash));
        self.hashes.truncate(before);
        Ok(self)
    }

    /// Seals it; `None` when there is nothing to remember.
    pub(crate) fn seal(
        &self,
        container: Guid,
        secret: &[u8; 32],
        rng: &mut dyn Rng,
    ) -> Result<Option<History>, VaultError> {
        if self.hashes.is_empty() {
            return Ok(None);
        }
        let json = serde_json::to_vec(self).map_err(|_| VaultError::Failed)?;
        let sealed = SealingKey::new(secret).seal(&rng.bytes(), &context(container), &json);
        Ok(Some(History(Bytes(sealed))))
    }
}

impl Hashing {
    fn new(cost: Cost, rng: &mut dyn Rng) -> Self {
        let salt: [u8; SALT_LEN] = rng.bytes();
        Self {
            salt: Bytes(salt.to_vec()),
            memory_kib: cost.memory_kib(),
            passes: cost.passes(),
            lanes: cost.lanes(),
        }
    }

    fn hash(&self, pin: &Secret) -> Result<Vec<u8>, VaultError> {
        let cost =
            Cost::new(self.memory_kib, self.passes, self.lanes).map_err(|_| VaultError::Damaged)?;
        if self.salt.0.len() != SALT_LEN {
            return Err(VaultError::Damaged);
        }
        let mut hash = vec![0; 32];
        argon2id(pin.expose().as_bytes(), &self.salt.0, cost, &mut hash);
        Ok(hash)
    }
}

/// How many PINs are remembered beside the current one, which its protector remembers.
fn older(most: u32) -> usize {
    usize::try_from(most.saturating_sub(1)).unwrap_or(usize::MAX)
}

fn context(container: Guid) -> Vec<u8> {
    [b"keyporch hello history ".as_slice(), &container.to_bytes()].concat()
}
