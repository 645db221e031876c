//! Alternative names: of a subject, of a distribution point.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use const_oid::ObjectIdentifier;

use super::name::text;
use super::read::{self, Reader};
use super::{Malformed, Name, Result, oid, tag, write};

/// One alternative name (RFC 5280 4.2.1.6).
///
/// ```text
/// GeneralName ::= CHOICE {
///   otherName                 [0] OtherName,       rfc822Name    [1] IA5String,
///   dNSName                   [2] IA5String,       x400Address   [3] ORAddress,
///   directoryName             [4] Name,            ediPartyName  [5] EDIPartyName,
///   uniformResourceIdentifier [6] IA5String,       iPAddress     [7] OCTET STRING,
///   registeredID              [8] OBJECT IDENTIFIER }
/// OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY DEFINED BY type-id }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneralName {
    /// id-pkinit-san: a Kerberos principal (RFC 4556 3.2.2).
    Kerberos(KerberosName),
    /// A user principal name, `alice@corp.example`.
    UserPrincipalName(String),
    /// An otherName of another type; the value is the whole element inside `[0]`.
    Other(ObjectIdentifier, Vec<u8>),
    /// A mailbox.
    Email(String),
    /// A host name or a domain.
    Dns(String),
    /// A distinguished name.
    Directory(Name),
    /// A URI.
    Uri(String),
    /// An address.
    Ip(IpAddr),
    /// One of the forms that nobody uses: its tag and content.
    Unused(u8, Vec<u8>),
}

/// A principal as RFC 4556 3.2.2 puts it into a certificate.
///
/// ```text
/// KRB5PrincipalName ::= SEQUENCE { realm [0] Realm, principalName [1] PrincipalName }
/// PrincipalName ::= SEQUENCE { name-type [0] Int32, name-string [1] SEQUENCE OF KerberosString }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KerberosName {
    /// The realm.
    pub realm: String,
    /// The name's type (RFC 4120 6.2): 1 a principal, 2 a service such as `krbtgt`.
    pub name_type: i32,
    /// The components, `krbtgt` and the realm for a KDC.
    pub components: Vec<String>,
}

impl KerberosName {
    /// Components that are read from a certificate; RFC 4120 sets no bound, real names have two.
    const MAX_COMPONENTS: usize = 16;

    /// `krbtgt/REALM@REALM`, the name of a realm's ticket-granting service and so of its KDC (RFC 4556 3.2.4).
    #[must_use]
    pub fn kdc(realm: &str) -> Self {
        Self {
            realm: realm.to_owned(),
            name_type: 2,
            components: vec!["krbtgt".to_owned(), realm.to_owned()],
        }
    }

    fn encode(&self) -> Vec<u8> {
        let string = |text: &String| write::element(tag::GENERAL_STRING, text.as_bytes());
        let components: Vec<Vec<u8>> = self.components.iter().map(string).collect();
        let explicit =
            |number: u8, inner: &[u8]| write::element(tag::context_constructed(number), inner);
        let name_type = write::element(tag::INTEGER, signed(self.name_type).as_slice());
        let name = write::sequence(&[
            &explicit(0, &name_type),
            &explicit(1, &write::sequence_of(&components)),
        ]);
        write::sequence(&[&explicit(0, &string(&self.realm)), &explicit(1, &name)])
    }

    fn parse(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "a Kerberos principal name";
        let mut principal = read::only(der, tag::SEQUENCE, WHAT)?;
        let mut realm = explicit(&mut principal, 0, WHAT)?;
        let realm = {
            let element = realm.expect(tag::GENERAL_STRING, WHAT)?;
            realm.finish()?;
            text(element.tag, realm.content(&element))?
        };
        let mut outer = explicit(&mut principal, 1, WHAT)?;
        principal.finish()?;
        let mut name = outer.sequence(WHAT)?;
        outer.finish()?;
        let mut kind = explicit(&mut name, 0, WHAT)?;
        let octets = kind.integer(WHAT)?;
        kind.finish()?;
        let mut strings = explicit(&mut name, 1, WHAT)?;
        name.finish()?;
        let mut list = strings.sequence(WHAT)?;
        strings.finish()?;
        let mut components = Vec::new();
        while !list.is_empty() {
            if components.len() == Self::MAX_COMPONENTS {
                return Err(Malformed::Unexpected(WHAT));
            }
            let element = list.expect(tag::GENERAL_STRING, WHAT)?;
            components.push(text(element.tag, list.content(&element))?);
        }
        Ok(Self {
            realm,
            name_type: int32(octets).ok_or(Malformed::Unexpected(WHAT))?,
            components,
        })
    }
}

