//! `/adfs/oauth2/authorize`: from an authorization request to a code, a page, or an error (RFC 6749 4.1).

use directory::AccountKind;
use signin::browser::Browser;
use signin::complete::{complete, error, to_client, wanted};
use signin::limits::within_limit;
use signin::session::{Held, session_of};
use signin::steps::{after_first, ask_password, password_page};
use signin::{account, sign_in};
use token::authentication::Authentication;
use token::authorize::{Answer as To, AuthorizeRequest, Prompt, Rejected, Wanted};
use token::pages;
use token::parameters::Parameters;
use token::sign_in::{Begun, SignedIn};
use trust::Rng;

use crate::asked::Asked;
use crate::keys::signing_keys;
use crate::refused::{Refused, Trouble};
use crate::reply::{Answer, Reply};
use crate::{negotiate, story};

/// An authorization request in the query.
pub(crate) fn by_query(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let parameters = asked.query()?;
    begin(asked, &parameters, rng)
}

/// A form of ours, or an authorization request in a form (OpenID Connect Core 3.1.2.1).
pub(crate) fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let form = asked.form()?;
    if form.field(pages::CONTEXT).is_some() {
        within_limit(&asked.sign_in())?;
        Ok(sign_in::continued(&asked.sign_in(), &form, rng)?.into())
    } else if form.field(pages::FORM_TOKEN).is_some() {
        within_limit(&asked.sign_in())?;
        match read(asked, &asked.query()?)? {
            Ok(request) => {
                Ok(sign_in::with_password(&asked.sign_in(), request, &form, rng)?.into())
            }
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
    within_limit(&asked.sign_in())?;
    let page = asked.sign_in();
    let request = match read(asked, parameters)? {
        Ok(request) => request,
        Err(rejected) => return refuse(asked, rejected),
    };
    if let Some((scheme, token)) = asked.request.authorization()
        && scheme.eq_ignore_ascii_case("Negotiate")
    {
        return by_ticket(asked, request, token, rng);
    }
    match session_of(&asked.sign_in())? {
        Some(held) => with_session(asked, request, held, rng),
        None if request.prompt == Prompt::Nothing => Ok(refuse_to(
            asked,
            &request.answer,
            signin::Refused::LoginRequired,
        )),
        None => Ok(ask_password(&page, &request, None, rng).into()),
    }
}

/// The request, checked.
fn read(
    asked: &Asked<'_, '_>,
    parameters: &Parameters,
) -> Result<Result<AuthorizeRequest, Rejected>, Trouble> {
    let (view, settings) = (asked.view, asked.view.settings);
    let keys = signing_keys(view.snapshot, view.memory, asked.now)?;
    let id_tokens = |token: &str| keys.id_token_hint(token, &settings.issuer);
    Ok(AuthorizeRequest::parse(
        parameters,
        &settings.catalogue,
        &id_tokens,
    ))
}

/// Tells a rejected request to whom it may be told.
fn refuse(asked: &Asked<'_, '_>, rejected: Rejected) -> Result<Answer, Trouble> {
    match rejected {
        Rejected::OnPage(refused) => Err(signin::Refused::from(refused).into()),
        Rejected::ToClient(answer, refused) => Ok(refuse_to(asked, &answer, refused.into())),
    }
}

/// Tells the client why it gets no code.
fn refuse_to(asked: &Asked<'_, '_>, to: &To, refused: signin::Refused) -> Answer {
    to_client(&asked.sign_in(), to, &refused).into()
}

/// Tells the client that the account may not have what it asks for.
fn not_for_this_account(asked: &Asked<'_, '_>, to: &To) -> Result<Answer, Trouble> {
    let refused = Refused::NotForThisAccount;
    let response = error(&asked.sign_in(), to, refused.code());
    Ok(Answer::now(response).because(asked, &refused))
}

/// Somebody shows a Kerberos ticket.
fn by_ticket(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    token: &str,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    let proven = negotiate::prove(asked, token, rng)??;
    let account = proven.account;
    let authentication = Authentication::of(proven.first.clone(), None);
    let another = !request.is_for(account.id.0);
    let too_old = request.is_too_old(authentication.at(), asked.now);
    let mut answer = match account.kind {
        AccountKind::Computer => {
            if request.resource != asked.view.settings.registration_resource {
                return not_for_this_account(asked, &request.answer);
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
                    Answer::from(complete(&page, signed_in, &account, None, None, rng))
                        .telling(&story::JOIN_TOKEN)
                }
                None => {
                    let refused = match another {
                        true => signin::Refused::AnotherPerson,
                        false => signin::Refused::InteractionRequired,
                    };
                    return Ok(refuse_to(asked, &refusal, refused));
                }
            }
        }
        AccountKind::User => {
            let wanted = wanted(&page, &request);
            match SignedIn::already(
                request.clone(),
                account.id.0,
                authentication,
                wanted,
                asked.now,
            ) {
                Some(signed_in) => {
                    Answer::from(complete(&page, signed_in, &account, None, None, rng))
                }
                None if request.prompt == Prompt::Nothing => {
                    let refused = match (another, too_old) {
                        (true, _) => signin::Refused::AnotherPerson,
                        (false, true) => signin::Refused::LoginRequired,
                        (false, false) => signin::Refused::InteractionRequired,
                    };
                    return Ok(refuse_to(asked, &request.answer, refused));
                }
                // A ticket is of a sign-in that may be hours ago, and no second factor makes that younger.
                None if too_old => ask_password(&page, &request, None, rng).into(),
                None => {
                    let browser = Browser::of(&page, rng);
                    let begun =
                        Begun::new(request.clone(), account.id.0, browser.secret(), asked.now);
                    match begun {
                        Some(begun) => {
                            let first = proven.first;
                            after_first(&page, begun, first, &account, wanted, &browser, rng)?
                                .into()
                        }
                        // The client means another, who may sit before this machine.
                        None => password_page(&page, &request, None, &browser).into(),
                    }
                }
            }
        }
        AccountKind::Service | AccountKind::Krbtgt => {
            return not_for_this_account(asked, &request.answer);
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
    let page = asked.sign_in();
    let wanted = wanted(&page, &request);
    let authentication = held.record.authentication.clone();
    let too_old = request.is_too_old(authentication.at(), asked.now);
    if let Some(signed_in) = SignedIn::already(
        request.clone(),
        held.record.account,
        authentication.clone(),
        wanted,
        asked.now,
    ) {
        return Ok(complete(&page, signed_in, &held.account, None, None, rng).into());
    }
    if request.prompt == Prompt::Nothing {
        let refused = match (request.is_for(held.record.account), too_old) {
            (false, _) => signin::Refused::AnotherPerson,
            (true, true) => signin::Refused::LoginRequired,
            (true, false) => signin::Refused::InteractionRequired,
        };
        return Ok(refuse_to(asked, &request.answer, refused));
    }
    let someone_else = request.login_hint.as_deref().is_some_and(|hint| {
        !hint.eq_ignore_ascii_case(&account::upn_of(&held.account, asked.view.snapshot))
            && !hint.eq_ignore_ascii_case(&held.account.sam)
    });
    if too_old || someone_else {
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
