//! One turn: a snapshot, an answer, its changes committed if what they were computed from still stands.

use std::sync::atomic::Ordering::Relaxed;

use directory::{
    AuditRecord, AuditResult, Change, CommitError, Directory, Fault, Reads, Refused, Snapshot,
};
use trust::Timestamp;

use crate::audit::Audit;
use crate::metrics::Metrics;

/// How often an answer is computed again because the directory has changed meanwhile.
pub(super) const TRIES: usize = 16;

/// Whether a record tells that somebody may not list a key.
fn is_refused_key(record: &AuditRecord) -> bool {
    record.action == "key.add" && record.result == AuditResult::Refused
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Others were faster each time; it can be tried later.
    #[error("the directory changed each of {TRIES} times that the answer was computed")]
    Busy,
    /// The directory refuses the changes, and will again.
    #[error("the directory refused what the answer changes")]
    Refused(#[source] Refused),
    /// Trouble of our own.
    #[error("the directory failed")]
    Fault(#[from] Fault),
}

/// What turns need.
#[derive(Clone, Copy)]
pub(crate) struct Turn<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) metrics: &'a Metrics,
    pub(crate) audit: &'a Audit,
}

impl<'t> Turn<'t> {
    /// Computes an answer and its changes from a snapshot, and commits the changes. When this returns an
    /// answer, what it says is so.
    pub(crate) fn take<A>(
        self,
        now: Timestamp,
        mut compute: impl FnMut(&Snapshot<'_>) -> (A, Vec<Change>),
    ) -> Result<A, Unanswered> {
        self.take_owned(now, |snapshot| {
            let (answer, changes) = compute(&snapshot);
            (answer, changes, snapshot.into_reads())
        })
    }

    /// As [`Turn::take`], for a party whose view owns its snapshot: what was read comes back with the answer.
    pub(crate) fn take_owned<A>(
        self,
        now: Timestamp,
        mut compute: impl FnMut(Snapshot<'t>) -> (A, Vec<Change>, Reads),
    ) -> Result<A, Unanswered> {
        for _ in 0..TRIES {
            let (answer, changes, reads) = compute(self.directory.snapshot()?);
            if changes.is_empty() {
                if reads.are_consistent() {
                    return Ok(answer);
                }
                self.metrics.conflicts.fetch_add(1, Relaxed);
                continue;
            }
            match self.directory.commit(&changes, &reads, now) {
                Ok(_) => {
                    self.metrics.commits.fetch_add(1, Relaxed);
                    self.log(changes);
                    return Ok(answer);
                }
                Err(CommitError::Conflict) => {
                    self.metrics.conflicts.fetch_add(1, Relaxed);
                }
                Err(CommitError::Refused(refused)) => return Err(Unanswered::Refused(refused)),
                Err(CommitError::Fault(fault)) => return Err(Unanswered::Fault(fault)),
            }
        }
        self.metrics.given_up.fetch_add(1, Relaxed);
        Err(Unanswered::Busy)
    }

    /// What the directory's own audit log has, the log file gets too.
    pub(super) fn log(self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Audit(record) => {
                    if is_refused_key(&record) {
                        self.metrics.refused_keys.fetch_add(1, Relaxed);
                    }
                    self.audit.record(record);
                }
                Change::AddKeyCredential { origin, .. } if origin.is_shadow() => {
                    self.metrics.shadow_keys.fetch_add(1, Relaxed);
                }
                _ => {}
            }
        }
    }
}
