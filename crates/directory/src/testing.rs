//! What tests need: a domain in memory, a clock that is moved, dice that fall the same way each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use trust::{Clock, Rng, Span, Timestamp};

use crate::bootstrap::{Bootstrap, bootstrap};
use crate::directory::{Directory, Options};
use crate::root_key::RootKey;
use crate::storage::{Memory, Storage};

pub use crate::storage::contract;

/// When tests begin: 2026-11-21T12:00:00Z.
pub const START: Timestamp = Timestamp::from_unix(1_795_262_400);

/// The domain `corp.example` in memory.
///
/// # Panics
/// Never, unless bootstrap is broken.
#[must_use]
pub fn fresh() -> Arc<Directory> {
    over(Arc::new(Memory::new()))
}

/// The domain `corp.example` in an empty storage.
///
/// # Panics
/// When the storage is not empty or fails.
#[must_use]
pub fn over(storage: Arc<dyn Storage>) -> Arc<Directory> {
    let directory = open(storage);
    bootstrap(
        &directory,
        &Bootstrap::of("corp.example"),
        START,
        &mut Seeded::new(1),
    )
    .expect("an empty storage takes a domain");
    Arc::new(directory)
}

/// The directory in a storage, under the root key that [`over`] uses.
///
/// # Panics
/// When the storage fails.
#[must_use]
pub fn open(storage: Arc<dyn Storage>) -> Directory {
    let rng = Box::new(trust::SystemRng);
    Directory::open(storage, RootKey::new([7; 32]), Options::default(), rng)
        .expect("the storage opens")
}

/// Dice that fall the same way for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// Dice with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }
}

impl Rng for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct Hands(AtomicI64);

impl Default for Hands {
    fn default() -> Self {
        Self(AtomicI64::new(START.micros()))
    }
}

impl Hands {
    /// Moves the clock.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// A key credential as a device registers it, with a public key of which nobody has the private half.
///
/// # Panics
/// Never: the value keeps the rules.
#[must_use]
pub fn key_credential(rng: &mut dyn Rng, device: Option<wire::Guid>) -> Vec<u8> {
    use wire::key_credential::{
        CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential,
    };
    // Most random numbers have a small factor, and such a key is refused.
    let key = loop {
        let mut modulus: [u8; 256] = rng.bytes();
        modulus[0] |= 0x80;
        modulus[255] |= 1;
        let strong = crypto::key::PublicKey::from_rsa(&modulus, &[1, 0, 1])
            .is_ok_and(|key| key.check_strength().is_ok());
        if strong {
            break wire::key_material::RsaPublicKey::new(&modulus, &[1, 0, 1])
                .expect("2048 bits and 65537 are a public key");
        }
    };
    let now = KeyTime::from_filetime(START.filetime(), KeySource::Ad);
    NewKeyCredential {
        key_material: &key.to_bcrypt_blob(),
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: device,
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: Some(now),
        creation_time: Some(now),
    }
    .write()
    .expect("a key credential of a device is right")
    .as_bytes()
    .to_vec()
}

/// Reads bytes as each kind of value that a row holds, and writes what was read: it must come back the same.
///
/// # Panics
/// When something that was read is written otherwise than it can be read again.
pub fn reread(bytes: &[u8]) {
    use crate::account::{KerberosKeys, KeyCredential};
    use crate::codec::{Corrupt, Reader};
    use crate::domain::Domain;
    use crate::entry::Entry;
    use crate::feed::Commit;
    use crate::id::{EntryId, Stamp};
    use crate::password::PasswordHistory;
    use crate::record::{Activity, Job, StoredRecord};
    use crate::value::Secret;

    /// What is read, written, read and written is what was written first.
    fn again<T>(
        bytes: &[u8],
        read: impl Fn(&[u8]) -> Result<T, Corrupt>,
        write: impl Fn(&T) -> Vec<u8>,
    ) {
        if let Ok(value) = read(bytes) {
            let written = write(&value);
            let second = read(&written).expect("what was written can be read");
            assert_eq!(write(&second), written);
        }
    }

    let (id, stamp) = (EntryId::NONE, Stamp { node: 0, number: 0 });
    let secret = |bytes: &[u8]| Secret::new(bytes.to_vec());
    again(
        bytes,
        |bytes| Entry::read(id, stamp, &mut Reader::new(bytes)),
        Entry::write,
    );
    again(
        bytes,
        |bytes| Domain::read(Reader::new(bytes)),
        Domain::write,
    );
    again(
        bytes,
        |bytes| Commit::read(stamp, Reader::new(bytes)),
        Commit::write,
    );
    again(
        bytes,
        |bytes| Job::read("job", Reader::new(bytes)),
        Job::write,
    );
    again(
        bytes,
        |bytes| Activity::read(Reader::new(bytes)),
        Activity::write,
    );
    again(
        bytes,
        |bytes| KeyCredential::read(Reader::new(bytes)),
        |key| KeyCredential::write(&key.blob, key.origin, key.added),
    );
    again(
        bytes,
        |bytes| KerberosKeys::read(&secret(bytes)),
        |keys| keys.write().expose().to_vec(),
    );
    again(
        bytes,
        |bytes| PasswordHistory::read(&secret(bytes)),
        |history| history.write().expose().to_vec(),
    );
    if let Ok(record) = StoredRecord::read(Reader::new(bytes)) {
        let written = record.write();
        let second = StoredRecord::read(Reader::new(&written)).map(|record| record.write());
        assert_eq!(second, Ok(written));
    }
    if let Ok((_, reader)) = crate::layout::open_row(bytes) {
        let rest = reader.clone().remainder();
        let row = crate::layout::row(stamp, rest);
        assert!(crate::layout::open_row(&row).is_ok());
    }
    let _ = crate::layout::id_at_end(bytes);
    let _ = crate::layout::expiring(bytes);
}
