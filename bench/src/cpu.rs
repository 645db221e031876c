//! CPU time of a thread, to the microsecond: what `/proc` says of it may be as old as the scheduler's last tick.

use rustix::time::{ClockId, clock_gettime};

/// CPU time that this thread has used, in nanoseconds.
#[must_use]
pub fn of_thread() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let [seconds, nanoseconds] = [used.tv_sec, used.tv_nsec].map(i64::unsigned_abs);
    seconds * 1_000_000_000 + nanoseconds
}

/// The middle one.
///
/// # Panics
/// Without values.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
