//! A person's new password: chosen at sign-in in place of one that must be changed, or on AD FS's page for it
//! (`/adfs/portal/updatepassword`, protocols F.1).
//!
//! Between the pages of a sign-in rests which password was proven, and no password. Each ends by the one commit that
//! changes the password, tells the audit log and, at sign-in, goes on with the new password as the first factor. Whatever
//! the old one opened ends then, for each use compares when the password was set ([`crate::account`]).

use std::sync::Arc;

use directory::password::{self as directory_password, Chooser};
use directory::{Account, Actor, AuditRecord, Change, change};
use registration::second_factor::of as factors_of;
use token::authentication::FirstFactor;
use token::factor::{AtOnce, SecondFactors, Wrong};
use token::pages::{self, UpdatePassword};
use token::parameters::Parameters;
use token::secret::{Purpose, Secret};
use token::sign_in::{
    AwaitsNewPassword, Begun, Handled, NotChosen, PasswordVersion, SignIn, chosen, form_token,
};
use trust::{Rng, Timestamp};

use crate::account::{self, usable};
use crate::asked::Asked;
use crate::browser::{Browser, own_form};
use crate::complete::wanted;
use crate::limits::{must_wait, waiting, within_limit};
use crate::password::{self, Judged};
use crate::records::SIGN_INS;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use crate::steps::{Shown, after_first, claim_id, keep, said_of, set_factors};
use crate::words::{self, Words};

/// Where a person changes their password, and the place of that page's form.
pub(crate) const PATH: &str = "/adfs/portal/updatepassword";

/// The password of `begun` was right and must be changed: asks for another.
pub(crate) fn ask(
    asked: &Asked<'_, '_>,
    begun: Begun,
    account: &Account,
    browser: &Browser,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let sign_in = begun.must_change(version_of(account));
    let context = Secret::draw(rng);
    let shown = Shown {
        asked,
        sign_in: &sign_in,
        context: &context,
        browser,
        account,
        factors: &SecondFactors::default(),
    };
    let answer = shown.page(None, &[], rng)?;
    Ok(answer.committing([keep(&context, &sign_in)]))
}

/// Which password the account has.
fn version_of(account: &Account) -> PasswordVersion {
    PasswordVersion {
        number: account.keys.kvno(),
        set: account.password_last_set,
    }
}

/// The form of a sign-in that waits for a new password was handed in.
pub(crate) fn handed_in(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    sign_in: &SignIn,
    state: &AwaitsNewPassword,
    context: &Secret,
    browser: &Browser,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let (snapshot, now) = (asked.view.snapshot, asked.now);
    let account = snapshot
        .account_by_id(directory::EntryId(sign_in.begun().account))?
        .ok_or(Refused::SignInGone)?;
    usable(&account, now)?;
    // Another password than the one that was proven, or a lock that others have caused, ends the sign-in.
    let lockout = snapshot.lockout_policy()?;
    if version_of(&account) != state.proven()
        || asked.view.lockout.is_locked_out(&account, &lockout, now)
    {
        return Err(Refused::SignInGone.into());
    }
    let factors = factors_of(&account);
    let shown = Shown {
        asked,
        sign_in,
        context,
        browser,
        account: &account,
        factors: &factors,
    };
    let again = |said: &str, refused: &Refused, rng: &mut dyn Rng| {
        let answer = shown.page(Some(said), &[], rng)?;
        Ok(answer.because(asked, refused).about(Some(&account)))
    };
    let name = account::name_of(&account);
    if let Some(wait) = must_wait(asked, name) {
        return again(&waiting(wait), &Refused::TooManyRequests(wait), rng);
    }
    let (begun, password) = match sign_in.clone().handle(form, factors.clone(), now, rng) {
        Handled::NewPassword { begun, password } => (begun, password),
        Handled::NotChosen(not) => return again(unlike(not), &not.into(), rng),
        _ => return Err(Refused::SignInGone.into()),
    };
    let changed = match change_password(asked, &account, name, &password, rng)? {
        Ok(changed) => changed,
        Err((said, refused)) => return again(&said, &refused, rng),
    };
    let begun = begun.anew(now);
    let wanted = wanted(asked, &begun.request);
    let first = FirstFactor::password(now);
    let answer = match after_first(asked, begun, first, &account, wanted, browser, rng) {
        Ok(answer) => answer,
        // The password is changed, whatever else keeps its owner from signing in.
        Err(Trouble::Refused(refused)) => words::reply(asked, Words::Page, &refused),
        Err(fault) => return Err(fault),
    };
    let key = *context.digest(Purpose::SignIn).as_bytes();
    Ok(answer
        .committing([change::remove(SIGN_INS, key)])
        .committing(changed))
}

