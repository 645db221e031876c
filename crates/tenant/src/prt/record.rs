//! What rests of a primary refresh token, wrapped: whose it is, on which device, how its owner proved who they are, and the
//! session key.

use directory::{Change, Device, EntryId, Fault, Secret, Snapshot, change};
use serde::{Deserialize, Serialize};
use token::authentication::Authentication;
use token::secret::Digest;
use trust::{Span, Timestamp};
use wire::Guid;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::refused::Dead;
use crate::keys::{PRT, PRT_OF_DEVICE};

/// The version of the encoding.
const VERSION: u8 = 1;
/// For how long after its end a row is kept, so that whoever still has the session key is told why.
const KEPT_AFTER: Span = Span::days(7);
/// More rows than an account ever has on one device: of each kind it keeps few.
const MOST: usize = 1_000;

/// By what a primary refresh token was got: an account has one for each, on each device (PRT-5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Kind {
    Hello,
    Password,
    RefreshToken,
}

impl Kind {
    /// As the audit log says it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Password => "password",
            Self::RefreshToken => "refresh token",
        }
    }

    /// As a row of [`PRT_OF_DEVICE`] has it.
    const fn number(self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Password => 2,
            Self::RefreshToken => 3,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        let all = [Self::Hello, Self::Password, Self::RefreshToken];
        all.into_iter().find(|kind| kind.number() == number)
    }
}

/// A session key. Cleared when it is dropped, never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SessionKey(#[serde(with = "token::bytes")] pub(crate) [u8; 32]);

impl core::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SessionKey")
    }
}

impl SessionKey {
    /// By what it is known where it must not be told: uses of nonces.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        crypto::digest::sha256(&self.0)
    }
}

/// What rests.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PrtRecord {
    pub(crate) account: Guid,
    pub(crate) id: Guid,
    /// msDS-DeviceID.
    pub(crate) device: Guid,
    /// The entry of the device: another device that was given the same identifier is another.
    device_entry: EntryId,
    /// Of the text's secret.
    pub(crate) secret: Digest,
    pub(crate) session_key: SessionKey,
    /// When the session key was made, in microseconds since 1970, as all that follow.
    session_key_at: i64,
    /// What was proven: MFA facts are facts of the record, and not of a request (protocols A.16.2).
    pub(crate) authentication: Authentication,
    pub(crate) kind: Kind,
    /// The client that asked for it.
    pub(crate) client: String,
    issued: i64,
    expires: i64,
    /// From when on it cannot be renewed.
    absolute: i64,
    /// Why it is good no more, since somebody took care of that: it stays so whatever comes back.
    ended: Option<Dead>,
}

/// What a new row is made of.
pub(crate) struct New<'n> {
    pub(crate) account: Guid,
    pub(crate) id: Guid,
    pub(crate) secret: Digest,
    pub(crate) device: &'n Device,
    pub(crate) session_key: SessionKey,
    pub(crate) authentication: Authentication,
    pub(crate) kind: Kind,
    pub(crate) client: &'n str,
    pub(crate) expires: Timestamp,
    pub(crate) absolute: Timestamp,
}

impl PrtRecord {
    /// The row of a token that is new altogether.
    pub(crate) fn new(new: New<'_>, now: Timestamp) -> Self {
        Self {
            account: new.account,
            id: new.id,
            device: new.device.device_id,
            device_entry: new.device.id,
            secret: new.secret,
            session_key: new.session_key,
            session_key_at: now.micros(),
            authentication: new.authentication,
            kind: new.kind,
            client: new.client.to_owned(),
            issued: now.micros(),
            expires: new.expires.min(new.absolute).micros(),
            absolute: new.absolute.micros(),
            ended: None,
        }
    }

    /// The row of the token that follows this one: same session key, same proofs, same last day.
    pub(crate) fn renewed(
        &self,
        id: Guid,
        secret: Digest,
        expires: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            secret,
            issued: now.micros(),
            expires: expires.micros().min(self.absolute),
            ..self.clone()
        }
    }

    pub(crate) const fn device_entry(&self) -> EntryId {
        self.device_entry
    }

    pub(crate) fn expires(&self) -> Timestamp {
        Timestamp::from_micros(self.expires)
    }

    /// How old the session key is.
    pub(crate) fn session_key_age(&self, now: Timestamp) -> Span {
        now.since(self.began())
    }

    /// Why somebody ended it.
    pub(crate) const fn ended(&self) -> Option<Dead> {
        self.ended
    }

    /// When its session key was made, which no renewal changes.
    pub(crate) const fn began(&self) -> Timestamp {
        Timestamp::from_micros(self.session_key_at)
    }

    /// The same, ended for this reason; as it is, where it was ended before.
    pub(crate) fn end(mut self, why: Dead) -> Option<Self> {
        if self.ended.is_some() {
            return None;
        }
        self.ended = Some(why);
        Some(self)
    }

    /// The changes that write it, and the row by which it is found from its device.
    pub(crate) fn put(&self) -> [Change; 2] {
        let mut bytes = Zeroizing::new(vec![VERSION]);
        // Text keys and finite numbers alone, so there always is a JSON form.
        let json = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        bytes.extend_from_slice(&json);
        let until = self.expires() + KEPT_AFTER;
        let value = Secret::new(bytes.to_vec());
        [
            change::put(PRT, key(self.account, self.id), value, until),
            change::put(PRT_OF_DEVICE, self.device_key(), self.mark(), until),
        ]
    }

    /// What is read of it without opening it: its kind and when it was issued, eight bytes, big-endian.
    fn mark(&self) -> Vec<u8> {
        [&[self.kind.number()][..], &self.issued.to_be_bytes()].concat()
    }

    fn device_key(&self) -> Vec<u8> {
        let parts = [self.device_entry.0, self.account, self.id].map(Guid::to_bytes);
        parts.concat()
    }
}

