//! Memberships and listed keys: values that are rows of their own.

use wire::key_credential::{KeyCredentialLink, KeyUsage};

use crate::account::{KeyCredential, KeyValueId, Origin};
use crate::codec::Writer;
use crate::entry::Entry;
use crate::error::{CommitError, Refused};
use crate::id::EntryId;
use crate::layout::{self, Listing};
use crate::schema::{Attribute, Class};
use crate::storage::{Order, after_prefix};
use crate::withdrawn::Means;

use super::Work;

/// The most keys on one account or device; every sign-in by key looks at all of them.
const KEYS_LIMIT: usize = 256;

impl Work<'_> {
    pub(super) fn add_member(
        &mut self,
        group: EntryId,
        member: EntryId,
    ) -> Result<(), CommitError> {
        let class = self.existing(group)?.class;
        if class != Class::Group {
            let attribute = Attribute::Member;
            return Err(Refused::NotAllowed { class, attribute }.into());
        }
        let class = self.existing(member)?.class;
        if !(class.row().principal || class == Class::Device) || group == member {
            return Err(Refused::Invalid {
                attribute: Attribute::Member,
                reason: "only accounts, devices and other groups can be members",
            }
            .into());
        }
        let key = layout::link(group, Attribute::Member, &member.bytes());
        if self.transaction.get(&key)?.is_some() {
            return Err(Refused::ValueExists(Attribute::Member).into());
        }
        let row = layout::row(self.stamp, &[]);
        self.transaction.put(&key, &row)?;
        let back = layout::backlink(member, Attribute::MemberOf, group);
        self.transaction.put(&back, &row)?;
        self.touch(group, Attribute::Member)
    }

    pub(super) fn remove_member(
        &mut self,
        group: EntryId,
        member: EntryId,
    ) -> Result<(), CommitError> {
        self.existing(group)?;
        let key = layout::link(group, Attribute::Member, &member.bytes());
        if self.transaction.get(&key)?.is_none() {
            return Err(Refused::NoSuchValue(Attribute::Member).into());
        }
        self.transaction.delete(&key)?;
        let back = layout::backlink(member, Attribute::MemberOf, group);
        self.transaction.delete(&back)?;
        self.touch(group, Attribute::Member)
    }

    pub(super) fn add_key(
        &mut self,
        holder: EntryId,
        blob: &[u8],
        origin: Origin,
    ) -> Result<(), CommitError> {
        let attribute = Attribute::MsDsKeyCredentialLink;
        let class = self.existing(holder)?.class;
        if !class.allows(attribute) {
            return Err(Refused::NotAllowed { class, attribute }.into());
        }
        if origin != Origin::Import {
            KeyCredentialLink::parse_strict(blob).map_err(Refused::KeyCredential)?;
        }
        let key = KeyCredential::new(blob.to_vec(), origin, self.now);
        if let (true, Some(public)) = (origin != Origin::Import, key.public_key()) {
            public.check_strength().map_err(Refused::WeakKey)?;
        }
        let row = layout::link(holder, attribute, &key.id.0);
        if self.transaction.get(&row)?.is_some() {
            return Err(Refused::ValueExists(attribute).into());
        }
        let prefix = layout::links(holder, attribute);
        let end = after_prefix(&prefix);
        let present = self
            .transaction
            .scan(&prefix, &end, KEYS_LIMIT, Order::Ascending)?;
        if present.len() >= KEYS_LIMIT {
            return Err(Refused::Invalid {
                attribute,
                reason: "too many keys",
            }
            .into());
        }
        if let Some(fingerprint) = unique_fingerprint(class, &key) {
            if let Some(value) = self.transaction.get(&fingerprint)? {
                let holder = layout::open_row(&value)?.1.id()?;
                return Err(Refused::KeyTaken { holder }.into());
            }
            let value = layout::row(self.stamp, &Writer::new().id(holder).finish());
            self.transaction.put(&fingerprint, &value)?;
        }
        if let Some(listed) = device_listing(holder, &key) {
            let value = layout::row(self.stamp, &[]);
            self.transaction.put(&listed, &value)?;
        }
        let value = KeyCredential::write(blob, origin, self.now);
        self.transaction
            .put(&row, &layout::row(self.stamp, &value))?;
        self.existing(holder)?.listed_keys += 1;
        if self.working(holder)?.before.is_some() {
            self.given.push(Means::of_key(holder, &key));
        }
        self.touch(holder, attribute)
    }

    pub(super) fn remove_key(
        &mut self,
        holder: EntryId,
        value: KeyValueId,
    ) -> Result<(), CommitError> {
        let attribute = Attribute::MsDsKeyCredentialLink;
        let class = self.existing(holder)?.class;
        let row = layout::link(holder, attribute, &value.0);
        let Some(stored) = self.transaction.get(&row)? else {
            return Err(Refused::NoSuchValue(attribute).into());
        };
        let key = KeyCredential::read(layout::open_row(&stored)?.1)?;
        self.transaction.delete(&row)?;
        if let Some(fingerprint) = unique_fingerprint(class, &key) {
            self.transaction.delete(&fingerprint)?;
        }
        self.unlist_device(holder, &key)?;
        self.withdrawn.push(Means::of_key(holder, &key));
        let entry = self.existing(holder)?;
        entry.listed_keys = entry.listed_keys.saturating_sub(1);
        self.touch(holder, attribute)
    }

    /// Takes the holder off the listing of a key's device, unless another of its keys is from there.
    fn unlist_device(&mut self, holder: EntryId, key: &KeyCredential) -> Result<(), CommitError> {
        let Some(listed) = device_listing(holder, key) else {
            return Ok(());
        };
        let others = crate::snapshot::key_credentials(&*self.transaction, holder)?;
        if !others.iter().any(|other| other.device() == key.device()) {
            self.transaction.delete(&listed)?;
        }
        Ok(())
    }

    /// Removes everything that links an entry to others, before it goes.
    pub(super) fn drop_links(&mut self, entry: &Entry) -> Result<(), CommitError> {
        let id = entry.id;
        for key in crate::snapshot::key_credentials(&*self.transaction, id)? {
            self.remove_key(id, key.id)?;
        }
        for member in self.linked(&layout::links(id, Attribute::Member))? {
            self.remove_member(id, member)?;
        }
        for group in self.linked(&layout::backlinks(id, Attribute::MemberOf))? {
            self.remove_member(group, id)?;
        }
        Ok(())
    }

    fn linked(&self, prefix: &[u8]) -> Result<Vec<EntryId>, CommitError> {
        let end = after_prefix(prefix);
        let rows = self
            .transaction
            .scan(prefix, &end, usize::MAX, Order::Ascending)?;
        rows.iter()
            .map(|(key, _)| Ok(layout::id_at_end(key)?))
            .collect()
    }
}

/// The keys of every index row that a listed key has.
pub(crate) fn key_index_keys(holder: &Entry, key: &KeyCredential) -> Vec<Vec<u8>> {
    let fingerprint = unique_fingerprint(holder.class, key);
    fingerprint
        .into_iter()
        .chain(device_listing(holder.id, key))
        .collect()
}

/// A key that signs in belongs to one account. A device's transport key does not sign in.
fn unique_fingerprint(class: Class, key: &KeyCredential) -> Option<Vec<u8>> {
    let signs_in = class.is_account() && key.usage() == Some(KeyUsage::Ngc);
    let fingerprint = key.fingerprint.as_ref().filter(|_| signs_in)?;
    Some(layout::fingerprint(&fingerprint.0))
}

fn device_listing(holder: EntryId, key: &KeyCredential) -> Option<Vec<u8>> {
    let device = key.device()?.to_windows_bytes();
    Some(layout::listed(Listing::KeyDevice, &device, holder))
}
