//! Replays the corpora: seeds, and every crash that was repaired.

use std::path::{Path, PathBuf};

use keyporch_fuzz::TARGETS;

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect()
}

#[test]
fn every_target_has_seeds_and_survives_them() {
    for target in TARGETS {
        let files = corpus(target.name);
        assert!(!files.is_empty(), "{} has no seed", target.name);
        for file in files {
            let bytes = std::fs::read(&file).expect("a corpus file can be read");
            assert!(
                bytes.len() <= target.longest,
                "{} is too long",
                file.display()
            );
            (target.run)(&bytes);
        }
    }
}

/// Of those that take their time, every few bytes are changed; of the others, each.
fn survive_what_becomes_of_their_seeds(slow: bool) {
    for target in TARGETS.iter().filter(|target| (target.step > 1) == slow) {
        for file in corpus(target.name) {
            let bytes = std::fs::read(&file).expect("a corpus file can be read");
            // Where a head was cut off is where lengths are forgotten.
            for at in 0..bytes.len().min(16) {
                (target.run)(&bytes[..at]);
            }
            for at in (0..bytes.len()).step_by(target.step) {
                (target.run)(&bytes[..at]);
                let mut changed = bytes.clone();
                changed[at] ^= 1 << (at % 8);
                (target.run)(&changed);
                changed[at] = 0xff;
                (target.run)(&changed);
            }
        }
    }
}

#[test]
fn quick_targets_survive_what_becomes_of_their_seeds() {
    survive_what_becomes_of_their_seeds(false);
}

#[test]
fn slow_targets_survive_what_becomes_of_their_seeds() {
    survive_what_becomes_of_their_seeds(true);
}

#[test]
fn every_folder_belongs_to_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in std::fs::read_dir(folder).expect("there is a corpus") {
        let name = entry.expect("a folder can be listed").file_name();
        let name = name.to_string_lossy();
        assert!(
            keyporch_fuzz::find(&name).is_some(),
            "no target is called {name}"
        );
    }
}
