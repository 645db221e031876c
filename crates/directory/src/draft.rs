//! Changes on trial: many are computed one after another, each from a state in which those before it are made, and then
//! committed together.
//!
//! A [`Draft`] is a layer over the storage that only memory holds, with a directory of its own on it: what is tried is
//! judged by all that a commit judges, and one change that is refused takes nothing of the others along. What the changes
//! were computed from is kept as far as it is the storage's own; what the layer says follows from that.
//!
//! No state of the storage is held from one change to the next. The commit checks again what was read, presence and
//! absence, so that it belongs together at that moment.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use trust::Timestamp;

use crate::change::Change;
use crate::directory::Directory;
use crate::error::{CommitError, Fault, Refused};
use crate::layout;
use crate::reads::{Observation, Reads};
use crate::snapshot::Snapshot;
use crate::storage::{
    Body, Order, Overlay, Read, Row, Storage, StorageError, TRANSACTION_BYTES, Transaction,
};

/// How often a change is tried again while others commit.
const TRIES: usize = 16;

/// What one request of a draft may write, and what all of them write before it counts as full: together they are what one
/// transaction may write.
const FULL: usize = TRANSACTION_BYTES / 2;

/// The storage, and over it what was written on trial.
struct Layer {
    under: Arc<dyn Storage>,
    written: RwLock<Arc<Overlay>>,
}

impl Layer {
    fn written(&self) -> Arc<Overlay> {
        Arc::clone(&self.written.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Storage for Layer {
    fn snapshot(&self) -> Result<Box<dyn Read + Send + '_>, StorageError> {
        Ok(Box::new(Seen {
            under: self.under.snapshot()?,
            written: self.written(),
        }))
    }

    fn transact(&self, body: &mut Body<'_>) -> Result<(), StorageError> {
        let mut staged = Staged {
            seen: Seen {
                under: self.under.snapshot()?,
                written: self.written(),
            },
            own: Overlay::default(),
        };
        body(&mut staged)?;
        let own = std::mem::take(&mut staged.own);
        drop(staged);
        let mut written = self.written.write().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds it by now, so this copies nothing.
        Arc::make_mut(&mut written).extend(own);
        Ok(())
    }

    fn shared(&self) -> bool {
        self.under.shared()
    }
}

/// One state of the storage, as it would be.
struct Seen<'a> {
    under: Box<dyn Read + Send + 'a>,
    written: Arc<Overlay>,
}

impl Read for Seen<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.written.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.under.get(key),
        }
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.written.scan(start, end, limit, order, |limit| {
            self.under.scan(start, end, limit, order)
        })
    }
}

/// A transaction on trial.
struct Staged<'a> {
    seen: Seen<'a>,
    own: Overlay,
}

impl Read for Staged<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        match self.own.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.seen.get(key),
        }
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        self.own.scan(start, end, limit, order, |limit| {
            self.seen.scan(start, end, limit, order)
        })
    }
}

impl Transaction for Staged<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.own.record(key, Some(value), FULL)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.own.record(key, None, FULL)
    }
}

/// Changes on trial.
pub(crate) struct Draft {
    layer: Arc<Layer>,
    over: Directory,
    changes: Vec<Change>,
    reads: Vec<Observation>,
    /// What of the reads is kept: rows with the version that was read.
    known: HashSet<(Vec<u8>, Option<crate::id::Stamp>)>,
    torn: bool,
}

