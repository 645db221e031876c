//! The machine's monotonic clock, for deadlines of connections and for measuring.

use std::time::Instant;

/// The moment now on the monotonic clock. Only for how long a peer may take and how long an answer
/// took; what a message or an entry means is decided with `trust::Timestamp`.
pub(crate) fn now() -> Instant {
    #[allow(
        clippy::disallowed_methods,
        reason = "sockets are served here, so their deadlines are read here"
    )]
    Instant::now()
}
