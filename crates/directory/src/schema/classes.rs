//! The structural classes, one row each.

use super::{Attribute, ClassRow};
use Attribute as A;

/// The structural class of an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Class {
    /// `domainDNS`: the head of the domain naming context.
    DomainDns = 1,
    /// `configuration`: the head of the configuration naming context.
    Configuration = 2,
    /// `container`.
    Container = 3,
    /// `organizationalUnit`.
    OrganizationalUnit = 4,
    /// `user`: a person's account.
    User = 5,
    /// `computer`: a machine's account.
    Computer = 6,
    /// `msDS-ManagedServiceAccount`: a service's account, whose keys the directory makes.
    ManagedServiceAccount = 7,
    /// `group`.
    Group = 8,
    /// `msDS-Device`: a registered device (protocols B.8).
    Device = 9,
    /// `msDS-DeviceContainer` (DIR-D1).
    DeviceContainer = 10,
    /// `msDS-DeviceRegistrationService` (DIR-D1).
    DeviceRegistrationService = 11,
    /// `msDS-DeviceRegistrationServiceContainer` (DIR-D1).
    DeviceRegistrationServiceContainer = 12,
    /// `serviceConnectionPoint` (DREG-1, DREG-2).
    ServiceConnectionPoint = 13,
    /// `groupPolicyContainer`.
    GroupPolicyContainer = 14,
    /// `certificationAuthority`: certificates of authorities that are trusted for something (protocols E.5.1).
    CertificationAuthority = 15,
    /// `crossRefContainer`: which naming contexts there are ([MS-ADTS] 6.1.1.2.1).
    CrossRefContainer = 16,
    /// `crossRef`: a naming context, with its names.
    CrossRef = 17,
    /// `dMD`: the head of the schema naming context.
    Dmd = 18,
    /// `sitesContainer` ([MS-ADTS] 6.1.1.2.2).
    SitesContainer = 19,
    /// `site`.
    Site = 20,
    /// `serversContainer`: the domain controllers of a site.
    ServersContainer = 21,
    /// `server`: a domain controller.
    Server = 22,
    /// `nTDSDSA`: that it is one, and for what.
    NtdsDsa = 23,
}

/// What every class may have.
pub(super) const COMMON: &[Attribute] = &[A::ObjectClass, A::Description, A::DisplayName];

const PERSON: &[Attribute] = &[
    A::UserPrincipalName,
    A::ServicePrincipalName,
    A::UserAccountControl,
    A::AccountExpires,
    A::PwdLastSet,
    A::LockoutTime,
    A::PrimaryGroupId,
    A::MsDsSupportedEncryptionTypes,
    A::AltSecurityIdentities,
    A::UserCertificate,
    A::Mail,
    A::GivenName,
    A::Surname,
    A::TelephoneNumber,
    A::MsDsKeyCredentialLink,
    A::SupplementalCredentials,
    A::PasswordHash,
    A::PasswordHistory,
    A::SecondFactor,
    A::DnsHostName,
    A::OperatingSystem,
    A::OperatingSystemVersion,
    A::MsDsAllowedToDelegateTo,
    A::MsDsAllowedToActOnBehalfOfOtherIdentity,
    A::Title,
    A::Department,
    A::Company,
    A::Manager,
    A::PhysicalDeliveryOfficeName,
    A::StreetAddress,
    A::LocalityName,
    A::StateOrProvinceName,
    A::PostalCode,
    A::PostOfficeBox,
    A::CountryName,
    A::TextCountry,
    A::CountryCode,
    A::Mobile,
    A::HomePhone,
    A::Pager,
    A::FacsimileTelephoneNumber,
    A::IpPhone,
    A::Info,
    A::Initials,
    A::EmployeeId,
    A::EmployeeNumber,
    A::EmployeeType,
    A::WwwHomePage,
    A::Url,
    A::HomeDirectory,
    A::HomeDrive,
    A::ProfilePath,
    A::ScriptPath,
    A::UserWorkstations,
    A::ProxyAddresses,
    A::ThumbnailPhoto,
    A::JpegPhoto,
    A::PreferredLanguage,
    A::ManagedBy,
    A::Location,
    A::UidNumber,
    A::GidNumber,
    A::Gecos,
    A::UnixHomeDirectory,
    A::LoginShell,
    A::Uid,
    A::MsSfu30Name,
    A::MsSfu30NisDomain,
    A::CodePage,
];

const GROUP: &[Attribute] = &[
    A::Member,
    A::Mail,
    A::ManagedBy,
    A::Info,
    A::ProxyAddresses,
    A::WwwHomePage,
    A::GidNumber,
    A::MemberUid,
    A::MsSfu30Name,
    A::MsSfu30NisDomain,
];

const DOMAIN: &[Attribute] = &[
    A::DelegatedRights,
    A::MsDsMachineAccountQuota,
    A::LockoutDuration,
    A::LockoutObservationWindow,
    A::LockoutThreshold,
    A::MaxPwdAge,
    A::MinPwdAge,
    A::MinPwdLength,
    A::PwdHistoryLength,
    A::NetBiosName,
    A::GpLink,
];

