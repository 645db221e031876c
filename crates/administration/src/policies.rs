//! Policy objects and what they come to (POL-G*).

use std::collections::BTreeSet;

use directory::{Change, Dn, EntryId, Snapshot, change};
use policy::stored::{self, PolicyError};
use policy::{About, Effective, Half, Kind as Takes, Link, Membership, NotSet, PolicyObject};
use serde_json::{Map, Value, json};
use trust::Rng;
use wire::{Guid, Sid};

use crate::asked::Asked;
use crate::body::{Members, Patch};
use crate::done::Done;
use crate::list::{self, Page};
use crate::names::{self, Kind};
use crate::refused::{Fault, Refused, Trouble};

/// The object that `default` stands for.
const DEFAULT: &str = "Default Domain Policy";

impl From<PolicyError> for Trouble {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Fault(fault) => fault.into(),
            PolicyError::NameTaken(name) => Refused::taken("the name", &name, "another policy object").into(),
            PolicyError::InvalidName => Refused::member("name", error.to_string()).into(),
            PolicyError::NotFound(name) => Refused::not_found("policy object", &name).into(),
            PolicyError::NoSuchContainer(id) => Refused::not_found("container", &id.to_string()).into(),
            PolicyError::Unreadable(name) => Refused::InTheWay(format!(
                "the policy object {name} was written by a newer release, or is damaged, and can only be deleted"
            ))
            .into(),
        }
    }
}

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let wanted = Page::of(asked)?;
    let after = wanted.id()?.map(|id| id.0);
    let mut objects = stored::objects(asked.snapshot())?;
    objects.sort_by_key(|object| object.id);
    objects.retain(|object| after.is_none_or(|after| object.id > after));
    let more = objects.len() > wanted.limit;
    objects.truncate(wanted.limit);
    let next = objects
        .last()
        .filter(|_| more)
        .map(|object| object.id.to_bytes().to_vec());
    let items = objects
        .iter()
        .map(|object| show_object(asked.snapshot(), object));
    Ok(list::page(items.collect::<Result<_, _>>()?, next))
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let object = named(asked)?;
    Ok(Done::now(show_object(asked.snapshot(), &object)?))
}

pub(crate) fn add(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let name = members.needed("name")?;
    let mut object = PolicyObject::new(Guid::from_random(rng.bytes()), name);
    describe(asked.snapshot(), &mut object, &mut members)?;
    let added = stored::add(asked.snapshot(), &object)?;
    let shown = show_object(asked.snapshot(), &object)?;
    let changes = [added, asked.audit(EntryId(object.id), &object.name)];
    Ok(Done::now(shown).committing(changes).made())
}

pub(crate) fn change_object(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut object = named(asked)?;
    let before = object.clone();
    let mut members = asked.members()?;
    if let Some(name) = members.text("name")? {
        object.name = name;
    }
    describe(asked.snapshot(), &mut object, &mut members)?;
    let done = Done::now(show_object(asked.snapshot(), &object)?);
    if object == before {
        return Ok(done);
    }
    let replaced = stored::replace(asked.snapshot(), &object)?;
    Ok(done.committing([replaced, asked.audit(EntryId(object.id), &object.name)]))
}

pub(crate) fn delete(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    // By its name alone: one that cannot be read can be deleted, too.
    let deleted = stored::delete(asked.snapshot(), name_of(asked))?;
    let Change::Delete { id } = &deleted else {
        return Err(Trouble::Fault(Fault::Internal(
            "a deletion is another change",
        )));
    };
    let audit = asked.audit(*id, name_of(asked));
    Ok(Done::changed(vec![deleted, audit]))
}

pub(crate) fn set(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let (half, about) = setting(asked)?;
    let mut members = asked.members()?;
    let value = value_of(about, members.value("value")?)?;
    let snapshot = asked.snapshot();
    let found = stored::object(snapshot, name_of(asked))?;
    let new = found.is_none();
    let mut object = match found {
        Some(object) => object,
        None => PolicyObject::new(Guid::from_random(rng.bytes()), name_of(asked)),
    };
    let before = object.clone();
    describe(snapshot, &mut object, &mut members)?;
    if !new && object != before {
        let why = format!(
            "the policy object {} is for others, or linked elsewhere",
            object.name
        );
        return Err(Refused::InTheWay(why).into());
    }
    object
        .set(half, about, value.clone())
        .map_err(|error| match error {
            NotSet::Invalid(invalid) => Refused::member("value", invalid.to_string()),
            NotSet::ComputerOnly(_) | NotSet::UserOnly(_) => {
                Refused::parameter("half", error.to_string())
            }
        })?;
    let done = Done::now(show_object(snapshot, &object)?);
    if !new && object == before {
        return Ok(done);
    }
    let change = match new {
        true => stored::add(snapshot, &object)?,
        false => stored::replace(snapshot, &object)?,
    };
    let record = record(asked, &object, half, about).with("value", &value);
    Ok(done.committing([change, change::audit(record)]))
}

