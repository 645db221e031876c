//! Changing a password: the messages of port 464 (RFC 3244).
//!
//! ```text
//! u16 message length, of the whole | u16 protocol version | u16 length of AP-REQ or AP-REP
//! | AP-REQ or AP-REP | KRB-PRIV, or KRB-ERROR where the length before is zero
//! ```
//!
//! All numbers are big-endian. In version 1 the KRB-PRIV holds the new password itself; in version 0xff80 a
//! [`ChangePasswdData`]. A reply holds a [`PasswordResult`] in both.

use core::fmt;

use der::Sequence;

use super::basic::Realm;
use super::numbers::MessageType;
use super::principal::PrincipalName;
use super::{ApRep, ApReq, KrbError, KrbPriv};
use crate::asn1::{Malformed, message, numbers};
use crate::read::Reader;

/// Which of the two protocols a message speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordVersion {
    /// 1: one's own password, the bytes of which are all that is sent. Every reply has it too.
    Change,
    /// 0xff80: with a [`ChangePasswdData`], which may name somebody else.
    Set,
}

impl PasswordVersion {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            PasswordVersion::Change => 1,
            PasswordVersion::Set => 0xff80,
        }
    }

    /// The version with this number.
    #[must_use]
    pub const fn from_number(number: u16) -> Option<PasswordVersion> {
        match number {
            1 => Some(PasswordVersion::Change),
            0xff80 => Some(PasswordVersion::Set),
            _ => None,
        }
    }
}

/// Why bytes are not a message of the password protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPasswordMessage {
    /// The message ends before what it announces.
    #[error("the message ends early")]
    Truncated,
    /// The length in front is not that of the message.
    #[error("a message of {actual} bytes says that it has {stated}")]
    Length {
        /// What it says.
        stated: u16,
        /// What it has.
        actual: usize,
    },
    /// A version that nobody knows: to be answered with [`PasswordResultCode::BAD_VERSION`].
    #[error("version {0:#06x} is not known")]
    Version(u16),
    /// One of the messages inside is malformed.
    #[error(transparent)]
    Message(#[from] Malformed),
}

/// A message whose parts do not fit the 16 bits of its lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is longer than 65535 bytes")]
pub struct PasswordMessageTooLong;

/// A request (RFC 3244 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRequest {
    /// What the KRB-PRIV holds.
    pub version: PasswordVersion,
    /// A ticket for `kadmin/changepw`, with a subkey in its authenticator.
    pub ap_req: ApReq,
    /// The new password, in that subkey.
    pub krb_priv: KrbPriv,
}

impl PasswordRequest {
    /// Bytes before the AP-REQ: length, version, and the AP-REQ's length.
    pub const HEADER: usize = 6;

    /// Whether a message is framed as a request for a new password, whatever is inside: it begins with its own length
    /// and a known version. No message to a KDC does, which begins with the tag of its type and a DER length.
    #[must_use]
    pub fn is_one(message: &[u8]) -> bool {
        let mut reader = Reader::new(message);
        let stated = reader.u16_be().map(usize::from);
        let version = reader.u16_be().and_then(PasswordVersion::from_number);
        stated == Some(message.len()) && version.is_some()
    }

    /// Reads a request, without the four bytes of length that go before it over TCP.
    ///
    /// # Errors
    /// [`InvalidPasswordMessage`]; the version is looked at first after the length.
    pub fn decode(bytes: &[u8]) -> Result<PasswordRequest, InvalidPasswordMessage> {
        let (version, ap_req, krb_priv) = take_apart(bytes)?;
        Ok(PasswordRequest {
            version,
            ap_req: ApReq::decode(ap_req)?,
            krb_priv: KrbPriv::decode(krb_priv)?,
        })
    }

    /// Writes the request.
    ///
    /// # Errors
    /// [`PasswordMessageTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, PasswordMessageTooLong> {
        put_together(self.version, &self.ap_req.encode(), &self.krb_priv.encode())
    }
}

/// A reply (RFC 3244 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordReply {
    /// The service has proven itself; whether the password was changed the KRB-PRIV says.
    Result {
        /// Its proof.
        ap_rep: ApRep,
        /// A [`PasswordResult`], in the subkey of the request.
        krb_priv: KrbPriv,
    },
    /// The service could not get as far as that. `e-data` holds a [`PasswordResult`], unprotected.
    Error(KrbError),
}

