//! Lists with a bound, and sets in any order.

use core::fmt;
use core::ops::{Deref, DerefMut};

use der::{
    Decode, DecodeValue, Encode, EncodeValue, Error, ErrorKind, FixedTag, Header, Length, Reader,
    Tag, Writer,
};

use super::encode;

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
