//! The person at the terminal, and the people of a lab: who answers the forms of a sign-in and walks through the
//! steps of an enrolment.

use std::path::PathBuf;

use call::federation::Shows;
use call::sign_in::{Person, Question, SignInFault};
use policy::PinPolicy;
use provisioning::Secret;
use provisioning::dialogue::{
    Cancelled, Choice, ChosenPin, Dialogue, Done, Offer, PinProblem, Prompt, PromptKind,
    SecondFactorProblem, SecondFactorProgress, Work,
};
use token::totp::TotpSecret;
use trust::{Clock as _, SystemClock};
use zeroize::Zeroizing;

use crate::arguments;
use crate::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::site::LabPerson;

/// The person at the terminal, with what the options say in their place.
pub(crate) struct AtTerminal {
    output: Output,
    /// Who signs in, where that is known.
    name: Option<String>,
    password_file: Option<PathBuf>,
    new_password_file: Option<PathBuf>,
    code_file: Option<PathBuf>,
    pin_file: Option<PathBuf>,
    /// Agree without being asked.
    yes: bool,
    /// The answers before were refused, and not all have been given anew.
    refused: bool,
    /// Somebody of a lab, whose secrets are no secrets.
    lab: Option<LabPerson>,
}

impl AtTerminal {
    /// Whoever sits here; `given` are the options, `lab` the lab's person of that name.
    pub(crate) fn new(
        output: Output,
        given: Option<&arguments::Person>,
        lab: Option<LabPerson>,
    ) -> Self {
        Self {
            output,
            name: given.and_then(|given| given.user.clone()),
            password_file: given.and_then(|given| given.password_file.clone()),
            new_password_file: given.and_then(|given| given.new_password_file.clone()),
            code_file: given.and_then(|given| given.code_file.clone()),
            pin_file: None,
            yes: false,
            refused: false,
            lab,
        }
    }

    /// The same, for an enrolment.
    pub(crate) fn enrolling(mut self, enroll: &arguments::Enroll) -> Self {
        self.pin_file.clone_from(&enroll.pin_file);
        self.agreeing(enroll.yes)
    }

    /// The same, agreeing to everything without being asked where `yes` says so; people of a lab do in any case.
    pub(crate) fn agreeing(mut self, yes: bool) -> Self {
        self.yes = yes || self.lab.is_some();
        self
    }

    fn name(&self) -> Option<Zeroizing<String>> {
        let known = self
            .name
            .clone()
            .or_else(|| self.lab.as_ref().map(|person| person.upn.clone()));
        match known {
            Some(name) => Some(Zeroizing::new(name)),
            None => ask::line("User name", "--user").ok().map(Zeroizing::new),
        }
    }

    fn password(&self) -> Result<Secret, Failure> {
        match (&self.password_file, &self.lab) {
            (None, Some(person)) => Ok(Secret::from(person.password.as_str())),
            (file, _) => ask::secret("Password", file.as_deref(), "--password-file"),
        }
    }

    /// A new password: from its file, or typed twice without being shown until both are the same.
    fn new_password(&self) -> Result<Secret, Failure> {
        const OPTION: &str = "--new-password-file";
        if let Some(file) = &self.new_password_file {
            return ask::secret("New password", Some(file), OPTION);
        }
        loop {
            let first = ask::secret("New password", None, OPTION)?;
            if first == ask::secret("New password once more", None, OPTION)? {
                return Ok(first);
            }
            self.output.note("The two are not the same.");
        }
    }

    fn code(&self) -> Result<Secret, Failure> {
        match (&self.code_file, &self.lab) {
            (None, Some(person)) => TotpSecret::parse(&person.totp_secret)
                .map(|secret| Secret::new(secret.code(SystemClock.now())))
                .ok_or_else(|| {
                    Failure::failed(
                        "the lab's second factor cannot be read",
                        "Start the lab anew with --fresh.",
                    )
                }),
            (file, _) => ask::secret("Verification code", file.as_deref(), "--code-file"),
        }
    }

    /// A Temporary Access Pass, which comes from where codes come from.
    fn access_pass(&self) -> Result<Secret, Failure> {
        let file = self.code_file.as_deref();
        ask::secret("Temporary Access Pass", file, "--code-file")
    }

    /// Whether an answer that was wrong can be another one the next time: not where it comes from a file.
    fn can_answer_anew(&self, question: Question) -> bool {
        let from_file = match question {
            Question::Name => self.name.is_some(),
            Question::Password => self.password_file.is_some() || self.lab.is_some(),
            Question::NewPassword => self.new_password_file.is_some(),
            Question::Code | Question::AccessPass => self.code_file.is_some(),
        };
        !from_file
    }
}

impl Person for AtTerminal {
    fn answer(&mut self, question: Question, problem: Option<&str>) -> Option<Zeroizing<String>> {
        if let Some(problem) = problem {
            self.output.note(problem);
            self.refused = true;
        }
        // A name may be right where the password beside it is not; a secret from a file stays the same.
        if question != Question::Name
            && std::mem::take(&mut self.refused)
            && !self.can_answer_anew(question)
        {
            return None;
        }
        let answer = match question {
            Question::Name => return self.name(),
            Question::Password => self.password(),
            Question::NewPassword => self.new_password(),
            Question::Code => self.code(),
            Question::AccessPass => self.access_pass(),
        };
        match answer {
            Ok(secret) => Some(Zeroizing::new(secret.expose().to_owned())),
            Err(failure) => {
                failure.note(self.output);
                None
            }
        }
    }

