//! The lab as a process, by its contract: what `lab.json` says and nothing else.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Finished, Krb5, run};

/// A running lab. It ends with the value.
pub struct Lab {
    child: Child,
    directory: TempDir,
    description: Value,
}

/// A person of the lab.
#[derive(Clone, Debug)]
pub struct Person {
    /// sAMAccountName.
    pub sam: String,
    /// User principal name.
    pub upn: String,
    /// Password.
    pub password: String,
    /// Certificate of the enrolled key, for MIT's client.
    pub certificate: PathBuf,
    /// The enrolled key.
    pub key: PathBuf,
}

/// A program of ours, as it was built with these tests.
///
/// # Panics
/// When it was not.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    // The tests' own binary lies in target/PROFILE/deps.
    let own = std::env::current_exe().expect("a test knows its path");
    let profile = own
        .ancestors()
        .nth(2)
        .expect("target/PROFILE/deps/test has ancestors");
    let path = profile.join(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo xtask test`, or `cargo build` first",
        path.display()
    );
    path
}

impl Lab {
    /// Starts a lab on free ports and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends before that.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts a lab with more arguments and more variables of the environment.
    ///
    /// # Panics
    /// When it ends before it is ready.
    #[track_caller]
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().expect("there is room for a temporary folder");
        Self::start_in(directory, arguments, environment)
    }

    #[track_caller]
    fn start_in(directory: TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary("keyporchd"))
            .args(["lab", "--base-port", "0", "--dir"])
            .arg(directory.path().join("lab"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("keyporchd starts");
        let output = child.stdout.take().expect("standard output was piped");
        let mut said = String::new();
        let ready = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .any(|line| {
                said.push_str(&line);
                said.push('\n');
                line.trim() == "ready"
            });
        if !ready {
            let status = child.wait();
            panic!("the lab ended before it was ready ({status:?}):\n{said}");
        }
        let json = directory.path().join("lab/lab.json");
        let json = std::fs::read(&json).expect("lab.json is there once the lab is ready");
        let description = serde_json::from_slice(&json).expect("lab.json is JSON");
        Self {
            child,
            directory,
            description,
        }
    }

    /// The folder of the lab.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.directory.path().join("lab")
    }

    /// A folder for what the test makes.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.directory.path()
    }

    /// A value of lab.json by its JSON pointer.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    #[track_caller]
    pub fn value(&self, pointer: &str) -> &Value {
        let value = self.description.pointer(pointer);
        value.unwrap_or_else(|| panic!("lab.json has no {pointer}: {:#}", self.description))
    }

    /// A text of lab.json by its JSON pointer.
    ///
    /// # Panics
    /// When it is not there, or no text.
    #[must_use]
    #[track_caller]
    pub fn text(&self, pointer: &str) -> &str {
        self.value(pointer)
            .as_str()
            .unwrap_or_else(|| panic!("{pointer} of lab.json is no text"))
    }

    /// Ends the lab as its user does, so that nobody answers any more; what it has written stays.
    ///
    /// # Panics
    /// When it cannot be told.
    #[track_caller]
    pub fn stop(&self) {
        let pid = self.pid().to_string();
        run(Command::new("kill").args(["-TERM", &pid]), "").succeeded();
        // It is over when its socket is no more.
        let socket = self.text("/admin/socket").to_owned();
        for _ in 0..300 {
            if !Path::new(&socket).exists() {
                return;
            }
            run(Command::new("sleep").arg("0.1"), "").succeeded();
        }
        panic!("the lab does not end");
    }

    /// The process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first person, who has enrolled.
    #[must_use]
    #[track_caller]
    pub fn person(&self) -> Person {
        Person {
            sam: self.text("/users/0/sam").to_owned(),
            upn: self.text("/users/0/upn").to_owned(),
            password: self.text("/users/0/password").to_owned(),
            certificate: self.text("/users/0/hello_cert_pem").into(),
            key: self.text("/users/0/hello_key_pem").into(),
        }
    }

    /// MIT's tools with the lab's krb5.conf as it was written, and a cache of that name.
    #[must_use]
    pub fn krb5(&self, cache: &str) -> Krb5 {
        Krb5::new(
            Path::new(self.text("/krb5_conf")),
            &self.scratch().join(cache),
        )
    }

    /// MIT's tools with the lab's krb5.conf after an edit.
    ///
    /// # Panics
    /// When the edit changed nothing.
    #[must_use]
    #[track_caller]
    pub fn krb5_edited(&self, cache: &str, edit: impl FnOnce(&str) -> String) -> Krb5 {
        let written = std::fs::read_to_string(self.text("/krb5_conf")).expect("krb5.conf is there");
        let edited = edit(&written);
        assert_ne!(written, edited, "the edit of krb5.conf changed nothing");
        let path = self.scratch().join(format!("{cache}.krb5.conf"));
        std::fs::write(&path, edited).expect("there is room for a file");
        Krb5::new(&path, &self.scratch().join(cache))
    }

    /// Adds a person whose first password may stay.
    ///
    /// # Panics
    /// When the lab does not want that.
    #[track_caller]
    pub fn add_person(&self, name: &str, password: &str) {
        let file = self.scratch().join(format!("{name}.password"));
        std::fs::write(&file, password).expect("there is room for a file");
        let file = file.to_str().expect("a temporary path is text");
        let add = [
            "admin",
            "user",
            "add",
            name,
            "--password-file",
            file,
            "--keep-password",
        ];
        self.keyporch(&add).succeeded();
    }

    /// Adds a person who has to choose a password at the first sign-in.
    ///
    /// # Panics
    /// When the lab does not want that.
    #[track_caller]
    pub fn add_person_who_chooses(&self, name: &str, first_password: &str) {
        let file = self.scratch().join(format!("{name}.password"));
        std::fs::write(&file, first_password).expect("there is room for a file");
        let file = file.to_str().expect("a temporary path is text");
        let add = ["admin", "user", "add", name, "--password-file", file];
        self.keyporch(&add).succeeded();
    }

    /// Lets people change a password as often as they like: by default it is once a day.
    ///
    /// # Panics
    /// When the lab does not want that.
    #[track_caller]
    pub fn let_passwords_change_at_any_time(&self) {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--fail", "--unix-socket"])
            .arg(self.text("/admin/socket"))
            .args([
                "--request",
                "PATCH",
                "--header",
                "Content-Type: application/json",
            ])
            .args(["--data", r#"{"minimum_password_age_seconds":0}"#])
            .arg("http://lab/administration/v1/domain");
        run(&mut command, "").succeeded();
    }

    /// MIT's tools that reach the lab by HTTPS alone.
    #[must_use]
    #[track_caller]
    pub fn krb5_by_proxy(&self, cache: &str) -> Krb5 {
        let (proxy, root) = (self.text("/kdc/kkdcp"), self.text("/root_pem"));
        let (kdc, password) = (self.text("/kdc/tcp"), self.text("/password/tcp"));
        self.krb5_edited(cache, |written| {
            let anchors = format!("kdc = {proxy}\n  http_anchors = FILE:{root}");
            written.replace(&format!("kdc = {kdc}"), &anchors).replace(
                &format!("kpasswd_server = {password}"),
                &format!("kpasswd_server = {proxy}"),
            )
        })
    }

    /// `keyporch --lab DIR`, as its administrator.
    #[track_caller]
    pub fn keyporch(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(binary("keyporch"));
        command.arg("--lab").arg(self.directory()).args(arguments);
        run(&mut command, "")
    }

    /// The same, with `--json`.
    ///
    /// # Panics
    /// When it fails, or prints no JSON.
    #[track_caller]
    pub fn keyporch_json(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(binary("keyporch"));
        command
            .arg("--lab")
            .arg(self.directory())
            .arg("--json")
            .args(arguments);
        let text = run(&mut command, "").succeeded();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}):\n{text}"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
