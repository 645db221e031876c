//! Distinguished names (RFC 4514), as far as this directory's tree has them.

use std::fmt;
use std::str::FromStr;

use crate::schema::Attribute;
use crate::value::folded;

/// One part of a distinguished name: `CN=alice`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rdn {
    /// `cn`, `ou` or `dc`.
    pub attribute: Attribute,
    /// The value, without escapes.
    pub value: String,
}

/// A distinguished name, the entry's own part first.
#[derive(Clone, Debug, Default)]
pub struct Dn {
    parts: Vec<Rdn>,
}

/// A text that is not a distinguished name of this directory's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a distinguished name of CN, OU and DC parts")]
pub struct InvalidDn;

impl Dn {
    /// The name of the head of a domain: `DC=corp,DC=example` of `corp.example`.
    #[must_use]
    pub fn of_domain(dns_name: &str) -> Self {
        let part = |label: &str| Rdn {
            attribute: Attribute::Dc,
            value: label.to_owned(),
        };
        Self {
            parts: dns_name.split('.').map(part).collect(),
        }
    }

    /// The parts, the entry's own first.
    #[must_use]
    pub fn parts(&self) -> &[Rdn] {
        &self.parts
    }

    /// The name of an entry with `parts` below this one, the entry's own first.
    #[must_use]
    pub fn under(mut self, mut parts: Vec<Rdn>) -> Self {
        parts.append(&mut self.parts);
        Self { parts }
    }

    /// The parts of this name below `head`; `None` when it is not below.
    #[must_use]
    pub fn below(&self, head: &Self) -> Option<&[Rdn]> {
        let depth = self.parts.len().checked_sub(head.parts.len())?;
        let (below, rest) = self.parts.split_at_checked(depth)?;
        let same = rest.iter().zip(&head.parts).all(|(one, other)| {
            one.attribute == other.attribute && folded(&one.value) == folded(&other.value)
        });
        same.then_some(below)
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.below(other).is_some_and(<[Rdn]>::is_empty)
    }
}

impl Eq for Dn {}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.parts.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            f.write_str(match part.attribute {
                Attribute::Ou => "OU=",
                Attribute::Dc => "DC=",
                _ => "CN=",
            })?;
            if is_plain(&part.value) {
                f.write_str(&part.value)?;
                continue;
            }
            let last = part.value.chars().count().saturating_sub(1);
            for (place, character) in part.value.chars().enumerate() {
                match character {
                    '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => write!(f, "\\{character}")?,
                    ' ' if place == 0 || place == last => f.write_str("\\ ")?,
                    '#' if place == 0 => f.write_str("\\#")?,
                    '\0' => f.write_str("\\00")?,
                    '\n' => f.write_str("\\0A")?,
                    '\r' => f.write_str("\\0D")?,
                    other => write!(f, "{other}")?,
                }
            }
        }
        Ok(())
    }
}

/// Whether a value is written as it is.
fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    let escaped = |byte: &u8| {
        matches!(
            byte,
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' | 0 | b'\n' | b'\r'
        )
    };
    !bytes.iter().any(escaped)
        && !matches!(bytes.first(), Some(b' ' | b'#'))
        && bytes.last() != Some(&b' ')
}

impl FromStr for Dn {
    type Err = InvalidDn;

    fn from_str(text: &str) -> Result<Self, InvalidDn> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (kind, value) = rest.split_once('=').ok_or(InvalidDn)?;
            let attribute = match kind.trim().to_ascii_lowercase().as_str() {
                "cn" | "2.5.4.3" => Attribute::Cn,
                "ou" | "2.5.4.11" => Attribute::Ou,
                "dc" | "0.9.2342.19200300.100.1.25" => Attribute::Dc,
                _ => return Err(InvalidDn),
            };
            let (value, after) = read_value(value)?;
            parts.push(Rdn { attribute, value });
            match after {
                Some("") => return Err(InvalidDn),
                Some(more) => rest = more,
                None => break,
            }
        }
        if parts.is_empty() {
            return Err(InvalidDn);
        }
        Ok(Self { parts })
    }
}

/// Reads a value up to an unescaped comma; what follows the comma comes back, `None` at the end.
fn read_value(text: &str) -> Result<(String, Option<&str>), InvalidDn> {
    let mut bytes: Vec<u8> = Vec::new();
    // How much of `bytes` may not be trimmed, because it was escaped.
    let mut kept = 0;
    let mut characters = text.trim_start_matches(' ').char_indices().peekable();
    let text = text.trim_start_matches(' ');
    let mut after = None;
    while let Some((place, character)) = characters.next() {
        match character {
            ',' | ';' => {
                after = text.get(place + 1..);
                break;
            }
            '\\' => {
                let (_, escaped) = characters.next().ok_or(InvalidDn)?;
                match escaped.to_digit(16) {
                    Some(high) => {
                        let (_, digit) = characters.next().ok_or(InvalidDn)?;
                        let low = digit.to_digit(16).ok_or(InvalidDn)?;
                        bytes.push(u8::try_from(high * 16 + low).map_err(|_| InvalidDn)?);
                    }
                    None => bytes.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                kept = bytes.len();
            }
            '"' | '+' | '<' | '>' | '\0' => return Err(InvalidDn),
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    while bytes.len() > kept && bytes.last() == Some(&b' ') {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(InvalidDn);
    }
    let value = String::from_utf8(bytes).map_err(|_| InvalidDn)?;
    Ok((value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_every_escape_comes_back() {
        let head = Dn::of_domain("corp.example");
        for name in [
            "alice",
            " a, b+c ",
            "#1",
            "a\\b\"<>;=",
            "Zoë \u{1F511}",
            "line\nbreak\r\0",
        ] {
            let rdn = Rdn {
                attribute: Attribute::Cn,
                value: name.to_owned(),
            };
            let dn = head.clone().under(vec![rdn]);
            let back: Dn = dn.to_string().parse().unwrap();
            assert_eq!(back.parts()[0].value, name, "{dn}");
            assert_eq!(back.below(&head).unwrap().len(), 1);
        }
    }

    #[test]
    fn case_and_spaces_do_not_distinguish_names() {
        let one: Dn = "CN=Alice  Example, OU=People,DC=corp,DC=example"
            .parse()
            .unwrap();
        let other: Dn = "cn=alice example,ou=people,dc=CORP,dc=example"
            .parse()
            .unwrap();
        assert_eq!(one, other);
        assert_eq!(
            one.to_string(),
            "CN=Alice  Example,OU=People,DC=corp,DC=example"
        );
    }

    #[test]
    fn refuses_what_is_no_name() {
        for text in [
            "",
            "alice",
            "CN=",
            "CN=a,",
            "X=a",
            "CN=a+OU=b",
            "CN=\"a\"",
            "CN=a\\",
            "CN=\\ff",
        ] {
            assert_eq!(text.parse::<Dn>(), Err(InvalidDn), "{text:?}");
        }
    }
}
