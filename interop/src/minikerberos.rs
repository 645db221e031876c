//! minikerberos, a client in Python that signs in with a key as old clients do: agreement in the group of 1024 bits, a
//! signature over SHA-1, a nonce that it wants answered.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Finished, run};

/// Its programs, for a realm whose KDC is at one address.
pub struct Minikerberos {
    python: PathBuf,
    kdc: String,
}

/// By what somebody signs in.
pub enum Secret<'a> {
    /// A password.
    Password(&'a str),
    /// A key for RC4, in hexadecimal: all that the client then offers.
    Rc4(&'a str),
    /// A PKCS #12 file under the password `pw`.
    Pkcs12(&'a Path),
}

impl Minikerberos {
    /// For the KDC at this address with its port, by TCP.
    ///
    /// # Panics
    /// When it is not installed.
    #[must_use]
    #[track_caller]
    pub fn new(kdc: &str) -> Self {
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
        Self {
            python,
            kdc: kdc.to_owned(),
        }
    }

    /// A ticket-granting ticket, kept in a credential cache.
    ///
    /// # Panics
    /// When the program does not run.
    #[track_caller]
    pub fn tgt(&self, name: &str, secret: &Secret<'_>, cache: &Path) -> Finished {
        let (url, path) = (self.url(name, secret), cache.display().to_string());
        let done = self.run(&["getTGT", "--ccache", &path, &url]);
        if done.ok {
            // It leaves it for everybody to read, and others take no such cache.
            let own = Permissions::from_mode(0o600);
            std::fs::set_permissions(cache, own).expect("the cache is there");
        }
        done
    }

    /// A ticket-granting ticket, and by it one for a service; both are kept.
    #[track_caller]
    pub fn service(
        &self,
        name: &str,
        secret: &Secret<'_>,
        service: &str,
        cache: &Path,
    ) -> Finished {
        let (url, cache) = (self.url(name, secret), cache.display().to_string());
        let service = format!("{service}@CORP.EXAMPLE");
        self.run(&["getTGS", "--ccache", &cache, &url, &service])
    }

    fn url(&self, name: &str, secret: &Secret<'_>) -> String {
        let kdc = &self.kdc;
        match secret {
            Secret::Password(password) => {
                format!("kerberos+password://corp.example\\{name}:{password}@{kdc}")
            }
            Secret::Rc4(key) => format!("kerberos+rc4://corp.example\\{name}:{key}@{kdc}"),
            Secret::Pkcs12(file) => format!(
                "kerberos+pfx://corp.example\\{name}:pw@{kdc}/?certdata={}",
                file.display()
            ),
        }
    }

    /// Runs one of its programs. It takes neither a shared secret nor a public value of ours that begins with a zero for
    /// what it is, which is about one in a hundred: what fails for no word of the KDC is tried again.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Finished {
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/python/client.py");
        let attempt = || {
            let mut command = Command::new(&self.python);
            command.args(["-I", client]).args(arguments);
            run(&mut command, "")
        };
        let settled = |done: &Finished| done.ok || done.text.contains("Error Name: K");
        let mut done = attempt();
        for _ in 0..3 {
            if settled(&done) {
                break;
            }
            done = attempt();
        }
        done
    }
}
