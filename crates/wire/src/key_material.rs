//! Public keys as key credentials carry them (protocols D.5), in one canonical form.
//!
//! The same key reaches us as a CNG blob from a device, as PKCS#1 from a computer, as
//! SubjectPublicKeyInfo or a whole certificate from an administrator's tool, and as a TPM's own structure.
//! Who compares keys compares [`PublicKeyMaterial`] values: equal keys are equal whatever form they came in.

mod fido;
mod tpm;

use core::fmt;

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Encode, Reader as _, Sequence, SliceReader, Tag, Tagged};
use spki::SubjectPublicKeyInfoRef;

use crate::bcrypt_blob;

pub use fido::FidoMaterial;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// The public key that KeyMaterial holds (protocols D.5), whatever form it was written in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PublicKeyMaterial {
    /// An RSA key.
    Rsa(RsaPublicKey),
    /// A key on an elliptic curve.
    Ec(EcPublicKey),
    /// A FIDO authenticator's registration (D.5.3), which no Kerberos or certificate path uses.
    Fido(FidoMaterial),
}

/// The form in which KeyMaterial was written (protocols D.5), told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyMaterialForm {
    /// BCRYPT_RSAKEY_BLOB with magic `RSA1` (D.5.1): what devices register.
    BcryptRsa,
    /// BCRYPT_ECCKEY_BLOB with magic `ECS1`, `ECK1`, `ECS3` or `ECK3`.
    BcryptEcc,
    /// PKCS#1 RSAPublicKey (D.5.2): what computers write.
    Pkcs1,
    /// X.509 SubjectPublicKeyInfo (D.5.2).
    SubjectPublicKeyInfo,
    /// A whole X.509 certificate (D.5.2), of which only the public key counts.
    Certificate,
    /// The TPM platform crypto provider's blob with magic `PCPM` (D.5.4).
    TpmPcp,
    /// FIDO JSON (D.5.3).
    FidoJson,
}

/// Why KeyMaterial is not a public key we can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyMaterial {
    /// The first bytes are those of none of the forms.
    #[error("key material of unknown form")]
    UnknownForm,
    /// The form is known, but its lengths or structure do not hold.
    #[error("malformed key material")]
    Malformed,
    /// The algorithm, curve or point form is none that we read.
    #[error("key material with an algorithm or curve that is not supported")]
    Unsupported,
}

