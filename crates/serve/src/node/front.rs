//! HTTP: whose request it is, among a domain and tenants.

use std::net::IpAddr;
use std::sync::Arc;

use tenant::Which;
use wire::http::{Request, Response};

use super::Node;
use super::tenant::TenantNode;
use crate::conversation::{error, failed};
use crate::door::Http;
use crate::fault::Role;

/// All parties that answer HTTP.
pub(crate) struct Front {
    pub(crate) domain: Option<Arc<Node>>,
    pub(crate) tenants: Vec<Arc<TenantNode>>,
}

impl Front {
    /// The tenant that a request means; `Err` is the answer where it means none of several.
    fn tenant_of(&self, request: &Request) -> Result<Option<&TenantNode>, Box<Response>> {
        let host = request.host_name();
        match self.tenants.as_slice() {
            [] => Ok(None),
            [only] => Ok(self.is_for_the_only(only, &host).then_some(only)),
            several => {
                let mut names = Vec::new();
                for tenant in several {
                    names.push(tenant.names().map_err(|fault| {
                        tenant.core.trouble("whose request it is", &fault);
                        Box::new(failed())
                    })?);
                }
                match tenant::which(request, &names) {
                    Which::NotOurs => Ok(None),
                    Which::One(place) | Which::Unknown(place) => {
                        Ok(several.get(place).map(Arc::as_ref))
                    }
                    Which::Several(_) => Err(Box::new(tenant::home_realm(request).unwrap_or_else(
                        || {
                            error(
                                400,
                                "invalid_request",
                                "several tenants are found at this host: name yours in place of common in the address",
                            )
                        },
                    ))),
                }
            }
        }
    }

    /// Where nobody else answers, an address means the only tenant, too: what counts for it is TLS.
    fn is_for_the_only(&self, tenant: &TenantNode, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        tenant.is_host(host)
            || self.domain.is_none()
                && (host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback()))
    }
}

impl Http for Front {
    fn is_quick(&self, request: &Request, role: Role) -> bool {
        if role != Role::Https || !tenant::is_quick(request) {
            return false;
        }
        let host = request.host_name();
        // Where there are several, each is asked for its names to tell whose request it is.
        let mut tenants = self.tenants.iter();
        tenants.all(|tenant| tenant.answers_from_memory())
            && self.tenants.iter().any(|tenant| tenant.is_host(&host))
    }

    fn answer(&self, request: Request, role: Role) -> Response {
        let path = request.path.to_ascii_lowercase();
        if path.ends_with(".crl") || path.ends_with(".crt") {
            let publisher = self.tenants.iter().find(|tenant| tenant.publishes(&path));
            if let Some(tenant) = publisher.filter(|_| role != Role::AdminSocket) {
                return tenant.published(&request);
            }
        }
        match (&self.domain, role) {
            // Whoever may use the socket administers the domain, or the tenant where that is all there is.
            (Some(domain), Role::AdminSocket | Role::Http) => domain.answer(request, role),
            (None, Role::AdminSocket) => match self.tenants.as_slice() {
                [only] => only.administer(&request, role),
                _ => error(
                    404,
                    "invalid_request",
                    "several tenants are served here: each is administered over HTTPS, at its own host",
                ),
            },
            (domain, _) => match self.tenant_of(&request) {
                Err(answer) => *answer,
                Ok(Some(tenant)) if path.starts_with(administration::PREFIX) => {
                    tenant.administer(&request, role)
                }
                Ok(Some(tenant)) => tenant.answer(&request),
                Ok(None) => match domain {
                    Some(domain) => domain.answer(request, role),
                    None => error(
                        421,
                        "invalid_request",
                        "this server is not the one that the request names",
                    ),
                },
            },
        }
    }
}
