//! The device registration service (protocols B) and the registration of keys (protocols C.2).

pub(crate) mod delete;
pub(crate) mod discovery;
pub(crate) mod join;
pub(crate) mod key;
pub(crate) mod key_delete;
pub(crate) mod nonce;
