//! Tickets on the strength of a ticket-granting ticket.

use crypto::key::KeyKind;
use crypto::signature::Signer;
use directory::{AccountControl, change};
use kdc::{KeyMeans, Means, Refused, Transport};
use ticket::client::{Granting, Secret, Wish};
use trust::Span;
use wire::Guid;
use wire::kerberos::{ErrorCode, KdcOptions, KrbError, PrincipalName, TicketFlags};

use crate::world::{PASSWORD, World, pair, refused};

fn renewal() -> Wish {
    Wish {
        options: KdcOptions::RENEW,
        renewable: None,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    }
}

#[test]
fn a_ticket_granting_ticket_gets_a_service_ticket_with_a_pac() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let host = world.host(&tgt).unwrap();
    assert!(!host.flags.contains(TicketFlags::INITIAL));
    let snapshot = world.directory.snapshot().unwrap();
    let laptop = snapshot.account_by_sam("LAPTOP-1$").unwrap().unwrap();
    let (part, key) = ticket::open(&host.ticket, &laptop.keys).unwrap();
    let pac = ticket::pac::verify_as_service(&part, key).unwrap();
    let info = pac.logon_info().unwrap();
    assert_eq!(info.effective_name, "alice");
    assert_eq!(info.logon_domain_name, "CORP");
    assert!(pac.requestor().is_none());
    assert_eq!(pac.upn_dns_info().unwrap().upn, "alice@corp.example");
}

#[test]
fn refuses_an_unknown_service_and_a_person_as_a_service() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let nobody = Wish::service(PrincipalName::service("http", "nowhere.corp.example"));
    let unknown = world.service(&tgt, &nobody).unwrap_err();
    assert_eq!(unknown, refused(ErrorCode::KDC_ERR_S_PRINCIPAL_UNKNOWN));
    let person = Wish::service(PrincipalName::principal("bob"));
    let person = world.service(&tgt, &person).unwrap_err();
    assert_eq!(person, refused(ErrorCode::KDC_ERR_MUST_USE_USER2USER));
}

#[test]
fn a_ticket_is_renewed_within_its_week_and_not_beyond() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    world.advance(Span::hours(9));
    let again = world.service(&tgt, &renewal()).unwrap();
    assert_eq!(again.end.unix() - tgt.end.unix(), 9 * 3600);
    assert_eq!(again.renew_till, tgt.renew_till);
    world.advance(Span::hours(11));
    let late = world.service(&again, &renewal()).unwrap_err();
    assert_eq!(late, refused(ErrorCode::KRB_AP_ERR_TKT_EXPIRED));
}

#[test]
fn a_forwardable_ticket_is_forwarded_and_another_is_not() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let forward = Wish {
        options: KdcOptions::FORWARDED | KdcOptions::FORWARDABLE,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let forwarded = world.service(&tgt, &forward).unwrap();
    assert!(forwarded.flags.contains(TicketFlags::FORWARDED));
    assert!(
        world
            .host(&forwarded)
            .unwrap()
            .flags
            .contains(TicketFlags::FORWARDED)
    );

    let control = AccountControl::NORMAL_ACCOUNT | AccountControl::NOT_DELEGATED;
    world.commit(&[change::set_control(world.alice, control)]);
    let tgt = world.password("alice", PASSWORD).unwrap();
    assert!(!tgt.flags.contains(TicketFlags::FORWARDABLE));
    let refusal = world.service(&tgt, &forward).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_BADOPTION));
}

#[test]
fn a_repeated_datagram_gets_its_first_answer() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let host = Wish::service(PrincipalName::service("host", "laptop-1.corp.example"));
    let (exchange, message) = Granting::start(&tgt, &host, world.now, &mut world.rng);
    let first = world.send(&message, Transport::Stream).unwrap();
    let second = world.send(&message, Transport::Stream).unwrap();
    assert_eq!(first, second);
    assert!(exchange.handle(&second).is_ok());
}

#[test]
fn an_answer_that_did_not_stand_is_given_to_nobody() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let host = Wish::service(PrincipalName::service("host", "laptop-1.corp.example"));
    let (_, message) = Granting::start(&tgt, &host, world.now, &mut world.rng);
    // Computed from a directory that changed meanwhile, and so not sent.
    assert!(world.compute(&message, Transport::Stream).reply.is_some());
    let disabled = AccountControl::NORMAL_ACCOUNT | AccountControl::ACCOUNT_DISABLE;
    world.commit(&[change::set_control(world.alice, disabled)]);
    world.refusal(&message, 18).unwrap();
}

#[test]
fn refuses_an_authenticator_in_another_message() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let host = Wish::service(PrincipalName::service("host", "laptop-1.corp.example"));
    let (_, message) = Granting::start(&tgt, &host, world.now, &mut world.rng);
    assert!(world.send(&message, Transport::Stream).is_some());
    // The same authenticator beside one more piece of padata: another message.
    let request = wire::kerberos::TgsReq::decode(&message).unwrap();
    let mut padata = request.padata.clone();
    padata.push(wire::kerberos::PaData::empty(
        wire::kerberos::PaDataType::PAC_OPTIONS,
    ));
    let other =
        wire::kerberos::TgsReq::with_encoded_body(padata, request.req_body.clone()).encode();
    let answer = world.send(&other, Transport::Stream).unwrap();
    let error = KrbError::decode(&answer).unwrap();
    assert_eq!(error.error_code, ErrorCode::KRB_AP_ERR_REPEAT);
}

