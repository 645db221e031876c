//! What an import says: how far it is, what was refused, and what came of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::Output;

/// How often the line that shows how far it is moves.
const BEAT: Duration = Duration::from_millis(200);

/// What is said of an import.
pub(super) struct Report {
    output: Output,
    on_trial: bool,
    lively: bool,
    /// Steps of the file at hand, and how many of them are done.
    steps: usize,
    done: usize,
    began: Instant,
    shown: Option<Instant>,
    outcomes: BTreeMap<String, u64>,
    left_out: BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn new(output: Output, on_trial: bool) -> Self {
        Self {
            output,
            on_trial,
            lively: !output.json && std::io::stderr().is_terminal(),
            steps: 0,
            done: 0,
            began: now(),
            shown: None,
            outcomes: BTreeMap::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// Another file begins.
    pub(super) fn begin(&mut self, steps: usize) {
        self.steps = steps;
        self.done = 0;
        self.began = now();
    }

    /// So many records came to this.
    pub(super) fn count(&mut self, outcome: &str, records: u64) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += records;
    }

    /// Values that the server left out.
    pub(super) fn left_out(&mut self, answer: &Value) {
        let left_out = answer.get("left_out").and_then(Value::as_object);
        for (what, count) in left_out.into_iter().flatten() {
            *self.left_out.entry(what.clone()).or_default() += count.as_u64().unwrap_or(0);
        }
    }

    /// So many more steps are done.
    pub(super) fn advance(&mut self, steps: usize) {
        self.done += steps;
        let moment = now();
        let due = self.shown.is_none_or(|shown| moment - shown > BEAT);
        if !self.lively || !due {
            return;
        }
        self.shown = Some(moment);
        let seconds = (moment - self.began).as_secs_f64().max(0.001);
        #[allow(clippy::cast_precision_loss, reason = "it is shown to people")]
        let (done, left) = (
            self.done as f64,
            (self.steps - self.done.min(self.steps)) as f64,
        );
        let rate = done / seconds;
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[K{} of {} steps, {rate:.0} a second, {:.0} s left",
            self.done,
            self.steps,
            left / rate.max(0.001)
        );
        let _ = std::io::stderr().flush();
    }

    /// Takes the moving line away.
    pub(super) fn pause(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// Says that a record was refused.
    pub(super) fn refused(&mut self, at: &str, why: &str, remedy: &str) {
        self.pause();
        let mut out = std::io::stderr().lock();
        let _ = if self.output.json {
            writeln!(
                out,
                "{}",
                json!({ "at": at, "error": why, "remedy": remedy })
            )
        } else {
            writeln!(out, "refused: {at}: {why}\n     do: {remedy}.")
        };
    }

    /// What was done until now, in a sentence.
    fn so_far(&self) -> String {
        let words = [
            ("added", "added"),
            ("changed", "changed"),
            ("linked", "given members or managers"),
            ("deleted", "deleted"),
            ("unchanged", "as it is already"),
            ("passed_over", "passed over"),
            ("untried", "not tried"),
            ("refused", "refused"),
        ];
        let said: Vec<String> = words
            .iter()
            .filter_map(|(outcome, word)| {
                let count = self.outcomes.get(*outcome).filter(|count| **count > 0)?;
                Some(format!("{count} {word}"))
            })
            .collect();
        let said = match said.is_empty() {
            true => "nothing".to_owned(),
            false => said.join(", "),
        };
        match self.on_trial {
            true => format!("On trial, nothing is changed: {said}."),
            false => format!("Done: {said}."),
        }
    }

    /// Says what was done of an import that ends early.
    pub(super) fn broken_off(&self) {
        let mut out = std::io::stderr().lock();
        let _ = if self.output.json {
            writeln!(out, "{}", json!({ "outcomes": self.outcomes }))
        } else {
            writeln!(out, "{}", self.so_far())
        };
    }

    /// Says what came of it all.
    pub(super) fn end(&mut self, rejects: &[PathBuf]) -> Result<(), Failure> {
        self.pause();
        let value = json!({
            "dry_run": self.on_trial,
            "outcomes": self.outcomes,
            "left_out": self.left_out,
            "rejects": rejects,
        });
        self.output.done(&self.so_far(), &value);
        if !self.output.json && !self.left_out.is_empty() {
            let each = self.left_out.iter();
            let each: Vec<String> = each
                .map(|(what, count)| format!("{what} {count}"))
                .collect();
            self.output
                .note(&format!("Left out, and how often: {}.", each.join(", ")));
        }
        let refused = self.outcomes.get("refused").copied().unwrap_or(0);
        if refused == 0 {
            return Ok(());
        }
        let files: Vec<String> = rejects
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let remedy = match files.is_empty() {
            true => "Correct them and import the file again.".to_owned(),
            false => format!("Correct them in {} and import that.", files.join(", ")),
        };
        let what = match refused {
            1 => "a record was refused".to_owned(),
            count => format!("{count} records were refused"),
        };
        Err(Failure::failed(what, remedy))
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a person is shown how fast it goes"
)]
fn now() -> Instant {
    Instant::now()
}

/// The records that were refused, as they were, in a file of their own.
pub(super) struct Sheet {
    path: PathBuf,
    out: Option<Result<BufWriter<File>, std::io::Error>>,
}

impl Sheet {
    /// A sheet that is made when something is written on it.
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, out: None }
    }

