//! Extensions: one list, read and written, for certificates, lists and requests.

use core::fmt;

use const_oid::ObjectIdentifier;

use super::name::text;
use super::read::{self, Reader};
use super::{GeneralName, Malformed, Result, oid, tag, write};
use crate::Sid;

/// One extension (RFC 5280 4.1.2.9).
///
/// ```text
/// Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Which one.
    pub oid: ObjectIdentifier,
    /// Whether a reader that does not know it must refuse the whole.
    pub critical: bool,
    /// What the OCTET STRING contains.
    pub value: Vec<u8>,
}

/// `BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER (0..MAX) OPTIONAL }`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the subject may sign certificates.
    pub ca: bool,
    /// How many CA certificates may follow below it.
    pub path_length: Option<u32>,
}

/// keyUsage: what the key is for (RFC 5280 4.2.1.3), as a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// Signatures other than on certificates and lists.
    pub const DIGITAL_SIGNATURE: Self = Self(0x8000);
    /// contentCommitment.
    pub const NON_REPUDIATION: Self = Self(0x4000);
    /// Encrypting keys (RSA).
    pub const KEY_ENCIPHERMENT: Self = Self(0x2000);
    /// Encrypting data.
    pub const DATA_ENCIPHERMENT: Self = Self(0x1000);
    /// Agreeing on keys.
    pub const KEY_AGREEMENT: Self = Self(0x0800);
    /// Signing certificates.
    pub const KEY_CERT_SIGN: Self = Self(0x0400);
    /// Signing revocation lists.
    pub const CRL_SIGN: Self = Self(0x0200);

    /// This set and another's members.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn allows(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// `KeyUsage ::= BIT STRING`, trailing zero bits left out as DER wants for named bits (X.690 11.2.2).
    fn encode(self) -> Vec<u8> {
        let unused = (self.0.trailing_zeros() % 8) as u8;
        let octets = self.0.to_be_bytes();
        match octets {
            [0, 0] => write::element(tag::BIT_STRING, &[0]),
            [first, 0] => write::element(tag::BIT_STRING, &[unused, first]),
            [first, second] => write::element(tag::BIT_STRING, &[unused, first, second]),
        }
    }

    fn parse(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "keyUsage";
        let reader = read::only(der, tag::BIT_STRING, WHAT)?;
        match *reader.rest() {
            [0] => Ok(Self(0)),
            [unused @ 0..=7, first] => Ok(Self(u16::from_be_bytes([first & (0xff << unused), 0]))),
            [unused @ 0..=7, first, second] => {
                Ok(Self(u16::from_be_bytes([first, second & (0xff << unused)])))
            }
            _ => Err(Malformed::Unexpected(WHAT)),
        }
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(KeyUsage, &str); 7] = [
            (KeyUsage::DIGITAL_SIGNATURE, "digitalSignature"),
            (KeyUsage::NON_REPUDIATION, "nonRepudiation"),
            (KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment"),
            (KeyUsage::DATA_ENCIPHERMENT, "dataEncipherment"),
            (KeyUsage::KEY_AGREEMENT, "keyAgreement"),
            (KeyUsage::KEY_CERT_SIGN, "keyCertSign"),
            (KeyUsage::CRL_SIGN, "cRLSign"),
        ];
        let names = NAMES.iter().filter(|(bit, _)| self.allows(*bit));
        f.debug_set().entries(names.map(|(_, name)| name)).finish()
    }
}

/// ```text
/// AuthorityKeyIdentifier ::= SEQUENCE { keyIdentifier [0] KeyIdentifier OPTIONAL,
///   authorityCertIssuer [1] GeneralNames OPTIONAL, authorityCertSerialNumber [2] CertificateSerialNumber OPTIONAL }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityKeyIdentifier {
    /// The identifier of the key that signed.
    pub key: Option<Vec<u8>>,
    /// The issuer of the certificate of that key.
    pub issuer: Option<Vec<GeneralName>>,
    /// The serial number of the certificate of that key, content octets of the INTEGER.
    pub serial: Option<Vec<u8>>,
}

