//! The directory as LDIF, to be brought in elsewhere: entries first, those that others hang on before these, and what
//! names other entries last.
//!
//! Nothing that is secret is in it, and nothing that another directory sets itself: no passwords, identifiers, times. What
//! every domain has is left out; only who is in its groups is said. It is read page by page, each of one state of its own.

use std::borrow::Cow;

use trust::Timestamp;
use wire::ldap::{LdapResult, ModificationKind, ResultCode, Scope};
use wire::ldif::{self, Attribute as Said, Change};

use super::entries::Viewer;
use super::filter::{Filter, NotUnderstood, understand};
use super::names::Namer;
use super::permissions::Reading;
use super::search::Below;
use crate::access::Caller;
use crate::account::MUST_CHANGE;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::{Attribute, Class, Exposure, Syntax};
use crate::snapshot::Snapshot;
use crate::value::Value;

/// Entries that are looked at for one page.
const LOOKED_AT: usize = 500;

/// How long a page may become before it ends, in bytes.
const PAGE: usize = 1 << 20;

/// Members that one record adds.
const MEMBERS: usize = 1_000;

/// Relative identifiers below this are the same in every domain.
const FIRST_RID: i64 = 1_000;

/// Which part of the directory a page is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Units and containers. They come in no order: who writes them down puts those above before those below.
    Containers,
    /// Everything that hangs on them.
    Entries,
    /// Members, managers and whatever else names another entry, as changes.
    Links,
}

/// What is exported.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'w> {
    /// Which part.
    pub part: Part,
    /// Only this entry and what is below it.
    pub base: Option<&'w str>,
    /// Only what a filter means.
    pub filter: Option<&'w str>,
    /// Only these attributes; all where none is named.
    pub attributes: &'w [&'w str],
    /// Where the page before ended.
    pub after: Option<&'w str>,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The records.
    pub records: Vec<String>,
    /// How many entries are above each of them; 0 for what nothing hangs on.
    pub depths: Vec<usize>,
    /// Where the next page begins; `None` behind the last one.
    pub next: Option<String>,
}

/// One page of an export.
///
/// # Errors
/// [`Fault`] when the storage fails. Inside: what of the wish is not understood.
pub fn export(
    wish: &Wish<'_>,
    caller: &Caller,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Result<Exported, LdapResult>, Fault> {
    let namer = Namer::new(snapshot);
    let reading = Reading::of(Some(caller), snapshot)?;
    let base = match wish.base {
        None => snapshot.domain().head,
        Some(name) => match namer.find(name)? {
            Ok(Some(id)) => id,
            Ok(None) => return told("there is no entry of the base's name"),
            Err(_) => return told("the base is no name of an entry"),
        },
    };
    let filter = match wish.filter.map(str::parse::<wire::ldap::Filter<'_>>) {
        None => None,
        Some(Err(_)) => return told("the filter is not one (RFC 4515)"),
        Some(Ok(filter)) => match understand(&filter, &namer, &reading) {
            Ok(filter) => Some(filter),
            Err(NotUnderstood::Fault(fault)) => return Err(fault),
            Err(NotUnderstood::TooMuch) => {
                return told("the filter leads to too many entries");
            }
        },
    };
    let mut attributes = Vec::new();
    for name in wish.attributes {
        match Attribute::by_name(name) {
            Some(attribute) => attributes.push(attribute),
            None => return told(&format!("there is no attribute {name:?}")),
        }
    }
    let Some(place) = Place::of(wish.after) else {
        return told("it must be what the page before had as next");
    };
    let writer = Writer {
        part: wish.part,
        filter,
        attributes,
        viewer: Viewer {
            namer: &namer,
            now,
            extended: None,
        },
    };
    writer.page(place, &mut Below::new(base, snapshot)).map(Ok)
}

fn told<T>(why: &str) -> Result<Result<T, LdapResult>, Fault> {
    Ok(Err(LdapResult::told(ResultCode::UnwillingToPerform, why)))
}

/// Where a page begins: behind an entry, or within one, behind some of its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    after: Option<EntryId>,
    within: Option<(EntryId, EntryId)>,
}

impl Place {
    fn of(text: Option<&str>) -> Option<Self> {
        let id = |text: &str| text.parse().ok().map(EntryId);
        let Some(text) = text else {
            return Some(Self::default());
        };
        let mut ids = text.split(',');
        let after = match ids.next()? {
            "" => None,
            text => Some(id(text)?),
        };
        let within = match (ids.next(), ids.next(), ids.next()) {
            (None, ..) => None,
            (Some(group), Some(member), None) => Some((id(group)?, id(member)?)),
            _ => return None,
        };
        Some(Self { after, within })
    }

    fn text(&self) -> String {
        let after = self.after.map(|id| id.0.to_string()).unwrap_or_default();
        match self.within {
            None => after,
            Some((group, member)) => format!("{after},{},{}", group.0, member.0),
        }
    }
}

/// Writes entries down.
struct Writer<'w, 's, 'd> {
    part: Part,
    filter: Option<Filter>,
    attributes: Vec<Attribute>,
    viewer: Viewer<'w, 's, 'd>,
}

