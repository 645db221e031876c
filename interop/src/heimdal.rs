//! Heimdal's clients, unpacked beside MIT's: their Debian packages exclude each other.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Finished, run};

/// Heimdal's tools with a configuration and a credential cache of their own.
pub struct Heimdal {
    folder: PathBuf,
    configuration: PathBuf,
    cache: PathBuf,
}

impl Heimdal {
    /// With this krb5.conf; `cache` is a path for the credential cache.
    ///
    /// # Panics
    /// When they are not unpacked.
    #[must_use]
    #[track_caller]
    pub fn new(configuration: &Path, cache: &Path) -> Self {
        // The tests' own binary lies in target/PROFILE/deps, Heimdal in target/heimdal.
        let own = std::env::current_exe().expect("a test knows its path");
        let target = own
            .ancestors()
            .nth(3)
            .expect("it lies in a build directory");
        let folder = target.join("heimdal/usr");
        assert!(
            folder.is_dir(),
            "{} is missing: `cargo xtask packages` unpacks it",
            folder.display()
        );
        Self {
            folder,
            configuration: configuration.to_owned(),
            cache: cache.to_owned(),
        }
    }

    /// The path of the credential cache, which MIT's tools read, too.
    #[must_use]
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.join("bin").join(program));
        command
            .args(arguments)
            .env("LD_LIBRARY_PATH", self.folder.join("lib/x86_64-linux-gnu"))
            .env("KRB5_CONFIG", &self.configuration)
            .env("KRB5CCNAME", format!("FILE:{}", self.cache.display()))
            .env("LC_ALL", "C");
        command
    }

    /// `kinit` with what is typed: a password, and a new one twice where it asks for one.
    #[track_caller]
    pub fn kinit(&self, arguments: &[&str], typed: &str) -> Finished {
        run(
            &mut self.command("kinit.heimdal", arguments),
            &format!("{typed}\n"),
        )
    }

    /// `kpasswd` with the present password and a new one, which it asks for twice. It ends well where the new password was
    /// refused, too.
    #[track_caller]
    pub fn kpasswd(&self, name: &str, password: &str, new: &str) -> Finished {
        let typed = format!("{password}\n{new}\n{new}\n");
        run(&mut self.command("kpasswd.heimdal", &[name]), &typed)
    }

    /// `kgetcred` for a service.
    #[track_caller]
    pub fn kgetcred(&self, service: &str) -> Finished {
        run(&mut self.command("kgetcred", &[service]), "")
    }
}
