//! Whom a name means: account name, UPN, `DOMAIN\name`, objectGUID or SID.

use std::sync::Arc;

use directory::delegation::{self, Delegable};
use directory::{Account, AccountKind, Class, Device, Dn, EntryId, Fault, Group, Snapshot};
use wire::{Guid, Sid};

use crate::list::SCAN;
use crate::refused::{Refused, Trouble};

/// What kind of account an endpoint is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A person's; krbtgt is found among them, and protected.
    User,
    /// A machine's.
    Computer,
    /// A service's.
    Service,
}

impl Kind {
    /// What people call it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::User => "person",
            Self::Computer => "computer",
            Self::Service => "service",
        }
    }

    /// The right by which such accounts can be looked after; of services nothing is granted.
    pub(crate) const fn right(self) -> Delegable {
        match self {
            Self::User => Delegable::People,
            Self::Computer | Self::Service => Delegable::Computers,
        }
    }

    const fn is(self, account: AccountKind) -> bool {
        matches!(
            (self, account),
            (Self::User, AccountKind::User | AccountKind::Krbtgt)
                | (Self::Computer, AccountKind::Computer)
                | (Self::Service, AccountKind::Service)
        )
    }
}

/// What an account is called in words and records: its UPN, or its account name.
pub(crate) fn called(account: &Account) -> &str {
    account.upn.as_deref().unwrap_or(&account.sam)
}

/// The account of that kind that a name means.
pub(crate) fn account(
    snapshot: &Snapshot<'_>,
    kind: Kind,
    name: &str,
) -> Result<Arc<Account>, Trouble> {
    // A machine's or service's name is mostly said without its `$`, and somebody else may be called so.
    if kind != Kind::User && !name.ends_with('$') && !name.contains(['@', '/']) {
        let account = snapshot.account_by_name(&format!("{name}$"))?;
        if let Some(account) = account.filter(|account| kind.is(account.kind)) {
            return Ok(account);
        }
    }
    let found = match name.contains('/') {
        true => snapshot.account_by_spn(name)?,
        false => any_account(snapshot, name)?,
    };
    found
        .filter(|account| kind.is(account.kind))
        .ok_or_else(|| Refused::not_found(kind.word(), name).into())
}

/// The account that a name means, whatever its kind.
pub(crate) fn any_account(
    snapshot: &Snapshot<'_>,
    name: &str,
) -> Result<Option<Arc<Account>>, Fault> {
    if let Ok(id) = name.parse::<Guid>()
        && let Some(account) = snapshot.account_by_id(EntryId(id))?
    {
        return Ok(Some(account));
    }
    if let Ok(sid) = name.parse::<Sid>()
        && let Some(account) = snapshot.account_by_sid(&sid)?
    {
        return Ok(Some(account));
    }
    snapshot.account_by_name(name)
}

/// The unit of a distinguished name or objectGUID, below which something is added; `usual` where none is named.
pub(crate) fn unit(
    snapshot: &Snapshot<'_>,
    name: Option<&str>,
    usual: EntryId,
) -> Result<EntryId, Trouble> {
    let Some(name) = name else { return Ok(usual) };
    let found = match name.parse::<Guid>() {
        Ok(id) => snapshot.entry(EntryId(id))?,
        Err(_) => match name.parse::<Dn>() {
            Ok(dn) => snapshot.entry_by_dn(&dn)?,
            Err(_) => None,
        },
    };
    match found {
        Some(unit) if delegation::can_be_delegated(unit.class) => Ok(unit.id),
        _ => Err(Refused::not_found("unit", name).into()),
    }
}

/// The group that a name means.
pub(crate) fn group(snapshot: &Snapshot<'_>, name: &str) -> Result<Group, Trouble> {
    find_group(snapshot, name)?.ok_or_else(|| Refused::not_found("group", name).into())
}

fn find_group(snapshot: &Snapshot<'_>, name: &str) -> Result<Option<Group>, Fault> {
    if let Ok(id) = name.parse::<Guid>()
        && let Some(group) = snapshot.group(EntryId(id))?
    {
        return Ok(Some(group));
    }
    if let Ok(sid) = name.parse::<Sid>()
        && let Some(group) = snapshot.group_by_sid(&sid)?
    {
        return Ok(Some(group));
    }
    let bare = match name.split_once('\\') {
        Some((domain, bare)) if is_own(snapshot, domain) => bare,
        _ => name,
    };
    snapshot.group_by_name(bare)
}

