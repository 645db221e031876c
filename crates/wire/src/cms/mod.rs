//! The Cryptographic Message Syntax (RFC 5652), as much of it as PKINIT needs: SignedData, and EnvelopedData for its RSA mode.
//!
//! [`SignedData::decode`] reads what clients in use send (protocols E.3.1): sets in any order, a signer
//! named by issuer and serial number or by key identifier (whose tag may be implicit or explicit),
//! attributes present or absent, certificates or none, revocation lists ignored. It borrows from the
//! message. [`SignedData::with_one_signer`] makes what we send. Hashing and signing are not done here:
//! [`SignedAttributes::signed_bytes`] says over what.

#![allow(
    clippy::needless_question_mark,
    reason = "what der's derive writes for an optional octet string"
)]

mod enveloped;
pub mod oid;

use core::fmt;

use der::asn1::{ContextSpecific, IntRef, OctetStringRef};
use der::{
    Decode, DecodeValue, Encode, EncodeValue, Error, FixedTag, Header, Length, Reader, Sequence,
    SliceReader, Tag, TagMode, TagNumber, Writer,
};

pub use enveloped::{Aes256Sealed, EncryptedContentInfo, EnvelopedData, KeyTransRecipientInfo};

use crate::asn1::{self, AlgorithmIdentifierRef, AnyRef, Malformed, ObjectIdentifier, Raw, SetOf};

/// Signed content (RFC 5652 5.1).
///
/// ```text
/// SignedData ::= SEQUENCE {
///   version CMSVersion,
///   digestAlgorithms DigestAlgorithmIdentifiers,
///   encapContentInfo EncapsulatedContentInfo,
///   certificates [0] IMPLICIT CertificateSet OPTIONAL,
///   crls [1] IMPLICIT RevocationInfoChoices OPTIONAL,
///   signerInfos SignerInfos }
///
/// DigestAlgorithmIdentifiers ::= SET OF DigestAlgorithmIdentifier
/// CertificateSet ::= SET OF CertificateChoices
/// SignerInfos ::= SET OF SignerInfo
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SignedData<'a> {
    /// The syntax version; says nothing that the content does not.
    pub version: u8,
    /// The digest algorithms of the signers.
    pub digest_algorithms: SetOf<AlgorithmIdentifierRef<'a>, 16>,
    /// What is signed.
    pub encap_content_info: EncapsulatedContentInfo<'a>,
    /// Certificates, in no order that means anything; [`SignedData::certificates`] lists the X.509 ones.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub certificate_set: Option<SetOf<Raw<'a>, 32>>,
    /// Revocation lists, which nobody here reads.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub crls: Option<SetOf<Raw<'a>, 32>>,
    /// The signers.
    pub signer_infos: SetOf<SignerInfo<'a>, 8>,
}

/// What is signed (RFC 5652 5.2).
///
/// ```text
/// EncapsulatedContentInfo ::= SEQUENCE {
///   eContentType ContentType,
///   eContent [0] EXPLICIT OCTET STRING OPTIONAL }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct EncapsulatedContentInfo<'a> {
    /// What the content is.
    pub e_content_type: ObjectIdentifier,
    /// The content; absent where it travels elsewhere.
    #[asn1(
        context_specific = "0",
        tag_mode = "EXPLICIT",
        type = "OCTET STRING",
        optional = "true"
    )]
    pub e_content: Option<&'a [u8]>,
}

/// One signature (RFC 5652 5.3).
///
/// ```text
/// SignerInfo ::= SEQUENCE {
///   version CMSVersion,
///   sid SignerIdentifier,
///   digestAlgorithm DigestAlgorithmIdentifier,
///   signedAttrs [0] IMPLICIT SignedAttributes OPTIONAL,
///   signatureAlgorithm SignatureAlgorithmIdentifier,
///   signature SignatureValue,
///   unsignedAttrs [1] IMPLICIT UnsignedAttributes OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SignerInfo<'a> {
    /// The syntax version: 1 with issuer and serial number, 3 with a key identifier.
    pub version: u8,
    /// Whose certificate verifies it.
    pub sid: SignerIdentifier<'a>,
    /// How the content is digested.
    pub digest_algorithm: AlgorithmIdentifierRef<'a>,
    /// What is signed in place of the content.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub signed_attrs: Option<SignedAttributes<'a>>,
    /// How it is signed: a signature algorithm, or `rsaEncryption` with the digest named before.
    pub signature_algorithm: AlgorithmIdentifierRef<'a>,
    /// The signature.
    #[asn1(type = "OCTET STRING")]
    pub signature: &'a [u8],
    /// Attributes that nobody signed, and nobody here reads.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub unsigned_attrs: Option<SetOf<Raw<'a>, 32>>,
}

