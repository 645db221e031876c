//! Which requests to register a device are approved.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use crypto::key::Fingerprint;
use directory::{Account, AccountKind, Attribute, Device, EntryId, Fault, Snapshot};
use token::claims::Verified;
use trust::enrolment::{NotPossessed, PossessedKey};
use trust::{Rng, Timestamp};
use wire::key_credential::KeySource;
use wire::x509::CertificationRequest;
use wire::x509::device::{DeviceExtensions, JoinType};
use wire::{Guid, Sid};

use super::{
    Approved, Error, HYBRID_JOIN, JoinRules, Refused, Request, TENANT_JOIN, TENANT_REGISTER,
    TENANT_SHARED, TrustType,
};
use crate::member::{is_among, still_signed_in};
use crate::proven_device::{KEYS, held_keys};
use crate::second_factor::{self, NotFresh};
use crate::strength::{BadKey, StrongKey};

/// The longest name, type or version that a device may give itself (protocols B.3).
const LONGEST_TEXT: usize = 256;
/// How many of a person's devices are looked at for one to take over. Nobody has as many.
const MOST_LOOKED_AT: usize = 1_000;

/// Checks a computer's request by DREG-W2 and protocols B.3.
///
/// # Errors
/// [`Error::Refused`] with the reason, or [`Error::Fault`].
pub fn check_domain_join<'a>(
    snapshot: &Snapshot<'_>,
    request: Request<'a>,
    now: Timestamp,
) -> Result<Approved<'a>, Error> {
    let computer = permitted(snapshot, request.token, now)?;
    if request.join_type != HYBRID_JOIN {
        return Err(Refused::JoinType.into());
    }
    good_texts(&request)?;
    let device_key = requested_key(request.csr)?;
    let transport_key =
        StrongKey::of_bcrypt_blob(request.transport_key).map_err(Refused::TransportKey)?;
    let device_id = computer.id.0;
    for key in [device_key.key(), transport_key.key()] {
        free(snapshot, key.fingerprint(), device_id, now)?;
    }
    let existing = snapshot.device_by_id(device_id)?;
    if existing.as_ref().is_some_and(|device| !device.enabled) {
        return Err(Refused::DisabledDevice.into());
    }
    let domain = snapshot.domain();
    let quota = snapshot
        .entry(domain.device_registration_service)?
        .and_then(|service| service.integer(Attribute::MsDsRegistrationQuota))
        .and_then(|quota| usize::try_from(quota).ok());
    within_quota(snapshot, &computer.sid, existing.as_deref(), quota)?;
    Ok(Approved {
        request,
        device_id,
        held: held_by(snapshot, existing.as_deref(), now)?,
        existing,
        transport_material: request.transport_key.to_vec(),
        device_key,
        transport_key,
        devices: domain.devices,
        extensions: DeviceExtensions {
            instance: Some(domain.device_registration_service.0),
            device: Some(device_id),
            user: Some(computer.id.0),
            domain: Some(domain.head.0),
            tenant: None,
            join_type: Some(JoinType::Joined),
            region: None,
        },
        source: KeySource::Ad,
        trust_type: TrustType::Domain,
        owner: computer,
    })
}

