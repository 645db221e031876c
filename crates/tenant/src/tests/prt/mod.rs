//! Primary refresh tokens: nonces, requests of devices, renewal, what ends them.

pub(in crate::tests) mod client;
mod hello;
mod hostile;
mod life;
mod nonces;
mod other;
mod sso;
