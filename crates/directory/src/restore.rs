//! A dump into a storage: all of it or nothing, as a store that none of its readers takes for the one of before.
//!
//! 1. [`load`] writes the rows, beginning with one that says that not all is there: nobody else opens the store until
//!    [`finish`] removes that row. The storage is empty before, or has what a restore that broke off has left.
//! 2. [`take_over`] and [`crate::withdrawn`] bring what has become of secrets and of rights after the dump was written.
//! 3. [`finish`].
//!
//! What the store gets anew: a node, with a number that was never used in it and a feed that begins with it, so that who
//! followed changes is told to start again; relative identifiers beyond any that may have been given after the dump.
//! What it does not get: the former nodes with their feeds, and records that the caller names (sessions, codes).

use std::io;
use std::sync::Arc;

use trust::{Rng, Timestamp};
use wire::Guid;

use crate::check::{Checked, check_rows};
use crate::codec::Reader;
use crate::directory::{Directory, Entering, Node, NodeRow, Options};
use crate::domain::Domain;
use crate::dump::{Dump, DumpError, Header};
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::layout;
use crate::reached::Reached;
use crate::record::StoredRecord;
use crate::root_key::RootKey;
use crate::schema::Attribute;
use crate::storage::{
    KEY_LIMIT, Order, Read, Row, Storage, StorageError, Transaction, after_prefix,
};
use crate::value::Value;

/// How many bytes are written in one transaction, about.
const BATCH_BYTES: usize = 2_000_000;
/// How many rows are written in one transaction at most.
const BATCH_ROWS: usize = 5_000;
/// How many rows are read at once.
const STEP: usize = 500;
/// How many relative identifiers are left out: more than are given between two backups. There are a thousand million.
pub(crate) const RIDS_LEFT_OUT: u32 = 100_000;
/// Relative identifiers have 30 bits ([MS-SAMR] 3.1.1.9.2.1).
const LAST_RID: u32 = 0x3fff_ffff;
/// The numbers among which a restored store's node is drawn, above those that were used: who restores the same backup
/// twice gets two nodes.
const NODES: u32 = 1 << 24;

/// What a storage holds, for who wants to restore into it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// Nothing.
    Nothing,
    /// What a restore has left that broke off.
    Parts,
    /// A store, or something else.
    Rows,
}

/// What a storage holds.
///
/// # Errors
/// [`StorageError`] when it cannot be read.
pub fn holds(storage: &dyn Storage) -> Result<Holds, StorageError> {
    let read = storage.snapshot()?;
    if read.get(&layout::meta(layout::RESTORING))?.is_some() {
        return Ok(Holds::Parts);
    }
    let first = read.scan(&[], &[0xff; KEY_LIMIT], 1, Order::Ascending)?;
    Ok(if first.is_empty() {
        Holds::Nothing
    } else {
        Holds::Rows
    })
}

/// What became of a dump.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// What the dump says of itself.
    pub header: Header,
    /// How many rows were written.
    pub rows: u64,
    /// How many records were left out.
    pub left_out: u64,
    /// The store's node from now on.
    pub node: Node,
}

/// Why a dump was not restored. The storage is empty again where it can be written.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something in the storage.
    #[error("the store is not empty")]
    NotEmpty,
    /// The dump is not what it should be.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The storage failed.
    #[error("the store cannot be written")]
    Fault(#[from] Fault),
}

impl From<StorageError> for RestoreError {
    fn from(error: StorageError) -> Self {
        Self::Fault(error.into())
    }
}

/// How a dump is restored.
#[derive(Clone, Copy, Debug, Default)]
pub struct How<'a> {
    /// The tables whose records are left out.
    pub left_out: &'a [&'a str],
    /// The next relative identifier of the store that is replaced, where that is known.
    pub next_rid: Option<u32>,
    /// What the node is called that restores: see [`Options::node`].
    pub node: Option<&'a str>,
}

