//! Second factors behind one seam, shaped like AD FS's adapters (protocols F.4): an adapter begins an authentication,
//! which gives a form and a state, and tries to end it with the form filled in.
//!
//! To add one: implement [`AuthenticationAdapter`] in a module of its own and list it in [`adapters`].

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::access_pass::AccessPass;
use crate::authentication::SecondFactor;
use crate::moment;
use crate::parameters::Parameters;
use crate::recovery::RecoveryCode;
use crate::secret::shows_only;
use crate::totp::{Totp, TotpSecret};

/// A way to prove a second factor.
pub trait AuthenticationAdapter: Sync {
    /// Its name in records and in the form field `AuthMethod`.
    fn id(&self) -> &'static str;

    /// Its authentication method reference (RFC 8176).
    fn amr(&self) -> &'static str;

    /// Whether it is a spare key for a lock that must exist: who has that alone still sets up another.
    fn is_spare(&self) -> bool {
        false
    }

    /// Whether it is a way to prove a second factor for good, and not for a while.
    fn lasts(&self) -> bool {
        true
    }

    /// Whether what it keeps about a person still works `now`.
    fn works(&self, _data: &Value, _now: Timestamp) -> bool {
        true
    }

    /// AD FS's BeginAuthentication: what the person is to fill in, and what must be remembered until then; `None` when
    /// this person cannot use the adapter.
    fn begin_authentication(
        &self,
        person: &Enrolled<'_>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Option<Begun>;

    /// AD FS's TryEndAuthentication: judges the form that came back.
    fn try_end_authentication(
        &self,
        person: &Enrolled<'_>,
        state: &Value,
        form: &Parameters,
        now: Timestamp,
    ) -> Ended;
}

/// All adapters, in the order in which they are offered.
#[must_use]
pub fn adapters() -> [&'static dyn AuthenticationAdapter; 3] {
    [&Totp, &AccessPass, &RecoveryCode]
}

/// Whether an adapter stands in for the one that a person has for good: a spare key, or what works for a while. That it was used is
/// worth a record of its own.
#[must_use]
pub fn stands_in(id: &str) -> bool {
    adapter(id).is_some_and(|adapter| adapter.is_spare() || !adapter.lasts())
}

/// The adapter of this name.
#[must_use]
pub fn adapter(id: &str) -> Option<&'static dyn AuthenticationAdapter> {
    adapters().into_iter().find(|adapter| adapter.id() == id)
}

/// Whose second factor it is and what the adapter keeps about them.
#[derive(Clone, Copy)]
pub struct Enrolled<'a> {
    /// The account.
    pub account: Guid,
    /// What the adapter stored at enrolment.
    pub data: &'a Value,
}

shows_only!("Enrolled", Enrolled<'_>: account);

/// An authentication that has begun.
#[derive(Clone, PartialEq)]
pub struct Begun {
    /// What the person is to fill in.
    pub form: Form,
    /// What the adapter wants back with the answer.
    pub state: Value,
}

shows_only!("Begun", Begun: form);

/// What an adapter asks of a person: one field of a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// The adapter, as the value of `AuthMethod`.
    pub adapter: &'static str,
    /// The name of the field, which programs that fill it in may rely on.
    pub field: &'static str,
    /// The field's label.
    pub label: &'static str,
    /// A sentence on where to find the answer.
    pub hint: &'static str,
    /// Whether the answer consists of digits, so that a telephone shows its digits.
    pub digits: bool,
}

/// How an adapter judges.
#[derive(Clone, PartialEq, Debug)]
pub enum Ended {
    /// The factor is proven.
    Accept(Accepted),
    /// It is not.
    Refuse(Wrong),
}

/// What follows from a proven factor.
#[derive(Clone, PartialEq)]
pub struct Accepted {
    /// The proof.
    pub proof: SecondFactor,
    /// What must not be used again: looked up before, and claimed in the commit.
    pub claim: Claim,
    /// What the adapter keeps about the person from now on, when that changed.
    pub data: Option<Value>,
}

shows_only!("Accepted", Accepted: proof, claim);

/// Something that works once.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its name.
    pub id: String,
    /// Until when its use must be remembered.
    pub until: Timestamp,
}

shows_only!("Claim", Claim: until);

/// Why a second factor is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    /// The form is not filled in.
    #[error("the answer is missing")]
    Missing,
    /// The answer is not right, or no longer or not yet.
    #[error("the answer is not right")]
    Answer,
    /// The answer is right and was used before.
    #[error("the code was used before")]
    Used,
    /// What the adapter keeps about the person cannot be read.
    #[error("the enrolment cannot be read")]
    Enrolment,
    /// A second factor was set up for the account after this sign-in had begun to set up another.
    #[error("a second factor was set up meanwhile")]
    Overtaken,
}

