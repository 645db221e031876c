//! Limits on attempts, in memory that does not grow with the number of those who try.
//!
//! The generic cell rate algorithm over a sketch: each key owns one cell in each of four rows, a cell holds one moment,
//! and a key is over its limit only when all four of its cells are. Keys that share a cell can make the count too high,
//! by chance once in a great many, and never too low; so nobody who floods us with addresses makes us forget another.

use core::hash::Hasher;
use std::hash::DefaultHasher;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Rng, Span, Timestamp};

const ROWS: usize = 4;
const CELLS: usize = 1 << 14;

/// How often something may be tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// How many attempts may come at once, at least 1.
    pub burst: u32,
    /// After how long one more may come.
    pub every: Span,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted<'a> {
    /// Failed sign-ins to an account, by the name that was given, whether or not it exists.
    FailuresOf(&'a str),
    /// Failed sign-ins from an address.
    FailuresFrom(&'a [u8]),
    /// Requests for sign-in pages and tokens from an address.
    RequestsFrom(&'a [u8]),
    /// What another party counts under a name of its own, and of whom.
    Named(&'static str, &'a [u8]),
}

/// Counts attempts; 512 KiB, shared by all threads.
pub struct Limiter {
    /// When each cell will be empty again, in microseconds since 1970.
    cells: Box<[AtomicI64]>,
    /// Unknown to those who try, so that they cannot choose whose cells they fill.
    seed: [u8; 16],
}

/// Without the seed.
impl core::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

impl Limiter {
    /// An empty limiter.
    pub fn new(rng: &mut dyn Rng) -> Self {
        Self {
            cells: (0..ROWS * CELLS)
                .map(|_| AtomicI64::new(i64::MIN))
                .collect(),
            seed: rng.bytes(),
        }
    }

    /// How long `counted` must wait before the next attempt; `None` when it may come now.
    #[must_use]
    pub fn wait(&self, counted: Counted<'_>, limit: Limit, now: Timestamp) -> Option<Span> {
        let full = limit
            .every
            .as_micros()
            .saturating_mul(i64::from(limit.burst.max(1)));
        let room = full.saturating_sub(limit.every.as_micros());
        // A clock that was set back must not lock anybody out for longer than the limit itself would.
        let filled = self.cells_of(counted).map(|cell| {
            cell.load(Ordering::Relaxed)
                .saturating_sub(now.micros())
                .min(full)
        });
        let least = filled.min().unwrap_or(0);
        (least > room).then(|| Span::micros(least - room))
    }

    /// Counts one attempt.
    pub fn count(&self, counted: Counted<'_>, limit: Limit, now: Timestamp) {
        let every = limit.every.as_micros();
        let most = now
            .micros()
            .saturating_add(every.saturating_mul(i64::from(limit.burst.max(1))));
        for cell in self.cells_of(counted) {
            let more = |until: i64| Some(until.max(now.micros()).saturating_add(every).min(most));
            // The closure always gives a value, so the update cannot fail.
            let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }

    fn cells_of<'a>(&'a self, counted: Counted<'a>) -> impl Iterator<Item = &'a AtomicI64> {
        (0..ROWS).filter_map(move |row| {
            let mut hasher = DefaultHasher::new();
            hasher.write(&self.seed);
            hasher.write_usize(row);
            match counted {
                Counted::FailuresOf(name) => {
                    hasher.write_u8(0);
                    name.bytes()
                        .for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
                }
                Counted::FailuresFrom(address) => {
                    hasher.write_u8(1);
                    hasher.write(address);
                }
                Counted::RequestsFrom(address) => {
                    hasher.write_u8(2);
                    hasher.write(address);
                }
                Counted::Named(name, of) => {
                    hasher.write_u8(3);
                    hasher.write(name.as_bytes());
                    hasher.write_u8(0xff);
                    hasher.write(of);
                }
            }
            let place = usize::try_from(hasher.finish() % CELLS as u64).unwrap_or(0);
            self.cells.get(row * CELLS + place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator that repeats itself from the same seed.
    struct Dice(u8);

    impl Dice {
        fn new(seed: u8) -> Self {
            Self(seed)
        }
    }

    impl Rng for Dice {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_mul(181).wrapping_add(101);
                *byte = self.0;
            }
        }
    }

    const LIMIT: Limit = Limit {
        burst: 3,
        every: Span::minutes(1),
    };
    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    #[test]
    fn a_burst_is_allowed_and_then_one_each_minute() {
        let limiter = Limiter::new(&mut Dice::new(1));
        let alice = Counted::FailuresOf("alice");
        for _ in 0..3 {
            assert_eq!(limiter.wait(alice, LIMIT, NOW), None);
            limiter.count(alice, LIMIT, NOW);
        }
        assert_eq!(limiter.wait(alice, LIMIT, NOW), Some(Span::minutes(1)));
        assert_eq!(
            limiter.wait(alice, LIMIT, NOW + Span::seconds(59)),
            Some(Span::seconds(1))
        );
        assert_eq!(limiter.wait(alice, LIMIT, NOW + Span::minutes(1)), None);
        assert_eq!(
            limiter.wait(Counted::FailuresOf("ALICE"), LIMIT, NOW),
            Some(Span::minutes(1))
        );
        assert_eq!(limiter.wait(Counted::FailuresOf("bob"), LIMIT, NOW), None);
        assert_eq!(
            limiter.wait(Counted::FailuresFrom(b"alice"), LIMIT, NOW),
            None
        );
    }

    #[test]
    fn attempts_beyond_the_limit_do_not_lengthen_the_wait_without_end() {
        let limiter = Limiter::new(&mut Dice::new(1));
        let alice = Counted::FailuresOf("alice");
        (0..1000).for_each(|_| limiter.count(alice, LIMIT, NOW));
        assert_eq!(limiter.wait(alice, LIMIT, NOW), Some(Span::minutes(1)));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_longer_than_the_limit() {
        let limiter = Limiter::new(&mut Dice::new(1));
        let alice = Counted::FailuresOf("alice");
        (0..3).for_each(|_| limiter.count(alice, LIMIT, NOW));
        assert_eq!(
            limiter.wait(alice, LIMIT, NOW - Span::days(1)),
            Some(Span::minutes(1))
        );
    }

    #[test]
    fn a_flood_of_other_addresses_does_not_make_it_forget() {
        let limiter = Limiter::new(&mut Dice::new(1));
        let one = Counted::FailuresFrom(&[192, 0, 2, 1]);
        (0..3).for_each(|_| limiter.count(one, LIMIT, NOW));
        for other in 0..20_000u32 {
            limiter.count(Counted::FailuresFrom(&other.to_be_bytes()), LIMIT, NOW);
        }
        assert!(limiter.wait(one, LIMIT, NOW).is_some());
    }

    #[test]
    fn a_log_has_no_seed() {
        let limiter = Limiter::new(&mut Dice::new(1));
        assert_eq!(format!("{limiter:?}"), "Limiter { .. }");
    }
}
