//! What a refused change is called in LDAP, in the words that the directory has for it.

use wire::ldap::{LdapResult, ResultCode};

use crate::error::{CommitError, Refused};

/// The result of a change that the directory refused.
pub(super) fn of_refused(refused: &Refused) -> LdapResult {
    let code = match refused {
        Refused::NoSuchEntry(_) | Refused::NoSuchDevice(_) => ResultCode::NoSuchObject,
        Refused::EntryExists(_) | Refused::NameTaken { .. } => ResultCode::EntryAlreadyExists,
        // Active Directory says so of a name that another account has.
        Refused::ValueTaken { .. } | Refused::KeyTaken { .. } | Refused::AlreadyClaimed => {
            ResultCode::ConstraintViolation
        }
        Refused::NotAllowed { .. } | Refused::Missing { .. } => ResultCode::ObjectClassViolation,
        Refused::SystemOnly(_) | Refused::SingleValued(_) => ResultCode::ConstraintViolation,
        Refused::Invalid { .. } => ResultCode::ConstraintViolation,
        Refused::ValueExists(_) => ResultCode::AttributeOrValueExists,
        Refused::NoSuchValue(_) => ResultCode::NoSuchAttribute,
        Refused::InvalidName | Refused::NoParent => ResultCode::NamingViolation,
        Refused::NotLeaf => ResultCode::NotAllowedOnNonLeaf,
        Refused::Critical => ResultCode::UnwillingToPerform,
        Refused::KeyCredential(_) | Refused::WeakKey(_) => ResultCode::ConstraintViolation,
        Refused::TooLarge => ResultCode::AdminLimitExceeded,
    };
    LdapResult::told(code, in_words(refused))
}

/// The reason with what is behind it, in one sentence.
pub(super) fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(deeper) = source {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        source = deeper.source();
    }
    text
}

/// The result of a commit that did not happen. A conflict is not told: the operation is computed again.
pub(super) fn of_error(error: &CommitError) -> LdapResult {
    match error {
        CommitError::Refused(refused) => of_refused(refused),
        CommitError::Conflict => LdapResult::told(
            ResultCode::Busy,
            "others change the same entries at this moment; try again",
        ),
        CommitError::Fault(_) => LdapResult::told(
            ResultCode::Other,
            "the server could not store the change; its log says why",
        ),
    }
}
