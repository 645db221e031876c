//! The four steps that a person sees (PROV-5.*).

use provisioning::dialogue::{Cancelled, Choice, SecondFactorProblem};
use provisioning::doors::TokenError;
use provisioning::{Code, Stopped, Usable};
use trust::Span;

use crate::script::{START, World, token};

#[test]
fn nothing_happens_without_the_confirmation() {
    // PROV-5.1.
    let mut world = World::new();
    world.confirm = Choice::Stop;
    assert_eq!(world.enrol(), Err(Stopped::Cancelled(Cancelled)));
    assert_eq!(world.asked().len(), 1);
}

#[test]
fn a_failed_or_timed_out_second_factor_can_be_tried_again_and_creates_nothing() {
    // PROV-5.2.
    let mut world = World::new();
    world.tokens = [
        Err(TokenError::SecondFactor(SecondFactorProblem::Failed)),
        Err(TokenError::SecondFactor(SecondFactorProblem::TimedOut)),
        Ok(token()),
    ]
    .into();
    world.retries = [Choice::GoOn, Choice::GoOn].into();
    assert_eq!(world.enrol(), Ok(Usable::Now));
    let asked = world.asked();
    let created = asked.iter().position(|line| line.starts_with("create"));
    let retried = asked
        .iter()
        .rposition(|line| line == "retry? the second factor was not answered in time");
    assert!(retried < created);
    assert_eq!(
        world.steps(),
        [
            "PROV-2", "F7.A1", "F7.A1", "F7.A1", "F7.A2", "F7.A3", "F7.B2", "F7.B3", "F7.C1",
            "F7.C3"
        ]
    );
}

#[test]
fn giving_up_on_the_second_factor_creates_nothing() {
    let mut world = World::new();
    world.tokens = [Err(TokenError::SecondFactor(SecondFactorProblem::Failed))].into();
    let stopped = world.enrol().unwrap_err();
    assert_eq!(stopped, Stopped::SecondFactor(SecondFactorProblem::Failed));
    assert_eq!(stopped.code(), Some(Code::SECOND_FACTOR_MISSING));
    assert!(!world.was_asked("pin") && !world.was_asked("create"));
}

#[test]
fn a_second_factor_of_the_last_ten_minutes_is_not_asked_for_again() {
    // PROV-5.6, ACC-9: 9:59 and 10:01.
    let mut world = World::new();
    world.held = Some(token());
    world.now.advance(Span::seconds(599));
    assert_eq!(world.enrol(), Ok(Usable::Now));
    assert!(!world.was_asked("token"));
    assert!(world.was_asked("second factor StillFresh"));

    let mut world = World::new();
    world.held = Some(token());
    world.now.advance(Span::seconds(601));
    let mut again = token();
    again.second_factor_at = Some(START + Span::seconds(601));
    world.tokens = [Ok(again)].into();
    assert_eq!(world.enrol(), Ok(Usable::Now));
    assert!(world.was_asked("token"));
}

#[test]
fn the_pin_is_asked_for_until_it_breaks_no_rule_and_each_broken_rule_is_stated() {
    // PROV-5.3, POL-PIN-13.
    let mut world = World::new();
    world.pins = [("1111", "1112"), ("271828", "271829"), ("314159", "314159")].into();
    assert_eq!(world.enrol(), Ok(Usable::Now));
    let pins: Vec<_> = world
        .asked()
        .into_iter()
        .filter(|line| line.starts_with("pin"))
        .collect();
    assert_eq!(
        pins,
        [
            "pin of 6 or more []",
            "pin of 6 or more [\"the PIN must have at least 6 characters\", \
             \"the PIN is too simple: each digit follows the one before it by the same step\", \
             \"the PIN and its confirmation are not the same\"]",
            "pin of 6 or more [\"the PIN and its confirmation are not the same\"]",
        ]
    );
    assert!(world.was_asked("create 314159"));
}

#[test]
fn a_second_factor_that_went_stale_over_the_pin_is_asked_for_once_more() {
    // PROV-5.6: the DRS checks again at registration.
    let mut world = World::new();
    world.thinking = Span::minutes(11);
    let mut later = token();
    later.second_factor_at = Some(START + Span::minutes(11));
    world.tokens = [Ok(token()), Ok(later)].into();
    assert_eq!(world.enrol(), Ok(Usable::Now));
    let asked = world.asked();
    assert_eq!(
        asked
            .iter()
            .filter(|line| line.starts_with("token"))
            .count(),
        2
    );
    assert_eq!(
        asked.iter().filter(|line| line.starts_with("pin")).count(),
        1
    );
}

#[test]
fn failing_the_second_factor_the_second_time_removes_the_pending_key() {
    let mut world = World::new();
    world.thinking = Span::minutes(11);
    world.tokens = [
        Ok(token()),
        Err(TokenError::SecondFactor(SecondFactorProblem::TimedOut)),
    ]
    .into();
    assert_eq!(
        world.enrol(),
        Err(Stopped::SecondFactor(SecondFactorProblem::TimedOut))
    );
    assert!(world.was_asked("create"));
    assert_eq!(world.asked().last().unwrap(), "discard");
    assert!(!world.was_asked("register"));
}
