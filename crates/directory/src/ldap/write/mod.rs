//! Operations that change entries: each computes changes from one snapshot, or says why not. Nothing is done here; what
//! comes out is committed as a whole, with what it was computed from.

mod add;
mod delete;
mod modify;
mod rename;

pub(super) use add::classes;

use crypto::password::Cost;
use trust::Timestamp;
use wire::dn_binary::DnBinary;
use wire::key_credential::KeyCredentialLink;
use wire::ldap::{LdapResult, ResultCode};
use wire::x509::mapping::CertificateMapping;

use super::names::Namer;
use super::permissions::{By, KeyRefused, Write, may_write, may_write_key};
use super::settings::Settings;
use super::values;
use crate::access::{Caller, Right};
use crate::account::{Account, KeyCredential, KeyValueId, Origin};
use crate::audit::{Actor, AuditRecord};
use crate::change::{self, Change};
use crate::delegation::{self, Grant};
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::lockout::Lockout;
use crate::schema::{Attribute, Class, Exposure, Syntax};
use crate::snapshot::Snapshot;
use crate::value::Value;

/// Why an operation is not done.
#[derive(Debug)]
pub(super) enum Told {
    /// The client is told this; an audit record says the rest.
    Result(LdapResult, Vec<AuditRecord>),
    /// Trouble of our own.
    Fault(Fault),
}

impl From<Fault> for Told {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<LdapResult> for Told {
    fn from(result: LdapResult) -> Self {
        Self::Result(result, Vec::new())
    }
}

/// A refusal without an audit record.
pub(super) fn told(code: ResultCode, message: impl Into<String>) -> Told {
    LdapResult::told(code, message).into()
}

/// What an operation comes to when it is committed.
#[derive(Debug)]
pub(super) struct Planned {
    /// The changes, audit records among them.
    pub(super) changes: Vec<Change>,
    /// The entry that it is about.
    pub(super) target: EntryId,
}

/// Who asks for a change, of what state, when.
pub(super) struct Work<'w, 's, 'd> {
    pub(super) caller: &'w Caller,
    pub(super) actor: &'w Actor,
    /// The address that they come from.
    pub(super) from: &'w str,
    pub(super) snapshot: &'s Snapshot<'d>,
    pub(super) namer: &'w Namer<'s, 'd>,
    pub(super) settings: &'w Settings,
    /// Failed passwords: to say what one's own was is a try, too.
    pub(super) lockout: &'w Lockout,
    pub(super) cost: Cost,
    pub(super) now: Timestamp,
    /// Whether values that are there, or are not, are no error ([MS-ADTS] 3.1.1.3.4.1.8).
    pub(super) permissive: bool,
    /// Whether the connection keeps what passes from others.
    pub(super) confidential: bool,
    /// Whether the connection keeps what passes from being changed.
    pub(super) signed: bool,
}

