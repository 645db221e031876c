//! What the ASN.1 modules share: whole messages in and out, and the few types that `der` leaves to its users.
//!
//! Every decoder here is strict DER over a slice that the caller has already received: nothing is
//! allocated by a length the peer chose beyond what arrived, trailing bytes are refused, and depth is
//! bounded by the types themselves (none refers to itself) and by `der`'s own limit of 64 levels.

mod cursor;

use core::fmt;
use core::ops::{Deref, DerefMut};

use self::cursor::{Buffer, Cursor};
pub use der::asn1::{Any, AnyRef, BitString, ObjectIdentifier};
use der::asn1::{Application, ApplicationRef};
pub use der::referenced::OwnedToRef;
use der::{
    Decode, DecodeOwned, DecodeValue, Encode, EncodeValue, Error, ErrorKind, FixedTag, Header,
    Length, Reader, Tag, TagNumber, Tagged, Writer,
};

pub use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned};

/// Why bytes are not the message that the caller expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than this kind of message may have.
    #[error("{what} of {length} bytes where at most {limit} are read")]
    TooLong {
        /// The message, by the name its specification gives it.
        what: &'static str,
        /// How many bytes came.
        length: usize,
        /// How many would have been accepted.
        limit: usize,
    },
    /// The bytes are not the DER encoding of the message.
    #[error("malformed {what}")]
    Syntax {
        /// The message, by the name its specification gives it.
        what: &'static str,
        /// What the decoder found, and where.
        #[source]
        source: Error,
    },
}

/// Reads exactly one value of at most `limit` bytes.
pub(crate) fn decode<'a, T>(
    bytes: &'a [u8],
    what: &'static str,
    limit: usize,
) -> Result<T, Malformed>
where
    T: Decode<'a, Error = Error>,
{
    check_length(bytes, what, limit)?;
    whole(bytes).map_err(|source| Malformed::Syntax { what, source })
}

/// Reads exactly one value.
fn whole<'a, T>(bytes: &'a [u8]) -> der::Result<T>
where
    T: Decode<'a, Error = Error>,
{
    let mut reader = Cursor::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// Reads exactly one value inside the explicit tag `[APPLICATION number]`.
pub(crate) fn decode_application<'a, T>(
    bytes: &'a [u8],
    number: u32,
    what: &'static str,
    limit: usize,
) -> Result<T, Malformed>
where
    T: Decode<'a, Error = Error>,
{
    check_length(bytes, what, limit)?;
    let read = || {
        let mut reader = Cursor::new(bytes);
        let Some(outer) = Application::<T>::decode_explicit(&mut reader, TagNumber(number))? else {
            let expected = Tag::Application {
                constructed: true,
                number: TagNumber(number),
            };
            return Err(Tag::peek(&reader)?.unexpected_error(Some(expected)).into());
        };
        reader.finish()?;
        Ok(outer.value)
    };
    read().map_err(|source| Malformed::Syntax { what, source })
}

fn check_length(bytes: &[u8], what: &'static str, limit: usize) -> Result<(), Malformed> {
    if bytes.len() > limit {
        return Err(Malformed::TooLong {
            what,
            length: bytes.len(),
            limit,
        });
    }
    Ok(())
}

/// Writes a value.
pub(crate) fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let write = || {
        let length = usize::try_from(value.encoded_len()?)?;
        let mut buffer = Buffer(Vec::with_capacity(length));
        value.encode(&mut buffer)?;
        Ok::<_, Error>(buffer.0)
    };
    write().expect("writing DER fails only beyond 4 GiB, which no message here reaches")
}

/// Writes a value inside the explicit tag `[APPLICATION number]`.
pub(crate) fn encode_application<T: EncodeValue + Tagged>(value: &T, number: u32) -> Vec<u8> {
    encode(&ApplicationRef {
        tag_number: TagNumber(number),
        tag_mode: der::TagMode::Explicit,
        value,
    })
}

