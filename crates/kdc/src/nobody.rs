//! Who takes the place of a client whose name nobody has, where the client is not told so (`kdc.hide_unknown_names`).
//!
//! Nobody goes the way of everybody: the same hints, the same checks in the same order, the same work. What is said of
//! it is what would be said of somebody who cannot prove anything, whatever the request holds, so no answer has to be
//! made up. It is an account that is in no directory, with no key and no password, and there is no proof for it.

use std::sync::Arc;

use directory::account::{AccountControl, Attached, KerberosKeys, computer_salt, user_salt};
use directory::{Account, AccountKind, EntryId, Stamp};
use policy::Membership;
use trust::Timestamp;
use wire::Sid;
use wire::kerberos::{KdcReqBody, NameType};

use crate::View;
use crate::client::{Client, name_of};
use crate::preauth::Proof;
use crate::refused::Refused;

/// The RID of the group Domain Users.
const DOMAIN_USERS: u32 = 513;

/// Nobody, under the name of the request.
///
/// # Errors
/// [`Refused::ClientUnknown`] for a request without a name, [`Refused::Fault`].
pub(crate) fn client(body: &KdcReqBody, view: &View<'_>) -> Result<Client, Refused> {
    let asked = body.cname.as_ref().ok_or(Refused::ClientUnknown)?;
    view.directory.as_if_found()?;
    let written = asked
        .single()
        .map_or_else(|| asked.to_string(), str::to_owned);
    let sam = match asked.name_type {
        NameType::NT_ENTERPRISE => written.rsplit_once('@').map_or(&*written, |(name, _)| name),
        _ => &written,
    };
    let kind = match (sam.ends_with('$'), asked.single()) {
        (true, _) => AccountKind::Computer,
        (false, Some(_)) => AccountKind::User,
        // Who has a service's name has keys that the directory made.
        (false, None) => AccountKind::Service,
    };
    let domain = view.directory.domain();
    let account = Account {
        id: EntryId::NONE,
        stamp: Stamp::ZERO,
        kind,
        sid: domain.sid,
        // As people's names are written, whatever it was asked by: in the salt a client finds it again.
        sam: sam.to_lowercase(),
        upn: None,
        display_name: None,
        mail: None,
        dns_host_name: None,
        service_principals: Vec::new(),
        parent: domain.users,
        control: AccountControl::NORMAL_ACCOUNT,
        expires: Timestamp::NEVER,
        password_last_set: None,
        locked_since: None,
        primary_group: DOMAIN_USERS,
        supported_etypes: None,
        alt_security_identities: Vec::new(),
        delegates_to: Vec::new(),
        delegated_from: None,
        created: Timestamp::EPOCH,
        keys: KerberosKeys::default(),
        key_credentials: Vec::new(),
        password_hash: None,
        second_factors: Vec::new(),
        attached: Attached::default(),
    };
    Ok(Client {
        name: name_of(&account, asked, body.kdc_options),
        account: Arc::new(account),
        exists: false,
    })
}

/// What nobody is told: what somebody is who proves as much. That nobody proves nothing is so here whatever the judges of
/// proof believe.
pub(crate) fn refused(proof: Result<Proof<'_>, Refused>) -> Refused {
    match proof {
        Err(Refused::Fault) => Refused::Fault,
        Err(told) => Refused::Nobody(Box::new(told)),
        Ok(_) => Refused::Nobody(Box::new(Refused::KeyNotListed)),
    }
}

/// Whether an account is nobody's.
pub(crate) fn is(account: &Account) -> bool {
    account.id == EntryId::NONE
}

/// What nobody is a member of: what every person of the domain is.
///
/// # Errors
/// [`Refused::Fault`].
pub(crate) fn membership(view: &View<'_>) -> Result<Membership, Refused> {
    let domain = view.directory.domain();
    let mut containers = view.directory.containers(domain.users)?;
    containers.push(domain.users);
    let users = domain.sid.with_rid(DOMAIN_USERS);
    Ok(Membership {
        sids: [Sid::EVERYONE, Sid::AUTHENTICATED_USERS]
            .into_iter()
            .chain(users)
            .collect(),
        containers: containers.into_iter().map(|id| id.0).collect(),
    })
}

/// The salt that an account's password has unless it was renamed (protocols E.1); none for keys that are made by chance.
pub(crate) fn usual_salt(account: &Account, view: &View<'_>) -> String {
    let realm = &view.realm.name;
    match account.kind {
        AccountKind::User | AccountKind::Krbtgt => user_salt(realm, &account.sam),
        AccountKind::Computer => computer_salt(realm, &account.sam),
        AccountKind::Service => String::new(),
    }
}
