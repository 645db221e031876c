//! Which node of a store a process is: found at the opening, kept in a row, and left when the store forgets it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use trust::Rng;
use wire::Guid;

use super::{Directory, MADE};
use crate::codec::{Reader, Writer};
use crate::commit;
use crate::error::Fault;
use crate::feed::Commit;
use crate::id::Stamp;
use crate::layout;
use crate::restore::RIDS_LEFT_OUT;
use crate::root_key::{Belonging, RootKey};
use crate::storage::{Order, Read, Storage, StorageError, Transaction, after_prefix};

/// This node within the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its short number within the store.
    pub number: u32,
    /// Its name in the world, as AD's invocationId. A restored backup gets a new one.
    pub id: Guid,
}

/// This node, and the newest of its commits that has returned.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    pub(super) node: Node,
    pub(super) newest: u64,
}

impl Directory {
    pub(super) fn identity(&self) -> Identity {
        *self.identity.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a commit of this process that is durable means for it.
    pub(super) fn note(&self, commit: &Commit) -> Result<(), Fault> {
        if self.is_shared() && !commit.is_empty() {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.insert(commit.stamp);
            if made.len() > MADE {
                made.pop_first();
            }
        }
        let Stamp { node, number } = commit.stamp;
        if node == self.node_number() {
            let mut identity = self
                .identity
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if identity.node.number == node {
                identity.newest = identity.newest.max(number);
                self.committed.fetch_max(number, Ordering::AcqRel);
            }
            return Ok(());
        }
        let read = self.storage.snapshot()?;
        let value = read
            .get(&layout::node(node))?
            .ok_or(Fault::Corrupt("node"))?;
        let id = NodeRow::read(&value)?.id;
        let mut identity = self
            .identity
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Later nodes have higher numbers; what an earlier one committed may return late.
        if node > identity.node.number {
            *identity = Identity {
                node: Node { number: node, id },
                newest: number,
            };
            self.committed.store(number, Ordering::Release);
            self.node_number.store(node, Ordering::Release);
        }
        Ok(())
    }

    /// This node's number and row, for a commit in `transaction`.
    ///
    /// Where the storage knows nothing of the newest commits that have returned, a copy that had not everything took its
    /// place. Their numbers are never given again, or whoever follows the changes would take the new ones for those: a new
    /// node goes on here, and everybody who has seen more of the former one than is there begins again.
    pub(crate) fn own_row(
        &self,
        transaction: &mut dyn Transaction,
    ) -> Result<(u32, NodeRow), Fault> {
        let Identity { node, newest } = self.identity();
        let row = node_row(&*transaction, node.number)?;
        let shared = self.is_shared();
        match row {
            Some(row) if !shared || row.number >= newest => return Ok((node.number, row)),
            None if !shared => return Err(Fault::Corrupt("node")),
            _ => {}
        }
        let place = layout::own_node(self.name.as_deref());
        if let Some(value) = transaction.get(&place)? {
            let number = layout::open_row(&value)?.1.u32()?;
            // Another commit found it out before.
            if number > node.number
                && let Some(row) = node_row(&*transaction, number)?
            {
                return Ok((number, row));
            }
        }
        let (id, chance) = {
            let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
            let rng: &mut dyn Rng = rng.as_mut();
            (Guid::from_random(rng.bytes()), rng.bytes::<2>())
        };
        // Other nodes may be forgotten altogether, whose numbers are not to be given again either.
        let number = last_node(&*transaction)?
            .max(node.number)
            .saturating_add(1 + u32::from(u16::from_be_bytes(chance)));
        let stamp = Stamp {
            node: number,
            number: 1,
        };
        let own = layout::row(Stamp::ZERO, &number.to_be_bytes());
        transaction.put(&place, &own)?;
        // Nor are identifiers that somebody may have had.
        let key = layout::meta("rid");
        let rid = match transaction.get(&key)? {
            Some(value) => layout::open_row(&value)?.1.u32()?,
            None => commit::FIRST_RID,
        };
        let rid = rid.saturating_add(RIDS_LEFT_OUT);
        transaction.put(&key, &layout::row(stamp, &rid.to_be_bytes()))?;
        let row = NodeRow {
            number: 0,
            id,
            rids: (0, 0),
        };
        Ok((number, row))
    }
}

/// A node's own row.
pub(crate) struct NodeRow {
    /// The number of its newest commit.
    pub(crate) number: u64,
    pub(crate) id: Guid,
    /// The next relative identifier of its block, and the first after the block.
    pub(crate) rids: (u32, u32),
}

impl NodeRow {
    pub(crate) fn read(value: &[u8]) -> Result<Self, Fault> {
        let (_, mut from) = layout::open_row(value)?;
        Ok(Self {
            number: from.u64()?,
            id: from.id()?.0,
            rids: (from.u32()?, from.u32()?),
        })
    }

