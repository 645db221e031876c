//! Values that keep their bytes, and the numbers that protocols write in ways of their own.

use core::fmt;
use core::ops::Deref;

use der::{
    Decode, DecodeOwned, DecodeValue, Encode, EncodeValue, Error, FixedTag, Header, Length, Reader,
    Tag, Tagged, Writer,
};

use super::{Malformed, encode, whole};

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
