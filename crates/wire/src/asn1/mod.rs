//! What the ASN.1 modules share: whole messages in and out, and the few types that `der` leaves to its users.
//!
//! Every decoder here is strict DER over a slice that the caller has already received: nothing is
//! allocated by a length the peer chose beyond what arrived, trailing bytes are refused, and depth is
//! bounded by the types themselves (none refers to itself) and by `der`'s own limit of 64 levels.

pub(crate) mod backwards;
mod cursor;
mod list;
mod numbers;
mod value;

pub use der::asn1::{Any, AnyRef, BitString, ObjectIdentifier};
pub use der::referenced::OwnedToRef;
pub use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned};

pub use self::list::{SequenceOf, SetOf};
pub(crate) use self::numbers::{int32_numbers, numbers};
pub use self::value::{Constant, Der, Extensions, Raw, UInt32};

use der::asn1::{Application, ApplicationRef};
use der::{Decode, Encode, EncodeValue, Error, Reader, Tag, TagNumber, Tagged};

use self::cursor::{Buffer, Cursor};

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

/// Reads an AlgorithmIdentifier that fills `der`; `None` where it does not.
#[must_use]
pub fn algorithm_identifier(der: &[u8]) -> Option<AlgorithmIdentifierOwned> {
    AlgorithmIdentifierOwned::from_der(der).ok()
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
/// that is wiped when dropped, for messages that carry keys in the clear. `backwards` writes by
/// [`backwards::WriteBackwards`].
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
    ($type:ty, $name:literal, backwards, limit $limit:expr) => {
        message!(@decode $type, $name, $limit, "",
            |bytes| $crate::asn1::decode(bytes, $name, $limit));
        message!(@encode $type, $name, Vec<u8>,
            |value| $crate::asn1::backwards::encode_backwards(value));
    };
    ($type:ty, $name:literal, application $number:literal, backwards, limit $limit:expr) => {
        message!(@decode $type, $name, $limit, concat!(", tagged `[APPLICATION ", $number, "]`"),
            |bytes| $crate::asn1::decode_application(bytes, $number, $name, $limit));
        message!(@encode $type, $name, Vec<u8>,
            |value| $crate::asn1::backwards::encode_application_backwards(value, $number));
    };
    ($type:ty, $name:literal, application $number:literal, secret, backwards, limit $limit:expr) => {
        message!(@decode $type, $name, $limit, concat!(", tagged `[APPLICATION ", $number, "]`"),
            |bytes| $crate::asn1::decode_application(bytes, $number, $name, $limit));
        message!(@encode $type, $name, zeroize::Zeroizing<Vec<u8>>,
            |value| $crate::asn1::backwards::encode_application_secret(value, $number));
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
