//! A device that proves itself by its certificate (F.3, first form), and the end of a device (DREG-W6, protocols B.6).

use std::sync::Arc;

use base64ct::{Base64, Encoding};
use crypto::key::PublicKey;
use directory::{
    Actor, AuditRecord, Change, Device, DeviceCertificate, EntryId, Fault, Snapshot, Table, change,
};
use trust::{Span, Timestamp};
use wire::Guid;
use wire::x509::Certificate;

/// Which device holds which key: digests of public keys, device and transport keys alike, so that no two devices share
/// one.
pub(crate) const KEYS: Table = Table::new("registration.device-keys");
/// Under a device's entry: its msDS-DeviceID and the fingerprints of its keys, so that what it held is freed when the
/// entry is gone.
pub(crate) const KEYS_OF: Table = Table::new("registration.keys-of-device");
/// Under a device's entry: its device key as a SubjectPublicKeyInfo, for what is signed with it and brings no certificate.
pub(crate) const SPKI_OF: Table = Table::new("registration.device-spki");
/// Certificates of devices that an administrator has revoked, by thumbprint, until they would have ended: a device is
/// known by its entry, which a revoked certificate still stands in.
const REVOKED: Table = Table::new("registration.revoked-certificates");
/// More people than ever had keys of one device: whoever asks for its end is told of it when all of them are off.
pub const MOST_HOLDERS: usize = 1_000_000;

/// How a device's certificate is told (protocols B.5, B.8).
pub(crate) fn certificate_identity(thumbprint: [u8; 20], key: &PublicKey) -> DeviceCertificate {
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
pub struct ProvenDevice {
    device: Arc<Device>,
    key: PublicKey,
}

impl ProvenDevice {
    /// The device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The key of its certificate.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
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
    /// An administrator has revoked it, or put it on hold.
    #[error("the device certificate is revoked")]
    Revoked,
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
    let Ok(parsed) = Certificate::parse(certificate) else {
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
    if snapshot
        .record(REVOKED, &identity.thumbprint, now)?
        .is_some()
    {
        return Ok(Err(NotADevice::Revoked));
    }
    if now.unix() < parsed.not_before() || now.unix() > parsed.not_after() {
        return Ok(Err(NotADevice::OutOfTime));
    }
    Ok(Ok(ProvenDevice { device, key }))
}

/// Whether nothing is left that a device proves itself by: an administrator has revoked every certificate that its entry
/// names, or put it on hold, or the entry names none. For what a device got before, and shows without a certificate.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn is_revoked(snapshot: &Snapshot<'_>, device: &Device, now: Timestamp) -> Result<bool, Fault> {
    for certificate in &device.certificates {
        let revoked = snapshot.record(REVOKED, &certificate.thumbprint, now)?;
        if revoked.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A device that has a key, and the key, to verify what was signed with it. That it was signed proves the device; this alone
/// proves nothing, and says neither that the device is enabled.
#[derive(Clone, Debug)]
pub struct DeviceOfKey {
    /// The device.
    pub device: Arc<Device>,
    /// Its device key.
    pub key: PublicKey,
}

/// The device whose device key has this fingerprint (SHA-256 of its SubjectPublicKeyInfo), for messages that name their key
/// by it and bring no certificate (protocols A.15.1). A transport key finds no device, for nothing is signed with it; nor does
/// the key of a certificate that is revoked.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn by_key(
    snapshot: &Snapshot<'_>,
    fingerprint: &[u8; 32],
    now: Timestamp,
) -> Result<Option<DeviceOfKey>, Fault> {
    let Some(record) = snapshot.record(KEYS, fingerprint, now)? else {
        return Ok(None);
    };
    let corrupt = Fault::Corrupt("the holder of a device's key");
    let id = record.value.bytes().try_into().map_err(|_| corrupt)?;
    let Some(device) = snapshot.device_by_id(Guid::from_bytes(id))? else {
        return Ok(None);
    };
    let Some(record) = snapshot.record(SPKI_OF, &device.id.0.to_bytes(), now)? else {
        return Ok(None);
    };
    let key = PublicKey::from_spki_der(record.value.bytes())
        .map_err(|_| Fault::Corrupt("a device's key"))?;
    let is_device_key = key.fingerprint().0 == *fingerprint
        && device
            .certificates
            .iter()
            .any(|certificate| certificate.public_key_hash == public_key_hash(&key));
    if !is_device_key || is_revoked(snapshot, &device, now)? {
        return Ok(None);
    }
    Ok(Some(DeviceOfKey { device, key }))
}

/// A device's certificate proves nothing from the commit of this on. To be committed with its revocation.
#[must_use]
pub fn revoke(certificate: &Certificate) -> Change {
    // Afterwards it has ended anyway.
    let ended = Timestamp::from_unix(certificate.not_after()) + Span::days(1);
    change::put(REVOKED, thumbprint(certificate), vec![1], ended)
}

/// The table of the certificates that prove nothing any more, for whoever moves it from store to store.
#[must_use]
pub const fn revoked_table() -> &'static str {
    REVOKED.name()
}

/// A device's certificate that was on hold proves it again.
#[must_use]
pub fn release(certificate: &Certificate) -> Change {
    change::remove(REVOKED, thumbprint(certificate))
}

fn thumbprint(certificate: &Certificate) -> [u8; 20] {
    crypto::digest::sha1(certificate.der())
}

/// Ends a device at its own wish: the object goes, and with it every key that was registered from it.
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
    let record = AuditRecord::done(
        now,
        Actor::named(device.display_name.clone()),
        "device.unregister",
    )
    .on(device.id, &device.display_name)
    .about_device(device.device_id);
    let record = match from {
        Some(from) => record.from_address(from),
        None => record,
    };
    let mut changes = left_behind(snapshot, device.id, now)?;
    changes.push(Change::Delete { id: device.id });
    changes.push(change::audit(record));
    Ok(changes)
}

