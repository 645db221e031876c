//! Which certificates are a person's: the values of `altSecurityIdentities` (MS-PKCA 3.1.5.2.1.3, protocols E.5.2).
//!
//! Names stand most general first, `DC=example,DC=corp,CN=CA`, the reverse of RFC 4514; a value with a sign in
//! it stands in quotation marks, and a quotation mark in it is doubled. Serial numbers stand least significant
//! byte first.

use core::fmt;
use core::str::FromStr;

use const_oid::ObjectIdentifier;

use super::{Attribute, Certificate, Name, oid};
use crate::Sid;

/// Why a text is no mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMapping {
    /// It does not begin with `X509:`; so do Kerberos' names.
    #[error("a certificate mapping begins with X509:")]
    Prefix,
    /// Its tags are of no form that there is.
    #[error(
        "a certificate mapping is <I> with <SR>, <SID> or <S>, or <S>, <SKI>, <SHA1-PUKEY> or <RFC822> alone"
    )]
    Form,
    /// A distinguished name in it is malformed.
    #[error("a distinguished name of the certificate mapping is malformed")]
    Name,
    /// Hexadecimal digits in it are malformed, or too few or too many.
    #[error("the hexadecimal digits of the certificate mapping are malformed")]
    Digits,
    /// The SID in it is malformed.
    #[error("the SID of the certificate mapping is malformed")]
    Sid,
    /// It is longer than [`CertificateMapping::MAX`] bytes.
    #[error("the certificate mapping is too long")]
    TooLong,
}

/// One value of `altSecurityIdentities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateMapping {
    /// `X509:<I>issuer<SR>serial`.
    IssuerSerial {
        /// Who issued it.
        issuer: MappedName,
        /// The serial number, most significant byte first, without leading zeros.
        serial: Vec<u8>,
    },
    /// `X509:<SKI>`: the subject's key identifier.
    SubjectKeyIdentifier(Vec<u8>),
    /// `X509:<SHA1-PUKEY>`: SHA-1 over the public key.
    Sha1PublicKey([u8; 20]),
    /// `X509:<I>issuer<SID>sid`.
    IssuerSid {
        /// Who issued it.
        issuer: MappedName,
        /// The SID in it.
        sid: Sid,
    },
    /// `X509:<I>issuer<S>subject`. Weak.
    IssuerSubject {
        /// Who issued it.
        issuer: MappedName,
        /// Whom it names.
        subject: MappedName,
    },
    /// `X509:<S>subject`. Weak.
    Subject(MappedName),
    /// `X509:<RFC822>mailbox`. Weak.
    Rfc822(String),
}

impl CertificateMapping {
    /// The longest value that is read, in bytes.
    pub const MAX: usize = 8 * 1024;
    /// The longest serial number and key identifier, in bytes.
    const MAX_OCTETS: usize = 64;

    /// Whether the mapping names one certificate, key or person beyond doubt (protocols E.5.2).
    #[must_use]
    pub fn is_strong(&self) -> bool {
        match self {
            Self::IssuerSerial { .. }
            | Self::SubjectKeyIdentifier(_)
            | Self::Sha1PublicKey(_)
            | Self::IssuerSid { .. } => true,
            Self::IssuerSubject { .. } | Self::Subject(_) | Self::Rfc822(_) => false,
        }
    }

    /// The mapping to this very certificate, by its issuer and serial number; `None` where the issuer's name
    /// cannot be written.
    #[must_use]
    pub fn issuer_serial(certificate: &Certificate) -> Option<Self> {
        Some(Self::IssuerSerial {
            issuer: MappedName::of(certificate.issuer())?,
            serial: significant(certificate.serial()).to_vec(),
        })
    }
}

/// Without leading zeros, one byte at least.
fn significant(serial: &[u8]) -> &[u8] {
    match serial {
        [0, rest @ ..] if !rest.is_empty() => significant_after(rest),
        all => all,
    }
}

