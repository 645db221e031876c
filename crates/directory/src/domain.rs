//! The domain that a store holds.

use wire::Sid;

use crate::codec::{Corrupt, Reader, Writer};
use crate::id::EntryId;

/// What a store holds: a domain as Kerberos and LDAP know it, or a tenant.
///
/// Both have people, groups, devices and keys in the same form. A tenant has no ticket-granting service, no domain
/// controller and no computers, and its people's passwords give no Kerberos keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StoreKind {
    /// A domain.
    #[default]
    Domain,
    /// A tenant: its identifier is that of the head ([`Domain::head`]).
    Tenant,
}

/// The domain: its names, its SID, its well-known containers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Domain {
    /// The DNS name in lower case: `corp.example`.
    pub dns_name: String,
    /// The Kerberos realm: the DNS name in upper case.
    pub realm: String,
    /// The NetBIOS name: `CORP`.
    pub netbios_name: String,
    /// The domain's SID, to which a RID is appended.
    pub sid: Sid,
    /// The head of the domain naming context.
    pub head: EntryId,
    /// `CN=Users`.
    pub users: EntryId,
    /// `CN=Computers`.
    pub computers: EntryId,
    /// `OU=Domain Controllers`.
    pub domain_controllers: EntryId,
    /// `CN=System`.
    pub system: EntryId,
    /// `CN=Policies,CN=System`, where policy objects hang.
    pub policies: EntryId,
    /// `CN=Managed Service Accounts`.
    pub services: EntryId,
    /// `CN=RegisteredDevices` (DIR-D1).
    pub devices: EntryId,
    /// `CN=Configuration`.
    pub configuration: EntryId,
    /// The msDS-DeviceRegistrationService object (DIR-D1).
    pub device_registration_service: EntryId,
    /// The account of the ticket-granting service.
    pub krbtgt: EntryId,
    /// The account of the domain controller that was made with the domain.
    pub domain_controller: EntryId,
    /// Whether it is a tenant. Then there is nothing under the identifiers of computers, services, domain controllers,
    /// krbtgt and the domain controller.
    pub kind: StoreKind,
}

/// What stands at the end of a tenant.
const TENANT: u8 = 1;

impl Domain {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.text(&self.dns_name)
            .text(&self.netbios_name)
            .blob(&self.sid.to_bytes())
            .id(self.head)
            .id(self.users)
            .id(self.computers)
            .id(self.domain_controllers)
            .id(self.system)
            .id(self.policies)
            .id(self.services)
            .id(self.devices)
            .id(self.configuration)
            .id(self.device_registration_service)
            .id(self.krbtgt)
            .id(self.domain_controller);
        // A domain stands as it always did.
        if self.kind == StoreKind::Tenant {
            out.u8(TENANT);
        }
        out.finish()
    }

    pub(crate) fn read(mut from: Reader<'_>) -> Result<Self, Corrupt> {
        let dns_name = from.text()?.to_owned();
        Ok(Self {
            realm: dns_name.to_uppercase(),
            dns_name,
            netbios_name: from.text()?.to_owned(),
            sid: Sid::from_bytes(from.blob()?).map_err(|_| Corrupt)?,
            head: from.id()?,
            users: from.id()?,
            computers: from.id()?,
            domain_controllers: from.id()?,
            system: from.id()?,
            policies: from.id()?,
            services: from.id()?,
            devices: from.id()?,
            configuration: from.id()?,
            device_registration_service: from.id()?,
            krbtgt: from.id()?,
            domain_controller: from.id()?,
            kind: match from.is_empty() {
                true => StoreKind::Domain,
                false if from.u8()? == TENANT => StoreKind::Tenant,
                false => return Err(Corrupt),
            },
        })
    }
}
