//! An entry as LDAP shows it: what is stored, and what is worked out when it is asked for.

use std::borrow::Cow;

use trust::Timestamp;
use wire::dn_binary::DnBinary;

use super::names::Namer;
use super::values;
use crate::account::AccountControl;
use crate::dn::Dn;
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::protected;
use crate::schema::{Attribute, Class, Exposure};
use crate::value::Value;

/// How many linked values of one attribute come at once; the rest is asked for by range ([MS-ADTS] 3.1.1.3.1.3.3).
pub(super) const RANGE: usize = 1_500;

/// The functional level of domain, forest and server: DS_BEHAVIOR_WIN2016 ([MS-ADTS] 6.1.4.2).
pub(super) const FUNCTIONALITY: i64 = 7;

/// Where a range of linked values begins and ends: `member;range=0-1499`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: usize,
    /// `None`: to the end (`*`).
    pub(super) to: Option<usize>,
}

/// Values of one attribute, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown<'e> {
    /// The values' bytes: the entry's own, where they are shown as they are stored.
    pub(super) values: Vec<Cow<'e, [u8]>>,
    /// Which of how many they are, where that is not all: the option that goes behind the attribute's name.
    pub(super) range: Option<(usize, Option<usize>)>,
}

impl From<Vec<Vec<u8>>> for Shown<'_> {
    fn from(values: Vec<Vec<u8>>) -> Self {
        Self {
            values: values.into_iter().map(Cow::Owned).collect(),
            range: None,
        }
    }
}

/// What entries are shown with: one snapshot, one moment.
pub(super) struct Viewer<'v, 's, 'd> {
    pub(super) namer: &'v Namer<'s, 'd>,
    pub(super) now: Timestamp,
    /// Whether names of other entries come with GUID and SID, and whether as texts.
    pub(super) extended: Option<bool>,
}