impl Writer<'_, '_, '_> {
    fn page(&self, mut place: Place, below: &mut Below<'_, '_>) -> Result<Exported, Fault> {
        let snapshot = self.viewer.namer.snapshot;
        let mut page = Exported {
            records: Vec::new(),
            depths: Vec::new(),
            next: None,
        };
        let entries = snapshot.entries_after(place.after, LOOKED_AT)?;
        let last = entries.len() < LOOKED_AT;
        let mut written = 0;
        let mut rest = entries.iter();
        for entry in rest.by_ref() {
            let within = place.within.take().filter(|(group, _)| *group == entry.id);
            if self.is_meant(entry, below)? {
                let first = page.records.len();
                let goes_on =
                    self.write(entry, within.map(|(_, member)| member), &mut page.records)?;
                let depth = match self.part {
                    Part::Containers => self.viewer.namer.depth(entry)?,
                    Part::Entries | Part::Links => 0,
                };
                page.depths.resize(page.records.len(), depth);
                written += page
                    .records
                    .iter()
                    .skip(first)
                    .map(String::len)
                    .sum::<usize>();
                if let Some(member) = goes_on {
                    place.within = Some((entry.id, member));
                    page.next = Some(place.text());
                    return Ok(page);
                }
            }
            place.after = Some(entry.id);
            if written > PAGE {
                break;
            }
        }
        if !last || !rest.as_slice().is_empty() {
            page.next = Some(place.text());
        }
        Ok(page)
    }

    fn is_meant(&self, entry: &Entry, below: &mut Below<'_, '_>) -> Result<bool, Fault> {
        let container = matches!(entry.class, Class::OrganizationalUnit | Class::Container);
        let leaf = matches!(
            entry.class,
            Class::User | Class::Computer | Class::ManagedServiceAccount | Class::Group
        );
        let part = match self.part {
            Part::Containers => container,
            Part::Entries => leaf,
            Part::Links => container || leaf,
        };
        // Who is in the groups that every domain has is said, and nothing else of them.
        let own = entry.is_critical() && !(self.part == Part::Links && entry.class == Class::Group);
        if !part || own || !below.is_in(entry, Scope::Subtree)? {
            return Ok(false);
        }
        match &self.filter {
            None => Ok(true),
            Some(filter) => Ok(filter.holds(entry, &self.viewer)? == Some(true)),
        }
    }

    /// Appends an entry's records. Returns the member to go on behind, where there are more.
    fn write(
        &self,
        entry: &Entry,
        within: Option<EntryId>,
        records: &mut Vec<String>,
    ) -> Result<Option<EntryId>, Fault> {
        let name = self.viewer.namer.name_of(entry)?;
        if self.part != Part::Links {
            let mut text = String::new();
            ldif::write_entry(&mut text, &name, &self.said(entry)?);
            records.push(text);
            return Ok(None);
        }
        let mut changes = Vec::new();
        if within.is_none() && !entry.is_critical() {
            for (attribute, _) in entry.attributes() {
                if attribute.row().syntax == Syntax::DistinguishedName && self.is_wanted(attribute)
                {
                    changes.push(Change {
                        kind: ModificationKind::Replace,
                        attribute: self.values(entry, attribute)?,
                    });
                }
            }
        }
        let mut goes_on = None;
        if entry.class == Class::Group && self.is_wanted(Attribute::Member) {
            let snapshot = self.viewer.namer.snapshot;
            let members = snapshot.members(entry.id, within, MEMBERS + 1)?;
            let mut values = Vec::new();
            for member in members.iter().take(MEMBERS) {
                // Accounts that every domain has itself are in no export.
                let Some(found) = snapshot.peek(*member)? else {
                    continue;
                };
                if found.class != Class::Device
                    && (!found.is_critical() || found.class == Class::Group)
                {
                    values.push(self.viewer.namer.name_of(&found)?.into_bytes());
                }
            }
            if members.len() > MEMBERS {
                goes_on = members.get(MEMBERS - 1).copied();
            }
            if !values.is_empty() {
                changes.push(Change {
                    kind: ModificationKind::Add,
                    attribute: Said {
                        description: Attribute::Member.name().to_owned(),
                        values,
                    },
                });
            }
        }
        if !changes.is_empty() {
            let mut text = String::new();
            ldif::write_changes(&mut text, &name, &changes);
            records.push(text);
        }
        Ok(goes_on)
    }

    fn is_wanted(&self, attribute: Attribute) -> bool {
        self.attributes.is_empty() || self.attributes.contains(&attribute)
    }

    fn values(&self, entry: &Entry, attribute: Attribute) -> Result<Said, Fault> {
        let shown = self.viewer.values(entry, attribute, None)?.values;
        Ok(Said {
            description: attribute.name().to_owned(),
            values: shown.into_iter().map(Cow::into_owned).collect(),
        })
    }

    /// What is said of an entry itself.
    fn said(&self, entry: &Entry) -> Result<Vec<Said>, Fault> {
        // It takes a class, whatever is asked for.
        let mut said = vec![self.values(entry, Attribute::ObjectClass)?];
        for (attribute, values) in entry.attributes() {
            if attribute != Attribute::ObjectClass
                && self.is_wanted(attribute)
                && is_for_others(attribute, values)
            {
                said.push(self.values(entry, attribute)?);
            }
        }
        let keys = Attribute::MsDsKeyCredentialLink;
        if entry.listed_keys > 0 && self.is_wanted(keys) {
            said.push(self.values(entry, keys)?);
        }
        said.retain(|attribute| !attribute.values.is_empty());
        Ok(said)
    }
}

/// Whether stored values mean something in another directory.
fn is_for_others(attribute: Attribute, values: &[Value]) -> bool {
    let row = attribute.row();
    if row.system || row.exposure == Exposure::Never || row.syntax == Syntax::DistinguishedName {
        return false;
    }
    match attribute {
        Attribute::PwdLastSet => values == [Value::Time(MUST_CHANGE)],
        // These hold identifiers of this domain.
        Attribute::PrimaryGroupId => {
            matches!(values, [Value::Integer(rid)] if *rid < FIRST_RID)
        }
        Attribute::MsDsAllowedToActOnBehalfOfOtherIdentity | Attribute::DelegatedRights => false,
        Attribute::LockoutTime | Attribute::PolicyDocument => false,
        _ => true,
    }
}
