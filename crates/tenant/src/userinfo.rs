//! Who the bearer of a token is (OpenID Connect Core 5.3).

use serde_json::{Map, Value};
use signin::account::{Proven, still_usable, upn_of};
use token::authorize::USERINFO;
use token::claims::NotAccepted;
use trust::Rng;
use wire::http::{Method, Response};

use crate::aadsts::Number;
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::catalogue::GRAPH;
use crate::claims::display_name;
use crate::grants::{NotIssued, device_stands};
use crate::limits::within_limit;
use crate::refused::{Reason, Trouble};
use crate::reply::Answer;
use crate::words::Words;

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, OWN, Words::Bearer, userinfo),
    route(Method::Post, OWN, Words::Bearer, userinfo),
    route(Method::Get, ON_GRAPH, Words::Bearer, userinfo).on(On::Graph),
    route(Method::Post, ON_GRAPH, Words::Bearer, userinfo).on(On::Graph),
];

const OWN: &str = "/{t}/openid/userinfo";
const ON_GRAPH: &str = "/oidc/userinfo";

/// Why nobody is told about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Refused {
    #[error("the request carries no bearer token")]
    NoToken,
    #[error("bearer token refused")]
    Token(#[from] NotAccepted),
    #[error("the account cannot be used")]
    Account(#[from] signin::account::Unusable),
    #[error("the device cannot be used")]
    Device(#[from] NotIssued),
}

impl Reason for Refused {
    fn number(&self) -> Number {
        Number::Token
    }

    fn action(&self) -> &'static str {
        "token.accept"
    }
}

/// Answers with the claims that the token's scopes allow.
fn userinfo(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    within_limit(asked)?;
    let known = &asked.known;
    let token = asked.request.bearer().ok_or(Refused::NoToken)?;
    let resources = [USERINFO, GRAPH];
    let resources = resources
        .iter()
        .filter_map(|name| known.catalogue.resource(name));
    let audiences: Vec<&str> = resources.flat_map(|resource| resource.names()).collect();
    let token = known
        .keys
        .verify_for(token, &known.issuers.both(), &audiences, asked.now)
        .map_err(Refused::from)?;
    let page = asked.sign_in();
    let account = still_usable(&page.house, token.oid, Proven::told_by(&token), asked.now)?;
    let account = account.map_err(Refused::from)?;
    device_stands(asked, token.deviceid)?.map_err(Refused::from)?;
    let may = |scope: &str| token.scp.split(' ').any(|granted| granted == scope);
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), token.sub.as_str().into());
    claims.insert("tid".to_owned(), known.id.to_string().into());
    if may("profile") {
        claims.insert("oid".to_owned(), token.oid.to_string().into());
        claims.insert("name".to_owned(), display_name(&account).into());
        let upn = upn_of(&account, asked.view.snapshot);
        claims.insert("preferred_username".to_owned(), upn.into());
    }
    if let (true, Some(mail)) = (may("email"), &account.mail) {
        claims.insert("email".to_owned(), mail.as_str().into());
    }
    Ok(Answer::now(Response::json(200, &Value::Object(claims))))
}
