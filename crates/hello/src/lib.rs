//! The device's rules: container, gesture, PIN, vault seam, sign-in.
//!
//! [`Hello`] is everything that a device keeps, opened together: the [`vault`], the people's
//! [`container`]s, and what the join left ([`registration`]). It is the device's door in a provisioning
//! flow ([`Hello::enrolling`]) and signs people in afterwards: to the domain ([`Hello::sign_in`]), or to the tenant
//! ([`Hello::sign_in_to_tenant`]).
//!
//! Promises: a private key is used only by whoever proved the gesture ([`vault::Unlocked`] is that
//! proof); an attempt is counted, durably, before it is judged; a PIN is neither stored nor sent
//! (POL-PIN-14); a file that cannot be read is left as it is. The one vault of this release is level
//! `software`, which says of itself what it does not promise ([`vault::Level::promise`]).
//! Knows nothing about: sockets, where files are, clocks, which policy wins, what a server checks.
//!
//! To add a vault: implement [`vault::Vault`] and give [`vault::Level`] its name. To add a field to the
//! status: a line in its section in `status.rs`.

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
pub mod prt;
pub mod registration;
pub mod sign_in;
pub mod status;
pub mod tenant;
#[cfg(test)]
mod testing;
pub mod vault;

pub use hello::Hello;
pub use status::Status;
