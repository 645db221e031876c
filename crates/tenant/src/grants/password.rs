//! Name and password in one request (RFC 6749 4.3, protocols A.4.1): for clients that are named in the settings, and that
//! cannot do anything else. No second factor can be shown here, so who needs one is refused.

use std::sync::Arc;

use directory::Account;
use signin::limits::must_wait;
use signin::password::{self, Judged};
use token::authentication::{Authentication, FirstFactor};
use token::authorize::Wanted;
use token::grant::{Grant, PasswordRequest};
use trust::Rng;
use wire::Guid;

use super::{Asks, NotIssued, ToIssue, issue, refresh};
use crate::aadsts::Number;
use crate::asked::Asked;
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;
use crate::words::{self, Words};

/// Why name and password give no tokens here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Refused {
    #[error("the name is in no domain of this tenant")]
    Foreign,
    #[error("the domain's people sign in at another identity provider")]
    Federated,
    #[error("the password must be changed first")]
    MustChange,
    /// Whatever is wrong, and also where nothing is but the account's lock: who tries names learns nothing from it.
    #[error("sign-in refused")]
    Wrong(#[from] password::Wrong),
}

impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::Foreign => Number::UnknownUser,
            Self::Federated => Number::Federated,
            Self::MustChange => Number::PasswordExpired,
            Self::Wrong(_) => Number::Password,
        }
    }

    fn action(&self) -> &'static str {
        "sign-in.password"
    }
}

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
    let resource = asked.known.catalogue.resource(request.asks.resource());
    let wanted = match resource.is_some_and(|resource| resource.second_factor) {
        true => Wanted::SecondFactor,
        false => Wanted::Unasked,
    };
    let (id, now) = (account.id.0, asked.now);
    let grant = Grant::at_once(request.asks, wanted, id, proven, asks.device, now)
        .ok_or(NotIssued::SecondFactor)?;
    let mut changes: Vec<_> = asks.once.into_iter().collect();
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
    match asked.known.domain_of(name) {
        None => return Err(Refused::Foreign.into()),
        Some(domain) if domain.federation.is_some() => return Err(Refused::Federated.into()),
        Some(_) => {}
    }
    let page = asked.sign_in();
    if let Some(wait) = must_wait(&page, name) {
        return Err(signin::Refused::SecondFactorWait(wait).into());
    }
    let (refused, account) = match password::judge(&page, name, password)? {
        Judged::Right(account) => return Ok(Ok(account)),
        Judged::MustChange(account) => {
            let refused = words::reply(asked, Words::OAuth, &Refused::MustChange);
            (refused, Some(account))
        }
        Judged::Wrong { wrong, account } => {
            let refused = words::reply(asked, Words::OAuth, &Refused::from(wrong));
            (refused, account)
        }
    };
    Ok(Err(Box::new(refused.about(account.as_deref()))))
}
