//! What nobody may do, administrators included: break the domain, or leave it without an administrator.

use std::collections::HashSet;

use directory::delegation::Delegable;
use directory::{
    Account, AccountKind, Attribute, Class, Entry, EntryId, Fault, Group, Snapshot, access,
    well_known,
};
use trust::Timestamp;
use wire::Sid;

use crate::asked::Asked;
use crate::caller::Needs;
use crate::names::called;
use crate::refused::{Refused, Trouble};

/// How many entries are looked at in search of an administrator.
const LOOKED_AT: usize = 50_000;
/// How many members are read at once.
const STEP: usize = 500;

/// Refuses what the domain itself stands on: krbtgt, the service that changes passwords, and domain controllers.
pub(crate) fn ordinary(account: &Account) -> Result<(), Refused> {
    let why = match account.kind {
        AccountKind::Krbtgt => "every ticket of the domain is made with its keys",
        _ if account.primary_group == well_known::DOMAIN_CONTROLLERS => "it is a domain controller",
        _ if account.changes_passwords() => "everybody's passwords are changed with its keys",
        _ => return Ok(()),
    };
    Err(Refused::Protected {
        name: called(account).to_owned(),
        why,
    })
}

/// Refuses an entry that the directory itself needs.
pub(crate) fn not_critical(entry: &Entry, name: &str) -> Result<(), Refused> {
    if entry.is_critical() {
        return Err(Refused::Protected {
            name: name.to_owned(),
            why: "the directory itself needs it",
        });
    }
    Ok(())
}

/// Lets pass who may look after an entry: an administrator, or whoever was granted that (decision 0012).
pub(crate) fn looks_after(
    asked: &Asked<'_, '_>,
    right: Delegable,
    id: EntryId,
) -> Result<(), Trouble> {
    if asked.who.may(Needs::Administrator) {
        return Ok(());
    }
    let snapshot = asked.snapshot();
    match (asked.who.access(), snapshot.entry(id)?) {
        (Some(access), Some(entry)) if access.may_look_after(right, &entry, snapshot)? => Ok(()),
        _ => Err(not_granted()),
    }
}

/// Lets pass who may add such entries below a unit.
pub(crate) fn adds_below(
    asked: &Asked<'_, '_>,
    right: Delegable,
    unit: EntryId,
) -> Result<(), Trouble> {
    if asked.who.may(Needs::Administrator) {
        return Ok(());
    }
    let snapshot = asked.snapshot();
    match asked.who.access() {
        Some(access) if access.was_granted(right, unit, snapshot)? => Ok(()),
        _ => Err(not_granted()),
    }
}

/// Lets pass values that whoever was granted a right may give.
pub(crate) fn may_set(
    asked: &Asked<'_, '_>,
    class: Class,
    attribute: Attribute,
    text: &str,
) -> Result<(), Trouble> {
    let snapshot = asked.snapshot();
    match asked.who.access() {
        Some(access) if !asked.who.may(Needs::Administrator) => {
            match access.may_set(class, attribute, &[], &[text.into()], snapshot)? {
                true => Ok(()),
                false => Err(not_granted()),
            }
        }
        _ => Ok(()),
    }
}

/// Lets pass whom whoever was granted the right may put into a group.
pub(crate) fn may_put(
    asked: &Asked<'_, '_>,
    member: EntryId,
    group: EntryId,
) -> Result<(), Trouble> {
    match asked.who.access() {
        Some(access) if !access.may_put(member, group, asked.snapshot())? => Err(not_granted()),
        _ => Ok(()),
    }
}

fn not_granted() -> Trouble {
    Refused::NotPermitted(
        "it takes an administrator of the domain, or a right that was granted there, and protected accounts and groups take the first",
    )
    .into()
}

/// What would go.
#[derive(Clone, Copy)]
pub(crate) enum Going {
    /// An account, or what it may.
    Account(EntryId),
    /// A group.
    Group(EntryId),
    /// A membership.
    Membership(EntryId, EntryId),
}

/// Refuses to take the last administrator away, and the caller's own rights unless they insist. Root can make another
/// administrator at any time, so root may insist on that, too.
pub(crate) fn somebody_remains(asked: &Asked<'_, '_>, going: Going) -> Result<(), Trouble> {
    let insists = asked.insists()?;
    let own = match going {
        Going::Account(id) => asked.who.is(id),
        Going::Membership(group, member) => asked.who.is(member) && administers(asked, group)?,
        Going::Group(_) => false,
    };
    if own && !insists {
        return Err(Refused::Yourself.into());
    }
    if insists && asked.who.is_local() {
        return Ok(());
    }
    let snapshot = asked.snapshot();
    let remains = |going| somebody(snapshot, going, asked.now);
    // Where there is no administrator yet, nothing takes the last one away.
    if !remains(Some(going))? && remains(None)? {
        return Err(Refused::LastAdministrator.into());
    }
    Ok(())
}

/// Whether membership in a group makes an administrator, directly or through others.
fn administers(asked: &Asked<'_, '_>, group: EntryId) -> Result<bool, Fault> {
    let snapshot = asked.snapshot();
    let mut sids: HashSet<Sid> = HashSet::new();
    let mut seen: HashSet<EntryId> = HashSet::new();
    let mut waiting = vec![group];
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) || seen.len() > LOOKED_AT {
            continue;
        }
        if let Some(group) = snapshot.group(id)? {
            sids.insert(group.sid);
            waiting.extend(snapshot.member_of(id)?);
        }
    }
    let caller = access::Caller::with_sids(Sid::ANONYMOUS, sids);
    Ok(caller.is_administrator(snapshot.domain()))
}

/// Whether there is a person who can administer, without what is going.
fn somebody(snapshot: &Snapshot<'_>, going: Option<Going>, now: Timestamp) -> Result<bool, Fault> {
    let domain = snapshot.domain();
    let heads = [
        domain.well_known_sid(well_known::DOMAIN_ADMINS),
        domain.well_known_sid(well_known::ENTERPRISE_ADMINS),
        Sid::BUILTIN_ADMINISTRATORS,
    ];
    let mut waiting: Vec<Group> = Vec::new();
    for sid in heads {
        waiting.extend(snapshot.group_by_sid(&sid)?);
    }
    let mut seen: HashSet<EntryId> = HashSet::new();
    while let Some(group) = waiting.pop() {
        let gone = matches!(going, Some(Going::Group(id)) if id == group.id);
        if gone || !group.group_type.is_security() || !seen.insert(group.id) {
            continue;
        }
        let mut last = None;
        loop {
            let members = snapshot.members(group.id, last, STEP)?;
            for member in &members {
                let goes = match going {
                    Some(Going::Account(id)) => id == *member,
                    Some(Going::Membership(of, id)) => of == group.id && id == *member,
                    _ => false,
                };
                if goes || !seen.insert(*member) {
                    continue;
                }
                match snapshot.account_by_id(*member)? {
                    Some(account) => {
                        let usable = account.kind == AccountKind::User
                            && account.is_enabled()
                            && !account.has_expired(now);
                        if usable {
                            return Ok(true);
                        }
                    }
                    None => {
                        if let Some(nested) = snapshot.group(*member)? {
                            // It is marked as seen when it is looked into.
                            seen.remove(member);
                            waiting.push(nested);
                        }
                    }
                }
            }
            if members.len() < STEP || seen.len() > LOOKED_AT {
                break;
            }
            last = members.last().copied();
        }
    }
    Ok(false)
}
