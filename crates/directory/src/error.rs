//! What can go wrong: [`Fault`] is our own trouble, [`Refused`] is the caller's change.

use wire::Guid;

use crate::codec::Corrupt;
use crate::id::EntryId;
use crate::schema::{Attribute, Class};
use crate::storage::StorageError;

/// Trouble of our own. It is never blamed on a peer, and a peer learns no more than that there was some.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The storage could not do its work.
    #[error("the store failed")]
    Storage(#[from] StorageError),
    /// A row does not decode.
    #[error("the store holds a row that cannot be read ({0})")]
    Corrupt(&'static str),
    /// A secret does not open under the root key.
    #[error("a secret in the store does not open under this root key")]
    RootKey,
    /// The store holds no domain yet.
    #[error("the store holds no domain; it was not bootstrapped")]
    NoDomain,
    /// An account is in more groups than a token can name.
    #[error("the account is in more than {0} groups")]
    TooManyGroups(usize),
    /// No relative identifiers are left in the domain.
    #[error("the domain has no relative identifiers left")]
    NoRids,
}

impl From<Corrupt> for Fault {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt("row")
    }
}

/// Why changes were refused: computing them again would not help. Nothing of the commit happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The entry does not exist (any more).
    #[error("there is no entry {0}")]
    NoSuchEntry(EntryId),
    /// An entry with this id exists, or existed.
    #[error("the entry {0} exists already")]
    EntryExists(EntryId),
    /// A sibling has the name.
    #[error("there is already an entry {name:?} in that container")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A value that only one entry may have belongs to another.
    #[error("the {} {value:?} belongs to another entry", attribute.name())]
    ValueTaken {
        /// The attribute.
        attribute: Attribute,
        /// The value as text.
        value: String,
        /// Whose it is.
        holder: EntryId,
    },
    /// The public key is listed on an account already.
    #[error("the key is listed on an account already")]
    KeyTaken {
        /// Whose it is.
        holder: EntryId,
    },
    /// The claim was made before and still holds.
    #[error("it was used before")]
    AlreadyClaimed,
    /// An attribute is not one of the class's.
    #[error("an entry of class {} has no {}", class.name(), attribute.name())]
    NotAllowed {
        /// The class.
        class: Class,
        /// The attribute.
        attribute: Attribute,
    },
    /// An attribute that the class must have is absent.
    #[error("an entry of class {} must have {}", class.name(), attribute.name())]
    Missing {
        /// The class.
        class: Class,
        /// The attribute.
        attribute: Attribute,
    },
    /// The attribute is the directory's own to set.
    #[error("{} is set by the directory itself", .0.name())]
    SystemOnly(Attribute),
    /// More than one value for an attribute with one.
    #[error("{} has one value at most", .0.name())]
    SingleValued(Attribute),
    /// A value of another syntax, or out of the attribute's range.
    #[error("the value is not possible for {}: {reason}", attribute.name())]
    Invalid {
        /// The attribute.
        attribute: Attribute,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value to be added is there, or the same value twice.
    #[error("{} has that value already", .0.name())]
    ValueExists(Attribute),
    /// A value to be removed is not there.
    #[error("{} has no such value", .0.name())]
    NoSuchValue(Attribute),
    /// The entry name is empty, too long, or holds control characters.
    #[error("the name is empty, too long or holds control characters")]
    InvalidName,
    /// The entry may not have children, or would be below itself.
    #[error("the entry cannot hang there")]
    NoParent,
    /// The entry has children.
    #[error("the entry has others below it")]
    NotLeaf,
    /// The directory itself needs the entry.
    #[error("the directory itself needs this entry")]
    Critical,
    /// The key credential's bytes break a rule for writing (protocols D.2).
    #[error("the key credential is refused")]
    KeyCredential(#[from] wire::key_credential::NotStrict),
    /// The public key is too weak to be believed (fewer than 2048 bits, or with the ROCA fingerprint).
    #[error("the key is too weak")]
    WeakKey(#[source] crypto::key::WeakKey),
    /// The device that a key names is not registered.
    #[error("the device {0} is not registered")]
    NoSuchDevice(Guid),
    /// The changes are larger than a transaction can be.
    #[error("the changes are too large for one commit")]
    TooLarge,
}

/// Why a commit did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// What the changes were computed from does not stand any more: take a snapshot and compute them again.
    #[error("what the changes were computed from has changed")]
    Conflict,
    /// The changes cannot be made.
    #[error("the change was refused")]
    Refused(#[from] Refused),
    /// Trouble of our own.
    #[error("the change could not be stored")]
    Fault(#[from] Fault),
}

impl From<StorageError> for CommitError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::TooLarge => Self::Refused(Refused::TooLarge),
            other => Self::Fault(Fault::Storage(other)),
        }
    }
}

impl From<Corrupt> for CommitError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Fault(corrupt.into())
    }
}
