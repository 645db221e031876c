//! EnvelopedData (RFC 5652 6): content for who holds a key.

use der::asn1::OctetStringRef;
use der::{Sequence, Tag};

use super::{IssuerAndSerialNumber, SignedData, oid};
use crate::asn1::{self, AlgorithmIdentifierRef, AnyRef, Malformed, ObjectIdentifier, SetOf};

/// Content under a key that came along under somebody's public key.
///
/// ```text
/// EnvelopedData ::= SEQUENCE {
///   version CMSVersion,
///   originatorInfo [0] IMPLICIT OriginatorInfo OPTIONAL,
///   recipientInfos RecipientInfos,
///   encryptedContentInfo EncryptedContentInfo,
///   unprotectedAttrs [1] IMPLICIT UnprotectedAttributes OPTIONAL }
///
/// RecipientInfos ::= SET SIZE (1..MAX) OF RecipientInfo
/// RecipientInfo ::= CHOICE { ktri KeyTransRecipientInfo, ... }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct EnvelopedData<'a> {
    /// The syntax version: 0 where recipients are named by issuer and serial number, and there is nothing optional.
    pub version: u8,
    /// For whom.
    pub recipient_infos: SetOf<KeyTransRecipientInfo<'a>, 8>,
    /// What.
    pub encrypted_content_info: EncryptedContentInfo<'a>,
}

/// The content key for one recipient, under the public key of a certificate.
///
/// ```text
/// KeyTransRecipientInfo ::= SEQUENCE {
///   version CMSVersion,
///   rid RecipientIdentifier,
///   keyEncryptionAlgorithm KeyEncryptionAlgorithmIdentifier,
///   encryptedKey EncryptedKey }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct KeyTransRecipientInfo<'a> {
    /// 0: the recipient is named by issuer and serial number.
    pub version: u8,
    /// Which certificate.
    pub rid: IssuerAndSerialNumber<'a>,
    /// How the key is encrypted.
    pub key_encryption_algorithm: AlgorithmIdentifierRef<'a>,
    /// The key.
    pub encrypted_key: &'a OctetStringRef,
}

/// ```text
/// EncryptedContentInfo ::= SEQUENCE {
///   contentType ContentType,
///   contentEncryptionAlgorithm ContentEncryptionAlgorithmIdentifier,
///   encryptedContent [0] IMPLICIT EncryptedContent OPTIONAL }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct EncryptedContentInfo<'a> {
    /// What the content is.
    pub content_type: ObjectIdentifier,
    /// How it is encrypted.
    pub content_encryption_algorithm: AlgorithmIdentifierRef<'a>,
    /// The content.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub encrypted_content: Option<&'a OctetStringRef>,
}

/// Content under aes256-CBC, and its key by rsaEncryption.
#[derive(Clone, Copy)]
pub struct Aes256Sealed<'a> {
    /// The content key, encrypted.
    pub key: &'a [u8],
    /// The initialization vector.
    pub vector: &'a [u8; 16],
    /// The content, encrypted.
    pub content: &'a [u8],
}

/// A ContentInfo around it.
#[derive(Sequence)]
struct ContentInfo<'a> {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0")]
    content: EnvelopedData<'a>,
}

