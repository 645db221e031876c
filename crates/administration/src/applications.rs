//! The applications of a tenant: clients that ask for tokens, and what they may ask for.

use crypto::jose::Jwk;
use crypto::key::PublicKey;
use directory::tenant::{
    self, Application, ApplicationKey, ApplicationSecret, Assignment, ClientKind, Consent, KeyForm,
    Permission, Signs, Wanted,
};
use directory::{AuditRecord, Change, change};
use serde_json::{Value, json};
use token::client::source_of;
use token::redirect;
use token::secret::{Digest, Purpose, Secret};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::asked::Asked;
use crate::body::{Members, Patch};
use crate::done::Done;
use crate::issuers;
use crate::list::{self, Page};
use crate::names;
use crate::refused::{Refused, Trouble};

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

/// The member for the page of the front channel.
const FRONT_CHANNEL: &str = "frontchannel_logout_uri";

/// The most applications that are looked at for one of a name.
const LOOKED_AT: usize = 500;
/// The most secrets, and the most keys, of one application.
const MOST_CREDENTIALS: usize = 10;
/// For how many days a secret or key is good where nobody says it, and at most.
const DAYS: i64 = 180;
const MOST_DAYS: i64 = 730;

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

/// Draws a secret. Its text is in this answer and nowhere else.
pub(crate) fn add_secret(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = confidential(asked)?;
    let mut members = asked.members()?;
    room(application.secrets.len())?;
    let until = until(asked, &mut members)?;
    let name = members.text("name")?.unwrap_or_default();
    let text = Secret::draw(rng).reveal();
    let secret = ApplicationSecret {
        id: Guid::from_random(rng.bytes()),
        digest: *Digest::of(Purpose::ClientSecret, text.as_bytes()).as_bytes(),
        hint: text.chars().take(3).collect(),
        name,
        from: asked.now,
        until,
    };
    let shown = json!({
        "id": secret.id.to_string(),
        "secret": text,
        "until": until.to_rfc3339(),
    });
    let record = asked.record().with("secret", secret.id);
    application.secrets.push(secret);
    let mut changes: Vec<Change> = tenant::put_application(&application, rng)
        .into_iter()
        .collect();
    changes.push(audit(record, &application));
    let mut done = Done::now(shown).committing(changes);
    done.status = 201;
    Ok(done)
}

pub(crate) fn remove_secret(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = named(asked)?;
    let before = application.secrets.len();
    let id = asked.part(1);
    application
        .secrets
        .retain(|secret| secret.id.to_string() != id);
    if application.secrets.len() == before {
        return Err(Refused::not_found("secret of the application", id).into());
    }
    put(asked, &application, rng, asked.record().with("secret", id))
}

/// Lists a public key or certificate, by whose private key the application signs assertions (RFC 7523).
pub(crate) fn add_key(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = confidential(asked)?;
    let mut members = asked.members()?;
    room(application.keys.len())?;
    let form = match (members.has("jwk"), members.encoded("certificate")?) {
        (true, None) => KeyForm::Jwk(jwk(&members.value("jwk")?)?),
        (false, Some(text)) => KeyForm::Certificate(certificate(&text)?),
        _ => return Err(Refused::member("jwk", "it must be this or certificate").into()),
    };
    if application.keys.iter().any(|key| key.key == form) {
        return Err(Refused::taken("the key", "", &application.name).into());
    }
    let key = ApplicationKey {
        id: Guid::from_random(rng.bytes()),
        key: form,
        name: members.text("name")?.unwrap_or_default(),
        from: asked.now,
        until: until(asked, &mut members)?,
    };
    let record = asked.record().with("credential", key.id);
    application.keys.push(key);
    let mut done = put(asked, &application, rng, record)?;
    done.status = 201;
    Ok(done)
}

pub(crate) fn remove_key(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut application = named(asked)?;
    let before = application.keys.len();
    let id = asked.part(1);
    application.keys.retain(|key| key.id.to_string() != id);
    if application.keys.len() == before {
        return Err(Refused::not_found("key of the application", id).into());
    }
    let record = asked.record().with("credential", id);
    put(asked, &application, rng, record)
}

