//! What a party asks the directory to do. A commit makes a list of changes, all or none.
//!
//! The functions below say the common ones in one line each; [`Change`] itself is for what they do not say.

use trust::{Rng, Timestamp};
use wire::{Guid, Sid};

use crate::account::{AccountControl, KeyValueId, MUST_CHANGE, Origin};
use crate::audit::AuditRecord;
use crate::device::DeviceCertificate;
use crate::id::EntryId;
use crate::password::PasswordMaterial;
use crate::record::{AccountActivity, ClaimId, Job, JobId, RecordValue, Table};
use crate::schema::{Attribute, Class};
use crate::value::{Secret, Value};

/// One change.
#[derive(Debug)]
pub enum Change {
    /// Adds an entry.
    Add(Box<NewEntry>),
    /// Changes attributes of an entry, one edit after another.
    Modify {
        /// Which entry.
        id: EntryId,
        /// The edits.
        edits: Vec<Edit>,
    },
    /// Hangs an entry elsewhere, or renames it. Everything below comes along.
    Move {
        /// Which entry.
        id: EntryId,
        /// Where to.
        parent: EntryId,
        /// The new name; `None` to keep it.
        name: Option<String>,
    },
    /// Deletes an entry without children, with its links, keys and memberships.
    Delete {
        /// Which entry.
        id: EntryId,
    },
    /// Makes an account, device or group a member of a group.
    AddMember {
        /// The group.
        group: EntryId,
        /// The member.
        member: EntryId,
    },
    /// Ends a membership.
    RemoveMember {
        /// The group.
        group: EntryId,
        /// The member.
        member: EntryId,
    },
    /// Lists a key on an account or device.
    AddKeyCredential {
        /// The account or device.
        holder: EntryId,
        /// The value's binary part.
        blob: Vec<u8>,
        /// How it comes here. What is not imported is checked strictly (protocols D.2).
        origin: Origin,
    },
    /// Takes a key off the list.
    RemoveKeyCredential {
        /// The account or device.
        holder: EntryId,
        /// Which value.
        value: KeyValueId,
    },
    /// Gives an account a new password, or new random keys.
    SetPassword {
        /// The account.
        id: EntryId,
        /// What [`crate::password`] made of it.
        material: Box<PasswordMaterial>,
        /// Whether it must be changed at the next sign-in.
        must_change: bool,
    },
    /// Forgets the keys of an account's versions before one: tickets under them open no more.
    ForgetFormerKeys {
        /// The account.
        id: EntryId,
        /// The oldest key version number that stays.
        before: u32,
    },
    /// Notes what an account did outside of its entry: no new version of the entry, no feed. An account
    /// that is gone is passed over, so that a batch does not fail for it.
    Activity {
        /// The account.
        id: EntryId,
        /// What it did.
        activity: AccountActivity,
    },
    /// Does what can be done once; fails the commit with [`crate::Refused::AlreadyClaimed`] when it was
    /// done before. Whoever asked [`crate::Snapshot::claimed`] first gets a conflict instead, and so the
    /// chance to answer properly.
    Claim {
        /// What.
        id: ClaimId,
        /// Until when it is remembered. Later than anything it protects is valid.
        until: Timestamp,
    },
    /// Writes a record, whether or not it was there.
    Put {
        /// The table.
        table: Table,
        /// The record's key within it, at most 500 bytes.
        key: Vec<u8>,
        /// Its value.
        value: RecordValue,
        /// From when on it is gone; [`Timestamp::NEVER`] for a lasting one.
        expires: Timestamp,
    },
    /// Removes a record; an absent one is no error.
    Remove {
        /// The table.
        table: Table,
        /// The record's key within it.
        key: Vec<u8>,
    },
    /// Asks for work later, in place of a job of the same name.
    Schedule(Job),
    /// Ends a job; one that is gone is no error.
    Finish(JobId),
    /// Writes an audit record.
    Audit(Box<AuditRecord>),
}

/// A change to the values of one attribute.
#[derive(Debug)]
pub enum Edit {
    /// Replaces all values; none removes the attribute.
    Set(Attribute, Vec<Value>),
    /// Adds values; one that is there is refused.
    Add(Attribute, Vec<Value>),
    /// Removes values; one that is not there is refused.
    Remove(Attribute, Vec<Value>),
}

impl Edit {
    /// Sets the one value of an attribute.
    pub fn set(attribute: Attribute, value: impl Into<Value>) -> Self {
        Self::Set(attribute, vec![value.into()])
    }

    /// Removes an attribute.
    #[must_use]
    pub const fn clear(attribute: Attribute) -> Self {
        Self::Set(attribute, Vec::new())
    }

