//! For whom a ticket is: the account of a service's name, and the key that the ticket is sealed with.

use std::sync::Arc;

use crypto::etype::{Etype, KeySchedule};
use directory::account::AccountControl;
use directory::{Account, AccountKind};
use ticket::{Keys, VersionedKey, choose_etype};
use trust::Timestamp;
use wire::kerberos::{EncryptionType, KdcOptions, NameType, PrincipalName};

use crate::View;
use crate::client;
use crate::crypto_policy::account_takes;
use crate::realm::Realm;
use crate::refused::Refused;

/// A service with its account.
pub(crate) struct Service {
    /// The account.
    pub(crate) account: Arc<Account>,
    /// The name that the ticket carries, as it was asked for.
    pub(crate) name: PrincipalName,
    /// The session key that takes the place of the account's own, user to user.
    pub(crate) session: Option<KeySchedule>,
}

/// The classes of services that every host has, and that its `host` stands for: AD's default of sPNMappings (MS-DRSR
/// 4.1.4.2.19).
const EVERY_HOST_HAS: [&str; 54] = [
    "alerter",
    "appmgmt",
    "browser",
    "cifs",
    "cisvc",
    "clipsrv",
    "dcom",
    "dhcp",
    "dmserver",
    "dns",
    "dnscache",
    "eventlog",
    "eventsystem",
    "fax",
    "http",
    "ias",
    "iisadmin",
    "mcsvc",
    "messenger",
    "msdtc",
    "msiserver",
    "netdde",
    "netddedsm",
    "netlogon",
    "netman",
    "nmagent",
    "oakley",
    "plugplay",
    "policyagent",
    "protectedstorage",
    "rasman",
    "remoteaccess",
    "replicator",
    "rpc",
    "rpclocator",
    "rpcss",
    "rsvp",
    "samss",
    "scardsvr",
    "scesrv",
    "schedule",
    "scm",
    "seclogon",
    "snmp",
    "spooler",
    "tapisrv",
    "time",
    "trksvr",
    "trkwks",
    "ups",
    "w3svc",
    "wins",
    "www",
    "host",
];

