//! A Linux machine whose people and groups come from the directory: Debian's SSSD on it, with the PAM that its packages
//! set up.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::machine::Machine;
use crate::namespace::{Network, Running};
use crate::program::{Finished, run};

/// What SSSD says once all its services have started.
const STARTED: &str = "All services have successfully started";

/// What a service of this machine asks: all that Debian's own services do.
const SERVICE: &str = "@include common-auth\n@include common-account\n@include common-password\n@include common-session\n";

/// What the packages of SSSD, PAM and cracklib make when they are installed.
const INSTALL: &str = "\
mkdir -p /home/root /etc/skel /var/lib/pam /var/cache/cracklib /var/log/sssd
mkdir -p /var/lib/sss/db /var/lib/sss/mc /var/lib/sss/keytabs /var/lib/sss/pipes/private /var/lib/sss/pubconf/krb5.include.d
chmod 700 /var/lib/sss/db /var/lib/sss/pipes/private
update-cracklib
DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force";

/// A machine with SSSD, which runs or does not.
pub struct Workstation {
    running: Running,
    sssd: Option<Sssd>,
}

/// SSSD while it runs.
struct Sssd {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Workstation {
    /// A machine with the packages, and with no settings yet. `hosts`: names that lead to loopback.
    ///
    /// # Panics
    /// When a package is missing, or the tests may not make machines.
    #[must_use]
    #[track_caller]
    pub fn new(folder: &Path, network: &Network, name: &str, hosts: &[&str]) -> Self {
        let packages = packages();
        let machine = Machine::new(folder, name, hosts);
        let own = [
            "etc/login.defs",
            "etc/debconf.conf",
            "etc/pam.d/passwd",
            "etc/pam.d/runuser",
            "etc/pam.d/other",
            "etc/security",
            "var/cache/debconf",
        ];
        for place in own {
            copied(&Path::new("/").join(place), &machine.path(place));
        }
        for place in ["etc/cracklib", "etc/security", "etc/pam.d"] {
            copied(&packages.join(place), &machine.path(place));
        }
        machine.write("etc/shadow", "root:*:::::::\n");
        machine.write("etc/pam.d/fleet", SERVICE);
        machine.write(
            "etc/nsswitch.conf",
            "passwd: files sss\ngroup: files sss\nshadow: files sss\nsudoers: files\nhosts: files\n",
        );
        let workstation = Self {
            running: Running::begin(machine, network, &packages),
            sssd: None,
        };
        workstation.run("sh", &["-ec", INSTALL], "").succeeded();
        workstation
    }

    /// Its files.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        self.running.machine()
    }

    /// A program on it.
    #[must_use]
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        self.running.command(program, arguments)
    }

    /// Runs a program on it.
    #[track_caller]
    pub fn run(&self, program: &str, arguments: &[&str], input: &str) -> Finished {
        run(&mut self.command(program, arguments), input)
    }

    /// Starts SSSD, anew where it runs, and waits until all its services answer.
    ///
    /// # Panics
    /// When it ends before that.
    #[track_caller]
    pub fn start_sssd(&mut self) {
        self.stop_sssd();
        let mut child = self
            .command("sssd", &["-i", "-d", "6", "--logger=stderr"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nsenter runs");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error was piped"));
        let said = Arc::new(Mutex::new(String::new()));
        let mut line = Vec::new();
        let mut started = false;
        while !started
            && lines
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line);
            started = text.contains(STARTED);
            heard(&said, &text);
            line.clear();
        }
        if !started {
            let status = child.wait();
            panic!(
                "sssd ended ({status:?}) before it answered:\n{}",
                text(&said)
            );
        }
        let log = Arc::clone(&said);
        std::thread::spawn(move || {
            while lines
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                heard(&log, &String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        self.sssd = Some(Sssd { child, said });
    }

    /// Stops SSSD, if it runs.
    pub fn stop_sssd(&mut self) {
        if let Some(mut sssd) = self.sssd.take() {
            let end = "kill -TERM \"$(cat /run/sssd.pid)\"";
            // It says that it has started a moment before it writes that file.
            while matches!(sssd.child.try_wait(), Ok(None)) {
                let _ = self.run("sh", &["-c", end], "");
            }
        }
    }

    /// What SSSD has said until now.
    #[must_use]
    pub fn sssd_said(&self) -> String {
        self.sssd
            .as_ref()
            .map(|sssd| text(&sssd.said))
            .unwrap_or_default()
    }

    /// What `getent` finds; nothing where there is no such entry.
    ///
    /// # Panics
    /// When it fails otherwise.
    #[must_use]
    #[track_caller]
    pub fn getent(&self, database: &str, name: &str) -> Option<String> {
        let found = self.run("getent", &[database, name], "");
        match found.code {
            Some(0) => Some(found.text.trim().to_owned()),
            Some(2) => None,
            _ => panic!("getent {database} {name} failed:\n{}", found.text),
        }
    }

    /// What `pamtester` makes of these operations of a service like all of Debian's, with what somebody types.
    #[track_caller]
    pub fn pam(&self, name: &str, operations: &[&str], typed: &[&str]) -> Finished {
        let mut input = typed.join("\n");
        input.push('\n');
        self.run(
            "pamtester",
            &[&["fleet", name], operations].concat(),
            &input,
        )
    }
}

impl Drop for Workstation {
    fn drop(&mut self) {
        self.stop_sssd();
    }
}

/// SSSD and what belongs to it, which is not installed but unpacked.
#[track_caller]
fn packages() -> PathBuf {
    // The tests' own binary lies in target/PROFILE/deps, the packages in target/sssd.
    let own = std::env::current_exe().expect("a test knows its path");
    let target = own
        .ancestors()
        .nth(3)
        .expect("it lies in a build directory");
    let path = target.join("sssd");
    assert!(
        path.join("usr/sbin/sssd").exists(),
        "{} is missing: `cargo xtask packages` unpacks it",
        path.display()
    );
    path
}

/// Copies a file, or the files of a folder; what is not there is passed over.
#[track_caller]
fn copied(from: &Path, to: &Path) {
    if from.is_file() {
        let folder = to.parent().expect("it is in the machine's folder");
        std::fs::create_dir_all(folder).expect("there is room for a folder");
        std::fs::copy(from, to).expect("there is room for a file");
    } else if let Ok(entries) = std::fs::read_dir(from) {
        std::fs::create_dir_all(to).expect("there is room for a folder");
        for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), to.join(entry.file_name()))
                .expect("there is room for a file");
        }
    }
}

fn heard(said: &Mutex<String>, line: &str) {
    said.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push_str(line);
}

fn text(said: &Mutex<String>) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
