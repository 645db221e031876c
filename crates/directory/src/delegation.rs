//! Administration that is delegated: a group may do one kind of work on what hangs below a unit (decision 0012).
//!
//! A grant is a value of the unit's own attribute `keyporch-DelegatedRights`: the group's SID and the right's word. It goes
//! with the unit when that moves or is deleted, is written in one commit with its audit record, and is asked for by LDAP and
//! the administration API alike, in [`Caller::may_look_after`].
//!
//! No grant reaches who is protected: administrators, whoever was granted something, and the groups that make them so. So
//! nobody becomes by a grant more than the grant says.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use wire::Sid;

use crate::access::{Caller, is_protected};
use crate::account::{Account, AccountControl};
use crate::entry::Entry;
use crate::error::Fault;
use crate::group::{Group, TOKEN_GROUPS_LIMIT};
use crate::id::EntryId;
use crate::schema::{Attribute, Class};
use crate::snapshot::Snapshot;
use crate::value::{Value, folded};
use crate::well_known as rid;

/// How deep a unit can be for its grants to be looked for, and how many groups a group can be in, all told.
const DEPTH: usize = 64;
const GROUPS: usize = 2_000;

/// Grants of one domain that are listed.
const GRANTS: usize = 10_000;

/// The first number that is not a system's own, as users and groups of Linux machines are numbered.
const FIRST_NUMBER: i64 = 1_000;

/// The RID below which groups are the domain's own.
const FIRST_RID: u32 = 1_000;

/// How many groups somebody may be in, all told, for who was granted a right to put them into one more: who is in more than
/// [`TOKEN_GROUPS_LIMIT`] gets no ticket, and others' groups must not be a way to bring that about.
const ROOM: usize = TOKEN_GROUPS_LIMIT / 2;

/// How many members of a group are looked at that is put into another one.
const MEMBERS: usize = 2_000;

/// Names that Linux machines give to their own administrators. A principal `root` is `root` there (krb5_aname_to_localname),
/// and a group `sudo` is taken for theirs.
const OF_MACHINES: [&str; 12] = [
    "adm", "admin", "disk", "docker", "kmem", "libvirt", "lxd", "root", "shadow", "sudo", "toor",
    "wheel",
];

/// Groups that everybody is in: a right of theirs would be no delegation.
const EVERYBODY: [u32; 4] = [
    rid::DOMAIN_USERS,
    rid::DOMAIN_GUESTS,
    rid::DOMAIN_COMPUTERS,
    rid::DOMAIN_CONTROLLERS,
];

/// A kind of work that can be delegated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Delegable {
    /// To list and remove keys of people and computers.
    Keys,
    /// To set passwords of people, have them changed at the next sign-in, and unlock accounts.
    Passwords,
    /// To add, change, turn off, move and delete people.
    People,
    /// To add, change, move and delete groups, and to say who is in them.
    Groups,
    /// To say who is in groups.
    Members,
    /// To join computers, beyond the quota, and to turn them off and delete them.
    Computers,
}

impl Delegable {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Keys,
        Self::Passwords,
        Self::People,
        Self::Groups,
        Self::Members,
        Self::Computers,
    ];

    /// Its word, as it is stored and asked for.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Passwords => "passwords",
            Self::People => "people",
            Self::Groups => "groups",
            Self::Members => "members",
            Self::Computers => "computers",
        }
    }

    /// The one of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.word() == word)
    }

    /// The rights of which each allows this.
    const fn or_more(self) -> &'static [Self] {
        match self {
            Self::Keys => &[Self::Keys],
            Self::Passwords => &[Self::Passwords],
            Self::People => &[Self::People],
            Self::Groups => &[Self::Groups],
            Self::Members => &[Self::Members, Self::Groups],
            Self::Computers => &[Self::Computers],
        }
    }

    /// Whether it is about entries of a class.
    const fn is_about(self, class: Class) -> bool {
        match self {
            Self::Keys => matches!(class, Class::User | Class::Computer),
            Self::Passwords | Self::People => matches!(class, Class::User),
            Self::Groups | Self::Members => matches!(class, Class::Group),
            Self::Computers => matches!(class, Class::Computer),
        }
    }
}

