//! `/adfs/userinfo` (OpenID Connect Core 5.3): who the bearer of a token is.

use serde_json::{Map, Value};
use token::authorize::USERINFO;
use trust::Rng;
use wire::http::Response;

use crate::asked::Asked;
use crate::claims::display_name;
use crate::keys::signing_keys;
use crate::refused::{Refused, Trouble};
use crate::reply::Answer;
use signin::account::{Proven, still_usable, upn_of};

/// Answers with the claims that the token's scopes allow.
pub(crate) fn userinfo(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let token = asked.request.bearer().ok_or(Refused::NoToken)?;
    let keys = signing_keys(asked.view.snapshot, asked.view.memory, asked.now)?;
    let token = keys.verify(token, &asked.view.settings.issuer, USERINFO, asked.now)?;
    let proven = Proven::told_by(&token);
    let account = still_usable(&asked.sign_in().house, token.oid, proven, asked.now)?
        .map_err(|_| Refused::Token(token::claims::NotAccepted::Expired))?;
    let may = |scope: &str| token.scp.split(' ').any(|granted| granted == scope);
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), token.sub.as_str().into());
    if may("profile") {
        claims.insert("name".to_owned(), display_name(&account).into());
        claims.insert(
            "upn".to_owned(),
            upn_of(&account, asked.view.snapshot).into(),
        );
        claims.insert(
            "preferred_username".to_owned(),
            upn_of(&account, asked.view.snapshot).into(),
        );
    }
    if let (true, Some(mail)) = (may("email"), &account.mail) {
        claims.insert("email".to_owned(), mail.as_str().into());
    }
    Ok(Answer::now(Response::json(200, &Value::Object(claims))))
}
