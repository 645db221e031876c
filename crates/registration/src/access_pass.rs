//! A Temporary Access Pass that is over does not stay with its account: a job that is committed with the pass takes it off.

use directory::{
    Account, Actor, AuditRecord, Change, EntryId, Fault, Job, JobId, Secret, Snapshot, change,
};
use token::access_pass::{ID, is_over};
use trust::Timestamp;
use wire::Guid;

use crate::second_factor;

/// The kind of job.
const JOB: &str = "tenant.access-pass-over";

/// The job that takes off the pass of an account, which is over at `ends`. Of several that were given one after another the last
/// one's is left.
#[must_use]
pub fn over_job(account: EntryId, ends: Timestamp) -> Option<Change> {
    let id = JobId::named(format!("{JOB}.{}", account.0))?;
    let payload = account.0.to_bytes().to_vec();
    Some(Change::Schedule(Job::new(id, JOB, ends, payload)))
}

/// What such a job does; `None` for a job of another kind. What was taken off or given meanwhile stays as it is.
pub fn do_job(
    job: &Job,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Option<Result<Vec<Change>, Fault>> {
    (job.kind == JOB).then(|| {
        let mut changes = match <[u8; 16]>::try_from(job.payload.as_slice()) {
            Ok(id) => take_off(EntryId(Guid::from_bytes(id)), snapshot, now)?,
            Err(_) => vec![],
        };
        changes.push(Change::Finish(job.id.clone()));
        Ok(changes)
    })
}

fn take_off(
    account: EntryId,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Vec<Change>, Fault> {
    let Some(account) = snapshot.account_by_id(account)? else {
        return Ok(vec![]);
    };
    let mut factors = second_factor::of(&account);
    if !factors
        .enrolled
        .get(ID)
        .is_some_and(|kept| is_over(kept, now))
    {
        return Ok(vec![]);
    }
    factors.enrolled.remove(ID);
    let values = factors.write().into_iter().map(Secret::new).collect();
    let record = AuditRecord::done(now, Actor::system(), "second-factor.access-pass.over")
        .on(account.id, name_of(&account));
    Ok(vec![
        change::set_second_factors(account.id, values),
        change::audit(record),
    ])
}

fn name_of(account: &Account) -> &str {
    account.upn.as_deref().unwrap_or(&account.sam)
}
