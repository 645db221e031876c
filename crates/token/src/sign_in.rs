//! A sign-in on its way: a state machine whose states are named after what they wait for.
//!
//! The first state, waiting for a name and a password, is not kept: the authorization request travels in the address
//! to which the form is posted and is checked again when it comes back, so that a stranger cannot fill the store. The
//! states after it are kept for ten minutes, as one record under the digest of a secret that stands in the form.
//!
//! ```text
//! (password) ─┬─► AwaitsNewPassword ─► (the new password, as here)
//!             ├────────────────────────────────────────────────► SignedIn
//!             ├─► AwaitsSecondFactor ─┬────────────────────────► SignedIn
//!             │                       └─(lost authenticator)─┐
//!             └─► AwaitsEnrolment ◄────────────────────────────┘
//!                      ├─► AwaitsAcknowledgement ──────────────► SignedIn
//!                      └─(offered, and not now)────────────────► SignedIn
//! ```
//!
//! Somebody who has signed in without a second factor of their own that lasts, as by a Temporary Access Pass, is offered one
//! ([`Begun::offer_enrolment`]).
//!
//! Where a client collects by a request of its own what another proved, AwaitsCollection stands before SignedIn.

mod new_password;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use zeroize::Zeroizing;

use crate::authentication::{Authentication, FirstFactor};
use crate::authorize::{AuthorizeRequest, Wanted};
use crate::factor::{self, AuthenticationAdapter, Claim, Ended, Form, SecondFactors, Wrong};
use crate::moment;
use crate::parameters::Parameters;
use crate::recovery::{self, RecoveryCode};
use crate::secret::shows_only;
use crate::secret::{Digest, Purpose, Secret};
use crate::totp::{self, Totp, TotpSecret};

pub use new_password::{AwaitsNewPassword, NotChosen, PasswordVersion, chosen};

/// How long a sign-in may take from its first proof.
pub const LIFETIME: Span = Span::minutes(10);
/// The checkbox with which somebody who uses a recovery code asks for a new authenticator.
pub const LOST_AUTHENTICATOR: &str = "LostAuthenticator";

/// The field by which somebody who is offered an authenticator goes on without one.
pub const NOT_NOW: &str = "NotNow";

/// A sign-in that waits for something after its first proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum SignIn {
    /// For a new password, because the one that was proven must be changed.
    AwaitsNewPassword(AwaitsNewPassword),
    /// For a second factor.
    AwaitsSecondFactor(AwaitsSecondFactor),
    /// For the first code of an authenticator that is being set up.
    AwaitsEnrolment(AwaitsEnrolment),
    /// For the person to have written the recovery codes down.
    AwaitsAcknowledgement(AwaitsAcknowledgement),
    /// For the client to collect what was proven (protocols A.5.4).
    AwaitsCollection(AwaitsCollection),
}

/// What every state knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Begun {
    /// What the sign-in is for.
    pub request: AuthorizeRequest,
    /// Who has proven the first factor.
    pub account: Guid,
    /// The browser in which that was.
    browser: Digest,
    #[serde(with = "moment")]
    expires: Timestamp,
}

/// Waiting for a second factor.
#[derive(Clone, Serialize, Deserialize)]
pub struct AwaitsSecondFactor {
    begun: Begun,
    first: FirstFactor,
    /// What each adapter that was offered wants back.
    states: Vec<(String, Value)>,
}

shows_only!("AwaitsSecondFactor", AwaitsSecondFactor: begun, first);

/// Waiting for the first code of a new authenticator.
#[derive(Clone, Serialize, Deserialize)]
pub struct AwaitsEnrolment {
    begun: Begun,
    /// What was proven so far.
    proven: Authentication,
    /// The new secret in base32.
    secret: String,
    /// Whether what was proven is enough, and the person may go on without an authenticator.
    #[serde(default)]
    offered: bool,
}

shows_only!("AwaitsEnrolment", AwaitsEnrolment: begun, proven);

/// Waiting for the person to have written down the recovery codes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AwaitsAcknowledgement {
    begun: Begun,
    authentication: Authentication,
}

/// Waiting for the client to collect what was proven: where the second factor is judged by one request and the code is
/// asked for by another (protocols A.5.4).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AwaitsCollection {
    begun: Begun,
    authentication: Authentication,
}

/// A sign-in that has all that its request asks for. Only the machine makes one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    request: AuthorizeRequest,
    account: Guid,
    authentication: Authentication,
}

/// Where a step leads.
#[derive(Clone, Debug)]
pub enum Next {
    /// The sign-in is complete.
    Done(SignedIn),
    /// It waits.
    Wait(SignIn),
}

