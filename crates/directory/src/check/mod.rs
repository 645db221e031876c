//! Whether the store's rows are what they should be and agree with each other, for who doubts it.
//!
//! One state is looked at, row by row: does each decode; has each entry its index rows, and each index row its entry; are
//! links there in both directions; do secrets open under the root key; is everything in the feed that it should have.
//! To add a table: its line in `rows.rs`.

mod entries;
mod feed;
mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use crate::directory::{Directory, recognise};
use crate::error::Fault;
use crate::id::EntryId;
use crate::layout;
use crate::record::{Record, RecordValue, StoredRecord, Table};
use crate::root_key::RootKey;
use crate::storage::{KEY_LIMIT, Order, Read, Row, after_prefix};

/// How many rows are read at once.
const STEP: usize = 500;
/// How many problems are told one by one.
pub const TOLD: usize = 100;

/// What a look at every row found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// How many rows there are.
    pub rows: u64,
    /// How many entries.
    pub entries: u64,
    /// How many of them are accounts of people, computers and services.
    pub accounts: u64,
    /// How many of them are devices.
    pub devices: u64,
    /// How many of them are groups.
    pub groups: u64,
    /// How many keys are listed on accounts and devices.
    pub keys: u64,
    /// How many index rows and links there are.
    pub index_rows: u64,
    /// How many secrets opened under the root key.
    pub secrets: u64,
    /// How many commits the feed has.
    pub commits: u64,
    /// How many audit records.
    pub audit_records: u64,
    /// How many problems were found.
    pub found: u64,
    /// The first hundred of them.
    pub problems: Vec<Problem>,
}

/// Something that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Of which kind.
    pub kind: Kind,
    /// What it is: a sentence without its full stop.
    pub what: String,
}

/// What kind of problem it is, and so what can be done about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A row does not decode.
    Unreadable,
    /// A secret does not open under the root key.
    Secret,
    /// An index, a link or another row that belongs to it is missing, or is nobody's.
    Disagreement,
    /// The feed lacks a commit, or tells of one that was never made.
    Feed,
    /// The authority's books do not agree with each other. The authority looks at them, not [`check`].
    Books,
}

