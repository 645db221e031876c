//! Who may see and change what over LDAP: a layer of its own, asked at each place where something would be shown or done,
//! so that no operation decides by itself.
//!
//! Deny by default. Nobody unknown sees anything but the root of the server. Whoever signed in reads what is open;
//! confidential attributes are for administrators; passwords and keys' secrets are for nobody.

use wire::key_credential::KeyCredentialLink;

use crate::access::{Caller, Right, is_protected, validated_computer_key};
use crate::account::Account;
use crate::delegation::{self, Delegable};
use crate::entry::Entry;
use crate::error::Fault;
use crate::schema::{Attribute, Class, Exposure};
use crate::snapshot::Snapshot;

/// What somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Whether anything but the root.
    pub(super) entries: bool,
    confidential: bool,
}

impl Reading {
    /// Of who is known, or nobody.
    pub(super) fn of(caller: Option<&Caller>, snapshot: &Snapshot<'_>) -> Result<Self, Fault> {
        let confidential = match caller {
            Some(caller) => caller.may(Right::ReadConfidential, None, snapshot)?,
            None => false,
        };
        Ok(Self {
            entries: caller.is_some(),
            confidential,
        })
    }

    /// Whether who asks administers, and so sees all that anybody sees.
    pub(super) const fn is_administrators(&self) -> bool {
        self.confidential
    }

    /// Whether an attribute's values may be seen, on whatever entry. Filters ask here too.
    pub(super) fn may_see(&self, attribute: Attribute) -> bool {
        match attribute.row().exposure {
            Exposure::Open => self.entries,
            Exposure::Confidential => self.confidential,
            Exposure::Never => false,
        }
    }
}

/// What somebody would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Anything that has no rule of its own: entries, attributes, memberships.
    Anything,
    /// An attribute's values.
    Attribute(Attribute),
    /// That an entry is there, under its name.
    Being,
    /// A password, without the former one.
    Reset,
}

/// Attributes of oneself that everybody may change: what of [MS-ADTS] 3.1.1.2.3.3's Personal-Information there is
/// here and no service takes for an identity.
const PERSONAL: [Attribute; 21] = [
    Attribute::TelephoneNumber,
    Attribute::Mobile,
    Attribute::HomePhone,
    Attribute::Pager,
    Attribute::FacsimileTelephoneNumber,
    Attribute::IpPhone,
    Attribute::StreetAddress,
    Attribute::LocalityName,
    Attribute::StateOrProvinceName,
    Attribute::PostalCode,
    Attribute::PostOfficeBox,
    Attribute::CountryName,
    Attribute::TextCountry,
    Attribute::PhysicalDeliveryOfficeName,
    Attribute::Info,
    Attribute::Initials,
    Attribute::ThumbnailPhoto,
    Attribute::JpegPhoto,
    Attribute::PreferredLanguage,
    Attribute::WwwHomePage,
    Attribute::Url,
];

/// Whose right a change is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// An administrator's, or one's own: whatever the schema allows.
    Own,
    /// One that was granted: [`Caller::may_set`] says which values.
    Grant,
}

/// Whether somebody may make a change, and by which right.
pub(super) fn may_write(
    caller: &Caller,
    write: Write,
    entry: &Entry,
    snapshot: &Snapshot<'_>,
) -> Result<Option<By>, Fault> {
    if caller.may(Right::Administer, None, snapshot)? {
        return Ok(Some(By::Own));
    }
    if let Write::Attribute(attribute) = write
        && PERSONAL.contains(&attribute)
        && entry.sid(Attribute::ObjectSid) == Some(caller.sid)
    {
        return Ok(Some(By::Own));
    }
    let right = match write {
        Write::Anything => None,
        Write::Attribute(attribute) => delegation::right_to(entry.class, attribute),
        Write::Being => delegation::right_over(entry.class),
        Write::Reset => (entry.class == Class::User).then_some(Delegable::Passwords),
    };
    Ok(match right {
        Some(right) if caller.may_look_after(right, entry, snapshot)? => Some(By::Grant),
        _ => None,
    })
}

/// Why a key may not be listed or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyRefused {
    /// Who asks has no right to it.
    NoRight,
    /// A computer may list one key on itself, of a form that this is not (D.7).
    NotValidated,
}

/// Whether somebody may list this key on an account, or (without one) remove keys from it (D.7).
///
/// `tools`: whether a computer's own key may say more of itself than [MS-ADTS] has it (`ldap.validated_write_mode`).
/// `another`: whether the same request lists another one.
pub(super) fn may_write_key(
    caller: &Caller,
    target: &Account,
    key: Option<&KeyCredentialLink>,
    tools: bool,
    another: bool,
    snapshot: &Snapshot<'_>,
) -> Result<Result<(), KeyRefused>, Fault> {
    if caller.may(Right::WriteKeys, Some(target), snapshot)? {
        return Ok(Ok(()));
    }
    if !caller.may(Right::WriteOwnComputerKey, Some(target), snapshot)?
        || is_protected(target, snapshot)?
    {
        return Ok(Err(KeyRefused::NoRight));
    }
    // "Delete is unconstrained" (D.7): whoever is the computer may give up its own way in.
    let Some(key) = key else {
        return Ok(Ok(()));
    };
    Ok(if !another && validated_computer_key(target, key, tools) {
        Ok(())
    } else {
        Err(KeyRefused::NotValidated)
    })
}