impl Work<'_, '_, '_> {
    /// The entry of a name, recorded as read.
    pub(super) fn entry(&self, name: &str) -> Result<Entry, Told> {
        let id = match self.namer.find(name)? {
            Ok(Some(id)) => id,
            Ok(None) => return Err(self.no_such(name)?),
            Err(_) => {
                return Err(told(
                    ResultCode::InvalidDnSyntax,
                    "that is no name of an entry",
                ));
            }
        };
        match self.snapshot.entry(id)? {
            Some(entry) => Ok(entry),
            None => Err(self.no_such(name)?),
        }
    }

    /// The name by which RFC 3062's operation speaks of somebody: a distinguished one, or any that signs in.
    pub(super) fn plain_name(&self, identity: &str) -> Result<String, Told> {
        let text = identity
            .strip_prefix("dn:")
            .or_else(|| identity.strip_prefix("u:"))
            .unwrap_or(identity);
        if text.contains('=') {
            return Ok(text.to_owned());
        }
        match self.snapshot.account_by_name(text)? {
            Some(account) => Ok(format!("<GUID={}>", account.id)),
            None => Err(self.no_such(text)?),
        }
    }

    /// There is no such entry, and which one above it there is.
    pub(super) fn no_such(&self, name: &str) -> Result<Told, Fault> {
        let mut result = LdapResult::told(ResultCode::NoSuchObject, "there is no such entry");
        result.matched = self.namer.nearest(name)?;
        Ok(result.into())
    }

    pub(super) fn audit(&self, action: &str, target: &Entry) -> Result<AuditRecord, Fault> {
        let name = self.namer.name_of(target)?;
        Ok(AuditRecord::done(self.now, self.actor.clone(), action)
            .from_address(self.from)
            .on(target.id, name))
    }

    /// The account or device that an entry is, for those who ask whose it is.
    pub(super) fn account(&self, entry: &Entry) -> Result<Option<std::sync::Arc<Account>>, Fault> {
        if entry.class.is_account() {
            self.snapshot.account_by_id(entry.id)
        } else {
            Ok(None)
        }
    }

    /// Lets pass who may make a change, and has written down who may not.
    pub(super) fn allow(&self, write: Write, entry: &Entry, action: &str) -> Result<By, Told> {
        match may_write(self.caller, write, entry, self.snapshot)? {
            Some(by) => Ok(by),
            None => self.refuse(action, entry),
        }
    }

    /// Lets pass who may hang entries of a class below one.
    pub(super) fn allow_below(
        &self,
        class: Class,
        parent: &Entry,
        action: &str,
    ) -> Result<By, Told> {
        if self.administers()? {
            return Ok(By::Own);
        }
        if let Some(right) = delegation::right_over(class)
            && self.caller.was_granted(right, parent.id, self.snapshot)?
        {
            return Ok(By::Grant);
        }
        self.refuse(action, parent)
    }

    /// Refuses values that who was granted a right may not set.
    pub(super) fn allow_values(
        &self,
        entry: &Entry,
        attribute: Attribute,
        before: &[Value],
        after: &[Value],
    ) -> Result<(), Told> {
        let (class, snapshot) = (entry.class, self.snapshot);
        match self
            .caller
            .may_set(class, attribute, before, after, snapshot)?
        {
            true => Ok(()),
            false => self.refuse("entry.modify", entry),
        }
    }

    /// Refuses grants that are none to be made, of those that come new.
    pub(super) fn check_grants(
        &self,
        attribute: Attribute,
        before: &[Value],
        after: &[Value],
    ) -> Result<(), Told> {
        if attribute != Attribute::DelegatedRights {
            return Ok(());
        }
        for value in after.iter().filter(|value| !before.contains(value)) {
            if let Value::Text(text) = value
                && let Ok(grant) = text.parse::<Grant>()
                && let Err(why) = grant.check(self.snapshot)?
            {
                return Err(told(ResultCode::ConstraintViolation, why.to_string()));
            }
        }
        Ok(())
    }

    /// Refuses for want of a right.
    pub(super) fn refuse<T>(&self, action: &str, entry: &Entry) -> Result<T, Told> {
        let mut record =
            AuditRecord::refused(self.now, self.actor.clone(), action, "no right to it")
                .from_address(self.from);
        record.target = Some(entry.id);
        record.target_name = Some(self.namer.name_of(entry)?);
        Err(Told::Result(no_right(), vec![record]))
    }

    /// Whether who asks is an administrator.
    pub(super) fn administers(&self) -> Result<bool, Fault> {
        self.caller.may(Right::Administer, None, self.snapshot)
    }

    /// The values of an attribute as the directory has them.
    pub(super) fn values(
        &self,
        attribute: Attribute,
        values: &[&[u8]],
    ) -> Result<Vec<Value>, Told> {
        values
            .iter()
            .map(|value| self.value(attribute, value))
            .collect()
    }

    pub(super) fn value(&self, attribute: Attribute, bytes: &[u8]) -> Result<Value, Told> {
        let wrong = |why: &str| {
            let name = attribute.name();
            told(
                ResultCode::InvalidAttributeSyntax,
                format!("the value is not possible for {name}: {why}"),
            )
        };
        let value = match values::read(attribute, bytes, self.namer)? {
            Ok(Some(value)) => value,
            Ok(None) => {
                let named = String::from_utf8_lossy(bytes);
                return Err(told(
                    ResultCode::ConstraintViolation,
                    format!(
                        "{} names an entry that there is not: {named:?}",
                        attribute.name()
                    ),
                ));
            }
            Err(values::WrongSyntax) => return Err(wrong("it is of another syntax")),
        };
        if let (Attribute::MsDsAllowedToActOnBehalfOfOtherIdentity, Value::Octets(bytes)) =
            (attribute, &value)
            && wire::security_descriptor::SecurityDescriptor::parse(bytes).is_err()
        {
            return Err(wrong("it is no security descriptor"));
        }
        // In one form of several, by which it is found (E.5.2).
        if let (Attribute::AltSecurityIdentities, Value::Text(text)) = (attribute, &value)
            && let Ok(mapping) = text.parse::<CertificateMapping>()
        {
            return Ok(Value::Text(mapping.to_string()));
        }
        if let (Attribute::DelegatedRights, Value::Text(text)) = (attribute, &value)
            && let Err(why) = text.parse::<Grant>()
        {
            return Err(wrong(&why.to_string()));
        }
        Ok(value)
    }

    /// Who a linked value names.
    pub(super) fn named(&self, bytes: &[u8]) -> Result<EntryId, Told> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| told(ResultCode::InvalidDnSyntax, "that is no name of an entry"))?;
        match self.namer.find(text)? {
            Ok(Some(id)) => Ok(id),
            Ok(None) => Err(told(
                ResultCode::NoSuchObject,
                format!("there is no entry {text:?}"),
            )),
            Err(_) => Err(told(
                ResultCode::InvalidDnSyntax,
                "that is no name of an entry",
            )),
        }
    }

    /// Reads a key's value, which names the entry that it is listed on and is whole.
    pub(super) fn key_of(
        &self,
        own: &str,
        bytes: &[u8],
    ) -> Result<(DnBinary, KeyCredentialLink), Told> {
        let value = key_value(bytes)?;
        let same = match (value.dn.parse::<crate::Dn>(), own.parse::<crate::Dn>()) {
            (Ok(given), Ok(own)) => given == own,
            _ => false,
        };
        if !same {
            return Err(told(
                ResultCode::ConstraintViolation,
                "a key's value names the entry that it is listed on",
            ));
        }
        let link = KeyCredentialLink::parse(&value.binary).map_err(|why| {
            told(
                ResultCode::ConstraintViolation,
                format!("the key credential is refused: {why}"),
            )
        })?;
        Ok((value, link))
    }

    /// Who may write a key may sign in as its holder: not over a connection that others can write to.
    pub(super) fn is_kept(&self) -> Result<(), LdapResult> {
        if self.signed {
            return Ok(());
        }
        Err(LdapResult::told(
            ResultCode::ConfidentialityRequired,
            "keys are written over a connection that is signed or encrypted",
        ))
    }

    /// A key to be listed, if who asks may list it, with its audit record. `own`: the holder's name; `another`: whether the
    /// request lists another one.
    pub(super) fn add_key(
        &self,
        entry: &Entry,
        account: Option<&Account>,
        own: &str,
        bytes: &[u8],
        another: bool,
    ) -> Result<[Change; 2], Told> {
        let (value, link) = match self.key_of(own, bytes) {
            Ok(key) => key,
            // Whoever tries what is no key tries to list one all the same.
            Err(Told::Result(result, _)) => {
                let why = result.message.clone();
                let record = AuditRecord::refused(self.now, self.actor.clone(), "key.add", why)
                    .from_address(self.from)
                    .on(entry.id, own)
                    .with("by", "ldap");
                return Err(Told::Result(result, vec![record]));
            }
            Err(fault) => return Err(fault),
        };
        let strict = self.settings.strict_keys;
        let key = KeyCredential::new(value.binary.clone(), Origin::Administrator, self.now);
        let fingerprint = key.fingerprint.as_ref().map(ToString::to_string);
        let described = |mut record: AuditRecord| {
            record.key.clone_from(&fingerprint);
            record.device = key.device();
            // What did not come through registration may be somebody's way in: it is found by this word.
            record.with("by", "ldap").with("shadow", "true")
        };
        let origin = match account {
            Some(account) => self.key_right(entry, account, Some((&link, another)), &described)?,
            None => {
                self.allow(Write::Anything, entry, "key.add")?;
                Origin::Administrator
            }
        };
        let record = described(self.audit("key.add", entry)?);
        let origin = if strict { origin } else { Origin::Import };
        Ok([
            change::add_key_credential(entry.id, value.binary, origin),
            change::audit(record),
        ])
    }

    /// A key to be taken off the list, if who asks may do that, with its audit record.
    pub(super) fn remove_key(
        &self,
        entry: &Entry,
        account: Option<&Account>,
        key: &KeyCredential,
    ) -> Result<[Change; 2], Told> {
        let fingerprint = key.fingerprint.as_ref().map(ToString::to_string);
        let described = |mut record: AuditRecord| {
            record.key.clone_from(&fingerprint);
            record.device = key.device();
            record.with("by", "ldap")
        };
        match account {
            Some(account) => {
                self.key_right(entry, account, None, &described)?;
            }
            None => {
                self.allow(Write::Anything, entry, "key.remove")?;
            }
        }
        let record = described(self.audit("key.remove", entry)?);
        Ok([
            change::remove_key_credential(entry.id, key.id),
            change::audit(record),
        ])
    }

    /// Lets pass who may at least take keys off the list.
    pub(super) fn may_touch_keys(
        &self,
        entry: &Entry,
        account: Option<&Account>,
    ) -> Result<(), Told> {
        match account {
            Some(account) => {
                let described = |record: AuditRecord| record.with("by", "ldap");
                self.key_right(entry, account, None, &described).map(drop)
            }
            None => self.allow(Write::Anything, entry, "key.remove").map(drop),
        }
    }

    fn key_right(
        &self,
        entry: &Entry,
        account: &Account,
        link: Option<(&KeyCredentialLink, bool)>,
        described: &dyn Fn(AuditRecord) -> AuditRecord,
    ) -> Result<Origin, Told> {
        let action = if link.is_some() {
            "key.add"
        } else {
            "key.remove"
        };
        let tools = self.settings.tools_keys;
        let refused = |why: &str, result: LdapResult| -> Result<Told, Fault> {
            let mut record = AuditRecord::refused(self.now, self.actor.clone(), action, why)
                .from_address(self.from);
            record.target = Some(entry.id);
            record.target_name = Some(self.namer.name_of(entry)?);
            Ok(Told::Result(result, vec![described(record)]))
        };
        if let Err(result) = self.is_kept() {
            return Err(refused(
                "the connection is neither signed nor encrypted",
                result,
            )?);
        }
        let another = link.is_some_and(|(_, another)| another);
        let link = link.map(|(link, _)| link);
        match may_write_key(self.caller, account, link, tools, another, self.snapshot)? {
            Ok(()) if account.sid == self.caller.sid && !self.administers()? => {
                Ok(Origin::Computer)
            }
            Ok(()) => Ok(Origin::Administrator),
            Err(KeyRefused::NoRight) => Err(refused("no right to it", no_right())?),
            Err(KeyRefused::NotValidated) => {
                let result = LdapResult::told(
                    ResultCode::ConstraintViolation,
                    "a computer may list one key of its own, of usage NGC and source AD, without last logon",
                );
                Err(refused(
                    "not a value that a computer may write on itself",
                    result,
                )?)
            }
        }
    }
}

