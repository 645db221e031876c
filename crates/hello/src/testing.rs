//! What several modules' tests share.

use provisioning::doors::Account;
use trust::{Rng, Timestamp};
use wire::Sid;

/// When tests begin.
pub(crate) const START: Timestamp = Timestamp::from_unix(1_800_000_000);

/// Random bytes that are the same at every run: SHA-256 over a seed and a counter.
pub(crate) struct Dice {
    seed: u64,
    rolled: u64,
}

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, rolled: 0 }
    }
}

impl Rng for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let mut input = self.seed.to_be_bytes().to_vec();
            input.extend(self.rolled.to_be_bytes());
            self.rolled += 1;
            let block = crypto::digest::sha256(&input);
            for (place, byte) in chunk.iter_mut().zip(block) {
                *place = byte;
            }
        }
    }
}

/// The account that most tests are about.
pub(crate) fn alice() -> Account {
    named("alice")
}

/// An account of that name.
pub(crate) fn named(name: &str) -> Account {
    Account {
        upn: format!("{name}@corp.example"),
        sid: Sid::new(5, &[21, 1, 2, 3, 1104]).ok(),
        domain: "corp.example".to_owned(),
    }
}
