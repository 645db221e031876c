//! Keys, and messages and checksums made with them.

use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::derive::{Mac, Opener, Root, Sealer};
use super::{CONFOUNDER_LEN, Etype, KeyUsage};

/// A message or checksum did not come from a holder of the key, or was made for another use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("integrity check failed")]
pub struct IntegrityError;

/// A key of another length than its etype asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{etype} takes a key of {} bytes, got {got}", etype.key_len())]
pub struct WrongKeyLength {
    /// The etype that the key was said to be of.
    pub etype: Etype,
    /// The length that it had, in bytes.
    pub got: usize,
}

/// A protocol key: etype and value. Zeroised when dropped, never printed, compared in constant time.
///
/// Its methods derive the usage keys anew at each call: right for a key that serves one exchange.
/// For one that serves many make a [`KeySchedule`].
#[derive(Clone)]
pub struct Key {
    etype: Etype,
    /// The first `etype.key_len()` bytes; zero behind.
    bytes: Zeroizing<[u8; 32]>,
}

impl Key {
    /// The key with this value.
    ///
    /// # Errors
    /// [`WrongKeyLength`] when `bytes` has not exactly [`Etype::key_len`] bytes.
    pub fn new(etype: Etype, bytes: &[u8]) -> Result<Key, WrongKeyLength> {
        if bytes.len() != etype.key_len() {
            return Err(WrongKeyLength {
                etype,
                got: bytes.len(),
            });
        }
        let mut padded = Zeroizing::new([0; 32]);
        padded[..bytes.len()].copy_from_slice(bytes);
        Ok(Key {
            etype,
            bytes: padded,
        })
    }

    /// random-to-key (RFC 3961 3): a key of random bytes, of which as many are used as the etype
    /// takes. For all our etypes random-to-key is the identity (RFC 3962 6, RFC 8009 4).
    #[must_use]
    pub fn random_to_key(etype: Etype, random: &[u8; 32]) -> Key {
        let mut bytes = Zeroizing::new(*random);
        bytes[etype.key_len()..].fill(0);
        Key { etype, bytes }
    }

    /// The etype.
    #[must_use]
    pub fn etype(&self) -> Etype {
        self.etype
    }

    /// The value, for where it must travel or rest (inside an encrypted part, wrapped in the store).
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.etype.key_len()]
    }

    /// Encrypts `plaintext` for `usage`. `confounder` must be fresh random bytes.
    #[must_use]
    pub fn encrypt(
        &self,
        usage: KeyUsage,
        confounder: &[u8; CONFOUNDER_LEN],
        plaintext: &[u8],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        self.encrypt_into(usage, confounder, plaintext, &mut out);
        out
    }

    /// As [`Key::encrypt`], appending to `out`.
    pub fn encrypt_into(
        &self,
        usage: KeyUsage,
        confounder: &[u8; CONFOUNDER_LEN],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) {
        let sealer = Root::new(self).sealer(usage);
        sealer.seal(confounder, plaintext, out);
    }

    /// Decrypts a message that was encrypted for `usage`.
    ///
    /// # Errors
    /// [`IntegrityError`] when the message is too short or was not made with this key and usage.
    pub fn decrypt(
        &self,
        usage: KeyUsage,
        message: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, IntegrityError> {
        open(&Root::new(self).opener(usage), message)
    }

    /// Decrypts in place and returns the plaintext's place in `message`. On an error the content of
    /// `message` is of no use.
    ///
    /// # Errors
    /// As [`Key::decrypt`].
    pub fn decrypt_in_place<'a>(
        &self,
        usage: KeyUsage,
        message: &'a mut [u8],
    ) -> Result<&'a mut [u8], IntegrityError> {
        Root::new(self).opener(usage).open(message)
    }

    /// The keyed checksum over `data`, of the type [`Etype::checksum_type`].
    #[must_use]
    pub fn checksum(&self, usage: KeyUsage, data: &[u8]) -> Checksum {
        Root::new(self).checksummer(usage).tag(&[data])
    }

    /// Checks a keyed checksum.
    ///
    /// # Errors
    /// [`IntegrityError`] when `checksum` is not that of `data`.
    pub fn verify_checksum(
        &self,
        usage: KeyUsage,
        data: &[u8],
        checksum: &[u8],
    ) -> Result<(), IntegrityError> {
        Root::new(self).checksummer(usage).verify(&[data], checksum)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.etype)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.etype == other.etype && crate::constant_time::equal(&*self.bytes, &*other.bytes)
    }
}

impl Eq for Key {}

/// Usages whose keys a [`KeySchedule`] keeps: all of RFC 4120 and the PAC's, up to GSS-API's.
const KEPT_USAGES: usize = 32;

/// A key prepared for frequent use: what it derives for a usage is derived at the first use and kept,
/// with the AES rounds and the HMAC state expanded. Shared between threads behind an `Arc`.
///
/// It keeps 900 bytes for itself, and 600 for each usage and direction that it has served, so a cache of
/// these is bounded by count. Usages from 32 on are served without being kept.
pub struct KeySchedule {
    key: Key,
    root: Root,
    usages: [OnceLock<Box<UsageKeys>>; KEPT_USAGES],
}

