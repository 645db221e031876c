//! A request as every handler takes it.

use directory::{AuditRecord, Change, EntryId, Snapshot, change};
use trust::Timestamp;
use wire::http::Request;

use crate::View;
use crate::body::Members;
use crate::caller::Proven;
use crate::refused::{LONGEST_BODY, Refused};

/// A request with all that its handler needs.
pub(crate) struct Asked<'a, 'd> {
    pub(crate) request: &'a Request,
    pub(crate) view: &'a View<'a, 'd>,
    pub(crate) now: Timestamp,
    pub(crate) who: &'a Proven,
    /// What the audit log calls it.
    pub(crate) action: &'static str,
    /// The members that the body may have.
    pub(crate) may_have: &'static [&'static str],
    /// What stands in the places of the path's pattern.
    pub(crate) parts: Vec<String>,
    /// The query's parameters, by [`parameters`].
    pub(crate) parameters: Vec<(String, String)>,
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
        Members::read(body, self.may_have)
    }

    /// The record of what is done here, to be completed.
    pub(crate) fn record(&self) -> AuditRecord {
        self.record_of(self.action)
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
pub(crate) fn from(request: &Request, local: bool) -> String {
    match request.peer {
        _ if local => "local".to_owned(),
        Some(peer) => peer.to_string(),
        None => "unknown".to_owned(),
    }
}

/// The query's parameters, each known and there once.
pub(crate) fn parameters(
    request: &Request,
    known: &[&str],
) -> Result<Vec<(String, String)>, Refused> {
    let fields = request
        .query_fields()
        .map_err(|error| Refused::parameter("query", error.to_string()))?;
    let unknown = fields
        .iter()
        .map(|(name, _)| name)
        .find(|name| !known.contains(name));
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
