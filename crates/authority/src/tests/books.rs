//! Books that somebody else wrote in, told apart.

use directory::{RecordValue, Table};
use wire::x509::Revoked;

use super::*;
use crate::records;

/// Two devices with certificates, of which the second one is revoked, and everything published.
fn full() -> (House, Certificate, Certificate) {
    let mut house = House::founded();
    let (_, first) = house.enrolled();
    let (_, second) = house.enrolled();
    house.now = house.now + Span::hours(1);
    house.call(|view, now, rng| {
        let of = (Ca::Devices, second.serial());
        let revoked = revoke(view, of, Reason::KeyCompromise, &admin(), now, rng);
        revoked.unwrap().unwrap()
    });
    house.settle();
    (house, first, second)
}

fn admin() -> directory::Actor {
    directory::Actor::named("admin@corp.example")
}

fn row(house: &House, table: Table, key: &[u8]) -> Vec<u8> {
    let record = house.snapshot().record(table, key, house.now).unwrap();
    match record.expect("it is there").value {
        RecordValue::Plain(value) => value,
        RecordValue::Secret(_) => panic!("it rests wrapped"),
    }
}

fn put(house: &mut House, table: Table, key: &[u8], value: Vec<u8>) {
    let put = change::put(table, key.to_vec(), value, Timestamp::NEVER);
    let commit = house.directory.commit(&[put], &Reads::none(), house.now);
    commit.unwrap();
}

fn remove(house: &mut House, table: Table, key: &[u8]) {
    let remove = change::remove(table, key.to_vec());
    let commit = house.directory.commit(&[remove], &Reads::none(), house.now);
    commit.unwrap();
}

/// What is told, when each of `parts` is in one of the problems, and there are no more.
#[track_caller]
fn assert_told(house: &House, parts: &[&str]) {
    let books = house.books();
    assert_eq!(books.found, books.problems.len() as u64);
    for part in parts {
        let told = books.problems.iter().any(|problem| problem.contains(part));
        assert!(told, "{part:?}: {:?}", books.problems);
    }
    assert_eq!(books.problems.len(), parts.len(), "{:?}", books.problems);
    let authority = |problem: &String| problem.starts_with("the authority devices: ");
    assert!(books.problems.iter().all(authority), "{:?}", books.problems);
}

fn hex(serial: &[u8]) -> String {
    crate::work::hex(serial)
}

/// The sequence number of the newest entry of a kind.
fn newest(house: &House, event: Event) -> u64 {
    let log = house.log(Ca::Devices);
    let found = log.iter().rev().find(|entry| entry.event == event);
    found.expect("there is one").sequence
}

#[test]
fn books_in_order_are_counted() {
    let (house, ..) = full();
    let books = house.books();
    assert_eq!(books.problems, [""; 0]);
    let logs: usize = Ca::ALL.iter().map(|ca| house.log(*ca).len()).sum();
    assert_eq!(books.entries, logs as u64);
    // The KDC's and the federation service's beside the devices'.
    assert_eq!((books.certificates, books.revoked), (4, 1));
}

#[test]
fn a_log_entry_that_was_changed_is_named() {
    let (mut house, ..) = full();
    let sequence = newest(&house, Event::CertificateSigned);
    let key = records::numbered(Ca::Devices, sequence);
    let mut entry = house.log(Ca::Devices).remove(sequence as usize - 1);
    entry.cause = "another".to_owned();
    put(&mut house, records::LOG, &key, entry.encode().unwrap());
    assert_told(
        &house,
        &[&format!("entry {sequence} of its log is not the one")],
    );
    put(&mut house, records::LOG, &key, b"nonsense".to_vec());
    let name = format!("entry {sequence} of its log does not decode");
    let books = house.books();
    assert!(
        books.problems.iter().any(|problem| problem.contains(&name)),
        "{books:?}"
    );
}

