//! Authenticated encryption for what rests: AES-256-GCM (NIST SP 800-38D), and the derivation of its
//! keys from a root key (HKDF-SHA256, RFC 5869).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 12;
/// Length of the tag at the end of what [`Aes256Gcm::seal`] returns, in bytes.
pub const TAG_LEN: usize = 16;

/// What was to be opened is not what was sealed under this key, nonce and associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("authenticated decryption failed")]
pub struct OpenError;

/// An AES-256-GCM key, expanded.
pub struct Aes256Gcm(LessSafeKey);

impl Aes256Gcm {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Aes256Gcm {
        #[allow(
            clippy::expect_used,
            reason = "the only error is a wrong length, which the type excludes"
        )]
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes");
        Aes256Gcm(LessSafeKey::new(key))
    }

    /// The ciphertext of `plaintext` with its tag behind, bound to `associated`.
    ///
    /// A nonce must not be used twice with one key: random ones are good for 2^32 messages.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_LEN], associated: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plaintext.len() + TAG_LEN);
        sealed.extend_from_slice(plaintext);
        #[allow(
            clippy::expect_used,
            reason = "the only error is a plaintext above 64 GiB"
        )]
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(associated),
                &mut sealed,
            )
            .expect("a plaintext in memory is below the limit of GCM");
        sealed
    }

    /// The plaintext of what [`Aes256Gcm::seal`] returned.
    ///
    /// # Errors
    /// [`OpenError`] when key, nonce, associated data or any byte differ.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let length = self
            .0
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(associated),
                &mut bytes,
            )
            .map_err(|_| OpenError)?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

impl std::fmt::Debug for Aes256Gcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Aes256Gcm")
    }
}

/// 32 bytes for one purpose, derived from a root key: HKDF-SHA256 with `context` as info (RFC 5869).
#[must_use]
pub fn derive(root: &[u8; 32], context: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    struct Len;
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            32
        }
    }
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(root);
    let mut out = Zeroizing::new([0; 32]);
    #[allow(
        clippy::expect_used,
        reason = "the only error is a length above 255 digests"
    )]
    key.expand(context, Len)
        .and_then(|material| material.fill(out.as_mut()))
        .expect("32 bytes are one digest");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    #[test]
    fn agrees_with_the_published_vectors() {
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
        let key = Aes256Gcm::new(&hex!(
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
        ));
        let nonce = hex!("cafebabefacedbaddecaf888");
        let associated = hex!("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plaintext = hex!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        );
        let sealed = key.seal(&nonce, &associated, &plaintext);
        assert_eq!(
            sealed,
            hex!(
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                "76fc6ece0f4e1768cddf8853bb2d551b"
            )
        );
        assert_eq!(*key.open(&nonce, &associated, &sealed).unwrap(), plaintext);
    }

    #[test]
    fn any_difference_refuses() {
        let key = Aes256Gcm::new(&[7; 32]);
        let sealed = key.seal(&[1; 12], b"entry", b"secret");
        assert!(key.open(&[2; 12], b"entry", &sealed).is_err());
        assert!(key.open(&[1; 12], b"other", &sealed).is_err());
        assert!(
            Aes256Gcm::new(&[8; 32])
                .open(&[1; 12], b"entry", &sealed)
                .is_err()
        );
        assert!(
            key.open(&[1; 12], b"entry", &sealed[..TAG_LEN - 1])
                .is_err()
        );
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(key.open(&[1; 12], b"entry", &changed).is_err());
        }
    }

    #[test]
    fn derived_keys_are_those_of_rfc_5869() {
        // RFC 5869 has no vector with a root of 32 bytes; this one was computed with Python's hmac:
        // PRK = HMAC(32 zeros, root), OKM = HMAC(PRK, info || 01).
        assert_eq!(
            *derive(&[0x0b; 32], &[b"one", b"two"]),
            hex!("24e4240f07077b1bd8d3ff954cc5d4cb83b1f5a754be68de5bc641fd41f16c6f")
        );
        assert_ne!(
            *derive(&[0x0b; 32], &[b"one"]),
            *derive(&[0x0b; 32], &[b"two"])
        );
    }
}
