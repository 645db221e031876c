//! A second factor is begun (protocols A.5.4). There is nothing to begin with a code that somebody types, and nothing changes.

use token::sign_in::SignIn;
use trust::Rng;
use wire::http::Method;

use super::page::CODE;
use super::question::{self, Question};
use super::refused::Refused;
use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Post,
    "/{t}/SAS/BeginAuth",
    Words::Config,
    begin,
)];

fn begin(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    match question::read(asked) {
        Ok(question) => question.or_refusal(asked, begun(asked, &question)),
        Err(answer) => Ok(answer),
    }
}

fn begun(asked: &Asked<'_, '_>, question: &Question) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let (_, found) = question.sign_in(asked)?;
    match &found.sign_in {
        SignIn::AwaitsSecondFactor(_) if question.method == CODE => Ok(question.right(asked)),
        _ => Err(Refused::Method.into()),
    }
}