    pub(crate) fn write(&self, stamp: Stamp) -> Vec<u8> {
        let payload = Writer::new()
            .u64(self.number)
            .id(self.id.into())
            .u32(self.rids.0)
            .u32(self.rids.1)
            .finish();
        layout::row(stamp, &payload)
    }
}

pub(super) fn node_row(read: &dyn Read, node: u32) -> Result<Option<NodeRow>, Fault> {
    let value = read.get(&layout::node(node))?;
    value.map(|value| NodeRow::read(&value)).transpose()
}

/// The highest number of a node; 0 where there is none.
fn last_node(read: &dyn Read) -> Result<u32, Fault> {
    let end = after_prefix(layout::NODES);
    let last = read.scan(layout::NODES, &end, 1, Order::Descending)?;
    match last.first() {
        Some((key, _)) => Ok(Reader::new(key.get(1..).unwrap_or_default()).u32()?),
        None => Ok(0),
    }
}

/// Why somebody comes to a store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entering {
    /// To serve what is there.
    ToServe,
    /// The same, as a node that was never there before.
    AsNewNode,
    /// To finish what a restore has loaded.
    ToRestore,
}

/// What is wrapped to tell the right root key from a wrong one.
const CHECK: &[u8] = b"the right root key";

/// Whether the rows are those of a store that this program knows and this root key opens; `false` where there is none.
pub(crate) fn recognise(read: &dyn Read, root_key: &RootKey) -> Result<bool, Fault> {
    recognise_as(read, root_key, Entering::ToServe)
}

fn recognise_as(read: &dyn Read, root_key: &RootKey, entering: Entering) -> Result<bool, Fault> {
    let restoring = read.get(&layout::meta(layout::RESTORING))?.is_some();
    if restoring && entering != Entering::ToRestore {
        return Err(Fault::Storage(StorageError::Corrupt(
            "a restore into this store was broken off, and not all of it is there".to_owned(),
        )));
    }
    let Some(value) = read.get(&layout::meta("format"))? else {
        return Ok(false);
    };
    let format = layout::open_row(&value)?.1.u32()?;
    if format > layout::FORMAT {
        return Err(Fault::Storage(StorageError::Newer(format!(
            "the store has format {format}, this program knows {}: start the version that wrote it, or a newer one",
            layout::FORMAT
        ))));
    }
    let value = read
        .get(&layout::meta("root-key"))?
        .ok_or(Fault::Corrupt("root key check"))?;
    let (_, mut payload) = layout::open_row(&value)?;
    root_key.unwrap(Belonging::Check, payload.remainder())?;
    Ok(true)
}

/// Makes the store ours, or checks that it is: format, root key, node. Returns the node and the number of
/// its newest commit.
pub(super) fn enter(
    storage: &dyn Storage,
    root_key: &RootKey,
    rng: &mut dyn Rng,
    entering: Entering,
    name: Option<&str>,
) -> Result<(Node, u64), Fault> {
    let place = layout::own_node(name);
    let id = Guid::from_random(rng.bytes());
    let check = root_key.wrap(Belonging::Check, CHECK, rng);
    let mut outcome = Err(Fault::NoDomain);
    let result = storage.transact(&mut |transaction| {
        outcome = (|| {
            if !recognise_as(&*transaction, root_key, entering)? {
                let format = layout::FORMAT.to_be_bytes();
                transaction.put(&layout::meta("format"), &layout::row(Stamp::ZERO, &format))?;
                transaction.put(&layout::meta("root-key"), &layout::row(Stamp::ZERO, &check))?;
            }
            if entering == Entering::AsNewNode {
                let end = after_prefix(&layout::own_node(None));
                let all = transaction.scan(
                    &layout::own_node(None),
                    &end,
                    usize::MAX,
                    Order::Ascending,
                )?;
                for (key, _) in all {
                    transaction.delete(&key)?;
                }
            }
            if let Some(value) = transaction.get(&place)? {
                let number = layout::open_row(&value)?.1.u32()?;
                let value = transaction
                    .get(&layout::node(number))?
                    .ok_or(Fault::Corrupt("node"))?;
                let row = NodeRow::read(&value)?;
                let node = Node { number, id: row.id };
                return Ok((node, row.number));
            }
            let number = last_node(&*transaction)?
                .checked_add(1)
                .ok_or(Fault::Corrupt("number of a node"))?;
            let row = NodeRow {
                number: 0,
                id,
                rids: (0, 0),
            };
            transaction.put(&layout::node(number), &row.write(Stamp::ZERO))?;
            let value = layout::row(Stamp::ZERO, &number.to_be_bytes());
            transaction.put(&place, &value)?;
            Ok((Node { number, id }, 0))
        })();
        match &outcome {
            Ok(_) => Ok(()),
            Err(Fault::Storage(error)) => Err(error.clone()),
            Err(_) => Err(StorageError::Abandoned),
        }
    });
    match result {
        Ok(()) | Err(StorageError::Abandoned) => outcome,
        Err(error) => Err(error.into()),
    }
}
