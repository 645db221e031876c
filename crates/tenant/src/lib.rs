//! A tenant: the authority in the cloud of which devices and people are members, self-hosted (protocols A to C).
//!
//! It tells where it is found, signs people in, gives tokens, registers devices and keys, and gives devices primary refresh
//! tokens. One tenant is one directory of its own; several may live in one process and share nothing but the sockets.
//!
//! Promises: a token is given to somebody who has proven what client and resource ask for; what was acknowledged was
//! committed; the peer learns a code (protocols A.3.2), the log the reason. Nothing is answered without TLS. What another
//! tenant gave opens nothing here.
//!
//! Knows nothing about: sockets, files, clocks, other parties. Certificates and notifications are asked for through the
//! directory.
//!
//! To add an endpoint: a row in the `ROUTES` of its module, which stands in the list of `answer.rs`. To add a built-in
//! client or resource: `catalogue.rs`. To add an error number: `aadsts.rs`. To add a reason to refuse: an enum in the
//! module that refuses, which implements `Reason` of `refused.rs`.

mod aadsts;
mod answer;
mod asked;
mod authorize;
mod catalogue;
mod claims;
mod client_auth;
mod config;
mod consent;
mod credential_type;
mod deployment;
mod device_code_page;
mod documents;
mod drs;
mod exchange;
mod grants;
mod graph;
mod home_realm;
mod house;
mod jobs;
mod keys;
mod known;
mod limits;
mod logout;
mod memory;
mod nonce;
mod prt;
mod react;
mod realm;
mod refused;
mod reply;
mod response;
mod revoke;
mod routing;
mod section;
mod sid_to_name;
mod sso;
mod story;
#[cfg(test)]
mod tests;
mod userinfo;
mod words;

pub use answer::answer;
pub use catalogue::resource_names;
pub use deployment::{Deployment, InvalidDeployment, Origin};
pub use exchange::is_quick;
pub use home_realm::home_realm;
pub use jobs::{Errand, Outcome, done, errand};
pub use keys::{keys_tables, short_lived_tables};
pub use known::Known;
pub use memory::Memory;
pub use reply::{Answer, Reply};
pub use routing::{Names, Which, which};
pub use section::Section;
pub use signin::Limits;

use std::sync::Arc;

use directory::{Change, Commit, Fault, Snapshot};
use trust::{Rng, Timestamp};

/// What the party may read.
#[derive(Clone, Copy)]
pub struct View<'a, 'd> {
    /// A state of the tenant's own directory.
    pub snapshot: &'a Snapshot<'d>,
    /// Where the tenant is found.
    pub deployment: &'a Deployment,
    /// What is kept in memory between requests.
    pub memory: &'a Memory,
    /// The counters of wrong passwords, shared with everyone who checks passwords of this directory.
    pub lockout: &'a directory::lockout::Lockout,
    /// What hashing a password costs.
    pub password_cost: crypto::password::Cost,
}

/// What is known of the tenant from what rarely changes: its names, and the keys by which other resources of this
/// authority verify access tokens.
///
/// # Errors
/// [`Fault`] when the directory fails, or holds no keys yet: [`tick`] makes the first.
pub fn known(view: &View<'_, '_>, now: Timestamp) -> Result<Arc<Known>, Fault> {
    known::known(view, now)
}

/// What follows from what others committed.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn react(
    committed: &Commit,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    react::react(committed, view, now, rng)
}

/// What is due: the first keys, their successors, and the end of those that are over. Run before the first answer.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn tick(view: &View<'_, '_>, now: Timestamp, rng: &mut dyn Rng) -> Result<Vec<Change>, Fault> {
    keys::due(view, now, rng)
}
