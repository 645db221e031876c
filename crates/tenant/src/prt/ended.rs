//! What ends primary refresh tokens for good, however many there are.
//!
//! Each use of one judges account, device and key anew ([`super::judge`]), so nothing here makes a difference while what was
//! taken away stays away. What was marked stays dead when it comes back. A commit marks some; a job goes on with the others,
//! for as long as there are any: nobody's answer waits for all of them, and none is left out.

use directory::{Account, Change, EntryId, Fault, Job, JobId, Snapshot};
use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};

use super::record::{self, PrtRecord, Whose};
use super::refused::Dead;

/// How many rows are marked in one commit.
pub(crate) const AT_ONCE: usize = 500;
/// The kind of job that goes on.
const JOB: &str = "tenant.end-prts";

/// Which tokens end, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Ending {
    whose: Whose,
    which: Which,
    /// When that happened, in microseconds since 1970: whoever signs in afterwards is not meant.
    at: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Which {
    /// All of them.
    All(Dead),
    /// Those by Hello keys, but for these keys (SHA-256).
    OfKeysBut(Vec<[u8; 32]>),
}

/// What a job needs to know.
#[derive(Serialize, Deserialize)]
struct GoOn {
    ending: Ending,
    from: Vec<u8>,
}

impl Ending {
    /// What a device has.
    pub(crate) const fn of_device(device: EntryId, why: Dead, now: Timestamp) -> Self {
        Self {
            whose: Whose::Device(device),
            which: Which::All(why),
            at: now.micros(),
        }
    }

    /// What an account has.
    pub(crate) const fn of_account(account: EntryId, why: Dead, now: Timestamp) -> Self {
        Self {
            whose: Whose::Account(account),
            which: Which::All(why),
            at: now.micros(),
        }
    }

    /// What an account has by Hello keys that it lists no more.
    pub(crate) fn of_lost_keys(account: &Account, now: Timestamp) -> Self {
        let listed = account.sign_in_keys().filter_map(|key| key.fingerprint);
        Self {
            whose: Whose::Account(account.id),
            which: Which::OfKeysBut(listed.map(|key| key.0).collect()),
            at: now.micros(),
        }
    }

    /// The changes that mark the first of them, and ask for the others to be marked.
    pub(crate) fn begin(
        self,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Vec<Change>, Fault> {
        let (mut changes, next) = self.some(snapshot, &[], now)?;
        if let Some(from) = next {
            let id = JobId::random(rng);
            changes.push(Change::Schedule(self.job(id, from, now)));
        }
        Ok(changes)
    }

    /// The changes that mark all of them: for what others may come by in the meantime.
    pub(crate) fn whole(
        self,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
    ) -> Result<Vec<Change>, Fault> {
        let (mut changes, mut next) = self.some(snapshot, &[], now)?;
        while let Some(from) = next {
            let (more, then) = self.some(snapshot, &from, now)?;
            changes.extend(more);
            next = then;
        }
        Ok(changes)
    }

    /// Marks some, from there on; and where to go on.
    fn some(
        &self,
        snapshot: &Snapshot<'_>,
        from: &[u8],
        now: Timestamp,
    ) -> Result<(Vec<Change>, Option<Vec<u8>>), Fault> {
        let page = record::page(snapshot, self.whose, from, AT_ONCE, now)?;
        let ended = page.rows.into_iter().filter_map(|row| {
            let why = self.ends(&row)?;
            row.end(why)
        });
        let changes = ended.flat_map(|row| row.put()).collect();
        Ok((changes, page.next))
    }

    fn ends(&self, row: &PrtRecord) -> Option<Dead> {
        if row.began().micros() > self.at {
            return None;
        }
        match &self.which {
            Which::All(why) => Some(*why),
            Which::OfKeysBut(listed) => {
                let key = row.authentication.first().hello_key()?;
                (!listed.contains(key)).then_some(Dead::KeyGone)
            }
        }
    }

    fn job(self, id: JobId, from: Vec<u8>, now: Timestamp) -> Job {
        let what = GoOn { ending: self, from };
        // Identifiers and numbers always have a JSON form.
        Job::new(id, JOB, now, serde_json::to_vec(&what).unwrap_or_default())
    }
}

/// Goes on where a commit ended; `None` for a job of another kind.
pub(crate) fn go_on(
    job: &Job,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Option<Result<Vec<Change>, Fault>> {
    if job.kind != JOB {
        return None;
    }
    let finish = Change::Finish(job.id.clone());
    let Ok(GoOn { ending, from }) = serde_json::from_slice(&job.payload) else {
        return Some(Ok(vec![finish]));
    };
    Some(
        ending
            .some(snapshot, &from, now)
            .map(|(mut changes, next)| {
                changes.push(match next {
                    Some(from) => Change::Schedule(ending.job(job.id.clone(), from, now)),
                    None => finish,
                });
                changes
            }),
    )
}
