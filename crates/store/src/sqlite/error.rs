//! What SQLite and the operating system report, as sentences for the administrator.

use std::io;
use std::path::Path;

use directory::storage::StorageError;
use rusqlite::ErrorCode;

/// `SQLITE_IOERR_SHMSIZE`: the only trouble in a log's index that SQLite does not tell as a full disk.
const INDEX_CANNOT_GROW: i32 = 4_874;

/// What a failed statement means.
pub(super) fn of(error: &rusqlite::Error, path: &Path) -> StorageError {
    let path = path.display();
    if error.sqlite_error().map(|code| code.extended_code) == Some(INDEX_CANNOT_GROW) {
        return StorageError::Full(format!(
            "the disk of the store {path} has no room for the index of its log; nothing was lost, free some space and \
             try again"
        ));
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StorageError::Busy(format!(
            "another program holds the store {path}; end it and try again"
        )),
        Some(ErrorCode::ReadOnly) => StorageError::ReadOnly(format!(
            "the store {path} cannot be written; make the file and its directory writable for this user"
        )),
        Some(ErrorCode::DiskFull) => StorageError::Full(format!(
            "the disk of the store {path} is full; nothing was lost, free some space and try again"
        )),
        Some(ErrorCode::NotADatabase) => {
            StorageError::Corrupt(format!("{path} is not a store of this program"))
        }
        Some(ErrorCode::DatabaseCorrupt) => StorageError::Corrupt(format!(
            "the store {path} is damaged; stop the server and restore the last backup"
        )),
        Some(ErrorCode::CannotOpen) => StorageError::Unavailable(format!(
            "the store {path} cannot be opened; check that its directory exists and this user may write there"
        )),
        Some(ErrorCode::PermissionDenied) => {
            StorageError::Unavailable(format!("this user may not open the store {path}"))
        }
        _ => StorageError::Unavailable(format!("the store {path} failed: {error}")),
    }
}

/// What a failed operation on files means; `what` completes "cannot …".
pub(super) fn of_io(what: &str, error: &io::Error, path: &Path) -> StorageError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => StorageError::Unavailable(format!(
            "cannot {what} {path}: its directory does not exist; create it first"
        )),
        io::ErrorKind::PermissionDenied => StorageError::ReadOnly(format!(
            "cannot {what} {path}: this user may not write there"
        )),
        io::ErrorKind::ReadOnlyFilesystem => StorageError::ReadOnly(format!(
            "cannot {what} {path}: the file system is read-only"
        )),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StorageError::Full(format!("cannot {what} {path}: the disk is full"))
        }
        _ => StorageError::Unavailable(format!("cannot {what} {path}: {error}")),
    }
}
