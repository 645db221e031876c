//! How secrets rest: wrapped under the store's root key.

use trust::Rng;
use zeroize::{Zeroize, Zeroizing};

use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::Attribute;
use crate::value::Secret;
use crypto::aead::{CannotOpen, SealingKey};

/// The key under which the secrets of a store are wrapped: 32 random bytes that live outside of the store.
pub struct RootKey(Zeroizing<[u8; 32]>);

/// What a secret belongs to. A wrapped secret that is moved elsewhere does not open there.
#[derive(Clone, Copy)]
pub(crate) enum Belonging<'a> {
    Attribute(EntryId, Attribute),
    Record(&'a str, &'a [u8]),
    /// The value that tells the right root key from a wrong one.
    Check,
}

impl Belonging<'_> {
    /// An unambiguous text: the kind, then parts of fixed length, then at most one of free length.
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Attribute(id, attribute) => [
                b"attribute".as_slice(),
                &id.bytes(),
                &attribute.number().to_be_bytes(),
            ]
            .concat(),
            Self::Record(table, key) => [
                b"record".as_slice(),
                &u16::try_from(table.len()).unwrap_or(u16::MAX).to_be_bytes(),
                table.as_bytes(),
                key,
            ]
            .concat(),
            Self::Check => b"check".to_vec(),
        }
    }
}

impl RootKey {
    /// The root key with these bytes, which the caller read from a file, a TPM or a token.
    #[must_use]
    pub fn new(mut bytes: [u8; 32]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// A new root key.
    pub fn random(rng: &mut dyn Rng) -> Self {
        Self::new(rng.bytes())
    }

    /// The bytes, to be kept where the store is not.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key per secret, so that random nonces never run out: 2^32 are good for one key, and this is one
    /// entry's attribute or one record.
    fn sealing_key(&self, belonging: &[u8]) -> SealingKey {
        let info: &[&[u8]] = &[b"keyporch directory 1 ", belonging];
        SealingKey::new(&crypto::kdf::hkdf_sha256::<32>(b"", &*self.0, info))
    }

    /// A key for a purpose that is no secret's: what is told to strangers to be brought back is known again by it.
    pub(crate) fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let info: &[&[u8]] = &[b"keyporch purpose 1 ", purpose.as_bytes()];
        crypto::kdf::hkdf_sha256::<32>(b"", &*self.0, info)
    }

    pub(crate) fn wrap(
        &self,
        belonging: Belonging<'_>,
        secret: &[u8],
        rng: &mut dyn Rng,
    ) -> Vec<u8> {
        let belonging = belonging.bytes();
        self.sealing_key(&belonging)
            .seal(&rng.bytes(), &belonging, secret)
    }

    pub(crate) fn unwrap(&self, belonging: Belonging<'_>, wrapped: &[u8]) -> Result<Secret, Fault> {
        let belonging = belonging.bytes();
        self.sealing_key(&belonging)
            .open(&belonging, wrapped)
            .map(Secret::from)
            .map_err(|error| match error {
                CannotOpen::Version => Fault::Corrupt("wrapped secret"),
                CannotOpen::Altered => Fault::RootKey,
            })
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trust::SystemRng;
    use wire::Guid;

    #[test]
    fn a_secret_opens_only_where_it_belongs_and_under_its_root_key() {
        let key = RootKey::random(&mut SystemRng);
        let alice = EntryId(Guid::from_bytes([1; 16]));
        let bob = EntryId(Guid::from_bytes([2; 16]));
        let here = Belonging::Attribute(alice, Attribute::PasswordHash);
        let wrapped = key.wrap(here, b"hash", &mut SystemRng);
        assert_eq!(key.unwrap(here, &wrapped).unwrap().expose(), b"hash");
        for elsewhere in [
            Belonging::Attribute(bob, Attribute::PasswordHash),
            Belonging::Attribute(alice, Attribute::PasswordHistory),
            Belonging::Record("hash", b""),
            Belonging::Check,
        ] {
            assert_eq!(key.unwrap(elsewhere, &wrapped), Err(Fault::RootKey));
        }
        let other = RootKey::random(&mut SystemRng);
        assert_eq!(other.unwrap(here, &wrapped), Err(Fault::RootKey));
        assert_eq!(key.unwrap(here, b"\x01short"), Err(Fault::RootKey));
        assert_eq!(
            key.unwrap(here, b"\x02short"),
            Err(Fault::Corrupt("wrapped secret"))
        );
    }
}
