//! A server of one's own as a person sets it up: `keyporchd init` and `keyporchd serve` in a folder, and devices that
//! join it.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

use crate::lab::binary;
use crate::namespace::Network;
use crate::program::{Finished, Krb5, run};

/// The ports that a server listens on, without what `--port-offset` adds.
const PORTS: [u16; 5] = [80, 88, 443, 464, 9464];
/// The federation service's name.
const FEDERATION: &str = "sts.corp.example";
/// The name of a tenant.
const LOGIN: &str = "login.corp.example";

/// A server's folder, and the server while it runs. It ends with the value.
pub struct Server {
    folder: TempDir,
    data: PathBuf,
    offset: u16,
    shown: Value,
    serving: Option<Serving>,
}

/// A process that serves.
struct Serving {
    child: Child,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// A folder with nothing in it, and ports that nobody listens on.
    ///
    /// # Panics
    /// When there is no room, or no port.
    #[must_use]
    pub fn nowhere_yet() -> Self {
        Self::nowhere_yet_at(free_offset())
    }

    /// `offset` 0: at the ports that everybody expects.
    fn nowhere_yet_at(offset: u16) -> Self {
        let folder = TempDir::new().expect("there is room for a temporary folder");
        let hosts = format!(
            "127.0.0.1 {FEDERATION} enterpriseregistration.corp.example dc1.corp.example\n"
        );
        std::fs::write(folder.path().join("hosts"), hosts).expect("there is room for a file");
        Self {
            data: folder.path().join("data"),
            folder,
            offset,
            shown: Value::Null,
            serving: None,
        }
    }

    /// A server that is set up and does not run yet.
    ///
    /// # Panics
    /// When it cannot be set up.
    #[must_use]
    #[track_caller]
    pub fn set_up() -> Self {
        Self::nowhere_yet().initialised()
    }

