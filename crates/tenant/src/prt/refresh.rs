//! A primary refresh token by a refresh token of a broker (protocols A.7.3): what was proven for that one is known of this
//! one, and counts from when it was proven.

use trust::Rng;

use super::record::Kind;
use super::refused::Refused;
use super::request::{Signed, SignedIn};
use crate::asked::Asked;
use crate::grants::{self, refresh};
use crate::refused::Trouble;
use crate::reply::Answer;

/// Whose refresh token is in a device's request, or how they are refused.
pub(crate) fn sign_in(
    asked: &Asked<'_, '_>,
    signed: &Signed,
    client: &str,
    rng: &mut dyn Rng,
) -> Result<Result<SignedIn, Box<Answer>>, Trouble> {
    let token = signed.claims.refresh_token.as_deref();
    let token = token.ok_or(Refused::Claims)?;
    let client = asked
        .known
        .catalogue
        .client(client)
        .ok_or(Refused::Client)?;
    let device = Some(signed.device().device_id);
    let grant = match refresh::redeem_for_prt(asked, client, token, device, rng)? {
        Ok(grant) => grant,
        Err(not) => return Ok(Err(Box::new(grants::not_redeemed(asked, not)))),
    };
    let account = grants::person(asked, &grant)?;
    let authentication = grant.authentication().clone();
    super::may_be_given(asked, &account, &authentication)?;
    Ok(Ok(SignedIn {
        account,
        authentication,
        kind: Kind::RefreshToken,
        changes: vec![],
        key: None,
    }))
}
