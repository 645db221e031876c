//! What is answered (RFC 6960 4.2).

use core::ops::Range;

use sha1::{Digest, Sha1};

use super::{CertId, encode_extensions, key_octets, read_extensions, read_version};
use crate::x509::read::{self, Reader};
use crate::x509::{
    Certificate, Extensions, Malformed, Name, Reason, Result, oid, tag, time, write,
};

/// What a responder says at first (RFC 6960 4.2.1).
///
/// ```text
/// OCSPResponse ::= SEQUENCE { responseStatus OCSPResponseStatus, responseBytes [0] EXPLICIT ResponseBytes OPTIONAL }
/// OCSPResponseStatus ::= ENUMERATED { successful(0), malformedRequest(1), internalError(2), tryLater(3),
///   sigRequired(5), unauthorized(6) }
/// ResponseBytes ::= SEQUENCE { responseType OBJECT IDENTIFIER, response OCTET STRING }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OcspResponse {
    /// An answer, signed.
    Successful(BasicResponse),
    /// No answer: why, by its number. Unsigned, so anybody may have said it.
    Failed(u8),
}

impl OcspResponse {
    /// The request is malformed.
    pub const MALFORMED_REQUEST: u8 = 1;
    /// The responder failed.
    pub const INTERNAL_ERROR: u8 = 2;
    /// The responder has no time.
    pub const TRY_LATER: u8 = 3;
    /// The request must be signed.
    pub const SIGNATURE_REQUIRED: u8 = 5;
    /// The responder does not know the issuer, or does not answer this client.
    pub const UNAUTHORIZED: u8 = 6;
    /// The largest response that is read, in bytes.
    pub const MAX: usize = 128 * 1024;

    /// Reads one response that fills `der`.
    ///
    /// # Errors
    /// [`Malformed`] with what is wrong, a response of another type than id-pkix-ocsp-basic among it.
    pub fn parse(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "an OCSP response";
        if der.len() > Self::MAX {
            return Err(Malformed::TooLarge(Self::MAX));
        }
        let mut outer = read::only(der, tag::SEQUENCE, WHAT)?;
        let status = outer.expect(tag::ENUMERATED, WHAT)?;
        let status = match outer.content(&status) {
            [status] => *status,
            _ => return Err(Malformed::Unexpected(WHAT)),
        };
        let bytes = outer.optional(tag::context_constructed(0))?;
        outer.finish()?;
        match (status, bytes) {
            (0, Some(wrapper)) => {
                let mut wrapper = outer.inside(&wrapper);
                let mut bytes = wrapper.sequence(WHAT)?;
                wrapper.finish()?;
                if bytes.oid(WHAT)? != oid::OCSP_BASIC {
                    return Err(Malformed::Unexpected("the type of the OCSP response"));
                }
                let response = bytes.octet_string(WHAT)?;
                bytes.finish()?;
                BasicResponse::parse(response).map(Self::Successful)
            }
            (0, None) => Err(Malformed::Missing("the answer of the OCSP response")),
            (1..=3 | 5 | 6, None) => Ok(Self::Failed(status)),
            _ => Err(Malformed::Unexpected(WHAT)),
        }
    }

    /// A response without an answer.
    #[must_use]
    pub fn encode_failure(status: u8) -> Vec<u8> {
        write::sequence(&[&write::element(tag::ENUMERATED, &[status])])
    }
}

/// Who signed an answer (RFC 6960 4.2.1).
///
/// ```text
/// ResponderID ::= CHOICE { byName [1] Name, byKey [2] KeyHash }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponderId {
    /// The subject of its certificate.
    ByName(Name),
    /// SHA-1 over the octets of its public key.
    ByKey([u8; 20]),
}

impl ResponderId {
    /// The responder that holds a certificate's key, by that key.
    ///
    /// # Errors
    /// When the public key is malformed.
    pub fn by_key_of(certificate: &Certificate) -> Result<Self> {
        Ok(Self::ByKey(
            Sha1::digest(key_octets(certificate.spki())?).into(),
        ))
    }

