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

use directory::Cursor;

use super::parties::{Parties, Replace};
use crate::fault::Fault;
use crate::guard::guarded;
use crate::moment;

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

impl Upkeep {
    /// Starts the threads. `cursor` says from where on commits are reacted to.
    pub(crate) fn start(
        node: Arc<dyn Parties>,
        cursor: Cursor,
        replace: Replace,
    ) -> Result<Self, Fault> {
        let mut upkeep = Self {
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        };
        let replace = if node.core().directory.is_shared() {
            let (node, from) = (Arc::clone(&node), cursor.clone());
            upkeep.spawn("hearing", move |stop| {
                hear(node.as_ref(), from, &replace, stop)
            })?;
            None
        } else {
            Some(replace)
        };
        if node.has_errands() {
            let node = Arc::clone(&node);
            upkeep.spawn("errands", move |stop| run_errands(node.as_ref(), stop))?;
        }
        upkeep.spawn("upkeep", move |stop| {
            run(node.as_ref(), cursor, replace.as_ref(), stop)
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

/// Waits for this node's commits after `heard`, and a moment longer for those that come with one.
fn gathered(node: &dyn Parties, heard: u64, wait: Duration) -> u64 {
    let directory = &node.core().directory;
    let newest = directory.wait_after(heard, wait);
    match newest > heard {
        true => directory.wait_after(u64::MAX, GATHERING),
        false => newest,
    }
}

/// Tells what others committed, ten times a second, and nothing else.
fn hear(node: &dyn Parties, mut cursor: Cursor, replace: &Replace, stop: &AtomicBool) {
    let (mut heard, mut readable) = (0, true);
    let mut known = node.core().directory.node();
    while !stop.load(Ordering::Acquire) {
        let wait = if readable { BEAT_WITH_OTHERS } else { BEAT };
        heard = gathered(node, heard, wait);
        let mut renew = || {
            guarded(&node.core().metrics, "new certificates", || {
                node.renew(replace)
            });
        };
        let followed = guarded(&node.core().metrics, "what others changed", || {
            node.core().walk(&mut cursor, &mut |commits| {
                node.tell_of(commits, &mut renew)
            })
        });
        readable = followed.is_some_and(|followed| followed.readable);
        let now = node.core().directory.node();
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

/// What is done outside may take as long as others take: nothing waits behind it.
fn run_errands(node: &dyn Parties, stop: &AtomicBool) {
    let mut heard = 0;
    while !stop.load(Ordering::Acquire) {
        heard = gathered(node, heard, BEAT);
        guarded(&node.core().metrics, "errands", || node.run_errands(stop));
    }
}

/// `replace` is absent where the changes are heard elsewhere.
fn run(node: &dyn Parties, mut cursor: Cursor, replace: Option<&Replace>, stop: &AtomicBool) {
    let now = moment::now();
    let mut done = Done {
        failures: now,
        tick: now,
        sweep: now,
        note: now,
    };
    // The newest own commit that woke this thread. Not the cursor's, which commits that are in no feed do not move.
    let mut heard = 0;
    let beat = match node.core().directory.is_shared() {
        true => BEAT_WITH_OTHERS,
        false => BEAT,
    };
    let (mut noteworthy, mut readable) = (false, true);
    while !stop.load(Ordering::Acquire) {
        // A store that is away is not asked ten times a second when it comes back.
        let wait = if readable { beat } else { BEAT };
        heard = gathered(node, heard, wait);
        let followed = guarded(&node.core().metrics, "a reaction", || match replace {
            Some(replace) => node.follow(&mut cursor, &mut || {
                guarded(&node.core().metrics, "new certificates", || {
                    node.renew(replace)
                });
            }),
            None => node
                .core()
                .walk(&mut cursor, &mut |commits| node.react_to(commits)),
        });
        readable = followed.is_some_and(|followed| followed.readable);
        noteworthy |= followed.is_some_and(|followed| followed.noteworthy);
        let now = moment::now();
        if now.duration_since(done.failures) >= beat {
            done.failures = now;
            guarded(&node.core().metrics, "counted failures", || {
                node.core().persist_failures()
            });
        }
        if now.duration_since(done.tick) >= TICK {
            done.tick = now;
            guarded(&node.core().metrics, "what is due", || node.tick());
            guarded(&node.core().metrics, "revocation lists", || {
                node.renew_lists()
            });
        }
        if now.duration_since(done.sweep) >= SWEEP {
            done.sweep = now;
            node.core().sweep();
        }
        if now.duration_since(done.note) >= NOTE && noteworthy {
            done.note = now;
            node.core().note(&cursor);
            noteworthy = false;
        }
    }
    node.core().persist_failures();
}
