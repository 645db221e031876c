//! The issuing certification authority: profiles, lint, CRL.

pub mod lint;
mod profile;

pub use profile::{KdcNames, Profile, TlsNames};
