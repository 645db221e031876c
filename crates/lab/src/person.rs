//! The lab's people, who answer every question at once and right.

use std::sync::Arc;

use call::federation::Shows;
use call::sign_in::{Person, Question};
use policy::PinPolicy;
use provisioning::Secret;
use provisioning::dialogue::{
    Cancelled, Choice, ChosenPin, Dialogue, Done, Offer, PinProblem, Prompt, PromptKind,
    SecondFactorProblem, SecondFactorProgress, Work,
};
use token::totp::TotpSecret;
use trust::{Clock, Span};
use zeroize::Zeroizing;

/// The length of a step of a one-time password.
const STEP: Span = Span::seconds(30);

/// Somebody with a password, an authenticator and a PIN in mind.
pub(crate) struct Somebody {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) password: String,
    pub(crate) totp: TotpSecret,
    pub(crate) pin: String,
    /// How often the second factor was asked for.
    pub(crate) asked: u32,
}

impl Somebody {
    /// The code of the step before this one, which is accepted too: each code works once, and the one that the
    /// authenticator shows now is left to whoever tries the lab. Asked again, the one that it shows.
    fn code(&mut self) -> String {
        let now = self.clock.now();
        self.asked += 1;
        self.totp
            .code(if self.asked == 1 { now - STEP } else { now })
    }
}

impl Dialogue for Somebody {
    fn confirm(&mut self, _offer: &Offer<'_>) -> Choice {
        Choice::GoOn
    }

    fn answer(&mut self, prompt: &Prompt<'_>) -> Result<Secret, Cancelled> {
        match prompt.kind {
            PromptKind::Password if prompt.problem.is_none() => {
                Ok(Secret::from(self.password.as_str()))
            }
            PromptKind::OneTimeCode => Ok(Secret::from(self.code().as_str())),
            PromptKind::Name | PromptKind::Password | PromptKind::NewPassword => Err(Cancelled),
        }
    }

    fn second_factor(&mut self, _progress: SecondFactorProgress<'_>) {}

    fn retry(&mut self, _problem: &SecondFactorProblem) -> Choice {
        match self.asked {
            0..2 => Choice::GoOn,
            _ => Choice::Stop,
        }
    }

    fn choose_pin(
        &mut self,
        _rules: &PinPolicy,
        problems: &[PinProblem],
    ) -> Result<ChosenPin, Cancelled> {
        if !problems.is_empty() {
            return Err(Cancelled);
        }
        Ok(ChosenPin {
            pin: Secret::from(self.pin.as_str()),
            confirmation: Secret::from(self.pin.as_str()),
        })
    }

    fn working(&mut self, _work: Work) {}

    fn done(&mut self, _done: &Done<'_>) {}
}

impl Person for Somebody {
    fn answer(&mut self, question: Question, problem: Option<&str>) -> Option<Zeroizing<String>> {
        match question {
            Question::Password if problem.is_none() => Some(Zeroizing::new(self.password.clone())),
            Question::Code => Some(Zeroizing::new(self.code())),
            Question::Name | Question::Password | Question::NewPassword | Question::AccessPass => {
                None
            }
        }
    }

    fn enrol_authenticator(&mut self, _uri: &str, _secret: &str) {}

    fn keep_recovery_codes(&mut self, _codes: &[String]) -> bool {
        false
    }
}

/// The authenticators of the lab's people are set up already.
pub(crate) struct NothingElse;

impl Shows for NothingElse {
    fn authenticator(&mut self, _uri: &str, _secret: &str) {}

    fn recovery_codes(&mut self, _codes: &[String]) -> bool {
        false
    }
}
