//! What every domain has: groups and accounts that are found by names or relative identifiers that the specifications
//! fix.
//!
//! A domain is made with all of it ([`crate::bootstrap()`]). One that was made by an older version may lack something, and
//! gets it when a server starts ([`complete`]). To add another one: write it down here, beside its like; nothing else
//! has to know.

pub(crate) mod forest;

use trust::{Rng, Timestamp};

use crate::account::{AccountControl, PASSWORD_SERVICE};
use crate::audit::{Actor, AuditRecord};
use crate::change::{self, Change, NewEntry};
use crate::commit::Privilege;
use crate::directory::Directory;
use crate::domain::{Domain, StoreKind};
use crate::error::{CommitError, Fault};
use crate::group::{DOMAIN_LOCAL_SECURITY, GLOBAL_SECURITY, UNIVERSAL_SECURITY};
use crate::id::EntryId;
use crate::password::PasswordMaterial;
use crate::schema::{Attribute, Class};
use crate::snapshot::Snapshot;

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

/// How often it is looked again because the directory has changed meanwhile.
const TRIES: usize = 16;

/// A group that every domain has.
pub(crate) struct WellKnownGroup {
    name: &'static str,
    rid: u32,
    kind: i64,
    description: &'static str,
}

/// The groups that every domain has.
pub(crate) const GROUPS: &[WellKnownGroup] = &[
    group(
        "Domain Admins",
        DOMAIN_ADMINS,
        GLOBAL_SECURITY,
        "Administrators of the domain",
    ),
    group(
        "Domain Users",
        DOMAIN_USERS,
        GLOBAL_SECURITY,
        "All people of the domain",
    ),
    group(
        "Domain Guests",
        DOMAIN_GUESTS,
        GLOBAL_SECURITY,
        "All guests of the domain",
    ),
    group(
        "Domain Computers",
        DOMAIN_COMPUTERS,
        GLOBAL_SECURITY,
        "All computers joined to the domain",
    ),
    group(
        "Domain Controllers",
        DOMAIN_CONTROLLERS,
        GLOBAL_SECURITY,
        "All domain controllers of the domain",
    ),
    group(
        "Cert Publishers",
        CERT_PUBLISHERS,
        DOMAIN_LOCAL_SECURITY,
        "May publish certificates to the directory",
    ),
    group(
        "Schema Admins",
        SCHEMA_ADMINS,
        UNIVERSAL_SECURITY,
        "Administrators of the schema",
    ),
    group(
        "Enterprise Admins",
        ENTERPRISE_ADMINS,
        UNIVERSAL_SECURITY,
        "Administrators of the forest",
    ),
    group(
        "Group Policy Creator Owners",
        GROUP_POLICY_CREATOR_OWNERS,
        GLOBAL_SECURITY,
        "May make policy objects",
    ),
    group(
        "Protected Users",
        PROTECTED_USERS,
        GLOBAL_SECURITY,
        "Protected against weak ways to sign in",
    ),
    group(
        "Key Admins",
        KEY_ADMINS,
        GLOBAL_SECURITY,
        "May list keys on accounts of the domain",
    ),
    group(
        "Enterprise Key Admins",
        ENTERPRISE_KEY_ADMINS,
        UNIVERSAL_SECURITY,
        "May list keys on accounts of the forest",
    ),
];

const fn group(
    name: &'static str,
    rid: u32,
    kind: i64,
    description: &'static str,
) -> WellKnownGroup {
    WellKnownGroup {
        name,
        rid,
        kind,
        description,
    }
}

impl WellKnownGroup {
    /// The group as it is added.
    pub(crate) fn entry(&self, domain: &Domain, rng: &mut dyn Rng) -> NewEntry {
        NewEntry::group(EntryId::random(rng), domain.users, self.name, self.kind)
            .with(Attribute::Description, self.description)
            .fixed(self.rid)
    }
}

/// The name of the account that changes passwords.
const PASSWORD_ACCOUNT: &str = "kadmin-changepw$";

/// The account that changes passwords over Kerberos, with random keys, as it is added.
///
/// AD has its principal on krbtgt. What a ticket says of its service is not sealed: with keys of its own, a ticket for
/// the one can never be shown as a ticket for the other (the class of CVE-2022-2031).
pub(crate) fn password_service(domain: &Domain, rng: &mut dyn Rng) -> NewEntry {
    let control = AccountControl::WORKSTATION_TRUST_ACCOUNT;
    NewEntry::new(
        EntryId::random(rng),
        domain.services,
        Class::ManagedServiceAccount,
        PASSWORD_ACCOUNT.trim_end_matches('$'),
    )
    .with(Attribute::SamAccountName, PASSWORD_ACCOUNT)
    .with(
        Attribute::Description,
        "Changes passwords over Kerberos (RFC 3244)",
    )
    .with(Attribute::ServicePrincipalName, PASSWORD_SERVICE)
    .with(Attribute::UserAccountControl, control.to_integer())
    .with_password(PasswordMaterial::random(rng), false)
}

