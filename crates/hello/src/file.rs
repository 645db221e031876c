//! What a device keeps, as sealed files: the seam to the disk, and the format.
//!
//! ```text
//! offset  length
//!      0       8  "KEYPORCH"
//!      8       1  kind: 1 device secret, 2 vault, 3 containers, 4 device, 5 primary refresh tokens
//!      9       1  version of the format: 1
//!     10       …  JSON, sealed with AES-256-GCM (device secret: 32 random bytes, SHA-256 over all before)
//! ```
//!
//! The first ten bytes are sealed with the rest, so that one file cannot stand in for another. The key is
//! derived from the device secret, a file beside them that only the system's administrator can read: it
//! guards against a changed and a garbled file. It does not guard against somebody who copies them all.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crypto::aead::SealingKey;
use crypto::kdf::hkdf_sha256;
use serde::Serialize;
use serde::de::DeserializeOwned;
use trust::Rng;
use zeroize::Zeroizing;

const MAGIC: [u8; 8] = *b"KEYPORCH";
const VERSION: u8 = 1;
const HEAD: usize = MAGIC.len() + 2;
const DIGEST: usize = 32;

/// The files of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Slot {
    /// The secret that the others are sealed under.
    DeviceSecret,
    /// The vault: its counter and the device's own keys.
    Vault,
    /// The people's containers.
    Containers,
    /// What the join left: names, device ID, certificate.
    Device,
    /// The people's primary refresh tokens of the tenant, with their session keys.
    Prt,
}

impl Slot {
    /// The file's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceSecret => "device.secret",
            Self::Vault => "vault",
            Self::Containers => "containers",
            Self::Device => "device",
            Self::Prt => "prt",
        }
    }

    const fn kind(self) -> u8 {
        match self {
            Self::DeviceSecret => 1,
            Self::Vault => 2,
            Self::Containers => 3,
            Self::Device => 4,
            Self::Prt => 5,
        }
    }
}

/// Where the files are. The implementation on a disk is `call`'s.
///
/// Whoever opens them holds them alone until it drops them: two processes that counted attempts side by
/// side would each forget what the other counted.
pub trait VaultFile: Send {
    /// The file's content; `None` when there is no such file.
    ///
    /// # Errors
    /// [`FileFault`] when it is there and cannot be read.
    fn load(&self, slot: Slot) -> Result<Option<Vec<u8>>, FileFault>;

    /// Replaces the file's content as a whole. When this returns, the content survives a loss of
    /// power; when it fails, the content before is still there. Only the owner may read the file.
    ///
    /// # Errors
    /// [`FileFault`].
    fn store(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), FileFault>;
}

/// The disk's trouble, in the operating system's words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct FileFault {
    /// Which file.
    pub file: String,
    /// What the operating system says.
    pub problem: String,
}

/// Why a file that is there cannot be used. It is left as it is.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StateError {
    /// The disk's trouble.
    #[error(transparent)]
    File(#[from] FileFault),
    /// It is not one of ours.
    #[error("{} is not a file of this device's vault; it was left as it is", .0.name())]
    Foreign(Slot),
    /// A later release wrote it.
    #[error(
        "{} is of version {version}, which a later release wrote; this one reads version {VERSION} \
         and left it as it is", .slot.name()
    )]
    Newer {
        /// Which file.
        slot: Slot,
        /// Its version.
        version: u8,
    },
    /// It is truncated, changed, or sealed under another device's secret.
    #[error(
        "{} is damaged, or belongs to another device; it was left as it is: restore it from a copy, \
         or remove the vault and join again", .0.name()
    )]
    Damaged(Slot),
    /// The others are there and the secret is not.
    #[error("device.secret is missing, without which {} cannot be read", .0.name())]
    NoSecret(Slot),
}

/// The files in memory: for tests, and for a device that shall leave nothing behind. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryFile {
    files: Arc<Mutex<BTreeMap<Slot, Vec<u8>>>>,
}

impl MemoryFile {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The content of a file.
    #[must_use]
    pub fn content(&self, slot: Slot) -> Option<Vec<u8>> {
        self.files().get(&slot).cloned()
    }

    /// Replaces or removes a file.
    pub fn replace(&self, slot: Slot, content: Option<Vec<u8>>) {
        match content {
            Some(bytes) => self.files().insert(slot, bytes),
            None => self.files().remove(&slot),
        };
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<Slot, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files().keys()).finish()
    }
}

