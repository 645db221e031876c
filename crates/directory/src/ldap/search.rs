//! Searches: where they look, what they ask, and in which pieces they are answered.
//!
//! A search holds no state of the store for long. It is a [`Search`] that is told to go on, each time with a new snapshot,
//! and continues by key; so a page, or a slow client, keeps nothing but where it was.

use std::borrow::Cow;

use trust::Timestamp;
use wire::ldap::{Attribute as WireAttribute, Message, Operation, Scope, SearchResultEntry};

use super::entries::{Range, Viewer};
use super::filter::Filter;
use super::names::Namer;
use super::permissions::Reading;
use super::plan::{Plan, plan};
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::Attribute;
use crate::snapshot::Snapshot;
use crate::snapshot::tree::DEPTH_LIMIT;

/// Entries that are looked at in one step, for which one snapshot is held.
const STEP: usize = 500;

/// Entries that are read at once, at least.
const PIECE: usize = 16;

/// What a filter may weigh for so many entries to be looked at in one step: with a heavier one they are fewer, so that a step
/// takes about as long, and limits of time hold.
const LIGHT: usize = 16;

/// Which attributes a search shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// All that are not operational.
    all: bool,
    /// These, with the description that was asked for and the range that it names.
    named: Vec<(Attribute, String, Option<Range>)>,
}

impl Selection {
    /// Reads what a client asks for: names, OIDs, `*`, `+`, `1.1`; unknown ones are passed over (RFC 4511 4.5.1.8).
    pub(super) fn of(asked: &[&str]) -> Self {
        let mut selection = Self {
            all: asked.is_empty(),
            named: Vec::new(),
        };
        for description in asked {
            match *description {
                "*" => selection.all = true,
                "+" => {
                    let operational = crate::schema::ATTRIBUTES
                        .iter()
                        .filter(|row| row.operational);
                    for row in operational {
                        selection.name(row.attribute, row.name, None);
                    }
                }
                description => {
                    let (name, options) = match description.split_once(';') {
                        Some((name, options)) => (name, options),
                        None => (description, ""),
                    };
                    let Some(attribute) = Attribute::by_name(name) else {
                        continue;
                    };
                    let range = options.split(';').find_map(range);
                    selection.name(attribute, name, range);
                }
            }
        }
        selection
    }

    /// Takes in an attribute, once, however often it is asked for.
    fn name(&mut self, attribute: Attribute, name: &str, range: Option<Range>) {
        let asked = (attribute, name.to_owned(), range);
        let known = |(known, ..): &&mut (Attribute, String, Option<Range>)| *known == attribute;
        match self.named.iter_mut().find(known) {
            Some(known) if range.is_some() => *known = asked,
            Some(_) => {}
            None => self.named.push(asked),
        }
    }

    /// The same as far as it is about these attributes, and the GUID by which the entry is known again.
    pub(super) fn changed(&self, changed: &std::collections::BTreeSet<Attribute>) -> Self {
        let is = |attribute: &Attribute| changed.contains(attribute);
        let mut named: Vec<(Attribute, String, Option<Range>)> = self
            .named
            .iter()
            .filter(|(attribute, ..)| is(attribute))
            .cloned()
            .collect();
        if self.all {
            let usual = changed
                .iter()
                .filter(|attribute| !attribute.row().operational);
            named.extend(usual.map(|attribute| (*attribute, attribute.name().to_owned(), None)));
        }
        let guid = Attribute::ObjectGuid;
        named.push((guid, guid.name().to_owned(), None));
        Self { all: false, named }
    }

    /// The attributes of an entry that are shown, each once, in the order that they were asked for.
    fn attributes(&self, entry: &Entry) -> Vec<(Attribute, &str, Option<Range>)> {
        if !self.all {
            // Each is in there once.
            let named = self.named.iter();
            return named
                .map(|(attribute, name, range)| (*attribute, name.as_str(), *range))
                .collect();
        }
        let usual = usual(entry).into_iter();
        let mut list: Vec<(Attribute, &str, Option<Range>)> = usual
            .map(|attribute| (attribute, attribute.name(), None))
            .collect();
        for (attribute, name, range) in &self.named {
            match list.iter_mut().find(|(known, ..)| known == attribute) {
                Some(known) if range.is_some() => *known = (*attribute, name, *range),
                Some(_) => {}
                None => list.push((*attribute, name, *range)),
            }
        }
        list
    }
}

