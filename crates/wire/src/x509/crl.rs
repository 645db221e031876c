//! Certificate revocation lists.

use core::fmt;
use core::ops::Range;

use super::read::{self, Reader};
use super::{Extension, Extensions, Malformed, Name, Result, oid, tag, time, write};

/// A certificate revocation list (RFC 5280 5.1), read and kept as it came.
///
/// ```text
/// CertificateList ::= SEQUENCE { tbsCertList TBSCertList, signatureAlgorithm AlgorithmIdentifier,
///   signatureValue BIT STRING }
/// TBSCertList ::= SEQUENCE { version Version OPTIONAL, signature AlgorithmIdentifier, issuer Name,
///   thisUpdate Time, nextUpdate Time OPTIONAL,
///   revokedCertificates SEQUENCE OF SEQUENCE { userCertificate INTEGER, revocationDate Time,
///     crlEntryExtensions Extensions OPTIONAL } OPTIONAL,
///   crlExtensions [0] EXPLICIT Extensions OPTIONAL }
/// ```
///
/// Entries are read as they are asked for: a list may have very many.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateList {
    der: Vec<u8>,
    tbs: Range<usize>,
    version: u8,
    algorithm: Range<usize>,
    issuer: Name,
    this_update: i64,
    next_update: Option<i64>,
    revoked: Range<usize>,
    extensions: Extensions,
    signature: Range<usize>,
}

/// Why a certificate was revoked (RFC 5280 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Nobody says.
    Unspecified = 0,
    /// The private key may be known to others.
    KeyCompromise = 1,
    /// The authority's private key may be known to others.
    CaCompromise = 2,
    /// The subject's name or other facts changed.
    AffiliationChanged = 3,
    /// Another certificate takes its place.
    Superseded = 4,
    /// It is no longer needed.
    CessationOfOperation = 5,
    /// Held; may come back.
    CertificateHold = 6,
    /// Back from hold or out of a delta list.
    RemoveFromCrl = 8,
    /// A privilege in it was withdrawn.
    PrivilegeWithdrawn = 9,
    /// The attribute authority was compromised.
    AaCompromise = 10,
}

impl Reason {
    /// The reason of that number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key compromise",
            Self::CaCompromise => "CA compromise",
            Self::AffiliationChanged => "affiliation changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation of operation",
            Self::CertificateHold => "certificate hold",
            Self::RemoveFromCrl => "remove from CRL",
            Self::PrivilegeWithdrawn => "privilege withdrawn",
            Self::AaCompromise => "AA compromise",
        })
    }
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The serial number: read, the content octets of the INTEGER; to be written, the magnitude.
    pub serial: Vec<u8>,
    /// Since when, seconds since 1970-01-01T00:00:00Z.
    pub since: i64,
    /// Why.
    pub reason: Reason,
}

impl Revoked {
    /// `unspecified` is said by leaving the reason out (RFC 5280 5.3.1).
    fn encode(&self) -> Vec<u8> {
        let reason = match self.reason {
            Reason::Unspecified => Vec::new(),
            reason => Extensions::encode(&[Extension {
                oid: oid::REASON_CODE,
                critical: false,
                value: write::element(tag::ENUMERATED, &[reason.code()]),
            }]),
        };
        write::sequence(&[
            &write::integer(&self.serial),
            &time::write(self.since),
            &reason,
        ])
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "an entry of the list";
        let mut entry = reader.sequence(WHAT)?;
        let serial = entry.integer(WHAT)?.to_vec();
        let since = time::read(&mut entry, WHAT)?;
        let extensions = if entry.is_empty() {
            Extensions::default()
        } else {
            Extensions::read(&mut entry)?
        };
        entry.finish()?;
        // RFC 5280 5.3: one that is not known makes the whole list unusable. certificateIssuer is one: its
        // entry speaks of another issuer's certificate.
        if extensions
            .iter()
            .any(|extension| extension.critical && extension.oid != oid::REASON_CODE)
        {
            return Err(Malformed::Unexpected("a critical extension of an entry"));
        }
        let reason = match extensions.find(oid::REASON_CODE) {
            None => Reason::Unspecified,
            Some(extension) => match read::only(&extension.value, tag::ENUMERATED, WHAT)?.rest() {
                [code] => Reason::from_code(*code).ok_or(Malformed::Unexpected(WHAT))?,
                _ => return Err(Malformed::Unexpected(WHAT)),
            },
        };
        Ok(Self {
            serial,
            since,
            reason,
        })
    }
}

impl CertificateList {
    /// The largest list that is read, in bytes: some 400,000 entries.
    pub const MAX: usize = 16 * 1024 * 1024;