impl VaultFile for MemoryFile {
    fn load(&self, slot: Slot) -> Result<Option<Vec<u8>>, FileFault> {
        Ok(self.content(slot))
    }

    fn store(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), FileFault> {
        self.replace(slot, Some(bytes.to_vec()));
        Ok(())
    }
}

/// The files, sealed and opened. Clones speak of the same files.
#[derive(Clone)]
pub struct Keeper {
    files: Arc<Mutex<Box<dyn VaultFile>>>,
    secret: Arc<Zeroizing<[u8; 32]>>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keeper")
    }
}

impl Keeper {
    /// Opens the files, making the device secret where nothing is there yet.
    ///
    /// # Errors
    /// [`StateError`], when the secret is there and cannot be read, or is not there while others are.
    pub fn open(mut files: Box<dyn VaultFile>, rng: &mut dyn Rng) -> Result<Self, StateError> {
        let secret = match files.load(Slot::DeviceSecret)? {
            Some(bytes) => read_secret(&bytes)?,
            None => {
                for slot in [Slot::Vault, Slot::Containers, Slot::Device, Slot::Prt] {
                    if files.load(slot)?.is_some() {
                        return Err(StateError::NoSecret(slot));
                    }
                }
                let mut secret = Zeroizing::new([0; 32]);
                rng.fill(secret.as_mut());
                files.store(Slot::DeviceSecret, &write_secret(&secret))?;
                secret
            }
        };
        Ok(Self {
            files: Arc::new(Mutex::new(files)),
            secret: Arc::new(secret),
        })
    }

    /// What `slot` holds; `None` when there is no such file yet.
    pub(crate) fn load<T: DeserializeOwned>(&self, slot: Slot) -> Result<Option<T>, StateError> {
        let Some(bytes) = self.files().load(slot)? else {
            return Ok(None);
        };
        let (head, sealed) = body(slot, &bytes)?;
        let opened = self
            .key(slot)
            .open(head, sealed)
            .map_err(|_| StateError::Damaged(slot))?;
        serde_json::from_slice(&opened)
            .map(Some)
            .map_err(|_| StateError::Damaged(slot))
    }

    /// Replaces what `slot` holds; durable when this returns.
    pub(crate) fn store<T: Serialize>(
        &self,
        slot: Slot,
        value: &T,
        rng: &mut dyn Rng,
    ) -> Result<(), StateError> {
        let json = Zeroizing::new(serde_json::to_vec(value).map_err(|error| FileFault {
            file: slot.name().to_owned(),
            problem: error.to_string(),
        })?);
        let mut bytes = head(slot).to_vec();
        let sealed = self.key(slot).seal(&rng.bytes(), &bytes, &json);
        bytes.extend(sealed);
        Ok(self.files().store(slot, &bytes)?)
    }

    fn files(&self) -> MutexGuard<'_, Box<dyn VaultFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, slot: Slot) -> SealingKey {
        let info: [&[u8]; 2] = [b"keyporch hello ", slot.name().as_bytes()];
        SealingKey::new(&hkdf_sha256(&[], self.secret.as_slice(), &info))
    }
}

fn head(slot: Slot) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let (magic, rest) = head.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    rest.copy_from_slice(&[slot.kind(), VERSION]);
    head
}

/// The head and what is behind it, once the head says that it is ours.
fn body(slot: Slot, bytes: &[u8]) -> Result<(&[u8], &[u8]), StateError> {
    let Some((head, rest)) = bytes.split_at_checked(HEAD) else {
        return Err(StateError::Damaged(slot));
    };
    match head {
        [magic @ .., kind, version] if *magic == MAGIC && *kind == slot.kind() => match *version {
            VERSION => Ok((head, rest)),
            version if version > VERSION => Err(StateError::Newer { slot, version }),
            _ => Err(StateError::Damaged(slot)),
        },
        _ => Err(StateError::Foreign(slot)),
    }
}

fn write_secret(secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(head(Slot::DeviceSecret).to_vec());
    bytes.extend(secret);
    let digest = crypto::digest::sha256(&bytes);
    bytes.extend(digest);
    bytes
}

