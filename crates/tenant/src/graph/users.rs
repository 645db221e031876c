//! People (protocols A.15.2).

use std::sync::Arc;

use directory::Account;
use serde_json::{Map, Value};
use signin::account::upn_of;
use trust::Rng;
use wire::http::{Method, Response};

use super::{Caller, context, named};
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::claims::display_name;
use crate::drs::join::cloud_sid;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, "/v1.0/me", Words::Graph, me).on(On::Graph),
    route(Method::Get, "/v1.0/users/{user}", Words::Graph, user).on(On::Graph),
];

fn me(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    Ok(shown(asked, &caller.account))
}

fn user(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    let account: Arc<Account> = named(asked, &caller, asked.segment())?;
    Ok(shown(asked, &account))
}

fn shown(asked: &Asked<'_, '_>, account: &Account) -> Answer {
    let upn = upn_of(account, asked.view.snapshot);
    let mut members: Map<String, Value> = Map::new();
    let mut say = |member: &str, value: String| members.insert(member.to_owned(), value.into());
    say("@odata.context", context(asked, "users/$entity"));
    say("id", account.id.0.to_string());
    say("displayName", display_name(account));
    say("userPrincipalName", upn);
    if let Some(mail) = &account.mail {
        say("mail", mail.clone());
    }
    if let Some(sid) = cloud_sid(account.id.0) {
        say("securityIdentifier", sid.to_string());
    }
    let response = Response::json(200, &members);
    Answer::now(with_request_ids(asked, response))
}
