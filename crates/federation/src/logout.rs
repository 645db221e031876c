//! `/adfs/oauth2/logout` (OpenID Connect RP-Initiated Logout 1.0).

use signin::logout::{self, Place};
use trust::Rng;

use crate::asked::Asked;
use crate::keys::signing_keys;
use crate::refused::Trouble;
use crate::reply::Answer;

/// Where the form is posted.
const ACTION: &str = "/adfs/oauth2/logout";

/// A request in the query.
pub(crate) fn by_query(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    at(asked, |page, place| logout::by_query(page, place, rng))
}

/// Our own form, or a request in a form.
pub(crate) fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    at(asked, |page, place| logout::by_form(page, place, rng))
}

fn at(
    asked: &Asked<'_, '_>,
    answer: impl FnOnce(&signin::Asked<'_, '_>, &Place<'_>) -> Result<signin::Answer, signin::Trouble>,
) -> Result<Answer, Trouble> {
    let keys = signing_keys(asked.view.snapshot, asked.view.memory, asked.now)?;
    let place = Place {
        keys: &keys,
        issuers: &[&asked.view.settings.issuer],
        action: ACTION,
    };
    Ok(answer(&asked.sign_in(), &place)?.into())
}
