//! `/EnrollmentServer/contract`: where devices and keys are registered (MS-DVRD, protocols B.1.2).

use trust::Rng;
use wire::http::Response;
use wire::registration::{
    AuthenticationService, DeviceJoinService, DeviceRegistrationService, DiscoveryContract,
    IdentityProviderService, KeyProvisioningService, OAuth2Endpoints, WebBrowserZone,
    WebBrowserZones, api_version,
};

use crate::asked::Asked;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::settings::Settings;

/// Answers in the version that is asked for, as JSON or XML.
pub(crate) fn contract(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let version = api_version(asked.request)
        .map_err(|_| Refused::Message("the api-version is missing or repeated"))?;
    let contract = match version.as_str() {
        "1.0" => first(asked.view.settings),
        "1.2" => second(asked.view.settings),
        _ => return Err(Refused::Message("the api-version is neither 1.0 nor 1.2").into()),
    };
    Ok(Answer::now(if asked.request.accepts("application/json") {
        Response::json(200, &contract)
    } else if asked.request.accepts("application/xml") {
        Response::bytes(200, "application/xml; charset=utf-8", contract.to_xml())
    } else {
        Response::empty(406)
    }))
}

/// Version 1.0.
fn first(settings: &Settings) -> DiscoveryContract {
    let (origin, issuer) = (&settings.origin, &settings.issuer);
    DiscoveryContract {
        device_registration_service: Some(DeviceRegistrationService {
            registration_endpoint: format!(
                "{origin}/EnrollmentServer/DeviceEnrollmentWebService.svc"
            ),
            registration_resource_id: settings.registration_resource.clone(),
            service_version: "1.0".to_owned(),
        }),
        authentication_service: Some(AuthenticationService {
            oauth2: OAuth2Endpoints {
                auth_code_endpoint: format!("{issuer}/oauth2/authorize"),
                token_endpoint: format!("{issuer}/oauth2/token"),
            },
        }),
        identity_provider_service: Some(IdentityProviderService {
            passive_auth_endpoint: format!("{issuer}/ls"),
        }),
        ..DiscoveryContract::default()
    }
}

/// Version 1.2: with join and key registration.
fn second(settings: &Settings) -> DiscoveryContract {
    let (origin, resource) = (&settings.origin, &settings.registration_resource);
    DiscoveryContract {
        device_join_service: Some(DeviceJoinService {
            join_endpoint: format!("{origin}/EnrollmentServer/device/"),
            join_resource_id: resource.clone(),
            service_version: "1.0".to_owned(),
        }),
        key_provisioning_service: Some(KeyProvisioningService {
            key_provision_endpoint: format!("{origin}/EnrollmentServer/key/"),
            key_provision_resource_id: resource.clone(),
            service_version: "1.0".to_owned(),
        }),
        web_browser_zones: Some(WebBrowserZones {
            intranet: Some(WebBrowserZone {
                endpoints: vec![origin.clone()],
            }),
            ..WebBrowserZones::default()
        }),
        ..first(settings)
    }
}
