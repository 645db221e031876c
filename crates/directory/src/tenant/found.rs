//! Making a tenant in an empty store.

use std::sync::Arc;

use trust::{Rng, Timestamp};

use super::{
    Settings, Verification, VerifiedBy, VerifiedDomain, domain_name, put_domain, put_settings,
};
use crate::audit::{Actor, AuditRecord};
use crate::bootstrap::{containers, head, new_domain, registration_service};
use crate::change::{self, Change};
use crate::commit::Privilege;
use crate::directory::Directory;
use crate::domain::{Domain, StoreKind};
use crate::error::{CommitError, Refused};
use crate::reads::Reads;
use crate::well_known;

/// What a new tenant is called.
#[derive(Clone, Debug)]
pub struct TenantNames {
    /// Its first domain, which is verified by the word of whoever makes the tenant, and primary: `corp.example`.
    pub domain: String,
    /// What people see: `Example Corporation`.
    pub display_name: String,
}

/// Makes the tenant: its tree, the groups that it has, the device registration service (DIR-D1), its settings, and its
/// first domain. One commit: it is there as a whole or not at all. Its identifier is that of the head.
///
/// # Errors
/// [`CommitError::Refused`] when the names are not possible or the store has a domain or tenant already.
pub fn found(
    directory: &Directory,
    names: &TenantNames,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Arc<Domain>, CommitError> {
    if directory.domain().is_ok() {
        let name = names.domain.clone();
        return Err(Refused::NameTaken { name }.into());
    }
    let display_name = names.display_name.trim();
    let name = domain_name(&names.domain).filter(|name| name.len() <= 200);
    let name = name.ok_or(Refused::InvalidName)?;
    if display_name.is_empty() || display_name.chars().count() > 200 {
        return Err(Refused::InvalidName.into());
    }
    let label = name.split('.').next().unwrap_or_default();
    let short: String = label.to_uppercase().chars().take(15).collect();
    let domain = new_domain(&name, &short, StoreKind::Tenant, rng);
    let changes = everything(&domain, display_name, now, rng);
    let privilege = Privilege::Bootstrap(Box::new(domain));
    directory.commit_as(&changes, &Reads::none(), now, &privilege)?;
    Ok(directory.domain()?)
}

fn everything(
    domain: &Domain,
    display_name: &str,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Vec<Change> {
    let mut changes: Vec<Change> = vec![head(domain).critical().into()];
    let containers = containers(domain).into_iter();
    changes.extend(containers.map(|entry| Change::from(entry.critical())));
    let groups = well_known::groups_of_a_tenant(domain, rng).into_iter();
    changes.extend(groups.map(Change::from));
    // How many devices a person may have is one of the settings here.
    changes.extend(registration_service(domain, None, rng).1);
    let settings = Settings {
        display_name: display_name.to_owned(),
        ..Settings::default()
    };
    let first = VerifiedDomain {
        verified: Some(Verification {
            at: now,
            actor: Actor::system().name,
            by: VerifiedBy::Word,
        }),
        primary: true,
        ..VerifiedDomain::new(domain.dns_name.clone(), rng)
    };
    // Both come with the row that says that something changed; once is enough.
    let [settings, changed] = put_settings(&settings, rng);
    let [first, _] = put_domain(&first, rng);
    changes.extend([settings, first, changed]);
    let record = AuditRecord::done(now, Actor::system(), "tenant.found")
        .on(domain.head, domain.dns_name.as_str());
    changes.push(change::audit(record));
    changes
}
