//! Saying what went wrong: what happened, why, and what to do.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

/// The command failed.
pub(crate) const FAILED: u8 = 1;
/// The command was refused, or misused.
pub(crate) const REFUSED: u8 = 2;

/// A failure as the person sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    remedy: String,
    code: u8,
}

impl Failure {
    /// A failure, in the words of `error` and of those that caused it.
    pub(crate) fn new(error: &(dyn Error + 'static), remedy: impl Into<String>, code: u8) -> Self {
        Self {
            what: words(error),
            remedy: remedy.into(),
            code,
        }
    }

    /// A failure in plain words.
    pub(crate) fn said(what: impl Into<String>, remedy: impl Into<String>, code: u8) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            code,
        }
    }

    /// The same, saying what it is about.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.what = format!("{what}: {}", self.what);
        self
    }

    /// The same, where it comes of a full disk.
    pub(crate) fn for_want_of_room(self, folder: &std::path::Path) -> Self {
        Self::said(
            format!(
                "no space is left on the disk that holds {}: {}",
                folder.display(),
                self.what
            ),
            "Free some space, or give a place on another disk with --data.",
            FAILED,
        )
    }

    /// Writes it to standard error; as JSON where the command speaks JSON.
    pub(crate) fn show(&self, json: bool, colours: bool) -> ExitCode {
        let mut out = std::io::stderr().lock();
        let _ = if json {
            writeln!(
                out,
                "{}",
                serde_json::json!({ "error": self.what, "remedy": self.remedy, "exit_code": self.code })
            )
        } else if colours && out.is_terminal() {
            writeln!(
                out,
                "\x1b[1;31merror:\x1b[0m {}\n\x1b[1m   do:\x1b[0m {}",
                self.what, self.remedy
            )
        } else {
            writeln!(out, "error: {}\n   do: {}", self.what, self.remedy)
        };
        ExitCode::from(self.code)
    }
}

/// An error in its own words and those of what caused it.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let _ = write!(words, ": {deeper}");
        cause = deeper.source();
    }
    words
}

impl From<serve::Fault> for Failure {
    fn from(fault: serve::Fault) -> Self {
        let (remedy, code) = (fault.remedy(), fault.exit_code());
        Self::new(&fault, remedy, code)
    }
}

impl From<crate::mistake::Mistake> for Failure {
    fn from(mistake: crate::mistake::Mistake) -> Self {
        Self {
            what: mistake.to_string(),
            remedy: mistake.remedy,
            code: REFUSED,
        }
    }
}
