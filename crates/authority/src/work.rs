//! One call of the authority: what it reads, and the changes that it gathers.

use std::collections::BTreeMap;

use directory::change::{self, Change};
use directory::{Actor, AuditRecord, RecordValue, Secret, Snapshot, Table};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::View;
use crate::ca::Ca;
use crate::fault::Fault;
use crate::log::{Event, Head, LogEntry};
use crate::records::{self, LOG, TROUBLES};

/// How often the same trouble is told.
const TOLD_AGAIN: Span = Span::days(1);

/// A call under way.
pub(crate) struct Work<'a, 'd> {
    pub(crate) view: &'a View<'a, 'd>,
    pub(crate) now: Timestamp,
    pub(crate) rng: &'a mut dyn Rng,
    changes: Vec<Change>,
    heads: BTreeMap<Ca, Head>,
    /// Keys that this call asked a certificate for, and for whom: the snapshot does not know it yet.
    pub(crate) taken: BTreeMap<[u8; 32], Guid>,
}

impl<'a, 'd> Work<'a, 'd> {
    pub(crate) fn new(view: &'a View<'a, 'd>, now: Timestamp, rng: &'a mut dyn Rng) -> Self {
        Self {
            view,
            now,
            rng,
            changes: Vec::new(),
            heads: BTreeMap::new(),
            taken: BTreeMap::new(),
        }
    }

    pub(crate) const fn snapshot(&self) -> &'a Snapshot<'d> {
        self.view.snapshot
    }

    /// The end of a log, with what this call appended.
    pub(crate) fn head(&self, ca: Ca) -> Result<Head, Fault> {
        match self.heads.get(&ca) {
            Some(head) => Ok(*head),
            None => Head::read(self.snapshot(), ca, self.now),
        }
    }

    /// Appends to the log; gives the entry's number.
    pub(crate) fn append(
        &mut self,
        ca: Ca,
        event: Event,
        about: Option<u64>,
        content: &[u8],
        cause: &str,
    ) -> Result<u64, Fault> {
        let mut head = self.head(ca)?;
        let entry = LogEntry {
            ca,
            sequence: head.next,
            previous: head.digest,
            time: self.now,
            event,
            about,
            content: content.to_vec(),
            cause: cause.to_owned(),
        };
        let encoded = entry.encode()?;
        head.digest = crypto::digest::sha256(&encoded);
        head.next += 1;
        if matches!(event, Event::Revoked(_) | Event::Released) {
            head.changed = entry.sequence;
        }
        self.heads.insert(ca, head);
        self.put(LOG, records::numbered(ca, entry.sequence), encoded);
        Ok(entry.sequence)
    }

    /// Writes a lasting record.
    pub(crate) fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.changes
            .push(change::put(table, key, value, Timestamp::NEVER));
    }

    /// Writes a lasting record that rests wrapped.
    pub(crate) fn put_secret(&mut self, table: Table, key: Vec<u8>, value: Secret) {
        let value = RecordValue::Secret(value);
        self.changes
            .push(change::put(table, key, value, Timestamp::NEVER));
    }

    /// Writes a record that is gone after a while.
    pub(crate) fn put_for(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>, life: Span) {
        self.changes
            .push(change::put(table, key, value, self.now + life));
    }

    /// Takes over changes that are not records.
    pub(crate) fn extend(&mut self, changes: Vec<Change>) {
        self.changes.extend(changes);
    }

    pub(crate) fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.changes.push(change::remove(table, key));
    }

    /// Something that the authority did.
    pub(crate) fn done(&self, action: &str) -> AuditRecord {
        AuditRecord::done(self.now, Actor::system(), action)
    }

    pub(crate) fn audit(&mut self, record: AuditRecord) {
        self.changes.push(change::audit(record));
    }

    /// Tells the administrator what could not be done, once a day for as long as it is the same.
    pub(crate) fn trouble(&mut self, what: &str, action: &str, why: String) -> Result<(), Fault> {
        let key = what.as_bytes();
        let told = self.snapshot().record(TROUBLES, key, self.now)?;
        if told.is_some_and(|told| told.value.bytes() == why.as_bytes()) {
            return Ok(());
        }
        let key = key.to_vec();
        self.put_for(TROUBLES, key, why.clone().into_bytes(), TOLD_AGAIN);
        let record = AuditRecord::refused(self.now, Actor::system(), action, why);
        self.audit(record.with("what", what));
        Ok(())
    }

    /// Does one thing of several. When it fails for a reason of its own, nothing of it is done, the
    /// administrator is told, and the others still are.
    pub(crate) fn attempt(
        &mut self,
        what: &str,
        action: &str,
        thing: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (changes, heads) = (self.changes.len(), self.heads.clone());
        match thing(self) {
            Ok(()) => Ok(()),
            Err(fault @ Fault::Directory(_)) => Err(fault),
            Err(fault) => {
                self.changes.truncate(changes);
                self.heads = heads;
                self.trouble(what, action, message(&fault))
            }
        }
    }

    /// What this call changes.
    pub(crate) fn finish(mut self) -> Result<Vec<Change>, Fault> {
        for (ca, head) in std::mem::take(&mut self.heads) {
            self.put(records::HEADS, ca.name().into(), head.write()?);
        }
        Ok(self.changes)
    }
}

/// An error with what caused it, as a log shows it.
pub(crate) fn message(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

/// A serial number, or any octets, as administrators read them.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
