//! Kerberos for those who ask for tickets, make them or accept them.
//!
//! Promises: a ticket is closed and opened in one place ([`seal()`], [`open`]); a client counts as
//! accepted only as [`Accepted`], which only [`accept()`] and [`judge`] make; a PAC's content is reached only
//! through its verification.
//!
//! Knows nothing about: accounts, policy, sockets. Which keys a principal has, and who may have a
//! ticket, is the caller's to say.

mod accept;
pub mod client;
pub mod gss;
mod keys;
pub mod means;
pub mod pac;
mod replay;
mod seal;

pub use accept::{Accepted, Rules, Unaccepted, accept, judge, session_key};
pub use keys::{KeySet, Keys, VersionedKey, choose_etype};
pub use means::{CertificateMeans, KeyMeans, Means};
pub use replay::Recent;
pub use seal::{Unopened, open, seal};
