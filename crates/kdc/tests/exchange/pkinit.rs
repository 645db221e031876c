//! Key trust (protocols E.4), each refusal beside the same request's success.

use crypto::key::KeyKind;
use directory::change;
use kdc::Refused;
use trust::Span;
use wire::Guid;
use wire::Sid;
use wire::kerberos::ErrorCode;

use crate::world::{Pair, World, certificate, pair, refused};

#[test]
fn a_listed_key_signs_in_whatever_its_kind_and_the_kdc_s() {
    for kdc in [KeyKind::P256, KeyKind::Rsa2048] {
        for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
            let mut world = World::with_kdc_key(kdc);
            let pair = pair(kind);
            world.list(world.alice, &pair.key, None);
            let tgt = world.with_pair("alice", &pair);
            assert!(tgt.is_ok(), "{kdc:?} {kind:?}: {tgt:?} {:?}", world.refused);
            assert!(world.host(&tgt.unwrap()).is_ok());
        }
    }
}

#[test]
fn refuses_a_key_that_is_not_listed_on_the_account() {
    let mut world = World::new();
    let (listed, stranger) = (pair(KeyKind::P256), pair(KeyKind::P256));
    world.list(world.alice, &listed.key, None);
    let refusal = world.with_pair("alice", &stranger).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED));
    assert_eq!(world.refused, Some(Refused::KeyNotListed));
    assert!(world.with_pair("alice", &listed).is_ok());
}

#[test]
fn refuses_a_key_of_another_person() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let refusal = world.with_pair("bob", &pair).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_CLIENT_NAME_MISMATCH));
    assert!(world.with_pair("alice", &pair).is_ok());
}

#[test]
fn refuses_the_key_of_a_disabled_device() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    let id = Guid::from_windows_bytes([5; 16]);
    let device = world.device(id);
    world.list(world.alice, &pair.key, Some(id));
    assert!(world.with_pair("alice", &pair).is_ok());
    world.commit(&[change::set_device_enabled(device, false)]);
    let refusal = world.with_pair("alice", &pair).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED));
    assert_eq!(world.refused, Some(Refused::DeviceDisabled));
}

#[test]
fn a_certificate_of_a_trusted_issuer_is_never_judged_by_key_trust() {
    let mut world = World::new();
    let issuer = pair(KeyKind::P256);
    let own = pair(KeyKind::P256);
    world.list(world.alice, &own.key, None);
    assert!(world.with_pair("alice", &own).is_ok());
    let parsed = wire::x509::Certificate::parse(&issuer.certificate).unwrap();
    world.issuers = vec![trust::path::Anchor::new(parsed)];
    let issued = Pair {
        certificate: certificate("alice", "S-1-5-21/user", &own.key, &issuer.key, &[]),
        key: own.key.clone(),
    };
    let refusal = world.with_pair("alice", &issued).unwrap_err();
    // It is not for signing in, and that its key is listed does not help.
    assert_eq!(
        refusal,
        refused(ErrorCode::KDC_ERR_INCONSISTENT_KEY_PURPOSE)
    );
}

#[test]
fn refuses_a_signature_by_another_key_than_the_certificate_s() {
    let mut world = World::new();
    let (own, other) = (pair(KeyKind::P256), pair(KeyKind::P256));
    world.list(world.alice, &own.key, None);
    let mixed = Pair {
        key: other.key.clone(),
        certificate: own.certificate.clone(),
    };
    let refusal = world.with_pair("alice", &mixed).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_INVALID_SIG));
}

#[test]
fn a_locked_out_password_does_not_lock_out_the_key() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    for _ in 0..12 {
        assert!(world.password("alice", "wrong").is_err());
    }
    assert!(world.with_pair("alice", &pair).is_ok());
}

#[test]
fn a_fresh_key_sign_in_tells_services_so_and_a_password_does_not() {
    let mut world = World::new();
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    let by_key = world.with_pair("alice", &pair).unwrap();
    let by_password = world.password("alice", crate::world::PASSWORD).unwrap();
    let mut sids = |tgt| {
        let host = world.host(tgt).unwrap();
        let snapshot = world.directory.snapshot().unwrap();
        let laptop = snapshot.account_by_sam("LAPTOP-1$").unwrap().unwrap();
        let (part, key) = ticket::open(&host.ticket, &laptop.keys).unwrap();
        let pac = ticket::pac::verify_as_service(&part, key).unwrap();
        pac.logon_info().unwrap().sids().collect::<Vec<_>>()
    };
    let marks = [
        Sid::KEY_TRUST_IDENTITY,
        Sid::KEY_PROPERTY_MFA,
        Sid::FRESH_PUBLIC_KEY_IDENTITY,
    ];
    let key = sids(&by_key);
    assert!(marks.iter().all(|mark| key.contains(mark)), "{key:?}");
    let password = sids(&by_password);
    assert!(
        !marks.iter().any(|mark| password.contains(mark)),
        "{password:?}"
    );
}

#[test]
fn freshness_can_be_required_and_a_stale_token_is_replaced() {
    let mut world = World::new();
    world.realm.require_freshness = true;
    let pair = pair(KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    assert!(world.with_pair("alice", &pair).is_ok());
    world.advance(Span::minutes(30));
    assert!(world.with_pair("alice", &pair).is_ok());
}
