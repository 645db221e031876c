//! One request, one answer: which endpoint it is for, who asks, and in which words it is refused.

use directory::{AuditRecord, Change, EntryId, Snapshot, change};
use serde_json::{Map, Value};
use trust::{Rng, Timestamp};
use wire::http::{Method, Request, Response};

use crate::View;
use crate::body::Members;
use crate::caller::{Caller, Needs, Proven};
use crate::endpoints::{Endpoint, find};
use crate::refused::{Fault, Refused, Trouble, own_fault};
use crate::shown;

/// The longest body that is looked at, in bytes.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;

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

/// What the caller gets.
enum Body {
    /// This, whatever comes of the commit.
    Ready(Response),
    /// This, once it is committed.
    Value(Value),
    /// An entry as it is once the changes are committed, with further members.
    Entry(EntryId, Map<String, Value>),
}

/// What it is, and not what it says: that may be a new password, or the keys of a service.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(response) => f.debug_tuple("Ready").field(response).finish(),
            Self::Value(_) => f.write_str("Value(…)"),
            Self::Entry(id, _) => write!(f, "Entry({id:?}, …)"),
        }
    }
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

/// What a handler has done.
pub(crate) struct Done {
    status: u16,
    body: Body,
    changes: Vec<Change>,
}

impl Done {
    /// Something to show; nothing changes.
    pub(crate) fn now(value: Value) -> Self {
        Self {
            status: 200,
            body: Body::Value(value),
            changes: Vec::new(),
        }
    }

    /// Something that was changed, or was so already: then there is nothing to commit.
    pub(crate) fn changed(changes: Vec<Change>) -> Self {
        let changed = !changes.is_empty();
        Self {
            changes,
            ..Self::now(serde_json::json!({ "changed": changed }))
        }
    }

    /// An entry as it will be.
    pub(crate) fn entry(id: EntryId, changes: Vec<Change>) -> Self {
        Self {
            status: 200,
            body: Body::Entry(id, Map::new()),
            changes,
        }
    }

    /// The same with the status of something made.
    pub(crate) fn made(mut self) -> Self {
        self.status = 201;
        self
    }

    /// The same with further members.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        match &mut self.body {
            Body::Entry(_, further) => {
                further.insert(name.to_owned(), value.into());
            }
            Body::Value(Value::Object(members)) => {
                members.insert(name.to_owned(), value.into());
            }
            Body::Value(_) | Body::Ready(_) => {}
        }
        self
    }

    /// The same with changes to commit.
    pub(crate) fn committing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }
}

/// A request with all that its handler needs.
pub(crate) struct Asked<'a, 'd> {
    pub(crate) request: &'a Request,
    pub(crate) view: &'a View<'a, 'd>,
    pub(crate) now: Timestamp,
    pub(crate) who: &'a Proven,
    endpoint: &'static Endpoint,
    parts: Vec<String>,
    parameters: Vec<(String, String)>,
}

impl<'d> Asked<'_, 'd> {
    pub(crate) fn snapshot(&self) -> &Snapshot<'d> {
        self.view.snapshot
    }

    /// The part of the path that stands in the pattern's place `number`.
    pub(crate) fn part(&self, number: usize) -> &str {
        self.parts.get(number).map_or("", String::as_str)
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the caller insists.
    pub(crate) fn insists(&self) -> Result<bool, Refused> {
        match self.parameter("force") {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refused::parameter("force", "it must be true or false")),
        }
    }

    /// The members of the body.
    pub(crate) fn members(&self) -> Result<Members, Refused> {
        let body = &self.request.body;
        if body.len() > LONGEST_BODY {
            return Err(Refused::TooLarge(LONGEST_BODY));
        }
        let json = self.request.content_type();
        if !body.is_empty() && json.as_deref() != Some("application/json") {
            return Err(Refused::NotJson);
        }
        Members::read(body, self.endpoint.members)
    }

    /// The record of what is done here, to be completed.
    pub(crate) fn record(&self) -> AuditRecord {
        self.record_of(self.endpoint.action)
    }

    /// The record of something that is done here under another name.
    pub(crate) fn record_of(&self, action: &str) -> AuditRecord {
        let record = AuditRecord::done(self.now, self.who.actor.clone(), action);
        record.from_address(from(self.request, self.who.is_local()))
    }

    /// The change that writes the record of what is done here to an entry.
    pub(crate) fn audit(&self, id: EntryId, name: &str) -> Change {
        change::audit(self.record().on(id, name))
    }
}

/// Where a request came from, for the audit log.
fn from(request: &Request, local: bool) -> String {
    match request.peer {
        _ if local => "local".to_owned(),
        Some(peer) => peer.to_string(),
        None => "unknown".to_owned(),
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
            Needs::Keys | Needs::Person | Needs::Device => {
                "it takes an administrator of the domain or of keys"
            }
        })
        .into());
    }
    let asked = Asked {
        request,
        view,
        now,
        who: &who,
        endpoint,
        parts,
        parameters: parameters(request, endpoint)?,
    };
    (endpoint.handler)(&asked, rng)
}

/// The query's parameters, each known and there once.
fn parameters(request: &Request, endpoint: &Endpoint) -> Result<Vec<(String, String)>, Refused> {
    let fields = request
        .query_fields()
        .map_err(|error| Refused::parameter("query", error.to_string()))?;
    let unknown = fields
        .iter()
        .map(|(name, _)| name)
        .find(|name| !endpoint.parameters.contains(name));
    if let Some(name) = unknown.or(fields.repeated()) {
        return Err(Refused::UnknownParameter(name.chars().take(100).collect()));
    }
    let mut parameters = Vec::new();
    for (name, value) in fields.iter() {
        if value.len() > 1_024 || value.chars().any(char::is_control) {
            return Err(Refused::parameter(
                name,
                "it is too long or holds control characters",
            ));
        }
        parameters.push((name.to_owned(), value));
    }
    Ok(parameters)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_nothing_of_what_is_answered() {
        let id = EntryId(wire::Guid::from_bytes([1; 16]));
        let bodies = [
            Done::now(serde_json::json!({"password": "Tr0ubadour"})).body,
            Done::entry(id, Vec::new())
                .with("password", "Tr0ubadour")
                .body,
        ];
        for body in bodies {
            let shown = format!("{body:?}");
            assert!(
                !shown.contains("Tr0ubadour") && shown.contains('…'),
                "{shown}"
            );
        }
    }
}
