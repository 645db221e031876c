//! An answer as every handler gives it.

use directory::{Account, Actor, AuditRecord, Change, Fault, Table};
use trust::{Event, Timestamp};
use wire::http::Response;

use crate::aadsts::Number;
use crate::asked::Asked;
use crate::refused::{Reason, chain};

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
    /// What was done, for the audit log, that nothing is committed for; it may be written later, with others.
    pub told: Vec<AuditRecord>,
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
            told: vec![],
            fault: None,
        }
    }

    /// The same answer, with what was refused for the audit log. Nothing is refused to who waits for a device code's approval,
    /// and asks every few seconds.
    pub(crate) fn because(mut self, asked: &Asked<'_, '_>, reason: &dyn Reason) -> Self {
        if reason.number() == Number::Pending {
            return self;
        }
        let path: String = asked.request.path.chars().take(200).collect();
        let why = chain(reason);
        let record = AuditRecord::refused(asked.now, Actor::anonymous(), reason.action(), why)
            .with("trace", asked.trace)
            .with("code", reason.number().code())
            .with("path", path);
        self.refused = Some(Box::new(match asked.from() {
            Some(from) => record.from_address(from),
            None => record,
        }));
        self
    }

    /// The same answer, which commits this first.
    pub(crate) fn committing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// The same answer, with which a step happened.
    pub(crate) fn telling(mut self, event: &'static Event) -> Self {
        self.story.push(event);
        self
    }

    /// The same answer, with something for the audit log that nothing is committed for.
    pub(crate) fn with_record(mut self, record: AuditRecord) -> Self {
        self.told.push(record);
        self
    }

    /// The same answer, whose refusal concerns this account.
    pub(crate) fn about(mut self, account: Option<&Account>) -> Self {
        if let (Some(record), Some(account)) = (&mut self.refused, account) {
            record.target = Some(account.id);
            record.target_name = Some(account.upn.as_deref().unwrap_or(&account.sam).to_owned());
        }
        self
    }
}

/// An answer of the pages.
impl From<signin::Answer> for Answer {
    fn from(answer: signin::Answer) -> Self {
        Self {
            changes: answer.changes,
            refused: answer.refused,
            ..Self::now(answer.response)
        }
    }
}
