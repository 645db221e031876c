//! Signing out (OpenID Connect RP-Initiated Logout 1.0).

use signin::logout::{self, Place};
use trust::Rng;
use wire::http::Method;

use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, V1, Words::Page, by_query),
    route(Method::Post, V1, Words::Page, by_form),
    route(Method::Get, V2, Words::Page, by_query),
    route(Method::Post, V2, Words::Page, by_form),
];

const V1: &str = "/{t}/oauth2/logout";
const V2: &str = "/{t}/oauth2/v2.0/logout";

/// A request in the query.
fn by_query(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    at(asked, |page, place| logout::by_query(page, place, rng))
}

/// Our own form, or a request in a form.
fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    at(asked, |page, place| logout::by_form(page, place, rng))
}

fn at(
    asked: &Asked<'_, '_>,
    answer: impl FnOnce(&signin::Asked<'_, '_>, &Place<'_>) -> Result<signin::Answer, signin::Trouble>,
) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let known = &asked.known;
    let action = match asked.is_v2() {
        true => format!("/{}/oauth2/v2.0/logout", known.id),
        false => format!("/{}/oauth2/logout", known.id),
    };
    let place = Place {
        keys: &known.keys,
        issuers: &known.issuers.both(),
        action: &action,
    };
    Ok(answer(&asked.sign_in(), &place)?.into())
}
