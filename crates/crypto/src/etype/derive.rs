//! Deriving usage keys (RFC 3961 5.1 and 5.3, RFC 8009 3), and the ciphers and MACs made of them.

use aes::cipher::BlockCipherEncrypt;
use hmac::Hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

use super::key::Key;
use super::nfold::{fold_usage, n_fold};
use super::{Checksum, Etype, IntegrityError, KeyUsage, cts};

/// RFC 8009 puts the initial vector, always zero here, in front of what it authenticates.
const ZERO_IV: [u8; 16] = [0; 16];

/// The last byte of a derivation constant: what of the three keys of a usage it makes.
#[derive(Clone, Copy)]
enum Purpose {
    Checksum = 0x99,
    Encryption = 0xAA,
    Integrity = 0x55,
}

/// The protocol key, expanded: what every usage key is derived from.
pub(super) enum Root {
    Aes128(aes::Aes128Enc),
    Aes256(aes::Aes256Enc),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
}

/// A derived key; the longest has 32 bytes.
type Derived = Zeroizing<[u8; 32]>;

impl Root {
    pub(super) fn new(key: &Key) -> Root {
        match key.etype() {
            Etype::Aes128CtsHmacSha1_96 => Root::Aes128(cipher(key.bytes())),
            Etype::Aes256CtsHmacSha1_96 => Root::Aes256(cipher(key.bytes())),
            Etype::Aes128CtsHmacSha256_128 => Root::Sha256(hmac(key.bytes())),
            Etype::Aes256CtsHmacSha384_192 => Root::Sha384(hmac(key.bytes())),
        }
    }

    pub(super) fn etype(&self) -> Etype {
        match self {
            Root::Aes128(_) => Etype::Aes128CtsHmacSha1_96,
            Root::Aes256(_) => Etype::Aes256CtsHmacSha1_96,
            Root::Sha256(_) => Etype::Aes128CtsHmacSha256_128,
            Root::Sha384(_) => Etype::Aes256CtsHmacSha384_192,
        }
    }

    /// DK of RFC 3961 5.1 with `constant` folded to a block, or KDF-HMAC-SHA2 of RFC 8009 3 with
    /// `constant` as label and an empty context, to `len` bytes (at most 32).
    pub(super) fn derive(&self, constant: &[u8], len: usize) -> Derived {
        let mut derived = Derived::new([0; 32]);
        match self {
            Root::Aes128(cipher) => feed_back(cipher, constant, &mut derived[..16]),
            Root::Aes256(cipher) => feed_back(cipher, constant, &mut derived[..]),
            Root::Sha256(mac) => {
                let block = kdf_hmac_sha2(mac.clone(), constant, &[], len * 8);
                derived.copy_from_slice(&block[..32]);
            }
            Root::Sha384(mac) => {
                let block = kdf_hmac_sha2(mac.clone(), constant, &[], len * 8);
                derived.copy_from_slice(&block[..32]);
            }
        }
        derived[len..].fill(0);
        derived
    }

    fn usage_key(&self, usage: KeyUsage, purpose: Purpose, len: usize) -> Derived {
        let number = usage.0.to_be_bytes();
        let constant = [number[0], number[1], number[2], number[3], purpose as u8];
        self.derive(&constant, len)
    }

    fn mac(&self, usage: KeyUsage, purpose: Purpose) -> Mac {
        // RFC 8009 5: the MAC keys of etype 20 have 192 bits, all others as many as the cipher.
        let len = match self {
            Root::Aes128(_) | Root::Sha256(_) => 16,
            Root::Aes256(_) => 32,
            Root::Sha384(_) => 24,
        };
        let key = self.usage_key(usage, purpose, len);
        match self {
            Root::Aes128(_) | Root::Aes256(_) => Mac::Sha1(hmac(&key[..len])),
            Root::Sha256(_) => Mac::Sha256(hmac(&key[..len])),
            Root::Sha384(_) => Mac::Sha384(hmac(&key[..len])),
        }
    }

    /// The keys that encrypt for this usage.
    pub(super) fn sealer(&self, usage: KeyUsage) -> Sealer {
        let len = self.etype().key_len();
        let key = self.usage_key(usage, Purpose::Encryption, len);
        Sealer {
            cipher: match len {
                16 => Encryptor::Aes128(cipher(&key[..len])),
                _ => Encryptor::Aes256(cipher(&key[..len])),
            },
            integrity: self.mac(usage, Purpose::Integrity),
        }
    }

    /// The keys that decrypt for this usage.
    pub(super) fn opener(&self, usage: KeyUsage) -> Opener {
        let len = self.etype().key_len();
        let key = self.usage_key(usage, Purpose::Encryption, len);
        Opener {
            cipher: match len {
                16 => Decryptor::Aes128(cipher(&key[..len])),
                _ => Decryptor::Aes256(cipher(&key[..len])),
            },
            integrity: self.mac(usage, Purpose::Integrity),
        }
    }

    /// The key of this usage's checksums.
    pub(super) fn checksummer(&self, usage: KeyUsage) -> Mac {
        self.mac(usage, Purpose::Checksum)
    }
}

