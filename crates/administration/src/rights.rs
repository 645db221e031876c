//! Administration that is delegated: which group may do what below which unit (decision 0012).

use directory::delegation::{self, Delegable, Grant};
use directory::{Attribute, Edit, Entry, EntryId, Group, Value, change};
use serde_json::json;
use trust::Rng;

use crate::asked::Asked;
use crate::done::Done;
use crate::list;
use crate::names;
use crate::refused::{Refused, Trouble};

pub(crate) fn list(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let mut items = Vec::new();
    for unit in delegation::units_with_grants(snapshot)? {
        let below = snapshot.dn(unit.id)?.map(|dn| dn.to_string());
        for grant in delegation::grants(&unit) {
            let group = snapshot.group_by_sid(&grant.to)?;
            items.push(json!({
                "right": grant.right.word(),
                "group": {
                    "name": group.as_ref().map(|group| group.sam.as_str()),
                    "sid": grant.to.to_string(),
                },
                "below": below,
            }));
        }
    }
    Ok(list::page(items, None))
}

pub(crate) fn grant(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let right = right(asked)?;
    let group = names::group(asked.snapshot(), asked.part(1))?;
    let grant = Grant {
        to: group.sid,
        right,
    };
    if let Err(why) = grant.check(asked.snapshot())? {
        return Err(Refused::InTheWay(why.to_string()).into());
    }
    let unit = unit(asked)?;
    Ok(match delegation::grants(&unit).any(|own| own == grant) {
        true => Done::changed(Vec::new()),
        false => changed(asked, &unit, grant, Some(&group), Edit::Add)?,
    })
}

/// Takes a right back. The group may be gone: then its SID names it.
pub(crate) fn revoke(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let right = right(asked)?;
    let (to, group) = match asked.part(1).parse() {
        Ok(sid) => (sid, asked.snapshot().group_by_sid(&sid)?),
        Err(_) => {
            let group = names::group(asked.snapshot(), asked.part(1))?;
            (group.sid, Some(group))
        }
    };
    let grant = Grant { to, right };
    let unit = unit(asked)?;
    Ok(match delegation::grants(&unit).any(|own| own == grant) {
        false => Done::changed(Vec::new()),
        true => changed(asked, &unit, grant, group.as_ref(), Edit::Remove)?,
    })
}

fn right(asked: &Asked<'_, '_>) -> Result<Delegable, Refused> {
    Delegable::of_word(asked.part(0)).ok_or_else(|| {
        let words = Delegable::ALL.map(Delegable::word).join(", ");
        Refused::parameter("right", format!("it must be one of {words}"))
    })
}

/// The unit that `below` names; the whole domain where it names none.
fn unit(asked: &Asked<'_, '_>) -> Result<Entry, Trouble> {
    let snapshot = asked.snapshot();
    let head: EntryId = snapshot.domain().head;
    let id = names::unit(snapshot, asked.parameter("below"), head)?;
    let entry = snapshot.entry(id)?;
    Ok(entry.ok_or(directory::Fault::Corrupt("unit"))?)
}

fn changed(
    asked: &Asked<'_, '_>,
    unit: &Entry,
    grant: Grant,
    group: Option<&Group>,
    edit: impl FnOnce(Attribute, Vec<Value>) -> Edit,
) -> Result<Done, Trouble> {
    let name = asked.snapshot().dn(unit.id)?;
    let name = name.map(|dn| dn.to_string()).unwrap_or_default();
    let mut record = asked
        .record()
        .on(unit.id, name)
        .with("right", grant.right.word())
        .with("sid", grant.to);
    if let Some(group) = group {
        record = record.with("group", &group.sam);
    }
    let edit = edit(Attribute::DelegatedRights, vec![grant.to_string().into()]);
    Ok(Done::changed(vec![
        change::modify(unit.id, vec![edit]),
        change::audit(record),
    ]))
}
