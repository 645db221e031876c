//! The vault: where private keys are and gestures are judged. The seam behind which silicon can stand.

mod software;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::Signer;
use provisioning::Secret;
use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};
use zeroize::Zeroizing;

use crate::base64::{Bytes, SecretBytes};
use crate::file::StateError;

pub use software::SoftwareVault;

/// Where keys are kept, and how well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// In files of the device (HAMR-4).
    Software,
}

impl Level {
    /// The attestation level that a registration reports (EV-300).
    #[must_use]
    pub const fn attestation_level(self) -> &'static str {
        match self {
            Self::Software => "ATT_SOFT",
        }
    }

    /// What this level promises, and what it does not.
    #[must_use]
    pub const fn promise(self) -> &'static str {
        match self {
            Self::Software => {
                "software: keys are kept in files, and wrong PINs are counted on this device; \
                 whoever copies its disk can try PINs elsewhere without being counted"
            }
        }
    }

    /// Whether keys are in hardware that does not give them away.
    #[must_use]
    pub const fn is_hardware(self) -> bool {
        match self {
            Self::Software => false,
        }
    }

    /// The key provider as the status shows it (KEY-11).
    #[must_use]
    pub const fn key_provider(self) -> &'static str {
        match self {
            Self::Software => "Software Key Storage Provider",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Software => "software",
        })
    }
}

/// The device's own keys, which no gesture unlocks (KEY-7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKey {
    /// The computer account's key, with which the device signs in to the domain.
    Machine,
    /// dkpub/dkpriv (ROLE-1): the key of the device certificate.
    Device,
    /// tkpub/tkpriv (ROLE-1): the transport key.
    Transport,
}

/// A vault.
///
/// A container's keys are made and used here, and kept by whoever calls, as [`Protected`]. The failures
/// that the vault counts are its own, and hold for all keys in it together (HAMR-1).
pub trait Vault: Send {
    /// How well it keeps keys.
    fn level(&self) -> Level;

    /// Makes an authentication key that `pin` protects, and under it a user key (KEY-2 to KEY-4).
    ///
    /// # Errors
    /// [`VaultError`].
    fn create(
        &mut self,
        pin: &Secret,
        kind: KeyKind,
        rng: &mut dyn Rng,
    ) -> Result<Protected, VaultError>;

    /// Judges `pin` and unlocks the user key. The attempt is counted, durably, before it is judged, so
    /// that nobody gains a free one by pulling the plug.
    ///
    /// # Errors
    /// [`Denied`].
    fn unlock(
        &mut self,
        keys: &Protected,
        pin: &Secret,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Unlocked, Denied>;

    /// Protects the same keys by another PIN. That `old` was right is proved by `unlocked`.
    ///
    /// # Errors
    /// [`VaultError`]; `keys` are still protected by `old` then.
    fn protect_anew(
        &mut self,
        keys: &Protected,
        unlocked: &Unlocked,
        old: &Secret,
        new: &Secret,
        rng: &mut dyn Rng,
    ) -> Result<Protected, VaultError>;

    /// How many failures it remembers, and until when it is locked because of them.
    fn failures(&self, now: Timestamp) -> (u32, Option<Timestamp>);

    /// Makes one of the device's own keys, in the place of the one there was.
    ///
    /// # Errors
    /// [`VaultError`].
    fn create_device_key(
        &mut self,
        which: DeviceKey,
        kind: KeyKind,
        rng: &mut dyn Rng,
    ) -> Result<PublicKey, VaultError>;

    /// One of the device's own keys, if it was made.
    ///
    /// # Errors
    /// [`VaultError`].
    fn device_key(&self, which: DeviceKey) -> Result<Option<VaultKey>, VaultError>;

    /// Unwraps a session key that came for the transport key: RSAES-OAEP with SHA-1 (protocols A.8). The
    /// transport key does nothing else, and does not come out for it.
    ///
    /// # Errors
    /// [`VaultError::Failed`] where there is no transport key, or what came is not for it.
    fn unwrap_session_key(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError>;

    /// The device's own keys as they are now, to be put back with [`restore_device_keys`](Self::restore_device_keys) where
    /// those that are made in their place come to nothing.
    fn device_keys(&self) -> DeviceKeys;

    /// Puts the device's own keys back, in the place of those that were made since. Failures that were counted meanwhile
    /// stay counted.
    ///
    /// # Errors
    /// [`VaultError`].
    fn restore_device_keys(
        &mut self,
        keys: DeviceKeys,
        rng: &mut dyn Rng,
    ) -> Result<(), VaultError>;

    /// Forgets the device's own keys: the device left the domain.
    ///
    /// # Errors
    /// [`VaultError`].
    fn remove_device_keys(&mut self, rng: &mut dyn Rng) -> Result<(), VaultError>;
}

/// The device's own keys as a vault keeps them: of use to the vault that gave them.
pub struct DeviceKeys(pub(crate) BTreeMap<DeviceKey, SecretBytes>);

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeviceKeys").field(&self.0.keys()).finish()
    }
}

