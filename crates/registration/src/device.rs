//! Registration of a computer of the domain as a device (protocols B.3 to B.5, B.8; DREG-W1 to DREG-W6), and its end.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use crypto::key::{Fingerprint, PublicKey};
use crypto::signature::{SignatureAlgorithm, Verifier};
use directory::{
    Account, AccountKind, Actor, Attribute, AuditRecord, Change, Device, DeviceCertificate, Edit,
    EntryId, Fault, NewEntry, Origin, Snapshot, Table, Value, change,
};
use token::claims::Verified;
use trust::{Rng, Timestamp};
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};
use wire::x509::CertificationRequest;
use wire::x509::device::{DeviceExtensions, JoinType};
use wire::{Guid, Sid};

use crate::strength::{BadKey, StrongKey};

/// Which device holds which key: digests of public keys, device and transport keys alike, so that no two devices share
/// one.
const KEYS: Table = Table::new("registration.device-keys");
/// The fingerprints of a device's keys one after another, so that they are freed with it.
const KEYS_OF: Table = Table::new("registration.keys-of-device");
/// The longest name, type or version that a device may give itself (protocols B.3).
const LONGEST_TEXT: usize = 256;
/// The `JoinType` of a computer of the domain (protocols B.8.1).
pub const HYBRID_JOIN: u32 = 6;
/// How many holders of a device's keys are cleaned up in one commit.
const MOST_HOLDERS: usize = 1_000;

/// A request to register a device, as the message says it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The token, verified for this service.
    pub token: &'a Verified,
    /// The certification request, DER.
    pub csr: &'a [u8],
    /// The transport key, a BCRYPT blob.
    pub transport_key: &'a [u8],
    /// `Windows`, `Linux`, …
    pub device_type: &'a str,
    /// The version of the operating system.
    pub os_version: &'a str,
    /// What people call the device.
    pub display_name: &'a str,
    /// How it joins; 6 for a computer of the domain.
    pub join_type: u32,
    /// Where the request came from, for the audit log.
    pub from: Option<&'a str>,
}

/// Why a device is not registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// The token does not permit it: one of the four claims is missing or wrong (DREG-W2).
    #[error("the token does not permit device registration")]
    NotPermitted,
    /// The token's computer does not exist, or is another than the token's GUID says.
    #[error("the computer is not known")]
    UnknownComputer,
    /// The account is no computer's.
    #[error("the account is not a computer's")]
    NotAComputer,
    /// The computer's account is disabled or has expired.
    #[error("the computer's account is disabled or has expired")]
    DisabledComputer,
    /// The join type is not 6.
    #[error("the join type is not that of a domain join")]
    JoinType,
    /// A name, type or version is empty, too long, or holds control characters.
    #[error("a text of the request is empty, too long or holds control characters")]
    Text,
    /// The certification request cannot be read.
    #[error("the certification request cannot be read")]
    Csr,
    /// The certification request is not signed by its own key.
    #[error("the certification request is not signed by its own key")]
    CsrSignature,
    /// The device key is not accepted.
    #[error("the device key is not accepted: {0}")]
    DeviceKey(BadKey),
    /// The transport key is not accepted.
    #[error("the transport key is not accepted: {0}")]
    TransportKey(BadKey),
    /// Another device or account has one of the keys.
    #[error("another device has this key")]
    KeyOfAnother,
    /// The owner has as many devices as they may have (DREG-4).
    #[error("the owner has as many devices as they may have")]
    TooMany,
}

/// A refusal, or trouble of our own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The directory, or the authority, failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Who makes device certificates. The registering party does not know them; `serve` brings the two together.
pub trait DeviceCertificates: Sync {
    /// A certificate of the profile of protocols B.5 for `key`, saying what `extensions` say.
    ///
    /// # Errors
    /// [`Fault`] when none can be made now.
    fn issue(
        &self,
        extensions: &DeviceExtensions,
        key: &PublicKey,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Issued, Fault>;
}

/// A device certificate that has been made.
#[derive(Debug)]
pub struct Issued {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// What is to be committed with the device.
    pub changes: Vec<Change>,
}

/// A request that passed every check. Only [`check`] makes one; a device is written from nothing else.
#[derive(Debug)]
pub struct Approved<'a> {
    request: Request<'a>,
    computer: Arc<Account>,
    device_id: Guid,
    existing: Option<Arc<Device>>,
    /// The fingerprints of the keys that it held until now.
    held: Vec<[u8; 32]>,
    device_key: StrongKey,
    transport_key: StrongKey,
    domain: EntryId,
    devices: EntryId,
    instance: Guid,
}

