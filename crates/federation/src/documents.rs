//! The documents that anybody may read: metadata, keys, and the sign of life.

use token::discovery::OpenIdConfiguration;
use trust::Rng;
use wire::http::Response;

use crate::asked::Asked;
use crate::keys::signing_keys;
use crate::refused::Trouble;
use crate::reply::Answer;

/// How long a copy of metadata and keys may be used. A key is published two days before it signs.
const CACHE: &str = "public, max-age=3600";

/// `/adfs/.well-known/openid-configuration` (protocols A.1.1).
pub(crate) fn configuration(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let keys = signing_keys(asked.view.snapshot, asked.view.memory, asked.now)?;
    let configuration = OpenIdConfiguration::of(&asked.view.settings.issuer, keys.algorithms());
    Ok(Answer::now(
        Response::json(200, &configuration).with_header("Cache-Control", CACHE),
    ))
}

/// `/adfs/discovery/keys` (protocols A.1.2).
pub(crate) fn keys(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let keys = signing_keys(asked.view.snapshot, asked.view.memory, asked.now)?;
    let response = Response::bytes(200, "application/json; charset=utf-8", keys.jwks(asked.now));
    Ok(Answer::now(response.with_header("Cache-Control", CACHE)))
}

/// `/adfs/probe`: 200 while tokens can be signed, also without TLS, for load balancers.
pub(crate) fn probe(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    signing_keys(asked.view.snapshot, asked.view.memory, asked.now)?;
    Ok(Answer::now(Response::empty(200)))
}