impl PasswordReply {
    /// Reads a reply of either version, without the four bytes of length that go before it over TCP. A bare
    /// KRB-ERROR without the frame is read too: so Windows answers.
    ///
    /// # Errors
    /// [`InvalidPasswordMessage`].
    pub fn decode(bytes: &[u8]) -> Result<PasswordReply, InvalidPasswordMessage> {
        if MessageType::of(bytes) == Some(MessageType::KRB_ERROR) {
            return Ok(PasswordReply::Error(KrbError::decode(bytes)?));
        }
        let (_, ap_rep, rest) = take_apart(bytes)?;
        Ok(if ap_rep.is_empty() {
            PasswordReply::Error(KrbError::decode(rest)?)
        } else {
            PasswordReply::Result {
                ap_rep: ApRep::decode(ap_rep)?,
                krb_priv: KrbPriv::decode(rest)?,
            }
        })
    }

    /// Writes the reply. Its version is 1, whatever that of the request: so RFC 3244 2 has it, so MIT's
    /// service answers, and clients of both versions read it.
    ///
    /// # Errors
    /// [`PasswordMessageTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, PasswordMessageTooLong> {
        self.encode_as(PasswordVersion::Change)
    }

    /// Writes the reply under a version of the caller's choice.
    ///
    /// # Errors
    /// [`PasswordMessageTooLong`].
    pub fn encode_as(&self, version: PasswordVersion) -> Result<Vec<u8>, PasswordMessageTooLong> {
        match self {
            PasswordReply::Result { ap_rep, krb_priv } => {
                put_together(version, &ap_rep.encode(), &krb_priv.encode())
            }
            PasswordReply::Error(error) => put_together(version, &[], &error.encode()),
        }
    }
}

/// Version, AP-REQ or AP-REP, and what follows.
fn take_apart(bytes: &[u8]) -> Result<(PasswordVersion, &[u8], &[u8]), InvalidPasswordMessage> {
    const TRUNCATED: InvalidPasswordMessage = InvalidPasswordMessage::Truncated;
    let mut reader = Reader::new(bytes);
    let stated = reader.u16_be().ok_or(TRUNCATED)?;
    if usize::from(stated) != bytes.len() {
        return Err(InvalidPasswordMessage::Length {
            stated,
            actual: bytes.len(),
        });
    }
    let version = reader.u16_be().ok_or(TRUNCATED)?;
    let version =
        PasswordVersion::from_number(version).ok_or(InvalidPasswordMessage::Version(version))?;
    let length = reader.u16_be().ok_or(TRUNCATED)?;
    let first = reader.take(usize::from(length)).ok_or(TRUNCATED)?;
    Ok((version, first, reader.rest()))
}

fn put_together(
    version: PasswordVersion,
    first: &[u8],
    second: &[u8],
) -> Result<Vec<u8>, PasswordMessageTooLong> {
    let length = 6 + first.len() + second.len();
    let length = u16::try_from(length).map_err(|_| PasswordMessageTooLong)?;
    let mut bytes = Vec::with_capacity(usize::from(length));
    bytes.extend(length.to_be_bytes());
    bytes.extend(version.number().to_be_bytes());
    // Shorter than the whole, whose length fits.
    bytes.extend((first.len() as u16).to_be_bytes());
    bytes.extend(first);
    bytes.extend(second);
    Ok(bytes)
}

/// What the KRB-PRIV of version 0xff80 holds (RFC 3244 2).
///
/// ```text
/// ChangePasswdData ::= SEQUENCE {
///     newpasswd [0] OCTET STRING,
///     targname  [1] PrincipalName OPTIONAL,
///     targrealm [2] Realm OPTIONAL
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Sequence)]
pub struct ChangePasswdData {
    /// The new password, UTF-8. Wiped when dropped, never shown.
    #[asn1(context_specific = "0", type = "OCTET STRING", deref = "true")]
    pub newpasswd: Vec<u8>,
    /// Whose it is; absent, the client's own.
    #[asn1(context_specific = "1", optional = "true")]
    pub targname: Option<PrincipalName>,
    /// The realm of that principal.
    #[asn1(context_specific = "2", optional = "true")]
    pub targrealm: Option<Realm>,
}
message!(ChangePasswdData, "ChangePasswdData", secret, limit 16 * 1024);

impl Drop for ChangePasswdData {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.newpasswd);
    }
}

impl fmt::Debug for ChangePasswdData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangePasswdData")
            .field("targname", &self.targname)
            .field("targrealm", &self.targrealm)
            .finish_non_exhaustive()
    }
}

numbers! {
    /// What became of the request (RFC 3244 2).
    pub struct PasswordResultCode(u16) {
        /// The password was changed.
        SUCCESS = 0,
        /// The request is malformed.
        MALFORMED = 1,
        /// The service failed.
        HARDERROR = 2,
        /// The client is not authenticated.
        AUTHERROR = 3,
        /// The password is refused by policy.
        SOFTERROR = 4,
        /// The client may not do that.
        ACCESSDENIED = 5,
        /// The version is not supported.
        BAD_VERSION = 6,
        /// The ticket must come from the AS exchange.
        INITIAL_FLAG_NEEDED = 7,
    }
}

