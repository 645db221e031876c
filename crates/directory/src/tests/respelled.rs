//! Mappings of certificates that an older version kept as they came are written in the one spelling that is looked for.

use crate::audit::AuditRecord;
use crate::testing::{START, fresh};
use crate::{Attribute, Change, Directory, Edit, Value, change, respelled};

use super::{person, verify, write};

const SPELLED: &str = "X509:<SKI>0a1b2c";

fn mapped(directory: &Directory, name: &str, values: &[&str]) -> crate::EntryId {
    let id = person(directory, name);
    let values = values.iter().map(|value| Value::from(*value)).collect();
    let edit = Edit::Set(Attribute::AltSecurityIdentities, values);
    write(directory, &[change::modify(id, vec![edit])]).unwrap();
    id
}

fn found(directory: &Directory, value: &str) -> Vec<String> {
    let snapshot = directory.snapshot().unwrap();
    let attribute = Attribute::AltSecurityIdentities;
    let entries = snapshot.entries_with(attribute, &Value::from(value), 10);
    let names = entries.unwrap().into_iter().map(|entry| entry.name);
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn of_whom(records: &[AuditRecord]) -> Vec<&str> {
    let mut names: Vec<&str> = records
        .iter()
        .filter_map(|record| record.target_name.as_deref())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn mappings_of_before_are_found_and_those_that_are_as_they_should_be_stay() {
    let directory = fresh();
    // The issuer's name in the order of the certificate, with spaces; one that is none; and one twice.
    let spaced = "X509:<I>C=DE, O=Example, CN=Root<S>C=DE, CN=Alice";
    let canonical = spaced
        .parse::<wire::x509::mapping::CertificateMapping>()
        .unwrap()
        .to_string();
    assert_ne!(canonical, spaced);
    mapped(
        &directory,
        "alice",
        &[spaced, "Kerberos:alice@OTHER.EXAMPLE"],
    );
    mapped(&directory, "bob", &[&canonical]);
    mapped(&directory, "carol", &[spaced, &canonical]);
    mapped(&directory, "dave", &[SPELLED]);
    assert_eq!(found(&directory, &canonical), ["bob", "carol"]);

    let records = respelled::mappings(&directory, START).unwrap();
    assert_eq!(of_whom(&records), ["alice", "carol"]);
    assert_eq!(found(&directory, &canonical), ["alice", "bob", "carol"]);
    assert!(found(&directory, spaced).is_empty());
    assert_eq!(found(&directory, "Kerberos:alice@OTHER.EXAMPLE"), ["alice"]);
    assert_eq!(found(&directory, SPELLED), ["dave"]);
    verify(&directory);

    // Once.
    let before = directory.snapshot().unwrap().number().unwrap();
    assert!(respelled::mappings(&directory, START).unwrap().is_empty());
    assert_eq!(directory.snapshot().unwrap().number().unwrap(), before);
    mapped(&directory, "erin", &[spaced]);
    assert!(respelled::mappings(&directory, START).unwrap().is_empty());
}

#[test]
fn more_mappings_than_one_step_looks_at_are_written_too() {
    let directory = fresh();
    let mut changes: Vec<Change> = Vec::new();
    let users = directory.domain().unwrap().users;
    for number in 0..1_203 {
        let name = format!("person{number}");
        let entry = crate::NewEntry::user(super::id(&name), users, &name, &name).with(
            Attribute::AltSecurityIdentities,
            format!("x509:<ski> {number:08X}"),
        );
        changes.push(entry.into());
    }
    for changes in changes.chunks(400) {
        write(&directory, changes).unwrap();
    }
    let records = respelled::mappings(&directory, START).unwrap();
    assert_eq!(records.len(), 1_203);
    verify(&directory);
}