    /// Writes a record down, and why it is here.
    pub(super) fn write(&mut self, at: &str, why: &str, text: &str) {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = &self.path;
        let out = self.out.get_or_insert_with(|| {
            let mut options = File::options();
            options.write(true);
            // There may be passwords in it: a file is made anew, whoever may read the one that is there.
            let opened = match std::fs::symlink_metadata(&*path) {
                Ok(found) if found.is_file() => std::fs::remove_file(&*path)
                    .and_then(|()| options.create_new(true).mode(0o600).open(path)),
                Ok(_) => options.open(path),
                Err(_) => options.create_new(true).mode(0o600).open(path),
            };
            opened.map(BufWriter::new)
        });
        if let Ok(file) = out {
            let why = why.replace(['\r', '\n'], " ");
            let at = at.replace(['\r', '\n'], " ");
            let written = writeln!(file, "# {at}: {why}\n{}\n", text.trim_end());
            if let Err(error) = written {
                *out = Err(error);
            }
        }
    }

    /// Closes the file, and says where it is; `None` when there was nothing to write. Nothing is written after it.
    pub(super) fn finish(&mut self) -> Option<Result<PathBuf, Failure>> {
        let path = self.path.clone();
        let written = self.out.take()?.and_then(|mut file| file.flush());
        Some(match written {
            Ok(()) => Ok(path),
            Err(error) => Err(Failure::of(
                &error,
                "Name a file that can be written with --rejects, and import again.",
            )
            .naming(&path)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    /// Passwords were written into a file that everybody could read.
    #[test]
    fn refused_records_are_for_this_user_alone_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.ldif.rejects");
        std::fs::write(&path, "of before").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut sheet = Sheet::new(path.clone());
        sheet.write("people.ldif:3", "no\nreason", "dn: CN=a\ncn: a\n\n");
        sheet.write("people.ldif:9", "none", "dn: CN=b\ncn: b\n");
        assert_eq!(sheet.finish().unwrap().unwrap(), path);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(
            written.starts_with("# people.ldif:3: no reason\ndn: CN=a\n"),
            "{written}"
        );
        let records = wire::ldif::Records::of(&written);
        assert_eq!(records.map(Result::unwrap).count(), 2);
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        let mut sheet = Sheet::new(PathBuf::from("/dev/null"));
        sheet.write("people.ldif:3", "none", "dn: CN=a\ncn: a\n");
        assert!(sheet.finish().unwrap().is_ok());
        assert!(std::fs::metadata("/dev/null").is_ok_and(|found| !found.is_file()));
        assert!(Sheet::new(PathBuf::from("/dev/null")).finish().is_none());
    }
}
