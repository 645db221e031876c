//! The audit log: JSON lines, written in batches by a thread of its own.
//!
//! A ticket waits for no disk: whoever records a line puts it into a bounded queue and goes on. What the
//! queue or the disk cannot take is dropped, counted, and said in the log itself as soon as it can be
//! written again. (What must not be lost stands in the directory, in the same commit as what it is about.)

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::metrics::Metrics;

/// How long lines are gathered before they are written.
const GATHER: Duration = Duration::from_millis(200);

/// Where the audit log is written, and how much of it is kept: `[audit]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSettings {
    /// The file; older parts get `.1`, `.2` and so on behind its name. No file, no audit log.
    pub file: Option<PathBuf>,
    /// The size in bytes at which a new file is begun. Default: 64 MiB.
    pub rotate_at: u64,
    /// How many older files are kept. Default: 10.
    pub keep: u32,
    /// How many lines may wait to be written. Default: 65,536.
    pub queue: usize,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self {
            file: None,
            rotate_at: 64 << 20,
            keep: 10,
            queue: 65_536,
        }
    }
}

/// One line, turned into text by the writer's thread.
trait Line: Send {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error>;
}

impl<T: Serialize + Send> Line for T {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(out, self)
    }
}

#[derive(Default)]
struct Queue {
    lines: Vec<Box<dyn Line>>,
    dropped: u64,
    closing: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    capacity: usize,
    metrics: Arc<Metrics>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way into the audit log; cheap to clone. Without a file, lines go nowhere.
#[derive(Clone)]
pub struct Audit(Option<Arc<Shared>>);

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Audit").field(&self.0.is_some()).finish()
    }
}

impl Audit {
    /// Puts a line into the queue; never waits.
    pub fn record(&self, line: impl Serialize + Send + 'static) {
        let Some(shared) = &self.0 else { return };
        let mut queue = shared.queue();
        if queue.lines.len() >= shared.capacity {
            queue.dropped += 1;
            shared.metrics.audit_dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.lines.push(Box::new(line));
        // The writer wakes by itself; it is called only when the queue fills faster than that.
        if queue.lines.len() == shared.capacity / 2 {
            shared.wake.notify_one();
        }
    }
}

/// The writer's thread. Dropping it writes what still waits.
pub(crate) struct Writer {
    shared: Option<Arc<Shared>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Opens the file that `settings` name and starts the thread.
    pub(crate) fn start(
        settings: &AuditSettings,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, Audit), Fault> {
        let Some(path) = settings.file.clone() else {
            return Ok((
                Self {
                    shared: None,
                    thread: None,
                },
                Audit(None),
            ));
        };
        let log = Log::open(path.clone(), settings.rotate_at, settings.keep)
            .map_err(|error| Fault::write(&path, error))?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            capacity: settings.queue.max(16),
            metrics: Arc::clone(metrics),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || write_batches(&theirs, log))
            .map_err(Fault::Worker)?;
        let audit = Audit(Some(Arc::clone(&shared)));
        Ok((
            Self {
                shared: Some(shared),
                thread: Some(thread),
            },
            audit,
        ))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.queue().closing = true;
            shared.wake.notify_one();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Says in the log that some of it is missing.
#[derive(Serialize)]
struct Gap {
    event: &'static str,
    lines: u64,
}

fn write_batches(shared: &Shared, mut log: Log) {
    // What could not be written, to be said when it can.
    let mut missing = 0;
    loop {
        let (lines, dropped, closing) = next_batch(shared);
        missing += dropped;
        let count = lines.len() as u64;
        let batch = text(&lines, missing);
        if !batch.is_empty() {
            match log.append(&batch) {
                Ok(()) => {
                    missing = 0;
                    shared.metrics.audit_lines.fetch_add(count, Relaxed);
                }
                Err(error) => {
                    missing += count;
                    shared.metrics.audit_dropped.fetch_add(count, Relaxed);
                    tracing::error!(%error, file = %log.path.display(), lines = missing, "the audit log cannot be written: lines are lost");
                }
            }
        }
        if closing {
            log.close();
            return;
        }
    }
}

fn next_batch(shared: &Shared) -> (Vec<Box<dyn Line>>, u64, bool) {
    let mut queue = shared.queue();
    if !queue.closing && queue.lines.len() < shared.capacity / 2 {
        queue = shared
            .wake
            .wait_timeout(queue, GATHER)
            .map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
    }
    let room = Vec::with_capacity(queue.lines.len());
    (
        std::mem::replace(&mut queue.lines, room),
        std::mem::take(&mut queue.dropped),
        queue.closing,
    )
}

fn text(lines: &[Box<dyn Line>], missing: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() * 256);
    let gap: Option<Box<dyn Line>> = (missing > 0).then(|| {
        Box::new(Gap {
            event: "audit lines lost",
            lines: missing,
        }) as _
    });
    for line in gap.iter().chain(lines) {
        let whole = out.len();
        match line.write(&mut out) {
            Ok(()) => out.push(b'\n'),
            // A value that has no JSON form: not a reason to lose its neighbours.
            Err(_) => out.truncate(whole),
        }
    }
    out
}

/// The file that is written, with its size.
struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    rotate_at: u64,
    keep: u32,
}

