//! A relay that keeps what a client and the tenant said to each other, and says the client's part once more.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::run;

/// The names that lead to the relay in place of the server.
const NAMES: &str = "login.corp.example enterpriseregistration.corp.example";
/// Where it listens: at the server's own port, beside the server's own address.
const ADDRESS: &str = "127.0.0.2";

/// A running relay. It ends with the value.
pub struct Recorder {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Recorder {
    /// A relay before the server that listens at this port of 127.0.0.1; its things are in `folder`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn before(port: u16, folder: &Path) -> Self {
        let folder = folder.join("relay");
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        std::fs::write(folder.join("hosts"), format!("{ADDRESS} {NAMES}\n"))
            .expect("there is room for a file");
        certificates(&folder);
        let mut child = relay()
            .args(["pass", ADDRESS, &port.to_string(), &port.to_string()])
            .args(["leaf.pem", "leaf.key", "record"].map(|name| folder.join(name)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("standard output was piped");
        let _ = BufReader::new(output).read_line(&mut line);
        assert_eq!(line.trim(), "listens", "the relay does not listen");
        Self {
            child,
            folder,
            port,
        }
    }

    /// The hosts file by which a client finds the relay.
    #[must_use]
    pub fn hosts(&self) -> PathBuf {
        self.folder.join("hosts")
    }

    /// The authority by which it believes the relay.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    /// How many requests were kept.
    ///
    /// # Panics
    /// When the record cannot be read.
    #[must_use]
    pub fn count(&self) -> usize {
        let record = std::fs::read_to_string(self.folder.join("record"));
        record.expect("there is a record").lines().count()
    }

    /// Sends each request that was kept once more, byte for byte and in its order, past the relay: what was asked
    /// (`method`, `target`, `body`), what was answered (`first`) and what is answered now (`again`: `status`, `head`, `body`).
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    #[track_caller]
    pub fn again(&self) -> Vec<Value> {
        let mut command = relay();
        command
            .args(["again", &self.port.to_string()])
            .arg(self.folder.join("record"));
        let text = run(&mut command, "").succeeded();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn relay() -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/recording_relay.py");
    let mut command = Command::new("python3");
    command.arg(script);
    command
}

/// An authority of the relay's own, and a certificate for the names.
#[track_caller]
fn certificates(folder: &Path) {
    let names: Vec<String> = NAMES.split(' ').map(|name| format!("DNS:{name}")).collect();
    let names = format!("subjectAltName={}", names.join(","));
    let make = |name: &str, more: &[&str]| {
        let mut command = Command::new("openssl");
        command
            .current_dir(folder)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-keyout", &format!("{name}.key")])
            .args(["-out", &format!("{name}.pem")])
            .args(more);
        run(&mut command, "").succeeded();
    };
    make("root", &["-addext", "keyUsage=critical,keyCertSign"]);
    let leaf = ["-CA", "root.pem", "-CAkey", "root.key", "-addext", &names];
    let kind = [
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-addext",
        "extendedKeyUsage=serverAuth",
    ];
    make("leaf", &[leaf.as_slice(), &kind].concat());
}
