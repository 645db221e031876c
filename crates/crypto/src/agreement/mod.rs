//! Key agreement for PKINIT: MODP groups (RFC 4556, RFC 3526) and elliptic curves (RFC 5349).
//!
//! An [`Ephemeral`] key serves one exchange: agreeing consumes it (protocols E.3.2: "never reuse").
//! It can be made ahead of its use, while there is nothing else to do.
//!
//! To add a group: a variant of [`Group`], and for a MODP group its prime and the length of its
//! exponents below.

mod bn;
mod comb;
mod group;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use aws_lc_rs::agreement as aws;
use zeroize::Zeroizing;

use self::bn::{LibraryFailed, Modulus};
use self::comb::Comb;
use self::group::without_leading_zeros;
use crate::key::Curve;

pub use group::Group;

/// Length of the random bytes that an [`Ephemeral`] key is made from; each group uses what it needs.
pub const SEED_LEN: usize = 64;

/// Why there is no agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// Nothing is computed in this group.
    #[error("group {0} is not supported")]
    Group(Group),
    /// The peer's value is not an element of the group, or one that would give the secret away: not in
    /// 2 ..= p - 2, not a point on the curve.
    #[error("public value of the peer is out of range")]
    PeerValue,
    /// The seed is one of those, one in 2^64 of them, that make no key. Take another.
    #[error("the random seed makes no key")]
    Seed,
    /// The cryptographic library failed.
    #[error("key agreement failed")]
    Failed,
}

impl From<LibraryFailed> for AgreementError {
    fn from(_: LibraryFailed) -> AgreementError {
        AgreementError::Failed
    }
}

/// A MODP group with what is precomputed for it.
struct Modp {
    modulus: Modulus,
    powers_of_two: Comb,
    /// Length of private exponents in bytes.
    exponent_len: usize,
}

impl Modp {
    fn new(group: Group, exponent_len: usize) -> Result<Modp, LibraryFailed> {
        let modulus = Modulus::new(group.modulus().unwrap_or_default())?;
        let powers_of_two = Comb::new(&modulus, &[2], exponent_len)?;
        Ok(Modp {
            modulus,
            powers_of_two,
            exponent_len,
        })
    }

    /// Made at the first use, in about a millisecond, and kept.
    ///
    /// Exponents have twice as many bits as the group has strength, and more cost time without making
    /// anything safer: 256 for group 14, which RFC 3526 section 8 puts at 110 to 160 bits of strength;
    /// 384 for group 16, which it puts at 150 to 240 and SP 800-56A at 152.
    fn of(group: Group) -> Result<&'static Modp, AgreementError> {
        static MODP_2048: LazyLock<Result<Modp, LibraryFailed>> =
            LazyLock::new(|| Modp::new(Group::Modp2048, 32));
        static MODP_4096: LazyLock<Result<Modp, LibraryFailed>> =
            LazyLock::new(|| Modp::new(Group::Modp4096, 48));
        // Behind [`LegacyModp1024`] alone: 80 bits of strength at most (RFC 3526 8), so exponents of 256 are enough.
        static MODP_1024: LazyLock<Result<Modp, LibraryFailed>> =
            LazyLock::new(|| Modp::new(Group::Modp1024, 32));
        match group {
            Group::Modp1024 => MODP_1024.as_ref().map_err(|failed| (*failed).into()),
            Group::Modp2048 => MODP_2048.as_ref().map_err(|failed| (*failed).into()),
            Group::Modp4096 => MODP_4096.as_ref().map_err(|failed| (*failed).into()),
            Group::P256 | Group::P384 => Err(AgreementError::Group(group)),
        }
    }

    /// 2 to the power of `exponent`.
    fn public_value(&self, exponent: &[u8]) -> Result<Vec<u8>, LibraryFailed> {
        let mut public = vec![0; self.modulus.len()];
        self.powers_of_two
            .power(&self.modulus, exponent, &mut public)?;
        Ok(public)
    }

    /// The peer's value without leading zeros, when it is in 2 ..= p - 2. The range alone is enough:
    /// the subgroups of a safe prime's group that would matter are those of 1 and p - 1, and
    /// whether the value is a square tells one bit of an exponent that is never used again.
    fn check<'a>(&self, group: Group, peer: &'a [u8]) -> Result<&'a [u8], AgreementError> {
        let peer = without_leading_zeros(peer);
        let prime = group.modulus().unwrap_or_default();
        // p is odd, so p - 2 differs from it in the last byte alone.
        let in_range = match peer.len().cmp(&prime.len()) {
            std::cmp::Ordering::Less => !matches!(peer, [] | [1]),
            std::cmp::Ordering::Equal => {
                let (peer, prime) = (peer.split_last(), prime.split_last());
                match (peer, prime) {
                    (Some((last, head)), Some((prime_last, prime_head))) => {
                        (head, *last) <= (prime_head, prime_last - 2)
                    }
                    _ => false,
                }
            }
            std::cmp::Ordering::Greater => false,
        };
        if in_range {
            Ok(peer)
        } else {
            Err(AgreementError::PeerValue)
        }
    }
}

