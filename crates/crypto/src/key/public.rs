//! Public keys and their encodings.

use aws_lc_rs::signature as aws;
use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// The longest RSA modulus that is parsed, in bits. What is strong enough to be used is another
/// question: [`PublicKey::check_strength`].
pub const MAX_RSA_BITS: usize = 8192;

/// The longest RSA public exponent that is parsed, in bytes.
const MAX_EXPONENT_LEN: usize = 8;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Bytes that are not a public key of a kind we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// Not the DER that was expected, or something behind it.
    #[error("public key is not well-formed DER")]
    Encoding,
    /// Another algorithm than RSA and elliptic curves, or another curve than P-256 and P-384.
    #[error("public key is of an unsupported algorithm")]
    Algorithm,
    /// An RSA modulus or exponent that is zero or longer than we parse.
    #[error("rsa public key is out of range")]
    Range,
    /// Bytes that are not an uncompressed point on the curve.
    #[error("point is not on the curve")]
    Point,
}

/// An elliptic curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Curve {
    /// NIST P-256 (`secp256r1`).
    P256,
    /// NIST P-384 (`secp384r1`).
    P384,
}

impl Curve {
    const ALL: [Curve; 2] = [Curve::P256, Curve::P384];

    /// The object identifier of the named curve.
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Curve::P256 => const { ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7") },
            Curve::P384 => const { ObjectIdentifier::new_unwrap("1.3.132.0.34") },
        }
    }

    /// The curve with this object identifier.
    #[must_use]
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<Curve> {
        Curve::ALL.into_iter().find(|curve| curve.oid() == *oid)
    }

    /// Length of a coordinate, and of each half of a fixed-length ECDSA signature, in bytes.
    #[must_use]
    pub const fn coordinate_len(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }

    /// Length of an uncompressed point, in bytes.
    #[must_use]
    pub const fn point_len(self) -> usize {
        1 + 2 * self.coordinate_len()
    }
}

/// A public key in canonical form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PublicKey {
    /// RSA.
    Rsa(RsaPublicKey),
    /// An elliptic curve, for ECDSA.
    Ec(EcPublicKey),
}

/// An RSA public key: modulus and exponent, big-endian, without leading zeros.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RsaPublicKey {
    modulus: Box<[u8]>,
    exponent: Box<[u8]>,
}

impl RsaPublicKey {
    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }
}

/// A point on a curve.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EcPublicKey {
    curve: Curve,
    point: Box<[u8]>,
}

impl EcPublicKey {
    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The point, uncompressed: 04, X, Y (SEC 1 2.3.3).
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// X, of [`Curve::coordinate_len`] bytes.
    #[must_use]
    pub fn x(&self) -> &[u8] {
        &self.point[1..1 + self.curve.coordinate_len()]
    }

    /// Y, of [`Curve::coordinate_len`] bytes.
    #[must_use]
    pub fn y(&self) -> &[u8] {
        &self.point[1 + self.curve.coordinate_len()..]
    }
}

/// `RSAPublicKey` of RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKeyDer<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

