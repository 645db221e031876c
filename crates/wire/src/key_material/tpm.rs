//! Keys in the structures of a TPM 2.0 (protocols D.5.4).

use super::{EcCurve, EcPublicKey, InvalidKeyMaterial, PublicKeyMaterial, RsaPublicKey};
use crate::read::Reader;

/// Reads the TPM platform crypto provider's key blob (protocols D.5.4).
///
/// ```text
/// "PCPM" | u32 cbHeader | u32 type = 2 | u32 flags | u32 cbPublic | lengths of what follows it | … | TPM2B_PUBLIC | …
/// ```
pub(super) fn parse_pcp_blob(blob: &[u8]) -> Result<PublicKeyMaterial, InvalidKeyMaterial> {
    const TPM_2: u32 = 2;
    let malformed = InvalidKeyMaterial::Malformed;
    let mut header = Reader::new(blob);
    header.take(4).ok_or(malformed)?;
    let header_length = header.u32_le().ok_or(malformed)?;
    if header.u32_le().ok_or(malformed)? != TPM_2 {
        return Err(InvalidKeyMaterial::Unsupported);
    }
    header.u32_le().ok_or(malformed)?; // flags
    let public_length = header.u32_le().ok_or(malformed)?;
    let mut body = Reader::new(blob);
    // A header that ends before cbPublic would let the lengths be read as the key.
    if header_length < 20 {
        return Err(malformed);
    }
    body.take_u32(header_length).ok_or(malformed)?;
    let public = body.take_u32(public_length).ok_or(malformed)?;
    parse_tpm2b_public(public)
}

/// Reads TPM2B_PUBLIC with TPMT_PUBLIC (TPM 2.0 Library, part 2, 12.2.4 and 12.2.5), big-endian.
pub(super) fn parse_tpm2b_public(public: &[u8]) -> Result<PublicKeyMaterial, InvalidKeyMaterial> {
    const ALG_RSA: u16 = 0x0001;
    const ALG_NULL: u16 = 0x0010;
    const ALG_RSAES: u16 = 0x0015;
    const ALG_ECC: u16 = 0x0023;
    const ECC_NIST_P256: u16 = 0x0003;
    const ECC_NIST_P384: u16 = 0x0004;
    const ALG_ECDAA: u16 = 0x001a;

    // TPMT_SYM_DEF_OBJECT: algorithm, and unless null the key bits and mode.
    fn skip_symmetric(reader: &mut Reader<'_>) -> Option<()> {
        if reader.u16_be()? != ALG_NULL {
            reader.take(4)?;
        }
        Some(())
    }
    // A signing or encryption scheme: algorithm and its hash; RSAES has none, ECDAA a counter beside it.
    fn skip_scheme(reader: &mut Reader<'_>) -> Option<()> {
        match reader.u16_be()? {
            ALG_NULL | ALG_RSAES => reader.take(0),
            ALG_ECDAA => reader.take(4),
            _ => reader.take(2),
        }
        .map(|_| ())
    }
    fn sized<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
        let length = reader.u16_be()?;
        reader.take(usize::from(length))
    }

    let read = || {
        let mut outer = Reader::new(public);
        let mut reader = Reader::new(sized(&mut outer)?);
        if !outer.is_empty() {
            return None;
        }
        let algorithm = reader.u16_be()?;
        reader.take(2 + 4)?; // nameAlg, objectAttributes
        sized(&mut reader)?; // authPolicy
        let key = match algorithm {
            ALG_RSA => {
                skip_symmetric(&mut reader)?;
                skip_scheme(&mut reader)?;
                let bits = reader.u16_be()?;
                let exponent = match reader.u32_be()? {
                    0 => 65537, // the TPM's way to write the default
                    other => other,
                };
                let modulus = sized(&mut reader)?;
                let key = RsaPublicKey::new(modulus, &exponent.to_be_bytes())?;
                if key.bits() != usize::from(bits) {
                    return None;
                }
                Ok(PublicKeyMaterial::Rsa(key))
            }
            ALG_ECC => {
                skip_symmetric(&mut reader)?;
                skip_scheme(&mut reader)?;
                let curve = match reader.u16_be()? {
                    ECC_NIST_P256 => EcCurve::P256,
                    ECC_NIST_P384 => EcCurve::P384,
                    _ => return Some(Err(InvalidKeyMaterial::Unsupported)),
                };
                // TPMT_KDF_SCHEME has the shape of a scheme.
                skip_scheme(&mut reader)?;
                let x = sized(&mut reader)?;
                let y = sized(&mut reader)?;
                Ok(PublicKeyMaterial::Ec(EcPublicKey::new(curve, x, y)?))
            }
            _ => return Some(Err(InvalidKeyMaterial::Unsupported)),
        };
        reader.is_empty().then_some(key)
    };
    read().unwrap_or(Err(InvalidKeyMaterial::Malformed))
}
