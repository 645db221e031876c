//! Recovery codes: spare second factors on paper, each for one use.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::authentication::SecondFactor;
use crate::factor::{Accepted, AuthenticationAdapter, Begun, Claim, Ended, Enrolled, Form, Wrong};
use crate::parameters::Parameters;
use crate::secret::{Digest, Purpose};

/// How many codes are given out.
pub const CODES: usize = 10;
/// The form field that takes a code.
pub const FIELD: &str = "RecoveryCode";
/// Characters of a code: 16 of 5 bits are 80 bits, too many to guess even from the digests.
const LENGTH: usize = 16;
/// Digits and letters without those that are mistaken for digits on paper.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The adapter for recovery codes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecoveryCode;

/// Draws ten codes for `account`: their texts, to be shown once, and what the adapter keeps.
pub fn draw(account: Guid, rng: &mut dyn Rng) -> (Vec<Zeroizing<String>>, Value) {
    let codes: Vec<Zeroizing<String>> = (0..CODES).map(|_| one(rng)).collect();
    let digests: Vec<String> = codes
        .iter()
        .filter_map(|code| bare(code))
        .map(|code| digest(account, &code))
        .collect();
    (codes, json!({ "digests": digests }))
}

/// How many codes are left of what the adapter keeps.
#[must_use]
pub fn left(data: &Value) -> usize {
    digests(data).map_or(0, |digests| digests.len())
}

/// One code in groups of four.
pub(crate) fn one(rng: &mut dyn Rng) -> Zeroizing<String> {
    let chance = Zeroizing::new(rng.bytes::<LENGTH>());
    let mut code = Zeroizing::new(String::with_capacity(LENGTH + 3));
    for (place, byte) in chance.iter().enumerate() {
        if place != 0 && place % 4 == 0 {
            code.push('-');
        }
        code.push(
            ALPHABET
                .get(usize::from(byte % 32))
                .copied()
                .map_or('0', char::from),
        );
    }
    code
}

/// The code without groups and with the usual misreadings undone; `None` when it is no code at all.
pub(crate) fn bare(text: &str) -> Option<Zeroizing<String>> {
    let mut code = Zeroizing::new(String::with_capacity(LENGTH));
    for character in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
        code.push(match character.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            character if ALPHABET.contains(&u8::try_from(character).ok()?) => character,
            _ => return None,
        });
    }
    (code.len() == LENGTH).then_some(code)
}

fn digest(account: Guid, code: &str) -> String {
    let secret = Zeroizing::new([account.to_bytes().as_slice(), code.as_bytes()].concat());
    Base64UrlUnpadded::encode_string(Digest::of(Purpose::RecoveryCode, &secret).as_bytes())
}

fn digests(data: &Value) -> Option<Vec<&str>> {
    data.get("digests")?
        .as_array()?
        .iter()
        .map(Value::as_str)
        .collect()
}

