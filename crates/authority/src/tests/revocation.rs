//! With what certificates die, and how the world learns it.

use directory::password::PasswordMaterial;
use directory::{Actor, AuditResult, DeviceCertificate, KeyValueId, Origin};
use wire::key_credential::{KeySource, KeyUsage, NewKeyCredential};
use wire::x509::Revoked;

use super::*;
use crate::issue::{Binding, Founded, Wanted};

fn entry(house: &House, certificate: &Certificate) -> Option<Revoked> {
    house.list(Ca::Devices).find(certificate.serial()).unwrap()
}

fn admin() -> Actor {
    Actor::named("admin@corp.example")
}

/// What an administrator asks for.
fn ask(house: &mut House, serial: &[u8], reason: Option<Reason>) -> Result<(), Refused> {
    let mut judged = Ok(());
    house.call(|view, now, rng| {
        let of = (Ca::Devices, serial);
        let changes = match reason {
            Some(reason) => revoke(view, of, reason, &admin(), now, rng),
            None => release(view, of, &admin(), now, rng),
        };
        changes.unwrap().unwrap_or_else(|refused| {
            judged = Err(refused);
            Vec::new()
        })
    });
    house.settle();
    judged
}

#[test]
fn the_certificate_of_a_deleted_device_is_on_the_list_at_once() {
    let mut house = House::founded();
    let (device, certificate) = house.enrolled();
    let (_, other) = house.enrolled();
    house.now = house.now + Span::hours(2);
    house.commit(vec![Change::Delete { id: device }]);
    house.settle();
    let found = entry(&house, &certificate).expect("it is revoked");
    assert_eq!(found.reason, Reason::CessationOfOperation);
    assert_eq!(found.since, house.now.unix());
    assert_eq!(entry(&house, &other), None);
    let list = house.list(Ca::Devices);
    assert_signed(
        (list.tbs(), list.signature_algorithm(), list.signature()),
        &house.root(Ca::Devices),
    );
    let told = &house.audit("certificate.revoke")[0];
    assert_eq!(told.result, AuditResult::Done);
    assert_eq!(
        told.reason.as_deref(),
        Some("cessation of operation: its holder is deleted")
    );
    house.assert_whole_logs();
}

#[test]
fn the_certificate_of_a_disabled_device_is_on_hold_until_it_is_enabled_again() {
    let mut house = House::founded();
    let (device, certificate) = house.enrolled();
    house.commit(vec![change::set_device_enabled(device, false)]);
    house.settle();
    assert_eq!(
        entry(&house, &certificate).unwrap().reason,
        Reason::CertificateHold
    );
    house.commit(vec![change::set_device_enabled(device, true)]);
    house.settle();
    assert_eq!(entry(&house, &certificate), None);
    house.commit(vec![change::set_device_enabled(device, false)]);
    house.settle();
    house.commit(vec![Change::Delete { id: device }]);
    house.settle();
    let found = entry(&house, &certificate).unwrap();
    assert_eq!(found.reason, Reason::CessationOfOperation, "for good");
    let log = events(&house.log(Ca::Devices));
    let changes: Vec<_> = log
        .into_iter()
        .filter(|event| matches!(event, Event::Revoked(_) | Event::Released))
        .collect();
    assert_eq!(
        changes,
        [
            Event::Revoked(Reason::CertificateHold),
            Event::Released,
            Event::Revoked(Reason::CertificateHold),
            Event::Revoked(Reason::CessationOfOperation),
        ]
    );
}

#[test]
fn a_certificate_that_was_revoked_by_hand_does_not_come_back_with_its_device() {
    let mut house = House::founded();
    let (device, certificate) = house.enrolled();
    ask(
        &mut house,
        certificate.serial(),
        Some(Reason::KeyCompromise),
    )
    .unwrap();
    for enabled in [false, true] {
        house.commit(vec![change::set_device_enabled(device, enabled)]);
        house.settle();
        assert_eq!(
            entry(&house, &certificate).unwrap().reason,
            Reason::KeyCompromise
        );
    }
}

/// What a registration writes when it has the certificate.
fn register(house: &mut House, device: EntryId, certificate: &Certificate) {
    let identity = DeviceCertificate {
        thumbprint: certificate.thumbprint().to_bytes(),
        public_key_hash: "AAAA".to_owned(),
    };
    house.commit(vec![change::set_device_certificate(device, &identity)]);
    house.settle();
}

