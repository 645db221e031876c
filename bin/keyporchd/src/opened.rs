//! Opening the directory, in a file or in a database.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directory::storage::{Storage, StorageError};
use directory::{Directory, Fault, Options, RootKey};
use store::{Address, Beside, Postgres, PostgresOptions, Sqlite};
use trust::{SystemClock, SystemRng};
use zeroize::Zeroizing;

use crate::config::{Config, Store};
use crate::report::{FAILED, Failure, REFUSED};

/// Where a directory is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A file on this machine, for one server.
    File(PathBuf),
    /// A PostgreSQL database, for several.
    Database {
        /// Where it is, with the password.
        address: Box<Address>,
        /// What this server is called there.
        node: String,
        /// How many connections read it.
        connections: usize,
    },
}

impl Place {
    /// A database by its URL. Relative files in it are relative to `folder`; the password comes from a file where one is
    /// named.
    pub(crate) fn database(
        url: &str,
        folder: &Path,
        password: Option<&Path>,
        node: &str,
        connections: Option<usize>,
    ) -> Result<Self, Failure> {
        let address = Address::parse(url).map_err(|error| {
            let remedy = "Give one such as postgresql://keyporch@db.corp.example/keyporch.";
            Failure::new(&error, remedy, REFUSED)
        })?;
        let address = address.within(folder);
        Ok(Self::Database {
            address: Box::new(match password {
                Some(file) => address.with_password(&read_password(file)?),
                None => address,
            }),
            node: node.to_ascii_lowercase(),
            connections: connections.unwrap_or(PostgresOptions::default().readers),
        })
    }

    /// In words, for messages.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Database { address, .. } => address.name().to_owned(),
        }
    }

    /// The rows in it. Where there is no store, one is made if `make` says so.
    pub(crate) fn storage(&self, make: bool) -> Result<Arc<dyn Storage>, Failure> {
        match self {
            Self::File(path) => {
                if !make {
                    must_be_a_file(path)?;
                }
                let options = store::Options::default();
                let opened = Sqlite::open(path, Arc::new(SystemClock), &options);
                Ok(Arc::new(opened.map_err(|error| of_storage(&error))?))
            }
            Self::Database { .. } => Ok(Arc::new(self.postgres(make)?)),
        }
    }

    /// The database, where the place is one.
    pub(crate) fn postgres(&self, make: bool) -> Result<Postgres, Failure> {
        let Self::Database {
            address,
            connections,
            ..
        } = self
        else {
            let what = format!("{} is no database", self.shown());
            return Err(Failure::said(what, "Give a database.", REFUSED));
        };
        let options = PostgresOptions {
            readers: *connections,
            make,
        };
        Postgres::open(address, Arc::new(SystemClock), &mut SystemRng, &options)
            .map_err(|error| of_storage(&error))
    }

    /// How the directory in it is opened.
    pub(crate) fn options(&self) -> Options {
        Options {
            node: match self {
                Self::File(_) => None,
                Self::Database { node, .. } => Some(node.clone()),
            },
            ..Options::default()
        }
    }
}

/// The directory in a store that is there already: a server that is started never makes one, since an empty store in
/// the place of a disk that was not mounted would be believed.
pub(crate) fn existing(place: &Place, root_key: RootKey) -> Result<Arc<Directory>, Failure> {
    open(place, place.storage(false)?, root_key)
}

fn must_be_a_file(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::said(
        format!("there is no store {}", path.display()),
        "Mount the disk that holds it or restore it from a backup; a new server is set up with `keyporchd init`.",
        REFUSED,
    ))
}

/// The directory in the store of a place, which is made where there is none.
pub(crate) fn directory(place: &Place, root_key: RootKey) -> Result<Arc<Directory>, Failure> {
    open(place, place.storage(true)?, root_key)
}

/// The directory in the rows of a place.
pub(crate) fn open(
    place: &Place,
    storage: Arc<dyn Storage>,
    root_key: RootKey,
) -> Result<Arc<Directory>, Failure> {
    let opened = Directory::open(storage, root_key, place.options(), Box::new(SystemRng));
    opened.map(Arc::new).map_err(|fault| match &fault {
        Fault::Storage(error) => of_storage(error),
        Fault::RootKey => other_root_key(&place.shown()),
        other => Failure::new(other, "Restore the store from a backup.", FAILED),
    })
}

fn other_root_key(store: &str) -> Failure {
    Failure::said(
        format!("the store {store} was written under another root key"),
        "Give the root key that belongs to this store as root_key under [store].",
        REFUSED,
    )
}

/// What the server of a configuration is made of.
pub(crate) fn parts(config: &Config, directory: Arc<Directory>) -> serve::Parts {
    match &config.tenant {
        Some(tenant) => serve::Parts::of_tenant(directory, tenant.section()),
        None => serve::Parts::new(directory),
    }
}

/// The rows of a store that is there, for whoever reads them beside the server that serves from it.
pub(crate) fn beside(store: &Store) -> Result<Arc<dyn Storage>, Failure> {
    let place = store.place("")?;
    match &place {
        Place::File(path) => {
            must_be_a_file(path)?;
            let options = store::Options::default();
            let opened = Beside::open(path, Arc::new(SystemClock), &options);
            Ok(Arc::new(opened.map_err(|error| of_storage(&error))?))
        }
        Place::Database { .. } => place.storage(false),
    }
}

/// What a store's directory met when it was opened or read.
pub(crate) fn of_fault(fault: &Fault, store: &Store) -> Failure {
    match fault {
        Fault::Storage(error) => of_storage(error),
        Fault::RootKey => other_root_key(&store.shown()),
        other => Failure::new(other, "Restore the store from a backup.", FAILED),
    }
}

/// The store's trouble, with what to do about it.
pub(crate) fn of_storage(error: &StorageError) -> Failure {
    let (remedy, code) = match error {
        StorageError::Busy(_) => (
            "Stop the other server, or give this one a store of its own; a database: see what it is busy with.",
            FAILED,
        ),
        StorageError::ReadOnly(_) => (
            "Give the service's user the right to write the store and its folder, or its role the database (docs/postgresql.md).",
            FAILED,
        ),
        StorageError::Full(_) => (
            "Free some space and start again: nothing that was acknowledged is lost.",
            FAILED,
        ),
        StorageError::Newer(_) => (
            "Start the version that wrote it, or a newer one. The store was not touched.",
            REFUSED,
        ),
        StorageError::Corrupt(_) => ("Restore the store from a backup.", FAILED),
        _ => (
            "Check that the folder of the store exists and belongs to the service's user; a database: that it runs, and \
             that url under [store] is right.",
            FAILED,
        ),
    };
    // The store's own words name it already.
    Failure::said(error.to_string(), remedy, code)
}

/// The password in a file, for the service's user alone.
fn read_password(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        Failure::said(
            format!("the database's password {shown} cannot be read: {error}"),
            "Give the service's user the right to read it.",
            FAILED,
        )
    };
    if fs::metadata(path).map_err(unreadable)?.mode() & 0o077 != 0 {
        return Err(Failure::said(
            format!("the database's password {shown} can be read by other users"),
            format!(
                "Run `chmod 600 {shown}`, and change the password if somebody may have read it."
            ),
            REFUSED,
        ));
    }
    let text = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(unreadable)?;
    let password = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(password.to_owned()))
}
