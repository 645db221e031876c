//! All parties of a scenario, its people and its story.
//!
//! [`run()`] makes a folder into a lab, or goes on with one: it starts every party on loopback, has a device join, a
//! person enrol and sign in through the documented flow and real sockets, tells the story as it happens, writes
//! what other programs need (`lab.json`, `krb5.conf`, keys, tickets), and serves until it is interrupted.
//!
//! Promises: needs no root, no installed package, no network; nothing is listened on but loopback; a folder that
//! is no lab's is never touched, and only a lab's is ever emptied; the secrets in it are for its user alone.
//! Knows nothing about: the command line, colours of a terminal it was not told of.
//!
//! To add a scenario: give its flow what runs it in `provisioning`, write a `Scenario` (`scenario.rs`; `onprem.rs` and
//! `cloud/` are there) and its device's `Walker`, and name it in `run.rs`.

mod cloud;
mod domain;
mod fault;
mod files;
mod flow;
mod folder;
mod kept;
mod onprem;
mod options;
mod person;
mod ports;
mod run;
mod scenario;
mod told;

pub use fault::Fault;
pub use options::{DEFAULT_BASE_PORT, DEFAULT_DIR, Options};
pub use run::run;