pub(crate) fn unset(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let (half, about) = setting(asked)?;
    let mut object = named(asked)?;
    if !object.unset(half, about) {
        return Ok(Done::now(show_object(asked.snapshot(), &object)?));
    }
    let replaced = stored::replace(asked.snapshot(), &object)?;
    let record = record(asked, &object, half, about);
    let done = Done::now(show_object(asked.snapshot(), &object)?);
    Ok(done.committing([replaced, change::audit(record)]))
}

fn record(
    asked: &Asked<'_, '_>,
    object: &PolicyObject,
    half: Half,
    about: &About,
) -> directory::AuditRecord {
    asked
        .record()
        .on(EntryId(object.id), &object.name)
        .with("setting", about.name)
        .with("half", word(half))
}

/// Every setting there is.
pub(crate) fn settings(_: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let items = policy::settings::SETTINGS.iter().map(|about| {
        let halves: Vec<&str> = [Half::User, Half::Computer]
            .into_iter()
            .filter(|half| about.halves.include(*half))
            .map(word)
            .collect();
        json!({
            "id": about.id,
            "name": about.name,
            "title": about.title,
            "folder": about.folder,
            "halves": halves,
            "takes": about.kind.to_string(),
            "unset": about.unset,
            "doc": about.doc,
        })
    });
    Ok(list::page(items.collect(), None))
}

/// What holds for a person on a computer. Either may be left out: then what is filtered for them does not count.
pub(crate) fn effective(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let member = |parameter, kind| -> Result<Membership, Trouble> {
        match asked.parameter(parameter) {
            None => Ok(Membership::default()),
            Some(name) => {
                let account = names::account(snapshot, kind, name)?;
                Ok(stored::membership(snapshot, &account)?)
            }
        }
    };
    let person = member("user", Kind::User)?;
    let computer = member("computer", Kind::Computer)?;
    shown_effective(&Effective::of(
        &stored::objects(snapshot)?,
        &person,
        &computer,
    ))
}

/// What holds for somebody on the device that asks: before a person enrols there (PROV-2.3), and for the rules of
/// their PIN.
pub(crate) fn of_device(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let account = match asked.parameter("user") {
        None => None,
        Some(name) => Some(names::account(snapshot, Kind::User, name)?),
    };
    let person = match &account {
        None => Membership::default(),
        Some(account) => stored::membership(snapshot, account)?,
    };
    // A tenant has no computers: what is set for them holds for its devices where it is filtered for nobody.
    let computer = match &asked.who.account {
        None => Membership::default(),
        Some(computer) => stored::membership(snapshot, computer)?,
    };
    let sid = account.map_or(Value::Null, |account| account.sid.to_string().into());
    let effective = Effective::of(&stored::objects(snapshot)?, &person, &computer);
    Ok(shown_effective(&effective)?.with("sid", sid))
}

fn shown_effective(effective: &Effective) -> Result<Done, Trouble> {
    let settings: Vec<Value> = effective
        .decisions
        .iter()
        .map(|decision| {
            let about = policy::settings::named(&decision.setting);
            let value = decision.value.as_ref();
            json!({
                "setting": decision.setting,
                "id": about.map(|about| about.id),
                "value": value.map(|value| show_value(about, value)),
                "object": decision.object,
                "half": decision.half.map(word),
                "note": decision.note,
                "unset": about.map(|about| about.unset),
            })
        })
        .collect();
    let pin = effective.pin.in_words();
    let effective = serde_json::to_value(effective)
        .map_err(|_| Trouble::Fault(Fault::Internal("the effective policy has no JSON form")))?;
    Ok(Done::now(json!({
        "settings": settings,
        "pin": pin,
        "effective": effective,
    })))
}

/// The name in the path, or what `default` stands for.
fn name_of<'a>(asked: &'a Asked<'_, '_>) -> &'a str {
    match asked.part(0) {
        name if name.eq_ignore_ascii_case("default") => DEFAULT,
        name => name,
    }
}

fn named(asked: &Asked<'_, '_>) -> Result<PolicyObject, Trouble> {
    let name = name_of(asked);
    match stored::object(asked.snapshot(), name)? {
        Some(object) => Ok(object),
        None => Err(Refused::not_found("policy object", name).into()),
    }
}

/// The half and setting that the path names.
fn setting(asked: &Asked<'_, '_>) -> Result<(Half, &'static About), Refused> {
    let half = match asked.part(1) {
        half if half.eq_ignore_ascii_case("user") => Half::User,
        half if half.eq_ignore_ascii_case("computer") => Half::Computer,
        _ => return Err(Refused::parameter("half", "it must be user or computer")),
    };
    let name = asked.part(2);
    let about = policy::settings::named(name);
    Ok((
        half,
        about.ok_or_else(|| Refused::not_found("setting", name))?,
    ))
}

