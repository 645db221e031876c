//! The authorization endpoint (protocols A.4.4): from an authorization request to a code, a page, or an error.

use std::sync::Arc;

use directory::{Account, Change};
use signin::browser::Browser;
use signin::complete::{complete, send, wanted};
use signin::session::{Held, Session, session_of};
use signin::steps::{after_first, ask_password, password_page};
use signin::{account, sign_in};
use token::authorize::{Answer as To, AuthorizeRequest, Prompt, Rejected};
use token::pages;
use token::parameters::Parameters;
use token::refusal::Code;
use token::sign_in::{Begun, SignedIn};
use trust::Rng;
use wire::http::Method;

use crate::aadsts::Number;
use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::client_auth::{self, ApplicationDisabled};
use crate::config;
use crate::consent::{self, NoConsent};
use crate::limits::within_limit;
use crate::refused::{Reason, Refused, Trouble};
use crate::reply::Answer;
use crate::sso::{self, OnDevice, Sso};
use crate::words::{self, Words, description};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, V1, Words::Page, by_query),
    route(Method::Post, V1, Words::Page, by_form),
    route(Method::Get, V2, Words::Page, by_query),
    route(Method::Post, V2, Words::Page, by_form),
];

const V1: &str = "/{t}/oauth2/authorize";
const V2: &str = "/{t}/oauth2/v2.0/authorize";

/// An authorization request in the query.
fn by_query(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    as_read(asked, in_query(asked, rng))
}

fn in_query(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let parameters = asked.query().map_err(Refused::Parameters)?;
    begin(asked, &parameters, rng)
}

/// A form of ours, or an authorization request in a form (OpenID Connect Core 3.1.2.1).
fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    as_read(asked, in_form(asked, rng))
}

/// A refusal as whoever asks reads it. A broker reads it from a page of its own protocol alone: what comes with another
/// status, or as a redirection, is lost to it (protocols A.11.2).
fn as_read(asked: &Asked<'_, '_>, answer: Result<Answer, Trouble>) -> Result<Answer, Trouble> {
    match answer {
        Err(Trouble::Refused(reason)) if sso::is_broker(asked) => {
            Ok(words::reply(asked, Words::Config, reason.as_ref()))
        }
        answer => answer,
    }
}

fn in_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.form().map_err(Refused::Parameters)?;
    if form.field(pages::CONTEXT).is_some() {
        let (page, changes) = sso::on_device(asked, rng)?;
        let answer: Answer = sign_in::continued(&page, &form, rng)?.into();
        return Ok(answer.committing(changes));
    }
    if form.field(pages::FORM_TOKEN).is_none() {
        return begin(asked, &form, rng);
    }
    let parameters = asked.query().map_err(Refused::Parameters)?;
    match read(asked, &parameters)? {
        Ok(request) if form.field(pages::CONSENT).is_some() => {
            let Some((account, changes)) = who(asked, rng)? else {
                return Err(signin::Refused::SignInGone.into());
            };
            let answer = consent::answered(asked, &request, &form, &account, rng)?;
            Ok(answer.committing(changes))
        }
        Ok(request) => {
            let (page, changes) = sso::on_device(asked, rng)?;
            let answer: Answer = sign_in::with_password(&page, request, &form, rng)?.into();
            Ok(answer.committing(changes))
        }
        Err(answer) => Ok(answer),
    }
}

fn begin(
    asked: &Asked<'_, '_>,
    parameters: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let request = match read(asked, parameters)? {
        Ok(request) => request,
        Err(answer) => return Ok(answer),
    };
    match sso::answer(asked, &request, parameters, rng)? {
        OnDevice::Answered(answer) => Ok(*answer),
        OnDevice::NotGood(reason) => {
            let answer = in_browser(asked, request, rng)?;
            // What the pages refuse by themselves says more.
            Ok(match answer.refused {
                Some(_) => answer,
                None => answer.because(asked, reason.as_ref()),
            })
        }
        OnDevice::Nothing if config::authorize::speaks(asked, parameters, &request) => {
            config::authorize::first_page(asked, &request, rng)
        }
        OnDevice::Nothing => in_browser(asked, request, rng),
    }
}

/// Who is signed in, on the device or in the browser, and what to commit with what comes of it.
#[allow(clippy::type_complexity, reason = "two things that are found together")]
fn who(
    asked: &Asked<'_, '_>,
    rng: &mut dyn Rng,
) -> Result<Option<(Arc<Account>, Vec<Change>)>, Trouble> {
    let page = asked.sign_in();
    let browser = Browser::of(&page, rng);
    match sso::signed_on(asked, browser.secret(), rng) {
        Ok(Sso::SignedOn(on)) => return Ok(Some((on.live.account, on.changes))),
        Err(Trouble::Fault(fault)) => return Err(fault.into()),
        Ok(Sso::Nothing | Sso::NeedsNonce(_)) | Err(Trouble::Refused(_)) => {}
    }
    Ok(session_of(&page)?.map(|held| (held.account, vec![])))
}

