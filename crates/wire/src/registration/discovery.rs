//! Discovery (MS-DVRD 2.2.4, protocols B.1.2): where to register.

use serde::{Deserialize, Serialize};

const NAMESPACE: &str =
    "http://schemas.datacontract.org/2004/07/Microsoft.DeviceRegistration.Entities";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";

/// The answer to `GET /EnrollmentServer/contract` (MS-DVRD 2.2.4.3): `Discovery`.
///
/// The first three members are of versions 1.0 and 1.2, the others of 1.2 alone. Absent members are not written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(
    missing_docs,
    reason = "each member is documented at its type, whose name it bears"
)]
pub struct DiscoveryContract {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_registration_service: Option<DeviceRegistrationService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_service: Option<AuthenticationService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider_service: Option<IdentityProviderService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_join_service: Option<DeviceJoinService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_browser_zones: Option<WebBrowserZones>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_provisioning_service: Option<KeyProvisioningService>,
}

/// The SOAP service for workplace join (MS-DVRD 2.2.4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceRegistrationService {
    /// Its URL.
    pub registration_endpoint: String,
    /// The relying party that tokens for it are for, `urn:ms-drs:<host>`.
    pub registration_resource_id: String,
    /// The version that the client asked for.
    pub service_version: String,
}

/// How clients get tokens (MS-DVRD 2.2.4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationService {
    /// By OAuth 2.0.
    #[serde(rename = "OAuth2")]
    pub oauth2: OAuth2Endpoints,
}

/// The endpoints of the OAuth server (MS-DVRD 2.2.4.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OAuth2Endpoints {
    /// The authorization endpoint.
    pub auth_code_endpoint: String,
    /// The token endpoint.
    pub token_endpoint: String,
}

/// The identity provider (MS-DVRD 2.2.4.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IdentityProviderService {
    /// Its passive sign-in page.
    pub passive_auth_endpoint: String,
}

/// Where devices join (MS-DVRD 2.2.4.6; MS-DVRJ).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceJoinService {
    /// The URL to which a [`JoinRequest`](super::JoinRequest) is posted.
    pub join_endpoint: String,
    /// The relying party that tokens for it are for.
    pub join_resource_id: String,
    /// The version of the data.
    pub service_version: String,
}

/// Where keys are registered (MS-DVRD 2.2.4.11; MS-KPP).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyProvisioningService {
    /// The URL to which a [`KeyRequest`](super::KeyRequest) is posted.
    pub key_provision_endpoint: String,
    /// The relying party that tokens for it are for.
    pub key_provision_resource_id: String,
    /// The version of the data.
    pub service_version: String,
}

/// What a browser must count among its zones to sign in silently (MS-DVRD 2.2.4.7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WebBrowserZones {
    /// The intranet zone.
    #[serde(default)]
    pub intranet: Option<WebBrowserZone>,
    /// The trusted zone.
    #[serde(default)]
    pub trusted: Option<WebBrowserZone>,
    /// The untrusted zone.
    #[serde(default)]
    pub untrusted: Option<WebBrowserZone>,
}

/// One zone's sites (MS-DVRD 2.2.4.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WebBrowserZone {
    /// Their URLs.
    pub endpoints: Vec<String>,
}

impl DiscoveryContract {
    /// The answer as XML, for `Accept: application/xml` (MS-DVRD 3.1.5.1.1.2). JSON is serde's.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = Xml::default();
        xml.out.push_str(&format!(
            "<Discovery xmlns=\"{NAMESPACE}\" xmlns:i=\"{INSTANCE}\">"
        ));
        if let Some(service) = &self.device_registration_service {
            xml.within("DeviceRegistrationService", |xml| {
                xml.text("RegistrationEndpoint", &service.registration_endpoint);
                xml.text("RegistrationResourceId", &service.registration_resource_id);
                xml.text("ServiceVersion", &service.service_version);
            });
        }
        if let Some(service) = &self.authentication_service {
            xml.within("AuthenticationService", |xml| {
                xml.within("OAuth2", |xml| {
                    xml.text("AuthCodeEndpoint", &service.oauth2.auth_code_endpoint);
                    xml.text("TokenEndpoint", &service.oauth2.token_endpoint);
                });
            });
        }
        if let Some(service) = &self.identity_provider_service {
            xml.within("IdentityProviderService", |xml| {
                xml.text("PassiveAuthEndpoint", &service.passive_auth_endpoint);
            });
        }
        if let Some(service) = &self.device_join_service {
            xml.within("DeviceJoinService", |xml| {
                xml.text("JoinEndpoint", &service.join_endpoint);
                xml.text("JoinResourceId", &service.join_resource_id);
                xml.text("ServiceVersion", &service.service_version);
            });
        }
        if let Some(zones) = &self.web_browser_zones {
            xml.within("WebBrowserZones", |xml| {
                xml.zone("Intranet", zones.intranet.as_ref());
                xml.zone("Trusted", zones.trusted.as_ref());
                xml.zone("Untrusted", zones.untrusted.as_ref());
            });
        }
        if let Some(service) = &self.key_provisioning_service {
            xml.within("KeyProvisioningService", |xml| {
                xml.text("KeyProvisionEndpoint", &service.key_provision_endpoint);
                xml.text("KeyProvisionResourceId", &service.key_provision_resource_id);
                xml.text("ServiceVersion", &service.service_version);
            });
        }
        xml.out.push_str("</Discovery>");
        xml.out
    }
}

#[derive(Default)]
struct Xml {
    out: String,
}

impl Xml {
    fn within(&mut self, name: &str, content: impl FnOnce(&mut Xml)) {
        self.out.push_str(&format!("<{name}>"));
        content(self);
        self.out.push_str(&format!("</{name}>"));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.within(name, |xml| {
            for character in text.chars() {
                match character {
                    '&' => xml.out.push_str("&amp;"),
                    '<' => xml.out.push_str("&lt;"),
                    '>' => xml.out.push_str("&gt;"),
                    // XML 1.0 has no way to write these.
                    control if control.is_control() => {}
                    other => xml.out.push(other),
                }
            }
        });
    }

    fn zone(&mut self, name: &str, zone: Option<&WebBrowserZone>) {
        let Some(zone) = zone else {
            self.out.push_str(&format!("<{name} i:nil=\"true\"/>"));
            return;
        };
        self.within(name, |xml| {
            xml.out
                .push_str(&format!("<Endpoints xmlns:a=\"{ARRAYS}\">"));
            zone.endpoints
                .iter()
                .for_each(|endpoint| xml.text("a:anyURI", endpoint));
            xml.out.push_str("</Endpoints>");
        });
    }
}
