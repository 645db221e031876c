//! Where the people of a domain sign in (protocols A.2.1, A.2.2). It is a property of the domain: no account is looked up,
//! so the answer says nothing of who there is.

use directory::tenant::{Federated, VerifiedDomain};
use serde_json::{Map, Value, json};
use trust::Rng;
use wire::http::{Method, Response};

use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// What clients read as the cloud's name, whoever's cloud it is.
const CLOUD: &str = "microsoftonline.com";
/// What clients read as the audience of the cloud.
const CLOUD_AUDIENCE: &str = "urn:federation:MicrosoftOnline";
/// How much of a name is said again.
const LONGEST_NAME: usize = 1024;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, "/{t}/UserRealm/{upn}", Words::OAuth, by_path),
    route(Method::Get, "/GetUserRealm.srf", Words::OAuth, by_query),
];

/// Where the people of a domain sign in.
enum Realm<'k> {
    Managed(&'k VerifiedDomain),
    Federated(&'k VerifiedDomain, &'k Federated),
    Unknown,
}

impl<'k> Realm<'k> {
    fn of(asked: &'k Asked<'_, '_>, name: &str) -> Self {
        match asked.known.domain_of(name) {
            None => Self::Unknown,
            Some(domain) => match &domain.federation {
                Some(federation) => Self::Federated(domain, federation),
                None => Self::Managed(domain),
            },
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Managed(_) => "Managed",
            Self::Federated(..) => "Federated",
            Self::Unknown => "Unknown",
        }
    }

    const fn domain(&self) -> Option<&'k VerifiedDomain> {
        match self {
            Self::Managed(domain) | Self::Federated(domain, _) => Some(domain),
            Self::Unknown => None,
        }
    }

    const fn federation(&self) -> Option<&'k Federated> {
        match self {
            Self::Federated(_, federation) => Some(federation),
            _ => None,
        }
    }

    /// What people see of whoever signs them in.
    fn brand(&self, asked: &Asked<'_, '_>) -> Option<String> {
        let own = || asked.known.organisation().to_owned();
        match self {
            Self::Managed(_) => Some(own()),
            Self::Federated(domain, federation) => {
                let brand = federation.brand.as_ref().unwrap_or(&domain.name);
                Some(brand.clone())
            }
            Self::Unknown => None,
        }
    }
}