/// A device that is registered once `changes` are committed.
#[derive(Debug)]
pub struct Registered {
    /// The device.
    pub device_id: Guid,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// Its SHA-1 thumbprint.
    pub thumbprint: [u8; 20],
    /// What the owner is called.
    pub owner: String,
    /// What to commit.
    pub changes: Vec<Change>,
}

/// Checks a request by DREG-W2 and protocols B.3.
///
/// # Errors
/// [`Error::Refused`] with the reason, or [`Error::Fault`].
pub fn check<'a>(
    snapshot: &Snapshot<'_>,
    request: Request<'a>,
    now: Timestamp,
) -> Result<Approved<'a>, Error> {
    let computer = permitted(snapshot, request.token, now)?;
    if request.join_type != HYBRID_JOIN {
        return Err(Refused::JoinType.into());
    }
    let texts = [
        request.device_type,
        request.os_version,
        request.display_name,
    ];
    if texts
        .iter()
        .any(|text| text.is_empty() || text.len() > LONGEST_TEXT || text.contains(char::is_control))
    {
        return Err(Refused::Text.into());
    }
    let device_key = requested_key(request.csr)?;
    let transport_key =
        StrongKey::of_bcrypt_blob(request.transport_key).map_err(Refused::TransportKey)?;
    let device_id = computer.id.0;
    for key in [&device_key, &transport_key] {
        free(snapshot, key.key().fingerprint(), device_id, now)?;
    }
    let existing = snapshot.device_by_id(device_id)?;
    let domain = snapshot.domain();
    within_quota(
        snapshot,
        &computer.sid,
        existing.as_deref(),
        domain.device_registration_service,
    )?;
    Ok(Approved {
        request,
        device_id,
        existing,
        held: held_keys(snapshot, device_id, now)?,
        device_key,
        transport_key,
        domain: domain.head,
        devices: domain.devices,
        instance: domain.device_registration_service.0,
        computer,
    })
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
fn requested_key(csr: &[u8]) -> Result<StrongKey, Refused> {
    let csr = CertificationRequest::parse(csr).map_err(|_| Refused::Csr)?;
    let key =
        PublicKey::from_spki_der(csr.spki()).map_err(|_| Refused::DeviceKey(BadKey::Unreadable))?;
    let strong = StrongKey::of(key.clone()).map_err(Refused::DeviceKey)?;
    let algorithm = SignatureAlgorithm::from_identifier_der(csr.signature_algorithm())
        .map_err(|_| Refused::CsrSignature)?;
    Verifier::new(key)
        .verify(algorithm, csr.info(), csr.signature())
        .map_err(|_| Refused::CsrSignature)?;
    Ok(strong)
}

/// A key that no other device has, and nobody signs in with.
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

