//! NDR transfer syntax (C706 chapter 14) in type serialization version 1 (MS-RPCE 2.2.6), as far as the PAC needs it.
//!
//! A structure is written in two rounds: first its members in order, pointers as referent ids, then what the
//! pointers point to, in the order of the pointers. [`Writer`] and [`Reader`] do the primitive parts; who calls
//! them keeps the order.

use crate::sid::Sid;

/// Why bytes are not the NDR structure they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNdr {
    /// The serialization header is not that of version 1, little-endian.
    #[error("not an NDR type serialization of version 1, little-endian")]
    Header,
    /// The bytes end before the structure does, or a count promises more than there is.
    #[error("the NDR structure ends early")]
    Truncated,
    /// Two counts of the same thing differ.
    #[error("counts in the NDR structure contradict one another")]
    Count,
    /// A pointer that must not be null is, or points to nothing while its count does not say so.
    #[error("a pointer in the NDR structure is null")]
    Null,
    /// A string is not UTF-16.
    #[error("a string in the NDR structure is not UTF-16")]
    String,
    /// A SID is malformed.
    #[error("a SID in the NDR structure is malformed")]
    Sid,
    /// Bytes follow the structure that are more than its padding.
    #[error("bytes follow the NDR structure")]
    Trailing,
}

/// Version 1, little-endian, header length 8, filler (MS-RPCE 2.2.6.1).
const COMMON_HEADER: [u8; 8] = [0x01, 0x10, 0x08, 0x00, 0xcc, 0xcc, 0xcc, 0xcc];

/// Bytes of both headers: the common one, and the length of what follows with four bytes of filler.
const HEADERS: usize = 16;

/// What most structures fit into, so that it is allocated once.
const USUAL_LENGTH: usize = 768;

/// Writes one structure.
#[derive(Debug)]
pub(crate) struct Writer {
    /// With the headers, whose length is a multiple of every alignment.
    bytes: Vec<u8>,
    next_referent: u32,
}

impl Writer {
    /// Begins with the pointer to the structure, which is what is serialised.
    pub(crate) fn new() -> Writer {
        let mut writer = Writer {
            bytes: Vec::with_capacity(USUAL_LENGTH),
            next_referent: 0x0002_0000,
        };
        writer.bytes.extend(COMMON_HEADER);
        writer.bytes.extend([0; HEADERS - COMMON_HEADER.len()]);
        writer.pointer(true);
        writer
    }

    /// The serialised structure with its headers, padded to eight bytes (MS-RPCE 2.2.6.2).
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.align(8);
        let length = (self.bytes.len() - HEADERS) as u32;
        if let Some(place) = self
            .bytes
            .get_mut(COMMON_HEADER.len()..COMMON_HEADER.len() + 4)
        {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.bytes
    }

    fn align(&mut self, boundary: usize) {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(boundary), 0);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.align(2);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    /// FILETIME is two 32-bit members, so it aligns to four bytes (MS-DTYP 2.3.3).
    pub(crate) fn filetime(&mut self, value: u64) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// A referent id, or null.
    pub(crate) fn pointer(&mut self, present: bool) {
        if present {
            self.u32(self.next_referent);
            self.next_referent = self.next_referent.wrapping_add(4);
        } else {
            self.u32(0);
        }
    }

    /// The inline part of RPC_UNICODE_STRING (MS-DTYP 2.3.10).
    pub(crate) fn string_head(&mut self, string: &Utf16) {
        self.u16(string.byte_length());
        self.u16(string.byte_length() + 2 * string.spare);
        self.pointer(true);
    }

    /// The pointee of RPC_UNICODE_STRING: a conformant and varying array.
    pub(crate) fn string_body(&mut self, string: &Utf16) {
        let count = string.units.len() as u32;
        self.u32(count + u32::from(string.spare));
        self.u32(0);
        self.u32(count);
        for unit in &string.units {
            self.bytes.extend(unit.to_le_bytes());
        }
    }

    /// A SID as a conformant structure (MS-DTYP 2.4.2.3).
    pub(crate) fn sid_body(&mut self, sid: &Sid) {
        self.u32(sid.sub_authorities().len() as u32);
        self.raw(&sid.to_bytes());
    }
}

/// A string that fits RPC_UNICODE_STRING, whose length in bytes is a 16-bit number.
#[derive(Debug)]
pub(crate) struct Utf16 {
    units: Vec<u16>,
    /// How many more units the writer says that it has allocated.
    spare: u16,
}

impl Utf16 {
    /// The longest string in code units: its length in bytes and that of a terminator fit 16 bits.
    pub(crate) const MAX_UNITS: usize = 32766;

    /// `None` when the string is longer than [`Utf16::MAX_UNITS`].
    pub(crate) fn new(text: &str) -> Option<Utf16> {
        // There are never more units than bytes of UTF-8.
        let mut units = Vec::with_capacity(text.len());
        units.extend(text.encode_utf16());
        (units.len() <= Utf16::MAX_UNITS).then_some(Utf16 { units, spare: 0 })
    }

    /// The same string with room for a terminator in its MaximumLength, as Windows writes some.
    pub(crate) fn with_room_for_terminator(self) -> Utf16 {
        Utf16 { spare: 1, ..self }
    }