/// Who asks has no right to it.
pub(super) fn no_right() -> LdapResult {
    LdapResult::told(
        ResultCode::InsufficientAccessRights,
        "00002098: you have no right to do this",
    )
}

/// Reads `B:<count>:<hex>:<DN>`.
pub(super) fn key_value(bytes: &[u8]) -> Result<DnBinary, Told> {
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            told(
                ResultCode::InvalidAttributeSyntax,
                "a key is written B:<number of hex digits>:<hex digits>:<name of its entry>",
            )
        })
}

/// The attribute that a description means, to be written.
pub(super) fn writable(description: &str) -> Result<Attribute, Told> {
    let name = description.split(';').next().unwrap_or_default();
    let Some(attribute) = Attribute::by_name(name) else {
        return Err(told(
            ResultCode::UndefinedAttributeType,
            format!("there is no attribute {name:?}"),
        ));
    };
    if name.len() != description.len() {
        return Err(told(
            ResultCode::UndefinedAttributeType,
            format!("{} has no options to write to", attribute.name()),
        ));
    }
    Ok(attribute)
}

/// Values that one change may name of an attribute that is kept in the entry itself; Active Directory's entries hold about
/// as many ([MS-ADTS] 3.1.1.1.4 keeps one on a page). Each is held against each other.
const VALUES: usize = 1_300;

