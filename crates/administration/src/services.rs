//! Service accounts: principals whose keys the directory makes.

use directory::password::PasswordMaterial;
use directory::{AccountControl, Attribute, Class, EntryId, NewEntry, change};
use trust::Rng;

use crate::asked::Asked;
use crate::computers::description_and_delegation;
use crate::done::Done;
use crate::names::{self, Kind, called};
use crate::refused::{Refused, Trouble};
use crate::users::{self, Changed, ordinary};
use crate::{list as lists, principals, rotation, shown};

/// The longest account name that is made of a principal; with its `$` it is as long as one can be.
const LONGEST_NAME: usize = 63;

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    lists::by_name(asked, Class::ManagedServiceAccount, |entry| {
        let account = shown::account_of(entry, asked.view)?;
        Ok(shown::principal_line(&account).into())
    })
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = names::account(asked.snapshot(), Kind::Service, asked.part(0))?;
    let shown = shown::service(&account, asked.view, asked.now)?;
    Ok(Done::now(shown.into()))
}

pub(crate) fn add(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let snapshot = asked.snapshot();
    let wanted = members.texts("service_principals")?.unwrap_or_default();
    let Some(first) = wanted.first() else {
        return Err(Refused::MissingMember("service_principals").into());
    };
    for principal in &wanted {
        principals::check(principal).map_err(|why| Refused::member("service_principals", why))?;
    }
    principals::must_be_free(snapshot, &wanted, None)?;
    let name = match members.text("name")? {
        Some(name) => name.trim_end_matches('$').to_owned(),
        None => name_of(first),
    };
    names::check_new(&name)?;
    let sam = format!("{name}$");
    names::must_be_free(snapshot, &sam)?;

    let id = EntryId::made_at(asked.now, rng);
    let mut control = AccountControl::WORKSTATION_TRUST_ACCOUNT;
    if members.flag("trusted_for_delegation")? == Some(true) {
        control |= AccountControl::TRUSTED_FOR_DELEGATION;
    }
    let parent = snapshot.domain().services;
    let mut service = NewEntry::new(id, parent, Class::ManagedServiceAccount, &name)
        .with(Attribute::SamAccountName, sam.as_str())
        .with(Attribute::UserAccountControl, control.to_integer())
        .with_password(PasswordMaterial::random(rng), false);
    for principal in &wanted {
        service = service.with(Attribute::ServicePrincipalName, principal.as_str());
    }
    if let Some(description) = members.text("description")? {
        service = service.with(Attribute::Description, description);
    }
    let record = asked
        .record()
        .on(id, &sam)
        .with("principals", wanted.join(" "));
    let changes = vec![service.into(), change::audit(record)];
    Ok(Done::entry(id, changes).made())
}

/// An account name for a principal: `HTTP/web.corp.example` becomes `HTTP-web.corp.example`.
fn name_of(principal: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') => c,
        _ => '-',
    };
    let name: String = principal.chars().map(plain).take(LONGEST_NAME).collect();
    name.trim_end_matches('.').to_owned()
}

pub(crate) fn change_service(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::Service)?;
    let mut members = asked.members()?;
    let mut changed = Changed::new(asked, &account)?;
    description_and_delegation(&mut changed, &mut members, &account)?;
    Ok(changed.done())
}

pub(crate) fn delete(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::Service)?;
    users::delete_account(asked, &account)
}

pub(crate) fn enable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    users::enable_account(asked, Kind::Service)
}

pub(crate) fn disable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    users::disable_account(asked, Kind::Service)
}

/// New random keys. The former ones still open the tickets that were made with them.
pub(crate) fn rotate(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::Service)?;
    rotation::renew(asked, called(&account), &account, rng)
}
