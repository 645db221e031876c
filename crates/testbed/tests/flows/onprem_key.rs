//! On-premises key trust (PROV-F7) from the join to a service ticket, and signing in by AUTH-F8.

use std::collections::VecDeque;

use hello::gesture::Refused;
use hello::sign_in::NotSignedIn;
use policy::Value;
use provisioning::dialogue::SecondFactorProblem;
use provisioning::doors::{DeviceError, RegistrationError};
use provisioning::{Stopped, Usable};
use testbed::{Factor, PIN, World, documented};
use ticket::client::Failed;
use trust::Span;
use wire::kerberos::ErrorCode;

const PAGE: &str = include_str!("../../../../docs/flows/onprem-key.md");

/// Nothing of an enrolment that did not succeed is left: no key on the account, no container on the laptop.
#[track_caller]
fn nothing_is_registered(world: &World) {
    assert_eq!(world.listed_keys(), 0, "the account lists a key");
    assert_eq!(
        world.hello.containers().iter().count(),
        0,
        "the laptop has a container"
    );
}

fn refused(code: ErrorCode) -> NotSignedIn {
    NotSignedIn::Failed(Failed::Refused(code))
}

#[test]
fn the_whole_story_is_the_one_in_the_document() {
    let mut world = World::new();
    assert_eq!(world.enrol(), Ok(Usable::Now));
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
fn the_join_registers_the_laptop_and_its_key_signs_it_in() {
    // DREG-F5: computer account, its ticket, a token for it, a device with a certificate.
    let mut world = World::unjoined();
    world.join().unwrap();
    let device = world.device();
    assert!(device.enabled && device.certificates.len() == 1);
    assert_eq!(device.display_name, "LAPTOP-1");
    assert!(
        world
            .story
            .steps()
            .iter()
            .all(|step| step.starts_with("DREG-F5"))
    );
    let registration = world.hello.registration().unwrap();
    assert_eq!(
        (registration.computer.as_str(), registration.realm.as_str()),
        ("LAPTOP-1$", "CORP.EXAMPLE")
    );
}

#[test]
fn the_pin_becomes_a_ticket_for_a_service() {
    let mut world = World::new();
    world.enrol().unwrap();
    assert_eq!(
        world.alice.seen,
        [
            "offer for alice@corp.example",
            "waiting for the authenticator application",
            "second factor given",
            "choose a PIN of 6 or more",
            "creating the key",
            "registering the key",
            "the PIN can be used",
        ]
    );
    let tgt = world.sign_in(PIN).unwrap();
    assert_eq!(tgt.client.to_string(), "alice");
    let ticket = world.ticket_for_the_laptop(&tgt).unwrap();
    assert_eq!(ticket.service.to_string(), "host/laptop-1.corp.example");
}

#[test]
fn the_key_on_the_account_is_the_one_in_the_container() {
    // DIR-KCL-*, PROV-W7: one value, of this device, with the very key of the container.
    let mut world = World::new();
    world.enrol().unwrap();
    let entry = world.entry();
    let [listed] = &entry.key_credentials[..] else {
        panic!("{} keys are listed", entry.key_credentials.len());
    };
    let container = world.hello.containers().of("alice@corp.example").unwrap();
    assert_eq!(
        listed.fingerprint,
        Some(container.public_key().unwrap().fingerprint())
    );
    let link = listed.link.as_ref().unwrap();
    assert_eq!(link.device_id(), Some(world.device().device_id));
}

#[test]
fn a_wrong_second_factor_is_said_and_can_be_tried_again() {
    // PROV-5.2: failure; nothing is created before success.
    let mut world = World::new();
    world.alice.factors = VecDeque::from([Factor::Wrong, Factor::Right]);
    world.alice.retries = 1;
    assert_eq!(world.enrol(), Ok(Usable::Now));
    assert!(
        world
            .alice
            .seen
            .contains(&SecondFactorProblem::Failed.to_string())
    );
    let steps = world.story.steps();
    assert_eq!(steps[..4], ["PROV-2", "F7.A1", "F7.A1", "F7.A2"]);
    world.sign_in(PIN).unwrap();
}

#[test]
fn a_wrong_second_factor_that_is_not_tried_again_leaves_nothing() {
    let mut world = World::new();
    world.alice.factors = VecDeque::from([Factor::Wrong]);
    assert_eq!(
        world.enrol(),
        Err(Stopped::SecondFactor(SecondFactorProblem::Failed))
    );
    nothing_is_registered(&world);
    assert_eq!(world.enrol(), Ok(Usable::Now));
}

#[test]
fn a_second_factor_that_comes_too_late_is_asked_for_again_from_the_beginning() {
    // PROV-5.2: timeout. The sign-in at the federation service is over by then.
    let mut world = World::new();
    world.alice.factors = VecDeque::from([Factor::Late, Factor::Right]);
    world.alice.retries = 1;
    assert_eq!(world.enrol(), Ok(Usable::Now));
    assert!(
        world
            .alice
            .seen
            .contains(&SecondFactorProblem::TimedOut.to_string())
    );

    let mut world = World::new();
    world.alice.factors = VecDeque::from([Factor::Late]);
    assert_eq!(
        world.enrol(),
        Err(Stopped::SecondFactor(SecondFactorProblem::TimedOut))
    );
    nothing_is_registered(&world);
}

#[test]
fn a_second_factor_counts_for_ten_minutes_and_not_a_second_longer() {
    // PROV-5.6. The first enrolment stops at the PIN; the second begins later, with the token of the first.
    for (later, asked_again) in [
        (Span::minutes(10), false),
        (Span::minutes(10) + Span::seconds(1), true),
    ] {
        let mut world = World::new();
        let pin = std::mem::take(&mut world.alice.pins);
        assert_eq!(
            world.enrol(),
            Err(Stopped::Cancelled(provisioning::dialogue::Cancelled))
        );
        nothing_is_registered(&world);
        world.story.forget();
        world.alice.seen.clear();
        world.alice.pins = pin;
        world.advance(later);
        assert_eq!(world.enrol(), Ok(Usable::Now));
        assert_eq!(
            world.story.steps().contains(&"F7.A1"),
            asked_again,
            "{:?}",
            world.story.steps()
        );
        assert_eq!(
            world
                .alice
                .seen
                .contains(&"second factor still fresh".to_owned()),
            !asked_again
        );
    }
}

#[test]
fn whoever_thinks_too_long_about_a_pin_gives_the_second_factor_once_more() {
    // Between F7.B3 and F7.C1, as the document says.
    let mut world = World::new();
    world.alice.thinking = Span::minutes(10) + Span::seconds(1);
    assert_eq!(world.enrol(), Ok(Usable::Now));
    let expected = [
        "PROV-2", "F7.A1", "F7.A2", "F7.A3", "F7.B2", "F7.B3", "F7.A1", "F7.A2", "F7.A3", "F7.C1",
        "F7.C2", "F7.C3",
    ];
    assert_eq!(world.story.steps(), expected);
}

#[test]
fn a_pin_that_breaks_the_rules_is_asked_for_again_with_each_rule_it_broke() {
    // POL-PIN-13: each rule, and the confirmation.
    let mut world = World::new();
    world.set("MinimumPINLength", Some(Value::Number(8)));
    world.alice.pins = VecDeque::from([("1234", "4321"), ("27182818", "27182818")]);
    assert_eq!(world.enrol(), Ok(Usable::Now));
    let seen = world.alice.seen.join("\n");
    assert!(seen.contains("choose a PIN of 8 or more"), "{seen}");
    assert!(seen.contains("not the same"), "{seen}");
    assert_eq!(
        world
            .alice
            .seen
            .iter()
            .filter(|line| line.starts_with("choose a PIN"))
            .count(),
        2,
        "{seen}"
    );
    world.sign_in("27182818").unwrap();
}

#[test]
fn without_a_policy_nobody_enrols_on_a_domain_joined_device() {
    // PROV-1.4.
    for policy in [None, Some(false)] {
        let mut world = World::new();
        world.enable(policy);
        let stopped = world.enrol().unwrap_err();
        let Stopped::Prerequisites(report) = &stopped else {
            panic!("{stopped}");
        };
        assert_eq!(
            (report.failed().unwrap().id, report.event_id()),
            ("PROV-2.3", 360)
        );
        assert!(world.alice.seen.is_empty(), "{:?}", world.alice.seen);
        nothing_is_registered(&world);
    }
}

#[test]
fn a_disabled_laptop_registers_no_key() {
    let mut world = World::new();
    world.disable_laptop(true);
    let stopped = world.enrol().unwrap_err();
    assert!(!matches!(stopped, Stopped::Prerequisites(_)), "{stopped}");
    nothing_is_registered(&world);

    world.disable_laptop(false);
    world.alice.pins = VecDeque::from([(PIN, PIN)]);
    world.advance(Span::seconds(31));
    assert_eq!(world.enrol(), Ok(Usable::Now));
}

#[test]
fn a_laptop_that_is_disabled_while_the_pin_is_chosen_registers_no_key() {
    // ACC-6: the token was good, the device no longer is. Its pending container goes.
    let mut world = World::new();
    let pin = std::mem::take(&mut world.alice.pins);
    world.enrol().unwrap_err();
    world.alice.pins = pin;
    world.disable_laptop(true);
    let stopped = world.enrol().unwrap_err();
    assert!(
        matches!(
            stopped,
            Stopped::Registration(RegistrationError::NotAuthorised(_))
        ),
        "{stopped:?}; {:?}",
        world.servers.refused()
    );
    nothing_is_registered(&world);
}

#[test]
fn who_has_enrolled_is_not_enrolled_a_second_time() {
    // E-02.
    let mut world = World::new();
    world.enrol().unwrap();
    world.alice.pins = VecDeque::from([("314159", "314159")]);
    assert_eq!(
        world.enrol(),
        Err(Stopped::Device(DeviceError::AlreadyEnrolled))
    );
    assert_eq!(world.listed_keys(), 1);
    world.sign_in(PIN).unwrap();
}

#[test]
fn a_revoked_key_signs_nobody_in_and_its_ticket_is_good_for_nothing() {
    let mut world = World::new();
    world.enrol().unwrap();
    let tgt = world.sign_in(PIN).unwrap();
    world.ticket_for_the_laptop(&tgt).unwrap();
    world.revoke_keys();
    assert_eq!(
        world.sign_in(PIN).unwrap_err(),
        refused(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED)
    );
    assert!(world.ticket_for_the_laptop(&tgt).is_err());
}

#[test]
fn a_disabled_laptop_s_keys_sign_nobody_in() {
    let mut world = World::new();
    world.enrol().unwrap();
    let tgt = world.sign_in(PIN).unwrap();
    world.disable_laptop(true);
    assert!(matches!(
        world.sign_in(PIN),
        Err(NotSignedIn::Failed(Failed::Refused(_)))
    ));
    assert!(world.ticket_for_the_laptop(&tgt).is_err());
    world.disable_laptop(false);
    world.sign_in(PIN).unwrap();
}

#[test]
fn a_disabled_account_neither_enrols_nor_signs_in() {
    let mut world = World::new();
    world.disable_alice(true);
    let stopped = world.enrol().unwrap_err();
    assert!(!matches!(stopped, Stopped::Prerequisites(_)), "{stopped}");
    nothing_is_registered(&world);

    world.disable_alice(false);
    world.enrol().unwrap();
    let tgt = world.sign_in(PIN).unwrap();
    world.disable_alice(true);
    assert_eq!(
        world.sign_in(PIN).unwrap_err(),
        refused(ErrorCode::KDC_ERR_CLIENT_REVOKED)
    );
    assert!(world.ticket_for_the_laptop(&tgt).is_err());
}

#[test]
fn a_wrong_pin_asks_no_kdc() {
    let mut world = World::new();
    world.enrol().unwrap();
    world.story.forget();
    let wrong = world.sign_in("314159").unwrap_err();
    assert!(
        matches!(wrong, NotSignedIn::Refused(Refused::WrongPin { .. })),
        "{wrong}"
    );
    assert!(world.story.steps().is_empty());
    world.sign_in(PIN).unwrap();
}

#[test]
fn a_ticket_ends_after_ten_hours_and_the_pin_gets_the_next() {
    let mut world = World::new();
    world.enrol().unwrap();
    let tgt = world.sign_in(PIN).unwrap();
    world.advance(Span::hours(10) + Span::minutes(6));
    assert!(world.ticket_for_the_laptop(&tgt).is_err());
    let tgt = world.sign_in(PIN).unwrap();
    world.ticket_for_the_laptop(&tgt).unwrap();
}