/// What became of a form that was handed in.
#[derive(Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "one lives for the length of one request"
)]
pub enum Handled {
    /// It was right.
    Right {
        /// Where that leads.
        next: Next,
        /// What is kept about the person's second factors from now on, when that changed.
        factors: Option<SecondFactors>,
        /// What must not have been used before, and is claimed in the same commit. Where it was used, the form is
        /// wrong: [`Handled::used`].
        claim: Option<Claim>,
        /// Recovery codes to be shown now and never again.
        codes: Vec<Zeroizing<String>>,
        /// The adapter by which a second factor was proven, where one was.
        proven_by: Option<&'static str>,
    },
    /// It was wrong; the state stays.
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
    /// A new password was chosen. Where the directory takes it, the sign-in goes on with it as its first factor; where
    /// it does not, the state stays.
    NewPassword {
        /// The sign-in that goes on.
        begun: Begun,
        /// The new password.
        password: Zeroizing<String>,
    },
    /// No new password was chosen; the state stays.
    NotChosen(NotChosen),
}

/// Neither recovery codes nor the new password, nor what second factors are checked by.
impl core::fmt::Debug for Handled {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Right { next, .. } => {
                let mut shown = f.debug_struct("Right");
                shown.field("next", next).finish_non_exhaustive()
            }
            Self::Wrong { wrong, .. } => {
                let mut shown = f.debug_struct("Wrong");
                shown.field("wrong", wrong).finish_non_exhaustive()
            }
            Self::TooMany { wait } => f.debug_struct("TooMany").field("wait", wait).finish(),
            Self::NewPassword { begun, .. } => {
                let mut shown = f.debug_struct("NewPassword");
                shown.field("begun", begun).finish_non_exhaustive()
            }
            Self::NotChosen(why) => f.debug_tuple("NotChosen").field(why).finish(),
        }
    }
}

impl Handled {
    /// What became of a form with an answer that was right and used before: a replay counts as a wrong answer.
    #[must_use]
    pub fn used(mut factors: SecondFactors, now: Timestamp) -> Self {
        factors.guesses = factors.guesses.and_wrong(now);
        Self::Wrong {
            wrong: Wrong::Used,
            factors: Some(factors),
        }
    }
}

impl Begun {
    /// A sign-in for `request` in the browser that holds `browser`; `None` where the client means somebody else
    /// ([`AuthorizeRequest::is_for`]).
    #[must_use]
    pub fn new(
        request: AuthorizeRequest,
        account: Guid,
        browser: &Secret,
        now: Timestamp,
    ) -> Option<Self> {
        request.is_for(account).then(|| Self {
            request,
            account,
            browser: browser.digest(Purpose::Browser),
            expires: now + LIFETIME,
        })
    }

    /// Where a proven first factor leads. `wanted` is what request and resource ask for together.
    pub fn proven(
        self,
        first: FirstFactor,
        factors: &SecondFactors,
        wanted: Wanted,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Next {
        let proven = Authentication::of(first, None);
        if proven.suffices(wanted, now) {
            return Next::Done(SignedIn {
                request: self.request,
                account: self.account,
                authentication: proven,
            });
        }
        Next::Wait(if factors.is_enrolled(now) {
            SignIn::AwaitsSecondFactor(AwaitsSecondFactor::begin(
                self,
                proven.first().clone(),
                factors,
                now,
                rng,
            ))
        } else {
            SignIn::AwaitsEnrolment(AwaitsEnrolment::begin(self, proven, rng))
        })
    }
}

impl Begun {
    /// The state in which somebody who has `signed_in` is offered to set up an authenticator; `None` when that is another
    /// sign-in's.
    pub fn offer_enrolment(self, signed_in: &SignedIn, rng: &mut dyn Rng) -> Option<SignIn> {
        let same = self.account == signed_in.account && self.request == signed_in.request;
        same.then(|| {
            SignIn::AwaitsEnrolment(AwaitsEnrolment {
                offered: true,
                ..AwaitsEnrolment::begin(self, signed_in.authentication.clone(), rng)
            })
        })
    }
}

impl SignIn {
    /// What every state knows.
    #[must_use]
    pub const fn begun(&self) -> &Begun {
        match self {
            Self::AwaitsNewPassword(state) => &state.begun,
            Self::AwaitsSecondFactor(state) => &state.begun,
            Self::AwaitsEnrolment(state) => &state.begun,
            Self::AwaitsAcknowledgement(state) => &state.begun,
            Self::AwaitsCollection(state) => &state.begun,
        }
    }

    /// Until when the record is kept.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.begun().expires
    }

