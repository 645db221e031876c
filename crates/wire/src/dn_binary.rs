//! The Object(DN-Binary) attribute syntax (MS-ADTS 3.1.1.2.2.2.3, RFC 4517 style text form).

use core::fmt;
use core::str::FromStr;

use crate::text::{parse_hex, push_hex_upper};

/// A value of Object(DN-Binary) syntax, 2.5.5.7: some bytes, and the distinguished name of an object.
///
/// ```text
/// B:<number of hexadecimal characters>:<hexadecimal>:<DN>
/// ```
///
/// The name is kept as it was written; that it names an object is the directory's to check.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnBinary {
    /// The binary part.
    pub binary: Vec<u8>,
    /// The distinguished name, in its text form.
    pub dn: String,
}

/// Why a text is not a DN-Binary value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDnBinary {
    /// The text does not begin with `B:` and a decimal count.
    #[error("a DN-Binary value begins with B:<count>:")]
    Prefix,
    /// The hexadecimal part is not as long as the count says, or the count is odd.
    #[error("the hexadecimal part of a DN-Binary value is not as long as its count says")]
    Count,
    /// The hexadecimal part holds something else.
    #[error("the hexadecimal part of a DN-Binary value holds other characters")]
    Hexadecimal,
}

impl FromStr for DnBinary {
    type Err = InvalidDnBinary;

    fn from_str(text: &str) -> Result<DnBinary, InvalidDnBinary> {
        let rest = text
            .strip_prefix("B:")
            .or_else(|| text.strip_prefix("b:"))
            .ok_or(InvalidDnBinary::Prefix)?;
        let (count, rest) = rest.split_once(':').ok_or(InvalidDnBinary::Prefix)?;
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidDnBinary::Prefix);
        }
        let count: usize = count.parse().map_err(|_| InvalidDnBinary::Count)?;
        let (digits, rest) = rest.split_at_checked(count).ok_or(InvalidDnBinary::Count)?;
        if !count.is_multiple_of(2) {
            return Err(InvalidDnBinary::Count);
        }
        let dn = rest.strip_prefix(':').ok_or(InvalidDnBinary::Count)?;
        let binary = parse_hex(digits).ok_or(InvalidDnBinary::Hexadecimal)?;
        Ok(DnBinary {
            binary,
            dn: dn.to_owned(),
        })
    }
}

impl fmt::Display for DnBinary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = String::with_capacity(self.binary.len() * 2);
        push_hex_upper(&mut digits, &self.binary);
        write!(f, "B:{}:{digits}:{}", digits.len(), self.dn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_count_is_of_characters() {
        let value = DnBinary {
            binary: vec![0x00, 0xaf],
            dn: "CN=a:b,DC=corp".to_owned(),
        };
        assert_eq!(value.to_string(), "B:4:00AF:CN=a:b,DC=corp");
        assert_eq!("B:4:00af:CN=a:b,DC=corp".parse(), Ok(value));
        assert_eq!(
            "B:0::".parse(),
            Ok(DnBinary {
                binary: Vec::new(),
                dn: String::new()
            })
        );
    }

    #[test]
    fn refuses_each_malformed_text_for_its_reason() {
        for (text, reason) in [
            ("", InvalidDnBinary::Prefix),
            ("S:4:abcd:DC=x", InvalidDnBinary::Prefix),
            ("B:", InvalidDnBinary::Prefix),
            ("B:+4:00AF:DC=x", InvalidDnBinary::Prefix),
            ("B::00AF:DC=x", InvalidDnBinary::Prefix),
            ("B:2:00AF:DC=x", InvalidDnBinary::Count),
            ("B:6:00AF:DC=x", InvalidDnBinary::Count),
            ("B:3:00A:DC=x", InvalidDnBinary::Count),
            ("B:4:00AF", InvalidDnBinary::Count),
            ("B:99999999999999999999999:00:DC=x", InvalidDnBinary::Count),
            ("B:4:00AG:DC=x", InvalidDnBinary::Hexadecimal),
            ("B:2:\u{e9}:DC=x", InvalidDnBinary::Hexadecimal),
            ("B:1:\u{e9}:DC=x", InvalidDnBinary::Count),
        ] {
            assert_eq!(text.parse::<DnBinary>(), Err(reason), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_survives_its_text(binary: Vec<u8>, dn in ".*") {
            let value = DnBinary { binary, dn };
            prop_assert_eq!(value.to_string().parse(), Ok(value));
        }

        #[test]
        fn no_text_panics(text in "B:[0-9]{0,3}:.*") {
            let _ = text.parse::<DnBinary>();
        }
    }
}
