//! What entries, commits and claims are called.

use core::fmt;

use serde::{Deserialize, Serialize};
use trust::{Rng, Timestamp};
use wire::Guid;

/// The name of an entry for life: its objectGUID. It survives renaming and moving.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub Guid);

impl EntryId {
    /// What the topmost entry hangs on.
    pub const NONE: Self = Self(Guid::NIL);

    /// A name nobody has used before.
    pub fn random(rng: &mut dyn Rng) -> Self {
        Self(Guid::from_random(rng.bytes()))
    }

    /// A name nobody has used before, for an entry that is made at this moment. In the storage it lies behind those of entries
    /// that were made before, so that entries that are made together share its pages. It tells the moment, which `whenCreated`
    /// tells too.
    pub fn made_at(now: Timestamp, rng: &mut dyn Rng) -> Self {
        let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
        Self(Guid::from_time(millis, rng.bytes()))
    }

    /// The sixteen bytes as the storage orders them.
    pub(crate) const fn bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Guid> for EntryId {
    fn from(guid: Guid) -> Self {
        Self(guid)
    }
}

/// Which commit last wrote a row: the node's short number and the commit's number on that node.
///
/// Two states of a row have different stamps, so comparing stamps is comparing rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// The node's number within this store (not its GUID).
    pub node: u32,
    /// The commit's number on that node, from 1.
    pub number: u64,
}

impl Stamp {
    /// Older than every commit.
    pub const ZERO: Self = Self { node: 0, number: 0 };
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.number)
    }
}