/// A person's second factors: what rests, wrapped, with the account, one value for each.
#[derive(Clone, PartialEq, Default)]
pub struct SecondFactors {
    /// What each adapter keeps.
    pub enrolled: BTreeMap<String, Value>,
    /// Wrong answers since the last right one.
    pub guesses: Guesses,
    /// When the former ones were forgotten or replaced: what was proven by them does not count any more.
    pub since: Option<Timestamp>,
}

shows_only!("SecondFactors", SecondFactors: guesses, since);

/// One value of those that rest.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Resting {
    Enrolled {
        adapter: String,
        data: Value,
    },
    Guesses {
        guesses: Guesses,
    },
    Since {
        #[serde(with = "moment")]
        since: Timestamp,
    },
}

impl SecondFactors {
    /// Reads the values that rest with an account. One that cannot be read is left out: its owner then enrols anew or
    /// uses another.
    #[must_use]
    pub fn read<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut factors = Self::default();
        for value in values
            .into_iter()
            .filter_map(|value| serde_json::from_slice(value).ok())
        {
            match value {
                Resting::Enrolled { adapter, data } => {
                    factors.enrolled.insert(adapter, data);
                }
                Resting::Guesses { guesses } => factors.guesses = guesses,
                Resting::Since { since } => factors.since = factors.since.max(Some(since)),
            }
        }
        factors
    }

    /// The values to rest with the account, wrapped.
    #[must_use]
    pub fn write(&self) -> Vec<Vec<u8>> {
        let enrolled = self
            .enrolled
            .iter()
            .map(|(adapter, data)| json!({ "adapter": adapter, "data": data }).to_string());
        let guesses = (self.guesses != Guesses::default())
            .then(|| json!({ "guesses": self.guesses }).to_string());
        let since = self
            .since
            .map(|since| json!({ "since": since.micros() }).to_string());
        let values = enrolled.chain(guesses).chain(since);
        values.map(String::into_bytes).collect()
    }

    /// What somebody has whose second factors are forgotten `now`.
    #[must_use]
    pub fn forgotten(now: Timestamp) -> Self {
        Self {
            since: Some(now),
            ..Self::default()
        }
    }

    /// Whether a second factor that was proven at `at` is one of these, and so counts: not one that was forgotten or
    /// replaced since.
    #[must_use]
    pub fn prove(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since)
    }

    /// What somebody has who is given a TOTP secret by an administrator.
    #[must_use]
    pub fn with_totp(secret: &TotpSecret) -> Self {
        let mut factors = Self::default();
        factors.enrolled.insert(Totp.id().to_owned(), secret.kept());
        factors
    }

    /// Whether the person can prove a second factor `now` without help. Recovery codes alone do not count: they are spare
    /// keys for a lock that must exist ([`AuthenticationAdapter::is_spare`]). What an adapter keeps that is not known here
    /// counts, so that nobody sets up another in its place.
    #[must_use]
    pub fn is_enrolled(&self, now: Timestamp) -> bool {
        self.enrolled.iter().any(|(id, data)| match adapter(id) {
            Some(adapter) => !adapter.is_spare() && adapter.works(data, now),
            None => true,
        })
    }

    /// Whether the person has a second factor of their own for good: neither recovery codes alone nor a Temporary Access
    /// Pass count. What an adapter keeps that is not known here counts, so that nobody sets up another in its place.
    #[must_use]
    pub fn have_lasting(&self) -> bool {
        let mut adapters = self.enrolled.keys().map(|id| adapter(id));
        adapters.any(|adapter| adapter.is_none_or(|it| !it.is_spare() && it.lasts()))
    }

    /// Judges the code of the person's authenticator that stands in the same form as their password, where a page asks
    /// for both at once.
    pub fn try_at_once(
        self,
        account: Guid,
        form: &Parameters,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> AtOnce {
        if let Some(wait) = self.guesses.wait(now) {
            return AtOnce::TooMany { wait };
        }
        let ended = self.of(account, Totp.id()).and_then(|person| {
            let begun = Totp.begin_authentication(&person, now, rng)?;
            Some(Totp.try_end_authentication(&person, &begun.state, form, now))
        });
        match ended.unwrap_or(Ended::Refuse(Wrong::Enrolment)) {
            Ended::Refuse(wrong @ (Wrong::Missing | Wrong::Enrolment)) => AtOnce::Wrong {
                wrong,
                factors: None,
            },
            Ended::Refuse(wrong) => AtOnce::Wrong {
                wrong,
                factors: Some(self.and_wrong(now)),
            },
            Ended::Accept(accepted) => {
                let mut factors = self.clone();
                factors.guesses = Guesses::default();
                if let Some(data) = accepted.data {
                    factors.enrolled.insert(Totp.id().to_owned(), data);
                }
                AtOnce::Right {
                    claim: accepted.claim,
                    factors: (factors != self).then_some(factors),
                }
            }
        }
    }

    /// The same, with one more wrong answer.
    #[must_use]
    pub fn and_wrong(mut self, now: Timestamp) -> Self {
        self.guesses = self.guesses.and_wrong(now);
        self
    }

    /// What the adapter of this name keeps.
    #[must_use]
    pub fn of(&self, account: Guid, adapter: &str) -> Option<Enrolled<'_>> {
        self.enrolled
            .get(adapter)
            .map(|data| Enrolled { account, data })
    }
}