impl<'a> EnvelopedData<'a> {
    /// Content for one recipient, whose key and certificate are those of `recipient`.
    #[must_use]
    pub fn for_one(
        recipient: KeyTransRecipientInfo<'a>,
        content: EncryptedContentInfo<'a>,
    ) -> EnvelopedData<'a> {
        EnvelopedData {
            version: 0,
            recipient_infos: [recipient].into_iter().collect(),
            encrypted_content_info: content,
        }
    }

    /// Writes, inside a ContentInfo, content of a type for the holder of an RSA key, whose certificate `rid` names.
    ///
    /// # Errors
    /// [`Malformed`] when a part is longer than can be written.
    pub fn encode_for_one(
        rid: IssuerAndSerialNumber<'_>,
        content_type: ObjectIdentifier,
        sealed: Aes256Sealed<'_>,
    ) -> Result<Vec<u8>, Malformed> {
        let malformed = |source| Malformed::Syntax {
            what: "EnvelopedData",
            source,
        };
        let recipient = KeyTransRecipientInfo {
            version: 0,
            rid,
            key_encryption_algorithm: AlgorithmIdentifierRef {
                oid: oid::RSA_ENCRYPTION,
                parameters: Some(AnyRef::NULL),
            },
            encrypted_key: OctetStringRef::new(sealed.key).map_err(malformed)?,
        };
        let vector = AnyRef::new(Tag::OctetString, sealed.vector).map_err(malformed)?;
        let content = EncryptedContentInfo {
            content_type,
            content_encryption_algorithm: AlgorithmIdentifierRef {
                oid: oid::AES256_CBC,
                parameters: Some(vector),
            },
            encrypted_content: Some(OctetStringRef::new(sealed.content).map_err(malformed)?),
        };
        Ok(EnvelopedData::for_one(recipient, content).encode())
    }

    /// Reads a ContentInfo that holds EnvelopedData.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not that, or have what is optional, which nobody sends in PKINIT.
    pub fn decode(content_info: &'a [u8]) -> Result<EnvelopedData<'a>, Malformed> {
        let what = "EnvelopedData";
        let outer: ContentInfo<'a> = asn1::decode(content_info, what, SignedData::MAX_LENGTH)?;
        match outer.content_type {
            oid::ENVELOPED_DATA => Ok(outer.content),
            _ => Err(Malformed::Syntax {
                what,
                source: der::ErrorKind::OidUnknown {
                    oid: outer.content_type,
                }
                .into(),
            }),
        }
    }

    /// Writes it inside a ContentInfo.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        asn1::encode(&ContentInfo {
            content_type: oid::ENVELOPED_DATA,
            content: self.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5652 6.1 by hand: one recipient, rsaEncryption, aes256-CBC.
    const BY_HAND: &[u8] = &[
        0x30, 0x5a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03, 0xa0, 0x4d,
        0x30, 0x4b, 0x02, 0x01, 0x00, 0x31, 0x1e, 0x30, 0x1c, 0x02, 0x01, 0x00, 0x30, 0x05, 0x30,
        0x00, 0x02, 0x01, 0x07, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
        0x01, 0x01, 0x05, 0x00, 0x04, 0x01, 0xaa, 0x30, 0x26, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
        0xf7, 0x0d, 0x01, 0x07, 0x02, 0x30, 0x16, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
        0x04, 0x01, 0x2a, 0x04, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x80, 0x01, 0xbb,
    ];

    #[test]
    fn reads_and_writes_what_the_standard_has() {
        let read = EnvelopedData::decode(BY_HAND).unwrap();
        let recipient = read.recipient_infos.as_slice().first().unwrap();
        assert_eq!(recipient.rid.serial_number.as_bytes(), [7]);
        assert_eq!(recipient.key_encryption_algorithm.oid, oid::RSA_ENCRYPTION);
        assert_eq!(recipient.encrypted_key.as_bytes(), [0xaa]);
        let content = read.encrypted_content_info;
        assert_eq!(content.content_type, oid::SIGNED_DATA);
        assert_eq!(content.content_encryption_algorithm.oid, oid::AES256_CBC);
        assert_eq!(content.encrypted_content.unwrap().as_bytes(), [0xbb]);
        assert_eq!(
            EnvelopedData::for_one(*recipient, content).encode(),
            BY_HAND
        );
    }

    #[test]
    fn refuses_another_content_type_and_what_is_cut_short() {
        let mut other = BY_HAND.to_vec();
        other[12] = 2;
        assert!(EnvelopedData::decode(&other).is_err());
        for length in 0..BY_HAND.len() {
            assert!(EnvelopedData::decode(&BY_HAND[..length]).is_err());
        }
    }
}
