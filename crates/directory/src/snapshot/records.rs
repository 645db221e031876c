//! Reading records, claims, jobs and the audit log.

use trust::Timestamp;

use super::Snapshot;
use crate::audit::AuditRecord;
use crate::codec::Reader;
use crate::error::Fault;
use crate::id::Stamp;
use crate::layout;
use crate::record::{ClaimId, Job, JobId, Record, RecordValue, StoredRecord, Table};
use crate::root_key::Belonging;
use crate::storage::{Order, after_prefix};

impl Snapshot<'_> {
    /// A record that has not expired.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn record(
        &self,
        table: Table,
        key: &[u8],
        now: Timestamp,
    ) -> Result<Option<Record>, Fault> {
        match self.row(layout::record(table.name(), key))? {
            Some((stamp, payload)) => self.open_record(table, key, stamp, &payload, now),
            None => Ok(None),
        }
    }

    /// When a record of a [watched](Table::watched) table was written: from memory, where that is known there.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn written(&self, table: Table, key: &[u8]) -> Result<Option<Stamp>, Fault> {
        let key = layout::record(table.name(), key);
        if let Some(stamp) = self.known_row(&key)? {
            return Ok(stamp);
        }
        let stamp = self.row(key.clone())?.map(|(stamp, _)| stamp);
        // What others commit to the same storage is not told record by record.
        if let Some(cache) = self.directory.cache_of_commits() {
            cache.keep_row(&key, stamp, self.store()?.number);
        }
        Ok(stamp)
    }

    /// The records of a table with `start <= key < end` that have not expired, in the order of their
    /// keys, from at most `limit` rows; an empty `end` is the end of the table.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn records(
        &self,
        table: Table,
        start: &[u8],
        end: &[u8],
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, Fault> {
        let first = layout::record(table.name(), start);
        let beyond = if end.is_empty() {
            after_prefix(&layout::records(table.name()))
        } else {
            layout::record(table.name(), end)
        };
        let skip = layout::records(table.name()).len();
        let mut records = Vec::new();
        for (key, value) in self.range(&first, &beyond, limit, Order::Ascending)? {
            let (stamp, mut payload) = layout::open_row(&value)?;
            let own_key = key.get(skip..).unwrap_or_default();
            records.extend(self.open_record(table, own_key, stamp, payload.remainder(), now)?);
        }
        Ok(records)
    }

    fn open_record(
        &self,
        table: Table,
        key: &[u8],
        stamp: Stamp,
        payload: &[u8],
        now: Timestamp,
    ) -> Result<Option<Record>, Fault> {
        let stored = StoredRecord::read(Reader::new(payload))?;
        if stored.expires <= now {
            return Ok(None);
        }
        let value = if stored.wrapped {
            let belonging = Belonging::Record(table.name(), key);
            RecordValue::Secret(self.directory.root_key().unwrap(belonging, stored.value)?)
        } else {
            RecordValue::Plain(stored.value.to_vec())
        };
        Ok(Some(Record {
            key: key.to_vec(),
            value,
            expires: stored.expires,
            stamp,
        }))
    }

    /// Whether something that can be done once was done.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn claimed(&self, id: &ClaimId, now: Timestamp) -> Result<bool, Fault> {
        match self.row(layout::claim(&id.0))? {
            Some((_, payload)) => Ok(Reader::new(&payload).time()? > now),
            None => Ok(false),
        }
    }

    /// The jobs that are due, the longest due first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn due_jobs(&self, now: Timestamp, limit: usize) -> Result<Vec<Job>, Fault> {
        let rows = self.range(b"j", &layout::jobs_until(now), limit, Order::Ascending)?;
        let mut jobs = Vec::new();
        for (key, _) in rows {
            let name = key.get(9..).and_then(|name| std::str::from_utf8(name).ok());
            if let Some(name) = name.and_then(JobId::named) {
                jobs.extend(self.job(&name)?);
            }
        }
        Ok(jobs)
    }

    /// The moment at which the next job is due.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn next_job_due(&self) -> Result<Option<Timestamp>, Fault> {
        let rows = self.range(b"j", b"k", 1, Order::Ascending)?;
        match rows.first() {
            Some((key, _)) => {
                let mut from = Reader::new(key.get(1..).unwrap_or_default());
                Ok(Some(from.time()?))
            }
            None => Ok(None),
        }
    }

    /// The job with a name.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn job(&self, id: &JobId) -> Result<Option<Job>, Fault> {
        match self.row(layout::job(id.as_str()))? {
            Some((_, payload)) => Ok(Some(Job::read(id.as_str(), Reader::new(&payload))?)),
            None => Ok(None),
        }
    }

    /// The audit records with `from <= time < until`, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn audit_log(
        &self,
        from: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, Fault> {
        let rows = self.store()?.read.scan(
            &layout::audit_from(from),
            &layout::audit_from(until),
            limit,
            Order::Descending,
        )?;
        rows.iter()
            .map(|(_, value)| {
                let (_, mut payload) = layout::open_row(value)?;
                serde_json::from_slice(payload.remainder())
                    .map_err(|_| Fault::Corrupt("audit record"))
            })
            .collect()
    }
}
