//! Parsed entries that are asked for often.
//!
//! An entry leaves the cache inside the transaction that changes it, before that transaction is durable;
//! until the change is committed, readers find it in the store, and what they read there is not let in.
//! So whatever is found here is the newest committed state, and nothing has to be told to anyone when a
//! commit has returned.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::account::Account;
use crate::device::Device;
use crate::entry::Entry;
use crate::group::TokenGroup;
use crate::id::{EntryId, Stamp};
use crate::reads::Observation;

const SHARDS: usize = 16;

/// A parsed entry.
#[derive(Clone, Debug)]
pub(crate) enum Parsed {
    Account(Arc<Account>),
    Device(Arc<Device>),
    /// The domain's head, with its policies.
    Head(Arc<Entry>),
}

impl Parsed {
    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Self::Account(account) => account.stamp,
            Self::Device(device) => device.stamp,
            Self::Head(head) => head.stamp,
        }
    }

    pub(crate) fn id(&self) -> EntryId {
        match self {
            Self::Account(account) => account.id,
            Self::Device(device) => device.id,
            Self::Head(head) => head.id,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Account(account) => account.weight(),
            Self::Device(_) => 4_000,
            Self::Head(_) => 2_000,
        }
    }
}

/// The groups of an account, and what they were computed from.
#[derive(Debug)]
pub(crate) struct Memberships {
    pub(crate) groups: Arc<[TokenGroup]>,
    pub(crate) observed: Arc<[Observation]>,
}

pub(crate) struct Cache {
    shards: [Mutex<Shard>; SHARDS],
    names: [Mutex<HashMap<String, EntryId>>; SHARDS],
    /// The commit that last changed who is in which group.
    groups_changed: AtomicU64,
    /// The most bytes per shard; 0 keeps nothing.
    limit: usize,
}

#[derive(Default)]
struct Shard {
    slots: HashMap<EntryId, Slot>,
    /// In the order in which they came, each with its slot's turn; who was asked for since goes round
    /// once more. Slots that went otherwise leave their places here, which are skipped.
    order: VecDeque<(EntryId, u64)>,
    turns: u64,
    weight: usize,
    /// The newest commit that changed an entry of this shard: what was read before it is not let in.
    changed: u64,
}

struct Slot {
    parsed: Parsed,
    names: Vec<String>,
    weight: usize,
    turn: u64,
    asked: bool,
    /// With the number of the commit that the store was read at.
    memberships: Option<(u64, Arc<Memberships>)>,
}

