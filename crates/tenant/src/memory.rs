//! What the party keeps in memory between requests: nothing that must survive a restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use directory::Stamp;
use trust::Rng;
use trust::limiter::Limiter;

use crate::known::Known;

/// Limits, and what rarely changes as it was last read. One for each tenant of a process, shared by its threads.
pub struct Memory {
    pub(crate) limiter: Limiter,
    known: RwLock<Option<Arc<Known>>>,
    building: Mutex<()>,
}

impl Memory {
    /// An empty memory.
    pub fn new(rng: &mut dyn Rng) -> Self {
        Self {
            limiter: Limiter::new(rng),
            known: RwLock::new(None),
            building: Mutex::new(()),
        }
    }

    /// What was worked out of the records as the commit with this stamp left them.
    pub(crate) fn known(&self, stamp: Option<Stamp>) -> Option<Arc<Known>> {
        let kept = self.known.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref()
            .filter(|known| known.stamp() == stamp)
            .cloned()
    }

    /// Keeps what was worked out.
    pub(crate) fn keep(&self, known: Arc<Known>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// Held by who works it out, so that after a change one thread does and not all of them.
    pub(crate) fn building(&self) -> MutexGuard<'_, ()> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl core::fmt::Debug for Memory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Memory")
    }
}