/// Whose certificate verifies a signature (RFC 5652 5.3).
///
/// ```text
/// SignerIdentifier ::= CHOICE {
///   issuerAndSerialNumber IssuerAndSerialNumber,
///   subjectKeyIdentifier [0] SubjectKeyIdentifier }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerIdentifier<'a> {
    /// The one of this issuer with this number.
    IssuerAndSerialNumber(IssuerAndSerialNumber<'a>),
    /// The one whose subjectKeyIdentifier extension holds these bytes.
    SubjectKeyIdentifier(&'a [u8]),
}

/// Which certificate (RFC 5652 10.2.4).
///
/// ```text
/// IssuerAndSerialNumber ::= SEQUENCE {
///   issuer Name,
///   serialNumber CertificateSerialNumber }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct IssuerAndSerialNumber<'a> {
    /// The issuer's distinguished name, encoded.
    pub issuer: Raw<'a>,
    /// The serial number; its bytes are the contents of the INTEGER in the certificate.
    pub serial_number: IntRef<'a>,
}

impl<'a> IssuerAndSerialNumber<'a> {
    /// Reads the encoding.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not that, or are followed by others.
    pub fn read(bytes: &'a [u8]) -> Result<IssuerAndSerialNumber<'a>, Malformed> {
        asn1::decode(bytes, "IssuerAndSerialNumber", SignedData::MAX_LENGTH)
    }

    /// Names the certificate of an issuer, given as its encoded name, with a number, given as the contents of
    /// its INTEGER.
    ///
    /// # Errors
    /// [`Malformed`] when the issuer is not one DER value, or the number not the contents of one.
    pub fn new(
        issuer: &'a [u8],
        serial_number: &'a [u8],
    ) -> Result<IssuerAndSerialNumber<'a>, Malformed> {
        let number = IntRef::new(serial_number).map_err(|source| Malformed::Syntax {
            what: "serial number",
            source,
        })?;
        Ok(IssuerAndSerialNumber {
            issuer: Raw::new(issuer)?,
            serial_number: number,
        })
    }

    /// Writes it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        asn1::encode(self)
    }
}

/// `[0]` as RFC 5652 has it (implicit) is what we write; one public test suite sends it explicit.
const KEY_IDENTIFIER: TagNumber = TagNumber(0);

impl<'a> Decode<'a> for SignerIdentifier<'a> {
    type Error = Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        match Tag::peek(reader)? {
            Tag::ContextSpecific {
                constructed,
                number: KEY_IDENTIFIER,
            } => {
                let key_identifier = if constructed {
                    ContextSpecific::<&OctetStringRef>::decode_explicit(reader, KEY_IDENTIFIER)?
                } else {
                    ContextSpecific::<&OctetStringRef>::decode_implicit(reader, KEY_IDENTIFIER)?
                };
                key_identifier
                    .map(|field| SignerIdentifier::SubjectKeyIdentifier(field.value.as_bytes()))
                    .ok_or_else(|| reader.error(Tag::OctetString.value_error()))
            }
            _ => IssuerAndSerialNumber::decode(reader).map(SignerIdentifier::IssuerAndSerialNumber),
        }
    }
}

impl Encode for SignerIdentifier<'_> {
    fn encoded_len(&self) -> der::Result<Length> {
        match self {
            SignerIdentifier::IssuerAndSerialNumber(both) => both.encoded_len(),
            SignerIdentifier::SubjectKeyIdentifier(bytes) => key_identifier(bytes)?.encoded_len(),
        }
    }

    fn encode(&self, writer: &mut impl Writer) -> der::Result<()> {
        match self {
            SignerIdentifier::IssuerAndSerialNumber(both) => Encode::encode(both, writer),
            SignerIdentifier::SubjectKeyIdentifier(bytes) => key_identifier(bytes)?.encode(writer),
        }
    }
}

fn key_identifier(bytes: &[u8]) -> der::Result<ContextSpecific<&OctetStringRef>> {
    Ok(ContextSpecific {
        tag_number: KEY_IDENTIFIER,
        tag_mode: TagMode::Implicit,
        value: OctetStringRef::new(bytes)?,
    })
}