impl KeyMaterialForm {
    /// The form that the first bytes announce. That the rest keeps the promise is [`PublicKeyMaterial::parse`]'s to say.
    #[must_use]
    pub fn of(material: &[u8]) -> Option<KeyMaterialForm> {
        match material.first_chunk::<4>() {
            Some(b"RSA1") => return Some(KeyMaterialForm::BcryptRsa),
            Some(b"ECS1" | b"ECK1" | b"ECS3" | b"ECK3") => return Some(KeyMaterialForm::BcryptEcc),
            Some(b"PCPM") => return Some(KeyMaterialForm::TpmPcp),
            _ => {}
        }
        match material.first()? {
            b'{' => Some(KeyMaterialForm::FidoJson),
            0x30 => {
                let outer = AnyRef::from_der(material).ok()?;
                let mut members = SliceReader::new(outer.value()).ok()?;
                match (
                    Tag::peek(&members).ok()?,
                    AnyRef::decode(&mut members).ok()?,
                ) {
                    (Tag::Integer, _) => Some(KeyMaterialForm::Pkcs1),
                    (Tag::Sequence, _) => match Tag::peek(&members).ok()? {
                        Tag::BitString => Some(KeyMaterialForm::SubjectPublicKeyInfo),
                        Tag::Sequence => Some(KeyMaterialForm::Certificate),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl PublicKeyMaterial {
    /// Reads KeyMaterial in any form of protocols D.5.
    ///
    /// # Errors
    /// [`InvalidKeyMaterial`] with what is wrong. A key's strength is not judged here: ask
    /// [`RsaPublicKey::bits`].
    pub fn parse(material: &[u8]) -> Result<PublicKeyMaterial, InvalidKeyMaterial> {
        match KeyMaterialForm::of(material).ok_or(InvalidKeyMaterial::UnknownForm)? {
            KeyMaterialForm::BcryptRsa => bcrypt_blob::read_rsa_public(material)
                .map(PublicKeyMaterial::Rsa)
                .map_err(|_| InvalidKeyMaterial::Malformed),
            KeyMaterialForm::BcryptEcc => bcrypt_blob::read_ecc_public(material)
                .map(|(_, key)| PublicKeyMaterial::Ec(key))
                .map_err(|_| InvalidKeyMaterial::Malformed),
            KeyMaterialForm::Pkcs1 => {
                RsaPublicKey::from_pkcs1_der(material).map(PublicKeyMaterial::Rsa)
            }
            KeyMaterialForm::SubjectPublicKeyInfo => PublicKeyMaterial::from_spki_der(material),
            KeyMaterialForm::Certificate => {
                PublicKeyMaterial::from_spki_der(certificate_public_key(material)?)
            }
            KeyMaterialForm::TpmPcp => tpm::parse_pcp_blob(material),
            KeyMaterialForm::FidoJson => FidoMaterial::parse(material).map(PublicKeyMaterial::Fido),
        }
    }

    /// Reads a DER SubjectPublicKeyInfo (RFC 5280 4.1.2.7) with an RSA, P-256 or P-384 key.
    ///
    /// # Errors
    /// [`InvalidKeyMaterial::Malformed`], or [`InvalidKeyMaterial::Unsupported`] for other algorithms, curves, and
    /// compressed points.
    pub fn from_spki_der(spki: &[u8]) -> Result<PublicKeyMaterial, InvalidKeyMaterial> {
        let info =
            SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| InvalidKeyMaterial::Malformed)?;
        let key = info
            .subject_public_key
            .as_bytes()
            .ok_or(InvalidKeyMaterial::Malformed)?;
        if info.algorithm.oid == RSA_ENCRYPTION {
            // RFC 3279 2.3.1 wants NULL parameters; absent ones are written by mistake and mean the same.
            if info
                .algorithm
                .parameters
                .is_some_and(|parameters| parameters.tag() != Tag::Null)
            {
                return Err(InvalidKeyMaterial::Malformed);
            }
            return RsaPublicKey::from_pkcs1_der(key).map(PublicKeyMaterial::Rsa);
        }
        if info.algorithm.oid != EC_PUBLIC_KEY {
            return Err(InvalidKeyMaterial::Unsupported);
        }
        let curve = info
            .algorithm
            .parameters
            .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok())
            .and_then(EcCurve::from_oid)
            .ok_or(InvalidKeyMaterial::Unsupported)?;
        EcPublicKey::from_point(curve, key).map(PublicKeyMaterial::Ec)
    }

    /// The key as DER SubjectPublicKeyInfo; `None` for FIDO material.
    #[must_use]
    pub fn to_spki_der(&self) -> Option<Vec<u8>> {
        match self {
            PublicKeyMaterial::Rsa(key) => Some(key.to_spki_der()),
            PublicKeyMaterial::Ec(key) => Some(key.to_spki_der()),
            PublicKeyMaterial::Fido(_) => None,
        }
    }
}

/// An RSA public key: modulus and exponent big-endian, without leading zeros, neither of them zero.
///
/// ```text
/// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }   -- RFC 8017 A.1.1
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

#[derive(Sequence)]
struct RsaPublicKeyDer<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

impl RsaPublicKey {
    /// From big-endian numbers, with or without leading zeros; `None` when one of them is zero.
    #[must_use]
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Option<RsaPublicKey> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        if modulus.is_empty() || exponent.is_empty() {
            return None;
        }
        Some(RsaPublicKey {
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
        })
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent, big-endian, without leading zeros; usually `01 00 01`.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// The length of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        let unused = self
            .modulus
            .first()
            .map_or(0, |byte| byte.leading_zeros() as usize);
        self.modulus.len() * 8 - unused
    }

    /// Reads PKCS#1 RSAPublicKey, DER, nothing after it.
    ///
    /// # Errors
    /// [`InvalidKeyMaterial::Malformed`].
    pub fn from_pkcs1_der(bytes: &[u8]) -> Result<RsaPublicKey, InvalidKeyMaterial> {
        let key = RsaPublicKeyDer::from_der(bytes).map_err(|_| InvalidKeyMaterial::Malformed)?;
        RsaPublicKey::new(key.modulus.as_bytes(), key.public_exponent.as_bytes())
            .ok_or(InvalidKeyMaterial::Malformed)
    }

    /// The key as PKCS#1 RSAPublicKey, DER.
    #[must_use]
    pub fn to_pkcs1_der(&self) -> Vec<u8> {
        (|| {
            RsaPublicKeyDer {
                modulus: UintRef::new(&self.modulus)?,
                public_exponent: UintRef::new(&self.exponent)?,
            }
            .to_der()
        })()
        .expect("two unsigned integers held in memory are far below DER's length limit of 256 MiB")
    }

    /// The key as DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        spki_der(RSA_ENCRYPTION, AnyRef::NULL, &self.to_pkcs1_der())
    }

    /// The key as BCRYPT_RSAKEY_BLOB (protocols D.5.1), the form in which devices register it.
    #[must_use]
    pub fn to_bcrypt_blob(&self) -> Vec<u8> {
        bcrypt_blob::write_rsa_public(self)
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({} bits)", self.bits())
    }
}

/// A curve on which we read keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EcCurve {
    /// NIST P-256, secp256r1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
}

impl EcCurve {
    /// The length of a coordinate in bytes.
    #[must_use]
    pub const fn coordinate_length(self) -> usize {
        match self {
            EcCurve::P256 => 32,
            EcCurve::P384 => 48,
        }
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            EcCurve::P256 => PRIME256V1,
            EcCurve::P384 => SECP384R1,
        }
    }