fn significant_after(serial: &[u8]) -> &[u8] {
    let leading = serial.iter().take_while(|byte| **byte == 0).count();
    let keep = leading.min(serial.len().saturating_sub(1));
    serial.get(keep..).unwrap_or_default()
}

impl FromStr for CertificateMapping {
    type Err = InvalidMapping;

    /// Reads a value. Tags and hexadecimal digits are read in either case, spaces around values are not counted.
    fn from_str(text: &str) -> Result<Self, InvalidMapping> {
        if text.len() > Self::MAX {
            return Err(InvalidMapping::TooLong);
        }
        let (prefix, rest) = text.split_at_checked(5).ok_or(InvalidMapping::Prefix)?;
        if !prefix.eq_ignore_ascii_case("X509:") {
            return Err(InvalidMapping::Prefix);
        }
        let (first, value, rest) = next_tag(rest.trim_start())?;
        let second = match rest {
            "" => None,
            rest => {
                let (tag, value, rest) = next_tag(rest)?;
                if !rest.is_empty() {
                    return Err(InvalidMapping::Form);
                }
                Some((tag, value))
            }
        };
        Ok(match (first.as_str(), second) {
            ("I", Some((tag, other))) => {
                let issuer = value.parse()?;
                match tag.as_str() {
                    "SR" => {
                        let mut serial = octets(other, Self::MAX_OCTETS)?;
                        serial.reverse();
                        Self::IssuerSerial {
                            issuer,
                            serial: significant(&serial).to_vec(),
                        }
                    }
                    "SID" => Self::IssuerSid {
                        issuer,
                        sid: other.parse().map_err(|_| InvalidMapping::Sid)?,
                    },
                    "S" => Self::IssuerSubject {
                        issuer,
                        subject: other.parse()?,
                    },
                    _ => return Err(InvalidMapping::Form),
                }
            }
            ("S", None) => Self::Subject(value.parse()?),
            ("SKI", None) => Self::SubjectKeyIdentifier(octets(value, Self::MAX_OCTETS)?),
            ("SHA1-PUKEY", None) => Self::Sha1PublicKey(
                octets(value, 20)?
                    .try_into()
                    .map_err(|_| InvalidMapping::Digits)?,
            ),
            ("RFC822", None) => match value {
                "" => return Err(InvalidMapping::Form),
                other if other.contains(['<', '>']) || other.contains(char::is_control) => {
                    return Err(InvalidMapping::Form);
                }
                mailbox => Self::Rfc822(mailbox.to_owned()),
            },
            _ => return Err(InvalidMapping::Form),
        })
    }
}

impl fmt::Display for CertificateMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X509:")?;
        match self {
            Self::IssuerSerial { issuer, serial } => {
                write!(f, "<I>{issuer}<SR>")?;
                hex(serial.iter().rev(), f)
            }
            Self::SubjectKeyIdentifier(key) => {
                f.write_str("<SKI>")?;
                hex(key.iter(), f)
            }
            Self::Sha1PublicKey(hash) => {
                f.write_str("<SHA1-PUKEY>")?;
                hex(hash.iter(), f)
            }
            Self::IssuerSid { issuer, sid } => write!(f, "<I>{issuer}<SID>{sid}"),
            Self::IssuerSubject { issuer, subject } => write!(f, "<I>{issuer}<S>{subject}"),
            Self::Subject(subject) => write!(f, "<S>{subject}"),
            Self::Rfc822(mailbox) => write!(f, "<RFC822>{mailbox}"),
        }
    }
}

fn hex<'a>(bytes: impl Iterator<Item = &'a u8>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in bytes {
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

/// Hexadecimal digits, one byte at least and `max` at most.
fn octets(text: &str, max: usize) -> Result<Vec<u8>, InvalidMapping> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || pairs.len() > max || !odd.is_empty() {
        return Err(InvalidMapping::Digits);
    }
    pairs
        .iter()
        .map(|[high, low]| {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            match (digit(*high), digit(*low)) {
                // Two digits make a byte.
                (Some(high), Some(low)) => Ok((high << 4 | low) as u8),
                _ => Err(InvalidMapping::Digits),
            }
        })
        .collect()
}

