//! A search on its way: limits, pages and order.

use std::cmp::Ordering;

use trust::Timestamp;
use wire::ldap::{
    Control, LdapResult, Message, Operation, PagedResults, ResultCode, SearchRequest, SortKey,
    control_oid, sort_response_value,
};

use super::controls::Controls;
use super::entries::Viewer;
use super::filter::{NotUnderstood, understand};
use super::names::Namer;
use super::permissions::Reading;
use super::search::{Place, Search, Selection, Wanted};
use super::settings::Settings;
use super::values;
use crate::dn::InvalidDn;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::Attribute;
use crate::snapshot::Snapshot;
use crate::value::Value;

/// How many parts a filter may have.
const FILTERS: usize = 2_000;

/// Entries that are put in order at most: an order needs what it goes by of all of them at once.
const SORTED: usize = 20_000;

/// How much that may be, in bytes.
const SORTED_BYTES: usize = 8 << 20;

/// How many attributes entries are put in order by.
const SORT_KEYS: usize = 8;

/// How much of an answer is written before it is sent, in bytes, but for one entry: it lies here for as long as the client
/// leaves it.
pub(super) const ANSWER: usize = 128 << 10;

/// A search that is answered step by step.
#[derive(Debug)]
pub struct Running {
    search: Search,
    id: i32,
    /// Entries that may still be found, by the client's limit; `None` for as many as there are.
    left: Option<usize>,
    /// Entries that may still be looked at.
    looks: usize,
    until: Timestamp,
    page: Option<usize>,
    found: usize,
    last: Option<Place>,
    sort: Option<Sorting>,
    /// Where the pages before ended, of a search whose entries are put in order.
    after: Option<InOrder>,
    /// Entries that were put in order, and are now sent in it: those of the pages before. `None` until then.
    in_order: Option<usize>,
}

/// A place in an order: the last entry that was sent, and how many were until then. The order is made anew for each page;
/// where the entry has left it, the number is the next best place.
#[derive(Clone, Copy, Debug)]
struct InOrder {
    last: EntryId,
    sent: u32,
}

impl InOrder {
    fn cookie(self) -> Vec<u8> {
        [self.last.bytes().as_slice(), &self.sent.to_be_bytes()].concat()
    }

    fn of_cookie(cookie: &[u8]) -> Option<Self> {
        let (id, sent) = cookie.split_first_chunk::<16>()?;
        Some(Self {
            last: EntryId(wire::Guid::from_bytes(*id)),
            sent: u32::from_be_bytes(sent.try_into().ok()?),
        })
    }

    /// How many of these are before it, and it.
    fn in_order(self, order: &[EntryId]) -> usize {
        match order.iter().position(|id| *id == self.last) {
            Some(place) => place + 1,
            None => usize::try_from(self.sent).map_or(order.len(), |sent| sent.min(order.len())),
        }
    }
}

/// What is kept until all is there to be put in order.
#[derive(Debug)]
struct Sorting {
    keys: Vec<(Attribute, bool)>,
    entries: Vec<(Vec<Option<Value>>, EntryId)>,
    bytes: usize,
}

/// What a step of a search came to.
#[derive(Debug)]
pub struct Progress {
    /// Messages to be sent, in this order.
    pub messages: Vec<Vec<u8>>,
    /// Whether that was all.
    pub done: bool,
}

