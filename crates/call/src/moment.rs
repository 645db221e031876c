//! The machine's monotonic clock, for how long a peer may take.

use std::time::Instant;

/// The moment now on the monotonic clock.
pub(crate) fn now() -> Instant {
    #[allow(
        clippy::disallowed_methods,
        reason = "connections are made here, so their deadlines are read here"
    )]
    Instant::now()
}
