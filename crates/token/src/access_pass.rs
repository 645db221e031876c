//! Temporary Access Passes: what an administrator gives to somebody who has nothing else yet, or has lost it. A pass works
//! from one moment to another, once or several times, as the first factor and as the second.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::authentication::SecondFactor;
use crate::factor::{Accepted, AuthenticationAdapter, Begun, Claim, Ended, Enrolled, Form, Wrong};
use crate::moment;
use crate::parameters::Parameters;
use crate::recovery::{bare, one};
use crate::secret::{Digest, Purpose};

/// The adapter's name in what rests.
pub const ID: &str = "access-pass";
/// The form field that takes a pass.
pub const FIELD: &str = "AccessPass";
/// For how long the use of a pass is remembered that works several times: as long as two requests may be at once.
const REMEMBERED: Span = Span::minutes(1);

/// The adapter for Temporary Access Passes.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessPass;

/// When a pass works, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// From when on.
    #[serde(with = "moment")]
    pub begins: Timestamp,
    /// Until when.
    #[serde(with = "moment")]
    pub ends: Timestamp,
    /// Whether for one use alone.
    pub once: bool,
}

/// What the adapter keeps.
#[derive(Serialize, Deserialize)]
struct Kept {
    digest: String,
    #[serde(flatten)]
    terms: Terms,
    /// Whether it was used.
    #[serde(default)]
    used: bool,
}

/// Draws a pass for `account`: its text, to be shown once, and what the adapter keeps. It has 80 bits of chance, so that
/// its digest may rest.
pub fn draw(account: Guid, terms: Terms, rng: &mut dyn Rng) -> (Zeroizing<String>, Value) {
    let text = one(rng);
    let kept = Kept {
        digest: bare(&text).map_or_else(String::new, |bare| digest(account, &bare)),
        terms,
        used: false,
    };
    // Text keys and finite numbers alone always have a JSON form.
    let kept = serde_json::to_value(kept).unwrap_or_else(|_| json!({}));
    (text, kept)
}

/// The terms of what the adapter keeps; `None` when that cannot be read.
#[must_use]
pub fn terms(data: &Value) -> Option<Terms> {
    Some(kept(data)?.terms)
}

/// Whether what the adapter keeps works no more, and never will.
#[must_use]
pub fn is_over(data: &Value, now: Timestamp) -> bool {
    kept(data).is_none_or(|kept| kept.is_over(now))
}

fn kept(data: &Value) -> Option<Kept> {
    Kept::deserialize(data).ok()
}

impl Kept {
    const fn used_up(&self) -> bool {
        self.used && self.terms.once
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.used_up() || now >= self.terms.ends
    }

    fn works(&self, now: Timestamp) -> bool {
        !self.is_over(now) && now >= self.terms.begins
    }
}

fn digest(account: Guid, pass: &str) -> String {
    let secret = Zeroizing::new([account.to_bytes().as_slice(), pass.as_bytes()].concat());
    Base64UrlUnpadded::encode_string(Digest::of(Purpose::AccessPass, &secret).as_bytes())
}

