//! What changed since: the DirSync control ([MS-ADTS] 3.1.1.3.4.1.3).
//!
//! Who follows is first told everything, and from then on what changed. The cookie says how far they have come: whether
//! everything was told, and up to which commit of each node. It is signed, for it is brought back by whom it was given to,
//! and nobody else has one that is believed.

use std::collections::{BTreeMap, BTreeSet};

use trust::Timestamp;
use wire::ldap::{
    Control, DirSyncRequest, DirSyncResponse, LdapResult, Message, Operation, ResultCode, Scope,
    SearchRequest, SearchResultEntry, control_oid,
};

use super::entries::Viewer;
use super::filter::{Filter, NotUnderstood, understand};
use super::names::Namer;
use super::permissions::Reading;
use super::running::ANSWER;
use super::search::{Selection, borrowed, show};
use super::settings::Settings;
use crate::codec::{Reader, Writer};
use crate::entry::Entry;
use crate::error::Fault;
use crate::feed::{ChangeKind, Cursor, FeedError};
use crate::id::{EntryId, Stamp};
use crate::schema::Attribute;

/// LDAP_DIRSYNC_OBJECT_SECURITY: what who asks may see, and no more.
const OBJECT_SECURITY: u32 = 1;

/// Commits that are looked at for one answer.
const COMMITS: usize = 500;

/// Commits that are told together: of an entry that several of them changed, once.
const TOGETHER: usize = 20;

/// The version of the cookie.
const VERSION: u8 = 1;

/// How far somebody has come.
#[derive(Debug, PartialEq, Eq)]
struct Come {
    /// The last entry that was told of everything there is; `None` when all was.
    telling: Option<EntryId>,
    /// The commits that are told, or will be behind everything there is.
    cursor: Cursor,
}

/// What somebody is told who follows.
struct Told<'f, 'n, 's, 'd> {
    id: i32,
    selection: Selection,
    filter: Filter,
    reading: &'f Reading,
    viewer: Viewer<'n, 's, 'd>,
    messages: Vec<Vec<u8>>,
    /// How many bytes may still be told, but for what is begun: it lies here for as long as the client leaves it.
    room: usize,
}

