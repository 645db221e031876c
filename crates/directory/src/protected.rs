//! Who is protected (`adminCount`), for those who look for all of them: [`is`] says it of one entry, by all the groups that
//! it is in; [`Candidates`] are found from the other end, so that only few entries have to be asked.

use std::collections::HashSet;

use crate::access::{is_protected, powers};
use crate::account::PASSWORD_SERVICE;
use crate::delegation::{grants, makes_protected, units_with_grants};
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::{Attribute, Class};
use crate::snapshot::Snapshot;

/// Whether an entry is protected: an account whom only administrators may touch, or a group that makes somebody one.
pub(crate) fn is(entry: &Entry, snapshot: &Snapshot<'_>) -> Result<bool, Fault> {
    match entry.class {
        Class::Group => match snapshot.group(entry.id)? {
            Some(group) => makes_protected(&group, snapshot),
            None => Ok(false),
        },
        class if class.is_account() => match snapshot.account_by_id(entry.id)? {
            Some(account) => is_protected(&account, snapshot),
            None => Ok(false),
        },
        _ => Ok(false),
    }
}

/// Everybody who can be protected: who has a power or was granted something, and whatever is in those groups, however far
/// down. Some of them are not, for a group that is not of security passes on nothing.
#[derive(Debug)]
pub(crate) struct Candidates {
    ids: HashSet<EntryId>,
    /// The relative identifiers of those groups: an account is in its primary group without being a member.
    groups: HashSet<u32>,
}

impl Candidates {
    /// All of them, and how many grants and links were followed; `None` when that would be more than `most`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub(crate) fn of(snapshot: &Snapshot<'_>, most: usize) -> Result<Option<(Self, usize)>, Fault> {
        let domain = snapshot.domain();
        let mut found = Self {
            ids: HashSet::from([domain.krbtgt]),
            groups: HashSet::new(),
        };
        let password_service = snapshot.account_by_spn(PASSWORD_SERVICE)?;
        found.ids.extend(password_service.map(|account| account.id));
        let units = units_with_grants(snapshot)?;
        let Some(mut left) = most.checked_sub(units.len() + 1) else {
            return Ok(None);
        };
        let granted = units.iter().flat_map(grants).map(|grant| grant.to);
        let mut waiting = Vec::new();
        for sid in powers(domain).into_iter().chain(granted) {
            waiting.extend(snapshot.id_by_sid(&sid)?);
        }
        while let Some(id) = waiting.pop() {
            if !found.ids.insert(id) {
                continue;
            }
            let Some(group) = snapshot
                .peek(id)?
                .filter(|entry| entry.class == Class::Group)
            else {
                continue;
            };
            let sid = group.sid(Attribute::ObjectSid);
            found.groups.extend(sid.map(|sid| sid.rid()));
            let members = snapshot.members(id, None, left + 1)?;
            match left.checked_sub(members.len()) {
                Some(rest) => left = rest,
                None => return Ok(None),
            }
            waiting.extend(members);
        }
        Ok(Some((found, most - left)))
    }

    /// Whether an entry is one of them.
    pub(crate) fn have(&self, entry: &Entry) -> bool {
        if self.ids.contains(&entry.id) {
            return true;
        }
        let primary = entry.integer(Attribute::PrimaryGroupId);
        let primary = primary.and_then(|rid| u32::try_from(rid).ok());
        entry.class.is_account() && primary.is_some_and(|rid| self.groups.contains(&rid))
    }
}
