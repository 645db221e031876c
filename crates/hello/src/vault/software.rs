//! The vault in software (HAMR-4): level `software`, with the constants of HAMR-1.
//!
//! ```text
//! PIN --Argon2id--> protector key --AES-256-GCM--> authentication key (P-256, its seed)
//! authentication key --ECDH, HKDF, AES-256-GCM--> user key (PKCS#8)
//! ```
//!
//! What this promises nothing against: somebody who copies the files, or who sets the clock. The
//! counters are in the files, and forgetting goes by the clock.

use std::collections::BTreeMap;

use crypto::aead::SealingKey;
use crypto::agreement::{Ephemeral, Group, SEED_LEN, SharedSecret};
use crypto::kdf::hkdf_sha256;
use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::password::{Cost, SALT_LEN, argon2id};
use provisioning::Secret;
use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};
use zeroize::Zeroizing;

use super::{
    Denied, DeviceKey, DeviceKeys, Level, Protected, Unlocked, Vault, VaultError, VaultKey,
};
use crate::base64::{Bytes, SecretBytes};
use crate::file::{Keeper, Slot};
use crate::hammering::Failures;

const PIN_PROTECTOR: &[u8] = b"keyporch hello pin protector";
const USER_KEY: &[u8] = b"keyporch hello user key";

/// A vault in files.
#[derive(Debug)]
pub struct SoftwareVault {
    keeper: Keeper,
    cost: Cost,
    state: State,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct State {
    failures: Failures,
    device_keys: BTreeMap<DeviceKey, SecretBytes>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("failures", &self.failures)
            .field("device_keys", &self.device_keys.keys())
            .finish()
    }
}

/// A container's keys as this vault wraps them.
#[derive(Serialize, Deserialize)]
struct Wrapped {
    salt: Bytes,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// The authentication key's seed under the PIN protector.
    authentication: Bytes,
    /// The authentication key's public point.
    authentication_public: Bytes,
    /// The public point of the key that the user key was sealed with.
    sealed_by: Bytes,
    /// The user key under the authentication key.
    user: Bytes,
}

impl SoftwareVault {
    /// What a PIN's key costs whoever tries one: 64 MiB and three passes, a few tenths of a second.
    ///
    /// # Panics
    /// Never: the numbers are in range.
    #[must_use]
    pub fn pin_cost() -> Cost {
        Cost::new(64 * 1024, 3, 1).expect("64 MiB, three passes and one lane are in range")
    }

    /// Opens the vault, an empty one where there is none yet.
    ///
    /// # Errors
    /// [`VaultError::State`] when its file is there and cannot be read.
    pub fn open(keeper: Keeper, cost: Cost) -> Result<Self, VaultError> {
        let state = keeper.load(Slot::Vault)?.unwrap_or_default();
        Ok(Self {
            keeper,
            cost,
            state,
        })
    }

    /// Replaces the state on the disk, and in memory once it is there.
    fn commit(&mut self, state: State, rng: &mut dyn Rng) -> Result<(), VaultError> {
        self.keeper.store(Slot::Vault, &state, rng)?;
        self.state = state;
        Ok(())
    }

    fn with_failures(&self, failures: Failures) -> State {
        State {
            failures,
            ..self.state.clone()
        }
    }

    /// The authentication key under a PIN protector, with the protector's parameters.
    fn wrap_authentication(
        &self,
        wrapped: &mut Wrapped,
        seed: &[u8],
        pin: &Secret,
        rng: &mut dyn Rng,
    ) {
        let salt: [u8; SALT_LEN] = rng.bytes();
        let protector = protector(pin, &salt, self.cost);
        wrapped.authentication = Bytes(protector.seal(&rng.bytes(), PIN_PROTECTOR, seed));
        wrapped.salt = Bytes(salt.to_vec());
        wrapped.memory_kib = self.cost.memory_kib();
        wrapped.passes = self.cost.passes();
        wrapped.lanes = self.cost.lanes();
    }
}

