//! The long-term keys of one principal, by version.

use crypto::etype::{Etype, KeySchedule};
use wire::kerberos::EncryptionType;

/// One long-term key of a principal, prepared for use, wherever it is kept.
#[derive(Clone, Copy, Debug)]
pub struct VersionedKey<'k> {
    /// The key version number, from 1; the newest is the highest.
    pub kvno: u32,
    /// The key.
    pub key: &'k KeySchedule,
}

/// Whoever keeps the long-term keys of a principal: every etype of the current version, then those
/// of versions that tickets still in use were made with.
pub trait Keys {
    /// Every key, the newest version first and within a version the preferred etype.
    fn keys(&self) -> impl Iterator<Item = VersionedKey<'_>>;

    /// The keys of the newest version.
    fn newest(&self) -> impl Iterator<Item = VersionedKey<'_>> {
        let kvno = self.keys().next().map(|key| key.kvno);
        self.keys().take_while(move |key| Some(key.kvno) == kvno)
    }

    /// The key of the newest version with this etype.
    fn newest_of(&self, etype: Etype) -> Option<VersionedKey<'_>> {
        self.newest().find(|key| key.key.etype() == etype)
    }

    /// The keys that may have encrypted something marked with `kvno` and `etype`. Without a version
    /// number each version is a candidate.
    fn candidates(
        &self,
        kvno: Option<u32>,
        etype: EncryptionType,
    ) -> impl Iterator<Item = VersionedKey<'_>> {
        self.keys().filter(move |key| {
            key.key.etype().number() == etype.0 && kvno.is_none_or(|kvno| key.kvno == kvno)
        })
    }
}

/// The long-term keys of a principal, owned: what a service read from its keytab.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<(u32, KeySchedule)>,
}

impl KeySet {
    /// A set of keys with their version numbers, in any order.
    #[must_use]
    pub fn new(mut keys: Vec<(u32, KeySchedule)>) -> Self {
        // Stable: within a version the order is the administrator's preference.
        keys.sort_by_key(|(kvno, _)| std::cmp::Reverse(*kvno));
        Self { keys }
    }
}

impl Keys for KeySet {
    fn keys(&self) -> impl Iterator<Item = VersionedKey<'_>> {
        self.keys
            .iter()
            .map(|(kvno, key)| VersionedKey { kvno: *kvno, key })
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

    fn key(kvno: u32, etype: Etype) -> (u32, KeySchedule) {
        (kvno, Key::random_to_key(etype, &[7; 32]).into())
    }

    #[test]
    fn the_newest_version_comes_first_and_older_ones_still_open() {
        let aes256 = Etype::Aes256CtsHmacSha1_96;
        let aes128 = Etype::Aes128CtsHmacSha1_96;
        let set = KeySet::new(vec![key(1, aes256), key(2, aes256), key(2, aes128)]);
        let current: Vec<_> = set.newest().map(|key| key.key.etype()).collect();
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
