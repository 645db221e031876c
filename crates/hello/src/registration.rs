//! What the join left on this device (DREG-F1, DREG-F5): names, addresses, the device ID and its certificate.

use provisioning::prerequisites::Joined;
use serde::{Deserialize, Serialize};
use ticket::client::KdcTrust;
use trust::Timestamp;
use wire::x509::{Certificate, Thumbprint};
use wire::{Guid, Sid};

use crate::base64::Bytes;

/// The device's registration: with the enterprise DRS of the domain that it is joined to, or with the tenant
/// that it is joined to. Its keys are in the vault.
///
/// What is a domain's alone - realm, KDCs, federation service - is empty on a device of a tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// The domain's DNS name (`corp.example`); the domain by which the tenant was found.
    pub domain: String,
    /// The domain's NetBIOS name (`CORP`), where the device was told.
    pub netbios: Option<String>,
    /// The Kerberos realm (`CORP.EXAMPLE`).
    pub realm: String,
    /// The computer account's name (`LAPTOP-1$`); the device's name in a tenant.
    pub computer: String,
    /// The computer account's SID, where the device was told.
    pub computer_sid: Option<Sid>,
    /// The device ID: `msDS-DeviceID` of the device's object, and `deviceid` in tokens.
    pub device_id: Guid,
    /// The federation service's address (`https://sts.corp.example`).
    pub federation: String,
    /// The KDCs' addresses as `host:port`, in the order in which they are tried.
    pub kdcs: Vec<String>,
    certificate: Bytes,
    roots: Vec<Bytes>,
    joined: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Tenant>,
}

/// A tenant, as a device that is joined to it knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tenant {
    /// Its ID.
    pub id: Guid,
    /// Its name, as people read it.
    pub name: String,
    /// Where people sign in: `https://login.corp.example`.
    pub login: String,
    /// The authorization endpoint.
    pub authorize: String,
    /// The token endpoint.
    pub token: String,
    /// Where devices join.
    pub join: Service,
    /// Where keys are registered.
    pub keys: Service,
}

/// One of a tenant's registration services (DREG-3).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Its address.
    pub endpoint: String,
    /// The resource that tokens for it are for.
    pub resource: String,
    /// Its version.
    pub version: String,
}

/// What a join to a tenant found out, for [`Registration::in_tenant`].
#[derive(Clone, Debug)]
pub struct FoundTenant {
    /// The domain by which the tenant was found.
    pub domain: String,
    /// The device's name.
    pub name: String,
    /// The device ID.
    pub device_id: Guid,
    /// The tenant.
    pub tenant: Tenant,
    /// The device certificate, DER.
    pub certificate: Vec<u8>,
}

/// What a join found out, for [`Registration::new`].
#[derive(Clone, Debug)]
pub struct Found {
    /// The domain's DNS name.
    pub domain: String,
    /// The domain's NetBIOS name.
    pub netbios: Option<String>,
    /// The Kerberos realm.
    pub realm: String,
    /// The computer account's name.
    pub computer: String,
    /// The computer account's SID.
    pub computer_sid: Option<Sid>,
    /// The device ID.
    pub device_id: Guid,
    /// The federation service's address.
    pub federation: String,
    /// The KDCs' addresses.
    pub kdcs: Vec<String>,
    /// The device certificate, DER.
    pub certificate: Vec<u8>,
    /// The root certificates that the device trusts for this domain, DER.
    pub roots: Vec<Vec<u8>>,
}

impl Registration {
    /// What a join at `now` found out.
    #[must_use]
    pub fn new(found: Found, now: Timestamp) -> Self {
        Self {
            domain: found.domain,
            netbios: found.netbios,
            realm: found.realm,
            computer: found.computer,
            computer_sid: found.computer_sid,
            device_id: found.device_id,
            federation: found.federation,
            kdcs: found.kdcs,
            certificate: Bytes(found.certificate),
            roots: found.roots.into_iter().map(Bytes).collect(),
            joined: now.micros(),
            tenant: None,
        }
    }

    /// What a join to a tenant at `now` found out.
    #[must_use]
    pub fn in_tenant(found: FoundTenant, now: Timestamp) -> Self {
        Self {
            domain: found.domain,
            netbios: None,
            realm: String::new(),
            computer: found.name,
            computer_sid: None,
            device_id: found.device_id,
            federation: String::new(),
            kdcs: Vec::new(),
            certificate: Bytes(found.certificate),
            roots: Vec::new(),
            joined: now.micros(),
            tenant: Some(found.tenant),
        }
    }

    /// The tenant that the device is joined to; `None` where it is joined to a domain.
    #[must_use]
    pub const fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// The same device, whose tenant is found elsewhere now.
    #[must_use]
    pub fn found_at(mut self, tenant: Tenant) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// How the device is joined (DSR-1).
    #[must_use]
    pub const fn joined_to(&self) -> Joined {
        match self.tenant {
            Some(_) => Joined::Tenant,
            None => Joined::Enterprise,
        }
    }

    /// The device certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate.0
    }

    /// Replaces the device certificate, DER: it was renewed.
    pub fn renew(&mut self, certificate: Vec<u8>) {
        self.certificate = Bytes(certificate);
    }

    /// The root certificates that the device trusts for this domain, DER.
    pub fn roots(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(|root| root.0.as_slice())
    }

    /// What the domain's KDCs are trusted by: these roots, and the domain's name in the certificate
    /// where it does not carry the realm's (AUTH-KDC-6).
    #[must_use]
    pub fn kdc_trust(&self) -> KdcTrust {
        KdcTrust {
            anchors: self.roots().map(<[u8]>::to_vec).collect(),
            domain: Some(self.domain.clone()),
            revocation_lists: Vec::new(),
        }
    }

    /// When the device was joined.
    #[must_use]
    pub const fn joined(&self) -> Timestamp {
        Timestamp::from_micros(self.joined)
    }

    /// The device certificate's thumbprint (DSR-2).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.certificate.0)
    }

    /// From when to when the device certificate is valid; `None` when it cannot be read.
    #[must_use]
    pub fn validity(&self) -> Option<(Timestamp, Timestamp)> {
        let certificate = Certificate::parse(&self.certificate.0).ok()?;
        Some((
            Timestamp::from_unix(certificate.not_before()),
            Timestamp::from_unix(certificate.not_after()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_of_before_there_were_tenants_is_one_with_a_domain() {
        let written = r#"{"domain":"corp.example","netbios":"CORP","realm":"CORP.EXAMPLE","computer":"LAPTOP-1$",
            "computer_sid":null,"device_id":"d0d0d0d0-d0d0-d0d0-d0d0-d0d0d0d0d0d0","federation":"https://sts.corp.example",
            "kdcs":["dc1.corp.example:88"],"certificate":"AQ==","roots":["Ag=="],"joined":1}"#;
        let read: Registration = serde_json::from_str(written).unwrap();
        assert_eq!(read.tenant(), None);
        assert_eq!(read.joined_to(), Joined::Enterprise);
        assert!(!serde_json::to_string(&read).unwrap().contains("tenant"));
    }
}
