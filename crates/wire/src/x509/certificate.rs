//! Certificates: read with their exact bytes, written from typed parts.

use core::fmt;
use core::ops::Range;

use sha1::{Digest, Sha1};

use super::read::{self, Reader};
use super::{Extension, Extensions, Malformed, Name, Result, tag, time, write};

/// A certificate (RFC 5280 4.1), read and kept as it came.
///
/// ```text
/// Certificate ::= SEQUENCE { tbsCertificate TBSCertificate, signatureAlgorithm AlgorithmIdentifier,
///   signatureValue BIT STRING }
/// TBSCertificate ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1, serialNumber INTEGER,
///   signature AlgorithmIdentifier, issuer Name, validity Validity, subject Name,
///   subjectPublicKeyInfo SubjectPublicKeyInfo, issuerUniqueID [1] IMPLICIT BIT STRING OPTIONAL,
///   subjectUniqueID [2] IMPLICIT BIT STRING OPTIONAL, extensions [3] EXPLICIT Extensions OPTIONAL }
/// ```
///
/// Nothing here is verified. Equality is equality of the bytes.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Range<usize>,
    version: u8,
    serial: Range<usize>,
    algorithm: Range<usize>,
    issuer: Name,
    not_before: i64,
    not_after: i64,
    subject: Name,
    spki: Range<usize>,
    extensions: Extensions,
    signature: Range<usize>,
}

impl Certificate {
    /// The largest certificate that is read, in bytes.
    pub const MAX: usize = 64 * 1024;

    /// Reads one certificate that fills `der`.
    ///
    /// # Errors
    /// [`Malformed`] with what is wrong.
    pub fn parse(der: &[u8]) -> Result<Self> {
        if der.len() > Self::MAX {
            return Err(Malformed::TooLarge(Self::MAX));
        }
        let mut outer = read::only(der, tag::SEQUENCE, "a certificate")?;
        let tbs = outer.expect(tag::SEQUENCE, "the signed part")?;
        let outer_algorithm = outer.expect(tag::SEQUENCE, "the signature algorithm")?;
        let signature = outer.clone().expect(tag::BIT_STRING, "the signature")?;
        outer.bit_string("the signature")?;
        outer.finish()?;

        let mut inner = outer.inside(&tbs);
        let version = read_version(&mut inner)?;
        let serial = inner.clone().expect(tag::INTEGER, "the serial number")?;
        inner.integer("the serial number")?;
        let algorithm = inner.expect(tag::SEQUENCE, "the signature algorithm")?;
        let issuer = inner.expect(tag::SEQUENCE, "the issuer")?;
        let mut validity = inner.sequence("the validity")?;
        let not_before = time::read(&mut validity, "notBefore")?;
        let not_after = time::read(&mut validity, "notAfter")?;
        validity.finish()?;
        let subject = inner.expect(tag::SEQUENCE, "the subject")?;
        let spki = inner.expect(tag::SEQUENCE, "the public key")?;
        check_spki(inner.inside(&spki))?;
        for unique_id in [tag::context(1), tag::context(2)] {
            inner.optional(unique_id)?;
        }
        let extensions = match inner.optional(tag::context_constructed(3))? {
            Some(_) if version != 3 => return Err(Malformed::Unexpected("the version")),
            Some(wrapper) => {
                let mut wrapper = inner.inside(&wrapper);
                let extensions = Extensions::read(&mut wrapper)?;
                wrapper.finish()?;
                extensions
            }
            None => Extensions::default(),
        };
        inner.finish()?;

        if inner.slice(&algorithm.whole) != outer.slice(&outer_algorithm.whole) {
            return Err(Malformed::AlgorithmMismatch);
        }
        Ok(Self {
            tbs: tbs.whole,
            version,
            serial: serial.content,
            algorithm: algorithm.whole,
            issuer: Name::parse(inner.slice(&issuer.whole))?,
            not_before,
            not_after,
            subject: Name::parse(inner.slice(&subject.whole))?,
            spki: spki.whole,
            extensions,
            // The first content octet counts unused bits, which there are none of.
            signature: signature.content.start + 1..signature.content.end,
            der: der.to_vec(),
        })
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }

