//! The database goes away, and comes back.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use directory::storage::StorageError;
use directory::testing;
use directory::{CommitError, Fault};
use trust::Span;

use super::*;
use crate::ledger::{self, Known, Ledger};

/// A server that is killed again and again under load: who writes is refused for a while, never told a lie, and goes
/// on by itself when it is back.
#[test]
fn what_was_acknowledged_survives_a_database_that_is_killed_under_load() {
    let cluster = Cluster::own();
    let database = cluster.database();
    // It stands otherwise: the whole book is looked through in one state, however long that takes.
    let hands = Arc::new(Hands::default());
    let directory = testing::over(open(&database, Arc::clone(&hands) as Arc<dyn Clock>));
    let ledger = Mutex::new(Ledger::default());
    let refused = AtomicUsize::new(0);
    for round in 0..4 {
        let performed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let load = scope.spawn(|| {
                ledger::stream(
                    &directory,
                    &ledger,
                    500 + round,
                    u64::MAX,
                    &|error| {
                        let away = matches!(
                            &error,
                            CommitError::Fault(Fault::Storage(StorageError::Unavailable(_)))
                        );
                        assert!(away, "{error:?}");
                        refused.fetch_add(1, Ordering::SeqCst);
                    },
                    &|_, known| {
                        performed.fetch_add(usize::from(known == Known::There), Ordering::SeqCst);
                    },
                );
            });
            while performed.load(Ordering::SeqCst) < 20 && !load.is_finished() {
                std::thread::yield_now();
            }
            cluster.crash();
        });
        let error = directory.snapshot().unwrap().krbtgt().unwrap_err();
        assert!(
            matches!(&error, Fault::Storage(StorageError::Unavailable(text)) if text.contains("is away")),
            "{error:?}"
        );
        cluster.start();
        // That it was away is believed for a moment.
        hands.advance(Span::seconds(2));
        let told = ledger::audit(&directory, &mut ledger.lock().unwrap(), |_, _| true);
        told.unwrap_or_else(|loss| panic!("round {round}: {loss}"));
    }
    assert!(refused.load(Ordering::SeqCst) >= 4);
    assert!(ledger.lock().unwrap().steps.len() > 60);
}

/// Carries connections to a database, and breaks one of them off at a moment of the test's choice.
struct Relay {
    broken: Arc<AtomicUsize>,
}

/// What the relay does with a connection on which a commit is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Break {
    /// The commit reaches the database, its answer nobody.
    Answer,
    /// The commit does not reach it.
    Commit,
    /// The commit reaches it when somebody waits to hear of it.
    Late,
}

impl Relay {
    /// Listens in `folder` and breaks the first `times` commits off.
    fn start(folder: &Path, to: &Path, breaks: Break, times: usize) -> Self {
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        let to = to.join(".s.PGSQL.5432");
        let broken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&broken);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, count) = (client.unwrap(), Arc::clone(&count));
                let server = UnixStream::connect(&to).unwrap();
                let mute = Arc::new(AtomicUsize::new(0));
                let (back_from, back_to) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                let muted = Arc::clone(&mute);
                std::thread::spawn(move || {
                    carry(back_from, back_to, |_| muted.load(Ordering::SeqCst) == 0)
                });
                let gone = client.try_clone().unwrap();
                std::thread::spawn(move || {
                    carry(client, server, |bytes| {
                        // The simple query that ends a transaction, as its message has it.
                        let commits = bytes.windows(8).any(|bytes| bytes == b"\x0bcommit\0");
                        if !commits || count.fetch_add(1, Ordering::SeqCst) >= times {
                            return true;
                        }
                        mute.store(1, Ordering::SeqCst);
                        if breaks == Break::Late {
                            let _ = gone.shutdown(std::net::Shutdown::Both);
                            wait_until_somebody_waits();
                        }
                        breaks != Break::Commit
                    });
                });
            }
        });
        Self { broken }
    }
}

