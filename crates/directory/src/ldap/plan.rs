//! Where a search looks: in an index that names few entries, or at all of them.

use std::cell::Cell;

use super::filter::{Filter, Parts};
use super::names::Namer;
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::{Attribute, CLASSES, Class, Index, Syntax};
use crate::value::{Value, folded};

/// How many entries an index may name for it to be worth it; more are found by looking at all of them in turn.
const FEW: usize = 2_000;

/// How much of the indexes is read to find the best of them. What is behind that in a long filter is not looked up.
const READ: usize = 200_000;

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// At these, which are all that can be meant, in the order of their ids.
    These(Vec<EntryId>),
    /// At everything in the order of ids.
    All,
}

/// The entries that can be meant by a filter, if an index names them; `None` when none does, or too many.
pub(super) fn plan(filter: &Filter, namer: &Namer<'_, '_>) -> Result<Plan, Fault> {
    Ok(match few(filter, namer, &Cell::new(READ))? {
        Some(mut ids) => {
            ids.sort_unstable();
            ids.dedup();
            Plan::These(ids)
        }
        None => Plan::All,
    })
}

/// `left`: how many rows of indexes may still be read.
fn few(
    filter: &Filter,
    namer: &Namer<'_, '_>,
    left: &Cell<usize>,
) -> Result<Option<Vec<EntryId>>, Fault> {
    let found = match filter {
        Filter::And(parts) => {
            let mut best: Option<Vec<EntryId>> = None;
            for part in parts {
                if left.get() == 0 {
                    break;
                }
                if let Some(ids) = few(part, namer, left)?
                    && best.as_ref().is_none_or(|best| ids.len() < best.len())
                {
                    best = Some(ids);
                }
                // One index that names one entry, or none, is enough.
                if best.as_ref().is_some_and(|best| best.len() <= 1) {
                    break;
                }
            }
            return Ok(best);
        }
        Filter::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                if left.get() == 0 {
                    return Ok(None);
                }
                match few(part, namer, left)? {
                    Some(ids) => all.extend(ids),
                    None => return Ok(None),
                }
                if all.len() > FEW {
                    return Ok(None);
                }
            }
            return Ok(Some(all));
        }
        other => looked_up(other, namer)?,
    };
    // What an index has too much of was read, too.
    let read = found.as_ref().map_or(FEW, Vec::len) + 1;
    left.set(left.get().saturating_sub(read));
    Ok(found)
}

/// The entries that one index names for a part of a filter.
fn looked_up(filter: &Filter, namer: &Namer<'_, '_>) -> Result<Option<Vec<EntryId>>, Fault> {
    let snapshot = namer.snapshot;
    Ok(match filter {
        Filter::Known(Some(false) | None) => Some(Vec::new()),
        Filter::Id(id) => Some(vec![*id]),
        Filter::Among(ids) if ids.len() <= FEW => Some(ids.iter().copied().collect()),
        Filter::Equal(attribute, value) => equal(*attribute, value, namer)?,
        Filter::Parts(attribute, parts) => beginning(*attribute, parts, namer)?,
        Filter::Linked(Attribute::MemberOf, group) => {
            capped(snapshot.members(*group, None, FEW + 1)?)
        }
        Filter::Linked(Attribute::Member, member) => capped(snapshot.member_of(*member)?),
        Filter::Class(name) => of_classes(
            |class| {
                let chain = class.row().chain;
                chain.iter().any(|own| own.eq_ignore_ascii_case(name))
            },
            name,
            namer,
        )?,
        Filter::Category(class) => capped(snapshot.ids_of_class(*class, FEW + 1)?),
        _ => None,
    })
}

fn capped(ids: Vec<EntryId>) -> Option<Vec<EntryId>> {
    (ids.len() <= FEW).then_some(ids)
}

/// The entries of some classes. Entries that say they are of an auxiliary class are in no index.
fn of_classes(
    is: impl Fn(Class) -> bool,
    name: &str,
    namer: &Namer<'_, '_>,
) -> Result<Option<Vec<EntryId>>, Fault> {
    if crate::schema::AuxiliaryRow::by_name(name).is_some() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for row in CLASSES.iter().filter(|row| is(row.class)) {
        all.extend(
            namer
                .snapshot
                .ids_of_class(row.class, FEW + 1 - all.len().min(FEW))?,
        );
        if all.len() > FEW {
            return Ok(None);
        }
    }
    Ok(Some(all))
}

fn equal(
    attribute: Attribute,
    value: &Value,
    namer: &Namer<'_, '_>,
) -> Result<Option<Vec<EntryId>>, Fault> {
    let snapshot = namer.snapshot;
    match attribute {
        Attribute::Name | Attribute::Cn | Attribute::Ou => {
            let Value::Text(name) = value else {
                return Ok(None);
            };
            let mut all = Vec::new();
            for row in CLASSES {
                all.extend(snapshot.ids_of_class_named(row.class, &folded(name), FEW + 1)?);
            }
            Ok(capped(all))
        }
        _ => match attribute.row().index {
            Index::Unique => Ok(Some(
                snapshot.id_with(attribute, value)?.into_iter().collect(),
            )),
            Index::Listed => Ok(capped(snapshot.ids_with(attribute, value, FEW + 1)?)),
            Index::None | Index::Linked => Ok(None),
        },
    }
}

fn beginning(
    attribute: Attribute,
    parts: &Parts,
    namer: &Namer<'_, '_>,
) -> Result<Option<Vec<EntryId>>, Fault> {
    let Some(initial) = parts.initial.as_ref().filter(|initial| !initial.is_empty()) else {
        return Ok(None);
    };
    let row = attribute.row();
    // Index keys hold texts folded, without spaces at their ends.
    let Ok(text) = std::str::from_utf8(initial) else {
        return Ok(None);
    };
    let text = text.trim();
    if row.syntax != Syntax::DirectoryString || text.is_empty() {
        return Ok(None);
    }
    if matches!(attribute, Attribute::Name | Attribute::Cn | Attribute::Ou) {
        let mut all = Vec::new();
        for row in CLASSES {
            all.extend(
                namer
                    .snapshot
                    .ids_of_class_beginning(row.class, text, FEW + 1)?,
            );
            if all.len() > FEW {
                return Ok(None);
            }
        }
        return Ok(Some(all));
    }
    match row.index {
        Index::Unique | Index::Listed => Ok(capped(namer.snapshot.ids_beginning(
            attribute,
            text,
            FEW + 1,
        )?)),
        Index::None | Index::Linked => Ok(None),
    }
}
