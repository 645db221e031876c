//! Signatures: algorithms, who makes them, who checks them.

use std::sync::OnceLock;

use aws_lc_rs::signature as aws;
use const_oid::ObjectIdentifier;
use der::asn1::{Any, UintRef};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};

use crate::digest::DigestAlgorithm;
use crate::key::{Curve, PublicKey, WeakKey};

/// A signature algorithm. For ECDSA the curve is the key's, so that a P-384 key with SHA-256, as some
/// CMS signers pair them, has a name too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, and a salt of 32 bytes.
    RsaPssSha256,
    /// ECDSA with SHA-256. Signing takes a P-256 key, verifying either curve.
    EcdsaSha256,
    /// ECDSA with SHA-384. Signing takes a P-384 key, verifying either curve.
    EcdsaSha384,
    /// ECDSA with SHA-512, verifying only.
    EcdsaSha512,
}

/// Why the algorithm that a peer named is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnacceptableAlgorithm {
    /// A signature over SHA-1. Only a [`LegacySha1`] opens that door.
    #[error("signature over sha-1")]
    Sha1,
    /// An algorithm, or a digest, that we do not have: MD5, DSA and the like.
    #[error("unsupported algorithm {0}")]
    Unsupported(ObjectIdentifier),
    /// The signature algorithm implies another digest than the one named beside it.
    #[error("signature and digest algorithm disagree")]
    Disagree,
    /// `rsaEncryption` or RSASSA-PSS without what it needs to be known, or with other parameters.
    #[error("unsupported algorithm parameters")]
    Parameters,
}

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_WITH_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");

/// RSASSA-PSS-params (RFC 4055 3.1) for SHA-256, MGF1 with SHA-256, salt of 32 bytes.
const PSS_SHA256_PARAMETERS: [u8; 54] = [
    0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
    0x01, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
    0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0xa2, 0x03, 0x02, 0x01, 0x20,
];

impl SignatureAlgorithm {
    /// The digest that the message is reduced to.
    #[must_use]
    pub const fn digest(self) -> DigestAlgorithm {
        match self {
            SignatureAlgorithm::RsaPkcs1Sha256
            | SignatureAlgorithm::RsaPssSha256
            | SignatureAlgorithm::EcdsaSha256 => DigestAlgorithm::Sha256,
            SignatureAlgorithm::RsaPkcs1Sha384 | SignatureAlgorithm::EcdsaSha384 => {
                DigestAlgorithm::Sha384
            }
            SignatureAlgorithm::RsaPkcs1Sha512 | SignatureAlgorithm::EcdsaSha512 => {
                DigestAlgorithm::Sha512
            }
        }
    }

    /// What a key signs with when nobody asks for anything else: the widest understood.
    #[must_use]
    pub fn default_for(key: &PublicKey) -> SignatureAlgorithm {
        match key {
            PublicKey::Rsa(_) => SignatureAlgorithm::RsaPkcs1Sha256,
            PublicKey::Ec(key) => match key.curve() {
                Curve::P256 => SignatureAlgorithm::EcdsaSha256,
                Curve::P384 => SignatureAlgorithm::EcdsaSha384,
            },
        }
    }

    /// The algorithm that a certificate, CRL or request names.
    ///
    /// # Errors
    /// [`UnacceptableAlgorithm`], saying why it is not used.
    pub fn from_identifier(
        identifier: &AlgorithmIdentifierRef<'_>,
    ) -> Result<SignatureAlgorithm, UnacceptableAlgorithm> {
        match identifier.oid {
            SHA256_WITH_RSA => Ok(SignatureAlgorithm::RsaPkcs1Sha256),
            SHA384_WITH_RSA => Ok(SignatureAlgorithm::RsaPkcs1Sha384),
            SHA512_WITH_RSA => Ok(SignatureAlgorithm::RsaPkcs1Sha512),
            ECDSA_WITH_SHA256 => Ok(SignatureAlgorithm::EcdsaSha256),
            ECDSA_WITH_SHA384 => Ok(SignatureAlgorithm::EcdsaSha384),
            ECDSA_WITH_SHA512 => Ok(SignatureAlgorithm::EcdsaSha512),
            RSASSA_PSS => {
                let parameters = identifier.parameters.map(|any| any.to_der());
                match parameters {
                    Some(Ok(der)) if der == PSS_SHA256_PARAMETERS => {
                        Ok(SignatureAlgorithm::RsaPssSha256)
                    }
                    _ => Err(UnacceptableAlgorithm::Parameters),
                }
            }
            SHA1_WITH_RSA | ECDSA_WITH_SHA1 => Err(UnacceptableAlgorithm::Sha1),
            // Without a digest beside it this names no algorithm.
            RSA_ENCRYPTION => Err(UnacceptableAlgorithm::Parameters),
            other => Err(UnacceptableAlgorithm::Unsupported(other)),
        }
    }

