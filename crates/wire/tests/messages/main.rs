//! One binary, a module per subject. Vectors are files below `tests/vectors/`, each directory with a note on
//! where its files come from.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test fails as the test does"
)]

extern crate keyporch_wire as wire;

mod cms;
mod fast;
mod kerberos;
mod ldap;
mod password;
mod pkinit;
mod properties;
mod s4u;
mod spnego;

/// A file below `tests/vectors/`.
macro_rules! vector {
    ($path:literal) => {
        include_bytes!(concat!("../vectors/", $path)).as_slice()
    };
}
use vector;

/// One DER element of up to 64 KiB.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match contents.len() {
        length @ 0..=0x7f => bytes.push(length as u8),
        length @ 0x80..=0xff => bytes.extend([0x81, length as u8]),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(contents);
    bytes
}
