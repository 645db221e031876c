//! Registered devices (protocols B.8).

use trust::Timestamp;
use wire::key_credential::KeyUsage;
use wire::{Guid, Sid};

use crate::account::KeyCredential;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::schema::Attribute;

/// What altSecurityIdentities of a device begins with; the SHA-1 thumbprint of its certificate in
/// hexadecimal and the Base64 of the SHA-256 of its public key follow (protocols B.8).
pub const CERTIFICATE_PREFIX: &str = "X509:<SHA1-TP-PUBKEY>";

/// A registered device.
#[derive(Debug)]
pub struct Device {
    /// objectGUID.
    pub id: EntryId,
    /// Which commit wrote this state.
    pub stamp: Stamp,
    /// msDS-DeviceID: the name that certificates, tokens and keys use.
    pub device_id: Guid,
    /// displayName.
    pub display_name: String,
    /// msDS-IsEnabled.
    pub enabled: bool,
    /// msDS-DeviceOSType.
    pub os_type: Option<String>,
    /// msDS-DeviceOSVersion.
    pub os_version: Option<String>,
    /// msDS-DeviceTrustType.
    pub trust_type: Option<i64>,
    /// msDS-RegisteredOwner.
    pub owner: Option<Sid>,
    /// msDS-RegisteredUsers.
    pub users: Vec<Sid>,
    /// The device certificates, by thumbprint and public key hash.
    pub certificates: Vec<DeviceCertificate>,
    /// msDS-ApproximateLastLogonTimeStamp.
    pub last_logon: Option<Timestamp>,
    /// whenCreated.
    pub created: Timestamp,
    /// msDS-KeyCredentialLink.
    pub key_credentials: Vec<KeyCredential>,
}

/// How a device's certificate is told: both must fit (protocols B.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceCertificate {
    /// SHA-1 over the certificate.
    pub thumbprint: [u8; 20],
    /// What follows the thumbprint: the Base64 of the SHA-256 of the public key.
    pub public_key_hash: String,
}

impl DeviceCertificate {
    /// The value of altSecurityIdentities.
    #[must_use]
    pub fn to_identity(&self) -> String {
        let mut identity = String::from(CERTIFICATE_PREFIX);
        for byte in self.thumbprint {
            identity.push_str(&format!("{byte:02X}"));
        }
        identity.push_str(&self.public_key_hash);
        identity
    }

    /// From a value of altSecurityIdentities; `None` for one of another form.
    #[must_use]
    pub fn from_identity(identity: &str) -> Option<Self> {
        let rest = identity.strip_prefix(CERTIFICATE_PREFIX)?;
        let (digits, hash) = rest.split_at_checked(40)?;
        let mut thumbprint = [0; 20];
        let (pairs, _) = digits.as_bytes().as_chunks::<2>();
        for (place, pair) in thumbprint.iter_mut().zip(pairs) {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            *place = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
        }
        Some(Self {
            thumbprint,
            public_key_hash: hash.to_owned(),
        })
    }
}

impl Device {
    /// The transport key (STK).
    #[must_use]
    pub fn transport_key(&self) -> Option<&KeyCredential> {
        self.key_credentials
            .iter()
            .find(|key| key.usage() == Some(KeyUsage::Stk))
    }

    pub(crate) fn parse(entry: &Entry, key_credentials: Vec<KeyCredential>) -> Result<Self, Fault> {
        Ok(Self {
            id: entry.id,
            stamp: entry.stamp,
            device_id: entry
                .guid(Attribute::MsDsDeviceId)
                .ok_or(Fault::Corrupt("device without id"))?,
            display_name: entry
                .text(Attribute::DisplayName)
                .unwrap_or(&entry.name)
                .to_owned(),
            enabled: entry.boolean(Attribute::MsDsIsEnabled).unwrap_or(false),
            os_type: entry.text(Attribute::MsDsDeviceOsType).map(str::to_owned),
            os_version: entry
                .text(Attribute::MsDsDeviceOsVersion)
                .map(str::to_owned),
            trust_type: entry.integer(Attribute::MsDsDeviceTrustType),
            owner: entry.sid(Attribute::MsDsRegisteredOwner),
            users: entry
                .values(Attribute::MsDsRegisteredUsers)
                .iter()
                .filter_map(|value| match value {
                    crate::Value::Sid(sid) => Some(*sid),
                    _ => None,
                })
                .collect(),
            certificates: entry
                .texts(Attribute::AltSecurityIdentities)
                .filter_map(DeviceCertificate::from_identity)
                .collect(),
            last_logon: entry.time(Attribute::MsDsApproximateLastLogonTimeStamp),
            created: entry.created,
            key_credentials,
        })
    }
}