    /// As [`SignatureAlgorithm::from_identifier`], from the whole DER element.
    ///
    /// # Errors
    /// [`UnacceptableAlgorithm`], [`UnacceptableAlgorithm::Parameters`] where it is not an
    /// AlgorithmIdentifier at all.
    pub fn from_identifier_der(der: &[u8]) -> Result<SignatureAlgorithm, UnacceptableAlgorithm> {
        let identifier =
            AlgorithmIdentifierRef::from_der(der).map_err(|_| UnacceptableAlgorithm::Parameters)?;
        SignatureAlgorithm::from_identifier(&identifier)
    }

    /// The algorithm of a CMS SignerInfo, which names the digest beside the signature: there
    /// `rsaEncryption` stands for PKCS#1 v1.5 with that digest (protocols E.3.1 step 1), and where
    /// the signature names a digest of its own the two must be the same.
    ///
    /// # Errors
    /// [`UnacceptableAlgorithm`], saying why it is not used.
    pub fn from_cms(
        signature: &AlgorithmIdentifierRef<'_>,
        digest: &ObjectIdentifier,
    ) -> Result<SignatureAlgorithm, UnacceptableAlgorithm> {
        let digest =
            DigestAlgorithm::from_oid(digest).ok_or(UnacceptableAlgorithm::Unsupported(*digest))?;
        if signature.oid == RSA_ENCRYPTION {
            return match digest {
                DigestAlgorithm::Sha1 => Err(UnacceptableAlgorithm::Sha1),
                DigestAlgorithm::Sha256 => Ok(SignatureAlgorithm::RsaPkcs1Sha256),
                DigestAlgorithm::Sha384 => Ok(SignatureAlgorithm::RsaPkcs1Sha384),
                DigestAlgorithm::Sha512 => Ok(SignatureAlgorithm::RsaPkcs1Sha512),
            };
        }
        let algorithm = SignatureAlgorithm::from_identifier(signature)?;
        if algorithm.digest() == digest {
            Ok(algorithm)
        } else {
            Err(UnacceptableAlgorithm::Disagree)
        }
    }

    /// The AlgorithmIdentifier, as certificates and CMS carry it.
    #[must_use]
    pub fn identifier(self) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match self {
            SignatureAlgorithm::RsaPkcs1Sha256 => (SHA256_WITH_RSA, Some(Any::null())),
            SignatureAlgorithm::RsaPkcs1Sha384 => (SHA384_WITH_RSA, Some(Any::null())),
            SignatureAlgorithm::RsaPkcs1Sha512 => (SHA512_WITH_RSA, Some(Any::null())),
            SignatureAlgorithm::RsaPssSha256 => {
                let parameters = Any::from_der(&PSS_SHA256_PARAMETERS);
                (RSASSA_PSS, Some(parameters.expect("the constant is DER")))
            }
            SignatureAlgorithm::EcdsaSha256 => (ECDSA_WITH_SHA256, None),
            SignatureAlgorithm::EcdsaSha384 => (ECDSA_WITH_SHA384, None),
            SignatureAlgorithm::EcdsaSha512 => (ECDSA_WITH_SHA512, None),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    /// The AlgorithmIdentifier as a DER element.
    #[must_use]
    pub fn identifier_der(self) -> Vec<u8> {
        self.identifier()
            .to_der()
            .expect("an identifier of bounded length encodes")
    }
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key cannot sign with this algorithm.
    #[error("the key cannot sign with this algorithm")]
    Algorithm,
    /// The holder of the key failed: no memory, no token, no answer.
    #[error("signing failed")]
    Failed,
}

/// Who holds a private key and signs with it: [`crate::key::PrivateKey`] in memory, a TPM, an HSM.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message`, which it reduces to a digest itself. An ECDSA signature comes as DER
    /// `ECDSA-Sig-Value`; [`ecdsa_to_fixed`] makes the JOSE form of it.
    ///
    /// # Errors
    /// [`SignError`].
    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// The signature is not that of this message by this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// Says that a compatibility switch allows RSA with SHA-1, and is the only way to it. Build one only
/// where the switch is read.
#[derive(Clone, Copy, Debug)]
pub struct LegacySha1;

/// A public key prepared to check signatures: the library's form of it, with what it precomputes, is made
/// at the first check and kept. Kept in caches and shared between threads.
///
/// RSA keys under 2048 and over 8192 bits never verify anything.
pub struct Verifier {
    key: PublicKey,
    /// One slot for each digest, and one for RSASSA-PSS.
    parsed: [OnceLock<Option<aws::ParsedPublicKey>>; 5],
    strength: OnceLock<Result<(), WeakKey>>,
}

impl Verifier {
    /// Prepares `key`.
    #[must_use]
    pub fn new(key: PublicKey) -> Verifier {
        Verifier {
            key,
            parsed: [const { OnceLock::new() }; 5],
            strength: OnceLock::new(),
        }
    }