impl Extension {
    pub(super) fn new(oid: ObjectIdentifier, critical: bool, value: Vec<u8>) -> Self {
        Self {
            oid,
            critical,
            value,
        }
    }

    /// basicConstraints, critical.
    #[must_use]
    pub fn basic_constraints(constraints: BasicConstraints) -> Self {
        let mut parts = Vec::new();
        if constraints.ca {
            parts.push(write::element(tag::BOOLEAN, &[0xff]));
        }
        if let Some(length) = constraints.path_length {
            parts.push(write::number(length.into()));
        }
        Self::new(oid::BASIC_CONSTRAINTS, true, write::sequence_of(&parts))
    }

    /// keyUsage, critical.
    #[must_use]
    pub fn key_usage(usage: KeyUsage) -> Self {
        Self::new(oid::KEY_USAGE, true, usage.encode())
    }

    /// `ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId`
    #[must_use]
    pub fn extended_key_usage(purposes: &[ObjectIdentifier], critical: bool) -> Self {
        let purposes: Vec<Vec<u8>> = purposes.iter().map(write::oid).collect();
        Self::new(
            oid::EXTENDED_KEY_USAGE,
            critical,
            write::sequence_of(&purposes),
        )
    }

    /// subjectKeyIdentifier.
    #[must_use]
    pub fn subject_key_identifier(key: &[u8]) -> Self {
        let value = write::octet_string(key);
        Self::new(oid::SUBJECT_KEY_IDENTIFIER, false, value)
    }

    /// authorityKeyIdentifier by the key's identifier.
    #[must_use]
    pub fn authority_key_identifier(key: &[u8]) -> Self {
        let value = write::sequence(&[&write::element(tag::context(0), key)]);
        Self::new(oid::AUTHORITY_KEY_IDENTIFIER, false, value)
    }

    /// subjectAltName; critical where the subject is empty (RFC 5280 4.2.1.6).
    #[must_use]
    pub fn subject_alternative_name(names: &[GeneralName], critical: bool) -> Self {
        let value = GeneralName::encode_all(names);
        Self::new(oid::SUBJECT_ALTERNATIVE_NAME, critical, value)
    }

    /// cRLDistributionPoints: one point with all the URIs, which are places of the same list.
    #[must_use]
    pub fn crl_distribution_points(uris: &[&str]) -> Self {
        let uris: Vec<Vec<u8>> = uris
            .iter()
            .map(|uri| GeneralName::Uri((*uri).to_owned()).encode())
            .collect();
        let full_name = write::element(tag::context_constructed(0), &uris.concat());
        let point_name = write::element(tag::context_constructed(0), &full_name);
        let value = write::sequence(&[&write::sequence(&[&point_name])]);
        Self::new(oid::CRL_DISTRIBUTION_POINTS, false, value)
    }

    /// authorityInfoAccess: where the issuer's certificate is.
    #[must_use]
    pub fn authority_information_access(ca_issuers: &[&str]) -> Self {
        let descriptions: Vec<Vec<u8>> = ca_issuers
            .iter()
            .map(|uri| {
                let location = GeneralName::Uri((*uri).to_owned()).encode();
                write::sequence(&[&write::oid(&oid::CA_ISSUERS), &location])
            })
            .collect();
        Self::new(
            oid::AUTHORITY_INFORMATION_ACCESS,
            false,
            write::sequence_of(&descriptions),
        )
    }

    /// Certificate template name (PKI-T1-REQ), a BMPString.
    #[must_use]
    pub fn certificate_template_name(name: &str) -> Self {
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let value = write::element(tag::BMP_STRING, &units);
        Self::new(oid::CERTIFICATE_TEMPLATE_NAME, false, value)
    }

    /// The subject's SID (protocols E.5.4): an otherName around the SID's text.
    #[must_use]
    pub fn security_identifier(sid: &Sid) -> Self {
        let text = write::octet_string(sid.to_string().as_bytes());
        let name = GeneralName::Other(oid::SECURITY_IDENTIFIER_NAME, text);
        Self::new(
            oid::SECURITY_IDENTIFIER,
            false,
            GeneralName::encode_all(&[name]),
        )
    }