/// Begins a search, or says why not. `base`: what its base names.
#[allow(
    clippy::too_many_arguments,
    reason = "a search is what is asked, by whom, of what, when"
)]
pub(super) fn begin(
    request: &SearchRequest<'_>,
    base: Result<Option<EntryId>, InvalidDn>,
    id: i32,
    controls: &Controls,
    reading: Reading,
    namer: &Namer<'_, '_>,
    settings: &Settings,
    now: Timestamp,
) -> Result<Result<Running, LdapResult>, Fault> {
    let told = |code, why: &str| Ok(Err(LdapResult::told(code, why)));
    if request.filter.count() > FILTERS {
        return told(
            ResultCode::AdminLimitExceeded,
            "the filter has too many parts",
        );
    }
    let base = match base {
        Ok(Some(base)) => base,
        Ok(None) => return Ok(Err(namer.elsewhere(request.base)?)),
        Err(_) => {
            return told(
                ResultCode::InvalidDnSyntax,
                "the base is no name of an entry",
            );
        }
    };
    let filter = match understand(&request.filter, namer, &reading) {
        Ok(filter) => filter,
        Err(NotUnderstood::Fault(fault)) => return Err(fault),
        Err(NotUnderstood::TooMuch) => {
            return told(
                ResultCode::AdminLimitExceeded,
                "the filter leads to too many entries",
            );
        }
    };
    let sort = match &controls.sort {
        None => None,
        Some((keys, critical)) => match sorting(keys, &reading) {
            Some(sorting) => Some(sorting),
            None if *critical => {
                return told(
                    ResultCode::UnavailableCriticalExtension,
                    "there is no such attribute to put entries in order by",
                );
            }
            None => None,
        },
    };
    let mut place = None;
    let (page, after) = match &controls.page {
        None => (None, None),
        Some(page) => {
            let size = usize::try_from(page.size).unwrap_or(0);
            let cookie = page.cookie.as_slice();
            let mut after = None;
            if sort.is_some() {
                place = InOrder::of_cookie(cookie);
            } else {
                after = Place::of_cookie(cookie);
            }
            if !cookie.is_empty() && after.is_none() && place.is_none() {
                return told(
                    ResultCode::UnwillingToPerform,
                    "the page's cookie is none of this server, or of another order",
                );
            }
            // A page of nothing ends the search (RFC 2696 3).
            (Some(size.min(settings.page)), after)
        }
    };
    let wanted = Wanted {
        base,
        scope: request.scope,
        filter,
        selection: Selection::of(&request.attributes),
        types_only: request.types_only,
        reading,
        extended: controls.extended_dn,
        deleted: controls.show_deleted,
    };
    let search = Search::begin(wanted, after, namer)?;
    let limit = usize::try_from(request.size_limit).unwrap_or(0);
    let time = i64::from(request.time_limit);
    let most = settings.search_time;
    let time = match trust::Span::seconds(time) {
        given if time > 0 && given < most => given,
        _ => most,
    };
    Ok(Ok(Running {
        search,
        id,
        left: (limit > 0).then_some(limit),
        looks: settings.look_through,
        until: now + time,
        page,
        found: 0,
        last: None,
        sort,
        after: place,
        in_order: None,
    }))
}

/// What entries are put in order by; `None` when there is no such attribute, or it may not be seen.
fn sorting(keys: &[SortKey], reading: &Reading) -> Option<Sorting> {
    if keys.len() > SORT_KEYS {
        return None;
    }
    let keys: Option<Vec<(Attribute, bool)>> = keys
        .iter()
        .map(|key| {
            let attribute = Attribute::by_name(&key.attribute)?;
            reading
                .may_see(attribute)
                .then_some((attribute, key.reverse))
        })
        .collect();
    Some(Sorting {
        keys: keys?,
        entries: Vec::new(),
        bytes: 0,
    })
}

/// Entries that one step finds at most, so that no step's messages take much memory.
const STEP: usize = 200;

impl Running {
    /// Whether somebody may read what this search was begun with.
    pub(super) fn is_for(&self, reading: &Reading) -> bool {
        self.search.wanted.reading == *reading
    }

    /// The end of a search whose client may read less than when it began.
    pub(super) fn withdrawn(&self, result: LdapResult) -> Progress {
        self.end(result, true, Vec::new())
    }

