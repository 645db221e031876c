//! What the client sends (RFC 4556 3.2.1).

use der::Sequence;

use super::public_value::PublicValue;
use crate::asn1::{
    AlgorithmIdentifierOwned, Extensions, Malformed, ObjectIdentifier, SequenceOf,
    SubjectPublicKeyInfoOwned, UInt32, message,
};
use crate::kerberos::{KerberosTime, MAX_REQUEST, Microseconds, PrincipalName, Realm};

/// The content of PA-PK-AS-REQ (RFC 4556 3.2.1).
///
/// ```text
/// PA-PK-AS-REQ ::= SEQUENCE {
///    signedAuthPack          [0] IMPLICIT OCTET STRING,
///    trustedCertifiers       [1] SEQUENCE OF ExternalPrincipalIdentifier OPTIONAL,
///    kdcPkId                 [2] IMPLICIT OCTET STRING OPTIONAL,
///    ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PaPkAsReq {
    /// A ContentInfo with [`SignedData`](crate::cms::SignedData) over an [`AuthPack`].
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        type = "OCTET STRING",
        deref = "true"
    )]
    pub signed_auth_pack: Vec<u8>,
    /// Certifiers that the client trusts for the KDC's certificate.
    #[asn1(context_specific = "1", optional = "true")]
    pub trusted_certifiers: Option<TrustedCertifiers>,
    /// An IssuerAndSerialNumber of the KDC's certificate that the client has.
    #[asn1(
        context_specific = "2",
        tag_mode = "IMPLICIT",
        type = "OCTET STRING",
        optional = "true"
    )]
    pub kdc_pk_id: Option<Vec<u8>>,
    /// What later versions add.
    pub extensions: Extensions<3>,
}
message!(PaPkAsReq, "PA-PK-AS-REQ", limit MAX_REQUEST);

/// Certifiers, by name or key.
pub type TrustedCertifiers = SequenceOf<ExternalPrincipalIdentifier, 64>;

/// Somebody's certificate, pointed at (RFC 4556 3.2.1).
///
/// ```text
/// ExternalPrincipalIdentifier ::= SEQUENCE {
///    subjectName            [0] IMPLICIT OCTET STRING OPTIONAL,
///    issuerAndSerialNumber  [1] IMPLICIT OCTET STRING OPTIONAL,
///    subjectKeyIdentifier   [2] IMPLICIT OCTET STRING OPTIONAL,
///    ...
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Sequence)]
pub struct ExternalPrincipalIdentifier {
    /// An encoded Name.
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        type = "OCTET STRING",
        optional = "true"
    )]
    pub subject_name: Option<Vec<u8>>,
    /// An encoded IssuerAndSerialNumber.
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        type = "OCTET STRING",
        optional = "true"
    )]
    pub issuer_and_serial_number: Option<Vec<u8>>,
    /// The bytes of a subjectKeyIdentifier.
    #[asn1(
        context_specific = "2",
        tag_mode = "IMPLICIT",
        type = "OCTET STRING",
        optional = "true"
    )]
    pub subject_key_identifier: Option<Vec<u8>>,
    /// What later versions add.
    pub extensions: Extensions<3>,
}

/// What the client signs (RFC 4556 3.2.1, RFC 8636 6).
///
/// ```text
/// AuthPack ::= SEQUENCE {
///    pkAuthenticator         [0] PKAuthenticator,
///    clientPublicValue       [1] SubjectPublicKeyInfo OPTIONAL,
///    supportedCMSTypes       [2] SEQUENCE OF AlgorithmIdentifier OPTIONAL,
///    clientDHNonce           [3] DHNonce OPTIONAL,
///    ...,
///    supportedKDFs           [4] SEQUENCE OF KDFAlgorithmId OPTIONAL,
///    ...
/// }
/// DHNonce ::= OCTET STRING
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct AuthPack {
    /// Binds the signature to this request.
    #[asn1(context_specific = "0")]
    pub pk_authenticator: PkAuthenticator,
    /// The client's half of the agreement; absent, the reply key is to come encrypted to its certificate.
    /// [`AuthPack::public_value`] reads it.
    #[asn1(context_specific = "1", optional = "true")]
    pub client_public_value: Option<SubjectPublicKeyInfoOwned>,
    /// CMS algorithms that the client takes, the preferred one first.
    #[asn1(context_specific = "2", optional = "true")]
    pub supported_cms_types: Option<SequenceOf<AlgorithmIdentifierOwned, 64>>,
    /// Present where the KDC may use its key again.
    #[asn1(context_specific = "3", type = "OCTET STRING", optional = "true")]
    pub client_dh_nonce: Option<Vec<u8>>,
    /// Key derivation functions that the client takes.
    #[asn1(context_specific = "4", optional = "true")]
    pub supported_kdfs: Option<SequenceOf<KdfAlgorithmId, 32>>,
    /// What later versions add.
    pub extensions: Extensions<5>,
}
message!(AuthPack, "AuthPack", limit MAX_REQUEST);