/// Says that a compatibility switch allows agreement in the group of 1024 bits, which a state can break, and is the only
/// way to it. Build one only where the switch is read.
#[derive(Clone, Copy, Debug)]
pub struct LegacyModp1024;

/// A private key for one agreement, with its public value. Cleared when it is dropped.
pub struct Ephemeral {
    group: Group,
    secret: Secret,
    public: Vec<u8>,
}

enum Secret {
    Exponent(Zeroizing<Vec<u8>>),
    Scalar(aws::PrivateKey),
}

impl Ephemeral {
    /// Makes a key from fresh random bytes.
    ///
    /// # Errors
    /// [`AgreementError::Group`] for MODP-1024; [`AgreementError::Seed`] once in 2^64 seeds;
    /// [`AgreementError::Failed`] when the library has no memory.
    pub fn new(group: Group, seed: &[u8; SEED_LEN]) -> Result<Ephemeral, AgreementError> {
        match (group, group.curve()) {
            (_, Some(curve)) => Ephemeral::on_curve(group, curve, seed),
            (Group::Modp1024, None) => Err(AgreementError::Group(group)),
            (_, None) => Ephemeral::in_modp(group, seed),
        }
    }

    /// Makes a key in the group of 1024 bits, where a switch allows it.
    ///
    /// # Errors
    /// [`AgreementError::Failed`] when the library has no memory.
    pub fn in_modp_1024(
        _allowed: LegacyModp1024,
        seed: &[u8; SEED_LEN],
    ) -> Result<Ephemeral, AgreementError> {
        Ephemeral::in_modp(Group::Modp1024, seed)
    }

    fn in_modp(group: Group, seed: &[u8; SEED_LEN]) -> Result<Ephemeral, AgreementError> {
        let modp = Modp::of(group)?;
        let mut exponent = Zeroizing::new(seed[..modp.exponent_len].to_vec());
        // The top bit set, so that no exponent is a short one.
        exponent[0] |= 0x80;
        Ok(Ephemeral {
            group,
            public: modp.public_value(&exponent)?,
            secret: Secret::Exponent(exponent),
        })
    }

    /// Candidates until one is in 1 ..= n - 1 (FIPS 186-5 A.2.2): the first fails once in 2^32 seeds
    /// for P-256, and there is room for two. For P-384 one is enough.
    fn on_curve(
        group: Group,
        curve: Curve,
        seed: &[u8; SEED_LEN],
    ) -> Result<Ephemeral, AgreementError> {
        let secret = seed
            .chunks_exact(curve.coordinate_len())
            .find_map(|scalar| aws::PrivateKey::from_private_key(ecdh(curve), scalar).ok())
            .ok_or(AgreementError::Seed)?;
        let public = secret
            .compute_public_key()
            .map_err(|_| AgreementError::Failed)?;
        Ok(Ephemeral {
            group,
            public: public.as_ref().to_vec(),
            secret: Secret::Scalar(secret),
        })
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> Group {
        self.group
    }

    /// What the peer gets: for a MODP group the number, big-endian, of the modulus's length (its DER
    /// INTEGER is the wire's business); for a curve the uncompressed point.
    #[must_use]
    pub fn public_value(&self) -> &[u8] {
        &self.public
    }

    /// Agrees with the peer's public value, in the form of [`Ephemeral::public_value`]; for a MODP
    /// group, leading zeros may be missing.
    ///
    /// # Errors
    /// [`AgreementError::PeerValue`] when it is not one that may be used; [`AgreementError::Failed`] when
    /// the library has no memory.
    pub fn agree(self, peer: &[u8]) -> Result<SharedSecret, AgreementError> {
        match self.secret {
            Secret::Exponent(exponent) => {
                let modp = Modp::of(self.group)?;
                let peer = modp.check(self.group, peer)?;
                let mut shared = Zeroizing::new(vec![0; modp.modulus.len()]);
                modp.modulus.power(peer, &exponent, &mut shared)?;
                Ok(SharedSecret(shared))
            }
            Secret::Scalar(scalar) => {
                // The library takes compressed points too; PKINIT has them uncompressed.
                if peer.first() != Some(&4) {
                    return Err(AgreementError::PeerValue);
                }
                let peer = aws::UnparsedPublicKey::new(scalar.algorithm(), peer);
                aws::agree(&scalar, peer, AgreementError::PeerValue, |shared| {
                    Ok(SharedSecret(Zeroizing::new(shared.to_vec())))
                })
            }
        }
    }
}

impl std::fmt::Debug for Ephemeral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ephemeral({})", self.group)
    }
}

/// What both sides know after an agreement: Z of RFC 4556 3.2.3.1. It always has the length of the
/// modulus or of the curve's field, padded with zeros on the left: two well-known KDCs leave
/// these zeros out and fail once in 256 exchanges. Cleared when dropped, never printed.
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// The bytes, to be put into a key derivation function and nothing else.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret")
    }
}

fn ecdh(curve: Curve) -> &'static aws::Algorithm {
    match curve {
        Curve::P256 => &aws::ECDH_P256,
        Curve::P384 => &aws::ECDH_P384,
    }
}
