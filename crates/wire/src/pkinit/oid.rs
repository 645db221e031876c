//! Object identifiers of PKINIT (protocols E.3). Those that stand in certificates are in
//! [`x509::oid`](crate::x509::oid).

use crate::asn1::ObjectIdentifier;

pub use crate::x509::oid::EC_PUBLIC_KEY;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// id-pkinit-authData: the content is an AuthPack.
pub const AUTH_DATA: ObjectIdentifier = oid("1.3.6.1.5.2.3.1");
/// id-pkinit-DHKeyData: the content is a KDCDHKeyInfo.
pub const DH_KEY_DATA: ObjectIdentifier = oid("1.3.6.1.5.2.3.2");
/// id-pkinit-rkeyData: the content is a ReplyKeyPack.
pub const REPLY_KEY_DATA: ObjectIdentifier = oid("1.3.6.1.5.2.3.3");

/// id-pkinit-kdf-ah-sha1 (RFC 8636 4).
pub const KDF_SHA1: ObjectIdentifier = oid("1.3.6.1.5.2.3.6.1");
/// id-pkinit-kdf-ah-sha256.
pub const KDF_SHA256: ObjectIdentifier = oid("1.3.6.1.5.2.3.6.2");
/// id-pkinit-kdf-ah-sha512.
pub const KDF_SHA512: ObjectIdentifier = oid("1.3.6.1.5.2.3.6.3");
/// id-pkinit-kdf-ah-sha384.
pub const KDF_SHA384: ObjectIdentifier = oid("1.3.6.1.5.2.3.6.4");

/// dhpublicnumber: X9.42 domain parameters (RFC 3279 2.3.3).
pub const DH_PUBLIC_NUMBER: ObjectIdentifier = oid("1.2.840.10046.2.1");
/// dhKeyAgreement: PKCS#3 parameters.
pub const DH_KEY_AGREEMENT: ObjectIdentifier = oid("1.2.840.113549.1.3.1");

/// secp256r1, P-256 (RFC 5480 2.1.1.1).
pub const P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
/// secp384r1, P-384.
pub const P384: ObjectIdentifier = oid("1.3.132.0.34");
/// secp521r1, P-521.
pub const P521: ObjectIdentifier = oid("1.3.132.0.35");
