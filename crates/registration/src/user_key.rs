//! The key written to the account: registration of a person's key by MS-KPP (protocols C.1, PROV-W1 to PROV-W7), at a
//! federation service or a tenant (protocols C.2). Phase C of the flows.

use crypto::key::{Fingerprint, PublicKey};
use directory::tenant::Who;
use directory::{
    Account, AccountKind, Actor, AuditRecord, Change, Device, Fault, KeyCredential, KeyValueId,
    Origin, Snapshot, change,
};
use token::claims::Verified;
use trust::Timestamp;
use wire::Guid;
use wire::key_credential::{KeySource, KeyUsage};

use crate::device::TRUST_OF_REGISTERED;
use crate::key_value;
use crate::member::{SignInOver, is_among, still_signed_in};
use crate::proven_device::KEYS;
use crate::second_factor::{self, FreshSecondFactor, NotFresh};
use crate::strength::{BadKey, StrongKey};

/// A request to register a key.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The token, verified for this service.
    pub token: &'a Verified,
    /// The device that proved itself to the transport of this very request, where one did.
    pub proven_device: Option<Guid>,
    /// The public key as it came: a BCRYPT blob (`kngc`, decoded).
    pub material: &'a [u8],
    /// Where the request came from, for the audit log.
    pub from: Option<&'a str>,
}

/// What an organisation decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// How many keys a person may have for signing in.
    pub most_keys: usize,
    /// How many of them may be from one device; one more replaces the oldest (protocols C.2). At least one.
    pub most_per_device: usize,
    /// Who may register keys.
    pub allowed: Who,
    /// Where keys are registered, which each of them says.
    pub source: KeySource,
    /// Whether the token must say `ngcmfa`: that a fresh second factor was asked for when it was issued (protocols C.2), and
    /// not only that one happens to be fresh.
    pub must_be_asked_for: bool,
    /// Whether the device must prove itself to the transport of the request too, besides being named in the token.
    pub device_must_be_present: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            most_keys: 20,
            most_per_device: 1,
            allowed: Who::Everybody,
            source: KeySource::Ad,
            must_be_asked_for: false,
            device_must_be_present: false,
        }
    }
}

/// A key that is registered once `changes` are committed.
#[derive(Debug)]
pub struct Registered {
    /// The key's name for its owner and its device.
    pub kid: Guid,
    /// The fingerprint of the key.
    pub fingerprint: Fingerprint,
    /// The device that it was registered from.
    pub device_id: Guid,
    /// Whose it is: their entry.
    pub account: directory::EntryId,
    /// Whose it is.
    pub upn: String,
    /// What to commit: the key and the audit record together.
    pub changes: Vec<Change>,
}

