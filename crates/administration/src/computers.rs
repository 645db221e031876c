//! Computer accounts, and the one that a join makes (DREG-F5).

use std::sync::Arc;

use directory::account::computer_salt;
use directory::delegation::Delegable;
use directory::password::{self, Chooser, MACHINE_PASSWORD, PasswordMaterial, keys_of_password};
use directory::{
    Account, AccountControl, AccountKind, Attribute, AuditRecord, Change, Class, Device, Edit,
    EntryId, NewEntry, Origin, Snapshot, Value, change,
};
use registration::proven_device::MOST_HOLDERS;
use serde_json::json;
use trust::Rng;
use zeroize::Zeroizing;

use crate::asked::Asked;
use crate::body::{Members, Patch};
use crate::caller::Needs;
use crate::done::Done;
use crate::key_input::{self, Given};
use crate::names::{self, Kind, called};
use crate::refused::{Refused, Trouble};
use crate::users::{self, Changed, ordinary};
use crate::{devices, guard, list as lists, principals, shown};

/// A host's label in DNS (RFC 1123 2.1).
const LONGEST_LABEL: usize = 63;

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    lists::by_name(asked, Class::Computer, |entry| {
        let account = shown::account_of(entry, asked.view)?;
        Ok(shown::principal_line(&account).into())
    })
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = names::account(asked.snapshot(), Kind::Computer, asked.part(0))?;
    let shown = shown::computer(&account, asked.view, asked.now)?;
    Ok(Done::now(shown.into()))
}

/// What a join asks for.
struct Join {
    name: String,
    key: Option<Given>,
    password: Option<Zeroizing<String>>,
    host: String,
    /// Plain attributes with their values.
    attributes: Vec<(Attribute, String)>,
    enabled: bool,
    replace: bool,
}

impl Join {
    fn read(asked: &Asked<'_, '_>) -> Result<Self, Trouble> {
        let mut members = asked.members()?;
        let name = members.needed("name")?;
        label(&name)?;
        names::check_new(&name)?;
        // Who may not administer must not take another host's name (the class of CVE-2022-26923).
        for reserved in ["dns_host_name", "description", "enabled"] {
            if members.has(reserved) && !asked.who.may(Needs::Administrator) {
                return Err(Refused::NotPermitted("this member is for administrators").into());
            }
        }
        let domain = asked.snapshot().domain();
        let own = format!("{}.{}", name.to_lowercase(), domain.dns_name);
        let host = members.text("dns_host_name")?.unwrap_or(own);
        host_name(&host)?;
        let mut attributes = Vec::new();
        for (member, attribute) in [
            ("os_type", Attribute::OperatingSystem),
            ("os_version", Attribute::OperatingSystemVersion),
            ("description", Attribute::Description),
        ] {
            attributes.extend(members.text(member)?.map(|text| (attribute, text)));
        }
        Ok(Self {
            key: members
                .encoded("public_key")?
                .map(|text| key_input::of_text("public_key", &text))
                .transpose()?,
            password: password(&mut members)?,
            host,
            attributes,
            enabled: members.flag("enabled")?.unwrap_or(true),
            replace: members.flag("replace")?.unwrap_or(false),
            name,
        })
    }

    fn sam(&self) -> String {
        format!("{}$", self.name)
    }

    fn principals(&self) -> [String; 2] {
        [format!("HOST/{}", self.name), format!("HOST/{}", self.host)]
    }

    fn control(&self) -> AccountControl {
        let control = AccountControl::WORKSTATION_TRUST_ACCOUNT;
        match self.enabled {
            true => control,
            false => control | AccountControl::ACCOUNT_DISABLE,
        }
    }

    /// The machine's Kerberos keys: of its password, or random ones with which services on it have tickets.
    fn material(&self, realm: &str, rng: &mut dyn Rng) -> (PasswordMaterial, Option<String>) {
        match &self.password {
            None => (PasswordMaterial::random(rng), None),
            Some(password) => {
                let salt = computer_salt(realm, &self.sam());
                let keys = keys_of_password(password.as_bytes(), &salt);
                (PasswordMaterial::of_keys(keys), Some(salt))
            }
        }
    }
}

