//! How many threads of several take what comes, so that few stacks go round in the processors' caches: the kernel wakes
//! whoever has waited longest. Whoever is held up by something lets another in meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The places, some of them free.
#[derive(Debug)]
pub(crate) struct Places {
    free: Mutex<usize>,
    left: Condvar,
}

impl Places {
    /// So many, at least one, all of them free.
    pub(crate) fn new(number: usize) -> Self {
        Self {
            free: Mutex::new(number.max(1)),
            left: Condvar::new(),
        }
    }

    fn free(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, or for the end.
    pub(crate) fn enter(&self, stop: &AtomicBool) {
        let full = |free: &mut usize| *free == 0 && !stop.load(Ordering::Acquire);
        let waited = self.left.wait_while(self.free(), full);
        let mut free = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_sub(1);
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        *self.free() += 1;
        self.left.notify_one();
    }

    /// Says to everybody that it is the end.
    pub(crate) fn end(&self, stop: &AtomicBool) {
        {
            // Under the lock, so that nobody who looks now waits for ever.
            let _free = self.free();
            stop.store(true, Ordering::Release);
        }
        self.left.notify_all();
    }
}

/// One thread's place. It is never waited for in the middle of something: whoever has it may be waiting for a peer.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    places: &'a Places,
    held: bool,
}

impl<'a> Place<'a> {
    /// One that is not held yet.
    pub(crate) fn of(places: &'a Places) -> Self {
        Self {
            places,
            held: false,
        }
    }

    /// Waits for it, unless it is held.
    pub(crate) fn enter(&mut self, stop: &AtomicBool) {
        if !self.held {
            self.places.enter(stop);
            self.held = true;
        }
    }

    /// Gives it back, where it is held.
    pub(crate) fn leave(&mut self) {
        if self.held {
            self.held = false;
            self.places.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn no_more_are_inside_than_there_are_places_and_the_end_lets_everybody_go() {
        let (places, stop) = (Places::new(2), AtomicBool::new(false));
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        places.enter(&stop);
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        places.leave();
                    }
                });
            }
        });
        places.enter(&stop);
        places.enter(&stop);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| places.enter(&stop));
            places.end(&stop);
            waiting.join().unwrap();
        });
    }
}