    fn from_oid(oid: ObjectIdentifier) -> Option<EcCurve> {
        [EcCurve::P256, EcCurve::P384]
            .into_iter()
            .find(|curve| curve.oid() == oid)
    }
}

/// A public key on an elliptic curve: two coordinates, big-endian, as long as the curve says.
///
/// That the point lies on the curve is for whoever verifies a signature with it to check.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EcPublicKey {
    curve: EcCurve,
    x: Vec<u8>,
    y: Vec<u8>,
}

impl EcPublicKey {
    /// From coordinates, big-endian; `None` unless each is exactly as long as the curve says.
    #[must_use]
    pub fn new(curve: EcCurve, x: &[u8], y: &[u8]) -> Option<EcPublicKey> {
        let length = curve.coordinate_length();
        (x.len() == length && y.len() == length).then(|| EcPublicKey {
            curve,
            x: x.to_vec(),
            y: y.to_vec(),
        })
    }

    /// From an uncompressed point, `04 || X || Y` (SEC 1 2.3.3).
    ///
    /// # Errors
    /// [`InvalidKeyMaterial::Unsupported`] for a compressed point, [`InvalidKeyMaterial::Malformed`] for another length.
    pub fn from_point(curve: EcCurve, point: &[u8]) -> Result<EcPublicKey, InvalidKeyMaterial> {
        match point.split_first() {
            Some((4, coordinates)) => coordinates
                .split_at_checked(curve.coordinate_length())
                .and_then(|(x, y)| EcPublicKey::new(curve, x, y))
                .ok_or(InvalidKeyMaterial::Malformed),
            Some((2 | 3, _)) => Err(InvalidKeyMaterial::Unsupported),
            _ => Err(InvalidKeyMaterial::Malformed),
        }
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> EcCurve {
        self.curve
    }

    /// The coordinates, X then Y.
    #[must_use]
    pub fn coordinates(&self) -> (&[u8], &[u8]) {
        (&self.x, &self.y)
    }

    /// The uncompressed point, `04 || X || Y` (SEC 1 2.3.3).
    #[must_use]
    pub fn to_point(&self) -> Vec<u8> {
        [&[4], self.x.as_slice(), self.y.as_slice()].concat()
    }

    /// The key as DER SubjectPublicKeyInfo with a named curve (RFC 5480 2.1.1).
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        spki_der(
            EC_PUBLIC_KEY,
            AnyRef::from(&self.curve.oid()),
            &self.to_point(),
        )
    }
}

impl fmt::Debug for EcPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcPublicKey({:?})", self.curve)
    }
}

fn spki_der(algorithm: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Vec<u8> {
    BitStringRef::from_bytes(key)
        .and_then(|subject_public_key| {
            SubjectPublicKeyInfoRef {
                algorithm: spki::AlgorithmIdentifierRef {
                    oid: algorithm,
                    parameters: Some(parameters),
                },
                subject_public_key,
            }
            .to_der()
        })
        .expect("a public key held in memory is far below DER's length limit of 256 MiB")
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The SubjectPublicKeyInfo in a certificate (RFC 5280 4.1), found by counting members: nothing else of the
/// certificate matters to key trust (protocols E.4), so nothing else is judged.
fn certificate_public_key(certificate: &[u8]) -> Result<&[u8], InvalidKeyMaterial> {
    fn walk(certificate: &[u8]) -> der::Result<&[u8]> {
        let outer = AnyRef::from_der(certificate)?;
        let mut parts = SliceReader::new(outer.value())?;
        let to_be_signed = AnyRef::decode(&mut parts)?;
        let mut members = SliceReader::new(to_be_signed.value())?;
        // version is optional: [0]
        if Tag::peek(&members)?.is_context_specific() {
            AnyRef::decode(&mut members)?;
        }
        // serialNumber, signature, issuer, validity, subject
        for _ in 0..5 {
            AnyRef::decode(&mut members)?;
        }
        members.tlv_bytes()
    }
    walk(certificate).map_err(|_| InvalidKeyMaterial::Malformed)
}

#[cfg(test)]
mod tests;