impl PublicKey {
    /// An RSA key from modulus and exponent, big-endian; leading zeros are dropped.
    ///
    /// # Errors
    /// [`MalformedKey::Range`] when one of them is zero or too long.
    pub fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Result<PublicKey, MalformedKey> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        if modulus.is_empty() || exponent.is_empty() {
            return Err(MalformedKey::Range);
        }
        if modulus.len() > MAX_RSA_BITS / 8 || exponent.len() > MAX_EXPONENT_LEN {
            return Err(MalformedKey::Range);
        }
        Ok(PublicKey::Rsa(RsaPublicKey {
            modulus: modulus.into(),
            exponent: exponent.into(),
        }))
    }

    /// An elliptic-curve key from an uncompressed point, which is checked to be on the curve.
    ///
    /// # Errors
    /// [`MalformedKey::Point`] when it is compressed, of the wrong length or not on the curve.
    pub fn from_ec_point(curve: Curve, point: &[u8]) -> Result<PublicKey, MalformedKey> {
        if point.len() != curve.point_len() || point.first() != Some(&4) {
            return Err(MalformedKey::Point);
        }
        let algorithm = match curve {
            Curve::P256 => &aws::ECDSA_P256_SHA256_ASN1,
            Curve::P384 => &aws::ECDSA_P384_SHA384_ASN1,
        };
        aws::ParsedPublicKey::new(algorithm, point).map_err(|_| MalformedKey::Point)?;
        Ok(PublicKey::Ec(EcPublicKey {
            curve,
            point: point.into(),
        }))
    }

    /// Parses a DER `SubjectPublicKeyInfo` (RFC 5280 4.1.2.7): `rsaEncryption` with NULL or absent
    /// parameters, or `id-ecPublicKey` with a named curve.
    ///
    /// # Errors
    /// [`MalformedKey`], saying what was wrong.
    pub fn from_spki_der(der: &[u8]) -> Result<PublicKey, MalformedKey> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| MalformedKey::Encoding)?;
        PublicKey::from_spki(&spki)
    }

    /// As [`PublicKey::from_spki_der`], from the parsed structure, as a certificate has it.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki_der`].
    pub fn from_spki(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<PublicKey, MalformedKey> {
        let key = spki
            .subject_public_key
            .as_bytes()
            .ok_or(MalformedKey::Encoding)?;
        match spki.algorithm.oid {
            RSA_ENCRYPTION => match spki.algorithm.parameters {
                None => PublicKey::from_pkcs1_der(key),
                Some(parameters) if parameters.is_null() => PublicKey::from_pkcs1_der(key),
                Some(_) => Err(MalformedKey::Algorithm),
            },
            EC_PUBLIC_KEY => {
                let oid = spki
                    .algorithm
                    .parameters_oid()
                    .map_err(|_| MalformedKey::Algorithm)?;
                let curve = Curve::from_oid(&oid).ok_or(MalformedKey::Algorithm)?;
                PublicKey::from_ec_point(curve, key)
            }
            _ => Err(MalformedKey::Algorithm),
        }
    }

    /// Parses a DER PKCS#1 `RSAPublicKey`, as computer keys come (protocols D.5.2).
    ///
    /// # Errors
    /// [`MalformedKey`], saying what was wrong.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<PublicKey, MalformedKey> {
        let key = RsaPublicKeyDer::from_der(der).map_err(|_| MalformedKey::Encoding)?;
        PublicKey::from_rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    /// Parses a PEM `PUBLIC KEY` (SubjectPublicKeyInfo) or `RSA PUBLIC KEY` (PKCS#1).
    ///
    /// # Errors
    /// [`MalformedKey`], saying what was wrong.
    pub fn from_pem(pem: &str) -> Result<PublicKey, MalformedKey> {
        let (label, der) =
            der::pem::decode_vec(pem.as_bytes()).map_err(|_| MalformedKey::Encoding)?;
        match label {
            "PUBLIC KEY" => PublicKey::from_spki_der(&der),
            "RSA PUBLIC KEY" => PublicKey::from_pkcs1_der(&der),
            _ => Err(MalformedKey::Encoding),
        }
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        match self {
            PublicKey::Rsa(key) => encode_spki(RSA_ENCRYPTION, AnyRef::NULL, &key.to_pkcs1_der()),
            PublicKey::Ec(key) => {
                let curve = key.curve.oid();
                encode_spki(EC_PUBLIC_KEY, AnyRef::from(&curve), &key.point)
            }
        }
    }

    /// The PEM `PUBLIC KEY`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        der::pem::encode_string("PUBLIC KEY", der::pem::LineEnding::LF, &self.to_spki_der())
            .expect("a key is of bounded length")
    }

    /// SHA-256 of the canonical SubjectPublicKeyInfo: the name by which people see a key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(crate::digest::sha256(&self.to_spki_der()))
    }

    /// Length of the modulus, or of the curve's field, in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        match self {
            PublicKey::Rsa(key) => {
                let leading = key.modulus.first().map_or(0, |byte| byte.leading_zeros());
                key.modulus.len() * 8 - leading as usize
            }
            PublicKey::Ec(key) => key.curve.coordinate_len() * 8,
        }
    }
}

impl RsaPublicKey {
    /// The DER PKCS#1 `RSAPublicKey`.
    #[must_use]
    pub fn to_pkcs1_der(&self) -> Vec<u8> {
        let modulus = UintRef::new(&self.modulus);
        let public_exponent = UintRef::new(&self.exponent);
        modulus
            .and_then(|modulus| {
                let public_exponent = public_exponent?;
                RsaPublicKeyDer {
                    modulus,
                    public_exponent,
                }
                .to_der()
            })
            .expect("a key is of bounded length")
    }
}

fn encode_spki(oid: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Vec<u8> {
    let algorithm = AlgorithmIdentifierRef {
        oid,
        parameters: Some(parameters),
    };
    BitStringRef::from_bytes(key)
        .and_then(|subject_public_key| {
            SubjectPublicKeyInfoRef {
                algorithm,
                subject_public_key,
            }
            .to_der()
        })
        .expect("a key is of bounded length")
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            PublicKey::Rsa(_) => "RSA",
            PublicKey::Ec(_) => "P",
        };
        write!(f, "{kind}-{} {}", self.bits(), self.fingerprint())
    }
}

/// SHA-256 of a key's SubjectPublicKeyInfo. Shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = MalformedFingerprint;

    fn from_str(text: &str) -> Result<Fingerprint, MalformedFingerprint> {
        let mut bytes = [0; 32];
        base16_decode(text, &mut bytes).ok_or(MalformedFingerprint)?;
        Ok(Fingerprint(bytes))
    }
}

/// Text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 64 hexadecimal digits")]
pub struct MalformedFingerprint;

fn base16_decode(text: &str, out: &mut [u8]) -> Option<()> {
    if text.len() != out.len() * 2 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(())
}
