//! Setting up a server over an empty directory: the domain or the tenant, its authorities, its first administrator.

use std::sync::Arc;

use crypto::password::Cost;
use directory::account::user_salt;
use directory::password::PasswordPolicy;
use directory::tenant::{TenantNames, found};
use directory::{
    Attribute, AuditRecord, Bootstrap, Change, Directory, EntryId, NewEntry, Reads, Secret,
    StoreKind, bootstrap, well_known,
};
use token::factor::SecondFactors;
use token::totp::TotpSecret;
use trust::{Clock, Rng};
use wire::Guid;

use crate::fault::Fault;
use crate::server::{Parts, found_authorities};
use crate::settings::Settings;

/// The first administrator.
#[derive(Debug)]
pub struct Administrator<'a> {
    /// The account's name: `admin`.
    pub sam: &'a str,
    /// What people see.
    pub display_name: &'a str,
    /// The password.
    pub password: &'a str,
    /// The second factor. Without one it is set up at the first sign-in.
    pub totp: Option<&'a TotpSecret>,
    /// What hashing the password costs.
    pub cost: Cost,
}

/// Makes the domain, founds the authorities, and adds the first administrator, who is then a member of Domain
/// Admins. What a set-up that was cut short has made already is left as it is.
///
/// # Errors
/// [`Fault::Party`] when a name or the password is not possible, or the directory fails.
pub fn set_up(
    directory: &Arc<Directory>,
    names: &Bootstrap,
    settings: &Settings,
    administrator: &Administrator<'_>,
    clock: Arc<dyn Clock>,
    rng: &mut dyn Rng,
) -> Result<(), Fault> {
    if directory.domain().is_err() {
        bootstrap(directory, names, clock.now(), rng)
            .map_err(|error| party("making the domain", &error))?;
    }
    let parts = Parts {
        clock: Arc::clone(&clock),
        ..Parts::new(Arc::clone(directory))
    };
    found_authorities(settings, parts)?;
    add_administrator(directory, administrator, clock.as_ref(), rng)
}

/// Makes a tenant in an empty directory, with its authorities and its first administrator. What a set-up that was cut short
/// has made already is left as it is.
///
/// # Errors
/// [`Fault::Party`] when a name or the password is not possible, or the directory fails.
pub fn set_up_tenant(
    directory: &Arc<Directory>,
    names: &TenantNames,
    section: &tenant::Section,
    settings: &Settings,
    administrator: &Administrator<'_>,
    clock: Arc<dyn Clock>,
    rng: &mut dyn Rng,
) -> Result<(), Fault> {
    if directory.domain().is_err() {
        found(directory, names, clock.now(), rng)
            .map_err(|error| party("making the tenant", &error))?;
    }
    let parts = Parts {
        clock: Arc::clone(&clock),
        ..Parts::of_tenant(Arc::clone(directory), section.clone())
    };
    found_authorities(settings, parts)?;
    add_administrator(directory, administrator, clock.as_ref(), rng)
}

fn add_administrator(
    directory: &Directory,
    wanted: &Administrator<'_>,
    clock: &dyn Clock,
    rng: &mut dyn Rng,
) -> Result<(), Fault> {
    const DOING: &str = "adding the administrator";
    let failed = |error: &(dyn std::error::Error + 'static)| party(DOING, error);
    let domain = directory.domain().map_err(|error| failed(&error))?;
    let snapshot = directory.snapshot().map_err(|error| failed(&error))?;
    let admins = snapshot
        .group_by_sid(&domain.well_known_sid(well_known::DOMAIN_ADMINS))
        .map_err(|error| failed(&error))?;
    let admins =
        admins.ok_or_else(|| Fault::Party(format!("{DOING}: there is no group Domain Admins")))?;
    if snapshot
        .account_by_sam(wanted.sam)
        .map_err(|error| failed(&error))?
        .is_some()
    {
        return Ok(());
    }
    // Nobody asks for Kerberos' keys in a tenant.
    let salt = match domain.kind {
        StoreKind::Domain => Some(user_salt(&domain.realm, wanted.sam)),
        StoreKind::Tenant => None,
    };
    let material = PasswordPolicy::default()
        .first(
            wanted.password,
            wanted.sam,
            salt.as_deref(),
            wanted.cost,
            rng,
        )
        .map_err(|error| failed(&error))?;
    let id = EntryId(Guid::from_random(rng.bytes()));
    let upn = format!("{}@{}", wanted.sam, domain.dns_name);
    let entry = NewEntry::user(id, domain.users, wanted.sam, wanted.display_name)
        .with(Attribute::UserPrincipalName, upn.as_str())
        .with(Attribute::DisplayName, wanted.display_name)
        .with_password(material, false);
    let now = clock.now();
    let mut changes = vec![
        Change::from(entry),
        Change::AddMember {
            group: admins.id,
            member: id,
        },
    ];
    if let Some(totp) = wanted.totp {
        let values = SecondFactors::with_totp(totp)
            .write()
            .into_iter()
            .map(Secret::new)
            .collect();
        changes.push(directory::change::set_second_factors(id, values));
    }
    let record = AuditRecord::done(now, directory::Actor::system(), "server.set-up").on(id, upn);
    changes.push(directory::change::audit(record));
    directory
        .commit(&changes, &Reads::none(), now)
        .map(drop)
        .map_err(|error| failed(&error))
}

fn party(doing: &str, error: &(dyn std::error::Error + 'static)) -> Fault {
    Fault::Party(format!("{doing}: {}", crate::node::words(error)))
}
