//! How many may do what takes long and much memory at once, over all ways on which it is asked for.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A gate that lets some in at once, and others wait.
#[derive(Debug)]
pub(crate) struct Gate {
    at_once: usize,
    patience: Duration,
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    waiting: usize,
}

/// Somebody inside, who leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Gate);

impl Gate {
    /// A gate that lets `at_once` in, and where nobody waits longer than `patience`.
    pub(crate) fn new(at_once: usize, patience: Duration) -> Self {
        Self {
            at_once: at_once.max(1),
            patience,
            state: Mutex::default(),
            left: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the caller in when there is room, or not at all. The thread waits; where that thread is needed for other
    /// things, `in_turn` lets no more wait than may be inside.
    pub(crate) fn enter(&self, in_turn: bool) -> Option<Inside<'_>> {
        let mut state = self.state();
        if in_turn && state.inside >= self.at_once && state.waiting >= self.at_once {
            return None;
        }
        state.waiting += 1;
        let full = |state: &mut State| state.inside >= self.at_once;
        let waited = self.left.wait_timeout_while(state, self.patience, full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        if full(&mut state) {
            return None;
        }
        state.inside += 1;
        Some(Inside(self))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.state().inside -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[test]
    fn no_more_are_inside_than_may_be() {
        let gate = Gate::new(2, SOON);
        let first = gate.enter(false).unwrap();
        let _second = gate.enter(true).unwrap();
        assert!(gate.enter(false).is_none(), "the third has waited in vain");
        drop(first);
        assert!(gate.enter(false).is_some());
    }

    #[test]
    fn who_waits_is_let_in_when_somebody_leaves() {
        let gate = Gate::new(1, Duration::from_secs(60));
        let first = gate.enter(false).unwrap();
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let gate = &gate;
            scope.spawn(move || tell.send(gate.enter(false).is_some()));
            while gate.state().waiting == 0 {
                thread::yield_now();
            }
            assert!(
                gate.enter(true).is_none(),
                "one waits already, and a thread that is needed elsewhere does not"
            );
            drop(first);
            assert!(told.recv().unwrap());
        });
    }
}
