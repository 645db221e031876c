//! aes256-cts-hmac-sha1-96 (RFC 3962) with the key derivation of RFC 3961.

use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::rand::rand_bytes;
use openssl::sign::Signer;
use openssl::symm::{Cipher, Crypter, Mode};

/// The number of this encryption type.
pub const ETYPE: u64 = 18;

/// The number of its checksum type.
pub const CHECKSUM_TYPE: u64 = 16;

const BLOCK: usize = 16;
const MAC: usize = 12;

/// The key of a password.
pub fn string_to_key(password: &str, salt: &str) -> Vec<u8> {
    let mut key = [0; 32];
    pbkdf2_hmac(
        password.as_bytes(),
        salt.as_bytes(),
        4096,
        MessageDigest::sha1(),
        &mut key,
    )
    .expect("PBKDF2");
    derive(&key, b"kerberos")
}

/// The keys that one usage number has.
pub struct UsageKeys {
    encryption: Vec<u8>,
    integrity: Vec<u8>,
}

impl UsageKeys {
    pub fn new(key: &[u8], usage: u32) -> Self {
        Self {
            encryption: derive(key, &constant(usage, 0xaa)),
            integrity: derive(key, &constant(usage, 0x55)),
        }
    }

    pub fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let mut whole = vec![0; BLOCK];
        rand_bytes(&mut whole).expect("random bytes");
        whole.extend_from_slice(plain);
        let mac = hmac(&self.integrity, &whole);
        let mut sealed = cts_encrypt(&self.encryption, &whole);
        sealed.extend_from_slice(&mac[..MAC]);
        sealed
    }

    pub fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        if sealed.len() < BLOCK + MAC {
            return None;
        }
        let (sealed, mac) = sealed.split_at(sealed.len() - MAC);
        let whole = cts_decrypt(&self.encryption, sealed);
        (hmac(&self.integrity, &whole)[..MAC] == *mac).then(|| whole[BLOCK..].to_vec())
    }
}

pub fn checksum(key: &[u8], usage: u32, data: &[u8]) -> Vec<u8> {
    hmac(&derive(key, &constant(usage, 0x99)), data)[..MAC].to_vec()
}

fn constant(usage: u32, kind: u8) -> [u8; 5] {
    let [a, b, c, d] = usage.to_be_bytes();
    [a, b, c, d, kind]
}

/// DK of RFC 3961 5.1 for a key of 256 bits.
fn derive(key: &[u8], constant: &[u8]) -> Vec<u8> {
    let mut block = fold(constant, BLOCK);
    let mut out = Vec::with_capacity(32);
    while out.len() < 32 {
        block = cbc(key, &block, Mode::Encrypt);
        out.extend_from_slice(&block);
    }
    out
}

/// n-fold of RFC 3961 5.1: copies, each rotated right by 13 more bits, added in ones' complement.
fn fold(input: &[u8], length: usize) -> Vec<u8> {
    if input.len() == length {
        return input.to_vec();
    }
    let bits = input.len() * 8;
    let bit = |position: usize| input[position / 8] >> (7 - position % 8) & 1;
    let copies = length / common_divisor(input.len(), length);
    let spread = (0..copies).flat_map(|copy| {
        let turned = 13 * copy % bits;
        (0..input.len()).map(move |byte| {
            (0..8).fold(0u8, |all, one| {
                all << 1 | bit((byte * 8 + one + bits - turned) % bits)
            })
        })
    });
    let mut sums = vec![0u32; length];
    for (position, byte) in spread.enumerate() {
        sums[position % length] += u32::from(byte);
    }
    loop {
        let mut carry = 0;
        for sum in sums.iter_mut().rev() {
            *sum += carry;
            carry = *sum >> 8;
            *sum &= 0xff;
        }
        match carry {
            0 => break,
            _ => sums[length - 1] += carry,
        }
    }
    sums.into_iter().map(|sum| sum as u8).collect()
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(key).expect("a key");
    let mut signer = Signer::new(MessageDigest::sha1(), &key).expect("HMAC");
    signer.update(data).expect("HMAC");
    signer.sign_to_vec().expect("HMAC")
}

/// CBC with a zero vector over whole blocks.
fn cbc(key: &[u8], data: &[u8], mode: Mode) -> Vec<u8> {
    let mut crypter =
        Crypter::new(Cipher::aes_256_cbc(), mode, key, Some(&[0; BLOCK])).expect("AES");
    crypter.pad(false);
    let mut out = vec![0; data.len() + BLOCK];
    let length = crypter.update(data, &mut out).expect("AES");
    out.truncate(length);
    out
}

fn cts_encrypt(key: &[u8], plain: &[u8]) -> Vec<u8> {
    let length = plain.len();
    let mut padded = plain.to_vec();
    padded.resize(length.next_multiple_of(BLOCK), 0);
    let mut out = cbc(key, &padded, Mode::Encrypt);
    if length > BLOCK {
        let last_two = out.len() - 2 * BLOCK;
        out[last_two..].rotate_left(BLOCK);
        out.truncate(length);
    }
    out
}

fn cts_decrypt(key: &[u8], sealed: &[u8]) -> Vec<u8> {
    let length = sealed.len();
    if length == BLOCK {
        return cbc(key, sealed, Mode::Decrypt);
    }
    let last = (length - 1) % BLOCK + 1;
    let (head, tail) = sealed.split_at(length - last - BLOCK);
    let (swapped, short) = tail.split_at(BLOCK);
    // What is missing of the last but one block stands, decrypted, at the end of the last one.
    let filling = cbc(key, swapped, Mode::Decrypt);
    let whole = [head, short, &filling[last..], swapped].concat();
    let mut plain = cbc(key, &whole, Mode::Decrypt);
    plain.truncate(length);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3961 A.1.
    #[test]
    fn folds_as_the_standard_does() {
        assert_eq!(
            fold(b"012345", 8),
            [0xbe, 0x07, 0x26, 0x31, 0x27, 0x6b, 0x19, 0x55]
        );
        let kerberos = *b"kerberos\x7b\x9b\x5b\x2b\x93\x13\x2b\x93";
        assert_eq!(fold(b"kerberos", 16), kerberos);
    }

    #[test]
    fn opens_what_it_sealed_whatever_the_length() {
        let keys = UsageKeys::new(&[7; 32], 3);
        for length in 1..70 {
            let plain: Vec<u8> = (0..length).collect();
            assert_eq!(keys.decrypt(&keys.encrypt(&plain)), Some(plain));
        }
    }
}
