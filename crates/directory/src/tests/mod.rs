//! The directory as its users see it, over a storage in memory.

mod access;
mod cache;
mod check;
mod claims;
mod commits;
mod dump;
mod feed;
mod groups;
mod keys;
mod model;
mod names;
mod respelled;
mod restore;
mod schema;
mod several;
mod tenant;
mod well_known;

use trust::Timestamp;

use crate::testing::{START, Seeded};
use crate::{Change, Commit, CommitError, Directory, EntryId, NewEntry, Reads};

/// Commits without having read anything.
fn write(directory: &Directory, changes: &[Change]) -> Result<Commit, CommitError> {
    directory.commit(changes, &Reads::none(), START)
}

/// Adds a person.
fn person(directory: &Directory, name: &str) -> EntryId {
    let id = id(name);
    let users = directory.domain().unwrap().users;
    write(directory, &[NewEntry::user(id, users, name, name).into()]).unwrap();
    id
}

/// Adds a group.
fn group(directory: &Directory, name: &str) -> EntryId {
    let id = id(name);
    let users = directory.domain().unwrap().users;
    let entry = NewEntry::group(id, users, name, crate::group::GLOBAL_SECURITY);
    write(directory, &[entry.into()]).unwrap();
    id
}

/// The id that the tests give to what has a name.
fn id(name: &str) -> EntryId {
    let seed = name
        .bytes()
        .fold(17, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
    EntryId::random(&mut Seeded::new(seed))
}

fn minutes(minutes: i64) -> Timestamp {
    START + trust::Span::minutes(minutes)
}

/// Fails unless every row agrees with every other.
fn verify(directory: &Directory) {
    assert_eq!(directory.check().unwrap().problems, []);
}
