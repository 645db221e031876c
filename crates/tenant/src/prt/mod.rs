//! Primary refresh tokens (protocols A.7 to A.12): a device's proof that somebody signed in on it.
//!
//! One is got by a request that the device signs ([`request`]), for a Hello key's assertion, a password or a refresh token. With
//! it comes a session key, under the device's transport key. From then on the session key signs: for the token that follows
//! ([`renew`]), for access tokens ([`redeem`]), for sign-ins in the browser ([`crate::sso`]). The token alone opens nothing.

pub(crate) mod assertion;
pub(crate) mod encrypted;
pub(crate) mod ended;
pub(crate) mod issue;
pub(crate) mod judge;
pub(crate) mod password;
pub(crate) mod record;
pub(crate) mod redeem;
pub(crate) mod refresh;
pub(crate) mod refused;
pub(crate) mod renew;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod text;

use crypto::jose::Unverified;
use directory::Account;
use directory::tenant::Who;
use registration::member::is_among;
use token::authentication::Authentication;
use trust::Rng;
use wire::http::Response;

use crate::asked::Asked;
use crate::catalogue::{BROKER_CLIENT, SIGN_IN_CLIENT};
use crate::refused::{self as general, Trouble};
use crate::reply::Answer;
use refused::Refused;
use renew::Claims;
use request::Signed;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Answers a request of `grant_type` jwt-bearer with the parameter `request`.
pub(crate) fn answer(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let form = asked.request.form();
    let form = form.map_err(|error| general::Refused::Parameters(error.into()))?;
    let request = form.get_verbatim("request");
    let request = request.ok_or(general::Refused::Missing("request"))?;
    let token = Unverified::parse(&request).map_err(Refused::Form)?;
    match token.header().text("alg") {
        Some("HS256") => by_session_key(asked, &request, rng),
        _ => by_device(asked, &request, rng),
    }
}

/// A request that the device signed.
fn by_device(asked: &Asked<'_, '_>, request: &str, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let mut signed = request::read(asked, request)?;
    let taken = request::must_be_untaken(asked, &signed.nonce, signed.signer())?;
    request::using_up(asked, taken, of_device(asked, &mut signed, rng))
}

fn of_device(
    asked: &Asked<'_, '_>,
    signed: &mut Signed,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let client = client(signed.claims.client_id.as_deref())?;
    if !signed.claims.asks_for("aza") {
        return Err(Refused::Scope.into());
    }
    let signed_in = match signed.claims.grant_type.as_deref() {
        Some(JWT_BEARER) => Ok(assertion::sign_in(asked, signed)?),
        Some("password") => password::sign_in(asked, signed)?,
        Some("refresh_token") => refresh::sign_in(asked, signed, client, rng)?,
        _ => return Err(Refused::GrantType.into()),
    };
    let signed_in = match signed_in {
        Ok(signed_in) => signed_in,
        // A refusal that says more than that: whom it concerns, or what it ends.
        Err(refused) => return Ok(*refused),
    };
    let issued = issue::issue(asked, signed, signed_in, client, rng)?;
    let response = Response::json(200, &issued.response).with_header("Pragma", "no-cache");
    Ok(Answer {
        changes: issued.changes,
        ..Answer::now(response)
    })
}

/// A request that a session key signed.
fn by_session_key(
    asked: &Asked<'_, '_>,
    request: &str,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let shown = judge::prove(asked, request)?;
    let claims = Claims::of(asked, &shown.verified)?;
    match claims.asks_for_prt() {
        true => renew::renew(asked, &shown, &claims, rng),
        false => redeem::redeem(asked, &shown, &claims, rng),
    }
}

/// Whether somebody who proved this may have a primary refresh token. What it opens is judged again each time that it is used;
/// here it is seen that nobody gets one by a password alone who may not sign in that way.
fn may_be_given(
    asked: &Asked<'_, '_>,
    account: &Account,
    proven: &Authentication,
) -> Result<(), Trouble> {
    let Some(group) = asked.known.settings.phishing_resistant_only else {
        return Ok(());
    };
    // With several factors somebody comes as far as registering a key, and no further.
    let enough = proven.is_phishing_resistant() || proven.is_multi_factor();
    if !enough && is_among(asked.view.snapshot, Who::Group(group), account)? {
        return Err(Refused::SecondFactor.into());
    }
    Ok(())
}

/// The clients that may ask for a primary refresh token: the broker, and the sign-in of the operating system.
fn client(id: Option<&str>) -> Result<&'static str, Refused> {
    [BROKER_CLIENT, SIGN_IN_CLIENT]
        .into_iter()
        .find(|known| id.is_some_and(|id| id.eq_ignore_ascii_case(known)))
        .ok_or(Refused::Client)
}
