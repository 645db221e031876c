//! Who may act for people to whom (MS-SFU): the list of an account's own, and a service's of who may to it.

use std::sync::Arc;

use directory::{Account, AccountKind, Attribute, Edit, Snapshot, Value, change};
use wire::security_descriptor::{Ace, AceKind, SecurityDescriptor};

use crate::asked::Asked;
use crate::done::Done;
use crate::names::{self, Kind, called};
use crate::principals;
use crate::refused::{Refused, Trouble};
use crate::users::ordinary;

/// The most services or accounts on one list.
const MOST: usize = 100;

pub(crate) fn add_to(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let (account, principal) = (ordinary(asked, kind)?, asked.part(1));
    principals::check(principal).map_err(|why| Refused::parameter(principal, why))?;
    if has(&account, principal) {
        return Ok(Done::changed(Vec::new()));
    }
    must_be_there(asked.snapshot(), principal)?;
    room(account.delegates_to.len())?;
    Ok(changed_to(asked, &account, Edit::Add))
}

pub(crate) fn remove_to(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = ordinary(asked, kind)?;
    match has(&account, asked.part(1)) {
        true => Ok(changed_to(asked, &account, Edit::Remove)),
        false => Ok(Done::changed(Vec::new())),
    }
}

pub(crate) fn add_from(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = ordinary(asked, kind)?;
    let other = other(asked)?;
    let mut list = list_of(&account);
    if list.iter().any(|ace| allows(ace, &other)) {
        return Ok(Done::changed(Vec::new()));
    }
    room(list.len())?;
    list.push(Ace {
        kind: AceKind::Allow,
        mask: SecurityDescriptor::ALL_RIGHTS,
        sid: other.sid,
    });
    Ok(changed_from(asked, &account, &other, list))
}

pub(crate) fn remove_from(asked: &Asked<'_, '_>, kind: Kind) -> Result<Done, Trouble> {
    let account = ordinary(asked, kind)?;
    let other = other(asked)?;
    let mut list = list_of(&account);
    let before = list.len();
    list.retain(|ace| !allows(ace, &other));
    match list.len() == before {
        true => Ok(Done::changed(Vec::new())),
        false => Ok(changed_from(asked, &account, &other, list)),
    }
}

/// The account that the path names second: a service, a computer, or a person who has a service's name.
fn other(asked: &Asked<'_, '_>) -> Result<Arc<Account>, Trouble> {
    let (snapshot, name) = (asked.snapshot(), asked.part(1));
    for kind in [Kind::Service, Kind::Computer, Kind::User] {
        if let Ok(account) = names::account(snapshot, kind, name)
            && account.kind != AccountKind::Krbtgt
            && !account.changes_passwords()
        {
            return Ok(account);
        }
    }
    Err(Refused::not_found("account", name).into())
}

/// A name that nobody has is mostly one that was mistyped, and somebody else may take it later. What every host has
/// belongs to its host.
fn must_be_there(snapshot: &Snapshot<'_>, principal: &str) -> Result<(), Trouble> {
    let host = principal.split_once('/').map(|(_, host)| host);
    let host = format!("host/{}", host.unwrap_or_default());
    for name in [principal, &host] {
        if snapshot.account_by_spn(name)?.is_some() {
            return Ok(());
        }
    }
    Err(Refused::not_found("service principal", principal).into())
}

fn room(count: usize) -> Result<(), Refused> {
    match count < MOST {
        true => Ok(()),
        false => Err(Refused::InTheWay(format!("its list has {MOST} already"))),
    }
}

fn has(account: &Account, principal: &str) -> bool {
    let wanted = directory::folded(principal);
    let mut own = account.delegates_to.iter();
    own.any(|own| directory::folded(own) == wanted)
}

fn list_of(account: &Account) -> Vec<Ace> {
    let descriptor = account.delegated_from.as_ref();
    descriptor
        .and_then(|descriptor| descriptor.dacl.clone())
        .unwrap_or_default()
}

fn allows(ace: &Ace, account: &Account) -> bool {
    ace.kind == AceKind::Allow && ace.sid == account.sid
}

fn changed_to(
    asked: &Asked<'_, '_>,
    account: &Account,
    edit: impl FnOnce(Attribute, Vec<Value>) -> Edit,
) -> Done {
    let principal = asked.part(1);
    let edit = edit(Attribute::MsDsAllowedToDelegateTo, vec![principal.into()]);
    let record = asked
        .record()
        .on(account.id, called(account))
        .with("to", principal);
    Done::changed(vec![
        change::modify(account.id, vec![edit]),
        change::audit(record),
    ])
}

fn changed_from(asked: &Asked<'_, '_>, account: &Account, other: &Account, list: Vec<Ace>) -> Done {
    let attribute = Attribute::MsDsAllowedToActOnBehalfOfOtherIdentity;
    let edit = match list.is_empty() {
        true => Edit::clear(attribute),
        false => {
            let descriptor = SecurityDescriptor {
                dacl: Some(list),
                ..SecurityDescriptor::allowing([])
            };
            Edit::set(attribute, descriptor.to_bytes())
        }
    };
    let record = asked
        .record()
        .on(account.id, called(account))
        .with("from", called(other));
    Done::changed(vec![
        change::modify(account.id, vec![edit]),
        change::audit(record),
    ])
}
