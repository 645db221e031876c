//! Sealing secrets for rest: AES-256-GCM with a version byte in front.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// The only version so far: this byte, a nonce of 12 bytes, the ciphertext, a tag of 16 bytes.
const VERSION: u8 = 1;

/// How many bytes longer than its plaintext a sealed blob is.
pub const OVERHEAD: usize = 1 + NONCE_LEN + 16;

/// Why a blob was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotOpen {
    /// It begins with a version that we do not know: something newer wrote it.
    #[error("sealed in an unknown version")]
    Version,
    /// It was altered, or sealed with another key or for another context.
    #[error("sealed blob does not open with this key in this context")]
    Altered,
}

/// A key that seals and opens. Cleared by the library when dropped, never printed.
///
/// Nonces are random, so one key must seal no more than 2^32 blobs (SP 800-38D 8.3); a key for
/// more is derived anew, by [`crate::kdf::hkdf_sha256`], well before.
pub struct SealingKey(LessSafeKey);

impl SealingKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> SealingKey {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("the key has the cipher's length");
        SealingKey(LessSafeKey::new(key))
    }

    /// Seals `plaintext`. `nonce` must be fresh random bytes; `context` is not kept in the blob, and has
    /// to be given again to open it: name there what the blob is and whose.
    ///
    /// # Panics
    /// On more than the 64 GiB that the cipher takes.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], context: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut blob = Vec::with_capacity(OVERHEAD + plaintext.len());
        blob.push(VERSION);
        blob.extend_from_slice(nonce);
        blob.extend_from_slice(plaintext);
        let (head, body) = blob.split_at_mut(1 + NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, associated(head[0], context), body)
            .expect("the plaintext is within what the cipher takes");
        blob.extend_from_slice(tag.as_ref());
        blob
    }

    /// Opens what [`SealingKey::seal`] made with this key and context.
    ///
    /// # Errors
    /// [`CannotOpen`].
    pub fn open(&self, context: &[u8], blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let (version, rest) = blob.split_first().ok_or(CannotOpen::Altered)?;
        if *version != VERSION {
            return Err(CannotOpen::Version);
        }
        let (nonce, body) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(CannotOpen::Altered)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut body = Zeroizing::new(body.to_vec());
        let len = self
            .0
            .open_in_place(nonce, associated(*version, context), &mut body)
            .map_err(|_| CannotOpen::Altered)?
            .len();
        body.truncate(len);
        Ok(body)
    }
}

/// The version is authenticated with the context, so that no blob changes its version.
fn associated(version: u8, context: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([&[version], context].concat())
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey")
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// The ciphertext is that of test case 14 of the GCM specification (an all-zero key, nonce and block);
    /// the tag is another one, for here the associated data is never empty.
    #[test]
    fn the_layout_is_version_nonce_ciphertext_tag() {
        let blob = SealingKey::new(&[0; 32]).seal(&[0; 12], b"", &[0; 16]);
        assert_eq!(blob.len(), 16 + OVERHEAD);
        assert_eq!(blob[..13], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(blob[13..29], hex!("cea7403d4d606b6e074ec5d3baf39d18"));
    }

    #[test]
    fn opens_in_its_context_with_its_key_alone() {
        let key = SealingKey::new(&[7; 32]);
        let blob = key.seal(&[3; 12], b"krbtgt", b"secret");
        assert_eq!(&**key.open(b"krbtgt", &blob).unwrap(), b"secret");
        assert_eq!(key.open(b"root", &blob), Err(CannotOpen::Altered));
        assert_eq!(
            SealingKey::new(&[8; 32]).open(b"krbtgt", &blob),
            Err(CannotOpen::Altered)
        );
        assert_eq!(key.open(b"krbtgt", &[]), Err(CannotOpen::Altered));
        for at in 0..blob.len() {
            let mut altered = blob.clone();
            altered[at] ^= 1;
            let expected = match at {
                0 => CannotOpen::Version,
                _ => CannotOpen::Altered,
            };
            assert_eq!(key.open(b"krbtgt", &altered), Err(expected));
            if at > 0 {
                assert_eq!(key.open(b"krbtgt", &blob[..at]), Err(CannotOpen::Altered));
            }
        }
    }

    #[test]
    fn prints_no_key() {
        assert_eq!(format!("{:?}", SealingKey::new(&[7; 32])), "SealingKey");
    }
}