/// Writes the rows of a dump. It is to be read through once before, so that nothing is changed for one that is damaged.
///
/// # Errors
/// [`RestoreError`].
pub fn load<R: io::Read>(
    storage: &dyn Storage,
    dump: Dump<'_, R>,
    how: &How<'_>,
    rng: &mut dyn Rng,
    progress: &mut dyn FnMut(u64),
) -> Result<Loaded, RestoreError> {
    match holds(storage)? {
        Holds::Rows => return Err(RestoreError::NotEmpty),
        Holds::Parts => clear(storage)?,
        Holds::Nothing => {}
    }
    let mark = layout::row(Stamp::ZERO, &[]);
    storage
        .transact(&mut |transaction| transaction.put(&layout::meta(layout::RESTORING), &mark))?;
    let loaded = fill(storage, dump, how, rng, progress);
    if loaded.is_err() {
        // Best effort: what stays is known as parts.
        let _ = clear(storage).and_then(|()| finish(storage));
    }
    loaded
}

fn fill<R: io::Read>(
    storage: &dyn Storage,
    mut dump: Dump<'_, R>,
    how: &How<'_>,
    rng: &mut dyn Rng,
    progress: &mut dyn FnMut(u64),
) -> Result<Loaded, RestoreError> {
    let mut filling = Filling {
        storage,
        without: how
            .left_out
            .iter()
            .map(|table| layout::records(table))
            .collect(),
        batch: Vec::new(),
        bytes: 0,
        rows: 0,
        left_out: 0,
        highest_node: 0,
        reached: Reached::default(),
        rid: 0,
    };
    while let Some(row) = dump.next_row()? {
        filling.take(row)?;
        if filling.batch.is_empty() {
            progress(filling.rows);
        }
    }
    filling.write()?;
    progress(filling.rows);
    let node = filling.begin_anew(how, rng)?;
    Ok(Loaded {
        header: dump.header().clone(),
        rows: filling.rows,
        left_out: filling.left_out,
        node,
    })
}

/// Rows on their way.
struct Filling<'a> {
    storage: &'a dyn Storage,
    /// What the keys of records begin with that are left out.
    without: Vec<Vec<u8>>,
    batch: Vec<Row>,
    bytes: usize,
    rows: u64,
    left_out: u64,
    highest_node: u32,
    /// How far the nodes had come that are left out.
    reached: Reached,
    rid: u32,
}

impl Filling<'_> {
    fn take(&mut self, row: Row) -> Result<(), RestoreError> {
        self.reached.note(&row)?;
        let (key, value) = row;
        let rest = key.get(1..).unwrap_or_default();
        match key.first() {
            Some(b'N') => {
                let number = Reader::new(rest).u32().map_err(Fault::from)?;
                self.highest_node = self.highest_node.max(number);
                return Ok(());
            }
            Some(b'f') => return Ok(()),
            Some(b'M') if key.starts_with(&layout::own_node(None)) => return Ok(()),
            Some(b'M') if rest == layout::LINEAGE.as_bytes() => return Ok(()),
            Some(b'M') if rest == b"rid" => {
                let row = layout::open_row(&value).and_then(|(_, mut payload)| payload.u32());
                self.rid = row.map_err(Fault::from)?;
                return Ok(());
            }
            Some(b'r') if self.leaves_out(&key) => {
                self.left_out += 1;
                return Ok(());
            }
            Some(b'z') if layout::expiring(&key).is_ok_and(|about| self.leaves_out(about)) => {
                return Ok(());
            }
            _ => {}
        }
        self.rows += 1;
        self.bytes += key.len() + value.len();
        self.batch.push((key, value));
        if self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_ROWS {
            self.write()?;
        }
        Ok(())
    }

    fn leaves_out(&self, key: &[u8]) -> bool {
        self.without.iter().any(|table| key.starts_with(table))
    }

    fn write(&mut self) -> Result<(), StorageError> {
        self.storage.transact(&mut |transaction| {
            self.batch
                .iter()
                .try_for_each(|(key, value)| transaction.put(key, value))
        })?;
        self.batch.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Gives the store a node of its own, and identifiers that were not given before.
    fn begin_anew(&self, how: &How<'_>, rng: &mut dyn Rng) -> Result<Node, Fault> {
        let drawn = u32::from_be_bytes(rng.bytes()) % NODES;
        let number = self.highest_node.checked_add(1 + drawn);
        let node = Node {
            number: number.ok_or(Fault::Corrupt("number of a node"))?,
            id: Guid::from_random(rng.bytes()),
        };
        // The restore is the node's first commit, and the feed has only what follows it.
        let stamp = Stamp {
            node: node.number,
            number: 1,
        };
        let row = NodeRow {
            number: stamp.number,
            id: node.id,
            rids: (0, 0),
        };
        let floor = layout::row(Stamp::ZERO, &stamp.number.to_be_bytes());
        let rid = self.rid.max(crate::commit::FIRST_RID);
        let rid = rid
            .saturating_add(RIDS_LEFT_OUT)
            .max(how.next_rid.unwrap_or(0));
        let rid = layout::row(stamp, &rid.min(LAST_RID).to_be_bytes());
        let own = layout::row(Stamp::ZERO, &node.number.to_be_bytes());
        self.storage.transact(&mut |transaction| {
            transaction.put(&layout::node(node.number), &row.write(stamp))?;
            transaction.put(&layout::feed(node.number, 0), &floor)?;
            transaction.put(&layout::meta("rid"), &rid)?;
            transaction.put(&layout::meta(layout::LINEAGE), &self.reached.write())?;
            transaction.put(&layout::own_node(how.node), &own)
        })?;
        Ok(node)
    }
}