/// Refuses more values than an entry can have of an attribute.
pub(super) fn few_enough(attribute: Attribute, count: usize) -> Result<(), Told> {
    if count <= VALUES {
        return Ok(());
    }
    Err(told(
        ResultCode::AdminLimitExceeded,
        format!("{} has {VALUES} values at most", attribute.name()),
    ))
}

/// Whether an attribute is a password to be written.
pub(in crate::ldap) const fn is_password(attribute: Attribute) -> bool {
    matches!(attribute, Attribute::UnicodePwd | Attribute::UserPassword)
}

/// Attributes that only the directory's own administration writes, for it checks what is in them.
pub(super) fn kept_from_ldap(attribute: Attribute) -> Result<(), Told> {
    let row = attribute.row();
    let inside = row.exposure == Exposure::Never
        || row.syntax == Syntax::Secret
        || attribute == Attribute::PolicyDocument;
    if inside {
        return Err(told(
            ResultCode::UnwillingToPerform,
            format!("{} is not written over LDAP", attribute.name()),
        ));
    }
    if row.system {
        return Err(told(
            ResultCode::ConstraintViolation,
            format!("{} is set by the directory itself", attribute.name()),
        ));
    }
    Ok(())
}

/// The password, or why not.
pub(super) fn first_password(
    work: &Work<'_, '_, '_>,
    attribute: Attribute,
    values: &[&[u8]],
) -> Result<zeroize::Zeroizing<String>, Told> {
    if !work.confidential {
        return Err(told(
            ResultCode::ConfidentialityRequired,
            "passwords are written over a connection that is encrypted",
        ));
    }
    match values {
        [value] => super::passwords::read(attribute, value).ok_or_else(|| {
            told(
                ResultCode::ConstraintViolation,
                format!(
                    "{} is not in the form that it is written in",
                    attribute.name()
                ),
            )
        }),
        _ => Err(told(
            ResultCode::ConstraintViolation,
            format!("{} has one value", attribute.name()),
        )),
    }
}

/// A key that is listed on an entry, by its value.
pub(super) fn listed(
    snapshot: &Snapshot<'_>,
    holder: EntryId,
    id: KeyValueId,
) -> Result<Option<KeyCredential>, Fault> {
    let keys = snapshot.key_credentials(holder)?;
    Ok(keys.into_iter().find(|key| key.id == id))
}
