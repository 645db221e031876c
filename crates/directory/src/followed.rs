//! What memory knows of a storage that others write to: up to which commit of each node.
//!
//! Nobody tells a server of a commit that another makes, so every snapshot asks before memory is believed: the newest
//! commit of each node in its own state, one question that also fixes the state. Where memory has not come as far, what
//! the commits between changed is forgotten first. So nothing older than the state is ever found there, and a key that was
//! removed through another server is refused with the next answer.
//!
//! How far memory has come is a vector; each step that it makes has a number, by which [`Cache`] tells what was read
//! before something was forgotten. A state that memory has passed already reads what it finds unchanged since (by the
//! stamp of the entry), and leaves nothing there.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cache::Cache;
use crate::commit::index_keys;
use crate::directory::{cursor_in, floor};
use crate::error::Fault;
use crate::feed::{ChangeKind, Changed, Commit, Cursor};
use crate::id::{EntryId, Stamp};
use crate::layout;
use crate::schema::{Attribute, Class};
use crate::snapshot;
use crate::storage::{Order, Read, Storage};

/// Where more commits than so many lie between what memory knows and a state, everything is forgotten instead.
const COMMITS: usize = 256;
/// Where more entries than so many were given names, it is forgotten of all names that nobody has them.
const NAMED: usize = 64;

/// How far memory has come.
#[derive(Default)]
pub(crate) struct Followed {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Of each node, the commit whose changes were last forgotten.
    vector: Cursor,
    /// Counts the steps; 0 before the first.
    step: u64,
    /// The storage's, when `vector` began.
    generation: u64,
}

/// What a state is to memory.
pub(crate) struct Place {
    /// The newest commit of each node in the state.
    pub(crate) vector: Cursor,
    /// The step of memory that the state is at; 0 when memory has passed it.
    pub(crate) step: u64,
    /// The storage's generation; in another one memory is of no use to the state.
    generation: Option<u64>,
}

impl Place {
    /// Whether memory may be asked.
    pub(crate) fn may_ask(&self, storage: &dyn Storage) -> bool {
        self.generation == Some(storage.generation())
    }

    /// Whether what a commit wrote is part of the state.
    pub(crate) fn sees(&self, stamp: Stamp) -> bool {
        stamp.number <= self.vector.seen(stamp.node)
    }
}

/// What commits changed, as far as memory may have it.
#[derive(Default)]
struct Delta {
    entries: Vec<EntryId>,
    groups: bool,
    /// Entries that were given a name.
    named: BTreeSet<EntryId>,
    /// The index keys of what those are called in the later state; `None` when they are too many.
    names: Option<Vec<Vec<u8>>>,
}

impl Followed {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings memory as far as a state of the storage, and says where the state is then. `read` is asked for the first
    /// time here, or was asked before.
    pub(crate) fn reach(
        &self,
        cache: &Cache,
        storage: &dyn Storage,
        read: &dyn Read,
    ) -> Result<Place, Fault> {
        let vector = cursor_in(read)?;
        // After the first answer: whoever gave it is the one that the generation is about.
        let generation = storage.generation();
        let before = {
            let mut known = self.known();
            if known.step == 0 || known.generation != generation {
                known.step += 1;
                known.generation = generation;
                known.vector.clone_from(&vector);
                cache.forget_all(known.step);
            }
            if known.vector.reaches(&vector) {
                return Ok(known.place(vector));
            }
            known.vector.clone()
        };
        // Not under the lock: others, whose states memory has reached, go on.
        let delta = delta(read, &before, &vector)?;
        let mut known = self.known();
        if known.generation != generation {
            return Ok(Place {
                vector,
                step: 0,
                generation: None,
            });
        }
        known.step += 1;
        match delta {
            Some(delta) => {
                cache.change(delta.entries, delta.groups, known.step);
                match delta.names {
                    Some(names) => cache.write_rows(names.iter().map(Vec::as_slice), known.step),
                    None => cache.forget_rows(known.step),
                }
            }
            None => cache.forget_all(known.step),
        }
        known.vector.join(&vector);
        Ok(known.place(vector))
    }
}

impl Known {
    fn place(&self, vector: Cursor) -> Place {
        Place {
            step: if self.vector == vector { self.step } else { 0 },
            vector,
            generation: Some(self.generation),
        }
    }
}

/// What was changed between two states, as the later one tells it; `None` when that is too much or not kept any more.
fn delta(read: &dyn Read, before: &Cursor, after: &Cursor) -> Result<Option<Delta>, Fault> {
    let mut delta = Delta::default();
    let mut room = COMMITS;
    for (node, number) in &after.0 {
        let seen = before.seen(*node);
        if seen >= *number {
            continue;
        }
        if seen < floor(read, *node)? {
            return Ok(None);
        }
        let rows = read.scan(
            &layout::feed(*node, seen.saturating_add(1)),
            &layout::feed(*node, number.saturating_add(1)),
            room + 1,
            Order::Ascending,
        )?;
        if rows.len() > room {
            return Ok(None);
        }
        room -= rows.len();
        for (_, row) in &rows {
            let (stamp, payload) = layout::open_row(row)?;
            // A server of a newer version may say what this one does not know.
            match Commit::read(stamp, payload) {
                Ok(commit) => delta.take(&commit),
                Err(_) => return Ok(None),
            }
        }
    }
    delta.read_names(read)?;
    Ok(Some(delta))
}

impl Delta {
    fn take(&mut self, commit: &Commit) {
        for changed in &commit.changed {
            self.entries.push(changed.id);
            self.groups |= changed.class == Class::Group;
            if gives_a_name(changed) {
                self.named.insert(changed.id);
            }
        }
    }

    /// Reads what the entries are called that were given a name. What one was called in between, and is not, is still
    /// nobody's name.
    fn read_names(&mut self, read: &dyn Read) -> Result<(), Fault> {
        if self.named.len() > NAMED {
            return Ok(());
        }
        let mut names = Vec::new();
        for id in &self.named {
            if let Some(entry) = snapshot::entry(read, *id)? {
                names.extend(index_keys(&entry));
            }
        }
        self.names = Some(names);
        Ok(())
    }
}

/// Whether somebody may have a name since that nobody had.
fn gives_a_name(changed: &Changed) -> bool {
    const NAMES: [Attribute; 3] = [
        Attribute::SamAccountName,
        Attribute::UserPrincipalName,
        Attribute::ServicePrincipalName,
    ];
    match changed.kind {
        ChangeKind::Added | ChangeKind::Moved => true,
        ChangeKind::Modified => changed.attributes.iter().any(|name| NAMES.contains(name)),
        ChangeKind::Deleted => false,
    }
}
