//! Opening and making a database, so that it is there after a power cut too.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use directory::storage::StorageError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{error, table};

/// "KPch", so that `file` and other programs can tell what it is.
const APPLICATION_ID: i32 = 0x4b50_6368;
/// The version of the table; the rows have their own.
const TABLE_VERSION: i32 = 1;
/// What the write-ahead log keeps of the disk when it begins anew, in bytes.
const JOURNAL_LIMIT: u32 = 64 << 20;
/// How long to wait for a program that looks at the database with other tools.
const BUSY: Duration = Duration::from_secs(5);

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many connections are kept for those who read. Where more snapshots are read at the same time, each of the others
    /// has a connection that is opened for it, which takes a fraction of a millisecond, and closed behind it.
    pub readers: usize,
    /// The size of a page in bytes, for a new database. A row is kept whole in its page up to about a
    /// quarter of it, and only then is it found without reading others.
    pub page_bytes: u32,
    /// Page cache of the writer in KiB.
    pub writer_cache_kib: u32,
    /// Page cache of each reader in KiB.
    pub reader_cache_kib: u32,
    /// After how many pages the write-ahead log is worked into the database.
    pub checkpoint_pages: u32,
    /// How many pages the database may have at most; `None` is as many as the disk takes.
    pub max_pages: Option<u32>,
    /// The file layer under SQLite; tests put one there that forgets what was not synced.
    #[doc(hidden)]
    pub vfs: Option<&'static str>,
    /// Makes the names in a directory durable; tests watch it.
    #[doc(hidden)]
    pub sync_directory: fn(&Path) -> io::Result<()>,
}

impl Default for Options {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(2, usize::from);
        Self {
            readers: (4 * processors).max(8),
            page_bytes: 8_192,
            writer_cache_kib: 4_096,
            reader_cache_kib: 512,
            checkpoint_pages: 500,
            max_pages: None,
            vfs: None,
            sync_directory,
        }
    }
}

pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) lock: File,
}

pub(super) fn open(path: &Path, options: &Options) -> Result<Opened, StorageError> {
    let lock = lock(path)?;
    let new =
        make_file(path, options).map_err(|cause| error::of_io("create the store", &cause, path))?;
    let writer = connect(path, options).map_err(|cause| error::of(&cause, path))?;
    match prepare(&writer, options) {
        Ok(prepared) => check(prepared, path)?,
        Err(cause) => return Err(error::of(&cause, path)),
    }
    if new {
        tracing::info!(path = %path.display(), "made a new store");
    }
    Ok(Opened { writer, lock })
}

/// One server at a time. The lock is the operating system's, so it goes with the process.
pub(super) fn lock(path: &Path) -> Result<File, StorageError> {
    let beside = beside(path, "lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|cause| error::of_io("lock the store", &cause, path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::Busy(format!(
            "another server has the store {} open; stop it first",
            path.display()
        ))),
        Err(TryLockError::Error(cause)) => Err(error::of_io("lock the store", &cause, path)),
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// Makes an empty file for the owner alone, with its name durable; SQLite gives the files beside it the
/// same permissions. Whether there was none.
fn make_file(path: &Path, options: &Options) -> io::Result<bool> {
    let made = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => {
            (options.sync_directory)(parent(path))?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A cut may have come between making the file and syncing its name.
            (options.sync_directory)(parent(path))?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn connect(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    // The threads of a connection are kept apart by this program.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match options.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(16);
    // One plan for each statement, whatever is bound to it: else every range that is read is planned anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", "off")?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(connection)
}

pub(super) enum Prepared {
    Ready,
    Foreign,
    Newer(i32),
}

/// Refuses what is no database of ours.
pub(super) fn check(prepared: Prepared, path: &Path) -> Result<(), StorageError> {
    match prepared {
        Prepared::Ready => Ok(()),
        Prepared::Foreign => Err(StorageError::Corrupt(format!(
            "{} is a database of another program",
            path.display()
        ))),
        Prepared::Newer(version) => Err(StorageError::Newer(format!(
            "the store {} has version {version}, this program knows {TABLE_VERSION}: start the version \
             that wrote it, or a newer one",
            path.display()
        ))),
    }
}

/// How many tables a database has, and whether it is ours.
fn look(connection: &Connection) -> rusqlite::Result<(i32, Prepared)> {
    let pragma = |name: &str| -> rusqlite::Result<i32> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i32 =
        connection.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    let found = if tables > 0 && application != APPLICATION_ID {
        Prepared::Foreign
    } else if version > TABLE_VERSION {
        Prepared::Newer(version)
    } else {
        Prepared::Ready
    };
    Ok((tables, found))
}

/// Whether a database is a finished one of ours.
pub(super) fn recognised(connection: &Connection) -> rusqlite::Result<Prepared> {
    let (tables, found) = look(connection)?;
    Ok(if tables == 0 {
        Prepared::Foreign
    } else {
        found
    })
}

fn prepare(writer: &Connection, options: &Options) -> rusqlite::Result<Prepared> {
    let (tables, found) = look(writer)?;
    if !matches!(found, Prepared::Ready) {
        return Ok(found);
    }
    writer.pragma_update(None, "page_size", options.page_bytes)?;
    let kib = i64::from(options.writer_cache_kib);
    writer.pragma_update(None, "cache_size", -kib)?;
    if let Some(pages) = options.max_pages {
        writer.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    let mode: String =
        writer.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(
            mode,
            "the file system does not take a write-ahead log; the store is slower"
        );
    }
    writer.pragma_update(None, "synchronous", "full")?;
    writer.pragma_update_and_check(None, "wal_autocheckpoint", options.checkpoint_pages, |_| {
        Ok(())
    })?;
    // What one long write made of the log is given back when the log begins anew.
    writer.pragma_update_and_check(None, "journal_size_limit", JOURNAL_LIMIT, |_| Ok(()))?;
    if tables == 0 {
        writer.execute_batch(&format!(
            "begin immediate; {}; pragma application_id = {APPLICATION_ID}; \
             pragma user_version = {TABLE_VERSION}; commit",
            table::CREATE
        ))?;
    }
    Ok(Prepared::Ready)
}

/// A connection that reads.
pub(super) fn reader(path: &Path, options: &Options) -> rusqlite::Result<Connection> {
    let connection = connect(path, options)?;
    let kib = i64::from(options.reader_cache_kib);
    connection.pragma_update(None, "cache_size", -kib)?;
    connection.pragma_update(None, "query_only", "on")?;
    Ok(connection)
}

pub(super) fn backup(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    connection.pragma_update(None, "query_only", "off")?;
    let copied = connection.execute("vacuum into ?1", [to.to_string_lossy()]);
    connection.pragma_update(None, "query_only", "on")?;
    copied.map(|_| ())
}

/// Makes a file that SQLite wrote durable, for its owner alone.
pub(super) fn make_durable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    File::open(path)?.sync_all()?;
    sync_directory(parent(path))
}