/// `<TAG>value`, up to a `<` outside quotation marks: the tag in upper case, the value, what follows.
fn next_tag(text: &str) -> Result<(String, &str, &str), InvalidMapping> {
    let (tag, rest) = text
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
        .ok_or(InvalidMapping::Form)?;
    let mut quoted = false;
    let end = rest
        .char_indices()
        .find(|(_, character)| {
            quoted ^= *character == '"';
            *character == '<' && !quoted
        })
        .map_or(rest.len(), |(at, _)| at);
    let (value, rest) = rest.split_at_checked(end).ok_or(InvalidMapping::Form)?;
    Ok((tag.trim().to_ascii_uppercase(), value.trim(), rest))
}

/// A distinguished name as a mapping has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedName {
    /// Most general first; the attributes of a multi-valued part side by side.
    parts: Vec<Vec<Attribute>>,
}

/// How the types of attributes are written; the first one of a type is.
const TYPES: [(&str, ObjectIdentifier); 25] = [
    ("CN", oid::COMMON_NAME),
    ("DC", oid::DOMAIN_COMPONENT),
    ("OU", oid::ORGANIZATIONAL_UNIT),
    ("O", oid::ORGANIZATION),
    ("C", oid::COUNTRY),
    ("E", oid::EMAIL_ADDRESS),
    ("EMAIL", oid::EMAIL_ADDRESS),
    ("EMAILADDRESS", oid::EMAIL_ADDRESS),
    ("SN", ObjectIdentifier::new_unwrap("2.5.4.4")),
    ("SERIALNUMBER", ObjectIdentifier::new_unwrap("2.5.4.5")),
    ("L", ObjectIdentifier::new_unwrap("2.5.4.7")),
    ("S", ObjectIdentifier::new_unwrap("2.5.4.8")),
    ("ST", ObjectIdentifier::new_unwrap("2.5.4.8")),
    ("STREET", ObjectIdentifier::new_unwrap("2.5.4.9")),
    ("T", ObjectIdentifier::new_unwrap("2.5.4.12")),
    ("TITLE", ObjectIdentifier::new_unwrap("2.5.4.12")),
    ("DESCRIPTION", ObjectIdentifier::new_unwrap("2.5.4.13")),
    ("POSTALCODE", ObjectIdentifier::new_unwrap("2.5.4.17")),
    ("PHONE", ObjectIdentifier::new_unwrap("2.5.4.20")),
    ("G", ObjectIdentifier::new_unwrap("2.5.4.42")),
    ("GN", ObjectIdentifier::new_unwrap("2.5.4.42")),
    ("I", ObjectIdentifier::new_unwrap("2.5.4.43")),
    ("INITIALS", ObjectIdentifier::new_unwrap("2.5.4.43")),
    ("DNQUALIFIER", ObjectIdentifier::new_unwrap("2.5.4.46")),
    (
        "UID",
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"),
    ),
];

impl MappedName {
    /// Parts that are read of one name.
    const MAX_PARTS: usize = 64;

    /// A certificate's name; `None` where it is empty or malformed, or has a value that cannot be written: an
    /// empty one, or one with a control character.
    #[must_use]
    pub fn of(name: &Name) -> Option<Self> {
        let parts = name.parts().ok()?;
        let writable = |value: &str| !value.is_empty() && !value.contains(char::is_control);
        let sound = |part: &Vec<Attribute>| {
            !part.is_empty() && part.iter().all(|attribute| writable(&attribute.value))
        };
        let fits = !parts.is_empty() && parts.len() <= Self::MAX_PARTS;
        (fits && parts.iter().all(sound)).then_some(Self { parts })
    }

    /// The parts, most general first.
    #[must_use]
    pub fn parts(&self) -> &[Vec<Attribute>] {
        &self.parts
    }

