//! Between keys and the material of key credentials (protocols D.5).

use wire::key_material::{EcCurve, PublicKeyMaterial, RsaPublicKey};

use super::{Curve, MalformedKey, PublicKey};

impl PublicKey {
    /// The key in the KeyMaterial of a key credential, whatever form it is written in (protocols D.5).
    ///
    /// # Errors
    /// [`MalformedKey`]; [`MalformedKey::Algorithm`] for a FIDO registration, which no Kerberos or
    /// certificate path uses.
    pub fn from_key_material(material: &[u8]) -> Result<PublicKey, MalformedKey> {
        let material = PublicKeyMaterial::parse(material).map_err(|_| MalformedKey::Encoding)?;
        PublicKey::try_from(&material)
    }

    /// The form in which devices register a key: BCRYPT_RSAKEY_BLOB for RSA (protocols D.5.1),
    /// SubjectPublicKeyInfo for a curve.
    #[must_use]
    pub fn to_key_material(&self) -> Vec<u8> {
        match self {
            PublicKey::Rsa(key) => RsaPublicKey::new(key.modulus(), key.exponent())
                .expect("neither modulus nor exponent is zero")
                .to_bcrypt_blob(),
            PublicKey::Ec(_) => self.to_spki_der(),
        }
    }
}

impl TryFrom<&PublicKeyMaterial> for PublicKey {
    type Error = MalformedKey;

    fn try_from(material: &PublicKeyMaterial) -> Result<PublicKey, MalformedKey> {
        match material {
            PublicKeyMaterial::Rsa(key) => PublicKey::from_rsa(key.modulus(), key.exponent()),
            PublicKeyMaterial::Ec(key) => {
                let curve = match key.curve() {
                    EcCurve::P256 => Curve::P256,
                    EcCurve::P384 => Curve::P384,
                };
                PublicKey::from_ec_point(curve, &key.to_point())
            }
            PublicKeyMaterial::Fido(_) => Err(MalformedKey::Algorithm),
        }
    }
}
