//! What every node has, whoever its parties are: a store, a clock, what it counts and records, whom it tells.

use std::sync::Arc;

use crypto::password::Cost;
use directory::lockout::Lockout;
use directory::{Change, Commit, Cursor, Directory, FeedError, Reads, Retention, Table};
use trust::{Clock, Event, Timestamp};

use super::turn::{Turn, Unanswered};
use super::{Listener, words};
use crate::audit::Audit;
use crate::metrics::Metrics;

/// How far the reactions of this node came.
pub(super) const CURSORS: Table = Table::new(REACTIONS);

/// The name of that table, for whoever moves records from store to store: a cursor is of one store.
pub const REACTIONS: &str = "serve.cursors";

/// Commits that are read at once, and counters persisted at once.
const PAGE: usize = 256;

/// What every node has.
pub(crate) struct Core {
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) audit: Audit,
    pub(crate) listener: Option<Listener>,
    pub(crate) lockout: Lockout,
    pub(crate) password_cost: Cost,
}

/// How following the feed went.
#[derive(Clone, Copy)]
pub(crate) struct Followed {
    /// Whether there was anything worth a note of how far it came.
    pub(crate) noteworthy: bool,
    /// Whether the feed could be read.
    pub(crate) readable: bool,
}

impl Core {
    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn {
            directory: &self.directory,
            metrics: &self.metrics,
            audit: &self.audit,
        }
    }

    pub(crate) fn tell(&self, story: &[&'static Event]) {
        if let Some(listener) = &self.listener {
            story.iter().for_each(|event| listener(event));
        }
    }

    /// Our own trouble, for the log. The peer learns no more than that there was some.
    pub(crate) fn trouble(&self, doing: &str, error: &(dyn std::error::Error + 'static)) {
        tracing::error!(doing, error = words(error), "trouble of our own");
    }

    /// Whether the directory can be read.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        let snapshot = self.directory.snapshot().map_err(|fault| words(&fault))?;
        let head = snapshot.domain().head;
        match snapshot.entry(head) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("the directory has lost its head".to_owned()),
            Err(fault) => Err(words(&fault)),
        }
    }

    pub(crate) fn noted_cursor(&self) -> Result<Cursor, directory::Fault> {
        let snapshot = self.directory.snapshot()?;
        let key = self.directory.node().number.to_be_bytes();
        let record = snapshot.record(CURSORS, &key, self.clock.now())?;
        let noted = record.and_then(|record| serde_json::from_slice(record.value.bytes()).ok());
        // A new node begins with what there is: what came before, the ticks find.
        noted.map_or_else(|| self.directory.cursor(), Ok)
    }

    pub(crate) fn note(&self, cursor: &Cursor) {
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

    /// Goes through the commits after `cursor`, some at a time; `each` gets `None` where some of them are not kept any
    /// more, and says whether it was worth a note.
    pub(crate) fn walk(
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

    /// One party's changes, committed. What fails is told, and tried again at the next tick.
    pub(crate) fn upkeep(
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

    pub(crate) fn persist_failures(&self) {
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

    pub(crate) fn sweep(&self) {
        let now = self.clock.now();
        while let Some(swept) = self.swept(now) {
            if !swept.more(PAGE) {
                return;
            }
        }
    }

    pub(crate) fn swept(&self, now: Timestamp) -> Option<directory::Swept> {
        match self.directory.sweep(&Retention::default(), PAGE, now) {
            Ok(swept) => Some(swept),
            Err(fault) => {
                self.trouble("removing what has expired", &fault);
                None
            }
        }
    }
}
