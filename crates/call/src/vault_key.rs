//! A key of the device's vault as TLS uses it: it signs, and never comes out.

use std::fmt;
use std::sync::Arc;

use crypto::signature::{SignatureAlgorithm, Signer};
use rustls::sign::{Signer as TlsSigner, SigningKey};
use rustls::{Error, SignatureAlgorithm as Family, SignatureScheme};

use crate::client::ClientCertificate;

/// A key pair of a vault.
#[derive(Clone)]
struct VaultKey(Arc<dyn Signer>);

/// A client certificate, DER, whose key stays in a vault.
#[must_use]
pub fn client_certificate(certificate: Vec<u8>, signer: Arc<dyn Signer>) -> ClientCertificate {
    ClientCertificate::with_signer(vec![certificate], Arc::new(VaultKey(signer)))
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultKey")
    }
}

/// What the key can sign with, the preferred first. TLS 1.3 takes no PKCS#1 v1.5 (RFC 8446 4.2.3).
fn schemes(key: &crypto::key::PublicKey) -> &'static [(SignatureScheme, SignatureAlgorithm)] {
    use SignatureAlgorithm as A;
    use SignatureScheme as S;
    match key {
        crypto::key::PublicKey::Rsa(_) => &[
            (S::RSA_PSS_SHA256, A::RsaPssSha256),
            (S::RSA_PKCS1_SHA256, A::RsaPkcs1Sha256),
        ],
        crypto::key::PublicKey::Ec(key) => match key.curve() {
            crypto::key::Curve::P256 => &[(S::ECDSA_NISTP256_SHA256, A::EcdsaSha256)],
            crypto::key::Curve::P384 => &[(S::ECDSA_NISTP384_SHA384, A::EcdsaSha384)],
        },
    }
}

impl SigningKey for VaultKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn TlsSigner>> {
        let (scheme, algorithm) = *schemes(self.0.public_key())
            .iter()
            .find(|(scheme, _)| offered.contains(scheme))?;
        Some(Box::new(Chosen {
            key: self.clone(),
            scheme,
            algorithm,
        }))
    }

    fn algorithm(&self) -> Family {
        match self.0.public_key() {
            crypto::key::PublicKey::Rsa(_) => Family::RSA,
            crypto::key::PublicKey::Ec(_) => Family::ECDSA,
        }
    }
}

#[derive(Debug)]
struct Chosen {
    key: VaultKey,
    scheme: SignatureScheme,
    algorithm: SignatureAlgorithm,
}

impl TlsSigner for Chosen {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key
            .0
            .sign(self.algorithm, message)
            .map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
