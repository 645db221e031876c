//! Sign-in that must be armored, for whom a policy says so (POL-K1).

use std::collections::BTreeSet;

use crypto::etype::Etype;
use crypto::key::KeyKind;
use directory::{Attribute, Change, EntryId, NewEntry, change, group};
use kdc::Refused;
use policy::settings::kerberos::RequireFast;
use policy::{Half, PolicyObject, Setting as _, Value, stored};
use ticket::client::{Failed, Secret};
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
    let replaced = {
        let snapshot = world.directory.snapshot().unwrap();
        stored::replace(&snapshot, &object).unwrap()
    };
    world.commit(&[replaced]);
    assert!(world.password("alice", PASSWORD).is_ok());
    object.enabled = true;
    let replaced = {
        let snapshot = world.directory.snapshot().unwrap();
        stored::replace(&snapshot, &object).unwrap()
    };
    world.commit(&[replaced]);
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