    /// The whole certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What the signature covers: the TBSCertificate as it came.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.slice(&self.tbs)
    }

    /// 1, 2 or 3.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The serial number: the content octets of the INTEGER.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        self.slice(&self.serial)
    }

    /// The AlgorithmIdentifier of the signature, a whole element, the same inside and outside.
    #[must_use]
    pub fn signature_algorithm(&self) -> &[u8] {
        self.slice(&self.algorithm)
    }

    /// The signature's octets.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        self.slice(&self.signature)
    }

    /// Who signed.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// Whom it is about; may be empty.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The first moment of its validity, seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// The last moment of its validity, seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// The SubjectPublicKeyInfo, a whole element.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        self.slice(&self.spki)
    }

    /// Its extensions, none before version 3.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// SHA-1 over the whole certificate, which directories and administrators know it by. A name, not a
    /// proof: whoever decides by it compares the public key too (protocols B.5).
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(&self.der)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}

/// `Version ::= INTEGER { v1(0), v2(1), v3(2) }`
fn read_version(reader: &mut Reader<'_>) -> Result<u8> {
    let Some(wrapper) = reader.optional(tag::context_constructed(0))? else {
        return Ok(1);
    };
    let mut inside = reader.inside(&wrapper);
    let version = match inside.integer("the version")? {
        [number @ 0..=2] => number + 1,
        _ => return Err(Malformed::Unexpected("the version")),
    };
    inside.finish()?;
    Ok(version)
}

/// `SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }`
pub(super) fn check_spki(mut inside: Reader<'_>) -> Result<()> {
    const WHAT: &str = "the public key";
    inside.expect(tag::SEQUENCE, WHAT)?;
    inside.bit_string(WHAT)?;
    inside.finish()
}

/// SHA-1 over a certificate, shown as 40 upper-case hexadecimal digits (protocols B.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// The thumbprint of a whole certificate.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha1::digest(certificate).into())
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 20] {
        self.0
    }

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A version 3 TBSCertificate to be written.
#[derive(Clone, Debug)]
pub struct TbsCertificate<'a> {
    /// The serial number's magnitude, big-endian.
    pub serial: &'a [u8],
    /// The AlgorithmIdentifier that the signature will have, a whole element.
    pub signature_algorithm: &'a [u8],
    /// Who will sign.
    pub issuer: &'a Name,
    /// The first moment of validity, seconds since 1970-01-01T00:00:00Z.
    pub not_before: i64,
    /// The last moment of validity, seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
    /// Whom it is about.
    pub subject: &'a Name,
    /// The SubjectPublicKeyInfo, a whole element.
    pub spki: &'a [u8],
    /// The extensions, in the order they shall have.
    pub extensions: &'a [Extension],
}

