//! Time-based one-time passwords (RFC 6238) as every authenticator application speaks them: SHA-1, six digits,
//! thirty seconds.

use crypto::totp::{SECRET_LEN, STEP_SECONDS, step_at};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trust::{Rng, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::authentication::SecondFactor;
use crate::factor::{Accepted, AuthenticationAdapter, Begun, Claim, Ended, Enrolled, Form, Wrong};
use crate::parameters::Parameters;

/// Steps before and after the present one that are accepted, for clocks that differ (RFC 6238 5.2).
const WINDOW: u64 = 1;
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
#[derive(Clone, Debug)]
pub struct TotpSecret(crypto::totp::TotpSecret);

impl TotpSecret {
    /// Draws a new one.
    pub fn draw(rng: &mut dyn Rng) -> Self {
        let bytes = Zeroizing::new(rng.bytes::<SECRET_LEN>());
        #[allow(clippy::expect_used, reason = "the length is that of a secret")]
        let secret = crypto::totp::TotpSecret::new(bytes.as_slice())
            .expect("20 bytes are between 16 and 64");
        Self(secret)
    }

    /// Reads base32 in either case, spaces allowed; `None` when it is not base32 or has fewer than 128 bits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        crypto::totp::TotpSecret::new(&crypto::base32::decode(text)?)
            .ok()
            .map(Self)
    }

    /// The secret in base32, for the one person who may know it.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        self.0.to_base32()
    }

    /// The URI that authenticator applications read from a QR code: `otpauth://totp/ISSUER:ACCOUNT?secret=…`.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        self.0.address(issuer, account)
    }

    /// The code of the present step, for one who holds the secret: a test or the lab.
    #[must_use]
    pub fn code(&self, now: Timestamp) -> String {
        self.0.code(present(now))
    }

    /// Enrols `account` when `sent` is a code of this secret: a proof like any other.
    #[must_use]
    pub fn enrol(&self, account: Guid, sent: &str, now: Timestamp) -> Option<Accepted> {
        self.step_of(sent, now)
            .map(|step| self.accepted(account, step, now))
    }

    /// What the adapter keeps about somebody who has this secret.
    #[must_use]
    pub fn kept(&self) -> Value {
        json!({ "secret": self.reveal().as_str() })
    }

    /// The proof, and the claim of this very code: another secret's code of the same step is another.
    fn accepted(&self, account: Guid, step: u64, now: Timestamp) -> Accepted {
        let end = step.saturating_add(WINDOW + 1).saturating_mul(STEP_SECONDS);
        Accepted {
            proof: SecondFactor::proven(Totp.amr(), now),
            claim: Claim {
                id: format!("{account}:{step}:{}", self.0.code(step)),
                until: Timestamp::from_unix(i64::try_from(end).unwrap_or(i64::MAX)),
            },
            data: None,
        }
    }

    /// The step, in the window, that has the code that was sent.
    fn step_of(&self, sent: &str, now: Timestamp) -> Option<u64> {
        self.0.find(&sent.replace('-', " "), present(now), WINDOW)
    }
}

/// The present step; moments before 1970 count as 1970.
fn present(now: Timestamp) -> u64 {
    step_at(u64::try_from(now.unix()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trust::Span;

    const ALICE: Guid = Guid::from_bytes([7; 16]);

    /// The secret of RFC 6238 appendix B, for SHA-1.
    fn secret() -> TotpSecret {
        TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap()
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
        assert_eq!(claim_at(0).id, format!("{ALICE}:37037037:050471"));
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
