//! How many requests that may cost a signature are worked at at once, over all ways on which they come and from one
//! address. Whoever signs in by password waits for none of them: there is always a thread that they cannot have.

use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The bound, and who is inside.
#[derive(Debug)]
pub(crate) struct Signatures {
    at_once: usize,
    per_source: usize,
    patience: Duration,
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inside: Vec<[u8; 16]>,
    waiting: usize,
}

/// Somebody inside, who leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    signatures: &'a Signatures,
    source: [u8; 16],
}

/// An address as it counts: an IPv6 network of 64 bits is one.
pub(crate) fn source(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

impl Signatures {
    /// Lets `at_once` in, `per_source` of them from one address; as many may wait, no longer than `patience`.
    pub(crate) fn new(at_once: usize, per_source: usize, patience: Duration) -> Self {
        Self {
            at_once: at_once.max(1),
            per_source: per_source.max(1),
            patience,
            state: Mutex::default(),
            left: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request from `address` in when there is room. At once, or after a short wait, or not at all.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Inside<'_>> {
        let source = source(address);
        let mut state = self.state();
        let full = |state: &mut State| {
            let own = state.inside.iter().filter(|inside| **inside == source);
            state.inside.len() >= self.at_once || own.count() >= self.per_source
        };
        if full(&mut state) {
            if state.waiting >= self.at_once {
                return None;
            }
            state.waiting += 1;
            let waited = self.left.wait_timeout_while(state, self.patience, full);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
            if full(&mut state) {
                return None;
            }
        }
        state.inside.push(source);
        Some(Inside {
            signatures: self,
            source,
        })
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.signatures.state();
        let place = state
            .inside
            .iter()
            .position(|inside| *inside == self.source);
        if let Some(place) = place {
            state.inside.swap_remove(place);
        }
        drop(state);
        // Who waits may be waiting for another source than the one that left.
        self.signatures.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let signatures = Signatures::new(3, 2, SOON);
        let flood = address("203.0.113.1");
        let first = signatures.enter(flood).unwrap();
        let _second = signatures.enter(flood).unwrap();
        assert!(signatures.enter(flood).is_none(), "it has its two");
        let other = signatures.enter(address("192.0.2.1"));
        assert!(other.is_some());
        assert!(signatures.enter(address("192.0.2.2")).is_none(), "full");
        assert_eq!(signatures.state().inside.len(), 3);
        drop(first);
        assert!(signatures.enter(address("192.0.2.2")).is_some());
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let signatures = Signatures::new(8, 1, SOON);
        let _first = signatures.enter(address("2001:db8::1")).unwrap();
        assert!(signatures.enter(address("2001:db8::2")).is_none());
        assert!(signatures.enter(address("2001:db8:0:1::2")).is_some());
        let _mapped = signatures.enter(address("::ffff:192.0.2.1")).unwrap();
        assert!(signatures.enter(address("192.0.2.1")).is_none());
    }

    #[test]
    fn who_waits_is_let_in_when_somebody_leaves() {
        let signatures = Signatures::new(1, 1, Duration::from_secs(60));
        let first = signatures.enter(address("192.0.2.1")).unwrap();
        std::thread::scope(|scope| {
            let signatures = &signatures;
            let waiter = scope.spawn(move || signatures.enter(address("192.0.2.2")).is_some());
            while signatures.state().waiting == 0 {
                std::thread::yield_now();
            }
            assert!(
                signatures.enter(address("192.0.2.3")).is_none(),
                "no more wait than may be inside"
            );
            drop(first);
            assert!(waiter.join().unwrap());
        });
    }
}