    /// Whether the sign-in is still open, in the browser that holds `browser`.
    #[must_use]
    pub fn is_open(&self, browser: &Secret, now: Timestamp) -> bool {
        now < self.expires() && self.begun().browser.same(&browser.digest(Purpose::Browser))
    }

    /// Consumes the state with the form that was handed in.
    pub fn handle(
        self,
        form: &Parameters,
        factors: SecondFactors,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Handled {
        match self {
            Self::AwaitsNewPassword(state) => state.handle(form),
            Self::AwaitsSecondFactor(state) => state.handle(form, factors, now, rng),
            Self::AwaitsEnrolment(state) => state.handle(form, factors, now, rng),
            Self::AwaitsAcknowledgement(AwaitsAcknowledgement {
                begun,
                authentication,
            })
            | Self::AwaitsCollection(AwaitsCollection {
                begun,
                authentication,
            }) => Handled::Right {
                next: Next::Done(SignedIn {
                    request: begun.request,
                    account: begun.account,
                    authentication,
                }),
                factors: None,
                claim: None,
                codes: vec![],
                proven_by: None,
            },
        }
    }

    /// The state in which the completion of this sign-in waits for its client to collect it; `None` when `signed_in` is
    /// another's. It ends when this sign-in does, and is collected in the same browser.
    #[must_use]
    pub fn to_be_collected(&self, signed_in: SignedIn) -> Option<Self> {
        let begun = self.begun();
        (begun.account == signed_in.account && begun.request == signed_in.request).then(|| {
            Self::AwaitsCollection(AwaitsCollection {
                begun: begun.clone(),
                authentication: signed_in.authentication,
            })
        })
    }
}

impl AwaitsSecondFactor {
    fn begin(
        begun: Begun,
        first: FirstFactor,
        factors: &SecondFactors,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Self {
        let states = factor::adapters().into_iter().filter_map(|adapter| {
            let person = factors.of(begun.account, adapter.id())?;
            Some((
                adapter.id().to_owned(),
                adapter.begin_authentication(&person, now, rng)?.state,
            ))
        });
        let states = states.collect();
        Self {
            begun,
            first,
            states,
        }
    }

    /// The forms to show, one for each adapter that is offered.
    pub fn forms(&self, factors: &SecondFactors, now: Timestamp, rng: &mut dyn Rng) -> Vec<Form> {
        let offered = self.states.iter().filter_map(|(id, _)| {
            let person = factors.of(self.begun.account, id)?;
            Some(
                factor::adapter(id)?
                    .begin_authentication(&person, now, rng)?
                    .form,
            )
        });
        offered.collect()
    }

    fn handle(
        self,
        form: &Parameters,
        mut factors: SecondFactors,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Handled {
        if let Some(wait) = factors.guesses.wait(now) {
            return Handled::TooMany { wait };
        }
        let chosen = form.field("AuthMethod").unwrap_or(Totp.id());
        let proven_by = factor::adapter(chosen).map(|adapter| adapter.id());
        let offered = self.states.iter().find(|(id, _)| id == chosen);
        let ended = offered.and_then(|(id, state)| {
            let person = factors.of(self.begun.account, id)?;
            Some(factor::adapter(id)?.try_end_authentication(&person, state, form, now))
        });
        match ended.unwrap_or(Ended::Refuse(Wrong::Missing)) {
            Ended::Refuse(Wrong::Missing) => Handled::Wrong {
                wrong: Wrong::Missing,
                factors: None,
            },
            Ended::Refuse(wrong) => {
                factors.guesses = factors.guesses.and_wrong(now);
                Handled::Wrong {
                    wrong,
                    factors: Some(factors),
                }
            }
            Ended::Accept(accepted) => {
                let before = factors.clone();
                factors.guesses = Default::default();
                if let Some(data) = accepted.data {
                    factors.enrolled.insert(chosen.to_owned(), data);
                }
                let factors = (factors != before).then_some(factors);
                let authentication = Authentication::of(self.first, Some(accepted.proof));
                let lost = chosen == RecoveryCode.id() && form.field(LOST_AUTHENTICATOR).is_some();
                let next = if lost {
                    Next::Wait(SignIn::AwaitsEnrolment(AwaitsEnrolment::begin(
                        self.begun,
                        authentication,
                        rng,
                    )))
                } else {
                    let Begun {
                        request, account, ..
                    } = self.begun;
                    Next::Done(SignedIn {
                        request,
                        account,
                        authentication,
                    })
                };
                Handled::Right {
                    next,
                    factors,
                    claim: Some(accepted.claim),
                    codes: vec![],
                    proven_by,
                }
            }
        }
    }
}

impl AwaitsEnrolment {
    fn begin(begun: Begun, proven: Authentication, rng: &mut dyn Rng) -> Self {
        Self {
            begun,
            proven,
            secret: TotpSecret::draw(rng).reveal().to_string(),
            offered: false,
        }
    }

    /// The new secret, to be shown; `None` when the record was damaged.
    #[must_use]
    pub fn secret(&self) -> Option<TotpSecret> {
        TotpSecret::parse(&self.secret)
    }

    /// Whether the person may go on without an authenticator.
    #[must_use]
    pub const fn is_offered(&self) -> bool {
        self.offered
    }

    /// Whether an authenticator may not be set up any more: whoever had only the password when this began, or a second factor
    /// that was forgotten meanwhile, must not replace what its owner has set up since. Whoever is offered one replaces none.
    fn is_overtaken(&self, factors: &SecondFactors, now: Timestamp) -> bool {
        let stands = |at: Option<Timestamp>| at.is_some_and(|at| factors.prove(at));
        match self.offered {
            true => factors.have_lasting() || !stands(self.proven.multi_factor_at()),
            false => factors.is_enrolled(now) && !stands(self.proven.second_factor_at()),
        }
    }

    fn handle(
        self,
        form: &Parameters,
        mut factors: SecondFactors,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Handled {
        if self.offered && form.field(NOT_NOW).is_some() {
            return Handled::Right {
                next: Next::Done(SignedIn {
                    request: self.begun.request,
                    account: self.begun.account,
                    authentication: self.proven,
                }),
                factors: None,
                claim: None,
                codes: vec![],
                proven_by: None,
            };
        }
        if self.is_overtaken(&factors, now) {
            return Handled::Wrong {
                wrong: Wrong::Overtaken,
                factors: None,
            };
        }
        let Some(sent) = form.field(totp::FIELD) else {
            return Handled::Wrong {
                wrong: Wrong::Missing,
                factors: None,
            };
        };
        let account = self.begun.account;
        let Some(secret) = self.secret() else {
            return Handled::Wrong {
                wrong: Wrong::Enrolment,
                factors: None,
            };
        };
        let Some(accepted) = secret.enrol(account, sent, now) else {
            return Handled::Wrong {
                wrong: Wrong::Answer,
                factors: None,
            };
        };
        let (codes, kept) = recovery::draw(account, rng);
        factors.enrolled.insert(Totp.id().to_owned(), secret.kept());
        factors.enrolled.insert(RecoveryCode.id().to_owned(), kept);
        factors.guesses = Default::default();
        factors.since = Some(now);
        let authentication = Authentication::of(self.proven.first().clone(), Some(accepted.proof));
        let next = SignIn::AwaitsAcknowledgement(AwaitsAcknowledgement {
            begun: self.begun,
            authentication,
        });
        Handled::Right {
            next: Next::Wait(next),
            factors: Some(factors),
            claim: Some(accepted.claim),
            codes,
            proven_by: None,
        }
    }
}

impl SignedIn {
    /// Somebody whose `authentication` of before, a session's or a ticket's, is enough for `request`.
    ///
    /// `None` when it is not: too old for `max_age` or `prompt`, not strong enough for what is `wanted`, or somebody else's than
    /// the client means.
    #[must_use]
    pub fn already(
        request: AuthorizeRequest,
        account: Guid,
        authentication: Authentication,
        wanted: Wanted,
        now: Timestamp,
    ) -> Option<Self> {
        let enough = request.is_for(account)
            && !request.is_too_old(authentication.at(), now)
            && authentication.suffices(wanted, now);
        enough.then_some(Self {
            request,
            account,
            authentication,
        })
    }

    /// What was asked for.
    #[must_use]
    pub const fn request(&self) -> &AuthorizeRequest {
        &self.request
    }

    /// Who signed in.
    #[must_use]
    pub const fn account(&self) -> Guid {
        self.account
    }

    /// What they have proven.
    #[must_use]
    pub const fn authentication(&self) -> &Authentication {
        &self.authentication
    }
}

/// The token in a form that shows that the form came from us and was filled in where it was shown: the browser's own
/// secret and the place of the form, hashed.
#[must_use]
pub fn form_token(browser: &Secret, place: &str) -> String {
    let material = Zeroizing::new(format!("{} {place}", browser.reveal()));
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(Digest::of(Purpose::Form, material.as_bytes()).as_bytes())
}

/// Whether `sent` is the token of the form at `place`, in constant time.
#[must_use]
pub fn is_form_token(sent: &str, browser: &Secret, place: &str) -> bool {
    crypto::constant_time::equal(sent.as_bytes(), form_token(browser, place).as_bytes())
}

#[cfg(test)]
mod tests;
