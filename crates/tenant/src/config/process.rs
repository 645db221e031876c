//! What was proven is collected (protocols A.5.4), or a Temporary Access Pass is handed in as a second factor (A.5.6).

use signin::on_its_way::{self, OnItsWay};
use token::access_pass::{self, FIELD};
use token::parameters::Parameters;
use token::sign_in::{Handled, Next, SignIn};
use trust::Rng;
use wire::http::Method;

use super::collected;
use super::password::{own, refuse};
use super::refused::Refused;
use crate::answer::{Route, route};
use crate::asked::Asked;
use crate::limits::within_limit;
use crate::refused::{Refused as General, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[route(
    Method::Post,
    "/{t}/SAS/ProcessAuth",
    Words::Config,
    process,
)];

/// The longest pass that is looked at.
const LONGEST: usize = 128;

/// The code for the client. Nothing but that and a refusal is answered: known clients take any other page for a code.
fn process(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let form = asked.form().map_err(General::Parameters)?;
    let text = form.field("request").or(form.field("ctx"));
    let text = text.unwrap_or_default();
    let browser = own(asked, &form, text)?;
    let page = asked.sign_in();
    let found = on_its_way::find(&page, text, &browser)?;
    let handed_in = match (&found.sign_in, form.field("accesspass")) {
        (SignIn::AwaitsCollection(_), _) => Parameters::default(),
        (SignIn::AwaitsSecondFactor(_), Some(pass)) if pass.len() <= LONGEST => pass_form(pass)?,
        _ => return Ok(refuse(asked, &Refused::NotProven, Some(&found.account))),
    };
    collect(asked, &found, &handed_in, rng)
}

fn collect(
    asked: &Asked<'_, '_>,
    found: &OnItsWay,
    handed_in: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    let handled = found.handle(&page, handed_in, rng)?;
    let changes = found.changes(&page, &handled);
    match handled {
        Handled::Right {
            next: Next::Done(signed_in),
            ..
        } => {
            let answer = collected(asked, signed_in, &found.account, rng)?;
            Ok(answer.committing(changes).committing([found.end(&page)]))
        }
        Handled::Wrong { .. } => {
            Ok(refuse(asked, &Refused::Pass, Some(&found.account)).committing(changes))
        }
        Handled::TooMany { wait } => {
            let refused = Refused::SecondFactorWait(wait);
            Ok(refuse(asked, &refused, Some(&found.account)))
        }
        Handled::Right { .. } | Handled::NewPassword { .. } | Handled::NotChosen(_) => {
            Err(Refused::Context.into())
        }
    }
}

/// The form that the page for a second factor would have sent.
fn pass_form(pass: &str) -> Result<Parameters, Refused> {
    let pairs = [("AuthMethod", access_pass::ID), (FIELD, pass)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Parameters::new(pairs.to_vec()).map_err(|_| Refused::Field("accesspass"))
}
