//! PACTYPE (MS-PAC 2.3): a table of typed buffers.

use core::fmt;
use core::ops::Range;

use super::buffers::SignatureData;
use crate::read::Reader;

/// The type of a PAC buffer (MS-PAC 2.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferType(pub u32);

impl BufferType {
    /// KERB_VALIDATION_INFO: who the client is, and its groups.
    pub const LOGON_INFO: BufferType = BufferType(1);
    /// PAC_CREDENTIAL_INFO, encrypted with the reply key of PKINIT.
    pub const CREDENTIALS_INFO: BufferType = BufferType(2);
    /// The signature by the service's key.
    pub const SERVER_CHECKSUM: BufferType = BufferType(6);
    /// The signature by the KDC's key over the server's signature.
    pub const KDC_CHECKSUM: BufferType = BufferType(7);
    /// PAC_CLIENT_INFO: the client's name and when it authenticated.
    pub const CLIENT_INFO: BufferType = BufferType(10);
    /// S4U_DELEGATION_INFO.
    pub const DELEGATION_INFO: BufferType = BufferType(11);
    /// UPN_DNS_INFO: the client's UPN, domain, SAM name and SID.
    pub const UPN_DNS_INFO: BufferType = BufferType(12);
    /// PAC_CLIENT_CLAIMS_INFO.
    pub const CLIENT_CLAIMS: BufferType = BufferType(13);
    /// PAC_DEVICE_INFO.
    pub const DEVICE_INFO: BufferType = BufferType(14);
    /// PAC_DEVICE_CLAIMS_INFO.
    pub const DEVICE_CLAIMS: BufferType = BufferType(15);
    /// The signature by the KDC's key over the ticket.
    pub const TICKET_CHECKSUM: BufferType = BufferType(16);
    /// PAC_ATTRIBUTES_INFO: how the PAC came to be in the ticket.
    pub const ATTRIBUTES_INFO: BufferType = BufferType(17);
    /// PAC_REQUESTOR: the SID of the client of a TGT.
    pub const REQUESTOR: BufferType = BufferType(18);
    /// The signature by the KDC's key over the whole PAC.
    pub const FULL_CHECKSUM: BufferType = BufferType(19);

    /// Whether the buffer is a PAC_SIGNATURE_DATA.
    #[must_use]
    pub const fn is_signature(self) -> bool {
        matches!(self.0, 6 | 7 | 16 | 19)
    }
}

impl fmt::Debug for BufferType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BufferType({})", self.0)
    }
}

impl fmt::Display for BufferType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why bytes are not a PAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPac {
    /// The version is not 0.
    #[error("the PAC's version is not 0")]
    Version,
    /// There are more than [`Pac::MAX_BUFFERS`] buffers.
    #[error("the PAC has more than {} buffers", Pac::MAX_BUFFERS)]
    TooMany,
    /// The table of buffers, or a buffer, reaches past the end.
    #[error("the PAC ends early")]
    Truncated,
    /// A buffer does not begin at a multiple of eight.
    #[error("PAC buffer {0} is not aligned")]
    Alignment(BufferType),
    /// A buffer lies over the table or over another buffer.
    #[error("PAC buffer {0} overlaps another")]
    Overlap(BufferType),
    /// Two buffers have the same type.
    #[error("the PAC has buffer {0} twice")]
    Duplicate(BufferType),
    /// A signature is shorter than its type demands.
    #[error("PAC signature {0} is malformed")]
    Signature(BufferType),
}

/// A signature that does not fit the place kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the PAC keeps no place of this length for signature {0}")]
pub struct CannotSetSignature(pub BufferType);

