//! The person at the device: what she types, and what she is shown.

use std::collections::VecDeque;
use std::sync::Arc;

use call::federation::Shows;
use policy::PinPolicy;
use provisioning::dialogue::{
    Cancelled, Choice, ChosenPin, Dialogue, Done, Offer, PinProblem, Prompt, PromptKind,
    SecondFactorProblem, SecondFactorProgress, Work,
};
use provisioning::{Secret, Usable};
use token::totp::TotpSecret;
use trust::{Clock, Span};

use crate::chance::Hands;

/// How she answers when she is asked for her second factor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Factor {
    /// With the code that her authenticator shows.
    Right,
    /// With a code that it does not show.
    Wrong,
    /// With the right code, eleven minutes later.
    Late,
}

/// A person. What a queue does not say she does right, the first time.
pub struct Alice {
    clock: Arc<Hands>,
    totp: TotpSecret,
    /// Her password.
    pub password: &'static str,
    /// Her next answers to the second factor.
    pub factors: VecDeque<Factor>,
    /// The next PINs that she types, with their confirmations.
    pub pins: VecDeque<(&'static str, &'static str)>,
    /// How long she thinks about a PIN.
    pub thinking: Span,
    /// How often she tries again.
    pub retries: u32,
    /// What she was asked and shown.
    pub seen: Vec<String>,
}

impl Alice {
    pub(crate) fn new(
        clock: Arc<Hands>,
        totp: TotpSecret,
        password: &'static str,
        pin: &'static str,
    ) -> Self {
        Self {
            clock,
            totp,
            password,
            factors: VecDeque::new(),
            pins: VecDeque::from([(pin, pin)]),
            thinking: Span::ZERO,
            retries: 0,
            seen: Vec::new(),
        }
    }

    fn code(&self) -> String {
        self.totp.code(self.clock.now())
    }

    /// A code that is not that of any moment near.
    fn wrong_code(&self) -> String {
        let near = [-60, -30, 0, 30, 60]
            .map(|seconds| self.totp.code(self.clock.now() + Span::seconds(seconds)));
        let mut wrong = (0..1_000_000).map(|number| format!("{number:06}"));
        wrong.find(|code| !near.contains(code)).unwrap_or_default()
    }
}

impl Dialogue for Alice {
    fn confirm(&mut self, offer: &Offer<'_>) -> Choice {
        self.seen.push(format!("offer for {}", offer.account.upn));
        Choice::GoOn
    }

    fn answer(&mut self, prompt: &Prompt<'_>) -> Result<Secret, Cancelled> {
        if let Some(problem) = prompt.problem {
            self.seen.push(format!("problem: {problem}"));
        }
        match prompt.kind {
            PromptKind::Name | PromptKind::NewPassword => Err(Cancelled),
            PromptKind::Password if prompt.problem.is_some() => Err(Cancelled),
            PromptKind::Password => Ok(Secret::from(self.password)),
            PromptKind::OneTimeCode => {
                Ok(match self.factors.pop_front().unwrap_or(Factor::Right) {
                    Factor::Right => Secret::from(self.code().as_str()),
                    Factor::Wrong => Secret::from(self.wrong_code().as_str()),
                    Factor::Late => {
                        self.clock.advance(Span::minutes(11));
                        Secret::from(self.code().as_str())
                    }
                })
            }
        }
    }

    fn second_factor(&mut self, progress: SecondFactorProgress<'_>) {
        self.seen.push(match progress {
            SecondFactorProgress::Waiting { method } => format!("waiting for the {method}"),
            SecondFactorProgress::StillFresh => "second factor still fresh".to_owned(),
            SecondFactorProgress::Given => "second factor given".to_owned(),
        });
    }

    fn retry(&mut self, problem: &SecondFactorProblem) -> Choice {
        self.seen.push(problem.to_string());
        if self.retries == 0 {
            return Choice::Stop;
        }
        self.retries -= 1;
        Choice::GoOn
    }

    fn choose_pin(
        &mut self,
        rules: &PinPolicy,
        problems: &[PinProblem],
    ) -> Result<ChosenPin, Cancelled> {
        self.seen.push(format!(
            "choose a PIN of {} or more",
            rules.minimum_length()
        ));
        self.seen.extend(problems.iter().map(ToString::to_string));
        self.clock.advance(self.thinking);
        let (pin, confirmation) = self.pins.pop_front().ok_or(Cancelled)?;
        Ok(ChosenPin {
            pin: Secret::from(pin),
            confirmation: Secret::from(confirmation),
        })
    }

    fn working(&mut self, work: Work) {
        self.seen.push(match work {
            Work::CreatingKey => "creating the key".to_owned(),
            Work::RegisteringKey => "registering the key".to_owned(),
        });
    }

    fn done(&mut self, done: &Done<'_>) {
        self.seen.push(match done.usable {
            Usable::Now => "the PIN can be used".to_owned(),
            Usable::AfterSynchronisation => "the PIN can be used later".to_owned(),
        });
    }
}

/// Her authenticator was set up by an administrator, so a sign-in shows her nothing else.
pub(crate) struct NothingElse;

impl Shows for NothingElse {
    fn authenticator(&mut self, _uri: &str, _secret: &str) {}

    fn recovery_codes(&mut self, _codes: &[String]) -> bool {
        false
    }
}
