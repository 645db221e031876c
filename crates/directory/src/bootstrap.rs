//! Making a domain in an empty store.

use std::sync::Arc;

use trust::{Rng, Timestamp};
use wire::Sid;

use crate::account::AccountControl;
use crate::change::{Change, NewEntry};
use crate::commit::Privilege;
use crate::directory::Directory;
use crate::domain::Domain;
use crate::error::{CommitError, Refused};
use crate::group::{DOMAIN_LOCAL_SECURITY, GLOBAL_SECURITY, UNIVERSAL_SECURITY};
use crate::id::EntryId;
use crate::lockout::LockoutPolicy;
use crate::password::{PasswordMaterial, PasswordPolicy, to_interval};
use crate::reads::Reads;
use crate::schema::{Attribute, Class};
use crate::value::folded;

/// Relative identifiers and names that the specifications fix.
pub mod well_known {
    /// Domain Admins.
    pub const DOMAIN_ADMINS: u32 = 512;
    /// Domain Users: the primary group of people.
    pub const DOMAIN_USERS: u32 = 513;
    /// Domain Guests.
    pub const DOMAIN_GUESTS: u32 = 514;
    /// Domain Computers: the primary group of computers and services.
    pub const DOMAIN_COMPUTERS: u32 = 515;
    /// Domain Controllers.
    pub const DOMAIN_CONTROLLERS: u32 = 516;
    /// Cert Publishers.
    pub const CERT_PUBLISHERS: u32 = 517;
    /// Schema Admins.
    pub const SCHEMA_ADMINS: u32 = 518;
    /// Enterprise Admins.
    pub const ENTERPRISE_ADMINS: u32 = 519;
    /// Group Policy Creator Owners.
    pub const GROUP_POLICY_CREATOR_OWNERS: u32 = 520;
    /// Protected Users.
    pub const PROTECTED_USERS: u32 = 525;
    /// Key Admins (DIR-G1).
    pub const KEY_ADMINS: u32 = 526;
    /// Enterprise Key Admins (DIR-G1).
    pub const ENTERPRISE_KEY_ADMINS: u32 = 527;
    /// The RID of the domain controller that is made with the domain.
    pub const FIRST_DOMAIN_CONTROLLER: u32 = 1_000;
    /// The group whose members may enrol (POL-G1).
    pub const HELLO_USERS: &str = "Windows Hello for Business Users";
    /// The name of the service connection point (DREG-1).
    pub const SERVICE_CONNECTION_POINT: &str = "62a0ff2e-97b9-4513-943f-0d221bd30080";
}

use well_known as rid;

/// What a new domain is called.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The DNS name: `corp.example`.
    pub dns_name: String,
    /// The NetBIOS name, 1 to 15 characters: `CORP`.
    pub netbios_name: String,
    /// The domain controller's name without its domain: `DC1`.
    pub domain_controller: String,
    /// The host of the federation service, which is the device registration service too (DREG-2);
    /// without one there is no service account and no service connection point.
    pub federation_host: Option<String>,
}

impl Bootstrap {
    /// A domain of this DNS name, with the usual names for the rest: the first label in upper case, `DC1`,
    /// `sts`.
    #[must_use]
    pub fn of(dns_name: &str) -> Self {
        let dns_name = dns_name.to_lowercase();
        let first = dns_name.split('.').next().unwrap_or_default();
        Self {
            netbios_name: first.to_uppercase().chars().take(15).collect(),
            domain_controller: "DC1".to_owned(),
            federation_host: Some(format!("sts.{dns_name}")),
            dns_name,
        }
    }
}

