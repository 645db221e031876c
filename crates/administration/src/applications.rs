//! The applications of a tenant: clients that ask for tokens, and what they may ask for. What is said of one is read in
//! [`members`], what it proves itself by is in [`credentials`], what everybody consented to in [`mod@consent`].

mod consent;
mod credentials;
mod members;

use directory::tenant::{self, Application, Assignment, ClientKind, KeyForm};
use directory::{AuditRecord, Change, change};
use serde_json::{Value, json};
use trust::Rng;
use wire::Guid;

use crate::asked::Asked;
use crate::done::Done;
use crate::list::{self, Page};
use crate::refused::{Refused, Trouble};
use members::read;

pub(crate) use consent::{consent, take_back_consent};
pub(crate) use credentials::{add_key, add_secret, remove_key, remove_secret};

/// The members of an application that can be changed.
pub(crate) const MEMBERS: &[&str] = &[
    "name",
    "redirect_uris",
    "post_logout_redirect_uris",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "identifier_uri",
    "permissions",
    "wants",
    "second_factor",
    "refresh",
    "device_code",
    "password",
    "signs",
    "assigned_to",
];
/// The members of a new one.
pub(crate) const NEW: &[&str] = &[
    "name",
    "kind",
    "redirect_uris",
    "post_logout_redirect_uris",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "identifier_uri",
    "permissions",
    "wants",
    "second_factor",
    "refresh",
    "device_code",
    "password",
    "signs",
    "assigned_to",
];

/// The most applications that are looked at for one of a name.
const LOOKED_AT: usize = 500;
pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let page = Page::of(asked)?;
    let after = page.id()?.map(|id| id.0);
    let mut some = tenant::applications(asked.snapshot(), after, page.limit + 1, asked.now)?;
    let more = some.len() > page.limit;
    some.truncate(page.limit);
    let next = some
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_bytes().to_vec());
    let items = some.iter().map(|application| {
        json!({
            "id": application.id.to_string(),
            "name": application.name,
            "kind": application.kind,
            "enabled": application.enabled,
        })
    });
    Ok(list::page(items.collect(), next))
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let application = named(asked)?;
    Ok(Done::now(show_one(asked, &application)?))
}

pub(crate) fn add(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let kind = match members.text("kind")?.as_deref() {
        None | Some("public") => ClientKind::Public,
        Some("confidential") => ClientKind::Confidential,
        Some(_) => return Err(Refused::member("kind", "it must be public or confidential").into()),
    };
    if !members.has("name") {
        return Err(Refused::MissingMember("name").into());
    }
    let mut application = Application {
        id: Guid::from_random(rng.bytes()),
        kind,
        ..Application::default()
    };
    read(asked, &mut members, &mut application)?;
    name_must_be_free(asked, &application)?;
    let mut done = put(asked, &application, rng, asked.record())?;
    done.status = 201;
    Ok(done)
}

pub(crate) fn change_one(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let before = named(asked)?;
    let mut members = asked.members()?;
    let changed: Vec<&str> = MEMBERS
        .iter()
        .copied()
        .filter(|name| members.has(name))
        .collect();
    let mut after = before.clone();
    read(asked, &mut members, &mut after)?;
    if after == before {
        return Ok(Done::now(show_one(asked, &after)?));
    }
    if after.name != before.name {
        name_must_be_free(asked, &after)?;
    }
    let record = asked.record().with("members", changed.join(" "));
    put(asked, &after, rng, record)
}

pub(crate) fn delete(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let application = named(asked)?;
    let mut changes: Vec<Change> = tenant::remove_application(application.id, rng)
        .into_iter()
        .collect();
    let consented = tenant::consent(asked.snapshot(), application.id, None, asked.now)?;
    for consent in consented {
        let resource = &consent.resource;
        changes.extend(tenant::remove_consent(application.id, None, resource, rng));
    }
    changes.push(audit(asked.record(), &application));
    Ok(Done::changed(changes))
}

pub(crate) fn enable(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    set_enabled(asked, true, rng)
}

pub(crate) fn disable(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    set_enabled(asked, false, rng)
}

fn set_enabled(asked: &Asked<'_, '_>, enabled: bool, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = named(asked)?;
    asked.members()?;
    if application.enabled == enabled {
        return Ok(Done::changed(Vec::new()));
    }
    application.enabled = enabled;
    let mut changes: Vec<Change> = tenant::put_application(&application, rng)
        .into_iter()
        .collect();
    changes.push(audit(asked.record(), &application));
    Ok(Done::changed(changes))
}

