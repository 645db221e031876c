//! Adding, changing, moving and deleting entries.

use crate::account::{KerberosKeys, MUST_CHANGE};
use crate::change::{Edit, NewEntry};
use crate::codec::Writer;
use crate::entry::Entry;
use crate::error::{CommitError, Refused};
use crate::id::EntryId;
use crate::layout;
use crate::password::PasswordMaterial;
use crate::record::AccountActivity;
use crate::root_key::Belonging;
use crate::schema::{Attribute, Class};
use crate::snapshot::tree::DEPTH_LIMIT;
use crate::storage::{Order, after_prefix};
use crate::value::{Secret, Value};

use super::{Work, Working, check};

/// How long a deleted entry is remembered, in days; the feed is kept as long.
pub(crate) const TOMBSTONE_DAYS: i64 = 180;

impl Work<'_> {
    pub(super) fn add(&mut self, new: &NewEntry) -> Result<(), CommitError> {
        let id = new.id;
        let gone = self.transaction.get(&layout::tombstone(id))?.is_some();
        if id == EntryId::NONE || gone || self.working(id)?.before.is_some() {
            return Err(Refused::EntryExists(id).into());
        }
        if self.working(id)?.after.is_some() {
            return Err(Refused::EntryExists(id).into());
        }
        check::name(&new.name)?;
        if !(self.is_bootstrap() && new.parent == EntryId::NONE) {
            self.check_parent(new.parent)?;
        }
        let mut entry = Entry {
            id,
            stamp: self.stamp,
            class: new.class,
            parent: new.parent,
            name: new.name.clone(),
            created: self.now,
            changed: self.now,
            listed_keys: 0,
            attributes: crate::entry::Attributes::default(),
        };
        for (attribute, values) in &new.attributes {
            self.set_values(&mut entry, *attribute, values)?;
        }
        self.set_by_system(&mut entry, new)?;
        if let Some(material) = &new.password {
            self.put_password(&mut entry, material, new.must_change)?;
        }
        self.working(id)?.after = Some(entry);
        Ok(())
    }

    /// What the directory itself sets on a new entry.
    fn set_by_system(&mut self, entry: &mut Entry, new: &NewEntry) -> Result<(), CommitError> {
        let mut set = |attribute, value| entry.attributes.insert(attribute, vec![value]);
        let number = i64::try_from(self.stamp.number).unwrap_or(i64::MAX);
        set(Attribute::UsnCreated, Value::Integer(number));
        if let Some(creator) = new.creator {
            set(Attribute::MsDsCreatorSid, Value::Sid(creator));
        }
        if new.critical && self.is_well_known() {
            set(Attribute::IsCriticalSystemObject, Value::Boolean(true));
        }
        if new.class == Class::DomainDns {
            set(Attribute::ObjectSid, Value::Sid(self.domain()?.sid));
        }
        if !new.class.row().principal {
            return Ok(());
        }
        let sid = match new.rid {
            Some(rid) if self.is_well_known() => self.sid_of(rid)?,
            _ => self.next_sid()?,
        };
        set(Attribute::ObjectSid, Value::Sid(sid));
        if new.class.is_account() && entry.integer(Attribute::PrimaryGroupId).is_none() {
            let rid = if new.class == Class::User { 513 } else { 515 };
            entry
                .attributes
                .insert(Attribute::PrimaryGroupId, vec![Value::Integer(rid)]);
        }
        if new.class.is_account() && entry.integer(Attribute::UserAccountControl).is_none() {
            let control = crate::account::AccountControl::NORMAL_ACCOUNT
                .with(crate::account::AccountControl::ACCOUNT_DISABLE);
            let value = Value::Integer(control.to_integer());
            entry
                .attributes
                .insert(Attribute::UserAccountControl, vec![value]);
        }
        let kind = check::sam_account_type(entry);
        entry
            .attributes
            .insert(Attribute::SamAccountType, vec![Value::Integer(kind)]);
        Ok(())
    }

    fn check_parent(&mut self, parent: EntryId) -> Result<(), CommitError> {
        let entry = self.existing(parent).map_err(|error| match error {
            CommitError::Refused(_) => CommitError::Refused(Refused::NoParent),
            other => other,
        })?;
        if entry.class.row().parent {
            Ok(())
        } else {
            Err(Refused::NoParent.into())
        }
    }

    pub(super) fn modify(&mut self, id: EntryId, edits: &[Edit]) -> Result<(), CommitError> {
        let mut entry = self.existing(id)?.clone();
        for edit in edits {
            let attribute = edit.attribute();
            match edit {
                Edit::Set(_, values) => self.set_values(&mut entry, attribute, values)?,
                Edit::Add(_, values) => {
                    check::no_secret(attribute)?;
                    let mut all = entry.values(attribute).to_vec();
                    all.extend(values.iter().cloned());
                    self.set_values(&mut entry, attribute, &all)?;
                }
                Edit::Remove(_, values) => {
                    check::no_secret(attribute)?;
                    let mut all = entry.values(attribute).to_vec();
                    for value in values {
                        let place = all.iter().position(|own| check::same(own, value));
                        all.remove(place.ok_or(Refused::NoSuchValue(attribute))?);
                    }
                    self.set_values(&mut entry, attribute, &all)?;
                }
            }
        }
        if entry.class.row().principal {
            let kind = Value::Integer(check::sam_account_type(&entry));
            entry
                .attributes
                .insert(Attribute::SamAccountType, vec![kind]);
        }
        self.working(id)?.after = Some(entry);
        // Unlocking forgets the failures too, as setting lockoutTime to 0 does ([MS-SAMR] 3.1.1.8.4).
        let unlocks = |edit: &Edit| matches!(edit, Edit::Set(Attribute::LockoutTime, values) if values.is_empty());
        if edits.iter().any(unlocks) {
            let last = self.now;
            self.note_activity(id, AccountActivity::BadPassword { count: 0, last })?;
        }
        Ok(())
    }

    /// Sets all values of an attribute, checked; secrets are wrapped here.
    fn set_values(
        &self,
        entry: &mut Entry,
        attribute: Attribute,
        values: &[Value],
    ) -> Result<(), CommitError> {
        check::values(entry.class, attribute, values, self.is_well_known())?;
        if values.is_empty() {
            entry.attributes.remove(attribute);
            return Ok(());
        }
        let stored = values.iter().map(|value| match value {
            Value::Secret(secret) => {
                let belonging = Belonging::Attribute(entry.id, attribute);
                let wrapped = self.directory.wrap(belonging, secret.expose());
                Value::Secret(Secret::new(wrapped))
            }
            other => other.clone(),
        });
        let stored = stored.collect();
        entry.attributes.insert(attribute, stored);
        Ok(())
    }

    pub(super) fn set_password(
        &mut self,
        id: EntryId,
        material: &PasswordMaterial,
        must_change: bool,
    ) -> Result<(), CommitError> {
        let mut entry = self.existing(id)?.clone();
        self.put_password(&mut entry, material, must_change)?;
        self.working(id)?.after = Some(entry);
        Ok(())
    }

    fn put_password(
        &mut self,
        entry: &mut Entry,
        material: &PasswordMaterial,
        must_change: bool,
    ) -> Result<(), CommitError> {
        let class = entry.class;
        if !class.is_account() {
            let attribute = Attribute::SupplementalCredentials;
            return Err(Refused::NotAllowed { class, attribute }.into());
        }
        let belonging = |attribute| Belonging::Attribute(entry.id, attribute);
        let attribute = Attribute::SupplementalCredentials;
        let old = match entry.values(attribute).first() {
            Some(Value::Secret(wrapped)) => {
                let secret = self
                    .directory
                    .root_key()
                    .unwrap(belonging(attribute), wrapped.expose())?;
                KerberosKeys::read(&secret)?
            }
            _ => KerberosKeys::default(),
        };
        let keys = old.renewed(&material.keys, self.now);
        let wrap = |attribute, secret: &Secret| {
            let wrapped = self.directory.wrap(belonging(attribute), secret.expose());
            vec![Value::Secret(Secret::new(wrapped))]
        };
        let mut set = vec![
            (attribute, wrap(attribute, &keys.write())),
            (
                Attribute::MsDsKeyVersionNumber,
                vec![Value::Integer(i64::from(keys.kvno()))],
            ),
            (
                Attribute::PwdLastSet,
                vec![Value::Time(if must_change {
                    MUST_CHANGE
                } else {
                    self.now
                })],
            ),
        ];
        if let Some(hash) = &material.hash {
            set.push((Attribute::PasswordHash, wrap(Attribute::PasswordHash, hash)));
        }
        entry.attributes.extend(set);
        if material.hash.is_none() {
            // The former password opens no page any more.
            entry.attributes.remove(Attribute::PasswordHash);
        }
        if let Some(history) = &material.history {
            let belonging = Belonging::Attribute(entry.id, Attribute::PasswordHistory);
            let wrapped = self.directory.wrap(belonging, history.expose());
            let row = layout::row(self.stamp, &wrapped);
            self.transaction.put(&layout::history(entry.id), &row)?;
        }
        Ok(())
    }

    /// Forgets the versions of an account's keys before `before`.
    pub(super) fn forget_former_keys(
        &mut self,
        id: EntryId,
        before: u32,
    ) -> Result<(), CommitError> {
        let attribute = Attribute::SupplementalCredentials;
        let belonging = Belonging::Attribute(id, attribute);
        let entry = self.existing(id)?;
        let Some(Value::Secret(wrapped)) = entry.values(attribute).first().cloned() else {
            return Ok(());
        };
        let root = self.directory.root_key();
        let keys = KerberosKeys::read(&root.unwrap(belonging, wrapped.expose())?)?;
        let kept = keys.since(before);
        if kept.sets().len() < keys.sets().len() {
            let wrapped = self.directory.wrap(belonging, kept.write().expose());
            let value = vec![Value::Secret(Secret::new(wrapped))];
            self.existing(id)?.attributes.insert(attribute, value);
        }
        Ok(())
    }

    pub(super) fn hang(
        &mut self,
        id: EntryId,
        parent: EntryId,
        name: Option<&str>,
    ) -> Result<(), CommitError> {
        if let Some(name) = name {
            check::name(name)?;
        }
        let entry = self.existing(id)?;
        if entry.is_critical() || entry.parent == EntryId::NONE {
            return Err(Refused::Critical.into());
        }
        self.check_parent(parent)?;
        // An entry must not come to hang below itself.
        let mut above = parent;
        for _ in 0..DEPTH_LIMIT {
            if above == id {
                return Err(Refused::NoParent.into());
            }
            if above == EntryId::NONE {
                let working = self.working(id)?;
                working.moved = true;
                if let Some(entry) = &mut working.after {
                    entry.parent = parent;
                    if let Some(name) = name {
                        name.clone_into(&mut entry.name);
                    }
                }
                return Ok(());
            }
            above = self.existing(above)?.parent;
        }
        Err(Refused::NoParent.into())
    }

    pub(super) fn delete(&mut self, id: EntryId) -> Result<(), CommitError> {
        let entry = self.existing(id)?.clone();
        if entry.is_critical() {
            return Err(Refused::Critical.into());
        }
        if self.has_children(id)? {
            return Err(Refused::NotLeaf.into());
        }
        self.drop_links(&entry)?;
        self.transaction.delete(&layout::activity(id))?;
        self.transaction.delete(&layout::history(id))?;
        let Working { before, after, .. } = self.working(id)?;
        *after = None;
        if before.is_some() {
            self.bury(&entry)?;
        }
        Ok(())
    }

    fn has_children(&mut self, id: EntryId) -> Result<bool, CommitError> {
        let own = |working: &Working| {
            working
                .after
                .as_ref()
                .is_some_and(|entry| entry.parent == id)
        };
        if self.entries.values().any(own) {
            return Ok(true);
        }
        // Children that this commit moves or deletes do not count any more.
        let prefix = layout::children(id);
        let end = after_prefix(&prefix);
        let limit = self.entries.len() + 1;
        let rows = self
            .transaction
            .scan(&prefix, &end, limit, Order::Ascending)?;
        for (_, value) in rows {
            let child = layout::open_row(&value)?.1.id()?;
            if !self.entries.contains_key(&child) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn bury(&mut self, entry: &Entry) -> Result<(), CommitError> {
        let payload = Writer::new()
            .u8(entry.class as u8)
            .id(entry.parent)
            .text(&entry.name)
            .time(self.now)
            .blob(
                &entry
                    .sid(Attribute::ObjectSid)
                    .map(|sid| sid.to_bytes())
                    .unwrap_or_default(),
            )
            .finish();
        let key = layout::tombstone(entry.id);
        self.transaction
            .put(&key, &layout::row(self.stamp, &payload))?;
        let until = self.now + trust::Span::days(TOMBSTONE_DAYS);
        self.expire(until, &key)
    }
}
