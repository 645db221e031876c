//! Nothing breaks while the KDC's keys are rotated: tickets of before are renewed, forwarded and get services, across two
//! rotations, until they end.

use directory::password::PasswordMaterial;
use directory::{Change, EntryId, change};
use kdc::Refused;
use ticket::client::{Credential, Wish};
use trust::Span;
use wire::kerberos::{ErrorCode, KdcOptions};

use crate::world::{PASSWORD, World, refused};

fn renewal() -> Wish {
    Wish {
        options: KdcOptions::RENEW,
        renewable: None,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    }
}

fn forwarding() -> Wish {
    Wish {
        options: KdcOptions::FORWARDED | KdcOptions::FORWARDABLE,
        renewable: None,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    }
}

fn krbtgt(world: &World) -> EntryId {
    world.directory.domain().unwrap().krbtgt
}

fn rotate(world: &mut World, id: EntryId) -> u32 {
    let material = PasswordMaterial::random(&mut world.rng);
    world.commit(&[change::set_password(id, material)]);
    world.account(id).keys.kvno()
}

/// What the administrator's job does when the overlap is over.
fn forget(world: &World, id: EntryId) {
    let before = world.account(id).keys.kvno();
    world.commit(&[Change::ForgetFormerKeys { id, before }]);
}

fn sealed_under(credential: &Credential) -> Option<u32> {
    credential.ticket.enc_part.kvno.map(u32::from)
}

/// Everything that a ticket-granting ticket is for.
fn use_it(world: &mut World, tgt: &Credential, newest: u32) -> Credential {
    let host = world.host(tgt).unwrap();
    assert_eq!(host.client, tgt.client);
    let forwarded = world.service(tgt, &forwarding()).unwrap();
    assert_eq!(sealed_under(&forwarded), Some(newest), "sealed anew");
    world.host(&forwarded).unwrap();
    let renewed = world.service(tgt, &renewal()).unwrap();
    assert_eq!(sealed_under(&renewed), Some(newest), "sealed anew");
    renewed
}

#[test]
fn nobody_notices_two_rotations_with_the_overlap_between_them() {
    let mut world = World::new();
    let id = krbtgt(&world);
    let overlap = world.realm.lifetimes.key_overlap();
    let first = world.password("alice", PASSWORD).unwrap();
    assert_eq!(sealed_under(&first), Some(1));
    assert_eq!(rotate(&mut world, id), 2);
    let renewed = use_it(&mut world, &first, 2);
    world.advance(Span::hours(9));
    // Nine hours later the ticket of before does everything still.
    let again = use_it(&mut world, &first, 2);
    assert_eq!(sealed_under(&again), Some(2));
    world.now = world.now - Span::hours(9) + overlap;
    forget(&world, id);
    assert_eq!(world.account(id).keys.sets().len(), 1);
    // The first has ended by itself before its key was taken away; the renewed one goes on.
    let over = world.host(&first).unwrap_err();
    assert_eq!(over, refused(ErrorCode::KRB_AP_ERR_BADKEYVER));
    assert!(first.end.unix() < world.now.unix());
    let renewed = match renewed.end.unix() > world.now.unix() {
        true => renewed,
        false => again,
    };
    assert_eq!(rotate(&mut world, id), 3);
    use_it(&mut world, &renewed, 3);
    let fresh = world.password("alice", PASSWORD).unwrap();
    assert_eq!(sealed_under(&fresh), Some(3));
    use_it(&mut world, &fresh, 3);
}

#[test]
fn a_second_rotation_at_once_strands_tickets_which_is_why_it_is_refused() {
    let mut world = World::new();
    let id = krbtgt(&world);
    let tgt = world.password("alice", PASSWORD).unwrap();
    rotate(&mut world, id);
    world.host(&tgt).unwrap();
    rotate(&mut world, id);
    let stranded = world.host(&tgt).unwrap_err();
    assert_eq!(stranded, refused(ErrorCode::KRB_AP_ERR_BADKEYVER));
    assert_eq!(world.refused, Some(Refused::KeyGone));
}

#[test]
fn a_freshness_token_of_before_a_rotation_is_still_good() {
    let mut world = World::new();
    world.realm.require_freshness = true;
    let pair = crate::world::pair(crypto::key::KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let id = krbtgt(&world);
    rotate(&mut world, id);
    world.with_pair("alice", &pair).unwrap();
}

#[test]
fn a_service_opens_tickets_of_before_its_rotation_and_gets_new_ones_under_the_new_keys() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let before = world.host(&tgt).unwrap();
    let id = world.laptop;
    assert_eq!(rotate(&mut world, id), 2);
    let laptop = world.account(id);
    let (part, _) = ticket::open(&before.ticket, &laptop.keys).unwrap();
    assert_eq!(part.cname, tgt.client);
    let after = world.host(&tgt).unwrap();
    assert_eq!(sealed_under(&after), Some(2));
}
