//! `[store]`: where the directory is on disk.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use store::Address;

use crate::mistake::Mistake;
use crate::opened::Place;
use crate::report::Failure;

/// `[store]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// The directory in a file.
    pub(crate) file: Option<PathBuf>,
    /// The directory in a PostgreSQL database, in place of a file.
    pub(crate) url: Option<Url>,
    /// A file with the password for the database.
    pub(crate) password_file: Option<PathBuf>,
    /// What this server is called in the database; by default the KDC's name.
    pub(crate) node: Option<String>,
    /// How many connections read the database.
    pub(crate) connections: Option<usize>,
    /// The key that everything secret in it is wrapped under.
    pub(crate) root_key: PathBuf,
}

impl Store {
    /// Where the directory is; `node` is what this server is called in a database.
    pub(crate) fn place(&self, node: &str) -> Result<Place, Failure> {
        let Some(url) = &self.url else {
            return Ok(Place::File(self.file.clone().unwrap_or_default()));
        };
        let folder = self.root_key.parent().unwrap_or(Path::new(""));
        let password = self.password_file.as_deref();
        Place::database(&url.0, folder, password, node, self.connections)
    }

    /// The store in words, for messages.
    pub(crate) fn shown(&self) -> String {
        match &self.url {
            Some(url) => Address::parse(&url.0)
                .map_or_else(|_| String::new(), |address| address.name().to_owned()),
            None => self.file.clone().unwrap_or_default().display().to_string(),
        }
    }

    /// Whether the password of the database stands in its URL.
    pub(super) fn holds_a_password(&self) -> bool {
        let url = self.url.as_ref();
        let address = url.and_then(|url| Address::parse(&url.0).ok());
        address.is_some_and(|address| address.has_password())
    }

    /// A file or a database, and what belongs to it.
    pub(super) fn check(&self, path: &Path, text: &str) -> Result<(), Mistake> {
        let at = |key, what: String, remedy: &str| {
            Err(Mistake::at(path, text, "store", key, what, remedy))
        };
        match (&self.file, &self.url) {
            (None, None) => {
                return at(
                    "root_key",
                    "the setting file is missing".to_owned(),
                    "Add a line `file = …`, or `url = …` for a PostgreSQL database; keyporch.example.toml shows how.",
                );
            }
            (Some(_), Some(_)) => {
                return at(
                    "url",
                    "the store is in a file or in a database, and both are given".to_owned(),
                    "Remove one of file and url.",
                );
            }
            (None, Some(url)) => {
                if let Err(error) = Address::parse(&url.0) {
                    let remedy =
                        "Give one such as \"postgresql://keyporch@db.corp.example/keyporch\".";
                    return at("url", error.to_string(), remedy);
                }
            }
            (Some(_), None) => {
                let others = [
                    ("password_file", self.password_file.is_some()),
                    ("node", self.node.is_some()),
                    ("connections", self.connections.is_some()),
                ];
                if let Some((key, _)) = others.into_iter().find(|(_, given)| *given) {
                    let what = format!("{key} belongs to a database, and the store is in a file");
                    return at(key, what, "Remove it.");
                }
            }
        }
        Ok(())
    }
}

/// A URL, which may hold a password.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Url(pub(crate) String);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Url(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::super::tests::{EXAMPLE, mistake};
    use super::Place;

    #[test]
    fn the_store_is_a_file_or_a_database_and_its_password_is_shown_to_nobody() {
        const FILE: &str = "file = \"/var/lib/keyporch/directory.sqlite\"";
        const URL: &str = "url = \"postgresql://keyporch:s3cr3t@db.corp.example/keyporch\"";
        let with = |store: &str| EXAMPLE.replacen(FILE, store, 1);
        assert_ne!(with(""), EXAMPLE);
        let both = format!("{FILE}\n{URL}");
        let bare = URL.replace("postgresql:", "mysql:");
        let weak = URL.replace("keyporch\"", "keyporch?sslmode=require\"");
        let lone = format!("{FILE}\nnode = \"dc2.corp.example\"");
        for (store, said) in [
            ("", "the setting file is missing"),
            (both.as_str(), "both are given"),
            (bare.as_str(), "begins with postgresql://"),
            (weak.as_str(), "only verify-full and disable"),
            (lone.as_str(), "node belongs to a database"),
        ] {
            let mistake = mistake(&with(store));
            assert!(mistake.what.contains(said), "{store}: {mistake}");
            assert!(!mistake.to_string().contains("s3cr3t"), "{mistake}");
        }

        let path = Path::new("/etc/keyporch/keyporch.toml");
        let config = Config::parse(path, &with(URL)).unwrap();
        assert!(config.store.holds_a_password());
        assert!(!format!("{config:?}").contains("s3cr3t"));
        assert_eq!(config.store.shown(), "keyporch at db.corp.example");
        let Place::Database { node, .. } = config.place().unwrap() else {
            panic!("it is a database")
        };
        assert_eq!(node, "dc1.corp.example");

        // Whoever can read the file must be the only one.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyporch.toml");
        std::fs::write(&path, with(URL)).unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))
        };
        mode(0o644).unwrap();
        let mistake = Config::load(&path).unwrap_err();
        assert!(mistake.what.contains("other users can read"), "{mistake}");
        mode(0o600).unwrap();
        Config::load(&path).unwrap();
    }
}
