//! The groups that a person is in (protocols A.15.2).

use directory::Account;
use serde_json::json;
use trust::Rng;
use wire::http::{Method, Response};

use super::{Caller, context, named};
use crate::answer::{On, Route, route};
use crate::asked::Asked;
use crate::drs::join::cloud_sid;
use crate::refused::Trouble;
use crate::reply::Answer;
use crate::words::{Words, with_request_ids};

/// The endpoints of this module.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::Get, "/v1.0/me/memberOf", Words::Graph, mine).on(On::Graph),
    route(
        Method::Get,
        "/v1.0/users/{user}/memberOf",
        Words::Graph,
        of_user,
    )
    .on(On::Graph),
];

fn mine(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    shown(asked, &caller.account)
}

fn of_user(asked: &Asked<'_, '_>, _rng: &mut dyn Rng) -> Result<Answer, Trouble> {
    let caller = Caller::of(asked)?;
    let account = named(asked, &caller, asked.segment())?;
    shown(asked, &account)
}

/// The groups that list the person, all on one page.
fn shown(asked: &Asked<'_, '_>, account: &Account) -> Result<Answer, Trouble> {
    let snapshot = asked.view.snapshot;
    let mut value = Vec::new();
    for id in snapshot.member_of(account.id)? {
        let Some(group) = snapshot.group(id)? else {
            continue;
        };
        let mut member = json!({
            "@odata.type": "#microsoft.graph.group",
            "id": group.id.0,
            "displayName": group.sam,
        });
        if let Some(description) = &group.description {
            member["description"] = description.as_str().into();
        }
        if let Some(sid) = cloud_sid(group.id.0) {
            member["securityIdentifier"] = sid.to_string().into();
        }
        value.push(member);
    }
    let list = json!({ "@odata.context": context(asked, "directoryObjects"), "value": value });
    let response = Response::json(200, &list);
    Ok(Answer::now(with_request_ids(asked, response)))
}
