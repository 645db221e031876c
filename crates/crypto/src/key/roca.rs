//! The fingerprint of RSA moduli from the generator of CVE-2017-15361 ("ROCA").
//!
//! That generator makes primes p = k·M + (65537^a mod M), M being the product of the first primes
//! (39 of them, up to 167, for the shortest keys, more for longer ones). So N ≡ 65537^c mod M: there
//! is one c that is the discrete logarithm of N modulo *every* one of these primes.
//!
//! The test looks for that c. Modulo a small prime the logarithm is found by trying, and is known up
//! to the order of 65537 there; such congruences have a common solution exactly when every two of
//! them agree modulo the greatest common divisor of their orders. A random N passes with a
//! probability of about 2^-154, so a key that passes is from that generator.

/// The odd ones of the first 39 primes; modulo 2 there is nothing to tell.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// What the generator raises to a secret power.
const GENERATOR: u32 = 65537;

/// A modulus, modulo 2 and each of the primes.
pub(super) struct Residues {
    even: bool,
    residues: [u32; PRIMES.len()],
}

impl Residues {
    /// Of a big-endian number.
    pub(super) fn of(modulus: &[u8]) -> Residues {
        let mut residues = [0; PRIMES.len()];
        let mut done = 0;
        while done < PRIMES.len() {
            // One division of the whole number serves as many primes as fit into 32 bits together.
            let mut product = 1u32;
            let mut end = done;
            while let Some(next) = PRIMES
                .get(end)
                .and_then(|prime| product.checked_mul(*prime))
            {
                product = next;
                end += 1;
            }
            let residue = residue(modulus, product);
            for index in done..end {
                residues[index] = residue % PRIMES[index];
            }
            done = end;
        }
        Residues {
            even: modulus.last().is_none_or(|last| last % 2 == 0),
            residues,
        }
    }

    /// Whether 2 or one of the primes divides it.
    pub(super) fn has_small_factor(&self) -> bool {
        self.even || self.residues.contains(&0)
    }

    /// Whether it is a power of 65537 modulo the product of the primes.
    pub(super) fn bear_the_fingerprint(&self) -> bool {
        let mut logarithms: Vec<Logarithm> = Vec::with_capacity(PRIMES.len());
        for (prime, residue) in PRIMES.into_iter().zip(self.residues) {
            let Some(logarithm) = Logarithm::find(residue, prime) else {
                return false;
            };
            if !logarithms.iter().all(|other| logarithm.agrees(other)) {
                return false;
            }
            logarithms.push(logarithm);
        }
        true
    }
}

/// A discrete logarithm to the base 65537, known modulo the order of 65537.
struct Logarithm {
    value: u32,
    order: u32,
}

impl Logarithm {
    fn find(residue: u32, prime: u32) -> Option<Logarithm> {
        let (mut power, mut exponent, mut value) = (1, 0, None);
        loop {
            if power == residue {
                value = Some(exponent);
            }
            power = power * GENERATOR % prime;
            exponent += 1;
            if power == 1 {
                return value.map(|value| Logarithm {
                    value,
                    order: exponent,
                });
            }
        }
    }

    fn agrees(&self, other: &Logarithm) -> bool {
        let common = gcd(self.order, other.order);
        self.value % common == other.value % common
    }
}

fn residue(number: &[u8], modulus: u32) -> u32 {
    let (first, words) = number.as_rchunks::<4>();
    let step = |rest: u64, word: u64| (rest << 32 | word) % u64::from(modulus);
    let head = first
        .iter()
        .fold(0, |head, byte| head << 8 | u64::from(*byte));
    words.iter().fold(step(0, head), |rest, word| {
        step(rest, u64::from(u32::from_be_bytes(*word)))
    }) as u32
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
