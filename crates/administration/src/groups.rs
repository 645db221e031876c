//! Groups and who is in them.

use directory::delegation::Delegable;
use directory::group::{DOMAIN_LOCAL_SECURITY, GLOBAL_SECURITY, GroupType, UNIVERSAL_SECURITY};
use directory::{Attribute, Change, Class, EntryId, Group, NewEntry, change};
use serde_json::Value;
use trust::Rng;

use crate::asked::Asked;
use crate::done::Done;
use crate::guard::{self, Going};
use crate::list::{self, Page};
use crate::names;
use crate::refused::{Refused, Trouble};
use crate::shown;
use crate::users::Changed;

/// The bit of groupType that makes a group count in access decisions.
const SECURITY: u32 = 0x8000_0000;
/// How many members are shown with a group.
const SHOWN: usize = 100;

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    list::by_name(asked, Class::Group, |entry| {
        let group = asked.snapshot().group(entry.id)?;
        Ok(group.map_or(Value::Null, |group| shown::group_line(&group).into()))
    })
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let group = named(asked)?;
    let mut shown = shown::group(&group, snapshot)?;
    let ids = snapshot.members(group.id, None, SHOWN + 1)?;
    shown.insert("more_members".to_owned(), (ids.len() > SHOWN).into());
    let members = show_members(asked, ids.iter().take(SHOWN))?;
    shown.insert("members".to_owned(), members.into());
    Ok(Done::now(shown.into()))
}

pub(crate) fn members(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let group = named(asked)?;
    let wanted = Page::of(asked)?;
    let mut ids = asked
        .snapshot()
        .members(group.id, wanted.id()?, wanted.limit + 1)?;
    let more = ids.len() > wanted.limit;
    ids.truncate(wanted.limit);
    let next = ids
        .last()
        .filter(|_| more)
        .map(|id| id.0.to_bytes().to_vec());
    let items = show_members(asked, ids.iter())?;
    Ok(list::page(items, next))
}

fn show_members<'i>(
    asked: &Asked<'_, '_>,
    ids: impl Iterator<Item = &'i EntryId>,
) -> Result<Vec<Value>, Trouble> {
    let mut members = Vec::new();
    for id in ids {
        members.extend(shown::member(*id, asked.snapshot())?);
    }
    Ok(members)
}

pub(crate) fn add(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let snapshot = asked.snapshot();
    let name = members.needed("name")?;
    names::check_new(&name)?;
    names::must_be_free(snapshot, &name)?;
    if name.ends_with('$') {
        // Such names are computers' and services'; a group of that name would hide one.
        return Err(Refused::member("name", "it must not end with $").into());
    }
    let kind = match members.text("scope")?.as_deref() {
        None | Some("global") => GLOBAL_SECURITY,
        Some("domain-local") => DOMAIN_LOCAL_SECURITY,
        Some("universal") => UNIVERSAL_SECURITY,
        Some(_) => {
            let why = "it must be global, domain-local or universal";
            return Err(Refused::member("scope", why).into());
        }
    };
    let kind = match members.flag("security")? {
        // The low 32 bits are the flags.
        Some(false) => GroupType(kind as u32 & !SECURITY).to_integer(),
        _ => kind,
    };
    let usual = snapshot.domain().users;
    let unit = names::unit(snapshot, members.text("unit")?.as_deref(), usual)?;
    guard::adds_below(asked, Delegable::Groups, unit)?;
    guard::may_set(asked, Class::Group, Attribute::SamAccountName, &name)?;
    let id = EntryId::made_at(asked.now, rng);
    let mut group = NewEntry::group(id, unit, &name, kind);
    if let Some(description) = members.text("description")? {
        group = group.with(Attribute::Description, description);
    }
    let changes = vec![group.into(), asked.audit(id, &name)];
    Ok(Done::entry(id, changes).made())
}

pub(crate) fn change_group(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let group = looked_after(asked, Delegable::Groups)?;
    let mut members = asked.members()?;
    let mut changed = Changed::of(asked, group.id, &group.sam)?;
    changed.texts(&mut members, &[("description", Attribute::Description)])?;
    Ok(changed.done())
}

pub(crate) fn delete(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let group = named(asked)?;
    if group.critical {
        return Err(Refused::Protected {
            name: group.sam,
            why: "the directory itself needs it",
        }
        .into());
    }
    guard::looks_after(asked, Delegable::Groups, group.id)?;
    guard::somebody_remains(asked, Going::Group(group.id))?;
    let record = asked
        .record()
        .on(group.id, &group.sam)
        .with("sid", group.sid);
    Ok(Done::changed(vec![
        Change::Delete { id: group.id },
        change::audit(record),
    ]))
}

pub(crate) fn add_member(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let group = looked_after(asked, Delegable::Members)?;
    let member = names::member(snapshot, asked.part(1))?;
    if member.id == group.id {
        return Err(Refused::InTheWay("a group cannot be a member of itself".to_owned()).into());
    }
    if snapshot.is_member(group.id, member.id)? {
        return Ok(Done::changed(Vec::new()));
    }
    guard::may_put(asked, member.id, group.id)?;
    Ok(Done::changed(vec![
        Change::AddMember {
            group: group.id,
            member: member.id,
        },
        change::audit(membership(asked, &group, &member)),
    ]))
}

pub(crate) fn remove_member(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let group = looked_after(asked, Delegable::Members)?;
    let member = names::member(snapshot, asked.part(1))?;
    if !snapshot.is_member(group.id, member.id)? {
        return Ok(Done::changed(Vec::new()));
    }
    guard::somebody_remains(asked, Going::Membership(group.id, member.id))?;
    Ok(Done::changed(vec![
        Change::RemoveMember {
            group: group.id,
            member: member.id,
        },
        change::audit(membership(asked, &group, &member)),
    ]))
}

fn membership(
    asked: &Asked<'_, '_>,
    group: &Group,
    member: &names::Member,
) -> directory::AuditRecord {
    asked
        .record()
        .on(group.id, &group.sam)
        .with("member", &member.name)
        .with("member id", member.id)
}

/// The group that the path names, when the caller may look after it.
fn looked_after(asked: &Asked<'_, '_>, right: Delegable) -> Result<Group, Trouble> {
    let group = named(asked)?;
    guard::looks_after(asked, right, group.id)?;
    Ok(group)
}

/// The group that the path names.
fn named(asked: &Asked<'_, '_>) -> Result<Group, Trouble> {
    names::group(asked.snapshot(), asked.part(0))
}
