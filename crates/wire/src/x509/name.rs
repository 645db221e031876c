//! Distinguished names.

use core::fmt;

use const_oid::ObjectIdentifier;

use super::{Malformed, Result, oid, read, tag, write};

/// A distinguished name, kept as its encoding.
///
/// ```text
/// Name ::= CHOICE { rdnSequence RDNSequence }
/// RDNSequence ::= SEQUENCE OF RelativeDistinguishedName
/// RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
/// ```
///
/// Equality is equality of the bytes. [`fmt::Display`] is the string form of RFC 4514, most specific first.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name {
    der: Vec<u8>,
}

/// One attribute of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its type, such as [`oid::COMMON_NAME`].
    pub kind: ObjectIdentifier,
    /// Its value as text.
    pub value: String,
}

impl Name {
    /// The name without any part.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            der: vec![tag::SEQUENCE, 0],
        }
    }

    /// A name of one attribute per part, most general first, as in `DC=example, CN=CA`.
    ///
    /// Domain components and e-mail addresses are written as IA5String, countries as PrintableString,
    /// all else as UTF8String (RFC 5280 4.1.2.4, RFC 4519 2.4).
    #[must_use]
    pub fn new<'v>(parts: impl IntoIterator<Item = (ObjectIdentifier, &'v str)>) -> Self {
        let parts: Vec<Vec<u8>> = parts
            .into_iter()
            .map(|(kind, value)| {
                let tag = match kind {
                    oid::DOMAIN_COMPONENT | oid::EMAIL_ADDRESS => tag::IA5_STRING,
                    oid::COUNTRY => tag::PRINTABLE_STRING,
                    _ => tag::UTF8_STRING,
                };
                let attribute =
                    write::sequence(&[&write::oid(&kind), &write::element(tag, value.as_bytes())]);
                write::element(tag::SET, &attribute)
            })
            .collect();
        Self {
            der: write::sequence_of(&parts),
        }
    }

    /// `CN=value` alone.
    #[must_use]
    pub fn common(value: &str) -> Self {
        Self::new([(oid::COMMON_NAME, value)])
    }

    /// From its encoding, one whole element. The parts are looked at when they are asked for.
    ///
    /// # Errors
    /// When `der` is not one SEQUENCE.
    pub fn parse(der: &[u8]) -> Result<Self> {
        read::only(der, tag::SEQUENCE, "a name")?;
        Ok(Self { der: der.to_vec() })
    }

    /// The encoding.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it has no part at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.der.len() <= 2
    }

    /// The parts, most general first; the attributes of a multi-valued part stand side by side.
    ///
    /// # Errors
    /// When the encoding is malformed inside, or a value is not a string.
    pub fn parts(&self) -> Result<Vec<Vec<Attribute>>> {
        let mut parts = Vec::new();
        let mut sequence = read::only(&self.der, tag::SEQUENCE, "a name")?;
        while !sequence.is_empty() {
            let set = sequence.expect(tag::SET, "a part of a name")?;
            let mut set = sequence.inside(&set);
            let mut attributes = Vec::new();
            while !set.is_empty() {
                let mut pair = set.sequence("an attribute of a name")?;
                let kind = pair.oid("an attribute's type")?;
                let value = pair.any()?;
                pair.finish()?;
                attributes.push(Attribute {
                    kind,
                    value: text(value.tag, pair.content(&value))?,
                });
            }
            parts.push(attributes);
        }
        Ok(parts)
    }

    /// The value of the first attribute of `kind`, most general first.
    ///
    /// # Errors
    /// As [`Name::parts`].
    pub fn first(&self, kind: ObjectIdentifier) -> Result<Option<String>> {
        let mut attributes = self.parts()?.into_iter().flatten();
        Ok(attributes
            .find(|attribute| attribute.kind == kind)
            .map(|attribute| attribute.value))
    }
}

