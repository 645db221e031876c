//! Public key blobs of Windows CNG (`bcrypt.h`), the form in which devices send their keys (protocols D.5.1).

use crate::key_material::{EcCurve, EcPublicKey, RsaPublicKey};
use crate::read::Reader;

const RSA_PUBLIC: [u8; 4] = *b"RSA1";

/// Why bytes are not a CNG public key blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlob {
    /// The magic is that of another kind of blob, or of a private key.
    #[error("the key blob's magic is not that of a public key we read")]
    Magic,
    /// The blob is shorter or longer than the lengths in it say.
    #[error("the key blob's length does not match the lengths in it")]
    Length,
    /// A public key blob that announces primes.
    #[error("a public key blob must not announce primes")]
    Primes,
    /// The bit length is not that of the modulus.
    #[error("the key blob's bit length is not that of its modulus")]
    BitLength,
    /// The modulus or the exponent is zero.
    #[error("the key blob's modulus or exponent is zero")]
    Zero,
}

/// Reads a BCRYPT_RSAKEY_BLOB with magic `RSA1` (protocols D.5.1).
///
/// ```text
///  0  "RSA1"               4  u32 LE BitLength       8  u32 LE cbPublicExp
/// 12  u32 LE cbModulus    16  u32 LE cbPrime1 = 0   20  u32 LE cbPrime2 = 0
/// 24  exponent, big-endian, then modulus, big-endian
/// ```
///
/// # Errors
/// [`InvalidBlob`] with what is wrong: every length must be exactly what the blob holds.
pub fn read_rsa_public(blob: &[u8]) -> Result<RsaPublicKey, InvalidBlob> {
    let mut reader = Reader::new(blob);
    if reader.array() != Some(RSA_PUBLIC) {
        return Err(InvalidBlob::Magic);
    }
    let mut field = || reader.u32_le().ok_or(InvalidBlob::Length);
    let [bits, exponent_length, modulus_length, prime_1, prime_2] =
        [field()?, field()?, field()?, field()?, field()?];
    if prime_1 != 0 || prime_2 != 0 {
        return Err(InvalidBlob::Primes);
    }
    let exponent = reader
        .take_u32(exponent_length)
        .ok_or(InvalidBlob::Length)?;
    let modulus = reader.take_u32(modulus_length).ok_or(InvalidBlob::Length)?;
    if !reader.is_empty() {
        return Err(InvalidBlob::Length);
    }
    let key = RsaPublicKey::new(modulus, exponent).ok_or(InvalidBlob::Zero)?;
    // The modulus stands without leading zeros, so that one key has one blob and one KeyID.
    if key.modulus().len() != modulus.len() || usize::try_from(bits) != Ok(key.bits()) {
        return Err(InvalidBlob::BitLength);
    }
    Ok(key)
}

/// Writes a BCRYPT_RSAKEY_BLOB with magic `RSA1` (protocols D.5.1): 283 bytes for 2048 bits and exponent 65537.
#[must_use]
pub fn write_rsa_public(key: &RsaPublicKey) -> Vec<u8> {
    let (modulus, exponent) = (key.modulus(), key.exponent());
    let mut blob = Vec::with_capacity(24 + exponent.len() + modulus.len());
    blob.extend(RSA_PUBLIC);
    // Keys come from blobs and certificates that were received whole, so their lengths are far below 2^32.
    for field in [key.bits(), exponent.len(), modulus.len(), 0, 0] {
        blob.extend((field as u32).to_le_bytes());
    }
    blob.extend(exponent);
    blob.extend(modulus);
    blob
}

/// What an elliptic-curve key is for, which CNG writes into the magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EccPurpose {
    /// ECDSA: `ECS1` for P-256, `ECS3` for P-384.
    Signature,
    /// ECDH: `ECK1` for P-256, `ECK3` for P-384.
    Agreement,
}

const ECC_MAGICS: [(&[u8; 4], EcCurve, EccPurpose); 4] = [
    (b"ECS1", EcCurve::P256, EccPurpose::Signature),
    (b"ECS3", EcCurve::P384, EccPurpose::Signature),
    (b"ECK1", EcCurve::P256, EccPurpose::Agreement),
    (b"ECK3", EcCurve::P384, EccPurpose::Agreement),
];

/// Reads a BCRYPT_ECCKEY_BLOB with a public magic (protocols D.5.2).
///
/// ```text
///  0  magic   4  u32 LE cbKey   8  X, big-endian, cbKey bytes   8 + cbKey  Y, big-endian, cbKey bytes
/// ```
///
/// # Errors
/// [`InvalidBlob::Magic`] or [`InvalidBlob::Length`].
pub fn read_ecc_public(blob: &[u8]) -> Result<(EccPurpose, EcPublicKey), InvalidBlob> {
    let mut reader = Reader::new(blob);
    let magic = reader.array::<4>().ok_or(InvalidBlob::Magic)?;
    let (_, curve, purpose) = ECC_MAGICS
        .into_iter()
        .find(|(known, ..)| **known == magic)
        .ok_or(InvalidBlob::Magic)?;
    let length = reader.u32_le().ok_or(InvalidBlob::Length)?;
    let x = reader.take_u32(length).ok_or(InvalidBlob::Length)?;
    let y = reader.take_u32(length).ok_or(InvalidBlob::Length)?;
    if !reader.is_empty() {
        return Err(InvalidBlob::Length);
    }
    EcPublicKey::new(curve, x, y)
        .map(|key| (purpose, key))
        .ok_or(InvalidBlob::Length)
}