impl Log {
    fn open(path: PathBuf, rotate_at: u64, keep: u32) -> io::Result<Self> {
        let mut file = open(&path)?;
        let size = file.seek(SeekFrom::End(0))?;
        let mut log = Self {
            path,
            file,
            size,
            rotate_at: rotate_at.max(4096),
            keep,
        };
        log.end_a_torn_line()?;
        Ok(log)
    }

    /// A line that a crash cut short gets its end, so that the next one stands alone.
    fn end_a_torn_line(&mut self) -> io::Result<()> {
        if self.size == 0 {
            return Ok(());
        }
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        self.file.seek(SeekFrom::End(0))?;
        if last == *b"\n" {
            Ok(())
        } else {
            self.append(b"\n")
        }
    }

    /// Writes whole lines, all or none of them.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let full = self.size > 0 && self.size + lines.len() as u64 > self.rotate_at;
        if full && let Err(error) = self.rotate() {
            // Longer than it should be is better than not written.
            tracing::error!(%error, file = %self.path.display(), "no new audit log can be begun: the former one goes on");
        }
        if let Err(error) = self.file.write_all(lines) {
            let _ = self.file.set_len(self.size);
            let _ = self.file.seek(SeekFrom::Start(self.size));
            return Err(error);
        }
        self.size += lines.len() as u64;
        Ok(())
    }

    /// Begins a new file. It is made before any other is moved: a disk or a process that has no room for another one must
    /// not push the older ones off the end, one with each batch.
    fn rotate(&mut self) -> io::Result<()> {
        let next = next(&self.path);
        let mut file = open(&next)?;
        self.close();
        // Where it is not, an earlier attempt moved it and got no further.
        if self.keep > 0 && fs::exists(&self.path)? {
            for number in (1..=self.keep).rev() {
                let from = if number == 1 {
                    self.path.clone()
                } else {
                    older(&self.path, number - 1)
                };
                match fs::rename(from, older(&self.path, number)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        fs::rename(next, &self.path)?;
        self.size = file.seek(SeekFrom::End(0))?;
        self.file = file;
        Ok(())
    }

    fn close(&self) {
        let _ = self.file.sync_data();
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Where the file after this one is made.
fn next(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    name.into()
}

fn older(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(settings: AuditSettings) -> (Writer, Audit, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::default());
        let (writer, audit) = Writer::start(&settings, &metrics).unwrap();
        (writer, audit, metrics)
    }

    fn settings(folder: &Path) -> AuditSettings {
        AuditSettings {
            file: Some(folder.join("audit.jsonl")),
            ..AuditSettings::default()
        }
    }

    #[test]
    fn everything_recorded_before_the_end_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, audit, metrics) = start(settings(folder.path()));
        for number in 0..1000 {
            audit.record(serde_json::json!({ "number": number }));
        }
        drop(writer);
        let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        assert_eq!(text.lines().count(), 1000);
        assert_eq!(text.lines().last(), Some("{\"number\":999}"));
        assert_eq!(metrics.audit_lines.load(Relaxed), 1000);
    }

    #[test]
    fn a_full_queue_drops_and_says_how_many() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        settings.queue = 16;
        let metrics = Arc::new(Metrics::default());
        // No thread takes from this queue yet, so it fills.
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            capacity: 16,
            metrics: Arc::clone(&metrics),
        });
        let audit = Audit(Some(Arc::clone(&shared)));
        for number in 0..20 {
            audit.record(number);
        }
        shared.queue().closing = true;
        let log = Log::open(
            settings.file.clone().unwrap(),
            settings.rotate_at,
            settings.keep,
        )
        .unwrap();
        write_batches(&shared, log);
        let text = fs::read_to_string(settings.file.unwrap()).unwrap();
        assert_eq!(
            text.lines().next(),
            Some("{\"event\":\"audit lines lost\",\"lines\":4}")
        );
        assert_eq!(text.lines().count(), 17);
        assert_eq!(metrics.audit_dropped.load(Relaxed), 4);
    }

    #[test]
    fn files_turn_over_by_size_and_only_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut log = Log::open(path.clone(), 4096, 2).unwrap();
        for letter in ["a", "b", "c", "d"] {
            log.append(format!("{}\n", letter.repeat(3000)).as_bytes())
                .unwrap();
        }
        let first = |path: &Path| fs::read_to_string(path).unwrap().chars().next();
        assert_eq!(first(&path), Some('d'));
        assert_eq!(first(&older(&path, 1)), Some('c'));
        assert_eq!(first(&older(&path, 2)), Some('b'));
        assert!(!older(&path, 3).exists());
    }

    #[test]
    fn where_no_new_file_can_be_begun_the_former_ones_stay_and_the_last_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut log = Log::open(path.clone(), 4096, 2).unwrap();
        let mut write = |letter: &str| {
            log.append(format!("{}\n", letter.repeat(3000)).as_bytes())
                .unwrap();
        };
        (["a", "b", "c"]).iter().for_each(|letter| write(letter));
        // As where the process has no descriptor left: a directory in the place cannot be opened either.
        fs::create_dir(next(&path)).unwrap();
        (["d", "e", "f", "g"])
            .iter()
            .for_each(|letter| write(letter));
        let first = |path: &Path| fs::read_to_string(path).unwrap().chars().next();
        assert_eq!(first(&older(&path, 1)), Some('b'));
        assert_eq!(first(&older(&path, 2)), Some('a'));
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!((text.lines().count(), first(&path)), (5, Some('c')));
        fs::remove_dir(next(&path)).unwrap();
        write("h");
        assert_eq!(
            (first(&path), first(&older(&path, 1))),
            (Some('h'), Some('c'))
        );
    }

    #[test]
    fn a_line_that_a_crash_cut_short_does_not_swallow_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, "{\"whole\":1}\n{\"cut").unwrap();
        let mut log = Log::open(path.clone(), 4096, 1).unwrap();
        log.append(b"{\"next\":2}\n").unwrap();
        assert_eq!(
            fs::read_to_string(path).unwrap().lines().last(),
            Some("{\"next\":2}")
        );
    }

    #[test]
    fn the_file_is_for_the_service_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (_writer, _, _) = start(settings(folder.path()));
        let mode = fs::metadata(folder.path().join("audit.jsonl"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let missing = Path::new("/proc/nowhere/audit.jsonl").to_owned();
        let settings = AuditSettings {
            file: Some(missing),
            ..AuditSettings::default()
        };
        let fault = Writer::start(&settings, &Arc::default()).err().unwrap();
        assert_eq!(
            fault.to_string(),
            "/proc/nowhere/audit.jsonl may not be written"
        );
    }
}