const fn class(
    class: Class,
    name: &'static str,
    oid: &'static str,
    chain: &'static [&'static str],
) -> ClassRow {
    ClassRow {
        class,
        name,
        oid,
        chain,
        naming: A::Cn,
        must: &[],
        may: &[],
        principal: false,
        parent: false,
    }
}

/// Every class, in the order of their numbers.
pub const ALL: &[ClassRow] = &[
    ClassRow {
        naming: A::Dc,
        may: DOMAIN,
        parent: true,
        ..class(
            Class::DomainDns,
            "domainDNS",
            "1.2.840.113556.1.5.67",
            &["top", "domain", "domainDNS"],
        )
    },
    ClassRow {
        parent: true,
        ..class(
            Class::Configuration,
            "configuration",
            "1.2.840.113556.1.5.12",
            &["top", "configuration"],
        )
    },
    ClassRow {
        may: &[A::DelegatedRights],
        parent: true,
        ..class(
            Class::Container,
            "container",
            "1.2.840.113556.1.3.23",
            &["top", "container"],
        )
    },
    ClassRow {
        naming: A::Ou,
        may: &[
            A::DelegatedRights,
            A::GpLink,
            A::ManagedBy,
            A::LocalityName,
            A::StateOrProvinceName,
            A::CountryName,
            A::PostalCode,
        ],
        parent: true,
        ..class(
            Class::OrganizationalUnit,
            "organizationalUnit",
            "2.5.6.5",
            &["top", "organizationalUnit"],
        )
    },
    ClassRow {
        must: &[A::SamAccountName],
        may: PERSON,
        principal: true,
        ..class(
            Class::User,
            "user",
            "1.2.840.113556.1.5.9",
            &["top", "person", "organizationalPerson", "user"],
        )
    },
    ClassRow {
        must: &[A::SamAccountName],
        may: PERSON,
        principal: true,
        ..class(
            Class::Computer,
            "computer",
            "1.2.840.113556.1.3.30",
            &["top", "person", "organizationalPerson", "user", "computer"],
        )
    },
    ClassRow {
        must: &[A::SamAccountName],
        may: PERSON,
        principal: true,
        ..class(
            Class::ManagedServiceAccount,
            "msDS-ManagedServiceAccount",
            "1.2.840.113556.1.5.264",
            &[
                "top",
                "person",
                "organizationalPerson",
                "user",
                "computer",
                "msDS-ManagedServiceAccount",
            ],
        )
    },
    ClassRow {
        must: &[A::SamAccountName, A::GroupType],
        may: GROUP,
        principal: true,
        ..class(
            Class::Group,
            "group",
            "1.2.840.113556.1.5.8",
            &["top", "group"],
        )
    },
    ClassRow {
        must: &[A::MsDsDeviceId, A::DisplayName, A::MsDsIsEnabled],
        may: &[
            A::AltSecurityIdentities,
            A::MsDsDeviceOsType,
            A::MsDsDeviceOsVersion,
            A::MsDsDevicePhysicalIds,
            A::MsDsDeviceObjectVersion,
            A::MsDsRegisteredOwner,
            A::MsDsRegisteredUsers,
            A::MsDsDeviceTrustType,
            A::MsDsCloudIsManaged,
            A::MsDsIsManaged,
            A::MsDsIsCompliant,
            A::MsDsCloudAnchor,
            A::MsDsApproximateLastLogonTimeStamp,
            A::MsDsKeyCredentialLink,
        ],
        ..class(
            Class::Device,
            "msDS-Device",
            "1.2.840.113556.1.5.286",
            &["top", "msDS-Device"],
        )
    },
    ClassRow {
        parent: true,
        ..class(
            Class::DeviceContainer,
            "msDS-DeviceContainer",
            "1.2.840.113556.1.5.289",
            &["top", "msDS-DeviceContainer"],
        )
    },
    ClassRow {
        must: &[A::MsDsIsEnabled, A::MsDsDeviceLocation],
        may: &[
            A::MsDsRegistrationQuota,
            A::MsDsMaximumRegistrationInactivityPeriod,
            A::MsDsIssuerCertificates,
            A::MsDsIssuerPublicCertificates,
        ],
        ..class(
            Class::DeviceRegistrationService,
            "msDS-DeviceRegistrationService",
            "1.2.840.113556.1.5.284",
            &["top", "msDS-DeviceRegistrationService"],
        )
    },
    ClassRow {
        parent: true,
        ..class(
            Class::DeviceRegistrationServiceContainer,
            "msDS-DeviceRegistrationServiceContainer",
            "1.2.840.113556.1.5.287",
            &["top", "msDS-DeviceRegistrationServiceContainer"],
        )
    },
    ClassRow {
        may: &[
            A::Keywords,
            A::ServiceBindingInformation,
            A::ServiceClassName,
            A::ServiceDnsName,
        ],
        ..class(
            Class::ServiceConnectionPoint,
            "serviceConnectionPoint",
            "1.2.840.113556.1.5.126",
            &["top", "leaf", "connectionPoint", "serviceConnectionPoint"],
        )
    },
    ClassRow {
        may: &[A::PolicyDocument, A::VersionNumber],
        parent: true,
        ..class(
            Class::GroupPolicyContainer,
            "groupPolicyContainer",
            "1.2.840.113556.1.5.157",
            &["top", "container", "groupPolicyContainer"],
        )
    },
    ClassRow {
        may: &[A::CaCertificate],
        ..class(
            Class::CertificationAuthority,
            "certificationAuthority",
            "2.5.6.16",
            &["top", "certificationAuthority"],
        )
    },
    ClassRow {
        parent: true,
        ..class(
            Class::CrossRefContainer,
            "crossRefContainer",
            "1.2.840.113556.1.5.7000.53",
            &["top", "crossRefContainer"],
        )
    },
    ClassRow {
        must: &[A::NcName, A::DnsRoot],
        may: &[A::NetBiosName, A::SystemFlags],
        ..class(
            Class::CrossRef,
            "crossRef",
            "1.2.840.113556.1.3.11",
            &["top", "crossRef"],
        )
    },
    ClassRow {
        ..class(Class::Dmd, "dMD", "1.2.840.113556.1.3.9", &["top", "dMD"])
    },
    ClassRow {
        parent: true,
        ..class(
            Class::SitesContainer,
            "sitesContainer",
            "1.2.840.113556.1.5.107",
            &["top", "sitesContainer"],
        )
    },
    ClassRow {
        may: &[A::Location, A::ManagedBy],
        parent: true,
        ..class(
            Class::Site,
            "site",
            "1.2.840.113556.1.5.31",
            &["top", "site"],
        )
    },
    ClassRow {
        parent: true,
        ..class(
            Class::ServersContainer,
            "serversContainer",
            "1.2.840.113556.1.5.7000.48",
            &["top", "serversContainer"],
        )
    },
    ClassRow {
        may: &[A::DnsHostName, A::ManagedBy, A::ServerReference],
        parent: true,
        ..class(
            Class::Server,
            "server",
            "1.2.840.113556.1.5.17",
            &["top", "server"],
        )
    },
    ClassRow {
        may: &[A::HasMasterNcs],
        ..class(
            Class::NtdsDsa,
            "nTDSDSA",
            "1.2.840.113556.1.5.7000.47",
            &["top", "applicationSettings", "nTDSDSA"],
        )
    },
];

