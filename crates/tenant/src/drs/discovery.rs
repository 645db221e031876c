//! Where devices and keys are registered (protocols B.1).

use trust::Rng;
use wire::http::{Method, Response};
use wire::registration::{
    AuthenticationService, DeviceJoinService, DiscoveryContract, DiscoveryService,
    KeyProvisioningService, NonceService, OAuth2Endpoints, TenantDiscovery, TenantInfo,
    api_version,
};

use token::client::registration_resource;

use super::refused::Refused;
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, "/{t}/Discover", Words::Drs, discover).on(On::Registration),
    route(
        Method::Get,
        "/{t}/EnrollmentServer/contract",
        Words::Drs,
        contract,
    )
    .on(On::Registration),
    route(
        Method::Get,
        "/EnrollmentServer/contract",
        Words::Drs,
        contract,
    )
    .on(On::Registration),
];

/// The service with its addresses.
struct Service {
    resource: String,
    drs: String,
    login: String,
    tenant: String,
}

impl Service {
    fn of(asked: &Asked<'_, '_>) -> Self {
        let (deployment, tenant) = (asked.view.deployment, asked.known.id.to_string());
        Self {
            resource: registration_resource(deployment.drs.host()),
            drs: deployment.drs.url().to_owned(),
            login: format!("{}/{tenant}", deployment.login.url()),
            tenant,
        }
    }

    fn authentication(&self) -> AuthenticationService {
        AuthenticationService {
            oauth2: OAuth2Endpoints {
                auth_code_endpoint: format!("{}/oauth2/authorize", self.login),
                token_endpoint: format!("{}/oauth2/token", self.login),
            },
        }
    }

    fn join(&self) -> DeviceJoinService {
        DeviceJoinService {
            join_endpoint: format!("{}/EnrollmentServer/device/", self.drs),
            join_resource_id: self.resource.clone(),
            service_version: "2.0".to_owned(),
        }
    }

    fn keys(&self) -> KeyProvisioningService {
        KeyProvisioningService {
            key_provision_endpoint: format!("{}/EnrollmentServer/key/", self.drs),
            key_provision_resource_id: self.resource.clone(),
            service_version: "1.0".to_owned(),
        }
    }
}

/// The tenant's own form (protocols B.1.1). The version makes no difference, nor does a token: what is told is no secret.
fn discover(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let service = Service::of(asked);
    let known = &asked.known;
    let primary = known.domains.values().find(|domain| domain.primary);
    let document = TenantDiscovery {
        discovery_service: Some(DiscoveryService {
            discovery_endpoint: format!("{}/{}/Discover", service.drs, service.tenant),
            service_version: "1.9".to_owned(),
        }),
        authentication_service: Some(service.authentication()),
        device_join_service: Some(service.join()),
        key_provisioning_service: Some(service.keys()),
        tenant_info: Some(TenantInfo {
            display_name: known.organisation().to_owned(),
            tenant_id: service.tenant.clone(),
            tenant_name: match primary {
                Some(domain) => domain.name.clone(),
                None => service.tenant.clone(),
            },
        }),
        nonce_service: Some(NonceService {
            endpoint: format!("{}/EnrollmentServer/nonce/{}/", service.drs, service.tenant),
            resource_id: service.resource,
            service_version: "1.0".to_owned(),
        }),
    };
    Ok(Answer::now(Response::json(200, &document)))
}

/// The form of a federation service (protocols B.1.2), which older clients read: version 1.0 has no join.
fn contract(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let version = api_version(asked.request)
        .map_err(|_| Refused::Message("the api-version is missing or repeated"))?;
    let service = Service::of(asked);
    let mut contract = DiscoveryContract {
        authentication_service: Some(service.authentication()),
        ..DiscoveryContract::default()
    };
    match version.as_str() {
        "1.0" => {}
        "1.2" | "1.4" | "1.6" | "1.9" => {
            contract.device_join_service = Some(service.join());
            contract.key_provisioning_service = Some(service.keys());
        }
        _ => return Err(Refused::Message("the api-version is none that is known").into()),
    }
    Ok(Answer::now(if asked.request.accepts("application/json") {
        Response::json(200, &contract)
    } else if asked.request.accepts("application/xml") {
        Response::bytes(200, "application/xml; charset=utf-8", contract.to_xml())
    } else {
        Response::empty(406)
    }))
}
