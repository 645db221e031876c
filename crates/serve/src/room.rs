//! How many connections may be open: in all, and from one address.
//!
//! A newcomer over the total takes the place of whoever has kept the server waiting longest, so that a
//! crowd of silent connections cannot shut the door for the others (security.md row 21).
//!
//! And how much of what they bring may lie here at once: many connections with many long requests each, none of which ever
//! ends, would take all memory there is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::fault::Role;
use crate::metrics::Metrics;

/// A connection's turn counter while its request is being answered: never the longest to wait.
const BUSY: u64 = u64::MAX;

/// What a request may bring without asking for room, in bytes: nearly all bring less.
const SMALL: usize = 8 * 1024;

/// Bytes of a unit of the room that longer ones have.
const UNIT: usize = 4 * 1024;

/// How many units there are: 64 MiB.
const UNITS: usize = 16 * 1024;

/// The room that one listener has for connections.
#[derive(Debug)]
pub(crate) struct Room {
    freight: Arc<Semaphore>,
    role: Role,
    total: usize,
    per_address: usize,
    turn: AtomicU64,
    metrics: Arc<Metrics>,
    open: Mutex<HashMap<u64, Place>>,
}

#[derive(Debug)]
struct Place {
    address: Option<[u8; 16]>,
    waiting_since: Arc<AtomicU64>,
    leave: Arc<Notify>,
    leaving: bool,
}

impl Room {
    /// Room for `total` connections, `per_address` of them from one address, an IPv6 network of 64 bits being one.
    pub(crate) fn new(
        role: Role,
        total: usize,
        per_address: usize,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            freight: Arc::new(Semaphore::new(UNITS)),
            role,
            total: total.max(1),
            per_address: per_address.max(1),
            turn: AtomicU64::new(0),
            metrics,
            open: Mutex::default(),
        })
    }

    /// Room for what a request brings, to be asked for as it comes.
    pub(crate) fn freight(&self) -> Freight {
        Freight {
            room: Arc::clone(&self.freight),
            held: None,
            units: 0,
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Place>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection from `address` in (`None` for a Unix socket, which has none), or turns it away.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Seat> {
        let address = address.map(crate::signatures::source);
        let mut open = self.open();
        let from_there = |place: &&Place| address.is_some() && place.address == address;
        if open.values().filter(from_there).count() >= self.per_address {
            drop(open);
            self.metrics.turned_away(self.role);
            return None;
        }
        let staying = open.values().filter(|place| !place.leaving).count();
        if staying >= self.total && !self.evict_the_longest_waiting(&mut open) {
            drop(open);
            self.metrics.turned_away(self.role);
            return None;
        }
        let id = self.turn.fetch_add(1, Relaxed);
        let (waiting_since, leave) = (Arc::new(AtomicU64::new(id)), Arc::new(Notify::new()));
        let place = Place {
            address,
            waiting_since: Arc::clone(&waiting_since),
            leave: Arc::clone(&leave),
            leaving: false,
        };
        open.insert(id, place);
        drop(open);
        self.metrics.connection(self.role, 1);
        Some(Seat {
            room: Arc::clone(self),
            id,
            waiting_since,
            leave,
        })
    }

    fn evict_the_longest_waiting(&self, open: &mut HashMap<u64, Place>) -> bool {
        let idle = open
            .values_mut()
            .filter(|place| !place.leaving && place.waiting_since.load(Relaxed) != BUSY);
        let Some(longest) = idle.min_by_key(|place| place.waiting_since.load(Relaxed)) else {
            return false;
        };
        longest.leaving = true;
        longest.leave.notify_one();
        self.metrics.evicted(self.role);
        true
    }
}

/// The room that one request's body takes, given back when dropped.
#[derive(Debug)]
pub(crate) struct Freight {
    room: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    units: usize,
}

impl Freight {
    /// Takes room for `bytes` in all; whether there is some.
    pub(crate) fn holds(&mut self, bytes: usize) -> bool {
        let wanted = match bytes {
            ..=SMALL => 0,
            bytes => bytes.div_ceil(UNIT),
        };
        let Ok(more) = u32::try_from(wanted.saturating_sub(self.units)) else {
            return false;
        };
        if more == 0 {
            return true;
        }
        let Ok(taken) = Arc::clone(&self.room).try_acquire_many_owned(more) else {
            return false;
        };
        match &mut self.held {
            Some(held) => held.merge(taken),
            None => self.held = Some(taken),
        }
        self.units = wanted;
        true
    }
}

/// A connection's place in the room, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    id: u64,
    waiting_since: Arc<AtomicU64>,
    leave: Arc<Notify>,
}