/// Members with those that are there.
fn members(pairs: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Map<String, Value> {
    let there = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    there.collect()
}

fn text(value: impl Into<String>) -> Option<Value> {
    Some(Value::String(value.into()))
}

/// `UserRealm` in both versions (protocols A.2.1).
fn by_path(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let query = asked.query().map_err(Refused::Parameters)?;
    let version = query.one("api-version").map_err(Refused::Parameters)?;
    let name = asked.segment();
    let realm = Realm::of(asked, name);
    let body = match version.unwrap_or("1.0") {
        "1.0" => first_version(&realm),
        "2.0" => named(asked, &realm, name),
        _ => return Err(Refused::Parameter("api-version").into()),
    };
    Ok(Answer::now(Response::json(200, &body)))
}

fn first_version(realm: &Realm<'_>) -> Map<String, Value> {
    let federation = realm.federation();
    let url = |url: Option<&String>| url.cloned().map(Value::String);
    members([
        ("ver", text("1.0")),
        ("account_type", text(realm.word())),
        (
            "domain_name",
            realm.domain().and_then(|domain| text(&domain.name)),
        ),
        (
            "federation_protocol",
            federation.and_then(|_| text("WSTrust")),
        ),
        (
            "federation_metadata_url",
            url(federation.and_then(|federation| federation.mex_url.as_ref())),
        ),
        (
            "federation_active_auth_url",
            url(federation.and_then(|federation| federation.active_url.as_ref())),
        ),
        ("cloud_instance_name", text(CLOUD)),
        ("cloud_audience_urn", text(CLOUD_AUDIENCE)),
    ])
}

/// The members of the second version.
fn named(asked: &Asked<'_, '_>, realm: &Realm<'_>, name: &str) -> Map<String, Value> {
    let federation = realm.federation();
    let mex = federation.and_then(|federation| federation.mex_url.as_ref());
    members([
        ("ver", text("2.0")),
        ("NameSpaceType", text(realm.word())),
        ("Login", text(shown(name))),
        (
            "DomainName",
            realm.domain().and_then(|domain| text(&domain.name)),
        ),
        ("FederationBrandName", realm.brand(asked).map(Value::String)),
        (
            "federation_protocol",
            federation.and_then(|_| text("WSTrust")),
        ),
        (
            "AuthURL",
            federation.and_then(|federation| text(&federation.passive_url)),
        ),
        ("MetadataURL", mex.and_then(text)),
        ("cloud_instance_name", text(CLOUD)),
        ("cloud_audience_urn", text(CLOUD_AUDIENCE)),
    ])
}

/// `GetUserRealm.srf` (protocols A.2.2).
fn by_query(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let query = asked.query().map_err(Refused::Parameters)?;
    let name = query.one("login").map_err(Refused::Parameters)?;
    let name = name.unwrap_or_default();
    let realm = Realm::of(asked, name);
    let xml = query.one("xml").map_err(Refused::Parameters)?;
    Ok(Answer::now(match xml {
        Some("1") => Response::bytes(200, "text/xml; charset=utf-8", in_xml(asked, &realm, name)),
        _ => Response::json(200, &in_json(asked, &realm, name)),
    }))
}

/// 4 managed, 3 federated, 1 unknown.
const fn state(realm: &Realm<'_>) -> u8 {
    match realm {
        Realm::Managed(_) => 4,
        Realm::Federated(..) => 3,
        Realm::Unknown => 1,
    }
}

/// 1 managed or unknown, 2 federated. It is the domain's, too.
const fn user_state(realm: &Realm<'_>) -> u8 {
    match realm {
        Realm::Federated(..) => 2,
        Realm::Managed(_) | Realm::Unknown => 1,
    }
}

fn in_json(asked: &Asked<'_, '_>, realm: &Realm<'_>, name: &str) -> Map<String, Value> {
    let federation = realm.federation();
    members([
        ("State", Some(json!(state(realm)))),
        ("UserState", Some(json!(user_state(realm)))),
        ("Login", text(shown(name))),
        ("NameSpaceType", text(realm.word())),
        (
            "DomainName",
            realm.domain().and_then(|domain| text(&domain.name)),
        ),
        ("FederationGlobalVersion", federation.map(|_| json!(-1))),
        (
            "AuthURL",
            federation.and_then(|federation| text(&federation.passive_url)),
        ),
        ("FederationBrandName", realm.brand(asked).map(Value::String)),
        ("AuthNForwardType", federation.map(|_| json!(1))),
        ("CloudInstanceName", text(CLOUD)),
        ("CloudInstanceIssuerUri", text(CLOUD_AUDIENCE)),
        ("ThrottleStatus", Some(json!(0))),
    ])
}

fn in_xml(asked: &Asked<'_, '_>, realm: &Realm<'_>, name: &str) -> String {
    let federation = realm.federation();
    let element = |name: &str, value: &str| format!("<{name}>{}</{name}>", escaped(value));
    let url =
        |name: &str, url: Option<&String>| url.map_or_else(String::new, |url| element(name, url));
    let mut inside = vec![
        element("State", &state(realm).to_string()),
        element("UserState", &user_state(realm).to_string()),
        element("Login", &shown(name)),
        element("NameSpaceType", realm.word()),
    ];
    if let Some(domain) = realm.domain() {
        inside.push(element("DomainName", &domain.name));
    }
    if let Some(federation) = federation {
        inside.push(element("FederationGlobalVersion", "-1"));
        inside.push(element("AuthURL", &federation.passive_url));
    }
    inside.push(element(
        "IsFederatedNS",
        match federation {
            Some(_) => "true",
            None => "false",
        },
    ));
    inside.push(url(
        "STSAuthURL",
        federation.and_then(|federation| federation.active_url.as_ref()),
    ));
    if let Some(brand) = realm.brand(asked) {
        inside.push(element("FederationBrandName", &brand));
    }
    if federation.is_some() {
        inside.push(element("AuthNForwardType", "1"));
        inside.push(element("PreferredProtocol", "1"));
    }
    inside.push(url(
        "MEXURL",
        federation.and_then(|federation| federation.mex_url.as_ref()),
    ));
    inside.push(element("EDUDomainFlags", "0"));
    inside.push(element("CloudInstanceName", CLOUD));
    inside.push(element("CloudInstanceIssuerUri", CLOUD_AUDIENCE));
    format!(
        "<RealmInfo Success=\"true\">{}</RealmInfo>",
        inside.concat()
    )
}

/// A name as it is said again: not longer than names are, and without what XML cannot hold.
fn shown(name: &str) -> String {
    let allowed = |c: &char| !c.is_control() && !matches!(*c, '\u{fffe}' | '\u{ffff}');
    name.chars().take(LONGEST_NAME).filter(allowed).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other => out.push(other),
        }
    }
    out
}
