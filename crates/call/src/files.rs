//! A folder of small files that are replaced whole: the device's state on disk.
//!
//! A crash at any instruction leaves the old content or the new one, never a part: a new content is
//! written beside, synced, renamed over, and the rename is synced with its folder.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Reading failed.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Writing failed; the old content stands.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is larger than anything that is kept here.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// Others may read or write the folder.
    #[error("{} is open to other users of this machine", path.display())]
    OpenToOthers {
        /// The folder.
        path: PathBuf,
    },
    /// Somebody else owns the folder, and can do with it what they like.
    #[error("{} belongs to another user of this machine", path.display())]
    OfAnother {
        /// The folder.
        path: PathBuf,
    },
    /// A name with a path in it.
    #[error("{name:?} is not a file name")]
    Name {
        /// The name.
        name: String,
    },
    /// Another process is changing the state.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The lock's file.
        path: PathBuf,
    },
}

/// The most that is read from one file, 4 MiB.
const LARGEST: u64 = 4 << 20;

/// A folder for one user alone (mode 0700), with files for that user alone (mode 0600).
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens the folder, and makes it where it is missing.
    ///
    /// # Errors
    /// When it cannot be made, or when others may look into it or own it: secrets kept there would be no secrets. Root
    /// may own every folder, being able to read it anyway.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FileFault> {
        let path = path.into();
        let write = |source| FileFault::Write {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(write)?;
        let metadata = fs::metadata(&path).map_err(|source| FileFault::Read {
            path: path.clone(),
            source,
        })?;
        if metadata.mode() & 0o077 != 0 {
            return Err(FileFault::OpenToOthers { path });
        }
        if !may_own(metadata.uid(), rustix::process::geteuid().as_raw()) {
            return Err(FileFault::OfAnother { path });
        }
        Ok(Self { path })
    }

    /// A folder within this one, made where it is missing.
    pub fn within(&self, name: &str) -> Result<Self, FileFault> {
        Self::open(self.file(name)?)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self, name: &str) -> Result<PathBuf, FileFault> {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        if plain {
            Ok(self.path.join(name))
        } else {
            Err(FileFault::Name {
                name: name.to_owned(),
            })
        }
    }

    /// The content of a file; `None` where there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FileFault> {
        read(&self.file(name)?)
    }

    /// Replaces the content of a file, durably, with mode 0600.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), FileFault> {
        write(&self.file(name)?, content, 0o600)
    }

    /// Removes a file, durably; one that is missing already is no error.
    pub fn remove(&self, name: &str) -> Result<(), FileFault> {
        let path = self.file(name)?;
        let failed = |source| FileFault::Write {
            path: path.clone(),
            source,
        };
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(&self.path).map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether the disk that holds the folder has no room left for `bytes` more: writes that much, and removes it
    /// again. Whoever notices a full disk first may not know that it is one.
    #[must_use]
    pub fn is_out_of_room(&self, bytes: usize) -> bool {
        const PROBE: &str = "room.probe";
        let probed = self.write(PROBE, &vec![1; bytes]);
        let _ = self.remove(PROBE);
        matches!(probed, Err(FileFault::Write { source, .. })
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// The names of the files in it, sorted.
    pub fn names(&self) -> Result<Vec<String>, FileFault> {
        let failed = |source| FileFault::Read {
            path: self.path.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(
                name.into_string()
                    .ok()
                    .filter(|name| !name.starts_with('.')),
            );
        }
        names.sort();
        Ok(names)
    }

    /// Keeps other processes out while this one changes several files; given back when dropped.
    pub fn lock(&self) -> Result<Lock, FileFault> {
        let path = self.path.join(".lock");
        let failed = |source| FileFault::Write {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(fs::TryLockError::WouldBlock) => Err(FileFault::Locked { path }),
            Err(fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Whether a folder of `owner` keeps the secrets of `user`.
const fn may_own(owner: u32, user: u32) -> bool {
    owner == user || owner == 0
}

/// The right to change a [`Folder`].
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held, so that the lock is held")] File);

/// The content of the file at `path`, 4 MiB at most; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileFault> {
    let failed = |source| FileFault::Read {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > LARGEST {
        return Err(FileFault::TooLarge {
            path: path.to_owned(),
            limit: LARGEST,
        });
    }
    Ok(Some(content))
}

/// Replaces the content of the file at `path` whole and durably, with the permissions `mode`.
pub fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), FileFault> {
    replace(path, content, mode).map_err(|source| FileFault::Write {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let beside = beside(path)?;
    let written = write_and_sync(&beside, content, mode).and_then(|()| fs::rename(&beside, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        return Err(error);
    }
    sync_folder(folder)
}

/// The name under which a new content is written before it takes the place of the old one.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(hidden))
}

fn write_and_sync(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    // What a crash of an earlier process with this number left behind goes first, so that `mode` holds.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path().join("state")).unwrap();
        (parent, folder)
    }

    #[test]
    fn what_was_written_is_read_and_is_for_its_user_alone() {
        let (_parent, folder) = folder();
        assert_eq!(folder.read("container.json").unwrap(), None);
        folder.write("container.json", b"first").unwrap();
        folder.write("container.json", b"second").unwrap();
        assert_eq!(
            folder.read("container.json").unwrap().as_deref(),
            Some(&b"second"[..])
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("container.json")), 0o600);
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(folder.names().unwrap(), ["container.json"]);
        folder.remove("container.json").unwrap();
        folder.remove("container.json").unwrap();
        assert_eq!(folder.names().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_folder_that_others_may_read_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("open");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            Folder::open(path),
            Err(FileFault::OpenToOthers { .. })
        ));
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        assert!(may_own(1000, 1000) && may_own(0, 1000) && may_own(0, 0));
        assert!(!may_own(1001, 1000) && !may_own(1000, 0));
        // Only root can give a folder away.
        let (_parent, folder) = folder();
        let path = folder.path().to_owned();
        match std::os::unix::fs::chown(&path, Some(65_534), None) {
            Ok(()) => {
                let refused = Folder::open(&path);
                assert!(matches!(refused, Err(FileFault::OfAnother { .. })));
            }
            Err(_) => assert!(Folder::open(&path).is_ok()),
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let (_parent, folder) = folder();
        for name in ["", ".", "..", "../x", "a/b", ".lock", "a\0"] {
            assert!(
                matches!(folder.write(name, b""), Err(FileFault::Name { .. })),
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_nothing_beside_it() {
        let (_parent, folder) = folder();
        fs::create_dir(folder.path().join("taken")).unwrap();
        fs::write(folder.path().join("taken").join("inside"), b"").unwrap();
        assert!(folder.write("taken", b"new").is_err());
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["taken"]);
    }

    #[test]
    fn two_cannot_change_the_folder_at_once() {
        let (_parent, folder) = folder();
        let held = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(FileFault::Locked { .. })));
        drop(held);
        assert!(folder.lock().is_ok());
    }
}