/// One right, to one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Whose members have it.
    pub to: Sid,
    /// What they may.
    pub right: Delegable,
}

/// That is no grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a grant is written as a group's SID, a colon and keys, passwords, people, groups, members or computers"
)]
pub struct NoGrant;

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.to, self.right.word())
    }
}

impl FromStr for Grant {
    type Err = NoGrant;

    fn from_str(text: &str) -> Result<Self, NoGrant> {
        let (to, right) = text.split_once(':').ok_or(NoGrant)?;
        let grant = Self {
            to: to.parse().map_err(|_| NoGrant)?,
            right: Delegable::of_word(right).ok_or(NoGrant)?,
        };
        // One way to write each: the index finds it by its text.
        match grant.to_string() == text {
            true => Ok(grant),
            false => Err(NoGrant),
        }
    }
}

/// Why nobody is granted a right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotGranted {
    /// Rights are a group's: a person's own SID is there with a password alone, which administers nothing.
    #[error("{0} is no group of this domain, and rights are granted to groups")]
    NoGroup(Sid),
    /// It is in no token.
    #[error("{0} is a distribution list, and gives nobody rights")]
    Distribution(String),
    /// Everybody is in it.
    #[error("everybody is in {0}: that would be no delegation")]
    Everybody(String),
}

impl Grant {
    /// Whether the grant is one to be made; whoever writes one asks.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn check(&self, snapshot: &Snapshot<'_>) -> Result<Result<Group, NotGranted>, Fault> {
        let Some(group) = snapshot.group_by_sid(&self.to)? else {
            return Ok(Err(NotGranted::NoGroup(self.to)));
        };
        if !group.group_type.is_security() {
            return Ok(Err(NotGranted::Distribution(group.sam)));
        }
        let domain = snapshot.domain();
        let everybody = EVERYBODY.map(|rid| domain.well_known_sid(rid));
        Ok(match everybody.contains(&group.sid) {
            true => Err(NotGranted::Everybody(group.sam)),
            false => Ok(group),
        })
    }
}

/// The grants over what is below an entry.
pub fn grants(unit: &Entry) -> impl Iterator<Item = Grant> {
    let values = unit.values(Attribute::DelegatedRights).iter();
    values.filter_map(|value| match value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    })
}

/// Whether grants can be made over what is below entries of a class.
#[must_use]
pub const fn can_be_delegated(class: Class) -> bool {
    matches!(
        class,
        Class::DomainDns | Class::OrganizationalUnit | Class::Container
    )
}

