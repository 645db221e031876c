//! Signing out (OpenID Connect RP-Initiated Logout 1.0).
//!
//! A request that shows an id_token of the person who is signed in signs them out at once; any other asks them first, so
//! that no page elsewhere can sign people out. The applications that somebody signed in to in the session are told of its end in
//! frames of the page that says so (OpenID Connect Front-Channel Logout 1.0).

use directory::{Actor, AuditRecord, Change, change};
use token::client::{Client, FrontChannel, source_of};
use token::keys::SigningKeys;
use token::pages::{self, Ended};
use token::parameters::Parameters;
use token::sign_in::form_token;
use trust::Rng;
use wire::http::{Response, SetCookie, with_query, write_query};

use crate::account;
use crate::browser::{Browser, own_form};
use crate::session::{Held, session_of};
use crate::{Answer, Asked, Refused, Trouble};

/// What an authority says of its own for signing out.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The keys that signed its id_tokens.
    pub keys: &'a SigningKeys,
    /// Its names in them.
    pub issuers: &'a [&'a str],
    /// The path to which the form is posted.
    pub action: &'a str,
}

/// What a request to sign out says, checked.
struct SignOut {
    /// Whose id_token was shown.
    hinted: Option<wire::Guid>,
    /// Where the browser goes afterwards.
    then: Option<String>,
    /// The request, to be repeated by the form.
    query: String,
}

/// A request in the query.
///
/// # Errors
/// [`Trouble`].
pub fn by_query(
    asked: &Asked<'_, '_>,
    place: &Place<'_>,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let request = read(asked, place, &asked.query()?)?;
    begin(asked, place, &request, rng)
}

fn begin(
    asked: &Asked<'_, '_>,
    place: &Place<'_>,
    request: &SignOut,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    match session_of(asked)? {
        Some(held) if request.hinted != Some(held.record.account) => {
            Ok(ask(asked, place, request, rng))
        }
        held => Ok(sign_out(asked, request, held)),
    }
}

/// Our own form, or a request in a form.
///
/// # Errors
/// [`Trouble`].
pub fn by_form(
    asked: &Asked<'_, '_>,
    place: &Place<'_>,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let form = asked.form()?;
    if form.field(pages::FORM_TOKEN).is_none() {
        let request = read(asked, place, &form)?;
        return begin(asked, place, &request, rng);
    }
    let request = read(asked, place, &asked.query()?)?;
    own_form(asked, &form, &request.query)?;
    Ok(sign_out(asked, &request, session_of(asked)?))
}

fn read(
    asked: &Asked<'_, '_>,
    place: &Place<'_>,
    parameters: &Parameters,
) -> Result<SignOut, Trouble> {
    let hint = parameters.one("id_token_hint").map_err(Refused::from)?;
    let hint = hint.and_then(|token| place.keys.id_token_hint_of(token, place.issuers).ok());
    let client = parameters.one("client_id").map_err(Refused::from)?;
    if let (Some(named), Some(hint)) = (client, &hint)
        && !named.eq_ignore_ascii_case(&hint.aud)
    {
        return Err(Refused::HintOfAnotherClient.into());
    }
    let client = client.or(hint.as_ref().map(|hint| hint.aud.as_str()));
    let client = client.and_then(|id| asked.house.catalogue.client(id));
    let uri = parameters
        .one("post_logout_redirect_uri")
        .map_err(Refused::from)?;
    let state = parameters.one("state").map_err(Refused::from)?;
    let then = uri.map(|uri| registered(client, uri, state)).transpose()?;
    let mut query: Vec<(&str, &str)> = client
        .map(|client| ("client_id", client.id.as_str()))
        .into_iter()
        .collect();
    query.extend(uri.map(|uri| ("post_logout_redirect_uri", uri)));
    query.extend(state.map(|state| ("state", state)));
    Ok(SignOut {
        hinted: hint.map(|hint| hint.oid),
        then,
        query: write_query(query),
    })
}

/// The address to go to, with the state, when the client has registered it.
fn registered(client: Option<&Client>, uri: &str, state: Option<&str>) -> Result<String, Refused> {
    let known =
        client.is_some_and(|client| client.signed_out.iter().any(|registered| registered == uri));
    match state {
        _ if !known => Err(Refused::SignedOutUri),
        Some(state) => Ok(with_query(uri, [("state", state)])),
        None => Ok(uri.to_owned()),
    }
}

fn ask(asked: &Asked<'_, '_>, place: &Place<'_>, request: &SignOut, rng: &mut dyn Rng) -> Answer {
    let browser = Browser::of(asked, rng);
    let action = if request.query.is_empty() {
        place.action.to_owned()
    } else {
        format!("{}?{}", place.action, request.query)
    };
    let token = form_token(browser.secret(), &request.query);
    let mut page = pages::sign_out(asked.house.organisation, &action, &token);
    if let Some(source) = request.then.as_deref().and_then(source_of) {
        page = page.leading_to(source);
    }
    browser.show(page)
}

fn sign_out(asked: &Asked<'_, '_>, request: &SignOut, held: Option<Held>) -> Answer {
    let organisation = asked.house.organisation;
    let told = held
        .as_ref()
        .map_or_else(Vec::new, |held| told(asked, held));
    let frames: Vec<Ended<'_>> = told.iter().map(Telling::shown).collect();
    let response = match (&request.then, frames.is_empty()) {
        (Some(uri), true) => Response::redirect(uri),
        (None, true) => pages::signed_out(organisation).into_response(),
        (then, false) => pages::signing_out(organisation, &frames, then.as_deref()).into_response(),
    };
    let response = response
        .with_cookie(&SetCookie::removal(asked.house.cookies.session))
        .with_cookie(&SetCookie::removal(asked.house.cookies.browser));
    let ended = held.as_ref().map(|held| ended(asked, held));
    let changes: Vec<Change> = ended.unwrap_or_default();
    Answer::now(response).committing(changes)
}

/// An application that is told of the end of a session.
struct Telling<'a> {
    page: &'a FrontChannel,
    issuer: &'a str,
    sid: String,
}

impl Telling<'_> {
    fn shown(&self) -> Ended<'_> {
        Ended {
            page: self.page,
            issuer: self.issuer,
            sid: &self.sid,
        }
    }
}

/// The applications to be told of the end of a session: those that still are, and still want to be.
fn told<'a>(asked: &Asked<'a, '_>, held: &'a Held) -> Vec<Telling<'a>> {
    let told = held.record.told().iter();
    told.filter_map(|told| {
        Some(Telling {
            page: asked
                .house
                .catalogue
                .client(&told.client)?
                .front_channel
                .as_ref()?,
            issuer: &told.issuer,
            sid: held.record.sid(&told.client),
        })
    })
    .collect()
}

fn ended(asked: &Asked<'_, '_>, held: &Held) -> Vec<Change> {
    let name = account::name_of(&held.account);
    let actor = Actor {
        sid: Some(held.account.sid),
        name: name.to_owned(),
    };
    let record = AuditRecord::done(asked.now, actor, "sign-out").on(held.account.id, name);
    let record = match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    };
    vec![
        change::remove(asked.house.tables.sessions, held.key),
        change::audit(record),
    ]
}
