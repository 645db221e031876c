//! A primary refresh token is renewed (protocols A.10; PRT-3).

use crypto::jose::Verified;
use serde::Deserialize;
use trust::Rng;

use super::judge::{self, Shown};
use super::refused::Refused;
use super::{encrypted, issue, request};
use crate::asked::Asked;
use crate::nonce;
use crate::refused::Trouble;
use crate::reply::Answer;

/// What a request that a session key signed may say (protocols A.10.1). Other members are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claims {
    pub(crate) grant_type: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) request_nonce: Option<String>,
    pub(crate) aud: Option<String>,
}

impl Claims {
    /// The claims, of a request that is for us.
    pub(crate) fn of(asked: &Asked<'_, '_>, verified: &Verified) -> Result<Self, Refused> {
        let claims: Self = verified.claims().map_err(|_| Refused::Claims)?;
        let for_us = claims.aud.as_deref().is_none_or(|audience| {
            // What known clients write, whoever they ask (protocols A.10.1).
            audience == "login.microsoftonline.com"
                || audience == asked.view.deployment.login.authority()
                || super::assertion::is_for_us(asked, audience)
        });
        if !for_us {
            return Err(Refused::Claims);
        }
        match claims.grant_type.as_deref() {
            Some("refresh_token") => Ok(claims),
            _ => Err(Refused::GrantType),
        }
    }

    /// Whether a primary refresh token is asked for.
    pub(crate) fn asks_for_prt(&self) -> bool {
        let scope = self.scope.as_deref().unwrap_or_default();
        scope.split_ascii_whitespace().any(|word| word == "aza")
    }
}

/// Answers with the token that follows: encrypted, and without a session key, for the device keeps the one that it has.
pub(crate) fn renew(
    asked: &Asked<'_, '_>,
    shown: &Shown,
    claims: &Claims,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let record = &shown.live.record;
    let nonce = nonce::check(asked, claims.request_nonce.as_deref()).map_err(Refused::Nonce)?;
    let taken = request::must_be_untaken(asked, &nonce, &record.session_key.fingerprint())?;
    request::using_up(asked, taken, following(asked, shown, claims, rng))
}

fn following(
    asked: &Asked<'_, '_>,
    shown: &Shown,
    claims: &Claims,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let record = &shown.live.record;
    super::client(claims.client_id.as_deref())?;
    judge::may_be_renewed(asked, record).map_err(Refused::Dead)?;
    let words = ["openid", "aza", "ugs"].into_iter();
    let scope = claims.scope.as_deref().unwrap_or_default();
    let scope: Vec<&str> = words
        .filter(|word| scope.split_ascii_whitespace().any(|named| named == *word))
        .collect();
    let scope = scope.join(" ");
    let issued = issue::follow(asked, shown, &scope, rng)?;
    let json = issue::json(&issued.response);
    let response = encrypted::answer(asked, &record.session_key, &json, rng)?;
    Ok(Answer {
        changes: issued.changes,
        ..Answer::now(response)
    })
}
