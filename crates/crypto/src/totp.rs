//! Time-based one-time passwords (RFC 6238): HMAC-SHA-1, six digits, steps of 30 seconds, which is what
//! every authenticator app speaks.
//!
//! A code is known by its step, so that whoever accepts one can claim the step and refuse it the second
//! time (RFC 6238 5.2).

use zeroize::Zeroizing;

use crate::{base32, constant_time, mac};

/// Length of a step in seconds.
pub const STEP_SECONDS: u64 = 30;

/// Digits of a code.
pub const DIGITS: usize = 6;

/// Length of the secrets that we make, in bytes: that of HMAC-SHA-1's output (RFC 4226 4, R6).
pub const SECRET_LEN: usize = 20;

/// The step that this moment falls into.
#[must_use]
pub const fn step_at(unix_seconds: u64) -> u64 {
    unix_seconds / STEP_SECONDS
}

/// The secret that an authenticator app and we share. Cleared when dropped, never printed.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

/// A secret shorter than the 16 bytes that RFC 4226 4 requires, or longer than 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a one-time password secret has 16 to 64 bytes")]
pub struct SecretLength;

impl TotpSecret {
    /// The secret of these bytes.
    ///
    /// # Errors
    /// [`SecretLength`].
    pub fn new(bytes: &[u8]) -> Result<TotpSecret, SecretLength> {
        if !(16..=64).contains(&bytes.len()) {
            return Err(SecretLength);
        }
        Ok(TotpSecret(Zeroizing::new(bytes.to_vec())))
    }

    /// The bytes, to be sealed for rest.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret as a person types it into an app.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        base32::encode(&self.0)
    }

    /// The code of a step: six digits.
    #[must_use]
    pub fn code(&self, step: u64) -> String {
        let tag = mac::hmac_sha1(&self.0, &step.to_be_bytes());
        // RFC 4226 5.3: the last half-byte says where the four bytes of the code are.
        let at = usize::from(tag[19] & 0x0f);
        let word = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]);
        format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
    }

    /// The step, at most `drift` steps before or after `now`, whose code this is: claim it, and refuse
    /// what is claimed already. Spaces in what was typed do not matter. All steps are tried alike.
    #[must_use]
    pub fn find(&self, typed: &str, now: u64, drift: u64) -> Option<u64> {
        let typed: Zeroizing<String> =
            Zeroizing::new(typed.chars().filter(|char| *char != ' ').collect());
        let steps = now.saturating_sub(drift)..=now.saturating_add(drift);
        steps.fold(None, |found, step| {
            if constant_time::equal(self.code(step).as_bytes(), typed.as_bytes()) {
                Some(step)
            } else {
                found
            }
        })
    }

    /// The `otpauth:` address that a QR code carries to the app.
    #[must_use]
    pub fn address(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (percent_encoded(issuer), percent_encoded(account));
        let secret = self.to_base32();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            *secret
        ))
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret")
    }
}

/// All but the unreserved characters of RFC 3986 2.3 as %XX.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TotpSecret {
        TotpSecret::new(b"12345678901234567890").unwrap()
    }

    /// RFC 6238 appendix B, SHA-1; the last six of its eight digits.
    #[test]
    fn makes_the_codes_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().code(step_at(seconds)), code);
        }
    }

    /// RFC 4226 appendix D.
    #[test]
    fn makes_the_codes_of_rfc_4226() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(secret().code(step), code);
        }
    }

    #[test]
    fn finds_the_step_of_a_code_within_the_drift() {
        let secret = secret();
        assert_eq!(secret.find("359152", 2, 1), Some(2));
        assert_eq!(secret.find("359 152", 3, 1), Some(2));
        assert_eq!(secret.find(" 359152 ", 1, 1), Some(2));
        assert_eq!(secret.find("359152", 4, 1), None);
        assert_eq!(secret.find("359152", 0, 1), None);
        assert_eq!(secret.find("755224", 0, 1), Some(0));
        for wrong in ["", "35915", "3591522", "359153", "٣٥٩١٥٢"] {
            assert_eq!(secret.find(wrong, 2, 1), None);
        }
        assert_eq!(secret.find("000000", u64::MAX, 0), None);
    }

    #[test]
    fn refuses_secrets_that_are_too_short() {
        assert!(TotpSecret::new(&[1; 15]).is_err());
        assert!(TotpSecret::new(&[1; 65]).is_err());
        assert_eq!(format!("{:?}", secret()), "TotpSecret");
    }

    #[test]
    fn the_address_carries_names_of_any_kind() {
        assert_eq!(
            *secret().address("Corp & Söhne", "alice@corp.example"),
            "otpauth://totp/Corp%20%26%20S%C3%B6hne:alice%40corp.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Corp%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
        );
    }
}
