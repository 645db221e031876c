//! The PAC buffers that are not NDR (MS-PAC 2.7, 2.8, 2.10, 2.14, 2.15).

use core::fmt;

use super::StringTooLong;
use crate::ndr::{Utf16, utf16_from_le_bytes};
use crate::read::Reader;
use crate::sid::Sid;

/// Why a PAC buffer is not what its type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBuffer {
    /// The buffer ends early, or an offset in it reaches past its end.
    #[error("the PAC buffer ends early")]
    Truncated,
    /// More bytes follow than padding explains.
    #[error("bytes follow in the PAC buffer")]
    Trailing,
    /// A string is not UTF-16.
    #[error("a string in the PAC buffer is not UTF-16")]
    String,
    /// A SID is malformed.
    #[error("a SID in the PAC buffer is malformed")]
    Sid,
}

/// PAC_CLIENT_INFO (MS-PAC 2.7): binds the PAC to the ticket's client and time.
///
/// ```text
/// u64 ClientId (FILETIME of authtime) | u16 NameLength in bytes | Name, UTF-16
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// The ticket's authtime, as FILETIME.
    pub authentication_time: u64,
    /// The client's principal name without realm.
    pub name: String,
}

impl ClientInfo {
    /// Reads the buffer.
    ///
    /// # Errors
    /// [`InvalidBuffer`].
    pub fn parse(bytes: &[u8]) -> Result<ClientInfo, InvalidBuffer> {
        let mut reader = Reader::new(bytes);
        let authentication_time = reader.u64_le().ok_or(InvalidBuffer::Truncated)?;
        let length = reader.u16_le().ok_or(InvalidBuffer::Truncated)?;
        let name = reader
            .take(usize::from(length))
            .ok_or(InvalidBuffer::Truncated)?;
        at_most_padding(&reader)?;
        let name = utf16_from_le_bytes(name).ok_or(InvalidBuffer::String)?;
        Ok(ClientInfo {
            authentication_time,
            name,
        })
    }

    /// Writes the buffer.
    ///
    /// # Errors
    /// [`StringTooLong`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, StringTooLong> {
        let name = Utf16::new(&self.name).ok_or(StringTooLong)?;
        let mut bytes = Vec::with_capacity(8 + 2 + usize::from(name.byte_length()));
        bytes.extend(self.authentication_time.to_le_bytes());
        bytes.extend(name.byte_length().to_le_bytes());
        bytes.extend(name.to_le_bytes());
        Ok(bytes)
    }
}

/// UPN_DNS_INFO (MS-PAC 2.10): the client's names as a directory knows them.
///
/// ```text
/// u16 UpnLength | u16 UpnOffset | u16 DnsDomainNameLength | u16 DnsDomainNameOffset | u32 Flags
/// and with flag 2:  u16 SamNameLength | u16 SamNameOffset | u16 SidLength | u16 SidOffset
/// then what the offsets, from the beginning, point to: strings in UTF-16 and a SID, aligned to 8
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpnDnsInfo {
    /// The user principal name.
    pub upn: String,
    /// The DNS name of the domain, in upper case.
    pub dns_domain_name: String,
    /// Flag 1: the account has no UPN of its own, and this one was made of its SAM name and domain.
    pub upn_is_constructed: bool,
    /// Flag 2: SAM name and SID, which every KDC writes since 2021.
    pub extended: Option<UpnDnsExtended>,
}

/// The second part of [`UpnDnsInfo`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpnDnsExtended {
    /// The account's sAMAccountName.
    pub sam_name: String,
    /// The account's SID.
    pub sid: Sid,
}

impl UpnDnsInfo {
    const CONSTRUCTED: u32 = 0x1;
    const EXTENDED: u32 = 0x2;

