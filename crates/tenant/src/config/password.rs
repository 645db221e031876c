//! Name and password are posted (protocols A.5.2), or name and Temporary Access Pass (A.5.6).

use directory::Account;
use signin::browser::{self, Browser};
use signin::complete::wanted;
use signin::first_factor::{self, Judged, Takes, Wrong};
use signin::steps::keep;
use token::authentication::{Authentication, FirstFactor};
use token::authorize::AuthorizeRequest;
use token::parameters::Parameters;
use token::secret::Secret;
use token::sign_in::{Begun, Next, SignIn, form_token};
use trust::Rng;
use wire::http::Method;

use super::refused::Refused;
use super::{collected, context, page};
use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::{Refused as General, Trouble};
use crate::reply::Answer;
use crate::words::{self, Words};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Post,
    "/{t}/login",
    Words::Config,
    first_factor,
)];

/// The longest name and password that are looked at.
const LONGEST_NAME: usize = 256;
const LONGEST_PASSWORD: usize = 1_024;

/// A first factor was posted from the first page.
fn first_factor(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.form().map_err(General::Parameters)?;
    let text = form.field("ctx").unwrap_or_default();
    let browser = own(asked, &form, text)?;
    let request = match context::open(asked, browser.secret(), text)? {
        Ok(request) => request,
        Err(answer) => return Ok(answer),
    };
    let client = form.field("client_id").unwrap_or(&request.client);
    if !client.eq_ignore_ascii_case(&request.client) {
        return Err(Refused::AnotherClient.into());
    }
    let name = form.field("login").unwrap_or_default().trim();
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Refused::Field("login").into());
    }
    let typed = |field| {
        let typed = form.field(field);
        typed.filter(|typed| !typed.is_empty() && typed.len() <= LONGEST_PASSWORD)
    };
    let post = Post {
        asked,
        request,
        browser,
    };
    let (typed, takes) = match (typed("accesspass"), typed("passwd")) {
        (Some(pass), _) => (pass, Takes::Pass),
        (None, Some(password)) => (password, Takes::Password),
        (None, None) => return Err(Refused::Field("passwd").into()),
    };
    let (wrong, account) = match first_factor::judge(&asked.sign_in(), name, typed, takes)? {
        Judged::Right(proven) => {
            let answer = post.proven(proven.first().clone(), proven.account(), rng)?;
            return Ok(answer.committing(proven.changes));
        }
        // There is no page here on which a new one could be chosen.
        Judged::MustChange(account) => (Wrong::MustChange, Some(account)),
        Judged::Wrong { wrong, account } => (wrong, account),
    };
    let refused = words::reply(asked, Words::Config, &signin::Refused::from(wrong));
    Ok(refused.about(account.as_deref()))
}

/// The browser to which a form was given for what is at `place`: both its tokens say so.
pub(super) fn own(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    place: &str,
) -> Result<Browser, Refused> {
    let tokens = ["flowToken", "canary"].map(|field| form.field(field).unwrap_or_default());
    own_tokens(asked, tokens, place)
}

/// The browser to which these tokens were given for what is at `place`.
pub(super) fn own_tokens(
    asked: &Asked<'_, '_>,
    [flow, canary]: [&str; 2],
    place: &str,
) -> Result<Browser, Refused> {
    let page = asked.sign_in();
    let own = |sent| browser::own(&page, sent, place).map_err(|_| Refused::Context);
    own(canary)?;
    own(flow)
}

/// A first factor that was posted, with what it is for and where.
pub(super) struct Post<'a, 'd> {
    pub(super) asked: &'a Asked<'a, 'd>,
    request: AuthorizeRequest,
    browser: Browser,
}

impl Post<'_, '_> {
    /// A first factor was proven: a code for the client, or the page for a second one.
    pub(super) fn proven(
        self,
        first: FirstFactor,
        account: &Account,
        rng: &mut dyn Rng,
    ) -> Result<Answer, Trouble> {
        let (asked, page) = (self.asked, self.asked.sign_in());
        let wanted = wanted(&page, &self.request);
        let factors = signin::account::second_factors(account);
        let enough = Authentication::of(first.clone(), None).suffices(wanted, asked.now);
        if !enough && !factors.is_enrolled(asked.now) {
            return Ok(refuse(asked, &Refused::NoSecondFactor, Some(account)));
        }
        let begun = Begun::new(self.request, account.id.0, self.browser.secret(), asked.now);
        let Some(begun) = begun else {
            let refused = signin::Refused::AnotherPerson;
            return Ok(words::reply(asked, Words::Config, &refused).about(Some(account)));
        };
        match begun.proven(first, &factors, wanted, asked.now, rng) {
            Next::Done(signed_in) => collected(asked, signed_in, account, rng),
            Next::Wait(sign_in) => {
                let SignIn::AwaitsSecondFactor(state) = &sign_in else {
                    return Err(Refused::NoSecondFactor.into());
                };
                let context = Secret::draw(rng);
                let forms = state.forms(&factors, asked.now, rng);
                let offered: Vec<&str> = forms.iter().map(|form| form.adapter).collect();
                let place = context.reveal();
                let token = form_token(self.browser.secret(), &place);
                let shown = page::second_factor(asked, &place, &token, &offered);
                let answer = Answer::from(self.browser.give(shown));
                Ok(answer.committing([keep(&page, &context, &sign_in)]))
            }
        }
    }
}

/// A refusal that concerns somebody, for the audit log.
pub(super) fn refuse(
    asked: &Asked<'_, '_>,
    refused: &Refused,
    account: Option<&Account>,
) -> Answer {
    words::reply(asked, Words::Config, refused).about(account)
}
