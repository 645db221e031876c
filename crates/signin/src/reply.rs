//! An answer as the pages give it.

use directory::{Account, Actor, AuditRecord, Change};
use wire::http::Response;

use crate::{Asked, Refused};

/// What is answered.
#[derive(Debug)]
pub struct Answer {
    /// The response, to be sent once the changes are committed.
    pub response: Response,
    /// What to commit first. When what they were computed from no longer stands, the request is answered again.
    pub changes: Vec<Change>,
    /// What was refused and why, for the audit log; it may be written later, with others.
    pub refused: Option<Box<AuditRecord>>,
}

impl Answer {
    /// An answer that changes nothing.
    #[must_use]
    pub const fn now(response: Response) -> Self {
        Self {
            response,
            changes: vec![],
            refused: None,
        }
    }

    /// The same answer, which changes this.
    #[must_use]
    pub fn committing(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// The same answer, with what was refused for the audit log.
    #[must_use]
    pub fn because(mut self, asked: &Asked<'_, '_>, refused: &Refused) -> Self {
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

    /// The same answer, whose refusal concerns this account.
    #[must_use]
    pub fn about(mut self, account: Option<&Account>) -> Self {
        if let (Some(record), Some(account)) = (&mut self.refused, account) {
            record.target = Some(account.id);
            record.target_name = Some(crate::account::name_of(account).to_owned());
        }
        self
    }
}