#[test]
fn log_entries_that_are_missing_are_named_and_so_is_a_log_that_was_cut() {
    let (mut house, ..) = full();
    let revoked = newest(&house, Event::Revoked(Reason::KeyCompromise));
    remove(
        &mut house,
        records::LOG,
        &records::numbered(Ca::Devices, revoked),
    );
    let missing = format!("entries {revoked} to {revoked} of its log are missing");
    assert_told(
        &house,
        &[
            &missing,
            "is good by its log, and kept as revoked",
            "its log does not say so",
        ],
    );
    let (mut house, ..) = full();
    let last = house.log(Ca::Devices).len() as u64;
    remove(
        &mut house,
        records::LOG,
        &records::numbered(Ca::Devices, last),
    );
    let ends = format!(
        "ends with entry {}, and was written up to entry {last}",
        last - 1
    );
    let asked = newest(&house, Event::ListToBeSigned);
    let waits = format!("log entry {asked} was to be signed, and neither was it");
    assert_told(&house, &[&ends, &waits, "not the one that was signed last"]);
}

#[test]
fn the_last_entry_is_held_against_what_the_log_ends_with() {
    let (mut house, ..) = full();
    let last = house.log(Ca::Devices).len() as u64;
    let mut entry = house.log(Ca::Devices).pop().unwrap();
    entry.cause = "another".to_owned();
    let key = records::numbered(Ca::Devices, last);
    put(&mut house, records::LOG, &key, entry.encode().unwrap());
    assert_told(
        &house,
        &[&format!(
            "entry {last} of its log is not the one that was written last"
        )],
    );
    remove(&mut house, records::HEADS, b"devices");
    assert_told(&house, &["nothing says where its log ends"]);
}

/// A certificate that is missing among those that were issued cannot be revoked; one that the log does not have was made by
/// somebody else.
#[test]
fn a_certificate_is_kept_once_and_as_the_log_has_it() {
    let (mut house, first, second) = full();
    let (one, other) = (
        records::serialled(Ca::Devices, first.serial()),
        records::serialled(Ca::Devices, second.serial()),
    );
    let (value, others) = (
        row(&house, records::ISSUED, &one),
        row(&house, records::ISSUED, &other),
    );
    remove(&mut house, records::ISSUED, &one);
    let name = hex(first.serial());
    assert_told(&house, &[&format!("the certificate {name} of log entry")]);
    put(&mut house, records::ISSUED, &one, others);
    assert_told(
        &house,
        &[
            "is kept otherwise than log entry",
            "is good by its log, and kept as revoked",
            "is not kept with its holder",
        ],
    );
    put(&mut house, records::ISSUED, &one, value.clone());
    house.assert_whole_logs();
    let unknown = records::serialled(Ca::Devices, &[0x41; 16]);
    put(&mut house, records::ISSUED, &unknown, value);
    assert_told(
        &house,
        &[
            "is kept, and its log does not have it",
            "is not kept with its holder",
        ],
    );
    remove(&mut house, records::ISSUED, &unknown);
    let holder = house
        .snapshot()
        .records(records::HOLDERS, &[], &[], 1, house.now);
    let holder = holder.unwrap().remove(0);
    remove(&mut house, records::HOLDERS, &holder.key);
    assert_told(
        &house,
        &["is not kept with its holder, and would outlive it"],
    );
}

/// The row that puts it on the list is gone: it would be good again with the next list.
#[test]
fn a_revoked_certificate_that_would_be_good_again_is_told() {
    let (mut house, _, second) = full();
    let name = hex(second.serial());
    let key = records::serialled(Ca::Devices, second.serial());
    let kept = row(&house, records::REVOKED, &key);
    remove(&mut house, records::REVOKED, &key);
    let told = format!("the certificate {name} was revoked by log entry");
    assert_told(&house, &[&told]);
    put(&mut house, records::REVOKED, &key, kept.clone());
    let another = records::serialled(Ca::Devices, &[0x41; 16]);
    put(&mut house, records::REVOKED, &another, kept);
    assert_told(
        &house,
        &["among those that are revoked, and its log does not say so"],
    );
}

