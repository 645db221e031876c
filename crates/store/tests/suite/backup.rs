//! Backups of a store that is written to, and restores that are killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use directory::dump::{self, Dump};
use directory::restore::{self, Holds, How};
use directory::storage::Storage;
use directory::testing::{self, Hands, START, Seeded};
use directory::{
    Attribute, Directory, EntryId, FeedError, NewEntry, Options as Opening, Reads, RootKey, change,
};
use keyporch_store::{Beside, Options, Sqlite};
use trust::{SystemClock, SystemRng};

/// Where the restore finds its backup, and where it restores to.
const BACKUP: &str = "KEYPORCH_RESTORED_BACKUP";
const PLACE: &str = "KEYPORCH_RESTORED_PLACE";

fn root_key() -> RootKey {
    RootKey::new([7; 32])
}

fn sqlite(path: &Path) -> Sqlite {
    Sqlite::open(path, Arc::new(Hands::default()), &Options::default()).unwrap()
}

fn open(path: &Path) -> Result<Directory, directory::Fault> {
    let storage = Arc::new(sqlite(path));
    Directory::open(storage, root_key(), Opening::default(), Box::new(SystemRng))
}

/// Two people each who know each other, in one commit.
fn add(directory: &Directory, numbers: std::ops::Range<u64>) {
    let users = directory.domain().unwrap().users;
    let mut changes = Vec::new();
    for number in numbers {
        let ids = [0, 1].map(|side| EntryId::random(&mut Seeded::new(2 * number + side)));
        for side in [0, 1] {
            let name = format!("pair-{number}-{side}");
            changes.push(NewEntry::user(ids[side], users, &name, &name).into());
            let other = ids[1 - side].to_string();
            changes.push(change::set(ids[side], Attribute::Description, other));
        }
    }
    directory.commit(&changes, &Reads::none(), START).unwrap();
}

fn dumped(path: &Path) -> Vec<u8> {
    let beside = Beside::open(path, Arc::new(Hands::default()), &Options::default()).unwrap();
    let read = beside.long_snapshot().unwrap();
    let mut out = Vec::new();
    dump::write(&*read, &root_key(), "1", START, &mut out, &mut |_| {}).unwrap();
    out
}

fn load(path: &Path, dump: &[u8], told: &mut dyn FnMut(u64)) {
    load_into(&sqlite(path), dump, None, told);
}

fn load_into(storage: &dyn Storage, dump: &[u8], node: Option<&str>, told: &mut dyn FnMut(u64)) {
    let key = root_key();
    let opened = Dump::open(dump, &key).unwrap();
    let how = How {
        node,
        ..How::default()
    };
    restore::load(storage, opened, &how, &mut SystemRng, told).unwrap();
    restore::finish(storage).unwrap();
}

/// How many pairs there are, each whole.
fn pairs(directory: &Directory) -> u64 {
    let mut found = 0;
    loop {
        let snapshot = directory.snapshot().unwrap();
        let there = |side| {
            let name = format!("pair-{found}-{side}");
            snapshot.account_by_sam(&name).unwrap().is_some()
        };
        match (there(0), there(1)) {
            (true, true) => found += 1,
            (false, false) => return found,
            _ => panic!("pair {found} is torn"),
        }
    }
}

#[test]
fn a_backup_beside_a_server_that_commits_is_one_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let directory = testing::over(Arc::new(sqlite(&path)));
    add(&directory, 0..300);
    let (stop, mut dumps) = (AtomicBool::new(false), Vec::new());
    let committed = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 300;
            while !stop.load(Ordering::Acquire) {
                add(&directory, number..number + 1);
                number += 1;
            }
            number
        });
        for _ in 0..4 {
            // Something is committed between two backups, and during each.
            let before = directory.wait_after(0, std::time::Duration::ZERO);
            directory.wait_after(before, std::time::Duration::from_secs(10));
            dumps.push(dumped(&path));
        }
        stop.store(true, Ordering::Release);
        writer.join().unwrap()
    });
    let cursor = directory.cursor().unwrap();
    let mut before = 300;
    for (number, dump) in dumps.iter().enumerate() {
        let place = folder.path().join(format!("restored-{number}.db"));
        load(&place, dump, &mut |_| {});
        let restored = open(&place).unwrap();
        assert_eq!(restored.check().unwrap().problems, []);
        let pairs = pairs(&restored);
        assert!(
            (before..=committed).contains(&pairs),
            "{pairs} of {committed}"
        );
        before = pairs;
        assert_ne!(restored.node(), directory.node());
        assert_eq!(restored.feed(&cursor, 9), Err(FeedError::StartAgain));
    }
    assert!(before > 300, "commits went on");
}