#[test]
fn refuses_a_body_that_was_altered_on_the_way() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    let host = Wish::service(PrincipalName::service("host", "laptop-1.corp.example"));
    let (_, message) = Granting::start(&tgt, &host, world.now, &mut world.rng);
    let request = wire::kerberos::TgsReq::decode(&message).unwrap();
    let mut body = (*request.req_body).clone();
    body.kdc_options |= KdcOptions::PROXIABLE;
    let altered = wire::kerberos::TgsReq::new(request.padata.clone(), body).encode();
    let answer = world.send(&altered, Transport::Stream).unwrap();
    let error = KrbError::decode(&answer).unwrap();
    assert_eq!(error.error_code, ErrorCode::KRB_AP_ERR_MODIFIED);
}

#[test]
fn tickets_die_with_their_account() {
    let mut world = World::new();
    let tgt = world.password("alice", PASSWORD).unwrap();
    assert!(world.host(&tgt).is_ok());
    world.commit(&[change::disable(world.alice, AccountControl::NORMAL_ACCOUNT)]);
    let refusal = world.host(&tgt).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_CLIENT_REVOKED));
}

#[test]
fn tickets_die_with_their_key() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let tgt = world.with_pair("alice", &pair).unwrap();
    assert!(world.host(&tgt).is_ok());
    let snapshot = world.directory.snapshot().unwrap();
    let alice = snapshot.account_by_id(world.alice).unwrap().unwrap();
    let value = alice.key_credentials[0].id;
    drop(snapshot);
    world.commit(&[change::remove_key_credential(world.alice, value)]);
    let refusal = world.host(&tgt).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_TGT_REVOKED));
    assert_eq!(world.refused, Some(Refused::TgtRevoked("key")));
    let refusal = world.service(&tgt, &renewal()).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_TGT_REVOKED));
}

#[test]
fn tickets_die_with_their_device() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    let id = Guid::from_windows_bytes([5; 16]);
    let device = world.device(id);
    world.list(world.alice, &pair.key, Some(id));
    let tgt = world.with_pair("alice", &pair).unwrap();
    assert!(world.host(&tgt).is_ok());
    world.commit(&[change::set_device_enabled(device, false)]);
    let refusal = world.host(&tgt).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_TGT_REVOKED));
    assert_eq!(world.refused, Some(Refused::TgtRevoked("device")));
}

/// What a ticket for a service says got it, and how many elements of authorization data stand in it.
fn said(
    world: &World,
    shown: &ticket::client::Credential,
    service: &str,
) -> (Option<Means>, usize) {
    let snapshot = world.directory.snapshot().unwrap();
    let account = snapshot.account_by_sam(service).unwrap().unwrap();
    let (part, _) = ticket::open(&shown.ticket, &account.keys).unwrap();
    let data = part.authorization_data.unwrap_or_default();
    (Means::find(&data), data.iter().count())
}

#[test]
fn the_service_that_signs_in_is_told_what_got_a_ticket_and_no_other_service_is() {
    let mut world = World::new();
    world.realm.federation = Some("HTTP/sts.corp.example".to_owned());
    let pair = pair(KeyKind::P256);
    let id = Guid::from_windows_bytes([5; 16]);
    world.device(id);
    world.list(world.alice, &pair.key, Some(id));
    let tgt = world.with_pair("alice", &pair).unwrap();
    let expected = Means {
        account: world.alice.0,
        key: Some(KeyMeans {
            fingerprint: pair.key.public_key().fingerprint(),
            device: Some(id),
        }),
        certificate: None,
    };
    // By whatever name of its account, for the name on a ticket is not sealed.
    let names = [
        PrincipalName::service("HTTP", "sts.corp.example"),
        PrincipalName::service("http", "STS.corp.example"),
        PrincipalName::service("host", "sts.corp.example"),
        PrincipalName::principal("svc-federation$"),
    ];
    for name in names {
        let shown = world.service(&tgt, &Wish::service(name)).unwrap();
        assert_eq!(said(&world, &shown, "svc-federation$"), (Some(expected), 2));
    }
    let host = world.host(&tgt).unwrap();
    assert_eq!(said(&world, &host, "LAPTOP-1$"), (None, 1));

    let federation = PrincipalName::service("HTTP", "sts.corp.example");
    let secret = Secret::Password(PASSWORD);
    let shown = world.ask(
        PrincipalName::principal("alice"),
        Wish::service(federation.clone()),
        secret,
    );
    let by_password = Means {
        key: None,
        ..expected
    };
    let said_of = said(&world, &shown.unwrap(), "svc-federation$");
    assert_eq!(said_of, (Some(by_password), 2));

    world.realm.federation = None;
    let shown = world.service(&tgt, &Wish::service(federation)).unwrap();
    assert_eq!(said(&world, &shown, "svc-federation$"), (None, 1));
}