/// The groups that every domain has: name, RID, type, description.
const GROUPS: &[(&str, u32, i64, &str)] = &[
    (
        "Domain Admins",
        rid::DOMAIN_ADMINS,
        GLOBAL_SECURITY,
        "Administrators of the domain",
    ),
    (
        "Domain Users",
        rid::DOMAIN_USERS,
        GLOBAL_SECURITY,
        "All people of the domain",
    ),
    (
        "Domain Guests",
        rid::DOMAIN_GUESTS,
        GLOBAL_SECURITY,
        "All guests of the domain",
    ),
    (
        "Domain Computers",
        rid::DOMAIN_COMPUTERS,
        GLOBAL_SECURITY,
        "All computers joined to the domain",
    ),
    (
        "Domain Controllers",
        rid::DOMAIN_CONTROLLERS,
        GLOBAL_SECURITY,
        "All domain controllers of the domain",
    ),
    (
        "Cert Publishers",
        rid::CERT_PUBLISHERS,
        DOMAIN_LOCAL_SECURITY,
        "May publish certificates to the directory",
    ),
    (
        "Schema Admins",
        rid::SCHEMA_ADMINS,
        UNIVERSAL_SECURITY,
        "Administrators of the schema",
    ),
    (
        "Enterprise Admins",
        rid::ENTERPRISE_ADMINS,
        UNIVERSAL_SECURITY,
        "Administrators of the forest",
    ),
    (
        "Group Policy Creator Owners",
        rid::GROUP_POLICY_CREATOR_OWNERS,
        GLOBAL_SECURITY,
        "May make policy objects",
    ),
    (
        "Protected Users",
        rid::PROTECTED_USERS,
        GLOBAL_SECURITY,
        "Protected against weak ways to sign in",
    ),
    (
        "Key Admins",
        rid::KEY_ADMINS,
        GLOBAL_SECURITY,
        "May list keys on accounts of the domain",
    ),
    (
        "Enterprise Key Admins",
        rid::ENTERPRISE_KEY_ADMINS,
        UNIVERSAL_SECURITY,
        "May list keys on accounts of the forest",
    ),
];

/// Makes the domain: its tree, its well-known groups, krbtgt and the domain controller with random keys,
/// the group of those who may enrol (POL-G1), the device registration service (DIR-D1) and its service
/// connection point (DREG-2). One commit: it is there as a whole or not at all.
///
/// # Errors
/// [`CommitError::Refused`] when the names are not possible or the store has a domain already.
pub fn bootstrap(
    directory: &Directory,
    names: &Bootstrap,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Arc<Domain>, CommitError> {
    if directory.domain().is_ok() {
        return Err(Refused::NameTaken {
            name: names.dns_name.clone(),
        }
        .into());
    }
    check(names)?;
    let domain = new_domain(names, rng);
    let mut changes = tree(&domain);
    changes.extend(groups(&domain, rng));
    changes.extend(accounts(&domain, names, rng));
    if let Some(host) = &names.federation_host {
        changes.extend(federation(&domain, host, rng));
    }
    let privilege = Privilege::Bootstrap(Box::new(domain));
    directory.commit_as(&changes, &Reads::none(), now, &privilege)?;
    Ok(directory.domain()?)
}

fn check(names: &Bootstrap) -> Result<(), Refused> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let netbios = &names.netbios_name;
    let host = |host: &str| host.len() <= 255 && host.split('.').all(label);
    let right = host(&names.dns_name)
        && names.dns_name.contains('.')
        && names.dns_name.len() <= 200
        && label(netbios)
        && netbios.len() <= 15
        && label(&names.domain_controller)
        && names.domain_controller.len() <= 15
        && names.federation_host.as_deref().is_none_or(host);
    if right {
        Ok(())
    } else {
        Err(Refused::InvalidName)
    }
}

fn new_domain(names: &Bootstrap, rng: &mut dyn Rng) -> Domain {
    let mut part = || u32::from_le_bytes(rng.bytes());
    let sid = Sid::domain_of([part(), part(), part()]);
    let mut id = || EntryId::random(rng);
    let dns_name = names.dns_name.to_lowercase();
    Domain {
        realm: dns_name.to_uppercase(),
        dns_name,
        netbios_name: names.netbios_name.clone(),
        sid,
        head: id(),
        users: id(),
        computers: id(),
        domain_controllers: id(),
        system: id(),
        policies: id(),
        services: id(),
        devices: id(),
        configuration: id(),
        device_registration_service: id(),
        krbtgt: id(),
        domain_controller: id(),
    }
}

