//! What somebody can do with datagrams under addresses that are not theirs, and with messages of others that they caught
//! on the way (security row 16).

use std::net::IpAddr;

use crypto::etype::{Etype, Key};
use crypto::key::KeyKind;
use directory::lockout::LockoutPolicy;
use kdc::{Refused, Transport};
use trust::Span;
use wire::kerberos::{KrbError, MessageType};

use crate::armor::Armored;
use crate::forge::{Password, Pkinit};
use crate::world::{PASSWORD, Pair, World, pair};

const HOME: &str = "192.0.2.10";
const ATTACKER: &str = "203.0.113.66";

/// One that tells an unknown name from a wrong password, so that the tests see which it was.
fn realm() -> World {
    let mut world = World::new();
    world.realm.hide_unknown_names = false;
    world
}

fn at(world: &mut World, address: &str) {
    world.from = Some(address.parse::<IpAddr>().unwrap());
}

fn wrong(world: &mut World) -> Key {
    Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &world.bytes::<32>())
}

fn with(world: &mut World, name: &str, key: Key) -> Vec<u8> {
    let now = world.now;
    Password::new(name, key, now, &mut world.rng).encode()
}

/// A right sign-in of alice's, made anew.
fn right(world: &mut World) -> Vec<u8> {
    world.advance(Span::seconds(1));
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    with(world, "alice", key)
}

/// A wrong one.
fn guess(world: &mut World, name: &str) -> Vec<u8> {
    let key = wrong(world);
    with(world, name, key)
}

/// The code of the answer to a datagram; 0 is a ticket.
fn by_datagram(world: &mut World, message: &[u8]) -> i32 {
    let answer = world.send(message, Transport::Datagram).unwrap();
    match MessageType::of(&answer) {
        Some(MessageType::KRB_ERROR) => KrbError::decode(&answer).unwrap().error_code.0,
        _ => 0,
    }
}

fn garbage(world: &mut World, pair: &Pair) -> Vec<u8> {
    let now = world.now;
    let mut request = Pkinit::new("alice", pair, now, &mut world.rng);
    request.cms.signature = |mut signature| {
        let last = signature.len() - 1;
        signature[last] ^= 1;
        signature
    };
    request.encode()
}

fn signed(world: &mut World, pair: &Pair) -> Vec<u8> {
    world.advance(Span::seconds(1));
    let now = world.now;
    Pkinit::new("alice", pair, now, &mut world.rng).encode()
}

#[test]
fn guesses_in_datagrams_under_a_victims_address_keep_nobody_out_there() {
    let mut world = realm();
    at(&mut world, HOME);
    for number in 0..60 {
        let message = guess(&mut world, &format!("nobody{number}"));
        assert_eq!(by_datagram(&mut world, &message), 6);
    }
    // From then on datagrams from there are asked to prove where they come from, and nothing in them is looked at.
    let message = guess(&mut world, "alice");
    assert_eq!(by_datagram(&mut world, &message), 52);
    assert_eq!(world.refused, Some(Refused::SourceUnproven));
    let message = right(&mut world);
    assert_eq!(by_datagram(&mut world, &message), 52);
    world.given(&message).unwrap();
    // Guesses over connections count for themselves.
    for number in 0..60 {
        let message = guess(&mut world, &format!("nobody{number}"));
        world.refusal(&message, 6).unwrap();
    }
    let message = guess(&mut world, "bob");
    world.refusal(&message, 29).unwrap();
}

#[test]
fn garbage_in_datagrams_under_a_victims_address_keeps_no_key_out_there() {
    let mut world = realm();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    at(&mut world, HOME);
    for _ in 0..100 {
        let message = garbage(&mut world, &pair);
        assert_eq!(by_datagram(&mut world, &message), 64);
    }
    let message = garbage(&mut world, &pair);
    assert_eq!(by_datagram(&mut world, &message), 52);
    let message = signed(&mut world, &pair);
    assert_eq!(by_datagram(&mut world, &message), 52);
    world.given(&message).unwrap();
}

#[test]
fn who_knows_where_somebody_signs_in_cannot_lock_them_out_there_by_datagrams() {
    let mut world = realm();
    at(&mut world, HOME);
    let message = right(&mut world);
    world.given(&message).unwrap();
    for _ in 0..LockoutPolicy::default().threshold {
        let message = guess(&mut world, "alice");
        assert_eq!(by_datagram(&mut world, &message), 24);
    }
    // Locked elsewhere; here a datagram learns nothing more.
    let message = right(&mut world);
    at(&mut world, "198.51.100.7");
    world.refusal(&message, 18).unwrap();
    at(&mut world, HOME);
    for _ in 0..2 * LockoutPolicy::default().threshold {
        let message = guess(&mut world, "alice");
        assert_eq!(by_datagram(&mut world, &message), 52);
    }
    let message = right(&mut world);
    assert_eq!(by_datagram(&mut world, &message), 52);
    world.given(&message).unwrap();
}

#[test]
fn under_armor_too_a_client_is_asked_to_come_over_tcp_where_it_looks_for_that() {
    let mut world = realm();
    let machine = world.machine();
    at(&mut world, HOME);
    for number in 0..60 {
        let message = guess(&mut world, &format!("nobody{number}"));
        assert_eq!(by_datagram(&mut world, &message), 6);
    }
    let mut request = Armored::new("alice", &machine, &mut world);
    let key = world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96);
    let now = world.now;
    request.challenge(&key, now, &mut world.rng);
    let message = request.encode();
    assert_eq!(by_datagram(&mut world, &message), 52);
    world.given(&message).unwrap();
}

/// Sends what somebody else sent a while ago, from elsewhere. They get the answer, and cannot read it.
fn replay(world: &mut World, caught: &[u8]) {
    // Longer than an answer is remembered, and shorter than the timestamp holds.
    world.advance(Span::minutes(2));
    at(world, ATTACKER);
    world.given(caught).unwrap();
}

#[test]
fn a_sign_in_that_somebody_caught_and_sends_again_makes_no_address_familiar() {
    let pair = pair(KeyKind::P256);
    for by_key in [false, true] {
        let mut world = realm();
        world.list(world.alice, &pair.key, None);
        at(&mut world, HOME);
        let caught = match by_key {
            true => signed(&mut world, &pair),
            false => right(&mut world),
        };
        world.given(&caught).unwrap();
        replay(&mut world, &caught);
        for number in 0..60 {
            let message = guess(&mut world, &format!("nobody{number}"));
            world.refusal(&message, 6).unwrap();
        }
        let message = guess(&mut world, "alice");
        world.refusal(&message, 29).unwrap();
        at(&mut world, HOME);
        world.password("alice", PASSWORD).unwrap();
    }
}

#[test]
fn a_sign_in_that_somebody_caught_and_sends_again_ends_no_count_of_wrong_ones() {
    let mut world = realm();
    at(&mut world, HOME);
    let caught = right(&mut world);
    world.given(&caught).unwrap();
    at(&mut world, ATTACKER);
    for _ in 1..LockoutPolicy::default().threshold {
        let message = guess(&mut world, "alice");
        world.refusal(&message, 24).unwrap();
    }
    replay(&mut world, &caught);
    let message = guess(&mut world, "alice");
    world.refusal(&message, 24).unwrap();
    let message = right(&mut world);
    world.refusal(&message, 18).unwrap();
}
