//! Making a domain in an empty store.

use std::sync::Arc;

use trust::{Rng, Timestamp};
use wire::Sid;

use crate::account::AccountControl;
use crate::change::{Change, NewEntry};
use crate::commit::Privilege;
use crate::directory::Directory;
use crate::domain::{Domain, StoreKind};
use crate::error::{CommitError, Refused};
use crate::id::EntryId;
use crate::lockout::LockoutPolicy;
use crate::password::{PasswordMaterial, PasswordPolicy, to_interval};
use crate::reads::Reads;
use crate::schema::{Attribute, Class};
use crate::value::folded;
use crate::well_known as rid;
use crate::well_known;
use crate::well_known::forest::Controller;

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
    let domain = new_domain(&names.dns_name, &names.netbios_name, StoreKind::Domain, rng);
    let changes = everything(&domain, names, rng);
    let privilege = Privilege::Bootstrap(Box::new(domain));
    directory.commit_as(&changes, &Reads::none(), now, &privilege)?;
    Ok(directory.domain()?)
}

/// What a domain is made of.
pub(crate) fn everything(domain: &Domain, names: &Bootstrap, rng: &mut dyn Rng) -> Vec<Change> {
    let mut changes = tree(domain);
    changes.extend(groups(domain, rng));
    changes.extend(accounts(domain, names, rng));
    if let Some(host) = &names.federation_host {
        changes.extend(federation(domain, host, rng));
    }
    changes.extend(forest(domain, names, rng));
    changes
}

/// Which naming contexts and servers there are.
fn forest(domain: &Domain, names: &Bootstrap, rng: &mut dyn Rng) -> Vec<Change> {
    let name = names.domain_controller.to_uppercase();
    let controller = Controller {
        name: &name,
        host: &format!("{}.{}", name.to_lowercase(), domain.dns_name),
    };
    // Nothing is there yet, so nothing can fail.
    let new = well_known::forest::lacking(domain, controller, &|_, _| Ok(None), rng);
    let entries = new.unwrap_or_default().entries;
    entries.into_iter().map(Change::from).collect()
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

/// A domain or tenant that nothing was made of yet.
pub(crate) fn new_domain(
    dns_name: &str,
    netbios_name: &str,
    kind: StoreKind,
    rng: &mut dyn Rng,
) -> Domain {
    let mut part = || u32::from_le_bytes(rng.bytes());
    let sid = Sid::domain_of([part(), part(), part()]);
    let mut id = || EntryId::random(rng);
    let dns_name = dns_name.to_lowercase();
    Domain {
        realm: dns_name.to_uppercase(),
        dns_name,
        netbios_name: netbios_name.to_owned(),
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
        kind,
    }
}

/// The head, with the policies that a new domain has.
pub(crate) fn head(domain: &Domain) -> NewEntry {
    let password = PasswordPolicy::default();
    let lockout = LockoutPolicy::default();
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    NewEntry::new(
        domain.head,
        EntryId::NONE,
        Class::DomainDns,
        &domain.dns_name,
    )
    .with(Attribute::NetBiosName, domain.netbios_name.as_str())
    .with(Attribute::MinPwdLength, number(password.minimum_length))
    .with(Attribute::PwdHistoryLength, number(password.history))
    .with(Attribute::MinPwdAge, to_interval(password.minimum_age))
    .with(Attribute::MaxPwdAge, to_interval(password.maximum_age))
    .with(Attribute::LockoutThreshold, i64::from(lockout.threshold))
    .with(
        Attribute::LockoutObservationWindow,
        to_interval(lockout.window),
    )
    .with(Attribute::LockoutDuration, to_interval(lockout.duration))
}

/// The containers that domains and tenants have.
pub(crate) fn containers(domain: &Domain) -> Vec<NewEntry> {
    let below_head = |id, class, name: &str| NewEntry::new(id, domain.head, class, name);
    vec![
        below_head(domain.users, Class::Container, "Users"),
        below_head(domain.system, Class::Container, "System"),
        NewEntry::new(domain.policies, domain.system, Class::Container, "Policies"),
        below_head(domain.devices, Class::DeviceContainer, "RegisteredDevices"),
        below_head(domain.configuration, Class::Configuration, "Configuration"),
    ]
}

fn tree(domain: &Domain) -> Vec<Change> {
    let below_head = |id, class, name: &str| NewEntry::new(id, domain.head, class, name);
    let (container, unit) = (Class::Container, Class::OrganizationalUnit);
    let mut entries = vec![head(domain).with(Attribute::MsDsMachineAccountQuota, 10)];
    entries.extend(containers(domain));
    entries.extend([
        below_head(domain.computers, container, "Computers"),
        below_head(domain.services, container, "Managed Service Accounts"),
        below_head(domain.domain_controllers, unit, "Domain Controllers"),
    ]);
    entries
        .into_iter()
        .map(|entry| entry.critical().into())
        .collect()
}

fn groups(domain: &Domain, rng: &mut dyn Rng) -> Vec<Change> {
    let mut changes = Vec::new();
    for group in well_known::GROUPS {
        changes.push(group.entry(domain, rng).into());
    }
    changes.push(well_known::hello_users(domain, rng).into());
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

    let passwords = well_known::password_service(domain, rng);

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

    let (configuration, mut changes) = registration_service(domain, Some(10), rng);
    let point = NewEntry::new(
        EntryId::random(rng),
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
    changes.insert(0, service.into());
    changes.push(point.into());
    changes
}

/// The object of the device registration service (DIR-D1) with the containers above it, and which of them holds what else
/// there is to say about the service. `quota`: how many devices a person may have, where the object says it.
pub(crate) fn registration_service(
    domain: &Domain,
    quota: Option<i64>,
    rng: &mut dyn Rng,
) -> (EntryId, Vec<Change>) {
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
    .with(Attribute::MsDsMaximumRegistrationInactivityPeriod, 90);
    let object = match quota {
        Some(quota) => object.with(Attribute::MsDsRegistrationQuota, quota),
        None => object,
    };
    let changes = vec![
        container(services, domain.configuration, "Services").into(),
        container(configuration, services, "Device Registration Configuration").into(),
        registration_container.critical().into(),
        object.critical().into(),
    ];
    (configuration, changes)
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
