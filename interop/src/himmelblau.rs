//! The Linux client of a tenant that nobody here wrote: libhimmelblau, one step of its life after the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::lab::Lab;
use crate::program::{Finished, run};
use crate::recorder::Recorder;

/// What is done before a step: the names of the tenant lead to this machine, for this step alone.
const NAMES: &str = "mount --bind \"$1\" /etc/hosts; shift; exec \"$@\"";

/// A tenant, as somebody on this machine finds it.
#[derive(Clone, Debug)]
pub struct Place {
    /// `https://login.corp.example:8443/<tenant>`.
    pub authority: String,
    /// Where devices are registered.
    pub drs: String,
    /// The names that lead to it: a hosts file.
    pub hosts: PathBuf,
    /// The certificates by which it is believed.
    pub roots: PathBuf,
}

impl Place {
    /// The lab's own tenant.
    #[must_use]
    #[track_caller]
    pub fn of(lab: &Lab) -> Self {
        let (base, id) = (lab.text("/tenant/base"), lab.text("/tenant/id"));
        Self {
            authority: format!("{base}/{id}"),
            drs: lab.text("/tenant/drs").to_owned(),
            hosts: lab.text("/hosts").into(),
            roots: lab.text("/root_pem").into(),
        }
    }

    /// The same behind a relay that keeps what passes.
    #[must_use]
    pub fn behind(self, relay: &Recorder) -> Self {
        Self {
            hosts: relay.hosts(),
            roots: relay.root(),
            ..self
        }
    }
}

/// A device of that client.
pub struct Himmelblau {
    place: Place,
    state: PathBuf,
}

/// What a step said.
#[derive(Debug)]
pub struct Step {
    /// Whether it was done.
    pub done: bool,
    /// Its lines, the result or the error last.
    pub lines: Vec<Value>,
}

impl Himmelblau {
    /// A device of the lab's tenant that has done nothing yet; `name` is that of the folder in which it keeps its things.
    ///
    /// # Panics
    /// When there is no room.
    #[must_use]
    #[track_caller]
    pub fn new(lab: &Lab, name: &str) -> Self {
        Self::at(Place::of(lab), &lab.scratch().join(name))
    }

    /// A device of a tenant that has done nothing yet, which keeps its things in that folder.
    ///
    /// # Panics
    /// When there is no room.
    #[must_use]
    #[track_caller]
    pub fn at(place: Place, state: &Path) -> Self {
        std::fs::create_dir_all(state).expect("there is room for a folder");
        Self {
            place,
            state: state.to_owned(),
        }
    }

    /// Does a step as somebody.
    ///
    /// # Panics
    /// When the program is not built, or does not speak as it says.
    #[track_caller]
    pub fn step(&self, step: &str, user: &str, arguments: &[&str]) -> Step {
        let mut command = self.command(&probe());
        command
            .arg(step)
            .args(["--authority", &self.place.authority])
            .arg("--state")
            .arg(&self.state)
            .args(["--user", user])
            .args(arguments)
            .env("SSL_CERT_FILE", &self.place.roots)
            .env("HIMMELBLAU_DISCOVERY_URL", &self.place.drs);
        let finished = run(&mut command, "");
        let lines = finished.text.lines();
        let lines: Vec<Value> = lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        assert!(
            !lines.is_empty() && matches!(finished.code, Some(0 | 1)),
            "{step} was not even tried ({:?}):\n{}",
            finished.code,
            finished.text
        );
        Step {
            done: finished.ok,
            lines,
        }
    }

    /// Approves a device code in another browser, as somebody who knows a password and a one-time code.
    #[track_caller]
    pub fn approve(&self, shown: &Value, user: &str, password: &str, code: &str) -> Finished {
        let of = |name: &str| shown[name].as_str().unwrap_or_default();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/device_code.py");
        let mut command = self.command(Path::new("python3"));
        command.arg(script).arg(&self.place.roots).args([
            of("verification_uri"),
            of("user_code"),
            user,
            password,
            code,
        ]);
        run(&mut command, "")
    }

    /// A program that finds the tenant's servers by their names.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-ec", NAMES, "sh"])
            .arg(&self.place.hosts)
            .arg(program);
        for proxy in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
        command
    }
}

impl Step {
    /// The last line of a step that must have been done.
    ///
    /// # Panics
    /// When it was not, with what it said.
    #[track_caller]
    pub fn done(&self) -> &Value {
        assert!(self.done, "refused: {:#?}", self.lines);
        self.last()
    }

    /// The last line of a step that must have been refused with this number of the tenant.
    ///
    /// # Panics
    /// When it was not, or with another.
    #[track_caller]
    pub fn refused(&self, number: u32) -> &Value {
        assert!(!self.done, "not refused: {:#?}", self.lines);
        let last = self.last();
        assert_eq!(last["codes"], serde_json::json!([number]), "{last:#}");
        last
    }

    /// The last line of a step that must have failed as the library names it.
    ///
    /// # Panics
    /// When it did not, or otherwise.
    #[track_caller]
    pub fn failed(&self, kind: &str) -> &Value {
        assert!(!self.done, "not refused: {:#?}", self.lines);
        let last = self.last();
        assert_eq!(last["kind"], kind, "{last:#}");
        last
    }

    fn last(&self) -> &Value {
        self.lines.last().expect("there is a line")
    }

    /// Whether a line of that event is among them.
    #[must_use]
    pub fn says(&self, event: &str) -> bool {
        self.lines.iter().any(|line| line["event"] == event)
    }
}

/// The program, which is built on its own, by `cargo xtask test`.
#[track_caller]
fn probe() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = own.join("himmelblau/target/debug/himmelblau-probe");
    assert!(
        path.exists(),
        "{} is not built; run `cargo xtask test`, or `cargo build --locked` in its folder",
        path.display()
    );
    path
}
