//! Entries as the caller sees them.

mod keys;

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use directory::account::AccountControl;
use directory::{
    Account, AccountKind, Attribute, Class, Device, Entry, EntryId, Group, Snapshot, access,
};
use registration::second_factor;
use serde_json::{Map, Value, json};
use trust::Timestamp;
use wire::security_descriptor::SecurityDescriptor;

use crate::View;
use crate::refused::Trouble;

pub(crate) use keys::{ORIGINS, key, keys, origin, value_name};

/// The members of an object.
pub(crate) type Shown = Map<String, Value>;

/// The members of what `json!` made; it is an object wherever this is called.
pub(crate) fn members(value: Value) -> Shown {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A moment; null where there is none, or none that comes.
pub(crate) fn moment(time: Option<Timestamp>) -> Value {
    time.filter(|time| *time != Timestamp::NEVER)
        .map_or(Value::Null, |time| time.to_rfc3339().into())
}

/// What an account is.
pub(crate) const fn kind(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "user",
        AccountKind::Computer => "computer",
        AccountKind::Service => "service",
        AccountKind::Krbtgt => "krbtgt",
    }
}

/// An account, group or device by its id; `None` when it is none of these.
pub(crate) fn entry(
    id: EntryId,
    view: &View<'_, '_>,
    now: Timestamp,
) -> Result<Option<Shown>, Trouble> {
    let snapshot = view.snapshot;
    if let Some(account) = snapshot.account_by_id(id)? {
        return Ok(Some(match account.kind {
            AccountKind::User | AccountKind::Krbtgt => user(&account, view, now)?,
            AccountKind::Computer => computer(&account, view, now)?,
            AccountKind::Service => service(&account, view, now)?,
        }));
    }
    if let Some(found) = snapshot.group(id)? {
        return Ok(Some(group(&found, snapshot)?));
    }
    match snapshot.device_by_entry(id)? {
        Some(found) => Ok(Some(device(&found, snapshot, now)?)),
        None => Ok(None),
    }
}

/// What every account has.
fn common(account: &Account, view: &View<'_, '_>, now: Timestamp) -> Result<Shown, Trouble> {
    let snapshot = view.snapshot;
    let entry = snapshot.entry(account.id)?;
    let text = |attribute| {
        entry
            .as_ref()
            .and_then(|entry| entry.text(attribute))
            .map_or(Value::Null, Value::from)
    };
    let activity = snapshot.activity(account.id)?;
    let dn = snapshot.dn(account.id)?.map(|dn| dn.to_string());
    Ok(members(json!({
        "id": account.id.0.to_string(),
        "sid": account.sid.to_string(),
        "kind": kind(account.kind),
        "name": account.sam,
        "display_name": account.display_name,
        "description": text(Attribute::Description),
        "dn": dn,
        "enabled": account.is_enabled(),
        "encryption_types": account.supported_etypes,
        "created": moment(Some(account.created)),
        "last_sign_in": moment(activity.last_logon),
        "sign_ins": activity.logon_count,
        "protected": access::is_protected(account, snapshot)?,
        "groups": groups_of(account, snapshot)?,
        "keys": keys(account, snapshot, now)?,
    })))
}

/// A person's account.
pub(crate) fn user(
    account: &Account,
    view: &View<'_, '_>,
    now: Timestamp,
) -> Result<Shown, Trouble> {
    let snapshot = view.snapshot;
    let entry = snapshot.entry(account.id)?;
    let text = |attribute| entry.as_ref().and_then(|entry| entry.text(attribute));
    let activity = snapshot.activity(account.id)?;
    let locked = locked(account, view, now)?;
    let set = account
        .password_last_set
        .filter(|_| !account.must_change_password());
    let mut shown = common(account, view, now)?;
    shown.extend(members(json!({
        "upn": account.upn,
        "given_name": text(Attribute::GivenName),
        "surname": text(Attribute::Surname),
        "mail": account.mail,
        "telephone": text(Attribute::TelephoneNumber),
        "locked": locked,
        "locked_since": moment(account.locked_since.filter(|_| locked)),
        "expires": moment(Some(account.expires)),
        "has_password": account.password_hash.is_some(),
        "password_set": moment(set),
        "must_change_password": account.must_change_password(),
        "second_factors": second_factor::of(account).enrolled.len(),
        "not_delegated": account.control.contains(AccountControl::NOT_DELEGATED),
        "mappings": account.alt_security_identities,
        "wrong_passwords": activity.bad_password_count,
    })));
    Ok(shown)
}

/// Whether an account is locked out, by the counters or by its entry.
fn locked(account: &Account, view: &View<'_, '_>, now: Timestamp) -> Result<bool, Trouble> {
    let policy = view.snapshot.lockout_policy()?;
    Ok(view.lockout.is_locked_out(account, &policy, now))
}

