//! The pages of a sign-in: which one is shown next.

use directory::{Account, Change, ClaimId, Secret as Wrapped, change};
use token::authentication::{Authentication, FirstFactor};
use token::authorize::{AuthorizeRequest, Wanted};
use token::factor::{Claim, SecondFactors, Wrong};
use token::pages;
use token::secret::{Purpose, Secret};
use token::sign_in::{Begun, Next, SignIn, SignedIn, form_token};
use trust::Rng;
use wire::http::write_query;
use zeroize::Zeroizing;

use crate::Answer;
use crate::Asked;
use crate::account::{self, second_factors};
use crate::browser::Browser;
use crate::complete::finish;
use crate::records;
use crate::{Refused, Trouble};

/// The page for name and password, with what went wrong the last time.
#[must_use]
pub fn ask_password(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    again: Option<(&str, &str)>,
    rng: &mut dyn Rng,
) -> Answer {
    let browser = Browser::of(asked, rng);
    password_page(asked, request, again, &browser)
}

/// The page for name and password, in a browser that is known already.
#[must_use]
pub fn password_page(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    again: Option<(&str, &str)>,
    browser: &Browser,
) -> Answer {
    let query = canonical(request);
    let action = asked.house.authorize;
    let catalogue = asked.house.catalogue;
    let page = pages::password(&pages::Password {
        organisation: asked.house.organisation,
        going_to: catalogue
            .client(&request.client)
            .map_or("the application", |client| &client.name),
        action: &format!("{action}?{query}"),
        form_token: &form_token(browser.secret(), &query),
        domain: &asked.house.snapshot.domain().dns_name,
        user_name: again.map_or(request.suggested_name().unwrap_or_default(), |(name, _)| {
            name
        }),
        error: again.map(|(_, error)| error),
    });
    browser.show(page.leading_to(request.answer.redirect.source()))
}

/// The request as a query: the same one whatever it looked like when it came.
#[must_use]
pub fn canonical(request: &AuthorizeRequest) -> String {
    write_query(request.parameters())
}

/// A first factor was proven: by password, by ticket, or with a session.
///
/// # Errors
/// [`Trouble`].
pub fn after_first(
    asked: &Asked<'_, '_>,
    begun: Begun,
    first: FirstFactor,
    account: &Account,
    wanted: Wanted,
    browser: &Browser,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let factors = second_factors(account);
    let enough = Authentication::of(first.clone(), None).suffices(wanted, asked.now);
    if !enough && !factors.is_enrolled(asked.now) {
        if !asked.house.enrol_at_sign_in {
            return Err(Refused::NoSecondFactor.into());
        }
        // An open session or an unlocked screen is not enough to set up a second factor.
        if !first.is_typed_at(asked.now) {
            return Ok(password_page(asked, &begun.request, None, browser));
        }
    }
    let typed = first.is_typed_at(asked.now);
    let next = begun
        .clone()
        .proven(first, &factors, wanted, asked.now, rng);
    let next = match next {
        Next::Done(signed_in) if typed => offered(begun, signed_in, &factors, rng),
        next => next,
    };
    match next {
        Next::Done(signed_in) => finish(asked, signed_in, account, rng),
        Next::Wait(sign_in) => {
            let context = Secret::draw(rng);
            let shown = Shown {
                asked,
                sign_in: &sign_in,
                context: &context,
                browser,
                account,
                factors: &factors,
            };
            let answer = shown.page(None, &[], rng)?;
            Ok(answer.committing([keep(asked, &context, &sign_in)]))
        }
    }
}

/// Where a sign-in leads that is complete: whoever has proven two factors a moment ago, and has no second one that lasts, is
/// offered to set one up first. That is who has a Temporary Access Pass alone, or has lost what a recovery code
/// stands for. Who registers a key is about to have one.
#[must_use]
pub fn offered(
    begun: Begun,
    signed_in: SignedIn,
    factors: &SecondFactors,
    rng: &mut dyn Rng,
) -> Next {
    let registers = signed_in.request().second_factor == Wanted::FreshSecondFactor;
    if registers || !signed_in.authentication().is_multi_factor() || factors.have_lasting() {
        return Next::Done(signed_in);
    }
    match begun.offer_enrolment(&signed_in, rng) {
        Some(sign_in) => Next::Wait(sign_in),
        None => Next::Done(signed_in),
    }
}

