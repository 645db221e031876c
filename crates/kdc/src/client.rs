//! Who asks: the account of a client's name, and whether it may have a ticket at all.

use std::sync::Arc;

use directory::account::AccountControl;
use directory::{Account, AccountKind, Snapshot};
use trust::Timestamp;
use wire::kerberos::{KdcOptions, KdcReqBody, NameType, PrincipalName};

use crate::View;
use crate::realm::Realm;
use crate::refused::Refused;

/// A client's name as the request has it, with its account.
pub(crate) struct Client {
    /// The account.
    pub(crate) account: Arc<Account>,
    /// The name that goes into the ticket.
    pub(crate) name: PrincipalName,
    /// Whether somebody has the name. Where nobody does, the account is [`crate::nobody`]'s, which gets nothing.
    pub(crate) exists: bool,
}

/// Finds the client of an AS-REQ.
///
/// # Errors
/// [`Refused::WrongRealm`], [`Refused::Nameless`], [`Refused::ClientUnknown`].
pub(crate) fn find(body: &KdcReqBody, view: &View<'_>) -> Result<Client, Refused> {
    if !is_ours(&body.realm, body.kdc_options, view) {
        return Err(Refused::WrongRealm);
    }
    let asked = body.cname.as_ref().ok_or(Refused::Nameless("client"))?;
    let account = account_of(asked, view.realm, &view.directory)?.ok_or(Refused::ClientUnknown)?;
    // Nobody signs in as one of the KDC's own services.
    if account.kind == AccountKind::Krbtgt || account.changes_passwords() {
        return Err(Refused::ClientUnknown);
    }
    let name = name_of(&account, asked, body.kdc_options);
    Ok(Client {
        account,
        name,
        exists: true,
    })
}

/// Whether a realm is ours. A client that lets names be put right (RFC 6806 4, 5) may call it by its DNS name in any
/// case, or by its NetBIOS name; the answer has the right one.
pub(crate) fn is_ours(asked: &str, options: KdcOptions, view: &View<'_>) -> bool {
    let ours = view.realm.name.as_str();
    let netbios = &view.directory.domain().netbios_name;
    asked == ours
        || options.contains(KdcOptions::CANONICALIZE)
            && (asked.eq_ignore_ascii_case(ours) || asked.eq_ignore_ascii_case(netbios))
}

/// An account's name as a ticket has it: as it was asked for, or put right where the client lets it be (RFC 6806 5). An
/// enterprise name is no name in this realm and is always put right.
pub(crate) fn name_of(
    account: &Account,
    asked: &PrincipalName,
    options: KdcOptions,
) -> PrincipalName {
    let canonical =
        asked.name_type == NameType::NT_ENTERPRISE || options.contains(KdcOptions::CANONICALIZE);
    match canonical {
        true => PrincipalName::principal(&account.sam),
        false => asked.clone(),
    }
}

/// What lets others act for a client elsewhere.
const DELEGATION: KdcOptions = KdcOptions::FORWARDABLE
    .with(KdcOptions::FORWARDED)
    .with(KdcOptions::PROXIABLE)
    .with(KdcOptions::PROXY);

/// Whether the account's tickets may be passed on, which costs a look at its groups and so is asked only where a request
/// wants something of the kind; where it does not, nothing rests on the answer.
pub(crate) fn delegates(
    options: KdcOptions,
    account: &Account,
    view: &View<'_>,
) -> Result<bool, Refused> {
    Ok(options.intersects(DELEGATION) && !is_sensitive(account, view)?)
}

/// Whether nobody may act for the account elsewhere: it is marked as sensitive, or in Protected Users (MS-KILE
/// 3.3.5.1).
pub(crate) fn is_sensitive(account: &Account, view: &View<'_>) -> Result<bool, Refused> {
    Ok(account.control.contains(AccountControl::NOT_DELEGATED) || is_protected(account, view)?)
}

/// Whether the account is in Protected Users, directly or by another group.
pub(crate) fn is_protected(account: &Account, view: &View<'_>) -> Result<bool, Refused> {
    let domain = view.directory.domain().sid;
    let protected = domain.with_rid(directory::well_known::PROTECTED_USERS);
    let groups = view.directory.token_groups(account)?;
    Ok(groups.iter().any(|group| Some(group.sid) == protected))
}

