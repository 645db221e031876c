//! Which public keys are accepted: what they must be, and whose they must not be (protocols C.2, security.md 5 and 6).

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
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
    /// It is not RSA, where nothing else can be used: a session key is wrapped to it (protocols A.8).
    #[error("the key is not RSA")]
    NotRsa,
    /// It is what a device proves itself by, or has its session keys under, where a person's is asked for.
    #[error("the key is a device's own")]
    OfDevice,
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

    /// Reads a transport key, a BCRYPT blob or the JSON of a JWK (protocols B.3), and judges it: RSA, for session keys are
    /// wrapped to it.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn of_transport_key(bytes: &[u8]) -> Result<Self, BadKey> {
        let key = match bytes.first() {
            Some(b'{') => Self::of(rsa_of_jwk(bytes).ok_or(BadKey::Unreadable)?)?,
            _ => Self::of_bcrypt_blob(bytes)?,
        };
        match key.key() {
            PublicKey::Rsa(_) => Ok(key),
            PublicKey::Ec(_) => Err(BadKey::NotRsa),
        }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.0
    }
}

/// An RSA key of a JWK (RFC 7517) as devices send it: its numbers are standard base64 rather than base64url, so either is
/// read.
fn rsa_of_jwk(json: &[u8]) -> Option<PublicKey> {
    #[derive(serde::Deserialize)]
    struct RsaJwk {
        kty: String,
        n: String,
        e: String,
    }

    let jwk: RsaJwk = serde_json::from_slice(json).ok()?;
    let number = |text: &str| {
        let standard = Base64::decode_vec(text).ok();
        standard.or_else(|| Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).ok())
    };
    if jwk.kty != "RSA" {
        return None;
    }
    PublicKey::from_rsa(&number(&jwk.n)?, &number(&jwk.e)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::key::{KeyKind, PrivateKey};
    use crypto::signature::Signer;
    use serde_json::json;

    #[test]
    fn a_jwk_transport_key_is_read_as_the_blob_is() {
        // Protocols B.3: some devices send a JWK, with its numbers in standard base64.
        let private = PrivateKey::generate(KeyKind::Rsa2048);
        let key = private.public_key();
        let PublicKey::Rsa(rsa) = key else {
            panic!("an RSA key was asked for")
        };
        let of = |n: String, e: String| {
            let jwk = json!({"kty": "RSA", "kid": "x", "n": n, "e": e}).to_string();
            StrongKey::of_transport_key(jwk.as_bytes())
        };
        let standard = of(
            Base64::encode_string(rsa.modulus()),
            Base64::encode_string(rsa.exponent()),
        );
        let url = of(
            Base64UrlUnpadded::encode_string(rsa.modulus()),
            Base64UrlUnpadded::encode_string(rsa.exponent()),
        );
        let blob = StrongKey::of_transport_key(&key.to_key_material());
        assert_eq!(standard.as_ref().map(StrongKey::key), Ok(key));
        assert_eq!((&url, &blob), (&standard, &standard));
    }

    #[test]
    fn of_keys_on_curves_those_on_p256_are_registered() {
        let of = |kind| StrongKey::of(PrivateKey::generate(kind).public_key().clone());
        assert!(of(KeyKind::P256).is_ok() && of(KeyKind::Rsa2048).is_ok());
        assert_eq!(of(KeyKind::P384), Err(BadKey::Kind));
    }

    #[test]
    fn a_transport_key_that_nothing_can_be_wrapped_to_is_refused() {
        for (jwk, wanted) in [
            (
                json!({"kty": "RSA", "n": "?", "e": "AQAB"}),
                BadKey::Unreadable,
            ),
            (
                json!({"kty": "oct", "n": "AQAB", "e": "AQAB"}),
                BadKey::Unreadable,
            ),
            (json!({"kty": "RSA", "e": "AQAB"}), BadKey::Unreadable),
            (json!({}), BadKey::Unreadable),
        ] {
            let refused = StrongKey::of_transport_key(jwk.to_string().as_bytes());
            assert_eq!(refused, Err(wanted), "{jwk}");
        }
        let short = json!({"kty": "RSA", "n": "wwwwwwwwwww", "e": "AQAB"}).to_string();
        let refused = StrongKey::of_transport_key(short.as_bytes());
        assert!(matches!(refused, Err(BadKey::Weak(_))), "{refused:?}");
        let on_a_curve = PrivateKey::generate(KeyKind::P256);
        let PublicKey::Ec(point) = on_a_curve.public_key() else {
            panic!("a key on a curve was asked for")
        };
        let blob = wire::bcrypt_blob::write_ecc_public(
            wire::bcrypt_blob::EccPurpose::Signature,
            &wire::key_material::EcPublicKey::from_point(
                wire::key_material::EcCurve::P256,
                point.point(),
            )
            .unwrap(),
        );
        assert!(StrongKey::of_bcrypt_blob(&blob).is_ok());
        assert_eq!(StrongKey::of_transport_key(&blob), Err(BadKey::NotRsa));
    }
}