/// Makes the account of a computer, or takes over one that a broken-off join left.
pub(crate) fn join(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let wanted = Join::read(asked)?;
    let snapshot = asked.snapshot();
    let sam = wanted.sam();
    match snapshot.account_by_sam(&sam)? {
        None => make(asked, &wanted, rng),
        Some(found) => {
            mine(asked, &wanted, &found)?;
            take_over(asked, &wanted, &found, rng)
        }
    }
}

fn make(asked: &Asked<'_, '_>, wanted: &Join, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let domain = snapshot.domain();
    let beyond = guard::adds_below(asked, Delegable::Computers, domain.computers).is_ok();
    if !beyond && !asked.who.may_join(snapshot)? {
        return Err(Refused::QuotaReached(snapshot.machine_account_quota()?).into());
    }
    names::must_be_free(snapshot, &wanted.sam())?;
    principals::must_be_free(snapshot, &wanted.principals(), None)?;
    key_must_be_free(snapshot, wanted, None)?;
    let id = EntryId::made_at(asked.now, rng);
    let mut computer = NewEntry::new(id, domain.computers, Class::Computer, &wanted.name)
        .with(Attribute::SamAccountName, wanted.sam())
        .with(Attribute::UserAccountControl, wanted.control().to_integer())
        .with(Attribute::DnsHostName, wanted.host.as_str());
    for principal in distinct(&wanted.principals()) {
        computer = computer.with(Attribute::ServicePrincipalName, principal.as_str());
    }
    for (attribute, text) in &wanted.attributes {
        computer = computer.with(*attribute, text.as_str());
    }
    if let Some(account) = &asked.who.account {
        computer = computer.created_by(account.sid);
    }
    let (material, salt) = wanted.material(&domain.realm, rng);
    let computer = computer.with_password(material, false);
    let mut changes: Vec<Change> = vec![computer.into()];
    let record = asked.record().on(id, wanted.sam());
    finish(asked, wanted, id, record, &mut changes)?;
    Ok(joined(asked, id, changes, salt, 1, false).made())
}

/// Whether the caller may take over an account that exists: an administrator, or who made it, as long as it has no more
/// than a join gave it. What an administrator gave it since is not its maker's to take.
fn mine(asked: &Asked<'_, '_>, wanted: &Join, found: &Account) -> Result<(), Trouble> {
    guard::ordinary(found)?;
    let taken = || Refused::taken("the account name", &found.sam, &found.sam);
    if found.kind != AccountKind::Computer {
        return Err(taken().into());
    }
    if asked.who.may(Needs::Administrator) {
        return Ok(());
    }
    let snapshot = asked.snapshot();
    let entry = snapshot.entry(found.id)?;
    let creator = entry.and_then(|entry| entry.sid(Attribute::MsDsCreatorSid));
    let own = asked.who.account.as_ref().map(|account| account.sid);
    if creator.is_none() || creator != own || !found.is_enabled() {
        return Err(taken().into());
    }
    let given = wanted.principals().map(|given| directory::folded(&given));
    let mut principals = found.service_principals.iter();
    let plain = found.control == AccountControl::WORKSTATION_TRUST_ACCOUNT
        && found.delegates_to.is_empty()
        && found.delegated_from.is_none()
        && principals.all(|own| given.contains(&directory::folded(own)))
        && snapshot.member_of(found.id)?.is_empty();
    match plain {
        true => Ok(()),
        false => {
            let why = "an administrator gave the computer more than a join does";
            Err(Refused::NotPermitted(why).into())
        }
    }
}

/// Whether the caller may end a computer's device: an administrator, or, for a person, as long as nobody else has keys
/// on it.
fn may_end(asked: &Asked<'_, '_>, device: &Device) -> Result<(), Trouble> {
    if asked.who.may(Needs::Administrator) {
        return Ok(());
    }
    let holders = asked
        .snapshot()
        .holders_of_device_keys(device.device_id, MOST_HOLDERS)?;
    match holders.iter().all(|holder| asked.who.is(*holder)) {
        true => Ok(()),
        false => Err(Refused::NotPermitted("others have keys on that device").into()),
    }
}

