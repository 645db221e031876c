//! Waiting for a record that somebody else writes, while a request is under way ([`answered`]).

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use directory::Table;
use trust::Timestamp;
use wire::http::Response;

use super::core::Core;
use crate::conversation::busy;
use crate::moment;

/// The longest that a request waits for a record: LH gives up after three seconds (protocols 0.2).
const LONGEST_WAIT: Duration = Duration::from_millis(2_500);

/// Table and key of a record.
type Place = (String, Vec<u8>);

/// What a party says to a request.
pub(super) enum Said {
    /// The answer.
    Now(Response),
    /// To ask again when this record was written, at this moment at the latest.
    When((Table, Vec<u8>), Timestamp),
}

impl From<federation::Reply> for Said {
    fn from(reply: federation::Reply) -> Self {
        match reply {
            federation::Reply::Now(response) => Self::Now(response),
            federation::Reply::When { changed, by } => Self::When(changed, by),
        }
    }
}

impl From<tenant::Reply> for Said {
    fn from(reply: tenant::Reply) -> Self {
        match reply {
            tenant::Reply::Now(response) => Self::Now(response),
            tenant::Reply::When { changed, by } => Self::When(changed, by),
        }
    }
}

/// Asks until there is an answer, for [`LONGEST_WAIT`].
///
/// # Errors
/// Those of `ask`, at once.
pub(super) fn answered<E>(
    core: &Core,
    mut ask: impl FnMut() -> Result<Said, E>,
) -> Result<Response, E> {
    // Most wait for nothing. Who does is asked again, which changes nothing, for there was nobody to hear of the record.
    if let Said::Now(response) = ask()? {
        return Ok(response);
    }
    let deadline = moment::now() + LONGEST_WAIT;
    loop {
        // What is written between the answer and the waiting must not be missed.
        let watch = Watch::start(core);
        let (wanted, by) = match ask()? {
            Said::Now(response) => return Ok(response),
            Said::When(wanted, by) => (wanted, by),
        };
        let left = deadline.saturating_duration_since(moment::now());
        if left.is_zero() {
            return Ok(busy());
        }
        watch.wait(core, &wanted, by, left);
    }
}

/// The records that were written since some moment.
struct Watch {
    seen: Arc<(Mutex<Vec<Place>>, Condvar)>,
    _subscription: directory::Subscription,
}

impl Watch {
    fn start(core: &Core) -> Self {
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
    fn wait(self, core: &Core, (table, key): &(Table, Vec<u8>), by: Timestamp, left: Duration) {
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
