//! What is said of an application: its members, read and checked.

use directory::tenant::{self, Application, Assignment, Permission, Signs, Wanted};
use serde_json::{Value, json};
use token::client::source_of;
use token::redirect;
use wire::Guid;

use super::LOOKED_AT;
use crate::asked::Asked;
use crate::body::{Members, Patch};
use crate::names;
use crate::refused::{Refused, Trouble};

/// The member for the page of the front channel.
const FRONT_CHANNEL: &str = "frontchannel_logout_uri";

/// Reads the members that are there.
pub(super) fn read(
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
pub(super) fn words(scopes: &[String], member: &str) -> Result<(), Refused> {
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
