//! Which keys are strong enough to be accepted.

use super::public::{PublicKey, RsaPublicKey};
use super::roca;

/// RSA lengths that are accepted for registered keys and issued certificates, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The longest exponent that the verifier takes, in bits; longer ones serve nobody but someone who
/// wants to keep the verifier busy.
const MAX_EXPONENT_BITS: u32 = 33;

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakKey {
    /// An RSA modulus under 2048 bits.
    #[error("rsa key of {bits} bits is too short")]
    TooShort {
        /// Its length in bits.
        bits: usize,
    },
    /// An RSA modulus over 4096 bits: every check of it would cost us more than it gains anyone.
    #[error("rsa key of {bits} bits is too long")]
    TooLong {
        /// Its length in bits.
        bits: usize,
    },
    /// An RSA exponent that is even, 1, or longer than 33 bits.
    #[error("rsa public exponent is out of range")]
    Exponent,
    /// An RSA modulus that a small prime divides.
    #[error("rsa modulus has a small factor")]
    SmallFactor,
    /// The modulus bears the fingerprint of the generator of CVE-2017-15361 (security.md row 6): it
    /// can be factored.
    #[error("rsa key was made by a broken generator (ROCA)")]
    Roca,
}

impl PublicKey {
    /// Whether this key may be registered, listed or certified. Asked before a key is accepted
    /// anywhere, and again before one that came from another directory is used.
    ///
    /// # Errors
    /// [`WeakKey`], saying what is wrong with it.
    pub fn check_strength(&self) -> Result<(), WeakKey> {
        match self {
            PublicKey::Rsa(key) => check_rsa(key, self.bits()),
            // A point on P-256 or P-384 has no weak form.
            PublicKey::Ec(_) => Ok(()),
        }
    }
}

fn check_rsa(key: &RsaPublicKey, bits: usize) -> Result<(), WeakKey> {
    if bits < *RSA_BITS.start() {
        return Err(WeakKey::TooShort { bits });
    }
    if bits > *RSA_BITS.end() {
        return Err(WeakKey::TooLong { bits });
    }
    let exponent = key
        .exponent()
        .iter()
        .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    if exponent < 3 || exponent % 2 == 0 || exponent >> MAX_EXPONENT_BITS != 0 {
        return Err(WeakKey::Exponent);
    }
    let residues = roca::Residues::of(key.modulus());
    if residues.has_small_factor() {
        return Err(WeakKey::SmallFactor);
    }
    if residues.bear_the_fingerprint() {
        return Err(WeakKey::Roca);
    }
    Ok(())
}