/// The quota of msDS-DeviceRegistrationService (DREG-4). A device that registers again takes no new place.
fn within_quota(
    snapshot: &Snapshot<'_>,
    owner: &Sid,
    existing: Option<&Device>,
    service: EntryId,
) -> Result<(), Error> {
    let quota = snapshot
        .entry(service)?
        .and_then(|service| service.integer(Attribute::MsDsRegistrationQuota));
    let Some(quota) = quota.and_then(|quota| usize::try_from(quota).ok()) else {
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

impl Approved<'_> {
    /// What the certificate says (protocols B.5, DREG-W3).
    #[must_use]
    pub fn extensions(&self) -> DeviceExtensions {
        DeviceExtensions {
            instance: Some(self.instance),
            device: Some(self.device_id),
            user: Some(self.computer.id.0),
            domain: Some(self.domain.0),
            tenant: None,
            join_type: Some(JoinType::Joined),
            region: None,
        }
    }

    /// The key that is to be certified.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        self.device_key.key()
    }

    /// Writes the device with its certificate, new or over what was there (DREG-W4), and the audit record.
    #[must_use]
    pub fn register(self, issued: Issued, now: Timestamp, rng: &mut dyn Rng) -> Registered {
        let thumbprint = crypto::digest::sha1(&issued.certificate);
        let certificate = certificate_identity(thumbprint, self.device_key.key());
        let mut changes = issued.changes;
        let id = match &self.existing {
            Some(device) => {
                changes.extend(self.overwrite(device, &certificate, now));
                device.id
            }
            None => {
                let id = EntryId::random(rng);
                changes.push(self.entry(id, &certificate, now).into());
                id
            }
        };
        changes.push(change::add_key_credential(
            id,
            self.transport_value(now),
            Origin::Registration,
        ));
        changes.extend(self.hold_keys());
        changes.push(change::audit(self.audit(id, now)));
        Registered {
            device_id: self.device_id,
            certificate: issued.certificate,
            thumbprint,
            owner: self
                .computer
                .upn
                .clone()
                .unwrap_or_else(|| self.computer.sam.clone()),
            changes,
        }
    }

    /// A new device object with every attribute of protocols B.8.
    fn entry(&self, id: EntryId, certificate: &DeviceCertificate, now: Timestamp) -> NewEntry {
        let entry = NewEntry::device(id, self.devices, self.device_id, self.request.display_name);
        self.attributes(certificate, now)
            .into_iter()
            .fold(entry, |entry, (attribute, value)| {
                entry.with(attribute, value)
            })
    }

    /// The attributes that both a new and a known device get.
    fn attributes(
        &self,
        certificate: &DeviceCertificate,
        now: Timestamp,
    ) -> Vec<(Attribute, Value)> {
        vec![
            (
                Attribute::AltSecurityIdentities,
                certificate.to_identity().into(),
            ),
            (Attribute::MsDsDeviceOsType, self.request.device_type.into()),
            (
                Attribute::MsDsDeviceOsVersion,
                self.request.os_version.into(),
            ),
            (Attribute::MsDsRegisteredUsers, self.computer.sid.into()),
            (Attribute::MsDsRegisteredOwner, self.computer.sid.into()),
            (Attribute::MsDsDeviceTrustType, 2i64.into()),
            (Attribute::MsDsDeviceObjectVersion, 2i64.into()),
            (Attribute::MsDsCloudIsManaged, false.into()),
            (Attribute::MsDsApproximateLastLogonTimeStamp, now.into()),
        ]
    }

    /// The edits to a known device: its attributes, enabled again, its transport key replaced.
    fn overwrite(
        &self,
        device: &Device,
        certificate: &DeviceCertificate,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut edits = vec![
            Edit::set(Attribute::DisplayName, self.request.display_name),
            Edit::set(Attribute::MsDsIsEnabled, true),
        ];
        edits.extend(
            self.attributes(certificate, now)
                .into_iter()
                .map(|(name, value)| Edit::Set(name, vec![value])),
        );
        let mut changes = vec![change::modify(device.id, edits)];
        let transport = device
            .key_credentials
            .iter()
            .filter(|key| key.usage() == Some(KeyUsage::Stk));
        changes.extend(transport.map(|key| change::remove_key_credential(device.id, key.id)));
        changes
    }

    /// Notes that this device holds its two keys, and no longer those of before.
    fn hold_keys(&self) -> Vec<Change> {
        let now_held = [
            self.device_key.key().fingerprint(),
            self.transport_key.key().fingerprint(),
        ];
        let device = self.device_id.to_bytes().to_vec();
        let mut changes: Vec<Change> = self
            .held
            .iter()
            .map(|before| change::remove(KEYS, before.to_vec()))
            .collect();
        changes
            .extend(now_held.map(|key| change::put(KEYS, key.0, device.clone(), Timestamp::NEVER)));
        let list: Vec<u8> = now_held.iter().flat_map(|key| key.0).collect();
        changes.push(change::put(KEYS_OF, device, list, Timestamp::NEVER));
        changes
    }

    /// The transport key as a value of msDS-KeyCredentialLink (DREG-W4).
    fn transport_value(&self, now: Timestamp) -> Vec<u8> {
        let time = KeyTime::from_filetime(now.filetime(), KeySource::Ad);
        let new = NewKeyCredential {
            key_material: self.request.transport_key,
            key_usage: KeyUsage::Stk,
            key_source: KeySource::Ad,
            device_id: Some(self.device_id),
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

    fn audit(&self, id: EntryId, now: Timestamp) -> AuditRecord {
        let actor = Actor {
            sid: Some(self.computer.sid),
            name: self.computer.sam.clone(),
        };
        let record = AuditRecord::done(now, actor, "device.register")
            .on(id, self.request.display_name)
            .about_device(self.device_id)
            .about_key(self.device_key.key().fingerprint());
        match self.request.from {
            Some(from) => record.from_address(from),
            None => record,
        }
    }
}

/// How a device's certificate is told (protocols B.5, B.8).
fn certificate_identity(thumbprint: [u8; 20], key: &PublicKey) -> DeviceCertificate {
    DeviceCertificate {
        thumbprint,
        public_key_hash: public_key_hash(key),
    }
}

/// Base64 of the SHA-256 of a public key, as altSecurityIdentities of a device carries it.
#[must_use]
pub fn public_key_hash(key: &PublicKey) -> String {
    Base64::encode_string(&crypto::digest::sha256(&key.to_spki_der()))
}

/// A device that proved to hold the key of its certificate: registered, enabled, found by thumbprint and public key
/// both (protocols B.5, F.3). Only [`prove`] makes one.
#[derive(Clone, Debug)]
pub struct ProvenDevice(Arc<Device>);

impl ProvenDevice {
    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.0
    }
}

/// Why a certificate is no device's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotADevice {
    /// It cannot be read.
    #[error("the client certificate cannot be read")]
    Unreadable,
    /// No device has it.
    #[error("no device has this certificate")]
    Unknown,
    /// The device is disabled.
    #[error("the device is disabled")]
    Disabled,
    /// It has ended, or not begun.
    #[error("the device certificate is not valid now")]
    OutOfTime,
}

