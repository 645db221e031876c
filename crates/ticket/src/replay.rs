//! Remembering what was seen, for as long as it could be replayed (RFC 4120 3.2.3, protocols E.3.1 step 5).
//!
//! In memory only: a Kerberos answer is of no use to who replays the request without the key, so
//! nothing of this need survive a restart.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use trust::{Span, Timestamp};

const SHARDS: usize = 16;

/// A bounded memory of recent things by their digest. What is put in stays for at least `span`,
/// unless more than `capacity` newer things arrive within it; then the oldest half of a shard goes.
pub struct Recent<V> {
    shards: [Mutex<Generations<V>>; SHARDS],
    span: Span,
    capacity: usize,
}

/// Two maps take turns: what is in neither is forgotten, so expiry costs nothing per entry.
struct Generations<V> {
    young: HashMap<[u8; 32], V, DigestHash>,
    old: HashMap<[u8; 32], V, DigestHash>,
    since: Timestamp,
}

impl<V: Clone> Recent<V> {
    /// A memory that holds things for `span` and about `capacity` of them at once.
    pub fn new(span: Span, capacity: usize) -> Self {
        let shard = || {
            Mutex::new(Generations {
                young: HashMap::default(),
                old: HashMap::default(),
                since: Timestamp::EPOCH,
            })
        };
        Self {
            shards: std::array::from_fn(|_| shard()),
            span,
            capacity: (capacity / SHARDS / 2).max(1),
        }
    }

    /// What was remembered under `digest`, if anything.
    pub fn find(&self, digest: &[u8; 32], now: Timestamp) -> Option<V> {
        self.with(digest, now, |shard| shard.find(digest).cloned())
    }

    /// Remembers `value` under `digest`. What was there before comes back, and stays.
    pub fn remember(&self, digest: [u8; 32], value: V, now: Timestamp) -> Option<V> {
        self.with(&digest, now, |shard| {
            if let Some(first) = shard.find(&digest) {
                return Some(first.clone());
            }
            shard.young.insert(digest, value);
            None
        })
    }

    fn with<T>(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
        act: impl FnOnce(&mut Generations<V>) -> T,
    ) -> T {
        let shard = &self.shards[usize::from(digest[0]) % SHARDS];
        // A panic elsewhere leaves the maps whole: each step on them is complete in itself.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(now, self.span, self.capacity);
        act(&mut shard)
    }
}

impl<V> Generations<V> {
    fn find(&self, digest: &[u8; 32]) -> Option<&V> {
        self.young.get(digest).or_else(|| self.old.get(digest))
    }

    fn turn(&mut self, now: Timestamp, span: Span, capacity: usize) {
        if now < self.since {
            // The clock was set back. That alone makes nothing old enough to be forgotten.
            self.since = now;
        }
        let age = now.since(self.since);
        if age >= span + span {
            self.old.clear();
            self.young.clear();
            self.since = now;
        } else if age >= span || self.young.len() >= capacity {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
    }
}

/// The keys are digests already, so their own bytes are hash enough; an attacker who could choose
/// them freely would have broken SHA-256 first.
#[derive(Clone, Copy, Default)]
struct DigestHash;

struct FirstBytes(u64);

impl BuildHasher for DigestHash {
    type Hasher = FirstBytes;

    fn build_hasher(&self) -> FirstBytes {
        FirstBytes(0)
    }

    fn hash_one<T: Hash>(&self, value: T) -> u64 {
        let mut hasher = self.build_hasher();
        value.hash(&mut hasher);
        std::hash::Hasher::finish(&hasher)
    }
}

impl std::hash::Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut first = [0; 8];
        // Bytes 8 to 16: the first one already chose the shard.
        if let Some(bytes) = bytes.get(8..16) {
            first.copy_from_slice(bytes);
        }
        self.0 ^= u64::from_le_bytes(first);
    }

    fn write_usize(&mut self, _length: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u64) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        digest[8..16].copy_from_slice(&n.wrapping_mul(0xff51_afd7_ed55_8ccd).to_le_bytes());
        digest
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000 + seconds)
    }

    #[test]
    fn the_first_value_stays_and_comes_back() {
        let recent = Recent::new(Span::minutes(5), 1_000);
        assert_eq!(recent.remember(digest(1), "first", at(0)), None);
        assert_eq!(recent.remember(digest(1), "second", at(1)), Some("first"));
        assert_eq!(recent.find(&digest(1), at(2)), Some("first"));
        assert_eq!(recent.find(&digest(2), at(2)), None);
    }

    #[test]
    fn nothing_is_forgotten_within_its_span_and_everything_after_two() {
        let recent = Recent::new(Span::minutes(5), 1_000);
        recent.remember(digest(1), (), at(299));
        assert!(recent.find(&digest(1), at(299 + 300)).is_some());
        assert!(recent.find(&digest(1), at(299 + 900)).is_none());
    }

    #[test]
    fn what_was_seen_is_not_forgotten_because_the_clock_was_set_back() {
        let recent = Recent::new(Span::minutes(5), 1_000);
        recent.remember(digest(1), (), at(0));
        assert!(recent.find(&digest(1), at(-3_600)).is_some());
        assert!(recent.find(&digest(1), at(-3_600 + 299)).is_some());
        assert!(recent.find(&digest(1), at(0)).is_none());
    }

    #[test]
    fn memory_is_bounded_whatever_arrives() {
        let recent = Recent::new(Span::minutes(5), 1_600);
        for n in 0..100_000 {
            recent.remember(digest(n), (), at(0));
        }
        let held: usize = recent
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap())
            .map(|s| s.young.len() + s.old.len())
            .sum();
        assert!(held <= 1_600 + 2 * SHARDS, "{held}");
    }
}
