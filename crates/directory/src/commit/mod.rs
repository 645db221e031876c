//! How changes are made: inside one transaction of the storage, all or none.
//!
//! Entries are changed in memory first ([`Work`]); at the end the index rows of their old and new states
//! are compared, the old ones removed, and the new ones added where nothing is. So two entries may swap
//! names within one commit, and no change has to know which index it touches.

mod check;
mod entries;
mod index;
mod links;
mod others;
mod rids;

use std::collections::{BTreeMap, BTreeSet};

use trust::Timestamp;

use crate::change::Change;
use crate::directory::{Directory, NodeRow};
use crate::domain::Domain;
use crate::entry::Entry;
use crate::error::{CommitError, Fault, Refused};
use crate::feed::{ChangeKind, Changed, ChangedRecord, Commit};
use crate::id::{EntryId, Stamp};
use crate::layout;
use crate::reads::Reads;
use crate::schema::{Attribute, Class};
use crate::snapshot;
use crate::storage::Transaction;
use crate::withdrawn::Means;

pub(crate) use entries::TOMBSTONE_DAYS;
pub(crate) use index::{index_bytes, index_keys};
pub(crate) use links::key_index_keys;
pub(crate) use others::expires;
pub(crate) use rids::FIRST as FIRST_RID;

/// What a commit may do besides.
pub(crate) enum Privilege {
    /// Nothing.
    None,
    /// Make the domain: fix relative identifiers, mark critical entries, set what the system sets.
    Bootstrap(Box<Domain>),
    /// Add what every domain has: fix relative identifiers, mark critical entries.
    WellKnown,
}

/// A commit under way.
pub(crate) struct Work<'t> {
    directory: &'t Directory,
    transaction: &'t mut dyn Transaction,
    privilege: &'t Privilege,
    stamp: Stamp,
    now: Timestamp,
    node: NodeRow,
    entries: BTreeMap<EntryId, Working>,
    records: BTreeSet<(String, Vec<u8>)>,
    groups_changed: bool,
    audited: u32,
    scheduled: bool,
    withdrawn: Vec<Means>,
    given: Vec<Means>,
}

/// An entry that the commit looks at or changes.
struct Working {
    before: Option<Entry>,
    after: Option<Entry>,
    moved: bool,
    /// Attributes whose linked values changed, which is not seen by comparing the two states.
    linked: BTreeSet<Attribute>,
}

/// Makes the changes in a transaction. The storage may run it again, so nothing outside of the
/// transaction is changed but the cache, which only forgets.
pub(crate) fn apply(
    directory: &Directory,
    transaction: &mut dyn Transaction,
    changes: &[Change],
    reads: &Reads,
    now: Timestamp,
    privilege: &Privilege,
) -> Result<Commit, CommitError> {
    if !reads.stand(&*transaction)? {
        return Err(CommitError::Conflict);
    }
    let (own, mut node) = directory.own_row(transaction)?;
    node.number += 1;
    let stamp = Stamp {
        node: own,
        number: node.number,
    };
    let mut work = Work {
        directory,
        transaction,
        privilege,
        stamp,
        now,
        node,
        entries: BTreeMap::new(),
        records: BTreeSet::new(),
        groups_changed: false,
        audited: 0,
        scheduled: false,
        withdrawn: Vec::new(),
        given: Vec::new(),
    };
    if let Privilege::Bootstrap(domain) = privilege {
        let row = layout::row(stamp, &domain.write());
        work.transaction.put(&layout::meta("domain"), &row)?;
    }
    for change in changes {
        work.change(change)?;
    }
    work.finish()
}