/// DR of RFC 3961 5.1: the folded constant is encrypted, the result encrypted again, until `out`
/// (whole blocks) is full.
fn feed_back<C>(cipher: &C, constant: &[u8], out: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>,
{
    let mut block = aes::Block::default();
    match constant.try_into() {
        Ok(usage) => block.copy_from_slice(&fold_usage(usage)),
        Err(_) => n_fold(constant, &mut block),
    }
    for piece in out.chunks_exact_mut(block.len()) {
        cipher.encrypt_block(&mut block);
        piece.copy_from_slice(&block);
    }
}

/// KDF-HMAC-SHA2 of RFC 8009 3: one block of SP 800-108 counter mode. `bits` is the length that is
/// asked for; the caller cuts the block.
pub(super) fn kdf_hmac_sha2<M: hmac::Mac>(
    mut mac: M,
    label: &[u8],
    context: &[u8],
    bits: usize,
) -> Zeroizing<[u8; 48]> {
    mac.update(&1u32.to_be_bytes());
    mac.update(label);
    mac.update(&[0]);
    mac.update(context);
    mac.update(&(bits as u32).to_be_bytes());
    let mut block = Zeroizing::new([0; 48]);
    let output = mac.finalize().into_bytes();
    block[..output.len()].copy_from_slice(&output);
    block
}

/// Encrypts the messages of one usage.
pub(super) struct Sealer {
    cipher: Encryptor,
    integrity: Mac,
}

impl Sealer {
    /// Appends the message to `out`.
    pub(super) fn seal(&self, confounder: &[u8; 16], plaintext: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(confounder.len() + plaintext.len() + self.integrity.len());
        out.extend_from_slice(confounder);
        out.extend_from_slice(plaintext);
        let message = &mut out[start..];
        let tag = if self.integrity.covers_ciphertext() {
            self.cipher.encrypt(message);
            self.integrity.tag(&[&ZERO_IV, message])
        } else {
            let tag = self.integrity.tag(&[message]);
            self.cipher.encrypt(message);
            tag
        };
        out.extend_from_slice(&tag);
    }
}

/// Decrypts the messages of one usage.
pub(super) struct Opener {
    cipher: Decryptor,
    integrity: Mac,
}

impl Opener {
    /// Decrypts in place and returns the plaintext's place in `message`. On an error the content of
    /// `message` is of no use.
    pub(super) fn open<'a>(&self, message: &'a mut [u8]) -> Result<&'a mut [u8], IntegrityError> {
        let body = message
            .len()
            .checked_sub(self.integrity.len())
            .ok_or(IntegrityError)?;
        let (body, tag) = message.split_at_mut(body);
        if self.integrity.covers_ciphertext() {
            self.integrity.verify(&[&ZERO_IV, body], tag)?;
            if !self.cipher.decrypt(body) {
                return Err(IntegrityError);
            }
        } else {
            if !self.cipher.decrypt(body) {
                return Err(IntegrityError);
            }
            self.integrity.verify(&[body], tag)?;
        }
        body.get_mut(super::CONFOUNDER_LEN..).ok_or(IntegrityError)
    }
}

/// A truncated HMAC, its key already taken in.
pub(super) enum Mac {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
}

impl Mac {
    fn len(&self) -> usize {
        match self {
            Mac::Sha1(_) => 12,
            Mac::Sha256(_) => 16,
            Mac::Sha384(_) => 24,
        }
    }

    /// RFC 3961's profile authenticates the plaintext, RFC 8009's the ciphertext.
    fn covers_ciphertext(&self) -> bool {
        !matches!(self, Mac::Sha1(_))
    }

    pub(super) fn tag(&self, parts: &[&[u8]]) -> Checksum {
        match self {
            Mac::Sha1(mac) => truncated(mac.clone(), parts, self.len()),
            Mac::Sha256(mac) => truncated(mac.clone(), parts, self.len()),
            Mac::Sha384(mac) => truncated(mac.clone(), parts, self.len()),
        }
    }

    pub(super) fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), IntegrityError> {
        if crate::constant_time::equal(&self.tag(parts), tag) {
            Ok(())
        } else {
            Err(IntegrityError)
        }
    }
}

fn truncated<M: hmac::Mac>(mut mac: M, parts: &[&[u8]], len: usize) -> Checksum {
    for part in parts {
        mac.update(part);
    }
    Checksum::new(&mac.finalize().into_bytes()[..len])
}

enum Encryptor {
    Aes128(aes::Aes128Enc),
    Aes256(aes::Aes256Enc),
}

impl Encryptor {
    fn encrypt(&self, data: &mut [u8]) {
        match self {
            Encryptor::Aes128(cipher) => cts::encrypt(cipher, data),
            Encryptor::Aes256(cipher) => cts::encrypt(cipher, data),
        }
    }
}

enum Decryptor {
    Aes128(aes::Aes128Dec),
    Aes256(aes::Aes256Dec),
}

impl Decryptor {
    fn decrypt(&self, data: &mut [u8]) -> bool {
        match self {
            Decryptor::Aes128(cipher) => cts::decrypt(cipher, data),
            Decryptor::Aes256(cipher) => cts::decrypt(cipher, data),
        }
    }
}

fn cipher<C: aes::cipher::KeyInit>(key: &[u8]) -> C {
    C::new_from_slice(key).expect("the etype gave the key its length")
}

pub(super) fn hmac<M: hmac::Mac + hmac::KeyInit>(key: &[u8]) -> M {
    <M as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length")
}
