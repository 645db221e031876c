//! What let somebody in and does no longer: removed keys, disabled accounts and devices, revoked certificates, replaced
//! passwords.
//!
//! Every commit says what it withdrew and what it gave ([`crate::Commit::withdrawn`]); whoever keeps that outside of the
//! store can withdraw it again from a backup that does not know it ([`Withdrawals`]).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use trust::Timestamp;
use trust::revocation;

use crate::account::{AccountControl, KeyCredential};
use crate::audit::{Actor, AuditRecord};
use crate::change::{self, Change, Edit};
use crate::directory::Directory;
use crate::entry::Entry;
use crate::error::{CommitError, Fault};
use crate::id::EntryId;
use crate::layout;
use crate::reads::Reads;
use crate::record::Table;
use crate::schema::{Attribute, Class};
use crate::snapshot;
use crate::storage::{Order, Read, Row, after_prefix};

/// How many withdrawals are committed at once.
const AT_ONCE: usize = 100;
/// How many rows are read at once.
const STEP: usize = 500;

/// Something that lets somebody in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "means", rename_all = "kebab-case")]
pub enum Means {
    /// A key that is listed on an account or device.
    Key {
        /// The account or device.
        entry: EntryId,
        /// The key's fingerprint, hexadecimal; of a value that holds none the digest of its bytes.
        key: String,
    },
    /// An account or device that is there and enabled.
    Entry {
        /// Which.
        entry: EntryId,
    },
    /// The password of an account, and the keys made of it or in its place.
    Password {
        /// The account.
        entry: EntryId,
    },
    /// The second factors of an account.
    SecondFactor {
        /// The account.
        entry: EntryId,
    },
    /// A certificate mapping of an account: whoever has that certificate signs in (protocols E.5.2).
    Mapping {
        /// The account.
        entry: EntryId,
        /// The value of altSecurityIdentities.
        mapping: String,
    },
    /// A certificate of our own authorities that is not revoked.
    Certificate {
        /// The authority's name.
        authority: String,
        /// The serial number, the content octets of its INTEGER, hexadecimal.
        serial: String,
    },
}

impl Means {
    pub(crate) fn of_key(entry: EntryId, key: &KeyCredential) -> Self {
        Self::Key {
            entry,
            key: named(key),
        }
    }

    /// The certificate mappings of an account; none of other entries, for a device's own certificate is named there by
    /// what issues it.
    pub(crate) fn mappings(entry: &Entry) -> BTreeSet<&str> {
        match entry.class.is_account() {
            true => entry.texts(Attribute::AltSecurityIdentities).collect(),
            false => BTreeSet::new(),
        }
    }

    /// The certificate that a record says to be revoked; `None` for other records.
    pub(crate) fn revoked(table: Table, key: &[u8]) -> Option<Self> {
        if table.name() != revocation::OWN_REVOKED {
            return None;
        }
        let end = key.iter().position(|byte| *byte == 0)?;
        let (authority, serial) = key.split_at_checked(end)?;
        Some(Self::Certificate {
            authority: std::str::from_utf8(authority).ok()?.to_owned(),
            serial: hex(serial.get(1..)?),
        })
    }

    /// Whether an entry is an account or device that is enabled.
    pub(crate) fn may_sign_in(entry: &Entry) -> bool {
        if entry.class == Class::Device {
            return entry.boolean(Attribute::MsDsIsEnabled) == Some(true);
        }
        entry.class.is_account() && !control(entry).contains(AccountControl::ACCOUNT_DISABLE)
    }
}

fn control(entry: &Entry) -> AccountControl {
    AccountControl::from_integer(entry.integer(Attribute::UserAccountControl).unwrap_or(0))
}