/// What was derived for one usage so far.
#[derive(Default)]
struct UsageKeys {
    sealer: OnceLock<Box<Sealer>>,
    opener: OnceLock<Box<Opener>>,
    checksummer: OnceLock<Box<Mac>>,
}

impl KeySchedule {
    /// Prepares `key`.
    #[must_use]
    pub fn new(key: Key) -> KeySchedule {
        KeySchedule {
            root: Root::new(&key),
            usages: [const { OnceLock::new() }; KEPT_USAGES],
            key,
        }
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The etype.
    #[must_use]
    pub fn etype(&self) -> Etype {
        self.key.etype()
    }

    fn kept(&self, usage: KeyUsage) -> Option<&UsageKeys> {
        let slot = self.usages.get(usize::try_from(usage.0).ok()?)?;
        Some(slot.get_or_init(Box::default))
    }

    /// As [`Key::encrypt`].
    #[must_use]
    pub fn encrypt(
        &self,
        usage: KeyUsage,
        confounder: &[u8; CONFOUNDER_LEN],
        plaintext: &[u8],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        self.encrypt_into(usage, confounder, plaintext, &mut out);
        out
    }

    /// As [`Key::encrypt_into`].
    pub fn encrypt_into(
        &self,
        usage: KeyUsage,
        confounder: &[u8; CONFOUNDER_LEN],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) {
        match self.kept(usage) {
            Some(keys) => keys
                .sealer
                .get_or_init(|| Box::new(self.root.sealer(usage)))
                .seal(confounder, plaintext, out),
            None => self.root.sealer(usage).seal(confounder, plaintext, out),
        }
    }

    /// As [`Key::decrypt`].
    ///
    /// # Errors
    /// As [`Key::decrypt`].
    pub fn decrypt(
        &self,
        usage: KeyUsage,
        message: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, IntegrityError> {
        self.with_opener(usage, |opener| open(opener, message))
    }

    /// As [`Key::decrypt_in_place`].
    ///
    /// # Errors
    /// As [`Key::decrypt`].
    pub fn decrypt_in_place<'a>(
        &self,
        usage: KeyUsage,
        message: &'a mut [u8],
    ) -> Result<&'a mut [u8], IntegrityError> {
        self.with_opener(usage, |opener| opener.open(message))
    }

    fn with_opener<T>(&self, usage: KeyUsage, open: impl FnOnce(&Opener) -> T) -> T {
        match self.kept(usage) {
            Some(keys) => open(
                keys.opener
                    .get_or_init(|| Box::new(self.root.opener(usage))),
            ),
            None => open(&self.root.opener(usage)),
        }
    }

    /// As [`Key::checksum`].
    #[must_use]
    pub fn checksum(&self, usage: KeyUsage, data: &[u8]) -> Checksum {
        self.with_checksummer(usage, |mac| mac.tag(&[data]))
    }

    /// As [`Key::verify_checksum`].
    ///
    /// # Errors
    /// As [`Key::verify_checksum`].
    pub fn verify_checksum(
        &self,
        usage: KeyUsage,
        data: &[u8],
        checksum: &[u8],
    ) -> Result<(), IntegrityError> {
        self.with_checksummer(usage, |mac| mac.verify(&[data], checksum))
    }

    fn with_checksummer<T>(&self, usage: KeyUsage, apply: impl FnOnce(&Mac) -> T) -> T {
        match self.kept(usage) {
            Some(keys) => apply(
                keys.checksummer
                    .get_or_init(|| Box::new(self.root.checksummer(usage))),
            ),
            None => apply(&self.root.checksummer(usage)),
        }
    }
}

impl From<Key> for KeySchedule {
    fn from(key: Key) -> KeySchedule {
        KeySchedule::new(key)
    }
}

impl std::fmt::Debug for KeySchedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeySchedule({})", self.etype())
    }
}

/// Copies the message into zeroised memory, opens it there, and moves the plaintext to the front.
fn open(opener: &Opener, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, IntegrityError> {
    let mut copy = Zeroizing::new(message.to_vec());
    let len = opener.open(&mut copy)?.len();
    copy.copy_within(CONFOUNDER_LEN..CONFOUNDER_LEN + len, 0);
    copy.truncate(len);
    Ok(copy)
}

/// A keyed checksum: at most 24 bytes, read as a slice.
#[derive(Clone, Copy, Debug)]
pub struct Checksum {
    bytes: [u8; 24],
    len: u8,
}

impl Checksum {
    /// At most 24 bytes: the longest of [`Etype::checksum_len`].
    pub(super) fn new(tag: &[u8]) -> Checksum {
        let mut bytes = [0; 24];
        bytes[..tag.len()].copy_from_slice(tag);
        Checksum {
            bytes,
            len: tag.len() as u8,
        }
    }
}

impl std::ops::Deref for Checksum {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for Checksum {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
