//! The forms of a sign-in: what was handed in, and what it leads to.

use directory::{Account, Actor, AuditRecord, change};
use token::authorize::AuthorizeRequest;
use token::pages;
use token::parameters::Parameters;
use token::secret::Secret;
use token::sign_in::{Begun, Handled, Next, SignIn};
use trust::Rng;

use crate::Answer;
use crate::Asked;
use crate::account;
use crate::browser::own_form;
use crate::complete::{finish, wanted};
use crate::first_factor::{self, Judged, Takes};
use crate::limits::waiting;
use crate::new_password;
use crate::on_its_way::{self, OnItsWay};
use crate::steps::{Shown, after_first, canonical, keep, offered, password_page, said_of};
use crate::{Refused, Trouble};

/// Name and password were handed in, or a Temporary Access Pass in the password's place.
///
/// # Errors
/// [`Trouble`].
pub fn with_password(
    asked: &Asked<'_, '_>,
    request: AuthorizeRequest,
    form: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let browser = own_form(asked, form, &canonical(&request))?;
    let name = form.field(pages::USER_NAME).unwrap_or_default().trim();
    let password = form.field(pages::PASSWORD).unwrap_or_default();
    let again = |error: &str| password_page(asked, &request, Some((name, error)), &browser);
    if name.is_empty() || password.is_empty() || name.len() > 256 || password.len() > 1024 {
        return Ok(again("Enter your user name and your password."));
    }
    let begun =
        |account: &Account, request| Begun::new(request, account.id.0, browser.secret(), asked.now);
    // Nothing comes of it, and a pass is not used up by it.
    let another = |account: &Account| {
        let meant = request.suggested_name().unwrap_or("another person");
        let said = format!("The application asks for {meant} to sign in.");
        again(&said)
            .because(asked, &Refused::AnotherPerson)
            .about(Some(account))
    };
    match first_factor::judge(asked, name, password, Takes::Either)? {
        Judged::Wrong { wrong, account } => Ok(again(&wrong.told().sentence())
            .because(asked, &wrong.into())
            .about(account.as_deref())),
        Judged::MustChange(account) => match begun(&account, request.clone()) {
            Some(begun) => new_password::ask(asked, begun, &account, &browser, rng),
            None => Ok(another(&account)),
        },
        Judged::Right(proven) => {
            let (account, first) = (proven.account(), proven.first().clone());
            let wanted = wanted(asked, &request);
            let Some(begun) = begun(account, request.clone()) else {
                return Ok(another(account));
            };
            let answer = after_first(asked, begun, first, account, wanted, &browser, rng)?;
            Ok(answer.committing(proven.changes))
        }
    }
}

/// A form of a sign-in on its way was handed in.
///
/// # Errors
/// [`Trouble`].
pub fn continued(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let text = form.field(pages::CONTEXT).unwrap_or_default();
    let browser = own_form(asked, form, text)?;
    let context = Secret::parse(text).ok_or(Refused::SignInGone)?;
    let sign_in = on_its_way::record(asked, &context, &browser)?;
    if let SignIn::AwaitsNewPassword(state) = &sign_in {
        return new_password::handed_in(asked, form, &sign_in, state, &context, &browser, rng);
    }
    let on_its_way = OnItsWay::of(asked, sign_in, context)?;
    let OnItsWay {
        sign_in,
        context,
        account,
        factors,
    } = &on_its_way;
    let shown = Shown {
        asked,
        sign_in,
        context,
        browser: &browser,
        account,
        factors,
    };
    let handled = on_its_way.handle(asked, form, rng)?;
    let mut changes = on_its_way.changes(asked, &handled);
    match handled {
        Handled::Right {
            next,
            factors: changed,
            codes,
            ..
        } => {
            if !codes.is_empty() {
                changes.push(change::audit(enrolled(asked, account)));
            }
            let next = match (sign_in, next) {
                (SignIn::AwaitsSecondFactor(_), Next::Done(signed_in)) => {
                    let kept = changed.as_ref().unwrap_or(factors);
                    offered(sign_in.begun().clone(), signed_in, kept, rng)
                }
                (_, next) => next,
            };
            match next {
                Next::Done(signed_in) => {
                    changes.push(on_its_way.end(asked));
                    Ok(finish(asked, signed_in, account, rng)?.committing(changes))
                }
                Next::Wait(sign_in) => {
                    changes.push(keep(asked, context, &sign_in));
                    let shown = Shown {
                        sign_in: &sign_in,
                        factors: changed.as_ref().unwrap_or(factors),
                        ..shown
                    };
                    Ok(shown.page(None, &codes, rng)?.committing(changes))
                }
            }
        }
        Handled::Wrong { wrong, .. } => {
            let answer = shown
                .page(Some(said_of(wrong)), &[], rng)?
                .because(asked, &wrong.into())
                .about(Some(account));
            Ok(answer.committing(changes))
        }
        // The state that waits for a new password was handled before.
        Handled::NewPassword { .. } | Handled::NotChosen(_) => Err(Refused::SignInGone.into()),
        Handled::TooMany { wait } => Ok(shown
            .page(Some(&waiting(wait)), &[], rng)?
            .because(asked, &Refused::SecondFactorWait(wait))
            .about(Some(account))),
    }
}

fn enrolled(asked: &Asked<'_, '_>, account: &Account) -> AuditRecord {
    let name = account::name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let record = AuditRecord::done(asked.now, actor, "second-factor.enrol")
        .on(account.id, name)
        .with("adapter", "totp");
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}
