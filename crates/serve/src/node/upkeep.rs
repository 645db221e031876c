//! What runs beside the requests, on a thread of its own: what others' changes mean for each party, in the
//! order of the commits; what is due; what was counted in memory; what is kept no longer.
//!
//! Reactions may run twice, after a crash for instance: how far they came is written down only now and then.
//!
//! Where others write to the same store, what they changed is heard on a thread of its own: who waits for it, and who is
//! trusted no more, is not behind reactions to thousands of other changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use directory::issuers::ISSUERS;
use directory::{
    Change, Class, Commit, Cursor, FeedError, Reads, Retention, Table, respelled, well_known,
};
use trust::{SystemRng, Timestamp};

use super::Node;
use super::turn::Unanswered;
use crate::fault::Fault;
use crate::guard::guarded;
use crate::moment;
use crate::tls::Identity;

/// How far the reactions of this node came.
const CURSORS: Table = Table::new(REACTIONS);

/// The name of that table, for whoever moves records from store to store: a cursor is of one store.
pub const REACTIONS: &str = "serve.cursors";

/// How long the thread waits for a commit before it looks at the clock: failed attempts are persisted
/// each second.
const BEAT: Duration = Duration::from_secs(1);

/// How long it waits where others write to the same store, who wake nobody here.
const BEAT_WITH_OTHERS: Duration = Duration::from_millis(100);

/// How long commits are gathered that come one upon the other, so that under load they are read together.
const GATHERING: Duration = Duration::from_millis(2);

/// How often parties are asked what is due.
const TICK: Duration = Duration::from_secs(60);

/// How often expired records are removed.
const SWEEP: Duration = Duration::from_secs(600);

/// How often it is written down how far the reactions came.
const NOTE: Duration = Duration::from_secs(10);

/// Commits that are read at once, and counters persisted at once.
const PAGE: usize = 256;

/// Rounds of ticks and reactions until a server that starts has all its keys and certificates. Each
/// certificate takes two: logged, then signed.
const ROUNDS: usize = 12;

/// Replaces the TLS certificate.
pub(crate) type Replace = Box<dyn Fn(Identity) -> Result<(), Fault> + Send>;

