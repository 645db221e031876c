//! A Temporary Access Pass as the first factor: typed where a password is typed, by somebody who has none, or none any more.
//!
//! A pass has 80 bits of chance and works for a while. Whoever types what is none goes the way of every password, with its
//! time and its counters, so that nobody learns who has a pass.

use std::sync::Arc;

use directory::{Account, AccountKind, Actor, AuditRecord, Fault, change};
use serde_json::Value;
use token::access_pass::{AccessPass, FIELD, ID};
use token::authentication::FirstFactor;
use token::factor::{AuthenticationAdapter, Ended};
use token::parameters::Parameters;

use crate::Asked;
use crate::account::{Unusable, name_of, second_factors, usable};
use crate::first_factor::FirstProven;
use crate::steps::{claim_id, set_factors};

/// Whether `typed` is a pass of the person of this name that works now. `None` says nothing but that it opens nothing: the
/// caller goes on as with a password. The error is for a pass that is right, of an account that cannot be used.
///
/// # Errors
/// [`Fault`] when the directory fails.
#[allow(
    clippy::type_complexity,
    reason = "no pass; a right one; a right one that opens nothing, and whose"
)]
pub(crate) fn judge(
    asked: &Asked<'_, '_>,
    name: &str,
    typed: &str,
) -> Result<Option<Result<FirstProven, (Unusable, Arc<Account>)>>, Fault> {
    let (house, now) = (asked.house, asked.now);
    let found = house.snapshot.account_by_name(name)?;
    let Some(account) = found.filter(|account| account.kind == AccountKind::User) else {
        return Ok(None);
    };
    let lockout = house.snapshot.lockout_policy()?;
    if house.lockout.is_locked_out(&account, &lockout, now) {
        return Ok(None);
    }
    let mut factors = second_factors(&account);
    let Some(person) = factors.of(account.id.0, ID) else {
        return Ok(None);
    };
    let Ok(form) = Parameters::new(vec![(FIELD.to_owned(), typed.to_owned())]) else {
        return Ok(None);
    };
    let ended = AccessPass.try_end_authentication(&person, &Value::Null, &form, now);
    let Ended::Accept(accepted) = ended else {
        return Ok(None);
    };
    let once = claim_id(asked, &accepted.claim);
    if house.snapshot.claimed(&once, now)? {
        return Ok(None);
    }
    if let Err(unusable) = usable(&account, now) {
        return Ok(Some(Err((unusable, account))));
    }
    let mut changes = vec![change::claim(once, accepted.claim.until)];
    if let Some(data) = accepted.data {
        factors.enrolled.insert(ID.to_owned(), data);
        changes.push(set_factors(&account, &factors));
    }
    changes.push(change::audit(used(asked, &account)));
    Ok(Some(Ok(FirstProven {
        account,
        first: FirstFactor::access_pass(now),
        changes,
    })))
}

fn used(asked: &Asked<'_, '_>, account: &Account) -> AuditRecord {
    let name = name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let record = AuditRecord::done(asked.now, actor, "sign-in.access-pass").on(account.id, name);
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}
