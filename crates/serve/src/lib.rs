//! Every listening socket, and the loop that turns a request into an answer and a commit.
//!
//! Promises: a message is framed and bounded before a party sees it; a party's failure stays with its
//! request; nothing is sent before what it says is committed. It is the only crate that is asynchronous.
//! Knows nothing about: what a message means.

mod accept;
mod access;
mod audit;
mod connections;
mod conversation;
mod cryptography;
mod datagrams;
mod door;
mod fault;
mod fetch;
mod gate;
mod guard;
mod holder;
mod https;
mod ldap;
mod listeners;
mod local;
mod metrics;
mod moment;
mod node;
mod operations;
mod places;
mod room;
mod server;
mod settings;
mod setup;
mod signatures;
mod sockets;
mod streams;
mod supervisor;
#[cfg(test)]
mod tests;
mod tls;
mod translate;

pub use audit::{Audit, AuditSettings};
pub use door::Outside;
pub use fault::{Fault, Role};
pub use listeners::{Asked, Signals};
pub use metrics::Metrics;
pub use node::{Listener, REACTIONS, Revoked};
pub use server::{Parts, Running, Server, Tenant, check_tls, found_authorities, restored};
pub use settings::{
    ChannelBindings, DigestName, EtypeName, GroupName, Kdc, Ldap, Limits, Listen, Revocation,
    Settings, StrongMapping, Tls, ValidatedWrite,
};
pub use setup::{Administrator, set_up, set_up_tenant};
pub use sockets::{Addresses, Inherited, probe};
pub use supervisor::Supervisor;
pub use tls::Identity;
