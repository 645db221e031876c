//! The device's rules: container, gesture, PIN, vault seam, sign-in.

mod base64;
pub mod certificate;
pub mod container;
pub mod device;
pub mod file;
pub mod gesture;
pub mod hammering;
mod hello;
mod history;
pub mod pin;
pub mod registration;
pub mod status;
#[cfg(test)]
mod testing;
pub mod vault;

pub use hello::Hello;
pub use status::Status;
