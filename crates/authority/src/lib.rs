//! The issuing certification authority: profiles, lint, issuance log, revocation lists.
//!
//! Promises:
//! - Nothing is signed that is not in the issuance log first, and nothing that breaks a rule of the linter.
//!   There is no function here that signs: certificates are asked for by a record in the directory
//!   ([`trust::enrolment`]) or by the configuration, and found in the directory when they are issued.
//! - The log of each authority is chained by digest ([`log::check`]); whether all books agree with each other is told by
//!   [`books()`].
//! - KDC and TLS certificates are there, and replaced after two thirds of their life; revocation lists after
//!   half of theirs, and at every revocation.
//! - A certificate dies with the device, account or listed key that it was issued for.
//! - Private keys rest as secrets of the directory, or with whoever holds them ([`Keys::with`]).
//!
//! There are three authorities ([`Ca`]), each a root of its own: one for KDCs and people, one for devices,
//! one for TLS servers. Only the first belongs among trusted smart-card issuers (protocols G.1).
//!
//! Knows nothing about: sockets, files, clocks; who may register a device (`registration` judges that, and
//! the authority believes the record); Kerberos.
//!
//! To add a kind of certificate: see `profile.rs`.
//!
//! How to run it: [`found()`] once; then [`tick`] each minute, and [`react`] after each commit, the authority's
//! own included. Their changes are committed with what they read; each may run twice.

mod books;
mod ca;
mod credential;
mod enrol;
mod fault;
mod found;
mod issue;
mod keys;
pub mod lint;
mod list;
pub mod log;
mod profile;
mod publish;
mod records;
mod revocation;
mod settings;
#[cfg(test)]
mod tests;
mod view;
mod work;

use directory::{Actor, Change, Commit, Snapshot};
use trust::{Rng, Timestamp};
use wire::x509::Reason;

pub use books::{Books, books};
pub use ca::Ca;
pub use credential::{Credential, is_kdc, kdc_credentials, tls_credential};
pub use fault::{Fault, Refused};
pub use keys::Keys;
pub use list::{Current, current as current_list};
pub use profile::{KdcNames, LogonNames, Profile, TlsNames};
pub use publish::{answer, authority};
pub use settings::{Configuration, KeyName, Misconfigured, Settings, TlsServer};
pub use view::{Issued, certificate, certificates};

use issue::Purpose;
use work::Work;

/// What the authority may read.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, 'd> {
    /// The directory.
    pub snapshot: &'a Snapshot<'d>,
    /// What it shall keep.
    pub configuration: &'a Configuration,
    /// Where its keys are.
    pub keys: &'a Keys,
}

/// Founds the authorities that do not exist yet: a key, a name and a certificate to be signed for each.
/// Called when a server is set up, and at no other time: a root that appears by itself is trusted by nobody.
///
/// # Errors
/// [`Fault`]; nothing is to be committed.
pub fn found(view: &View<'_, '_>, now: Timestamp, rng: &mut dyn Rng) -> Result<Vec<Change>, Fault> {
    let mut work = Work::new(view, now, rng);
    found::missing(&mut work)?;
    work.finish()
}

/// What is due: signatures that a crash left waiting, requests, lists, certificates that end before long.
///
/// What cannot be done is left, told in the audit log once a day, and tried again.
///
/// # Errors
/// [`Fault::Directory`]; nothing is to be committed.
pub fn tick(view: &View<'_, '_>, now: Timestamp, rng: &mut dyn Rng) -> Result<Vec<Change>, Fault> {
    let mut work = Work::new(view, now, rng);
    for (ca, sequence) in issue::pending(&work)? {
        sign(&mut work, ca, sequence)?;
    }
    enrol::all(&mut work)?;
    keep(&mut work)?;
    work.finish()
}

