//! A failure of a party stays with the request that met it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

use crate::metrics::Metrics;

/// Runs `work`; when it panics, counts and logs that and gives `None`, so that one request never takes
/// a listener down.
///
/// What `work` shares with others must hold at every point: in this crate that is locks whose poison is
/// ignored because each holds a value that is replaced whole.
pub(crate) fn guarded<T>(
    metrics: &Metrics,
    doing: &'static str,
    work: impl FnOnce() -> T,
) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(panic) => {
            metrics.panics.fetch_add(1, Relaxed);
            let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let said = said
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            tracing::error!(
                doing,
                said,
                "a party failed; the request got the generic answer"
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted_and_goes_no_further() {
        let metrics = Metrics::default();
        let list: Vec<u8> = Vec::new();
        assert_eq!(guarded(&metrics, "reading", || list[0]), None);
        assert_eq!(guarded(&metrics, "reading", || 7), Some(7));
        assert_eq!(metrics.panics.load(Relaxed), 1);
    }
}