impl Vault for SoftwareVault {
    fn level(&self) -> Level {
        Level::Software
    }

    fn create(
        &mut self,
        pin: &Secret,
        kind: KeyKind,
        rng: &mut dyn Rng,
    ) -> Result<Protected, VaultError> {
        let (seed, authentication) = new_pair(rng)?;
        let authentication_public = authentication.public_value().to_vec();
        let user = PrivateKey::generate(kind);
        let (sealed_by, sealed) =
            seal_to(&authentication_public, &user.to_pkcs8_der(), USER_KEY, rng)?;
        let mut wrapped = Wrapped {
            salt: Bytes::default(),
            memory_kib: 0,
            passes: 0,
            lanes: 0,
            authentication: Bytes::default(),
            authentication_public: Bytes(authentication_public),
            sealed_by: Bytes(sealed_by),
            user: Bytes(sealed),
        };
        self.wrap_authentication(&mut wrapped, seed.as_slice(), pin, rng);
        write(&wrapped, VaultKey::software(user).public_key())
    }

    fn unlock(
        &mut self,
        keys: &Protected,
        pin: &Secret,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Unlocked, Denied> {
        let before = self.state.failures.at(now);
        if let Some(until) = before.locked_until(now) {
            return Err(Denied::Locked { until });
        }
        let wrapped = read(keys)?;
        // Counted first: a process that dies while it judges has used up an attempt.
        self.commit(self.with_failures(before.and_one(now)), rng)?;

        let seed = open_authentication(&wrapped, pin)?.ok_or(Denied::WrongPin)?;
        // The PIN was right, and this attempt is no failure; those before stay (HAMR-1). Where the
        // disk fails now, it stays counted, which costs the person ten minutes and nobody anything.
        let _ = self.commit(self.with_failures(before), rng);

        let user = open_user(&wrapped, &seed)?;
        if user.public_key() != &keys.public_key()? {
            return Err(VaultError::Damaged.into());
        }
        Ok(Unlocked::new(user, Zeroizing::new(seed.to_vec())))
    }

    fn protect_anew(
        &mut self,
        keys: &Protected,
        unlocked: &Unlocked,
        _old: &Secret,
        new: &Secret,
        rng: &mut dyn Rng,
    ) -> Result<Protected, VaultError> {
        let mut wrapped = read(keys)?;
        let seed = unlocked.authentication.0.as_slice();
        if pair_of(seed)?.public_value() != wrapped.authentication_public.0 {
            return Err(VaultError::Damaged);
        }
        self.wrap_authentication(&mut wrapped, seed, new, rng);
        write(&wrapped, unlocked.key.public_key())
    }

    fn failures(&self, now: Timestamp) -> (u32, Option<Timestamp>) {
        let failures = self.state.failures.at(now);
        (failures.count(), failures.locked_until(now))
    }

    fn create_device_key(
        &mut self,
        which: DeviceKey,
        kind: KeyKind,
        rng: &mut dyn Rng,
    ) -> Result<PublicKey, VaultError> {
        let key = PrivateKey::generate(kind);
        let mut state = self.state.clone();
        state
            .device_keys
            .insert(which, SecretBytes(key.to_pkcs8_der()));
        self.commit(state, rng)?;
        Ok(VaultKey::software(key).public_key().clone())
    }

    fn device_key(&self, which: DeviceKey) -> Result<Option<VaultKey>, VaultError> {
        let Some(der) = self.state.device_keys.get(&which) else {
            return Ok(None);
        };
        PrivateKey::from_pkcs8_der(&der.0)
            .map(|key| Some(VaultKey::software(key)))
            .map_err(|_| VaultError::Damaged)
    }

    fn unwrap_session_key(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let key = self.device_key(DeviceKey::Transport)?;
        let key = key.as_ref().and_then(VaultKey::private_key);
        crypto::oaep::unwrap(key.ok_or(VaultError::Failed)?, wrapped)
            .map_err(|_| VaultError::Failed)
    }

    fn device_keys(&self) -> DeviceKeys {
        DeviceKeys(self.state.device_keys.clone())
    }

    fn restore_device_keys(
        &mut self,
        keys: DeviceKeys,
        rng: &mut dyn Rng,
    ) -> Result<(), VaultError> {
        let mut state = self.state.clone();
        state.device_keys = keys.0;
        self.commit(state, rng)
    }

    fn remove_device_keys(&mut self, rng: &mut dyn Rng) -> Result<(), VaultError> {
        let mut state = self.state.clone();
        state.device_keys.clear();
        self.commit(state, rng)
    }
}

fn write(wrapped: &Wrapped, public_key: &PublicKey) -> Result<Protected, VaultError> {
    let blob = serde_json::to_vec(wrapped).map_err(|_| VaultError::Failed)?;
    Ok(Protected::new(public_key, blob))
}

fn read(keys: &Protected) -> Result<Wrapped, VaultError> {
    serde_json::from_slice(keys.blob()).map_err(|_| VaultError::Damaged)
}

/// The key that a PIN protects the authentication key with (KEY-2).
fn protector(pin: &Secret, salt: &[u8; SALT_LEN], cost: Cost) -> SealingKey {
    let mut key = Zeroizing::new([0; 32]);
    argon2id(pin.expose().as_bytes(), salt, cost, key.as_mut());
    SealingKey::new(&key)
}

/// The authentication key's seed; `None` when the PIN is not the one.
fn open_authentication(
    wrapped: &Wrapped,
    pin: &Secret,
) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
    let cost = Cost::new(wrapped.memory_kib, wrapped.passes, wrapped.lanes)
        .map_err(|_| VaultError::Damaged)?;
    let salt = wrapped
        .salt
        .0
        .as_slice()
        .try_into()
        .map_err(|_| VaultError::Damaged)?;
    Ok(protector(pin, salt, cost)
        .open(PIN_PROTECTOR, &wrapped.authentication.0)
        .ok())
}

