//! Service principal names: each belongs to one account.

use directory::{Account, Attribute, Edit, EntryId, Snapshot, Value, change};
use trust::Rng;

use crate::asked::Asked;
use crate::done::Done;
use crate::names::{Kind, called};
use crate::refused::{Refused, Trouble};
use crate::users::ordinary;

/// The most principals of one account.
const MOST: usize = 100;

/// Refuses principals that somebody else than `own` has.
pub(crate) fn must_be_free(
    snapshot: &Snapshot<'_>,
    principals: &[String],
    own: Option<EntryId>,
) -> Result<(), Trouble> {
    for principal in principals {
        match snapshot.account_by_spn(principal)? {
            Some(holder) if Some(holder.id) != own => {
                return Err(Refused::taken("the principal", principal, called(&holder)).into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a text can be a principal of the domain's services, `service/host`, and for some a third part; else why not.
pub(crate) fn check(principal: &str) -> Result<(), &'static str> {
    let parts: Vec<&str> = principal.split('/').collect();
    let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '\\');
    let fits = (2..=3).contains(&parts.len())
        && parts.iter().all(|part| !part.is_empty())
        && principal.len() <= 256
        && !principal.contains(strange);
    // The KDC's own: whoever had one would be taken for it.
    let reserved = parts.first().is_some_and(|service| {
        ["krbtgt", "kadmin"]
            .iter()
            .any(|own| own.eq_ignore_ascii_case(service))
    });
    match (fits, reserved) {
        (true, false) => Ok(()),
        (_, true) => Err("krbtgt and kadmin are the KDC's own"),
        (false, _) => Err("a principal is of the form service/host"),
    }
}

pub(crate) fn add_to_computer(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    add(asked, Kind::Computer)
}

pub(crate) fn add_to_service(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    add(asked, Kind::Service)
}

pub(crate) fn remove_from_computer(
    asked: &Asked<'_, '_>,
    _: &mut dyn Rng,
) -> Result<Done, Trouble> {
    remove(asked, Kind::Computer)
}

pub(crate) fn remove_from_service(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    remove(asked, Kind::Service)
}

fn add(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = ordinary(asked, kind)?;
    let principal = asked.part(1);
    check(principal).map_err(|why| Refused::parameter(principal, why))?;
    if has(&account, principal) {
        return Ok(Done::changed(Vec::new()));
    }
    must_be_free(asked.snapshot(), &[principal.to_owned()], Some(account.id))?;
    if account.service_principals.len() >= MOST {
        return Err(Refused::InTheWay(format!("it has {MOST} principals already")).into());
    }
    Ok(changed(asked, &account, Edit::Add))
}

fn remove(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = ordinary(asked, kind)?;
    if !has(&account, asked.part(1)) {
        return Ok(Done::changed(Vec::new()));
    }
    Ok(changed(asked, &account, Edit::Remove))
}

fn has(account: &Account, principal: &str) -> bool {
    let wanted = directory::folded(principal);
    let mut own = account.service_principals.iter();
    own.any(|own| directory::folded(own) == wanted)
}

fn changed(
    asked: &Asked<'_, '_>,
    account: &Account,
    edit: impl FnOnce(Attribute, Vec<Value>) -> Edit,
) -> Done {
    let principal = asked.part(1);
    let edit = edit(Attribute::ServicePrincipalName, vec![principal.into()]);
    let record = asked
        .record()
        .on(account.id, called(account))
        .with("principal", principal);
    Done::changed(vec![
        change::modify(account.id, vec![edit]),
        change::audit(record),
    ])
}
