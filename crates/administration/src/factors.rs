//! Somebody's second factors: which there are, a Temporary Access Pass, new recovery codes, and the end of what came of
//! their sign-ins.

use directory::{Account, Change, Secret, change, tenant};
use registration::second_factor;
use serde_json::{Value, json};
use token::access_pass::{self, Terms};
use token::factor::{AuthenticationAdapter, SecondFactors};
use token::recovery::{self, RecoveryCode};
use trust::{Rng, Span, Timestamp};

use crate::asked::Asked;
use crate::done::Done;
use crate::names::{Kind, called};
use crate::refused::{Refused, Trouble};
use crate::users::ordinary;

/// How far ahead a pass may begin.
const LATEST_BEGIN: Span = Span::days(30);

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    let factors = second_factor::of(&account);
    let items = factors.enrolled.iter().map(|(name, data)| {
        let mut shown = json!({
            "name": name,
            "works": token::factor::adapter(name).is_some_and(|adapter| adapter.works(data, asked.now)),
        });
        if let Some(further) = further(name, data)
            && let Some(members) = shown.as_object_mut()
        {
            members.extend(further);
        }
        shown
    });
    let wait = factors.guesses.wait(asked.now);
    Ok(Done::now(json!({
        "items": items.collect::<Vec<_>>(),
        "waits_seconds": wait.map(|wait| wait.as_seconds() + 1),
        "reset_at": factors.since.map(Timestamp::to_rfc3339),
    })))
}

/// What else there is to say of a factor: nothing that opens anything.
fn further(name: &str, data: &Value) -> Option<serde_json::Map<String, Value>> {
    let shown = if name == access_pass::ID {
        let terms = access_pass::terms(data)?;
        json!({
            "begins": terms.begins.to_rfc3339(),
            "ends": terms.ends.to_rfc3339(),
            "once": terms.once,
        })
    } else if name == RecoveryCode.id() {
        json!({ "left": recovery::left(data) })
    } else {
        return None;
    };
    shown.as_object().cloned()
}

/// Gives a Temporary Access Pass in place of the former one. Its text is in this answer and nowhere else.
pub(crate) fn give_pass(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    let mut members = asked.members()?;
    let rules = tenant::settings(asked.snapshot(), asked.now)?.access_pass;
    let minutes = members.number(
        "minutes",
        rules.least_minutes.into(),
        rules.most_minutes.into(),
    )?;
    let minutes = minutes.unwrap_or(rules.minutes.into());
    let begins = match members.text("begins")? {
        None => asked.now.whole_seconds(),
        Some(text) => Timestamp::from_rfc3339(&text)
            .map_err(|error| Refused::member("begins", error.to_string()))?
            .max(asked.now),
    };
    if begins > asked.now + LATEST_BEGIN {
        let why = "it must be within the next 30 days";
        return Err(Refused::member("begins", why).into());
    }
    let terms = Terms {
        begins,
        ends: begins + Span::minutes(minutes),
        once: members.flag("once")?.unwrap_or(rules.once),
    };
    let (pass, data) = access_pass::draw(account.id.0, terms, rng);
    let mut factors = second_factor::of(&account);
    factors.enrolled.insert(access_pass::ID.to_owned(), data);
    let record = asked
        .record()
        .on(account.id, called(&account))
        .with("begins", terms.begins.to_rfc3339())
        .with("ends", terms.ends.to_rfc3339())
        .with("once", terms.once);
    let mut changes = vec![set(&account, &factors), change::audit(record)];
    changes.extend(registration::access_pass::over_job(account.id, terms.ends));
    let mut done = Done::now(json!({
        "access_pass": *pass,
        "begins": terms.begins.to_rfc3339(),
        "ends": terms.ends.to_rfc3339(),
        "once": terms.once,
    }))
    .committing(changes);
    done.status = 201;
    Ok(done)
}

/// Takes a pass back. What was signed in by it stays; `revoke-sign-ins` ends that.
pub(crate) fn take_pass(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    let mut factors = second_factor::of(&account);
    if factors.enrolled.remove(access_pass::ID).is_none() {
        return Ok(Done::changed(Vec::new()));
    }
    Ok(Done::changed(vec![
        set(&account, &factors),
        asked.audit(account.id, called(&account)),
    ]))
}

/// Draws new recovery codes in place of the former ones. Their texts are in this answer and nowhere else.
pub(crate) fn recovery_codes(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    asked.members()?;
    let mut factors = second_factor::of(&account);
    let lasting = |name: &String| *name != access_pass::ID && *name != RecoveryCode.id();
    if !factors.enrolled.keys().any(lasting) {
        let why = format!(
            "{} has no second factor yet, and recovery codes are spare keys for one",
            called(&account)
        );
        return Err(Refused::InTheWay(why).into());
    }
    let (codes, data) = recovery::draw(account.id.0, rng);
    factors.enrolled.insert(RecoveryCode.id().to_owned(), data);
    let changes = vec![
        set(&account, &factors),
        asked.audit(account.id, called(&account)),
    ];
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let mut done = Done::now(json!({ "recovery_codes": codes })).committing(changes);
    done.status = 201;
    Ok(done)
}

/// Ends what came of every sign-in of somebody until now: sessions, refresh tokens, primary refresh tokens.
pub(crate) fn revoke_sign_ins(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::User)?;
    asked.members()?;
    Ok(Done::changed(vec![
        tenant::revoke_sign_ins(account.id, asked.now),
        asked.audit(account.id, called(&account)),
    ]))
}

fn set(account: &Account, factors: &SecondFactors) -> Change {
    let values = factors.write().into_iter().map(Secret::new).collect();
    change::set_second_factors(account.id, values)
}