#[test]
fn a_list_that_is_not_the_last_one_or_lacks_a_certificate_is_told() {
    let (mut house, _, second) = full();
    let current = row(&house, records::LISTS, b"devices");
    // The list of before the revocation in the place of the newest.
    let house_before = House::founded();
    let older = row(&house_before, records::LISTS, b"devices");
    put(&mut house, records::LISTS, b"devices", older);
    assert_told(
        &house,
        &["its revocation list is not the one that was signed last"],
    );
    remove(&mut house, records::LISTS, b"devices");
    assert_told(
        &house,
        &["the revocation list that was signed last is not kept"],
    );
    // It says that it was made after the revocation, and lacks the certificate.
    let mut row: records::ListRow = der::Decode::from_der(&current).unwrap();
    row.list = records::octets(house_before.list(Ca::Devices).der()).unwrap();
    put(&mut house, records::LISTS, b"devices", records::write(&row));
    let name = hex(second.serial());
    assert_told(
        &house,
        &[
            "not the one that was signed last",
            &format!("the certificate {name} was revoked by"),
        ],
    );
    let all: Vec<Revoked> = house_before.list(Ca::Devices).revoked().flatten().collect();
    assert!(all.is_empty());
}

/// Entries that somebody appended who knows how the chain is made: it holds, and what it says cannot be.
#[test]
fn a_chain_that_holds_and_says_what_cannot_be_is_told() {
    let (mut house, first, _) = full();
    let append = |house: &mut House, event, about, content: &[u8]| {
        let content = content.to_vec();
        let mut sequence = 0;
        house.call(|view, now, rng| {
            let mut work = Work::new(view, now, rng);
            sequence = work
                .append(Ca::Devices, event, about, &content, "")
                .unwrap();
            work.finish().unwrap()
        });
        sequence
    };
    let signed = newest(&house, Event::CertificateSigned);
    // The same certificate once more.
    let asked = append(&mut house, Event::CertificateToBeSigned, None, first.tbs());
    append(
        &mut house,
        Event::CertificateSigned,
        Some(asked),
        first.der(),
    );
    let again = "have one serial number";
    assert_told(&house, &[again, "is kept otherwise than log entry"]);
    // Something that was answered already, and another certificate than was to be signed.
    let (mut house, first, _) = full();
    let about = house.log(Ca::Devices)[signed as usize - 1].about.unwrap();
    append(&mut house, Event::Abandoned, Some(about), b"");
    assert_told(
        &house,
        &[&format!(
            "answers entry {about}, which was not to be signed"
        )],
    );
    let asked = append(&mut house, Event::CertificateToBeSigned, None, b"other");
    assert!(
        house
            .books()
            .problems
            .iter()
            .any(|told| told.contains("neither was it"))
    );
    append(
        &mut house,
        Event::CertificateSigned,
        Some(asked),
        first.der(),
    );
    let told = house.books().problems;
    assert!(
        told.iter()
            .any(|told| told.contains("another than was to be signed")),
        "{told:?}"
    );
    // A list with the number of one before it.
    let (mut house, ..) = full();
    let log = house.log(Ca::Devices);
    let list = log
        .iter()
        .find(|entry| entry.event == Event::ListToBeSigned)
        .unwrap();
    let asked = append(
        &mut house,
        Event::ListToBeSigned,
        None,
        &list.content.clone(),
    );
    append(&mut house, Event::Abandoned, Some(asked), b"");
    assert_told(&house, &["has no number above those before it"]);
}

#[test]
fn what_waits_for_a_signature_is_in_order() {
    let mut house = House::founded();
    let device = house.device();
    house.ask(device, &PrivateKey::generate(KeyKind::P256));
    house.react();
    house.react();
    assert_eq!(house.books().problems, [""; 0]);
    let sequence = newest(&house, Event::CertificateToBeSigned);
    let key = records::numbered(Ca::Devices, sequence);
    let value = row(&house, records::PENDING, &key);
    remove(&mut house, records::PENDING, &key);
    assert_told(&house, &["neither was it nor does it wait for that"]);
    put(&mut house, records::PENDING, &key, value.clone());
    let another = records::numbered(Ca::Devices, 4_000);
    put(&mut house, records::PENDING, &another, value);
    assert_told(
        &house,
        &["something waits for a signature as log entry 4000"],
    );
}