/// The groups that a tenant has: its administrators, its people, those who may list keys, those who may enrol.
pub(crate) fn groups_of_a_tenant(domain: &Domain, rng: &mut dyn Rng) -> Vec<NewEntry> {
    let of_a_tenant = [DOMAIN_ADMINS, DOMAIN_USERS, KEY_ADMINS];
    let mut groups: Vec<NewEntry> = GROUPS
        .iter()
        .filter(|group| of_a_tenant.contains(&group.rid))
        .map(|group| group.entry(domain, rng))
        .collect();
    groups.push(hello_users(domain, rng));
    groups
}

/// The group of those who may enrol in passwordless sign-in, where the policy is scoped to it (POL-G1). Its relative
/// identifier is as it comes.
pub(crate) fn hello_users(domain: &Domain, rng: &mut dyn Rng) -> NewEntry {
    NewEntry::group(
        EntryId::random(rng),
        domain.users,
        HELLO_USERS,
        GLOBAL_SECURITY,
    )
    .with(Attribute::Description, "May enrol in passwordless sign-in")
}

/// What was done about what a domain lacked.
#[derive(Clone, Debug, Default)]
pub struct Completed {
    /// A record for each that was added, as it stands in the directory's audit log.
    pub added: Vec<AuditRecord>,
    /// The names of those that are still lacking, because another entry has the name.
    pub in_the_way: Vec<String>,
}

/// Adds what every domain has and this one does not, in one commit. Nothing is written where nothing is lacking, and
/// what is there stays as it is.
///
/// # Errors
/// [`CommitError::Conflict`] when others changed the directory each time, [`CommitError::Fault`] when it fails; nothing
/// was added then.
pub fn complete(
    directory: &Directory,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Completed, CommitError> {
    for _ in 0..TRIES {
        let snapshot = directory.snapshot()?;
        let (entries, in_the_way) = lacking(&snapshot, rng)?;
        let mut added = Vec::new();
        let mut changes = Vec::new();
        for (name, entry) in entries {
            added.push(
                AuditRecord::done(now, Actor::system(), "domain.complete").on(entry.id, &*name),
            );
            changes.push(Change::from(entry));
        }
        changes.extend(added.iter().cloned().map(change::audit));
        match directory.commit_as(&changes, &snapshot.into_reads(), now, &Privilege::WellKnown) {
            Ok(_) => return Ok(Completed { added, in_the_way }),
            // Another node may have added the same.
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(CommitError::Conflict)
}

/// What is to be added, by its name, and the names of what cannot be.
type Lacking = (Vec<(String, NewEntry)>, Vec<String>);

/// Looks for everything that every domain has.
fn lacking(snapshot: &Snapshot<'_>, rng: &mut dyn Rng) -> Result<Lacking, Fault> {
    let domain = snapshot.domain();
    if domain.kind == StoreKind::Tenant {
        return Ok(Lacking::default());
    }
    let mut lacking = Vec::new();
    for group in GROUPS {
        let sid = domain.well_known_sid(group.rid);
        if snapshot.group_by_sid(&sid)?.is_none() {
            lacking.push((group.name, group.entry(domain, rng)));
        }
    }
    if snapshot.group_by_name(HELLO_USERS)?.is_none() {
        lacking.push((HELLO_USERS, hello_users(domain, rng)));
    }
    if snapshot.account_by_spn(PASSWORD_SERVICE)?.is_none() {
        lacking.push((PASSWORD_ACCOUNT, password_service(domain, rng)));
    }
    let (mut entries, mut in_the_way) = (Vec::new(), Vec::new());
    for (name, entry) in lacking {
        let naming = entry.class.row().naming;
        let taken = snapshot.account_by_sam(name)?.is_some()
            || snapshot.group_by_name(name)?.is_some()
            || snapshot.child(entry.parent, naming, &entry.name)?.is_some();
        match taken {
            true => in_the_way.push(name.to_owned()),
            false => entries.push((name.to_owned(), entry)),
        }
    }
    let forest = forest_lacking(snapshot, rng)?;
    let named = forest.entries.into_iter();
    entries.extend(named.map(|entry| (entry.name.clone(), entry)));
    in_the_way.extend(forest.in_the_way);
    Ok((entries, in_the_way))
}

/// What clients look up below `CN=Configuration`.
fn forest_lacking(snapshot: &Snapshot<'_>, rng: &mut dyn Rng) -> Result<forest::Lacking, Fault> {
    let domain = snapshot.domain();
    let account = snapshot
        .entry(domain.domain_controller)?
        .ok_or(Fault::Corrupt("domain controller"))?;
    let own = format!("{}.{}", account.name.to_lowercase(), domain.dns_name);
    let controller = forest::Controller {
        name: &account.name,
        host: account.text(Attribute::DnsHostName).unwrap_or(&own),
    };
    let present = |parent, name: &str| match snapshot.child(parent, Attribute::Cn, name)? {
        Some(id) => Ok(snapshot.entry(id)?.map(|entry| (id, entry.class))),
        None => Ok(None),
    };
    forest::lacking(domain, controller, &present, rng)
}
