//! One request, one answer: which endpoint it is for, who asks, and in which words it is refused.
//!
//! This module and `endpoints.rs` know every handler; what handlers take and give is in `asked.rs` and `done.rs`, which
//! know none of them.

use directory::{AuditRecord, Change};
use trust::{Rng, Timestamp};
use wire::http::{Method, Request, Response};

use crate::View;
use crate::asked::{Asked, from, parameters};
use crate::caller::{Caller, Needs, Proven};
use crate::done::{Body, Done};
use crate::endpoints::{Endpoint, find};
use crate::refused::{Fault, Refused, Trouble, own_fault};
use crate::shown;

/// What the party answers.
#[derive(Debug)]
pub struct Answer {
    body: Body,
    status: u16,
    /// What to commit before the caller is answered. When what they were computed from no longer stands, the request is
    /// answered again.
    pub changes: Vec<Change>,
    /// What was refused and why, for the audit log; it may be written later, with others.
    pub refused: Option<Box<AuditRecord>>,
    /// Trouble of our own, for the log.
    pub fault: Option<Fault>,
}

impl Answer {
    /// The response, when the changes are committed: `after` is of a snapshot that has them. Where there were none to
    /// commit, the view that the answer was computed from will do.
    #[must_use]
    pub fn response(&self, after: &View<'_, '_>, now: Timestamp) -> Response {
        match &self.body {
            Body::Ready(response) => response.clone(),
            Body::Value(value) => Response::json(self.status, value),
            Body::Entry(id, further) => {
                // It is committed: that it cannot be read again is no reason to say otherwise.
                let shown = shown::entry(*id, after, now).ok().flatten();
                let mut shown = shown.unwrap_or_default();
                shown.entry("id").or_insert_with(|| id.0.to_string().into());
                shown.extend(further.clone());
                Response::json(self.status, &shown)
            }
        }
    }

    fn ready(response: Response) -> Self {
        Self {
            status: response.status,
            body: Body::Ready(response),
            changes: Vec::new(),
            refused: None,
            fault: None,
        }
    }
}

/// Answers one request.
///
/// Hashing a password takes tens of milliseconds on purpose: call this on a worker thread.
#[must_use]
pub fn answer(
    request: &Request,
    caller: &Caller,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Answer {
    let found = find(request);
    let action = match &found {
        Ok((endpoint, _)) => endpoint.action,
        Err(_) => "administration.request",
    };
    let trouble = match handle(request, caller, found, view, now, rng) {
        Ok(done) => {
            return Answer {
                body: done.body,
                status: done.status,
                changes: done.changes,
                refused: None,
                fault: None,
            };
        }
        Err(trouble) => trouble,
    };
    match trouble {
        Trouble::Refused(refused) => refuse(request, caller, action, &refused, now),
        Trouble::Fault(fault) => Answer {
            fault: Some(fault),
            ..Answer::ready(own_fault(503))
        },
    }
}

fn handle(
    request: &Request,
    caller: &Caller,
    found: Result<(&'static Endpoint, Vec<String>), Refused>,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Done, Trouble> {
    // Whoever is not proven learns nothing, not even which endpoints there are.
    let who = match &found {
        Ok((endpoint, _)) if endpoint.needs == Needs::Device => {
            Proven::device(request, view.snapshot, now)?
        }
        _ => Proven::of(caller, request, view.snapshot, now)?,
    };
    let (endpoint, parts) = found?;
    if !who.may(endpoint.needs) {
        return Err(Refused::NotPermitted(match endpoint.needs {
            Needs::Administrator => "it takes an administrator of the domain",
            Needs::Delegate => {
                "it takes an administrator of the domain, or a right that one granted"
            }
            Needs::Keys | Needs::Person | Needs::Device => {
                "it takes an administrator of the domain or of keys"
            }
        })
        .into());
    }
    endpoint.of.check(view.snapshot.domain().kind)?;
    let asked = Asked {
        request,
        view,
        now,
        who: &who,
        action: endpoint.action,
        may_have: endpoint.members,
        parts,
        parameters: parameters(request, endpoint.parameters)?,
    };
    (endpoint.handler)(&asked, rng)
}

fn refuse(
    request: &Request,
    caller: &Caller,
    action: &str,
    refused: &Refused,
    now: Timestamp,
) -> Answer {
    let record = AuditRecord::refused(now, caller.actor(), action, refused.chain())
        .from_address(from(request, *caller == Caller::Local))
        .with("method", request.method.as_str())
        .with("path", request.path.chars().take(200).collect::<String>());
    let mut response = refused.response();
    if *refused == Refused::Method {
        let allowed = crate::endpoints::methods(request);
        let names: Vec<&str> = allowed
            .iter()
            .map(|method| Method::as_str(*method))
            .collect();
        response = response.with_header("Allow", &names.join(", "));
    }
    Answer {
        refused: Some(Box::new(record)),
        ..Answer::ready(response)
    }
}

/// The answer to a request whose changes the directory refused: somebody was faster, or a rule that only the commit
/// sees was broken.
#[must_use]
pub fn not_committed(
    why: &directory::Refused,
    request: &Request,
    caller: &Caller,
    now: Timestamp,
) -> Answer {
    let action = find(request).map_or("administration.request", |(endpoint, _)| endpoint.action);
    refuse(request, caller, action, &Refused::from(why), now)
}