fn take_over(
    asked: &Asked<'_, '_>,
    wanted: &Join,
    found: &Arc<Account>,
    rng: &mut dyn Rng,
) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let mut changes: Vec<Change> = Vec::new();
    if !found.is_enabled() {
        return Err(Refused::InTheWay(format!("the computer {} is disabled", found.sam)).into());
    }
    if let Some(device) = snapshot.device_by_id(found.id.0)? {
        if !wanted.replace {
            return Err(Refused::JoinedAlready(found.sam.clone()).into());
        }
        may_end(asked, &device)?;
        changes.extend(devices::gone(&device, snapshot, asked)?);
        let record = devices::record(asked.record_of("device.delete"), &device);
        changes.push(change::audit(
            record.with("because", "the computer joins again"),
        ));
    }
    principals::must_be_free(snapshot, &wanted.principals(), Some(found.id))?;
    key_must_be_free(snapshot, wanted, Some(found.id))?;
    for key in &found.key_credentials {
        // Those of the device went with the device.
        let with_device = key.device() == Some(found.id.0) && !changes.is_empty();
        if !with_device {
            changes.push(change::remove_key_credential(found.id, key.id));
        }
    }
    let mut edits = vec![
        Edit::set(Attribute::DnsHostName, wanted.host.as_str()),
        Edit::Set(
            Attribute::ServicePrincipalName,
            with_former(&wanted.principals(), &found.service_principals),
        ),
    ];
    for (attribute, text) in &wanted.attributes {
        edits.push(Edit::set(*attribute, text.as_str()));
    }
    changes.push(change::modify(found.id, edits));
    let (material, salt) = wanted.material(&snapshot.domain().realm, rng);
    changes.push(change::set_password(found.id, material));
    let record = asked
        .record_of("computer.rejoin")
        .on(found.id, &found.sam)
        .with("keys removed", found.key_credentials.len());
    finish(asked, wanted, found.id, record, &mut changes)?;
    let kvno = found.keys.kvno().wrapping_add(1).max(1);
    Ok(joined(asked, found.id, changes, salt, kvno, true))
}

/// The principals that are wanted, and those that an administrator had added.
fn with_former(wanted: &[String], former: &[String]) -> Vec<Value> {
    let all: Vec<String> = wanted.iter().chain(former).cloned().collect();
    distinct(&all).into_iter().map(Value::from).collect()
}

/// Without those that are the same to the directory: a computer alone in its domain may be called like its host.
fn distinct(principals: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for principal in principals {
        let folded = directory::folded(principal);
        if !kept.iter().any(|known| directory::folded(known) == folded) {
            kept.push(principal.clone());
        }
    }
    kept
}

/// The machine's key, and the record.
fn finish(
    asked: &Asked<'_, '_>,
    wanted: &Join,
    id: EntryId,
    record: AuditRecord,
    changes: &mut Vec<Change>,
) -> Result<(), Trouble> {
    let mut record = record.with("dns host name", &wanted.host);
    if wanted.password.is_some() {
        record = record.with("password", "set by the machine");
    }
    if let Some(given) = &wanted.key {
        let blob = key_input::of_computer(&given.key, asked.now)?;
        changes.push(change::add_key_credential(id, blob, Origin::Computer));
        record = record.about_key(given.key.fingerprint());
    }
    changes.push(change::audit(record));
    Ok(())
}

/// What `keyporch join` goes on with.
fn joined(
    asked: &Asked<'_, '_>,
    id: EntryId,
    changes: Vec<Change>,
    salt: Option<String>,
    kvno: u32,
    replaced: bool,
) -> Done {
    let domain = asked.snapshot().domain();
    let deployment = asked.view.deployment;
    let roots: Vec<String> = deployment
        .roots
        .iter()
        .map(|root| shown::base64(root))
        .collect();
    Done::entry(id, changes)
        .with("domain", domain.dns_name.as_str())
        .with("netbios", domain.netbios_name.as_str())
        .with("realm", domain.realm.as_str())
        .with("kdcs", deployment.kdcs.clone())
        .with("roots", roots)
        .with("salt", json!(salt))
        .with("kvno", kvno)
        .with("replaced", replaced)
}

