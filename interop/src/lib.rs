//! Clients that nobody here wrote, against the lab and against a server of one's own.
//!
//! The lab runs as its users run it: the built `keyporchd lab` as a process of its own, spoken to
//! through its sockets and described by its `lab.json` alone. A test that lacks a program fails and
//! says which Debian package has it; `cargo xtask test` installs them.

mod heimdal;
mod himmelblau;
mod lab;
mod ldap;
mod machine;
mod minikerberos;
mod namespace;
mod program;
mod recorder;
mod server;
mod sssd;

pub use heimdal::Heimdal;
pub use himmelblau::{Himmelblau, Place, Step};
pub use lab::{Lab, Person, binary};
pub use ldap::{DOMAIN_CONTROLLER, Ldap};
pub use machine::{Machine, sshd};
pub use minikerberos::{Minikerberos, Secret};
pub use namespace::{Network, Running};
pub use program::{Background, Finished, Krb5, free_port, libfaketime, run};
pub use recorder::Recorder;
pub use server::{Device, Server};
pub use sssd::Workstation;