/// What a signature covers in place of the content (RFC 5652 5.3, 11): at least the content's type and
/// its digest, which are there exactly once or the value is refused.
///
/// ```text
/// SignedAttributes ::= SET SIZE (1..MAX) OF Attribute
/// Attribute ::= SEQUENCE {
///   attrType OBJECT IDENTIFIER,
///   attrValues SET OF AttributeValue }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignedAttributes<'a> {
    contents: &'a [u8],
    content_type: ObjectIdentifier,
    message_digest: &'a [u8],
}

#[derive(Sequence)]
struct Attribute<'a> {
    attr_type: ObjectIdentifier,
    attr_values: SetOf<AnyRef<'a>, 16>,
}

impl<'a> SignedAttributes<'a> {
    /// Attributes read at most; real messages have two to five.
    const MAX: usize = 32;

    /// The type of the content (RFC 5652 11.1). Whoever verifies compares it with `eContentType`.
    #[must_use]
    pub fn content_type(&self) -> ObjectIdentifier {
        self.content_type
    }

    /// The digest of the content (RFC 5652 11.2). Whoever verifies compares it with their own.
    #[must_use]
    pub fn message_digest(&self) -> &'a [u8] {
        self.message_digest
    }

    /// What is hashed and signed: the attributes as they were sent, under the tag of a SET instead of
    /// the `[0]` they travel with (RFC 5652 5.4).
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        asn1::encode(self)
    }

    /// Attributes for content of a type and with a digest, encoded as the SET to be signed:
    /// [`SignedAttributes::decode`] makes the value of it.
    #[must_use]
    pub fn encode(content_type: ObjectIdentifier, message_digest: &[u8]) -> Vec<u8> {
        let attribute = |attr_type, tag, contents| {
            AnyRef::new(tag, contents).map(|value| Attribute {
                attr_type,
                attr_values: [value].into_iter().collect(),
            })
        };
        let content_type = attribute(
            oid::CONTENT_TYPE,
            Tag::ObjectIdentifier,
            content_type.as_bytes(),
        );
        let message_digest = attribute(oid::MESSAGE_DIGEST, Tag::OctetString, message_digest);
        let attributes: SetOf<Attribute<'_>, 2> = [content_type, message_digest]
            .into_iter()
            .flatten()
            .collect();
        asn1::encode(&attributes)
    }

    /// Reads attributes under the tag of a SET.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not that, or contentType or messageDigest is missing, there
    /// twice, or without exactly one value.
    pub fn decode(set: &'a [u8]) -> Result<SignedAttributes<'a>, Malformed> {
        asn1::decode(set, "SignedAttributes", SignedData::MAX_LENGTH)
    }
}

impl fmt::Debug for SignedAttributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedAttributes")
            .field("content_type", &self.content_type)
            .field("message_digest", &self.message_digest)
            .finish_non_exhaustive()
    }
}

impl FixedTag for SignedAttributes<'_> {
    const TAG: Tag = Tag::Set;
}

impl<'a> DecodeValue<'a> for SignedAttributes<'a> {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        let contents = reader.read_slice(header.length())?;
        let mut content_type = None;
        let mut message_digest = None;
        let mut inner = SliceReader::new(contents)?;
        let refused = || Tag::Set.value_error().into();
        for count in 0.. {
            if inner.is_finished() {
                break;
            }
            let attribute: Attribute<'a> = inner.decode()?;
            let place = match attribute.attr_type {
                oid::CONTENT_TYPE => &mut content_type,
                oid::MESSAGE_DIGEST => &mut message_digest,
                _ if count < Self::MAX => continue,
                _ => return Err(refused()),
            };
            let ([value], None) = (attribute.attr_values.as_slice(), &place) else {
                return Err(refused());
            };
            *place = Some(*value);
        }
        let (Some(content_type), Some(message_digest)) = (content_type, message_digest) else {
            return Err(refused());
        };
        Ok(SignedAttributes {
            contents,
            content_type: content_type.decode_as()?,
            message_digest: message_digest.decode_as::<&OctetStringRef>()?.as_bytes(),
        })
    }
}

impl EncodeValue for SignedAttributes<'_> {
    fn value_len(&self) -> der::Result<Length> {
        self.contents.len().try_into()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.contents)
    }
}

/// The wrapper of every message (RFC 5652 3).
///
/// ```text
/// ContentInfo ::= SEQUENCE {
///   contentType ContentType,
///   content [0] EXPLICIT ANY DEFINED BY contentType }
/// ```
#[derive(Sequence)]
struct ContentInfo<'a> {
    content_type: SignedDataType,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData<'a>,
}