/// What a key is called: its fingerprint, or the digest of its value.
fn named(key: &KeyCredential) -> String {
    match key.fingerprint {
        Some(fingerprint) => hex(&fingerprint.0),
        None => hex(&key.id.0),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was withdrawn since some moment, as far as it was told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Withdrawals {
    means: BTreeSet<Means>,
    ended: Vec<(EntryId, EntryId)>,
    regained: Vec<(EntryId, Attribute)>,
}

/// Attributes that say who may act for whom. What was taken out of them is told, and not withdrawn: it is no way in by
/// itself.
const POWERS: [Attribute; 3] = [
    Attribute::DelegatedRights,
    Attribute::MsDsAllowedToDelegateTo,
    Attribute::MsDsAllowedToActOnBehalfOfOtherIdentity,
];

impl Withdrawals {
    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes in what a commit said of itself. Commits are told in their order: what was given again is not withdrawn.
    pub fn note(&mut self, withdrawn: &[Means], given: &[Means]) {
        for means in given {
            self.means.remove(means);
        }
        self.means.extend(withdrawn.iter().cloned());
    }

    /// Takes in what another source told of the same time.
    pub fn join(&mut self, other: Self) {
        self.means.extend(other.means);
        self.ended.extend(other.ended);
        self.regained.extend(other.regained);
    }

    /// The same without passwords and second factors, for who has those of today.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        let is_secret =
            |means: &Means| matches!(means, Means::Password { .. } | Means::SecondFactor { .. });
        self.means.retain(|means| !is_secret(means));
        self
    }

    /// What lets somebody in by one state of a store (of a backup), and does not by another (of the store that it
    /// replaces): keys, certificate mappings, accounts and devices. An account that is not there any more lets nobody in.
    /// Memberships that ended are told apart ([`Withdrawals::ended_memberships`]), and so is what somebody may do no longer
    /// ([`Withdrawals::regained`]).
    ///
    /// # Errors
    /// [`Fault`] when either cannot be read.
    pub fn between(backup: &dyn Read, replaced: &dyn Read) -> Result<Self, Fault> {
        let mut found = Self::default();
        each(backup, b"e", |(key, _)| {
            let id = layout::id_at_end(key)?;
            let Some(entry) = snapshot::entry(backup, id)? else {
                return Ok(());
            };
            let signs_in = entry.class.is_account() || entry.class == Class::Device;
            let has_power = POWERS.iter().any(|power| !entry.values(*power).is_empty());
            if !signs_in && !has_power {
                return Ok(());
            }
            let now = snapshot::entry(replaced, id)?;
            for power in POWERS {
                let kept = now.as_ref().map_or(&[][..], |now| now.values(power));
                if entry
                    .values(power)
                    .iter()
                    .any(|value| !kept.contains(value))
                {
                    found.regained.push((id, power));
                }
            }
            if !signs_in {
                return Ok(());
            }
            let kept = now.as_ref().map(Means::mappings).unwrap_or_default();
            for mapping in Means::mappings(&entry).difference(&kept) {
                let mapping = (*mapping).to_owned();
                found.means.insert(Means::Mapping { entry: id, mapping });
            }
            if Means::may_sign_in(&entry) && !now.as_ref().is_some_and(Means::may_sign_in) {
                found.means.insert(Means::Entry { entry: id });
            }
            if entry.listed_keys > 0 {
                let listed = snapshot::key_credentials(replaced, id)?;
                let listed: BTreeSet<String> = listed.iter().map(named).collect();
                for key in snapshot::key_credentials(backup, id)? {
                    if !listed.contains(&named(&key)) {
                        found.means.insert(Means::of_key(id, &key));
                    }
                }
            }
            Ok(())
        })?;
        each(backup, b"b", |(key, _)| {
            let bytes = key.get(1..17).and_then(|id| <[u8; 16]>::try_from(id).ok());
            let member = EntryId(wire::Guid::from_bytes(bytes.ok_or(Fault::Corrupt("link"))?));
            let group = layout::id_at_end(key)?;
            let link = layout::link(group, Attribute::Member, &member.bytes());
            if replaced.get(&link)?.is_none() {
                found.ended.push((group, member));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Everything that is withdrawn.
    pub fn means(&self) -> impl Iterator<Item = &Means> {
        self.means.iter()
    }

    /// Memberships that ended: of which group, and whose. They are told, and not withdrawn: a group that was deleted
    /// by mistake is one reason to restore.
    #[must_use]
    pub fn ended_memberships(&self) -> &[(EntryId, EntryId)] {
        &self.ended
    }

    /// Values that say who may act for whom, and that had been taken out since: of which entry, and of which attribute.
    /// They are told, and not withdrawn.
    #[must_use]
    pub fn regained(&self) -> &[(EntryId, Attribute)] {
        &self.regained
    }

    /// Withdraws everything from a directory, with a record in its audit log for each: keys and certificate mappings are
    /// removed, accounts and devices disabled, passwords have to be changed at the next sign-in. What is not there, or was withdrawn before, is
    /// passed over. Certificates are for the authority, and second factors and the keys of services for a person: they
    /// are returned as [`What::Remains`].
    ///
    /// # Errors
    /// [`CommitError`]; what was withdrawn by then stays withdrawn.
    pub fn apply(&self, directory: &Directory, now: Timestamp) -> Result<Vec<Done>, CommitError> {
        let means: Vec<&Means> = self.means.iter().collect();
        let mut all = Vec::new();
        for some in means.chunks(AT_ONCE) {
            let mut changes = Vec::new();
            {
                let read = directory.storage().snapshot().map_err(Fault::from)?;
                for means in some {
                    plan(means, read.as_ref(), now, &mut changes, &mut all)?;
                }
            }
            directory.commit(&changes, &Reads::none(), now)?;
        }
        Ok(all)
    }
}

/// What was done about something that was withdrawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// What.
    pub what: What,
    /// The account or device.
    pub entry: EntryId,
    /// What that is called.
    pub name: String,
    /// The key's fingerprint or the certificate mapping, where it was one.
    pub key: Option<String>,
}

/// What can be done about something that was withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// The key was removed.
    KeyRemoved,
    /// The certificate mapping was removed.
    MappingRemoved,
    /// The account or device was disabled.
    Disabled,
    /// The password has to be changed at the next sign-in.
    PasswordExpired,
    /// The secret is the one of before; an administrator has to replace it.
    Remains,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyRemoved => "key removed",
            Self::MappingRemoved => "certificate mapping removed",
            Self::Disabled => "disabled",
            Self::PasswordExpired => "password to be changed",
            Self::Remains => "secret of before",
        })
    }
}

