//! The first page (protocols A.5.1).

use serde_json::{Map, json};
use signin::browser::Browser;
use token::authorize::{AuthorizeRequest, Prompt};
use token::parameters::Parameters;
use token::sign_in::form_token;
use trust::Rng;

use super::{context, page};
use crate::asked::Asked;
use crate::refused::Trouble;
use crate::reply::Answer;

/// Whether whoever asks takes pages apart: a broker, at an endpoint of the first version, that says `sso_reload`, as no browser
/// does. Who wants no page (`prompt=none`) gets none here either, but the code or the error that the pages' sign-in has for it.
pub(crate) fn speaks(
    asked: &Asked<'_, '_>,
    parameters: &Parameters,
    request: &AuthorizeRequest,
) -> bool {
    let is_broker = || {
        let client = asked.known.catalogue.client(&request.client);
        client.is_some_and(|client| client.family)
    };
    asked.known.settings.html_login_v1
        && !asked.is_v2()
        && request.prompt != Prompt::Nothing
        && parameters.field("sso_reload").is_some()
        && is_broker()
}

/// The page that asks for name and password. All addresses are whole, for the client puts relative ones together wrongly.
pub(crate) fn first_page(
    asked: &Asked<'_, '_>,
    request: &AuthorizeRequest,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let browser = Browser::of(&asked.sign_in(), rng);
    let context = context::seal(asked, browser.secret(), request, rng)?;
    let token = form_token(browser.secret(), &context);
    let mut members = Map::new();
    members.insert("pgid".into(), "ConvergedSignIn".into());
    members.insert("urlPost".into(), page::address(asked, "login").into());
    members.insert(
        "urlGetCredentialType".into(),
        page::address(asked, "GetCredentialType").into(),
    );
    members.insert("sFT".into(), token.clone().into());
    members.insert("sCtx".into(), context.into());
    members.insert("iAllowedIdentities".into(), json!(1));
    let response = page::page(asked, &token, members);
    Ok(browser.give(response).into())
}
