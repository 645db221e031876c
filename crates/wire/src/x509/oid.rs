//! Object identifiers of attributes, extensions, key purposes and name forms.

use const_oid::ObjectIdentifier;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// commonName.
pub const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
/// countryName.
pub const COUNTRY: ObjectIdentifier = oid("2.5.4.6");
/// organizationName.
pub const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
/// organizationalUnitName.
pub const ORGANIZATIONAL_UNIT: ObjectIdentifier = oid("2.5.4.11");
/// domainComponent (RFC 4519 2.4).
pub const DOMAIN_COMPONENT: ObjectIdentifier = oid("0.9.2342.19200300.100.1.25");
/// emailAddress (PKCS#9).
pub const EMAIL_ADDRESS: ObjectIdentifier = oid("1.2.840.113549.1.9.1");

/// subjectKeyIdentifier.
pub const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.14");
/// keyUsage.
pub const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
/// subjectAltName.
pub const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = oid("2.5.29.17");
/// basicConstraints.
pub const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
/// cRLNumber.
pub const CRL_NUMBER: ObjectIdentifier = oid("2.5.29.20");
/// reasonCode, in an entry of a list.
pub const REASON_CODE: ObjectIdentifier = oid("2.5.29.21");
/// cRLDistributionPoints.
pub const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = oid("2.5.29.31");
/// authorityKeyIdentifier.
pub const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.35");
/// extKeyUsage.
pub const EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37");
/// authorityInfoAccess.
pub const AUTHORITY_INFORMATION_ACCESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.1.1");
/// The access method caIssuers.
pub const CA_ISSUERS: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.2");
/// The access method OCSP.
pub const OCSP: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1");
/// id-pkix-ocsp-basic, the type of every response (RFC 6960 4.2.1).
pub const OCSP_BASIC: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.1");
/// id-pkix-ocsp-nonce (RFC 9654 2.1).
pub const OCSP_NONCE: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.2");
/// id-pkix-ocsp-nocheck: the responder's own certificate is not asked about (RFC 6960 4.2.2.2.1).
pub const OCSP_NO_CHECK: ObjectIdentifier = oid("1.3.6.1.5.5.7.48.1.5");
/// deltaCRLIndicator.
pub const DELTA_CRL_INDICATOR: ObjectIdentifier = oid("2.5.29.27");
/// issuingDistributionPoint.
pub const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = oid("2.5.29.28");
/// certificateIssuer, in an entry of an indirect list.
pub const CERTIFICATE_ISSUER: ObjectIdentifier = oid("2.5.29.29");
/// nameConstraints.
pub const NAME_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.30");
/// certificatePolicies.
pub const CERTIFICATE_POLICIES: ObjectIdentifier = oid("2.5.29.32");
/// policyMappings.
pub const POLICY_MAPPINGS: ObjectIdentifier = oid("2.5.29.33");
/// policyConstraints.
pub const POLICY_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.36");
/// freshestCRL: where delta lists are.
pub const FRESHEST_CRL: ObjectIdentifier = oid("2.5.29.46");
/// inhibitAnyPolicy.
pub const INHIBIT_ANY_POLICY: ObjectIdentifier = oid("2.5.29.54");
/// Certificate template name, a BMPString ([MS-WCCE] 2.2.2.7.7.1; PKI-T1-REQ).
pub const CERTIFICATE_TEMPLATE_NAME: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2");
/// Certificate template information ([MS-WCCE] 2.2.2.7.7.2).
pub const CERTIFICATE_TEMPLATE_INFORMATION: ObjectIdentifier = oid("1.3.6.1.4.1.311.21.7");
/// NTDS CA security extension: the subject's SID (protocols E.5).
pub const SECURITY_IDENTIFIER: ObjectIdentifier = oid("1.3.6.1.4.1.311.25.2");
/// The otherName inside [`SECURITY_IDENTIFIER`].
pub const SECURITY_IDENTIFIER_NAME: ObjectIdentifier = oid("1.3.6.1.4.1.311.25.2.1");
/// The arc of the device certificate's extensions (protocols B.5); `.1` to `.8` lie below it.
pub const DEVICE: ObjectIdentifier = oid("1.2.840.113556.1.5.284");
/// The nonce that a device's certification request carries (protocols B.1.3).
pub const JOIN_NONCE: ObjectIdentifier = oid("1.2.840.113556.1.5.284.2.1");
/// extensionRequest, the PKCS#10 attribute (RFC 2985 5.4.2).
pub const EXTENSION_REQUEST: ObjectIdentifier = oid("1.2.840.113549.1.9.14");

/// id-pkinit-KPClientAuth (RFC 4556 3.2.2).
pub const PKINIT_CLIENT_AUTHENTICATION: ObjectIdentifier = oid("1.3.6.1.5.2.3.4");
/// id-pkinit-KPKdc (RFC 4556 3.2.4).
pub const PKINIT_KDC: ObjectIdentifier = oid("1.3.6.1.5.2.3.5");
/// id-kp-serverAuth.
pub const SERVER_AUTHENTICATION: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
/// id-kp-clientAuth.
pub const CLIENT_AUTHENTICATION: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
/// id-kp-OCSPSigning.
pub const OCSP_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.9");
/// Smart card logon.
pub const SMART_CARD_LOGON: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2.2");
/// Certificate request agent.
pub const CERTIFICATE_REQUEST_AGENT: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2.1");
/// anyExtendedKeyUsage.
pub const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37.0");

/// id-pkinit-san, a KRB5PrincipalName (RFC 4556 3.2.2).
pub const PKINIT_SAN: ObjectIdentifier = oid("1.3.6.1.5.2.2");
/// User principal name, a UTF8String.
pub const USER_PRINCIPAL_NAME: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2.3");

/// SHA-1 (RFC 8017 appendix B.1).
pub const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
/// SHA-256 (RFC 8017 appendix B.1).
pub const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
/// rsaEncryption.
pub const RSA_ENCRYPTION: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
/// id-ecPublicKey.
pub const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
/// sha256WithRSAEncryption.
pub const SHA256_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
/// sha384WithRSAEncryption.
pub const SHA384_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
/// sha512WithRSAEncryption.
pub const SHA512_WITH_RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.13");
/// ecdsa-with-SHA256.
pub const ECDSA_WITH_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
/// ecdsa-with-SHA384.
pub const ECDSA_WITH_SHA384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");
