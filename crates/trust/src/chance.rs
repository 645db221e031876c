//! Chance as an argument.

/// A source of random bytes. In production the operating system's; in a test a seeded one.
pub trait Rng {
    /// Fills `bytes` with random bytes.
    fn fill(&mut self, bytes: &mut [u8]);

    /// An array of random bytes.
    fn array<const N: usize>(&mut self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl dyn Rng + '_ {
    /// An array of random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// Draws random bytes by the hundred, for a call of the generator costs more than the bytes: an exchange of Kerberos needs
/// some three times. What is not handed out is wiped with the rest.
pub struct DrawnAhead<R> {
    rng: R,
    bytes: zeroize::Zeroizing<[u8; AHEAD]>,
    used: usize,
}

/// Bytes that are drawn at once: what a ticket by password takes, and as much again.
const AHEAD: usize = 128;

impl<R: Rng> DrawnAhead<R> {
    /// Draws from `rng`, nothing yet.
    pub fn new(rng: R) -> Self {
        Self {
            rng,
            bytes: zeroize::Zeroizing::new([0; AHEAD]),
            used: AHEAD,
        }
    }
}

impl<R: Rng> Rng for DrawnAhead<R> {
    fn fill(&mut self, bytes: &mut [u8]) {
        if bytes.len() > AHEAD {
            return self.rng.fill(bytes);
        }
        if bytes.len() > AHEAD - self.used {
            self.rng.fill(&mut *self.bytes);
            self.used = 0;
        }
        let end = self.used + bytes.len();
        bytes.copy_from_slice(&self.bytes[self.used..end]);
        self.used = end;
    }
}

/// The random generator of the cryptographic library; for the edges alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&mut self, bytes: &mut [u8]) {
        crypto::random::fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up, over all that is asked for.
    struct Counting(u8);

    impl Rng for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
        }
    }

    #[test]
    fn no_byte_that_was_drawn_ahead_is_handed_out_twice() {
        let mut rng = DrawnAhead::new(Counting(0));
        assert_eq!(rng.array(), [0, 1, 2]);
        assert_eq!(rng.array::<64>()[..2], [3, 4]);
        // 61 are left, which are not enough.
        assert_eq!(rng.array::<62>()[..2], [128, 129]);
        assert_eq!(rng.array::<66>()[65], 255);
        assert_eq!(rng.array(), [0, 1]);
        assert_eq!(rng.array::<200>()[0], 128);
        assert_eq!(rng.array(), [2, 3]);
    }
}