/// The next relative identifier that a store would give a node.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn next_rid(read: &dyn Read) -> Result<Option<u32>, Fault> {
    let row = read.get(&layout::meta("rid"))?;
    row.map(|row| Ok(layout::open_row(&row)?.1.u32()?))
        .transpose()
}

/// Removes every row but the one that says that not all is there.
fn clear(storage: &dyn Storage) -> Result<(), StorageError> {
    let mark = layout::meta(layout::RESTORING);
    loop {
        let rows = storage
            .snapshot()?
            .scan(&[], &[0xff; KEY_LIMIT], STEP + 1, Order::Ascending)?;
        let doomed: Vec<&Row> = rows.iter().filter(|(key, _)| *key != mark).collect();
        if doomed.is_empty() {
            return Ok(());
        }
        storage.transact(&mut |transaction| {
            doomed
                .iter()
                .try_for_each(|(key, _)| transaction.delete(key))
        })?;
    }
}

/// Opens what was loaded, for who finishes the restore.
///
/// # Errors
/// As [`Directory::open`].
pub fn open(
    storage: Arc<dyn Storage>,
    root_key: RootKey,
    options: Options,
    rng: Box<dyn Rng + Send>,
) -> Result<Directory, Fault> {
    Directory::open_as(storage, root_key, options, rng, Entering::ToRestore)
}

/// Looks at every row of what was loaded; see [`crate::check::check`].
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub fn check(
    read: &dyn Read,
    root_key: &RootKey,
    progress: &mut dyn FnMut(u64),
) -> Result<Checked, Fault> {
    check_rows(read, root_key, progress)
}

/// Says that all is there. From now on the store is one.
///
/// # Errors
/// [`StorageError`]; the store is still known as one that is not all there.
pub fn finish(storage: &dyn Storage) -> Result<(), StorageError> {
    storage.transact(&mut |transaction| transaction.delete(&layout::meta(layout::RESTORING)))
}

/// What was taken from the store that is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TakenOver {
    /// How many entries got the secrets they had there.
    pub entries: u64,
    /// How many records were taken.
    pub records: u64,
}

/// Takes what must not go back to an older state from the store that is replaced: the secrets of entries that are in both
/// (passwords, Kerberos keys, second factors), and all records of `tables`. Both rest under the same root key.
///
/// # Errors
/// [`Fault`] when either store fails or a row does not decode.
pub fn take_over(
    storage: &dyn Storage,
    replaced: &dyn Read,
    tables: &[&str],
) -> Result<TakenOver, Fault> {
    let mut taken = TakenOver::default();
    for table in tables {
        taken.records += take_table(storage, replaced, table)?;
    }
    pages(replaced, b"e", |rows| {
        let now = storage.snapshot()?;
        let mut changed = Vec::new();
        for (key, value) in rows {
            let (Ok(id), Some(row)) = (layout::id_at_end(key), now.get(key)?) else {
                continue;
            };
            let (theirs, mut ours) = (read(id, value)?, read(id, &row)?);
            if take_secrets(&mut ours, &theirs) {
                changed.push((key.clone(), layout::row(ours.stamp, &ours.write())));
                let history = layout::history(id);
                if let Some(row) = replaced.get(&history)? {
                    changed.push((history, row));
                }
                taken.entries += 1;
            }
        }
        drop(now);
        put(storage, &changed)
    })?;
    Ok(taken)
}