impl Draft {
    /// A draft on the state that a directory has.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub(crate) fn on(directory: &Directory) -> Result<Self, Fault> {
        let layer = Arc::new(Layer {
            under: directory.shared_storage(),
            written: RwLock::default(),
        });
        let storage: Arc<dyn Storage> = Arc::<Layer>::clone(&layer);
        Ok(Self {
            over: directory.on_trial(storage)?,
            layer,
            changes: Vec::new(),
            reads: Vec::new(),
            known: HashSet::new(),
            torn: false,
        })
    }

    /// The state with everything that was tried so far.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub(crate) fn snapshot(&self) -> Result<Snapshot<'_>, Fault> {
        self.over.snapshot()
    }

    /// Whether it is time to commit: what a transaction can write is half used up.
    pub(crate) fn is_full(&self) -> bool {
        self.layer.written().bytes() >= FULL
    }

    /// Tries changes that were computed from this draft's [`Draft::snapshot`]; when they are refused, nothing of them
    /// happened.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub(crate) fn try_changes(
        &mut self,
        changes: Vec<Change>,
        reads: Reads,
        now: Timestamp,
    ) -> Result<Result<(), Refused>, Fault> {
        self.note(reads)?;
        for _ in 0..TRIES {
            // What was read is for the real commit to check.
            match self.over.commit(&changes, &Reads::none(), now) {
                Ok(_) => {
                    self.changes.extend(changes);
                    return Ok(Ok(()));
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Refused(refused)) => return Ok(Err(refused)),
                Err(CommitError::Fault(fault)) => return Err(fault),
            }
        }
        let why = "others change the directory all the time";
        Err(StorageError::Busy(why.to_owned()).into())
    }

    /// Keeps what was read of the storage itself, beside what was written here.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub(crate) fn note(&mut self, reads: Reads) -> Result<(), Fault> {
        self.torn |= !reads.are_consistent();
        let written = self.layer.written();
        for observation in reads.observations {
            self.keep(observation, &written)?;
        }
        Ok(())
    }

    fn keep(&mut self, observation: Observation, written: &Overlay) -> Result<(), Fault> {
        let key = match &observation {
            Observation::Entry(id, _) => layout::entry(*id),
            Observation::Row(key, _) => key.to_vec(),
            Observation::Range(walk) => {
                let over = written.count(walk.start(), walk.end());
                let kept = match over {
                    0 => observation,
                    over => {
                        let under = self.layer.under.snapshot()?;
                        Observation::Range(Arc::new(walk.beneath(under.as_ref(), over)?))
                    }
                };
                self.reads.push(kept);
                return Ok(());
            }
            Observation::Shared(shared) => {
                for observation in shared.iter() {
                    self.keep(observation.clone(), written)?;
                }
                return Ok(());
            }
        };
        if written.get(&key).is_some() {
            return Ok(());
        }
        let stamp = match &observation {
            Observation::Entry(_, stamp) | Observation::Row(_, stamp) => *stamp,
            Observation::Range(_) | Observation::Shared(_) => None,
        };
        if self.known.insert((key, stamp)) {
            self.reads.push(observation);
        }
        Ok(())
    }

    /// The changes that were tried and not refused, and what they and the refusals were computed from.
    pub(crate) fn finish(self) -> (Vec<Change>, Reads) {
        let reads = Reads {
            observations: self.reads,
            torn: self.torn,
        };
        (self.changes, reads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;
    use crate::testing::Seeded;

    fn write(storage: &dyn Storage, key: u8, value: Option<u8>) {
        let written = storage.transact(&mut |transaction| match value {
            Some(value) => transaction.put(&[key], &[value]),
            None => transaction.delete(&[key]),
        });
        written.unwrap();
    }

    #[test]
    fn what_is_written_on_trial_is_read_as_if_it_were_stored() {
        let mut dice = Seeded::new(3);
        for _ in 0..50 {
            let (under, stored) = (Arc::new(Memory::new()), Memory::new());
            let mut roll = |end: usize| u8::try_from(dice.below(end)).unwrap();
            for _ in 0..20 {
                let (key, value) = (roll(30), roll(200));
                write(under.as_ref(), key, Some(value));
                write(&stored, key, Some(value));
            }
            let layer = Layer {
                under,
                written: RwLock::default(),
            };
            for _ in 0..15 {
                let (key, value) = (roll(30), roll(200));
                let value = Some(value).filter(|value| value % 2 == 0);
                write(&layer, key, value);
                write(&stored, key, value);
            }
            let (seen, expected) = (layer.snapshot().unwrap(), stored.snapshot().unwrap());
            for _ in 0..40 {
                let (start, end, limit) = (roll(30), roll(32), usize::from(roll(12)));
                for order in [Order::Ascending, Order::Descending] {
                    assert_eq!(
                        seen.scan(&[start], &[end], limit, order),
                        expected.scan(&[start], &[end], limit, order),
                        "{start}..{end}, {limit} {order:?}"
                    );
                }
                assert_eq!(seen.get(&[start]), expected.get(&[start]));
            }
        }
    }

    #[test]
    fn what_is_abandoned_on_trial_leaves_nothing_and_the_storage_is_never_written() {
        let under = Arc::new(Memory::new());
        let layer = Layer {
            under: Arc::<Memory>::clone(&under),
            written: RwLock::default(),
        };
        write(&layer, 1, Some(1));
        let abandoned = layer.transact(&mut |transaction| {
            transaction.put(&[2], &[2])?;
            assert_eq!(transaction.get(&[1])?, Some(vec![1]));
            Err(StorageError::Abandoned)
        });
        assert_eq!(abandoned, Err(StorageError::Abandoned));
        let too_much = layer.transact(&mut |transaction| transaction.put(&[3], &vec![0; FULL]));
        assert_eq!(too_much, Err(StorageError::TooLarge));
        let seen = layer.snapshot().unwrap();
        assert_eq!(seen.get(&[2]), Ok(None));
        assert_eq!(seen.get(&[1]), Ok(Some(vec![1])));
        assert_eq!(under.snapshot().unwrap().get(&[1]), Ok(None));
    }
}