fn key_must_be_free(
    snapshot: &Snapshot<'_>,
    wanted: &Join,
    own: Option<EntryId>,
) -> Result<(), Trouble> {
    let Some(given) = &wanted.key else {
        return Ok(());
    };
    let fingerprint = given.key.fingerprint();
    match snapshot.holder_of_key(&fingerprint)? {
        Some(holder) if Some(holder) != own => {
            Err(Refused::taken("the key", &fingerprint.to_string(), "another account").into())
        }
        _ => Ok(()),
    }
}

fn label(name: &str) -> Result<(), Refused> {
    let fits = name.len() <= LONGEST_LABEL
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    Err(Refused::member(
        "name",
        format!(
            "it must be {LONGEST_LABEL} letters, digits and hyphens at most, without the domain"
        ),
    ))
}

fn host_name(host: &str) -> Result<(), Refused> {
    if host.len() <= 253
        && host
            .split('.')
            .all(|part| label(part).is_ok() && !part.is_empty())
    {
        return Ok(());
    }
    Err(Refused::member("dns_host_name", "it must be a host name"))
}

fn password(members: &mut Members) -> Result<Option<Zeroizing<String>>, Refused> {
    let password = members.secret("password")?;
    let fits = password
        .as_ref()
        .is_none_or(|password| MACHINE_PASSWORD.contains(&password.chars().count()));
    if !fits {
        let (least, most) = (MACHINE_PASSWORD.start(), MACHINE_PASSWORD.end());
        let why = format!("a machine's password must be {least} to {most} random characters");
        return Err(Refused::member("password", why));
    }
    Ok(password)
}

pub(crate) fn set_password(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::Computer)?;
    let mut members = asked.members()?;
    let password = password(&mut members)?.ok_or(Refused::MissingMember("password"))?;
    let salt = computer_salt(&asked.snapshot().domain().realm, &account.sam);
    let set = password::change(
        asked.snapshot(),
        account.id,
        &password,
        Chooser::Administrator { must_change: false },
        asked.view.deployment.password_cost,
        asked.now,
        rng,
    )?
    .map_err(Refused::from)?;
    let kvno = account.keys.kvno().wrapping_add(1).max(1);
    Ok(
        Done::changed(vec![set, asked.audit(account.id, called(&account))])
            .with("salt", salt)
            .with("kvno", kvno),
    )
}

pub(crate) fn change_computer(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = ordinary(asked, Kind::Computer)?;
    let mut members = asked.members()?;
    let mut changed = Changed::new(asked, &account)?;
    match members.patch("dns_host_name")? {
        Patch::Keep => {}
        Patch::Clear => changed.clear(Attribute::DnsHostName, "dns_host_name"),
        Patch::Set(host) => {
            host_name(&host)?;
            changed.set(Attribute::DnsHostName, "dns_host_name", host);
        }
    }
    description_and_delegation(&mut changed, &mut members, &account)?;
    Ok(changed.done())
}

/// What computers and services have in common in a `PATCH`.
pub(crate) fn description_and_delegation(
    changed: &mut Changed,
    members: &mut Members,
    account: &Account,
) -> Result<(), Refused> {
    changed.texts(members, &[("description", Attribute::Description)])?;
    changed.encryption_types(members)?;
    let flags = [
        (
            "trusted_for_delegation",
            AccountControl::TRUSTED_FOR_DELEGATION,
        ),
        (
            "trusted_to_authenticate",
            AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION,
        ),
    ];
    changed.flags(members, account.control, &flags)
}

/// A computer goes with its device: the keys that people made on it have nowhere to be.
pub(crate) fn delete(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let account = users::looked_after(asked, Kind::Computer, Delegable::Computers)?;
    let snapshot = asked.snapshot();
    let mut also = Vec::new();
    if let Some(device) = snapshot.device_by_id(account.id.0)? {
        also = devices::gone(&device, snapshot, asked)?;
        // What is on the computer's own list goes with its entry.
        also.retain(|change| {
            !matches!(change, Change::RemoveKeyCredential { holder, .. } if *holder == account.id)
        });
        let record = devices::record(asked.record_of("device.delete"), &device);
        also.push(change::audit(
            record.with("because", "its computer is deleted"),
        ));
    }
    let done = users::delete_account(asked, &account)?;
    Ok(done.committing(also))
}

pub(crate) fn enable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    users::enable_account(asked, Kind::Computer)
}

pub(crate) fn disable(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    users::disable_account(asked, Kind::Computer)
}