    /// cRLNumber.
    #[must_use]
    pub fn crl_number(number: u64) -> Self {
        Self::new(oid::CRL_NUMBER, false, write::number(number))
    }

    /// The encoding.
    pub(super) fn encode(&self) -> Vec<u8> {
        let critical = if self.critical {
            write::element(tag::BOOLEAN, &[0xff])
        } else {
            Vec::new()
        };
        write::sequence(&[
            &write::oid(&self.oid),
            &critical,
            &write::octet_string(&self.value),
        ])
    }
}

/// The extensions of a certificate, of a list or one of its entries, or those that a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(Vec<Extension>);

impl Extensions {
    /// Extensions that are read from one object.
    const MAX: usize = 64;
    /// Elements that are read of one extension's list.
    const MAX_LIST: usize = 64;

    /// `Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension`
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut list = reader.sequence("the extensions")?;
        let mut extensions: Vec<Extension> = Vec::new();
        while !list.is_empty() {
            if extensions.len() == Self::MAX {
                return Err(Malformed::Unexpected("a list of more than 64 extensions"));
            }
            let mut one = list.sequence("an extension")?;
            let oid = one.oid("an extension's type")?;
            let critical = one.default_false()?;
            let value = one.octet_string("an extension's value")?.to_vec();
            one.finish()?;
            if extensions.iter().any(|other| other.oid == oid) {
                return Err(Malformed::DuplicateExtension);
            }
            extensions.push(Extension {
                oid,
                critical,
                value,
            });
        }
        Ok(Self(extensions))
    }

    /// `Extensions`, or nothing at all when there are none: the list may not be empty.
    pub(super) fn encode(extensions: &[Extension]) -> Vec<u8> {
        if extensions.is_empty() {
            return Vec::new();
        }
        let extensions: Vec<Vec<u8>> = extensions.iter().map(Extension::encode).collect();
        write::sequence_of(&extensions)
    }

    /// All of them, in their order.
    pub fn iter(&self) -> core::slice::Iter<'_, Extension> {
        self.0.iter()
    }

    /// All of them, in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Extension] {
        &self.0
    }

    /// The one of that type.
    #[must_use]
    pub fn find(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.0.iter().find(|extension| extension.oid == oid)
    }

    pub(super) fn decode<T>(
        &self,
        oid: ObjectIdentifier,
        decode: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        self.find(oid)
            .map(|extension| decode(&extension.value))
            .transpose()
    }

    /// basicConstraints.
    ///
    /// # Errors
    /// When the extension is there and malformed; so with all accessors here.
    pub fn basic_constraints(&self) -> Result<Option<BasicConstraints>> {
        self.decode(oid::BASIC_CONSTRAINTS, |value| {
            const WHAT: &str = "basicConstraints";
            let mut reader = read::only(value, tag::SEQUENCE, WHAT)?;
            let ca = reader.default_false()?;
            let path_length = if reader.is_empty() {
                None
            } else {
                let length = read::unsigned(reader.integer(WHAT)?, WHAT)?;
                Some(u32::try_from(length).map_err(|_| Malformed::Unexpected(WHAT))?)
            };
            reader.finish()?;
            Ok(BasicConstraints { ca, path_length })
        })
    }

    /// keyUsage.
    ///
    /// # Errors
    /// When malformed.
    pub fn key_usage(&self) -> Result<Option<KeyUsage>> {
        self.decode(oid::KEY_USAGE, KeyUsage::parse)
    }

    /// extKeyUsage: the purposes, `None` where there is no such extension.
    ///
    /// # Errors
    /// When malformed, or a list of more than 64.
    pub fn extended_key_usage(&self) -> Result<Option<Vec<ObjectIdentifier>>> {
        self.decode(oid::EXTENDED_KEY_USAGE, |value| {
            const WHAT: &str = "extKeyUsage";
            let mut list = read::only(value, tag::SEQUENCE, WHAT)?;
            let mut purposes = Vec::new();
            while !list.is_empty() {
                if purposes.len() == Self::MAX_LIST {
                    return Err(Malformed::Unexpected(WHAT));
                }
                purposes.push(list.oid(WHAT)?);
            }
            Ok(purposes)
        })
    }

    /// subjectAltName: the names, none where there is no such extension.
    ///
    /// # Errors
    /// When malformed, or a list of more than 256.
    pub fn subject_alternative_names(&self) -> Result<Vec<GeneralName>> {
        self.decode(oid::SUBJECT_ALTERNATIVE_NAME, GeneralName::parse_all)
            .map(Option::unwrap_or_default)
    }

    /// subjectKeyIdentifier.
    ///
    /// # Errors
    /// When malformed.
    pub fn subject_key_identifier(&self) -> Result<Option<Vec<u8>>> {
        self.decode(oid::SUBJECT_KEY_IDENTIFIER, |value| {
            read::only(value, tag::OCTET_STRING, "subjectKeyIdentifier")
                .map(|reader| reader.rest().to_vec())
        })
    }

    /// authorityKeyIdentifier.
    ///
    /// # Errors
    /// When malformed.
    pub fn authority_key_identifier(&self) -> Result<Option<AuthorityKeyIdentifier>> {
        self.decode(oid::AUTHORITY_KEY_IDENTIFIER, |value| {
            let mut reader = read::only(value, tag::SEQUENCE, "authorityKeyIdentifier")?;
            let key = reader.optional(tag::context(0))?;
            let issuer = reader.optional(tag::context_constructed(1))?;
            let serial = reader.optional(tag::context(2))?;
            reader.finish()?;
            Ok(AuthorityKeyIdentifier {
                key: key.map(|element| reader.content(&element).to_vec()),
                issuer: issuer
                    .map(|element| GeneralName::read_all(&mut reader.inside(&element)))
                    .transpose()?,
                serial: serial.map(|element| reader.content(&element).to_vec()),
            })
        })
    }

    /// cRLDistributionPoints: the URIs of all points, whatever else they name.
    ///
    /// # Errors
    /// When malformed.
    pub fn crl_distribution_points(&self) -> Result<Vec<String>> {
        let uris = self.decode(oid::CRL_DISTRIBUTION_POINTS, |value| {
            const WHAT: &str = "cRLDistributionPoints";
            let mut points = read::only(value, tag::SEQUENCE, WHAT)?;
            let mut uris = Vec::new();
            while !points.is_empty() {
                let mut point = points.sequence(WHAT)?;
                let Some(name) = point.optional(tag::context_constructed(0))? else {
                    continue;
                };
                let mut name = point.inside(&name);
                if let Some(full) = name.optional(tag::context_constructed(0))? {
                    let names = GeneralName::read_all(&mut name.inside(&full))?;
                    uris.extend(names.into_iter().filter_map(uri));
                }
            }
            Ok(uris)
        })?;
        Ok(uris.unwrap_or_default())
    }

    /// authorityInfoAccess: where the issuer's certificate is said to be.
    ///
    /// # Errors
    /// When malformed.
    pub fn ca_issuers(&self) -> Result<Vec<String>> {
        let uris = self.decode(oid::AUTHORITY_INFORMATION_ACCESS, |value| {
            const WHAT: &str = "authorityInfoAccess";
            let mut list = read::only(value, tag::SEQUENCE, WHAT)?;
            let mut uris = Vec::new();
            while !list.is_empty() {
                let mut description = list.sequence(WHAT)?;
                let method = description.oid(WHAT)?;
                let location = GeneralName::read_all(&mut description)?;
                if method == oid::CA_ISSUERS {
                    uris.extend(location.into_iter().filter_map(uri));
                }
            }
            Ok(uris)
        })?;
        Ok(uris.unwrap_or_default())
    }

    /// Certificate template name.
    ///
    /// # Errors
    /// When malformed.
    pub fn certificate_template_name(&self) -> Result<Option<String>> {
        self.decode(oid::CERTIFICATE_TEMPLATE_NAME, |value| {
            let mut reader = Reader::new(value);
            let element = reader.any()?;
            reader.finish()?;
            text(element.tag, reader.content(&element))
        })
    }

    /// The subject's SID (protocols E.5.4).
    ///
    /// # Errors
    /// When malformed, or not exactly one SID.
    pub fn security_identifier(&self) -> Result<Option<Sid>> {
        self.decode(oid::SECURITY_IDENTIFIER, |value| {
            const WHAT: &str = "the SID extension";
            let malformed = Malformed::Unexpected(WHAT);
            let names = GeneralName::parse_all(value)?;
            let [GeneralName::Other(oid::SECURITY_IDENTIFIER_NAME, der)] = names.as_slice() else {
                return Err(malformed);
            };
            let reader = read::only(der, tag::OCTET_STRING, WHAT)?;
            let text = core::str::from_utf8(reader.rest()).map_err(|_| malformed)?;
            text.parse().map_err(|_| malformed)
        })
    }

    /// cRLNumber.
    ///
    /// # Errors
    /// When malformed, or over 64 bits.
    pub fn crl_number(&self) -> Result<Option<u64>> {
        self.decode(oid::CRL_NUMBER, |value| {
            const WHAT: &str = "cRLNumber";
            let mut reader = Reader::new(value);
            let number = read::unsigned(reader.integer(WHAT)?, WHAT)?;
            reader.finish()?;
            Ok(number)
        })
    }
}

