//! AES in CBC mode with ciphertext stealing (RFC 3962 5), always from the zero initial vector: the
//! confounder in front of every message makes it a different one each time.
//!
//! Written here rather than taken from a crate: the crate at hand encrypts an input of exactly one
//! block twice, whereas RFC 3962 encrypts it once, and an empty message (a confounder alone) is one.

use aes::Block;
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt,
    BlockSizeUser, consts::U16,
};

const BLOCK: usize = 16;

/// Blocks that are decrypted at a time: the widest that an AES backend takes in parallel.
const AT_A_TIME: usize = 8;

/// Encrypts in place.
///
/// # Panics
/// On less than a block: every caller has put the confounder in front.
pub(super) fn encrypt<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, data: &mut [u8]) {
    assert!(data.len() >= BLOCK, "a message begins with its confounder");
    cipher.encrypt_with_backend(Encryption(data));
}

/// The loop as a closure for the backend, which is chosen once for the whole message and not for
/// each block.
struct Encryption<'a>(&'a mut [u8]);

impl BlockSizeUser for Encryption<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Encryption<'_> {
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let before_last = self.0.len().saturating_sub(1) / BLOCK;
        let (body, last) = self.0.split_at_mut(before_last * BLOCK);
        let mut chain = Block::default();
        for block in body.chunks_exact_mut(BLOCK) {
            xor(&mut chain, block);
            backend.encrypt_block_inplace(&mut chain);
            block.copy_from_slice(&chain);
        }
        // The last block, filled up with zeros, becomes the last but one; what is left of the one
        // before it goes to the end.
        xor(&mut chain, last);
        backend.encrypt_block_inplace(&mut chain);
        match body.last_chunk_mut::<BLOCK>() {
            Some(penultimate) => {
                last.copy_from_slice(&penultimate[..last.len()]);
                penultimate.copy_from_slice(&chain);
            }
            None => last.copy_from_slice(&chain),
        }
    }
}

/// Decrypts in place; `false`, with nothing changed, on less than a block.
pub(super) fn decrypt<C: BlockCipherDecrypt<BlockSize = U16>>(cipher: &C, data: &mut [u8]) -> bool {
    if data.len() < BLOCK {
        return false;
    }
    let before_last = (data.len() - 1) / BLOCK;
    let (body, rest) = data.split_at_mut(before_last.saturating_sub(1) * BLOCK);
    let chain = decrypt_cbc(cipher, body);

    let (penultimate, last) = rest.split_at_mut(BLOCK);
    let mut stolen = Block::default();
    stolen.copy_from_slice(penultimate);
    cipher.decrypt_block(&mut stolen);
    if before_last == 0 {
        penultimate.copy_from_slice(&stolen);
        return true;
    }
    // `stolen` is the last plaintext block, zero-filled, xored with the whole ciphertext block of
    // which `last` is the beginning: so its end completes that block, and its beginning, xored
    // with `last`, is the last plaintext.
    let mut completed = stolen;
    completed[..last.len()].copy_from_slice(last);
    for (byte, stolen) in last.iter_mut().zip(&stolen) {
        *byte ^= stolen;
    }
    cipher.decrypt_block(&mut completed);
    xor(&mut completed, &chain);
    penultimate.copy_from_slice(&completed);
    true
}

/// Decrypts whole blocks in plain CBC and returns the last ciphertext block.
fn decrypt_cbc<C: BlockCipherDecrypt<BlockSize = U16>>(cipher: &C, data: &mut [u8]) -> Block {
    let (blocks, _) = Array::<u8, U16>::slice_as_chunks_mut(data);
    let mut chain = Block::default();
    let mut plain = [Block::default(); AT_A_TIME];
    for group in blocks.chunks_mut(AT_A_TIME) {
        let plain = &mut plain[..group.len()];
        plain.copy_from_slice(group);
        cipher.decrypt_blocks(plain);
        for (plain, block) in plain.iter_mut().zip(group) {
            xor(plain, &chain);
            chain = *block;
            *block = *plain;
        }
    }
    chain
}

/// `into` ^= `with`, over the shorter length.
fn xor(into: &mut Block, with: &[u8]) {
    for (into, with) in into.iter_mut().zip(with) {
        *into ^= with;
    }
}
