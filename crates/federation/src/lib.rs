//! The on-premises security token service and enterprise device registration service: AD FS's endpoints, as far as
//! sign-in, join and key registration need them (protocols F.1, B.1.2, B.8, C.1).
//!
//! Promises: a token is issued for somebody who has proven what client and resource ask for; a device is named in it
//! when it proved itself; what was acknowledged was committed; the peer learns a code, the log the reason. Nothing but
//! the probe is answered without TLS.
//!
//! Knows nothing about: sockets, files, clocks, other parties. Certificates are asked for through the directory.
//!
//! To add an endpoint: a line in [`answer()`]'s table and a module. To add a client or relying party: `catalogue.rs`.

mod answer;
mod asked;
mod authorize;
mod catalogue;
mod claims;
mod contract;
mod device;
mod documents;
mod exchange;
mod key;
mod keys;
mod logout;
mod memory;
mod negotiate;
mod new_password;
mod records;
mod refused;
mod reply;
mod section;
mod settings;
mod story;
#[cfg(test)]
mod tests;
mod userinfo;
mod words;

pub use answer::answer;
pub use keys::signing_keys;
pub use memory::Memory;
pub use records::{keys_table, short_lived_tables};
pub use refused::Refused;
pub use reply::{Answer, Reply};
pub use section::{Application, InvalidSettings, Section};
pub use settings::Settings;
pub use signin::Limits;

use directory::{Change, ChangeKind, Class, Commit, Fault, Snapshot};
use trust::{Rng, Timestamp};

/// What the party may read.
#[derive(Clone, Copy)]
pub struct View<'a, 'd> {
    /// A state of the directory.
    pub snapshot: &'a Snapshot<'d>,
    /// The configuration.
    pub settings: &'a Settings,
    /// What is kept in memory between requests.
    pub memory: &'a Memory,
    /// The counters of wrong passwords, shared with everyone who checks passwords.
    pub lockout: &'a directory::lockout::Lockout,
    /// What hashing a password costs.
    pub password_cost: crypto::password::Cost,
}

/// What follows from what others committed: a device whose entry is gone takes the keys along that people registered
/// from it (security.md row 6). Sessions and refresh tokens need no reaction: each use judges the account and the
/// device anew.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn react(
    committed: &Commit,
    view: &View<'_, '_>,
    now: Timestamp,
    _rng: &mut dyn Rng,
) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    for gone in committed
        .changed
        .iter()
        .filter(|changed| changed.kind == ChangeKind::Deleted)
    {
        if gone.class == Class::Device {
            changes.extend(registration::proven_device::left_behind(
                view.snapshot,
                gone.id,
                now,
            )?);
        }
    }
    Ok(changes)
}

/// What is due: the first signing key, its successors, and the end of those that are over. Run before the first answer.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn tick(view: &View<'_, '_>, now: Timestamp, _rng: &mut dyn Rng) -> Result<Vec<Change>, Fault> {
    keys::due(view, now)
}