impl AuthenticationAdapter for AccessPass {
    fn id(&self) -> &'static str {
        ID
    }

    fn amr(&self) -> &'static str {
        "otp"
    }

    fn lasts(&self) -> bool {
        false
    }

    fn works(&self, data: &Value, now: Timestamp) -> bool {
        kept(data).is_some_and(|kept| kept.works(now))
    }

    fn begin_authentication(
        &self,
        person: &Enrolled<'_>,
        now: Timestamp,
        _rng: &mut dyn Rng,
    ) -> Option<Begun> {
        let form = Form {
            adapter: self.id(),
            field: FIELD,
            label: "Temporary Access Pass",
            hint: "Enter the pass that an administrator gave you.",
            digits: false,
        };
        self.works(person.data, now).then_some(Begun {
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
        let Some(kept) = kept(person.data) else {
            return Ended::Refuse(Wrong::Enrolment);
        };
        let Some(sent) = form.field(FIELD) else {
            return Ended::Refuse(Wrong::Missing);
        };
        let Some(pass) = bare(sent) else {
            return Ended::Refuse(Wrong::Answer);
        };
        let sent = digest(person.account, &pass);
        if !crypto::constant_time::equal(kept.digest.as_bytes(), sent.as_bytes()) {
            return Ended::Refuse(Wrong::Answer);
        }
        if kept.used_up() {
            return Ended::Refuse(Wrong::Used);
        }
        if !kept.works(now) {
            return Ended::Refuse(Wrong::Answer);
        }
        // What works once is claimed for as long as it could work; what works several times, once for each moment.
        let (name, until) = match kept.terms.once {
            true => (sent.clone(), kept.terms.ends),
            false => (format!("{sent}:{}", now.micros()), now + REMEMBERED),
        };
        let used = Kept { used: true, ..kept };
        Ended::Accept(Accepted {
            proof: SecondFactor::proven(self.amr(), now),
            claim: Claim {
                id: format!("{}:{name}", person.account),
                until,
            },
            data: serde_json::to_value(used).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Dice;

    const T: Timestamp = Timestamp::from_unix(1_800_000_000);
    const ALICE: Guid = Guid::from_bytes([7; 16]);

    fn hour(once: bool) -> Terms {
        Terms {
            begins: T,
            ends: T + Span::hours(1),
            once,
        }
    }

    fn tried(data: &Value, account: Guid, pass: &str, now: Timestamp) -> Ended {
        let form = Parameters::new(vec![(FIELD.into(), pass.into())]).unwrap();
        let person = Enrolled { account, data };
        AccessPass.try_end_authentication(&person, &Value::Null, &form, now)
    }

    fn accepted(ended: Ended) -> Accepted {
        match ended {
            Ended::Accept(accepted) => accepted,
            Ended::Refuse(wrong) => panic!("{wrong}"),
        }
    }

    #[test]
    fn a_pass_opens_what_it_was_given_for_however_it_is_written() {
        let (pass, data) = draw(ALICE, hour(true), &mut Dice::new(1));
        assert_eq!(pass.len(), 19);
        let sloppy = pass.to_lowercase().replace('-', " ").replace('0', "o");
        for pass in [pass.as_str(), &sloppy] {
            accepted(tried(&data, ALICE, pass, T));
        }
        assert!(AccessPass.works(&data, T));
        assert!(!data.to_string().contains(bare(&pass).unwrap().as_str()));
    }

    #[test]
    fn a_pass_of_another_account_or_a_wrong_one_opens_nothing() {
        let (pass, data) = draw(ALICE, hour(true), &mut Dice::new(1));
        let bob = Guid::from_bytes([8; 16]);
        let (other, _) = draw(ALICE, hour(true), &mut Dice::new(2));
        let wrong = Ended::Refuse(Wrong::Answer);
        assert_eq!(tried(&data, bob, &pass, T), wrong);
        assert_eq!(tried(&data, ALICE, &other, T), wrong);
        assert_eq!(tried(&data, ALICE, "short", T), wrong);
        assert_eq!(tried(&data, ALICE, "", T), Ended::Refuse(Wrong::Missing));
        assert_eq!(
            tried(&json!({}), ALICE, &pass, T),
            Ended::Refuse(Wrong::Enrolment)
        );
    }

    #[test]
    fn a_pass_works_within_its_time_alone() {
        let terms = Terms {
            begins: T + Span::minutes(10),
            ..hour(false)
        };
        let (pass, data) = draw(ALICE, terms, &mut Dice::new(1));
        let at = |minutes: i64| tried(&data, ALICE, &pass, T + Span::minutes(minutes));
        let works = |minutes: i64| AccessPass.works(&data, T + Span::minutes(minutes));
        for (minutes, good) in [(9, false), (10, true), (59, true), (60, false)] {
            let accepted = matches!(at(minutes), Ended::Accept(_));
            assert_eq!((accepted, works(minutes)), (good, good), "{minutes}");
        }
        assert!(!is_over(&data, T) && is_over(&data, T + Span::hours(1)));
        let rng = &mut Dice::new(3);
        let person = Enrolled {
            account: ALICE,
            data: &data,
        };
        assert!(AccessPass.begin_authentication(&person, T, rng).is_none());
        let later = T + Span::minutes(10);
        assert!(
            AccessPass
                .begin_authentication(&person, later, rng)
                .is_some()
        );
    }

    #[test]
    fn a_pass_for_one_use_is_used_once_and_another_several_times() {
        let (pass, data) = draw(ALICE, hour(true), &mut Dice::new(1));
        let first = accepted(tried(&data, ALICE, &pass, T));
        // Two uses at one moment have one claim.
        let same = accepted(tried(&data, ALICE, &pass, T + Span::seconds(1)));
        assert_eq!(first.claim.id, same.claim.id);
        assert_eq!(first.claim.until, T + Span::hours(1));
        let used = first.data.unwrap();
        assert!(is_over(&used, T) && !AccessPass.works(&used, T));
        assert_eq!(tried(&used, ALICE, &pass, T), Ended::Refuse(Wrong::Used));

        let (pass, data) = draw(ALICE, hour(false), &mut Dice::new(1));
        let first = accepted(tried(&data, ALICE, &pass, T));
        let used = first.data.unwrap();
        let again = accepted(tried(&used, ALICE, &pass, T + Span::seconds(1)));
        assert_ne!(first.claim.id, again.claim.id);
        assert_eq!(terms(&used), Some(hour(false)));
    }
}
