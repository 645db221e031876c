//! HMAC over whole messages.

use hmac::{Hmac, KeyInit, Mac};

use crate::constant_time;

/// HMAC-SHA-256 of `data`.
#[must_use]
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    hmac::<Hmac<sha2::Sha256>>(key, data).into()
}

/// Whether `tag` is the HMAC-SHA-256 of `data`, compared in constant time.
#[must_use]
pub fn verify_hmac_sha256(key: &[u8], data: &[u8], tag: &[u8]) -> bool {
    constant_time::equal(&hmac_sha256(key, data), tag)
}

/// HMAC-SHA-1 of `data`, for one-time passwords (RFC 6238).
pub(crate) fn hmac_sha1(key: &[u8], data: &[u8]) -> [u8; 20] {
    hmac::<Hmac<sha1::Sha1>>(key, data).into()
}

fn hmac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> hmac::digest::Output<M> {
    let mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(data).finalize().into_bytes()
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// RFC 4231 4.3 and RFC 2202 3, both case 2.
    #[test]
    fn computes_the_hmac_of_the_rfcs() {
        let data = b"what do ya want for nothing?";
        let tag = hex!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(hmac_sha256(b"Jefe", data), tag);
        assert!(verify_hmac_sha256(b"Jefe", data, &tag));
        assert!(!verify_hmac_sha256(b"Jefa", data, &tag));
        assert!(!verify_hmac_sha256(b"Jefe", data, &tag[..31]));
        assert_eq!(
            hmac_sha1(b"Jefe", data),
            hex!("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
        );
    }
}
