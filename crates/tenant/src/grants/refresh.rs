//! A refresh token is redeemed (RFC 6749 6).
//!
//! Each use gives the next token, and one that was used is taken once more for a while: brokers use one for two things, as
//! for the join and for the first primary refresh token after it, and anybody may lose an answer. Later, its use ends all
//! that came of the same sign-in.

use directory::{Change, Fault};
use signin::grants::{self, NotRedeemed};
use token::client::Client;
use token::grant::{FamilyRecord, FamilyRules, Grant, RefreshRequest, RefreshToken, Refused};
use trust::{Rng, Span};
use wire::Guid;

use super::{Asks, ToIssue, issue, not_redeemed};
use crate::asked::Asked;
use crate::refused::Trouble;
use crate::reply::Answer;

/// Answers with the tokens that the refresh token is for.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    request: &RefreshRequest,
    asks: Asks,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let page = asked.sign_in();
    let record = grants::family(&page, request.family())?.ok_or(Refused::RefreshToken)?;
    let rules = rules(asked, &record);
    match grants::refresh_token(&page, request, record, &rules, asks.device, rng) {
        Ok(redeemed) => {
            let what = ToIssue {
                grant: redeemed.grant,
                refresh: redeemed.refresh.map(|(token, _)| token),
                changes: redeemed.changes,
                proven: asks.proven,
                client_info: asks.client_info,
            };
            issue(asked, what, rng)
        }
        Err(not) => Ok(not_redeemed(asked, not)),
    }
}

/// What a refresh token grants to a request for a primary refresh token by `client` (protocols A.7.2). The token is not used
/// up: what is given for it is no refresh token of its family, and the device goes on with the one that it has.
///
/// A token that was used too long ago ends its family; commit what stands in the [`NotRedeemed`].
///
/// # Errors
/// [`Fault`] when the directory fails.
pub(crate) fn redeem_for_prt(
    asked: &Asked<'_, '_>,
    client: &Client,
    token: &str,
    device: Option<Guid>,
    rng: &mut dyn Rng,
) -> Result<Result<Grant, NotRedeemed>, Fault> {
    let Some(request) = RefreshRequest::bare(client, token) else {
        return Ok(Err(Refused::RefreshToken.into()));
    };
    let page = asked.sign_in();
    let Some(record) = grants::family(&page, request.family())? else {
        return Ok(Err(Refused::RefreshToken.into()));
    };
    let of_family = asked.known.catalogue.client(record.client());
    if !of_family.is_some_and(|client| client.family) {
        return Ok(Err(Refused::RefreshTokenOfAnotherClient.into()));
    }
    let rules = rules(asked, &record);
    let redeemed = grants::refresh_token(&page, &request, record, &rules, device, rng);
    Ok(redeemed.map(|redeemed| redeemed.grant))
}

/// What a family of refresh tokens may be used for.
fn rules(asked: &Asked<'_, '_>, record: &FamilyRecord) -> FamilyRules {
    let settings = &asked.known.settings;
    let client = asked.known.catalogue.client(record.client());
    let brokers = client.is_some_and(|client| client.family);
    FamilyRules {
        authority: Some(asked.known.id),
        grace: match brokers {
            true => Span::minutes(settings.broker_reuse_minutes.into()),
            false => Span::seconds(settings.reuse_seconds.into()),
        },
        // What the client may ask for is looked at where the request is read.
        other_resources: true,
        other_clients: brokers,
        // Brokers show their device where they ask for a primary refresh token, and not here; that the device still
        // stands is seen when tokens are issued.
        bound_to_device: false,
        lives_on: Some(Span::days(settings.refresh_days.into())),
    }
}

/// Begins a family for what was granted, where the client has refresh tokens: brokers have them unasked, for their
/// answers are not read without (protocols A.3.1).
pub(crate) fn begin(
    asked: &Asked<'_, '_>,
    family: Guid,
    grant: &Grant,
    changes: &mut Vec<Change>,
    rng: &mut dyn Rng,
) -> Option<RefreshToken> {
    let client = asked.known.catalogue.client(grant.client())?;
    let wanted = grant.scopes().offline_access || client.family;
    if !client.grants.refresh || !wanted {
        return None;
    }
    let authority = Some(asked.known.id);
    let expires = asked.now + Span::days(asked.known.settings.refresh_days.into());
    let (token, kept) =
        grants::begin_family(&asked.sign_in(), family, grant, authority, expires, rng);
    changes.push(kept);
    Some(token)
}
