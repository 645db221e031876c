//! What the KDC needs to know about revocation: got on threads of their own, put into the directory, and renewed
//! before it ends.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use directory::issuers::{ANSWERS, LISTS, REVOKED};
use directory::{Change, CommitError, Directory, Fault, Reads, change};
use kdc::{Needed, Place};
use trust::path::Anchor;
use trust::revocation::{
    Checked, IssuerId, ListRow, OcspRow, RevokedRow, Status, Unusable, judge_answer, judge_list,
    request_about,
};
use trust::{Clock, Rng, Span, SystemRng, Timestamp};
use wire::x509::ocsp::{CertificateStatus, OcspResponse};
use wire::x509::{Certificate, CertificateList, Reason};

use super::words;
use crate::fetch::{NotFetched, Wanted, fetch};

/// Things that are got at once.
const AT_ONCE: usize = 16;
/// How long one waits.
const PATIENCE: Duration = Duration::from_secs(8);
/// Rows that are read or written at once.
const STEP: usize = 1_000;
/// How long an answer of "I do not know" is remembered.
const UNKNOWN_FOR: Span = Span::minutes(1);

/// Why something could not be got, or was of no use.
#[derive(Debug, thiserror::Error)]
enum NotHad {
    #[error(transparent)]
    Fetch(#[from] NotFetched),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("the directory failed")]
    Directory(#[from] Fault),
    #[error("the directory did not take it")]
    Commit(#[from] CommitError),
}

/// Gets what is missing. One thing is got once, however many ask for it.
pub(crate) struct Getting {
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    memory: Arc<kdc::Memory>,
    under_way: Mutex<HashSet<String>>,
    done: Condvar,
    waiting: AtomicUsize,
    /// Held while a list is put in: what one is found to be newer than must not change meanwhile.
    putting: Mutex<()>,
}

/// What became of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Came {
    /// It is here, or was found not to be had: ask the KDC again.
    Here,
    /// Too much is got already.
    Not,
    /// It is not here yet.
    NotYet,
}

impl Getting {
    pub(super) fn new(
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
        memory: Arc<kdc::Memory>,
    ) -> Arc<Self> {
        Arc::new(Self {
            directory,
            clock,
            memory,
            under_way: Mutex::default(),
            done: Condvar::new(),
            waiting: AtomicUsize::new(0),
            putting: Mutex::new(()),
        })
    }

    /// Starts to get what is needed, unless that is under way, and waits for it, unless `waiting` others
    /// wait already.
    pub(super) fn get(self: &Arc<Self>, needed: &Needed, waiting: usize) -> Came {
        let key = key_of(needed);
        let started = self.start(key.clone(), {
            let needed = needed.clone();
            move |getting| getting.get_now(&needed)
        });
        match started {
            false => Came::Not,
            true if waiting == 0 => Came::NotYet,
            true => self.wait(&key, waiting),
        }
    }

    /// Does something on a thread of its own; `false` when too much is done already.
    fn start(self: &Arc<Self>, key: String, what: impl FnOnce(&Self) + Send + 'static) -> bool {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if under_way.contains(&key) {
            return true;
        }
        if under_way.len() >= AT_ONCE {
            return false;
        }
        let own = Arc::clone(self);
        let finishing = Finishing {
            getting: Arc::clone(self),
            key: key.clone(),
        };
        let thread = thread::Builder::new().name("revocation".to_owned());
        under_way.insert(key);
        drop(under_way);
        thread
            .spawn(move || {
                let _finishing = finishing;
                what(&own);
            })
            .is_ok()
    }

    fn wait(&self, key: &str, most: usize) -> Came {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= most {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Came::NotYet;
        }
        let under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .done
            .wait_timeout_while(under_way, PATIENCE, |under_way| under_way.contains(key));
        let timed_out = waited.map_or(true, |(_, result)| result.timed_out());
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        match timed_out {
            true => Came::NotYet,
            false => Came::Here,
        }
    }

    fn get_now(&self, needed: &Needed) {
        for place in &needed.responders {
            match self.ask(place, needed) {
                Ok(status) if status != CertificateStatus::Unknown => return,
                Ok(_) => tracing::info!(
                    place = place.url,
                    "the responder does not know the certificate"
                ),
                Err(error) => told(place, &error),
            }
        }
        for place in &needed.lists {
            match self.get_list(&place.url, place.by_administrator, &needed.issuer) {
                Ok(()) => return,
                Err(error) => told(place, &error),
            }
        }
        self.memory.not_had(needed, self.clock.now());
    }

    /// Asks a responder about one certificate (RFC 6960).
    fn ask(&self, place: &Place, needed: &Needed) -> Result<CertificateStatus, NotHad> {
        let rng: &mut dyn Rng = &mut SystemRng;
        let (nonce, serial) = (rng.bytes::<32>(), needed.certificate.serial());
        let request =
            request_about(serial, &needed.issuer, Some(&nonce)).map_err(Unusable::from)?;
        let response = fetch(&Wanted {
            url: &place.url,
            by_administrator: place.by_administrator,
            posted: Some(("application/ocsp-request", &request)),
            most: OcspResponse::MAX,
        })?;
        let now = self.clock.now();
        let status = judge_answer(&response, serial, &needed.issuer, Some(&nonce), now)?;
        let row = IssuerId::of(&needed.issuer).row(serial);
        let ends = Timestamp::from_unix(needed.certificate.not_after());
        let changes = answered(&status, row, ends, now);
        self.directory.commit(&changes, &Reads::none(), now)?;
        Ok(status.status)
    }

    /// Gets a list and puts it into the directory.
    fn get_list(
        &self,
        url: &str,
        by_administrator: bool,
        issuer: &Certificate,
    ) -> Result<(), NotHad> {
        let list = fetch(&Wanted {
            url,
            by_administrator,
            posted: None,
            most: CertificateList::MAX,
        })?;
        let now = self.clock.now();
        let checked = judge_list(&list, issuer, Some(url), now)?;
        self.put_list(&checked, issuer, url, now)
    }

    /// Puts a list into the directory: first what is revoked now, then that the list counts, then what is revoked no
    /// more. Whatever a crash leaves, nobody revoked is taken for good by a list that says otherwise.
    fn put_list(
        &self,
        list: &Checked,
        issuer: &Certificate,
        place: &str,
        now: Timestamp,
    ) -> Result<(), NotHad> {
        let _alone = self.putting.lock().unwrap_or_else(PoisonError::into_inner);
        let id = IssuerId::of(issuer);
        let known = self.directory.snapshot()?.revocation_list(&id)?;
        if known.is_some_and(|known| known.this_update > list.this_update) {
            return Err(Unusable::Older.into());
        }
        let mut gone = self.revoked_of(&id, now)?;
        let mut added = Vec::new();
        for (serial, since, reason) in &list.revoked {
            let key = id.row(serial);
            if !gone.remove(&key) {
                let row = RevokedRow {
                    since: *since,
                    reason: *reason,
                };
                added.push(change::put(REVOKED, key, row.to_bytes(), Timestamp::NEVER));
            }
        }
        self.commit(added, now)?;
        let row = ListRow {
            this_update: list.this_update,
            next_update: list.next_update,
            fetched: now,
            number: list.number.unwrap_or(0),
            entries: u64::try_from(list.revoked.len()).unwrap_or(u64::MAX),
            place: place.to_owned(),
            issuer: issuer.der().to_vec(),
        };
        let counts = change::put(LISTS, id.0.to_vec(), row.to_bytes(), Timestamp::NEVER);
        self.commit(vec![counts], now)?;
        let removed = gone.into_iter().map(|key| change::remove(REVOKED, key));
        self.commit(removed.collect(), now)
    }

    /// The keys of the rows of an issuer's revoked certificates.
    fn revoked_of(&self, issuer: &IssuerId, now: Timestamp) -> Result<HashSet<Vec<u8>>, NotHad> {
        let mut keys = HashSet::new();
        let (mut start, mut end) = (issuer.0.to_vec(), issuer.0.to_vec());
        // Serial numbers are shorter than this.
        end.extend([0xff; 64]);
        loop {
            let snapshot = self.directory.snapshot()?;
            let rows = snapshot.records(REVOKED, &start, &end, STEP, now)?;
            let whole = rows.len() == STEP;
            if let Some(last) = rows.last() {
                start.clone_from(&last.key);
                start.push(0);
            }
            // What a responder said ends by itself.
            let lasting = rows
                .into_iter()
                .filter(|row| row.expires == Timestamp::NEVER);
            keys.extend(lasting.map(|row| row.key));
            if !whole {
                return Ok(keys);
            }
        }
    }

    fn commit(&self, mut changes: Vec<Change>, now: Timestamp) -> Result<(), NotHad> {
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(STEP));
            self.directory.commit(&changes, &Reads::none(), now)?;
            changes = rest;
        }
        Ok(())
    }

    /// Starts to get what is due: lists that end before long, and those of issuers of whom there is none yet.
    pub(super) fn renew(self: &Arc<Self>, anchors: &[Anchor]) -> Result<(), Fault> {
        let now = self.clock.now();
        let snapshot = self.directory.snapshot()?;
        for anchor in anchors.iter().filter(|anchor| anchor.own().is_none()) {
            let issuer = anchor.certificate().clone();
            let id = IssuerId::of(&issuer);
            let settings = snapshot.issuer_settings(&id)?;
            let known = snapshot.revocation_list(&id)?;
            if known.as_ref().is_some_and(|known| !is_due(known, now)) {
                continue;
            }
            // Only what an administrator said may lead anywhere.
            let by_administrator = !settings.lists.is_empty();
            let places: Vec<String> = match (by_administrator, known) {
                (true, _) => settings.lists,
                (false, Some(known)) => vec![known.place],
                (false, None) => Vec::new(),
            };
            self.renew_one(places, by_administrator, issuer);
        }
        for row in snapshot.records(LISTS, &[], &[], STEP, now)? {
            let known = ListRow::from_bytes(row.value.bytes());
            let Some((known, issuer)) = known.and_then(|known| {
                let issuer = known.issuer()?;
                Some((known, issuer))
            }) else {
                continue;
            };
            let is_anchor = anchors.iter().any(|anchor| *anchor.certificate() == issuer);
            let below = trust::path::reaches_trusted_issuer(&issuer, &[], anchors);
            if !is_anchor && below && is_due(&known, now) && !known.place.is_empty() {
                self.renew_one(vec![known.place], false, issuer);
            }
        }
        Ok(())
    }

    fn renew_one(
        self: &Arc<Self>,
        places: Vec<String>,
        by_administrator: bool,
        issuer: Certificate,
    ) {
        let places: Vec<String> = places
            .into_iter()
            .filter(|place| !place.is_empty())
            .collect();
        let Some(first) = places.first().cloned() else {
            return;
        };
        self.start(first, move |getting| {
            for url in places {
                match getting.get_list(&url, by_administrator, &issuer) {
                    Ok(()) => return,
                    Err(error) => tracing::warn!(url, error = words(&error), "a revocation list"),
                }
            }
        });
    }
}

