//! The token endpoint (protocols A.3, A.4).

use trust::Rng;
use wire::http::Method;

use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::words::Words;
use crate::{grants, nonce, prt};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Post, "/{t}/oauth2/token", Words::OAuth, exchange),
    route(
        Method::Post,
        "/{t}/oauth2/v2.0/token",
        Words::OAuth,
        exchange,
    ),
];

/// What the token endpoint is asked for.
fn exchange(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.form().map_err(Refused::Parameters)?;
    let grant_type = form.one("grant_type").map_err(Refused::Parameters)?;
    match grant_type.ok_or(Refused::Missing("grant_type"))? {
        "srv_challenge" => nonce::answer(asked, rng),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => prt::answer(asked, rng),
        _ => grants::answer(asked, &form, rng),
    }
}
