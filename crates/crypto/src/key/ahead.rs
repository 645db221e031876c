//! Keys made ahead, by threads of their own, for whoever knows that several are needed at once.
//!
//! An RSA key takes a tenth of a second, and now and then several. Who sets up a server needs half a dozen, one
//! after another, some of them while a state of the directory is held that does not stay for that long. So they
//! can be asked for here beforehand, and [`PrivateKey::generate`] hands out what was made. Each key is handed out
//! once. Curve keys take no time and are never made ahead.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{KeyKind, PrivateKey};

/// More keys than this are never asked for at once.
const MOST: usize = 64;

/// What was asked for, and how far it is.
struct Bench {
    /// Asked for, and not begun.
    wanted: Vec<KeyKind>,
    /// Being made.
    begun: Vec<KeyKind>,
    /// Made, and not handed out.
    made: Vec<PrivateKeyOfKind>,
    /// Threads that make keys.
    threads: usize,
}

struct PrivateKeyOfKind(KeyKind, PrivateKey);

static BENCH: (Mutex<Bench>, Condvar) = (
    Mutex::new(Bench {
        wanted: Vec::new(),
        begun: Vec::new(),
        made: Vec::new(),
        threads: 0,
    }),
    Condvar::new(),
);

fn bench() -> MutexGuard<'static, Bench> {
    BENCH.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait(bench: MutexGuard<'static, Bench>) -> MutexGuard<'static, Bench> {
    BENCH.1.wait(bench).unwrap_or_else(PoisonError::into_inner)
}

const fn takes_time(kind: KeyKind) -> bool {
    matches!(kind, KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096)
}

/// Takes one out.
fn remove(kinds: &mut Vec<KeyKind>, kind: KeyKind) -> bool {
    let place = kinds.iter().position(|known| *known == kind);
    place.map(|place| kinds.swap_remove(place)).is_some()
}

fn count(kinds: &[KeyKind], kind: KeyKind) -> usize {
    kinds.iter().filter(|known| **known == kind).count()
}

impl Bench {
    fn made(&self, kind: KeyKind) -> usize {
        self.made.iter().filter(|made| made.0 == kind).count()
    }

    /// Asks for keys, and has a thread for each processor make them.
    fn want(&mut self, kind: KeyKind, more: usize) {
        let room = MOST.saturating_sub(self.wanted.len() + self.begun.len() + self.made.len());
        self.wanted
            .extend(std::iter::repeat_n(kind, more.min(room)));
        let processors = thread::available_parallelism().map_or(2, usize::from);
        while self.threads < processors.min(self.wanted.len()) {
            let started = thread::Builder::new().name("keys".to_owned()).spawn(work);
            if started.is_err() {
                // Whoever needs a key makes it then.
                break;
            }
            self.threads += 1;
        }
    }
}

/// Begins to make `more` keys of `kind`, and does not wait for them.
pub fn begin(kind: KeyKind, more: usize) {
    if takes_time(kind) {
        bench().want(kind, more);
    }
}

/// Has `number` keys of `kind` ready to be handed out, and waits until they are.
pub fn ready(kind: KeyKind, number: usize) {
    if !takes_time(kind) {
        return;
    }
    let mut bench = bench();
    let there = bench.made(kind) + count(&bench.begun, kind) + count(&bench.wanted, kind);
    bench.want(kind, number.saturating_sub(there));
    while bench.made(kind) < number {
        if bench.threads == 0 {
            return;
        }
        bench = wait(bench);
    }
}

/// Forgets what was asked for and not handed out.
pub fn forget() {
    let mut bench = bench();
    bench.wanted.clear();
    bench.made.clear();
}

/// A key that was made ahead. One that is under way is waited for; one that nobody has begun is left to the
/// caller.
pub(super) fn take(kind: KeyKind) -> Option<PrivateKey> {
    if !takes_time(kind) {
        return None;
    }
    let mut bench = bench();
    loop {
        if let Some(place) = bench.made.iter().position(|made| made.0 == kind) {
            return Some(bench.made.swap_remove(place).1);
        }
        if remove(&mut bench.wanted, kind) || count(&bench.begun, kind) == 0 {
            return None;
        }
        bench = wait(bench);
    }
}

/// Makes what is wanted until nothing is.
fn work() {
    let _leaves = Leaves;
    loop {
        let mut held = bench();
        let Some(kind) = held.wanted.pop() else {
            return;
        };
        held.begun.push(kind);
        drop(held);
        let ends = Ends(kind);
        let key = PrivateKey::make(kind);
        bench().made.push(PrivateKeyOfKind(kind, key));
        drop(ends);
    }
}

/// A key is no longer being made, whether it was made or not.
struct Ends(KeyKind);

impl Drop for Ends {
    fn drop(&mut self) {
        remove(&mut bench().begun, self.0);
        BENCH.1.notify_all();
    }
}

/// A thread is gone.
struct Leaves;

impl Drop for Leaves {
    fn drop(&mut self) {
        let mut bench = bench();
        bench.threads = bench.threads.saturating_sub(1);
        drop(bench);
        BENCH.1.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Signer as _;

    // One test: the bench is the process's.
    #[test]
    fn each_key_that_was_made_ahead_is_handed_out_once_and_none_is_missed() {
        ready(KeyKind::Rsa2048, 2);
        assert!(bench().made(KeyKind::Rsa2048) >= 2);
        begin(KeyKind::Rsa2048, 2);
        begin(KeyKind::P256, 5);
        let keys: Vec<_> = (0..5)
            .map(|_| PrivateKey::generate(KeyKind::Rsa2048))
            .collect();
        let mut fingerprints: Vec<_> = keys
            .iter()
            .map(|key| key.public_key().fingerprint().0)
            .collect();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), 5);
        assert!(keys.iter().all(|key| key.public_key().bits() == 2048));
        begin(KeyKind::Rsa2048, 1);
        forget();
        let kept = bench();
        assert!(kept.made.is_empty() && kept.wanted.is_empty());
    }
}