/// Gives a type `decode` and `encode` for whole messages. `secret` makes `encode` return a buffer
/// that is wiped when dropped, for messages that carry keys in the clear.
macro_rules! message {
    ($type:ty, $name:literal, limit $limit:expr) => {
        message!(@decode $type, $name, $limit, "",
            |bytes| $crate::asn1::decode(bytes, $name, $limit));
        message!(@encode $type, $name, Vec<u8>, |value| $crate::asn1::encode(value));
    };
    ($type:ty, $name:literal, secret, limit $limit:expr) => {
        message!(@decode $type, $name, $limit, "",
            |bytes| $crate::asn1::decode(bytes, $name, $limit));
        message!(@encode $type, $name, zeroize::Zeroizing<Vec<u8>>,
            |value| zeroize::Zeroizing::new($crate::asn1::encode(value)));
    };
    ($type:ty, $name:literal, application $number:literal, limit $limit:expr) => {
        message!(@decode $type, $name, $limit, concat!(", tagged `[APPLICATION ", $number, "]`"),
            |bytes| $crate::asn1::decode_application(bytes, $number, $name, $limit));
        message!(@encode $type, $name, Vec<u8>,
            |value| $crate::asn1::encode_application(value, $number));
    };
    ($type:ty, $name:literal, application $number:literal, secret, limit $limit:expr) => {
        message!(@decode $type, $name, $limit, concat!(", tagged `[APPLICATION ", $number, "]`"),
            |bytes| $crate::asn1::decode_application(bytes, $number, $name, $limit));
        message!(@encode $type, $name, zeroize::Zeroizing<Vec<u8>>,
            |value| zeroize::Zeroizing::new($crate::asn1::encode_application(value, $number)));
    };
    (@decode $type:ty, $name:literal, $limit:expr, $tag:expr, |$bytes:ident| $decode:expr) => {
        impl $type {
            #[doc = concat!("The longest ", $name, " that is read, in bytes.")]
            pub const MAX_LENGTH: usize = $limit;

            #[doc = concat!("Reads a whole ", $name, $tag, ".")]
            ///
            /// # Errors
            /// [`Malformed`]($crate::asn1::Malformed) when the bytes are too many, are not strict
            /// DER of this type, or are followed by others.
            pub fn decode($bytes: &[u8]) -> core::result::Result<Self, $crate::asn1::Malformed> {
                $decode
            }
        }
    };
    (@encode $type:ty, $name:literal, $output:ty, |$value:ident| $encode:expr) => {
        impl $type {
            #[doc = concat!("Writes the whole ", $name, " as DER.")]
            #[must_use]
            pub fn encode(&self) -> $output {
                let $value = self;
                $encode
            }
        }
    };
}
pub(crate) use message;

/// A value together with the very bytes it was read from.
///
/// What is hashed or signed is the encoding that was sent, not one that we would have chosen: the
/// checksums over KDC-REQ-BODY (RFC 4556 3.2.1, RFC 4120 7.2.2) are computed over [`Der::as_bytes`].
/// The value cannot be changed, so the two never part.
#[derive(Clone, PartialEq, Eq)]
pub struct Der<T> {
    value: T,
    bytes: Vec<u8>,
    /// Where the contents begin, after tag and length.
    contents: usize,
}

impl<T> Der<T> {
    /// The encoding, tag and length included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value alone.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T: Encode + Tagged> Der<T> {
    /// Encodes a value that we make ourselves.
    #[must_use]
    pub fn new(value: T) -> Der<T> {
        let bytes = encode(&value);
        let contents = Header::from_der_partial(&bytes).map_or(0, |(_, contents)| {
            bytes.len().saturating_sub(contents.len())
        });
        Der {
            value,
            bytes,
            contents,
        }
    }
}

impl<T> Deref for Der<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Der<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<'a, T: DecodeOwned<Error = Error> + 'a> Decode<'a> for Der<T>
where
    for<'b> T: Decode<'b, Error = Error>,
{
    type Error = Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        let header_length = usize::try_from(Header::peek(reader)?.encoded_len()?)?;
        let bytes = reader.tlv_bytes()?.to_vec();
        Ok(Der {
            value: whole(&bytes)?,
            bytes,
            contents: header_length,
        })
    }
}

impl<T: Tagged> Tagged for Der<T> {
    fn tag(&self) -> Tag {
        self.value.tag()
    }
}

impl<T> EncodeValue for Der<T> {
    fn value_len(&self) -> der::Result<Length> {
        self.bytes.len().saturating_sub(self.contents).try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.bytes.get(self.contents..).unwrap_or_default())
    }
}