/// Nobody is signed in on the device, as far as that was shown: a session, or a page.
fn in_browser(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    match session_of(&page)? {
        Some(held) => with_session(asked, request, held, rng),
        None if request.prompt == Prompt::Nothing => Ok(to_client(
            asked,
            &request.answer,
            Code::LoginRequired,
            &signin::Refused::LoginRequired,
        )),
        None => Ok(ask_password(&page, &request, None, rng).into()),
    }
}

/// The request, checked, by an application that may make it; else the answer that says why not, to whom it may be said.
pub(crate) fn read(
    asked: &Asked<'_, '_>,
    parameters: &Parameters,
) -> Result<Result<AuthorizeRequest, Answer>, Trouble> {
    let known = &asked.known;
    let issuers = known.issuers.both();
    let id_tokens = |token: &str| known.keys.id_token_hint_of(token, &issuers);
    let request = match AuthorizeRequest::parse(parameters, &known.catalogue, &id_tokens) {
        Ok(request) => request,
        Err(Rejected::OnPage(refused)) => {
            let named = parameters.field("client_id").unwrap_or_default();
            return Err(match client_auth::is_disabled(asked, named) {
                true => ApplicationDisabled.into(),
                false => signin::Refused::from(refused).into(),
            });
        }
        Err(Rejected::ToClient(answer, refused)) => {
            let code = refused.code();
            let refused = signin::Refused::from(refused);
            return Ok(Err(to_client(asked, &answer, code, &refused)));
        }
    };
    match consent::is_given(asked, &request.client, &request.resource, &request.scopes)? {
        true => Ok(Ok(request)),
        false => Ok(Err(to_client(
            asked,
            &request.answer,
            Code::ConsentRequired,
            &NoConsent,
        ))),
    }
}

/// Somebody with a session asks for more.
fn with_session(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    held: Held,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    let wanted = wanted(&page, &request);
    let authentication = held.record.authentication.clone();
    let too_old = request.is_too_old(authentication.at(), asked.now);
    let meant = request.is_for(held.record.account);
    let another = !meant
        || request.login_hint.as_deref().is_some_and(|hint| {
            !hint.eq_ignore_ascii_case(&account::upn_of(&held.account, asked.view.snapshot))
                && !hint.eq_ignore_ascii_case(&held.account.sam)
        });
    if !another
        && let Some(signed_in) = SignedIn::already(
            request.clone(),
            held.record.account,
            authentication.clone(),
            wanted,
            asked.now,
        )
    {
        if !consent::must_ask(&page.house, &request, held.account.id, asked.now)? {
            let account = Arc::clone(&held.account);
            let session = Some(Session::Held(held));
            return Ok(complete(&page, signed_in, &account, None, session, rng).into());
        }
        return Ok(match request.prompt {
            Prompt::Nothing => to_client(asked, &request.answer, Code::ConsentRequired, &NoConsent),
            _ => consent::ask(asked, &request, &held.account, rng),
        });
    }
    if request.prompt == Prompt::Nothing {
        let refused = match (meant, too_old || another) {
            (false, _) => signin::Refused::AnotherPerson,
            (true, true) => signin::Refused::LoginRequired,
            (true, false) => signin::Refused::InteractionRequired,
        };
        return Ok(to_client(asked, &request.answer, refused.code(), &refused));
    }
    if too_old || another {
        return Ok(ask_password(&page, &request, None, rng).into());
    }
    let browser = Browser::of(&page, rng);
    let begun = Begun::new(
        request.clone(),
        held.record.account,
        browser.secret(),
        asked.now,
    );
    let Some(begun) = begun else {
        return Ok(password_page(&page, &request, None, &browser).into());
    };
    let first = authentication.first().clone();
    Ok(after_first(&page, begun, first, &held.account, wanted, &browser, rng)?.into())
}

/// Tells the client, through the browser, why it gets no code. Known clients look for the number in the description
/// (protocols A.3.2).
pub(crate) fn to_client(asked: &Asked<'_, '_>, to: &To, code: Code, reason: &dyn Reason) -> Answer {
    if sso::is_broker(asked) {
        return words::reply(asked, Words::Config, reason);
    }
    let page = asked.sign_in();
    let number: Number = reason.number();
    let description = description(asked, number, reason.sentence());
    let mut parameters = to.error(code, page.house.issuer);
    for (name, value) in &mut parameters {
        if *name == "error_description" {
            *value = &description;
        }
    }
    Answer::now(send(&page, to, &parameters)).because(asked, reason)
}