impl TbsCertificate<'_> {
    /// The bytes to be signed; [`super::assemble`] makes them a certificate.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let version = write::element(tag::context_constructed(0), &write::number(2));
        let validity =
            write::sequence(&[&time::write(self.not_before), &time::write(self.not_after)]);
        let extensions = match Extensions::encode(self.extensions) {
            list if list.is_empty() => list,
            list => write::element(tag::context_constructed(3), &list),
        };
        write::sequence(&[
            &version,
            &write::integer(self.serial),
            self.signature_algorithm,
            self.issuer.der(),
            &validity,
            self.subject.der(),
            self.spki,
            &extensions,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{GeneralName, assemble, oid};
    use hex_literal::hex;
    use proptest::prelude::*;

    const ALGORITHM: [u8; 12] = hex!("300a06082a8648ce3d040302");

    fn spki() -> Vec<u8> {
        let algorithm = write::sequence(&[&write::oid(&oid::EC_PUBLIC_KEY)]);
        write::sequence(&[&algorithm, &write::bit_string(&[4; 65])])
    }

    fn certificate() -> Vec<u8> {
        let issuer = Name::common("issuer");
        let subject = Name::empty();
        let tbs = TbsCertificate {
            serial: &[0x80, 1],
            signature_algorithm: &ALGORITHM,
            issuer: &issuer,
            not_before: 1_700_000_000,
            not_after: 2_600_000_000,
            subject: &subject,
            spki: &spki(),
            extensions: &[Extension::subject_alternative_name(
                &[GeneralName::Dns("a.example".into())],
                true,
            )],
        };
        assemble(&tbs.encode(), &ALGORITHM, &[1, 2, 3])
    }

    #[test]
    fn what_was_written_is_read_back_byte_for_byte() {
        let der = certificate();
        let read = Certificate::parse(&der).unwrap();
        assert_eq!(read.der(), der);
        assert_eq!(read.version(), 3);
        assert_eq!(read.serial(), [0, 0x80, 1], "a positive INTEGER");
        assert_eq!(read.signature_algorithm(), ALGORITHM);
        assert_eq!(read.signature(), [1, 2, 3]);
        assert_eq!(read.issuer(), &Name::common("issuer"));
        assert!(read.subject().is_empty());
        assert_eq!(read.not_before(), 1_700_000_000);
        assert_eq!(read.not_after(), 2_600_000_000);
        assert_eq!(read.spki(), spki());
        assert_eq!(read.extensions().iter().count(), 1);
        assert_eq!(assemble(read.tbs(), &ALGORITHM, &[1, 2, 3]), der);
    }

    #[test]
    fn the_thumbprint_is_sha1_in_upper_case() {
        // SHA-1 of "abc", FIPS 180-2 A.1.
        assert_eq!(
            Thumbprint::of(b"abc").to_string(),
            "A9993E364706816ABA3E25717850C26C9CD0D89D"
        );
    }

    #[test]
    fn refuses_an_algorithm_that_differs_inside_and_outside() {
        let der = certificate();
        let read = Certificate::parse(&der).unwrap();
        let other = hex!("300a06082a8648ce3d040303");
        let der = assemble(read.tbs(), &other, &[1, 2, 3]);
        assert_eq!(Certificate::parse(&der), Err(Malformed::AlgorithmMismatch));
    }

    #[test]
    fn refuses_extensions_in_a_certificate_of_version_1() {
        let der = certificate();
        let read = Certificate::parse(&der).unwrap();
        let tbs = read.tbs().strip_prefix(&[0x30, 0x81]).unwrap();
        let without_version = tbs.get(1 + 5..).unwrap();
        let der = assemble(
            &write::element(tag::SEQUENCE, without_version),
            &ALGORITHM,
            &[1],
        );
        assert_eq!(
            Certificate::parse(&der),
            Err(Malformed::Unexpected("the version"))
        );
    }

    #[test]
    fn refuses_a_certificate_that_is_too_large_or_has_a_tail() {
        assert_eq!(
            Certificate::parse(&vec![0; Certificate::MAX + 1]),
            Err(Malformed::TooLarge(Certificate::MAX))
        );
        let mut der = certificate();
        der.push(0);
        assert_eq!(Certificate::parse(&der), Err(Malformed::TrailingData));
    }

    #[test]
    fn refuses_lengths_that_are_not_der() {
        assert!(matches!(
            Certificate::parse(&hex!("3080 0000")),
            Err(Malformed::NotDer(_))
        ));
        assert!(matches!(
            Certificate::parse(&hex!("308101 00")),
            Err(Malformed::NotDer(_))
        ));
        assert!(matches!(
            Certificate::parse(&hex!("30820010 00")),
            Err(Malformed::NotDer(_))
        ));
        assert_eq!(
            Certificate::parse(&hex!("3084ffffffff")),
            Err(Malformed::Truncated)
        );
    }

    #[test]
    fn every_truncation_is_refused() {
        let der = certificate();
        for length in 0..der.len() {
            assert!(Certificate::parse(&der[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_certificate_with_any_byte_changed_does_not_panic(at in 0usize..300, byte: u8) {
            let mut der = certificate();
            let at = at % der.len();
            der[at] = byte;
            if let Ok(read) = Certificate::parse(&der) {
                prop_assert_eq!(read.der(), der);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Certificate::parse(&bytes);
        }
    }
}