impl<'a> IntoIterator for &'a Extensions {
    type Item = &'a Extension;
    type IntoIter = core::slice::Iter<'a, Extension>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<Extension>> for Extensions {
    fn from(extensions: Vec<Extension>) -> Self {
        Self(extensions)
    }
}

pub(super) fn uri(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::Uri(uri) => Some(uri),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;
    use proptest::prelude::*;

    #[test]
    fn key_usage_is_written_without_trailing_zero_bits() {
        let bits = |usage: KeyUsage| Extension::key_usage(usage).value;
        assert_eq!(bits(KeyUsage::DIGITAL_SIGNATURE), hex!("03020780"));
        assert_eq!(
            bits(KeyUsage::DIGITAL_SIGNATURE.and(KeyUsage::KEY_ENCIPHERMENT)),
            hex!("030205a0")
        );
        assert_eq!(
            bits(KeyUsage::KEY_CERT_SIGN.and(KeyUsage::CRL_SIGN)),
            hex!("03020106")
        );
        for usage in [KeyUsage(0), KeyUsage(0x8080), KeyUsage::CRL_SIGN] {
            assert_eq!(KeyUsage::parse(&usage.encode()), Ok(usage));
        }
        assert!(KeyUsage::parse(&hex!("0302 08 80")).is_err());
    }

    #[test]
    fn the_sid_extension_has_the_form_of_public_certificates() {
        // Protocols E.5.6: 30 .. A0 .. 06 0A 2B 06 01 04 01 82 37 19 02 01 A0 .. 04 .. <ASCII SID>.
        let sid: Sid = "S-1-5-21-1-2-3-1104".parse().unwrap();
        let extension = Extension::security_identifier(&sid);
        let mut expected = hex!("3025 a023 060a2b060104018237190201 a015 0413").to_vec();
        expected.extend(b"S-1-5-21-1-2-3-1104");
        assert_eq!(extension.value, expected);
        let extensions = Extensions(vec![extension]);
        assert_eq!(extensions.security_identifier(), Ok(Some(sid)));
    }

    #[test]
    fn a_template_name_is_a_bmp_string() {
        let extension = Extension::certificate_template_name("DC");
        assert_eq!(extension.value, hex!("1e04 0044 0043"));
        let extensions = Extensions(vec![extension]);
        assert_eq!(
            extensions.certificate_template_name(),
            Ok(Some("DC".into()))
        );
    }

    #[test]
    fn every_extension_that_is_written_is_read_back() {
        let constraints = BasicConstraints {
            ca: true,
            path_length: Some(0),
        };
        let names = [GeneralName::Dns("a.example".into())];
        let list = [
            Extension::basic_constraints(constraints),
            Extension::key_usage(KeyUsage::CRL_SIGN),
            Extension::extended_key_usage(&[oid::PKINIT_KDC, oid::CLIENT_AUTHENTICATION], true),
            Extension::subject_key_identifier(&[1, 2]),
            Extension::authority_key_identifier(&[3, 4]),
            Extension::subject_alternative_name(&names, true),
            Extension::crl_distribution_points(&["http://a/r.crl", "http://b/r.crl"]),
            Extension::authority_information_access(&["http://a/r.crt"]),
            Extension::crl_number(0x1_0000_0000),
        ];
        let der = Extensions::encode(&list);
        let read = Extensions::read(&mut Reader::new(&der)).unwrap();
        assert_eq!(read.0, list);
        assert_eq!(read.basic_constraints(), Ok(Some(constraints)));
        assert_eq!(read.key_usage(), Ok(Some(KeyUsage::CRL_SIGN)));
        assert_eq!(
            read.extended_key_usage(),
            Ok(Some(vec![oid::PKINIT_KDC, oid::CLIENT_AUTHENTICATION]))
        );
        assert_eq!(read.subject_key_identifier(), Ok(Some(vec![1, 2])));
        assert_eq!(
            read.authority_key_identifier().unwrap().unwrap().key,
            Some(vec![3, 4])
        );
        assert_eq!(read.subject_alternative_names().as_deref(), Ok(&names[..]));
        assert_eq!(
            read.crl_distribution_points().unwrap(),
            ["http://a/r.crl", "http://b/r.crl"]
        );
        assert_eq!(read.ca_issuers().unwrap(), ["http://a/r.crt"]);
        assert_eq!(read.crl_number(), Ok(Some(0x1_0000_0000)));
        assert_eq!(read.security_identifier(), Ok(None));
    }

    #[test]
    fn refuses_an_extension_that_occurs_twice() {
        let twice = [Extension::crl_number(1), Extension::crl_number(2)];
        let der = Extensions::encode(&twice);
        assert_eq!(
            Extensions::read(&mut Reader::new(&der)),
            Err(Malformed::DuplicateExtension)
        );
    }

    #[test]
    fn refuses_malformed_values_when_they_are_asked_for() {
        let with = |oid, value: &[u8]| Extensions(vec![Extension::new(oid, false, value.to_vec())]);
        let constraints = |value: &[u8]| with(oid::BASIC_CONSTRAINTS, value).basic_constraints();
        assert!(constraints(&hex!("3003 0101 01")).is_err(), "TRUE is FF");
        assert!(constraints(&hex!("3003 0201 ff")).is_err(), "negative");
        assert!(constraints(&hex!("3006 0101 ff 0201 00 00")).is_err());
        let encoded_false = constraints(&hex!("3003 0101 00")).unwrap().unwrap();
        assert!(!encoded_false.ca, "an encoded FALSE is read");
        let sid = |value: &[u8]| with(oid::SECURITY_IDENTIFIER, value).security_identifier();
        assert!(sid(&hex!("3000")).is_err());
        assert!(sid(&hex!("3003 820161")).is_err());
        assert!(
            with(oid::CRL_NUMBER, &hex!("0209 010000000000000000"))
                .crl_number()
                .is_err()
        );
        assert!(
            with(oid::EXTENDED_KEY_USAGE, &hex!("3002 0600"))
                .extended_key_usage()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_an_accessor_panic(value in proptest::collection::vec(any::<u8>(), 0..120)) {
            for oid in [
                oid::BASIC_CONSTRAINTS, oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE,
                oid::SUBJECT_ALTERNATIVE_NAME, oid::SUBJECT_KEY_IDENTIFIER,
                oid::AUTHORITY_KEY_IDENTIFIER, oid::CRL_DISTRIBUTION_POINTS,
                oid::AUTHORITY_INFORMATION_ACCESS, oid::CERTIFICATE_TEMPLATE_NAME,
                oid::SECURITY_IDENTIFIER, oid::CRL_NUMBER,
            ] {
                let list = Extensions(vec![Extension::new(oid, false, value.clone())]);
                let _ = (list.basic_constraints(), list.key_usage(), list.extended_key_usage());
                let _ = (list.subject_alternative_names(), list.subject_key_identifier());
                let _ = (list.authority_key_identifier(), list.crl_distribution_points());
                let _ = (list.ca_issuers(), list.certificate_template_name());
                let _ = (list.security_identifier(), list.crl_number());
            }
        }
    }
}
