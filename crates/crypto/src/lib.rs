//! Etypes, key derivation, agreement, signatures, JOSE: everything here computes, nothing decides.
//!
//! Promises:
//! - Secrets are cleared when they are dropped, are not printed, and are compared in constant time.
//! - No input makes it panic, whoever sent it; what it parses it checks whole, and what it gives out
//!   is canonical, so that equal keys are equal values.
//! - A weak or wrong algorithm has no door: no DES, no RC4, no MD5, no JOSE `none`. What a
//!   compatibility switch may allow (SHA-1 under an RSA signature, agreement in the group of 1024 bits) asks for a value
//!   that names it. The
//!   one checksum that a protocol makes with HMAC-MD5 alone is [`for_user`], the one name that one makes with MD5
//!   [`channel_bindings`], and nothing else can use it.
//! - Every algorithm is tested with the published vectors of its specification, whole.
//!
//! Knows nothing about: time, policy, accounts, messages. Chance comes in as bytes where whoever calls must
//! be able to repeat it (confounders, nonces, salts, the seed of an agreement); keys are generated and
//! ECDSA signs with the cryptographic library's own generator, [`random`].
//!
//! What is where: [`etype`] Kerberos encryption and checksums ([`for_user`] the one of PA-FOR-USER); [`agreement`] and [`kdf`] PKINIT's
//! Diffie-Hellman and what is made of it; [`key`] and [`signature`] public keys; [`jose`] tokens;
//! [`envelope`] and [`oaep`] a secret under somebody's RSA key; [`aead`], [`password`], [`totp`] what rests in the store and what people type.
//!
//! Where it is fast it says so: a key that serves often is prepared once ([`etype::KeySchedule`],
//! [`signature::Verifier`]). `cargo run --release -p keyporch-crypto --example floor` measures it.
//!
//! To add an algorithm: a variant of the enum that names its kind, its row in that enum's functions, its
//! vectors; the compiler shows the rest.

pub mod aead;
pub mod agreement;
pub mod base32;
pub mod channel_bindings;
pub mod constant_time;
pub mod digest;
pub mod envelope;
pub mod etype;
pub mod for_user;
pub mod jose;
pub mod kdf;
pub mod key;
pub mod mac;
pub mod oaep;
pub mod password;
pub mod random;
pub mod signature;
pub mod totp;
