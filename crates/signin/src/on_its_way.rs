//! A sign-in on its way, found again by whoever goes on with it: a page of ours, or a program without a browser.

use std::sync::Arc;

use directory::{Account, Actor, AuditRecord, Change, change};
use token::parameters::Parameters;
use token::secret::{Purpose, Secret};
use token::sign_in::{Handled, SignIn};
use trust::Rng;

use crate::account::{Proven, name_of, second_factors, still_usable};
use crate::browser::Browser;
use crate::records;
use crate::steps::{claim_id, set_factors};
use crate::{Asked, Refused, Trouble};
use token::factor::{self, SecondFactors};

/// A sign-in that is open, in the browser in which it began, of somebody who may still sign in. Only [`find`] makes one.
#[derive(Debug)]
pub struct OnItsWay {
    /// What it waits for.
    pub sign_in: SignIn,
    /// Its name.
    pub context: Secret,
    /// Whose it is.
    pub account: Arc<Account>,
    /// Their second factors.
    pub factors: SecondFactors,
}

/// The record of the sign-in of this context, whatever it waits for.
///
/// # Errors
/// [`Refused::SignInGone`], or a fault of the directory.
pub fn record(
    asked: &Asked<'_, '_>,
    context: &Secret,
    browser: &Browser,
) -> Result<SignIn, Trouble> {
    let (snapshot, now) = (asked.house.snapshot, asked.now);
    let table = asked.house.tables.sign_ins;
    let key = context.digest(Purpose::SignIn);
    let sign_in: SignIn =
        records::read(snapshot, table, key.as_bytes(), now)?.ok_or(Refused::SignInGone)?;
    match sign_in.is_open(browser.secret(), now) {
        true => Ok(sign_in),
        false => Err(Refused::SignInGone.into()),
    }
}

/// The sign-in of this context, whose account may still sign in.
///
/// # Errors
/// [`Refused::SignInGone`], what is wrong with the account, or a fault of the directory.
pub fn find(asked: &Asked<'_, '_>, context: &str, browser: &Browser) -> Result<OnItsWay, Trouble> {
    let context = Secret::parse(context).ok_or(Refused::SignInGone)?;
    let sign_in = record(asked, &context, browser)?;
    OnItsWay::of(asked, sign_in, context)
}

impl OnItsWay {
    /// A sign-in that was read, of an account that may still sign in.
    pub(crate) fn of(
        asked: &Asked<'_, '_>,
        sign_in: SignIn,
        context: Secret,
    ) -> Result<Self, Trouble> {
        let began = sign_in.expires() - token::sign_in::LIFETIME;
        let of = sign_in.begun().account;
        let account = still_usable(&asked.house, of, Proven::at(began), asked.now)??;
        Ok(Self {
            factors: second_factors(&account),
            account,
            sign_in,
            context,
        })
    }

    /// What becomes of what was handed in. An answer that was right and used before is wrong.
    ///
    /// # Errors
    /// A fault of the directory.
    pub fn handle(
        &self,
        asked: &Asked<'_, '_>,
        form: &Parameters,
        rng: &mut dyn Rng,
    ) -> Result<Handled, Trouble> {
        let (factors, now) = (self.factors.clone(), asked.now);
        let handled = self.sign_in.clone().handle(form, factors, now, rng);
        if let Handled::Right {
            claim: Some(claim), ..
        } = &handled
            && asked.house.snapshot.claimed(&claim_id(asked, claim), now)?
        {
            return Ok(Handled::used(self.factors.clone(), now));
        }
        Ok(handled)
    }

    /// What is committed with what was handled: the code is used, the second factors are as they are now.
    #[must_use]
    pub fn changes(&self, asked: &Asked<'_, '_>, handled: &Handled) -> Vec<Change> {
        let (claim, factors) = match handled {
            Handled::Right { claim, factors, .. } => (claim.as_ref(), factors.as_ref()),
            Handled::Wrong { factors, .. } => (None, factors.as_ref()),
            Handled::TooMany { .. } | Handled::NewPassword { .. } | Handled::NotChosen(_) => {
                (None, None)
            }
        };
        let claim = claim.map(|claim| change::claim(claim_id(asked, claim), claim.until));
        let factors = factors.map(|factors| set_factors(&self.account, factors));
        let by = match handled {
            Handled::Right { proven_by, .. } => proven_by.filter(|by| factor::stands_in(by)),
            _ => None,
        };
        let told = by.map(|by| change::audit(self.stood_in(asked, by)));
        claim.into_iter().chain(factors).chain(told).collect()
    }

    /// That a recovery code or a pass stood in for a second factor.
    fn stood_in(&self, asked: &Asked<'_, '_>, adapter: &str) -> AuditRecord {
        let name = name_of(&self.account);
        let actor = Actor {
            sid: Some(self.account.sid),
            name: name.to_owned(),
        };
        let record = AuditRecord::done(asked.now, actor, "second-factor.stand-in")
            .on(self.account.id, name)
            .with("adapter", adapter);
        match asked.from() {
            Some(from) => record.from_address(from),
            None => record,
        }
    }

    /// The end of the record.
    #[must_use]
    pub fn end(&self, asked: &Asked<'_, '_>) -> Change {
        let key = self.context.digest(Purpose::SignIn);
        change::remove(asked.house.tables.sign_ins, *key.as_bytes())
    }
}
