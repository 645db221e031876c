//! How fast the store and the directory over it are on this machine. Run with `--release`; `-- --cold KIB` only
//! reads accounts, with a cache of that size, for a profiler.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement looks at the clock, and ends when something fails"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use directory::storage::Storage;
use directory::testing::{self, START, Seeded, key_credential};
use directory::{Change, Directory, EntryId, NewEntry, Origin, Reads, change};
use keyporch_store::{Options, Sqlite};
use trust::SystemClock;

/// How many people the directory has, unless `--people` says otherwise.
static PEOPLE: AtomicU64 = AtomicU64::new(20_000);

fn people() -> u64 {
    PEOPLE.load(Ordering::Relaxed)
}

fn main() {
    let place = tempfile::tempdir_in(".").unwrap();
    let path = place.path().join("directory.db");
    let mut options = Options::default();
    let number = |name: &str| {
        let mut arguments = std::env::args();
        arguments.find(|argument| argument == name)?;
        arguments.next()?.parse().ok()
    };
    options.page_bytes = number("--page").unwrap_or(options.page_bytes);
    options.reader_cache_kib = number("--reader-cache").unwrap_or(options.reader_cache_kib);
    let store = Arc::new(Sqlite::open(&path, Arc::new(SystemClock), &options).unwrap());
    if let Some(count) = number("--people") {
        PEOPLE.store(u64::from(count), Ordering::Relaxed);
    }
    if let Some(kib) = number("--cold") {
        let directory = testing::over(store.clone());
        fill(&directory);
        drop((directory, store));
        let store = Arc::new(Sqlite::open(&path, Arc::new(SystemClock), &options).unwrap());
        let directory = reopen(store, (kib as usize) << 10);
        cold(&directory, 20_000);
        cold(&directory, 200_000);
        return println!("memory: {} KiB", memory());
    }
    raw_syncs(place.path());
    for threads in [1, 2, 8] {
        commits("raw rows of 256 bytes", threads, |thread, number| {
            let key = [
                b"speed".as_slice(),
                &[thread as u8],
                &(number as u64).to_be_bytes(),
            ]
            .concat();
            store
                .transact(&mut |transaction| transaction.put(&key, &[7; 256]))
                .unwrap();
        });
    }
    let directory = testing::over(store.clone());
    drop(store);
    fill(&directory);
    let numbers = AtomicUsize::new(1_000_000);
    for threads in [1, 2, 8] {
        commits("audited people", threads, |_, _| {
            let number = numbers.fetch_add(1, Ordering::SeqCst) as u64;
            let record =
                directory::AuditRecord::done(START, directory::Actor::system(), "user.add");
            let changes = [person(&directory, number, None), change::audit(record)];
            directory.commit(&changes, &Reads::none(), START).unwrap();
        });
    }
    reads(&directory);
    drop(directory);
    weigh(&path);
}

fn id(number: u64) -> EntryId {
    EntryId::random(&mut Seeded::new(number))
}

fn person(directory: &Directory, number: u64, material: Option<&[u8; 32]>) -> Change {
    let users = directory.domain().unwrap().users;
    let name = format!("user{number}");
    let entry = NewEntry::user(id(number), users, &name, &name);
    match material {
        None => entry.into(),
        Some(_) => {
            let keys = directory::password::PasswordMaterial::random(&mut Seeded::new(number));
            entry.with_password(keys, false).into()
        }
    }
}

fn fill(directory: &Directory) {
    let blobs: Vec<Vec<u8>> = (0..16)
        .map(|seed| key_credential(&mut Seeded::new(seed), None))
        .collect();
    let began = Instant::now();
    for batch in 0..people() / 500 {
        let mut changes: Vec<Change> = (batch * 500..(batch + 1) * 500)
            .map(|number| person(directory, number, Some(&[0; 32])))
            .collect();
        if batch == 0 {
            let keys = blobs.iter().enumerate().map(|(number, blob)| {
                change::add_key_credential(id(number as u64), blob.clone(), Origin::Registration)
            });
            changes.extend(keys);
        }
        directory.commit(&changes, &Reads::none(), START).unwrap();
    }
    println!("{} people with keys in {:?}", people(), began.elapsed());
}

