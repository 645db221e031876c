//! Etypes, key derivation, agreement, signatures, JOSE.

pub mod random;