/// `SEQUENCE OF` with a bound on the number of elements that are read.
///
/// Dereferences to the `Vec`. The bound is a reader's defence: it holds when bytes are decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct SequenceOf<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> SequenceOf<T, MAX> {
    /// How many elements are read at most.
    pub const MAX: usize = MAX;

    /// Without elements.
    #[must_use]
    pub const fn new() -> Self {
        SequenceOf(Vec::new())
    }

    /// The elements.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for SequenceOf<T, MAX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const MAX: usize> Deref for SequenceOf<T, MAX> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T, const MAX: usize> DerefMut for SequenceOf<T, MAX> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T, const MAX: usize> From<Vec<T>> for SequenceOf<T, MAX> {
    fn from(elements: Vec<T>) -> Self {
        SequenceOf(elements)
    }
}

impl<T, const N: usize, const MAX: usize> From<[T; N]> for SequenceOf<T, MAX> {
    fn from(elements: [T; N]) -> Self {
        SequenceOf(elements.into())
    }
}

impl<T, const MAX: usize> FromIterator<T> for SequenceOf<T, MAX> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        SequenceOf(elements.into_iter().collect())
    }
}

impl<T, const MAX: usize> IntoIterator for SequenceOf<T, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'s, T, const MAX: usize> IntoIterator for &'s SequenceOf<T, MAX> {
    type Item = &'s T;
    type IntoIter = core::slice::Iter<'s, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: fmt::Debug, const MAX: usize> fmt::Debug for SequenceOf<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T, const MAX: usize> FixedTag for SequenceOf<T, MAX> {
    const TAG: Tag = Tag::Sequence;
}

impl<'a, T: Decode<'a, Error = Error>, const MAX: usize> DecodeValue<'a> for SequenceOf<T, MAX> {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, _header: Header) -> der::Result<Self> {
        let mut elements = Vec::new();
        while !reader.is_finished() {
            if elements.len() == MAX {
                return Err(reader.error(ErrorKind::Overlength));
            }
            elements.push(T::decode(reader)?);
        }
        Ok(SequenceOf(elements))
    }
}

impl<T: Encode, const MAX: usize> EncodeValue for SequenceOf<T, MAX> {
    fn value_len(&self) -> der::Result<Length> {
        self.0.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.0.encode_value(writer)
    }
}

/// `SET OF` with a bound on the number of elements that are read.
///
/// Read in whatever order they come, for senders differ and no meaning hangs on it; written in the
/// ascending order of their encodings, as DER has it (X.690 11.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetOf<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> SetOf<T, MAX> {
    /// The elements.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> Deref for SetOf<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Encode, const MAX: usize> FromIterator<T> for SetOf<T, MAX> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut elements: Vec<T> = elements.into_iter().collect();
        if elements.len() > 1 {
            elements.sort_by_cached_key(encode);
        }
        SetOf(elements)
    }
}

impl<T, const MAX: usize> FixedTag for SetOf<T, MAX> {
    const TAG: Tag = Tag::Set;
}

impl<'a, T: Decode<'a, Error = Error>, const MAX: usize> DecodeValue<'a> for SetOf<T, MAX> {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        SequenceOf::<T, MAX>::decode_value(reader, header).map(|elements| SetOf(elements.0))
    }
}

impl<T: Encode, const MAX: usize> EncodeValue for SetOf<T, MAX> {
    fn value_len(&self) -> der::Result<Length> {
        self.0.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.0.encode_value(writer)
    }
}

/// Any one value, kept as the bytes of its encoding: tag, length and contents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// Takes bytes that are exactly one value.
    ///
    /// # Errors
    /// [`Malformed::Syntax`] when they are not. Only the outermost tag and length are looked at.
    pub fn new(bytes: &'a [u8]) -> Result<Raw<'a>, Malformed> {
        let what = "DER value";
        Raw::from_der(bytes).map_err(|source| Malformed::Syntax { what, source })
    }

    /// The encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<'a> Decode<'a> for Raw<'a> {
    type Error = Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        reader.tlv_bytes().map(Raw)
    }
}

impl Encode for Raw<'_> {
    fn encoded_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

/// An unsigned 32-bit `INTEGER`, as RFC 4120 5.2.4 defines `UInt32`.
///
/// Some clients write one above 2^31 as the negative number of the same four bytes (RFC 4120 5.5.1
/// tells of it for sequence numbers, MS-KILE for key versions); it is read as the number they mean
/// and written in the canonical form.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UInt32(pub u32);