impl Viewer<'_, '_, '_> {
    /// The values of an attribute; none when the entry has none. Who may see it is not asked here.
    pub(super) fn values<'e>(
        &self,
        entry: &'e Entry,
        attribute: Attribute,
        range: Option<Range>,
    ) -> Result<Shown<'e>, Fault> {
        let row = attribute.row();
        if row.exposure == Exposure::Never {
            return Ok(Vec::new().into());
        }
        match attribute {
            Attribute::Member | Attribute::MemberOf => return self.linked(entry, attribute, range),
            Attribute::MsDsKeyCredentialLink => return self.keys(entry),
            Attribute::DirectReports => return self.pointing(entry, Attribute::Manager),
            Attribute::ManagedObjects => return self.pointing(entry, Attribute::ManagedBy),
            _ => {}
        }
        if is_stored(attribute)
            && let stored @ [_, ..] = entry.values(attribute)
            && let Some(values) = as_stored(stored)
        {
            return Ok(Shown {
                values,
                range: None,
            });
        }
        let mut shown = Vec::new();
        if let Some(texts) = self.derived(entry, attribute)? {
            shown.extend(texts);
        } else {
            for value in self.typed(entry, attribute)? {
                shown.extend(self.bytes(attribute, &value)?);
            }
        }
        Ok(shown.into())
    }

    fn bytes(&self, attribute: Attribute, value: &Value) -> Result<Option<Vec<u8>>, Fault> {
        match (value, self.extended) {
            (Value::Link(id), Some(_)) => self.name(*id),
            _ => values::shown(attribute, value, self.namer),
        }
    }

    /// A name in the form that was asked for; `None` when the entry is gone.
    pub(super) fn name(&self, id: EntryId) -> Result<Option<Vec<u8>>, Fault> {
        let Some(entry) = self.namer.snapshot.peek(id)? else {
            return Ok(None);
        };
        self.name_of(&entry).map(|name| Some(name.into_bytes()))
    }

    pub(super) fn name_of(&self, entry: &Entry) -> Result<String, Fault> {
        match self.extended {
            Some(texts) => self.namer.extended(entry, texts),
            None => self.namer.name_of(entry),
        }
    }

    /// An attribute's values as the directory compares them, without linked ones.
    pub(super) fn typed(&self, entry: &Entry, attribute: Attribute) -> Result<Vec<Value>, Fault> {
        let one = |value: Value| Ok(vec![value]);
        let snapshot = self.namer.snapshot;
        match attribute {
            Attribute::ObjectGuid => one(Value::Octets(entry.id.0.to_windows_bytes().to_vec())),
            Attribute::Name => one(entry.name.as_str().into()),
            Attribute::Cn | Attribute::Ou | Attribute::Dc => {
                if entry.class.row().naming != attribute {
                    return Ok(Vec::new());
                }
                // The head of the domain is named by its first label.
                let name = match entry.parent {
                    EntryId::NONE => entry.name.split('.').next().unwrap_or_default(),
                    _ => &entry.name,
                };
                one(name.into())
            }
            Attribute::WhenCreated | Attribute::CreateTimeStamp => one(entry.created.into()),
            Attribute::WhenChanged | Attribute::ModifyTimeStamp => one(entry.changed.into()),
            Attribute::UsnChanged if snapshot.highest_commit().is_none() => Ok(Vec::new()),
            Attribute::UsnChanged => one(Value::Integer(
                i64::try_from(entry.stamp.number).unwrap_or(i64::MAX),
            )),
            // A writable entry; the head of a naming context besides (bit 1).
            Attribute::InstanceType => one(Value::Integer(match entry.parent {
                EntryId::NONE => 5,
                _ => 4,
            })),
            Attribute::ObjectClass => {
                let chain = entry.class.row().chain.iter().map(|name| (*name).into());
                let more = entry.values(Attribute::ObjectClass).iter().cloned();
                Ok(chain.chain(more).collect())
            }
            Attribute::StructuralObjectClass => {
                let chain = entry.class.row().chain.iter();
                Ok(chain.map(|name| (*name).into()).collect())
            }
            Attribute::BadPwdCount | Attribute::BadPasswordTime | Attribute::LastLogon => {
                self.activity(entry, attribute)
            }
            Attribute::PrimaryGroupToken => {
                Ok(match (entry.class, entry.sid(Attribute::ObjectSid)) {
                    (Class::Group, Some(sid)) => vec![Value::Integer(i64::from(sid.rid()))],
                    _ => Vec::new(),
                })
            }
            Attribute::AdminCount => {
                let protected = protected::is(entry, snapshot)?;
                Ok(protected.then_some(Value::Integer(1)).into_iter().collect())
            }
            // Where an account never expires nothing is stored; filters of tools ask for a time to come.
            Attribute::AccountExpires if entry.class.is_account() => {
                one(entry.time(attribute).unwrap_or(Timestamp::NEVER).into())
            }
            Attribute::TokenGroups => {
                let Some(account) = snapshot.account_by_id(entry.id)? else {
                    return Ok(Vec::new());
                };
                let groups = snapshot.token_groups(&account)?;
                Ok(groups.iter().map(|group| group.sid.into()).collect())
            }
            Attribute::MsDsUserAccountControlComputed
            | Attribute::MsDsUserPasswordExpiryTimeComputed => self.computed(entry, attribute),
            // Length, age and history have attributes of their own; no flag of these holds (docs/running.md, "Passwords").
            Attribute::PwdProperties => Ok(match entry.class {
                Class::DomainDns => vec![Value::Integer(0)],
                _ => Vec::new(),
            }),
            Attribute::MsDsBehaviorVersion | Attribute::NtMixedDomain => {
                Ok(level(entry, attribute, snapshot.domain().head)
                    .into_iter()
                    .collect())
            }
            Attribute::EntryUuid => one(entry.id.0.to_string().into()),
            _ => Ok(entry.values(attribute).to_vec()),
        }
    }

    /// What is a name or derived from one.
    fn derived(&self, entry: &Entry, attribute: Attribute) -> Result<Option<Vec<Vec<u8>>>, Fault> {
        let one = |text: String| Ok(Some(vec![text.into_bytes()]));
        match attribute {
            Attribute::DistinguishedName => one(self.name_of(entry)?),
            Attribute::EntryDn => one(self.namer.name_of(entry)?),
            Attribute::CanonicalName => one(self.namer.canonical(entry)?),
            Attribute::ObjectCategory => one(self.category(entry.class)),
            Attribute::SubSchemaSubEntry => one(schema_name(&self.head())),
            _ => Ok(None),
        }
    }

    fn head(&self) -> String {
        Dn::of_domain(&self.namer.snapshot.domain().dns_name).to_string()
    }

    /// The category of a class: the name of an entry of the schema.
    pub(super) fn category(&self, class: Class) -> String {
        let name = category_name(class);
        format!("CN={name},CN=Schema,CN=Configuration,{}", self.head())
    }

    fn activity(&self, entry: &Entry, attribute: Attribute) -> Result<Vec<Value>, Fault> {
        if !entry.class.is_account() {
            return Ok(Vec::new());
        }
        let activity = self.namer.snapshot.activity(entry.id)?;
        Ok(vec![match attribute {
            Attribute::BadPwdCount => Value::Integer(i64::from(activity.bad_password_count)),
            Attribute::BadPasswordTime => {
                Value::Time(activity.bad_password_time.unwrap_or(Timestamp::NEVER))
            }
            _ => Value::Time(activity.last_logon.unwrap_or(Timestamp::NEVER)),
        }])
    }

    /// Locked out, or with a password that is too old ([MS-ADTS] 3.1.1.4.5.17, 3.1.1.4.5.33).
    fn computed(&self, entry: &Entry, attribute: Attribute) -> Result<Vec<Value>, Fault> {
        let snapshot = self.namer.snapshot;
        let Some(account) = snapshot.account_by_id(entry.id)? else {
            return Ok(Vec::new());
        };
        let maximum = snapshot.password_policy()?.maximum_age;
        if attribute == Attribute::MsDsUserPasswordExpiryTimeComputed {
            let expires = account.password_expires(maximum);
            return Ok(vec![expires.unwrap_or(Timestamp::NEVER).into()]);
        }
        let lockout = snapshot.lockout_policy()?;
        let mut control = AccountControl::default();
        if account.is_locked_out(lockout.duration, self.now) {
            control |= AccountControl(0x10);
        }
        if account.password_has_expired(maximum, self.now) {
            control |= AccountControl(0x0080_0000);
        }
        Ok(vec![Value::Integer(control.to_integer())])
    }

    fn linked(
        &self,
        entry: &Entry,
        attribute: Attribute,
        range: Option<Range>,
    ) -> Result<Shown<'static>, Fault> {
        let snapshot = self.namer.snapshot;
        let asked = range.is_some();
        let Range { from, to } = range.unwrap_or(Range { from: 0, to: None });
        let length = to.map_or(RANGE, |to| {
            to.saturating_sub(from).saturating_add(1).min(RANGE)
        });
        let most = from.saturating_add(length).saturating_add(1);
        let ids = if attribute == Attribute::MemberOf {
            snapshot.member_of(entry.id)?
        } else if entry.class == Class::Group {
            snapshot.members(entry.id, None, most)?
        } else {
            Vec::new()
        };
        let more = ids.len() > from.saturating_add(length);
        let mut values = Vec::new();
        for id in ids.into_iter().skip(from).take(length) {
            values.extend(self.name(id)?.map(Cow::Owned));
        }
        let last = from.saturating_add(values.len()).saturating_sub(1);
        let range = (asked || more).then_some((from, more.then_some(last)));
        Ok(Shown {
            range: range.filter(|_| !values.is_empty()),
            values,
        })
    }

    /// The entries that name this one in an attribute of theirs.
    fn pointing(&self, entry: &Entry, attribute: Attribute) -> Result<Shown<'static>, Fault> {
        let value = Value::Link(entry.id);
        let found = self.namer.snapshot.entries_with(attribute, &value, RANGE)?;
        let mut values = Vec::new();
        for entry in found {
            values.push(self.name_of(&entry)?.into_bytes());
        }
        Ok(values.into())
    }

    fn keys(&self, entry: &Entry) -> Result<Shown<'static>, Fault> {
        let mut values = Vec::new();
        if entry.listed_keys > 0 {
            let dn = self.namer.name_of(entry)?;
            for blob in self.namer.snapshot.key_values(entry.id)? {
                let value = DnBinary {
                    binary: blob,
                    dn: dn.clone(),
                };
                values.push(value.to_string().into_bytes());
            }
        }
        Ok(values.into())
    }
}

