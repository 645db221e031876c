//! The KDC's own keys, those of `krbtgt` and of the service that changes passwords: their versions, and new ones.
//!
//! A new version is used for new tickets at once. The version before it goes on opening the tickets that it sealed
//! until the last of them has ended, [`crate::Deployment::key_overlap`] later, and is then removed ([`tick`]). Two are
//! kept, so a rotation within that time would strand tickets: it is refused, saying when the next one is safe, unless
//! the caller insists, as after a theft of the keys.

use std::sync::Arc;

use directory::account::{KeySet, PASSWORD_SERVICE};
use directory::password::PasswordMaterial;
use directory::{Account, Change, Fault, Snapshot, change};
use serde_json::{Value, json};
use trust::{Rng, Span, Timestamp};

use crate::asked::Asked;
use crate::done::Done;
use crate::refused::{Refused, Trouble};
use crate::{list, shown};

/// What the service that changes passwords is called here: its principal without the slash.
const CHANGE_PASSWORD: &str = "kadmin-changepw";

/// The accounts whose keys are the KDC's own, by what they are called here.
fn own(snapshot: &Snapshot<'_>) -> Result<Vec<(&'static str, Arc<Account>)>, Fault> {
    let krbtgt = snapshot.account_by_id(snapshot.domain().krbtgt)?;
    let krbtgt = krbtgt.ok_or(Fault::Corrupt("account of the ticket-granting service"))?;
    let mut own = vec![("krbtgt", krbtgt)];
    if let Some(account) = snapshot.account_by_spn(PASSWORD_SERVICE)? {
        own.push((CHANGE_PASSWORD, account));
    }
    Ok(own)
}

/// When the version before the newest opens nothing any more, if there is one.
pub(crate) fn former_ends(account: &Account, overlap: Span) -> Option<Timestamp> {
    let sets = account.keys.sets();
    let newest = sets.first().filter(|_| sets.len() > 1)?;
    Some(newest.set + overlap)
}

/// Every version of the KDC's own keys, the newest first.
pub(crate) fn versions(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let overlap = asked.view.deployment.key_overlap;
    let mut items = Vec::new();
    for (name, account) in own(asked.snapshot())? {
        let ends = former_ends(&account, overlap);
        let mut sets = account.keys.sets().iter();
        items.extend(
            sets.next()
                .map(|newest| version(name, newest, None, asked.now)),
        );
        items.extend(sets.map(|former| version(name, former, ends, asked.now)));
    }
    Ok(list::page(items, None))
}

fn version(name: &str, set: &KeySet, ends: Option<Timestamp>, now: Timestamp) -> Value {
    let etypes: Vec<String> = set.keys.iter().map(|key| key.etype().to_string()).collect();
    json!({
        "name": name,
        "kvno": set.kvno,
        "made": shown::moment(Some(set.set)),
        "age_days": now.since(set.set).as_seconds().max(0) / 86_400,
        "etypes": etypes,
        "current": ends.is_none(),
        "opens_until": shown::moment(ends),
    })
}

/// A new version of one of the KDC's own keys.
pub(crate) fn rotate(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let wanted = asked.part(0);
    let mut own = own(asked.snapshot())?.into_iter();
    let found = own.find(|(name, _)| {
        name.eq_ignore_ascii_case(wanted)
            || (*name == CHANGE_PASSWORD && wanted.eq_ignore_ascii_case(PASSWORD_SERVICE))
    });
    let (name, account) = found.ok_or_else(|| Refused::not_found("key of the KDC", wanted))?;
    renew(asked, name, &account, rng)
}

/// Whether new keys strand tickets that are in use; refused then, unless the caller insists.
pub(crate) fn strands(
    asked: &Asked<'_, '_>,
    name: &str,
    account: &Account,
) -> Result<bool, Refused> {
    let ends = former_ends(account, asked.view.deployment.key_overlap);
    match ends.filter(|ends| *ends > asked.now) {
        None => Ok(false),
        Some(_) if asked.insists()? => Ok(true),
        Some(when) => Err(Refused::TooSoon {
            name: name.to_owned(),
            when: when.to_rfc3339(),
        }),
    }
}

/// New random keys for an account, unless that would strand tickets.
pub(crate) fn renew(
    asked: &Asked<'_, '_>,
    name: &str,
    account: &Account,
    rng: &mut dyn Rng,
) -> Result<Done, Trouble> {
    let stranded = strands(asked, name, account)?;
    let kvno = account.keys.kvno().wrapping_add(1).max(1);
    let record = asked.record().on(account.id, name).with("kvno", kvno);
    let record = match stranded {
        true => record.with("forced", true),
        false => record,
    };
    let next = shown::moment(Some(asked.now + asked.view.deployment.key_overlap));
    Ok(Done::changed(vec![
        change::set_password(account.id, PasswordMaterial::random(rng)),
        change::audit(record),
    ])
    .with("kvno", kvno)
    .with("next", next))
}

/// What is due: former versions of the KDC's own keys are removed when the last ticket that they sealed has ended.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn tick(snapshot: &Snapshot<'_>, overlap: Span, now: Timestamp) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    for (name, account) in own(snapshot)? {
        if former_ends(&account, overlap).is_some_and(|ends| ends <= now) {
            let actor = directory::Actor::system();
            let record = directory::AuditRecord::done(now, actor, "keys.remove")
                .on(account.id, name)
                .with("before", account.keys.kvno());
            changes.push(Change::ForgetFormerKeys {
                id: account.id,
                before: account.keys.kvno(),
            });
            changes.push(change::audit(record));
        }
    }
    Ok(changes)
}