/// Finds a service in this realm. User to user ([`KdcOptions::ENC_TKT_IN_SKEY`]) a person is one, too.
///
/// # Errors
/// [`Refused::ServiceUnknown`], [`Refused::ServiceDisabled`], [`Refused::MustUseUserToUser`].
pub(crate) fn find(
    name: &PrincipalName,
    options: KdcOptions,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Service, Refused> {
    let (account, name) = if is_ticket_granting(name, options, view) {
        (view.krbtgt()?, view.realm.krbtgt())
    } else {
        let account = account_named(name, view)?.ok_or(Refused::ServiceUnknown)?;
        // A ticket under a person's key would let anybody guess the password at leisure. With a service's name the
        // account is one whose keys are a service's.
        let guessable = account.kind == AccountKind::User && name.single().is_some();
        if guessable && !options.contains(KdcOptions::ENC_TKT_IN_SKEY) {
            return Err(Refused::MustUseUserToUser);
        }
        let enterprise = name.name_type == NameType::NT_ENTERPRISE;
        let name = match enterprise && options.contains(KdcOptions::CANONICALIZE) {
            true => PrincipalName::principal(&account.sam),
            false => name.clone(),
        };
        (account, name)
    };
    // The ticket-granting service's account is disabled like AD's: nobody signs in as it.
    let serves = account.is_enabled() || account.kind == AccountKind::Krbtgt;
    if !serves || account.has_expired(now) {
        return Err(Refused::ServiceDisabled);
    }
    Ok(Service {
        account,
        name,
        session: None,
    })
}

/// Whether a name is that of the ticket-granting service, by the realm's other names, too, where the client lets names
/// be put right.
fn is_ticket_granting(name: &PrincipalName, options: KdcOptions, view: &View<'_>) -> bool {
    let realm = name.krbtgt_realm();
    realm.is_some_and(|realm| client::is_ours(realm, options, view))
}

/// The account behind a service's name: one that carries it, the host's, or the one whose own name it is.
///
/// Never the ticket-granting service's. Under its keys there are ticket-granting tickets alone: the name on a ticket is
/// not sealed, so one for another name, as `kadmin/changepw`, could be shown as one of them (the class of
/// CVE-2022-2031).
pub(crate) fn account_named(
    name: &PrincipalName,
    view: &View<'_>,
) -> Result<Option<Arc<Account>>, Refused> {
    let directory = &view.directory;
    let account = match client::of_service_name(name, directory)? {
        Some(account) => Some(account),
        None => match (name.single(), name.pair()) {
            (Some(single), _)
                if name.name_type == NameType::NT_ENTERPRISE && single.contains('@') =>
            {
                directory.account_by_upn(single)?
            }
            (Some(single), _) => directory
                .account_by_sam(single)?
                .filter(|account| client::is_written_as(single, &account.sam)),
            (None, Some((class, host))) if is_every_hosts(class) => {
                let host = PrincipalName::service("host", host);
                client::of_service_name(&host, directory)?
            }
            (None, _) => None,
        },
    };
    Ok(account.filter(|account| account.kind != AccountKind::Krbtgt))
}

fn is_every_hosts(class: &str) -> bool {
    let mut classes = EVERY_HOST_HAS.iter();
    classes.any(|known| class.eq_ignore_ascii_case(known))
}

impl Service {
    /// Whether it is the ticket-granting service.
    pub(crate) fn is_ticket_granting(&self) -> bool {
        self.account.kind == AccountKind::Krbtgt
    }

    /// Whether it is the service that changes passwords.
    pub(crate) fn changes_passwords(&self) -> bool {
        self.account.changes_passwords()
    }

    /// Whether its tickets say what got them: the KDC's own two services, the one that signs in, and the domain
    /// controller's, which is the directory over LDAP. Nobody else learns which key or device a client has.
    pub(crate) fn is_of_the_house(&self, realm: &Realm) -> bool {
        let signs_in = realm.federation.as_deref().is_some_and(|federation| {
            let mut names = self.account.service_principals.iter();
            names.any(|name| name.eq_ignore_ascii_case(federation))
        });
        let controller = directory::AccountControl::SERVER_TRUST_ACCOUNT;
        signs_in
            || self.is_ticket_granting()
            || self.changes_passwords()
            || self.account.control.contains(controller)
    }

    /// The key that tickets for it are sealed with: the strongest of its newest keys, or the session key that was shown
    /// in its place.
    pub(crate) fn key(&self, allowed: &[Etype]) -> Result<VersionedKey<'_>, Refused> {
        if let Some(key) = &self.session {
            return Ok(VersionedKey { kvno: 0, key });
        }
        self.account
            .keys
            .newest()
            .find(|key| {
                let etype = key.key.etype();
                allowed.contains(&etype) && account_takes(&self.account, etype)
            })
            .ok_or(Refused::NoCommonEtype)
    }

    /// The etype of the session key: the client's first choice that the service has a key of, too.
    pub(crate) fn session_etype(
        &self,
        wanted: &[EncryptionType],
        allowed: &[Etype],
    ) -> Result<Etype, Refused> {
        let common: Vec<Etype> = self
            .account
            .keys
            .newest()
            .map(|key| key.key.etype())
            .filter(|etype| allowed.contains(etype) && account_takes(&self.account, *etype))
            .collect();
        choose_etype(wanted, &common).ok_or(Refused::NoCommonEtype)
    }

    /// Whether tickets for it tell clients that it may be given theirs (ok-as-delegate).
    pub(crate) fn is_trusted_for_delegation(&self) -> bool {
        self.account
            .control
            .contains(AccountControl::TRUSTED_FOR_DELEGATION)
    }
}
