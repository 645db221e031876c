//! Etypes, key derivation, agreement, signatures, JOSE.
pub mod aead;
pub mod agreement;
pub mod constant_time;
pub mod digest;
pub mod etype;
pub mod key;
pub mod random;
pub mod signature;
