//! The pseudo-random function of an etype (RFC 3961 3, RFC 8009 5), PRF+ and KRB-FX-CF2 (RFC 6113 5.1).

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use zeroize::Zeroizing;

use super::derive::{self, Root};
use super::{Etype, Key};

impl Key {
    /// The PRF over `input`: 16 bytes for etypes 17 and 18, 32 for 19, 48 for 20.
    #[must_use]
    pub fn prf(&self, input: &[u8]) -> Zeroizing<Vec<u8>> {
        match Root::new(self) {
            Root::Sha256(mac) => {
                let block = derive::kdf_hmac_sha2(mac, b"prf", input, 256);
                Zeroizing::new(block[..32].to_vec())
            }
            Root::Sha384(mac) => {
                let block = derive::kdf_hmac_sha2(mac, b"prf", input, 384);
                Zeroizing::new(block.to_vec())
            }
            root @ (Root::Aes128(_) | Root::Aes256(_)) => {
                // RFC 3962 6: the hash of the input, cut to a block, encrypted under DK(key, "prf").
                let len = self.etype().key_len();
                let key = root.derive(b"prf", len);
                let digest = crate::digest::sha1(input);
                let mut block = aes::Block::default();
                block.copy_from_slice(&digest[..16]);
                match self.etype() {
                    Etype::Aes128CtsHmacSha1_96 => {
                        encrypt_block::<aes::Aes128Enc>(&key[..len], &mut block);
                    }
                    _ => encrypt_block::<aes::Aes256Enc>(&key[..len], &mut block),
                }
                Zeroizing::new(block.to_vec())
            }
        }
    }

    /// PRF+ of RFC 6113 5.1: as many bytes as asked for, at most 255 blocks of the PRF.
    fn prf_plus(&self, pepper: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(len + 48));
        let mut input = Zeroizing::new(Vec::with_capacity(1 + pepper.len()));
        for counter in 1..=u8::MAX {
            if out.len() >= len {
                break;
            }
            input.clear();
            input.push(counter);
            input.extend_from_slice(pepper);
            out.extend_from_slice(&self.prf(&input));
        }
        out.truncate(len);
        out
    }

    /// KRB-FX-CF2 of RFC 6113 5.1: a key of this key's etype that takes both keys to know.
    #[must_use]
    pub fn combine(&self, other: &Key, pepper: &[u8], other_pepper: &[u8]) -> Key {
        let len = self.etype().key_len();
        let ours = self.prf_plus(pepper, len);
        let theirs = other.prf_plus(other_pepper, len);
        let mut bytes = Zeroizing::new([0; 32]);
        for (byte, (ours, theirs)) in bytes.iter_mut().zip(ours.iter().zip(theirs.iter())) {
            *byte = ours ^ theirs;
        }
        Key::random_to_key(self.etype(), &bytes)
    }
}

fn encrypt_block<C>(key: &[u8], block: &mut aes::Block)
where
    C: BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16> + KeyInit,
{
    let cipher = C::new_from_slice(key).expect("the etype gave the key its length");
    cipher.encrypt_block(block);
}