/// Consents for everybody in the tenant.
pub(crate) fn consent(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let application = named(asked)?;
    let mut members = asked.members()?;
    let resource = members.needed("resource")?;
    let scopes = members.texts("scopes")?.unwrap_or_default();
    words(&scopes, "scopes")?;
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

/// The application that the path names: by its identifier, or by its name where that is unique.
fn named(asked: &Asked<'_, '_>) -> Result<Application, Trouble> {
    let name = asked.part(0);
    let not_found = || Refused::not_found("application", name);
    if let Ok(id) = name.parse::<Guid>() {
        let found = tenant::application(asked.snapshot(), id, asked.now)?;
        return found.ok_or_else(|| not_found().into());
    }
    let mut found: Vec<Application> = Vec::new();
    let mut after = None;
    loop {
        let some = tenant::applications(asked.snapshot(), after, LOOKED_AT, asked.now)?;
        let whole = some.len() < LOOKED_AT;
        after = some.last().map(|last| last.id);
        let same =
            |application: &Application| application.name.to_lowercase() == name.to_lowercase();
        found.extend(some.into_iter().filter(same));
        if whole {
            break;
        }
    }
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

/// The same, where it can prove who it is.
fn confidential(asked: &Asked<'_, '_>) -> Result<Application, Trouble> {
    let application = named(asked)?;
    match application.kind {
        ClientKind::Confidential => Ok(application),
        ClientKind::Public => {
            let why = "the application is public: what is on everybody's machine keeps no secret";
            Err(Refused::InTheWay(why.to_owned()).into())
        }
    }
}

fn room(there: usize) -> Result<(), Refused> {
    match there < MOST_CREDENTIALS {
        true => Ok(()),
        false => Err(Refused::InTheWay(format!(
            "the application has {MOST_CREDENTIALS} already"
        ))),
    }
}

fn until(asked: &Asked<'_, '_>, members: &mut Members) -> Result<Timestamp, Refused> {
    let days = members.number("days", 1, MOST_DAYS)?.unwrap_or(DAYS);
    Ok(asked.now.whole_seconds() + Span::days(days))
}

fn jwk(value: &Value) -> Result<String, Refused> {
    let jwk = Jwk::from_json(value)
        .map_err(|error| Refused::Key(format!("it is no public key as JSON: {error}")))?;
    strong(&jwk.key)?;
    Ok(jwk.to_json().to_string())
}

fn certificate(text: &str) -> Result<Vec<u8>, Refused> {
    let member = "certificate";
    let certificate = issuers::certificate(member, text)?;
    let key = PublicKey::from_spki_der(certificate.spki())
        .map_err(|_| Refused::member(member, "its public key cannot be used"))?;
    strong(&key)?;
    Ok(certificate.der().to_vec())
}

fn strong(key: &PublicKey) -> Result<(), Refused> {
    key.check_strength()
        .map_err(|weak| Refused::Key(weak.to_string()))
}

/// Reads the members that are there.
fn read(
    asked: &Asked<'_, '_>,
    members: &mut Members,
    application: &mut Application,
) -> Result<(), Trouble> {
    if members.has("name") {
        let name = members.needed("name")?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 200 {
            return Err(Refused::member("name", "it must have 1 to 200 characters").into());
        }
        application.name = name.to_owned();
    }
    if members.has("redirect_uris") {
        application.redirect_uris = addresses(members, "redirect_uris")?;
    }
    if members.has("post_logout_redirect_uris") {
        let name = "post_logout_redirect_uris";
        application.post_logout_redirect_uris = addresses(members, name)?;
    }
    match members.patch(FRONT_CHANNEL)? {
        Patch::Keep => {}
        Patch::Clear => application.frontchannel_logout_uri = None,
        Patch::Set(uri) => {
            good(&uri, FRONT_CHANNEL)?;
            application.frontchannel_logout_uri = Some(uri);
        }
    }
    match members.patch("identifier_uri")? {
        Patch::Keep => {}
        Patch::Clear => application.identifier_uri = None,
        Patch::Set(uri) => {
            identifier_must_be_free(asked, &uri, application.id)?;
            application.identifier_uri = Some(uri);
        }
    }
    if members.has("permissions") {
        application.permissions = permissions(members)?;
    }
    if members.has("wants") {
        application.wants = wants(members)?;
    }
    front_channel_must_be_its_own(application)?;
    for (name, place) in [
        (
            "frontchannel_logout_session_required",
            &mut application.frontchannel_logout_session,
        ),
        ("second_factor", &mut application.second_factor),
        ("refresh", &mut application.refresh),
        ("device_code", &mut application.device_code),
        ("password", &mut application.password),
    ] {
        if let Some(flag) = members.flag(name)? {
            *place = flag;
        }
    }
    match members.patch("signs")? {
        Patch::Keep => {}
        Patch::Clear => application.signs = None,
        Patch::Set(name) => {
            application.signs = Some(match name.as_str() {
                "RS256" => Signs::Rs256,
                "ES256" => Signs::Es256,
                _ => return Err(Refused::member("signs", "it must be RS256 or ES256").into()),
            });
        }
    }
    if members.has("assigned_to") {
        application.assignment = match members.texts("assigned_to")? {
            None => Assignment::Everybody,
            Some(names) => {
                let groups = names
                    .iter()
                    .map(|name| names::group(asked.snapshot(), name));
                let groups = groups.map(|group| Ok(group?.id));
                Assignment::Groups(groups.collect::<Result<_, Trouble>>()?)
            }
        };
    }
    Ok(())
}

/// Refuses a page of the front channel that is not at one of the places to which codes may be sent, with scheme, host and port
/// (OpenID Connect Front-Channel Logout 1.0, 2): the page after signing out frames none but an application's own.
fn front_channel_must_be_its_own(application: &Application) -> Result<(), Refused> {
    let Some(uri) = &application.frontchannel_logout_uri else {
        return Ok(());
    };
    let must_be = |why: &str| Err(Refused::member(FRONT_CHANNEL, why));
    let own = source_of(uri).filter(|own| own.contains("://"));
    let Some(own) = own.map(|own| own.to_ascii_lowercase()) else {
        return must_be(
            "it must be https, or http at 127.0.0.1, [::1] or localhost, with a host name and no user name",
        );
    };
    // `http://127.0.0.1/path` among the others stands for any port of the machine itself.
    let host = own
        .strip_prefix("http://")
        .map(|rest| match rest.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => rest,
        });
    let is_own = |redirect: &String| {
        let source = source_of(redirect).map(|source| source.to_ascii_lowercase());
        source.is_some_and(|source| {
            source == own
                || host.is_some_and(|host| {
                    matches!(host, "127.0.0.1" | "[::1]") && source == format!("http://{host}")
                })
        })
    };
    match application.redirect_uris.iter().any(is_own) {
        true => Ok(()),
        false => must_be("scheme, host and port must be those of one of redirect_uris"),
    }
}

fn addresses(members: &mut Members, name: &'static str) -> Result<Vec<String>, Refused> {
    let uris = members.texts(name)?.unwrap_or_default();
    for uri in &uris {
        good(uri, name)?;
    }
    Ok(uris)
}

fn good(uri: &str, member: &str) -> Result<(), Refused> {
    redirect::check(uri).map_err(|why| {
        let uri: String = uri.chars().take(100).collect();
        Refused::member(member, format!("{uri:?}: {why}"))
    })
}

/// Refuses what names a resource already: another application's, or one that every tenant has.
fn identifier_must_be_free(asked: &Asked<'_, '_>, uri: &str, own: Guid) -> Result<(), Trouble> {
    const RESERVED: [&str; 7] = [
        "urn:ms-drs:",
        "urn:keyporch:",
        "urn:microsoft:",
        "urn:aad:",
        "https://graph.microsoft.com",
        "https://graph.windows.net",
        "https://enrollment.manage.microsoft.com",
    ];
    let member = "identifier_uri";
    let folded = uri.trim_end_matches('/').to_ascii_lowercase();
    let plain = uri.len() <= 500 && uri.contains(':') && uri.bytes().all(|b| b.is_ascii_graphic());
    if !plain {
        let why = "it must be an absolute URI of at most 500 characters";
        return Err(Refused::member(member, why).into());
    }
    let of_another = folded
        .strip_prefix("api://")
        .and_then(|rest| rest.parse::<Guid>().ok())
        .is_some_and(|id| id != own);
    if of_another || RESERVED.iter().any(|reserved| folded.starts_with(reserved)) {
        return Err(Refused::member(member, "it belongs to another resource").into());
    }
    let mut after = None;
    loop {
        let some = tenant::applications(asked.snapshot(), after, LOOKED_AT, asked.now)?;
        for other in some.iter().filter(|other| other.id != own) {
            let theirs = other.identifier_uri.as_deref().unwrap_or_default();
            if theirs.trim_end_matches('/').eq_ignore_ascii_case(&folded) {
                return Err(Refused::taken("the identifier", uri, &other.name).into());
            }
        }
        if some.len() < LOOKED_AT {
            return Ok(());
        }
        after = some.last().map(|last| last.id);
    }
}

/// A list of objects, each with these members.
fn objects(
    members: &mut Members,
    name: &'static str,
    known: &[&str],
) -> Result<Vec<Members>, Refused> {
    let must_be = || Refused::member(name, "it must be a list of objects, 100 at most");
    let value = match members.has(name) {
        true => members.value(name).unwrap_or(json!([])),
        false => json!([]),
    };
    let Value::Array(values) = value else {
        return Err(must_be());
    };
    if values.len() > 100 {
        return Err(must_be());
    }
    let each = values
        .iter()
        .map(|value| Members::read(value.to_string().as_bytes(), known));
    each.collect()
}

fn permissions(members: &mut Members) -> Result<Vec<Permission>, Refused> {
    let known = ["scope", "description", "administrator_only"];
    let mut permissions = Vec::new();
    for mut one in objects(members, "permissions", &known)? {
        let scope = one.needed("scope")?;
        words(core::slice::from_ref(&scope), "permissions")?;
        permissions.push(Permission {
            scope,
            description: one.text("description")?.unwrap_or_default(),
            administrator_only: one.flag("administrator_only")?.unwrap_or(false),
        });
    }
    Ok(permissions)
}

fn wants(members: &mut Members) -> Result<Vec<Wanted>, Refused> {
    let mut wants = Vec::new();
    for mut one in objects(members, "wants", &["resource", "scopes"])? {
        let scopes = one.texts("scopes")?.unwrap_or_default();
        words(&scopes, "wants")?;
        wants.push(Wanted {
            resource: one.needed("resource")?,
            scopes,
        });
    }
    Ok(wants)
}

/// Scopes as RFC 6749 3.3 has them.
fn words(scopes: &[String], member: &str) -> Result<(), Refused> {
    let word = |scope: &String| {
        (1..=128).contains(&scope.len())
            && scope
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    match scopes.len() <= 32 && scopes.iter().all(word) {
        true => Ok(()),
        false => Err(Refused::member(
            member,
            "scopes are words of at most 128 characters, 32 at most",
        )),
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