/// Checks a person's request to join a device to a tenant (protocols B.2, B.3). `begun` is the entry of the device that
/// this very request began, when it is asked again.
///
/// # Errors
/// [`Error::Refused`] with the reason, or [`Error::Fault`].
pub fn check_tenant_join<'a>(
    snapshot: &Snapshot<'_>,
    request: Request<'a>,
    rules: &JoinRules<'_>,
    begun: Option<EntryId>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Approved<'a>, Error> {
    let (trust_type, join_type) = match request.join_type {
        TENANT_JOIN | TENANT_SHARED => (TrustType::Tenant, JoinType::Joined),
        TENANT_REGISTER => (TrustType::Registered, JoinType::Registered),
        _ => return Err(Refused::TenantJoinType.into()),
    };
    let person = person(snapshot, request.token, rules, now)?;
    good_texts(&request)?;
    let device_key = requested_key(request.csr)?;
    let transport_key =
        StrongKey::of_transport_key(request.transport_key).map_err(Refused::TransportKey)?;
    let key = device_key.key().fingerprint();
    let existing = match begun {
        Some(entry) => Some(begun_device(snapshot, entry, &person)?),
        None if request.reuse => one_to_take_over(snapshot, &request, &person, key, now)?,
        None => None,
    };
    if existing.as_ref().is_some_and(|device| !device.enabled) {
        return Err(Refused::DisabledDevice.into());
    }
    let device_id = match &existing {
        Some(device) => device.device_id,
        None => Guid::from_random(rng.bytes()),
    };
    for key in [key, transport_key.key().fingerprint()] {
        free(snapshot, key, device_id, now)?;
    }
    let most = Some(rules.most_devices);
    within_quota(snapshot, &person.sid, existing.as_deref(), most)?;
    let domain = snapshot.domain();
    Ok(Approved {
        request,
        device_id,
        held: held_by(snapshot, existing.as_deref(), now)?,
        existing,
        transport_material: transport_key.key().to_key_material(),
        device_key,
        transport_key,
        devices: domain.devices,
        extensions: DeviceExtensions {
            instance: Some(domain.device_registration_service.0),
            device: Some(device_id),
            user: Some(person.id.0),
            domain: None,
            tenant: Some(rules.tenant),
            join_type: Some(join_type),
            region: Some(rules.region.to_owned()).filter(|region| !region.is_empty()),
        },
        source: KeySource::AzureAd,
        trust_type,
        owner: person,
    })
}

/// The person of the token, who may join devices.
fn person(
    snapshot: &Snapshot<'_>,
    token: &Verified,
    rules: &JoinRules<'_>,
    now: Timestamp,
) -> Result<Arc<Account>, Error> {
    let person = snapshot
        .account_by_id(EntryId(token.oid))?
        .filter(|account| account.sid == token.primarysid)
        .ok_or(Refused::UnknownPerson)?;
    if person.kind != AccountKind::User {
        return Err(Refused::NotAPerson.into());
    }
    if !person.is_enabled() || person.has_expired(now) {
        return Err(Refused::DisabledPerson.into());
    }
    still_signed_in(snapshot, token, &person, now)?.map_err(Refused::SignInOver)?;
    if rules.needs_second_factor && !token.is_multi_factor() {
        return Err(Refused::SecondFactor(NotFresh::None).into());
    }
    second_factor::still_counts(token, &person).map_err(Refused::SecondFactor)?;
    if !is_among(snapshot, rules.may_join, &person)? {
        return Err(Refused::MayNotJoin.into());
    }
    Ok(person)
}

/// The device that this request began.
fn begun_device(
    snapshot: &Snapshot<'_>,
    entry: EntryId,
    person: &Account,
) -> Result<Arc<Device>, Error> {
    let device = snapshot.device_by_entry(entry)?;
    let device = device.filter(|device| device.owner == Some(person.sid));
    device.ok_or_else(|| Refused::UnknownDevice.into())
}

/// The device of the same owner that has the key already, or else the name; of several, the newest. Somebody else's is
/// never taken over, whatever it is called.
fn one_to_take_over(
    snapshot: &Snapshot<'_>,
    request: &Request<'_>,
    person: &Account,
    key: Fingerprint,
    now: Timestamp,
) -> Result<Option<Arc<Device>>, Error> {
    let holder = snapshot.record(KEYS, &key.0, now)?;
    let holder = holder.and_then(|record| record.value.bytes().try_into().ok());
    if let Some(id) = holder
        && let Some(device) = snapshot.device_by_id(Guid::from_bytes(id))?
        && device.owner == Some(person.sid)
    {
        return Ok(Some(device));
    }
    let owned = snapshot.devices_of_owner(&person.sid, MOST_LOOKED_AT)?;
    let named = owned
        .into_iter()
        .filter(|device| device.display_name == request.display_name);
    Ok(named.max_by_key(|device| (device.created, device.id)))
}