/// Writes a BCRYPT_ECCKEY_BLOB.
#[must_use]
pub fn write_ecc_public(purpose: EccPurpose, key: &EcPublicKey) -> Vec<u8> {
    let magic = match (purpose, key.curve()) {
        (EccPurpose::Signature, EcCurve::P256) => b"ECS1",
        (EccPurpose::Signature, EcCurve::P384) => b"ECS3",
        (EccPurpose::Agreement, EcCurve::P256) => b"ECK1",
        (EccPurpose::Agreement, EcCurve::P384) => b"ECK3",
    };
    let (x, y) = key.coordinates();
    let mut blob = magic.to_vec();
    blob.extend((key.curve().coordinate_length() as u32).to_le_bytes());
    blob.extend(x);
    blob.extend(y);
    blob
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rsa() -> RsaPublicKey {
        let mut modulus = vec![0xab; 256];
        modulus[255] = 0x01;
        RsaPublicKey::new(&modulus, &[1, 0, 1]).unwrap()
    }

    #[test]
    fn a_2048_bit_key_takes_283_bytes() {
        let blob = write_rsa_public(&rsa());
        assert_eq!(blob.len(), 0x11b);
        assert_eq!(read_rsa_public(&blob), Ok(rsa()));
    }

    #[test]
    fn refuses_each_malformed_rsa_blob_for_its_reason() {
        let blob = write_rsa_public(&rsa());
        let changed = |offset: usize, value: u8| {
            let mut bytes = blob.clone();
            bytes[offset] = value;
            read_rsa_public(&bytes)
        };
        assert_eq!(changed(3, b'2'), Err(InvalidBlob::Magic)); // RSA2 is a private key
        assert_eq!(changed(4, 0xff), Err(InvalidBlob::BitLength));
        assert_eq!(changed(8, 4), Err(InvalidBlob::Length));
        assert_eq!(changed(12, 1), Err(InvalidBlob::Length));
        assert_eq!(changed(15, 0xff), Err(InvalidBlob::Length));
        assert_eq!(changed(16, 1), Err(InvalidBlob::Primes));
        assert_eq!(changed(20, 1), Err(InvalidBlob::Primes));
        assert_eq!(changed(27, 0), Err(InvalidBlob::BitLength)); // a leading zero
        assert_eq!(read_rsa_public(&blob[..282]), Err(InvalidBlob::Length));
        assert_eq!(
            read_rsa_public(&[&blob[..], &[0]].concat()),
            Err(InvalidBlob::Length)
        );
        assert_eq!(read_rsa_public(&[]), Err(InvalidBlob::Magic));
        let mut no_exponent = blob.clone();
        no_exponent[24..27].fill(0);
        assert_eq!(read_rsa_public(&no_exponent), Err(InvalidBlob::Zero));
    }

    #[test]
    fn an_ecc_blob_says_curve_and_purpose_in_its_magic() {
        for (magic, curve, purpose) in ECC_MAGICS {
            let length = curve.coordinate_length();
            let key = EcPublicKey::new(curve, &vec![1; length], &vec![2; length]).unwrap();
            let blob = write_ecc_public(purpose, &key);
            assert_eq!(&blob[..4], magic);
            assert_eq!(read_ecc_public(&blob), Ok((purpose, key)));
            assert_eq!(
                read_ecc_public(&blob[..blob.len() - 1]),
                Err(InvalidBlob::Length)
            );
            let mut other_curve = blob;
            other_curve[3] ^= 2;
            assert_eq!(read_ecc_public(&other_curve), Err(InvalidBlob::Length));
        }
        assert_eq!(read_ecc_public(b"ECS2"), Err(InvalidBlob::Magic));
    }

    proptest! {
        #[test]
        fn what_is_read_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..80), magic in 0usize..5) {
            let magics = [*b"RSA1", *b"ECS1", *b"ECK1", *b"ECS3", *b"ECK3"];
            let blob = [&magics[magic][..], &bytes].concat();
            if let Ok(key) = read_rsa_public(&blob) {
                prop_assert_eq!(read_rsa_public(&write_rsa_public(&key)), Ok(key));
            }
            if let Ok((purpose, key)) = read_ecc_public(&blob) {
                prop_assert_eq!(write_ecc_public(purpose, &key), blob);
            }
        }
    }
}
