//! An account's Kerberos keys: by version number, by etype, each with the salt it was made with (E.1).

use std::fmt;
use std::sync::OnceLock;

use crypto::etype::{Etype, Key, KeySchedule};
use trust::{Rng, Timestamp};
use wire::kerberos::EncryptionType;
use zeroize::Zeroizing;

use crate::codec::{Corrupt, Reader, Writer};
use crate::value::Secret;

/// How many sets of keys an account keeps: the current one, and the one before it for tickets and
/// clients that have not heard of the change.
pub const KEPT_SETS: usize = 2;

/// A key of an account. It is prepared for use the first time it is used: most accounts in memory use one
/// of theirs, and some none.
pub struct KerberosKey {
    /// The salt that ETYPE-INFO2 tells; empty for a random key.
    pub salt: String,
    key: Key,
    schedule: OnceLock<Box<KeySchedule>>,
}

impl KerberosKey {
    /// A key and its salt.
    #[must_use]
    pub fn new(key: Key, salt: impl Into<String>) -> Self {
        Self {
            salt: salt.into(),
            key,
            schedule: OnceLock::new(),
        }
    }

    /// The etype.
    #[must_use]
    pub fn etype(&self) -> Etype {
        self.key.etype()
    }

    /// The key as it rests.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// The key, prepared: derived usage keys stay with the account as long as it is in memory.
    #[must_use]
    pub fn schedule(&self) -> &KeySchedule {
        self.schedule
            .get_or_init(|| Box::new(KeySchedule::new(self.key.clone())))
    }
}

impl Clone for KerberosKey {
    fn clone(&self) -> Self {
        Self::new(self.key.clone(), self.salt.clone())
    }
}

impl fmt::Debug for KerberosKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KerberosKey({}, salt {:?})", self.etype(), self.salt)
    }
}

/// The keys of one version.
#[derive(Clone, Debug)]
pub struct KeySet {
    /// The key version number, from 1.
    pub kvno: u32,
    /// When they were made.
    pub set: Timestamp,
    /// One for each etype.
    pub keys: Vec<KerberosKey>,
}

impl KeySet {
    /// The key of an etype.
    #[must_use]
    pub fn of(&self, etype: Etype) -> Option<&KerberosKey> {
        self.keys.iter().find(|key| key.etype() == etype)
    }
}

/// All keys of an account, the newest set first.
#[derive(Clone, Debug, Default)]
pub struct KerberosKeys {
    sets: Vec<KeySet>,
}

impl KerberosKeys {
    /// The sets, the newest first.
    #[must_use]
    pub fn sets(&self) -> &[KeySet] {
        &self.sets
    }

    /// The newest set; `None` for an account that was given no keys.
    #[must_use]
    pub fn current(&self) -> Option<&KeySet> {
        self.sets.first()
    }

    /// The newest key version number; 0 when there are no keys.
    #[must_use]
    pub fn kvno(&self) -> u32 {
        self.current().map_or(0, |set| set.kvno)
    }

    /// The key of a version and etype.
    #[must_use]
    pub fn find(&self, kvno: u32, etype: Etype) -> Option<&KerberosKey> {
        self.sets.iter().find(|set| set.kvno == kvno)?.of(etype)
    }

    /// These keys with `keys` as the newest set, forgetting those beyond [`KEPT_SETS`].
    #[must_use]
    pub(crate) fn renewed(&self, keys: &[KerberosKey], set: Timestamp) -> Self {
        let newest = KeySet {
            kvno: self.kvno().wrapping_add(1).max(1),
            set,
            keys: keys.to_vec(),
        };
        Self {
            sets: std::iter::once(newest)
                .chain(self.sets.iter().take(KEPT_SETS - 1).cloned())
                .collect(),
        }
    }

