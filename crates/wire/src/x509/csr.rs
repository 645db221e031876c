//! PKCS#10 certification requests (RFC 2986).

use core::fmt;
use core::ops::Range;

use super::certificate::check_spki;
use super::read;
use super::{Extension, Extensions, Malformed, Name, Result, oid, tag, write};

/// A certification request, read and kept as it came.
///
/// ```text
/// CertificationRequest ::= SEQUENCE { certificationRequestInfo CertificationRequestInfo,
///   signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
/// CertificationRequestInfo ::= SEQUENCE { version INTEGER { v1(0) }, subject Name,
///   subjectPKInfo SubjectPublicKeyInfo, attributes [0] IMPLICIT SET OF Attribute }
/// ```
///
/// It proves possession of a key, once its signature is checked. The names it asks for are no source of
/// names (protocols G.3).
#[derive(Clone, PartialEq, Eq)]
pub struct CertificationRequest {
    der: Vec<u8>,
    info: Range<usize>,
    subject: Name,
    spki: Range<usize>,
    extensions: Extensions,
    algorithm: Range<usize>,
    signature: Range<usize>,
}

impl CertificationRequest {
    /// The largest request that is read, in bytes.
    pub const MAX: usize = 64 * 1024;

    /// Reads one request that fills `der`.
    ///
    /// # Errors
    /// [`Malformed`] with what is wrong.
    pub fn parse(der: &[u8]) -> Result<Self> {
        if der.len() > Self::MAX {
            return Err(Malformed::TooLarge(Self::MAX));
        }
        let mut outer = read::only(der, tag::SEQUENCE, "a certification request")?;
        let info = outer.expect(tag::SEQUENCE, "the signed part")?;
        let algorithm = outer.expect(tag::SEQUENCE, "the signature algorithm")?;
        let signature = outer.clone().expect(tag::BIT_STRING, "the signature")?;
        outer.bit_string("the signature")?;
        outer.finish()?;

        let mut inner = outer.inside(&info);
        if inner.integer("the version")? != [0] {
            return Err(Malformed::Unexpected("the version"));
        }
        let subject = inner.expect(tag::SEQUENCE, "the subject")?;
        let spki = inner.expect(tag::SEQUENCE, "the public key")?;
        check_spki(inner.inside(&spki))?;
        // Some clients leave the empty set out; only its place is fixed.
        let attributes = inner.optional(tag::context_constructed(0))?;
        inner.finish()?;
        let mut extensions = Extensions::default();
        if let Some(attributes) = attributes {
            let mut attributes = inner.inside(&attributes);
            while !attributes.is_empty() {
                let mut attribute = attributes.sequence("an attribute")?;
                let kind = attribute.oid("an attribute's type")?;
                let values = attribute.expect(tag::SET, "an attribute's values")?;
                attribute.finish()?;
                if kind == oid::EXTENSION_REQUEST {
                    let mut values = attribute.inside(&values);
                    extensions = Extensions::read(&mut values)?;
                    values.finish()?;
                }
            }
        }
        Ok(Self {
            info: info.whole,
            subject: Name::parse(inner.slice(&subject.whole))?,
            spki: spki.whole,
            extensions,
            algorithm: algorithm.whole,
            signature: signature.content.start + 1..signature.content.end,
            der: der.to_vec(),
        })
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }

    /// The whole request.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What the signature covers: the CertificationRequestInfo as it came.
    #[must_use]
    pub fn info(&self) -> &[u8] {
        self.slice(&self.info)
    }

    /// The name that it asks for.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The SubjectPublicKeyInfo, a whole element.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        self.slice(&self.spki)
    }

    /// The extensions that it asks for.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The nonce that it carries ([`Extension::join_nonce`]): a text, whether it stands in the value bare or as one of the
    /// string types of ASN.1. `None` where there is none, and for what is no text of at most 1,024 printable characters.
    #[must_use]
    pub fn join_nonce(&self) -> Option<&str> {
        const MAX: usize = 1_024;
        let value = self.extensions.find(oid::JOIN_NONCE)?.value.as_slice();
        let text = match value {
            [0x04 | 0x0c | 0x13 | 0x16, short @ 0..=0x7f, text @ ..]
                if text.len() == usize::from(*short) =>
            {
                text
            }
            bare => bare,
        };
        let fits = (1..=MAX).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
        core::str::from_utf8(text).ok().filter(|_| fits)
    }

    /// The AlgorithmIdentifier of the signature, a whole element.
    #[must_use]
    pub fn signature_algorithm(&self) -> &[u8] {
        self.slice(&self.algorithm)
    }

    /// The signature's octets.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        self.slice(&self.signature)
    }
}

impl fmt::Debug for CertificationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificationRequest")
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// The CertificationRequestInfo that a device signs: a name, a key, no attributes. [`super::assemble`]
/// makes it a request.
#[must_use]
pub fn encode_info(subject: &Name, spki: &[u8]) -> Vec<u8> {
    encode_info_with(subject, spki, &[])
}

/// The same with extensions that are asked for.
#[must_use]
pub fn encode_info_with(subject: &Name, spki: &[u8], extensions: &[Extension]) -> Vec<u8> {
    let list = Extensions::encode(extensions);
    let wanted = match extensions {
        [] => vec![],
        _ => write::sequence(&[
            &write::oid(&oid::EXTENSION_REQUEST),
            &write::element(tag::SET, &list),
        ]),
    };
    write::sequence(&[
        &write::number(0),
        subject.der(),
        spki,
        &write::element(tag::context_constructed(0), &wanted),
    ])
}

