//! Proof Key for Code Exchange (RFC 7636), with `S256` alone.
//!
//! `plain` protects against nobody who can read the authorization request, and a client that may choose it can be
//! made to choose it; so it is refused, named or implied.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

/// A code challenge: the SHA-256 of a verifier that the client keeps (RFC 7636 4.2).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Challenge([u8; 32]);

/// Why a code challenge is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidChallenge {
    /// No challenge was sent.
    #[error("the request carries no code_challenge")]
    Missing,
    /// The method is `plain`, which is also the meaning of none.
    #[error("the code challenge method is not S256")]
    Method,
    /// The challenge is not 43 characters of base64url.
    #[error("the code challenge is not a SHA-256 value in base64url")]
    Form,
}

impl Challenge {
    /// Reads `code_challenge` and `code_challenge_method`.
    ///
    /// # Errors
    /// [`InvalidChallenge`] when either is missing or not of method `S256`.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, InvalidChallenge> {
        let challenge = challenge.ok_or(InvalidChallenge::Missing)?;
        if method != Some("S256") {
            return Err(InvalidChallenge::Method);
        }
        let mut digest = [0u8; 32];
        match Base64UrlUnpadded::decode(challenge, &mut digest) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(digest)),
            _ => Err(InvalidChallenge::Form),
        }
    }

    /// The challenge as it is sent.
    #[must_use]
    pub fn text(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// Whether `verifier` is well formed (43 to 128 unreserved characters, RFC 7636 4.1) and is the one that the
    /// challenge was made of.
    #[must_use]
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        (43..=128).contains(&verifier.len())
            && verifier.bytes().all(unreserved)
            && crypto::constant_time::equal(&self.0, &crypto::digest::sha256(verifier.as_bytes()))
    }
}

/// The `code_challenge` of a verifier, for a client (RFC 7636 4.2).
#[must_use]
pub fn challenge_of(verifier: &str) -> String {
    Base64UrlUnpadded::encode_string(&crypto::digest::sha256(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn accepts_the_verifier_of_the_published_example() {
        let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert!(challenge.is_met_by(VERIFIER));
        assert_eq!(challenge_of(VERIFIER), CHALLENGE);
    }

    #[test]
    fn refuses_plain_whether_named_or_implied() {
        for method in [Some("plain"), Some("s256"), None] {
            assert_eq!(
                Challenge::parse(Some(CHALLENGE), method),
                Err(InvalidChallenge::Method)
            );
        }
        assert_eq!(
            Challenge::parse(None, Some("S256")),
            Err(InvalidChallenge::Missing)
        );
    }

    #[test]
    fn refuses_another_verifier_and_the_challenge_itself() {
        let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert!(!challenge.is_met_by(CHALLENGE));
        assert!(!challenge.is_met_by(""));
        assert!(!challenge.is_met_by(&VERIFIER.replace('d', "e")));
    }

    #[test]
    fn refuses_a_verifier_that_is_too_short_or_has_other_characters() {
        for verifier in ["short", &"a".repeat(129), &format!("{}+", "a".repeat(43))] {
            let challenge = Challenge::parse(Some(&challenge_of(verifier)), Some("S256")).unwrap();
            assert!(!challenge.is_met_by(verifier), "{verifier}");
        }
        let longest = "a".repeat(128);
        assert!(
            Challenge::parse(Some(&challenge_of(&longest)), Some("S256"))
                .unwrap()
                .is_met_by(&longest)
        );
    }

    #[test]
    fn refuses_a_challenge_of_another_length() {
        for wrong in [
            "abc",
            &CHALLENGE[1..],
            &format!("{CHALLENGE}A"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        ] {
            assert_eq!(
                Challenge::parse(Some(wrong), Some("S256")),
                Err(InvalidChallenge::Form)
            );
        }
    }
}