/// The one content type that is read here, id-signedData.
struct SignedDataType;

impl FixedTag for SignedDataType {
    const TAG: Tag = Tag::ObjectIdentifier;
}

impl<'a> DecodeValue<'a> for SignedDataType {
    type Error = Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        if ObjectIdentifier::decode_value(reader, header)? != oid::SIGNED_DATA {
            return Err(reader.error(Self::TAG.value_error()));
        }
        Ok(SignedDataType)
    }
}

impl EncodeValue for SignedDataType {
    fn value_len(&self) -> der::Result<Length> {
        oid::SIGNED_DATA.value_len()
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        oid::SIGNED_DATA.encode_value(writer)
    }
}

impl<'a> SignedData<'a> {
    /// The longest message that is read, in bytes.
    pub const MAX_LENGTH: usize = 64 * 1024;

    /// Reads a ContentInfo that holds SignedData.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are too many, are not DER (but for the order of sets), hold
    /// another content type, or are followed by others.
    pub fn decode(content_info: &'a [u8]) -> Result<SignedData<'a>, Malformed> {
        asn1::decode::<ContentInfo<'a>>(content_info, "SignedData", Self::MAX_LENGTH)
            .map(|outer| outer.content)
    }

    /// The X.509 certificates, each as its encoding. Other kinds of certificates are passed over.
    pub fn certificates(&self) -> impl Iterator<Item = &'a [u8]> {
        const SEQUENCE: u8 = 0x30;
        self.certificate_set
            .iter()
            .flat_map(|set| set.iter())
            .map(Raw::as_bytes)
            .filter(|certificate| certificate.first() == Some(&SEQUENCE))
    }

    /// The only signer, where there is just one, as PKINIT has it (RFC 4556 3.2.1).
    #[must_use]
    pub fn single_signer(&self) -> Option<&SignerInfo<'a>> {
        match self.signer_infos.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// A message with content of a type, signed once. The version follows from the content type
    /// (RFC 5652 5.1).
    ///
    /// # Errors
    /// [`Malformed`] when a certificate is not one DER value.
    pub fn with_one_signer(
        e_content_type: ObjectIdentifier,
        e_content: &'a [u8],
        certificates: &[&'a [u8]],
        signer: SignerInfo<'a>,
    ) -> Result<SignedData<'a>, Malformed> {
        let certificates = certificates
            .iter()
            .map(|certificate| Raw::new(certificate))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(SignedData {
            version: if e_content_type == oid::DATA { 1 } else { 3 },
            digest_algorithms: [signer.digest_algorithm].into_iter().collect(),
            encap_content_info: EncapsulatedContentInfo {
                e_content_type,
                e_content: Some(e_content),
            },
            certificate_set: match certificates.len() {
                0 => None,
                _ => Some(certificates.into_iter().collect()),
            },
            crls: None,
            signer_infos: [signer].into_iter().collect(),
        })
    }

    /// Reads it without a ContentInfo around, as it is inside EnvelopedData (RFC 4556 3.2.3.2).
    ///
    /// # Errors
    /// [`Malformed`] as for [`SignedData::decode`].
    pub fn decode_bare(bytes: &'a [u8]) -> Result<SignedData<'a>, Malformed> {
        asn1::decode(bytes, "SignedData", Self::MAX_LENGTH)
    }

    /// Writes it without a ContentInfo around, as it is put into EnvelopedData.
    #[must_use]
    pub fn encode_bare(&self) -> Vec<u8> {
        asn1::encode(self)
    }

    /// Writes it inside a ContentInfo.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        asn1::encode(&ContentInfo {
            content_type: SignedDataType,
            content: self.clone(),
        })
    }
}

impl<'a> SignerInfo<'a> {
    /// One signature; the version follows from how the signer is named.
    #[must_use]
    pub fn new(
        sid: SignerIdentifier<'a>,
        digest_algorithm: AlgorithmIdentifierRef<'a>,
        signed_attrs: Option<SignedAttributes<'a>>,
        signature_algorithm: AlgorithmIdentifierRef<'a>,
        signature: &'a [u8],
    ) -> SignerInfo<'a> {
        SignerInfo {
            version: match sid {
                SignerIdentifier::IssuerAndSerialNumber(_) => 1,
                SignerIdentifier::SubjectKeyIdentifier(_) => 3,
            },
            sid,
            digest_algorithm,
            signed_attrs,
            signature_algorithm,
            signature,
            unsigned_attrs: None,
        }
    }
}
