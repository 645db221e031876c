//! The key written to the account: registration of a person's key by MS-KPP (protocols C.1, PROV-W1 to PROV-W7).
//! Phase C of the on-premises flows.

use directory::{
    Account, AccountKind, Actor, AuditRecord, Change, Device, Fault, Origin, Snapshot, change,
};
use token::claims::Verified;
use trust::Timestamp;
use wire::Guid;
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};

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
    /// Whether the device must prove itself to the transport of the request too, besides being named in the token.
    pub device_must_be_present: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            most_keys: 20,
            device_must_be_present: false,
        }
    }
}

/// A key that is registered once `changes` are committed.
#[derive(Debug)]
pub struct Registered {
    /// The key's name for its owner and its device.
    pub kid: Guid,
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
    /// The password was changed after the sign-in that the token speaks of, or must be changed.
    #[error("the password was changed since the sign-in, or must be changed")]
    PasswordChanged,
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
    let device = right_device(snapshot, request, rules)?;
    let account = right_user(snapshot, request.token, now)?;
    second_factor::still_counts(request.token, &account).map_err(Refused::from)?;
    let key = StrongKey::of_bcrypt_blob(request.material).map_err(Refused::from)?;
    let replaced = replaced(snapshot, &account, device.device_id, &key)?;

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
    let blob = value(request.material, device.device_id, now);
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
    // A password is changed when somebody else may know it: what was obtained with the old one registers no key.
    let changed = account
        .password_last_set
        .is_some_and(|set| set.unix() > token.auth_time);
    if changed || account.must_change_password() {
        return Err(Refused::PasswordChanged.into());
    }
    Ok(account)
}

/// The values that the new key replaces: the person's former key on this device, and this very key where an
/// administrator listed it by hand (protocols C.2: one NGC key per user and device).
fn replaced(
    snapshot: &Snapshot<'_>,
    account: &Account,
    device: Guid,
    key: &StrongKey,
) -> Result<Vec<directory::KeyValueId>, Error> {
    let fingerprint = key.key().fingerprint();
    match snapshot.holder_of_key(&fingerprint)? {
        Some(holder) if holder != account.id => return Err(Refused::KeyOfAnother.into()),
        _ => {}
    }
    let mut replaced = Vec::new();
    for listed in &account.key_credentials {
        let same_key = listed.fingerprint == Some(fingerprint);
        match listed.device() {
            Some(other) if other != device && same_key => {
                return Err(Refused::KeyOfAnotherDevice.into());
            }
            Some(other) if other == device && listed.usage() == Some(KeyUsage::Ngc) => {
                replaced.push(listed.id)
            }
            None if same_key => replaced.push(listed.id),
            _ => {}
        }
    }
    Ok(replaced)
}

/// The value to write (PROV-W6; flags 0 by CONF-17: a second factor was proven).
fn value(material: &[u8], device: Guid, now: Timestamp) -> Vec<u8> {
    let time = KeyTime::from_filetime(now.filetime(), KeySource::Ad);
    let new = NewKeyCredential {
        key_material: material,
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: Some(device),
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: Some(time),
        creation_time: Some(time),
    };
    #[allow(
        clippy::expect_used,
        reason = "a key that was read as a blob of 4096 bits at most has a value"
    )]
    let value = new.write().expect("the material is short and well formed");
    value.as_bytes().to_vec()
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