    /// The attribute it changes.
    #[must_use]
    pub const fn attribute(&self) -> Attribute {
        match self {
            Self::Set(attribute, _) | Self::Add(attribute, _) | Self::Remove(attribute, _) => {
                *attribute
            }
        }
    }
}

/// An entry to be added.
#[derive(Debug)]
pub struct NewEntry {
    /// objectGUID, chosen by whoever adds it, so that other changes of the commit can speak of it.
    pub id: EntryId,
    /// The entry it hangs on.
    pub parent: EntryId,
    /// Its class.
    pub class: Class,
    /// The value of its naming attribute.
    pub name: String,
    /// Its attributes, without those that the directory sets.
    pub attributes: Vec<(Attribute, Vec<Value>)>,
    /// A security principal's first password or keys.
    pub password: Option<Box<PasswordMaterial>>,
    /// Whether the first password must be changed at the next sign-in.
    pub must_change: bool,
    /// Who created it (mS-DS-CreatorSID), for the quota of computers a person may join.
    pub creator: Option<Sid>,
    /// A relative identifier that the specifications fix; only what every domain has has one.
    pub(crate) rid: Option<u32>,
    /// Whether the directory itself needs it; only bootstrap and what every domain has say so.
    pub(crate) critical: bool,
}

impl NewEntry {
    /// An entry without attributes.
    #[must_use]
    pub fn new(id: EntryId, parent: EntryId, class: Class, name: impl Into<String>) -> Self {
        Self {
            id,
            parent,
            class,
            name: name.into(),
            attributes: Vec::new(),
            password: None,
            must_change: false,
            creator: None,
            rid: None,
            critical: false,
        }
    }

    /// A person's account, enabled, in `parent`.
    #[must_use]
    pub fn user(id: EntryId, parent: EntryId, sam: &str, name: impl Into<String>) -> Self {
        Self::new(id, parent, Class::User, name)
            .with(Attribute::SamAccountName, sam)
            .with(
                Attribute::UserAccountControl,
                AccountControl::NORMAL_ACCOUNT.to_integer(),
            )
    }

    /// A computer's account, enabled. `name` is without `$`.
    #[must_use]
    pub fn computer(id: EntryId, parent: EntryId, name: &str) -> Self {
        Self::new(id, parent, Class::Computer, name)
            .with(Attribute::SamAccountName, format!("{name}$"))
            .with(
                Attribute::UserAccountControl,
                AccountControl::WORKSTATION_TRUST_ACCOUNT.to_integer(),
            )
    }

    /// A service's account, enabled. `name` is without `$`.
    #[must_use]
    pub fn service(id: EntryId, parent: EntryId, name: &str) -> Self {
        Self::new(id, parent, Class::ManagedServiceAccount, name)
            .with(Attribute::SamAccountName, format!("{name}$"))
            .with(
                Attribute::UserAccountControl,
                AccountControl::WORKSTATION_TRUST_ACCOUNT.to_integer(),
            )
    }

    /// A group of security principals.
    #[must_use]
    pub fn group(id: EntryId, parent: EntryId, name: &str, group_type: i64) -> Self {
        Self::new(id, parent, Class::Group, name)
            .with(Attribute::SamAccountName, name)
            .with(Attribute::GroupType, group_type)
    }

    /// A registered device in the container of devices (protocols B.8), enabled.
    #[must_use]
    pub fn device(id: EntryId, parent: EntryId, device_id: Guid, display_name: &str) -> Self {
        Self::new(id, parent, Class::Device, device_id.to_string())
            .with(
                Attribute::MsDsDeviceId,
                device_id.to_windows_bytes().to_vec(),
            )
            .with(Attribute::DisplayName, display_name)
            .with(Attribute::MsDsIsEnabled, true)
    }

    /// The entry with one more value.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: impl Into<Value>) -> Self {
        let value = value.into();
        match self
            .attributes
            .iter_mut()
            .find(|(name, _)| *name == attribute)
        {
            Some((_, values)) => values.push(value),
            None => self.attributes.push((attribute, vec![value])),
        }
        self
    }

    /// The account with a first password or first keys.
    #[must_use]
    pub fn with_password(mut self, material: PasswordMaterial, must_change: bool) -> Self {
        self.password = Some(Box::new(material));
        self.must_change = must_change;
        self
    }

    /// The entry, saying who created it.
    #[must_use]
    pub fn created_by(mut self, creator: Sid) -> Self {
        self.creator = Some(creator);
        self
    }

    pub(crate) fn fixed(mut self, rid: u32) -> Self {
        self.rid = Some(rid);
        self.critical = true;
        self
    }

    pub(crate) fn critical(mut self) -> Self {
        self.critical = true;
        self
    }
}

