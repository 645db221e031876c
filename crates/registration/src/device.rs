//! Registration of a computer of the domain as a device (protocols B.3 to B.5, B.8; DREG-W1 to DREG-W6), and its end.

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use crypto::key::Fingerprint;
use directory::{
    Account, AccountKind, Actor, Attribute, AuditRecord, Change, Device, DeviceCertificate, Edit,
    EntryId, Fault, NewEntry, Origin, Snapshot, Table, Value, change,
};
use token::claims::Verified;
use trust::enrolment::{self, DeviceEnrolment, NotPossessed, Outcome, PossessedKey};
use trust::{Rng, Timestamp};
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};
use wire::x509::device::{DeviceExtensions, JoinType};
use wire::x509::{Certificate, CertificationRequest};
use wire::{Guid, Sid};

use crate::proven_device::{KEYS, KEYS_OF, certificate_identity, held_keys};
use crate::strength::{BadKey, StrongKey};

/// Where the authority finds what is asked of it ([`trust::enrolment`]).
const AUTHORITY_REQUESTS: Table = Table::new(enrolment::REQUESTS);
/// Where the authority answers; a party waits for a record here.
pub const AUTHORITY_OUTCOMES: Table = Table::new(enrolment::OUTCOMES);
/// The longest name, type or version that a device may give itself (protocols B.3).
const LONGEST_TEXT: usize = 256;
/// The `JoinType` of a computer of the domain (protocols B.8.1).
pub const HYBRID_JOIN: u32 = 6;

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
    /// The device was disabled, and whoever did that must enable it again.
    #[error("the device is disabled")]
    DisabledDevice,
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

/// A request that passed every check. Only [`check`] makes one; a device is written from nothing else.
///
/// A device is written in two commits: [`Approved::ask`] writes what a new device needs to be asked for, and
/// the request to the authority; [`Approved::register`] writes the device with the certificate that came of it.
#[derive(Debug)]
pub struct Approved<'a> {
    request: Request<'a>,
    computer: Arc<Account>,
    device_id: Guid,
    existing: Option<Arc<Device>>,
    /// The fingerprints of the keys that it held until now.
    held: Vec<[u8; 32]>,
    device_key: PossessedKey,
    transport_key: StrongKey,
    domain: EntryId,
    devices: EntryId,
    instance: Guid,
}

/// A certificate that is asked for once `changes` are committed.
#[derive(Debug)]
pub struct Asked {
    /// The device's entry.
    pub entry: EntryId,
    /// Whether the entry is new, and to be deleted should there be no certificate.
    pub is_new: bool,
    /// What to commit.
    pub changes: Vec<Change>,
}

/// A device that is registered once `changes` are committed.
#[derive(Debug)]
pub struct Registered {
    /// The device.
    pub device_id: Guid,
    /// The certificate's SHA-1 thumbprint.
    pub thumbprint: [u8; 20],
    /// What to commit.
    pub changes: Vec<Change>,
}

/// What the authority answered under the name of a request; `None` when it did not yet.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn outcome(
    snapshot: &Snapshot<'_>,
    name: &[u8],
    now: Timestamp,
) -> Result<Option<Outcome>, Fault> {
    let record = snapshot.record(AUTHORITY_OUTCOMES, name, now)?;
    match record {
        None => Ok(None),
        Some(record) => match Outcome::from_bytes(record.value.bytes()) {
            Some(outcome) => Ok(Some(outcome)),
            None => Err(Fault::Corrupt("the authority's outcome")),
        },
    }
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
    for key in [device_key.key(), transport_key.key()] {
        free(snapshot, key.fingerprint(), device_id, now)?;
    }
    let existing = snapshot.device_by_id(device_id)?;
    if existing.as_ref().is_some_and(|device| !device.enabled) {
        return Err(Refused::DisabledDevice.into());
    }
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
        held: match &existing {
            Some(device) => held_keys(snapshot, device.id, now)?.map_or(vec![], |held| held.keys),
            None => vec![],
        },
        existing,
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
    /// The entry of the device: known already, or new in `changes`; and the request for its certificate.
    #[must_use]
    pub fn ask(&self, name: &[u8], expires: Timestamp, rng: &mut dyn Rng) -> Asked {
        let mut changes = Vec::new();
        let (entry, is_new) = match &self.existing {
            Some(device) => (device.id, false),
            None => {
                let entry = EntryId::random(rng);
                changes.push(self.entry(entry).into());
                (entry, true)
            }
        };
        let extensions = DeviceExtensions {
            instance: Some(self.instance),
            device: Some(self.device_id),
            user: Some(self.computer.id.0),
            domain: Some(self.domain.0),
            tenant: None,
            join_type: Some(JoinType::Joined),
            region: None,
        };
        let enrolment = DeviceEnrolment::new(entry.0, extensions, self.device_key.clone());
        changes.push(change::put(
            AUTHORITY_REQUESTS,
            name,
            enrolment.to_bytes(),
            expires,
        ));
        Asked {
            entry,
            is_new,
            changes,
        }
    }

    /// What the computer that registers is called.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.computer.upn.as_deref().unwrap_or(&self.computer.sam)
    }

    /// Writes the device with its certificate over what is there (DREG-W4), and the audit record.
    ///
    /// # Errors
    /// [`Refused::UnknownComputer`] when the entry is gone by now.
    pub fn register(
        self,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<Registered, Refused> {
        let device = self.existing.as_deref().ok_or(Refused::UnknownComputer)?;
        let thumbprint = crypto::digest::sha1(certificate.der());
        let identity = certificate_identity(thumbprint, self.device_key.key());
        let mut changes = self.overwrite(device, &identity, now);
        let transport = self.transport_value(now);
        changes.push(change::add_key_credential(
            device.id,
            transport,
            Origin::Registration,
        ));
        changes.extend(self.hold_keys(device.id));
        changes.push(change::audit(self.audit(device.id, now)));
        Ok(Registered {
            device_id: self.device_id,
            thumbprint,
            changes,
        })
    }

    /// A new device object, which cannot prove itself yet, since it has no certificate.
    fn entry(&self, id: EntryId) -> NewEntry {
        NewEntry::device(id, self.devices, self.device_id, self.request.display_name)
            .with(Attribute::MsDsRegisteredOwner, self.computer.sid)
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
        let mut edits = vec![Edit::set(Attribute::DisplayName, self.request.display_name)];
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
    fn hold_keys(&self, entry: EntryId) -> Vec<Change> {
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
        let list = [device, now_held.iter().flat_map(|key| key.0).collect()].concat();
        changes.push(change::put(
            KEYS_OF,
            entry.0.to_bytes(),
            list,
            Timestamp::NEVER,
        ));
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
