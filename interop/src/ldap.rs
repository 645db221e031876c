//! The directory, asked by other people's LDAP clients: OpenLDAP's programs and Python's `ldap3`.
//!
//! They run where the lab's names lead to loopback, as they would if DNS knew them: Kerberos asks for a service by its name,
//! and TLS shows one.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;
use crate::program::{Finished, Krb5, run};

/// What is done before a program begins: the names of the lab are put where programs look for names.
const PREPARE: &str = "\
mount --bind \"$1\" /etc/hosts
shift
exec \"$@\"";

/// The domain controller's name.
pub const DOMAIN_CONTROLLER: &str = "dc1.corp.example";

/// Clients with a configuration and a credential cache of their own.
pub struct Ldap<'l> {
    lab: &'l Lab,
    krb5: Krb5,
    environment: Vec<(String, String)>,
}

impl Lab {
    /// LDAP clients with a credential cache of that name.
    #[must_use]
    pub fn ldap(&self, cache: &str) -> Ldap<'_> {
        Ldap {
            lab: self,
            krb5: self.krb5(cache),
            environment: Vec::new(),
        }
    }

    /// LDAP clients with a ticket that the first person's enrolled key got.
    #[must_use]
    #[track_caller]
    pub fn ldap_by_key(&self, cache: &str) -> Ldap<'_> {
        let (ldap, person) = (self.ldap(cache), self.person());
        let signed_in = ldap
            .krb5
            .kinit_with_key(&person.sam, &person.certificate, &person.key);
        signed_in.succeeded();
        ldap
    }

    /// LDAP clients of an administrator who signed in by a key.
    #[must_use]
    #[track_caller]
    pub fn ldap_as_administrator(&self) -> Ldap<'_> {
        let name = self.person().sam;
        let add = ["admin", "group", "add-member", "Domain Admins", &name];
        self.keyporch(&add).succeeded();
        self.ldap_by_key("administrator")
    }
}

impl Ldap<'_> {
    /// With one more variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a client certificate.
    #[must_use]
    pub fn with_certificate(self, certificate: &Path, key: &Path) -> Self {
        self.with("LDAPTLS_CERT", &certificate.display().to_string())
            .with("LDAPTLS_KEY", &key.display().to_string())
    }

    /// MIT's tools with the same cache.
    #[must_use]
    pub fn krb5(&self) -> &Krb5 {
        &self.krb5
    }

    /// Where the directory answers, by its name.
    #[must_use]
    #[track_caller]
    pub fn plain(&self) -> String {
        self.url("/ldap/url")
    }

    /// Where it answers within TLS.
    #[must_use]
    #[track_caller]
    pub fn tls(&self) -> String {
        self.url("/ldap/tls_url")
    }

    /// The file of the root certificates that its certificate leads to.
    #[must_use]
    #[track_caller]
    pub fn roots(&self) -> String {
        self.lab.text("/root_pem").to_owned()
    }

    #[track_caller]
    fn url(&self, pointer: &str) -> String {
        let url = self.lab.text(pointer);
        url.replace("127.0.0.1", DOMAIN_CONTROLLER)
    }

    /// Runs a program.
    #[track_caller]
    pub fn run(&self, program: &str, arguments: &[&str], input: &str) -> Finished {
        run(&mut self.command(program, arguments), input)
    }

    /// Runs one of OpenLDAP's programs with the ticket, sealed by GSSAPI.
    #[track_caller]
    pub fn ask(&self, program: &str, arguments: &[&str], input: &str) -> Finished {
        let url = self.plain();
        let with = ["-Q", "-N", "-Y", "GSSAPI", "-H", &url];
        self.run(program, &[&with, arguments].concat(), input)
    }

    /// What `ldapsearch` finds with the ticket, as LDIF without comments.
    #[track_caller]
    pub fn find(&self, arguments: &[&str]) -> Finished {
        let plainly = ["-LLL", "-o", "ldif_wrap=no"];
        self.ask("ldapsearch", &[&plainly, arguments].concat(), "")
    }

    /// Runs one of OpenLDAP's programs with a name and a password.
    #[track_caller]
    pub fn by_password(
        &self,
        program: &str,
        (name, password): (&str, &str),
        more: &[&str],
    ) -> Finished {
        let with = ["-x", "-D", name, "-w", password];
        self.run(program, &[&with, more].concat(), "")
    }

    /// Runs `interop/python/NAME` where `ldap3` is installed.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn python(&self, name: &str, arguments: &[&str], input: &str) -> Finished {
        run(&mut self.python_command(name, arguments), input)
    }

    /// The same, to be started by whoever wants to speak to it while it runs.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    #[track_caller]
    pub fn python_command(&self, name: &str, arguments: &[&str]) -> Command {
        // The tests' own binary lies in target/PROFILE/deps, the environment in target/python-clients.
        let own = std::env::current_exe().expect("a test knows its path");
        let target = own
            .ancestors()
            .nth(3)
            .expect("it lies in a build directory");
        let python = target.join("python-clients/bin/python");
        assert!(
            python.exists(),
            "{} is missing: `cargo xtask packages` installs it",
            python.display()
        );
        let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "python", name]
            .iter()
            .collect();
        let (python, script) = (python.display().to_string(), script.display().to_string());
        let before = ["-I", &script];
        self.command(&python, &[&before, arguments].concat())
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "sh",
                "-ec",
                PREPARE,
                "sh",
                self.lab.text("/hosts"),
            ])
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C")
            // Nobody's own settings.
            .env("HOME", self.lab.scratch())
            .env("KRB5_CONFIG", self.krb5.configuration())
            .env(
                "KRB5CCNAME",
                format!("FILE:{}", self.krb5.cache().display()),
            )
            .env("LDAPTLS_CACERT", self.lab.text("/root_pem"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}
