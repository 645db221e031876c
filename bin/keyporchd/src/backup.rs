//! `keyporchd backup`: one state of the store, in one file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use directory::Fault;
use directory::dump::{self, DumpError, Written};
use trust::{Clock as _, SystemClock};

use crate::arguments::Backup;
use crate::config::Config;
use crate::opened;
use crate::progress::Progress;
use crate::report::{FAILED, Failure, REFUSED};
use crate::root_key;

/// Writes a backup of the store that the configuration names, whether or not a server runs on it.
pub(crate) fn backup(arguments: &Backup) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    let key = root_key::read(&config.store.root_key)?;
    let storage = opened::beside(&config.store)?;
    let read = storage
        .long_snapshot()
        .map_err(|error| opened::of_storage(&error))?;
    let mut progress = Progress::new();
    let write = |out: &mut dyn Write| {
        let mut out = BufWriter::with_capacity(1 << 18, out);
        dump::write(
            read.as_ref(),
            &key,
            env!("CARGO_PKG_VERSION"),
            SystemClock.now(),
            &mut out,
            &mut |rows| progress.rows("written", rows),
        )
    };
    let written = if arguments.file.as_os_str() == "-" {
        to_standard_output(write)
    } else {
        to_file(&arguments.file, write)
    };
    progress.end();
    show(arguments, &written?);
    Ok(())
}

fn to_standard_output(
    write: impl FnOnce(&mut dyn Write) -> Result<Written, DumpError>,
) -> Result<Written, Failure> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err(Failure::said(
            "a backup is no text for a terminal",
            "Send it to a file or to another program, or name a file.",
            REFUSED,
        ));
    }
    write(&mut out).map_err(|error| failed(&error, Path::new("standard output")))
}

/// Writes under another name, and gives the file its own when it is whole and on the disk.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<Written, DumpError>,
) -> Result<Written, Failure> {
    let shown = path.display();
    if path.exists() {
        return Err(Failure::said(
            format!("{shown} is there already, and no backup is overwritten"),
            "Give another name, with the date for instance, or remove the file first.",
            REFUSED,
        ));
    }
    let partial = partial(path);
    let unwritable = |error: &io::Error| {
        Failure::said(
            format!("{} cannot be written: {error}", partial.display()),
            "Give a file in a folder that exists, that this user may write, and that has room.",
            FAILED,
        )
    };
    let mut file = match made(&partial) {
        Ok(Some(file)) => file,
        Ok(None) => {
            return Err(Failure::said(
                format!("another backup is being written to {shown}"),
                "Wait until it ends, or give another name.",
                REFUSED,
            ));
        }
        Err(error) => return Err(unwritable(&error)),
    };
    let written = write(&mut file)
        .map_err(|error| failed(&error, path))
        .and_then(|written| {
            settle(&file, &partial, path).map_err(|error| unwritable(&error))?;
            Ok(written)
        });
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Makes the file that is written, and holds it; `None` while another process holds one of that name. What a backup that
/// was broken off has left goes, and is made anew, so that nobody who has it open reads this one.
fn made(partial: &Path) -> io::Result<Option<File>> {
    match File::open(partial) {
        Ok(left) => match left.try_lock() {
            Ok(()) => fs::remove_file(partial)?,
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    let options = options.create_new(true).write(true).mode(0o600);
    let file = match options.open(partial) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        made => made?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn settle(file: &File, partial: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    // A link refuses where a rename would replace what somebody else has put there meanwhile.
    fs::hard_link(partial, path).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::rename(partial, path),
    })?;
    let _ = fs::remove_file(partial);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// A dump that could not be written to `place` or read from it.
pub(crate) fn failed(error: &DumpError, place: &Path) -> Failure {
    let shown = place.display();
    let (remedy, code) = match error {
        DumpError::Fault(Fault::Storage(error)) => return opened::of_storage(error),
        DumpError::Fault(Fault::RootKey) => (
            "Give the root key that belongs to this store as root_key under [store].",
            REFUSED,
        ),
        DumpError::Fault(Fault::NoDomain) => ("Set the server up with `keyporchd init`.", REFUSED),
        DumpError::Fault(_) => ("Run `keyporchd check`: it tells what is damaged.", FAILED),
        DumpError::Io(_) => (
            "See that the file is there, that this user may use it, and that its disk has room.",
            FAILED,
        ),
        DumpError::NotADump => ("Give a file that `keyporchd backup` has written.", REFUSED),
        DumpError::Newer(_) => (
            "Take the version of keyporchd that wrote it, or a newer one.",
            REFUSED,
        ),
        DumpError::OtherRootKey { .. } => (
            "Put the copy of the root key that belongs to this backup in the place that root_key under [store] names.",
            REFUSED,
        ),
        DumpError::Incomplete(_) | DumpError::Damaged(_) => (
            "Take another copy of this backup, or the backup before it.",
            FAILED,
        ),
        DumpError::Forged => (
            "Do not use it, find out who can write where your backups are kept, and take the backup before it.",
            FAILED,
        ),
    };
    let failure = Failure::new(error, remedy, code);
    match error {
        DumpError::Fault(_) => failure,
        _ => failure.about(&format!("{shown}")),
    }
}

fn show(arguments: &Backup, written: &Written) {
    let header = &written.header;
    // Standard output may be the backup itself.
    let is_stream = arguments.file.as_os_str() == "-";
    let shown = if arguments.json {
        serde_json::json!({
            "file": arguments.file,
            "domain": header.domain,
            "time": header.time,
            "rows": written.rows,
            "bytes": written.bytes,
            "root_key": header.root_key,
        })
        .to_string()
    } else {
        let name = match is_stream {
            true => "standard output".to_owned(),
            false => arguments.file.display().to_string(),
        };
        format!(
            "{name} has {} as of {}: {} rows, {} bytes.\n\
             It belongs to the root key {}, which is not in it: keep a copy of that elsewhere.",
            header.domain, header.time, written.rows, written.bytes, header.root_key,
        )
    };
    let _ = if is_stream {
        writeln!(io::stderr(), "{shown}")
    } else {
        writeln!(io::stdout(), "{shown}")
    };
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn written(
        content: &'static [u8],
    ) -> impl FnOnce(&mut dyn Write) -> Result<Written, DumpError> {
        move |out| {
            out.write_all(content).map_err(DumpError::Io)?;
            Err(DumpError::NotADump)
        }
    }

    #[test]
    fn a_backup_that_fails_leaves_nothing_and_one_that_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corp.keyporch");
        assert!(to_file(&path, written(b"half")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(&path, b"whole").unwrap();
        assert!(to_file(&path, |_| panic!("it is not begun")).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    /// The second one took the first one's file away, and the first one gave the second one's, of which half was written,
    /// the name of a whole one.
    #[test]
    fn two_backups_to_one_file_do_not_take_it_from_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("corp.keyporch");
        let first = made(&partial(&path)).unwrap().unwrap();
        let mode = first.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(to_file(&path, |_| panic!("it is not begun")).is_err());
        settle(&first, &partial(&path), &path).unwrap();
        assert!(path.exists() && !partial(&path).exists());
    }

    #[test]
    fn what_a_backup_has_left_that_was_killed_is_made_anew_for_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = partial(&folder.path().join("corp.keyporch"));
        fs::write(&place, b"left").unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o644)).unwrap();
        let file = made(&place).unwrap().unwrap();
        let found = file.metadata().unwrap();
        assert_eq!(
            (found.len(), found.permissions().mode() & 0o777),
            (0, 0o600)
        );
    }
}
