//! Which public keys are accepted: what they must be, and whose they must not be (protocols C.2, security.md 5 and 6).

use crypto::key::{Curve, PublicKey, WeakKey};
use wire::key_material::PublicKeyMaterial;

/// Why a key is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadKey {
    /// It cannot be read as a public key of the form that is asked for.
    #[error("the public key cannot be read")]
    Unreadable,
    /// It is of a kind that is not registered: neither RSA nor on P-256.
    #[error("the key is neither RSA nor on P-256")]
    Kind,
    /// It can be broken.
    #[error(transparent)]
    Weak(#[from] WeakKey),
}

/// A public key that is strong enough: RSA of 2048 to 4096 bits without a known weakness, or on P-256. Only
/// [`StrongKey::of`] makes one.
#[derive(Clone, PartialEq, Debug)]
pub struct StrongKey(PublicKey);

impl StrongKey {
    /// Judges a key.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn of(key: PublicKey) -> Result<Self, BadKey> {
        if matches!(&key, PublicKey::Ec(ec) if ec.curve() != Curve::P256) {
            return Err(BadKey::Kind);
        }
        key.check_strength()?;
        Ok(Self(key))
    }

    /// Reads a BCRYPT public key blob (protocols D.5.1) and judges the key.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn of_bcrypt_blob(blob: &[u8]) -> Result<Self, BadKey> {
        let material = match wire::bcrypt_blob::read_rsa_public(blob) {
            Ok(key) => PublicKeyMaterial::Rsa(key),
            Err(_) => match wire::bcrypt_blob::read_ecc_public(blob) {
                Ok((_, key)) => PublicKeyMaterial::Ec(key),
                Err(_) => return Err(BadKey::Unreadable),
            },
        };
        let spki = material.to_spki_der().ok_or(BadKey::Unreadable)?;
        Self::of(PublicKey::from_spki_der(&spki).map_err(|_| BadKey::Unreadable)?)
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.0
    }
}