impl AuthenticationAdapter for RecoveryCode {
    fn id(&self) -> &'static str {
        "recovery-code"
    }

    fn is_spare(&self) -> bool {
        true
    }

    fn amr(&self) -> &'static str {
        "otp"
    }

    fn begin_authentication(
        &self,
        person: &Enrolled<'_>,
        _now: Timestamp,
        _rng: &mut dyn Rng,
    ) -> Option<Begun> {
        let form = Form {
            adapter: self.id(),
            field: FIELD,
            label: "Recovery code",
            hint: "Enter one of the recovery codes that you were given. Each works once.",
            digits: false,
        };
        (left(person.data) > 0).then_some(Begun {
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
        let Some(known) = digests(person.data) else {
            return Ended::Refuse(Wrong::Enrolment);
        };
        let Some(sent) = form.field(FIELD) else {
            return Ended::Refuse(Wrong::Missing);
        };
        let Some(code) = bare(sent) else {
            return Ended::Refuse(Wrong::Answer);
        };
        let sent = digest(person.account, &code);
        let rest: Vec<&str> = known
            .iter()
            .copied()
            .filter(|known| !crypto::constant_time::equal(known.as_bytes(), sent.as_bytes()))
            .collect();
        if rest.len() == known.len() {
            return Ended::Refuse(Wrong::Answer);
        }
        Ended::Accept(Accepted {
            proof: SecondFactor::proven(self.amr(), now),
            // The digest is gone from what is kept; the claim settles two uses at the same moment.
            claim: Claim {
                id: format!("{}:{sent}", person.account),
                until: now + Span::days(1),
            },
            data: Some(json!({ "digests": rest })),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    const ALICE: Guid = Guid::from_bytes([7; 16]);
    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn sent(account: Guid, data: &Value, text: &str) -> Ended {
        let form = Parameters::new(vec![(FIELD.into(), text.into())]).unwrap();
        RecoveryCode.try_end_authentication(&Enrolled { account, data }, &Value::Null, &form, NOW)
    }

    #[test]
    fn each_code_works_once() {
        let (codes, data) = draw(ALICE, &mut Dice::new(3));
        assert_eq!((codes.len(), left(&data)), (10, 10));
        let Ended::Accept(accepted) = sent(ALICE, &data, &codes[4]) else {
            panic!("refused")
        };
        let data = accepted.data.unwrap();
        assert_eq!(left(&data), 9);
        assert_eq!(sent(ALICE, &data, &codes[4]), Ended::Refuse(Wrong::Answer));
        assert!(matches!(sent(ALICE, &data, &codes[5]), Ended::Accept(_)));
    }

    #[test]
    fn a_code_may_be_typed_carelessly() {
        let (codes, data) = draw(ALICE, &mut Dice::new(3));
        let careless = codes[0]
            .to_lowercase()
            .replace('-', " ")
            .replace('0', "o")
            .replace('1', "l");
        assert!(matches!(sent(ALICE, &data, &careless), Ended::Accept(_)));
    }

    #[test]
    fn a_code_of_somebody_else_is_refused() {
        let (codes, data) = draw(ALICE, &mut Dice::new(3));
        assert_eq!(
            sent(Guid::from_bytes([8; 16]), &data, &codes[0]),
            Ended::Refuse(Wrong::Answer)
        );
    }

    #[test]
    fn nothing_that_rests_shows_a_code() {
        let (codes, data) = draw(ALICE, &mut Dice::new(3));
        let resting = data.to_string();
        assert!(
            codes.iter().all(|code| !resting.contains(code.as_str())
                && !resting.contains(&code.replace('-', "")))
        );
    }

    #[test]
    fn refuses_what_is_no_code() {
        let (_, data) = draw(ALICE, &mut Dice::new(3));
        for text in [
            "",
            "0000-0000-0000-0000",
            "0000",
            "0000-0000-0000-000U",
            "ΑΒΓΔ-0000-0000-0000",
        ] {
            assert!(
                matches!(sent(ALICE, &data, text), Ended::Refuse(_)),
                "{text}"
            );
        }
        assert_eq!(
            sent(ALICE, &json!({}), "0000-0000-0000-0000"),
            Ended::Refuse(Wrong::Enrolment)
        );
    }

    #[test]
    fn whoever_has_no_code_left_is_not_asked_for_one() {
        let data = json!({ "digests": [] });
        let person = Enrolled {
            account: ALICE,
            data: &data,
        };
        assert!(
            RecoveryCode
                .begin_authentication(&person, NOW, &mut Dice::new(1))
                .is_none()
        );
    }

    /// Two requests may be looked at before either is committed: the claim settles which of them it was.
    #[test]
    fn two_uses_of_a_code_have_one_claim_whenever_they_are() {
        let (codes, data) = draw(ALICE, &mut Dice::new(3));
        let used = |text: &str, now| {
            let form = Parameters::new(vec![(FIELD.into(), text.into())]).unwrap();
            let person = Enrolled {
                account: ALICE,
                data: &data,
            };
            match RecoveryCode.try_end_authentication(&person, &Value::Null, &form, now) {
                Ended::Accept(accepted) => accepted.claim.id,
                Ended::Refuse(wrong) => panic!("{wrong}"),
            }
        };
        let later = NOW + Span::seconds(1);
        assert_eq!(used(&codes[0], NOW), used(&codes[0].to_lowercase(), later));
        assert_ne!(used(&codes[0], NOW), used(&codes[1], NOW));
    }
}