impl AuthPack {
    /// The client's half of the agreement.
    ///
    /// # Errors
    /// [`Malformed`] when its algorithm is one we know and the rest is not of that algorithm's form.
    pub fn public_value(&self) -> Result<Option<PublicValue<'_>>, Malformed> {
        self.client_public_value
            .as_ref()
            .map(PublicValue::read)
            .transpose()
    }
}

/// Binds the signature to this request (RFC 4556 3.2.1, RFC 8070 4, MS-PKCA 2.2.3).
///
/// ```text
/// PKAuthenticator ::= SEQUENCE {
///    cusec                   [0] INTEGER (0..999999),
///    ctime                   [1] KerberosTime,
///    nonce                   [2] INTEGER (0..4294967295),
///    paChecksum              [3] OCTET STRING OPTIONAL,
///    ...,
///    freshnessToken          [4] OCTET STRING OPTIONAL,
///    paChecksum2             [5] PAChecksum2 OPTIONAL,
///    ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PkAuthenticator {
    /// The client's time, its part below the second.
    #[asn1(context_specific = "0")]
    pub cusec: Microseconds,
    /// The client's time.
    #[asn1(context_specific = "1")]
    pub ctime: KerberosTime,
    /// Comes back in the reply.
    #[asn1(context_specific = "2")]
    pub nonce: UInt32,
    /// SHA-1 over the encoded KDC-REQ-BODY.
    #[asn1(context_specific = "3", type = "OCTET STRING", optional = "true")]
    pub pa_checksum: Option<Vec<u8>>,
    /// The token of PA-AS-FRESHNESS, as the KDC gave it.
    #[asn1(context_specific = "4", type = "OCTET STRING", optional = "true")]
    pub freshness_token: Option<Vec<u8>>,
    /// Another digest over the encoded KDC-REQ-BODY.
    #[asn1(context_specific = "5", optional = "true")]
    pub pa_checksum2: Option<PaChecksum2>,
    /// What later versions add.
    pub extensions: Extensions<6>,
}

/// A digest over the encoded KDC-REQ-BODY, its algorithm named (MS-PKCA 2.2.3).
///
/// ```text
/// PAChecksum2 ::= SEQUENCE {
///    checksum                [0] OCTET STRING,
///    algorithmIdentifier     [1] AlgorithmIdentifier
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PaChecksum2 {
    /// The digest.
    #[asn1(context_specific = "0", type = "OCTET STRING", deref = "true")]
    pub checksum: Vec<u8>,
    /// SHA-1, SHA-256, SHA-384 or SHA-512.
    #[asn1(context_specific = "1")]
    pub algorithm_identifier: AlgorithmIdentifierOwned,
}

/// A key derivation function (RFC 8636 6).
///
/// ```text
/// KDFAlgorithmId ::= SEQUENCE {
///    kdf-id                  [0] OBJECT IDENTIFIER,
///    ...
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct KdfAlgorithmId {
    /// Which.
    #[asn1(context_specific = "0")]
    pub kdf_id: ObjectIdentifier,
    /// What later versions add.
    pub extensions: Extensions<1>,
}

impl KdfAlgorithmId {
    /// Names a function.
    #[must_use]
    pub fn new(kdf_id: ObjectIdentifier) -> KdfAlgorithmId {
        KdfAlgorithmId {
            kdf_id,
            extensions: Extensions::NONE,
        }
    }
}

/// A principal with its realm, as certificates name one (RFC 4556 3.2.2).
///
/// ```text
/// KRB5PrincipalName ::= SEQUENCE {
///     realm                   [0] Realm,
///     principalName           [1] PrincipalName
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct Krb5PrincipalName {
    /// The realm.
    #[asn1(context_specific = "0")]
    pub realm: Realm,
    /// The name.
    #[asn1(context_specific = "1")]
    pub principal_name: PrincipalName,
}
message!(Krb5PrincipalName, "KRB5PrincipalName", limit 16 * 1024);