/// A container's keys as they are kept: of use to the vault that made them, with the gesture.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protected {
    public_key: Bytes,
    blob: Bytes,
}

impl Protected {
    /// Keys as a vault wraps them: the public user key, and `blob` that only the vault understands.
    #[must_use]
    pub fn new(public_key: &PublicKey, blob: Vec<u8>) -> Self {
        Self {
            public_key: Bytes(public_key.to_spki_der()),
            blob: Bytes(blob),
        }
    }

    /// The user key's public half.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] when it is not a key.
    pub fn public_key(&self) -> Result<PublicKey, VaultError> {
        PublicKey::from_spki_der(&self.public_key.0).map_err(|_| VaultError::Damaged)
    }

    /// What the vault wrapped.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob.0
    }
}

impl fmt::Debug for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protected")
    }
}

/// The *ticket* of KEY-9: proof that the gesture was right, and the use of the keys that it unlocks.
/// Only a vault hands one out.
#[derive(Debug)]
pub struct Unlocked {
    key: VaultKey,
    authentication: AuthenticationKey,
}

impl Unlocked {
    /// For a vault, once it has judged a gesture: the user key, and 32 bytes or more that the
    /// authentication key alone gives and the vault can use to recognise it.
    #[must_use]
    pub fn new(key: VaultKey, authentication: Zeroizing<Vec<u8>>) -> Self {
        Self {
            key,
            authentication: AuthenticationKey(authentication),
        }
    }

    /// The user key.
    #[must_use]
    pub const fn key(&self) -> &VaultKey {
        &self.key
    }

    /// A secret for what else the container keeps under the authentication key.
    pub(crate) fn container_secret(&self) -> Zeroizing<[u8; 32]> {
        let info: [&[u8]; 1] = [b"keyporch hello container"];
        crypto::kdf::hkdf_sha256(&[], &self.authentication.0, &info)
    }
}

struct AuthenticationKey(Zeroizing<Vec<u8>>);

impl fmt::Debug for AuthenticationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticationKey")
    }
}

/// A private key that a vault lets be used.
#[derive(Clone)]
pub struct VaultKey {
    signer: Arc<dyn Signer>,
    software: Option<PrivateKey>,
}

impl VaultKey {
    /// A key in this process's memory.
    #[must_use]
    pub fn software(key: PrivateKey) -> Self {
        Self {
            signer: Arc::new(key.clone()),
            software: Some(key),
        }
    }

    /// A key that never leaves its hardware.
    #[must_use]
    pub fn hardware(signer: Arc<dyn Signer>) -> Self {
        Self {
            signer,
            software: None,
        }
    }

    /// Who signs with it.
    #[must_use]
    pub fn signer(&self) -> &dyn Signer {
        self.signer.as_ref()
    }

    /// As [`signer`](Self::signer), to be kept.
    #[must_use]
    pub fn shared(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer)
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    /// The private key itself, at level `software` alone. The lab writes it out, for clients that nobody
    /// here wrote; nothing else has a reason to ask.
    #[must_use]
    pub const fn private_key(&self) -> Option<&PrivateKey> {
        self.software.as_ref()
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultKey({:?})", self.signer.public_key())
    }
}

/// Why the vault did not do what it was asked, through no fault of the person.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VaultError {
    /// The files.
    #[error(transparent)]
    State(#[from] StateError),
    /// What was kept is not what a vault wrapped, or was wrapped by another.
    #[error("the keys of this container are damaged")]
    Damaged,
    /// The cryptographic library failed.
    #[error("the vault could not make or use a key")]
    Failed,
}

/// Why a gesture unlocked nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    /// It was judged, and wrong.
    #[error("the PIN is wrong")]
    WrongPin,
    /// It was not judged: there were too many failures (HAMR-1).
    #[error("the vault is locked after too many wrong PINs, until {}", .until.to_rfc3339())]
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// It was not judged: the vault is in trouble.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
