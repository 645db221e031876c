//! Etypes, key derivation, agreement, signatures, JOSE.
pub mod constant_time;
pub mod digest;
pub mod etype;
pub mod random;
