//! The long-term keys of one principal, by version.

use std::sync::Arc;

use crypto::etype::{Etype, KeySchedule};
use wire::kerberos::EncryptionType;

/// One long-term key, prepared for use.
#[derive(Clone, Debug)]
pub struct VersionedKey {
    /// The key version number, from 1; the newest is the highest.
    pub kvno: u32,
    /// The key.
    pub key: Arc<KeySchedule>,
}

/// The long-term keys of a principal: every etype of the current version, then those of versions
/// that tickets still in use were made with.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<VersionedKey>,
}

impl KeySet {
    /// A set of keys, in any order.
    #[must_use]
    pub fn new(mut keys: Vec<VersionedKey>) -> Self {
        // Stable: within a version the order is the administrator's preference.
        keys.sort_by_key(|key| std::cmp::Reverse(key.kvno));
        Self { keys }
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Every key, the newest version first.
    pub fn iter(&self) -> impl Iterator<Item = &VersionedKey> {
        self.keys.iter()
    }

    /// The keys of the newest version, the preferred etype first.
    pub fn current(&self) -> impl Iterator<Item = &VersionedKey> {
        let newest = self.keys.first().map(|key| key.kvno);
        self.keys
            .iter()
            .take_while(move |key| Some(key.kvno) == newest)
    }

    /// The key of the newest version with this etype.
    #[must_use]
    pub fn current_of(&self, etype: Etype) -> Option<&VersionedKey> {
        self.current().find(|key| key.key.etype() == etype)
    }

    /// The keys that may have encrypted something marked with `kvno` and `etype`. Without a version
    /// number each version is a candidate.
    pub fn candidates(
        &self,
        kvno: Option<u32>,
        etype: EncryptionType,
    ) -> impl Iterator<Item = &VersionedKey> {
        self.keys.iter().filter(move |key| {
            key.key.etype().number() == etype.0 && kvno.is_none_or(|kvno| key.kvno == kvno)
        })
    }
}

/// The first etype of `wanted`, in the peer's order of preference, that we speak and `allowed` holds.
#[must_use]
pub fn choose_etype(wanted: &[EncryptionType], allowed: &[Etype]) -> Option<Etype> {
    wanted
        .iter()
        .filter_map(|etype| Etype::from_number(etype.0))
        .find(|etype| allowed.contains(etype))
}

#[cfg(test)]
mod tests {
    use crypto::etype::Key;

    use super::*;

    fn key(kvno: u32, etype: Etype) -> VersionedKey {
        let key = Key::random_to_key(etype, &[7; 32]);
        VersionedKey {
            kvno,
            key: Arc::new(key.into()),
        }
    }

    #[test]
    fn the_newest_version_is_current_and_older_ones_still_open() {
        let aes256 = Etype::Aes256CtsHmacSha1_96;
        let aes128 = Etype::Aes128CtsHmacSha1_96;
        let set = KeySet::new(vec![key(1, aes256), key(2, aes256), key(2, aes128)]);
        let current: Vec<_> = set.current().map(|key| key.key.etype()).collect();
        assert_eq!(current, [aes256, aes128]);
        let number = EncryptionType(aes256.number());
        assert_eq!(set.candidates(Some(1), number).count(), 1);
        assert_eq!(set.candidates(None, number).count(), 2);
        assert_eq!(set.candidates(Some(3), number).count(), 0);
    }

    #[test]
    fn the_peers_preference_decides_among_what_is_allowed() {
        let numbers = |list: &[i32]| list.iter().map(|n| EncryptionType(*n)).collect::<Vec<_>>();
        assert_eq!(
            choose_etype(&numbers(&[23, 20, 18]), &Etype::ALL),
            Some(Etype::Aes256CtsHmacSha384_192)
        );
        assert_eq!(
            choose_etype(&numbers(&[20, 18]), &[Etype::Aes256CtsHmacSha1_96]),
            Some(Etype::Aes256CtsHmacSha1_96)
        );
        assert_eq!(choose_etype(&numbers(&[23, 1]), &Etype::ALL), None);
    }
}
