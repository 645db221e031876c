//! Name and password in one request (RFC 6749 4.3, protocols A.4.1): for clients that are named in the settings, and that
//! cannot do anything else. No second factor can be shown here, so who needs one is refused.

use std::sync::Arc;

use directory::Account;
use signin::first_factor::{self, Judged, Takes, Wrong};
use token::authentication::{Authentication, FirstFactor};
use token::grant::{Grant, PasswordRequest};
use trust::Rng;
use wire::Guid;

use super::{Asks, NotIssued, ToIssue, issue, refresh};
use crate::asked::Asked;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{self, Words};

/// Answers with the tokens of whoever the name and the password are.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    request: PasswordRequest,
    asks: Asks,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let account = match whose(asked, &request.user_name, &request.password)? {
        Ok(account) => account,
        Err(refused) => return Ok(*refused),
    };
    let proven = Authentication::of(FirstFactor::password(asked.now), None);
    let wanted = super::wanted(asked, &request.asks);
    let (id, now) = (account.id.0, asked.now);
    let grant = Grant::at_once(request.asks, wanted, id, proven, asks.device, now)
        .ok_or(NotIssued::SecondFactor)?;
    let mut changes = vec![];
    let family = Guid::from_random(rng.bytes());
    let refresh = refresh::begin(asked, family, &grant, &mut changes, rng);
    let what = ToIssue {
        grant,
        refresh,
        changes,
        proven: asks.proven,
        client_info: asks.client_info,
    };
    issue(asked, what, rng)
}

/// Whose name and password these are, or how they are refused; counts what is wrong.
pub(crate) fn whose(
    asked: &Asked<'_, '_>,
    name: &str,
    password: &str,
) -> Result<Result<Arc<Account>, Box<Answer>>, Trouble> {
    let judged = first_factor::judge(&asked.sign_in(), name, password, Takes::Password)?;
    let (wrong, account) = match judged {
        Judged::Right(proven) => return Ok(Ok(proven.account().clone())),
        // There is no page here on which a new one could be chosen.
        Judged::MustChange(account) => (Wrong::MustChange, Some(account)),
        Judged::Wrong { wrong, account } => (wrong, account),
    };
    let refused = words::reply(asked, Words::OAuth, &signin::Refused::from(wrong));
    Ok(Err(Box::new(refused.about(account.as_deref()))))
}
