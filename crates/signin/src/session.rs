//! The session that a browser holds.

use std::sync::Arc;

use directory::{Account, Change, EntryId, change};
use token::authentication::Authentication;
use token::secret::{Purpose, Secret};
use token::session::{self, SessionRecord};

use crate::Asked;
use crate::Trouble;
use crate::account::{Proven, still_usable};
use crate::records;

/// A session that a browser holds.
#[derive(Debug)]
pub struct Held {
    /// The key of its record.
    pub key: [u8; 32],
    /// Its record.
    pub record: SessionRecord,
    /// Whose it is.
    pub account: Arc<Account>,
}

/// The session of the request's cookie, if it stands: neither over, nor its account ended or its password changed.
///
/// # Errors
/// [`Trouble::Fault`] when the directory fails.
pub fn session_of(asked: &Asked<'_, '_>) -> Result<Option<Held>, Trouble> {
    let Some(secret) = asked
        .request
        .cookie(asked.house.cookies.session)
        .and_then(Secret::parse)
    else {
        return Ok(None);
    };
    let key = *secret.digest(Purpose::Session).as_bytes();
    let (snapshot, now) = (asked.house.snapshot, asked.now);
    let Some(record) =
        records::read::<SessionRecord>(snapshot, asked.house.tables.sessions, &key, now)?
    else {
        return Ok(None);
    };
    let usable = still_usable(
        &asked.house,
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
#[must_use]
pub fn open_session(
    asked: &Asked<'_, '_>,
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
    let sessions = asked.house.tables.sessions;
    let key = *secret.digest(Purpose::Session).as_bytes();
    let mut changes: Vec<Change> = replaces
        .map(|key| change::remove(sessions, key))
        .into_iter()
        .collect();
    changes.push(records::write(sessions, &key, &record, expires));
    changes
}
