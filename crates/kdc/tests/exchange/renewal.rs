//! What a renewal is good for: a ticket goes on for a week, and what got it must still be good for one, what it says be so
//! (security rows 2 and 19).

use crypto::key::KeyKind;
use directory::account::AccountControl;
use directory::password::{self, Chooser};
use directory::{Change, EntryId, change, well_known};
use kdc::Refused;
use ticket::client::{Credential, Wish};
use trust::Span;
use wire::kerberos::{ErrorCode, KdcOptions, TicketFlags};
use wire::pac::ValidationInfo;

use crate::world::{PASSWORD, World, pair, refused};

fn renew(world: &mut World, tgt: &Credential) -> Result<Credential, ErrorCode> {
    let wish = Wish {
        options: KdcOptions::RENEW,
        renewable: None,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    world.service(tgt, &wish).map_err(|failed| match failed {
        ticket::client::Failed::Refused(code) => code,
        other => panic!("{other:?}"),
    })
}

fn group(world: &World, rid: u32) -> EntryId {
    let snapshot = world.directory.snapshot().unwrap();
    let sid = snapshot.domain().sid.with_rid(rid).unwrap();
    snapshot.group_by_sid(&sid).unwrap().unwrap().id
}

fn join(world: &World, rid: u32) {
    let (group, member) = (group(world, rid), world.alice);
    world.commit(&[Change::AddMember { group, member }]);
}

fn leave(world: &World, rid: u32) {
    let (group, member) = (group(world, rid), world.alice);
    world.commit(&[Change::RemoveMember { group, member }]);
}

fn choose(world: &mut World, chooser: Chooser) {
    let snapshot = world.directory.snapshot().unwrap();
    let changed = password::change(
        &snapshot,
        world.alice,
        "another phrase altogether",
        chooser,
        crypto::password::Cost::LEAST,
        world.now,
        &mut world.rng,
    );
    drop(snapshot);
    world.commit(&[changed.unwrap().unwrap()]);
}

/// What a ticket-granting ticket says of its client.
fn logon_info(world: &World, tgt: &Credential) -> ValidationInfo {
    let krbtgt = world.krbtgt();
    let (part, key) = ticket::open(&tgt.ticket, &krbtgt.keys).unwrap();
    let pac = ticket::pac::verify(&part, key, &krbtgt.keys).unwrap();
    assert!(pac.requestor().is_some() && pac.attributes_info().is_some());
    pac.logon_info().unwrap()
}

#[test]
fn a_ticket_of_a_password_is_not_renewed_when_the_password_was_replaced() {
    for chooser in [
        Chooser::Administrator { must_change: false },
        Chooser::Administrator { must_change: true },
    ] {
        let mut world = World::new();
        let tgt = world.password("alice", PASSWORD).unwrap();
        world.advance(Span::hours(1));
        let again = renew(&mut world, &tgt).unwrap();
        choose(&mut world, chooser);
        let refused = renew(&mut world, &again).unwrap_err();
        let expected = match chooser {
            Chooser::Administrator { must_change: true } => ErrorCode::KDC_ERR_KEY_EXPIRED,
            _ => ErrorCode::KDC_ERR_TGT_REVOKED,
        };
        assert_eq!(refused, expected, "{:?}", world.refused);
        // Until it ends it gets tickets: nobody's work stops in the middle because they chose a new password.
        world.host(&again).unwrap();
    }
}

#[test]
fn a_ticket_of_a_key_is_renewed_whatever_the_password_is() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let tgt = world.with_pair("alice", &pair).unwrap();
    world.advance(Span::hours(1));
    choose(&mut world, Chooser::Administrator { must_change: true });
    let control = AccountControl::NORMAL_ACCOUNT.with(AccountControl::SMARTCARD_REQUIRED);
    world.commit(&[change::set_control(world.alice, control)]);
    renew(&mut world, &tgt).unwrap();
}

#[test]
fn a_ticket_of_a_password_is_not_renewed_for_who_must_use_a_key_by_now() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let control = AccountControl::NORMAL_ACCOUNT.with(AccountControl::SMARTCARD_REQUIRED);
    world.commit(&[change::set_control(world.alice, control)]);
    let refused = renew(&mut world, &tgt).unwrap_err();
    assert_eq!(refused, ErrorCode::KDC_ERR_POLICY);
    assert_eq!(world.refused, Some(Refused::KeyRequired));
}

#[test]
fn a_renewed_ticket_says_which_groups_its_client_is_in_now_and_how_it_was_proven_then() {
    let mut world = World::new();
    join(&world, well_known::DOMAIN_ADMINS);
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let tgt = world.with_pair("alice", &pair).unwrap();
    let before = logon_info(&world, &tgt);
    leave(&world, well_known::DOMAIN_ADMINS);
    world.advance(Span::hours(1));
    let renewed = renew(&mut world, &tgt).unwrap();
    let after = logon_info(&world, &renewed);
    let is_admin = |info: &ValidationInfo| {
        let mut groups = info.group_ids.iter();
        groups.any(|group| group.relative_id == well_known::DOMAIN_ADMINS)
    };
    assert!(is_admin(&before) && !is_admin(&after));
    assert_eq!(before.extra_sids, after.extra_sids);
    assert!(before.extra_sids.len() >= 2, "asserted, and by a key");
    // What is got with it is of the same mind.
    world.host(&renewed).unwrap();
    let again = renew(&mut world, &renewed).unwrap();
    assert_eq!(logon_info(&world, &again).extra_sids, before.extra_sids);
}

#[test]
fn ms_kile_3_3_5_1_tickets_of_protected_users_live_four_hours_and_are_renewed_no_longer() {
    let mut world = World::new();
    let usual = world.password("alice", PASSWORD).unwrap();
    assert_eq!(usual.end.unix() - world.now.unix(), 10 * 3600);
    join(&world, well_known::PROTECTED_USERS);
    let tgt = world.password("alice", PASSWORD).unwrap();
    let hours = |time: wire::kerberos::KerberosTime, world: &World| {
        (time.unix() - world.now.unix()) as f64 / 3600.0
    };
    assert_eq!(hours(tgt.end, &world), 4.0);
    assert_eq!(tgt.renew_till, None);
    assert!(!tgt.flags.contains(TicketFlags::RENEWABLE));
    assert!(!tgt.flags.contains(TicketFlags::FORWARDABLE));
    assert_eq!(hours(world.host(&tgt).unwrap().end, &world), 4.0);
    // A shorter one is renewed within the four.
    let short = Wish {
        lifetime: Span::hours(3),
        renewable: Some(Span::days(7)),
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let short = world
        .ask(
            wire::kerberos::PrincipalName::principal("alice"),
            short,
            ticket::client::Secret::Password(PASSWORD),
        )
        .unwrap();
    let begun = world.now;
    world.advance(Span::hours(2));
    let renewed = renew(&mut world, &short).unwrap();
    assert_eq!(renewed.end.unix() - begun.unix(), 4 * 3600);
    // One from before they were protected is not renewed at all.
    assert_eq!(
        renew(&mut world, &usual).unwrap_err(),
        ErrorCode::KDC_ERR_BADOPTION
    );
    leave(&world, well_known::PROTECTED_USERS);
    renew(&mut world, &usual).unwrap();
    world.advance(Span::hours(3));
    let over = world.host(&tgt).unwrap_err();
    assert_eq!(over, refused(ErrorCode::KRB_AP_ERR_TKT_EXPIRED));
}