    /// A server of a tenant that runs.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn start_tenant() -> Self {
        let mut server = Self::nowhere_yet();
        let login = format!("https://{LOGIN}:{}", server.port(443));
        let organisation = ["--tenant", "corp.example", "--login", &login, "--json"];
        let text = run(&mut server.init_with(&organisation), "").succeeded();
        server.shown = serde_json::from_str(&text).expect("init --json prints JSON");
        server.serve();
        server
    }

    /// A server that runs on a network of its own, at the ports that everybody expects.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn start_on(network: &Network) -> Self {
        let mut server = Self::nowhere_yet_at(0).initialised();
        server.serve_on(network);
        server
    }

    /// A server that is set up in an empty PostgreSQL database, and does not run yet.
    ///
    /// # Panics
    /// When it cannot be set up.
    #[must_use]
    #[track_caller]
    pub fn set_up_in(database: &str) -> Self {
        let mut server = Self::nowhere_yet();
        let mut init = server.init();
        init.args(["--json", "--store", database]);
        let text = run(&mut init, "").succeeded();
        server.shown = serde_json::from_str(&text).expect("init --json prints JSON");
        server
    }

    /// Another server on the same database, as docs/postgresql.md has it made: with a copy of the root key and of the
    /// configuration, in which its name and its places are its own. It does not run yet.
    ///
    /// # Panics
    /// When there is no room.
    #[must_use]
    pub fn joined_by(&self, host: &str) -> Self {
        let mut other = Self::nowhere_yet();
        other.shown = self.shown.clone();
        std::fs::create_dir(&other.data).expect("there is room for a folder");
        // With their modes.
        for name in ["keyporch-roots.pem", "data/root.key"] {
            std::fs::copy(self.path(name), other.path(name)).expect("there is room for a file");
        }
        let path = |server: &Self| server.folder.path().display().to_string();
        let mut text = std::fs::read_to_string(self.config())
            .expect("init wrote a configuration")
            .replace(&path(self), &path(&other))
            .replace("\"dc1.corp.example\"", &format!("{host:?}"));
        for port in PORTS.into_iter().chain([389, 636]) {
            let listens = |server: &Self| format!("\"127.0.0.1:{}\"", server.port(port));
            text = text.replace(&listens(self), &listens(&other));
        }
        std::fs::write(other.config(), text).expect("there is room for a file");
        other
    }

    /// Starts it on a network of its own and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends before that.
    #[track_caller]
    pub fn serve_on(&mut self, network: &Network) {
        let command = network.command(&self.keyporchd("serve"));
        self.serve_by(command);
    }

    #[track_caller]
    fn initialised(mut self) -> Self {
        let server = &mut self;
        let text = run(server.init().arg("--json"), "").succeeded();
        server.shown = serde_json::from_str(&text).expect("init --json prints JSON");
        self
    }

    /// A server that runs.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let mut server = Self::set_up();
        server.serve();
        server
    }

    /// `keyporchd init` for this server.
    #[must_use]
    pub fn init(&self) -> Command {
        self.init_with(&["--domain", "corp.example", "--host", "dc1.corp.example"])
    }

    fn init_with(&self, organisation: &[&str]) -> Command {
        let mut command = Command::new(binary("keyporchd"));
        command
            .arg("init")
            .args(organisation)
            .args([
                "--address",
                "127.0.0.1",
                "--port-offset",
                &self.offset.to_string(),
            ])
            .arg("--config")
            .arg(self.config())
            .arg("--data")
            .arg(&self.data);
        command
    }

    /// `keyporchd COMMAND` with this server's configuration.
    #[must_use]
    pub fn keyporchd(&self, command: &str) -> Command {
        let mut started = Command::new(binary("keyporchd"));
        started.arg(command).arg("--config").arg(self.config());
        started
    }

    /// `keyporchd serve`, which must end by itself.
    #[track_caller]
    pub fn does_not_start(&self) -> Finished {
        run(&mut self.keyporchd("serve"), "")
    }

    /// Starts it and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends before that.
    #[track_caller]
    pub fn serve(&mut self) {
        let command = self.keyporchd("serve");
        self.serve_by(command);
    }

    /// Starts it by another command that ends in `keyporchd serve`.
    ///
    /// # Panics
    /// When it ends before it is ready.
    #[track_caller]
    pub fn serve_by(&mut self, mut command: Command) {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("keyporchd starts");
        let mut lines = BufReader::new(child.stderr.take().expect("standard error was piped"));
        let said = Arc::new(Mutex::new(String::new()));
        if !read_until(&mut lines, &said, " ready ") {
            let status = child.wait();
            panic!(
                "the server ended before it was ready ({status:?}):\n{}",
                text(&said)
            );
        }
        let log = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            read_until(&mut lines, &log, "\0");
        });
        self.serving = Some(Serving {
            child,
            said,
            reader: Some(reader),
        });
    }

    /// The process's id.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.serving.as_ref().expect("the server runs").child.id()
    }

    /// What it has said on standard error until now.
    #[must_use]
    pub fn said(&self) -> String {
        self.serving
            .as_ref()
            .map(|serving| text(&serving.said))
            .unwrap_or_default()
    }

    /// Stops it by a signal and waits for its end: how it ended, and what it had said.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn end_by(&mut self, signal: &str) -> (ExitStatus, String) {
        let mut serving = self.serving.take().expect("the server runs");
        let pid = serving.child.id().to_string();
        run(Command::new("kill").args([signal, &pid]), "").succeeded();
        let status = serving.child.wait().expect("a child can be waited for");
        if let Some(reader) = serving.reader.take() {
            let _ = reader.join();
        }
        (status, text(&serving.said))
    }

    /// A path in the server's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the folder of its data.
    #[must_use]
    pub fn data(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path("keyporch.toml")
    }

    /// Changes its configuration.
    ///
    /// # Panics
    /// When the edit changes nothing.
    #[track_caller]
    pub fn configure(&self, edit: impl FnOnce(&str) -> String) {
        let written = std::fs::read_to_string(self.config()).expect("init wrote a configuration");
        let edited = edit(&written);
        assert_ne!(written, edited, "the edit of keyporch.toml changed nothing");
        std::fs::write(self.config(), edited).expect("there is room for a file");
    }

    /// One of its ports.
    #[must_use]
    pub fn port(&self, standard: u16) -> u16 {
        standard + self.offset
    }

    /// What `init` showed, by its JSON pointer.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    #[track_caller]
    pub fn shown(&self, pointer: &str) -> &str {
        let value = self.shown.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("init showed no {pointer}: {:#}", self.shown))
    }

    /// `keyporch admin` by the server's own socket.
    #[track_caller]
    pub fn admin(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(binary("keyporch"));
        command
            .arg("--socket")
            .arg(self.data("admin.sock"))
            .arg("admin")
            .args(arguments);
        run(&mut command, "")
    }

    /// The same, with `--json`.
    ///
    /// # Panics
    /// When it fails, or prints no JSON.
    #[track_caller]
    pub fn admin_json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let text = self.admin(&all).succeeded();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}):\n{text}"))
    }

    /// Lets people enrol.
    #[track_caller]
    pub fn let_people_enrol(&self) {
        self.admin(&["policy", "set", "UsePassportForWork", "true"])
            .succeeded();
    }

    /// Adds a person whose first password may stay.
    #[track_caller]
    pub fn add_person(&self, name: &str, password: &str) {
        let file = self.file(&format!("{name}.password"), password);
        self.admin(&[
            "user",
            "add",
            name,
            "--keep-password",
            "--password-file",
            &file,
        ])
        .succeeded();
    }

    /// Adds a person who has to choose a password at the first sign-in.
    #[track_caller]
    pub fn add_person_who_chooses(&self, name: &str, first_password: &str) {
        let file = self.file(&format!("{name}.password"), first_password);
        self.admin(&["user", "add", name, "--password-file", &file])
            .succeeded();
    }

    /// Writes a file for a program to read: its path.
    ///
    /// # Panics
    /// When there is no room.
    #[must_use]
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("there is room for a file");
        path.to_str().expect("a temporary path is text").to_owned()
    }

    /// A device that has its own state and has not joined.
    #[must_use]
    pub fn device(&self, name: &str) -> Device {
        self.device_kept_in(name, name)
    }

    /// A device of that name whose state is in another folder.
    #[must_use]
    pub fn device_kept_in(&self, name: &str, folder: &str) -> Device {
        Device {
            name: name.to_owned(),
            state: self.path(&format!("{folder}.state")),
            scratch: self.folder.path().to_owned(),
            base: format!("https://{FEDERATION}:{}", self.port(443)),
            administrator: self.shown("/administrator/upn").to_owned(),
            password: self.shown("/administrator/password").to_owned(),
        }
    }

    /// MIT's tools with this server as their KDC, and a cache of that name.
    ///
    /// # Panics
    /// When there is no room.
    #[must_use]
    pub fn krb5(&self, cache: &str) -> Krb5 {
        let text = format!(
            "[libdefaults]\n default_realm = CORP.EXAMPLE\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
             dns_canonicalize_hostname = false\n rdns = false\n[realms]\n CORP.EXAMPLE = {{\n  kdc = 127.0.0.1:{}\n  \
             kpasswd_server = 127.0.0.1:{}\n  pkinit_anchors = FILE:{}\n }}\n[domain_realm]\n .corp.example = CORP.EXAMPLE\n",
            self.port(88),
            self.port(464),
            self.path("keyporch-roots.pem").display(),
        );
        Krb5::new(Path::new(&self.file("krb5.conf", &text)), &self.path(cache))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(serving) = &mut self.serving {
            let _ = serving.child.kill();
            let _ = serving.child.wait();
        }
    }
}

