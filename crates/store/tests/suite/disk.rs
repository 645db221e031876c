//! A file layer under SQLite that knows what a power cut would leave.
//!
//! Files are real and are read and written as always. Beside that, for every file the layer keeps what was
//! synced last and what was done since. At a chosen operation the power goes: from then on every operation
//! fails, and [`Disk::after_the_cut`] writes what the medium may hold: what was synced, of what was not any
//! part in any order (whole writes dropped, sectors of a write missing), and of names that were not synced
//! any too. The index of the log (`-shm`) is memory and is gone.
#![allow(
    unsafe_code,
    reason = "SQLite's file layer is an interface in C; this is the one place that speaks it, in tests alone"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use directory::testing::Seeded;
use rusqlite::ffi;

/// The name under which SQLite knows the layer.
pub(crate) const NAME: &str = "keyporch-power-cut";

/// What a medium writes at once.
const SECTOR: usize = 512;

/// The medium under one directory.
pub(crate) struct Disk {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Content>,
    /// Files whose names were removed, which is not durable yet.
    removed: Vec<(String, Content)>,
    operations: u64,
    cut_at: Option<u64>,
    cut: bool,
    ignores_syncs: bool,
}

#[derive(Clone, Default)]
struct Content {
    synced: Vec<u8>,
    since: Vec<Step>,
    name_synced: bool,
}

#[derive(Clone)]
enum Step {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// The disk under a directory, if there is one.
fn disk_under(directory: &Path) -> Option<Arc<Disk>> {
    let disks = disks();
    let mut there = disks.iter().filter_map(Weak::upgrade);
    there.find(|disk| disk.directory == directory)
}

fn disks() -> MutexGuard<'static, Vec<Weak<Disk>>> {
    static DISKS: Mutex<Vec<Weak<Disk>>> = Mutex::new(Vec::new());
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn disk_of(path: &Path) -> Option<(Arc<Disk>, String)> {
    let disk = disk_under(path.parent()?)?;
    Some((disk, path.file_name()?.to_str()?.to_owned()))
}

impl Disk {
    /// Puts the layer under the files of a directory, which are taken to be durable as they are.
    pub(crate) fn under(directory: &Path) -> Arc<Self> {
        register();
        let disk = Arc::new(Self {
            directory: directory.to_owned(),
            state: Mutex::default(),
        });
        for file in std::fs::read_dir(directory).unwrap() {
            let file = file.unwrap();
            let content = Content {
                synced: std::fs::read(file.path()).unwrap(),
                since: Vec::new(),
                name_synced: true,
            };
            let name = file.file_name().into_string().unwrap();
            disk.state().files.insert(name, content);
        }
        let mut disks = disks();
        disks.retain(|disk| disk.strong_count() > 0);
        disks.push(Arc::downgrade(&disk));
        drop(disks);
        disk
    }

    /// Lets the power go at the operation after `operations` more.
    pub(crate) fn cut_after(&self, operations: u64) {
        let mut state = self.state();
        state.cut_at = Some(state.operations + operations);
    }

    /// Makes a medium that says it has synced and has not.
    pub(crate) fn ignore_syncs(&self) {
        self.state().ignores_syncs = true;
    }

    /// Whether the power has gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.state().cut
    }