/// A PAC (MS-PAC 2.3), kept as the bytes that were received or built.
///
/// ```text
/// PACTYPE:         u32 cBuffers | u32 Version = 0 | PAC_INFO_BUFFER[cBuffers] | buffers, each aligned to 8
/// PAC_INFO_BUFFER: u32 ulType | u32 cbBufferSize | u64 Offset from the beginning
/// ```
///
/// Types are unique, buffers do not overlap, and signatures are as long as their checksum type says: all of this
/// is checked before anybody trusts a byte of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pac {
    bytes: Vec<u8>,
    buffers: Vec<(BufferType, Range<usize>)>,
}

impl Pac {
    /// The largest number of buffers that is read. Fewer than twenty types are documented.
    pub const MAX_BUFFERS: usize = 64;

    /// Reads a PAC's table.
    ///
    /// # Errors
    /// [`InvalidPac`] with what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Pac, InvalidPac> {
        let buffers = Pac::parse_table(bytes)?;
        Ok(Pac {
            bytes: bytes.to_vec(),
            buffers,
        })
    }

    fn parse_table(bytes: &[u8]) -> Result<Vec<(BufferType, Range<usize>)>, InvalidPac> {
        let mut reader = Reader::new(bytes);
        let count = reader.u32_le().ok_or(InvalidPac::Truncated)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if reader.u32_le().ok_or(InvalidPac::Truncated)? != 0 {
            return Err(InvalidPac::Version);
        }
        if count > Pac::MAX_BUFFERS {
            return Err(InvalidPac::TooMany);
        }
        let table = reader.take(count * 16).ok_or(InvalidPac::Truncated)?;
        let table_end = bytes.len() - reader.rest().len();

        let mut buffers: Vec<(BufferType, Range<usize>)> = Vec::with_capacity(count);
        let mut table = Reader::new(table);
        while let (Some(kind), Some(size), Some(offset)) =
            (table.u32_le(), table.u32_le(), table.u64_le())
        {
            let kind = BufferType(kind);
            if buffers.iter().any(|(known, _)| *known == kind) {
                return Err(InvalidPac::Duplicate(kind));
            }
            let start = usize::try_from(offset).map_err(|_| InvalidPac::Truncated)?;
            let size = usize::try_from(size).map_err(|_| InvalidPac::Truncated)?;
            if start % 8 != 0 {
                return Err(InvalidPac::Alignment(kind));
            }
            let range = start..start.checked_add(size).ok_or(InvalidPac::Truncated)?;
            let content = bytes.get(range.clone()).ok_or(InvalidPac::Truncated)?;
            let overlaps =
                |other: &Range<usize>| range.start < other.end && other.start < range.end;
            if overlaps(&(0..table_end)) || buffers.iter().any(|(_, other)| overlaps(other)) {
                return Err(InvalidPac::Overlap(kind));
            }
            if kind.is_signature() && SignatureData::parse(content).is_err() {
                return Err(InvalidPac::Signature(kind));
            }
            buffers.push((kind, range));
        }
        Ok(buffers)
    }

    /// The bytes, as they were received or built.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content of a buffer.
    #[must_use]
    pub fn buffer(&self, kind: BufferType) -> Option<&[u8]> {
        let (_, range) = self.buffers.iter().find(|(known, _)| *known == kind)?;
        self.bytes.get(range.clone())
    }

    /// All buffers, in the order of the table.
    pub fn buffers(&self) -> impl Iterator<Item = (BufferType, &[u8])> {
        self.buffers
            .iter()
            .map(|(kind, range)| (*kind, self.bytes.get(range.clone()).unwrap_or_default()))
    }

    /// A signature; `None` when the PAC has none of this type, or the type is not that of a signature.
    #[must_use]
    pub fn signature(&self, kind: BufferType) -> Option<SignatureData> {
        if !kind.is_signature() {
            return None;
        }
        SignatureData::parse(self.buffer(kind)?).ok()
    }

    /// The bytes with these signatures' values zeroed, their checksum types and RODC identifiers left: what the
    /// server signature covers is this for [`BufferType::SERVER_CHECKSUM`] and [`BufferType::KDC_CHECKSUM`], what
    /// the full signature covers is this for both and [`BufferType::FULL_CHECKSUM`] (MS-PAC 2.8).
    #[must_use]
    pub fn with_zeroed_signatures(&self, kinds: &[BufferType]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for kind in kinds {
            if let Some(range) = self.signature_value(*kind)
                && let Some(value) = bytes.get_mut(range)
            {
                value.fill(0);
            }
        }
        bytes
    }

    /// Puts a signature into the place that was kept for it.
    ///
    /// # Errors
    /// [`CannotSetSignature`] when there is no place of this type and length.
    pub fn set_signature(
        &mut self,
        kind: BufferType,
        signature: &[u8],
    ) -> Result<(), CannotSetSignature> {
        let place = self
            .signature_value(kind)
            .and_then(|range| self.bytes.get_mut(range))
            .filter(|place| place.len() == signature.len())
            .ok_or(CannotSetSignature(kind))?;
        place.copy_from_slice(signature);
        Ok(())
    }

    /// Where a signature's value lies.
    fn signature_value(&self, kind: BufferType) -> Option<Range<usize>> {
        let signature = self.signature(kind)?;
        let (_, buffer) = self.buffers.iter().find(|(known, _)| *known == kind)?;
        let start = buffer.start + 4;
        Some(start..start + signature.value.len())
    }
}

