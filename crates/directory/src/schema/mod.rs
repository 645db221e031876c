//! Which attributes and classes there are: two tables, one row each.
//!
//! To add an attribute: a row in `attributes.rs` with the next free number. Numbers stand in stored rows
//! and are never used again for something else.

mod attributes;
mod classes;

pub use attributes::{ALL as ATTRIBUTES, Attribute};
pub use classes::{ALL as CLASSES, AUXILIARY, AuxiliaryRow, Class};

/// The syntax of an attribute's values ([MS-ADTS] 3.1.1.2.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// 2.5.5.12, Unicode without regard to case.
    DirectoryString,
    /// 2.5.5.9, 32 bits.
    Integer,
    /// 2.5.5.16, 64 bits.
    LargeInteger,
    /// 2.5.5.8.
    Boolean,
    /// 2.5.5.10.
    OctetString,
    /// 2.5.5.17, a security identifier.
    Sid,
    /// 2.5.5.1, a reference to an entry.
    DistinguishedName,
    /// 2.5.5.7, bytes and a reference to an entry (msDS-KeyCredentialLink).
    DnBinary,
    /// 2.5.5.11.
    GeneralizedTime,
    /// 2.5.5.16 holding a FILETIME.
    FileTime,
    /// Our own: bytes that rest wrapped and are never shown.
    Secret,
}

/// How an attribute's values can be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Index {
    /// Not by value.
    None,
    /// A value belongs to one entry of the store at most.
    Unique,
    /// All entries with a value are listed.
    Listed,
    /// Values are rows of their own, with a back-link where the target is an entry.
    Linked,
}

/// Who may see an attribute's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposure {
    /// Whoever may read the entry.
    Open,
    /// Only with a control right of its own (searchFlags bit 128).
    Confidential,
    /// Nobody: the value is used inside and never leaves.
    Never,
}

/// One row of the attribute table.
#[derive(Clone, Copy, Debug)]
pub struct AttributeRow {
    /// The attribute's number in stored rows.
    pub attribute: Attribute,
    /// lDAPDisplayName.
    pub name: &'static str,
    /// attributeID.
    pub oid: &'static str,
    /// The syntax of its values.
    pub syntax: Syntax,
    /// Whether an entry has at most one value.
    pub single: bool,
    /// How values are found.
    pub index: Index,
    /// Who sees values.
    pub exposure: Exposure,
    /// Whether only the directory itself sets it (systemOnly).
    pub system: bool,
    /// Whether it is worked out when it is asked for, and not stored with the entry.
    pub constructed: bool,
    /// Whether it comes only to who asks for it by name.
    pub operational: bool,
}

/// One row of the class table.
#[derive(Clone, Copy, Debug)]
pub struct ClassRow {
    /// The class's number in stored rows.
    pub class: Class,
    /// lDAPDisplayName.
    pub name: &'static str,
    /// governsID.
    pub oid: &'static str,
    /// The objectClass values from `top` to the class itself.
    pub chain: &'static [&'static str],
    /// The attribute that names an entry among its siblings.
    pub naming: Attribute,
    /// What an entry of the class must have besides what the directory sets.
    pub must: &'static [Attribute],
    /// What it may have besides `must` and what every class may.
    pub may: &'static [Attribute],
    /// Whether entries are security principals, with objectSid and sAMAccountName.
    pub principal: bool,
    /// Whether other entries may hang on one.
    pub parent: bool,
}
