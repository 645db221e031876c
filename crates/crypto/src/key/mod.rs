//! Public and private keys: RSA, P-256 and P-384.
//!
//! A [`PublicKey`] is canonical: two of them are equal exactly when they are the same key, whatever
//! form they came in. That is what key trust compares (protocols E.4.3), never an identifier.

pub mod ahead;
mod material;
mod private;
mod public;
mod roca;
mod strength;

#[cfg(test)]
mod tests;

pub use private::{KeyKind, PrivateKey, UnusableKey};
pub use public::{
    Curve, EcPublicKey, Fingerprint, MAX_RSA_BITS, MalformedKey, PublicKey, RsaPublicKey,
};
pub use strength::WeakKey;
