//! What went wrong, as the person sees it: what happened, why, what to do, and the spec's ID where there is one.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use call::CallFault;

/// The command failed.
const FAILED: u8 = 1;
/// The command was refused, or misused.
const REFUSED: u8 = 2;

/// A failure.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    remedy: String,
    id: Option<String>,
    code: u8,
}

impl Failure {
    /// Something did not work: in plain words, and what to do about it.
    pub(crate) fn failed(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: sentence(&remedy.into()),
            id: None,
            code: FAILED,
        }
    }

    /// Somebody said no, or the command makes no sense.
    pub(crate) fn refused(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: sentence(&remedy.into()),
            id: None,
            code: REFUSED,
        }
    }

    /// The words of `error` and of what caused it.
    pub(crate) fn of(error: &(dyn Error + 'static), remedy: impl Into<String>) -> Self {
        Self::failed(words(error), remedy)
    }

    /// The same failure, beginning with the file that it is about.
    pub(crate) fn naming(mut self, file: &std::path::Path) -> Self {
        self.what = format!("{}: {}", file.display(), self.what);
        self
    }

    /// The same failure with an ID of the specification.
    pub(crate) fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Says it beside the result, where the command goes on or ends otherwise.
    pub(crate) fn note(&self, output: crate::output::Output) {
        output.note(&format!("{}{}\n{}", self.what, self.named(), self.remedy));
    }

    /// The ID, where there is one.
    fn named(&self) -> String {
        let id = self.id.as_ref();
        id.map_or_else(String::new, |id| format!(" ({id})"))
    }

    /// Writes it to standard error and gives the exit code.
    pub(crate) fn show(&self, json: bool, colours: bool) -> ExitCode {
        let mut out = std::io::stderr().lock();
        let _ = if json {
            let report = serde_json::json!({ "error": self.what, "remedy": self.remedy, "id": self.id, "exit_code": self.code });
            writeln!(out, "{report}")
        } else if colours && out.is_terminal() {
            writeln!(
                out,
                "\x1b[1;31merror:\x1b[0m {}{}\n\x1b[1m   do:\x1b[0m {}",
                self.what,
                self.named(),
                self.remedy
            )
        } else {
            writeln!(out, "{self}")
        };
        ExitCode::from(self.code)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, named, remedy) = (&self.what, self.named(), &self.remedy);
        write!(f, "error: {what}{named}\n   do: {remedy}")
    }
}

/// A remedy as a sentence, whoever wrote it: with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let rest = letters.as_str();
    let end = if rest.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{rest}{end}", first.to_uppercase())
}

/// An error's words, with those of what caused it.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let _ = write!(words, ": {deeper}");
        cause = deeper.source();
    }
    words
}

impl From<CallFault> for Failure {
    fn from(fault: CallFault) -> Self {
        let remedy = fault.remedy();
        Self::of(&fault, remedy)
    }
}

impl From<call::files::FileFault> for Failure {
    fn from(fault: call::files::FileFault) -> Self {
        Self::of(
            &fault,
            "Check the folder's owner, its mode (0700) and the space on its disk.",
        )
    }
}