/// Why it is done, for the audit log.
const BECAUSE: &str = "it was so before a backup was restored";

fn plan(
    means: &Means,
    read: &dyn Read,
    now: Timestamp,
    changes: &mut Vec<Change>,
    all: &mut Vec<Done>,
) -> Result<(), Fault> {
    let id = match means {
        Means::Key { entry, .. }
        | Means::Entry { entry }
        | Means::Mapping { entry, .. }
        | Means::Password { entry }
        | Means::SecondFactor { entry } => *entry,
        Means::Certificate { .. } => return Ok(()),
    };
    let Some(entry) = snapshot::entry(read, id)? else {
        return Ok(());
    };
    let name = called(&entry);
    let record = |action: &str| {
        let mut record = AuditRecord::done(now, Actor::system(), action).on(id, name.clone());
        record.reason = Some(BECAUSE.to_owned());
        record
    };
    let mut done = |what, key| {
        all.push(Done {
            what,
            entry: id,
            name: name.clone(),
            key,
        });
    };
    match means {
        Means::Key { key, .. } => {
            for listed in snapshot::key_credentials(read, id)? {
                if named(&listed) == *key {
                    changes.push(change::remove_key_credential(id, listed.id));
                    changes.push(change::audit(record("key.remove").about_key(key)));
                    done(What::KeyRemoved, Some(key.clone()));
                }
            }
        }
        Means::Mapping { mapping, .. } if Means::mappings(&entry).contains(mapping.as_str()) => {
            let edit = Edit::Remove(
                Attribute::AltSecurityIdentities,
                vec![mapping.clone().into()],
            );
            changes.push(change::modify(id, vec![edit]));
            changes.push(change::audit(record("user.unmap").with("mapping", mapping)));
            done(What::MappingRemoved, Some(mapping.clone()));
        }
        Means::Entry { .. } if Means::may_sign_in(&entry) => {
            let (change, action) = match entry.class {
                Class::Device => (change::set_device_enabled(id, false), "device.disable"),
                _ => (change::disable(id, control(&entry)), "account.disable"),
            };
            changes.push(change);
            changes.push(change::audit(record(action)));
            done(What::Disabled, None);
        }
        Means::Password { .. } if entry.class == Class::User && !entry.is_critical() => {
            changes.push(change::expire_password(id));
            changes.push(change::audit(record("password.expire")));
            done(What::PasswordExpired, None);
        }
        Means::Password { .. } | Means::SecondFactor { .. } => done(What::Remains, None),
        Means::Entry { .. } | Means::Mapping { .. } | Means::Certificate { .. } => {}
    }
    Ok(())
}

fn called(entry: &Entry) -> String {
    let names = [
        Attribute::UserPrincipalName,
        Attribute::SamAccountName,
        Attribute::DisplayName,
    ];
    let name = names.into_iter().find_map(|name| entry.text(name));
    name.unwrap_or(&entry.name).to_owned()
}

fn each(
    read: &dyn Read,
    table: &[u8],
    mut each: impl FnMut(&Row) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let end = after_prefix(table);
    let mut from = table.to_vec();
    loop {
        let rows = read.scan(&from, &end, STEP, Order::Ascending)?;
        rows.iter().try_for_each(&mut each)?;
        match rows.last() {
            Some((last, _)) if rows.len() == STEP => {
                from.clone_from(last);
                from.push(0);
            }
            _ => return Ok(()),
        }
    }
}
