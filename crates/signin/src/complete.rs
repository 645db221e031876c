//! The end of an authorization request: what is asked of its sign-in, and what the client is sent.

use directory::{Account, Actor, AuditRecord, change};
use token::authorize::{Answer as To, AuthorizeRequest, ResponseMode, Wanted};
use token::grant::CodeRecord;
use token::pages;
use token::refusal::Code;
use token::secret::{Purpose, Secret};
use token::sign_in::SignedIn;
use trust::Rng;
use wire::Guid;
use wire::http::{Response, write_query};

use crate::Answer;
use crate::Asked;
use crate::account;
use crate::records;
use crate::session::{Opened, Session, session_of};
use crate::{Refused, Trouble};

/// What request, resource and client ask for together. A computer has no second factor, and none is asked of it.
#[must_use]
pub fn wanted(asked: &Asked<'_, '_>, request: &AuthorizeRequest) -> Wanted {
    let catalogue = &asked.house.catalogue;
    match catalogue.wants_second_factor(&request.client, &request.resource) {
        true => request.second_factor.max(Wanted::SecondFactor),
        false => request.second_factor,
    }
}

/// Sends the client its code, on the `device` that proved itself with the request where one did, here or before. The code's record, the
/// session, where there is one, and the audit record are committed first.
#[must_use]
pub fn complete(
    asked: &Asked<'_, '_>,
    signed_in: SignedIn,
    account: &Account,
    device: Option<Guid>,
    session: Option<Session>,
    rng: &mut dyn Rng,
) -> Answer {
    let now = asked.now;
    let code = Secret::draw(rng);
    let (answer, authentication) = (
        signed_in.request().answer.clone(),
        signed_in.authentication().clone(),
    );
    let audit = told(asked, "token.authorize", &signed_in, account);
    let client = signed_in.request().client.clone();
    let mut session = session.map(|session| Opened::of(session, account, authentication, rng));
    if let Some(session) = &mut session {
        session.tell(asked, &client);
    }
    let record = CodeRecord::new(signed_in, device.or(asked.device), now, rng);
    let record = match &session {
        Some(session) => record.in_session(session.record.sid(&client)),
        None => record,
    };
    let expires = record.kept_until();
    let mut changes = vec![
        records::write(
            asked.house.tables.codes,
            code.digest(Purpose::Code).as_bytes(),
            &record,
            expires,
        ),
        change::audit(audit),
    ];
    let code = code.reveal();
    let mut response = send(asked, &answer, &answer.success(&code, asked.house.issuer));
    if let Some(session) = session {
        changes.extend(session.changes(asked));
        if let Some(cookie) = session.cookie(asked) {
            response = response.with_cookie(&cookie);
        }
    }
    Answer::now(response).committing(changes)
}

/// The end of a sign-in on our pages: it opens a session, and the client is sent its code, unless the person must be asked
/// something more. Then they come back to the request, signed in.
///
/// # Errors
/// [`Trouble::Fault`] when the directory fails.
pub fn finish(
    asked: &Asked<'_, '_>,
    signed_in: SignedIn,
    account: &Account,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let house = &asked.house;
    let session = Session::Opens {
        former: session_of(asked)?,
    };
    let more = match house.asks_more {
        Some(asks_more) => asks_more(house, signed_in.request(), account.id, asked.now)?,
        None => false,
    };
    if !more {
        return Ok(complete(
            asked,
            signed_in,
            account,
            None,
            Some(session),
            rng,
        ));
    }
    let again = write_query(signed_in.request().of_who_signed_in().parameters());
    let authentication = signed_in.authentication().clone();
    let opened = Opened::of(session, account, authentication, rng);
    let mut response = Response::redirect(&format!("{}?{again}", house.authorize));
    if let Some(cookie) = opened.cookie(asked) {
        response = response.with_cookie(&cookie);
    }
    // A session is open from here on, whatever becomes of the request.
    let told = told(asked, "sign-in", &signed_in, account);
    Ok(Answer::now(response)
        .committing(opened.changes(asked))
        .committing([change::audit(told)]))
}

/// An error for the client, sent through the browser.
#[must_use]
pub fn to_client(asked: &Asked<'_, '_>, answer: &To, refused: &Refused) -> Answer {
    Answer::now(error(asked, answer, refused.code())).because(asked, refused)
}

/// The response by which a client learns of an error.
#[must_use]
pub fn error(asked: &Asked<'_, '_>, answer: &To, code: Code) -> Response {
    send(asked, answer, &answer.error(code, asked.house.issuer))
}

/// The answer to an authorization request, in the way that the client asked for.
#[must_use]
pub fn send(asked: &Asked<'_, '_>, answer: &To, parameters: &[(&str, &str)]) -> Response {
    match answer.mode {
        ResponseMode::Query | ResponseMode::Fragment => {
            let to = match answer.mode {
                ResponseMode::Fragment => answer.redirect.with_fragment(parameters),
                _ => answer.redirect.with(parameters),
            };
            let mut response = Response::redirect(&to);
            response.headers.set("Referrer-Policy", "same-origin");
            response
        }
        ResponseMode::FormPost => {
            let organisation = asked.house.organisation;
            pages::form_post(
                organisation,
                answer.redirect.as_str(),
                answer.redirect.source(),
                parameters,
            )
            .into_response()
        }
    }
}

/// Who signed in, by what, for which application.
fn told(
    asked: &Asked<'_, '_>,
    action: &'static str,
    signed_in: &SignedIn,
    account: &Account,
) -> AuditRecord {
    let name = account::name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let request = signed_in.request();
    let record = AuditRecord::done(asked.now, actor, action)
        .on(account.id, name)
        .with("client", &request.client)
        .with("resource", &request.resource)
        .with(
            "amr",
            signed_in
                .authentication()
                .amr(request.second_factor, asked.now)
                .join(" "),
        );
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}