    /// Whether both are the same name: case does not count, nor does the amount of space inside and around a
    /// value (RFC 5280 7.1), nor the order of attributes within a part.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }

    fn folded(&self) -> Vec<Vec<(ObjectIdentifier, String)>> {
        let fold = |attribute: &Attribute| {
            let words: Vec<&str> = attribute.value.split_whitespace().collect();
            (attribute.kind, words.join(" ").to_lowercase())
        };
        self.parts
            .iter()
            .map(|part| {
                let mut part: Vec<_> = part.iter().map(fold).collect();
                part.sort();
                part
            })
            .collect()
    }
}

impl FromStr for MappedName {
    type Err = InvalidMapping;

    fn from_str(text: &str) -> Result<Self, InvalidMapping> {
        let mut parts: Vec<Vec<Attribute>> = Vec::new();
        let mut rest = text;
        let mut beside = false;
        loop {
            let (attribute, separator, after) = next_attribute(rest)?;
            let full = parts.len() == Self::MAX_PARTS;
            match parts.last_mut() {
                Some(part) if beside => part.push(attribute),
                _ if full => return Err(InvalidMapping::Name),
                _ => parts.push(vec![attribute]),
            }
            match separator {
                None => return Ok(Self { parts }),
                Some(separator) => beside = separator == '+',
            }
            rest = after;
        }
    }
}

/// `TYPE=value`, the `,`, `;` or `+` behind it, and what follows.
fn next_attribute(text: &str) -> Result<(Attribute, Option<char>, &str), InvalidMapping> {
    let (kind, rest) = text.split_once('=').ok_or(InvalidMapping::Name)?;
    let kind = attribute_type(kind.trim()).ok_or(InvalidMapping::Name)?;
    let mut value = String::new();
    let mut characters = rest.trim_start().chars();
    let quoted = characters.as_str().starts_with('"');
    let separator = if quoted {
        characters.next();
        loop {
            match characters.next().ok_or(InvalidMapping::Name)? {
                '"' if characters.as_str().starts_with('"') => {
                    characters.next();
                    value.push('"');
                }
                '"' => break,
                plain => value.push(plain),
            }
        }
        loop {
            match characters.next() {
                Some(' ') => {}
                other => break other,
            }
        }
    } else {
        loop {
            match characters.next() {
                Some(separator @ (',' | ';' | '+')) => break Some(separator),
                Some('"' | '=' | '<' | '>') => return Err(InvalidMapping::Name),
                Some(plain) => value.push(plain),
                None => break None,
            }
        }
    };
    if !matches!(separator, None | Some(',' | ';' | '+')) {
        return Err(InvalidMapping::Name);
    }
    let value = if quoted {
        value
    } else {
        value.trim().to_owned()
    };
    if value.is_empty() || value.contains(char::is_control) {
        return Err(InvalidMapping::Name);
    }
    Ok((Attribute { kind, value }, separator, characters.as_str()))
}

fn attribute_type(text: &str) -> Option<ObjectIdentifier> {
    if let Some((_, kind)) = TYPES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
    {
        return Some(*kind);
    }
    let dotted = match text.split_at_checked(4) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("OID.") => rest,
        _ => text,
    };
    ObjectIdentifier::new(dotted).ok()
}

impl fmt::Display for MappedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.parts.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            for (position, Attribute { kind, value }) in part.iter().enumerate() {
                if position > 0 {
                    f.write_str("+")?;
                }
                match TYPES.iter().find(|(_, known)| known == kind) {
                    Some((name, _)) => write!(f, "{name}=")?,
                    None => write!(f, "OID.{kind}=")?,
                }
                let special = |character: char| ",+=\"<>#;".contains(character);
                if value.contains(special)
                    || value.starts_with(char::is_whitespace)
                    || value.ends_with(char::is_whitespace)
                {
                    write!(f, "\"{}\"", value.replace('"', "\"\""))?;
                } else {
                    f.write_str(value)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
