//! A managed tenant (PROV-F1) from the join to an access token, and signing in by AUTH-F1.

use std::collections::VecDeque;

use hello::file::{MemoryFile, Slot, StateError};
use hello::gesture::Refused;
use hello::prt::Kind;
use hello::tenant::{NotSignedIn, SignedIn, TenantFault};
use provisioning::dialogue::SecondFactorProblem;
use provisioning::doors::TokenError;
use provisioning::{Stopped, Usable};
use testbed::{Dice, Factor, PIN, TenantWorld, documented};
use trust::Span;

const PAGE: &str = include_str!("../../../../docs/flows/cloud-managed.md");

/// A client that many machines have, and a resource that it may ask for.
const CLIENT: &str = "b743a22d-6705-4147-8670-d92fa515ee2b";
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Nothing of an enrolment that did not succeed is left: no key on the account, no container on the laptop.
#[track_caller]
fn nothing_is_registered(world: &TenantWorld) {
    assert_eq!(world.listed_keys(), 0, "the account lists a key");
    let containers = world.hello.containers().iter().count();
    assert_eq!(containers, 0, "the laptop has a container");
}

/// A laptop on which alice has enrolled and signed in.
fn signed_in() -> TenantWorld {
    let mut world = TenantWorld::new();
    assert_eq!(world.enrol(), Ok(Usable::Now));
    assert!(world.sign_in(PIN).is_ok());
    world
}

#[track_caller]
fn refused_with(error: &NotSignedIn, number: u32) {
    let NotSignedIn::Tenant(TenantFault::Refused { number: told, .. }) = error else {
        panic!("not refused by the tenant: {error:?}");
    };
    assert_eq!(*told, Some(number), "{error}");
}

#[test]
fn the_whole_story_is_the_one_in_the_document() {
    let mut world = TenantWorld::unjoined();
    world.join().unwrap().prt.unwrap();
    // Her second factor of the join is not fresh any more.
    world.advance(Span::minutes(11));
    assert_eq!(
        world.enrol(),
        Ok(Usable::Now),
        "{:?}",
        world.servers.refused()
    );
    world.sign_in(PIN).unwrap();
    let (rows, told) = (documented(PAGE), world.story.events());
    let steps: Vec<&str> = rows.iter().map(|row| row.step.as_str()).collect();
    assert_eq!(world.story.steps(), steps);
    for (row, event) in rows.iter().zip(&told) {
        assert!(
            row.is_told_by(event),
            "the document says {row:?}, and {event} was told"
        );
    }
}

#[test]
fn a_laptop_joins_enrols_and_signs_in_at_the_tenant() {
    let mut world = TenantWorld::new();
    let device = world.device().expect("it is registered");
    assert!(device.enabled && device.certificates.len() == 1);
    assert_eq!(device.display_name, "LAPTOP-1");
    assert_eq!(world.prt().unwrap().kind(), Kind::SignIn);
    assert_eq!(
        world.enrol(),
        Ok(Usable::Now),
        "{:?}",
        world.servers.refused()
    );
    // DIR-KCL-*: one value, of this device, with the very key of the container.
    let entry = world.entry();
    let [listed] = &entry.key_credentials[..] else {
        panic!("{} keys are listed", entry.key_credentials.len());
    };
    let container = world.hello.containers().of("alice@corp.example").unwrap();
    let key = container.public_key().unwrap().fingerprint();
    assert_eq!(listed.fingerprint, Some(key));
    let link = listed.link.as_ref().unwrap();
    assert_eq!(link.device_id(), Some(world.registration().device_id));
    let signed_in = world.sign_in(PIN).unwrap();
    assert!(matches!(&signed_in, SignedIn::Online(prt) if prt.kind() == Kind::Hello));
    let token = world.access_token(CLIENT, GRAPH).unwrap();
    let claims = call::sign_in::claims(&token.access_token).unwrap();
    assert_eq!(claims["upn"], "alice@corp.example");
    assert_eq!(
        claims["deviceid"],
        world.registration().device_id.to_string()
    );
    let amr: Vec<_> = claims["amr"].as_array().unwrap().iter().collect();
    assert!(amr.iter().any(|amr| *amr == "mfa"), "{amr:?}");
}

#[test]
fn a_second_factor_of_the_join_is_not_asked_for_again_within_ten_minutes() {
    // PROV-5.6: the primary refresh token carries it.
    let mut world = TenantWorld::new();
    assert_eq!(world.enrol(), Ok(Usable::Now));
    let seen = &world.alice.seen;
    assert!(
        seen.contains(&"second factor still fresh".to_owned()),
        "{seen:?}"
    );
    assert!(!world.story.steps().contains(&"F1.A3"));
}

#[test]
fn a_wrong_second_factor_is_said_and_can_be_tried_again() {
    let mut world = TenantWorld::new();
    world.advance(Span::minutes(11));
    world.alice.factors = VecDeque::from([Factor::Wrong, Factor::Right]);
    world.alice.retries = 1;
    assert_eq!(world.enrol(), Ok(Usable::Now));
    let said = SecondFactorProblem::Failed.to_string();
    assert!(world.alice.seen.contains(&said));
}

