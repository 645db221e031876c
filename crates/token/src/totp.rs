//! Time-based one-time passwords (RFC 6238) as every authenticator application speaks them: SHA-1, six digits,
//! thirty seconds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trust::{Rng, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::authentication::SecondFactor;
use crate::factor::{Accepted, AuthenticationAdapter, Begun, Claim, Ended, Enrolled, Form, Wrong};
use crate::parameters::Parameters;

/// Length of a step in seconds (RFC 6238 4.1).
const STEP: i64 = 30;
/// Steps before and after the present one that are accepted, for clocks that differ (RFC 6238 5.2).
const WINDOW: i64 = 1;
/// The form field that takes the code.
pub const FIELD: &str = "VerificationCode";

/// The adapter for authenticator applications.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totp;

/// What rests of an enrolment.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The secret in base32.
    secret: String,
}

impl AuthenticationAdapter for Totp {
    fn id(&self) -> &'static str {
        "totp"
    }

    fn amr(&self) -> &'static str {
        "otp"
    }

    fn begin_authentication(
        &self,
        _person: &Enrolled<'_>,
        _now: Timestamp,
        _rng: &mut dyn Rng,
    ) -> Option<Begun> {
        let form = Form {
            adapter: self.id(),
            field: FIELD,
            label: "Verification code",
            hint: "Enter the six digits that your authenticator application shows.",
            digits: true,
        };
        Some(Begun {
            form,
            state: Value::Null,
        })
    }

    fn try_end_authentication(
        &self,
        person: &Enrolled<'_>,
        _state: &Value,
        form: &Parameters,
        now: Timestamp,
    ) -> Ended {
        let Ok(kept) = Kept::deserialize(person.data) else {
            return Ended::Refuse(Wrong::Enrolment);
        };
        let Some(sent) = form.field(FIELD) else {
            return Ended::Refuse(Wrong::Missing);
        };
        let Some(secret) = TotpSecret::parse(&kept.secret) else {
            return Ended::Refuse(Wrong::Enrolment);
        };
        match secret.step_of(sent, now) {
            None => Ended::Refuse(Wrong::Answer),
            Some(step) => Ended::Accept(secret.accepted(person.account, step, now)),
        }
    }
}

/// A TOTP secret: 160 random bits (RFC 4226 4, R6), in text 32 characters of base32.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// Draws a new one.
    pub fn draw(rng: &mut dyn Rng) -> Self {
        Self(Zeroizing::new(rng.bytes::<20>().to_vec()))
    }

    /// Reads base32 in either case, spaces allowed; `None` when it is not base32 or has fewer than 128 bits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bare: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let bytes = Zeroizing::new(crate::interim::base32::decode(&bare)?);
        (bytes.len() >= 16).then_some(Self(bytes))
    }

    /// The secret in base32, for the one person who may know it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(crate::interim::base32::encode(&self.0))
    }

    /// The URI that authenticator applications read from a QR code: `otpauth://totp/ISSUER:ACCOUNT?secret=…`.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (
            wire::http::percent_encode(issuer),
            wire::http::percent_encode(account),
        );
        let secret = self.reveal();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP}",
            secret.as_str()
        ))
    }

    /// The code of the present step, for one who holds the secret: a test or the lab.
    #[must_use]
    pub fn code(&self, now: Timestamp) -> String {
        self.code_of(now.unix().div_euclid(STEP))
    }

    /// Enrols `account` when `sent` is a code of this secret: a proof like any other, and what the adapter keeps.
    #[must_use]
    pub fn enrol(&self, account: Guid, sent: &str, now: Timestamp) -> Option<Accepted> {
        self.step_of(sent, now)
            .map(|step| self.accepted(account, step, now))
    }

    /// What the adapter keeps about somebody to whom the secret is given by an administrator.
    #[must_use]
    pub fn kept(&self) -> Value {
        json!({ "secret": self.reveal().as_str() })
    }

    /// The step, in the window, that has the code that was sent. Every step is tried whatever the outcome.
    fn step_of(&self, sent: &str, now: Timestamp) -> Option<i64> {
        let digits: String = sent.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let present = now.unix().div_euclid(STEP);
        let mut found = None;
        for step in present - WINDOW..=present + WINDOW {
            if crypto::constant_time::equal(self.code_of(step).as_bytes(), digits.as_bytes())
                && found.is_none()
            {
                found = Some(step);
            }
        }
        found
    }

    fn code_of(&self, step: i64) -> String {
        let counter = u64::try_from(step).unwrap_or(0);
        format!(
            "{:06}",
            crate::interim::totp::hotp(&self.0, counter) % 1_000_000
        )
    }

    fn accepted(&self, account: Guid, step: i64, now: Timestamp) -> Accepted {
        Accepted {
            proof: SecondFactor::proven(Totp.amr(), now),
            claim: Claim {
                id: format!("{account}:{step}"),
                until: Timestamp::from_unix(step.saturating_add(WINDOW + 1).saturating_mul(STEP)),
            },
            data: None,
        }
    }
}

