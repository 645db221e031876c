//! The session that a browser holds.

use std::sync::Arc;

use directory::{Account, Change, EntryId, change};
use token::authentication::Authentication;
use token::secret::{Purpose, Secret};
use token::session::{self, SessionRecord};

use crate::account::{Proven, still_usable};
use crate::asked::Asked;
use crate::records::{self, SESSIONS};
use crate::refused::Trouble;

/// A session that a browser holds.
pub(crate) struct Held {
    pub(crate) key: [u8; 32],
    pub(crate) record: SessionRecord,
    pub(crate) account: Arc<Account>,
}

/// The session of the request's cookie, if it stands: neither over, nor its account ended or its password changed.
pub(crate) fn session_of(asked: &Asked<'_, '_>) -> Result<Option<Held>, Trouble> {
    let Some(secret) = asked
        .request
        .cookie(session::COOKIE)
        .and_then(Secret::parse)
    else {
        return Ok(None);
    };
    let key = *secret.digest(Purpose::Session).as_bytes();
    let (snapshot, now) = (asked.view.snapshot, asked.now);
    let Some(record) = records::read::<SessionRecord>(snapshot, SESSIONS, &key, now)? else {
        return Ok(None);
    };
    let usable = still_usable(
        snapshot,
        record.account,
        Proven::by(&record.authentication),
        now,
    )?;
    Ok(usable
        .ok()
        .filter(|_| now < record.expires)
        .map(|account| Held {
            key,
            record,
            account,
        }))
}

/// The changes that open a session, in the place of another where there is one.
pub(crate) fn open_session(
    secret: &Secret,
    account: EntryId,
    authentication: Authentication,
    replaces: Option<[u8; 32]>,
) -> Vec<Change> {
    // A second factor that is proven later makes a session stronger, not longer.
    let expires = authentication.first().at() + session::LIFETIME;
    let record = SessionRecord {
        account: account.0,
        authentication,
        expires,
    };
    let key = *secret.digest(Purpose::Session).as_bytes();
    let mut changes: Vec<Change> = replaces
        .map(|key| change::remove(SESSIONS, key))
        .into_iter()
        .collect();
    changes.push(records::write(SESSIONS, &key, &record, expires));
    changes
}