fn tree(domain: &Domain) -> Vec<Change> {
    let password = PasswordPolicy::default();
    let lockout = LockoutPolicy::default();
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let head = NewEntry::new(
        domain.head,
        EntryId::NONE,
        Class::DomainDns,
        &domain.dns_name,
    )
    .with(Attribute::NetBiosName, domain.netbios_name.as_str())
    .with(Attribute::MsDsMachineAccountQuota, 10)
    .with(Attribute::MinPwdLength, number(password.minimum_length))
    .with(Attribute::PwdHistoryLength, number(password.history))
    .with(Attribute::MinPwdAge, to_interval(password.minimum_age))
    .with(Attribute::MaxPwdAge, to_interval(password.maximum_age))
    .with(Attribute::LockoutThreshold, i64::from(lockout.threshold))
    .with(
        Attribute::LockoutObservationWindow,
        to_interval(lockout.window),
    )
    .with(Attribute::LockoutDuration, to_interval(lockout.duration));
    let container = |id, name: &str| NewEntry::new(id, domain.head, Class::Container, name);
    let unit = Class::OrganizationalUnit;
    let mut entries = vec![
        head,
        container(domain.users, "Users"),
        container(domain.computers, "Computers"),
        container(domain.services, "Managed Service Accounts"),
        container(domain.system, "System"),
        NewEntry::new(domain.policies, domain.system, Class::Container, "Policies"),
        NewEntry::new(
            domain.domain_controllers,
            domain.head,
            unit,
            "Domain Controllers",
        ),
        NewEntry::new(
            domain.devices,
            domain.head,
            Class::DeviceContainer,
            "RegisteredDevices",
        ),
    ];
    let configuration = Class::Configuration;
    entries.push(NewEntry::new(
        domain.configuration,
        domain.head,
        configuration,
        "Configuration",
    ));
    entries
        .into_iter()
        .map(|entry| entry.critical().into())
        .collect()
}

fn groups(domain: &Domain, rng: &mut dyn Rng) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, rid, kind, description) in GROUPS {
        let group = NewEntry::group(EntryId::random(rng), domain.users, name, *kind)
            .with(Attribute::Description, *description)
            .fixed(*rid);
        changes.push(group.into());
    }
    let hello = NewEntry::group(
        EntryId::random(rng),
        domain.users,
        rid::HELLO_USERS,
        GLOBAL_SECURITY,
    )
    .with(Attribute::Description, "May enrol in passwordless sign-in");
    changes.push(hello.into());
    changes
}

fn accounts(domain: &Domain, names: &Bootstrap, rng: &mut dyn Rng) -> Vec<Change> {
    let disabled = AccountControl::NORMAL_ACCOUNT | AccountControl::ACCOUNT_DISABLE;
    let krbtgt = NewEntry::new(domain.krbtgt, domain.users, Class::User, "krbtgt")
        .with(Attribute::SamAccountName, "krbtgt")
        .with(
            Attribute::Description,
            "Key distribution centre service account",
        )
        .with(Attribute::UserAccountControl, disabled.to_integer())
        .with_password(PasswordMaterial::random(rng), false)
        .fixed(crate::account::RID_KRBTGT);

    // AD has this name on krbtgt. What a ticket says of its service is not sealed: with keys of its own, a ticket for
    // the one can never be shown as a ticket for the other (the class of CVE-2022-2031).
    let control = AccountControl::WORKSTATION_TRUST_ACCOUNT;
    let class = Class::ManagedServiceAccount;
    let passwords = NewEntry::new(
        EntryId::random(rng),
        domain.services,
        class,
        "kadmin-changepw",
    )
    .with(Attribute::SamAccountName, "kadmin-changepw$")
    .with(
        Attribute::Description,
        "Changes passwords over Kerberos (RFC 3244)",
    )
    .with(Attribute::ServicePrincipalName, "kadmin/changepw")
    .with(Attribute::UserAccountControl, control.to_integer())
    .with_password(PasswordMaterial::random(rng), false);

    let name = names.domain_controller.to_uppercase();
    let host = format!("{}.{}", name.to_lowercase(), domain.dns_name);
    let control = AccountControl::SERVER_TRUST_ACCOUNT | AccountControl::TRUSTED_FOR_DELEGATION;
    let class = Class::Computer;
    let controller = NewEntry::new(
        domain.domain_controller,
        domain.domain_controllers,
        class,
        &name,
    )
    .with(Attribute::SamAccountName, format!("{name}$"))
    .with(Attribute::UserAccountControl, control.to_integer())
    .with(
        Attribute::PrimaryGroupId,
        i64::from(rid::DOMAIN_CONTROLLERS),
    )
    .with(Attribute::DnsHostName, host.as_str())
    .with(Attribute::ServicePrincipalName, format!("HOST/{host}"))
    .with(Attribute::ServicePrincipalName, format!("HOST/{name}"))
    .with(Attribute::ServicePrincipalName, format!("ldap/{host}"))
    .with(Attribute::ServicePrincipalName, format!("ldap/{name}"))
    .with_password(PasswordMaterial::random(rng), false)
    .fixed(rid::FIRST_DOMAIN_CONTROLLER);
    vec![krbtgt.into(), passwords.into(), controller.into()]
}