impl core::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trust::Span;

    const ALICE: Guid = Guid::from_bytes([7; 16]);

    /// The secret of RFC 6238 appendix B, for SHA-1.
    fn secret() -> TotpSecret {
        TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn code(text: &str) -> Parameters {
        Parameters::new(vec![(FIELD.into(), text.into())]).unwrap()
    }

    fn sent(data: &Value, text: &str, now: Timestamp) -> Ended {
        Totp.try_end_authentication(
            &Enrolled {
                account: ALICE,
                data,
            },
            &Value::Null,
            &code(text),
            now,
        )
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238 appendix B, the last six of its eight digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().code(Timestamp::from_unix(seconds)), expected);
        }
    }

    #[test]
    fn a_code_is_accepted_one_step_early_or_late_and_not_two() {
        let now = Timestamp::from_unix(1_111_111_111);
        for (seconds, right) in [
            (-60, false),
            (-30, true),
            (0, true),
            (30, true),
            (60, false),
        ] {
            let code = secret().code(now + Span::seconds(seconds));
            let ended = sent(&secret().kept(), &code, now);
            assert_eq!(matches!(ended, Ended::Accept(_)), right, "{seconds}");
        }
    }

    #[test]
    fn each_step_has_one_claim_that_outlives_its_window() {
        let now = Timestamp::from_unix(1_111_111_111);
        let claim_at = |later| match sent(
            &secret().kept(),
            &secret().code(now),
            now + Span::seconds(later),
        ) {
            Ended::Accept(accepted) => accepted.claim,
            Ended::Refuse(wrong) => panic!("{wrong}"),
        };
        assert_eq!(claim_at(0).id, format!("{ALICE}:37037037"));
        assert_eq!(claim_at(0), claim_at(30));
        let until = claim_at(0).until;
        assert_eq!(
            sent(&secret().kept(), &secret().code(now), until),
            Ended::Refuse(Wrong::Answer)
        );
    }

    #[test]
    fn a_code_may_be_typed_in_groups() {
        let now = Timestamp::from_unix(59);
        assert!(matches!(
            sent(&secret().kept(), "287 082", now),
            Ended::Accept(_)
        ));
    }

    #[test]
    fn refuses_what_is_no_code() {
        let now = Timestamp::from_unix(59);
        for text in ["287083", "28708", "2870820", "94287082", "", "٢٨٧٠٨٢"] {
            assert!(
                matches!(sent(&secret().kept(), text, now), Ended::Refuse(_)),
                "{text}"
            );
        }
        assert_eq!(
            sent(&json!({"secret": 1}), "287082", now),
            Ended::Refuse(Wrong::Enrolment)
        );
    }

    #[test]
    fn the_uri_is_what_authenticator_applications_read() {
        assert_eq!(
            secret()
                .uri("Keyporch corp.example", "alice@corp.example")
                .as_str(),
            "otpauth://totp/Keyporch%20corp.example:alice%40corp.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Keyporch%20corp.example&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn a_secret_comes_back_from_base32_and_a_short_one_is_refused() {
        let back = TotpSecret::parse("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").unwrap();
        assert_eq!(back.code(Timestamp::from_unix(59)), "287082");
        assert!(TotpSecret::parse("GEZDGNBV").is_none());
        assert!(TotpSecret::parse("not base32!").is_none());
    }
}
