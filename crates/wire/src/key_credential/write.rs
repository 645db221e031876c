//! Building a value (protocols D.2): entries ascend, KeyID and KeyHash are computed.

use sha2::{Digest, Sha256};

use super::{
    CustomKeyInformation, EntryId, InvalidKeyCredential, KeyCredentialLink, KeySource, KeyTime,
    KeyUsage,
};
use crate::guid::Guid;
use crate::key_material::{InvalidKeyMaterial, PublicKeyMaterial};

/// What a new value says. KeyID and KeyHash follow from it.
#[derive(Clone, Debug)]
pub struct NewKeyCredential<'a> {
    /// The public key in the form in which it was registered (protocols D.5).
    pub key_material: &'a [u8],
    /// What the key is for.
    pub key_usage: KeyUsage,
    /// Where it was registered.
    pub key_source: KeySource,
    /// The device that holds the private key.
    pub device_id: Option<Guid>,
    /// How it was registered.
    pub custom_key_information: Option<CustomKeyInformation>,
    /// When it was last used.
    pub last_logon: Option<KeyTime>,
    /// When it was registered.
    pub creation_time: Option<KeyTime>,
}

/// Why a value cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotWrite {
    /// An entry would be longer than its 16-bit length can say.
    #[error("{0} is longer than 65535 bytes")]
    TooLong(EntryId),
    /// The usage is FIDO, but the key material names no credential id.
    #[error("FIDO key material without a credential id")]
    NoCredentialId,
    /// The usage is FIDO, but the key material is not.
    #[error("unreadable FIDO key material")]
    KeyMaterial(#[source] InvalidKeyMaterial),
    /// The parts do not make a value that can be read back.
    #[error("the new key credential cannot be read back")]
    Invalid(#[from] InvalidKeyCredential),
}

impl NewKeyCredential<'_> {
    /// Writes the value.
    ///
    /// # Errors
    /// [`CannotWrite`] when an entry is too long, or FIDO material has no credential id.
    pub fn write(&self) -> Result<KeyCredentialLink, CannotWrite> {
        let mut covered = Vec::new();
        push_entry(&mut covered, EntryId::KeyMaterial, self.key_material)?;
        push_entry(&mut covered, EntryId::KeyUsage, &[self.key_usage.byte()])?;
        push_entry(&mut covered, EntryId::KeySource, &[self.key_source.byte()])?;
        if let Some(device) = self.device_id {
            push_entry(&mut covered, EntryId::DeviceId, &device.to_windows_bytes())?;
        }
        if let Some(information) = &self.custom_key_information {
            push_entry(
                &mut covered,
                EntryId::CustomKeyInformation,
                &information.to_bytes(),
            )?;
        }
        if let Some(time) = self.last_logon {
            push_entry(
                &mut covered,
                EntryId::KeyApproximateLastLogonTimeStamp,
                &time.to_bytes(),
            )?;
        }
        if let Some(time) = self.creation_time {
            push_entry(&mut covered, EntryId::KeyCreationTime, &time.to_bytes())?;
        }

        let mut bytes = KeyCredentialLink::VERSION.to_le_bytes().to_vec();
        push_entry(&mut bytes, EntryId::KeyId, &self.key_id()?)?;
        push_entry(&mut bytes, EntryId::KeyHash, &Sha256::digest(&covered))?;
        bytes.extend(covered);
        Ok(KeyCredentialLink::parse(&bytes)?)
    }

    fn key_id(&self) -> Result<Vec<u8>, CannotWrite> {
        if self.key_usage != KeyUsage::Fido {
            return Ok(Sha256::digest(self.key_material).to_vec());
        }
        match PublicKeyMaterial::parse(self.key_material).map_err(CannotWrite::KeyMaterial)? {
            PublicKeyMaterial::Fido(fido) => fido
                .credential_id()
                .map(<[u8]>::to_vec)
                .ok_or(CannotWrite::NoCredentialId),
            _ => Err(CannotWrite::NoCredentialId),
        }
    }
}

fn push_entry(out: &mut Vec<u8>, id: EntryId, value: &[u8]) -> Result<(), CannotWrite> {
    let length = u16::try_from(value.len()).map_err(|_| CannotWrite::TooLong(id))?;
    out.extend(length.to_le_bytes());
    out.push(id.byte());
    out.extend(value);
    Ok(())
}