/// What a person is told who has not typed a new password twice.
const fn unlike(not: NotChosen) -> &'static str {
    match not {
        NotChosen::Missing => "Enter your new password, and the same once more.",
        NotChosen::Unlike => "The two new passwords are not the same. Type the same twice.",
    }
}

/// The changes that give a person the password that they chose, or what to tell them. A password that is refused for what
/// the account had before counts as a failure: it cost as much as one, and told something.
fn change_password(
    asked: &Asked<'_, '_>,
    account: &Account,
    name: &str,
    password: &str,
    rng: &mut dyn Rng,
) -> Result<Result<Vec<Change>, (String, Refused)>, Trouble> {
    use directory_password::PasswordRefused as R;
    let set = directory_password::change(
        asked.view.snapshot,
        account.id,
        password,
        Chooser::Owner,
        asked.view.password_cost,
        asked.now,
        rng,
    )?;
    Ok(match set {
        Ok(set) => Ok(vec![set, change::audit(record(asked, account))]),
        Err(refused) => {
            if matches!(refused, R::UsedBefore(_) | R::Unchanged) {
                password::count_failure(asked, name);
            }
            Err((refused.sentence(), refused.into()))
        }
    })
}

fn record(asked: &Asked<'_, '_>, account: &Account) -> AuditRecord {
    let name = account::name_of(account);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let record = AuditRecord::done(asked.now, actor, "password.change")
        .on(account.id, name)
        .with(
            "path",
            asked.request.path.chars().take(200).collect::<String>(),
        );
    match asked.from() {
        Some(from) => record.from_address(from),
        None => record,
    }
}

/// The page on which a person changes their password.
pub(crate) fn page(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let query = asked.query()?;
    let name = query.field("username").unwrap_or_default();
    let browser = Browser::of(asked, rng);
    let name: String = name.chars().take(256).collect();
    show(asked, &browser, &name, None, false)
}

fn show(
    asked: &Asked<'_, '_>,
    browser: &Browser,
    name: &str,
    error: Option<&str>,
    code_needed: bool,
) -> Result<Answer, Trouble> {
    let snapshot = asked.view.snapshot;
    Ok(browser.show(pages::update_password(&UpdatePassword {
        organisation: &asked.view.settings.organisation,
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
    let policy = asked.view.snapshot.password_policy()?;
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
            let done = pages::password_updated(&asked.view.settings.organisation);
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
    asked: &Asked<'_, '_>,
    account: &Arc<Account>,
    form: &Parameters,
    rng: &mut dyn Rng,
) -> Result<SecondFactor, Trouble> {
    let now: Timestamp = asked.now;
    let factors = factors_of(account);
    if !factors.is_enrolled(now) {
        return Ok(SecondFactor::Given(vec![]));
    }
    let (wrong, counted) = match factors.clone().try_at_once(account.id.0, form, now, rng) {
        AtOnce::Right {
            claim,
            factors: changed,
        } => {
            if !asked.view.snapshot.claimed(&claim_id(&claim), now)? {
                let claim = change::claim(claim_id(&claim), claim.until);
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
