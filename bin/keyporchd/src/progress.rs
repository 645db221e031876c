//! How far something has come that takes longer than two seconds.
#![allow(
    clippy::disallowed_methods,
    reason = "a person who waits is told by the clock on the wall"
)]

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// From when on somebody at a terminal is told.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often.
const OFTEN: Duration = Duration::from_millis(250);

/// Tells somebody at a terminal how far something has come.
pub(crate) struct Progress {
    begun: Instant,
    told: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Nothing is told yet; and nothing at all where standard error is no terminal.
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            told: None,
            shown: std::io::stderr().is_terminal(),
        }
    }

    /// So many rows were `done` ("written", "checked").
    pub(crate) fn rows(&mut self, done: &str, rows: u64) {
        let now = Instant::now();
        let due = self.told.map_or(self.begun + PATIENCE, |told| told + OFTEN);
        if self.shown && now >= due {
            self.told = Some(now);
            let _ = write!(std::io::stderr(), "\r{rows} rows {done} \x1b[K");
        }
    }

    /// Leaves an empty line where something was told.
    pub(crate) fn end(&mut self) {
        if self.told.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        self.begun = Instant::now();
    }
}
