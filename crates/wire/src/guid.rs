//! Globally unique identifiers (MS-DTYP 2.3.4).
//!
//! A GUID has one text form and two binary forms in our protocols: the *Windows* form, in which the
//! first three fields are little-endian (directory attributes, key credentials, certificate extensions,
//! packets), and the *network* form of RFC 9562, in which the bytes stand in the order of the text.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A globally unique identifier (MS-DTYP 2.3.4).
///
/// ```text
/// typedef struct { unsigned long Data1; unsigned short Data2; unsigned short Data3; byte Data4[8]; } GUID;
/// ```
///
/// Its text form, [`fmt::Display`] and in serde alike, is 36 characters in lower case without braces.
/// Reading accepts either case, and braces around it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid([u8; 16]);

/// A text that is not a GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID: expected 8-4-4-4-12 hexadecimal digits")]
pub struct InvalidGuid;

impl Guid {
    /// The GUID of sixteen zero bytes, which stands for "none" (a FIDO key's DeviceId, protocols D.2).
    pub const NIL: Guid = Guid([0; 16]);

    /// From bytes in the order of the text form (RFC 9562 4).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Guid {
        Guid(bytes)
    }

    /// The bytes in the order of the text form (RFC 9562 4).
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// From the Windows binary form: Data1, Data2 and Data3 little-endian, Data4 as it is.
    #[must_use]
    pub const fn from_windows_bytes(bytes: [u8; 16]) -> Guid {
        Guid(swap_fields(bytes))
    }

    /// The Windows binary form: Data1, Data2 and Data3 little-endian, Data4 as it is.
    #[must_use]
    pub const fn to_windows_bytes(self) -> [u8; 16] {
        swap_fields(self.0)
    }

    /// From the Windows binary form in a slice; `None` unless it is exactly sixteen bytes.
    #[must_use]
    pub fn from_windows_slice(bytes: &[u8]) -> Option<Guid> {
        bytes.try_into().ok().map(Guid::from_windows_bytes)
    }

    /// A version 4 GUID from sixteen random bytes, six bits of which are replaced by version and variant
    /// (RFC 9562 5.4).
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Guid {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Guid(bytes)
    }

    /// A version 7 GUID from a moment, in milliseconds since 1970 of which the last 48 bits count, and random bytes, of which
    /// the last ten are taken but for six bits (RFC 9562 5.7). In text, and in [`Guid::to_bytes`], later ones come behind
    /// earlier ones.
    #[must_use]
    pub const fn from_time(millis: u64, random: [u8; 16]) -> Guid {
        let [_, _, first, second, third, fourth, fifth, sixth] = millis.to_be_bytes();
        let mut bytes = random;
        bytes[0] = first;
        bytes[1] = second;
        bytes[2] = third;
        bytes[3] = fourth;
        bytes[4] = fifth;
        bytes[5] = sixth;
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Guid(bytes)
    }

    /// The text form. Tokens and audit records hold dozens of them, so it is not written digit by digit.
    fn text(self) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let places = (0..36).filter(|place| !matches!(place, 8 | 13 | 18 | 23));
        let digits = self
            .0
            .into_iter()
            .flat_map(|byte| [byte >> 4, byte & 0x0f])
            .map(|digit| DIGITS[usize::from(digit)]);
        for (place, digit) in places.zip(digits) {
            text[place] = digit;
        }
        text
    }

    /// Whether this is [`Guid::NIL`].
    #[must_use]
    pub fn is_nil(self) -> bool {
        self == Guid::NIL
    }
}

const fn swap_fields(b: [u8; 16]) -> [u8; 16] {
    [
        b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13],
        b[14], b[15],
    ]
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(as_text(&self.text()))
    }
}

/// The text form of these bytes; they are digits and hyphens, so there always is one.
fn as_text(bytes: &[u8; 36]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = InvalidGuid;

    fn from_str(text: &str) -> Result<Guid, InvalidGuid> {
        let bare = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}').ok_or(InvalidGuid)?,
            None => text,
        };
        if bare.len() != 36 {
            return Err(InvalidGuid);
        }
        let mut bytes = [0u8; 16];
        let mut digits = 0usize;
        for (position, character) in bare.bytes().enumerate() {
            if matches!(position, 8 | 13 | 18 | 23) {
                if character != b'-' {
                    return Err(InvalidGuid);
                }
                continue;
            }
            let value = (character as char).to_digit(16).ok_or(InvalidGuid)?;
            let byte = bytes.get_mut(digits / 2).ok_or(InvalidGuid)?;
            *byte = (*byte << 4) | value as u8;
            digits += 1;
        }
        Ok(Guid(bytes))
    }
}

impl Serialize for Guid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(as_text(&self.text()))
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Guid, D::Error> {
        crate::text::deserialize_from_str(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn the_windows_form_swaps_the_first_three_fields() {
        // The DeviceId of UserKey1 (protocols D.8): bytes as stored, text as documented.
        let stored = hex!("E377F547D0D20A4A8ACAE0501098BDE4");
        let guid = Guid::from_windows_bytes(stored);
        assert_eq!(guid.to_string(), "47f577e3-d2d0-4a0a-8aca-e0501098bde4");
        assert_eq!(guid.to_windows_bytes(), stored);
        assert_eq!(guid.to_bytes(), hex!("47f577e3d2d04a0a8acae0501098bde4"));
    }

    #[test]
    fn reads_either_case_and_braces_and_writes_lower_case() {
        let guid: Guid = "{47F577E3-D2D0-4A0A-8ACA-E0501098BDE4}".parse().unwrap();
        assert_eq!(
            serde_json::to_string(&guid).unwrap(),
            "\"47f577e3-d2d0-4a0a-8aca-e0501098bde4\""
        );
        let back: Guid = serde_json::from_str("\"47f577e3-D2D0-4a0a-8aca-e0501098bde4\"").unwrap();
        assert_eq!(back, guid);
    }

    #[test]
    fn refuses_what_only_resembles_a_guid() {
        for text in [
            "",
            "47f577e3d2d04a0a8acae0501098bde4",
            "47f577e3-d2d0-4a0a-8aca-e0501098bde",
            "47f577e3-d2d0-4a0a-8aca-e0501098bde4 ",
            "{47f577e3-d2d0-4a0a-8aca-e0501098bde4",
            "47f577e3-d2d0-4a0a-8aca-e0501098bd\u{e9}",
            "47f577e3-d2d0-4a0a-8aca-e0501098bdg4",
            "47f577e3+d2d0-4a0a-8aca-e0501098bde4",
            "+7f577e3-d2d0-4a0a-8aca-e0501098bde4",
        ] {
            assert_eq!(text.parse::<Guid>(), Err(InvalidGuid), "{text:?}");
        }
        assert!(Guid::from_windows_slice(&[0; 15]).is_none());
    }

    #[test]
    fn a_random_guid_says_version_4() {
        assert_eq!(
            Guid::from_random([0xff; 16]).to_string(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
    }

    #[test]
    fn a_guid_of_a_moment_is_that_of_rfc_9562_a_6() {
        let random = u128::from_be_bytes([
            0, 0, 0, 0, 0, 0, 0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f,
        ]);
        assert_eq!(
            Guid::from_time(0x017f_22e2_79b0, random.to_be_bytes()).to_string(),
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
        );
    }
}
