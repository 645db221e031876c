//! Initial authentication by password.

use directory::{AccountControl, change};
use kdc::{Refused, Transport};
use ticket::client::{Initial, Secret, Wish};
use trust::Span;
use wire::kerberos::{ErrorCode, KrbError, PrincipalName, Realm, TicketFlags};

use crate::world::{PASSWORD, World, refused};

#[test]
fn a_right_password_gets_a_ticket_granting_ticket() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    assert_eq!(tgt.client.to_string(), "alice");
    assert_eq!(tgt.service.to_string(), "krbtgt/CORP.EXAMPLE");
    assert!(tgt.flags.contains(
        TicketFlags::INITIAL
            | TicketFlags::PRE_AUTHENT
            | TicketFlags::FORWARDABLE
            | TicketFlags::RENEWABLE
            | TicketFlags::ENC_PA_REP
    ));
}

#[test]
fn a_person_is_found_by_upn_and_gets_the_account_s_name() {
    let mut world = World::new();
    let name = PrincipalName::enterprise("alice@corp.example");
    let tgt = world.sign_in(name, Secret::Password(PASSWORD)).unwrap();
    assert_eq!(tgt.client.to_string(), "alice");
}

#[test]
fn refuses_a_wrong_password_and_an_unknown_person() {
    let mut world = World::new();
    let wrong = world.password("alice", "wrong").unwrap_err();
    assert_eq!(wrong, refused(ErrorCode::KDC_ERR_PREAUTH_FAILED));
    let unknown = world.password("mallory", PASSWORD).unwrap_err();
    assert_eq!(unknown, refused(ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN));
}

#[test]
fn a_computer_is_not_found_without_its_dollar_sign() {
    let mut world = World::new();
    let unknown = world.password("LAPTOP-1", PASSWORD).unwrap_err();
    assert_eq!(unknown, refused(ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN));
}

#[test]
fn ten_wrong_passwords_lock_out_for_fifteen_minutes_and_the_right_one_too() {
    let mut world = World::new();
    for _ in 0..10 {
        let wrong = world.password("alice", "wrong").unwrap_err();
        assert_eq!(wrong, refused(ErrorCode::KDC_ERR_PREAUTH_FAILED));
    }
    let locked = world.password("alice", PASSWORD).unwrap_err();
    assert_eq!(locked, refused(ErrorCode::KDC_ERR_CLIENT_REVOKED));
    assert_eq!(world.refused, Some(Refused::ClientLockedOut));
    assert!(world.password("bob", PASSWORD).is_ok());
    world.advance(Span::minutes(15) + Span::seconds(1));
    assert!(world.password("alice", PASSWORD).is_ok());
}

#[test]
fn refuses_a_disabled_account_and_one_whose_password_must_be_changed() {
    let mut world = World::new();
    world.commit(&[change::expire_password(world.alice)]);
    let expired = world.password("alice", PASSWORD).unwrap_err();
    assert_eq!(expired, refused(ErrorCode::KDC_ERR_KEY_EXPIRED));
    world.commit(&[change::disable(world.alice, AccountControl::NORMAL_ACCOUNT)]);
    let disabled = world.password("alice", PASSWORD).unwrap_err();
    assert_eq!(disabled, refused(ErrorCode::KDC_ERR_CLIENT_REVOKED));
}

#[test]
fn refuses_a_clock_that_is_more_than_five_minutes_off() {
    let mut world = World::new();
    let start = |world: &mut World, name| {
        let wish = Wish::ticket_granting("CORP.EXAMPLE");
        let realm = Realm::from("CORP.EXAMPLE");
        let secret = Secret::Password(PASSWORD);
        Initial::start(
            PrincipalName::principal(name),
            realm,
            wish,
            secret,
            world.now,
            &mut world.rng,
        )
    };
    let (exchange, message) = start(&mut world, "alice");
    let hints = world.send(&message, Transport::Stream).unwrap();
    let late = world.now - Span::minutes(6);
    let ticket::client::Handled::Send(_, message) =
        exchange.handle(&hints, late, &mut world.rng).unwrap()
    else {
        panic!("the KDC asked for no proof");
    };
    let answer = world.send(&message, Transport::Stream).unwrap();
    let error = KrbError::decode(&answer).unwrap();
    assert_eq!(error.error_code, ErrorCode::KRB_AP_ERR_SKEW);
}

#[test]
fn an_answer_that_does_not_fit_in_a_datagram_is_asked_for_over_tcp() {
    let mut world = World::new();
    world.realm.datagram_limit = 200;
    let wish = Wish::ticket_granting("CORP.EXAMPLE");
    let realm = Realm::from("CORP.EXAMPLE");
    let name = PrincipalName::principal("alice");
    let secret = Secret::Password(PASSWORD);
    let (exchange, message) = Initial::start(name, realm, wish, secret, world.now, &mut world.rng);
    let hints = world.send(&message, Transport::Stream).unwrap();
    let ticket::client::Handled::Send(_, message) =
        exchange.handle(&hints, world.now, &mut world.rng).unwrap()
    else {
        panic!("the KDC asked for no proof");
    };
    let short = world.send(&message, Transport::Datagram).unwrap();
    let error = KrbError::decode(&short).unwrap();
    assert_eq!(error.error_code, ErrorCode::KRB_ERR_RESPONSE_TOO_BIG);
    let whole = world.send(&message, Transport::Stream).unwrap();
    assert!(wire::kerberos::AsRep::decode(&whole).is_ok());
}

#[test]
fn answers_nothing_to_what_is_no_kerberos_and_survives_it() {
    let mut world = World::new();
    assert!(world.send(b"", Transport::Datagram).is_none());
    assert!(world.send(b"GET / HTTP/1.1", Transport::Stream).is_none());
    let answer = world
        .send(&[0x6a, 0x03, 0x30, 0x01], Transport::Stream)
        .unwrap();
    let error = KrbError::decode(&answer).unwrap();
    assert_eq!(error.error_code, ErrorCode::KRB_ERR_GENERIC);
    assert!(world.password("alice", PASSWORD).is_ok());
}