/// Answers a search with the control.
pub(super) fn follow(
    request: &SearchRequest<'_>,
    asked: &DirSyncRequest,
    id: i32,
    reading: &Reading,
    namer: &Namer<'_, '_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Result<Vec<Vec<u8>>, LdapResult>, Fault> {
    let told = |code, why: &str| Ok(Err(LdapResult::told(code, why)));
    let snapshot = namer.snapshot;
    let head = snapshot.domain().head;
    if namer.find(request.base)? != Ok(Some(head)) || request.scope != Scope::Subtree {
        return told(
            ResultCode::UnwillingToPerform,
            "who follows changes follows the whole domain: its head as base, and the subtree",
        );
    }
    if asked.flags & OBJECT_SECURITY == 0 && !reading.is_administrators() {
        return told(
            ResultCode::InsufficientAccessRights,
            "to follow changes of everything is for administrators; ask for object security to see what you may",
        );
    }
    let filter = match understand(&request.filter, namer, reading) {
        Ok(filter) => filter,
        Err(NotUnderstood::Fault(fault)) => return Err(fault),
        Err(NotUnderstood::TooMuch) => {
            return told(
                ResultCode::AdminLimitExceeded,
                "the filter leads to too many entries",
            );
        }
    };
    let key = snapshot.own_key("ldap dirsync cookie");
    let come = match asked.cookie.as_slice() {
        [] => Come {
            telling: Some(EntryId::NONE),
            cursor: snapshot.cursor()?,
        },
        cookie => match Come::read(cookie, &key[..]) {
            Some(come) => come,
            None => {
                return told(
                    ResultCode::UnwillingToPerform,
                    "the cookie is none of this server",
                );
            }
        },
    };
    let mut answer = Told {
        id,
        selection: Selection::of(&request.attributes),
        filter,
        reading,
        viewer: Viewer {
            namer,
            now,
            extended: None,
        },
        messages: Vec::new(),
        room: room(asked),
    };
    let (come, more) = match come.telling {
        Some(after) => answer.everything(after, come.cursor, settings.page)?,
        None => match answer.changes(&come.cursor)? {
            Some(next) => next,
            None => {
                return told(
                    ResultCode::UnwillingToPerform,
                    "the cookie is older than changes are kept; begin again without one",
                );
            }
        },
    };
    let response = DirSyncResponse {
        more,
        cookie: come.write(&key[..]),
    };
    let mut done = Message::new(id, Operation::SearchResultDone(LdapResult::success()));
    done.controls
        .push(Control::new(control_oid::DIR_SYNC, Some(response.encode())));
    answer.messages.push(done.encode());
    Ok(Ok(answer.messages))
}

impl Told<'_, '_, '_, '_> {
    /// Some more of everything there is.
    fn everything(
        &mut self,
        after: EntryId,
        cursor: Cursor,
        most: usize,
    ) -> Result<(Come, bool), Fault> {
        let after = (after != EntryId::NONE).then_some(after);
        let snapshot = self.viewer.namer.snapshot;
        let entries = snapshot.entries_after(after, most)?;
        let mut telling = (entries.len() == most)
            .then(|| entries.last().map(|entry| entry.id))
            .flatten();
        for (number, entry) in entries.iter().enumerate() {
            if self.filter.holds(entry, &self.viewer)? == Some(true) {
                let selection = self.selection.clone();
                self.tell(entry, &selection)?;
            }
            if self.room == 0 && number + 1 < entries.len() {
                telling = Some(entry.id);
                break;
            }
        }
        let more = telling.is_some();
        Ok((Come { telling, cursor }, more))
    }

    /// Some more of what changed; `None` when that is not kept any more.
    fn changes(&mut self, cursor: &Cursor) -> Result<Option<(Come, bool)>, Fault> {
        let mut cursor = cursor.clone();
        let mut more = true;
        let mut looked = 0;
        while more && self.room > 0 && looked < COMMITS {
            match self.some_changes(&cursor)? {
                Some((come, further)) => (cursor, more) = (come, further),
                None => return Ok(None),
            }
            looked += TOGETHER;
        }
        let come = Come {
            telling: None,
            cursor,
        };
        Ok(Some((come, more)))
    }

    /// What a few commits changed, and how far that is.
    fn some_changes(&mut self, cursor: &Cursor) -> Result<Option<(Cursor, bool)>, Fault> {
        let snapshot = self.viewer.namer.snapshot;
        let page = match snapshot.feed(cursor, TOGETHER) {
            Ok(page) => page,
            Err(FeedError::StartAgain) => return Ok(None),
            Err(FeedError::Fault(fault)) => return Err(fault),
        };
        // Of each entry what changed; nothing stands for all of it.
        let mut changed: BTreeMap<EntryId, Option<BTreeSet<Attribute>>> = BTreeMap::new();
        for change in page.commits.iter().flat_map(|commit| &commit.changed) {
            let whole = matches!(change.kind, ChangeKind::Added | ChangeKind::Moved);
            let so_far = changed
                .entry(change.id)
                .or_insert_with(|| Some(BTreeSet::new()));
            match so_far {
                Some(_) if whole => *so_far = None,
                Some(attributes) => attributes.extend(&change.attributes),
                None => {}
            }
        }
        for (id, attributes) in changed {
            let Some(entry) = snapshot.peek(id)? else {
                // What is gone is told whatever it was, as far as it is remembered.
                if let Some(buried) = snapshot.tombstone(id)? {
                    self.tell(
                        &buried,
                        &Selection::of(&[
                            "isDeleted",
                            "objectGUID",
                            "lastKnownParent",
                            "objectSid",
                        ]),
                    )?;
                }
                continue;
            };
            if self.filter.holds(&entry, &self.viewer)? != Some(true) {
                continue;
            }
            let selection = match &attributes {
                None => self.selection.clone(),
                Some(attributes) => self.selection.changed(attributes),
            };
            self.tell(&entry, &selection)?;
        }
        Ok(Some((page.cursor, page.more)))
    }

    fn tell(&mut self, entry: &Entry, selection: &Selection) -> Result<(), Fault> {
        let name = self.viewer.name_of(entry)?;
        let shown = show(entry, selection, false, self.reading, &self.viewer)?;
        let operation = Operation::SearchResultEntry(SearchResultEntry {
            name: &name,
            attributes: borrowed(&shown),
        });
        let message = Message::new(self.id, operation).encode();
        self.room = self.room.saturating_sub(message.len());
        self.messages.push(message);
        Ok(())
    }
}

/// How much is told at once: no more than the client asks for, or than a search writes before it waits.
fn room(asked: &DirSyncRequest) -> usize {
    match usize::try_from(asked.max_bytes) {
        Ok(most) if most > 0 => most.min(ANSWER),
        _ => ANSWER,
    }
}

impl Come {
    fn write(&self, key: &[u8]) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION).id(self.telling.unwrap_or(EntryId::NONE));
        out.u8(u8::from(self.telling.is_some()));
        for (node, number) in &self.cursor.0 {
            out.u32(*node).u64(*number);
        }
        let body = out.finish();
        let tag = crypto::mac::hmac_sha256(key, &body);
        [body.as_slice(), &tag].concat()
    }

    fn read(cookie: &[u8], key: &[u8]) -> Option<Self> {
        let (body, tag) = cookie.split_last_chunk::<32>()?;
        if !crypto::mac::verify_hmac_sha256(key, body, tag) {
            return None;
        }
        let mut from = Reader::new(body);
        if from.u8().ok()? != VERSION {
            return None;
        }
        let id = from.id().ok()?;
        let telling = (from.u8().ok()? == 1).then_some(id);
        let mut cursor = Cursor::start();
        while !from.is_empty() {
            let (node, number) = (from.u32().ok()?, from.u64().ok()?);
            cursor.advance(Stamp { node, number });
        }
        Some(Self { telling, cursor })
    }
}
