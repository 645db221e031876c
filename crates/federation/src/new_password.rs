//! AD FS's page on which a person changes their password (`/adfs/portal/updatepassword`, protocols F.1).
//!
//! It ends by the one commit that changes the password and tells the audit log. Whatever the old one opened ends then, for
//! each use compares when the password was set ([`signin::account`]).

use std::sync::Arc;

use directory::{Account, Change, change};
use signin::account::second_factors;
use signin::browser::{Browser, own_form};
use signin::limits::{must_wait, waiting, within_limit};
use signin::new_password::{change_password, unlike};
use signin::password::{self, Judged};
use signin::steps::{claim_id, said_of, set_factors};
use signin::{Answer as Page, Asked as OnPage, Refused};
use token::factor::{AtOnce, Wrong};
use token::pages::{self, UpdatePassword};
use token::parameters::Parameters;
use token::sign_in::{chosen, form_token};
use trust::{Rng, Timestamp};

use crate::asked::Asked;
use crate::refused::Trouble;
use crate::reply::Answer;

/// Where a person changes their password, and the place of that page's form.
pub(crate) const PATH: &str = "/adfs/portal/updatepassword";

/// The page on which a person changes their password.
pub(crate) fn page(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let asked = &asked.sign_in();
    within_limit(asked)?;
    let query = asked.query().map_err(Refused::from)?;
    let name = query.field("username").unwrap_or_default();
    let browser = Browser::of(asked, rng);
    let name: String = name.chars().take(256).collect();
    Ok(show(asked, &browser, &name, None, false)?.into())
}

fn show(
    asked: &OnPage<'_, '_>,
    browser: &Browser,
    name: &str,
    error: Option<&str>,
    code_needed: bool,
) -> Result<Page, signin::Trouble> {
    let snapshot = asked.house.snapshot;
    Ok(browser.show(pages::update_password(&UpdatePassword {
        organisation: asked.house.organisation,
        action: PATH,
        form_token: &form_token(browser.secret(), PATH),
        domain: &snapshot.domain().dns_name,
        user_name: name,
        rules: &snapshot.password_policy()?.in_words(),
        code_needed,
        error,
    })))
}

/// That page's form was handed in. Who does not know the present password learns nothing from the answer: neither whether
/// there is such an account, nor whether it has a second factor, nor what becomes of the new password.
pub(crate) fn by_form(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    Ok(handed_in(&asked.sign_in(), rng)?.into())
}

fn handed_in(asked: &OnPage<'_, '_>, rng: &mut dyn Rng) -> Result<Page, signin::Trouble> {
    within_limit(asked)?;
    let form = asked.form()?;
    let browser = own_form(asked, &form, PATH)?;
    let name = form.field(pages::USER_NAME).unwrap_or_default().trim();
    let old = form.field(pages::OLD_PASSWORD).unwrap_or_default();
    if name.is_empty() || old.is_empty() || name.len() > 256 || old.len() > 1024 {
        let said = "Enter your user name and your present password.";
        return show(asked, &browser, name, Some(said), false);
    }
    let again = |said: &str, refused: &Refused, account: Option<&Account>| {
        let answer = show(asked, &browser, name, Some(said), false)?;
        Ok(answer.because(asked, refused).about(account))
    };
    let new = match chosen(&form) {
        Ok(new) => new,
        Err(not) => return again(unlike(not), &not.into(), None),
    };
    if let Some(wait) = must_wait(asked, name) {
        return again(&waiting(wait), &Refused::TooManyRequests(wait), None);
    }
    let account = match password::judge(asked, name, old)? {
        Judged::Right(account) | Judged::MustChange(account) => account,
        Judged::Wrong { wrong, account } => {
            return again(password::WRONG, &wrong.into(), account.as_deref());
        }
    };
    // What can be seen of the new password comes before the code, which works once.
    let policy = asked.house.snapshot.password_policy()?;
    if let Err(refused) = policy.check(&new, &account.sam) {
        return again(&refused.sentence(), &refused.into(), Some(&account));
    }
    let proven = match second_factor(asked, &account, &form, rng)? {
        SecondFactor::Given(changes) => changes,
        SecondFactor::Not {
            said,
            refused,
            changes,
        } => {
            let answer = show(asked, &browser, name, Some(&said), true)?;
            return Ok(answer
                .because(asked, &refused)
                .about(Some(&account))
                .committing(changes));
        }
    };
    match change_password(asked, &account, name, &new, rng)? {
        Ok(changed) => {
            let done = pages::password_updated(asked.house.organisation);
            Ok(browser.show(done).committing(proven).committing(changed))
        }
        // The code was right, and is used up all the same: whoever saw it typed gets nothing by it.
        Err((said, refused)) => {
            let code_needed = !proven.is_empty();
            let answer = show(asked, &browser, name, Some(&said), code_needed)?;
            let answer = answer.because(asked, &refused).about(Some(&account));
            Ok(answer.committing(proven))
        }
    }
}

/// What became of the second factor on the page for a new password.
enum SecondFactor {
    /// None is enrolled, or it was proven; with what its use changes.
    Given(Vec<Change>),
    /// It was not proven.
    Not {
        said: String,
        refused: Refused,
        changes: Vec<Change>,
    },
}

fn second_factor(
    asked: &OnPage<'_, '_>,
    account: &Arc<Account>,
    form: &Parameters,
    rng: &mut dyn Rng,
) -> Result<SecondFactor, signin::Trouble> {
    let now: Timestamp = asked.now;
    let factors = second_factors(account);
    if !factors.is_enrolled(now) {
        return Ok(SecondFactor::Given(vec![]));
    }
    let (wrong, counted) = match factors.clone().try_at_once(account.id.0, form, now, rng) {
        AtOnce::Right {
            claim,
            factors: changed,
        } => {
            if !asked
                .house
                .snapshot
                .claimed(&claim_id(asked, &claim), now)?
            {
                let claim = change::claim(claim_id(asked, &claim), claim.until);
                let changed = changed.map(|factors| set_factors(account, &factors));
                return Ok(SecondFactor::Given(
                    std::iter::once(claim).chain(changed).collect(),
                ));
            }
            (Wrong::Used, Some(factors.and_wrong(now)))
        }
        AtOnce::Wrong { wrong, factors } => (wrong, factors),
        AtOnce::TooMany { wait } => {
            return Ok(SecondFactor::Not {
                said: waiting(wait),
                refused: Refused::SecondFactorWait(wait),
                changes: vec![],
            });
        }
    };
    let said = match wrong {
        Wrong::Missing => "Enter the verification code of your authenticator too.",
        wrong => said_of(wrong),
    };
    Ok(SecondFactor::Not {
        said: said.to_owned(),
        refused: wrong.into(),
        changes: counted
            .map(|factors| set_factors(account, &factors))
            .into_iter()
            .collect(),
    })
}