impl Seat {
    /// The peer sent a whole request: while it is answered the connection keeps its place.
    pub(crate) fn busy(&self) {
        self.waiting_since.store(BUSY, Relaxed);
    }

    /// The server waits for the peer again.
    pub(crate) fn waiting(&self) {
        self.waiting_since
            .store(self.room.turn.fetch_add(1, Relaxed), Relaxed);
    }

    /// Ends when the connection must make room for another.
    pub(crate) async fn evicted(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.open().remove(&self.id);
        self.room.metrics.connection(self.room.role, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(total: usize, per_address: usize) -> Arc<Room> {
        Room::new(Role::Https, total, per_address, Arc::default())
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    async fn is_told_to_leave(seat: &Seat) -> bool {
        tokio::select! {
            biased;
            () = seat.evicted() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn a_newcomer_takes_the_place_of_the_longest_waiting() {
        let room = room(2, 9);
        let silent = room.admit(address(1)).unwrap();
        let talking = room.admit(address(2)).unwrap();
        silent.waiting();
        talking.waiting();
        talking.busy();
        let newcomer = room.admit(address(3)).unwrap();
        assert!(is_told_to_leave(&silent).await);
        assert!(!is_told_to_leave(&talking).await);
        assert!(!is_told_to_leave(&newcomer).await);
    }

    #[tokio::test]
    async fn nobody_who_is_being_answered_is_sent_away() {
        let room = room(1, 9);
        let talking = room.admit(address(1)).unwrap();
        talking.busy();
        assert!(room.admit(address(2)).is_none());
        talking.waiting();
        assert!(room.admit(address(2)).is_some());
    }

    #[test]
    fn what_requests_bring_has_room_in_all_and_small_ones_need_none() {
        let room = room(1, 1);
        let mut long: Vec<Freight> = (0..64).map(|_| room.freight()).collect();
        for freight in &mut long {
            assert!(freight.holds(1));
            assert!(freight.holds(1 << 19) && freight.holds(1 << 20));
        }
        let mut another = room.freight();
        assert!(another.holds(SMALL) && !another.holds(SMALL + 1));
        long.pop();
        assert!(another.holds(1 << 20));
        assert!(!room.freight().holds(1 << 20));
    }

    #[test]
    fn whoever_has_a_network_of_64_bits_has_one_address() {
        let room = room(10, 2);
        let from = |text: &str| room.admit(Some(text.parse().unwrap()));
        let _seats = [from("2001:db8::1").unwrap(), from("2001:db8::2").unwrap()];
        assert!(from("2001:db8::3").is_none());
        let _other = from("2001:db8:0:1::3").unwrap();
        let _seats = [
            from("192.0.2.1").unwrap(),
            from("::ffff:192.0.2.1").unwrap(),
        ];
        assert!(from("192.0.2.1").is_none());
    }

    #[test]
    fn one_address_cannot_take_all_the_room_and_gets_it_back_when_it_leaves() {
        let room = room(10, 2);
        let first = room.admit(address(1)).unwrap();
        let _second = room.admit(address(1)).unwrap();
        assert!(room.admit(address(1)).is_none());
        assert!(room.admit(address(2)).is_some());
        drop(first);
        assert!(room.admit(address(1)).is_some());
    }
}
