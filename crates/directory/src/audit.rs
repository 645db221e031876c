//! Audit records: who did what to whom, and how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trust::Timestamp;
use wire::{Guid, Sid};

use crate::id::EntryId;

/// One line of the audit log. It is written in the same commit as what it tells of, and says no secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When, in microseconds since 1970.
    #[serde(with = "micros")]
    pub time: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// Where they came from: an address, or `local` for the socket on the server itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What was done, a stable word with dots: `key.add`, `account.disable`, `sign-in.pkinit`.
    pub action: String,
    /// The entry it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<EntryId>,
    /// What the target was called then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// The fingerprint of the public key it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The device it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Guid>,
    /// How it ended.
    pub result: AuditResult,
    /// Why it was refused, or what is remarkable about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whatever else helps; no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// Who did something.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Actor {
    /// Their SID; absent for the system itself and for someone who did not authenticate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Sid>,
    /// What they are called: a UPN, a principal name, `system`, `anonymous`, `root`.
    pub name: String,
}

/// How something ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditResult {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It failed by our own trouble.
    Failed,
}

impl Actor {
    /// The server itself.
    #[must_use]
    pub fn system() -> Self {
        Self::named("system")
    }

    /// Someone who has not authenticated.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::named("anonymous")
    }

    /// Someone without an account in the directory.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            sid: None,
            name: name.into(),
        }
    }
}

impl AuditRecord {
    /// A record of something that was done.
    #[must_use]
    pub fn done(time: Timestamp, actor: Actor, action: impl Into<String>) -> Self {
        Self::new(time, actor, action, AuditResult::Done)
    }

    /// A record of something that was refused, and why.
    #[must_use]
    pub fn refused(
        time: Timestamp,
        actor: Actor,
        action: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::new(time, actor, action, AuditResult::Refused)
        }
    }

    fn new(time: Timestamp, actor: Actor, action: impl Into<String>, result: AuditResult) -> Self {
        Self {
            time,
            actor,
            from: None,
            action: action.into(),
            target: None,
            target_name: None,
            key: None,
            device: None,
            result,
            reason: None,
            details: BTreeMap::new(),
        }
    }

    /// The same record, saying where the actor came from.
    #[must_use]
    pub fn from_address(mut self, from: impl Into<String>) -> Self {
        self.from = Some(from.into());
        self
    }

    /// The same record, saying what it was done to.
    #[must_use]
    pub fn on(mut self, target: EntryId, name: impl Into<String>) -> Self {
        self.target = Some(target);
        self.target_name = Some(name.into());
        self
    }

    /// The same record, saying which key it was about.
    #[must_use]
    pub fn about_key(mut self, fingerprint: impl ToString) -> Self {
        self.key = Some(fingerprint.to_string());
        self
    }

    /// The same record, saying which device it was about.
    #[must_use]
    pub fn about_device(mut self, device: Guid) -> Self {
        self.device = Some(device);
        self
    }

    /// The same record with one more detail.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.details.insert(name.into(), value.to_string());
        self
    }
}

mod micros {
    use serde::{Deserialize, Deserializer, Serializer};
    use trust::Timestamp;

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(time.micros())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_micros)
    }
}