    /// Reads the buffer.
    ///
    /// # Errors
    /// [`InvalidBuffer`].
    pub fn parse(bytes: &[u8]) -> Result<UpnDnsInfo, InvalidBuffer> {
        /// A length and an offset, and what they point to.
        fn pointed<'a>(reader: &mut Reader<'_>, bytes: &'a [u8]) -> Option<&'a [u8]> {
            let length = usize::from(reader.u16_le()?);
            let offset = usize::from(reader.u16_le()?);
            bytes.get(offset..offset + length)
        }
        let text = |bytes: &[u8]| utf16_from_le_bytes(bytes).ok_or(InvalidBuffer::String);
        let mut reader = Reader::new(bytes);
        let upn = pointed(&mut reader, bytes).ok_or(InvalidBuffer::Truncated)?;
        let dns_domain_name = pointed(&mut reader, bytes).ok_or(InvalidBuffer::Truncated)?;
        let flags = reader.u32_le().ok_or(InvalidBuffer::Truncated)?;
        let extended = if flags & UpnDnsInfo::EXTENDED != 0 {
            let sam_name = pointed(&mut reader, bytes).ok_or(InvalidBuffer::Truncated)?;
            let sid = pointed(&mut reader, bytes).ok_or(InvalidBuffer::Truncated)?;
            Some(UpnDnsExtended {
                sam_name: text(sam_name)?,
                sid: Sid::from_bytes(sid).map_err(|_| InvalidBuffer::Sid)?,
            })
        } else {
            None
        };
        Ok(UpnDnsInfo {
            upn: text(upn)?,
            dns_domain_name: text(dns_domain_name)?,
            upn_is_constructed: flags & UpnDnsInfo::CONSTRUCTED != 0,
            extended,
        })
    }

    /// Writes the buffer.
    ///
    /// # Errors
    /// [`StringTooLong`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, StringTooLong> {
        let text = |text: &str| {
            Utf16::new(text)
                .map(|text| text.to_le_bytes())
                .ok_or(StringTooLong)
        };
        let mut parts = vec![text(&self.upn)?, text(&self.dns_domain_name)?];
        let mut flags = if self.upn_is_constructed {
            UpnDnsInfo::CONSTRUCTED
        } else {
            0
        };
        if let Some(extended) = &self.extended {
            flags |= UpnDnsInfo::EXTENDED;
            parts.push(text(&extended.sam_name)?);
            parts.push(extended.sid.to_bytes());
        }
        // Four bytes for each part, four for the flags, and all that follows aligned to eight.
        let mut offset = (4 * parts.len() + 4).next_multiple_of(8);
        let pointees = parts.iter().map(|part| part.len().next_multiple_of(8));
        let mut head = Vec::with_capacity(offset + pointees.sum::<usize>());
        for (position, part) in parts.iter().enumerate() {
            if position == 2 {
                head.extend(flags.to_le_bytes());
            }
            head.extend(
                u16::try_from(part.len())
                    .map_err(|_| StringTooLong)?
                    .to_le_bytes(),
            );
            head.extend(
                u16::try_from(offset)
                    .map_err(|_| StringTooLong)?
                    .to_le_bytes(),
            );
            offset += part.len().next_multiple_of(8);
        }
        if parts.len() == 2 {
            head.extend(flags.to_le_bytes());
        }
        for part in &parts {
            head.resize(head.len().next_multiple_of(8), 0);
            head.extend(part);
        }
        head.resize(head.len().next_multiple_of(8), 0);
        Ok(head)
    }
}

/// PAC_ATTRIBUTES_INFO (MS-PAC 2.14): how the PAC came to be in the TGT.
///
/// ```text
/// u32 FlagsLength in bits = 2 | u32 Flags
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributesInfo {
    /// The client asked for a PAC (PA-PAC-REQUEST true).
    pub pac_was_requested: bool,
    /// The client did not say, and a PAC was given.
    pub pac_was_given_implicitly: bool,
}

impl AttributesInfo {
    /// Reads the buffer.
    ///
    /// # Errors
    /// [`InvalidBuffer::Truncated`].
    pub fn parse(bytes: &[u8]) -> Result<AttributesInfo, InvalidBuffer> {
        let mut reader = Reader::new(bytes);
        let bits = reader.u32_le().ok_or(InvalidBuffer::Truncated)?;
        let flags = if bits == 0 {
            0
        } else {
            reader.u32_le().ok_or(InvalidBuffer::Truncated)?
        };
        Ok(AttributesInfo {
            pac_was_requested: bits >= 1 && flags & 1 != 0,
            pac_was_given_implicitly: bits >= 2 && flags & 2 != 0,
        })
    }

