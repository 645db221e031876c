//! What parties keep in the directory besides entries: records, claims, jobs.

use std::fmt;

use trust::{Rng, Timestamp};

use crate::codec::{Corrupt, Reader, Writer};
use crate::id::Stamp;
use crate::value::Secret;

/// A party's own table of records. Its name is the party's, a dot, and a noun: `federation.codes`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Table {
    name: &'static str,
    watched: bool,
    quiet: bool,
}

impl Table {
    /// The table with this name, which is to be unique among parties and at most 100 bytes long.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(!name.is_empty() && name.len() <= 100);
        Self {
            name,
            watched: false,
            quiet: false,
        }
    }

    /// As [`Table::new`], with few records that never expire and are seldom written: when each was, memory knows
    /// ([`crate::Snapshot::written`]).
    #[must_use]
    pub const fn watched(name: &'static str) -> Self {
        Self {
            watched: true,
            ..Self::new(name)
        }
    }

    /// As [`Table::new`], with records that nobody reacts to: no commit tells of them ([`crate::Commit::records`]), and one of
    /// them alone wakes nobody. For what each sign-in writes.
    #[must_use]
    pub const fn quiet(name: &'static str) -> Self {
        Self {
            quiet: true,
            ..Self::new(name)
        }
    }

    pub(crate) const fn is_watched(self) -> bool {
        self.watched
    }

    pub(crate) const fn is_quiet(self) -> bool {
        self.quiet
    }

    /// The table's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// A record's value: as it is, or wrapped under the root key while it rests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordValue {
    /// Kept as it is.
    Plain(Vec<u8>),
    /// Kept wrapped (a private key, a token's secret).
    Secret(Secret),
}

impl RecordValue {
    /// The bytes, however they rest.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

impl From<Vec<u8>> for RecordValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Plain(bytes)
    }
}

impl From<Secret> for RecordValue {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

/// A record as it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its key within the table.
    pub key: Vec<u8>,
    /// Its value.
    pub value: RecordValue,
    /// From when on it is gone; [`Timestamp::NEVER`] for a lasting one.
    pub expires: Timestamp,
    /// Which commit wrote it.
    pub stamp: Stamp,
}

pub(crate) struct StoredRecord<'a> {
    pub(crate) expires: Timestamp,
    pub(crate) wrapped: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> StoredRecord<'a> {
    pub(crate) fn write(&self) -> Vec<u8> {
        Writer::new()
            .time(self.expires)
            .u8(u8::from(self.wrapped))
            .raw(self.value)
            .finish()
    }

    pub(crate) fn read(mut from: Reader<'a>) -> Result<Self, Corrupt> {
        Ok(Self {
            expires: from.time()?,
            wrapped: from.u8()? != 0,
            value: from.remainder(),
        })
    }
}

/// The name of something that can be done once: a code, a nonce, a one-time password.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub(crate) [u8; 32]);

impl ClaimId {
    /// The name of `value` in a `space` of its own (`federation.code`). Only a digest is kept, so the
    /// store does not tell the value.
    #[must_use]
    pub fn new(space: &'static str, value: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(space.len() + 1 + value.len());
        bytes.extend_from_slice(space.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(value);
        Self(crypto::digest::sha256(&bytes))
    }
}

impl fmt::Debug for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimId(")?;
        for byte in self.0.iter().take(6) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…)")
    }
}

/// The name of a job. Scheduling it again replaces it, so that a job is never there twice.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JobId(String);

impl JobId {
    /// The longest name in bytes.
    pub const LIMIT: usize = 200;

    /// A job named after what it does: `authority.renew-crl`. `None` when the name is empty or longer
    /// than [`JobId::LIMIT`].
    #[must_use]
    pub fn named(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        (1..=Self::LIMIT)
            .contains(&name.len())
            .then_some(Self(name))
    }

    /// A job that is one of many of its kind.
    pub fn random(rng: &mut dyn Rng) -> Self {
        Self(wire::Guid::from_random(rng.bytes()).to_string())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Work that is committed with the changes that ask for it, and done later; idempotent, for it may be
/// done twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What is to be done, a word that its doer knows: `mail`, `renew-crl`.
    pub kind: String,
    /// When it is due.
    pub due: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What its doer needs to know.
    pub payload: Vec<u8>,
}

impl Job {
    /// A job that nobody tried yet.
    #[must_use]
    pub fn new(id: JobId, kind: impl Into<String>, due: Timestamp, payload: Vec<u8>) -> Self {
        Self {
            id,
            kind: kind.into(),
            due,
            attempts: 0,
            payload,
        }
    }

    /// The same job, to be tried again at `due`.
    #[must_use]
    pub fn again(mut self, due: Timestamp) -> Self {
        self.due = due;
        self.attempts = self.attempts.saturating_add(1);
        self
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        Writer::new()
            .time(self.due)
            .u32(self.attempts)
            .text(&self.kind)
            .raw(&self.payload)
            .finish()
    }

    pub(crate) fn read(id: &str, mut from: Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            id: JobId(id.to_owned()),
            due: from.time()?,
            attempts: from.u32()?,
            kind: from.text()?.to_owned(),
            payload: from.remainder().to_vec(),
        })
    }
}

/// What is kept about an account outside of its entry, because a new version of the entry is not worth it
/// (AD does not replicate these either).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Activity {
    /// lastLogon.
    pub last_logon: Option<Timestamp>,
    /// logonCount.
    pub logon_count: u64,
    /// badPwdCount.
    pub bad_password_count: u32,
    /// badPasswordTime.
    pub bad_password_time: Option<Timestamp>,
}

/// Something an account did that changes its [`Activity`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountActivity {
    /// It signed in, `times` times since it was noted last, the last time at `last`.
    SignedIn {
        /// lastLogon.
        last: Timestamp,
        /// What is added to logonCount.
        times: u32,
    },
    /// So many further wrong passwords, the last of them then, whatever the count was.
    MoreBadPasswords {
        /// How many.
        more: u32,
        /// When.
        last: Timestamp,
    },
    /// Its password was wrong; the counter stands at `count`. 0 resets it.
    BadPassword {
        /// badPwdCount.
        count: u32,
        /// badPasswordTime.
        last: Timestamp,
    },
}

impl Activity {
    pub(crate) fn note(&mut self, activity: AccountActivity) {
        match activity {
            AccountActivity::SignedIn { last, times } => {
                self.last_logon = Some(self.last_logon.map_or(last, |noted| noted.max(last)));
                self.logon_count = self.logon_count.saturating_add(u64::from(times));
            }
            AccountActivity::MoreBadPasswords { more, last } => {
                self.bad_password_count = self.bad_password_count.saturating_add(more);
                self.bad_password_time =
                    Some(self.bad_password_time.map_or(last, |time| time.max(last)));
            }
            AccountActivity::BadPassword { count, last } => {
                self.bad_password_count = count;
                self.bad_password_time = Some(last);
            }
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let never = |time: Option<Timestamp>| time.unwrap_or(Timestamp::NEVER);
        Writer::new()
            .time(never(self.last_logon))
            .u64(self.logon_count)
            .u32(self.bad_password_count)
            .time(never(self.bad_password_time))
            .finish()
    }

    pub(crate) fn read(mut from: Reader<'_>) -> Result<Self, Corrupt> {
        let some = |time: Timestamp| (time != Timestamp::NEVER).then_some(time);
        Ok(Self {
            last_logon: some(from.time()?),
            logon_count: from.u64()?,
            bad_password_count: from.u32()?,
            bad_password_time: some(from.time()?),
        })
    }
}
