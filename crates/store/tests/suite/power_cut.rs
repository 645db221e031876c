//! The power goes at random points of a stream of acknowledged writes: none is lost, none is half there.

use std::path::Path;
use std::sync::{Arc, Mutex};

use directory::storage::StorageError;
use directory::testing::{self, Hands, Seeded};
use directory::{CommitError, Directory, Fault, RootKey};
use keyporch_store::{Options, Sqlite};
use tempfile::TempDir;

use crate::disk::{self, Disk};
use crate::ledger::{self, Known, Ledger, Step};

fn options() -> Options {
    Options {
        vfs: Some(disk::NAME),
        sync_directory: disk::sync_directory,
        // Often enough that cuts fall into checkpoints too.
        checkpoint_pages: 40,
        ..Options::default()
    }
}

fn open(path: &Path) -> Result<Arc<Directory>, Fault> {
    let store = Sqlite::open(path, Arc::new(Hands::default()), &options())?;
    let rng = Box::new(Seeded::new(3));
    let directory = Directory::open(
        Arc::new(store),
        RootKey::new([7; 32]),
        Default::default(),
        rng,
    )?;
    Ok(Arc::new(directory))
}

/// A domain on a medium, made without trouble.
fn begin() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("directory.db");
    let store = Sqlite::open(&path, Arc::new(Hands::default()), &Options::default()).unwrap();
    drop(testing::over(Arc::new(store)));
    place
}

/// One life of the server, from its start to the cut. Returns what the medium holds then.
fn live(place: &TempDir, ledger: &Mutex<Ledger>, dice: &mut Seeded, lies: bool) -> TempDir {
    let medium = Disk::under(place.path());
    if lies {
        medium.ignore_syncs();
    }
    medium.cut_after(dice.below(700) as u64);
    let failed = |error: CommitError| {
        let storage = matches!(&error, CommitError::Fault(Fault::Storage(error)) if *error != StorageError::Abandoned);
        assert!(
            storage && medium.is_cut(),
            "only the cut ends the stream: {error:?}"
        );
    };
    match open(&place.path().join("directory.db")) {
        Ok(directory) => {
            ledger::stream(
                &directory,
                ledger,
                dice.next_u64() >> 8,
                u64::MAX,
                &failed,
                &|_, _| {},
            );
        }
        Err(error) => assert!(
            medium.is_cut(),
            "only the cut keeps the store from opening: {error:?}"
        ),
    }
    let next = tempfile::tempdir().unwrap();
    medium.after_the_cut(dice, next.path());
    next
}

/// What the ledger says must be on the medium. The files are opened by another server, without a cut.
fn judge(
    place: &TempDir,
    ledger: &mut Ledger,
    all: bool,
    dice: &mut Seeded,
) -> Result<usize, String> {
    let path = place.path().join("directory.db");
    let store = Sqlite::open(&path, Arc::new(Hands::default()), &Options::default())
        .map_err(|error| error.to_string())?;
    let directory = testing::open(Arc::new(store));
    let newest = ledger.people().saturating_sub(40);
    ledger::audit(&directory, ledger, |step, known| match step {
        Step::Enrol(number) | Step::Revoke(number) => {
            all || known == Known::Begun || number > newest || dice.below(20) == 0
        }
    })
}

#[test]
fn what_was_acknowledged_survives_two_hundred_power_cuts_and_nothing_is_half_there() {
    const CUTS: usize = 200;
    let mut dice = Seeded::new(20_261_121);
    let ledger = Mutex::new(Ledger::default());
    let mut place = begin();
    let mut audited = 0;
    for cut in 0..CUTS {
        place = live(&place, &ledger, &mut dice, false);
        let all = cut % 40 == 39;
        match judge(&place, &mut ledger.lock().unwrap(), all, &mut dice) {
            Ok(seen) => audited += seen,
            Err(loss) => panic!("cut {cut}: {loss}"),
        }
    }
    let steps = ledger.into_inner().unwrap().steps;
    let revoked = steps
        .keys()
        .filter(|step| matches!(step, Step::Revoke(_)))
        .count();
    println!(
        "{CUTS} cuts, {} steps of which {revoked} revocations, {audited} audited",
        steps.len()
    );
    assert!(
        steps.len() > 5 * CUTS,
        "the stream flowed between the cuts: {}",
        steps.len()
    );
    assert!(revoked > CUTS);
}

/// The test above means something: a medium that only says it has synced is found out.
#[test]
fn a_medium_that_lies_about_syncing_is_found_out() {
    let mut dice = Seeded::new(7);
    let ledger = Mutex::new(Ledger::default());
    let mut place = begin();
    let found_out = (0..20).any(|_| {
        place = live(&place, &ledger, &mut dice, true);
        let judged = judge(&place, &mut ledger.lock().unwrap(), true, &mut dice);
        judged.is_err_and(|loss| {
            println!("{loss}");
            true
        })
    });
    assert!(found_out);
}

/// The very first start is cut too: then there is a store without a domain, or none, or a whole one.
#[test]
fn a_cut_while_the_domain_is_made_leaves_all_of_it_or_nothing() {
    let mut dice = Seeded::new(99);
    let mut outcomes = [0, 0];
    for round in 0..60 {
        let place = tempfile::tempdir().unwrap();
        let medium = Disk::under(place.path());
        medium.cut_after(dice.below(220) as u64);
        let path = place.path().join("directory.db");
        let made = open(&path).and_then(|directory| {
            let names = directory::Bootstrap::of("corp.example");
            directory::bootstrap(&directory, &names, testing::START, &mut Seeded::new(1)).map_err(
                |error| match error {
                    CommitError::Fault(fault) => fault,
                    other => panic!("{other:?}"),
                },
            )
        });
        let next = tempfile::tempdir().unwrap();
        medium.after_the_cut(&mut dice, next.path());
        let path = next.path().join("directory.db");
        let store = Sqlite::open(&path, Arc::new(Hands::default()), &Options::default()).unwrap();
        let directory = testing::open(Arc::new(store));
        match directory.snapshot() {
            Ok(snapshot) => {
                outcomes[1] += 1;
                assert!(snapshot.krbtgt().unwrap().keys.current().is_some());
                assert!(snapshot.group_by_name("Key Admins").unwrap().is_some());
            }
            Err(error) => {
                outcomes[0] += 1;
                assert_eq!(error, Fault::NoDomain);
                assert!(
                    made.is_err(),
                    "round {round}: the domain was acknowledged and is not there"
                );
            }
        }
    }
    assert!(
        outcomes[0] > 5 && outcomes[1] > 5,
        "both happened: {outcomes:?}"
    );
}
