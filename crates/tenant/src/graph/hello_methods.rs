//! The Hello keys of a person (protocols C.2.2).

use directory::{Account, Actor};
use registration::user_key::{self, Listed, Remover};
use serde_json::{Value, json};
use signin::account::upn_of;
use trust::Rng;
use wire::Guid;
use wire::http::{Method, Response};

use super::{Caller, Refused, context, named};
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, MINE, Words::Graph, mine).on(On::Graph),
    route(Method::Get, OF_USER, Words::Graph, of_user).on(On::Graph),
    route(Method::Delete, ONE_OF_MINE, Words::Graph, remove_mine).on(On::Graph),
    route(Method::Delete, ONE_OF_USER, Words::Graph, remove_of_user).on(On::Graph),
];

const MINE: &str = "/v1.0/me/authentication/windowsHelloForBusinessMethods";
const OF_USER: &str = "/v1.0/users/{user}/authentication/windowsHelloForBusinessMethods";
const ONE_OF_MINE: &str = "/v1.0/me/authentication/windowsHelloForBusinessMethods/{key}";
const ONE_OF_USER: &str = "/v1.0/users/{user}/authentication/windowsHelloForBusinessMethods/{key}";

fn mine(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    caller.may_manage_keys(asked, &caller.account)?;
    shown(asked, &caller.account)
}

fn of_user(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    let account = named(asked, &caller, asked.segment())?;
    caller.may_manage_keys(asked, &account)?;
    shown(asked, &account)
}

fn shown(asked: &Asked<'_, '_>, account: &Account) -> Result<Answer, Trouble> {
    let mut value = Vec::new();
    for key in user_key::list(account) {
        value.push(method(asked, &key)?);
    }
    let of = format!(
        "users('{}')/authentication/windowsHelloForBusinessMethods",
        account.id.0
    );
    let list = json!({ "@odata.context": context(asked, &of), "value": value });
    let response = Response::json(200, &list);
    Ok(Answer::now(with_request_ids(asked, response)))
}

fn method(asked: &Asked<'_, '_>, key: &Listed) -> Result<Value, Trouble> {
    let device = match key.device {
        Some(id) => asked.view.snapshot.device_by_id(id)?,
        None => None,
    };
    let mut method = json!({
        "id": key.kid,
        "createdDateTime": key.created.whole_seconds().to_rfc3339(),
        "keyStrength": match key.is_strong {
            Some(true) => "normal",
            Some(false) => "weak",
            None => "unknown",
        },
    });
    if let Some(device) = device {
        method["displayName"] = device.display_name.as_str().into();
        method["device"] = json!({
            "id": device.id.0,
            "deviceId": device.device_id,
            "displayName": device.display_name,
        });
    }
    Ok(method)
}

fn remove_mine(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    let account = caller.account.clone();
    caller.may_manage_keys(asked, &account)?;
    remove(asked, &caller, &account, asked.segment())
}

fn remove_of_user(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    let account = named(asked, &caller, asked.segment())?;
    caller.may_manage_keys(asked, &account)?;
    let key = asked.captured.get(1).map_or("", String::as_str);
    remove(asked, &caller, &account, key)
}

/// Takes a key off, for whoever has proven two factors. What was got with it ends with it.
fn remove(
    asked: &Asked<'_, '_>,
    caller: &Caller,
    account: &Account,
    key: &str,
) -> Result<Answer, Trouble> {
    if !caller.token.is_multi_factor() {
        return Err(Refused::OneFactor.into());
    }
    let kid: Guid = key.parse().map_err(|_| Refused::Unknown)?;
    let from = asked.from();
    let remover = Remover {
        actor: Actor {
            sid: Some(caller.account.sid),
            name: upn_of(&caller.account, asked.view.snapshot),
        },
        from: from.as_deref(),
    };
    let changes = user_key::remove(account, kid, None, &remover, asked.now);
    let changes = changes.ok_or(Refused::Unknown)?;
    let response = with_request_ids(asked, Response::empty(204));
    Ok(Answer::now(response).committing(changes))
}