impl fmt::Debug for Pac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self
            .buffers
            .iter()
            .map(|(kind, range)| (kind.0, range.len()));
        f.debug_map().entries(kinds).finish()
    }
}

/// Collects buffers for a new PAC.
#[derive(Clone, Debug, Default)]
pub struct PacBuilder {
    buffers: Vec<(BufferType, Vec<u8>)>,
}

impl PacBuilder {
    /// No buffers.
    #[must_use]
    pub fn new() -> PacBuilder {
        PacBuilder::default()
    }

    /// Adds a buffer; one of the same type that was added before is replaced.
    #[must_use]
    pub fn buffer(mut self, kind: BufferType, content: Vec<u8>) -> PacBuilder {
        match self.buffers.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, known)) => *known = content,
            None => self.buffers.push((kind, content)),
        }
        self
    }

    /// Adds a signature of `length` zero bytes, to be set by [`Pac::set_signature`]. `checksum_type` is Kerberos'
    /// number of the checksum (RFC 3961 4).
    ///
    /// For the checksum types of which [`SignatureData`] knows the length, `length` must be that.
    #[must_use]
    pub fn signature(self, kind: BufferType, checksum_type: i32, length: usize) -> PacBuilder {
        let empty = SignatureData {
            checksum_type,
            value: vec![0; length],
            rodc_identifier: None,
        };
        self.buffer(kind, empty.to_bytes())
    }

    /// Lays the buffers out in the order in which they were added.
    ///
    /// # Errors
    /// [`InvalidPac`] when a signature has the wrong length for its type, or the whole would be larger than the
    /// table's fields can say.
    pub fn build(&self) -> Result<Pac, InvalidPac> {
        let mut offset = 8 + 16 * self.buffers.len();
        let contents = self.buffers.iter().map(|(_, content)| content.len());
        let length: usize = contents.map(|length| length.next_multiple_of(8)).sum();
        let mut bytes = Vec::with_capacity(offset + length);
        bytes.extend((self.buffers.len() as u32).to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        for (kind, content) in &self.buffers {
            let size = u32::try_from(content.len()).map_err(|_| InvalidPac::Truncated)?;
            bytes.extend(kind.0.to_le_bytes());
            bytes.extend(size.to_le_bytes());
            bytes.extend((offset as u64).to_le_bytes());
            offset += content.len().next_multiple_of(8);
        }
        for (_, content) in &self.buffers {
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        let buffers = Pac::parse_table(&bytes)?;
        Ok(Pac { bytes, buffers })
    }
}