/// What a KRB-PRIV or a KRB-ERROR's `e-data` says about the request (RFC 3244 2):
/// `u16 result code | result string`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordResult {
    /// What became of it.
    pub code: PasswordResultCode,
    /// UTF-8 for a human, which clients show as it is; from Windows a [`PasswordPolicyInfo`].
    pub string: Vec<u8>,
}

impl PasswordResult {
    /// The longest result string that is read, in bytes.
    pub const MAX_STRING: usize = 4096;

    /// A result with words.
    #[must_use]
    pub fn new(code: PasswordResultCode, text: &str) -> PasswordResult {
        PasswordResult {
            code,
            string: text.as_bytes().to_vec(),
        }
    }

    /// Reads a result; `None` where it has no code, or words beyond [`PasswordResult::MAX_STRING`].
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<PasswordResult> {
        let mut reader = Reader::new(bytes);
        let code = PasswordResultCode(reader.u16_be()?);
        let string = reader.rest();
        (string.len() <= Self::MAX_STRING).then(|| PasswordResult {
            code,
            string: string.to_vec(),
        })
    }

    /// Writes the result.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&self.code.0.to_be_bytes(), self.string.as_slice()].concat()
    }

    /// The words, where the string is UTF-8 without a NUL and is not empty.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        core::str::from_utf8(&self.string)
            .ok()
            .filter(|text| !text.is_empty() && !text.contains('\0'))
    }

    /// The policy that Windows sends in place of words.
    #[must_use]
    pub fn policy(&self) -> Option<PasswordPolicyInfo> {
        PasswordPolicyInfo::decode(&self.string)
    }
}

/// The domain's rules for passwords, as Windows puts them into the result string and clients turn them
/// into words of their own language. No document defines it; MIT's and other clients read
///
/// ```text
/// u16 zero | u32 minimum length | u32 history | u32 properties | u64 expire | u64 minimum age
/// ```
///
/// big-endian, 30 bytes, times in units of 100 ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PasswordPolicyInfo {
    /// How many characters a password must have.
    pub min_length: u32,
    /// How many of the last passwords it may not be.
    pub history: u32,
    /// Flags such as [`PasswordPolicyInfo::COMPLEX`] (MS-SAMR 2.2.3.1, DOMAIN_PASSWORD_COMPLEX).
    pub properties: u32,
    /// How long a password lasts, in 100 ns.
    pub expire: u64,
    /// How old it must be to be changed, in 100 ns.
    pub min_age: u64,
}

impl PasswordPolicyInfo {
    /// How many bytes it has.
    pub const LENGTH: usize = 30;
    /// Letters alone are not enough, and no part of the name may be in it.
    pub const COMPLEX: u32 = 1;
    /// Only who is authenticated may change it.
    pub const NO_ANONYMOUS_CHANGE: u32 = 2;
    /// It is not changed in the clear.
    pub const NO_CLEAR_CHANGE: u32 = 4;
    /// Administrators are locked out too.
    pub const LOCKOUT_ADMINISTRATORS: u32 = 8;
    /// It is stored so that it can be read again.
    pub const STORE_CLEARTEXT: u32 = 16;
    /// Nobody changes their own.
    pub const REFUSE_CHANGE: u32 = 32;
    /// A day, in the units of [`PasswordPolicyInfo::min_age`].
    pub const DAY: u64 = 24 * 3600 * 10_000_000;

    /// Reads it; `None` where the length is another or the first two bytes are not zero.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<PasswordPolicyInfo> {
        let mut reader = Reader::new(bytes);
        let zero = reader.u16_be()?;
        let mut number = || reader.array().map(u32::from_be_bytes);
        let (min_length, history, properties) = (number()?, number()?, number()?);
        let mut time = || reader.array().map(u64::from_be_bytes);
        let (expire, min_age) = (time()?, time()?);
        (zero == 0 && reader.is_empty()).then_some(PasswordPolicyInfo {
            min_length,
            history,
            properties,
            expire,
            min_age,
        })
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        bytes.extend([0, 0]);
        bytes.extend(self.min_length.to_be_bytes());
        bytes.extend(self.history.to_be_bytes());
        bytes.extend(self.properties.to_be_bytes());
        bytes.extend(self.expire.to_be_bytes());
        bytes.extend(self.min_age.to_be_bytes());
        bytes
    }
}
