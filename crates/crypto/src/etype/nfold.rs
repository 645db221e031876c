//! n-fold (RFC 3961 5.1): stretches or shrinks a constant to the length that a cipher takes.

/// Folds `input` into `out`: copies of `input`, each rotated 13 bits further to the right, are laid
/// end to end up to the least common multiple of the two lengths, and its pieces of `out`'s length
/// are added in one's complement.
///
/// # Panics
/// On an empty `input` or `out`: callers fold constants.
pub(super) fn n_fold(input: &[u8], out: &mut [u8]) {
    assert!(!input.is_empty() && !out.is_empty());
    let (from, to) = (input.len(), out.len());
    let bits = from * 8;
    let mut sums = vec![0u32; to];
    for copy in 0..to / gcd(from, to) {
        // Where in `input` this copy's first bit comes from: 13 further back for each copy.
        let first = (bits - (13 * copy) % bits) % bits;
        for index in 0..from {
            let bit = (first + index * 8) % bits;
            let (byte, shift) = (bit / 8, bit % 8);
            let pair = u16::from_be_bytes([input[byte], input[(byte + 1) % from]]);
            sums[(copy * from + index) % to] += u32::from((pair >> (8 - shift)) as u8);
        }
    }
    // One's complement: what overflows at the front is added again at the back.
    let mut carry = 0;
    loop {
        for sum in sums.iter_mut().rev() {
            let with_carry = *sum + carry;
            *sum = with_carry & 0xff;
            carry = with_carry >> 8;
        }
        if carry == 0 {
            break;
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = sum as u8;
    }
}

/// 128-fold of the five bytes of a usage's constant (RFC 3961 5.3): what [`n_fold`] gives, at a tenth of
/// its cost, for a session key derives three of these to serve one message.
///
/// The sum is modulo 2^128 - 1, where moving a piece 128 bits to the right leaves it as it is. So each
/// copy is added where its first bit falls modulo 128, and what hangs over the end comes in again at the
/// front.
pub(super) fn fold_usage(constant: [u8; 5]) -> [u8; 16] {
    let [a, b, c, d, e] = constant;
    let value = u64::from_be_bytes([a, b, c, d, e, 0, 0, 0]) >> 24;
    let sum = (0..16).fold(0u128, |sum, copy| {
        let turned = 13 * copy % 40;
        let rotated = (value >> turned | value << (40 - turned)) & ((1 << 40) - 1);
        let placed = (u128::from(rotated) << 88).rotate_right(40 * copy);
        let (sum, carry) = sum.overflowing_add(placed);
        sum + u128::from(carry)
    });
    sum.to_be_bytes()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