fn is_own(snapshot: &Snapshot<'_>, domain: &str) -> bool {
    let own = snapshot.domain();
    [&own.netbios_name, &own.dns_name]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(domain))
}

/// The device that a name means: its device ID, its computer's name, or its display name where that is unique.
pub(crate) fn device(snapshot: &Snapshot<'_>, name: &str) -> Result<Arc<Device>, Trouble> {
    if let Ok(id) = name.parse::<Guid>() {
        if let Some(device) = snapshot.device_by_id(id)? {
            return Ok(device);
        }
        if let Some(device) = snapshot.device_by_entry(EntryId(id))? {
            return Ok(device);
        }
    }
    if let Ok(computer) = account(snapshot, Kind::Computer, name)
        && let Some(device) = snapshot.device_by_id(computer.id.0)?
    {
        return Ok(device);
    }
    let mut found: Vec<Arc<Device>> = Vec::new();
    let mut last: Option<directory::Entry> = None;
    loop {
        let entries = snapshot.entries_of_class(Class::Device, last.as_ref(), SCAN)?;
        for entry in &entries {
            if let Some(device) = snapshot.device_by_entry(entry.id)?
                && directory::folded(&device.display_name) == directory::folded(name)
            {
                found.push(device);
            }
        }
        if entries.len() < SCAN {
            break;
        }
        last = entries.into_iter().next_back();
    }
    match found.as_slice() {
        [] => Err(Refused::not_found("device", name).into()),
        [one] => Ok(Arc::clone(one)),
        several => {
            let ids: Vec<String> = several
                .iter()
                .take(10)
                .map(|device| device.device_id.to_string())
                .collect();
            Err(Refused::Ambiguous {
                name: name.to_owned(),
                candidates: ids.join(", "),
            }
            .into())
        }
    }
}

/// Somebody or something that can be in a group.
pub(crate) struct Member {
    pub(crate) id: EntryId,
    pub(crate) name: String,
}

/// The account, group or device that a name means.
pub(crate) fn member(snapshot: &Snapshot<'_>, name: &str) -> Result<Member, Trouble> {
    let of = |account: Arc<Account>| Member {
        id: account.id,
        name: called(&account).to_owned(),
    };
    if let Some(account) = any_account(snapshot, name)? {
        return Ok(of(account));
    }
    if let Some(group) = find_group(snapshot, name)? {
        return Ok(Member {
            id: group.id,
            name: group.sam,
        });
    }
    for kind in [Kind::Computer, Kind::Service] {
        match account(snapshot, kind, name) {
            Ok(account) => return Ok(of(account)),
            Err(Trouble::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    match device(snapshot, name) {
        Ok(device) => Ok(Member {
            id: device.id,
            name: device.display_name.clone(),
        }),
        Err(Trouble::Refused(Refused::NotFound { .. })) => {
            Err(Refused::not_found("account, group or device", name).into())
        }
        Err(other) => Err(other),
    }
}

/// Whether an account name can be given to somebody: one that reads as an id would be taken for that id.
pub(crate) fn check_new(name: &str) -> Result<(), Refused> {
    if name.parse::<Guid>().is_ok() || name.parse::<Sid>().is_ok() {
        return Err(Refused::member(
            "name",
            "it must not look like a GUID or SID",
        ));
    }
    Ok(())
}

/// Refuses a name that an account or group has.
pub(crate) fn must_be_free(snapshot: &Snapshot<'_>, sam: &str) -> Result<(), Trouble> {
    let holder = match snapshot.account_by_sam(sam)? {
        Some(account) => Some(account.sam.clone()),
        None => snapshot.group_by_name(sam)?.map(|group| group.sam),
    };
    match holder {
        None => Ok(()),
        Some(holder) => Err(Refused::taken("the account name", sam, &holder).into()),
    }
}

/// Refuses a UPN by which somebody else than `own` is found already.
pub(crate) fn upn_must_be_free(
    snapshot: &Snapshot<'_>,
    upn: &str,
    own: Option<EntryId>,
) -> Result<(), Trouble> {
    match snapshot.account_by_upn(upn)? {
        Some(holder) if Some(holder.id) != own => {
            Err(Refused::taken("the UPN", upn, called(&holder)).into())
        }
        _ => Ok(()),
    }
}