/// Why a key is not registered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// There is no fresh second factor (ACC-22, ACC-9).
    #[error("no fresh second factor")]
    SecondFactor(#[from] NotFresh),
    /// The token names no device (PROV-W4).
    #[error("the token names no device")]
    NoDevice,
    /// The device is not registered (ACC-22).
    #[error("the device is not registered")]
    UnknownDevice,
    /// The device is disabled.
    #[error("the device is disabled")]
    DisabledDevice,
    /// The request came from another device than the token names.
    #[error("the request came from another device than the one in the token")]
    AnotherDevice,
    /// The organisation wants the device to prove itself, and it did not.
    #[error("the device did not prove itself")]
    AbsentDevice,
    /// The device is a person's own, registered for work, and that person is another one (protocols C.2).
    #[error("the device is another person's own")]
    AnothersDevice,
    /// The token names no user.
    #[error("the token names no user")]
    NoUser,
    /// The user does not exist, or is another than at sign-in (ACC-22).
    #[error("the user is not known")]
    UnknownUser,
    /// The account is no person's.
    #[error("the account is not a person's")]
    NotAPerson,
    /// The account is disabled or has expired.
    #[error("the account is disabled or has expired")]
    DisabledUser,
    /// The person is not among those who may register keys.
    #[error("the person may not register keys")]
    NotAllowed,
    /// The password was changed after the sign-in that the token speaks of, or must be changed.
    #[error("the password was changed since the sign-in, or must be changed")]
    PasswordChanged,
    /// An administrator ended the sign-in that the token speaks of.
    #[error("an administrator ended the sign-in")]
    SignInEnded,
    /// The key is not accepted.
    #[error("the key is not accepted")]
    Key(#[from] BadKey),
    /// The key belongs to another account.
    #[error("the key belongs to another account")]
    KeyOfAnother,
    /// The person has it on another device.
    #[error("the key was registered from another device")]
    KeyOfAnotherDevice,
    /// The person has as many keys as they may have.
    #[error("the account has as many keys as it may have")]
    TooMany,
}

/// A refusal, or trouble of our own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The directory failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Registers a key: checks all that PROV-W4 and protocols C.2 demand, and says what to commit.
///
/// # Errors
/// [`Error::Refused`] with the reason, or [`Error::Fault`].
pub fn register(
    snapshot: &Snapshot<'_>,
    request: &Request<'_>,
    rules: &Rules,
    now: Timestamp,
) -> Result<Registered, Error> {
    let fresh = second_factor::prove(request.token, now).map_err(Refused::from)?;
    if rules.must_be_asked_for && !request.token.amr.iter().any(|method| method == "ngcmfa") {
        return Err(Refused::SecondFactor(NotFresh::NotAskedFor).into());
    }
    let device = right_device(snapshot, request, rules)?;
    let account = right_user(snapshot, request.token, now)?;
    // What belongs to the organisation is for all its people.
    let is_private = device.trust_type == Some(TRUST_OF_REGISTERED);
    if is_private && device.owner != Some(account.sid) {
        return Err(Refused::AnothersDevice.into());
    }
    second_factor::still_counts(request.token, &account).map_err(Refused::from)?;
    if !is_among(snapshot, rules.allowed, &account)? {
        return Err(Refused::NotAllowed.into());
    }
    let key = StrongKey::of_bcrypt_blob(request.material).map_err(Refused::from)?;
    // A device's own key signs without anybody there; whoever has it would be the person.
    let own = snapshot.record(KEYS, &key.key().fingerprint().0, now)?;
    if own.is_some() {
        return Err(Refused::Key(BadKey::OfDevice).into());
    }
    let replaced = replaced(snapshot, &account, device.device_id, &key, rules)?;

    let kept = account
        .sign_in_keys()
        .filter(|listed| !replaced.contains(&listed.id))
        .count();
    if kept >= rules.most_keys {
        return Err(Refused::TooMany.into());
    }
    let fingerprint = key.key().fingerprint();
    let mut changes: Vec<Change> = replaced
        .iter()
        .map(|value| change::remove_key_credential(account.id, *value))
        .collect();
    let blob = key_value::write(
        request.material,
        KeyUsage::Ngc,
        device.device_id,
        rules.source,
        now,
    );
    changes.push(change::add_key_credential(
        account.id,
        blob,
        Origin::Registration,
    ));
    changes.push(change::audit(
        audit(&account, &device, request, fresh, now).about_key(fingerprint),
    ));
    Ok(Registered {
        kid: kid(request.material),
        fingerprint,
        device_id: device.device_id,
        account: account.id,
        upn: name_of(&account).to_owned(),
        changes,
    })
}

/// The device of the token, registered and enabled, and the one that asks.
fn right_device(
    snapshot: &Snapshot<'_>,
    request: &Request<'_>,
    rules: &Rules,
) -> Result<std::sync::Arc<Device>, Error> {
    let named = request.token.deviceid.ok_or(Refused::NoDevice)?;
    match request.proven_device {
        Some(proven) if proven != named => return Err(Refused::AnotherDevice.into()),
        None if rules.device_must_be_present => return Err(Refused::AbsentDevice.into()),
        _ => {}
    }
    let device = snapshot
        .device_by_id(named)?
        .ok_or(Refused::UnknownDevice)?;
    if device.enabled {
        Ok(device)
    } else {
        Err(Refused::DisabledDevice.into())
    }
}

/// The user of the token: found by `upn`, and still the account that signed in, so that a name that has since gone to
/// somebody else does not take the key along.
fn right_user(
    snapshot: &Snapshot<'_>,
    token: &Verified,
    now: Timestamp,
) -> Result<std::sync::Arc<Account>, Error> {
    let upn = token.upn.as_deref().ok_or(Refused::NoUser)?;
    let account = snapshot.account_by_upn(upn)?.ok_or(Refused::UnknownUser)?;
    if account.id.0 != token.oid {
        return Err(Refused::UnknownUser.into());
    }
    if account.kind != AccountKind::User {
        return Err(Refused::NotAPerson.into());
    }
    if !account.is_enabled() || account.has_expired(now) {
        return Err(Refused::DisabledUser.into());
    }
    match still_signed_in(snapshot, token, &account, now)? {
        Ok(()) => Ok(account),
        Err(SignInOver::Password) => Err(Refused::PasswordChanged.into()),
        Err(SignInOver::Ended) => Err(Refused::SignInEnded.into()),
    }
}

/// The values that the new key replaces: the person's oldest keys on this device where it would be one too many (protocols
/// C.2: one NGC key per user and device), and this very key where it is listed already, by hand or by this device.
fn replaced(
    snapshot: &Snapshot<'_>,
    account: &Account,
    device: Guid,
    key: &StrongKey,
    rules: &Rules,
) -> Result<Vec<KeyValueId>, Error> {
    let fingerprint = key.key().fingerprint();
    match snapshot.holder_of_key(&fingerprint)? {
        Some(holder) if holder != account.id => return Err(Refused::KeyOfAnother.into()),
        _ => {}
    }
    let mut replaced = Vec::new();
    let mut of_this_device: Vec<&KeyCredential> = Vec::new();
    for listed in &account.key_credentials {
        let same_key = listed.fingerprint == Some(fingerprint);
        let for_signing_in = listed.usage() == Some(KeyUsage::Ngc);
        match listed.device() {
            Some(other) if other != device && same_key => {
                return Err(Refused::KeyOfAnotherDevice.into());
            }
            Some(other) if other == device && for_signing_in && same_key => {
                replaced.push(listed.id)
            }
            Some(other) if other == device && for_signing_in => of_this_device.push(listed),
            None if same_key => replaced.push(listed.id),
            _ => {}
        }
    }
    of_this_device.sort_by_key(|listed| (listed.added, listed.id));
    let stay = rules.most_per_device.max(1) - 1;
    let too_many = of_this_device.len().saturating_sub(stay);
    replaced.extend(of_this_device.iter().take(too_many).map(|listed| listed.id));
    Ok(replaced)
}

/// The name of a key (`kid`): a GUID made of its KeyID, so that the same key always has the same name.
#[must_use]
pub fn kid(material: &[u8]) -> Guid {
    let mut bytes = [0; 16];
    for (place, byte) in bytes.iter_mut().zip(crypto::digest::sha256(material)) {
        *place = byte;
    }
    Guid::from_random(bytes)
}

/// A key that a person has for signing in, as its owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The value that lists it.
    pub id: KeyValueId,
    /// Its name.
    pub kid: Guid,
    /// The fingerprint of the public key.
    pub fingerprint: Option<Fingerprint>,
    /// The device that it was registered from.
    pub device: Option<Guid>,
    /// Since when it is listed.
    pub created: Timestamp,
    /// Whether it may still be registered; `None` for one that cannot be read.
    pub is_strong: Option<bool>,
}