#[test]
fn a_backup_of_a_file_is_restored_into_a_database_of_several_servers_and_back() {
    let database = crate::postgres::database();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let directory = testing::over(Arc::new(sqlite(&path)));
    add(&directory, 0..50);
    let (dump, cursor) = (dumped(&path), directory.cursor().unwrap());
    let shared = crate::postgres::open(&database, Arc::new(SystemClock));

    // What breaks off is no store, and does not stand in the way.
    let key = root_key();
    let broken = Dump::open(&dump[..dump.len() - 1], &key).unwrap();
    let how = How::default();
    restore::load(&*shared, broken, &how, &mut SystemRng, &mut |_| {}).unwrap_err();
    assert_eq!(restore::holds(&*shared).unwrap(), Holds::Nothing);

    load_into(&*shared, &dump, Some("dc1"), &mut |_| {});
    let open_as = |name: &str| {
        let options = Opening {
            node: Some(name.to_owned()),
            ..Opening::default()
        };
        Directory::open(shared.clone(), root_key(), options, Box::new(SystemRng)).unwrap()
    };
    let (one, two) = (open_as("dc1"), open_as("dc2"));
    assert_ne!(one.node(), two.node());
    assert_eq!(one.check().unwrap().problems, []);
    assert_eq!((pairs(&one), pairs(&two)), (50, 50));
    assert_eq!(two.feed(&cursor, 9), Err(FeedError::StartAgain));
    add(&one, 50..60);
    add(&two, 60..70);
    assert_eq!(pairs(&one), 70);

    let mut out = Vec::new();
    let read = shared.long_snapshot().unwrap();
    // The state is fixed by the first read.
    assert!(read.get(b"nothing").unwrap().is_none());
    add(&two, 70..80);
    dump::write(&*read, &root_key(), "1", START, &mut out, &mut |_| {}).unwrap();
    drop(read);
    let back = folder.path().join("back.db");
    load(&back, &out, &mut |_| {});
    let back = open(&back).unwrap();
    assert_eq!(back.check().unwrap().problems, []);
    assert_eq!(pairs(&back), 70, "the state of when it began");
    assert!(back.node().number > two.node().number);
}

/// Not a test: the restore that is killed. It ends by itself without a backup.
#[test]
#[ignore = "it is started by the test below"]
#[allow(
    clippy::disallowed_methods,
    reason = "a test binary has no other way to be told"
)]
fn restores() {
    let (Ok(backup), Ok(place)) = (std::env::var(BACKUP), std::env::var(PLACE)) else {
        return;
    };
    let dump = std::fs::read(backup).unwrap();
    println!("step begun");
    load(Path::new(&place), &dump, &mut |rows| {
        println!("step {rows}")
    });
    println!("step done");
}

#[test]
fn a_restore_that_is_killed_leaves_nothing_or_all_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    let directory = testing::over(Arc::new(sqlite(&path)));
    for number in 0..30 {
        add(&directory, 50 * number..50 * (number + 1));
    }
    drop(directory);
    let (backup, place) = (folder.path().join("backup"), folder.path().join("place.db"));
    let dump = dumped(&path);
    std::fs::write(&backup, &dump).unwrap();
    let (mut broken, mut whole) = (0, 0);
    for life in 0..14 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "backup::restores", "--ignored", "--nocapture"])
            .env(BACKUP, &backup)
            .env(PLACE, &place)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut steps = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter(|line| line.contains("step "));
        for _ in 0..=life % 7 {
            steps.next();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if !place.exists() {
            continue;
        }
        let holds = restore::holds(&sqlite(&place)).unwrap();
        match holds {
            Holds::Nothing => {}
            Holds::Parts => {
                assert!(
                    open(&place).is_err(),
                    "life {life}: parts are taken for a store"
                );
                broken += 1;
            }
            Holds::Rows => {
                let restored = open(&place).unwrap();
                assert_eq!(restored.check().unwrap().problems, []);
                assert_eq!(pairs(&restored), 1_500);
                whole += 1;
                drop(restored);
                std::fs::remove_file(&place).unwrap();
            }
        }
    }
    assert!(
        broken > 0,
        "no kill came in the middle ({whole} came after the end)"
    );
    if place.exists() && restore::holds(&sqlite(&place)).unwrap() == Holds::Rows {
        return;
    }
    load(&place, &dump, &mut |_| {});
    assert_eq!(pairs(&open(&place).unwrap()), 1_500);
}
