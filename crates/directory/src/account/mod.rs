//! Accounts: who can sign in, and by what.

mod attached;
mod control;
mod kerberos;
mod key_credential;

use std::sync::Arc;

use crypto::password::PasswordHash;
use trust::{Span, Timestamp};
use wire::security_descriptor::SecurityDescriptor;
use wire::{Guid, Sid};

use crate::entry::Entry;
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::root_key::{Belonging, RootKey};
use crate::schema::{Attribute, Class};
use crate::value::{Secret, Value};

pub use attached::Attached;
pub use control::AccountControl;
pub use kerberos::{
    KEPT_SETS, KerberosKey, KerberosKeys, KeySet, computer_salt, random_keys, user_salt,
};
pub use key_credential::{KeyCredential, KeyValueId, Origin};

/// What pwdLastSet says when the password must be changed at the next sign-in: FILETIME 0.
pub const MUST_CHANGE: Timestamp = Timestamp::from_filetime(0);

/// The name of the service that changes passwords over Kerberos (RFC 3244).
pub const PASSWORD_SERVICE: &str = "kadmin/changepw";

/// The relative identifier of krbtgt ([MS-ADTS] 6.1.1.6).
pub const RID_KRBTGT: u32 = 502;

/// What kind of account it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AccountKind {
    /// A person's.
    User,
    /// A machine's.
    Computer,
    /// A service's, with keys that the directory made.
    Service,
    /// The ticket-granting service's own.
    Krbtgt,
}

/// An account, parsed and with its secrets open. It is shared between those who read it, and wiped when
/// the last of them lets go.
#[derive(Debug)]
pub struct Account {
    /// objectGUID.
    pub id: EntryId,
    /// Which commit wrote this state of the account, its keys included.
    pub stamp: Stamp,
    /// What kind of account it is.
    pub kind: AccountKind,
    /// objectSid.
    pub sid: Sid,
    /// sAMAccountName, as it is written; a computer's ends with `$`.
    pub sam: String,
    /// userPrincipalName, as it is written.
    pub upn: Option<String>,
    /// displayName.
    pub display_name: Option<String>,
    /// mail.
    pub mail: Option<String>,
    /// dNSHostName.
    pub dns_host_name: Option<String>,
    /// servicePrincipalName.
    pub service_principals: Vec<String>,
    /// The container it is in.
    pub parent: EntryId,
    /// userAccountControl.
    pub control: AccountControl,
    /// accountExpires; [`Timestamp::NEVER`] when it does not.
    pub expires: Timestamp,
    /// pwdLastSet; [`MUST_CHANGE`] when the password must be changed, `None` when none was ever set.
    pub password_last_set: Option<Timestamp>,
    /// lockoutTime: since when the account is locked out. How long that lasts is the policy's.
    pub locked_since: Option<Timestamp>,
    /// primaryGroupID, the RID of the account's first group.
    pub primary_group: u32,
    /// msDS-SupportedEncryptionTypes, for a service.
    pub supported_etypes: Option<u32>,
    /// altSecurityIdentities (E.5).
    pub alt_security_identities: Vec<String>,
    /// msDS-AllowedToDelegateTo: the services to which it may pass on who came to it.
    pub delegates_to: Vec<String>,
    /// msDS-AllowedToActOnBehalfOfOtherIdentity: who may pass on to it whom. What does not parse allows nobody.
    pub delegated_from: Option<SecurityDescriptor>,
    /// whenCreated.
    pub created: Timestamp,
    /// The Kerberos keys.
    pub keys: KerberosKeys,
    /// The listed keys.
    pub key_credentials: Vec<KeyCredential>,
    /// The hash for sign-in by password on a page.
    pub password_hash: Option<PasswordHash>,
    /// The secrets of second factors, in the adapters' encoding.
    pub second_factors: Vec<Secret>,
    /// What readers computed from this state and want to find again.
    pub attached: Attached,
}

