//! A PostgreSQL server for tests, from the system's own programs: in a temporary folder, on a socket of its own, as a
//! user without rights, gone when the tests are.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Address;

/// What to do without PostgreSQL's programs.
const MISSING: &str =
    "PostgreSQL's programs are not here: run `cargo xtask test`, or install Debian's postgresql";

/// The role that owns everything.
const ROLE: &str = "keyporch";

/// A server that runs.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    /// Whether it goes with this value.
    own: Option<tempfile::TempDir>,
}

/// A database on a cluster.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its URL.
    pub url: String,
}

impl Database {
    /// Its address.
    ///
    /// # Panics
    /// Never: the URL is one.
    #[must_use]
    pub fn address(&self) -> Address {
        Address::parse(&self.url).expect("the URL of a test's database is right")
    }
}

impl Cluster {
    /// The server that all tests of one run share: those of this process, or of the runner that starts a process for
    /// each.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or the server cannot be started.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| share(programs().expect(MISSING)))
    }

    /// A server of one's own, to be stopped and started at will.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or the server cannot be started.
    #[must_use]
    pub fn own() -> Self {
        let programs = programs().expect(MISSING);
        let folder = tempfile::tempdir().expect("a folder for a server");
        let mut cluster = Self::at(folder.path().to_owned(), programs);
        cluster.own = Some(folder);
        cluster.make();
        cluster.start();
        cluster.end_with(std::process::id());
        cluster
    }

    fn at(folder: PathBuf, programs: PathBuf) -> Self {
        Self {
            folder,
            programs,
            user: unprivileged(),
            own: None,
        }
    }

    /// The folder of its socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty database.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn database(&self) -> Database {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{next}", std::process::id());
        self.sql("postgres", &format!("create database {name}"));
        Database {
            url: format!("postgresql://{ROLE}@/{name}?host={}", self.folder.display()),
        }
    }

    /// Runs a statement in a database, and gives what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        self.sql_at(5432, database, statement)
    }

    /// The same, where the server has another port.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql_at(&self, port: u16, database: &str, statement: &str) -> String {
        let output = self
            .program("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--username", ROLE, "--host"])
            .arg(&self.folder)
            .args(["--port", &port.to_string()])
            .args(["--dbname", database, "--command", statement])
            .output()
            .expect("psql runs");
        succeeded(statement, &output);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Stops it as a power cut would: no process is told. What was acknowledged is in its log.
    ///
    /// # Panics
    /// When it cannot be stopped.
    pub fn crash(&self) {
        let stopped = self
            .control()
            .args(["stop", "--mode=immediate", "-w"])
            .output();
        succeeded("stop", &stopped.expect("pg_ctl runs"));
    }

    /// Starts it; it answers when this returns.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self) {
        self.start_with("-c listen_addresses=");
    }

    /// Stops it, and starts it again listening on a port of 127.0.0.1, with TLS for whoever asks for it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn restart_with_tls(&self, certificate: &Path, key: &Path, port: u16) {
        self.crash();
        for (from, name) in [(certificate, "tls.pem"), (key, "tls.key")] {
            let to = self.folder.join(name);
            fs::copy(from, &to).expect("there is room for a file");
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).expect("it is ours");
            if let Some((user, group)) = self.user {
                std::os::unix::fs::chown(&to, Some(user), Some(group)).expect("it is given away");
            }
        }
        let folder = self.folder.display();
        self.start_with(&format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c ssl_cert_file={folder}/tls.pem \
             -c ssl_key_file={folder}/tls.key"
        ));
    }

    fn start_with(&self, more: &str) {
        let options = format!(
            "-k {} -c fsync=off -c max_connections=200 -c logging_collector=off {more}",
            self.folder.display()
        );
        let started = self
            .control()
            .args(["start", "-w", "-t", "60", "-l"])
            .arg(self.folder.join("log"))
            .args(["-o", &options])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("pg_ctl runs");
        let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert!(started.success(), "the server did not start: {}", log());
    }

    fn make(&self) {
        if let Some((user, group)) = self.user {
            std::os::unix::fs::chown(&self.folder, Some(user), Some(group))
                .expect("the folder is given to the server's user");
        }
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o755))
            .expect("the folder can be entered");
        let made = self
            .program("initdb")
            .args([
                "--auth=trust",
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
            ])
            .args(["--username", ROLE, "--pgdata"])
            .arg(self.folder.join("data"))
            .output()
            .expect("initdb runs");
        succeeded("initdb", &made);
    }

    /// Stops the server and removes what it left when a process has gone, however it went.
    #[allow(
        clippy::zombie_processes,
        reason = "it outlives the process that could wait for it"
    )]
    fn end_with(&self, process: u32) {
        const WATCH: &str = "while kill -0 \"$1\" 2>/dev/null; do sleep 1; done; \
                             kill -QUIT \"$(head -n 1 \"$2/data/postmaster.pid\")\" 2>/dev/null; sleep 1; \
                             rm -rf \"$2\" \"$2.lock\"";
        let watching = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(process.to_string())
            .arg(&self.folder)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        watching.expect("a shell runs");
    }

    fn control(&self) -> Command {
        let mut command = self.program("pg_ctl");
        command.arg("--pgdata").arg(self.folder.join("data"));
        command
    }

    /// One of PostgreSQL's programs. They refuse to serve as root.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir("/");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.own.is_some() {
            let _ = self
                .control()
                .args(["stop", "--mode=immediate", "-w"])
                .output();
        }
    }
}

/// Starts the server that is shared, unless another test has.
fn share(programs: PathBuf) -> Cluster {
    let runner = runner();
    let folder = std::env::temp_dir().join(format!("keyporch-postgresql-{runner}"));
    let lock = File::create(folder.with_extension("lock")).expect("a file to lock");
    lock.lock().expect("the file can be locked");
    let cluster = Cluster::at(folder, programs);
    let ready = cluster.folder.join("ready");
    if !ready.exists() {
        // A runner long ago may have had the same number.
        let _ = fs::remove_dir_all(&cluster.folder);
        fs::create_dir(&cluster.folder).expect("a folder for the server");
        cluster.make();
        cluster.start();
        cluster.end_with(runner);
        File::create(ready).expect("the folder can be written");
    }
    cluster
}

/// The process with which the tests of this run end.
#[allow(
    clippy::disallowed_methods,
    reason = "nothing else tells a test that a runner starts each in a process of its own"
)]
fn runner() -> u32 {
    match std::env::var_os("NEXTEST") {
        Some(_) => std::os::unix::process::parent_id(),
        None => std::process::id(),
    }
}

/// Where PostgreSQL's programs are: the newest that Debian installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists())
        .max_by_key(|folder| {
            let version = folder.parent().and_then(Path::file_name);
            version
                .and_then(|version| version.to_str()?.parse::<u32>().ok())
                .unwrap_or(0)
        })
}

/// Root's stand-in: the user of Debian's package.
fn unprivileged() -> Option<(u32, u32)> {
    let own = fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid());
    if own != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let user = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = user.split(':').skip(2).map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    find("postgres").or_else(|| find("nobody"))
}

fn succeeded(what: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
}