fn key(account: Guid, id: Guid) -> Vec<u8> {
    [account, id].map(Guid::to_bytes).concat()
}

fn open(bytes: &[u8]) -> Option<PrtRecord> {
    serde_json::from_slice(bytes.strip_prefix(&[VERSION])?).ok()
}

/// The row of a token; `None` when there is none, or an older release wrote it in another form: whoever has it signs in
/// again.
pub(crate) fn find(
    snapshot: &Snapshot<'_>,
    account: Guid,
    id: Guid,
    now: Timestamp,
) -> Result<Option<PrtRecord>, Fault> {
    let record = snapshot.record(PRT, &key(account, id), now)?;
    Ok(record.and_then(|record| open(record.value.bytes())))
}

/// What is known of a row that is not opened.
pub(crate) struct Listed {
    /// Its key in [`PRT_OF_DEVICE`]: device, account, identifier.
    key: Vec<u8>,
    pub(crate) kind: Kind,
    issued: i64,
}

impl Listed {
    fn read(key: Vec<u8>, mark: &[u8]) -> Option<Self> {
        let (kind, issued) = mark.split_first()?;
        Some(Self {
            key,
            kind: Kind::of_number(*kind)?,
            issued: i64::from_be_bytes(issued.try_into().ok()?),
        })
    }

    /// Its key in [`PRT`].
    fn record(&self) -> &[u8] {
        self.key.get(16..).unwrap_or_default()
    }

    pub(crate) fn is(&self, id: Guid) -> bool {
        self.key.ends_with(&id.to_bytes())
    }

    pub(crate) const fn issued(&self) -> Timestamp {
        Timestamp::from_micros(self.issued)
    }

    /// The changes that remove it.
    pub(crate) fn remove(&self) -> [Change; 2] {
        [
            change::remove(PRT, self.record()),
            change::remove(PRT_OF_DEVICE, self.key.as_slice()),
        ]
    }
}

/// The rows that an account has on one device, however many it has elsewhere. Those that an older release wrote say too
/// little, and end by themselves.
pub(crate) fn of_account_on(
    snapshot: &Snapshot<'_>,
    account: Guid,
    device: EntryId,
    now: Timestamp,
) -> Result<Vec<Listed>, Fault> {
    let start = [device.0, account].map(Guid::to_bytes).concat();
    let rows = snapshot.records(PRT_OF_DEVICE, &start, &beyond(&start), MOST, now)?;
    let listed = rows
        .into_iter()
        .filter_map(|row| Listed::read(row.key, row.value.bytes()));
    Ok(listed.collect())
}

/// The rows that the keys of [`PRT_OF_DEVICE`] name.
fn rows_named<'k>(
    snapshot: &Snapshot<'_>,
    keys: impl Iterator<Item = &'k [u8]>,
    now: Timestamp,
) -> Result<Vec<PrtRecord>, Fault> {
    let mut found = Vec::new();
    for key in keys {
        if let Some(record) = key.get(16..) {
            let row = snapshot.record(PRT, record, now)?;
            found.extend(row.and_then(|row| open(row.value.bytes())));
        }
    }
    Ok(found)
}

/// Whose rows are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Whose {
    /// Those of a device, which may be gone.
    Device(EntryId),
    /// Those of an account.
    Account(EntryId),
}

/// Some of somebody's rows.
pub(crate) struct Page {
    pub(crate) rows: Vec<PrtRecord>,
    /// Where the next ones begin, where there may be more.
    pub(crate) next: Option<Vec<u8>>,
}

/// At most `most` rows, in the order of their keys, from `from` on.
pub(crate) fn page(
    snapshot: &Snapshot<'_>,
    whose: Whose,
    from: &[u8],
    most: usize,
    now: Timestamp,
) -> Result<Page, Fault> {
    let (table, start) = match whose {
        Whose::Device(device) => (PRT_OF_DEVICE, device.0.to_bytes()),
        Whose::Account(account) => (PRT, account.0.to_bytes()),
    };
    let first = match from.starts_with(&start) {
        true => from,
        false => &start,
    };
    // Those that are over count here, too: else nobody could tell whether these were all.
    let whenever = Timestamp::from_micros(i64::MIN);
    let found = snapshot.records(table, first, &beyond(&start), most, whenever)?;
    let next = match found.last() {
        Some(last) if found.len() >= most => Some([&last.key[..], &[0]].concat()),
        _ => None,
    };
    let kept = found.iter().filter(|row| row.expires > now);
    let rows = match whose {
        Whose::Device(_) => rows_named(snapshot, kept.map(|row| row.key.as_slice()), now)?,
        Whose::Account(_) => kept.filter_map(|row| open(row.value.bytes())).collect(),
    };
    Ok(Page { rows, next })
}

/// The end of the keys that begin with `start`; empty where that is the end of the table.
fn beyond(start: &[u8]) -> Vec<u8> {
    let mut end = start.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    end
}
