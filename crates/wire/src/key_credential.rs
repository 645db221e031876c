//! Values of `msDS-KeyCredentialLink` (MS-ADTS 2.2.20, protocols D): the keys listed on an account or device.
//!
//! Reading is lenient and byte-exact: a value that another system wrote comes back out as it went in, and what
//! is odd about it can be asked ([`KeyCredentialLink::key_hash_matches`]). Writing is strict: what this module
//! builds passes [`KeyCredentialLink::check_strict`], and so must what a peer asks a directory to store.

mod custom_key_information;
mod key_time;
mod strict;
mod write;

use core::fmt;

use sha2::{Digest, Sha256};

use crate::guid::Guid;
use crate::key_material::{InvalidKeyMaterial, PublicKeyMaterial};
use crate::read::Reader;

pub use custom_key_information::CustomKeyInformation;
pub use key_time::KeyTime;
pub use strict::{NotStrict, StrictRule};
pub use write::{CannotWrite, NewKeyCredential};

/// The identifier of an entry (protocols D.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EntryId {
    /// SHA-256 of KeyMaterial, 32 bytes; of a FIDO key its credential id.
    KeyId = 0x01,
    /// SHA-256 over the bytes of all entries that follow this one, 32 bytes.
    KeyHash = 0x02,
    /// The public key (protocols D.5).
    KeyMaterial = 0x03,
    /// What the key is for, one byte (protocols D.3).
    KeyUsage = 0x04,
    /// Where the key was registered, one byte.
    KeySource = 0x05,
    /// The device that holds the private key, a GUID in Windows byte order.
    DeviceId = 0x06,
    /// How the key was registered (protocols D.4), two bytes or more.
    CustomKeyInformation = 0x07,
    /// When the key was last used, eight bytes (protocols D.6).
    KeyApproximateLastLogonTimeStamp = 0x08,
    /// When the key was registered, eight bytes (protocols D.6).
    KeyCreationTime = 0x09,
}

impl EntryId {
    /// All identifiers, ascending.
    pub const ALL: [EntryId; 9] = [
        EntryId::KeyId,
        EntryId::KeyHash,
        EntryId::KeyMaterial,
        EntryId::KeyUsage,
        EntryId::KeySource,
        EntryId::DeviceId,
        EntryId::CustomKeyInformation,
        EntryId::KeyApproximateLastLogonTimeStamp,
        EntryId::KeyCreationTime,
    ];

    /// The identifier's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    fn from_byte(byte: u8) -> Option<EntryId> {
        EntryId::ALL.into_iter().find(|id| id.byte() == byte)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a key is for (protocols D.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUsage {
    /// 0x00, an administrator's recovery key.
    AdminKey,
    /// 0x01, a person's Hello key, or a computer's key: the one that signs in.
    Ngc,
    /// 0x02, a device's session transport key.
    Stk,
    /// 0x03, a BitLocker recovery key.
    BitLockerRecovery,
    /// 0x04, another key.
    OtherKey,
    /// 0x07, a FIDO authenticator.
    Fido,
    /// 0x08, a file encryption key.
    Fek,
    /// A value without a documented meaning.
    Unknown(u8),
}

impl KeyUsage {
    /// From the entry's byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> KeyUsage {
        match byte {
            0x00 => KeyUsage::AdminKey,
            0x01 => KeyUsage::Ngc,
            0x02 => KeyUsage::Stk,
            0x03 => KeyUsage::BitLockerRecovery,
            0x04 => KeyUsage::OtherKey,
            0x07 => KeyUsage::Fido,
            0x08 => KeyUsage::Fek,
            other => KeyUsage::Unknown(other),
        }
    }

    /// The entry's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            KeyUsage::AdminKey => 0x00,
            KeyUsage::Ngc => 0x01,
            KeyUsage::Stk => 0x02,
            KeyUsage::BitLockerRecovery => 0x03,
            KeyUsage::OtherKey => 0x04,
            KeyUsage::Fido => 0x07,
            KeyUsage::Fek => 0x08,
            KeyUsage::Unknown(other) => other,
        }
    }
}

/// Where a key was registered (protocols D.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// 0x00, on-premises.
    Ad,
    /// 0x01, in a tenant, from which synchronisation brought it.
    AzureAd,
    /// A value without a documented meaning.
    Unknown(u8),
}

