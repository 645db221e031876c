//! `/adfs/oauth2/authorize`: from an authorization request to a code, a page, or an error (RFC 6749 4.1).

use directory::AccountKind;
use token::authentication::Authentication;
use token::authorize::{AuthorizeRequest, Prompt, Rejected, Wanted};
use token::pages;
use token::parameters::Parameters;
use token::sign_in::{Begun, SignedIn};
use trust::Rng;

use crate::account;
use crate::asked::Asked;
use crate::browser::Browser;
use crate::complete::{complete, to_client, wanted};
use crate::limits::within_limit;
use crate::refused::{Refused, Trouble};
use crate::reply::{Answer, Reply};
use crate::session::{Held, session_of};
use crate::steps::{after_first, ask_password};
use crate::{negotiate, sign_in, story};

/// An authorization request in the query.
pub(crate) fn by_query(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let parameters = asked.query()?;
    begin(asked, &parameters, rng)
}

/// A form of ours, or an authorization request in a form (OpenID Connect Core 3.1.2.1).
pub(crate) fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let form = asked.form()?;
    if form.field(pages::CONTEXT).is_some() {
        within_limit(asked)?;
        sign_in::continued(asked, &form, rng)
    } else if form.field(pages::FORM_TOKEN).is_some() {
        within_limit(asked)?;
        match AuthorizeRequest::parse(&asked.query()?, &asked.view.settings.catalogue) {
            Ok(request) => sign_in::with_password(asked, request, &form, rng),
            Err(rejected) => refuse(asked, rejected),
        }
    } else {
        begin(asked, &form, rng)
    }
}

fn begin(
    asked: &Asked<'_, '_>,
    parameters: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let request = match AuthorizeRequest::parse(parameters, &asked.view.settings.catalogue) {
        Ok(request) => request,
        Err(rejected) => return refuse(asked, rejected),
    };
    if let Some((scheme, token)) = asked.request.authorization()
        && scheme.eq_ignore_ascii_case("Negotiate")
    {
        return by_ticket(asked, request, token, rng);
    }
    match session_of(asked)? {
        Some(held) => with_session(asked, request, held, rng),
        None if request.prompt == Prompt::Nothing => {
            to_client(asked, &request.answer, &Refused::LoginRequired)
        }
        None => Ok(ask_password(asked, &request, None, rng)),
    }
}

/// Tells a rejected request to whom it may be told.
fn refuse(asked: &Asked<'_, '_>, rejected: Rejected) -> Result<Answer, Trouble> {
    match rejected {
        Rejected::OnPage(refused) => Err(refused.into()),
        Rejected::ToClient(answer, refused) => to_client(asked, &answer, &refused.into()),
    }
}

/// Somebody shows a Kerberos ticket.
fn by_ticket(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    token: &str,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let proven = negotiate::prove(asked, token, rng)??;
    let account = proven.account;
    let authentication = Authentication::of(proven.first.clone(), None);
    let too_old = request.is_too_old(authentication.at(), asked.now);
    let mut answer = match account.kind {
        AccountKind::Computer => {
            if request.resource != asked.view.settings.registration_resource {
                return to_client(asked, &request.answer, &Refused::NotForThisAccount);
            }
            let refusal = request.answer.clone();
            match SignedIn::already(
                request,
                account.id.0,
                authentication,
                Wanted::Unasked,
                asked.now,
            ) {
                Some(signed_in) => {
                    complete(asked, signed_in, &account, None, rng).telling(&story::JOIN_TOKEN)
                }
                None => return to_client(asked, &refusal, &Refused::InteractionRequired),
            }
        }
        AccountKind::User => {
            let wanted = wanted(asked, &request);
            match SignedIn::already(
                request.clone(),
                account.id.0,
                authentication,
                wanted,
                asked.now,
            ) {
                Some(signed_in) => complete(asked, signed_in, &account, None, rng),
                None if request.prompt == Prompt::Nothing => {
                    let refused = if too_old {
                        Refused::LoginRequired
                    } else {
                        Refused::InteractionRequired
                    };
                    return to_client(asked, &request.answer, &refused);
                }
                // A ticket is of a sign-in that may be hours ago, and no second factor makes that younger.
                None if too_old => ask_password(asked, &request, None, rng),
                None => {
                    let browser = Browser::of(asked, rng);
                    let begun = Begun::new(request, account.id.0, browser.secret(), asked.now);
                    after_first(asked, begun, proven.first, &account, wanted, &browser, rng)?
                }
            }
        }
        AccountKind::Service | AccountKind::Krbtgt => {
            return to_client(asked, &request.answer, &Refused::NotForThisAccount);
        }
    };
    if let Reply::Now(response) = &mut answer.reply {
        response.headers.set("WWW-Authenticate", &proven.reply);
    }
    Ok(answer.committing([proven.claim]))
}

/// Somebody with a session asks for more.
fn with_session(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    held: Held,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let wanted = wanted(asked, &request);
    let authentication = held.record.authentication.clone();
    let too_old = request.is_too_old(authentication.at(), asked.now);
    if let Some(signed_in) = SignedIn::already(
        request.clone(),
        held.record.account,
        authentication.clone(),
        wanted,
        asked.now,
    ) {
        return Ok(complete(asked, signed_in, &held.account, None, rng));
    }
    if request.prompt == Prompt::Nothing {
        let refused = if too_old {
            Refused::LoginRequired
        } else {
            Refused::InteractionRequired
        };
        return to_client(asked, &request.answer, &refused);
    }
    let someone_else = request.login_hint.as_deref().is_some_and(|hint| {
        !hint.eq_ignore_ascii_case(&account::upn_of(&held.account, asked.view.snapshot))
            && !hint.eq_ignore_ascii_case(&held.account.sam)
    });
    if too_old || someone_else {
        return Ok(ask_password(asked, &request, None, rng));
    }
    let browser = Browser::of(asked, rng);
    let begun = Begun::new(request, held.record.account, browser.secret(), asked.now);
    let first = authentication.first().clone();
    after_first(asked, begun, first, &held.account, wanted, &browser, rng)
}
