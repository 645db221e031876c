//! Private keys in this process's memory.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as aws, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use zeroize::Zeroizing;

use super::{Curve, PublicKey, WeakKey};
use crate::signature::{SignError, SignatureAlgorithm, Signer};

/// A kind of key that is made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA with a modulus of 2048 bits and exponent 65537.
    Rsa2048,
    /// RSA with a modulus of 3072 bits and exponent 65537.
    Rsa3072,
    /// RSA with a modulus of 4096 bits and exponent 65537.
    Rsa4096,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

/// Why private key bytes were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableKey {
    /// Not an unencrypted private key of a kind we know, or one whose parts do not fit together.
    #[error("not a private key of a supported kind")]
    Malformed,
    /// A key that we would refuse to trust.
    #[error("private key is too weak")]
    Weak(#[from] WeakKey),
}

/// A private key. Held by the cryptographic library, which clears it when the last clone goes; never
/// printed.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Pair>,
    public: PublicKey,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(Curve, EcdsaKeyPair),
}

impl PrivateKey {
    /// Makes a key with the cryptographic library's own generator. RSA takes from a tenth of a second
    /// to several: not on a thread that answers requests. One that was made ahead ([`super::ahead`]) is there at
    /// once.
    ///
    /// # Panics
    /// When the operating system has no randomness or memory to give.
    #[must_use]
    pub fn generate(kind: KeyKind) -> PrivateKey {
        super::ahead::take(kind).unwrap_or_else(|| Self::make(kind))
    }

    pub(super) fn make(kind: KeyKind) -> PrivateKey {
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa);
        let ec = |curve| EcdsaKeyPair::generate(signing(curve)).map(|key| Pair::Ec(curve, key));
        let pair = match kind {
            KeyKind::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyKind::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyKind::Rsa4096 => rsa(KeySize::Rsa4096),
            KeyKind::P256 => ec(Curve::P256),
            KeyKind::P384 => ec(Curve::P384),
        };
        let pair = pair.expect("the system gives randomness and memory");
        PrivateKey::new(pair).expect("a key made here is strong")
    }

    fn new(pair: Pair) -> Result<PrivateKey, UnusableKey> {
        let public = match &pair {
            Pair::Rsa(key) => PublicKey::from_pkcs1_der(key.public_key().as_ref()),
            Pair::Ec(curve, key) => PublicKey::from_ec_point(*curve, key.public_key().as_ref()),
        }
        .map_err(|_| UnusableKey::Malformed)?;
        public.check_strength()?;
        Ok(PrivateKey {
            pair: Arc::new(pair),
            public,
        })
    }

    /// Parses an unencrypted PKCS#8 `PrivateKeyInfo` (RFC 5958).
    ///
    /// # Errors
    /// [`UnusableKey`], saying what was wrong.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<PrivateKey, UnusableKey> {
        let ec = |curve| {
            EcdsaKeyPair::from_pkcs8(signing(curve), der)
                .ok()
                .map(|key| Pair::Ec(curve, key))
        };
        let pair = RsaKeyPair::from_pkcs8(der)
            .ok()
            .map(Pair::Rsa)
            .or_else(|| ec(Curve::P256))
            .or_else(|| ec(Curve::P384))
            .ok_or(UnusableKey::Malformed)?;
        PrivateKey::new(pair)
    }

    /// Parses a PEM `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (RFC 5915
    /// with its curve named), none of them encrypted. Text before it, such as a warning, is ignored.
    ///
    /// # Errors
    /// [`UnusableKey`], saying what was wrong.
    pub fn from_pem(pem: &str) -> Result<PrivateKey, UnusableKey> {
        let (label, der) =
            der::pem::decode_vec(pem.as_bytes()).map_err(|_| UnusableKey::Malformed)?;
        let der = Zeroizing::new(der);
        let ec = |curve| {
            EcdsaKeyPair::from_private_key_der(signing(curve), &der)
                .ok()
                .map(|key| Pair::Ec(curve, key))
        };
        let pair = match label {
            "PRIVATE KEY" => return PrivateKey::from_pkcs8_der(&der),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).ok().map(Pair::Rsa),
            "EC PRIVATE KEY" => ec(Curve::P256).or_else(|| ec(Curve::P384)),
            _ => None,
        };
        PrivateKey::new(pair.ok_or(UnusableKey::Malformed)?)
    }

    /// The unencrypted PKCS#8 `PrivateKeyInfo`, to be wrapped before it rests anywhere.
    ///
    /// # Panics
    /// When the library is out of memory.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let der = match &*self.pair {
            Pair::Rsa(key) => key.as_der().map(|der| der.as_ref().to_vec()),
            Pair::Ec(_, key) => key.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
        };
        Zeroizing::new(der.expect("a key that was taken in can be written out"))
    }

    /// The unencrypted PEM `PRIVATE KEY`.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = self.to_pkcs8_der();
        let pem = der::pem::encode_string("PRIVATE KEY", der::pem::LineEnding::LF, &der);
        Zeroizing::new(pem.expect("a key is of bounded length"))
    }
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let random = SystemRandom::new();
        match (&*self.pair, algorithm) {
            (Pair::Rsa(key), algorithm) => {
                let encoding: &dyn aws::RsaEncoding = match algorithm {
                    SignatureAlgorithm::RsaPkcs1Sha256 => &aws::RSA_PKCS1_SHA256,
                    SignatureAlgorithm::RsaPkcs1Sha384 => &aws::RSA_PKCS1_SHA384,
                    SignatureAlgorithm::RsaPkcs1Sha512 => &aws::RSA_PKCS1_SHA512,
                    SignatureAlgorithm::RsaPssSha256 => &aws::RSA_PSS_SHA256,
                    _ => return Err(SignError::Algorithm),
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature)
                    .map_err(|_| SignError::Failed)?;
                Ok(signature)
            }
            (Pair::Ec(Curve::P256, key), SignatureAlgorithm::EcdsaSha256)
            | (Pair::Ec(Curve::P384, key), SignatureAlgorithm::EcdsaSha384) => key
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError::Failed),
            (Pair::Ec(..), _) => Err(SignError::Algorithm),
        }
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({:?})", self.public)
    }
}

fn signing(curve: Curve) -> &'static aws::EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &aws::ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &aws::ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}