impl Work<'_> {
    fn change(&mut self, change: &Change) -> Result<(), CommitError> {
        match change {
            Change::Add(new) => self.add(new),
            Change::Modify { id, edits } => self.modify(*id, edits),
            Change::Move { id, parent, name } => self.hang(*id, *parent, name.as_deref()),
            Change::Delete { id } => self.delete(*id),
            Change::AddMember { group, member } => self.add_member(*group, *member),
            Change::RemoveMember { group, member } => self.remove_member(*group, *member),
            Change::AddKeyCredential {
                holder,
                blob,
                origin,
            } => self.add_key(*holder, blob, *origin),
            Change::RemoveKeyCredential { holder, value } => self.remove_key(*holder, *value),
            Change::SetPassword {
                id,
                material,
                must_change,
            } => self.set_password(*id, material, *must_change),
            Change::ForgetFormerKeys { id, before } => self.forget_former_keys(*id, *before),
            Change::Activity { id, activity } => self.note_activity(*id, *activity),
            Change::Claim { id, until } => self.claim(id, *until),
            Change::Put {
                table,
                key,
                value,
                expires,
            } => self.put_record(*table, key, value, *expires),
            Change::Remove { table, key } => self.remove_record(*table, key),
            Change::Schedule(job) => self.schedule(job),
            Change::Finish(id) => self.finish_job(id),
            Change::Audit(record) => self.audit(record),
        }
    }

    /// The entry as the commit has it so far.
    fn working(&mut self, id: EntryId) -> Result<&mut Working, CommitError> {
        if !self.entries.contains_key(&id) {
            let before = snapshot::entry(&*self.transaction, id)?;
            let working = Working {
                after: before.clone(),
                before,
                moved: false,
                linked: BTreeSet::new(),
            };
            self.entries.insert(id, working);
        }
        self.entries
            .get_mut(&id)
            .ok_or(CommitError::Fault(Fault::Corrupt("commit")))
    }

    /// The entry as the commit has it so far, which must be there.
    fn existing(&mut self, id: EntryId) -> Result<&mut Entry, CommitError> {
        self.working(id)?
            .after
            .as_mut()
            .ok_or(CommitError::Refused(Refused::NoSuchEntry(id)))
    }

    /// Says that linked values of an entry changed, so that it gets a new version.
    fn touch(&mut self, id: EntryId, attribute: Attribute) -> Result<(), CommitError> {
        self.working(id)?.linked.insert(attribute);
        Ok(())
    }

    const fn is_bootstrap(&self) -> bool {
        matches!(self.privilege, Privilege::Bootstrap(_))
    }

    /// Whether the commit adds what the specifications fix.
    const fn is_well_known(&self) -> bool {
        matches!(
            self.privilege,
            Privilege::Bootstrap(_) | Privilege::WellKnown
        )
    }

    /// The domain, whose own making is the one commit without it.
    fn domain(&self) -> Result<std::sync::Arc<Domain>, CommitError> {
        match self.privilege {
            Privilege::Bootstrap(domain) => Ok(std::sync::Arc::new((**domain).clone())),
            Privilege::None | Privilege::WellKnown => Ok(self.directory.domain()?),
        }
    }

    /// Writes the changed entries with their indexes, the feed, and this node's row.
    fn finish(mut self) -> Result<Commit, CommitError> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain(|_, working| {
            working.before != working.after
                || (working.after.is_some() && !working.linked.is_empty())
        });
        for working in entries.values_mut() {
            if let Some(entry) = &mut working.after {
                check::whole(entry)?;
                entry.stamp = self.stamp;
                entry.changed = self.now;
            }
        }
        self.write_indexes(&entries)?;
        let mut commit = Commit {
            stamp: self.stamp,
            time: self.now,
            changed: Vec::new(),
            records: Vec::new(),
            scheduled: self.scheduled,
            withdrawn: std::mem::take(&mut self.withdrawn),
            given: std::mem::take(&mut self.given),
        };
        for (id, working) in &entries {
            match &working.after {
                Some(entry) => {
                    let row = layout::row(self.stamp, &entry.write());
                    self.transaction.put(&layout::entry(*id), &row)?;
                }
                None => self.transaction.delete(&layout::entry(*id))?,
            }
            working.tell_of_means(*id, &mut commit);
            commit.changed.extend(working.changed(*id));
            self.groups_changed |= working.concerns_groups();
        }
        let records = std::mem::take(&mut self.records).into_iter();
        commit.records = records
            .map(|(table, key)| ChangedRecord { table, key })
            .collect();
        if !commit.is_empty() {
            let row = layout::row(self.stamp, &commit.write());
            let key = layout::feed(self.stamp.node, self.stamp.number);
            self.transaction.put(&key, &row)?;
        }
        let row = self.node.write(self.stamp);
        self.transaction.put(&layout::node(self.stamp.node), &row)?;
        if let Some(cache) = self.directory.cache_of_commits() {
            cache.change(
                commit.changed.iter().map(|changed| changed.id),
                self.groups_changed,
                self.stamp.number,
            );
        }
        Ok(commit)
    }
}

impl Working {
    fn changed(&self, id: EntryId) -> Option<Changed> {
        let class = self.after.as_ref().or(self.before.as_ref())?.class;
        let (kind, attributes) = match (&self.before, &self.after) {
            (None, Some(after)) => {
                let own = after.attributes.keys();
                (
                    ChangeKind::Added,
                    own.chain(self.linked.iter().copied()).collect(),
                )
            }
            (Some(_), None) => (ChangeKind::Deleted, BTreeSet::new()),
            (Some(before), Some(after)) => {
                let names = before.attributes.keys().chain(after.attributes.keys());
                let differ = names.filter(|name| before.values(*name) != after.values(*name));
                let kind = if self.moved {
                    ChangeKind::Moved
                } else {
                    ChangeKind::Modified
                };
                (kind, differ.chain(self.linked.iter().copied()).collect())
            }
            (None, None) => return None,
        };
        Some(Changed {
            id,
            class,
            kind,
            attributes: attributes.into_iter().collect(),
        })
    }

    /// What the change means for how the account or device signs in.
    fn tell_of_means(&self, id: EntryId, commit: &mut Commit) {
        let enabled = |entry: &Option<Entry>| entry.as_ref().is_some_and(Means::may_sign_in);
        let differs = |attribute| match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.values(attribute) != after.values(attribute),
            _ => false,
        };
        match (enabled(&self.before), enabled(&self.after)) {
            (true, false) => commit.withdrawn.push(Means::Entry { entry: id }),
            (false, true) if self.before.is_some() => commit.given.push(Means::Entry { entry: id }),
            _ => {}
        }
        let mappings = |entry: &Option<Entry>| -> BTreeSet<String> {
            let of = entry.as_ref().map(Means::mappings).unwrap_or_default();
            of.into_iter().map(str::to_owned).collect()
        };
        let (before, after) = (mappings(&self.before), mappings(&self.after));
        let mapping = |mapping: &String| Means::Mapping {
            entry: id,
            mapping: mapping.clone(),
        };
        commit
            .withdrawn
            .extend(before.difference(&after).map(mapping));
        if self.before.is_some() {
            commit.given.extend(after.difference(&before).map(mapping));
        }
        if differs(Attribute::SupplementalCredentials) || differs(Attribute::PasswordHash) {
            commit.withdrawn.push(Means::Password { entry: id });
        }
        if differs(Attribute::SecondFactor) {
            commit.withdrawn.push(Means::SecondFactor { entry: id });
        }
    }

    /// Whether the change can matter to who is in which group.
    fn concerns_groups(&self) -> bool {
        let group = |entry: &Option<Entry>| {
            entry
                .as_ref()
                .is_some_and(|entry| entry.class == Class::Group)
        };
        group(&self.before) || group(&self.after)
    }
}
