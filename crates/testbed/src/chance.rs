//! Time that is moved and dice that fall the same way each time.

use std::sync::atomic::{AtomicI64, Ordering};

use trust::{Clock, Rng, Span, Timestamp};

/// When every world begins: 2026-11-21T12:00:00Z.
pub const START: Timestamp = Timestamp::from_unix(1_795_262_400);

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct Hands(AtomicI64);

impl Default for Hands {
    fn default() -> Self {
        Self(AtomicI64::new(START.micros()))
    }
}

impl Hands {
    /// Moves the clock.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Random bytes that are the same for the same seed: SHA-256 over the seed and a counter.
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    rolled: u64,
}

impl Dice {
    /// Dice with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, rolled: 0 }
    }
}

impl Rng for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let input = [self.seed.to_be_bytes(), self.rolled.to_be_bytes()].concat();
            self.rolled += 1;
            let block = crypto::digest::sha256(&input);
            for (place, byte) in chunk.iter_mut().zip(block) {
                *place = byte;
            }
        }
    }
}
