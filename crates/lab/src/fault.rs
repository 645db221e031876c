//! What stops a lab, in words for the person who started it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use call::files::FileFault;
use directory::storage::StorageError;

/// What to do about a full disk.
const ROOM_REMEDY: &str = "Free some space, or give a folder on another disk with --dir.";

/// Why there is no lab, or no longer: what happened and why, and what to do about it.
#[derive(Debug)]
pub struct Fault {
    what: String,
    remedy: String,
    code: u8,
}

impl Fault {
    /// It failed.
    pub(crate) fn failed(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            code: 1,
        }
    }

    /// What was asked for is refused.
    pub(crate) fn refused(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            code: 2,
        }
    }

    /// A step failed for a reason that only its own words tell.
    pub(crate) fn step(doing: &str, error: &(dyn Error + 'static)) -> Self {
        let remedy =
            "Start anew with --fresh; if it happens again, please report it with the story above.";
        Self::failed(format!("{doing} failed: {}", words(error)), remedy)
    }

    /// The same, where it comes of a full disk.
    pub(crate) fn for_want_of_room(self, folder: &Path) -> Self {
        Self::failed(
            format!(
                "no space is left on the disk that holds {}: {}",
                folder.display(),
                self.what
            ),
            ROOM_REMEDY,
        )
    }

    /// What to do about it, as a sentence.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// The exit code that stands for it: 2 where something was asked for that is not there, else 1.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.code
    }

    /// The operating system does not let us read or write.
    pub(crate) fn of_io(path: &Path, error: &io::Error) -> Self {
        let shown = path.display();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::failed(
                format!("{shown} may not be written: {error}"),
                "Give another folder with --dir, one that this user may write.",
            ),
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::failed(
                format!("no space is left on the disk that holds {shown}"),
                ROOM_REMEDY,
            ),
            _ => Self::failed(
                format!("{shown} cannot be read or written: {error}"),
                "Give another folder with --dir.",
            ),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for Fault {}

impl From<FileFault> for Fault {
    fn from(fault: FileFault) -> Self {
        match fault {
            FileFault::Read { path, source } | FileFault::Write { path, source } => {
                Self::of_io(&path, &source)
            }
            FileFault::OpenToOthers { path } => Self::failed(
                format!(
                    "{} can be read by other users of this machine",
                    path.display()
                ),
                format!(
                    "Run `chmod 700 {}`, or give another folder with --dir.",
                    path.display()
                ),
            ),
            FileFault::Locked { path } => {
                let folder = path.parent().unwrap_or(&path).display().to_string();
                Self::failed(
                    format!("another lab runs in {folder}"),
                    "Stop it, or give this one a folder of its own with --dir.",
                )
            }
            other => Self::failed(words(&other), "Give another folder with --dir."),
        }
    }
}

impl From<serve::Fault> for Fault {
    fn from(fault: serve::Fault) -> Self {
        let remedy = match &fault {
            serve::Fault::AddressTaken { .. } | serve::Fault::Listen { .. } => {
                "Stop who listens there, or give other ports with --base-port; 0 takes free ones."
                    .to_owned()
            }
            serve::Fault::PortNotPermitted { .. } => {
                "Give a --base-port of 1024 or more; 0 takes free ones.".to_owned()
            }
            serve::Fault::SocketTaken { .. } => {
                "Stop the other lab, or give this one a folder of its own with --dir.".to_owned()
            }
            serve::Fault::ReadOnly { .. } => {
                "Give another folder with --dir, one that this user may write.".to_owned()
            }
            serve::Fault::Party(_) => {
                "Start anew with --fresh; if it happens again, please report it.".to_owned()
            }
            other => other.remedy(),
        };
        Self::failed(words(&fault), remedy)
    }
}

/// The store's trouble, with what to do about it.
pub(crate) fn of_storage(path: &Path, error: &StorageError) -> Fault {
    let remedy = match error {
        StorageError::Busy(_) => {
            "Stop the other lab, or give this one a folder of its own with --dir."
        }
        StorageError::ReadOnly(_) => {
            "Give another folder with --dir, one that this user may write."
        }
        StorageError::Full(_) => ROOM_REMEDY,
        StorageError::Newer(_) => {
            "Use the release that wrote it, or give another folder with --dir. Nothing was changed."
        }
        _ => "Start anew with --fresh, or give another folder with --dir.",
    };
    Fault::failed(
        format!("the store {} cannot be opened: {error}", path.display()),
        remedy,
    )
}

/// An error's words, with those of what caused it.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        words.push_str(": ");
        words.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    words
}
