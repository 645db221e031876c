//! What CMS EnvelopedData is made of (RFC 5652 6): a content key under somebody's RSA key, and content under the
//! content key. PKINIT's RSA mode (RFC 4556 3.2.3.2) needs it, which a switch has to allow: who records it can
//! read it once the client's key is known, for nothing is agreed on.
//!
//! AES-256-CBC alone: there is no des-ede3-cbc here, which such clients may ask for.

use aws_lc_rs::cipher::{
    AES_256, AES_256_KEY_LEN, AES_CBC_IV_LEN, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};

use crate::key::PublicKey;

/// Length of a content key in bytes.
pub const KEY_LEN: usize = AES_256_KEY_LEN;

/// Length of an initialization vector in bytes.
pub const IV_LEN: usize = AES_CBC_IV_LEN;

/// Nothing was enveloped: the key is not one of RSA, or the library failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the content cannot be enveloped")]
pub struct CannotEnvelop;

/// The content key, under an RSA key (RSAES-PKCS1-v1_5, as CMS clients of that time take it). We never open such
/// a thing, so that nobody can ask us whether its padding is right.
///
/// # Errors
/// [`CannotEnvelop`].
pub fn transport(to: &PublicKey, key: &[u8; KEY_LEN]) -> Result<Vec<u8>, CannotEnvelop> {
    let PublicKey::Rsa(_) = to else {
        return Err(CannotEnvelop);
    };
    let to = PublicEncryptingKey::from_der(&to.to_spki_der()).map_err(|_| CannotEnvelop)?;
    let to = Pkcs1PublicEncryptingKey::new(to).map_err(|_| CannotEnvelop)?;
    let mut sealed = vec![0; to.ciphertext_size()];
    let length = to
        .encrypt(key, &mut sealed)
        .map_err(|_| CannotEnvelop)?
        .len();
    sealed.truncate(length);
    Ok(sealed)
}

/// The content under the content key: AES-256-CBC with the padding of RFC 5652 6.3. Key and vector serve once.
///
/// # Errors
/// [`CannotEnvelop`] when the library fails.
pub fn encrypt(
    content: &[u8],
    key: &[u8; KEY_LEN],
    vector: &[u8; IV_LEN],
) -> Result<Vec<u8>, CannotEnvelop> {
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| CannotEnvelop)?;
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(|_| CannotEnvelop)?;
    let mut sealed = content.to_vec();
    let vector = EncryptionContext::Iv128(FixedLength::from(vector));
    key.less_safe_encrypt(&mut sealed, vector)
        .map_err(|_| CannotEnvelop)?;
    Ok(sealed)
}

/// Opens what [`encrypt`] made, for who is told the content key.
///
/// # Errors
/// [`CannotEnvelop`] when the content is not whole blocks with their padding.
pub fn decrypt(
    sealed: &[u8],
    key: &[u8; KEY_LEN],
    vector: &[u8; IV_LEN],
) -> Result<Vec<u8>, CannotEnvelop> {
    let key = UnboundCipherKey::new(&AES_256, key).map_err(|_| CannotEnvelop)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| CannotEnvelop)?;
    let mut content = sealed.to_vec();
    let vector = DecryptionContext::Iv128(FixedLength::from(vector));
    let length = key
        .decrypt(&mut content, vector)
        .map_err(|_| CannotEnvelop)?
        .len();
    content.truncate(length);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
    use hex_literal::hex;

    use super::*;
    use crate::key::{KeyKind, PrivateKey};

    #[test]
    fn encrypts_as_the_standard_has_it() {
        // SP 800-38A F.2.5, CBC-AES256.Encrypt: the first block; what follows is the padding's.
        let key = hex!("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let vector = hex!("000102030405060708090a0b0c0d0e0f");
        let sealed = encrypt(&hex!("6bc1bee22e409f96e93d7e117393172a"), &key, &vector).unwrap();
        assert_eq!(sealed.len(), 32);
        assert_eq!(sealed[..16], hex!("f58c4c04d6e5f1ba779eabfb5f7bfbd6"));
    }

    #[test]
    fn the_holder_of_the_key_opens_what_was_enveloped() {
        let holder = PrivateKey::generate(KeyKind::Rsa2048);
        let (key, vector) = ([7; KEY_LEN], [9; IV_LEN]);
        let transported = transport(crate::signature::Signer::public_key(&holder), &key).unwrap();
        let private = PrivateDecryptingKey::from_pkcs8(&holder.to_pkcs8_der()).unwrap();
        let private = Pkcs1PrivateDecryptingKey::new(private).unwrap();
        let mut room = vec![0; private.min_output_size()];
        assert_eq!(private.decrypt(&transported, &mut room).unwrap(), key);
        let sealed = encrypt(b"a reply key", &key, &vector).unwrap();
        assert_eq!(decrypt(&sealed, &key, &vector).unwrap(), b"a reply key");
        assert_eq!(decrypt(&sealed[1..], &key, &vector), Err(CannotEnvelop));
    }

    #[test]
    fn refuses_a_key_that_encrypts_nothing() {
        let holder = PrivateKey::generate(KeyKind::P256);
        assert_eq!(
            transport(crate::signature::Signer::public_key(&holder), &[7; KEY_LEN]),
            Err(CannotEnvelop)
        );
    }
}
