//! The change feed: what was committed, in the order of each node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trust::Timestamp;

use crate::codec::{Corrupt, Reader, Writer};
use crate::id::{EntryId, Stamp};
use crate::schema::{Attribute, Class};
use crate::withdrawn::Means;

/// What a commit did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Which node's which commit.
    pub stamp: Stamp,
    /// When.
    pub time: Timestamp,
    /// The entries it changed, each once.
    pub changed: Vec<Changed>,
    /// The records it wrote or removed, but for those of quiet tables ([`crate::Table::quiet`]).
    pub records: Vec<ChangedRecord>,
    /// Whether it asks for a job to be done. Known as [`Commit::withdrawn`] is.
    pub scheduled: bool,
    /// What lets nobody in any more since. Known to who made the commit and their listeners; the feed does not keep it.
    pub withdrawn: Vec<Means>,
    /// What was there before the commit and lets somebody in since, as [`Commit::withdrawn`].
    pub given: Vec<Means>,
}

/// An entry that a commit changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Which entry.
    pub id: EntryId,
    /// Its class.
    pub class: Class,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The attributes whose values changed, linked ones included; all of them for a new entry, none for
    /// one that is gone.
    pub attributes: Vec<Attribute>,
}

/// What happened to an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its attributes changed.
    Modified,
    /// It hangs elsewhere or has another name; its attributes may have changed too.
    Moved,
    /// It is gone.
    Deleted,
}

/// A record that a commit wrote or removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedRecord {
    /// The table's name.
    pub table: String,
    /// The record's key within it.
    pub key: Vec<u8>,
}

impl Commit {
    /// Whether there is nothing for others to react to.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.records.is_empty()
    }

    /// What happened to an entry, if anything.
    #[must_use]
    pub fn change_of(&self, id: EntryId) -> Option<&Changed> {
        self.changed.iter().find(|changed| changed.id == id)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.time(self.time).u32(count(self.changed.len()));
        for changed in &self.changed {
            out.id(changed.id)
                .u8(changed.class as u8)
                .u8(match changed.kind {
                    ChangeKind::Added => 1,
                    ChangeKind::Modified => 2,
                    ChangeKind::Moved => 3,
                    ChangeKind::Deleted => 4,
                })
                .u32(count(changed.attributes.len()));
            for attribute in &changed.attributes {
                out.u16(attribute.number());
            }
        }
        out.u32(count(self.records.len()));
        for record in &self.records {
            out.text(&record.table).blob(&record.key);
        }
        out.finish()
    }

    pub(crate) fn read(stamp: Stamp, mut from: Reader<'_>) -> Result<Self, Corrupt> {
        let mut commit = Self {
            stamp,
            time: from.time()?,
            changed: Vec::new(),
            records: Vec::new(),
            scheduled: false,
            withdrawn: Vec::new(),
            given: Vec::new(),
        };
        for _ in 0..from.u32()? {
            let mut changed = Changed {
                id: from.id()?,
                class: Class::from_number(from.u8()?).ok_or(Corrupt)?,
                kind: match from.u8()? {
                    1 => ChangeKind::Added,
                    2 => ChangeKind::Modified,
                    3 => ChangeKind::Moved,
                    4 => ChangeKind::Deleted,
                    _ => return Err(Corrupt),
                },
                attributes: Vec::new(),
            };
            for _ in 0..from.u32()? {
                let attribute = Attribute::from_number(from.u16()?).ok_or(Corrupt)?;
                changed.attributes.push(attribute);
            }
            commit.changed.push(changed);
        }
        for _ in 0..from.u32()? {
            commit.records.push(ChangedRecord {
                table: from.text()?.to_owned(),
                key: from.blob()?.to_vec(),
            });
        }
        from.end()?;
        Ok(commit)
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// How far a reader of the feed has come: of each node, the number of the last commit it has seen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(crate) BTreeMap<u32, u64>);

impl Cursor {
    /// Before the first commit.
    #[must_use]
    pub fn start() -> Self {
        Self::default()
    }

    /// The number of the last commit of a node that was seen.
    #[must_use]
    pub fn seen(&self, node: u32) -> u64 {
        self.0.get(&node).copied().unwrap_or(0)
    }

    /// How many nodes made any.
    pub(crate) fn writers(&self) -> usize {
        self.0.values().filter(|number| **number > 0).count()
    }

    /// How many commits were seen.
    pub(crate) fn commits(&self) -> u64 {
        let mut numbers = self.0.values();
        numbers
            .by_ref()
            .fold(0, |sum, number| sum.saturating_add(*number))
    }

    /// Whether everything that `other` has seen was seen.
    pub(crate) fn reaches(&self, other: &Self) -> bool {
        let mut all = other.0.iter();
        all.all(|(node, number)| self.seen(*node) >= *number)
    }

    /// Goes past everything that `other` has seen.
    pub(crate) fn join(&mut self, other: &Self) {
        for (&node, &number) in &other.0 {
            self.advance(Stamp { node, number });
        }
    }

    /// Goes past a commit.
    pub fn advance(&mut self, stamp: Stamp) {
        let seen = self.0.entry(stamp.node).or_insert(0);
        *seen = (*seen).max(stamp.number);
    }
}

/// A piece of the feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeedPage {
    /// Commits after the cursor; those of one node in its order.
    pub commits: Vec<Commit>,
    /// Where to go on.
    pub cursor: Cursor,
    /// Whether there was more than fitted.
    pub more: bool,
}

/// Why the feed could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// What the cursor has not seen is not kept any more: read everything, from a new cursor.
    #[error("the cursor is older than the feed is kept; start again")]
    StartAgain,
    /// Trouble of our own.
    #[error("the feed could not be read")]
    Fault(#[from] crate::error::Fault),
}
