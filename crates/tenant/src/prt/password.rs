//! A primary refresh token by a password (protocols A.7.3).
//!
//! It knows one factor, and what it is used for afterwards is told so. Who may sign in by a Hello key alone gets none.

use token::authentication::{Authentication, FirstFactor};

use super::record::Kind;
use super::refused::Refused;
use super::request::{Signed, SignedIn};
use crate::asked::Asked;
use crate::grants::password::whose;
use crate::refused::Trouble;
use crate::reply::Answer;

/// Who signed in by the name and the password in a device's request, or how they are refused.
pub(crate) fn sign_in(
    asked: &Asked<'_, '_>,
    signed: &mut Signed,
) -> Result<Result<SignedIn, Box<Answer>>, Trouble> {
    let password = signed.claims.take_password().ok_or(Refused::Claims)?;
    let name = signed.claims.username.as_deref().ok_or(Refused::Claims)?;
    let account = match whose(asked, name, &password)? {
        Ok(account) => account,
        Err(refused) => return Ok(Err(refused)),
    };
    let authentication = Authentication::of(FirstFactor::password(asked.now), None);
    super::may_be_given(asked, &account, &authentication)?;
    Ok(Ok(SignedIn {
        account,
        authentication,
        kind: Kind::Password,
        changes: vec![],
        key: None,
    }))
}