const fn word(half: Half) -> &'static str {
    match half {
        Half::User => "user",
        Half::Computer => "computer",
    }
}

/// A value as JSON has it, or as somebody types it: a switch is also `enabled` and 1, a class also a number.
fn value_of(about: &About, value: Value) -> Result<policy::Value, Refused> {
    let invalid = || Refused::member("value", format!("{} takes {}", about.name, about.kind));
    let text = match value {
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => return Err(invalid()),
    };
    about.parse(&text).map_err(|_| invalid())
}

/// A value for people: a class of characters by its word.
fn show_value(about: Option<&About>, value: &policy::Value) -> Value {
    match (about.map(|about| about.kind), value) {
        (Some(Takes::Class), policy::Value::Number(0)) => "allow".into(),
        (Some(Takes::Class), policy::Value::Number(1)) => "require".into(),
        (Some(Takes::Class), policy::Value::Number(2)) => "forbid".into(),
        (_, policy::Value::Switch(on)) => (*on).into(),
        (_, policy::Value::Number(number)) => (*number).into(),
        (_, policy::Value::Word(word)) => word.as_str().into(),
    }
}

/// Whom an object is for, and where it stands: the members that it is made and changed with.
fn describe(
    snapshot: &Snapshot<'_>,
    object: &mut PolicyObject,
    members: &mut Members,
) -> Result<(), Trouble> {
    if let Some(enabled) = members.flag("enabled")? {
        object.enabled = enabled;
    }
    if let Some(order) = members.number("order", 0, i64::from(u32::MAX))? {
        object.order = u32::try_from(order).unwrap_or(u32::MAX);
    }
    match members.patch("container")? {
        Patch::Keep => {}
        Patch::Clear => object.link = Link::Domain,
        Patch::Set(name) => {
            let id = container(snapshot, &name)?;
            object.link = match id == snapshot.domain().head {
                true => Link::Domain,
                false => Link::Container(id.0),
            };
        }
    }
    if let Some(groups) = members.texts("groups")? {
        let mut filter: BTreeSet<Sid> = BTreeSet::new();
        for group in groups {
            filter.insert(filtered(snapshot, &group)?);
        }
        object.filter = filter;
    }
    Ok(())
}

fn container(snapshot: &Snapshot<'_>, name: &str) -> Result<EntryId, Trouble> {
    let found = match (name.parse::<Guid>(), name.parse::<Dn>()) {
        (Ok(id), _) => snapshot.entry(EntryId(id))?,
        (_, Ok(dn)) => snapshot.entry_by_dn(&dn)?,
        _ => None,
    };
    match found {
        Some(entry) if entry.class.row().parent => Ok(entry.id),
        _ => Err(Refused::not_found("container", name).into()),
    }
}

/// Groups filter mostly; an account may, too (POL-G3).
fn filtered(snapshot: &Snapshot<'_>, name: &str) -> Result<Sid, Trouble> {
    match names::group(snapshot, name) {
        Ok(group) => Ok(group.sid),
        Err(Trouble::Refused(_)) => match names::any_account(snapshot, name)? {
            Some(account) => Ok(account.sid),
            None => match name.parse::<Sid>() {
                Ok(sid) if sid == Sid::AUTHENTICATED_USERS || sid == Sid::EVERYONE => Ok(sid),
                _ => Err(Refused::not_found("group", name).into()),
            },
        },
        Err(fault) => Err(fault),
    }
}

fn show_object(snapshot: &Snapshot<'_>, object: &PolicyObject) -> Result<Value, Trouble> {
    let half = |half: Half| -> Map<String, Value> {
        let settings = object.half(half).iter();
        settings
            .map(|(name, value)| {
                let about = policy::settings::named(name);
                (name.to_owned(), show_value(about, value))
            })
            .collect()
    };
    let mut groups = Vec::new();
    for sid in &object.filter {
        let name = match snapshot.group_by_sid(sid)? {
            Some(group) => Some(group.sam),
            None => snapshot
                .account_by_sid(sid)?
                .map(|account| account.sam.clone()),
        };
        groups.push(name.unwrap_or_else(|| sid.to_string()));
    }
    let container = match object.link {
        Link::Domain => Value::Null,
        Link::Container(id) => match snapshot.dn(EntryId(id))? {
            Some(dn) => dn.to_string().into(),
            None => id.to_string().into(),
        },
    };
    Ok(json!({
        "id": object.id.to_string(),
        "name": object.name,
        "enabled": object.enabled,
        "order": object.order,
        "container": container,
        "groups": groups,
        "user": half(Half::User),
        "computer": half(Half::Computer),
    }))
}