    /// Goes on for one step, with the state of now.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub(super) fn go_on(
        &mut self,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
    ) -> Result<Progress, Fault> {
        if self.page == Some(0) {
            return Ok(self.end(LdapResult::success(), true, Vec::new()));
        }
        // What is put in order is all looked at, whatever a page of it is.
        let page = self.page.filter(|_| self.sort.is_none());
        let room = page.map_or(STEP, |page| page.saturating_sub(self.found).min(STEP));
        let room = self
            .left
            .map_or(room, |left| room.min(left.saturating_add(1)));
        let step = self.search.step(snapshot, now, room)?;
        self.looks = self.looks.saturating_sub(step.looked);
        let namer = Namer::new(snapshot);
        let viewer = Viewer {
            namer: &namer,
            now,
            extended: self.search.wanted.extended,
        };
        let mut messages = Vec::new();
        let mut written = 0;
        for (place, entry) in step.found.iter().enumerate() {
            if written > ANSWER {
                let rest = step.found.get(place..).unwrap_or_default();
                self.search.put_back(self.last.clone(), rest);
                break;
            }
            if let Some(left) = &mut self.left {
                let Some(fewer) = left.checked_sub(1) else {
                    let result = LdapResult::told(
                        ResultCode::SizeLimitExceeded,
                        "there are more entries than were asked for",
                    );
                    return Ok(self.end(result, true, messages));
                };
                *left = fewer;
            }
            self.found += 1;
            self.last = Some(self.search.place_behind(entry));
            match &mut self.sort {
                Some(sorting) => {
                    sorting.keep(entry, &viewer)?;
                    if sorting.entries.len() > SORTED || sorting.bytes > SORTED_BYTES {
                        let result = LdapResult::told(
                            ResultCode::AdminLimitExceeded,
                            "there are too many entries to put them in order",
                        );
                        self.sort = None;
                        return Ok(self.end(result, true, messages));
                    }
                }
                None => {
                    let message = self.search.message(self.id, entry, &viewer)?;
                    written += message.len();
                    messages.push(message);
                }
            }
        }
        if self.search.is_at_end()
            && let Some(sorting) = self.sort.take()
        {
            // They are sent as any others are, in so many steps; those that are gone by then are not.
            let mut order = sorting.in_order();
            let before = self.after.map_or(0, |place| place.in_order(&order));
            order.drain(..before);
            self.search.only(order);
            self.in_order = Some(before);
            self.left = None;
            self.found = 0;
        }
        if self.search.is_at_end() {
            return Ok(self.end(LdapResult::success(), true, messages));
        }
        let page = self.page.filter(|_| self.sort.is_none());
        if page.is_some_and(|page| self.found >= page) {
            return Ok(self.end(LdapResult::success(), false, messages));
        }
        if now >= self.until {
            let result =
                LdapResult::told(ResultCode::TimeLimitExceeded, "the search took too long");
            return Ok(self.end(result, true, messages));
        }
        if self.looks == 0 {
            let result = LdapResult::told(
                ResultCode::AdminLimitExceeded,
                "the search looks at too many entries; ask for an attribute with an index",
            );
            return Ok(self.end(result, true, messages));
        }
        Ok(Progress {
            messages,
            done: false,
        })
    }

    /// The last message; with the place to go on at where there are more pages.
    fn end(&self, result: LdapResult, all: bool, mut messages: Vec<Vec<u8>>) -> Progress {
        let succeeded = result.code == ResultCode::Success;
        let mut done = Message::new(self.id, Operation::SearchResultDone(result));
        if self.page.is_some() {
            let cookie = match (all, &self.last, self.in_order) {
                (false, Some(last), None) => last.to_cookie(),
                (false, Some(last), Some(before)) => {
                    let sent = u32::try_from(before + self.found).unwrap_or(u32::MAX);
                    let last = last.id().unwrap_or(EntryId::NONE);
                    InOrder { last, sent }.cookie()
                }
                _ => Vec::new(),
            };
            let value = PagedResults { size: 0, cookie }.encode();
            done.controls
                .push(Control::new(control_oid::PAGED_RESULTS, Some(value)));
        }
        if succeeded && self.in_order.is_some() {
            let value = sort_response_value(ResultCode::Success, None);
            done.controls
                .push(Control::new(control_oid::SORT_RESPONSE, Some(value)));
        }
        messages.push(done.encode());
        Progress {
            messages,
            done: true,
        }
    }
}

impl Sorting {
    fn keep(&mut self, entry: &Entry, viewer: &Viewer<'_, '_, '_>) -> Result<(), Fault> {
        let mut keys = Vec::with_capacity(self.keys.len());
        for (attribute, _) in &self.keys {
            let values = viewer.typed(entry, *attribute)?;
            // Of several values the least counts (RFC 2891 2).
            let least = values
                .into_iter()
                .min_by(|one, other| values::compare(one, other).unwrap_or(Ordering::Equal));
            self.bytes += match &least {
                Some(Value::Text(text)) => text.len(),
                Some(Value::Octets(bytes)) => bytes.len(),
                _ => 0,
            };
            keys.push(least);
        }
        self.entries.push((keys, entry.id));
        Ok(())
    }

    /// Entries without a value come last (RFC 2891 2).
    fn in_order(mut self) -> Vec<EntryId> {
        let keys = self.keys;
        self.entries.sort_by(|(one, _), (other, _)| {
            let each = keys.iter().zip(one.iter().zip(other));
            each.map(|((_, reverse), pair)| {
                let order = match pair {
                    (Some(one), Some(other)) => {
                        values::compare(one, other).unwrap_or(Ordering::Equal)
                    }
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => Ordering::Equal,
                };
                if *reverse { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
        });
        self.entries.into_iter().map(|(_, id)| id).collect()
    }
}
