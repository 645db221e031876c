//! What exports of other directories say that is not for anybody to write: their own bookkeeping.

use directory::Attribute;

/// Attributes that Active Directory, OpenLDAP and others keep for themselves, and that this directory does not know. Those
/// that it knows and sets itself are in its schema.
const BOOKKEEPING: &[&str] = &[
    // Active Directory ([MS-ADA1] to [MS-ADA3]).
    "adminCount",
    "dSCorePropagationData",
    "isRecycled",
    "lastLogoff",
    "lastLogonTimestamp",
    "logonCount",
    "msDS-ExternalDirectoryObjectId",
    "msDS-NcType",
    "msDS-parentdistname",
    "msDS-ReplAttributeMetaData",
    "msDS-ReplValueMetaData",
    "nTSecurityDescriptor",
    "objectVersion",
    "replPropertyMetaData",
    "replUpToDateVector",
    "sDRightsEffective",
    "showInAdvancedViewOnly",
    "systemFlags",
    "uSNCreated",
    // OpenLDAP, with its policies of passwords.
    "authTimestamp",
    "contextCSN",
    "creatorsName",
    "entryCSN",
    "hasSubordinates",
    "modifiersName",
    "numSubordinates",
    "pwdAccountLockedTime",
    "pwdChangedTime",
    "pwdFailureTime",
    "pwdGraceUseTime",
    "pwdHistory",
    "pwdLastSuccess",
    "pwdPolicySubentry",
    "pwdReset",
    // 389 Directory Server.
    "entryId",
    "nsUniqueId",
    "parentId",
    "passwordExpirationTime",
    "passwordGraceUserTime",
    "passwordRetryCount",
    // The age of passwords is the domain's to say.
    "shadowExpire",
    "shadowFlag",
    "shadowInactive",
    "shadowLastChange",
    "shadowMax",
    "shadowMin",
    "shadowWarning",
];

/// Whether an attribute is set by the directory itself, here or there.
pub(super) fn is_bookkeeping(name: &str) -> bool {
    BOOKKEEPING.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether an attribute of this directory is not for anybody to write, or worth nothing elsewhere.
pub(super) fn is_own(attribute: Attribute) -> bool {
    match attribute {
        // Whether it is locked out is known from elsewhere.
        Attribute::LockoutTime => true,
        // They name groups of another domain by their SIDs, and who may do what is granted here.
        Attribute::DelegatedRights => true,
        // Passwords, and what names an entry, are written.
        Attribute::UnicodePwd
        | Attribute::UserPassword
        | Attribute::Cn
        | Attribute::Ou
        | Attribute::Dc
        | Attribute::Name => false,
        other => other.row().system,
    }
}
