//! What one address can do to others, and what is told to who guesses names (security rows 16 and 21).

use std::net::IpAddr;

use crypto::etype::{Etype, Key};
use crypto::key::KeyKind;
use directory::lockout::LockoutPolicy;
use kdc::Refused;
use trust::Span;

use crate::forge::{Password, Pkinit};
use crate::world::{PASSWORD, Pair, World, pair};

const HOME: &str = "192.0.2.10";
const ATTACKER: &str = "203.0.113.66";

fn at(world: &mut World, address: &str) {
    world.from = Some(address.parse::<IpAddr>().unwrap());
}

fn right(world: &World) -> Key {
    world.key_of(world.alice, Etype::Aes256CtsHmacSha1_96)
}

fn wrong(world: &mut World) -> Key {
    Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &world.bytes::<32>())
}

fn with(world: &mut World, name: &str, key: Key) -> Vec<u8> {
    let now = world.now;
    Password::new(name, key, now, &mut world.rng).encode()
}

/// One wrong password for each of many names.
fn spray(world: &mut World, names: usize) {
    for number in 0..names {
        let key = wrong(world);
        let message = with(world, &format!("nobody{number}"), key);
        world.refusal(&message, 6).unwrap();
    }
}

#[test]
fn who_sprays_is_refused_by_address_before_another_password_is_looked_at() {
    let mut world = World::new();
    at(&mut world, ATTACKER);
    spray(&mut world, 60);
    for _ in 0..20 {
        let key = wrong(&mut world);
        let message = with(&mut world, "alice", key);
        world.refusal(&message, 29).unwrap();
        assert_eq!(world.refused, Some(Refused::SourceLimited));
    }
    // Nothing was counted against her, and the right password from there is not looked at either.
    let key = right(&world);
    let message = with(&mut world, "alice", key.clone());
    world.refusal(&message, 29).unwrap();
    at(&mut world, HOME);
    let message = with(&mut world, "alice", key.clone());
    world.given(&message).unwrap();
    // Later one more may come each ten seconds.
    at(&mut world, ATTACKER);
    world.advance(Span::seconds(10));
    spray(&mut world, 1);
    let message = with(&mut world, "alice", key);
    world.refusal(&message, 29).unwrap();
}

#[test]
fn an_ipv6_network_of_64_bits_counts_as_one_address_and_its_neighbour_as_another() {
    let mut world = World::new();
    for number in 0..60 {
        at(&mut world, &format!("2001:db8:1:2::{number:x}"));
        spray(&mut world, 1);
    }
    let key = right(&world);
    at(&mut world, "2001:db8:1:2:ffff::1");
    let message = with(&mut world, "alice", key.clone());
    world.refusal(&message, 29).unwrap();
    at(&mut world, "2001:db8:1:3::1");
    let message = with(&mut world, "alice", key);
    world.given(&message).unwrap();
    // An IPv4 address is the same whichever socket it came to.
    at(&mut world, ATTACKER);
    spray(&mut world, 60);
    at(&mut world, &format!("::ffff:{ATTACKER}"));
    let key = wrong(&mut world);
    let message = with(&mut world, "bob", key);
    world.refusal(&message, 29).unwrap();
}

#[test]
fn where_somebody_signed_in_lately_a_neighbours_spraying_keeps_nobody_out() {
    let mut world = World::new();
    at(&mut world, HOME);
    world.password("alice", PASSWORD).unwrap();
    spray(&mut world, 60);
    world.advance(Span::seconds(1));
    let key = right(&world);
    let message = with(&mut world, "alice", key);
    world.given(&message).unwrap();
    let key = world.key_of(world.bob, Etype::Aes256CtsHmacSha1_96);
    let message = with(&mut world, "bob", key);
    world.refusal(&message, 29).unwrap();
}

/// Locks alice by wrong passwords from many addresses.
fn lock(world: &mut World) {
    for number in 0..LockoutPolicy::default().threshold {
        at(world, &format!("203.0.113.{number}"));
        let key = wrong(world);
        let message = with(world, "alice", key);
        world.refusal(&message, 24).unwrap();
    }
}

#[test]
fn who_is_locked_out_by_strangers_signs_in_where_they_did_before_and_nowhere_else() {
    let mut world = World::new();
    at(&mut world, HOME);
    world.password("alice", PASSWORD).unwrap();
    lock(&mut world);
    world.advance(Span::seconds(1));
    let key = right(&world);
    at(&mut world, "198.51.100.7");
    let message = with(&mut world, "alice", key.clone());
    world.refusal(&message, 18).unwrap();
    at(&mut world, HOME);
    let message = with(&mut world, "alice", key.clone());
    world.given(&message).unwrap();
    // Which gives those who guess elsewhere no new start.
    at(&mut world, "198.51.100.7");
    world.advance(Span::seconds(1));
    let message = with(&mut world, "alice", key);
    world.refusal(&message, 18).unwrap();
}

#[test]
fn where_they_signed_in_before_as_many_wrong_passwords_end_that_too() {
    let mut world = World::new();
    at(&mut world, HOME);
    world.password("alice", PASSWORD).unwrap();
    lock(&mut world);
    at(&mut world, HOME);
    for _ in 0..LockoutPolicy::default().threshold {
        let key = wrong(&mut world);
        let message = with(&mut world, "alice", key);
        world.refusal(&message, 24).unwrap();
    }
    world.advance(Span::seconds(1));
    let key = right(&world);
    let message = with(&mut world, "alice", key);
    world.refusal(&message, 18).unwrap();
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

#[test]
fn garbage_in_place_of_signatures_is_refused_by_address_and_passwords_are_not_concerned() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    at(&mut world, ATTACKER);
    for _ in 0..100 {
        let message = garbage(&mut world, &pair);
        world.refusal(&message, 64).unwrap();
    }
    let message = garbage(&mut world, &pair);
    world.refusal(&message, 29).unwrap();
    // A password from there, and a key from elsewhere.
    world.password("alice", PASSWORD).unwrap();
    let now = world.now;
    let good = Pkinit::new("alice", &pair, now, &mut world.rng).encode();
    at(&mut world, HOME);
    world.given(&good).unwrap();
    // A signature locks nobody out, and spraying passwords keeps no signature out.
    spray(&mut world, 60);
    let now = world.now;
    let good = Pkinit::new("alice", &pair, now, &mut world.rng).encode();
    world.given(&good).unwrap();
}

#[test]
fn what_may_cost_a_signature_is_told_from_what_does_not_before_it_is_read() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    let key = right(&world);
    let password = with(&mut world, "alice", key);
    assert!(!kdc::is_costly(&password));
    let now = world.now;
    let mut smallest = Pkinit::new("alice", &pair, now, &mut world.rng);
    smallest.cms.certificates.clear();
    smallest.pack.supported_kdfs = None;
    assert!(kdc::is_costly(&smallest.encode()));
    assert!(kdc::is_costly(&garbage(&mut world, &pair)));
    // Nothing but an initial request signs anything.
    let mut other = smallest.encode();
    other[0] = 0x6c;
    assert!(!kdc::is_costly(&other));
    assert!(!kdc::is_costly(b""));
}
