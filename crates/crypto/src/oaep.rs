//! A secret under somebody's RSA key: RSAES-OAEP with SHA-1 and MGF1 with SHA-1, and an empty label (RFC 8017 7.1).
//!
//! The digest is what `RSA-OAEP` of RFC 7518 4.3 means, and what the chips that hold transport keys do (protocols A.8): there
//! is no way to ask for another. OAEP does not rest on SHA-1 being free of collisions; what it rests on is a key that
//! serves nothing else and is long enough, which is looked at here.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use zeroize::Zeroizing;

use crate::key::{PrivateKey, PublicKey};
use crate::signature::Signer as _;

/// Why nothing was wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotWrap {
    /// The key is not one of RSA, or one that we would not register.
    #[error("key is no rsa key that a secret may be given to")]
    Key,
    /// The secret is longer than the key takes: its length less 42 bytes.
    #[error("secret is longer than the key takes")]
    TooLong,
}

/// It did not open. One value for every reason, as the library takes one time for every reason: who could tell a wrong padding
/// from a wrong length would be told the secret bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wrapped secret does not open with this key")]
pub struct CannotUnwrap;

/// The secret under this key.
///
/// # Errors
/// [`CannotWrap`].
pub fn wrap(to: &PublicKey, secret: &[u8]) -> Result<Vec<u8>, CannotWrap> {
    let PublicKey::Rsa(_) = to else {
        return Err(CannotWrap::Key);
    };
    to.check_strength().map_err(|_| CannotWrap::Key)?;
    let to = PublicEncryptingKey::from_der(&to.to_spki_der()).map_err(|_| CannotWrap::Key)?;
    let to = OaepPublicEncryptingKey::new(to).map_err(|_| CannotWrap::Key)?;
    let mut wrapped = vec![0; to.ciphertext_size()];
    let length = to
        .encrypt(&OAEP_SHA1_MGF1SHA1, secret, &mut wrapped, None)
        .map_err(|_| CannotWrap::TooLong)?
        .len();
    wrapped.truncate(length);
    Ok(wrapped)
}

/// Opens what [`wrap`] made, for who holds the key in this process. A key that a chip holds opens it there.
///
/// # Errors
/// [`CannotUnwrap`].
pub fn unwrap(key: &PrivateKey, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotUnwrap> {
    let PublicKey::Rsa(_) = key.public_key() else {
        return Err(CannotUnwrap);
    };
    let key = PrivateDecryptingKey::from_pkcs8(&key.to_pkcs8_der()).map_err(|_| CannotUnwrap)?;
    let key = OaepPrivateDecryptingKey::new(key).map_err(|_| CannotUnwrap)?;
    let mut secret = Zeroizing::new(vec![0; key.min_output_size()]);
    let length = key
        .decrypt(&OAEP_SHA1_MGF1SHA1, wrapped, &mut secret, None)
        .map_err(|_| CannotUnwrap)?
        .len();
    secret.truncate(length);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyKind;

    #[test]
    fn the_holder_of_the_key_opens_what_was_wrapped_and_nobody_else_does() {
        let [holder, other] = [KeyKind::Rsa2048, KeyKind::Rsa2048].map(PrivateKey::generate);
        let secret = [7; 32];
        let wrapped = wrap(holder.public_key(), &secret).unwrap();
        assert_eq!(wrapped.len(), 256);
        assert_eq!(**unwrap(&holder, &wrapped).unwrap(), secret);
        assert_eq!(unwrap(&other, &wrapped), Err(CannotUnwrap));
        assert_ne!(wrap(holder.public_key(), &secret).unwrap(), wrapped);
        for at in [0, 1, 100, 255] {
            let mut altered = wrapped.clone();
            altered[at] ^= 1;
            assert_eq!(unwrap(&holder, &altered), Err(CannotUnwrap));
        }
        for length in [0, 1, 255] {
            assert_eq!(unwrap(&holder, &wrapped[..length]), Err(CannotUnwrap));
        }
        let longer = [&wrapped[..], &[0]].concat();
        assert_eq!(unwrap(&holder, &longer), Err(CannotUnwrap));
    }

    #[test]
    fn what_another_padding_made_does_not_open() {
        let holder = PrivateKey::generate(KeyKind::Rsa2048);
        let transported = crate::envelope::transport(holder.public_key(), &[7; 32]).unwrap();
        assert_eq!(unwrap(&holder, &transported), Err(CannotUnwrap));
    }

    #[test]
    fn refuses_keys_that_wrap_nothing_and_secrets_that_do_not_fit() {
        let curve = PrivateKey::generate(KeyKind::P256);
        assert_eq!(wrap(curve.public_key(), &[7; 32]), Err(CannotWrap::Key));
        assert_eq!(unwrap(&curve, &[7; 256]), Err(CannotUnwrap));
        let short = PublicKey::from_rsa(&[0xc1; 128], &[1, 0, 1]).unwrap();
        assert_eq!(wrap(&short, &[7; 32]), Err(CannotWrap::Key));
        // Long enough for the library, and divided by three: whoever sees what it wraps reads it.
        let divided = PublicKey::from_rsa(&[0xff; 256], &[1, 0, 1]).unwrap();
        assert_eq!(wrap(&divided, &[7; 32]), Err(CannotWrap::Key));
        let holder = PrivateKey::generate(KeyKind::Rsa2048);
        assert!(wrap(holder.public_key(), &[7; 256 - 42]).is_ok());
        assert_eq!(
            wrap(holder.public_key(), &[7; 256 - 41]),
            Err(CannotWrap::TooLong)
        );
    }
}