impl From<u32> for UInt32 {
    fn from(value: u32) -> Self {
        UInt32(value)
    }
}

impl From<UInt32> for u32 {
    fn from(value: UInt32) -> Self {
        value.0
    }
}

impl fmt::Debug for UInt32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UInt32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FixedTag for UInt32 {
    const TAG: Tag = Tag::Integer;
}

impl<'a> DecodeValue<'a> for UInt32 {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        let value = i64::decode_value(reader, header)?;
        u32::try_from(value)
            .or_else(|_| i32::try_from(value).map(i32::cast_unsigned))
            .map(UInt32)
            .map_err(|_| reader.error(Self::TAG.value_error()))
    }
}

impl EncodeValue for UInt32 {
    fn value_len(&self) -> der::Result<Length> {
        self.0.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        self.0.encode_value(writer)
    }
}

/// An `INTEGER` that has one right value: protocol versions and message types.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Constant<const VALUE: i32>;

impl<const VALUE: i32> fmt::Debug for Constant<VALUE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        VALUE.fmt(f)
    }
}

impl<const VALUE: i32> FixedTag for Constant<VALUE> {
    const TAG: Tag = Tag::Integer;
}

impl<'a, const VALUE: i32> DecodeValue<'a> for Constant<VALUE> {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        if i32::decode_value(reader, header)? != VALUE {
            return Err(reader.error(Self::TAG.value_error()));
        }
        Ok(Constant)
    }
}

impl<const VALUE: i32> EncodeValue for Constant<VALUE> {
    fn value_len(&self) -> der::Result<Length> {
        VALUE.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        VALUE.encode_value(writer)
    }
}

/// What later versions of an extensible `SEQUENCE` (`...`) put after the components we know: tags of
/// `[FIRST]` and above. Kept as it came, so that the value is written back unchanged.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extensions<const FIRST: u32>(Vec<u8>);

impl<const FIRST: u32> Extensions<FIRST> {
    /// No extension, which is what we send.
    pub const NONE: Self = Extensions(Vec::new());

    /// The encodings, one after another.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const FIRST: u32> fmt::Debug for Extensions<FIRST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<'a, const FIRST: u32> Decode<'a> for Extensions<FIRST> {
    type Error = Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        let mut bytes = Vec::new();
        while !reader.is_finished() {
            match Tag::peek(reader)? {
                Tag::ContextSpecific { number, .. } if number.value() >= FIRST => {
                    bytes.extend_from_slice(reader.tlv_bytes()?);
                }
                tag => return Err(reader.error(tag.unexpected_error(None))),
            }
        }
        Ok(Extensions(bytes))
    }
}

impl<const FIRST: u32> Encode for Extensions<FIRST> {
    fn encoded_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(&self.0)
    }
}

/// Makes a newtype over a number with named values: `Debug` and `Display` show the name.
macro_rules! numbers {
    ($(#[$doc:meta])* pub struct $type:ident($repr:ty) { $($(#[$value_doc:meta])* $name:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub $repr);

        impl $type {
            $($(#[$value_doc])* pub const $name: $type = $type($value);)*

            /// The name that the specification gives this number, if it is one we know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{name} ({})", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}
pub(crate) use numbers;

/// The same for an ASN.1 `Int32`.
macro_rules! int32_numbers {
    ($(#[$doc:meta])* pub struct $type:ident { $($(#[$value_doc:meta])* $name:ident = $value:literal,)* }) => {
        $crate::asn1::numbers! {
            $(#[$doc])* pub struct $type(i32) { $($(#[$value_doc])* $name = $value,)* }
        }

        impl der::FixedTag for $type {
            const TAG: der::Tag = der::Tag::Integer;
        }

        impl<'a> der::DecodeValue<'a> for $type {
            type Error = der::Error;

            fn decode_value<R: der::Reader<'a>>(reader: &mut R, header: der::Header) -> der::Result<Self> {
                i32::decode_value(reader, header).map($type)
            }
        }

        impl der::EncodeValue for $type {
            fn value_len(&self) -> der::Result<der::Length> {
                self.0.value_len()
            }

            fn encode_value(&self, writer: &mut impl der::Writer) -> der::Result<()> {
                self.0.encode_value(writer)
            }
        }
    };
}
pub(crate) use int32_numbers;
