//! The keys listed on an account or device: values of msDS-KeyCredentialLink, parsed.

use std::sync::Arc;

use crypto::key::{Fingerprint, PublicKey};
use crypto::signature::Verifier;
use trust::Timestamp;
use wire::Guid;
use wire::key_credential::{CustomKeyInformation, KeyCredentialLink, KeySource, KeyUsage};

use crate::codec::{Corrupt, Reader, Writer};

/// How a value came to be listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A device registered it (MS-KPP, MS-DVRJ).
    Registration,
    /// An administrator added it by hand.
    Administrator,
    /// It was imported or synchronised, and is kept as it came (protocols D.2).
    Import,
    /// A computer wrote it to its own entry (DIR-KCL-4).
    Computer,
}

impl Origin {
    /// Whether a key came neither through registration nor from a computer of its own: a *shadow credential*, which is
    /// somebody's way in that no device stands for (security.md row 4).
    #[must_use]
    pub const fn is_shadow(self) -> bool {
        matches!(self, Self::Administrator | Self::Import)
    }
}

/// The name of a value within its holder: the digest of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyValueId(pub(crate) [u8; 32]);

impl KeyValueId {
    /// The name of the value with these bytes.
    #[must_use]
    pub fn of(blob: &[u8]) -> Self {
        Self(crypto::digest::sha256(blob))
    }
}

/// A listed key.
#[derive(Debug)]
pub struct KeyCredential {
    /// The value's name within its holder.
    pub id: KeyValueId,
    /// The bytes as they were written.
    pub blob: Vec<u8>,
    /// How the value came here.
    pub origin: Origin,
    /// When it came here.
    pub added: Timestamp,
    /// The parsed bytes; `None` for an imported value that does not parse, which opens no door.
    pub link: Option<KeyCredentialLink>,
    /// The public key, prepared for verifying; `None` when the material is none we use.
    pub verifier: Option<Arc<Verifier>>,
    /// The public key's fingerprint (SHA-256 of its SubjectPublicKeyInfo).
    pub fingerprint: Option<Fingerprint>,
}

impl KeyCredential {
    /// Reads a value leniently: what does not parse is kept, and opens no door.
    #[must_use]
    pub fn new(blob: Vec<u8>, origin: Origin, added: Timestamp) -> Self {
        let link = KeyCredentialLink::parse(&blob).ok();
        // A FIDO authenticator's material is no key that we verify with.
        let public_key = link
            .as_ref()
            .and_then(|link| PublicKey::from_key_material(link.key_material()).ok());
        let verifier = public_key.map(Verifier::new).map(Arc::new);
        let fingerprint = verifier
            .as_ref()
            .map(|verifier| verifier.key().fingerprint());
        Self {
            id: KeyValueId::of(&blob),
            blob,
            origin,
            added,
            link,
            verifier,
            fingerprint,
        }
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.verifier.as_deref().map(Verifier::key)
    }

    /// Whether the value may sign in by key trust (E.4 step 3): usage NGC, and a public key.
    #[must_use]
    pub fn signs_in(&self) -> bool {
        self.usage() == Some(KeyUsage::Ngc) && self.verifier.is_some()
    }

    /// What the key is for.
    #[must_use]
    pub fn usage(&self) -> Option<KeyUsage> {
        self.link.as_ref().map(KeyCredentialLink::key_usage)
    }

    /// Where the key was registered.
    #[must_use]
    pub fn source(&self) -> Option<KeySource> {
        self.link.as_ref()?.key_source()
    }

    /// The device that holds the private key; `None` when the value names none.
    #[must_use]
    pub fn device(&self) -> Option<Guid> {
        let device = self.link.as_ref()?.device_id()?;
        (!device.is_nil()).then_some(device)
    }

    /// CustomKeyInformation (D.4).
    #[must_use]
    pub fn information(&self) -> Option<CustomKeyInformation> {
        self.link.as_ref()?.custom_key_information()
    }

    pub(crate) fn write(blob: &[u8], origin: Origin, added: Timestamp) -> Vec<u8> {
        let origin = match origin {
            Origin::Registration => 1,
            Origin::Administrator => 2,
            Origin::Import => 3,
            Origin::Computer => 4,
        };
        Writer::new().u8(origin).time(added).raw(blob).finish()
    }

    pub(crate) fn read(mut from: Reader<'_>) -> Result<Self, Corrupt> {
        let origin = match from.u8()? {
            1 => Origin::Registration,
            2 => Origin::Administrator,
            3 => Origin::Import,
            4 => Origin::Computer,
            _ => return Err(Corrupt),
        };
        let added = from.time()?;
        Ok(Self::new(from.remainder().to_vec(), origin, added))
    }
}