/// The text of a string of any of the types that names use.
pub(super) fn text(kind: u8, content: &[u8]) -> Result<String> {
    const WHAT: &str = "a string";
    let malformed = Malformed::Unexpected(WHAT);
    match kind {
        tag::UTF8_STRING => core::str::from_utf8(content)
            .map(str::to_owned)
            .map_err(|_| malformed),
        tag::PRINTABLE_STRING | tag::IA5_STRING | tag::GENERAL_STRING if content.is_ascii() => {
            Ok(content.iter().copied().map(char::from).collect())
        }
        // T.61 in the standard, Latin-1 in every certificate that has it.
        tag::TELETEX_STRING => Ok(content.iter().copied().map(char::from).collect()),
        tag::BMP_STRING => {
            let (units, odd) = content.as_chunks::<2>();
            let units = units.iter().copied().map(u16::from_be_bytes);
            match odd {
                [] => char::decode_utf16(units)
                    .collect::<core::result::Result<_, _>>()
                    .map_err(|_| malformed),
                _ => Err(malformed),
            }
        }
        tag::UNIVERSAL_STRING => {
            let (units, odd) = content.as_chunks::<4>();
            let mut characters = units
                .iter()
                .map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            match odd {
                [] => characters.by_ref().collect::<Option<_>>().ok_or(malformed),
                _ => Err(malformed),
            }
        }
        _ => Err(malformed),
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(parts) = self.parts() else {
            return f.write_str("(malformed name)");
        };
        for (position, part) in parts.iter().rev().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            for (position, attribute) in part.iter().enumerate() {
                if position > 0 {
                    f.write_str("+")?;
                }
                display(attribute, f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// `CN=value` with the escapes of RFC 4514 2.4; control characters are escaped too, for a log's sake.
fn display(attribute: &Attribute, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match attribute.kind {
        oid::COMMON_NAME => f.write_str("CN")?,
        oid::COUNTRY => f.write_str("C")?,
        oid::ORGANIZATION => f.write_str("O")?,
        oid::ORGANIZATIONAL_UNIT => f.write_str("OU")?,
        oid::DOMAIN_COMPONENT => f.write_str("DC")?,
        oid::EMAIL_ADDRESS => f.write_str("E")?,
        other => write!(f, "{other}")?,
    }
    f.write_str("=")?;
    let last = attribute.value.chars().count().saturating_sub(1);
    for (position, character) in attribute.value.chars().enumerate() {
        let edge = position == 0 || position == last;
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(f, "\\{character}")?,
            '#' if position == 0 => f.write_str("\\#")?,
            ' ' if edge => f.write_str("\\ ")?,
            control if control.is_control() => {
                let mut buffer = [0; 4];
                for byte in control.encode_utf8(&mut buffer).bytes() {
                    write!(f, "\\{byte:02X}")?;
                }
            }
            plain => fmt::Write::write_char(f, plain)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_most_general_first_and_shown_most_specific_first() {
        let name = Name::new([
            (oid::DOMAIN_COMPONENT, "example"),
            (oid::DOMAIN_COMPONENT, "corp"),
            (oid::COMMON_NAME, "CORP root"),
        ]);
        assert_eq!(name.to_string(), "CN=CORP root,DC=corp,DC=example");
        assert_eq!(
            name.first(oid::DOMAIN_COMPONENT),
            Ok(Some("example".to_owned()))
        );
        assert_eq!(Name::parse(name.der()), Ok(name));
    }

    #[test]
    fn what_could_break_out_of_a_name_is_escaped_when_shown() {
        assert_eq!(
            Name::common(" a,CN=b\n#\"x\" ").to_string(),
            "CN=\\ a\\,CN\\=b\\0A#\\\"x\\\"\\ "
        );
        assert_eq!(Name::common("#1").to_string(), "CN=\\#1");
    }

    #[test]
    fn every_string_type_of_a_name_is_read() {
        for (kind, content, expected) in [
            (tag::PRINTABLE_STRING, &b"A b"[..], "A b"),
            (tag::TELETEX_STRING, b"caf\xe9", "café"),
            (tag::BMP_STRING, b"\x00c\x00a\x00f\x00\xe9", "café"),
            (tag::UNIVERSAL_STRING, b"\x00\x01\xf5\x11", "🔑"),
            (tag::UTF8_STRING, "🔑".as_bytes(), "🔑"),
        ] {
            assert_eq!(text(kind, content).as_deref(), Ok(expected));
        }
        for (kind, content) in [
            (tag::IA5_STRING, &b"\xe9"[..]),
            (tag::UTF8_STRING, b"\xe9"),
            (tag::BMP_STRING, b"\x00"),
            (tag::BMP_STRING, b"\xd8\x00"),
            (tag::UNIVERSAL_STRING, b"\xff\xff\xff\xff"),
            (tag::INTEGER, b"\x01"),
        ] {
            assert!(text(kind, content).is_err(), "{kind:#x}");
        }
    }

    #[test]
    fn the_empty_name_has_no_parts() {
        assert!(Name::empty().is_empty());
        assert_eq!(Name::empty().parts(), Ok(Vec::new()));
        assert!(!Name::common("x").is_empty());
    }
}
