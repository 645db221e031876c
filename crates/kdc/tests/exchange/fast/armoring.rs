//! Sign-in that must be armored, for whom a policy says so (POL-K1).

use std::collections::BTreeSet;
use std::sync::Arc;

use crypto::etype::Etype;
use crypto::key::KeyKind;
use directory::{Attribute, Change, EntryId, NewEntry, Snapshot, change, group};
use kdc::{Memory, Refused, Transport, View};
use policy::settings::kerberos::RequireFast;
use policy::{Half, PolicyObject, Setting as _, Value, stored};
use ticket::client::{Failed, Secret};
use trust::Span;
use wire::Guid;
use wire::kerberos::{ErrorCode, MethodData, PaData, PaDataType, PrincipalName};

use crate::armor::Armored;
use crate::forge::Password;
use crate::world::{PASSWORD, World, pair, refused};

/// Requires armor of the members of a group, in which alice is.
fn require(world: &mut World) -> (EntryId, PolicyObject) {
    let id = EntryId::random(&mut world.rng);
    let users = world.directory.domain().unwrap().users;
    let entry = NewEntry::group(id, users, "Armored", group::GLOBAL_SECURITY);
    world.commit(&[entry.into()]);
    let member = world.alice;
    world.commit(&[Change::AddMember { group: id, member }]);
    let snapshot = world.directory.snapshot().unwrap();
    let sid = snapshot.group(id).unwrap().unwrap().sid;
    drop(snapshot);
    let mut object = PolicyObject::new(Guid::from_bytes([7; 16]), "Armored");
    object.filter = BTreeSet::from([sid]);
    object
        .set(Half::User, &RequireFast::ABOUT, Value::Switch(true))
        .unwrap();
    let added = {
        let snapshot = world.directory.snapshot().unwrap();
        stored::add(&snapshot, &object).unwrap()
    };
    world.commit(&[added]);
    (id, object)
}

fn armored(world: &mut World) -> Armored {
    let machine = world.machine();
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let mut request = Armored::new("alice", &machine, world);
    request.challenge(&key, world.now, &mut world.rng);
    request
}

fn policy_refuses() -> Failed {
    refused(ErrorCode::KDC_ERR_POLICY)
}

#[test]
fn a_member_of_the_group_signs_in_under_armor_alone_and_others_as_before() {
    let mut world = World::new();
    assert!(world.password("alice", PASSWORD).is_ok());
    require(&mut world);
    assert_eq!(
        world.password("alice", PASSWORD).unwrap_err(),
        policy_refuses()
    );
    assert_eq!(world.refused, Some(Refused::ArmorRequired));
    let exchange = world.exchange.as_ref().unwrap();
    assert_eq!(exchange.client.as_deref(), Some("alice"));
    let request = armored(&mut world);
    world.given(&request.encode()).unwrap();
    assert!(world.password("bob", PASSWORD).is_ok());
}

#[test]
fn what_is_refused_says_how_to_do_better() {
    let mut world = World::new();
    require(&mut world);
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let mut request = Password::new("alice", key, world.now, &mut world.rng);
    for prove in [false, true] {
        request.prove = prove;
        let error = world.refusal(&request.encode(), 12).unwrap();
        let methods = MethodData::decode(&error.e_data.unwrap()).unwrap();
        assert_eq!(methods.as_slice(), [PaData::empty(PaDataType::FX_FAST)]);
    }
}

#[test]
fn neither_a_right_nor_a_wrong_password_is_looked_at_without_armor() {
    let mut world = World::new();
    require(&mut world);
    for password in [PASSWORD, "wrong"] {
        for _ in 0..15 {
            assert_eq!(
                world.password("alice", password).unwrap_err(),
                policy_refuses()
            );
        }
    }
    let request = armored(&mut world);
    world.given(&request.encode()).unwrap();
}

#[test]
fn a_key_needs_armor_too_and_so_does_a_change_of_the_password() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    assert!(world.with_pair("alice", &pair).is_ok());
    let (group, _) = require(&mut world);
    assert_eq!(
        world.with_pair("alice", &pair).unwrap_err(),
        policy_refuses()
    );
    let service = PrincipalName::new(
        wire::kerberos::NameType::NT_SRV_INST,
        ["kadmin", "changepw"],
    );
    let wish = ticket::client::Wish::service(service);
    let name = PrincipalName::principal("alice");
    let refused = world.ask(name, wish, Secret::Password(PASSWORD));
    assert_eq!(refused.unwrap_err(), policy_refuses());
    // Whoever leaves the group needs none at once.
    let member = world.alice;
    world.commit(&[Change::RemoveMember { group, member }]);
    assert!(world.with_pair("alice", &pair).is_ok());
}

