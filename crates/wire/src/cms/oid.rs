//! Object identifiers of RFC 5652 and of the algorithms that its messages name (RFC 5754, RFC 4055).

use crate::asn1::ObjectIdentifier;

pub use crate::x509::oid::{
    ECDSA_WITH_SHA256, ECDSA_WITH_SHA384, RSA_ENCRYPTION, SHA256_WITH_RSA, SHA384_WITH_RSA,
    SHA512_WITH_RSA,
};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// id-data.
pub const DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.1");
/// id-signedData.
pub const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
/// id-contentType, an attribute.
pub const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
/// id-messageDigest, an attribute.
pub const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");

/// MD5, to be refused by name.
pub const MD5: ObjectIdentifier = oid("1.2.840.113549.2.5");
/// SHA-1, behind the switch `kdc.pkinit_sha1_cms`.
pub const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
/// SHA-256.
pub const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
/// SHA-384.
pub const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
/// SHA-512.
pub const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");

/// sha1WithRSAEncryption.
pub const SHA1_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.5");
/// id-RSASSA-PSS.
pub const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
/// ecdsa-with-SHA512.
pub const ECDSA_WITH_SHA512: ObjectIdentifier = oid("1.2.840.10045.4.3.4");
/// id-envelopedData.
pub const ENVELOPED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.3");
/// aes256-CBC, with its initialization vector as an OCTET STRING (RFC 3565 4.1).
pub const AES256_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.42");
/// des-ede3-cbc, the only one that some old clients take.
pub const DES_EDE3_CBC: ObjectIdentifier = oid("1.2.840.113549.3.7");
