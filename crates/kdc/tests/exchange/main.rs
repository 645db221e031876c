//! The KDC at its boundary: `answer` with whole messages, a directory in memory, a clock that is moved.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod addresses;
mod alike;
mod armor;
mod cases;
mod certificates;
mod fast;
mod forge;
mod granting;
mod hidden_names;
mod hostile_agreement;
mod hostile_binding;
mod hostile_certificates;
mod hostile_granting;
mod hostile_initial;
mod hostile_key;
mod hostile_signature;
mod initial;
mod mutation;
mod names;
mod old;
mod passwords;
mod pkinit;
mod protection;
mod renewal;
mod rotation;
mod s4u;
mod sha1_signature;
mod signatures;
mod stage;
mod status;
mod table;
mod unproven;
mod user_to_user;
mod world;
