//! An answer as every handler gives it.

use directory::{Actor, AuditRecord, Change, Fault, Table};
use trust::{Event, Timestamp};
use wire::http::Response;

use crate::asked::Asked;
use crate::refused::Refused;

/// What the party answers.
#[derive(Debug)]
pub struct Answer {
    /// The reply to the peer, to be sent once the changes are committed.
    pub reply: Reply,
    /// What to commit first. When what they were computed from no longer stands, the request is answered again.
    pub changes: Vec<Change>,
    /// The steps that happened with it.
    pub story: Vec<&'static Event>,
    /// What was refused and why, for the audit log; it may be written later, with others.
    pub refused: Option<Box<AuditRecord>>,
    /// Trouble of our own, for the log.
    pub fault: Option<Fault>,
}

/// When the peer is answered.
#[derive(Debug)]
pub enum Reply {
    /// Now, with this.
    Now(Response),
    /// When this record has been written, or at this moment: the same request is to be answered again then.
    When {
        /// Table and key of the record.
        changed: (Table, Vec<u8>),
        /// The latest moment.
        by: Timestamp,
    },
}

impl Answer {
    pub(crate) fn now(response: Response) -> Self {
        Self {
            reply: Reply::Now(response),
            changes: vec![],
            story: vec![],
            refused: None,
            fault: None,
        }
    }

    pub(crate) fn committing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    pub(crate) fn telling(mut self, event: &'static Event) -> Self {
        self.story.push(event);
        self
    }

    /// The same answer, with what was refused for the audit log.
    pub(crate) fn because(mut self, asked: &Asked<'_, '_>, refused: &Refused) -> Self {
        let record = AuditRecord::refused(
            asked.now,
            Actor::anonymous(),
            refused.action(),
            refused.chain(),
        )
        .with("trace", asked.trace)
        .with(
            "path",
            asked.request.path.chars().take(200).collect::<String>(),
        );
        self.refused = Some(Box::new(match asked.from() {
            Some(from) => record.from_address(from),
            None => record,
        }));
        self
    }
}

impl From<signin::Answer> for Answer {
    fn from(answer: signin::Answer) -> Self {
        Self {
            changes: answer.changes,
            refused: answer.refused,
            ..Self::now(answer.response)
        }
    }
}
