//! What was read, presence and absence, so that a commit can check that it still stands.

use std::sync::Arc;

use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::layout;
use crate::storage::{Order, Read};

/// What changes were computed from. A commit re-checks exactly this.
#[derive(Clone, Default, Debug)]
pub struct Reads {
    pub(crate) observations: Vec<Observation>,
    pub(crate) torn: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Observation {
    /// An entry's row, or its absence.
    Entry(EntryId, Option<Stamp>),
    /// Another row, or its absence.
    Row(Box<[u8]>, Option<Stamp>),
    /// The rows of a range, all of them or the first so many.
    Range(Arc<Walk>),
    /// What a shared value was computed from.
    Shared(Arc<[Observation]>),
}

/// A scan that was made, and a digest of what it returned.
#[derive(Debug)]
pub(crate) struct Walk {
    start: Vec<u8>,
    end: Vec<u8>,
    limit: usize,
    order: Order,
    digest: [u8; 32],
}

impl Reads {
    /// Nothing was read: changes that hold whatever the directory says.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            observations: Vec::new(),
            torn: false,
        }
    }

    /// What either of two computations read.
    pub fn join(&mut self, other: Self) {
        self.observations.extend(other.observations);
        self.torn |= other.torn;
    }

    /// Whether everything that was read belongs to one state of the directory. When it does not, the
    /// answer is computed again, even if it changes nothing.
    #[must_use]
    pub const fn are_consistent(&self) -> bool {
        !self.torn
    }

    pub(crate) fn stand(&self, read: &dyn Read) -> Result<bool, Fault> {
        Ok(!self.torn && stand(&self.observations, read)?)
    }
}

fn stand(observations: &[Observation], read: &dyn Read) -> Result<bool, Fault> {
    for observation in observations {
        let stands = match observation {
            Observation::Entry(id, stamp) => stamp_of(read, &layout::entry(*id))? == *stamp,
            Observation::Row(key, stamp) => stamp_of(read, key)? == *stamp,
            Observation::Range(walk) => {
                let rows = read.scan(&walk.start, &walk.end, walk.limit, walk.order)?;
                digest(&rows)? == walk.digest
            }
            Observation::Shared(shared) => {
                shared
                    .iter()
                    .try_fold(true, |all, one| -> Result<bool, Fault> {
                        Ok(all && stand(std::slice::from_ref(one), read)?)
                    })?
            }
        };
        if !stands {
            return Ok(false);
        }
    }
    Ok(true)
}

fn stamp_of(read: &dyn Read, key: &[u8]) -> Result<Option<Stamp>, Fault> {
    match read.get(key)? {
        None => Ok(None),
        Some(value) => Ok(Some(layout::open_row(&value)?.0)),
    }
}

fn digest(rows: &[(Vec<u8>, Vec<u8>)]) -> Result<[u8; 32], Fault> {
    let mut bytes = Vec::new();
    for (key, value) in rows {
        let (stamp, _) = layout::open_row(value)?;
        bytes.extend_from_slice(&(key.len() as u64).to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&stamp.node.to_be_bytes());
        bytes.extend_from_slice(&stamp.number.to_be_bytes());
    }
    Ok(crypto::digest::sha256(&bytes))
}

impl Walk {
    pub(crate) fn observed(
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
        rows: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<Observation, Fault> {
        Ok(Observation::Range(Arc::new(Self {
            start: start.to_vec(),
            end: end.to_vec(),
            limit,
            order,
            digest: digest(rows)?,
        })))
    }

    pub(crate) fn start(&self) -> &[u8] {
        &self.start
    }

    pub(crate) fn end(&self) -> &[u8] {
        &self.end
    }

    /// The same scan of what lies below `over` rows that hide some of it.
    pub(crate) fn beneath(&self, read: &dyn Read, over: usize) -> Result<Self, Fault> {
        let limit = self.limit.saturating_add(over);
        let rows = read.scan(&self.start, &self.end, limit, self.order)?;
        Ok(Self {
            start: self.start.clone(),
            end: self.end.clone(),
            limit,
            order: self.order,
            digest: digest(&rows)?,
        })
    }
}
