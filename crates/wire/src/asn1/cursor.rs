//! Reading and writing for `der` without what its general reader and writer spend on every byte: a
//! request is decoded several times as fast, and the rules are the same.

use der::{EncodingRules, Error, ErrorKind, Length, Reader, Writer};

/// Levels of nesting at most, as `der`'s own reader has it. No type here comes near.
const MAX_DEPTH: u8 = 64;

/// A place in a slice.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    /// Up to the end of the innermost value that is being read.
    input: &'a [u8],
    at: usize,
    depth: u8,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(input: &'a [u8]) -> Cursor<'a> {
        Cursor {
            input,
            at: 0,
            depth: 0,
        }
    }

    #[cold]
    fn incomplete(&self) -> Error {
        self.failed(ErrorKind::Incomplete {
            expected_len: length(self.input.len().saturating_add(1)),
            actual_len: length(self.input.len()),
        })
    }

    #[cold]
    fn failed(&self, kind: ErrorKind) -> Error {
        kind.at(length(self.at))
    }

    #[cold]
    fn trailing(&self) -> Error {
        self.failed(ErrorKind::TrailingData {
            decoded: length(self.at),
            remaining: length(self.input.len().saturating_sub(self.at)),
        })
    }
}

/// Every message has a limit far below what a `Length` holds.
fn length(length: usize) -> Length {
    Length::new(u32::try_from(length).unwrap_or(u32::MAX))
}

impl<'a> Reader<'a> for Cursor<'a> {
    const CAN_READ_SLICE: bool = true;

    #[inline]
    fn encoding_rules(&self) -> EncodingRules {
        EncodingRules::Der
    }

    #[inline]
    fn input_len(&self) -> Length {
        length(self.input.len())
    }

    #[inline]
    fn position(&self) -> Length {
        length(self.at)
    }

    #[inline]
    fn is_finished(&self) -> bool {
        self.at >= self.input.len()
    }

    #[inline]
    fn remaining_len(&self) -> Length {
        length(self.input.len().saturating_sub(self.at))
    }

    #[inline]
    fn peek_byte(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    #[inline]
    fn read_byte(&mut self) -> Result<u8, Error> {
        match self.input.get(self.at) {
            Some(byte) => {
                self.at = self.at.saturating_add(1);
                Ok(*byte)
            }
            None => Err(self.incomplete()),
        }
    }

    #[inline]
    fn read_slice(&mut self, length: Length) -> Result<&'a [u8], Error> {
        let end = self.at.saturating_add(u32::from(length) as usize);
        match self.input.get(self.at..end) {
            Some(slice) => {
                self.at = end;
                Ok(slice)
            }
            None => Err(self.incomplete()),
        }
    }

    #[inline]
    fn read_nested<T, F, E>(&mut self, length: Length, read: F) -> Result<T, E>
    where
        F: FnOnce(&mut Self) -> Result<T, E>,
        E: From<Error>,
    {
        let outer = self.input;
        let end = self.at.saturating_add(u32::from(length) as usize);
        let Some(inner) = outer.get(..end) else {
            return Err(self.incomplete().into());
        };
        if self.depth == MAX_DEPTH {
            return Err(self.failed(ErrorKind::NestingDepth).into());
        }
        self.depth += 1;
        self.input = inner;
        let value = read(self)?;
        if self.at != end {
            return Err(self.trailing().into());
        }
        self.input = outer;
        self.depth -= 1;
        Ok(value)
    }

    fn finish(self) -> Result<(), Error> {
        if self.is_finished() {
            Ok(())
        } else {
            Err(self.trailing())
        }
    }
}

/// A buffer that grows.
pub(super) struct Buffer(pub(super) Vec<u8>);

impl Writer for Buffer {
    #[inline]
    fn write(&mut self, slice: &[u8]) -> der::Result<()> {
        self.0.extend_from_slice(slice);
        Ok(())
    }

    #[inline]
    fn write_byte(&mut self, byte: u8) -> der::Result<()> {
        self.0.push(byte);
        Ok(())
    }
}
