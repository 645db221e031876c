//! Filters as the directory works with them: attributes and values understood once, then asked of many entries.
//!
//! A filter is true, false, or neither (RFC 4511 4.5.1.7): what asks for an attribute that nobody knows, or that who asks
//! may not see, is neither, so that nobody finds out by filters what they may not read (CVE-2023-0614).

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;

use wire::dn_binary::DnBinary;
use wire::ldap as wire_ldap;

use super::entries::{Viewer, category_display_name, is_stored};
use super::names::Namer;
use super::permissions::Reading;
use super::values;
use crate::account::KeyValueId;
use crate::dn::Dn;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::protected::Candidates;
use crate::schema::{Attribute, AuxiliaryRow, CLASSES, Class, Syntax};
use crate::value::{Value, folded};

/// How many links all chains of one filter may follow: each is followed before the first entry is looked at, and what they
/// lead to is kept.
const CHAIN_LIMIT: usize = 100_000;

/// A filter that was understood.
#[derive(Debug)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// Always so.
    Known(Option<bool>),
    /// There is a value.
    Present(Attribute),
    /// A value is this one.
    Equal(Attribute, Value),
    /// A value is this one or comes after it.
    NotBefore(Attribute, Value),
    /// A value is this one or comes before it.
    NotAfter(Attribute, Value),
    /// A value has these parts.
    Parts(Attribute, Parts),
    /// The entry is of a class, by any name of its chain.
    Class(String),
    /// The entry's category is this class's.
    Category(Class),
    /// The entry has this id.
    Id(EntryId),
    /// A linked value names this entry.
    Linked(Attribute, EntryId),
    /// The entry is one of these.
    Among(HashSet<EntryId>),
    /// All these bits of a number are set.
    AllBits(Attribute, i64),
    /// One of these bits of a number is set.
    AnyBit(Attribute, i64),
    /// The entry lists this key.
    Key(KeyValueId),
    /// The entry is protected, which is asked of these alone.
    Protected(Box<Candidates>),
}

/// What a value begins with, has inside, and ends with, folded where texts are.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) initial: Option<Vec<u8>>,
    any: Vec<Vec<u8>>,
    last: Option<Vec<u8>>,
}

/// How much more work a value is that is worked out from others than one that is stored.
const WORKED_OUT: usize = 40;

const AND_RULE: &str = "1.2.840.113556.1.4.803";
const OR_RULE: &str = "1.2.840.113556.1.4.804";
const CHAIN_RULE: &str = "1.2.840.113556.1.4.1941";

/// A filter asks for what there is too much of.
#[derive(Debug)]
pub(super) enum NotUnderstood {
    /// A chain leads to more entries than are followed.
    TooMuch,
    /// Trouble of our own.
    Fault(Fault),
}

