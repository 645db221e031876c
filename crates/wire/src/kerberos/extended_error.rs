//! What MS-KILE adds to an error (2.2.1, 2.2.2), and encryption types as a bit mask (2.2.7, 2.2.8).

use der::Sequence;

use crate::asn1::{int32_numbers, message};
use crate::read::Reader;

int32_numbers! {
    /// What a [`KerbErrorData`] holds (MS-KILE 2.2.2).
    pub struct KerbErrorDataType {
        /// The service put up with the client's clock; nothing else is told.
        KERB_AP_ERR_TYPE_SKEW_RECOVERY = 2,
        /// A [`KerbExtError`].
        KERB_ERR_TYPE_EXTENDED = 3,
    }
}

/// The `e-data` of an error as Windows writes it (MS-KILE 2.2.2). A list of methods and typed data
/// begin with another tag inside, so the three are told apart by decoding.
///
/// ```text
/// KERB-ERROR-DATA ::= SEQUENCE {
///     data-type  [1] INTEGER,
///     data-value [2] OCTET STRING OPTIONAL
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KerbErrorData {
    /// What it is.
    #[asn1(context_specific = "1")]
    pub data_type: KerbErrorDataType,
    /// Its content.
    #[asn1(context_specific = "2", type = "OCTET STRING", optional = "true")]
    pub data_value: Option<Vec<u8>>,
}
message!(KerbErrorData, "KERB-ERROR-DATA", limit 1024);

impl KerbErrorData {
    /// The extended error, if this is one and it is whole.
    #[must_use]
    pub fn extended(&self) -> Option<KerbExtError> {
        match (self.data_type, &self.data_value) {
            (KerbErrorDataType::KERB_ERR_TYPE_EXTENDED, Some(value)) => KerbExtError::decode(value),
            _ => None,
        }
    }
}

impl From<KerbExtError> for KerbErrorData {
    fn from(error: KerbExtError) -> KerbErrorData {
        KerbErrorData {
            data_type: KerbErrorDataType::KERB_ERR_TYPE_EXTENDED,
            data_value: Some(error.encode().to_vec()),
        }
    }
}

/// KERB_EXT_ERROR (MS-KILE 2.2.1): `u32 status | u32 reserved | u32 flags`, little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KerbExtError {
    /// An NTSTATUS (MS-ERREF 2.3.1): what went wrong, closer than Kerberos' code says it.
    pub status: u32,
    /// 1 as it is sent; others are to be ignored.
    pub flags: u32,
}

impl KerbExtError {
    /// STATUS_ACCOUNT_RESTRICTION.
    pub const ACCOUNT_RESTRICTION: u32 = 0xc000_006e;
    /// STATUS_INVALID_LOGON_HOURS.
    pub const INVALID_LOGON_HOURS: u32 = 0xc000_006f;
    /// STATUS_INVALID_WORKSTATION.
    pub const INVALID_WORKSTATION: u32 = 0xc000_0070;
    /// STATUS_PASSWORD_EXPIRED.
    pub const PASSWORD_EXPIRED: u32 = 0xc000_0071;
    /// STATUS_ACCOUNT_DISABLED.
    pub const ACCOUNT_DISABLED: u32 = 0xc000_0072;
    /// STATUS_ACCOUNT_EXPIRED.
    pub const ACCOUNT_EXPIRED: u32 = 0xc000_0193;
    /// STATUS_PASSWORD_MUST_CHANGE.
    pub const PASSWORD_MUST_CHANGE: u32 = 0xc000_0224;
    /// STATUS_ACCOUNT_LOCKED_OUT.
    pub const ACCOUNT_LOCKED_OUT: u32 = 0xc000_0234;
    /// STATUS_NOT_FOUND: delegation that is not allowed to this service.
    pub const NOT_FOUND: u32 = 0xc000_0225;

    /// An error with this NTSTATUS, as KDCs send it.
    #[must_use]
    pub const fn new(status: u32) -> KerbExtError {
        KerbExtError { status, flags: 1 }
    }

    /// Reads the twelve bytes; the reserved ones are ignored. `None` where there are not exactly twelve.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<KerbExtError> {
        let mut reader = Reader::new(bytes);
        let status = reader.u32_le()?;
        reader.u32_le()?;
        let flags = reader.u32_le()?;
        reader.is_empty().then_some(KerbExtError { status, flags })
    }

    /// Writes the twelve bytes.
    #[must_use]
    pub fn encode(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let words = [self.status, 0, self.flags].map(u32::to_le_bytes);
        bytes.copy_from_slice(words.as_flattened());
        bytes
    }
}

impl core::fmt::Debug for KerbExtError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "NTSTATUS {:#010x}, flags {:#x}", self.status, self.flags)
    }
}

/// Supported Encryption Types (MS-KILE 2.2.7): the content of PA-SUPPORTED-ENCTYPES (2.2.8, four
/// little-endian bytes) and of the attribute `msDS-SupportedEncryptionTypes`. Bits that have no name
/// here are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SupportedEncryptionTypes(pub u32);

impl SupportedEncryptionTypes {
    /// DES with CRC-32.
    pub const DES_CBC_CRC: Self = Self(1);
    /// DES with MD5.
    pub const DES_CBC_MD5: Self = Self(1 << 1);
    /// RC4.
    pub const RC4_HMAC: Self = Self(1 << 2);
    /// AES-128 with HMAC-SHA1.
    pub const AES128_CTS_HMAC_SHA1_96: Self = Self(1 << 3);
    /// AES-256 with HMAC-SHA1.
    pub const AES256_CTS_HMAC_SHA1_96: Self = Self(1 << 4);
    /// AES session keys even where the service's own keys are of older types.
    pub const AES256_CTS_HMAC_SHA1_96_SK: Self = Self(1 << 5);
    /// FAST is supported.
    pub const FAST_SUPPORTED: Self = Self(1 << 16);
    /// Compound identity is supported.
    pub const COMPOUND_IDENTITY_SUPPORTED: Self = Self(1 << 17);
    /// Claims are supported.
    pub const CLAIMS_SUPPORTED: Self = Self(1 << 18);
    /// SIDs of the resource domain are not to be compressed.
    pub const RESOURCE_SID_COMPRESSION_DISABLED: Self = Self(1 << 19);

    /// With the bits of `other` set too.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads the content of PA-SUPPORTED-ENCTYPES; `None` where it has not exactly four bytes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u32::from_le_bytes).map(Self)
    }

    /// Writes the content of PA-SUPPORTED-ENCTYPES.
    #[must_use]
    pub const fn encode(self) -> [u8; 4] {
        self.0.to_le_bytes()
    }
}
