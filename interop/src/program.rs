//! Running somebody else's program.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// How a program ended.
#[derive(Debug)]
pub struct Finished {
    /// Whether its exit code was 0.
    pub ok: bool,
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it printed, standard output first.
    pub text: String,
}

impl Finished {
    /// The text of a program that must have succeeded.
    ///
    /// # Panics
    /// When it did not, with what it said.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert!(self.ok, "failed:\n{}", self.text);
        self.text
    }

    /// The text of a program that must have failed with these words in its output.
    ///
    /// # Panics
    /// When it succeeded, or failed for another reason.
    #[track_caller]
    pub fn refused(self, words: &str) -> String {
        assert!(
            !self.ok,
            "succeeded, where it should have been refused:\n{}",
            self.text
        );
        assert!(
            self.text.contains(words),
            "refused, but not by {words:?}:\n{}",
            self.text
        );
        self.text
    }
}

/// Runs a program with these arguments and this standard input.
///
/// # Panics
/// When the program is not installed; says which Debian package has it.
#[track_caller]
pub fn run(command: &mut Command, input: &str) -> Finished {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!(
            "{name} does not run ({error}); `cargo xtask test` installs it: package {}",
            package(&name)
        )
    });
    let mut stdin = child.stdin.take().expect("standard input was piped");
    // A program that does not read its input may be gone already; its exit code tells.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("a child can be waited for");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    Finished {
        ok: status.success(),
        code: status.code(),
        text,
    }
}

fn package(program: &str) -> &'static str {
    match program {
        "kinit" | "klist" | "kvno" | "kdestroy" | "kpasswd" => "krb5-user",
        "gss-client" | "gss-server" => "krb5-gss-samples",
        "faketime" => "faketime",
        "openssl" => "openssl",
        "curl" => "curl",
        "unshare" | "mount" => {
            "util-linux (and ldap-utils, libsasl2-modules-gssapi-mit for what runs within)"
        }
        "chromedriver" => "chromium-driver",
        "script" => "bsdutils",
        _ => "unknown",
    }
}

/// MIT's tools with a configuration and a credential cache of their own.
pub struct Krb5 {
    configuration: PathBuf,
    cache: PathBuf,
    environment: Vec<(String, String)>,
}

impl Krb5 {
    /// With this krb5.conf; `cache` is a path for the credential cache.
    #[must_use]
    pub fn new(configuration: &Path, cache: &Path) -> Self {
        Self {
            configuration: configuration.to_owned(),
            cache: cache.to_owned(),
            environment: Vec::new(),
        }
    }

    /// With one more variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The path of krb5.conf.
    #[must_use]
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// The path of the credential cache.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// A command with the environment set.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("KRB5_CONFIG", &self.configuration)
            .env("KRB5CCNAME", format!("FILE:{}", self.cache.display()))
            .env("LC_ALL", "C")
            .env("KRB5_TRACE", "/dev/stderr")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `kinit` with a password on standard input.
    #[track_caller]
    pub fn kinit(&self, arguments: &[&str], password: &str) -> Finished {
        run(
            &mut self.command("kinit", arguments),
            &format!("{password}\n"),
        )
    }

    /// `kpasswd` with the present password and a new one, which it asks for twice.
    #[track_caller]
    pub fn kpasswd(&self, name: &str, password: &str, new: &str) -> Finished {
        let typed = format!("{password}\n{new}\n{new}\n");
        run(&mut self.command("kpasswd", &[name]), &typed)
    }

    /// `kinit` with a certificate and a private key.
    #[track_caller]
    pub fn kinit_with_key(&self, name: &str, certificate: &Path, key: &Path) -> Finished {
        let identity = format!(
            "X509_user_identity=FILE:{},{}",
            certificate.display(),
            key.display()
        );
        run(&mut self.command("kinit", &["-X", &identity, name]), "")
    }

    /// `kvno` for a service.
    #[track_caller]
    pub fn kvno(&self, arguments: &[&str]) -> Finished {
        run(&mut self.command("kvno", arguments), "")
    }

    /// `klist` with these arguments.
    #[track_caller]
    pub fn klist(&self, arguments: &[&str]) -> Finished {
        run(&mut self.command("klist", arguments), "")
    }
}

/// A program that runs while others speak to it.
/// It ends with the value.
pub struct Background {
    child: Option<std::process::Child>,
}

impl Background {
    /// Starts a server and waits until it listens on the TCP port.
    ///
    /// # Panics
    /// When it ends before that.
    #[track_caller]
    pub fn start(command: &mut Command, port: u16) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("{name} does not run ({error}): package {}", package(&name))
        });
        while !listens(port) {
            if let Ok(Some(status)) = child.try_wait() {
                let mut said = String::new();
                if let Some(mut error) = child.stderr.take() {
                    let _ = error.read_to_string(&mut said);
                }
                panic!("{name} ended ({status}) before it listened:\n{said}");
            }
            std::thread::yield_now();
        }
        Self { child: Some(child) }
    }

    /// Waits for its end and gives what it printed.
    ///
    /// # Panics
    /// When it cannot be waited for.
    #[must_use]
    pub fn finish(mut self) -> String {
        let child = self.child.take().expect("nothing else takes it");
        let output = child.wait_with_output().expect("a child can be waited for");
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether somebody listens on a port of loopback, by the kernel's table: a connection would be one more
/// client.
fn listens(port: u16) -> bool {
    let wanted = format!(":{port:04X} ");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        table.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().map(|local| format!("{local} "));
            local.is_some_and(|local| local.ends_with(&wanted)) && fields.nth(1) == Some("0A")
        })
    })
}

/// A TCP port of loopback that was free a moment ago.
///
/// # Panics
/// When none is.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// The library that fakes the time of a program, of Debian's package libfaketime.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn libfaketime() -> String {
    let path = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    assert!(
        Path::new(path).exists(),
        "{path} is missing: package libfaketime (`cargo xtask test` installs it)"
    );
    path.to_owned()
}