/// Writes a sign-in under the digest of its context.
#[must_use]
pub fn keep(asked: &Asked<'_, '_>, context: &Secret, sign_in: &SignIn) -> Change {
    records::write(
        asked.house.tables.sign_ins,
        context.digest(Purpose::SignIn).as_bytes(),
        sign_in,
        sign_in.expires(),
    )
}

/// Replaces the second factors of an account.
#[must_use]
pub fn set_factors(account: &Account, factors: &SecondFactors) -> Change {
    change::set_second_factors(
        account.id,
        factors.write().into_iter().map(Wrapped::new).collect(),
    )
}

/// The claim of a code that works once.
#[must_use]
pub fn claim_id(asked: &Asked<'_, '_>, claim: &Claim) -> ClaimId {
    ClaimId::new(asked.house.once, claim.id.as_bytes())
}

/// What a person is told whose second factor is wrong.
#[must_use]
pub const fn said_of(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Missing => "Enter the code.",
        Wrong::Answer => {
            "That code is not right. Check the clock of the device that shows it, and try again."
        }
        Wrong::Used => "That code was used already. Wait for the next one.",
        Wrong::Enrolment => "Your second factor cannot be used. Ask your administrator for help.",
        Wrong::Overtaken => {
            "A second factor has been set up for this account meanwhile. Sign in again and use that one."
        }
    }
}

/// A sign-in on its way and all that its page shows.
#[derive(Clone, Copy)]
pub struct Shown<'a, 'd> {
    /// The request.
    pub asked: &'a Asked<'a, 'd>,
    /// The sign-in.
    pub sign_in: &'a SignIn,
    /// Its name.
    pub context: &'a Secret,
    /// Where it is shown.
    pub browser: &'a Browser,
    /// Whose it is.
    pub account: &'a Account,
    /// Their second factors.
    pub factors: &'a SecondFactors,
}

impl Shown<'_, '_> {
    /// The page for what the sign-in waits for, with what went wrong the last time.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn page(
        &self,
        error: Option<&str>,
        codes: &[Zeroizing<String>],
        rng: &mut dyn Rng,
    ) -> Result<Answer, Trouble> {
        let organisation = self.asked.house.organisation;
        let action = self.asked.house.authorize;
        let context = self.context.reveal();
        let form_token = form_token(self.browser.secret(), &context);
        let page = match self.sign_in {
            SignIn::AwaitsNewPassword(_) => pages::new_password(&pages::NewPassword {
                organisation,
                action,
                context: &context,
                form_token: &form_token,
                account: &account::upn_of(self.account, self.asked.house.snapshot),
                rules: &self.asked.house.snapshot.password_policy()?.in_words(),
                error,
            }),
            SignIn::AwaitsSecondFactor(state) => pages::second_factor(&pages::SecondFactor {
                organisation,
                action,
                context: &context,
                form_token: &form_token,
                forms: &state.forms(self.factors, self.asked.now, rng),
                error,
            }),
            SignIn::AwaitsEnrolment(state) => pages::enrolment(&pages::Enrolment {
                organisation,
                action,
                context: &context,
                form_token: &form_token,
                account: &account::upn_of(self.account, self.asked.house.snapshot),
                secret: &state.secret().ok_or(Refused::SignInGone)?,
                offered: state.is_offered(),
                error,
            }),
            SignIn::AwaitsAcknowledgement(_) => {
                pages::acknowledgement(organisation, action, &context, &form_token, codes)
            }
            // A client collects it, and no person is shown it.
            SignIn::AwaitsCollection(_) => return Err(Refused::SignInGone.into()),
        };
        let redirect = &self.sign_in.begun().request.answer.redirect;
        Ok(self.browser.show(page.leading_to(redirect.source())))
    }
}
