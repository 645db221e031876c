//! Registration of devices and of people's keys: the rules that federation and tenant share (protocols B.3 to B.8, C.1).
//!
//! Promises: a key is written for somebody whose second factor was fresh when it was written ([`second_factor`]), for a
//! device that is registered and enabled, in the same commit as the record of who did it. What is refused changes
//! nothing.
//!
//! Knows nothing about: HTTP, how a token was issued, how a device certificate is made. The party reads the message,
//! asks here, and answers in its protocol's words.
//!
//! To add a kind of key: a module that proves what it demands, and returns changes.

pub mod access_pass;
pub mod device;
pub mod key_value;
pub mod member;
pub mod proven_device;
pub mod second_factor;
pub mod strength;
#[cfg(feature = "testing")]
pub mod testing;
pub mod user_key;
