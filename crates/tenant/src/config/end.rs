//! A second factor is handed in (protocols A.5.4).

use signin::limits::waiting;
use signin::steps::{keep, said_of};
use token::factor::AuthenticationAdapter;
use token::parameters::Parameters;
use token::recovery::{self, RecoveryCode};
use token::sign_in::{Handled, Next, SignIn};
use token::totp::{self, Totp};
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
pub(crate) const ROUTES: &[Route] = &[route(Method::Post, "/{t}/SAS/EndAuth", Words::Config, end)];

/// The longest answer that is looked at.
const LONGEST: usize = 128;

fn end(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    match question::read(asked) {
        Ok(question) => {
            let ended = ended(asked, &question, rng);
            question.or_refusal(asked, ended)
        }
        Err(answer) => Ok(answer),
    }
}

/// Judges the code. What is proven waits under the same context for the client to collect it.
fn ended(asked: &Asked<'_, '_>, question: &Question, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let (_, found) = question.sign_in(asked)?;
    if question.method != CODE {
        return Err(Refused::Method.into());
    }
    match &found.sign_in {
        SignIn::AwaitsSecondFactor(_) => {}
        // Its answer was lost: whoever asks here has proven it, or could not ask.
        SignIn::AwaitsCollection(_) => return Ok(question.right(asked)),
        _ => return Err(Refused::Context.into()),
    }
    let typed = question.typed.as_deref().unwrap_or_default().trim();
    let typed = Some(typed).filter(|typed| typed.len() <= LONGEST);
    let form = form_of(typed.ok_or(Refused::Field("AdditionalAuthData"))?)?;
    let page = asked.sign_in();
    let handled = found.handle(&page, &form, rng)?;
    let changes = found.changes(&page, &handled);
    match handled {
        Handled::Right {
            next: Next::Done(signed_in),
            ..
        } => {
            let waits = found.sign_in.to_be_collected(signed_in);
            let waits = waits.ok_or(Refused::Context)?;
            Ok(question.right(asked).committing(changes).committing([keep(
                &page,
                &found.context,
                &waits,
            )]))
        }
        Handled::Wrong { wrong, .. } => Ok(question
            .wrong(asked, &Refused::SecondFactor(wrong), said_of(wrong), true)
            .about(Some(&found.account))
            .committing(changes)),
        Handled::TooMany { wait } => Ok(question
            .wrong(
                asked,
                &Refused::SecondFactorWait(wait),
                &waiting(wait),
                true,
            )
            .about(Some(&found.account))),
        // Nothing else comes of a code for a second factor.
        Handled::Right { .. } | Handled::NewPassword { .. } | Handled::NotChosen(_) => {
            Err(Refused::Context.into())
        }
    }
}

/// The form that the page for a second factor would have sent: six digits are an authenticator's, all else is a recovery code.
fn form_of(typed: &str) -> Result<Parameters, Refused> {
    let digits = typed.chars().filter(|character| !character.is_whitespace());
    let is_totp = digits.clone().count() == 6 && digits.clone().all(|digit| digit.is_ascii_digit());
    let (adapter, field) = match is_totp {
        true => (Totp.id(), totp::FIELD),
        false => (RecoveryCode.id(), recovery::FIELD),
    };
    let pairs = [("AuthMethod", adapter), (field, typed)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Parameters::new(pairs.to_vec()).map_err(|_| Refused::Field("AdditionalAuthData"))
}
