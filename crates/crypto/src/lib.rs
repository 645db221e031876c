//! Etypes, key derivation, agreement, signatures, JOSE.
pub mod aead;
pub mod agreement;
pub mod base32;
pub mod constant_time;
pub mod digest;
pub mod etype;
pub mod jose;
pub mod kdf;
pub mod key;
pub mod mac;
pub mod password;
pub mod random;
pub mod signature;
pub mod totp;