/// One row of the table of auxiliary classes.
#[derive(Clone, Copy, Debug)]
pub struct AuxiliaryRow {
    /// lDAPDisplayName.
    pub name: &'static str,
    /// governsID.
    pub oid: &'static str,
    /// Which structural classes may have it. They have its attributes anyway, as in Active Directory: the value
    /// is there for those who look for it.
    pub of: &'static [Class],
}

/// The auxiliary classes: what an entry may say it is besides.
pub const AUXILIARY: &[AuxiliaryRow] = &[
    AuxiliaryRow {
        name: "posixAccount",
        oid: "1.3.6.1.1.1.2.0",
        of: &[Class::User, Class::Computer],
    },
    AuxiliaryRow {
        name: "shadowAccount",
        oid: "1.3.6.1.1.1.2.1",
        of: &[Class::User],
    },
    AuxiliaryRow {
        name: "posixGroup",
        oid: "1.3.6.1.1.1.2.2",
        of: &[Class::Group],
    },
    // Structural in RFC 2798; scripts write it for people.
    AuxiliaryRow {
        name: "inetOrgPerson",
        oid: "2.16.840.1.113730.3.2.2",
        of: &[Class::User],
    },
];

impl AuxiliaryRow {
    /// The auxiliary class of an lDAPDisplayName or OID, without regard to case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        AUXILIARY
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(name) || row.oid == name)
    }
}

impl Class {
    /// The class's row in the schema.
    #[must_use]
    pub fn row(self) -> &'static ClassRow {
        #[allow(clippy::expect_used, reason = "a test walks every number")]
        ALL.get(usize::from(self as u8 - 1))
            .expect("every class has a row")
    }

    /// The class with this number in stored rows.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        ALL.iter()
            .map(|row| row.class)
            .find(|class| *class as u8 == number)
    }

    /// The class of an lDAPDisplayName, without regard to case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        ALL.iter()
            .find(|row| row.name.eq_ignore_ascii_case(name))
            .map(|row| row.class)
    }

    /// lDAPDisplayName.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether entries of the class sign in: users, computers and service accounts.
    #[must_use]
    pub const fn is_account(self) -> bool {
        matches!(
            self,
            Self::User | Self::Computer | Self::ManagedServiceAccount
        )
    }

    /// Whether an entry of the class may have values of `attribute`.
    #[must_use]
    pub fn allows(self, attribute: Attribute) -> bool {
        let row = self.row();
        [COMMON, row.must, row.may]
            .iter()
            .any(|list| list.contains(&attribute))
    }
}
