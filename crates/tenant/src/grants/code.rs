//! A code is redeemed (RFC 6749 4.1.3).

use signin::grants;
use token::grant::CodeRequest;
use trust::Rng;

use super::{Asks, ToIssue, issue, not_redeemed, refresh};
use crate::asked::Asked;
use crate::refused::Trouble;
use crate::reply::Answer;

/// Answers with the tokens that the code is for.
pub(crate) fn answer(
    asked: &Asked<'_, '_>,
    request: &CodeRequest,
    asks: Asks,
    rng: &mut dyn Rng,
) -> Result<Answer, Trouble> {
    let redeemed = match grants::code(&asked.sign_in(), request, asks.device)? {
        Ok(redeemed) => redeemed,
        Err(not) => return Ok(not_redeemed(asked, not)),
    };
    let mut changes = redeemed.changes;
    let refresh = refresh::begin(asked, redeemed.family, &redeemed.grant, &mut changes, rng);
    let what = ToIssue {
        grant: redeemed.grant,
        refresh,
        changes,
        proven: asks.proven,
        client_info: asks.client_info,
    };
    issue(asked, what, rng)
}
