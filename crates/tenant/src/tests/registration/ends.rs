//! The end of a device, by its own wish or an administrator's (protocols B.6, DREG-W6).

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer;
use directory::{Change, EntryId, NewEntry, Origin, Snapshot, change};
use wire::http::{Method, Request};
use wire::key_credential::KeyUsage;

use super::{ask, by_device, joined, register, token, why};
use crate::tests::world::{Device, World, json as body, key_credential};

fn delete(device: &Device, id: &wire::Guid) -> Request {
    let target = format!("/EnrollmentServer/device/{id}?api-version=1.0");
    by_device(Method::Delete, &target, device)
}

#[test]
fn a_device_is_deleted_by_its_own_certificate_alone_and_its_keys_go() {
    let mut world = World::new();
    let device = joined(&mut world, "alice", "laptop");
    let other = joined(&mut world, "bob", "other");
    let hello = PrivateKey::generate(KeyKind::P256);
    let with = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id)
    });
    assert_eq!(register(&mut world, &with, &hello).status, 200);

    // By nobody, by another device, by a certificate that is none of ours.
    let target = format!("/EnrollmentServer/device/{}?api-version=1.0", device.id);
    let nobody = ask(&mut world, Request::new(Method::Delete, &target));
    assert_eq!(nobody.status, 401);
    assert_eq!(ask(&mut world, delete(&other, &device.id)).status, 401);
    assert!(why(&world).contains("another one"), "{}", why(&world));
    world.at = 1;
    let foreign = joined(&mut world, "alice", "laptop");
    world.at = 0;
    assert_eq!(ask(&mut world, delete(&foreign, &device.id)).status, 401);
    let bearer = format!("Bearer {with}");
    let by_token = Request::new(Method::Delete, &target).with_header("Authorization", &bearer);
    assert_eq!(ask(&mut world, by_token).status, 401);
    for bad in [
        "/EnrollmentServer/device/x?api-version=1.0",
        "/EnrollmentServer/device/00000000-0000-0000-0000-000000000001",
    ] {
        let request = by_device(Method::Delete, bad, &device);
        assert_eq!(ask(&mut world, request).status, 400, "{bad}");
    }
    assert!(
        world
            .read(|snapshot| snapshot.device_by_id(device.id))
            .unwrap()
            .is_some()
    );

    let response = ask(&mut world, delete(&device, &device.id));
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert!(
        world
            .read(|snapshot| snapshot.device_by_id(device.id))
            .unwrap()
            .is_none()
    );
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
    let record = world.audit("device.unregister").unwrap();
    assert_eq!(record.device, Some(device.id));
    // It can join again with the same keys.
    let fingerprint = device.key.public_key().fingerprint().0;
    let left = world
        .read(|snapshot| registration::proven_device::by_key(snapshot, &fingerprint, world.now));
    assert!(left.unwrap().is_none());
}

#[test]
fn a_deleted_device_is_nobody_everywhere() {
    let mut world = World::new();
    let device = joined(&mut world, "alice", "laptop");
    let with = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id)
    });
    let listed = register(&mut world, &with, &PrivateKey::generate(KeyKind::P256));
    assert_eq!(listed.status, 200);
    world.commit([directory::Change::Delete { id: device.entry }]);
    // Whoever deleted it: its keys come off by what reacts.
    assert_eq!(world.account("alice").sign_in_keys().count(), 0);
    let again = ask(&mut world, delete(&device, &device.id));
    assert_eq!(again.status, 401);
    assert_eq!(body(&again)["subcode"], "DeviceNotFound");
    let key = PrivateKey::generate(KeyKind::P256);
    assert_eq!(register(&mut world, &with, &key).status, 401);
    assert!(why(&world).contains("not registered"), "{}", why(&world));
    let target = "/EnrollmentServer/key/00000000-0000-0000-0000-000000000001?api-version=1.0";
    let remove = ask(&mut world, by_device(Method::Delete, target, &device));
    assert_eq!(remove.status, 401);
}

#[test]
fn a_disabled_device_ends_nothing_and_registers_nothing() {
    let mut world = World::new();
    let device = joined(&mut world, "alice", "laptop");
    let with = token(&mut world, "alice", |claims| {
        claims.deviceid = Some(device.id)
    });
    world.commit([directory::change::set_device_enabled(device.entry, false)]);
    assert_eq!(ask(&mut world, delete(&device, &device.id)).status, 401);
    let key = PrivateKey::generate(KeyKind::P256);
    assert_eq!(register(&mut world, &with, &key).status, 401);
    assert!(why(&world).contains("disabled"), "{}", why(&world));
}

#[test]
fn however_many_people_have_keys_of_a_device_all_of_them_come_off() {
    const PEOPLE: usize = 1_001;
    let mut world = World::new();
    let device = joined(&mut world, "alice", "kiosk");
    let users = world.tenant().directory.domain().unwrap().users;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let id = EntryId::random(&mut world.rng);
        let name = format!("person-{number}");
        let entry = NewEntry::user(id, users, &name, &name);
        let key = PrivateKey::generate(KeyKind::P256);
        let value = key_credential(&key, KeyUsage::Ngc, device.id, world.now);
        let listed = change::add_key_credential(id, value, Origin::Registration);
        people.extend([Change::from(entry), listed]);
    }
    world.commit_without_reaction(people);
    let holders = |world: &World| {
        let all = |snapshot: &Snapshot<'_>| snapshot.holders_of_device_keys(device.id, 10_000);
        world.read(all).unwrap().len()
    };
    // And the device itself, by its transport key.
    assert_eq!(holders(&world), PEOPLE + 1);
    let response = ask(&mut world, delete(&device, &device.id));
    assert_eq!(response.status, 200);
    assert_eq!(holders(&world), 0);
}
