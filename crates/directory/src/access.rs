//! Who may do what. Deny by default: a right is there because a line below says so.
//!
//! Writing a key credential is a right of its own (security.md row 4): whoever may list a key on an
//! account may sign in as it.

use std::collections::HashSet;

use wire::Sid;
use wire::key_credential::{KeyCredentialLink, KeySource, KeyUsage};

use crate::account::{Account, AccountKind};
use crate::delegation::Delegable;
use crate::domain::Domain;
use crate::error::Fault;
use crate::snapshot::Snapshot;
use crate::well_known as rid;

/// Who asks: an authenticated account with its groups.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account's own SID.
    pub sid: Sid,
    sids: HashSet<Sid>,
}

/// What somebody may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// To change anything: people, groups, computers, services, devices, policies.
    Administer,
    /// To list and remove keys on an account.
    WriteKeys,
    /// To list one key on one's own computer account (DS-Validated-Write-Computer, DIR-KCL-4). The value
    /// itself is judged by [`validated_computer_key`].
    WriteOwnComputerKey,
    /// To read attributes that are confidential.
    ReadConfidential,
}

impl Caller {
    /// An account and the groups it is in.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn of(account: &Account, snapshot: &Snapshot<'_>) -> Result<Self, Fault> {
        let groups = snapshot.token_groups(account)?;
        let sids = groups.iter().map(|group| group.sid);
        Ok(Self {
            sid: account.sid,
            sids: sids.chain([account.sid]).collect(),
        })
    }

    /// Someone known by the SIDs of a ticket's PAC or a token.
    #[must_use]
    pub fn with_sids(sid: Sid, groups: impl IntoIterator<Item = Sid>) -> Self {
        Self {
            sid,
            sids: groups.into_iter().chain([sid]).collect(),
        }
    }

    /// Whether the caller is in the group with a SID, or is the account with it.
    #[must_use]
    pub fn is(&self, sid: &Sid) -> bool {
        self.sids.contains(sid)
    }

    /// The caller's own SID and those of the groups.
    pub(crate) fn sids(&self) -> impl Iterator<Item = &Sid> {
        self.sids.iter()
    }

    /// Whether the caller may do more than everybody: administers the domain, its keys or its schema, is a domain
    /// controller, or was granted something ([`crate::delegation`]).
    pub(crate) fn is_powerful(&self, snapshot: &Snapshot<'_>) -> Result<bool, Fault> {
        let powerful = powers(snapshot.domain()).iter().any(|sid| self.is(sid));
        Ok(powerful || self.is_delegate(snapshot)?)
    }

    /// Whether the caller is an administrator of the domain.
    #[must_use]
    pub fn is_administrator(&self, domain: &Domain) -> bool {
        administrators(domain).iter().any(|sid| self.is(sid))
    }

    /// Whether the caller has a right over an account; `None` asks for the domain as a whole.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn may(
        &self,
        right: Right,
        target: Option<&Account>,
        snapshot: &Snapshot<'_>,
    ) -> Result<bool, Fault> {
        let domain = snapshot.domain();
        if self.is_administrator(domain) {
            return Ok(true);
        }
        Ok(match (right, target) {
            (Right::WriteKeys, Some(target)) => {
                let own = [rid::KEY_ADMINS, rid::ENTERPRISE_KEY_ADMINS];
                let key_admin = own.iter().any(|rid| self.is(&domain.well_known_sid(*rid)));
                if key_admin {
                    // Who may list keys must not become an administrator by it (DIR-G3).
                    return Ok(!is_protected(target, snapshot)?);
                }
                match snapshot.entry(target.id)? {
                    Some(entry) => self.may_look_after(Delegable::Keys, &entry, snapshot)?,
                    None => false,
                }
            }
            (Right::WriteOwnComputerKey, Some(target)) => {
                target.kind == AccountKind::Computer && target.sid == self.sid
            }
            _ => false,
        })
    }

    /// Whether the caller may join one more computer (ms-DS-MachineAccountQuota).
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn may_join_computer(&self, snapshot: &Snapshot<'_>) -> Result<bool, Fault> {
        if self.is_administrator(snapshot.domain()) {
            return Ok(true);
        }
        let quota = snapshot.machine_account_quota()?;
        Ok(snapshot.created_by(&self.sid, quota)? < quota)
    }
}

fn administrators(domain: &Domain) -> [Sid; 3] {
    [
        domain.well_known_sid(rid::DOMAIN_ADMINS),
        domain.well_known_sid(rid::ENTERPRISE_ADMINS),
        Sid::BUILTIN_ADMINISTRATORS,
    ]
}

/// Whoever is one of these may do more than everybody.
pub(crate) fn powers(domain: &Domain) -> Vec<Sid> {
    let others = [
        rid::SCHEMA_ADMINS,
        rid::DOMAIN_CONTROLLERS,
        rid::ENTERPRISE_KEY_ADMINS,
        rid::KEY_ADMINS,
    ];
    let others = others.iter().map(|rid| domain.well_known_sid(*rid));
    administrators(domain).into_iter().chain(others).collect()
}

/// Whether an account is one that only administrators may touch (AdminSDHolder's purpose, [MS-ADTS] 3.1.1.6.1): theirs, that
/// of whoever else may do more than everybody, krbtgt, a domain controller's.
///
/// # Errors
/// [`Fault`] when the storage fails.
pub fn is_protected(account: &Account, snapshot: &Snapshot<'_>) -> Result<bool, Fault> {
    let service = account.kind == AccountKind::Krbtgt || account.changes_passwords();
    if service || account.primary_group == rid::DOMAIN_CONTROLLERS {
        return Ok(true);
    }
    Caller::of(account, snapshot)?.is_powerful(snapshot)
}

/// Whether a computer may write this value to its own entry ([MS-ADTS] 3.1.1.5.3.1.1.6, DIR-KCL-4):
/// usage NGC, source AD, no CustomKeyInformation, no time of last logon, and no value there yet.
/// `tools` allows CustomKeyInformation, which real tools write (`ldap.validated_write_mode`).
#[must_use]
pub fn validated_computer_key(account: &Account, link: &KeyCredentialLink, tools: bool) -> bool {
    account.kind == AccountKind::Computer
        && account.key_credentials.is_empty()
        && link.key_usage() == KeyUsage::Ngc
        && link.key_source() == Some(KeySource::Ad)
        && (tools || (link.custom_key_information().is_none() && link.last_logon().is_none()))
}