/// The device whose certificate the transport proved; `Ok(Err(…))` says why it is none.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn prove(
    snapshot: &Snapshot<'_>,
    certificate: &[u8],
    now: Timestamp,
) -> Result<Result<ProvenDevice, NotADevice>, Fault> {
    let Ok(parsed) = wire::x509::Certificate::parse(certificate) else {
        return Ok(Err(NotADevice::Unreadable));
    };
    let Ok(key) = PublicKey::from_spki_der(parsed.spki()) else {
        return Ok(Err(NotADevice::Unreadable));
    };
    let identity = certificate_identity(crypto::digest::sha1(certificate), &key);
    let device = snapshot.device_by_certificate(&identity.thumbprint)?;
    let Some(device) = device.filter(|device| device.certificates.contains(&identity)) else {
        return Ok(Err(NotADevice::Unknown));
    };
    if !device.enabled {
        return Ok(Err(NotADevice::Disabled));
    }
    if now.unix() < parsed.not_before() || now.unix() > parsed.not_after() {
        return Ok(Err(NotADevice::OutOfTime));
    }
    Ok(Ok(ProvenDevice(device)))
}

/// Ends a device at its own wish (DREG-W6, protocols B.6): the object goes, and with it every key that was registered
/// from it (security.md row 6).
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn unregister(
    snapshot: &Snapshot<'_>,
    device: &ProvenDevice,
    from: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Change>, Fault> {
    let device = device.device();
    let actor = Actor::named(device.display_name.clone());
    let record = AuditRecord::done(now, actor, "device.unregister")
        .on(device.id, &device.display_name)
        .about_device(device.device_id);
    let record = match from {
        Some(from) => record.from_address(from),
        None => record,
    };
    let mut changes = keys_of(snapshot, device, now)?;
    changes.push(Change::Delete { id: device.id });
    changes.push(change::audit(record));
    Ok(changes)
}

/// Takes every key that was registered from a device off the accounts that list it, and forgets the device's own.
fn keys_of(snapshot: &Snapshot<'_>, device: &Device, now: Timestamp) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    for holder in snapshot.holders_of_device_keys(device.device_id, MOST_HOLDERS)? {
        let Some(account) = snapshot.account_by_id(holder)? else {
            continue;
        };
        for key in account.keys_of_device(device.device_id) {
            changes.push(change::remove_key_credential(holder, key.id));
            let record = AuditRecord::done(now, Actor::system(), "key.remove")
                .on(holder, account.upn.as_deref().unwrap_or(&account.sam))
                .about_device(device.device_id)
                .with("because", "the device was unregistered");
            changes.push(change::audit(match key.fingerprint {
                Some(fingerprint) => record.about_key(fingerprint),
                None => record,
            }));
        }
    }
    let held = held_keys(snapshot, device.device_id, now)?;
    changes.extend(held.iter().map(|key| change::remove(KEYS, key.to_vec())));
    changes.push(change::remove(KEYS_OF, device.device_id.to_bytes()));
    Ok(changes)
}

/// The fingerprints of the keys that a device holds.
fn held_keys(
    snapshot: &Snapshot<'_>,
    device: Guid,
    now: Timestamp,
) -> Result<Vec<[u8; 32]>, Fault> {
    let record = snapshot.record(KEYS_OF, &device.to_bytes(), now)?;
    Ok(record.map_or_else(Vec::new, |record| {
        record.value.bytes().as_chunks::<32>().0.to_vec()
    }))
}
