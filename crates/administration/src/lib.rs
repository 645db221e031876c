//! The administration API: what an administrator, and in small things a person, may ask of the directory.
//!
//! JSON over HTTP under `/administration/v1`; `docs/administration-api.md` says it endpoint by endpoint, for both
//! sides. The client is `call::administration`.
//!
//! Promises: whoever asks was proven with every request anew, second factor, account and device included
//! ([`Caller`]); what they ask for is done in one commit with the record of who did it; no secret stands in a record,
//! in an answer but the one that was asked for it, or in an error; whatever bytes come, there is an answer.
//!
//! Knows nothing about: sockets, files, clocks, how a token is issued, how a certificate is. The authority is lent to
//! it through [`Certificates`].
//!
//! How to run it: with a snapshot, [`answer()`]; commit its changes with the snapshot's reads; then, with a
//! [`View`] of a snapshot that has them, [`Answer::response`]. When the commit is a conflict, ask again; when the
//! directory refuses the changes, [`not_committed`]. Passwords are hashed in [`answer()`], which takes its time: run it
//! on a worker thread, never inside a transaction.
//!
//! To add an endpoint: a row in `endpoints.rs`, a function in the module of its noun, a line in the document.

mod answer;
mod applications;
mod asked;
mod audit_log;
mod authority;
mod body;
mod caller;
mod certificates;
mod computers;
mod delegation;
mod devices;
mod domain;
mod domains;
mod done;
mod endpoints;
mod export;
mod factors;
mod groups;
mod guard;
mod import;
mod issuers;
mod key_input;
mod keys;
mod keytab;
mod list;
mod logon;
mod mappings;
mod names;
mod own;
mod policies;
mod principals;
mod refused;
mod rights;
mod rotation;
mod services;
mod shown;
mod status;
mod tenant;
mod users;

use crypto::password::Cost;
use directory::Snapshot;
use directory::lockout::Lockout;
use trust::Span;

pub use answer::{Answer, answer, not_committed};
pub use authority::{AuthorityFault, Certificates, IssuedCertificate, NotRevoked};
pub use caller::{Caller, SECOND_FACTOR_LIFETIME};
pub use endpoints::{PREFIX, endpoints};
pub use refused::{Fault, Refused};
pub use rotation::tick;

/// What the party may read.
#[derive(Clone, Copy)]
pub struct View<'a, 'd> {
    /// A state of the directory.
    pub snapshot: &'a Snapshot<'d>,
    /// Wrong passwords, counted for everybody who takes passwords.
    pub lockout: &'a Lockout,
    /// What the directory does not say of the installation.
    pub deployment: &'a Deployment,
    /// The certificates that the authority issued; `None` where this server runs no authority.
    pub certificates: Option<&'a dyn Certificates>,
}

/// What the directory does not say of the installation.
#[derive(Clone, PartialEq, Debug)]
pub struct Deployment {
    /// Where the KDCs are, `host` or `host:port`, the first to be tried first.
    pub kdcs: Vec<String>,
    /// The certificates, DER, by which a device believes a KDC.
    pub roots: Vec<Vec<u8>>,
    /// What hashing a password costs.
    pub password_cost: Cost,
    /// How long tickets may still be shown after the key that sealed them was replaced: the longest life of a
    /// ticket, and twice what clocks may be apart.
    pub key_overlap: Span,
    /// The names of the resources that the tenant has by itself, besides its applications.
    pub resources: Vec<String>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            kdcs: Vec::new(),
            roots: Vec::new(),
            password_cost: Cost::default(),
            key_overlap: Span::hours(10) + Span::minutes(10),
            resources: Vec::new(),
        }
    }
}
