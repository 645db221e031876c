//! Whom a request is for, where several tenants live in one process.
//!
//! Hosts and names in paths decide. Where a path names nobody (`common`, and the services that have no tenant in their
//! paths), hints in the request do, which prove nothing: whoever is chosen verifies with its own keys, so that a wrong
//! hint is refused and no more.

use base64ct::{Base64UrlUnpadded, Encoding};
use directory::tenant;
use wire::Guid;
use wire::http::Request;

use crate::deployment::Deployment;
use crate::known::Known;

/// By what a tenant is known among those of its process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Its identifier.
    pub id: Option<Guid>,
    /// Its host names, in lower case and without ports.
    pub hosts: Vec<String>,
    /// Its verified domains, in lower case.
    pub domains: Vec<String>,
    /// The applications that its administrators made.
    pub applications: Vec<Guid>,
}

impl Names {
    /// Those of a tenant.
    #[must_use]
    pub fn of(known: &Known, deployment: &Deployment) -> Self {
        let verified = known.domains.values().filter(|domain| domain.is_verified());
        Self {
            id: Some(known.id),
            hosts: deployment.host_names(),
            domains: verified.map(|domain| domain.name.clone()).collect(),
            applications: known.applications.keys().copied().collect(),
        }
    }

    fn is(&self, id: Guid) -> bool {
        self.id == Some(id)
    }

    fn has_domain(&self, domain: &str) -> bool {
        self.domains.iter().any(|own| own == domain)
    }
}

/// Whom a request is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Which {
    /// The tenant at this place of the list.
    One(usize),
    /// One of these; nothing says which.
    Several(Vec<usize>),
    /// A tenant that is not on the list, at a host of one that is: whoever answers says that there is none (90002).
    Unknown(usize),
    /// No tenant: the host is none of theirs.
    NotOurs,
}

/// The longest text in which a hint is looked for.
const LONGEST: usize = 64 * 1024;

/// Whom a request is for.
#[must_use]
pub fn which(request: &Request, tenants: &[Names]) -> Which {
    let host = request.host_name();
    let here: Vec<usize> = tenants
        .iter()
        .enumerate()
        .filter(|(_, tenant)| tenant.hosts.contains(&host))
        .map(|(place, _)| place)
        .collect();
    let [first, others @ ..] = here.as_slice() else {
        return Which::NotOurs;
    };
    let among = |is: &dyn Fn(&Names) -> bool| {
        let found = here.iter().copied();
        let mut found = found.filter(|place| tenants.get(*place).is_some_and(is));
        // What is several tenants' says nothing.
        found.next().filter(|_| found.next().is_none())
    };
    if let Some(named) = named(request) {
        let found = match named {
            Named::Id(id) => among(&|tenant| tenant.is(id)),
            Named::Domain(domain) => among(&|tenant| tenant.has_domain(&domain)),
        };
        return found.map_or(Which::Unknown(*first), Which::One);
    }
    if others.is_empty() {
        return Which::One(*first);
    }
    let hinted = hints(request).into_iter().find_map(|hint| match hint {
        Hint::Tenant(id) => among(&|tenant| tenant.is(id)),
        Hint::Domain(domain) => among(&|tenant| tenant.has_domain(&domain)),
        Hint::Application(id) => among(&|tenant| tenant.applications.contains(&id)),
    });
    hinted.map_or(Which::Several(here.clone()), Which::One)
}

enum Named {
    Id(Guid),
    Domain(String),
}

/// The tenant that a path names; `None` where it names nobody.
fn named(request: &Request) -> Option<Named> {
    let first = first_segment(request);
    if let Ok(id) = first.parse() {
        return Some(Named::Id(id));
    }
    // What has no dot is a word (`common`), and what has one may be a file or a version.
    if matches!(first.as_str(), "getuserrealm.srf" | "v1.0" | "beta") {
        return None;
    }
    tenant::domain_name(&first).map(Named::Domain)
}

fn first_segment(request: &Request) -> String {
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let segment = path.split('/').next().unwrap_or_default();
    wire::http::percent_decode(segment).to_ascii_lowercase()
}

/// What suggests a tenant.
enum Hint {
    Tenant(Guid),
    Domain(String),
    Application(Guid),
}

