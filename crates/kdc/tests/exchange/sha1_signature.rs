//! RSASSA-PKCS1-v1_5 over SHA-1, which no library of ours makes: by hand, for the tests of an old client.

use crypto::digest;
use crypto::key::PrivateKey;
use der::asn1::{AnyRef, OctetStringRef, UintRef};
use der::{Decode as _, Reader as _, SliceReader};

/// The head of a DigestInfo for SHA-1 (RFC 8017 9.2).
const SHA1: [u8; 15] = [
    0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
];

pub(crate) fn sign(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    let (modulus, exponent) = numbers(key);
    let mut block = vec![0xff; modulus.len()];
    let tail = [&[0][..], &SHA1, &digest::sha1(message)].concat();
    (block[0], block[1]) = (0, 1);
    let at = block.len() - tail.len();
    block[at..].copy_from_slice(&tail);
    power(&block, &exponent, &modulus)
}

/// The private operation itself, for what was encrypted to the key.
pub(crate) fn apply(key: &PrivateKey, block: &[u8]) -> Vec<u8> {
    let (modulus, exponent) = numbers(key);
    power(block, &exponent, &modulus)
}

/// Modulus and private exponent, out of PKCS#8.
fn numbers(key: &PrivateKey) -> (Vec<u8>, Vec<u8>) {
    let pkcs8 = key.to_pkcs8_der();
    let inside = AnyRef::from_der(&pkcs8).unwrap();
    let mut reader = SliceReader::new(inside.value()).unwrap();
    let _version: UintRef<'_> = reader.decode().unwrap();
    let _algorithm: AnyRef<'_> = reader.decode().unwrap();
    let pkcs1: &OctetStringRef = reader.decode().unwrap();
    let inside = AnyRef::from_der(pkcs1.as_bytes()).unwrap();
    let mut reader = SliceReader::new(inside.value()).unwrap();
    let [_, modulus, _, exponent]: [UintRef<'_>; 4] =
        std::array::from_fn(|_| reader.decode().unwrap());
    (modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec())
}

/// 32 bits each, the lowest first.
fn limbs(number: &[u8]) -> Vec<u32> {
    let chunks = number.rchunks(4);
    let value = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    };
    chunks.map(value).collect()
}

/// Modular exponentiation by Montgomery's multiplication; slow, and not in constant time.
fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let n = limbs(modulus);
    let inverse = (0..5).fold(1_u32, |x, _| {
        x.wrapping_mul(2_u32.wrapping_sub(n[0].wrapping_mul(x)))
    });
    let m = inverse.wrapping_neg();
    // 2^(2 * 32 * length) mod n, by doubling.
    let mut square = vec![0; n.len()];
    square[0] = 1;
    for _ in 0..2 * 32 * n.len() {
        let carry = square.iter_mut().fold(0, |carry, limb| {
            let out = *limb >> 31;
            *limb = *limb << 1 | carry;
            out
        });
        if carry == 1 || !less(&square, &n) {
            subtract(&mut square, &n);
        }
    }
    let base = multiply(&limbs(base), &square, &n, m);
    let mut one = vec![0; n.len()];
    one[0] = 1;
    let mut result = multiply(&one, &square, &n, m);
    for byte in exponent {
        for bit in (0..8).rev() {
            result = multiply(&result, &result, &n, m);
            if byte >> bit & 1 == 1 {
                result = multiply(&result, &base, &n, m);
            }
        }
    }
    let result = multiply(&result, &one, &n, m);
    result
        .iter()
        .rev()
        .flat_map(|limb| limb.to_be_bytes())
        .collect()
}

fn multiply(a: &[u32], b: &[u32], n: &[u32], m: u32) -> Vec<u32> {
    let mut sum = vec![0_u32; n.len() + 2];
    let add = |factor: u32, of: &[u32], sum: &mut Vec<u32>| {
        let mut carry = 0_u64;
        for (place, limb) in of.iter().enumerate() {
            let value = u64::from(factor) * u64::from(*limb) + u64::from(sum[place]) + carry;
            sum[place] = value as u32;
            carry = value >> 32;
        }
        for place in sum.iter_mut().skip(of.len()) {
            let value = u64::from(*place) + carry;
            *place = value as u32;
            carry = value >> 32;
        }
    };
    for limb in a {
        add(*limb, b, &mut sum);
        let factor = sum[0].wrapping_mul(m);
        add(factor, n, &mut sum);
        sum.remove(0);
        sum.push(0);
    }
    let over = sum[n.len()] > 0;
    sum.truncate(n.len());
    if over || !less(&sum, n) {
        subtract(&mut sum, n);
    }
    sum
}

fn less(a: &[u32], b: &[u32]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

fn subtract(a: &mut [u32], b: &[u32]) {
    let mut borrow = false;
    for (a, b) in a.iter_mut().zip(b) {
        let (first, one) = a.overflowing_sub(*b);
        let (second, other) = first.overflowing_sub(u32::from(borrow));
        (*a, borrow) = (second, one || other);
    }
}