fn read(id: EntryId, row: &[u8]) -> Result<Entry, Fault> {
    let (stamp, mut payload) = layout::open_row(row)?;
    Ok(Entry::read(id, stamp, &mut payload)?)
}

/// Gives an entry the secrets that it has elsewhere; whether they are others.
fn take_secrets(ours: &mut Entry, theirs: &Entry) -> bool {
    let is_taken = |attribute: Attribute, values: &[Value]| {
        // An issuer that is not trusted any more is not trusted again.
        [Attribute::PwdLastSet, Attribute::CaCertificate].contains(&attribute)
            || matches!(values.first(), Some(Value::Secret(_)))
    };
    let of = |entry: &Entry| {
        let mut all = entry.attributes.clone();
        all.retain(|attribute, values| is_taken(attribute, values));
        all
    };
    let wanted = of(theirs);
    if ours.class != theirs.class || of(ours) == wanted {
        return false;
    }
    ours.attributes
        .retain(|attribute, values| !is_taken(attribute, values));
    ours.attributes.extend(wanted);
    true
}

/// Replaces the records of a table by those of the other store.
fn take_table(storage: &dyn Storage, replaced: &dyn Read, table: &str) -> Result<u64, Fault> {
    let prefix = layout::records(table);
    let end = after_prefix(&prefix);
    loop {
        let rows = storage
            .snapshot()?
            .scan(&prefix, &end, STEP, Order::Ascending)?;
        if rows.is_empty() {
            break;
        }
        let mut doomed = Vec::new();
        for (key, value) in &rows {
            doomed.extend(expiry(key, value)?);
            doomed.push(key.clone());
        }
        storage.transact(&mut |transaction: &mut dyn Transaction| {
            doomed.iter().try_for_each(|key| transaction.delete(key))
        })?;
    }
    let mut taken = 0;
    pages(replaced, &prefix, |rows| {
        let mut all = Vec::new();
        for (key, value) in rows {
            let expiry = expiry(key, value)?;
            all.extend(expiry.map(|expiry| (expiry, layout::row(Stamp::ZERO, &[]))));
            all.push((key.clone(), value.clone()));
            taken += 1;
        }
        put(storage, &all)
    })?;
    Ok(taken)
}

/// The row that says when a record is removed.
fn expiry(key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let expires = StoredRecord::read(layout::open_row(value)?.1)?.expires;
    Ok((expires != Timestamp::NEVER).then(|| layout::expiry(expires, key)))
}

fn put(storage: &dyn Storage, rows: &[Row]) -> Result<(), Fault> {
    let mut rest = rows;
    while !rest.is_empty() {
        let mut bytes = 0;
        let some = rest
            .iter()
            .take_while(|(key, value)| {
                let first = bytes == 0;
                bytes += key.len() + value.len();
                first || bytes < BATCH_BYTES
            })
            .count();
        let (now, later) = rest.split_at(some);
        storage.transact(&mut |transaction| {
            now.iter()
                .try_for_each(|(key, value)| transaction.put(key, value))
        })?;
        rest = later;
    }
    Ok(())
}

fn pages(
    read: &dyn Read,
    prefix: &[u8],
    mut each: impl FnMut(&[Row]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let end = after_prefix(prefix);
    let mut from = prefix.to_vec();
    loop {
        let rows = read.scan(&from, &end, STEP, Order::Ascending)?;
        each(&rows)?;
        match rows.last() {
            Some((last, _)) if rows.len() == STEP => {
                from.clone_from(last);
                from.push(0);
            }
            _ => return Ok(()),
        }
    }
}

/// The domain that a store holds, for who wants to know whether it is the same.
///
/// # Errors
/// [`Fault`] when it cannot be read, or is no store under this root key.
pub fn domain(read: &dyn Read, root_key: &RootKey) -> Result<Domain, Fault> {
    if !crate::directory::recognise(read, root_key)? {
        return Err(Fault::NoDomain);
    }
    let row = read.get(&layout::meta("domain"))?.ok_or(Fault::NoDomain)?;
    Ok(Domain::read(layout::open_row(&row)?.1)?)
}
