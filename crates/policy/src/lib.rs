//! One struct per setting; the effective policy is a value.
//!
//! Promises: which setting wins is decided here and nowhere else. [`PolicyObject`]s go in, with what
//! a person and a computer are members of; one [`Effective`] comes out, with the reason for each
//! value beside it. A value that is out of range where it is stored is treated as unset and noted,
//! never passed on.
//! Knows nothing about: PINs that people type (`hello` judges them by [`PinPolicy`]), enrolment
//! (`provisioning` reads [`Effective`]), sockets, files.
//!
//! To add a setting: write its unit struct beside its neighbours in `settings/`, name it in
//! [`settings::SETTINGS`], and give [`Effective`] the field that parties read.

mod effective;
mod object;
mod pin;
mod setting;
pub mod settings;
pub mod stored;

pub use effective::{Decision, Effective};
pub use object::{Half, Link, Membership, NotSet, PolicyObject, Settings};
pub use pin::{CharacterClass, Class, PinPolicy, Profile, Violation};
pub use setting::{About, Halves, Invalid, Kind, Registry, Setting, Value};
pub use stored::{PolicyError, effective};