/// The functional level, where Active Directory has it: on the domain with its crossRef, the forest and the server.
fn level(entry: &Entry, attribute: Attribute, head: EntryId) -> Option<Value> {
    let domain = match entry.class {
        Class::DomainDns => true,
        Class::CrossRef => entry.link(Attribute::NcName) == Some(head),
        _ => false,
    };
    let others = matches!(entry.class, Class::CrossRefContainer | Class::NtdsDsa);
    match attribute {
        Attribute::NtMixedDomain => domain.then_some(Value::Integer(0)),
        _ => (domain || others).then_some(Value::Integer(FUNCTIONALITY)),
    }
}

/// Whether an attribute's values are those in the entry, and no others. `accountExpires` has one where nothing is stored.
pub(super) fn is_stored(attribute: Attribute) -> bool {
    let row = attribute.row();
    !row.constructed
        && row.index != crate::schema::Index::Linked
        && !matches!(
            attribute,
            Attribute::ObjectClass | Attribute::AccountExpires
        )
}

/// The bytes of values that are shown as they lie in the entry; `None` where one has to be written first.
fn as_stored(values: &[Value]) -> Option<Vec<Cow<'_, [u8]>>> {
    values
        .iter()
        .map(|value| match value {
            Value::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Value::Octets(bytes) => Some(Cow::Borrowed(bytes.as_slice())),
            Value::Integer(number) => Some(Cow::Owned(number.to_string().into_bytes())),
            _ => None,
        })
        .collect()
}