fn raw_syncs(place: &std::path::Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(place.join("raw")).unwrap();
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < Duration::from_secs(1) {
        file.write_all(&[1; 4096]).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    println!("raw: {count} appends of 4 KiB with fdatasync per second");
}

fn commits(what: &str, threads: usize, commit: impl Fn(usize, usize) + Sync) {
    let began = Instant::now();
    let span = Duration::from_secs(2);
    let total: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|thread| {
                let commit = &commit;
                scope.spawn(move || {
                    let mut count = 0;
                    while began.elapsed() < span {
                        commit(thread, count);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!(
        "{what}: {:.0} commits/s, {threads} threads",
        total as f64 / began.elapsed().as_secs_f64()
    );
}

fn reads(directory: &Directory) {
    let per = |what: &str, rounds: u32, read: &mut dyn FnMut(u64)| {
        read(0);
        let began = cpu();
        for round in 0..rounds {
            read(u64::from(round));
        }
        println!("{what}: {} ns of CPU", (cpu() - began) / u64::from(rounds));
    };
    per(
        "hot account_by_sam, with its snapshot",
        2_000_000,
        &mut |_| {
            let snapshot = directory.snapshot().unwrap();
            black_box(snapshot.account_by_sam("user7").unwrap().unwrap());
        },
    );
    per(
        "what an AS exchange reads, hot (account, krbtgt, groups, lockout policy)",
        1_000_000,
        &mut |_| {
            let snapshot = directory.snapshot().unwrap();
            let account = snapshot.account_by_sam("user7").unwrap().unwrap();
            black_box(snapshot.krbtgt().unwrap());
            black_box(snapshot.token_groups(&account).unwrap());
            black_box(snapshot.lockout_policy().unwrap());
            black_box(
                directory
                    .commit(&[], &snapshot.into_reads(), START)
                    .unwrap(),
            );
        },
    );
    per("unknown name", 20_000, &mut |round| {
        let snapshot = directory.snapshot().unwrap();
        black_box(snapshot.account_by_sam(&format!("nobody{round}")).unwrap());
    });
    cold(directory, 20_000);
    println!("memory: {} KiB", memory());
}

fn reopen(store: Arc<Sqlite>, cache_bytes: usize) -> Directory {
    let options = directory::Options {
        cache_bytes,
        ..directory::Options::default()
    };
    let root = directory::RootKey::new([7; 32]);
    Directory::open(store, root, options, Box::new(trust::SystemRng)).unwrap()
}

/// Accounts that are mostly not in memory; with `--cold` alone and longer, for a profiler.
fn cold(directory: &Directory, rounds: u32) {
    let mut dice = Seeded::new(1);
    let began = cpu();
    for _ in 0..rounds {
        let snapshot = directory.snapshot().unwrap();
        let name = format!("user{}", dice.below(people() as usize));
        black_box(snapshot.account_by_sam(&name).unwrap().unwrap());
    }
    let each = (cpu() - began) / u64::from(rounds);
    println!("account_by_sam, any of all people: {each} ns of CPU");
}

/// The CPU time of this process in nanoseconds, in steps of ten milliseconds.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    ticks * 10_000_000
}

/// What an account takes in memory: all of them are read into a cache that has room.
fn weigh(path: &std::path::Path) {
    let store = Arc::new(Sqlite::open(path, Arc::new(SystemClock), &Options::default()).unwrap());
    let directory = reopen(store, 4 << 30);
    let before = memory();
    for number in 0..people() {
        let snapshot = directory.snapshot().unwrap();
        let account = snapshot
            .account_by_sam(&format!("user{number}"))
            .unwrap()
            .unwrap();
        black_box(account);
    }
    let each = (memory() - before) * 1024 / people();
    println!("an account in memory: {each} bytes");
    let began = Instant::now();
    for number in 0..people() {
        let snapshot = directory.snapshot().unwrap();
        let account = snapshot
            .account_by_sam(&format!("user{number}"))
            .unwrap()
            .unwrap();
        black_box(account.keys.current().unwrap().keys[0].schedule());
    }
    println!(
        "an account, all in memory: {} ns",
        began.elapsed().as_nanos() / u128::from(people())
    );
    let used = (memory() - before) * 1024 / people();
    println!("an account in memory with one prepared key: {used} bytes");
}

/// Resident memory of this process in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