/// A person's machine.
pub struct Device {
    name: String,
    state: PathBuf,
    scratch: PathBuf,
    base: String,
    administrator: String,
    password: String,
}

impl Device {
    /// `keyporch` on this device.
    #[track_caller]
    pub fn keyporch(&self, arguments: &[&str], input: &str) -> Finished {
        run(&mut self.command(arguments), input)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("keyporch"));
        command.arg("--state").arg(&self.state).args(arguments);
        command
    }

    /// Joins it as the first administrator, with a code of that person's authenticator.
    #[track_caller]
    pub fn join(&self, code: &str, more: &[&str]) -> Finished {
        let arguments = self.joining(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.keyporch(&arguments, &format!("{}\n{code}\n", self.password))
    }

    /// Joins it as the first administrator, who has no second factor and sets one up.
    ///
    /// # Panics
    /// When the program does not run.
    #[track_caller]
    pub fn join_first_time(&self, code: impl Fn(&str) -> String, more: &[&str]) -> Finished {
        let arguments = self.joining(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.prompted(&arguments, &self.password, code).0
    }

    fn joining(&self, more: &[&str]) -> Vec<String> {
        let path = |name: &str| self.scratch.join(name).display().to_string();
        let (roots, hosts) = (path("keyporch-roots.pem"), path("hosts"));
        let mut arguments = vec!["join", "corp.example", "--server", &self.base];
        arguments.extend(["--roots", &roots, "--hosts", &hosts, "--name", &self.name]);
        arguments.extend(["--user", &self.administrator, "--password-file", "-"]);
        arguments.extend(["--code-file", "-"]);
        arguments.extend(more);
        arguments.into_iter().map(str::to_owned).collect()
    }

    /// Enrols somebody who has no second factor and sets one up: gives its secret too.
    ///
    /// # Panics
    /// When the program does not run.
    #[track_caller]
    pub fn enrol(
        &self,
        upn: &str,
        password: &str,
        pin_file: &str,
        code: impl Fn(&str) -> String,
        more: &[&str],
    ) -> (Finished, String) {
        let mut arguments = vec!["enroll", "--user", upn, "--pin-file", pin_file, "--yes"];
        arguments.extend(["--password-file", "-", "--code-file", "-"]);
        arguments.extend(more);
        self.prompted(&arguments, password, code)
    }

    /// `keyporch` with a person who types a password and then, of the secret that is shown, the code that an
    /// authenticator would show.
    #[track_caller]
    fn prompted(
        &self,
        arguments: &[&str],
        password: &str,
        code: impl Fn(&str) -> String,
    ) -> (Finished, String) {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("keyporch starts");
        let mut typed = child.stdin.take();
        let mut said = BufReader::new(child.stderr.take().expect("standard error was piped"));
        if let Some(input) = &mut typed {
            let _ = writeln!(input, "{password}");
        }
        let (mut text, mut secret, mut line) = (String::new(), String::new(), String::new());
        while said.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some((_, shown)) = line.split_once("type the secret ") {
                secret = shown.split_whitespace().collect();
                if let Some(mut input) = typed.take() {
                    let _ = writeln!(input, "{}", code(&secret));
                }
            }
            text.push_str(&line);
            line.clear();
        }
        drop(typed);
        let output = child.wait_with_output().expect("a child can be waited for");
        let finished = Finished {
            ok: output.status.success(),
            code: output.status.code(),
            text: format!("{}{text}", String::from_utf8_lossy(&output.stdout)),
        };
        (finished, secret)
    }

    /// Signs in with the PIN of a file, into a credential cache.
    #[track_caller]
    pub fn sign_in(&self, upn: &str, pin_file: &str, cache: &Path) -> Finished {
        let cache = cache.display().to_string();
        self.keyporch(
            &[
                "sign-in",
                "--user",
                upn,
                "--pin-file",
                pin_file,
                "--ccache",
                &cache,
            ],
            "",
        )
    }
}