impl Kind {
    /// Why that happens.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Unreadable => {
                "the disk or the memory changed it, or a newer version of the program wrote it"
            }
            Self::Secret => "it was changed, or comes from a store with another root key",
            Self::Disagreement => {
                "a part of what one commit wrote is not there, or somebody wrote to the store who is not this program"
            }
            Self::Feed => {
                "a part of what one commit wrote is not there, or an older copy of the store was put in the place of a newer one"
            }
            Self::Books => {
                "somebody wrote to the authority's books who is not this program, or the disk changed or lost a part of them"
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Unreadable | Self::Secret | Self::Disagreement => {
                "Keep a copy of the store as it is, look at the disk, and restore the last backup that `keyporchd check` found in order."
            }
            Self::Feed => {
                "Back the store up and restore that backup: the entries stay as they are, and everybody who follows changes begins again."
            }
            Self::Books => {
                "Keep a copy of the store as it is, and compare it with the lines `certificate.issue` and `certificate.revoke` of the audit \
                 log: a certificate that is in one of them alone is revoked. Then restore the last backup whose books were in order."
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Looks at every row of one state. `progress` is told now and then how many rows were looked at.
///
/// # Errors
/// [`Fault`] when the state cannot be read, is no store of this program, or another root key's. What is wrong with its
/// content is no error but the answer.
pub fn check(
    read: &dyn Read,
    root_key: &RootKey,
    progress: &mut dyn FnMut(u64),
) -> Result<Checked, Fault> {
    if !recognise(read, root_key)? {
        return Err(Fault::NoDomain);
    }
    check_rows(read, root_key, progress)
}

/// As [`check`], in a store that is being restored too.
pub(crate) fn check_rows(
    read: &dyn Read,
    root_key: &RootKey,
    progress: &mut dyn FnMut(u64),
) -> Result<Checked, Fault> {
    let mut looking = Looking {
        read,
        root_key,
        nodes: feed::nodes(read)?,
        expected: BTreeMap::new(),
        large: HashMap::new(),
        kept: 0,
        checked: Checked::default(),
    };
    let mut counts: BTreeMap<u8, u64> = BTreeMap::new();
    each_row(read, &[], &[0xff; KEY_LIMIT], |row| {
        looking.checked.rows += 1;
        if looking.checked.rows.is_multiple_of(STEP as u64) {
            progress(looking.checked.rows);
        }
        *counts
            .entry(row.0.first().copied().unwrap_or(0))
            .or_default() += 1;
        rows::look(&mut looking, row)
    })?;
    // Every index row that an entry should have was found to be there and its own. Where there are no others, each is
    // some entry's; only where there are is each asked whose it is.
    for table in [b'c', b'u', b'k', b'x'] {
        let there = counts.get(&table).copied().unwrap_or(0);
        looking.checked.index_rows += there;
        if there != looking.expected.get(&table).copied().unwrap_or(0) {
            each_row(read, &[table], &after_prefix(&[table]), |row| {
                entries::owned(&mut looking, row)
            })?;
        }
    }
    for table in [b'l', b'b'] {
        looking.checked.index_rows += counts.get(&table).copied().unwrap_or(0);
    }
    progress(looking.checked.rows);
    Ok(looking.checked)
}

/// Hands out the records of a table in one state whose keys begin with `prefix`, expired ones too, in the order of their
/// keys: for who looks at all of them. What does not decode is passed over, for [`check`] tells of it, and so is what rests
/// wrapped.
///
/// # Errors
/// [`Fault`] when the state cannot be read.
pub fn records(
    read: &dyn Read,
    table: Table,
    prefix: &[u8],
    mut each: impl FnMut(Record),
) -> Result<(), Fault> {
    let first = layout::record(table.name(), prefix);
    let skip = layout::records(table.name()).len();
    each_row(read, &first, &after_prefix(&first), |(key, value)| {
        let stored = layout::open_row(value)
            .and_then(|(stamp, payload)| Ok((stamp, StoredRecord::read(payload)?)));
        if let Ok((stamp, stored)) = stored
            && !stored.wrapped
        {
            each(Record {
                key: key.get(skip..).unwrap_or_default().to_vec(),
                value: RecordValue::Plain(stored.value.to_vec()),
                expires: stored.expires,
                stamp,
            });
        }
        Ok(())
    })
}

impl Directory {
    /// Looks at every row of the present state; see [`check`].
    ///
    /// # Errors
    /// As [`check`].
    pub fn check(&self) -> Result<Checked, Fault> {
        let read = self.storage().long_snapshot()?;
        check_rows(read.as_ref(), self.root_key(), &mut |_| {})
    }
}

/// A look at the store under way.
struct Looking<'a> {
    read: &'a dyn Read,
    root_key: &'a RootKey,
    nodes: BTreeMap<u32, feed::Known>,
    /// How many index rows entries should have, by table.
    expected: BTreeMap<u8, u64>,
    /// What commits of many changes changed, and how many changes those are.
    large: HashMap<(u32, u64), HashSet<EntryId>>,
    kept: usize,
    checked: Checked,
}

impl Looking<'_> {
    fn problem(&mut self, kind: Kind, what: String) {
        self.checked.found += 1;
        if self.checked.problems.len() < TOLD {
            self.checked.problems.push(Problem { kind, what });
        }
    }
}

fn each_row(
    read: &dyn Read,
    start: &[u8],
    end: &[u8],
    mut each: impl FnMut(&Row) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut from = start.to_vec();
    loop {
        let rows = read.scan(&from, end, STEP, Order::Ascending)?;
        rows.iter().try_for_each(&mut each)?;
        match rows.last() {
            Some((last, _)) if rows.len() == STEP => {
                from.clone_from(last);
                from.push(0);
            }
            _ => return Ok(()),
        }
    }
}