#[test]
fn a_flow_stopped_at_each_step_leaves_nothing_half_registered() {
    // ACC-6.
    let mut world = TenantWorld::new();
    world.advance(Span::minutes(11));
    world.alice.factors = VecDeque::from([Factor::Wrong]);
    let stopped = world.enrol().unwrap_err();
    assert_eq!(stopped, Stopped::SecondFactor(SecondFactorProblem::Failed));
    nothing_is_registered(&world);

    let pins = std::mem::take(&mut world.alice.pins);
    assert!(matches!(world.enrol(), Err(Stopped::Cancelled(_))));
    nothing_is_registered(&world);
    world.alice.pins = pins;

    // The token of phase A is still at hand, and the registration service looks at the device.
    world.disable_laptop(true);
    assert!(matches!(world.enrol(), Err(Stopped::Registration(_))));
    nothing_is_registered(&world);

    // It is not any more, and the tenant looks at the device that shows itself.
    world.advance(Span::minutes(11));
    let Err(Stopped::Token(TokenError::Refused(said))) = world.enrol() else {
        panic!("a disabled device gets a token");
    };
    assert!(said.contains("135011"), "{said}");
    nothing_is_registered(&world);
}

#[test]
fn the_pin_signs_in_offline_within_the_cached_lifetime_and_not_after() {
    // AUTH-2.
    let mut world = signed_in();
    world.offline = true;
    world.advance(Span::days(13));
    let signed_in = world.sign_in(PIN).unwrap();
    assert!(matches!(signed_in, SignedIn::Offline { .. }));
    world.advance(Span::days(2));
    let error = world.sign_in(PIN).unwrap_err();
    assert!(matches!(
        error,
        NotSignedIn::Tenant(TenantFault::Unreachable(_))
    ));
    world.offline = false;
    assert!(matches!(world.sign_in(PIN), Ok(SignedIn::Online(_))));
}

#[test]
fn with_a_wrong_pin_nobody_signs_in_online_or_offline() {
    let mut world = signed_in();
    for offline in [false, true] {
        world.offline = offline;
        let error = world.sign_in("000001").unwrap_err();
        assert!(matches!(
            error,
            NotSignedIn::Refused(Refused::WrongPin { .. })
        ));
    }
}

#[test]
fn after_the_device_was_disabled_nobody_signs_in_on_it() {
    let mut world = signed_in();
    world.disable_laptop(true);
    refused_with(&world.access_token(CLIENT, GRAPH).unwrap_err(), 135_011);
    refused_with(&world.sign_in(PIN).unwrap_err(), 135_011);
    // PRT-6: by now the laptop knows.
    world.offline = true;
    assert!(world.sign_in(PIN).is_err());
    world.offline = false;
    world.disable_laptop(false);
    assert!(matches!(world.sign_in(PIN), Ok(SignedIn::Online(_))));
}

#[test]
fn after_the_device_was_deleted_nobody_signs_in_on_it() {
    let mut world = signed_in();
    world.delete_laptop();
    assert!(world.device().is_none());
    refused_with(&world.sign_in(PIN).unwrap_err(), 50155);
    assert!(world.prt().is_none());
}

#[test]
fn a_revoked_key_and_a_disabled_person_sign_in_nowhere() {
    let mut world = signed_in();
    world.disable_alice(true);
    refused_with(&world.sign_in(PIN).unwrap_err(), 135_010);
    world.disable_alice(false);
    assert!(world.sign_in(PIN).is_ok());
    world.revoke_keys();
    refused_with(&world.sign_in(PIN).unwrap_err(), 135_010);
}

#[test]
fn the_laptop_is_told_its_policy_by_its_certificate_as_long_as_it_is_enabled() {
    // POL-S1: unset lets people enrol on a device of the tenant (PROV-1.4), and "no" does not.
    let mut world = TenantWorld::new();
    assert_eq!(world.told_policy().unwrap().use_hello, None);
    world.set("UsePassportForWork", &false.into());
    assert_eq!(world.told_policy().unwrap().use_hello, Some(false));
    assert!(matches!(world.enrol(), Err(Stopped::Prerequisites(_))));
    world.disable_laptop(true);
    assert!(world.told_policy().is_err());
}

#[test]
fn a_token_of_four_hours_is_renewed_before_it_is_used() {
    // PRT-3.
    let mut world = signed_in();
    let before = world.prt().unwrap();
    world.advance(Span::hours(5));
    world.access_token(CLIENT, GRAPH).unwrap();
    let after = world.prt().unwrap();
    assert_eq!(after.updated(), world.now());
    assert!(after.expires() > before.expires());
    assert_eq!(after.got(), before.got());
}

#[test]
fn the_prt_cache_of_another_device_opens_nothing() {
    let mut world = signed_in();
    let stolen = world.files.content(Slot::Prt).unwrap();
    let (files, mut rng) = (MemoryFile::new(), Dice::new(77));
    let cost = crypto::password::Cost::LEAST;
    let mut thief = hello::Hello::open(Box::new(files.clone()), cost, &mut rng).unwrap();
    thief
        .register(world.registration().clone(), &mut rng)
        .unwrap();
    files.replace(Slot::Prt, Some(stolen));
    let opened = thief.prt("alice@corp.example", world.now());
    assert_eq!(opened.unwrap_err(), StateError::Damaged(Slot::Prt));
    world.sign_in(PIN).unwrap();
}
