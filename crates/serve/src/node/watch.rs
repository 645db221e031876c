//! Waiting for a record that somebody else writes, while a request is under way.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use directory::Table;
use trust::Timestamp;

use super::core::Core;

/// The longest that a request waits for a record: LH gives up after three seconds (protocols 0.2).
pub(super) const LONGEST_WAIT: Duration = Duration::from_millis(2_500);

/// Table and key of a record.
type Place = (String, Vec<u8>);

/// The records that were written since some moment.
pub(super) struct Watch {
    seen: Arc<(Mutex<Vec<Place>>, Condvar)>,
    _subscription: directory::Subscription,
}

impl Watch {
    pub(super) fn start(core: &Core) -> Self {
        let seen = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let told = Arc::clone(&seen);
        let subscription = core.directory.subscribe(move |commit| {
            let records = commit
                .records
                .iter()
                .map(|record| (record.table.clone(), record.key.clone()));
            told.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(records);
            told.1.notify_all();
        });
        Self {
            seen,
            _subscription: subscription,
        }
    }

    /// Waits until the record is written, until the moment `by`, or for `left`, whichever comes first.
    pub(super) fn wait(
        self,
        core: &Core,
        (table, key): &(Table, Vec<u8>),
        by: Timestamp,
        left: Duration,
    ) {
        let until = by.since(core.clock.now()).as_micros();
        let until = Duration::from_micros(u64::try_from(until).unwrap_or_default());
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |seen: &mut Vec<Place>| {
            !seen
                .iter()
                .any(|(name, written)| name == table.name() && written == key)
        };
        let _ = self
            .seen
            .1
            .wait_timeout_while(seen, until.min(left), waiting);
    }
}