/// What became of a second factor in the same form as the first.
#[derive(Clone, PartialEq, Debug)]
pub enum AtOnce {
    /// It is proven.
    Right {
        /// What must not have been used before, and is claimed in the same commit.
        claim: Claim,
        /// What is kept about the person's second factors from now on, when that changed.
        factors: Option<SecondFactors>,
    },
    /// It is not.
    Wrong {
        /// Why.
        wrong: Wrong,
        /// What is kept about the person's second factors from now on, when that changed.
        factors: Option<SecondFactors>,
    },
    /// It was not looked at, after too many wrong ones.
    TooMany {
        /// When the next is looked at.
        wait: Span,
    },
}

/// Wrong answers since the last right one. Whoever gives them knows the password already, so waiting grows: after
/// five, each doubles the wait, from one minute to an hour.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Guesses {
    wrong: u32,
    #[serde(with = "moment::optional")]
    last: Option<Timestamp>,
}

impl Guesses {
    /// How many wrong answers cost no wait.
    pub const FREE: u32 = 5;

    /// Counts a wrong answer.
    #[must_use]
    pub fn and_wrong(self, now: Timestamp) -> Self {
        Self {
            wrong: self.wrong.saturating_add(1),
            last: Some(now),
        }
    }

    /// How long no answer is looked at; `None` when the next may come.
    #[must_use]
    pub fn wait(self, now: Timestamp) -> Option<Span> {
        let beyond = self.wrong.checked_sub(Self::FREE)?;
        let minutes = 1i64 << beyond.min(6);
        let until = self.last? + Span::minutes(minutes.min(60));
        let left = until.since(now);
        // A clock that was set back must not lengthen the wait.
        (left > Span::ZERO).then(|| left.min(Span::minutes(60)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_unix(1_800_000_000);

    #[test]
    fn waits_grow_from_a_minute_to_an_hour_and_end_with_a_right_answer() {
        let mut guesses = Guesses::default();
        for _ in 0..4 {
            guesses = guesses.and_wrong(T);
            assert_eq!(guesses.wait(T), None);
        }
        let mut waits = Vec::new();
        for _ in 0..9 {
            guesses = guesses.and_wrong(T);
            waits.push(guesses.wait(T).unwrap().as_seconds() / 60);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(guesses.wait(T + Span::minutes(60)), None);
        assert_eq!(Guesses::default().wait(T), None);
    }

    #[test]
    fn what_rests_comes_back_and_damage_is_left_out() {
        let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let mut factors = SecondFactors::with_totp(&secret);
        assert_eq!(factors.write().len(), 1);
        factors.guesses = factors.guesses.and_wrong(T);
        factors.since = Some(T);
        let mut resting = factors.write();
        resting.push(b"damage".to_vec());
        assert_eq!(
            SecondFactors::read(resting.iter().map(Vec::as_slice)),
            factors
        );
    }

    #[test]
    fn a_log_has_neither_what_adapters_keep_nor_what_was_typed() {
        let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let kept = secret.kept();
        let (account, code) = (Guid::from_bytes([7; 16]), secret.code(T));
        let mut accepted = secret.enrol(account, &code, T).unwrap();
        accepted.data = Some(kept.clone());
        let enrolled = Enrolled {
            account,
            data: &kept,
        };
        let mut rng = crate::testing::Dice::new(1);
        let begun = adapters()[0].begin_authentication(&enrolled, T, &mut rng);
        let begun = begun.unwrap();
        let shown = [
            format!("{accepted:?}"),
            format!("{:?}", accepted.claim),
            format!("{:?}", SecondFactors::with_totp(&secret)),
            format!("{enrolled:?}"),
            format!(
                "{:?}",
                AtOnce::Right {
                    claim: accepted.claim.clone(),
                    factors: Some(SecondFactors::with_totp(&secret)),
                }
            ),
            format!("{:?}", Ended::Accept(accepted)),
            format!(
                "{:?}",
                Begun {
                    form: begun.form,
                    state: Value::from(code.clone()),
                }
            ),
        ];
        for shown in shown {
            assert!(
                !shown.contains("GEZDGNBV") && !shown.contains(&code),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_was_proven_by_forgotten_factors_does_not_count() {
        let forgotten = SecondFactors::forgotten(T);
        assert!(!forgotten.is_enrolled(T));
        assert!(forgotten.prove(T) && !forgotten.prove(T - Span::micros(1)));
        assert!(SecondFactors::default().prove(Timestamp::from_unix(0)));
    }

    #[test]
    fn recovery_codes_alone_are_no_enrolment() {
        let mut factors = SecondFactors::default();
        factors.enrolled.insert("recovery-code".into(), Value::Null);
        assert!(!factors.is_enrolled(T));
        factors.enrolled.insert("totp".into(), Value::Null);
        assert!(factors.is_enrolled(T));
    }

    #[test]
    fn what_works_for_a_while_and_spare_keys_are_no_lasting_factor() {
        let mut factors = SecondFactors::default();
        for id in ["recovery-code", "access-pass"] {
            factors.enrolled.insert(id.into(), Value::Null);
            assert!(!factors.have_lasting(), "{id}");
        }
        for id in ["totp", "of a later release"] {
            let mut factors = factors.clone();
            factors.enrolled.insert(id.into(), Value::Null);
            assert!(factors.have_lasting(), "{id}");
        }
    }

    #[test]
    fn every_adapter_is_found_by_its_own_name() {
        for adapter in adapters() {
            assert_eq!(super::adapter(adapter.id()).unwrap().id(), adapter.id());
        }
        assert!(super::adapter("sms").is_none());
    }

    #[test]
    fn a_wait_begins_with_the_last_wrong_answer_and_no_clock_makes_it_longer_than_an_hour() {
        let mut guesses = Guesses::default();
        for _ in 0..Guesses::FREE {
            guesses = guesses.and_wrong(T);
        }
        let later = guesses.and_wrong(T + Span::minutes(30));
        assert_eq!(later.wait(T + Span::minutes(30)), Some(Span::minutes(2)));
        // As it is seen after the clock was set back.
        assert_eq!(later.wait(T - Span::days(1)), Some(Span::minutes(60)));
    }

    #[test]
    fn who_has_a_second_factor_is_said_by_what_works_now() {
        let with = |adapter: &str, data: Value| {
            let mut factors = SecondFactors::default();
            factors.enrolled.insert(adapter.to_owned(), data);
            factors
        };
        let account = Guid::from_bytes([7; 16]);
        let terms = crate::access_pass::Terms {
            begins: T,
            ends: T + Span::hours(1),
            once: false,
        };
        let mut rng = crate::testing::Dice::new(1);
        let (_, pass) = crate::access_pass::draw(account, terms, &mut rng);
        let pass = with(crate::access_pass::ID, pass);
        assert!(pass.is_enrolled(T) && !pass.have_lasting());
        assert!(!pass.is_enrolled(T + Span::hours(1)), "it is over");
        let (_, codes) = crate::recovery::draw(account, &mut rng);
        assert!(!with("recovery-code", codes).is_enrolled(T), "spares alone");
        // What an adapter of a later release has set up is not gone around.
        let later = with("of-a-later-release", json!({}));
        assert!(later.is_enrolled(T) && later.have_lasting());
    }

    #[test]
    fn what_is_tried_at_once_is_counted_as_on_the_pages() {
        let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let account = Guid::from_bytes([7; 16]);
        let mut rng = crate::testing::Dice::new(1);
        let form =
            |code: &str| Parameters::new(vec![("VerificationCode".into(), code.into())]).unwrap();
        let mut factors = SecondFactors::with_totp(&secret);
        for _ in 0..Guesses::FREE {
            let tried = factors.try_at_once(account, &form("000000"), T, &mut rng);
            let AtOnce::Wrong {
                wrong: Wrong::Answer,
                factors: Some(counted),
            } = tried
            else {
                panic!("{tried:?}")
            };
            factors = counted;
        }
        let right = form(&secret.code(T));
        let tried = factors.clone().try_at_once(account, &right, T, &mut rng);
        assert!(matches!(tried, AtOnce::TooMany { .. }), "{tried:?}");
        let later = T + Span::minutes(1);
        let right = form(&secret.code(later));
        let tried = factors.try_at_once(account, &right, later, &mut rng);
        let AtOnce::Right {
            factors: Some(factors),
            ..
        } = tried
        else {
            panic!("{tried:?}")
        };
        assert_eq!(factors.guesses, Guesses::default());
    }
}
