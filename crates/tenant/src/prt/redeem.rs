//! An access token for a primary refresh token, at the token endpoint (protocols A.10.1, right column; PRT-W6).

use token::authorize::Wanted;
use token::grant::{Asks, Grant};
use token::parameters::Parameters;
use trust::Rng;
use wire::Guid;

use super::judge::Shown;
use super::refused::Refused;
use super::renew::Claims;
use super::{encrypted, issue, request};
use crate::asked::Asked;
use crate::catalogue::GRAPH;
use crate::claims::ClientProven;
use crate::grants::{self, NotIssued, ToIssue, refresh};
use crate::nonce;
use crate::refused::{self as general, Trouble};
use crate::reply::Answer;

/// Answers with tokens for the client that the request names. It need not be the broker, which asks for others; one that has a
/// secret asks for itself.
pub(crate) fn redeem(
    asked: &Asked<'_, '_>,
    shown: &Shown,
    claims: &Claims,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let session_key = &shown.live.record.session_key;
    let nonce = nonce::check(asked, claims.request_nonce.as_deref()).map_err(Refused::Nonce)?;
    let taken = request::must_be_untaken(asked, &nonce, &session_key.fingerprint())?;
    request::using_up(asked, taken, tokens(asked, shown, claims, rng))
}

fn tokens(
    asked: &Asked<'_, '_>,
    shown: &Shown,
    claims: &Claims,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let known = &asked.known;
    let client = claims.client_id.as_deref();
    let client = client.and_then(|client| known.catalogue.client(client));
    let client = client.filter(|client| client.is_public());
    let client = client.ok_or(Refused::Client)?;
    let live = &shown.live;
    let session_key = &live.record.session_key;
    let words = [("scope", &claims.scope), ("resource", &claims.resource)];
    let words = words.into_iter().filter_map(|(name, value)| {
        let value = value.as_deref().filter(|value| !value.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    });
    let parameters = Parameters::new(words.collect()).map_err(general::Refused::Parameters)?;
    let asks = Asks::read(&parameters, client, &known.catalogue, GRAPH)?;
    let grant = Grant::at_once(
        asks,
        Wanted::Unasked,
        live.account.id.0,
        live.record.authentication.clone(),
        Some(live.device.device_id),
        asked.now,
    );
    let grant = grant.ok_or(NotIssued::SecondFactor)?;
    let mut changes = Vec::new();
    let family = Guid::from_random(rng.bytes());
    let what = ToIssue {
        refresh: refresh::begin(asked, family, &grant, &mut changes, rng),
        grant,
        changes,
        proven: ClientProven::NotAtAll,
        client_info: true,
    };
    let issued = grants::tokens(asked, what, rng)?;
    let answer = match takes_encrypted(asked) {
        true => {
            let json = issue::json(&issued.response);
            Answer::now(encrypted::answer(asked, session_key, &json, rng)?)
        }
        false => grants::answer_with(&issued.response),
    };
    Ok(answer
        .committing(issued.changes)
        .with_record(shown.noting_the_switch(issued.told)))
}

/// Whether the client speaks a version of the protocol in which such answers are encrypted: 2.2, or later.
fn takes_encrypted(asked: &Asked<'_, '_>) -> bool {
    let form = asked.request.form().ok();
    let version = form.and_then(|form| form.get("windows_api_version"));
    let version = version.unwrap_or_default();
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    let mut number = || numbers.next().flatten().unwrap_or(0);
    (number(), number()) >= (2, 2)
}
