//! Listed keys as the caller sees them.

use std::sync::Arc;

use directory::{Account, Device, KeyCredential, Origin, Snapshot};
use serde_json::{Value, json};
use trust::Timestamp;
use wire::Guid;
use wire::key_credential::{CustomKeyInformation, KeyCredentialLink, KeySource, KeyUsage};

use super::{device_brief, hex, kind, moment};
use crate::refused::Trouble;

/// All listed keys of an account.
pub(crate) fn keys(
    account: &Account,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Vec<Value>, Trouble> {
    let listed = account.key_credentials.iter();
    listed
        .map(|listed| key(listed, account, snapshot, now))
        .collect()
}

/// A listed key.
pub(crate) fn key(
    listed: &KeyCredential,
    holder: &Account,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Value, Trouble> {
    let device = match listed.device() {
        None => None,
        Some(id) => Some((id, snapshot.device_by_id(id)?)),
    };
    let link = listed.link.as_ref();
    let time = |time: Option<wire::key_credential::KeyTime>| {
        moment(
            time.and_then(|time| time.filetime())
                .map(Timestamp::from_filetime),
        )
    };
    Ok(json!({
        "fingerprint": listed.fingerprint.map(|fingerprint| fingerprint.to_string()),
        "value": value_name(listed),
        "holder": {
            "id": holder.id.0.to_string(),
            "name": holder.sam,
            "kind": kind(holder.kind),
        },
        "device": device.as_ref().map(|(id, found)| shown_device(*id, found.as_deref())),
        "algorithm": listed.public_key().map(algorithm),
        "usage": listed.usage().map(usage),
        "source": listed.source().map(source),
        "origin": origin(listed.origin),
        "shadow": listed.origin.is_shadow(),
        "added": moment(Some(listed.added)),
        "age_days": now.since(listed.added).as_seconds().max(0) / 86_400,
        "created": time(link.and_then(KeyCredentialLink::creation_time)),
        "last_used": time(link.and_then(KeyCredentialLink::last_logon)),
        "flags": listed.information().map(|information| flags(&information)).unwrap_or_default(),
        "signs_in": listed.signs_in(),
        "remarks": remarks(listed, device.as_ref().map(|(_, found)| found.as_ref())),
    }))
}

fn shown_device(id: Guid, found: Option<&Device>) -> Value {
    match found {
        Some(device) => device_brief(device),
        None => json!({ "id": id.to_string(), "name": null, "enabled": null }),
    }
}

/// What names a value: SHA-256 of its bytes, in hexadecimal digits.
pub(crate) fn value_name(listed: &KeyCredential) -> String {
    hex(&crypto::digest::sha256(&listed.blob))
}

/// `RSA-2048`, `P-256`.
fn algorithm(key: &crypto::key::PublicKey) -> String {
    use crypto::key::PublicKey;
    let family = match key {
        PublicKey::Rsa(_) => "RSA",
        PublicKey::Ec(_) => "P",
    };
    format!("{family}-{}", key.bits())
}

fn usage(usage: KeyUsage) -> String {
    match usage {
        KeyUsage::AdminKey => "admin-key".to_owned(),
        KeyUsage::Ngc => "ngc".to_owned(),
        KeyUsage::Stk => "stk".to_owned(),
        KeyUsage::BitLockerRecovery => "bitlocker-recovery".to_owned(),
        KeyUsage::OtherKey => "other".to_owned(),
        KeyUsage::Fido => "fido".to_owned(),
        KeyUsage::Fek => "fek".to_owned(),
        KeyUsage::Unknown(byte) => format!("0x{byte:02x}"),
    }
}

fn source(source: KeySource) -> String {
    match source {
        KeySource::Ad => "ad".to_owned(),
        KeySource::AzureAd => "azure-ad".to_owned(),
        KeySource::Unknown(byte) => format!("0x{byte:02x}"),
    }
}

/// All words for how a value came to be listed.
pub(crate) const ORIGINS: [Origin; 4] = [
    Origin::Registration,
    Origin::Administrator,
    Origin::Import,
    Origin::Computer,
];

/// How a value came to be listed.
pub(crate) const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Registration => "registration",
        Origin::Administrator => "administrator",
        Origin::Import => "import",
        Origin::Computer => "computer",
    }
}

fn flags(information: &CustomKeyInformation) -> Vec<String> {
    let mut flags = Vec::new();
    if information.is_attested() {
        flags.push("attested".to_owned());
    }
    if information.is_mfa_not_used() {
        flags.push("mfa-not-used".to_owned());
    }
    let known = CustomKeyInformation::ATTESTATION | CustomKeyInformation::MFA_NOT_USED;
    let others = information.flags() & !known;
    if others != 0 {
        flags.push(format!("0x{others:02x}"));
    }
    flags
}

/// What an administrator should know of a listed key (security.md rows 4 to 6).
fn remarks(listed: &KeyCredential, device: Option<Option<&Arc<Device>>>) -> Vec<String> {
    let mut remarks: Vec<String> = Vec::new();
    let Some(link) = &listed.link else {
        return vec!["the value cannot be read and opens no door".to_owned()];
    };
    match listed.public_key() {
        None => remarks.push("the public key cannot be read and opens no door".to_owned()),
        Some(key) => remarks.extend(key.check_strength().err().map(|weak| weak.to_string())),
    }
    if link.key_hash_matches() == Some(false) {
        remarks.push("its KeyHash does not fit".to_owned());
    }
    if !link.key_id_matches() {
        remarks.push("its KeyID does not fit".to_owned());
    }
    match device {
        None if listed.signs_in() && listed.origin != Origin::Computer => {
            remarks.push("no device is named that holds the private key".to_owned());
        }
        Some(None) => remarks.push("its device is not registered here".to_owned()),
        Some(Some(device)) if !device.enabled => remarks.push("its device is disabled".to_owned()),
        _ => {}
    }
    if listed.origin == Origin::Administrator {
        remarks.push("it was added by hand".to_owned());
    }
    remarks
}
