//! The feed: whether it has every commit that entries say made them, and none that was never made.

use std::collections::BTreeMap;

use super::rows::unreadable;
use super::{Kind, Looking};
use crate::codec::Reader;
use crate::directory::{NodeRow, floor};
use crate::entry::Entry;
use crate::error::Fault;
use crate::feed::Commit;
use crate::layout;
use crate::storage::{Order, Read, Row, after_prefix};

/// Commits of more changes than this are kept while entries are looked at: who brings many in at once makes commits of
/// hundreds, and each of their entries asks for the same one.
const SMALL: usize = 8;
/// How many changes are kept of them.
const KEPT: usize = 1_000_000;

/// What is known of a node.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// The number of its newest commit.
    newest: u64,
    /// Up to which commit the feed is kept no longer.
    floor: u64,
}

/// The nodes of a store. One that cannot be read is none: its row is told by itself.
pub(super) fn nodes(read: &dyn Read) -> Result<BTreeMap<u32, Known>, Fault> {
    let end = after_prefix(layout::NODES);
    let mut nodes = BTreeMap::new();
    for (key, value) in read.scan(layout::NODES, &end, usize::MAX, Order::Ascending)? {
        let number = Reader::new(key.get(1..).unwrap_or_default()).u32();
        if let (Ok(number), Ok(row)) = (number, NodeRow::read(&value)) {
            let floor = floor(read, number).or_else(|fault| match fault {
                Fault::Corrupt(_) => Ok(0),
                other => Err(other),
            })?;
            nodes.insert(
                number,
                Known {
                    newest: row.number,
                    floor,
                },
            );
        }
    }
    Ok(nodes)
}

/// Looks at a commit in the feed.
pub(super) fn commit(looking: &mut Looking<'_>, row: &Row) -> Result<(), Fault> {
    let (key, value) = row;
    let mut from = Reader::new(key.get(1..).unwrap_or_default());
    let (Ok(node), Ok(number), Ok((stamp, payload))) =
        (from.u32(), from.u64(), layout::open_row(value))
    else {
        unreadable(looking, row);
        return Ok(());
    };
    if number == 0 {
        return Ok(());
    }
    looking.checked.commits += 1;
    if Commit::read(stamp, payload).is_err() {
        unreadable(looking, row);
    } else if (stamp.node, stamp.number) != (node, number) {
        let what = format!("the feed has commit {stamp} in the place of {node}.{number}");
        looking.problem(Kind::Feed, what);
    } else if looking
        .nodes
        .get(&node)
        .is_none_or(|known| number > known.newest)
    {
        let what = format!("the feed has commit {stamp}, which its node has not made");
        looking.problem(Kind::Feed, what);
    }
    Ok(())
}

/// Looks whether the commit that made the present state of an entry is in the feed, and says so.
pub(super) fn has(looking: &mut Looking<'_>, entry: &Entry) -> Result<(), Fault> {
    let (id, stamp) = (entry.id, entry.stamp);
    // A node that is not there committed before a backup was restored, which begins a new feed.
    let Some(known) = looking.nodes.get(&stamp.node).copied() else {
        return Ok(());
    };
    if stamp.number > known.newest {
        let what = format!("entry {id} is of commit {stamp}, which its node has not made");
        looking.problem(Kind::Feed, what);
        return Ok(());
    }
    if stamp.number <= known.floor {
        return Ok(());
    }
    let told = tells(looking, entry)?;
    if !told {
        let what = format!("entry {id} is of commit {stamp}, and the feed does not tell of it");
        looking.problem(Kind::Feed, what);
    }
    Ok(())
}

/// Whether the commit of an entry's stamp is in the feed, and tells of it.
fn tells(looking: &mut Looking<'_>, entry: &Entry) -> Result<bool, Fault> {
    let at = (entry.stamp.node, entry.stamp.number);
    if let Some(known) = looking.large.get(&at) {
        return Ok(known.contains(&entry.id));
    }
    let Some(value) = looking.read.get(&layout::feed(at.0, at.1))? else {
        return Ok(false);
    };
    let commit = layout::open_row(&value).and_then(|(stamp, payload)| Commit::read(stamp, payload));
    // One that does not decode is told by itself.
    let Ok(commit) = commit else {
        return Ok(true);
    };
    let told = commit.change_of(entry.id).is_some();
    if commit.changed.len() > SMALL {
        if looking.kept + commit.changed.len() > KEPT {
            looking.large.clear();
            looking.kept = 0;
        }
        looking.kept += commit.changed.len();
        let all = commit.changed.iter().map(|changed| changed.id).collect();
        looking.large.insert(at, all);
    }
    Ok(told)
}