/// The subschema's name, below that of the domain.
pub(super) fn schema_name(head: &str) -> String {
    format!("CN=Aggregate,CN=Schema,CN=Configuration,{head}")
}

/// The common name of the schema's entry that is the category of a class's entries.
pub(super) fn category_name(class: Class) -> &'static str {
    match class {
        Class::DomainDns => "Domain-DNS",
        Class::Configuration => "Configuration",
        Class::Container => "Container",
        Class::OrganizationalUnit => "Organizational-Unit",
        Class::User => "Person",
        Class::Computer => "Computer",
        Class::ManagedServiceAccount => "ms-DS-Managed-Service-Account",
        Class::Group => "Group",
        Class::Device => "ms-DS-Device",
        Class::DeviceContainer => "ms-DS-Device-Container",
        Class::DeviceRegistrationService => "ms-DS-Device-Registration-Service",
        Class::DeviceRegistrationServiceContainer => "ms-DS-Device-Registration-Service-Container",
        Class::ServiceConnectionPoint => "Service-Connection-Point",
        Class::GroupPolicyContainer => "Group-Policy-Container",
        Class::CertificationAuthority => "Certification-Authority",
        Class::CrossRefContainer => "Cross-Ref-Container",
        Class::CrossRef => "Cross-Ref",
        Class::Dmd => "DMD",
        Class::SitesContainer => "Sites-Container",
        Class::Site => "Site",
        Class::ServersContainer => "Servers-Container",
        Class::Server => "Server",
        Class::NtdsDsa => "NTDS-DSA",
    }
}

/// The lDAPDisplayName by which a class's category can be asked for: `(objectCategory=person)`.
pub(super) fn category_display_name(class: Class) -> &'static str {
    match class {
        Class::User => "person",
        other => other.name(),
    }
}
