//! The tenant's tables and keys: what tokens are signed with, what nonces are made with, what names people to
//! applications. Read, kept, renewed.

use crypto::key::KeyKind;
use directory::{Actor, AuditRecord, Change, Fault, Secret, Snapshot, Table, change, tenant};
use serde::{Deserialize, Serialize};
use token::keys::SigningKeys;
use trust::{Rng, Span, Timestamp};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::View;

/// What tokens are signed with: a record for each algorithm.
pub(crate) const SIGNING_KEYS: Table = Table::new("tenant.signing-keys");
/// What nonces are made with and forms are sealed with: one record.
pub(crate) const NONCE_KEYS: Table = Table::new("tenant.nonce-keys");
/// What names people to applications: one record, for good.
pub(crate) const SUBJECT_KEY: Table = Table::new("tenant.subject-key");
/// Authorization codes, by digest ([`token::grant::CodeRecord`]).
pub(crate) const CODES: Table = Table::quiet("tenant.codes");
/// Families of refresh tokens, by name ([`token::grant::FamilyRecord`]).
pub(crate) const FAMILIES: Table = Table::quiet("tenant.refresh-tokens");
/// Browser sessions, by digest ([`token::session::SessionRecord`]).
pub(crate) const SESSIONS: Table = Table::quiet("tenant.sessions");
/// Sign-ins on their way, by digest ([`token::sign_in::SignIn`]).
pub(crate) const SIGN_INS: Table = Table::quiet("tenant.sign-ins");
/// Device codes, by digest.
pub(crate) const DEVICE_CODES: Table = Table::quiet("tenant.device-codes");
/// The device code of each user code, by digest.
pub(crate) const USER_CODES: Table = Table::quiet("tenant.user-codes");
/// Primary refresh tokens, by account and identifier.
pub(crate) const PRT: Table = Table::quiet("tenant.prt");
/// Which primary refresh tokens a device has: device, account, identifier.
pub(crate) const PRT_OF_DEVICE: Table = Table::quiet("tenant.prt-of-device");
/// In which browser a primary refresh token was shown with which nonce.
pub(crate) const PRT_USES: Table = Table::quiet("tenant.prt-uses");
/// Device registrations that wait for their certificate, by digest of the request.
pub(crate) const JOINS: Table = Table::new("tenant.joins");

const RS256: &[u8] = b"rs256";
const ES256: &[u8] = b"es256";
const KEYS: &[u8] = b"keys";
const KEY: &[u8] = b"key";

/// How long nonces are made with one key.
const NONCE_KEY_FOR: Span = Span::days(1);
/// For how long after that one is still looked at.
const NONCE_KEY_KEPT: Span = Span::hours(1);

/// What people, devices and applications hold from one sign-in to the next. Whoever restores a backup leaves these out,
/// for some were ended since, and all can be had anew.
#[must_use]
pub const fn short_lived_tables() -> [&'static str; 10] {
    [
        CODES.name(),
        FAMILIES.name(),
        SESSIONS.name(),
        SIGN_INS.name(),
        DEVICE_CODES.name(),
        USER_CODES.name(),
        PRT.name(),
        PRT_OF_DEVICE.name(),
        PRT_USES.name(),
        JOINS.name(),
    ]
}

/// The tables of the keys that sign tokens and make nonces.
#[must_use]
pub const fn keys_tables() -> [&'static str; 2] {
    [SIGNING_KEYS.name(), NONCE_KEYS.name()]
}

/// What nonces are made with, and forms are sealed with.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct NonceKeys {
    keys: Vec<NonceKey>,
}

/// A key for nonces.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct NonceKey {
    /// By what nonces name it.
    pub(crate) id: u8,
    /// The key.
    pub(crate) key: [u8; 32],
    /// From when on nonces are made with it, in microseconds since 1970.
    from: i64,
}

impl NonceKeys {
    fn first(now: Timestamp, rng: &mut dyn Rng) -> Self {
        Self {
            keys: vec![NonceKey {
                id: 1,
                key: rng.bytes(),
                from: now.micros(),
            }],
        }
    }

    /// The keys as they should be `now`; `None` when nothing is due.
    fn renewed(&self, now: Timestamp, rng: &mut dyn Rng) -> Option<Self> {
        let newest = self.keys.last()?;
        let from = Timestamp::from_micros(newest.from);
        if now < from + NONCE_KEY_FOR {
            return None;
        }
        // Of the former ones, the last is kept for as long as somebody may hold what was made with it.
        let mut keys = vec![newest.clone()];
        keys.push(NonceKey {
            id: newest.id.wrapping_add(1),
            key: rng.bytes(),
            from: now.micros(),
        });
        Some(Self { keys })
    }

    /// The key that nonces are made with.
    pub(crate) fn newest(&self) -> Option<&NonceKey> {
        self.keys.last()
    }