/// Names, types and versions that may stand in an entry.
fn good_texts(request: &Request<'_>) -> Result<(), Refused> {
    let texts = [
        request.device_type,
        request.os_version,
        request.display_name,
    ];
    let good = |text: &str| {
        !text.is_empty() && text.len() <= LONGEST_TEXT && !text.contains(char::is_control)
    };
    match texts.into_iter().all(good) {
        true => Ok(()),
        false => Err(Refused::Text),
    }
}

/// The fingerprints of the keys that a device held until now.
fn held_by(
    snapshot: &Snapshot<'_>,
    existing: Option<&Device>,
    now: Timestamp,
) -> Result<Vec<[u8; 32]>, Fault> {
    let held = match existing {
        Some(device) => held_keys(snapshot, device.id, now)?,
        None => None,
    };
    Ok(held.map_or(vec![], |held| held.keys))
}

/// The computer whose token permits registration: the four claims of DREG-W2, agreeing with the directory.
fn permitted(
    snapshot: &Snapshot<'_>,
    token: &Verified,
    now: Timestamp,
) -> Result<Arc<Account>, Error> {
    let permits = token.permit_device_registration.as_deref() == Some("true")
        && token.account_type.as_deref() == Some("DJ");
    let claimed = token
        .onprem_object_guid
        .as_deref()
        .and_then(|text| Base64::decode_vec(text).ok());
    let claimed = claimed.and_then(|bytes| Guid::from_windows_slice(&bytes));
    let claimed = claimed.filter(|_| permits).ok_or(Refused::NotPermitted)?;
    let computer = snapshot
        .account_by_sid(&token.primarysid)?
        .ok_or(Refused::UnknownComputer)?;
    if computer.id.0 != claimed {
        return Err(Refused::UnknownComputer.into());
    }
    if computer.kind != AccountKind::Computer {
        return Err(Refused::NotAComputer.into());
    }
    if !computer.is_enabled() || computer.has_expired(now) {
        return Err(Refused::DisabledComputer.into());
    }
    Ok(computer)
}

/// The key of a certification request that is signed by it.
fn requested_key(csr: &[u8]) -> Result<PossessedKey, Refused> {
    let csr = CertificationRequest::parse(csr).map_err(|_| Refused::Csr)?;
    let possessed = PossessedKey::of(&csr).map_err(|error| match error {
        NotPossessed::Key(_) => Refused::DeviceKey(BadKey::Unreadable),
        NotPossessed::Weak(weak) => Refused::DeviceKey(BadKey::Weak(weak)),
        NotPossessed::Algorithm(_) | NotPossessed::Signature(_) => Refused::CsrSignature,
    })?;
    StrongKey::of(possessed.key().clone()).map_err(Refused::DeviceKey)?;
    Ok(possessed)
}

/// A key that no other device has, and nobody signs in with but the computer itself, whose objectGUID the device bears.
fn free(
    snapshot: &Snapshot<'_>,
    key: Fingerprint,
    device: Guid,
    now: Timestamp,
) -> Result<(), Error> {
    let listed = snapshot.record(KEYS, &key.0, now)?;
    let elsewhere = listed.is_some_and(|record| record.value.bytes() != device.to_bytes());
    let signs_in = match snapshot.holder_of_key(&key)? {
        None => false,
        Some(holder) if holder.0 == device => false,
        Some(holder) => snapshot
            .device_by_entry(holder)?
            .is_none_or(|holder| holder.device_id != device),
    };
    if elsewhere || signs_in {
        Err(Refused::KeyOfAnother.into())
    } else {
        Ok(())
    }
}

/// How many devices the owner may have (DREG-4); `None` where nobody says. A device that registers again takes no new
/// place.
fn within_quota(
    snapshot: &Snapshot<'_>,
    owner: &Sid,
    existing: Option<&Device>,
    quota: Option<usize>,
) -> Result<(), Error> {
    let Some(quota) = quota else {
        return Ok(());
    };
    if existing.is_some_and(|device| device.owner == Some(*owner)) {
        return Ok(());
    }
    let owned = snapshot
        .devices_of_owner(owner, quota.saturating_add(1))?
        .len();
    if owned >= quota {
        Err(Refused::TooMany.into())
    } else {
        Ok(())
    }
}
