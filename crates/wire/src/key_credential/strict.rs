//! What a value must keep to be written (protocols D.2, D.3, D.5).

use super::{
    CustomKeyInformation, EntryId, InvalidKeyCredential, KeyCredentialLink, KeySource, KeyUsage,
};
use crate::key_material::{InvalidKeyMaterial, PublicKeyMaterial};

/// The rule that a readable value breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrictRule {
    /// An entry's identifier is none that is documented.
    #[error("entry 0x{0:02x} is not documented")]
    UnknownEntry(u8),
    /// Entries do not ascend, so that KeyHash would not cover what it must.
    #[error("entries are not in ascending order")]
    Order,
    /// An entry has not the length it must have.
    #[error("{0} has the wrong length")]
    EntryLength(EntryId),
    /// KeyUsage is none that is documented.
    #[error("KeyUsage 0x{0:02x} is not documented")]
    KeyUsage(u8),
    /// KeySource is none that is documented.
    #[error("KeySource 0x{0:02x} is not documented")]
    KeySource(u8),
    /// CustomKeyInformation is not of version 1.
    #[error("CustomKeyInformation is not of version 1")]
    CustomKeyInformationVersion,
    /// KeyMaterial is no public key.
    #[error("KeyMaterial is not a public key")]
    KeyMaterial(#[source] InvalidKeyMaterial),
    /// KeyMaterial is a key of another kind than KeyUsage asks for.
    #[error("KeyMaterial is not of the kind that KeyUsage asks for")]
    KeyMaterialKind,
    /// KeyID is not that of KeyMaterial.
    #[error("KeyID is not that of KeyMaterial")]
    KeyId,
    /// KeyHash is not that of the entries after it.
    #[error("KeyHash is not that of the entries after it")]
    KeyHash,
}

/// Why a value must not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStrict {
    /// It is not a key credential at all.
    #[error("malformed key credential")]
    Invalid(#[from] InvalidKeyCredential),
    /// It breaks a rule for writers.
    #[error("key credential breaks a rule for writers")]
    Rule(#[from] StrictRule),
}

impl KeyCredentialLink {
    /// Reads a value that a peer asks to have written: lenient reading, then [`KeyCredentialLink::check_strict`].
    ///
    /// # Errors
    /// [`NotStrict`] with the first rule that is broken.
    pub fn parse_strict(bytes: &[u8]) -> Result<KeyCredentialLink, NotStrict> {
        let link = KeyCredentialLink::parse(bytes)?;
        link.check_strict()?;
        Ok(link)
    }

    /// Checks what reading let pass: documented entries in ascending order, each of its length; usage, source and
    /// version known; a public key that fits the usage; KeyID and, where it is written, KeyHash right.
    ///
    /// KeyHash may be absent (DIR-KCL-3). How strong a key must be is not judged here.
    ///
    /// # Errors
    /// The first [`StrictRule`] that is broken.
    pub fn check_strict(&self) -> Result<(), StrictRule> {
        self.check_entries()?;
        if let KeyUsage::Unknown(byte) = self.key_usage() {
            return Err(StrictRule::KeyUsage(byte));
        }
        if let Some(KeySource::Unknown(byte)) = self.key_source() {
            return Err(StrictRule::KeySource(byte));
        }
        if self
            .custom_key_information()
            .is_some_and(|information| information.version() != 1)
        {
            return Err(StrictRule::CustomKeyInformationVersion);
        }
        self.check_material()?;
        if !self.key_id_matches() {
            return Err(StrictRule::KeyId);
        }
        if self.key_hash_matches() == Some(false) {
            return Err(StrictRule::KeyHash);
        }
        Ok(())
    }

    fn check_entries(&self) -> Result<(), StrictRule> {
        let mut previous = 0;
        for entry in &self.entries {
            let id = EntryId::from_byte(entry.identifier)
                .ok_or(StrictRule::UnknownEntry(entry.identifier))?;
            if entry.identifier <= previous {
                return Err(StrictRule::Order);
            }
            previous = entry.identifier;
            let length = entry.end - entry.start;
            let right = match id {
                EntryId::KeyId if self.key_usage() == KeyUsage::Fido => length >= 1,
                EntryId::KeyId | EntryId::KeyHash => length == 32,
                EntryId::KeyMaterial => length >= 1,
                EntryId::KeyUsage | EntryId::KeySource => length == 1,
                EntryId::DeviceId => length == 16,
                EntryId::CustomKeyInformation => {
                    length >= CustomKeyInformation::new(0).to_bytes().len()
                }
                EntryId::KeyApproximateLastLogonTimeStamp | EntryId::KeyCreationTime => length == 8,
            };
            if !right {
                return Err(StrictRule::EntryLength(id));
            }
        }
        Ok(())
    }

    /// A key that signs in or transports must be one we can read; what other usages hold is their owners' matter.
    fn check_material(&self) -> Result<(), StrictRule> {
        let is_fido = match self.key_usage() {
            KeyUsage::Ngc | KeyUsage::Stk => false,
            KeyUsage::Fido => true,
            _ => return Ok(()),
        };
        let key = self.public_key().map_err(StrictRule::KeyMaterial)?;
        if matches!(key, PublicKeyMaterial::Fido(_)) == is_fido {
            Ok(())
        } else {
            Err(StrictRule::KeyMaterialKind)
        }
    }
}