/// What a device leaves behind whose entry is gone, whoever deleted it: the keys that people registered from it, which
/// come off their accounts (security.md row 6, ADV170012), and the claim to its own. Nothing when all is cleaned up.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn left_behind(
    snapshot: &Snapshot<'_>,
    entry: EntryId,
    now: Timestamp,
) -> Result<Vec<Change>, Fault> {
    let Some(held) = held_keys(snapshot, entry, now)? else {
        return Ok(vec![]);
    };
    let mut changes = keys_from(snapshot, held.device_id, "its device is gone", now)?;
    changes.extend(
        held.keys
            .iter()
            .map(|key| change::remove(KEYS, key.to_vec())),
    );
    changes.push(change::remove(SPKI_OF, entry.0.to_bytes()));
    changes.push(change::remove(KEYS_OF, entry.0.to_bytes()));
    Ok(changes)
}

/// What ends when a device is set up anew, with other keys under its own name: the keys that people registered from it
/// before come off their accounts, for whoever holds them is not this device any more.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn set_up_anew(
    snapshot: &Snapshot<'_>,
    device: &Device,
    now: Timestamp,
) -> Result<Vec<Change>, Fault> {
    keys_from(
        snapshot,
        device.device_id,
        "its device was set up anew",
        now,
    )
}

/// The end of every key that was registered from a device, and why.
fn keys_from(
    snapshot: &Snapshot<'_>,
    device: Guid,
    because: &str,
    now: Timestamp,
) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    for holder in snapshot.holders_of_device_keys(device, MOST_HOLDERS)? {
        let Some(account) = snapshot.account_by_id(holder)? else {
            continue;
        };
        for key in account.keys_of_device(device) {
            changes.push(change::remove_key_credential(holder, key.id));
            let record = AuditRecord::done(now, Actor::system(), "key.remove")
                .on(holder, account.upn.as_deref().unwrap_or(&account.sam))
                .about_device(device)
                .with("because", because);
            changes.push(change::audit(match key.fingerprint {
                Some(fingerprint) => record.about_key(fingerprint),
                None => record,
            }));
        }
    }
    Ok(changes)
}

/// What a device holds.
pub(crate) struct Held {
    device_id: Guid,
    /// The fingerprints of its keys.
    pub(crate) keys: Vec<[u8; 32]>,
}

/// What the device with this entry holds, or held.
pub(crate) fn held_keys(
    snapshot: &Snapshot<'_>,
    entry: EntryId,
    now: Timestamp,
) -> Result<Option<Held>, Fault> {
    let Some(record) = snapshot.record(KEYS_OF, &entry.0.to_bytes(), now)? else {
        return Ok(None);
    };
    let corrupt = Fault::Corrupt("a device's keys");
    let (device, keys) = record
        .value
        .bytes()
        .split_first_chunk::<16>()
        .ok_or(corrupt)?;
    Ok(Some(Held {
        device_id: Guid::from_bytes(*device),
        keys: keys.as_chunks::<32>().0.to_vec(),
    }))
}