/// Carries bytes one way for as long as `goes_on` says so of them; then nothing more, either way.
fn carry(mut from: UnixStream, mut to: UnixStream, goes_on: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        if !goes_on(bytes) || to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Waits until a connection of a server waits for a transaction of another one, or for as long as a server may be
/// expected to take until then.
fn wait_until_somebody_waits() {
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%kv_writers%'";
    let mut looks = 0..150;
    let _ = looks.any(|_| Cluster::shared().sql("postgres", waits) != "0");
}

/// Increments through a relay that breaks some commits off, and gives what the database then holds.
fn through(breaks: Break) -> (u64, u64, usize) {
    through_and(breaks, &|_| {})
}

/// The same, doing something with the database before each.
fn through_and(breaks: Break, before: &dyn Fn(&str)) -> (u64, u64, usize) {
    let database = database();
    let cluster = Cluster::shared();
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), cluster.socket(), breaks, 3);
    let url = database.url.replace(
        cluster.socket().to_str().unwrap(),
        folder.path().to_str().unwrap(),
    );
    let store = live(&Database { url });
    let mut acknowledged = 0;
    for _ in 0..6 {
        before(name(&database.url));
        increment(&*store, b"n").unwrap();
        acknowledged += 1;
    }
    let holds = held(&*live(&database), b"n");
    (acknowledged, holds, relay.broken.load(Ordering::SeqCst))
}

#[test]
fn a_commit_whose_answer_is_lost_is_looked_up_and_not_made_twice() {
    let (acknowledged, holds, broken) = through(Break::Answer);
    assert!(broken > 3, "three of them were broken off");
    assert_eq!(holds, acknowledged);
}

#[test]
fn a_commit_that_never_arrived_is_made_again() {
    let (acknowledged, holds, broken) = through(Break::Commit);
    assert!(broken > 3, "three of them were broken off");
    assert_eq!(holds, acknowledged);
}

#[test]
fn a_commit_that_arrives_late_is_waited_for_and_not_made_twice() {
    let (acknowledged, holds, broken) = through(Break::Late);
    assert!(broken > 3, "three of them were broken off");
    assert_eq!(holds, acknowledged);
}

/// The row by which a server hears of its commits may be lost: a copy that never had it took the database's place.
#[test]
fn a_commit_that_arrives_late_is_not_made_twice_where_the_copy_does_not_know_the_server() {
    let (acknowledged, holds, broken) = through_and(Break::Late, &|database| {
        Cluster::shared().sql(database, "delete from kv_writers");
    });
    assert!(broken > 3, "three of them were broken off");
    assert_eq!(holds, acknowledged);
}

/// Whatever was remembered of a database is not believed after it was away.
#[test]
fn a_database_that_was_away_may_be_another_one() {
    let database = database();
    let store = live(&database);
    increment(&*store, b"n").unwrap();
    assert_eq!(held(&*store, b"n"), 1);
    let before = store.generation();
    for _ in 0..5 {
        increment(&*store, b"n").unwrap();
    }
    assert_eq!(store.generation(), before, "the connections are the same");
    end_connections(name(&database.url));
    assert_eq!(held(&*store, b"n"), 6);
    assert_ne!(store.generation(), before);
}

/// Ends every connection of a server.
fn end_connections(database: &str) {
    let end = "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity \
               where datname = current_database() and application_name = 'keyporchd'";
    Cluster::shared().sql(database, end);
}

/// A copy without the newest changes takes the database's place: who remembered them forgets them, and their numbers are
/// not given again.
#[test]
fn what_a_copy_had_not_is_forgotten_by_every_server() {
    use directory::{Attribute, FeedError, Reads, change};
    let database = database();
    drop(testing::over(live(&database)));
    let (first, second) = (
        super::several::node(&database, "dc1"),
        super::several::node(&database, "dc2"),
    );
    let krbtgt = first.domain().unwrap().krbtgt;
    let call = |text: &str| {
        let change = change::set(krbtgt, Attribute::DisplayName, text);
        first
            .commit(&[change], &Reads::none(), testing::START)
            .unwrap()
    };
    let called = |node: &directory::Directory| {
        let snapshot = node.snapshot().unwrap();
        snapshot.krbtgt().unwrap().display_name.clone()
    };
    call("kept");
    let cluster = Cluster::shared();
    let place = name(&database.url);
    cluster.sql(place, "create table copied as table kv");
    let lost = call("lost");
    assert_eq!(called(&second).as_deref(), Some("lost"));
    let cursor = second.cursor().unwrap();

    end_connections(place);
    cluster.sql(
        place,
        "begin; truncate kv; insert into kv table copied; commit",
    );
    assert_eq!(called(&second).as_deref(), Some("kept"));
    let found = call("found");
    assert_ne!(found.stamp.node, lost.stamp.node);
    assert_eq!(called(&second).as_deref(), Some("found"));
    assert_eq!(second.feed(&cursor, 9), Err(FeedError::StartAgain));
}
