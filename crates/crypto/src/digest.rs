//! Message digests.

use const_oid::ObjectIdentifier;
use sha1::Digest as _;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigestAlgorithm {
    /// Where a protocol fixes it (`paChecksum`, the RFC 4556 KDF); never for a signature by default.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    const ALL: [DigestAlgorithm; 4] = [
        DigestAlgorithm::Sha1,
        DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha384,
        DigestAlgorithm::Sha512,
    ];

    /// The object identifier (RFC 8017 appendix B.1).
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            DigestAlgorithm::Sha1 => const { ObjectIdentifier::new_unwrap("1.3.14.3.2.26") },
            DigestAlgorithm::Sha256 => {
                const { ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1") }
            }
            DigestAlgorithm::Sha384 => {
                const { ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2") }
            }
            DigestAlgorithm::Sha512 => {
                const { ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3") }
            }
        }
    }

    /// The algorithm with this object identifier; `None` for others, MD5 among them.
    #[must_use]
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<DigestAlgorithm> {
        DigestAlgorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.oid() == *oid)
    }

    /// Length of the digest in bytes.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            DigestAlgorithm::Sha1 => 20,
            DigestAlgorithm::Sha256 => 32,
            DigestAlgorithm::Sha384 => 48,
            DigestAlgorithm::Sha512 => 64,
        }
    }

    /// The digest of `data`.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            DigestAlgorithm::Sha1 => sha1(data).to_vec(),
            DigestAlgorithm::Sha256 => sha256(data).to_vec(),
            DigestAlgorithm::Sha384 => sha384(data).to_vec(),
            DigestAlgorithm::Sha512 => sha512(data).to_vec(),
        }
    }
}

/// SHA-256 over what comes piece by piece.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// The digest of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with `data`.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of everything.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// SHA-1 of `data`.
#[must_use]
pub fn sha1(data: &[u8]) -> [u8; 20] {
    sha1::Sha1::digest(data).into()
}

/// SHA-256 of `data`.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(data).into()
}

/// SHA-384 of `data`.
#[must_use]
pub fn sha384(data: &[u8]) -> [u8; 48] {
    sha2::Sha384::digest(data).into()
}

/// SHA-512 of `data`.
#[must_use]
pub fn sha512(data: &[u8]) -> [u8; 64] {
    sha2::Sha512::digest(data).into()
}
