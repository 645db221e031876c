//! Outgoing connections, the files of a device, and the production doors of the flows.
//!
//! Promises: a peer that cannot prove its name gets nothing; an answer is read to a limit and within a
//! time; nothing is followed, resolved or trusted that the caller did not name. State on disk is replaced
//! whole or not at all.
//! Knows nothing about: what a flow does next.

pub mod administration;
pub mod client;
mod connect;
mod cookies;
pub mod dns;
mod fault;
pub mod federation;
pub mod files;
pub mod hosts;
pub mod join;
pub mod kerberos;
mod keys;
mod moment;
pub mod notify;
pub mod password;
pub mod sign_in;
pub mod state;
pub mod tenant;
#[cfg(test)]
mod tests;
pub mod tickets;
mod url;
pub mod vault_key;

pub use client::{Client, ClientCertificate, Roots};
pub use fault::{CallFault, Distrust};
pub use hosts::{Hosts, InProcess};