/// The application that the path names: by its identifier, or by its name where that is unique.
fn named(asked: &Asked<'_, '_>) -> Result<Application, Trouble> {
    let name = asked.part(0);
    let not_found = || Refused::not_found("application", name);
    if let Ok(id) = name.parse::<Guid>() {
        let found = tenant::application(asked.snapshot(), id, asked.now)?;
        return found.ok_or_else(|| not_found().into());
    }
    let mut found = called(asked, name)?;
    match found.len() {
        0 => Err(not_found().into()),
        1 => found.pop().ok_or_else(|| not_found().into()),
        _ => {
            let ids: Vec<String> = found.iter().map(|found| found.id.to_string()).collect();
            Err(Refused::Ambiguous {
                name: name.to_owned(),
                candidates: ids.join(", "),
            }
            .into())
        }
    }
}

/// The applications of this name, in whatever case.
fn called(asked: &Asked<'_, '_>, name: &str) -> Result<Vec<Application>, Trouble> {
    let name = name.to_lowercase();
    let mut found = Vec::new();
    each(asked, |application| {
        if application.name.to_lowercase() == name {
            found.push(application);
        }
    })?;
    Ok(found)
}

/// Every application of the tenant.
fn each(asked: &Asked<'_, '_>, mut look: impl FnMut(Application)) -> Result<(), Trouble> {
    let mut after = None;
    loop {
        let some = tenant::applications(asked.snapshot(), after, LOOKED_AT, asked.now)?;
        let whole = some.len() < LOOKED_AT;
        after = some.last().map(|last| last.id);
        some.into_iter().for_each(&mut look);
        if whole {
            return Ok(());
        }
    }
}

/// Refuses a name that another application has, unless the caller insists: names may be the same, for people read them, and
/// commands then need the identifier.
fn name_must_be_free(asked: &Asked<'_, '_>, application: &Application) -> Result<(), Trouble> {
    if asked.insists()? {
        return Ok(());
    }
    let others = called(asked, &application.name)?;
    match others.iter().find(|other| other.id != application.id) {
        Some(other) => Err(Refused::SameName {
            name: application.name.clone(),
            id: other.id.to_string(),
        }
        .into()),
        None => Ok(()),
    }
}

/// Writes an application, and gives it as it is then.
fn put(
    asked: &Asked<'_, '_>,
    application: &Application,
    rng: &mut dyn Rng,
    record: AuditRecord,
) -> Result<Done, Trouble> {
    let mut changes: Vec<Change> = tenant::put_application(application, rng)
        .into_iter()
        .collect();
    changes.push(audit(record, application));
    Ok(Done::now(show_one(asked, application)?).committing(changes))
}

fn audit(record: AuditRecord, application: &Application) -> Change {
    change::audit(
        record
            .with("application", application.id)
            .with("name", &application.name),
    )
}

fn show_one(asked: &Asked<'_, '_>, application: &Application) -> Result<Value, Trouble> {
    let snapshot = asked.snapshot();
    let consented = tenant::consent(snapshot, application.id, None, asked.now)?;
    let assigned = match &application.assignment {
        Assignment::Everybody => Value::Null,
        Assignment::Groups(groups) => {
            let mut names = Vec::new();
            for id in groups {
                let group = snapshot.group(*id)?;
                names.push(group.map_or_else(|| id.0.to_string(), |group| group.sam));
            }
            json!(names)
        }
    };
    let secrets = application.secrets.iter().map(|secret| {
        json!({
            "id": secret.id.to_string(),
            "name": secret.name,
            "begins_with": secret.hint,
            "from": secret.from.to_rfc3339(),
            "until": secret.until.to_rfc3339(),
        })
    });
    let keys = application.keys.iter().map(|key| {
        let form = match &key.key {
            KeyForm::Jwk(text) => json!({
                "jwk": serde_json::from_str::<Value>(text).unwrap_or_default(),
            }),
            KeyForm::Certificate(der) => json!({
                "certificate_sha256": crate::shown::hex(&crypto::digest::sha256(der)),
            }),
        };
        json!({
            "id": key.id.to_string(),
            "name": key.name,
            "from": key.from.to_rfc3339(),
            "until": key.until.to_rfc3339(),
            "key": form,
        })
    });
    Ok(json!({
        "id": application.id.to_string(),
        "name": application.name,
        "kind": application.kind,
        "enabled": application.enabled,
        "redirect_uris": application.redirect_uris,
        "post_logout_redirect_uris": application.post_logout_redirect_uris,
        "frontchannel_logout_uri": application.frontchannel_logout_uri,
        "frontchannel_logout_session_required": application.frontchannel_logout_session,
        "identifier_uri": application.identifier_uri,
        "permissions": application.permissions,
        "wants": application.wants,
        "second_factor": application.second_factor,
        "refresh": application.refresh,
        "device_code": application.device_code,
        "password": application.password,
        "signs": application.signs,
        "assigned_to": assigned,
        "secrets": secrets.collect::<Vec<_>>(),
        "keys": keys.collect::<Vec<_>>(),
        "consent": consented.iter().map(|consent| json!({
            "resource": consent.resource,
            "scopes": consent.scopes,
            "by": consent.by,
            "at": consent.at.to_rfc3339(),
        })).collect::<Vec<_>>(),
    }))
}
