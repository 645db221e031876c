//! Groups and memberships.

use std::collections::HashSet;
use std::sync::Arc;

use wire::Sid;

use super::Snapshot;
use crate::account::Account;
use crate::cache::Memberships;
use crate::error::Fault;
use crate::group::{Group, TOKEN_GROUPS_LIMIT, TokenGroup};
use crate::id::EntryId;
use crate::layout;
use crate::reads::{Observation, Walk};
use crate::schema::{Attribute, Class};
use crate::storage::{Order, after_prefix};
use crate::value::folded;

impl Snapshot<'_> {
    /// The group with an id.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn group(&self, id: EntryId) -> Result<Option<Group>, Fault> {
        match self.entry(id)? {
            Some(entry) if entry.class == Class::Group => Ok(Some(Group::parse(&entry)?)),
            _ => Ok(None),
        }
    }

    /// The group of a sAMAccountName.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn group_by_name(&self, sam: &str) -> Result<Option<Group>, Fault> {
        match self.holder(layout::unique(
            Attribute::SamAccountName,
            folded(sam).as_bytes(),
        ))? {
            Some(id) => self.group(id),
            None => Ok(None),
        }
    }

    /// The group with a SID.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn group_by_sid(&self, sid: &Sid) -> Result<Option<Group>, Fault> {
        match self.id_by_sid(sid)? {
            Some(id) => self.group(id),
            None => Ok(None),
        }
    }

    /// The direct members of a group, without those for whom it is the primary group, in the order of
    /// their ids, at most `limit` from the first after `after`.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn members(
        &self,
        group: EntryId,
        after: Option<EntryId>,
        limit: usize,
    ) -> Result<Vec<EntryId>, Fault> {
        let prefix = layout::links(group, Attribute::Member);
        self.ids_after(&prefix, after, limit)
    }

    /// The groups that an entry is a direct member of, without its primary group.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn member_of(&self, member: EntryId) -> Result<Vec<EntryId>, Fault> {
        let prefix = layout::backlinks(member, Attribute::MemberOf);
        self.ids_after(&prefix, None, usize::MAX)
    }

    /// Whether an entry is a direct member of a group.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn is_member(&self, group: EntryId, member: EntryId) -> Result<bool, Fault> {
        let key = layout::link(group, Attribute::Member, &member.bytes());
        Ok(self.row(key)?.is_some())
    }

    /// The security groups that an account is in: its primary group, the groups that list it, and
    /// whatever groups those are in, each once, however they are nested.
    ///
    /// # Errors
    /// [`Fault::TooManyGroups`] above [`TOKEN_GROUPS_LIMIT`]: a token that names some of them would be
    /// wrong. [`Fault`] when the storage fails.
    pub fn token_groups(&self, account: &Account) -> Result<Arc<[TokenGroup]>, Fault> {
        let cache = self.directory.cache();
        if self.may_ask_memory()?
            && let Some(kept) = cache.memberships(account.id, account.stamp, self.newest())
        {
            self.observe(Observation::Shared(kept.observed.clone()));
            return Ok(kept.groups.clone());
        }
        let memberships = Arc::new(self.compute_memberships(account)?);
        self.observe(Observation::Shared(memberships.observed.clone()));
        let number = self.store()?.number;
        cache.keep_memberships(account.id, account.stamp, memberships.clone(), number);
        Ok(memberships.groups.clone())
    }

    fn compute_memberships(&self, account: &Account) -> Result<Memberships, Fault> {
        let read = self.store()?.read.as_ref();
        let mut observed = vec![Observation::Entry(account.id, Some(account.stamp))];
        let mut groups: Vec<TokenGroup> = Vec::new();
        let mut seen: HashSet<EntryId> = HashSet::new();
        let mut waiting: Vec<EntryId> = vec![account.id];

        let primary = account
            .sid
            .domain()
            .and_then(|domain| domain.with_rid(account.primary_group));
        if let Some(sid) = primary {
            let key = layout::unique(Attribute::ObjectSid, &sid.to_bytes());
            if let Some(value) = read.get(&key)? {
                let (stamp, mut payload) = layout::open_row(&value)?;
                observed.push(Observation::Row(key.into(), Some(stamp)));
                waiting.push(payload.id()?);
            }
        }
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            if id != account.id {
                let Some(entry) = super::entry(read, id)? else {
                    continue;
                };
                observed.push(Observation::Entry(id, Some(entry.stamp)));
                if entry.class != Class::Group {
                    continue;
                }
                let group = Group::parse(&entry)?;
                if group.group_type.is_security() {
                    groups.push(TokenGroup {
                        sid: group.sid,
                        group_type: group.group_type,
                    });
                }
                if groups.len() > TOKEN_GROUPS_LIMIT {
                    return Err(Fault::TooManyGroups(TOKEN_GROUPS_LIMIT));
                }
            }
            let prefix = layout::backlinks(id, Attribute::MemberOf);
            let end = after_prefix(&prefix);
            let limit = TOKEN_GROUPS_LIMIT * 2;
            let rows = read.scan(&prefix, &end, limit, Order::Ascending)?;
            if rows.len() == limit {
                return Err(Fault::TooManyGroups(TOKEN_GROUPS_LIMIT));
            }
            observed.push(Walk::observed(
                &prefix,
                &end,
                limit,
                Order::Ascending,
                &rows,
            )?);
            for (key, _) in &rows {
                waiting.push(layout::id_at_end(key)?);
            }
        }
        groups.sort_by_key(|group| group.sid);
        Ok(Memberships {
            groups: groups.into(),
            observed: observed.into(),
        })
    }
}