fn open_user(wrapped: &Wrapped, seed: &[u8]) -> Result<VaultKey, VaultError> {
    let shared = pair_of(seed)?
        .agree(&wrapped.sealed_by.0)
        .map_err(|_| VaultError::Damaged)?;
    let der = sealing_key(
        &shared,
        USER_KEY,
        &wrapped.sealed_by.0,
        &wrapped.authentication_public.0,
    )
    .open(USER_KEY, &wrapped.user.0)
    .map_err(|_| VaultError::Damaged)?;
    PrivateKey::from_pkcs8_der(&der)
        .map(VaultKey::software)
        .map_err(|_| VaultError::Damaged)
}

/// A P-256 pair and the seed that makes it again.
fn new_pair(rng: &mut dyn Rng) -> Result<(Zeroizing<[u8; SEED_LEN]>, Ephemeral), VaultError> {
    // One seed in 2^64 makes no key; three of them in a row is a generator that does not work.
    for _ in 0..3 {
        let mut seed = Zeroizing::new([0; SEED_LEN]);
        rng.fill(seed.as_mut());
        if let Ok(pair) = Ephemeral::new(Group::P256, &seed) {
            return Ok((seed, pair));
        }
    }
    Err(VaultError::Failed)
}

fn pair_of(seed: &[u8]) -> Result<Ephemeral, VaultError> {
    let seed = seed.try_into().map_err(|_| VaultError::Damaged)?;
    Ephemeral::new(Group::P256, seed).map_err(|_| VaultError::Damaged)
}