/// `range=0-1499` or `range=1500-*`.
fn range(option: &str) -> Option<Range> {
    let (kind, value) = option.split_once('=')?;
    if !kind.eq_ignore_ascii_case("range") {
        return None;
    }
    let (from, to) = value.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let to = match to {
        "*" => None,
        number => Some(number.parse::<usize>().ok().filter(|to| *to >= from)?),
    };
    Some(Range { from, to })
}

/// What comes without being asked for by name: what is stored, and what every entry has.
fn usual(entry: &Entry) -> Vec<Attribute> {
    let row = entry.class.row();
    let mut list = vec![
        Attribute::ObjectClass,
        row.naming,
        Attribute::DistinguishedName,
        Attribute::InstanceType,
        Attribute::WhenCreated,
        Attribute::WhenChanged,
        Attribute::UsnChanged,
        Attribute::Name,
        Attribute::ObjectGuid,
        Attribute::ObjectCategory,
    ];
    let stored = entry.attributes().map(|(attribute, _)| attribute);
    list.extend(stored.filter(|attribute| *attribute != Attribute::ObjectClass));
    if entry.class.allows(Attribute::Member) {
        list.push(Attribute::Member);
    }
    if row.principal {
        list.push(Attribute::MemberOf);
    }
    if entry.listed_keys > 0 {
        list.push(Attribute::MsDsKeyCredentialLink);
    }
    if entry.class.is_account() {
        list.extend([
            Attribute::BadPwdCount,
            Attribute::BadPasswordTime,
            Attribute::LastLogon,
            Attribute::DirectReports,
        ]);
        if entry.values(Attribute::AccountExpires).is_empty() {
            list.push(Attribute::AccountExpires);
        }
    }
    list
}

/// Where a search is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The entries of an index that are still to be looked at, the next one last.
    These(Vec<EntryId>),
    /// All entries after this one.
    After(Option<EntryId>),
    /// All deleted entries after this one.
    Buried(Option<EntryId>),
    /// At the end.
    End,
}

impl Place {
    /// What a client is given to bring back: whether the last entry was a deleted one, and its id.
    pub(super) fn to_cookie(&self) -> Vec<u8> {
        match self {
            Self::After(Some(id)) => [&[0], id.bytes().as_slice()].concat(),
            Self::Buried(Some(id)) => [&[1], id.bytes().as_slice()].concat(),
            _ => Vec::new(),
        }
    }

    /// The entry that it is behind.
    pub(super) fn id(&self) -> Option<EntryId> {
        match self {
            Self::After(id) | Self::Buried(id) => *id,
            Self::These(_) | Self::End => None,
        }
    }

    /// What a client brought back. Whoever makes one up goes on elsewhere in what they may see anyway.
    pub(super) fn of_cookie(cookie: &[u8]) -> Option<Self> {
        let (kind, id) = cookie.split_first()?;
        let id = EntryId(wire::Guid::from_bytes(id.try_into().ok()?));
        match kind {
            0 => Some(Self::After(Some(id))),
            1 => Some(Self::Buried(Some(id))),
            _ => None,
        }
    }
}

/// What a search is for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) base: EntryId,
    pub(super) scope: Scope,
    pub(super) filter: Filter,
    pub(super) selection: Selection,
    pub(super) types_only: bool,
    pub(super) reading: Reading,
    /// Whether names come with GUID and SID, and whether as texts.
    pub(super) extended: Option<bool>,
    /// Whether deleted entries count, too.
    pub(super) deleted: bool,
}

/// A search on its way.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) wanted: Wanted,
    place: Place,
}

/// What a step came to.
pub(super) struct Step {
    /// Entries that were found.
    pub(super) found: Vec<Entry>,
    /// How many were looked at.
    pub(super) looked: usize,
    /// Whether there is nothing more.
    pub(super) done: bool,
}

impl Search {
    /// Begins a search.
    pub(super) fn begin(
        wanted: Wanted,
        after: Option<Place>,
        namer: &Namer<'_, '_>,
    ) -> Result<Self, Fault> {
        let place = match (wanted.scope, after) {
            (Scope::Base, Some(_)) => Place::End,
            (Scope::Base, None) => Place::These(vec![wanted.base]),
            // No index holds what is deleted.
            (_, after) if wanted.deleted => after.unwrap_or(Place::After(None)),
            (_, after) => match plan(&wanted.filter, namer)? {
                Plan::These(mut ids) => {
                    if let Some(Place::After(Some(after))) = after {
                        ids.retain(|id| *id > after);
                    }
                    ids.reverse();
                    Place::These(ids)
                }
                Plan::All => after.unwrap_or(Place::After(None)),
            },
        };
        Ok(Self { wanted, place })
    }