    /// Writes the buffer.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let flags =
            u32::from(self.pac_was_requested) | u32::from(self.pac_was_given_implicitly) << 1;
        [2u32.to_le_bytes(), flags.to_le_bytes()].concat()
    }
}

/// PAC_REQUESTOR (MS-PAC 2.15): the SID of a TGT's client, so that a renamed or re-created account is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requestor {
    /// The client's SID.
    pub sid: Sid,
}

impl Requestor {
    /// Reads the buffer.
    ///
    /// # Errors
    /// [`InvalidBuffer::Sid`] or [`InvalidBuffer::Truncated`].
    pub fn parse(bytes: &[u8]) -> Result<Requestor, InvalidBuffer> {
        let count = *bytes.get(1).ok_or(InvalidBuffer::Truncated)?;
        let mut reader = Reader::new(bytes);
        let sid = reader
            .take(8 + 4 * usize::from(count))
            .ok_or(InvalidBuffer::Truncated)?;
        at_most_padding(&reader)?;
        Ok(Requestor {
            sid: Sid::from_bytes(sid).map_err(|_| InvalidBuffer::Sid)?,
        })
    }

    /// Writes the buffer.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.sid.to_bytes()
    }
}

/// PAC_SIGNATURE_DATA (MS-PAC 2.8).
///
/// ```text
/// u32 SignatureType | Signature, as long as its type says | u16 RODCIdentifier, from a read-only domain controller
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureData {
    /// Kerberos' number of the checksum (RFC 3961 4), such as 16 for HMAC-SHA1-96-AES256.
    pub checksum_type: i32,
    /// The checksum.
    pub value: Vec<u8>,
    /// The number of the read-only domain controller's krbtgt key that signed.
    pub rodc_identifier: Option<u16>,
}

impl SignatureData {
    /// The length of the checksums whose types occur in a PAC; `None` for others.
    #[must_use]
    pub const fn value_length(checksum_type: i32) -> Option<usize> {
        match checksum_type {
            15 | 16 => Some(12), // HMAC-SHA1-96-AES128 and -AES256 (RFC 3962)
            19 => Some(16),      // HMAC-SHA256-128-AES128 (RFC 8009)
            20 => Some(24),      // HMAC-SHA384-192-AES256 (RFC 8009)
            -138 => Some(16),    // KERB_CHECKSUM_HMAC_MD5 (RFC 4757)
            _ => None,
        }
    }

    /// Reads the buffer. Of a checksum type without a known length all the rest is the checksum.
    ///
    /// # Errors
    /// [`InvalidBuffer::Truncated`] or [`InvalidBuffer::Trailing`].
    pub fn parse(bytes: &[u8]) -> Result<SignatureData, InvalidBuffer> {
        let mut reader = Reader::new(bytes);
        let checksum_type = reader
            .array()
            .map(i32::from_le_bytes)
            .ok_or(InvalidBuffer::Truncated)?;
        let length = SignatureData::value_length(checksum_type).unwrap_or(reader.rest().len());
        let value = reader
            .take(length)
            .ok_or(InvalidBuffer::Truncated)?
            .to_vec();
        let rodc_identifier = reader.u16_le();
        at_most_padding(&reader)?;
        Ok(SignatureData {
            checksum_type,
            value,
            rodc_identifier,
        })
    }

    /// Writes the buffer.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + self.value.len() + 2);
        bytes.extend(self.checksum_type.to_le_bytes());
        bytes.extend(&self.value);
        if let Some(identifier) = self.rodc_identifier {
            bytes.extend(identifier.to_le_bytes());
        }
        bytes
    }
}

impl fmt::Debug for SignatureData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureData")
            .field("checksum_type", &self.checksum_type)
            .field("rodc_identifier", &self.rodc_identifier)
            .finish_non_exhaustive()
    }
}

/// Some writers count a buffer's padding to eight bytes into its size.
fn at_most_padding(reader: &Reader<'_>) -> Result<(), InvalidBuffer> {
    if reader.rest().len() < 8 {
        Ok(())
    } else {
        Err(InvalidBuffer::Trailing)
    }
}
