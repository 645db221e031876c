//! Heimdal's clients, unpacked beside MIT's: their Debian packages exclude each other.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Finished, Krb5, run};

/// Heimdal's tools with a configuration and a credential cache of their own.
pub struct Heimdal {
    folder: PathBuf,
    configuration: PathBuf,
    cache: PathBuf,
    environment: Vec<(String, String)>,
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
            environment: Vec::new(),
        }
    }

    /// Set up as MIT's tools are, with the same cache. To sign in with a key it agrees in a group of 1024 bits, as it does
    /// where nobody has told it otherwise.
    #[must_use]
    #[track_caller]
    pub fn beside(krb5: &Krb5) -> Self {
        Self::new(krb5.configuration(), krb5.cache())
    }

    /// Told to agree in a group of more than 1,500 bits: in its 2048.
    ///
    /// # Panics
    /// When there is no room for a file.
    #[must_use]
    #[track_caller]
    pub fn in_2048_bits(self) -> Self {
        self.configured("[libdefaults]\n pkinit_dh_min_bits = 1500")
    }

    /// With more of `[libdefaults]`: the text stands in the place of its heading.
    ///
    /// # Panics
    /// When there is no room for a file.
    #[must_use]
    #[track_caller]
    pub fn configured(mut self, defaults: &str) -> Self {
        let written = std::fs::read_to_string(&self.configuration).expect("krb5.conf is there");
        let edited = written.replacen("[libdefaults]", defaults, 1);
        assert_ne!(written, edited, "the edit of krb5.conf changed nothing");
        self.configuration = self.cache.with_extension("heimdal.conf");
        std::fs::write(&self.configuration, edited).expect("there is room for a file");
        self
    }

    /// With one more variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
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
            .env("LC_ALL", "C")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
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

    /// `kinit` with a certificate and a private key, and more arguments.
    #[track_caller]
    pub fn kinit_with_key(&self, more: &[&str], certificate: &Path, key: &Path) -> Finished {
        let identity = format!("FILE:{},{}", certificate.display(), key.display());
        let mut arguments = vec!["-C", &identity];
        arguments.extend(more);
        run(&mut self.command("kinit.heimdal", &arguments), "")
    }

    /// `kinit -R`: the ticket of the cache, renewed.
    #[track_caller]
    pub fn renew(&self) -> Finished {
        run(&mut self.command("kinit.heimdal", &["-R"]), "")
    }

    /// `klist -v`: every ticket of the cache, with its times and flags.
    #[track_caller]
    pub fn klist(&self) -> Finished {
        run(&mut self.command("heimtools", &["klist", "-v"]), "")
    }

    /// `kpasswd` with the present password and a new one, which it asks for twice. It ends well where the new password was
    /// refused, too.
    #[track_caller]
    pub fn kpasswd(&self, name: &str, password: &str, new: &str) -> Finished {
        let typed = format!("{password}\n{new}\n{new}\n");
        run(&mut self.command("kpasswd.heimdal", &[name]), &typed)
    }

    /// `kpasswd --cache`: another's new password, with the ticket of the cache (RFC 3244's set). It ends well where the new
    /// password was refused, too.
    #[track_caller]
    pub fn set_password(&self, name: &str, new: &str) -> Finished {
        let cache = format!("--cache=FILE:{}", self.cache.display());
        let typed = format!("{new}\n{new}\n");
        run(
            &mut self.command("kpasswd.heimdal", &[&cache, name]),
            &typed,
        )
    }

    /// `kgetcred` for a service.
    #[track_caller]
    pub fn kgetcred(&self, service: &str) -> Finished {
        run(&mut self.command("kgetcred", &[service]), "")
    }
}
