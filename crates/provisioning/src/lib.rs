//! The provisioning flows, their phases and doors.
//!
//! Promises: a flow is a plain blocking function, one readable line per documented phase; a phase
//! takes the doors of the parties that it involves and what the phase before it proved, so that none
//! can be skipped; a flow that stops leaves no half-registered key behind (ACC-6).
//! Knows nothing about: HTTP, files, vaults, PIN rules (the device's [`Device`] door judges a PIN).
//!
//! Start at [`flows::FLOWS`]. To add a flow: write its phases as a function in `flows.rs`, put it into
//! the table, add what a phase needs of a party to that party's trait in `doors.rs`, and describe it
//! in `docs/flows/`.

pub mod codes;
pub mod dialogue;
pub mod doors;
pub mod flows;
pub mod phases;
pub mod prerequisites;
mod secret;
mod stopped;
pub mod story;

pub use codes::Code;
pub use dialogue::Dialogue;
pub use doors::{Account, Device, Doors, Federation, Tenant, TokenService};
pub use flows::{FLOWS, Flow, Usable, enrol};
pub use prerequisites::{Facts, Report};
pub use secret::Secret;
pub use stopped::Stopped;
