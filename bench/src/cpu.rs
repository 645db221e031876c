//! CPU time, as the scheduler counts it.

/// CPU time that this thread has used, in nanoseconds.
///
/// # Panics
/// On a system without `/proc`.
#[must_use]
pub fn of_thread() -> u64 {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let first = line.split(' ').next().unwrap_or_default();
    first.parse().expect("the first number is nanoseconds")
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
