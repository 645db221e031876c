//! How far a store has come, so that of two it can be said which one goes on where the other ends.
//!
//! Every node numbers its commits. A restored store has a node of its own and leaves the former ones out; it keeps their
//! names and numbers in a row about the store, so that it is known for what it is: a later state of its backup.

use std::collections::BTreeMap;

use wire::Guid;

use crate::codec::{Corrupt, Reader, Writer};
use crate::directory::NodeRow;
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::layout;
use crate::storage::{Order, Read, Row, after_prefix};

/// The newest commits of the nodes that ever committed to a store, as far as it knows them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reached {
    newest: BTreeMap<Guid, u64>,
}

impl Reached {
    /// How far a store has come.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn of(read: &dyn Read) -> Result<Self, Fault> {
        let mut reached = Self::default();
        let end = after_prefix(layout::NODES);
        for row in read.scan(layout::NODES, &end, usize::MAX, Order::Ascending)? {
            reached.note(&row)?;
        }
        let lineage = layout::meta(layout::LINEAGE);
        if let Some(value) = read.get(&lineage)? {
            reached.note(&(lineage, value))?;
        }
        Ok(reached)
    }

    /// Takes in a row of a store or of a dump, if it says something about this.
    ///
    /// # Errors
    /// [`Fault::Corrupt`] when it should and does not decode.
    pub fn note(&mut self, (key, value): &Row) -> Result<(), Fault> {
        if key.starts_with(layout::NODES) {
            let row = NodeRow::read(value)?;
            self.raise(row.id, row.number);
        } else if *key == layout::meta(layout::LINEAGE) {
            let before = Self::read(layout::open_row(value)?.1)?;
            for (node, number) in before.newest {
                self.raise(node, number);
            }
        }
        Ok(())
    }

    fn raise(&mut self, node: Guid, number: u64) {
        let newest = self.newest.entry(node).or_default();
        *newest = number.max(*newest);
    }

    /// Whether everything that was committed by `other` is in the past of this.
    #[must_use]
    pub fn is_beyond(&self, other: &Self) -> bool {
        let knows = |(node, number): (&Guid, &u64)| self.newest.get(node) >= Some(number);
        other.newest.iter().all(knows)
    }

    pub(crate) fn read(mut from: Reader<'_>) -> Result<Self, Corrupt> {
        let mut newest = BTreeMap::new();
        while !from.is_empty() {
            newest.insert(from.id()?.0, from.u64()?);
        }
        Ok(Self { newest })
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut to = Writer::new();
        for (node, number) in &self.newest {
            to.id(EntryId(*node)).u64(*number);
        }
        layout::row(Stamp::ZERO, &to.finish())
    }
}
