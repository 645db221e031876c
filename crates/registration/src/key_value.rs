//! A key as a directory lists it: the value of msDS-KeyCredentialLink that a registration writes (PROV-W6, DREG-W4).

use trust::Timestamp;
use wire::Guid;
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};

/// The value of a key that is registered from a device at this time. Its flags are 0 (CONF-17: where a second factor is
/// asked for, it was proven).
///
/// # Panics
/// When the material is longer than a value holds: a key that was read as one of 4096 bits at most is not.
#[must_use]
pub fn write(
    material: &[u8],
    usage: KeyUsage,
    device: Guid,
    source: KeySource,
    now: Timestamp,
) -> Vec<u8> {
    let time = KeyTime::from_filetime(now.filetime(), source);
    let new = NewKeyCredential {
        key_material: material,
        key_usage: usage,
        key_source: source,
        device_id: Some(device),
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: Some(time),
        creation_time: Some(time),
    };
    #[allow(
        clippy::expect_used,
        reason = "a key that was read as one of 4096 bits at most has a value"
    )]
    let value = new.write().expect("the material is short and well formed");
    value.as_bytes().to_vec()
}
