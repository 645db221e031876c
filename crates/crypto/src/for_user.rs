//! The checksum of PA-FOR-USER (MS-SFU 2.2.1), and no more: with [`channel_bindings`](crate::channel_bindings)
//! the one place where MD5 is.
//!
//! MS-SFU fixes KERB_CHECKSUM_HMAC_MD5 (type -138, RFC 4757 4) for it whatever the etype of the session key,
//! and every client computes it so. What it has to withstand is little: whoever holds the session key made
//! the request around it, whose own checksum is the etype's; and HMAC does not fall with MD5's collisions
//! (RFC 6151 2.3). A request that has PA-S4U-X509-USER too is judged by that one's checksum.

use hmac::{Hmac, KeyInit, Mac};
use zeroize::Zeroizing;

use crate::constant_time;
use crate::etype::{IntegrityError, Key, KeyUsage};

/// The number of this checksum's type.
pub const CHECKSUM_TYPE: i32 = -138;

/// The checksum with the session key over what MS-SFU 2.2.1 says, `wire::kerberos::PaForUser::checksum_input`.
#[must_use]
pub fn checksum(session_key: &Key, input: &[u8]) -> [u8; 16] {
    rfc_4757(
        session_key.bytes(),
        KeyUsage::KERB_NON_KERB_CKSUM_SALT,
        input,
    )
}

/// Checks the checksum.
///
/// # Errors
/// [`IntegrityError`] when `checksum` is not that of `input`.
pub fn verify(session_key: &Key, input: &[u8], tag: &[u8]) -> Result<(), IntegrityError> {
    if constant_time::equal(&checksum(session_key, input), tag) {
        Ok(())
    } else {
        Err(IntegrityError)
    }
}

/// HMAC(HMAC(key, "signaturekey\0"), MD5(usage, little-endian | input)) (RFC 4757 4).
fn rfc_4757(key: &[u8], usage: KeyUsage, input: &[u8]) -> [u8; 16] {
    let signing = Zeroizing::new(hmac_md5(key, b"signaturekey\0"));
    let digest = {
        use md5::Digest as _;
        md5::Md5::new()
            .chain_update(usage.0.to_le_bytes())
            .chain_update(input)
            .finalize()
    };
    hmac_md5(&*signing, &digest)
}

fn hmac_md5(key: &[u8], data: &[u8]) -> [u8; 16] {
    let mac =
        <Hmac<md5::Md5> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(data).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::etype::Etype;

    /// RFC 2202 2, cases 1, 2 and 6.
    #[test]
    fn computes_hmac_md5_as_rfc_2202_does() {
        assert_eq!(
            hmac_md5(&[0x0b; 16], b"Hi There"),
            hex!("9294727a3638bb1c13f48ef8158bfc9d")
        );
        assert_eq!(
            hmac_md5(b"Jefe", b"what do ya want for nothing?"),
            hex!("750c783e6ab0b503eaa86e310a5db738")
        );
        assert_eq!(
            hmac_md5(
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            ),
            hex!("6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd")
        );
    }

    /// MIT krb5 `t_cksums.c`, HMAC-MD5 of RC4, usage 6.
    #[test]
    fn computes_the_checksum_that_mit_computes() {
        let key = hex!("f7d3a155af5e238a0b7a871a96ba2ab2");
        let input = b"seventeen eighteen nineteen twenty";
        assert_eq!(
            rfc_4757(&key, KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM, input),
            hex!("eb38cc97e2230f59da4117dc5859d7ec")
        );
    }

    /// Computed with Python's `hmac` and `hashlib` for a key of etype 18, usage 17.
    #[test]
    fn an_aes_session_key_is_used_as_it_is() {
        let key = Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &[7; 32]);
        assert_eq!(
            checksum(&key, b"\x01\0\0\0aliceCORP.EXAMPLEKerberos"),
            hex!("f54adf9dc2ddf0615adb0097495d24ae")
        );
    }

    #[test]
    fn takes_a_session_key_of_any_etype_and_refuses_another_key_or_input() {
        for etype in Etype::ALL {
            let key = Key::random_to_key(etype, &[7; 32]);
            let tag = checksum(&key, b"alice");
            assert_eq!(verify(&key, b"alice", &tag), Ok(()));
            assert_eq!(verify(&key, b"alicf", &tag), Err(IntegrityError));
            assert_eq!(verify(&key, b"alice", &tag[..15]), Err(IntegrityError));
            let other = Key::random_to_key(etype, &[8; 32]);
            assert_eq!(verify(&other, b"alice", &tag), Err(IntegrityError));
        }
    }
}