impl Caller {
    /// Whether the caller was granted a right over what is below `unit`, there or further up.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn was_granted(
        &self,
        right: Delegable,
        unit: EntryId,
        snapshot: &Snapshot<'_>,
    ) -> Result<bool, Fault> {
        let mut id = unit;
        for _ in 0..DEPTH {
            let Some(entry) = snapshot.entry(id)? else {
                return Ok(false);
            };
            let enough = right.or_more();
            if grants(&entry).any(|grant| enough.contains(&grant.right) && self.has(&grant.to)) {
                return Ok(true);
            }
            if entry.parent == EntryId::NONE {
                return Ok(false);
            }
            id = entry.parent;
        }
        Ok(false)
    }

    /// Whether the caller may do a kind of work on an entry because it was granted: the entry is below a unit where it
    /// was, is of the kind that the right is about, and not protected.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn may_look_after(
        &self,
        right: Delegable,
        entry: &Entry,
        snapshot: &Snapshot<'_>,
    ) -> Result<bool, Fault> {
        Ok(right.is_about(entry.class)
            && self.was_granted(right, entry.parent, snapshot)?
            && !is_out_of_reach(entry, snapshot)?)
    }

    /// Whether the caller has what was granted to a SID: by being in the group, and never by being the account.
    fn has(&self, sid: &Sid) -> bool {
        *sid != self.sid && self.is(sid)
    }

    /// Whether who was granted the right to say who is in a group may put somebody into it: an account, or a group with
    /// all who are in it, each of whom stays in few enough groups to sign in. Administrators do as they like.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn may_put(
        &self,
        member: EntryId,
        group: EntryId,
        snapshot: &Snapshot<'_>,
    ) -> Result<bool, Fault> {
        if self.is_administrator(snapshot.domain()) {
            return Ok(true);
        }
        let Some(above) = above(vec![group], snapshot)? else {
            return Ok(false);
        };
        let mut seen: HashSet<EntryId> = HashSet::new();
        let mut waiting = vec![member];
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            if seen.len() > MEMBERS {
                return Ok(false);
            }
            if let Some(account) = snapshot.account_by_id(id)? {
                if !has_room(&account, &above, snapshot)? {
                    return Ok(false);
                }
            } else if let Some(nested) = snapshot.group(id)? {
                // Whose primary group it is is not among its members: everybody, of the domain's own.
                if nested.sid.rid() < FIRST_RID {
                    return Ok(false);
                }
                waiting.extend(snapshot.members(id, None, MEMBERS + 1)?);
            }
        }
        Ok(true)
    }

    /// Whether the caller was granted anything anywhere.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn is_delegate(&self, snapshot: &Snapshot<'_>) -> Result<bool, Fault> {
        for sid in self.sids().filter(|sid| self.has(sid)) {
            let beginning = folded(&format!("{sid}:"));
            let units = snapshot.ids_beginning(Attribute::DelegatedRights, &beginning, 1)?;
            if !units.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether who was granted the right to look after an entry may give one of its attributes these values: such as make
    /// nobody more than an ordinary person, group or computer, and nobody somebody else.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn may_set(
        &self,
        class: Class,
        attribute: Attribute,
        before: &[Value],
        after: &[Value],
        snapshot: &Snapshot<'_>,
    ) -> Result<bool, Fault> {
        for value in after.iter().filter(|value| !before.contains(value)) {
            let fine = match (attribute, value) {
                (Attribute::UserAccountControl, Value::Integer(control)) => {
                    let before = match before {
                        [Value::Integer(before)] => Some(*before),
                        _ => None,
                    };
                    changes_little(class, before, *control)
                }
                (Attribute::SamAccountName, Value::Text(name)) => {
                    class == Class::Computer || !(name.ends_with('$') || is_of_machines(name))
                }
                (Attribute::UserPrincipalName, Value::Text(upn)) => {
                    upn.rsplit_once('@').is_some_and(|(name, suffix)| {
                        folded(suffix) == snapshot.domain().dns_name && !is_of_machines(name)
                    })
                }
                (Attribute::UidNumber, Value::Integer(number)) => {
                    *number >= FIRST_NUMBER && snapshot.ids_with(attribute, value, 1)?.is_empty()
                }
                (Attribute::GidNumber, Value::Integer(number)) => {
                    *number >= FIRST_NUMBER && self.may_give_group(class, value, snapshot)?
                }
                _ => true,
            };
            if !fine {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// To have a group's number is to be in it, on Linux machines: it takes what putting somebody into that group does. A
    /// group gets one that no other has.
    fn may_give_group(
        &self,
        class: Class,
        number: &Value,
        snapshot: &Snapshot<'_>,
    ) -> Result<bool, Fault> {
        let everybody = snapshot.domain().well_known_sid(rid::DOMAIN_USERS);
        let everybodys = match snapshot.id_by_sid(&everybody)? {
            Some(id) => snapshot.entry(id)?.is_some_and(|group| {
                group
                    .values(Attribute::GidNumber)
                    .iter()
                    .any(|own| own == number)
            }),
            None => false,
        };
        if everybodys {
            return Ok(class != Class::Group);
        }
        let holders = snapshot.ids_with(Attribute::GidNumber, number, GROUPS + 1)?;
        // Whose number it is, too, behind so many people is not known, and so not taken for nobody.
        if holders.len() > GROUPS {
            return Ok(false);
        }
        for id in holders {
            let Some(entry) = snapshot.entry(id)? else {
                continue;
            };
            if entry.class != Class::Group {
                continue;
            }
            let fine = class != Class::Group
                && self.may_look_after(Delegable::Members, &entry, snapshot)?;
            if !fine {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_of_machines(name: &str) -> bool {
    OF_MACHINES.contains(&folded(name).as_str())
}

/// These groups and those that they are in, whatever their kind: a distribution list can become a security group. `None`
/// where they are too many.
fn above(
    mut waiting: Vec<EntryId>,
    snapshot: &Snapshot<'_>,
) -> Result<Option<HashSet<EntryId>>, Fault> {
    let mut seen = HashSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        if seen.len() > ROOM {
            return Ok(None);
        }
        waiting.extend(snapshot.member_of(id)?);
    }
    Ok(Some(seen))
}

/// Whether an account may be in these groups, too.
fn has_room(
    account: &Account,
    more: &HashSet<EntryId>,
    snapshot: &Snapshot<'_>,
) -> Result<bool, Fault> {
    let primary = snapshot.domain().well_known_sid(account.primary_group);
    let mut own = snapshot.member_of(account.id)?;
    own.extend(snapshot.id_by_sid(&primary)?);
    Ok(above(own, snapshot)?.is_some_and(|own| own.union(more).count() <= ROOM))
}

/// Whether an account may come to services as somebody else (MS-SFU): who has its key has whatever those services let
/// others have, administrators among them.
fn acts_for_others(account: &Account) -> bool {
    let flags = [
        AccountControl::TRUSTED_FOR_DELEGATION,
        AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION,
    ];
    !account.delegates_to.is_empty() || flags.iter().any(|flag| account.control.contains(*flag))
}

/// Whether userAccountControl changes in flags alone that make nobody easier to be: those of an account that is disabled,
/// whose password lives on, or that takes none.
fn changes_little(class: Class, before: Option<i64>, after: i64) -> bool {
    use crate::account::AccountControl as Control;
    let usual = match class {
        Class::Computer => Control::WORKSTATION_TRUST_ACCOUNT,
        _ => Control::NORMAL_ACCOUNT,
    };
    let free =
        Control::ACCOUNT_DISABLE | Control::DONT_EXPIRE_PASSWORD | Control::SMARTCARD_REQUIRED;
    let before = before.map_or(usual, Control::from_integer);
    before.without(free) == Control::from_integer(after).without(free)
}

/// Attributes of a person that who looks after people may write.
const OF_PEOPLE: &[Attribute] = &[
    Attribute::ObjectClass,
    Attribute::SamAccountName,
    Attribute::UserPrincipalName,
    Attribute::UserAccountControl,
    Attribute::AccountExpires,
    Attribute::DisplayName,
    Attribute::Description,
    Attribute::GivenName,
    Attribute::Surname,
    Attribute::Mail,
    Attribute::TelephoneNumber,
    Attribute::Title,
    Attribute::Department,
    Attribute::Company,
    Attribute::Manager,
    Attribute::PhysicalDeliveryOfficeName,
    Attribute::StreetAddress,
    Attribute::LocalityName,
    Attribute::StateOrProvinceName,
    Attribute::PostalCode,
    Attribute::PostOfficeBox,
    Attribute::CountryName,
    Attribute::TextCountry,
    Attribute::CountryCode,
    Attribute::Mobile,
    Attribute::HomePhone,
    Attribute::Pager,
    Attribute::FacsimileTelephoneNumber,
    Attribute::IpPhone,
    Attribute::Info,
    Attribute::Initials,
    Attribute::EmployeeId,
    Attribute::EmployeeNumber,
    Attribute::EmployeeType,
    Attribute::WwwHomePage,
    Attribute::Url,
    Attribute::HomeDirectory,
    Attribute::HomeDrive,
    Attribute::ProfilePath,
    Attribute::ScriptPath,
    Attribute::UserWorkstations,
    Attribute::ProxyAddresses,
    Attribute::ThumbnailPhoto,
    Attribute::JpegPhoto,
    Attribute::PreferredLanguage,
    Attribute::ManagedBy,
    Attribute::Location,
    Attribute::UidNumber,
    Attribute::GidNumber,
    Attribute::Gecos,
    Attribute::UnixHomeDirectory,
    Attribute::LoginShell,
    Attribute::CodePage,
    Attribute::MsSfu30NisDomain,
];

/// Attributes of a group that who looks after groups may write.
const OF_GROUPS: &[Attribute] = &[
    Attribute::ObjectClass,
    Attribute::SamAccountName,
    Attribute::GroupType,
    Attribute::DisplayName,
    Attribute::Description,
    Attribute::Mail,
    Attribute::ManagedBy,
    Attribute::Info,
    Attribute::ProxyAddresses,
    Attribute::WwwHomePage,
    Attribute::GidNumber,
    Attribute::MemberUid,
    Attribute::MsSfu30NisDomain,
];

/// Attributes of a computer that who looks after computers may write.
const OF_COMPUTERS: &[Attribute] = &[
    Attribute::UserAccountControl,
    Attribute::Description,
    Attribute::DisplayName,
    Attribute::Location,
    Attribute::ManagedBy,
];

/// The right that it takes to write an attribute of an entry of a class; `None` where only administrators do.
#[must_use]
pub fn right_to(class: Class, attribute: Attribute) -> Option<Delegable> {
    match (class, attribute) {
        (Class::User, Attribute::PwdLastSet | Attribute::LockoutTime) => Some(Delegable::Passwords),
        (Class::User, _) => OF_PEOPLE.contains(&attribute).then_some(Delegable::People),
        (Class::Group, Attribute::Member | Attribute::MemberUid) => Some(Delegable::Members),
        (Class::Group, _) => OF_GROUPS.contains(&attribute).then_some(Delegable::Groups),
        (Class::Computer, _) => OF_COMPUTERS
            .contains(&attribute)
            .then_some(Delegable::Computers),
        _ => None,
    }
}

/// The right that it takes to add, move and delete entries of a class.
#[must_use]
pub const fn right_over(class: Class) -> Option<Delegable> {
    match class {
        Class::User => Some(Delegable::People),
        Class::Group => Some(Delegable::Groups),
        Class::Computer => Some(Delegable::Computers),
        _ => None,
    }
}

/// Whether no grant reaches an entry: the directory itself needs it, or it is somebody's or some group's that may
/// administer, be it a little, or somebody's who acts for others.
fn is_out_of_reach(entry: &Entry, snapshot: &Snapshot<'_>) -> Result<bool, Fault> {
    if entry.is_critical() {
        return Ok(true);
    }
    match entry.class {
        Class::Group => {
            let group = Group::parse(entry)?;
            Ok(group.sid.rid() < FIRST_RID || makes_protected(&group, snapshot)?)
        }
        class if class.is_account() => match snapshot.account_by_id(entry.id)? {
            Some(account) => Ok(acts_for_others(&account) || is_protected(&account, snapshot)?),
            None => Ok(true),
        },
        _ => Ok(true),
    }
}

/// Whether whoever is in a group is protected by that, directly or through the groups that it is in.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn makes_protected(group: &Group, snapshot: &Snapshot<'_>) -> Result<bool, Fault> {
    let mut sids: HashSet<Sid> = HashSet::new();
    let mut seen: HashSet<EntryId> = HashSet::new();
    let mut waiting = vec![group.id];
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        // What is too much to look at is not taken for harmless.
        if seen.len() > GROUPS {
            return Ok(true);
        }
        if let Some(above) = snapshot.group(id)? {
            sids.insert(above.sid);
            waiting.extend(snapshot.member_of(id)?);
        }
    }
    Caller::with_sids(Sid::ANONYMOUS, sids).is_powerful(snapshot)
}

/// Every unit with grants over what is below it, in the order of their ids.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn units_with_grants(snapshot: &Snapshot<'_>) -> Result<Vec<Entry>, Fault> {
    let mut ids = snapshot.ids_beginning(Attribute::DelegatedRights, "s-1-", GRANTS)?;
    ids.sort_unstable();
    ids.dedup();
    let mut units = Vec::new();
    for id in ids {
        units.extend(snapshot.entry(id)?);
    }
    Ok(units)
}
