//! What the party keeps in memory between requests: nothing that must survive a restart.

use std::sync::{Arc, PoisonError, RwLock};

use directory::Stamp;
use token::keys::SigningKeys;
use trust::Rng;
use trust::limiter::Limiter;

/// Limits, and the signing keys as they were last read. One for each process, shared by its threads.
pub struct Memory {
    pub(crate) limiter: Limiter,
    keys: RwLock<Option<(Stamp, Arc<SigningKeys>)>>,
}

impl Memory {
    /// An empty memory.
    pub fn new(rng: &mut dyn Rng) -> Self {
        Self {
            limiter: Limiter::new(rng),
            keys: RwLock::new(None),
        }
    }

    /// The signing keys that were read from the record with this stamp.
    pub(crate) fn keys(&self, stamp: Stamp) -> Option<Arc<SigningKeys>> {
        let kept = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref()
            .filter(|(known, _)| *known == stamp)
            .map(|(_, keys)| keys.clone())
    }

    /// Keeps the signing keys that were read from the record with this stamp.
    pub(crate) fn keep_keys(&self, stamp: Stamp, keys: Arc<SigningKeys>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some((stamp, keys));
    }
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Memory")
    }
}
