//! The documents that anybody may read (protocols A.1): metadata, keys, where a domain's tenant is, which hosts are one.

use serde::Serialize;
use serde_json::{Value, json};
use token::client::Grants;
use trust::Rng;
use wire::http::{Method, Response};

use crate::answer::{On, Route, route};
use crate::asked::{Asked, TenantName};
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// How long a copy of metadata and keys may be used. A key is published two days before it signs.
const CACHE: &str = "public, max-age=3600";

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    get("/{t}/.well-known/openid-configuration", first_version),
    get("/{t}/v2.0/.well-known/openid-configuration", second_version),
    get("/{t}/discovery/keys", keys),
    get("/{t}/discovery/v2.0/keys", keys_with_issuer),
    get("/common/discovery/instance", instance),
    get("/odc/v2.1/federationProvider", provider).on(On::Provider),
];

const fn get(path: &'static str, handler: crate::answer::Handler) -> Route {
    route(Method::Get, path, Words::OAuth, handler)
}

/// Which of the two forms of endpoints and tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// The OpenID configuration (protocols A.1.1; OpenID Connect Discovery 3, RFC 8414).
#[derive(Serialize)]
struct Configuration {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_authorization_endpoint: Option<String>,
    jwks_uri: String,
    userinfo_endpoint: String,
    end_session_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 3],
    grant_types_supported: Vec<&'static str>,
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    scopes_supported: &'static [&'static str],
    token_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 3],
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    claims_supported: &'static [&'static str],
    authorization_response_iss_parameter_supported: bool,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    http_logout_supported: bool,
    frontchannel_logout_supported: bool,
    frontchannel_logout_session_supported: bool,
    tenant_region_scope: String,
    cloud_instance_name: String,
    cloud_graph_host_name: String,
    msgraph_host: String,
}

const CLAIMS: &[&str] = &[
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "nbf",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "name",
    "preferred_username",
    "upn",
    "email",
    "oid",
    "tid",
    "sid",
    "ver",
];

fn first_version(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    Ok(cached(&configuration(asked, Version::V1)))
}

fn second_version(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    Ok(cached(&configuration(asked, Version::V2)))
}

fn cached(document: &impl Serialize) -> Answer {
    Answer::now(Response::json(200, document).with_header("Cache-Control", CACHE))
}

/// What stands in a document for the tenant: its identifier, or the word by which the document was asked for.
fn place(asked: &Asked<'_, '_>) -> String {
    match asked.named {
        TenantName::Ours => asked.known.id.to_string(),
        TenantName::Common => "common".to_owned(),
        TenantName::Organizations => "organizations".to_owned(),
    }
}

/// The issuer of a document: a template where it is not one tenant's.
fn issuer(asked: &Asked<'_, '_>, version: Version) -> String {
    let base = asked.view.deployment.login.url();
    match (asked.named, version) {
        (TenantName::Ours, Version::V1) => asked.known.issuers.v1.clone(),
        (TenantName::Ours, Version::V2) => asked.known.issuers.v2.clone(),
        (_, Version::V1) => format!("{base}/{{tenantid}}/"),
        (_, Version::V2) => format!("{base}/{{tenantid}}/v2.0"),
    }
}

fn configuration(asked: &Asked<'_, '_>, version: Version) -> Configuration {
    let deployment = asked.view.deployment;
    let base = format!("{}/{}", deployment.login.url(), place(asked));
    let graph = deployment.graph.authority();
    let oauth = match version {
        Version::V1 => format!("{base}/oauth2"),
        Version::V2 => format!("{base}/oauth2/v2.0"),
    };
    let offered = asked.known.catalogue.offered();
    Configuration {
        issuer: issuer(asked, version),
        authorization_endpoint: format!("{oauth}/authorize"),
        token_endpoint: format!("{oauth}/token"),
        device_authorization_endpoint: offered.device_code.then(|| format!("{oauth}/devicecode")),
        jwks_uri: match version {
            Version::V1 => format!("{base}/discovery/keys"),
            Version::V2 => format!("{base}/discovery/v2.0/keys"),
        },
        userinfo_endpoint: match version {
            Version::V1 => format!("{base}/openid/userinfo"),
            Version::V2 => format!("{}/oidc/userinfo", deployment.graph.url()),
        },
        end_session_endpoint: format!("{oauth}/logout"),
        revocation_endpoint: match version {
            Version::V1 => None,
            Version::V2 => Some(format!("{oauth}/revoke")),
        },
        response_types_supported: ["code"],
        response_modes_supported: ["query", "fragment", "form_post"],
        grant_types_supported: grant_types(offered),
        subject_types_supported: ["pairwise"],
        id_token_signing_alg_values_supported: algorithms(asked),
        scopes_supported: match version {
            Version::V1 => &["openid"],
            Version::V2 => &["openid", "profile", "email", "offline_access"],
        },
        token_endpoint_auth_methods_supported: [
            "client_secret_post",
            "client_secret_basic",
            "private_key_jwt",
            "none",
        ],
        token_endpoint_auth_signing_alg_values_supported: ["RS256", "PS256", "ES256"],
        code_challenge_methods_supported: ["S256"],
        prompt_values_supported: ["none", "login", "select_account", "consent"],
        claims_supported: CLAIMS,
        authorization_response_iss_parameter_supported: true,
        claims_parameter_supported: false,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        http_logout_supported: false,
        frontchannel_logout_supported: true,
        frontchannel_logout_session_supported: true,
        tenant_region_scope: asked.known.settings.region.clone(),
        cloud_instance_name: deployment.login.authority().to_owned(),
        cloud_graph_host_name: graph.to_owned(),
        msgraph_host: graph.to_owned(),
    }
}

