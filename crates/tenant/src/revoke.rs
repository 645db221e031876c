//! Revocation (RFC 7009): a refresh token ends with all that came of the same sign-in. An access token cannot be taken back;
//! it ends soon, and each resource of ours judges account and device anew.

use directory::{Actor, AuditRecord, change};
use signin::grants::family;
use token::client::Client;
use token::grant::RefreshToken;
use token::parameters::Parameters;
use trust::Rng;
use wire::http::{Method, Response};

use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::client_auth::by_client;
use crate::keys::FAMILIES;
use crate::limits::within_limit;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Post,
    "/{t}/oauth2/v2.0/revoke",
    Words::OAuth,
    revoke,
)];

/// Ends the family of the token that is shown, where there is one of this client's. What is not known is no error (RFC 7009
/// 2.2).
fn revoke(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.form().map_err(Refused::Parameters)?;
    by_client(asked, &form, Words::OAuth, |authenticated| {
        of_client(asked, &form, authenticated.client)
    })
}

fn of_client(asked: &Asked<'_, '_>, form: &Parameters, client: &Client) -> Result<Answer, Trouble> {
    let sent = form.one("token").map_err(Refused::Parameters)?;
    let sent = sent.ok_or(Refused::Missing("token"))?;
    let answer = Answer::now(Response::empty(200));
    let Some(token) = RefreshToken::parse(sent) else {
        return Ok(answer);
    };
    let Some(record) = family(&asked.sign_in(), token.family())? else {
        return Ok(answer);
    };
    let of_brokers = asked.known.catalogue.client(record.client());
    let its_own = record.client().eq_ignore_ascii_case(&client.id)
        || (client.family && of_brokers.is_some_and(|broker| broker.family));
    if !its_own || !record.holds(&token, Some(asked.known.id)) {
        return Ok(answer);
    }
    let actor = Actor {
        sid: None,
        name: client.id.clone(),
    };
    let told = AuditRecord::done(asked.now, actor, "token.revoke").with("client", &client.id);
    let told = match asked.from() {
        Some(from) => told.from_address(from),
        None => told,
    };
    Ok(answer.committing([
        change::remove(FAMILIES, token.family().to_bytes()),
        change::audit(told),
    ]))
}