    /// Reads one list that fills `der`.
    ///
    /// # Errors
    /// [`Malformed`] with what is wrong. Entries are looked at later, by [`CertificateList::revoked`].
    pub fn parse(der: &[u8]) -> Result<Self> {
        if der.len() > Self::MAX {
            return Err(Malformed::TooLarge(Self::MAX));
        }
        let mut outer = read::only(der, tag::SEQUENCE, "a revocation list")?;
        let tbs = outer.expect(tag::SEQUENCE, "the signed part")?;
        let outer_algorithm = outer.expect(tag::SEQUENCE, "the signature algorithm")?;
        let signature = outer.clone().expect(tag::BIT_STRING, "the signature")?;
        outer.bit_string("the signature")?;
        outer.finish()?;

        let mut inner = outer.inside(&tbs);
        let version = match inner.peek() {
            Some(tag::INTEGER) => match inner.integer("the version")? {
                [1] => 2,
                _ => return Err(Malformed::Unexpected("the version")),
            },
            _ => 1,
        };
        let algorithm = inner.expect(tag::SEQUENCE, "the signature algorithm")?;
        let issuer = inner.expect(tag::SEQUENCE, "the issuer")?;
        let this_update = time::read(&mut inner, "thisUpdate")?;
        let next_update = match inner.peek() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => {
                Some(time::read(&mut inner, "nextUpdate")?)
            }
            _ => None,
        };
        let revoked = match inner.optional(tag::SEQUENCE)? {
            Some(list) => list.content,
            None => 0..0,
        };
        let extensions = match inner.optional(tag::context_constructed(0))? {
            Some(_) if version != 2 => return Err(Malformed::Unexpected("the version")),
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
            algorithm: algorithm.whole,
            issuer: Name::parse(inner.slice(&issuer.whole))?,
            this_update,
            next_update,
            revoked,
            extensions,
            signature: signature.content.start + 1..signature.content.end,
            der: der.to_vec(),
        })
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }

    /// The whole list.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What the signature covers: the TBSCertList as it came.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.slice(&self.tbs)
    }

    /// 1 or 2.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
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

    /// Whose list it is.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// When it was made, seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn this_update(&self) -> i64 {
        self.this_update
    }

    /// When the next one will be there at the latest, seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn next_update(&self) -> Option<i64> {
        self.next_update
    }

    /// The list's own extensions.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The entries in their order. After a malformed one there is nothing more: the list is not to be
    /// trusted then.
    pub fn revoked(&self) -> impl Iterator<Item = Result<Revoked>> + '_ {
        let mut reader = Reader::new(self.slice(&self.revoked));
        let mut broken = false;
        core::iter::from_fn(move || {
            if broken || reader.is_empty() {
                return None;
            }
            let entry = Revoked::read(&mut reader);
            broken = entry.is_err();
            Some(entry)
        })
    }

    /// The entry of the certificate with this serial number, the content octets of its INTEGER.
    ///
    /// # Errors
    /// When an entry before it is malformed.
    pub fn find(&self, serial: &[u8]) -> Result<Option<Revoked>> {
        self.revoked()
            .find(|entry| entry.as_ref().map_or(true, |entry| entry.serial == serial))
            .transpose()
    }
}

impl fmt::Debug for CertificateList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateList")
            .field("issuer", &self.issuer)
            .field("this_update", &self.this_update)
            .field("bytes", &self.der.len())
            .finish_non_exhaustive()
    }
}

/// A version 2 TBSCertList to be written.
#[derive(Clone, Debug)]
pub struct TbsCertList<'a> {
    /// The AlgorithmIdentifier that the signature will have, a whole element.
    pub signature_algorithm: &'a [u8],
    /// Whose list it is.
    pub issuer: &'a Name,
    /// When it is made, seconds since 1970-01-01T00:00:00Z.
    pub this_update: i64,
    /// When the next one will be there at the latest, seconds since 1970-01-01T00:00:00Z.
    pub next_update: i64,
    /// The entries.
    pub revoked: &'a [Revoked],
    /// The list's own extensions.
    pub extensions: &'a [Extension],
}

