//! Encryption types of Kerberos: RFC 3961's simplified profile with AES (RFC 3962) and AES with
//! SHA-2 (RFC 8009). There is no DES, no triple DES and no RC4 here, and no door for them.
//!
//! A [`Key`] is used directly where it serves one message (a session key, a reply key). A key that
//! serves many, an account's or the ticket-granting service's, is prepared once as a
//! [`KeySchedule`]: deriving the usage keys and expanding them costs more than the message itself.
//!
//! To add an etype: a variant of [`Etype`] with its row in each `match` of this file, its derivation
//! in `derive.rs`, and its vectors in `tests/`.

mod cts;
mod derive;
mod key;
mod nfold;
mod prf;
mod string_to_key;

#[cfg(test)]
mod tests;

pub use key::{Checksum, IntegrityError, Key, KeySchedule, WrongKeyLength};
pub use string_to_key::{MAX_ITERATIONS, StringToKeyError};
pub use wire::kerberos::KeyUsage;

/// Length of the confounder that opens every encrypted message, in bytes: one AES block.
pub const CONFOUNDER_LEN: usize = 16;

/// An encryption type (protocols E.1). The discriminant is the number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum Etype {
    /// 17, RFC 3962.
    Aes128CtsHmacSha1_96 = 17,
    /// 18, RFC 3962.
    Aes256CtsHmacSha1_96 = 18,
    /// 19, RFC 8009.
    Aes128CtsHmacSha256_128 = 19,
    /// 20, RFC 8009.
    Aes256CtsHmacSha384_192 = 20,
}

impl Etype {
    /// Every etype, the one that interoperates most widely at its strength first: the order in which
    /// a KDC offers them and a client asks for them (protocols E.1).
    pub const ALL: [Etype; 4] = [
        Etype::Aes256CtsHmacSha1_96,
        Etype::Aes128CtsHmacSha1_96,
        Etype::Aes256CtsHmacSha384_192,
        Etype::Aes128CtsHmacSha256_128,
    ];

    /// The etype of this number, `None` where we do not have it.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Etype> {
        Etype::ALL
            .into_iter()
            .find(|etype| etype.number() == number)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The IANA name, as `klist -e` prints it; RFC 8009 salts its string-to-key with it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Etype::Aes128CtsHmacSha1_96 => "aes128-cts-hmac-sha1-96",
            Etype::Aes256CtsHmacSha1_96 => "aes256-cts-hmac-sha1-96",
            Etype::Aes128CtsHmacSha256_128 => "aes128-cts-hmac-sha256-128",
            Etype::Aes256CtsHmacSha384_192 => "aes256-cts-hmac-sha384-192",
        }
    }

    /// The etype of this IANA name, as an administrator writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Etype> {
        Etype::ALL.into_iter().find(|etype| etype.name() == name)
    }

    /// Length of the protocol key in bytes, which is also that of the random-to-key seed.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Etype::Aes128CtsHmacSha1_96 | Etype::Aes128CtsHmacSha256_128 => 16,
            Etype::Aes256CtsHmacSha1_96 | Etype::Aes256CtsHmacSha384_192 => 32,
        }
    }

    /// Number of the keyed checksum type that goes with this etype.
    #[must_use]
    pub const fn checksum_type(self) -> i32 {
        match self {
            Etype::Aes128CtsHmacSha1_96 => 15,
            Etype::Aes256CtsHmacSha1_96 => 16,
            Etype::Aes128CtsHmacSha256_128 => 19,
            Etype::Aes256CtsHmacSha384_192 => 20,
        }
    }

    /// The etype whose keyed checksum has this number.
    #[must_use]
    pub fn from_checksum_type(number: i32) -> Option<Etype> {
        Etype::ALL
            .into_iter()
            .find(|etype| etype.checksum_type() == number)
    }

    /// Length of a keyed checksum, and of the integrity tag at the end of a message, in bytes.
    #[must_use]
    pub const fn checksum_len(self) -> usize {
        match self {
            Etype::Aes128CtsHmacSha1_96 | Etype::Aes256CtsHmacSha1_96 => 12,
            Etype::Aes128CtsHmacSha256_128 => 16,
            Etype::Aes256CtsHmacSha384_192 => 24,
        }
    }

    /// How many bytes longer than its plaintext a message is.
    #[must_use]
    pub const fn overhead(self) -> usize {
        CONFOUNDER_LEN + self.checksum_len()
    }

    /// PBKDF2 iterations where ETYPE-INFO2 says nothing else (RFC 3962 4, RFC 8009 4).
    #[must_use]
    pub const fn default_iterations(self) -> u32 {
        match self {
            Etype::Aes128CtsHmacSha1_96 | Etype::Aes256CtsHmacSha1_96 => 4096,
            Etype::Aes128CtsHmacSha256_128 | Etype::Aes256CtsHmacSha384_192 => 32768,
        }
    }
}

impl std::fmt::Display for Etype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
