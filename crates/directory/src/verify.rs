//! Whether the store's rows agree with each other, for who doubts it.

use std::collections::BTreeSet;

use crate::account::Account;
use crate::codec::Reader;
use crate::commit::{index_keys, key_index_keys};
use crate::directory::Directory;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::layout;
use crate::schema::Attribute;
use crate::snapshot;
use crate::storage::{Order, Read, Row, after_prefix};

/// How many rows are looked at in one state of the storage.
const STEP: usize = 100;

/// What a look at every row found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// How many entries there are.
    pub entries: usize,
    /// How many index rows there are.
    pub index_rows: usize,
    /// What does not agree, a sentence each, at most 100 of them.
    pub problems: Vec<String>,
}

impl Verified {
    fn problem(&mut self, sentence: String) {
        if self.problems.len() < 100 {
            self.problems.push(sentence);
        }
    }
}

impl Directory {
    /// Looks at every entry and every index row: whether each entry decodes, hangs on one that is there,
    /// opens under the root key and has all its index rows, and whether each index row is some entry's.
    /// Commits may go on meanwhile; each entry is judged within one state.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails. What is wrong with its content is no error but the answer.
    pub fn verify(&self) -> Result<Verified, Fault> {
        let mut verified = Verified::default();
        self.each_row(b"e", |read, (key, _)| {
            let id = layout::id_at_end(key)?;
            verified.entries += 1;
            match snapshot::entry(read, id) {
                Ok(Some(entry)) => {
                    let keys = expected(read, &entry)?;
                    for key in &keys {
                        if read.get(key)?.is_none() {
                            let kind = char::from(key.first().copied().unwrap_or(b'?'));
                            verified
                                .problem(format!("entry {id} lacks an index row of table {kind}"));
                        }
                    }
                    self.judge(read, &entry, &mut verified)
                }
                Ok(None) => Ok(()),
                Err(Fault::Corrupt(what)) => {
                    verified.problem(format!("entry {id} does not decode ({what})"));
                    Ok(())
                }
                Err(fault) => Err(fault),
            }
        })?;
        for table in [b"c", b"u", b"k", b"x"] {
            self.each_row(table, |read, row| {
                verified.index_rows += 1;
                let id = holder(row)?;
                let owned = match snapshot::entry(read, id)? {
                    Some(entry) => expected(read, &entry)?.contains(&row.0),
                    None => false,
                };
                if !owned {
                    let kind = char::from(table[0]);
                    verified.problem(format!(
                        "an index row of table {kind} names entry {id}, whose it is not"
                    ));
                }
                Ok(())
            })?;
        }
        for (table, other) in [(b"l", b"b"), (b"b", b"l")] {
            self.each_row(table, |read, (key, _)| {
                if let Some(counterpart) = counterpart(key, other[0])
                    && read.get(&counterpart)?.is_none()
                {
                    let id = layout::id_at_end(key)?;
                    verified.problem(format!(
                        "a membership of entry {id} is there in one direction only"
                    ));
                }
                Ok(())
            })?;
        }
        Ok(verified)
    }

    fn judge(&self, read: &dyn Read, entry: &Entry, verified: &mut Verified) -> Result<(), Fault> {
        let id = entry.id;
        let parent = read.get(&layout::entry(entry.parent))?;
        if parent.is_none() && entry.parent != EntryId::NONE {
            verified.problem(format!("entry {id} hangs on one that is not there"));
        }
        let keys = snapshot::key_credentials(read, id)?;
        if keys.len() != entry.listed_keys as usize {
            verified.problem(format!("entry {id} lists other keys than it says"));
        }
        if entry.class.is_account()
            && let Err(fault) = Account::parse(entry, keys, self.root_key())
        {
            verified.problem(format!("account {id} does not open: {fault}"));
        }
        Ok(())
    }

    fn each_row(
        &self,
        table: &[u8],
        mut each: impl FnMut(&dyn Read, &Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let end = after_prefix(table);
        let mut from = table.to_vec();
        loop {
            let read = self.storage().snapshot()?;
            let rows = read.scan(&from, &end, STEP, Order::Ascending)?;
            for row in &rows {
                each(read.as_ref(), row)?;
            }
            match rows.last() {
                Some((last, _)) if rows.len() == STEP => {
                    from.clone_from(last);
                    from.push(0);
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Every index row that an entry should have.
fn expected(read: &dyn Read, entry: &Entry) -> Result<BTreeSet<Vec<u8>>, Fault> {
    let mut keys: BTreeSet<Vec<u8>> = index_keys(entry).into_iter().collect();
    for key in snapshot::key_credentials(read, entry.id)? {
        keys.extend(key_index_keys(entry, &key));
    }
    Ok(keys)
}

/// The entry that an index row names: listings in their keys, the others in their values.
fn holder((key, value): &Row) -> Result<EntryId, Fault> {
    if key.first() == Some(&b'x') {
        return Ok(layout::id_at_end(key)?);
    }
    Ok(layout::open_row(value)?.1.id()?)
}

/// The other direction of a membership; `None` for links that have none.
fn counterpart(key: &[u8], table: u8) -> Option<Vec<u8>> {
    let mut from = Reader::new(key.get(1..)?);
    let (one, attribute) = (from.id().ok()?, from.u16().ok()?);
    let other = from.id().ok()?;
    from.end().ok()?;
    let (member, member_of) = (Attribute::Member, Attribute::MemberOf);
    if table == b'b' && attribute == member.number() {
        return Some(layout::backlink(other, member_of, one));
    }
    (table == b'l' && attribute == member_of.number())
        .then(|| layout::link(other, member, &one.bytes()))
}