impl Account {
    /// Whether the account is not disabled.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        !self.control.contains(AccountControl::ACCOUNT_DISABLE)
    }

    /// Whether accountExpires has passed.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// Whether lockoutTime is less than `duration` ago; [`Span::ZERO`] stands for "until an administrator
    /// unlocks it", AD's lockoutDuration of 0.
    #[must_use]
    pub fn is_locked_out(&self, duration: Span, now: Timestamp) -> bool {
        match self.locked_since {
            None => false,
            Some(_) if duration == Span::ZERO => true,
            Some(since) => now < since + duration,
        }
    }

    /// Whether it is the service that changes passwords over Kerberos, whatever else it is called.
    #[must_use]
    pub fn changes_passwords(&self) -> bool {
        let mut names = self.service_principals.iter();
        names.any(|name| name.eq_ignore_ascii_case(PASSWORD_SERVICE))
    }

    /// Whether the password must be changed before it opens anything else: pwdLastSet is 0.
    #[must_use]
    pub fn must_change_password(&self) -> bool {
        self.password_last_set == Some(MUST_CHANGE)
    }

    /// When the password is older than `maximum_age`, of which [`Span::ZERO`] stands for "any age"; `None` for one
    /// that does not age: a machine's, a service's, and where the account says so.
    #[must_use]
    pub fn password_expires(&self, maximum_age: Span) -> Option<Timestamp> {
        let ages = maximum_age > Span::ZERO
            && self.kind == AccountKind::User
            && !self.control.contains(AccountControl::DONT_EXPIRE_PASSWORD);
        self.password_last_set
            .filter(|_| ages)
            .map(|set| set + maximum_age)
    }

    /// Whether the password is older than `maximum_age`, as [`Account::password_expires`] has it.
    #[must_use]
    pub fn password_has_expired(&self, maximum_age: Span, now: Timestamp) -> bool {
        self.password_expires(maximum_age)
            .is_some_and(|expires| now >= expires)
    }

    /// The keys that may sign in by key trust (E.4).
    pub fn sign_in_keys(&self) -> impl Iterator<Item = &KeyCredential> {
        self.key_credentials.iter().filter(|key| key.signs_in())
    }

    /// The value by which the account lists a key for signing in. It may list the same key for other purposes, too.
    #[must_use]
    pub fn sign_in_key(&self, fingerprint: &crypto::key::Fingerprint) -> Option<&KeyCredential> {
        self.sign_in_keys()
            .find(|key| key.fingerprint.as_ref() == Some(fingerprint))
    }

    /// The listed key with this fingerprint, whatever it is for.
    #[must_use]
    pub fn key_with(&self, fingerprint: &crypto::key::Fingerprint) -> Option<&KeyCredential> {
        self.key_credentials
            .iter()
            .find(|key| key.fingerprint.as_ref() == Some(fingerprint))
    }

    /// The listed keys of a device.
    pub fn keys_of_device(&self, device: Guid) -> impl Iterator<Item = &KeyCredential> {
        self.key_credentials
            .iter()
            .filter(move |key| key.device() == Some(device))
    }

    pub(crate) fn parse(
        entry: &Entry,
        key_credentials: Vec<KeyCredential>,
        root: &RootKey,
    ) -> Result<Self, Fault> {
        let sid = entry
            .sid(Attribute::ObjectSid)
            .ok_or(Fault::Corrupt("account without SID"))?;
        let open = |attribute| -> Result<Vec<Secret>, Fault> {
            let belonging = Belonging::Attribute(entry.id, attribute);
            let wrapped = entry.values(attribute).iter();
            wrapped
                .filter_map(|value| match value {
                    Value::Secret(wrapped) => Some(root.unwrap(belonging, wrapped.expose())),
                    _ => None,
                })
                .collect()
        };
        let keys = match open(Attribute::SupplementalCredentials)?.first() {
            Some(secret) => KerberosKeys::read(secret)?,
            None => KerberosKeys::default(),
        };
        let owned = |attribute| entry.text(attribute).map(str::to_owned);
        let list = |attribute| entry.texts(attribute).map(str::to_owned).collect();
        let number = |attribute| entry.integer(attribute).map(|integer| integer as u32);
        Ok(Self {
            id: entry.id,
            stamp: entry.stamp,
            kind: match entry.class {
                Class::Computer => AccountKind::Computer,
                Class::ManagedServiceAccount => AccountKind::Service,
                _ if sid.rid() == RID_KRBTGT => AccountKind::Krbtgt,
                _ => AccountKind::User,
            },
            sid,
            sam: owned(Attribute::SamAccountName).ok_or(Fault::Corrupt("account without name"))?,
            upn: owned(Attribute::UserPrincipalName),
            display_name: owned(Attribute::DisplayName),
            mail: owned(Attribute::Mail),
            dns_host_name: owned(Attribute::DnsHostName),
            service_principals: list(Attribute::ServicePrincipalName),
            parent: entry.parent,
            control: AccountControl::from_integer(
                entry.integer(Attribute::UserAccountControl).unwrap_or(0),
            ),
            expires: entry
                .time(Attribute::AccountExpires)
                .unwrap_or(Timestamp::NEVER),
            password_last_set: entry.time(Attribute::PwdLastSet),
            locked_since: entry
                .time(Attribute::LockoutTime)
                .filter(|time| *time > MUST_CHANGE),
            primary_group: number(Attribute::PrimaryGroupId).unwrap_or(0),
            supported_etypes: number(Attribute::MsDsSupportedEncryptionTypes),
            alt_security_identities: list(Attribute::AltSecurityIdentities),
            delegates_to: list(Attribute::MsDsAllowedToDelegateTo),
            delegated_from: entry
                .octets(Attribute::MsDsAllowedToActOnBehalfOfOtherIdentity)
                .and_then(|bytes| SecurityDescriptor::parse(bytes).ok()),
            created: entry.created,
            keys,
            key_credentials,
            password_hash: open(Attribute::PasswordHash)?
                .first()
                .and_then(|text| std::str::from_utf8(text.expose()).ok()?.parse().ok()),
            second_factors: open(Attribute::SecondFactor)?,
            attached: Attached::default(),
        })
    }

    /// About how many bytes the account takes in memory.
    pub(crate) fn weight(&self) -> usize {
        let texts = self.sam.len()
            + self.upn.as_ref().map_or(0, String::len)
            + self
                .service_principals
                .iter()
                .chain(&self.delegates_to)
                .map(String::len)
                .sum::<usize>()
            + self.delegated_from.as_ref().map_or(0, |from| {
                let list = from.dacl.as_ref().map_or(0, Vec::len);
                list * size_of::<wire::security_descriptor::Ace>()
            });
        // Measured: an account with four keys of which one is prepared takes 1.5 KB, a public key with its
        // prepared form and its value 2.5 KB.
        let keys: usize = self
            .keys
            .sets()
            .iter()
            .map(|set| 800 + set.keys.len() * 60)
            .sum();
        let credentials: usize = self
            .key_credentials
            .iter()
            .map(|key| key.blob.len() * 2 + 1_500)
            .sum();
        600 + texts + keys + credentials
    }
}

/// An account that several readers share.
pub type SharedAccount = Arc<Account>;
