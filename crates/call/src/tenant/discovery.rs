//! Finding a tenant (DREG-F1.A, C and E; protocols A.1.1, A.2.1, B.1.1).

use hello::registration::{Service, Tenant};
use http::Method;
use http::header::{ACCEPT, HeaderName};
use serde::Deserialize;
use serde_json::Value;
use wire::Guid;
use wire::registration::TenantDiscovery;

use crate::client::{Client, request};
use crate::fault::CallFault;
use crate::sign_in::Endpoints;
use crate::url::Url;

/// The version of the registration service's discovery (protocols B.1.1).
const DISCOVERY_VERSION: &str = "1.9";

/// A tenant that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its ID.
    pub id: Guid,
    /// The domain that it was asked for by.
    pub domain: String,
    /// Where people sign in: `https://login.corp.example`.
    pub login: String,
    /// Its endpoints there.
    pub endpoints: Endpoints,
}

/// Why no tenant was found.
#[derive(Debug, thiserror::Error)]
pub enum NoTenant {
    /// The server could not be asked.
    #[error(transparent)]
    Call(#[from] CallFault),
    /// Nobody there knows the domain.
    #[error("{login} has no tenant of {domain}")]
    Unknown {
        /// Who was asked.
        login: String,
        /// For what.
        domain: String,
    },
    /// An answer that is not what it should be.
    #[error("the answer to the {0} was not understood")]
    NotUnderstood(&'static str),
    /// Nobody says where devices are registered.
    #[error("the tenant does not say where devices are registered: {0}")]
    NoRegistration(String),
}

/// Who authenticates the people of a domain (protocols A.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Realm {
    /// The tenant itself.
    Managed,
    /// A federation service.
    Federated,
    /// The tenant does not know the domain.
    Unknown,
}

/// The members of an OpenID configuration that are used here.
#[derive(Deserialize)]
struct Configuration {
    authorization_endpoint: String,
    token_endpoint: String,
}

/// Asks `login` (`https://login.corp.example`) for the tenant of `domain`, which may also be a tenant's ID.
///
/// # Errors
/// [`NoTenant`].
pub fn find(client: &Client, login: &str, domain: &str) -> Result<Found, NoTenant> {
    let login = login.trim_end_matches('/');
    // In the form of the first version, whose requests name a resource rather than scopes.
    let url = format!("{login}/{domain}/.well-known/openid-configuration");
    let answer = client.get(&url)?;
    if !answer.status().is_success() {
        return Err(NoTenant::Unknown {
            login: login.to_owned(),
            domain: domain.to_owned(),
        });
    }
    let not_understood = || NoTenant::NotUnderstood("OpenID configuration");
    let found: Configuration =
        serde_json::from_slice(answer.body()).map_err(|_| not_understood())?;
    let id = tenant_of(login, &found).ok_or_else(not_understood)?;
    Ok(Found {
        id,
        domain: domain.to_owned(),
        login: login.to_owned(),
        endpoints: Endpoints {
            authorize: found.authorization_endpoint,
            token: found.token_endpoint,
        },
    })
}

/// The endpoints at which whoever belongs to any tenant of `login` signs in; `None` where that is no server of a tenant.
///
/// # Errors
/// [`CallFault`] when nobody is there.
pub fn endpoints(client: &Client, login: &str) -> Result<Option<Endpoints>, CallFault> {
    let login = login.trim_end_matches('/');
    let answer = client.get(&format!("{login}/common/.well-known/openid-configuration"))?;
    let found: Option<Configuration> = match answer.status().is_success() {
        true => serde_json::from_slice(answer.body()).ok(),
        false => None,
    };
    let ours = |endpoint: &str| {
        let endpoint = Url::parse(endpoint)?;
        Some(endpoint.same_origin(&Url::parse(login)?))
    };
    Ok(found
        .filter(|found| {
            ours(&found.authorization_endpoint) == Some(true)
                && ours(&found.token_endpoint) == Some(true)
        })
        .map(|found| Endpoints {
            authorize: found.authorization_endpoint,
            token: found.token_endpoint,
        }))
}

/// The tenant's ID, which is the first part of the path of both endpoints; both are of the server that was asked.
fn tenant_of(login: &str, found: &Configuration) -> Option<Guid> {
    let asked = Url::parse(login)?;
    let id = |endpoint: &str| {
        let endpoint = Url::parse(endpoint).filter(|endpoint| endpoint.same_origin(&asked))?;
        endpoint.first_segment()?.parse::<Guid>().ok()
    };
    let (one, other) = (
        id(&found.authorization_endpoint)?,
        id(&found.token_endpoint)?,
    );
    (one == other).then_some(one)
}

/// Asks who authenticates `upn`. The answer is the domain's: it says nothing of whether there is such a person.
///
/// # Errors
/// [`NoTenant`].
pub fn realm(client: &Client, login: &str, upn: &str) -> Result<Realm, NoTenant> {
    let upn = wire::http::percent_encode(upn);
    let url = format!("{login}/common/UserRealm/{upn}?api-version=1.0");
    let answer = client.get(&url)?;
    let json: Value = serde_json::from_slice(answer.body())
        .map_err(|_| NoTenant::NotUnderstood("question for the realm"))?;
    Ok(match json.get("account_type").and_then(Value::as_str) {
        Some("Managed") => Realm::Managed,
        Some("Federated") => Realm::Federated,
        _ => Realm::Unknown,
    })
}

/// Asks where devices and keys are registered: at the sign-in host, and by the name that is usual for it
/// (`enterpriseregistration.corp.example`).
///
/// # Errors
/// [`NoTenant`]: of the first that was asked, where none answers.
pub fn discover(client: &Client, found: &Found) -> Result<Tenant, NoTenant> {
    let usual = format!("https://enterpriseregistration.{}", found.domain);
    match discover_at(client, &found.login, found) {
        Ok(tenant) => Ok(tenant),
        Err(first) => discover_at(client, &usual, found).map_err(|_| first),
    }
}

fn discover_at(client: &Client, host: &str, found: &Found) -> Result<Tenant, NoTenant> {
    let url = format!(
        "{host}/{}/Discover?api-version={DISCOVERY_VERSION}&managed=True",
        found.id
    );
    let headers = [
        (ACCEPT, "application/json"),
        (HeaderName::from_static("ocp-adrs-client-name"), "keyporch"),
        (
            HeaderName::from_static("ocp-adrs-client-version"),
            env!("CARGO_PKG_VERSION"),
        ),
    ];
    let answer = client.send(request(Method::GET, &url, &headers, Vec::new())?)?;
    if !answer.status().is_success() {
        let status = answer.status().as_u16();
        return Err(NoTenant::NoRegistration(format!("HTTP status {status}")));
    }
    let discovery: TenantDiscovery = serde_json::from_slice(answer.body())
        .map_err(|_| NoTenant::NotUnderstood("discovery of the registration service"))?;
    let missing = |what: &str| NoTenant::NoRegistration(format!("it names no {what} service"));
    let join = discovery
        .device_join_service
        .ok_or_else(|| missing("join"))?;
    let keys = discovery
        .key_provisioning_service
        .ok_or_else(|| missing("key"))?;
    let info = discovery.tenant_info;
    if let Some(info) = &info
        && info.tenant_id.parse() != Ok(found.id)
    {
        return Err(NoTenant::NotUnderstood(
            "discovery of the registration service",
        ));
    }
    for endpoint in [&join.join_endpoint, &keys.key_provision_endpoint] {
        if !endpoint.starts_with("https://") {
            return Err(NoTenant::NoRegistration(format!(
                "{endpoint} is no address of HTTPS"
            )));
        }
    }
    Ok(Tenant {
        id: found.id,
        name: info.map_or_else(|| found.domain.clone(), |info| info.display_name),
        login: found.login.clone(),
        authorize: found.endpoints.authorize.clone(),
        token: found.endpoints.token.clone(),
        join: Service {
            endpoint: join.join_endpoint,
            resource: join.join_resource_id,
            version: join.service_version,
        },
        keys: Service {
            endpoint: keys.key_provision_endpoint,
            resource: keys.key_provision_resource_id,
            version: keys.service_version,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tenant_is_that_of_both_endpoints_at_the_server_that_was_asked() {
        const LOGIN: &str = "https://login.corp.example:8443";
        const ID: &str = "7e7e7e7e-7e7e-7e7e-7e7e-7e7e7e7e7e7e";
        const OTHER: &str = "8e7e7e7e-7e7e-7e7e-7e7e-7e7e7e7e7e7e";
        let tenant = |authorize: String, token: String| {
            let found = Configuration {
                authorization_endpoint: authorize,
                token_endpoint: token,
            };
            tenant_of(LOGIN, &found).map(|id| id.to_string())
        };
        let at = |host: &str, id: &str| format!("{host}/{id}/oauth2/token");
        assert_eq!(tenant(at(LOGIN, ID), at(LOGIN, ID)).as_deref(), Some(ID));
        for (authorize, token) in [
            (at(LOGIN, ID), at(LOGIN, OTHER)),
            (at(LOGIN, ID), at("https://login.evil.example", ID)),
            (at("https://login.corp.example", ID), at(LOGIN, ID)),
            (at(LOGIN, "common"), at(LOGIN, "common")),
            (LOGIN.to_owned(), LOGIN.to_owned()),
        ] {
            assert_eq!(tenant(authorize.clone(), token), None, "{authorize}");
        }
    }

    /// A registration service that says this, whoever asks.
    struct Says(Value);

    impl crate::hosts::InProcess for Says {
        fn http(&self, _: http::Request<Vec<u8>>, _: Option<&[u8]>) -> http::Response<Vec<u8>> {
            http::Response::new(self.0.to_string().into_bytes())
        }

        fn kerberos(&self, _: &[u8]) -> Option<Vec<u8>> {
            None
        }
    }

    #[test]
    fn a_registration_service_is_that_of_the_tenant_and_speaks_tls() {
        const LOGIN: &str = "https://login.corp.example";
        let id = Guid::from_bytes([0x7e; 16]);
        let found = Found {
            id,
            domain: "corp.example".to_owned(),
            login: LOGIN.to_owned(),
            endpoints: Endpoints {
                authorize: format!("{LOGIN}/{id}/oauth2/authorize"),
                token: format!("{LOGIN}/{id}/oauth2/token"),
            },
        };
        let asked = |tenant: &str, join: &str, keys: &str| {
            let says = serde_json::json!({
                "DeviceJoinService": {
                    "JoinEndpoint": join, "JoinResourceId": "urn:ms-drs:x", "ServiceVersion": "2.0",
                },
                "KeyProvisioningService": {
                    "KeyProvisionEndpoint": keys, "KeyProvisionResourceId": "urn:ms-drs:x", "ServiceVersion": "1.0",
                },
                "TenantInfo": { "DisplayName": "Corp", "TenantId": tenant, "TenantName": "corp.example" },
            });
            let hosts = crate::hosts::Hosts::in_process(std::sync::Arc::new(Says(says)));
            let client = Client::new(&crate::client::Roots::none(), hosts, None);
            discover(&client, &found)
        };
        let (own, https, plain) = (
            id.to_string(),
            "https://drs.example/",
            "http://drs.example/",
        );
        assert_eq!(asked(&own, https, https).unwrap().id, id);
        let another = "8e7e7e7e-7e7e-7e7e-7e7e-7e7e7e7e7e7e";
        for tenant in [another, "corp.example", ""] {
            let refused = asked(tenant, https, https).unwrap_err();
            assert!(matches!(refused, NoTenant::NotUnderstood(_)), "{refused}");
        }
        for (join, keys) in [(plain, https), (https, plain), ("", https)] {
            let refused = asked(&own, join, keys).unwrap_err();
            assert!(matches!(refused, NoTenant::NoRegistration(_)), "{refused}");
        }
    }
}