#[test]
fn a_devices_former_certificate_is_superseded_when_it_registers_anew() {
    let mut house = House::founded();
    let device = house.device();
    let mut certificates = Vec::new();
    for _ in 0..3 {
        let request = house.ask(device, &PrivateKey::generate(KeyKind::P256));
        house.settle();
        let Some(Outcome::Issued(certificate)) = house.outcome(&request) else {
            panic!("it is issued");
        };
        certificates.push(certificate);
    }
    let [first, second, third] = &certificates[..] else {
        panic!("three");
    };
    register(&mut house, device.0, first);
    for certificate in &certificates {
        assert_eq!(
            entry(&house, certificate),
            None,
            "the others are still on their way"
        );
    }
    register(&mut house, device.0, second);
    assert_eq!(entry(&house, first).unwrap().reason, Reason::Superseded);
    assert_eq!(entry(&house, second), None);
    assert_eq!(entry(&house, third), None);
    register(&mut house, device.0, third);
    assert_eq!(entry(&house, second).unwrap().reason, Reason::Superseded);
    assert_eq!(entry(&house, third), None);
}

#[test]
fn other_changes_of_a_device_do_not_touch_its_certificate() {
    let mut house = House::founded();
    let (device, certificate) = house.enrolled();
    let name = directory::Attribute::DisplayName;
    house.commit(vec![change::set(device, name, "LAPTOP-2")]);
    house.settle();
    assert_eq!(entry(&house, &certificate), None);
    assert_eq!(house.audit("certificate.revoke"), []);
}

/// An account that lists a key, and a certificate of that key that lives with the listing.
fn listed(house: &mut House) -> (EntryId, Vec<u8>, Certificate) {
    let account = EntryId::random(&mut house.rng);
    let container = house.snapshot().domain().users;
    let material = PasswordMaterial::random(&mut house.rng);
    let user = NewEntry::user(account, container, "alice", "Alice");
    let key = PrivateKey::generate(KeyKind::P256);
    let blob = NewKeyCredential {
        key_material: &key.public_key().to_spki_der(),
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: None,
        custom_key_information: None,
        last_logon: None,
        creation_time: None,
    };
    let blob = blob.write().unwrap().as_bytes().to_vec();
    house.commit(vec![
        user.with_password(material, false).into(),
        change::add_key_credential(account, blob.clone(), Origin::Administrator),
    ]);
    let device = Guid::from_random([3; 16]);
    let profile = Profile::Device(says(device), house.configuration.device_length);
    house.call(|view, now, rng| {
        let mut work = Work::new(view, now, rng);
        let founded = Founded::read(&work, Ca::Devices).unwrap().unwrap();
        let wanted = Wanted {
            ca: Ca::Devices,
            profile: &profile,
            key: key.public_key(),
            life: Span::days(30),
            purpose: Purpose::Device(b"listed".to_vec()),
            binding: Binding {
                holder: Some(account.0),
                listed: true,
            },
            cause: "a test".to_owned(),
        };
        issue::prepare(&mut work, &wanted, &founded)
            .unwrap()
            .unwrap();
        work.finish().unwrap()
    });
    house.settle();
    match house.outcome(b"listed") {
        Some(Outcome::Issued(certificate)) => (account, blob, certificate),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_certificate_that_lives_with_a_listed_key_dies_with_the_listing() {
    let mut house = House::founded();
    let (account, blob, certificate) = listed(&mut house);
    assert_eq!(entry(&house, &certificate), None);
    let value = KeyValueId::of(&blob);
    house.commit(vec![change::remove_key_credential(account, value)]);
    house.settle();
    let found = entry(&house, &certificate).expect("it is revoked");
    assert_eq!(found.reason, Reason::CessationOfOperation);
    let told = &house.audit("certificate.revoke")[0];
    let reason = told.reason.as_deref().unwrap();
    assert!(reason.ends_with("its key is no longer listed"), "{reason}");
}

#[test]
fn a_certificate_of_a_disabled_account_is_on_hold_and_of_a_deleted_one_revoked() {
    let mut house = House::founded();
    let (account, _, certificate) = listed(&mut house);
    let control = house
        .snapshot()
        .account_by_id(account)
        .unwrap()
        .unwrap()
        .control;
    house.commit(vec![change::disable(account, control)]);
    house.settle();
    assert_eq!(
        entry(&house, &certificate).unwrap().reason,
        Reason::CertificateHold
    );
    house.commit(vec![change::enable(account, control)]);
    house.settle();
    assert_eq!(entry(&house, &certificate), None);
    house.commit(vec![Change::Delete { id: account }]);
    house.settle();
    let reason = entry(&house, &certificate).unwrap().reason;
    assert_eq!(reason, Reason::CessationOfOperation);
}

#[test]
fn an_administrator_revokes_once_and_releases_only_what_is_on_hold() {
    let mut house = House::founded();
    let (_, certificate) = house.enrolled();
    let serial = certificate.serial();
    assert_eq!(ask(&mut house, serial, None), Err(Refused::NotOnHold));
    assert_eq!(
        ask(&mut house, &[1; 16], Some(Reason::Superseded)),
        Err(Refused::NotIssued(Ca::Devices))
    );
    assert_eq!(
        ask(&mut house, serial, Some(Reason::RemoveFromCrl)),
        Err(Refused::Reason)
    );
    ask(&mut house, serial, Some(Reason::CertificateHold)).unwrap();
    assert_eq!(
        ask(&mut house, serial, Some(Reason::CertificateHold)),
        Err(Refused::AlreadyRevoked)
    );
    ask(&mut house, serial, None).unwrap();
    ask(&mut house, serial, Some(Reason::Superseded)).unwrap();
    assert_eq!(
        ask(&mut house, serial, Some(Reason::Superseded)),
        Err(Refused::AlreadyRevoked)
    );
    assert_eq!(ask(&mut house, serial, None), Err(Refused::NotOnHold));
    let told = &house.audit("certificate.revoke")[0];
    assert_eq!(told.actor, admin());
    let issued = super::certificate(&house.snapshot(), Ca::Devices, serial, house.now);
    let revoked = issued.unwrap().unwrap().revoked;
    assert_eq!(revoked, Some((house.now, Reason::Superseded)));
}

#[test]
fn certificates_are_listed_in_pages() {
    let mut house = House::founded();
    let mut serials: Vec<Vec<u8>> = (0..5)
        .map(|_| house.enrolled().1.serial().to_vec())
        .collect();
    serials.sort();
    let mut found = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = certificates(
            &house.snapshot(),
            Ca::Devices,
            after.as_deref(),
            2,
            house.now,
        );
        let page = page.unwrap();
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.certificate.serial().to_vec());
        found.extend(
            page.into_iter()
                .map(|one| one.certificate.serial().to_vec()),
        );
    }
    assert_eq!(found, serials);
}

