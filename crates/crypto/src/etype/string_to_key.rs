//! string-to-key: from a password and a salt to a key (RFC 3962 4, RFC 8009 4).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use super::derive::Root;
use super::{Etype, Key};

/// The most PBKDF2 iterations that we do. ETYPE-INFO2 comes from a peer that has proved nothing yet,
/// so its parameter must not be able to keep a client busy for an hour; 32 times RFC 8009's default.
pub const MAX_ITERATIONS: u32 = 1 << 20;

/// Why a password was not turned into a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StringToKeyError {
    /// The parameters are not the four bytes of an iteration count.
    #[error("string-to-key parameters are not an iteration count")]
    Parameters,
    /// The iteration count is zero (which RFC 3962 reads as 2^32) or above [`MAX_ITERATIONS`].
    #[error("string-to-key asks for too many iterations")]
    TooManyIterations,
}

impl Key {
    /// Derives a key from a password. `parameters` are the `s2kparams` of ETYPE-INFO2: absent for
    /// [`Etype::default_iterations`], else a count as four bytes, big-endian.
    ///
    /// `password` is the UTF-8 of the password as typed; Kerberos leaves normalisation to whoever
    /// reads it from the keyboard.
    ///
    /// # Errors
    /// [`StringToKeyError`] on parameters that are malformed or ask for too much.
    pub fn from_password(
        etype: Etype,
        password: &[u8],
        salt: &[u8],
        parameters: Option<&[u8]>,
    ) -> Result<Key, StringToKeyError> {
        let iterations = match parameters {
            None => etype.default_iterations(),
            Some(bytes) => {
                u32::from_be_bytes(bytes.try_into().map_err(|_| StringToKeyError::Parameters)?)
            }
        };
        if iterations > MAX_ITERATIONS {
            return Err(StringToKeyError::TooManyIterations);
        }
        let iterations = NonZeroU32::new(iterations).ok_or(StringToKeyError::TooManyIterations)?;
        Ok(derive(etype, password, salt, iterations))
    }
}

fn derive(etype: Etype, password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Key {
    let (algorithm, name) = match etype {
        Etype::Aes128CtsHmacSha1_96 | Etype::Aes256CtsHmacSha1_96 => (pbkdf2::PBKDF2_HMAC_SHA1, ""),
        Etype::Aes128CtsHmacSha256_128 => (pbkdf2::PBKDF2_HMAC_SHA256, etype.name()),
        Etype::Aes256CtsHmacSha384_192 => (pbkdf2::PBKDF2_HMAC_SHA384, etype.name()),
    };
    let mut named_salt = Vec::with_capacity(name.len() + 1 + salt.len());
    if !name.is_empty() {
        named_salt.extend_from_slice(name.as_bytes());
        named_salt.push(0);
    }
    named_salt.extend_from_slice(salt);

    let mut bytes = Zeroizing::new([0; 32]);
    let len = etype.key_len();
    pbkdf2::derive(
        algorithm,
        iterations,
        &named_salt,
        password,
        &mut bytes[..len],
    );
    let intermediate = Key::random_to_key(etype, &bytes);
    Key::random_to_key(etype, &Root::new(&intermediate).derive(b"kerberos", len))
}
