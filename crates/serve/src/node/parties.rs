//! The parties of a node as its upkeep sees them, whichever they are.

use std::sync::atomic::AtomicBool;

use directory::issuers::ISSUERS;
use directory::{Class, Commit, Cursor, Snapshot};
use trust::{SystemRng, Timestamp};

use super::Kinds;
use super::core::{CURSORS, Core, Followed};
use super::words;
use crate::fault::Fault;
use crate::tls::Identity;

/// Rounds of ticks and reactions until a server that starts has all its keys and certificates. Each
/// certificate takes two: logged, then signed.
const ROUNDS: usize = 12;

/// Replaces the TLS certificate.
pub(crate) type Replace = Box<dyn Fn(Identity) -> Result<(), Fault> + Send>;

/// Parties over one store.
pub(crate) trait Parties: Send + Sync + 'static {
    /// What they stand on.
    fn core(&self) -> &Core;

    /// What the authority of this store looks at.
    fn authority_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> authority::View<'a, 'd>;

    /// The kinds of key that are needed when the store is set up and when it is first served.
    fn kinds(&self) -> &Kinds;

    /// Whether the server has no keys of its own yet.
    fn is_new(&self, snapshot: &Snapshot<'_>, now: Timestamp) -> Result<bool, authority::Fault>;

    /// Adds what every store of the kind has and this one, which an older version made, has not. Where that fails the rest
    /// serves on, and it is tried again at the next start.
    fn complete(&self);

    /// What HTTPS shows from now on; `None` where that is what it shows already, or the authority issued nothing yet.
    fn identity(&self) -> Result<Option<Identity>, Fault>;

    /// What a commit means for each party.
    fn react(&self, commit: &Commit);

    /// Asks each party what is due.
    fn tick(&self);

    /// Whether there may be something to be done outside.
    fn has_errands(&self) -> bool {
        false
    }

    /// Does what is to be done outside, as far as it is due. Nothing is begun after `stop`.
    fn run_errands(&self, stop: &AtomicBool) {
        let _ = stop;
    }

    /// New certificates come into use.
    fn renew(&self, replace: &Replace);

    /// Starts to get the revocation lists that are due.
    fn renew_lists(&self);
}

impl dyn Parties {
    /// Brings keys and certificates into being, and gives the place in the feed from where to go on.
    pub(crate) fn prepare(&self) -> Result<Cursor, Fault> {
        let fault = |error: &(dyn std::error::Error + 'static)| Fault::Party(words(error));
        self.complete();
        let mut cursor = self.core().noted_cursor().map_err(|error| fault(&error))?;
        self.make_keys(false).map_err(|error| fault(&error))?;
        for _ in 0..ROUNDS {
            self.tick();
            let before = cursor.clone();
            self.follow(&mut cursor, &mut || {});
            if cursor == before {
                break;
            }
        }
        Ok(cursor)
    }

    /// Founds the authorities that are not there.
    pub(crate) fn found(&self) -> Result<(), Fault> {
        let now = self.core().clock.now();
        self.make_keys(true)
            .map_err(|error| Fault::Party(words(&error)))?;
        let founded = self.core().turn().take(now, |snapshot| {
            match authority::found(&self.authority_view(snapshot), now, &mut SystemRng) {
                Ok(changes) => (Ok(()), changes),
                Err(fault) => (Err(fault), Vec::new()),
            }
        });
        let failed = |error: &(dyn std::error::Error + 'static)| {
            Fault::Party(format!("founding the authorities: {}", words(error)))
        };
        founded
            .map_err(|unanswered| failed(&unanswered))?
            .map_err(|fault| failed(&fault))
    }

    /// Makes the keys of a server that is set up, or starts for the first time, before the snapshot is taken that
    /// they are needed in: they may take longer than a snapshot lives.
    fn make_keys(&self, roots: bool) -> Result<(), authority::Fault> {
        let (snapshot, now) = (self.core().directory.snapshot()?, self.core().clock.now());
        let mut needed = Vec::new();
        if roots {
            for &ca in authority::Ca::of(snapshot.domain().kind) {
                if authority::authority(&snapshot, ca, now)?.is_none() {
                    needed.push(self.kinds().root);
                }
            }
        } else if self.is_new(&snapshot, now)? {
            needed.extend(&self.kinds().servers);
        }
        drop(snapshot);
        for kind in &needed {
            let number = needed.iter().filter(|other| *other == kind).count();
            crypto::key::ahead::ready(*kind, number);
        }
        Ok(())
    }

    /// Goes through the commits after `cursor`, whoever made them. First whoever waits for one of another node is told,
    /// then `renew` is called where keys, certificates or rules that are kept in memory may be others now, and then the
    /// parties react, one commit after another. Notes of how far nodes came are not worth one: with several nodes each
    /// would note the others' for ever.
    pub(crate) fn follow(&self, cursor: &mut Cursor, renew: &mut dyn FnMut()) -> Followed {
        self.core().walk(cursor, &mut |commits| {
            self.tell_of(commits, renew);
            self.react_to(commits)
        })
    }

    /// Tells whoever waits for commits of others, and calls `renew` where what is kept in memory may be another. Nothing is
    /// worth a note.
    pub(crate) fn tell_of(&self, commits: Option<&[Commit]>, renew: &mut dyn FnMut()) -> bool {
        let Some(commits) = commits else {
            renew();
            return false;
        };
        for commit in commits {
            self.core().directory.heard(commit);
        }
        if commits.iter().any(concerns_credentials) {
            renew();
        }
        false
    }

    /// Has the parties react to commits; whether one of them was worth a note.
    pub(crate) fn react_to(&self, commits: Option<&[Commit]>) -> bool {
        let Some(commits) = commits else {
            return true;
        };
        let worth = |commit: &&Commit| !is_a_note(commit) && !commit.is_empty();
        let mut noteworthy = false;
        for commit in commits.iter().filter(worth) {
            noteworthy = true;
            self.react(commit);
        }
        noteworthy
    }
}

/// Whether what is kept in memory of keys and certificates may have changed.
fn concerns_credentials(commit: &Commit) -> bool {
    let mut records = commit.records.iter();
    let mut changed = commit.changed.iter();
    records.any(|record| record.table.starts_with("authority.") || record.table == ISSUERS.name())
        || changed.any(|changed| changed.class == Class::CertificationAuthority)
}

/// Whether a commit says nothing but how far reactions came.
fn is_a_note(commit: &Commit) -> bool {
    commit.changed.is_empty()
        && commit
            .records
            .iter()
            .all(|record| record.table == CURSORS.name())
}
