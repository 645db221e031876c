//! Parsed entries that are asked for often, names that nobody has, and when watched records were written.
//!
//! An entry leaves the cache inside the transaction that changes it, before that transaction is durable;
//! until the change is committed, readers find it in the store, and what they read there is not let in.
//! So whatever is found here is the newest committed state, and nothing has to be told to anyone when a
//! commit has returned.
//!
//! That nobody has a name leaves in the same way, inside the transaction that gives the name to somebody, and the stamp of
//! a watched record inside the one that writes it. What is known of a row goes by the rules by which an entry goes, in one
//! order with the entries, so that who asks for a name, once or often, beside others or alone, cannot tell by the time
//! whether somebody has it.
//!
//! Over a storage that others write to, the numbers are not those of commits but of the steps in which memory is brought
//! as far as a state that is read (`followed.rs`): what was changed leaves then, before anything is looked for.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::account::Account;
use crate::device::Device;
use crate::entry::Entry;
use crate::group::TokenGroup;
use crate::id::{EntryId, Stamp};
use crate::reads::Observation;

const SHARDS: usize = 16;

/// The longest key of a row that something is kept of: longer than that of any name that somebody may have.
const LONGEST_ROW: usize = 1_200;

/// About what is taken by what is known of a row, beside its key.
const ROW: usize = 200;

/// A parsed entry.
#[derive(Clone, Debug)]
pub(crate) enum Parsed {
    Account(Arc<Account>),
    Device(Arc<Device>),
    /// The domain's head, with its policies, or a container.
    Container(Arc<Entry>),
}

