//! What a client is told of the state of its account beside the code (MS-KILE 2.2.1), and that nobody else is.

use crypto::etype::Etype;
use directory::account::AccountControl;
use directory::{Attribute, change};
use ticket::client::Credential;
use trust::Span;
use wire::kerberos::{KerbErrorData, KerbExtError, KrbError, PrincipalName};

use crate::forge::{Granted, Password};
use crate::stage::Stage;
use crate::world::{PASSWORD, World};

const DISABLED: AccountControl =
    AccountControl::NORMAL_ACCOUNT.with(AccountControl::ACCOUNT_DISABLE);

fn status(error: &KrbError) -> Option<u32> {
    let data = KerbErrorData::decode(error.e_data.as_ref()?).ok()?;
    Some(data.extended()?.status)
}

fn right(world: &mut World) -> Vec<u8> {
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let now = world.now;
    Password::new("alice", key, now, &mut world.rng).encode()
}

fn wrong(world: &mut World) -> Vec<u8> {
    let key = world.key_of(world.bob, Etype::Aes256CtsHmacSha1_96);
    let now = world.now;
    Password::new("alice", key, now, &mut world.rng).encode()
}

fn granting(world: &mut World, tgt: &Credential) -> Vec<u8> {
    let host = PrincipalName::service("host", "laptop-1.corp.example");
    Granted::new(tgt, host, world.now, &mut world.rng).encode()
}

/// Something that happens to alice's account, the code that she gets then, and the status beside it.
type State = (fn(&mut World), i32, u32);

const STATES: [State; 2] = [
    (
        |world| world.commit(&[change::set_control(world.alice, DISABLED)]),
        18,
        KerbExtError::ACCOUNT_DISABLED,
    ),
    (
        |world| {
            let expires = change::set(world.alice, Attribute::AccountExpires, world.now);
            world.commit(&[expires]);
        },
        18,
        KerbExtError::ACCOUNT_EXPIRED,
    ),
];

#[test]
fn who_proves_to_be_the_client_is_told_what_is_the_matter_with_the_account() {
    for (make, code, expected) in STATES {
        let mut world = World::new();
        world.realm.hide_unknown_names = true;
        let tgt = world.password("alice", PASSWORD).unwrap();
        world.advance(Span::seconds(1));
        make(&mut world);
        let message = right(&mut world);
        let told = world.refusal(&message, code).unwrap();
        assert_eq!(status(&told), Some(expected));
        let message = granting(&mut world, &tgt);
        let told = world.refusal(&message, code).unwrap();
        assert_eq!(status(&told), Some(expected));
    }
    let mut world = World::new();
    world.commit(&[change::expire_password(world.alice)]);
    let message = right(&mut world);
    let told = world.refusal(&message, 23).unwrap();
    assert_eq!(status(&told), Some(KerbExtError::PASSWORD_MUST_CHANGE));
}

#[test]
fn who_proves_nothing_is_not_told() {
    for (make, code, _) in STATES {
        for hides in [true, false] {
            let mut world = World::new();
            world.realm.hide_unknown_names = hides;
            make(&mut world);
            let message = wrong(&mut world);
            let told = world.refusal(&message, if hides { 24 } else { code });
            assert_eq!(status(&told.unwrap()), None);
        }
    }
}

#[test]
fn a_service_is_not_told_of_those_for_whom_it_asks() {
    let mut stage = Stage::new();
    let alice = stage.world.alice;
    stage.world.commit(&[change::set_control(alice, DISABLED)]);
    let message = stage.for_alice().encode();
    let told = stage.world.refusal(&message, 18).unwrap();
    assert_eq!(told.e_data, None);
    // Its own state it is told.
    stage.trust(stage.web, AccountControl::ACCOUNT_DISABLE);
    let message = stage.for_alice().encode();
    let told = stage.world.refusal(&message, 18).unwrap();
    assert_eq!(status(&told), Some(KerbExtError::ACCOUNT_DISABLED));
}