impl fmt::Display for KerberosName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.components.join("/"), self.realm)
    }
}

/// The content octets of an INTEGER, minimal.
fn signed(value: i32) -> Vec<u8> {
    let mut octets = value.to_be_bytes().to_vec();
    while let [first, second, ..] = octets.as_slice() {
        let redundant =
            (*first == 0 && second & 0x80 == 0) || (*first == 0xff && second & 0x80 != 0);
        if !redundant {
            break;
        }
        octets.remove(0);
    }
    octets
}

fn int32(octets: &[u8]) -> Option<i32> {
    if octets.is_empty() || octets.len() > 4 {
        return None;
    }
    let start = if octets.first().is_some_and(|first| first & 0x80 != 0) {
        -1
    } else {
        0
    };
    Some(
        octets
            .iter()
            .fold(start, |value: i32, octet| (value << 8) | i32::from(*octet)),
    )
}

fn explicit<'a>(reader: &mut Reader<'a>, number: u8, what: &'static str) -> Result<Reader<'a>> {
    let element = reader.expect(tag::context_constructed(number), what)?;
    Ok(reader.inside(&element))
}

impl GeneralName {
    /// Names that are read from one list.
    const MAX: usize = 256;

    /// The encoding of one name.
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Kerberos(name) => other(&oid::PKINIT_SAN, &name.encode()),
            Self::UserPrincipalName(name) => other(
                &oid::USER_PRINCIPAL_NAME,
                &write::element(tag::UTF8_STRING, name.as_bytes()),
            ),
            Self::Other(kind, value) => other(kind, value),
            Self::Email(mailbox) => write::element(tag::context(1), mailbox.as_bytes()),
            Self::Dns(name) => write::element(tag::context(2), name.as_bytes()),
            Self::Directory(name) => write::element(tag::context_constructed(4), name.der()),
            Self::Uri(uri) => write::element(tag::context(6), uri.as_bytes()),
            Self::Ip(IpAddr::V4(address)) => write::element(tag::context(7), &address.octets()),
            Self::Ip(IpAddr::V6(address)) => write::element(tag::context(7), &address.octets()),
            Self::Unused(tag, content) => write::element(*tag, content),
        }
    }

    /// `GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName`
    pub(super) fn encode_all(names: &[Self]) -> Vec<u8> {
        let names: Vec<Vec<u8>> = names.iter().map(Self::encode).collect();
        write::sequence_of(&names)
    }

    /// All names of a SEQUENCE, one whole element.
    pub(super) fn parse_all(der: &[u8]) -> Result<Vec<Self>> {
        Self::read_all(&mut read::only(der, tag::SEQUENCE, "a list of names")?)
    }

    /// All names that are left in `reader`.
    pub(super) fn read_all(reader: &mut Reader<'_>) -> Result<Vec<Self>> {
        let mut names = Vec::new();
        while !reader.is_empty() {
            if names.len() == Self::MAX {
                return Err(Malformed::Unexpected("a list of more than 256 names"));
            }
            names.push(Self::read(reader)?);
        }
        Ok(names)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "an alternative name";
        let element = reader.any()?;
        let content = reader.content(&element);
        let ascii = || text(tag::IA5_STRING, content);
        Ok(match element.tag {
            0xa0 => {
                let mut inside = reader.inside(&element);
                let kind = inside.oid(WHAT)?;
                let wrapper = inside.expect(tag::context_constructed(0), WHAT)?;
                inside.finish()?;
                let mut value = inside.inside(&wrapper);
                let element = value.any()?;
                value.finish()?;
                let whole = value.slice(&element.whole);
                match (kind, element.tag) {
                    (oid::PKINIT_SAN, _) => Self::Kerberos(KerberosName::parse(whole)?),
                    (oid::USER_PRINCIPAL_NAME, tag::UTF8_STRING) => {
                        Self::UserPrincipalName(text(element.tag, value.content(&element))?)
                    }
                    (oid::USER_PRINCIPAL_NAME, _) => return Err(Malformed::Unexpected(WHAT)),
                    _ => Self::Other(kind, whole.to_vec()),
                }
            }
            0x81 => Self::Email(ascii()?),
            0x82 => Self::Dns(ascii()?),
            0xa4 => Self::Directory(Name::parse(content)?),
            0x86 => Self::Uri(ascii()?),
            0x87 => Self::Ip(address(content).ok_or(Malformed::Unexpected(WHAT))?),
            0xa3 | 0xa5 | 0x88 => Self::Unused(element.tag, content.to_vec()),
            _ => return Err(Malformed::Unexpected(WHAT)),
        })
    }
}

