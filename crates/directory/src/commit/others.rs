//! Records, claims, jobs, activity, audit: what has no entry.

use trust::Timestamp;

use crate::audit::AuditRecord;
use crate::codec::{Reader, Writer};
use crate::error::{CommitError, Fault, Refused};
use crate::id::EntryId;
use crate::layout;
use crate::record::{
    AccountActivity, Activity, ClaimId, Job, JobId, RecordValue, StoredRecord, Table,
};
use crate::root_key::Belonging;
use crate::withdrawn::Means;

use super::Work;

/// The longest key of a record in bytes.
const RECORD_KEY_LIMIT: usize = 500;

impl Work<'_> {
    /// Says when a row may be removed.
    pub(super) fn expire(&mut self, when: Timestamp, key: &[u8]) -> Result<(), CommitError> {
        if when == Timestamp::NEVER {
            return Ok(());
        }
        let row = layout::row(self.stamp, &[]);
        self.transaction.put(&layout::expiry(when, key), &row)?;
        Ok(())
    }

    pub(super) fn claim(&mut self, id: &ClaimId, until: Timestamp) -> Result<(), CommitError> {
        let key = layout::claim(&id.0);
        if let Some(value) = self.transaction.get(&key)? {
            let held = layout::open_row(&value)?.1.time()?;
            if held > self.now {
                return Err(Refused::AlreadyClaimed.into());
            }
            self.transaction.delete(&layout::expiry(held, &key))?;
        }
        let payload = Writer::new().time(until).finish();
        self.transaction
            .put(&key, &layout::row(self.stamp, &payload))?;
        self.expire(until, &key)
    }

    pub(super) fn put_record(
        &mut self,
        table: Table,
        key: &[u8],
        value: &RecordValue,
        expires: Timestamp,
    ) -> Result<(), CommitError> {
        if key.is_empty() || key.len() > RECORD_KEY_LIMIT {
            return Err(Refused::InvalidName.into());
        }
        self.forget_expiry(table, key)?;
        let wrapped = match value {
            RecordValue::Plain(_) => None,
            RecordValue::Secret(secret) => {
                let belonging = Belonging::Record(table.name(), key);
                Some(self.directory.wrap(belonging, secret.expose()))
            }
        };
        let stored = StoredRecord {
            expires,
            wrapped: wrapped.is_some(),
            value: wrapped.as_deref().unwrap_or(value.bytes()),
        };
        let row = layout::record(table.name(), key);
        self.forget_known(table, &row);
        self.transaction
            .put(&row, &layout::row(self.stamp, &stored.write()))?;
        self.expire(expires, &row)?;
        self.withdrawn.extend(Means::revoked(table, key));
        self.tell_of(table, key);
        Ok(())
    }

    pub(super) fn remove_record(&mut self, table: Table, key: &[u8]) -> Result<(), CommitError> {
        if key.is_empty() || key.len() > RECORD_KEY_LIMIT {
            return Err(Refused::InvalidName.into());
        }
        if self.forget_expiry(table, key)? {
            let row = layout::record(table.name(), key);
            self.forget_known(table, &row);
            self.transaction.delete(&row)?;
            self.given.extend(Means::revoked(table, key));
            self.tell_of(table, key);
        }
        Ok(())
    }

    /// Says in the feed that a record was written or removed, where somebody may react to it.
    fn tell_of(&mut self, table: Table, key: &[u8]) {
        if !table.is_quiet() {
            self.records.insert((table.name().to_owned(), key.to_vec()));
        }
    }

    /// Forgets what memory knows of a row that is about to be written.
    fn forget_known(&self, table: Table, row: &[u8]) {
        if let Some(cache) = self.directory.cache_of_commits()
            && table.is_watched()
        {
            cache.write_rows([row], self.stamp.number);
        }
    }

    /// Removes the expiry row of a record; whether there is such a record.
    fn forget_expiry(&mut self, table: Table, key: &[u8]) -> Result<bool, CommitError> {
        let row = layout::record(table.name(), key);
        let Some(value) = self.transaction.get(&row)? else {
            return Ok(false);
        };
        let expires = StoredRecord::read(layout::open_row(&value)?.1)?.expires;
        self.transaction.delete(&layout::expiry(expires, &row))?;
        Ok(true)
    }

    pub(super) fn schedule(&mut self, job: &Job) -> Result<(), CommitError> {
        self.finish_job(&job.id)?;
        let row = layout::row(self.stamp, &job.write());
        self.transaction.put(&layout::job(job.id.as_str()), &row)?;
        let due = layout::job_due(job.due, job.id.as_str());
        self.transaction.put(&due, &layout::row(self.stamp, &[]))?;
        self.scheduled = true;
        Ok(())
    }

    pub(super) fn finish_job(&mut self, id: &JobId) -> Result<(), CommitError> {
        let key = layout::job(id.as_str());
        if let Some(value) = self.transaction.get(&key)? {
            let due = Job::read(id.as_str(), layout::open_row(&value)?.1)?.due;
            self.transaction
                .delete(&layout::job_due(due, id.as_str()))?;
            self.transaction.delete(&key)?;
        }
        Ok(())
    }

    pub(super) fn note_activity(
        &mut self,
        id: EntryId,
        activity: AccountActivity,
    ) -> Result<(), CommitError> {
        if self.working(id)?.after.is_none() {
            return Ok(());
        }
        let key = layout::activity(id);
        let mut noted = match self.transaction.get(&key)? {
            Some(value) => Activity::read(layout::open_row(&value)?.1)?,
            None => Activity::default(),
        };
        noted.note(activity);
        let row = layout::row(self.stamp, &noted.write());
        self.transaction.put(&key, &row)?;
        Ok(())
    }

    pub(super) fn audit(&mut self, record: &AuditRecord) -> Result<(), CommitError> {
        let text = serde_json::to_vec(record).map_err(|_| Fault::Corrupt("audit record"))?;
        let key = layout::audit(record.time, self.stamp, self.audited);
        self.audited += 1;
        self.transaction
            .put(&key, &layout::row(self.stamp, &text))?;
        Ok(())
    }
}

/// Reads when a record or claim expires, for who removes what has expired.
pub(crate) fn expires(key: &[u8], payload: Reader<'_>) -> Result<Timestamp, Fault> {
    Ok(match key.first() {
        Some(b'r') => StoredRecord::read(payload)?.expires,
        Some(b'q') => payload.clone().time()?,
        _ => Timestamp::EPOCH,
    })
}
