//! A person's new password, chosen at sign-in in place of one that must be changed.
//!
//! Between the pages of a sign-in rests which password was proven, and no password. Each ends by the one commit that
//! changes the password, tells the audit log and, at sign-in, goes on with the new password as the first factor. Whatever
//! the old one opened ends then, for each use compares when the password was set ([`crate::account`]).

use directory::password::{self as directory_password, Chooser};
use directory::{Account, Actor, AuditRecord, Change, change};
use token::authentication::FirstFactor;
use token::factor::SecondFactors;
use token::parameters::Parameters;
use token::secret::{Purpose, Secret};
use token::sign_in::{AwaitsNewPassword, Begun, Handled, NotChosen, PasswordVersion, SignIn};
use trust::Rng;

use crate::account::{self, second_factors, usable};
use crate::browser::Browser;
use crate::complete::wanted;
use crate::limits::{must_wait, waiting};
use crate::password;
use crate::steps::{Shown, after_first, keep};
use crate::{Answer, Asked, Refused, Trouble};

/// The password of `begun` was right and must be changed: asks for another.
///
/// # Errors
/// [`Trouble`].
pub fn ask(
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
    Ok(answer.committing([keep(asked, &context, &sign_in)]))
}

/// Which password the account has.
fn version_of(account: &Account) -> PasswordVersion {
    PasswordVersion {
        number: account.keys.kvno(),
        set: account.password_last_set,
    }
}

/// The form of a sign-in that waits for a new password was handed in.
///
/// # Errors
/// [`Trouble`].
pub fn handed_in(
    asked: &Asked<'_, '_>,
    form: &Parameters,
    sign_in: &SignIn,
    state: &AwaitsNewPassword,
    context: &Secret,
    browser: &Browser,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let (snapshot, now) = (asked.house.snapshot, asked.now);
    let account = snapshot
        .account_by_id(directory::EntryId(sign_in.begun().account))?
        .ok_or(Refused::SignInGone)?;
    usable(&account, now)?;
    // Another password than the one that was proven, or a lock that others have caused, ends the sign-in.
    let lockout = snapshot.lockout_policy()?;
    if version_of(&account) != state.proven()
        || asked.house.lockout.is_locked_out(&account, &lockout, now)
    {
        return Err(Refused::SignInGone.into());
    }
    let factors = second_factors(&account);
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
        Err(Trouble::Refused(refused)) => refused.page(asked),
        Err(fault) => return Err(fault),
    };
    let key = *context.digest(Purpose::SignIn).as_bytes();
    Ok(answer
        .committing([change::remove(asked.house.tables.sign_ins, key)])
        .committing(changed))
}

/// What a person is told who has not typed a new password twice.
#[must_use]
pub const fn unlike(not: NotChosen) -> &'static str {
    match not {
        NotChosen::Missing => "Enter your new password, and the same once more.",
        NotChosen::Unlike => "The two new passwords are not the same. Type the same twice.",
    }
}

/// The changes that give a person the password that they chose, or what to tell them. A password that is refused for what
/// the account had before counts as a failure: it cost as much as one, and told something.
///
/// # Errors
/// [`Trouble::Fault`] when the directory fails.
#[allow(
    clippy::type_complexity,
    reason = "trouble, else changes, else what is said and why"
)]
pub fn change_password(
    asked: &Asked<'_, '_>,
    account: &Account,
    name: &str,
    password: &str,
    rng: &mut dyn Rng,
) -> Result<Result<Vec<Change>, (String, Refused)>, Trouble> {
    use directory_password::PasswordRefused as R;
    let set = directory_password::change(
        asked.house.snapshot,
        account.id,
        password,
        Chooser::Owner,
        asked.house.password_cost,
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