/// Seals to a public point, with a pair made for this once: its public point, and what is sealed.
fn seal_to(
    to: &[u8],
    plaintext: &[u8],
    what: &[u8],
    rng: &mut dyn Rng,
) -> Result<(Vec<u8>, Vec<u8>), VaultError> {
    let (_, once) = new_pair(rng)?;
    let by = once.public_value().to_vec();
    let shared = once.agree(to).map_err(|_| VaultError::Failed)?;
    let sealed = sealing_key(&shared, what, &by, to).seal(&rng.bytes(), what, plaintext);
    Ok((by, sealed))
}

fn sealing_key(shared: &SharedSecret, what: &[u8], by: &[u8], to: &[u8]) -> SealingKey {
    SealingKey::new(&hkdf_sha256(&[], shared.as_bytes(), &[what, by, to]))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use crypto::signature::{SignatureAlgorithm, Verifier};
    use trust::Span;

    use super::*;
    use crate::file::{FileFault, MemoryFile, StateError, VaultFile};
    use crate::hammering::LOCKS_AT;
    use crate::testing::{Dice, START};

    fn open(files: &MemoryFile) -> SoftwareVault {
        let keeper = Keeper::open(Box::new(files.clone()), &mut Dice::new(1)).unwrap();
        SoftwareVault::open(keeper, Cost::LEAST).unwrap()
    }

    fn pin(text: &str) -> Secret {
        Secret::from(text)
    }

    struct Made {
        files: MemoryFile,
        keys: Protected,
        rng: Dice,
    }

    fn made() -> Made {
        let files = MemoryFile::new();
        let mut rng = Dice::new(2);
        let keys = open(&files)
            .create(&pin("271828"), KeyKind::P256, &mut rng)
            .unwrap();
        Made { files, keys, rng }
    }

    impl Made {
        fn unlock(&mut self, text: &str, now: Timestamp) -> Result<Unlocked, Denied> {
            open(&self.files).unlock(&self.keys, &pin(text), now, &mut self.rng)
        }

        fn failures(&self, now: Timestamp) -> u32 {
            open(&self.files).failures(now).0
        }
    }

    #[test]
    fn the_right_pin_unlocks_a_key_that_signs_as_the_public_key_says() {
        for kind in [KeyKind::P256, KeyKind::Rsa2048] {
            let mut rng = Dice::new(3);
            let mut vault = open(&MemoryFile::new());
            let keys = vault.create(&pin("271828"), kind, &mut rng).unwrap();
            let unlocked = vault
                .unlock(&keys, &pin("271828"), START, &mut rng)
                .unwrap();
            let public = keys.public_key().unwrap();
            let algorithm = SignatureAlgorithm::default_for(&public);
            let signature = unlocked.key().signer().sign(algorithm, b"hello").unwrap();
            assert!(
                Verifier::new(public)
                    .verify(algorithm, b"hello", &signature)
                    .is_ok()
            );
        }
    }

    #[test]
    fn a_wrong_pin_unlocks_nothing_and_is_remembered_over_a_restart() {
        let mut made = made();
        for text in ["271829", "", "2718281", "27182"] {
            assert_eq!(made.unlock(text, START).unwrap_err(), Denied::WrongPin);
        }
        assert_eq!(made.failures(START), 4);
        assert_eq!(made.failures(START + Span::minutes(20)), 2);
    }

    #[test]
    fn a_success_resets_nothing() {
        // HAMR-1.
        let mut made = made();
        made.unlock("0", START).unwrap_err();
        made.unlock("271828", START).unwrap();
        assert_eq!(made.failures(START), 1);
    }

    #[test]
    fn after_32_failures_the_right_pin_is_refused_until_one_is_forgotten() {
        // HAMR-1.
        let mut made = made();
        for _ in 0..LOCKS_AT {
            assert_eq!(made.unlock("0", START).unwrap_err(), Denied::WrongPin);
        }
        let until = START + Span::minutes(10);
        for now in [START, until - Span::micros(1)] {
            assert_eq!(
                made.unlock("271828", now).unwrap_err(),
                Denied::Locked { until }
            );
        }
        assert!(made.unlock("271828", until).is_ok());
        assert_eq!(made.failures(until), LOCKS_AT - 1);
    }

    #[test]
    fn failures_of_one_container_lock_the_others_too() {
        // HAMR-1: counting is global per vault.
        let mut made = made();
        let other = open(&made.files)
            .create(&pin("314159"), KeyKind::P256, &mut made.rng)
            .unwrap();
        for _ in 0..LOCKS_AT {
            made.unlock("0", START).unwrap_err();
        }
        let denied = open(&made.files).unlock(&other, &pin("314159"), START, &mut made.rng);
        assert!(matches!(denied, Err(Denied::Locked { .. })));
    }

    /// Files that refuse to be written after so many writes, as a process that was killed would.
    struct Killed {
        files: MemoryFile,
        writes_left: Arc<Mutex<u32>>,
    }

    impl VaultFile for Killed {
        fn load(&self, slot: Slot) -> Result<Option<Vec<u8>>, FileFault> {
            self.files.load(slot)
        }

        fn store(&mut self, slot: Slot, bytes: &[u8]) -> Result<(), FileFault> {
            let mut left = self.writes_left.lock().unwrap();
            *left = left.checked_sub(1).ok_or_else(|| FileFault {
                file: slot.name().to_owned(),
                problem: "no space left on device".to_owned(),
            })?;
            self.files.store(slot, bytes)
        }
    }

    fn unlock_with_writes(made: &mut Made, text: &str, writes: u32) -> Result<Unlocked, Denied> {
        let files = Killed {
            files: made.files.clone(),
            writes_left: Arc::new(Mutex::new(writes)),
        };
        let keeper = Keeper::open(Box::new(files), &mut made.rng).unwrap();
        let mut vault = SoftwareVault::open(keeper, Cost::LEAST).unwrap();
        vault.unlock(&made.keys, &pin(text), START, &mut made.rng)
    }

    #[test]
    fn an_attempt_that_cannot_be_counted_is_not_judged() {
        let mut made = made();
        for text in ["0", "271828"] {
            let denied = unlock_with_writes(&mut made, text, 0).unwrap_err();
            assert_eq!(
                denied.to_string(),
                "vault: no space left on device",
                "the right and the wrong PIN are told alike"
            );
        }
        assert_eq!(made.failures(START), 0);
    }

    #[test]
    fn dying_after_the_count_and_before_the_verdict_has_used_up_an_attempt() {
        // After the first write the process is gone, whatever it would have found.
        let mut made = made();
        let _ = unlock_with_writes(&mut made, "271828", 1);
        assert_eq!(made.failures(START), 1);
        let _ = unlock_with_writes(&mut made, "0", 1);
        assert_eq!(made.failures(START), 2);
        assert!(made.unlock("271828", START).is_ok());
    }

    #[test]
    fn a_new_pin_protects_the_same_keys_and_the_old_one_is_void() {
        let mut made = made();
        let unlocked = made.unlock("271828", START).unwrap();
        let anew = open(&made.files)
            .protect_anew(
                &made.keys,
                &unlocked,
                &pin("271828"),
                &pin("314159"),
                &mut made.rng,
            )
            .unwrap();
        assert_eq!(anew.public_key(), made.keys.public_key());
        made.keys = anew;
        assert_eq!(made.unlock("271828", START).unwrap_err(), Denied::WrongPin);
        assert!(made.unlock("314159", START).is_ok());
    }

    #[test]
    fn the_proof_of_one_container_does_not_open_another() {
        let mut made = made();
        let unlocked = made.unlock("271828", START).unwrap();
        let mut vault = open(&made.files);
        let other = vault
            .create(&pin("314159"), KeyKind::P256, &mut made.rng)
            .unwrap();
        let refused = vault.protect_anew(&other, &unlocked, &pin(""), &pin("1"), &mut made.rng);
        assert_eq!(refused, Err(VaultError::Damaged));
    }

    #[test]
    fn the_public_key_beside_the_wrapped_one_must_be_its_own() {
        let mut made = made();
        let other = open(&made.files)
            .create(&pin("271828"), KeyKind::P256, &mut made.rng)
            .unwrap();
        made.keys = Protected::new(&other.public_key().unwrap(), made.keys.blob().to_vec());
        assert_eq!(
            made.unlock("271828", START).unwrap_err(),
            Denied::Vault(VaultError::Damaged)
        );
    }

    #[test]
    fn garbled_keys_are_damaged_rather_than_wrong() {
        let mut made = made();
        let public = made.keys.public_key().unwrap();
        made.keys = Protected::new(&public, b"{\"salt\":\"AAAA\"}".to_vec());
        assert_eq!(
            made.unlock("271828", START).unwrap_err(),
            Denied::Vault(VaultError::Damaged)
        );
        assert_eq!(made.failures(START), 0);
    }

    #[test]
    fn device_keys_are_there_after_a_restart_without_a_gesture() {
        // KEY-7.
        let files = MemoryFile::new();
        let mut rng = Dice::new(4);
        let made = open(&files)
            .create_device_key(DeviceKey::Device, KeyKind::Rsa2048, &mut rng)
            .unwrap();
        open(&files)
            .create_device_key(DeviceKey::Machine, KeyKind::P256, &mut rng)
            .unwrap();
        let mut vault = open(&files);
        let kept = vault.device_key(DeviceKey::Device).unwrap().unwrap();
        assert_eq!(kept.public_key(), &made);
        assert!(vault.device_key(DeviceKey::Transport).unwrap().is_none());
        vault.remove_device_keys(&mut rng).unwrap();
        assert!(
            open(&files)
                .device_key(DeviceKey::Machine)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_session_key_comes_out_of_its_wrapping_by_the_transport_key_alone() {
        let mut rng = Dice::new(5);
        let mut vault = open(&MemoryFile::new());
        assert_eq!(vault.unwrap_session_key(&[0; 256]), Err(VaultError::Failed));
        let device = vault
            .create_device_key(DeviceKey::Device, KeyKind::Rsa2048, &mut rng)
            .unwrap();
        let transport = vault
            .create_device_key(DeviceKey::Transport, KeyKind::Rsa2048, &mut rng)
            .unwrap();
        let wrapped = crypto::oaep::wrap(&transport, &[7; 32]).unwrap();
        assert_eq!(vault.unwrap_session_key(&wrapped).unwrap()[..], [7; 32]);
        let for_another = crypto::oaep::wrap(&device, &[7; 32]).unwrap();
        for wrong in [&for_another[..], &wrapped[1..], b""] {
            assert_eq!(vault.unwrap_session_key(wrong), Err(VaultError::Failed));
        }
    }

    #[test]
    fn a_damaged_vault_file_is_said_to_be_and_is_not_replaced() {
        let mut made = made();
        made.unlock("0", START).unwrap_err();
        let mut bytes = made.files.content(Slot::Vault).unwrap();
        bytes.truncate(40);
        made.files.replace(Slot::Vault, Some(bytes.clone()));
        let keeper = Keeper::open(Box::new(made.files.clone()), &mut made.rng).unwrap();
        let refused = SoftwareVault::open(keeper, Cost::LEAST).unwrap_err();
        assert_eq!(refused, VaultError::State(StateError::Damaged(Slot::Vault)));
        assert_eq!(made.files.content(Slot::Vault), Some(bytes));
    }

    #[test]
    fn nothing_secret_is_in_a_debug_line() {
        let mut made = made();
        let unlocked = made.unlock("271828", START).unwrap();
        let shown = format!("{unlocked:?} {:?} {:?}", made.keys, open(&made.files));
        assert!(shown.contains("AuthenticationKey") && !shown.contains("271828"));
        assert!(!shown.contains("[4,") && shown.len() < 600, "{shown}");
    }
}