impl From<NewEntry> for Change {
    fn from(entry: NewEntry) -> Self {
        Self::Add(Box::new(entry))
    }
}

/// Changes attributes of an entry.
#[must_use]
pub fn modify(id: EntryId, edits: Vec<Edit>) -> Change {
    Change::Modify { id, edits }
}

/// Sets the one value of an attribute.
pub fn set(id: EntryId, attribute: Attribute, value: impl Into<Value>) -> Change {
    modify(id, vec![Edit::set(attribute, value)])
}

/// Lists a key on an account or device.
#[must_use]
pub fn add_key_credential(holder: EntryId, blob: Vec<u8>, origin: Origin) -> Change {
    Change::AddKeyCredential {
        holder,
        blob,
        origin,
    }
}

/// Takes a key off an account's or device's list.
#[must_use]
pub fn remove_key_credential(holder: EntryId, value: KeyValueId) -> Change {
    Change::RemoveKeyCredential { holder, value }
}

/// Gives an account a new password or new random keys.
#[must_use]
pub fn set_password(id: EntryId, material: PasswordMaterial) -> Change {
    Change::SetPassword {
        id,
        material: Box::new(material),
        must_change: false,
    }
}

/// Gives an account a password that must be changed at the next sign-in.
#[must_use]
pub fn set_temporary_password(id: EntryId, material: PasswordMaterial) -> Change {
    Change::SetPassword {
        id,
        material: Box::new(material),
        must_change: true,
    }
}

/// Demands that the password be changed at the next sign-in: pwdLastSet 0.
#[must_use]
pub fn expire_password(id: EntryId) -> Change {
    set(id, Attribute::PwdLastSet, MUST_CHANGE)
}

/// Sets userAccountControl.
#[must_use]
pub fn set_control(id: EntryId, control: AccountControl) -> Change {
    set(id, Attribute::UserAccountControl, control.to_integer())
}

/// Disables an account whose flags are `control`.
#[must_use]
pub fn disable(id: EntryId, control: AccountControl) -> Change {
    set_control(id, control.with(AccountControl::ACCOUNT_DISABLE))
}

/// Enables an account whose flags are `control`.
#[must_use]
pub fn enable(id: EntryId, control: AccountControl) -> Change {
    set_control(id, control.without(AccountControl::ACCOUNT_DISABLE))
}

/// Locks an account out since `now`: lockoutTime.
#[must_use]
pub fn lock_out(id: EntryId, now: Timestamp) -> Change {
    set(id, Attribute::LockoutTime, now)
}

/// Ends a lockout.
#[must_use]
pub fn unlock(id: EntryId) -> Change {
    modify(id, vec![Edit::clear(Attribute::LockoutTime)])
}

/// Replaces the secrets of an account's second factors.
#[must_use]
pub fn set_second_factors(id: EntryId, secrets: Vec<Secret>) -> Change {
    let values = secrets.into_iter().map(Value::Secret).collect();
    modify(id, vec![Edit::Set(Attribute::SecondFactor, values)])
}

/// Enables or disables a device.
#[must_use]
pub fn set_device_enabled(id: EntryId, enabled: bool) -> Change {
    set(id, Attribute::MsDsIsEnabled, enabled)
}

/// Gives a device its certificate, in place of the former one.
#[must_use]
pub fn set_device_certificate(id: EntryId, certificate: &DeviceCertificate) -> Change {
    set(
        id,
        Attribute::AltSecurityIdentities,
        certificate.to_identity(),
    )
}

/// Does what can be done once.
#[must_use]
pub const fn claim(id: ClaimId, until: Timestamp) -> Change {
    Change::Claim { id, until }
}

/// Writes a record.
pub fn put(
    table: Table,
    key: impl Into<Vec<u8>>,
    value: impl Into<RecordValue>,
    expires: Timestamp,
) -> Change {
    Change::Put {
        table,
        key: key.into(),
        value: value.into(),
        expires,
    }
}

/// Removes a record.
pub fn remove(table: Table, key: impl Into<Vec<u8>>) -> Change {
    Change::Remove {
        table,
        key: key.into(),
    }
}

/// Writes an audit record.
#[must_use]
pub fn audit(record: AuditRecord) -> Change {
    Change::Audit(Box::new(record))
}

/// Asks for work later, under a name of its own.
pub fn schedule(kind: &str, due: Timestamp, payload: Vec<u8>, rng: &mut dyn Rng) -> Change {
    Change::Schedule(Job::new(JobId::random(rng), kind, due, payload))
}
