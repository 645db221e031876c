//! The forms of a sign-in: what was handed in, and what it leads to.

use directory::{Account, Actor, AuditRecord, Change, change};
use token::authentication::FirstFactor;
use token::authorize::AuthorizeRequest;
use token::pages;
use token::parameters::Parameters;
use token::secret::{Purpose, Secret};
use token::sign_in::{Begun, Handled, Next, SignIn};
use trust::Rng;

use crate::Answer;
use crate::Asked;
use crate::access_pass;
use crate::account::{self, Proven, second_factors, still_usable};
use crate::browser::own_form;
use crate::complete::{OpenSession, complete, wanted};
use crate::limits::{must_wait, waiting};
use crate::new_password;
use crate::password::{self, Judged};
use crate::records;
use crate::session::session_of;
use crate::steps::{
    Shown, after_first, canonical, claim_id, keep, password_page, said_of, set_factors,
};
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
    if let Some(wait) = must_wait(asked, name) {
        return Ok(again(&waiting(wait)).because(asked, &Refused::TooManyRequests(wait)));
    }
    let begun =
        |account: &Account, request| Begun::new(request, account.id.0, browser.secret(), asked.now);
    if let Some(by_pass) = access_pass::judge(asked, name, password)? {
        let account = by_pass.account();
        let wanted = wanted(asked, &request);
        let begun = begun(account, request);
        let first = by_pass.first().clone();
        let answer = after_first(asked, begun, first, account, wanted, &browser, rng)?;
        return Ok(answer.committing(by_pass.changes));
    }
    match password::judge(asked, name, password)? {
        Judged::Wrong { wrong, account } => Ok(again(password::WRONG)
            .because(asked, &wrong.into())
            .about(account.as_deref())),
        Judged::MustChange(account) => {
            let begun = begun(&account, request);
            new_password::ask(asked, begun, &account, &browser, rng)
        }
        Judged::Right(account) => {
            let wanted = wanted(asked, &request);
            let begun = begun(&account, request);
            let first = FirstFactor::password(asked.now);
            after_first(asked, begun, first, &account, wanted, &browser, rng)
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
    let (snapshot, now) = (asked.house.snapshot, asked.now);
    let sign_ins = asked.house.tables.sign_ins;
    let key = *context.digest(Purpose::SignIn).as_bytes();
    let sign_in: SignIn =
        records::read(snapshot, sign_ins, &key, now)?.ok_or(Refused::SignInGone)?;
    if !sign_in.is_open(browser.secret(), now) {
        return Err(Refused::SignInGone.into());
    }
    if let SignIn::AwaitsNewPassword(state) = &sign_in {
        return new_password::handed_in(asked, form, &sign_in, state, &context, &browser, rng);
    }
    let began = sign_in.expires() - token::sign_in::LIFETIME;
    let account = still_usable(
        &asked.house,
        sign_in.begun().account,
        Proven::at(began),
        now,
    )??;
    let factors = second_factors(&account);
    let shown = Shown {
        asked,
        sign_in: &sign_in,
        context: &context,
        browser: &browser,
        account: &account,
        factors: &factors,
    };
    let mut handled = sign_in.clone().handle(form, factors.clone(), now, rng);
    if let Handled::Right {
        claim: Some(claim), ..
    } = &handled
        && snapshot.claimed(&claim_id(asked, claim), now)?
    {
        handled = Handled::used(factors.clone(), now);
    }
    match handled {
        Handled::Right {
            next,
            factors: changed,
            claim,
            codes,
        } => {
            let mut changes: Vec<Change> = claim
                .map(|claim| change::claim(claim_id(asked, &claim), claim.until))
                .into_iter()
                .collect();
            changes.extend(changed.iter().map(|factors| set_factors(&account, factors)));
            if !codes.is_empty() {
                changes.push(change::audit(enrolled(asked, &account)));
            }
            let factors = changed.unwrap_or(factors.clone());
            match next {
                Next::Done(signed_in) => {
                    changes.push(change::remove(sign_ins, key));
                    let open = OpenSession {
                        replaces: session_of(asked)?.map(|held| held.key),
                    };
                    Ok(complete(asked, signed_in, &account, None, Some(open), rng)
                        .committing(changes))
                }
                Next::Wait(sign_in) => {
                    changes.push(keep(asked, &context, &sign_in));
                    let shown = Shown {
                        sign_in: &sign_in,
                        factors: &factors,
                        ..shown
                    };
                    Ok(shown.page(None, &codes, rng)?.committing(changes))
                }
            }
        }
        Handled::Wrong {
            wrong,
            factors: changed,
        } => {
            let answer = shown
                .page(Some(said_of(wrong)), &[], rng)?
                .because(asked, &wrong.into())
                .about(Some(&account));
            Ok(answer.committing(changed.iter().map(|factors| set_factors(&account, factors))))
        }
        // The state that waits for a new password was handled before.
        Handled::NewPassword { .. } | Handled::NotChosen(_) => Err(Refused::SignInGone.into()),
        Handled::TooMany { wait } => Ok(shown
            .page(Some(&waiting(wait)), &[], rng)?
            .because(asked, &Refused::SecondFactorWait(wait))
            .about(Some(&account))),
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