impl TbsCertList<'_> {
    /// The bytes to be signed; [`super::assemble`] makes them a list.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let entries: Vec<Vec<u8>> = self.revoked.iter().map(Revoked::encode).collect();
        // RFC 5280 5.1.2.6: where nothing is revoked, the list of entries must be absent.
        let entries = if entries.is_empty() {
            Vec::new()
        } else {
            write::sequence_of(&entries)
        };
        let extensions = match Extensions::encode(self.extensions) {
            list if list.is_empty() => list,
            list => write::element(tag::context_constructed(0), &list),
        };
        write::sequence(&[
            &write::number(1),
            self.signature_algorithm,
            self.issuer.der(),
            &time::write(self.this_update),
            &time::write(self.next_update),
            &entries,
            &extensions,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{GeneralName, assemble};
    use hex_literal::hex;
    use proptest::prelude::*;

    const ALGORITHM: [u8; 12] = hex!("300a06082a8648ce3d040302");

    fn list(revoked: &[Revoked]) -> Vec<u8> {
        let tbs = TbsCertList {
            signature_algorithm: &ALGORITHM,
            issuer: &Name::common("CA"),
            this_update: 1_700_000_000,
            next_update: 1_700_600_000,
            revoked,
            extensions: &[
                Extension::authority_key_identifier(&[9; 20]),
                Extension::crl_number(7),
            ],
        };
        assemble(&tbs.encode(), &ALGORITHM, &[1, 2, 3])
    }

    fn two() -> [Revoked; 2] {
        [
            Revoked {
                serial: vec![0x11, 0x22],
                since: 1_699_999_999,
                reason: Reason::CessationOfOperation,
            },
            Revoked {
                serial: vec![0x33],
                since: 1_699_999_000,
                reason: Reason::Unspecified,
            },
        ]
    }

    #[test]
    fn what_was_written_is_read_back() {
        let der = list(&two());
        let read = CertificateList::parse(&der).unwrap();
        assert_eq!(read.version(), 2);
        assert_eq!(read.issuer(), &Name::common("CA"));
        assert_eq!(read.this_update(), 1_700_000_000);
        assert_eq!(read.next_update(), Some(1_700_600_000));
        assert_eq!(read.extensions().crl_number(), Ok(Some(7)));
        let entries: Vec<Revoked> = read.revoked().map(Result::unwrap).collect();
        assert_eq!(entries, two());
        assert_eq!(read.find(&[0x33]), Ok(Some(two()[1].clone())));
        assert_eq!(read.find(&[0x44]), Ok(None));
        assert_eq!(
            assemble(read.tbs(), read.signature_algorithm(), read.signature()),
            der
        );
    }

    #[test]
    fn a_list_of_nothing_has_no_entries_element() {
        let empty = list(&[]);
        let read = CertificateList::parse(&empty).unwrap();
        assert_eq!(read.revoked().count(), 0);
        let next_update = time::write(1_700_600_000);
        let at = empty
            .windows(next_update.len())
            .position(|part| part == next_update)
            .unwrap();
        let after = empty[at + next_update.len()];
        assert_eq!(
            after,
            tag::context_constructed(0),
            "straight to the extensions"
        );
    }

    #[test]
    fn a_malformed_entry_makes_the_search_fail_rather_than_miss() {
        let mut der = list(&two());
        let at = der
            .windows(4)
            .position(|part| part == [0x02, 0x02, 0x11, 0x22])
            .unwrap();
        der[at] = 0x04;
        let read = CertificateList::parse(&der).unwrap();
        assert!(read.find(&[0x33]).is_err());
        assert_eq!(read.revoked().count(), 1, "nothing after the malformed one");
    }

    /// RFC 5280 5.3: certificateIssuer makes an entry one of another issuer's certificates, and is critical.
    #[test]
    fn an_entry_with_a_critical_extension_makes_the_search_fail() {
        let names = GeneralName::encode_all(&[GeneralName::Directory(Name::common("other"))]);
        let entry = |critical: bool| {
            let extensions = Extensions::encode(&[Extension {
                oid: oid::CERTIFICATE_ISSUER,
                critical,
                value: names.clone(),
            }]);
            write::sequence(&[&write::integer(&[0x33]), &time::write(0), &extensions])
        };
        assert!(Revoked::read(&mut Reader::new(&entry(true))).is_err());
        assert!(Revoked::read(&mut Reader::new(&entry(false))).is_ok());
    }

    #[test]
    fn every_reason_has_its_code() {
        for code in 0..=u8::MAX {
            if let Some(reason) = Reason::from_code(code) {
                assert_eq!(reason.code(), code);
            }
        }
        assert_eq!(Reason::from_code(7), None);
        assert_eq!(Reason::from_code(5), Some(Reason::CessationOfOperation));
    }

    #[test]
    fn every_truncation_is_refused() {
        let der = list(&two());
        for length in 0..der.len() {
            assert!(CertificateList::parse(&der[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_list_with_any_byte_changed_does_not_panic(at in 0usize..400, byte: u8) {
            let mut der = list(&two());
            let at = at % der.len();
            der[at] = byte;
            if let Ok(read) = CertificateList::parse(&der) {
                let _ = read.find(&[0x33]);
                let _ = read.extensions().crl_number();
            }
        }
    }
}