fn other(kind: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    let value = write::element(tag::context_constructed(0), value);
    write::constructed(tag::context_constructed(0), &[&write::oid(kind), &value])
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    #[test]
    fn every_form_comes_back() {
        let names = vec![
            GeneralName::Kerberos(KerberosName::kdc("CORP.EXAMPLE")),
            GeneralName::UserPrincipalName("alice@corp.example".into()),
            GeneralName::Other(oid::SECURITY_IDENTIFIER_NAME, vec![4, 1, b'S']),
            GeneralName::Email("alice@corp.example".into()),
            GeneralName::Dns("dc1.corp.example".into()),
            GeneralName::Directory(Name::common("x")),
            GeneralName::Uri("http://pki.corp.example/root.crl".into()),
            GeneralName::Ip("127.0.0.1".parse().unwrap()),
            GeneralName::Ip("::1".parse().unwrap()),
            GeneralName::Unused(0x88, vec![0x2a, 3]),
        ];
        let der = GeneralName::encode_all(&names);
        assert_eq!(GeneralName::parse_all(&der), Ok(names));
    }

    #[test]
    fn the_name_of_a_kdc_is_the_ticket_granting_service_of_its_realm() {
        // otherName { id-pkinit-san, [0] { realm "A", { 2, { "krbtgt", "A" } } } }, encoded by hand.
        let expected = hex!(
            "a029 06062b0601050202 a01f 301d a003 1b0141 a116 3014 a003 020102"
            "a10d 300b 1b066b7262746774 1b0141"
        );
        let der = GeneralName::Kerberos(KerberosName::kdc("A")).encode();
        assert_eq!(der, expected);
        assert_eq!(KerberosName::kdc("A").to_string(), "krbtgt/A@A");
    }

    #[test]
    fn a_user_principal_name_is_read_as_public_certificates_carry_it() {
        // From the test of RustCrypto's x509-cert: otherName 1.3.6.1.4.1.311.20.2.3, "Upn_214950130@mil".
        let der =
            hex!("3023 a021 060A2B060104018237140203 A0130C1155706E5F323134393530313330406D696C");
        assert_eq!(
            GeneralName::parse_all(&der),
            Ok(vec![GeneralName::UserPrincipalName(
                "Upn_214950130@mil".into()
            )])
        );
    }

    #[test]
    fn refuses_malformed_names() {
        for der in [
            &hex!("3003 820161 00")[..], // data after the end
            &hex!("3003 8201e9"),        // not ASCII
            &hex!("3005 8703 7f0000"),   // an address of three bytes
            &hex!("3003 990161"),        // no such form
            &hex!("3004 a002 0600"),     // an otherName without a type
            &hex!("30 13 a011 060A2B060104018237140203 a003160161"), // a UPN that is not UTF-8
        ] {
            assert!(GeneralName::parse_all(der).is_err(), "{der:02x?}");
        }
        let many = vec![GeneralName::Dns("a".into()); 257];
        assert!(GeneralName::parse_all(&GeneralName::encode_all(&many)).is_err());
    }

    #[test]
    fn name_types_of_every_size_come_back() {
        for value in [0, 1, 127, 128, -1, -128, -129, i32::MAX, i32::MIN] {
            assert_eq!(int32(&signed(value)), Some(value));
        }
        assert_eq!(signed(128), [0, 128]);
        assert_eq!(int32(&[0; 5]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = GeneralName::parse_all(&bytes);
            let _ = KerberosName::parse(&bytes);
        }
    }
}