    /// Writes into `into` what the medium may hold after the power has gone now.
    pub(crate) fn after_the_cut(&self, dice: &mut Seeded, into: &Path) {
        let mut state = self.state();
        state.cut = true;
        // How much of what was not synced reached the medium: nothing, something, or all of it.
        let odds = dice.below(3);
        let kept = |dice: &mut Seeded| match odds {
            0 => false,
            1 => dice.below(2) == 0,
            _ => true,
        };
        let mut files = state.files.clone();
        for (name, content) in &state.removed {
            if !files.contains_key(name) && !kept(dice) {
                files.insert(name.clone(), content.clone());
            }
        }
        for (name, content) in files {
            if !content.name_synced && !kept(dice) {
                continue;
            }
            let mut bytes = content.synced;
            for step in content.since {
                if !kept(dice) {
                    continue;
                }
                match step {
                    Step::Truncate(length) => bytes.truncate(length),
                    Step::Write(offset, data) => {
                        let torn = dice.below(4) == 0;
                        for (place, sector) in data.chunks(SECTOR).enumerate() {
                            if !torn || dice.below(2) == 0 {
                                write(&mut bytes, offset + place * SECTOR, sector);
                            }
                        }
                    }
                }
            }
            std::fs::write(into.join(name), bytes).unwrap();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to a file, unless the power has gone. At the cut it is done, and fails: it may have
    /// reached the medium or not.
    fn operate(&self, name: &str, change: impl FnOnce(&mut State, &str)) -> Result<(), ()> {
        let mut state = self.state();
        if state.cut {
            return Err(());
        }
        state.operations += 1;
        if state.cut_at.is_some_and(|at| state.operations > at) {
            state.cut = true;
        }
        change(&mut state, name);
        if state.cut { Err(()) } else { Ok(()) }
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

fn sync(state: &mut State, name: &str) {
    if state.cut || state.ignores_syncs {
        return;
    }
    let mut directory = false;
    if let Some(content) = state.files.get_mut(name) {
        for step in std::mem::take(&mut content.since) {
            match step {
                Step::Write(offset, data) => write(&mut content.synced, offset, &data),
                Step::Truncate(length) => content.synced.truncate(length),
            }
        }
        // SQLite's own layer syncs the directory with the first sync of a log or journal that it made.
        let log = name.ends_with("-wal") || name.ends_with("-journal");
        directory = log && !content.name_synced;
    }
    if directory {
        sync_names(state);
    }
}

/// What syncing a directory does: every name that is there stays, and every one that is gone stays away.
fn sync_names(state: &mut State) {
    for content in state.files.values_mut() {
        content.name_synced = true;
    }
    state.removed.clear();
}

/// Makes the names in a directory durable; given to the store in the place of the real one.
pub(crate) fn sync_directory(path: &Path) -> std::io::Result<()> {
    let Some(disk) = disk_under(path) else {
        return Ok(());
    };
    let present: Vec<String> = std::fs::read_dir(path)?
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    disk.operate("", |state, _| {
        if state.cut || state.ignores_syncs {
            return;
        }
        for name in present {
            if !name.ends_with("-shm") {
                state.files.entry(name).or_default();
            }
        }
        sync_names(state);
    })
    .map_err(|()| std::io::Error::other("the power has gone"))
}

/// A file as SQLite sees it: ours first, the real one behind it in the same memory.
#[repr(C)]
struct File {
    methods: *const ffi::sqlite3_io_methods,
    /// From `Box::into_raw`; null for files that are not watched.
    watched: *mut Watched,
}

struct Watched {
    disk: Arc<Disk>,
    name: String,
}

/// # Safety
/// `file` is one that [`open`] was called for.
unsafe fn real(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    // SAFETY: SQLite reserves szOsFile bytes, which are ours and behind them those of the real layer.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// # Safety
/// `file` is one that [`open`] opened and [`close`] has not closed.
unsafe fn watched<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a Watched> {
    // SAFETY: `watched` is null or from Box::into_raw, and lives until `close`.
    unsafe { (*file.cast::<File>()).watched.as_ref() }
}

/// Calls a method of the real file.
macro_rules! pass {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        // SAFETY: the real file was opened by the real layer, which gave it these methods.
        unsafe {
            let file = real($file);
            match (*(*file).pMethods).$method {
                Some(method) => method(file $(, $argument)*),
                None => ffi::SQLITE_IOERR,
            }
        }
    }};
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let result = pass!(file, xClose);
    // SAFETY: `watched` came from Box::into_raw in `open`, and a file is closed once.
    unsafe {
        let own = file.cast::<File>();
        if !(*own).watched.is_null() {
            drop(Box::from_raw((*own).watched));
            (*own).watched = std::ptr::null_mut();
        }
    }
    result
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    to: *mut c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite calls methods on open files.
    if unsafe { watched(file) }.is_some_and(|own| own.disk.is_cut()) {
        return ffi::SQLITE_IOERR_READ;
    }
    pass!(file, xRead, to, amount, offset)
}

unsafe extern "C" fn write_at(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite calls methods on open files, and `from` has `amount` bytes.
    let (own, data) = unsafe {
        let data = std::slice::from_raw_parts(from.cast::<u8>(), amount as usize);
        (watched(file), data.to_vec())
    };
    if let Some(own) = own {
        let done = own.disk.operate(&own.name, |state, name| {
            let content = state.files.entry(name.to_owned()).or_default();
            content.since.push(Step::Write(offset as usize, data));
        });
        if done.is_err() {
            return ffi::SQLITE_IOERR_WRITE;
        }
    }
    pass!(file, xWrite, from, amount, offset)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite calls methods on open files.
    if let Some(own) = unsafe { watched(file) } {
        let done = own.disk.operate(&own.name, |state, name| {
            let content = state.files.entry(name.to_owned()).or_default();
            content.since.push(Step::Truncate(size as usize));
        });
        if done.is_err() {
            return ffi::SQLITE_IOERR_TRUNCATE;
        }
    }
    pass!(file, xTruncate, size)
}

unsafe extern "C" fn sync_file(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite calls methods on open files.
    match unsafe { watched(file) } {
        // The real sync is not needed: the medium is the one in memory.
        Some(own) => match own.disk.operate(&own.name, sync) {
            Ok(()) => ffi::SQLITE_OK,
            Err(()) => ffi::SQLITE_IOERR_FSYNC,
        },
        None => pass!(file, xSync, flags),
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    pass!(file, xFileSize, size)
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass!(file, xLock, level)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    pass!(file, xUnlock, level)
}

unsafe extern "C" fn reserved(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    pass!(file, xCheckReservedLock, out)
}

unsafe extern "C" fn control(file: *mut ffi::sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    pass!(file, xFileControl, op, arg)
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    pass!(file, xSectorSize)
}

unsafe extern "C" fn characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    pass!(file, xDeviceCharacteristics)
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    page: c_int,
    size: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    pass!(file, xShmMap, page, size, extend, out)
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    pass!(file, xShmLock, offset, count, flags)
}

unsafe extern "C" fn shm_barrier(file: *mut ffi::sqlite3_file) {
    // SAFETY: as in `pass!`.
    unsafe {
        let file = real(file);
        if let Some(method) = (*(*file).pMethods).xShmBarrier {
            method(file);
        }
    }
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    pass!(file, xShmUnmap, delete)
}

/// Version 2: shared memory for the log's index, no memory-mapped reads past this layer.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write_at),
    xTruncate: Some(truncate),
    xSync: Some(sync_file),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// # Safety
/// `vfs` is the one that [`register`] made.
unsafe fn real_layer(vfs: *mut ffi::sqlite3_vfs) -> *mut ffi::sqlite3_vfs {
    // SAFETY: pAppData is the real layer, which lives as long as the process.
    unsafe { (*vfs).pAppData.cast() }
}

/// # Safety
/// `name` is null or a string that ends with a zero.
unsafe fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None;
    }
    // SAFETY: by the caller.
    let text = unsafe { CStr::from_ptr(name) };
    text.to_str().ok().map(PathBuf::from)
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    const WATCHED: c_int =
        ffi::SQLITE_OPEN_MAIN_DB | ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
    // SAFETY: SQLite gives szOsFile bytes for `file` and a name that ends with a zero or is null.
    unsafe {
        let own = file.cast::<File>();
        (*own).methods = std::ptr::null();
        (*own).watched = std::ptr::null_mut();
        let found = path_of(name).filter(|_| flags & WATCHED != 0);
        let found = found.and_then(|path| Some((disk_of(&path)?, path.exists())));
        if let Some(((disk, name), exists)) = &found {
            if disk.is_cut() {
                return ffi::SQLITE_CANTOPEN;
            }
            if !exists && flags & ffi::SQLITE_OPEN_CREATE != 0 {
                let made = disk.operate(name, |state, name| {
                    state.files.insert(name.to_owned(), Content::default());
                });
                if made.is_err() {
                    return ffi::SQLITE_CANTOPEN;
                }
            }
        }
        let layer = real_layer(vfs);
        let Some(open) = (*layer).xOpen else {
            return ffi::SQLITE_CANTOPEN;
        };
        let result = open(layer, name, real(file), flags, out);
        if result == ffi::SQLITE_OK {
            (*own).methods = &METHODS;
            if let Some(((disk, name), _)) = found {
                (*own).watched = Box::into_raw(Box::new(Watched { disk, name }));
            }
        }
        result
    }
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_names: c_int,
) -> c_int {
    // SAFETY: SQLite gives a name that ends with a zero.
    let path = unsafe { path_of(name) };
    if let Some((disk, name)) = path.as_deref().and_then(disk_of) {
        let done = disk.operate(&name, |state, name| {
            if let Some(content) = state.files.remove(name)
                && (sync_names == 0 || state.cut)
            {
                state.removed.push((name.to_owned(), content));
            }
        });
        if done.is_err() {
            return ffi::SQLITE_IOERR_DELETE;
        }
    }
    // SAFETY: the real layer lives as long as the process.
    unsafe {
        let layer = real_layer(vfs);
        match (*layer).xDelete {
            Some(delete) => delete(layer, name, sync_names),
            None => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

/// Makes the layer known to SQLite, over its own.
fn register() {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        let name: &'static CStr = c"keyporch-power-cut";
        assert_eq!(name.to_str(), Ok(NAME));
        // SAFETY: the default layer lives as long as the process; ours is leaked and so does too. What is
        // not replaced is copied from the default, whose functions do not use the layer they are given.
        unsafe {
            let default = ffi::sqlite3_vfs_find(std::ptr::null());
            assert!(!default.is_null());
            let layer = Box::new(ffi::sqlite3_vfs {
                szOsFile: size_of::<File>() as c_int + (*default).szOsFile,
                pNext: std::ptr::null_mut(),
                zName: name.as_ptr(),
                pAppData: default.cast(),
                xOpen: Some(open),
                xDelete: Some(delete),
                ..*default
            });
            assert_eq!(
                ffi::sqlite3_vfs_register(Box::into_raw(layer), 0),
                ffi::SQLITE_OK
            );
        }
    });
}