/// The keys that a person has for signing in, the oldest first.
#[must_use]
pub fn list(account: &Account) -> Vec<Listed> {
    let for_signing_in = account
        .key_credentials
        .iter()
        .filter(|key| key.usage() == Some(KeyUsage::Ngc));
    let mut list: Vec<Listed> = for_signing_in.filter_map(listed).collect();
    list.sort_by_key(|key| (key.created, key.id));
    list
}

fn listed(key: &KeyCredential) -> Option<Listed> {
    let material = key.link.as_ref()?.key_material();
    let strength = |key: &PublicKey| StrongKey::of(key.clone()).is_ok();
    Some(Listed {
        id: key.id,
        kid: kid(material),
        fingerprint: key.fingerprint,
        device: key.device(),
        created: key.added,
        is_strong: key.public_key().map(strength),
    })
}

/// Who takes a key off an account, and from where, for the audit log.
#[derive(Clone, Debug)]
pub struct Remover<'a> {
    /// Who.
    pub actor: Actor,
    /// Where the request came from.
    pub from: Option<&'a str>,
}

/// What takes the key of this name off an account: the value goes, and the audit record says who did it. `None` where the
/// account has no such key. `of_device` narrows it to keys that this device registered.
#[must_use]
pub fn remove(
    account: &Account,
    kid: Guid,
    of_device: Option<Guid>,
    remover: &Remover<'_>,
    now: Timestamp,
) -> Option<Vec<Change>> {
    let key = list(account)
        .into_iter()
        .find(|key| key.kid == kid && of_device.is_none_or(|device| key.device == Some(device)))?;
    let mut record = AuditRecord::done(now, remover.actor.clone(), "key.remove")
        .on(account.id, name_of(account));
    if let Some(device) = key.device {
        record = record.about_device(device);
    }
    if let Some(fingerprint) = key.fingerprint {
        record = record.about_key(fingerprint);
    }
    if let Some(from) = remover.from {
        record = record.from_address(from);
    }
    Some(vec![
        change::remove_key_credential(account.id, key.id),
        change::audit(record),
    ])
}

fn name_of(account: &Account) -> &str {
    account.upn.as_deref().unwrap_or(&account.sam)
}

fn audit(
    account: &Account,
    device: &Device,
    request: &Request<'_>,
    fresh: FreshSecondFactor,
    now: Timestamp,
) -> AuditRecord {
    let actor = Actor {
        sid: Some(account.sid),
        name: name_of(account).to_owned(),
    };
    let record = AuditRecord::done(now, actor, "key.register")
        .on(account.id, name_of(account))
        .about_device(device.device_id)
        .with("device", &device.display_name)
        .with("second factor", fresh.at().to_rfc3339());
    match request.from {
        Some(from) => record.from_address(from),
        None => record,
    }
}
