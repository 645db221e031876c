//! The server is killed at random moments: what it had acknowledged is there.
//!
//! The server is this test binary once more, which performs steps and says on its standard output what it
//! has begun and what was acknowledged. A kill leaves the page cache of the operating system alone, so this
//! shows less than `power_cut`; but it is a real process and a real kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use directory::storage::Storage;
use directory::testing::{self, Hands, Seeded};
use keyporch_store::{Address, Options, Sqlite};

use crate::ledger::{self, Known, Ledger, Step};

/// Where the server finds its store.
const PLACE: &str = "KEYPORCH_KILLED_STORE";
/// What each life of it makes differently.
const SEED: &str = "KEYPORCH_KILLED_SEED";

/// The store at a place: a file's path or a database's address.
fn store(place: &str) -> Arc<dyn Storage> {
    // A clock that stands: the whole book is looked through in one state, however long that takes.
    let hands = Arc::new(Hands::default());
    if Address::is_one(place) {
        let database = keyporch_store::testing::Database {
            url: place.to_owned(),
        };
        return crate::postgres::open(&database, hands);
    }
    Arc::new(Sqlite::open(Path::new(place), hands, &Options::default()).unwrap())
}

fn open(place: &str) -> Arc<directory::Directory> {
    Arc::new(testing::open(store(place)))
}

fn line(step: Step, known: Known) -> String {
    let (kind, number) = match step {
        Step::Enrol(number) => ("enrol", number),
        Step::Revoke(number) => ("revoke", number),
    };
    let known = match known {
        Known::Begun => "begun",
        Known::There => "there",
    };
    format!("step {known} {kind} {number}")
}

fn parse(line: &str) -> Option<(Step, Known)> {
    let mut words = line.split_once("step ")?.1.split(' ');
    let known = match words.next()? {
        "begun" => Known::Begun,
        "there" => Known::There,
        _ => return None,
    };
    let kind = words.next()?;
    let number = words.next()?.parse().ok()?;
    let step = match kind {
        "enrol" => Step::Enrol(number),
        "revoke" => Step::Revoke(number),
        _ => return None,
    };
    Some((step, known))
}

/// Not a test: the server that is killed. It ends by itself without a store to work on.
#[test]
#[ignore = "it is started by the test below"]
#[allow(
    clippy::disallowed_methods,
    reason = "a test binary has no other way to be told"
)]
fn server() {
    let (Ok(place), Ok(seed)) = (std::env::var(PLACE), std::env::var(SEED)) else {
        return;
    };
    let seed: u64 = seed.parse().unwrap();
    let directory = open(&place);
    // It does not know what its former lives did; its people begin with a number of its own.
    let mut ledger = Ledger::default();
    ledger
        .steps
        .insert(Step::Enrol(seed * 1_000_000), Known::Begun);
    ledger::stream(
        &directory,
        &Mutex::new(ledger),
        seed,
        u64::MAX,
        &|error| panic!("{error:?}"),
        &|step, known| println!("{}", line(step, known)),
    );
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("directory.db");
    println!("{}", survives(path.to_str().unwrap(), 25, 5));
}

#[test]
fn what_was_acknowledged_over_a_database_survives_every_kill() {
    let database = crate::postgres::database();
    println!("{}", survives(&database.url, 10, 6));
}

/// The bar for a release; it takes minutes. `cargo test -p keyporch-store --test suite a_thousand -- --ignored --nocapture`
#[test]
#[ignore = "it takes minutes"]
fn what_was_acknowledged_survives_a_thousand_kills() {
    // The whole book is looked through after each kill: many stores take less time than one that has grown large.
    for seed in 0..20 {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("directory.db");
        let told = survives(path.to_str().unwrap(), 50, 1_000 + seed);
        println!("store {}: {told}", seed + 1);
    }
}

/// Kills a server that many times and looks each time, with a server that opens what is left, whether everything
/// that was acknowledged is there. Gives its numbers in words.
fn survives(place: &str, kills: u64, seed: u64) -> String {
    drop(testing::over(store(place)));
    let mut dice = Seeded::new(seed);
    let mut ledger = Ledger::default();
    let mut acknowledged = 0;
    for life in 1..=kills {
        let mut server = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::server", "--ignored", "--nocapture"])
            .env(PLACE, place)
            .env(SEED, life.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut left = 1 + dice.below(60);
        let mut said = Vec::new();
        while let Some(Ok(line)) = lines.next() {
            if let Some((step, known)) = parse(&line) {
                said.push((step, known));
                left -= usize::from(known == Known::There && left > 0);
            }
            if left == 0 {
                // Standard output still holds what was acknowledged before the kill.
                server.kill().unwrap();
                left = usize::MAX;
            }
        }
        server.wait().unwrap();
        if Address::is_one(place) {
            // What the database was doing for the killed one, it may still be doing.
            crate::postgres::wait_until_nobody_is_in(place);
        }
        assert!(left > 60, "life {life}: the server ended by itself");
        for (step, known) in said {
            acknowledged += u64::from(known == Known::There);
            if known == Known::There || !ledger.steps.contains_key(&step) {
                ledger.steps.insert(step, known);
            }
        }
        let directory = open(place);
        if let Err(loss) = ledger::audit(&directory, &mut ledger, |_, _| true) {
            panic!("life {life}: {loss}");
        }
    }
    assert!(ledger.steps.len() as u64 > 10 * kills);
    format!(
        "{kills} kills, {} steps begun, {acknowledged} acknowledged, none lost",
        ledger.steps.len()
    )
}
