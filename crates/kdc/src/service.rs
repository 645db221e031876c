//! For whom a ticket is: the account of a service's name, and the key that the ticket is sealed with.

use std::sync::Arc;

use crypto::etype::Etype;
use directory::account::AccountControl;
use directory::{Account, AccountKind};
use ticket::{Keys, VersionedKey, choose_etype};
use trust::Timestamp;
use wire::kerberos::{EncryptionType, PrincipalName};

use crate::View;
use crate::client;
use crate::realm::Realm;
use crate::refused::Refused;

/// A service with its account.
pub(crate) struct Service {
    /// The account.
    pub(crate) account: Arc<Account>,
    /// The name that the ticket carries, as it was asked for.
    pub(crate) name: PrincipalName,
}

/// Finds a service in this realm.
///
/// # Errors
/// [`Refused::ServiceUnknown`], [`Refused::ServiceDisabled`], [`Refused::MustUseUserToUser`].
pub(crate) fn find(
    name: &PrincipalName,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Service, Refused> {
    let account = if view.realm.is_krbtgt(name) {
        view.directory
            .account_by_id(view.directory.domain().krbtgt)?
    } else {
        // Under the keys of the ticket-granting service there are ticket-granting tickets alone: the name
        // on a ticket is not sealed, so one for another name, as `kadmin/changepw`, could be shown as
        // one of them (the class of CVE-2022-2031).
        client::of_service_name(name, &view.directory)?
            .filter(|account| account.kind != AccountKind::Krbtgt)
    };
    let account = match (account, name.single()) {
        (Some(account), _) => account,
        (None, Some(single)) => named(single, view)?,
        (None, None) => return Err(Refused::ServiceUnknown),
    };
    // The ticket-granting service's account is disabled like AD's: nobody signs in as it.
    let serves = account.is_enabled() || account.kind == AccountKind::Krbtgt;
    if !serves || account.has_expired(now) {
        return Err(Refused::ServiceDisabled);
    }
    Ok(Service {
        account,
        name: name.clone(),
    })
}

/// A machine or service is a service under its own name, too; a person is not, for a ticket under a
/// person's key would let anybody guess the password at leisure.
fn named(name: &str, view: &View<'_>) -> Result<Arc<Account>, Refused> {
    let account = view
        .directory
        .account_by_sam(name)?
        .filter(|account| client::is_written_as(name, &account.sam))
        .ok_or(Refused::ServiceUnknown)?;
    match account.kind {
        AccountKind::Computer | AccountKind::Service => Ok(account),
        AccountKind::User => Err(Refused::MustUseUserToUser),
        AccountKind::Krbtgt => Err(Refused::ServiceUnknown),
    }
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

    /// Whether its tickets say what got them: the KDC's own two services, and the one that signs in. Nobody else
    /// learns which key or device a client has.
    pub(crate) fn is_of_the_house(&self, realm: &Realm) -> bool {
        let signs_in = realm.federation.as_deref().is_some_and(|federation| {
            let mut names = self.account.service_principals.iter();
            names.any(|name| name.eq_ignore_ascii_case(federation))
        });
        signs_in || self.is_ticket_granting() || self.changes_passwords()
    }

    /// The key that tickets for it are sealed with: the strongest of its newest keys.
    pub(crate) fn key(&self, allowed: &[Etype]) -> Result<VersionedKey<'_>, Refused> {
        self.account
            .keys
            .newest()
            .find(|key| allowed.contains(&key.key.etype()))
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
            .filter(|etype| allowed.contains(etype))
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