/// What suggests a tenant, the strongest first.
fn hints(request: &Request) -> Vec<Hint> {
    let mut hints = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    texts.extend(request.bearer().map(str::to_owned));
    let credential = "x-ms-RefreshTokenCredential";
    texts.extend(request.headers.get(credential).map(str::to_owned));
    texts.extend(request.cookie(credential).map(str::to_owned));
    let tokens = [
        "refresh_token",
        "request",
        "assertion",
        "device_code",
        "token",
    ];
    let names = [
        "username",
        "login",
        "login_hint",
        "domain_hint",
        "domain",
        "Login",
    ];
    let mut people: Vec<String> = Vec::new();
    let mut applications: Vec<String> = Vec::new();
    let mut issuers: Vec<String> = Vec::new();
    for fields in [request.query_fields().ok(), request.form().ok()]
        .into_iter()
        .flatten()
    {
        texts.extend(tokens.iter().filter_map(|name| fields.get(name)));
        people.extend(names.iter().filter_map(|name| fields.get(name)));
        applications.extend(fields.get("client_id"));
        // An answer of ours, which names its issuer, comes back to a page of ours (RFC 9207).
        issuers.extend(fields.get("iss"));
    }
    // GetCredentialType has its name in JSON; the realm of a person in its path.
    if let Ok(body) = request.json::<serde_json::Value>() {
        people.extend(
            body.get("username")
                .and_then(|name| name.as_str())
                .map(str::to_owned),
        );
    }
    let last = request.path.rsplit('/').next().unwrap_or_default();
    people.push(wire::http::percent_decode(last));
    for text in texts.iter().filter(|text| text.len() <= LONGEST) {
        hints.extend(own_token(text).map(Hint::Tenant));
        for claims in inner_claims(text) {
            let claim = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
            hints.extend(
                claim("tid")
                    .and_then(|id| id.parse().ok())
                    .map(Hint::Tenant),
            );
            hints.extend(
                claim("aud")
                    .and_then(|id| id.parse().ok())
                    .map(Hint::Tenant),
            );
            hints.extend(claim("refresh_token").and_then(own_token).map(Hint::Tenant));
            let people = ["username", "iss", "upn"].into_iter().filter_map(claim);
            hints.extend(people.filter_map(domain_in).map(Hint::Domain));
        }
    }
    let issuers = issuers.iter().filter_map(|issuer| tenant_of_issuer(issuer));
    hints.extend(issuers.map(Hint::Tenant));
    let certificate = request.client_certificate.as_deref();
    hints.extend(
        certificate
            .and_then(tenant_of_certificate)
            .map(Hint::Tenant),
    );
    hints.extend(
        people
            .iter()
            .filter_map(|name| domain_in(name))
            .map(Hint::Domain),
    );
    let applications = applications.iter().filter_map(|id| id.parse().ok());
    hints.extend(applications.map(Hint::Application));
    hints
}

/// The tenant in one of its two names as an issuer (protocols A.1.1).
fn tenant_of_issuer(issuer: &str) -> Option<Guid> {
    issuer
        .strip_prefix("https://")?
        .split('/')
        .nth(1)?
        .parse()
        .ok()
}

/// The domain of a name, or the domain that the text itself is.
fn domain_in(text: &str) -> Option<String> {
    match text.contains('@') {
        true => tenant::domain_of(text),
        false => tenant::domain_name(text),
    }
}

/// The tenant that one of our own tokens names at its beginning: `1.` and sixteen bytes of base64url, perhaps with more.
fn own_token(text: &str) -> Option<Guid> {
    let rest = text.strip_prefix("1.")?;
    // 22 characters hold 16 bytes, and of the last one four bits belong to what follows.
    let head = rest.get(..24)?;
    let head = match head.find('.') {
        Some(end) => head.get(..end)?,
        None => head,
    };
    let bytes = Base64UrlUnpadded::decode_vec(head).ok()?;
    let id = bytes.first_chunk::<16>()?;
    Some(Guid::from_bytes(*id))
}

/// The claims of a token, verified by nobody, and those of the one inside it.
fn inner_claims(text: &str) -> Vec<serde_json::Value> {
    let claims = |text: &str| -> Option<serde_json::Value> {
        let payload = text.split('.').nth(1)?;
        let bytes = Base64UrlUnpadded::decode_vec(payload.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let Some(outer) = claims(text) else {
        return vec![];
    };
    let inner = outer.get("assertion").and_then(|inner| inner.as_str());
    let inner = inner.and_then(claims);
    [Some(outer), inner].into_iter().flatten().collect()
}

/// The tenant in a device certificate (protocols B.5).
fn tenant_of_certificate(der: &[u8]) -> Option<Guid> {
    let certificate = wire::x509::Certificate::parse(der).ok()?;
    let device = wire::x509::device::DeviceExtensions::read(certificate.extensions()).ok()?;
    device.tenant
}
