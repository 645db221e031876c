//! Discovery and join nonces of a tenant (protocols B.1.1, B.1.3).

use serde::{Deserialize, Serialize};

use super::{AuthenticationService, DeviceJoinService, KeyProvisioningService};

/// The answer to `GET /{tenant}/Discover` (protocols B.1.1). Clients take every member as optional; what a tenant does not
/// have is left out, and no member is null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(
    missing_docs,
    reason = "each member is documented at its type, whose name it bears"
)]
pub struct TenantDiscovery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery_service: Option<DiscoveryService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_service: Option<AuthenticationService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_join_service: Option<DeviceJoinService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_provisioning_service: Option<KeyProvisioningService>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_info: Option<TenantInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce_service: Option<NonceService>,
}

/// Where this answer comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DiscoveryService {
    /// Its URL.
    pub discovery_endpoint: String,
    /// The version of the data.
    pub service_version: String,
}

/// What the tenant is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TenantInfo {
    /// What people see.
    pub display_name: String,
    /// Its identifier, a GUID.
    pub tenant_id: String,
    /// Its primary domain.
    pub tenant_name: String,
}

/// Where a nonce for a join is had ([`JoinNonce`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NonceService {
    /// Its URL.
    pub endpoint: String,
    /// The relying party that tokens for it are for.
    pub resource_id: String,
    /// The version of the data.
    pub service_version: String,
}

/// A nonce for a join (protocols B.1.3), which the certification request carries
/// ([`CertificationRequest::join_nonce`](crate::x509::CertificationRequest::join_nonce)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JoinNonce {
    /// How the request went. The name is misspelt on the public service, and so clients read it.
    #[serde(rename = "ReponseStatus")]
    pub response_status: JoinNonceStatus,
    /// The nonce, opaque.
    pub value: String,
}

/// How a request for a nonce went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinNonceStatus {
    /// What a person reads.
    pub message: String,
    /// By which the server's log finds the request.
    pub trace_id: String,
    /// When, ISO 8601.
    pub time: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_discovery_document_has_the_names_of_the_documentation_and_no_nulls() {
        // Protocols B.1.1.
        let document = TenantDiscovery {
            discovery_service: Some(DiscoveryService {
                discovery_endpoint: "https://drs.corp.example/t/Discover".into(),
                service_version: "1.9".into(),
            }),
            device_join_service: Some(DeviceJoinService {
                join_endpoint: "https://drs.corp.example/EnrollmentServer/device/".into(),
                join_resource_id: "urn:ms-drs:drs.corp.example".into(),
                service_version: "2.0".into(),
            }),
            tenant_info: Some(TenantInfo {
                display_name: "Example".into(),
                tenant_id: "t".into(),
                tenant_name: "corp.example".into(),
            }),
            nonce_service: Some(NonceService {
                endpoint: "https://drs.corp.example/EnrollmentServer/nonce/t/".into(),
                resource_id: "urn:ms-drs:drs.corp.example".into(),
                service_version: "1.0".into(),
            }),
            ..TenantDiscovery::default()
        };
        let written = serde_json::to_value(&document).unwrap();
        assert_eq!(
            written,
            json!({
                "DiscoveryService": {
                    "DiscoveryEndpoint": "https://drs.corp.example/t/Discover",
                    "ServiceVersion": "1.9",
                },
                "DeviceJoinService": {
                    "JoinEndpoint": "https://drs.corp.example/EnrollmentServer/device/",
                    "JoinResourceId": "urn:ms-drs:drs.corp.example",
                    "ServiceVersion": "2.0",
                },
                "TenantInfo": {
                    "DisplayName": "Example",
                    "TenantId": "t",
                    "TenantName": "corp.example",
                },
                "NonceService": {
                    "Endpoint": "https://drs.corp.example/EnrollmentServer/nonce/t/",
                    "ResourceId": "urn:ms-drs:drs.corp.example",
                    "ServiceVersion": "1.0",
                },
            })
        );
        let others = json!({"WebAuthNService": {"WebAuthNEndpoint": "x"}, "TenantInfo": null});
        let read: TenantDiscovery = serde_json::from_value(others).unwrap();
        assert_eq!(
            read,
            TenantDiscovery::default(),
            "what others have is passed over"
        );
    }

    #[test]
    fn a_nonce_is_answered_under_the_misspelt_name() {
        let nonce = JoinNonce {
            response_status: JoinNonceStatus {
                message: "Success.".into(),
                trace_id: "g".into(),
                time: "2026-11-22T01:02:03Z".into(),
            },
            value: "abc".into(),
        };
        assert_eq!(
            serde_json::to_value(&nonce).unwrap(),
            json!({
                "ReponseStatus": {
                    "message": "Success.",
                    "traceId": "g",
                    "time": "2026-11-22T01:02:03Z",
                },
                "Value": "abc",
            })
        );
    }
}