impl Extension {
    /// The nonce of a registration service, as a certification request carries it (protocols B.1.3): an OCTET STRING.
    #[must_use]
    pub fn join_nonce(nonce: &str) -> Extension {
        Extension {
            oid: oid::JOIN_NONCE,
            critical: false,
            value: write::octet_string(nonce.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::assemble;
    use hex_literal::hex;
    use proptest::prelude::*;

    const ALGORITHM: [u8; 15] = hex!("300d06092a864886f70d01010b0500");

    fn spki() -> Vec<u8> {
        let algorithm = write::sequence(&[&write::oid(&oid::EC_PUBLIC_KEY)]);
        write::sequence(&[&algorithm, &write::bit_string(&[4; 65])])
    }

    fn with_attributes(attributes: &[u8]) -> Vec<u8> {
        let info = write::sequence(&[
            &write::number(0),
            Name::common("x").der(),
            &spki(),
            attributes,
        ]);
        assemble(&info, &ALGORITHM, &[7])
    }

    #[test]
    fn what_was_written_is_read_back() {
        // The literal that a Windows client asks for (protocols B.3).
        let subject = Name::common("7E980AD9-B86D-4306-9425-9AC066FB014A");
        let info = encode_info(&subject, &spki());
        let read = CertificationRequest::parse(&assemble(&info, &ALGORITHM, &[7])).unwrap();
        assert_eq!(read.info(), info);
        assert_eq!(read.subject(), &subject);
        assert_eq!(read.spki(), spki());
        assert_eq!(read.signature_algorithm(), ALGORITHM);
        assert_eq!(read.signature(), [7]);
        assert_eq!(read.extensions(), &Extensions::default());
    }

    #[test]
    fn requested_extensions_and_unknown_attributes_are_read() {
        let list = Extensions::encode(&[Extension::crl_number(1)]);
        let wanted = write::sequence(&[
            &write::oid(&oid::EXTENSION_REQUEST),
            &write::element(tag::SET, &list),
        ]);
        let unknown = write::sequence(&[
            &write::oid(&oid::COMMON_NAME),
            &write::element(tag::SET, &[5, 0]),
        ]);
        let attributes = write::constructed(tag::context_constructed(0), &[&wanted, &unknown]);
        let read = CertificationRequest::parse(&with_attributes(&attributes)).unwrap();
        assert_eq!(read.extensions().crl_number(), Ok(Some(1)));
    }

    #[test]
    fn an_empty_list_of_extensions_asks_for_none() {
        // A known client sends the attribute with nothing in it, which RFC 5280 4.1 does not allow in a certificate.
        let attributes = hex!("a011 300f 06092a864886f70d01090e 3102 3000");
        let read = CertificationRequest::parse(&with_attributes(&attributes)).unwrap();
        assert_eq!(read.extensions(), &Extensions::default());
        assert_eq!(read.join_nonce(), None);
    }

    #[test]
    fn a_nonce_is_read_in_each_form_in_which_it_may_stand() {
        let with = |value: &[u8]| {
            let extension = Extension {
                oid: oid::JOIN_NONCE,
                critical: false,
                value: value.to_vec(),
            };
            let info = encode_info_with(&Name::common("x"), &spki(), &[extension]);
            let read = CertificationRequest::parse(&assemble(&info, &ALGORITHM, &[7])).unwrap();
            read.join_nonce().map(str::to_owned)
        };
        let written = Extension::join_nonce("AbC-_9").value;
        assert_eq!(with(&written).as_deref(), Some("AbC-_9"));
        for form in [&b"\x0c\x03abc"[..], b"\x13\x03abc", b"\x16\x03abc", b"abc"] {
            assert_eq!(with(form).as_deref(), Some("abc"), "{form:?}");
        }
        for none in [&b""[..], b"\x04\x00", b"a b", b"\xff\xfe", &[b'a'; 1_025]] {
            assert_eq!(with(none), None, "{none:?}");
        }
    }

    #[test]
    fn attributes_may_be_left_out_but_nothing_else_may_stand_there() {
        assert!(CertificationRequest::parse(&with_attributes(&[])).is_ok());
        assert!(CertificationRequest::parse(&with_attributes(&hex!("3100"))).is_err());
        assert!(CertificationRequest::parse(&with_attributes(&hex!("a002 0500"))).is_err());
    }

    #[test]
    fn every_truncation_is_refused() {
        let der = with_attributes(&hex!("a000"));
        for length in 0..der.len() {
            assert!(
                CertificationRequest::parse(&der[..length]).is_err(),
                "{length}"
            );
        }
        assert_eq!(
            CertificationRequest::parse(&vec![0; CertificationRequest::MAX + 1]),
            Err(Malformed::TooLarge(CertificationRequest::MAX))
        );
    }

    proptest! {
        #[test]
        fn a_request_with_any_byte_changed_does_not_panic(at in 0usize..200, byte: u8) {
            let mut der = with_attributes(&hex!("a000"));
            let at = at % der.len();
            der[at] = byte;
            let _ = CertificationRequest::parse(&der);
        }
    }
}