#[test]
fn a_revoked_certificate_leaves_the_list_one_list_after_it_ended() {
    // RFC 5280 3.3.
    let mut house = House::empty();
    house.configuration = configured(&Settings {
        device_days: 1,
        ..quick()
    });
    house.found();
    house.settle();
    let (_, certificate) = house.enrolled();
    ask(&mut house, certificate.serial(), Some(Reason::Superseded)).unwrap();
    let mut lists = Vec::new();
    for day in 1..12 {
        house.now = START + Span::days(day);
        house.tick();
        house.settle();
        let list = house.list(Ca::Devices);
        if lists.last().is_none_or(|(der, _)| der != list.der()) {
            let listed = list.find(certificate.serial()).unwrap().is_some();
            lists.push((list.der().to_vec(), listed));
        }
    }
    let listed: Vec<bool> = lists.into_iter().map(|(_, listed)| listed).collect();
    assert_eq!(
        listed,
        [true, true, false],
        "on one list after its end, then gone"
    );
}

#[test]
fn a_revocation_between_logging_and_signing_a_list_is_on_the_next() {
    let mut house = House::founded();
    let (first, one) = house.enrolled();
    let (second, two) = house.enrolled();
    house.commit(vec![Change::Delete { id: first }]);
    house.react();
    house.react();
    let log = events(&house.log(Ca::Devices));
    assert_eq!(log.last(), Some(&Event::ListToBeSigned));
    house.commit(vec![Change::Delete { id: second }]);
    house.settle();
    assert!(entry(&house, &one).is_some());
    assert!(entry(&house, &two).is_some());
    house.assert_whole_logs();
}

#[test]
fn many_revocations_make_one_list_that_has_them_all() {
    let mut house = House::founded();
    let devices: Vec<_> = (0..20).map(|_| house.enrolled()).collect();
    let deletes = devices
        .iter()
        .map(|(id, _)| Change::Delete { id: *id })
        .collect();
    house.commit(deletes);
    house.settle();
    for (_, certificate) in &devices {
        assert!(entry(&house, certificate).is_some());
    }
    assert_eq!(house.list(Ca::Devices).revoked().count(), 20);
}

/// A device was disabled in the same commit in which a certificate was revoked. The list that this commit asked for came
/// after both in the log, was made of a state that did not have the first yet, and was believed to have it until half of its
/// life was over.
#[test]
fn two_revocations_by_one_commit_are_both_on_the_list() {
    let mut house = House::founded();
    let (device, first) = house.enrolled();
    let (_, second) = house.enrolled();
    house.now = house.now + Span::hours(1);
    house.call(|view, now, rng| {
        let of = (Ca::Devices, second.serial());
        let revoked = revoke(view, of, Reason::KeyCompromise, &admin(), now, rng);
        let mut changes = revoked.unwrap().unwrap();
        changes.push(directory::change::set_device_enabled(device, false));
        changes
    });
    house.settle();
    assert!(entry(&house, &second).is_some());
    assert!(entry(&house, &first).is_some(), "it is on hold");
    house.assert_whole_logs();
}
