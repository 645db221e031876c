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

/// What a key is used for: RFC 3961's key usage number. Each use derives keys of its own, so that a
/// message of one kind never passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyUsage(pub u32);

/// The numbers of RFC 4120 7.5.1 and of the extensions that we speak.
impl KeyUsage {
    /// PA-ENC-TIMESTAMP, under the client's key.
    pub const AS_REQ_TIMESTAMP: KeyUsage = KeyUsage(1);
    /// The encrypted part of a ticket, under the service's key.
    pub const TICKET: KeyUsage = KeyUsage(2);
    /// The encrypted part of an AS-REP, under the reply key.
    pub const AS_REP: KeyUsage = KeyUsage(3);
    /// Authorization data of a TGS-REQ, under the ticket's session key.
    pub const TGS_REQ_AUTHORIZATION_DATA_SESSION: KeyUsage = KeyUsage(4);
    /// Authorization data of a TGS-REQ, under the authenticator's subkey.
    pub const TGS_REQ_AUTHORIZATION_DATA_SUBKEY: KeyUsage = KeyUsage(5);
    /// The checksum in a TGS-REQ's authenticator; also `asChecksum` of PKINIT's RSA mode.
    pub const TGS_REQ_CHECKSUM: KeyUsage = KeyUsage(6);
    /// The authenticator of a TGS-REQ.
    pub const TGS_REQ_AUTHENTICATOR: KeyUsage = KeyUsage(7);
    /// The encrypted part of a TGS-REP, under the ticket's session key.
    pub const TGS_REP_SESSION: KeyUsage = KeyUsage(8);
    /// The encrypted part of a TGS-REP, under the authenticator's subkey.
    pub const TGS_REP_SUBKEY: KeyUsage = KeyUsage(9);
    /// The checksum in an AP-REQ's authenticator.
    pub const AP_REQ_CHECKSUM: KeyUsage = KeyUsage(10);
    /// The authenticator of an AP-REQ.
    pub const AP_REQ_AUTHENTICATOR: KeyUsage = KeyUsage(11);
    /// The encrypted part of an AP-REP.
    pub const AP_REP: KeyUsage = KeyUsage(12);
    /// The encrypted part of a KRB-PRIV message.
    pub const KRB_PRIV: KeyUsage = KeyUsage(13);
    /// The encrypted part of a KRB-CRED message.
    pub const KRB_CRED: KeyUsage = KeyUsage(14);
    /// The checksum of a KRB-SAFE message.
    pub const KRB_SAFE_CHECKSUM: KeyUsage = KeyUsage(15);
    /// PAC_CREDENTIAL_INFO, under the AS reply key (MS-PAC 2.6.1).
    pub const PAC_CREDENTIALS: KeyUsage = KeyUsage(16);
    /// The signatures of a PAC (MS-PAC 2.8: KERB_NON_KERB_CKSUM_SALT).
    pub const PAC_SIGNATURE: KeyUsage = KeyUsage(17);
    /// GSS-API tokens sealed by the acceptor (RFC 4121 2).
    pub const GSS_ACCEPTOR_SEAL: KeyUsage = KeyUsage(22);
    /// GSS-API tokens signed by the acceptor (RFC 4121 2).
    pub const GSS_ACCEPTOR_SIGN: KeyUsage = KeyUsage(23);
    /// GSS-API tokens sealed by the initiator (RFC 4121 2).
    pub const GSS_INITIATOR_SEAL: KeyUsage = KeyUsage(24);
    /// GSS-API tokens signed by the initiator (RFC 4121 2).
    pub const GSS_INITIATOR_SIGN: KeyUsage = KeyUsage(25);
    /// The checksum over a FAST request (RFC 6113 5.4.2).
    pub const FAST_REQ_CHECKSUM: KeyUsage = KeyUsage(50);
    /// A FAST request (RFC 6113 5.4.2).
    pub const FAST_ENC: KeyUsage = KeyUsage(51);
    /// A FAST reply (RFC 6113 5.4.3).
    pub const FAST_REP: KeyUsage = KeyUsage(52);
    /// The checksum over the ticket in a FAST reply (RFC 6113 5.4.3).
    pub const FAST_FINISHED: KeyUsage = KeyUsage(53);
    /// The client's encrypted challenge (RFC 6113 5.4.6).
    pub const ENCRYPTED_CHALLENGE_CLIENT: KeyUsage = KeyUsage(54);
    /// The KDC's encrypted challenge (RFC 6113 5.4.6).
    pub const ENCRYPTED_CHALLENGE_KDC: KeyUsage = KeyUsage(55);
    /// The AS-REQ checksum in PA-REQ-ENC-PA-REP (RFC 6806 11).
    pub const AS_REQ_CHECKSUM: KeyUsage = KeyUsage(56);
}
