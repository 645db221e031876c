//! Entries, schema, snapshot, change, access, passwords: the directory that everything stands on.
//!
//! A [`Directory`] lies over a [`storage::Storage`]. Reading is a [`Snapshot`]: one state, typed questions
//! ([`Snapshot::account_by_sam`], [`Snapshot::device_by_id`], [`Snapshot::token_groups`] …), and a record
//! of what was read ([`Reads`]). Writing is [`Directory::commit`]: a list of [`Change`]s, all or none, if
//! what they were computed from still stands.
//!
//! Promises: a commit that has returned is durable and in the very next snapshot; what was read is
//! re-checked, presence and absence; names, SIDs and sign-in keys belong to one account; secrets rest
//! wrapped under a root key, are wiped in memory, and are never shown.
//! Knows nothing about: sockets, files, clocks, tickets, tokens; who may ask for a change is the party's
//! question, answered with [`access`].
//!
//! To add an attribute or class: a row in `schema/`. To add a kind of row: a line in the table of
//! `layout.rs`. To add a storage: implement [`storage::Storage`] and pass its contract tests.

pub mod access;
pub mod account;
pub mod audit;
mod bootstrap;
mod cache;
pub mod change;
pub mod check;
mod codec;
mod commit;
pub mod delegation;
mod device;
mod directory;
mod dn;
mod domain;
mod draft;
pub mod dump;
mod entry;
mod error;
mod feed;
mod followed;
pub mod group;
mod housekeeping;
mod id;
pub mod issuers;
mod layout;
pub mod ldap;
pub mod lockout;
pub mod password;
mod presented;
mod protected;
mod reached;
mod reads;
mod record;
pub mod respelled;
pub mod restore;
mod root_key;
pub mod schema;
mod snapshot;
pub mod sources;
pub mod storage;
pub mod tenant;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod value;
pub mod well_known;
pub mod withdrawn;

#[cfg(test)]
mod tests;

pub use account::{Account, AccountControl, AccountKind, KeyCredential, KeyValueId, Origin};
pub use audit::{Actor, AuditRecord, AuditResult};
pub use bootstrap::{Bootstrap, bootstrap};
pub use change::{Change, Edit, NewEntry};
pub use device::{CERTIFICATE_PREFIX, Device, DeviceCertificate};
pub use directory::{Directory, Node, Options, Subscription};
pub use dn::{Dn, InvalidDn, Rdn};
pub use domain::{Domain, StoreKind};
pub use entry::Entry;
pub use error::{CommitError, Fault, Refused};
pub use feed::{ChangeKind, Changed, ChangedRecord, Commit, Cursor, FeedError, FeedPage};
pub use group::{Group, GroupType, TokenGroup};
pub use housekeeping::{Retention, Swept};
pub use id::{EntryId, Stamp};
pub use presented::{NotPresented, Presented, presented};
pub use reached::Reached;
pub use reads::Reads;
pub use record::{AccountActivity, Activity, ClaimId, Job, JobId, Record, RecordValue, Table};
pub use root_key::RootKey;
pub use schema::{Attribute, Class};
pub use snapshot::{Lost, Snapshot};
pub use value::{Secret, Value, folded};
