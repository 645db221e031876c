//! Attribute values.

use core::fmt;

use trust::Timestamp;
use unicode_normalization::UnicodeNormalization;
use wire::Sid;
use zeroize::Zeroizing;

use crate::codec::{Corrupt, Reader, Writer};
use crate::id::EntryId;
use crate::schema::Syntax;

/// Bytes that are wiped when they go and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over `bytes`; the vector is wiped when the secret goes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves, for the one place that uses them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

/// One value of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A directory string: Unicode, compared without regard to case (2.5.5.12).
    Text(String),
    /// An integer (2.5.5.9) or large integer (2.5.5.16).
    Integer(i64),
    /// TRUE or FALSE (2.5.5.8).
    Boolean(bool),
    /// An octet string (2.5.5.10).
    Octets(Vec<u8>),
    /// A security identifier (2.5.5.17).
    Sid(Sid),
    /// A moment: generalized time (2.5.5.11), or a large integer that AD keeps as FILETIME. The far future
    /// is [`Timestamp::NEVER`].
    Time(Timestamp),
    /// Another entry (2.5.5.1); shown as its current distinguished name.
    Link(EntryId),
    /// The value of a confidential attribute on its way into the directory. It rests wrapped, and comes
    /// out only through the typed values ([`crate::Account`]), never in an [`crate::Entry`].
    Secret(Secret),
}

impl Value {
    /// Whether the value is of `syntax`.
    #[must_use]
    pub const fn fits(&self, syntax: Syntax) -> bool {
        matches!(
            (self, syntax),
            (Self::Text(_), Syntax::DirectoryString)
                | (Self::Integer(_), Syntax::Integer | Syntax::LargeInteger)
                | (Self::Boolean(_), Syntax::Boolean)
                | (Self::Octets(_), Syntax::OctetString)
                | (Self::Sid(_), Syntax::Sid)
                | (Self::Time(_), Syntax::GeneralizedTime | Syntax::FileTime)
                | (Self::Link(_), Syntax::DistinguishedName)
                | (Self::Secret(_), Syntax::Secret)
        )
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        match self {
            Self::Text(text) => out.u8(1).text(text),
            Self::Integer(number) => out.u8(2).i64(*number),
            Self::Boolean(truth) => out.u8(3).u8(u8::from(*truth)),
            Self::Octets(bytes) => out.u8(4).blob(bytes),
            Self::Sid(sid) => out.u8(5).blob(&sid.to_bytes()),
            Self::Time(time) => out.u8(6).time(*time),
            Self::Link(id) => out.u8(7).id(*id),
            Self::Secret(secret) => out.u8(8).blob(secret.expose()),
        };
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(match from.u8()? {
            1 => Self::Text(from.text()?.to_owned()),
            2 => Self::Integer(from.i64()?),
            3 => Self::Boolean(from.u8()? != 0),
            4 => Self::Octets(from.blob()?.to_vec()),
            5 => Self::Sid(Sid::from_bytes(from.blob()?).map_err(|_| Corrupt)?),
            6 => Self::Time(from.time()?),
            7 => Self::Link(from.id()?),
            8 => Self::Secret(Secret::new(from.blob()?.to_vec())),
            _ => return Err(Corrupt),
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<Sid> for Value {
    fn from(sid: Sid) -> Self {
        Self::Sid(sid)
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<EntryId> for Value {
    fn from(id: EntryId) -> Self {
        Self::Link(id)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Octets(bytes)
    }
}

impl From<Secret> for Value {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

/// The form in which two texts are the same name: without surrounding or doubled spaces, in lower case, each letter with
/// its marks as one character where there is one (Unicode Standard Annex 15, NFC): keyboards and systems differ in how
/// they write `é`, and people see one name.
#[must_use]
pub fn folded(text: &str) -> String {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    {
        return text.to_owned();
    }
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        if word.is_ascii() {
            folded.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
        } else {
            folded.extend(word.nfd().flat_map(char::to_lowercase).nfc());
        }
    }
    folded
}

/// Whether a name is written with each letter and its marks as one character, where there is one (NFC): so that those
/// who compare its bytes, in tickets and tokens, find one spelling of it.
pub(crate) fn is_composed(text: &str) -> bool {
    text.is_ascii() || unicode_normalization::is_nfc(text)
}