impl From<Fault> for NotUnderstood {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Reads a client's filter by the schema.
pub(super) fn understand(
    filter: &wire_ldap::Filter<'_>,
    namer: &Namer<'_, '_>,
    reading: &Reading,
) -> Result<Filter, NotUnderstood> {
    part_of(filter, namer, reading, &Cell::new(CHAIN_LIMIT))
}

/// `adminCount` is 1 for who is protected, and nobody else has one: whatever is asked of it, it is asked of those who can be.
fn protected(
    filter: Filter,
    namer: &Namer<'_, '_>,
    links: &Cell<usize>,
) -> Result<Filter, NotUnderstood> {
    let one = Value::Integer(1);
    let holds = match &filter {
        Filter::Present(Attribute::AdminCount) => true,
        Filter::Equal(Attribute::AdminCount, value) => values::same(&one, value),
        Filter::NotBefore(Attribute::AdminCount, value) => {
            values::compare(&one, value).is_some_and(std::cmp::Ordering::is_ge)
        }
        Filter::NotAfter(Attribute::AdminCount, value) => {
            values::compare(&one, value).is_some_and(std::cmp::Ordering::is_le)
        }
        Filter::AllBits(Attribute::AdminCount, bits) => 1 & bits == *bits,
        Filter::AnyBit(Attribute::AdminCount, bits) => 1 & bits != 0,
        _ => return Ok(filter),
    };
    if !holds {
        return Ok(Filter::Known(Some(false)));
    }
    let (candidates, followed) =
        Candidates::of(namer.snapshot, links.get())?.ok_or(NotUnderstood::TooMuch)?;
    links.set(links.get().saturating_sub(followed));
    Ok(Filter::Protected(Box::new(candidates)))
}

/// The same of a part; `links`: how many links may still be followed.
fn part_of(
    filter: &wire_ldap::Filter<'_>,
    namer: &Namer<'_, '_>,
    reading: &Reading,
    links: &Cell<usize>,
) -> Result<Filter, NotUnderstood> {
    use wire_ldap::Filter as Asked;
    let several = |parts: &[Asked<'_>]| -> Result<Vec<Filter>, NotUnderstood> {
        parts
            .iter()
            .map(|part| part_of(part, namer, reading, links))
            .collect()
    };
    let visible =
        |description: &str| known(description).filter(|attribute| reading.may_see(*attribute));
    let understood = match filter {
        Asked::And(parts) => Filter::And(several(parts)?),
        Asked::Or(parts) => Filter::Or(several(parts)?),
        Asked::Not(part) => Filter::Not(Box::new(part_of(part, namer, reading, links)?)),
        Asked::Present(description) => match visible(description) {
            Some(Attribute::ObjectClass) => Filter::Known(Some(true)),
            Some(attribute) => Filter::Present(attribute),
            None => Filter::Known(None),
        },
        Asked::Equality(assertion) | Asked::Approximately(assertion) => {
            match visible(&assertion.attribute) {
                Some(Attribute::ObjectClass) => class(&assertion.value),
                Some(attribute) => equal(attribute, &assertion.value, namer)?,
                // Ambiguous name resolution ([MS-ADTS] 3.1.1.3.1.3.4) is asked for as if it were an attribute.
                None if assertion.attribute.eq_ignore_ascii_case("anr") => {
                    anr(&assertion.value, reading)
                }
                None => Filter::Known(None),
            }
        }
        Asked::GreaterOrEqual(assertion) => match visible(&assertion.attribute) {
            Some(attribute) => ordered(attribute, &assertion.value, Filter::NotBefore),
            None => Filter::Known(None),
        },
        Asked::LessOrEqual(assertion) => match visible(&assertion.attribute) {
            Some(attribute) => ordered(attribute, &assertion.value, Filter::NotAfter),
            None => Filter::Known(None),
        },
        Asked::Substrings {
            attribute,
            initial,
            any,
            last,
        } => match visible(attribute) {
            Some(attribute) => parts(attribute, initial.as_deref(), any, last.as_deref()),
            None => Filter::Known(None),
        },
        Asked::Extensible {
            rule,
            attribute,
            value,
            dn_attributes: _,
        } => match attribute.as_deref().and_then(visible) {
            Some(attribute) => extensible(rule.as_deref(), attribute, value, namer, links)?,
            None => Filter::Known(None),
        },
    };
    protected(understood, namer, links)
}

/// The attribute of a description; options are none that a filter can have.
fn known(description: &str) -> Option<Attribute> {
    Attribute::by_name(description)
}

/// `(objectClass=…)` by any name or OID of a class that there is; false for others.
fn class(value: &[u8]) -> Filter {
    let Ok(name) = std::str::from_utf8(value) else {
        return Filter::Known(None);
    };
    let by_oid = CLASSES
        .iter()
        .find(|row| row.oid == name)
        .map(|row| row.name);
    let auxiliary = AuxiliaryRow::by_name(name).map(|row| row.name);
    let name = by_oid.or(auxiliary).unwrap_or(name);
    if name.eq_ignore_ascii_case("top") {
        return Filter::Known(Some(true));
    }
    Filter::Class(name.to_owned())
}

fn equal(
    attribute: Attribute,
    value: &[u8],
    namer: &Namer<'_, '_>,
) -> Result<Filter, NotUnderstood> {
    let name = || std::str::from_utf8(value).ok();
    let entry = |found: Result<Option<EntryId>, _>, filter: fn(EntryId) -> Filter| match found {
        Ok(Some(id)) => filter(id),
        Ok(None) => Filter::Known(Some(false)),
        Err(_) => Filter::Known(None),
    };
    Ok(match attribute {
        Attribute::ObjectCategory => match name() {
            Some(name) => category(name),
            None => Filter::Known(None),
        },
        Attribute::DistinguishedName | Attribute::EntryDn => match name() {
            Some(text) => entry(namer.find(text)?, Filter::Id),
            None => Filter::Known(None),
        },
        Attribute::ObjectGuid | Attribute::EntryUuid => match values::guid(value) {
            Some(guid) => Filter::Id(EntryId(guid)),
            None => Filter::Known(Some(false)),
        },
        Attribute::Member
        | Attribute::MemberOf
        | Attribute::DirectReports
        | Attribute::ManagedObjects => match name().map(|text| namer.find(text)).transpose()? {
            Some(Ok(Some(id))) => Filter::Linked(attribute, id),
            Some(Ok(None)) => Filter::Known(Some(false)),
            _ => Filter::Known(None),
        },
        Attribute::MsDsKeyCredentialLink => match name().map(str::parse::<DnBinary>) {
            Some(Ok(value)) => Filter::Key(KeyValueId::of(&value.binary)),
            _ => Filter::Known(None),
        },
        // Worked out from much; asked for of entries that were found otherwise.
        Attribute::TokenGroups => match values::sid(value) {
            Some(sid) => Filter::Equal(attribute, sid.into()),
            None => Filter::Known(None),
        },
        _ => match values::read(attribute, value, namer)? {
            Ok(Some(value)) => Filter::Equal(attribute, value),
            Ok(None) => Filter::Known(Some(false)),
            Err(values::WrongSyntax) => Filter::Known(None),
        },
    })
}

/// `(objectCategory=person)`, or by the whole name of the schema's entry.
fn category(name: &str) -> Filter {
    let short = match name.parse::<Dn>() {
        Ok(dn) => dn.parts().first().map(|part| part.value.clone()),
        Err(_) => Some(name.to_owned()),
    };
    let Some(short) = short else {
        return Filter::Known(Some(false));
    };
    let class = CLASSES.iter().map(|row| row.class).find(|class| {
        short.eq_ignore_ascii_case(category_display_name(*class))
            || short.eq_ignore_ascii_case(super::entries::category_name(*class))
            || *class == Class::User && short.eq_ignore_ascii_case("user")
    });
    class.map_or(Filter::Known(Some(false)), Filter::Category)
}

/// Attributes whose values have an order that somebody could mean.
fn ordered(attribute: Attribute, value: &[u8], make: fn(Attribute, Value) -> Filter) -> Filter {
    match values::plain(attribute, value) {
        Some(value) if !matches!(value, Value::Boolean(_) | Value::Sid(_)) => {
            make(attribute, value)
        }
        _ => Filter::Known(None),
    }
}

fn parts(
    attribute: Attribute,
    initial: Option<&[u8]>,
    any: &[Cow<'_, [u8]>],
    last: Option<&[u8]>,
) -> Filter {
    let text = match attribute.row().syntax {
        Syntax::DirectoryString => true,
        Syntax::OctetString => false,
        _ => return Filter::Known(None),
    };
    if attribute == Attribute::ObjectCategory {
        return Filter::Known(None);
    }
    let read = |part: &[u8]| -> Option<Vec<u8>> {
        if text {
            std::str::from_utf8(part)
                .ok()
                .map(|part| loosely(part).into_bytes())
        } else {
            Some(part.to_vec())
        }
    };
    let read_all = || {
        Some(Parts {
            initial: initial
                .map(read)
                .map_or(Some(None), |part| part.map(Some))?,
            any: any.iter().map(|part| read(part)).collect::<Option<_>>()?,
            last: last.map(read).map_or(Some(None), |part| part.map(Some))?,
        })
    };
    read_all().map_or(Filter::Known(None), |parts| Filter::Parts(attribute, parts))
}

/// A part of a text, folded but with the spaces at its ends, which may stand between words.
fn loosely(part: &str) -> String {
    let mut text = folded(part);
    if text.is_empty() {
        return if part.is_empty() {
            text
        } else {
            " ".to_owned()
        };
    }
    if part.starts_with(char::is_whitespace) {
        text.insert(0, ' ');
    }
    if part.ends_with(char::is_whitespace) {
        text.push(' ');
    }
    text
}

fn extensible(
    rule: Option<&str>,
    attribute: Attribute,
    value: &[u8],
    namer: &Namer<'_, '_>,
    links: &Cell<usize>,
) -> Result<Filter, NotUnderstood> {
    let number = || match values::plain(attribute, value) {
        Some(Value::Integer(number)) => Some(number),
        _ => None,
    };
    Ok(match rule {
        None => equal(attribute, value, namer)?,
        Some(AND_RULE) => {
            number().map_or(Filter::Known(None), |bits| Filter::AllBits(attribute, bits))
        }
        Some(OR_RULE) => {
            number().map_or(Filter::Known(None), |bits| Filter::AnyBit(attribute, bits))
        }
        Some(CHAIN_RULE) => {
            let found = std::str::from_utf8(value).ok().map(|text| namer.find(text));
            match found.transpose()? {
                Some(Ok(Some(id))) => chain(attribute, id, namer, links)?,
                Some(Ok(None)) => Filter::Known(Some(false)),
                _ => Filter::Known(None),
            }
        }
        Some(_) => Filter::Known(None),
    })
}

/// The entries from which links of an attribute lead to one, however many there are in between.
fn chain(
    attribute: Attribute,
    target: EntryId,
    namer: &Namer<'_, '_>,
    links: &Cell<usize>,
) -> Result<Filter, NotUnderstood> {
    let snapshot = namer.snapshot;
    let mut found = HashSet::new();
    let mut waiting = vec![target];
    while let Some(id) = waiting.pop() {
        let next = match attribute {
            // Whoever is in a group has it in memberOf; whoever has somebody as member is found from there.
            Attribute::MemberOf => snapshot.members(id, None, links.get() + 1)?,
            Attribute::Member => snapshot.member_of(id)?,
            Attribute::Manager | Attribute::ManagedBy => {
                let entries =
                    snapshot.entries_with(attribute, &Value::Link(id), links.get() + 1)?;
                entries.into_iter().map(|entry| entry.id).collect()
            }
            _ => return Ok(Filter::Known(None)),
        };
        // One for the entry itself, which takes time though no link leads on from it.
        let left = links.get().checked_sub(next.len() + 1);
        links.set(left.ok_or(NotUnderstood::TooMuch)?);
        for id in next {
            if found.insert(id) {
                waiting.push(id);
            }
        }
    }
    Ok(Filter::Among(found))
}

/// Names of all kinds that begin with a text.
fn anr(value: &[u8], reading: &Reading) -> Filter {
    const NAMES: [Attribute; 8] = [
        Attribute::SamAccountName,
        Attribute::DisplayName,
        Attribute::GivenName,
        Attribute::Surname,
        Attribute::Name,
        Attribute::Mail,
        Attribute::ProxyAddresses,
        Attribute::PhysicalDeliveryOfficeName,
    ];
    let exact = value.strip_prefix(b"=");
    let each = NAMES
        .into_iter()
        .filter(|attribute| reading.may_see(*attribute));
    Filter::Or(
        each.map(|attribute| match exact {
            Some(value) => match values::plain(attribute, value) {
                Some(value) => Filter::Equal(attribute, value),
                None => Filter::Known(None),
            },
            None => parts(attribute, Some(value), &[], None),
        })
        .collect(),
    )
}

impl Filter {
    /// How much work it is to ask this of one entry: about 1 for each value that is looked at where it lies, more for what
    /// is worked out.
    pub(super) fn weight(&self) -> usize {
        let light = |attribute| is_stored(attribute) || attribute == Attribute::AccountExpires;
        let of = |attribute: Attribute| if light(attribute) { 1 } else { WORKED_OUT };
        match self {
            Self::And(parts) | Self::Or(parts) => 1 + parts.iter().map(Self::weight).sum::<usize>(),
            Self::Not(part) => 1 + part.weight(),
            Self::Parts(attribute, parts) => of(*attribute) + parts.any.len(),
            Self::Present(attribute)
            | Self::Equal(attribute, _)
            | Self::NotBefore(attribute, _)
            | Self::NotAfter(attribute, _)
            | Self::AllBits(attribute, _)
            | Self::AnyBit(attribute, _) => of(*attribute),
            Self::Linked(..) | Self::Key(_) | Self::Protected(_) => 2,
            Self::Known(_) | Self::Class(_) | Self::Category(_) | Self::Id(_) | Self::Among(_) => 1,
        }
    }

    /// Whether an entry is meant; `None` when that cannot be said.
    pub(super) fn holds(
        &self,
        entry: &Entry,
        viewer: &Viewer<'_, '_, '_>,
    ) -> Result<Option<bool>, Fault> {
        let any_value = |attribute, test: &dyn Fn(&Value) -> bool| -> Result<Option<bool>, Fault> {
            // What is stored is looked at where it lies.
            if is_stored(attribute) {
                return Ok(Some(entry.values(attribute).iter().any(test)));
            }
            Ok(Some(viewer.typed(entry, attribute)?.iter().any(test)))
        };
        match self {
            Self::And(parts) => {
                let mut all = Some(true);
                for part in parts {
                    match part.holds(entry, viewer)? {
                        Some(false) => return Ok(Some(false)),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                Ok(all)
            }
            Self::Or(parts) => {
                let mut any = Some(false);
                for part in parts {
                    match part.holds(entry, viewer)? {
                        Some(true) => return Ok(Some(true)),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                Ok(any)
            }
            Self::Not(part) => Ok(part.holds(entry, viewer)?.map(|holds| !holds)),
            Self::Known(known) => Ok(*known),
            Self::Present(attribute) => self.present(*attribute, entry, viewer).map(Some),
            Self::Equal(attribute, value) => any_value(*attribute, &|own| values::same(own, value)),
            Self::NotBefore(attribute, value) => any_value(*attribute, &|own| {
                values::compare(own, value).is_some_and(std::cmp::Ordering::is_ge)
            }),
            Self::NotAfter(attribute, value) => any_value(*attribute, &|own| {
                values::compare(own, value).is_some_and(std::cmp::Ordering::is_le)
            }),
            Self::Parts(attribute, parts) => any_value(*attribute, &|own| parts.are_in(own)),
            Self::AllBits(attribute, bits) => any_value(
                *attribute,
                &|own| matches!(own, Value::Integer(number) if number & bits == *bits),
            ),
            Self::AnyBit(attribute, bits) => any_value(
                *attribute,
                &|own| matches!(own, Value::Integer(number) if number & bits != 0),
            ),
            Self::Class(name) => {
                let chain = entry.class.row().chain;
                let own = chain.iter().any(|class| class.eq_ignore_ascii_case(name));
                let mut more = entry.texts(Attribute::ObjectClass);
                Ok(Some(
                    own || more.any(|class| class.eq_ignore_ascii_case(name)),
                ))
            }
            Self::Category(class) => Ok(Some(entry.class == *class)),
            Self::Id(id) => Ok(Some(entry.id == *id)),
            Self::Among(ids) => Ok(Some(ids.contains(&entry.id))),
            Self::Linked(attribute, id) => linked(*attribute, *id, entry, viewer).map(Some),
            Self::Protected(candidates) => Ok(Some(
                candidates.have(entry) && crate::protected::is(entry, viewer.namer.snapshot)?,
            )),
            Self::Key(id) => {
                let listed =
                    entry.listed_keys > 0 && viewer.namer.snapshot.lists_value(entry.id, *id)?;
                Ok(Some(listed))
            }
        }
    }

    fn present(
        &self,
        attribute: Attribute,
        entry: &Entry,
        viewer: &Viewer<'_, '_, '_>,
    ) -> Result<bool, Fault> {
        if is_stored(attribute) {
            return Ok(!entry.values(attribute).is_empty());
        }
        Ok(match attribute {
            Attribute::MsDsKeyCredentialLink => entry.listed_keys > 0,
            _ => !viewer.values(entry, attribute, None)?.values.is_empty(),
        })
    }
}

fn linked(
    attribute: Attribute,
    id: EntryId,
    entry: &Entry,
    viewer: &Viewer<'_, '_, '_>,
) -> Result<bool, Fault> {
    let snapshot = viewer.namer.snapshot;
    let names = |attribute| -> Result<bool, Fault> {
        let other = snapshot.peek(id)?;
        Ok(other.and_then(|other| other.link(attribute)) == Some(entry.id))
    };
    match attribute {
        Attribute::Member => snapshot.is_member(entry.id, id),
        Attribute::MemberOf => snapshot.is_member(id, entry.id),
        Attribute::DirectReports => names(Attribute::Manager),
        Attribute::ManagedObjects => names(Attribute::ManagedBy),
        _ => Ok(false),
    }
}

impl Parts {
    fn are_in(&self, value: &Value) -> bool {
        match value {
            Value::Text(text) => self.are_in_bytes(folded(text).as_bytes()),
            Value::Octets(bytes) => self.are_in_bytes(bytes),
            _ => false,
        }
    }

    fn are_in_bytes(&self, mut bytes: &[u8]) -> bool {
        if let Some(initial) = &self.initial {
            match bytes.strip_prefix(initial.as_slice()) {
                Some(rest) => bytes = rest,
                None => return false,
            }
        }
        if let Some(last) = &self.last {
            match bytes.strip_suffix(last.as_slice()) {
                Some(rest) => bytes = rest,
                None => return false,
            }
        }
        for part in &self.any {
            let place = match part.len() {
                0 => Some(0),
                length => bytes
                    .windows(length)
                    .position(|window| window == part.as_slice()),
            };
            let Some(rest) = place.and_then(|place| bytes.get(place + part.len()..)) else {
                return false;
            };
            bytes = rest;
        }
        true
    }
}