#[test]
fn a_computer_needs_no_armor() {
    let mut world = World::new();
    let (group, _) = require(&mut world);
    let member = world.laptop;
    world.commit(&[Change::AddMember { group, member }]);
    world.machine();
}

#[test]
fn a_policy_that_is_taken_back_or_disabled_requires_nothing() {
    let mut world = World::new();
    let (_, mut object) = require(&mut world);
    assert!(world.password("alice", PASSWORD).is_err());
    object.enabled = false;
    replace(&world, &object);
    assert!(world.password("alice", PASSWORD).is_ok());
    object.enabled = true;
    replace(&world, &object);
    assert!(world.password("alice", PASSWORD).is_err());
    let deleted = {
        let snapshot = world.directory.snapshot().unwrap();
        stored::delete(&snapshot, "Armored").unwrap()
    };
    world.commit(&[deleted]);
    assert!(world.password("alice", PASSWORD).is_ok());
}

#[test]
fn a_policy_of_a_later_release_is_not_passed_over() {
    let mut world = World::new();
    let (_, object) = require(&mut world);
    let id = EntryId(object.id);
    let text = "{\"version\":2}";
    world.commit(&[change::set(id, Attribute::PolicyDocument, text)]);
    assert!(world.password("bob", PASSWORD).is_err());
    assert_eq!(world.refused, Some(Refused::Fault));
    // Under armor nothing hangs on it, so that somebody can mend it.
    let request = armored(&mut world);
    world.given(&request.encode()).unwrap();
}

/// Puts a policy object in the place of the one of its name.
fn replace(world: &World, object: &PolicyObject) {
    let replaced = {
        let snapshot = world.directory.snapshot().unwrap();
        stored::replace(&snapshot, object).unwrap()
    };
    world.commit(&[replaced]);
}

/// Why alice is refused without armor, asked of one state of the directory, and which state it was in the end.
fn refused_by<'a>(world: &'a mut World, directory: Snapshot<'a>) -> (Option<Refused>, u64) {
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let request = Password::new("alice", key, world.now, &mut world.rng).encode();
    let view = View {
        directory,
        realm: &world.realm,
        identities: &world.identities,
        issuers: &world.issuers,
        lockout: &world.lockout,
        memory: &world.memory,
    };
    let (now, rng) = (world.now, &mut world.rng);
    let answer = kdc::answer(&request, None, Transport::Stream, &view, now, rng);
    (
        answer.exchange.unwrap().refused,
        view.directory.number().unwrap(),
    )
}

/// The race: a snapshot that found all that it needed in the directory's cache, and moves on to a newer state in the
/// very moment in which the policies are read.
#[test]
fn policies_that_were_read_of_a_newer_state_are_not_kept_for_an_older_one() {
    for required in [false, true] {
        let mut world = World::new();
        let (_, mut object) = require(&mut world);
        object.enabled = required;
        replace(&world, &object);
        // Alice and the realm's keys are in the cache from here on; what is kept of policies is not.
        let _ = world.password("alice", PASSWORD);
        world.memory = Memory::new(Span::minutes(5), &mut world.rng);
        let directory = Arc::clone(&world.directory);
        let (early, steady) = (directory.snapshot().unwrap(), directory.snapshot().unwrap());
        // This one has looked into the store, and stays where it is.
        assert_eq!(stored::objects(&steady).unwrap().len(), 1);
        let before = steady.number().unwrap();
        object.enabled = !required;
        replace(&world, &object);

        let by = |required: bool| required.then_some(Refused::ArmorRequired);
        assert_eq!(early.number(), Some(before), "it has not looked yet");
        let (refused, state) = refused_by(&mut world, early);
        assert_eq!(refused, by(!required));
        assert!(state > before, "it moved on while it looked");
        // Whoever is asked of the older state answers by its policies.
        assert_eq!(refused_by(&mut world, steady), (by(required), before));
        let newest = directory.snapshot().unwrap();
        assert_eq!(refused_by(&mut world, newest), (by(!required), state));
    }
}
