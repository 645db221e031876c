//! Base32 (RFC 4648 section 6) without padding, as one-time password secrets are shown and typed.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Encodes, without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(5) * 8));
    for group in bytes.chunks(5) {
        let mut padded = [0; 8];
        padded[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(padded);
        for index in 0..(group.len() * 8).div_ceil(5) {
            let value = bits >> (35 - 5 * index) & 31;
            text.push(char::from(ALPHABET[value as usize]));
        }
    }
    text
}

/// Decodes what a person typed: small letters, spaces, hyphens and padding are allowed. `None` on
/// anything else, on a length that no bytes have, and on bits behind the last byte.
#[must_use]
pub fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() * 5 / 8));
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        if matches!(byte, b' ' | b'-') {
            continue;
        }
        let upper = byte.to_ascii_uppercase();
        let value = ALPHABET.iter().position(|letter| *letter == upper)?;
        bits = bits << 5 | value as u32;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (count < 5 && bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 section 10.
    #[test]
    fn encodes_and_decodes_as_rfc_4648_does() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(*encode(bytes.as_bytes()), text);
            assert_eq!(&**decode(text).unwrap(), bytes.as_bytes());
        }
    }

    #[test]
    fn takes_what_people_type() {
        for text in [
            "mzxw6ytboi",
            "MZXW 6YTB OI",
            "mzxw-6ytb-oi",
            "MZXW6YTBOI======",
        ] {
            assert_eq!(&**decode(text).unwrap(), b"foobar");
        }
    }

    #[test]
    fn refuses_what_is_no_base32() {
        for text in ["M", "MZX", "MZXW6Y", "MZ1W6YTB", "MZ", "=MY", "MY=A", "Mä"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