    fn enrol_authenticator(&mut self, uri: &str, secret: &str) {
        Shows::authenticator(self, uri, secret);
    }

    fn keep_recovery_codes(&mut self, codes: &[String]) -> bool {
        Shows::recovery_codes(self, codes)
    }
}

impl Shows for AtTerminal {
    fn authenticator(&mut self, uri: &str, secret: &str) {
        self.output
            .note("Scan this code with an authenticator application on your telephone:");
        if let Some(code) = token::qr::half_blocks(uri) {
            self.output.note(&code);
        }
        self.output.note(&format!("or type the secret {secret}"));
    }

    fn recovery_codes(&mut self, codes: &[String]) -> bool {
        self.output
            .note("If you lose your authenticator, each of these lets you sign in once:\n");
        codes
            .iter()
            .for_each(|code| self.output.note(&format!("    {code}")));
        self.output.note("\nThey are not shown again.");
        self.yes || self.lab.is_some() || ask::agrees("Have you written them down?")
    }
}

impl Dialogue for AtTerminal {
    fn confirm(&mut self, offer: &Offer<'_>) -> Choice {
        let upn = &offer.account.upn;
        let question = if offer.replaces {
            format!("Replace the PIN and the key of {upn} on this device?")
        } else {
            format!("Set up a PIN for {upn} on this device?")
        };
        choice(self.yes || ask::agrees(&question))
    }

    fn answer(&mut self, prompt: &Prompt<'_>) -> Result<Secret, Cancelled> {
        let question = match prompt.kind {
            PromptKind::Name => Question::Name,
            PromptKind::Password => Question::Password,
            PromptKind::NewPassword => Question::NewPassword,
            PromptKind::OneTimeCode => Question::Code,
        };
        let answer = Person::answer(self, question, prompt.problem).ok_or(Cancelled)?;
        Ok(Secret::from(answer.as_str()))
    }

    fn second_factor(&mut self, progress: SecondFactorProgress<'_>) {
        match progress {
            SecondFactorProgress::Waiting { method } => {
                self.output.note(&format!("Second factor: {method}"))
            }
            SecondFactorProgress::StillFresh => {
                self.output.note("The second factor is still fresh.")
            }
            SecondFactorProgress::Given => self.output.note("The second factor was given."),
        }
    }

    fn retry(&mut self, problem: &SecondFactorProblem) -> Choice {
        self.output.note(&problem.to_string());
        choice(
            self.can_answer_anew(Question::Code) && self.lab.is_none() && ask::agrees("Try again?"),
        )
    }

    fn choose_pin(
        &mut self,
        rules: &PinPolicy,
        problems: &[PinProblem],
    ) -> Result<ChosenPin, Cancelled> {
        problems
            .iter()
            .for_each(|problem| self.output.note(&format!("  {problem}")));
        let given = match (&self.pin_file, &self.lab) {
            (Some(file), _) => {
                Some(ask::secret("PIN", Some(file), "--pin-file").map_err(|_| Cancelled)?)
            }
            (None, Some(person)) => person.pin.as_deref().map(Secret::from),
            (None, None) => None,
        };
        if let Some(pin) = given {
            // The same again would break the same rules.
            return if problems.is_empty() {
                Ok(ChosenPin {
                    confirmation: pin.clone(),
                    pin,
                })
            } else {
                Err(Cancelled)
            };
        }
        self.output.note(&format!(
            "Choose a PIN with {}.",
            rules.in_words().join(", ")
        ));
        let typed = |prompt| {
            ask::secret(prompt, None, "--pin-file")
                .map_err(|failure| failure.note(self.output))
                .map_err(|()| Cancelled)
        };
        Ok(ChosenPin {
            pin: typed("New PIN")?,
            confirmation: typed("Once more")?,
        })
    }

    fn working(&mut self, work: Work) {
        self.output.note(match work {
            Work::CreatingKey => "Making the key …",
            Work::RegisteringKey => "Registering it …",
        });
    }

    fn done(&mut self, _: &Done<'_>) {}
}

fn choice(goes_on: bool) -> Choice {
    if goes_on { Choice::GoOn } else { Choice::Stop }
}

/// Whether a sign-in that failed so can be gone on with by the same person.
pub(crate) fn may_try_again(fault: &SignInFault) -> bool {
    matches!(fault, SignInFault::SecondFactor(_))
        && std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// A sign-in's fault, with what to do about it.
pub(crate) fn sign_in_failed(fault: &SignInFault) -> Failure {
    match fault {
        SignInFault::Call(call) => Failure::of(fault, call.remedy()),
        SignInFault::Cancelled => Failure::refused(
            "the sign-in was not finished",
            "Run the command again to sign in.",
        ),
        SignInFault::SecondFactor(_) | SignInFault::Refused(_) | SignInFault::Interaction(_) => {
            Failure::refused(
                crate::failure::words(fault),
                "Check name, password and code; an administrator can look into the audit log.",
            )
        }
        SignInFault::Consent { .. } => Failure::refused(
            crate::failure::words(fault),
            "Open that address in a browser and say yes there. The browser finds nothing at the end, which does no harm: \
             run the command again then.",
        ),
        SignInFault::NotUnderstood(_) => Failure::of(
            fault,
            "Check that --server is a Keyporch federation service of this version.",
        ),
    }
}