impl KeySource {
    /// From the entry's byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> KeySource {
        match byte {
            0x00 => KeySource::Ad,
            0x01 => KeySource::AzureAd,
            other => KeySource::Unknown(other),
        }
    }

    /// The entry's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            KeySource::Ad => 0x00,
            KeySource::AzureAd => 0x01,
            KeySource::Unknown(other) => other,
        }
    }
}

/// Why bytes are not a key credential, even to a lenient reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyCredential {
    /// The version is not 0x00000200. Versions 0 and 1 are of another structure and are not read.
    #[error("the key credential's version is not 0x200")]
    Version,
    /// An entry's length reaches past the end, or a header is cut off.
    #[error("the key credential ends inside an entry")]
    Truncated,
    /// Two entries have the same identifier.
    #[error("the key credential has entry 0x{0:02x} twice")]
    Duplicate(u8),
    /// KeyID, KeyMaterial or KeyUsage is absent.
    #[error("the key credential lacks its {0}")]
    Missing(EntryId),
    /// KeyUsage is not one byte, so that nobody can say what the key is for.
    #[error("the key credential's KeyUsage is not one byte")]
    KeyUsageLength,
}

/// One value's binary part (MS-ADTS 2.2.20.2, protocols D.2).
///
/// ```text
/// KEYCREDENTIALLINK_BLOB:  u32 LE Version = 0x00000200, then entries in ascending order of Identifier
/// KEYCREDENTIALLINK_ENTRY: u16 LE Length | u8 Identifier | Length bytes of Value
/// ```
///
/// The bytes are kept as they were read; every accessor looks into them. Two values are equal when their bytes
/// are: whether they hold the same key is a question for [`KeyCredentialLink::public_key`].
#[derive(Clone)]
pub struct KeyCredentialLink {
    bytes: Vec<u8>,
    /// In the order of the bytes. At most 256, for identifiers are unique.
    entries: Vec<Entry>,
    usage: KeyUsage,
}

#[derive(Clone, Copy)]
struct Entry {
    identifier: u8,
    /// Where the value begins and ends in `bytes`.
    start: usize,
    end: usize,
}

impl KeyCredentialLink {
    /// The only version that is read and written.
    pub const VERSION: u32 = 0x0000_0200;

    /// Reads a value leniently: entries in any order, unknown ones kept, hashes not compared.
    ///
    /// # Errors
    /// [`InvalidKeyCredential`] when not even the structure holds. Who imports or synchronises keeps such a value
    /// as bytes (protocols D.2).
    pub fn parse(bytes: &[u8]) -> Result<KeyCredentialLink, InvalidKeyCredential> {
        let mut reader = Reader::new(bytes);
        if reader.u32_le() != Some(KeyCredentialLink::VERSION) {
            return Err(InvalidKeyCredential::Version);
        }
        let mut entries: Vec<Entry> = Vec::new();
        while !reader.is_empty() {
            let (identifier, value) =
                read_entry(&mut reader).ok_or(InvalidKeyCredential::Truncated)?;
            if entries.iter().any(|entry| entry.identifier == identifier) {
                return Err(InvalidKeyCredential::Duplicate(identifier));
            }
            let end = bytes.len() - reader.rest().len();
            entries.push(Entry {
                identifier,
                start: end - value.len(),
                end,
            });
        }
        let mut link = KeyCredentialLink {
            bytes: bytes.to_vec(),
            entries,
            usage: KeyUsage::Unknown(0xff),
        };
        for id in [EntryId::KeyId, EntryId::KeyMaterial] {
            link.entry(id).ok_or(InvalidKeyCredential::Missing(id))?;
        }
        link.usage = match link.entry(EntryId::KeyUsage) {
            None => return Err(InvalidKeyCredential::Missing(EntryId::KeyUsage)),
            Some(&[byte]) => KeyUsage::from_byte(byte),
            Some(_) => return Err(InvalidKeyCredential::KeyUsageLength),
        };
        Ok(link)
    }