    /// These keys without the versions before `kvno`; the newest set stays, whatever it is.
    #[must_use]
    pub(crate) fn since(&self, kvno: u32) -> Self {
        let sets = self.sets.iter().enumerate();
        let kept = sets.filter(|(place, set)| *place == 0 || set.kvno >= kvno);
        Self {
            sets: kept.map(|(_, set)| set.clone()).collect(),
        }
    }

    pub(crate) fn write(&self) -> Secret {
        let mut out = Writer::new();
        out.u8(1);
        for set in &self.sets {
            out.u32(set.kvno)
                .time(set.set)
                .u16(u16::try_from(set.keys.len()).unwrap_or(u16::MAX));
            for key in &set.keys {
                out.u32(key.etype().number().cast_unsigned())
                    .text(&key.salt)
                    .blob(key.key.bytes());
            }
        }
        Secret::new(out.finish())
    }

    pub(crate) fn read(secret: &Secret) -> Result<Self, Corrupt> {
        let mut from = Reader::new(secret.expose());
        if from.u8()? != 1 {
            return Err(Corrupt);
        }
        let mut sets = Vec::new();
        while !from.is_empty() {
            let kvno = from.u32()?;
            let set = from.time()?;
            let mut keys = Vec::new();
            for _ in 0..from.u16()? {
                let etype = Etype::from_number(from.u32()?.cast_signed()).ok_or(Corrupt)?;
                let salt = from.text()?.to_owned();
                let key = Key::new(etype, from.blob()?).map_err(|_| Corrupt)?;
                keys.push(KerberosKey::new(key, salt));
            }
            sets.push(KeySet { kvno, set, keys });
        }
        Ok(Self { sets })
    }
}

impl KerberosKeys {
    fn versioned<'k>(set: &KeySet, key: &'k KerberosKey) -> ticket::VersionedKey<'k> {
        ticket::VersionedKey {
            kvno: set.kvno,
            key: key.schedule(),
        }
    }
}

/// Keys are chosen by etype before they are prepared.
impl ticket::Keys for KerberosKeys {
    fn keys(&self) -> impl Iterator<Item = ticket::VersionedKey<'_>> {
        self.sets
            .iter()
            .flat_map(|set| set.keys.iter().map(move |key| Self::versioned(set, key)))
    }

    fn newest_of(&self, etype: Etype) -> Option<ticket::VersionedKey<'_>> {
        let set = self.current()?;
        Some(Self::versioned(set, set.of(etype)?))
    }

    fn candidates(
        &self,
        kvno: Option<u32>,
        etype: EncryptionType,
    ) -> impl Iterator<Item = ticket::VersionedKey<'_>> {
        self.sets
            .iter()
            .filter(move |set| kvno.is_none_or(|kvno| set.kvno == kvno))
            .flat_map(move |set| {
                set.keys
                    .iter()
                    .filter(move |key| key.etype().number() == etype.0)
                    .map(move |key| Self::versioned(set, key))
            })
    }
}

/// Random keys for every etype, as krbtgt and services have them; no password gives them.
pub fn random_keys(rng: &mut dyn Rng) -> Vec<KerberosKey> {
    Etype::ALL
        .into_iter()
        .map(|etype| {
            let random: Zeroizing<[u8; 32]> = Zeroizing::new(rng.bytes());
            KerberosKey::new(Key::random_to_key(etype, &random), "")
        })
        .collect()
}

/// The salt of a person's or service's password (E.1): the realm, then sAMAccountName as it is written.
#[must_use]
pub fn user_salt(realm: &str, sam: &str) -> String {
    format!("{realm}{sam}")
}

/// The salt of a computer's password (E.1): the realm, `host`, the name in lower case without `$`, a dot,
/// the DNS domain in lower case.
#[must_use]
pub fn computer_salt(realm: &str, sam: &str) -> String {
    let name = sam.strip_suffix('$').unwrap_or(sam).to_lowercase();
    format!("{realm}host{name}.{}", realm.to_lowercase())
}