    /// Whether this names the holder of `certificate`.
    ///
    /// # Errors
    /// When its public key is malformed.
    pub fn names(&self, certificate: &Certificate) -> Result<bool> {
        Ok(match self {
            Self::ByName(name) => name == certificate.subject(),
            Self::ByKey(_) => *self == Self::by_key_of(certificate)?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::ByName(name) => write::element(tag::context_constructed(1), name.der()),
            Self::ByKey(hash) => {
                write::element(tag::context_constructed(2), &write::octet_string(hash))
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "the responder";
        if let Some(wrapper) = reader.optional(tag::context_constructed(1))? {
            return Name::parse(reader.content(&wrapper)).map(Self::ByName);
        }
        let wrapper = reader.expect(tag::context_constructed(2), WHAT)?;
        let mut inside = reader.inside(&wrapper);
        let hash = inside.octet_string(WHAT)?;
        inside.finish()?;
        hash.try_into()
            .map(Self::ByKey)
            .map_err(|_| Malformed::Unexpected(WHAT))
    }
}

/// What is known of a certificate (RFC 6960 4.2.1).
///
/// ```text
/// CertStatus ::= CHOICE { good [0] IMPLICIT NULL, revoked [1] IMPLICIT RevokedInfo, unknown [2] IMPLICIT NULL }
/// RevokedInfo ::= SEQUENCE { revocationTime GeneralizedTime, revocationReason [0] EXPLICIT CRLReason OPTIONAL }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateStatus {
    /// Not revoked; whether it was ever issued nobody says.
    Good,
    /// Revoked.
    Revoked {
        /// Since when, seconds since 1970-01-01T00:00:00Z.
        since: i64,
        /// Why, [`Reason::Unspecified`] where it is not said.
        reason: Reason,
    },
    /// The responder does not know it.
    Unknown,
}

impl CertificateStatus {
    fn encode(self) -> Vec<u8> {
        match self {
            Self::Good => vec![tag::context(0), 0],
            Self::Unknown => vec![tag::context(2), 0],
            Self::Revoked { since, reason } => {
                let reason = match reason {
                    Reason::Unspecified => Vec::new(),
                    reason => write::element(
                        tag::context_constructed(0),
                        &write::element(tag::ENUMERATED, &[reason.code()]),
                    ),
                };
                write::constructed(
                    tag::context_constructed(1),
                    &[&time::write_generalized(since), &reason],
                )
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "the certificate's status";
        let element = reader.any()?;
        let mut inside = reader.inside(&element);
        match element.tag {
            0x80 => inside.finish().map(|()| Self::Good),
            0x82 => inside.finish().map(|()| Self::Unknown),
            0xa1 => {
                let since = time::read_generalized(&mut inside, WHAT)?;
                let reason = match inside.optional(tag::context_constructed(0))? {
                    None => Reason::Unspecified,
                    Some(wrapper) => {
                        let code = read::only(inside.content(&wrapper), tag::ENUMERATED, WHAT)?;
                        match code.rest() {
                            [code] => {
                                Reason::from_code(*code).ok_or(Malformed::Unexpected(WHAT))?
                            }
                            _ => return Err(Malformed::Unexpected(WHAT)),
                        }
                    }
                };
                inside.finish()?;
                Ok(Self::Revoked { since, reason })
            }
            _ => Err(Malformed::Unexpected(WHAT)),
        }
    }
}

/// The answer about one certificate (RFC 6960 4.2.1).
///
/// ```text
/// SingleResponse ::= SEQUENCE { certID CertID, certStatus CertStatus, thisUpdate GeneralizedTime,
///   nextUpdate [0] EXPLICIT GeneralizedTime OPTIONAL, singleExtensions [1] EXPLICIT Extensions OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleResponse {
    /// Which certificate.
    pub certificate: CertId,
    /// What is known of it.
    pub status: CertificateStatus,
    /// When this was known to be right, seconds since 1970-01-01T00:00:00Z.
    pub this_update: i64,
    /// When there will be newer knowledge at the latest; absent, there always is.
    pub next_update: Option<i64>,
    /// Extensions.
    pub extensions: Extensions,
}

impl SingleResponse {
    fn encode(&self) -> Vec<u8> {
        let next_update = self.next_update.map_or_else(Vec::new, |moment| {
            write::element(
                tag::context_constructed(0),
                &time::write_generalized(moment),
            )
        });
        write::sequence(&[
            &self.certificate.encode(),
            &self.status.encode(),
            &time::write_generalized(self.this_update),
            &next_update,
            &encode_extensions(1, &self.extensions),
        ])
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "an answer about a certificate";
        let mut single = reader.sequence(WHAT)?;
        let certificate = CertId::read(&mut single)?;
        let status = CertificateStatus::read(&mut single)?;
        let this_update = time::read_generalized(&mut single, "thisUpdate")?;
        let next_update = match single.optional(tag::context_constructed(0))? {
            None => None,
            Some(wrapper) => {
                let mut inside = single.inside(&wrapper);
                let moment = time::read_generalized(&mut inside, "nextUpdate")?;
                inside.finish()?;
                Some(moment)
            }
        };
        let extensions = read_extensions(&mut single, 1)?;
        single.finish()?;
        Ok(Self {
            certificate,
            status,
            this_update,
            next_update,
            extensions,
        })
    }
}

/// What a responder signs, to be written (RFC 6960 4.2.1).
///
/// ```text
/// ResponseData ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1, responderID ResponderID,
///   producedAt GeneralizedTime, responses SEQUENCE OF SingleResponse,
///   responseExtensions [1] EXPLICIT Extensions OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseData {
    /// Who signs.
    pub responder: ResponderId,
    /// When, seconds since 1970-01-01T00:00:00Z.
    pub produced_at: i64,
    /// The answers.
    pub responses: Vec<SingleResponse>,
    /// Extensions of the whole, the request's nonce among them.
    pub extensions: Extensions,
}

impl ResponseData {
    /// How many answers are read at most.
    pub const MAX_RESPONSES: usize = 64;

    /// The bytes to be signed; [`assemble`] makes them a response.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let responses: Vec<Vec<u8>> = self.responses.iter().map(SingleResponse::encode).collect();
        write::sequence(&[
            &self.responder.encode(),
            &time::write_generalized(self.produced_at),
            &write::sequence_of(&responses),
            &encode_extensions(1, &self.extensions),
        ])
    }

    fn read(mut data: Reader<'_>) -> Result<Self> {
        const WHAT: &str = "the answers";
        read_version(&mut data, WHAT)?;
        let responder = ResponderId::read(&mut data)?;
        let produced_at = time::read_generalized(&mut data, "producedAt")?;
        let mut list = data.sequence(WHAT)?;
        let extensions = read_extensions(&mut data, 1)?;
        data.finish()?;
        let mut responses = Vec::new();
        while !list.is_empty() {
            if responses.len() == Self::MAX_RESPONSES {
                return Err(Malformed::Unexpected("a response of over 64 answers"));
            }
            responses.push(SingleResponse::read(&mut list)?);
        }
        Ok(Self {
            responder,
            produced_at,
            responses,
            extensions,
        })
    }
}

/// A signed answer (RFC 6960 4.2.1), read and kept as it came.
///
/// ```text
/// BasicOCSPResponse ::= SEQUENCE { tbsResponseData ResponseData, signatureAlgorithm AlgorithmIdentifier,
///   signature BIT STRING, certs [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicResponse {
    der: Vec<u8>,
    tbs: Range<usize>,
    algorithm: Range<usize>,
    signature: Range<usize>,
    data: ResponseData,
    certificates: Vec<Certificate>,
}

