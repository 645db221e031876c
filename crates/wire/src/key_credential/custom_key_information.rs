//! How a key was registered (protocols D.4).

/// CUSTOM_KEY_INFORMATION (MS-ADTS 2.2.20.4, protocols D.4).
///
/// ```text
/// u8 Version = 1 | u8 Flags | u8 VolType | u8 SupportsNotification | u8 FekKeyVersion | u8 KeyStrength
/// | 10 bytes Reserved | EncodedExtendedCKI { u8 Version = 0, u8 Size, CBOR }
/// ```
///
/// Everything after Flags is optional, and written values end anywhere in it. What follows Flags is kept as it
/// was read. New values have the two-byte form, the only one that every reader takes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CustomKeyInformation {
    version: u8,
    flags: u8,
    rest: Vec<u8>,
}

impl CustomKeyInformation {
    /// The flag of a key that was attested when it was registered.
    pub const ATTESTATION: u8 = 0x01;
    /// The flag of a key that was registered without a second factor.
    pub const MFA_NOT_USED: u8 = 0x02;

    /// Version 1 with these flags, in the two-byte form.
    #[must_use]
    pub const fn new(flags: u8) -> CustomKeyInformation {
        CustomKeyInformation {
            version: 1,
            flags,
            rest: Vec::new(),
        }
    }

    /// Reads two bytes or more; `None` for fewer.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<CustomKeyInformation> {
        let (&[version, flags], rest) = bytes.split_first_chunk::<2>()?;
        Some(CustomKeyInformation {
            version,
            flags,
            rest: rest.to_vec(),
        })
    }

    /// The bytes, as they were read.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&[self.version, self.flags], self.rest.as_slice()].concat()
    }

    /// The version, 1 in every value seen.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// All flags.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether the key was attested when it was registered.
    #[must_use]
    pub fn is_attested(&self) -> bool {
        self.flags & CustomKeyInformation::ATTESTATION != 0
    }

    /// Whether the key was registered without a second factor, so that signing in with it proves none.
    #[must_use]
    pub fn is_mfa_not_used(&self) -> bool {
        self.flags & CustomKeyInformation::MFA_NOT_USED != 0
    }

    /// VolType, where it is written.
    #[must_use]
    pub fn volume_type(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// SupportsNotification, where it is written.
    #[must_use]
    pub fn supports_notification(&self) -> Option<bool> {
        self.rest.get(1).map(|&byte| byte != 0)
    }

    /// FekKeyVersion, where it is written.
    #[must_use]
    pub fn fek_key_version(&self) -> Option<u8> {
        self.rest.get(2).copied()
    }

    /// KeyStrength, where it is written: 0 unknown, 1 weak, 2 normal.
    #[must_use]
    pub fn key_strength(&self) -> Option<u8> {
        self.rest.get(3).copied()
    }

    /// EncodedExtendedCKI with its version and size, where it is written: what follows the ten reserved bytes.
    #[must_use]
    pub fn extended(&self) -> Option<&[u8]> {
        self.rest.get(14..).filter(|bytes| !bytes.is_empty())
    }
}