/// A person's account in a list.
pub(crate) fn user_line(
    account: &Account,
    view: &View<'_, '_>,
    now: Timestamp,
) -> Result<Shown, Trouble> {
    let mut shown = line(account);
    shown.insert("upn".to_owned(), json!(account.upn));
    shown.insert("locked".to_owned(), locked(account, view, now)?.into());
    Ok(shown)
}

/// An account in a list.
pub(crate) fn line(account: &Account) -> Shown {
    members(json!({
        "id": account.id.0.to_string(),
        "sid": account.sid.to_string(),
        "kind": kind(account.kind),
        "name": account.sam,
        "display_name": account.display_name,
        "enabled": account.is_enabled(),
        "created": moment(Some(account.created)),
        "keys": account.key_credentials.len(),
    }))
}

/// What computers and services have.
fn kerberos(account: &Account, snapshot: &Snapshot<'_>) -> Result<Shown, Trouble> {
    let set = account.keys.current();
    let etypes: Vec<String> = set
        .iter()
        .flat_map(|set| set.keys.iter())
        .map(|key| key.etype().to_string())
        .collect();
    Ok(members(json!({
        "service_principals": account.service_principals,
        "kvno": account.keys.kvno(),
        "keys_set": moment(set.map(|set| set.set)),
        "etypes": etypes,
        "trusted_for_delegation": account.control.contains(AccountControl::TRUSTED_FOR_DELEGATION),
        "trusted_to_authenticate": account
            .control
            .contains(AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION),
        "delegates_to": account.delegates_to,
        "delegated_from": delegated_from(account, snapshot)?,
    })))
}

/// Whom an account's own list allows to act for people to it, by name where the domain has one.
fn delegated_from(account: &Account, snapshot: &Snapshot<'_>) -> Result<Vec<String>, Trouble> {
    let allowed = account.delegated_from.iter();
    let sids = allowed.flat_map(SecurityDescriptor::allowed);
    sids.map(|sid| {
        let account = snapshot.account_by_sid(&sid)?;
        if let Some(account) = account {
            return Ok(account.sam.clone());
        }
        let group = snapshot.group_by_sid(&sid)?;
        Ok(group.map_or_else(|| sid.to_string(), |group| group.sam))
    })
    .collect()
}

/// A service's account.
pub(crate) fn service(
    account: &Account,
    view: &View<'_, '_>,
    now: Timestamp,
) -> Result<Shown, Trouble> {
    let mut shown = common(account, view, now)?;
    shown.extend(kerberos(account, view.snapshot)?);
    Ok(shown)
}

/// A service's or computer's account in a list.
pub(crate) fn principal_line(account: &Account) -> Shown {
    let mut shown = line(account);
    shown.insert("dns_host_name".to_owned(), json!(account.dns_host_name));
    shown.insert(
        "service_principals".to_owned(),
        json!(account.service_principals),
    );
    shown.insert("kvno".to_owned(), account.keys.kvno().into());
    shown
}

/// A machine's account.
pub(crate) fn computer(
    account: &Account,
    view: &View<'_, '_>,
    now: Timestamp,
) -> Result<Shown, Trouble> {
    let snapshot = view.snapshot;
    let entry = snapshot.entry(account.id)?;
    let text = |attribute| entry.as_ref().and_then(|entry| entry.text(attribute));
    let creator = entry
        .as_ref()
        .and_then(|entry| entry.sid(Attribute::MsDsCreatorSid));
    let created_by = match creator {
        None => Value::Null,
        Some(sid) => {
            let name = snapshot.account_by_sid(&sid)?;
            let name = name.map(|account| crate::names::called(&account).to_owned());
            json!({ "sid": sid.to_string(), "name": name })
        }
    };
    // A computer's device has the computer's objectGUID for its name (protocols B.8).
    let device = match snapshot.device_by_id(account.id.0)? {
        Some(device) => device_brief(&device),
        None => Value::Null,
    };
    let mut shown = common(account, view, now)?;
    shown.extend(kerberos(account, view.snapshot)?);
    shown.extend(members(json!({
        "dns_host_name": account.dns_host_name,
        "os_type": text(Attribute::OperatingSystem),
        "os_version": text(Attribute::OperatingSystemVersion),
        "created_by": created_by,
        "device": device,
    })));
    Ok(shown)
}