fn told(place: &Place, error: &NotHad) {
    tracing::warn!(
        place = place.url,
        error = words(error),
        "revocation is not to be had here"
    );
}

/// What is put into the directory for an answer about a certificate that `ends` then. That it is revoked stands where
/// tickets look, too, and is not forgotten when the answer is over: what was revoked stays so, and nobody gets in by keeping
/// us from asking again. A hold is one for as long as the responder says.
fn answered(status: &Status, row: Vec<u8>, ends: Timestamp, now: Timestamp) -> Vec<Change> {
    let until = match status.status {
        CertificateStatus::Unknown => status.until.min(now + UNKNOWN_FOR),
        _ => status.until,
    };
    let answer = OcspRow {
        status: status.status,
        until,
    };
    let mut changes = vec![change::put(ANSWERS, row.clone(), answer.to_bytes(), until)];
    if let CertificateStatus::Revoked { since, reason } = status.status {
        let revoked = RevokedRow {
            since: Timestamp::from_unix(since),
            reason,
        };
        let known_until = match reason {
            Reason::CertificateHold => until,
            _ => until.max(ends),
        };
        changes.push(change::put(REVOKED, row, revoked.to_bytes(), known_until));
    }
    changes
}

/// A list is renewed when three quarters of its life are over, and an hour before its end at the latest; one that is
/// over, each minute.
fn is_due(known: &ListRow, now: Timestamp) -> bool {
    let life = known.next_update.since(known.this_update).as_micros();
    let early = Span::micros(life / 4).min(Span::hours(1));
    now >= known.next_update - early
}

/// What is got once for all who need it.
fn key_of(needed: &Needed) -> String {
    match (needed.responders.first(), needed.lists.first()) {
        (None, Some(list)) => list.url.clone(),
        (Some(responder), _) => format!("{} {:02x?}", responder.url, needed.certificate.serial()),
        (None, None) => String::new(),
    }
}

/// Ends what is under way, however its thread ends.
struct Finishing {
    getting: Arc<Getting>,
    key: String,
}

impl Drop for Finishing {
    fn drop(&mut self) {
        let under_way = self.getting.under_way.lock();
        under_way
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
        self.getting.done.notify_all();
    }
}

#[cfg(test)]
mod tests;