/// RS256 first: a client that reads no further takes that.
fn algorithms(asked: &Asked<'_, '_>) -> Vec<&'static str> {
    let mut names = asked.known.keys.algorithms();
    names.sort_unstable_by_key(|name| *name != "RS256");
    names
}

fn grant_types(offered: Grants) -> Vec<&'static str> {
    let mut types = vec!["authorization_code", "refresh_token"];
    let further = [
        (
            offered.device_code,
            "urn:ietf:params:oauth:grant-type:device_code",
        ),
        (offered.client_credentials, "client_credentials"),
        (offered.password, "password"),
    ];
    types.extend(further.iter().filter(|(on, _)| *on).map(|(_, name)| *name));
    types
}

/// The key set (protocols A.1.2).
fn keys(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let body = asked.known.keys.jwks(asked.now);
    let response = Response::bytes(200, "application/json; charset=utf-8", body);
    Ok(Answer::now(response.with_header("Cache-Control", CACHE)))
}

/// The key set of the second version: each key says whose it is.
fn keys_with_issuer(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let body = asked.known.keys.jwks(asked.now);
    let mut set: Value = serde_json::from_str(&body).unwrap_or_else(|_| json!({ "keys": [] }));
    let issuer = issuer(asked, Version::V2);
    let keys = set.get_mut("keys").and_then(Value::as_array_mut);
    for key in keys.into_iter().flatten().filter_map(Value::as_object_mut) {
        key.insert("issuer".to_owned(), issuer.as_str().into());
    }
    Ok(cached(&set))
}

/// Which hosts are one authority (protocols A.1.4). Ours is the only one that is known here.
fn instance(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let query = asked.query().map_err(Refused::Parameters)?;
    let endpoint = query
        .one("authorization_endpoint")
        .map_err(Refused::Parameters)?;
    let endpoint = endpoint.ok_or(Refused::Missing("authorization_endpoint"))?;
    let deployment = asked.view.deployment;
    let path = path_at_home(asked, endpoint).ok_or(Refused::UnknownAuthority)?;
    let tenant = path.split('/').next().unwrap_or_default();
    let version = match path.contains("/v2.0/") {
        true => "/v2.0",
        false => "",
    };
    let tenant = match asked.known.named(tenant) {
        Some(_) => tenant.to_ascii_lowercase(),
        None => "common".to_owned(),
    };
    let login = deployment.login.authority();
    let mut aliases = vec![login.to_owned()];
    aliases.extend(deployment.aliases.iter().cloned());
    let base = deployment.login.url();
    Ok(cached(&json!({
        "tenant_discovery_endpoint": format!("{base}/{tenant}{version}/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": login,
            "preferred_cache": login,
            "aliases": aliases,
        }],
    })))
}

/// The path of an address of the tenant's login host; `None` for any other address.
fn path_at_home<'e>(asked: &Asked<'_, '_>, endpoint: &'e str) -> Option<&'e str> {
    let rest = endpoint.strip_prefix("https://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = authority.to_ascii_lowercase();
    let deployment = asked.view.deployment;
    let host = authority.split(':').next().unwrap_or_default();
    let ours = authority == deployment.login.authority()
        || deployment.aliases.iter().any(|alias| alias == host);
    ours.then_some(path)
}

/// Where a domain's tenant is (protocols A.1.3). The client makes the authority's address of the host, which therefore
/// carries its port.
fn provider(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let query = asked.query().map_err(Refused::Parameters)?;
    let domain = query.one("domain").map_err(Refused::Parameters)?;
    let domain = domain.ok_or(Refused::Missing("domain"))?;
    if asked.known.verified(domain).is_none() {
        return Err(Refused::UnknownDomain.into());
    }
    let deployment = asked.view.deployment;
    Ok(cached(&json!({
        "tenantId": asked.known.id.to_string(),
        "authority_host": deployment.login.authority(),
        "graph": deployment.graph.url(),
    })))
}
