//! What the KDC answers (RFC 4556 3.2.3), and what its refusals carry (3.1.3, RFC 8636 3 and 4).

use der::asn1::{ContextSpecific, ContextSpecificRef, OctetStringRef};
use der::{
    Decode, EncodeValue, Error, Length, Reader, Sequence, Tag, TagMode, TagNumber, Tagged, Writer,
};

use super::request::{ExternalPrincipalIdentifier, KdfAlgorithmId};
use crate::asn1::{AlgorithmIdentifierOwned, Extensions, SequenceOf, UInt32, message};
use crate::kerberos::{Checksum, EncryptionKey, KerberosTime, MAX_MESSAGE};

/// The content of PA-PK-AS-REP (RFC 4556 3.2.3).
///
/// ```text
/// PA-PK-AS-REP ::= CHOICE {
///    dhInfo                  [0] DHRepInfo,
///    encKeyPack              [1] IMPLICIT OCTET STRING,
///    ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaPkAsRep {
    /// The reply key comes of an agreement.
    DhInfo(DhRepInfo),
    /// The reply key comes encrypted to the client's certificate: a ContentInfo with EnvelopedData
    /// around SignedData over a [`ReplyKeyPack`].
    EncKeyPack(Vec<u8>),
}
message!(PaPkAsRep, "PA-PK-AS-REP", limit MAX_MESSAGE);

const DH_INFO: TagNumber = TagNumber(0);
const ENC_KEY_PACK: TagNumber = TagNumber(1);

impl<'a> Decode<'a> for PaPkAsRep {
    type Error = Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        if let Some(field) = ContextSpecific::<DhRepInfo>::decode_explicit(reader, DH_INFO)? {
            return Ok(PaPkAsRep::DhInfo(field.value));
        }
        match ContextSpecific::<&OctetStringRef>::decode_implicit(reader, ENC_KEY_PACK)? {
            Some(field) => Ok(PaPkAsRep::EncKeyPack(field.value.as_bytes().to_vec())),
            None => {
                let found = Tag::peek(reader)?;
                Err(reader.error(found.unexpected_error(None)))
            }
        }
    }
}

impl PaPkAsRep {
    fn dh_info(info: &DhRepInfo) -> ContextSpecificRef<'_, DhRepInfo> {
        ContextSpecificRef {
            tag_number: DH_INFO,
            tag_mode: TagMode::Explicit,
            value: info,
        }
    }
}

impl Tagged for PaPkAsRep {
    fn tag(&self) -> Tag {
        match self {
            PaPkAsRep::DhInfo(_) => Tag::ContextSpecific {
                constructed: true,
                number: DH_INFO,
            },
            PaPkAsRep::EncKeyPack(_) => Tag::ContextSpecific {
                constructed: false,
                number: ENC_KEY_PACK,
            },
        }
    }
}

impl EncodeValue for PaPkAsRep {
    fn value_len(&self) -> der::Result<Length> {
        match self {
            PaPkAsRep::DhInfo(info) => Self::dh_info(info).value_len(),
            PaPkAsRep::EncKeyPack(bytes) => bytes.len().try_into(),
        }
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        match self {
            PaPkAsRep::DhInfo(info) => Self::dh_info(info).encode_value(writer),
            PaPkAsRep::EncKeyPack(bytes) => writer.write(bytes),
        }
    }
}

/// The KDC's half of the agreement (RFC 4556 3.2.3.1, RFC 8636 6).
///
/// ```text
/// DHRepInfo ::= SEQUENCE {
///    dhSignedData            [0] IMPLICIT OCTET STRING,
///    serverDHNonce           [1] DHNonce OPTIONAL,
///    ...,
///    kdf                     [2] KDFAlgorithmId OPTIONAL,
///    ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct DhRepInfo {
    /// A ContentInfo with [`SignedData`](crate::cms::SignedData) over a [`KdcDhKeyInfo`].
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        type = "OCTET STRING",
        deref = "true"
    )]
    pub dh_signed_data: Vec<u8>,
    /// Only where the client sent a nonce.
    #[asn1(context_specific = "1", type = "OCTET STRING", optional = "true")]
    pub server_dh_nonce: Option<Vec<u8>>,
    /// The key derivation function that was chosen.
    #[asn1(context_specific = "2", optional = "true")]
    pub kdf: Option<KdfAlgorithmId>,
    /// What later versions add.
    pub extensions: Extensions<3>,
}