/// The federation service's account, and where devices find the registration service.
fn federation(domain: &Domain, host: &str, rng: &mut dyn Rng) -> Vec<Change> {
    let host = host.to_lowercase();
    let account = EntryId::random(rng);
    let service = NewEntry::service(account, domain.services, "svc-federation")
        .with(Attribute::DisplayName, "Federation service")
        .with(Attribute::DnsHostName, host.as_str())
        .with(Attribute::ServicePrincipalName, format!("HTTP/{host}"))
        .with(Attribute::ServicePrincipalName, format!("HOST/{host}"))
        .with_password(PasswordMaterial::random(rng), false);

    let mut id = || EntryId::random(rng);
    let (services, configuration, registration) = (id(), id(), id());
    let container =
        |id, parent, name: &str| NewEntry::new(id, parent, Class::Container, name).critical();
    let registration_container = NewEntry::new(
        registration,
        configuration,
        Class::DeviceRegistrationServiceContainer,
        "Device Registration Services",
    );
    let object = NewEntry::new(
        domain.device_registration_service,
        registration,
        Class::DeviceRegistrationService,
        "DeviceRegistrationService",
    )
    .with(Attribute::MsDsIsEnabled, true)
    .with(Attribute::MsDsDeviceLocation, domain.devices)
    .with(Attribute::MsDsRegistrationQuota, 10)
    .with(Attribute::MsDsMaximumRegistrationInactivityPeriod, 90);
    let point = NewEntry::new(
        id(),
        configuration,
        Class::ServiceConnectionPoint,
        rid::SERVICE_CONNECTION_POINT,
    )
    .with(Attribute::Keywords, format!("enterpriseDrsName:{host}"))
    .with(Attribute::ServiceDnsName, host.as_str())
    .with(
        Attribute::ServiceBindingInformation,
        format!("https://{host}/EnrollmentServer/contract"),
    );
    vec![
        service.into(),
        container(services, domain.configuration, "Services").into(),
        container(configuration, services, "Device Registration Configuration").into(),
        registration_container.critical().into(),
        object.critical().into(),
        point.into(),
    ]
}

impl Domain {
    /// The SID of a group or account whose RID the specifications fix ([`well_known`]).
    #[must_use]
    pub fn well_known_sid(&self, rid: u32) -> Sid {
        // A domain's SID has four sub-authorities, so there is room for a fifth.
        self.sid.with_rid(rid).unwrap_or(self.sid)
    }

    /// Whether a DNS name is the domain's or one below it.
    #[must_use]
    pub fn contains_host(&self, host: &str) -> bool {
        let host = folded(host);
        host == self.dns_name
            || host
                .strip_suffix(&self.dns_name)
                .is_some_and(|rest| rest.ends_with('.'))
    }
}