    /// The key of this name, where what was made with it may still be held.
    pub(crate) fn named(&self, id: u8, now: Timestamp) -> Option<&NonceKey> {
        let place = self.keys.iter().position(|key| key.id == id)?;
        let successor = self.keys.get(place + 1);
        let over = successor.is_some_and(|successor| {
            now >= Timestamp::from_micros(successor.from) + NONCE_KEY_KEPT
        });
        self.keys.get(place).filter(|_| !over)
    }
}

/// Without the keys.
impl core::fmt::Debug for NonceKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("NonceKeys")
    }
}

/// All keys as they stand in the directory.
pub(crate) struct Keys {
    /// RS256 and ES256 together; where nobody asks for another, the first signs.
    pub(crate) signing: SigningKeys,
    pub(crate) nonce: NonceKeys,
    pub(crate) subject: Zeroizing<[u8; 32]>,
}

fn missing() -> Fault {
    Fault::Corrupt("no keys of the tenant yet")
}

/// Reads all keys.
pub(crate) fn read(snapshot: &Snapshot<'_>, now: Timestamp) -> Result<Keys, Fault> {
    let signing = |name| signing_keys(snapshot, name, now)?.ok_or_else(missing);
    let (rs256, es256) = (signing(RS256)?, signing(ES256)?);
    Ok(Keys {
        signing: SigningKeys::together(&[&rs256, &es256]),
        nonce: nonce_keys(snapshot, now)?.ok_or_else(missing)?,
        subject: subject_key(snapshot, now)?.ok_or_else(missing)?,
    })
}

fn signing_keys(
    snapshot: &Snapshot<'_>,
    name: &[u8],
    now: Timestamp,
) -> Result<Option<SigningKeys>, Fault> {
    let Some(record) = snapshot.record(SIGNING_KEYS, name, now)? else {
        return Ok(None);
    };
    SigningKeys::read(record.value.bytes())
        .map(Some)
        .map_err(|_| Fault::Corrupt("token signing keys"))
}

fn nonce_keys(snapshot: &Snapshot<'_>, now: Timestamp) -> Result<Option<NonceKeys>, Fault> {
    let Some(record) = snapshot.record(NONCE_KEYS, KEYS, now)? else {
        return Ok(None);
    };
    serde_json::from_slice(record.value.bytes())
        .map(Some)
        .map_err(|_| Fault::Corrupt("nonce keys"))
}

fn subject_key(
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Option<Zeroizing<[u8; 32]>>, Fault> {
    let Some(record) = snapshot.record(SUBJECT_KEY, KEY, now)? else {
        return Ok(None);
    };
    let key = <[u8; 32]>::try_from(record.value.bytes());
    key.map(|key| Some(Zeroizing::new(key)))
        .map_err(|_| Fault::Corrupt("subject key"))
}

/// Writes the first keys, or what renewal asks for.
pub(crate) fn due(
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    let snapshot = view.snapshot;
    let mut changes = Vec::new();
    let keep = |table, name: &[u8], bytes: &[u8]| {
        change::put(table, name, Secret::new(bytes.to_vec()), Timestamp::NEVER)
    };
    for (name, kind) in [(RS256, KeyKind::Rsa2048), (ES256, KeyKind::P256)] {
        let renewed = match signing_keys(snapshot, name, now)? {
            Some(keys) => keys.renewed(kind, now),
            None => Some(first_signing_keys(view, kind, now)?),
        };
        if let Some(keys) = renewed {
            changes.push(keep(SIGNING_KEYS, name, &keys.write()));
            let record = AuditRecord::done(now, Actor::system(), "token.key.renew")
                .with("algorithm", String::from_utf8_lossy(name).to_uppercase());
            changes.push(change::audit(record));
        }
    }
    let renewed = match nonce_keys(snapshot, now)? {
        Some(keys) => keys.renewed(now, rng),
        None => Some(NonceKeys::first(now, rng)),
    };
    if let Some(keys) = renewed {
        // Numbers and lists of numbers always have a JSON form.
        let json = Zeroizing::new(serde_json::to_vec(&keys).unwrap_or_default());
        changes.push(keep(NONCE_KEYS, KEYS, &json));
    }
    if subject_key(snapshot, now)?.is_none() {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(rng.bytes());
        changes.push(keep(SUBJECT_KEY, KEY, &*key));
    }
    if !changes.is_empty() {
        changes.push(tenant::changed(rng));
    }
    Ok(changes)
}

fn first_signing_keys(
    view: &View<'_, '_>,
    kind: KeyKind,
    now: Timestamp,
) -> Result<SigningKeys, Fault> {
    let name = view.deployment.login.host();
    SigningKeys::first_certified(kind, name, now)
        .map_err(|_| Fault::Corrupt("a certificate for a signing key could not be made"))
}