/// What others' commits, and its own, mean for the authority: a request is logged, what is logged is signed,
/// what is revoked is published, and a certificate follows the device, account or key that it lives with.
///
/// # Errors
/// [`Fault::Directory`]; nothing is to be committed, and [`tick`] will find what is left.
pub fn react(
    committed: &Commit,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    let mut work = Work::new(view, now, rng);
    for changed in &committed.changed {
        let what = format!("certificates of {}", changed.id);
        work.attempt(&what, "certificate.revoke", |work| {
            revocation::follow(work, changed)
        })?;
    }
    let mut kept = false;
    for record in &committed.records {
        let table = |table: directory::Table| record.table == table.name();
        if table(records::REQUESTS) {
            enrol::one(&mut work, &record.key)?;
        } else if table(records::PENDING) {
            if let Some((ca, sequence)) = records::sequence_of(&record.key) {
                sign(&mut work, ca, sequence)?;
            }
        } else if table(records::AUTHORITIES) || table(records::REVOKED) || table(records::LISTS) {
            kept = true;
        }
    }
    if kept {
        keep(&mut work)?;
        enrol::all(&mut work)?;
    }
    work.finish()
}

fn sign(work: &mut Work<'_, '_>, ca: Ca, sequence: u64) -> Result<(), Fault> {
    let what = format!("signature {sequence} of {ca}");
    work.attempt(&what, "certificate.issue", |work| {
        issue::sign(work, ca, sequence)
    })
}

/// Lists and certificates of servers.
fn keep(work: &mut Work<'_, '_>) -> Result<(), Fault> {
    let ordered: Vec<(Ca, Purpose)> = issue::ordered(work)?;
    list::keep(work, &ordered)?;
    credential::keep(work, &ordered)
}

/// Revokes a certificate for an administrator, or puts it on hold ([`Reason::CertificateHold`]). The list is
/// published when [`react`] has seen the commit.
///
/// # Errors
/// [`Fault`]; inside, [`Refused`] where there is no such certificate or it is revoked already.
pub fn revoke(
    view: &View<'_, '_>,
    (ca, serial): (Ca, &[u8]),
    reason: Reason,
    actor: &Actor,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Result<Vec<Change>, Refused>, Fault> {
    let mut work = Work::new(view, now, rng);
    let cause = format!("asked for by {}", actor.name);
    match revocation::revoke(&mut work, ca, serial, reason, actor, &cause)? {
        Ok(()) => work.finish().map(Ok),
        Err(refused) => Ok(Err(refused)),
    }
}

/// Revokes again what was revoked before a backup was restored that does not know it. A certificate that was issued after
/// the backup is revoked by its number alone. No changes where it is revoked.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn revoke_again(
    view: &View<'_, '_>,
    (ca, serial): (Ca, &[u8]),
    actor: &Actor,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    const CAUSE: &str = "it was revoked before a backup was restored";
    let mut work = Work::new(view, now, rng);
    let reason = Reason::Unspecified;
    let again = match revocation::revoke(&mut work, ca, serial, reason, actor, CAUSE)? {
        Ok(()) => true,
        Err(Refused::NotIssued(_)) => {
            revocation::revoke_unknown(&mut work, ca, serial, actor, CAUSE)?
        }
        Err(_) => false,
    };
    match again {
        true => work.finish(),
        false => Ok(Vec::new()),
    }
}

/// The authority's records, by the names of their tables, for whoever moves them from store to store: the books are
/// append-only, and go with the newest of them.
#[must_use]
pub const fn tables() -> [&'static str; 14] {
    records::TABLES
}

/// Ends the hold on a certificate for an administrator.
///
/// # Errors
/// As [`revoke`]; [`Refused::NotOnHold`] where it is not on hold.
pub fn release(
    view: &View<'_, '_>,
    (ca, serial): (Ca, &[u8]),
    actor: &Actor,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Result<Vec<Change>, Refused>, Fault> {
    let mut work = Work::new(view, now, rng);
    let cause = format!("asked for by {}", actor.name);
    match revocation::release(&mut work, ca, serial, actor, &cause)? {
        Ok(()) => work.finish().map(Ok),
        Err(refused) => Ok(Err(refused)),
    }
}