fn read_secret(bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>, StateError> {
    const SLOT: Slot = Slot::DeviceSecret;
    let (_, rest) = body(SLOT, bytes)?;
    let damaged = StateError::Damaged(SLOT);
    let Some((secret, digest)) = rest.split_first_chunk::<32>() else {
        return Err(damaged);
    };
    let covered = bytes
        .len()
        .checked_sub(DIGEST)
        .and_then(|end| bytes.get(..end))
        .unwrap_or_default();
    if digest == crypto::digest::sha256(covered) {
        Ok(Zeroizing::new(*secret))
    } else {
        Err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    fn keeper(files: &MemoryFile) -> Result<Keeper, StateError> {
        Keeper::open(Box::new(files.clone()), &mut Dice::new(1))
    }

    fn filled() -> MemoryFile {
        let files = MemoryFile::new();
        let keeper = keeper(&files).unwrap();
        keeper
            .store(Slot::Vault, &"kept".to_owned(), &mut Dice::new(2))
            .unwrap();
        files
    }

    fn read(files: &MemoryFile) -> Result<Option<String>, StateError> {
        keeper(files)?.load(Slot::Vault)
    }

    #[test]
    fn what_was_stored_is_there_after_a_restart() {
        let files = filled();
        assert_eq!(read(&files), Ok(Some("kept".to_owned())));
        assert_eq!(
            keeper(&files).unwrap().load::<String>(Slot::Containers),
            Ok(None)
        );
    }

    #[test]
    fn a_truncated_or_changed_file_is_an_error_and_stays_as_it_is() {
        for slot in [Slot::Vault, Slot::DeviceSecret] {
            let whole = filled().content(slot).unwrap();
            for length in 0..whole.len() {
                let files = filled();
                files.replace(slot, Some(whole[..length].to_vec()));
                assert!(read(&files).is_err(), "{slot:?} cut to {length}");
                assert_eq!(files.content(slot).unwrap(), whole[..length]);
            }
            for place in 0..whole.len() {
                let mut changed = whole.clone();
                changed[place] ^= 0x41;
                let files = filled();
                files.replace(slot, Some(changed.clone()));
                assert!(read(&files).is_err(), "{slot:?} changed at {place}");
                assert_eq!(files.content(slot).unwrap(), changed);
            }
        }
    }

    #[test]
    fn each_trouble_has_its_own_sentence() {
        let said = |slot: Slot, content: Option<&[u8]>| {
            let files = filled();
            files.replace(slot, content.map(<[u8]>::to_vec));
            read(&files).unwrap_err().to_string()
        };
        assert_eq!(
            said(Slot::Vault, Some(b"#!/bin/sh\necho no\n")),
            "vault is not a file of this device's vault; it was left as it is"
        );
        assert_eq!(
            said(Slot::Vault, Some(b"KEYPORCH\x02\x02 and more")),
            "vault is of version 2, which a later release wrote; this one reads version 1 and left \
             it as it is"
        );
        assert!(said(Slot::Vault, Some(b"")).starts_with("vault is damaged"));
        assert_eq!(
            said(Slot::DeviceSecret, None),
            "device.secret is missing, without which vault cannot be read"
        );
    }

    #[test]
    fn one_file_cannot_stand_in_for_another() {
        let files = filled();
        let mut bytes = files.content(Slot::Vault).unwrap();
        files.replace(Slot::Containers, Some(bytes.clone()));
        let keeper = keeper(&files).unwrap();
        assert_eq!(
            keeper.load::<String>(Slot::Containers),
            Err(StateError::Foreign(Slot::Containers))
        );
        bytes[8] = 3;
        files.replace(Slot::Containers, Some(bytes));
        assert_eq!(
            keeper.load::<String>(Slot::Containers),
            Err(StateError::Damaged(Slot::Containers))
        );
    }

    #[test]
    fn another_devices_secret_opens_nothing() {
        let files = filled();
        let other = MemoryFile::new();
        Keeper::open(Box::new(other.clone()), &mut Dice::new(99)).unwrap();
        files.replace(Slot::DeviceSecret, other.content(Slot::DeviceSecret));
        assert_eq!(read(&files), Err(StateError::Damaged(Slot::Vault)));
    }

    #[test]
    fn the_content_is_not_readable_in_the_file() {
        let files = filled();
        let bytes = files.content(Slot::Vault).unwrap();
        assert!(!bytes.windows(4).any(|part| part == b"kept"));
    }
}
