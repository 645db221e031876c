//! Putting one database in the place of another.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use directory::storage::StorageError;
use rusqlite::{Connection, OpenFlags};

use super::{error, open};

/// A place for a database, kept free of servers as long as this is held.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes the place at `path`, whether or not there is a database.
    ///
    /// # Errors
    /// [`StorageError::Busy`] when a server has it open; others when its folder cannot be written.
    pub fn hold(path: &Path) -> Result<Self, StorageError> {
        Ok(Self {
            path: path.to_owned(),
            _lock: open::lock(path)?,
        })
    }

    /// Puts the database at `new`, which nobody has open, into the place, and keeps the one that was there as `aside`,
    /// which must not exist. After a crash at any instant one of the two is in the place, whole.
    ///
    /// # Errors
    /// [`StorageError`]; what was in the place is still there.
    pub fn put(&self, new: &Path, aside: &Path) -> Result<(), StorageError> {
        settle(new)?;
        let done = |what: &'static str, path: &Path, result: io::Result<()>| {
            result.map_err(|cause| error::of_io(what, &cause, path))
        };
        done("write", new, open::make_durable(new))?;
        if self.path.exists() {
            // A database that is damaged may not settle. Its log then goes aside with it.
            let settled = settle(&self.path);
            if let Err(busy @ StorageError::Busy(_)) = settled {
                return Err(busy);
            }
            for suffix in ["-wal", "-shm"] {
                let (from, to) = (beside(&self.path, suffix), beside(aside, suffix));
                if settled.is_err() && suffix == "-wal" && from.exists() {
                    done("keep", &from, fs::rename(&from, &to))?;
                } else {
                    done("remove", &from, remove(&from))?;
                }
            }
            done("keep", &self.path, fs::hard_link(&self.path, aside))?;
            done("keep", aside, open::sync_directory(open::parent(aside)))?;
        }
        done("put in place", &self.path, fs::rename(new, &self.path))?;
        let folder = open::parent(&self.path);
        done("put in place", &self.path, open::sync_directory(folder))?;
        for suffix in ["-wal", "-shm", ".lock"] {
            let _ = remove(&beside(new, suffix));
        }
        Ok(())
    }

    /// Removes what an earlier attempt has left at `new`.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be removed.
    pub fn clear(&self, new: &Path) -> Result<(), StorageError> {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let path = beside(new, suffix);
            remove(&path).map_err(|cause| error::of_io("remove", &cause, &path))?;
        }
        Ok(())
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Works a database's log into it, so that the file is all there is.
fn settle(path: &Path) -> Result<(), StorageError> {
    let work = || -> rusqlite::Result<bool> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "synchronous", "full")?;
        let busy: i32 =
            connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
        Ok(busy != 0)
    };
    let busy = work().map_err(|cause| error::of(&cause, path))?;
    let log = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    if busy || log {
        return Err(StorageError::Busy(format!(
            "another program reads the store {}; wait until it ends",
            path.display()
        )));
    }
    Ok(())
}