impl Cache {
    /// A cache that takes about `bytes`; none for 0.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            shards: Default::default(),
            names: Default::default(),
            groups_changed: AtomicU64::new(0),
            limit: bytes / SHARDS,
        }
    }

    fn shard(&self, id: EntryId) -> MutexGuard<'_, Shard> {
        let place = usize::from(id.bytes()[0]) % SHARDS;
        #[allow(
            clippy::indexing_slicing,
            reason = "the place is below the number of shards"
        )]
        self.shards[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self, name: &str) -> MutexGuard<'_, HashMap<String, EntryId>> {
        let sum = name.bytes().fold(0usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        #[allow(
            clippy::indexing_slicing,
            reason = "the place is below the number of shards"
        )]
        self.names[sum % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, id: EntryId) -> Option<Parsed> {
        let mut shard = self.shard(id);
        let slot = shard.slots.get_mut(&id)?;
        slot.asked = true;
        Some(slot.parsed.clone())
    }

    pub(crate) fn find_named(&self, name: &str) -> Option<Parsed> {
        let id = *self.names(name).get(name)?;
        let mut shard = self.shard(id);
        let slot = shard.slots.get_mut(&id)?;
        // A name may point to an entry that was renamed since: its slot knows its names.
        if !slot.names.iter().any(|own| own == name) {
            return None;
        }
        slot.asked = true;
        Some(slot.parsed.clone())
    }

    /// Keeps what was read from the store at commit `number`, unless it was changed since.
    pub(crate) fn keep(&self, parsed: &Parsed, names: Vec<String>, number: u64) {
        let id = parsed.id();
        let weight = parsed.weight() + names.iter().map(|name| name.len() + 64).sum::<usize>();
        if weight > self.limit {
            return;
        }
        let mut forgotten = Vec::new();
        {
            let mut shard = self.shard(id);
            if number < shard.changed {
                return;
            }
            if let Some(old) = shard.remove(id) {
                forgotten.push(old);
            }
            shard.add(Slot {
                parsed: parsed.clone(),
                names: names.clone(),
                weight,
                turn: 0,
                asked: false,
                memberships: None,
            });
            while shard.weight > self.limit {
                match shard.pop() {
                    Some(slot) => forgotten.push(slot),
                    None => break,
                }
            }
        }
        self.forget_names(forgotten);
        for name in names {
            self.names(&name).insert(name, id);
        }
    }

    /// The groups of an account in the state `stamp`, as they are in the state that commit `newest` left.
    pub(crate) fn memberships(
        &self,
        of: EntryId,
        stamp: Stamp,
        newest: u64,
    ) -> Option<Arc<Memberships>> {
        let shard = self.shard(of);
        let slot = shard.slots.get(&of)?;
        let (number, memberships) = slot.memberships.as_ref()?;
        // Nobody joined or left a group since `changed`, so what was computed after it holds for every
        // state from there on.
        let changed = self.groups_changed.load(Ordering::Acquire);
        let holds = changed <= newest && changed <= *number && slot.parsed.stamp() == stamp;
        holds.then(|| memberships.clone())
    }

    pub(crate) fn keep_memberships(
        &self,
        of: EntryId,
        stamp: Stamp,
        memberships: Arc<Memberships>,
        number: u64,
    ) {
        let mut shard = self.shard(of);
        if let Some(slot) = shard.slots.get_mut(&of)
            && slot.parsed.stamp() == stamp
            && number >= self.groups_changed.load(Ordering::Acquire)
        {
            slot.memberships = Some((number, memberships));
        }
    }

    /// Forgets entries that commit `number` is about to change.
    pub(crate) fn change(&self, ids: impl IntoIterator<Item = EntryId>, groups: bool, number: u64) {
        if groups {
            self.groups_changed.fetch_max(number, Ordering::AcqRel);
        }
        let mut forgotten = Vec::new();
        for id in ids {
            let mut shard = self.shard(id);
            shard.changed = shard.changed.max(number);
            forgotten.extend(shard.remove(id));
        }
        self.forget_names(forgotten);
    }

    fn forget_names(&self, slots: Vec<Slot>) {
        for slot in slots {
            let id = slot.parsed.id();
            for name in slot.names {
                let mut names = self.names(&name);
                if names.get(&name) == Some(&id) {
                    names.remove(&name);
                }
            }
        }
    }
}

impl Shard {
    fn add(&mut self, mut slot: Slot) {
        let id = slot.parsed.id();
        self.turns += 1;
        slot.turn = self.turns;
        self.weight += slot.weight;
        self.order.push_back((id, self.turns));
        self.slots.insert(id, slot);
        if self.order.len() > 2 * self.slots.len() + 64 {
            let slots = &self.slots;
            self.order
                .retain(|(id, turn)| slots.get(id).is_some_and(|slot| slot.turn == *turn));
        }
    }

    fn remove(&mut self, id: EntryId) -> Option<Slot> {
        let slot = self.slots.remove(&id)?;
        self.weight -= slot.weight;
        Some(slot)
    }

    /// Takes out the first that was not asked for since it came or last went round.
    fn pop(&mut self) -> Option<Slot> {
        while let Some((id, turn)) = self.order.pop_front() {
            match self.slots.get_mut(&id) {
                Some(slot) if slot.turn == turn && slot.asked => {
                    slot.asked = false;
                    self.order.push_back((id, turn));
                }
                Some(slot) if slot.turn == turn => return self.remove(id),
                _ => {}
            }
        }
        None
    }
}