    pub(crate) fn byte_length(&self) -> u16 {
        (self.units.len() * 2) as u16
    }

    pub(crate) fn to_le_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * self.units.len());
        for unit in &self.units {
            bytes.extend(unit.to_le_bytes());
        }
        bytes
    }
}

/// Reads UTF-16, little-endian, without a terminator.
pub(crate) fn utf16_from_le_bytes(bytes: &[u8]) -> Option<String> {
    let (units, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<String, _>>()
        .ok()
}

/// What the inline part of RPC_UNICODE_STRING promises of its pointee.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StringHead {
    length: u16,
    present: bool,
}

/// Reads one structure.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Reads the headers and the pointer to the structure.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Reader<'a>, InvalidNdr> {
        let (head, rest) = bytes
            .split_first_chunk::<16>()
            .ok_or(InvalidNdr::Truncated)?;
        // The filler has a documented value, and readers are told to ignore it.
        let [
            version,
            endianness,
            length_low,
            length_high,
            _,
            _,
            _,
            _,
            a,
            b,
            c,
            d,
            ..,
        ] = *head;
        if [version, endianness, length_low, length_high] != [0x01, 0x10, 0x08, 0x00] {
            return Err(InvalidNdr::Header);
        }
        let length =
            usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(|_| InvalidNdr::Truncated)?;
        let bytes = rest.get(..length).ok_or(InvalidNdr::Truncated)?;
        if rest.len() - length >= 8 {
            return Err(InvalidNdr::Trailing);
        }
        let mut reader = Reader { bytes, position: 0 };
        if reader.pointer()? {
            Ok(reader)
        } else {
            Err(InvalidNdr::Null)
        }
    }

    /// Ends reading: nothing but padding may be left.
    pub(crate) fn finish(self) -> Result<(), InvalidNdr> {
        if self.bytes.len().saturating_sub(self.position) < 8 {
            Ok(())
        } else {
            Err(InvalidNdr::Trailing)
        }
    }

    fn align(&mut self, boundary: usize) {
        self.position = self.position.next_multiple_of(boundary);
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], InvalidNdr> {
        let end = self
            .position
            .checked_add(count)
            .ok_or(InvalidNdr::Truncated)?;
        let taken = self
            .bytes
            .get(self.position..end)
            .ok_or(InvalidNdr::Truncated)?;
        self.position = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvalidNdr> {
        self.take(N)?.try_into().map_err(|_| InvalidNdr::Truncated)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, InvalidNdr> {
        self.align(2);
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, InvalidNdr> {
        self.align(4);
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn filetime(&mut self) -> Result<u64, InvalidNdr> {
        self.align(4);
        self.array().map(u64::from_le_bytes)
    }

    /// Whether a pointer points to something.
    pub(crate) fn pointer(&mut self) -> Result<bool, InvalidNdr> {
        Ok(self.u32()? != 0)
    }

    pub(crate) fn string_head(&mut self) -> Result<StringHead, InvalidNdr> {
        let length = self.u16()?;
        self.u16()?; // MaximumLength: how much the writer had allocated.
        Ok(StringHead {
            length,
            present: self.pointer()?,
        })
    }

    /// The string that a head promised. A null pointer is an empty string.
    pub(crate) fn string_body(&mut self, head: StringHead) -> Result<String, InvalidNdr> {
        if !head.present {
            return if head.length == 0 {
                Ok(String::new())
            } else {
                Err(InvalidNdr::Null)
            };
        }
        let maximum = self.u32()?;
        let offset = self.u32()?;
        let count = self.u32()?;
        if offset != 0 || count > maximum || count.checked_mul(2) != Some(u32::from(head.length)) {
            return Err(InvalidNdr::Count);
        }
        utf16_from_le_bytes(self.take(usize::from(head.length))?).ok_or(InvalidNdr::String)
    }

    pub(crate) fn sid_body(&mut self) -> Result<Sid, InvalidNdr> {
        let count = usize::try_from(self.u32()?).map_err(|_| InvalidNdr::Sid)?;
        if count > Sid::MAX_SUB_AUTHORITIES {
            return Err(InvalidNdr::Sid);
        }
        Sid::from_bytes(self.take(8 + 4 * count)?).map_err(|_| InvalidNdr::Sid)
    }

    /// The elements, of 8 bytes each, of a conformant array whose count was written before: checked against what
    /// is there before anything is made of it.
    pub(crate) fn array_of_pairs(
        &mut self,
        present: bool,
        count: u32,
    ) -> Result<impl Iterator<Item = (u32, u32)> + use<'a>, InvalidNdr> {
        let bytes = if present {
            if self.u32()? != count {
                return Err(InvalidNdr::Count);
            }
            let length = usize::try_from(count)
                .ok()
                .and_then(|count| count.checked_mul(8));
            self.take(length.ok_or(InvalidNdr::Truncated)?)?
        } else if count == 0 {
            &[]
        } else {
            return Err(InvalidNdr::Null);
        };
        let (pairs, _) = bytes.as_chunks::<8>();
        Ok(pairs.iter().map(|&[a, b, c, d, e, f, g, h]| {
            (
                u32::from_le_bytes([a, b, c, d]),
                u32::from_le_bytes([e, f, g, h]),
            )
        }))
    }
}
