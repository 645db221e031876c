//! What is asked (RFC 6960 4.1).

use const_oid::ObjectIdentifier;
use sha1::{Digest, Sha1};

use super::{encode_extensions, key_octets, read_extensions, read_version};
use crate::x509::read::{self, Reader};
use crate::x509::{Certificate, Extension, Extensions, Malformed, Result, oid, tag, write};

/// Which certificate (RFC 6960 4.1.1).
///
/// ```text
/// CertID ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier, issuerNameHash OCTET STRING,
///   issuerKeyHash OCTET STRING, serialNumber CertificateSerialNumber }
/// ```
///
/// Equality ignores the parameters of the hash algorithm, which some write as NULL and others leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertId {
    /// The hash.
    pub hash_algorithm: ObjectIdentifier,
    /// Over the issuer's name, the whole element.
    pub issuer_name_hash: Vec<u8>,
    /// Over the octets of the issuer's public key, without the BIT STRING's tag, length and unused bits.
    pub issuer_key_hash: Vec<u8>,
    /// The serial number: the content octets of the INTEGER.
    pub serial: Vec<u8>,
}

impl CertId {
    /// By SHA-1, which every responder knows (RFC 5019 2.1.1). It names, it proves nothing.
    ///
    /// # Errors
    /// When the issuer's public key is malformed.
    pub fn sha1(issuer: &Certificate, serial: &[u8]) -> Result<Self> {
        Ok(Self {
            hash_algorithm: oid::SHA1,
            issuer_name_hash: Sha1::digest(issuer.subject().der()).to_vec(),
            issuer_key_hash: Sha1::digest(key_octets(issuer.spki())?).to_vec(),
            serial: serial.to_vec(),
        })
    }

    /// By SHA-256.
    ///
    /// # Errors
    /// When the issuer's public key is malformed.
    pub fn sha256(issuer: &Certificate, serial: &[u8]) -> Result<Self> {
        Ok(Self {
            hash_algorithm: oid::SHA256,
            issuer_name_hash: sha2::Sha256::digest(issuer.subject().der()).to_vec(),
            issuer_key_hash: sha2::Sha256::digest(key_octets(issuer.spki())?).to_vec(),
            serial: serial.to_vec(),
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let null = [tag::NULL, 0];
        write::sequence(&[
            &write::sequence(&[&write::oid(&self.hash_algorithm), &null]),
            &write::octet_string(&self.issuer_name_hash),
            &write::octet_string(&self.issuer_key_hash),
            &write::element(tag::INTEGER, &self.serial),
        ])
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "a certificate's identifier";
        let mut id = reader.sequence(WHAT)?;
        let mut algorithm = id.sequence(WHAT)?;
        let hash_algorithm = algorithm.oid(WHAT)?;
        if let Some(null) = algorithm.optional(tag::NULL)?
            && !algorithm.content(&null).is_empty()
        {
            return Err(Malformed::Unexpected(WHAT));
        }
        algorithm.finish()?;
        let issuer_name_hash = id.octet_string(WHAT)?.to_vec();
        let issuer_key_hash = id.octet_string(WHAT)?.to_vec();
        let serial = id.integer(WHAT)?.to_vec();
        id.finish()?;
        Ok(Self {
            hash_algorithm,
            issuer_name_hash,
            issuer_key_hash,
            serial,
        })
    }
}

/// A request (RFC 6960 4.1.1).
///
/// ```text
/// OCSPRequest ::= SEQUENCE { tbsRequest TBSRequest, optionalSignature [0] EXPLICIT Signature OPTIONAL }
/// TBSRequest ::= SEQUENCE { version [0] EXPLICIT Version DEFAULT v1,
///   requestorName [1] EXPLICIT GeneralName OPTIONAL, requestList SEQUENCE OF Request,
///   requestExtensions [2] EXPLICIT Extensions OPTIONAL }
/// Request ::= SEQUENCE { reqCert CertID, singleRequestExtensions [0] EXPLICIT Extensions OPTIONAL }
/// ```
///
/// Written without name and signature. Both are passed over when read, as are extensions of single
/// requests: anybody may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    /// What is asked about.
    pub certificates: Vec<CertId>,
    /// Extensions of the whole, [`Extension::ocsp_nonce`] among them.
    pub extensions: Extensions,
}

impl OcspRequest {
    /// The largest request that is read, in bytes.
    pub const MAX: usize = 16 * 1024;
    /// How many certificates a request asks about at most.
    pub const MAX_CERTIFICATES: usize = 64;

    /// Asks about one certificate.
    #[must_use]
    pub fn about(certificate: CertId, nonce: Option<&[u8]>) -> Self {
        let nonce: Vec<Extension> = nonce.map(Extension::ocsp_nonce).into_iter().collect();
        Self {
            certificates: vec![certificate],
            extensions: nonce.into(),
        }
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let requests: Vec<Vec<u8>> = self
            .certificates
            .iter()
            .map(|id| write::sequence(&[&id.encode()]))
            .collect();
        let extensions = encode_extensions(2, &self.extensions);
        write::sequence(&[&write::sequence(&[
            &write::sequence_of(&requests),
            &extensions,
        ])])
    }

    /// Reads one request that fills `der`.
    ///
    /// # Errors
    /// [`Malformed`] with what is wrong.
    pub fn parse(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "an OCSP request";
        if der.len() > Self::MAX {
            return Err(Malformed::TooLarge(Self::MAX));
        }
        let mut outer = read::only(der, tag::SEQUENCE, WHAT)?;
        let mut tbs = outer.sequence(WHAT)?;
        outer.optional(tag::context_constructed(0))?;
        outer.finish()?;
        read_version(&mut tbs, WHAT)?;
        tbs.optional(tag::context_constructed(1))?;
        let mut list = tbs.sequence(WHAT)?;
        let extensions = read_extensions(&mut tbs, 2)?;
        tbs.finish()?;
        let mut certificates = Vec::new();
        while !list.is_empty() {
            if certificates.len() == Self::MAX_CERTIFICATES {
                return Err(Malformed::Unexpected(
                    "a request about over 64 certificates",
                ));
            }
            let mut one = list.sequence(WHAT)?;
            certificates.push(CertId::read(&mut one)?);
            one.optional(tag::context_constructed(0))?;
            one.finish()?;
        }
        Ok(Self {
            certificates,
            extensions,
        })
    }
}
