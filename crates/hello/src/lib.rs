//! The device's rules: container, gesture, PIN, vault seam, sign-in.

pub mod hammering;
pub mod pin;
