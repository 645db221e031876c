//! What is done later. Outside of the tenant, by whoever may reach the network: looking up a TXT record, telling of a new key.
//! And here: marking tokens that have ended, piece by piece; taking off access passes that are over.
//!
//! A job is committed with what asks for it. `serve` takes what is due, has the errand done, and commits what follows:
//! a job may be done twice, and is never lost.

use directory::tenant::{self, Lookup, Verification, VerifiedBy};
use directory::{Actor, AuditRecord, Change, Fault, Job, change};
use trust::{Rng, Span, Timestamp};

use crate::View;
use crate::deployment::Deployment;
use crate::drs::told;
use crate::prt::ended;

/// The longest wait between two attempts.
const LONGEST_WAIT: Span = Span::hours(1);
/// How often a job is tried before nobody does any more: for about three days.
const MOST_ATTEMPTS: u32 = 80;

/// How much is kept of why a look-up failed, in characters.
const LONGEST_REASON: usize = 300;

/// What is to be done outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Errand {
    /// Look up the TXT records of a name.
    Txt {
        /// The name, without a dot at its end.
        name: String,
    },
    /// Post JSON to an address.
    Notify {
        /// The address.
        to: String,
        /// The JSON.
        body: Vec<u8>,
    },
}

/// How an errand ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The texts of the TXT records that were found, perhaps none.
    Txt(Vec<String>),
    /// It was told.
    Notified,
    /// It could not be done, and why.
    Failed(String),
}

/// What a job asks others for; `None` for one that is no job of a tenant, or that nobody else is needed for: it is done
/// by [`done`] with [`Outcome::Notified`] then.
#[must_use]
pub fn errand(job: &Job, deployment: &Deployment) -> Option<Errand> {
    if told::is_one(job) {
        return told::errand(job, deployment);
    }
    let name = tenant::domain_of_job(job)?.to_owned();
    Some(Errand::Txt { name })
}

/// What follows from how an errand ended.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn done(
    job: &Job,
    outcome: &Outcome,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    if told::is_one(job) {
        return Ok(vec![match outcome {
            Outcome::Notified => Change::Finish(job.id.clone()),
            Outcome::Txt(_) | Outcome::Failed(_) => later(job, now),
        }]);
    }
    if let Some(went_on) = ended::go_on(job, view.snapshot, now) {
        return went_on;
    }
    if let Some(taken_off) = registration::access_pass::do_job(job, view.snapshot, now) {
        return taken_off;
    }
    let domain = match tenant::domain_of_job(job) {
        Some(name) => tenant::domain(view.snapshot, name, now)?,
        None => None,
    };
    let Some(mut domain) = domain.filter(|domain| !domain.is_verified()) else {
        return Ok(vec![Change::Finish(job.id.clone())]);
    };
    let not_found = match outcome {
        Outcome::Txt(texts) if texts.contains(&domain.txt) => None,
        Outcome::Txt(texts) if texts.is_empty() => Some("no TXT record".to_owned()),
        Outcome::Txt(texts) => Some(format!("other TXT records, {} of them", texts.len())),
        Outcome::Failed(why) => Some(why.chars().take(LONGEST_REASON).collect()),
        Outcome::Notified => Some("nothing was looked up".to_owned()),
    };
    if let Some(found) = not_found {
        domain.lookup = Some(Lookup { at: now, found });
        let noted = tenant::put_domain(&domain, rng).into_iter();
        return Ok(noted.chain([later(job, now)]).collect());
    }
    domain.lookup = None;
    domain.verified = Some(Verification {
        at: now,
        actor: Actor::system().name,
        by: VerifiedBy::Txt,
    });
    let record = AuditRecord::done(now, Actor::system(), "domain.verify")
        .with("domain", &domain.name)
        .with("by", "txt");
    let mut changes = tenant::put_domain(&domain, rng)
        .into_iter()
        .collect::<Vec<_>>();
    changes.push(change::audit(record));
    changes.push(Change::Finish(job.id.clone()));
    Ok(changes)
}

/// The same job again, after a wait that grows; or its end, where it was tried for long enough.
pub(crate) fn later(job: &Job, now: Timestamp) -> Change {
    if job.attempts >= MOST_ATTEMPTS {
        return Change::Finish(job.id.clone());
    }
    let minutes = 1i64 << job.attempts.min(6);
    let wait = Span::minutes(minutes).min(LONGEST_WAIT);
    Change::Schedule(job.clone().again(now + wait))
}
