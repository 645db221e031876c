//! The domain's own rules: what it asks of passwords, when it locks accounts, how many computers a person may join.

use directory::{Attribute, Edit, change};
use serde::Serialize;
use trust::{Rng, Span};

use crate::asked::Asked;
use crate::done::Done;
use crate::refused::{Refused, Trouble};

/// A year in seconds, twice: nothing here is longer.
const LONGEST: i64 = 2 * 366 * 86_400;

/// How a rule stands in the domain's head.
#[derive(Clone, Copy)]
enum Form {
    /// As it is.
    Number,
    /// AD's negative interval of 100 ns.
    Interval,
}

/// The rules: member, attribute, form, least and greatest.
const RULES: &[(&str, Attribute, Form, i64, i64)] = &[
    (
        "minimum_password_length",
        Attribute::MinPwdLength,
        Form::Number,
        4,
        128,
    ),
    (
        "password_history",
        Attribute::PwdHistoryLength,
        Form::Number,
        0,
        1_024,
    ),
    (
        "minimum_password_age_seconds",
        Attribute::MinPwdAge,
        Form::Interval,
        0,
        LONGEST,
    ),
    (
        "maximum_password_age_seconds",
        Attribute::MaxPwdAge,
        Form::Interval,
        0,
        LONGEST,
    ),
    (
        "lockout_threshold",
        Attribute::LockoutThreshold,
        Form::Number,
        0,
        999,
    ),
    (
        "lockout_window_seconds",
        Attribute::LockoutObservationWindow,
        Form::Interval,
        60,
        LONGEST,
    ),
    (
        "lockout_duration_seconds",
        Attribute::LockoutDuration,
        Form::Interval,
        0,
        LONGEST,
    ),
    (
        "machine_account_quota",
        Attribute::MsDsMachineAccountQuota,
        Form::Number,
        0,
        10_000,
    ),
];

pub(crate) fn change_rules(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let snapshot = asked.snapshot();
    let head = snapshot.domain().head;
    let entry = snapshot
        .entry(head)?
        .ok_or(directory::Fault::Corrupt("head of the domain"))?;
    let mut record = asked.record().on(head, &snapshot.domain().dns_name);
    let mut edits = Vec::new();
    for (member, attribute, form, least, most) in RULES {
        if members.has(member) {
            let number = members
                .number(member, *least, *most)?
                .ok_or_else(|| Refused::member(member, "it must be a number"))?;
            let value = match form {
                Form::Number => number,
                Form::Interval => Span::seconds(number).as_micros().saturating_mul(-10),
            };
            if entry.integer(*attribute) != Some(value) {
                edits.push(Edit::set(*attribute, value));
                record = record.with(*member, number);
            }
        }
    }
    if edits.is_empty() {
        return Ok(Done::changed(Vec::new()));
    }
    Ok(Done::changed(vec![
        change::modify(head, edits),
        change::audit(record),
    ]))
}

/// The domain's rules, named as `PATCH /domain` names them.
#[derive(Serialize)]
pub(crate) struct Rules {
    pub(crate) minimum_password_length: usize,
    pub(crate) password_history: usize,
    pub(crate) minimum_password_age_seconds: i64,
    pub(crate) maximum_password_age_seconds: i64,
    pub(crate) lockout_threshold: u32,
    pub(crate) lockout_window_seconds: i64,
    pub(crate) lockout_duration_seconds: i64,
    pub(crate) machine_account_quota: usize,
}

/// The rules as they are, for whoever administers.
pub(crate) fn rules(asked: &Asked<'_, '_>) -> Result<Rules, Trouble> {
    let snapshot = asked.snapshot();
    let password = snapshot.password_policy()?;
    let lockout = snapshot.lockout_policy()?;
    Ok(Rules {
        minimum_password_length: password.minimum_length,
        password_history: password.history,
        minimum_password_age_seconds: password.minimum_age.as_seconds(),
        maximum_password_age_seconds: password.maximum_age.as_seconds(),
        lockout_threshold: lockout.threshold,
        lockout_window_seconds: lockout.window.as_seconds(),
        lockout_duration_seconds: lockout.duration.as_seconds(),
        machine_account_quota: snapshot.machine_account_quota()?,
    })
}