    /// As [`PublicKey::check_strength`], looked at once.
    ///
    /// # Errors
    /// [`WeakKey`].
    pub fn check_strength(&self) -> Result<(), WeakKey> {
        *self.strength.get_or_init(|| self.key.check_strength())
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks a signature over `message`; an ECDSA signature as DER `ECDSA-Sig-Value`.
    ///
    /// # Errors
    /// [`BadSignature`], also when the algorithm is not one of this key's.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let (slot, rsa, p256, p384): (usize, _, _, _) = match algorithm {
            SignatureAlgorithm::RsaPkcs1Sha256 => {
                (0, Some(&aws::RSA_PKCS1_2048_8192_SHA256), None, None)
            }
            SignatureAlgorithm::RsaPkcs1Sha384 => {
                (1, Some(&aws::RSA_PKCS1_2048_8192_SHA384), None, None)
            }
            SignatureAlgorithm::RsaPkcs1Sha512 => {
                (2, Some(&aws::RSA_PKCS1_2048_8192_SHA512), None, None)
            }
            SignatureAlgorithm::RsaPssSha256 => {
                (3, Some(&aws::RSA_PSS_2048_8192_SHA256), None, None)
            }
            SignatureAlgorithm::EcdsaSha256 => (
                0,
                None,
                Some(&aws::ECDSA_P256_SHA256_ASN1),
                Some(&aws::ECDSA_P384_SHA256_ASN1),
            ),
            SignatureAlgorithm::EcdsaSha384 => (
                1,
                None,
                Some(&aws::ECDSA_P256_SHA384_ASN1),
                Some(&aws::ECDSA_P384_SHA384_ASN1),
            ),
            SignatureAlgorithm::EcdsaSha512 => (
                2,
                None,
                Some(&aws::ECDSA_P256_SHA512_ASN1),
                Some(&aws::ECDSA_P384_SHA512_ASN1),
            ),
        };
        let ec = match &self.key {
            PublicKey::Ec(key) if key.curve() == Curve::P256 => p256,
            _ => p384,
        };
        self.verify_with(slot, rsa, ec, message, signature)
    }

    /// Checks an RSASSA-PKCS1-v1_5 signature over SHA-1, where a switch allows it.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_legacy_sha1(
        &self,
        _allowed: LegacySha1,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let sha1 = &aws::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
        self.verify_with(4, Some(sha1), None, message, signature)
    }

    fn verify_with(
        &self,
        slot: usize,
        rsa: Option<&'static aws::RsaParameters>,
        ec: Option<&'static aws::EcdsaVerificationAlgorithm>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        // A key has one kind only, so a slot is never asked for by two algorithms.
        let parsed = match (&self.key, rsa, ec) {
            (PublicKey::Rsa(key), Some(algorithm), _) => self.parsed[slot].get_or_init(|| {
                aws::RsaPublicKeyComponents {
                    n: key.modulus(),
                    e: key.exponent(),
                }
                .to_parsed_public_key(algorithm)
                .ok()
            }),
            (PublicKey::Ec(key), _, Some(algorithm)) => self.parsed[slot]
                .get_or_init(|| aws::ParsedPublicKey::new(algorithm, key.point()).ok()),
            _ => return Err(BadSignature),
        };
        parsed
            .as_ref()
            .ok_or(BadSignature)?
            .verify_sig(message, signature)
            .map_err(|_| BadSignature)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verifier({:?})", self.key)
    }
}

/// `ECDSA-Sig-Value` of RFC 3279 2.2.3.
#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// From DER `ECDSA-Sig-Value` to the fixed-length form of JOSE (RFC 7518 3.4): r and s, each padded to
/// the curve's length. `None` when `der` is not a signature of this curve.
#[must_use]
pub fn ecdsa_to_fixed(curve: Curve, der: &[u8]) -> Option<Vec<u8>> {
    let value = EcdsaSigValue::from_der(der).ok()?;
    let len = curve.coordinate_len();
    let mut fixed = vec![0; 2 * len];
    let (r, s) = fixed.split_at_mut(len);
    for (half, number) in [(r, value.r), (s, value.s)] {
        let start = len.checked_sub(number.as_bytes().len())?;
        half[start..].copy_from_slice(number.as_bytes());
    }
    Some(fixed)
}

/// From the fixed-length form of JOSE to DER `ECDSA-Sig-Value`. `None` when `fixed` has not the length
/// of this curve's signatures.
#[must_use]
pub fn ecdsa_from_fixed(curve: Curve, fixed: &[u8]) -> Option<Vec<u8>> {
    let len = curve.coordinate_len();
    if fixed.len() != 2 * len {
        return None;
    }
    let (r, s) = fixed.split_at(len);
    let value = EcdsaSigValue {
        r: UintRef::new(r).ok()?,
        s: UintRef::new(s).ok()?,
    };
    value.to_der().ok()
}

#[cfg(test)]
mod tests;