/// Reads lines until one holds the words, and keeps them all; `false` at the end.
fn read_until(lines: &mut BufReader<ChildStderr>, said: &Mutex<String>, words: &str) -> bool {
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
        let found = line.contains(words);
        said.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(&line);
        line.clear();
        if found {
            return true;
        }
    }
    false
}

fn text(said: &Mutex<String>) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A `--port-offset` with which nobody listens anywhere, below the ports that the system gives out. Where it begins to
/// look differs from process to process, and within one from server to server: what was found is free until the server
/// starts, and while it is started again.
fn free_offset() -> u16 {
    const FIRST: u32 = 10_000;
    const OFFSETS: u32 = 13_000;
    static SERVERS: AtomicU32 = AtomicU32::new(0);
    let server = SERVERS.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id().wrapping_mul(2_654_435_761);
    let begin = process.wrapping_add(server.wrapping_mul(1_009));
    let offsets = (0..OFFSETS).map(|step| FIRST + begin.wrapping_add(step * 7) % OFFSETS);
    let free = |offset: &u16| {
        PORTS.iter().all(|port| {
            let address = (Ipv4Addr::LOCALHOST, port + offset);
            TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
        })
    };
    offsets
        .filter_map(|offset| u16::try_from(offset).ok())
        .find(free)
        .expect("some ports are free")
}
