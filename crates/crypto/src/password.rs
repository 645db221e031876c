//! Passwords at rest, and keys from PINs: Argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64ct::{Base64Unpadded, Encoding};
use zeroize::{Zeroize, Zeroizing};

use crate::constant_time;

/// Length of a salt in bytes.
pub const SALT_LEN: usize = 16;

/// Length of a hash in bytes.
const HASH_LEN: usize = 32;

/// What one hash costs. The default is OWASP's for Argon2id: 19 MiB, two passes, one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// Cost parameters out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argon2id takes 8 KiB to 1 GiB per hash, 1 to 64 passes and 1 to 16 lanes")]
pub struct CostOutOfRange;

impl Cost {
    /// The cheapest that is still Argon2id, for tests and the lab; a service must not use it.
    pub const LEAST: Cost = Cost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    /// Memory in KiB (at least 8 for each lane, at most 1 GiB), passes (1 to 64) and lanes (1 to 16). The
    /// upper bounds keep a hash that came from elsewhere from taking the server's memory.
    ///
    /// # Errors
    /// [`CostOutOfRange`].
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Cost, CostOutOfRange> {
        if (1..=16).contains(&lanes)
            && (1..=64).contains(&passes)
            && (8 * lanes..=1 << 20).contains(&memory_kib)
        {
            Ok(Cost {
                memory_kib,
                passes,
                lanes,
            })
        } else {
            Err(CostOutOfRange)
        }
    }

    /// Memory in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub fn passes(&self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        self.lanes
    }
}

impl Default for Cost {
    fn default() -> Cost {
        Cost {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        }
    }
}

/// Fills `out` (4 to 64 bytes) with a key from a password or PIN. Takes as long as `cost` makes it: not
/// on a thread that answers requests, nor inside a transaction.
///
/// # Panics
/// When `out` has another length, or `salt` fewer than 8 bytes, or `secret` more than 4 GiB.
pub fn argon2id(secret: &[u8], salt: &[u8], cost: Cost, out: &mut [u8]) {
    assert!((4..=64).contains(&out.len()));
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(out.len()))
        .expect("the cost is within what Argon2 takes");
    let blocks = params.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    // The memory holds what the password was worked into; it is cleared before it is given back.
    let mut memory = vec![Block::default(); blocks];
    argon2
        .hash_password_into_with_memory(secret, salt, out, &mut memory)
        .expect("secret and salt are within what Argon2 takes");
    memory.zeroize();
}

/// A password as it rests: salt, cost and hash. Its text is the PHC form,
/// `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    cost: Cost,
    salt: [u8; SALT_LEN],
    hash: [u8; HASH_LEN],
}

impl PasswordHash {
    /// Hashes a password. `salt` must be fresh random bytes.
    #[must_use]
    pub fn new(password: &[u8], salt: &[u8; SALT_LEN], cost: Cost) -> PasswordHash {
        let mut hash = [0; HASH_LEN];
        argon2id(password, salt, cost, &mut hash);
        PasswordHash {
            cost,
            salt: *salt,
            hash,
        }
    }

    /// A hash that no password has. Checked in the place of an account that does not exist, it makes both
    /// answers take the same time (security.md row 16).
    #[must_use]
    pub fn decoy(cost: Cost) -> PasswordHash {
        PasswordHash {
            cost,
            salt: [0; SALT_LEN],
            hash: [0; HASH_LEN],
        }
    }

    /// Whether this is the password. Takes as long as making the hash took.
    #[must_use]
    pub fn verify(&self, password: &[u8]) -> bool {
        let mut hash = Zeroizing::new([0; HASH_LEN]);
        argon2id(password, &self.salt, self.cost, &mut *hash);
        constant_time::equal(&*hash, &self.hash)
    }

    /// What it cost. When the policy asks for another cost by now, the password is hashed anew the
    /// next time it is typed.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

impl std::fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = self.cost;
        let salt = Base64Unpadded::encode_string(&self.salt);
        let hash = Base64Unpadded::encode_string(&self.hash);
        write!(
            f,
            "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}"
        )
    }
}

/// A hash is no password, but with one somebody may search for it.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHash({:?})", self.cost)
    }
}

/// Text that is not a password hash of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an argon2id hash in phc form")]
pub struct MalformedHash;

impl std::str::FromStr for PasswordHash {
    type Err = MalformedHash;

    fn from_str(text: &str) -> Result<PasswordHash, MalformedHash> {
        parse(text).ok_or(MalformedHash)
    }
}

fn parse(text: &str) -> Option<PasswordHash> {
    let rest = text.strip_prefix("$argon2id$v=19$")?;
    let mut fields = rest.split('$');
    let (cost, salt, hash) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let mut numbers = cost.split(',');
    let mut number = |name: &str| -> Option<u32> {
        let digits = numbers.next()?.strip_prefix(name)?.strip_prefix('=')?;
        digits.parse().ok()
    };
    let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
    if numbers.next().is_some() {
        return None;
    }
    Some(PasswordHash {
        cost: Cost::new(memory, passes, lanes).ok()?,
        salt: decode(salt)?,
        hash: decode(hash)?,
    })
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = Base64Unpadded::decode(text, &mut bytes).ok()?;
    (decoded.len() == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// The reference implementation's test.c: version 0x13, Argon2id, two passes, 64 MiB, one lane.
    #[test]
    fn derives_as_the_reference_implementation_does() {
        let mut out = [0; 32];
        let cost = Cost::new(1 << 16, 2, 1).unwrap();
        argon2id(b"password", b"somesalt", cost, &mut out);
        assert_eq!(
            out,
            hex!("09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7")
        );
    }

    #[test]
    fn knows_its_password_and_no_other() {
        let hash = PasswordHash::new(b"correct horse", &[9; SALT_LEN], Cost::LEAST);
        assert!(hash.verify(b"correct horse"));
        assert!(!hash.verify(b"correct hors"));
        assert!(!hash.verify(b""));
        let other = PasswordHash::new(b"correct horse", &[8; SALT_LEN], Cost::LEAST);
        assert_ne!(hash, other);
        assert!(!PasswordHash::decoy(Cost::LEAST).verify(b""));
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let hash = PasswordHash::new(b"pass", &[9; SALT_LEN], Cost::new(64, 3, 2).unwrap());
        let text = hash.to_string();
        assert!(text.starts_with("$argon2id$v=19$m=64,t=3,p=2$CQkJCQkJCQkJCQkJCQkJCQ$"));
        assert_eq!(text.parse(), Ok(hash.clone()));
        assert_eq!(
            format!("{hash:?}"),
            "PasswordHash(Cost { memory_kib: 64, passes: 3, lanes: 2 })"
        );
    }

    #[test]
    fn refuses_other_text_and_costs_out_of_range() {
        let text = PasswordHash::decoy(Cost::default()).to_string();
        assert!(text.parse::<PasswordHash>().is_ok());
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("m=19456", "m=7"),
            ("m=19456", "m=4294967295"),
            ("t=2", "t=0"),
            ("t=2", "t=65"),
            ("p=1", "p=0"),
            ("p=1", "p=1,x=1"),
            ("AAAA", "AAA"),
            ("AAAA", "AAAAA"),
            ("$m", "$$m"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_eq!(
                changed.parse::<PasswordHash>(),
                Err(MalformedHash),
                "{changed}"
            );
        }
        assert_eq!("".parse::<PasswordHash>(), Err(MalformedHash));
        assert_eq!(
            format!("{text}$").parse::<PasswordHash>(),
            Err(MalformedHash)
        );
    }
}