impl Parsed {
    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Self::Account(account) => account.stamp,
            Self::Device(device) => device.stamp,
            Self::Container(entry) => entry.stamp,
        }
    }

    pub(crate) fn id(&self) -> EntryId {
        match self {
            Self::Account(account) => account.id,
            Self::Device(device) => device.id,
            Self::Container(entry) => entry.id,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Account(account) => account.weight(),
            Self::Device(_) => 4_000,
            Self::Container(_) => 2_000,
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
    /// Where a row lies: chance decides, so that nobody fills the place of a name of their choice.
    places: RandomState,
    /// The commit that last changed who is in which group.
    groups_changed: AtomicU64,
    /// The most bytes per shard; 0 keeps nothing.
    limit: usize,
}

#[derive(Default)]
struct Shard {
    slots: HashMap<EntryId, Slot>,
    /// Unique index rows that are not there, and watched records, by key.
    rows: HashMap<Arc<[u8]>, KnownRow>,
    /// In the order in which they came, each with its slot's turn; who was asked for since goes round
    /// once more. Slots that went otherwise leave their places here, which are skipped.
    order: VecDeque<(Kept, u64)>,
    turns: u64,
    weight: usize,
    /// The newest commit that changed an entry of this shard: what was read before it is not let in.
    changed: u64,
    /// The newest commit that wrote a row that would lie here.
    written: u64,
}

/// What one place of the order is about.
enum Kept {
    Entry(EntryId),
    Row(Arc<[u8]>),
}

struct KnownRow {
    /// What the row is stamped with; `None` for one that is not there.
    stamp: Option<Stamp>,
    /// The commit that the store was read at.
    since: u64,
    turn: u64,
    asked: bool,
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
            places: RandomState::new(),
            groups_changed: AtomicU64::new(0),
            limit: bytes / SHARDS,
        }
    }

    fn shard(&self, id: EntryId) -> MutexGuard<'_, Shard> {
        self.shard_at(usize::from(id.bytes()[0]))
    }

    fn shard_of_row(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "any part of it is as good as another"
        )]
        self.shard_at(self.places.hash_one(key) as usize)
    }

    fn shard_at(&self, place: usize) -> MutexGuard<'_, Shard> {
        #[allow(
            clippy::indexing_slicing,
            reason = "the place is below the number of shards"
        )]
        self.shards[place % SHARDS]
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
            forgotten.extend(shard.shrink(self.limit));
        }
        self.forget_names(forgotten);
        for name in names {
            self.names(&name).insert(name, id);
        }
    }

    /// What a row is stamped with, and since which commit, at least, that is known, up to now.
    pub(crate) fn row(&self, key: &[u8]) -> Option<(Option<Stamp>, u64)> {
        if self.limit == 0 {
            return None;
        }
        let mut shard = self.shard_of_row(key);
        let row = shard.rows.get_mut(key)?;
        row.asked = true;
        Some((row.stamp, row.since))
    }

    /// Keeps what the store had of this row at commit `number`, unless it was written since.
    pub(crate) fn keep_row(&self, key: &[u8], stamp: Option<Stamp>, number: u64) {
        let weight = row_weight(key);
        if weight > self.limit || key.len() > LONGEST_ROW {
            return;
        }
        let forgotten = {
            let mut shard = self.shard_of_row(key);
            if number < shard.written {
                return;
            }
            shard.add_row(key.into(), stamp, number);
            shard.shrink(self.limit)
        };
        self.forget_names(forgotten);
    }

    /// Forgets rows that commit `number` is about to write.
    pub(crate) fn write_rows<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>, number: u64) {
        for key in keys {
            let mut shard = self.shard_of_row(key);
            shard.written = shard.written.max(number);
            shard.remove_row(key);
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

    /// Forgets everything: nothing that was read before step `number` is let in afterwards.
    pub(crate) fn forget_all(&self, number: u64) {
        self.groups_changed.fetch_max(number, Ordering::AcqRel);
        for place in 0..SHARDS {
            let mut shard = self.shard_at(place);
            *shard = Shard {
                changed: shard.changed.max(number),
                written: shard.written.max(number),
                turns: shard.turns,
                ..Shard::default()
            };
        }
        for names in &self.names {
            names.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Forgets all rows: before step `number` some of them were written.
    pub(crate) fn forget_rows(&self, number: u64) {
        for place in 0..SHARDS {
            let mut shard = self.shard_at(place);
            shard.written = shard.written.max(number);
            for (key, _) in std::mem::take(&mut shard.rows) {
                shard.weight -= row_weight(&key);
            }
        }
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

fn row_weight(key: &[u8]) -> usize {
    key.len() + ROW
}

impl Shard {
    fn add(&mut self, mut slot: Slot) {
        let id = slot.parsed.id();
        slot.turn = self.come(Kept::Entry(id), slot.weight);
        self.slots.insert(id, slot);
    }

    fn add_row(&mut self, key: Arc<[u8]>, stamp: Option<Stamp>, since: u64) {
        self.remove_row(&key);
        let turn = self.come(Kept::Row(key.clone()), row_weight(&key));
        let row = KnownRow {
            stamp,
            since,
            turn,
            asked: false,
        };
        self.rows.insert(key, row);
    }

    /// Puts something at the end of the order; returns its turn.
    fn come(&mut self, kept: Kept, weight: usize) -> u64 {
        self.turns += 1;
        self.weight += weight;
        self.order.push_back((kept, self.turns));
        if self.order.len() > 2 * (self.slots.len() + self.rows.len()) + 64 {
            let (slots, rows, newest) = (&self.slots, &self.rows, self.turns);
            self.order.retain(|(kept, turn)| {
                let holder = match kept {
                    Kept::Entry(id) => slots.get(id).map(|slot| slot.turn),
                    Kept::Row(key) => rows.get(key).map(|row| row.turn),
                };
                *turn == newest || holder == Some(*turn)
            });
        }
        self.turns
    }

    fn remove(&mut self, id: EntryId) -> Option<Slot> {
        let slot = self.slots.remove(&id)?;
        self.weight -= slot.weight;
        Some(slot)
    }

    fn remove_row(&mut self, key: &[u8]) {
        if self.rows.remove(key).is_some() {
            self.weight -= row_weight(key);
        }
    }

    /// Takes out, until what stays is no heavier than `limit`, the first that was not asked for since it came or last
    /// went round; returns the entries among what went.
    fn shrink(&mut self, limit: usize) -> Vec<Slot> {
        let mut forgotten = Vec::new();
        while self.weight > limit
            && let Some((kept, turn)) = self.order.pop_front()
        {
            let asked = match &kept {
                Kept::Entry(id) => match self.slots.get_mut(id) {
                    Some(slot) if slot.turn == turn => std::mem::take(&mut slot.asked),
                    _ => continue,
                },
                Kept::Row(key) => match self.rows.get_mut(key) {
                    Some(row) if row.turn == turn => std::mem::take(&mut row.asked),
                    _ => continue,
                },
            };
            match kept {
                kept if asked => self.order.push_back((kept, turn)),
                Kept::Entry(id) => forgotten.extend(self.remove(id)),
                Kept::Row(key) => self.remove_row(&key),
            }
        }
        forgotten
    }
}
