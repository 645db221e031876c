//! Consent for everybody in the tenant to what an application asks of a resource.

use directory::Change;
use directory::tenant::{self, Application, Consent};
use trust::Rng;

use super::members::words;
use super::{audit, each, named};
use crate::asked::Asked;
use crate::done::Done;
use crate::refused::{Refused, Trouble};

/// Consents for everybody in the tenant.
pub(crate) fn consent(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let application = named(asked)?;
    let mut members = asked.members()?;
    let resource = members.needed("resource")?;
    let scopes = members.texts("scopes")?.unwrap_or_default();
    words(&scopes, "scopes")?;
    resource_must_be_there(asked, &resource)?;
    let consent = Consent {
        application: application.id,
        account: None,
        resource: resource.clone(),
        scopes: scopes.clone(),
        by: asked.who.actor.name.clone(),
        at: asked.now,
    };
    let record = asked
        .record()
        .with("resource", &resource)
        .with("scopes", scopes.join(" "));
    let mut changes: Vec<Change> = tenant::put_consent(&consent, rng).into_iter().collect();
    changes.push(audit(record, &application));
    Ok(Done::changed(changes))
}

pub(crate) fn take_back_consent(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let application = named(asked)?;
    let consented = tenant::consent(asked.snapshot(), application.id, None, asked.now)?;
    let wanted = asked.parameter("resource");
    let gone: Vec<&Consent> = consented
        .iter()
        .filter(|consent| wanted.is_none_or(|wanted| consent.resource.eq_ignore_ascii_case(wanted)))
        .collect();
    if gone.is_empty() {
        return Ok(Done::changed(Vec::new()));
    }
    let mut changes = Vec::new();
    for consent in &gone {
        let resource = &consent.resource;
        changes.extend(tenant::remove_consent(application.id, None, resource, rng));
    }
    let resources: Vec<&str> = gone
        .iter()
        .map(|consent| consent.resource.as_str())
        .collect();
    let record = asked.record().with("resources", resources.join(" "));
    changes.push(audit(record, &application));
    Ok(Done::changed(changes))
}

/// Refuses a resource that nobody has: the consent would count for whoever gets the name later.
fn resource_must_be_there(asked: &Asked<'_, '_>, wanted: &str) -> Result<(), Trouble> {
    let folded = |name: &str| name.trim_end_matches('/').to_ascii_lowercase();
    let is = |name: &str| folded(name) == folded(wanted);
    let every_tenants = &asked.view.deployment.resources;
    if every_tenants.iter().any(|name| is(name)) {
        return Ok(());
    }
    let mut there = false;
    each(asked, |application| {
        there |= names_of(&application).any(|name| is(&name))
    })?;
    match there {
        true => Ok(()),
        false => Err(Refused::NoResource {
            name: wanted.chars().take(200).collect(),
            known: every_tenants.join(", "),
        }
        .into()),
    }
}

/// The names of the resource that an application is.
fn names_of(application: &Application) -> impl Iterator<Item = String> {
    let id = application.id.to_string();
    let own = application.identifier_uri.clone();
    own.into_iter().chain([format!("api://{id}"), id])
}
