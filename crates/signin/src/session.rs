//! The session that a browser holds.

use std::sync::Arc;

use directory::{Account, Change, change};
use token::authentication::Authentication;
use token::secret::{Purpose, Secret};
use token::session::SessionRecord;
use trust::Rng;
use wire::http::SetCookie;

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

/// The session in which a sign-in is complete.
#[derive(Debug)]
pub enum Session {
    /// The one that the browser holds.
    Held(Held),
    /// A new one, in the place of a former one where there is one.
    Opens {
        /// The session that it takes the place of.
        former: Option<Held>,
    },
}

/// A session that is to be written, with what its browser is to be given.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its record.
    pub(crate) record: SessionRecord,
    /// The key of its record.
    key: [u8; 32],
    /// The secret for the cookie, of a new one.
    secret: Option<Secret>,
    /// The key of the former one.
    replaces: Option<[u8; 32]>,
    /// Whether there is anything to write.
    is_changed: bool,
}

impl Opened {
    /// The session of somebody who signed in.
    pub(crate) fn of(
        session: Session,
        account: &Account,
        authentication: Authentication,
        rng: &mut dyn Rng,
    ) -> Self {
        match session {
            Session::Held(held) => Self {
                record: held.record,
                key: held.key,
                secret: None,
                replaces: None,
                is_changed: false,
            },
            Session::Opens { former } => {
                let secret = Secret::draw(rng);
                let record = former.as_ref().map(|former| &former.record);
                Self {
                    record: SessionRecord::begin(account.id.0, authentication, record, rng),
                    key: *secret.digest(Purpose::Session).as_bytes(),
                    secret: Some(secret),
                    replaces: former.map(|former| former.key),
                    is_changed: true,
                }
            }
        }
    }

    /// Remembers that `client` is to be told of the session's end, where it wants to be.
    pub(crate) fn tell(&mut self, asked: &Asked<'_, '_>, client: &str) {
        let known = asked.house.catalogue.client(client);
        if known.is_some_and(|client| client.front_channel.is_some()) {
            self.is_changed |= self.record.tell(client, asked.house.issuer);
        }
    }

    /// The changes that write it.
    pub(crate) fn changes(&self, asked: &Asked<'_, '_>) -> Vec<Change> {
        let sessions = asked.house.tables.sessions;
        let mut changes: Vec<Change> = self
            .replaces
            .map(|key| change::remove(sessions, key))
            .into_iter()
            .collect();
        if self.is_changed {
            let expires = self.record.expires;
            changes.push(records::write(sessions, &self.key, &self.record, expires));
        }
        changes
    }

    /// The cookie for its browser, of a new one.
    pub(crate) fn cookie(&self, asked: &Asked<'_, '_>) -> Option<SetCookie> {
        let secret = self.secret.as_ref()?;
        Some(SetCookie::session(
            asked.house.cookies.session,
            &secret.reveal(),
        ))
    }
}