impl BasicResponse {
    /// How many certificates are read at most beside the signature.
    pub const MAX_CERTIFICATES: usize = 8;

    fn parse(der: &[u8]) -> Result<Self> {
        let mut outer = read::only(der, tag::SEQUENCE, "the basic OCSP response")?;
        let tbs = outer.expect(tag::SEQUENCE, "the signed part")?;
        let algorithm = outer.expect(tag::SEQUENCE, "the signature algorithm")?;
        let signature = outer.clone().expect(tag::BIT_STRING, "the signature")?;
        outer.bit_string("the signature")?;
        let mut certificates = Vec::new();
        if let Some(wrapper) = outer.optional(tag::context_constructed(0))? {
            let mut list = read::only(
                outer.content(&wrapper),
                tag::SEQUENCE,
                "the responder's certificates",
            )?;
            while !list.is_empty() {
                if certificates.len() == Self::MAX_CERTIFICATES {
                    return Err(Malformed::Unexpected("a list of over 8 certificates"));
                }
                let one = list.any()?;
                certificates.push(Certificate::parse(list.slice(&one.whole))?);
            }
        }
        outer.finish()?;
        Ok(Self {
            data: ResponseData::read(outer.inside(&tbs))?,
            tbs: tbs.whole,
            algorithm: algorithm.whole,
            signature: signature.content.start + 1..signature.content.end,
            certificates,
            der: der.to_vec(),
        })
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }

    /// What the signature covers: the ResponseData as it came.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.slice(&self.tbs)
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

    /// What was signed.
    #[must_use]
    pub fn data(&self) -> &ResponseData {
        &self.data
    }

    /// Certificates to find the signer's among.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The answer about a certificate.
    #[must_use]
    pub fn find(&self, certificate: &CertId) -> Option<&SingleResponse> {
        self.data
            .responses
            .iter()
            .find(|single| single.certificate == *certificate)
    }
}

/// Makes a successful response of what was signed ([`ResponseData::encode`]), the AlgorithmIdentifier and octets
/// of the signature, and certificates, each a whole element.
#[must_use]
pub fn assemble(tbs: &[u8], algorithm: &[u8], signature: &[u8], certificates: &[&[u8]]) -> Vec<u8> {
    let certificates = if certificates.is_empty() {
        Vec::new()
    } else {
        write::element(tag::context_constructed(0), &write::sequence(certificates))
    };
    let basic = write::sequence(&[tbs, algorithm, &write::bit_string(signature), &certificates]);
    let bytes = write::sequence(&[&write::oid(&oid::OCSP_BASIC), &write::octet_string(&basic)]);
    write::sequence(&[
        &write::element(tag::ENUMERATED, &[0]),
        &write::element(tag::context_constructed(0), &bytes),
    ])
}
