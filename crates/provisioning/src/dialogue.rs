//! The four steps that a person sees (PROV-5.*), as the door to the person.

use policy::{PinPolicy, Violation};

use crate::doors::Account;
use crate::flows::Usable;
use crate::secret::Secret;

/// The person at the device, and whatever stands between: a terminal, a window, a script.
///
/// The steps come in their order: [`confirm`](Self::confirm), the second factor, the PIN,
/// [`done`](Self::done). A step may be repeated, none is left out.
pub trait Dialogue {
    /// Step 1 (PROV-5.1): offers Hello with the organisation's account.
    fn confirm(&mut self, offer: &Offer<'_>) -> Choice;

    /// Asks for something that a sign-in form of the federation service wants to know.
    ///
    /// # Errors
    /// [`Cancelled`] when the person does not want to answer.
    fn answer(&mut self, prompt: &Prompt<'_>) -> Result<Secret, Cancelled>;

    /// Step 2 (PROV-5.2): shows where the second factor stands. Asks nothing.
    fn second_factor(&mut self, progress: SecondFactorProgress<'_>);

    /// Step 2 (PROV-5.2): the second factor failed or timed out; shows that and offers a retry.
    /// Nothing has been created yet.
    fn retry(&mut self, problem: &SecondFactorProblem) -> Choice;

    /// Step 3 (PROV-5.3): has the person choose a PIN by `rules` and type it twice. `problems` is
    /// empty the first time and then states each rule that the last choice broke (POL-PIN-13).
    ///
    /// # Errors
    /// [`Cancelled`] when the person gives up.
    fn choose_pin(
        &mut self,
        rules: &PinPolicy,
        problems: &[PinProblem],
    ) -> Result<ChosenPin, Cancelled>;

    /// Step 4 (PROV-5.4): shows what is being done. Asks nothing.
    fn working(&mut self, work: Work);

    /// The end of step 4 (PROV-5.4): the PIN can be used.
    fn done(&mut self, done: &Done<'_>);
}

/// What step 1 offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The account that the PIN will be for.
    pub account: &'a Account,
    /// Whether a PIN and key exist already and would be replaced (RST-1, the destructive reset).
    pub replaces: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Go on.
    GoOn,
    /// Stop here.
    Stop,
}

/// The person does not want to go on (E-08).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, thiserror::Error)]
#[error("cancelled by the person")]
pub struct Cancelled;

/// One field of a form to fill.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prompt<'a> {
    /// What kind of answer it takes.
    pub kind: PromptKind,
    /// The form's own label for the field.
    pub label: &'a str,
    /// What was wrong with the answer before, if there was one.
    pub problem: Option<&'a str>,
}

/// What kind of answer a form takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PromptKind {
    /// An account's name, which may be shown while it is typed.
    Name,
    /// A password, which may not.
    Password,
    /// A new password in place of one that must be changed. Whoever has a person type it has them type it twice.
    NewPassword,
    /// A one-time password or a recovery code.
    OneTimeCode,
}

/// Where the second factor stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondFactorProgress<'a> {
    /// The person is being contacted by this method.
    Waiting {
        /// The method in words, as the federation service names it.
        method: &'a str,
    },
    /// It was given within the last ten minutes and is not asked for again (PROV-5.6).
    StillFresh,
    /// It was given.
    Given,
}

/// Why there is no second factor.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecondFactorProblem {
    /// The answer was wrong, or refused on the other device.
    #[error("the second factor was wrong or refused")]
    Failed,
    /// No answer came in time.
    #[error("the second factor was not answered in time")]
    TimedOut,
}

/// A PIN as it was typed, twice.
#[derive(Clone, Debug)]
pub struct ChosenPin {
    /// The PIN.
    pub pin: Secret,
    /// The PIN once more.
    pub confirmation: Secret,
}

/// What is wrong with a chosen PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PinProblem {
    /// The two are not the same.
    #[error("the PIN and its confirmation are not the same")]
    Mismatch,
    /// It breaks a rule.
    #[error(transparent)]
    Rule(#[from] Violation),
}

/// What is being done in step 4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// The container and the key pair are being made.
    CreatingKey,
    /// The public key is being registered.
    RegisteringKey,
}

/// What step 4 ends with.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// The account.
    pub account: &'a Account,
    /// From when the PIN can be used.
    pub usable: Usable,
}
