//! Changes on their way to be committed, and what the client is told of it.

use trust::Timestamp;
use wire::ldap::{ExtendedResponse, LdapResult, Message, Operation, generated_password};

use super::entries::Viewer;
use super::names::Namer;
use super::outcome;
use super::permissions::Reading;
use super::search::{Selection, borrowed, show};
use crate::audit::AuditResult;
use crate::change::Change;
use crate::error::{CommitError, Fault, Refused};
use crate::feed::Commit;
use crate::id::EntryId;
use crate::reads::Reads;
use crate::snapshot::Snapshot;

/// Changes that wait to be committed, and what is said of it.
#[derive(Debug)]
pub struct Pending {
    /// What is committed, all or nothing. On a conflict the message is answered again.
    pub changes: Vec<Change>,
    /// What it was computed from.
    pub reads: Reads,
    pub(super) id: i32,
    pub(super) kind: Kind,
    pub(super) target: EntryId,
    pub(super) before: Vec<(String, Vec<u8>)>,
    pub(super) after: Option<Vec<String>>,
    pub(super) reading: Reading,
    pub(super) generated: Option<zeroize::Zeroizing<String>>,
}

/// Which operation is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Add,
    Modify,
    Rename,
    Delete,
    Password,
}

impl Kind {
    /// Its response.
    pub(super) fn response(self, result: LdapResult, value: Option<&[u8]>) -> Operation<'_> {
        match self {
            Self::Add => Operation::AddResponse(result),
            Self::Modify => Operation::ModifyResponse(result),
            Self::Rename => Operation::ModifyDnResponse(result),
            Self::Delete => Operation::DelResponse(result),
            Self::Password => Operation::ExtendedResponse(ExtendedResponse {
                result,
                name: None,
                value,
            }),
        }
    }
}

impl Pending {
    /// What is written down where the commit refuses the changes: whoever would have listed a key, with its fingerprint.
    /// Of other changes the client alone is told.
    #[must_use]
    pub fn refused(&self, why: &Refused) -> Vec<Change> {
        let keys = self.changes.iter().filter_map(|change| match change {
            Change::Audit(record) if record.action == "key.add" => Some(record),
            _ => None,
        });
        let refused = keys.map(|record| {
            let mut record = record.clone();
            record.result = AuditResult::Refused;
            record.reason = Some(outcome::in_words(why));
            Change::Audit(record)
        });
        refused.collect()
    }

    /// What the client is told of a commit.
    ///
    /// # Errors
    /// [`Fault`] when the state after it cannot be read.
    pub fn told(
        &self,
        committed: &Result<Commit, CommitError>,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
    ) -> Result<Vec<u8>, Fault> {
        let result = match committed {
            Ok(_) => LdapResult::success(),
            Err(error) => outcome::of_error(error),
        };
        let done = committed.is_ok();
        let generated = self
            .generated
            .as_ref()
            .filter(|_| done)
            .map(|text| generated_password(text.as_bytes()));
        let mut message = Message::new(self.id, self.kind.response(result, generated.as_deref()));
        let mut controls = self.before.clone();
        if let (true, Some(attributes)) = (done, &self.after)
            && let Some(entry) = snapshot.peek(self.target)?
        {
            let namer = Namer::new(snapshot);
            let viewer = Viewer {
                namer: &namer,
                now,
                extended: None,
            };
            let value = read_entry(&entry, attributes, &self.reading, &viewer)?;
            controls.push((wire::ldap::control_oid::POST_READ.to_owned(), value));
        }
        if done {
            message.controls = controls
                .iter()
                .map(|(oid, value)| wire::ldap::Control::new(oid, Some(value.clone())))
                .collect();
        }
        Ok(message.encode())
    }
}

/// An entry as pre-read and post-read show it (RFC 4527): a SearchResultEntry's own bytes.
pub(super) fn read_entry(
    entry: &crate::Entry,
    attributes: &[String],
    reading: &Reading,
    viewer: &Viewer<'_, '_, '_>,
) -> Result<Vec<u8>, Fault> {
    let asked: Vec<&str> = attributes.iter().map(String::as_str).collect();
    let selection = Selection::of(&asked);
    let shown = show(entry, &selection, false, reading, viewer)?;
    let name = viewer.namer.name_of(entry)?;
    Ok(wire::ldap::SearchResultEntry {
        name: &name,
        attributes: borrowed(&shown),
    }
    .encode())
}