/// The groups that an account is in, those it is directly in first said so.
fn groups_of(account: &Account, snapshot: &Snapshot<'_>) -> Result<Vec<Value>, Trouble> {
    let mut direct: Vec<EntryId> = snapshot.member_of(account.id)?;
    let primary = snapshot.domain().sid.with_rid(account.primary_group);
    if let Some(sid) = primary {
        direct.extend(snapshot.id_by_sid(&sid)?);
    }
    let mut groups = Vec::new();
    for token in snapshot.token_groups(account)?.iter() {
        if let Some(group) = snapshot.group_by_sid(&token.sid)? {
            groups.push(json!({
                "name": group.sam,
                "sid": group.sid.to_string(),
                "direct": direct.contains(&group.id),
            }));
        }
    }
    Ok(groups)
}

/// A group.
pub(crate) fn group(group: &Group, snapshot: &Snapshot<'_>) -> Result<Shown, Trouble> {
    let dn = snapshot.dn(group.id)?.map(|dn| dn.to_string());
    let mut shown = group_line(group);
    shown.insert("dn".to_owned(), json!(dn));
    let of: Vec<Value> = snapshot
        .member_of(group.id)?
        .into_iter()
        .filter_map(|id| snapshot.group(id).transpose())
        .map(|group| group.map(|group| Value::from(group.sam)))
        .collect::<Result<_, _>>()?;
    shown.insert("member_of".to_owned(), of.into());
    Ok(shown)
}

/// A group in a list.
pub(crate) fn group_line(group: &Group) -> Shown {
    let scope = match group.group_type.0 & 0xf {
        0x4 => "domain-local",
        0x8 => "universal",
        _ => "global",
    };
    members(json!({
        "id": group.id.0.to_string(),
        "sid": group.sid.to_string(),
        "kind": "group",
        "name": group.sam,
        "description": group.description,
        "scope": scope,
        "security": group.group_type.is_security(),
        "protected": group.critical,
    }))
}

/// A member of a group.
pub(crate) fn member(id: EntryId, snapshot: &Snapshot<'_>) -> Result<Option<Value>, Trouble> {
    let found = match snapshot.account_by_id(id)? {
        Some(account) => Some((kind(account.kind), account.sam.clone(), Some(account.sid))),
        None => match snapshot.group(id)? {
            Some(group) => Some(("group", group.sam, Some(group.sid))),
            None => snapshot
                .device_by_entry(id)?
                .map(|device| ("device", device.display_name.clone(), None)),
        },
    };
    Ok(found.map(|(kind, name, sid)| {
        let sid = sid.map(|sid| sid.to_string());
        json!({ "id": id.0.to_string(), "sid": sid, "kind": kind, "name": name })
    }))
}

fn device_brief(device: &Device) -> Value {
    json!({
        "id": device.device_id.to_string(),
        "name": device.display_name,
        "enabled": device.enabled,
    })
}

/// A device in a list.
pub(crate) fn device_line(device: &Device) -> Shown {
    members(json!({
        "id": device.device_id.to_string(),
        "kind": "device",
        "name": device.display_name,
        "enabled": device.enabled,
        "os_type": device.os_type,
        "os_version": device.os_version,
        "created": moment(Some(device.created)),
        "last_sign_in": moment(device.last_logon),
    }))
}

/// The most holders of keys that are shown with a device.
const HOLDERS: usize = 200;

/// A registered device.
pub(crate) fn device(
    device: &Device,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Shown, Trouble> {
    let mut keys = Vec::new();
    for holder in snapshot.holders_of_device_keys(device.device_id, HOLDERS)? {
        if let Some(account) = snapshot.account_by_id(holder)? {
            for listed in account.keys_of_device(device.device_id) {
                keys.push(key(listed, &account, snapshot, now)?);
            }
        }
    }
    let owner = match device.owner {
        None => Value::Null,
        Some(sid) => {
            let name = snapshot.account_by_sid(&sid)?;
            let name = name.map(|account| account.sam.clone());
            json!({ "sid": sid.to_string(), "name": name })
        }
    };
    let certificates: Vec<String> = device
        .certificates
        .iter()
        .map(|certificate| hex(&certificate.thumbprint))
        .collect();
    let transport = device.transport_key().and_then(|key| key.fingerprint);
    let mut shown = device_line(device);
    shown.extend(members(json!({
        "entry": device.id.0.to_string(),
        "owner": owner,
        "certificates": certificates,
        "transport_key": transport.map(|fingerprint| fingerprint.to_string()),
        "keys": keys,
    })));
    Ok(shown)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Bytes in Base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// The class's entry as an account.
pub(crate) fn account_of(entry: &Entry, view: &View<'_, '_>) -> Result<Arc<Account>, Trouble> {
    debug_assert!(matches!(
        entry.class,
        Class::User | Class::Computer | Class::ManagedServiceAccount
    ));
    let account = view.snapshot.account_by_id(entry.id)?;
    account.ok_or_else(|| directory::Fault::Corrupt("account").into())
}