    /// The next entries to be looked at, and whether there are no more of their kind.
    fn read(&mut self, snapshot: &Snapshot<'_>, size: usize) -> Result<(Vec<Entry>, bool), Fault> {
        Ok(match &mut self.place {
            Place::End => (Vec::new(), true),
            Place::After(after) => {
                let entries = snapshot.entries_after(*after, size)?;
                let last = entries.len() < size;
                (entries, last)
            }
            Place::Buried(after) => {
                let entries = snapshot.tombstones_after(*after, size)?;
                let last = entries.len() < size;
                (entries, last)
            }
            Place::These(ids) => {
                let mut entries = Vec::new();
                while let Some(id) = ids.pop() {
                    entries.extend(match snapshot.peek(id)? {
                        None if self.wanted.deleted => snapshot.tombstone(id)?,
                        found => found,
                    });
                    if entries.len() == size {
                        break;
                    }
                }
                (entries, ids.is_empty())
            }
        })
    }

    /// Looks at some more entries, until `most` are found.
    pub(super) fn step(
        &mut self,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
        most: usize,
    ) -> Result<Step, Fault> {
        let namer = Namer::new(snapshot);
        let viewer = Viewer {
            namer: &namer,
            now,
            extended: self.wanted.extended,
        };
        let looks = (STEP * LIGHT / self.wanted.filter.weight().max(LIGHT)).max(1);
        let mut step = Step {
            found: Vec::new(),
            looked: 0,
            done: false,
        };
        let mut below = Below::new(self.wanted.base, snapshot);
        while step.found.len() < most && step.looked < looks && self.place != Place::End {
            // Where most entries are found, no more are read than will be; what was read and not looked at is read again.
            let size = (most - step.found.len()).clamp(PIECE, STEP);
            let size = size.min(looks - step.looked);
            self.look(snapshot, size, most, &mut step, &mut below, &viewer)?;
        }
        step.done = self.place == Place::End;
        Ok(step)
    }

    /// Looks at so many entries, unless `most` are found before.
    fn look(
        &mut self,
        snapshot: &Snapshot<'_>,
        size: usize,
        most: usize,
        step: &mut Step,
        below: &mut Below<'_, '_>,
        viewer: &Viewer<'_, '_, '_>,
    ) -> Result<(), Fault> {
        let (entries, last) = self.read(snapshot, size)?;
        let mut rest = entries.into_iter();
        while step.found.len() < most {
            let Some(entry) = rest.next() else {
                break;
            };
            step.looked += 1;
            if let Place::After(after) | Place::Buried(after) = &mut self.place {
                *after = Some(entry.id);
            }
            if below.is_in(&entry, self.wanted.scope)?
                && self.wanted.filter.holds(&entry, viewer)? == Some(true)
            {
                step.found.push(entry);
            }
        }
        // What was read and not looked at is read again by the next step.
        let left: Vec<EntryId> = rest.map(|entry| entry.id).collect();
        if left.is_empty() && last {
            self.place = match &self.place {
                Place::After(_) if self.wanted.deleted => Place::Buried(None),
                _ => Place::End,
            };
        } else if let Place::These(ids) = &mut self.place {
            ids.extend(left.into_iter().rev());
        }
        Ok(())
    }

    /// Has entries looked at again that were found and not sent, the last ones that were found. `sent`: the place behind
    /// the last one that was.
    pub(super) fn put_back(&mut self, sent: Option<Place>, rest: &[Entry]) {
        if rest.is_empty() {
            return;
        }
        let ids = rest.iter().rev().map(|entry| entry.id);
        match &mut self.place {
            Place::These(waiting) => waiting.extend(ids),
            Place::End => self.place = Place::These(ids.collect()),
            // What lies between was no match.
            place => {
                if let Some(sent) = sent {
                    *place = sent;
                }
            }
        }
    }

    /// Goes on with these, in this order.
    pub(super) fn only(&mut self, mut ids: Vec<EntryId>) {
        ids.reverse();
        self.place = match ids.is_empty() {
            true => Place::End,
            false => Place::These(ids),
        };
    }

    /// Whether there is nothing more.
    pub(super) fn is_at_end(&self) -> bool {
        self.place == Place::End
    }

