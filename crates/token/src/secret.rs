//! Secrets that open a record: codes, refresh tokens, session cookies.
//!
//! A [`Secret`] leaves the server once, in its text form. What rests is its [`Digest`], under which the record is
//! found, so that whoever reads the store can neither redeem a code nor take over a session.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use trust::Rng;

/// `Debug` that tells the named fields alone, for what ends up in a log must open nothing: the others hold passwords,
/// codes, tokens and keys.
macro_rules! shows_only {
    ($name:literal, $type:ty: $($field:ident),*) => {
        impl ::core::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct($name)
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use shows_only;

/// What a secret is for. The purpose is part of its digest, so that a code is never taken for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// An authorization code (RFC 6749 4.1.2).
    Code,
    /// A refresh token (RFC 6749 1.5).
    RefreshToken,
    /// A browser's session after sign-in.
    Session,
    /// What an application knows a session by.
    SessionName,
    /// A sign-in on its way.
    SignIn,
    /// The browser in which a sign-in was begun.
    Browser,
    /// A recovery code.
    RecoveryCode,
    /// The token of a form, which shows that the form came from us.
    Form,
    /// What a device polls with for the tokens that somebody approves elsewhere (RFC 8628 3.2).
    DeviceCode,
    /// What that somebody types (RFC 8628 6.1).
    UserCode,
    /// A primary refresh token (protocols A.7).
    PrimaryRefreshToken,
    /// The secret of a confidential client (RFC 6749 2.3.1).
    ClientSecret,
    /// A Temporary Access Pass.
    AccessPass,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Code => b"code",
            Self::RefreshToken => b"refresh token",
            Self::Session => b"session",
            Self::SessionName => b"session name",
            Self::SignIn => b"sign-in",
            Self::Browser => b"browser",
            Self::RecoveryCode => b"recovery code",
            Self::Form => b"form",
            Self::DeviceCode => b"device code",
            Self::UserCode => b"user code",
            Self::PrimaryRefreshToken => b"primary refresh token",
            Self::ClientSecret => b"client secret",
            Self::AccessPass => b"access pass",
        }
    }
}

/// 256 random bits that open a record, in text 43 characters of base64url.
pub struct Secret(zeroize::Zeroizing<[u8; 32]>);

impl Secret {
    /// Draws a new one.
    pub fn draw(rng: &mut dyn Rng) -> Self {
        Self(zeroize::Zeroizing::new(rng.bytes()))
    }

    /// Reads the text form; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
        let read = Base64UrlUnpadded::decode(text, bytes.as_mut_slice())
            .ok()?
            .len();
        (read == 32).then_some(Self(bytes))
    }

    /// The text form, for the one who may know it.
    #[must_use]
    pub fn reveal(&self) -> String {
        Base64UrlUnpadded::encode_string(self.0.as_slice())
    }

    /// What rests of it.
    #[must_use]
    pub fn digest(&self, purpose: Purpose) -> Digest {
        Digest::of(purpose, self.0.as_slice())
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// SHA-256 over a purpose and a secret: the key of a record that the secret opens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Digest(#[serde(with = "crate::bytes")] [u8; 32]);

impl Digest {
    /// The digest of `secret` for `purpose`. Secrets have at least 80 bits of chance, so a plain hash keeps them.
    #[must_use]
    pub fn of(purpose: Purpose, secret: &[u8]) -> Self {
        let mut message = zeroize::Zeroizing::new(Vec::with_capacity(secret.len() + 24));
        message.extend_from_slice(purpose.label());
        message.push(0);
        message.extend_from_slice(secret);
        Self(crypto::digest::sha256(&message))
    }

    /// A digest as it rests in a record that others keep.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, as a record's key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether two digests are equal, in constant time.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        crypto::constant_time::equal(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    #[test]
    fn a_secret_comes_back_from_its_text_and_keeps_its_digest() {
        let secret = Secret::draw(&mut Dice::new(1));
        let back = Secret::parse(&secret.reveal()).unwrap();
        assert!(
            secret
                .digest(Purpose::Code)
                .same(&back.digest(Purpose::Code))
        );
    }

    #[test]
    fn a_code_is_no_session() {
        let secret = Secret::draw(&mut Dice::new(1));
        assert!(
            !secret
                .digest(Purpose::Code)
                .same(&secret.digest(Purpose::Session))
        );
    }

    #[test]
    fn refuses_texts_of_another_length_or_alphabet() {
        let text = Secret::draw(&mut Dice::new(1)).reveal();
        for wrong in [
            "",
            &text[1..],
            &format!("{text}A"),
            &text.replacen(&text[..1], "+", 1),
        ] {
            assert!(Secret::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::draw(&mut Dice::new(1));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