/// The account of a name, by what kind of name it is. A name without `$` never finds a computer
/// (security: "noPac"); a service's name finds the account that carries it.
pub(crate) fn account_of(
    name: &PrincipalName,
    realm: &Realm,
    directory: &Snapshot<'_>,
) -> Result<Option<Arc<Account>>, Refused> {
    if let Some(single) = name.single() {
        // An enterprise name without a suffix is one of this domain.
        if name.name_type == NameType::NT_ENTERPRISE && single.contains('@') {
            return Ok(directory.account_by_upn(single)?);
        }
        if let Some(account) = directory.account_by_sam(single)? {
            return Ok(Some(account).filter(|account| is_written_as(single, &account.sam)));
        }
        // A principal `alice.liddell` whose sAMAccountName is another, known by its UPN in this realm.
        let upn = format!("{single}@{}", realm.name);
        // An implicit one would have been found by its other half just now.
        let account = directory.account_by_explicit_upn(&upn)?;
        return Ok(account.filter(|account| {
            let own = account.upn.as_deref();
            own.is_some_and(|own| is_written_as(&upn, own))
        }));
    }
    of_service_name(name, directory)
}

/// The account of a UPN, explicit or implicit, that is written as the account has it.
pub(crate) fn of_upn(upn: &str, directory: &Snapshot<'_>) -> Result<Option<Arc<Account>>, Refused> {
    let account = directory.account_by_upn(upn)?;
    Ok(account.filter(|account| {
        let implicit = || format!("{}@{}", account.sam, directory.domain().dns_name);
        let explicit = account.upn.as_deref();
        explicit.is_some_and(|own| is_written_as(upn, own)) || is_written_as(upn, &implicit())
    }))
}

/// The account that carries a service's name.
pub(crate) fn of_service_name(
    name: &PrincipalName,
    directory: &Snapshot<'_>,
) -> Result<Option<Arc<Account>>, Refused> {
    let name = name.to_string();
    let account = directory.account_by_spn(&name)?;
    Ok(account.filter(|account| {
        let mut own = account.service_principals.iter();
        own.any(|own| is_written_as(&name, own))
    }))
}

/// Whether a name is written as an account has it, but for the case of its letters. The directory forgives
/// more, spaces and letters that look alike, and the name goes into the ticket as it was asked for: who
/// reads it there must not find another one.
pub(crate) fn is_written_as(asked: &str, own: &str) -> bool {
    asked.eq_ignore_ascii_case(own)
        || (asked.to_lowercase() == own.to_lowercase()
            && asked.to_uppercase() == own.to_uppercase())
}

/// Judges the account's state; what concerns passwords alone is [`check_password_age`]'s.
///
/// # Errors
/// [`Refused::ClientDisabled`], [`Refused::ClientExpired`].
pub(crate) fn check_state(account: &Account, now: Timestamp) -> Result<(), Refused> {
    if !account.is_enabled() {
        return Err(Refused::ClientDisabled);
    }
    if account.has_expired(now) {
        return Err(Refused::ClientExpired);
    }
    Ok(())
}

/// Judges what keeps a password from opening anything. A key is not concerned (PWD-1): the lockout
/// of a guessed password must not lock out who signs in without one.
///
/// # Errors
/// [`Refused::ClientLockedOut`].
pub(crate) fn check_not_locked_out(
    account: &Account,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let policy = view.directory.lockout_policy()?;
    match view.lockout.is_locked_out(account, &policy, now) {
        true => Err(Refused::ClientLockedOut),
        false => Ok(()),
    }
}

/// Judges the age of a password that was right.
///
/// # Errors
/// [`Refused::PasswordMustChange`].
pub(crate) fn check_password_age(
    account: &Account,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let maximum_age = view.directory.password_policy()?.maximum_age;
    let old = account.must_change_password() || account.password_has_expired(maximum_age, now);
    match old {
        true => Err(Refused::PasswordMustChange),
        false => Ok(()),
    }
}
