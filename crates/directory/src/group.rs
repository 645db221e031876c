//! Groups, and what a person is a member of.

use wire::Sid;

use crate::entry::Entry;
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::schema::Attribute;

/// groupType of a security group that accepts members from its domain and is seen everywhere.
pub const GLOBAL_SECURITY: i64 = GroupType(0x8000_0002).to_integer();
/// groupType of a security group that is seen in its domain.
pub const DOMAIN_LOCAL_SECURITY: i64 = GroupType(0x8000_0004).to_integer();
/// groupType of a security group of the forest.
pub const UNIVERSAL_SECURITY: i64 = GroupType(0x8000_0008).to_integer();

/// The most groups that a token names ([MS-PAC] leaves room for more; AD stops at 1,024 SIDs).
pub const TOKEN_GROUPS_LIMIT: usize = 1_015;

/// The flags of groupType ([MS-ADTS] 2.2.12).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GroupType(pub u32);

impl GroupType {
    /// Whether the group counts in access decisions; a distribution list does not.
    #[must_use]
    pub const fn is_security(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }

    /// Whether the group is seen in its domain alone (its SID goes among a PAC's resource groups).
    #[must_use]
    pub const fn is_domain_local(self) -> bool {
        self.0 & 0x4 != 0
    }

    /// As the attribute's signed integer.
    #[must_use]
    pub const fn to_integer(self) -> i64 {
        self.0.cast_signed() as i64
    }
}

/// A group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// objectGUID.
    pub id: EntryId,
    /// Which commit wrote this state.
    pub stamp: Stamp,
    /// objectSid.
    pub sid: Sid,
    /// sAMAccountName.
    pub sam: String,
    /// groupType.
    pub group_type: GroupType,
    /// description.
    pub description: Option<String>,
    /// Whether the directory itself needs it.
    pub critical: bool,
}

impl Group {
    pub(crate) fn parse(entry: &Entry) -> Result<Self, Fault> {
        Ok(Self {
            id: entry.id,
            stamp: entry.stamp,
            sid: entry
                .sid(Attribute::ObjectSid)
                .ok_or(Fault::Corrupt("group without SID"))?,
            sam: entry
                .text(Attribute::SamAccountName)
                .ok_or(Fault::Corrupt("group without name"))?
                .to_owned(),
            group_type: GroupType(entry.integer(Attribute::GroupType).unwrap_or(0) as u32),
            description: entry.text(Attribute::Description).map(str::to_owned),
            critical: entry.is_critical(),
        })
    }
}

/// A group that an account is a member of, directly or through others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TokenGroup {
    /// The group's SID.
    pub sid: Sid,
    /// The group's type.
    pub group_type: GroupType,
}