    /// The bytes, as they were read or written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value of an entry, whatever its length.
    #[must_use]
    pub fn entry(&self, id: EntryId) -> Option<&[u8]> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.identifier == id.byte())?;
        self.bytes.get(entry.start..entry.end)
    }

    /// KeyID as it is written: the name under which a key is listed and removed.
    #[must_use]
    pub fn key_id(&self) -> &[u8] {
        self.entry(EntryId::KeyId).unwrap_or_default()
    }

    /// KeyHash as it is written.
    #[must_use]
    pub fn key_hash(&self) -> Option<&[u8]> {
        self.entry(EntryId::KeyHash)
    }

    /// Whether KeyHash is SHA-256 over the entries that follow it; `None` when there is no KeyHash.
    ///
    /// A mismatch marks a value that an old tool wrote; it is no reason to disregard the key (protocols D.2).
    #[must_use]
    pub fn key_hash_matches(&self) -> Option<bool> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.identifier == EntryId::KeyHash.byte())?;
        let hash = self.bytes.get(entry.start..entry.end)?;
        let covered = self.bytes.get(entry.end..)?;
        Some(hash == Sha256::digest(covered).as_slice())
    }

    /// Whether KeyID is what this KeyMaterial demands: its SHA-256, or for a FIDO key the credential id in it.
    #[must_use]
    pub fn key_id_matches(&self) -> bool {
        if self.usage == KeyUsage::Fido {
            return match self.public_key() {
                Ok(PublicKeyMaterial::Fido(fido)) => fido.credential_id() == Some(self.key_id()),
                _ => false,
            };
        }
        self.key_id() == Sha256::digest(self.key_material()).as_slice()
    }

    /// KeyMaterial as it is written.
    #[must_use]
    pub fn key_material(&self) -> &[u8] {
        self.entry(EntryId::KeyMaterial).unwrap_or_default()
    }

    /// The public key in its canonical form, by which keys are compared.
    ///
    /// # Errors
    /// [`InvalidKeyMaterial`] when KeyMaterial is of no form that is read.
    pub fn public_key(&self) -> Result<PublicKeyMaterial, InvalidKeyMaterial> {
        PublicKeyMaterial::parse(self.key_material())
    }

    /// What the key is for.
    #[must_use]
    pub fn key_usage(&self) -> KeyUsage {
        self.usage
    }

    /// Where the key was registered; `None` when the entry is absent or not one byte.
    #[must_use]
    pub fn key_source(&self) -> Option<KeySource> {
        match self.entry(EntryId::KeySource) {
            Some(&[byte]) => Some(KeySource::from_byte(byte)),
            _ => None,
        }
    }

    /// The device that holds the private key; `None` when the entry is absent or not sixteen bytes.
    #[must_use]
    pub fn device_id(&self) -> Option<Guid> {
        Guid::from_windows_slice(self.entry(EntryId::DeviceId)?)
    }

    /// How the key was registered; `None` when the entry is absent or shorter than two bytes.
    #[must_use]
    pub fn custom_key_information(&self) -> Option<CustomKeyInformation> {
        CustomKeyInformation::parse(self.entry(EntryId::CustomKeyInformation)?)
    }

    /// When the key was last used; `None` when the entry is absent or not eight bytes.
    #[must_use]
    pub fn last_logon(&self) -> Option<KeyTime> {
        self.time(EntryId::KeyApproximateLastLogonTimeStamp)
    }

    /// When the key was registered; `None` when the entry is absent or not eight bytes.
    #[must_use]
    pub fn creation_time(&self) -> Option<KeyTime> {
        self.time(EntryId::KeyCreationTime)
    }

    fn time(&self, id: EntryId) -> Option<KeyTime> {
        let bytes = self.entry(id)?.try_into().ok()?;
        // Without a source the value is of the directory's own making, and so is its form of time.
        Some(KeyTime::from_bytes(
            bytes,
            self.key_source().unwrap_or(KeySource::Ad),
        ))
    }
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let length = reader.u16_le()?;
    let identifier = reader.u8()?;
    Some((identifier, reader.take(usize::from(length))?))
}

impl PartialEq for KeyCredentialLink {
    fn eq(&self, other: &KeyCredentialLink) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for KeyCredentialLink {}

impl fmt::Debug for KeyCredentialLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCredentialLink")
            .field("key_usage", &self.usage)
            .field("key_source", &self.key_source())
            .field("device_id", &self.device_id())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