    /// Where the page before ended, for the next one to go on at: behind the last entry that was found.
    pub(super) fn place_behind(&self, last: &Entry) -> Place {
        if last.is_deleted() {
            Place::Buried(Some(last.id))
        } else {
            Place::After(Some(last.id))
        }
    }

    /// Writes an entry that was found as a message.
    pub(super) fn message(
        &self,
        id: i32,
        entry: &Entry,
        viewer: &Viewer<'_, '_, '_>,
    ) -> Result<Vec<u8>, Fault> {
        let name = viewer.name_of(entry)?;
        let shown = show(
            entry,
            &self.wanted.selection,
            self.wanted.types_only,
            &self.wanted.reading,
            viewer,
        )?;
        let attributes = borrowed(&shown);
        let operation = Operation::SearchResultEntry(SearchResultEntry {
            name: &name,
            attributes,
        });
        Ok(Message::new(id, operation).encode())
    }
}

/// An entry's attributes as they are sent: descriptions and values.
pub(super) type ShownEntry<'e> = Vec<(Cow<'e, str>, Vec<Cow<'e, [u8]>>)>;

/// The same of values that were written for it.
pub(super) fn owned(
    attributes: impl IntoIterator<Item = (&'static str, Vec<Vec<u8>>)>,
) -> ShownEntry<'static> {
    attributes
        .into_iter()
        .map(|(name, values)| (name.into(), values.into_iter().map(Cow::Owned).collect()))
        .collect()
}

/// What somebody is shown of an entry.
pub(super) fn show<'e>(
    entry: &'e Entry,
    selection: &'e Selection,
    types_only: bool,
    reading: &Reading,
    viewer: &Viewer<'_, '_, '_>,
) -> Result<ShownEntry<'e>, Fault> {
    let mut shown = ShownEntry::new();
    for (attribute, name, range) in selection.attributes(entry) {
        if !reading.may_see(attribute) {
            continue;
        }
        let values = viewer.values(entry, attribute, range)?;
        if values.values.is_empty() {
            continue;
        }
        let description = match values.range {
            Some((from, Some(to))) => format!("{name};range={from}-{to}").into(),
            Some((from, None)) => format!("{name};range={from}-*").into(),
            None => name.into(),
        };
        let values = if types_only {
            Vec::new()
        } else {
            values.values
        };
        shown.push((description, values));
        // Who did not ask for a range sees that there is more from the option, and that the attribute is there.
        if range.is_none()
            && shown
                .last()
                .is_some_and(|(description, _)| description.contains(";range="))
        {
            shown.insert(shown.len() - 1, (name.into(), Vec::new()));
        }
    }
    Ok(shown)
}

/// The same, borrowed for a message.
pub(super) fn borrowed<'s>(shown: &'s ShownEntry<'_>) -> Vec<WireAttribute<'s>> {
    shown
        .iter()
        .map(|(description, values)| WireAttribute {
            description,
            values: values.iter().map(AsRef::as_ref).collect(),
        })
        .collect()
}

/// Whether entries are below a base; containers that were climbed from are remembered.
pub(super) struct Below<'s, 'd> {
    base: EntryId,
    snapshot: &'s Snapshot<'d>,
    known: std::collections::HashMap<EntryId, bool>,
}

impl<'s, 'd> Below<'s, 'd> {
    pub(super) fn new(base: EntryId, snapshot: &'s Snapshot<'d>) -> Self {
        Self {
            base,
            snapshot,
            known: std::collections::HashMap::new(),
        }
    }

    pub(super) fn is_in(&mut self, entry: &Entry, scope: Scope) -> Result<bool, Fault> {
        Ok(match scope {
            Scope::Base => entry.id == self.base,
            Scope::One => entry.parent == self.base,
            Scope::Subtree => entry.id == self.base || self.holds(entry.parent, 0)?,
        })
    }

    /// Whether an entry is the base or below it.
    fn holds(&mut self, id: EntryId, depth: usize) -> Result<bool, Fault> {
        // Everything is below the head of the domain.
        if id == self.base || self.base == self.snapshot.domain().head {
            return Ok(true);
        }
        if id == EntryId::NONE {
            return Ok(false);
        }
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        if depth > DEPTH_LIMIT {
            return Err(Fault::Corrupt("tree"));
        }
        let parent = self.snapshot.peek(id)?.map(|entry| entry.parent);
        let holds = match parent {
            Some(parent) => self.holds(parent, depth + 1)?,
            None => false,
        };
        self.known.insert(id, holds);
        Ok(holds)
    }
}