/// The threads that keep a node up.
#[derive(Debug)]
pub(crate) struct Upkeep {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// When each kind of work was done last.
struct Done {
    failures: Instant,
    tick: Instant,
    sweep: Instant,
    note: Instant,
}

/// How following the feed went.
#[derive(Clone, Copy)]
struct Followed {
    /// Whether there was anything worth a note of how far it came.
    noteworthy: bool,
    /// Whether the feed could be read.
    readable: bool,
}

impl Upkeep {
    /// Starts the threads. `cursor` says from where on commits are reacted to.
    pub(crate) fn start(node: Arc<Node>, cursor: Cursor, replace: Replace) -> Result<Self, Fault> {
        let mut upkeep = Self {
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        let replace = if node.directory.is_shared() {
            let (node, from) = (Arc::clone(&node), cursor.clone());
            upkeep.spawn("hearing", move |stop| hear(&node, from, &replace, stop))?;
            None
        } else {
            Some(replace)
        };
        upkeep.spawn("upkeep", move |stop| {
            run(&node, cursor, replace.as_ref(), stop)
        })?;
        Ok(upkeep)
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> Result<(), Fault> {
        let stop = Arc::clone(&self.stop);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || work(&stop))
            .map_err(Fault::Worker)?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Tells what others committed, ten times a second, and nothing else.
fn hear(node: &Node, mut cursor: Cursor, replace: &Replace, stop: &AtomicBool) {
    let (mut heard, mut readable) = (0, true);
    let mut known = node.directory.node();
    while !stop.load(Ordering::Acquire) {
        let wait = if readable { BEAT_WITH_OTHERS } else { BEAT };
        let before = heard;
        heard = node.directory.wait_after(heard, wait);
        if heard > before {
            heard = node.directory.wait_after(u64::MAX, GATHERING);
        }
        let mut renew = || {
            guarded(&node.metrics, "new certificates", || node.renew(replace));
        };
        let followed = guarded(&node.metrics, "what others changed", || {
            node.walk(&mut cursor, &mut |commits| {
                node.tell_of(commits, &mut renew)
            })
        });
        readable = followed.is_some_and(|followed| followed.readable);
        let now = node.directory.node();
        if now != known {
            tracing::error!(
                former = known.number,
                node = now.number,
                "the database has forgotten changes that this server had acknowledged: a copy that had not everything took \
                 its place. They have to be made again; this server goes on as another node"
            );
            known = now;
        }
    }
}

/// `replace` is absent where the changes are heard elsewhere.
fn run(node: &Node, mut cursor: Cursor, replace: Option<&Replace>, stop: &AtomicBool) {
    let now = moment::now();
    let mut done = Done {
        failures: now,
        tick: now,
        sweep: now,
        note: now,
    };
    // The newest own commit that woke this thread. Not the cursor's, which commits that are in no feed do not move.
    let mut heard = 0;
    let beat = match node.directory.is_shared() {
        true => BEAT_WITH_OTHERS,
        false => BEAT,
    };
    let (mut noteworthy, mut readable) = (false, true);
    while !stop.load(Ordering::Acquire) {
        // A store that is away is not asked ten times a second when it comes back.
        let wait = if readable { beat } else { BEAT };
        heard = node.directory.wait_after(heard, wait);
        let followed = guarded(&node.metrics, "a reaction", || match replace {
            Some(replace) => node.follow(&mut cursor, &mut || {
                guarded(&node.metrics, "new certificates", || node.renew(replace));
            }),
            None => node.walk(&mut cursor, &mut |commits| node.react_to(commits)),
        });
        readable = followed.is_some_and(|followed| followed.readable);
        noteworthy |= followed.is_some_and(|followed| followed.noteworthy);
        let now = moment::now();
        if now.duration_since(done.failures) >= beat {
            done.failures = now;
            guarded(&node.metrics, "counted failures", || {
                node.persist_failures()
            });
        }
        if now.duration_since(done.tick) >= TICK {
            done.tick = now;
            guarded(&node.metrics, "what is due", || node.tick());
            guarded(&node.metrics, "revocation lists", || node.renew_lists());
        }
        if now.duration_since(done.sweep) >= SWEEP {
            done.sweep = now;
            node.sweep();
        }
        if now.duration_since(done.note) >= NOTE && noteworthy {
            done.note = now;
            node.note(&cursor);
            noteworthy = false;
        }
    }
    node.persist_failures();
}

impl Node {
    /// Brings keys and certificates into being, and gives the place in the feed from where to go on.
    pub(crate) fn prepare(&self) -> Result<Cursor, Fault> {
        let fault = |error: &(dyn std::error::Error + 'static)| Fault::Party(super::words(error));
        self.complete_domain();
        let mut cursor = self.noted_cursor().map_err(|error| fault(&error))?;
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

    /// Adds what every domain has and this one, which an older version made, has not. Where that fails the rest serves
    /// on, and it is tried again at the next start.
    fn complete_domain(&self) {
        let completed =
            match well_known::complete(&self.directory, self.clock.now(), &mut SystemRng) {
                Ok(completed) => completed,
                Err(error) => return self.trouble("adding what every domain has", &error),
            };
        for record in completed.added {
            tracing::info!(
                name = record.target_name,
                "every domain has this, and this one got it: it was made by an older version"
            );
            self.audit.record(record);
        }
        for name in completed.in_the_way {
            tracing::warn!(
                name,
                "every domain has this, and this one does not: another account or group has the name. Delete or rename that \
                 one, and start the server again"
            );
        }
        match respelled::mappings(&self.directory, self.clock.now()) {
            Ok(records) => records
                .into_iter()
                .for_each(|record| self.audit.record(record)),
            Err(error) => self.trouble("writing mappings in their one spelling", &error),
        }
    }

    /// Founds the authorities that are not there.
    pub(crate) fn found(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        self.make_keys(true)
            .map_err(|error| Fault::Party(super::words(&error)))?;
        let founded = self.turn().take(now, |snapshot| {
            match authority::found(&self.authority_view(snapshot), now, &mut SystemRng) {
                Ok(changes) => (Ok(()), changes),
                Err(fault) => (Err(fault), Vec::new()),
            }
        });
        let failed = |error: &(dyn std::error::Error + 'static)| {
            Fault::Party(format!("founding the authorities: {}", super::words(error)))
        };
        founded
            .map_err(|unanswered| failed(&unanswered))?
            .map_err(|fault| failed(&fault))
    }

    /// Makes the keys of a server that is set up, or starts for the first time, before the snapshot is taken that
    /// they are needed in: they may take longer than a snapshot lives.
    fn make_keys(&self, roots: bool) -> Result<(), authority::Fault> {
        let (snapshot, now) = (self.directory.snapshot()?, self.clock.now());
        let mut needed = Vec::new();
        if roots {
            for ca in authority::Ca::ALL {
                if authority::authority(&snapshot, ca, now)?.is_none() {
                    needed.push(self.kinds.root);
                }
            }
        } else if authority::kdc_credentials(&snapshot, &self.kdc_host, now)?.is_empty() {
            needed.extend(&self.kinds.servers);
        }
        drop(snapshot);
        for kind in &needed {
            let number = needed.iter().filter(|other| *other == kind).count();
            crypto::key::ahead::ready(*kind, number);
        }
        Ok(())
    }

    fn noted_cursor(&self) -> Result<Cursor, directory::Fault> {
        let snapshot = self.directory.snapshot()?;
        let key = self.directory.node().number.to_be_bytes();
        let record = snapshot.record(CURSORS, &key, self.clock.now())?;
        let noted = record.and_then(|record| serde_json::from_slice(record.value.bytes()).ok());
        // A new node begins with what there is: what came before, the ticks find.
        noted.map_or_else(|| self.directory.cursor(), Ok)
    }

    pub(super) fn note(&self, cursor: &Cursor) {
        let Ok(value) = serde_json::to_vec(cursor) else {
            return;
        };
        let key = self.directory.node().number.to_be_bytes().to_vec();
        let note = Change::Put {
            table: CURSORS,
            key,
            value: value.into(),
            expires: Timestamp::NEVER,
        };
        if let Err(error) = self
            .directory
            .commit(&[note], &Reads::none(), self.clock.now())
        {
            self.trouble("noting how far reactions came", &error);
        }
    }

    /// Goes through the commits after `cursor`, whoever made them. First whoever waits for one of another node is told,
    /// then `renew` is called where keys, certificates or rules that are kept in memory may be others now, and then the
    /// parties react, one commit after another. Notes of how far nodes came are not worth one: with several nodes each
    /// would note the others' for ever.
    fn follow(&self, cursor: &mut Cursor, renew: &mut dyn FnMut()) -> Followed {
        self.walk(cursor, &mut |commits| {
            self.tell_of(commits, renew);
            self.react_to(commits)
        })
    }

    /// Tells whoever waits for commits of others, and calls `renew` where what is kept in memory may be another. Nothing is
    /// worth a note.
    fn tell_of(&self, commits: Option<&[Commit]>, renew: &mut dyn FnMut()) -> bool {
        let Some(commits) = commits else {
            renew();
            return false;
        };
        for commit in commits {
            self.directory.heard(commit);
        }
        if commits.iter().any(concerns_credentials) {
            renew();
        }
        false
    }

    /// Has the parties react to commits; whether one of them was worth a note.
    fn react_to(&self, commits: Option<&[Commit]>) -> bool {
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

    /// Goes through the commits after `cursor`, some at a time; `each` gets `None` where some of them are not kept any
    /// more, and says whether it was worth a note.
    fn walk(
        &self,
        cursor: &mut Cursor,
        each: &mut dyn FnMut(Option<&[Commit]>) -> bool,
    ) -> Followed {
        let mut followed = Followed {
            noteworthy: false,
            readable: true,
        };
        loop {
            let page = match self.directory.feed(cursor, PAGE) {
                Ok(page) => page,
                Err(FeedError::StartAgain) => {
                    tracing::warn!(
                        "the change feed is not kept as far back as this node was away; starting from now"
                    );
                    if let Ok(now) = self.directory.cursor() {
                        *cursor = now;
                    }
                    followed.noteworthy |= each(None);
                    return followed;
                }
                Err(error) => {
                    self.trouble("the change feed", &error);
                    followed.readable = false;
                    return followed;
                }
            };
            followed.noteworthy |= each(Some(&page.commits));
            *cursor = page.cursor;
            if !page.more {
                return followed;
            }
        }
    }

    fn react(&self, commit: &Commit) {
        let now = self.clock.now();
        self.upkeep("a reaction of the authority", now, |snapshot| {
            authority::react(commit, &self.authority_view(snapshot), now, &mut SystemRng)
                .map_err(|fault| super::words(&fault))
        });
        self.upkeep("a reaction of the federation", now, |snapshot| {
            federation::react(commit, &self.federation_view(snapshot), now, &mut SystemRng)
                .map_err(|fault| super::words(&fault))
        });
    }

    /// Asks each party what is due.
    fn tick(&self) {
        let now = self.clock.now();
        self.upkeep("what is due for the authority", now, |snapshot| {
            authority::tick(&self.authority_view(snapshot), now, &mut SystemRng)
                .map_err(|fault| super::words(&fault))
        });
        let overlap = self.realm.lifetimes.key_overlap();
        self.upkeep("former keys of the KDC", now, |snapshot| {
            administration::tick(snapshot, overlap, now).map_err(|fault| super::words(&fault))
        });
        self.upkeep("what is due for the federation", now, |snapshot| {
            federation::tick(&self.federation_view(snapshot), now, &mut SystemRng)
                .map_err(|fault| super::words(&fault))
        });
    }

    /// One party's changes, committed. What fails is told, and tried again at the next tick.
    fn upkeep(
        &self,
        doing: &str,
        now: Timestamp,
        mut changes: impl FnMut(&directory::Snapshot<'_>) -> Result<Vec<Change>, String>,
    ) {
        let taken = self.turn().take(now, |snapshot| match changes(snapshot) {
            Ok(changes) => (None, changes),
            Err(fault) => (Some(fault), Vec::new()),
        });
        match taken {
            Ok(None) => {}
            Ok(Some(fault)) => tracing::error!(doing, error = fault, "trouble of our own"),
            Err(Unanswered::Busy) => {
                tracing::debug!(doing, "the directory was busy; it is tried again")
            }
            Err(unanswered) => self.trouble(doing, &unanswered),
        }
    }

    /// New certificates come into use.
    pub(crate) fn renew(&self, replace: &Replace) {
        match self.read_credentials() {
            Ok(Some(identity)) => {
                if let Err(fault) = replace(identity) {
                    self.trouble("a new TLS certificate", &fault);
                }
            }
            Ok(None) => {}
            Err(unusable) => self.trouble("new certificates", &unusable),
        }
        self.renew_lists();
    }

    /// Starts to get the revocation lists that are due.
    fn renew_lists(&self) {
        if let Err(fault) = self.getting.renew(&self.credentials().issuers) {
            self.trouble("revocation lists", &fault);
        }
    }

    fn persist_failures(&self) {
        let pending = self.lockout.pending(PAGE);
        if pending.is_empty() {
            return;
        }
        match self
            .directory
            .commit(&pending.changes, &Reads::none(), self.clock.now())
        {
            Ok(_) => self.lockout.persisted(&pending),
            Err(error) => self.trouble("persisting failed attempts", &error),
        }
    }

    fn sweep(&self) {
        let now = self.clock.now();
        while let Some(swept) = self.swept(now) {
            if !swept.more(PAGE) {
                return;
            }
        }
    }

    fn swept(&self, now: Timestamp) -> Option<directory::Swept> {
        match self.directory.sweep(&Retention::default(), PAGE, now) {
            Ok(swept) => Some(swept),
            Err(fault) => {
                self.trouble("removing what has expired", &fault);
                None
            }
        }
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