/// What the KDC signs (RFC 4556 3.2.3.1).
///
/// ```text
/// KDCDHKeyInfo ::= SEQUENCE {
///    subjectPublicKey        [0] BIT STRING,
///    nonce                   [1] INTEGER (0..4294967295),
///    dhKeyExpiration         [2] KerberosTime OPTIONAL,
///    ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KdcDhKeyInfo {
    /// The KDC's public value: an encoded INTEGER in a MODP group
    /// ([`encode_dh_public_key`](super::encode_dh_public_key)), an uncompressed point on a curve.
    #[asn1(context_specific = "0", type = "BIT STRING", deref = "true")]
    pub subject_public_key: Vec<u8>,
    /// The nonce of the PKAuthenticator; 0 where the key is used again.
    #[asn1(context_specific = "1")]
    pub nonce: UInt32,
    /// Until when the key may be used again.
    #[asn1(context_specific = "2", optional = "true")]
    pub dh_key_expiration: Option<KerberosTime>,
    /// What later versions add.
    pub extensions: Extensions<3>,
}
message!(KdcDhKeyInfo, "KDCDHKeyInfo", limit MAX_MESSAGE);

/// A reply key under public-key encryption (RFC 4556 3.2.3.2).
///
/// ```text
/// ReplyKeyPack ::= SEQUENCE {
///    replyKey                [0] EncryptionKey,
///    asChecksum              [1] Checksum,
///    ...
/// }
/// ```
#[derive(Clone, Debug, Sequence)]
pub struct ReplyKeyPack {
    /// The key.
    #[asn1(context_specific = "0")]
    pub reply_key: EncryptionKey,
    /// Over the whole AS-REQ, under that key, usage 6.
    #[asn1(context_specific = "1")]
    pub as_checksum: Checksum,
    /// What later versions add.
    pub extensions: Extensions<2>,
}
message!(ReplyKeyPack, "ReplyKeyPack", secret, limit MAX_MESSAGE);

/// Certifiers that the KDC trusts (RFC 4556 3.1.3):
/// `TD-TRUSTED-CERTIFIERS ::= SEQUENCE OF ExternalPrincipalIdentifier`.
pub type TdTrustedCertifiers = SequenceOf<ExternalPrincipalIdentifier, 64>;

/// Certificates of the client that do not verify (RFC 4556 3.1.3):
/// `TD-INVALID-CERTIFICATES ::= SEQUENCE OF ExternalPrincipalIdentifier`.
pub type TdInvalidCertificates = SequenceOf<ExternalPrincipalIdentifier, 64>;

message!(TdInvalidCertificates, "sequence of ExternalPrincipalIdentifier", limit MAX_MESSAGE);

/// Groups that the KDC accepts, the preferred one first (RFC 4556 3.2.2):
/// `TD-DH-PARAMETERS ::= SEQUENCE OF AlgorithmIdentifier`.
pub type TdDhParameters = SequenceOf<AlgorithmIdentifierOwned, 32>;

/// CMS digest algorithms that the KDC accepts (RFC 8636 3):
/// `TD-CMS-DIGEST-ALGORITHMS-DATA ::= SEQUENCE OF AlgorithmIdentifier`.
pub type TdCmsDigestAlgorithms = SequenceOf<AlgorithmIdentifierOwned, 32>;

message!(TdDhParameters, "sequence of AlgorithmIdentifier", limit MAX_MESSAGE);

/// Signature algorithms that the KDC accepts in certificates (RFC 8636 4).
///
/// ```text
/// TD-CERT-DIGEST-ALGORITHMS-DATA ::= SEQUENCE {
///    allowedAlgorithms       [0] SEQUENCE OF AlgorithmIdentifier,
///    rejectedAlgorithm       [1] AlgorithmIdentifier,
///    ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct TdCertDigestAlgorithms {
    /// Those it accepts.
    #[asn1(context_specific = "0")]
    pub allowed_algorithms: TdCmsDigestAlgorithms,
    /// The one it does not.
    #[asn1(context_specific = "1")]
    pub rejected_algorithm: AlgorithmIdentifierOwned,
    /// What later versions add.
    pub extensions: Extensions<2>,
}
message!(TdCertDigestAlgorithms, "TD-CERT-DIGEST-ALGORITHMS-DATA", limit MAX_MESSAGE);
